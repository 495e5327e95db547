#include "replay/bootstrap.h"

#include "base/check.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Two replicates are drawn from one word: 16 bits each. */
#define WORDS ((BOOTSTRAP_REPLICATES + 1) / 2)

/* Times a row counts: how many of P(Poisson(1) <= 0), P(<= 1), ... in 1/65536
 * lie at or below a uniform 16-bit number. Beyond 7 less than that is left. */
static const uint16_t steps[] = {
        24109, 48219, 60273, 64292, 65296, 65497, 65531, 65535};

static void draw_counts(uint64_t seed, uint64_t row, double *counts)
{
    struct rng rng = rng_keyed(seed, row, RNG_BOOTSTRAP);
    uint32_t words[WORDS];
    uint16_t draws[2 * WORDS], times[2 * WORDS];

    rng_words(&rng, words, WORDS);
    for (uint32_t i = 0; i < WORDS; i++) {
        draws[2 * i] = (uint16_t)words[i];
        draws[2 * i + 1] = (uint16_t)(words[i] >> 16);
    }
    memset(times, 0, sizeof(times));
    for (size_t s = 0; s < ARRAY_COUNT(steps); s++)
        for (uint32_t i = 0; i < BOOTSTRAP_REPLICATES; i++)
            times[i] = (uint16_t)(times[i] + (draws[i] >= steps[s]));
    for (uint32_t i = 0; i < BOOTSTRAP_REPLICATES; i++)
        counts[i] = times[i];
}

void bootstrap_add(
        struct bootstrap *bootstrap, uint64_t row, const struct ope_row *terms)
{
    double counts[BOOTSTRAP_REPLICATES];
    double ips = ope_term_ips(terms), dr = ope_term_dr(terms);

    draw_counts(bootstrap->seed, row, counts);
    for (uint32_t i = 0; i < BOOTSTRAP_REPLICATES; i++) {
        counts[i] *= terms->stands_for;
        bootstrap->sums[BOOTSTRAP_COUNT][i] += counts[i];
        bootstrap->sums[BOOTSTRAP_WEIGHT][i] += counts[i] * terms->weight;
        bootstrap->sums[BOOTSTRAP_IPS][i] += counts[i] * ips;
        bootstrap->sums[BOOTSTRAP_DR][i] += counts[i] * dr;
    }
}

static int ascending(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

/* Between the two nearest values. */
static double quantile(const double *sorted, double share)
{
    double at = share * (BOOTSTRAP_REPLICATES - 1);
    uint32_t below = (uint32_t)at;
    uint32_t above = below + 1 < BOOTSTRAP_REPLICATES ? below + 1 : below;

    return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

struct interval bootstrap_interval(const struct bootstrap *bootstrap,
        enum bootstrap_column over, enum bootstrap_column under, double alpha)
{
    double values[BOOTSTRAP_REPLICATES];

    for (uint32_t i = 0; i < BOOTSTRAP_REPLICATES; i++) {
        if (bootstrap->sums[under][i] <= 0.0)
            return (struct interval){-INFINITY, INFINITY};
        values[i] = bootstrap->sums[over][i] / bootstrap->sums[under][i];
    }
    qsort(values, BOOTSTRAP_REPLICATES, sizeof(values[0]), ascending);
    return (struct interval){
            quantile(values, alpha / 2.0), quantile(values, 1.0 - alpha / 2.0)};
}
