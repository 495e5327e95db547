/* Explorers: turn predicted rewards into a probability for each action. They
 * have no state and draw no action: policies/pmf.c does.
 *
 * Promises, upheld by tests/laws/explorer_laws.c for every row: for count >= 1
 * finite scores the result is a distribution (each >= 0, sum 1 within 1e-9);
 * the same arguments give the same bits; the order of actions does not matter
 * where scores differ; ties go to the lowest index. */
#ifndef POLICIES_EXPLORER_H
#define POLICIES_EXPLORER_H

#include "base/arena.h"
#include "base/options.h"
#include "base/rng.h"

/* What an explorer may know of the moment. */
struct round {
    double effective; /* n_eff: effective number of lessons learned so far */
};

struct explorer {
    const char *name;
    struct option_table options;
    bool needs_spread; /* widths is never NULL */

    /* scores[count] predicted rewards in [0,1], widths[count] or NULL;
     * writes pmf[count]. `draws` is keyed by the decision. Needs at most
     * count * 64 bytes of scratch. */
    void (*distribute)(const double *scores, const double *widths,
            uint32_t count, const struct round *round, const void *options,
            struct rng *draws, struct arena *scratch, double *pmf);
};

#endif
