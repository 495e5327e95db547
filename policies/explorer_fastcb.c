/* FastCB: reweighted inverse gap weighting (Foster & Krishnamurthy, NeurIPS
 * 2021; bandits.md, section 1.2). With losses y_a = 1 - r_a, held within
 * [1e-6, 1], and b the least of them,
 *     p_a = y_b/(K y_b + gamma (y_a - y_b)) for a != b,   p_b = the rest.
 * Where the best loss is small it explores about y_b times as much as
 * squarecb with the same gamma. */
#include "policies/gap.h"

#define LOSS_MIN 1e-6

static const struct option_row fastcb_rows[] = {GAP_ROWS};

static double loss_of_score(double score)
{
    double loss = 1.0 - score;

    return loss > LOSS_MIN ? loss : LOSS_MIN;
}

static void fastcb_distribute(const struct outlook *outlook,
        const void *options, struct rng *draws, struct arena *scratch,
        double *pmf)
{
    double gamma = gap_gamma(options, outlook);
    uint32_t best = outlook_best(outlook);
    double least = loss_of_score(outlook->scores[best]);
    double share = (double)outlook->count * least;

    (void)draws;
    (void)scratch;
    for (uint32_t i = 0; i < outlook->count; i++)
        pmf[i] = least /
                (share + gamma * (loss_of_score(outlook->scores[i]) - least));
    gap_finish(options, outlook, best, pmf);
}

const struct explorer explorer_fastcb = {
        .name = "fastcb",
        .options = {fastcb_rows, ARRAY_COUNT(fastcb_rows),
                sizeof(struct gap_options)},
        .takes_gamma = true,
        .distribute = fastcb_distribute,
};
