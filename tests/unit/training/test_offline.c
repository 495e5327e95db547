/* Batch oracles trained at a desk: the model of a record is that of the log
 * before it, and panels serve it from there on. */
#include "training/offline.h"

#include "base/hash.h"
#include "tests/unit/training/history.h"

#include <stdlib.h>

#define SETTINGS                                                               \
    "context: x\nactions: left\nactions: right\nreward.wait: 0\n"              \
    "policy.oracle: pairwise\npolicy.explorer: uniform\n"
#define EVENTS 600u

/* left pays below 1/2, right above; 9 times in 10. */
static void write_events(uint32_t from, uint32_t count)
{
    for (uint32_t i = from; i < from + count; i++) {
        double x = (double)((i * 37) % 100) / 100.0;
        uint32_t place = history_decide(i, x);
        bool pays = (place == 0) == (x < 0.5);
        history.now += SECOND;
        history_report(i, pays != (i % 10 == 3) ? 1.0 : 0.0, 0);
    }
}

static struct offline offline;

static int train(struct problem *serving, uint64_t from, uint64_t before)
{
    struct panel_training training = {.spec = serving->spec,
            .serving = serving,
            .from = from,
            .before = before,
            .now = history.now};
    struct err err = {STATUS_OK, ""};
    int status = offline.trainer.train(offline.trainer.self, &training, &err);

    ck_assert_msg(status == 0 || status == STATUS_NOT_FOUND, "%s", err.text);
    return status;
}

static uint64_t digest_of(const struct problem *problem)
{
    static uint8_t bytes[1 << 16];
    struct writer writer = writer_over(bytes, sizeof(bytes));

    problem_save_model(problem, &writer);
    ck_assert(!writer.failed);
    return hash_bytes(writer_bytes(&writer), 0);
}

/* The model's digest after that training of a fresh problem. */
static uint64_t trained(uint64_t from, uint64_t before, int expected)
{
    struct err err;
    struct problem *problem = problem_open(&history.spec, &err);
    uint64_t digest;

    ck_assert_ptr_nonnull(problem);
    ck_assert_int_eq(train(problem, from, before), expected);
    digest = digest_of(problem);
    problem_close(problem);
    return digest;
}

START_TEST(a_model_is_of_the_log_before_its_record)
{
    uint64_t nothing, first, before;

    history_open(SETTINGS);
    offline_open(&offline, history.ledger, NULL);
    nothing = trained(1, 2, STATUS_NOT_FOUND);
    write_events(0, EVENTS);
    history_decide(EVENTS, 0.25);
    before = history.sequence + 1;
    first = trained(1, before, 0);
    ck_assert(first != nothing);
    history_report(EVENTS, 1.0, 0);
    write_events(EVENTS + 1, EVENTS);
    ck_assert(trained(1, before, 0) == first);
    ck_assert(trained(1, history.sequence + 1, 0) != first);
    /* Nothing from there on, and what serves stays what it was. */
    ck_assert(trained(before, before, STATUS_NOT_FOUND) == nothing);
    history_close();
}
END_TEST

/* Untrained for the first quarter, it then earns what there is to earn. */
START_TEST(a_panel_serves_what_was_trained)
{
    struct panel_settings wanted = PANEL_SETTINGS_DEFAULT;
    struct keyvalue policy[2] = {{bytes_of_text("policy.oracle"),
                                         bytes_of_text("pairwise"), 1, false},
            {bytes_of_text("policy.explorer"), bytes_of_text("greedy"), 2,
                    false}};
    const struct panel_policy *added;
    struct panel panel;
    uint32_t line;
    struct err err;

    history_open(SETTINGS);
    offline_open(&offline, history.ledger, NULL);
    write_events(0, 4 * EVENTS);
    wanted.problem = bytes_of_text("p");
    wanted.times = 4;
    wanted.trainer = &offline.trainer;
    wanted.generation_rows = EVENTS;
    history_need(panel_open(&panel, history.ledger, &wanted, &err), &err);
    history_need(panel_add(&panel, bytes_of_text("batch"), PANEL_ONLINE, 0,
                         policy, 2, &line, &err),
            &err);
    history_need(panel_run(&panel, &err), &err);
    added = &panel.policies[panel.policy_count - 1];
    ck_assert_uint_eq(added->served, 3);
    ck_assert_double_eq_tol(added->slices[1].sums.dr.mean, 0.5, 0.12);
    for (uint32_t part = 2; part <= 4; part++)
        ck_assert_double_eq_tol(added->slices[part].sums.dr.mean, 0.9, 0.06);
    panel_close(&panel);
    history_close();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("offline");
    TCase *tcase = tcase_create("offline");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_model_is_of_the_log_before_its_record);
    tcase_add_test(tcase, a_panel_serves_what_was_trained);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
