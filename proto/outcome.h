/* What a feedback says beside its value, Shown, Costs, Fields and Cause, <->
 * plain views; used by wire.c and record.c. Not for other folders: they see
 * views only. */
#ifndef PROTO_OUTCOME_H
#define PROTO_OUTCOME_H

#include "base/arena.h"
#include "proto/message.h"

#include "proto/rue.pb-c.h"

/* `message` may be NULL: nothing was said. INVALID names the field and the
 * limit. The costs are those of the message, which must live as long. */
int shown_from_message(const Rue__Shown *message, struct shown *shown,
        struct err *err) MUST_USE;
int costs_from_message(const Rue__Costs *message, struct costs *costs,
        struct err *err) MUST_USE;
/* The fields are views into the messages. */
int fields_from_messages(Rue__Field *const *messages, size_t count,
        struct arena *arena, struct fields *fields, struct err *err) MUST_USE;
/* A number that enum cause has. */
int cause_from_message(bool given, Rue__Cause message, enum cause *cause,
        struct err *err) MUST_USE;

/* The message of a view, in the arena; NULL if the view says nothing, or if it
 * did not fit: the arena's overflow flag tells. */
Rue__Shown *shown_to_message(const struct shown *shown, struct arena *arena);
Rue__Costs *costs_to_message(const struct costs *costs, struct arena *arena);
/* [fields->count] */
Rue__Field **fields_to_messages(
        const struct fields *fields, struct arena *arena);

/* NULL if none is given. */
Rue__Estimate *estimate_to_message(
        const struct estimate *estimate, struct arena *arena);
void estimate_from_message(
        const Rue__Estimate *message, struct estimate *estimate);

#endif
