/* A Decide message <-> its plain view; used by wire.c and record.c, which say
 * what a question is inside. Not for other folders: they see views only. */
#ifndef PROTO_QUESTION_H
#define PROTO_QUESTION_H

#include "base/arena.h"
#include "proto/message.h"
#include "proto/pack.h"

#include "proto/rue.pb-c.h"

/* Checks and converts. `message` must live as long as the view: ids and names
 * are not copied. INVALID names the field; BUSY: the arena is too small. */
int question_from_message(const Rue__Decide *message, struct arena *arena,
        struct question *question, struct err *err) MUST_USE;

/* Packs a view as a nested Decide, the field of that number (proto/pack.h). */
void question_pack(struct packing *packing, uint32_t field,
        const struct question *question);

/* An allocator for protobuf-c that takes from an arena and never gives back:
 * the arena's size caps what a hostile message can make of itself. */
ProtobufCAllocator message_allocator(struct arena *arena);

/* INVALID if the message has fields of a newer schema. */
int message_refuse_unknown(const ProtobufCMessage *message, const char *what,
        struct err *err) MUST_USE;

static inline struct bytes bytes_of_message(ProtobufCBinaryData data)
{
    return bytes_of(data.data, data.len);
}

ProtobufCBinaryData message_of_bytes(struct bytes bytes);

#endif
