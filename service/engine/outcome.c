#include "service/engine/outcome.h"

#include "policies/pmf.h"

/* ---- which action ---- */

static int subject_of_position(const struct decision_record *decision,
        uint32_t position, struct arena *arena, struct subject *subject,
        struct err *err)
{
    uint32_t count = decision->count;
    size_t mark = arena->used;
    uint32_t *order = arena_array(arena, uint32_t, count);
    double *at = arena_array(arena, double, count);

    if (position > count)
        return err_set(err, STATUS_INVALID,
                "shown.position: %u, the ranking has %u", position, count);
    if (order == NULL || at == NULL)
        return err_set(err, STATUS_BUSY, "the request is too large");
    pmf_position(decision->probability, count, position, order, at);
    pmf_rank(decision->probability, count, decision->chosen, order);
    subject->place = decision->eligible[order[position - 1]];
    subject->position = position;
    subject->propensity = at[order[position - 1]];
    arena_release(arena, mark);
    return 0;
}

/* decision->count if it is not eligible. */
static uint32_t index_of_place(
        const struct decision_record *decision, uint32_t place)
{
    uint32_t index = 0;

    while (index < decision->count && decision->eligible[index] != place)
        index++;
    return index;
}

static int subject_of_place(const struct decision_record *decision,
        const struct shown *shown, struct subject *subject, struct err *err)
{
    uint32_t index = index_of_place(decision, shown->place);

    if (index == decision->count)
        return err_set(err, STATUS_INVALID,
                "shown.place: %u is none of the %u actions that could be "
                "chosen",
                shown->place, decision->count);
    subject->place = shown->place;
    subject->propensity = shown->propensity;
    if (shown->propensity == 0.0 && index == decision->chosen)
        subject->propensity = decision->probability[index];
    return 0;
}

int outcome_subject(const struct decision_record *decision,
        const struct shown *shown, struct arena *arena, struct subject *subject,
        struct err *err)
{
    memset(subject, 0, sizeof(*subject));
    if (!shown_given(shown))
        return 0;
    subject->given = true;
    return shown->has_place ? subject_of_place(decision, shown, subject, err)
                            : subject_of_position(decision, shown->position,
                                      arena, subject, err);
}

uint32_t outcome_index(
        const struct decision_record *decision, const struct subject *subject)
{
    return subject->given ? index_of_place(decision, subject->place)
                          : decision->chosen;
}

double outcome_propensity(
        const struct decision_record *decision, const struct subject *subject)
{
    return subject->given ? subject->propensity
                          : decision->probability[decision->chosen];
}

/* ---- what a path cost ---- */

int outcome_fit_costs(const struct problem_spec *spec,
        const struct decision_record *decision, const struct costs *costs,
        struct err *err)
{
    uint32_t most = costs->full || decision == NULL ? spec->slots
                                                    : decision->path_count;
    bool exact = costs->full || decision != NULL;

    if (exact ? costs->count == most : costs->count <= most)
        return 0;
    return err_set(err, STATUS_INVALID,
            costs->full     ? "costs: %u for all of %u edges"
                    : exact ? "costs: %u for a path of %u edges"
                            : "costs: %u, there are %u edges",
            costs->count, most);
}

int outcome_check_costs(const struct problem_spec *spec,
        const struct costs *costs, struct err *err)
{
    const struct problem_settings *settings = &spec->settings;

    if (costs->count == 0)
        return err_set(err, STATUS_INVALID,
                "costs: are missing; a path is learned from its edges' costs");
    for (uint32_t i = 0; i < costs->count; i++)
        if (costs->values[i] < settings->reward_min ||
                costs->values[i] > settings->reward_max)
            return err_set(err, STATUS_INVALID,
                    "costs: value %u, %g, is outside reward.min %g .. "
                    "reward.max %g",
                    i, costs->values[i], settings->reward_min,
                    settings->reward_max);
    return 0;
}

double outcome_path_value(
        const struct decision_record *decision, const struct costs *costs)
{
    double sum = 0.0;

    if (costs->full && decision == NULL)
        return 0.0;
    if (!costs->full)
        for (uint32_t i = 0; i < costs->count; i++)
            sum += costs->values[i];
    else
        for (uint32_t i = 0; i < decision->path_count; i++)
            sum += costs->values[decision->eligible[decision->path[i]]];
    return sum;
}

struct costs outcome_equal_costs(const struct decision_record *decision,
        double cost, struct arena *arena)
{
    double *values = arena_array(arena, double, decision->path_count);

    for (uint32_t i = 0; values != NULL && i < decision->path_count; i++)
        values[i] = cost;
    return (struct costs){decision->path_count, false, values};
}
