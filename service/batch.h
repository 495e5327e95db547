/* A batch: what one engine thread did since its last hand-over, on its way to
 * one group commit and then back to the clients.
 *
 *   engine thread       commit thread          socket's thread
 *   fills it      ->    writes it, syncs  ->   sends its replies   -> free
 *
 * It holds the exchanges (envelope and reply), the effects in their order and,
 * as an overlay of the store, the events that they changed: until a batch is
 * committed, its engine thread reads these events from it.
 *
 * One thread owns it at a time. `stage` says which: it is written by the owner
 * that lets go and read by the engine thread, which takes it back when it is
 * BATCH_ANSWERED. */
#ifndef SERVICE_BATCH_H
#define SERVICE_BATCH_H

#include "base/arena.h"
#include "proto/event_state.h"
#include "proto/record.h"

#include <stdatomic.h>

#define ENVELOPE_FRAMES_MAX  8u
#define REPLY_FALLBACK_BYTES 128u
/* Snapshots of one batch; the rest goes with a later one. */
#define SNAPSHOTS_MAX 64u

/* What one request may take while it is worked on: its views, records and
 * reply. What the batch keeps of that, records and reply, is less. A batch with
 * less room than this takes no further request, and a request that might need
 * more is refused before its first step. */
#define REQUEST_ARENA_BYTES (64 * MESSAGE_BYTES_MAX)

enum batch_stage {
    BATCH_FREE,
    BATCH_OPEN,
    BATCH_SUBMITTED, /* on its way to the disk */
    BATCH_COMMITTED, /* on disk; its replies may go */
    BATCH_ANSWERED, /* its replies are sent */
};

/* One request and its reply. */
struct exchange {
    const struct bytes *envelope; /* [envelope_count] */
    uint32_t envelope_count;
    bool relaxed; /* its reply may go before the commit */
    bool sent;
    nanos received; /* when it was taken */
    struct bytes reply;
    uint8_t fallback[REPLY_FALLBACK_BYTES]; /* for a refusal when the arena is
                                               used up */
};

enum batch_effect_kind {
    EFFECT_RECORD,
    EFFECT_DUE_DONE, /* all events seen under a deadline were handled */
    EFFECT_SNAPSHOT, /* state of a problem after all effects before it */
    EFFECT_MODEL, /* what it had learned by itself, as its generation 0 */
};

struct batch_effect {
    enum batch_effect_kind kind;
    enum record_kind record_kind; /* RECORD */
    uint32_t problem;
    struct bytes payload; /* RECORD: message; SNAPSHOT and MODEL: bytes in heap
                             memory that the commit thread frees */
    struct bytes event; /* DUE */
    nanos deadline; /* DUE; MODEL: when */
    uint64_t digest; /* the problem's state_digest; of a MODEL,
                        its model_digest */
    uint64_t sequence; /* RECORD: set by the commit */
};

/* An event that falls due. */
struct batch_due {
    uint32_t problem;
    nanos deadline;
    struct bytes event;
};

/* An event as this batch leaves it. */
struct batch_event {
    uint32_t problem;
    struct bytes event;
    uint64_t hash; /* as in batch_key */
    const struct event_state *state; /* NULL: deleted */
    /* Where its Decision record is: in this batch (payload and effect are
     * set), in the batch before it that has no sequences yet (`earlier`), or
     * in the store, as state->decision says. */
    struct bytes decision;
    const struct batch_effect *decision_effect;
    const struct batch_effect *earlier;
    const struct batch_effect *last; /* its newest record in this batch */
};

/* An event's name and its hash: made once, looked for in several batches. */
struct batch_key {
    uint32_t problem;
    struct bytes event;
    uint64_t hash;
};

struct batch_key batch_key(uint32_t problem, struct bytes event);

/* A row of the hash table: linear probing. */
struct batch_row {
    uint32_t at; /* in events + 1; 0: free */
    uint32_t hash; /* the upper half, to tell most others without a look */
};

struct batch {
    struct arena arena;
    struct arena states; /* of events; cannot overflow: one per item */
    struct exchange *exchanges; /* [exchange_max] */
    struct batch_effect *effects; /* [effect_max] */
    struct batch_due *dues; /* [due_max] */
    struct batch_event *events; /* [event_max] */
    const struct batch_event **order; /* [event_max] for the commit thread */
    struct batch_row *table; /* [table_max], of which table_size in use */
    uint32_t exchange_count, exchange_max;
    uint32_t effect_count, effect_max;
    uint32_t due_count, due_max;
    uint32_t event_count, event_max;
    uint32_t table_size; /* power of two, at least 2 event_count: as small as
                            can be, so that it stays in the cache */
    uint32_t table_max; /* power of two, at least 2 event_max */
    uint32_t snapshot_count; /* among the effects, models included */
    uint32_t item_count, item_max;
    bool has_relaxed; /* some reply may go early */
    _Atomic bool early; /* and the socket's thread has sent those */
    _Atomic int stage; /* enum batch_stage */
    /* Smallest sequence of a Decision on disk that this batch counts on:
     * retention leaves it and all after it alone until the next batch of the
     * thread takes over. UINT64_MAX = none. */
    _Atomic uint64_t pin;
    struct batch *next; /* in a queue */
};

/* NULL when there is no memory. `items` is the most items it takes. */
struct batch *batch_new(uint32_t items);
void batch_free(struct batch *batch);
/* Empties it, for use again. */
void batch_reset(struct batch *batch);

/* Is there room for one more request of any size? */
bool batch_has_room(const struct batch *batch);
/* Has it anything that must reach the disk? */
static inline bool batch_must_commit(const struct batch *batch)
{
    return batch->effect_count > 0 || batch->event_count > 0;
}

/* The event in this batch, or NULL if the batch did not touch it. */
struct batch_event *batch_find(
        struct batch *batch, const struct batch_key *key);

/* The batch before this one is on disk: its sequences are known now. */
void batch_resolve(struct batch *batch);

/* The batch counts on this Decision record. */
void batch_pin(struct batch *batch, uint64_t sequence);
void batch_unpin(struct batch *batch);

/* A copy of the bytes in the batch; data is NULL if there is no room. */
struct bytes batch_keep(struct batch *batch, struct bytes bytes);

/* Effects. The batch keeps copies of all bytes but a snapshot's. `decision`,
 * unless it is empty, is the payload that was appended last; `earlier` is the
 * effect of the event's Decision record in the batch before this one, or NULL.
 */
void batch_append(struct batch *batch, enum record_kind kind, uint32_t problem,
        struct bytes payload);
void batch_event_put(struct batch *batch, const struct batch_key *key,
        const struct event_state *state, struct bytes decision,
        const struct batch_effect *earlier);
void batch_event_del(struct batch *batch, const struct batch_key *key);
void batch_due(struct batch *batch, uint32_t problem, nanos deadline,
        struct bytes event);
void batch_due_done(struct batch *batch, uint32_t problem, nanos deadline);
void batch_snapshot(struct batch *batch, uint32_t problem, uint64_t digest,
        struct bytes state);
/* False, and the caller keeps the model, if there is no room for it. */
bool batch_model(struct batch *batch, uint32_t problem, uint64_t digest,
        nanos now, struct bytes model);

#endif
