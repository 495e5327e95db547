#include "sim/sparse.h"

#include "sim/matrix_market.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <suitesparse/cholmod.h>

#define POWER_STEPS_MAX 20000
#define POWER_MOVE      1e-13

static bool allocate_triangle(
        struct triangle *triangle, uint32_t n, size_t entries)
{
    triangle->start = calloc((size_t)n + 1, sizeof(*triangle->start));
    triangle->column = calloc(entries + 1, sizeof(*triangle->column));
    triangle->value = calloc(entries + 1, sizeof(*triangle->value));
    return triangle->start != NULL && triangle->column != NULL &&
            triangle->value != NULL;
}

static void free_triangle(struct triangle *triangle)
{
    free(triangle->start);
    free(triangle->column);
    free(triangle->value);
}

/* Room for so many entries in each triangle. */
static int allocate(
        struct sparse *matrix, uint32_t n, size_t entries, struct err *err)
{
    bool lower, upper;

    memset(matrix, 0, sizeof(*matrix));
    matrix->n = n;
    lower = allocate_triangle(&matrix->lower, n, entries);
    upper = allocate_triangle(&matrix->upper, n, entries);
    matrix->diagonal = calloc((size_t)n + 1, sizeof(*matrix->diagonal));
    if (lower && upper && matrix->diagonal != NULL)
        return 0;
    sparse_free(matrix);
    return err_set(err, STATUS_INTERNAL, "no memory for the matrix");
}

void sparse_free(struct sparse *matrix)
{
    free_triangle(&matrix->lower);
    free_triangle(&matrix->upper);
    free(matrix->diagonal);
    memset(matrix, 0, sizeof(*matrix));
}

/* Rows come one after the other, their columns ascending. */
static void begin_row(struct sparse *matrix, uint32_t row)
{
    matrix->lower.start[row + 1] = matrix->lower.start[row];
    matrix->upper.start[row + 1] = matrix->upper.start[row];
}

static void put(
        struct sparse *matrix, uint32_t row, uint32_t column, double value)
{
    struct triangle *side = column < row ? &matrix->lower : &matrix->upper;
    uint32_t at;

    if (row == column) {
        matrix->diagonal[row] = value;
        return;
    }
    at = side->start[row + 1]++;
    side->column[at] = column;
    side->value[at] = value;
    if (column < row && row - column > matrix->bandwidth)
        matrix->bandwidth = row - column;
}

/* ---- stencils ---- */

/* A grid point and those around it, `corners` included or not, all -1 but the
 * point itself. */
static int stencil(uint32_t m, bool corners, double middle,
        struct sparse *matrix, struct err *err)
{
    uint32_t n = m * m;
    int status;

    CHECK(m > 0 && m <= 20000);
    status = allocate(matrix, n, (corners ? 4 : 2) * (size_t)n, err);
    if (status != 0)
        return status;
    for (uint32_t row = 0; row < n; row++) {
        int i = (int)(row / m), j = (int)(row % m), last = (int)m - 1;
        begin_row(matrix, row);
        for (int di = -1; di <= 1; di++)
            for (int dj = -1; dj <= 1; dj++) {
                bool corner = di != 0 && dj != 0;
                if (i + di < 0 || i + di > last || j + dj < 0 ||
                        j + dj > last || (corner && !corners))
                    continue;
                put(matrix, row, (uint32_t)((i + di) * (int)m + j + dj),
                        di == 0 && dj == 0 ? middle : -1.0);
            }
    }
    return 0;
}

int sparse_laplacian(uint32_t m, struct sparse *matrix, struct err *err)
{
    return stencil(m, false, 4.0, matrix, err);
}

int sparse_laplacian9(uint32_t m, struct sparse *matrix, struct err *err)
{
    return stencil(m, true, 8.0, matrix, err);
}

/* ---- files ---- */

/* Both triangles of CHOLMOD's columns, which are our rows by symmetry. */
static int copy_in(cholmod_sparse *all, struct sparse *matrix, struct err *err)
{
    const int *start = all->p, *row = all->i;
    const double *value = all->x;
    int status = allocate(
            matrix, (uint32_t)all->ncol, (size_t)start[all->ncol] / 2, err);
    bool finite = true;

    if (status != 0)
        return status;
    for (uint32_t column = 0; column < matrix->n; column++) {
        begin_row(matrix, column);
        for (int at = start[column]; at < start[column + 1]; at++) {
            put(matrix, column, (uint32_t)row[at], value[at]);
            finite &= isfinite(value[at]);
        }
        if (!(matrix->diagonal[column] > 0.0) || !finite) {
            sparse_free(matrix);
            return err_set(err, STATUS_INVALID,
                    finite ? "the matrix has no positive diagonal in row %u"
                           : "entries of row %u do not add up to a number",
                    column + 1);
        }
    }
    return 0;
}

/* INVALID, with the place, unless all entries have their like on the other side
 * of the diagonal. Both are sorted, so each column's next entry is the one that
 * the walk over rows comes to. */
static int check_symmetry(cholmod_sparse *all, int *next, struct err *err)
{
    const int *start = all->p, *row = all->i;
    const double *value = all->x;
    int n = (int)all->ncol;

    memcpy(next, start, (size_t)n * sizeof(*next));
    for (int column = 0; column < n; column++)
        for (int at = start[column]; at < start[column + 1]; at++) {
            int other = next[row[at]]++;
            if (other >= start[row[at] + 1] || row[other] != column ||
                    value[other] != value[at])
                return err_set(err, STATUS_INVALID,
                        "the matrix is not symmetric: row %d, column %d",
                        row[at] + 1, column + 1);
        }
    return 0;
}

static int need_symmetry(
        cholmod_sparse *all, cholmod_common *common, struct err *err)
{
    int *next = cholmod_malloc(all->ncol, sizeof(*next), common);
    int status = next == NULL
            ? err_set(err, STATUS_INTERNAL, "no memory for the matrix")
            : check_symmetry(all, next, err);

    cholmod_free(all->ncol, sizeof(*next), next, common);
    return status;
}

/* Zeros that a file stores are left out, as those that it does not. */
static int convert(cholmod_sparse *read, cholmod_common *common,
        struct sparse *matrix, struct err *err)
{
    cholmod_sparse *all = cholmod_copy(read, 0, 1, common);
    int status = 0;

    if (all == NULL || !cholmod_drop(0.0, all, common) ||
            !cholmod_sort(all, common))
        status = err_set(err, STATUS_INTERNAL, "no memory for the matrix");
    if (status == 0 && read->stype == 0)
        status = need_symmetry(all, common, err);
    if (status == 0)
        status = copy_in(all, matrix, err);
    cholmod_free_sparse(&all, common);
    return status;
}

/* Entries given twice are added up; where that mixes the triangles of a
 * symmetric file, it is not what was meant. */
static int check_triangles(cholmod_sparse *read,
        const struct matrix_market *market, cholmod_common *common,
        struct err *err)
{
    if (!market->symmetric || !market->below || !market->above ||
            (uint64_t)cholmod_nnz(read, common) == market->entries)
        return 0;
    return err_set(err, STATUS_INVALID,
            "symmetric, and entries of both triangles are given twice");
}

/* NULL if SuiteSparse cannot. */
static cholmod_sparse *read_array(FILE *file, cholmod_common *common)
{
    cholmod_dense *dense = cholmod_read_dense(file, common);
    cholmod_sparse *sparse =
            dense == NULL ? NULL : cholmod_dense_to_sparse(dense, 1, common);

    cholmod_free_dense(&dense, common);
    return sparse;
}

static int read_checked(FILE *file, const struct matrix_market *market,
        struct sparse *matrix, struct err *err)
{
    cholmod_sparse *read;
    cholmod_common common;
    int status;

    cholmod_start(&common);
    common.print = 0;
    read = market->array ? read_array(file, &common)
                         : cholmod_read_sparse(file, &common);
    if (read == NULL)
        status = err_set(err,
                common.status == CHOLMOD_OUT_OF_MEMORY ? STATUS_INTERNAL
                                                       : STATUS_INVALID,
                "SuiteSparse cannot read it");
    else
        status = check_triangles(read, market, &common, err);
    if (status == 0)
        status = convert(read, &common, matrix, err);
    cholmod_free_sparse(&read, &common);
    cholmod_finish(&common);
    return status;
}

int sparse_read(const char *path, struct sparse *matrix, struct err *err)
{
    struct matrix_market market;
    FILE *file = fopen(path, "r");
    int status;

    if (file == NULL)
        return err_set(err, STATUS_IO, "%s: %s", path, strerrordesc_np(errno));
    status = matrix_market_check(file, &market, err);
    if (status == 0 && fseek(file, 0, SEEK_SET) != 0)
        status = err_set(err, STATUS_IO, "%s", strerrordesc_np(errno));
    if (status == 0)
        status = read_checked(file, &market, matrix, err);
    (void)fclose(file);
    return status == 0 ? 0 : err_prefix(err, "%s", path);
}

/* ---- shifting and multiplying ---- */

static void copy_triangle(
        const struct triangle *from, struct triangle *to, uint32_t n)
{
    size_t entries = from->start[n];

    memcpy(to->start, from->start, ((size_t)n + 1) * sizeof(*from->start));
    memcpy(to->column, from->column, entries * sizeof(*from->column));
    memcpy(to->value, from->value, entries * sizeof(*from->value));
}

int sparse_copy(
        const struct sparse *from, struct sparse *matrix, struct err *err)
{
    int status = allocate(matrix, from->n, from->lower.start[from->n], err);

    if (status != 0)
        return status;
    matrix->bandwidth = from->bandwidth;
    copy_triangle(&from->lower, &matrix->lower, from->n);
    copy_triangle(&from->upper, &matrix->upper, from->n);
    memcpy(matrix->diagonal, from->diagonal, from->n * sizeof(double));
    return 0;
}

static void scale_triangle(const struct triangle *from, double scale,
        struct triangle *to, uint32_t n)
{
    for (uint32_t at = 0; at < from->start[n]; at++)
        to->value[at] = scale * from->value[at];
}

void sparse_shift(
        const struct sparse *from, struct shift shift, struct sparse *to)
{
    uint32_t n = from->n;

    CHECK(n == to->n && from->lower.start[n] == to->lower.start[n]);
    scale_triangle(&from->lower, shift.scale, &to->lower, n);
    scale_triangle(&from->upper, shift.scale, &to->upper, n);
    for (uint32_t row = 0; row < n; row++) {
        double own = from->diagonal[row];
        to->diagonal[row] =
                shift.scale * own + shift.by * (shift.diagonal ? own : 1.0);
    }
}

void sparse_times(const struct sparse *matrix, const double *x, double *y)
{
    const struct triangle *lower = &matrix->lower, *upper = &matrix->upper;

    for (uint32_t row = 0; row < matrix->n; row++) {
        double sum = 0.0;
        for (uint32_t at = lower->start[row]; at < lower->start[row + 1]; at++)
            sum += lower->value[at] * x[lower->column[at]];
        sum += matrix->diagonal[row] * x[row];
        for (uint32_t at = upper->start[row]; at < upper->start[row + 1]; at++)
            sum += upper->value[at] * x[upper->column[at]];
        y[row] = sum;
    }
}

/* ---- Jacobi's spectral radius ---- */

static double normalise(uint32_t n, double *x)
{
    double square = 0.0;

    for (uint32_t i = 0; i < n; i++)
        square += x[i] * x[i];
    for (uint32_t i = 0; square > 0.0 && i < n; i++)
        x[i] /= sqrt(square);
    return sqrt(square);
}

/* y = (I - S) x, S = D^-1/2 A D^-1/2 */
static void jacobi_step(const struct sparse *matrix, const double *x, double *y)
{
    const struct triangle *lower = &matrix->lower, *upper = &matrix->upper;
    const double *diagonal = matrix->diagonal;

    for (uint32_t row = 0; row < matrix->n; row++) {
        double sum = 0.0;
        for (uint32_t at = lower->start[row]; at < lower->start[row + 1]; at++)
            sum += lower->value[at] * x[lower->column[at]] /
                    sqrt(diagonal[lower->column[at]]);
        for (uint32_t at = upper->start[row]; at < upper->start[row + 1]; at++)
            sum += upper->value[at] * x[upper->column[at]] /
                    sqrt(diagonal[upper->column[at]]);
        y[row] = -sum / sqrt(diagonal[row]);
    }
}

/* |(I - S)^2 x| for unit x: even steps, so that eigenvalues of both signs and
 * the same size, as every consistently ordered matrix has them, do no harm. */
double sparse_jacobi_radius(const struct sparse *matrix, double *work)
{
    double *x = work, *y = work + matrix->n;
    double last = 0.0, square = 0.0;

    for (uint32_t i = 0; i < matrix->n; i++)
        x[i] = 1.0 + 0.5 * sin(1.0 + 7.0 * i);
    (void)normalise(matrix->n, x);
    for (int step = 0; step < POWER_STEPS_MAX; step++) {
        jacobi_step(matrix, x, y);
        jacobi_step(matrix, y, x);
        square = normalise(matrix->n, x);
        if (fabs(square - last) <= POWER_MOVE * square)
            break;
        last = square;
    }
    return sqrt(square);
}
