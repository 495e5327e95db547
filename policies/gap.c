#include "policies/gap.h"

#include "base/check.h"
#include "policies/portable.h"

#include <math.h>

enum { TIES_LOWEST, TIES_SPLIT };

const char *const gap_tie_choices[] = {"lowest", "split", NULL};

double gap_gamma(
        const struct gap_options *options, const struct outlook *outlook)
{
    double gamma = options->gamma;

    if (gamma == 0.0)
        gamma = outlook->gamma;
    if (gamma == 0.0)
        gamma = options->gamma_scale *
                (options->gamma_exponent == 0.5
                                ? sqrt(outlook->effective)
                                : portable_pow(outlook->effective,
                                          options->gamma_exponent));
    return fmin(GAMMA_MAX, gamma);
}

/* The mass of the tied best, shared equally. */
static void split_ties(const struct outlook *outlook, double best, double *pmf)
{
    double mass = 0.0;
    uint32_t tied = 0;

    for (uint32_t i = 0; i < outlook->count; i++)
        if (outlook->scores[i] == best) {
            mass += pmf[i];
            tied++;
        }
    for (uint32_t i = 0; i < outlook->count; i++)
        if (outlook->scores[i] == best)
            pmf[i] = mass / (double)tied;
}

void gap_finish(const struct gap_options *options,
        const struct outlook *outlook, uint32_t best, double *pmf)
{
    double others = 0.0;

    for (uint32_t i = 0; i < outlook->count; i++)
        others += i == best ? 0.0 : pmf[i];
    pmf[best] = 1.0 - others;
    CHECK(pmf[best] >= 1.0 / (double)outlook->count - 1e-9);
    if (options->ties == TIES_SPLIT)
        split_ties(outlook, outlook->scores[best], pmf);
}
