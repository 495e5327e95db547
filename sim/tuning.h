/* Choosing a solver's parameter, system by system: policies of rue, through the
 * same engine or service as everything else, and the baselines that a numerical
 * analyst would ask for, all on the same systems (relax.md).
 *
 * Trials differ in their seed and may run in processes of their own. The steps
 * of the heat equation are taken by all policies side by side, so that their
 * times can be compared on a busy machine. */
#ifndef SIM_TUNING_H
#define SIM_TUNING_H

#include "sim/systems.h"

#include <stdio.h>

#define TUNING_POLICIES_MAX 32u
#define TUNING_TRIALS_MAX   1000u
#define TUNING_BINS         6u /* of the context, for reports */
#define TUNING_POINTS       200u /* of the cumulative costs */

struct tuning_policy {
    const char *name;
    const char *sentence;
    bool learns; /* a policy of rue; else a baseline */
};

/* NULL-terminated by name. */
extern const struct tuning_policy tuning_policies[];
const struct tuning_policy *tuning_find(const char *name);
/* Does the policy make sense for these systems? */
bool tuning_fits(const struct tuning_policy *policy,
        const struct systems_settings *systems);

/* What came of one policy in one trial. */
struct tuning_outcome {
    bool known; /* a baseline may not apply: Young's formula of some matrices */
    double total; /* cost of all rounds */
    double last; /* of the last quarter */
    double omega; /* that a best fixed one had; else 0 */
    double seconds; /* heat only: all steps, with decisions and lessons: of this
                       thread, or of the clock where a service decides. Of a
                       best fixed one: those of the fastest */
    uint32_t capped; /* solves that did not converge */
    double curve[TUNING_POINTS + 1]; /* total after k/TUNING_POINTS of them */
    uint32_t chosen[TUNING_BINS][SYSTEMS_ARMS];
};

/* Mean cost of every arm, where all were tried. */
struct tuning_landscape {
    uint32_t rounds[TUNING_BINS];
    double cost[TUNING_BINS][SYSTEMS_ARMS]; /* sums */
};

struct tuning_settings {
    struct systems_settings systems; /* its seed is the first trial's */
    const struct tuning_policy *const *policies;
    size_t policy_count;
    uint32_t trials;
    uint32_t jobs; /* processes; 0 = as many as there are processors */
    bool landscape; /* try every arm in every round, for the report */
    const char *endpoint; /* of a service; NULL: in this process */
    const char *problem; /* its problems' names are PROBLEM-POLICY-SEED */
    int timeout_ms;
    /* May be NULL; called in this process. */
    void (*progress)(void *self, uint64_t done, uint64_t all);
    void *self;
};

struct tuning_result {
    uint32_t rounds, trials;
    size_t policy_count;
    double context_min, context_max; /* of the bins */
    /* [trials][policy_count] */
    struct tuning_outcome *outcomes;
    struct tuning_landscape *landscapes; /* [trials] */
    size_t size; /* of the memory behind them */
};

/* Heap memory; tuning_free. */
int tuning_run(const struct tuning_settings *settings,
        struct tuning_result *result, struct err *err) MUST_USE;
void tuning_free(struct tuning_result *result);

/* A policy's numbers over the trials that know them; mean NAN if none does. */
struct tuning_summary {
    double per_solve, sd; /* between trials; 0 for one */
    double last_quarter; /* per solve */
    double omega, seconds;
    uint32_t capped;
};
struct tuning_summary tuning_summarise(
        const struct tuning_result *result, size_t policy);

/* The largest ratio, over trials, of a policy's total to that of another one;
 * NAN if no trial knows both. */
double tuning_worst_ratio(
        const struct tuning_result *result, size_t policy, size_t other);

/* The `- name:` entries of a configuration's `problems` that a service needs
 * for these settings: a problem for each policy that learns and each trial. */
int tuning_config(const struct tuning_settings *settings, FILE *out,
        struct err *err) MUST_USE;

#endif
