/* Canaries are decided by their confidence sequence: worse ones leave, better
 * ones serve, whenever one looks; what is as bad as the margin is promoted
 * rarely; what is not decided leaves in time. */
#include "service/trial_watch.h"

#include "base/rng.h"
#include "service/engine/fold.h"
#include "tests/lib/suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SETTINGS                                                               \
    "context: x\nactions: left\nactions: right\npolicy.oracle: ridge\n"        \
    "policy.explorer: squarecb\n"
/* Looks are spread: limits hold at each of them, however many there are. */
#define LOOK_EVERY 50u

static struct arena arena;
static struct problem_spec spec;
static struct problem *problem;

static void setup(void)
{
    struct err err;

    arena = arena_over(malloc(1 << 22), 1 << 22);
    ck_assert_int_eq(problem_spec_parse_text(&spec, bytes_of_text("p"),
                             bytes_of_text(SETTINGS), &arena, &err),
            0);
    problem = problem_open(&spec, &err);
    ck_assert_ptr_nonnull(problem);
}

static void teardown(void)
{
    problem_close(problem);
    free(arena.data);
}

/* A challenger of share one half, the k-th. */
static void begin(uint64_t k)
{
    size_t size = problem_model_size(problem);
    uint8_t *model = malloc(size);
    struct writer writer = writer_over(model, size);
    struct err err;

    problem_save_model(problem, &writer);
    ck_assert_int_eq(
            problem_load_challenger(problem, writer_bytes(&writer), &err), 0);
    problem->challenger.generation = 1;
    problem->challenger.share = 0.5;
    problem->counters.canaries = k;
    free(model);
}

static void add(double term)
{
    problem->challenger.rows++;
    problem->challenger.sum += term;
    problem->challenger.squares += term * term;
}

/* Approvals of 0.89 and 0.89 + gain on the split half of the rows, with 0.89
 * expected: the spread of payments.md, at TV 0.5. What was decided, after how
 * many rows. */
static enum stage play(double gain, double split, uint32_t seed, uint64_t *rows)
{
    struct rng rng = rng_keyed(11, seed, RNG_TEST);
    struct promotion promotion = {.stage = STAGE_SHADOW};

    for (*rows = 0; *rows < 200000; (*rows)++) {
        double term = 0.0;
        if (rng_unit(&rng) < split) {
            bool new = rng_u32(&rng) % 2 == 0;
            double p = new ? 0.89 + gain / split : 0.89;
            double surprise = (rng_unit(&rng) < p ? 1.0 : 0.0) - 0.89;
            term = new ? 2.0 * surprise : -2.0 * surprise;
        }
        add(term);
        if (*rows % LOOK_EVERY == 0 && trial_decided(problem, &promotion))
            break;
    }
    return promotion.stage;
}

static uint32_t count(
        double gain, uint32_t runs, enum stage stage, double *rows_mean)
{
    uint32_t seen = 0;

    *rows_mean = 0.0;
    for (uint32_t seed = 0; seed < runs; seed++) {
        uint64_t rows;
        begin(1);
        seen += play(gain, 0.54, seed, &rows) == stage;
        *rows_mean += (double)rows / runs;
    }
    return seen;
}

/* payments.md, section 3.3: +0.5 points after 43,000 payments on average, -0.5
 * after 55,000, both always decided rightly. */
START_TEST(half_a_point_is_decided_within_75000_payments)
{
    double rows;
    uint32_t runs = 40;

    ck_assert_uint_eq(count(0.005, runs, STAGE_SERVE, &rows), runs);
    ck_assert_double_lt(rows, 75000.0);
    printf("+0.5 points: %.0f payments on average\n", rows);
    ck_assert_uint_eq(count(-0.005, runs, STAGE_REFUSED, &rows), runs);
    ck_assert_double_lt(rows, 75000.0);
    printf("-0.5 points: %.0f payments on average\n", rows);
}
END_TEST

/* A canary that is worse by just the margin may be promoted with probability
 * 6 alpha/pi^2 = 0.030: of 100, 9 are more than 3 standard deviations over. */
START_TEST(what_is_worse_by_the_margin_is_promoted_rarely)
{
    double rows;
    uint32_t promoted = count(-0.001, 100, STAGE_SERVE, &rows);

    printf("-0.1 points: %u of 100 promoted\n", promoted);
    ck_assert_uint_le(promoted, 8);
}
END_TEST

START_TEST(what_is_not_decided_leaves)
{
    struct promotion promotion;

    begin(1);
    for (uint32_t i = 0; i < spec.settings.canary_most; i++) {
        if (i >= spec.settings.canary_least)
            ck_assert(
                    i % LOOK_EVERY != 0 || !trial_decided(problem, &promotion));
        add(i % 2 == 0 ? 0.999 : -1.001);
    }
    ck_assert(trial_decided(problem, &promotion));
    ck_assert_int_eq(promotion.stage, STAGE_REFUSED);
    ck_assert_uint_eq(promotion.generation, 1);
    ck_assert(promotion.estimate.given);
    ck_assert_double_eq_tol(promotion.estimate.value, -0.001, 1e-9);
}
END_TEST

/* ope.md, section 4: alpha 0.05 and 1,000 rows planned give rho^2
 * .008211968062, so after 1,000 rows of standard deviation 1 half the width is
 * sqrt(2 (1000 rho^2 + 1)/(1000^2 rho^2) ln(sqrt(1000 rho^2 + 1)/0.05)). */
START_TEST(limits_are_those_of_the_sequence)
{
    const double rho2 = 0.008211968062, pi = 3.14159265358979323846;
    double half = sqrt(2.0 * (1000.0 * rho2 + 1.0) / (1e6 * rho2) *
            log(sqrt(1000.0 * rho2 + 1.0) / 0.05));
    struct estimate estimate;

    spec.settings.retrain_alpha = 0.025 * pi * pi / 6.0;
    spec.settings.canary_planned = 1000;
    spec.settings.canary_least = 100;
    begin(1);
    for (uint32_t i = 0; i < 1000; i++)
        add(i % 2 == 0 ? 1.0 : -1.0);
    estimate = trial_estimate(problem);
    ck_assert_double_eq_tol(estimate.alpha, 0.025, 1e-15);
    ck_assert_double_eq_tol(estimate.upper, half, 1e-9);
    ck_assert_double_eq_tol(estimate.lower, -half, 1e-9);
}
END_TEST

/* Later canaries have less to spend, and need more. */
START_TEST(limits_widen_from_canary_to_canary)
{
    struct estimate first, third;

    begin(1);
    for (uint32_t i = 0; i < 5000; i++)
        add(i % 2 == 0 ? 1.0 : -1.0);
    first = trial_estimate(problem);
    problem->counters.canaries = 3;
    third = trial_estimate(problem);
    ck_assert_double_eq_tol(first.alpha, 9.0 * third.alpha, 1e-12);
    ck_assert_double_gt(third.upper - third.lower, first.upper - first.lower);
}
END_TEST

START_TEST(shadows_and_beginnings_are_not_decided)
{
    struct promotion promotion;

    ck_assert(!trial_decided(problem, &promotion));
    begin(1);
    for (uint32_t i = 0; i < 1999; i++)
        add(-1.0);
    ck_assert(!trial_decided(problem, &promotion));
    add(-1.0);
    ck_assert(trial_decided(problem, &promotion));
    problem->challenger.share = 0.0;
    ck_assert(!trial_decided(problem, &promotion));
}
END_TEST

/* The last of several is mixed in, and stays while it is not decided. */
START_TEST(what_is_refused_again_and_again_is_mixed_in)
{
    struct promotion promotion = {.stage = STAGE_REFUSED};
    uint64_t rows = spec.settings.canary_most;

    begin(1);
    for (uint64_t i = 0; i < rows; i++)
        add(i % 2 == 0 ? 0.999 : -1.001);
    problem->refused = 1;
    ck_assert(trial_decided(problem, &promotion));
    ck_assert_int_eq(promotion.stage, STAGE_REFUSED);
    problem->refused = 2;
    ck_assert(trial_decided(problem, &promotion));
    ck_assert_int_eq(promotion.stage, STAGE_MIXED);
    ck_assert_double_eq(promotion.share, 0.3);
    problem->challenger.mixed = true;
    ck_assert(!trial_decided(problem, &promotion));
    ck_assert(!trial_holds(problem));
    for (uint64_t i = 0; i < rows; i++)
        add(i % 2 == 0 ? 0.98 : -1.02);
    ck_assert(trial_decided(problem, &promotion));
    ck_assert_int_eq(promotion.stage, STAGE_REFUSED);
}
END_TEST

START_TEST(the_state_says_what_becomes_of_a_verdict)
{
    struct promotion promotion = {.stage = STAGE_REFUSED};

    trial_settle(problem, &arena, &promotion);
    ck_assert_int_eq(promotion.stage, STAGE_REFUSED);
    problem->refused = 2;
    trial_settle(problem, &arena, &promotion);
    ck_assert_int_eq(promotion.stage, STAGE_MIXED);
    ck_assert_double_eq(promotion.share, 0.3);
    /* A person is to decide: nothing serves by itself. */
    spec.settings.retrain_then = RETRAIN_STORE;
    promotion.stage = STAGE_REFUSED;
    trial_settle(problem, &arena, &promotion);
    ck_assert_int_eq(promotion.stage, STAGE_REFUSED);
}
END_TEST

/* An alarm's record lets the next candidate serve without a canary, and its
 * record says why; then the alarm is over. */
START_TEST(drift_overrides_the_canary)
{
    struct promotion promotion = {
            .stage = STAGE_CANARY, .share = 0.5, .why = bytes_of_text("why")};
    struct alarm_record alarm = {
            .head = {RECORD_ALARM, 1, 1, {NULL, 0}}, .stream = DRIFT_CONTEXT};
    char text[80];

    begin(1);
    fold_alarm(problem, &alarm);
    trial_settle(problem, &arena, &promotion);
    ck_assert_int_eq(promotion.stage, STAGE_CANARY);
    ck_assert(trial_holds(problem));
    alarm.stream = DRIFT_REWARD;
    fold_alarm(problem, &alarm);
    ck_assert(!trial_holds(problem));
    trial_settle(problem, &arena, &promotion);
    ck_assert_int_eq(promotion.stage, STAGE_SERVE);
    ck_assert_str_eq(bytes_text(promotion.why, text, sizeof(text)),
            "drift alarms: on the veto alone; why");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trial_watch");
    TCase *tcase = tcase_create("trial_watch");

    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, half_a_point_is_decided_within_75000_payments);
    tcase_add_test(tcase, what_is_worse_by_the_margin_is_promoted_rarely);
    tcase_add_test(tcase, what_is_not_decided_leaves);
    tcase_add_test(tcase, limits_are_those_of_the_sequence);
    tcase_add_test(tcase, limits_widen_from_canary_to_canary);
    tcase_add_test(tcase, shadows_and_beginnings_are_not_decided);
    tcase_add_test(tcase, what_is_refused_again_and_again_is_mixed_in);
    tcase_add_test(tcase, the_state_says_what_becomes_of_a_verdict);
    tcase_add_test(tcase, drift_overrides_the_canary);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
