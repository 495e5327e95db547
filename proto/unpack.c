#include "proto/unpack.h"

#include "proto/question.h"

/* What follows is false for what is left to the library. */

struct source {
    const uint8_t *at, *end;
};

enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

static bool take_long_varint(struct source *source, uint64_t *value)
{
    uint64_t result = 0;

    for (unsigned shift = 0; shift < 64 && source->at < source->end;
            shift += 7) {
        uint8_t byte = *source->at++;
        result |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) != 0)
            continue;
        *value = result;
        /* Not the shortest form, or more than 64 bits. */
        return byte != 0 && (shift < 63 || byte == 1);
    }
    return false;
}

static inline bool take_varint(struct source *source, uint64_t *value)
{
    if (source->at < source->end && *source->at < 0x80) {
        *value = *source->at++;
        return true;
    }
    return take_long_varint(source, value);
}

static inline bool take_u32(struct source *source, uint32_t *value)
{
    uint64_t wide;

    if (!take_varint(source, &wide) || wide > UINT32_MAX)
        return false;
    *value = (uint32_t)wide;
    return true;
}

static inline bool take_fixed(struct source *source, void *out, size_t size)
{
    if ((size_t)(source->end - source->at) < size)
        return false;
    memcpy(out, source->at, size);
    source->at += size;
    return true;
}

/* A length and that many bytes. */
static inline bool take_bytes(struct source *source, struct source *bytes)
{
    uint64_t size;

    if (!take_varint(source, &size) ||
            size > (uint64_t)(source->end - source->at))
        return false;
    bytes->at = source->at;
    bytes->end = source->at += size;
    return true;
}

static inline size_t left(const struct source *source)
{
    return (size_t)(source->end - source->at);
}

static ProtobufCMessage *take_message(
        const ProtobufCMessageDescriptor *descriptor, struct source source,
        struct arena *arena);

/* ---- one value ---- */

static bool take_text(struct source *source, struct arena *arena, char **member)
{
    struct source text;
    char *copy;

    if (!take_bytes(source, &text))
        return false;
    copy = arena_alloc(arena, left(&text) + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, text.at, left(&text));
    copy[left(&text)] = '\0';
    *member = copy;
    return true;
}

static inline bool take_view(struct source *source, ProtobufCBinaryData *member)
{
    struct source view;

    if (!take_bytes(source, &view))
        return false;
    *member = message_of_bytes(
            bytes_of(left(&view) > 0 ? view.at : NULL, left(&view)));
    return true;
}

static bool take_nested(const ProtobufCFieldDescriptor *field,
        struct source *source, struct arena *arena, ProtobufCMessage **member)
{
    struct source nested;

    if (!take_bytes(source, &nested))
        return false;
    *member = take_message(field->descriptor, nested, arena);
    return *member != NULL;
}

static bool take_bool(struct source *source, protobuf_c_boolean *member)
{
    uint32_t value;

    if (!take_u32(source, &value) || value > 1)
        return false;
    *member = (protobuf_c_boolean)value;
    return true;
}

static enum wire_type wire_type_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return WIRE_64;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return WIRE_32;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_BYTES;
    default:
        return WIRE_VARINT;
    }
}

static bool take_value(const ProtobufCFieldDescriptor *field,
        struct source *source, struct arena *arena, void *member)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_ENUM:
        return take_u32(source, member);
    case PROTOBUF_C_TYPE_UINT64:
        return take_varint(source, member);
    case PROTOBUF_C_TYPE_BOOL:
        return take_bool(source, member);
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return take_fixed(source, member, 8);
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return take_fixed(source, member, 4);
    case PROTOBUF_C_TYPE_BYTES:
        return take_view(source, member);
    case PROTOBUF_C_TYPE_STRING:
        return take_text(source, arena, member);
    case PROTOBUF_C_TYPE_MESSAGE:
        return take_nested(field, source, arena, member);
    default:
        return false;
    }
}

/* ---- repeated values ---- */

static bool take_packed_u32(
        struct source values, struct arena *arena, void *member, size_t *count)
{
    uint32_t *array;
    size_t ends = 0;

    for (const uint8_t *at = values.at; at < values.end; at++)
        ends += *at < 0x80;
    array = arena_array(arena, uint32_t, ends);
    if (array == NULL)
        return false;
    for (size_t i = 0; i < ends; i++)
        if (!take_u32(&values, &array[i]))
            return false;
    *count = ends;
    memcpy(member, &array, sizeof(array));
    return left(&values) == 0;
}

static bool take_packed_fixed(struct source values, size_t size,
        struct arena *arena, void *member, size_t *count)
{
    void *array;

    if (left(&values) % size != 0)
        return false;
    array = arena_copy(arena, values.at, left(&values));
    if (array == NULL)
        return false;
    *count = left(&values) / size;
    memcpy(member, &array, sizeof(array));
    return true;
}

static bool take_packed(const ProtobufCFieldDescriptor *field,
        struct source *source, struct arena *arena, void *member, size_t *count)
{
    struct source values;

    if (!take_bytes(source, &values) || left(&values) == 0)
        return false;
    switch (wire_type_of(field->type)) {
    case WIRE_64:
        return take_packed_fixed(values, 8, arena, member, count);
    case WIRE_32:
        return take_packed_fixed(values, 4, arena, member, count);
    default:
        return field->type == PROTOBUF_C_TYPE_UINT32 &&
                take_packed_u32(values, arena, member, count);
    }
}

static inline bool take_tag(struct source *source, uint32_t tag)
{
    struct source ahead = *source;
    uint32_t found;

    if (!take_u32(&ahead, &found) || found != tag)
        return false;
    *source = ahead;
    return true;
}

/* How many values of this field come in a row; the first tag is read. */
static size_t count_row(struct source source, uint32_t tag)
{
    struct source value;
    size_t count = 0;

    do {
        if (!take_bytes(&source, &value))
            return 0;
        count++;
    } while (take_tag(&source, tag));
    return count;
}

/* Bytes or messages, one after another. */
static bool take_row(const ProtobufCFieldDescriptor *field,
        struct source *source, struct arena *arena, void *member, size_t *count)
{
    uint32_t tag = field->id << 3 | WIRE_BYTES;
    bool bytes = field->type == PROTOBUF_C_TYPE_BYTES;
    size_t size = bytes ? sizeof(ProtobufCBinaryData) : sizeof(void *);
    uint8_t *array;

    if (!bytes && field->type != PROTOBUF_C_TYPE_MESSAGE)
        return false;
    *count = count_row(*source, tag);
    array = arena_alloc_array(arena, *count, size);
    if (*count == 0 || array == NULL)
        return false;
    for (size_t i = 0; i < *count; i++) {
        void *value = array + i * size;
        if (i > 0 && !take_tag(source, tag))
            return false;
        if (!(bytes ? take_view(source, value)
                    : take_nested(field, source, arena, value)))
            return false;
    }
    memcpy(member, &array, sizeof(array));
    return true;
}

/* ---- fields ---- */

static bool take_field(const ProtobufCFieldDescriptor *field, uint32_t wire,
        struct source *source, struct arena *arena, ProtobufCMessage *message)
{
    uint8_t *start = (uint8_t *)message;
    void *member = start + field->offset;
    bool packed = (field->flags & PROTOBUF_C_FIELD_FLAG_PACKED) != 0;
    size_t count;

    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
        return false;
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        if (wire != (uint32_t)wire_type_of(field->type) ||
                !take_value(field, source, arena, member))
            return false;
        if (field->label == PROTOBUF_C_LABEL_OPTIONAL &&
                field->quantifier_offset != 0)
            memcpy(start + field->quantifier_offset, &(protobuf_c_boolean){1},
                    sizeof(protobuf_c_boolean));
        return true;
    }
    if (wire != WIRE_BYTES ||
            !(packed ? take_packed(field, source, arena, member, &count)
                     : take_row(field, source, arena, member, &count)))
        return false;
    memcpy(start + field->quantifier_offset, &count, sizeof(count));
    return true;
}

/* Goes on to the field of that number. False if it does not come from here on,
 * or one that is required comes before it. */
static inline bool skip_to(const ProtobufCFieldDescriptor **field,
        const ProtobufCFieldDescriptor *end, uint32_t number)
{
    for (; *field < end && (*field)->id != number; ++*field)
        if ((*field)->label == PROTOBUF_C_LABEL_REQUIRED)
            return false;
    return *field < end;
}

static bool none_required(const ProtobufCFieldDescriptor *field,
        const ProtobufCFieldDescriptor *end)
{
    for (; field < end; field++)
        if (field->label == PROTOBUF_C_LABEL_REQUIRED)
            return false;
    return true;
}

static ProtobufCMessage *take_message(
        const ProtobufCMessageDescriptor *descriptor, struct source source,
        struct arena *arena)
{
    ProtobufCMessage *message = arena_alloc(arena, descriptor->sizeof_message);
    const ProtobufCFieldDescriptor *field = descriptor->fields, *end = field;

    if (descriptor->n_fields > 0)
        end += descriptor->n_fields;
    if (message == NULL)
        return NULL;
    descriptor->message_init(message);
    for (; source.at < source.end; field++) {
        uint32_t tag;
        if (!take_u32(&source, &tag) || !skip_to(&field, end, tag >> 3) ||
                !take_field(field, tag & 7, &source, arena, message))
            return NULL;
    }
    return none_required(field, end) ? message : NULL;
}

ProtobufCMessage *unpack_plain(const ProtobufCMessageDescriptor *descriptor,
        struct bytes bytes, struct arena *arena)
{
    struct source source = {bytes.data, bytes.data};

    if (bytes.size == 0)
        return NULL;
    source.end += bytes.size;
    return take_message(descriptor, source, arena);
}

ProtobufCMessage *unpack_message(const ProtobufCMessageDescriptor *descriptor,
        struct bytes bytes, struct arena *arena)
{
    ProtobufCAllocator allocator = message_allocator(arena);
    size_t mark = arena->used;
    ProtobufCMessage *message = unpack_plain(descriptor, bytes, arena);

    if (message != NULL || arena->overflow)
        return message;
    arena_release(arena, mark);
    return protobuf_c_message_unpack(
            descriptor, &allocator, bytes.size, bytes.data);
}
