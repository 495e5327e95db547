/* From a log to a model of a batch oracle: what the log knows is what is
 * learned, memory decides which rows, and the model serves. */
#include "training/batch.h"

#include "tests/unit/training/history.h"
#include "training/rows.h"
#include "training/train.h"
#include "training/verdict.h"
#include "training/xgboost/booster.h"

#include <math.h>
#include <stdlib.h>

#define SETTINGS                                                               \
    "context: x\nactions: left\nactions: middle\nactions: right\n"             \
    "policy.explorer: fastcb\npolicy.floor: 0.1\nreward.wait: 10s\n"
#define EVENTS 900u

static struct ledger_reader reader;
static struct examples examples;
static struct err err;

/* Left is good for small x, right for large x. */
static double reward_of(uint32_t place, double x)
{
    if (place == 1)
        return 0.5;
    return (place == 0) == (x < 0.5) ? 0.9 : 0.1;
}

static void play(const char *settings)
{
    history_open(settings);
    for (uint32_t i = 0; i < EVENTS; i++) {
        double x = fmod(i * 0.618034, 1.0);
        history_report(i, reward_of(history_decide(i, x), x), 0);
        history.now += SECOND;
    }
}

static void gather(void)
{
    struct examples_rules rules = {
            .now = history.now, .since = 1, .most = 100000};

    history_need(ledger_reader_open(history.ledger, &reader, &err), &err);
    history_need(examples_open(&examples, &history.spec, &reader, &rules, &err),
            &err);
}

static double value_of(struct problem *problem)
{
    double value = 0.0;

    for (uint32_t i = 0; i < 100; i++) {
        double x = (i + 0.5) / 100;
        static const uint32_t slots[3] = {0, 1, 2};
        struct context context = {.shared = {&x, 1, 0, NULL}};
        struct action_set actions = {3, slots, NULL};
        struct distribution got;
        arena_reset(&problem->scratch);
        history_need(policy_decide(problem->policy, &context, &actions, 1, i,
                             &problem->scratch, &got, &err),
                &err);
        for (uint32_t a = 0; a < 3; a++)
            value += got.pmf[a] * reward_of(a, x) / 100;
    }
    return value;
}

static const char *const oracles[] = {
        SETTINGS "policy.oracle: trees\npolicy.trees: 20\n",
        SETTINGS "policy.oracle: pairwise\n",
};

/* The model is better than what served, by the events that were held out; the
 * other way round it is blocked. */
static void check_verdict(const struct batch *batch)
{
    struct verdict_job job = {.spec = batch->spec,
            .examples = batch->examples,
            .champion = batch->champion,
            .candidate = batch->model};
    double gain = value_of(batch->model) - 0.5;
    struct generation generation = {0};
    char text[GENERATION_WHY_MAX];

    history_need(verdict_give(&job, &generation, text, &err), &err);
    ck_assert_int_eq(generation.verdict, VERDICT_PASS);
    ck_assert(generation.estimate.given);
    ck_assert_double_le(generation.estimate.lower, gain);
    ck_assert_double_ge(generation.estimate.upper, gain);
    ck_assert_double_gt(generation.estimate.value, 0.1);
    ck_assert_uint_gt(generation.estimate.rows, 100);
    job.champion = batch->model;
    job.candidate = batch->champion;
    history_need(verdict_give(&job, &generation, text, &err), &err);
    ck_assert_int_eq(generation.verdict, VERDICT_BLOCK);
    ck_assert_double_lt(generation.estimate.upper, 0.0);
}

START_TEST(a_log_becomes_a_model)
{
    struct batch batch = {.booster = &xgboost_booster, .seed = 3};

    play(oracles[_i]);
    gather();
    ck_assert(batch_wanted(&history.spec));
    batch.spec = &history.spec;
    batch.examples = &examples;
    batch.champion = history.problem;
    batch.model = problem_open(&history.spec, &err);
    ck_assert_double_eq_tol(value_of(history.problem), 0.5, 1e-9);
    history_need(batch_train(&batch, &err), &err);
    /* A fifth is held out: 180 of 900, give or take four standard errors. */
    ck_assert_double_eq_tol((double)batch.rows, 0.8 * EVENTS, 48);
    ck_assert_double_eq_tol(batch.effective, (double)batch.rows, 1e-6);
    ck_assert_double_gt(value_of(batch.model), 0.8);
    check_verdict(&batch);
    problem_close(batch.model);
    examples_close(&examples);
    ledger_reader_close(&reader);
    history_close();
}
END_TEST

START_TEST(an_empty_log_teaches_nothing)
{
    struct batch batch = {.booster = &xgboost_booster};

    history_open(oracles[0]);
    gather();
    batch.spec = &history.spec;
    batch.examples = &examples;
    batch.champion = history.problem;
    batch.model = problem_open(&history.spec, &err);
    ck_assert_int_eq(batch_train(&batch, &err), STATUS_NOT_FOUND);
    problem_close(batch.model);
    examples_close(&examples);
    ledger_reader_close(&reader);
    history_close();
}
END_TEST

/* A copy holds all that it points to, whatever becomes of the lesson. */
START_TEST(rows_are_copies)
{
    double dense[2] = {1, 2}, own[2][1] = {{3}, {4}};
    struct feature named = {77, 1.5};
    uint16_t group = 3;
    uint32_t slots[2] = {8, 9};
    struct features features[2] = {
            {own[0], 1, 0, NULL}, {own[1], 1, 1, &named}};
    struct context context = {{dense, 2, 1, &named}, &group, 1};
    struct action_set actions = {2, slots, features};
    struct lesson lesson = {.context = &context,
            .actions = &actions,
            .chosen = 1,
            .loss = 0.25,
            .weight = 1,
            .propensity = 0.5};
    struct rows rows = {NULL};
    const struct lesson *row;

    for (int i = 0; i < 20000; i++) {
        dense[0] = i;
        history_need(rows_add(&rows, &lesson, 0.5, &err), &err);
    }
    memset(dense, 0, sizeof(dense));
    memset(&named, 0, sizeof(named));
    row = &rows.list[12345];
    ck_assert_uint_eq(rows.count, 20000);
    ck_assert_double_eq(row->context->shared.dense[0], 12345);
    ck_assert_uint_eq(row->context->shared.named[0].hash, 77);
    ck_assert_uint_eq(row->context->groups[0], 3);
    ck_assert_uint_eq(row->chosen, 0);
    ck_assert_uint_eq(row->actions->slot[0], 9);
    ck_assert_double_eq(row->actions->features[0].dense[0], 4);
    ck_assert_double_eq(row->actions->features[0].named[0].value, 1.5);
    ck_assert_double_eq(row->pmf[0], 0.5);
    ck_assert_double_eq(row->weight, 0.5);
    rows_free(&rows);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("batch");
    TCase *tcase = tcase_create("batch");

    (void)setenv("OMP_NUM_THREADS", "1", 1);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, a_log_becomes_a_model, 0, 2);
    tcase_add_test(tcase, an_empty_log_teaches_nothing);
    tcase_add_test(tcase, rows_are_copies);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
