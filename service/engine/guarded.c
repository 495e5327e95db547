#include "service/engine/guarded.h"

#include "base/hash.h"
#include "policies/pmf.h"

#include <string.h>

uint32_t guarded_default(
        const struct problem *problem, const struct round_view *round)
{
    for (uint32_t i = 0; problem->spec->guard.on && i < round->actions.count;
            i++)
        if (round->actions.slot[i] == problem->spec->guard.slot)
            return i;
    return GUARDED_NOT;
}

int guarded_decide(const struct problem *problem, const struct policy *policy,
        const struct round_view *round, struct bytes event, uint32_t index,
        struct arena *arena, struct distribution *drawn, bool *settled,
        struct err *err)
{
    uint64_t seed = problem->spec->settings.seed;
    uint64_t key = hash_bytes(event, 0);
    struct rng draw = rng_keyed(seed, key, RNG_ACTION);
    uint32_t count = round->actions.count;
    double *widths, *pmf;
    int status = policy_decide(policy, &round->context, &round->actions, seed,
            key, arena, drawn, err);

    *settled = false;
    if (status != 0 || index == GUARDED_NOT)
        return status;
    widths = arena_array(arena, double, count);
    pmf = arena_array(arena, double, count);
    if (widths == NULL || pmf == NULL)
        return err_set(err, STATUS_BUSY, "the request is too large");
    memcpy(pmf, drawn->pmf, count * sizeof(*pmf));
    *settled = drawn->scores != NULL &&
            policy_widths(
                    policy, &round->context, &round->actions, arena, widths) &&
            guard_narrow(
                    &problem->guard, drawn->scores, widths, index, count, pmf);
    drawn->pmf = pmf;
    drawn->chosen = pmf_draw(pmf, count, &draw);
    drawn->propensity = pmf[drawn->chosen];
    return 0;
}
