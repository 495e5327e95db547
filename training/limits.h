/* What a training may use of the machine: it works beside the service, which
 * must not feel it. */
#ifndef TRAINING_LIMITS_H
#define TRAINING_LIMITS_H

#include "base/err.h"
#include "service/engine/problem_settings.h"

/* The first thing that a training does: whatever class of processes the service
 * belongs to (a real-time one, perhaps), this one is an ordinary, nice one. */
void limits_begin(void);

/* Little priority (`retrain.priority`; where that is auto, `hurry` says that
 * the idle class was tried), the first to go when memory runs out; memory
 * beyond `retrain.memory` is refused to it. For the whole process, for good.
 * How many threads its libraries make, rued has said in the environment. */
int limits_apply(const struct problem_settings *settings, bool hurry,
        struct err *err) MUST_USE;

/* The process ends with the one that started it, whose number this is: INVALID
 * if that is gone already. */
int limits_end_with(uint64_t parent, struct err *err) MUST_USE;

#endif
