/* What may leave the log, and when there is no room for more.
 *
 * The log that remains is a suffix; with each problem's newest snapshot it is
 * all that a fold needs. So a record may be dropped when it is older than
 * `keep` and its problem has a snapshot, of the settings of today, at or after
 * it. A Decision must not wait for its deadline either, and the newest record
 * about its event must be in the snapshot too; it takes its event's entry
 * along, and feedback for it is then feedback for an unknown event. A Config
 * record that is its problem's newest is written again before it goes.
 *
 * Of a problem whose trainings remember so many generations (`generations`)
 * nothing goes that was recorded since the oldest of them began: what a
 * training still wants is kept however old it is, and as the log is a suffix so
 * is all that came after it.
 *
 * A problem that is not hosted any more holds nothing up: its records go when
 * they are old, and its snapshots with the first that they do not cover. */
#ifndef STORAGE_RETENTION_H
#define STORAGE_RETENTION_H

#include "storage/ledger.h"

/* Most records that one call drops: it runs between two group commits. */
#define RETENTION_STEP 10000u

/* A problem that is hosted, and what its state depends on. */
struct retention_host {
    uint32_t number;
    uint64_t digest;
    uint32_t generations; /* that trainings remember; 0: none hold it up */
};
#define RETENTION_GENERATIONS_MAX 50u

struct retention_rules {
    nanos keep; /* 0 = for ever */
    nanos now;
    const struct retention_host *hosts; /* [host_count], by number */
    uint32_t host_count;
    /* May the Decision of this sequence go? The engine threads say no while
     * they count on it, and do not find it any more after a yes. */
    bool (*retire)(void *self, uint64_t sequence);
    void *self;
};

/* Drops records, oldest first, in a transaction of its own. *dropped is how
 * many. STORAGE_FULL is no failure of the store: the next call tries again. */
int retention_run(struct ledger *ledger, const struct retention_rules *rules,
        uint64_t *dropped, struct err *err) MUST_USE;

/* Why there is no room for new work: a sentence; NULL if there is room.
 * quota 0 = no quota. */
const char *retention_full(
        const struct store_usage *usage, uint64_t quota, uint64_t reserve);

#endif
