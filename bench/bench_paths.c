/* What the learner `paths` costs on a grid of 3 x 3 nodes (12 edges, paths of
 * 4), with 64 tables: nanoseconds per decide, per lesson of all edges' costs,
 * and per lesson of the path's own. Next to it what no implementation can do
 * without: drawing the noise of each table (`noise`), and a shortest path for
 * each (`shortest`); one sweep over 12 edges is 12 additions and comparisons.
 *
 * `alone` has the always-on expert only, `groups` two more that are awake.
 * Medians of the turns, which all things take one after another. TURNS=N in the
 * environment. */
#include "bench/measure.h"
#include "policies/graph.h"
#include "policies/policy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EDGES     12u
#define LENGTH    4u
#define TABLES    64u
#define GROUPS    2u
#define ROWS      64u
#define CALLS     200u
#define WARM      500u
#define TURNS_MAX 256
#define GRID      "a>b b>c d>e e>f g>h h>i a>d d>g b>e e>h c>f f>i"

static struct arena arena, scratch;
static struct err err;
static struct graph graph;
static double sink;

enum kind { NOISE, SHORTEST, DECIDE, LEARN_ALL, LEARN_PATH, KINDS };

static const char *const kind_names[KINDS] = {
        "noise", "shortest", "decide", "learn_all", "learn_path"};

struct bench_case {
    const char *name;
    uint32_t groups;
    struct policy_spec spec;
    struct policy *policy[KINDS]; /* one of its own for each kind */
    double each[KINDS][TURNS_MAX]; /* ns */
};

static struct bench_case cases[] = {
        {.name = "alone"}, {.name = "groups", .groups = GROUPS}};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static double losses[ROWS][EDGES];

/* ---- one call of each kind ---- */

static uint32_t slots[EDGES];
static const uint16_t awake[GROUPS] = {0, 1};

static struct action_set all_edges(void)
{
    for (uint32_t i = 0; i < EDGES; i++)
        slots[i] = i;
    return (struct action_set){.count = EDGES, .slot = slots};
}

static struct context context_of(const struct bench_case *one)
{
    return (struct context){.groups = awake, .group_count = one->groups};
}

static void draw_noise(uint64_t index, double noise[TABLES * EDGES])
{
    uint32_t words[TABLES * EDGES];
    struct rng rng = rng_keyed(1, index, RNG_TEST);

    rng_words(&rng, words, TABLES * EDGES);
    for (uint32_t i = 0; i < TABLES * EDGES; i++)
        noise[i] = ((double)words[i] + 0.5) * 0x1p-32;
}

static void find_shortest(void)
{
    static double noise[TABLES * EDGES];
    static struct graph_walk walk;
    uint16_t path[EDGES];

    if (noise[0] == 0.0)
        draw_noise(0, noise);
    for (uint32_t i = 0; i < TABLES; i++)
        sink += graph_shortest(&graph, noise + (size_t)i * EDGES, &walk, path);
}

static void decide(const struct bench_case *one, const struct policy *policy,
        uint64_t index, struct path_choice *choice)
{
    struct context context = context_of(one);
    struct action_set actions = all_edges();

    if (policy_propose(policy, &context, &actions, 1, index, &scratch, choice,
                &err) != 0)
        give_up(err.text);
}

/* The same path every time, so that a lesson is all that is measured. */
static void learn(const struct bench_case *one, struct policy *policy,
        uint64_t index, bool full)
{
    static const uint32_t path[LENGTH] = {0, 1, 10, 11};
    struct context context = context_of(one);
    struct action_set actions = all_edges();
    double marginal[EDGES], own[LENGTH];
    const double *all = losses[index % ROWS];
    struct path_lesson lesson = {.context = &context,
            .actions = &actions,
            .marginal = marginal,
            .path = path,
            .path_count = LENGTH,
            .losses = full ? all : own,
            .full = full,
            .weight = 1.0};

    for (uint32_t i = 0; i < EDGES; i++)
        marginal[i] = 0.5;
    for (uint32_t i = 0; i < LENGTH; i++)
        own[i] = all[path[i]];
    policy_learn_path(policy, &lesson, &scratch);
}

static void call(const struct bench_case *one, enum kind kind, uint64_t index)
{
    static double noise[TABLES * EDGES];
    struct path_choice choice;

    arena_reset(&scratch);
    switch (kind) {
    case NOISE:
        draw_noise(index, noise);
        sink += noise[index % EDGES];
        break;
    case SHORTEST:
        find_shortest();
        break;
    case DECIDE:
        decide(one, one->policy[kind], index, &choice);
        sink += choice.propensity;
        break;
    case LEARN_ALL:
    case LEARN_PATH:
        learn(one, one->policy[kind], index, kind == LEARN_ALL);
        break;
    default:
        give_up("kind");
    }
}

/* ---- life ---- */

static void open_case(struct bench_case *one)
{
    static const char *const settings[][2] = {{"learner", "paths"},
            {"graph", GRID}, {"source", "a"}, {"target", "i"},
            {"tables", "64"}};
    struct keyvalue values[sizeof(settings) / sizeof(settings[0])];
    size_t count = sizeof(settings) / sizeof(settings[0]);
    struct shape shape = {.slots = EDGES,
            .actions_max = EDGES,
            .groups = one->groups,
            .path = true};
    struct value_range range = {0.0, 1.0, true, false};

    for (size_t i = 0; i < count; i++)
        values[i] = (struct keyvalue){bytes_of_text(settings[i][0]),
                bytes_of_text(settings[i][1]), 0, false};
    if (policy_spec_parse(&one->spec, &shape, &range, values, count, &arena,
                NULL, &err) != 0)
        give_up(err.text);
    for (int kind = DECIDE; kind < KINDS; kind++) {
        size_t size = (policy_footprint(&one->spec) + 63) / 64 * 64;
        one->policy[kind] = policy_init(aligned_alloc(64, size), &one->spec);
        for (uint64_t i = 0; i < WARM; i++) {
            arena_reset(&scratch);
            learn(one, one->policy[kind], i, kind != LEARN_PATH);
        }
    }
}

static void take_turn(struct bench_case *one, int turn)
{
    for (int kind = 0; kind < KINDS; kind++) {
        double start = now_ns();
        for (uint64_t i = 0; i < CALLS; i++)
            call(one, (enum kind)kind, i);
        one->each[kind][turn] = (now_ns() - start) / CALLS;
    }
}

static void print_case(struct bench_case *one, int turns)
{
    for (int kind = 0; kind < KINDS; kind++) {
        qsort(one->each[kind], (size_t)turns, sizeof(double), compare_doubles);
        printf("%s_paths_%s %.0f ns\n", kind_names[kind], one->name,
                one->each[kind][turns / 2]);
    }
}

int main(void)
{
    const char *wanted = getenv("TURNS");
    int turns = wanted == NULL ? 25 : (int)strtol(wanted, NULL, 10);
    size_t size = (size_t)8 << 20;
    struct rng rng = rng_keyed(2, 0, RNG_TEST);

    if (turns < 1 || turns > TURNS_MAX)
        give_up("TURNS");
    arena = arena_over(malloc(size), size);
    scratch = arena_over(malloc(size), size);
    if (graph_parse(&graph, bytes_of_text(GRID), bytes_of_text("a"),
                bytes_of_text("i"), EDGES, &err) != 0)
        give_up(err.text);
    for (uint32_t row = 0; row < ROWS; row++)
        for (uint32_t i = 0; i < EDGES; i++)
            losses[row][i] = rng_unit(&rng);
    for (size_t i = 0; i < CASES; i++)
        open_case(&cases[i]);
    for (int turn = -1; turn < turns; turn++)
        for (size_t i = 0; i < CASES; i++)
            take_turn(&cases[i], turn < 0 ? 0 : turn);
    for (size_t i = 0; i < CASES; i++) {
        print_case(&cases[i], turns);
        for (int kind = 0; kind < KINDS; kind++)
            free(cases[i].policy[kind]);
    }
    free(arena.data);
    free(scratch.data);
    return isfinite(sink) ? 0 : 1;
}
