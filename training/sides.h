/* How a pairwise model reads its two sides, chosen from training rows: the cuts
 * of dense columns and the named features that are known. */
#ifndef TRAINING_SIDES_H
#define TRAINING_SIDES_H

#include "policies/pairwise.h"
#include "training/train.h"

enum side_kind { SIDE_OF_CONTEXT, SIDE_OF_ACTION };

/* The side's features in a lesson: those of the context, or of the action that
 * it is about. */
const struct features *side_features(
        const struct lesson *lesson, enum side_kind kind);

/* Arrays from malloc; side_free. INTERNAL without memory. */
int side_choose(struct pairwise_side *side, enum side_kind kind,
        const struct training_job *job, struct err *err) MUST_USE;
void side_free(struct pairwise_side *side);

/* For each atom, which column it came from (named features: by namespace; the
 * places of the catalogue count as one): numbers from 0, `*count` of them. From
 * malloc; NULL without memory. */
uint32_t *side_sources(const struct pairwise_side *side, uint32_t *count);

#endif
