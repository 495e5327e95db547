/* The answer to a status question: counters and named numbers of a problem,
 * or of the service. */
#ifndef SERVICE_STATUS_H
#define SERVICE_STATUS_H

#include "service/shard.h"

/* `problem` NULL: of the service. False if the arena is too small. */
bool status_answer(const struct shard *shard, const struct problem *problem,
        struct arena *arena, struct status_answer *answer);

/* Its parts that need no shard: of a problem (`shard` may be NULL: nothing is
 * trained), and the names of a config's problems. Uptime and last sequence are
 * the caller's. */
bool status_of_problem(const struct shard *shard, const struct problem *problem,
        struct arena *arena, struct status_answer *answer);
bool status_of_config(const struct config *config, struct arena *arena,
        struct status_answer *answer);

#endif
