/* The bootstrap of a stream: each replicate counts each row a Poisson(1) number
 * of times, keyed by the row, so that no row is kept (Hanley & MacGibbon 2006;
 * Chamandy et al. 2012). The same rows in any slices give the same counts. */
#ifndef REPLAY_BOOTSTRAP_H
#define REPLAY_BOOTSTRAP_H

#include "base/types.h"
#include "replay/interval.h"

#define BOOTSTRAP_REPLICATES 1000u
/* Sums that are resampled together. */
enum bootstrap_column {
    BOOTSTRAP_COUNT, /* 1 */
    BOOTSTRAP_WEIGHT, /* w */
    BOOTSTRAP_IPS, /* w r */
    BOOTSTRAP_DR, /* doubly robust terms */
    BOOTSTRAP_COLUMNS,
};

/* 32 KB; cleared bytes are an empty one but for the seed. */
struct bootstrap {
    uint64_t seed;
    double sums[BOOTSTRAP_COLUMNS][BOOTSTRAP_REPLICATES];
};

/* `row` is a number that only this row has. */
void bootstrap_add(
        struct bootstrap *bootstrap, uint64_t row, const struct ope_row *terms);

/* Percentile interval of the ratio of two columns: ips is BOOTSTRAP_IPS over
 * BOOTSTRAP_COUNT, snips over BOOTSTRAP_WEIGHT. The whole line where a
 * replicate has nothing to divide by. */
struct interval bootstrap_interval(const struct bootstrap *bootstrap,
        enum bootstrap_column over, enum bootstrap_column under, double alpha);

#endif
