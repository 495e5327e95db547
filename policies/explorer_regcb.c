/* RegCB (Foster, Agarwal, Dudik, Luo & Schapire 2018, arXiv 1803.01088;
 * bandits.md, section 1.5): the limits of a score are the least and most that
 * any model predicts whose loss so far is within the budget of the best
 * model's. Limits above 1 count as 1.
 *
 * optimistic: plays the highest upper limit, with probability 1.
 * elimination: uniform over the actions whose upper limit reaches the highest
 * lower limit. */
#include "policies/confidence.h"

enum { MODE_OPTIMISTIC, MODE_ELIMINATION };

struct regcb_options {
    double c0;
    uint32_t mode;
};

static const char *const mode_choices[] = {"optimistic", "elimination", NULL};

static const struct option_row regcb_rows[] = {
        {.name = "c0",
                .type = OPTION_DOUBLE,
                .offset = offsetof(struct regcb_options, c0),
                .min = 0.0,
                .max = 1e3,
                .fallback = CONFIDENCE_SCALE,
                .sentence = "models count whose squared loss is within c0 "
                            "ln(K (n_eff + 2)) of the best's; larger explores "
                            "more"},
        {.name = "mode",
                .type = OPTION_CHOICE,
                .offset = offsetof(struct regcb_options, mode),
                .choices = mode_choices,
                .sentence = "play the highest upper limit, or any action that "
                            "may still be the best"},
};

static double regcb_budget(const void *options, const struct outlook *outlook)
{
    const struct regcb_options *regcb = options;

    return confidence_budget(regcb->c0, outlook);
}

static void play_highest(const struct outlook *outlook, double *pmf)
{
    uint32_t highest = confidence_highest(outlook);

    for (uint32_t i = 0; i < outlook->count; i++)
        pmf[i] = 0.0;
    pmf[highest] = 1.0;
}

static void play_survivors(const struct outlook *outlook, double *pmf)
{
    double survivors = (double)confidence_survivors(outlook, pmf);

    for (uint32_t i = 0; i < outlook->count; i++)
        pmf[i] /= survivors;
}

static void regcb_distribute(const struct outlook *outlook, const void *options,
        struct rng *draws, struct arena *scratch, double *pmf)
{
    const struct regcb_options *regcb = options;

    (void)draws;
    (void)scratch;
    if (regcb->mode == MODE_ELIMINATION)
        play_survivors(outlook, pmf);
    else
        play_highest(outlook, pmf);
}

const struct explorer explorer_regcb = {
        .name = "regcb",
        .options = {regcb_rows, ARRAY_COUNT(regcb_rows),
                sizeof(struct regcb_options)},
        .budget = regcb_budget,
        .both_sides = true,
        .distribute = regcb_distribute,
};
