#include "sim/desk.h"

#include <stdlib.h>

#define SPEC_BYTES ((size_t)16 << 20)
#define STEP_BYTES ((size_t)4 << 20)

struct desk {
    struct arena specs; /* the spec, for the problem's life */
    struct arena step; /* of the event in hand */
    struct problem_spec spec;
    struct problem *problem;
    struct answer answer;
    struct event_state state;
    struct bytes decision; /* its Decision record, in the step's arena */
    bool known; /* there is an event in hand */
    char event[24];
};

/* ---- the journal ---- */

static bool in_hand(const struct desk *desk, struct bytes event)
{
    return desk->known && bytes_equal(event, bytes_of_text(desk->event));
}

static int event_get(void *self, uint32_t problem, struct bytes event,
        struct event_state *state, struct err *err)
{
    const struct desk *desk = self;

    (void)problem;
    if (!in_hand(desk, event))
        return err_set(err, STATUS_NOT_FOUND, "no such event");
    memcpy(state, &desk->state, event_state_size(&desk->state));
    return 0;
}

static int decision_get(void *self, uint32_t problem, struct bytes event,
        const struct event_state *state, struct bytes *payload, struct err *err)
{
    const struct desk *desk = self;

    (void)problem;
    (void)state;
    if (!in_hand(desk, event) || desk->decision.size == 0)
        return err_set(err, STATUS_NOT_FOUND, "no such decision");
    *payload = desk->decision;
    return 0;
}

static void append(void *self, enum record_kind kind, uint32_t problem,
        struct bytes payload)
{
    (void)self;
    (void)kind;
    (void)problem;
    (void)payload;
}

static void event_put(void *self, uint32_t problem, struct bytes event,
        const struct event_state *state, struct bytes decision)
{
    struct desk *desk = self;

    (void)problem;
    (void)event;
    memcpy(&desk->state, state, event_state_size(state));
    desk->known = true;
    if (decision.size > 0)
        desk->decision = decision;
}

static void event_del(void *self, uint32_t problem, struct bytes event)
{
    struct desk *desk = self;

    (void)problem;
    (void)event;
    desk->known = false;
}

static void due_put(
        void *self, nanos deadline, uint32_t problem, struct bytes event)
{
    (void)self;
    (void)deadline;
    (void)problem;
    (void)event;
}

static struct journal journal_of(struct desk *desk)
{
    return (struct journal){
            .event_get = event_get,
            .decision_get = decision_get,
            .append = append,
            .event_put = event_put,
            .event_del = event_del,
            .due_put = due_put,
            .self = desk,
    };
}

/* ---- life ---- */

/* Room for an event's question and records, and what the policy needs. */
static int make_room(struct desk *desk, struct err *err)
{
    size_t size = STEP_BYTES + desk->problem->decide_scratch;
    void *step = malloc(size);

    if (step == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    desk->step = arena_over(step, size);
    return 0;
}

struct desk *desk_open(struct bytes name, const struct keyvalue *values,
        size_t count, struct err *err)
{
    struct desk *desk = calloc(1, sizeof(*desk));
    void *specs = malloc(SPEC_BYTES);

    if (desk == NULL || specs == NULL) {
        free(desk);
        free(specs);
        (void)err_set(err, STATUS_INTERNAL, "no memory");
        return NULL;
    }
    desk->specs = arena_over(specs, SPEC_BYTES);
    if (problem_spec_parse(
                &desk->spec, name, values, count, &desk->specs, NULL, err) == 0)
        desk->problem = problem_open(&desk->spec, err);
    if (desk->problem == NULL || make_room(desk, err) != 0) {
        desk_close(desk);
        return NULL;
    }
    return desk;
}

void desk_close(struct desk *desk)
{
    if (desk == NULL)
        return;
    if (desk->problem != NULL)
        problem_close(desk->problem);
    free(desk->specs.data);
    free(desk->step.data);
    free(desk);
}

/* ---- rounds ---- */

/* In decimal; printf would be a tenth of a step. */
static void name_event(struct desk *desk, uint64_t number)
{
    char digits[sizeof(desk->event)];
    size_t count = 0;

    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    for (size_t i = 0; i < count; i++)
        desk->event[i] = digits[count - 1 - i];
    desk->event[count] = '\0';
}

int desk_decide(struct desk *desk, uint64_t number,
        const struct question *question, const struct decision **decision,
        struct err *err)
{
    struct journal journal = journal_of(desk);
    struct input input = {.kind = INPUT_DECIDE, .now = (nanos)number + 1};

    arena_reset(&desk->step);
    desk->known = false;
    desk->decision = bytes_of(NULL, 0);
    name_event(desk, number);
    input.as.decide.question = question;
    input.as.decide.fresh_id = bytes_of_text(desk->event);
    engine_step(desk->problem, &input, &journal, &desk->step, &desk->answer);
    *decision = &desk->answer.decision;
    if (desk->answer.decision.status == STATUS_OK)
        return 0;
    return err_set(err, desk->answer.decision.status, "%s",
            desk->answer.decision.message);
}

int desk_feedback(struct desk *desk, double value, struct err *err)
{
    struct journal journal = journal_of(desk);
    struct feedback feedback = {
            .event = bytes_of_text(desk->event), .value = value};
    struct input input = {.kind = INPUT_FEEDBACK, .now = 1};
    struct answer answer;

    input.as.feedback = &feedback;
    engine_step(desk->problem, &input, &journal, &desk->step, &answer);
    if (answer.receipt.status == STATUS_OK)
        return 0;
    return err_set(err, answer.receipt.status, "%s", answer.receipt.message);
}

void desk_watch(struct desk *desk)
{
    problem_watch(desk->problem);
}

const struct problem *desk_problem(const struct desk *desk)
{
    return desk->problem;
}
