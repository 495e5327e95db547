/* LinUCB: plays the highest of r_a + alpha s_a, s the oracle's width of one
 * standard deviation (Li, Chu, Langford & Schapire 2010, arXiv 1003.0146;
 * bandits.md, section 1.5). Limits above 1 count as 1. Plays one action with
 * probability 1: with a floor its log can be evaluated. */
#include "policies/confidence.h"

struct linucb_options {
    double alpha;
};

static const struct option_row linucb_rows[] = {
        {.name = "alpha",
                .type = OPTION_DOUBLE,
                .offset = offsetof(struct linucb_options, alpha),
                .min = 0.0,
                .max = 100.0,
                .fallback = 0.3,
                .sentence = "how many of the oracle's widths to add to a "
                            "score; 0.1 to 1, larger explores more"},
};

/* A width grows with the root of its budget. */
static double linucb_budget(const void *options, const struct outlook *outlook)
{
    const struct linucb_options *linucb = options;

    (void)outlook;
    return linucb->alpha * linucb->alpha;
}

static void linucb_distribute(const struct outlook *outlook,
        const void *options, struct rng *draws, struct arena *scratch,
        double *pmf)
{
    uint32_t highest = confidence_highest(outlook);

    (void)options;
    (void)draws;
    (void)scratch;
    for (uint32_t i = 0; i < outlook->count; i++)
        pmf[i] = 0.0;
    pmf[highest] = 1.0;
}

const struct explorer explorer_linucb = {
        .name = "linucb",
        .options = {linucb_rows, ARRAY_COUNT(linucb_rows),
                sizeof(struct linucb_options)},
        .budget = linucb_budget,
        .distribute = linucb_distribute,
};
