/* AdaCB: inverse gap weighting among the actions that may still be the best
 * (Foster, Rakhlin, Simchi-Levi & Xu 2020, arXiv 2010.03104; bandits.md,
 * section 1.5). With S the survivors of regcb's elimination and b the best,
 *     p_a = 1/(|S| + gamma (r_b - r_a)) for a in S, a != b,  p_b = the rest,
 * and 0 for the others. Give it a floor where its log is to be evaluated. */
#include "policies/confidence.h"
#include "policies/gap.h"

struct adacb_options {
    struct gap_options gap; /* first: GAP_ROWS */
    double c0;
};

static const struct option_row adacb_rows[] = {
        GAP_ROWS,
        {.name = "c0",
                .type = OPTION_DOUBLE,
                .offset = offsetof(struct adacb_options, c0),
                .min = 0.0,
                .max = 1e3,
                .fallback = CONFIDENCE_SCALE,
                .sentence = "actions survive whose limits, for models within "
                            "c0 ln(K (n_eff + 2)) of the best's squared loss, "
                            "reach the best's; larger keeps more"},
};

static double adacb_budget(const void *options, const struct outlook *outlook)
{
    const struct adacb_options *adacb = options;

    return confidence_budget(adacb->c0, outlook);
}

static void adacb_distribute(const struct outlook *outlook, const void *options,
        struct rng *draws, struct arena *scratch, double *pmf)
{
    const struct adacb_options *adacb = options;
    double gamma = gap_gamma(&adacb->gap, outlook);
    uint32_t best = outlook_best(outlook);
    double most = outlook->scores[best];
    double survivors = (double)confidence_survivors(outlook, pmf);

    (void)draws;
    (void)scratch;
    for (uint32_t i = 0; i < outlook->count; i++)
        pmf[i] /= survivors + gamma * (most - outlook->scores[i]);
    gap_finish(&adacb->gap, outlook, best, pmf);
}

const struct explorer explorer_adacb = {
        .name = "adacb",
        .options = {adacb_rows, ARRAY_COUNT(adacb_rows),
                sizeof(struct adacb_options)},
        .budget = adacb_budget,
        .both_sides = true,
        .takes_gamma = true,
        .distribute = adacb_distribute,
};
