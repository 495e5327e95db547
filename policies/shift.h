/* Distribution shift: distances between two distributions over the same bins,
 * and a column's bins learned from a reference (drift.md, section 3).
 *
 * Pure; no allocation. Shares are non-negative and sum to 1. */
#ifndef POLICIES_SHIFT_H
#define POLICIES_SHIFT_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

/* Population stability index, sum (q - p) ln(q/p), each share floored at 1e-4.
 */
double shift_psi(const double *p, const double *q, uint32_t bins);
/* What PSI exceeds by chance with probability 1e-4 where nothing has changed:
 * (1/n + 1/m) times the chi-square quantile of bins - 1 degrees of freedom
 * (Wilson and Hilferty 1931, up to 8 % too large at 1 degree, 2 % at 9). */
double shift_psi_chance(uint32_t bins, uint64_t n, uint64_t m);
/* Jensen-Shannon divergence, base 2, in [0, 1]. */
double shift_js(const double *p, const double *q, uint32_t bins);
/* Kolmogorov-Smirnov: the largest difference of the two distribution functions
 * at the bins' edges. */
double shift_ks(const double *p, const double *q, uint32_t bins);
/* What it exceeds by chance with probability alpha: sqrt((1/n + 1/m)
 * ln(2/alpha)/2). */
double shift_ks_chance(uint64_t n, uint64_t m, double alpha);

/* ---- one column ---- */

#define SHIFT_ROWS     600u /* of a reference */
#define SHIFT_BINS     60u /* for KS; for PSI, tenths of the reference */
#define SHIFT_PSI_BINS 10u

/* A reference of SHIFT_ROWS values makes the bins: equal shares, ties merged.
 * Then windows of as many rows as asked are counted in them. */
struct shift_column {
    uint32_t seen; /* values of the reference so far */
    uint32_t bins; /* 0 while the reference fills */
    double edges[SHIFT_BINS -
            1]; /* bin i: above edges[i-1], at most edges[i] */
    uint32_t reference[SHIFT_BINS]; /* values of the reference in each bin */
    uint32_t window[SHIFT_BINS];
    uint32_t window_rows;
    double values[SHIFT_ROWS]; /* the reference while it fills */
};

struct shift_found {
    double psi, psi_chance;
    double ks, ks_chance; /* chance includes the bins' grain */
    uint64_t rows; /* of the window */
};

void shift_column_init(struct shift_column *column);
void shift_column_feed(struct shift_column *column, double value);
/* Rows of the window so far; 0 while the reference fills. */
uint32_t shift_column_rows(const struct shift_column *column);
/* Compares the window with the reference and begins the next window. */
struct shift_found shift_column_close(struct shift_column *column);

void shift_column_save(
        const struct shift_column *column, struct writer *writer);
bool shift_column_load(struct shift_column *column, struct reader *reader);

#endif
