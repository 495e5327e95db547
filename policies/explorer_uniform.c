/* Every action with the same probability: the reference, the best log for
 * off-policy work, and the worst reward. */
#include "policies/explorer.h"

static void uniform_distribute(const struct outlook *outlook,
        const void *options, struct rng *draws, struct arena *scratch,
        double *pmf)
{
    (void)options;
    (void)draws;
    (void)scratch;
    for (uint32_t i = 0; i < outlook->count; i++)
        pmf[i] = 1.0 / (double)outlook->count;
}

const struct explorer explorer_uniform = {
        .name = "uniform",
        .distribute = uniform_distribute,
};
