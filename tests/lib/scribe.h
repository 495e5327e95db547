/* Writes a log without a service: the engine steps on one problem, and its
 * effects go straight to a ledger. For tests and benches of what reads logs.
 * A failure ends the program. */
#ifndef TESTS_SCRIBE_H
#define TESTS_SCRIBE_H

#include "service/engine/engine.h"
#include "storage/ledger.h"

#include <stdio.h>
#include <stdlib.h>

#define SCRIBE_SPEC_BYTES ((size_t)16 << 20)
#define SCRIBE_STEP_BYTES ((size_t)4 << 20)

struct scribe {
    struct ledger *ledger;
    struct arena specs, step;
    struct problem_spec spec;
    struct problem *problem;
    struct answer answer;
    uint64_t appended; /* sequence of the newest record */
};

_Noreturn static inline void scribe_failed(const struct err *err)
{
    fprintf(stderr, "scribe: %s\n", err->text);
    exit(1);
}

static inline void scribe_must(int status, const struct err *err)
{
    if (status != 0)
        scribe_failed(err);
}

/* ---- the journal ---- */

static inline int scribe_event_get(void *self, uint32_t problem,
        struct bytes event, struct event_state *state, struct err *err)
{
    struct scribe *scribe = self;

    return event_get(ledger_txn(scribe->ledger), problem, event, state, err);
}

static inline int scribe_decision_get(void *self, uint32_t problem,
        struct bytes event, const struct event_state *state,
        struct bytes *payload, struct err *err)
{
    struct scribe *scribe = self;
    struct log_entry entry;
    int status =
            log_get(ledger_txn(scribe->ledger), state->decision, &entry, err);

    (void)problem;
    (void)event;
    if (status != 0)
        return status;
    /* The next change of the store would take the view away. */
    payload->data =
            arena_copy(&scribe->step, entry.payload.data, entry.payload.size);
    payload->size = entry.payload.size;
    return 0;
}

static inline void scribe_append(void *self, enum record_kind kind,
        uint32_t problem, struct bytes payload)
{
    struct scribe *scribe = self;
    struct err err;

    (void)problem;
    scribe_must(ledger_append(
                        scribe->ledger, kind, payload, &scribe->appended, &err),
            &err);
}

static inline void scribe_event_put(void *self, uint32_t problem,
        struct bytes event, const struct event_state *state,
        struct bytes decision)
{
    struct scribe *scribe = self;
    struct event_state numbered = *state;
    struct err err;

    numbered.last = scribe->appended;
    if (decision.size > 0)
        numbered.decision = scribe->appended;
    scribe_must(event_put(ledger_txn(scribe->ledger), problem, event, &numbered,
                        &err),
            &err);
}

static inline void scribe_event_del(
        void *self, uint32_t problem, struct bytes event)
{
    struct scribe *scribe = self;
    struct err err;

    scribe_must(event_delete(ledger_txn(scribe->ledger), problem, event, &err),
            &err);
}

static inline void scribe_due_put(
        void *self, nanos deadline, uint32_t problem, struct bytes event)
{
    (void)self;
    (void)deadline;
    (void)problem;
    (void)event;
}

/* ---- its use ---- */

/* Records the problem's settings, `key: value` lines, in a new transaction. */
static inline void scribe_settings(struct scribe *scribe, const char *settings)
{
    struct config_record record = {.head = {.kind = RECORD_CONFIG}};
    struct err err;
    uint64_t config;
    struct bytes payload;

    scribe->specs = arena_over(malloc(SCRIBE_SPEC_BYTES), SCRIBE_SPEC_BYTES);
    scribe_must(problem_spec_parse_text(&scribe->spec, bytes_of_text("one"),
                        bytes_of_text(settings), &scribe->specs, &err),
            &err);
    scribe_must(ledger_problem(scribe->ledger, scribe->spec.name,
                        &scribe->spec.number, &config, &err),
            &err);
    record.head.problem = scribe->spec.number;
    record.name = scribe->spec.name;
    record.settings = scribe->spec.text;
    record.shape = scribe->spec.shape_digest;
    arena_reset(&scribe->step);
    payload = record_encode_config(&record, &scribe->step);
    scribe_append(scribe, RECORD_CONFIG, scribe->spec.number, payload);
    scribe_must(ledger_problem_set_config(scribe->ledger, scribe->spec.number,
                        scribe->appended, scribe->appended, &err),
            &err);
    scribe->problem = problem_open(&scribe->spec, &err);
    if (scribe->problem == NULL)
        scribe_failed(&err);
}

/* Takes the ledger over. */
static inline void scribe_open(
        struct scribe *scribe, struct ledger *ledger, const char *settings)
{
    struct err err;

    memset(scribe, 0, sizeof(*scribe));
    scribe->ledger = ledger;
    scribe->step = arena_over(malloc(SCRIBE_STEP_BYTES), SCRIBE_STEP_BYTES);
    scribe_must(ledger_begin(ledger, &err), &err);
    scribe_settings(scribe, settings);
}

/* A transaction ends, another one begins. */
static inline void scribe_commit(struct scribe *scribe)
{
    struct err err;

    scribe_must(ledger_commit(scribe->ledger, &err), &err);
    scribe_must(ledger_begin(scribe->ledger, &err), &err);
}

static inline void scribe_snapshot(struct scribe *scribe)
{
    size_t size = problem_save_size(scribe->problem);
    uint8_t *state = malloc(size);
    struct writer writer = writer_over(state, size);
    struct snapshot snapshot = {
            scribe->appended, scribe->spec.state_digest, {state, size}};
    struct err err;

    problem_save(scribe->problem, &writer);
    scribe_must(snapshot_put(ledger_txn(scribe->ledger), scribe->spec.number,
                        &snapshot, &err),
            &err);
    free(state);
}

static inline void scribe_close(struct scribe *scribe)
{
    struct err err;

    scribe_must(ledger_commit(scribe->ledger, &err), &err);
    problem_close(scribe->problem);
    ledger_close(scribe->ledger);
    free(scribe->specs.data);
    free(scribe->step.data);
}

static inline const struct answer *scribe_step(
        struct scribe *scribe, const struct input *input)
{
    struct journal journal = {
            .event_get = scribe_event_get,
            .decision_get = scribe_decision_get,
            .append = scribe_append,
            .event_put = scribe_event_put,
            .event_del = scribe_event_del,
            .due_put = scribe_due_put,
            .self = scribe,
    };

    arena_reset(&scribe->step);
    engine_step(
            scribe->problem, input, &journal, &scribe->step, &scribe->answer);
    return &scribe->answer;
}

/* The answer is valid until the next call. */
static inline const struct decision *scribe_decide(
        struct scribe *scribe, const struct question *question, nanos now)
{
    struct input input = {.kind = INPUT_DECIDE, .now = now};
    const struct answer *answer;
    struct err err;

    input.as.decide.question = question;
    answer = scribe_step(scribe, &input);
    if (answer->decision.status != STATUS_OK) {
        (void)err_set(
                &err, answer->decision.status, "%s", answer->decision.message);
        scribe_failed(&err);
    }
    return &answer->decision;
}

static inline void scribe_feedback(
        struct scribe *scribe, struct bytes event, double value, nanos now)
{
    struct feedback feedback = {.event = event, .value = value};
    struct input input = {.kind = INPUT_FEEDBACK, .now = now};
    const struct answer *answer;
    struct err err;

    input.as.feedback = &feedback;
    answer = scribe_step(scribe, &input);
    if (answer->receipt.status != STATUS_OK) {
        (void)err_set(
                &err, answer->receipt.status, "%s", answer->receipt.message);
        scribe_failed(&err);
    }
}

static inline void scribe_deadline(
        struct scribe *scribe, struct bytes event, nanos deadline)
{
    struct input input = {.kind = INPUT_DEADLINE, .now = deadline};

    input.as.deadline.event = event;
    input.as.deadline.deadline = deadline;
    (void)scribe_step(scribe, &input);
}

#endif
