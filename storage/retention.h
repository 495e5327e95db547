/* What may leave the log, and when there is no room for more.
 *
 * A record may be dropped when it is older than `keep`, when every problem has
 * a snapshot at or after it, and when it is not the Decision of an event that
 * still waits: so the log that remains is a suffix, and a suffix with a
 * snapshot at its start is all that a fold needs. A Decision takes its event's
 * entry along; feedback for it is then feedback for an unknown event. */
#ifndef STORAGE_RETENTION_H
#define STORAGE_RETENTION_H

#include "storage/ledger.h"

/* Most records that one call drops: it runs between two group commits. */
#define RETENTION_STEP 10000u

/* Drops records with a time before now - keep, oldest first, in a transaction
 * of its own; keep 0 = never. *dropped is how many. STORAGE_FULL is no
 * failure of the store: the next call tries again. */
int retention_run(struct ledger *ledger, nanos keep, nanos now,
        uint64_t *dropped, struct err *err) MUST_USE;

/* Why there is no room for new work: a sentence; NULL if there is room.
 * quota 0 = no quota. */
const char *retention_full(
        const struct store_usage *usage, uint64_t quota, uint64_t reserve);

#endif
