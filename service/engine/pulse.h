/* What a problem does, for those who look on: metrics, the dashboard. Sums that
 * the fold keeps beside the state and that nothing is decided by. They are no
 * part of the state: they begin when the pulse does, which is when a service
 * has recovered.
 *
 * Reward. Sums and sums of squares of the outcomes' values less `origin`, so
 * that a mean and its interval come out of them; of all, of each group and of
 * each action. Of an action the outcomes are weighted by 1/p as well: the
 * self-normalised estimate (Swaminathan and Joachims 2015) of what the problem
 * would have earned by always taking it, where it was eligible. The best of
 * these less the mean is the estimated regret towards the best fixed action;
 * it is negative where the policy makes use of contexts.
 *
 * Exploration. The mean probability that was not on the most probable action.
 *
 * Propensity. The smallest probability of a chosen action, the smallest of any
 * eligible one, and the effective sample size towards the uniform policy,
 * (sum w)^2/(n sum w^2) with w = 1/(K p) (Kong 1992): each over the last
 * PULSE_WINDOW decisions and those before them in their window, so 1 to 2
 * windows.
 *
 * A value for one problem, on the heap; not for use by two threads. */
#ifndef ENGINE_PULSE_H
#define ENGINE_PULSE_H

#include "base/limits.h"
#include "policies/drift.h"
#include "proto/record.h"

/* Actions of the catalogue and groups that are looked at one by one. */
#define PULSE_ACTIONS 64u
#define PULSE_GROUPS  64u
#define PULSE_WINDOW  1024u
/* Waits for feedback: 1 and 3 times powers of ten, from 1 ms to 35 days; one
 * more bucket holds what is longer. */
#define PULSE_DELAYS 20u
extern const double pulse_delay_edges[PULSE_DELAYS]; /* seconds */

struct pulse_sums {
    uint64_t rows;
    double sum, squares; /* of value less origin */
};

struct pulse_action {
    double offered; /* sum of its probabilities */
    uint64_t chosen;
    struct pulse_sums taken; /* outcomes of it */
    double weight, weighted; /* sums of 1/p, and of that times its value less
                                origin */
};

struct pulse_window {
    uint32_t rows;
    double least_chosen, least; /* 1: none yet */
    double weights, squares;
};

struct pulse {
    double origin;
    uint64_t decided; /* with a distribution that is known */
    double explored; /* sum of 1 less the largest probability */
    struct pulse_window window, before;
    struct pulse_sums all;
    uint64_t unjoined; /* outcomes of them that are the default */
    uint64_t delays[PULSE_DELAYS + 1];
    double delay_sum; /* seconds */
    uint32_t action_count, group_count;
    struct pulse_action *actions; /* [action_count], in its own block */
    struct pulse_sums *groups; /* [group_count], too */
};

/* For a problem of so many actions and groups, whose values lie around
 * `origin`. NULL: no memory. For free(). */
struct pulse *pulse_new(uint32_t slots, uint32_t groups, double origin);

/* A decision that was recorded. `by_place`: its places are those of the
 * catalogue. */
void pulse_decided(struct pulse *pulse, const struct decision_record *decision,
        bool by_place);

/* An outcome that was learned. */
struct pulse_outcome {
    double value;
    double before; /* NaN; of a correction the value that it replaces */
    double propensity; /* 0: not known */
    int64_t slot; /* of the action in the catalogue, or -1 */
    const uint16_t *groups;
    uint32_t group_count;
    nanos delay; /* < 0: no feedback, or not known; of a correction too */
    bool unjoined;
};
void pulse_learned(struct pulse *pulse, const struct pulse_outcome *outcome);

/* ---- reading ---- */

/* Mean and half of its interval of 95 % (normal); NaN with too few rows. */
struct pulse_mean {
    double mean, half;
};
struct pulse_mean pulse_mean(
        const struct pulse *pulse, const struct pulse_sums *sums);
/* Each is NaN where there is nothing to say it of. */
double pulse_exploration(const struct pulse *pulse);
double pulse_least_chosen(const struct pulse *pulse);
double pulse_least(const struct pulse *pulse);
double pulse_effective(const struct pulse *pulse); /* a share, 0 to 1 */
/* What always taking the action would have earned. */
double pulse_action_value(
        const struct pulse *pulse, const struct pulse_action *action);
/* In units of the value; `minimise`: values are costs. */
double pulse_regret(const struct pulse *pulse, bool minimise);

#endif
