/* A shard, its committer and a store on disk in one thread's hands, with a
 * clock that the test sets: what rued does between its socket and its disk. */
#include "proto/rue.pb-c.h"
#include "replay/exact.h"
#include "replay/verify.h"
#include "service/host.h"
#include "service/shard.h"
#include "service/shard_parts.h"
#include "storage/generation.h"

#include "tests/unit/storage/scratch.h"

#include <poll.h>

#define BOXES 16u

static struct scratch scratch;
static struct config *config;
static struct ledger *ledger;
static struct committer *committer;
static struct mailbox done, early;
static struct shard shard;
static struct arena arena;
static struct err err;
static nanos now;
static uint64_t last_id;
static uint64_t map_bytes = 64 * MIB;

/* The reply to the newest request that was answered. */
static Rue__Reply *reply;

/* ---- the service without its socket ---- */

static void start(const char *text)
{
    struct store_settings settings = {.map_bytes = map_bytes, .no_sync = true};
    struct problem **problems;

    config = config_parse("test", bytes_of_text(text), &err);
    ck_assert_msg(config != NULL, "%s", err.text);
    OK(ledger_open(scratch.path, &settings, &ledger, &err));
    OK(host_register(ledger, config, now, &err));
    OK(mailbox_open(&done, BOXES, &err));
    OK(mailbox_open(&early, BOXES, &err));
    OK(commit_start(&committer, ledger, config, &done, &err));
    OK(host_open(ledger, config, &problems, &err));
    OK(shard_open(&shard, config, ledger, committer, &early, problems,
            config->problem_count, now, &err));
    free(problems);
}

/* As after kill -9, but for what was submitted: that is committed. */
static void end(void)
{
    commit_stop(committer);
    shard_close(&shard);
    mailbox_close(&done);
    mailbox_close(&early);
    ledger_close(ledger);
    config_free(config);
}

static void restart(const char *text)
{
    end();
    start(text);
}

static void setup(const char *text)
{
    scratch = scratch_make();
    arena = arena_over(malloc(16 * MIB), 16 * MIB);
    now = 1000 * NANOS_PER_SECOND;
    start(text);
}

static void teardown(void)
{
    end();
    free(arena.data);
    scratch_remove(&scratch);
}

static void pause_ms(int ms)
{
    (void)poll(NULL, 0, ms);
}

/* Takes the batches that are on disk, as the socket's thread does; keeps the
 * last reply. */
static void answer(void)
{
    struct batch *batch;

    while ((batch = mailbox_take(&early)) != NULL)
        atomic_store(&batch->early, true);
    while ((batch = mailbox_take(&done)) != NULL) {
        for (uint32_t i = 0; i < batch->exchange_count; i++) {
            struct bytes bytes = batch->exchanges[i].reply;
            if (reply != NULL)
                rue__reply__free_unpacked(reply, NULL);
            reply = rue__reply__unpack(NULL, bytes.size, bytes.data);
            ck_assert_ptr_nonnull(reply);
        }
        atomic_store(&batch->stage, BATCH_ANSWERED);
    }
}

/* Submits, and waits until all is on disk and answered. */
static void settle(void)
{
    for (int i = 0; i < 5000; i++) {
        shard_submit(&shard);
        answer();
        if (shard_idle(&shard))
            return;
        pause_ms(1);
    }
    ck_abort_msg("the batches do not come back");
}

/* One tick, and all that it wrote on disk. */
static void tick(void)
{
    shard_tick(&shard, now);
    settle();
}

/* ---- requests ---- */

static Rue__Request *request(const char *problem)
{
    static Rue__Request message;

    rue__request__init(&message);
    message.id = ++last_id;
    message.has_problem = true;
    message.problem.data = (uint8_t *)(uintptr_t)problem;
    message.problem.len = strlen(problem);
    return &message;
}

static ProtobufCBinaryData data_of(const char *text)
{
    return (ProtobufCBinaryData){strlen(text), (uint8_t *)(uintptr_t)text};
}

/* Into the open batch; its reply comes with the batch. */
static void hand_in(const Rue__Request *message)
{
    size_t size = rue__request__get_packed_size(message);
    uint8_t *frame;
    struct bytes envelope = bytes_of_text("client");

    arena_reset(&arena);
    frame = arena_alloc(&arena, size);
    ck_assert_ptr_nonnull(frame);
    (void)rue__request__pack(message, frame);
    ck_assert_msg(shard_ready(&shard), "the shard takes no request");
    shard_handle(&shard, &envelope, 1, bytes_of(frame, size), now);
}

static void decide_later(const char *problem, const char *event)
{
    Rue__Request *message = request(problem);
    Rue__Decide decide = RUE__DECIDE__INIT, *decides[] = {&decide};
    Rue__Matrix shared = RUE__MATRIX__INIT;
    double value = 0.5;

    shared.has_columns = true;
    shared.columns = 1;
    shared.n_f64 = 1;
    shared.f64 = &value;
    decide.has_event = true;
    decide.event = data_of(event);
    decide.shared = &shared;
    message->n_decide = 1;
    message->decide = decides;
    hand_in(message);
}

static void decide(const char *problem, const char *event)
{
    decide_later(problem, event);
    settle();
    ck_assert_int_eq(reply->status, RUE__STATUS__OK);
    ck_assert_int_eq(reply->decision[0]->status, RUE__STATUS__OK);
}

static void report_later(const char *problem, const char *event, double value)
{
    Rue__Request *message = request(problem);
    Rue__Feedback feedback = RUE__FEEDBACK__INIT, *feedbacks[] = {&feedback};

    feedback.event = data_of(event);
    feedback.has_value = true;
    feedback.value = value;
    message->n_feedback = 1;
    message->feedback = feedbacks;
    hand_in(message);
}

static void report(const char *problem, const char *event, double value)
{
    report_later(problem, event, value);
    settle();
    ck_assert_int_eq(reply->status, RUE__STATUS__OK);
    ck_assert_int_eq(reply->feedback[0]->status, RUE__STATUS__OK);
}

static const struct problem_counters *counters_of(const char *problem)
{
    return &shard_find(&shard, bytes_of_text(problem))->problem->counters;
}

static uint32_t due_entries(void)
{
    struct ledger_reader reader;
    struct store_cursor *cursor;
    struct bytes key, value;
    uint32_t count = 0;
    int status;

    OK(ledger_reader_open(ledger, &reader, &err));
    OK(reader.txn->call->cursor_open(reader.txn, TABLE_DUE, &cursor, &err));
    status = cursor->call->seek(cursor, bytes_of(NULL, 0), &key, &value, &err);
    for (; status == 0; count++)
        status = cursor->call->next(cursor, &key, &value, &err);
    cursor->call->cursor_close(cursor);
    ledger_reader_close(&reader);
    return count;
}

/* ---- time ---- */

#define ONE_PROBLEM                                                            \
    "problems:\n"                                                              \
    "  - name: p\n"                                                            \
    "    context: [a]\n"                                                       \
    "    actions: [x, y]\n"                                                    \
    "    reward: {wait: 10s}\n"

START_TEST(an_idle_shard_stays_ready)
{
    setup(ONE_PROBLEM);
    for (int i = 0; i < 20000; i++) {
        now += 50 * NANOS_PER_MS;
        ck_assert_msg(shard_ready(&shard), "not ready after %d ticks", i);
        shard_tick(&shard, now);
        shard_submit(&shard);
    }
    decide("p", "e");
    teardown();
}
END_TEST

/* Six problems, each with more deadlines than a tick looks at, as after a
 * stop. */
START_TEST(many_deadlines_that_passed_while_it_was_down_are_taken_in_turns)
{
    static const char *const names[] = {"p0", "p1", "p2", "p3", "p4", "p5"};
    char text[2048] = "batch_items: 64\nproblems:\n", event[32];

    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
                "  - name: %s\n"
                "    context: [a]\n"
                "    actions: [x, y]\n"
                "    reward: {wait: 10s}\n",
                names[i]);
    setup(text);
    for (int i = 0; i < 1100; i++) {
        (void)snprintf(event, sizeof(event), "e%d", i);
        now++;
        for (size_t j = 0; j < ARRAY_COUNT(names); j++) {
            decide_later(names[j], event);
            report_later(names[j], event, 1.0);
        }
        settle();
    }
    restart(text);
    now += 20 * NANOS_PER_SECOND;
    for (int i = 0; i < 20; i++)
        tick();
    ck_assert_uint_eq(due_entries(), 0);
    teardown();
}
END_TEST

/* A tick looks at the deadlines of some problems; in turn it comes to all. */
START_TEST(deadlines_of_many_problems_are_looked_at_in_turns)
{
    enum { PROBLEMS = 150 };
    static char text[PROBLEMS * 128];
    char name[16];
    size_t left = PROBLEMS;
    int ticks = 0;

    (void)snprintf(text, sizeof(text), "problems:\n");
    for (int i = 0; i < PROBLEMS; i++)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
                "  - name: p%d\n"
                "    context: [a]\n"
                "    actions: [x, y]\n"
                "    reward: {wait: 10s}\n",
                i);
    setup(text);
    for (int i = 0; i < PROBLEMS; i++) {
        (void)snprintf(name, sizeof(name), "p%d", i);
        decide(name, "e");
    }
    ck_assert_uint_eq(due_entries(), PROBLEMS);
    for (now += 20 * NANOS_PER_SECOND; left > 0; ticks++) {
        ck_assert_int_lt(ticks, 20);
        tick();
        ck_assert_uint_lt(due_entries(), left);
        left = due_entries();
    }
    ck_assert_int_gt(ticks, 1);
    for (int i = 0; i < PROBLEMS; i++) {
        (void)snprintf(name, sizeof(name), "p%d", i);
        ck_assert_uint_eq(counters_of(name)->expired, 1);
    }
    teardown();
}
END_TEST

/* A clock that was set back stands still for the shard: the events of that
 * time must not all get one deadline. */
START_TEST(deadlines_stay_apart_while_the_clock_is_behind)
{
    char event[32];

    setup(ONE_PROBLEM);
    decide("p", "first");
    now -= 5 * NANOS_PER_SECOND;
    for (int i = 0; i < 50; i++) {
        (void)snprintf(event, sizeof(event), "e%d", i);
        decide("p", event);
    }
    ck_assert_uint_ge(due_entries(), 50);
    now += 20 * NANOS_PER_SECOND;
    tick();
    tick();
    ck_assert_uint_eq(counters_of("p")->expired, 51);
    ck_assert_uint_eq(due_entries(), 0);
    teardown();
}
END_TEST

/* ---- retention ---- */

#define KEEPING "snapshot: {every: 60s}\n"

static uint64_t first_record(void)
{
    struct ledger_reader reader;
    uint64_t first;

    OK(ledger_reader_open(ledger, &reader, &err));
    OK(log_first(reader.txn, &first, &err));
    ledger_reader_close(&reader);
    return first;
}

/* Lets retention have its turns: the committer looks for what may go when it
 * is idle. The test's clock is in 1970, so that everything is old for it but
 * Config records that it wrote again. */
static uint64_t retain(void)
{
    struct settings settings = config->settings;
    uint64_t before, first = first_record();

    settings.storage_keep = 3600 * NANOS_PER_SECOND;
    commit_reconfigure(committer, &settings);
    do {
        before = first;
        pause_ms(300);
        first = first_record();
    } while (first != before);
    settings.storage_keep = 0;
    commit_reconfigure(committer, &settings);
    pause_ms(150);
    return first;
}

static uint64_t state_of(const char *problem)
{
    uint64_t hash;

    ck_assert(problem_state_hash(
            shard_find(&shard, bytes_of_text(problem))->problem, &hash));
    return hash;
}

static void all_is_well(void)
{
    struct exact_settings settings = {.problem = NULL};
    struct exact_report exact;
    struct verify_report report;

    OK(verify_run(ledger, NULL, &report, &err));
    ck_assert_msg(report.finding_count == 0, "%s", report.findings[0]);
    verify_free(&report);
    OK(exact_run(ledger, &settings, &exact, &err));
    for (uint32_t i = 0; i < exact.problem_count; i++)
        ck_assert_msg(!exact.problems[i].differs, "%s: %s",
                exact.problems[i].name, exact.problems[i].difference);
    exact_free(&exact);
}

static void decide_many(const char *problem, int from, int to)
{
    char event[32];

    for (int i = from; i < to; i++) {
        (void)snprintf(event, sizeof(event), "e%d", i);
        now++;
        decide(problem, event);
    }
}

static bool is_recent(const char *event)
{
    struct batch_key key =
            batch_key(config->problems[0]->number, bytes_of_text(event));

    for (uint32_t i = 0; i < SHARD_RECENT && shard.recent[i] != NULL; i++)
        if (batch_find(shard.recent[i], &key) != NULL)
            return true;
    return false;
}

/* The batch that reached the disk last still knows its events; an older one
 * does not, and the store is asked. Either way the same is learned and what is
 * written refers to the right records. */
START_TEST(an_event_is_the_same_from_memory_and_from_disk)
{
    uint64_t states[2];

    for (int far = 0; far < 2; far++) {
        setup(ONE_PROBLEM);
        for (int i = 0; i < 9 && !far; i++)
            report("p", "other", (double)i / 16);
        decide("p", "e");
        for (int i = 0; i < 3; i++) {
            ck_assert(shard_ready(&shard) && is_recent("e"));
            for (int j = 0; far && j < 3; j++)
                report("p", "other", (double)(3 * i + j) / 16);
            ck_assert_int_eq(shard_ready(&shard) && is_recent("e"), !far);
            report("p", "e", (double)i / 2);
        }
        ck_assert_uint_eq(counters_of("p")->learned, 1);
        ck_assert_uint_eq(counters_of("p")->corrected, 2);
        states[far] = state_of("p");
        all_is_well();
        teardown();
    }
    ck_assert_uint_eq(states[0], states[1]);
}
END_TEST

/* Waits until the batch under way is on disk, and hands over the open one. */
static void relay(void)
{
    for (int i = 0; i < 5000 && !shard_relay(&shard); i++)
        pause_ms(1);
}

/* The disk is never idle while there is something to write: what came meanwhile
 * goes before the replies to what was written. */
START_TEST(the_next_batch_goes_when_the_one_before_is_on_disk)
{
    const struct batch *second;
    uint32_t decided = 0;
    char event[32];

    setup(ONE_PROBLEM);
    settle();
    ck_assert(!shard_relay(&shard));
    /* Again if the disk was faster than the second decision. */
    do {
        settle();
        for (int i = 0; i < 2; i++) {
            (void)snprintf(event, sizeof(event), "e%u", decided++);
            decide_later("p", event);
            if (i == 0)
                shard_submit(&shard);
        }
    } while (shard.pending == NULL);
    second = shard.open;
    relay();
    ck_assert(shard.open == NULL && shard.pending == second);
    relay();
    ck_assert(shard.open == NULL && shard.pending == NULL);
    ck_assert(!shard_relay(&shard));
    settle();
    ck_assert_uint_eq(counters_of("p")->decisions, decided);
    all_is_well();
    teardown();
}
END_TEST

#define REMEMBERING(hold)                                                      \
    "problems:\n"                                                              \
    "  - name: p\n    context: [a]\n    actions: [x, y]\n"                     \
    "    reward: {wait: 10s}\n"                                                \
    "    policy: {oracle: pairwise, explorer: fastcb}\n"                       \
    "    retrain: {generations: 2, hold: " hold "}\n"

/* Of a model that is trained in batches. */
static void store_generation(void)
{
    struct problem *problem = shard_find(&shard, bytes_of_text("p"))->problem;
    size_t size = problem_model_size(problem);
    uint8_t *model = malloc(size);
    struct writer writer = writer_over(model, size);
    struct commit_model store = {.problem = problem->spec->number, .kept = 10};

    problem_save_model(problem, &writer);
    store.generation.settings = problem->spec->model_digest;
    store.model = writer_bytes(&writer);
    OK(commit_model(committer, &store, &err));
    free(model);
}

static void promote_generation(uint64_t number)
{
    struct promotion promotion = {.generation = number};
    struct receipt receipt;

    while (!shard_ready(&shard))
        answer();
    shard_promote(&shard, shard_find(&shard, bytes_of_text("p")), &promotion,
            &receipt);
    OK(receipt.status);
    settle();
}

/* Training remembers two generations: what is older than the last promotion but
 * one may go, and nothing of what came after; where there was one promotion, it
 * remembers all. */
START_TEST(retention_spares_what_training_remembers)
{
    bool holds = _i != 1;
    uint64_t generations = _i == 2 ? 1 : 3, first;
    struct ledger_reader reader;
    struct generation generation;

    setup(holds ? KEEPING REMEMBERING("true") : KEEPING REMEMBERING("false"));
    decide_many("p", 0, 20);
    for (uint64_t g = 1; g <= generations; g++) {
        store_generation();
        promote_generation(g);
        decide_many("p", 20 * (int)g, 20 * (int)g + 20);
    }
    now += 61 * NANOS_PER_SECOND;
    tick(); /* they expire, */
    now += 61 * NANOS_PER_SECOND;
    decide("p", "last");
    tick(); /* and a snapshot covers it */
    first = retain();
    if (_i == 0) {
        OK(ledger_reader_open(ledger, &reader, &err));
        OK(generation_get(reader.txn, 1, 2, &generation, &err));
        ledger_reader_close(&reader);
        ck_assert_uint_eq(first, generation.promoted);
    } else if (_i == 1) {
        ck_assert_uint_gt(first, 80);
    } else {
        ck_assert_uint_le(first, 2);
    }
    all_is_well();
    teardown();
}
END_TEST

/* The newest snapshot is older than the feedback, and the feedback needs the
 * Decision. */
START_TEST(retention_keeps_the_decision_of_a_feedback_after_the_snapshot)
{
    uint64_t state;

    setup(KEEPING ONE_PROBLEM);
    decide_many("p", 0, 20);
    now += 61 * NANOS_PER_SECOND;
    tick();
    report("p", "e15", 1.0);
    decide_many("p", 20, 22);
    ck_assert_uint_le(retain(), 17);
    state = state_of("p");
    restart(KEEPING ONE_PROBLEM);
    ck_assert_uint_eq(state_of("p"), state);
    all_is_well();
    teardown();
}
END_TEST

/* The feedback is in a batch on its way when its Decision may go. */
START_TEST(retention_keeps_the_decision_of_a_feedback_on_its_way)
{
    uint64_t state;

    setup(KEEPING ONE_PROBLEM);
    decide_many("p", 0, 20);
    now += 61 * NANOS_PER_SECOND;
    shard_tick(&shard, now);
    shard_submit(&shard);
    while (!shard_ready(&shard))
        answer();
    report_later("p", "e0", 1.0);
    ck_assert_uint_le(retain(), 2);
    settle();
    ck_assert(!reply->feedback[0]->held);
    state = state_of("p");
    restart(KEEPING ONE_PROBLEM);
    ck_assert_uint_eq(state_of("p"), state);
    all_is_well();
    teardown();
}
END_TEST

/* Feedback for what is gone is that of an orphan; the id may be used again. */
START_TEST(what_retention_took_is_unknown)
{
    uint64_t state;

    setup(KEEPING ONE_PROBLEM);
    decide_many("p", 0, 5);
    now += 61 * NANOS_PER_SECOND;
    tick();
    ck_assert_uint_gt(retain(), 5);
    report("p", "e0", 1.0);
    ck_assert(reply->feedback[0]->held);
    decide("p", "e0");
    ck_assert(!reply->decision[0]->has_repeated_answer);
    state = state_of("p");
    restart(KEEPING ONE_PROBLEM);
    ck_assert_uint_eq(state_of("p"), state);
    all_is_well();
    teardown();
}
END_TEST

START_TEST(an_event_that_waits_is_kept_until_it_expired)
{
    setup(KEEPING ONE_PROBLEM);
    decide_many("p", 0, 20);
    restart(KEEPING ONE_PROBLEM);
    (void)retain();
    now += 61 * NANOS_PER_SECOND;
    tick();
    ck_assert_uint_eq(counters_of("p")->expired, 20);
    teardown();
}
END_TEST

#define TWO_PROBLEMS                                                           \
    ONE_PROBLEM "  - name: idle\n    context: [a]\n"                           \
                "    actions: [x, y]\n"

START_TEST(an_idle_problem_does_not_hold_retention_up)
{
    setup(KEEPING TWO_PROBLEMS);
    decide_many("p", 0, 20);
    now += 61 * NANOS_PER_SECOND;
    tick();
    ck_assert_uint_gt(retain(), 20);
    all_is_well();
    teardown();
}
END_TEST

/* Its last snapshot is older than all that is kept, and it decides again. */
START_TEST(an_idle_problem_goes_on_where_its_snapshot_left_it)
{
    uint64_t state;

    setup(KEEPING TWO_PROBLEMS);
    decide_many("idle", 0, 5);
    for (int i = 0; i < 5; i++)
        report("idle", (char[]){'e', (char)('0' + i), 0}, (double)i / 8);
    now += 61 * NANOS_PER_SECOND;
    tick();
    decide_many("p", 0, 20);
    now += 61 * NANOS_PER_SECOND;
    tick();
    ck_assert_uint_gt(retain(), 30);
    decide_many("idle", 5, 9);
    state = state_of("idle");
    all_is_well();
    restart(KEEPING TWO_PROBLEMS);
    ck_assert_uint_eq(state_of("idle"), state);
    all_is_well();
    teardown();
}
END_TEST

START_TEST(a_problem_that_is_no_longer_hosted_does_not_hold_retention_up)
{
    setup(KEEPING TWO_PROBLEMS);
    decide_many("p", 0, 5);
    decide_many("idle", 0, 20);
    restart(KEEPING ONE_PROBLEM);
    now += 61 * NANOS_PER_SECOND;
    tick();
    decide_many("p", 5, 6);
    ck_assert_uint_gt(retain(), 25);
    all_is_well();
    restart(KEEPING TWO_PROBLEMS);
    ck_assert_uint_eq(counters_of("p")->decisions, 6);
    decide("idle", "e0");
    all_is_well();
    teardown();
}
END_TEST

/* Expiries and snapshots are what lets retention make room. */
START_TEST(a_store_at_its_quota_gets_room_again)
{
    struct settings settings;

    setup(KEEPING ONE_PROBLEM);
    decide_many("p", 0, 20);
    settings = config->settings;
    settings.storage_quota = 1;
    settings.storage_keep = 3600 * NANOS_PER_SECOND;
    commit_reconfigure(committer, &settings);
    while (!commit_full(committer))
        pause_ms(1);
    now += 61 * NANOS_PER_SECOND;
    tick();
    ck_assert_uint_eq(counters_of("p")->expired, 20);
    pause_ms(500);
    ck_assert_uint_gt(first_record(), 20);
    teardown();
}
END_TEST

/* The state is folded anew from what is there. */
START_TEST(settings_of_another_policy_learn_from_what_is_kept)
{
    static const char other[] =
            KEEPING ONE_PROBLEM "    policy: {learner: tsallis-inf}\n";

    setup(KEEPING ONE_PROBLEM);
    decide_many("p", 0, 20);
    now += 61 * NANOS_PER_SECOND;
    tick();
    decide_many("p", 20, 30);
    report("p", "e5", 1.0);
    report("p", "e25", 1.0);
    (void)retain();
    restart(other);
    ck_assert_uint_ge(counters_of("p")->learned, 1);
    ck_assert_uint_ge(counters_of("p")->decisions, 10);
    now += 61 * NANOS_PER_SECOND;
    tick();
    all_is_well();
    teardown();
}
END_TEST

/* ---- limits ---- */

#define NAMED_PROBLEM                                                          \
    "problems:\n"                                                              \
    "  - name: p\n"                                                            \
    "    named_columns: 16\n"

/* A decide of `actions` actions, each with 1,024 named features. */
static void decide_named(const char *event, size_t actions)
{
    Rue__Request *message = request("p");
    Rue__Decide decide = RUE__DECIDE__INIT, *decides[] = {&decide};
    static Rue__Named features[NAMED_MAX], *list[NAMED_MAX];
    static char names[NAMED_MAX][24], ids[ACTIONS_MAX][24];
    static Rue__ActionFeatures entries[ACTIONS_MAX], *entry_list[ACTIONS_MAX];
    static ProtobufCBinaryData action[ACTIONS_MAX];

    for (size_t i = 0; i < NAMED_MAX; i++) {
        rue__named__init(&features[i]);
        (void)snprintf(names[i], sizeof(names[i]), "f%zu", i);
        features[i].name = data_of(names[i]);
        list[i] = &features[i];
    }
    for (size_t i = 0; i < actions; i++) {
        rue__action_features__init(&entries[i]);
        (void)snprintf(ids[i], sizeof(ids[i]), "a%zu", i);
        action[i] = data_of(ids[i]);
        entries[i].action = (uint32_t)i;
        entries[i].n_named = NAMED_MAX;
        entries[i].named = list;
        entry_list[i] = &entries[i];
    }
    decide.has_event = true;
    decide.event = data_of(event);
    decide.n_action = actions;
    decide.action = action;
    decide.n_action_named = actions;
    decide.action_named = entry_list;
    message->n_decide = 1;
    message->decide = decides;
    hand_in(message);
    settle();
}

#define WIDE_ACTIONS 1000
#define WIDE_DECIDES (REQUEST_PLACES_MAX / WIDE_ACTIONS)

/* `count` decides over a catalogue of many actions, in one request. */
static void decide_wide(uint32_t count)
{
    Rue__Request *message = request("p");
    static Rue__Decide decides[REQUEST_ITEMS_MAX];
    static Rue__Decide *list[REQUEST_ITEMS_MAX];

    for (uint32_t i = 0; i < count; i++) {
        rue__decide__init(&decides[i]);
        list[i] = &decides[i];
    }
    message->n_decide = count;
    message->decide = list;
    hand_in(message);
    settle();
}

START_TEST(a_request_is_logged_as_a_whole_or_not_at_all)
{
    static char text[WIDE_ACTIONS * 80];
    size_t used = (size_t)snprintf(text, sizeof(text),
            "batch_items: 1\nproblems:\n  - name: p\n    actions:\n");

    for (int i = 0; i < WIDE_ACTIONS; i++)
        used += (size_t)snprintf(
                text + used, sizeof(text) - used, "      - a%062d\n", i);
    setup(text);
    for (uint32_t i = 1; i <= 2; i++) {
        decide_wide(WIDE_DECIDES);
        ck_assert_int_eq(reply->status, RUE__STATUS__OK);
        ck_assert_uint_eq(counters_of("p")->decisions, i * WIDE_DECIDES);
    }
    decide_wide(WIDE_DECIDES + 1);
    ck_assert_int_eq(reply->status, RUE__STATUS__INVALID);
    ck_assert_uint_eq(counters_of("p")->decisions, 2 * WIDE_DECIDES);
    teardown();
}
END_TEST

/* What is logged can be read again: by its feedback, and by a restart. */
START_TEST(the_largest_decision_is_learned_and_recovered)
{
    setup(NAMED_PROBLEM);
    decide_named("e", NAMED_TOTAL_MAX / NAMED_MAX);
    ck_assert_int_eq(reply->decision[0]->status, RUE__STATUS__OK);
    report("p", "e", 1.0);
    restart(NAMED_PROBLEM);
    ck_assert_uint_eq(counters_of("p")->learned, 1);
    report("p", "e", 0.0);
    decide_named("f", NAMED_TOTAL_MAX / NAMED_MAX + 1);
    ck_assert_int_eq(reply->status, RUE__STATUS__INVALID);
    teardown();
}
END_TEST

/* ---- no room ---- */

/* Hands in a request and waits until it is answered, though others are not. */
static void ask(const Rue__Request *message)
{
    uint64_t id = message->id;

    hand_in(message);
    for (int i = 0; i < 1000; i++) {
        shard_submit(&shard);
        answer();
        if (reply != NULL && reply->id == id)
            return;
        pause_ms(1);
    }
    ck_abort_msg("no answer");
}

/* A batch that does not fit waits; what needs no room is answered. */
START_TEST(a_full_store_answers)
{
    Rue__StatusQuestion status = RUE__STATUS_QUESTION__INIT;
    Rue__Request *message;
    char event[32];
    uint64_t decisions;

    map_bytes = MIB;
    setup(ONE_PROBLEM);
    for (int i = 0; !commit_stuck(committer); i++) {
        ck_assert_int_lt(i, 100000);
        (void)snprintf(event, sizeof(event), "e%d", i);
        if (shard_ready(&shard) && shard.taking == shard.open &&
                !commit_full(committer)) {
            decide_later("p", event);
        } else if (commit_full(committer) && shard_idle(&shard)) {
            ck_abort_msg("the quota came first");
        }
        if (i % 3800 == 3799)
            shard_submit(&shard);
        answer();
    }
    decisions = counters_of("p")->decisions;
    message = request("p");
    message->status = &status;
    ask(message);
    ck_assert_int_eq(reply->status, RUE__STATUS__OK);
    message = request("p");
    message->n_activate = 1;
    message->activate = (Rue__Activate *[]){&(Rue__Activate){
            PROTOBUF_C_MESSAGE_INIT(&rue__activate__descriptor),
            data_of("e0")}};
    ask(message);
    ck_assert_int_eq(reply->status, RUE__STATUS__STORAGE_FULL);
    ck_assert_uint_eq(counters_of("p")->decisions, decisions);
    shard_submit(&shard);
    ck_assert(!shard_idle(&shard));
    teardown();
}
END_TEST

/* ---- other settings ---- */

/* The places of a decision are those of the catalogue that it was made with. */
START_TEST(what_was_decided_with_other_actions_teaches_nothing)
{
    static const char other[] = "problems:\n"
                                "  - name: p\n"
                                "    context: [a]\n"
                                "    actions: [y, x]\n"
                                "    reward: {wait: 10s}\n";

    setup(ONE_PROBLEM);
    decide_many("p", 0, 3);
    restart(other);
    decide_later("p", "e0");
    settle();
    ck_assert_int_eq(reply->decision[0]->status, RUE__STATUS__DUPLICATE);
    report("p", "e0", 1.0);
    decide("p", "new");
    report("p", "new", 1.0);
    now += 20 * NANOS_PER_SECOND;
    tick();
    report("p", "e1", 1.0);
    ck_assert_uint_eq(counters_of("p")->learned, 1);
    ck_assert_uint_eq(counters_of("p")->corrected, 0);
    ck_assert_uint_eq(counters_of("p")->expired, 2);
    all_is_well();
    restart(other);
    ck_assert_uint_eq(counters_of("p")->learned, 1);
    report("p", "e2", 1.0);
    ck_assert_uint_eq(counters_of("p")->learned, 1);
    all_is_well();
    teardown();
}
END_TEST

#define FREE_ACTIONS(max)                                                      \
    "problems:\n"                                                              \
    "  - name: p\n"                                                            \
    "    actions_max: " max "\n"                                               \
    "    named_columns: 4\n"

START_TEST(fewer_actions_than_were_decided_are_no_reason_not_to_start)
{
    setup(FREE_ACTIONS("20"));
    decide_named("wide", 10);
    report("p", "wide", 1.0);
    decide_named("narrow", 3);
    report("p", "narrow", 1.0);
    restart(FREE_ACTIONS("5"));
    ck_assert_uint_eq(counters_of("p")->learned, 1);
    report("p", "wide", 0.5);
    all_is_well();
    teardown();
}
END_TEST

/* ---- reload ---- */

static struct config *reconfigured(const char *text)
{
    struct config *new = config_parse("test", bytes_of_text(text), &err);

    ck_assert_msg(new != NULL, "%s", err.text);
    for (uint32_t i = 0; i < new->problem_count; i++)
        new->problems[i]->number =
                config_problem(config, new->problems[i]->name)->number;
    return new;
}

/* Every batch is on its way, so that nothing can be logged now. */
START_TEST(a_reload_needs_no_room)
{
    static const char text[] = "batch_items: 1\n" ONE_PROBLEM;
    static const char changed[] =
            "batch_items: 1\n" ONE_PROBLEM "    seed: 7\n";
    struct config *new;
    uint64_t last;

    setup(text);
    decide_later("p", "e0");
    for (int i = 0; i < 1000 && shard_ready(&shard); i++)
        shard_submit(&shard);
    new = reconfigured(changed);
    OK(shard_reload_prepare(&shard, new, &err));
    shard_reload_cancel(&shard);
    ck_assert_uint_eq(shard_find(&shard, bytes_of_text("p"))
                              ->problem->spec->settings.seed,
            1);
    OK(shard_reload_prepare(&shard, new, &err));
    shard_reload(&shard, new);
    config_free(config);
    config = new;
    settle();
    while (!shard_ready(&shard))
        settle();
    decide("p", "e1");
    ck_assert_uint_eq(shard_find(&shard, bytes_of_text("p"))
                              ->problem->spec->settings.seed,
            7);
    last = commit_last_sequence(committer);
    ck_assert_uint_eq(last, 4);
    restart(changed);
    ck_assert_uint_eq(commit_last_sequence(committer), last);
    all_is_well();
    teardown();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shard");
    TCase *time = tcase_create("time");
    TCase *limits = tcase_create("limits");
    TCase *retention = tcase_create("retention");
    TCase *reload = tcase_create("reload");

    tcase_set_timeout(time, 60);
    tcase_add_test(time, an_idle_shard_stays_ready);
    tcase_add_test(time,
            many_deadlines_that_passed_while_it_was_down_are_taken_in_turns);
    tcase_add_test(time, deadlines_of_many_problems_are_looked_at_in_turns);
    tcase_add_test(time, deadlines_stay_apart_while_the_clock_is_behind);
    tcase_add_test(time, an_event_is_the_same_from_memory_and_from_disk);
    tcase_add_test(time, the_next_batch_goes_when_the_one_before_is_on_disk);
    suite_add_tcase(suite, time);
    tcase_add_test(limits, the_largest_decision_is_learned_and_recovered);
    tcase_add_test(limits, a_request_is_logged_as_a_whole_or_not_at_all);
    suite_add_tcase(suite, limits);
    tcase_set_timeout(retention, 60);
    tcase_add_test(retention,
            retention_keeps_the_decision_of_a_feedback_after_the_snapshot);
    tcase_add_test(
            retention, retention_keeps_the_decision_of_a_feedback_on_its_way);
    tcase_add_test(retention, what_retention_took_is_unknown);
    tcase_add_test(retention, an_event_that_waits_is_kept_until_it_expired);
    tcase_add_test(retention, an_idle_problem_does_not_hold_retention_up);
    tcase_add_test(
            retention, an_idle_problem_goes_on_where_its_snapshot_left_it);
    tcase_add_test(retention,
            a_problem_that_is_no_longer_hosted_does_not_hold_retention_up);
    tcase_add_loop_test(
            retention, retention_spares_what_training_remembers, 0, 2);
    tcase_add_test(retention, a_store_at_its_quota_gets_room_again);
    tcase_add_test(
            retention, settings_of_another_policy_learn_from_what_is_kept);
    suite_add_tcase(suite, retention);
    tcase_add_test(limits, a_full_store_answers);
    tcase_add_test(reload, what_was_decided_with_other_actions_teaches_nothing);
    tcase_add_test(
            reload, fewer_actions_than_were_decided_are_no_reason_not_to_start);
    tcase_add_test(reload, a_reload_needs_no_room);
    suite_add_tcase(suite, reload);
    return run_suite(suite);
}
