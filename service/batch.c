#include "service/batch.h"

#include "base/hash.h"
#include "service/engine/engine.h"

#include <stdlib.h>

/* What the largest request may take of the arena: its views, records and
 * replies. A batch with less room than this takes no further request. */
#define REQUEST_ARENA_BYTES (24 * MESSAGE_BYTES_MAX)
/* Room for requests of ordinary size beside that. */
#define ITEM_ARENA_BYTES 16384
/* Room for the snapshots of a batch: one per problem of the thread at most,
 * but never more than fit; the rest goes with a later batch. */
#define SNAPSHOT_EFFECTS 64
/* Effects of the largest request, and of the deadlines of one problem that are
 * handled in a turn: each is a record of its event and a deadline done with. */
#define TURN_EFFECTS (STEP_EFFECTS_MAX * REQUEST_ITEMS_MAX)

static uint32_t table_size_for(uint32_t events)
{
    uint32_t size = 64;

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
    batch->exchange_max = items;
    batch->effect_max = 2 * STEP_EFFECTS_MAX * most + SNAPSHOT_EFFECTS;
    batch->event_max = most;
    batch->due_max = most;
    batch->table_size = table_size_for(most);
    batch->exchanges = calloc(batch->exchange_max, sizeof(*batch->exchanges));
    batch->effects = calloc(batch->effect_max, sizeof(*batch->effects));
    batch->dues = calloc(batch->due_max, sizeof(*batch->dues));
    batch->events = calloc(batch->event_max, sizeof(*batch->events));
    batch->table = calloc(batch->table_size, sizeof(*batch->table));
    batch->arena = arena_over(malloc(arena), arena);
    batch->states = arena_over(malloc(states), states);
    if (batch->exchanges == NULL || batch->effects == NULL ||
            batch->events == NULL || batch->table == NULL ||
            batch->arena.data == NULL || batch->states.data == NULL) {
        batch_free(batch);
        return NULL;
    }
    return batch;
}

void batch_free_snapshots(struct batch *batch)
{
    for (uint32_t i = 0; i < batch->effect_count; i++) {
        struct batch_effect *effect = &batch->effects[i];
        union {
            const uint8_t *in;
            void *out;
        } state = {effect->payload.data};
        if (effect->kind != EFFECT_SNAPSHOT)
            continue;
        free(state.out);
        effect->payload = bytes_of(NULL, 0);
    }
}

void batch_free(struct batch *batch)
{
    if (batch == NULL)
        return;
    if (batch->effects != NULL)
        batch_free_snapshots(batch);
    free(batch->exchanges);
    free(batch->effects);
    free(batch->dues);
    free(batch->events);
    free(batch->table);
    free(batch->arena.data);
    free(batch->states.data);
    free(batch);
}

void batch_reset(struct batch *batch)
{
    /* A batch of few events clears its few table rows, not the table. */
    if (batch->event_count < batch->table_size / 16)
        for (uint32_t i = 0; i < batch->event_count; i++) {
            const struct batch_event *event = &batch->events[i];
            uint32_t at = (uint32_t)hash_bytes(event->event, event->problem) &
                    (batch->table_size - 1);
            for (; batch->table[at] != 0;
                    at = (at + 1) & (batch->table_size - 1))
                batch->table[at] = 0;
        }
    else
        memset(batch->table, 0, batch->table_size * sizeof(*batch->table));
    batch->exchange_count = 0;
    batch->effect_count = 0;
    batch->due_count = 0;
    batch->event_count = 0;
    batch->item_count = 0;
    batch->has_relaxed = false;
    batch->trouble = 0;
    atomic_store(&batch->early, false);
    arena_reset(&batch->arena);
    arena_reset(&batch->states);
    batch->next = NULL;
}

bool batch_has_room(const struct batch *batch)
{
    return batch->item_count < batch->item_max &&
            batch->exchange_count < batch->exchange_max &&
            batch->effect_max - batch->effect_count >= TURN_EFFECTS &&
            arena_left(&batch->arena) >= REQUEST_ARENA_BYTES;
}

/* The row of the table for an event: its own or the free one where it goes. */
static uint32_t *row_of(
        struct batch *batch, uint32_t problem, struct bytes event)
{
    uint32_t mask = batch->table_size - 1;
    uint32_t at = (uint32_t)hash_bytes(event, problem) & mask;

    for (; batch->table[at] != 0; at = (at + 1) & mask) {
        const struct batch_event *found = &batch->events[batch->table[at] - 1];
        if (found->problem == problem && bytes_equal(found->event, event))
            break;
    }
    return &batch->table[at];
}

struct batch_event *batch_find(
        struct batch *batch, uint32_t problem, struct bytes event)
{
    uint32_t row = *row_of(batch, problem, event);

    return row == 0 ? NULL : &batch->events[row - 1];
}

static struct batch_event *find_or_add(
        struct batch *batch, uint32_t problem, struct bytes event)
{
    uint32_t *row = row_of(batch, problem, event);

    if (*row == 0) {
        CHECK(batch->event_count < batch->event_max);
        batch->events[batch->event_count] =
                (struct batch_event){.problem = problem, .event = event};
        *row = ++batch->event_count;
    }
    return &batch->events[*row - 1];
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
    effect->payload = payload;
}

void batch_event_put(struct batch *batch, uint32_t problem, struct bytes event,
        const struct event_state *state, struct bytes decision,
        const struct batch_effect *earlier)
{
    /* Most events have few marks: keep only those in use. */
    size_t size = offsetof(struct event_state, marks) +
            state->mark_count * sizeof(state->marks[0]);
    struct batch_event *entry = find_or_add(batch, problem, event);

    entry->state = arena_copy(&batch->states, state, size);
    CHECK(entry->state != NULL);
    if (earlier != NULL)
        entry->earlier = earlier;
    if (decision.size > 0) {
        CHECK(batch->effect_count > 0);
        entry->decision = decision;
        entry->decision_effect = &batch->effects[batch->effect_count - 1];
    }
}

void batch_event_del(struct batch *batch, uint32_t problem, struct bytes event)
{
    struct batch_event *entry = find_or_add(batch, problem, event);

    entry->state = NULL;
    entry->decision = bytes_of(NULL, 0);
    entry->decision_effect = NULL;
    entry->earlier = NULL;
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
        entry->earlier = NULL;
    }
}

void batch_due(struct batch *batch, uint32_t problem, nanos deadline,
        struct bytes event)
{
    CHECK(batch->due_count < batch->due_max);
    batch->dues[batch->due_count++] =
            (struct batch_due){problem, deadline, event};
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

    effect->kind = EFFECT_SNAPSHOT;
    effect->problem = problem;
    effect->digest = digest;
    effect->payload = state;
}
