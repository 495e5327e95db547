/* What explorers by inverse gap weighting share (squarecb, fastcb, adacb): the
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

extern const char *const gap_tie_choices[];

/* The rows over struct gap_options, which an explorer's own options begin
 * with. */
#define GAP_ROWS                                                               \
    {.name = "gamma_scale",                                                    \
            .type = OPTION_DOUBLE,                                             \
            .offset = offsetof(struct gap_options, gamma_scale),               \
            .min = 0.0,                                                        \
            .max = 1e6,                                                        \
            .fallback = 10.0,                                                  \
            .sentence = "gamma = gamma_scale * n_eff^gamma_exponent; "         \
                        "larger explores less"},                               \
            {.name = "gamma_exponent",                                         \
                    .type = OPTION_DOUBLE,                                     \
                    .offset = offsetof(struct gap_options, gamma_exponent),    \
                    .min = 0.0,                                                \
                    .max = 2.0,                                                \
                    .fallback = 0.5,                                           \
                    .sentence = "how exploration falls with what was "         \
                                "learned"},                                    \
            {.name = "gamma",                                                  \
                    .type = OPTION_DOUBLE,                                     \
                    .offset = offsetof(struct gap_options, gamma),             \
                    .min = 0.0,                                                \
                    .max = GAMMA_MAX,                                          \
                    .sentence = "a fixed gamma in place of the schedule; 0: "  \
                                "the schedule"},                               \
    {                                                                          \
        .name = "ties", .type = OPTION_CHOICE,                                 \
        .offset = offsetof(struct gap_options, ties),                          \
        .choices = gap_tie_choices,                                            \
        .sentence = "who gets the winner's share among equals: "               \
                    "the lowest index, or all of them equally"                 \
    }

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
