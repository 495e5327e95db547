/* Examples from the log: joined and matured, the newest value of each, and the
 * lesson that the engine taught. */
#include "training/examples.h"

#include "base/hash.h"
#include "tests/unit/training/history.h"

#include <math.h>
#include <stdlib.h>

#define SETTINGS                                                               \
    "context: x\nactions: left\nactions: middle\nactions: right\n"             \
    "policy.oracle: ridge\npolicy.explorer: squarecb\nreward.wait: 10s\n"

static struct ledger_reader reader;
static struct examples examples;
static struct err examples_err;

static struct examples_rules rules(void)
{
    return (struct examples_rules){
            .now = history.now, .since = 1, .most = 1000};
}

static void gather(struct examples_rules with)
{
    struct err err;

    history_need(ledger_reader_open(history.ledger, &reader, &err), &err);
    history_need(examples_open(&examples, &history.spec, &reader, &with, &err),
            &err);
}

static void leave(void)
{
    examples_close(&examples);
    ledger_reader_close(&reader);
}

/* The values of all examples, in order: "0.5 1". */
static const char *values(void)
{
    static char text[512];
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < examples.count; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%g",
                i > 0 ? " " : "", examples.list[i].value);
    return text;
}

START_TEST(what_is_known_is_taken_as_it_is_known_last)
{
    history_open(SETTINGS);
    history_decide(0, 0.1); /* answered */
    history_report(0, 0.5, 0);
    history_decide(1, 0.2); /* never answered, waits */
    history_decide(2, 0.3); /* never answered, its wait is over */
    history.now += 10 * SECOND;
    history_expire(2, history.now - 10 * SECOND);
    history_decide(3, 0.4); /* answered after its wait, corrected once more */
    history.now += 10 * SECOND;
    history_expire(3, history.now - 10 * SECOND);
    history_report(3, 1.0, 0);
    history_report(3, 0.75, 0);
    history_decide_as(4, 0.5, true); /* deferred, not activated */
    history_report(4, 1.0, 0);
    history_report(5, 1.0, 0); /* answered before it was decided */
    history_decide(5, 0.6);
    gather(rules());
    ck_assert_str_eq(values(), "0.5 0 0.75 1");
    ck_assert_uint_eq(examples.waiting, 2);
    ck_assert_uint_eq(examples.through, history.sequence);
    leave();
    history_close();
}
END_TEST

START_TEST(a_cut_by_the_wait_takes_what_is_old_enough)
{
    struct examples_rules with;

    history_open(SETTINGS);
    history_decide(0, 0.1);
    history_report(0, 0.5, 0);
    history.now += 6 * SECOND;
    history_decide(1, 0.2); /* answered fast */
    history_report(1, 1.0, 0);
    history.now += 6 * SECOND;
    with = rules();
    gather(with);
    ck_assert_str_eq(values(), "0.5 1");
    leave();
    with.cut = CUT_WAIT;
    gather(with);
    ck_assert_str_eq(values(), "0.5");
    leave();
    history_close();
}
END_TEST

/* Neither decisions from a record on nor what was told from it on. */
START_TEST(the_log_before_a_record_knows_nothing_of_later)
{
    struct examples_rules with;

    history_open(SETTINGS);
    history_decide(0, 0.1);
    history_report(0, 0.25, 0);
    history_decide(1, 0.2);
    history_decide(2, 0.3);
    history_report(2, 0.5, 0);
    with = rules();
    with.before = history.sequence + 1;
    history_report(1, 1.0, 0); /* told later */
    history_report(2, 0.75, 0); /* corrected later: which was it before? */
    history_decide(3, 0.4); /* decided later */
    history_report(3, 0.125, 0);
    gather(with);
    ck_assert_str_eq(values(), "0.25");
    ck_assert_uint_eq(examples.waiting, 2);
    ck_assert_uint_eq(examples.through, with.before - 1);
    leave();
    with.before = 0;
    gather(with);
    ck_assert_str_eq(values(), "0.25 1 0.75 0.125");
    leave();
    history_close();
}
END_TEST

START_TEST(the_newest_are_kept)
{
    struct examples_rules with;

    history_open(SETTINGS);
    for (uint32_t i = 0; i < 100; i++) {
        history_decide(i, 0.01 * i);
        history_report(i, 0.01 * i, 0);
    }
    with = rules();
    for (with.most = 1; with.most <= 110; with.most += 3) {
        size_t expected = with.most < 100 ? with.most : 100;
        gather(with);
        ck_assert_uint_eq(examples.count, expected);
        for (size_t i = 0; i < expected; i++)
            ck_assert_double_eq(examples.list[i].value,
                    0.01 * (double)(100 - expected + i));
        leave();
    }
    history_close();
}
END_TEST

/* A reading that lets go many times keeps what one with room for all would. */
START_TEST(half_of_the_room_is_for_unlikely_actions)
{
    struct memory_options memory = {
            .recent = 2, .informative = 0.2, .generations = 20, .decay = 0.9};
    static uint64_t wanted[2][20]; /* likely and not, the newest first */
    size_t found[2] = {0, 0};
    struct examples_rules with;

    history_open("context: x\nactions: left\nactions: middle\nactions: right\n"
                 "policy.oracle: ridge\npolicy.explorer: epsilon\n"
                 "policy.epsilon: 0.3\nreward.wait: 10s\n");
    for (uint32_t i = 0; i < 400; i++) {
        double x = fmod(0.618034 * i, 1.0);
        history_report(i, history_decide(i, x) == 0 ? 0.9 : 0.1, 0);
    }
    with = rules();
    gather(with);
    for (size_t i = examples.count; i-- > 0;) {
        bool unlikely = examples.list[i].propensity < memory.informative;
        if (found[unlikely] < 20)
            wanted[unlikely][found[unlikely]++] = examples.list[i].sequence;
    }
    leave();
    ck_assert_uint_eq(found[0] + found[1], 40);
    with.most = 40;
    with.memory = &memory;
    gather(with);
    ck_assert_uint_eq(examples.count, 40);
    for (size_t i = examples.count, at[2] = {0, 0}; i-- > 0;) {
        bool unlikely = examples.list[i].propensity < memory.informative;
        ck_assert_uint_eq(
                examples.list[i].sequence, wanted[unlikely][at[unlikely]++]);
    }
    /* The newest forty are others. */
    ck_assert_uint_lt(examples.list[0].sequence, history.sequence - 160);
    leave();
    history_close();
}
END_TEST

START_TEST(decisions_of_another_shape_are_left_out)
{
    struct examples_rules with;

    history_open(SETTINGS);
    history_decide(0, 0.1);
    history_report(0, 0.5, 0);
    with = rules();
    with.since = history.sequence + 1;
    history_decide(1, 0.1);
    history_report(1, 1.0, 0);
    gather(with);
    ck_assert_str_eq(values(), "1");
    leave();
    history_close();
}
END_TEST

/* Retention took the first records: what is there is read. */
START_TEST(what_retention_took_is_passed_over)
{
    struct example_view view;
    struct err err;

    history_open(SETTINGS);
    for (uint32_t i = 0; i < 6; i++) {
        history_decide(i, 0.1);
        history_report(i, 0.1 * i, 0);
    }
    gather(rules());
    ck_assert_uint_eq(examples.count, 6);
    history_need(ledger_begin(history.ledger, &err), &err);
    for (uint64_t sequence = 1; sequence <= 5; sequence++)
        history_need(
                log_delete(ledger_txn(history.ledger), sequence, &err), &err);
    history_need(ledger_commit(history.ledger, &err), &err);
    history_need(ledger_reader_renew(&reader, &err), &err);
    ck_assert_int_eq(
            examples_read(&examples, 0, &view, &err), STATUS_NOT_FOUND);
    ck_assert_int_eq(examples_read(&examples, 5, &view, &err), 0);
    leave();
    gather(rules());
    ck_assert_str_eq(values(), "0.2 0.3 0.4 0.5");
    leave();
    history_close();
}
END_TEST

static uint64_t model_hash(const struct problem *problem)
{
    size_t size = problem_model_size(problem);
    void *data = malloc(size);
    struct writer writer = writer_over(data, size);
    uint64_t hash;

    problem_save_model(problem, &writer);
    hash = hash_bytes(writer_bytes(&writer), 0);
    free(data);
    return hash;
}

/* Where every outcome came at once and was the chosen action's, or that of a
 * position, a model taught by the examples is, byte for byte, the one that was
 * taught live. */
START_TEST(examples_teach_what_was_taught_live)
{
    struct problem *again;
    struct example_view view;
    struct err err;

    history_open(SETTINGS);
    for (uint32_t i = 0; i < 200; i++) {
        uint32_t place = history_decide(i, 0.005 * i);
        history_report(i, place == 1 ? 1.0 : 0.25, i % 5 == 0 ? 2 : 0);
        history.now += SECOND;
    }
    gather(rules());
    again = problem_open(&history.spec, &err);
    for (size_t i = 0; i < examples.count; i++) {
        history_need(examples_read(&examples, i, &view, &err), &err);
        ck_assert_double_eq(
                view.lesson.propensity, examples.list[i].propensity);
        policy_learn(again->policy, &view.lesson, &again->scratch);
    }
    ck_assert_uint_eq(model_hash(again), model_hash(history.problem));
    problem_close(again);
    leave();
    history_close();
}
END_TEST

/* What is optimised is changed: events of before are worth what the fields of
 * their feedback make now, those without fields what they were. */
START_TEST(an_expression_values_the_past)
{
    const struct field paid[] = {
            {bytes_of_text("authorised"), 1.0}, {bytes_of_text("fee"), 0.25}};
    const struct field late = {bytes_of_text("chargeback"), 1.0};
    struct bytes text =
            bytes_of_text("authorised - fee - 0.5 * chargeback + 0 * later");

    history_open(SETTINGS);
    history_decide(0, 0.1);
    history_tell(0, (struct feedback){.value = 1.0, .fields = {2, paid}});
    history_decide(1, 0.2);
    history_tell(1, (struct feedback){.value = 1.0, .fields = {2, paid}});
    history_tell(1, (struct feedback){.value = 1.0, .fields = {1, &late}});
    history_decide(2, 0.3);
    history_report(2, 0.5, 0);
    gather(rules());
    ck_assert_str_eq(values(), "1 1 0.5");
    leave();
    history_need(expression_parse(&history.spec.reward, text,
                         &history.spec_arena, &examples_err),
            &examples_err);
    gather(rules());
    ck_assert_str_eq(values(), "0.75 0.25 0.5");
    leave();
    history_close();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("examples");
    TCase *tcase = tcase_create("examples");

    tcase_add_test(tcase, what_is_known_is_taken_as_it_is_known_last);
    tcase_add_test(tcase, a_cut_by_the_wait_takes_what_is_old_enough);
    tcase_add_test(tcase, the_log_before_a_record_knows_nothing_of_later);
    tcase_add_test(tcase, the_newest_are_kept);
    tcase_add_test(tcase, half_of_the_room_is_for_unlikely_actions);
    tcase_add_test(tcase, decisions_of_another_shape_are_left_out);
    tcase_add_test(tcase, what_retention_took_is_passed_over);
    tcase_add_test(tcase, an_expression_values_the_past);
    tcase_add_test(tcase, examples_teach_what_was_taught_live);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
