/* What tests of policies share: an arena, and a policy made from settings. */
#ifndef TESTS_UNIT_POLICIES_FIXTURE_H
#define TESTS_UNIT_POLICIES_FIXTURE_H

#include "policies/policy.h"
#include "policies/registry.h"

#include <check.h>
#include <stdlib.h>

static struct arena arena;
static struct err err;

struct fixture {
    struct policy_spec spec;
    struct policy *policy;
};

static inline struct fixture *open_policy(
        const char *const settings[][2], size_t count, struct shape shape)
{
    struct value_range range = {0.0, 1.0, true, false};
    struct keyvalue values[16];
    struct fixture *fixture = arena_alloc(&arena, sizeof(*fixture));

    for (size_t i = 0; i < count; i++)
        values[i] = (struct keyvalue){bytes_of_text(settings[i][0]),
                bytes_of_text(settings[i][1]), 0, false};
    ck_assert_msg(policy_spec_parse(&fixture->spec, &shape, &range, values,
                          count, &arena, NULL, &err) == 0,
            "%s", err.text);
    fixture->policy = policy_init(
            aligned_alloc(
                    64, (policy_footprint(&fixture->spec) + 63) / 64 * 64),
            &fixture->spec);
    return fixture;
}

/* The oracle's own state, for members that a policy does not show. It is the
 * tail of the policy's block. */
static inline const void *oracle_state(const struct fixture *fixture)
{
    const struct policy_spec *spec = &fixture->spec;
    size_t state =
            spec->oracle.oracle->footprint(&spec->oracle, &spec->shape, &err);

    return (const char *)fixture->policy + policy_footprint(spec) -
            (state + 63) / 64 * 64;
}

static inline void learn_row(struct policy *policy, const double *phi,
        uint32_t columns, double z, double weight)
{
    static const double one[1] = {1.0};
    struct context context = {.shared = {.dense = phi, .dense_count = columns}};
    struct action_set actions = {.count = 1};
    struct lesson lesson = {
            .context = &context,
            .actions = &actions,
            .chosen = 0,
            .pmf = one,
            .loss = z,
            .weight = weight,
            .propensity = 1.0,
    };

    policy_learn(policy, &lesson, &arena);
}

static inline void setup(void)
{
    size_t size = (size_t)16 << 20;

    arena = arena_over(malloc(size), size);
    ck_assert_msg(registry_check(&err) == 0, "%s", err.text);
}

static inline void teardown(void)
{
    free(arena.data);
}

#endif
