/* The answer to a status question: counters and named numbers of a problem,
 * or of the service. */
#ifndef SERVICE_STATUS_H
#define SERVICE_STATUS_H

#include "service/shard.h"

/* `problem` NULL: of the service. False if the arena is too small. */
bool status_answer(const struct shard *shard, const struct problem *problem,
        struct arena *arena, struct status_answer *answer);

#endif
