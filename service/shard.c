#include "service/shard_parts.h"

#include "service/diag.h"

#include <stdlib.h>
#include <sys/random.h>

/* ---- batches ---- */

/* Lets go of the pending batch when it is on disk: from here on the store is
 * asked for its events. */
static void retire_pending(struct shard *shard)
{
    if (shard->pending == NULL ||
            shard_stage_of(shard->pending) == BATCH_SUBMITTED)
        return;
    if (shard->open != NULL)
        batch_resolve(shard->open);
    batch_unpin(shard->pending);
    for (uint32_t i = SHARD_RECENT - 1; i > 0; i--)
        shard->recent[i] = shard->recent[i - 1];
    shard->recent[0] = shard->pending;
    shard->pending = NULL;
    shard->reader_fresh = false;
}

static bool is_free(const struct batch *batch)
{
    enum batch_stage stage = shard_stage_of(batch);

    return (stage == BATCH_FREE || stage == BATCH_ANSWERED) &&
            (!batch->has_relaxed || atomic_load(&batch->early));
}

/* Forgets this recent batch, and the older ones: what it has to say about their
 * events is lost with it. */
static void forget_recent(struct shard *shard, const struct batch *batch)
{
    bool gone = false;

    for (uint32_t i = 0; i < SHARD_RECENT; i++) {
        gone = gone || shard->recent[i] == batch;
        if (gone)
            shard->recent[i] = NULL;
    }
}

/* How old a batch is among the recent ones; the oldest is used again first. */
static uint32_t age_of(const struct shard *shard, const struct batch *batch)
{
    uint32_t age = 0;

    while (age < SHARD_RECENT && shard->recent[age] != batch)
        age++;
    return age;
}

static void open_batch(struct shard *shard)
{
    struct batch *found = NULL;

    for (uint32_t i = 0; i < SHARD_BATCHES; i++) {
        struct batch *batch = shard->batches[i];
        if (is_free(batch) &&
                (found == NULL || age_of(shard, batch) > age_of(shard, found)))
            found = batch;
    }
    if (found == NULL)
        return;
    forget_recent(shard, found);
    batch_reset(found);
    atomic_store(&found->stage, BATCH_OPEN);
    shard->open = found;
}

/* The problem's new settings into the open batch. */
static void append_config(struct shard *shard, const struct problem_spec *spec)
{
    struct config_record record = {
            .head = {RECORD_CONFIG, spec->number, shard->now, {NULL, 0}},
            .name = spec->name,
            .settings = spec->text,
            .shape = spec->shape_digest,
    };
    struct bytes payload;

    arena_reset(&shard->work);
    payload = record_encode_config(&record, &shard->work);
    /* Settings come from a file of at most 16 MiB. */
    CHECK(payload.data != NULL);
    batch_append(shard->open, RECORD_CONFIG, spec->number, payload);
    shard->open->item_count++;
}

/* Settings that a reload changed are logged before the next request. */
static void note_configs(struct shard *shard)
{
    for (uint32_t i = 0; i < shard->hosted_count && shard->unnoted > 0; i++) {
        struct hosted *hosted = &shard->hosted[i];
        if (!hosted->unnoted || !batch_has_room(shard->open))
            continue;
        append_config(shard, hosted->problem->spec);
        hosted->unnoted = false;
        shard->unnoted--;
    }
}

static bool aside_ready(struct shard *shard)
{
    enum batch_stage stage = shard_stage_of(shard->aside);

    if (stage == BATCH_FREE || stage == BATCH_ANSWERED) {
        batch_reset(shard->aside);
        atomic_store(&shard->aside->stage, BATCH_OPEN);
        stage = BATCH_OPEN;
    }
    shard->taking = shard->aside;
    return stage == BATCH_OPEN && batch_has_room(shard->aside);
}

bool shard_ready(struct shard *shard)
{
    retire_pending(shard);
    if (commit_stuck(shard->committer))
        return aside_ready(shard);
    if (shard->open == NULL)
        open_batch(shard);
    if (shard->open != NULL && shard->unnoted > 0)
        note_configs(shard);
    shard->taking = shard->open;
    return shard->open != NULL && batch_has_room(shard->open);
}

void shard_submit(struct shard *shard)
{
    struct batch *batch = shard->open;

    retire_pending(shard);
    if (shard_stage_of(shard->aside) == BATCH_OPEN &&
            shard->aside->exchange_count > 0)
        commit_skip(shard->committer, shard->aside);
    if (batch == NULL || shard->pending != NULL ||
            (batch->exchange_count == 0 && !batch_must_commit(batch)))
        return;
    shard->open = NULL;
    shard->pending = batch;
    atomic_store_explicit(&batch->stage, BATCH_SUBMITTED, memory_order_release);
    if (batch->has_relaxed)
        CHECK(mailbox_put(shard->early, batch));
    commit_submit(shard->committer, batch);
    ledger_reader_release(&shard->reader);
    shard->reader_fresh = false;
}

bool shard_relay(struct shard *shard)
{
    if (shard->pending == NULL ||
            shard_stage_of(shard->pending) == BATCH_SUBMITTED)
        return false;
    shard_submit(shard);
    return true;
}

bool shard_idle(struct shard *shard)
{
    retire_pending(shard);
    for (uint32_t i = 0; i < SHARD_BATCHES_ALL; i++) {
        const struct batch *batch =
                i < SHARD_BATCHES ? shard->batches[i] : shard->aside;
        enum batch_stage stage = shard_stage_of(batch);
        if (stage == BATCH_SUBMITTED || stage == BATCH_COMMITTED)
            return false;
        if (stage == BATCH_OPEN &&
                (batch->exchange_count > 0 || batch_must_commit(batch)))
            return false;
    }
    return true;
}
/* ---- problems ---- */

static int compare_names(struct bytes a, struct bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size == 0 ? 0 : memcmp(a.data, b.data, size);

    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_hosted(const void *a, const void *b)
{
    const struct hosted *left = a, *right = b;

    return compare_names(left->problem->spec->name, right->problem->spec->name);
}

struct hosted *shard_find(struct shard *shard, struct bytes name)
{
    uint32_t low = 0, high = shard->hosted_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct hosted *hosted = &shard->hosted[middle];
        int order = compare_names(name, hosted->problem->spec->name);
        if (order == 0)
            return hosted;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
void shard_set_now(struct shard *shard, nanos now)
{
    /* While the clock is behind, time creeps: events would otherwise all get
     * one deadline, whose entry is written again whenever it grows. */
    if (now >= shard->now)
        shard->now = now;
    else
        shard->now++;
}

/* ---- life ---- */

/* Every start puts each state away once, also that of an idle problem: a
 * restart and retention begin at the oldest of the newest snapshots. */
static int host(struct shard *shard, struct problem **problems, uint32_t count,
        struct err *err)
{
    shard->hosted = calloc(count + 1, sizeof(*shard->hosted));
    if (shard->hosted == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    for (uint32_t i = 0; i < count; i++)
        shard->hosted[i] = (struct hosted){.problem = problems[i],
                .changes = 1,
                .snapshot_at = shard->now};
    shard->hosted_count = count;
    qsort(shard->hosted, count, sizeof(*shard->hosted), compare_hosted);
    return 0;
}

static int new_ids(struct shard *shard, struct err *err)
{
    if (getrandom(&shard->ids.maker, sizeof(shard->ids.maker), 0) !=
            (ssize_t)sizeof(shard->ids.maker))
        return err_set(err, STATUS_IO, "no random bytes");
    return 0;
}

int shard_open(struct shard *shard, const struct config *config,
        struct ledger *ledger, struct committer *committer,
        struct mailbox *early, struct problem **problems,
        uint32_t problem_count, nanos now, struct err *err)
{
    int status;

    memset(shard, 0, sizeof(*shard));
    shard->config = config;
    shard->committer = committer;
    shard->early = early;
    shard->started = now;
    shard->now = now;
    shard->work = arena_over(malloc(REQUEST_ARENA_BYTES), REQUEST_ARENA_BYTES);
    shard->dues = shard_dues_new();
    if (shard->work.data == NULL || shard->dues == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    if ((status = new_ids(shard, err)) != 0 ||
            (status = host(shard, problems, problem_count, err)) != 0 ||
            (status = ledger_reader_open(ledger, &shard->reader, err)) != 0)
        return status;
    shard->aside = batch_new(config->settings.batch_items);
    if (shard->aside == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory for batches");
    for (uint32_t i = 0; i < SHARD_BATCHES; i++) {
        shard->batches[i] = batch_new(config->settings.batch_items);
        if (shard->batches[i] == NULL)
            return err_set(err, STATUS_INTERNAL, "no memory for batches");
        status = commit_watch(committer, shard->batches[i], err);
        if (status != 0)
            return status;
    }
    return 0;
}

void shard_close(struct shard *shard)
{
    ledger_reader_close(&shard->reader);
    for (uint32_t i = 0; i < SHARD_BATCHES; i++)
        batch_free(shard->batches[i]);
    batch_free(shard->aside);
    for (uint32_t i = 0; i < shard->hosted_count; i++)
        problem_close(shard->hosted[i].problem);
    free(shard->hosted);
    free(shard->work.data);
    free(shard->dues);
}

/* ---- reload ---- */

/* The problem's state under its new spec. */
static int respec(
        struct hosted *hosted, const struct problem_spec *spec, struct err *err)
{
    size_t size = problem_save_size(hosted->problem);
    uint8_t *state = malloc(size);
    struct writer writer = writer_over(state, size);
    int status;

    hosted->next = problem_open(spec, err);
    if (hosted->next == NULL || state == NULL) {
        free(state);
        return err_set(err, STATUS_INTERNAL, "no memory");
    }
    problem_save(hosted->problem, &writer);
    status = problem_load(hosted->next, writer_bytes(&writer), err);
    free(state);
    return status;
}

int shard_reload_prepare(
        struct shard *shard, const struct config *config, struct err *err)
{
    for (uint32_t i = 0; i < shard->hosted_count; i++) {
        struct hosted *hosted = &shard->hosted[i];
        const struct problem_spec *old = hosted->problem->spec;
        const struct problem_spec *new = config_problem(config, old->name);
        int status;
        CHECK(new != NULL &&new->number == old->number);
        status = respec(hosted, new, err);
        if (status != 0)
            return status;
    }
    return 0;
}

void shard_reload_cancel(struct shard *shard)
{
    for (uint32_t i = 0; i < shard->hosted_count; i++) {
        problem_close(shard->hosted[i].next);
        shard->hosted[i].next = NULL;
    }
}

/* Those who look on go on looking, with sums that go on where the shape did not
 * change. */
static void hand_over_pulse(struct problem *old, struct problem *new)
{
    if (old->pulse == NULL)
        return;
    if (old->spec->shape_digest != new->spec->shape_digest) {
        problem_watch(new);
        return;
    }
    new->pulse = old->pulse;
    old->pulse = NULL;
}

void shard_reload(struct shard *shard, const struct config *config)
{
    for (uint32_t i = 0; i < shard->hosted_count; i++) {
        struct hosted *hosted = &shard->hosted[i];
        CHECK(hosted->next != NULL);
        if (!bytes_equal(
                    hosted->problem->spec->text, hosted->next->spec->text)) {
            shard->unnoted += !hosted->unnoted;
            hosted->unnoted = true;
        }
        hand_over_pulse(hosted->problem, hosted->next);
        problem_close(hosted->problem);
        hosted->problem = hosted->next;
        hosted->next = NULL;
        hosted->changes++;
        hosted->untold = true;
    }
    shard->config = config;
}
