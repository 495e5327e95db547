/* Off-policy evaluation: what a target policy would have earned on decisions
 * that another policy made, from the logged probabilities. Pure sums over rows,
 * of constant size however many rows there are.
 *
 * Words: p is the logged vector of probabilities, pi the target's, W(a) =
 * pi(a)/p(a), w = W of the action chosen, q the prediction of a reward model
 * that has not seen the row. Rewards and q are on [0,1]: scaled by the declared
 * range, and the caller scales results back.
 *
 * Estimators:
 *   ips      mean of w r (Horvitz & Thompson 1952)
 *   clipped  mean of min(w, M) r
 *   snips    sum w r / sum w (Swaminathan & Joachims 2015)
 *   dm       mean of sum_a pi(a) q(a)
 *   dr       dm + w (r - q) (Dudik, Langford, Li 2011)
 *   dros     dr with w' = L w/(w^2 + L) for w (Su et al. 2020)
 *   switch   dr with w' = w where w <= T, otherwise 0 (Wang et al. 2017)
 *   cab      min(1, M/W) of dr's weights, the rest by q (Su et al. 2019)
 *   mrdr     dr whose q was fitted by ope_mrdr_weight (Farajtabar et al. 2018)
 * L and T are the ones of a grid with the smallest sum of variance and squared
 * bound of the bias, as Su et al. choose L. */
#ifndef REPLAY_OPE_H
#define REPLAY_OPE_H

#include <stdbool.h>
#include <stdint.h>

/* One logged decision; arrays are over its eligible actions. Where the log
 * knows the probability of the chosen action alone (`partial`), the others' are
 * not looked at: what is missing cannot be told, w^2 stands for its
 * expectation, and cab is dr with min(w, M) for w. */
struct ope_event {
    uint32_t count;
    const double *target; /* pi */
    const double *logged; /* p; positive for the action chosen */
    const double *model; /* q on [0,1], or NULL: 0 */
    const double *mrdr_model; /* q of mrdr, or NULL: `model` */
    uint32_t chosen;
    double reward; /* on [0,1] */
    bool partial;
    /* How many rows like it there were for each that the log has, 1 or more;
     * 0 counts as 1. Estimates are then means by these weights (Hajek's ratio),
     * their errors linearised, and so are the sums that intervals read. */
    double stands_for;
};

/* What one event says, action by action summed up. */
struct ope_row {
    double weight; /* w */
    double reward;
    double direct; /* sum_a pi(a) q(a) */
    double predicted; /* q of the action chosen */
    double square; /* sum_a pi(a)^2/p(a): w^2 as expected before the draw */
    double missing; /* sum of pi(a) where p(a) = 0 */
    double bound; /* the largest w that the row could have had; INFINITY if it
                     is partial */
    double stands_for; /* v, at least 1 */
};

struct ope_row ope_row(const struct ope_event *event);

/* The row's terms: an estimate is the mean of its terms. */
double ope_term_ips(const struct ope_row *row);
double ope_term_clipped(const struct ope_row *row, double most);
double ope_term_dr(const struct ope_row *row);
double ope_term_dros(const struct ope_row *row, double lambda);
double ope_term_switch(const struct ope_row *row, double threshold);
double ope_term_cab(const struct ope_event *event, double most);
/* Doubly robust and never below -k, k >= 0: q(a) is cut to k/W(a). For the
 * sequences of replay/sequence.h. */
double ope_term_truncated(const struct ope_event *event, double k);
/* Value of the target minus that of `other`, a distribution over the same
 * actions: zero where they agree. For gates. */
double ope_term_difference(const struct ope_event *event, const double *other);
/* The same as the mean of its square over what could have been chosen: what
 * design_ess needs. */
double ope_difference_square(
        const struct ope_event *event, const double *other);

/* Weight of a row in the fit of mrdr's q: w^2 (1 - p). */
double ope_mrdr_weight(double weight, double propensity);

enum ope_estimator {
    OPE_IPS,
    OPE_CLIPPED,
    OPE_SNIPS,
    OPE_DM,
    OPE_DR,
    OPE_DROS,
    OPE_SWITCH,
    OPE_CAB,
    OPE_MRDR,
    OPE_ESTIMATORS,
};

/* "ips", "clipped", ... */
const char *ope_estimator_name(enum ope_estimator estimator);

/* Running mean and sum of squared deviations (Welford 1962). Of weighted values
 * the mean is by the weights v, `squares` the sum of v^2 (x - mean)^2, and the
 * variance below such that variance / count is that of the mean. */
struct moments {
    double count;
    double mean;
    double squares;
    double extra; /* sum of v - 1; 0: no weights so far, and the rest is 0 */
    double slope, curve; /* sums of v^2 (x - mean) and of v^2 */
};

void moments_add(struct moments *moments, double value);
void moments_add_weighted(struct moments *moments, double value, double weight);
/* With n - 1 and with n; 0 where there are too few. */
double moments_variance(const struct moments *moments);
double moments_variance_biased(const struct moments *moments);

/* Candidates of L (the squares of these) and T. */
#define OPE_GRID 10u

/* Bins of the histogram of weights: 0, then up to 2^-6, 2^-5, ... 2^12, more.
 */
#define OPE_BINS 21u

struct ope_settings {
    double clip; /* M of clipped */
    double cab; /* M of cab */
};

#define OPE_SETTINGS_DEFAULT                                                   \
    {                                                                          \
        .clip = 10.0, .cab = 10.0                                              \
    }

struct ope_tried {
    struct moments terms;
    double shift; /* sum of (w' - w)(r - q) */
};

/* All that a slice of the log says of one target policy. Cleared bytes are an
 * empty one. */
struct ope_sums {
    double count; /* n */
    double partial; /* rows that were */
    /* Sums of v - 1 and v^2 - 1, 0 where each row stands for itself, and of
     * v^2 w. In what follows w is v w, and so are the largest, what is missing
     * and the reward; ope_normalised() divides them by the mean of v. */
    double extra, extra2, vvw;
    double w, ww, wr, wwr, wwrr;
    double most; /* max w */
    double bound; /* max of row.bound: no weight of these rows is above it */
    double square; /* sum of row.square */
    double missing; /* sum of row.missing */
    double reward; /* sum of r */
    uint64_t zeros, ones; /* rewards of exactly 0 and 1 */
    struct moments ips, clipped, dm, dr, cab, mrdr;
    struct ope_tried dros[OPE_GRID], switched[OPE_GRID];
    uint64_t histogram[OPE_BINS];
};

/* What a row adds to the sums of each slice that it is in. */
struct ope_terms {
    struct ope_row row;
    bool partial;
    uint32_t bin; /* of its weight */
    double ips, clipped, dm, dr, cab, mrdr;
    struct {
        double term, shift; /* (w' - w)(r - q), times v */
    } dros[OPE_GRID], switched[OPE_GRID];
};

void ope_terms_of(struct ope_terms *terms, const struct ope_settings *settings,
        const struct ope_event *event);
void ope_add_terms(struct ope_sums *sums, const struct ope_terms *terms);
/* Both, for who has one slice. */
void ope_add(struct ope_sums *sums, const struct ope_settings *settings,
        const struct ope_event *event);
/* With weights whose mean is 1; the same sums where each row stands for itself.
 * What reads sums (replay/support.h, replay/interval.h) does it. */
struct ope_sums ope_normalised(const struct ope_sums *sums);
/* Mean of v. */
double ope_mean_weight(const struct ope_sums *sums);
/* Upper end of a bin of the histogram; infinite for the last. */
double ope_bin_end(uint32_t bin);

struct ope_estimate {
    double value;
    double error; /* standard error; NAN if there are fewer than 2 rows */
    double parameter; /* M, L or T; NAN where there is none */
};

/* Of `count` >= 1 rows. */
struct ope_estimate ope_estimate(const struct ope_sums *sums,
        const struct ope_settings *settings, enum ope_estimator estimator);

/* Bound of the bias that the weights w' bring in (probability 1 - delta). */
double ope_bias_bound(
        const struct ope_sums *sums, double shift_sum, double delta);

#endif
