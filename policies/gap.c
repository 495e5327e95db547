#include "policies/gap.h"

#include <math.h>

enum { TIES_LOWEST, TIES_SPLIT };

static const char *const tie_choices[] = {"lowest", "split", NULL};

#define AT(member) offsetof(struct gap_options, member)

const struct option_row gap_rows[GAP_ROWS] = {
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
                                : pow(outlook->effective,
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
