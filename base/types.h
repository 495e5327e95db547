/* Plain views that cross folders. A view owns nothing: its arrays belong to
 * whoever made it and are valid for the call that it is passed to, unless a
 * function says otherwise.
 *
 * Words: a *reward* is what the client reported (more is better) and a *cost*
 * is its opposite; a *loss* is either of them scaled to [0,1] by the declared
 * range, less is better; a *score* is a predicted reward on [0,1]; a
 * *probability* is a probability. They never share a variable. */
#ifndef BASE_TYPES_H
#define BASE_TYPES_H

#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>

/* A named feature after hashing: 64 bits of (namespace, name) and a value. */
struct feature {
    uint64_t hash;
    double value;
};

/* Features of a context or of one action: dense columns in the declared
 * order, and any number of named ones. */
struct features {
    const double *dense; /* [dense_count] */
    uint32_t dense_count;
    uint32_t named_count;
    const struct feature *named; /* [named_count] */
};

/* What is known before choosing. */
struct context {
    struct features shared;
    const uint16_t *groups; /* [group_count] awake groups, ascending */
    uint32_t group_count;
};

/* The actions that may be chosen in this round, and only those, in the
 * request's order. `slot[i]` is the place of action i in the problem's
 * catalogue; without a catalogue (shape.slots = 0) slot is NULL. `features`
 * is NULL where actions have none. */
struct action_set {
    uint32_t count;
    const uint32_t *slot; /* [count] or NULL */
    const struct features *features; /* [count] or NULL */
};

/* The size of a problem, as policies see it. Fixed for a policy's life. */
struct shape {
    uint32_t shared_dense; /* dense columns of the context */
    uint32_t action_dense; /* dense columns of each action */
    uint32_t named_columns; /* columns that named features are hashed into
                               where a part needs dense ones; 0 = none */
    uint32_t slots; /* size of the catalogue, 0 = none */
    uint32_t actions_max; /* most actions of one round */
    uint32_t groups; /* number of groups */
    bool predict; /* the decision is a number, not an action */
    bool duel; /* it is a pair of actions, and the outcome a preference */
    bool path; /* it is a path, and the actions are the edges */
};

/* One outcome to learn from: the decision as it was made and its loss.
 * `chosen` indexes `actions`: the action that the outcome is about. `pmf` is
 * the distribution that it was drawn from, one probability per action of the
 * set: that of the first place, or of the place that was shown. For the
 * predict form the set has one action without slot or features and pmf = {1}.
 *
 * `propensity` is the probability with which that action was shown: what
 * weighting by propensity divides by. It is pmf[chosen] unless the client
 * showed the action on its own account. */
struct lesson {
    const struct context *context;
    const struct action_set *actions;
    uint32_t chosen;
    const double *pmf; /* [actions->count] */
    double loss; /* scaled; for predict the scaled label */
    double weight; /* importance, 1 for an ordinary event */
    nanos time; /* of the record that teaches it */
    double propensity; /* (0,1], or 0 = unknown: a policy that weights by it
                          learns nothing */
    bool detached; /* other lessons came between the decision and this one, or
                      it is about another action than the one drawn first */
    /* Set by policy_learn: was the decision made by inverse gap weighting and
     * nothing else, and with which gamma? */
    bool plain;
    double gamma;
};

/* A preference between two actions that were shown together. */
struct duel {
    const struct context *context;
    const struct action_set *actions;
    uint32_t first, second; /* index `actions` */
    double preference; /* 1: the first, 0: the second, 1/2: neither */
    double weight;
    nanos time;
};

/* Candidate paths: each a set of edges, which are the actions of the round.
 * Path i is edges[start[i]] .. edges[start[i + 1] - 1], in walking order. */
struct routes {
    uint32_t count;
    const uint32_t *start; /* [count + 1] */
    const uint32_t *edges; /* index the action set */
    const double *pmf; /* [count] */
};

/* What a path cost, edge by edge. */
struct path_lesson {
    const struct context *context;
    const struct action_set *actions; /* the edges of the round */
    const double *marginal; /* [actions->count] probability that the path
                               drawn holds the edge */
    const uint32_t *path; /* [path_count] the path played */
    uint32_t path_count;
    const double *losses; /* scaled; [actions->count] if `full`, otherwise
                             [path_count] in the path's order */
    bool full;
    double weight;
    nanos time;
};

#endif
