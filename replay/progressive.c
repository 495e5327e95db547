#include "replay/progressive.h"

#include "base/hash.h"
#include "replay/walk.h"
#include "service/engine/outcome.h"
#include "service/engine/round.h"

#include <stdlib.h>

#define ARENA_BYTES ((size_t)64 << 20)

struct run {
    struct problem *problem;
    struct arena arena; /* heap; of one record */
    struct progressive *result;
    double ratio, loss, cost; /* sums */
    bool outside; /* records of other columns or actions */
    struct err *err;
};

/* What the policy would have given the action, before it learns. */
static int probability_of(struct run *run,
        const struct decision_record *decision, double *probability)
{
    const struct problem_spec *spec = run->problem->spec;
    struct distribution drawn;
    struct round_view round;
    int status = round_of_record(spec, decision, &run->arena, &round, run->err);

    if (status == 0)
        status = policy_decide(run->problem->policy, &round.context,
                &round.actions, spec->settings.seed,
                hash_bytes(decision->head.event, 0), &run->arena, &drawn,
                run->err);
    if (status == 0)
        *probability = drawn.pmf[decision->chosen];
    return status;
}

/* Counts the outcome of a decision; not one of another action. */
static int count(struct run *run, const struct decision_record *decision,
        const struct subject *subject, double value)
{
    bool minimise =
            run->problem->spec->settings.objective == OBJECTIVE_MINIMISE;
    double weight = record_weight(decision), probability, ratio;
    double cost = minimise ? value : -value;
    int status;

    if (decision->count == 0 ||
            outcome_index(decision, subject) != decision->chosen)
        return 0;
    status = probability_of(run, decision, &probability);
    if (status != 0)
        return status;
    ratio = probability / decision->probability[decision->chosen];
    run->result->rows++;
    run->result->weight += weight;
    run->ratio += weight * ratio;
    run->cost += weight * cost;
    run->loss += weight * ratio * cost;
    return 0;
}

/* What a record teaches of its decision; false: nothing. Feedback that came
 * before its decision is learned with it. */
static bool taught(
        const union any_record *record, struct subject *subject, double *value)
{
    memset(subject, 0, sizeof(*subject));
    switch (record->head.kind) {
    case RECORD_DECISION:
        *subject = record->decision.held_subject;
        *value = record->decision.held;
        return record->decision.has_held && !record->decision.question.deferred;
    case RECORD_FEEDBACK:
        *subject = record->feedback.subject;
        *value = record->feedback.after;
        return record->feedback.effect == EFFECT_LEARN;
    case RECORD_EXPIRY:
        *value = record->expiry.after;
        return record->expiry.effect == EFFECT_LEARN;
    case RECORD_ACTIVATION:
        *subject = record->activation.held_subject;
        *value = record->activation.held;
        return record->activation.has_held;
    case RECORD_PROMOTION:
    case RECORD_CONFIG:
    case RECORD_ALARM:
        return false;
    }
    return false;
}

static bool wants(void *self, uint32_t problem, const struct log_entry *entry)
{
    const struct run *run = self;

    (void)entry;
    return problem == run->problem->spec->number;
}

/* A policy has no generations here, and no alarms. */
static int visit(void *self, const struct walk_record *walked, struct err *err)
{
    struct run *run = self;
    const union any_record *record = walked->record;
    const struct decision_record *decision = walked->decision;
    struct subject subject;
    double value;
    int status = 0;

    if (record->head.kind == RECORD_CONFIG) {
        run->outside = record->config.shape != run->problem->spec->shape_digest;
        if (run->outside)
            problem_reset(run->problem);
        return 0;
    }
    if (run->outside || record->head.kind == RECORD_PROMOTION ||
            record->head.kind == RECORD_ALARM ||
            (decision == NULL && fold_wants_decision(record)))
        return 0;
    if (record->head.kind == RECORD_DECISION)
        decision = &record->decision;
    arena_reset(&run->arena);
    run->err = err;
    if (decision != NULL && taught(record, &subject, &value))
        status = count(run, decision, &subject, value);
    arena_reset(&run->problem->scratch);
    return status == 0 ? fold_any(run->problem, record, walked->decision,
                                 walked->source, err)
                       : status;
}

static int take_log(struct run *run, struct ledger_reader *reader,
        uint64_t from, uint64_t last)
{
    struct walk walk = {.reader = reader,
            .from = from,
            .last = last,
            .wants = wants,
            .visit = visit,
            .self = run};

    return walk_run(&walk, run->err);
}

int progressive_run(struct ledger_reader *reader,
        const struct problem_spec *spec, uint64_t from, uint64_t last,
        struct progressive *result, struct err *err)
{
    struct run run = {.result = result, .err = err};
    int status = 0;

    memset(result, 0, sizeof(*result));
    if (spec->settings.form != FORM_DECIDE)
        return err_set(err, STATUS_INVALID,
                "progressive-ips: only of problems with form: decide");
    if (spec->policy.learner == NULL && spec->policy.oracle.oracle->batch)
        return err_set(err, STATUS_UNSUPPORTED,
                "progressive-ips: oracle %s learns no row by itself",
                spec->policy.oracle.oracle->name);
    run.problem = problem_open(spec, err);
    if (run.problem == NULL)
        return STATUS_INTERNAL;
    run.arena = arena_over(malloc(ARENA_BYTES), ARENA_BYTES);
    status = run.arena.data == NULL ? err_set(err, STATUS_INTERNAL, "no memory")
                                    : take_log(&run, reader, from, last);
    if (status == 0 && result->weight > 0.0) {
        result->loss = run.loss / result->weight;
        result->cost = run.cost / result->weight;
        result->ratio = run.ratio / result->weight;
    }
    problem_close(run.problem);
    free(run.arena.data);
    return status;
}
