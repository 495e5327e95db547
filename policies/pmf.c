#include "policies/pmf.h"

#include "base/check.h"
#include "base/limits.h"

#include <math.h>

bool pmf_valid(const double *pmf, uint32_t count)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < count; i++) {
        if (!(pmf[i] >= 0.0) || !isfinite(pmf[i]))
            return false;
        sum += pmf[i];
    }
    return fabs(sum - 1.0) <= 1e-9;
}

uint32_t pmf_likeliest(const double *pmf, uint32_t count)
{
    uint32_t best = 0;

    for (uint32_t i = 1; i < count; i++)
        if (pmf[i] > pmf[best])
            best = i;
    return best;
}

void pmf_cap(double *pmf, uint32_t count, uint32_t best, double cap)
{
    double mass = 0.0;

    if (cap >= 1.0)
        return;
    for (uint32_t i = 0; i < count; i++)
        if (i != best)
            mass += pmf[i];
    if (mass <= cap)
        return;
    for (uint32_t i = 0; i < count; i++)
        if (i != best)
            pmf[i] *= cap / mass;
    pmf[best] = 1.0 - cap;
}

void pmf_floor(double *pmf, uint32_t count, double floor)
{
    if (floor <= 0.0)
        return;
    for (uint32_t i = 0; i < count; i++)
        pmf[i] = (1.0 - floor) * pmf[i] + floor / (double)count;
}

uint32_t pmf_draw(const double *pmf, uint32_t count, struct rng *rng)
{
    double draw = rng_unit(rng);
    double sum = 0.0;
    uint32_t last = count;

    for (uint32_t i = 0; i < count; i++) {
        if (pmf[i] < PROBABILITY_MIN)
            continue;
        sum += pmf[i];
        last = i;
        if (draw < sum)
            return i;
    }
    /* The sum may end a rounding below 1: the rest is the last one's. */
    CHECK(last < count);
    return last;
}

void pmf_rank(
        const double *pmf, uint32_t count, uint32_t chosen, uint32_t *order)
{
    uint32_t used = 1;

    order[0] = chosen;
    /* Insertion: lists are short and nearly always sorted already. */
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = used;
        if (i == chosen)
            continue;
        for (; at > 1 && pmf[order[at - 1]] < pmf[i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
        used++;
    }
}
