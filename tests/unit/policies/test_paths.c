/* Online shortest paths: the graph against all its paths listed one by one,
 * propensities against the definition, and the regret of drawn play against
 * the bound of groupwise.md, section 6 (test 7 of section 11). */
#include "policies/graph.h"
#include "policies/pmf.h"
#include "policies/policy.h"
#include "policies/registry.h"
#include "tests/lib/suite.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define EDGES_MAX 32u
#define PATHS_MAX 512u
#define STATE_MAX 65536u

/* Three by three nodes, to the right and down: 12 edges, 6 paths of 4. */
#define GRID                                                                   \
    "00>01 00>10 01>02 01>11 02>12 10>11 10>20 11>12 11>21 12>22 20>21 21>22"
#define GRID_EDGES   12u
#define GRID_LONGEST 4.0

static struct arena arena;
static struct err err;

/* ---- the reference: every path of a graph ---- */

struct all_paths {
    uint32_t count;
    uint32_t length[PATHS_MAX];
    uint16_t edge[PATHS_MAX][EDGES_MAX];
};

static void list_from(const struct graph *graph, uint32_t node, uint64_t seen,
        uint16_t *edges, uint32_t length, struct all_paths *all)
{
    if (node == graph->target) {
        ck_assert_uint_lt(all->count, PATHS_MAX);
        all->length[all->count] = length;
        memcpy(all->edge[all->count++], edges, length * sizeof(*edges));
        return;
    }
    for (uint32_t e = 0; e < graph->edges; e++) {
        if (graph->from[e] != node || seen >> graph->to[e] & 1)
            continue;
        edges[length] = (uint16_t)e;
        list_from(graph, graph->to[e], seen | UINT64_C(1) << graph->to[e],
                edges, length + 1, all);
    }
}

static void list_paths(const struct graph *graph, struct all_paths *all)
{
    uint16_t edges[EDGES_MAX];

    all->count = 0;
    list_from(
            graph, graph->source, UINT64_C(1) << graph->source, edges, 0, all);
}

static double path_cost(
        const uint16_t *edges, uint32_t length, const double *cost)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < length; i++)
        sum += cost[edges[i]];
    return sum;
}

static uint32_t cheapest(const struct all_paths *all, const double *cost)
{
    uint32_t best = 0;

    for (uint32_t i = 1; i < all->count; i++)
        if (path_cost(all->edge[i], all->length[i], cost) <
                path_cost(all->edge[best], all->length[best], cost))
            best = i;
    return best;
}

static void parse(struct graph *graph, const char *text, uint32_t edges,
        const char *source, const char *target)
{
    ck_assert_msg(graph_parse(graph, bytes_of_text(text), bytes_of_text(source),
                          bytes_of_text(target), edges, &err) == 0,
            "%s", err.text);
}

/* Random graphs of 3 to 6 nodes, cycles and parallel edges among them, with
 * some edges away. */
START_TEST(shortest_equals_listing)
{
    struct rng rng = rng_keyed(41, (uint64_t)_i, RNG_TEST);
    static struct all_paths all;
    static struct graph_walk walk;
    int solved = 0;

    for (int trial = 0; trial < 3000; trial++) {
        uint32_t nodes = 3 + rng_below(&rng, 4);
        uint32_t edges = 3 + rng_below(&rng, 10);
        char text[8 * EDGES_MAX], *end = text;
        double cost[EDGES_MAX];
        struct graph graph;
        uint16_t path[GRAPH_NODES_MAX];
        uint32_t length, best, most = 0;
        for (uint32_t e = 0; e < edges; e++) {
            uint32_t a = rng_below(&rng, nodes);
            uint32_t b = (a + 1 + rng_below(&rng, nodes - 1)) % nodes;
            if (_i == 0 && a > b) { /* the first run is without cycles */
                uint32_t swap = a;
                a = b;
                b = swap;
            }
            end += snprintf(end, 8, "%u>%u ", a, b);
            cost[e] = rng_unit(&rng) < 0.15 ? (double)INFINITY : rng_unit(&rng);
        }
        if (graph_parse(&graph, bytes_of_text(text), bytes_of_text("0"),
                    bytes_of_text("1"), edges, &err) != 0)
            continue;
        list_paths(&graph, &all);
        for (uint32_t i = 0; i < all.count; i++)
            most = all.length[i] > most ? all.length[i] : most;
        ck_assert_uint_ge(graph.longest, most);
        if (graph.acyclic)
            ck_assert_uint_eq(graph.longest, most);
        ck_assert(_i == 1 || graph.acyclic);
        best = cheapest(&all, cost);
        length = graph_shortest(&graph, cost, &walk, path);
        if (isinf(path_cost(all.edge[best], all.length[best], cost))) {
            ck_assert_uint_eq(length, 0);
            continue;
        }
        ck_assert_uint_eq(length, all.length[best]);
        ck_assert_mem_eq(path, all.edge[best], length * sizeof(*path));
        solved++;
    }
    ck_assert_int_gt(solved, 500);
}
END_TEST

struct hostile_graph {
    const char *graph, *source, *target;
    uint32_t slots;
    const char *tables; /* or NULL */
    const char *message; /* a part of it */
};

static const struct hostile_graph hostile_graphs[] = {
        {NULL, "s", "t", 2, NULL, "graph: is missing"},
        {"s>a a>t", "s", "t", 3, NULL, "2 edges, but the catalogue has 3"},
        {"s>a a>t s>t", "s", "t", 2, NULL, "3 edges, but the catalogue has 2"},
        {"s>a a-t", "s", "t", 2, NULL, "'a-t' is not FROM>TO"},
        {"s>a a>", "s", "t", 2, NULL, "'a>' is not FROM>TO"},
        {">s s>t", "s", "t", 2, NULL, "'>s' is not FROM>TO"},
        {"s>a>t a>t", "s", "t", 2, NULL, "'s>a>t' is not FROM>TO"},
        {"s>s s>t", "s", "t", 2, NULL, "'s>s' leads to where it starts"},
        {"s>a a>t", "x", "t", 2, NULL, "source: the graph has no node 'x'"},
        {"s>a a>t", "s", "z", 2, NULL, "target: the graph has no node 'z'"},
        {"s>a a>t", "s", "s", 2, NULL, "target: is the same node"},
        {"s>a t>a", "s", "t", 2, NULL, "no path leads from source to target"},
        {"s>a a>t", "s", "t", 0, NULL, "catalogue"},
        {"s>a a>t", "s", "t", 2, "0", "tables: '0' is not"},
};

static int parse_spec(struct policy_spec *spec, const struct shape *shape,
        const char *const settings[][2], size_t count)
{
    struct value_range range = {0.0, 1.0, true, false};
    struct keyvalue values[16];
    size_t used = 0;

    for (size_t i = 0; i < count; i++)
        if (settings[i][1] != NULL)
            values[used++] = (struct keyvalue){bytes_of_text(settings[i][0]),
                    bytes_of_text(settings[i][1]), 0, false};
    return policy_spec_parse(
            spec, shape, &range, values, used, &arena, NULL, &err);
}

START_TEST(hostile_graphs_are_refused)
{
    const struct hostile_graph *one = &hostile_graphs[_i];
    const char *const settings[][2] = {{"learner", "paths"},
            {"graph", one->graph}, {"source", one->source},
            {"target", one->target}, {"tables", one->tables}};
    struct shape shape = {
            .slots = one->slots, .actions_max = one->slots, .path = true};
    struct policy_spec spec;

    ck_assert_int_eq(parse_spec(&spec, &shape, settings, 5), STATUS_INVALID);
    ck_assert_msg(strstr(err.text, one->message) != NULL, "%s", err.text);
}
END_TEST

/* As many nodes as there may be, in one line and in one ring, and one more. */
START_TEST(largest_graphs)
{
    static char text[16 * (ACTIONS_MAX + 1)];
    static struct graph graph;
    static struct graph_walk walk;
    static double cost[ACTIONS_MAX];
    static uint16_t path[GRAPH_NODES_MAX];
    char *end = text;

    for (uint32_t e = 0; e < ACTIONS_MAX; e++)
        cost[e] = 1.0;
    for (uint32_t e = 0; e + 1 < ACTIONS_MAX; e++)
        end += snprintf(end, 16, "%u>%u ", e, e + 1);
    parse(&graph, text, ACTIONS_MAX - 1, "0", "1023");
    ck_assert_uint_eq(graph.longest, ACTIONS_MAX - 1);
    ck_assert_uint_eq(
            graph_shortest(&graph, cost, &walk, path), ACTIONS_MAX - 1);
    (void)snprintf(end, 16, "1023>0");
    parse(&graph, text, ACTIONS_MAX, "0", "1023");
    ck_assert_uint_eq(graph.longest, ACTIONS_MAX - 1);
    ck_assert_uint_eq(
            graph_shortest(&graph, cost, &walk, path), ACTIONS_MAX - 1);
    (void)snprintf(end, 16, "1023>1024");
    ck_assert_int_eq(
            graph_parse(&graph, bytes_of_text(text), bytes_of_text("0"),
                    bytes_of_text("1"), ACTIONS_MAX, &err),
            STATUS_INVALID);
    ck_assert_str_eq(err.text, "graph: at most 1024 nodes");
}
END_TEST

/* ---- a policy of paths ---- */

struct played {
    struct policy_spec spec;
    struct policy *policy;
    struct arena scratch;
    struct graph graph;
};

static void open_played(struct played *played, uint32_t groups,
        const char *option, const char *value)
{
    const char *const settings[][2] = {{"learner", "paths"}, {"graph", GRID},
            {"source", "00"}, {"target", "22"}, {option, value}};
    struct shape shape = {.slots = GRID_EDGES,
            .actions_max = GRID_EDGES,
            .path = true,
            .groups = groups};
    size_t scratch;

    ck_assert_msg(parse_spec(&played->spec, &shape, settings, 5) == 0, "%s",
            err.text);
    parse(&played->graph, GRID, GRID_EDGES, "00", "22");
    scratch = policy_scratch(&played->spec) + GRID_EDGES * sizeof(double) + 16;
    played->policy = policy_init(
            aligned_alloc(64, (policy_footprint(&played->spec) + 63) / 64 * 64),
            &played->spec);
    played->scratch = arena_over(malloc(scratch), scratch);
}

static void close_played(struct played *played)
{
    free(played->policy);
    free(played->scratch.data);
}

/* A round: groups, edges on offer, losses of all edges of the catalogue. */
struct round_data {
    uint16_t groups[4];
    uint32_t slots[GRID_EDGES];
    double losses[GRID_EDGES];
    struct context context;
    struct action_set actions;
};

static void offer(struct round_data *round, unsigned away)
{
    round->actions = (struct action_set){.slot = round->slots};
    for (uint32_t e = 0; e < GRID_EDGES; e++)
        if (!(away >> e & 1))
            round->slots[round->actions.count++] = e;
}

static struct path_choice propose(
        struct played *played, const struct round_data *round, uint64_t event)
{
    struct path_choice choice;

    arena_reset(&played->scratch);
    ck_assert_msg(
            policy_propose(played->policy, &round->context, &round->actions, 9,
                    event, &played->scratch, &choice, &err) == 0,
            "%s", err.text);
    return choice;
}

static const uint32_t *chosen_path(
        const struct path_choice *choice, uint32_t *count)
{
    const uint32_t *start = &choice->routes.start[choice->chosen];

    *count = start[1] - start[0];
    return choice->routes.edges + start[0];
}

/* Proposes, and learns what came of it; returns the loss of the path drawn. */
static double play(struct played *played, const struct round_data *round,
        uint64_t event, bool full)
{
    struct path_choice choice = propose(played, round, event);
    uint32_t count;
    const uint32_t *path = chosen_path(&choice, &count);
    double all[GRID_EDGES], own[GRID_EDGES], sum = 0.0;
    struct path_lesson lesson = {&round->context, &round->actions,
            choice.marginal, path, count, full ? all : own, full, 1.0, 0};

    for (uint32_t i = 0; i < round->actions.count; i++)
        all[i] = round->losses[round->actions.slot[i]];
    for (uint32_t i = 0; i < count; i++) {
        own[i] = all[path[i]];
        sum += own[i];
    }
    policy_learn_path(played->policy, &lesson, &played->scratch);
    return sum;
}

static void random_round(struct round_data *round, uint64_t index,
        uint32_t groups, unsigned away)
{
    struct rng rng = rng_keyed(43, index, RNG_TEST);

    memset(round, 0, sizeof(*round));
    for (uint16_t g = 0; g < groups; g++)
        if (rng_unit(&rng) < 0.5)
            round->groups[round->context.group_count++] = g;
    round->context.groups = round->groups;
    for (uint32_t e = 0; e < GRID_EDGES; e++)
        round->losses[e] = rng_unit(&rng) < 0.2 + 0.05 * e ? 1.0 : 0.0;
    offer(round, away);
}

static void teach(struct played *played, uint64_t from, uint64_t to)
{
    struct round_data round;

    for (uint64_t i = from; i < to; i++) {
        /* The edges of one path at most are away. */
        random_round(&round, i, played->spec.shape.groups,
                i % 3 == 0 ? 1u << (i % 2 ? 4 : 6) : 0);
        (void)play(played, &round, i, i % 4 != 0);
        ck_assert(policy_check(played->policy));
    }
}

static size_t save(const struct played *played, uint8_t *bytes)
{
    struct writer writer = writer_over(bytes, STATE_MAX);

    policy_save(played->policy, &writer);
    ck_assert(!writer.failed);
    return writer.size;
}

/* ---- propensities ---- */

static void check_choice(const struct played *played,
        const struct round_data *round, const struct path_choice *choice)
{
    const struct routes *routes = &choice->routes;
    const struct graph *graph = &played->graph;
    double marginal[GRID_EDGES] = {0}, out = 0.0;

    ck_assert(pmf_valid(routes->pmf, routes->count));
    ck_assert_uint_lt(choice->chosen, routes->count);
    ck_assert_double_eq(choice->propensity, routes->pmf[choice->chosen]);
    ck_assert_double_gt(choice->propensity, 0.0);
    for (uint32_t i = 0; i < routes->count; i++) {
        uint32_t node = graph->source;
        for (uint32_t j = routes->start[i]; j < routes->start[i + 1]; j++) {
            uint32_t edge = round->actions.slot[routes->edges[j]];
            ck_assert_uint_lt(routes->edges[j], round->actions.count);
            ck_assert_uint_eq(graph->from[edge], node);
            node = graph->to[edge];
            marginal[routes->edges[j]] += routes->pmf[i];
        }
        ck_assert_uint_eq(node, graph->target);
        for (uint32_t k = 0; k < i; k++)
            ck_assert(routes->start[k + 1] - routes->start[k] !=
                            routes->start[i + 1] - routes->start[i] ||
                    memcmp(routes->edges + routes->start[k],
                            routes->edges + routes->start[i],
                            (routes->start[i + 1] - routes->start[i]) *
                                    sizeof(uint32_t)) != 0);
    }
    for (uint32_t i = 0; i < round->actions.count; i++) {
        ck_assert_double_eq_tol(choice->marginal[i], marginal[i], 1e-12);
        if (graph->from[round->actions.slot[i]] == graph->source)
            out += choice->marginal[i];
    }
    ck_assert_double_eq_tol(out, 1.0, 1e-9); /* a unit of flow leaves */
}

START_TEST(shares_and_marginals)
{
    struct played played;
    struct round_data round;
    uint32_t candidates = 0;

    open_played(&played, 3, NULL, NULL);
    for (uint64_t i = 0; i < 300; i++) {
        struct path_choice choice;
        random_round(&round, 5000 + i, 3, i % 5 == 0 ? 1u << 7 : 0);
        choice = propose(&played, &round, i);
        check_choice(&played, &round, &choice);
        candidates += choice.routes.count;
        teach(&played, i, i + 1);
    }
    ck_assert_uint_gt(candidates, 600);
    close_played(&played);
}
END_TEST

/* The shares are those of the definition: for each table the noises drawn in
 * catalogue order, and the cheapest of all paths listed. */
START_TEST(shares_equal_the_definition)
{
    enum { TABLES = 64, ROUNDS = 40 };
    struct played played;
    static struct all_paths all;
    double sums[GRID_EDGES] = {0};

    open_played(&played, 0, "noise_scale", "0.5");
    list_paths(&played.graph, &all);
    ck_assert_uint_eq(all.count, 6);
    for (uint64_t t = 0; t < ROUNDS; t++) {
        struct rng draws = rng_keyed(9, t, RNG_PATH);
        double reach = 0.5 * sqrt(GRID_EDGES * ((double)t + 1.0) / 2.0);
        double share[PATHS_MAX] = {0};
        struct round_data round;
        struct path_choice choice;
        random_round(&round, t, 0, 0);
        for (int table = 0; table < TABLES; table++) {
            double cost[GRID_EDGES];
            for (uint32_t e = 0; e < GRID_EDGES; e++)
                cost[e] = sums[e] + reach * rng_unit(&draws);
            share[cheapest(&all, cost)] += 1.0 / TABLES;
        }
        choice = propose(&played, &round, t);
        for (uint32_t i = 0; i < choice.routes.count; i++) {
            const uint32_t *path = choice.routes.edges + choice.routes.start[i];
            for (uint32_t k = 0; k < all.count; k++) {
                bool same = true;
                for (uint32_t j = 0; j < all.length[k]; j++)
                    same = same && path[j] == all.edge[k][j];
                if (!same)
                    continue;
                ck_assert_double_eq_tol(choice.routes.pmf[i], share[k], 1e-12);
                share[k] = 0.0;
            }
        }
        for (uint32_t k = 0; k < all.count; k++)
            ck_assert_double_eq(share[k], 0.0);
        (void)play(&played, &round, t, true);
        for (uint32_t e = 0; e < GRID_EDGES; e++)
            sums[e] += round.losses[e];
    }
    close_played(&played);
}
END_TEST

/* The path is drawn from the shares: its frequency is their mean. */
START_TEST(draws_follow_the_shares)
{
    enum { EVENTS = 4000 };
    struct played played;
    struct round_data round;
    double expected[GRID_EDGES] = {0}, drawn[GRID_EDGES] = {0};
    double variance[GRID_EDGES] = {0};

    open_played(&played, 2, NULL, NULL);
    teach(&played, 0, 60);
    random_round(&round, 77, 2, 0);
    for (uint64_t i = 0; i < EVENTS; i++) {
        struct path_choice choice = propose(&played, &round, i);
        uint32_t count;
        const uint32_t *path = chosen_path(&choice, &count);
        for (uint32_t e = 0; e < GRID_EDGES; e++) {
            expected[e] += choice.marginal[e];
            variance[e] += choice.marginal[e] * (1.0 - choice.marginal[e]);
        }
        for (uint32_t k = 0; k < count; k++)
            drawn[path[k]] += 1.0;
    }
    for (uint32_t e = 0; e < GRID_EDGES; e++)
        ck_assert_double_le(
                fabs(drawn[e] - expected[e]), 4.5 * sqrt(variance[e]) + 1e-9);
    close_played(&played);
}
END_TEST

START_TEST(edges_away_are_not_used)
{
    struct played played;
    struct round_data round;
    struct path_choice choice;

    open_played(&played, 3, NULL, NULL);
    teach(&played, 0, 50);
    for (unsigned away = 0; away < 1u << GRID_EDGES; away += 7) {
        static struct graph_walk walk;
        uint16_t path[GRAPH_NODES_MAX];
        double cost[GRID_EDGES];
        random_round(&round, away, 3, away);
        for (uint32_t e = 0; e < GRID_EDGES; e++)
            cost[e] = away >> e & 1 ? (double)INFINITY : 1.0;
        if (round.actions.count == 0)
            continue;
        arena_reset(&played.scratch);
        if (graph_shortest(&played.graph, cost, &walk, path) > 0) {
            choice = propose(&played, &round, away);
            check_choice(&played, &round, &choice);
            continue;
        }
        ck_assert_int_eq(
                policy_propose(played.policy, &round.context, &round.actions, 9,
                        1, &played.scratch, &choice, &err),
                STATUS_INVALID);
        ck_assert_str_eq(err.text, "no path is left over these edges");
    }
    close_played(&played);
}
END_TEST

/* The order in which edges are listed changes their indices only. */
START_TEST(order_of_edges)
{
    struct played played;
    struct round_data up, down;

    open_played(&played, 3, NULL, NULL);
    teach(&played, 0, 80);
    for (uint64_t i = 0; i < 50; i++) {
        struct path_choice choice;
        double marginal[GRID_EDGES];
        uint32_t path[GRID_EDGES];
        uint32_t count;
        random_round(&up, i, 3, 1u << (i % GRID_EDGES));
        random_round(&down, i, 3, 1u << (i % GRID_EDGES));
        for (uint32_t k = 0; k < up.actions.count; k++)
            down.slots[k] = up.slots[up.actions.count - 1 - k];
        choice = propose(&played, &up, i);
        memcpy(marginal, choice.marginal, up.actions.count * sizeof(*marginal));
        memcpy(path, chosen_path(&choice, &count), sizeof(*path) * 4);
        choice = propose(&played, &down, i);
        for (uint32_t k = 0; k < up.actions.count; k++)
            ck_assert_double_eq(
                    choice.marginal[k], marginal[up.actions.count - 1 - k]);
        for (uint32_t k = 0; k < 4; k++)
            ck_assert_uint_eq(down.slots[chosen_path(&choice, &count)[k]],
                    up.slots[path[k]]);
    }
    close_played(&played);
}
END_TEST

START_TEST(a_small_arena_is_refused)
{
    struct played played;
    struct round_data round;
    struct path_choice choice;

    open_played(&played, 3, NULL, NULL);
    random_round(&round, 1, 3, 0);
    arena_reset(&played.scratch);
    played.scratch.capacity = policy_scratch(&played.spec) / 2;
    ck_assert_int_eq(
            policy_propose(played.policy, &round.context, &round.actions, 9, 1,
                    &played.scratch, &choice, &err),
            STATUS_BUSY);
    close_played(&played);
}
END_TEST

START_TEST(floor_and_cap_are_refused)
{
    const char *const settings[][2] = {{"learner", "paths"}, {"graph", GRID},
            {"source", "00"}, {"target", "22"},
            {_i == 0 ? "floor" : "cap", "0.1"}};
    struct shape shape = {
            .slots = GRID_EDGES, .actions_max = GRID_EDGES, .path = true};
    struct policy_spec spec;

    ck_assert_int_eq(parse_spec(&spec, &shape, settings, 5), STATUS_INVALID);
    ck_assert_msg(strstr(err.text, "learner paths chooses paths") != NULL, "%s",
            err.text);
}
END_TEST

/* ---- state ---- */

START_TEST(proposing_changes_no_state)
{
    struct played played;
    struct round_data round;
    size_t footprint;
    uint8_t *before;

    open_played(&played, 3, NULL, NULL);
    teach(&played, 0, 60);
    footprint = policy_footprint(&played.spec);
    before = malloc(footprint);
    memcpy(before, played.policy, footprint);
    for (uint64_t i = 0; i < 50; i++) {
        random_round(&round, 900 + i, 3, 0);
        (void)propose(&played, &round, i);
    }
    ck_assert_mem_eq(before, played.policy, footprint);
    free(before);
    close_played(&played);
}
END_TEST

/* Saved, loaded and taught on is the same as taught through, and as another
 * that was taught the same. */
START_TEST(save_and_load_round_trip)
{
    struct played through, loaded, again;
    static uint8_t a[STATE_MAX], b[STATE_MAX];
    struct reader reader;
    size_t size;

    open_played(&through, 3, NULL, NULL);
    open_played(&loaded, 3, NULL, NULL);
    open_played(&again, 3, NULL, NULL);
    teach(&through, 0, 100);
    size = save(&through, a);
    reader = reader_of(bytes_of(a, size));
    ck_assert_msg(
            policy_load(loaded.policy, &reader, &err) == 0, "%s", err.text);
    ck_assert(reader_done(&reader));
    teach(&through, 100, 200);
    teach(&loaded, 100, 200);
    teach(&again, 0, 200);
    size = save(&through, a);
    ck_assert_uint_eq(save(&loaded, b), size);
    ck_assert_mem_eq(a, b, size);
    ck_assert_uint_eq(save(&again, b), size);
    ck_assert_mem_eq(a, b, size);
    ck_assert_uint_eq(policy_learned(again.policy), 200);
    close_played(&through);
    close_played(&loaded);
    close_played(&again);
}
END_TEST

START_TEST(hostile_state)
{
    struct played played;
    static uint8_t good[STATE_MAX], bad[STATE_MAX];
    struct rng rng = rng_keyed(47, 1, RNG_TEST);
    struct round_data round;
    size_t size;

    open_played(&played, 3, NULL, NULL);
    teach(&played, 0, 100);
    size = save(&played, good);
    for (size_t cut = 0; cut < size; cut++) {
        struct reader reader = reader_of(bytes_of(good, cut));
        (void)policy_init(played.policy, &played.spec);
        ck_assert_int_eq(
                policy_load(played.policy, &reader, &err), STATUS_CORRUPT);
    }
    for (uint64_t trial = 0; trial < 3000; trial++) {
        struct reader reader = reader_of(bytes_of(bad, size));
        struct path_choice choice;
        memcpy(bad, good, size);
        bad[rng_below(&rng, (uint32_t)size)] ^=
                (uint8_t)(1u << rng_below(&rng, 8));
        (void)policy_init(played.policy, &played.spec);
        if (policy_load(played.policy, &reader, &err) != 0)
            continue;
        ck_assert(policy_check(played.policy));
        random_round(&round, trial, 3, 0);
        choice = propose(&played, &round, trial);
        check_choice(&played, &round, &choice);
    }
    close_played(&played);
}
END_TEST

START_TEST(state_of_another_graph_is_refused)
{
    const char *const settings[][2] = {{"learner", "paths"},
            {"graph", "s>a a>t"}, {"source", "s"}, {"target", "t"}};
    const char *const other[][2] = {{"learner", "paths"}, {"graph", "s>t s>t"},
            {"source", "s"}, {"target", "t"}};
    struct shape shape = {.slots = 2, .actions_max = 2, .path = true};
    struct policy_spec spec, other_spec;
    struct policy *policy;
    uint8_t bytes[1024];
    struct writer writer = writer_over(bytes, sizeof(bytes));
    struct reader reader;

    ck_assert_int_eq(parse_spec(&spec, &shape, settings, 4), 0);
    ck_assert_int_eq(parse_spec(&other_spec, &shape, other, 4), 0);
    policy = policy_init(aligned_alloc(64, 1 << 16), &spec);
    policy_save(policy, &writer);
    (void)policy_init(policy, &other_spec);
    reader = reader_of(writer_bytes(&writer));
    ck_assert_int_eq(policy_load(policy, &reader, &err), STATUS_CORRUPT);
    ck_assert_str_eq(err.text, "paths: state of another graph");
    free(policy);
}
END_TEST

/* ---- regret ---- */

#define WORLD_GROUPS 3u
#define ALL          WORLD_GROUPS
#define SEEDS        24
#define ROUNDS       2000

/* Overlapping groups, each with mean costs of its own; where several meet the
 * mean is theirs, where none is awake it is the rest's. Losses are 0 or 1. */
struct world {
    struct rng rng;
    double mean[WORLD_GROUPS + 1][GRID_EDGES];
};

static void world_open(struct world *world, uint64_t seed)
{
    world->rng = rng_keyed(seed, 1, RNG_WORLD);
    for (uint32_t g = 0; g <= WORLD_GROUPS; g++)
        for (uint32_t e = 0; e < GRID_EDGES; e++)
            world->mean[g][e] = rng_unit(&world->rng);
}

static void world_round(struct world *world, struct round_data *round)
{
    static const double awake[WORLD_GROUPS] = {0.5, 0.4, 0.15};

    memset(round, 0, sizeof(*round));
    offer(round, 0);
    round->context.groups = round->groups;
    for (uint16_t g = 0; g < WORLD_GROUPS; g++)
        if (rng_unit(&world->rng) < awake[g])
            round->groups[round->context.group_count++] = g;
    for (uint32_t e = 0; e < GRID_EDGES; e++) {
        double mean = 0.0;
        for (uint32_t i = 0; i < round->context.group_count; i++)
            mean += world->mean[round->groups[i]][e] /
                    round->context.group_count;
        if (round->context.group_count == 0)
            mean = world->mean[WORLD_GROUPS][e];
        round->losses[e] = rng_unit(&world->rng) < mean ? 1.0 : 0.0;
    }
}

struct tally {
    double loss[WORLD_GROUPS + 1]; /* of drawn play, on the group's rounds */
    double sums[WORLD_GROUPS + 1][GRID_EDGES];
    double rounds[WORLD_GROUPS + 1];
};

static void count_round(
        struct tally *tally, const struct round_data *round, double loss)
{
    for (uint32_t i = 0; i <= round->context.group_count; i++) {
        uint32_t g = i < round->context.group_count ? round->groups[i] : ALL;
        tally->loss[g] += loss;
        tally->rounds[g] += 1.0;
        for (uint32_t e = 0; e < GRID_EDGES; e++)
            tally->sums[g][e] += round->losses[e];
    }
}

/* Against the best of all paths listed. */
static double regret(const struct tally *tally, uint32_t group)
{
    struct graph graph;
    static struct all_paths all;
    uint32_t best;

    parse(&graph, GRID, GRID_EDGES, "00", "22");
    list_paths(&graph, &all);
    best = cheapest(&all, tally->sums[group]);
    return tally->loss[group] -
            path_cost(all.edge[best], all.length[best], tally->sums[group]);
}

/* The numbers that a policy reports of itself, by expert. */
struct report {
    uint32_t groups;
    double rounds[WORLD_GROUPS + 1], best[WORLD_GROUPS + 1];
    double regret[WORLD_GROUPS + 1], bound[WORLD_GROUPS + 1];
};

static void take_number(
        void *self, const char *name, int32_t group, double value)
{
    struct report *report = self;
    uint32_t at = group < 0 ? ALL : (uint32_t)group;

    if (strcmp(name, "path_rounds") == 0)
        report->rounds[at] = value;
    if (strcmp(name, "path_best_loss") == 0)
        report->best[at] = value;
    if (strcmp(name, "path_regret") == 0)
        report->regret[at] = value;
    if (strcmp(name, "path_regret_bound") == 0)
        report->bound[at] = value;
}

/* Plays one world, with groups or as if there were none. */
static void play_world(uint64_t seed, bool groupwise, bool full,
        struct tally *tally, struct report *report)
{
    struct played played;
    struct world world;
    struct round_data round;
    struct visitor visitor = {take_number, report};

    memset(tally, 0, sizeof(*tally));
    memset(report, 0, sizeof(*report));
    open_played(&played, groupwise ? WORLD_GROUPS : 0, NULL, NULL);
    world_open(&world, seed);
    for (uint64_t t = 0; t < ROUNDS; t++) {
        struct round_data shown;
        world_round(&world, &round);
        shown = round;
        shown.context.groups = shown.groups;
        shown.actions.slot = shown.slots;
        if (!groupwise)
            shown.context.group_count = 0;
        count_round(tally, &round, play(&played, &shown, seed << 32 | t, full));
    }
    policy_visit(played.policy, &visitor);
    close_played(&played);
}

struct sample {
    double sum, square;
    int count;
};

static void add(struct sample *sample, double value)
{
    sample->sum += value;
    sample->square += value * value;
    sample->count++;
}

static double mean_of(const struct sample *sample)
{
    return sample->sum / sample->count;
}

/* Half of the 95 % interval of the mean. */
static double half_of(const struct sample *sample)
{
    double n = sample->count, mean = mean_of(sample);

    return 1.96 * sqrt((sample->square / n - mean * mean) / (n - 1.0));
}

/* Test 7, with the losses of all edges (0) and of the path only (1): for every
 * group, drawn play of the groupwise form stays below the bound, and below a
 * single leader for the groups that are not everybody. With the path's losses
 * only, the bound of full information is a yardstick, not a promise. */
START_TEST(regret_of_every_group)
{
    bool full = _i == 0;
    struct sample own[WORLD_GROUPS + 1] = {0}, bound[WORLD_GROUPS + 1] = {0};
    struct sample single[WORLD_GROUPS + 1] = {0}, less[WORLD_GROUPS + 1] = {0};

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct tally tally, alone;
        struct report report, other;
        play_world(seed, true, full, &tally, &report);
        play_world(seed, false, full, &alone, &other);
        for (uint32_t g = 0; g <= WORLD_GROUPS; g++) {
            double plain = 2.0 * GRID_LONGEST *
                    sqrt(2.0 * GRID_EDGES * tally.rounds[g]);
            ck_assert_double_eq(report.rounds[g], tally.rounds[g]);
            if (full) {
                /* The report knows the same best path; its own loss is in
                 * expectation over the draws. */
                ck_assert_double_eq_tol(report.best[g],
                        tally.loss[g] - regret(&tally, g), 1e-6);
                ck_assert_double_le(fabs(report.regret[g] - regret(&tally, g)),
                        5.0 * sqrt(tally.rounds[g]));
                ck_assert_double_gt(report.bound[g], plain);
                ck_assert_double_le(report.regret[g], report.bound[g]);
            }
            add(&own[g], regret(&tally, g));
            add(&single[g], regret(&alone, g));
            add(&less[g], regret(&tally, g) - regret(&alone, g));
            add(&bound[g], full ? report.bound[g] : plain);
        }
    }
    printf("%s losses, %d rounds, %d seeds, 95 %% intervals\n",
            full ? "all" : "the path's", ROUNDS, SEEDS);
    for (uint32_t g = 0; g <= WORLD_GROUPS; g++) {
        printf("  group %u: regret %7.1f +- %5.1f   bound %7.1f   single "
               "%7.1f +- %5.1f   difference %7.1f +- %5.1f\n",
                g, mean_of(&own[g]), half_of(&own[g]), mean_of(&bound[g]),
                mean_of(&single[g]), half_of(&single[g]), mean_of(&less[g]),
                half_of(&less[g]));
        ck_assert_double_lt(
                mean_of(&own[g]) + half_of(&own[g]), mean_of(&bound[g]));
        ck_assert_double_lt(mean_of(&less[g]) + half_of(&less[g]), 0.0);
    }
}
END_TEST

/* Costs that go against whoever leads: the edges of the path that the sums
 * alone would choose cost 1. Following the leader without noise loses every
 * round; with noise the regret stays below the bound. */
static double hostile_regret(const char *noise_scale, double *bound)
{
    struct played played;
    struct tally tally = {0};
    struct report report = {0};
    struct visitor visitor = {take_number, &report};

    open_played(&played, 0, "noise_scale", noise_scale);
    for (uint64_t t = 0; t < ROUNDS; t++) {
        static struct all_paths all;
        struct round_data round;
        uint32_t best;
        memset(&round, 0, sizeof(round));
        offer(&round, 0);
        list_paths(&played.graph, &all);
        best = cheapest(&all, tally.sums[ALL]);
        for (uint32_t i = 0; i < all.length[best]; i++)
            round.losses[all.edge[best][i]] = 1.0;
        count_round(&tally, &round, play(&played, &round, t, true));
    }
    policy_visit(played.policy, &visitor);
    close_played(&played);
    *bound = report.bound[ALL];
    return regret(&tally, ALL);
}

START_TEST(a_leader_needs_noise)
{
    double bound;
    double with = hostile_regret("1", &bound);
    double without = hostile_regret("0.001", &bound);

    printf("against the leader: regret %.1f, bound %.1f, without noise %.1f\n",
            with, bound, without);
    ck_assert_double_lt(with, bound);
    ck_assert_double_gt(without, bound);
    ck_assert_double_lt(with, 0.25 * without);
}
END_TEST

/* ---- details of learning ---- */

/* An edge that is away is charged its mean: after rounds at 0.5 each, and as
 * many away, its sum is that of all rounds at 0.5. */
START_TEST(edges_away_keep_their_mean)
{
    struct played here, away;
    struct round_data round;
    static uint8_t a[STATE_MAX], b[STATE_MAX];
    size_t size;

    open_played(&here, 0, NULL, NULL);
    open_played(&away, 0, NULL, NULL);
    for (uint64_t t = 0; t < 64; t++) {
        memset(&round, 0, sizeof(round));
        for (uint32_t e = 0; e < GRID_EDGES; e++)
            round.losses[e] = 0.5;
        offer(&round, 0);
        (void)play(&here, &round, t, true);
        offer(&round, t < 32 ? 0 : 1u << 3);
        (void)play(&away, &round, t, true);
    }
    size = save(&here, a);
    ck_assert_uint_eq(save(&away, b), size);
    ck_assert_mem_eq(a, b, size);
    close_played(&here);
    close_played(&away);
}
END_TEST

/* Losses out of range are clamped. */
START_TEST(losses_are_clamped)
{
    struct played plain, wild;
    static uint8_t a[STATE_MAX], b[STATE_MAX];
    struct round_data round;
    double inside[GRID_EDGES], outside[GRID_EDGES];
    size_t size;

    open_played(&plain, 2, NULL, NULL);
    open_played(&wild, 2, NULL, NULL);
    for (uint64_t t = 0; t < 20; t++) {
        struct path_choice choice;
        struct path_lesson lesson;
        random_round(&round, t, 2, 0);
        for (uint32_t e = 0; e < GRID_EDGES; e++) {
            inside[e] = round.losses[e];
            outside[e] = round.losses[e] > 0.5 ? 7.0 : -3.0;
        }
        choice = propose(&plain, &round, t);
        lesson = (struct path_lesson){.context = &round.context,
                .actions = &round.actions,
                .marginal = choice.marginal,
                .path = choice.routes.edges,
                .path_count = 4,
                .losses = inside,
                .full = true,
                .weight = 1.0};
        policy_learn_path(plain.policy, &lesson, &plain.scratch);
        lesson.losses = outside;
        arena_reset(&wild.scratch);
        policy_learn_path(wild.policy, &lesson, &wild.scratch);
        ck_assert(policy_check(wild.policy));
    }
    size = save(&plain, a);
    ck_assert_uint_eq(save(&wild, b), size);
    ck_assert_mem_eq(a, b, size);
    close_played(&plain);
    close_played(&wild);
}
END_TEST

/* Lessons that come late, in another order than the decisions were made, with
 * marginals of a state that is gone: the state stays sound. */
START_TEST(late_lessons)
{
    enum { LATE = 50 };
    struct played played;
    static struct round_data rounds[LATE];
    static double marginal[LATE][GRID_EDGES], losses[LATE][GRID_EDGES];
    static uint32_t path[LATE][GRID_EDGES];

    open_played(&played, 3, NULL, NULL);
    for (uint64_t t = 0; t < 10 * (uint64_t)LATE; t++) {
        uint32_t at = (uint32_t)(t * 7 % LATE), count;
        struct path_choice choice;
        if (t >= LATE) {
            struct path_lesson lesson = {&rounds[at].context,
                    &rounds[at].actions, marginal[at], path[at], 4, losses[at],
                    false, 1.0, 0};
            arena_reset(&played.scratch);
            policy_learn_path(played.policy, &lesson, &played.scratch);
            ck_assert(policy_check(played.policy));
        }
        random_round(&rounds[at], t, 3, 0);
        choice = propose(&played, &rounds[at], t);
        check_choice(&played, &rounds[at], &choice);
        memcpy(marginal[at], choice.marginal, sizeof(marginal[at]));
        memcpy(path[at], chosen_path(&choice, &count), 4 * sizeof(uint32_t));
        for (uint32_t i = 0; i < 4; i++)
            losses[at][i] = rounds[at].losses[path[at][i]];
    }
    close_played(&played);
}
END_TEST

static void setup(void)
{
    size_t size = (size_t)1 << 20;

    arena = arena_over(malloc(size), size);
    ck_assert_msg(registry_check(&err) == 0, "%s", err.text);
}

static void teardown(void)
{
    free(arena.data);
}

int main(void)
{
    Suite *suite = suite_create("paths");
    TCase *cases = tcase_create("paths");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 300);
    tcase_add_loop_test(cases, shortest_equals_listing, 0, 2);
    tcase_add_loop_test(cases, hostile_graphs_are_refused, 0,
            (int)ARRAY_COUNT(hostile_graphs));
    tcase_add_test(cases, largest_graphs);
    tcase_add_test(cases, shares_and_marginals);
    tcase_add_test(cases, shares_equal_the_definition);
    tcase_add_test(cases, draws_follow_the_shares);
    tcase_add_test(cases, edges_away_are_not_used);
    tcase_add_test(cases, order_of_edges);
    tcase_add_test(cases, a_small_arena_is_refused);
    tcase_add_loop_test(cases, floor_and_cap_are_refused, 0, 2);
    tcase_add_test(cases, proposing_changes_no_state);
    tcase_add_test(cases, save_and_load_round_trip);
    tcase_add_test(cases, hostile_state);
    tcase_add_test(cases, state_of_another_graph_is_refused);
    tcase_add_loop_test(cases, regret_of_every_group, 0, 2);
    tcase_add_test(cases, a_leader_needs_noise);
    tcase_add_test(cases, edges_away_keep_their_mean);
    tcase_add_test(cases, losses_are_clamped);
    tcase_add_test(cases, late_lessons);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
