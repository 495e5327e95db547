/* The test world of groupwise.md, section 8: shapes whose models are right,
 * colours whose models are not. In loss units: mu is the mean cost. */
#ifndef TESTS_UNIT_POLICIES_SHAPES_H
#define TESTS_UNIT_POLICIES_SHAPES_H

#include "tests/unit/policies/fixture.h"

#include <string.h>

#define ACTIONS 4u
#define COLUMNS 6u
#define SHAPES  3u
#define GROUPS  5u
#define EXPERTS 6u /* of the test world: its groups and always_on */
#define MOST    7u /* with a group doubled */

struct world {
    double theta[SHAPES][ACTIONS][COLUMNS];
    bool hostile;
    bool doubled; /* group 5 is group 0 once more */
    uint16_t place[GROUPS]; /* where a group stands in the list */
};

struct round_data {
    double x[COLUMNS], means[ACTIONS];
    uint32_t shape, count;
    uint16_t groups[MOST];
    uint32_t slots[ACTIONS];
    double pmf[ACTIONS];
    struct context context;
    struct action_set actions;
};

static inline struct world make_world(uint64_t seed)
{
    struct rng rng = rng_keyed(seed, 0, RNG_TEST);
    struct world world = {.place = {0, 1, 2, 3, 4}};

    for (uint32_t s = 0; s < SHAPES; s++)
        for (uint32_t a = 0; a < ACTIONS; a++) {
            double sum = 0.0;
            for (uint32_t j = 0; j < COLUMNS; j++) {
                double u = rng_unit(&rng);
                world.theta[s][a][j] = u * u * u;
                sum += u * u * u;
            }
            for (uint32_t j = 0; j < COLUMNS; j++)
                world.theta[s][a][j] /= sum;
        }
    return world;
}

static inline void add_group(struct round_data *round, uint16_t group)
{
    uint32_t at = round->count++;

    for (; at > 0 && round->groups[at - 1] > group; at--)
        round->groups[at] = round->groups[at - 1];
    round->groups[at] = group;
}

static inline void make_round(
        const struct world *world, struct rng *rng, struct round_data *round)
{
    double shape = rng_unit(rng), colour = rng_unit(rng);

    memset(round, 0, sizeof(*round));
    round->shape = shape < 0.5 ? 0 : shape < 0.8 ? 1 : 2;
    add_group(round, world->place[round->shape]);
    add_group(round, world->place[colour < 0.6 ? 3 : 4]);
    if (world->doubled && round->shape == 0)
        add_group(round, GROUPS);
    for (uint32_t j = 0; j < COLUMNS; j++)
        round->x[j] = j + 1 < COLUMNS ? rng_unit(rng) : 1.0;
    for (uint32_t a = 0; a < ACTIONS; a++) {
        round->slots[a] = a;
        for (uint32_t j = 0; j < COLUMNS; j++)
            round->means[a] += world->theta[round->shape][a][j] * round->x[j];
    }
    round->context = (struct context){
            .shared = {.dense = round->x, .dense_count = COLUMNS},
            .groups = round->groups,
            .group_count = round->count};
    round->actions =
            (struct action_set){.count = ACTIONS, .slot = round->slots};
}

static inline struct fixture *open_groupwise(
        const char *weights, const char *over, uint32_t groups)
{
    const char *const settings[][2] = {{"oracle", "groupwise"},
            {"intercept", "false"}, {"scale", "false"}, {"weights", weights},
            {"gamma_over", over}};
    struct shape shape = {.shared_dense = COLUMNS,
            .slots = ACTIONS,
            .actions_max = ACTIONS,
            .groups = groups};

    return open_policy(settings, 5, shape);
}

static inline struct distribution decide(
        const struct fixture *fixture, struct round_data *round, uint64_t event)
{
    struct distribution out;

    ck_assert_msg(policy_decide(fixture->policy, &round->context,
                          &round->actions, 1, event, &arena, &out, &err) == 0,
            "%s", err.text);
    memcpy(round->pmf, out.pmf, sizeof(round->pmf));
    return out;
}

static inline void teach(struct fixture *fixture, struct round_data *round,
        uint32_t chosen, double loss)
{
    struct lesson lesson = {.context = &round->context,
            .actions = &round->actions,
            .chosen = chosen,
            .pmf = round->pmf,
            .loss = loss,
            .weight = 1.0};

    policy_learn(fixture->policy, &lesson, &arena);
}

#endif
