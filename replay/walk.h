/* One pass over a stored log: every record decoded once, with the Decision
 * record of its event where one is needed. A running service is not disturbed:
 * the pass ends at the record that was the last when it began, and lets go of
 * its snapshot now and then, so that old pages can be used again. Memory does
 * not depend on the length of the log. */
#ifndef REPLAY_WALK_H
#define REPLAY_WALK_H

#include "service/engine/fold.h"
#include "storage/ledger.h"

/* A record and what belongs to it: valid for the call. */
struct walk_record {
    uint64_t sequence;
    const union any_record *record;
    const struct decision_record *decision; /* of the event, for what teaches;
                                               NULL: not needed or not kept */
    uint64_t decided; /* its sequence */
    const struct decision_source *source; /* of models, for fold_any */
};

/* Records between two looks at the store's newest state. */
#define WALK_SLICE 65536u

struct walk {
    struct ledger_reader *reader;
    uint64_t from; /* first record; 0 = the first that is kept */
    uint64_t last; /* last record; 0 = the last one now */
    uint64_t slice; /* 0 = WALK_SLICE */
    bool held; /* the reader's snapshot of the store is not let go of */
    /* Which records, of which problems? Others are not decoded. NULL: all. */
    bool (*wants)(void *self, uint32_t problem, const struct log_entry *entry);
    int (*visit)(void *self, const struct walk_record *record, struct err *err);
    /* May be NULL; called after every slice. */
    void (*progress)(void *self, uint64_t done, uint64_t all);
    void *self;

    /* Results. */
    uint64_t visited;
    uint64_t lost; /* records that teach whose decision is not kept */
};

/* 0 when all were visited; otherwise the failure of the store or of `visit`,
 * with the record's number in front. */
int walk_run(struct walk *walk, struct err *err) MUST_USE;

#endif
