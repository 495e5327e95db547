/* What may leave the log, and when there is no room for more.
 *
 * A record may be dropped when it is older than `keep` and when its problem has
 * a snapshot at or after it: the log that remains is a suffix, and a suffix
 * with a snapshot at its start is all that a fold needs. More is asked of a
 * Decision, because later records speak of it: its event must not wait any
 * more, and the snapshot must be at or after the last record of the event. It
 * takes its event's entry along; feedback for it is then feedback for an
 * unknown event. The newest Config record of a problem is written once more, at
 * the end, so that the log goes on saying what its records mean. */
#ifndef STORAGE_RETENTION_H
#define STORAGE_RETENTION_H

#include "storage/ledger.h"

/* Most records that one call drops: it runs between two group commits. */
#define RETENTION_STEP 10000u

struct retention {
    nanos keep; /* 0 = for ever */
    nanos now;
    bool urgent; /* nothing can be recorded: events that wait although their
                    deadline has passed may go, they would be in the way for
                    ever */
};

/* Drops records with a time before now - keep, oldest first, in a transaction
 * of its own. *dropped is how many. STORAGE_FULL is no failure of the store:
 * the next call tries again. */
int retention_run(struct ledger *ledger, const struct retention *retention,
        uint64_t *dropped, struct err *err) MUST_USE;

/* Why there is no room for new work: a sentence; NULL if there is room.
 * quota 0 = no quota. */
const char *retention_full(
        const struct store_usage *usage, uint64_t quota, uint64_t reserve);

#endif
