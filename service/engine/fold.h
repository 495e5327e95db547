/* The fold: applies records to a problem's state. The only writer of policy
 * state: live inputs, recovery, replay and simulation all end here.
 *
 * A record's effect on the event (LEARN, CORRECT, ...) was decided by the join
 * when the record was made and is part of it, so the fold needs no index: only
 * the Decision record of the event, which the caller hands in or finds. */
#ifndef ENGINE_FOLD_H
#define ENGINE_FOLD_H

#include "proto/record.h"
#include "service/engine/problem.h"

/* Finds the Decision record of an event: its payload, valid until the next
 * call. 0, NOT_FOUND or a failure. */
struct decision_source {
    int (*find)(void *self, uint32_t problem, struct bytes event,
            struct bytes *payload, struct err *err);
    void *self;
    /* The model of a generation, valid until the next call. 0, NOT_FOUND,
     * CORRUPT or a failure; NULL where no records of promotions are folded. */
    int (*model)(void *self, uint32_t problem, uint64_t generation,
            struct bytes *model, struct err *err);
};

/* Applies one record. CORRUPT if it does not fit the problem; the state is
 * then unchanged. */
int fold_record(struct problem *problem, enum record_kind kind,
        struct bytes payload, const struct decision_source *source,
        struct err *err) MUST_USE;

/* The same for views in hand, as the engine has them. `decision` is the
 * event's Decision record; NULL where the effect needs none (HOLD, NONE). */
int fold_decision(struct problem *problem, const struct decision_record *record,
        struct err *err) MUST_USE;
int fold_feedback(struct problem *problem, const struct feedback_record *record,
        const struct decision_record *decision, struct err *err) MUST_USE;
int fold_expiry(struct problem *problem, const struct expiry_record *record,
        const struct decision_record *decision, struct err *err) MUST_USE;
int fold_activation(struct problem *problem,
        const struct activation_record *record,
        const struct decision_record *decision, struct err *err) MUST_USE;
/* `model` is that of the record's generation. CORRUPT, and no change, if it is
 * not the one that was promoted. */
int fold_promotion(struct problem *problem,
        const struct promotion_record *record, struct bytes model,
        struct err *err) MUST_USE;
/* Any of them; `source` is asked for models alone. */
int fold_any(struct problem *problem, const union any_record *record,
        const struct decision_record *decision,
        const struct decision_source *source, struct err *err) MUST_USE;

/* Does the fold of this record look at the event's decision? */
bool fold_wants_decision(const union any_record *record);

/* The name of a circuit of the breaker; what is made of two names is in the
 * arena. */
struct bytes fold_circuit_name(
        const struct problem *problem, uint32_t index, struct arena *arena);

/* An Alarm record: takes away the alarm that the records before it raised, if
 * it is this one. Another, of a version whose detectors differed, only counts.
 * The problem's detectors are looked at, and taken from, by nobody else. */
void fold_alarm(struct problem *problem, const struct alarm_record *record);
/* The name of the action, group or column that an alarm is about, or empty. */
struct bytes fold_alarm_name(
        const struct problem *problem, const struct alarm *alarm);

#endif
