#include "service/engine/engine_parts.h"

#include "policies/pmf.h"
#include "service/engine/choose.h"
#include "service/engine/fold.h"
#include "service/engine/promotion.h"
#include "service/engine/round.h"

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

/* ---- the step ---- */

static int step_run(struct step *step, struct answer *answer)
{
    switch (step->input->kind) {
    case INPUT_DECIDE:
        return decide(step, &answer->decision);
    case INPUT_FEEDBACK:
        return engine_feedback(step, &answer->receipt);
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
