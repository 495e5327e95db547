/* Feedback: whether it was said before, what it is about, what it amounts to,
 * and what it does to its event. */
#include "service/engine/engine_parts.h"

#include "base/hash.h"
#include "service/engine/expression.h"
#include "service/engine/fold.h"
#include "service/engine/outcome.h"

#include <math.h>

double engine_aggregate(
        uint32_t rule, bool has_reward, double so_far, double value)
{
    if (!has_reward)
        return value;
    switch ((enum problem_aggregate)rule) {
    case AGGREGATE_LAST:
        return value;
    case AGGREGATE_FIRST:
        return so_far;
    case AGGREGATE_SUM:
        return so_far + value;
    case AGGREGATE_MAX:
        return value > so_far ? value : so_far;
    }
    CHECK_UNREACHABLE();
}

/* Position 1 is the chosen action, which is what saying nothing means. */
static struct shown plainly(struct shown shown)
{
    if (shown.position == 1)
        shown.position = 0;
    return shown;
}

static uint64_t hash_shown(uint64_t digest, const struct shown *shown)
{
    digest = hash_mix(digest, shown->position);
    digest =
            hash_mix(digest, shown->has_place ? 1 + (uint64_t)shown->place : 0);
    return hash_mix(digest,
            hash_bytes(bytes_of(&shown->propensity, sizeof(shown->propensity)),
                    0));
}

static uint64_t hash_field(uint64_t digest, const struct field *field)
{
    digest = hash_mix(digest, hash_bytes(field->name, 3));
    return hash_mix(digest,
            hash_bytes(bytes_of(&field->value, sizeof(field->value)), 4));
}

struct feedback_mark engine_feedback_mark(const struct feedback *feedback)
{
    struct shown shown = plainly(feedback->shown);
    struct feedback_mark mark;

    mark.content =
            hash_bytes(bytes_of(&feedback->value, sizeof(feedback->value)), 1);
    if (shown_given(&shown))
        mark.content = hash_shown(mark.content, &shown);
    if (feedback->costs.count > 0)
        mark.content = hash_mix(mark.content,
                hash_bytes(bytes_of(feedback->costs.values,
                                   feedback->costs.count * sizeof(double)),
                        feedback->costs.full));
    for (uint32_t i = 0; i < feedback->fields.count; i++)
        mark.content = hash_field(mark.content, &feedback->fields.list[i]);
    if (feedback->cause != CAUSE_UNKNOWN)
        mark.content = hash_mix(mark.content, feedback->cause);
    mark.id =
            feedback->id.size > 0 ? hash_bytes(feedback->id, 2) : mark.content;
    return mark;
}

/* OK with `repeated` set if this feedback was recorded before; DUPLICATE if
 * its id was used for another content. */
static int feedback_again(struct step *step, const struct event_state *state,
        struct feedback_mark mark, bool *repeated)
{
    *repeated = false;
    for (uint32_t i = 0; i < state->mark_count; i++)
        if (state->marks[i].id == mark.id) {
            *repeated = true;
            return state->marks[i].content == mark.content
                    ? 0
                    : err_set(&step->err, STATUS_DUPLICATE,
                              "id: used before for another value");
        }
    if (state->mark_count == FEEDBACKS_MAX)
        return err_set(&step->err, STATUS_INVALID,
                "feedback: the event has %u already, the most it may have",
                FEEDBACKS_MAX);
    return 0;
}

/* ---- what a feedback is about ---- */

static bool shown_equal(struct shown a, struct shown b)
{
    a = plainly(a);
    b = plainly(b);
    return a.position == b.position && a.has_place == b.has_place &&
            a.place == b.place && a.propensity == b.propensity;
}

static int another_action(struct step *step)
{
    return err_set(&step->err, STATUS_INVALID,
            "shown: the event has the outcome of another action (or of "
            "another propensity) already, and an event has one");
}

/* Before there is a decision only what clients said can be compared. */
static int shown_undecided(struct step *step, const struct event_state *state,
        const struct shown *shown)
{
    uint32_t most = step->problem->spec->policy.shape.actions_max;

    if (shown->position > most)
        return err_set(&step->err, STATUS_INVALID,
                "shown.position: %u, there are at most %u actions",
                shown->position, most);
    if (shown->place >= most)
        return err_set(&step->err, STATUS_INVALID,
                "shown.place: %u, there are at most %u actions", shown->place,
                most);
    if (state->has_reward && !shown_equal(*shown, state->shown))
        return another_action(step);
    return 0;
}

/* Fills in the record's subject. An event has one outcome, of one action: the
 * first feedback, or the default, settled of which. */
static int shown_decided(struct step *step,
        const struct decision_record *decision, const struct event_state *state,
        struct feedback_record *record)
{
    struct subject first;
    int status = outcome_subject(decision, &record->shown, step->arena,
            &record->subject, &step->err);

    if (status != 0 || (!state->has_reward && !state->learned))
        return status;
    status = outcome_subject(
            decision, &state->shown, step->arena, &first, &step->err);
    if (status != 0)
        return status;
    if (outcome_index(decision, &first) !=
                    outcome_index(decision, &record->subject) ||
            outcome_propensity(decision, &first) !=
                    outcome_propensity(decision, &record->subject))
        return another_action(step);
    return 0;
}

/* ---- what a feedback amounts to ---- */

static int check_range(struct step *step, double after)
{
    const struct problem_settings *settings = &step->problem->spec->settings;

    if (after < settings->reward_min || after > settings->reward_max)
        return err_set(&step->err, STATUS_INVALID,
                "value: %g is outside reward.min %g .. reward.max %g", after,
                settings->reward_min, settings->reward_max);
    return 0;
}

/* Each form takes its own kind of outcome and refuses the others'. */
static int check_kind(struct step *step, const struct feedback_record *record)
{
    uint32_t form = step->problem->spec->settings.form;

    if (form != FORM_DECIDE && shown_given(&record->shown))
        return err_set(&step->err, STATUS_INVALID,
                "shown: only where the decision is one action");
    if (form != FORM_PATH && record->costs.count > 0)
        return err_set(&step->err, STATUS_INVALID,
                "costs: only where the decision is a path");
    return 0;
}

/* The value, where it is made of fields. The fields are kept where it is not:
 * an expression that comes later finds them. */
static int expression_outcome(struct step *step, struct event_state *state,
        struct feedback_record *record)
{
    const struct expression *reward = &step->problem->spec->reward;
    struct fields merged;
    int status;

    if (reward->count == 0 && record->derived)
        return err_set(&step->err, STATUS_INVALID,
                "value: is missing; the problem has no reward.expression");
    if (reward->count > 0 && !record->derived)
        return err_set(&step->err, STATUS_INVALID,
                "value: it follows from fields (reward.expression); leave it "
                "out and report field");
    if (record->fields.count == 0)
        return 0;
    status = fields_add(
            &state->fields, &record->fields, step->arena, &merged, &step->err);
    if (status != 0 || reward->count == 0)
        return status;
    record->value = expression_value(reward, &merged);
    if (isfinite(record->value) && fabs(record->value) <= VALUE_MAX)
        return 0;
    return err_set(&step->err, STATUS_INVALID,
            "field: reward.expression makes %g of them", record->value);
}

/* The value of a path's costs. */
static int path_outcome(struct step *step,
        const struct decision_record *decision, bool foreign,
        struct feedback_record *record)
{
    const struct problem_spec *spec = step->problem->spec;
    int status = outcome_check_costs(spec, &record->costs, &step->err);

    if (status == 0 && !foreign)
        status = outcome_fit_costs(spec, decision, &record->costs, &step->err);
    if (status != 0)
        return status;
    record->value = outcome_path_value(decision, &record->costs);
    return step_check_sum(step, record->value);
}

/* Checks the outcome against the problem and the decision and fills in the
 * record's value, subject and aggregate. The decision is NULL before there is
 * one; if it is foreign, what the places mean is not known and not checked. */
static int feedback_outcome(struct step *step,
        const struct decision_record *decision, struct event_state *state,
        struct feedback_record *record)
{
    const struct problem_spec *spec = step->problem->spec;
    bool path = spec->settings.form == FORM_PATH;
    bool foreign = step_is_foreign(step, state);
    int status = check_kind(step, record);

    if (status == 0 && !path)
        status = expression_outcome(step, state, record);
    if (status == 0 && path)
        status = path_outcome(step, decision, foreign, record);
    if (status == 0 && spec->settings.form == FORM_DECIDE && !foreign)
        status = decision == NULL
                ? shown_undecided(step, state, &record->shown)
                : shown_decided(step, decision, state, record);
    if (status != 0)
        return status;
    record->after = engine_aggregate(spec->settings.aggregate,
            state->has_reward, state->reward, record->value);
    return path ? 0 : check_range(step, record->after);
}

/* What this feedback does to the event, before anything is changed. Costs that
 * replace others may have the same sum. */
static void feedback_effect(const struct step *step,
        const struct event_state *state, struct feedback_record *record)
{
    bool replaces = record->costs.count > 0 &&
            step->problem->spec->settings.aggregate == AGGREGATE_LAST;

    record->effect = EFFECT_NONE;
    if (step_is_foreign(step, state))
        return;
    if (state->content == 0 || state->deferred) {
        record->effect = EFFECT_HOLD;
    } else if (!state->learned) {
        record->effect = EFFECT_LEARN;
    } else if (replaces || record->after != state->taught) {
        record->effect = EFFECT_CORRECT;
        record->before = state->taught;
    }
}

static bool teaches(const struct feedback_record *record)
{
    return record->effect == EFFECT_LEARN || record->effect == EFFECT_CORRECT;
}

/* The costs of a feedback that is held, unless those of an earlier one hold. */
static int hold_costs(struct step *step, const struct feedback_record *record,
        struct event_state *state)
{
    bool first = step->problem->spec->settings.aggregate == AGGREGATE_FIRST;

    if (record->costs.count == 0 || record->effect != EFFECT_HOLD ||
            (first && state->has_reward))
        return 0;
    return step_costs_to_state(step, &record->costs, state);
}

static void feedback_state(const struct step *step,
        const struct feedback_record *record, struct feedback_mark mark,
        bool orphan, struct event_state *state)
{
    state->marks[state->mark_count++] = mark;
    if (!state->has_reward && !state->learned)
        state->shown = plainly(record->shown);
    if (record->effect == EFFECT_HOLD)
        state->cause = record->cause;
    state->has_reward = true;
    state->reward = record->after;
    if (teaches(record)) {
        state->learned = true;
        state->taught = record->after;
    }
    if (orphan)
        state->deadline = step_deadline_after(
                step, step->problem->spec->settings.orphan_wait);
}

/* The one record of a feedback that nothing but the log needs. */
static int encode_feedback(struct step *step,
        const struct feedback_record *record, struct bytes *payload)
{
    *payload = bytes_of(NULL, 0);
    if (step->journal->append == NULL)
        return 0;
    *payload = record_encode_feedback(record, step->arena);
    return payload->data != NULL
            ? 0
            : err_set(&step->err, STATUS_BUSY, "the record is too large");
}

static int feedback_new(struct step *step, const struct feedback *feedback,
        struct feedback_mark mark, struct event_state *state,
        bool first_of_orphan, struct receipt *receipt)
{
    struct feedback_record record = {
            .head = step_head(step, RECORD_FEEDBACK, feedback->event),
            .value = feedback->value,
            .id = feedback->id,
            .shown = feedback->shown,
            .costs = feedback->costs,
            .fields = feedback->fields,
            .cause = feedback->cause,
            .derived = feedback->derived,
    };
    union any_record decided;
    const struct decision_record *decision = NULL;
    struct bytes payload;
    int status = 0;

    if (state->content != 0 && !step_is_foreign(step, state)) {
        status = step_decision_of(step, feedback->event, state, &decided);
        decision = &decided.decision;
    }
    if (status == 0)
        status = feedback_outcome(step, decision, state, &record);
    if (status != 0)
        return status;
    feedback_effect(step, state, &record);
    if (!teaches(&record))
        memset(&record.subject, 0, sizeof(record.subject));
    status = hold_costs(step, &record, state);
    if (status != 0)
        return status;
    status = encode_feedback(step, &record, &payload);
    if (status != 0)
        return status;
    status = fold_feedback(step->problem, &record, decision, &step->err);
    if (status != 0)
        return status;
    feedback_state(step, &record, mark, first_of_orphan, state);
    step_append(step, RECORD_FEEDBACK, payload);
    step_event_put(step, feedback->event, state, bytes_of(NULL, 0));
    if (first_of_orphan)
        step_due_put(step, state->deadline, feedback->event);
    receipt->held = record.effect == EFFECT_HOLD;
    return 0;
}

int engine_feedback(struct step *step, struct receipt *receipt)
{
    const struct feedback *feedback = step->input->as.feedback;
    struct feedback_mark mark = engine_feedback_mark(feedback);
    struct event_state state;
    bool found = true;
    int status = step_event_get(step, feedback->event, &state);

    if (status == STATUS_NOT_FOUND) {
        event_state_clear(&state);
        found = false;
    } else if (status != 0) {
        return status;
    }
    status = feedback_again(step, &state, mark, &receipt->repeated);
    if (status != 0 || receipt->repeated)
        return status;
    return feedback_new(step, feedback, mark, &state, !found, receipt);
}
