/* Parts of a reply that notices have too; used by wire.c and notice.c. Not for
 * other folders: they see views only. */
#ifndef PROTO_WIRE_PARTS_H
#define PROTO_WIRE_PARTS_H

#include "base/arena.h"
#include "proto/message.h"

#include "proto/rue.pb-c.h"

/* The messages of views, in the arena, strings not copied. NULL if they did not
 * fit; of what is inside of them the arena's overflow flag tells. */
Rue__StatusAnswer *wire_status_to_message(
        const struct status_answer *answer, struct arena *arena);
/* [count] */
Rue__Generation **wire_generations_to_message(
        const struct generation_told *told, uint32_t count,
        struct arena *arena);

#endif
