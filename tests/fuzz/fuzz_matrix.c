/* A Matrix Market file. Whatever it says: what is taken is a symmetric matrix
 * of finite numbers by rows, columns ascending, with a positive diagonal. */
#include "sim/sparse.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const uint32_t fuzz_mutations = 8000;

static double value_at(
        const struct sparse *matrix, uint32_t row, uint32_t column)
{
    for (uint32_t at = matrix->start[row]; at < matrix->start[row + 1]; at++)
        if (matrix->column[at] == column)
            return matrix->value[at];
    return NAN;
}

static void check_row(const struct sparse *matrix, uint32_t row)
{
    CHECK(matrix->start[row] <= matrix->start[row + 1]);
    CHECK(matrix->diagonal[row] > 0.0);
    CHECK(value_at(matrix, row, row) == matrix->diagonal[row]);
    for (uint32_t at = matrix->start[row]; at < matrix->start[row + 1]; at++) {
        uint32_t column = matrix->column[at];
        CHECK(column < matrix->n && isfinite(matrix->value[at]));
        CHECK(at == matrix->start[row] || matrix->column[at - 1] < column);
        CHECK(value_at(matrix, column, row) == matrix->value[at]);
    }
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

/* SuiteSparse's reader forgets the triplets of a file that it gives up on. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libcholmod";
}

/* The line of sizes may ask for gigabytes, and SuiteSparse's reader gets them:
 * only sizes of up to three digits are tried. */
static bool asks_for_much(const uint8_t *data, size_t size)
{
    size_t at = 0, digits = 0;

    while (at < size &&
            (data[at] == '%' || data[at] == '\n' || data[at] == ' ' ||
                    data[at] == '\r')) {
        if (data[at] == '%')
            while (at < size && data[at] != '\n')
                at++;
        else
            at++;
    }
    for (; at < size && data[at] != '\n'; at++) {
        digits = data[at] >= '0' && data[at] <= '9' ? digits + 1 : 0;
        if (digits > 3 || (data[at] | 32) == 'e' || (data[at] | 32) == 'x' ||
                (data[at] | 32) == 'n')
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd;
    char path[64];
    struct sparse matrix;
    struct err err = {STATUS_OK, ""};

    if (size > 4096 || asks_for_much(data, size))
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
