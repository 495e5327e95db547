/* Named numbers that a feedback reports (`authorised`, `fee`, ...), as views,
 * and as the bytes that an event's state keeps of them. */
#ifndef PROTO_FIELDS_H
#define PROTO_FIELDS_H

#include "base/arena.h"
#include "base/limits.h"
#include "proto/message.h"

/* The fields of `before`, then those of `later` that are new; where both have
 * one, the later number holds. The list is in the arena. INVALID if there are
 * more than FIELDS_MAX, BUSY if the arena is too small. */
int fields_merge(const struct fields *before, const struct fields *later,
        struct arena *arena, struct fields *merged, struct err *err) MUST_USE;

/* u8 count; of each u8 length of the name, the name, f64. */
#define FIELDS_BYTES_MAX (1 + FIELDS_MAX * (1 + ID_BYTES_MAX + 8))
void fields_write(const struct fields *fields, struct writer *writer);
/* The fields are views into the reader's bytes, their list in the arena. False
 * if the arena is too small or fields_write wrote nothing like it. */
bool fields_read(
        struct fields *fields, struct reader *reader, struct arena *arena);
/* Adds the later fields to those that an event's state keeps, as bytes (size 0:
 * none); the new bytes and the merged list are in the arena. As fields_merge.
 */
int fields_add(struct bytes *kept, const struct fields *later,
        struct arena *arena, struct fields *merged, struct err *err) MUST_USE;
/* Skips them; false if fields_write wrote nothing like it. */
bool fields_check(struct reader *reader);

#endif
