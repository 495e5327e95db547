#include "sim/sparse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <suitesparse/cholmod.h>

static int allocate(
        struct sparse *matrix, uint32_t n, size_t entries, struct err *err)
{
    memset(matrix, 0, sizeof(*matrix));
    matrix->n = n;
    matrix->start = calloc((size_t)n + 1, sizeof(*matrix->start));
    matrix->column = calloc(entries + 1, sizeof(*matrix->column));
    matrix->value = calloc(entries + 1, sizeof(*matrix->value));
    matrix->diagonal = calloc((size_t)n + 1, sizeof(*matrix->diagonal));
    if (matrix->start == NULL || matrix->column == NULL ||
            matrix->value == NULL || matrix->diagonal == NULL) {
        sparse_free(matrix);
        return err_set(err, STATUS_INTERNAL, "no memory for the matrix");
    }
    return 0;
}

void sparse_free(struct sparse *matrix)
{
    free(matrix->start);
    free(matrix->column);
    free(matrix->value);
    free(matrix->diagonal);
    memset(matrix, 0, sizeof(*matrix));
}

static void put(
        struct sparse *matrix, uint32_t row, uint32_t column, double value)
{
    uint32_t at = matrix->start[row + 1]++;

    matrix->column[at] = column;
    matrix->value[at] = value;
    if (row == column)
        matrix->diagonal[row] = value;
}

int sparse_laplacian(uint32_t m, struct sparse *matrix, struct err *err)
{
    uint32_t n = m * m;
    int status;

    CHECK(m > 0);
    status = allocate(matrix, n, 5 * (size_t)n, err);
    if (status != 0)
        return status;
    for (uint32_t row = 0; row < n; row++) {
        uint32_t i = row / m, j = row % m;
        matrix->start[row + 1] = matrix->start[row];
        if (i > 0)
            put(matrix, row, row - m, -1.0);
        if (j > 0)
            put(matrix, row, row - 1, -1.0);
        put(matrix, row, row, 4.0);
        if (j + 1 < m)
            put(matrix, row, row + 1, -1.0);
        if (i + 1 < m)
            put(matrix, row, row + m, -1.0);
    }
    return 0;
}

/* Both triangles of CHOLMOD's columns, which are our rows by symmetry. */
static int copy_in(cholmod_sparse *all, struct sparse *matrix, struct err *err)
{
    const int *start = all->p, *row = all->i;
    const double *value = all->x;
    int status = allocate(
            matrix, (uint32_t)all->ncol, (size_t)start[all->ncol], err);

    if (status != 0)
        return status;
    for (uint32_t column = 0; column < matrix->n; column++) {
        matrix->start[column + 1] = matrix->start[column];
        for (int at = start[column]; at < start[column + 1]; at++)
            put(matrix, column, (uint32_t)row[at], value[at]);
        if (!(matrix->diagonal[column] > 0.0)) {
            sparse_free(matrix);
            return err_set(err, STATUS_INVALID,
                    "the matrix has no positive diagonal in row %u",
                    column + 1);
        }
    }
    return 0;
}

static int convert(cholmod_sparse *read, cholmod_common *common,
        struct sparse *matrix, struct err *err)
{
    cholmod_sparse *all;
    int status;

    if (read->nrow != read->ncol || read->stype == 0 ||
            read->xtype != CHOLMOD_REAL)
        return err_set(err, STATUS_INVALID,
                "the matrix is not real, square and symmetric");
    all = cholmod_copy(read, 0, 1, common);
    if (all == NULL || !cholmod_sort(all, common))
        status = err_set(err, STATUS_INTERNAL, "no memory for the matrix");
    else
        status = copy_in(all, matrix, err);
    cholmod_free_sparse(&all, common);
    return status;
}

int sparse_read(const char *path, struct sparse *matrix, struct err *err)
{
    FILE *file = fopen(path, "r");
    cholmod_sparse *read;
    cholmod_common common;
    int status;

    if (file == NULL)
        return err_set(err, STATUS_IO, "%s: %s", path, strerrordesc_np(errno));
    cholmod_start(&common);
    common.print = 0;
    read = cholmod_read_sparse(file, &common);
    (void)fclose(file);
    if (read == NULL)
        status = err_set(err, STATUS_INVALID,
                "%s: not a sparse Matrix Market file", path);
    else
        status = convert(read, &common, matrix, err);
    cholmod_free_sparse(&read, &common);
    cholmod_finish(&common);
    return status;
}

void sparse_times(const struct sparse *matrix, double shift, int by_diagonal,
        const double *x, double *y)
{
    for (uint32_t row = 0; row < matrix->n; row++) {
        double sum =
                shift * (by_diagonal ? matrix->diagonal[row] : 1.0) * x[row];
        for (uint32_t at = matrix->start[row]; at < matrix->start[row + 1];
                at++)
            sum += matrix->value[at] * x[matrix->column[at]];
        y[row] = sum;
    }
}
