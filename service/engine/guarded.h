/* A policy's distribution as the problem's guard lets it through: what serves
 * and a generation on trial are narrowed alike, each by its own predictions. */
#ifndef ENGINE_GUARDED_H
#define ENGINE_GUARDED_H

#include "service/engine/problem.h"
#include "service/engine/round.h"

#define GUARDED_NOT UINT32_MAX /* there is no guard in this round */

/* Where the guard's default is among the actions of the round; GUARDED_NOT if
 * there is no guard, or the default may not be taken. */
uint32_t guarded_default(
        const struct problem *problem, const struct round_view *round);

/* policy_decide for the event, and, where `index` is the guard's default,
 * without the actions that cannot be better than it; `settled` says that none
 * may be. `policy` is the problem's or its challenger's. Arrays lie in the
 * arena. BUSY if it is too small. */
int guarded_decide(const struct problem *problem, const struct policy *policy,
        const struct round_view *round, struct bytes event, uint32_t index,
        struct arena *arena, struct distribution *drawn, bool *settled,
        struct err *err) MUST_USE;

#endif
