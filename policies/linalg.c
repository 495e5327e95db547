#include "policies/linalg.h"

#include <math.h>

#define LANES 8u
/* A pivot below this part of its diagonal is rounding. */
#define PIVOT_LEAST 1e-14

double dot(const double *restrict a, const double *restrict b, uint32_t count)
{
    double sums[LANES] = {0};
    uint32_t whole = count - count % LANES;
    double sum = 0.0;

    for (uint32_t i = 0; i < whole; i += LANES)
        for (uint32_t lane = 0; lane < LANES; lane++)
            sums[lane] += a[i + lane] * b[i + lane];
    for (uint32_t i = whole; i < count; i++)
        sums[i - whole] += a[i] * b[i];
    for (uint32_t lane = 0; lane < LANES; lane++)
        sum += sums[lane];
    return sum;
}

void axpy(double factor, const double *restrict x, double *restrict y,
        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        y[i] += factor * x[i];
}

void symmetric_times(const double *restrict triangle, const double *restrict x,
        double *restrict y, uint32_t d)
{
    const double *row = triangle;

    /* Row i gives y_i its left part and the y_j above their mirror of it. */
    for (uint32_t i = 0; i < d; i++) {
        double left = dot(row, x, i);
        axpy(x[i], row, y, i);
        y[i] = left + row[i] * x[i];
        row += i + 1;
    }
}

void symmetric_rank_one(double *restrict triangle, double factor,
        const double *restrict x, uint32_t d)
{
    double *row = triangle;

    for (uint32_t i = 0; i < d; i++) {
        axpy(factor * x[i], x, row, i + 1);
        row += i + 1;
    }
}

double cholesky(double *triangle, uint32_t d)
{
    double log_det = 0.0;

    for (uint32_t i = 0; i < d; i++) {
        double *row = triangle + triangle_count(i);
        double diagonal = row[i], pivot;
        for (uint32_t j = 0; j < i; j++) {
            const double *other = triangle + triangle_count(j);
            row[j] = (row[j] - dot(row, other, j)) / other[j];
        }
        pivot = fmax(diagonal - dot(row, row, i), PIVOT_LEAST * diagonal);
        row[i] = sqrt(pivot);
        log_det += log(pivot);
    }
    return log_det;
}

void cholesky_invert(double *triangle, uint32_t d)
{
    /* L^-1 in place, row by row: row i of it needs the rows above. */
    for (uint32_t i = 0; i < d; i++) {
        double *row = triangle + triangle_count(i);
        row[i] = 1.0 / row[i];
        for (uint32_t j = 0; j < i; j++) {
            double sum = 0.0;
            for (uint32_t k = j; k < i; k++)
                sum += row[k] * triangle[triangle_count(k) + j];
            row[j] = -sum * row[i];
        }
    }
    /* Then L^-T L^-1: element (i, j) needs row i and those below. */
    for (uint32_t i = 0; i < d; i++)
        for (uint32_t j = 0; j <= i; j++) {
            double sum = 0.0;
            for (uint32_t k = i; k < d; k++)
                sum += triangle[triangle_count(k) + i] *
                        triangle[triangle_count(k) + j];
            triangle[triangle_count(i) + j] = sum;
        }
}
