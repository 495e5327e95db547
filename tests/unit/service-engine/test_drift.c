/* Alarms of drift as records: raised by the fold of the records before them,
 * written once, named, and raised again by every fold of the same log. */
#include "tests/unit/service-engine/stage.h"

#define SHOP                                                                   \
    "context: x\nactions: card\nactions: bank\nactions: wallet\n"              \
    "policy.oracle: ridge\npolicy.explorer: squarecb\nreward.wait: 0s\n"

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

int main(void)
{
    Suite *suite = suite_create("drift");
    TCase *cases = tcase_create("scenarios");

    tcase_add_checked_fixture(cases, stage_setup, stage_teardown);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, an_outage_is_a_record);
    tcase_add_test(cases, the_detectors_are_saved);
    tcase_add_test(cases, watching_can_be_switched_off);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
