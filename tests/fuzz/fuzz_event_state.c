/* What the join knows of an event: bytes that are taken are exactly those that
 * event_state_write writes. */
#include "proto/event_state.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>

const uint32_t fuzz_mutations = 200000;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader reader = reader_of(bytes_of(data, size));
    uint8_t bytes[EVENT_STATE_BYTES_MAX];
    struct writer writer = writer_over(bytes, sizeof(bytes));
    struct event_state state;
    struct err err = {STATUS_OK, ""};
    int status = event_state_read(&state, &reader, &err);

    if (status != 0) {
        CHECK(status == STATUS_CORRUPT && err.text[0] != '\0');
        return 0;
    }
    CHECK(state.mark_count <= FEEDBACKS_MAX);
    CHECK(isfinite(state.reward) && isfinite(state.taught));
    event_state_write(&state, &writer);
    CHECK(!writer.failed);
    CHECK(bytes_equal(writer_bytes(&writer), bytes_of(data, size)));
    return 0;
}
