/* The quick form of `make coverage` (tests/coverage): few runs, fixed seeds, so
 * that a limit which is plainly wrong is seen at once. */
#include "tests/lib/coverage.h"
#include "tests/lib/suite.h"

#define RUNS 30u
#define ROWS 1500u

static struct coverage_run runs[RUNS];

static void simulate(uint32_t kind)
{
    static struct bootstrap bootstrap;

    for (uint32_t i = 0; i < RUNS; i++)
        runs[i] = coverage_simulate(kind, 1000000 + i, ROWS, &bootstrap);
}

/* Of 30 runs at 95 %, fewer than 24 hold with probability 0.0006. */
#define HELD_MIN 0.8

static void check_intervals(uint32_t kind)
{
    for (int which = 0; which < COVERAGE_INTERVALS; which++) {
        uint32_t counted = 0, held = 0;
        for (uint32_t i = 0; i < RUNS; i++)
            if (runs[i].accepted || !coverage_needs_verdict[which]) {
                counted++;
                held += runs[i].held[which];
            }
        ck_assert_msg(counted < RUNS / 2 || held >= HELD_MIN * counted,
                "%s, %s: held in %u of %u", coverage_kinds[kind].name,
                coverage_interval_names[which], held, counted);
    }
}

/* Within 4 standard errors: 20 claims are made here. */
static void check_bias(enum ope_estimator estimator)
{
    struct moments error = {0};

    for (uint32_t i = 0; i < RUNS; i++)
        moments_add(&error, runs[i].error[estimator]);
    ck_assert_double_le(fabs(error.mean),
            4.0 * sqrt(moments_variance(&error) / RUNS) + 1e-12);
}

START_TEST(intervals_hold_and_nothing_is_biased)
{
    simulate((uint32_t)_i);
    check_intervals((uint32_t)_i);
    check_bias(OPE_IPS);
    check_bias(OPE_DR);
}
END_TEST

/* Wider where less is known, and no width at all where nothing is. */
START_TEST(widths_are_in_order)
{
    double floors[2] = {0.0, 0.0};
    static const uint32_t kinds[2] = {1, 3}; /* floors 0.2 and 0.02 */

    for (uint32_t k = 0; k < 2; k++) {
        simulate(kinds[k]);
        for (uint32_t i = 0; i < RUNS; i++) {
            const double *width = runs[i].width;
            floors[k] += width[COVERAGE_CRESSIE_READ] / RUNS;
            ck_assert_double_lt(
                    width[COVERAGE_CRESSIE_READ], width[COVERAGE_BERNSTEIN]);
            ck_assert_double_lt(
                    width[COVERAGE_CRESSIE_READ], width[COVERAGE_SEQUENCE_DR]);
            ck_assert(isnan(width[COVERAGE_ASYMPTOTIC]) ||
                    width[COVERAGE_ASYMPTOTIC] > width[COVERAGE_NORMAL]);
        }
    }
    ck_assert_double_gt(floors[1], 2.0 * floors[0]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("coverage");
    TCase *tcase = tcase_create("coverage");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, intervals_hold_and_nothing_is_biased, 0,
            (int)COVERAGE_KINDS);
    tcase_add_test(tcase, widths_are_in_order);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
