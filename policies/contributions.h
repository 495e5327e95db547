/* What each feature contributed to the prediction for one action.
 *
 * The prediction is asked for with the features added one by one, in their
 * order and in the reverse of it, each starting from a round in which all
 * numbers are 0 and no named feature is there; a feature's contribution is the
 * mean of the two changes that it made. So the contributions and the base sum
 * up to the prediction, whatever the model is (path-based: along two paths of
 * the Aumann-Shapley kind). Where the prediction is a sum of terms of one
 * feature, and of products of two, they are each feature's Shapley value:
 * exactly its own term and half of each of its products. That is so for linear
 * and ridge with the products that they can have of two factors; clipping,
 * groups' weights and products of three are shared out along the two paths.
 *
 * Only oracles predict: a learner has nothing to explain here. */
#ifndef POLICIES_CONTRIBUTIONS_H
#define POLICIES_CONTRIBUTIONS_H

#include "policies/policy.h"

enum contribution_part {
    CONTEXT_DENSE,
    CONTEXT_NAMED,
    ACTION_DENSE,
    ACTION_NAMED,
};

struct contribution {
    enum contribution_part part;
    uint32_t index; /* of the column or named feature */
    double value; /* of the score: a predicted reward, 1 - loss */
};

struct contributions {
    uint32_t count;
    const struct contribution *list; /* [count], in the features' order */
    double base; /* the score without any feature */
    double score; /* with all: base and contributions, up to rounding */
};

/* Of action `index` (0 in the predict form). All memory from the arena.
 * UNSUPPORTED for a learner; BUSY: the arena is too small. It costs two
 * predictions for each feature. */
int policy_contributions(const struct policy *policy,
        const struct context *context, const struct action_set *actions,
        uint32_t index, struct arena *arena, struct contributions *out,
        struct err *err) MUST_USE;

#endif
