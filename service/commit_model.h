/* Generations on their way to the disk: the part of the commit thread's work
 * that has to do with models. For commit.c. */
#ifndef SERVICE_COMMIT_MODEL_H
#define SERVICE_COMMIT_MODEL_H

#include "service/batch.h"
#include "service/commit.h"

/* In the open transaction: what a problem had learned by itself becomes its
 * generation 0. */
int model_write(struct ledger *ledger, const struct batch_effect *effect,
        struct err *err) MUST_USE;

/* In the open transaction: a Promotion record was appended. */
int model_note_promotion(struct ledger *ledger,
        const struct batch_effect *effect, struct err *err) MUST_USE;

/* In a transaction of its own: the next generation of its problem, and what
 * nobody needs any more goes, if that is all right now. */
int model_store(struct ledger *ledger, struct commit_model *store, bool prune,
        struct err *err) MUST_USE;

#endif
