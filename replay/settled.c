#include "replay/settled.h"

#include <math.h>

/* Is the outcome that of the action which was chosen? */
static bool is_of_chosen(
        const struct event_state *state, const struct decision_record *decision)
{
    const struct shown *shown = &state->shown;

    if (!shown_given(shown))
        return true;
    return shown->has_place
            ? shown->place == decision->eligible[decision->chosen]
            : shown->position == 1;
}

int settled_reward(struct ledger_reader *reader,
        const struct problem_spec *spec, uint64_t sequence,
        const struct decision_record *decision, enum settled *settled,
        double *reward, bool *clipped, struct err *err)
{
    struct event_state state;
    double value, scaled;
    int status = event_get(
            reader->txn, spec->number, decision->head.event, &state, err);

    if (status != 0 && status != STATUS_NOT_FOUND)
        return status;
    if (status == STATUS_NOT_FOUND || state.decision != sequence)
        *settled = SETTLED_GONE;
    else if (!state.learned || (!state.has_reward && !state.expired))
        *settled = SETTLED_WAITING;
    else if (!is_of_chosen(&state, decision))
        *settled = SETTLED_ANOTHER;
    else
        *settled = SETTLED;
    if (*settled != SETTLED)
        return 0;
    value = state.has_reward ? state.reward : state.taught;
    scaled = 1.0 - loss_of_value(&spec->policy.range, value);
    *reward = fmin(fmax(scaled, 0.0), 1.0);
    *clipped = *reward != scaled;
    return 0;
}
