/* Confidence sequences: limits that hold at every row at once, so that one may
 * look at any time and stop when one likes. Valid while the logging policy
 * learns: all that is used of a row's weight and model must be known before the
 * row (Waudby-Smith, Wu, Ramdas, Karampatziakis, Mineiro 2022,
 * arXiv 2210.10768). Rows come in the order of the log. Constant memory.
 *
 * Two kinds:
 * - bernstein: guaranteed at every number of rows; wide.
 * - asymptotic: much tighter; holds from the start that struct
 *   asymptotic_sequence waits for, where replay/support.h does not refuse (of
 *   rewards that are all the same it knows no variance). The tool for
 *   monitoring and gates.
 *
 * A gate (promote, roll back, canary) feeds an asymptotic_sequence with
 * ope_term_difference and ope_difference_square of each row:
 *
 *     struct asymptotic_sequence gate =
 *             asymptotic_sequence_begin(2.0 * alpha, planned_rows);
 *     for each row: asymptotic_sequence_add(&gate, term, square);
 *     struct interval gain;
 *     if (asymptotic_sequence_limits(&gate, &gain) && gain.lower > -margin)
 *         promote; each limit alone holds with probability 1 - alpha. */
#ifndef REPLAY_SEQUENCE_H
#define REPLAY_SEQUENCE_H

#include "replay/interval.h"

/* ---- empirical Bernstein ---- */

/* A lower limit for the mean of Z >= 0, or, with `ceiling` c below 1, of
 * Z >= c - 1 (its predictable mean is kept at c and below). Fields are its
 * own. */
struct bernstein_sequence {
    double alpha; /* of this one side */
    double ceiling, start;
    double count;
    double sum, squares; /* of Z, and of (Z - m)^2 */
    double bets, gained, paid; /* sums of lam, lam Z, (Z - m)^2 psi(lam) */
    double best; /* the running maximum */
};

/* For Z = w r: ceiling 1, start 1/2. For Z bounded below by -k/(k + 1): ceiling
 * 1/(k + 1), start 0. */
struct bernstein_sequence bernstein_sequence_begin(
        double alpha, double ceiling, double start);
void bernstein_sequence_add(struct bernstein_sequence *sequence, double z);
/* The highest lower limit so far; -INFINITY before the first row. */
double bernstein_sequence_limit(const struct bernstein_sequence *sequence);
/* The limit at this row alone. */
double bernstein_sequence_now(const struct bernstein_sequence *sequence);

/* The value of a policy, from both sides. k < 0: of w r and w (1 - r), which
 * need no model; k >= 0: of doubly robust terms with q cut to k/W. */
struct value_sequence {
    struct bernstein_sequence lower, upper;
    double k;
};

/* alpha in all, half on each side. Partial events (replay/ope.h): k < 0 only.
 */
struct value_sequence value_sequence_begin(double alpha, double k);
void value_sequence_add(
        struct value_sequence *sequence, const struct ope_event *event);
/* Within [0,1]. */
struct interval value_sequence_limits(const struct value_sequence *sequence);

/* The value of pi minus the value of the policy p that logged the rows itself,
 * guaranteed whatever the smallest probability is: its terms are at least
 * -(k + 2). Events have their whole vector. A p that learns has no one value:
 * the limit of a row (bernstein_sequence_now) is then one for the mean of the
 * gains so far, weighted by the bets, and running maxima say nothing. */
struct gain_sequence {
    struct bernstein_sequence lower, upper;
    double k;
};

struct gain_sequence gain_sequence_begin(double alpha, double k);
void gain_sequence_add(
        struct gain_sequence *sequence, const struct ope_event *event);
/* Within [-1,1]. */
struct interval gain_sequence_limits(const struct gain_sequence *sequence);

/* ---- asymptotic ---- */

/* Mean of any terms (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2021,
 * arXiv 2103.06476, equation 5). */
struct asymptotic_sequence {
    double alpha; /* both sides together */
    double rho2;
    struct moments terms;
    double square; /* sum of the expected squares of the weights */
    double ess_start; /* design ess from which it holds; 100 */
};

/* Tightest after `planned` rows. One side at level alpha: pass 2 alpha and use
 * that limit only. */
struct asymptotic_sequence asymptotic_sequence_begin(
        double alpha, double planned);
/* `square`: ope_row's square, or ope_difference_square. */
void asymptotic_sequence_add(
        struct asymptotic_sequence *sequence, double term, double square);
/* False, and no limits: not yet. */
bool asymptotic_sequence_limits(
        const struct asymptotic_sequence *sequence, struct interval *out);

double asymptotic_rho2(double alpha, double planned);
/* Half the width after n rows of standard deviation 1. */
double asymptotic_half_width(double n, double rho2, double alpha);

#endif
