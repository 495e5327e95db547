/* Softmax, also called Boltzmann exploration: p_a proportional to
 * exp(r_a / T) (bandits.md, section 1). It has no schedule: what it explores
 * does not fall with what was learned. */
#include "policies/explorer.h"
#include "policies/portable.h"

struct softmax_options {
    double temperature;
};

static const struct option_row softmax_rows[] = {
        {.name = "temperature",
                .type = OPTION_DOUBLE,
                .offset = offsetof(struct softmax_options, temperature),
                .min = 1e-6,
                .max = 1e6,
                .fallback = 0.02,
                .sentence = "an action that scores so much less is 2.7 times "
                            "less likely; smaller explores less"},
};

static void softmax_distribute(const struct outlook *outlook,
        const void *options, struct rng *draws, struct arena *scratch,
        double *pmf)
{
    const struct softmax_options *softmax = options;
    double most = outlook->scores[outlook_best(outlook)];
    double sum = 0.0;

    (void)draws;
    (void)scratch;
    for (uint32_t i = 0; i < outlook->count; i++)
        pmf[i] = (outlook->scores[i] - most) / softmax->temperature;
    portable_exps(pmf, pmf, outlook->count);
    for (uint32_t i = 0; i < outlook->count; i++)
        sum += pmf[i];
    for (uint32_t i = 0; i < outlook->count; i++)
        pmf[i] /= sum;
}

const struct explorer explorer_softmax = {
        .name = "softmax",
        .options = {softmax_rows, ARRAY_COUNT(softmax_rows),
                sizeof(struct softmax_options)},
        .distribute = softmax_distribute,
};
