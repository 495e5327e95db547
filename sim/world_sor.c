/* Tuning the relaxation parameter of SOR (relax.md): a sequence of linear
 * systems, 20 values of omega, the cost of a solve is its iterations.
 *
 * Variants: `low` and `high`, the basic experiment (5-point Laplacian of 100
 * unknowns, shifted at random); a name of a matrix in DATA/matrices, shifted
 * by a random multiple of its diagonal.
 *
 * Policies: `shared`, a ridge on log cost over products of Chebyshev
 * polynomials of omega and the context (section 2.4), and `tsallis`. */
#include "base/rng.h"
#include "sim/sor.h"
#include "sim/world.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ARMS        20u
#define OMEGA_TERMS 6u
#define SHIFT_TERMS 5u
#define FEATURES    (OMEGA_TERMS * SHIFT_TERMS)
#define GRID_M      10u

struct world {
    struct sparse matrix;
    bool model_problem; /* else a matrix from a file */
    bool high;
    bool tsallis;
    uint32_t seed, count;
    double tolerance;
    uint32_t cap;
    double *b, *work;
    uint32_t *costs; /* [count][ARMS]; 0 = not solved yet */
    uint32_t *young_cost; /* [count] */
    double features[ARMS * FEATURES];
    double context[1];
};

static double omega_of(uint32_t arm)
{
    return 1.0 + 0.05 * arm;
}

/* ---- the instances ---- */

/* A beta variate by Johnk's method; small shapes, as here, accept often. */
static double draw_beta(struct rng *rng, double a, double b)
{
    for (;;) {
        double x = pow(rng_unit(rng), 1.0 / a);
        double y = pow(rng_unit(rng), 1.0 / b);
        if (x + y <= 1.0 && x + y > 0.0)
            return x / (x + y);
    }
}

/* The context of round i: the shift itself, or the log10 of its multiple of
 * the diagonal. Draws come before those of b. */
static double draw_context(const struct world *world, struct rng *rng)
{
    double share;

    if (!world->model_problem)
        return -3.0 + 2.5 * rng_unit(rng);
    share = world->high ? draw_beta(rng, 0.5, 1.5) : draw_beta(rng, 2.0, 6.0);
    return -0.15 + 0.6 * share;
}

static double shift_of(const struct world *world, double context)
{
    return world->model_problem ? context : pow(10.0, context);
}

/* The context on -1..1. */
static double scaled_context(const struct world *world, double context)
{
    double z = world->model_problem ? 2.0 * (context + 0.15) / 0.6 - 1.0
                                    : 2.0 * (context + 3.0) / 2.5 - 1.0;

    return fmin(fmax(z, -1.0), 1.0);
}

/* Normal numbers, drawn anew until their square is at most n. */
static void draw_b(const struct world *world, struct rng *rng, double *b)
{
    double square;

    do {
        square = 0.0;
        for (uint32_t i = 0; i < world->matrix.n; i++) {
            b[i] = rng_normal(rng);
            square += b[i] * b[i];
        }
    } while (square > (double)world->matrix.n);
}

static struct rng rng_of_round(const struct world *world, uint32_t i)
{
    return rng_keyed(world->seed, i, RNG_WORLD);
}

static double context_of(const struct world *world, uint32_t i)
{
    struct rng rng = rng_of_round(world, i);

    return draw_context(world, &rng);
}

static uint32_t solve(struct world *world, double context, double omega)
{
    struct sor_problem problem = {&world->matrix, shift_of(world, context),
            !world->model_problem, world->b, world->tolerance, world->cap};
    int converged;

    return sor_count(&problem, omega, world->work, &converged);
}

/* The cost of every arm in round i, solved once. */
static const uint32_t *costs_of(struct world *world, uint32_t i)
{
    uint32_t *costs = world->costs + (size_t)i * ARMS;
    struct rng rng = rng_of_round(world, i);
    double context;

    if (costs[0] != 0)
        return costs;
    context = draw_context(world, &rng);
    draw_b(world, &rng, world->b);
    for (uint32_t arm = 0; arm < ARMS; arm++)
        costs[arm] = solve(world, context, omega_of(arm));
    if (world->model_problem)
        world->young_cost[i] = solve(world, context,
                sor_young(4.0 * cos(M_PI / (GRID_M + 1)) / (4.0 + context)));
    return costs;
}

/* ---- life ---- */

static int open_matrix(struct world *world,
        const struct world_settings *settings, struct err *err)
{
    const char *variant = settings->variant == NULL ? "low" : settings->variant;
    char path[4096];

    world->high = strcmp(variant, "high") == 0;
    world->model_problem = world->high || strcmp(variant, "low") == 0;
    world->tolerance = world->model_problem ? 1e-8 : 1e-6;
    world->cap = world->model_problem ? 10000 : 20000;
    world->count = settings->rounds > 0 ? settings->rounds
            : world->model_problem      ? 1000
                                        : 200;
    if (world->model_problem)
        return sparse_laplacian(GRID_M, &world->matrix, err);
    if (strchr(variant, '/') != NULL)
        (void)snprintf(path, sizeof(path), "%s", variant);
    else
        (void)snprintf(
                path, sizeof(path), "%s/matrices/%s", settings->data, variant);
    return sparse_read(path, &world->matrix, err);
}

static void sor_close(struct world *world)
{
    sparse_free(&world->matrix);
    free(world->b);
    free(world->work);
    free(world->costs);
    free(world->young_cost);
    free(world);
}

static int sor_open(struct world **out, const struct world_settings *settings,
        struct err *err)
{
    struct world *world = calloc(1, sizeof(*world));
    int status;

    if (world == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    world->seed = settings->seed;
    world->tsallis = settings->policy != NULL &&
            strcmp(settings->policy, "tsallis") == 0;
    status = open_matrix(world, settings, err);
    if (status == 0) {
        world->b = calloc(world->matrix.n, sizeof(double));
        world->work = calloc(2 * (size_t)world->matrix.n, sizeof(double));
        world->costs =
                calloc((size_t)world->count * ARMS, sizeof(*world->costs));
        world->young_cost = calloc(world->count, sizeof(*world->young_cost));
        if (world->b == NULL || world->work == NULL || world->costs == NULL ||
                world->young_cost == NULL)
            status = err_set(err, STATUS_INTERNAL, "no memory");
    }
    if (status != 0) {
        sor_close(world);
        return status;
    }
    *out = world;
    return 0;
}

static uint32_t sor_rounds(const struct world *world)
{
    return world->count;
}

static void sor_config(
        const struct world *world, const char *problem, FILE *out)
{
    double log_cap = log((double)world->cap);

    fprintf(out, "  - name: %s\n    actions: [", problem);
    for (uint32_t arm = 0; arm < ARMS; arm++)
        fprintf(out, "%s\"%.2f\"", arm > 0 ? ", " : "", omega_of(arm));
    fprintf(out, "]\n");
    if (world->tsallis) {
        fprintf(out,
                "    context: [shift]\n"
                "    reward: {min: 1, max: %u, objective: minimise, wait: 0, "
                "default: 1}\n"
                "    policy: {learner: tsallis-inf, estimator: "
                "reduced_variance}\n",
                world->cap);
        return;
    }
    /* Losses are log costs divided by their range, so gamma is 5 n times
     * it (relax.md, section 2.4). */
    fprintf(out,
            "    context: [shift]\n"
            "    action_features: %u\n"
            "    reward: {min: 0, max: %.17g, objective: minimise, wait: 0}\n"
            "    policy: {oracle: ridge, explorer: squarecb, model: shared, "
            "scale: false, lambda: 0.01, gamma_scale: %.6g, gamma_exponent: 1}\n",
            FEATURES, log_cap, 5.0 * log_cap);
}

/* ---- rounds ---- */

static void chebyshev(double x, double *out, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        out[i] = i == 0 ? 1.0 : i == 1 ? x : 2.0 * x * out[i - 1] - out[i - 2];
}

static void sor_question(
        struct world *world, uint32_t i, rue_question *question)
{
    double z = scaled_context(world, context_of(world, i));
    double of_shift[SHIFT_TERMS], of_omega[OMEGA_TERMS];

    world->context[0] = z;
    question->context = world->context;
    question->context_count = 1;
    if (world->tsallis)
        return;
    chebyshev(z, of_shift, SHIFT_TERMS);
    for (uint32_t arm = 0; arm < ARMS; arm++) {
        double u = 2.0 * (omega_of(arm) - 1.0) / 0.95 - 1.0;
        chebyshev(u, of_omega, OMEGA_TERMS);
        for (uint32_t a = 0; a < OMEGA_TERMS; a++)
            for (uint32_t b = 0; b < SHIFT_TERMS; b++)
                world->features[arm * FEATURES + a * SHIFT_TERMS + b] =
                        of_omega[a] * of_shift[b];
    }
    question->action_features = world->features;
    question->action_rows = ARMS;
    question->action_columns = FEATURES;
}

static int sor_score(struct world *world, uint32_t i, const rue_answer *answer,
        double *value, struct err *err)
{
    const uint32_t *costs = costs_of(world, i);

    *value = 0.0;
    for (size_t k = 0; k < answer->count; k++) {
        if (answer->ranking[k] >= ARMS)
            return err_set(err, STATUS_INVALID, "round %u: no such arm", i);
        *value += answer->probability[k] * costs[answer->ranking[k]];
    }
    return 0;
}

static double sor_outcome(
        struct world *world, uint32_t i, const rue_answer *answer)
{
    double cost = costs_of(world, i)[answer->chosen];

    return world->tsallis ? cost : log(cost);
}

static int32_t sor_delay(struct world *world, uint32_t i)
{
    (void)world;
    (void)i;
    return 0;
}

/* ---- baselines ---- */

/* Mean of what `cost` says of each round, over all and over the last ones. */
static struct world_row mean_row(struct world *world, const char *name,
        double (*cost)(struct world *world, uint32_t i, uint32_t arm),
        uint32_t arm)
{
    uint32_t quarter = world->count / 4;
    struct world_row row = {.rounds = world->count};

    (void)snprintf(row.name, sizeof(row.name), "%s", name);
    for (uint32_t i = 0; i < world->count; i++) {
        double one = cost(world, i, arm);
        row.mean += one / world->count;
        if (i >= world->count - quarter)
            row.last_quarter += one / quarter;
    }
    return row;
}

static double arm_cost(struct world *world, uint32_t i, uint32_t arm)
{
    return costs_of(world, i)[arm];
}

static double uniform_cost(struct world *world, uint32_t i, uint32_t arm)
{
    double sum = 0.0;

    (void)arm;
    for (uint32_t a = 0; a < ARMS; a++)
        sum += costs_of(world, i)[a];
    return sum / ARMS;
}

static double best_cost(struct world *world, uint32_t i, uint32_t arm)
{
    uint32_t best = UINT32_MAX;

    (void)arm;
    for (uint32_t a = 0; a < ARMS; a++)
        if (costs_of(world, i)[a] < best)
            best = costs_of(world, i)[a];
    return best;
}

static double young_cost(struct world *world, uint32_t i, uint32_t arm)
{
    (void)arm;
    (void)costs_of(world, i);
    return world->young_cost[i];
}

static uint32_t sor_baselines(struct world *world, struct world_row *rows)
{
    struct world_row best = {.mean = INFINITY};
    uint32_t count = 0;

    rows[count++] = mean_row(world, "omega = 1", arm_cost, 0);
    rows[count++] = mean_row(world, "uniform", uniform_cost, 0);
    for (uint32_t arm = 0; arm < ARMS; arm++) {
        char name[48];
        struct world_row row;
        (void)snprintf(
                name, sizeof(name), "best fixed omega (%.2f)", omega_of(arm));
        row = mean_row(world, name, arm_cost, arm);
        if (row.mean < best.mean)
            best = row;
    }
    rows[count++] = best;
    if (world->model_problem)
        rows[count++] = mean_row(world, "Young's omega*(c)", young_cost, 0);
    rows[count++] = mean_row(world, "best arm of each solve", best_cost, 0);
    return count;
}

const struct world_functions world_sor = {
        .name = "sor",
        .sentence = "tune the relaxation parameter of SOR, solve by solve",
        .variants = "low high gr_30_30.mtx bcsstk01.mtx PATH.mtx",
        .policies = "shared tsallis",
        .value = "iterations per solve",
        .minimise = true,
        .window = 1,
        .open = sor_open,
        .close = sor_close,
        .rounds = sor_rounds,
        .config = sor_config,
        .question = sor_question,
        .score = sor_score,
        .outcome = sor_outcome,
        .delay = sor_delay,
        .baselines = sor_baselines,
};
