#include "service/trial_watch.h"

#include <math.h>

#define PI 3.14159265358979323846

/* ---- an asymptotic confidence sequence (Waudby-Smith et al. 2021,
 * arXiv 2103.06476, equation 5) ---- */

/* The rho^2 that makes it tightest after `planned` rows:
 * (-W_{-1}(-alpha^2/e) - 1)/planned, where -W_{-1} is the root x > 1 of
 * x - ln x = 1 - 2 ln alpha; by Newton's method. */
static double rho_squared(double alpha, double planned)
{
    double wanted = 1.0 - 2.0 * log(alpha), x = wanted + log(wanted);

    for (int i = 0; i < 50; i++)
        x -= (x - log(x) - wanted) / (1.0 - 1.0 / x);
    return (x - 1.0) / planned;
}

/* Half the width after n rows of standard deviation 1. */
static double half_width(double n, double rho2, double alpha)
{
    double spread = n * rho2 + 1.0;

    return sqrt(2.0 * spread / (n * n * rho2) * log(sqrt(spread) / alpha));
}

/* ---- the canary ---- */

/* Both limits, on the scale of 0..1. */
static struct estimate limits(const struct problem *problem)
{
    const struct challenger *challenger = &problem->challenger;
    const struct problem_settings *settings = &problem->spec->settings;
    double n = (double)challenger->rows;
    double k = problem->counters.canaries > 0
            ? (double)problem->counters.canaries
            : 1.0;
    double alpha = 6.0 * settings->retrain_alpha / (PI * PI * k * k);
    double mean = challenger->sum / n;
    double variance = fmax(0.0, challenger->squares / n - mean * mean);
    /* One side at alpha: of both together twice that. */
    double rho2 = rho_squared(2.0 * alpha, settings->canary_planned);
    double half = sqrt(variance) * half_width(n, rho2, 2.0 * alpha);

    return (struct estimate){
            true, mean, mean - half, mean + half, alpha, challenger->rows};
}

static bool enough(const struct problem *problem)
{
    const struct challenger *challenger = &problem->challenger;

    return challenger->policy != NULL && challenger->rows >= 2 &&
            challenger->rows >= problem->spec->settings.canary_least;
}

static struct estimate in_units(
        const struct problem *problem, struct estimate estimate)
{
    const struct value_range *range = &problem->spec->policy.range;
    double unit = range->max - range->min;

    estimate.value *= unit;
    estimate.lower *= unit;
    estimate.upper *= unit;
    return estimate;
}

struct estimate trial_estimate(const struct problem *problem)
{
    if (!enough(problem))
        return (struct estimate){.given = false};
    return in_units(problem, limits(problem));
}

bool trial_decided(const struct problem *problem, struct promotion *promotion)
{
    const struct challenger *challenger = &problem->challenger;
    const struct problem_settings *settings = &problem->spec->settings;
    struct estimate now;
    const char *why;

    if (!enough(problem) || challenger->share == 0.0)
        return false;
    now = limits(problem);
    if (now.upper < 0.0)
        why = "canary: it is worse";
    else if (now.lower > -settings->canary_margin)
        why = "canary: it is not worse than the margin";
    else if (challenger->rows >= settings->canary_most)
        why = "canary: not decided in time";
    else
        return false;
    *promotion = (struct promotion){.generation = challenger->generation,
            .stage = now.upper >= 0.0 && now.lower > -settings->canary_margin
                    ? STAGE_SERVE
                    : STAGE_WITHDRAW,
            .estimate = in_units(problem, now),
            .why = bytes_of_text(why)};
    return true;
}
