/* One training: from a store to a model file. What rue-train does. */
#ifndef TRAINING_JOB_H
#define TRAINING_JOB_H

#include "base/err.h"
#include "base/time.h"
#include "training/booster.h"

#include <stdint.h>

struct job {
    const char *store; /* directory */
    const char *problem;
    const char *out; /* file; written beside itself first, then renamed */
    nanos now;
    bool hurry; /* where `retrain.priority` is auto: not of the idle class */
    const struct booster *booster; /* grows trees */
    /* May be NULL; called now and then. */
    void (*progress)(void *self, const char *what, uint64_t done, uint64_t all);
    void *self;

    /* Results. */
    uint64_t rows;
    double effective;
    uint64_t parent;
    uint64_t through;
    uint64_t window, known; /* examples that were learned of, and that there
                               were */
};

/* The settings come from the problem's newest Config record in the store:
 * every `retrain.` row is heeded here but for those that say when. NOT_FOUND
 * if there is no such problem or nothing to learn from; UNSUPPORTED for a form
 * that is not trained from the log. */
int job_run(struct job *job, struct err *err) MUST_USE;

#endif
