#include "replay/verify.h"

#include "base/hash.h"
#include "replay/rebuild.h"
#include "replay/sound.h"
#include "service/engine/engine.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define RECORD_ARENA_BYTES ((size_t)16 << 20)
#define SPEC_ARENA_BYTES   ((size_t)64 << 20)
#define PROGRESS_EVERY     UINT64_C(65536)

struct verify {
    struct ledger *ledger;
    struct ledger_reader reader;
    const struct verify_progress *progress;
    struct verify_report *report;
    struct arena arena; /* one record at a time */
    uint64_t marks; /* of all events */
    uint64_t feedbacks; /* records whose event must know them */
    struct err *err;
};

__attribute__((format(printf, 2, 3))) static void finding(
        struct verify *verify, const char *format, ...)
{
    struct verify_report *report = verify->report;
    va_list args;

    if (report->finding_count < VERIFY_FINDINGS_MAX) {
        va_start(args, format);
        (void)vsnprintf(report->findings[report->finding_count],
                VERIFY_TEXT_SIZE, format, args);
        va_end(args);
    }
    report->finding_count++;
}

static void show_progress(
        struct verify *verify, const char *what, uint64_t done, uint64_t all)
{
    if (verify->progress != NULL)
        verify->progress->call(verify->progress->self, what, done, all);
}

/* ---- records and the join ---- */

struct event_text {
    char text[ID_BYTES_MAX + 1];
};

static struct event_text text_of(struct bytes event)
{
    struct event_text text;

    (void)bytes_text(event, text.text, sizeof(text.text));
    return text;
}

/* The event's state; NOT_FOUND is for the caller to judge. */
static int state_of(struct verify *verify, const struct record *head,
        struct event_state *state)
{
    return event_get(
            verify->reader.txn, head->problem, head->event, state, verify->err);
}

/* A check that found something: CORRUPT, with what, is a finding. */
static int judged(struct verify *verify, uint64_t sequence, int status)
{
    if (status != STATUS_CORRUPT)
        return status;
    finding(verify, "record %" PRIu64 ": %s", sequence, verify->err->text);
    return 0;
}

/* What a record of the event says was learned, against the event's decision. */
static int check_claim(struct verify *verify, uint64_t sequence,
        const struct event_state *state, const struct claim *claim)
{
    union any_record decision;
    struct log_entry entry;
    int status;

    if (!claim_given(claim))
        return 0;
    status = log_get(verify->reader.txn, state->decision, &entry, verify->err);
    if (status == 0)
        status = record_decode(entry.kind, entry.payload, &verify->arena,
                &decision, verify->err);
    if (status == STATUS_NOT_FOUND || status == STATUS_CORRUPT)
        return 0; /* is found where that record is checked */
    if (status != 0 || entry.kind != RECORD_DECISION)
        return status;
    return judged(verify, sequence,
            sound_claim(
                    claim, &decision.decision, &verify->arena, verify->err));
}

static int check_choice(struct verify *verify, uint64_t sequence,
        const struct decision_record *record)
{
    struct claim claim = {
            NULL, &record->held_subject, &record->held_costs, record->held};
    int status = sound_decision(record, &verify->arena, verify->err);

    if (status == 0)
        status = sound_claim(&claim, record, &verify->arena, verify->err);
    return judged(verify, sequence, status);
}

static int check_decision(struct verify *verify, uint64_t sequence,
        const struct decision_record *record)
{
    struct event_state state;
    int status = check_choice(verify, sequence, record);

    if (status == 0)
        status = state_of(verify, &record->head, &state);
    if (status == STATUS_NOT_FOUND) {
        finding(verify, "record %" PRIu64 ": its event '%s' is not known",
                sequence, text_of(record->head.event).text);
        return 0;
    }
    if (status != 0)
        return status;
    if (state.decision != sequence)
        finding(verify,
                "record %" PRIu64 ": event '%s' was decided by record %" PRIu64
                " too",
                sequence, text_of(record->head.event).text, state.decision);
    else if (state.content != question_digest(&record->question))
        finding(verify, "record %" PRIu64 ": event '%s' was asked otherwise",
                sequence, text_of(record->head.event).text);
    return 0;
}

static bool has_mark(const struct event_state *state, struct feedback_mark mark)
{
    for (uint32_t i = 0; i < state->mark_count; i++)
        if (state->marks[i].id == mark.id &&
                state->marks[i].content == mark.content)
            return true;
    return false;
}

/* Feedback that was held may have been given up with its orphaned event, and
 * that of a retired event outlives it for a while. */
static bool may_be_gone(
        const struct verify *verify, const struct feedback_record *record)
{
    return record->effect == EFFECT_HOLD || verify->report->first_sequence > 1;
}

static int check_feedback(struct verify *verify, uint64_t sequence,
        const struct feedback_record *record)
{
    struct claim claim = {
            &record->shown, &record->subject, &record->costs, record->value};
    struct feedback feedback = feedback_of_record(record);
    struct event_state state;
    int status = state_of(verify, &record->head, &state);
    bool known =
            status == 0 && has_mark(&state, engine_feedback_mark(&feedback));

    if (status != 0 && status != STATUS_NOT_FOUND)
        return status;
    if (known) {
        verify->feedbacks++;
        return effect_teaches(record->effect)
                ? check_claim(verify, sequence, &state, &claim)
                : 0;
    }
    if (may_be_gone(verify, record))
        verify->report->orphans++;
    else
        finding(verify, "record %" PRIu64 ": its event '%s' %s", sequence,
                text_of(record->head.event).text,
                status == 0 ? "does not know of it" : "is not known");
    return 0;
}

/* An expiry or activation that taught something. */
static int check_taught(struct verify *verify, uint64_t sequence,
        const struct record *head, const struct claim *claim)
{
    struct event_state state;
    int status;

    if (!claim_given(claim))
        return 0;
    status = state_of(verify, head, &state);
    if (status == STATUS_NOT_FOUND)
        return 0;
    return status == 0 ? check_claim(verify, sequence, &state, claim) : status;
}

static int check_expiry(struct verify *verify, uint64_t sequence,
        const struct expiry_record *record)
{
    static const struct subject chosen;
    struct claim claim = {NULL, &chosen, &record->costs, record->after};

    return check_taught(verify, sequence, &record->head, &claim);
}

static int check_activation(struct verify *verify, uint64_t sequence,
        const struct activation_record *record)
{
    struct claim claim = {
            NULL, &record->held_subject, &record->held_costs, record->held};

    return check_taught(verify, sequence, &record->head, &claim);
}

static int check_record(struct verify *verify, const struct log_entry *entry)
{
    union any_record record;
    int status;

    arena_reset(&verify->arena);
    status = record_decode(
            entry->kind, entry->payload, &verify->arena, &record, verify->err);
    if (status == STATUS_CORRUPT) {
        finding(verify, "record %" PRIu64 ": %s", entry->sequence,
                verify->err->text);
        return 0;
    }
    if (status != 0)
        return status;
    verify->report->records[entry->kind]++;
    switch (entry->kind) {
    case RECORD_DECISION:
        return check_decision(verify, entry->sequence, &record.decision);
    case RECORD_FEEDBACK:
        return check_feedback(verify, entry->sequence, &record.feedback);
    case RECORD_EXPIRY:
        return check_expiry(verify, entry->sequence, &record.expiry);
    case RECORD_ACTIVATION:
        return check_activation(verify, entry->sequence, &record.activation);
    case RECORD_PROMOTION:
    case RECORD_CONFIG:
    case RECORD_ALARM:
        return 0;
    }
    return 0;
}

static int check_log(struct verify *verify)
{
    struct verify_report *report = verify->report;
    struct log_cursor cursor;
    struct log_entry entry;
    int status = log_cursor_open(
            &cursor, verify->reader.txn, report->first_sequence, verify->err);

    if (status != 0)
        return status;
    while ((status = log_cursor_next(&cursor, &entry, verify->err)) == 0) {
        status = check_record(verify, &entry);
        if (status != 0)
            break;
        if (entry.sequence % PROGRESS_EVERY == 0)
            show_progress(
                    verify, "records", entry.sequence, report->last_sequence);
    }
    log_cursor_close(&cursor);
    if (status == STATUS_CORRUPT) {
        /* What follows a damaged record cannot be trusted to follow. */
        finding(verify, "%s", verify->err->text);
        return 0;
    }
    return status == STATUS_NOT_FOUND ? 0 : status;
}

static int count_event(void *self, uint32_t problem, struct bytes event,
        const struct event_state *state, struct err *err)
{
    struct verify *verify = self;

    (void)problem;
    (void)event;
    (void)err;
    verify->report->events++;
    verify->marks += state->mark_count;
    return 0;
}

static int check_join(struct verify *verify)
{
    int status =
            event_each(verify->reader.txn, count_event, verify, verify->err);

    /* Retention takes records of orphans whose events stay. */
    if (status == 0 && verify->marks != verify->feedbacks &&
            (verify->report->first_sequence <= 1 ||
                    verify->marks < verify->feedbacks))
        finding(verify,
                "events know of %" PRIu64 " feedbacks, the log of %" PRIu64,
                verify->marks, verify->feedbacks);
    return status;
}

/* ---- state ---- */

static uint8_t *state_bytes(const struct problem *problem, size_t *size)
{
    uint8_t *data;
    struct writer writer;

    *size = problem_save_size(problem);
    data = malloc(*size);
    if (data == NULL)
        return NULL;
    writer = writer_over(data, *size);
    problem_save(problem, &writer);
    return data;
}

static int fold_to(struct verify *verify, struct problem *problem,
        bool from_start, uint64_t until, uint64_t *folded)
{
    struct rebuild rebuild = {.problems = &problem,
            .problem_count = 1,
            .from_start = from_start,
            .until = until};
    int status;

    problem_reset(problem);
    status = rebuild_run(&rebuild, &verify->reader, verify->err);
    *folded = rebuild.folded;
    return status;
}

/* The fold from the first record up to the newest snapshot is that snapshot. */
static int compare_snapshot(struct verify *verify, struct problem *problem,
        struct verify_problem *result)
{
    struct snapshot snapshot;
    uint64_t folded;
    uint8_t *state;
    size_t size;
    int status = snapshot_at(verify->reader.txn, problem->spec->number,
            UINT64_MAX, &snapshot, verify->err);

    if (status == STATUS_NOT_FOUND)
        return 0;
    if (status == STATUS_CORRUPT) {
        finding(verify, "%s", verify->err->text);
        return 0;
    }
    if (status != 0)
        return status;
    result->snapshot_sequence = snapshot.sequence;
    if (snapshot.digest != problem->spec->state_digest ||
            !problem_state_is_current(snapshot.state))
        return 0;
    status = fold_to(verify, problem, true, snapshot.sequence, &folded);
    if (status != 0)
        return status;
    state = state_bytes(problem, &size);
    if (state == NULL)
        return err_set(verify->err, STATUS_INTERNAL, "no memory");
    result->snapshot_compared = true;
    if (!bytes_equal(bytes_of(state, size), snapshot.state))
        finding(verify,
                "problem '%s': the fold of its log is not its snapshot at "
                "%" PRIu64,
                result->name, snapshot.sequence);
    free(state);
    return 0;
}

/* The fold of everything is what a restart would have. */
static int compare_states(struct verify *verify, struct problem *problem,
        struct verify_problem *result)
{
    uint64_t folded, restarted = 0;
    int status = fold_to(verify, problem, true, 0, &result->folded);

    if (status == 0 && !problem_state_hash(problem, &result->state_hash))
        return err_set(verify->err, STATUS_INTERNAL, "no memory");
    if (status == 0)
        status = fold_to(verify, problem, false, 0, &folded);
    if (status == 0 && !problem_state_hash(problem, &restarted))
        return err_set(verify->err, STATUS_INTERNAL, "no memory");
    if (status == 0 && restarted != result->state_hash)
        finding(verify,
                "problem '%s': a restart would not have the state of the "
                "whole log",
                result->name);
    return status;
}

static int check_spec(struct verify *verify, const struct problem_spec *spec,
        struct verify_problem *result)
{
    struct problem *problem = problem_open(spec, verify->err);
    int status;

    if (problem == NULL)
        return STATUS_INTERNAL;
    status = compare_snapshot(verify, problem, result);
    if (status == 0)
        status = compare_states(verify, problem, result);
    if (status == STATUS_CORRUPT || status == STATUS_NOT_FOUND) {
        finding(verify, "problem '%s': %s", result->name, verify->err->text);
        status = 0;
    }
    problem_close(problem);
    return status;
}

/* The problem's spec from its newest Config record. */
static int spec_of(struct verify *verify, struct bytes name, uint32_t number,
        uint64_t config, struct arena *arena, struct problem_spec *spec)
{
    union any_record record;
    struct log_entry entry;
    int status = log_get(verify->reader.txn, config, &entry, verify->err);

    if (status == 0)
        status = record_decode(
                entry.kind, entry.payload, arena, &record, verify->err);
    if (status == 0 && entry.kind != RECORD_CONFIG)
        status = err_set(
                verify->err, STATUS_CORRUPT, "its settings are another record");
    if (status == 0)
        status = problem_spec_parse_text(
                spec, name, record.config.settings, arena, verify->err);
    spec->number = number;
    return status;
}

static int check_problem(void *self, struct bytes name, uint32_t number,
        uint64_t config, struct err *err)
{
    struct verify *verify = self;
    struct verify_report *report = verify->report;
    struct verify_problem *result;
    struct verify_problem *grown = realloc(report->problems,
            (report->problem_count + 1) * sizeof(*report->problems));
    struct arena arena = arena_over(malloc(SPEC_ARENA_BYTES), SPEC_ARENA_BYTES);
    struct problem_spec spec;
    int status;

    if (grown != NULL)
        report->problems = grown;
    if (grown == NULL || arena.data == NULL) {
        free(arena.data);
        return err_set(err, STATUS_INTERNAL, "no memory");
    }
    result = &report->problems[report->problem_count++];
    memset(result, 0, sizeof(*result));
    (void)bytes_text(name, result->name, sizeof(result->name));
    show_progress(verify, result->name, report->problem_count, 0);
    status = spec_of(verify, name, number, config, &arena, &spec);
    if (status == 0) {
        (void)snprintf(
                result->policy, sizeof(result->policy), "%s", spec.policy_name);
        status = check_spec(verify, &spec, result);
    } else if (status == STATUS_NOT_FOUND || status == STATUS_CORRUPT ||
            status == STATUS_INVALID) {
        finding(verify, "problem '%s': %s", result->name, verify->err->text);
        status = 0;
    }
    free(arena.data);
    return status;
}

/* ---- the whole ---- */

static int run_checks(struct verify *verify)
{
    struct verify_report *report = verify->report;
    int status =
            log_first(verify->reader.txn, &report->first_sequence, verify->err);

    if (status == 0)
        status = log_last(
                verify->reader.txn, &report->last_sequence, verify->err);
    if (status == 0 && report->first_sequence > 0)
        status = check_log(verify);
    if (status == 0)
        status = check_join(verify);
    if (status == 0)
        status = ledger_reader_problems(
                &verify->reader, check_problem, verify, verify->err);
    return status;
}

int verify_run(struct ledger *ledger, const struct verify_progress *progress,
        struct verify_report *report, struct err *err)
{
    struct verify verify = {.ledger = ledger,
            .progress = progress,
            .report = report,
            .err = err};
    int status;

    memset(report, 0, sizeof(*report));
    verify.arena = arena_over(malloc(RECORD_ARENA_BYTES), RECORD_ARENA_BYTES);
    if (verify.arena.data == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    status = ledger_reader_open(ledger, &verify.reader, err);
    if (status == 0) {
        status = run_checks(&verify);
        ledger_reader_close(&verify.reader);
    }
    free(verify.arena.data);
    return status;
}

void verify_free(struct verify_report *report)
{
    free(report->problems);
    report->problems = NULL;
}
