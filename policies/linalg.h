/* Kernels over small dense vectors and matrices: plain loops in a fixed
 * order, so that what ends in a logged probability is the same on every
 * machine. Symmetric matrices are stored as one triangle, row by row: element
 * (i, j), j <= i, at i (i + 1)/2 + j. All arrays are doubles. */
#ifndef POLICIES_LINALG_H
#define POLICIES_LINALG_H

#include <stddef.h>
#include <stdint.h>

/* Elements of the triangle of a d x d matrix. */
static inline size_t triangle_count(uint32_t d)
{
    return (size_t)d * (d + 1) / 2;
}

/* sum a[i] b[i], in sixteen interleaved partial sums. */
double dot(const double *a, const double *b, uint32_t count);
/* out[i] = dot of x and row rows[i] of a table whose rows are `stride` numbers
 * apart, with the bits of dot. */
void dots(const double *table, size_t stride, const uint32_t *rows,
        uint32_t row_count, const double *x, uint32_t width, double *out);
/* sum a[i] (x[i] - origin[i]) */
double dot_from(
        const double *a, const double *x, const double *origin, uint32_t count);
/* y += factor x */
void axpy(double factor, const double *x, double *y, uint32_t count);
/* y = P x for a symmetric P in triangle form; x and y do not overlap. */
void symmetric_times(
        const double *triangle, const double *x, double *y, uint32_t d);
/* x' P x */
double quadratic_form(const double *triangle, const double *x, uint32_t d);
/* P += factor x x' */
void symmetric_rank_one(
        double *triangle, double factor, const double *x, uint32_t d);

/* A = L L' in place, for a symmetric A that is positive definite but for
 * rounding: a pivot that is not is taken for the smallest that would be.
 * Returns ln det A. */
double cholesky(double *triangle, uint32_t d);
/* From L in place to (L L')^-1. */
void cholesky_invert(double *triangle, uint32_t d);

#endif
