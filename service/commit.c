#include "service/commit.h"

#include "service/commit_model.h"
#include "service/counters.h"
#include "service/diag.h"
#include "service/histogram.h"
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
    struct settings settings; /* under the lock */
    struct retention_host *hosts; /* [host_count], by number */
    struct batch **watched; /* [watched_count]; under the lock */
    uint32_t host_count;
    uint32_t watched_count;
    struct ledger *ledger;
    struct mailbox *done;
    void (*failed)(void *self, const struct err *err); /* NULL: stop */
    void *failed_self;
    char why[ERR_TEXT_SIZE]; /* there is or was no room; under the lock */
    _Atomic uint64_t retired; /* Decisions up to here may be gone */
    _Atomic uint64_t sequence;
    _Atomic uint32_t waiting; /* batches submitted that are not on disk */
    struct {
        _Atomic uint64_t used, file, map, disk, quota;
    } usage; /* at the last look */
    pthread_mutex_t models; /* held while generations are pruned */
    pthread_cond_t stored;
    struct commit_model *store; /* to be stored; under the lock */
    struct err *store_err;
    int store_status;
    uint32_t promotions; /* records under way to the disk; under `models` */
    bool stopping; /* under the lock */
    _Atomic bool full;
    _Atomic bool stuck;
    _Atomic bool tend; /* housekeeping is asked for */
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
                ledger, effect->problem, effect->sequence, 0, err);
    if (status == 0 && effect->record_kind == RECORD_PROMOTION)
        status = model_note_promotion(ledger, effect, err);
    return status;
}

static int write_effect(
        struct ledger *ledger, struct batch_effect *effect, struct err *err)
{
    switch (effect->kind) {
    case EFFECT_RECORD:
        return write_record(ledger, effect, err);
    case EFFECT_DUE_DONE:
        return 0; /* when the events are written */
    case EFFECT_SNAPSHOT:
        return write_snapshot(ledger, effect, err);
    case EFFECT_MODEL:
        return model_write(ledger, effect, err);
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

    if (entry->state == NULL)
        return event_delete(
                ledger_txn(ledger), entry->problem, entry->event, err);
    memcpy(&state, entry->state, event_state_size(entry->state));
    state.last = entry->last->sequence;
    if (entry->decision_effect != NULL)
        state.decision = entry->decision_effect->sequence;
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

/* Looks at what the events became, this batch included. */
static int settle_dues(
        struct ledger *ledger, const struct batch *batch, struct err *err)
{
    int status = 0;

    for (uint32_t i = 0; status == 0 && i < batch->effect_count; i++) {
        const struct batch_effect *effect = &batch->effects[i];
        if (effect->kind == EFFECT_DUE_DONE)
            status = due_settle(
                    ledger_txn(ledger), effect->problem, effect->deadline, err);
    }
    return status;
}

static int compare_events(const void *a, const void *b)
{
    const struct batch_event *left = *(const struct batch_event *const *)a;
    const struct batch_event *right = *(const struct batch_event *const *)b;

    if (left->problem != right->problem)
        return left->problem < right->problem ? -1 : 1;
    return bytes_compare(left->event, right->event);
}

/* In the order of their keys: each is then found from the one before it, and
 * pages that grow at their end stay full. */
static int write_events(
        struct ledger *ledger, const struct batch *batch, struct err *err)
{
    int status = 0;

    for (uint32_t i = 0; i < batch->event_count; i++)
        batch->order[i] = &batch->events[i];
    qsort(batch->order, batch->event_count, sizeof(*batch->order),
            compare_events);
    for (uint32_t i = 0; status == 0 && i < batch->event_count; i++)
        status = write_event(ledger, batch->order[i], err);
    return status;
}

static int write_batch(
        struct ledger *ledger, const struct batch *batch, struct err *err)
{
    int status = 0;

    for (uint32_t i = 0; status == 0 && i < batch->effect_count; i++)
        status = write_effect(ledger, &batch->effects[i], err);
    if (status == 0)
        status = write_dues(ledger, batch, err);
    if (status == 0)
        status = write_events(ledger, batch, err);
    if (status == 0)
        status = settle_dues(ledger, batch, err);
    return status;
}

/* All batches of a list in one transaction. 0, STORAGE_FULL and nothing
 * happened, or another status: stop. */
static int write_list(
        struct ledger *ledger, const struct batch *list, struct err *err)
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

static void set_full(struct committer *committer, bool full, const char *why)
{
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

/* Lets a Decision go, unless a batch counts on it. An engine thread pins it
 * before it looks at `retired`, this thread sets `retired` before it looks at
 * the pins: one of them sees the other. A no leaves `retired` too high for a
 * moment only if the event was one that may go. */
static bool retire(void *self, uint64_t sequence)
{
    struct committer *committer = self;
    uint64_t before = atomic_exchange(&committer->retired, sequence);
    bool free = true;

    CHECK_ZERO(pthread_mutex_lock(&committer->lock));
    for (uint32_t i = 0; free && i < committer->watched_count; i++)
        free = atomic_load(&committer->watched[i]->pin) > sequence;
    CHECK_ZERO(pthread_mutex_unlock(&committer->lock));
    if (!free)
        atomic_store(&committer->retired, before);
    return free;
}

static void make_room(
        struct committer *committer, const struct settings *settings)
{
    struct retention_rules rules;
    struct timespec now;
    uint64_t dropped = 0;
    struct err err;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    rules = (struct retention_rules){
            .keep = settings->storage_keep,
            .now = (nanos)now.tv_sec * NANOS_PER_SECOND,
            .hosts = committer->hosts,
            .host_count = committer->host_count,
            .retire = retire,
            .self = committer,
    };
    if (retention_run(committer->ledger, &rules, &dropped, &err) != 0)
        diag(DIAG_WARNING, "retention.failed", "why=\"%s\"", err.text);
    COUNT_ADD(retired, dropped);
}

static void note_usage(struct committer *committer,
        const struct store_usage *usage, uint64_t quota)
{
    atomic_store(&committer->usage.used, usage->used_bytes);
    atomic_store(&committer->usage.file, usage->file_bytes);
    atomic_store(&committer->usage.map, usage->map_bytes);
    atomic_store(&committer->usage.disk, usage->free_disk_bytes);
    atomic_store(&committer->usage.quota, quota);
}

/* Says whether new work may come in. */
static void measure_room(struct committer *committer)
{
    struct settings settings;
    struct store_usage usage;
    const char *why;

    copy_settings(committer, &settings);
    ledger_usage(committer->ledger, &usage);
    note_usage(committer, &usage, settings.storage_quota);
    why = retention_full(
            &usage, settings.storage_quota, settings.storage_reserve);
    set_full(committer, why != NULL, why);
}

static void look_for_room(struct committer *committer)
{
    struct settings settings;

    copy_settings(committer, &settings);
    make_room(committer, &settings);
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
            committer->store == NULL && code != ETIMEDOUT)
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

static double seconds_now(void)
{
    struct timespec at;

    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

/* A group commit that took so many seconds. */
static void count_list(const struct batch *list, double seconds)
{
    uint64_t records = 0, bytes = 0;

    COUNT(commits);
    for (; list != NULL; list = list->next)
        for (uint32_t i = 0; i < list->effect_count; i++) {
            const struct batch_effect *effect = &list->effects[i];
            if (effect->kind == EFFECT_SNAPSHOT)
                COUNT(snapshots);
            if (effect->kind != EFFECT_RECORD)
                continue;
            records++;
            bytes += effect->payload.size;
        }
    COUNT_ADD(records, records);
    COUNT_ADD(record_bytes, bytes);
    histogram_add(&histograms.commit_seconds, seconds, 1);
    histogram_add(&histograms.commit_records, (double)records, 1);
}

/* Promotions of the batch are on disk: generations may be pruned again. */
static void note_promotions(
        struct committer *committer, const struct batch *batch)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < batch->effect_count; i++)
        count += batch->effects[i].kind == EFFECT_RECORD &&
                batch->effects[i].record_kind == RECORD_PROMOTION;
    if (count == 0)
        return;
    CHECK_ZERO(pthread_mutex_lock(&committer->models));
    committer->promotions -= count;
    CHECK_ZERO(pthread_mutex_unlock(&committer->models));
}

static void free_snapshots(struct batch *batch)
{
    for (uint32_t i = 0; i < batch->effect_count; i++) {
        struct batch_effect *effect = &batch->effects[i];
        if (effect->kind != EFFECT_SNAPSHOT && effect->kind != EFFECT_MODEL)
            continue;
        union {
            const uint8_t *in;
            void *out;
        } state = {effect->payload.data};
        free(state.out);
        effect->payload = bytes_of(NULL, 0);
    }
}

/* The next batch of its thread may count on the decisions of this one, which
 * it knows no sequences of yet. */
static void pin_decisions(struct batch *batch)
{
    for (uint32_t i = 0; i < batch->effect_count; i++) {
        const struct batch_effect *effect = &batch->effects[i];
        if (effect->kind != EFFECT_RECORD)
            continue;
        batch_pin(batch, effect->sequence);
        return;
    }
}

static void let_go(struct committer *committer, struct batch *batch)
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
        atomic_fetch_sub(&committer->waiting, 1);
        note_promotions(committer, list);
        free_snapshots(list);
        pin_decisions(list);
        let_go(committer, list);
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

/* Nothing may be acknowledged any more. Returns only if somebody else sees to
 * that. */
static void give_up(struct committer *committer, const struct err *err)
{
    CHECK_ZERO(pthread_mutex_lock(&committer->lock));
    if (committer->failed != NULL) {
        committer->failed(committer->failed_self, err);
        CHECK_ZERO(pthread_mutex_unlock(&committer->lock));
        return;
    }
    CHECK_ZERO(pthread_mutex_unlock(&committer->lock));
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

/* Answers the thread that waits in commit_model(), if there is one. */
static void answer_store(struct committer *committer, int status)
{
    CHECK_ZERO(pthread_mutex_lock(&committer->lock));
    committer->store = NULL;
    committer->store_status = status;
    CHECK_ZERO(pthread_cond_broadcast(&committer->stored));
    CHECK_ZERO(pthread_mutex_unlock(&committer->lock));
}

/* There is no room: a model does not wait for it. */
static void refuse_store(struct committer *committer)
{
    bool waiting;

    CHECK_ZERO(pthread_mutex_lock(&committer->lock));
    waiting = committer->store != NULL;
    if (waiting)
        (void)err_set(committer->store_err, STATUS_STORAGE_FULL, "%s",
                committer->why);
    CHECK_ZERO(pthread_mutex_unlock(&committer->lock));
    if (waiting)
        answer_store(committer, STATUS_STORAGE_FULL);
}

/* Commits a list, however long it takes to find room. False if a stop came
 * before there was any, or the disk failed: the list is given up,
 * unacknowledged. */
static bool commit_list(struct committer *committer, struct batch *list)
{
    struct settings settings;
    struct err err;

    for (;;) {
        int status = write_list(committer->ledger, list, &err);
        atomic_store(&committer->stuck, status != 0);
        if (status == 0)
            return true;
        if (status != STATUS_STORAGE_FULL) {
            give_up(committer, &err);
            return false;
        }
        COUNT(commit_retries);
        set_full(committer, true, err.text);
        refuse_store(committer);
        if (stop_asked(committer))
            return false;
        wait_a_turn();
        copy_settings(committer, &settings);
        make_room(committer, &settings);
    }
}

static void store_model(struct committer *committer)
{
    struct commit_model *store;
    struct err *err;
    int status;

    CHECK_ZERO(pthread_mutex_lock(&committer->lock));
    store = committer->store;
    err = committer->store_err;
    CHECK_ZERO(pthread_mutex_unlock(&committer->lock));
    if (store == NULL)
        return;
    CHECK_ZERO(pthread_mutex_lock(&committer->models));
    status = model_store(
            committer->ledger, store, committer->promotions == 0, err);
    CHECK_ZERO(pthread_mutex_unlock(&committer->models));
    /* It is not known what is on disk. */
    if (status != 0 && status != STATUS_STORAGE_FULL)
        give_up(committer, err);
    answer_store(committer, status);
}

static void *commit_main(void *argument)
{
    struct committer *committer = argument;
    unsigned turns = 0;
    bool stopping = false, idle;

    while (!stopping) {
        struct batch *list = take_list(committer, &stopping, &idle);
        if (list != NULL && !nothing_to_write(list)) {
            double start = seconds_now();
            if (!commit_list(committer, list))
                break;
            count_list(list, seconds_now() - start);
        }
        if (list != NULL) {
            hand_back(committer, list);
            stopping = false; /* look once more for what came meanwhile */
            if (stop_asked(committer))
                continue;
        }
        store_model(committer);
        if (++turns % 64 == 0 || idle || commit_full(committer))
            look_for_room(committer);
        measure_room(committer);
        if (turns % TEND_EVERY == 0 || atomic_exchange(&committer->tend, false))
            ledger_tend(committer->ledger);
    }
    return NULL;
}

static int compare_hosts(const void *a, const void *b)
{
    const struct retention_host *left = a, *right = b;

    return (left->number > right->number) - (left->number < right->number);
}

/* How many generations of the log trainings remember. */
static uint32_t generations_held(const struct problem_spec *spec)
{
    const struct problem_settings *settings = &spec->settings;
    bool batch = spec->policy.learner == NULL &&
            spec->policy.oracle.oracle != NULL &&
            spec->policy.oracle.oracle->batch;

    return batch && settings->retrain_hold ? settings->retrain_past.generations
                                           : 0;
}

static bool take_hosts(struct committer *committer, const struct config *config)
{
    uint32_t count = config->problem_count;

    committer->hosts = calloc((size_t)count + 1, sizeof(*committer->hosts));
    if (committer->hosts == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++)
        committer->hosts[i] = (struct retention_host){
                config->problems[i]->number, config->problems[i]->state_digest,
                generations_held(config->problems[i])};
    qsort(committer->hosts, count, sizeof(*committer->hosts), compare_hosts);
    committer->host_count = count;
    return true;
}

static void free_committer(struct committer *committer)
{
    free(committer->hosts);
    free(committer->watched);
    free(committer);
}

int commit_start(struct committer **out, struct ledger *ledger,
        const struct config *config, struct mailbox *done, struct err *err)
{
    struct committer *committer = calloc(1, sizeof(*committer));
    pthread_condattr_t attributes;

    if (committer == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    if (!take_hosts(committer, config)) {
        free_committer(committer);
        return err_set(err, STATUS_INTERNAL, "no memory");
    }
    committer->ledger = ledger;
    committer->settings = config->settings;
    committer->done = done;
    atomic_store(&committer->sequence, ledger_last_appended(ledger));
    CHECK_ZERO(pthread_mutex_init(&committer->lock, NULL));
    CHECK_ZERO(pthread_mutex_init(&committer->models, NULL));
    CHECK_ZERO(pthread_cond_init(&committer->stored, NULL));
    CHECK_ZERO(pthread_condattr_init(&attributes));
    CHECK_ZERO(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
    CHECK_ZERO(pthread_cond_init(&committer->wake, &attributes));
    CHECK_ZERO(pthread_condattr_destroy(&attributes));
    look_for_room(committer);
    measure_room(committer);
    if (pthread_create(&committer->thread, NULL, commit_main, committer) != 0) {
        free_committer(committer);
        return err_set(err, STATUS_INTERNAL, "no thread for commits");
    }
    *out = committer;
    return 0;
}

void commit_on_failure(struct committer *committer,
        void (*failed)(void *self, const struct err *err), void *self)
{
    CHECK_ZERO(pthread_mutex_lock(&committer->lock));
    committer->failed = failed;
    committer->failed_self = self;
    CHECK_ZERO(pthread_mutex_unlock(&committer->lock));
}

void commit_stop(struct committer *committer)
{
    CHECK_ZERO(pthread_mutex_lock(&committer->lock));
    committer->stopping = true;
    CHECK_ZERO(pthread_cond_signal(&committer->wake));
    CHECK_ZERO(pthread_mutex_unlock(&committer->lock));
    CHECK_ZERO(pthread_join(committer->thread, NULL));
    CHECK_ZERO(pthread_cond_destroy(&committer->wake));
    CHECK_ZERO(pthread_cond_destroy(&committer->stored));
    CHECK_ZERO(pthread_mutex_destroy(&committer->models));
    CHECK_ZERO(pthread_mutex_destroy(&committer->lock));
    free_committer(committer);
}

int commit_watch(
        struct committer *committer, struct batch *batch, struct err *err)
{
    struct batch **grown;

    CHECK_ZERO(pthread_mutex_lock(&committer->lock));
    grown = realloc(committer->watched,
            (committer->watched_count + 1) * sizeof(struct batch *));
    if (grown != NULL) {
        committer->watched = grown;
        grown[committer->watched_count++] = batch;
    }
    CHECK_ZERO(pthread_mutex_unlock(&committer->lock));
    return grown != NULL ? 0 : err_set(err, STATUS_INTERNAL, "no memory");
}

bool commit_retired(const struct committer *committer, uint64_t sequence)
{
    return sequence <= atomic_load(&committer->retired);
}

void commit_submit(struct committer *committer, struct batch *batch)
{
    atomic_fetch_add(&committer->waiting, 1);
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

int commit_model(struct committer *committer, struct commit_model *store,
        struct err *err)
{
    int status;

    CHECK_ZERO(pthread_mutex_lock(&committer->lock));
    CHECK(committer->store == NULL);
    committer->store = store;
    committer->store_err = err;
    CHECK_ZERO(pthread_cond_signal(&committer->wake));
    while (committer->store != NULL)
        CHECK_ZERO(pthread_cond_wait(&committer->stored, &committer->lock));
    status = committer->store_status;
    CHECK_ZERO(pthread_mutex_unlock(&committer->lock));
    return status;
}

void commit_models_hold(struct committer *committer)
{
    CHECK_ZERO(pthread_mutex_lock(&committer->models));
}

void commit_models_release(struct committer *committer, bool promoted)
{
    committer->promotions += promoted;
    CHECK_ZERO(pthread_mutex_unlock(&committer->models));
}

void commit_tend(struct committer *committer)
{
    atomic_store(&committer->tend, true);
}

void commit_skip(struct committer *committer, struct batch *batch)
{
    let_go(committer, batch);
}

void commit_why(struct committer *committer, char *why, size_t size)
{
    CHECK_ZERO(pthread_mutex_lock(&committer->lock));
    (void)snprintf(why, size, "%s", committer->why);
    CHECK_ZERO(pthread_mutex_unlock(&committer->lock));
}

bool commit_full(const struct committer *committer)
{
    return atomic_load_explicit(&committer->full, memory_order_relaxed);
}

bool commit_stuck(const struct committer *committer)
{
    return atomic_load_explicit(&committer->stuck, memory_order_relaxed);
}

void commit_reconfigure(
        struct committer *committer, const struct settings *settings)
{
    CHECK_ZERO(pthread_mutex_lock(&committer->lock));
    committer->settings = *settings;
    CHECK_ZERO(pthread_mutex_unlock(&committer->lock));
}

void commit_usage(const struct committer *committer, struct store_usage *usage)
{
    *usage = (struct store_usage){
            .used_bytes = atomic_load(&committer->usage.used),
            .file_bytes = atomic_load(&committer->usage.file),
            .map_bytes = atomic_load(&committer->usage.map),
            .free_disk_bytes = atomic_load(&committer->usage.disk),
    };
}

uint64_t commit_quota(const struct committer *committer)
{
    return atomic_load(&committer->usage.quota);
}

uint64_t commit_last_sequence(const struct committer *committer)
{
    return atomic_load(&committer->sequence);
}

uint32_t commit_waiting(const struct committer *committer)
{
    return atomic_load_explicit(&committer->waiting, memory_order_relaxed);
}
