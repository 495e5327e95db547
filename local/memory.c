/* Without a store: the engine is stepped on the spot, over the events that are
 * remembered, and the request and its reply are messages that are never
 * packed. */
#include "local/events.h"
#include "local/internal.h"
#include "proto/wire.h"
#include "service/status.h"

#include <stdlib.h>

/* Deadlines handled in one call. */
#define DEADLINES_MAX 1024u

struct memory {
    struct problem **problems; /* [config->problem_count], in its order */
    uint32_t last; /* the problem that was asked for last */
    struct events *events;
    struct journal journal;
    nanos started;
    nanos now; /* never goes back */
};

/* ---- opening and closing ---- */

static void memory_close(struct local *local)
{
    struct memory *memory = local->state;

    for (uint32_t i = 0; i < local->config->problem_count; i++)
        if (memory->problems != NULL && memory->problems[i] != NULL)
            problem_close(memory->problems[i]);
    free(memory->problems);
    events_free(memory->events);
    free(memory);
    local->state = NULL;
}

static int open_problems(struct local *local, struct err *err)
{
    struct memory *memory = local->state;
    const struct config *config = local->config;

    memory->problems =
            calloc(config->problem_count + 1, sizeof(struct problem *));
    if (memory->problems == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    for (uint32_t i = 0; i < config->problem_count; i++) {
        config->problems[i]->number = i + 1;
        memory->problems[i] = problem_open(config->problems[i], err);
        if (memory->problems[i] == NULL)
            return STATUS_INTERNAL;
    }
    return 0;
}

static int memory_open(
        struct local *local, const rue_local_options *options, struct err *err)
{
    struct memory *memory = calloc(1, sizeof(*memory));
    int status;

    if (memory == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    local->state = memory;
    memory->events =
            events_new(options->events_max, local->config->problem_count);
    status = memory->events == NULL
            ? err_set(err, STATUS_INTERNAL, "no memory for %u events",
                      options->events_max)
            : open_problems(local, err);
    if (status != 0) {
        memory_close(local);
        return status;
    }
    memory->journal = events_journal(memory->events);
    memory->started = local_now(local);
    memory->now = memory->started;
    return 0;
}

/* ---- steps ---- */

static void step(struct local *local, struct problem *problem,
        const struct input *input, struct answer *answer)
{
    struct memory *memory = local->state;

    if (events_ready(memory->events)) {
        engine_step(problem, input, &memory->journal, &local->work, answer);
        return;
    }
    memset(answer, 0, sizeof(*answer));
    answer->decision.status = STATUS_BUSY;
    answer->decision.message = "there is no memory";
    answer->receipt.status = STATUS_BUSY;
    answer->receipt.message = answer->decision.message;
}

static void set_now(struct local *local)
{
    struct memory *memory = local->state;
    nanos now = local_now(local);

    if (now > memory->now)
        memory->now = now;
}

static void expire(struct local *local, struct problem *problem)
{
    struct memory *memory = local->state;
    uint32_t number = problem->spec->number;
    nanos deadline;
    struct bytes event;

    for (uint32_t i = 0; i < DEADLINES_MAX &&
            events_due(memory->events, number, memory->now, &deadline, &event);
            i++) {
        struct input input = {INPUT_DEADLINE, memory->now, {{0}}};
        struct answer answer;
        size_t mark = local->work.used;
        input.as.deadline.event = event;
        input.as.deadline.deadline = deadline;
        step(local, problem, &input, &answer);
        arena_release(&local->work, mark);
        if (answer.receipt.status != STATUS_OK)
            return;
    }
}

/* Most programs have one problem, or ask for the same many times. */
static struct problem *find_problem(struct local *local, struct bytes name)
{
    struct memory *memory = local->state;
    uint32_t count = local->config->problem_count;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = (memory->last + i) % count;
        if (!bytes_equal(local->config->problems[at]->name, name))
            continue;
        memory->last = at;
        return memory->problems[at];
    }
    return NULL;
}

static bool decide_all(struct local *local, struct problem *problem,
        const struct request *request, struct reply *reply)
{
    const struct memory *memory = local->state;
    struct decision *list =
            arena_array(&local->work, struct decision, request->decide_count);

    for (uint32_t i = 0; list != NULL && i < request->decide_count; i++) {
        struct input input = {INPUT_DECIDE, memory->now, {{0}}};
        struct answer answer;
        /* The client has made an event id. */
        input.as.decide.question = &request->decide[i];
        step(local, problem, &input, &answer);
        list[i] = answer.decision;
    }
    reply->decision = list;
    reply->decision_count = request->decide_count;
    return list != NULL;
}

static bool feed_all(struct local *local, struct problem *problem,
        const struct request *request, struct reply *reply)
{
    const struct memory *memory = local->state;
    struct receipt *list =
            arena_array(&local->work, struct receipt, request->feedback_count);

    for (uint32_t i = 0; list != NULL && i < request->feedback_count; i++) {
        struct input input = {INPUT_FEEDBACK, memory->now, {{0}}};
        struct answer answer;
        input.as.feedback = &request->feedback[i];
        step(local, problem, &input, &answer);
        list[i] = answer.receipt;
    }
    reply->feedback = list;
    reply->feedback_count = request->feedback_count;
    return list != NULL;
}

static bool activate_all(struct local *local, struct problem *problem,
        const struct request *request, struct reply *reply)
{
    const struct memory *memory = local->state;
    struct receipt *list =
            arena_array(&local->work, struct receipt, request->activate_count);

    for (uint32_t i = 0; list != NULL && i < request->activate_count; i++) {
        struct input input = {INPUT_ACTIVATE, memory->now, {{0}}};
        struct answer answer;
        input.as.activate = request->activate[i];
        step(local, problem, &input, &answer);
        list[i] = answer.receipt;
    }
    reply->activate = list;
    reply->activate_count = request->activate_count;
    return list != NULL;
}

/* ---- requests ---- */

static bool tell_status(
        struct local *local, const struct problem *problem, struct reply *reply)
{
    const struct memory *memory = local->state;
    struct status_answer *answer = arena_alloc(&local->work, sizeof(*answer));
    bool told;

    if (answer == NULL)
        return false;
    told = problem != NULL
            ? status_of_problem(NULL, problem, &local->work, answer)
            : status_of_config(local->config, &local->work, answer);
    answer->uptime_s =
            (double)(memory->now - memory->started) / (double)NANOS_PER_SECOND;
    reply->answer = answer;
    return told;
}

static void refuse(struct reply *reply, enum status status, const char *message)
{
    *reply = (struct reply){
            .id = reply->id, .status = status, .message = message};
}

static void run(
        struct local *local, const struct request *request, struct reply *reply)
{
    struct problem *problem = NULL;

    set_now(local);
    if (request->problem.size > 0) {
        problem = find_problem(local, request->problem);
        if (problem == NULL) {
            refuse(reply, STATUS_UNKNOWN_PROBLEM,
                    "problem: none of that name is configured");
            return;
        }
        expire(local, problem);
    }
    if (request->retrain || request->promote || request->generations) {
        refuse(reply, STATUS_UNSUPPORTED,
                "generations are trained from a log, and there is none");
        return;
    }
    if ((request->decide_count > 0 &&
                !decide_all(local, problem, request, reply)) ||
            (request->feedback_count > 0 &&
                    !feed_all(local, problem, request, reply)) ||
            (request->activate_count > 0 &&
                    !activate_all(local, problem, request, reply)) ||
            (request->status && !tell_status(local, problem, reply)))
        refuse(reply, STATUS_BUSY, "the answer is too large to hold");
}

/* Reads and runs a request. False if it cannot be sent at all, as a client of a
 * service says it before it sends. */
static bool handle(struct local *local, const rue_request *request, uint64_t id,
        const struct errand *errand, struct reply *reply)
{
    const struct Rue__Request *message;
    struct request read;
    struct err err;
    int code;

    arena_reset(&local->work);
    message = message_build(request, id, errand, &local->base.ids,
            (uint64_t)(local_now(local) / NANOS_PER_MS), &local->work,
            local->base.error);
    if (message == NULL)
        return false;
    code = wire_request_read(message, &local->work, &read, &err);
    *reply = (struct reply){.id = id};
    if (code == 0)
        run(local, &read, reply);
    else
        refuse(reply, (enum status)code,
                arena_copy(&local->work, err.text, strlen(err.text) + 1));
    return true;
}

static rue_status memory_call(struct local *local, const rue_request *request,
        const struct errand *errand, rue_reply *out)
{
    const struct Rue__Reply *message;
    struct errand_answer unasked = {0};
    struct reply reply;

    if (!handle(local, request, 0, errand, &reply))
        return RUE_INVALID;
    message = wire_reply_build(&reply, &local->work);
    if (message == NULL ||
            !message_read(message, &local->work, out,
                    local->base.answer != NULL ? local->base.answer
                                               : &unasked)) {
        memset(out, 0, sizeof(*out));
        out->message = "the answer is too large to hold";
        return RUE_BUSY;
    }
    return out->status;
}

static rue_status memory_send(
        struct local *local, const rue_request *request, uint64_t id)
{
    struct reply reply;
    struct bytes packed;

    if (!handle(local, request, id, &client_no_errand, &reply))
        return RUE_INVALID;
    packed = wire_reply_encode(&reply, &local->work);
    if (packed.data == NULL)
        return client_fail(
                &local->base, RUE_BUSY, "the answer is too large to hold");
    local_answered(local, id, packed);
    return RUE_OK;
}

static void memory_wait(struct local *local, int timeout_ms)
{
    struct memory *memory = local->state;

    (void)timeout_ms;
    set_now(local);
    arena_reset(&local->work);
    for (uint32_t i = 0; i < local->config->problem_count; i++)
        expire(local, memory->problems[i]);
}

const struct local_kind local_memory = {
        .open = memory_open,
        .close = memory_close,
        .call = memory_call,
        .send = memory_send,
        .wait = memory_wait,
};
