/* Plain views of what travels on the wire and into the log. Their arrays and
 * byte runs lie in the arena of the call that made them (or in the received
 * frame's copy there), so they live as long as that arena's content. */
#ifndef PROTO_MESSAGE_H
#define PROTO_MESSAGE_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/time.h"

/* A named feature as the client wrote it. */
struct named {
    struct bytes space;
    struct bytes name;
    struct bytes text; /* meaningful if has_text; the value is then 1 */
    bool has_text;
    double value;
};

/* Dense numbers, row by row. Where they came as 32-bit floats `singles` has
 * them as they came, and they are written as such. */
struct matrix {
    uint32_t rows;
    uint32_t columns;
    const float *singles; /* [rows][columns], or NULL */
    const double *values; /* [rows][columns] */
};

/* Named features of one action, by its place. */
struct action_named {
    uint32_t action;
    uint32_t named_count;
    const struct named *named;
};

/* A Decide: which action, or which number? Places are indexes into `action`,
 * or into the catalogue where action_count is 0. */
struct question {
    struct bytes event; /* empty: the service makes one */
    struct matrix shared;
    const struct named *named;
    uint32_t named_count;
    uint32_t action_count;
    const struct bytes *action;
    struct matrix action_features;
    const struct action_named *action_named;
    uint32_t action_named_count;
    uint32_t excluded_count;
    const uint32_t *excluded;
    const struct bytes *group;
    uint32_t group_count;
    uint32_t baseline; /* meaningful if has_baseline */
    bool has_baseline;
    bool deferred;
    bool experts;
    /* A parameter's points, by place: put in by the engine, never by a client,
     * and not written with the question. 0 where there is no parameter. */
    uint32_t point_count;
    const double *point; /* [point_count] */
};

/* Which action a feedback is about, as the client said; all zero: the chosen
 * one. Either a position or a place. */
struct shown {
    uint32_t position; /* in the ranking, from 1; 0: not given */
    bool has_place;
    uint32_t place; /* in the list or the catalogue */
    double propensity; /* the client's own, with a place; 0: not given */
};

static inline bool shown_given(const struct shown *shown)
{
    return shown->position > 0 || shown->has_place;
}

/* What the edges of a path cost; count 0: not given. */
struct costs {
    uint32_t count;
    bool full; /* of all edges of the catalogue, by place; otherwise of the
                  path's, in its order */
    const double *values; /* [count] */
};

/* A named number that a feedback reports. */
struct field {
    struct bytes name;
    double value;
};

struct fields {
    uint32_t count;
    const struct field *list; /* [count], names differ */
};

/* Whose doing an outcome is; numbers as in rue.proto, enum Cause. */
enum cause {
    CAUSE_UNKNOWN,
    CAUSE_ACTION,
    CAUSE_OTHER,
    CAUSE_CUSTOMER,
    CAUSE_TIMEOUT,
};
#define CAUSE_LAST CAUSE_TIMEOUT

struct feedback {
    struct bytes event;
    double value; /* 0 with costs, or if it follows from fields */
    bool derived; /* no value was given: it follows from the fields */
    struct bytes id; /* empty: none was given */
    struct shown shown;
    struct costs costs;
    struct fields fields;
    enum cause cause;
};

struct request {
    uint64_t id;
    struct bytes problem;
    const struct question *decide;
    const struct feedback *feedback;
    const struct bytes *activate; /* event ids */
    uint32_t decide_count;
    uint32_t feedback_count;
    uint32_t activate_count;
    bool status;
    bool retrain;
    bool promote; /* `generation`, or with `back` what served before */
    bool back;
    uint64_t generation;
    bool has_serving;
    uint64_t serving; /* promote only if this serves */
    uint32_t stage; /* as in rue.proto, enum Stage */
    double share;
    bool generations;
};

/* What one expert said; group is a name. */
struct expert {
    struct bytes group;
    double weight;
    double prediction;
};

/* The answer to one Decide. Arrays are in ranking's order. */
struct decision {
    enum status status;
    const char *message; /* NULL = none */
    struct bytes event;
    uint32_t count;
    const uint32_t *ranking;
    const double *probability;
    const struct bytes *action;
    const double *value; /* [count] of a parameter; NULL: there is none */
    bool has_prediction;
    double prediction;
    struct bytes policy;
    uint64_t generation;
    uint64_t policy_version;
    bool repeated;
    uint32_t expert_count;
    const struct expert *expert;
    double pair_probability; /* duel form; 0 in the others */
    double limit; /* where the action is to be given up; 0: nowhere */
    uint32_t guard; /* see policies/guard.h */
    uint32_t path_count; /* path form; 0 in the others */
    const uint32_t *path; /* [path_count] places, in walking order */
    const struct bytes *edge; /* [path_count] ids */
    double path_probability;
};

/* The answer to one Feedback or Activate. */
struct receipt {
    enum status status;
    const char *message; /* NULL = none */
    bool repeated;
    bool held;
};

struct number {
    struct bytes name;
    struct bytes group; /* empty = of no group */
    double value;
};

struct status_answer {
    struct bytes version;
    double uptime_s;
    const struct bytes *problem;
    uint32_t problem_count;
    uint32_t number_count;
    const struct number *number;
    struct bytes policy;
    uint64_t generation;
    uint64_t state_hash;
    uint64_t last_sequence;
};

/* The value of a generation less that of what serves. All numbers are finite
 * and in the problem's reward units. */
struct estimate {
    bool given;
    double value, lower, upper;
    double alpha; /* of the limits */
    uint64_t rows;
};

/* One generation as the service tells of it. */
struct generation_told {
    uint64_t number;
    bool damaged; /* nothing more is known */
    bool serving;
    uint64_t parent;
    nanos created;
    uint64_t digest;
    uint64_t bytes;
    uint64_t through;
    uint64_t promoted;
    uint64_t rows;
    double effective;
    uint32_t verdict; /* as in rue.proto, enum Verdict */
    struct estimate estimate;
    struct bytes why;
};

struct reply {
    uint64_t id;
    enum status status;
    const char *message; /* NULL = none */
    const struct decision *decision;
    const struct receipt *feedback;
    const struct receipt *activate;
    uint32_t decision_count;
    uint32_t feedback_count;
    uint32_t activate_count;
    const struct status_answer *answer; /* NULL = none */
    const struct receipt *retrain; /* NULL = none */
    const struct receipt *promote; /* NULL = none */
    const struct generation_told *generation;
    uint32_t generation_count;
};

/* Digest of all that a question asks, whatever its encoding; the event id is
 * left out. Equal digests mean equal content (64 bits of XXH3). */
uint64_t question_digest(const struct question *question);

#endif
