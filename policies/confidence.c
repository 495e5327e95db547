#include "policies/confidence.h"

#include "base/check.h"
#include "policies/portable.h"

double confidence_budget(double c0, const struct outlook *outlook)
{
    return c0 * portable_log(outlook->count * (outlook->effective + 2.0));
}

/* A reward is at most 1. */
static double upper_limit(const struct outlook *outlook, uint32_t i)
{
    double limit = outlook->scores[i] + outlook->up[i];

    return limit < 1.0 ? limit : 1.0;
}

uint32_t confidence_highest(const struct outlook *outlook)
{
    uint32_t best = 0;
    double highest = upper_limit(outlook, 0);

    for (uint32_t i = 1; i < outlook->count; i++) {
        double limit = upper_limit(outlook, i);
        if (limit > highest ||
                (limit == highest &&
                        outlook->scores[i] > outlook->scores[best])) {
            best = i;
            highest = limit;
        }
    }
    return best;
}

uint32_t confidence_survivors(const struct outlook *outlook, double *alive)
{
    double lowest_allowed = outlook->scores[0] - outlook->down[0];
    uint32_t count = 0;

    for (uint32_t i = 1; i < outlook->count; i++) {
        double limit = outlook->scores[i] - outlook->down[i];
        lowest_allowed = limit > lowest_allowed ? limit : lowest_allowed;
    }
    /* Against the highest of all, not of those before: that mistake is what
     * Vowpal Wabbit's elimination makes (bandits.md, section 3). */
    for (uint32_t i = 0; i < outlook->count; i++) {
        bool survives = upper_limit(outlook, i) >= lowest_allowed;
        alive[i] = survives ? 1.0 : 0.0;
        count += survives ? 1 : 0;
    }
    CHECK(count >= 1);
    return count;
}
