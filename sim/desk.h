/* The engine at a desk: one problem, decided and taught in the caller's
 * process, one event at a time, with the feedback at once. The engine is the
 * service's own; the journal behind it remembers the event in hand only, so a
 * run of any length takes the same memory. Not for feedback that comes later.
 *
 * One thread. */
#ifndef SIM_DESK_H
#define SIM_DESK_H

#include "service/engine/engine.h"

struct desk;

/* A problem from settings as they stand in a configuration (dotted keys, as
 * problem_spec_parse takes them). NULL with err. */
struct desk *desk_open(struct bytes name, const struct keyvalue *values,
        size_t count, struct err *err);
void desk_close(struct desk *desk);

/* A decision under a number that keys its draw. The answer's arrays are valid
 * until the next call. Any status but OK is a failure, with the message. */
int desk_decide(struct desk *desk, uint64_t number,
        const struct question *question, const struct decision **decision,
        struct err *err) MUST_USE;
/* What came of it. */
int desk_feedback(struct desk *desk, double value, struct err *err) MUST_USE;

const struct problem *desk_problem(const struct desk *desk);
/* Somebody looks on from now: problem_watch(). */
void desk_watch(struct desk *desk);

#endif
