#include "service/batch.h"

#include "base/hash.h"
#include "service/engine/engine.h"

#include <stdlib.h>

/* Room for requests of ordinary size beside that. */
#define ITEM_ARENA_BYTES 16384
/* Rows of a batch of few events. */
#define TABLE_LEAST 256u

static uint32_t table_size_for(uint32_t events)
{
    uint32_t size = TABLE_LEAST;

    while (size < 2 * events)
        size *= 2;
    return size;
}

struct batch *batch_new(uint32_t items)
{
    /* A request may have REQUEST_ITEMS_MAX items and is taken whole. */
    uint32_t most = items + REQUEST_ITEMS_MAX;
    size_t arena = REQUEST_ARENA_BYTES + (size_t)most * ITEM_ARENA_BYTES;
    size_t states = (size_t)most * (sizeof(struct event_state) + 16);
    struct batch *batch = calloc(1, sizeof(*batch));

    if (batch == NULL)
        return NULL;
    batch->item_max = items;
    batch_unpin(batch);
    batch->exchange_max = items;
    batch->effect_max = 2 * STEP_EFFECTS_MAX * most + SNAPSHOTS_MAX;
    batch->event_max = most;
    batch->due_max = most;
    batch->table_size = TABLE_LEAST;
    batch->table_max = table_size_for(most);
    batch->exchanges = calloc(batch->exchange_max, sizeof(*batch->exchanges));
    batch->effects = calloc(batch->effect_max, sizeof(*batch->effects));
    batch->dues = calloc(batch->due_max, sizeof(*batch->dues));
    batch->events = calloc(batch->event_max, sizeof(*batch->events));
    batch->order = calloc(batch->event_max, sizeof(*batch->order));
    batch->table = calloc(batch->table_max, sizeof(*batch->table));
    batch->arena = arena_over(malloc(arena), arena);
    batch->states = arena_over(malloc(states), states);
    if (batch->exchanges == NULL || batch->effects == NULL ||
            batch->dues == NULL || batch->events == NULL ||
            batch->order == NULL || batch->table == NULL ||
            batch->arena.data == NULL || batch->states.data == NULL) {
        batch_free(batch);
        return NULL;
    }
    return batch;
}

void batch_free(struct batch *batch)
{
    if (batch == NULL)
        return;
    free(batch->exchanges);
    free(batch->effects);
    free(batch->dues);
    free(batch->events);
    free(batch->order);
    free(batch->table);
    free(batch->arena.data);
    free(batch->states.data);
    free(batch);
}

void batch_reset(struct batch *batch)
{
    memset(batch->table, 0, batch->table_size * sizeof(*batch->table));
    /* The next batch is mostly as large as this one was. */
    batch->table_size = table_size_for(batch->event_count);
    batch->exchange_count = 0;
    batch->effect_count = 0;
    batch->due_count = 0;
    batch->snapshot_count = 0;
    batch->event_count = 0;
    batch->item_count = 0;
    batch->has_relaxed = false;
    atomic_store(&batch->early, false);
    batch_unpin(batch);
    arena_reset(&batch->arena);
    arena_reset(&batch->states);
    batch->next = NULL;
}

bool batch_has_room(const struct batch *batch)
{
    return batch->item_count < batch->item_max &&
            batch->exchange_count < batch->exchange_max &&
            arena_left(&batch->arena) >= REQUEST_ARENA_BYTES;
}

/* ---- the table of events ---- */

struct batch_key batch_key(uint32_t problem, struct bytes event)
{
    return (struct batch_key){problem, event, hash_bytes(event, problem)};
}

static inline uint32_t upper_half(uint64_t hash)
{
    return (uint32_t)(hash >> 32);
}

/* The row of the table for an event: its own or the free one where it goes. */
static struct batch_row *row_of(
        const struct batch *batch, const struct batch_key *key)
{
    uint32_t mask = batch->table_size - 1;
    uint32_t at = (uint32_t)key->hash & mask;

    for (; batch->table[at].at != 0; at = (at + 1) & mask) {
        const struct batch_event *found;
        if (batch->table[at].hash != upper_half(key->hash))
            continue;
        found = &batch->events[batch->table[at].at - 1];
        if (found->problem == key->problem &&
                bytes_equal(found->event, key->event))
            break;
    }
    return &batch->table[at];
}

static void take_row(struct batch *batch, uint32_t i)
{
    const struct batch_event *event = &batch->events[i];
    struct batch_key key = {event->problem, event->event, event->hash};

    *row_of(batch, &key) = (struct batch_row){i + 1, upper_half(event->hash)};
}

/* All events into a larger table. */
static void grow_table(struct batch *batch)
{
    memset(batch->table, 0, batch->table_size * sizeof(*batch->table));
    batch->table_size *= 2;
    CHECK(batch->table_size <= batch->table_max);
    for (uint32_t i = 0; i < batch->event_count; i++)
        take_row(batch, i);
}

struct batch_event *batch_find(struct batch *batch, const struct batch_key *key)
{
    uint32_t at = row_of(batch, key)->at;

    return at == 0 ? NULL : &batch->events[at - 1];
}

struct bytes batch_keep(struct batch *batch, struct bytes bytes)
{
    void *copy = arena_copy(&batch->arena, bytes.data, bytes.size);

    batch->arena.overflow = false;
    return bytes_of(copy, bytes.size);
}

/* Of a request for which there was room. */
static struct bytes keep(struct batch *batch, struct bytes bytes)
{
    struct bytes kept = batch_keep(batch, bytes);

    CHECK(kept.data != NULL);
    return kept;
}

static struct batch_event *find_or_add(
        struct batch *batch, const struct batch_key *key)
{
    struct batch_event *found = batch_find(batch, key);

    if (found != NULL)
        return found;
    CHECK(batch->events != NULL && batch->event_count < batch->event_max);
    if (2 * (batch->event_count + 1) > batch->table_size)
        grow_table(batch);
    found = &batch->events[batch->event_count];
    *found = (struct batch_event){.problem = key->problem,
            .event = keep(batch, key->event),
            .hash = key->hash};
    take_row(batch, batch->event_count++);
    return found;
}

static struct batch_effect *add_effect(struct batch *batch)
{
    struct batch_effect *effect;

    CHECK(batch->effect_count < batch->effect_max);
    effect = &batch->effects[batch->effect_count++];
    memset(effect, 0, sizeof(*effect));
    return effect;
}

void batch_append(struct batch *batch, enum record_kind kind, uint32_t problem,
        struct bytes payload)
{
    struct batch_effect *effect = add_effect(batch);

    effect->problem = problem;
    effect->kind = EFFECT_RECORD;
    effect->record_kind = kind;
    effect->payload = keep(batch, payload);
}

/* Most events have few marks: only those in use are kept. */
static const struct event_state *keep_state(
        struct batch *batch, const struct event_state *state)
{
    struct event_state *kept =
            arena_copy(&batch->states, state, event_state_size(state));

    CHECK(kept != NULL);
    if (state->costs.size > 0)
        kept->costs = keep(batch, state->costs);
    if (state->fields.size > 0)
        kept->fields = keep(batch, state->fields);
    return kept;
}

void batch_event_put(struct batch *batch, const struct batch_key *key,
        const struct event_state *state, struct bytes decision,
        const struct batch_effect *earlier)
{
    struct batch_event *entry = find_or_add(batch, key);

    CHECK(batch->effect_count > 0);
    entry->state = keep_state(batch, state);
    entry->last = &batch->effects[batch->effect_count - 1];
    if (earlier != NULL)
        entry->earlier = earlier;
    if (decision.size > 0) {
        CHECK(decision.size == entry->last->payload.size);
        entry->decision = entry->last->payload;
        entry->decision_effect = entry->last;
    }
}

void batch_event_del(struct batch *batch, const struct batch_key *key)
{
    struct batch_event *entry = find_or_add(batch, key);

    entry->state = NULL;
    entry->decision = bytes_of(NULL, 0);
    entry->decision_effect = NULL;
    entry->earlier = NULL;
    entry->last = NULL;
}

void batch_resolve(struct batch *batch)
{
    for (uint32_t i = 0; i < batch->event_count; i++) {
        struct batch_event *entry = &batch->events[i];
        struct event_state *state;
        if (entry->earlier == NULL || entry->state == NULL)
            continue;
        /* The state lies in this batch's own arena. */
        state = (struct event_state *)(batch->states.data +
                ((const uint8_t *)entry->state - batch->states.data));
        state->decision = entry->earlier->sequence;
        batch_pin(batch, state->decision);
        entry->earlier = NULL;
    }
}

void batch_pin(struct batch *batch, uint64_t sequence)
{
    if (sequence < atomic_load(&batch->pin))
        atomic_store(&batch->pin, sequence);
}

void batch_unpin(struct batch *batch)
{
    atomic_store(&batch->pin, UINT64_MAX);
}

void batch_due(struct batch *batch, uint32_t problem, nanos deadline,
        struct bytes event)
{
    CHECK(batch->due_count < batch->due_max);
    batch->dues[batch->due_count++] =
            (struct batch_due){problem, deadline, keep(batch, event)};
}

void batch_due_done(struct batch *batch, uint32_t problem, nanos deadline)
{
    struct batch_effect *effect = add_effect(batch);

    effect->kind = EFFECT_DUE_DONE;
    effect->problem = problem;
    effect->deadline = deadline;
}

void batch_snapshot(struct batch *batch, uint32_t problem, uint64_t digest,
        struct bytes state)
{
    struct batch_effect *effect = add_effect(batch);

    CHECK(batch->snapshot_count < SNAPSHOTS_MAX);
    batch->snapshot_count++;
    effect->kind = EFFECT_SNAPSHOT;
    effect->problem = problem;
    effect->digest = digest;
    effect->payload = state;
}

bool batch_model(struct batch *batch, uint32_t problem, uint64_t digest,
        nanos now, struct bytes model)
{
    struct batch_effect *effect;

    if (batch->snapshot_count == SNAPSHOTS_MAX)
        return false;
    effect = add_effect(batch);
    batch->snapshot_count++;
    effect->kind = EFFECT_MODEL;
    effect->problem = problem;
    effect->digest = digest;
    effect->deadline = now;
    effect->payload = model;
    return true;
}
