/* Checks a store against itself: does it say what was written, and does
 * everything derived from the log follow from the log?
 *
 * 1. Every record: no gap, its checksum, its message, its distribution; what
 *    was chosen could be chosen, and the probabilities of pairs, paths and of
 *    what was shown follow from what was recorded beside them.
 * 2. The join: every Decision is its event's only one, every Feedback is
 *    marked in its event exactly once, and no event knows of more.
 * 3. The state: the fold of the whole log gives, byte for byte, each problem's
 *    newest snapshot, and the state that a restart would have.
 *
 * Reads one snapshot of the store, so a running service may go on. */
#ifndef REPLAY_VERIFY_H
#define REPLAY_VERIFY_H

#include "storage/ledger.h"

#define VERIFY_FINDINGS_MAX 32u
#define VERIFY_TEXT_SIZE    320

struct verify_problem {
    char name[ID_BYTES_MAX + 1];
    char policy[96];
    uint64_t folded;
    uint64_t state_hash;
    uint64_t snapshot_sequence; /* 0 = has none */
    bool snapshot_compared; /* it is of the settings of today */
};

struct verify_report {
    uint64_t first_sequence, last_sequence;
    uint64_t records[RECORD_KIND_MAX + 1]; /* by kind */
    uint64_t events;
    uint64_t orphans; /* feedbacks whose event was given up or retired */
    struct verify_problem *problems; /* heap; freed by verify_free */
    uint32_t problem_count;
    uint64_t finding_count; /* all; the first ones have text */
    char findings[VERIFY_FINDINGS_MAX][VERIFY_TEXT_SIZE];
};

struct verify_progress {
    void (*call)(void *self, const char *what, uint64_t done, uint64_t all);
    void *self;
};

/* 0 when the checks could be made, whatever they found. */
int verify_run(struct ledger *ledger, const struct verify_progress *progress,
        struct verify_report *report, struct err *err) MUST_USE;
void verify_free(struct verify_report *report);

#endif
