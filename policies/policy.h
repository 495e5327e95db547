/* What the engine sees of a policy: oracle x explorer, or a learner, behind
 * one set of calls. Also the one place that turns rewards, costs and labels
 * into losses (scaled by the declared range) and losses into scores.
 *
 * Regression oracles learn the loss and start at 0, which is optimistic: an
 * action never tried looks free of loss (bandits.md, section 2).
 *
 * Memory: policy_spec_parse puts options into an arena of the caller, which
 * must outlive every policy of that spec. A policy lives in a block of
 * policy_footprint() bytes. Threads: policy_decide and policy_predict are
 * const and may run side by side; learn, correct and load need the policy
 * for themselves. */
#ifndef POLICIES_POLICY_H
#define POLICIES_POLICY_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/types.h"
#include "policies/explorer.h"
#include "policies/learner.h"
#include "policies/oracle.h"

/* How a reported value becomes a loss. min < max. */
struct value_range {
    double min, max;
    bool minimise; /* the value is a cost */
    bool logarithmic; /* the logarithms of value, min and max count; min > 0 */
};

/* (cost - min)/(max - min), or 1 minus that of a reward; not clipped. For
 * the predict form the label scaled the same way as a cost. Infinite for a
 * value that has no logarithm where one is needed. */
double loss_of_value(const struct value_range *range, double value);
/* Its inverse. */
double value_of_loss(const struct value_range *range, double loss);

struct policy_spec {
    struct shape shape;
    struct value_range range;
    const struct learner *learner; /* or NULL: oracle x explorer */
    const void *learner_options;
    struct oracle_spec oracle;
    const struct explorer *explorer; /* NULL for the predict form */
    const void *explorer_options;
    double floor; /* uniform share mixed in, [0,1] */
    double cap; /* most exploration mass of a request, [0,1] */
};

/* Builds a spec from `policy:` settings: keys `oracle`, `explorer`,
 * `learner`, `inner`, `floor`, `cap`, and the options of the parts named.
 * Defaults: oracle ridge, explorer squarecb. A key that no part takes, an
 * unknown part, a pair that does not fit (an explorer that needs widths over
 * an oracle without, duels over an oracle without prefer, paths by a learner
 * without propose) or an unsupported shape is INVALID; the message names it,
 * and err_line (may be NULL) gets the line of the key. */
int policy_spec_parse(struct policy_spec *spec, const struct shape *shape,
        const struct value_range *range, struct keyvalue *values, size_t count,
        struct arena *arena, uint32_t *err_line, struct err *err) MUST_USE;

/* "squarecb over ridge", "tsallis-inf", "groupwise(ridge)". */
void policy_spec_name(const struct policy_spec *spec, char *out, size_t size);

/* The rows of `floor` and `cap`, for help. */
extern const struct option_table policy_shared_options;

struct policy;

size_t policy_footprint(const struct policy_spec *spec);
/* Scratch bytes that any one call below needs at most; the second one is for
 * learning and correcting. */
size_t policy_scratch(const struct policy_spec *spec);
size_t policy_learn_scratch(const struct policy_spec *spec);
/* In a block of policy_footprint() bytes aligned to 64. */
struct policy *policy_init(void *block, const struct policy_spec *spec);

/* A decision; the arrays lie in the arena that was passed. */
struct distribution {
    uint32_t count;
    uint32_t chosen;
    double propensity; /* = pmf[chosen] */
    const double *pmf; /* [count] */
    const double *scores; /* [count], or NULL for a learner */
    uint32_t second; /* duels: the other action of the pair */
    double pair; /* duels: P(chosen, then second) */
};

/* Decides among actions->count >= 1 actions. Deterministic in (state,
 * context, actions, seed, event): draws are keyed by (seed, event). INTERNAL
 * if a score is not finite (a defect: refused, never repaired) or the arena
 * is too small.
 *
 * A duel needs two actions at least. The explorer's scores are then Borda
 * scores: how likely the action is preferred to another one of the round, on
 * average (bandits.md 2.5, kappa = 1); the second action is drawn from the
 * explorer's distribution without the first, renormalised. */
int policy_decide(const struct policy *policy, const struct context *context,
        const struct action_set *actions, uint64_t seed, uint64_t event,
        struct arena *arena, struct distribution *out,
        struct err *err) MUST_USE;

/* True if the policy's oracle can say how far its predictions may be wrong; a
 * learner predicts nothing. */
bool policy_spec_spreads(const struct policy_spec *spec);

/* How far the losses of policy_decide may lie off, as one standard deviation of
 * a unit of noise: widths[actions->count]. False, and nothing written, where
 * the policy does not know. BUSY cannot be: the arena has policy_scratch()
 * bytes, or it is false too. */
bool policy_widths(const struct policy *policy, const struct context *context,
        const struct action_set *actions, struct arena *arena, double *widths);

/* A path, and what it was drawn from. All arrays lie in the arena that was
 * passed. */
struct path_choice {
    struct routes routes; /* the candidates */
    uint32_t chosen; /* index of the candidate drawn */
    double propensity; /* of the path, however many candidates are that path */
    const double *marginal; /* [actions->count] probability that the path
                               drawn holds the edge */
};

/* True if the policy chooses paths: it then has policy_propose and
 * policy_learn_path in place of policy_decide and policy_learn. */
bool policy_spec_proposes(const struct policy_spec *spec);

/* Decides among the paths over the edges `actions`, count >= 1. As
 * policy_decide; the candidates come from draws keyed by (seed, event) too,
 * and the one that is played is drawn from their distribution, so that its
 * propensity is exact. INVALID if no path is left over these edges, BUSY if
 * the arena is too small, INTERNAL if it is no distribution over paths. */
int policy_propose(const struct policy *policy, const struct context *context,
        const struct action_set *actions, uint64_t seed, uint64_t event,
        struct arena *arena, struct path_choice *out, struct err *err) MUST_USE;

/* The predict form: `*value` in the label's own units. Where one of several
 * models is drawn to predict, the draw is keyed by (seed, event). */
int policy_predict(const struct policy *policy, const struct context *context,
        uint64_t seed, uint64_t event, struct arena *arena, double *value,
        struct err *err) MUST_USE;

/* The loss that the policy predicts for action `index`; NaN where it predicts
 * none (a learner, a duel, no model yet). Needs policy_scratch() bytes of the
 * arena and gives them back. */
double policy_expected(const struct policy *policy,
        const struct context *context, const struct action_set *actions,
        uint32_t index, struct arena *arena);

/* The loss that the oracle predicts for the one action of the set (the predict
 * form: the scaled label), without exploration. UNSUPPORTED for a learner. */
int policy_loss(const struct policy *policy, const struct context *context,
        const struct action_set *one, struct arena *arena, double *loss,
        struct err *err) MUST_USE;

/* What each expert says of action `index` (predict form: 0), predictions in
 * loss units; 0 entries where the oracle has no experts. */
uint32_t policy_experts(const struct policy *policy,
        const struct context *context, const struct action_set *actions,
        uint32_t index, struct arena *arena, struct expert_view *out,
        uint32_t max);

/* Learns one outcome; lesson->loss by loss_of_value. */
void policy_learn(struct policy *policy, const struct lesson *lesson,
        struct arena *arena);
/* A slot that no lesson spoke of stands between two others from now on, the
 * point of a parameter that was added. Parts that keep something per slot begin
 * it with the mean of what they know of the two; others know it by its columns,
 * or begin it as they begin any action. */
bool policy_spec_adopts(const struct policy_spec *spec);
void policy_adopt(
        struct policy *policy, uint32_t slot, uint32_t left, uint32_t right);
/* Learns one preference, in a problem of duels. */
void policy_prefer(
        struct policy *policy, const struct duel *duel, struct arena *arena);
/* Learns what a path, or every edge, cost; losses by loss_of_value. */
void policy_learn_path(struct policy *policy, const struct path_lesson *lesson,
        struct arena *arena);
/* Replaces an outcome learned earlier with loss `before`. False, and no
 * change at all, where the policy cannot do that exactly. */
bool policy_correct(struct policy *policy, const struct lesson *lesson,
        double before, struct arena *arena);

/* Versioned bytes: names and versions of the parts, round counts, state. */
void policy_save(const struct policy *policy, struct writer *writer);
/* Into a policy fresh from policy_init. CORRUPT if the bytes are of other
 * parts, another version or another shape, or are damaged. */
int policy_load(
        struct policy *policy, struct reader *reader, struct err *err) MUST_USE;
/* For training: the bytes of policy_save around the state of the oracle (or
 * learner) `part`, and that state as a view of such bytes; CORRUPT as
 * policy_load. */
void policy_wrap(const struct policy_spec *spec, uint64_t learned,
        double effective, struct bytes part, struct writer *writer);
int policy_unwrap(const struct policy_spec *spec, struct bytes state,
        struct bytes *part, struct err *err) MUST_USE;
bool policy_check(const struct policy *policy);
void policy_visit(const struct policy *policy, const struct visitor *visitor);
/* Lessons learned so far; the version of the policy's state. */
uint64_t policy_learned(const struct policy *policy);

#endif
