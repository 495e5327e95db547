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
    /* Exploring costs, and no more than the floor and fastcb take. */
    ck_assert_double_gt(runs[0].value[3].greedy, runs[0].value[3].v);
    ck_assert_double_lt(runs[0].value[3].greedy, runs[0].value[3].v + 0.02);
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
            runs[s].value[g] = (struct generation_values){.v = v[s][g],
                    .greedy = v[s][g] + .01,
                    .uniform = .8,
                    .best = .9};
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
    ck_assert_double_eq_tol(summary.share_of_gap_10, .55, 1e-9);
    ck_assert_double_eq_tol(summary.share_of_gap_greedy_10, .65, 1e-9);
    ck_assert_double_eq_tol(summary.gain, 1.0, 1e-9);
    generations_difference(runs, runs + 1, 1, &mean, &se);
    ck_assert_double_eq_tol(mean, (85.15 - 84.3375), 1e-9);
    ck_assert_double_eq(se, 0.0);
}
END_TEST

static double last_of(const struct generations_run *run)
{
    return run->value[run->count - 1].v;
}

static const struct generations_run *play(const char *policy)
{
    static struct generations_run run;
    struct generations_settings settings = {.policy = policy,
            .seed = 3,
            .generations = 3,
            .rows = 4000,
            .panel = 1000};

    ck_assert_msg(generations_play(&settings, &run, &err) == 0, "%s", err.text);
    return &run;
}

/* Those that know the truth are worth what the panel says, those that learn
 * from each answer get better, and none is better than the clairvoyant. */
START_TEST(routers_are_what_they_are_called)
{
    static const char *const learning[] = {
            "beta-thompson", "success-rate", "linucb"};
    const struct generations_run *run = play("clairvoyant");
    double best = last_of(run), any = run->value[0].uniform, list;

    ck_assert_double_eq_tol(best, run->value[3].best, 1e-12);
    ck_assert_double_eq_tol(last_of(play("uniform")), any, 1e-12);
    list = last_of(play("static-list"));
    ck_assert_double_gt(list, any + 0.02);
    ck_assert_double_lt(list, best);
    ck_assert_double_le(last_of(play("static-plain")), list + 1e-12);
    ck_assert_double_gt(last_of(play("best-overall")), any);
    for (size_t i = 0; i < ARRAY_COUNT(learning); i++) {
        run = play(learning[i]);
        ck_assert_double_gt(last_of(run), any + 0.003);
        ck_assert_double_lt(last_of(run), list);
    }
}
END_TEST

/* With answers a generation late the first model serves a generation later, and
 * has learned the first generation alone. */
START_TEST(late_answers_are_learned_late)
{
    static struct generations_run run;
    struct generations_settings settings = {.policy = "pairwise",
            .seed = 3,
            .generations = 3,
            .rows = 2000,
            .panel = 400,
            .late = 1};

    ck_assert_int_eq(generations_play(&settings, &run, &err), 0);
    ck_assert_double_eq_tol(run.value[1].v, run.value[1].uniform, 1e-9);
    ck_assert_double_gt(run.value[2].v, run.value[2].uniform + 0.02);
    ck_assert_double_eq(run.value[2].rows, 2000);
    ck_assert_double_eq(run.value[3].rows, 4000);
}
END_TEST

/* Tries and money add up, and approval of first tries is as without. */
START_TEST(accounts_add_up)
{
    static struct generations_run run;
    struct generations_settings settings = {.policy = "uniform",
            .seed = 4,
            .generations = 2,
            .rows = 20000,
            .panel = 3000,
            .life = true};
    struct generations_accounts accounts;

    ck_assert_int_eq(generations_play(&settings, &run, &err), 0);
    for (uint32_t g = 0; g < run.count; g++) {
        const struct generation_account *a = &run.value[g].account;
        /* Standard errors .0026 of the log and .001 of the panel. */
        ck_assert_double_eq_tol(run.value[g].rate, run.value[g].uniform, 0.015);
        ck_assert_double_gt(a->approved, run.value[g].rate + 0.02);
        ck_assert_double_lt(a->approved, 1.0);
        ck_assert_double_gt(a->tries, 1.05);
        ck_assert_double_lt(a->tries, 3.0);
        ck_assert_double_gt(a->fees, 0.0);
        /* About 1 in 1,000 (payments.md, 6.2). */
        ck_assert_double_gt(a->chargebacks, 0.0003);
        ck_assert_double_lt(a->chargebacks, 0.004);
    }
    generations_account(&run, &run, 1, &accounts);
    ck_assert_double_eq(accounts.gain, 0.0);
    ck_assert_double_eq_tol(accounts.mean.net,
            (run.value[1].account.net + run.value[2].account.net) / 2, 1e-12);
    settings.outages = true;
    ck_assert_int_eq(generations_play(&settings, &run, &err), STATUS_INVALID);
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
    tcase_add_test(tests, routers_are_what_they_are_called);
    tcase_add_test(tests, late_answers_are_learned_late);
    tcase_add_test(tests, accounts_add_up);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
