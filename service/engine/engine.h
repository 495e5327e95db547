/* The engine: an input goes in, effects come out. No sockets, disk, threads
 * or clock: service, simulation and replay are three drivers of engine_step.
 *
 * Order of one step: read the event's state from the journal; decide or join;
 * encode the record; hand the effects to the journal; fold the record into
 * the problem. All that can fail comes before the first effect, so an input
 * that is refused has changed nothing. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "proto/event_state.h"
#include "proto/record.h"
#include "service/engine/problem.h"

/* Where the engine reads what it wrote earlier and writes its effects. The
 * reads see all earlier effects, committed or not. The writes cannot fail: the
 * driver has made room for one step (STEP_EFFECTS_MAX of each) beforehand.
 * Bytes passed to the writes lie in the step's arena and stay there until the
 * driver has committed them. */
struct journal {
    /* 0, NOT_FOUND, or a failure. state->costs is lent until the next call. */
    int (*event_get)(void *self, uint32_t problem, struct bytes event,
            struct event_state *state, struct err *err);
    /* Payload of the event's Decision record; valid until the next step. */
    int (*decision_get)(void *self, uint32_t problem, struct bytes event,
            const struct event_state *state, struct bytes *payload,
            struct err *err);
    /* NULL: nothing is logged, and feedback is not encoded. */
    void (*append)(void *self, enum record_kind kind, uint32_t problem,
            struct bytes payload);
    /* `decision` is the payload of the Decision record that this step
     * appended for the event, or empty: then state->decision holds. */
    void (*event_put)(void *self, uint32_t problem, struct bytes event,
            const struct event_state *state, struct bytes decision);
    void (*event_del)(void *self, uint32_t problem, struct bytes event);
    /* The event's deadline. What was put is not taken back: INPUT_DEADLINE for
     * an event that no longer waits for it does nothing. */
    void (*due_put)(
            void *self, nanos deadline, uint32_t problem, struct bytes event);
    void *self;
    /* The next two may be NULL where nothing is promoted.
     *
     * A generation's model and what served when it was trained; lent until the
     * next call. 0, NOT_FOUND, CORRUPT or a failure. */
    int (*model_get)(void *self, uint32_t problem, uint64_t generation,
            struct bytes *model, uint64_t *parent, struct err *err);
    /* Keeps the model that the problem has now as its generation 0, unless
     * there is one already. May fail. */
    int (*model_keep)(
            void *self, const struct problem *problem, struct err *err);
};

/* Most effects of one kind that a step has. */
#define STEP_EFFECTS_MAX 3

enum input_kind {
    INPUT_DECIDE,
    INPUT_FEEDBACK,
    INPUT_ACTIVATE,
    INPUT_DEADLINE,
    INPUT_PROMOTE,
};

/* A generation to be promoted. */
struct promotion {
    uint64_t generation;
    bool back; /* instead: what a rollback goes to; while there is a challenger,
                  it leaves */
    enum stage stage; /* WITHDRAW: the challenger, whichever it is */
    double share; /* where stage_shares() */
    bool has_serving;
    uint64_t serving; /* only if this serves */
    struct estimate estimate;
    struct bytes why; /* a sentence; may be empty */
};

struct input {
    enum input_kind kind;
    nanos now;
    union {
        struct {
            const struct question *question;
            struct bytes fresh_id; /* used where the question has no event */
        } decide;
        const struct feedback *feedback;
        struct bytes activate; /* event id */
        struct {
            struct bytes event;
            nanos deadline;
        } deadline;
        const struct promotion *promote;
    } as;
};

/* The answer; messages and arrays lie in the step's arena. */
struct answer {
    struct decision decision; /* INPUT_DECIDE */
    struct receipt receipt; /* the others */
};

/* One input for one problem. Answers INVALID, DUPLICATE, UNKNOWN_EVENT, ...
 * are in `answer`; nothing has then changed. The arena needs room for the
 * round, the record and the answer: about four times the request's size and
 * 64 KiB; a step that finds too little is answered BUSY. */
void engine_step(struct problem *problem, const struct input *input,
        const struct journal *journal, struct arena *arena,
        struct answer *answer);

/* How an event remembers a feedback: by its id, or, without one, by what it
 * says. */
struct feedback_mark engine_feedback_mark(const struct feedback *feedback);

/* What several feedbacks amount to. */
double engine_aggregate(
        uint32_t rule, bool has_reward, double so_far, double value);

#endif
