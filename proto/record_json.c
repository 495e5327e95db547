#include "proto/record_json.h"

#include "base/json.h"
#include "base/text.h"
#include "proto/pack.h"
#include "proto/question.h"
#include "proto/unpack.h"

#include "proto/rue.pb-c.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const ProtobufCMessageDescriptor *const descriptors[] = {
        [RECORD_DECISION] = &rue__decision_record__descriptor,
        [RECORD_FEEDBACK] = &rue__feedback_record__descriptor,
        [RECORD_EXPIRY] = &rue__expiry_record__descriptor,
        [RECORD_ACTIVATION] = &rue__activation_record__descriptor,
        [RECORD_PROMOTION] = &rue__promotion_record__descriptor,
        [RECORD_CONFIG] = &rue__config_record__descriptor,
        [RECORD_ALARM] = &rue__alarm_record__descriptor,
};
_Static_assert(ARRAY_COUNT(descriptors) == RECORD_KIND_MAX + 1,
        "every kind has its description");

/* Every record begins with its problem's number, which is written as a name. */
#define PROBLEM_FIELD 1

/* A member of a message: its value, or, if repeated, how many there are. */
static uint8_t *value_of(
        const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    union {
        const ProtobufCMessage *in;
        uint8_t *out;
    } start = {message};

    return start.out + field->offset;
}

static uint8_t *quantifier_of(
        const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    union {
        const ProtobufCMessage *in;
        uint8_t *out;
    } start = {message};

    return start.out + field->quantifier_offset;
}

static bool is_pointer(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_MESSAGE;
}

static size_t size_of(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_FLOAT:
        return 4;
    default:
        /* Records have no others. */
        CHECK_UNREACHABLE();
    }
}

static uint32_t u32_at(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return value;
}

static uint64_t u64_at(const uint8_t *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof(value));
    return value;
}

/* ---- writing ---- */

static void put(struct writer *writer, const char *text)
{
    write_bytes(writer, bytes_of_text(text));
}

static void put_bytes(struct writer *writer, struct bytes bytes)
{
    static const char digits[] = "0123456789abcdef";
    size_t mark = writer->size;

    if (json_write_text(writer, bytes))
        return;
    writer->size = mark;
    put(writer, "{\"hex\":\"");
    for (size_t i = 0; i < bytes.size; i++) {
        write_u8(writer, (uint8_t)digits[bytes.data[i] >> 4]);
        write_u8(writer, (uint8_t)digits[bytes.data[i] & 15]);
    }
    put(writer, "\"}");
}

static void put_double(struct writer *writer, double value)
{
    char text[DECIMAL_SIZE];

    write_bytes(writer, bytes_of(text, decimal_write(value, text)));
}

static void put_message(struct writer *writer, const ProtobufCMessage *message,
        uint32_t without);

static void put_value(struct writer *writer,
        const ProtobufCFieldDescriptor *field, const uint8_t *at)
{
    const ProtobufCEnumDescriptor *names = field->descriptor;
    const ProtobufCEnumValue *name;
    const ProtobufCMessage *message;
    ProtobufCBinaryData data;
    double number;
    float single;
    char text[32] = "";

    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        memcpy(&data, at, sizeof(data));
        put_bytes(writer, bytes_of(data.data, data.len));
        return;
    case PROTOBUF_C_TYPE_MESSAGE:
        memcpy(&message, at, sizeof(message));
        put_message(writer, message, 0);
        return;
    case PROTOBUF_C_TYPE_DOUBLE:
        memcpy(&number, at, sizeof(number));
        put_double(writer, number);
        return;
    case PROTOBUF_C_TYPE_FLOAT:
        memcpy(&single, at, sizeof(single));
        put_double(writer, (double)single);
        return;
    case PROTOBUF_C_TYPE_BOOL:
        put(writer, u32_at(at) != 0 ? "true" : "false");
        return;
    case PROTOBUF_C_TYPE_ENUM:
        name = protobuf_c_enum_descriptor_get_value(names, (int)u32_at(at));
        put(writer, "\"");
        put(writer, name == NULL ? "?" : name->name);
        put(writer, "\"");
        return;
    case PROTOBUF_C_TYPE_UINT32:
        (void)snprintf(text, sizeof(text), "%" PRIu32, u32_at(at));
        break;
    case PROTOBUF_C_TYPE_UINT64:
        (void)snprintf(text, sizeof(text), "%" PRIu64, u64_at(at));
        break;
    case PROTOBUF_C_TYPE_SFIXED64:
        (void)snprintf(text, sizeof(text), "%" PRId64, (int64_t)u64_at(at));
        break;
    default:
        (void)snprintf(text, sizeof(text), "\"%016" PRIx64 "\"", u64_at(at));
        break;
    }
    put(writer, text);
}

static bool is_there(
        const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    void *pointer;

    if (field->label == PROTOBUF_C_LABEL_REQUIRED)
        return true;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t count;
        memcpy(&count, quantifier_of(message, field), sizeof(count));
        return count > 0;
    }
    if (is_pointer(field)) {
        memcpy(&pointer, value_of(message, field), sizeof(pointer));
        return pointer != NULL;
    }
    return u32_at(quantifier_of(message, field)) != 0;
}

static void put_field(struct writer *writer, const ProtobufCMessage *message,
        const ProtobufCFieldDescriptor *field)
{
    const uint8_t *at = value_of(message, field);
    size_t count;

    put(writer, "\"");
    put(writer, field->name);
    put(writer, "\":");
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        put_value(writer, field, at);
        return;
    }
    memcpy(&count, quantifier_of(message, field), sizeof(count));
    memcpy(&at, value_of(message, field), sizeof(at));
    put(writer, "[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            put(writer, ",");
        put_value(writer, field, at + i * size_of(field));
    }
    put(writer, "]");
}

/* The fields that are there, but for the one of that number. */
static void put_fields(struct writer *writer, const ProtobufCMessage *message,
        uint32_t without, bool first)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;

    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (field->id == without || !is_there(message, field))
            continue;
        if (!first)
            put(writer, ",");
        first = false;
        put_field(writer, message, field);
    }
}

static void put_message(struct writer *writer, const ProtobufCMessage *message,
        uint32_t without)
{
    put(writer, "{");
    put_fields(writer, message, without, true);
    put(writer, "}");
}

int record_to_json(enum record_kind kind, struct bytes payload,
        struct bytes problem, struct arena *arena, struct writer *writer,
        struct err *err)
{
    ProtobufCMessage *message;

    if (kind < 1 || kind > RECORD_KIND_MAX)
        return err_set(err, STATUS_CORRUPT, "a record of an unknown kind");
    message = unpack_message(descriptors[kind], payload, arena);
    if (message == NULL)
        return arena->overflow
                ? err_set(err, STATUS_BUSY, "record is too large")
                : err_set(err, STATUS_CORRUPT, "%s record: not well formed",
                          record_kind_name(kind));
    if (message_refuse_unknown(message, "record", err) != 0)
        return STATUS_CORRUPT;
    put(writer, "{\"kind\":\"");
    put(writer, record_kind_name(kind));
    put(writer, "\",\"problem\":");
    put_bytes(writer, problem);
    put_fields(writer, message, PROBLEM_FIELD, false);
    put(writer, "}");
    return 0;
}

/* ---- reading ---- */

/* A list that grows in the arena. */
struct list {
    uint8_t *items;
    size_t count, room;
};

static uint8_t *list_next(struct list *list, size_t size, struct json *json)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 8 : 2 * list->room;
        uint8_t *items = arena_alloc(json->arena, room * size);
        if (items == NULL) {
            json_fail(json, "too large");
            return NULL;
        }
        if (list->count > 0)
            memcpy(items, list->items, list->count * size);
        list->items = items;
        list->room = room;
    }
    return list->items + list->count++ * size;
}

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static uint64_t get_hex64(struct json *json)
{
    struct bytes text = {NULL, 0};
    uint64_t value = 0;

    if (json_text(json, &text) && text.size != 16)
        json_fail(json, "not 16 hexadecimal digits");
    for (size_t i = 0; i < text.size; i++) {
        int digit = hex_digit(text.data[i]);
        if (digit < 0)
            json_fail(json, "not 16 hexadecimal digits");
        value = value << 4 | (uint64_t)(digit & 15);
    }
    return value;
}

/* A whole number between two limits. */
static uint64_t get_whole(struct json *json, bool sign, uint64_t most)
{
    struct bytes digits;
    uint64_t value = 0;
    bool minus;

    if (!json_digits(json, &digits) || digits.size == 0)
        return 0;
    minus = digits.data[0] == '-';
    for (size_t i = minus; i < digits.size; i++) {
        uint64_t digit = (uint64_t)(digits.data[i] - '0');
        if (digit > 9 || value > (most - digit) / 10) {
            json_fail(json, "a number out of range");
            return 0;
        }
        value = value * 10 + digit;
    }
    if (digits.size == (size_t)minus || (minus && !sign))
        json_fail(json, "a number out of range");
    return minus ? UINT64_C(0) - value : value;
}

static struct bytes get_hex(struct json *json)
{
    struct bytes key, text = {NULL, 0};
    uint8_t *out;

    (void)json_begin_object(json);
    if (!json_member(json, &key) || !bytes_equal(key, bytes_of_text("hex")) ||
            !json_text(json, &text) || json_member(json, &key) ||
            text.size % 2 != 0) {
        json_fail(json, "not {\"hex\":\"...\"}");
        return bytes_of(NULL, 0);
    }
    out = arena_alloc(json->arena, text.size / 2);
    for (size_t i = 0; out != NULL && i < text.size / 2; i++) {
        int high = hex_digit(text.data[2 * i]);
        int low = hex_digit(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            json_fail(json, "not hexadecimal digits");
        out[i] = (uint8_t)((high & 15) << 4 | (low & 15));
    }
    if (out == NULL)
        json_fail(json, "too large");
    return bytes_of(out, out == NULL ? 0 : text.size / 2);
}

static struct bytes get_bytes(struct json *json)
{
    struct bytes text = {NULL, 0};

    if (json_peek(json) == JSON_OBJECT)
        return get_hex(json);
    (void)json_text(json, &text);
    return text;
}

static uint32_t get_enum(
        struct json *json, const ProtobufCEnumDescriptor *names)
{
    struct bytes text = {NULL, 0};

    (void)json_text(json, &text);
    for (unsigned i = 0; i < names->n_values; i++)
        if (bytes_equal(text, bytes_of_text(names->values[i].name)))
            return (uint32_t)names->values[i].value;
    json_fail(json, "a word that there is not");
    return 0;
}

static double get_double(struct json *json)
{
    double value = 0.0;

    (void)json_number(json, &value);
    return value;
}

static ProtobufCMessage *get_message(struct json *json,
        const ProtobufCMessageDescriptor *descriptor, struct arena *arena);

static void get_value(
        struct json *json, const ProtobufCFieldDescriptor *field, uint8_t *at)
{
    union {
        uint32_t u32;
        uint64_t u64;
        double f64;
        float f32;
        ProtobufCBinaryData data;
        ProtobufCMessage *message;
    } value = {.u64 = 0};

    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        value.data = message_of_bytes(get_bytes(json));
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        value.message = get_message(json, field->descriptor, json->arena);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        value.f64 = get_double(json);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        value.f32 = (float)get_double(json);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        value.u32 = json_peek(json) == JSON_TRUE;
        json_word(json);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        value.u32 = get_enum(json, field->descriptor);
        break;
    case PROTOBUF_C_TYPE_UINT32:
        value.u32 = (uint32_t)get_whole(json, false, UINT32_MAX);
        break;
    case PROTOBUF_C_TYPE_UINT64:
        value.u64 = get_whole(json, false, UINT64_MAX);
        break;
    case PROTOBUF_C_TYPE_SFIXED64:
        value.u64 = get_whole(json, true, INT64_MAX);
        break;
    default:
        value.u64 = get_hex64(json);
        break;
    }
    memcpy(at, &value, size_of(field));
}

static void get_field(struct json *json, ProtobufCMessage *message,
        const ProtobufCFieldDescriptor *field)
{
    struct list list = {NULL, 0, 0};
    protobuf_c_boolean there = 1;

    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        get_value(json, field, value_of(message, field));
        if (field->label == PROTOBUF_C_LABEL_OPTIONAL && !is_pointer(field))
            memcpy(quantifier_of(message, field), &there, sizeof(there));
        return;
    }
    (void)json_begin_array(json);
    while (json_element(json)) {
        uint8_t *at = list_next(&list, size_of(field), json);
        if (at != NULL)
            get_value(json, field, at);
    }
    memcpy(value_of(message, field), &list.items, sizeof(list.items));
    memcpy(quantifier_of(message, field), &list.count, sizeof(list.count));
}

static const ProtobufCFieldDescriptor *find_field(
        const ProtobufCMessageDescriptor *descriptor, struct bytes name)
{
    for (unsigned i = 0; i < descriptor->n_fields; i++)
        if (bytes_equal(name, bytes_of_text(descriptor->fields[i].name)))
            return &descriptor->fields[i];
    return NULL;
}

#define FIELDS_MAX 64u

/* Members into fields; each at most once. */
static void get_member(struct json *json, ProtobufCMessage *message,
        struct bytes key, uint64_t *seen)
{
    const ProtobufCFieldDescriptor *field =
            find_field(message->descriptor, key);
    uint64_t bit;

    if (field == NULL) {
        json_fail(json, "a member that there is not");
        return;
    }
    bit = UINT64_C(1) << (field - message->descriptor->fields);
    if ((*seen & bit) != 0)
        json_fail(json, "a member twice");
    *seen |= bit;
    get_field(json, message, field);
}

static void check_required(
        struct json *json, const ProtobufCMessage *message, uint64_t seen)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;

    for (unsigned i = 0; i < descriptor->n_fields; i++)
        if (descriptor->fields[i].label == PROTOBUF_C_LABEL_REQUIRED &&
                (seen >> i & 1) == 0)
            json_fail(json, "a member is missing");
}

static ProtobufCMessage *new_message(
        const ProtobufCMessageDescriptor *descriptor, struct arena *arena)
{
    ProtobufCMessage *message = arena_alloc(arena, descriptor->sizeof_message);

    CHECK(descriptor->n_fields <= FIELDS_MAX);
    if (message != NULL)
        descriptor->message_init(message);
    return message;
}

/* No deeper than json.h lets anything nest. */
static ProtobufCMessage *get_message(struct json *json,
        const ProtobufCMessageDescriptor *descriptor, struct arena *arena)
{
    ProtobufCMessage *message = new_message(descriptor, arena);
    struct bytes key;
    uint64_t seen = 0;

    if (message == NULL) {
        json_fail(json, "too large");
        return NULL;
    }
    (void)json_begin_object(json);
    while (json_member(json, &key))
        get_member(json, message, key, &seen);
    check_required(json, message, seen);
    return message;
}

static enum record_kind kind_of(struct bytes name)
{
    for (int kind = 1; kind <= RECORD_KIND_MAX; kind++)
        if (bytes_equal(name,
                    bytes_of_text(record_kind_name((enum record_kind)kind))))
            return (enum record_kind)kind;
    return (enum record_kind)0;
}

/* "kind" and "problem" come first. */
static ProtobufCMessage *get_head(
        struct json *json, struct arena *arena, struct record_draft *draft)
{
    struct bytes key, name;

    (void)json_begin_object(json);
    if (!json_member(json, &key) || !bytes_equal(key, bytes_of_text("kind")) ||
            !json_text(json, &name)) {
        json_fail(json, "\"kind\" is missing");
        return NULL;
    }
    draft->kind = kind_of(name);
    if ((int)draft->kind == 0) {
        json_fail(json, "no kind of record");
        return NULL;
    }
    if (!json_member(json, &key) ||
            !bytes_equal(key, bytes_of_text("problem"))) {
        json_fail(json, "\"problem\" is missing");
        return NULL;
    }
    draft->problem = get_bytes(json);
    return json->what == NULL ? new_message(descriptors[draft->kind], arena)
                              : NULL;
}

int record_from_json(struct bytes line, struct arena *arena,
        struct record_draft *draft, struct err *err)
{
    struct json json = json_of(line, arena);
    ProtobufCMessage *message = get_head(&json, arena, draft);
    uint64_t seen = 1; /* the problem */
    struct bytes key;

    while (message != NULL && json_member(&json, &key))
        get_member(&json, message, key, &seen);
    if (message != NULL)
        check_required(&json, message, seen);
    if (message == NULL && json.what == NULL)
        json_fail(&json, "too large");
    if (!json_done(&json))
        return err_set(
                err, STATUS_INVALID, "byte %zu: %s", json_at(&json), json.what);
    draft->message = message;
    return 0;
}

struct bytes record_of_draft(
        const struct record_draft *draft, uint32_t problem, struct arena *arena)
{
    ProtobufCMessage *message = draft->message;
    const ProtobufCFieldDescriptor *field =
            &descriptors[draft->kind]->fields[0];

    CHECK(field->id == PROBLEM_FIELD && field->type == PROTOBUF_C_TYPE_UINT32);
    memcpy(value_of(message, field), &problem, sizeof(problem));
    return pack_message(message, arena);
}
