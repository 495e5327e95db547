#include "local/events.h"

#include "base/hash.h"

#include <stdlib.h>

#define NONE UINT32_MAX
/* Records of the largest request; a state with all its marks and costs. */
#define DECISION_RESERVE (2 * MESSAGE_BYTES_MAX)
#define STATE_RESERVE    (sizeof(struct event_state) + 8 * ACTIONS_MAX)

/* Heap memory that is used again. */
struct block {
    uint8_t *data;
    size_t capacity;
};

/* Slots in the order in which they were taken or fall due. */
struct chain {
    uint32_t first, last;
};

struct link {
    uint32_t before, after;
};

enum { OF_DECISION, OF_ORPHAN, WAITS };

struct slot {
    uint32_t problem; /* 0: free */
    uint32_t id_size;
    uint8_t id[ID_BYTES_MAX];
    struct block state; /* an event_state, its marks, then its costs */
    struct block decision;
    size_t decision_size; /* 0: not decided */
    nanos deadline; /* 0: in no chain of deadlines */
    uint32_t wait; /* which one otherwise */
    struct link age, due;
};

struct events {
    struct slot *slots; /* [count_max] */
    uint32_t count, count_max;
    uint32_t *table; /* [table_size] index of a slot + 1; linear probing */
    uint32_t table_size;
    struct chain age; /* last: the newest */
    /* Per problem and kind of wait: within one all waits are equally long, so
     * the order of coming is the order of falling due. */
    struct chain *due; /* [problem_count][WAITS] */
    /* Where the event that was looked up last is or goes: the calls of one step
     * are about one event. Forgotten when rows move. */
    uint32_t asked_problem; /* 0: none */
    uint32_t asked_row, asked_size;
    uint8_t asked[ID_BYTES_MAX];
    struct block spare_decision, spare_state; /* for a step without memory */
};

/* ---- chains ---- */

static struct link *link_of(struct slot *slot, bool due)
{
    return due ? &slot->due : &slot->age;
}

static void chain_take(
        struct events *events, struct chain *chain, uint32_t at, bool due)
{
    struct link *link = link_of(&events->slots[at], due);

    if (link->before == NONE)
        chain->first = link->after;
    else
        link_of(&events->slots[link->before], due)->after = link->after;
    if (link->after == NONE)
        chain->last = link->before;
    else
        link_of(&events->slots[link->after], due)->before = link->before;
}

static void chain_add(
        struct events *events, struct chain *chain, uint32_t at, bool due)
{
    struct link *link = link_of(&events->slots[at], due);

    *link = (struct link){chain->last, NONE};
    if (chain->last == NONE)
        chain->first = at;
    else
        link_of(&events->slots[chain->last], due)->after = at;
    chain->last = at;
}

/* As the next one to be taken. */
static void age_first(struct events *events, uint32_t at)
{
    struct chain *chain = &events->age;

    chain_take(events, chain, at, false);
    events->slots[at].age = (struct link){NONE, chain->first};
    if (chain->first == NONE)
        chain->last = at;
    else
        events->slots[chain->first].age.before = at;
    chain->first = at;
}

static struct chain *due_chain(
        const struct events *events, uint32_t problem, uint32_t wait)
{
    return &events->due[(problem - 1) * WAITS + wait];
}

static void leave_due(struct events *events, uint32_t at)
{
    struct slot *slot = &events->slots[at];

    if (slot->deadline == 0)
        return;
    chain_take(events, due_chain(events, slot->problem, slot->wait), at, true);
    slot->deadline = 0;
}

/* ---- the table ---- */

static uint32_t home_of(
        const struct events *events, uint32_t problem, struct bytes event)
{
    return (uint32_t)hash_bytes(event, problem) & (events->table_size - 1);
}

static struct bytes id_of(const struct slot *slot)
{
    return bytes_of(slot->id, slot->id_size);
}

static uint32_t search(
        const struct events *events, uint32_t problem, struct bytes event)
{
    uint32_t at = home_of(events, problem, event);

    for (; events->table[at] != 0; at = (at + 1) & (events->table_size - 1)) {
        const struct slot *slot = &events->slots[events->table[at] - 1];
        if (slot->problem == problem && bytes_equal(id_of(slot), event))
            break;
    }
    return at;
}

/* The row of the event, or the free one where it goes. */
static uint32_t row_of(
        struct events *events, uint32_t problem, struct bytes event)
{
    CHECK(event.size <= ID_BYTES_MAX);
    if (events->asked_problem == problem &&
            bytes_equal(bytes_of(events->asked, events->asked_size), event))
        return events->asked_row;
    events->asked_row = search(events, problem, event);
    events->asked_problem = problem;
    events->asked_size = (uint32_t)event.size;
    memcpy(events->asked, event.data, event.size);
    return events->asked_row;
}

/* NONE if the event is not known. */
static uint32_t find(
        struct events *events, uint32_t problem, struct bytes event)
{
    return events->table[row_of(events, problem, event)] - 1;
}

/* Empties a row; those behind it that were pushed past it move up. */
static void clear_row(struct events *events, uint32_t row)
{
    uint32_t mask = events->table_size - 1;

    events->asked_problem = 0;
    for (uint32_t at = (row + 1) & mask; events->table[at] != 0;
            at = (at + 1) & mask) {
        const struct slot *slot = &events->slots[events->table[at] - 1];
        uint32_t home = home_of(events, slot->problem, id_of(slot));
        if (((at - home) & mask) < ((at - row) & mask))
            continue;
        events->table[row] = events->table[at];
        row = at;
    }
    events->table[row] = 0;
}

static void forget(struct events *events, uint32_t at)
{
    struct slot *slot = &events->slots[at];

    leave_due(events, at);
    clear_row(events, search(events, slot->problem, id_of(slot)));
    slot->problem = 0;
    slot->decision_size = 0;
}

/* ---- slots ---- */

/* The spare one is larger than anything that is put. */
static void make_room(struct block *block, size_t size, struct block *spare)
{
    if (block->capacity >= size)
        return;
    free(block->data);
    block->capacity = size + size / 2;
    block->data = malloc(block->capacity);
    if (block->data != NULL)
        return;
    CHECK(spare->capacity >= size);
    *block = *spare;
    *spare = (struct block){NULL, 0};
}

static uint32_t take_slot(
        struct events *events, uint32_t problem, struct bytes event)
{
    uint32_t at = events->count < events->count_max ? events->count++
                                                    : events->age.first;
    struct slot *slot = &events->slots[at];

    if (slot->problem != 0)
        forget(events, at);
    if (events->age.first == at)
        chain_take(events, &events->age, at, false);
    CHECK(event.size <= sizeof(slot->id));
    slot->problem = problem;
    slot->id_size = (uint32_t)event.size;
    memcpy(slot->id, event.data, event.size);
    events->table[row_of(events, problem, event)] = at + 1;
    chain_add(events, &events->age, at, false);
    return at;
}

/* ---- the journal ---- */

static int event_get(void *self, uint32_t problem, struct bytes event,
        struct event_state *state, struct err *err)
{
    struct events *events = self;
    uint32_t at = find(events, problem, event);
    const struct event_state *kept;

    if (at == NONE) {
        /* The sentence is nobody's: a new event is no failure. */
        err->status = STATUS_NOT_FOUND;
        err->text[0] = '\0';
        return STATUS_NOT_FOUND;
    }
    kept = (const struct event_state *)events->slots[at].state.data;
    memcpy(state, kept, event_state_size(kept));
    return 0;
}

static int decision_get(void *self, uint32_t problem, struct bytes event,
        const struct event_state *state, struct bytes *payload, struct err *err)
{
    struct events *events = self;
    uint32_t at = find(events, problem, event);

    (void)state;
    if (at == NONE || events->slots[at].decision_size == 0)
        return err_set(err, STATUS_NOT_FOUND, "no such decision");
    *payload = bytes_of(
            events->slots[at].decision.data, events->slots[at].decision_size);
    return 0;
}

static void keep_state(struct events *events, struct slot *slot,
        const struct event_state *state)
{
    size_t size = event_state_size(state);
    struct event_state *kept;

    /* The costs may be views into the block that is to grow. */
    struct block before = slot->state;
    slot->state = (struct block){NULL, 0};
    if (before.capacity >= size + state->costs.size)
        slot->state = before;
    else
        make_room(&slot->state, size + state->costs.size, &events->spare_state);
    kept = (struct event_state *)slot->state.data;
    CHECK(kept != NULL);
    if (state->costs.size > 0)
        memmove(slot->state.data + size, state->costs.data, state->costs.size);
    memcpy(kept, state, size);
    if (state->costs.size > 0)
        kept->costs.data = slot->state.data + size;
    if (before.data != slot->state.data)
        free(before.data);
}

static void event_put(void *self, uint32_t problem, struct bytes event,
        const struct event_state *state, struct bytes decision)
{
    struct events *events = self;
    uint32_t at = find(events, problem, event);
    struct slot *slot;

    if (at == NONE)
        at = take_slot(events, problem, event);
    slot = &events->slots[at];
    keep_state(events, slot, state);
    if (slot->deadline != 0 && !event_waits(state, slot->deadline))
        leave_due(events, at);
    if (decision.size == 0)
        return;
    make_room(&slot->decision, decision.size, &events->spare_decision);
    memcpy(slot->decision.data, decision.data, decision.size);
    slot->decision_size = decision.size;
}

static void event_del(void *self, uint32_t problem, struct bytes event)
{
    struct events *events = self;
    uint32_t at = find(events, problem, event);

    if (at == NONE)
        return;
    forget(events, at);
    age_first(events, at);
}

static void due_put(
        void *self, nanos deadline, uint32_t problem, struct bytes event)
{
    struct events *events = self;
    uint32_t at = find(events, problem, event);
    struct slot *slot = &events->slots[at];

    CHECK(at != NONE);
    leave_due(events, at);
    slot->deadline = deadline;
    slot->wait = slot->decision_size > 0 ? OF_DECISION : OF_ORPHAN;
    chain_add(events, due_chain(events, problem, slot->wait), at, true);
}

struct journal events_journal(struct events *events)
{
    return (struct journal){
            .event_get = event_get,
            .decision_get = decision_get,
            .event_put = event_put,
            .event_del = event_del,
            .due_put = due_put,
            .self = events,
    };
}

bool events_due(const struct events *events, uint32_t problem, nanos now,
        nanos *deadline, struct bytes *event)
{
    for (uint32_t wait = 0; wait < WAITS; wait++) {
        uint32_t at = due_chain(events, problem, wait)->first;
        if (at == NONE || events->slots[at].deadline > now)
            continue;
        *deadline = events->slots[at].deadline;
        *event = id_of(&events->slots[at]);
        return true;
    }
    return false;
}

/* ---- life ---- */

static bool refill(struct block *spare, size_t size)
{
    if (spare->capacity >= size)
        return true;
    spare->data = malloc(size);
    spare->capacity = spare->data == NULL ? 0 : size;
    return spare->data != NULL;
}

bool events_ready(struct events *events)
{
    return refill(&events->spare_decision, DECISION_RESERVE) &&
            refill(&events->spare_state, STATE_RESERVE);
}

struct events *events_new(uint32_t events_max, uint32_t problem_count)
{
    struct events *events = calloc(1, sizeof(*events));
    size_t chains = (size_t)problem_count * WAITS;

    if (events == NULL)
        return NULL;
    events->count_max = events_max;
    events->table_size = 64;
    while (events->table_size < 2 * events_max)
        events->table_size *= 2;
    events->slots = calloc(events_max, sizeof(*events->slots));
    events->table = calloc(events->table_size, sizeof(*events->table));
    events->due = calloc(chains + 1, sizeof(*events->due));
    if (events->slots == NULL || events->table == NULL || events->due == NULL ||
            !events_ready(events)) {
        events_free(events);
        return NULL;
    }
    events->age = (struct chain){NONE, NONE};
    for (size_t i = 0; i < chains; i++)
        events->due[i] = events->age;
    for (uint32_t i = 0; i < events_max; i++)
        events->slots[i].age = (struct link){NONE, NONE};
    return events;
}

void events_free(struct events *events)
{
    if (events == NULL)
        return;
    for (uint32_t i = 0; events->slots != NULL && i < events->count; i++) {
        free(events->slots[i].state.data);
        free(events->slots[i].decision.data);
    }
    free(events->slots);
    free(events->table);
    free(events->due);
    free(events->spare_decision.data);
    free(events->spare_state.data);
    free(events);
}
