/* What each explorer costs: nanoseconds to turn the scores (and widths) of 10
 * actions into probabilities, the least of several turns; and a whole decision
 * by ridge of 10 actions x 30 features under two of them. */
#include "bench/measure.h"
#include "policies/policy.h"
#include "policies/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ACTIONS 10u
#define COLUMNS 20u
#define SHARED  10u
#define ROWS    64u
#define TURNS   7

static struct arena arena, scratch;
static struct err err;
static double sink;

/* ---- an explorer by itself ---- */

static double scores[ROWS][ACTIONS], widths[ROWS][ACTIONS];

static void make_scores(void)
{
    struct rng rng = rng_keyed(1, 1, RNG_TEST);

    for (uint32_t i = 0; i < ROWS * ACTIONS; i++) {
        scores[i / ACTIONS][i % ACTIONS] = 0.7 + 0.1 * rng_unit(&rng);
        widths[i / ACTIONS][i % ACTIONS] = 0.02 + 0.05 * rng_unit(&rng);
    }
}

static void explore(const struct explorer *explorer, const void *options,
        struct rng *draws, uint64_t row)
{
    struct outlook outlook = {.count = ACTIONS,
            .scores = scores[row % ROWS],
            .up = widths[row % ROWS],
            .down = widths[row % ROWS],
            .effective = 1000.0};
    double pmf[ACTIONS];

    arena_reset(&scratch);
    explorer->distribute(&outlook, options, draws, &scratch, pmf);
    sink += pmf[row % ACTIONS];
}

static void measure_explorer(const struct explorer *explorer)
{
    uint64_t options[64];
    struct rng draws = rng_keyed(1, 2, RNG_EXPLORER);
    uint64_t calls = 20;
    double least = 1e30;

    if (options_parse(&explorer->options, NULL, 0, options, &err) != 0)
        give_up(err.text);
    for (int turn = 0; turn < TURNS; turn++) {
        double start = now_ns(), each;
        for (uint64_t i = 0; i < calls; i++)
            explore(explorer, options, &draws, i);
        each = (now_ns() - start) / (double)calls;
        least = turn > 0 && each < least ? each : least;
        calls = (uint64_t)(1e7 / each) + 1; /* ten milliseconds a turn */
    }
    printf("explorer_%s_k10 %.1f ns\n", explorer->name, least);
}

/* ---- a whole decision ---- */

struct round_data {
    double shared[SHARED];
    double columns[ACTIONS][COLUMNS];
    struct features features[ACTIONS];
    struct context context;
    struct action_set actions;
};

static void make_round(struct round_data *round, uint64_t index)
{
    struct rng rng = rng_keyed(2, index, RNG_TEST);

    for (uint32_t i = 0; i < SHARED; i++)
        round->shared[i] = rng_unit(&rng);
    for (uint32_t i = 0; i < ACTIONS * COLUMNS; i++)
        round->columns[i / COLUMNS][i % COLUMNS] = rng_unit(&rng);
    for (uint32_t a = 0; a < ACTIONS; a++)
        round->features[a] = (struct features){
                .dense = round->columns[a], .dense_count = COLUMNS};
    round->context = (struct context){
            .shared = {.dense = round->shared, .dense_count = SHARED}};
    round->actions =
            (struct action_set){.count = ACTIONS, .features = round->features};
}

static struct policy *make_policy(
        struct policy_spec *spec, const char *explorer)
{
    struct shape shape = {.shared_dense = SHARED,
            .action_dense = COLUMNS,
            .actions_max = ACTIONS};
    struct value_range range = {0.0, 1.0, false, false};
    struct keyvalue value = {
            bytes_of_text("explorer"), bytes_of_text(explorer), 0, false};

    if (policy_spec_parse(
                spec, &shape, &range, &value, 1, &arena, NULL, &err) != 0)
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
    sink += out->propensity;
}

static void measure_decision(const char *explorer)
{
    static struct round_data rounds[ROWS];
    struct policy_spec spec;
    struct policy *policy = make_policy(&spec, explorer);
    struct rng rng = rng_keyed(3, 3, RNG_TEST);
    struct distribution out;
    double least = 1e30;

    for (uint64_t i = 0; i < ROWS; i++)
        make_round(&rounds[i], i);
    for (uint64_t i = 0; i < 2000; i++) {
        struct lesson lesson = {.context = &rounds[i % ROWS].context,
                .actions = &rounds[i % ROWS].actions,
                .loss = rng_unit(&rng),
                .weight = 1.0};
        decide(policy, &rounds[i % ROWS], i, &out);
        lesson.chosen = out.chosen;
        lesson.pmf = out.pmf;
        lesson.propensity = out.propensity;
        policy_learn(policy, &lesson, &scratch);
    }
    for (int turn = 0; turn < TURNS; turn++) {
        double start = now_ns(), each;
        for (uint64_t i = 0; i < 20000; i++)
            decide(policy, &rounds[i % ROWS], i, &out);
        each = (now_ns() - start) / 20000;
        least = each < least ? each : least;
    }
    printf("decide_ridge_%s_10x30 %.1f ns\n", explorer, least);
    free(policy);
}

int main(void)
{
    size_t size = (size_t)1 << 20;

    arena = arena_over(malloc(size), size);
    scratch = arena_over(malloc(size), size);
    make_scores();
    for (size_t i = 0; registry_explorers[i] != NULL; i++)
        measure_explorer(registry_explorers[i]);
    measure_decision("squarecb");
    measure_decision("regcb");
    free(arena.data);
    free(scratch.data);
    return sink > 0.0 ? 0 : 1;
}
