/* The solvers against the iteration counts of relax.md (6.1), and against slow,
 * obvious forms of themselves: SOR row by row with a fresh residual, SSOR as
 * its preconditioner solved and applied, textbook preconditioned CG. */
#include "base/rng.h"
#include "sim/pcg.h"
#include "sim/sor.h"
#include "tests/lib/suite.h"

#include "base/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_MAX 1200u

static const struct solve_stop usual = {.tolerance = 1e-8, .cap = 10000};
static double work[(size_t)12 * N_MAX + (SOR_LANE_WORK * N_MAX)];

static void open_model(uint32_t m, double shift, struct sparse *matrix)
{
    struct sparse plain;
    struct err err;

    ck_assert_int_eq(sparse_laplacian(m, &plain, &err), 0);
    ck_assert_int_eq(sparse_copy(&plain, matrix, &err), 0);
    sparse_shift(&plain, (struct shift){1.0, shift, false}, matrix);
    sparse_free(&plain);
}

static void right_side(bool ones, uint32_t n, double *b)
{
    for (uint32_t i = 0; i < n; i++)
        b[i] = ones ? 1.0 : sin((double)(i + 1));
}

static void random_side(uint32_t seed, uint32_t n, double *b)
{
    struct rng rng = rng_keyed(seed, 0, RNG_TEST);

    for (uint32_t i = 0; i < n; i++)
        b[i] = rng_normal(&rng);
}

/* ---- exact counts ---- */

#define STAR 1.5603879212747742 /* 2/(1 + sin(pi/11)) */

static const struct {
    double shift;
    bool ones;
    uint32_t sor[9], ssor[3], cg, ssor_cg[3];
} rows[] = {
        {-0.15, true, {2927, 1950, 1252, 971, 819, 724, 293, 189, 392},
                {1516, 646, 654}, 15, {16, 16, 18}},
        {-0.15, false, {1239, 885, 607, 488, 421, 379, 175, 177, 359},
                {524, 269, 326}, 35, {18, 16, 20}},
        {0.0, true, {223, 145, 88, 62, 41, 43, 89, 187, 383}, {117, 51, 75}, 15,
                {13, 13, 15}},
        {0.0, false, {131, 90, 58, 43, 37, 41, 86, 175, 361}, {53, 29, 67}, 30,
                {15, 12, 16}},
};

START_TEST(counts_are_those_of_the_reference)
{
    const double omegas[9] = {1.0, 1.2, 1.4, 1.5, STAR, 1.6, 1.8, 1.9, 1.95};
    const double few[3] = {1.0, 1.5, 1.8};
    struct sparse matrix;
    double b[100], x[100];
    uint32_t costs[9];

    open_model(10, rows[_i].shift, &matrix);
    right_side(rows[_i].ones, 100, b);
    for (size_t i = 0; i < 9; i++)
        ck_assert_uint_eq(
                sor_solve(&matrix, b, omegas[i], &usual, NULL, work).cost,
                rows[_i].sor[i]);
    sor_costs(&matrix, b, omegas, 9, &usual, costs, work);
    ck_assert_int_eq(memcmp(costs, rows[_i].sor, sizeof(costs)), 0);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(
                ssor_solve(&matrix, b, few[i], &usual, NULL, work).cost,
                rows[_i].ssor[i]);
        memset(x, 0, sizeof(x));
        ck_assert_uint_eq(
                ssor_cg_solve(&matrix, b, few[i], &usual, x, work).cost,
                rows[_i].ssor_cg[i]);
    }
    memset(x, 0, sizeof(x));
    ck_assert_uint_eq(cg_solve(&matrix, b, &usual, x, work).cost, rows[_i].cg);
    sparse_free(&matrix);
}
END_TEST

/* relax.md 3.1: means over 400 right sides of 4.1 at c = 0, within 4 standard
 * errors of both samples. */
static const struct {
    double omega, mean, sd;
} means[] = {{1.0, 189.6, 12.4}, {1.2, 123.6, 8.8}, {1.4, 74.8, 4.9},
        {1.5, 52.8, 3.5}, {1.6, 40.8, 0.8}, {1.8, 85.6, 0.7}, {1.9, 177.4, 0.9},
        {1.95, 362.0, 1.2}, {1.99, 1846.0, 7.2}};

START_TEST(mean_counts_are_those_of_the_reference)
{
    double omegas[ARRAY_COUNT(means)], sums[ARRAY_COUNT(means)] = {0};
    uint32_t costs[ARRAY_COUNT(means)];
    struct sparse matrix;
    double b[100];

    open_model(10, 0.0, &matrix);
    for (size_t i = 0; i < ARRAY_COUNT(means); i++)
        omegas[i] = means[i].omega;
    for (uint32_t side = 0; side < 400; side++) {
        random_side(side, 100, b);
        sor_costs(&matrix, b, omegas, ARRAY_COUNT(means), &usual, costs, work);
        for (size_t i = 0; i < ARRAY_COUNT(means); i++)
            sums[i] += costs[i];
    }
    for (size_t i = 0; i < ARRAY_COUNT(means); i++)
        ck_assert_double_eq_tol(sums[i] / 400.0, means[i].mean,
                0.05 + 4.0 * means[i].sd * sqrt(2.0 / 400.0));
    sparse_free(&matrix);
}
END_TEST

/* ---- slow, obvious forms ---- */

static double fresh_residual(const struct sparse *matrix, const double *b,
        const double *x, double *r)
{
    double square = 0.0;

    sparse_times(matrix, x, r);
    for (uint32_t i = 0; i < matrix->n; i++) {
        r[i] = b[i] - r[i];
        square += r[i] * r[i];
    }
    return sqrt(square);
}

/* Row i of one triangle times x. */
static double row_times(
        const struct triangle *side, uint32_t i, const double *x)
{
    double sum = 0.0;

    for (uint32_t at = side->start[i]; at < side->start[i + 1]; at++)
        sum += side->value[at] * x[side->column[at]];
    return sum;
}

static void sweep_row(const struct sparse *matrix, const double *b,
        double omega, uint32_t i, double *x)
{
    double sum = b[i] - row_times(&matrix->lower, i, x) -
            matrix->diagonal[i] * x[i] - row_times(&matrix->upper, i, x);

    x[i] += omega / matrix->diagonal[i] * sum;
}

/* `both`: a backward sweep after each forward one. */
static uint32_t slow_count(const struct sparse *matrix, const double *b,
        double omega, bool both, const struct solve_stop *stop, double *x)
{
    static double r[N_MAX];
    double first;

    memset(x, 0, matrix->n * sizeof(*x));
    first = fresh_residual(matrix, b, x, r);
    for (uint32_t count = 1; count <= stop->cap; count++) {
        for (uint32_t i = 0; i < matrix->n; i++)
            sweep_row(matrix, b, omega, i, x);
        for (uint32_t i = matrix->n; both && i-- > 0;)
            sweep_row(matrix, b, omega, i, x);
        if (fresh_residual(matrix, b, x, r) < stop->tolerance * first)
            return count;
    }
    return stop->cap;
}

/* z = M^-1 r */
static void precondition(
        const struct sparse *matrix, double omega, const double *r, double *z)
{
    for (uint32_t i = 0; i < matrix->n; i++) {
        double sum = r[i] * omega * (2.0 - omega) -
                omega * row_times(&matrix->lower, i, z);
        z[i] = sum / matrix->diagonal[i];
    }
    for (uint32_t i = matrix->n; i-- > 0;) {
        double sum = z[i] * matrix->diagonal[i] -
                omega * row_times(&matrix->upper, i, z);
        z[i] = sum / matrix->diagonal[i];
    }
}

static double product(const double *a, const double *b, uint32_t n)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static uint32_t slow_pcg(const struct sparse *matrix, const double *b,
        double omega, const struct solve_stop *stop, double *x)
{
    static double r[N_MAX], z[N_MAX], p[N_MAX], q[N_MAX];
    uint32_t n = matrix->n, count = 0;
    double limit = stop->tolerance * sqrt(product(b, b, n));
    double rz = 0.0;

    (void)fresh_residual(matrix, b, x, r);
    while (sqrt(product(r, r, n)) > limit && count < stop->cap) {
        double next, step;
        precondition(matrix, omega, r, z);
        next = product(r, z, n);
        for (uint32_t i = 0; i < n; i++)
            p[i] = z[i] + (count > 0 ? next / rz * p[i] : 0.0);
        rz = next;
        sparse_times(matrix, p, q);
        step = rz / product(p, q, n);
        for (uint32_t i = 0; i < n; i++) {
            x[i] += step * p[i];
            r[i] -= step * q[i];
        }
        count++;
    }
    return count;
}

static const char *const files[] = {
        "bcsstk01.mtx", "gr_30_30.mtx", "nos3.mtx", "1138_bus.mtx"};

static void open_file(const char *name, double shift, struct sparse *matrix)
{
    struct sparse plain;
    struct err err;
    char path[128];

    (void)snprintf(path, sizeof(path), "tests/data/matrices/%s", name);
    ck_assert_msg(sparse_read(path, &plain, &err) == 0, "%s", err.text);
    ck_assert_int_eq(sparse_copy(&plain, matrix, &err), 0);
    sparse_shift(&plain, (struct shift){1.0, shift, true}, matrix);
    sparse_free(&plain);
}

static void check_solution(const struct sparse *matrix, const double *b,
        const double *x, const double *expected, double tolerance)
{
    double error = 0.0, size = 0.0;

    (void)b;
    for (uint32_t i = 0; i < matrix->n; i++) {
        error += (x[i] - expected[i]) * (x[i] - expected[i]);
        size += expected[i] * expected[i];
    }
    ck_assert_double_le(sqrt(error), tolerance * sqrt(size));
}

/* Shifted by a tenth of the diagonal, real matrices of every kind. The counts
 * of the two forms are the same, and so is the solution. */
START_TEST(fast_forms_count_as_slow_ones)
{
    static const double omegas[] = {0.8, 1.0, 1.3, 1.6, 1.85};
    static double b[N_MAX], x[N_MAX], y[N_MAX], z[N_MAX];
    const struct solve_stop stop = {.tolerance = 1e-8, .cap = 20000};
    struct sparse matrix;

    open_file(files[_i], 0.1, &matrix);
    for (size_t i = 0; i < ARRAY_COUNT(omegas); i++) {
        struct solve solve;
        uint32_t slow;
        random_side((uint32_t)i, matrix.n, b);
        slow = slow_count(&matrix, b, omegas[i], false, &stop, y);
        solve = sor_solve(&matrix, b, omegas[i], &stop, x, work);
        ck_assert_uint_eq(solve.cost, slow);
        ck_assert_int_eq(solve.end, SOLVE_CONVERGED);
        check_solution(&matrix, b, x, y, 1e-9);
        slow = slow_count(&matrix, b, omegas[i], true, &stop, y);
        ck_assert_uint_eq(
                ssor_solve(&matrix, b, omegas[i], &stop, x, work).cost, slow);
        check_solution(&matrix, b, x, y, 1e-9);
        memset(x, 0, sizeof(x));
        memset(z, 0, sizeof(z));
        slow = slow_pcg(&matrix, b, omegas[i], &stop, z);
        ck_assert_uint_eq(
                ssor_cg_solve(&matrix, b, omegas[i], &stop, x, work).cost,
                slow);
        check_solution(&matrix, b, x, z, 1e-9);
    }
    sparse_free(&matrix);
}
END_TEST

START_TEST(lanes_cost_what_one_solve_costs)
{
    static const double omegas[] = {0.7, 1.0, 1.1, 1.33, 1.5, 1.9, 1.99};
    static double b[N_MAX];
    const struct solve_stop stop = {.tolerance = 1e-6, .cap = 400};
    uint32_t costs[ARRAY_COUNT(omegas)];
    struct sparse matrix;

    open_file(files[_i], 0.01, &matrix);
    random_side(7, matrix.n, b);
    for (uint32_t count = 0; count <= ARRAY_COUNT(omegas); count++) {
        memset(costs, 0xff, sizeof(costs));
        sor_costs(&matrix, b, omegas, count, &stop, costs, work);
        for (uint32_t i = 0; i < ARRAY_COUNT(omegas); i++)
            ck_assert_uint_eq(costs[i],
                    i < count ? sor_solve(&matrix, b, omegas[i], &stop, NULL,
                                        work)
                                        .cost
                              : UINT32_MAX);
    }
    sparse_free(&matrix);
}
END_TEST

/* ---- ends of a solve ---- */

START_TEST(a_cap_is_a_censored_cost)
{
    const struct solve_stop stop = {.tolerance = 1e-8, .cap = 40};
    struct sparse matrix;
    double b[100], x[100] = {0};
    struct solve solve;

    open_model(10, 0.0, &matrix);
    right_side(true, 100, b);
    solve = sor_solve(&matrix, b, 1.0, &stop, NULL, work);
    ck_assert_uint_eq(solve.cost, 40);
    ck_assert_int_eq(solve.end, SOLVE_CAPPED);
    ck_assert_int_eq(
            ssor_cg_solve(&matrix, b, 1.0,
                    &(struct solve_stop){.tolerance = 1e-8, .cap = 12}, x, work)
                    .end,
            SOLVE_CAPPED);
    sparse_free(&matrix);
}
END_TEST

/* omega outside (0,2), and a matrix that is not positive definite. */
START_TEST(divergence_is_found)
{
    struct sparse matrix;
    double b[100], x[100] = {0};
    struct solve solve;

    open_model(10, 0.0, &matrix);
    right_side(true, 100, b);
    solve = sor_solve(&matrix, b, 2.3, &usual, NULL, work);
    ck_assert_int_eq(solve.end, SOLVE_DIVERGED);
    ck_assert_uint_eq(solve.cost, 10000);
    ck_assert_uint_lt(solve.own, 10000);
    ck_assert_int_eq(ssor_solve(&matrix, b, 2.3, &usual, NULL, work).end,
            SOLVE_DIVERGED);
    sparse_free(&matrix);
    open_model(10, -0.5, &matrix);
    ck_assert_int_eq(
            sor_solve(&matrix, b, 1.5, &usual, NULL, work).end, SOLVE_DIVERGED);
    b[3] = (double)NAN;
    ck_assert_int_eq(cg_solve(&matrix, b, &usual, x, work).end, SOLVE_DIVERGED);
    ck_assert_int_eq(ssor_cg_solve(&matrix, b, 1.2, &usual, x, work).end,
            SOLVE_DIVERGED);
    sparse_free(&matrix);
}
END_TEST

START_TEST(a_solved_system_costs_nothing)
{
    struct sparse matrix;
    double b[100], x[100] = {0};
    struct solve_stop stop = usual;

    open_model(10, 0.1, &matrix);
    right_side(false, 100, b);
    ck_assert_uint_gt(ssor_cg_solve(&matrix, b, 1.4, &stop, x, work).cost, 0);
    stop.tolerance = 1.1e-8;
    ck_assert_uint_eq(ssor_cg_solve(&matrix, b, 1.4, &stop, x, work).cost, 0);
    ck_assert_uint_eq(cg_solve(&matrix, b, &stop, x, work).cost, 0);
    memset(b, 0, sizeof(b));
    memset(x, 0, sizeof(x));
    ck_assert_uint_eq(cg_solve(&matrix, b, &stop, x, work).cost, 0);
    sparse_free(&matrix);
}
END_TEST

/* After 30 sweeps at 1.95 the safe omega takes over from where they left. */
START_TEST(a_backstop_bounds_what_a_bad_omega_costs)
{
    struct solve_stop stop = usual;
    struct sparse matrix;
    double b[100], x[100] = {0}, y[100];
    struct solve solve;

    open_model(10, 0.0, &matrix);
    right_side(false, 100, b);
    stop.backstop = 30;
    stop.safe = STAR;
    solve = sor_solve(&matrix, b, 1.95, &stop, x, work);
    ck_assert_int_eq(solve.end, SOLVE_CONVERGED);
    ck_assert_uint_eq(solve.own, 30);
    ck_assert_uint_lt(solve.cost, 30 + 60);
    (void)slow_count(&matrix, b, STAR, false, &usual, y);
    check_solution(&matrix, b, x, y, 1e-6);
    solve = sor_solve(&matrix, b, STAR, &usual, NULL, work);
    ck_assert_uint_eq(solve.own, solve.cost);
    memset(x, 0, sizeof(x));
    stop.backstop = 5;
    stop.safe = 1.4;
    solve = ssor_cg_solve(&matrix, b, 1.95, &stop, x, work);
    ck_assert_int_eq(solve.end, SOLVE_CONVERGED);
    ck_assert_uint_eq(solve.own, 5);
    ck_assert_uint_lt(solve.cost, 5 + 16);
    check_solution(&matrix, b, x, y, 1e-6);
    sparse_free(&matrix);
}
END_TEST

/* ---- adaptive omega, Young's formula ---- */

/* The steps of relax.md 1.4, word for word, on x rather than on residuals. */
static uint32_t slow_adaptive(const struct sparse *matrix, const double *b,
        const struct solve_stop *stop, double *omega)
{
    static double x[N_MAX], before[N_MAX], r[N_MAX];
    double w = *omega, dl = 0.0, rl = 0.0, first;
    int since = 0;

    memset(x, 0, sizeof(x));
    first = fresh_residual(matrix, b, x, r);
    for (uint32_t count = 1; count <= stop->cap; count++) {
        double dn = 0.0, ra;
        memcpy(before, x, sizeof(x));
        for (uint32_t i = 0; i < matrix->n; i++)
            sweep_row(matrix, b, w, i, x);
        since++;
        *omega = w;
        if (fresh_residual(matrix, b, x, r) < stop->tolerance * first)
            return count;
        for (uint32_t i = 0; i < matrix->n; i++)
            dn += (x[i] - before[i]) * (x[i] - before[i]);
        dn = sqrt(dn);
        ra = dl > 0.0 ? dn / dl : 0.0;
        if (since >= 5 && w - 1.0 < ra && ra < 1.0 &&
                fabs(ra - rl) < 0.1 * (1.0 - ra)) {
            double be2 = (ra + w - 1.0) * (ra + w - 1.0) / (ra * w * w);
            double wn = be2 < 1.0 ? 2.0 / (1.0 + sqrt(1.0 - be2)) : 0.0;
            if (wn > w + 0.02 * (2.0 - w)) {
                w = fmin(wn, 1.99);
                since = 0;
                dn = 0.0;
            }
        }
        dl = dn;
        rl = ra;
    }
    return stop->cap;
}

START_TEST(adaptive_omega_takes_the_steps_of_the_specification)
{
    struct sparse matrix;
    double b[100];

    for (uint32_t seed = 0; seed < 200; seed++) {
        double start = seed % 3 == 0 ? 1.3 : 1.0;
        double fast = start, slow = start;
        open_model(10, -0.15 + 0.003 * seed, &matrix);
        random_side(seed, 100, b);
        ck_assert_uint_eq(sor_adaptive(&matrix, b, &usual, &fast, work).cost,
                slow_adaptive(&matrix, b, &usual, &slow));
        ck_assert_double_eq_tol(fast, slow, 1e-6);
        sparse_free(&matrix);
    }
}
END_TEST

static const struct {
    double omega, radius;
} radii[] = {{1.0, 0.920626766416}, {1.2, 0.880261501479}, {1.4, 0.80589},
        {1.5, 0.728006873146}, {STAR, 0.560387932}, {1.8, 0.8}};
static const struct {
    double shift, omega;
} stars[] = {{-0.15, 1.8536}, {-0.05, 1.6175}, {0.05, 1.5159}, {0.15, 1.4488},
        {0.25, 1.3991}, {0.35, 1.3599}, {0.45, 1.3279}};

START_TEST(youngs_formula)
{
    double beta = cos(M_PI / 11.0);

    ck_assert_double_eq_tol(beta, 0.9594929736, 1e-10);
    ck_assert_double_eq_tol(sor_young(beta), 1.5603879213, 1e-10);
    for (size_t i = 0; i < ARRAY_COUNT(radii); i++)
        ck_assert_double_eq_tol(sor_radius(beta, radii[i].omega),
                radii[i].radius,
                i == 2           ? 5e-6
                        : i == 4 ? 2e-8
                                 : 1e-12);
    for (size_t i = 0; i < ARRAY_COUNT(stars); i++)
        ck_assert_double_eq_tol(sor_young(4.0 * beta / (4.0 + stars[i].shift)),
                stars[i].omega, 5e-5);
    ck_assert_double_eq(sor_young(0.0), 1.0);
    ck_assert(isnan(sor_young(1.0)) && isnan(sor_young(1.63)));
}
END_TEST

/* ORIGIN.md of the matrices, and the model problem. */
START_TEST(jacobi_radius)
{
    static const double expected[] = {
            1.1014522, 0.99231715, 1.6313918, 0.99999592};
    struct sparse matrix;

    open_file(files[_i], 0.0, &matrix);
    ck_assert_double_eq_tol(
            sparse_jacobi_radius(&matrix, work), expected[_i], 2e-6);
    sparse_free(&matrix);
    open_model(10, 0.25, &matrix);
    ck_assert_double_eq_tol(sparse_jacobi_radius(&matrix, work),
            4.0 * cos(M_PI / 11.0) / 4.25, 1e-7);
    sparse_free(&matrix);
}
END_TEST

/* ---- matrices ---- */

static void assert_same_triangle(
        const struct triangle *a, const struct triangle *b)
{
    ck_assert_uint_eq(a->start[900], (7744 - 900) / 2);
    ck_assert_int_eq(memcmp(a->start, b->start, 901 * sizeof(*a->start)), 0);
    ck_assert_int_eq(
            memcmp(a->column, b->column, 3422 * sizeof(*a->column)), 0);
    ck_assert_int_eq(memcmp(a->value, b->value, 3422 * sizeof(*a->value)), 0);
}

/* gr_30_30 is the 9-point star on 30 x 30 points. */
START_TEST(nine_points)
{
    struct sparse file, star;
    struct err err;

    open_file("gr_30_30.mtx", 0.0, &file);
    ck_assert_int_eq(sparse_laplacian9(30, &star, &err), 0);
    ck_assert_uint_eq(star.n, 900);
    ck_assert_uint_eq(star.bandwidth, 31);
    ck_assert_uint_eq(file.bandwidth, 31);
    assert_same_triangle(&star.lower, &file.lower);
    assert_same_triangle(&star.upper, &file.upper);
    ck_assert_int_eq(
            memcmp(star.diagonal, file.diagonal, 900 * sizeof(double)), 0);
    sparse_free(&file);
    sparse_free(&star);
}
END_TEST

static const struct {
    const char *text;
    const char *message; /* NULL: it is taken */
} texts[] = {
        {"%%MatrixMarket matrix coordinate real symmetric\n2 2 3\n1 1 2\n2 1 -1\n2 2 2\n",
                NULL},
        {"%%MatrixMarket matrix coordinate real symmetric\n2 2 3\n1 1 2\n1 2 -1\n2 2 2\n",
                NULL},
        {"%%MatrixMarket matrix coordinate real symmetric\n% a comment\n\n2 2 3\n1 1 2\n%% another\n\n2 1 -1\r\n2 2 2",
                NULL},
        {"%%MatrixMarket matrix coordinate real symmetric\n2 2 4\n1 1 1\n1 1 1\n2 1 -1\n2 2 2\n",
                NULL},
        {"%%MatrixMarket matrix coordinate integer Symmetric\n2 2 3\n1 1 2\n2 1 -1\n2 2 2\n",
                NULL},
        {"%%MatrixMarket matrix array real general\n2 2\n2\n-1\n-1\n2\n", NULL},
        {"%%MatrixMarket matrix array real symmetric\n2 2\n2\n-1\n2\n", NULL},
        {"%%MatrixMarket matrix coordinate real general\n2 2 4\n1 1 2\n2 1 -1\n1 2 -1\n2 2 2\n",
                NULL},
        {"2 2 3\n1 1 2\n2 1 -1\n2 2 2\n", NULL},
        {"%%MatrixMarket matrix coordinate real general\n2 2 4\n1 1 2\n2 1 -1\n1 2 -3\n2 2 2\n",
                "symmetric: row 2, column 1"},
        {"%%MatrixMarket matrix coordinate real general\n2 2 3\n1 1 2\n2 1 -1\n2 2 2\n",
                "symmetric: row 2, column 1"},
        {"%%MatrixMarket matrix coordinate real general\n2 2 3\n1 1 2\n1 2 -1\n2 2 2\n",
                "symmetric: row 1, column 2"},
        {"%%MatrixMarket matrix array real general\n2 2\n2\n-1\n0\n2\n",
                "symmetric: row 2, column 1"},
        {"%%MatrixMarket matrix coordinate real symmetric\n2 2 4\n1 1 2\n2 1 -1\n1 2 -1\n2 2 2\n",
                "both triangles"},
        {"%%MatrixMarket matrix coordinate real symmetric\n2 2 2\n1 1 2\n2 1 -1\n",
                "diagonal in row 2"},
        {"%%MatrixMarket matrix coordinate real symmetric\n2 2 3\n1 1 2\n2 1 -1\n2 2 0\n",
                "diagonal in row 2"},
        {"%%MatrixMarket matrix coordinate real symmetric\n2 2 3\n1 1 -2\n2 1 -1\n2 2 2\n",
                "diagonal in row 1"},
        {"%%MatrixMarket matrix coordinate real general\n2 3 2\n1 1 2\n2 1 -1\n",
                "line 2: 2 x 3: the matrix is not square"},
        {"%%MatrixMarket matrix coordinate real symmetric\n0 0 0\n",
                "line 2: 0 rows"},
        {"%%MatrixMarket matrix coordinate real symmetric\n2000000000 2000000000 1\n1 1 4\n",
                "leave a diagonal of"},
        {"%%MatrixMarket matrix coordinate real symmetric\n2 2 2000000000\n1 1 4\n",
                "ends after 1 of 2000000000 entries"},
        {"%%MatrixMarket matrix coordinate real symmetric\n5000000000 5000000000 6000000000\n1 1 4\n",
                "line 2: 5000000000 rows"},
        {"%%MatrixMarket matrix coordinate real symmetric\n2 2 2\n1 1 2\n2 2 2\n2 1 -1\n",
                "line 5: more than the 2 entries"},
        {"%%MatrixMarket matrix coordinate real symmetric\n2 2 3\n1 1 2\n2 1\n2 2 2\n",
                "line 4: not row, column and value"},
        {"%%MatrixMarket matrix coordinate real symmetric\n2 2 3\n1 1 2\n2 1 -1 0\n2 2 2\n",
                "line 4: not row, column and value"},
        {"%%MatrixMarket matrix coordinate real symmetric\n2 2 3\n1 1 2\n3 1 -1\n2 2 2\n",
                "line 4: '3': not a row or column"},
        {"%%MatrixMarket matrix coordinate real symmetric\n2 2 3\n0 0 2\n1 0 -1\n1 1 2\n",
                "line 3: '0': not a row or column"},
        {"%%MatrixMarket matrix coordinate real symmetric\n2 2 3\n1 1 2.0D+03\n2 1 -1\n2 2 2\n",
                "line 3: '2.0D+03': not a number"},
        {"%%MatrixMarket matrix coordinate real symmetric\n2 2 3\n1 1 2\n2 1 nan\n2 2 2\n",
                "line 4: 'nan': not a finite number"},
        {"%%MatrixMarket matrix coordinate real symmetric\n2 2 3\n1 1 inf\n2 1 -1\n2 2 2\n",
                "line 3: 'inf': not a finite number"},
        {"%%MatrixMarket matrix coordinate real symmetric\n1 1 2\n"
         "1 1 9e307\n1 1 9.9e307\n",
                "row 1 do not add up"},
        {"%%MatrixMarket matrix coordinate pattern symmetric\n1 1 1\n1 1\n",
                "line 1: a pattern has no values"},
        {"%%MatrixMarket matrix coordinate complex symmetric\n1 1 1\n1 1 2 0\n",
                "line 1: complex: values must be real"},
        {"%%MatrixMarket matrix coordinate real hermitian\n1 1 1\n1 1 2\n",
                "line 1: hermitian: the matrix must be symmetric"},
        {"%%MatrixMarket matrix coordinate real skew-symmetric\n1 1 1\n1 1 2\n",
                "line 1: skew-symmetric: the matrix"},
        {"%%MatrixMarket matrix elemental real symmetric\n1 1 1\n1 1 2\n",
                "line 1: elemental: neither coordinate nor array"},
        {"%%MATRIXMARKET MATRIX COORDINATE REAL SYMMETRIC\n1 1 1\n1 1 2\n",
                "line 1: not `%%MatrixMarket"},
        {"%%MatrixMarket matrix coordinate real\n1 1 1\n1 1 2\n",
                "line 1: not `%%MatrixMarket"},
        {"%%MatrixMarket matrix array real general\n2\n2\n",
                "line 2: not a Matrix Market file"},
        {"%%MatrixMarket matrix coordinate real symmetric\n", "no sizes"},
        {"", "no sizes"},
        {"nonsense\n", "line 1: not a Matrix Market file"},
};

START_TEST(files_are_checked)
{
    char path[] = "/tmp/rue-matrix-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    struct sparse matrix;
    struct err err;
    int status;

    ck_assert_ptr_nonnull(file);
    fputs(texts[_i].text, file);
    (void)fclose(file);
    status = sparse_read(path, &matrix, &err);
    (void)remove(path);
    if (texts[_i].message != NULL) {
        ck_assert_int_eq(status, STATUS_INVALID);
        ck_assert_ptr_nonnull(strstr(err.text, texts[_i].message));
        return;
    }
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(matrix.lower.start[2], 1);
    ck_assert_uint_eq(matrix.upper.start[2], 1);
    ck_assert_double_eq(matrix.lower.value[0], -1.0);
    ck_assert_double_eq(matrix.upper.value[0], -1.0);
    sparse_free(&matrix);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("solvers");
    TCase *tests = tcase_create("solvers");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, counts_are_those_of_the_reference, 0,
            (int)ARRAY_COUNT(rows));
    tcase_add_test(tests, mean_counts_are_those_of_the_reference);
    tcase_add_loop_test(
            tests, fast_forms_count_as_slow_ones, 0, (int)ARRAY_COUNT(files));
    tcase_add_loop_test(
            tests, lanes_cost_what_one_solve_costs, 0, (int)ARRAY_COUNT(files));
    tcase_add_test(tests, a_cap_is_a_censored_cost);
    tcase_add_test(tests, divergence_is_found);
    tcase_add_test(tests, a_solved_system_costs_nothing);
    tcase_add_test(tests, a_backstop_bounds_what_a_bad_omega_costs);
    tcase_add_test(tests, adaptive_omega_takes_the_steps_of_the_specification);
    tcase_add_test(tests, youngs_formula);
    tcase_add_loop_test(tests, jacobi_radius, 0, (int)ARRAY_COUNT(files));
    tcase_add_test(tests, nine_points);
    tcase_add_loop_test(tests, files_are_checked, 0, (int)ARRAY_COUNT(texts));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
