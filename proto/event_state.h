/* What the join knows of one event: the value stored under (problem, event
 * id). It is derived from the log (`rue verify` derives it again) and is
 * written in the same transaction as the records that changed it. */
#ifndef PROTO_EVENT_STATE_H
#define PROTO_EVENT_STATE_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/time.h"
#include "proto/fields.h"
#include "proto/message.h"

/* One feedback that was applied: hashes of its id and of its content. */
struct feedback_mark {
    uint64_t id;
    uint64_t content;
};

struct event_state {
    uint64_t decision; /* sequence of its Decision record, 0 = none yet */
    uint64_t last; /* sequence of the newest record about it */
    uint64_t content; /* digest of what was asked */
    nanos deadline; /* when the default (or an orphan's end) falls due */
    bool deferred; /* waits for its Activation */
    bool expired; /* the deadline has passed and was recorded */
    bool has_reward; /* at least one feedback came */
    bool learned; /* the policy has learned `taught` for this event */
    double reward; /* aggregate of its feedback */
    double taught; /* the value that the policy holds for it */
    struct shown shown; /* which action its feedback is about */
    /* Path form: the costs that are held until they can be learned, as 8 bytes
     * each; size 0 otherwise. A view: of the bytes that the state was read
     * from, or of the arena of the step that put it. */
    struct bytes costs;
    bool costs_full; /* of all edges */
    /* The fields of all its feedback, for a reward.expression, as fields_write
     * writes them (proto/fields.h); size 0: none. A view, as above. */
    struct bytes fields;
    enum cause cause; /* of the feedback that is held */
    uint32_t mark_count;
    struct feedback_mark marks[FEEDBACKS_MAX];
};

/* Nothing is known of the event; marks beyond mark_count are never read. */
static inline void event_state_clear(struct event_state *state)
{
    memset(state, 0, offsetof(struct event_state, marks));
}

/* Bytes of a state that are in use. */
static inline size_t event_state_size(const struct event_state *state)
{
    return offsetof(struct event_state, marks) +
            state->mark_count * sizeof(state->marks[0]);
}

/* Does the event still wait for this deadline? A decided one does until
 * feedback comes, an orphan until it is decided. */
static inline bool event_waits(const struct event_state *state, nanos deadline)
{
    return state->deadline == deadline && !state->expired &&
            (state->content == 0 || !state->has_reward);
}

#define EVENT_STATE_BYTES_MAX                                                  \
    (2 + 4 * 8 + 2 * 8 + 13 + 2 + 8 * ACTIONS_MAX + 1 + FIELDS_BYTES_MAX + 2 + \
            16 * FEEDBACKS_MAX)

void event_state_write(const struct event_state *state, struct writer *writer);
/* CORRUPT for bytes that event_state_write does not write. */
int event_state_read(struct event_state *state, struct reader *reader,
        struct err *err) MUST_USE;

#endif
