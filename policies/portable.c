#include "policies/portable.h"

#include "base/real.h"
#include "base/wide.h"

#include <float.h>
#include <math.h>

#define LOG2_E 0x1.71547652b82fep+0
/* Added to a number below 2^51, it leaves its nearest integer in the low
 * bits. */
#define ROUNDER 0x1.8p52

/* There k = -1023, and the bits of 2^k come out as those of 0. */
#define EXP_MIN (-709.0)
#define EXP_MAX 709.0

/* exp(x) = 2^k exp(r) with |r| <= ln 2 / 2; exp(r) by its Taylor series, whose
 * rest after r^13/13! is below 5e-18. Even and odd terms apart, for speed. */
INLINE double exp_within(double x)
{
    double shifted = x * LOG2_E + ROUNDER;
    double k = shifted - ROUNDER;
    double r = (x - k * LN2_HIGH) - k * LN2_LOW;
    double s = r * r;
    double even, odd, power;

    even = 1.0 / 479001600.0;
    even = even * s + 1.0 / 3628800.0;
    even = even * s + 1.0 / 40320.0;
    even = even * s + 1.0 / 720.0;
    even = even * s + 1.0 / 24.0;
    even = even * s + 0.5;
    odd = 1.0 / 6227020800.0;
    odd = odd * s + 1.0 / 39916800.0;
    odd = odd * s + 1.0 / 362880.0;
    odd = odd * s + 1.0 / 5040.0;
    odd = odd * s + 1.0 / 120.0;
    odd = odd * s + 1.0 / 6.0;
    power = real_of_bits((bits_of_real(shifted) + 1023) << 52);
    return (1.0 + (r + (s * even + s * r * odd))) * power;
}

INLINE double exp_argument(double x)
{
    double inside = x > EXP_MIN ? x : EXP_MIN;

    return inside < EXP_MAX ? inside : EXP_MAX;
}

WIDE void portable_exps(const double *x, double *y, uint32_t count)
{
    /* In two loops, because gcc 12 does not vectorise them as one. */
    for (uint32_t i = 0; i < count; i++)
        y[i] = exp_argument(x[i]);
    for (uint32_t i = 0; i < count; i++)
        y[i] = exp_within(y[i]);
}

double portable_exp(double x)
{
    return isnan(x) ? x : exp_within(exp_argument(x));
}

double portable_log(double x)
{
    if (!(x <= DBL_MAX))
        return x;
    if (x < DBL_MIN)
        return x > 0.0 ? real_log(x * 0x1p54) - 54.0 * (LN2_HIGH + LN2_LOW)
                       : -(double)INFINITY;
    return real_log(x);
}

/* 2 artanh s with s = x/(2 + x), by its series up to s^27; further out 1 + x
 * has digits enough. */
double portable_log1p(double x)
{
    double s = x / (2.0 + x), square = s * s, sum = 0.0;

    if (!(fabs(x) < 0.25))
        return portable_log(1.0 + x);
    for (int odd = 27; odd >= 3; odd -= 2)
        sum = (sum + 2.0 / odd) * square;
    return 2.0 * s + s * sum;
}

/* By its series up to x^15/15!; further out exp(x) - 1 has digits enough. */
double portable_expm1(double x)
{
    double sum = 0.0;

    if (!(fabs(x) < 0.35))
        return portable_exp(x) - 1.0;
    for (int i = 15; i >= 2; i--)
        sum = (1.0 + sum) * (x / i);
    return x + x * sum;
}

double portable_pow(double x, double y)
{
    if (y == 0.0)
        return 1.0;
    return x <= 0.0 ? 0.0 : portable_exp(y * real_log(x));
}

/* sum coefficients[i] x^i */
INLINE double polynomial(const double *coefficients, int count, double x)
{
    double sum = coefficients[count - 1];

    for (int i = count - 2; i >= 0; i--)
        sum = sum * x + coefficients[i];
    return sum;
}

/* ---- the normal distribution ---- */

#define ROOT_TWO_PI 2.5066282746310005024
#define SERIES_END  2.5
#define DEPTH       56

/* The share beyond x, from the density phi: below 2.5 it is 1/2 minus the
 * series phi (x + x^3/3 + x^5/(3 5) + ...), and above it is the continued
 * fraction phi/(x + 1/(x + 2/(x + 3/(x + ...)))), which converges there
 * (Abramowitz & Stegun 26.2.11 and 26.2.14). */
double portable_normal_tail(double x)
{
    double far = -x;
    double density = portable_exp(-0.5 * far * far) / ROOT_TWO_PI;
    double term = far, sum = far;

    if (far >= SERIES_END) {
        for (int i = DEPTH; i > 0; i--)
            sum = far + (double)i / sum;
        return density / sum;
    }
    for (int i = 3; term > 0x1p-60 * sum; i += 2) {
        term *= far * far / (double)i;
        sum += term;
    }
    return 0.5 - density * sum;
}

/* The coefficients of AS 241's PPND16. */
static const double centre_above[8] = {3.3871328727963666080e+0,
        1.3314166789178437745e+2, 1.9715909503065514427e+3,
        1.3731693765509461125e+4, 4.5921953931549871457e+4,
        6.7265770927008700853e+4, 3.3430575583588128105e+4,
        2.5090809287301226727e+3};
static const double centre_below[8] = {1.0, 4.2313330701600911252e+1,
        6.8718700749205790830e+2, 5.3941960214247511077e+3,
        2.1213794301586595867e+4, 3.9307895800092710610e+4,
        2.8729085735721942674e+4, 5.2264952788528545610e+3};
static const double tail_above[8] = {1.42343711074968357734e+0,
        4.63033784615654529590e+0, 5.76949722146069140550e+0,
        3.64784832476320460504e+0, 1.27045825245236838258e+0,
        2.41780725177450611770e-1, 2.27238449892691845833e-2,
        7.74545014278341407640e-4};
static const double tail_below[8] = {1.0, 2.05319162663775882187e+0,
        1.67638483018380384940e+0, 6.89767334985100004550e-1,
        1.48103976427480074590e-1, 1.51986665636164571966e-2,
        5.47593808499534494600e-4, 1.05075007164441684324e-9};

#define CENTRE 0.425
#define CHUNK  64u

/* How far the share of a word is from a half. */
INLINE double distance_of(uint32_t word)
{
    return ((double)word + 0.5) * 0x1p-32 - 0.5;
}

/* z of the distances q, for those within CENTRE. */
INLINE void normals_near(const double *q, double *z, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        double r = CENTRE * CENTRE - q[i] * q[i];
        z[i] = q[i] * polynomial(centre_above, 8, r) /
                polynomial(centre_below, 8, r);
    }
}

/* |z| of the distances q, for those further out. In place. */
INLINE void normals_far(double *q, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        q[i] = -real_log(0.5 - fabs(q[i]));
    for (uint32_t i = 0; i < count; i++)
        q[i] = sqrt(q[i]) - 1.6;
    for (uint32_t i = 0; i < count; i++)
        q[i] = polynomial(tail_above, 8, q[i]) /
                polynomial(tail_below, 8, q[i]);
}

/* All as if they were near, and then the seventh that is not once more. */
INLINE void normals_chunk(const uint32_t *words, double *z, uint32_t count)
{
    double q[CHUNK], far[CHUNK];
    uint32_t place[CHUNK];
    uint32_t outside = 0;

    for (uint32_t i = 0; i < count; i++)
        q[i] = distance_of(words[i]);
    for (uint32_t i = 0; i < count; i++) {
        place[outside] = i;
        far[outside] = q[i];
        outside += fabs(q[i]) > CENTRE ? 1 : 0;
    }
    normals_near(q, z, count);
    normals_far(far, outside);
    for (uint32_t i = 0; i < outside; i++)
        z[place[i]] = copysign(far[i], q[place[i]]);
}

WIDE void portable_normals(const uint32_t *words, double *z, uint32_t count)
{
    for (uint32_t done = 0; done < count; done += CHUNK) {
        uint32_t left = count - done;
        normals_chunk(words + done, z + done, left < CHUNK ? left : CHUNK);
    }
}
