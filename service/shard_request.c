#include "proto/wire.h"
#include "service/counters.h"
#include "service/shard_parts.h"
#include "service/status.h"

#include <stdio.h>

/* All that one request works with. */
struct handling {
    struct shard *shard;
    struct batch *batch; /* that its reply goes with */
    struct hosted *hosted;
    struct request request;
    struct reply reply;
    struct arena *arena; /* the shard's work arena */
};

static void count_answer(enum status status, bool repeated)
{
    if (repeated)
        COUNT(repeated);
    if (status != STATUS_OK)
        COUNT(refused);
}

/* For a decision whose client has no id of its own. */
static bool make_id(struct handling *handling, struct bytes *fresh)
{
    char *id = arena_alloc(handling->arena, EVENT_ID_SIZE);

    if (id == NULL)
        return false;
    event_id_make(&handling->shard->ids,
            (uint64_t)(handling->shard->now / NANOS_PER_MS), id);
    *fresh = bytes_of(id, EVENT_ID_SIZE);
    return true;
}

static bool handle_decides(struct handling *handling)
{
    const struct request *request = &handling->request;
    struct decision *decisions = arena_array(
            handling->arena, struct decision, request->decide_count);

    if (decisions == NULL)
        return false;
    for (uint32_t i = 0; i < request->decide_count; i++) {
        struct input input = {INPUT_DECIDE, handling->shard->now, {{0}}};
        struct answer answer;
        input.as.decide.question = &request->decide[i];
        if (request->decide[i].event.size == 0 &&
                !make_id(handling, &input.as.decide.fresh_id))
            return false;
        shard_step(handling->shard, handling->hosted, &input, &answer);
        decisions[i] = answer.decision;
        count_answer(decisions[i].status, decisions[i].repeated);
        if (decisions[i].status == STATUS_OK)
            COUNT(decides);
    }
    handling->reply.decision = decisions;
    handling->reply.decision_count = request->decide_count;
    return true;
}

static bool handle_feedbacks(struct handling *handling)
{
    const struct request *request = &handling->request;
    struct receipt *receipts = arena_array(
            handling->arena, struct receipt, request->feedback_count);

    if (receipts == NULL)
        return false;
    for (uint32_t i = 0; i < request->feedback_count; i++) {
        struct input input = {INPUT_FEEDBACK, handling->shard->now, {{0}}};
        struct answer answer;
        input.as.feedback = &request->feedback[i];
        shard_step(handling->shard, handling->hosted, &input, &answer);
        receipts[i] = answer.receipt;
        count_answer(receipts[i].status, receipts[i].repeated);
        if (receipts[i].status == STATUS_OK)
            COUNT(feedbacks);
    }
    handling->reply.feedback = receipts;
    handling->reply.feedback_count = request->feedback_count;
    return true;
}

static bool handle_activates(struct handling *handling)
{
    const struct request *request = &handling->request;
    struct receipt *receipts = arena_array(
            handling->arena, struct receipt, request->activate_count);

    if (receipts == NULL)
        return false;
    for (uint32_t i = 0; i < request->activate_count; i++) {
        struct input input = {INPUT_ACTIVATE, handling->shard->now, {{0}}};
        struct answer answer;
        input.as.activate = request->activate[i];
        shard_step(handling->shard, handling->hosted, &input, &answer);
        receipts[i] = answer.receipt;
        count_answer(receipts[i].status, receipts[i].repeated);
        if (receipts[i].status == STATUS_OK)
            COUNT(activates);
    }
    handling->reply.activate = receipts;
    handling->reply.activate_count = request->activate_count;
    return true;
}

static bool handle_status(struct handling *handling)
{
    struct status_answer *answer =
            arena_alloc(handling->arena, sizeof(*answer));

    if (answer == NULL)
        return false;
    handling->reply.answer = answer;
    return status_answer(handling->shard,
            handling->hosted == NULL ? NULL : handling->hosted->problem,
            handling->arena, answer);
}

static struct receipt *receipt_of(struct handling *handling)
{
    struct receipt *receipt = arena_alloc(handling->arena, sizeof(*receipt));

    if (receipt != NULL)
        memset(receipt, 0, sizeof(*receipt));
    return receipt;
}

static bool handle_retrain(struct handling *handling)
{
    struct shard *shard = handling->shard;
    const struct problem_spec *spec = handling->hosted->problem->spec;
    const char *why = shard->trainer == NULL ? "nothing is trained here"
                                             : problem_spec_untrained(spec);
    struct receipt *receipt = receipt_of(handling);

    if (receipt == NULL)
        return false;
    if (why != NULL) {
        receipt->status = STATUS_UNSUPPORTED;
        receipt->message = why;
    } else {
        receipt->repeated = trainer_ask(shard->trainer, spec->number);
    }
    count_answer(receipt->status, receipt->repeated);
    handling->reply.retrain = receipt;
    return true;
}

static bool handle_promote(struct handling *handling)
{
    const struct request *request = &handling->request;
    struct promotion promotion = {.generation = request->generation,
            .back = request->back,
            .has_serving = request->has_serving,
            .serving = request->serving,
            .stage = (enum stage)request->stage,
            .share = request->share,
            .why = bytes_of_text("by hand")};
    struct receipt *receipt = receipt_of(handling);

    if (receipt == NULL)
        return false;
    shard_promote(handling->shard, handling->hosted, &promotion, receipt);
    count_answer(receipt->status, receipt->repeated);
    handling->reply.promote = receipt;
    return true;
}

static bool handle_generations(struct handling *handling)
{
    struct err err;
    int status = shard_tell_generations(handling->shard,
            handling->hosted->problem, handling->arena, &handling->reply, &err);

    if (status == 0)
        return true;
    handling->reply.generation_count = 0;
    handling->reply.status = (enum status)status;
    handling->reply.message =
            arena_copy(handling->arena, err.text, strlen(err.text) + 1);
    return true;
}

static void refuse(
        struct handling *handling, enum status status, const char *message)
{
    uint64_t id = handling->reply.id;

    memset(&handling->reply, 0, sizeof(handling->reply));
    handling->reply.id = id;
    handling->reply.status = status;
    handling->reply.message = message;
    COUNT(refused);
}

static bool changes_something(const struct request *request)
{
    return request->decide_count > 0 || request->feedback_count > 0 ||
            request->activate_count > 0 || request->promote;
}

/* ---- what a request needs ---- */

/* Arena bytes of a step, of its record and of its part of the reply, at most:
 * views, protobuf-c's structs and packed bytes, counted by hand with a margin
 * for alignment. */
#define ITEM_BYTES   4096u
#define PLACE_BYTES  384u
#define NAMED_BYTES  192u
#define EXPERT_BYTES 512u
#define VALUE_BYTES  8u
/* Costs that are held, read and written again, for each edge. */
#define COST_BYTES 32u
/* What a challenger says of each place. */
#define TRIAL_BYTES 64u

static size_t need_of_item(const struct problem_spec *spec)
{
    bool path = spec->settings.form == FORM_PATH;

    return ITEM_BYTES + (path ? spec->slots * (size_t)COST_BYTES : 0);
}

static size_t need_of_question(
        const struct problem_spec *spec, const struct question *question)
{
    size_t places =
            question->action_count > 0 ? question->action_count : spec->slots;
    size_t named = question->named_count;
    size_t values = (size_t)question->shared.rows * question->shared.columns +
            (size_t)question->action_features.rows *
                    question->action_features.columns;
    bool experts = question->experts || spec->settings.log_experts;

    for (uint32_t i = 0; i < question->action_named_count; i++)
        named += question->action_named[i].named_count;
    return need_of_item(spec) + places * PLACE_BYTES + named * NAMED_BYTES +
            values * VALUE_BYTES +
            (size_t)question->group_count * ID_BYTES_MAX +
            (spec->group_count + 1) *
            (size_t)(experts ? EXPERT_BYTES : VALUE_BYTES);
}

/* Items are logged together or not at all, so a request that might not fit is
 * refused as a whole, before the first. */
static bool request_fits(const struct handling *handling)
{
    const struct request *request = &handling->request;
    const struct problem *problem = handling->hosted->problem;
    const struct problem_spec *spec = problem->spec;
    size_t places = 0;
    size_t need = handling->arena->used + problem->decide_scratch +
            (size_t)(request->feedback_count + request->activate_count) *
                    need_of_item(spec);

    for (uint32_t i = 0; i < request->decide_count; i++) {
        const struct question *question = &request->decide[i];
        places += question->action_count > 0 ? question->action_count
                                             : spec->slots;
        need += need_of_question(spec, question);
    }
    if (problem->challenger.policy != NULL)
        need += problem->decide_scratch + places * TRIAL_BYTES;
    return places <= REQUEST_PLACES_MAX && need <= REQUEST_ARENA_BYTES;
}

static void refuse_full(struct handling *handling)
{
    char why[ERR_TEXT_SIZE], text[ERR_TEXT_SIZE + 64];
    const char *message;

    commit_why(handling->shard->committer, why, sizeof(why));
    (void)snprintf(text, sizeof(text),
            "there is no room to record this: %s; try again later", why);
    message = arena_copy(handling->arena, text, strlen(text) + 1);
    COUNT(refused_full);
    refuse(handling, STATUS_STORAGE_FULL,
            message == NULL ? status_sentence(STATUS_STORAGE_FULL) : message);
}

static void run_request(struct handling *handling)
{
    const struct request *request = &handling->request;
    struct shard *shard = handling->shard;

    if (request->problem.size > 0) {
        handling->hosted = shard_find(shard, request->problem);
        if (handling->hosted == NULL) {
            refuse(handling, STATUS_UNKNOWN_PROBLEM,
                    "problem: none of that name is configured");
            return;
        }
    }
    if (changes_something(request) &&
            (handling->batch == shard->aside ||
                    commit_full(shard->committer))) {
        refuse_full(handling);
        return;
    }
    if (changes_something(request) && !request_fits(handling)) {
        refuse(handling, STATUS_INVALID,
                "request: too many actions or features over all its decides; "
                "ask in smaller requests");
        return;
    }
    if (!handle_decides(handling) || !handle_feedbacks(handling) ||
            !handle_activates(handling) ||
            (request->status && !handle_status(handling)) ||
            (request->retrain && !handle_retrain(handling)) ||
            (request->promote && !handle_promote(handling)) ||
            (request->generations && !handle_generations(handling)))
        refuse(handling, STATUS_BUSY, "the answer is too large to hold now");
}

static bool add_exchange(struct batch *batch, const struct bytes *envelope,
        uint32_t envelope_count, nanos now, struct exchange **out)
{
    struct bytes *frames =
            arena_array(&batch->arena, struct bytes, envelope_count);

    if (frames == NULL)
        return false;
    for (uint32_t i = 0; i < envelope_count; i++) {
        frames[i] = bytes_of(
                arena_copy(&batch->arena, envelope[i].data, envelope[i].size),
                envelope[i].size);
        if (frames[i].data == NULL)
            return false;
    }
    *out = &batch->exchanges[batch->exchange_count++];
    /* `fallback` is written before it is read. */
    (*out)->envelope = frames;
    (*out)->envelope_count = envelope_count;
    (*out)->relaxed = false;
    (*out)->sent = false;
    (*out)->received = now;
    (*out)->reply = bytes_of(NULL, 0);
    return true;
}

/* The reply, copied to the batch. */
static void answer(struct handling *handling, struct exchange *exchange)
{
    struct bytes reply = wire_reply_encode(&handling->reply, handling->arena);

    exchange->reply =
            reply.data == NULL ? reply : batch_keep(handling->batch, reply);
    if (exchange->reply.data != NULL)
        return;
    /* request_fits() does not let it come to this. What was recorded stands;
     * the client asks again by event id. */
    arena_reset(handling->arena);
    refuse(handling, STATUS_BUSY, "the answer is too large to hold now");
    reply = wire_reply_encode(&handling->reply, handling->arena);
    CHECK(reply.data != NULL && reply.size <= sizeof(exchange->fallback));
    exchange->reply = bytes_of(
            memcpy(exchange->fallback, reply.data, reply.size), reply.size);
}

static void finish(struct handling *handling, struct exchange *exchange)
{
    struct batch *batch = handling->batch;

    answer(handling, exchange);
    if (batch != handling->shard->aside && handling->hosted != NULL &&
            handling->hosted->problem->spec->settings.durability ==
                    DURABILITY_RELAXED) {
        exchange->relaxed = true;
        batch->has_relaxed = true;
    }
}

void shard_handle(struct shard *shard, const struct bytes *envelope,
        uint32_t envelope_count, struct bytes frame, nanos now)
{
    struct batch *batch = shard->taking;
    struct handling handling = {
            .shard = shard,
            .batch = batch,
            .arena = &shard->work,
    };
    struct exchange *exchange;
    struct err err;
    int status;

    shard_set_now(shard, now);
    arena_reset(&shard->work);
    COUNT(requests);
    if (!add_exchange(batch, envelope, envelope_count, now, &exchange)) {
        COUNT(dropped);
        return;
    }
    status =
            wire_request_decode(frame, handling.arena, &handling.request, &err);
    handling.reply.id = handling.request.id;
    if (status != 0) {
        COUNT(malformed);
        /* What was unpacked may fill the arena. */
        arena_reset(&shard->work);
        refuse(&handling, (enum status)status,
                arena_copy(handling.arena, err.text, strlen(err.text) + 1));
    } else {
        run_request(&handling);
    }
    finish(&handling, exchange);
}
