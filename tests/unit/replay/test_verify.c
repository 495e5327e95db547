/* `rue verify` finds what it says it finds: a log with one forged record at a
 * time, in a store in memory. */
#include "replay/verify.h"

#include "service/engine/engine.h"
#include "tests/lib/suite.h"

#include <stdlib.h>

static struct arena arena;
static struct ledger *ledger;

static const uint32_t eligible[3] = {0, 2, 3};
static const double probability[3] = {0.5, 0.3, 0.2};
static const double marginal[3] = {0.5, 0.5, 1.0};
static const uint32_t path[2] = {0, 2};
static const double costs[2] = {0.25, 0.5};

static void setup(void)
{
    struct store *store;
    struct err err;

    arena = arena_over(malloc(1 << 22), 1 << 22);
    ck_assert_int_eq(store_mem_open(1 << 22, &store, &err), 0);
    ck_assert_int_eq(ledger_over(store, false, &ledger, &err), 0);
    ck_assert_int_eq(ledger_begin(ledger, &err), 0);
}

static void teardown(void)
{
    ledger_close(ledger);
    free(arena.data);
}

static struct record head(enum record_kind kind)
{
    return (struct record){kind, 1, 1000, bytes_of_text("e")};
}

static struct decision_record action_record(void)
{
    return (struct decision_record){.head = head(RECORD_DECISION),
            .count = 3,
            .eligible = eligible,
            .probability = probability,
            .chosen = 2};
}

static struct decision_record path_record(void)
{
    return (struct decision_record){.head = head(RECORD_DECISION),
            .count = 3,
            .eligible = eligible,
            .marginal = marginal,
            .path = path,
            .path_count = 2,
            .path_probability = 0.5};
}

/* Place 3 was drawn, so the ranking is 3, 0, 2; second comes 0 unless it is
 * drawn first. */
static struct feedback_record second_place(void)
{
    return (struct feedback_record){.head = head(RECORD_FEEDBACK),
            .value = 0.5,
            .effect = EFFECT_LEARN,
            .after = 0.5,
            .shown = {.position = 2},
            .subject = {true, 0, 2, 0.3 + 0.2}};
}

static struct feedback_record path_costs(void)
{
    return (struct feedback_record){.head = head(RECORD_FEEDBACK),
            .value = 0.75,
            .effect = EFFECT_LEARN,
            .after = 0.75,
            .costs = {2, false, costs}};
}

/* Writes the decision and, if there is one, the feedback; the first finding, or
 * "". */
static const char *verified(const struct decision_record *decision,
        const struct feedback_record *feedback)
{
    static struct verify_report report;
    struct event_state state = {0};
    struct err err;
    uint64_t sequence;

    ck_assert_int_eq(ledger_append(ledger, RECORD_DECISION,
                             record_encode_decision(decision, &arena),
                             &state.decision, &err),
            0);
    state.content = question_digest(&decision->question);
    if (feedback != NULL) {
        struct feedback said = {.event = feedback->head.event,
                .value = feedback->costs.count > 0 ? 0.0 : feedback->value,
                .shown = feedback->shown,
                .costs = feedback->costs};
        ck_assert_int_eq(ledger_append(ledger, RECORD_FEEDBACK,
                                 record_encode_feedback(feedback, &arena),
                                 &sequence, &err),
                0);
        state.marks[state.mark_count++] = engine_feedback_mark(&said);
    }
    ck_assert_int_eq(
            event_put(ledger_txn(ledger), 1, bytes_of_text("e"), &state, &err),
            0);
    ck_assert_int_eq(ledger_commit(ledger, &err), 0);
    ck_assert_msg(verify_run(ledger, NULL, &report, &err) == 0, "%s", err.text);
    verify_free(&report);
    ck_assert_uint_le(report.finding_count, 1);
    return report.finding_count == 0 ? "" : report.findings[0];
}

static void found(const char *finding, const char *words)
{
    ck_assert_msg(strstr(finding, words) != NULL, "found: %s", finding);
}

START_TEST(what_is_right_is_found_right)
{
    struct decision_record record = action_record();
    struct feedback_record feedback = second_place();

    record.has_second = true;
    record.second = 0;
    record.pair_probability = 0.2 * 0.5 / 0.8;
    ck_assert_str_eq(verified(&record, &feedback), "");
}
END_TEST

START_TEST(a_right_path_is_found_right)
{
    struct decision_record record = path_record();
    struct feedback_record feedback = path_costs();

    ck_assert_str_eq(verified(&record, &feedback), "");
}
END_TEST

START_TEST(a_wrong_pair)
{
    struct decision_record record = action_record();

    record.has_second = true;
    record.second = 0;
    record.pair_probability = 0.2 * 0.5;
    found(verified(&record, NULL), "pair_probability is 0.1");
}
END_TEST

START_TEST(an_excluded_action)
{
    static const uint32_t two[1] = {2};
    struct decision_record record = action_record();

    record.question.excluded = two;
    record.question.excluded_count = 1;
    found(verified(&record, NULL), "place 2 is not one that could be chosen");
}
END_TEST

START_TEST(an_excluded_edge)
{
    static const uint32_t three[1] = {3};
    struct decision_record record = path_record();

    record.question.excluded = three;
    record.question.excluded_count = 1;
    found(verified(&record, NULL), "place 3 is not one that could be chosen");
}
END_TEST

START_TEST(an_edge_twice)
{
    static const uint32_t twice[2] = {2, 2};
    struct decision_record record = path_record();

    record.path = twice;
    found(verified(&record, NULL), "its path has edge 3 twice");
}
END_TEST

START_TEST(an_edge_less_likely_than_its_path)
{
    struct decision_record record = path_record();

    record.path_probability = 0.75;
    found(verified(&record, NULL), "edge 0 is less likely than its path");
}
END_TEST

START_TEST(a_wrong_propensity_of_a_position)
{
    struct decision_record record = action_record();
    struct feedback_record feedback = second_place();

    feedback.subject.propensity = 0.5 + 1e-9;
    found(verified(&record, &feedback), "its subject does not follow");
}
END_TEST

START_TEST(a_wrong_place_of_a_position)
{
    struct decision_record record = action_record();
    struct feedback_record feedback = second_place();

    feedback.subject.place = 2;
    found(verified(&record, &feedback), "its subject does not follow");
}
END_TEST

START_TEST(no_subject_where_one_was_shown)
{
    struct decision_record record = action_record();
    struct feedback_record feedback = second_place();

    feedback.subject.given = false;
    found(verified(&record, &feedback), "its subject does not follow");
}
END_TEST

START_TEST(what_was_held_and_wrong)
{
    struct decision_record record = action_record();

    record.has_held = true;
    record.held_subject = (struct subject){true, 0, 2, 0.25};
    found(verified(&record, NULL), "its subject does not follow");
}
END_TEST

START_TEST(held_costs_of_another_sum)
{
    struct decision_record record = path_record();

    record.has_held = true;
    record.held = 0.5;
    record.held_costs = (struct costs){2, false, costs};
    found(verified(&record, NULL), "is not the sum of its costs");
}
END_TEST

START_TEST(costs_of_another_path)
{
    struct decision_record record = path_record();
    struct feedback_record feedback = path_costs();

    feedback.costs.count = 1;
    found(verified(&record, &feedback), "are not those of its event's path");
}
END_TEST

START_TEST(costs_of_another_sum)
{
    struct decision_record record = path_record();
    struct feedback_record feedback = path_costs();

    feedback.value = 0.5;
    found(verified(&record, &feedback), "is not the sum of its costs");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verify");
    TCase *cases = tcase_create("forged records");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, what_is_right_is_found_right);
    tcase_add_test(cases, a_right_path_is_found_right);
    tcase_add_test(cases, a_wrong_pair);
    tcase_add_test(cases, an_excluded_action);
    tcase_add_test(cases, an_excluded_edge);
    tcase_add_test(cases, an_edge_twice);
    tcase_add_test(cases, an_edge_less_likely_than_its_path);
    tcase_add_test(cases, a_wrong_propensity_of_a_position);
    tcase_add_test(cases, a_wrong_place_of_a_position);
    tcase_add_test(cases, no_subject_where_one_was_shown);
    tcase_add_test(cases, what_was_held_and_wrong);
    tcase_add_test(cases, held_costs_of_another_sum);
    tcase_add_test(cases, costs_of_another_path);
    tcase_add_test(cases, costs_of_another_sum);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
