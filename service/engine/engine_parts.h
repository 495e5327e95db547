/* What the files of the engine share: engine.c (the step and decisions),
 * engine_feedback.c, engine_held.c (feedback that came early),
 * engine_activate.c, engine_deadline.c and engine_alarms.c. Not for others:
 * they have engine.h. */
#ifndef ENGINE_ENGINE_PARTS_H
#define ENGINE_ENGINE_PARTS_H

#include "service/engine/engine.h"

#include <math.h>

/* All that one step works with; lives as long as engine_step. Functions below
 * that can fail return a status, whose sentence is then in `err`; what they
 * make lies in the arena, and where that is too small they return BUSY. */
struct step {
    struct problem *problem;
    const struct input *input;
    const struct journal *journal;
    struct arena *arena;
    struct err err;
};

/* ---- the inputs ---- */

/* One for each kind of input, as engine_step describes them: the answer is
 * filled in, or the status says why not and nothing has changed. */
int engine_feedback(struct step *step, struct receipt *receipt) MUST_USE;
int engine_activate(struct step *step, struct receipt *receipt) MUST_USE;
int engine_deadline(struct step *step) MUST_USE;

/* The record of an alarm of drift, or of a circuit that opened or closed; its
 * fold takes it out of the problem's state. Without room for it, it waits there
 * for the next step. */
void step_log_alarm(struct step *step, const struct alarm *alarm);
void step_log_circuit(struct step *step, const struct breaker_change *change);

/* ---- what is known of the event ---- */

/* The event's state, NOT_FOUND, or a failure of the journal. Its costs and
 * fields, if it has any, lie in the step's arena: what the journal lends may go
 * while the state is put again. */
int step_event_get(struct step *step, struct bytes event,
        struct event_state *state) MUST_USE;

/* The event's Decision record, decoded into the problem's scratch: it holds
 * until the step ends. CORRUPT: it cannot be read, or is none as the problem
 * makes them now. */
int step_decision_of(struct step *step, struct bytes event,
        const struct event_state *state, union any_record *record) MUST_USE;

/* Was the event decided when the problem had other columns, actions or groups?
 * Then its places mean something else, and it teaches nothing. */
static inline bool step_is_foreign(
        const struct step *step, const struct event_state *state)
{
    return state->decision != 0 && state->decision < step->problem->spec->since;
}

/* ---- held feedback ---- */

/* What feedback that is held means for this decision: the action it is about,
 * or the costs of a path, and the value. INVALID if it does not fit: what was
 * filled in then means nothing. */
int step_held_outcome(struct step *step, const struct decision_record *decision,
        const struct event_state *state, struct subject *subject,
        struct costs *costs, double *value) MUST_USE;

/* Costs into the event's state, whose bytes then lie in the arena. */
int step_costs_to_state(struct step *step, const struct costs *costs,
        struct event_state *state) MUST_USE;

/* A record holds no larger value. */
static inline int step_check_sum(struct step *step, double value)
{
    if (fabs(value) <= VALUE_MAX)
        return 0;
    return err_set(&step->err, STATUS_INVALID,
            "costs: their sum, %g, is not within +-%g", value, VALUE_MAX);
}

/* ---- records and effects ---- */

static inline struct record step_head(
        const struct step *step, enum record_kind kind, struct bytes event)
{
    return (struct record){
            kind, step->problem->spec->number, step->input->now, event};
}

/* The deadline of something that begins to wait now; 0 = it waits for ever. */
static inline nanos step_deadline_after(const struct step *step, nanos wait)
{
    nanos deadline;

    if (wait == 0)
        return 0;
    return __builtin_add_overflow(step->input->now, wait, &deadline) ? NANOS_MAX
                                                                     : deadline;
}

static inline void step_append(
        struct step *step, enum record_kind kind, struct bytes payload)
{
    if (step->journal->append != NULL)
        step->journal->append(step->journal->self, kind,
                step->problem->spec->number, payload);
}

static inline void step_event_put(struct step *step, struct bytes event,
        const struct event_state *state, struct bytes decision)
{
    step->journal->event_put(step->journal->self, step->problem->spec->number,
            event, state, decision);
}

static inline void step_due_put(
        struct step *step, nanos deadline, struct bytes event)
{
    step->journal->due_put(
            step->journal->self, deadline, step->problem->spec->number, event);
}

#endif
