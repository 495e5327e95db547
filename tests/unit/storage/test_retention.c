/* Retention drops what a restart, a check and a client no longer need, and
 * nothing else; what does not move does not hold up the rest. */
#include "storage/retention.h"

#include "tests/unit/storage/scratch.h"

#define SECOND      NANOS_PER_SECOND
#define ARENA_BYTES ((size_t)1 << 20)
#define KEEP        (10 * SECOND)

static struct ledger *ledger;
static struct arena arena;
static struct err err;
static uint32_t busy, idle; /* numbers of two problems */

static struct bytes text(const char *value)
{
    return bytes_of_text(value);
}

static struct record head(
        enum record_kind kind, uint32_t problem, nanos time, const char *event)
{
    return (struct record){kind, problem, time, text(event)};
}

static uint64_t append(enum record_kind kind, struct bytes payload)
{
    uint64_t sequence;

    ck_assert_uint_gt(payload.size, 0);
    OK(ledger_append(ledger, kind, payload, &sequence, &err));
    arena_reset(&arena);
    return sequence;
}

static uint64_t add_config(const char *name, nanos time, uint32_t *number)
{
    struct config_record record = {
            .name = text(name), .settings = text("form: decide\n")};
    uint64_t sequence;

    OK(ledger_problem(ledger, text(name), number, &sequence, &err));
    record.head = head(RECORD_CONFIG, *number, time, "");
    sequence = append(RECORD_CONFIG, record_encode_config(&record, &arena));
    OK(ledger_problem_set_config(ledger, *number, sequence, &err));
    return sequence;
}

/* A decision with its entry in the join, as a batch leaves it. */
static uint64_t add_decision(const char *event, nanos time, nanos deadline)
{
    static const uint32_t place[1];
    static const double one[1] = {1.0};
    struct decision_record record = {
            .head = head(RECORD_DECISION, busy, time, event),
            .count = 1,
            .eligible = place,
            .probability = one,
    };
    struct event_state state = {.content = 1, .deadline = deadline};

    state.decision =
            append(RECORD_DECISION, record_encode_decision(&record, &arena));
    state.touched = state.decision;
    OK(event_put(ledger_txn(ledger), busy, text(event), &state, &err));
    return state.decision;
}

static uint64_t add_feedback(const char *event, nanos time)
{
    struct feedback_record record = {
            .head = head(RECORD_FEEDBACK, busy, time, event),
            .value = 1,
            .effect = EFFECT_LEARN,
            .after = 1,
    };
    struct event_state state;

    OK(event_get(ledger_txn(ledger), busy, text(event), &state, &err));
    state.touched =
            append(RECORD_FEEDBACK, record_encode_feedback(&record, &arena));
    state.has_reward = true;
    state.reward = 1;
    OK(event_put(ledger_txn(ledger), busy, text(event), &state, &err));
    return state.touched;
}

static void add_snapshot(uint32_t problem)
{
    struct snapshot snapshot = {
            ledger_last_appended(ledger), 1, text("a state")};

    OK(snapshot_put(ledger_txn(ledger), problem, &snapshot, &err));
}

static uint64_t first_kept(void)
{
    struct ledger_reader reader;
    uint64_t first;

    OK(ledger_reader_open(ledger, &reader, &err));
    OK(log_first(reader.txn, &first, &err));
    ledger_reader_close(&reader);
    return first;
}

static bool is_known(const char *event)
{
    struct event_state state;
    struct ledger_reader reader;
    int status;

    OK(ledger_reader_open(ledger, &reader, &err));
    status = event_get(reader.txn, busy, text(event), &state, &err);
    ledger_reader_close(&reader);
    return status == 0;
}

static uint64_t retain(nanos now, bool urgent)
{
    struct retention retention = {.keep = KEEP, .now = now, .urgent = urgent};
    uint64_t dropped;

    OK(retention_run(ledger, &retention, &dropped, &err));
    return dropped;
}

/* Records 1 and 2: the settings of both problems, put away. */
static void setup(void)
{
    struct store *store;

    arena = arena_over(malloc(ARENA_BYTES), ARENA_BYTES);
    OK(store_mem_open(0, &store, &err));
    OK(ledger_over(store, false, &ledger, &err));
    OK(ledger_begin(ledger, &err));
    ck_assert_uint_eq(add_config("busy", SECOND, &busy), 1);
    ck_assert_uint_eq(add_config("idle", SECOND, &idle), 2);
    add_snapshot(busy);
    add_snapshot(idle);
}

static void teardown(void)
{
    ledger_close(ledger);
    free(arena.data);
}

START_TEST(an_idle_problem_does_not_stop_it)
{
    (void)add_decision("a", 2 * SECOND, 0);
    (void)add_decision("b", 100 * SECOND, 0);
    add_snapshot(busy);
    OK(ledger_commit(ledger, &err));
    ck_assert_uint_eq(retain(20 * SECOND, false), 3);
    ck_assert_uint_eq(first_kept(), 4);
    ck_assert(!is_known("a"));
    ck_assert(is_known("b"));
}
END_TEST

START_TEST(what_no_snapshot_covers_stays)
{
    (void)add_decision("a", 2 * SECOND, 0);
    (void)add_decision("b", 2 * SECOND, 0);
    OK(ledger_commit(ledger, &err));
    ck_assert_uint_eq(retain(50 * SECOND, false), 2);
    ck_assert_uint_eq(first_kept(), 3);
    ck_assert(is_known("a"));
}
END_TEST

/* A fold from the snapshot on meets the feedback, and needs the decision. */
START_TEST(a_decision_stays_for_the_feedback_behind_the_snapshot)
{
    (void)add_decision("a", 2 * SECOND, 0);
    add_snapshot(busy);
    (void)add_feedback("a", 3 * SECOND);
    OK(ledger_commit(ledger, &err));
    ck_assert_uint_eq(retain(50 * SECOND, false), 2);
    ck_assert_uint_eq(first_kept(), 3);
    OK(ledger_begin(ledger, &err));
    add_snapshot(busy);
    (void)add_decision("b", 50 * SECOND, 0);
    OK(ledger_commit(ledger, &err));
    ck_assert_uint_eq(retain(50 * SECOND, false), 2);
    ck_assert(!is_known("a"));
}
END_TEST

START_TEST(a_decision_that_waits_stays)
{
    nanos deadline = 30 * SECOND;

    (void)add_decision("a", 2 * SECOND, deadline);
    (void)add_decision("b", 100 * SECOND, 0);
    add_snapshot(busy);
    OK(ledger_commit(ledger, &err));
    ck_assert_uint_eq(retain(20 * SECOND, true), 2);
    /* Its deadline has passed, and nobody has recorded that yet. */
    ck_assert_uint_eq(retain(deadline, false), 0);
    ck_assert(is_known("a"));
    ck_assert_uint_eq(retain(deadline, true), 1);
    ck_assert(!is_known("a"));
}
END_TEST

/* The settings of each problem can be read as long as its log is. */
START_TEST(the_newest_settings_are_written_again)
{
    struct ledger_reader reader;
    union any_record record;
    struct log_entry entry;
    uint64_t config;
    uint32_t number;

    (void)add_decision("a", 100 * SECOND, 0);
    OK(ledger_commit(ledger, &err));
    ck_assert_uint_eq(retain(50 * SECOND, false), 2);
    OK(ledger_reader_open(ledger, &reader, &err));
    OK(ledger_reader_problem(&reader, text("idle"), &number, &config, &err));
    OK(log_get(reader.txn, config, &entry, &err));
    ck_assert_int_eq(entry.kind, RECORD_CONFIG);
    OK(record_decode(entry.kind, entry.payload, &arena, &record, &err));
    ck_assert(bytes_equal(record.config.name, text("idle")));
    ck_assert(bytes_equal(record.config.settings, text("form: decide\n")));
    ck_assert(record.head.time == 50 * SECOND);
    ledger_reader_close(&reader);
    /* Not for ever: what is written now is kept as long as the rest. */
    ck_assert_uint_eq(retain(51 * SECOND, false), 0);
}
END_TEST

/* Sequences go on where the log ends: it never becomes empty. */
START_TEST(the_last_record_stays)
{
    (void)add_decision("a", 2 * SECOND, 0);
    add_snapshot(busy);
    OK(ledger_commit(ledger, &err));
    (void)retain(50 * SECOND, false);
    (void)retain(500 * SECOND, false);
    (void)retain(5000 * SECOND, false);
    ck_assert_uint_gt(first_kept(), 0);
}
END_TEST

START_TEST(nothing_goes_where_all_is_kept)
{
    struct retention retention = {.now = 50 * SECOND};
    uint64_t dropped;

    OK(ledger_commit(ledger, &err));
    OK(retention_run(ledger, &retention, &dropped, &err));
    ck_assert_uint_eq(dropped, 0);
    ck_assert_uint_eq(first_kept(), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("retention");
    TCase *tcase = tcase_create("rules");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, an_idle_problem_does_not_stop_it);
    tcase_add_test(tcase, what_no_snapshot_covers_stays);
    tcase_add_test(
            tcase, a_decision_stays_for_the_feedback_behind_the_snapshot);
    tcase_add_test(tcase, a_decision_that_waits_stays);
    tcase_add_test(tcase, the_newest_settings_are_written_again);
    tcase_add_test(tcase, the_last_record_stays);
    tcase_add_test(tcase, nothing_goes_where_all_is_kept);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
