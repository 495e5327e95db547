/* Models in an export of rue's own log: what is read as a part of one is one,
 * and says the same when it is read again. */
#include "replay/model_line.h"

#include "base/limits.h"
#include "tests/fuzz/common.h"
#include "tests/fuzz/fuzz.h"

const uint32_t fuzz_mutations = 30000;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_fresh(0), *scratch = arena_fresh(1);
    struct bytes line = bytes_of(data, size);
    struct model_part part, again;
    struct err err = {STATUS_OK, ""};
    int status = model_part_read(line, arena, &part, &err);

    if (status == STATUS_NOT_FOUND) {
        CHECK(err.text[0] == '\0');
        return 0;
    }
    if (status != 0) {
        CHECK(status == STATUS_INVALID && err.text[0] != '\0');
        return 0;
    }
    CHECK(part.problem.size > 0 && part.problem.size <= ID_BYTES_MAX);
    CHECK(part.part < part.of && part.bytes.size > 0);
    CHECK(part.bytes.size <= size / 2);
    CHECK_ZERO(model_part_read(line, scratch, &again, &err));
    CHECK(again.part == part.part && again.of == part.of &&
            again.generation == part.generation &&
            bytes_equal(again.problem, part.problem) &&
            bytes_equal(again.bytes, part.bytes));
    return 0;
}
