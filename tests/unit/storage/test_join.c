/* The join: entries of deadlines, and what retention leaves. */
#include "storage/ledger.h"

#include "tests/unit/storage/scratch.h"

#define DEADLINE (10 * NANOS_PER_SECOND)
#define PROBLEM  1u

static struct store *store;
static struct store_txn *txn;
static struct err err;

static void setup(void)
{
    OK(store_mem_open(0, &store, &err));
    OK(store->call->begin(store, true, &txn, &err));
}

static void teardown(void)
{
    txn->call->abort(txn);
    store->call->close(store);
}

/* Puts an event that waits, or one that had its feedback. */
static void put_event(const char *event, bool waits)
{
    struct event_state state = {.decision = 1,
            .content = 1,
            .deadline = DEADLINE,
            .has_reward = !waits};

    OK(event_put(txn, PROBLEM, bytes_of_text(event), &state, &err));
}

/* Puts an id of one letter under the deadline. */
static void put_due(const char *event)
{
    uint8_t ids[2] = {1, (uint8_t)event[0]};

    OK(due_put(txn, PROBLEM, DEADLINE, bytes_of(ids, sizeof(ids)), &err));
}

static bool note(void *self, nanos deadline, struct bytes event)
{
    char *seen = self;

    ck_assert_int_eq(deadline, DEADLINE);
    (void)strncat(seen, (const char *)event.data, event.size);
    return true;
}

static void expect_due(const char *expected)
{
    char seen[16] = "";

    OK(due_range(txn, PROBLEM, DEADLINE, note, seen, &err));
    ck_assert_str_eq(seen, expected);
}

/* `b` was put after somebody looked: it has the same deadline, but its batch
 * was still on its way. */
START_TEST(settling_a_deadline_keeps_who_still_waits)
{
    setup();
    put_event("a", true);
    put_due("a");
    put_event("b", true);
    put_due("b");
    put_event("a", false);
    OK(due_settle(txn, PROBLEM, DEADLINE, &err));
    expect_due("b");
    OK(due_settle(txn, PROBLEM, DEADLINE, &err));
    expect_due("b");
    put_event("b", false);
    OK(due_settle(txn, PROBLEM, DEADLINE, &err));
    expect_due("");
    OK(due_settle(txn, PROBLEM, DEADLINE, &err));
    teardown();
}
END_TEST

START_TEST(an_event_that_is_gone_waits_for_nothing)
{
    setup();
    put_event("a", true);
    put_due("a");
    OK(event_delete(txn, PROBLEM, bytes_of_text("a"), &err));
    OK(due_settle(txn, PROBLEM, DEADLINE, &err));
    expect_due("");
    teardown();
}
END_TEST

/* ---- the last event of a problem, in both stores ---- */

static void put_of(uint32_t problem, const char *event)
{
    struct event_state state = {.decision = 1, .content = 1};

    OK(event_put(txn, problem, bytes_of_text(event), &state, &err));
}

static void expect_last(uint32_t problem, const char *expected)
{
    struct bytes last;

    OK(event_last(txn, problem, &last, &err));
    ck_assert(bytes_equal(last, bytes_of_text(expected)));
}

static void play_last(void)
{
    struct bytes last;

    OK(store->call->begin(store, true, &txn, &err));
    FAILS(STATUS_NOT_FOUND, event_last(txn, 2, &last, &err));
    put_of(2, "b");
    expect_last(2, "b");
    FAILS(STATUS_NOT_FOUND, event_last(txn, 1, &last, &err));
    FAILS(STATUS_NOT_FOUND, event_last(txn, 3, &last, &err));
    put_of(2, "ba");
    put_of(2, "aaaa");
    put_of(1, "z");
    put_of(UINT32_MAX, "end");
    expect_last(2, "ba");
    expect_last(1, "z");
    expect_last(UINT32_MAX, "end");
    FAILS(STATUS_NOT_FOUND, event_last(txn, 3, &last, &err));
    FAILS(STATUS_NOT_FOUND, event_last(txn, UINT32_MAX - 1, &last, &err));
    OK(event_delete(txn, 2, bytes_of_text("ba"), &err));
    expect_last(2, "b");
    txn->call->abort(txn);
    store->call->close(store);
}

START_TEST(the_last_event_of_a_problem)
{
    struct store_settings settings = {.map_bytes = 16 * MIB};
    struct scratch scratch = scratch_make();

    OK(store_mem_open(0, &store, &err));
    play_last();
    OK(store_lmdb_open(scratch.path, &settings, &store, &err));
    play_last();
    scratch_remove(&scratch);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("join");
    TCase *due = tcase_create("due");
    TCase *events = tcase_create("events");

    tcase_add_test(due, settling_a_deadline_keeps_who_still_waits);
    tcase_add_test(due, an_event_that_is_gone_waits_for_nothing);
    tcase_add_test(events, the_last_event_of_a_problem);
    suite_add_tcase(suite, due);
    suite_add_tcase(suite, events);
    return run_suite(suite);
}
