/* What explorers by inverse gap weighting share (squarecb, fastcb): the
 * schedule of gamma, and what equals get. */
#ifndef POLICIES_GAP_H
#define POLICIES_GAP_H

#include "policies/explorer.h"

#define GAMMA_MAX 1e6

struct gap_options {
    double gamma_scale;
    double gamma_exponent;
    double gamma; /* fixed, where positive */
    uint32_t ties;
};

/* The rows over struct gap_options, for the option_table of a row. */
#define GAP_ROWS 4u
#define GAP_OPTION_TABLE                                                       \
    {                                                                          \
        gap_rows, GAP_ROWS, sizeof(struct gap_options)                         \
    }
extern const struct option_row gap_rows[GAP_ROWS];

/* The gamma of this round: the fixed one; else the oracle's; else gamma_scale
 * n_eff^gamma_exponent; at most GAMMA_MAX. */
double gap_gamma(
        const struct gap_options *options, const struct outlook *outlook);

/* Gives the best (`best` has the most mass) what is left of 1, and, with
 * `ties: split`, shares the mass of the tied best equally: the mean over all
 * choices of the best among them, so that the inequalities of bandits.md 1.1
 * and 1.2, which are linear in p, hold and the order does not matter. */
void gap_finish(const struct gap_options *options,
        const struct outlook *outlook, uint32_t best, double *pmf);

#endif
