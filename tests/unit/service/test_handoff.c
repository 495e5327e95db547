/* Batches on their way between threads, without sockets: two engine threads
 * with a shard each, the commit thread, and this one in the part of the
 * socket's thread. The store is the one in memory. All of it is our code, so
 * that a sanitizer sees every hand-over.
 *
 * Each request is answered once, the way it should be, and the log that comes
 * of it is in order. */
#include "proto/rue.pb-c.h"
#include "replay/verify.h"
#include "service/host.h"
#include "service/shard.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define SHARDS   2u
#define REQUESTS 1500u /* of each shard */
#define STEP     (NANOS_PER_SECOND / 100) /* time between two requests */
#define WAIT_MS  30000
#define START    (1000 * NANOS_PER_SECOND)

static const char settings_text[] =
        "snapshot: {every: 1s, records: 100}\n"
        "batch_items: 16\n"
        "storage: {quota: %s, reserve: 0}\n"
        "problems:\n"
        "  - name: p0\n"
        "    context: [x]\n"
        "    actions: [a, b, c]\n"
        "    reward: {wait: %s}\n"
        "    policy: {oracle: ridge, explorer: squarecb}\n"
        "  - name: p1\n"
        "    context: [x]\n"
        "    actions: [a, b, c]\n"
        "    durability: relaxed\n"
        "    reward: {wait: %s}\n"
        "    policy: {oracle: ridge, explorer: epsilon}\n";

struct engine {
    struct shard shard;
    pthread_t thread;
    pthread_mutex_t lock; /* held while the shard works */
    struct mailbox wake; /* for its file descriptor */
    uint32_t index;
    _Atomic uint32_t asked;
    _Atomic bool over;
    uint32_t answered, refused; /* this thread's */
    bool seen[2 * REQUESTS + 1]; /* by request id */
    uint8_t frame[1024];
};

static struct ledger *ledger;
static struct config *config;
static struct committer *committer;
static struct mailbox done, early;
static struct engine engines[SHARDS];
static struct err err;
static uint32_t requests; /* of each shard, as of now */

static void ok(int status, const char *what)
{
    ck_assert_msg(status == 0, "%s: %s", what, err.text);
}

static struct config *configure(const char *quota, const char *wait)
{
    char text[1024];
    struct config *parsed;

    (void)snprintf(text, sizeof(text), settings_text, quota, wait, wait);
    parsed = config_parse("test", bytes_of_text(text), &err);
    ck_assert_msg(parsed != NULL, "%s", err.text);
    return parsed;
}

/* ---- engine threads ---- */

static ProtobufCBinaryData data_of(char *text)
{
    return (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
}

/* Request n: mostly a decision and feedback for an earlier one; now and then
 * the same question again, which is answered from wherever the first one is on
 * its way, or status. */
static struct bytes make_frame(struct engine *engine, uint32_t n)
{
    Rue__StatusQuestion status = RUE__STATUS_QUESTION__INIT;
    Rue__Request request = RUE__REQUEST__INIT;
    Rue__Decide decide = RUE__DECIDE__INIT, *decides[] = {&decide};
    Rue__Feedback feedback = RUE__FEEDBACK__INIT, *feedbacks[] = {&feedback};
    Rue__Matrix shared = RUE__MATRIX__INIT;
    char problem[] = {'p', (char)('0' + engine->index), 0};
    uint32_t which = n % 5 == 4 ? n - 1 - n % 3 : n;
    char event[16], earlier[16];
    double x = which;

    (void)snprintf(event, sizeof(event), "e%u", which);
    (void)snprintf(earlier, sizeof(earlier), "e%u", n / 2);
    request.id = n;
    request.has_problem = true;
    request.problem = data_of(problem);
    shared.has_columns = true;
    shared.columns = 1;
    shared.n_f64 = 1;
    shared.f64 = &x;
    decide.has_event = true;
    decide.event = data_of(event);
    decide.shared = &shared;
    request.n_decide = 1;
    request.decide = decides;
    feedback.event = data_of(earlier);
    feedback.value = 0.5;
    if (n % 3 == 0) {
        request.n_feedback = 1;
        request.feedback = feedbacks;
    }
    if (n % 50 == 0)
        request.status = &status;
    return bytes_of(engine->frame, rue__request__pack(&request, engine->frame));
}

/* One turn, as an engine thread of the service has it. */
static void turn(struct engine *engine, uint32_t until)
{
    static const uint8_t peer[] = {1, 2, 3};
    struct bytes envelope = bytes_of(peer, sizeof(peer));
    nanos now = START;

    CHECK_ZERO(pthread_mutex_lock(&engine->lock));
    for (int i = 0; i < 8 && shard_ready(&engine->shard); i++) {
        uint32_t n = atomic_load(&engine->asked) + 1;
        now = START + n * STEP;
        if (n > until)
            break;
        shard_handle(&engine->shard, &envelope, 1, make_frame(engine, n), now);
        atomic_store(&engine->asked, n);
    }
    shard_tick(&engine->shard, now);
    shard_submit(&engine->shard);
    CHECK_ZERO(pthread_mutex_unlock(&engine->lock));
}

static void *engine_main(void *argument)
{
    struct engine *engine = argument;
    struct pollfd fd = {engine->wake.fd, POLLIN, 0};

    while (!atomic_load(&engine->over)) {
        (void)poll(&fd, 1, 1);
        mailbox_clear(&engine->wake);
        turn(engine, requests);
    }
    return NULL;
}

/* ---- the socket's thread ---- */

static void take_reply(struct engine *engine, struct bytes bytes)
{
    Rue__Reply *reply = rue__reply__unpack(NULL, bytes.size, bytes.data);

    ck_assert_ptr_nonnull(reply);
    ck_assert_uint_ge(reply->id, 1);
    ck_assert_uint_le(reply->id, 2 * REQUESTS);
    ck_assert_msg(!engine->seen[reply->id], "answered twice");
    engine->seen[reply->id] = true;
    if (reply->status == RUE__STATUS__STORAGE_FULL) {
        ck_assert_ptr_nonnull(strstr(reply->message, "storage.quota"));
        engine->refused++;
    } else {
        ck_assert_int_eq(reply->status, RUE__STATUS__OK);
        ck_assert_int_eq(reply->decision[0]->status, RUE__STATUS__OK);
        engine->answered++;
    }
    rue__reply__free_unpacked(reply, NULL);
}

static struct engine *owner_of(const struct batch *batch)
{
    for (uint32_t i = 0; i < SHARDS; i++)
        for (uint32_t j = 0; j < SHARD_BATCHES; j++)
            if (engines[i].shard.batches[j] == batch)
                return &engines[i];
    ck_abort_msg("a batch of nobody");
}

static void take_replies(struct batch *batch, bool all)
{
    for (uint32_t i = 0; i < batch->exchange_count; i++) {
        struct exchange *exchange = &batch->exchanges[i];
        if (exchange->sent || (!all && !exchange->relaxed))
            continue;
        exchange->sent = true;
        take_reply(owner_of(batch), exchange->reply);
    }
}

static void answer_batches(void)
{
    struct batch *batch;

    mailbox_clear(&early);
    mailbox_clear(&done);
    while ((batch = mailbox_take(&early)) != NULL) {
        take_replies(batch, false);
        atomic_store(&batch->early, true);
    }
    while ((batch = mailbox_take(&done)) != NULL) {
        take_replies(batch, true);
        atomic_store_explicit(
                &batch->stage, BATCH_ANSWERED, memory_order_release);
        mailbox_wake(&owner_of(batch)->wake);
    }
}

static bool all_answered(void)
{
    for (uint32_t i = 0; i < SHARDS; i++)
        if (engines[i].answered + engines[i].refused < requests)
            return false;
    return true;
}

static void answer_all(void)
{
    struct pollfd fds[] = {{done.fd, POLLIN, 0}, {early.fd, POLLIN, 0}};

    while (!all_answered()) {
        ck_assert_int_gt(poll(fds, 2, WAIT_MS), 0);
        answer_batches();
    }
}

/* ---- life ---- */

static void open_engine(uint32_t index, struct problem **problems)
{
    struct engine *engine = &engines[index];

    memset(engine, 0, sizeof(*engine));
    engine->index = index;
    CHECK_ZERO(pthread_mutex_init(&engine->lock, NULL));
    ok(mailbox_open(&engine->wake, 1, &err), "mailbox");
    ok(shard_open(&engine->shard, config, ledger, committer, &early,
               &problems[index], 1, true, START, &err),
            "shard");
}

static void setup(const char *quota, const char *wait)
{
    struct problem **problems;
    struct store *store;
    uint64_t folded;

    config = configure(quota, wait);
    ok(store_mem_open(0, &store, &err), "store");
    ok(ledger_over(store, false, &ledger, &err), "ledger");
    ok(host_register(ledger, config, START, &err), "problems");
    ok(mailbox_open(&done, SHARDS * SHARD_BATCHES, &err), "mailbox");
    ok(mailbox_open(&early, SHARDS * SHARD_BATCHES, &err), "mailbox");
    ok(commit_start(&committer, ledger, &config->settings, &done, &err),
            "committer");
    ok(host_open(ledger, config, &problems, &folded, &err), "problems");
    for (uint32_t i = 0; i < SHARDS; i++)
        open_engine(i, problems);
    free(problems);
    requests = REQUESTS;
}

static void start_threads(void)
{
    for (uint32_t i = 0; i < SHARDS; i++) {
        atomic_store(&engines[i].over, false);
        ck_assert_int_eq(pthread_create(&engines[i].thread, NULL, engine_main,
                                 &engines[i]),
                0);
    }
}

static void stop_threads(void)
{
    for (uint32_t i = 0; i < SHARDS; i++) {
        atomic_store(&engines[i].over, true);
        CHECK_ZERO(pthread_join(engines[i].thread, NULL));
    }
}

/* Lets all that is open or under way reach the store. */
static void drain(void)
{
    struct pollfd fd = {done.fd, POLLIN, 0};

    for (uint32_t i = 0; i < SHARDS; i++)
        while (!shard_idle(&engines[i].shard)) {
            shard_submit(&engines[i].shard);
            (void)poll(&fd, 1, 10);
            answer_batches();
        }
}

static void expect_a_good_store(void)
{
    struct verify_report report;

    ok(verify_run(ledger, NULL, &report, &err), "verify");
    ck_assert_msg(report.finding_count == 0, "%s", report.findings[0]);
    verify_free(&report);
}

static void teardown(void)
{
    drain();
    commit_stop(committer);
    expect_a_good_store();
    for (uint32_t i = 0; i < SHARDS; i++) {
        shard_close(&engines[i].shard);
        mailbox_close(&engines[i].wake);
        CHECK_ZERO(pthread_mutex_destroy(&engines[i].lock));
    }
    mailbox_close(&done);
    mailbox_close(&early);
    ledger_close(ledger);
    config_free(config);
}

START_TEST(every_request_is_answered_once)
{
    setup("0", "0");
    start_threads();
    answer_all();
    stop_threads();
    for (uint32_t i = 0; i < SHARDS; i++) {
        ck_assert_uint_eq(engines[i].answered, REQUESTS);
        ck_assert_uint_eq(engines[i].refused, 0);
    }
    teardown();
}
END_TEST

/* Deadlines are found in the store while later decisions are on their way. */
START_TEST(deadlines_are_handled_meanwhile)
{
    setup("0", "300ms");
    start_threads();
    answer_all();
    stop_threads();
    for (uint32_t i = 0; i < SHARDS; i++)
        ck_assert_uint_gt(
                engines[i].shard.hosted[0].problem->counters.expired, 0);
    teardown();
}
END_TEST

static bool reload(struct config *new)
{
    int status = 0;

    for (uint32_t i = 0; i < SHARDS; i++)
        CHECK_ZERO(pthread_mutex_lock(&engines[i].lock));
    for (uint32_t i = 0; status == 0 && i < SHARDS; i++)
        status = shard_prepare(&engines[i].shard, new, &err);
    for (uint32_t i = 0; i < SHARDS; i++)
        if (status == 0)
            shard_go_over(&engines[i].shard, new);
        else
            shard_stay(&engines[i].shard);
    for (uint32_t i = 0; i < SHARDS; i++)
        CHECK_ZERO(pthread_mutex_unlock(&engines[i].lock));
    return status == 0;
}

/* New settings again and again, in the middle of it all. */
START_TEST(settings_change_meanwhile)
{
    static const char *const waits[] = {"1s", "2s", "0"};
    struct pollfd fd = {done.fd, POLLIN, 0};
    uint32_t changes = 0;

    setup("0", "0");
    fd.fd = done.fd;
    start_threads();
    while (!all_answered()) {
        struct config *new = configure("0", waits[changes % 3]);
        for (uint32_t i = 0; i < new->problem_count; i++)
            new->problems[i]->number = config->problems[i]->number;
        if (reload(new)) {
            commit_reconfigure(committer, &new->settings);
            config_free(config);
            config = new;
            changes++;
        } else {
            ck_assert_int_eq(err.status, STATUS_BUSY);
            config_free(new);
        }
        (void)poll(&fd, 1, 20);
        answer_batches();
    }
    stop_threads();
    ck_assert_uint_gt(changes, 0);
    teardown();
}
END_TEST

/* Full, then not: what is refused is answered at once, and so is all after. */
START_TEST(work_is_refused_while_there_is_no_room)
{
    struct settings more;

    setup("64KiB", "0");
    start_threads();
    answer_all();
    for (uint32_t i = 0; i < SHARDS; i++)
        ck_assert_uint_gt(engines[i].refused, 0);
    ck_assert(commit_full(committer));
    stop_threads();
    more = config->settings;
    more.storage_quota = 0;
    commit_reconfigure(committer, &more);
    while (commit_full(committer))
        (void)poll(NULL, 0, 5);
    requests = 2 * REQUESTS;
    for (uint32_t i = 0; i < SHARDS; i++)
        engines[i].refused = 0;
    for (uint32_t i = 0; i < SHARDS; i++)
        engines[i].answered = REQUESTS;
    start_threads();
    answer_all();
    stop_threads();
    for (uint32_t i = 0; i < SHARDS; i++)
        ck_assert_uint_eq(engines[i].refused, 0);
    teardown();
}
END_TEST

static bool retired(void)
{
    struct ledger_reader reader;
    uint64_t first;

    ok(ledger_reader_open(ledger, &reader, &err), "reader");
    ok(log_first(reader.txn, &first, &err), "log");
    ledger_reader_close(&reader);
    return first > 3; /* two settings, and the decision */
}

static void handle(struct engine *engine, uint32_t n)
{
    static const uint8_t peer[] = {1};
    struct bytes envelope = bytes_of(peer, sizeof(peer));

    ck_assert(shard_ready(&engine->shard));
    shard_handle(&engine->shard, &envelope, 1, make_frame(engine, n),
            START + n * STEP);
}

/* Feedback that is on its way while its decision is retired: the store agrees
 * with itself all the same, and a restart has what was learned. */
START_TEST(a_decision_is_retired_under_its_feedback)
{
    struct engine *engine = &engines[0];
    struct settings settings;

    setup("0", "0");
    /* Decisions 1 and 2 on disk, with a snapshot; feedback for 1 not yet. */
    handle(engine, 1);
    handle(engine, 2);
    ck_assert(shard_snapshot_all(&engine->shard));
    ck_assert(shard_snapshot_all(&engines[1].shard));
    drain();
    handle(engine, 3);
    settings = config->settings;
    settings.storage_keep = NANOS_PER_SECOND;
    commit_reconfigure(committer, &settings);
    while (!retired())
        (void)poll(NULL, 0, 5);
    settings.storage_keep = 0;
    commit_reconfigure(committer, &settings);
    drain();
    ck_assert_uint_eq(engine->answered, 3);
    ck_assert_uint_eq(engine->shard.hosted[0].problem->counters.learned, 1);
    shard_tick(&engine->shard, START + 4 * STEP);
    teardown();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("handoff");
    TCase *tcase = tcase_create("threads");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, every_request_is_answered_once);
    tcase_add_test(tcase, deadlines_are_handled_meanwhile);
    tcase_add_test(tcase, settings_change_meanwhile);
    tcase_add_test(tcase, work_is_refused_while_there_is_no_room);
    tcase_add_test(tcase, a_decision_is_retired_under_its_feedback);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
