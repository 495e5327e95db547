#include "tests/fuzz/common.h"

#include "service/engine/fold.h"

#include <stdlib.h>

/* ---- problems ---- */

#define SPEC_BYTES ((size_t)1 << 20)
#define ARENAS     4u

const char *const problem_names[PROBLEMS] = {
        "shop", "listed", "bins", "label", "groups", "duel", "path", "omega"};

static const char *const problem_texts[PROBLEMS] = {
        "context: x\ncontext: y\nactions: left\nactions: middle\n"
        "actions: right\nnamed_columns: 2\ngroups.name: low\n"
        "groups.when: x < 0.5 and user.kind = new\ngroups.name: vip\n"
        "groups.by: client\npolicy.model: per_action\n"
        "policy.forgetting: 0.9\npolicy.floor: 0.02\n",
        "context: x\naction_features: 2\nnamed_columns: 3\nactions_max: 8\n"
        "reward.aggregate: sum\nreward.min: -2\nreward.max: 6\n"
        "reward.default: -1\npolicy.explorer: epsilon\npolicy.cap: 0.5\n",
        "context: x\nactions: a\nactions: b\nactions: c\nactions: d\n"
        "reward.objective: minimise\nreward.aggregate: max\n"
        "reward.default_on: false\nreward.wait: 0\n"
        "policy.learner: tsallis-inf\npolicy.bins: 3\n"
        "policy.estimator: reduced_variance\n",
        "form: predict\ncontext: x\ncontext: y\nreward.min: -5\n"
        "reward.max: 5\nreward.aggregate: first\nlog_experts: true\n"
        "groups.name: low\ngroups.when: x < 0\ngroups.name: named\n"
        "groups.by: client\npolicy.oracle: groupwise\n",
        "context: x\nactions: a\nactions: b\nlog_experts: true\n"
        "groups.name: some\ngroups.when: x >= 1\npolicy.oracle: groupwise\n"
        "policy.weights: exponential\npolicy.ties: split\n",
        "form: duel\ncontext: x\nactions: a\nactions: b\nactions: c\n"
        "policy.oracle: linear\npolicy.bits: 8\npolicy.explorer: softmax\n",
        "form: path\nactions: st\nactions: sa\nactions: at\nactions: ab\n"
        "actions: bt\nreward.default: 0.25\npolicy.learner: paths\n"
        "policy.graph: s>t s>a a>t a>b b>t\npolicy.source: s\n"
        "policy.target: t\npolicy.tables: 8\n",
        "context: x\nparameter.name: omega\nparameter.from: 1\n"
        "parameter.to: 1.95\nparameter.start: 3\nparameter.points: 6\n"
        "parameter.refine: 1\nreward.objective: minimise\n"
        "policy.learner: tsallis-inf\n",
};

static struct problem *open_problem(uint32_t index)
{
    static struct arena arenas[PROBLEMS];
    static struct problem_spec specs[PROBLEMS];
    struct arena *arena = &arenas[index];
    struct problem_spec *spec = &specs[index];
    struct problem *problem;
    struct err err;

    *arena = arena_over(malloc(SPEC_BYTES), SPEC_BYTES);
    CHECK(arena->data != NULL);
    CHECK_ZERO(
            problem_spec_parse_text(spec, bytes_of_text(problem_names[index]),
                    bytes_of_text(problem_texts[index]), arena, &err));
    spec->number = index + 1;
    problem = problem_open(spec, &err);
    CHECK(problem != NULL);
    return problem;
}

struct problem *problem_fresh(uint32_t index)
{
    static struct problem *problems[PROBLEMS];

    CHECK(index < PROBLEMS);
    if (problems[index] == NULL)
        problems[index] = open_problem(index);
    problem_reset(problems[index]);
    return problems[index];
}

uint64_t problem_hash(const struct problem *problem)
{
    uint64_t hash = 0;

    CHECK(problem_state_hash(problem, &hash));
    return hash;
}

struct arena *arena_fresh(uint32_t index)
{
    static struct arena arenas[ARENAS];

    CHECK(index < ARENAS);
    if (arenas[index].data == NULL)
        arenas[index] = arena_over(malloc(COMMON_CAPACITY), COMMON_CAPACITY);
    CHECK(arenas[index].data != NULL);
    arena_reset(&arenas[index]);
    return &arenas[index];
}

/* ---- the journal ---- */

void memory_reset(struct memory *memory)
{
    memory->record_count = 0;
    memory->event_count = 0;
    memory->due_count = 0;
    memory->effects = 0;
}

struct memory_event *memory_find(struct memory *memory, struct bytes event)
{
    for (uint32_t i = 0; i < memory->event_count; i++)
        if (bytes_equal(memory->events[i].event, event))
            return &memory->events[i];
    return NULL;
}

static int event_get(void *self, uint32_t problem, struct bytes event,
        struct event_state *state, struct err *err)
{
    struct memory_event *known = memory_find(self, event);

    (void)problem;
    if (known == NULL || known->gone)
        return err_set(err, STATUS_NOT_FOUND, "no such event");
    *state = known->state;
    return 0;
}

static int find_decision(void *self, uint32_t problem, struct bytes event,
        struct bytes *payload, struct err *err)
{
    struct memory_event *known = memory_find(self, event);

    (void)problem;
    if (known == NULL || known->decision.size == 0)
        return err_set(err, STATUS_NOT_FOUND, "no decision");
    *payload = known->decision;
    return 0;
}

static int decision_get(void *self, uint32_t problem, struct bytes event,
        const struct event_state *state, struct bytes *payload, struct err *err)
{
    (void)state;
    return find_decision(self, problem, event, payload, err);
}

static void append(void *self, enum record_kind kind, uint32_t problem,
        struct bytes payload)
{
    struct memory *memory = self;

    (void)problem;
    CHECK(memory->record_count < JOURNAL_MAX && payload.size > 0);
    memory->effects++;
    memory->records[memory->record_count++] =
            (struct memory_record){kind, payload};
}

static void event_put(void *self, uint32_t problem, struct bytes event,
        const struct event_state *state, struct bytes decision)
{
    struct memory *memory = self;
    struct memory_event *known = memory_find(memory, event);

    (void)problem;
    memory->effects++;
    if (known == NULL) {
        CHECK(memory->event_count < JOURNAL_MAX);
        known = &memory->events[memory->event_count++];
        known->event = event;
        known->decision = bytes_of(NULL, 0);
    }
    known->state = *state;
    known->gone = false;
    if (decision.size > 0)
        known->decision = decision;
}

static void event_del(void *self, uint32_t problem, struct bytes event)
{
    struct memory *memory = self;
    struct memory_event *known = memory_find(memory, event);

    (void)problem;
    CHECK(known != NULL && !known->gone);
    memory->effects++;
    known->gone = true;
}

static void due_put(
        void *self, nanos deadline, uint32_t problem, struct bytes event)
{
    struct memory *memory = self;

    (void)problem;
    CHECK(memory->due_count < JOURNAL_MAX && deadline > 0);
    memory->effects++;
    memory->due[memory->due_count++] = (struct memory_due){event, deadline};
}

struct journal memory_journal(struct memory *memory)
{
    return (struct journal){
            .event_get = event_get,
            .decision_get = decision_get,
            .append = append,
            .event_put = event_put,
            .event_del = event_del,
            .due_put = due_put,
            .self = memory,
    };
}

void memory_check_fold(struct memory *memory, struct problem *problem)
{
    struct decision_source source = {find_decision, memory, NULL};
    uint64_t live = problem_hash(problem);
    struct err err;

    problem_reset(problem);
    for (uint32_t i = 0; i < memory->record_count; i++)
        CHECK_ZERO(fold_record(problem, memory->records[i].kind,
                memory->records[i].payload, &source, &err));
    CHECK(problem_hash(problem) == live);
}
