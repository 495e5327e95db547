#include "proto/pack.h"

/* Bytes from `at` on are written; it moves down to `start`. */
struct sink {
    uint8_t *start, *at;
    bool full;
};

enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

static inline uint8_t *make_room(struct sink *sink, size_t size)
{
    if (size > (size_t)(sink->at - sink->start)) {
        sink->full = true;
        return NULL;
    }
    return sink->at -= size;
}

static inline void put_block(struct sink *sink, const void *data, size_t size)
{
    uint8_t *out = make_room(sink, size);

    if (out != NULL && size > 0)
        memcpy(out, data, size);
}

static void put_long_varint(struct sink *sink, uint64_t value)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    unsigned size = (bits + 6) / 7;
    uint8_t *out = make_room(sink, size);

    if (out == NULL)
        return;
    for (unsigned i = 0; i + 1 < size; i++, value >>= 7)
        out[i] = (uint8_t)(value | 0x80);
    out[size - 1] = (uint8_t)value;
}

static inline void put_varint(struct sink *sink, uint64_t value)
{
    if (value < 0x80 && sink->at > sink->start)
        *--sink->at = (uint8_t)value;
    else
        put_long_varint(sink, value);
}

static inline void put_tag(
        struct sink *sink, const ProtobufCFieldDescriptor *field, uint32_t wire)
{
    put_varint(sink, (uint64_t)field->id << 3 | wire);
}

static void put_message(struct sink *sink, const ProtobufCMessage *message);

/* What was written since `end`, as the content of a field. */
static inline void put_content_head(struct sink *sink,
        const ProtobufCFieldDescriptor *field, const uint8_t *end)
{
    put_varint(sink, (uint64_t)(end - sink->at));
    put_tag(sink, field, WIRE_BYTES);
}

static void put_content(struct sink *sink,
        const ProtobufCFieldDescriptor *field, const void *data, size_t size)
{
    const uint8_t *end = sink->at;

    put_block(sink, data, size);
    put_content_head(sink, field, end);
}

static void put_nested(struct sink *sink, const ProtobufCFieldDescriptor *field,
        const ProtobufCMessage *message)
{
    const uint8_t *end = sink->at;

    if (message != NULL)
        put_message(sink, message);
    put_content_head(sink, field, end);
}

static inline uint32_t u32_at(const uint8_t *member)
{
    uint32_t value;

    memcpy(&value, member, sizeof(value));
    return value;
}

static inline uint64_t u64_at(const uint8_t *member)
{
    uint64_t value;

    memcpy(&value, member, sizeof(value));
    return value;
}

static inline const void *pointer_at(const uint8_t *member)
{
    const void *value;

    memcpy(&value, member, sizeof(value));
    return value;
}

static inline size_t size_at(const uint8_t *member)
{
    size_t value;

    memcpy(&value, member, sizeof(value));
    return value;
}

static void put_bytes(struct sink *sink, const ProtobufCFieldDescriptor *field,
        const uint8_t *member)
{
    ProtobufCBinaryData data;

    memcpy(&data, member, sizeof(data));
    put_content(sink, field, data.data, data.len);
}

static void put_text(struct sink *sink, const ProtobufCFieldDescriptor *field,
        const char *text)
{
    put_content(sink, field, text, text == NULL ? 0 : strlen(text));
}

/* One value and its tag. */
static void put_value(struct sink *sink, const ProtobufCFieldDescriptor *field,
        const uint8_t *member)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_UINT32:
        put_varint(sink, u32_at(member));
        put_tag(sink, field, WIRE_VARINT);
        return;
    case PROTOBUF_C_TYPE_ENUM:
        /* Sign-extended, as the format has it. */
        put_varint(sink, (uint64_t)(int64_t)(int32_t)u32_at(member));
        put_tag(sink, field, WIRE_VARINT);
        return;
    case PROTOBUF_C_TYPE_UINT64:
        put_varint(sink, u64_at(member));
        put_tag(sink, field, WIRE_VARINT);
        return;
    case PROTOBUF_C_TYPE_BOOL:
        put_varint(sink, u32_at(member) != 0);
        put_tag(sink, field, WIRE_VARINT);
        return;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        put_block(sink, member, 8);
        put_tag(sink, field, WIRE_64);
        return;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        put_block(sink, member, 4);
        put_tag(sink, field, WIRE_32);
        return;
    case PROTOBUF_C_TYPE_BYTES:
        put_bytes(sink, field, member);
        return;
    case PROTOBUF_C_TYPE_STRING:
        put_text(sink, field, pointer_at(member));
        return;
    case PROTOBUF_C_TYPE_MESSAGE:
        put_nested(sink, field, pointer_at(member));
        return;
    default:
        /* Signed varints: rue.proto has none. */
        CHECK_UNREACHABLE();
    }
}

/* ---- repeated values ---- */

static void put_packed(struct sink *sink, const ProtobufCFieldDescriptor *field,
        const uint8_t *array, size_t count)
{
    const uint8_t *end = sink->at;

    switch (field->type) {
    case PROTOBUF_C_TYPE_UINT32:
        for (size_t i = count; i > 0; i--)
            put_varint(sink, u32_at(array + (i - 1) * sizeof(uint32_t)));
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        put_block(sink, array, count * sizeof(float));
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        put_block(sink, array, count * sizeof(double));
        break;
    default:
        /* rue.proto packs no other numbers. */
        CHECK_UNREACHABLE();
    }
    put_content_head(sink, field, end);
}

static size_t element_size(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    default:
        /* Numbers are packed. */
        CHECK_UNREACHABLE();
    }
}

static void put_repeated(struct sink *sink,
        const ProtobufCFieldDescriptor *field, const uint8_t *array,
        size_t count)
{
    if (count == 0)
        return;
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_PACKED) != 0) {
        put_packed(sink, field, array, count);
        return;
    }
    for (size_t i = count; i > 0; i--)
        put_value(sink, field, array + (i - 1) * element_size(field));
}

/* ---- fields ---- */

static bool is_present(
        const ProtobufCFieldDescriptor *field, const uint8_t *start)
{
    const uint8_t *member = start + field->offset;

    if (field->label == PROTOBUF_C_LABEL_REQUIRED)
        return true;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE ||
            field->type == PROTOBUF_C_TYPE_STRING)
        return pointer_at(member) != NULL &&
                pointer_at(member) != field->default_value;
    return u32_at(start + field->quantifier_offset) != 0;
}

static void put_field(struct sink *sink, const ProtobufCFieldDescriptor *field,
        const uint8_t *start)
{
    const uint8_t *member = start + field->offset;

    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        put_repeated(sink, field, pointer_at(member),
                size_at(start + field->quantifier_offset));
    else if (is_present(field, start))
        put_value(sink, field, member);
}

static void put_message(struct sink *sink, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;

    CHECK(message->n_unknown_fields == 0);
    for (unsigned i = descriptor->n_fields; i > 0; i--)
        put_field(sink, &descriptor->fields[i - 1], (const uint8_t *)message);
}

struct bytes pack_message(const ProtobufCMessage *message, struct arena *arena)
{
    uint8_t *end = arena->data + arena->capacity;
    struct sink sink = {arena->data + arena->used, end, false};
    size_t size;
    uint8_t *data;

    if (arena->overflow)
        return bytes_of(NULL, 0);
    put_message(&sink, message);
    size = (size_t)(end - sink.at);
    data = sink.full ? NULL : arena_alloc(arena, size);
    if (data == NULL) {
        arena->overflow = true;
        return bytes_of(NULL, 0);
    }
    memmove(data, sink.at, size);
    return bytes_of(data, size);
}
