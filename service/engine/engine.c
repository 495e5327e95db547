#include "service/engine/engine_parts.h"

#include "base/hash.h"
#include "policies/pmf.h"
#include "service/engine/choose.h"
#include "service/engine/fold.h"
#include "service/engine/outcome.h"
#include "service/engine/promotion.h"
#include "service/engine/round.h"

#include <math.h>

static const char *message_of(struct step *step)
{
    return arena_copy(step->arena, step->err.text, strlen(step->err.text) + 1);
}

int step_event_get(
        struct step *step, struct bytes event, struct event_state *state)
{
    int status = step->journal->event_get(step->journal->self,
            step->problem->spec->number, event, state, &step->err);

    if (status != 0 || (state->costs.size == 0 && state->fields.size == 0))
        return status;
    state->costs.data =
            arena_copy(step->arena, state->costs.data, state->costs.size);
    state->fields.data =
            arena_copy(step->arena, state->fields.data, state->fields.size);
    return state->costs.data != NULL && state->fields.data != NULL
            ? 0
            : err_set(&step->err, STATUS_BUSY, "the event is too large");
}

/* Is it a decision as the problem makes them now? */
static int check_decided(const struct step *step,
        const struct decision_record *decision, struct err *err)
{
    uint32_t form = step->problem->spec->settings.form;

    if ((decision->path_count > 0) == (form == FORM_PATH) &&
            decision->has_second == (form == FORM_DUEL) &&
            (decision->count == 0) == (form == FORM_PREDICT))
        return 0;
    return err_set(err, STATUS_CORRUPT, "event: its decision has another form");
}

int step_decision_of(struct step *step, struct bytes event,
        const struct event_state *state, union any_record *record)
{
    struct bytes payload;
    int status = step->journal->decision_get(step->journal->self,
            step->problem->spec->number, event, state, &payload, &step->err);

    if (status == 0)
        status = record_decode(RECORD_DECISION, payload,
                &step->problem->scratch, record, &step->err);
    return status == 0 ? check_decided(step, &record->decision, &step->err)
                       : status;
}

/* ---- decide ---- */

/* Does held feedback name actions or edges by places of a time when the
 * problem had others? */
static bool is_held_foreign(
        const struct step *step, const struct event_state *state)
{
    bool names_places = state->shown.has_place || state->costs.size > 0;

    return names_places && state->last != 0 &&
            state->last < step->problem->spec->since;
}

/* Of a parameter; copies, since the grid may move before the answer is read. */
static bool answer_values(struct step *step,
        const struct decision_record *record, const uint32_t *ranking,
        struct decision *decision)
{
    double *values = arena_array(step->arena, double, record->count);

    for (uint32_t i = 0; values != NULL && i < record->count; i++)
        values[i] = record->question.point[ranking[i]];
    decision->value = values;
    return values != NULL;
}

/* The ranking of a recorded decision as the client reads it. */
static int answer_ranking(struct step *step,
        const struct decision_record *record, struct decision *decision)
{
    const struct problem_spec *spec = step->problem->spec;
    uint32_t *order = arena_array(step->arena, uint32_t, record->count);
    uint32_t *ranking = arena_array(step->arena, uint32_t, record->count);
    double *probability = arena_array(step->arena, double, record->count);
    struct bytes *action =
            arena_array(step->arena, struct bytes, record->count);

    if (order == NULL || ranking == NULL || probability == NULL ||
            action == NULL)
        return err_set(&step->err, STATUS_BUSY, "the answer is too large");
    if (record->has_second)
        pmf_rank_pair(record->probability, record->count, record->chosen,
                record->second, order);
    else
        pmf_rank(record->probability, record->count, record->chosen, order);
    for (uint32_t i = 0; i < record->count; i++) {
        ranking[i] = record->eligible[order[i]];
        probability[i] = record->probability[order[i]];
        action[i] = round_action_id(spec, &record->question, ranking[i]);
    }
    if (record->question.point_count > 0 &&
            !answer_values(step, record, ranking, decision))
        return err_set(&step->err, STATUS_BUSY, "the answer is too large");
    decision->count = record->count;
    decision->ranking = ranking;
    decision->probability = probability;
    decision->action = action;
    return 0;
}

static int answer_path(struct step *step, const struct decision_record *record,
        struct decision *decision)
{
    uint32_t count = record->path_count;
    uint32_t *path = arena_array(step->arena, uint32_t, count);
    struct bytes *edge = arena_array(step->arena, struct bytes, count);

    if (path == NULL || edge == NULL)
        return err_set(&step->err, STATUS_BUSY, "the answer is too large");
    for (uint32_t i = 0; i < count; i++) {
        path[i] = record->eligible[record->path[i]];
        edge[i] = round_action_id(
                step->problem->spec, &record->question, path[i]);
    }
    decision->path_count = count;
    decision->path = path;
    decision->edge = edge;
    decision->path_probability = record->path_probability;
    return 0;
}

static int answer_decision(struct step *step,
        const struct decision_record *record, bool experts,
        struct decision *decision)
{
    const struct problem *problem = step->problem;

    *decision = (struct decision){
            .status = STATUS_OK,
            .event = record->head.event,
            .has_prediction = record->has_prediction,
            .prediction = record->prediction,
            .policy = bytes_of_text(problem->spec->policy_name),
            .generation = record->generation,
            .policy_version = record->policy_version,
            .limit = record->limit,
            .guard = record->guard,
            .expert = record->expert,
            .expert_count = experts ? record->expert_count : 0,
            .pair_probability =
                    record->has_second ? record->pair_probability : 0.0,
    };
    if (record->count == 0)
        return 0;
    if (record->path_count > 0)
        return answer_path(step, record, decision);
    return answer_ranking(step, record, decision);
}

/* The event was decided before: the first answer again, if it is asked the
 * same. */
static int decide_again(struct step *step, const struct question *question,
        const struct event_state *state, struct decision *decision)
{
    union any_record record;
    struct bytes payload, copy;
    int status;

    if (step_is_foreign(step, state))
        return err_set(&step->err, STATUS_DUPLICATE,
                "event: decided before the problem's actions changed");
    if (state->content != question_digest(question))
        return err_set(&step->err, STATUS_DUPLICATE,
                "event: decided before with other content");
    status = step->journal->decision_get(step->journal->self,
            step->problem->spec->number, question->event, state, &payload,
            &step->err);
    if (status != 0)
        return status;
    copy = bytes_of(
            arena_copy(step->arena, payload.data, payload.size), payload.size);
    if (copy.data == NULL)
        return err_set(&step->err, STATUS_BUSY, "the answer is too large");
    status = record_decode(
            RECORD_DECISION, copy, step->arena, &record, &step->err);
    if (status != 0)
        return status;
    status = answer_decision(
            step, &record.decision, question->experts, decision);
    decision->repeated = true;
    return status;
}

static int record_experts(struct step *step, const struct round_view *round,
        uint32_t index, struct decision_record *record)
{
    const struct problem_spec *spec = step->problem->spec;
    uint32_t max = spec->group_count + 1;
    struct expert_view *views =
            arena_array(step->arena, struct expert_view, max);
    struct expert *experts = arena_array(step->arena, struct expert, max);

    if (views == NULL || experts == NULL)
        return err_set(&step->err, STATUS_BUSY, "the answer is too large");
    record->expert_count = policy_experts(step->problem->policy,
            &round->context, &round->actions, index, &step->problem->scratch,
            views, max);
    for (uint32_t i = 0; i < record->expert_count; i++)
        experts[i] = (struct expert){views[i].group < 0
                        ? bytes_of_text("always_on")
                        : spec->groups[views[i].group].name,
                views[i].weight, views[i].prediction};
    record->expert = experts;
    return 0;
}

/* Feedback that came before the decision: its outcome goes into the record. If
 * it does not fit, that is noted instead, and the event waits for other. */
static int decide_held(struct step *step, struct decision_record *record,
        struct event_state *state)
{
    int status;

    if (!state->has_reward)
        return 0;
    status = is_held_foreign(step, state)
            ? STATUS_INVALID
            : step_held_outcome(step, record, state, &record->held_subject,
                      &record->held_costs, &state->reward);
    if (status == 0) {
        record->has_held = true;
        record->held = state->reward;
        record->held_cause = state->cause;
        return 0;
    }
    if (status != STATUS_INVALID)
        return status;
    memset(&record->held_subject, 0, sizeof(record->held_subject));
    memset(&record->held_costs, 0, sizeof(record->held_costs));
    record->held_misfit = true;
    state->has_reward = false;
    state->reward = 0.0;
    memset(&state->shown, 0, sizeof(state->shown));
    state->costs = bytes_of(NULL, 0);
    state->fields = bytes_of(NULL, 0);
    state->cause = CAUSE_UNKNOWN;
    return 0;
}

static int decide_record(struct step *step, const struct question *question,
        struct bytes event, struct event_state *state,
        struct decision_record *record)
{
    const struct problem *problem = step->problem;
    struct record head = step_head(step, RECORD_DECISION, event);
    struct round_view round;
    int status = choose_record(
            problem, &head, question, step->arena, &round, record, &step->err);

    if (status == 0)
        status = decide_held(step, record, state);
    if (status == 0 &&
            (question->experts || problem->spec->settings.log_experts))
        status = record_experts(step, &round, record->chosen, record);
    return status;
}

/* What the join knows after a decision. `state` is what it knew before: new,
 * or that of feedback that came first. */
static void decide_state(const struct step *step,
        const struct question *question, struct event_state *state)
{
    state->content = question_digest(question);
    state->deferred = question->deferred;
    state->learned = state->has_reward && !question->deferred;
    state->taught = state->reward;
    if (!question->deferred) {
        state->costs = bytes_of(NULL, 0);
        state->cause = CAUSE_UNKNOWN;
    }
    state->deadline = question->deferred || state->has_reward
            ? 0
            : step_deadline_after(
                      step, step->problem->spec->settings.reward_wait);
}

static int decide_new(struct step *step, const struct question *question,
        struct bytes event, struct event_state *state,
        struct decision *decision)
{
    struct decision_record record;
    struct bytes payload;
    int status = decide_record(step, question, event, state, &record);

    if (status != 0)
        return status;
    status = answer_decision(step, &record, question->experts, decision);
    if (status != 0)
        return status;
    payload = record_encode_decision(&record, step->arena);
    if (payload.data == NULL)
        return err_set(&step->err, STATUS_BUSY, "the record is too large");
    status = fold_decision(step->problem, &record, &step->err);
    if (status != 0)
        return status;
    decide_state(step, question, state);
    step_append(step, RECORD_DECISION, payload);
    step_event_put(step, event, state, payload);
    if (state->deadline != 0)
        step_due_put(step, state->deadline, event);
    return 0;
}

static int decide(struct step *step, struct decision *decision)
{
    const struct question *question = step->input->as.decide.question;
    struct bytes event = question->event.size > 0
            ? question->event
            : step->input->as.decide.fresh_id;
    struct event_state state;
    int status = step_event_get(step, event, &state);

    if (status == STATUS_NOT_FOUND)
        event_state_clear(&state);
    else if (status != 0)
        return status;
    else if (state.content != 0)
        return decide_again(step, question, &state, decision);
    return decide_new(step, question, event, &state, decision);
}

/* ---- feedback ---- */

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

static int feedback(struct step *step, struct receipt *receipt)
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

/* ---- the step ---- */

static int step_run(struct step *step, struct answer *answer)
{
    switch (step->input->kind) {
    case INPUT_DECIDE:
        return decide(step, &answer->decision);
    case INPUT_FEEDBACK:
        return feedback(step, &answer->receipt);
    case INPUT_ACTIVATE:
        return engine_activate(step, &answer->receipt);
    case INPUT_DEADLINE:
        return engine_deadline(step);
    case INPUT_PROMOTE:
        return promotion_step(step->problem, step->input, step->journal,
                step->arena, &answer->receipt, &step->err);
    }
    CHECK_UNREACHABLE();
}

/* An alarm of drift that the folded records raised, and a circuit that opened
 * or closed, become records. One of each a step, so that a step has a bound;
 * others wait in the problem's state. */
static void note_alarms(struct step *step)
{
    const struct problem *problem = step->problem;
    const struct alarm *alarm =
            problem->drift == NULL ? NULL : drift_pending(problem->drift);
    const struct breaker_change *change;

    if (alarm != NULL)
        step_log_alarm(step, alarm);
    change =
            problem->breaker == NULL ? NULL : breaker_changed(problem->breaker);
    if (change != NULL)
        step_log_circuit(step, change);
}

void engine_step(struct problem *problem, const struct input *input,
        const struct journal *journal, struct arena *arena,
        struct answer *answer)
{
    struct step step;
    int status;

    step.problem = problem;
    step.input = input;
    step.journal = journal;
    step.arena = arena;
    memset(answer, 0, sizeof(*answer));
    arena_reset(&problem->scratch);
    status = step_run(&step, answer);
    if (status == 0) {
        note_alarms(&step);
        return;
    }
    memset(answer, 0, sizeof(*answer));
    answer->decision.status = (enum status)status;
    answer->decision.message = message_of(&step);
    answer->receipt.status = (enum status)status;
    answer->receipt.message = answer->decision.message;
    if (input->kind == INPUT_DECIDE)
        answer->decision.event = input->as.decide.question->event;
}
