/* protobuf-c's structs -> packed messages, in one pass.
 *
 * The library asks for the size of every message before it packs it, and again
 * inside. Written from its end to its start a message needs no size in
 * advance: when it comes to a length, what the length counts is there. The
 * bytes are the library's, to the last.
 *
 * Encoding: https://protobuf.dev/programming-guides/encoding/. */
#ifndef PROTO_PACK_H
#define PROTO_PACK_H

#include "base/arena.h"
#include "base/bytes.h"

#include <protobuf-c/protobuf-c.h>

/* The message's bytes, in the arena; empty if they did not fit. The message
 * has no unknown fields. The free part of the arena is used for the work. */
struct bytes pack_message(const ProtobufCMessage *message, struct arena *arena);

/* ---- piece by piece ----
 *
 * For the records that are written most, without a struct of the library's.
 * Fields are packed in descending order of their numbers, and the content of a
 * nested message before its head. What did not fit leaves `full` behind. */

/* Bytes from `at` on are written; it moves down to `start`. */
struct packing {
    uint8_t *start, *at;
    bool full;
};

enum pack_wire { PACK_VARINT = 0, PACK_64 = 1, PACK_BYTES = 2, PACK_32 = 5 };

/* In the free part of the arena, from which nothing else may be taken until
 * pack_end. */
static inline struct packing pack_begin(struct arena *arena)
{
    return (struct packing){arena->data + arena->used,
            arena->data + arena->capacity, arena->overflow};
}

/* The bytes, in the arena; empty if they did not fit. */
struct bytes pack_end(struct packing *packing, struct arena *arena);

static inline uint8_t *pack_room(struct packing *packing, size_t size)
{
    if (size > (size_t)(packing->at - packing->start)) {
        packing->full = true;
        return NULL;
    }
    return packing->at -= size;
}

static inline void pack_block(
        struct packing *packing, const void *data, size_t size)
{
    uint8_t *out = pack_room(packing, size);

    if (out != NULL && size > 0)
        memcpy(out, data, size);
}

void pack_long_varint(struct packing *packing, uint64_t value);

static inline void pack_varint(struct packing *packing, uint64_t value)
{
    uint8_t *out;

    if (value >= 0x80) {
        pack_long_varint(packing, value);
        return;
    }
    out = pack_room(packing, 1);
    if (out != NULL)
        *out = (uint8_t)value;
}

static inline void pack_tag(
        struct packing *packing, uint32_t field, enum pack_wire wire)
{
    pack_varint(packing, (uint64_t)field << 3 | wire);
}

/* What was written since `end` becomes the content of a field. */
static inline void pack_head(
        struct packing *packing, uint32_t field, const uint8_t *end)
{
    pack_varint(packing, (uint64_t)(end - packing->at));
    pack_tag(packing, field, PACK_BYTES);
}

static inline void pack_u64(
        struct packing *packing, uint32_t field, uint64_t value)
{
    pack_varint(packing, value);
    pack_tag(packing, field, PACK_VARINT);
}

static inline void pack_i64(
        struct packing *packing, uint32_t field, int64_t value)
{
    pack_block(packing, &value, sizeof(value));
    pack_tag(packing, field, PACK_64);
}

static inline void pack_f64(
        struct packing *packing, uint32_t field, double value)
{
    pack_block(packing, &value, sizeof(value));
    pack_tag(packing, field, PACK_64);
}

static inline void pack_bytes(
        struct packing *packing, uint32_t field, struct bytes bytes)
{
    const uint8_t *end = packing->at;

    pack_block(packing, bytes.data, bytes.size);
    pack_head(packing, field, end);
}

/* Packed numbers; nothing if there are none. */
static inline void pack_u32s(struct packing *packing, uint32_t field,
        const uint32_t *values, size_t count)
{
    const uint8_t *end = packing->at;

    for (size_t i = count; i > 0; i--)
        pack_varint(packing, values[i - 1]);
    if (count > 0)
        pack_head(packing, field, end);
}

static inline void pack_f64s(struct packing *packing, uint32_t field,
        const double *values, size_t count)
{
    if (count > 0)
        pack_bytes(packing, field, bytes_of(values, count * sizeof(*values)));
}

static inline void pack_f32s(struct packing *packing, uint32_t field,
        const float *values, size_t count)
{
    if (count > 0)
        pack_bytes(packing, field, bytes_of(values, count * sizeof(*values)));
}

/* A nested message of the library's; nothing for NULL. */
void pack_nested(struct packing *packing, uint32_t field,
        const ProtobufCMessage *message);

#endif
