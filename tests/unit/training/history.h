/* A history for tests of training: a problem that decides and learns, whose
 * records and events go into a store in memory, as a service would write them.
 */
#ifndef TESTS_UNIT_TRAINING_HISTORY_H
#define TESTS_UNIT_TRAINING_HISTORY_H

#include "service/engine/engine.h"
#include "storage/ledger.h"
#include "tests/lib/suite.h"

#include <stdio.h>
#include <string.h>

#define SECOND NANOS_PER_SECOND

static struct {
    struct store *store;
    struct ledger *ledger;
    struct arena spec_arena, arena;
    struct problem_spec spec;
    struct problem *problem;
    uint64_t sequence; /* of the record that was appended last */
    nanos now;
} history;

static inline void history_need(int status, const struct err *err)
{
    ck_assert_msg(status == 0, "%s", err->text);
}

static int history_event_get(void *self, uint32_t problem, struct bytes event,
        struct event_state *state, struct err *err)
{
    (void)self;
    return event_get(ledger_txn(history.ledger), problem, event, state, err);
}

static int history_decision_get(void *self, uint32_t problem,
        struct bytes event, const struct event_state *state,
        struct bytes *payload, struct err *err)
{
    struct log_entry entry;
    int status =
            log_get(ledger_txn(history.ledger), state->decision, &entry, err);

    (void)self;
    (void)problem;
    (void)event;
    /* The store in memory may move what a later put touches. */
    if (status == 0)
        *payload = bytes_of(arena_copy(&history.arena, entry.payload.data,
                                    entry.payload.size),
                entry.payload.size);
    return status;
}

static void history_append(void *self, enum record_kind kind, uint32_t problem,
        struct bytes payload)
{
    struct err err;

    (void)self;
    (void)problem;
    history_need(ledger_append(history.ledger, kind, payload, &history.sequence,
                         &err),
            &err);
}

static void history_event_put(void *self, uint32_t problem, struct bytes event,
        const struct event_state *state, struct bytes decision)
{
    struct event_state numbered = *state;
    struct err err;

    (void)self;
    numbered.last = history.sequence;
    if (decision.size > 0)
        numbered.decision = history.sequence;
    history_need(event_put(ledger_txn(history.ledger), problem, event,
                         &numbered, &err),
            &err);
}

static void history_event_del(void *self, uint32_t problem, struct bytes event)
{
    struct err err;

    (void)self;
    history_need(event_delete(ledger_txn(history.ledger), problem, event, &err),
            &err);
}

static void history_due_put(
        void *self, nanos deadline, uint32_t problem, struct bytes event)
{
    (void)self;
    (void)deadline;
    (void)problem;
    (void)event;
}

/* One input, in a transaction of its own. */
static inline struct answer history_step(const struct input *input)
{
    static const struct journal journal = {
            .event_get = history_event_get,
            .decision_get = history_decision_get,
            .append = history_append,
            .event_put = history_event_put,
            .event_del = history_event_del,
            .due_put = history_due_put,
    };
    struct answer answer;
    struct err err;

    arena_reset(&history.arena);
    history_need(ledger_begin(history.ledger, &err), &err);
    engine_step(history.problem, input, &journal, &history.arena, &answer);
    history_need(ledger_commit(history.ledger, &err), &err);
    return answer;
}

/* Decides event number i, whose context is x; the place chosen. */
static inline uint32_t history_decide_as(
        uint32_t number, double x, bool deferred)
{
    struct input input = {.kind = INPUT_DECIDE, .now = history.now};
    struct question question = {
            .shared = {.rows = 1, .columns = 1, .values = &x},
            .deferred = deferred};
    struct answer answer;
    char event[16];

    (void)snprintf(event, sizeof(event), "e%u", number);
    question.event = bytes_of_text(event);
    input.as.decide.question = &question;
    answer = history_step(&input);
    ck_assert_msg(
            answer.decision.status == STATUS_OK, "%s", answer.decision.message);
    return answer.decision.ranking[0];
}

static inline uint32_t history_decide(uint32_t number, double x)
{
    return history_decide_as(number, x, false);
}

static inline void history_tell(uint32_t number, struct feedback feedback)
{
    struct input input = {.kind = INPUT_FEEDBACK, .now = history.now};
    struct answer answer;
    char event[16];

    (void)snprintf(event, sizeof(event), "e%u", number);
    feedback.event = bytes_of_text(event);
    input.as.feedback = &feedback;
    answer = history_step(&input);
    ck_assert_msg(
            answer.receipt.status == STATUS_OK, "%s", answer.receipt.message);
}

static inline void history_report(
        uint32_t number, double value, uint32_t position)
{
    history_tell(number,
            (struct feedback){.value = value, .shown = {.position = position}});
}

/* The event's wait, begun at `decided`, is over. */
static inline void history_expire(uint32_t number, nanos decided)
{
    struct input input = {.kind = INPUT_DEADLINE, .now = history.now};
    char event[16];

    (void)snprintf(event, sizeof(event), "e%u", number);
    input.as.deadline.event = bytes_of_text(event);
    input.as.deadline.deadline = decided + history.spec.settings.reward_wait;
    ck_assert_int_eq(history_step(&input).receipt.status, STATUS_OK);
}

/* With the problem's Config record first, as a service begins. */
static inline void history_open(const char *settings)
{
    struct config_record record = {
            .head = {.kind = RECORD_CONFIG}, .name = bytes_of_text("p")};
    struct err err;
    uint64_t config;

    history.spec_arena = arena_over(malloc(1 << 22), 1 << 22);
    history.arena = arena_over(malloc(1 << 24), 1 << 24);
    history.now = 1000 * SECOND;
    history_need(store_mem_open(0, &history.store, &err), &err);
    history_need(
            ledger_over(history.store, false, &history.ledger, &err), &err);
    history_need(problem_spec_parse_text(&history.spec, record.name,
                         bytes_of_text(settings), &history.spec_arena, &err),
            &err);
    history_need(ledger_begin(history.ledger, &err), &err);
    history_need(ledger_problem(history.ledger, record.name,
                         &history.spec.number, &config, &err),
            &err);
    record.head.problem = history.spec.number;
    record.settings = history.spec.text;
    record.shape = history.spec.shape_digest;
    history_append(NULL, RECORD_CONFIG, history.spec.number,
            record_encode_config(&record, &history.arena));
    history_need(ledger_problem_set_config(history.ledger, history.spec.number,
                         history.sequence, history.sequence, &err),
            &err);
    history_need(ledger_commit(history.ledger, &err), &err);
    history.problem = problem_open(&history.spec, &err);
    ck_assert_ptr_nonnull(history.problem);
}

static inline void history_close(void)
{
    problem_close(history.problem);
    ledger_close(history.ledger);
    free(history.spec_arena.data);
    free(history.arena.data);
}

#endif
