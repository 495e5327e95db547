/* Models of batch oracles, as training writes them: which oracle in the first
 * byte, then one model. Whatever the bytes are: a model that is refused leaves
 * a policy that can be begun again, and one that is taken is saved as the same
 * bytes, predicts finite losses, and its walks end. */
#include "base/rng.h"
#include "policies/committee.h"
#include "policies/features.h"
#include "policies/policy.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <stdlib.h>

const uint32_t fuzz_mutations = 60000;

#define MODEL_MAX ((size_t)1 << 16)
#define ACTIONS   3u
#define KINDS     2u

static const char *const oracles[KINDS] = {"trees", "pairwise"};

struct subject {
    struct policy_spec spec;
    struct policy *policy;
    uint8_t options[1 << 14];
};

static struct subject subjects[KINDS];
static uint8_t memory[1 << 20];

static void open_subject(struct subject *subject, const char *oracle)
{
    struct shape shape = {
            .shared_dense = 2, .slots = ACTIONS, .actions_max = ACTIONS};
    struct value_range range = {.max = 1.0};
    struct arena arena = arena_over(subject->options, sizeof(subject->options));
    struct keyvalue values[] = {
            {bytes_of_text("oracle"), bytes_of_text(oracle), 0, false},
            {bytes_of_text("explorer"), bytes_of_text("fastcb"), 0, false},
            {bytes_of_text("average"), bytes_of_text("2"), 0, false},
            {bytes_of_text("values"), bytes_of_text("64"), 0, false},
            {bytes_of_text("trees"), bytes_of_text("4"), 0, false},
            {bytes_of_text("depth"), bytes_of_text("3"), 0, false},
            {bytes_of_text("categories"), bytes_of_text("issuer issuer*id"), 0,
                    false},
    };
    struct err err;
    size_t count = *oracle == 't' ? ARRAY_COUNT(values) : 4;
    size_t size;
    void *block;

    CHECK_ZERO(policy_spec_parse(
            &subject->spec, &shape, &range, values, count, &arena, NULL, &err));
    size = (policy_footprint(&subject->spec) + 63) / 64 * 64;
    block = aligned_alloc(64, size);
    CHECK(block != NULL);
    subject->policy = policy_init(block, &subject->spec);
}

/* The state of a policy that averages this model twice. */
static struct bytes state_of(
        const struct policy_spec *spec, struct bytes model, uint8_t *out)
{
    static uint8_t part[2 * MODEL_MAX + 64];
    struct committee committee = {.effective = 10.0, .count = 2};
    struct writer writer = writer_over(part, sizeof(part));
    struct writer state = writer_over(out, 2 * MODEL_MAX + 256);

    committee.model[0] = committee.model[1] = model;
    committee_save(&committee, &writer);
    policy_wrap(spec, 7, 7.0, writer_bytes(&writer), &state);
    CHECK(!writer.failed && !state.failed);
    return writer_bytes(&state);
}

static void check_saved(const struct policy *policy, struct bytes state)
{
    static uint8_t saved[2 * MODEL_MAX + 256];
    struct writer writer = writer_over(saved, sizeof(saved));

    policy_save(policy, &writer);
    CHECK(!writer.failed && bytes_equal(writer_bytes(&writer), state));
}

static void predict(const struct subject *subject)
{
    static const double values[][2] = {
            {0, 0}, {1, -1}, {1e15, -1e15}, {-0.5, 0.5}};
    static const uint32_t slots[ACTIONS] = {0, 1, 2};
    struct action_set actions = {ACTIONS, slots, NULL};
    struct err err;

    for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
        struct feature named = {
                feature_hash(bytes_of_text("issuer"), bytes_of_text("a")), 1.0};
        struct context context = {
                .shared = {values[i], 2, i % 2 == 0 ? 1 : 0, &named}};
        struct arena arena = arena_over(memory, sizeof(memory));
        struct distribution out;
        CHECK_ZERO(policy_decide(
                subject->policy, &context, &actions, 1, i, &arena, &out, &err));
        for (uint32_t a = 0; a < ACTIONS; a++)
            CHECK(isfinite(out.scores[a]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[2 * MODEL_MAX + 256];
    struct subject *subject;
    struct bytes state;
    struct reader reader;
    struct err err;
    int status;

    if (size < 1 || size > MODEL_MAX)
        return 0;
    subject = &subjects[data[0] % KINDS];
    if (subject->policy == NULL)
        open_subject(subject, oracles[data[0] % KINDS]);
    state = state_of(&subject->spec, bytes_of(data + 1, size - 1), bytes);
    (void)policy_init(subject->policy, &subject->spec);
    reader = reader_of(state);
    status = policy_load(subject->policy, &reader, &err);
    CHECK(status == 0 || status == STATUS_CORRUPT);
    if (status != 0)
        return 0;
    check_saved(subject->policy, state);
    predict(subject);
    return 0;
}
