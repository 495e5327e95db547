/* Records as JSON: what is read as a record is one whose JSON reads back as the
 * same bytes. */
#include "proto/record_json.h"

#include "tests/fuzz/common.h"
#include "tests/fuzz/fuzz.h"

#define LINE_BYTES ((size_t)4 << 20)

const uint32_t fuzz_mutations = 30000;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_fresh(0), *scratch = arena_fresh(1);
    struct record_draft draft, again;
    struct err err = {STATUS_OK, ""};
    struct bytes payload, second;
    struct writer line;
    union any_record record;

    if (record_from_json(bytes_of(data, size), arena, &draft, &err) != 0) {
        CHECK(err.status == STATUS_INVALID && err.text[0] != '\0');
        return 0;
    }
    payload = record_of_draft(&draft, 7, arena);
    if (payload.data == NULL)
        return 0;
    if (record_decode(draft.kind, payload, scratch, &record, &err) != 0)
        return 0;
    line = writer_over(arena_alloc(arena, LINE_BYTES), LINE_BYTES);
    CHECK(line.data != NULL);
    CHECK_ZERO(record_to_json(
            draft.kind, payload, draft.problem, arena, &line, &err));
    if (line.failed)
        return 0;
    arena_reset(scratch);
    CHECK_ZERO(record_from_json(writer_bytes(&line), scratch, &again, &err));
    CHECK(again.kind == draft.kind);
    CHECK(bytes_equal(again.problem, draft.problem));
    second = record_of_draft(&again, 7, scratch);
    CHECK(bytes_equal(payload, second));
    return 0;
}
