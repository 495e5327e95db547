/* The `linear` oracle: the numbers of bandits.md, section 5, and a slow
 * reference that keeps its weights in a dictionary of names and its columns as
 * lists of all their rows. */
#include "policies/example.h"
#include "policies/features.h"
#include "policies/flow.h"
#include "policies/policy.h"
#include "policies/registry.h"
#include "tests/lib/suite.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DIGITS_12 1e-11 /* as printed there */

static struct arena arena;
static struct err err;

/* ---- flows ---- */

struct flow_case {
    double (*flow)(double q, double z, double reach);
    double q, z, reach, wanted;
};

static const struct flow_case flow_cases[] = {
        {flow_squared, .25, 1, .5, .545102005216},
        {flow_squared, .25, 1, 2, .898498537573},
        {flow_logistic, .25, 1, .5, .456106706586},
        {flow_logistic, .25, 1, 2, .949530210731},
        {flow_logistic, .25, 0, 20, -2.871168134576},
        {flow_logistic, -3, 1, 50, 3.767737978380},
        {flow_logistic, .25, .3, .5, .126691184238},
        {flow_logistic, .25, .3, 20, -.833374077947},
        {flow_logistic, -2, .8, 3, -.372812666330},
};

START_TEST(golden_flows)
{
    const struct flow_case *one = &flow_cases[_i];

    ck_assert_double_eq_tol(one->q + one->flow(one->q, one->z, one->reach),
            one->wanted, DIGITS_12);
}
END_TEST

/* A label of each kind in turn: 0, 1, soft. */
static double draw_label(struct rng *rng, int kind)
{
    return kind < 2 ? kind : 0.02 + 0.96 * rng_unit(rng);
}

static double slope_of(double q, double z, bool squared)
{
    return squared ? q - z : flow_sigmoid(q) - z;
}

/* Against the flow's own equation, by 20,000 steps of the classical
 * Runge-Kutta method, whose error is far below the tolerance. */
START_TEST(flows_integrate)
{
    struct rng rng = rng_keyed(1, (uint64_t)_i, RNG_TEST);
    bool squared = _i % 2 == 0;
    double z = draw_label(&rng, _i % 3);
    double q = 8.0 * rng_unit(&rng) - 4.0, from = q;
    double reach = exp(6.0 * rng_unit(&rng) - 3.0);
    double h = reach / 20000;

    for (int i = 0; i < 20000; i++) {
        double a = -slope_of(q, z, squared);
        double b = -slope_of(q + h * a / 2, z, squared);
        double c = -slope_of(q + h * b / 2, z, squared);
        double d = -slope_of(q + h * c, z, squared);
        q += h / 6 * (a + 2 * b + 2 * c + d);
    }
    ck_assert_double_eq_tol(
            from + (squared ? flow_squared : flow_logistic)(from, z, reach), q,
            1e-10);
}
END_TEST

/* Weight a and then b is weight a + b, over 24 orders of magnitude. */
START_TEST(flows_add_up)
{
    struct rng rng = rng_keyed(2, (uint64_t)_i, RNG_TEST);

    for (int trial = 0; trial < 2000; trial++) {
        bool squared = trial % 2 == 0;
        double (*flow)(double, double, double) =
                squared ? flow_squared : flow_logistic;
        double z = draw_label(&rng, trial % 3);
        double q = 20.0 * rng_unit(&rng) - 10.0;
        double a = pow(10.0, 18.0 * rng_unit(&rng) - 12.0);
        double b = pow(10.0, 18.0 * rng_unit(&rng) - 12.0);
        double middle = q + flow(q, z, a);
        double end = middle + flow(middle, z, b);
        ck_assert_double_eq_tol(end, q + flow(q, z, a + b), 1e-12);
        /* Never past the label, to the rounding of a slope of 10. */
        ck_assert(
                slope_of(q, z, squared) * slope_of(end, z, squared) >= -1e-13);
    }
}
END_TEST

START_TEST(huge_weights_end_at_the_label)
{
    ck_assert_double_eq(3.0 + flow_squared(3.0, 0.25, 1e300), 0.25);
    ck_assert_double_eq_tol(
            2.0 + flow_logistic(2.0, 0.3, 1e300), log(0.3 / 0.7), 1e-14);
    ck_assert_double_eq_tol(
            -9.0 + flow_logistic(-9.0, 0.3, 1e9), log(0.3 / 0.7), 1e-14);
    ck_assert_double_eq_tol(
            flow_sigmoid(0.5 + flow_logistic(0.5, 1.0, 1e300)), 1.0, 1e-15);
    ck_assert_double_eq_tol(
            flow_sigmoid(0.5 + flow_logistic(0.5, 0.0, 1e300)), 0.0, 1e-15);
    for (int i = -1; i <= 1; i += 2) {
        ck_assert(isfinite(flow_logistic(i * 1e15, 0.0, 1e15)));
        ck_assert(isfinite(flow_logistic(i * 1e15, 1.0, 1e15)));
        ck_assert(isfinite(flow_logistic(i * 1e15, 0.5, 1e15)));
        ck_assert(isfinite(flow_logistic(i * 800.0, 0.5, 1e-300)));
    }
}
END_TEST

/* ---- a policy ---- */

#define SETTINGS_MAX 8

struct fixture {
    struct policy_spec spec;
    struct policy *policy;
};

static int parse(struct policy_spec *spec, const char *const settings[][2],
        struct shape shape)
{
    struct value_range range = {0.0, 1.0, true, false};
    struct keyvalue values[SETTINGS_MAX + 1] = {
            {bytes_of_text("oracle"), bytes_of_text("linear"), 0, false}};
    size_t count = 1;

    for (; settings[count - 1][0] != NULL; count++)
        values[count] = (struct keyvalue){bytes_of_text(settings[count - 1][0]),
                bytes_of_text(settings[count - 1][1]), 0, false};
    return policy_spec_parse(
            spec, &shape, &range, values, count, &arena, NULL, &err);
}

static struct fixture *open_policy(
        const char *const settings[][2], struct shape shape)
{
    struct fixture *fixture = arena_alloc(&arena, sizeof(*fixture));

    ck_assert_msg(parse(&fixture->spec, settings, shape) == 0, "%s", err.text);
    fixture->policy = policy_init(
            aligned_alloc(
                    64, (policy_footprint(&fixture->spec) + 63) / 64 * 64),
            &fixture->spec);
    return fixture;
}

static void close_policy(struct fixture *fixture)
{
    free(fixture->policy);
}

/* The oracle's own state: the tail of the policy's block. */
static void *oracle_state(const struct fixture *fixture)
{
    const struct policy_spec *spec = &fixture->spec;
    size_t state =
            spec->oracle.oracle->footprint(&spec->oracle, &spec->shape, &err);

    return (char *)fixture->policy + policy_footprint(spec) -
            (state + 63) / 64 * 64;
}

static void predict(const struct fixture *fixture,
        const struct context *context, const struct action_set *actions,
        double *losses)
{
    size_t mark = arena.used;

    fixture->spec.oracle.oracle->predict(
            oracle_state(fixture), context, actions, &arena, losses);
    arena_release(&arena, mark);
}

static void learn(struct fixture *fixture, const struct context *context,
        const struct action_set *actions, uint32_t chosen, double loss,
        double weight)
{
    static const double pmf[16];
    struct lesson lesson = {
            .context = context,
            .actions = actions,
            .chosen = chosen,
            .pmf = pmf,
            .loss = loss,
            .weight = weight,
            .propensity = 1.0,
    };

    policy_learn(fixture->policy, &lesson, &arena);
    ck_assert(policy_check(fixture->policy));
}

static size_t save(const struct fixture *fixture, uint8_t *bytes, size_t size)
{
    struct writer writer = writer_over(bytes, size);

    policy_save(fixture->policy, &writer);
    ck_assert(!writer.failed);
    return writer.size;
}

static const struct action_set nothing = {.count = 1};

static struct context dense_context(const double *x, uint32_t columns)
{
    return (struct context){.shared = {.dense = x, .dense_count = columns}};
}

/* ---- golden rows ---- */

static const char *const bare[][2] = {{"intercept", "false"},
        {"scale", "false"}, {"interactions", "none"}, {NULL, NULL}};

START_TEST(golden_rows)
{
    static const double rows[5][3] = {
            {1, 2, 1}, {2, -1, 0}, {.5, 10, 1}, {3, 0, 0}, {1, 1, 1}};
    static const double wanted[5] = {
            0, .126732827151, .317310065230, .285793064122, .093844388737};
    static const double probes[2][2] = {{1, 0}, {0, 1}};
    static const double weights[2] = {.120397822799, .062401624125};
    struct shape shape = {.shared_dense = 2, .actions_max = 1, .predict = true};
    struct fixture *fixture = open_policy(bare, shape);
    double loss;

    for (int i = 0; i < 5; i++) {
        struct context context = dense_context(rows[i], 2);
        predict(fixture, &context, &nothing, &loss);
        ck_assert_double_eq_tol(loss, wanted[i], DIGITS_12);
        learn(fixture, &context, &nothing, 0, rows[i][2], 1.0);
    }
    for (int i = 0; i < 2; i++) {
        struct context context = dense_context(probes[i], 2);
        predict(fixture, &context, &nothing, &loss);
        ck_assert_double_eq_tol(loss, weights[i], DIGITS_12);
    }
    close_policy(fixture);
}
END_TEST

/* Any scale of a feature gives the same predictions: to rounding, which grows
 * with the number of rows; powers of two give the same bits. */
START_TEST(scale_of_features)
{
    struct shape shape = {.shared_dense = 4, .actions_max = 1, .predict = true};
    const char *const settings[][2] = {
            {"loss", _i < 2 ? "squared" : "logistic"}, {"scale", "false"},
            {"interactions", "none"}, {NULL, NULL}};
    struct fixture *plain = open_policy(settings, shape);
    struct fixture *scaled = open_policy(settings, shape);
    static const double factors[2][4] = {
            {1e12, 3e-9, 7.7, 1.1e-3}, {0x1p40, 0x1p-30, 4, 0x1p-90}};
    struct rng rng = rng_keyed(3, (uint64_t)_i, RNG_TEST);

    for (int row = 0; row < 200; row++) {
        double x[4], y[4], z = rng_unit(&rng), h = 0.5 + rng_unit(&rng), a, b;
        struct context of_x = dense_context(x, 4), of_y = dense_context(y, 4);
        for (int i = 0; i < 4; i++) {
            x[i] = rng_normal(&rng) * exp(2 * rng_normal(&rng));
            y[i] = x[i] * factors[_i % 2][i];
        }
        predict(plain, &of_x, &nothing, &a);
        predict(scaled, &of_y, &nothing, &b);
        if (_i % 2 == 1)
            ck_assert_double_eq(a, b);
        else
            ck_assert_double_eq_tol(a, b, 1e-14);
        learn(plain, &of_x, &nothing, 0, z, h);
        learn(scaled, &of_y, &nothing, 0, z, h);
    }
    close_policy(plain);
    close_policy(scaled);
}
END_TEST

/* ---- the slow reference ---- */

#define COLUMNS    2u
#define NAMED      3u
#define ACTIONS    4u
#define ROWS       150
#define ATOMS_MAX  16
#define LIST_MAX   512
#define DICTIONARY 4096
#define RATE       0.5

struct world {
    double x[COLUMNS];
    struct feature named[NAMED];
    char named_name[NAMED][32];
    double z[ACTIONS];
    struct feature item[ACTIONS];
    char item_name[ACTIONS][32];
    uint32_t slot[ACTIONS];
    struct features features[ACTIONS];
    struct context context;
    struct action_set actions;
};

struct entry {
    char name[128];
    const char *space;
    double x;
};

struct list {
    struct entry entry[LIST_MAX];
    int count;
};

struct slow_weight {
    char name[128];
    double w, s, g;
};

struct slow {
    int kind; /* index of `kinds` */
    struct slow_weight weight[DICTIONARY];
    int count;
    double n, norm;
    double context_row[ROWS][COLUMNS];
    double action_row[ROWS * ACTIONS];
    int rows, action_rows;
};

static const char *const kinds[] = {"context*action",
        "geo*action context*context", "context*context*action id*geo"};

static void make_world(struct world *world, uint64_t row)
{
    static const char *const countries[] = {"DE", "FR", "US"};
    static const char *const items[] = {"book", "film"};
    struct rng rng = rng_keyed(4, row, RNG_TEST);
    const char *country = countries[rng_below(&rng, 3)];
    struct bytes geo = bytes_of_text("geo");

    memset(world, 0, sizeof(*world));
    world->x[0] = 50.0 + 10.0 * rng_normal(&rng);
    world->x[1] = rng_below(&rng, 2);
    (void)snprintf(world->named_name[0], 32, "geo.country=%s", country);
    world->named[0] =
            (struct feature){feature_hash_text(geo, bytes_of_text("country"),
                                     bytes_of_text(country)),
                    1.0};
    (void)snprintf(world->named_name[1], 32, "geo.km");
    world->named[1] = (struct feature){
            feature_hash(geo, bytes_of_text("km")), rng_normal(&rng)};
    (void)snprintf(world->named_name[2], 32, "hour");
    world->named[2] = (struct feature){
            feature_hash(bytes_of_text(""), bytes_of_text("hour")),
            rng_unit(&rng)};
    world->context =
            (struct context){.shared = {world->x, COLUMNS,
                                     2 + rng_below(&rng, 2), world->named}};
    for (uint32_t a = 0; a < ACTIONS; a++) {
        const char *item = items[rng_below(&rng, 2)];
        world->z[a] = 3.0 + rng_unit(&rng);
        world->slot[a] = (a + (uint32_t)row) % ACTIONS;
        (void)snprintf(world->item_name[a], 32, "item.kind=%s", item);
        world->item[a] = (struct feature){
                feature_hash_text(bytes_of_text("item"), bytes_of_text("kind"),
                        bytes_of_text(item)),
                1.0};
        world->features[a] =
                (struct features){&world->z[a], 1, 1, &world->item[a]};
    }
    world->actions = (struct action_set){
            2 + rng_below(&rng, ACTIONS - 1), world->slot, world->features};
}

/* Standard scores by two passes over all the rows. */
static double slow_score(const double *rows, int count, int stride, double x)
{
    double mean = 0, square = 0, spread;
    bool indicator = x == 0 || x == 1;

    for (int i = 0; i < count; i++) {
        double value = rows[i * stride];
        mean += value / count;
        indicator = indicator && (value == 0 || value == 1);
    }
    if (indicator)
        return x;
    for (int i = 0; i < count; i++)
        square += pow(rows[i * stride] - mean, 2) / count;
    spread = sqrt(square);
    return count < 2 || spread < 1e-9 * fabs(mean)
            ? 0
            : fmin(fmax((x - mean) / spread, -4), 4);
}

static void add(
        struct list *list, const char *name, const char *space, double x)
{
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->entry[i].name, name) == 0) {
            list->entry[i].x += x;
            return;
        }
    ck_assert_int_lt(list->count, LIST_MAX);
    (void)snprintf(list->entry[list->count].name, 128, "%s", name);
    list->entry[list->count].space = space;
    list->entry[list->count++].x = x;
}

static void slow_atoms(const struct slow *slow, const struct world *world,
        uint32_t index, struct list *context, struct list *action)
{
    static const char *const spaces[NAMED] = {"geo", "geo", ""};
    char name[64];

    for (uint32_t j = 0; j < COLUMNS; j++) {
        (void)snprintf(name, sizeof(name), "c#%u", j);
        add(context, name, "#",
                slow_score(&slow->context_row[0][j], slow->rows, COLUMNS,
                        world->x[j]));
    }
    for (uint32_t j = 0; j < world->context.shared.named_count; j++)
        add(context, world->named_name[j], spaces[j], world->named[j].value);
    (void)snprintf(name, sizeof(name), "a%u", world->slot[index]);
    add(action, name, "@", 1.0);
    add(action, "a#", "#",
            slow_score(
                    slow->action_row, slow->action_rows, 1, world->z[index]));
    add(action, world->item_name[index], "item", 1.0);
}

static void multiply(struct list *list, const struct entry *a,
        const struct entry *b, const struct entry *c)
{
    char name[400];

    (void)snprintf(name, sizeof(name), "%s*%s*%s", a->name, b->name,
            c == NULL ? "" : c->name);
    add(list, name, "*", a->x * b->x * (c == NULL ? 1.0 : c->x));
}

static void slow_example(const struct slow *slow, const struct world *world,
        uint32_t index, struct list *list)
{
    static struct list context, action;

    context.count = action.count = list->count = 0;
    slow_atoms(slow, world, index, &context, &action);
    add(list, "1", "", 1.0);
    for (int i = 0; i < context.count; i++)
        if (slow->kind != 0)
            add(list, context.entry[i].name, "", context.entry[i].x);
    for (int i = 0; i < action.count; i++)
        add(list, action.entry[i].name, "", action.entry[i].x);
    for (int i = 0; i < context.count; i++) {
        const struct entry *one = &context.entry[i];
        bool geo = strcmp(one->space, "geo") == 0;
        for (int j = 0; j < action.count; j++)
            if (slow->kind == 0 || (slow->kind == 1 && geo) ||
                    (slow->kind == 2 && geo && j == 0))
                multiply(list, one, &action.entry[j], NULL);
        for (int j = i; j < context.count && slow->kind > 0; j++) {
            if (i == j && one->x == 1.0)
                continue;
            if (slow->kind == 1)
                multiply(list, one, &context.entry[j], NULL);
            for (int k = 0; k < action.count && slow->kind == 2; k++)
                multiply(list, one, &context.entry[j], &action.entry[k]);
        }
    }
}

static struct slow_weight *look_up(struct slow *slow, const char *name)
{
    for (int i = 0; i < slow->count; i++)
        if (strcmp(slow->weight[i].name, name) == 0)
            return &slow->weight[i];
    ck_assert_int_lt(slow->count, DICTIONARY);
    (void)snprintf(slow->weight[slow->count].name, 128, "%s", name);
    return &slow->weight[slow->count++];
}

static double slow_predict(struct slow *slow, const struct list *list)
{
    double q = 0;

    for (int i = 0; i < list->count; i++) {
        const struct slow_weight *weight = look_up(slow, list->entry[i].name);
        double x = list->entry[i].x;
        if (x != 0)
            q += weight->w * fmin(1, weight->s / fabs(x)) * x;
    }
    return q;
}

/* eta B after a lesson of gradient e, on copies of all that it would change. */
static double slow_sensitivity(
        struct slow *slow, const struct list *list, double e)
{
    double n = slow->n + 1, norm = slow->norm, b = 0;

    for (int i = 0; i < list->count; i++) {
        double x = list->entry[i].x;
        double s = fmax(look_up(slow, list->entry[i].name)->s, fabs(x));
        norm += x == 0 ? 0 : pow(x / s, 2);
    }
    for (int i = 0; i < list->count; i++) {
        const struct slow_weight *weight = look_up(slow, list->entry[i].name);
        double x = list->entry[i].x;
        double s = fmax(weight->s, fabs(x));
        if (x != 0)
            b += sqrt(n / norm) / (s * sqrt(weight->g + e * x * e * x)) * x * x;
    }
    return RATE * b;
}

/* Section 1.5 as it is written: the largest w, by bisection on [0, e/sens]. */
static double slow_width(
        struct slow *slow, const struct list *list, double e, double budget)
{
    double sens = slow_sensitivity(slow, list, e);
    double low = 0, high = e / sens;

    if (high * e * e <= budget)
        return e;
    for (int i = 0; i < 200; i++) {
        double w = (low + high) / 2;
        if (w * (e * e - pow(e - sens * w, 2)) <= budget)
            low = w;
        else
            high = w;
    }
    return sens * low;
}

static void slow_learn(struct slow *slow, const struct list *list, double z,
        double h, bool logistic)
{
    double q = 0, b = 0, e, q1;

    for (int i = 0; i < list->count; i++) {
        struct slow_weight *weight = look_up(slow, list->entry[i].name);
        double x = list->entry[i].x;
        if (fabs(x) > weight->s) {
            if (weight->s > 0)
                weight->w *= weight->s / fabs(x);
            weight->s = fabs(x);
        }
        q += weight->w * x;
        slow->norm += x == 0 ? 0 : h * pow(x / weight->s, 2);
    }
    slow->n += h;
    e = (logistic ? 1 / (1 + exp(-q)) : q) - z;
    for (int i = 0; i < list->count; i++) {
        struct slow_weight *weight = look_up(slow, list->entry[i].name);
        double x = list->entry[i].x;
        weight->g += h * pow(e * x, 2);
        if (weight->g > 0)
            b += sqrt(slow->n / slow->norm) / (weight->s * sqrt(weight->g)) *
                    x * x;
    }
    if (b == 0 || e == 0)
        return;
    q1 = logistic ? q + flow_logistic(q, z, RATE * b * h)
                  : z + (q - z) * exp(-RATE * b * h);
    for (int i = 0; i < list->count; i++) {
        struct slow_weight *weight = look_up(slow, list->entry[i].name);
        double x = list->entry[i].x;
        if (weight->g > 0)
            weight->w -= (q - q1) / b * sqrt(slow->n / slow->norm) /
                    (weight->s * sqrt(weight->g)) * x;
    }
}

static void slow_meet(struct slow *slow, const struct world *world)
{
    for (uint32_t j = 0; j < COLUMNS; j++)
        slow->context_row[slow->rows][j] = world->x[j];
    slow->rows++;
    for (uint32_t a = 0; a < world->actions.count; a++)
        slow->action_row[slow->action_rows++] = world->z[a];
}

static const struct shape world_shape = {.shared_dense = COLUMNS,
        .action_dense = 1,
        .slots = ACTIONS,
        .actions_max = ACTIONS};

/* Predictions and widths of both, for every action of a round. */
static void compare(const struct fixture *fixture, struct slow *slow,
        const struct world *world, bool logistic)
{
    static struct list list;
    double losses[ACTIONS], below[ACTIONS], above[ACTIONS];
    size_t mark = arena.used;

    predict(fixture, &world->context, &world->actions, losses);
    fixture->spec.oracle.oracle->spread(oracle_state(fixture), &world->context,
            &world->actions, 0.05, &arena, below, above);
    arena_release(&arena, mark);
    for (uint32_t a = 0; a < world->actions.count; a++) {
        double q, p;
        slow_example(slow, world, a, &list);
        q = slow_predict(slow, &list);
        p = logistic ? 1 / (1 + exp(-q)) : q;
        ck_assert_double_eq_tol(losses[a], p, 1e-11);
        if (logistic || slow->n == 0)
            continue;
        ck_assert_double_eq_tol(
                below[a], slow_width(slow, &list, q + 1, 0.05), 1e-9);
        ck_assert_double_eq_tol(
                above[a], slow_width(slow, &list, 2 - q, 0.05), 1e-9);
    }
}

/* The same to 1e-11 (widths 1e-9) after each of 150 lessons: sums in another
 * order, and variances in another way, are all that differs. */
START_TEST(equals_the_slow_reference)
{
    int kind = _i / 2;
    bool logistic = _i % 2 == 1;
    const char *const settings[][2] = {{"bits", "18"},
            {"interactions", kinds[kind]},
            {"loss", logistic ? "logistic" : "squared"}, {NULL, NULL}};
    struct fixture *fixture = open_policy(settings, world_shape);
    struct slow *slow = calloc(1, sizeof(*slow));
    struct rng rng = rng_keyed(5, (uint64_t)_i, RNG_TEST);
    static struct list list;
    struct world world;

    slow->kind = kind;
    for (uint64_t row = 0; row < ROWS; row++) {
        uint32_t chosen;
        double loss = rng_unit(&rng), h = row % 5 == 0 ? 3.5 : 1.0;
        make_world(&world, row);
        compare(fixture, slow, &world, logistic);
        chosen = rng_below(&rng, world.actions.count);
        loss = logistic && row % 3 > 0 ? (double)(loss < 0.4) : loss;
        slow_meet(slow, &world);
        slow_example(slow, &world, chosen, &list);
        slow_learn(slow, &list, loss, h, logistic);
        learn(fixture, &world.context, &world.actions, chosen, loss, h);
    }
    free(slow);
    close_policy(fixture);
}
END_TEST

/* ---- duels ---- */

static void prefer(struct fixture *fixture, const struct world *world,
        uint32_t first, uint32_t second, double preference)
{
    struct duel duel = {&world->context, &world->actions, first, second,
            preference, 1.0, 0};
    size_t mark = arena.used;

    fixture->spec.oracle.oracle->prefer(oracle_state(fixture), &duel, &arena);
    ck_assert(!arena.overflow);
    arena_release(&arena, mark);
}

/* The difference of two examples learns the label 1 - preference; what both
 * share has no weight. A width, and `loss`, play no part. */
START_TEST(duels_equal_the_slow_reference)
{
    const char *const settings[][2] = {{"bits", "18"},
            {"loss", _i == 0 ? "squared" : "logistic"},
            {"interactions", kinds[1]}, {NULL, NULL}};
    struct fixture *fixture = open_policy(settings, world_shape);
    struct slow *slow = calloc(1, sizeof(*slow));
    struct rng rng = rng_keyed(6, (uint64_t)_i, RNG_TEST);
    static struct list first, second;
    struct world world;

    slow->kind = 1;
    for (uint64_t row = 0; row < ROWS; row++) {
        double preference = 0.5 * rng_below(&rng, 3);
        double losses[ACTIONS];
        make_world(&world, row);
        slow_meet(slow, &world);
        slow_example(slow, &world, 0, &first);
        slow_example(slow, &world, 1, &second);
        for (int i = 0; i < second.count; i++)
            add(&first, second.entry[i].name, "", -second.entry[i].x);
        slow_learn(slow, &first, 1.0 - preference, 1.0, true);
        prefer(fixture, &world, 0, 1, preference);
        predict(fixture, &world.context, &world.actions, losses);
        slow_example(slow, &world, 0, &first);
        slow_example(slow, &world, 1, &second);
        ck_assert_double_eq_tol(losses[0] - losses[1],
                slow_predict(slow, &first) - slow_predict(slow, &second),
                1e-11);
    }
    ck_assert_double_eq(look_up(slow, "1")->w, 0.0);
    free(slow);
    close_policy(fixture);
}
END_TEST

/* Who is named first does not matter. */
START_TEST(duels_are_symmetric)
{
    const char *const settings[][2] = {{"bits", "12"}, {NULL, NULL}};
    struct fixture *one = open_policy(settings, world_shape);
    struct fixture *other = open_policy(settings, world_shape);
    static uint8_t a[1 << 17], b[1 << 17];
    struct rng rng = rng_keyed(7, 1, RNG_TEST);
    struct world world;
    size_t size;

    for (uint64_t row = 0; row < ROWS; row++) {
        double preference = 0.5 * rng_below(&rng, 3);
        double x[ACTIONS], y[ACTIONS];
        make_world(&world, row);
        prefer(one, &world, 0, 1, preference);
        prefer(other, &world, 1, 0, 1.0 - preference);
        predict(one, &world.context, &world.actions, x);
        predict(other, &world.context, &world.actions, y);
        ck_assert_double_eq_tol(x[0] - x[1], y[0] - y[1], 1e-12);
    }
    size = save(one, a, sizeof(a));
    ck_assert_uint_eq(save(other, b, sizeof(b)), size);
    close_policy(one);
    close_policy(other);
}
END_TEST

/* Bradley-Terry strengths are found from duels alone. */
START_TEST(duels_find_strengths)
{
    static const double strength[ACTIONS] = {0.0, 1.0, 2.0, 3.0};
    const char *const settings[][2] = {
            {"interactions", "none"}, {"bits", "10"}, {NULL, NULL}};
    struct shape shape = {.slots = ACTIONS, .actions_max = ACTIONS};
    struct fixture *fixture = open_policy(settings, shape);
    static const uint32_t slots[ACTIONS] = {0, 1, 2, 3};
    struct world world = {.actions = {.count = ACTIONS, .slot = slots}};
    struct rng rng = rng_keyed(8, 1, RNG_TEST);
    double losses[ACTIONS];

    for (int i = 0; i < 20000; i++) {
        uint32_t first = rng_below(&rng, ACTIONS);
        uint32_t second = (first + 1 + rng_below(&rng, ACTIONS - 1)) % ACTIONS;
        double p = flow_sigmoid(strength[first] - strength[second]);
        prefer(fixture, &world, first, second, rng_unit(&rng) < p);
    }
    predict(fixture, &world.context, &world.actions, losses);
    for (uint32_t i = 1; i < ACTIONS; i++)
        /* The standard error of 10,000 comparisons, four times. */
        ck_assert_double_eq_tol(losses[0] - losses[i], strength[i], 0.15);
    close_policy(fixture);
}
END_TEST

/* ---- edges ---- */

/* A feature given twice is one of the summed value. */
START_TEST(equal_features_merge)
{
    const char *const settings[][2] = {
            {"bits", "12"}, {"interactions", "none"}, {NULL, NULL}};
    struct shape shape = {.actions_max = 1, .predict = true};
    struct fixture *once = open_policy(settings, shape);
    struct fixture *twice = open_policy(settings, shape);
    static uint8_t a[1 << 16], b[1 << 16];
    uint64_t p = feature_hash(bytes_of_text(""), bytes_of_text("p"));
    size_t size;
    const struct feature single[1] = {{p, 3.0}};
    const struct feature pair[2] = {{p, 1.0}, {p, 2.0}};
    struct context of_single = {.shared = {.named_count = 1, .named = single}};
    struct context of_pair = {.shared = {.named_count = 2, .named = pair}};
    double x;

    learn(once, &of_single, &nothing, 0, 1.0, 1.0);
    learn(twice, &of_pair, &nothing, 0, 1.0, 1.0);
    predict(once, &of_single, &nothing, &x);
    ck_assert_double_gt(x, 0.0);
    size = save(once, a, sizeof(a));
    ck_assert_uint_eq(save(twice, b, sizeof(b)), size);
    ck_assert_mem_eq(a, b, size);
    close_policy(once);
    close_policy(twice);
}
END_TEST

/* All weights share a few places: every example collides with itself and still
 * learns; sums that cancel are no division by zero. */
START_TEST(collisions)
{
    const char *const settings[][2] = {{"bits", "4"}, {NULL, NULL}};
    struct fixture *fixture = open_policy(settings, world_shape);
    struct world world;

    for (uint64_t row = 0; row < ROWS; row++) {
        double losses[ACTIONS], again[ACTIONS];
        make_world(&world, row);
        predict(fixture, &world.context, &world.actions, losses);
        for (uint32_t a = 0; a < world.actions.count; a++) {
            struct action_set one = {1, &world.slot[a], &world.features[a]};
            predict(fixture, &world.context, &one, again);
            ck_assert_double_eq_tol(losses[a], again[0], 1e-12);
        }
        learn(fixture, &world.context, &world.actions, 0, (double)(row % 2),
                1.0);
    }
    close_policy(fixture);
}
END_TEST

/* Everything that validation lets through, in any order. */
START_TEST(numbers_stay_finite)
{
    static const double values[] = {0, 1, -1, 1e15, -1e15, 1e-15, 1e-140,
            1e-151, 1e-300, 5e-324, 0.3, 1e8};
    static const double losses[] = {0, 1, 0.5, 1e-12, 1e-300};
    static const double weights[] = {1, 1e-6, 1e6, 1e12};
    const char *const settings[][2] = {{"bits", "10"},
            {"loss", _i % 2 == 0 ? "squared" : "logistic"},
            {"scale", _i < 2 ? "true" : "false"},
            {"interactions", "context*context*action context*action"},
            {NULL, NULL}};
    struct fixture *fixture = open_policy(settings, world_shape);
    struct rng rng = rng_keyed(9, (uint64_t)_i, RNG_TEST);

    for (int row = 0; row < 3000; row++) {
        struct world world;
        double predicted[ACTIONS], below[ACTIONS], above[ACTIONS];
        size_t mark = arena.used;
        make_world(&world, (uint64_t)row);
        for (uint32_t j = 0; j < COLUMNS; j++)
            world.x[j] = values[rng_below(&rng, ARRAY_COUNT(values))];
        for (uint32_t j = 0; j < NAMED; j++)
            world.named[j].value = values[rng_below(&rng, ARRAY_COUNT(values))];
        for (uint32_t a = 0; a < ACTIONS; a++)
            world.z[a] = values[rng_below(&rng, ARRAY_COUNT(values))];
        predict(fixture, &world.context, &world.actions, predicted);
        fixture->spec.oracle.oracle->spread(oracle_state(fixture),
                &world.context, &world.actions, row % 7 ? 0.05 : 1e6, &arena,
                below, above);
        arena_release(&arena, mark);
        for (uint32_t a = 0; a < world.actions.count; a++)
            ck_assert(isfinite(predicted[a]) && isfinite(below[a]) &&
                    isfinite(above[a]) && below[a] >= 0 && above[a] >= 0);
        if (row % 3 == 0)
            prefer(fixture, &world, 0, 1, 0.5 * rng_below(&rng, 3));
        else
            learn(fixture, &world.context, &world.actions, 0,
                    losses[rng_below(&rng, ARRAY_COUNT(losses))],
                    weights[rng_below(&rng, ARRAY_COUNT(weights))]);
        ck_assert(policy_check(fixture->policy));
    }
    close_policy(fixture);
}
END_TEST

/* A value far beyond any before swings a prediction no more than the largest
 * so far would. */
START_TEST(a_huge_value_does_not_swing)
{
    struct shape shape = {.shared_dense = 1, .actions_max = 1, .predict = true};
    struct fixture *fixture = open_policy(bare, shape);
    double x = 1.0, huge = 1e15, usual, wild;
    struct context of_x = dense_context(&x, 1);
    struct context of_huge = dense_context(&huge, 1);

    for (int i = 0; i < 50; i++)
        learn(fixture, &of_x, &nothing, 0, 0.8, 1.0);
    predict(fixture, &of_x, &nothing, &usual);
    predict(fixture, &of_huge, &nothing, &wild);
    ck_assert_double_eq(usual, wild);
    close_policy(fixture);
}
END_TEST

struct text_case {
    const char *text;
    const char *message; /* NULL: accepted */
};

START_TEST(interactions_are_checked)
{
    static const struct text_case cases[] = {
            {"none", NULL},
            {"context*action", NULL},
            {"  geo*item , id*context*context ", NULL},
            {"context", "interactions: 'context' is not a product"},
            {"context*", "interactions: 'context*' is not a product"},
            {"*context", "interactions: '*context' is not a product"},
            {"a*b*c*d", "interactions: 'a*b*c*d' is not a product"},
            {"context*action x**y", "interactions: 'x**y' is not a product"},
            {"a*b*c b*c*d c*d*e d*e*f e*f*g f*g*h g*h*i h*i*j i*j*k",
                    "interactions: more than 64 products"},
    };
    const struct text_case *one = &cases[_i];
    const char *const settings[][2] = {
            {"interactions", one->text}, {NULL, NULL}};
    struct policy_spec spec;
    int status = parse(&spec, settings, world_shape);

    ck_assert_int_eq(status, one->message == NULL ? 0 : STATUS_INVALID);
    if (one->message != NULL)
        ck_assert_msg(
                strncmp(err.text, one->message, strlen(one->message)) == 0,
                "%s", err.text);
}
END_TEST

/* What scratch() promises holds for the largest request: named features on
 * both sides up to the limit, two actions at a time. */
START_TEST(scratch_is_enough)
{
    static struct feature many[1024];
    const char *const settings[][2] = {{"bits", _i == 0 ? "8" : "16"},
            {"interactions", _i == 2 ? "none" : "context*action action*action"},
            {NULL, NULL}};
    struct fixture *fixture = open_policy(settings, world_shape);
    const struct oracle_spec *spec = &fixture->spec.oracle;
    size_t size = spec->oracle->scratch(spec, &world_shape);
    struct arena scratch = arena_over(malloc(size), size);
    struct world world;
    struct duel duel = {&world.context, &world.actions, 0, 1, 1.0, 1.0, 0};
    double losses[ACTIONS];

    make_world(&world, 1);
    for (uint32_t i = 0; i < ARRAY_COUNT(many); i++)
        many[i] = (struct feature){hash_mix(i, 99), 1.0 + i};
    world.context.shared.named = many;
    world.context.shared.named_count = ARRAY_COUNT(many);
    for (uint32_t a = 0; a < ACTIONS; a++) {
        world.features[a].named = many;
        world.features[a].named_count = ARRAY_COUNT(many);
    }
    spec->oracle->predict(oracle_state(fixture), &world.context, &world.actions,
            &scratch, losses);
    arena_reset(&scratch);
    spec->oracle->prefer(oracle_state(fixture), &duel, &scratch);
    ck_assert(!scratch.overflow && policy_check(fixture->policy));
    free(scratch.data);
    close_policy(fixture);
}
END_TEST

static void setup(void)
{
    size_t size = (size_t)256 << 20;

    arena = arena_over(malloc(size), size);
    ck_assert_msg(registry_check(&err) == 0, "%s", err.text);
}

static void teardown(void)
{
    free(arena.data);
}

int main(void)
{
    Suite *suite = suite_create("linear");
    TCase *cases = tcase_create("linear");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, golden_flows, 0, (int)ARRAY_COUNT(flow_cases));
    tcase_add_loop_test(cases, flows_integrate, 0, 60);
    tcase_add_loop_test(cases, flows_add_up, 0, 5);
    tcase_add_test(cases, huge_weights_end_at_the_label);
    tcase_add_test(cases, golden_rows);
    tcase_add_loop_test(cases, scale_of_features, 0, 4);
    tcase_add_loop_test(cases, equals_the_slow_reference, 0, 6);
    tcase_add_loop_test(cases, duels_equal_the_slow_reference, 0, 2);
    tcase_add_test(cases, duels_are_symmetric);
    tcase_add_test(cases, duels_find_strengths);
    tcase_add_test(cases, equal_features_merge);
    tcase_add_test(cases, collisions);
    tcase_add_loop_test(cases, numbers_stay_finite, 0, 4);
    tcase_add_test(cases, a_huge_value_does_not_swing);
    tcase_add_loop_test(cases, interactions_are_checked, 0, 9);
    tcase_add_loop_test(cases, scratch_is_enough, 0, 3);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
