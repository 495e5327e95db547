/* Rounds at the edge of what validation lets through: columns of every size up
 * to VALUE_MAX, tiny ones, zeros, constants that change once, rare outliers;
 * losses at both ends and, now and then, as far outside as a changed range may
 * put them. A policy lives through them, every number that comes out of it is
 * looked at, and at the end its saved bytes must bring back the same policy. */
#ifndef TESTS_LIB_EDGE_H
#define TESTS_LIB_EDGE_H

#include "base/limits.h"
#include "policies/policy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EDGE_PLACES      4u
#define EDGE_SHARED      6u
#define EDGE_COLUMNS     3u
#define EDGE_GROUPS      3u
#define EDGE_OPTIONS     6u
#define EDGE_EXPERTS     8u
#define EDGE_ARENA       ((size_t)4 << 20)
#define EDGE_CHECK_EVERY 1024u

/* A policy to live through the rounds; settings end with the first NULL. */
struct edge_case {
    const char *name;
    const char *settings[EDGE_OPTIONS][2];
    bool columns; /* actions have columns of their own */
    bool predict;
    bool far; /* losses far outside 0..1 too */
};

static const struct edge_case edge_cases[] = {
        {.name = "ridge", .settings = {{"explorer", "regcb"}}},
        {.name = "ridge_far", .settings = {{"explorer", "regcb"}}, .far = true},
        {.name = "ridge_products",
                .settings = {{"explorer", "regcb"}, {"products", "all"}},
                .columns = true},
        {.name = "ridge_products_far",
                .settings = {{"explorer", "linucb"}, {"products", "all"}},
                .columns = true,
                .far = true},
        {.name = "ridge_forgetting",
                .settings = {{"explorer", "adacb"}, {"products", "action"},
                        {"forgetting", "0.99"}, {"lambda", "0.001"}},
                .columns = true},
        {.name = "ridge_unscaled",
                .settings = {{"explorer", "regcb"}, {"products", "all"},
                        {"scale", "false"}},
                .columns = true},
        {.name = "ridge_predict",
                .settings = {{"products", "context"}},
                .predict = true,
                .far = true},
        {.name = "linear",
                .settings = {{"oracle", "linear"}, {"bits", "8"},
                        {"explorer", "regcb"}},
                .columns = true},
        {.name = "linear_far",
                .settings = {{"oracle", "linear"}, {"bits", "8"},
                        {"explorer", "linucb"}},
                .columns = true,
                .far = true},
        {.name = "linear_unscaled",
                .settings = {{"oracle", "linear"}, {"bits", "8"},
                        {"explorer", "squarecb"}, {"scale", "false"}},
                .columns = true},
        {.name = "linear_logistic",
                .settings = {{"oracle", "linear"}, {"bits", "8"},
                        {"loss", "logistic"}},
                .columns = true},
        {.name = "linear_predict",
                .settings = {{"oracle", "linear"}, {"bits", "8"}},
                .predict = true,
                .far = true},
        {.name = "chebyshev", .settings = {{"oracle", "chebyshev"}}},
        {.name = "chebyshev_far",
                .settings = {{"oracle", "chebyshev"}},
                .far = true},
        {.name = "surface",
                .settings = {{"oracle", "surface"}, {"explorer", "linucb"}},
                .columns = true},
        {.name = "surface_far",
                .settings = {{"oracle", "surface"}, {"explorer", "linucb"}},
                .columns = true,
                .far = true},
        {.name = "groupwise",
                .settings = {{"oracle", "groupwise"}, {"explorer", "regcb"}},
                .columns = true},
        {.name = "groupwise_far",
                .settings = {{"oracle", "groupwise"}, {"inner", "linear"},
                        {"bits", "8"}},
                .far = true},
        {.name = "groupwise_exponential",
                .settings = {{"oracle", "groupwise"},
                        {"weights", "exponential"}}},
        {.name = "blend",
                .settings = {{"oracle", "blend"}, {"explorer", "regcb"},
                        {"products", "all"}},
                .columns = true},
        {.name = "blend_near_constant",
                .settings = {{"oracle", "blend"}, {"explorer", "regcb"},
                        {"products", "all"}, {"near_constant", "true"}},
                .columns = true},
        {.name = "blend_far",
                .settings = {{"oracle", "blend"}, {"lambda", "0.01"}},
                .far = true},
        {.name = "blend_predict",
                .settings = {{"oracle", "blend"}, {"products", "context"}},
                .predict = true,
                .far = true},
};

#define EDGE_CASES (sizeof(edge_cases) / sizeof(edge_cases[0]))

/* ---- rounds ---- */

struct edge_round {
    double shared[EDGE_SHARED];
    double columns[EDGE_PLACES][EDGE_COLUMNS];
    uint32_t slot[EDGE_PLACES];
    uint16_t groups[EDGE_GROUPS];
    struct features features[EDGE_PLACES];
    struct context context;
    struct action_set actions;
    double loss;
};

static inline bool edge_rarely(struct rng *rng, uint32_t once_in)
{
    return rng_below(rng, once_in) == 0;
}

/* Of any size from 1e-150 to VALUE_MAX, of either sign. */
static inline double edge_any(struct rng *rng)
{
    double size = pow(10.0, -150.0 + 165.0 * rng_unit(rng));

    return rng_u32(rng) % 2 == 0 ? fmin(size, VALUE_MAX)
                                 : -fmin(size, VALUE_MAX);
}

static inline double edge_end(struct rng *rng)
{
    return rng_u32(rng) % 2 == 0 ? VALUE_MAX : -VALUE_MAX;
}

static inline void edge_shared(struct rng *rng, uint64_t index, double *x)
{
    static const double tiny[] = {0.0, 1e-150, 1e-310, 5e-324, -1e-150};

    x[0] = index < 5000 ? 5.0 : -VALUE_MAX;
    x[1] = edge_any(rng);
    x[2] = edge_rarely(rng, 3000) ? edge_end(rng) : 0.0;
    x[3] = tiny[rng_below(rng, 5)];
    x[4] = edge_rarely(rng, 10000) ? edge_end(rng) : rng_normal(rng);
    x[5] = edge_end(rng);
}

static inline void edge_action(struct rng *rng, double *x)
{
    x[0] = rng_normal(rng);
    x[1] = edge_rarely(rng, 20000) ? edge_end(rng) : rng_u32(rng) % 2;
    x[2] = edge_any(rng);
}

static inline double edge_loss(struct rng *rng, bool far)
{
    if (far && edge_rarely(rng, 1000))
        return edge_end(rng);
    return edge_rarely(rng, 4) ? rng_unit(rng) : rng_u32(rng) % 2;
}

static inline void edge_make(
        const struct edge_case *one, uint64_t index, struct edge_round *round)
{
    struct rng rng = rng_keyed(77, index, RNG_TEST);
    uint32_t awake = 0;

    edge_shared(&rng, index, round->shared);
    for (uint32_t i = 0; i < EDGE_PLACES; i++) {
        edge_action(&rng, round->columns[i]);
        round->slot[i] = i;
        round->features[i] = (struct features){
                .dense = round->columns[i], .dense_count = EDGE_COLUMNS};
    }
    for (uint16_t i = 0; i < EDGE_GROUPS; i++)
        if (rng_u32(&rng) % 2 == 0)
            round->groups[awake++] = i;
    round->context = (struct context){
            .shared = {.dense = round->shared, .dense_count = EDGE_SHARED},
            .groups = round->groups,
            .group_count = awake};
    round->actions = (struct action_set){
            .count = one->predict ? 1 : 1 + rng_below(&rng, EDGE_PLACES),
            .slot = one->predict ? NULL : round->slot,
            .features = one->columns ? round->features : NULL};
    round->loss = edge_loss(&rng, one->far);
}

/* ---- a life ---- */

struct edge_life {
    const struct edge_case *one;
    struct policy_spec spec;
    struct policy *policy;
    struct arena options, scratch;
    const char *wrong; /* NULL, or what went wrong first */
    struct err err;
};

static inline void edge_expect(struct edge_life *life, bool good, const char *w)
{
    if (!good && life->wrong == NULL)
        life->wrong = w;
}

static inline struct policy *edge_policy(const struct policy_spec *spec)
{
    size_t size = (policy_footprint(spec) + 63) / 64 * 64;

    return policy_init(aligned_alloc(64, size), spec);
}

static inline void edge_open(struct edge_life *life)
{
    const struct edge_case *one = life->one;
    struct shape shape = {.shared_dense = EDGE_SHARED,
            .action_dense = one->columns ? EDGE_COLUMNS : 0,
            .slots = one->predict ? 0 : EDGE_PLACES,
            .actions_max = one->predict ? 1 : EDGE_PLACES,
            .groups = EDGE_GROUPS,
            .predict = one->predict};
    struct value_range range = {0.0, 1.0, true, false};
    struct keyvalue values[EDGE_OPTIONS];
    size_t count = 0;

    life->options = arena_over(malloc(EDGE_ARENA), EDGE_ARENA);
    life->scratch = arena_over(malloc(EDGE_ARENA), EDGE_ARENA);
    for (; count < EDGE_OPTIONS && one->settings[count][0] != NULL; count++)
        values[count] =
                (struct keyvalue){bytes_of_text(one->settings[count][0]),
                        bytes_of_text(one->settings[count][1]), 0, false};
    if (policy_spec_parse(&life->spec, &shape, &range, values, count,
                &life->options, NULL, &life->err) != 0)
        life->wrong = life->err.text;
    else
        life->policy = edge_policy(&life->spec);
}

static inline void edge_experts(
        struct edge_life *life, const struct edge_round *round)
{
    struct expert_view experts[EDGE_EXPERTS];
    uint32_t count = policy_experts(life->policy, &round->context,
            &round->actions, 0, &life->scratch, experts, EDGE_EXPERTS);

    for (uint32_t i = 0; i < count; i++)
        edge_expect(life,
                isfinite(experts[i].prediction) && experts[i].weight >= 0.0 &&
                        experts[i].weight <= 1.0 + 1e-9,
                "an expert");
}

/* Decides, and returns the action drawn with its distribution. */
static inline void edge_decide(struct edge_life *life,
        const struct edge_round *round, uint64_t index,
        struct distribution *out)
{
    if (policy_decide(life->policy, &round->context, &round->actions, 1, index,
                &life->scratch, out, &life->err) != 0) {
        life->wrong = life->err.text;
        return;
    }
    for (uint32_t i = 0; i < out->count; i++)
        edge_expect(life,
                out->pmf[i] >= 0.0 && out->pmf[i] <= 1.0 + 1e-9 &&
                        out->scores[i] >= 0.0 && out->scores[i] <= 1.0,
                "a probability or a score");
    edge_expect(life, out->propensity > 0.0, "the propensity");
}

static inline void edge_predict(
        struct edge_life *life, const struct edge_round *round, double *value)
{
    if (policy_predict(life->policy, &round->context, 1, 1, &life->scratch,
                value, &life->err) != 0)
        life->wrong = life->err.text;
    else
        edge_expect(life, isfinite(*value), "a prediction");
}

static inline void edge_step(struct edge_life *life, uint64_t index)
{
    static const double certain[1] = {1.0};
    struct distribution out = {.count = 1, .pmf = certain};
    struct edge_round round;
    struct lesson lesson;
    double value;

    edge_make(life->one, index, &round);
    arena_reset(&life->scratch);
    if (life->one->predict)
        edge_predict(life, &round, &value);
    else
        edge_decide(life, &round, index, &out);
    edge_experts(life, &round);
    if (life->wrong != NULL)
        return;
    lesson = (struct lesson){.context = &round.context,
            .actions = &round.actions,
            .chosen = out.chosen,
            .pmf = out.pmf,
            .loss = round.loss,
            .weight = 1.0,
            .propensity = out.pmf[out.chosen]};
    policy_learn(life->policy, &lesson, &life->scratch);
    if (index % EDGE_CHECK_EVERY == 0 || index < EDGE_CHECK_EVERY)
        edge_expect(life, policy_check(life->policy), "policy_check");
}

/* Saved, loaded and saved again: the same bytes. */
static inline void edge_round_trip(struct edge_life *life)
{
    struct writer counting = writer_counting(), first, second;
    struct policy *other = edge_policy(&life->spec);
    struct reader reader;
    uint8_t *bytes;

    policy_save(life->policy, &counting);
    bytes = malloc(2 * counting.size);
    first = writer_over(bytes, counting.size);
    second = writer_over(bytes + counting.size, counting.size);
    policy_save(life->policy, &first);
    reader = reader_of((struct bytes){bytes, first.size});
    if (policy_load(other, &reader, &life->err) != 0)
        life->wrong = life->err.text;
    policy_save(other, &second);
    edge_expect(life,
            !first.failed && !second.failed && first.size == second.size &&
                    memcmp(first.data, second.data, first.size) == 0,
            "saved bytes after a load");
    free(bytes);
    free(other);
}

/* True if all was well; otherwise `round` is where it was not, `wrong` what. */
static inline bool edge_run(const struct edge_case *one, uint64_t rounds,
        uint64_t *round, char *wrong, size_t size)
{
    struct edge_life life = {.one = one};
    uint64_t index = 0;

    edge_open(&life);
    while (life.wrong == NULL && index < rounds)
        edge_step(&life, index++);
    if (life.wrong == NULL)
        edge_expect(&life, policy_check(life.policy), "policy_check");
    if (life.wrong == NULL)
        edge_round_trip(&life);
    *round = index;
    (void)snprintf(wrong, size, "%s", life.wrong == NULL ? "" : life.wrong);
    free(life.policy);
    free(life.options.data);
    free(life.scratch.data);
    return *wrong == '\0';
}

#endif
