/* Which features matter? Over a period of a problem's log, as its policy was
 * when it decided: the fold of the log, with a sample of the decisions looked
 * at before what came of them is learned. In all and in each group.
 *
 * Of each feature (a column, or a name of named features with whatever texts):
 * - *score*: the standard deviation of what it contributes to the predicted
 *   reward, over decisions and eligible actions (policies/contributions.h:
 *   Shapley values, exact, where the prediction is a sum of terms and products
 *   of two, as of linear and ridge; along two paths for trees and the rest).
 * - *choice*: the standard deviation among the actions of one decision, mean
 *   over decisions. What adds the same to every action has a score and no
 *   choice.
 * - *changes*: what share of the decisions would be another if it told nothing:
 *   the total variation between the policy's distributions with the feature as
 *   it was and with another decision's value of it (replay/permute.h; groups
 *   are found anew). Means the same for every policy, learners too.
 * - *error*: how much larger the squared error of the predicted reward of what
 *   was chosen is with another decision's value (permutation importance:
 *   Breiman 2001; Fisher, Rudin, Dominici 2019). Of decisions whose outcome is
 *   known, and policies that predict.
 * All on rewards scaled to [0,1]. Features that go together share their
 * importance among them, and a permuted row may be one that never occurs: these
 * are measures of the policy, not of the world.
 *
 * Memory does not depend on the length of the log; the same store gives the
 * same numbers. */
#ifndef REPLAY_IMPORTANCE_H
#define REPLAY_IMPORTANCE_H

#include "replay/permute.h"
#include "service/engine/problem.h"
#include "storage/ledger.h"

#define IMPORTANCE_FEATURES_MAX 4096u
#define IMPORTANCE_SAMPLE       1000u /* decisions, if nothing else is said */

struct importance_settings {
    struct bytes problem;
    uint64_t from, last; /* records; 0 = all */
    uint64_t sample; /* about so many decisions, evenly over the period */
    void (*progress)(void *self, uint64_t done, uint64_t all); /* or NULL */
    void *self;
};

/* Sums over the decisions of a slice; a feature that one does not have counts
 * as 0 there. */
struct importance_sums {
    double contribution, contribution2;
    double choice;
    double changes, changes2;
    double error, error2;
};

struct importance_feature {
    struct feature_key key; /* texts in the arena */
    struct importance_sums *sums; /* [slice_count] */
};

/* Slice 0 is all, 1 + g group g. */
struct importance_slice {
    uint64_t decisions, actions; /* looked at; eligible actions of them */
    uint64_t permuted; /* decisions that had another to take values from */
    uint64_t outcomes; /* of those with an outcome and a prediction */
};

struct importance {
    struct importance_settings settings;
    struct ledger_reader reader;
    struct arena specs; /* of the spec and the features' names */
    const struct problem_spec *spec;
    struct problem *problem;
    uint64_t decisions; /* in the period */
    uint64_t unfit; /* of those looked at: of other columns or actions */
    bool explained; /* the policy predicts: score, choice and error */
    uint32_t slice_count;
    struct importance_slice *slices;
    struct importance_feature *features; /* [feature_count] */
    uint32_t feature_count;
    uint64_t untold; /* occurrences of features beyond the most */
};

/* Opens the newest settings and makes the pass. NOT_FOUND: no such problem;
 * UNSUPPORTED: it does not choose one action of several. importance_close takes
 * one that failed, too. */
int importance_run(struct importance *importance, struct ledger *ledger,
        const struct importance_settings *settings, struct err *err) MUST_USE;
void importance_close(struct importance *importance);

struct importance_measures {
    double score, choice;
    double changes, changes_error; /* and standard errors */
    double error, error_error;
}; /* NAN: there is none */

void importance_of(const struct importance *importance, uint32_t feature,
        uint32_t slice, struct importance_measures *out);

/* "age", "action[2]", "user.city", "action:item.price". */
void importance_name(const struct importance *importance, uint32_t feature,
        char *out, size_t size);

#endif
