/* A Matrix Market file. Whatever it says: what is taken is a symmetric matrix
 * of finite numbers by rows, columns ascending, with a positive diagonal. */
#include "sim/sparse.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const uint32_t fuzz_mutations = 8000;

static double value_at(
        const struct triangle *side, uint32_t row, uint32_t column)
{
    for (uint32_t at = side->start[row]; at < side->start[row + 1]; at++)
        if (side->column[at] == column)
            return side->value[at];
    return NAN;
}

/* Row by row, between two columns, with its like in the other triangle. */
static void check_side(const struct triangle *side, uint32_t row,
        uint32_t first, uint32_t end, const struct triangle *other)
{
    CHECK(side->start[row] <= side->start[row + 1]);
    for (uint32_t at = side->start[row]; at < side->start[row + 1]; at++) {
        uint32_t column = side->column[at];
        CHECK(column >= first && column < end && isfinite(side->value[at]));
        CHECK(at == side->start[row] || side->column[at - 1] < column);
        CHECK(value_at(other, column, row) == side->value[at]);
    }
}

static void check_row(const struct sparse *matrix, uint32_t row)
{
    const struct triangle *lower = &matrix->lower;

    CHECK(matrix->diagonal[row] > 0.0);
    check_side(lower, row, 0, row, &matrix->upper);
    check_side(&matrix->upper, row, row + 1, matrix->n, lower);
    CHECK(lower->start[row] == lower->start[row + 1] ||
            row - lower->column[lower->start[row]] <= matrix->bandwidth);
}

static void check_times(const struct sparse *matrix)
{
    double *x = calloc((size_t)matrix->n + 1, sizeof(*x));
    double *y = calloc((size_t)matrix->n + 1, sizeof(*y));

    CHECK(x != NULL && y != NULL);
    sparse_times(matrix, x, y);
    for (uint32_t i = 0; i < matrix->n; i++)
        CHECK(y[i] == 0.0);
    free(x);
    free(y);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd;
    char path[64];
    struct sparse matrix;
    struct err err = {STATUS_OK, ""};

    if (size > 4096)
        return 0;
    fd = memfd_create("matrix", 0);
    CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (sparse_read(path, &matrix, &err) == 0) {
        for (uint32_t row = 0; row < matrix.n; row++)
            check_row(&matrix, row);
        check_times(&matrix);
        sparse_free(&matrix);
    } else {
        CHECK(err.status == STATUS_INVALID && err.text[0] != '\0');
    }
    (void)close(fd);
    return 0;
}
