/* SquareCB: inverse gap weighting (Foster & Rakhlin 2020, arXiv 2002.04926;
 * bandits.md, section 1.1). With b the best score,
 *     p_a = 1/(K + gamma (r_b - r_a)) for a != b,   p_b = the rest,
 * and K the request's own number of actions. */
#include "policies/gap.h"

static const struct option_row squarecb_rows[] = {GAP_ROWS};

static void squarecb_distribute(const struct outlook *outlook,
        const void *options, struct rng *draws, struct arena *scratch,
        double *pmf)
{
    double gamma = gap_gamma(options, outlook);
    uint32_t best = outlook_best(outlook);
    double most = outlook->scores[best];

    (void)draws;
    (void)scratch;
    for (uint32_t i = 0; i < outlook->count; i++)
        pmf[i] = 1.0 /
                ((double)outlook->count + gamma * (most - outlook->scores[i]));
    gap_finish(options, outlook, best, pmf);
}

static double squarecb_gamma(const void *options, const struct outlook *outlook)
{
    return gap_gamma(options, outlook);
}

const struct explorer explorer_squarecb = {
        .name = "squarecb",
        .options = {squarecb_rows, ARRAY_COUNT(squarecb_rows),
                sizeof(struct gap_options)},
        .takes_gamma = true,
        .plain_gamma = squarecb_gamma,
        .distribute = squarecb_distribute,
};
