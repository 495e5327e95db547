/* Exact replay: the policy that served decides again, record by record, and
 * every probability, draw and prediction must be the recorded one, bit for bit;
 * the state must be each snapshot that is passed, and at the end the state that
 * a restart would have. The first difference of a problem is named.
 *
 * Decisions that were imported were made by other means: they are counted, and
 * what came of them is learned, which the state at the end shows.
 *
 * Where the log does not reach back to the beginning, a problem starts at its
 * oldest snapshot that is kept. Reads a running service's store without
 * disturbing it (replay/walk.h). */
#ifndef REPLAY_EXACT_H
#define REPLAY_EXACT_H

#include "storage/ledger.h"

#define EXACT_TEXT_SIZE 320

struct exact_problem {
    char name[ID_BYTES_MAX + 1];
    char policy[96];
    uint32_t number;
    uint64_t decisions; /* decided again and equal */
    uint64_t imported; /* made elsewhere, which are learned only */
    uint64_t folded; /* records */
    uint64_t before; /* decisions before what can be replayed */
    uint64_t settings; /* changes of settings that were followed */
    uint32_t snapshots; /* passed and equal */
    uint64_t state_hash;
    bool differs;
    char difference[EXACT_TEXT_SIZE]; /* the first one */
};

struct exact_settings {
    const char *problem; /* NULL: all */
    void (*progress)(void *self, uint64_t done, uint64_t all);
    void *self;
};

struct exact_report {
    uint64_t last_sequence;
    uint64_t records;
    struct exact_problem *problems; /* heap; freed by exact_free */
    uint32_t problem_count;
};

/* 0 when it could be replayed, whatever was found. NOT_FOUND: there is no such
 * problem. CORRUPT: the log itself is damaged. */
int exact_run(struct ledger *ledger, const struct exact_settings *settings,
        struct exact_report *report, struct err *err) MUST_USE;
void exact_free(struct exact_report *report);

/* Are two decisions the same, but for what came before them and what experts
 * said? Otherwise what differs first is written to `out`. */
bool exact_same_decision(const struct decision_record *recorded,
        const struct decision_record *again, char *out, size_t size);

#endif
