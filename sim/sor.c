#include "sim/sor.h"

#include "base/wide.h"

#include <math.h>
#include <string.h>

#define ADAPT_EVERY  5 /* sweeps before an estimate is trusted */
#define ADAPT_STEADY 0.1 /* of the distance to 1 */
#define ADAPT_GAIN   0.02 /* of the distance to 2 */
#define ADAPT_MAX    1.99

#define LINE       64u /* bytes of a cache line */
#define AHEAD      64u /* rows that are asked for before they are needed */
#define FETCH_ROWS (LINE / sizeof(double)) /* of a line of a vector */

static double square_of(const double *v, uint32_t n)
{
    double square = 0.0;

    for (uint32_t i = 0; i < n; i++)
        square += v[i] * v[i];
    return square;
}

/* ---- a sweep ---- */

/* inverse = omega/D */
static void invert_diagonal(
        const struct sparse *matrix, double omega, double *inverse)
{
    for (uint32_t i = 0; i < matrix->n; i++)
        inverse[i] = omega / matrix->diagonal[i];
}

/* Asks for what the rows from `row` + AHEAD on will need; the processor's own
 * prefetching stops at each page, and there are seven streams. */
static void fetch_ahead(const struct sparse *matrix, const double *inverse,
        const double *delta, const double *r, size_t row)
{
    const struct triangle *lower = &matrix->lower;
    size_t first = row + AHEAD;
    size_t end = first + FETCH_ROWS;

    if (end > matrix->n)
        return;
    __builtin_prefetch(&lower->start[end]);
    __builtin_prefetch(&inverse[first]);
    __builtin_prefetch(&matrix->diagonal[first]);
    __builtin_prefetch(&delta[first], 1);
    __builtin_prefetch(&r[first], 1);
    for (size_t at = lower->start[first]; at < lower->start[end];
            at += LINE / sizeof(double))
        __builtin_prefetch(&lower->value[at]);
    for (size_t at = lower->start[first]; at < lower->start[end];
            at += LINE / sizeof(uint32_t))
        __builtin_prefetch(&lower->column[at]);
}

/* delta = (D/omega + L)^-1 r, and then r = (1/omega - 1) D delta - L' delta;
 * its squared norm. One pass over L does both: what row i takes from delta it
 * gives to r, and r[j] is final once the rows within the bandwidth of j are
 * done. The sums are those of two passes, term by term in the same order. The
 * step of the row before, which most rows need last, stays in a register: its
 * way through memory would be the longest part of a row. */
static double forward(const struct sparse *matrix, double omega,
        const double *restrict inverse, double *restrict delta,
        double *restrict r)
{
    const uint32_t *restrict start = matrix->lower.start;
    const uint32_t *restrict column = matrix->lower.column;
    const double *restrict value = matrix->lower.value;
    const double *restrict diagonal = matrix->diagonal;
    double share = 1.0 / omega - 1.0, square = 0.0, step = 0.0;
    size_t n = matrix->n, settled = 0, from = 0;

    for (size_t row = 0; row < n; row++) {
        size_t to = start[row + 1];
        double sum = r[row];
        if (row % FETCH_ROWS == 0)
            fetch_ahead(matrix, inverse, delta, r, row);
        if (to > from && column[to - 1] == row - 1) {
            double last = value[to - 1];
            for (size_t at = from; at < to - 1; at++)
                sum -= value[at] * delta[column[at]];
            step = (sum - last * step) * inverse[row];
            for (size_t at = from; at < to - 1; at++)
                r[column[at]] -= value[at] * step;
            r[row - 1] -= last * step;
        } else {
            for (size_t at = from; at < to; at++)
                sum -= value[at] * delta[column[at]];
            step = sum * inverse[row];
            for (size_t at = from; at < to; at++)
                r[column[at]] -= value[at] * step;
        }
        delta[row] = step;
        r[row] = share * diagonal[row] * step;
        from = to;
        if (row % FETCH_ROWS == 0)
            for (; settled + matrix->bandwidth <= row; settled++)
                square += r[settled] * r[settled];
    }
    for (; settled < n; settled++)
        square += r[settled] * r[settled];
    return square;
}

/* delta = (D/omega + L')^-1 r */
static void solve_upper(const struct sparse *matrix, const double *inverse,
        const double *r, double *delta)
{
    const struct triangle *upper = &matrix->upper;

    for (uint32_t row = matrix->n; row-- > 0;) {
        double sum = r[row];
        for (uint32_t at = upper->start[row + 1]; at-- > upper->start[row];)
            sum -= upper->value[at] * delta[upper->column[at]];
        delta[row] = sum * inverse[row];
    }
}

/* r = (1/omega - 1) D delta - L delta; its squared norm. */
static double residual_after_upper(const struct sparse *matrix, double omega,
        const double *delta, double *r)
{
    const struct triangle *lower = &matrix->lower;
    double share = 1.0 / omega - 1.0, square = 0.0;

    for (uint32_t row = 0; row < matrix->n; row++) {
        double sum = share * matrix->diagonal[row] * delta[row];
        for (uint32_t at = lower->start[row]; at < lower->start[row + 1]; at++)
            sum -= lower->value[at] * delta[lower->column[at]];
        r[row] = sum;
        square += sum * sum;
    }
    return square;
}

static void add_to(double *x, const double *delta, uint32_t n)
{
    for (uint32_t i = 0; x != NULL && i < n; i++)
        x[i] += delta[i];
}

/* ---- solves ---- */

struct sweep {
    const struct sparse *matrix;
    double omega;
    double *inverse, *r, *delta; /* [n] each */
    double *x; /* [n] or NULL */
};

static double sweep_sor(struct sweep *sweep)
{
    double square = forward(sweep->matrix, sweep->omega, sweep->inverse,
            sweep->delta, sweep->r);

    add_to(sweep->x, sweep->delta, sweep->matrix->n);
    return square;
}

static double sweep_ssor(struct sweep *sweep)
{
    (void)sweep_sor(sweep);
    solve_upper(sweep->matrix, sweep->inverse, sweep->r, sweep->delta);
    add_to(sweep->x, sweep->delta, sweep->matrix->n);
    return residual_after_upper(
            sweep->matrix, sweep->omega, sweep->delta, sweep->r);
}

static void set_omega(struct sweep *sweep, double omega)
{
    sweep->omega = omega;
    invert_diagonal(sweep->matrix, omega, sweep->inverse);
}

static struct solve run(struct sweep *sweep, double (*step)(struct sweep *),
        const struct solve_stop *stop)
{
    double limit = square_of(sweep->r, sweep->matrix->n) * stop->tolerance *
            stop->tolerance;
    struct solve solve = {.cost = stop->cap, .end = SOLVE_CAPPED};

    for (uint32_t count = 1; count <= stop->cap; count++) {
        double square;
        if (stop->backstop > 0 && count == stop->backstop + 1)
            set_omega(sweep, stop->safe);
        square = step(sweep);
        if (stop->backstop == 0 || count <= stop->backstop)
            solve.own = count;
        if (!isfinite(square)) {
            solve.end = SOLVE_DIVERGED;
            return solve;
        }
        if (square < limit) {
            solve.cost = count;
            solve.end = SOLVE_CONVERGED;
            return solve;
        }
    }
    return solve;
}

static struct sweep sweep_of(const struct sparse *matrix, const double *b,
        double omega, double *x, double *work)
{
    uint32_t n = matrix->n;
    struct sweep sweep = {.matrix = matrix,
            .inverse = work,
            .r = work + n,
            .delta = work + 2 * (size_t)n,
            .x = x};

    memcpy(sweep.r, b, n * sizeof(*b));
    if (x != NULL)
        memset(x, 0, n * sizeof(*x));
    set_omega(&sweep, omega);
    return sweep;
}

struct solve sor_solve(const struct sparse *matrix, const double *b,
        double omega, const struct solve_stop *stop, double *x, double *work)
{
    struct sweep sweep = sweep_of(matrix, b, omega, x, work);

    return run(&sweep, sweep_sor, stop);
}

struct solve ssor_solve(const struct sparse *matrix, const double *b,
        double omega, const struct solve_stop *stop, double *x, double *work)
{
    struct sweep sweep = sweep_of(matrix, b, omega, x, work);

    return run(&sweep, sweep_ssor, stop);
}

/* ---- several omegas at a time ---- */

struct lanes {
    const struct sparse *matrix;
    const double *b;
    double *r, *delta, *inverse; /* [n][SOR_LANES] */
    double omega[SOR_LANES];
    uint32_t which[SOR_LANES]; /* omega's index; UINT32_MAX: at rest */
    uint32_t count[SOR_LANES];
};

static void fill_lane(
        struct lanes *lanes, uint32_t lane, uint32_t which, double omega)
{
    for (uint32_t i = 0; i < lanes->matrix->n; i++) {
        lanes->r[(size_t)i * SOR_LANES + lane] = lanes->b[i];
        lanes->inverse[(size_t)i * SOR_LANES + lane] =
                omega / lanes->matrix->diagonal[i];
    }
    lanes->omega[lane] = omega;
    lanes->which[lane] = which;
    lanes->count[lane] = 0;
}

static void rest_lane(struct lanes *lanes, uint32_t lane)
{
    for (uint32_t i = 0; i < lanes->matrix->n; i++) {
        lanes->r[(size_t)i * SOR_LANES + lane] = 0.0;
        lanes->inverse[(size_t)i * SOR_LANES + lane] = 0.0;
    }
    lanes->omega[lane] = 1.0;
    lanes->which[lane] = UINT32_MAX;
}

/* One number of each lane; the operations are those of one lane, so the bits
 * are too. */
typedef double vector __attribute__((
        vector_size(SOR_LANES * sizeof(double)), aligned(sizeof(double))));

/* Each lane: delta = (D/omega + L)^-1 r, then r = (1/omega - 1) D delta - L'
 * delta, and its squared norm. share[lane] = 1/omega - 1. */
WIDE static void sweep_lanes(const struct sparse *matrix,
        const vector *restrict inverse, const vector *share,
        vector *restrict delta, vector *restrict r, vector *squares)
{
    const struct triangle *lower = &matrix->lower, *upper = &matrix->upper;
    vector square = {0};

    for (uint32_t row = 0; row < matrix->n; row++) {
        vector sum = r[row];
        for (uint32_t at = lower->start[row]; at < lower->start[row + 1]; at++)
            sum -= lower->value[at] * delta[lower->column[at]];
        delta[row] = sum * inverse[row];
    }
    for (uint32_t row = 0; row < matrix->n; row++) {
        vector sum = *share * matrix->diagonal[row] * delta[row];
        for (uint32_t at = upper->start[row]; at < upper->start[row + 1]; at++)
            sum -= upper->value[at] * delta[upper->column[at]];
        r[row] = sum;
        square += sum * sum;
    }
    *squares = square;
}

/* Counts a sweep of one lane; true when its solve is over, and its cost noted.
 */
static bool lane_over(struct lanes *lanes, uint32_t lane, double square,
        double limit, uint32_t cap, uint32_t *costs)
{
    uint32_t which = lanes->which[lane];
    bool done = square < limit;

    if (which == UINT32_MAX)
        return false;
    lanes->count[lane]++;
    if (!done && isfinite(square) && lanes->count[lane] < cap)
        return false;
    costs[which] = done ? lanes->count[lane] : cap;
    return true;
}

void sor_costs(const struct sparse *matrix, const double *b,
        const double *omegas, uint32_t count, const struct solve_stop *stop,
        uint32_t *costs, double *work)
{
    struct lanes lanes = {.matrix = matrix,
            .b = b,
            .r = work,
            .delta = work + (size_t)matrix->n * SOR_LANES,
            .inverse = work + 2 * (size_t)matrix->n * SOR_LANES};
    double limit = square_of(b, matrix->n) * stop->tolerance * stop->tolerance;
    uint32_t next = 0, busy = 0;

    for (uint32_t lane = 0; lane < SOR_LANES; lane++)
        if (next < count) {
            fill_lane(&lanes, lane, next, omegas[next]);
            next++;
            busy++;
        } else {
            rest_lane(&lanes, lane);
        }
    while (busy > 0) {
        vector square, share;
        for (uint32_t lane = 0; lane < SOR_LANES; lane++)
            share[lane] = 1.0 / lanes.omega[lane] - 1.0;
        sweep_lanes(matrix, (const vector *)lanes.inverse, &share,
                (vector *)lanes.delta, (vector *)lanes.r, &square);
        for (uint32_t lane = 0; lane < SOR_LANES; lane++) {
            if (!lane_over(&lanes, lane, square[lane], limit, stop->cap, costs))
                continue;
            if (next < count) {
                fill_lane(&lanes, lane, next, omegas[next]);
                next++;
            } else {
                rest_lane(&lanes, lane);
                busy--;
            }
        }
    }
}

/* ---- omega from the convergence itself ---- */

struct adaptation {
    int since; /* sweeps under this omega */
    double step, ratio; /* |delta| of the last sweep, and its ratio then */
};

/* The omega to go on with, from the size of this sweep's step. */
static double adapt(struct adaptation *state, double omega, double step)
{
    double ratio = state->step > 0.0 ? step / state->step : 0.0;
    double before = state->ratio;
    double square, better;

    state->since++;
    state->step = step;
    state->ratio = ratio;
    if (state->since < ADAPT_EVERY || !(omega - 1.0 < ratio) ||
            !(ratio < 1.0) ||
            !(fabs(ratio - before) < ADAPT_STEADY * (1.0 - ratio)))
        return omega;
    square = (ratio + omega - 1.0) * (ratio + omega - 1.0) /
            (ratio * omega * omega);
    if (!(square < 1.0))
        return omega;
    better = 2.0 / (1.0 + sqrt(1.0 - square));
    if (!(better > omega + ADAPT_GAIN * (2.0 - omega)))
        return omega;
    state->since = 0;
    state->step = 0.0;
    return fmin(better, ADAPT_MAX);
}

struct solve sor_adaptive(const struct sparse *matrix, const double *b,
        const struct solve_stop *stop, double *omega, double *work)
{
    struct sweep sweep = sweep_of(matrix, b, *omega, NULL, work);
    struct adaptation state = {0};
    double limit = square_of(b, matrix->n) * stop->tolerance * stop->tolerance;
    struct solve solve = {.cost = stop->cap, .end = SOLVE_CAPPED};

    for (uint32_t count = 1; count <= stop->cap; count++) {
        double square = sweep_sor(&sweep);
        double next;
        if (!isfinite(square)) {
            solve.end = SOLVE_DIVERGED;
            break;
        }
        if (square < limit) {
            solve.cost = count;
            solve.end = SOLVE_CONVERGED;
            break;
        }
        next = adapt(
                &state, sweep.omega, sqrt(square_of(sweep.delta, matrix->n)));
        if (next != sweep.omega)
            set_omega(&sweep, next);
    }
    solve.own = solve.cost;
    *omega = sweep.omega;
    return solve;
}

/* ---- theory ---- */

double sor_young(double beta)
{
    if (!(beta >= 0.0 && beta < 1.0))
        return (double)NAN;
    return 2.0 / (1.0 + sqrt(1.0 - beta * beta));
}

double sor_radius(double beta, double omega)
{
    double root;

    if (omega >= sor_young(beta))
        return omega - 1.0;
    root = omega * beta +
            sqrt(fmax(omega * omega * beta * beta - 4.0 * (omega - 1.0), 0.0));
    return 0.25 * root * root;
}
