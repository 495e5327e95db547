#include "replay/progressive.h"

#include "base/hash.h"
#include "service/engine/fold.h"
#include "service/engine/outcome.h"
#include "service/engine/round.h"

#include <inttypes.h>
#include <stdlib.h>

#define ARENA_BYTES ((size_t)64 << 20)

struct run {
    struct ledger_reader *reader;
    struct problem *problem;
    struct arena arena; /* heap; of one record */
    struct progressive *result;
    double ratio, loss, cost; /* sums */
    struct err *err;
};

/* The decision that an outcome is of. */
static int find_decision(
        struct run *run, const struct record *head, union any_record *decision)
{
    struct event_state state;
    struct log_entry entry;
    int status = event_get(
            run->reader->txn, head->problem, head->event, &state, run->err);

    if (status == 0)
        status = log_get(run->reader->txn, state.decision, &entry, run->err);
    if (status == STATUS_NOT_FOUND)
        return err_set(run->err, STATUS_CORRUPT, "its decision is not there");
    if (status != 0)
        return status;
    return record_decode(
            entry.kind, entry.payload, &run->arena, decision, run->err);
}

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

static int take_feedback(struct run *run, const struct feedback_record *record)
{
    union any_record decision;
    int status;

    if (record->effect != EFFECT_LEARN && record->effect != EFFECT_CORRECT)
        return 0;
    status = find_decision(run, &record->head, &decision);
    if (status == 0 && record->effect == EFFECT_LEARN)
        status =
                count(run, &decision.decision, &record->subject, record->after);
    arena_reset(&run->problem->scratch);
    return status == 0
            ? fold_feedback(run->problem, record, &decision.decision, run->err)
            : status;
}

static int take_expiry(struct run *run, const struct expiry_record *record)
{
    static const struct subject chosen;
    union any_record decision;
    int status;

    if (record->effect != EFFECT_LEARN)
        return 0;
    status = find_decision(run, &record->head, &decision);
    if (status == 0)
        status = count(run, &decision.decision, &chosen, record->after);
    arena_reset(&run->problem->scratch);
    return status == 0
            ? fold_expiry(run->problem, record, &decision.decision, run->err)
            : status;
}

/* Feedback that came before its decision is learned with it. */
static int take_decision(struct run *run, const struct decision_record *record)
{
    int status = record->has_held && !record->question.deferred
            ? count(run, record, &record->held_subject, record->held)
            : 0;

    arena_reset(&run->problem->scratch);
    return status == 0 ? fold_decision(run->problem, record, run->err) : status;
}

static int take_activation(
        struct run *run, const struct activation_record *record)
{
    union any_record decision;
    int status;

    if (!record->has_held)
        return 0;
    status = find_decision(run, &record->head, &decision);
    if (status == 0)
        status = count(
                run, &decision.decision, &record->held_subject, record->held);
    arena_reset(&run->problem->scratch);
    return status == 0 ? fold_activation(run->problem, record,
                                 &decision.decision, run->err)
                       : status;
}

static int take_record(struct run *run, const union any_record *record)
{
    switch (record->head.kind) {
    case RECORD_DECISION:
        return take_decision(run, &record->decision);
    case RECORD_FEEDBACK:
        return take_feedback(run, &record->feedback);
    case RECORD_EXPIRY:
        return take_expiry(run, &record->expiry);
    case RECORD_ACTIVATION:
        return take_activation(run, &record->activation);
    default:
        return 0; /* a policy has no generations here, and no alarms */
    }
}

static int take_entry(struct run *run, const struct log_entry *entry)
{
    uint32_t number;
    union any_record record;
    int status;

    arena_reset(&run->arena);
    if (!record_peek_problem(entry->payload, &number))
        return err_set(run->err, STATUS_CORRUPT, "names no problem");
    if (number != run->problem->spec->number ||
            entry->sequence < run->problem->spec->since)
        return 0;
    status = record_decode(
            entry->kind, entry->payload, &run->arena, &record, run->err);
    return status == 0 ? take_record(run, &record) : status;
}

static int take_log(struct run *run)
{
    struct log_cursor cursor;
    struct log_entry entry;
    int status = log_cursor_open(&cursor, run->reader->txn, 1, run->err);

    if (status != 0)
        return status;
    while ((status = log_cursor_next(&cursor, &entry, run->err)) == 0) {
        status = take_entry(run, &entry);
        if (status != 0) {
            (void)err_prefix(run->err, "record %" PRIu64, entry.sequence);
            break;
        }
    }
    log_cursor_close(&cursor);
    return status == STATUS_NOT_FOUND ? 0 : status;
}

int progressive_run(struct ledger_reader *reader,
        const struct problem_spec *spec, struct progressive *result,
        struct err *err)
{
    struct run run = {.reader = reader, .result = result, .err = err};
    int status = 0;

    memset(result, 0, sizeof(*result));
    if (spec->settings.form != FORM_DECIDE)
        return err_set(err, STATUS_INVALID,
                "progressive-ips: only of problems with form: decide");
    run.problem = problem_open(spec, err);
    if (run.problem == NULL)
        return STATUS_INTERNAL;
    run.arena = arena_over(malloc(ARENA_BYTES), ARENA_BYTES);
    status = run.arena.data == NULL ? err_set(err, STATUS_INTERNAL, "no memory")
                                    : take_log(&run);
    if (status == 0 && result->weight > 0.0) {
        result->loss = run.loss / result->weight;
        result->cost = run.cost / result->weight;
        result->ratio = run.ratio / result->weight;
    }
    problem_close(run.problem);
    free(run.arena.data);
    return status;
}
