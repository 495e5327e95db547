/* Intervals for the value of a policy after a number of rows that was fixed
 * beforehand. For looking at any time see replay/sequence.h. */
#ifndef REPLAY_INTERVAL_H
#define REPLAY_INTERVAL_H

#include "replay/ope.h"

struct interval {
    double lower, upper;
};

/* value -+ z error, z of a normal at 1 - alpha/2. Covers where the design
 * effective sample size is 100 and more. */
struct interval interval_normal(
        const struct ope_estimate *estimate, double alpha);

/* Empirical Bernstein (Maurer & Pontil 2009, theorem 4, for both sides): for
 * terms within a range of width `range`, whatever their distribution. The whole
 * line for fewer than 2 rows, and where rows stand for others (so the two
 * below: they say all that is possible). */
struct interval interval_bernstein(
        const struct moments *terms, double range, double alpha);

/* Cressie-Read of power -2, or Euclidean likelihood (Karampatziakis, Langford,
 * Mineiro 2020, "Empirical likelihood for contextual bandits"): the values of
 * E[w r] over reweightings of the rows and one more, under which E[w] = 1.
 * Weights lie in [0, most] (INFINITY: not known), rewards in [0,1]. */
struct interval interval_cressie_read(
        const struct ope_sums *sums, double most, double alpha);

/* Clopper-Pearson on sum w r/most for w r in [0, most]. */
struct interval interval_clopper_pearson(
        const struct ope_sums *sums, double most, double alpha);

/* What the normal distribution has below it with probability `share`. */
double normal_quantile(double share);

#endif
