/* Retraining in the payments world: a short run, and the definitions of its
 * report on values made by hand. */
#include "sim/generations.h"
#include "tests/lib/suite.h"

#include <check.h>
#include <math.h>

static struct err err;

START_TEST(retraining_learns_and_does_not_fall)
{
    static struct generations_run runs[2];
    struct generations_settings settings = {.policy = "pairwise",
            .seed = 3,
            .generations = 3,
            .rows = 2500,
            .panel = 400};

    for (int i = 0; i < 2; i++)
        ck_assert_msg(generations_play(&settings, &runs[i], &err) == 0, "%s",
                err.text);
    ck_assert_uint_eq(runs[0].count, 4);
    ck_assert_mem_eq(&runs[0].value, &runs[1].value, sizeof(runs[0].value));
    ck_assert_double_eq_tol(runs[0].value[0].v, runs[0].value[0].uniform, 1e-9);
    ck_assert_double_gt(runs[0].value[1].v, runs[0].value[0].uniform + 0.02);
    ck_assert_double_gt(runs[0].value[3].v, runs[0].value[1].v);
    ck_assert_double_lt(runs[0].value[3].v, runs[0].value[3].best);
    ck_assert_double_eq(runs[0].value[2].rows, 5000);
    ck_assert_double_gt(runs[0].value[3].effective, 5000);
}
END_TEST

START_TEST(unknown_policies_and_options_are_refused)
{
    static struct generations_run run;
    struct generations_settings settings = {
            .seed = 1, .generations = 2, .rows = 100, .panel = 100};
    static const char *const wrong[] = {
            "nobody", "pairwise,colour=red", "pairwise,floor=2"};

    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        settings.policy = wrong[i];
        ck_assert_int_eq(
                generations_play(&settings, &run, &err), STATUS_INVALID);
    }
}
END_TEST

/* Two seeds of four generations, uniform .8, best .9. */
START_TEST(reports_are_as_defined)
{
    static const double v[2][5] = {
            {.8, .85, .846, .85, .86}, {.8, .84, .842, .8415, .85}};
    static struct generations_run runs[2];
    struct generations_summary summary;
    double mean, se;

    for (int s = 0; s < 2; s++) {
        runs[s].count = 5;
        for (int g = 0; g < 5; g++)
            runs[s].value[g] = (struct generation_values){
                    .v = v[s][g], .uniform = .8, .best = .9};
    }
    generations_summarise(runs, 2, &summary);
    ck_assert_double_eq_tol(summary.d21, (-.4 + .2) / 2, 1e-9);
    ck_assert_double_eq_tol(summary.d21_se, .3, 1e-9);
    ck_assert_double_eq_tol(summary.d21_least, -.4, 1e-9);
    ck_assert_double_eq_tol(summary.drops_small, 1.0 / 6, 1e-9);
    ck_assert_double_eq_tol(summary.drops_large, 1.0 / 6, 1e-9);
    ck_assert_double_eq_tol(summary.worst_drop, (.4 + .05) / 2, 1e-9);
    ck_assert_double_eq_tol(summary.drawdown, (.4 + .05) / 2, 1e-9);
    ck_assert_double_eq_tol(summary.share_of_gap, .55, 1e-9);
    ck_assert_double_eq_tol(summary.gain, 1.0, 1e-9);
    generations_difference(runs, runs + 1, 1, &mean, &se);
    ck_assert_double_eq_tol(mean, (85.15 - 84.3375), 1e-9);
    ck_assert_double_eq(se, 0.0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("generations");
    TCase *tests = tcase_create("generations");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, retraining_learns_and_does_not_fall);
    tcase_add_test(tests, unknown_policies_and_options_are_refused);
    tcase_add_test(tests, reports_are_as_defined);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
