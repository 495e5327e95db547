/* SquareCB: inverse gap weighting (Foster & Rakhlin 2020, arXiv 2002.04926;
 * bandits.md, section 1.1). With b the best score,
 *     p_a = 1/(K + gamma (r_b - r_a)) for a != b,   p_b = the rest.
 * gamma = gamma_scale n_eff^gamma_exponent, at most 1e6, K the request's own
 * number of actions. */
#include "policies/explorer.h"

#include <math.h>

#define GAMMA_MAX 1e6

enum { TIES_LOWEST, TIES_SPLIT };

struct squarecb_options {
    double gamma_scale;
    double gamma_exponent;
    double gamma; /* fixed, where positive */
    uint32_t ties;
};

static const char *const tie_choices[] = {"lowest", "split", NULL};

#define AT(member) offsetof(struct squarecb_options, member)

static const struct option_row squarecb_rows[] = {
        {.name = "gamma_scale",
                .type = OPTION_DOUBLE,
                .offset = AT(gamma_scale),
                .min = 0.0,
                .max = 1e6,
                .fallback = 10.0,
                .sentence = "gamma = gamma_scale * n_eff^gamma_exponent; "
                            "larger explores less"},
        {.name = "gamma_exponent",
                .type = OPTION_DOUBLE,
                .offset = AT(gamma_exponent),
                .min = 0.0,
                .max = 2.0,
                .fallback = 0.5,
                .sentence = "how exploration falls with what was learned"},
        {.name = "gamma",
                .type = OPTION_DOUBLE,
                .offset = AT(gamma),
                .min = 0.0,
                .max = GAMMA_MAX,
                .sentence = "a fixed gamma in place of the schedule; 0: the "
                            "schedule"},
        {.name = "ties",
                .type = OPTION_CHOICE,
                .offset = AT(ties),
                .choices = tie_choices,
                .sentence = "who gets the winner's share among equals: the "
                            "lowest index, or all of them equally"},
};

static double gamma_of(
        const struct squarecb_options *options, const struct round *round)
{
    if (options->gamma > 0.0)
        return options->gamma;
    return fmin(GAMMA_MAX,
            options->gamma_scale *
                    pow(round->effective, options->gamma_exponent));
}

/* The mass of the tied best, shared equally. */
static void split_ties(
        const double *scores, uint32_t count, uint32_t best, double *pmf)
{
    double mass = 0.0;
    uint32_t tied = 0;

    for (uint32_t i = 0; i < count; i++)
        if (scores[i] == scores[best]) {
            mass += pmf[i];
            tied++;
        }
    for (uint32_t i = 0; i < count; i++)
        if (scores[i] == scores[best])
            pmf[i] = mass / (double)tied;
}

static void squarecb_distribute(const double *scores, const double *widths,
        uint32_t count, const struct round *round, const void *block,
        struct rng *draws, struct arena *scratch, double *pmf)
{
    const struct squarecb_options *options = block;
    double gamma = gamma_of(options, round);
    double others = 0.0;
    uint32_t best = 0;

    (void)widths;
    (void)draws;
    (void)scratch;
    for (uint32_t i = 1; i < count; i++)
        if (scores[i] > scores[best])
            best = i;
    for (uint32_t i = 0; i < count; i++) {
        if (i == best)
            continue;
        pmf[i] = 1.0 / ((double)count + gamma * (scores[best] - scores[i]));
        others += pmf[i];
    }
    pmf[best] = 1.0 - others;
    CHECK(pmf[best] >= 1.0 / (double)count - 1e-9);
    if (options->ties == TIES_SPLIT)
        split_ties(scores, count, best, pmf);
}

const struct explorer explorer_squarecb = {
        .name = "squarecb",
        .options = {squarecb_rows, ARRAY_COUNT(squarecb_rows),
                sizeof(struct squarecb_options)},
        .distribute = squarecb_distribute,
};
