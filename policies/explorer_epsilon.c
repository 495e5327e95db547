/* The best action with probability 1 - e, and e spread over all of them:
 * p_a = (1 - e) [a = best] + e/K (bandits.md, section 1). */
#include "policies/explorer.h"

struct epsilon_options {
    double epsilon;
};

static const struct option_row epsilon_rows[] = {
        {.name = "epsilon",
                .type = OPTION_DOUBLE,
                .offset = offsetof(struct epsilon_options, epsilon),
                .min = 0.0,
                .max = 1.0,
                .fallback = 0.05,
                .sentence = "share of decisions drawn uniformly"},
};

static void epsilon_distribute(const struct outlook *outlook,
        const void *options, struct rng *draws, struct arena *scratch,
        double *pmf)
{
    const struct epsilon_options *epsilon = options;
    double share = epsilon->epsilon / (double)outlook->count;
    uint32_t best = outlook_best(outlook);

    (void)draws;
    (void)scratch;
    for (uint32_t i = 0; i < outlook->count; i++) {
        pmf[i] = share;
    }
    pmf[best] = 1.0 - (double)(outlook->count - 1) * share;
}

const struct explorer explorer_epsilon = {
        .name = "epsilon",
        .options = {epsilon_rows, ARRAY_COUNT(epsilon_rows),
                sizeof(struct epsilon_options)},
        .distribute = epsilon_distribute,
};
