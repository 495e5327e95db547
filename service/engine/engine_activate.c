/* Activation of a deferred decision: its wait for feedback begins, and feedback
 * that was held is learned. */
#include "service/engine/engine_parts.h"

#include "service/engine/fold.h"

static int activate_new(
        struct step *step, struct bytes event, struct event_state *state)
{
    struct activation_record record = {
            .head = step_head(step, RECORD_ACTIVATION, event),
            .has_held = state->has_reward && !step_is_foreign(step, state),
    };
    struct bytes payload;
    union any_record decision;
    int status = 0;

    if (record.has_held)
        status = step_decision_of(step, event, state, &decision);
    record.held_cause = record.has_held ? state->cause : CAUSE_UNKNOWN;
    if (status == 0 && record.has_held)
        status = step_held_outcome(step, &decision.decision, state,
                &record.held_subject, &record.held_costs, &record.held);
    if (status != 0)
        return status;
    payload = record_encode_activation(&record, step->arena);
    if (payload.data == NULL)
        return err_set(&step->err, STATUS_BUSY, "the record is too large");
    status = fold_activation(
            step->problem, &record, &decision.decision, &step->err);
    if (status != 0)
        return status;
    state->deferred = false;
    state->learned = record.has_held;
    state->taught = state->reward;
    state->costs = bytes_of(NULL, 0);
    state->cause = CAUSE_UNKNOWN;
    state->deadline = state->has_reward
            ? 0
            : step_deadline_after(
                      step, step->problem->spec->settings.reward_wait);
    step_append(step, RECORD_ACTIVATION, payload);
    step_event_put(step, event, state, bytes_of(NULL, 0));
    if (state->deadline != 0)
        step_due_put(step, state->deadline, event);
    return 0;
}

int engine_activate(struct step *step, struct receipt *receipt)
{
    struct bytes event = step->input->as.activate;
    struct event_state state;
    int status = step_event_get(step, event, &state);

    if (status == STATUS_NOT_FOUND || (status == 0 && state.content == 0))
        return err_set(&step->err, STATUS_UNKNOWN_EVENT,
                "event: no decision of that id");
    if (status != 0)
        return status;
    if (!state.deferred) {
        receipt->repeated = true;
        return 0;
    }
    return activate_new(step, event, &state);
}
