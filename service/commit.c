#include "service/commit.h"

#include "service/counters.h"
#include "service/diag.h"
#include "storage/retention.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define RETRY_MS 100
/* Event ids written under a deadline at a time. */
#define DUE_IDS_BYTES 16384
#define TEND_EVERY    600 /* turns of RETRY_MS: once a minute */

struct committer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct batch *first, *last; /* submitted */
    bool stopping;
    struct settings settings; /* under the lock */
    char why[ERR_TEXT_SIZE]; /* there is or was no room; under the lock */
    struct ledger *ledger;
    struct mailbox *done;
    _Atomic bool full;
    _Atomic bool stuck;
    _Atomic uint64_t sequence;
};

/* ---- one batch into the open transaction ---- */

static int write_snapshot(struct ledger *ledger,
        const struct batch_effect *effect, struct err *err)
{
    struct snapshot snapshot = {
            ledger_last_appended(ledger), effect->digest, effect->payload};
    int status =
            snapshot_put(ledger_txn(ledger), effect->problem, &snapshot, err);

    if (status == 0)
        status = snapshot_prune(ledger_txn(ledger), effect->problem, err);
    return status;
}

static int write_record(
        struct ledger *ledger, struct batch_effect *effect, struct err *err)
{
    int status = ledger_append(ledger, effect->record_kind, effect->payload,
            &effect->sequence, err);

    if (status == 0 && effect->record_kind == RECORD_CONFIG)
        status = ledger_problem_set_config(
                ledger, effect->problem, effect->sequence, err);
    return status;
}

static int write_effect(
        struct ledger *ledger, struct batch_effect *effect, struct err *err)
{
    switch (effect->kind) {
    case EFFECT_RECORD:
        return write_record(ledger, effect, err);
    case EFFECT_DUE_DONE:
        return due_delete(
                ledger_txn(ledger), effect->problem, effect->deadline, err);
    case EFFECT_SNAPSHOT:
        return write_snapshot(ledger, effect, err);
    }
    CHECK_UNREACHABLE();
}

/* The event's state with the sequence of its Decision record, which is known
 * only now if the record is of this batch. The state itself is left alone: the
 * engine thread may be reading it. */
static int write_event(
        struct ledger *ledger, const struct batch_event *entry, struct err *err)
{
    struct event_state state;

    memcpy(&state, entry->state,
            offsetof(struct event_state, marks) +
                    entry->state->mark_count * sizeof(state.marks[0]));
    if (entry->decision_effect != NULL)
        state.decision = entry->decision_effect->sequence;
    state.touched = ledger_last_appended(ledger);
    return event_put(
            ledger_txn(ledger), entry->problem, entry->event, &state, err);
}

/* One entry for each run of events with the same deadline: all decisions of a
 * moment have the same. */
static int write_dues(
        struct ledger *ledger, const struct batch *batch, struct err *err)
{
    uint8_t ids[DUE_IDS_BYTES];
    uint32_t i = 0;

    while (i < batch->due_count) {
        const struct batch_due *first = &batch->dues[i];
        struct writer writer = writer_over(ids, sizeof(ids));
        int status;
        for (; i < batch->due_count; i++) {
            const struct batch_due *due = &batch->dues[i];
            if (due->problem != first->problem ||
                    due->deadline != first->deadline ||
                    writer.capacity - writer.size < 1 + ID_BYTES_MAX)
                break;
            write_u8(&writer, (uint8_t)due->event.size);
            write_bytes(&writer, due->event);
        }
        status = due_put(ledger_txn(ledger), first->problem, first->deadline,
                writer_bytes(&writer), err);
        if (status != 0)
            return status;
    }
    return 0;
}

/* Was the event's decision retired while the batch was on its way? */
static bool is_late(const struct batch_event *entry, uint64_t first)
{
    return entry->decision_effect == NULL && entry->state->decision != 0 &&
            entry->state->decision < first;
}

static int write_events(
        struct ledger *ledger, struct batch *batch, struct err *err)
{
    struct store_txn *txn = ledger_txn(ledger);
    uint64_t first;
    int status = log_first(txn, &first, err);

    for (uint32_t i = 0; status == 0 && i < batch->event_count; i++) {
        const struct batch_event *entry = &batch->events[i];
        bool late = entry->state != NULL && is_late(entry, first);
        batch->trouble |= late ? (unsigned)BATCH_LATE : 0u;
        if (entry->state == NULL || late)
            status = event_delete(txn, entry->problem, entry->event, err);
        else
            status = write_event(ledger, entry, err);
    }
    return status;
}

static int write_batch(
        struct ledger *ledger, struct batch *batch, struct err *err)
{
    int status = 0;

    for (uint32_t i = 0; status == 0 && i < batch->effect_count; i++)
        status = write_effect(ledger, &batch->effects[i], err);
    if (status == 0)
        status = write_dues(ledger, batch, err);
    if (status == 0 && batch->event_count > 0)
        status = write_events(ledger, batch, err);
    return status;
}

/* All batches of a list in one transaction. 0, STORAGE_FULL and nothing
 * happened, or another status: stop. */
static int write_list(
        struct ledger *ledger, struct batch *list, struct err *err)
{
    int status = ledger_begin(ledger, err);

    if (status != 0)
        return status;
    for (; status == 0 && list != NULL; list = list->next)
        status = write_batch(ledger, list, err);
    if (status != 0) {
        ledger_abort(ledger);
        return status;
    }
    return ledger_commit(ledger, err);
}

/* ---- room ---- */

static void copy_settings(
        struct committer *committer, struct settings *settings)
{
    CHECK_ZERO(pthread_mutex_lock(&committer->lock));
    *settings = committer->settings;
    CHECK_ZERO(pthread_mutex_unlock(&committer->lock));
}

/* `why` NULL: there is room. */
static void set_full(struct committer *committer, const char *why)
{
    bool full = why != NULL;

    if (full) {
        CHECK_ZERO(pthread_mutex_lock(&committer->lock));
        (void)snprintf(committer->why, sizeof(committer->why), "%s", why);
        CHECK_ZERO(pthread_mutex_unlock(&committer->lock));
    }
    if (atomic_exchange(&committer->full, full) == full)
        return;
    if (full)
        diag(DIAG_ERROR, "storage.full", "refusing=true why=\"%s\"", why);
    else
        diag(DIAG_INFO, "storage.room", "refusing=false");
}

/* Says whether new work may come in: not while something waits that did not
 * fit. */
static void measure_room(
        struct committer *committer, const struct settings *settings)
{
    struct store_usage usage;
    const char *why;

    ledger_usage(committer->ledger, &usage);
    why = retention_full(
            &usage, settings->storage_quota, settings->storage_reserve);
    if (why != NULL || !commit_stuck(committer))
        set_full(committer, why);
}

/* Makes room by retention. */
static void make_room(
        struct committer *committer, const struct settings *settings)
{
    struct retention retention;
    struct err err;
    uint64_t dropped = 0;
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    retention.keep = settings->storage_keep;
    retention.now = (nanos)now.tv_sec * NANOS_PER_SECOND + now.tv_nsec;
    retention.urgent = commit_stuck(committer);
    if (retention_run(committer->ledger, &retention, &dropped, &err) != 0)
        diag(DIAG_WARNING, "retention.failed", "why=\"%s\"", err.text);
    COUNT_ADD(retired, dropped);
}

static void look_for_room(struct committer *committer)
{
    struct settings settings;

    copy_settings(committer, &settings);
    make_room(committer, &settings);
    measure_room(committer, &settings);
}

/* ---- the thread ---- */

static struct timespec soon(void)
{
    struct timespec at;

    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += RETRY_MS * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_nsec -= 1000000000;
        at.tv_sec++;
    }
    return at;
}

/* Waits for batches, a stop or the next turn; takes all that is submitted. */
static struct batch *take_list(
        struct committer *committer, bool *stopping, bool *idle)
{
    struct timespec until = soon();
    struct batch *list;
    int code = 0;

    CHECK_ZERO(pthread_mutex_lock(&committer->lock));
    while (committer->first == NULL && !committer->stopping &&
            code != ETIMEDOUT)
        code = pthread_cond_timedwait(
                &committer->wake, &committer->lock, &until);
    list = committer->first;
    committer->first = NULL;
    committer->last = NULL;
    *stopping = committer->stopping;
    *idle = code == ETIMEDOUT;
    CHECK_ZERO(pthread_mutex_unlock(&committer->lock));
    return list;
}

static void count_list(const struct batch *list)
{
    COUNT(commits);
    for (; list != NULL; list = list->next)
        for (uint32_t i = 0; i < list->effect_count; i++) {
            const struct batch_effect *effect = &list->effects[i];
            if (effect->kind == EFFECT_SNAPSHOT)
                COUNT(snapshots);
            if (effect->kind != EFFECT_RECORD)
                continue;
            COUNT(records);
            COUNT_ADD(record_bytes, effect->payload.size);
        }
}

static void let_replies_go(struct committer *committer, struct batch *batch)
{
    atomic_store_explicit(&batch->stage, BATCH_COMMITTED, memory_order_release);
    /* There is a place for every batch that exists. */
    CHECK(mailbox_put(committer->done, batch));
}

static void hand_back(struct committer *committer, struct batch *list)
{
    atomic_store(&committer->sequence, ledger_last_appended(committer->ledger));
    while (list != NULL) {
        struct batch *next = list->next;
        batch_free_snapshots(list);
        let_replies_go(committer, list);
        list = next;
    }
}

static bool nothing_to_write(const struct batch *list)
{
    for (; list != NULL; list = list->next)
        if (batch_must_commit(list))
            return false;
    return true;
}

_Noreturn static void stop_process(const struct err *err)
{
    diag(DIAG_ERROR, "commit.failed",
            "status=%s why=\"%s\" action=\"stopping without acknowledging\"",
            status_name(err->status), err->text);
    _exit(1);
}

static bool stop_asked(struct committer *committer)
{
    bool stopping;

    CHECK_ZERO(pthread_mutex_lock(&committer->lock));
    stopping = committer->stopping;
    CHECK_ZERO(pthread_mutex_unlock(&committer->lock));
    return stopping;
}

static void wait_a_turn(void)
{
    struct timespec pause = {0, RETRY_MS * 1000000};

    (void)nanosleep(&pause, NULL);
}

static bool only_snapshots(const struct batch *list)
{
    for (; list != NULL; list = list->next) {
        if (list->event_count > 0)
            return false;
        for (uint32_t i = 0; i < list->effect_count; i++)
            if (list->effects[i].kind != EFFECT_SNAPSHOT)
                return false;
    }
    return true;
}

static void give_up_snapshots(struct batch *list)
{
    for (; list != NULL; list = list->next)
        list->trouble |= BATCH_LOST;
}

/* Commits a list, however long it takes to find room. False if a stop came
 * before there was any: the list is given up, unacknowledged. */
static bool commit_list(struct committer *committer, struct batch *list)
{
    struct err err;

    for (;;) {
        int status = write_list(committer->ledger, list, &err);
        bool stuck = status != 0 && !only_snapshots(list);
        atomic_store(&committer->stuck, stuck);
        if (status == 0)
            return true;
        if (status != STATUS_STORAGE_FULL)
            stop_process(&err);
        if (!stuck) {
            give_up_snapshots(list);
            return true;
        }
        COUNT(commit_retries);
        set_full(committer, err.text);
        if (stop_asked(committer))
            return false;
        wait_a_turn();
        look_for_room(committer);
    }
}

static void *commit_main(void *argument)
{
    struct committer *committer = argument;
    struct settings settings;
    unsigned turns = 0;
    bool stopping = false, idle;

    while (!stopping) {
        struct batch *list = take_list(committer, &stopping, &idle);
        if (list != NULL && !nothing_to_write(list)) {
            if (!commit_list(committer, list))
                break;
            count_list(list);
        }
        if (list != NULL) {
            hand_back(committer, list);
            stopping = false; /* look once more for what came meanwhile */
            if (stop_asked(committer))
                continue;
        }
        copy_settings(committer, &settings);
        if (++turns % 64 == 0 || idle || commit_full(committer))
            make_room(committer, &settings);
        measure_room(committer, &settings);
        if (turns % TEND_EVERY == 0)
            ledger_tend(committer->ledger);
    }
    return NULL;
}

int commit_start(struct committer **out, struct ledger *ledger,
        const struct settings *settings, struct mailbox *done, struct err *err)
{
    struct committer *committer = calloc(1, sizeof(*committer));
    pthread_condattr_t attributes;

    if (committer == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    committer->ledger = ledger;
    committer->settings = *settings;
    committer->done = done;
    atomic_store(&committer->sequence, ledger_last_appended(ledger));
    CHECK_ZERO(pthread_mutex_init(&committer->lock, NULL));
    CHECK_ZERO(pthread_condattr_init(&attributes));
    CHECK_ZERO(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
    CHECK_ZERO(pthread_cond_init(&committer->wake, &attributes));
    CHECK_ZERO(pthread_condattr_destroy(&attributes));
    look_for_room(committer);
    if (pthread_create(&committer->thread, NULL, commit_main, committer) != 0) {
        free(committer);
        return err_set(err, STATUS_INTERNAL, "no thread for commits");
    }
    *out = committer;
    return 0;
}

void commit_stop(struct committer *committer)
{
    CHECK_ZERO(pthread_mutex_lock(&committer->lock));
    committer->stopping = true;
    CHECK_ZERO(pthread_cond_signal(&committer->wake));
    CHECK_ZERO(pthread_mutex_unlock(&committer->lock));
    CHECK_ZERO(pthread_join(committer->thread, NULL));
    CHECK_ZERO(pthread_cond_destroy(&committer->wake));
    CHECK_ZERO(pthread_mutex_destroy(&committer->lock));
    free(committer);
}

void commit_submit(struct committer *committer, struct batch *batch)
{
    CHECK_ZERO(pthread_mutex_lock(&committer->lock));
    batch->next = NULL;
    if (committer->last == NULL)
        committer->first = batch;
    else
        committer->last->next = batch;
    committer->last = batch;
    CHECK_ZERO(pthread_cond_signal(&committer->wake));
    CHECK_ZERO(pthread_mutex_unlock(&committer->lock));
}

void commit_skip(struct committer *committer, struct batch *batch)
{
    CHECK(!batch_must_commit(batch));
    let_replies_go(committer, batch);
}

bool commit_full(const struct committer *committer)
{
    return atomic_load_explicit(&committer->full, memory_order_relaxed);
}

bool commit_stuck(const struct committer *committer)
{
    return atomic_load_explicit(&committer->stuck, memory_order_relaxed);
}

void commit_why(struct committer *committer, char *why, size_t size)
{
    CHECK_ZERO(pthread_mutex_lock(&committer->lock));
    (void)snprintf(why, size, "%s", committer->why);
    CHECK_ZERO(pthread_mutex_unlock(&committer->lock));
}

void commit_reconfigure(
        struct committer *committer, const struct settings *settings)
{
    CHECK_ZERO(pthread_mutex_lock(&committer->lock));
    committer->settings = *settings;
    CHECK_ZERO(pthread_mutex_unlock(&committer->lock));
}

uint64_t commit_last_sequence(const struct committer *committer)
{
    return atomic_load(&committer->sequence);
}
