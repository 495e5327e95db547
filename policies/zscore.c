#include "policies/zscore.h"

#include <math.h>

#define SCORE_MAX 4.0
/* A spread below this part of the mean is rounding. */
#define SPREAD_MIN 1e-9

static bool is_indicator(double value)
{
    return value == 0.0 || value == 1.0;
}

double zscore_of(const struct zscore *column, uint64_t rows, double value)
{
    double spread, score;

    if (!column->numeric && is_indicator(value))
        return value;
    if (rows < 2)
        return 0.0;
    spread = sqrt(column->squares / (double)rows);
    if (!(spread > SPREAD_MIN * fabs(column->mean)))
        return 0.0;
    score = (value - column->mean) / spread;
    return score > SCORE_MAX     ? SCORE_MAX
            : score < -SCORE_MAX ? -SCORE_MAX
                                 : score;
}

void zscore_learn(
        struct zscore *columns, uint32_t count, uint64_t rows, const double *x)
{
    for (uint32_t i = 0; i < count; i++) {
        double before = x[i] - columns[i].mean;
        columns[i].mean += before / (double)rows;
        columns[i].squares += before * (x[i] - columns[i].mean);
        columns[i].numeric = columns[i].numeric || !is_indicator(x[i]);
    }
}

void zscore_save(
        const struct zscore *columns, uint32_t count, struct writer *writer)
{
    for (uint32_t i = 0; i < count; i++) {
        write_f64(writer, columns[i].mean);
        write_f64(writer, columns[i].squares);
        write_u8(writer, columns[i].numeric ? 1 : 0);
    }
}

void zscore_load(struct zscore *columns, uint32_t count, struct reader *reader)
{
    uint8_t flag;

    for (uint32_t i = 0; i < count; i++) {
        columns[i].mean = read_f64(reader);
        columns[i].squares = read_f64(reader);
        flag = read_u8(reader);
        columns[i].numeric = flag == 1;
        reader->failed = reader->failed || flag > 1;
    }
}

bool zscore_check(const struct zscore *columns, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!isfinite(columns[i].mean) || !isfinite(columns[i].squares) ||
                columns[i].squares < 0.0)
            return false;
    return true;
}
