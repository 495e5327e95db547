/* A notice as a listener reads it. Whatever the bytes are: what is taken can be
 * read to its end, and, written again, is a notice that says the same. */
#include "proto/notice.h"
#include "tests/fuzz/common.h"
#include "tests/fuzz/fuzz.h"

const uint32_t fuzz_mutations = 200000;

static bool round_trip(
        struct bytes bytes, struct arena *arena, struct bytes *written)
{
    struct notice notice;
    struct err err;

    if (notice_decode(bytes, arena, &notice, &err) != 0)
        return false;
    CHECK(notice_topic(&notice) < TOPICS);
    *written = notice_encode(&notice, arena);
    CHECK(written->size > 0);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes once, twice;

    if (size > 65536 ||
            !round_trip(bytes_of(data, size), arena_fresh(0), &once))
        return 0;
    CHECK(round_trip(once, arena_fresh(1), &twice));
    CHECK(bytes_equal(once, twice));
    return 0;
}
