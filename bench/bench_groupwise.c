/* The groupwise oracle: the true expected regret of each group under every
 * setting of its weights and of gamma, beside one ridge for all; and what a
 * round costs by the number of groups. Worlds are those of docs/groupwise.md.
 *
 * Each regret line is a mean over SEEDS histories of ROUNDS rounds; the line
 * after it, with _ci95, is half of its 95 % interval. `alone` is groupwise
 * without groups: always_on by itself, with its gamma. SEEDS=N, ROUNDS=N in the
 * environment; ONLY=TEXT: only the regrets whose name has it, and no cost. */
#include "bench/measure.h"
#include "policies/policy.h"
#include "policies/registry.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ACTIONS    4u
#define COLUMNS    6u /* five uniform ones and a constant */
#define MODELS     3u
#define GROUPS_MAX 128u
#define SEEDS_MAX  1000u
#define TURNS      5

static struct arena arena, scratch;
static struct err err;

/* ---- worlds ---- */

struct world {
    const char *name;
    uint32_t groups;
    const char *group_names[5];
};

/* In `shapes` the shape alone decides the rewards. In `small` a tenth of the
 * rounds are of group small, nine tenths of group large, independently; where
 * both are awake small's model holds. */
static const struct world worlds[] = {
        {"shapes", 5, {"circle", "square", "triangle", "green", "red"}},
        {"small", 2, {"large", "small"}},
};

struct round_data {
    double x[COLUMNS];
    double means[ACTIONS];
    uint16_t groups[GROUPS_MAX];
    uint32_t slots[ACTIONS];
    struct context context;
    struct action_set actions;
};

typedef double models[MODELS][ACTIONS][COLUMNS];

static void make_models(uint64_t seed, models theta)
{
    struct rng rng = rng_keyed(seed, 0, RNG_WORLD);

    for (uint32_t m = 0; m < MODELS; m++)
        for (uint32_t a = 0; a < ACTIONS; a++) {
            double sum = 0.0;
            for (uint32_t j = 0; j < COLUMNS; j++) {
                double u = rng_unit(&rng);
                theta[m][a][j] = u * u * u;
                sum += theta[m][a][j];
            }
            for (uint32_t j = 0; j < COLUMNS; j++)
                theta[m][a][j] /= sum;
        }
}

/* Writes the groups of the round; returns the model that holds in it. */
static uint32_t wake(
        const struct world *world, struct rng *rng, struct round_data *round)
{
    double first = rng_unit(rng), second = rng_unit(rng);
    uint32_t shape = first < 0.5 ? 0 : first < 0.8 ? 1 : 2;
    uint32_t count = 0;

    if (world->groups == 5) {
        round->groups[0] = (uint16_t)shape;
        round->groups[1] = second < 0.6 ? 3 : 4;
        round->context.group_count = 2;
        return shape;
    }
    if (first < 0.9)
        round->groups[count++] = 0;
    if (second < 0.1)
        round->groups[count++] = 1;
    round->context.group_count = count;
    return second < 0.1 ? 1 : 0;
}

static void fill_round(struct rng *rng, struct round_data *round)
{
    memset(round, 0, sizeof(*round));
    for (uint32_t j = 0; j + 1 < COLUMNS; j++)
        round->x[j] = rng_unit(rng);
    round->x[COLUMNS - 1] = 1.0;
    for (uint32_t a = 0; a < ACTIONS; a++)
        round->slots[a] = a;
    round->context.shared =
            (struct features){.dense = round->x, .dense_count = COLUMNS};
    round->context.groups = round->groups;
    round->actions =
            (struct action_set){.count = ACTIONS, .slot = round->slots};
}

static void make_round(const struct world *world, models theta, struct rng *rng,
        struct round_data *round)
{
    uint32_t model;

    fill_round(rng, round);
    model = wake(world, rng, round);
    for (uint32_t a = 0; a < ACTIONS; a++)
        for (uint32_t j = 0; j < COLUMNS; j++)
            round->means[a] += theta[model][a][j] * round->x[j];
}

/* ---- policies ---- */

struct variant {
    const char *weights; /* NULL: one ridge for all */
    const char *over;
    const char *factor;
    const char *play;
    bool alone; /* the policy knows of no groups */
};

static struct policy *make_policy(struct policy_spec *spec,
        const struct variant *variant, uint32_t groups)
{
    bool schedule =
            variant->over == NULL || strcmp(variant->over, "schedule") == 0;
    bool twice = strcmp(variant->factor, "2") == 0;
    const char *const texts[][2] = {{"intercept", "false"}, {"scale", "false"},
            {"oracle", variant->weights == NULL ? "ridge" : "groupwise"},
            {"gamma_scale", schedule && twice ? "20" : "10"},
            {variant->weights == NULL ? "clip" : "weights",
                    variant->weights == NULL ? "true" : variant->weights},
            {"gamma_over", variant->over}, {"gamma_factor", variant->factor},
            {"play", variant->play}};
    struct shape shape = {.shared_dense = COLUMNS,
            .slots = ACTIONS,
            .actions_max = ACTIONS,
            .groups = groups};
    struct value_range range = {0.0, 1.0, false, false};
    struct keyvalue values[8];
    size_t count = variant->weights == NULL ? 5 : 8;

    for (size_t i = 0; i < count; i++)
        values[i] = (struct keyvalue){bytes_of_text(texts[i][0]),
                bytes_of_text(texts[i][1]), 0, false};
    if (policy_spec_parse(
                spec, &shape, &range, values, count, &arena, NULL, &err) != 0)
        give_up(err.text);
    return policy_init(
            aligned_alloc(64, (policy_footprint(spec) + 63) / 64 * 64), spec);
}

static void decide(const struct policy *policy, const struct round_data *round,
        uint64_t event, struct distribution *out)
{
    arena_reset(&scratch);
    if (policy_decide(policy, &round->context, &round->actions, 1, event,
                &scratch, out, &err) != 0)
        give_up(err.text);
}

static void teach(struct policy *policy, const struct round_data *round,
        const struct distribution *drawn, double reward)
{
    struct lesson lesson = {.context = &round->context,
            .actions = &round->actions,
            .chosen = drawn->chosen,
            .pmf = drawn->pmf,
            .loss = 1.0 - reward,
            .weight = 1.0};

    policy_learn(policy, &lesson, &scratch);
}

/* ---- regret ---- */

static double regret_of(
        const struct round_data *round, const struct distribution *out)
{
    double best = 0.0, played = 0.0;

    for (uint32_t a = 0; a < ACTIONS; a++) {
        best = fmax(best, round->means[a]);
        played += out->pmf[a] * round->means[a];
    }
    return best - played;
}

/* regret[groups + 1]; the last is that of all rounds. */
static void play(const struct world *world, const struct variant *variant,
        uint64_t seed, uint32_t rounds, double *regret)
{
    struct rng contexts = rng_keyed(seed, 1, RNG_WORLD);
    struct rng rewards = rng_keyed(seed, 2, RNG_WORLD);
    struct policy_spec spec;
    struct policy *policy;
    models theta;

    arena_reset(&arena);
    policy = make_policy(&spec, variant, variant->alone ? 0 : world->groups);
    make_models(seed, theta);
    memset(regret, 0, (world->groups + 1) * sizeof(*regret));
    for (uint32_t t = 0; t < rounds; t++) {
        struct round_data round;
        struct distribution out;
        uint32_t awake;
        double lost;
        make_round(world, theta, &contexts, &round);
        awake = round.context.group_count;
        if (variant->alone)
            round.context.group_count = 0;
        decide(policy, &round, seed << 32 | t, &out);
        lost = regret_of(&round, &out);
        for (uint32_t i = 0; i < awake; i++)
            regret[round.groups[i]] += lost;
        regret[world->groups] += lost;
        teach(policy, &round, &out,
                rng_unit(&rewards) < round.means[out.chosen] ? 1.0 : 0.0);
    }
    free(policy);
}

static void print_regret(const char *name, const char *group, double sum,
        double squares, uint32_t seeds)
{
    double n = seeds, mean = sum / n;
    double variance = fmax(squares - n * mean * mean, 0.0) / (n - 1.0);
    /* Student's quantile, to a hundredth for 10 seeds or more. */
    double quantile = 1.96 + 2.4 / (n - 1.0);

    printf("%s_%s %.2f regret\n", name, group, mean);
    printf("%s_%s_ci95 %.2f regret\n", name, group,
            quantile * sqrt(variance / n));
    (void)fflush(stdout);
}

static void name_variant(const struct world *world,
        const struct variant *variant, char *name, size_t size)
{
    (void)snprintf(name, size, "groupwise_%s_%s_%s_x%s%s%s", world->name,
            variant->weights == NULL ? "ridge" : variant->weights,
            variant->over == NULL ? "schedule" : variant->over, variant->factor,
            strcmp(variant->play, "sampled") == 0 ? "_sampled" : "",
            variant->alone ? "_alone" : "");
}

static void measure_regret(const struct world *world,
        const struct variant *variant, uint32_t seeds, uint32_t rounds)
{
    double sum[6] = {0}, squares[6] = {0}, regret[6];
    const char *only = getenv("ONLY");
    char name[96];

    name_variant(world, variant, name, sizeof(name));
    if (only != NULL && strstr(name, only) == NULL)
        return;
    for (uint32_t seed = 1; seed <= seeds; seed++) {
        play(world, variant, seed, rounds, regret);
        for (uint32_t g = 0; g <= world->groups; g++) {
            sum[g] += regret[g];
            squares[g] += regret[g] * regret[g];
        }
    }
    for (uint32_t g = 0; g <= world->groups; g++)
        print_regret(name, g < world->groups ? world->group_names[g] : "all",
                sum[g], squares[g], seeds);
}

static void measure_world(
        const struct world *world, uint32_t seeds, uint32_t rounds)
{
    static const char *const weights[] = {"adanormalhedge", "exponential"};
    static const char *const overs[] = {
            "schedule", "min", "max", "always", "mean"};
    static const char *const factors[] = {"1", "2"};

    for (size_t f = 0; f < ARRAY_COUNT(factors); f++) {
        struct variant single = {NULL, NULL, factors[f], "averaged", false};
        struct variant drawn = {
                "adanormalhedge", "schedule", factors[f], "sampled", false};
        struct variant alone = {
                "exponential", "always", factors[f], "averaged", true};
        measure_regret(world, &single, seeds, rounds);
        measure_regret(world, &drawn, seeds, rounds);
        measure_regret(world, &alone, seeds, rounds);
    }
    for (size_t i = 0; i < 20; i++) {
        struct variant variant = {weights[i / 10], overs[i / 2 % 5],
                factors[i % 2], "averaged", false};
        measure_regret(world, &variant, seeds, rounds);
    }
}

/* ---- cost ---- */

static double least_of(double least, double start, double rounds)
{
    double each = (now_ns() - start) / rounds;

    return each < least ? each : least;
}

static void measure_cost(uint32_t groups, uint32_t awake, const char *name)
{
    struct variant variant = {"exponential", "min", "1", "averaged", false};
    uint32_t rounds = 64000 / (awake + 1);
    double decide_ns = 1e30, learn_ns = 1e30;
    struct rng rng = rng_keyed(groups, awake, RNG_WORLD);
    struct policy_spec spec;
    struct policy *policy;
    struct round_data round;
    struct distribution out;

    arena_reset(&arena);
    policy = make_policy(&spec, &variant, groups);
    fill_round(&rng, &round);
    round.context.group_count = awake;
    for (uint32_t i = 0; i < awake; i++)
        round.groups[i] = (uint16_t)(i * (groups / awake));
    for (int turn = 0; turn < TURNS; turn++) {
        double start = now_ns();
        for (uint32_t i = 0; i < rounds; i++)
            decide(policy, &round, i, &out);
        decide_ns = least_of(decide_ns, start, rounds);
        start = now_ns();
        for (uint32_t i = 0; i < rounds; i++)
            teach(policy, &round, &out, i % 2);
        learn_ns = least_of(learn_ns, start, rounds);
    }
    printf("groupwise_decide_%u_groups_%s_awake %.0f ns\n", groups, name,
            decide_ns);
    printf("groupwise_learn_%u_groups_%s_awake %.0f ns\n", groups, name,
            learn_ns);
    free(policy);
}

int main(void)
{
    static const uint32_t counts[] = {2, 8, 32, 128};
    size_t size = (size_t)1 << 20;

    arena = arena_over(malloc(size), size);
    scratch = arena_over(malloc(size), size);
    for (size_t i = 0; getenv("ONLY") == NULL && i < ARRAY_COUNT(counts); i++) {
        measure_cost(counts[i], 2, "two");
        measure_cost(counts[i], counts[i], "all");
    }
    for (size_t w = 0; w < ARRAY_COUNT(worlds); w++)
        measure_world(&worlds[w], setting("SEEDS", 20, 2, SEEDS_MAX),
                setting("ROUNDS", 20000, 2, UINT32_MAX));
    free(arena.data);
    free(scratch.data);
    return 0;
}
