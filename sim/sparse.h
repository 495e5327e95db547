/* Sparse symmetric matrices by rows (CSR, columns ascending), for the solvers.
 * Owned by the caller; sparse_free releases the arrays. */
#ifndef SIM_SPARSE_H
#define SIM_SPARSE_H

#include "base/err.h"

#include <stdint.h>

struct sparse {
    uint32_t n;
    uint32_t *start; /* [n + 1] */
    uint32_t *column; /* [start[n]] */
    double *value; /* [start[n]] */
    double *diagonal; /* [n] */
};

/* The 5-point Laplacian on m x m interior points, diagonal 4, neighbours -1,
 * not divided by h^2 (relax.md, 4.1). */
int sparse_laplacian(
        uint32_t m, struct sparse *matrix, struct err *err) MUST_USE;
/* A symmetric Matrix Market file, by SuiteSparse's reader. INVALID if it is
 * not square, real and symmetric with a positive diagonal. */
int sparse_read(
        const char *path, struct sparse *matrix, struct err *err) MUST_USE;
void sparse_free(struct sparse *matrix);

/* y = (A + shift D) x, D the identity or the diagonal of A as `by_diagonal`
 * says. */
void sparse_times(const struct sparse *matrix, double shift, int by_diagonal,
        const double *x, double *y);

#endif
