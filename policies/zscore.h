/* Standard scores of dense columns: the running mean and variance of each
 * (Welford 1962) as part of a state, and (x - mean)/sd, clipped to [-4, 4].
 *
 * A column that has held nothing but 0 and 1 is an indicator and left alone:
 * standardising indicators makes rare ones large (bandits.md, section 2.2).
 * No allocation; the holder keeps the array. */
#ifndef POLICIES_ZSCORE_H
#define POLICIES_ZSCORE_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

struct zscore {
    double mean;
    double squares; /* sum of squared differences from the mean */
    bool numeric; /* has held something else than 0 and 1 */
};

/* The score of `value` after `rows` rows; 0 where the spread is not known. */
double zscore_of(const struct zscore *column, uint64_t rows, double value);
/* Takes in one more row, the `rows`-th (1, 2, ...). */
void zscore_learn(
        struct zscore *columns, uint32_t count, uint64_t rows, const double *x);

void zscore_save(
        const struct zscore *columns, uint32_t count, struct writer *writer);
/* The caller looks at the reader and at zscore_check afterwards. */
void zscore_load(struct zscore *columns, uint32_t count, struct reader *reader);
bool zscore_check(const struct zscore *columns, uint32_t count);

#endif
