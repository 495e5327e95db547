/* Trains one generation of a policy on lessons from the log.
 *
 * A generation is the state of a policy as policy_save writes it: what serves
 * it needs policy_load and nothing else. Oracles that are trained in batches
 * (oracle.h: `batch`) get a new model, which joins those of the champion in
 * the average; others learn the lessons one by one, from the champion's state
 * (warm start) or from an empty one.
 *
 * Deterministic: the same job gives the same bytes. Uses malloc; no clock, no
 * files, no threads. */
#ifndef TRAINING_TRAIN_H
#define TRAINING_TRAIN_H

#include "policies/policy.h"
#include "training/booster.h"

struct training_job {
    const struct policy_spec *spec;
    /* Weights by age are in lesson.weight (policies/memory.h); no row that a
     * gate is to use later. */
    const struct lesson *lessons;
    size_t count;
    struct bytes champion; /* the serving generation; empty = none yet */
    bool warm; /* oracles without batches: go on from the champion */
    uint64_t seed; /* a fresh one for each generation */
    const struct booster *booster; /* for trees; NULL elsewhere */
};

/* Bytes from malloc. */
struct blob {
    uint8_t *data;
    size_t size;
};

void blob_free(struct blob *blob);

/* INVALID without lessons or where the policy cannot be trained (a learner of
 * its own); CORRUPT if `champion` is not a state of this policy; IO or INTERNAL
 * if the booster fails. `out` is empty after a failure. */
int train_generation(const struct training_job *job, struct blob *out,
        struct err *err) MUST_USE;

/* n_eff = (sum w)^2 / sum w^2 (payments.md, section 3.1). */
double effective_rows(const struct lesson *lessons, size_t count);

#endif
