/* The reward of a decision as the store knows it now, corrections included,
 * for what reads a log row by row. */
#ifndef REPLAY_SETTLED_H
#define REPLAY_SETTLED_H

#include "service/engine/problem.h"
#include "storage/ledger.h"

enum settled {
    SETTLED,
    SETTLED_WAITING, /* no outcome yet */
    SETTLED_ANOTHER, /* the outcome is of another action than the chosen */
    SETTLED_GONE, /* the store knows nothing of the event any more */
};

/* On [0,1] by the declared range; `clipped`: it was outside. The default stands
 * in where the wait has passed. */
int settled_reward(struct ledger_reader *reader,
        const struct problem_spec *spec, uint64_t sequence,
        const struct decision_record *decision, enum settled *settled,
        double *reward, bool *clipped, struct err *err) MUST_USE;

#endif
