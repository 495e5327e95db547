/* A packed message of the kind that the first byte says. Whatever follows: our
 * unpacking and the library's agree on whether it is one and on what it says,
 * and our packing and the library's give the same bytes. */
#include "proto/pack.h"
#include "proto/unpack.h"
#include "tests/fuzz/common.h"
#include "tests/fuzz/fuzz.h"

#include "proto/rue.pb-c.h"

const uint32_t fuzz_mutations = 40000;

static const ProtobufCMessageDescriptor *const kinds[] = {
        &rue__request__descriptor,
        &rue__decision_record__descriptor, /* as enum record_kind */
        &rue__feedback_record__descriptor,
        &rue__expiry_record__descriptor,
        &rue__activation_record__descriptor,
        &rue__promotion_record__descriptor,
        &rue__config_record__descriptor,
        &rue__alarm_record__descriptor,
        &rue__reply__descriptor,
        &rue__notice__descriptor,
};

static struct bytes pack_by_library(
        const ProtobufCMessage *message, struct arena *arena)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = arena_alloc(arena, size);

    CHECK(data != NULL);
    return bytes_of(data, protobuf_c_message_pack(message, data));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *ours_in = arena_fresh(0), *library_in = arena_fresh(1);
    const ProtobufCMessageDescriptor *kind;
    ProtobufCMessage *ours, *library;
    struct bytes packed;

    if (size == 0 || size > 1u << 16)
        return 0;
    kind = kinds[data[0] % ARRAY_COUNT(kinds)];
    ours = unpack_message(kind, bytes_of(data + 1, size - 1), ours_in);
    CHECK(!ours_in->overflow);
    library = protobuf_c_message_unpack(kind, NULL, size - 1, data + 1);
    CHECK((ours != NULL) == (library != NULL));
    if (library == NULL)
        return 0;
    packed = pack_by_library(library, library_in);
    CHECK(bytes_equal(pack_by_library(ours, ours_in), packed));
    if (unpack_plain(kind, bytes_of(data + 1, size - 1), ours_in) != NULL)
        CHECK(bytes_equal(pack_message(ours, ours_in), packed));
    protobuf_c_message_free_unpacked(library, NULL);
    return 0;
}
