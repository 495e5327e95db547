/* The text of a ConfigRecord. Whatever it says: it is refused, or what the spec
 * made of it would be logged as (which may say what `auto` chose) makes the
 * same spec, and a problem of it can be opened, saved and loaded. */
#include "tests/fuzz/common.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

const uint32_t fuzz_mutations = 20000;

/* Larger policies are real, but slow to fill. */
#define FOOTPRINT_MAX ((size_t)1 << 16)

static void check_state(const struct problem_spec *spec)
{
    struct err err;
    struct problem *problem = problem_open(spec, &err);
    size_t size;
    uint8_t *data;
    struct writer writer;

    CHECK(problem != NULL && policy_check(problem->policy));
    size = problem_save_size(problem);
    data = malloc(size);
    CHECK(data != NULL);
    writer = writer_over(data, size);
    problem_save(problem, &writer);
    CHECK(!writer.failed && writer.size == size);
    problem_reset(problem);
    CHECK_ZERO(problem_load(problem, writer_bytes(&writer), &err));
    free(data);
    problem_close(problem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_of(data, size), name = bytes_of_text("p");
    struct problem_spec spec, again;
    struct err err = {STATUS_OK, ""};
    int status;

    if (size > 16384)
        return 0;
    status = problem_spec_parse_text(&spec, name, text, arena_fresh(0), &err);
    if (status != 0) {
        CHECK(status == STATUS_INVALID || status == STATUS_CORRUPT);
        CHECK((int)err.status == status && err.text[0] != '\0');
        return 0;
    }
    CHECK_ZERO(problem_spec_parse_text(
            &again, name, spec.text, arena_fresh(1), &err));
    CHECK(bytes_equal(again.text, spec.text));
    CHECK(again.state_digest == spec.state_digest);
    CHECK(again.shape_digest == spec.shape_digest);
    if (policy_footprint(&spec.policy) <= FOOTPRINT_MAX)
        check_state(&spec);
    return 0;
}
