/* Alarms of drift as records: raised by the fold of the records before them,
 * written once, named, and raised again by every fold of the same log. */
#include "base/rng.h"
#include "tests/unit/service-engine/stage.h"

#include <math.h>

#define SHOP                                                                   \
    "context: x\nactions: card\nactions: bank\nactions: wallet\n"              \
    "policy.oracle: ridge\npolicy.explorer: squarecb\nreward.wait: 0s\n"

static bool all_fail; /* every outcome is bad */

static void play(uint32_t from, uint32_t to, const char *failing)
{
    for (uint32_t i = from; i < to; i++) {
        char id[16];
        double x = (i * 37 % 100) / 100.0;
        struct question question = {
                .shared = {.rows = 1, .columns = 1, .values = &x}};
        struct decision decision;
        struct feedback feedback = {
                .value = i % 10 == 0 ? 0.0 : 1.0, .id = bytes_of_text("only")};
        (void)snprintf(id, sizeof(id), "e%u", i);
        question.event = bytes_of_text(id);
        decision = stage_ask(&question);
        ck_assert_int_eq(decision.status, STATUS_OK);
        if (failing != NULL &&
                bytes_equal(decision.action[0], bytes_of_text(failing)))
            feedback.value = 0.0;
        if (all_fail)
            feedback.value = 0.0;
        feedback.event = bytes_of_text(id);
        ck_assert_int_eq(stage_report(feedback).status, STATUS_OK);
    }
}

static uint32_t alarms(void)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < stage.record_count; i++)
        count += stage.records[i].kind == RECORD_ALARM;
    return count;
}

START_TEST(an_outage_is_a_record)
{
    union any_record record;
    struct err err;
    uint32_t first = 0;

    stage_open(SHOP);
    play(0, 700, NULL);
    ck_assert_uint_eq(alarms(), 0);
    play(700, 1200, "card");
    ck_assert_uint_gt(alarms(), 0);
    ck_assert_uint_eq(stage.problem->counters.alarms, alarms());
    while (stage.records[first].kind != RECORD_ALARM)
        first++;
    ck_assert_int_eq(record_decode(RECORD_ALARM, stage.records[first].payload,
                             &stage.reading, &record, &err),
            0);
    ck_assert_uint_eq(record.alarm.stream, DRIFT_REWARD);
    ck_assert_uint_eq(record.alarm.part, DRIFT_ACTION);
    ck_assert(bytes_equal(record.alarm.name, bytes_of_text("card")));
    ck_assert_double_gt(record.alarm.after, record.alarm.before);
    ck_assert_ptr_null(drift_pending(stage.problem->drift));
    /* stage_close() folds the log again: the same alarms, the same bytes. */
    stage_close();
}
END_TEST

/* Those who look on are told what the records say, and the state is that of a
 * problem at which nobody looks: stage_close() folds the log into one. */
START_TEST(looked_on)
{
    const struct pulse *pulse;
    const struct recent *recent;
    const struct recent_alarm *alarm;

    stage_open(SHOP);
    problem_watch(stage.problem);
    pulse = stage.problem->pulse;
    ck_assert_ptr_nonnull(pulse);
    play(0, 700, NULL);
    play(700, 1200, "card");
    ck_assert_uint_eq(pulse->decided, stage.problem->counters.decisions);
    ck_assert_uint_eq(pulse->all.rows, stage.problem->counters.learned);
    ck_assert_double_eq_tol(pulse_mean(pulse, &pulse->all).mean,
            stage.problem->counters.value_sum / 1200, 1e-12);
    ck_assert_uint_eq(pulse->actions[0].chosen + pulse->actions[1].chosen +
                    pulse->actions[2].chosen,
            1200);
    recent = &stage.problem->recent;
    ck_assert_uint_eq(recent->count, alarms());
    alarm = recent_alarm(recent, recent_kept(recent) - 1);
    ck_assert_uint_eq(alarm->alarm.stream, DRIFT_REWARD);
    ck_assert(bytes_equal(recent_bytes(&alarm->name), bytes_of_text("card")));
    ck_assert_uint_ge(alarm->event.size, 4); /* e700 or later */
    ck_assert_uint_eq(alarm->event.id[0], 'e');
    stage_close();
}
END_TEST

START_TEST(the_detectors_are_saved)
{
    struct err err;
    size_t size;
    uint8_t *bytes;
    struct writer writer;
    struct problem *copy;

    stage_open(SHOP);
    play(0, 1000, NULL);
    size = problem_save_size(stage.problem);
    bytes = malloc(size);
    writer = writer_over(bytes, size);
    problem_save(stage.problem, &writer);
    copy = problem_open(&stage.spec, &err);
    ck_assert_int_eq(problem_load(copy, bytes_of(bytes, size), &err), 0);
    ck_assert_uint_eq(stage_hash(copy), stage_hash(stage.problem));
    problem_close(copy);
    free(bytes);
    stage_close();
}
END_TEST

START_TEST(watching_can_be_switched_off)
{
    stage_open(SHOP "drift.on: false\n");
    play(0, 700, NULL);
    play(700, 1200, "card");
    ck_assert_uint_eq(alarms(), 0);
    ck_assert_ptr_null(stage.problem->drift);
    stage_close();
    stage_settings_refused(SHOP "drift.window: 5\n", "drift.window");
}
END_TEST

/* ---- on_drift: fallback ---- */

#define NERVOUS                                                                \
    SHOP "drift.between: 1000\ndrift.silence: 50\ndrift.warmup: 100\n"         \
         "on_drift: fallback\nfallback.explore: 0.3\nfallback.calm: 150\n"

/* The newest Decision record. */
static const struct decision_record *last_decision(void)
{
    uint32_t back = 0;

    while (stage.records[stage.record_count - 1 - back].kind != RECORD_DECISION)
        back++;
    return &stage_record(back)->decision;
}

static bool falls_back(void)
{
    return response_falls_back(&stage.problem->response, &stage.spec.settings,
            stage.problem->counters.learned);
}

/* Plays until the fallback decides, all outcomes being bad; the next event. */
static uint32_t play_until_fallback(uint32_t from)
{
    for (uint32_t i = from; i < from + 400; i++) {
        bool before = falls_back();
        play(i, i + 1, NULL);
        ck_assert_uint_eq(last_decision()->fallback, before);
        if (falls_back())
            return i + 1;
    }
    ck_abort_msg("no fallback");
    return 0;
}

static struct decision decide_as(const char *event, const uint32_t *excluded,
        uint32_t excluded_count, int baseline)
{
    double x = 0.25;
    struct question question = {.event = bytes_of_text(event),
            .shared = {.rows = 1, .columns = 1, .values = &x},
            .excluded = excluded,
            .excluded_count = excluded_count,
            .has_baseline = baseline >= 0,
            .baseline = baseline >= 0 ? (uint32_t)baseline : 0};
    struct decision decision = stage_ask(&question);

    ck_assert_int_eq(decision.status, STATUS_OK);
    return decision;
}

static double probability_of(uint32_t place)
{
    const struct decision_record *record = last_decision();

    for (uint32_t i = 0; i < record->count; i++)
        if (record->eligible[i] == place)
            return record->probability[i];
    return 0.0;
}

/* An alarm as a detector would raise it, folded as its record. */
static void alarm_now(
        enum drift_stream stream, enum drift_part part, double after)
{
    struct alarm_record record = {
            .head = {RECORD_ALARM, 7, stage.now, {NULL, 0}},
            .stream = stream,
            .part = part,
            .statistic = 2.0,
            .threshold = 1.0,
            .after = after};
    struct bytes payload = record_encode_alarm(&record, &stage.arena);

    stage_append(NULL, RECORD_ALARM, 7, payload);
    fold_alarm(stage.problem, &record);
}

START_TEST(a_fallback_takes_its_action)
{
    static const uint32_t no_bank[1] = {1};

    stage_open(NERVOUS "fallback.action: bank\n");
    play(0, 10, NULL);
    ck_assert(!last_decision()->fallback);
    alarm_now(DRIFT_WEIGHTED, DRIFT_ALL, 0.0);
    (void)decide_as("a", NULL, 0, 2);
    ck_assert(last_decision()->fallback);
    ck_assert_double_eq_tol(probability_of(0), 0.1, 1e-15);
    ck_assert_double_eq_tol(probability_of(1), 0.8, 1e-15);
    /* It may not be taken: the client's own, then what the policy would do. */
    (void)decide_as("b", no_bank, 1, 2);
    ck_assert_double_eq_tol(probability_of(0), 0.15, 1e-15);
    ck_assert_double_eq_tol(probability_of(2), 0.85, 1e-15);
    (void)decide_as("c", no_bank, 1, -1);
    ck_assert_double_ge(probability_of(0), 0.15);
    ck_assert_double_ge(probability_of(2), 0.15);
    ck_assert_uint_eq(stage.problem->counters.fallbacks, 3);
    stage_close();
}
END_TEST

/* What was drawn is distributed as what was logged. */
START_TEST(its_propensities_are_true)
{
    uint32_t drawn[3] = {0};
    double expected[3] = {0.0}, variance[3] = {0.0};

    stage_open(NERVOUS);
    play(0, 300, NULL);
    alarm_now(DRIFT_RESIDUAL, DRIFT_ALL, 0.0);
    for (uint32_t i = 0; i < 1000; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "d%u", i);
        drawn[decide_as(id, NULL, 0, -1).ranking[0]]++;
        for (uint32_t k = 0; k < 3; k++) {
            double p = probability_of(k);
            ck_assert_double_ge(p, 0.1 - 1e-12);
            expected[k] += p;
            variance[k] += p * (1.0 - p);
        }
    }
    /* Five standard deviations: once in a million runs, and the draws are the
     * same in each. */
    for (uint32_t k = 0; k < 3; k++)
        ck_assert_double_lt(
                fabs(drawn[k] - expected[k]), 5.0 * sqrt(variance[k]));
    stage_close();
}
END_TEST

START_TEST(a_fallback_ends_when_it_is_calm)
{
    stage_open(NERVOUS);
    play(0, 20, NULL);
    alarm_now(DRIFT_REWARD, DRIFT_GROUP, 0.0);
    ck_assert(falls_back());
    play(20, 120, NULL);
    /* Alarms that it may have caused do not make it longer, nor begin another
     * one soon after it. */
    alarm_now(DRIFT_REWARD, DRIFT_ALL, 0.0);
    play(120, 169, NULL);
    ck_assert(falls_back());
    play(169, 170, NULL);
    ck_assert(!falls_back());
    alarm_now(DRIFT_OPTIMISM, DRIFT_ALL, -1.0);
    alarm_now(DRIFT_ACTIONS, DRIFT_ALL, 0.0);
    alarm_now(DRIFT_REWARD, DRIFT_ACTION, 0.0);
    ck_assert(!falls_back());
    play(170, 319, NULL);
    alarm_now(DRIFT_RESIDUAL, DRIFT_ALL, 0.0);
    ck_assert(!falls_back());
    play(319, 320, NULL);
    alarm_now(DRIFT_OPTIMISM, DRIFT_ALL, 1.0);
    ck_assert(falls_back());
    play(320, 420, NULL);
    alarm_now(DRIFT_WEIGHTED, DRIFT_ALL, 0.0);
    play(420, 569, NULL);
    ck_assert(falls_back());
    play(569, 570, NULL);
    ck_assert(!falls_back());
    stage_close();
}
END_TEST

START_TEST(lost_feedback_explains_alarms_away)
{
    stage_open(NERVOUS);
    play(0, 200, NULL);
    alarm_now(DRIFT_JOIN, DRIFT_ALL, 0.0);
    play(200, 250, NULL);
    alarm_now(DRIFT_REWARD, DRIFT_ALL, 0.0);
    ck_assert(!falls_back());
    ck_assert(!response_holds(&stage.problem->response, &stage.spec.settings));
    play(250, 400, NULL);
    alarm_now(DRIFT_REWARD, DRIFT_ALL, 0.0);
    ck_assert(falls_back());
    alarm_now(DRIFT_DELAY, DRIFT_ALL, 0.0);
    ck_assert(!falls_back());
    stage_close();
}
END_TEST

START_TEST(another_generation_ends_it)
{
    struct input input = {.kind = INPUT_PROMOTE, .now = stage.now};
    struct promotion promotion = {.generation = 1};

    stage_open(NERVOUS);
    play(0, 50, NULL);
    stage_store_model(stage.problem, 1, 0);
    alarm_now(DRIFT_RESIDUAL, DRIFT_ALL, 0.0);
    ck_assert(falls_back());
    input.as.promote = &promotion;
    ck_assert_int_eq(stage_step(&input).receipt.status, STATUS_OK);
    ck_assert(!falls_back());
    (void)decide_as("after", NULL, 0, -1);
    ck_assert(!last_decision()->fallback);
    stage_close();
}
END_TEST

/* With its own detectors: what was good becomes bad. */
START_TEST(a_fallback_begins_by_itself)
{
    uint32_t next;

    stage_open(NERVOUS);
    play(0, 600, NULL);
    ck_assert(!falls_back());
    all_fail = true;
    next = play_until_fallback(600);
    all_fail = false;
    ck_assert_uint_lt(next, 800);
    ck_assert_uint_gt(alarms(), 0);
    stage_close();
}
END_TEST

/* ---- how well predictions hold ---- */

START_TEST(the_band_of_predictions)
{
    struct performance performance = {0};
    struct rng rng = rng_keyed(5, 41, RNG_TEST);
    struct performance_view view;
    uint32_t left = 0;

    for (uint32_t i = 0; i < PERFORMANCE_REFERENCE + PERFORMANCE_BLOCK; i++) {
        ck_assert(!performance_view(&performance).known);
        performance_add(&performance, 0.3, rng_unit(&rng) < 0.3 ? 1.0 : 0.0);
        performance_add(&performance, NAN, 1.0); /* is not counted */
    }
    view = performance_view(&performance);
    ck_assert(view.known);
    /* p (1 - p) */
    ck_assert_double_eq_tol(view.reference, 0.21, 0.02);
    /* While it is right: two standard errors, one side, are 2.3 %. */
    for (uint32_t block = 0; block < 400; block++) {
        for (uint32_t i = 0; i < PERFORMANCE_BLOCK; i++)
            performance_add(
                    &performance, 0.3, rng_unit(&rng) < 0.3 ? 1.0 : 0.0);
        left += performance_view(&performance).left;
    }
    ck_assert_uint_le(left, 40);
    for (uint32_t i = 0; i < PERFORMANCE_BLOCK; i++)
        performance_add(&performance, 0.3, rng_unit(&rng) < 0.7 ? 1.0 : 0.0);
    ck_assert(performance_view(&performance).left);
    /* A generation that is as bad from its first day is measured by those
     * before it, and a better one by itself. */
    performance_restart(&performance);
    ck_assert(!performance_view(&performance).known);
    for (uint32_t i = 0; i < PERFORMANCE_REFERENCE + PERFORMANCE_BLOCK; i++)
        performance_add(&performance, 0.3, rng_unit(&rng) < 0.7 ? 1.0 : 0.0);
    ck_assert(performance_view(&performance).left);
    ck_assert_double_eq_tol(
            performance_view(&performance).reference, 0.21, 0.02);
    performance_restart(&performance);
    for (uint32_t i = 0; i < PERFORMANCE_REFERENCE + PERFORMANCE_BLOCK; i++)
        performance_add(&performance, 0.1, rng_unit(&rng) < 0.1 ? 1.0 : 0.0);
    ck_assert(!performance_view(&performance).left);
    ck_assert_double_eq_tol(
            performance_view(&performance).reference, 0.09, 0.02);
}
END_TEST

/* Errors of a model that says `says` of a world where it is `true_rate`. */
static void add_errors(struct performance *performance, struct rng *rng,
        double says, double true_rate, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        performance_add(
                performance, says, rng_unit(rng) < true_rate ? 1.0 : 0.0);
}

/* Blocks out of the band, of GENERATIONS * LOOKS of each of SEEDS problems
 * whose generations are all as good; `known` has what the last problem knows.
 */
#define SEEDS       100u
#define GENERATIONS 30u
#define LOOKS       10u
static double false_shares(struct performance *known)
{
    uint32_t left = 0;

    for (uint32_t seed = 0; seed < SEEDS; seed++) {
        struct rng rng = rng_keyed(seed, 42, RNG_TEST);
        struct performance performance = {0};
        for (uint32_t i = 0; i < GENERATIONS; i++) {
            performance_restart(&performance);
            add_errors(&performance, &rng, 0.3, 0.3, PERFORMANCE_REFERENCE);
            for (uint32_t look = 0; look < LOOKS; look++) {
                add_errors(&performance, &rng, 0.3, 0.3, PERFORMANCE_BLOCK);
                left += performance_view(&performance).left;
            }
        }
        *known = performance;
    }
    return (double)left / (SEEDS * GENERATIONS * LOOKS);
}

/* 2.3 % of blocks are two standard errors above; measured by the luckiest
 * generation so far it would be 8 %, and more with each that comes. */
START_TEST(lucky_generations_do_not_narrow_the_band)
{
    struct performance performance;
    struct rng rng = rng_keyed(0, 43, RNG_TEST);

    ck_assert_double_lt(false_shares(&performance), 0.035);
    ck_assert_uint_le(performance.known.rows, PERFORMANCE_KNOWN);
    /* One that is worse is noticed still, however long it has served. */
    performance_restart(&performance);
    add_errors(&performance, &rng, 0.3, 0.45, PERFORMANCE_REFERENCE);
    for (uint32_t look = 0; look < LOOKS; look++) {
        add_errors(&performance, &rng, 0.3, 0.45, PERFORMANCE_BLOCK);
        ck_assert(performance_view(&performance).left);
    }
    /* The most that there may be is saved and loaded. */
    performance = (struct performance){0};
    for (uint32_t i = 0; i < GENERATIONS; i++) {
        uint8_t bytes[256];
        struct writer writer = writer_over(bytes, sizeof(bytes));
        struct reader reader;
        add_errors(&performance, &rng, 0.0, 1.0, PERFORMANCE_REFERENCE);
        performance_restart(&performance);
        performance_save(&performance, &writer);
        reader = reader_of(writer_bytes(&writer));
        ck_assert(performance_load(&performance, &reader));
    }
    ck_assert_uint_eq(performance.known.rows, PERFORMANCE_KNOWN);
}
END_TEST

/* An oracle whose first model has not been trained yet predicts nothing, so
 * nothing that is measured against predictions speaks. */
START_TEST(nothing_is_expected_of_no_model)
{
    stage_open("context: x\nactions: card\nactions: bank\nactions: wallet\n"
               "policy.oracle: trees\npolicy.explorer: squarecb\n"
               "reward.wait: 0s\ndrift.warmup: 100\n");
    all_fail = true;
    play(0, 1900, NULL);
    all_fail = false;
    ck_assert_uint_eq(alarms(), 0);
    ck_assert(!performance_view(&stage.problem->performance).known);
    stage_close();
}
END_TEST

START_TEST(what_cannot_be_is_refused)
{
    stage_settings_refused(
            NERVOUS "fallback.action: cash\n", "fallback.action");
    stage_settings_refused(NERVOUS "drift.on: false\n", "on_drift");
    stage_settings_refused(SHOP "on_drift: panic\n", "on_drift");
    stage_settings_refused(
            NERVOUS "guard.action: card\nobjective: minimise\n", "on_drift");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("drift");
    TCase *cases = tcase_create("scenarios");

    tcase_add_checked_fixture(cases, stage_setup, stage_teardown);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, an_outage_is_a_record);
    tcase_add_test(cases, looked_on);
    tcase_add_test(cases, the_detectors_are_saved);
    tcase_add_test(cases, watching_can_be_switched_off);
    tcase_add_test(cases, a_fallback_takes_its_action);
    tcase_add_test(cases, its_propensities_are_true);
    tcase_add_test(cases, a_fallback_ends_when_it_is_calm);
    tcase_add_test(cases, lost_feedback_explains_alarms_away);
    tcase_add_test(cases, another_generation_ends_it);
    tcase_add_test(cases, a_fallback_begins_by_itself);
    tcase_add_test(cases, the_band_of_predictions);
    tcase_add_test(cases, lucky_generations_do_not_narrow_the_band);
    tcase_add_test(cases, nothing_is_expected_of_no_model);
    tcase_add_test(cases, what_cannot_be_is_refused);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
