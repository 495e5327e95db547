#include "proto/pack.h"

void pack_long_varint(struct packing *packing, uint64_t value)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    unsigned size = (bits + 6) / 7;
    uint8_t *out = pack_room(packing, size);

    if (out == NULL)
        return;
    for (unsigned i = 0; i + 1 < size; i++, value >>= 7)
        out[i] = (uint8_t)(value | 0x80);
    out[size - 1] = (uint8_t)value;
}

static void put_message(
        struct packing *packing, const ProtobufCMessage *message);

static void put_content(struct packing *packing,
        const ProtobufCFieldDescriptor *field, const void *data, size_t size)
{
    pack_bytes(packing, field->id, bytes_of(data, size));
}

static void put_nested(struct packing *packing,
        const ProtobufCFieldDescriptor *field, const ProtobufCMessage *message)
{
    const uint8_t *end = packing->at;

    if (message != NULL)
        put_message(packing, message);
    pack_head(packing, field->id, end);
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

static void put_bytes(struct packing *packing,
        const ProtobufCFieldDescriptor *field, const uint8_t *member)
{
    ProtobufCBinaryData data;

    memcpy(&data, member, sizeof(data));
    put_content(packing, field, data.data, data.len);
}

static void put_text(struct packing *packing,
        const ProtobufCFieldDescriptor *field, const char *text)
{
    put_content(packing, field, text, text == NULL ? 0 : strlen(text));
}

/* One value and its tag. */
static void put_value(struct packing *packing,
        const ProtobufCFieldDescriptor *field, const uint8_t *member)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_UINT32:
        pack_varint(packing, u32_at(member));
        pack_tag(packing, field->id, PACK_VARINT);
        return;
    case PROTOBUF_C_TYPE_ENUM:
        /* Sign-extended, as the format has it. */
        pack_varint(packing, (uint64_t)(int64_t)(int32_t)u32_at(member));
        pack_tag(packing, field->id, PACK_VARINT);
        return;
    case PROTOBUF_C_TYPE_UINT64:
        pack_varint(packing, u64_at(member));
        pack_tag(packing, field->id, PACK_VARINT);
        return;
    case PROTOBUF_C_TYPE_BOOL:
        pack_varint(packing, u32_at(member) != 0);
        pack_tag(packing, field->id, PACK_VARINT);
        return;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        pack_block(packing, member, 8);
        pack_tag(packing, field->id, PACK_64);
        return;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        pack_block(packing, member, 4);
        pack_tag(packing, field->id, PACK_32);
        return;
    case PROTOBUF_C_TYPE_BYTES:
        put_bytes(packing, field, member);
        return;
    case PROTOBUF_C_TYPE_STRING:
        put_text(packing, field, pointer_at(member));
        return;
    case PROTOBUF_C_TYPE_MESSAGE:
        put_nested(packing, field, pointer_at(member));
        return;
    default:
        /* Signed varints: rue.proto has none. */
        CHECK_UNREACHABLE();
    }
}

/* ---- repeated values ---- */

static void put_packed(struct packing *packing,
        const ProtobufCFieldDescriptor *field, const uint8_t *array,
        size_t count)
{
    const uint8_t *end = packing->at;

    switch (field->type) {
    case PROTOBUF_C_TYPE_UINT32:
        for (size_t i = count; i > 0; i--)
            pack_varint(packing, u32_at(array + (i - 1) * sizeof(uint32_t)));
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        pack_block(packing, array, count * sizeof(float));
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        pack_block(packing, array, count * sizeof(double));
        break;
    default:
        /* rue.proto packs no other numbers. */
        CHECK_UNREACHABLE();
    }
    pack_head(packing, field->id, end);
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

static void put_repeated(struct packing *packing,
        const ProtobufCFieldDescriptor *field, const uint8_t *array,
        size_t count)
{
    if (count == 0)
        return;
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_PACKED) != 0) {
        put_packed(packing, field, array, count);
        return;
    }
    for (size_t i = count; i > 0; i--)
        put_value(packing, field, array + (i - 1) * element_size(field));
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

static void put_field(struct packing *packing,
        const ProtobufCFieldDescriptor *field, const uint8_t *start)
{
    const uint8_t *member = start + field->offset;

    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        put_repeated(packing, field, pointer_at(member),
                size_at(start + field->quantifier_offset));
    else if (is_present(field, start))
        put_value(packing, field, member);
}

static void put_message(
        struct packing *packing, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;

    CHECK(message->n_unknown_fields == 0);
    for (unsigned i = descriptor->n_fields; i > 0; i--)
        put_field(
                packing, &descriptor->fields[i - 1], (const uint8_t *)message);
}

struct bytes pack_end(struct packing *packing, struct arena *arena)
{
    size_t size = (size_t)(arena->data + arena->capacity - packing->at);
    uint8_t *data = packing->full ? NULL : arena_alloc(arena, size);

    if (data == NULL) {
        arena->overflow = true;
        return bytes_of(NULL, 0);
    }
    memmove(data, packing->at, size);
    return bytes_of(data, size);
}

void pack_nested(struct packing *packing, uint32_t field,
        const ProtobufCMessage *message)
{
    const uint8_t *end = packing->at;

    if (message == NULL)
        return;
    put_message(packing, message);
    pack_head(packing, field, end);
}

struct bytes pack_message(const ProtobufCMessage *message, struct arena *arena)
{
    struct packing packing = pack_begin(arena);

    if (arena->overflow)
        return bytes_of(NULL, 0);
    put_message(&packing, message);
    return pack_end(&packing, arena);
}
