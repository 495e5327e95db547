/* Oracles: regression models that predict the loss of an action in a context,
 * and learn. One file each, found by name in policies/registry.c.
 *
 * Common rules, upheld by tests/laws/oracle_laws.c for every row:
 * - `self` is a block of footprint() bytes, aligned to 16, that the caller
 *   allocated and cleared. The oracle keeps no other memory, reads no clock,
 *   draws no random number, calls neither malloc nor printf.
 * - Views are valid for the call. `scratch` may be used freely; the caller
 *   gives it back afterwards and has checked that it holds scratch() bytes.
 * - `predict`, `spread` and `experts` are const: they leave every byte of the
 *   state alone and may run at the same time as each other.
 * - The same lessons in the same order give the same bytes of save(). */
#ifndef POLICIES_ORACLE_H
#define POLICIES_ORACLE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/options.h"
#include "base/types.h"

/* Takes named numbers out of a state, for metrics and reports. `group` is
 * the index of the group that the number is about, or -1. */
struct visitor {
    void (*number)(void *self, const char *name, int32_t group, double value);
    void *self;
};

/* What one expert (a group's sub-model) said in a round. `group` is the
 * group's index, or -1 for the always-on expert. */
struct expert_view {
    int32_t group;
    double weight; /* its share in the combination, sums to 1 */
    double prediction; /* loss (predict form: scaled label) */
};

/* What an oracle can say of its lessons so far (groupwise.md, section 5). */
struct hindsight {
    double loss; /* squared loss of the best fixed model for these lessons,
                    its penalty included */
    double complexity; /* clipped to 0..1, its own predictions lost at most
                          this more; NAN where that is not proved */
};

/* Several models, one of which is drawn to play the round. */
struct mixture {
    uint32_t count;
    const double *weights; /* [count], sum 1 */
    const double *losses; /* [count][actions] what each predicts */
};

struct oracle_spec;

struct oracle {
    const char *name;
    uint32_t state_version; /* moves when saved bytes change meaning */
    struct option_table options;
    bool has_inner; /* takes an `inner` oracle (see struct oracle_spec) */
    bool batch; /* models come from training (training/train.h) alone: learn
                   only counts. The state is a committee (committee.h) */

    /* Optional: the options of a variant of itself that is set as `options` but
     * simpler, into a block of options.size; false where it is as simple as
     * can be. */
    bool (*simpler)(const void *options, void *out);
    /* Optional: the variant that is nearly a constant for each action; false
     * where it is that itself. */
    bool (*near_constant)(const void *options, void *out);

    /* Bytes of state for this shape; 0 = not supported, with the reason in
     * err (which may be NULL). */
    size_t (*footprint)(const struct oracle_spec *spec,
            const struct shape *shape, struct err *err);
    /* Bytes of scratch that any one call needs at most. */
    size_t (*scratch)(
            const struct oracle_spec *spec, const struct shape *shape);
    /* Optional: the same for learn, correct and prefer, where they need more
     * than the others. */
    size_t (*learn_scratch)(
            const struct oracle_spec *spec, const struct shape *shape);
    /* `spec` and `shape` outlive the state. Cannot fail after footprint()
     * said yes. There is nothing to release: no foreign handles. */
    void (*init)(void *self, const struct oracle_spec *spec,
            const struct shape *shape);

    /* One predicted loss per action of the set. */
    void (*predict)(const void *self, const struct context *context,
            const struct action_set *actions, struct arena *scratch,
            double *losses);
    /* Optional: is what `predict` says no prediction yet? Of an oracle whose
     * models come from training, before the first has come. */
    bool (*untrained)(const void *self);
    /* Optional: how far each loss may lie below and above its prediction: the
     * range of the predictions of all models whose squared loss over what was
     * learned is at most `budget` more than the best model's (Foster et al.
     * 2018). With budget 1 it is like a standard deviation. `above` may be
     * NULL. */
    void (*spread)(const void *self, const struct context *context,
            const struct action_set *actions, double budget,
            struct arena *scratch, double *below, double *above);
    /* Optional: true if the round is played by one of several models, drawn by
     * weight, and not by what `predict` says: they are then in `out`, whose
     * arrays lie in `scratch`. */
    bool (*mixture)(const void *self, const struct context *context,
            const struct action_set *actions, struct arena *scratch,
            struct mixture *out);
    /* Optional: may `mixture` ever say true? */
    bool (*draws)(const struct oracle_spec *spec);
    /* Optional: the gamma that inverse gap weighting should have in this round
     * of `count` actions; 0 = the explorer's own schedule. */
    double (*gamma)(const void *self, const struct context *context,
            uint32_t count, struct arena *scratch);
    /* Optional: will gamma ever be anything but 0? */
    bool (*prescribes_gamma)(const struct oracle_spec *spec);
    /* Optional: what each awake expert predicts for action `index`. Writes
     * at most `max` entries, returns how many. */
    uint32_t (*experts)(const void *self, const struct context *context,
            const struct action_set *actions, uint32_t index,
            struct arena *scratch, struct expert_view *out, uint32_t max);

    void (*learn)(
            void *self, const struct lesson *lesson, struct arena *scratch);
    /* Optional: one preference between two actions, as a logistic model of the
     * difference of their scores (bandits.md, section 2.5). An oracle that has
     * it may serve duels. In a problem of duels (shape.duel) it is taught by
     * prefer alone, and predict then writes losses whose differences are the
     * logits: P(a preferred to c) = 1/(1 + exp(losses[a] - losses[c])). They
     * need not lie in [0,1]. */
    void (*prefer)(void *self, const struct duel *duel, struct arena *scratch);
    /* Optional: takes back `lesson` as learned once before with loss
     * `before` and puts lesson->loss in its place, exactly: afterwards the
     * state is that of a history in which it was learned with lesson->loss
     * from the start, up to rounding (a mixture of models may keep the weights
     * that it had given them). False, and no change, where the state
     * cannot do that; NULL where it never can. The correction then counts at
     * the next retraining. */
    bool (*correct)(void *self, const struct lesson *lesson, double before,
            struct arena *scratch);
    /* Optional, where each slot has a model of its own: a slot that no lesson
     * spoke of stands between two others from now on, and begins with the mean
     * of their models. NULL: it begins like any other. */
    void (*adopt)(void *self, uint32_t slot, uint32_t left, uint32_t right);
    /* Optional: effective number of lessons in the state (forgetting makes
     * it smaller than the number learned). NULL = number learned. */
    double (*effective)(const void *self);

    /* Optional, where there is a proof: the regret, in squared loss over any
     * `rounds` lessons of weight 1, of predictions clipped to 0..1 against the
     * best fixed model of norm 1 (of each action, where each has its own), for
     * phi of a squared norm of its width. NAN where the options have no
     * proof. */
    double (*regret_bound)(const struct oracle_spec *spec,
            const struct shape *shape, double rounds);
    /* Optional. */
    void (*hindsight)(const void *self, struct hindsight *out);

    /* Writes the learned state, field by field. */
    void (*save)(const void *self, struct writer *writer);
    /* Into a state fresh from init. Checks every length and limit against
     * spec and shape *before* it trusts one, and every number for finiteness;
     * CORRUPT otherwise, and the state is then only fit for init again. */
    int (*load)(void *self, struct reader *reader, struct err *err) MUST_USE;
    /* The invariants hold (called after load, and after learn in tests). */
    bool (*check)(const void *self);
    /* Optional. */
    void (*visit)(const void *self, const struct visitor *visitor);
};

/* What becomes of the scores, for oracles that vouch for what is played. */
struct oracle_play {
    double floor; /* share of every decision that is drawn uniformly */
};

/* An oracle with its parsed options; `inner` for oracles built over one. */
struct oracle_spec {
    const struct oracle *oracle;
    const void *options;
    const struct oracle_spec *inner;
    struct oracle_play play;
};

#endif
