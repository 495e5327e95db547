#include "replay/outcomes.h"

#include "replay/walk.h"
#include "service/engine/outcome.h"
#include "service/engine/round.h"

#include <math.h>
#include <stdlib.h>

#define ARENA_BYTES ((size_t)64 << 20)

struct run {
    struct outcomes *outcomes;
    struct problem *problem; /* NULL without predictions */
    struct arena arena; /* of one outcome */
};

static bool wants(void *self, uint32_t problem, const struct log_entry *entry)
{
    const struct run *run = self;

    return problem == run->outcomes->spec->number &&
            entry->sequence >= run->outcomes->spec->since;
}

/* What a record teaches for the first time. */
struct lesson_of {
    const struct decision_record *decision; /* NULL: it teaches nothing */
    const struct subject *subject;
    double value;
    bool unjoined;
};

static struct lesson_of lesson_of(const struct walk_record *record)
{
    static const struct subject chosen;
    const union any_record *any = record->record;

    switch (any->head.kind) {
    case RECORD_DECISION:
        if (any->decision.has_held && !any->decision.question.deferred)
            return (struct lesson_of){&any->decision,
                    &any->decision.held_subject, any->decision.held, false};
        break;
    case RECORD_FEEDBACK:
        if (any->feedback.effect == EFFECT_LEARN)
            return (struct lesson_of){record->decision, &any->feedback.subject,
                    any->feedback.after, false};
        break;
    case RECORD_EXPIRY:
        if (any->expiry.effect == EFFECT_LEARN)
            return (struct lesson_of){
                    record->decision, &chosen, any->expiry.after, true};
        break;
    case RECORD_ACTIVATION:
        if (any->activation.has_held)
            return (struct lesson_of){record->decision,
                    &any->activation.held_subject, any->activation.held, false};
        break;
    default:
        break;
    }
    return (struct lesson_of){.decision = NULL};
}

static int visit_outcome(struct run *run, const struct walk_record *record,
        const struct lesson_of *lesson, struct err *err)
{
    const struct problem_spec *spec = run->outcomes->spec;
    const struct decision_record *decision = lesson->decision;
    uint32_t index = outcome_index(decision, lesson->subject);
    struct stored_outcome outcome = {.sequence = record->sequence,
            .time = record->record->head.time,
            .value = lesson->value};
    struct round_view round;
    int status;

    if (index >= decision->count ||
            decision->count > spec->policy.shape.actions_max)
        return 0;
    arena_reset(&run->arena);
    status = round_of_record(spec, decision, &run->arena, &round, err);
    if (status != 0)
        return status;
    outcome.groups = round.context.groups;
    outcome.group_count = round.context.group_count;
    outcome.seen = (struct drift_outcome){
            .context = &round.context,
            .slot = round.actions.slot == NULL
                    ? -1
                    : (int64_t)round.actions.slot[index],
            .count = round.actions.count,
            .propensity = outcome_propensity(decision, lesson->subject),
            .loss = loss_of_value(&spec->policy.range, lesson->value),
            .unjoined = lesson->unjoined,
            .predicted = run->problem == NULL
                    ? (double)NAN
                    : policy_expected(run->problem->policy, &round.context,
                              &round.actions, index, &run->arena),
            .delay = outcome.time - decision->head.time,
    };
    return run->outcomes->visit(run->outcomes->self, &outcome, err);
}

static int fold(
        struct run *run, const struct walk_record *record, struct err *err)
{
    if (run->problem == NULL ||
            (record->decision == NULL && fold_wants_decision(record->record)))
        return 0;
    arena_reset(&run->problem->scratch);
    return fold_any(run->problem, record->record, record->decision,
            record->source, err);
}

static int visit(void *self, const struct walk_record *record, struct err *err)
{
    struct run *run = self;
    struct lesson_of lesson = lesson_of(record);
    int status = 0;

    if (record->record->head.kind == RECORD_ALARM)
        run->outcomes->alarm(
                run->outcomes->self, record->sequence, &record->record->alarm);
    if (lesson.decision != NULL)
        status = visit_outcome(run, record, &lesson, err);
    return status == 0 ? fold(run, record, err) : status;
}

static void progress(void *self, uint64_t done, uint64_t all)
{
    struct run *run = self;

    if (run->outcomes->progress != NULL)
        run->outcomes->progress(run->outcomes->self, done, all);
}

int outcomes_run(struct outcomes *outcomes, struct err *err)
{
    struct run run = {.outcomes = outcomes};
    struct walk walk = {.reader = outcomes->reader,
            .from = outcomes->spec->since,
            .wants = wants,
            .visit = visit,
            .progress = progress,
            .self = &run};
    int status = 0;

    if (outcomes->spec->settings.form != FORM_DECIDE)
        return err_set(err, STATUS_INVALID,
                "only problems of the form decide are watched");
    run.arena = arena_over(malloc(ARENA_BYTES), ARENA_BYTES);
    if (run.arena.data == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    if (outcomes->predictions) {
        run.problem = problem_open(outcomes->spec, err);
        status = run.problem == NULL ? STATUS_INTERNAL : 0;
    }
    if (status == 0)
        status = walk_run(&walk, err);
    outcomes->lost = walk.lost;
    problem_close(run.problem);
    free(run.arena.data);
    return status;
}
