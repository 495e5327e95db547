/* Sparse symmetric matrices by rows (CSR, columns ascending), for the solvers.
 * The triangles lie apart, so that a pass over one does not bring the other
 * into the cache. Owned by the caller; sparse_free releases the arrays. One
 * thread for each matrix that is written to. */
#ifndef SIM_SPARSE_H
#define SIM_SPARSE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* Rows of the entries on one side of the diagonal. */
struct triangle {
    uint32_t *start; /* [n + 1] */
    uint32_t *column; /* [start[n]] */
    double *value; /* [start[n]] */
};

struct sparse {
    uint32_t n;
    uint32_t bandwidth; /* largest distance of an entry from the diagonal */
    struct triangle lower, upper; /* each other's transpose */
    double *diagonal; /* [n] */
};

/* What is added to a matrix, and what it is multiplied with before. */
struct shift {
    double scale;
    double by;
    bool diagonal; /* `by` times the matrix's own diagonal, not the identity */
};

/* The 5-point Laplacian on m x m interior points, diagonal 4, neighbours -1,
 * and the 9-point star, diagonal 8, all eight neighbours -1; not divided by
 * h^2 (relax.md, 4.1). Points by rows. */
int sparse_laplacian(
        uint32_t m, struct sparse *matrix, struct err *err) MUST_USE;
int sparse_laplacian9(
        uint32_t m, struct sparse *matrix, struct err *err) MUST_USE;
/* A Matrix Market file, by SuiteSparse's reader: `coordinate` or `array`,
 * symmetric (either triangle) or general with entries that agree exactly.
 * Entries given twice are added up. INVALID, with the line or place, if it is
 * not square, real, finite and symmetric with a positive diagonal; IO if it
 * cannot be read. */
int sparse_read(
        const char *path, struct sparse *matrix, struct err *err) MUST_USE;
void sparse_free(struct sparse *matrix);

/* A copy with the same pattern, for sparse_shift. */
int sparse_copy(const struct sparse *from, struct sparse *matrix,
        struct err *err) MUST_USE;
/* to = scale from + by (I or D), D the diagonal of `from`; `to` is a copy of
 * it, or of one with the same pattern. */
void sparse_shift(
        const struct sparse *from, struct shift shift, struct sparse *to);

/* y = A x */
void sparse_times(const struct sparse *matrix, const double *x, double *y);

/* rho(I - D^-1 A), Jacobi's spectral radius, by the power method on the
 * symmetric D^-1/2 A D^-1/2 from a fixed start: from below, to about 1e-6 of
 * itself. `work` has 2 n doubles. */
double sparse_jacobi_radius(const struct sparse *matrix, double *work);

#endif
