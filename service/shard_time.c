#include "service/counters.h"
#include "service/diag.h"
#include "service/shard_parts.h"

#include <stdlib.h>

/* Snapshots of a problem while there is no room for new work. */
#define SNAPSHOT_EVERY_FULL NANOS_PER_SECOND
/* Deadlines of a problem handled in one tick. */
#define DEADLINES_MAX 1024u
/* Problems whose deadlines are looked for in one tick: of a thousand each has
 * its turn in less than a second, and looking is a read of the store. */
#define EXPIRE_A_TICK 64u

/* Events of one problem whose deadline has passed, copied out of the store
 * before they change it. */
struct due_list {
    struct shard *shard;
    uint32_t problem;
    struct arena *arena;
    struct {
        nanos deadline;
        struct bytes event;
    } entries[DEADLINES_MAX];
    uint32_t count;
    nanos seen; /* the deadline that was looked at last */
    nanos done[DEADLINES_MAX]; /* deadlines looked at to their end */
    uint32_t done_count;
};

struct due_list *shard_dues_new(void)
{
    return calloc(1, sizeof(struct due_list));
}

static void note_deadline(struct due_list *list, nanos deadline)
{
    if (list->seen != 0 && deadline != list->seen)
        list->done[list->done_count++] = list->seen;
    list->seen = deadline;
}

static bool add_due(void *self, nanos deadline, struct bytes event)
{
    struct due_list *list = self;
    struct journal journal = shard_journal(list->shard);
    struct event_state state;
    struct err err;
    void *copy;

    if (list->count == DEADLINES_MAX || list->done_count + 2 > DEADLINES_MAX)
        return false;
    note_deadline(list, deadline);
    if (journal.event_get(journal.self, list->problem, event, &state, &err) !=
                    0 ||
            !event_waits(&state, deadline))
        return true;
    copy = arena_copy(list->arena, event.data, event.size);
    if (copy == NULL)
        return false;
    list->entries[list->count].deadline = deadline;
    list->entries[list->count++].event = bytes_of(copy, event.size);
    return true;
}

static void expire_listed(
        struct shard *shard, struct hosted *hosted, const struct due_list *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        struct input input = {INPUT_DEADLINE, shard->now, {{0}}};
        struct answer answer;
        input.as.deadline.event = list->entries[i].event;
        input.as.deadline.deadline = list->entries[i].deadline;
        shard_step(shard, hosted, &input, &answer);
        if (answer.receipt.status != STATUS_OK)
            diag(DIAG_ERROR, "expiry.failed", "why=\"%s\"",
                    answer.receipt.message);
        COUNT(expiries);
    }
}

/* Deadlines looked at to their end are done with when what was listed has been
 * handled: in the same batch. */
static void expire(struct shard *shard, struct hosted *hosted)
{
    struct batch *batch = shard->open;
    uint32_t problem = hosted->problem->spec->number;
    struct due_list *list = shard->dues;
    uint32_t before = batch->effect_count;
    uint64_t pinned = atomic_load(&batch->pin);
    struct err err;
    int status;

    list->shard = shard;
    list->problem = problem;
    arena_reset(&shard->work);
    list->arena = &shard->work;
    list->count = 0;
    list->seen = 0;
    list->done_count = 0;
    status = shard_reader_fresh(shard, &err);
    if (status == 0)
        status = due_range(
                shard->reader.txn, problem, shard->now, add_due, list, &err);
    if (status != 0) {
        diag(DIAG_ERROR, "expiry.failed", "why=\"%s\"", err.text);
        return;
    }
    if (list->seen != 0 && list->count < DEADLINES_MAX &&
            list->done_count + 2 <= DEADLINES_MAX)
        list->done[list->done_count++] = list->seen;
    expire_listed(shard, hosted, list);
    for (uint32_t i = 0; i < list->done_count; i++)
        batch_due_done(batch, problem, list->done[i]);
    /* They count as items, so that the batch has room for their effects. */
    batch->item_count += list->done_count;
    /* A batch without effects is not submitted, so it must not fill up. */
    if (batch->effect_count == before)
        atomic_store(&batch->pin, pinned);
}

/* The problem's state into the open batch. False if there is no room. */
static bool snapshot(struct shard *shard, struct hosted *hosted)
{
    const struct problem *problem = hosted->problem;
    size_t size = problem_save_size(problem);
    struct writer writer;
    uint8_t *state;

    if (shard->open->snapshot_count == SNAPSHOTS_MAX)
        return false;
    state = malloc(size);
    if (state == NULL) {
        diag(DIAG_ERROR, "snapshot.failed", "why=\"no memory\" bytes=%zu",
                size);
        return true;
    }
    writer = writer_over(state, size);
    problem_save(problem, &writer);
    CHECK(!writer.failed && writer.size == size);
    batch_snapshot(shard->open, problem->spec->number,
            problem->spec->state_digest, writer_bytes(&writer));
    hosted->changes = 0;
    hosted->snapshot_at = shard->now;
    return true;
}

static bool snapshot_due(const struct shard *shard, const struct hosted *hosted)
{
    const struct settings *settings = &shard->config->settings;

    /* Retention can take what a snapshot covers, and no more. */
    if (commit_full(shard->committer) && settings->storage_keep > 0 &&
            hosted->changes > 0 &&
            shard->now - hosted->snapshot_at >= SNAPSHOT_EVERY_FULL)
        return true;
    return hosted->changes >= settings->snapshot_records ||
            (hosted->changes > 0 &&
                    shard->now - hosted->snapshot_at >=
                            settings->snapshot_every);
}

static bool is_untold(const struct hosted *hosted, nanos now)
{
    return hosted->told_at == 0 ||
            (hosted->untold && now - hosted->told_at >= NANOS_PER_SECOND);
}

/* When the generation that serves was made; looked up when it changes. */
static nanos created(struct shard *shard, struct hosted *hosted)
{
    const struct problem *problem = hosted->problem;
    struct generation generation;
    struct err err;

    if (hosted->generation_told == problem->generation)
        return hosted->generation_created;
    hosted->generation_told = problem->generation;
    hosted->generation_created = 0;
    if (shard_reader_fresh(shard, &err) == 0 &&
            generation_get(shard->reader.txn, problem->spec->number,
                    problem->generation, &generation, &err) == 0)
        hosted->generation_created = generation.created;
    return hosted->generation_created;
}

static void tell_one(struct shard *shard, struct hosted *hosted, nanos now)
{
    struct board_news news = {.now = now,
            .snapshot_at = hosted->snapshot_at,
            .unsaved = hosted->changes,
            .generation_created = created(shard, hosted)};

    board_write(shard->board, hosted->problem, &news);
    hosted->told_at = now;
    hosted->untold = false;
}

/* A few problems that have changed, onto the board, each in its turn. */
static void tell(struct shard *shard, nanos now)
{
    uint32_t told = 0;

    if (shard->board == NULL)
        return;
    for (uint32_t i = 0; i < shard->hosted_count && told < BOARD_A_TICK; i++) {
        struct hosted *hosted = &shard->hosted[shard->tell_next];
        shard->tell_next = (shard->tell_next + 1) % shard->hosted_count;
        if (!is_untold(hosted, now))
            continue;
        tell_one(shard, hosted, now);
        told++;
    }
}

void shard_watch(struct shard *shard, struct board *board)
{
    shard->board = board;
    for (uint32_t i = 0; i < shard->hosted_count; i++)
        problem_watch(shard->hosted[i].problem);
}

/* Deadlines that have passed, of a few problems, each in its turn. */
static void expire_some(struct shard *shard)
{
    for (uint32_t i = 0; i < shard->hosted_count && i < EXPIRE_A_TICK &&
            batch_has_room(shard->open);
            i++) {
        expire(shard, &shard->hosted[shard->expire_next]);
        shard->expire_next = (shard->expire_next + 1) % shard->hosted_count;
    }
}

void shard_tick(struct shard *shard, nanos now)
{
    shard_set_now(shard, now);
    tell(shard, now);
    if (!shard_ready(shard) || shard->taking == shard->aside)
        return;
    expire_some(shard);
    for (uint32_t i = 0; i < shard->hosted_count; i++) {
        struct hosted *hosted = &shard->hosted[i];
        shard_train(shard, hosted);
        if (snapshot_due(shard, hosted) && !snapshot(shard, hosted))
            return;
    }
}

bool shard_snapshot_all(struct shard *shard)
{
    if (!shard_ready(shard) || shard->taking == shard->aside)
        return false;
    for (uint32_t i = 0; i < shard->hosted_count; i++)
        if (shard->hosted[i].changes > 0 && !snapshot(shard, &shard->hosted[i]))
            return false;
    return true;
}
