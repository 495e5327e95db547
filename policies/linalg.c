#include "policies/linalg.h"

#include <math.h>
#include <string.h>

#define LANES 8u
/* A pivot below this part of its diagonal is rounding. */
#define PIVOT_LEAST 1e-14

/* Two numbers side by side, wherever they lie. */
typedef double pair __attribute__((vector_size(16), aligned(8)));

static inline pair pair_at(const double *x)
{
    pair out;

    memcpy(&out, x, sizeof(out));
    return out;
}

/* From left to right. */
static inline double total(pair s0, pair s1, pair s2, pair s3)
{
    return 0.0 + s0[0] + s0[1] + s1[0] + s1[1] + s2[0] + s2[1] + s3[0] + s3[1];
}

static inline pair times(const double *a, const double *b)
{
    return pair_at(a) * pair_at(b);
}

/* Sum i % 8 takes element i; the eight of them stay in registers to the end. */
double dot(const double *restrict a, const double *restrict b, uint32_t count)
{
    pair s0 = {0.0, 0.0}, s1 = s0, s2 = s0, s3 = s0;
    pair last = s0;

    for (; count >= LANES; count -= LANES, a += LANES, b += LANES) {
        s0 += times(a, b);
        s1 += times(a + 2, b + 2);
        s2 += times(a + 4, b + 4);
        s3 += times(a + 6, b + 6);
    }
    if (count % 2 > 0)
        last[0] = a[count - 1] * b[count - 1];
    switch (count / 2) {
    case 0:
        s0 += last;
        break;
    case 1:
        s0 += times(a, b);
        s1 += last;
        break;
    case 2:
        s0 += times(a, b);
        s1 += times(a + 2, b + 2);
        s2 += last;
        break;
    default:
        s0 += times(a, b);
        s1 += times(a + 2, b + 2);
        s2 += times(a + 4, b + 4);
        s3 += last;
        break;
    }
    return total(s0, s1, s2, s3);
}

static inline void add_times(double *y, pair factor, const double *x)
{
    pair sum = pair_at(y) + factor * pair_at(x);

    memcpy(y, &sum, sizeof(sum));
}

__attribute__((always_inline)) static inline void add_scaled(double factor,
        const double *restrict x, double *restrict y, uint32_t count)
{
    pair both = {factor, factor};

    for (; count >= LANES; count -= LANES, x += LANES, y += LANES)
        for (uint32_t lane = 0; lane < LANES; lane += 2)
            add_times(y + lane, both, x + lane);
    if (count >= 4) {
        add_times(y, both, x);
        add_times(y + 2, both, x + 2);
        count -= 4;
        x += 4;
        y += 4;
    }
    if (count >= 2) {
        add_times(y, both, x);
        count -= 2;
        x += 2;
        y += 2;
    }
    if (count > 0)
        y[0] += factor * x[0];
}

void axpy(double factor, const double *restrict x, double *restrict y,
        uint32_t count)
{
    add_scaled(factor, x, y, count);
}

/* Two rows of a triangle, of even length `i` but for the diagonal. */
struct two_rows {
    const double *upper, *lower, *x;
    double *y;
    pair upper_x, lower_x; /* x_i and x_i+1, twice each */
};

/* Columns j and j + 1 of both: into the sums, and their mirror into y. */
__attribute__((always_inline)) static inline void mirror(
        const struct two_rows *rows, uint32_t j, pair *upper_sum,
        pair *lower_sum)
{
    pair upper = pair_at(rows->upper + j), lower = pair_at(rows->lower + j);
    pair x = pair_at(rows->x + j), y = pair_at(rows->y + j);

    *upper_sum += upper * x;
    *lower_sum += lower * x;
    y += upper * rows->upper_x;
    y += lower * rows->lower_x;
    memcpy(rows->y + j, &y, sizeof(y));
}

/* Row i gives y_i its left part and the y_j above their mirror of it. Two at a
 * time: y is read and written half as often, and always in the same pairs. */
static void times_two_rows(
        const double *row, const double *x, double *y, uint32_t i)
{
    struct two_rows rows = {
            row, row + i + 1, x, y, {x[i], x[i]}, {x[i + 1], x[i + 1]}};
    pair s0 = {0.0, 0.0}, s1 = s0, s2 = s0, s3 = s0;
    pair t0 = s0, t1 = s0, t2 = s0, t3 = s0;
    pair last = {rows.lower[i] * x[i], 0.0};
    uint32_t j = 0;

    for (; j + LANES <= i; j += LANES) {
        mirror(&rows, j, &s0, &t0);
        mirror(&rows, j + 2, &s1, &t1);
        mirror(&rows, j + 4, &s2, &t2);
        mirror(&rows, j + 6, &s3, &t3);
    }
    switch (i - j) {
    case 0:
        t0 += last;
        break;
    case 2:
        mirror(&rows, j, &s0, &t0);
        t1 += last;
        break;
    case 4:
        mirror(&rows, j, &s0, &t0);
        mirror(&rows, j + 2, &s1, &t1);
        t2 += last;
        break;
    default:
        mirror(&rows, j, &s0, &t0);
        mirror(&rows, j + 2, &s1, &t1);
        mirror(&rows, j + 4, &s2, &t2);
        t3 += last;
        break;
    }
    y[i] = total(s0, s1, s2, s3) + rows.upper[i] * x[i] +
            x[i + 1] * rows.lower[i];
    y[i + 1] = total(t0, t1, t2, t3) + rows.lower[i + 1] * x[i + 1];
}

void symmetric_times(const double *restrict triangle, const double *restrict x,
        double *restrict y, uint32_t d)
{
    const double *row = triangle;
    uint32_t i = 0;

    for (; i + 2 <= d; i += 2) {
        times_two_rows(row, x, y, i);
        row += 2 * i + 3;
    }
    if (i < d) {
        double left = dot(row, x, i);
        axpy(x[i], row, y, i);
        y[i] = left + row[i] * x[i];
    }
}

void symmetric_rank_one(double *restrict triangle, double factor,
        const double *restrict x, uint32_t d)
{
    double *row = triangle;

    for (uint32_t i = 0; i < d; i++) {
        add_scaled(factor * x[i], x, row, i + 1);
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
