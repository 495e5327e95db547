/* What policies cost: nanoseconds per decide of every oracle under every
 * explorer that fits it, per learn of every oracle, and both of every learner,
 * for 10 actions x 30 features: `catalogue` is 30 columns of the context and
 * one model per action, `mixed` is 10 of the context and 20 of each action.
 *
 * Next to each stands its `_limit`: the time that the multiply-adds of the
 * simplest form of it take at the peak rate of this build on this core,
 * measured in the same turns (multiplication and addition apart: fused ones
 * would change bits). That form is, for a decide, one dot product per action
 * and, where the explorer asks for widths, one quadratic form; for a learn of
 * ridge the gain and two rank-one updates, of others one dot product and one
 * step. Combinations of models are held against a single one.
 *
 * All things take their turns one after another, so that a noisy machine is
 * noisy for all; medians of the turns. TURNS=N in the environment. */
#include "base/wide.h"
#include "bench/measure.h"
#include "policies/linalg.h"
#include "policies/policy.h"
#include "policies/registry.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ACTIONS     10u
#define ROWS        64u
#define COLUMNS     30u
#define WARM        2000u
#define TURN_NS     3e5
#define TURNS_MAX   256
#define ITEMS_MAX   256u
#define CASES       2u
#define PEAK_CHAINS 7u
#define PEAK_STEPS  64u

static struct arena arena, scratch;
static struct err err;
static double sink;

/* ---- rounds ---- */

struct round_data {
    double shared[COLUMNS];
    double columns[ACTIONS][COLUMNS];
    uint32_t slot[ACTIONS];
    struct features features[ACTIONS];
    struct context context;
    struct action_set actions;
    double loss;
};

struct bench_case {
    const char *name;
    uint32_t shared, action;
    struct round_data rounds[ROWS];
};

static struct bench_case cases[CASES] = {
        {.name = "catalogue", .shared = COLUMNS},
        {.name = "mixed", .shared = 10, .action = COLUMNS - 10},
};

static void make_round(
        const struct bench_case *one, struct round_data *round, uint64_t index)
{
    struct rng rng = rng_keyed(2, index, RNG_TEST);

    for (uint32_t i = 0; i < one->shared; i++)
        round->shared[i] = rng_unit(&rng);
    for (uint32_t a = 0; a < ACTIONS; a++) {
        for (uint32_t i = 0; i < one->action; i++)
            round->columns[a][i] = rng_unit(&rng);
        round->slot[a] = a;
        round->features[a] = (struct features){
                .dense = round->columns[a], .dense_count = one->action};
    }
    round->context = (struct context){
            .shared = {.dense = round->shared, .dense_count = one->shared}};
    round->actions = (struct action_set){.count = ACTIONS,
            .slot = round->slot,
            .features = one->action > 0 ? round->features : NULL};
    round->loss = rng_unit(&rng);
}

/* ---- what is measured ---- */

enum kind { DECIDE, LEARN, ROUND, PLAIN_DOTS, DOTS, PEAK };

struct item {
    char name[96];
    enum kind kind;
    const struct bench_case *one;
    struct policy_spec *spec;
    struct policy *policy;
    double multiply_adds; /* of the simplest form; 0: no limit is printed */
    uint64_t calls; /* a turn */
    double each[TURNS_MAX]; /* ns */
};

static struct item items[ITEMS_MAX];
static size_t item_count;

static struct item *add_item(enum kind kind, const struct bench_case *one)
{
    struct item *item = &items[item_count++];

    if (item_count > ITEMS_MAX)
        give_up("too many items");
    item->kind = kind;
    item->one = one;
    item->calls = 20;
    return item;
}

/* NULL if the parts do not fit. */
static struct policy_spec *parse(const struct bench_case *one,
        const char *const settings[][2], size_t count)
{
    struct shape shape = {.shared_dense = one->shared,
            .action_dense = one->action,
            .slots = ACTIONS,
            .actions_max = ACTIONS};
    struct value_range range = {0.0, 1.0, true, false};
    struct keyvalue values[4];
    struct policy_spec *spec = arena_alloc(&arena, sizeof(*spec));

    for (size_t i = 0; i < count; i++)
        values[i] = (struct keyvalue){bytes_of_text(settings[i][0]),
                bytes_of_text(settings[i][1]), 0, false};
    if (policy_spec_parse(
                spec, &shape, &range, values, count, &arena, NULL, &err) != 0 ||
            policy_spec_proposes(spec))
        return NULL;
    return spec;
}

static void decide(const struct policy *policy, const struct round_data *round,
        uint64_t event, struct distribution *out)
{
    if (policy_decide(policy, &round->context, &round->actions, 1, event,
                &scratch, out, &err) != 0)
        give_up(err.text);
}

static void learn(struct policy *policy, const struct round_data *round,
        const struct distribution *out, uint64_t index)
{
    static const double even[ACTIONS] = {
            .1, .1, .1, .1, .1, .1, .1, .1, .1, .1};
    struct lesson lesson = {.context = &round->context,
            .actions = &round->actions,
            .chosen = out == NULL ? (uint32_t)(index % ACTIONS) : out->chosen,
            .pmf = out == NULL ? even : out->pmf,
            .loss = round->loss,
            .weight = 1.0,
            .propensity = out == NULL ? even[0] : out->propensity};

    policy_learn(policy, &lesson, &scratch);
}

static struct policy *make_policy(
        const struct policy_spec *spec, const struct bench_case *one)
{
    struct policy *policy = policy_init(
            aligned_alloc(64, (policy_footprint(spec) + 63) / 64 * 64), spec);
    struct distribution out;

    for (uint64_t i = 0; i < WARM; i++) {
        arena_reset(&scratch);
        decide(policy, &one->rounds[i % ROWS], i, &out);
        learn(policy, &one->rounds[i % ROWS], &out, i);
    }
    return policy;
}

/* ---- limits ---- */

static double width_of(const struct bench_case *one)
{
    return 1.0 + one->shared + one->action;
}

static double decide_least(const struct bench_case *one, bool widths)
{
    double columns = one->action > 0 ? one->action : width_of(one);
    double dots = ACTIONS * columns + (one->action > 0 ? 1 + one->shared : 0);
    double width = width_of(one);

    return dots +
            (widths ? ACTIONS * (width * (width + 1.0) / 2.0 + width) : 0);
}

static double learn_least(const struct bench_case *one, const char *oracle)
{
    double width = width_of(one);

    return strcmp(oracle, "ridge") == 0 ? width * width + width * (width + 1.0)
                                        : 2.0 * width;
}

/* ---- the list ---- */

static void add_policy(const struct bench_case *one, struct policy_spec *spec,
        enum kind kind, const char *name, double multiply_adds)
{
    static const char *const verbs[] = {"decide", "learn", "round"};
    struct item *item = add_item(kind, one);

    item->spec = spec;
    item->policy = make_policy(spec, one);
    item->multiply_adds = multiply_adds;
    (void)snprintf(item->name, sizeof(item->name), "%s_%s_%s", verbs[kind],
            name, one->name);
}

static void add_oracle(const struct bench_case *one, const char *oracle)
{
    struct policy_spec *last = NULL;
    /* A weak prior is what ridge calls simpler than itself with a strong one.
     */
    bool blend = strcmp(oracle, "blend") == 0;

    for (size_t i = 0; registry_explorers[i] != NULL; i++) {
        const char *explorer = registry_explorers[i]->name;
        const char *const settings[][2] = {
                {"oracle", oracle}, {"explorer", explorer}, {"lambda", "0.1"}};
        struct policy_spec *spec = parse(one, settings, blend ? 3 : 2);
        char name[64];
        if (spec == NULL)
            continue;
        last = spec;
        (void)snprintf(name, sizeof(name), "%s_%s", oracle, explorer);
        add_policy(one, spec, DECIDE, name,
                decide_least(one, spec->explorer->budget != NULL));
        if (strcmp(name, "ridge_squarecb") == 0)
            add_policy(one, spec, ROUND, name, 0.0);
    }
    if (last != NULL)
        add_policy(one, last, LEARN, oracle, learn_least(one, oracle));
}

static void add_learner(const struct bench_case *one, const char *learner)
{
    const char *const settings[][2] = {{"learner", learner}};
    struct policy_spec *spec = parse(one, settings, 1);

    if (spec == NULL)
        return;
    add_policy(one, spec, DECIDE, learner, 0.0);
    add_policy(one, spec, LEARN, learner, 0.0);
}

static void make_list(void)
{
    (void)snprintf(add_item(PEAK, NULL)->name, sizeof(items->name), "peak");
    for (uint32_t c = 0; c < CASES; c++) {
        const struct bench_case *one = &cases[c];
        (void)snprintf(add_item(PLAIN_DOTS, one)->name, sizeof(items->name),
                "plain_dots_%s", one->name);
        (void)snprintf(add_item(DOTS, one)->name, sizeof(items->name),
                "dots_%s", one->name);
        for (size_t i = 0; registry_oracles[i] != NULL; i++)
            add_oracle(one, registry_oracles[i]->name);
        for (size_t i = 0; registry_learners[i] != NULL; i++)
            add_learner(one, registry_learners[i]->name);
    }
}

/* ---- one call of each kind ---- */

static double theta[ACTIONS][COLUMNS + 1];

typedef double dot_product(const double *a, const double *b, uint32_t count);

static double plain_dot(const double *a, const double *b, uint32_t count)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

/* The products of a decide with all columns ready. */
static void all_dots(const struct bench_case *one,
        const struct round_data *round, dot_product *product)
{
    double out[ACTIONS];
    double base = one->action > 0
            ? product(theta[0], round->shared, one->shared)
            : 0.0;

    for (uint32_t a = 0; a < ACTIONS; a++)
        out[a] = one->action > 0
                ? base + product(theta[0] + 10, round->columns[a], one->action)
                : product(theta[a], round->shared, one->shared);
    sink += out[round->slot[3]] + out[round->slot[7]];
}

typedef double four __attribute__((vector_size(32)));

/* PEAK_STEPS x PEAK_CHAINS multiplications of four numbers and as many
 * additions, in chains enough that none has to wait for the one before. */
WIDE __attribute__((noinline)) static void peak(void)
{
    static four products[PEAK_CHAINS], sums[PEAK_CHAINS];
    four p[PEAK_CHAINS], s[PEAK_CHAINS];

    memcpy(p, products, sizeof(p));
    memcpy(s, sums, sizeof(s));
    for (uint32_t i = 0; i < PEAK_STEPS; i++) {
#pragma GCC unroll 8
        for (uint32_t chain = 0; chain < PEAK_CHAINS; chain++) {
            p[chain] *= 1.5;
            s[chain] += 1.5;
        }
    }
    memcpy(products, p, sizeof(p));
    memcpy(sums, s, sizeof(s));
    for (uint32_t chain = 0; chain < PEAK_CHAINS; chain++)
        if (products[chain][0] > 1e100)
            products[chain] = (four){1.0, 1.0, 1.0, 1.0};
}

static void call(const struct item *item, uint64_t index)
{
    const struct round_data *round =
            item->one == NULL ? NULL : &item->one->rounds[index % ROWS];
    struct distribution out;

    arena_reset(&scratch);
    switch (item->kind) {
    case DECIDE:
        decide(item->policy, round, index, &out);
        sink += out.propensity;
        break;
    case LEARN:
        learn(item->policy, round, NULL, index);
        break;
    case ROUND:
        decide(item->policy, round, index, &out);
        learn(item->policy, round, &out, index);
        break;
    case PLAIN_DOTS:
        all_dots(item->one, round, plain_dot);
        break;
    case DOTS:
        all_dots(item->one, round, dot);
        break;
    case PEAK:
        peak();
        break;
    }
}

static void take_turn(struct item *item, int turn)
{
    double start = now_ns();

    for (uint64_t i = 0; i < item->calls; i++)
        call(item, i);
    item->each[turn] = (now_ns() - start) / (double)item->calls;
    item->calls = (uint64_t)(TURN_NS / item->each[turn]) + 1;
}

/* ---- results ---- */

static struct item *item_of(const char *kind, const char *one)
{
    char name[96];

    (void)snprintf(name, sizeof(name), "%s_%s", kind, one);
    for (size_t i = 0; i < item_count; i++)
        if (strcmp(items[i].name, name) == 0)
            return &items[i];
    give_up(name);
}

/* Time of a over time of b, turn by turn. */
static void print_ratio(const char *name, const char *one, const char *a,
        const char *b, int turns)
{
    const struct item *above = item_of(a, one), *below = item_of(b, one);
    double ratios[TURNS_MAX];

    for (int turn = 0; turn < turns; turn++)
        ratios[turn] = above->each[turn] / below->each[turn];
    printf("%s_%s %.3f ratio\n", name, one, median(ratios, turns));
}

static void print_rate(
        const char *name, const char *one, const char *of, int turns)
{
    printf("%s_%s %.0f 1/s\n", name, one,
            1e9 / median(item_of(of, one)->each, turns));
}

static void print_all(int turns)
{
    double peak_rate =
            4.0 * PEAK_STEPS * PEAK_CHAINS / median(items[0].each, turns);

    printf("peak_multiply_adds %.2f 1/ns\n", peak_rate);
    for (size_t i = 1; i < item_count; i++) {
        printf("%s %.1f ns\n", items[i].name, median(items[i].each, turns));
        if (items[i].multiply_adds > 0.0)
            printf("%s_limit %.1f ns\n", items[i].name,
                    items[i].multiply_adds / peak_rate);
    }
    for (uint32_t c = 0; c < CASES; c++) {
        const char *one = cases[c].name;
        print_ratio("plain_dots_per_decide_ridge_squarecb", one, "plain_dots",
                "decide_ridge_squarecb", turns);
        print_ratio("dots_per_decide_ridge_squarecb", one, "dots",
                "decide_ridge_squarecb", turns);
        print_rate(
                "decides_ridge_squarecb", one, "decide_ridge_squarecb", turns);
        print_rate("rounds_ridge_squarecb", one, "round_ridge_squarecb", turns);
    }
}

int main(void)
{
    const char *wanted = getenv("TURNS");
    int turns = wanted == NULL ? 25 : (int)strtol(wanted, NULL, 10);
    size_t size = (size_t)8 << 20;

    if (turns < 1 || turns > TURNS_MAX)
        give_up("TURNS");
    arena = arena_over(malloc(size), size);
    scratch = arena_over(malloc(size), size);
    for (uint32_t i = 0; i < ACTIONS * (COLUMNS + 1); i++)
        theta[i / (COLUMNS + 1)][i % (COLUMNS + 1)] = 0.01 * i;
    for (uint32_t c = 0; c < CASES; c++)
        for (uint64_t i = 0; i < ROWS; i++)
            make_round(&cases[c], &cases[c].rounds[i], i);
    make_list();
    for (int warm = 0; warm < 2; warm++)
        for (size_t i = 0; i < item_count; i++)
            take_turn(&items[i], 0);
    for (int turn = 0; turn < turns; turn++)
        for (size_t i = 0; i < item_count; i++)
            take_turn(&items[i], turn);
    print_all(turns);
    for (size_t i = 0; i < item_count; i++)
        free(items[i].policy);
    free(arena.data);
    free(scratch.data);
    return isfinite(sink) ? 0 : 1;
}
