/* Deadlines: an event whose feedback did not come in time learns the default,
 * or nothing; feedback whose decision never came is forgotten. */
#include "service/engine/engine_parts.h"

#include "service/engine/fold.h"
#include "service/engine/outcome.h"

/* The default as an outcome; of a path, of each edge. */
static int default_outcome(struct step *step,
        const struct decision_record *decision, struct expiry_record *record)
{
    const struct problem_settings *settings = &step->problem->spec->settings;

    record->after = settings->reward_default;
    if (settings->form != FORM_PATH)
        return 0;
    record->costs = outcome_equal_costs(
            decision, settings->reward_default, step->arena);
    if (record->costs.values == NULL)
        return err_set(&step->err, STATUS_BUSY, "the record is too large");
    record->after = outcome_path_value(decision, &record->costs);
    return step_check_sum(step, record->after);
}

static int expire_with(struct step *step, struct bytes event,
        enum effect effect, struct event_state *state)
{
    struct expiry_record record = {
            .head = step_head(step, RECORD_EXPIRY, event), .effect = effect};
    struct bytes payload;
    union any_record decision;
    int status = 0;

    if (effect == EFFECT_LEARN)
        status = step_decision_of(step, event, state, &decision);
    if (status == 0 && effect == EFFECT_LEARN)
        status = default_outcome(step, &decision.decision, &record);
    if (status != 0)
        return status;
    payload = record_encode_expiry(&record, step->arena);
    if (payload.data == NULL)
        return err_set(&step->err, STATUS_BUSY, "the record is too large");
    status =
            fold_expiry(step->problem, &record, &decision.decision, &step->err);
    if (status != 0)
        return status;
    state->expired = true;
    state->learned = effect == EFFECT_LEARN;
    state->taught = record.after;
    step_append(step, RECORD_EXPIRY, payload);
    step_event_put(step, event, state, bytes_of(NULL, 0));
    return 0;
}

static int expire_event(
        struct step *step, struct bytes event, struct event_state *state)
{
    if (step->problem->spec->settings.has_default &&
            !step_is_foreign(step, state)) {
        int status = expire_with(step, event, EFFECT_LEARN, state);
        if (status != STATUS_CORRUPT && status != STATUS_INVALID)
            return status;
        /* A decision that cannot be read, or whose default cannot be written,
         * teaches nothing; its wait ends. */
    }
    return expire_with(step, event, EFFECT_NONE, state);
}

static int expire_orphan(struct step *step, struct bytes event)
{
    struct expiry_record record = {
            .head = step_head(step, RECORD_EXPIRY, event),
            .effect = EFFECT_NONE,
            .orphan = true,
    };
    struct bytes payload = record_encode_expiry(&record, step->arena);
    int status;

    if (payload.data == NULL)
        return err_set(&step->err, STATUS_BUSY, "the record is too large");
    status = fold_expiry(step->problem, &record, NULL, &step->err);
    if (status != 0)
        return status;
    step_append(step, RECORD_EXPIRY, payload);
    step->journal->event_del(
            step->journal->self, step->problem->spec->number, event);
    return 0;
}

/* A deadline was reached. Feedback that came in time leaves nothing to do. */
int engine_deadline(struct step *step)
{
    struct bytes event = step->input->as.deadline.event;
    struct event_state state;
    int status = step_event_get(step, event, &state);

    if (status == STATUS_NOT_FOUND)
        return 0;
    if (status != 0)
        return status;
    if (!event_waits(&state, step->input->as.deadline.deadline))
        return 0;
    return state.content == 0 ? expire_orphan(step, event)
                              : expire_event(step, event, &state);
}
