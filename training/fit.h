/* How one kind of oracle is fitted: a model's bytes out of lessons. For
 * training/train.c. */
#ifndef TRAINING_FIT_H
#define TRAINING_FIT_H

#include "training/train.h"

/* The bytes of one model of the oracle, for its committee. */
typedef int fit_function(
        const struct training_job *job, struct blob *model, struct err *err);

fit_function fit_trees;
fit_function fit_pairwise;

/* Room for `size` bytes in a blob that a writer can be put over; INTERNAL if
 * there is no memory. */
int blob_room(struct blob *blob, size_t size, struct err *err) MUST_USE;

#endif
