#include "service/engine/fold.h"

#include "base/hash.h"
#include "policies/pmf.h"
#include "service/engine/outcome.h"
#include "service/engine/round.h"
#include "service/engine/trial.h"

#include <inttypes.h>
#include <math.h>

static const double certain[1] = {1.0};

/* An outcome as a record teaches it. */
struct outcome {
    double value;
    nanos time; /* of the record that teaches it */
    const struct subject *subject; /* decide form */
    const struct costs *costs; /* path form */
    bool unjoined; /* the default: no feedback came in time */
    enum cause cause;
};

static int misfit(struct err *err, const char *what)
{
    return err_set(err, STATUS_CORRUPT,
            "record does not fit the event's decision: %s", what);
}

static int out_of_scratch(struct err *err)
{
    return err_set(err, STATUS_BUSY, "the record is too large");
}

/* The loss of a value. The range may have changed since the value was taken,
 * but a loss must stay a number that can be learned. */
static int scaled(const struct problem *problem, double value, double *loss,
        struct err *err)
{
    *loss = loss_of_value(&problem->spec->policy.range, value);
    return fabs(*loss) <= VALUE_MAX
            ? 0
            : err_set(err, STATUS_CORRUPT,
                      "a value of %g is too far outside reward.min..max",
                      value);
}

/* A policy that runs out of scratch would learn a part. */
static int room_to_learn(const struct problem *problem, struct err *err)
{
    return arena_left(&problem->scratch) >= problem->learn_scratch
            ? 0
            : err_set(err, STATUS_BUSY, "the record is too large to learn");
}

/* ---- lessons: what a recorded decision and an outcome make ---- */

/* The distribution that the action of the lesson was drawn from: that of the
 * place which was shown. */
static int lesson_pmf(struct problem *problem,
        const struct decision_record *decision, const struct subject *subject,
        struct lesson *lesson, struct err *err)
{
    uint32_t count = decision->count;
    uint32_t *order;
    double *at;

    lesson->pmf = decision->probability;
    if (!subject->given || subject->position < 2)
        return 0;
    if (subject->position > count)
        return misfit(err, "position");
    order = arena_array(&problem->scratch, uint32_t, count);
    at = arena_array(&problem->scratch, double, count);
    if (order == NULL || at == NULL)
        return out_of_scratch(err);
    pmf_position(decision->probability, count, subject->position, order, at);
    lesson->pmf = at;
    return 0;
}

static int lesson_of(struct problem *problem,
        const struct decision_record *decision, const struct outcome *outcome,
        struct round_view *round, struct lesson *lesson, struct err *err)
{
    int status = round_of_record(
            problem->spec, decision, &problem->scratch, round, err);
    double loss = 0.0;

    if (status == 0)
        status = scaled(problem, outcome->value, &loss, err);
    if (status != 0)
        return status;
    *lesson = (struct lesson){
            .context = &round->context,
            .actions = &round->actions,
            .pmf = certain,
            .propensity = 1.0,
            .loss = loss,
            .weight = record_weight(decision),
            .time = outcome->time,
            .detached =
                    decision->policy_version != policy_learned(problem->policy),
    };
    if (decision->count == 0)
        return outcome->subject->given ? misfit(err, "subject")
                                       : room_to_learn(problem, err);
    lesson->chosen = outcome_index(decision, outcome->subject);
    if (lesson->chosen >= decision->count)
        return misfit(err, "subject");
    lesson->propensity = outcome_propensity(decision, outcome->subject);
    lesson->detached = lesson->detached || lesson->chosen != decision->chosen ||
            (outcome->subject->given && outcome->subject->position != 1);
    status = lesson_pmf(problem, decision, outcome->subject, lesson, err);
    return status == 0 ? room_to_learn(problem, err) : status;
}

/* The outcome as the detectors of drift see it. */
static void watch_outcome(struct problem *problem,
        const struct decision_record *decision, const struct outcome *outcome,
        const struct lesson *lesson, double predicted)
{
    const struct action_set *actions = lesson->actions;
    struct drift_outcome seen = {
            .context = lesson->context,
            .slot = actions->slot == NULL
                    ? -1
                    : (int64_t)actions->slot[lesson->chosen],
            .count = actions->count,
            .propensity = lesson->propensity,
            .loss = lesson->loss,
            .unjoined = outcome->unjoined,
            .predicted = predicted,
            .delay = outcome->time - decision->head.time,
    };

    drift_learned(problem->drift, &seen);
}

/* The grid learns what the policy chose from, whatever came of it. */
static void refine_grid(struct problem *problem,
        const struct decision_record *decision, const struct round_view *round)
{
    struct grid_split split;

    if (grid_learn(problem->grid, round->actions.slot, decision->probability,
                decision->count, &split))
        policy_adopt(problem->policy, split.slot, split.left, split.right);
}

static bool is_default(
        const struct problem *problem, const struct lesson *lesson)
{
    return lesson->actions->slot[lesson->chosen] == problem->spec->guard.slot;
}

static void learn_guard(struct problem *problem,
        const struct decision_record *decision, double value,
        const struct lesson *lesson, double predicted)
{
    guard_learn(&problem->guard, lesson->context, is_default(problem, lesson),
            value, decision->limit, lesson->loss - predicted);
}

/* Detectors and guard hear of the outcome before the policy learns it: its
 * error is that of what it knew. */
static void learn_watchers(struct problem *problem,
        const struct decision_record *decision, const struct outcome *outcome,
        const struct lesson *lesson)
{
    double predicted;

    if (problem->drift == NULL && !problem->spec->guard.on)
        return;
    predicted = policy_expected(problem->policy, lesson->context,
            lesson->actions, lesson->chosen, &problem->scratch);
    if (problem->drift != NULL) {
        watch_outcome(problem, decision, outcome, lesson, predicted);
        performance_add(&problem->performance, predicted, lesson->loss);
    }
    if (problem->spec->guard.on)
        learn_guard(problem, decision, outcome->value, lesson, predicted);
}

static int learn_action(struct problem *problem,
        const struct decision_record *decision, const struct outcome *outcome,
        struct err *err)
{
    struct round_view round;
    struct lesson lesson;
    int status = lesson_of(problem, decision, outcome, &round, &lesson, err);

    if (status != 0)
        return status;
    learn_watchers(problem, decision, outcome, &lesson);
    policy_learn(problem->policy, &lesson, &problem->scratch);
    if (problem->grid != NULL)
        refine_grid(problem, decision, &round);
    if (problem->challenger.policy != NULL)
        policy_learn(problem->challenger.policy, &lesson, &problem->scratch);
    if (trial_is_on(problem, decision) && !outcome->subject->given)
        trial_learn(problem, decision, lesson.loss);
    problem->counters.propensity_unknown += lesson.propensity == 0.0;
    return 0;
}

static int learn_duel(struct problem *problem,
        const struct decision_record *decision, const struct outcome *outcome,
        struct err *err)
{
    struct round_view round;
    struct duel duel;
    int status = round_of_record(
            problem->spec, decision, &problem->scratch, &round, err);

    if (status == 0)
        status = room_to_learn(problem, err);
    if (status != 0)
        return status;
    if (!(outcome->value >= 0.0 && outcome->value <= 1.0))
        return misfit(err, "preference");
    duel = (struct duel){
            .context = &round.context,
            .actions = &round.actions,
            .first = decision->chosen,
            .second = decision->second,
            .preference = outcome->value,
            .weight = record_weight(decision),
            .time = outcome->time,
    };
    policy_prefer(problem->policy, &duel, &problem->scratch);
    return 0;
}

/* The costs as losses, in the order of the path or of the eligible edges. */
static int losses_of_costs(struct problem *problem,
        const struct decision_record *decision, const struct costs *costs,
        const double **out, struct err *err)
{
    uint32_t count = costs->full ? decision->count : decision->path_count;
    double *losses = arena_array(&problem->scratch, double, count);
    int status = losses == NULL ? out_of_scratch(err) : 0;

    if (costs->count !=
            (costs->full ? problem->spec->slots : decision->path_count))
        return misfit(err, "number of costs");
    for (uint32_t i = 0; status == 0 && i < count; i++) {
        uint32_t at = costs->full ? decision->eligible[i] : i;
        status = scaled(problem, costs->values[at], &losses[i], err);
    }
    *out = losses;
    return status;
}

static int learn_path(struct problem *problem,
        const struct decision_record *decision, const struct outcome *outcome,
        struct err *err)
{
    struct round_view round;
    struct path_lesson lesson;
    const double *losses = NULL;
    int status = round_of_record(
            problem->spec, decision, &problem->scratch, &round, err);

    if (status == 0)
        status = losses_of_costs(
                problem, decision, outcome->costs, &losses, err);
    if (status == 0)
        status = room_to_learn(problem, err);
    if (status != 0)
        return status;
    lesson = (struct path_lesson){
            .context = &round.context,
            .actions = &round.actions,
            .marginal = decision->marginal,
            .path = decision->path,
            .path_count = decision->path_count,
            .losses = losses,
            .full = outcome->costs->full,
            .weight = record_weight(decision),
            .time = outcome->time,
    };
    policy_learn_path(problem->policy, &lesson, &problem->scratch);
    return 0;
}

/* A decision of the time when the problem took more actions teaches nothing. */
static bool is_too_wide(
        const struct problem *problem, const struct decision_record *decision)
{
    return decision->count > problem->spec->policy.shape.actions_max;
}

/* Has the value less than the share of the way to the best that a success
 * needs? */
static bool is_failure(const struct problem *problem, double value)
{
    return 1.0 - loss_of_value(&problem->spec->policy.range, value) <
            problem->spec->breaker.options.failure;
}

/* The place in the catalogue of an eligible action; slots if it has none. */
static uint32_t slot_of(const struct problem_spec *spec,
        const struct decision_record *decision, uint32_t index)
{
    uint32_t slot = 0;
    struct bytes id;

    if (index >= decision->count)
        return spec->slots;
    if (decision->question.action_count == 0)
        return decision->eligible[index];
    id = round_action_id(spec, &decision->question, decision->eligible[index]);
    while (slot < spec->slots && !bytes_equal(spec->catalogue[slot], id))
        slot++;
    return slot;
}

/* Counts an outcome with the circuit of its action: once for every event, when
 * it is first learned. */
static void count_outcome(struct problem *problem,
        const struct decision_record *decision, const struct outcome *outcome)
{
    uint32_t index = outcome_index(decision, outcome->subject);
    bool others =
            outcome->cause == CAUSE_OTHER || outcome->cause == CAUSE_CUSTOMER;
    bool expected = decision->has_expected && index == decision->chosen;
    struct breaker_outcome counted = {
            .failed = is_failure(problem, outcome->value),
            .own = !others,
            .expected = expected ? decision->expected_failure : -1.0,
    };
    uint32_t slot = slot_of(problem->spec, decision, index);

    if (slot < problem->spec->slots)
        breaker_count(problem->breaker, slot, decision->groups,
                decision->group_count, &counted);
}

/* Tells those who look on of an outcome; of a correction with the value
 * before it, otherwise that is NaN. */
static void tell_pulse(struct problem *problem,
        const struct decision_record *decision, const struct outcome *outcome,
        double before)
{
    struct pulse_outcome seen = {.value = outcome->value,
            .before = before,
            .slot = -1,
            .groups = decision->groups,
            .group_count = decision->group_count,
            .delay = -1,
            .unjoined = outcome->unjoined};

    if (problem->pulse == NULL)
        return;
    if (isnan(before) && !outcome->unjoined)
        seen.delay = outcome->time - decision->head.time;
    if (problem->spec->settings.form == FORM_DECIDE &&
            decision->question.action_count == 0) {
        uint32_t index = outcome_index(decision, outcome->subject);
        if (index < decision->count) {
            seen.slot = decision->eligible[index];
            seen.propensity = outcome_propensity(decision, outcome->subject);
        }
    }
    pulse_learned(problem->pulse, &seen);
}

static int learn(struct problem *problem,
        const struct decision_record *decision, const struct outcome *outcome,
        struct err *err)
{
    int status = 0;

    if (is_too_wide(problem, decision))
        return 0;
    switch ((enum problem_form)problem->spec->settings.form) {
    case FORM_DECIDE:
    case FORM_PREDICT:
        status = learn_action(problem, decision, outcome, err);
        break;
    case FORM_DUEL:
        status = learn_duel(problem, decision, outcome, err);
        break;
    case FORM_PATH:
        status = learn_path(problem, decision, outcome, err);
        break;
    }
    if (status != 0)
        return status;
    if (problem->breaker != NULL)
        count_outcome(problem, decision, outcome);
    recent_note(&problem->recent, decision->head.event);
    tell_pulse(problem, decision, outcome, NAN);
    problem->counters.learned++;
    problem->counters.value_sum += outcome->value;
    return 0;
}

/* Preferences and paths cannot be taken back: their corrections wait. */
static int correct_policy(struct problem *problem,
        const struct decision_record *decision, double before,
        const struct outcome *outcome, bool *done, struct err *err)
{
    uint32_t form = problem->spec->settings.form;
    struct round_view round;
    struct lesson lesson;
    double loss_before = 0.0;
    int status;

    if (form != FORM_DECIDE && form != FORM_PREDICT)
        return 0;
    status = lesson_of(problem, decision, outcome, &round, &lesson, err);
    if (status == 0)
        status = scaled(problem, before, &loss_before, err);
    if (status == 0 && problem->spec->guard.on)
        guard_correct(&problem->guard, is_default(problem, &lesson), before,
                outcome->value);
    if (status == 0)
        *done = policy_correct(
                problem->policy, &lesson, loss_before, &problem->scratch);
    if (status == 0 && problem->challenger.policy != NULL)
        (void)policy_correct(problem->challenger.policy, &lesson, loss_before,
                &problem->scratch);
    if (status == 0 && trial_is_on(problem, decision) &&
            !outcome->subject->given)
        trial_correct(problem, decision, loss_before, lesson.loss);
    return status;
}

static int correct(struct problem *problem,
        const struct decision_record *decision, double before,
        const struct outcome *outcome, struct err *err)
{
    bool done = false;
    int status;

    if (is_too_wide(problem, decision))
        return 0;
    status = correct_policy(problem, decision, before, outcome, &done, err);
    if (status != 0)
        return status;
    if (done)
        problem->counters.corrected++;
    else
        problem->counters.corrections_deferred++;
    recent_note(&problem->recent, decision->head.event);
    tell_pulse(problem, decision, outcome, before);
    problem->counters.value_sum += outcome->value - before;
    return 0;
}

/* ---- drift ---- */

static void watch_decision(
        struct problem *problem, const struct decision_record *record)
{
    struct context context = {
            .shared = {.dense = record->question.shared.values,
                    .dense_count = record->question.shared.columns}};
    /* An import may not know the probabilities of the others. */
    struct action_set actions = {
            .count = record->chosen_only ? 0 : record->count,
            .slot = problem->spec->slots > 0 &&
                            record->question.action_count == 0
                    ? record->eligible
                    : NULL};

    if (is_too_wide(problem, record) || record->probability == NULL)
        return;
    for (uint32_t i = 0; actions.slot != NULL && i < record->count; i++)
        if (record->eligible[i] >= problem->spec->slots)
            return;
    drift_decided(problem->drift, &context, &actions, record->probability,
            record->chosen);
}

struct bytes fold_alarm_name(
        const struct problem *problem, const struct alarm *alarm)
{
    const struct problem_spec *spec = problem->spec;

    switch ((enum drift_part)alarm->part) {
    case DRIFT_ALL:
        break;
    case DRIFT_ACTION:
        return spec->catalogue[alarm->index];
    case DRIFT_GROUP:
        return spec->groups[alarm->index].name;
    case DRIFT_COLUMN:
        return spec->columns[alarm->index];
    case DRIFT_CIRCUIT:
        break;
    }
    return bytes_of(NULL, 0);
}

/* May what actions cost be another after an alarm of the stream? Labels that
 * are late say nothing of it, nor do probabilities that are not those logged,
 * nor what the policy prefers, which a guard moves itself. */
static bool may_move_costs(uint32_t stream)
{
    return drift_of_outcomes(stream) || stream == DRIFT_CONTEXT;
}

/* "CIRCUIT", or "CIRCUIT:GROUP"; the circuit's alone where that is too long. */
struct bytes fold_circuit_name(
        const struct problem *problem, uint32_t index, struct arena *arena)
{
    const struct problem_spec *spec = problem->spec;
    struct breaker_view view;
    struct bytes group;
    uint8_t *name;

    breaker_view(problem->breaker, index, &view);
    if (view.group < 0)
        return view.name;
    group = spec->groups[view.group].name;
    if (view.name.size + 1 + group.size > ID_BYTES_MAX)
        return view.name;
    name = arena_alloc(arena, view.name.size + 1 + group.size);
    if (name == NULL)
        return view.name;
    memcpy(name, view.name.data, view.name.size);
    name[view.name.size] = ':';
    memcpy(name + view.name.size + 1, group.data, group.size);
    return bytes_of(name, view.name.size + 1 + group.size);
}

static void fold_circuit(
        struct problem *problem, const struct alarm_record *record)
{
    bool opened = record->after < 1.0;
    const struct breaker_change *change =
            problem->breaker == NULL ? NULL : breaker_changed(problem->breaker);

    problem->counters.circuits_opened += opened;
    problem->counters.circuits_closed += !opened;
    if (change != NULL && change->index == record->index &&
            change->opened == opened)
        breaker_change_take(problem->breaker);
}

void fold_alarm(struct problem *problem, const struct alarm_record *record)
{
    const struct alarm *pending =
            problem->drift == NULL ? NULL : drift_pending(problem->drift);
    struct alarm alarm = {record->stream, record->part, record->index,
            record->statistic, record->threshold, record->before, record->after,
            record->rows};

    recent_alarmed(&problem->recent, record->head.time, &alarm, record->name);
    if (record->stream == DRIFT_BREAKER) {
        fold_circuit(problem, record);
        return;
    }
    problem->counters.alarms++;
    problem->alarming = problem->alarming || drift_of_outcomes(record->stream);
    if (problem->spec->guard.on && may_move_costs(record->stream))
        guard_reopen(&problem->guard);
    response_alarm(&problem->response, &problem->spec->settings, record,
            problem->counters.learned);
    if (pending != NULL && alarm_equal(pending, &alarm))
        drift_take(problem->drift);
}

/* ---- records ---- */

/* `value` of an event that has a decision, or a defect of the log. */
static int need_decision(const struct decision_record *decision,
        const struct record *head, struct err *err)
{
    char text[ID_BYTES_MAX + 1];

    if (decision != NULL)
        return 0;
    return err_set(err, STATUS_CORRUPT,
            "%s record of event '%s' has no decision",
            record_kind_name(head->kind),
            bytes_text(head->event, text, sizeof(text)));
}

static void fold_guarded(
        struct problem *problem, const struct decision_record *record)
{
    if (problem->spec->guard.on)
        guard_decided(&problem->guard, record->limit);
    problem->counters.guarded_budget += record->guard == GUARD_BUDGET;
    problem->counters.guarded_settled += record->guard == GUARD_SETTLED;
}

int fold_decision(struct problem *problem, const struct decision_record *record,
        struct err *err)
{
    fold_guarded(problem, record);
    if (record->has_held && !record->question.deferred) {
        struct outcome outcome = {record->held, record->head.time,
                &record->held_subject, &record->held_costs, false,
                record->held_cause};
        int status = learn(problem, record, &outcome, err);
        if (status != 0)
            return status;
    }
    if (problem->drift != NULL)
        watch_decision(problem, record);
    recent_note(&problem->recent, record->head.event);
    if (problem->pulse != NULL)
        pulse_decided(
                problem->pulse, record, record->question.action_count == 0);
    problem->counters.held_misfits += record->held_misfit;
    problem->counters.fallbacks += record->fallback;
    problem->counters.decisions++;
    return 0;
}

int fold_feedback(struct problem *problem, const struct feedback_record *record,
        const struct decision_record *decision, struct err *err)
{
    struct outcome outcome = {record->after, record->head.time,
            &record->subject, &record->costs, false, record->cause};
    int status = 0;

    switch (record->effect) {
    case EFFECT_NONE:
        break;
    case EFFECT_HOLD:
        problem->counters.held++;
        break;
    case EFFECT_LEARN:
        status = need_decision(decision, &record->head, err);
        if (status == 0)
            status = learn(problem, decision, &outcome, err);
        break;
    case EFFECT_CORRECT:
        status = need_decision(decision, &record->head, err);
        if (status == 0)
            status = correct(problem, decision, record->before, &outcome, err);
        break;
    }
    if (status == 0)
        problem->counters.feedbacks++;
    return status;
}

int fold_expiry(struct problem *problem, const struct expiry_record *record,
        const struct decision_record *decision, struct err *err)
{
    static const struct subject chosen;

    if (record->effect == EFFECT_LEARN) {
        struct outcome outcome = {record->after, record->head.time, &chosen,
                &record->costs, true, CAUSE_TIMEOUT};
        int status = need_decision(decision, &record->head, err);
        if (status == 0)
            status = learn(problem, decision, &outcome, err);
        if (status != 0)
            return status;
    }
    if (record->orphan)
        problem->counters.orphans_expired++;
    else
        problem->counters.expired++;
    return 0;
}

int fold_activation(struct problem *problem,
        const struct activation_record *record,
        const struct decision_record *decision, struct err *err)
{
    struct outcome outcome = {record->held, record->head.time,
            &record->held_subject, &record->held_costs, false,
            record->held_cause};
    int status = 0;

    if (record->has_held)
        status = need_decision(decision, &record->head, err);
    if (status == 0 && record->has_held)
        status = learn(problem, decision, &outcome, err);
    if (status == 0)
        problem->counters.activations++;
    return status;
}

static int promote_failed(const struct promotion_record *record,
        const char *what, struct err *err)
{
    return err_set(err, STATUS_CORRUPT, "generation %" PRIu64 ": %s",
            record->generation, what);
}

/* It decides from now on. On trial it has learned meanwhile. */
static int fold_serve(struct problem *problem,
        const struct promotion_record *record, struct bytes model,
        struct err *err)
{
    struct challenger *challenger = &problem->challenger;
    int status = 0;

    if (challenger->policy != NULL &&
            challenger->generation == record->generation)
        problem_take_challenger(problem);
    else
        status = problem_load_model(problem, model, err);
    if (status != 0)
        return err_prefix(err, "generation %" PRIu64, record->generation);
    problem_drop_challenger(problem);
    if (problem->spec->guard.on)
        guard_reopen(&problem->guard);
    if (problem->generation != record->generation) {
        response_served(&problem->response);
        performance_restart(&problem->performance);
    }
    problem->generation = record->generation;
    problem->recent.promoted = record->head.time;
    problem->has_back = record->has_back;
    problem->back = record->back;
    problem->refused = 0;
    problem->alarming = false;
    return 0;
}

static void count_refusal(struct problem *problem)
{
    problem->counters.refusals++;
    problem->refused++;
}

static int fold_trial(struct problem *problem,
        const struct promotion_record *record, struct bytes model,
        struct err *err)
{
    int status;

    if (problem->spec->settings.form != FORM_DECIDE)
        return promote_failed(
                record, "this form of decisions has no trials", err);
    status = problem_load_challenger(problem, model, err);
    if (status != 0)
        return err_prefix(err, "generation %" PRIu64, record->generation);
    problem->challenger.generation = record->generation;
    problem->challenger.share = record->share;
    problem->challenger.mixed = record->stage == STAGE_MIXED;
    problem->counters.canaries += stage_shares(record->stage);
    if (record->stage == STAGE_MIXED)
        count_refusal(problem);
    return 0;
}

static void fold_refused(
        struct problem *problem, const struct promotion_record *record)
{
    count_refusal(problem);
    if (problem->challenger.generation == record->generation)
        problem_drop_challenger(problem);
}

int fold_promotion(struct problem *problem,
        const struct promotion_record *record, struct bytes model,
        struct err *err)
{
    if (record->stage == STAGE_WITHDRAW) {
        problem_drop_challenger(problem);
        return 0;
    }
    if (record->stage == STAGE_REFUSED) {
        fold_refused(problem, record);
        return 0;
    }
    if (hash_bytes(model, 0) != record->digest)
        return promote_failed(
                record, "its model is not the one that was promoted", err);
    return record->stage == STAGE_SERVE
            ? fold_serve(problem, record, model, err)
            : fold_trial(problem, record, model, err);
}

bool fold_wants_decision(const union any_record *record)
{
    switch (record->head.kind) {
    case RECORD_FEEDBACK:
        return record->feedback.effect == EFFECT_LEARN ||
                record->feedback.effect == EFFECT_CORRECT;
    case RECORD_EXPIRY:
        return record->expiry.effect == EFFECT_LEARN;
    case RECORD_ACTIVATION:
        return record->activation.has_held;
    case RECORD_DECISION:
    case RECORD_PROMOTION:
    case RECORD_CONFIG:
    case RECORD_ALARM:
        return false;
    }
    return false;
}

static int find_decision(struct problem *problem, const struct record *head,
        const struct decision_source *source, union any_record *decision,
        struct err *err)
{
    struct bytes payload;
    int status = source->find(
            source->self, head->problem, head->event, &payload, err);

    if (status != 0)
        return status;
    return record_decode(
            RECORD_DECISION, payload, &problem->scratch, decision, err);
}

static int find_and_promote(struct problem *problem,
        const struct promotion_record *record,
        const struct decision_source *source, struct err *err)
{
    struct bytes model = {NULL, 0};
    int status;

    if (!stage_has_model(record->stage))
        return fold_promotion(problem, record, model, err);
    if (source->model == NULL)
        return err_set(err, STATUS_CORRUPT,
                "generation %" PRIu64 ": there are no models here",
                record->generation);
    status = source->model(source->self, record->head.problem,
            record->generation, &model, err);
    /* A generation that is gone is a defect, not an event that retention
     * took. */
    if (status == STATUS_NOT_FOUND)
        return err_set(err, STATUS_CORRUPT,
                "generation %" PRIu64 ", which it promotes, is missing",
                record->generation);
    return status == 0 ? fold_promotion(problem, record, model, err) : status;
}

int fold_any(struct problem *problem, const union any_record *record,
        const struct decision_record *decision,
        const struct decision_source *source, struct err *err)
{
    switch (record->head.kind) {
    case RECORD_DECISION:
        return fold_decision(problem, &record->decision, err);
    case RECORD_FEEDBACK:
        return fold_feedback(problem, &record->feedback, decision, err);
    case RECORD_EXPIRY:
        return fold_expiry(problem, &record->expiry, decision, err);
    case RECORD_ACTIVATION:
        return fold_activation(problem, &record->activation, decision, err);
    case RECORD_PROMOTION:
        return find_and_promote(problem, &record->promotion, source, err);
    case RECORD_CONFIG:
        return 0;
    case RECORD_ALARM:
        fold_alarm(problem, &record->alarm);
        return 0;
    }
    CHECK_UNREACHABLE();
}

int fold_record(struct problem *problem, enum record_kind kind,
        struct bytes payload, const struct decision_source *source,
        struct err *err)
{
    union any_record record, decision;
    bool found = false;
    int status;

    arena_reset(&problem->scratch);
    status = record_decode(kind, payload, &problem->scratch, &record, err);
    if (status != 0)
        return status;
    if (fold_wants_decision(&record)) {
        status = find_decision(problem, &record.head, source, &decision, err);
        if (status != 0)
            return status;
        found = true;
    }
    return fold_any(
            problem, &record, found ? &decision.decision : NULL, source, err);
}
