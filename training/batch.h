/* From a problem's examples to a model of an oracle that is trained in batches
 * (oracle.h): which rows memory keeps and how much each counts, the fit, and
 * the policy that comes of it. */
#ifndef TRAINING_BATCH_H
#define TRAINING_BATCH_H

#include "training/booster.h"
#include "training/examples.h"

struct batch {
    const struct problem_spec *spec;
    struct examples *examples;
    const struct problem *champion; /* what serves */
    struct problem *model; /* fresh; its policy is what was trained */
    const struct booster *booster; /* for trees; may be NULL elsewhere */
    uint64_t seed;

    /* Results. */
    uint64_t rows;
    double effective; /* n_eff */
};

/* Is this problem's policy trained so? */
bool batch_wanted(const struct problem_spec *spec);

/* NOT_FOUND without a row to learn from. */
int batch_train(struct batch *batch, struct err *err) MUST_USE;

#endif
