/* Feedback as it comes in life, as scenarios: inputs in, and what the engine
 * wrote, what it answered and what the policy holds afterwards. The journal is
 * the simplest that can be: arrays in memory. */
#include "service/engine/engine.h"
#include "service/engine/fold.h"
#include "tests/lib/suite.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define RECORDS_MAX 256
#define SECOND      NANOS_PER_SECOND

struct stored {
    enum record_kind kind;
    struct bytes payload;
};

struct known {
    char event[ID_BYTES_MAX + 1];
    struct event_state state;
    struct bytes decision;
    bool gone;
};

struct memory {
    struct stored records[RECORDS_MAX];
    uint32_t record_count;
    struct known events[RECORDS_MAX];
    uint32_t event_count;
    nanos due[RECORDS_MAX];
    uint32_t due_count;
};

static struct memory memory;
static struct arena spec_arena, step_arena, replay_arena;
static struct problem_spec spec;
static struct problem *problem;
static nanos now;

/* ---- the journal ---- */

static struct known *find(struct bytes event)
{
    for (uint32_t i = 0; i < memory.event_count; i++)
        if (bytes_equal(bytes_of_text(memory.events[i].event), event))
            return &memory.events[i];
    return NULL;
}

static int event_get(void *self, uint32_t number, struct bytes event,
        struct event_state *state, struct err *err)
{
    struct known *known = find(event);

    (void)self;
    ck_assert_uint_eq(number, spec.number);
    if (known == NULL || known->gone)
        return err_set(err, STATUS_NOT_FOUND, "no such event");
    *state = known->state;
    return 0;
}

static int decision_get(void *self, uint32_t number, struct bytes event,
        const struct event_state *state, struct bytes *payload, struct err *err)
{
    struct known *known = find(event);

    (void)self;
    (void)number;
    (void)state;
    if (known == NULL || known->decision.size == 0)
        return err_set(err, STATUS_NOT_FOUND, "no decision");
    *payload = known->decision;
    return 0;
}

static void append(void *self, enum record_kind kind, uint32_t number,
        struct bytes payload)
{
    (void)self;
    (void)number;
    memory.records[memory.record_count++] = (struct stored){kind, payload};
}

static void event_put(void *self, uint32_t number, struct bytes event,
        const struct event_state *state, struct bytes decision)
{
    struct known *known = find(event);

    (void)self;
    (void)number;
    if (known == NULL) {
        known = &memory.events[memory.event_count++];
        (void)bytes_text(event, known->event, sizeof(known->event));
    }
    known->state = *state;
    known->gone = false;
    if (decision.size > 0)
        known->decision = decision;
}

static void event_del(void *self, uint32_t number, struct bytes event)
{
    (void)self;
    (void)number;
    find(event)->gone = true;
}

static void due_put(
        void *self, nanos deadline, uint32_t number, struct bytes event)
{
    (void)self;
    (void)number;
    (void)event;
    memory.due[memory.due_count++] = deadline;
}

static const struct journal journal = {
        .event_get = event_get,
        .decision_get = decision_get,
        .append = append,
        .event_put = event_put,
        .event_del = event_del,
        .due_put = due_put,
};

/* ---- the steps ---- */

static struct answer step(const struct input *input)
{
    struct answer answer;

    engine_step(problem, input, &journal, &step_arena, &answer);
    return answer;
}

static struct question plain_question(const char *event, const double *x)
{
    return (struct question){
            .event = bytes_of_text(event),
            .shared = {.rows = 1, .columns = 1, .values = x},
    };
}

static const double half[1] = {0.5};
static const double third[1] = {0.3};

static struct decision decide_as(const char *event, const double *x, bool defer)
{
    struct question question = plain_question(event, x);
    struct input input = {.kind = INPUT_DECIDE, .now = now};

    question.deferred = defer;
    input.as.decide.question = &question;
    input.as.decide.fresh_id = bytes_of_text("made-here");
    return step(&input).decision;
}

static struct decision decide(const char *event)
{
    return decide_as(event, half, false);
}

static struct receipt report(const char *event, double value, const char *id)
{
    struct feedback feedback = {.event = bytes_of_text(event),
            .value = value,
            .id = bytes_of_text(id)};
    struct input input = {.kind = INPUT_FEEDBACK, .now = now};

    input.as.feedback = &feedback;
    return step(&input).receipt;
}

static struct receipt activate(const char *event)
{
    struct input input = {.kind = INPUT_ACTIVATE, .now = now};

    input.as.activate = bytes_of_text(event);
    return step(&input).receipt;
}

static void fall_due(const char *event, nanos deadline)
{
    struct input input = {.kind = INPUT_DEADLINE, .now = now};

    input.as.deadline.event = bytes_of_text(event);
    input.as.deadline.deadline = deadline;
    ck_assert_int_eq(step(&input).receipt.status, STATUS_OK);
}

/* The records so far, a word each: "D" decision, "F:learn", "X", "A". */
static const char *trace(void)
{
    static char text[1024];
    size_t used = 0;

    text[0] = '\0';
    for (uint32_t i = 0; i < memory.record_count; i++) {
        union any_record record;
        struct err err;
        const char *effect = "";
        arena_reset(&replay_arena);
        ck_assert_int_eq(
                record_decode(memory.records[i].kind, memory.records[i].payload,
                        &replay_arena, &record, &err),
                0);
        if (record.head.kind == RECORD_FEEDBACK)
            effect = effect_name(record.feedback.effect);
        if (record.head.kind == RECORD_EXPIRY)
            effect = record.expiry.orphan ? "orphan"
                                          : effect_name(record.expiry.effect);
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s%s%s",
                i > 0 ? " " : "", record_kind_name(record.head.kind),
                effect[0] ? ":" : "", effect);
    }
    return text;
}

static double visited;

static void take_number(
        void *self, const char *name, int32_t group, double value)
{
    (void)group;
    if (strcmp(name, self) == 0)
        visited = value;
}

static double policy_number(char *name)
{
    struct visitor visitor = {take_number, name};

    visited = -1.0;
    policy_visit(problem->policy, &visitor);
    return visited;
}

static uint64_t state_hash(const struct problem *of)
{
    uint64_t hash = 0;

    ck_assert(problem_state_hash(of, &hash));
    return hash;
}

static int find_decision(void *self, uint32_t number, struct bytes event,
        struct bytes *payload, struct err *err)
{
    return decision_get(self, number, event, NULL, payload, err);
}

/* The law of the whole design: the fold of what was written is the state. */
static void check_fold(void)
{
    struct decision_source source = {find_decision, NULL, NULL};
    struct err err;
    struct problem *again = problem_open(&spec, &err);

    for (uint32_t i = 0; i < memory.record_count; i++)
        ck_assert_int_eq(fold_record(again, memory.records[i].kind,
                                 memory.records[i].payload, &source, &err),
                0);
    ck_assert_uint_eq(state_hash(again), state_hash(problem));
    problem_close(again);
}

static void open_with(const char *settings)
{
    struct err err;
    char text[1024];

    memset(&memory, 0, sizeof(memory));
    arena_reset(&spec_arena);
    arena_reset(&step_arena);
    (void)snprintf(text, sizeof(text),
            "context: x\nactions: left\nactions: middle\nactions: right\n"
            "policy.oracle: ridge\n%s",
            settings);
    ck_assert_msg(problem_spec_parse_text(&spec, bytes_of_text("test"),
                          bytes_of_text(text), &spec_arena, &err) == 0,
            "%s", err.text);
    spec.number = 7;
    problem = problem_open(&spec, &err);
    ck_assert_ptr_nonnull(problem);
    now = 1000 * SECOND;
}

static void setup(void)
{
    spec_arena = arena_over(malloc(1 << 22), 1 << 22);
    step_arena = arena_over(malloc(1 << 24), 1 << 24);
    replay_arena = arena_over(malloc(1 << 22), 1 << 22);
    open_with("reward.wait: 10s\norphan_wait: 60s\n");
}

static void teardown(void)
{
    check_fold();
    problem_close(problem);
    free(spec_arena.data);
    free(step_arena.data);
    free(replay_arena.data);
}

/* ---- scenarios ---- */

START_TEST(feedback_after_decision)
{
    struct decision first = decide("e");

    ck_assert_int_eq(first.status, STATUS_OK);
    ck_assert_uint_eq(first.count, 3);
    ck_assert(!first.repeated);
    ck_assert_int_eq(report("e", 1.0, "f").status, STATUS_OK);
    ck_assert_str_eq(trace(), "decision feedback:learn");
    ck_assert_uint_eq(problem->counters.learned, 1);
    ck_assert_double_eq(policy_number("ridge_lessons"), 1.0);
}
END_TEST

START_TEST(weeks_late)
{
    ck_assert_int_eq(decide("e").status, STATUS_OK);
    now += 40 * 86400 * SECOND;
    ck_assert_int_eq(report("e", 1.0, "f").status, STATUS_OK);
    ck_assert_str_eq(trace(), "decision feedback:learn");
}
END_TEST

START_TEST(repeated_feedback_counts_once)
{
    struct receipt again;

    ck_assert_int_eq(decide("e").status, STATUS_OK);
    ck_assert_int_eq(report("e", 1.0, "f").status, STATUS_OK);
    again = report("e", 1.0, "f");
    ck_assert_int_eq(again.status, STATUS_OK);
    ck_assert(again.repeated);
    ck_assert_int_eq(report("e", 0.0, "f").status, STATUS_DUPLICATE);
    ck_assert_str_eq(trace(), "decision feedback:learn");
    ck_assert_uint_eq(problem->counters.learned, 1);
}
END_TEST

START_TEST(without_an_id_the_content_is_the_id)
{
    ck_assert_int_eq(decide("e").status, STATUS_OK);
    ck_assert(!report("e", 1.0, "").repeated);
    ck_assert(report("e", 1.0, "").repeated);
    ck_assert(!report("e", 0.5, "").repeated);
    ck_assert_str_eq(trace(), "decision feedback:learn feedback:correct");
}
END_TEST

START_TEST(repeated_decision_gets_the_first_answer)
{
    struct decision first = decide("e"), again, other;

    for (int i = 0; i < 20; i++) {
        char event[16];
        (void)snprintf(event, sizeof(event), "x%d", i);
        ck_assert_int_eq(decide(event).status, STATUS_OK);
        ck_assert_int_eq(report(event, i % 2, "f").status, STATUS_OK);
    }
    again = decide("e");
    ck_assert(again.repeated);
    ck_assert_uint_eq(again.ranking[0], first.ranking[0]);
    ck_assert_double_eq(again.probability[0], first.probability[0]);
    ck_assert_uint_eq(again.policy_version, 0);
    other = decide_as("e", third, false);
    ck_assert_int_eq(other.status, STATUS_DUPLICATE);
    ck_assert_uint_eq(problem->counters.decisions, 21);
}
END_TEST

START_TEST(feedback_before_decision)
{
    struct receipt early = report("e", 0.75, "f");

    ck_assert_int_eq(early.status, STATUS_OK);
    ck_assert(early.held);
    ck_assert_uint_eq(problem->counters.learned, 0);
    ck_assert_int_eq(decide("e").status, STATUS_OK);
    ck_assert_uint_eq(problem->counters.learned, 1);
    ck_assert_double_eq(problem->counters.value_sum, 0.75);
    ck_assert(report("e", 0.75, "f").repeated);
    ck_assert_str_eq(trace(), "feedback:hold decision");
    /* Its deadline as an orphan is passed over. */
    now += 60 * SECOND;
    fall_due("e", memory.due[0]);
    ck_assert_str_eq(trace(), "feedback:hold decision");
}
END_TEST

START_TEST(orphans_expire)
{
    ck_assert(report("e", 0.75, "f").held);
    now += 60 * SECOND;
    fall_due("e", memory.due[0]);
    ck_assert_str_eq(trace(), "feedback:hold expiry:orphan");
    ck_assert_uint_eq(problem->counters.orphans_expired, 1);
    ck_assert_int_eq(decide("e").status, STATUS_OK);
    ck_assert_uint_eq(problem->counters.learned, 0);
}
END_TEST

START_TEST(the_default_holds_and_is_corrected)
{
    uint64_t of_history;

    ck_assert_int_eq(decide("e").status, STATUS_OK);
    now += 10 * SECOND;
    fall_due("e", memory.due[0]);
    fall_due("e", memory.due[0]); /* once is enough */
    ck_assert_str_eq(trace(), "decision expiry:learn");
    ck_assert_uint_eq(problem->counters.expired, 1);
    ck_assert_double_eq(problem->counters.value_sum, 0.0);
    ck_assert_int_eq(report("e", 1.0, "late").status, STATUS_OK);
    ck_assert_str_eq(trace(), "decision expiry:learn feedback:correct");
    ck_assert_uint_eq(problem->counters.corrected, 1);
    ck_assert_double_eq(problem->counters.value_sum, 1.0);
    of_history = policy_learned(problem->policy);
    ck_assert_uint_eq(of_history, 1);
}
END_TEST

START_TEST(feedback_in_time_leaves_no_default)
{
    ck_assert_int_eq(decide("e").status, STATUS_OK);
    ck_assert_int_eq(report("e", 1.0, "f").status, STATUS_OK);
    now += 10 * SECOND;
    fall_due("e", memory.due[0]);
    ck_assert_str_eq(trace(), "decision feedback:learn");
}
END_TEST

START_TEST(no_default_where_there_is_none)
{
    problem_close(problem);
    open_with("reward.wait: 10s\nreward.default_on: false\n");
    ck_assert_int_eq(decide("e").status, STATUS_OK);
    now += 10 * SECOND;
    fall_due("e", memory.due[0]);
    ck_assert_str_eq(trace(), "decision expiry:none");
    ck_assert_uint_eq(problem->counters.learned, 0);
    ck_assert_int_eq(report("e", 1.0, "f").status, STATUS_OK);
    ck_assert_str_eq(trace(), "decision expiry:none feedback:learn");
}
END_TEST

struct aggregate_case {
    const char *rule;
    double taught;
    const char *trace;
};

static const struct aggregate_case aggregate_cases[] = {
        {"last", 0.2,
                "decision feedback:learn feedback:correct feedback:correct"},
        {"first", 0.3, "decision feedback:learn feedback:none feedback:none"},
        {"sum", 0.9,
                "decision feedback:learn feedback:correct feedback:correct"},
        {"max", 0.4, "decision feedback:learn feedback:correct feedback:none"},
};

START_TEST(partial_feedback_is_aggregated)
{
    const struct aggregate_case *one = &aggregate_cases[_i];
    char settings[64];

    problem_close(problem);
    (void)snprintf(
            settings, sizeof(settings), "reward.aggregate: %s\n", one->rule);
    open_with(settings);
    ck_assert_int_eq(decide("e").status, STATUS_OK);
    ck_assert_int_eq(report("e", 0.3, "a").status, STATUS_OK);
    ck_assert_int_eq(report("e", 0.4, "b").status, STATUS_OK);
    ck_assert_int_eq(report("e", 0.2, "c").status, STATUS_OK);
    ck_assert_str_eq(trace(), one->trace);
    ck_assert_double_eq_tol(
            find(bytes_of_text("e"))->state.taught, one->taught, 1e-15);
    ck_assert_double_eq_tol(problem->counters.value_sum, one->taught, 1e-15);
    ck_assert_uint_eq(policy_learned(problem->policy), 1);
}
END_TEST

START_TEST(deferred_until_activated)
{
    ck_assert_int_eq(decide_as("e", half, true).status, STATUS_OK);
    ck_assert_uint_eq(memory.due_count, 0);
    ck_assert(report("e", 1.0, "f").held);
    ck_assert_uint_eq(problem->counters.learned, 0);
    ck_assert_int_eq(activate("e").status, STATUS_OK);
    ck_assert_uint_eq(problem->counters.learned, 1);
    ck_assert(activate("e").repeated);
    ck_assert_str_eq(trace(), "decision feedback:hold activation");
}
END_TEST

START_TEST(activation_starts_the_wait)
{
    ck_assert_int_eq(decide_as("e", half, true).status, STATUS_OK);
    now += 100 * SECOND;
    ck_assert_int_eq(activate("e").status, STATUS_OK);
    ck_assert_uint_eq(memory.due_count, 1);
    ck_assert_int_eq(memory.due[0], now + 10 * SECOND);
    now += 10 * SECOND;
    fall_due("e", memory.due[0]);
    ck_assert_str_eq(trace(), "decision activation expiry:learn");
    ck_assert_int_eq(activate("nobody").status, STATUS_UNKNOWN_EVENT);
}
END_TEST

START_TEST(what_is_refused_changes_nothing)
{
    uint64_t before;
    struct question question = plain_question("bad", half);
    struct input input = {.kind = INPUT_DECIDE, .now = now};
    uint32_t all[3] = {0, 1, 2};

    ck_assert_int_eq(decide("e").status, STATUS_OK);
    before = state_hash(problem);
    ck_assert_int_eq(report("e", 2.0, "f").status, STATUS_INVALID);
    input.as.decide.question = &question;
    question.shared.columns = 2;
    ck_assert_int_eq(step(&input).decision.status, STATUS_INVALID);
    question.shared.columns = 1;
    question.excluded = all;
    question.excluded_count = 3;
    ck_assert_int_eq(step(&input).decision.status, STATUS_INVALID);
    question.excluded_count = 0;
    question.has_baseline = true;
    question.baseline = 3;
    ck_assert_int_eq(step(&input).decision.status, STATUS_INVALID);
    ck_assert_str_eq(trace(), "decision");
    ck_assert_uint_eq(state_hash(problem), before);
    ck_assert_ptr_null(find(bytes_of_text("bad")));
}
END_TEST

START_TEST(excluded_actions_are_never_chosen)
{
    uint32_t middle[1] = {1};

    for (int i = 0; i < 200; i++) {
        char event[16];
        struct question question;
        struct input input = {.kind = INPUT_DECIDE, .now = now};
        struct decision decision;
        (void)snprintf(event, sizeof(event), "x%d", i);
        question = plain_question(event, half);
        question.excluded = middle;
        question.excluded_count = 1;
        input.as.decide.question = &question;
        decision = step(&input).decision;
        ck_assert_uint_eq(decision.count, 2);
        ck_assert_uint_ne(decision.ranking[0], 1);
        ck_assert_uint_ne(decision.ranking[1], 1);
        memory.record_count = 0; /* room */
        memory.event_count = 0;
        arena_reset(&step_arena);
    }
    problem_reset(problem);
}
END_TEST

START_TEST(state_survives_save_and_load)
{
    struct err err;
    struct problem *copy = problem_open(&spec, &err);
    size_t size;
    uint8_t *bytes;
    struct writer writer;

    for (int i = 0; i < 30; i++) {
        char event[16];
        (void)snprintf(event, sizeof(event), "x%d", i);
        ck_assert_int_eq(decide(event).status, STATUS_OK);
        ck_assert_int_eq(report(event, i % 3 / 2.0, "f").status, STATUS_OK);
    }
    size = problem_save_size(problem);
    bytes = malloc(size);
    writer = writer_over(bytes, size);
    problem_save(problem, &writer);
    ck_assert_int_eq(problem_load(copy, bytes_of(bytes, size), &err), 0);
    ck_assert_uint_eq(state_hash(copy), state_hash(problem));
    for (size_t cut = 0; cut < size; cut += 7) {
        problem_reset(copy);
        ck_assert_int_ne(problem_load(copy, bytes_of(bytes, cut), &err), 0);
    }
    free(bytes);
    problem_close(copy);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine");
    TCase *cases = tcase_create("scenarios");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, feedback_after_decision);
    tcase_add_test(cases, weeks_late);
    tcase_add_test(cases, repeated_feedback_counts_once);
    tcase_add_test(cases, without_an_id_the_content_is_the_id);
    tcase_add_test(cases, repeated_decision_gets_the_first_answer);
    tcase_add_test(cases, feedback_before_decision);
    tcase_add_test(cases, orphans_expire);
    tcase_add_test(cases, the_default_holds_and_is_corrected);
    tcase_add_test(cases, feedback_in_time_leaves_no_default);
    tcase_add_test(cases, no_default_where_there_is_none);
    tcase_add_loop_test(cases, partial_feedback_is_aggregated, 0,
            (int)ARRAY_COUNT(aggregate_cases));
    tcase_add_test(cases, deferred_until_activated);
    tcase_add_test(cases, activation_starts_the_wait);
    tcase_add_test(cases, what_is_refused_changes_nothing);
    tcase_add_test(cases, excluded_actions_are_never_chosen);
    tcase_add_test(cases, state_survives_save_and_load);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
