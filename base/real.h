/* Numbers as bits, and a logarithm by additions, multiplications and divisions
 * only, so that it has the same bits on every machine (policies/portable.h has
 * the other functions). */
#ifndef BASE_REAL_H
#define BASE_REAL_H

#include <stdint.h>
#include <string.h>

/* ln 2 in two parts: the first has 32 bits, so that k times it is exact. */
#define LN2_HIGH 0x1.62e42feep-1
#define LN2_LOW  0x1.a39ef35793c76p-33

static inline double real_of_bits(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static inline uint64_t bits_of_real(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

/* ln x within 1e-15 of max(1, |ln x|), for normal finite x > 0. x = 2^k m with
 * m in [sqrt(1/2), sqrt(2)); ln m = 2 artanh s with s = (m - 1)/(m + 1), by its
 * series up to s^21. */
static inline double real_log(double x)
{
    uint64_t bits = bits_of_real(x);
    /* The exponent as the low bits of 2^52 + exponent. */
    double k = real_of_bits(bits >> 52 | UINT64_C(0x433) << 52) -
            (0x1p52 + 1023.0);
    double m = real_of_bits(
            (bits & UINT64_C(0xfffffffffffff)) | UINT64_C(0x3ff) << 52);
    double scale = m > 0x1.6a09e667f3bcdp+0 ? 0.5 : 1.0;
    double f = m * scale - 1.0;
    double s = f / (2.0 + f);
    double square = s * s;
    double sum = 2.0 / 21.0;

    k += 2.0 - 2.0 * scale;
    sum = sum * square + 2.0 / 19.0;
    sum = sum * square + 2.0 / 17.0;
    sum = sum * square + 2.0 / 15.0;
    sum = sum * square + 2.0 / 13.0;
    sum = sum * square + 2.0 / 11.0;
    sum = sum * square + 2.0 / 9.0;
    sum = sum * square + 2.0 / 7.0;
    sum = sum * square + 2.0 / 5.0;
    sum = sum * square + 2.0 / 3.0;
    return k * LN2_HIGH + (2.0 * s + (s * square * sum + k * LN2_LOW));
}

#endif
