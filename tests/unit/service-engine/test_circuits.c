/* The circuit breaker in the engine: what is taken out of the eligible set,
 * what the log says of it, and that the fold of the log is the state (which
 * leaving the stage checks). */
#include "tests/unit/service-engine/stage.h"

#include <math.h>

#define SETTINGS                                                               \
    "actions: a-x\nactions: a-y\nactions: b-x\nreward.wait: 10s\n"             \
    "orphan_wait: 60s\nbreaker.on: true\nbreaker.share: -\n"                   \
    "breaker.probe: 0.05\npolicy.learner: tsallis-inf\npolicy.floor: 0.05\n"
#define MODEL                                                                  \
    "actions: a-x\nactions: a-y\nactions: b-x\nreward.wait: 10s\n"             \
    "breaker.on: true\nbreaker.share: -\npolicy.oracle: ridge\n"               \
    "policy.explorer: squarecb\n"

static uint32_t made;

static const struct decision_record *decided(void)
{
    const union any_record *record = stage_record(0);

    ck_assert_int_eq(record->head.kind, RECORD_DECISION);
    return &record->decision;
}

/* One round with this value for a place below `below` and 1 for the others;
 * returns the place. */
static uint32_t round_with(double value, uint32_t below, enum cause cause)
{
    struct feedback feedback = {.cause = cause};
    struct decision decision;
    char event[16];

    (void)snprintf(event, sizeof(event), "r%u", made++);
    decision = stage_decide(event);
    ck_assert_int_eq(decision.status, STATUS_OK);
    feedback.event = bytes_of_text(event);
    feedback.value = decision.ranking[0] < below ? value : 1.0;
    ck_assert_int_eq(stage_report(feedback).status, STATUS_OK);
    return decision.ranking[0];
}

static struct breaker_view circuit(uint32_t index)
{
    struct breaker_view view;

    breaker_view(stage.problem->breaker, index, &view);
    return view;
}

START_TEST(what_fails_is_taken_out)
{
    uint32_t masked = 0, probes = 0, wrong = 0;

    stage_open(SETTINGS);
    for (uint32_t i = 0; i < 200; i++)
        (void)round_with(1.0, 2, CAUSE_UNKNOWN);
    ck_assert(breaker_calm(stage.problem->breaker));
    while (breaker_calm(stage.problem->breaker) && made < 1000)
        (void)round_with(0.0, 2, CAUSE_UNKNOWN);
    ck_assert(circuit(0).open && !circuit(1).open);
    for (uint32_t i = 0; i < 400; i++) {
        const struct decision_record *record;
        double sum = 0.0;
        char event[16];
        (void)snprintf(event, sizeof(event), "e%u", i);
        (void)stage_decide(event);
        record = decided();
        for (uint32_t k = 0; k < record->count; k++)
            sum += record->probability[k];
        wrong += fabs(sum - 1.0) > 1e-9;
        masked += record->masked == 2 && record->count == 1 &&
                record->eligible[0] == 2;
        probes += record->masked == 0 && record->count == 3;
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_eq(masked + probes, 400);
    /* 20 of 400 expected, sd 4.4. */
    ck_assert_uint_ge(probes, 6);
    ck_assert_uint_le(probes, 40);
    stage_close();
}
END_TEST

START_TEST(what_recovers_comes_back)
{
    stage_open(SETTINGS);
    while (breaker_calm(stage.problem->breaker))
        (void)round_with(0.0, 2, CAUSE_UNKNOWN);
    for (uint32_t i = 0; i < 1500 && !breaker_calm(stage.problem->breaker); i++)
        (void)round_with(1.0, 2, CAUSE_UNKNOWN);
    ck_assert(breaker_calm(stage.problem->breaker));
    ck_assert_uint_eq(circuit(0).closed, 1);
    stage_close();
}
END_TEST

/* The newest alarm of the log. */
static struct alarm_record newest_alarm(void)
{
    for (uint32_t back = 0; back < stage.record_count; back++)
        if (stage_record(back)->head.kind == RECORD_ALARM)
            return stage_record(back)->alarm;
    ck_abort_msg("no alarm");
}

/* At the outcome that opens or closes it, a record says so, and the fold of the
 * log counts it once (leaving the stage compares the states). */
START_TEST(the_log_says_what_opened_and_closed)
{
    struct alarm_record alarm;
    uint32_t before;

    stage_open(SETTINGS);
    while (breaker_calm(stage.problem->breaker)) {
        ck_assert_uint_eq(stage.problem->counters.circuits_opened, 0);
        (void)round_with(0.0, 2, CAUSE_UNKNOWN);
    }
    alarm = newest_alarm();
    ck_assert_uint_eq(alarm.stream, DRIFT_BREAKER);
    ck_assert_uint_eq(alarm.part, DRIFT_CIRCUIT);
    ck_assert(bytes_equal(alarm.name, bytes_of_text("a")));
    ck_assert_double_ge(alarm.statistic, alarm.threshold);
    ck_assert_double_eq(alarm.before, 1.0);
    ck_assert_double_eq_tol(alarm.after, 0.05, 1e-12);
    ck_assert_uint_eq(stage.problem->counters.circuits_opened, 1);
    ck_assert_uint_eq(stage.problem->counters.alarms, 0);
    before = stage.record_count;
    for (uint32_t i = 0; i < 1500 && !breaker_calm(stage.problem->breaker); i++)
        (void)round_with(1.0, 2, CAUSE_UNKNOWN);
    ck_assert_uint_gt(stage.record_count, before);
    alarm = newest_alarm();
    ck_assert_double_lt(alarm.before, 1.0);
    ck_assert_double_eq(alarm.after, 1.0);
    ck_assert_uint_eq(stage.problem->counters.circuits_closed, 1);
    ck_assert_ptr_null(breaker_changed(stage.problem->breaker));
    stage_close();
}
END_TEST

START_TEST(all_open_is_none)
{
    stage_open(SETTINGS);
    for (uint32_t i = 0; i < 600 && !(circuit(0).open && circuit(1).open); i++)
        (void)round_with(0.0, 3, CAUSE_ACTION);
    ck_assert(circuit(0).open && circuit(1).open);
    for (uint32_t i = 0; i < 100; i++) {
        char event[16];
        const struct decision_record *record;
        (void)snprintf(event, sizeof(event), "e%u", i);
        (void)stage_decide(event);
        record = decided();
        ck_assert(record->all_open ? record->count == 3 && record->masked == 0
                                   : record->count + record->masked == 3);
    }
    stage_close();
}
END_TEST

START_TEST(customers_do_not_open_it)
{
    stage_open(SETTINGS);
    for (uint32_t i = 0; i < 300; i++)
        (void)round_with(0.0, 3, i % 2 == 0 ? CAUSE_CUSTOMER : CAUSE_OTHER);
    ck_assert(breaker_calm(stage.problem->breaker));
    ck_assert_uint_eq(circuit(0).counted + circuit(1).counted, 0);
    stage_close();
}
END_TEST

/* An event that is never answered is a failure of its action. */
START_TEST(silence_counts)
{
    stage_open(SETTINGS);
    for (uint32_t i = 0; i < 5; i++) {
        char event[16];
        (void)snprintf(event, sizeof(event), "e%u", i);
        (void)stage_decide(event);
        stage_fall_due(event);
    }
    ck_assert_uint_eq(circuit(0).counted + circuit(1).counted, 5);
    ck_assert_double_gt(circuit(0).evidence + circuit(1).evidence, 0.0);
    stage_close();
}
END_TEST

/* A prediction of the model is logged, and is what outcomes are compared
 * with. */
START_TEST(predictions_are_logged)
{
    uint32_t place;

    stage_open(MODEL);
    for (uint32_t i = 0; i < 300; i++)
        (void)round_with(i % 10 == 0 ? 0.0 : 1.0, 3, CAUSE_UNKNOWN);
    (void)stage_decide("last");
    ck_assert(decided()->has_expected);
    ck_assert_double_eq_tol(decided()->expected_failure, 0.1, 0.08);
    place = decided()->eligible[decided()->chosen];
    ck_assert_uint_eq(circuit(place < 2 ? 0 : 1).closed, 0);
    stage_close();
}
END_TEST

/* A correction and a repeated report change no circuit. */
START_TEST(an_event_counts_once)
{
    struct feedback feedback = {.event = bytes_of_text("e")};
    double evidence;

    stage_open(SETTINGS);
    (void)stage_decide("e");
    (void)stage_report(feedback);
    evidence = circuit(0).evidence + circuit(1).evidence;
    ck_assert_double_gt(evidence, 0.0);
    ck_assert(stage_report(feedback).repeated);
    feedback.value = 0.25;
    ck_assert_int_eq(stage_report(feedback).status, STATUS_OK);
    ck_assert_double_eq(circuit(0).evidence + circuit(1).evidence, evidence);
    stage_close();
}
END_TEST

START_TEST(settings_are_checked)
{
    stage_settings_refused(
            "actions: a\nbreaker.off: true\n", "breaker.off: no such setting");
    stage_settings_refused(
            "actions: a\nbreaker.on: true\nbreaker.probe: 2\n", "breaker: ");
    stage_settings_refused("breaker.on: true\n", "lists the catalogue");
    stage_settings_refused(
            "form: predict\ncontext: x\nbreaker.on: true\npolicy.oracle: ridge\n",
            "lists the catalogue");
    stage_settings_refused("actions: a\nbreaker.on: true\nbreaker.least: 0.5\n"
                           "breaker.most: 0.4\n",
            "least is above most");
}
END_TEST

static void setup(void)
{
    made = 0;
    stage_setup();
}

int main(void)
{
    Suite *suite = suite_create("circuits");
    TCase *cases = tcase_create("circuits");

    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, setup, stage_teardown);
    tcase_add_test(cases, what_fails_is_taken_out);
    tcase_add_test(cases, what_recovers_comes_back);
    tcase_add_test(cases, the_log_says_what_opened_and_closed);
    tcase_add_test(cases, all_open_is_none);
    tcase_add_test(cases, customers_do_not_open_it);
    tcase_add_test(cases, silence_counts);
    tcase_add_test(cases, predictions_are_logged);
    tcase_add_test(cases, an_event_counts_once);
    tcase_add_test(cases, settings_are_checked);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
