/* Places of a ranking and pairs: exact probabilities against brute force over
 * all first draws. */
#include "policies/pmf.h"
#include "tests/lib/suite.h"

#include <math.h>
#include <string.h>

#define COUNT_MAX  7
#define RANKED_MAX 150
#define TOLERANCE  1e-15 /* sums of the same few numbers in another order */

/* A distribution with ties and zeros among its values. */
static void some_pmf(struct rng *rng, uint32_t count, double *pmf)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < count; i++)
        sum += pmf[i] = (double)rng_below(rng, 4);
    if (sum == 0.0)
        sum = pmf[rng_below(rng, count)] = 1.0;
    for (uint32_t i = 0; i < count; i++)
        pmf[i] /= sum;
}

/* The chosen one, then by falling probability, of equals the lower index; for
 * few actions and for many, which are ranked in another way. */
START_TEST(ranks)
{
    struct rng rng = rng_keyed(5, 0, RNG_TEST);

    for (int round = 0; round < 400; round++) {
        static double pmf[RANKED_MAX];
        static uint32_t order[RANKED_MAX];
        static bool seen[RANKED_MAX];
        uint32_t count = 1 + rng_below(&rng, RANKED_MAX);
        uint32_t chosen = rng_below(&rng, count);
        for (uint32_t i = 0; i < count; i++)
            pmf[i] = round % 2 == 0 ? rng_unit(&rng)
                                    : (double)rng_below(&rng, 5);
        pmf_rank(pmf, count, chosen, order);
        memset(seen, 0, sizeof(seen));
        ck_assert_uint_eq(order[0], chosen);
        for (uint32_t i = 0; i < count; i++) {
            ck_assert(order[i] < count && !seen[order[i]]);
            seen[order[i]] = true;
            if (i > 1)
                ck_assert(pmf[order[i - 1]] > pmf[order[i]] ||
                        (pmf[order[i - 1]] == pmf[order[i]] &&
                                order[i - 1] < order[i]));
        }
    }
}
END_TEST

START_TEST(a_place_is_as_likely_as_its_first_draws)
{
    struct rng rng = rng_keyed(1, 0, RNG_TEST);

    for (int round = 0; round < 2000; round++) {
        uint32_t count = 1 + rng_below(&rng, COUNT_MAX);
        double pmf[COUNT_MAX];
        some_pmf(&rng, count, pmf);
        for (uint32_t position = 1; position <= count; position++) {
            double wanted[COUNT_MAX] = {0}, at[COUNT_MAX], sum = 0.0;
            uint32_t order[COUNT_MAX];
            for (uint32_t first = 0; first < count; first++) {
                pmf_rank(pmf, count, first, order);
                wanted[order[position - 1]] += pmf[first];
            }
            pmf_position(pmf, count, position, order, at);
            for (uint32_t i = 0; i < count; i++) {
                ck_assert_double_eq_tol(at[i], wanted[i], TOLERANCE);
                sum += at[i];
            }
            ck_assert_double_eq_tol(sum, 1.0, TOLERANCE);
        }
    }
}
END_TEST

START_TEST(the_first_place_is_the_draw_itself)
{
    const double pmf[3] = {0.2, 0.7, 0.1};
    double at[3];
    uint32_t order[3];

    pmf_position(pmf, 3, 1, order, at);
    ck_assert(memcmp(at, pmf, sizeof(at)) == 0);
    /* By hand: the ranking is 1, 0, 2 unless 0 or 2 is drawn. */
    pmf_position(pmf, 3, 2, order, at);
    ck_assert_double_eq_tol(at[0], 0.7, TOLERANCE);
    ck_assert_double_eq_tol(at[1], 0.3, TOLERANCE);
    ck_assert_double_eq(at[2], 0.0);
}
END_TEST

START_TEST(a_pair_is_two_draws)
{
    struct rng rng = rng_keyed(2, 0, RNG_TEST);

    for (int round = 0; round < 2000; round++) {
        uint32_t count = 2 + rng_below(&rng, COUNT_MAX - 1);
        double pmf[COUNT_MAX], sum = 0.0;
        some_pmf(&rng, count, pmf);
        for (uint32_t first = 0; first < count; first++) {
            for (uint32_t other = 0; other < count; other++) {
                double second = pmf_second(pmf, count, first, other);
                if (pmf[first] < 1.0 && other != first)
                    ck_assert_double_eq_tol(
                            second, pmf[other] / (1.0 - pmf[first]), 1e-14);
                sum += pmf[first] * second;
            }
            ck_assert_double_eq(pmf_second(pmf, count, first, first), 0.0);
        }
        ck_assert_double_eq_tol(sum, 1.0, 1e-14);
    }
}
END_TEST

START_TEST(pairs_come_as_often_as_they_are_likely)
{
    const double pmf[4] = {0.5, 0.0, 0.3, 0.2};
    double seen[4] = {0};

    for (uint64_t event = 0; event < 100000; event++) {
        struct rng rng = rng_keyed(3, event, RNG_SECOND);
        seen[pmf_draw_second(pmf, 4, 0, &rng)] += 1e-5;
    }
    for (uint32_t i = 0; i < 4; i++) /* six standard deviations */
        ck_assert_double_eq_tol(seen[i], pmf_second(pmf, 4, 0, i), 0.01);
    ck_assert_double_eq(seen[0], 0.0);
    ck_assert_double_eq(seen[1], 0.0);
}
END_TEST

START_TEST(beside_a_certain_action_all_are_alike)
{
    const double pmf[3] = {0.0, 1.0, 0.0};
    uint32_t seen[3] = {0};

    ck_assert_double_eq(pmf_second(pmf, 3, 1, 0), 0.5);
    ck_assert_double_eq(pmf_second(pmf, 3, 1, 2), 0.5);
    for (uint64_t event = 0; event < 100; event++) {
        struct rng rng = rng_keyed(4, event, RNG_SECOND);
        seen[pmf_draw_second(pmf, 3, 1, &rng)]++;
    }
    ck_assert_uint_eq(seen[1], 0);
    ck_assert_uint_gt(seen[0], 20);
    ck_assert_uint_gt(seen[2], 20);
}
END_TEST

START_TEST(the_pair_leads_the_ranking)
{
    const double pmf[4] = {0.1, 0.4, 0.2, 0.3};
    const uint32_t wanted[4] = {2, 0, 1, 3};
    uint32_t order[4];

    pmf_rank_pair(pmf, 4, 2, 0, order);
    ck_assert(memcmp(order, wanted, sizeof(wanted)) == 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("positions");
    TCase *cases = tcase_create("positions");

    tcase_add_test(cases, ranks);
    tcase_add_test(cases, a_place_is_as_likely_as_its_first_draws);
    tcase_add_test(cases, the_first_place_is_the_draw_itself);
    tcase_add_test(cases, a_pair_is_two_draws);
    tcase_add_test(cases, pairs_come_as_often_as_they_are_likely);
    tcase_add_test(cases, beside_a_certain_action_all_are_alike);
    tcase_add_test(cases, the_pair_leads_the_ranking);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
