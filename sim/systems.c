#include "sim/systems.h"

#include "base/rng.h"
#include "sim/heat.h"
#include "sim/pcg.h"
#include "sim/sor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MODEL_M     10u /* interior points a side of the basic experiment */
#define SHIFT_MIN   -0.15
#define SHIFT_RANGE 0.6
#define BIN_MAX     0.65 /* the published interval is longer than the range */
#define LOG_MIN     -3.0 /* of a file's shift, log10 */
#define LOG_MAX     -0.5

/* Systems from one matrix, shifted anew each round, or from the heat equation.
 */
struct state {
    struct sparse matrix, shifted; /* not heat */
    struct heat heat;
    struct sparse *current;
    double *b; /* [n] heat: the heat's own */
    double *x; /* [n] the last solution */
    double *work;
    double beta; /* Jacobi's radius of `matrix` */
    uint32_t seed;
};

static struct state *state_of(const struct systems *systems)
{
    return systems->state;
}

double systems_omega(uint32_t arm)
{
    return 1.0 + 0.05 * arm;
}

/* ---- what is drawn ---- */

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

/* Draws of the context come before those of b. */
static double draw_context(const struct systems *systems, struct rng *rng)
{
    double share;

    if (systems->kind == SYSTEMS_FILE)
        return LOG_MIN + (LOG_MAX - LOG_MIN) * rng_unit(rng);
    share = systems->kind == SYSTEMS_HIGH ? draw_beta(rng, 0.5, 1.5)
                                          : draw_beta(rng, 2.0, 6.0);
    return SHIFT_MIN + SHIFT_RANGE * share;
}

void systems_draw_side(struct rng *rng, uint32_t n, double *b)
{
    double square;

    do {
        square = 0.0;
        for (uint32_t i = 0; i < n; i++) {
            b[i] = rng_normal(rng);
            square += b[i] * b[i];
        }
    } while (square > (double)n);
}

double systems_context(const struct systems *systems, uint32_t i)
{
    struct rng rng = rng_keyed(state_of(systems)->seed, i, RNG_WORLD);

    return systems->kind == SYSTEMS_HEAT ? heat_kappa(i * HEAT_DT)
                                         : draw_context(systems, &rng);
}

/* ---- life ---- */

static int open_heat(struct systems *systems,
        const struct systems_settings *settings, struct err *err)
{
    struct state *state = systems->state;
    int status;

    if (settings->nx < 3 || settings->nx > 2000)
        return err_set(err, STATUS_INVALID, "heat: nx must be 3 to 2000");
    status = heat_open(&state->heat, settings->nx, err);
    if (status != 0)
        return status;
    state->current = &state->heat.matrix;
    systems->solver = SOLVER_SSOR_CG;
    systems->stop.tolerance = 1e-8;
    systems->context_min = systems->context_max = heat_kappa(0.0);
    for (uint32_t i = 1; i < systems->rounds; i++) {
        double kappa = heat_kappa(i * HEAT_DT);
        systems->context_min = fmin(systems->context_min, kappa);
        systems->context_max = fmax(systems->context_max, kappa);
    }
    if (systems->context_max == systems->context_min)
        systems->context_max += 1.0;
    return 0;
}

static int open_shifted(struct systems *systems,
        const struct systems_settings *settings, struct err *err)
{
    struct state *state = systems->state;
    bool file = settings->kind == SYSTEMS_FILE;
    int status = file ? sparse_read(settings->path, &state->matrix, err)
                      : sparse_laplacian(MODEL_M, &state->matrix, err);

    if (status == 0)
        status = sparse_copy(&state->matrix, &state->shifted, err);
    if (status != 0)
        return status;
    state->current = &state->shifted;
    systems->stop.tolerance = file ? 1e-6 : 1e-8;
    systems->stop.cap = file ? 20000 : 10000;
    systems->context_min = file ? LOG_MIN : SHIFT_MIN;
    systems->context_max = file ? LOG_MAX : BIN_MAX;
    return 0;
}

static int allocate(struct systems *systems, struct err *err)
{
    struct state *state = systems->state;
    size_t n = systems->n;
    size_t most = SOR_LANE_WORK > PCG_WORK ? SOR_LANE_WORK : PCG_WORK;

    state->x = calloc(n, sizeof(double));
    state->work = calloc(most * n, sizeof(double));
    state->b = systems->kind == SYSTEMS_HEAT ? state->heat.b
                                             : calloc(n, sizeof(double));
    if (state->x == NULL || state->work == NULL || state->b == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory for the vectors");
    if (systems->kind == SYSTEMS_FILE && systems->solver == SOLVER_SOR)
        state->beta = sparse_jacobi_radius(&state->matrix, state->work);
    return 0;
}

int systems_open(struct systems *systems,
        const struct systems_settings *settings, struct err *err)
{
    bool heat = settings->kind == SYSTEMS_HEAT;
    int status;

    memset(systems, 0, sizeof(*systems));
    systems->kind = settings->kind;
    systems->solver = settings->solver;
    systems->rounds = settings->rounds > 0   ? settings->rounds
            : settings->kind == SYSTEMS_FILE ? 500
                                             : 5000;
    systems->stop = (struct solve_stop){
            .cap = 10000, .backstop = settings->backstop, .safe = 1.0};
    systems->state = calloc(1, sizeof(struct state));
    if (systems->state == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    state_of(systems)->seed = settings->seed;
    status = heat ? open_heat(systems, settings, err)
                  : open_shifted(systems, settings, err);
    if (status == 0) {
        systems->n = state_of(systems)->current->n;
        status = allocate(systems, err);
    }
    if (status != 0)
        systems_close(systems);
    return status;
}

void systems_close(struct systems *systems)
{
    struct state *state = systems->state;

    if (state == NULL)
        return;
    if (systems->kind == SYSTEMS_HEAT)
        heat_close(&state->heat);
    else
        free(state->b);
    sparse_free(&state->matrix);
    sparse_free(&state->shifted);
    free(state->x);
    free(state->work);
    free(state);
    systems->state = NULL;
}

/* ---- rounds ---- */

void systems_begin(struct systems *systems, uint32_t i)
{
    struct state *state = systems->state;
    struct rng rng = rng_keyed(state->seed, i, RNG_WORLD);
    double context;

    if (systems->kind == SYSTEMS_HEAT) {
        if (i == 0)
            heat_start(&state->heat);
        heat_set_up(&state->heat, i);
        return;
    }
    context = draw_context(systems, &rng);
    systems_draw_side(&rng, systems->n, state->b);
    sparse_shift(&state->matrix,
            systems->kind == SYSTEMS_FILE
                    ? (struct shift){1.0, pow(10.0, context), true}
                    : (struct shift){1.0, context, false},
            &state->shifted);
}

void systems_advance(struct systems *systems)
{
    struct state *state = systems->state;

    if (systems->kind == SYSTEMS_HEAT)
        memcpy(state->heat.u, state->x, systems->n * sizeof(double));
}

double *systems_exchange(struct systems *systems, double *field)
{
    struct state *state = systems->state;
    double *before = state->heat.u;

    CHECK(systems->kind == SYSTEMS_HEAT);
    state->heat.u = field;
    return before;
}

static void start_x(struct systems *systems)
{
    struct state *state = systems->state;

    if (systems->kind == SYSTEMS_HEAT)
        memcpy(state->x, state->heat.u, systems->n * sizeof(double));
    else
        memset(state->x, 0, systems->n * sizeof(double));
}

struct solve systems_solve_ssor_cg(struct systems *systems, double omega)
{
    struct state *state = systems->state;

    start_x(systems);
    return ssor_cg_solve(state->current, state->b, omega, &systems->stop,
            state->x, state->work);
}

struct solve systems_solve_cg(struct systems *systems)
{
    struct state *state = systems->state;

    start_x(systems);
    return cg_solve(
            state->current, state->b, &systems->stop, state->x, state->work);
}

struct solve systems_solve(struct systems *systems, double omega)
{
    struct state *state = systems->state;

    if (systems->solver == SOLVER_SSOR_CG)
        return systems_solve_ssor_cg(systems, omega);
    return sor_solve(
            state->current, state->b, omega, &systems->stop, NULL, state->work);
}

struct solve systems_solve_adaptive(struct systems *systems, double *omega)
{
    struct state *state = systems->state;

    CHECK(systems->solver == SOLVER_SOR);
    return sor_adaptive(
            state->current, state->b, &systems->stop, omega, state->work);
}

void systems_costs(struct systems *systems, uint32_t costs[SYSTEMS_ARMS])
{
    struct state *state = systems->state;
    double omegas[SYSTEMS_ARMS];

    for (uint32_t arm = 0; arm < SYSTEMS_ARMS; arm++)
        omegas[arm] = systems_omega(arm);
    if (systems->solver == SOLVER_SOR && systems->stop.backstop == 0) {
        sor_costs(state->current, state->b, omegas, SYSTEMS_ARMS,
                &systems->stop, costs, state->work);
        return;
    }
    for (uint32_t arm = 0; arm < SYSTEMS_ARMS; arm++)
        costs[arm] = systems_solve(systems, omegas[arm]).cost;
}

double systems_young(const struct systems *systems)
{
    const struct state *state = systems->state;
    double diagonal = state->current->diagonal[0];

    switch (systems->kind) {
    case SYSTEMS_LOW:
    case SYSTEMS_HIGH:
        return sor_young(4.0 * cos(M_PI / (MODEL_M + 1)) / diagonal);
    case SYSTEMS_FILE:
        return sor_young(state->beta * state->matrix.diagonal[0] / diagonal);
    case SYSTEMS_HEAT:
        return sor_young(
                (diagonal - 1.0) * cos(M_PI / state->heat.nx) / diagonal);
    }
    CHECK_UNREACHABLE();
}
