/* Feedback that waits for its decision or its activation: its costs in the
 * event's state, and what it amounts to when the waiting ends. */
#include "service/engine/engine_parts.h"

#include "service/engine/outcome.h"

static int costs_of_state(
        struct step *step, const struct event_state *state, struct costs *costs)
{
    struct reader reader = reader_of(state->costs);
    size_t count = state->costs.size / sizeof(double);
    double *values = arena_array(step->arena, double, count);

    if (values == NULL)
        return err_set(&step->err, STATUS_BUSY, "the event is too large");
    read_f64s(&reader, values, count);
    *costs = (struct costs){(uint32_t)count, state->costs_full, values};
    return 0;
}

int step_costs_to_state(
        struct step *step, const struct costs *costs, struct event_state *state)
{
    size_t size = costs->count * sizeof(double);
    uint8_t *data = arena_alloc(step->arena, size);
    struct writer writer;

    if (data == NULL)
        return err_set(&step->err, STATUS_BUSY, "the event is too large");
    writer = writer_over(data, size);
    write_f64s(&writer, costs->values, costs->count);
    state->costs = writer_bytes(&writer);
    state->costs_full = costs->full;
    return 0;
}

int step_held_outcome(struct step *step, const struct decision_record *decision,
        const struct event_state *state, struct subject *subject,
        struct costs *costs, double *value)
{
    const struct problem_spec *spec = step->problem->spec;
    bool path = spec->settings.form == FORM_PATH;
    int status = 0;

    *value = state->reward;
    if (shown_given(&state->shown) && spec->settings.form != FORM_DECIDE)
        return err_set(&step->err, STATUS_INVALID, "shown: not in this form");
    if ((state->costs.size > 0) != path)
        return err_set(&step->err, STATUS_INVALID, "costs: of another form");
    if (path) {
        status = costs_of_state(step, state, costs);
        if (status == 0)
            status = outcome_fit_costs(spec, decision, costs, &step->err);
        if (status == 0)
            *value = outcome_path_value(decision, costs);
        return status == 0 ? step_check_sum(step, *value) : status;
    }
    return outcome_subject(
            decision, &state->shown, step->arena, subject, &step->err);
}
