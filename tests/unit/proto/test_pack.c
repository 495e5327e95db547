/* The packing and unpacking of proto/pack.c and unpack.c against the library's:
 * random messages of every kind, whole, cut at every byte and with every byte
 * changed. Messages are filled by their descriptors, so a field that rue.proto
 * gains is tried without a change here. */
#include "base/rng.h"
#include "proto/pack.h"
#include "proto/unpack.h"
#include "tests/lib/suite.h"

#include "proto/rue.pb-c.h"

#include <stdlib.h>

#define ARENA ((size_t)8 << 20)

static struct arena arena, other;

static void setup(void)
{
    arena = arena_over(malloc(ARENA), ARENA);
    other = arena_over(malloc(ARENA), ARENA);
}

static void teardown(void)
{
    free(arena.data);
    free(other.data);
}

static const ProtobufCMessageDescriptor *const kinds[] = {
        &rue__request__descriptor,
        &rue__reply__descriptor,
        &rue__notice__descriptor,
        &rue__decision_record__descriptor,
        &rue__feedback_record__descriptor,
        &rue__expiry_record__descriptor,
        &rue__activation_record__descriptor,
        &rue__promotion_record__descriptor,
        &rue__alarm_record__descriptor,
        &rue__config_record__descriptor,
};
#define KINDS ((int)ARRAY_COUNT(kinds))

/* ---- random messages ---- */

static ProtobufCMessage *make_message(
        const ProtobufCMessageDescriptor *descriptor, struct rng *rng);

/* Short and long numbers alike. */
static uint64_t make_number(struct rng *rng)
{
    return (((uint64_t)rng_u32(rng) << 32) | rng_u32(rng)) >>
            rng_below(rng, 64);
}

static ProtobufCBinaryData make_bytes(struct rng *rng)
{
    ProtobufCBinaryData data = {rng_below(rng, 200), NULL};

    if (rng_below(rng, 3) > 0)
        data.len %= 8;
    data.data = arena_alloc(&arena, data.len);
    for (size_t i = 0; i < data.len; i++)
        data.data[i] = (uint8_t)rng_u32(rng);
    return data;
}

static char *make_text(struct rng *rng)
{
    size_t size = rng_below(rng, 20);
    char *text = arena_alloc(&arena, size + 1);

    memset(text, 'x', size);
    text[size] = '\0';
    return text;
}

static void make_value(
        const ProtobufCFieldDescriptor *field, struct rng *rng, void *member)
{
    uint64_t number = make_number(rng);

    switch (field->type) {
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_FIXED32:
        memcpy(member, &number, 4);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        number %= 4;
        memcpy(member, &number, 4);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)member = number % 2;
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        memcpy(member, &number, 8);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        *(ProtobufCBinaryData *)member = make_bytes(rng);
        break;
    case PROTOBUF_C_TYPE_STRING:
        *(char **)member = make_text(rng);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        *(ProtobufCMessage **)member = make_message(field->descriptor, rng);
        break;
    default:
        ck_abort_msg("%s: a type that pack.c does not know", field->name);
    }
}

static size_t size_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FLOAT:
        return 4;
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return 8;
    }
}

static void make_field(
        const ProtobufCFieldDescriptor *field, struct rng *rng, uint8_t *start)
{
    uint32_t which = rng_below(rng, 4);
    size_t count = which == 0 ? rng_below(rng, 20) : which - 1;
    size_t size = size_of(field->type);
    uint8_t *array;

    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        array = arena_alloc(&arena, count * size);
        for (size_t i = 0; i < count; i++)
            make_value(field, rng, array + i * size);
        *(size_t *)(start + field->quantifier_offset) = count;
        *(void **)(start + field->offset) = array;
        return;
    }
    if (field->label == PROTOBUF_C_LABEL_OPTIONAL && which < 2)
        return;
    make_value(field, rng, start + field->offset);
    if (field->label == PROTOBUF_C_LABEL_OPTIONAL &&
            field->type != PROTOBUF_C_TYPE_MESSAGE &&
            field->type != PROTOBUF_C_TYPE_STRING)
        *(protobuf_c_boolean *)(start + field->quantifier_offset) = 1;
}

static ProtobufCMessage *make_message(
        const ProtobufCMessageDescriptor *descriptor, struct rng *rng)
{
    ProtobufCMessage *message =
            arena_zalloc(&arena, 1, descriptor->sizeof_message);

    descriptor->message_init(message);
    for (unsigned i = 0; i < descriptor->n_fields; i++)
        make_field(&descriptor->fields[i], rng, (uint8_t *)message);
    return message;
}

/* ---- what must agree ---- */

static struct bytes pack_by_library(
        const ProtobufCMessage *message, struct arena *into)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = arena_alloc(into, size);

    ck_assert_ptr_nonnull(data);
    return bytes_of(data, protobuf_c_message_pack(message, data));
}

/* Both read the same, or neither reads it. */
static void check_same(
        const ProtobufCMessageDescriptor *descriptor, struct bytes bytes)
{
    ProtobufCMessage *ours, *library;

    arena_reset(&other);
    ours = unpack_message(descriptor, bytes, &other);
    library =
            protobuf_c_message_unpack(descriptor, NULL, bytes.size, bytes.data);
    ck_assert_int_eq(ours != NULL, library != NULL);
    if (library == NULL)
        return;
    ck_assert(bytes_equal(
            pack_by_library(ours, &other), pack_by_library(library, &other)));
    protobuf_c_message_free_unpacked(library, NULL);
}

START_TEST(what_we_pack_is_what_the_library_packs)
{
    for (uint64_t round = 0; round < 300; round++) {
        struct rng rng = rng_keyed(7, round, RNG_TEST);
        ProtobufCMessage *message;
        struct bytes ours;
        arena_reset(&arena);
        message = make_message(kinds[_i], &rng);
        ours = pack_message(message, &arena);
        ck_assert(!arena.overflow);
        ck_assert(bytes_equal(ours, pack_by_library(message, &arena)));
        check_same(kinds[_i], ours);
        /* What we pack we read ourselves, without the library. */
        arena_reset(&other);
        if (ours.size > 0)
            ck_assert_ptr_nonnull(unpack_plain(kinds[_i], ours, &other));
    }
}
END_TEST

START_TEST(damage_is_read_as_by_the_library)
{
    for (uint64_t round = 0; round < 12; round++) {
        struct rng rng = rng_keyed(8, round, RNG_TEST);
        struct bytes whole;
        uint8_t *copy;
        arena_reset(&arena);
        whole = pack_message(make_message(kinds[_i], &rng), &arena);
        if (whole.size > 3000)
            continue;
        for (size_t size = 0; size <= whole.size; size++) {
            /* In a block of its own size, so that a read past it is seen. */
            copy = malloc(size + (size == 0));
            memcpy(copy, whole.data, size);
            check_same(kinds[_i], bytes_of(copy, size));
            free(copy);
        }
        copy = malloc(whole.size + 1);
        for (size_t at = 0; at < whole.size; at++) {
            memcpy(copy, whole.data, whole.size);
            copy[at] = (uint8_t)rng_u32(&rng);
            check_same(kinds[_i], bytes_of(copy, whole.size));
            copy[at] = (uint8_t)(whole.data[at] ^ 1u << rng_below(&rng, 8));
            check_same(kinds[_i], bytes_of(copy, whole.size));
        }
        free(copy);
    }
}
END_TEST

/* What a plain reader leaves to the library: all of it is well formed. */
START_TEST(what_is_unusual_is_left_to_the_library)
{
    static const struct {
        const char *what, *bytes;
        size_t size;
    } cases[] = {
            {"fields out of order", "\x10\x05\x08\x01", 4},
            {"a field twice", "\x10\x05\x10\x06", 4},
            {"a long zero", "\x10\x80\x00", 3},
            {"a field of later times", "\x10\x05\xf8\x7f\x01", 5},
            {"a list in two parts", "\x22\x00\x2a\x03\x0a\x01\x65\x22\x00", 9},
            {"an array that is not packed", "\x22\x06\x3a\x01\x01\x38\x02\x38",
                    8},
            {"nothing", "", 0},
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct bytes bytes = bytes_of(cases[i].bytes, cases[i].size);
        arena_reset(&arena);
        ck_assert_msg(
                unpack_plain(&rue__request__descriptor, bytes, &arena) == NULL,
                "%s", cases[i].what);
        check_same(&rue__request__descriptor, bytes);
    }
}
END_TEST

START_TEST(without_room_nothing_is_packed)
{
    struct rng rng = rng_keyed(9, 1, RNG_TEST);
    ProtobufCMessage *message = make_message(kinds[2], &rng);
    struct bytes whole = pack_message(message, &arena);

    for (size_t capacity = 0; capacity < whole.size; capacity++) {
        struct arena small = arena_over(other.data, capacity);
        ck_assert_ptr_null(pack_message(message, &small).data);
        ck_assert(small.overflow);
        small = arena_over(other.data, capacity);
        if (unpack_message(kinds[2], whole, &small) == NULL)
            ck_assert(small.overflow);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pack");
    TCase *cases = tcase_create("pack");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_loop_test(
            cases, what_we_pack_is_what_the_library_packs, 0, KINDS);
    tcase_add_loop_test(cases, damage_is_read_as_by_the_library, 0, KINDS);
    tcase_add_test(cases, what_is_unusual_is_left_to_the_library);
    tcase_add_test(cases, without_room_nothing_is_packed);
    tcase_set_timeout(cases, 60);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
