#include "policies/linalg.h"

#define LANES 8u

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
