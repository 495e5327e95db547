/* Problems and the store: what the service does at its start, and what an
 * import does. */
#ifndef REPLAY_REGISTER_H
#define REPLAY_REGISTER_H

#include "service/engine/problem.h"
#include "storage/ledger.h"

/* Inside a write transaction: gives the problem its number (spec->number) and
 * writes a Config record if its settings are not those of its newest one. Sets
 * spec->since. */
int register_problem(struct ledger *ledger, struct problem_spec *spec,
        nanos now, struct arena *arena, struct err *err) MUST_USE;

#endif
