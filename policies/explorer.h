/* Explorers: turn predicted rewards into a probability for each action. They
 * have no state and draw no action: policies/pmf.c does.
 *
 * Promises, upheld by tests/unit/policies/test_explorers.c and test_laws.c for
 * every row: for count >= 1 finite scores the result is a distribution (each >=
 * 0, sum 1 within 1e-9); the same arguments give the same bits; the order of
 * actions does not matter where scores differ; ties go to the lowest index. */
#ifndef POLICIES_EXPLORER_H
#define POLICIES_EXPLORER_H

#include "base/arena.h"
#include "base/options.h"
#include "base/rng.h"

/* What an explorer knows of one round. */
struct outlook {
    uint32_t count; /* actions, at least 1 */
    const double *scores; /* [count] predicted rewards in [0,1] */
    /* How far the reward may lie above and below its score, where the explorer
     * has a budget (and `both_sides`, for `down`); otherwise NULL. */
    const double *up; /* [count] */
    const double *down; /* [count] */
    double effective; /* n_eff: effective number of lessons learned so far */
    double gamma; /* the oracle's wish for inverse gap weighting; 0 = none */
};

/* The best score; the lowest index of ties. */
static inline uint32_t outlook_best(const struct outlook *outlook)
{
    uint32_t best = 0;

    for (uint32_t i = 1; i < outlook->count; i++)
        if (outlook->scores[i] > outlook->scores[best])
            best = i;
    return best;
}

struct explorer {
    const char *name;
    struct option_table options;
    /* Optional: wants to know the oracle's uncertainty. The budget that
     * oracle.h's spread() is asked with; `up` and `down` are not there yet. */
    double (*budget)(const void *options, const struct outlook *outlook);
    bool both_sides; /* wants `down` as well as `up` */
    bool takes_gamma; /* heeds outlook.gamma */
    /* Optional: the gamma of a round, where the explorer is inverse gap
     * weighting and nothing else: what is proved of that holds. */
    double (*plain_gamma)(const void *options, const struct outlook *outlook);

    /* Writes pmf[count]. `draws` is keyed by the decision. Needs at most
     * count * 64 bytes of scratch. */
    void (*distribute)(const struct outlook *outlook, const void *options,
            struct rng *draws, struct arena *scratch, double *pmf);
};

#endif
