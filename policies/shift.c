#include "policies/shift.h"

#include "policies/portable.h"

#include <math.h>

#define SHARE_MIN 1e-4
/* The standard normal's quantile at 1 - 1e-4. */
#define NORMAL_1E4 3.7190164854556804

static double floored(double share)
{
    return share < SHARE_MIN ? SHARE_MIN : share;
}

double shift_psi(const double *p, const double *q, uint32_t bins)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < bins; i++) {
        double a = floored(p[i]), b = floored(q[i]);
        sum += (b - a) * portable_log(b / a);
    }
    return sum;
}

static double two_samples(uint64_t n, uint64_t m)
{
    return 1.0 / (double)n + 1.0 / (double)m;
}

double shift_psi_chance(uint32_t bins, uint64_t n, uint64_t m)
{
    double k = bins - 1.0, root;

    if (bins < 2)
        return 0.0;
    root = 1.0 - 2.0 / (9.0 * k) + NORMAL_1E4 * sqrt(2.0 / (9.0 * k));
    return two_samples(n, m) * k * root * root * root;
}

/* -x log2 x, 0 at 0. */
static double surprise(double x)
{
    return x > 0.0 ? -x * portable_log(x) / 0.69314718055994530942 : 0.0;
}

double shift_js(const double *p, const double *q, uint32_t bins)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < bins; i++)
        sum += surprise(0.5 * (p[i] + q[i])) -
                0.5 * (surprise(p[i]) + surprise(q[i]));
    return sum < 0.0 ? 0.0 : sum;
}

double shift_ks(const double *p, const double *q, uint32_t bins)
{
    double gap = 0.0, largest = 0.0;

    for (uint32_t i = 0; i < bins; i++) {
        gap += q[i] - p[i];
        largest = fmax(largest, fabs(gap));
    }
    return largest;
}

double shift_ks_chance(uint64_t n, uint64_t m, double alpha)
{
    return sqrt(two_samples(n, m) * portable_log(2.0 / alpha) / 2.0);
}

/* ---- one column ---- */

void shift_column_init(struct shift_column *column)
{
    memset(column, 0, sizeof(*column));
}

/* Shell's sort with Ciura's gaps: policies have no library's qsort, which may
 * ask for memory. */
static void sort(double *values, uint32_t count)
{
    static const uint32_t gaps[] = {301, 132, 57, 23, 10, 4, 1};

    for (uint32_t g = 0; g < ARRAY_COUNT(gaps); g++)
        for (uint32_t i = gaps[g]; i < count; i++) {
            double value = values[i];
            uint32_t j = i;
            for (; j >= gaps[g] && values[j - gaps[g]] > value; j -= gaps[g])
                values[j] = values[j - gaps[g]];
            values[j] = value;
        }
}

static uint32_t bin_of(const struct shift_column *column, double value)
{
    uint32_t low = 0, high = column->bins - 1;

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (value <= column->edges[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void make_bins(struct shift_column *column)
{
    uint32_t edges = 0;

    sort(column->values, SHIFT_ROWS);
    for (uint32_t i = 1; i < SHIFT_BINS; i++) {
        double edge = column->values[i * SHIFT_ROWS / SHIFT_BINS - 1];
        if (edge < column->values[SHIFT_ROWS - 1] &&
                (edges == 0 || edge > column->edges[edges - 1]))
            column->edges[edges++] = edge;
    }
    column->bins = edges + 1;
    for (uint32_t i = 0; i < SHIFT_ROWS; i++)
        column->reference[bin_of(column, column->values[i])]++;
    memset(column->values, 0, sizeof(column->values));
}

void shift_column_feed(struct shift_column *column, double value)
{
    if (column->bins == 0) {
        column->values[column->seen++] = value;
        if (column->seen == SHIFT_ROWS)
            make_bins(column);
        return;
    }
    column->window[bin_of(column, value)]++;
    column->window_rows++;
}

uint32_t shift_column_rows(const struct shift_column *column)
{
    return column->window_rows;
}

/* Bins of about equal shares of the reference, at most SHIFT_PSI_BINS. */
static uint32_t tenths(const struct shift_column *column, double *p, double *q)
{
    uint32_t bins = 0, below = 0;

    memset(p, 0, SHIFT_PSI_BINS * sizeof(*p));
    memset(q, 0, SHIFT_PSI_BINS * sizeof(*q));
    for (uint32_t i = 0; i < column->bins; i++) {
        uint32_t at = below * SHIFT_PSI_BINS / SHIFT_ROWS;
        p[at] += column->reference[i] / (double)SHIFT_ROWS;
        q[at] += column->window[i] / (double)column->window_rows;
        below += column->reference[i];
    }
    for (uint32_t i = 0; i < SHIFT_PSI_BINS; i++)
        if (p[i] > 0.0) {
            p[bins] = p[i];
            q[bins++] = q[i];
        }
    return bins;
}

struct shift_found shift_column_close(struct shift_column *column)
{
    double p[SHIFT_BINS], q[SHIFT_BINS];
    struct shift_found found = {.rows = column->window_rows};
    uint32_t bins;

    if (column->window_rows == 0)
        return found;
    for (uint32_t i = 0; i < column->bins; i++) {
        p[i] = column->reference[i] / (double)SHIFT_ROWS;
        q[i] = column->window[i] / (double)column->window_rows;
    }
    found.ks = shift_ks(p, q, column->bins);
    found.ks_chance = shift_ks_chance(SHIFT_ROWS, column->window_rows, 1e-4) +
            1.0 / SHIFT_BINS;
    bins = tenths(column, p, q);
    found.psi = shift_psi(p, q, bins);
    found.psi_chance = shift_psi_chance(bins, SHIFT_ROWS, column->window_rows);
    memset(column->window, 0, sizeof(column->window));
    column->window_rows = 0;
    return found;
}

void shift_column_save(const struct shift_column *column, struct writer *writer)
{
    write_u32(writer, column->seen);
    write_u32(writer, column->bins);
    if (column->bins == 0) {
        write_f64s(writer, column->values, column->seen);
        return;
    }
    write_f64s(writer, column->edges, column->bins - 1);
    for (uint32_t i = 0; i < column->bins; i++) {
        write_u32(writer, column->reference[i]);
        write_u32(writer, column->window[i]);
    }
}

static bool all_finite(const double *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

static bool load_bins(struct shift_column *column, struct reader *reader)
{
    uint32_t reference = 0;

    read_f64s(reader, column->edges, column->bins - 1);
    if (!all_finite(column->edges, column->bins - 1))
        return false;
    for (uint32_t i = 1; i + 1 < column->bins; i++)
        if (!(column->edges[i] > column->edges[i - 1]))
            return false;
    for (uint32_t i = 0; i < column->bins; i++) {
        column->reference[i] = read_u32(reader);
        column->window[i] = read_u32(reader);
        if (column->reference[i] > SHIFT_ROWS ||
                column->window[i] > UINT32_MAX / SHIFT_BINS)
            return false;
        reference += column->reference[i];
        column->window_rows += column->window[i];
    }
    return reference == SHIFT_ROWS;
}

bool shift_column_load(struct shift_column *column, struct reader *reader)
{
    shift_column_init(column);
    column->seen = read_u32(reader);
    column->bins = read_u32(reader);
    if (column->bins > SHIFT_BINS || column->seen > SHIFT_ROWS ||
            (column->bins > 0) != (column->seen == SHIFT_ROWS))
        return false;
    if (column->bins > 0)
        return load_bins(column, reader);
    read_f64s(reader, column->values, column->seen);
    return all_finite(column->values, column->seen);
}
