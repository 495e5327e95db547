/* Plays the action of the best score; the lowest index of ties. No
 * exploration: the log supports no off-policy estimate, and with short memory
 * it is the worst choice. For baselines, or with a floor. */
#include "policies/explorer.h"

static void greedy_distribute(const struct outlook *outlook,
        const void *options, struct rng *draws, struct arena *scratch,
        double *pmf)
{
    uint32_t best = outlook_best(outlook);

    (void)options;
    (void)draws;
    (void)scratch;
    for (uint32_t i = 0; i < outlook->count; i++) {
        pmf[i] = 0.0;
    }
    pmf[best] = 1.0;
}

const struct explorer explorer_greedy = {
        .name = "greedy",
        .distribute = greedy_distribute,
};
