/* A registry for tests of duels and paths, instead of policies/registry.c: two
 * parts that are as small as their tables allow, beside some of the real ones.
 *
 * preference: an oracle, one loss per action of the catalogue, moved by the
 * gradient of each preference.
 * routes: a learner, exponential weights over four routes through five edges;
 * the first and the last route are the same path. */
#include "policies/registry.h"

#include <math.h>

/* ---- a table of numbers, one per slot ---- */

struct table {
    uint32_t slots;
    double values[];
};

static size_t table_footprint(const struct shape *shape, struct err *err)
{
    if (shape->slots == 0) {
        (void)err_set(err, STATUS_INVALID, "needs a catalogue of actions");
        return 0;
    }
    return sizeof(struct table) + shape->slots * sizeof(double);
}

static void table_save(const void *block, struct writer *writer)
{
    const struct table *self = block;

    write_f64s(writer, self->values, self->slots);
}

static bool table_check(const void *block)
{
    const struct table *self = block;

    for (uint32_t i = 0; i < self->slots; i++)
        if (!isfinite(self->values[i]))
            return false;
    return true;
}

static int table_load(void *block, struct reader *reader, struct err *err)
{
    struct table *self = block;

    read_f64s(reader, self->values, self->slots);
    return reader->failed || !table_check(self)
            ? err_set(err, STATUS_CORRUPT, "table: state is damaged")
            : 0;
}

static void table_visit(const void *block, const struct visitor *visitor)
{
    static const char *const names[] = {
            "slot_0", "slot_1", "slot_2", "slot_3", "slot_4"};
    const struct table *self = block;

    for (uint32_t i = 0; i < self->slots && i < ARRAY_COUNT(names); i++)
        visitor->number(visitor->self, names[i], -1, self->values[i]);
}

/* ---- preference ---- */

#define STEP 0.5

static size_t preference_footprint(const struct oracle_spec *spec,
        const struct shape *shape, struct err *err)
{
    (void)spec;
    return table_footprint(shape, err);
}

static size_t preference_scratch(
        const struct oracle_spec *spec, const struct shape *shape)
{
    (void)spec;
    (void)shape;
    return 0;
}

static void preference_init(
        void *block, const struct oracle_spec *spec, const struct shape *shape)
{
    struct table *self = block;

    (void)spec;
    self->slots = shape->slots;
}

static void preference_predict(const void *block, const struct context *context,
        const struct action_set *actions, struct arena *scratch, double *losses)
{
    const struct table *self = block;

    (void)context;
    (void)scratch;
    for (uint32_t i = 0; i < actions->count; i++)
        losses[i] = self->values[actions->slot[i]];
}

static void preference_learn(
        void *block, const struct lesson *lesson, struct arena *scratch)
{
    struct table *self = block;
    double *value = &self->values[lesson->actions->slot[lesson->chosen]];

    (void)scratch;
    *value += STEP * (lesson->loss - *value);
}

static void preference_prefer(
        void *block, const struct duel *duel, struct arena *scratch)
{
    struct table *self = block;
    double *first = &self->values[duel->actions->slot[duel->first]];
    double *second = &self->values[duel->actions->slot[duel->second]];
    double error = duel->preference - 1.0 / (1.0 + exp(*first - *second));

    (void)scratch;
    *first -= STEP * error;
    *second += STEP * error;
}

static const struct oracle oracle_preference = {
        .name = "preference",
        .state_version = 1,
        .footprint = preference_footprint,
        .scratch = preference_scratch,
        .init = preference_init,
        .predict = preference_predict,
        .learn = preference_learn,
        .prefer = preference_prefer,
        .save = table_save,
        .load = table_load,
        .check = table_check,
        .visit = table_visit,
};

/* ---- routes ---- */

#define ROUTES     4u
#define EDGES      5u
#define LENGTH_MAX 3u

static const struct {
    uint32_t length;
    uint32_t slots[LENGTH_MAX];
} route_table[ROUTES] = {{2, {0, 1}}, {2, {2, 3}}, {3, {0, 4, 3}}, {2, {0, 1}}};

static size_t routes_footprint(
        const void *options, const struct shape *shape, struct err *err)
{
    (void)options;
    if (shape->slots != EDGES) {
        (void)err_set(err, STATUS_INVALID, "routes: needs five edges");
        return 0;
    }
    return table_footprint(shape, err);
}

static size_t routes_scratch(const void *options, const struct shape *shape)
{
    (void)options;
    (void)shape;
    return 1024;
}

static void routes_init(
        void *block, const void *options, const struct shape *shape)
{
    struct table *self = block;

    (void)options;
    self->slots = shape->slots;
}

/* Appends the route if all its edges are there. */
static bool add_route(const struct action_set *actions, uint32_t route,
        uint32_t *edges, uint32_t *used)
{
    uint32_t length = route_table[route].length;

    for (uint32_t i = 0; i < length; i++) {
        uint32_t edge = 0;
        while (edge < actions->count &&
                actions->slot[edge] != route_table[route].slots[i])
            edge++;
        if (edge == actions->count)
            return false;
        edges[*used + i] = edge;
    }
    *used += length;
    return true;
}

static bool routes_propose(const void *block, const struct context *context,
        const struct action_set *actions, struct rng *draws,
        struct arena *scratch, struct routes *routes)
{
    const struct table *self = block;
    uint32_t *start = arena_array(scratch, uint32_t, ROUTES + 1);
    uint32_t *edges = arena_array(scratch, uint32_t, ROUTES * LENGTH_MAX);
    double *pmf = arena_array(scratch, double, ROUTES);
    uint32_t count = 0, used = 0;
    double sum = 0.0;

    (void)context;
    (void)draws;
    CHECK(start != NULL && edges != NULL && pmf != NULL);
    start[0] = 0;
    for (uint32_t route = 0; route < ROUTES; route++) {
        double loss = 0.0;
        if (!add_route(actions, route, edges, &used))
            continue;
        for (uint32_t i = 0; i < route_table[route].length; i++)
            loss += self->values[route_table[route].slots[i]];
        sum += pmf[count] = exp(-loss);
        start[++count] = used;
    }
    for (uint32_t i = 0; i < count; i++)
        pmf[i] /= sum;
    *routes = (struct routes){count, start, edges, pmf};
    return count > 0;
}

static void routes_learn_path(
        void *block, const struct path_lesson *lesson, struct arena *scratch)
{
    struct table *self = block;
    uint32_t count = lesson->full ? lesson->actions->count : lesson->path_count;

    (void)scratch;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t edge = lesson->full ? i : lesson->path[i];
        double seen = lesson->full ? 1.0 : lesson->marginal[edge];
        self->values[lesson->actions->slot[edge]] += lesson->losses[i] / seen;
    }
}

static const struct learner learner_routes = {
        .name = "routes",
        .state_version = 1,
        .footprint = routes_footprint,
        .scratch = routes_scratch,
        .init = routes_init,
        .propose = routes_propose,
        .learn_path = routes_learn_path,
        .save = table_save,
        .load = table_load,
        .check = table_check,
        .visit = table_visit,
};

/* ---- the registry ---- */

extern const struct oracle oracle_ridge, oracle_groupwise;
extern const struct explorer explorer_squarecb, explorer_greedy,
        explorer_uniform, explorer_epsilon;
extern const struct learner learner_tsallis_inf;

const struct oracle *const registry_oracles[] = {
        &oracle_ridge, &oracle_groupwise, &oracle_preference, NULL};
const struct explorer *const registry_explorers[] = {&explorer_squarecb,
        &explorer_greedy, &explorer_uniform, &explorer_epsilon, NULL};
const struct learner *const registry_learners[] = {
        &learner_tsallis_inf, &learner_routes, NULL};

#define FIND(list, name)                                                       \
    for (size_t i = 0; (list)[i] != NULL; i++)                                 \
        if (bytes_equal(name, bytes_of_text((list)[i]->name)))                 \
            return (list)[i];                                                  \
    return NULL

const struct oracle *registry_oracle(struct bytes name)
{
    FIND(registry_oracles, name);
}

const struct explorer *registry_explorer(struct bytes name)
{
    FIND(registry_explorers, name);
}

const struct learner *registry_learner(struct bytes name)
{
    FIND(registry_learners, name);
}

int registry_check(struct err *err)
{
    (void)err;
    return 0;
}
