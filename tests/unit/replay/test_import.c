/* Logs from elsewhere into a store in memory: what the records say, that the
 * store verifies, and that its fold learned what the log holds. */
#include "replay/import.h"

#include "formats/stream.h"
#include "replay/rebuild.h"
#include "replay/verify.h"
#include "tests/lib/suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define ARENA_BYTES ((size_t)64 << 20)

static struct {
    struct ledger *ledger;
    struct import *import;
    struct problem_spec spec;
    struct survey survey;
    struct arena specs, reading;
    char settings[SURVEY_TEXT_SIZE];
    char refusal[ERR_TEXT_SIZE]; /* of the last event that was not taken */
} desk;

static void setup(void)
{
    struct store *store;
    struct err err;

    memset(&desk, 0, sizeof(desk));
    desk.specs = arena_over(malloc(ARENA_BYTES), ARENA_BYTES);
    desk.reading = arena_over(malloc(ARENA_BYTES), ARENA_BYTES);
    ck_assert_int_eq(store_mem_open(0, &store, &err), 0);
    ck_assert_int_eq(ledger_over(store, false, &desk.ledger, &err), 0);
}

static void teardown(void)
{
    import_close(desk.import);
    ledger_close(desk.ledger);
    free(desk.specs.data);
    free(desk.reading.data);
}

/* Hands every event of the text on; the others are left out. */
static void each(const struct format *format, const char *text,
        int (*take)(const struct logged *event, struct err *err))
{
    struct format_settings settings = {NULL, NULL};
    struct stream stream;
    struct logged event;
    enum parsed parsed;
    struct err err;
    int fd = memfd_create("rows", 0);

    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
    ck_assert_int_eq(stream_open(&stream, format, &settings, fd, &err), 0);
    while ((parsed = stream_next(&stream, &event, &err)) != PARSED_MORE)
        if (parsed == PARSED_EVENT && take(&event, &err) != 0) {
            ck_assert_int_eq(err.status, STATUS_INVALID);
            (void)snprintf(desk.refusal, sizeof(desk.refusal), "%s", err.text);
        }
    stream_close(&stream);
    (void)close(fd);
}

static int survey_one(const struct logged *event, struct err *err)
{
    return survey_add(&desk.survey, event, err);
}

static int import_one(const struct logged *event, struct err *err)
{
    return import_add(desk.import, event, err);
}

static void open_with(const char *settings)
{
    struct err err;

    ck_assert_msg(problem_spec_parse_text(&desk.spec, bytes_of_text("p"),
                          bytes_of_text(settings), &desk.specs, &err) == 0,
            "%s", err.text);
    ck_assert_msg(import_open(&desk.import, desk.ledger, &desk.spec, &err) == 0,
            "%s", err.text);
}

static void add(const struct format *format, const char *text)
{
    struct err err;

    each(format, text, import_one);
    ck_assert_int_eq(import_commit(desk.import, &err), 0);
}

/* Settings of what the text holds, then the text. */
static void import_text(const struct format *format, const char *text)
{
    struct err err;

    ck_assert_int_eq(survey_open(&desk.survey, format, &err), 0);
    each(format, text, survey_one);
    ck_assert_int_eq(survey_settings(&desk.survey, NULL, desk.settings,
                             sizeof(desk.settings), &err),
            0);
    survey_close(&desk.survey);
    open_with(desk.settings);
    add(format, text);
}

static void has_setting(const char *line)
{
    ck_assert_msg(strstr(desk.settings, line) != NULL, "%s", desk.settings);
}

static const union any_record *record(uint64_t sequence)
{
    static union any_record record;
    struct ledger_reader reader;
    struct log_entry entry;
    struct bytes payload;
    struct err err;

    ck_assert_int_eq(ledger_reader_open(desk.ledger, &reader, &err), 0);
    ck_assert_msg(
            log_get(reader.txn, sequence, &entry, &err) == 0, "%s", err.text);
    arena_reset(&desk.reading);
    payload = bytes_of(
            arena_copy(&desk.reading, entry.payload.data, entry.payload.size),
            entry.payload.size);
    ledger_reader_close(&reader);
    ck_assert_msg(record_decode(entry.kind, payload, &desk.reading, &record,
                          &err) == 0,
            "%s", err.text);
    return &record;
}

/* The store verifies; returns how many lessons its fold learned. */
static uint64_t verified(void)
{
    struct verify_report *report = calloc(1, sizeof(*report));
    struct problem *problem;
    struct rebuild rebuild = {.problems = &problem, .problem_count = 1};
    struct ledger_reader reader;
    uint64_t learned;
    struct err err;

    ck_assert_msg(
            verify_run(desk.ledger, NULL, report, &err) == 0, "%s", err.text);
    ck_assert_msg(report->finding_count == 0, "%s", report->findings[0]);
    verify_free(report);
    free(report);
    problem = problem_open(&desk.spec, &err);
    ck_assert_int_eq(ledger_reader_open(desk.ledger, &reader, &err), 0);
    ck_assert_msg(rebuild_run(&rebuild, &reader, &err) == 0, "%s", err.text);
    ledger_reader_close(&reader);
    learned = problem->counters.learned;
    problem_close(problem);
    return learned;
}

START_TEST(blocks_of_actions_become_decisions)
{
    const struct decision_record *decision;

    import_text(&format_vw,
            "shared |u age:2\n0:1.5:0.25 |a p:1\n|a p:2\n|a p:3\n\n"
            "|a p:1\n|a p:2\n\n0:0.5:0.5 |a p:1\n");
    has_setting("actions_max: 3\n");
    has_setting("reward.min: 0.5\nreward.max: 1.5\n"
                "reward.objective: minimise\n");
    decision = &record(2)->decision;
    ck_assert_uint_eq(decision->count, 3);
    ck_assert_uint_eq(decision->chosen, 0);
    ck_assert(decision->imported && decision->chosen_only);
    ck_assert_double_eq(decision->probability[0], 0.25);
    ck_assert_double_eq(decision->probability[1], 0.375);
    ck_assert_uint_eq(decision->question.named_count, 1);
    ck_assert_double_eq(record(3)->feedback.value, 1.5);
    /* The others of the last one are not in the desk. */
    ck_assert_double_eq(record(4)->decision.probability[0], 0.5);
    ck_assert(record(4)->decision.chosen_only);
    ck_assert_uint_eq(import_counts(desk.import)->decisions, 2);
    ck_assert_uint_eq(import_counts(desk.import)->chosen_only, 2);
    ck_assert_uint_eq(verified(), 2);
}
END_TEST

START_TEST(lines_of_numbered_actions_become_decisions)
{
    const struct decision_record *decision;

    import_text(&format_vw_cb, "1:2:0.5 | a\n2:0:0.25 4 | b\n");
    has_setting("actions: 1\nactions: 2\nactions: 3\nactions: 4\n");
    ck_assert_uint_eq(record(2)->decision.count, 4);
    decision = &record(4)->decision;
    ck_assert_uint_eq(decision->count, 2);
    ck_assert_uint_eq(decision->eligible[0], 1);
    ck_assert_uint_eq(decision->eligible[1], 3);
    ck_assert_uint_eq(decision->chosen, 0);
    ck_assert_double_eq(decision->probability[1], 0.75);
    ck_assert_uint_eq(verified(), 2);
}
END_TEST

START_TEST(decisions_keep_what_their_log_knows)
{
    import_text(&format_dsjson,
            "{\"EventId\":\"e\",\"Timestamp\":\"2024-01-01\",\"a\":[2,1],"
            "\"p\":[0.75,0.25],\"c\":{\"_multi\":[{\"x\":1},{\"y\":1}]},"
            "\"_labelIndex\":1,\"_label_cost\":-1,\"pdrop\":0.5}\n"
            "{\"EventId\":\"e\",\"a\":[1,2],\"p\":[0.5,0.5],"
            "\"c\":{\"_multi\":[{\"x\":1},{\"y\":1}]}}\n"
            "{\"EventId\":\"s\",\"a\":[1,2],\"p\":[0.5,0.5],\"_skipLearn\":true,"
            "\"_label_cost\":-1,\"_label_probability\":0.5,"
            "\"c\":{\"_multi\":[{\"x\":1},{\"y\":1}]}}\n");
    has_setting("reward.min: -1\nreward.max: 0\n");
    ck_assert(!record(2)->decision.chosen_only);
    ck_assert_double_eq(record(2)->decision.pdrop, 0.5);
    ck_assert_double_eq(record(2)->decision.probability[0], 0.25);
    ck_assert_int_eq(record(2)->head.time, INT64_C(1704067200000000000));
    ck_assert(bytes_equal(record(4)->head.event, bytes_of_text("e~4")));
    ck_assert_uint_eq(import_counts(desk.import)->renamed, 1);
    ck_assert(record(5)->decision.question.deferred);
    ck_assert_int_eq(record(6)->feedback.effect, EFFECT_HOLD);
    ck_assert_uint_eq(verified(), 1);
}
END_TEST

START_TEST(tables_become_decisions)
{
    import_text(&format_csv,
            "action,propensity,reward,x_amount,city\n"
            "left,0.5,1,2.5,Rome\nright,0.25,0,3,Oslo\nleft,0.5,,1,\n");
    has_setting("context: amount\nactions: left\nactions: right\n");
    ck_assert_uint_eq(record(4)->decision.chosen, 1);
    ck_assert_double_eq(record(4)->decision.question.shared.values[0], 3.0);
    ck_assert_uint_eq(import_counts(desk.import)->feedbacks, 2);
    ck_assert_uint_eq(verified(), 2);
}
END_TEST

/* Settings that are given are kept to, and what does not fit them is refused
 * before anything is written. */
START_TEST(what_does_not_fit_the_problem_is_refused)
{
    open_with("actions: left\nactions: right\nreward.min: 0\nreward.max: 1\n"
              "reward.wait: 10s\n");
    add(&format_csv, "action,propensity,reward\nup,0.5,1\n");
    ck_assert_msg(strstr(desk.refusal, "'up'") != NULL, "%s", desk.refusal);
    add(&format_csv, "action,propensity,reward\nleft,0.5,2\n");
    ck_assert_msg(strstr(desk.refusal, "outside") != NULL, "%s", desk.refusal);
    add(&format_csv, "action,propensity,cost\nleft,0.5,1\n");
    ck_assert_msg(
            strstr(desk.refusal, "objective") != NULL, "%s", desk.refusal);
    add(&format_csv, "action,propensity,reward,x_n\nleft,0.5,1,1\n");
    ck_assert_msg(strstr(desk.refusal, "columns") != NULL, "%s", desk.refusal);
    add(&format_csv, "action,propensity,actions\nleft,0.5,right\n");
    ck_assert_msg(
            strstr(desk.refusal, "could be taken") != NULL, "%s", desk.refusal);
    add(&format_vw, "0:1:0.5 | a\n");
    ck_assert_msg(
            strstr(desk.refusal, "objective") != NULL, "%s", desk.refusal);
    ck_assert_uint_eq(import_counts(desk.import)->decisions, 0);
    add(&format_csv, "action,propensity,reward\nleft,0.5,1\nright,1,\n");
    ck_assert_uint_eq(import_counts(desk.import)->decisions, 2);
    ck_assert_uint_eq(verified(), 1);
}
END_TEST

/* A deadline for what waits, as the service would have set it. */
static bool due_seen(void *self, nanos deadline, struct bytes event)
{
    ck_assert_int_eq(deadline, INT64_C(1704067210000000000));
    ck_assert(bytes_equal(event, bytes_of_text("late")));
    (*(uint32_t *)self)++;
    return true;
}

START_TEST(what_waits_for_feedback_falls_due)
{
    struct ledger_reader reader;
    uint32_t seen = 0;
    struct err err;

    open_with("actions: left\nactions: right\nreward.wait: 10s\n");
    add(&format_csv,
            "event,time,action,propensity,reward\n"
            "late,2024-01-01T00:00:00Z,left,0.5,\n"
            "known,2024-01-01T00:00:00Z,left,0.5,1\n");
    ck_assert_int_eq(ledger_reader_open(desk.ledger, &reader, &err), 0);
    ck_assert_int_eq(due_range(reader.txn, desk.spec.number, NANOS_MAX,
                             due_seen, &seen, &err),
            0);
    ledger_reader_close(&reader);
    ck_assert_uint_eq(seen, 1);
}
END_TEST

START_TEST(only_actions_are_imported)
{
    struct err err;

    ck_assert_int_eq(problem_spec_parse_text(&desk.spec, bytes_of_text("p"),
                             bytes_of_text("form: predict\ncontext: x\n"),
                             &desk.specs, &err),
            0);
    ck_assert_int_eq(import_open(&desk.import, desk.ledger, &desk.spec, &err),
            STATUS_INVALID);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("import");
    TCase *cases = tcase_create("stores");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, blocks_of_actions_become_decisions);
    tcase_add_test(cases, lines_of_numbered_actions_become_decisions);
    tcase_add_test(cases, decisions_keep_what_their_log_knows);
    tcase_add_test(cases, tables_become_decisions);
    tcase_add_test(cases, what_does_not_fit_the_problem_is_refused);
    tcase_add_test(cases, what_waits_for_feedback_falls_due);
    tcase_add_test(cases, only_actions_are_imported);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
