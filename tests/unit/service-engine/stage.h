/* A stage for scenarios of the engine: a problem, a journal in memory that
 * keeps every event as the bytes that a store would, and the clock. When it is
 * left, the law of the whole design is checked: the fold of what was written is
 * the state. */
#ifndef TESTS_STAGE_H
#define TESTS_STAGE_H

#include "service/engine/engine.h"
#include "service/engine/fold.h"
#include "tests/lib/suite.h"

#include <stdio.h>
#include <stdlib.h>

#define STAGE_RECORDS 4096u
#define STAGE_MODELS  8u
#define SECOND        NANOS_PER_SECOND

struct stage_event {
    char event[ID_BYTES_MAX + 1];
    uint8_t state[EVENT_STATE_BYTES_MAX];
    size_t size; /* 0: deleted */
    struct bytes decision;
};

static struct {
    struct {
        enum record_kind kind;
        struct bytes payload;
    } records[STAGE_RECORDS];
    uint32_t record_count;
    struct stage_event events[STAGE_RECORDS];
    uint32_t event_count;
    nanos due[STAGE_RECORDS];
    uint32_t due_count;
    struct {
        struct bytes bytes; /* empty: there is none */
        uint64_t parent;
    } models[STAGE_MODELS]; /* by number */
    struct arena spec_arena, arena, reading;
    struct problem_spec spec;
    struct problem *problem;
    nanos now;
} stage;

/* ---- the journal ---- */

static struct stage_event *stage_find(struct bytes event)
{
    for (uint32_t i = 0; i < stage.event_count; i++)
        if (bytes_equal(bytes_of_text(stage.events[i].event), event))
            return &stage.events[i];
    return NULL;
}

static int stage_event_get(void *self, uint32_t number, struct bytes event,
        struct event_state *state, struct err *err)
{
    struct stage_event *known = stage_find(event);
    struct reader reader;

    (void)self;
    ck_assert_uint_eq(number, stage.spec.number);
    if (known == NULL || known->size == 0)
        return err_set(err, STATUS_NOT_FOUND, "no such event");
    reader = reader_of(bytes_of(known->state, known->size));
    return event_state_read(state, &reader, err);
}

static int stage_decision_get(void *self, uint32_t number, struct bytes event,
        const struct event_state *state, struct bytes *payload, struct err *err)
{
    struct stage_event *known = stage_find(event);

    (void)self;
    (void)number;
    (void)state;
    if (known == NULL || known->decision.size == 0)
        return err_set(err, STATUS_NOT_FOUND, "no decision");
    *payload = known->decision;
    return 0;
}

static void stage_append(void *self, enum record_kind kind, uint32_t number,
        struct bytes payload)
{
    (void)self;
    (void)number;
    ck_assert_uint_lt(stage.record_count, STAGE_RECORDS);
    stage.records[stage.record_count].kind = kind;
    stage.records[stage.record_count++].payload = payload;
}

static void stage_event_put(void *self, uint32_t number, struct bytes event,
        const struct event_state *state, struct bytes decision)
{
    struct stage_event *known = stage_find(event);
    struct event_state numbered;
    struct writer writer;

    (void)self;
    (void)number;
    if (known == NULL) {
        ck_assert_uint_lt(stage.event_count, STAGE_RECORDS);
        known = &stage.events[stage.event_count++];
        (void)bytes_text(event, known->event, sizeof(known->event));
    }
    numbered = *state;
    numbered.last = stage.record_count;
    if (decision.size > 0)
        numbered.decision = stage.record_count;
    writer = writer_over(known->state, sizeof(known->state));
    event_state_write(&numbered, &writer);
    ck_assert(!writer.failed);
    known->size = writer.size;
    if (decision.size > 0)
        known->decision = decision;
}

static void stage_event_del(void *self, uint32_t number, struct bytes event)
{
    (void)self;
    (void)number;
    stage_find(event)->size = 0;
}

static void stage_due_put(
        void *self, nanos deadline, uint32_t number, struct bytes event)
{
    (void)self;
    (void)number;
    (void)event;
    stage.due[stage.due_count++] = deadline;
}

static int stage_model(void *self, uint32_t number, uint64_t generation,
        struct bytes *model, struct err *err)
{
    (void)self;
    ck_assert_uint_eq(number, stage.spec.number);
    if (generation >= STAGE_MODELS || stage.models[generation].bytes.size == 0)
        return err_set(err, STATUS_NOT_FOUND, "no such generation");
    *model = stage.models[generation].bytes;
    return 0;
}

static int stage_model_get(void *self, uint32_t number, uint64_t generation,
        struct bytes *model, uint64_t *parent, struct err *err)
{
    int status = stage_model(self, number, generation, model, err);

    if (status == 0)
        *parent = stage.models[generation].parent;
    return status;
}

/* The problem's model as generation `number`. */
static void stage_store_model(
        const struct problem *problem, uint64_t number, uint64_t parent)
{
    size_t size = problem_model_size(problem);
    void *data = arena_alloc(&stage.arena, size);
    struct writer writer = writer_over(data, size);

    ck_assert_uint_lt(number, STAGE_MODELS);
    problem_save_model(problem, &writer);
    ck_assert(!writer.failed && writer.size == size);
    stage.models[number].bytes = writer_bytes(&writer);
    stage.models[number].parent = parent;
}

static int stage_model_keep(
        void *self, const struct problem *problem, struct err *err)
{
    (void)self;
    (void)err;
    if (stage.models[0].bytes.size == 0)
        stage_store_model(problem, 0, 0);
    return 0;
}

static const struct journal stage_journal = {
        .event_get = stage_event_get,
        .decision_get = stage_decision_get,
        .append = stage_append,
        .event_put = stage_event_put,
        .event_del = stage_event_del,
        .due_put = stage_due_put,
        .model_get = stage_model_get,
        .model_keep = stage_model_keep,
};

/* ---- inputs ---- */

static inline struct answer stage_step(const struct input *input)
{
    struct answer answer;

    engine_step(stage.problem, input, &stage_journal, &stage.arena, &answer);
    return answer;
}

static inline struct decision stage_ask(const struct question *question)
{
    struct input input = {.kind = INPUT_DECIDE, .now = stage.now};

    input.as.decide.question = question;
    input.as.decide.fresh_id = bytes_of_text("made-here");
    return stage_step(&input).decision;
}

static inline struct decision stage_decide(const char *event)
{
    struct question question = {.event = bytes_of_text(event)};

    return stage_ask(&question);
}

static inline struct receipt stage_report(struct feedback feedback)
{
    struct input input = {.kind = INPUT_FEEDBACK, .now = stage.now};

    input.as.feedback = &feedback;
    return stage_step(&input).receipt;
}

static inline struct receipt stage_activate(const char *event)
{
    struct input input = {.kind = INPUT_ACTIVATE, .now = stage.now};

    input.as.activate = bytes_of_text(event);
    return stage_step(&input).receipt;
}

/* The newest deadline passes. */
static inline void stage_fall_due(const char *event)
{
    struct input input = {.kind = INPUT_DEADLINE};

    ck_assert_uint_gt(stage.due_count, 0);
    input.as.deadline.event = bytes_of_text(event);
    input.as.deadline.deadline = stage.due[stage.due_count - 1];
    stage.now = input.as.deadline.deadline;
    input.now = stage.now;
    ck_assert_int_eq(stage_step(&input).receipt.status, STATUS_OK);
}

/* The problem gets other actions: what there is so far is of the old ones. */
static inline void stage_other_actions(void)
{
    stage.spec.since = stage.record_count + 1;
}

/* ---- what came of them ---- */

/* Record number i, counted from the end: 0 is the newest. */
static inline const union any_record *stage_record(uint32_t back)
{
    static union any_record record;
    struct err err;
    uint32_t at = stage.record_count - 1 - back;

    arena_reset(&stage.reading);
    ck_assert_msg(
            record_decode(stage.records[at].kind, stage.records[at].payload,
                    &stage.reading, &record, &err) == 0,
            "%s", err.text);
    return &record;
}

/* The records so far, a word each: "decision feedback:learn". */
static inline const char *stage_trace(void)
{
    static char text[1024];
    size_t used = 0;

    text[0] = '\0';
    for (uint32_t i = stage.record_count; i > 0; i--) {
        const union any_record *record = stage_record(i - 1);
        const char *effect = record->head.kind == RECORD_FEEDBACK
                ? effect_name(record->feedback.effect)
                : record->head.kind == RECORD_EXPIRY
                ? effect_name(record->expiry.effect)
                : "";
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s%s%s",
                used > 0 ? " " : "", record_kind_name(record->head.kind),
                effect[0] != '\0' ? ":" : "", effect);
    }
    return text;
}

static inline uint64_t stage_hash(const struct problem *problem)
{
    uint64_t hash = 0;

    ck_assert(problem_state_hash(problem, &hash));
    return hash;
}

struct stage_number {
    const char *name;
    double value;
};

static inline void stage_take_number(
        void *self, const char *name, int32_t group, double value)
{
    struct stage_number *wanted = self;

    (void)group;
    if (strcmp(name, wanted->name) == 0)
        wanted->value = value;
}

/* A number that the policy tells of itself; -1 if it does not. */
static inline double stage_number(const char *name)
{
    struct stage_number wanted = {name, -1.0};
    struct visitor visitor = {stage_take_number, &wanted};

    policy_visit(stage.problem->policy, &visitor);
    return wanted.value;
}

/* The answer is a refusal whose message has these words, and nothing
 * happened. */
static inline void stage_refused(enum status status, const char *message,
        const char *words, uint32_t records, uint64_t hash)
{
    ck_assert_int_eq(status, STATUS_INVALID);
    ck_assert_msg(strstr(message, words) != NULL, "%s", message);
    ck_assert_uint_eq(stage.record_count, records);
    ck_assert_uint_eq(stage_hash(stage.problem), hash);
}

static inline void stage_report_refused(
        struct feedback feedback, const char *words)
{
    uint32_t records = stage.record_count;
    uint64_t hash = stage_hash(stage.problem);
    struct receipt receipt = stage_report(feedback);

    stage_refused(receipt.status,
            receipt.message == NULL ? "" : receipt.message, words, records,
            hash);
}

static inline void stage_ask_refused(
        const struct question *question, const char *words)
{
    uint32_t records = stage.record_count;
    uint64_t hash = stage_hash(stage.problem);
    struct decision decision = stage_ask(question);

    stage_refused(decision.status,
            decision.message == NULL ? "" : decision.message, words, records,
            hash);
}

/* ---- opening and leaving ---- */

static inline int stage_parse(const char *settings, struct err *err)
{
    arena_reset(&stage.spec_arena);
    return problem_spec_parse_text(&stage.spec, bytes_of_text("test"),
            bytes_of_text(settings), &stage.spec_arena, err);
}

/* Such settings are refused, with these words. */
static inline void stage_settings_refused(
        const char *settings, const char *words)
{
    struct err err = {STATUS_OK, ""};

    ck_assert_int_eq(stage_parse(settings, &err), STATUS_INVALID);
    ck_assert_msg(strstr(err.text, words) != NULL, "%s", err.text);
}

static inline void stage_open(const char *settings)
{
    struct err err;

    stage.record_count = stage.event_count = stage.due_count = 0;
    memset(stage.events, 0, sizeof(stage.events));
    memset(stage.models, 0, sizeof(stage.models));
    arena_reset(&stage.arena);
    ck_assert_msg(stage_parse(settings, &err) == 0, "%s", err.text);
    stage.spec.number = 7;
    stage.problem = problem_open(&stage.spec, &err);
    ck_assert_ptr_nonnull(stage.problem);
    stage.now = 1000 * SECOND;
}

static int stage_fold_find(void *self, uint32_t number, struct bytes event,
        struct bytes *payload, struct err *err)
{
    return stage_decision_get(self, number, event, NULL, payload, err);
}

static inline void stage_close(void)
{
    struct decision_source source = {stage_fold_find, NULL, stage_model};
    struct err err;
    struct problem *again = problem_open(&stage.spec, &err);

    for (uint32_t i = 0; i < stage.record_count; i++)
        ck_assert_msg(fold_record(again, stage.records[i].kind,
                              stage.records[i].payload, &source, &err) == 0,
                "%s", err.text);
    ck_assert_uint_eq(stage_hash(again), stage_hash(stage.problem));
    problem_close(again);
    problem_close(stage.problem);
}

static inline void stage_setup(void)
{
    stage.spec_arena = arena_over(malloc(1 << 22), 1 << 22);
    stage.arena = arena_over(malloc(1 << 26), 1 << 26);
    stage.reading = arena_over(malloc(1 << 22), 1 << 22);
}

static inline void stage_teardown(void)
{
    free(stage.spec_arena.data);
    free(stage.arena.data);
    free(stage.reading.data);
}

#endif
