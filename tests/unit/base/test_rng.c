/* The generator is Philox4x32-10, its key schedule is part of what recorded
 * decisions mean, and its draws have the distributions they claim. Seeds are
 * fixed, so the statistical tests cannot fail by chance: their bounds are five
 * standard deviations of a correct generator. */
#include "base/rng.h"

#include "base/check.h"
#include "tests/lib/suite.h"

#include <math.h>

/* Known answers of the authors' own implementation (Random123, kat_vectors:
 * philox4x32 10). */
static const struct {
    uint32_t counter[4], key[2], block[4];
} known[] = {
        {{0, 0, 0, 0}, {0, 0},
                {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
                {0xffffffff, 0xffffffff},
                {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                {0xa4093822, 0x299f31d0},
                {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

START_TEST(blocks_are_the_published_ones)
{
    uint32_t out[4];

    rng_philox(known[_i].key, known[_i].counter, out);
    ck_assert_mem_eq(out, known[_i].block, sizeof(out));
}
END_TEST

/* Seed is the key; the event and the purpose are three words of the counter;
 * the fourth counts blocks. Changing this would change the past. */
START_TEST(the_key_schedule_is_fixed)
{
    uint64_t seed = UINT64_C(0x299f31d0a4093822);
    uint64_t event = UINT64_C(0x0370734413198a2e);
    struct rng rng = rng_keyed(seed, event, RNG_ACTION);
    const uint32_t key[2] = {0xa4093822, 0x299f31d0};

    for (uint32_t number = 0; number < 3; number++) {
        uint32_t counter[4] = {number, RNG_ACTION, 0x13198a2e, 0x03707344};
        uint32_t block[4];
        rng_philox(key, counter, block);
        for (int i = 0; i < 4; i++)
            ck_assert_uint_eq(rng_u32(&rng), block[i]);
    }
}
END_TEST

/* However they are asked for, and whatever is left of a block before. */
START_TEST(many_words_are_the_same_words)
{
    uint32_t words[150];

    for (uint32_t before = 0; before < 6; before++)
        for (uint32_t count = 0; count <= 150; count += 7) {
            struct rng many = rng_keyed(7, 8, RNG_TEST), one = many;
            for (uint32_t i = 0; i < before; i++)
                ck_assert_uint_eq(rng_u32(&many), rng_u32(&one));
            rng_words(&many, words, count);
            for (uint32_t i = 0; i < count; i++)
                ck_assert_uint_eq(words[i], rng_u32(&one));
            ck_assert_uint_eq(rng_u32(&many), rng_u32(&one));
        }
}
END_TEST

START_TEST(each_part_of_the_key_matters)
{
    const struct rng keyed[] = {
            rng_keyed(1, 1, RNG_ACTION),
            rng_keyed(2, 1, RNG_ACTION),
            rng_keyed(1 + (UINT64_C(1) << 32), 1, RNG_ACTION),
            rng_keyed(1, 2, RNG_ACTION),
            rng_keyed(1, 1 + (UINT64_C(1) << 32), RNG_ACTION),
            rng_keyed(1, 1, RNG_EXPLORER),
    };
    uint32_t first[ARRAY_COUNT(keyed)];

    for (size_t i = 0; i < ARRAY_COUNT(keyed); i++) {
        struct rng rng = keyed[i];
        first[i] = rng_u32(&rng);
        for (size_t j = 0; j < i; j++)
            ck_assert_uint_ne(first[i], first[j]);
    }
}
END_TEST

START_TEST(a_copy_draws_the_same)
{
    struct rng rng = rng_keyed(5, 6, RNG_WORLD);
    struct rng copy;

    (void)rng_u32(&rng);
    copy = rng;
    for (int i = 0; i < 100; i++)
        ck_assert_uint_eq(rng_u32(&rng), rng_u32(&copy));
}
END_TEST

/* A unit draw takes two words, the first being the more significant. */
START_TEST(unit_is_53_bits_of_two_words)
{
    struct rng rng = rng_keyed(7, 8, RNG_TEST);
    struct rng words = rng;

    for (int i = 0; i < 1000; i++) {
        uint64_t high = rng_u32(&words);
        uint64_t both = high << 32 | rng_u32(&words);
        double unit = rng_unit(&rng);
        ck_assert(unit == ldexp((double)(both >> 11), -53));
        ck_assert(unit >= 0.0 && unit < 1.0);
    }
}
END_TEST

START_TEST(unit_has_the_moments_of_the_uniform)
{
    struct rng rng = rng_keyed(9, 10, RNG_TEST);
    int count = 200000;
    double sum = 0, squares = 0;

    for (int i = 0; i < count; i++) {
        double unit = rng_unit(&rng);
        sum += unit;
        squares += unit * unit;
    }
    /* Deviations of the means: sqrt(1/12 / n) and sqrt(4/45 / n). */
    ck_assert(fabs(sum / count - 0.5) < 5 * sqrt(1.0 / 12 / count));
    ck_assert(fabs(squares / count - 1.0 / 3) < 5 * sqrt(4.0 / 45 / count));
}
END_TEST

START_TEST(below_stays_below)
{
    static const uint32_t bounds[] = {
            1, 2, 3, 10, 1u << 16, (1u << 31) + 1, UINT32_MAX};
    struct rng rng = rng_keyed(11, (uint64_t)_i, RNG_TEST);

    for (size_t i = 0; i < ARRAY_COUNT(bounds); i++)
        for (int draw = 0; draw < 1000; draw++)
            ck_assert_uint_lt(rng_below(&rng, bounds[i]), bounds[i]);
}
END_TEST

/* 3 * 2^30 does not divide 2^32: multiplication without rejection would give
 * the multiples of 3 twice the weight of the others. */
START_TEST(below_is_not_biased)
{
    struct rng rng = rng_keyed(12, 13, RNG_TEST);
    int count = 90000;
    int hits[3] = {0, 0, 0};

    for (int i = 0; i < count; i++)
        hits[rng_below(&rng, 3u << 30) % 3]++;
    for (int i = 0; i < 3; i++)
        ck_assert(fabs(hits[i] - count / 3.0) < 5 * sqrt(count * 2.0 / 9));
}
END_TEST

START_TEST(below_gives_every_value_its_share)
{
    struct rng rng = rng_keyed(14, 15, RNG_TEST);
    int count = 100000;
    int hits[10] = {0};

    for (int i = 0; i < count; i++)
        hits[rng_below(&rng, 10)]++;
    for (int i = 0; i < 10; i++)
        ck_assert(fabs(hits[i] - count / 10.0) < 5 * sqrt(count * 0.09));
}
END_TEST

/* Mean 0, variance 1, kurtosis 3, and the share beyond two deviations. */
START_TEST(normal_is_normal)
{
    struct rng rng = rng_keyed(16, 17, RNG_TEST);
    int count = 200000, far = 0;
    double sum = 0, squares = 0, fourths = 0;
    double share = erfc(2 / sqrt(2));

    for (int i = 0; i < count; i++) {
        double x = rng_normal(&rng);
        sum += x;
        squares += x * x;
        fourths += x * x * x * x;
        far += fabs(x) > 2;
    }
    /* Variances of x, x^2, x^4 under the normal: 1, 2, 96. */
    ck_assert(fabs(sum / count) < 5 * sqrt(1.0 / count));
    ck_assert(fabs(squares / count - 1) < 5 * sqrt(2.0 / count));
    ck_assert(fabs(fourths / count - 3) < 5 * sqrt(96.0 / count));
    ck_assert(fabs((double)far / count - share) <
            5 * sqrt(share * (1 - share) / count));
}
END_TEST

/* Keys of neighbouring events must not give related draws: the correlation of
 * the first unit draw of events n and n + 1. */
START_TEST(neighbouring_events_are_not_correlated)
{
    int count = 100000;
    double last = 0.5, product = 0;

    for (int i = 0; i < count; i++) {
        struct rng rng = rng_keyed(18, (uint64_t)i, RNG_ACTION);
        double unit = rng_unit(&rng);
        product += (unit - 0.5) * (last - 0.5);
        last = unit;
    }
    ck_assert(fabs(product / count) < 5.0 / 12 / sqrt(count));
}
END_TEST

/* On every machine: the logarithm is our own. */
START_TEST(normals_have_these_bits)
{
    struct rng rng = rng_keyed(1, 2, RNG_TEST);

    ck_assert_double_eq(rng_normal(&rng), 0x1.4829866c446d5p-2);
    ck_assert_double_eq(rng_normal(&rng), 0x1.168216f5a455ep-2);
    ck_assert_double_eq(rng_normal(&rng), -0x1.2c2d7e71688b9p-1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rng");
    TCase *exact = tcase_create("exact");
    TCase *statistical = tcase_create("statistical");

    tcase_add_loop_test(
            exact, blocks_are_the_published_ones, 0, (int)ARRAY_COUNT(known));
    tcase_add_test(exact, the_key_schedule_is_fixed);
    tcase_add_test(exact, many_words_are_the_same_words);
    tcase_add_test(exact, each_part_of_the_key_matters);
    tcase_add_test(exact, a_copy_draws_the_same);
    tcase_add_test(exact, unit_is_53_bits_of_two_words);
    tcase_add_loop_test(exact, below_stays_below, 0, 5);
    tcase_add_test(exact, normals_have_these_bits);
    suite_add_tcase(suite, exact);
    tcase_set_timeout(statistical, 60);
    tcase_add_test(statistical, unit_has_the_moments_of_the_uniform);
    tcase_add_test(statistical, below_is_not_biased);
    tcase_add_test(statistical, below_gives_every_value_its_share);
    tcase_add_test(statistical, normal_is_normal);
    tcase_add_test(statistical, neighbouring_events_are_not_correlated);
    suite_add_tcase(suite, statistical);
    return run_suite(suite);
}
