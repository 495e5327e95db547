/* The functions of portable.h against those of the mathematics library in
 * long double, which have other algorithms; and their bits. */
#include "policies/portable.h"

#include "base/bytes.h"
#include "base/rng.h"
#include "tests/lib/suite.h"

#include <float.h>
#include <math.h>

static double relative(long double value, long double wanted)
{
    return (double)fabsl(value / wanted - 1.0L);
}

START_TEST(exponential)
{
    for (int i = 0; i <= 50000; i++) {
        double x = -708.0 + 1416.0 * i / 50000.0;
        ck_assert_double_le(relative(portable_exp(x), expl(x)), 1e-15);
    }
    ck_assert_double_eq(portable_exp(0.0), 1.0);
    ck_assert_double_eq(portable_exp(-709.0), 0.0);
    ck_assert_double_eq(portable_exp(-1e300), 0.0);
    ck_assert_double_eq(portable_exp(1e300), portable_exp(709.0));
    ck_assert(isfinite(portable_exp(1e300)));
}
END_TEST

START_TEST(array_of_exponentials)
{
    double x[37], y[37];

    for (uint32_t i = 0; i < 37; i++)
        x[i] = -700.0 + 37.3 * i;
    portable_exps(x, y, 37);
    for (uint32_t i = 0; i < 37; i++)
        ck_assert_double_eq(y[i], portable_exp(x[i]));
    portable_exps(x, x, 37);
    ck_assert_mem_eq(x, y, sizeof(x));
}
END_TEST

START_TEST(logarithm)
{
    for (int i = 0; i <= 50000; i++) {
        double x = exp(-700.0 + 1400.0 * i / 50000.0);
        double y = 0.5 + i / 25000.0;
        long double wanted = logl(x);
        ck_assert_double_le((double)fabsl(portable_log(x) - wanted),
                1e-15 * fmax(1.0, (double)fabsl(wanted)));
        ck_assert_double_le((double)fabsl(portable_log(y) - logl(y)), 5e-16);
    }
    ck_assert_double_eq(portable_log(1.0), 0.0);
}
END_TEST

/* Near 0, where a logarithm of 1 + x would lose its digits, and far away. */
START_TEST(logarithm_and_exponential_near_0)
{
    for (int i = 0; i <= 50000; i++)
        for (int sign = -1; sign <= 1; sign += 2) {
            double size = exp(-60.0 + 66.0 * i / 50000.0), x = sign * size;
            long double wanted = expm1l(x);
            double room = size < 0.5 ? 2e-15 : 1e-15;
            ck_assert_double_le((double)fabsl(portable_expm1(x) - wanted),
                    room * fmin(1.0, (double)fabsl(wanted)) +
                            1e-15 * fmax(0.0, (double)fabsl(wanted) - 1.0));
            if (!(x > -1.0))
                continue;
            wanted = log1pl(x);
            ck_assert_double_le((double)fabsl(portable_log1p(x) - wanted),
                    fmax(2e-15, 4e-16 / (1.0 + x)) * (double)fabsl(wanted));
        }
}
END_TEST

START_TEST(ends)
{
    ck_assert(portable_log(0.0) == -(double)INFINITY);
    ck_assert(portable_log((double)INFINITY) == (double)INFINITY);
    ck_assert(isnan(portable_log((double)NAN)));
    ck_assert_double_le(
            relative(portable_log(5e-324), logl((long double)5e-324)), 1e-15);
    ck_assert_double_eq(portable_log1p(0.0), 0.0);
    ck_assert(portable_log1p(-1.0) == -(double)INFINITY);
    ck_assert_double_eq(portable_expm1(0.0), 0.0);
    ck_assert_double_eq(portable_expm1(-1e300), -1.0);
    ck_assert(isnan(portable_exp((double)NAN)));
    ck_assert_double_eq(portable_log1p(1e-300), 1e-300);
    ck_assert_double_eq(portable_expm1(-1e-300), -1e-300);
}
END_TEST

START_TEST(power)
{
    for (int i = 0; i < 1000; i++)
        for (int j = 1; j <= 40; j++) {
            double x = exp(-10.0 + i / 40.0), y = j / 20.0;
            ck_assert_double_le(
                    relative(portable_pow(x, y), powl(x, y)), 1e-13);
        }
    ck_assert_double_eq(portable_pow(0.0, 0.0), 1.0);
    ck_assert_double_eq(portable_pow(3.0, 0.0), 1.0);
    ck_assert_double_eq(portable_pow(0.0, 0.7), 0.0);
}
END_TEST

/* How far a reference in long double may be off where x is 37: memcheck
 * computes it with 53 bits, and the tail makes 700 times as much of it. */
static double tolerance(void)
{
    volatile long double more = 1.0L + LDBL_EPSILON;

    return more > 1.0L ? 1e-13 : 1e-12;
}

START_TEST(normal_tail)
{
    for (int i = 0; i <= 37000; i++) {
        double x = -i / 1000.0;
        long double wanted = 0.5L * erfcl(-x * sqrtl(0.5L));
        ck_assert_double_le(
                relative(portable_normal_tail(x), wanted), tolerance());
    }
    ck_assert_double_eq(portable_normal_tail(0.0), 0.5);
    ck_assert_double_eq(portable_normal_tail(-40.0), 0.0);
}
END_TEST

/* The share below z[i] is (word + 1/2)/2^32. */
START_TEST(quantiles)
{
    enum { COUNT = 5000 };
    static uint32_t words[COUNT];
    static double z[COUNT];
    struct rng rng = rng_keyed(1, 1, RNG_TEST);

    for (uint32_t i = 0; i < COUNT; i++)
        words[i] = rng_u32(&rng) >> (i % 32) ^ (i % 64 < 32 ? 0 : UINT32_MAX);
    words[0] = 0;
    words[1] = UINT32_MAX;
    words[2] = UINT32_C(0x80000000);
    portable_normals(words, z, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        long double share = (words[i] + 0.5L) * 0x1p-32L;
        long double below = 0.5L * erfcl(-z[i] * sqrtl(0.5L));
        long double density =
                expl(-0.5L * z[i] * z[i]) / sqrtl(2.0L * acosl(-1.0L));
        ck_assert_double_le((double)fabsl((below - share) / density), 4e-15);
        ck_assert_double_le(fabs(z[i]), PORTABLE_NORMAL_MAX);
    }
    ck_assert_double_eq(z[0], -z[1]);
    ck_assert_double_gt(fabs(z[0]), PORTABLE_NORMAL_MAX - 0.01);
}
END_TEST

START_TEST(normals_in_any_chunks)
{
    uint32_t words[200];
    double all[200], one;
    struct rng rng = rng_keyed(2, 2, RNG_TEST);

    rng_words(&rng, words, 200);
    portable_normals(words, all, 200);
    for (uint32_t i = 0; i < 200; i++) {
        portable_normals(&words[i], &one, 1);
        ck_assert_double_eq(one, all[i]);
    }
}
END_TEST

/* Bits that every machine and compiler must give: part of what makes a
 * decision recomputable. */
START_TEST(bits)
{
    static const uint32_t words[3] = {
            UINT32_C(0x12345678), UINT32_C(0x9abcdef0), 7};
    double z[3];

    portable_normals(words, z, 3);
    ck_assert_double_eq(portable_exp(-1.5), 0x1.c8f87724b5c1dp-3);
    ck_assert_double_eq(portable_exp(-123.456), 0x1.da9fb9e4ee72p-179);
    ck_assert_double_eq(portable_log(12345.678), 0x1.2d79559791e31p+3);
    ck_assert_double_eq(portable_log1p(0.1), 0x1.8663f793c46c6p-4);
    ck_assert_double_eq(portable_log1p(-0.6), -0x1.d5240f0e0e077p-1);
    ck_assert_double_eq(portable_expm1(-0.2), -0x1.733d4a7a67a9bp-3);
    ck_assert_double_eq(portable_expm1(1.7), 0x1.1e552770df8a6p+2);
    ck_assert_double_eq(portable_normal_tail(-0.7), 0x1.ef8aa3a8f356p-3);
    ck_assert_double_eq(portable_normal_tail(-4.2), 0x1.bfcf1c72e0827p-17);
    ck_assert_double_eq(z[0], -0x1.77b263457d4cep+0);
    ck_assert_double_eq(z[1], 0x1.0f3991578cd04p-2);
    ck_assert_double_eq(z[2], -0x1.7a05b0ddc33ffp+2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("portable");
    TCase *cases = tcase_create("functions");

    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, exponential);
    tcase_add_test(cases, array_of_exponentials);
    tcase_add_test(cases, logarithm);
    tcase_add_test(cases, logarithm_and_exponential_near_0);
    tcase_add_test(cases, ends);
    tcase_add_test(cases, power);
    tcase_add_test(cases, normal_tail);
    tcase_add_test(cases, quantiles);
    tcase_add_test(cases, normals_in_any_chunks);
    tcase_add_test(cases, bits);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
