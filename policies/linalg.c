#include "policies/linalg.h"

#include "base/wide.h"
#include "policies/portable.h"

#include <math.h>
#include <string.h>

/* A pivot below this part of its diagonal is rounding. */
#define PIVOT_LEAST 1e-14

/* Helpers are inlined everywhere: no vector is ever passed. */
#pragma GCC diagnostic ignored "-Wpsabi"

/* Four numbers side by side, wherever they lie. */
typedef double four __attribute__((vector_size(32), aligned(8)));

INLINE four four_at(const double *x)
{
    four out;

    memcpy(&out, x, sizeof(out));
    return out;
}

INLINE four times(const double *a, const double *b)
{
    return four_at(a) * four_at(b);
}

INLINE double total(four s0, four s1, four s2, four s3)
{
    four sum = (s0 + s1) + (s2 + s3);

    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

/* Sum i % 16 takes element i; the last up to three come by themselves. */
INLINE double dot_inline(const double *a, const double *b, uint32_t count)
{
    four s0 = {0.0, 0.0, 0.0, 0.0}, s1 = s0, s2 = s0, s3 = s0;
    double last = 0.0;

    for (; count >= 16; count -= 16, a += 16, b += 16) {
        s0 += times(a, b);
        s1 += times(a + 4, b + 4);
        s2 += times(a + 8, b + 8);
        s3 += times(a + 12, b + 12);
    }
    if (count >= 4)
        s0 += times(a, b);
    if (count >= 8)
        s1 += times(a + 4, b + 4);
    if (count >= 12)
        s2 += times(a + 8, b + 8);
    for (uint32_t i = count & ~3u; i < count; i++)
        last += a[i] * b[i];
    return total(s0, s1, s2, s3) + last;
}

WIDE double dot(
        const double *restrict a, const double *restrict b, uint32_t count)
{
    return dot_inline(a, b, count);
}

WIDE void dots(const double *table, size_t stride, const uint32_t *rows,
        uint32_t row_count, const double *x, uint32_t width, double *out)
{
    for (uint32_t i = 0; i < row_count; i++)
        out[i] = dot_inline(table + stride * rows[i], x, width);
}

INLINE four times_from(const double *a, const double *x, const double *origin)
{
    return four_at(a) * (four_at(x) - four_at(origin));
}

WIDE double dot_from(const double *restrict a, const double *restrict x,
        const double *restrict origin, uint32_t count)
{
    four s0 = {0.0, 0.0, 0.0, 0.0}, s1 = s0;
    double last = 0.0;

    for (; count >= 8; count -= 8, a += 8, x += 8, origin += 8) {
        s0 += times_from(a, x, origin);
        s1 += times_from(a + 4, x + 4, origin + 4);
    }
    if (count >= 4)
        s0 += times_from(a, x, origin);
    for (uint32_t i = count & ~3u; i < count; i++)
        last += a[i] * (x[i] - origin[i]);
    s0 += s1;
    return (s0[0] + s0[2]) + (s0[1] + s0[3]) + last;
}

INLINE void add_times(double *y, four factor, const double *x)
{
    four sum = four_at(y) + factor * four_at(x);

    memcpy(y, &sum, sizeof(sum));
}

INLINE void add_scaled(
        double factor, const double *x, double *y, uint32_t count)
{
    four all = {factor, factor, factor, factor};

    for (; count >= 8; count -= 8, x += 8, y += 8) {
        add_times(y, all, x);
        add_times(y + 4, all, x + 4);
    }
    if (count >= 4) {
        add_times(y, all, x);
        count -= 4;
        x += 4;
        y += 4;
    }
    for (uint32_t i = 0; i < count; i++)
        y[i] += factor * x[i];
}

WIDE void axpy(double factor, const double *restrict x, double *restrict y,
        uint32_t count)
{
    add_scaled(factor, x, y, count);
}

/* Two rows of a triangle, of even length `i` but for the diagonal. */
struct two_rows {
    const double *upper, *lower, *x;
    double *y;
};

/* Columns j .. j + 3 of both: into the sums, and their mirror into y. upper_x
 * and lower_x are x_i and x_i+1, four times each. */
INLINE void mirror(const struct two_rows *rows, uint32_t j, four upper_x,
        four lower_x, four *upper_sum, four *lower_sum)
{
    four upper = four_at(rows->upper + j), lower = four_at(rows->lower + j);
    four x = four_at(rows->x + j), y = four_at(rows->y + j);

    *upper_sum += upper * x;
    *lower_sum += lower * x;
    y += upper * upper_x;
    y += lower * lower_x;
    memcpy(rows->y + j, &y, sizeof(y));
}

/* Row i gives y_i its left part and the y_j above their mirror of it. Two at a
 * time: y is read and written half as often. */
INLINE void times_two_rows(
        const double *row, const double *x, double *y, uint32_t i)
{
    four upper_x = {x[i], x[i], x[i], x[i]};
    four lower_x = {x[i + 1], x[i + 1], x[i + 1], x[i + 1]};
    struct two_rows rows = {row, row + i + 1, x, y};
    four none = {0.0, 0.0, 0.0, 0.0}, s0 = none, s1 = none;
    four t0 = none, t1 = none;
    double upper = 0.0, lower = 0.0;
    uint32_t j = 0;

    for (; j + 8 <= i; j += 8) {
        mirror(&rows, j, upper_x, lower_x, &s0, &t0);
        mirror(&rows, j + 4, upper_x, lower_x, &s1, &t1);
    }
    if (j + 4 <= i) {
        mirror(&rows, j, upper_x, lower_x, &s0, &t0);
        j += 4;
    }
    for (; j < i; j++) {
        upper += rows.upper[j] * x[j];
        lower += rows.lower[j] * x[j];
        y[j] += rows.upper[j] * x[i];
        y[j] += rows.lower[j] * x[i + 1];
    }
    y[i] = total(s0, s1, none, none) + upper + rows.upper[i] * x[i] +
            rows.lower[i] * x[i + 1];
    y[i + 1] = total(t0, t1, none, none) + lower + rows.lower[i] * x[i] +
            rows.lower[i + 1] * x[i + 1];
}

WIDE void symmetric_times(const double *restrict triangle,
        const double *restrict x, double *restrict y, uint32_t d)
{
    const double *row = triangle;
    uint32_t i = 0;

    for (; i + 2 <= d; i += 2) {
        times_two_rows(row, x, y, i);
        row += 2 * i + 3;
    }
    if (i < d) {
        double left = dot_inline(row, x, i);
        add_scaled(x[i], row, y, i);
        y[i] = left + row[i] * x[i];
    }
}

/* Off the diagonal row by row, x_i (row_i . x), each row's sums by lane. */
WIDE double quadratic_form(
        const double *restrict triangle, const double *restrict x, uint32_t d)
{
    const double *row = triangle;
    four none = {0.0, 0.0, 0.0, 0.0}, sum = none;
    double last = 0.0, diagonal = 0.0;

    for (uint32_t i = 0; i < d; row += ++i) {
        four s0 = none, s1 = none, x_i = {x[i], x[i], x[i], x[i]};
        double rest = 0.0;
        uint32_t j = 0;
        for (; j + 8 <= i; j += 8) {
            s0 += times(row + j, x + j);
            s1 += times(row + j + 4, x + j + 4);
        }
        if (j + 4 <= i) {
            s0 += times(row + j, x + j);
            j += 4;
        }
        for (; j < i; j++)
            rest += row[j] * x[j];
        sum += (s0 + s1) * x_i;
        last += rest * x[i];
        diagonal += row[i] * x[i] * x[i];
    }
    return 2.0 * ((sum[0] + sum[2]) + (sum[1] + sum[3]) + last) + diagonal;
}

WIDE void symmetric_rank_one(double *restrict triangle, double factor,
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
        log_det += portable_log(pivot);
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
