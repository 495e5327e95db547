/* A guard in the engine: what the settings ask for, recorded probabilities and
 * limits, and that the fold of the log is the state (stage_close). */
#include "tests/unit/service-engine/stage.h"

#include "base/rng.h"

#include <math.h>

#define GUARDED                                                                \
    "context: c\nactions: plain\nactions: better\nactions: worse\n"            \
    "reward.min: 1\nreward.max: 1000\nreward.objective: minimise\n"            \
    "reward.wait: 0\nreward.default: 1\nguard.action: plain\n"
#define SURFACE                                                                \
    "action_features: 1\nreward.scale: log\npolicy.oracle: surface\n"          \
    "policy.action_degree: 2\n"

static const double omegas[] = {0.0, 0.5, 1.0};

/* What an action costs, given up at its limit for the default. */
static double cost_of(
        uint32_t place, double context, double limit, const double factors[3])
{
    double plain = 50.0 * (1.0 + context);
    double cost = plain * factors[place];

    if (limit > 0.0 && cost > limit)
        return limit + plain;
    return cost;
}

static struct decision ask(uint32_t i, double *context, bool features)
{
    static char event[24];
    struct rng rng = rng_keyed(1, i, RNG_TEST);
    struct question question = {
            .shared = {.rows = 1, .columns = 1, .values = context}};

    *context = rng_unit(&rng);
    (void)snprintf(event, sizeof(event), "e%u", i);
    question.event = bytes_of_text(event);
    if (features)
        question.action_features =
                (struct matrix){.rows = 3, .columns = 1, .values = omegas};
    return stage_ask(&question);
}

/* The answer is the record, the probabilities are a distribution, and a limit
 * is of a trial. */
static void check_recorded(const struct decision *decision)
{
    const struct decision_record *record = &stage_record(0)->decision;
    double sum = 0.0;

    ck_assert_double_eq(record->limit, decision->limit);
    ck_assert_uint_eq(record->guard, decision->guard);
    ck_assert_double_eq(
            record->probability[record->chosen], decision->probability[0]);
    for (uint32_t i = 0; i < record->count; i++)
        sum += record->probability[i];
    ck_assert_double_eq_tol(sum, 1.0, 1e-12);
    if (decision->guard != GUARD_FREE) {
        ck_assert_uint_eq(decision->ranking[0], 0);
        ck_assert_double_eq(decision->probability[0], 1.0);
    }
    ck_assert((decision->ranking[0] != 0) == (decision->limit > 0.0));
}

static uint32_t played; /* events so far */

/* Rounds with feedback two rounds late; the sum of costs. */
static double play(
        uint32_t rounds, bool features, const double factors[3], double *alone)
{
    double waiting[2] = {0}, spent = 0.0, context;

    *alone = 0.0;
    for (uint32_t i = 0; i < rounds + 2; i++) {
        char event[24];
        if (i >= 2) {
            struct feedback feedback = {.value = waiting[i % 2]};
            (void)snprintf(event, sizeof(event), "e%u", played + i - 2);
            feedback.event = bytes_of_text(event);
            ck_assert_int_eq(stage_report(feedback).status, STATUS_OK);
        }
        if (i < rounds) {
            struct decision decision = ask(played + i, &context, features);
            ck_assert_msg(decision.status == STATUS_OK, "%s",
                    decision.message == NULL ? "" : decision.message);
            check_recorded(&decision);
            waiting[i % 2] = cost_of(
                    decision.ranking[0], context, decision.limit, factors);
            spent += waiting[i % 2];
            *alone += cost_of(0, context, 0.0, factors);
        }
    }
    played += rounds;
    return spent;
}

static const struct {
    const char *settings;
    bool features;
} policies[] = {
        {GUARDED SURFACE, true},
        {GUARDED "policy.learner: tsallis-inf\n", false},
        {GUARDED "policy.oracle: ridge\npolicy.explorer: linucb\n", false},
        {GUARDED "policy.oracle: chebyshev\npolicy.explorer: squarecb\n",
                false},
};

/* Everything is worse than the default: whatever the policy. */
START_TEST(losses_are_bounded)
{
    static const double factors[3] = {1.0, 1.5, 8.0};
    double spent, alone;

    stage_open(policies[_i].settings);
    spent = play(700, policies[_i].features, factors, &alone);
    ck_assert_double_le(spent, 1.05 * alone);
    ck_assert_uint_gt(stage.problem->counters.guarded_budget, 0);
    ck_assert_uint_eq(stage.problem->counters.learned, 700);
    stage_close();
}
END_TEST

/* Something is better: it is found, and the guard stands aside. */
START_TEST(what_is_better_is_found)
{
    static const double factors[3] = {1.0, 0.3, 8.0};
    double spent, alone;

    stage_open(policies[_i].settings);
    spent = play(700, policies[_i].features, factors, &alone);
    ck_assert_double_lt(spent, 0.7 * alone);
    stage_close();
}
END_TEST

START_TEST(that_the_default_is_best_is_found)
{
    static const double factors[3] = {1.0, 1.5, 3.0};
    double alone;

    stage_open(policies[0].settings);
    (void)play(900, true, factors, &alone);
    ck_assert_uint_gt(stage.problem->counters.guarded_settled, 100);
    stage_close();
}
END_TEST

/* ---- open again ---- */

/* An alarm of drift, as the engine would have recorded it. */
static void raise_alarm(enum drift_stream stream)
{
    struct alarm_record alarm = {
            .head = {RECORD_ALARM, stage.spec.number, ++stage.now, {NULL, 0}},
            .stream = stream};

    stage_append(NULL, RECORD_ALARM, stage.spec.number,
            record_encode_alarm(&alarm, &stage.arena));
    fold_alarm(stage.problem, &alarm);
}

static uint64_t settled_in(uint32_t rounds, const double factors[3])
{
    uint64_t before = stage.problem->counters.guarded_settled;
    double alone;

    (void)play(rounds, true, factors, &alone);
    return stage.problem->counters.guarded_settled - before;
}

/* The default was best, and then another action becomes better, while the
 * default itself costs what it did: nothing that is played tells. Alarms that
 * speak of the world make it look again, and it is found; others do not. The
 * oracle forgets nothing, so the outcomes of the trials have to outvote what
 * was known. */
START_TEST(an_alarm_opens_it_again)
{
    static const double before[3] = {1.0, 1.5, 3.0};
    static const double after[3] = {1.0, 0.4, 3.0};
    double spent, alone;

    stage_open(GUARDED SURFACE "drift.on: false\npolicy.gain: 0.5\n");
    (void)play(400, true, before, &alone);
    ck_assert_uint_gt(settled_in(100, before), 90);
    ck_assert_uint_gt(settled_in(200, after), 190);
    raise_alarm(DRIFT_ACTIONS);
    raise_alarm(DRIFT_PROPENSITY);
    raise_alarm(DRIFT_JOIN);
    raise_alarm(DRIFT_DELAY);
    ck_assert_uint_gt(settled_in(100, after), 90);
    raise_alarm(_i == 0       ? DRIFT_CONTEXT
                    : _i == 1 ? DRIFT_RESIDUAL
                              : DRIFT_REWARD);
    ck_assert_uint_eq(settled_in(20, after), 0);
    spent = play(600, true, after, &alone);
    ck_assert_double_lt(spent, 0.8 * alone);
    stage_close();
}
END_TEST

/* ---- a generation on trial ---- */

static void promote(enum stage how, double share)
{
    struct promotion promotion = {
            .generation = 1, .stage = how, .share = share};
    struct input input = {.kind = INPUT_PROMOTE, .now = ++stage.now};

    input.as.promote = &promotion;
    ck_assert_int_eq(stage_step(&input).receipt.status, STATUS_OK);
}

/* The bytes of a model that learned for so long; malloc. */
static struct bytes model_of(uint32_t rounds, const double factors[3])
{
    struct bytes model;
    double alone;
    void *kept;

    stage_open(GUARDED SURFACE);
    (void)play(rounds, true, factors, &alone);
    stage_store_model(stage.problem, 1, 0);
    stage_close();
    model = stage.models[1].bytes;
    kept = malloc(model.size);
    ck_assert_ptr_nonnull(kept);
    memcpy(kept, model.data, model.size);
    return bytes_of(kept, model.size);
}

/* A generation that knows what the champion does not: under the guard it gets
 * its share, outcomes count for it, and the loss stays within its bound. Once
 * it serves, what its forerunner had found out is open again. */
START_TEST(a_generation_on_trial_gets_its_share_under_a_guard)
{
    static const double before[3] = {1.0, 1.5, 3.0};
    static const double after[3] = {1.0, 0.4, 3.0};
    const struct challenger *challenger;
    struct bytes model = model_of(300, after);
    double spent, alone;

    stage_open(GUARDED SURFACE);
    stage.models[1].bytes = model;
    (void)play(400, true, before, &alone);
    promote(_i == 0 ? STAGE_CANARY : STAGE_SHADOW, _i == 0 ? 0.5 : 0.0);
    challenger = &stage.problem->challenger;
    spent = play(200, true, after, &alone);
    ck_assert_uint_gt(challenger->rows, 150);
    ck_assert_double_le(spent, 1.05 * alone);
    if (_i == 0) {
        ck_assert_double_gt(challenger->sum, 0.0);
        ck_assert_double_lt(spent, 0.8 * alone);
    }
    promote(STAGE_SERVE, 0.0);
    ck_assert_uint_eq(stage.problem->guard.reopened, GUARD_RETRIES);
    stage_close();
    free((void *)(uintptr_t)model.data);
}
END_TEST

/* Without the default among the actions of a request there is no guard. */
START_TEST(an_excluded_default_guards_nothing)
{
    static const uint32_t excluded[] = {0};
    double context = 0.5;
    struct question question = {.event = bytes_of_text("e"),
            .shared = {.rows = 1, .columns = 1, .values = &context},
            .excluded = excluded,
            .excluded_count = 1};
    struct decision decision;

    stage_open(policies[1].settings);
    decision = stage_ask(&question);
    ck_assert_int_eq(decision.status, STATUS_OK);
    ck_assert_uint_ne(decision.ranking[0], 0);
    ck_assert_double_eq(decision.limit, 0.0);
    stage_close();
}
END_TEST

static const struct {
    const char *settings, *message;
} refusals[] = {
        {"actions: a\nguard.action: b\n",
                "guard: action: is none of the catalogue (actions)"},
        {"guard.action: b\naction_features: 1\n",
                "guard: action: is none of the catalogue (actions)"},
        {"actions: a\nguard.action: a\nreward.objective: minimise\n"
         "reward.min: -1\n",
                "guard: costs are not below 0: set reward.min"},
        {"actions: a\nguard.action: a\nreward.default_on: false\n",
                "guard: every event needs a cost: set reward.default_on, or "
                "reward.wait: 0"},
        {"actions: a\nactions: b\nguard.action: a\nform: duel\n",
                "guard: only for the form decide"},
        {"actions: a\nreward.scale: log\n",
                "reward.scale: log needs reward.min above 0"},
        {"actions: a\nreward.scale: log\nform: duel\n",
                "reward.scale: log is for the forms decide and predict"},
};

START_TEST(settings_are_checked)
{
    uint8_t *memory = malloc(1 << 20);
    struct arena arena = arena_over(memory, 1 << 20);
    struct problem_spec spec;
    struct err err;

    ck_assert_int_eq(
            problem_spec_parse_text(&spec, bytes_of_text("p"),
                    bytes_of_text(refusals[_i].settings), &arena, &err),
            STATUS_INVALID);
    ck_assert_str_eq(err.text, refusals[_i].message);
    free(memory);
}
END_TEST

static void setup(void)
{
    stage_setup();
    played = 0;
}

int main(void)
{
    Suite *suite = suite_create("guard in the engine");
    TCase *tests = tcase_create("guard");

    tcase_add_checked_fixture(tests, setup, stage_teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(
            tests, losses_are_bounded, 0, (int)ARRAY_COUNT(policies));
    tcase_add_loop_test(
            tests, what_is_better_is_found, 0, (int)ARRAY_COUNT(policies));
    tcase_add_test(tests, that_the_default_is_best_is_found);
    tcase_add_test(tests, an_excluded_default_guards_nothing);
    tcase_add_loop_test(tests, an_alarm_opens_it_again, 0, 3);
    tcase_add_loop_test(
            tests, a_generation_on_trial_gets_its_share_under_a_guard, 0, 2);
    tcase_add_loop_test(
            tests, settings_are_checked, 0, (int)ARRAY_COUNT(refusals));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
