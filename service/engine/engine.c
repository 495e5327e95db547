#include "service/engine/engine.h"

#include "base/hash.h"
#include "policies/pmf.h"
#include "service/engine/fold.h"
#include "service/engine/round.h"

/* All that one step works with. */
struct step {
    struct problem *problem;
    const struct input *input;
    const struct journal *journal;
    struct arena *arena;
    struct err err;
};

static const char *message_of(struct step *step)
{
    return arena_copy(step->arena, step->err.text, strlen(step->err.text) + 1);
}

static int event_get(
        struct step *step, struct bytes event, struct event_state *state)
{
    return step->journal->event_get(step->journal->self,
            step->problem->spec->number, event, state, &step->err);
}

static void append(
        struct step *step, enum record_kind kind, struct bytes payload)
{
    step->journal->append(
            step->journal->self, kind, step->problem->spec->number, payload);
}

static void event_put(struct step *step, struct bytes event,
        const struct event_state *state, struct bytes decision)
{
    step->journal->event_put(step->journal->self, step->problem->spec->number,
            event, state, decision);
}

static void due_put(struct step *step, nanos deadline, struct bytes event)
{
    step->journal->due_put(
            step->journal->self, deadline, step->problem->spec->number, event);
}

static struct record head_of(
        const struct step *step, enum record_kind kind, struct bytes event)
{
    return (struct record){
            kind, step->problem->spec->number, step->input->now, event};
}

/* The deadline of something that begins to wait now; 0 = it waits for ever. */
static nanos deadline_after(const struct step *step, nanos wait)
{
    nanos deadline;

    if (wait == 0)
        return 0;
    return __builtin_add_overflow(step->input->now, wait, &deadline) ? NANOS_MAX
                                                                     : deadline;
}

/* The event's Decision record, decoded into the problem's scratch. */
static int decision_of(struct step *step, struct bytes event,
        const struct event_state *state, union any_record *record)
{
    struct bytes payload;
    int status = step->journal->decision_get(step->journal->self,
            step->problem->spec->number, event, state, &payload, &step->err);

    if (status != 0)
        return status;
    return record_decode(RECORD_DECISION, payload, &step->problem->scratch,
            record, &step->err);
}

/* Was the event decided when the problem had other columns, actions or groups?
 * Then its places mean something else, and it teaches nothing. */
static bool is_foreign(const struct step *step, const struct event_state *state)
{
    return state->decision != 0 && state->decision < step->problem->spec->since;
}

/* ---- decide ---- */

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
    pmf_rank(record->probability, record->count, record->chosen, order);
    for (uint32_t i = 0; i < record->count; i++) {
        ranking[i] = record->eligible[order[i]];
        probability[i] = record->probability[order[i]];
        action[i] = round_action_id(spec, &record->question, ranking[i]);
    }
    decision->count = record->count;
    decision->ranking = ranking;
    decision->probability = probability;
    decision->action = action;
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
            .expert = record->expert,
            .expert_count = experts ? record->expert_count : 0,
    };
    if (record->count == 0)
        return 0;
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

    if (is_foreign(step, state))
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

/* Chooses an action or predicts a number, and notes it in the record. */
static int decide_policy(struct step *step, const struct round_view *round,
        struct decision_record *record)
{
    const struct problem *problem = step->problem;
    struct distribution drawn;
    int status;

    if (problem->spec->settings.form == FORM_PREDICT) {
        record->has_prediction = true;
        return policy_predict(problem->policy, &round->context, step->arena,
                &record->prediction, &step->err);
    }
    status = policy_decide(problem->policy, &round->context, &round->actions,
            problem->spec->settings.seed, hash_bytes(record->head.event, 0),
            step->arena, &drawn, &step->err);
    if (status != 0)
        return status;
    record->count = drawn.count;
    record->eligible = round->eligible;
    record->probability = drawn.pmf;
    record->chosen = drawn.chosen;
    return 0;
}

static int decide_record(struct step *step, const struct question *question,
        struct bytes event, const struct event_state *state,
        struct decision_record *record)
{
    struct problem *problem = step->problem;
    struct round_view round;
    int status = round_of_question(
            problem->spec, question, step->arena, &round, &step->err);

    if (status != 0)
        return status;
    memset(record, 0, sizeof(*record));
    record->head = head_of(step, RECORD_DECISION, event);
    record->question = *question;
    record->question.event = bytes_of(NULL, 0);
    record->groups = round.context.groups;
    record->group_count = round.context.group_count;
    record->policy_version = policy_learned(problem->policy);
    record->generation = problem->generation;
    record->has_held = state->has_reward;
    record->held = state->reward;
    status = decide_policy(step, &round, record);
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
    state->deadline = question->deferred || state->has_reward
            ? 0
            : deadline_after(step, step->problem->spec->settings.reward_wait);
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
    append(step, RECORD_DECISION, payload);
    event_put(step, event, state, payload);
    if (state->deadline != 0)
        due_put(step, state->deadline, event);
    return 0;
}

static int decide(struct step *step, struct decision *decision)
{
    const struct question *question = step->input->as.decide.question;
    struct bytes event = question->event.size > 0
            ? question->event
            : step->input->as.decide.fresh_id;
    struct event_state state;
    int status = event_get(step, event, &state);

    if (status == STATUS_NOT_FOUND)
        memset(&state, 0, sizeof(state));
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

struct feedback_mark engine_feedback_mark(const struct feedback *feedback)
{
    struct feedback_mark mark;

    mark.content =
            hash_bytes(bytes_of(&feedback->value, sizeof(feedback->value)), 1);
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

static int feedback_check(struct step *step, double after)
{
    const struct problem_settings *settings = &step->problem->spec->settings;

    if (after < settings->reward_min || after > settings->reward_max)
        return err_set(&step->err, STATUS_INVALID,
                "value: %g is outside reward.min %g .. reward.max %g", after,
                settings->reward_min, settings->reward_max);
    return 0;
}

/* What this feedback does to the event, before anything is changed. */
static void feedback_effect(const struct step *step,
        const struct event_state *state, struct feedback_record *record)
{
    record->effect = EFFECT_NONE;
    if (is_foreign(step, state))
        return;
    if (state->content == 0 || state->deferred) {
        record->effect = EFFECT_HOLD;
    } else if (!state->learned) {
        record->effect = EFFECT_LEARN;
    } else if (record->after != state->taught) {
        record->effect = EFFECT_CORRECT;
        record->before = state->taught;
    }
}

/* Learns from the record if it teaches something. */
static int feedback_fold(struct step *step, const struct event_state *state,
        const struct feedback_record *record)
{
    union any_record decision;
    int status;

    if (record->effect == EFFECT_NONE || record->effect == EFFECT_HOLD)
        return fold_feedback(step->problem, record, NULL, &step->err);
    status = decision_of(step, record->head.event, state, &decision);
    if (status != 0)
        return status;
    return fold_feedback(step->problem, record, &decision.decision, &step->err);
}

static void feedback_state(const struct step *step,
        const struct feedback_record *record, struct feedback_mark mark,
        bool orphan, struct event_state *state)
{
    state->marks[state->mark_count++] = mark;
    state->has_reward = true;
    state->reward = record->after;
    if (record->effect == EFFECT_LEARN || record->effect == EFFECT_CORRECT) {
        state->learned = true;
        state->taught = record->after;
    }
    if (orphan)
        state->deadline =
                deadline_after(step, step->problem->spec->settings.orphan_wait);
}

static int feedback_new(struct step *step, const struct feedback *feedback,
        struct feedback_mark mark, struct event_state *state,
        bool first_of_orphan, struct receipt *receipt)
{
    struct feedback_record record = {
            .head = head_of(step, RECORD_FEEDBACK, feedback->event),
            .value = feedback->value,
            .id = feedback->id,
            .after = engine_aggregate(step->problem->spec->settings.aggregate,
                    state->has_reward, state->reward, feedback->value),
    };
    struct bytes payload;
    int status = feedback_check(step, record.after);

    if (status != 0)
        return status;
    feedback_effect(step, state, &record);
    payload = record_encode_feedback(&record, step->arena);
    if (payload.data == NULL)
        return err_set(&step->err, STATUS_BUSY, "the record is too large");
    status = feedback_fold(step, state, &record);
    if (status != 0)
        return status;
    feedback_state(step, &record, mark, first_of_orphan, state);
    append(step, RECORD_FEEDBACK, payload);
    event_put(step, feedback->event, state, bytes_of(NULL, 0));
    if (first_of_orphan)
        due_put(step, state->deadline, feedback->event);
    receipt->held = record.effect == EFFECT_HOLD;
    return 0;
}

static int feedback(struct step *step, struct receipt *receipt)
{
    const struct feedback *feedback = step->input->as.feedback;
    struct feedback_mark mark = engine_feedback_mark(feedback);
    struct event_state state;
    bool found = true;
    int status = event_get(step, feedback->event, &state);

    if (status == STATUS_NOT_FOUND) {
        memset(&state, 0, sizeof(state));
        found = false;
    } else if (status != 0) {
        return status;
    }
    status = feedback_again(step, &state, mark, &receipt->repeated);
    if (status != 0 || receipt->repeated)
        return status;
    return feedback_new(step, feedback, mark, &state, !found, receipt);
}

/* ---- activation ---- */

static int activate_new(
        struct step *step, struct bytes event, struct event_state *state)
{
    struct activation_record record = {
            .head = head_of(step, RECORD_ACTIVATION, event),
            .has_held = state->has_reward && !is_foreign(step, state),
            .held = state->reward,
    };
    struct bytes payload = record_encode_activation(&record, step->arena);
    union any_record decision;
    int status = 0;

    if (payload.data == NULL)
        return err_set(&step->err, STATUS_BUSY, "the record is too large");
    if (record.has_held)
        status = decision_of(step, event, state, &decision);
    if (status == 0)
        status = fold_activation(
                step->problem, &record, &decision.decision, &step->err);
    if (status != 0)
        return status;
    state->deferred = false;
    state->learned = record.has_held;
    state->taught = state->reward;
    state->deadline = state->has_reward
            ? 0
            : deadline_after(step, step->problem->spec->settings.reward_wait);
    append(step, RECORD_ACTIVATION, payload);
    event_put(step, event, state, bytes_of(NULL, 0));
    if (state->deadline != 0)
        due_put(step, state->deadline, event);
    return 0;
}

static int activate(struct step *step, struct receipt *receipt)
{
    struct bytes event = step->input->as.activate;
    struct event_state state;
    int status = event_get(step, event, &state);

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

/* ---- deadlines ---- */

static int expire_with(struct step *step, struct bytes event,
        enum effect effect, struct event_state *state)
{
    struct expiry_record record = {
            .head = head_of(step, RECORD_EXPIRY, event),
            .effect = effect,
            .after = effect == EFFECT_LEARN
                    ? step->problem->spec->settings.reward_default
                    : 0.0,
    };
    struct bytes payload = record_encode_expiry(&record, step->arena);
    union any_record decision;
    int status = 0;

    if (payload.data == NULL)
        return err_set(&step->err, STATUS_BUSY, "the record is too large");
    if (effect == EFFECT_LEARN)
        status = decision_of(step, event, state, &decision);
    if (status == 0)
        status = fold_expiry(
                step->problem, &record, &decision.decision, &step->err);
    if (status != 0)
        return status;
    state->expired = true;
    state->learned = effect == EFFECT_LEARN;
    state->taught = record.after;
    append(step, RECORD_EXPIRY, payload);
    event_put(step, event, state, bytes_of(NULL, 0));
    return 0;
}

static int expire_event(
        struct step *step, struct bytes event, struct event_state *state)
{
    if (step->problem->spec->settings.has_default && !is_foreign(step, state)) {
        int status = expire_with(step, event, EFFECT_LEARN, state);
        if (status != STATUS_CORRUPT)
            return status;
        /* A decision that cannot be read teaches nothing; its wait ends. */
    }
    return expire_with(step, event, EFFECT_NONE, state);
}

static int expire_orphan(struct step *step, struct bytes event)
{
    struct expiry_record record = {
            .head = head_of(step, RECORD_EXPIRY, event),
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
    append(step, RECORD_EXPIRY, payload);
    step->journal->event_del(
            step->journal->self, step->problem->spec->number, event);
    return 0;
}

/* A deadline was reached. Feedback that came in time leaves nothing to do. */
static int deadline(struct step *step)
{
    struct bytes event = step->input->as.deadline.event;
    struct event_state state;
    int status = event_get(step, event, &state);

    if (status == STATUS_NOT_FOUND)
        return 0;
    if (status != 0)
        return status;
    if (!event_waits(&state, step->input->as.deadline.deadline))
        return 0;
    return state.content == 0 ? expire_orphan(step, event)
                              : expire_event(step, event, &state);
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
        return activate(step, &answer->receipt);
    case INPUT_DEADLINE:
        return deadline(step);
    }
    CHECK_UNREACHABLE();
}

void engine_step(struct problem *problem, const struct input *input,
        const struct journal *journal, struct arena *arena,
        struct answer *answer)
{
    struct step step = {problem, input, journal, arena, {STATUS_OK, ""}};
    int status;

    memset(answer, 0, sizeof(*answer));
    arena_reset(&problem->scratch);
    status = step_run(&step, answer);
    if (status == 0)
        return;
    memset(answer, 0, sizeof(*answer));
    answer->decision.status = (enum status)status;
    answer->decision.message = message_of(&step);
    answer->receipt.status = (enum status)status;
    answer->receipt.message = answer->decision.message;
    if (input->kind == INPUT_DECIDE)
        answer->decision.event = input->as.decide.question->event;
}
