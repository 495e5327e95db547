/* The saved state of a problem: which problem in the first byte, then the
 * state. Whatever the bytes are: a state that is refused leaves a problem that
 * can be reset, and one that is taken is saved as the same bytes and can be
 * decided with and learned from. */
#include "base/endian.h"
#include "policies/pmf.h"
#include "tests/fuzz/common.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <stdlib.h>

const uint32_t fuzz_mutations = 30000;

#define STATE_BYTES_MAX 65536u
#define DIGEST_OFFSET   8u

static struct memory memory;

static void check_saved(const struct problem *problem, struct bytes state)
{
    static uint8_t saved[STATE_BYTES_MAX];
    struct writer writer = writer_over(saved, sizeof(saved));

    problem_save(problem, &writer);
    CHECK(!writer.failed && bytes_equal(writer_bytes(&writer), state));
}

/* One decision and its feedback. A learner of absurd numbers may be unable to
 * decide, and then says so; the bounds of oracles leave them able. */
static void live_on(struct problem *problem, struct arena *arena)
{
    /* The group `low` of label is awake beside its always-on expert. */
    static const double x[2] = {-2, 0.75}, features[4] = {1, 2, 3, 4};
    static const double costs[5] = {0.5, 0.25, 1, 0, 0.75};
    static const struct bytes actions[2] = {
            {(const uint8_t *)"p", 1}, {(const uint8_t *)"q", 1}};
    const struct problem_spec *spec = problem->spec;
    bool listed = spec->slots == 0 && spec->settings.form == FORM_DECIDE;
    bool path = spec->settings.form == FORM_PATH;
    struct question question = {
            .event = bytes_of_text("e"),
            .shared = {1, spec->column_count, NULL, x},
            .action = actions,
            .action_count = listed ? 2 : 0,
            .experts = true,
    };
    struct feedback feedback = {.event = bytes_of_text("e"), .value = 0.5};
    struct journal journal = memory_journal(&memory);
    struct input input = {.kind = INPUT_DECIDE, .now = NANOS_PER_SECOND};
    struct answer answer;

    if (listed)
        question.action_features = (struct matrix){2, 2, NULL, features};
    memory_reset(&memory);
    input.as.decide.question = &question;
    engine_step(problem, &input, &journal, arena, &answer);
    if (answer.decision.status != STATUS_OK) {
        CHECK(spec->policy.learner != NULL);
        CHECK(answer.decision.status == STATUS_INTERNAL);
        CHECK(memory.effects == 0);
        return;
    }
    CHECK(path == (answer.decision.path_count > 0));
    CHECK(answer.decision.count == 0 ||
            pmf_valid(answer.decision.probability, answer.decision.count));
    CHECK(!answer.decision.has_prediction ||
            isfinite(answer.decision.prediction));
    if (path) {
        feedback.value = 0.0;
        feedback.costs = (struct costs){spec->slots, true, costs};
    }
    input.kind = INPUT_FEEDBACK;
    input.as.feedback = &feedback;
    engine_step(problem, &input, &journal, arena, &answer);
    CHECK(answer.receipt.status == STATUS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct problem *problem;
    struct err err = {STATUS_OK, ""};
    uint64_t fresh;
    uint8_t *state;

    if (size < 1 + DIGEST_OFFSET + 8 || size > STATE_BYTES_MAX)
        return 0;
    problem = problem_fresh(data[0] % PROBLEMS);
    fresh = problem_hash(problem);
    /* The digest of the settings is no secret, and moves with every option
     * that is added: put it right, so that the corpus stays of use. */
    state = malloc(size - 1);
    CHECK(state != NULL);
    memcpy(state, data + 1, size - 1);
    store_le64(state + DIGEST_OFFSET, problem->spec->state_digest);
    if (problem_load(problem, bytes_of(state, size - 1), &err) == 0) {
        CHECK(policy_check(problem->policy));
        CHECK(isfinite(problem->counters.value_sum));
        if (problem_state_is_current(bytes_of(state, size - 1)))
            check_saved(problem, bytes_of(state, size - 1));
        live_on(problem, arena_fresh(0));
    } else {
        CHECK(err.status == STATUS_CORRUPT && err.text[0] != '\0');
    }
    problem_reset(problem);
    CHECK(problem_hash(problem) == fresh);
    free(state);
    return 0;
}
