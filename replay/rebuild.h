/* Rebuilding state from a store: newest snapshot, then the fold of the rest.
 * The service does it at start, `rue verify` does it from the first record and
 * compares.
 *
 * A problem whose columns, actions or groups changed begins anew with the
 * Config record that changed them: earlier records speak of other things. */
#ifndef REPLAY_REBUILD_H
#define REPLAY_REBUILD_H

#include "service/engine/problem.h"
#include "storage/ledger.h"

struct rebuild {
    struct problem **problems; /* fresh; [problem_count] */
    uint32_t problem_count;
    bool from_start; /* leave snapshots alone as far as the log reaches */
    uint64_t until; /* last record to fold; 0 = all */
    /* May be NULL; called now and then. */
    void (*progress)(void *self, uint64_t sequence, uint64_t last);
    void *self;

    /* Results. */
    uint64_t folded;
    uint64_t skipped; /* outcomes whose decision retention took */
    uint64_t damaged; /* snapshots that could not be read */
    uint64_t last_sequence;
};

/* Brings every problem to the state after the last record. A snapshot that is
 * damaged or of other settings is passed over; where retention has dropped
 * records that only that snapshot stood for, the state is that of the records
 * that are kept, and outcomes without their decision are skipped. CORRUPT
 * names the record; the problems are then only fit for closing. */
int rebuild_run(struct rebuild *rebuild, struct ledger_reader *reader,
        struct err *err) MUST_USE;

#endif
