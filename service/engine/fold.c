#include "service/engine/fold.h"

#include "service/engine/round.h"

#include <math.h>

static const double certain[1] = {1.0};

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

/* The lesson that a recorded decision and an outcome make. */
static int lesson_of(struct problem *problem,
        const struct decision_record *decision, double value, nanos now,
        struct round_view *round, struct lesson *lesson, struct err *err)
{
    int status = round_of_record(
            problem->spec, decision, &problem->scratch, round, err);
    double loss = 0.0;

    if (status == 0)
        status = scaled(problem, value, &loss, err);
    if (status != 0)
        return status;
    if (arena_left(&problem->scratch) <
            policy_learn_scratch(&problem->spec->policy))
        return err_set(err, STATUS_BUSY, "the record is too large to learn");
    *lesson = (struct lesson){
            .context = &round->context,
            .actions = &round->actions,
            .chosen = decision->count == 0 ? 0 : decision->chosen,
            .pmf = decision->count == 0 ? certain : decision->probability,
            .loss = loss,
            .weight = 1.0,
            .time = now,
            .propensity = decision->count == 0
                    ? 1.0
                    : decision->probability[decision->chosen],
    };
    return 0;
}

/* A decision of the time when the problem took more actions teaches nothing. */
static bool is_too_wide(
        const struct problem *problem, const struct decision_record *decision)
{
    return decision->count > problem->spec->policy.shape.actions_max;
}

/* `now` is the time of the record that teaches it. */
static int learn(struct problem *problem,
        const struct decision_record *decision, double value, nanos now,
        struct err *err)
{
    struct round_view round;
    struct lesson lesson;
    int status;

    if (is_too_wide(problem, decision))
        return 0;
    status = lesson_of(problem, decision, value, now, &round, &lesson, err);
    if (status != 0)
        return status;
    policy_learn(problem->policy, &lesson, &problem->scratch);
    problem->counters.learned++;
    problem->counters.value_sum += value;
    return 0;
}

static int correct(struct problem *problem,
        const struct decision_record *decision, double before, double after,
        nanos now, struct err *err)
{
    struct round_view round;
    struct lesson lesson;
    double loss_before = 0.0;
    int status;

    if (is_too_wide(problem, decision))
        return 0;
    status = lesson_of(problem, decision, after, now, &round, &lesson, err);
    if (status == 0)
        status = scaled(problem, before, &loss_before, err);
    if (status != 0)
        return status;
    if (policy_correct(
                problem->policy, &lesson, loss_before, &problem->scratch))
        problem->counters.corrected++;
    else
        problem->counters.corrections_deferred++;
    problem->counters.value_sum += after - before;
    return 0;
}

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

int fold_decision(struct problem *problem, const struct decision_record *record,
        struct err *err)
{
    if (record->has_held && !record->question.deferred) {
        int status =
                learn(problem, record, record->held, record->head.time, err);
        if (status != 0)
            return status;
    }
    problem->counters.decisions++;
    return 0;
}

int fold_feedback(struct problem *problem, const struct feedback_record *record,
        const struct decision_record *decision, struct err *err)
{
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
            status = learn(
                    problem, decision, record->after, record->head.time, err);
        break;
    case EFFECT_CORRECT:
        status = need_decision(decision, &record->head, err);
        if (status == 0)
            status = correct(problem, decision, record->before, record->after,
                    record->head.time, err);
        break;
    }
    if (status == 0)
        problem->counters.feedbacks++;
    return status;
}

int fold_expiry(struct problem *problem, const struct expiry_record *record,
        const struct decision_record *decision, struct err *err)
{
    if (record->effect == EFFECT_LEARN) {
        int status = need_decision(decision, &record->head, err);
        if (status == 0)
            status = learn(
                    problem, decision, record->after, record->head.time, err);
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
    int status = 0;

    if (record->has_held)
        status = need_decision(decision, &record->head, err);
    if (status == 0 && record->has_held)
        status = learn(problem, decision, record->held, record->head.time, err);
    if (status == 0)
        problem->counters.activations++;
    return status;
}

/* Does the fold of this record look at the event's decision? */
static bool wants_decision(const union any_record *record)
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

static int fold_any(struct problem *problem, const union any_record *record,
        const struct decision_record *decision, struct err *err)
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
        problem->generation = record->promotion.generation;
        return 0;
    case RECORD_CONFIG:
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
    if (wants_decision(&record)) {
        status = find_decision(problem, &record.head, source, &decision, err);
        if (status != 0)
            return status;
        found = true;
    }
    return fold_any(problem, &record, found ? &decision.decision : NULL, err);
}
