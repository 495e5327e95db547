/* Log records <-> plain views. Reader and writer of each kind stand next to
 * each other in record.c; a record that was not written by it is CORRUPT. */
#ifndef PROTO_RECORD_H
#define PROTO_RECORD_H

#include "base/arena.h"
#include "proto/message.h"

#include <math.h>

/* Numbers are in every stored record: never reuse one. */
enum record_kind {
    RECORD_DECISION = 1,
    RECORD_FEEDBACK = 2,
    RECORD_EXPIRY = 3,
    RECORD_ACTIVATION = 4,
    RECORD_PROMOTION = 5,
    RECORD_CONFIG = 6,
    RECORD_ALARM = 7,
};
#define RECORD_KIND_MAX 7

/* What a feedback did; numbers as in rue.proto, enum Effect. */
enum effect { EFFECT_NONE, EFFECT_LEARN, EFFECT_CORRECT, EFFECT_HOLD };

/* Does the policy learn from it? */
static inline bool effect_teaches(enum effect effect)
{
    return effect == EFFECT_LEARN || effect == EFFECT_CORRECT;
}

/* The members that every kind has. */
struct record {
    enum record_kind kind;
    uint32_t problem;
    nanos time;
    struct bytes event; /* empty for PROMOTION, CONFIG and ALARM */
};

/* What an outcome that teaches is about. */
struct subject {
    bool given; /* otherwise the chosen action, with its own probability */
    uint32_t place; /* one of eligible */
    uint32_t position; /* of the ranking, where that was shown; else 0 */
    double propensity; /* 0 = unknown */
};

/* Another generation that has a share of the decision, or looks on. */
struct trial {
    bool given;
    uint64_t generation;
    uint32_t side; /* enum pmf_side: whose action it is */
    double share; /* 0: it looks on */
    double other; /* its own probability of the chosen action */
    double control; /* the reward, scaled to 0..1, that was expected */
};

/* What it decided: a path if path_count > 0, a pair if has_second, an action
 * if count > 0, otherwise a number. */
struct decision_record {
    struct record head;
    struct question question; /* its event is empty */
    uint32_t count; /* eligible actions, or edges */
    const uint32_t *eligible; /* [count] places */
    const double *probability; /* [count]; NULL for a path */
    uint32_t chosen; /* index into eligible */
    bool has_second;
    uint32_t second; /* index into eligible */
    double pair_probability; /* of chosen and second, in this order */
    uint32_t path_count;
    const uint32_t *path; /* [path_count] indexes into eligible */
    double path_probability;
    const double *marginal; /* [count] that the path has the edge */
    bool has_prediction;
    double prediction;
    const uint16_t *groups; /* [group_count] awake, ascending */
    uint32_t group_count;
    uint64_t policy_version;
    uint64_t generation;
    bool has_held;
    double held;
    struct subject held_subject;
    struct costs held_costs;
    enum cause held_cause;
    bool has_expected;
    double expected_failure; /* of the chosen action, with a breaker */
    uint32_t masked; /* actions not eligible because of open circuits */
    bool all_open; /* none was taken out, since all would have been */
    bool fallback; /* drift was alarmed: the policy did not decide alone */
    bool held_misfit; /* what came before does not fit and teaches nothing */
    bool chosen_only; /* imported: the probabilities of the others than the
                         chosen action are not known; they stand in equal
                         parts */
    bool imported; /* made elsewhere: the policy cannot make it again */
    double pdrop; /* imported: decisions like this one were left out of the log
                     with this probability, [0,1); record_weight() */
    double limit; /* 0: none */
    uint32_t guard; /* why it is so, see policies/guard.h; at most GUARD_MAX */
    uint32_t expert_count;
    const struct expert *expert;
    struct trial trial; /* decide form */
};

/* How many decisions it stands for: the weight of what is learned of it. */
static inline double record_weight(const struct decision_record *record)
{
    return 1.0 / (1.0 - record->pdrop);
}

struct feedback_record {
    struct record head;
    double value;
    struct bytes id; /* empty: none was given */
    enum effect effect;
    double before, after; /* aggregates; before with CORRECT, after always
                             but for NONE */
    struct shown shown; /* as the client said */
    struct subject subject; /* with LEARN and CORRECT, if shown is given */
    struct costs costs; /* path form */
    struct fields fields; /* as the client said */
    enum cause cause;
    bool derived; /* value was made of the event's fields so far */
};

/* As the client sent it: a value may follow from costs or fields. */
struct feedback feedback_of_record(const struct feedback_record *record);

struct expiry_record {
    struct record head;
    enum effect effect; /* LEARN or NONE */
    double after;
    bool orphan; /* feedback whose event was never decided */
    struct costs costs; /* path form, with LEARN */
};

struct activation_record {
    struct record head;
    bool has_held;
    double held;
    struct subject held_subject;
    struct costs held_costs;
    enum cause held_cause;
};

static inline bool estimate_valid(const struct estimate *estimate)
{
    return isfinite(estimate->value) && isfinite(estimate->lower) &&
            isfinite(estimate->upper) && estimate->alpha >= 0.0 &&
            estimate->alpha <= 1.0;
}

/* From this record on: numbers as in rue.proto, enum Stage. */
enum stage {
    STAGE_SERVE, /* it decides, in the place of what did */
    STAGE_CANARY, /* it has a share of every decision */
    STAGE_SHADOW, /* what it would do is recorded beside the decisions */
    STAGE_WITHDRAW, /* it is neither any more */
    STAGE_REFUSED, /* by the gate: it does not serve; on trial, it leaves */
    STAGE_MIXED, /* the same, but it has a share of every decision */
};
#define STAGE_MAX 5

/* Has a generation of that stage a share of the decisions? */
static inline bool stage_shares(enum stage stage)
{
    return stage == STAGE_CANARY || stage == STAGE_MIXED;
}
/* Does a record of that stage put a model to use? */
static inline bool stage_has_model(enum stage stage)
{
    return stage != STAGE_WITHDRAW && stage != STAGE_REFUSED;
}

/* A canary has no less and leaves no less. */
#define SHARE_MIN 0.001
static inline bool share_valid(double share)
{
    return share >= SHARE_MIN && share <= 1.0 - SHARE_MIN;
}

struct promotion_record {
    struct record head;
    uint64_t generation;
    uint64_t digest; /* of its model's bytes */
    uint64_t parent; /* what served before */
    bool has_back;
    uint64_t back; /* what a rollback goes to from here */
    enum stage stage;
    double share; /* where stage_shares(); share_valid() */
    struct estimate estimate;
    struct bytes why; /* a sentence; may be empty */
};

struct config_record {
    struct record head;
    struct bytes name;
    struct bytes settings;
    uint64_t shape;
};

/* A detector's alarm; the members as in rue.proto, AlarmRecord. */
struct alarm_record {
    struct record head;
    uint32_t stream, part, index;
    struct bytes name; /* empty where part is 0 */
    double statistic, threshold, before, after;
    uint64_t rows;
};
#define ALARM_STREAMS 10u
#define ALARM_PARTS   5u

/* One encoder per kind: the message's bytes, in the arena. Empty if they did
 * not fit. */
struct bytes record_encode_decision(
        const struct decision_record *record, struct arena *arena);
struct bytes record_encode_feedback(
        const struct feedback_record *record, struct arena *arena);
struct bytes record_encode_expiry(
        const struct expiry_record *record, struct arena *arena);
struct bytes record_encode_activation(
        const struct activation_record *record, struct arena *arena);
struct bytes record_encode_promotion(
        const struct promotion_record *record, struct arena *arena);
struct bytes record_encode_config(
        const struct config_record *record, struct arena *arena);
struct bytes record_encode_alarm(
        const struct alarm_record *record, struct arena *arena);

/* Any kind, decoded. */
union any_record {
    struct record head;
    struct decision_record decision;
    struct feedback_record feedback;
    struct expiry_record expiry;
    struct activation_record activation;
    struct promotion_record promotion;
    struct config_record config;
    struct alarm_record alarm;
};

/* CORRUPT if the payload is not a record of that kind within all limits. What
 * comes out may be views into the payload, which must live as long. */
int record_decode(enum record_kind kind, struct bytes payload,
        struct arena *arena, union any_record *record,
        struct err *err) MUST_USE;

/* The problem of a record of any kind, without decoding the rest. False if
 * the payload does not begin with it, as every record does. */
bool record_peek_problem(struct bytes payload, uint32_t *problem);

/* "decision", "feedback", ... */
const char *record_kind_name(enum record_kind kind);
const char *effect_name(enum effect effect);
const char *stage_name(enum stage stage);
/* "unknown", "action", "other", "customer", "timeout" */
const char *cause_name(enum cause cause);

#endif
