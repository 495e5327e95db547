#include "replay/explain.h"

#include "replay/rebuild.h"
#include "service/engine/choose.h"

#include <stdio.h>
#include <stdlib.h>

struct explain {
    struct ledger_reader *reader;
    struct arena *arena;
    struct explained *out;
    uint32_t number;
    struct event_state state;
    struct err *err;
};

/* ---- what is there ---- */

static int read_record(
        struct explain *explain, uint64_t sequence, union any_record *record)
{
    struct log_entry entry;
    struct bytes copy;
    int status = log_get(explain->reader->txn, sequence, &entry, explain->err);

    if (status != 0)
        return status;
    copy = bytes_of(
            arena_copy(explain->arena, entry.payload.data, entry.payload.size),
            entry.payload.size);
    if (copy.data == NULL)
        return err_set(explain->err, STATUS_BUSY, "record is too large");
    return record_decode(
            entry.kind, copy, explain->arena, record, explain->err);
}

/* The problem's settings when a record was written. */
static int find_settings(struct explain *explain, uint64_t before)
{
    struct log_cursor cursor;
    struct log_entry entry;
    uint64_t config = 0;
    uint32_t number;
    union any_record record;
    int status =
            log_cursor_open(&cursor, explain->reader->txn, 1, explain->err);

    if (status != 0)
        return status;
    while ((status = log_cursor_next(&cursor, &entry, explain->err)) == 0 &&
            entry.sequence < before)
        if (entry.kind == RECORD_CONFIG &&
                record_peek_problem(entry.payload, &number) &&
                number == explain->number)
            config = entry.sequence;
    log_cursor_close(&cursor);
    if (status != 0 && status != STATUS_NOT_FOUND)
        return status;
    if (config == 0)
        return err_set(explain->err, STATUS_NOT_FOUND,
                "the settings of that time are not kept");
    status = read_record(explain, config, &record);
    if (status != 0)
        return status;
    return problem_spec_parse_text(&explain->out->spec, record.config.name,
            record.config.settings, explain->arena, explain->err);
}

static int find_decision(struct explain *explain, struct bytes event)
{
    struct explained *out = explain->out;
    union any_record record;
    char text[ID_BYTES_MAX + 1];
    int status = event_get(explain->reader->txn, explain->number, event,
            &explain->state, explain->err);

    if (status == STATUS_NOT_FOUND ||
            (status == 0 && explain->state.decision == 0))
        return err_set(explain->err, STATUS_NOT_FOUND, "no decision of '%s'",
                bytes_text(event, text, sizeof(text)));
    if (status == 0)
        status = read_record(explain, explain->state.decision, &record);
    if (status != 0)
        return status;
    out->sequence = explain->state.decision;
    out->decision = record.decision;
    if (out->decision.count > 0 && out->decision.path_count == 0 &&
            !out->decision.has_second)
        return 0;
    return err_set(explain->err, STATUS_UNSUPPORTED,
            "only decisions of one action can be explained");
}

/* ---- the state of a time ---- */

static int state_until(struct explain *explain, uint64_t sequence)
{
    struct rebuild rebuild = {.problems = &explain->out->problem,
            .problem_count = 1,
            .until = sequence};

    problem_reset(explain->out->problem);
    return rebuild_run(&rebuild, explain->reader, explain->err);
}

/* The decision again, as the engine makes it: under a guard, a trial or a
 * breaker too. The same distribution, and the same draw from it? */
static int decide_again(struct explain *explain, struct round_view *round)
{
    struct explained *out = explain->out;
    const struct decision_record *decision = &out->decision;
    struct decision_record again;
    struct round_view seen;
    int status = round_of_record(
            &out->spec, decision, explain->arena, round, explain->err);

    if (status != 0)
        return status;
    status = choose_record(out->problem, &decision->head, &decision->question,
            explain->arena, &seen, &again, explain->err);
    if (status == STATUS_INVALID)
        return 0; /* the service would not be asked so: an import */
    if (status != 0)
        return status;
    /* Other actions may be eligible than were: an import says its own. */
    if (again.count != decision->count ||
            memcmp(again.eligible, decision->eligible,
                    decision->count * sizeof(*again.eligible)) != 0)
        return 0;
    out->probability = again.probability;
    out->identical = again.chosen == decision->chosen &&
            memcmp(again.probability, decision->probability,
                    decision->count * sizeof(double)) == 0;
    return 0;
}

static int contribute(struct explain *explain, const struct round_view *round)
{
    struct explained *out = explain->out;
    uint32_t count = out->decision.count;
    struct contributions *actions =
            arena_array(explain->arena, struct contributions, count);
    int status = 0;

    if (actions == NULL)
        return err_set(explain->err, STATUS_BUSY, "too many actions");
    for (uint32_t i = 0; status == 0 && i < count; i++)
        status = policy_contributions(out->problem->policy, &round->context,
                &round->actions, i, explain->arena, &actions[i], explain->err);
    if (status == STATUS_UNSUPPORTED)
        return 0; /* a learner */
    out->actions = actions;
    return status;
}

/* ---- what came of it ---- */

static bool take_outcome(const union any_record *record, uint64_t sequence,
        struct explained_outcome *outcome)
{
    *outcome = (struct explained_outcome){.sequence = sequence,
            .kind = record->head.kind,
            .time = record->head.time};
    switch (record->head.kind) {
    case RECORD_FEEDBACK:
        outcome->effect = record->feedback.effect;
        outcome->value = record->feedback.value;
        outcome->after = record->feedback.after;
        return true;
    case RECORD_EXPIRY:
        outcome->effect = record->expiry.effect;
        outcome->value = outcome->after = record->expiry.after;
        return true;
    case RECORD_ACTIVATION:
        outcome->effect =
                record->activation.has_held ? EFFECT_LEARN : EFFECT_NONE;
        outcome->value = outcome->after = record->activation.held;
        return true;
    default:
        return false;
    }
}

static int find_outcomes(struct explain *explain)
{
    struct explained *out = explain->out;
    struct log_cursor cursor;
    struct log_entry entry;
    int status = log_cursor_open(
            &cursor, explain->reader->txn, out->sequence + 1, explain->err);

    if (status != 0)
        return status;
    while ((status = log_cursor_next(&cursor, &entry, explain->err)) == 0 &&
            entry.sequence <= explain->state.last &&
            out->outcome_count < EXPLAIN_OUTCOMES_MAX) {
        size_t mark = explain->arena->used;
        union any_record record;
        status = record_decode(entry.kind, entry.payload, explain->arena,
                &record, explain->err);
        if (status != 0)
            break;
        if (record.head.problem == explain->number &&
                bytes_equal(record.head.event, out->decision.head.event) &&
                take_outcome(&record, entry.sequence,
                        &out->outcomes[out->outcome_count]))
            out->outcome_count++;
        arena_release(explain->arena, mark);
    }
    log_cursor_close(&cursor);
    return status == STATUS_NOT_FOUND ? 0 : status;
}

static int chosen_score(
        struct explain *explain, const struct round_view *round, double *score)
{
    uint32_t chosen = explain->out->decision.chosen;
    struct action_set one = {.count = 1,
            .slot = round->actions.slot == NULL ? NULL
                                                : round->actions.slot + chosen,
            .features = round->actions.features == NULL
                    ? NULL
                    : round->actions.features + chosen};
    double loss;
    int status = policy_loss(explain->out->problem->policy, &round->context,
            &one, explain->arena, &loss, explain->err);

    *score = 1.0 - loss;
    return status;
}

/* The chosen action's score right before and after what taught. */
static int learn_again(struct explain *explain, const struct round_view *round)
{
    struct explained *out = explain->out;
    int status = 0;

    for (uint32_t i = 0; status == 0 && i < out->outcome_count; i++) {
        struct explained_outcome *outcome = &out->outcomes[i];
        if (outcome->effect != EFFECT_LEARN &&
                outcome->effect != EFFECT_CORRECT)
            continue;
        status = state_until(explain, outcome->sequence - 1);
        if (status == 0)
            status = chosen_score(explain, round, &outcome->score_before);
        if (status == STATUS_UNSUPPORTED)
            return 0;
        if (status == 0)
            status = state_until(explain, outcome->sequence);
        if (status == 0)
            status = chosen_score(explain, round, &outcome->score_after);
        outcome->taught = status == 0;
    }
    return status;
}

/* ---- the whole ---- */

int explain_event(struct ledger_reader *reader, struct bytes problem,
        struct bytes event, struct arena *arena, struct explained *out,
        struct err *err)
{
    struct explain explain = {
            .reader = reader, .arena = arena, .out = out, .err = err};
    struct round_view round;
    uint64_t config;
    int status;

    memset(out, 0, sizeof(*out));
    status = ledger_reader_problem(
            reader, problem, &explain.number, &config, err);
    if (status == STATUS_NOT_FOUND)
        return err_set(err, STATUS_NOT_FOUND, "there is no such problem");
    if (status == 0)
        status = find_decision(&explain, event);
    if (status == 0)
        status = find_settings(&explain, out->sequence);
    if (status != 0)
        return status;
    out->spec.number = explain.number;
    out->problem = problem_open(&out->spec, err);
    if (out->problem == NULL)
        return STATUS_INTERNAL;
    status = state_until(&explain, out->sequence - 1);
    if (status == 0)
        status = decide_again(&explain, &round);
    if (status == 0)
        status = contribute(&explain, &round);
    if (status == 0)
        status = find_outcomes(&explain);
    return status == 0 ? learn_again(&explain, &round) : status;
}

void explain_close(struct explained *explained)
{
    if (explained->problem != NULL)
        problem_close(explained->problem);
    explained->problem = NULL;
}

/* ---- names ---- */

static void named_name(const struct named *named, char *out, size_t size)
{
    (void)snprintf(out, size, "%.*s%s%.*s%s%.*s", (int)named->space.size,
            named->space.size > 0 ? (const char *)named->space.data : "",
            named->space.size > 0 ? "." : "", (int)named->name.size,
            (const char *)named->name.data, named->has_text ? "=" : "",
            named->has_text ? (int)named->text.size : 0,
            named->has_text && named->text.size > 0
                    ? (const char *)named->text.data
                    : "");
}

void explain_feature_name(const struct explained *explained, uint32_t action,
        const struct contribution *contribution, char *out, size_t size)
{
    const struct question *question = &explained->decision.question;
    const struct problem_spec *spec = &explained->spec;
    uint32_t place = explained->decision.eligible[action];
    uint32_t index = contribution->index;

    switch (contribution->part) {
    case CONTEXT_DENSE:
        (void)snprintf(out, size, "%.*s", (int)spec->columns[index].size,
                (const char *)spec->columns[index].data);
        return;
    case CONTEXT_NAMED:
        named_name(&question->named[index], out, size);
        return;
    case ACTION_DENSE:
        (void)snprintf(out, size, "action[%u]", index);
        return;
    case ACTION_NAMED:
        for (uint32_t i = 0; i < question->action_named_count; i++)
            if (question->action_named[i].action == place)
                named_name(&question->action_named[i].named[index], out, size);
        return;
    }
}
