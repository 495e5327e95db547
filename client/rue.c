/* The client: requests in flight, their retries and time-outs. One
 * implementation for the blocking and the pipelined interface. */
#include "client/rue.h"

#include "base/limits.h"
#include "client/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <zmq.h>

#define SLOT_BITS          16
#define IN_FLIGHT_LIMIT    (1u << SLOT_BITS)
#define ARENA_BYTES        ((size_t)16 << 20)
#define ENDPOINT_DEFAULT   "tcp://127.0.0.1:5750"
#define TIMEOUT_MS_DEFAULT 2000
#define RETRY_MS_DEFAULT   250
#define RETRY_DOUBLINGS    4u /* of the time between two tries */
#define IN_FLIGHT_DEFAULT  1024
#define REFUSAL_SIZE       128

/* A request without a reply. Its id is (turn << SLOT_BITS | slot), so that a
 * late reply to an earlier request of the slot is told apart. */
struct pending {
    uint64_t id; /* 0 = the slot is free */
    uint8_t *bytes;
    size_t size, capacity;
    double sent_first, sent_last, give_up; /* ms of the monotonic clock */
    unsigned attempts;
    rue_status refused; /* the last answer was BUSY or STORAGE_FULL, or OK */
    char refusal[REFUSAL_SIZE]; /* and its sentence */
    rue_done *done;
    void *self;
    struct fallback *fallbacks; /* [question_count], or NULL */
    size_t question_count;
    uint32_t next_free;
};

struct rue_client {
    rue_options options;
    char *endpoint;
    void *context;
    void *socket;
    struct pending *slots; /* [options.in_flight_max] */
    uint32_t first_free; /* a slot, or in_flight_max: none */
    uint32_t in_flight;
    uint64_t turn;
    double heard_at; /* when anything came from the service */
    struct arena packing; /* for one request on its way out */
    struct arena reading; /* for the newest reply: what the caller sees */
    struct event_id_source ids;
    struct errand_answer *answer; /* of the errand in progress, or NULL */
    rue_counters counters;
    char error[CLIENT_ERROR_SIZE];
};

/* ---- small things ---- */

static double now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static uint64_t wall_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

const char *rue_status_name(rue_status status)
{
    static const char *const names[] = {"OK", "INVALID", "UNKNOWN_PROBLEM",
            "UNKNOWN_EVENT", "DUPLICATE", "DENIED", "BUSY", "STORAGE_FULL",
            "INTERNAL", "UNSUPPORTED", "CORRUPT", "IO", "TIMEOUT", "AWAY",
            "NOT_FOUND"};

    return (unsigned)status < sizeof(names) / sizeof(names[0]) ? names[status]
                                                               : "?";
}

const char *rue_error(const rue_client *client)
{
    return client->error;
}

size_t rue_in_flight(const rue_client *client)
{
    return client->in_flight;
}

void rue_get_counters(const rue_client *client, rue_counters *counters)
{
    *counters = client->counters;
}

void rue_make_id(rue_client *client, char id[RUE_ID_SIZE])
{
    event_id_make(&client->ids, wall_ms(), id);
    id[EVENT_ID_SIZE] = '\0';
}

static rue_status fail(
        rue_client *client, rue_status status, const char *sentence)
{
    if (sentence != client->error)
        (void)snprintf(client->error, sizeof(client->error), "%s", sentence);
    return status;
}

/* ---- opening and closing ---- */

void rue_options_init(rue_options *options)
{
    memset(options, 0, sizeof(*options));
    options->endpoint = ENDPOINT_DEFAULT;
    options->timeout_ms = TIMEOUT_MS_DEFAULT;
    options->retry_ms = RETRY_MS_DEFAULT;
    options->retry_busy = 1;
    options->in_flight_max = IN_FLIGHT_DEFAULT;
}

static void free_slot(rue_client *client, uint32_t slot)
{
    struct pending *pending = &client->slots[slot];

    pending->id = 0;
    free(pending->fallbacks);
    pending->fallbacks = NULL;
    pending->next_free = client->first_free;
    client->first_free = slot;
}

static bool open_memory(rue_client *client)
{
    client->endpoint = strdup(client->options.endpoint);
    client->slots =
            calloc(client->options.in_flight_max, sizeof(*client->slots));
    client->packing = arena_over(malloc(ARENA_BYTES), ARENA_BYTES);
    client->reading = arena_over(malloc(ARENA_BYTES), ARENA_BYTES);
    if (client->endpoint == NULL || client->slots == NULL ||
            client->packing.data == NULL || client->reading.data == NULL)
        return false;
    client->options.endpoint = client->endpoint;
    client->first_free = client->options.in_flight_max;
    for (uint32_t slot = client->options.in_flight_max; slot > 0; slot--)
        free_slot(client, slot - 1);
    return true;
}

static void set_option(void *socket, int option, int value)
{
    (void)zmq_setsockopt(socket, option, &value, sizeof(value));
}

static const char *open_socket(rue_client *client)
{
    client->context = zmq_ctx_new();
    if (client->context == NULL)
        return "no ZeroMQ context";
    client->socket = zmq_socket(client->context, ZMQ_DEALER);
    if (client->socket == NULL)
        return "no ZeroMQ socket";
    set_option(client->socket, ZMQ_LINGER, 0);
    set_option(client->socket, ZMQ_RECONNECT_IVL, 20);
    set_option(client->socket, ZMQ_RECONNECT_IVL_MAX, 500);
    set_option(client->socket, ZMQ_SNDHWM,
            2 * (int)client->options.in_flight_max + 16);
    set_option(client->socket, ZMQ_RCVHWM,
            2 * (int)client->options.in_flight_max + 16);
    if (zmq_connect(client->socket, client->endpoint) != 0)
        return "the endpoint is not one: tcp://ADDRESS:PORT or ipc://PATH";
    return NULL;
}

static const char *check_options(const rue_options *options)
{
    if (options->endpoint == NULL)
        return "an endpoint is needed";
    if (options->timeout_ms < 1 || options->retry_ms < 1)
        return "timeout_ms and retry_ms are at least 1";
    if (options->in_flight_max < 1 || options->in_flight_max > IN_FLIGHT_LIMIT)
        return "in_flight_max is 1 to 65536";
    return NULL;
}

rue_client *rue_open(const rue_options *options, char *error, size_t size)
{
    rue_client *client = NULL;
    const char *wrong =
            options == NULL ? "options are needed" : check_options(options);

    if (wrong == NULL) {
        client = calloc(1, sizeof(*client));
        wrong = client == NULL ? "no memory" : NULL;
    }
    if (wrong == NULL) {
        client->options = *options;
        if (!open_memory(client))
            wrong = "no memory";
        else if (getrandom(&client->ids.maker, sizeof(client->ids.maker), 0) !=
                (ssize_t)sizeof(client->ids.maker))
            wrong = "no random bytes";
        else
            wrong = open_socket(client);
    }
    if (wrong == NULL)
        return client;
    if (error != NULL && size > 0)
        (void)snprintf(error, size, "%s", wrong);
    rue_close(client);
    return NULL;
}

void rue_close(rue_client *client)
{
    if (client == NULL)
        return;
    if (client->socket != NULL)
        (void)zmq_close(client->socket);
    if (client->context != NULL)
        (void)zmq_ctx_term(client->context);
    for (uint32_t i = 0;
            client->slots != NULL && i < client->options.in_flight_max; i++) {
        free(client->slots[i].bytes);
        free(client->slots[i].fallbacks);
    }
    free(client->slots);
    free(client->packing.data);
    free(client->reading.data);
    free(client->endpoint);
    free(client);
}

/* ---- sending ---- */

/* Gives the bytes to ZeroMQ, which queues them; a full queue or a missing
 * service is not a failure: the next retry sends them. */
static void transmit(rue_client *client, struct pending *pending, double now)
{
    (void)zmq_send(client->socket, pending->bytes, pending->size, ZMQ_DONTWAIT);
    pending->sent_last = now;
    if (pending->attempts++ > 0)
        client->counters.resent++;
    else
        client->counters.sent++;
}

static bool keep_bytes(struct pending *pending, struct bytes packed)
{
    if (packed.size > pending->capacity) {
        uint8_t *grown = realloc(pending->bytes, packed.size);
        if (grown == NULL)
            return false;
        pending->bytes = grown;
        pending->capacity = packed.size;
    }
    memcpy(pending->bytes, packed.data, packed.size);
    pending->size = packed.size;
    return true;
}

static bool keep_fallbacks(
        rue_client *client, struct pending *pending, const rue_request *request)
{
    pending->question_count = request->question_count;
    if (client->options.fallback == RUE_FALLBACK_NONE ||
            request->question_count == 0)
        return true;
    pending->fallbacks =
            calloc(request->question_count, sizeof(*pending->fallbacks));
    if (pending->fallbacks == NULL)
        return false;
    for (size_t i = 0; i < request->question_count; i++)
        fallback_of(client->options.fallback, &request->questions[i],
                &pending->fallbacks[i]);
    return true;
}

static const struct errand no_errand = {.kind = ERRAND_NONE};

static rue_status submit(rue_client *client, const rue_request *request,
        const struct errand *errand, rue_done *done, void *self, uint64_t *id)
{
    uint32_t slot = client->first_free;
    double now = now_ms();
    struct pending *pending;
    struct bytes packed;

    if (slot == client->options.in_flight_max)
        return fail(client, RUE_BUSY, "in_flight_max requests are in flight");
    pending = &client->slots[slot];
    *id = ++client->turn << SLOT_BITS | slot;
    arena_reset(&client->packing);
    if (!message_pack(request, *id, errand, &client->ids, wall_ms(),
                &client->packing, &packed, client->error))
        return RUE_INVALID;
    if (!keep_bytes(pending, packed) ||
            !keep_fallbacks(client, pending, request))
        return fail(client, RUE_INTERNAL, "no memory");
    client->first_free = pending->next_free;
    client->in_flight++;
    pending->id = *id;
    pending->attempts = 0;
    pending->refused = RUE_OK;
    pending->done = done;
    pending->self = self;
    pending->sent_first = now;
    pending->give_up = now + client->options.timeout_ms;
    transmit(client, pending, now);
    return RUE_OK;
}

rue_status rue_send(rue_client *client, const rue_request *request,
        rue_done *done, void *self)
{
    uint64_t id;

    return submit(client, request, &no_errand, done, self, &id);
}

/* ---- ending a request ---- */

static void finish(
        rue_client *client, struct pending *pending, rue_reply *reply)
{
    rue_done *done = pending->done;
    void *self = pending->self;

    reply->waited_ms = now_ms() - pending->sent_first;
    reply->attempts = pending->attempts;
    free_slot(client, (uint32_t)(pending - client->slots));
    client->in_flight--;
    if (done != NULL)
        done(self, reply);
}

/* An answer made here, in the arena. */
static void answer_fallback(rue_client *client, const struct fallback *fallback,
        const rue_reply *reply, rue_answer *answer)
{
    static const uint32_t zero_place;
    static const double one = 1.0;
    uint32_t *place = arena_alloc(&client->reading, sizeof(*place));
    const char **action = arena_alloc(&client->reading, sizeof(*action));

    memset(answer, 0, sizeof(*answer));
    answer->status = reply->status;
    answer->message = reply->message;
    answer->event = "";
    answer->action = "";
    answer->policy = "";
    answer->ranking = &zero_place;
    if (fallback == NULL || !fallback->possible || place == NULL ||
            action == NULL)
        return;
    *place = fallback->place;
    *action = arena_copy(
            &client->reading, fallback->action, strlen(fallback->action) + 1);
    if (*action == NULL)
        return;
    answer->fallback = 1;
    answer->count = 1;
    answer->ranking = place;
    answer->probability = &one;
    answer->actions = action;
    answer->chosen = *place;
    answer->action = *action;
    answer->propensity = 1.0;
    client->counters.fallbacks++;
}

/* Why there is no answer. */
static void explain(
        rue_client *client, const struct pending *pending, rue_reply *reply)
{
    if (pending->refused != RUE_OK) {
        reply->status = pending->refused;
        reply->message = arena_copy(
                &client->reading, pending->refusal, sizeof(pending->refusal));
    } else if (client->heard_at >= pending->sent_first) {
        reply->status = RUE_TIMEOUT;
        reply->message = "no answer in time";
    } else {
        reply->status = RUE_AWAY;
        reply->message = "nothing came from the service in time";
    }
}

static void give_up(rue_client *client, struct pending *pending)
{
    rue_reply reply = {.status = RUE_TIMEOUT};
    rue_answer *answers;

    arena_reset(&client->reading);
    explain(client, pending, &reply);
    answers =
            arena_array(&client->reading, rue_answer, pending->question_count);
    for (size_t i = 0; answers != NULL && i < pending->question_count; i++)
        answer_fallback(client,
                pending->fallbacks == NULL ? NULL : &pending->fallbacks[i],
                &reply, &answers[i]);
    reply.answers = answers;
    reply.answer_count = answers == NULL ? 0 : pending->question_count;
    client->counters.timeouts++;
    finish(client, pending, &reply);
}

static bool try_again_later(const rue_client *client, const rue_reply *reply)
{
    return client->options.retry_busy &&
            (reply->status == RUE_BUSY || reply->status == RUE_STORAGE_FULL);
}

/* One frame from the service. True if it ended a request. */
static bool take_frame(rue_client *client, struct bytes frame)
{
    rue_reply reply = {0};
    struct pending *pending;
    struct errand_answer unasked = {0};
    uint64_t id = 0;
    uint32_t slot;

    client->heard_at = now_ms();
    arena_reset(&client->reading);
    if (!message_unpack(frame, &client->reading, &id, &reply,
                client->answer != NULL ? client->answer : &unasked)) {
        client->counters.ignored++;
        return false;
    }
    slot = (uint32_t)(id & (IN_FLIGHT_LIMIT - 1));
    pending =
            slot < client->options.in_flight_max ? &client->slots[slot] : NULL;
    if (id == 0 || pending == NULL || pending->id != id) {
        client->counters.ignored++;
        return false;
    }
    if (try_again_later(client, &reply)) {
        pending->refused = reply.status;
        (void)snprintf(pending->refusal, sizeof(pending->refusal), "%s",
                reply.message);
        return false;
    }
    client->counters.replies++;
    finish(client, pending, &reply);
    return true;
}

/* ---- receiving ---- */

/* Receives what waits on the socket. With `until` not 0 it stops after the
 * reply to that request, whose views the caller is to see. */
static size_t receive(rue_client *client, uint64_t until)
{
    size_t over = 0;

    for (;;) {
        zmq_msg_t frame;
        bool more, last;
        (void)zmq_msg_init(&frame);
        if (zmq_msg_recv(&frame, client->socket, ZMQ_DONTWAIT) < 0) {
            (void)zmq_msg_close(&frame);
            return over;
        }
        more = zmq_msg_more(&frame);
        if (!more)
            over += take_frame(client,
                    bytes_of(zmq_msg_data(&frame), zmq_msg_size(&frame)));
        (void)zmq_msg_close(&frame);
        last = until != 0 &&
                client->slots[until & (IN_FLIGHT_LIMIT - 1)].id != until;
        if (last)
            return over;
    }
}

static double next_try(const rue_client *client, const struct pending *pending)
{
    double pause = client->options.retry_ms;

    for (unsigned i = 1; i < pending->attempts && i <= RETRY_DOUBLINGS; i++)
        pause *= 2;
    return pending->sent_last + pause;
}

/* Sends again what has waited long enough; gives up what waited too long.
 * Returns how many were given up; *next is the time of the next such event. */
static size_t look_after(rue_client *client, uint64_t until, double *next)
{
    double now = now_ms();
    size_t over = 0;

    *next = now + 1000;
    for (uint32_t slot = 0; slot < client->options.in_flight_max; slot++) {
        struct pending *pending = &client->slots[slot];
        double due;
        if (pending->id == 0)
            continue;
        if (now >= pending->give_up) {
            bool last = pending->id == until;
            give_up(client, pending);
            over++;
            if (last)
                return over;
            continue;
        }
        if (now >= next_try(client, pending))
            transmit(client, pending, now);
        due = next_try(client, pending);
        due = due < pending->give_up ? due : pending->give_up;
        *next = due < *next ? due : *next;
    }
    return over;
}

/* Waits for the socket, at most until `end`. */
static void wait_for_socket(rue_client *client, double end)
{
    zmq_pollitem_t item = {client->socket, 0, ZMQ_POLLIN, 0};
    double wait = end - now_ms();

    (void)zmq_poll(&item, 1, wait <= 0 ? 0 : (long)wait + 1);
}

size_t rue_poll(rue_client *client, int timeout_ms)
{
    double end = now_ms() + timeout_ms;
    double look_at = 0;
    size_t over = 0;

    for (;;) {
        double now;
        over += receive(client, 0);
        now = now_ms();
        if (now >= look_at)
            over += look_after(client, 0, &look_at);
        if (over > 0 || now >= end || client->in_flight == 0)
            return over;
        wait_for_socket(client, look_at < end ? look_at : end);
    }
}

/* ---- blocking ---- */

static void copy_reply(void *self, const rue_reply *reply)
{
    *(rue_reply *)self = *reply;
}

static void wait_for(rue_client *client, uint64_t id)
{
    struct pending *pending = &client->slots[id & (IN_FLIGHT_LIMIT - 1)];

    while (pending->id == id) {
        double next;
        (void)look_after(client, id, &next);
        if (pending->id != id)
            break;
        wait_for_socket(client, next);
        (void)receive(client, id);
    }
}

static rue_status call(rue_client *client, const rue_request *request,
        const struct errand *errand, rue_reply *reply)
{
    uint64_t id;
    rue_status result;

    memset(reply, 0, sizeof(*reply));
    reply->message = client->error;
    result = submit(client, request, errand, copy_reply, reply, &id);
    if (result != RUE_OK) {
        reply->status = result;
        return result;
    }
    wait_for(client, id);
    if (reply->status != RUE_OK)
        return fail(client, reply->status, reply->message);
    return RUE_OK;
}

rue_status rue_call(
        rue_client *client, const rue_request *request, rue_reply *reply)
{
    return call(client, request, &no_errand, reply);
}

rue_status rue_decide(rue_client *client, const char *problem,
        const rue_question *question, rue_answer *answer)
{
    rue_request request = {
            .problem = problem, .questions = question, .question_count = 1};
    rue_reply reply;
    rue_status status = rue_call(client, &request, &reply);

    if (reply.answer_count == 1) {
        *answer = reply.answers[0];
        if (answer->status != RUE_OK)
            return fail(client, answer->status, answer->message);
        return RUE_OK;
    }
    memset(answer, 0, sizeof(*answer));
    answer->status = status == RUE_OK ? RUE_INTERNAL : status;
    answer->message = client->error;
    answer->event = "";
    answer->action = "";
    answer->policy = "";
    return answer->status;
}

/* The one receipt of a reply, or the failure of the whole. */
static rue_status one_receipt(rue_client *client, rue_status status,
        const rue_receipt *receipts, size_t count, rue_receipt *out)
{
    rue_receipt receipt = {.status = status == RUE_OK ? RUE_INTERNAL : status,
            .message = client->error};

    if (status == RUE_OK && count == 1)
        receipt = receipts[0];
    if (out != NULL)
        *out = receipt;
    if (receipt.status != RUE_OK)
        return fail(client, receipt.status, receipt.message);
    return RUE_OK;
}

rue_status rue_feedback(rue_client *client, const char *problem,
        const char *event, double value, const char *id, rue_receipt *receipt)
{
    rue_report report = {.event = event, .value = value, .id = id};

    return rue_tell(client, problem, &report, receipt);
}

rue_status rue_tell(rue_client *client, const char *problem,
        const rue_report *report, rue_receipt *receipt)
{
    rue_request request = {
            .problem = problem, .reports = report, .report_count = 1};
    rue_reply reply;
    rue_status status = rue_call(client, &request, &reply);

    return one_receipt(
            client, status, reply.receipts, reply.receipt_count, receipt);
}

rue_status rue_activate(rue_client *client, const char *problem,
        const char *event, rue_receipt *receipt)
{
    rue_request request = {
            .problem = problem, .activates = &event, .activate_count = 1};
    rue_reply reply;
    rue_status status = rue_call(client, &request, &reply);

    return one_receipt(
            client, status, reply.activations, reply.activation_count, receipt);
}

/* A call for an errand. */
static rue_status run_errand(rue_client *client, const char *problem,
        struct errand errand, struct errand_answer *answer)
{
    rue_request request = {.problem = problem};
    rue_reply reply;
    rue_status result;

    client->answer = answer;
    result = call(client, &request, &errand, &reply);
    client->answer = NULL;
    return result;
}

rue_status rue_get_status(
        rue_client *client, const char *problem, rue_service_status *status)
{
    struct errand_answer answer = {.status = status};
    rue_status result;

    memset(status, 0, sizeof(*status));
    result = run_errand(
            client, problem, (struct errand){.kind = ERRAND_STATUS}, &answer);
    /* A late reply to another question may have been read into it. */
    if (result != RUE_OK)
        memset(status, 0, sizeof(*status));
    return result;
}

static rue_status run_receipt(rue_client *client, const char *problem,
        struct errand errand, int *already)
{
    struct errand_answer answer = {0};
    rue_status result = run_errand(client, problem, errand, &answer);

    if (already != NULL)
        *already = result == RUE_OK && answer.receipt.repeated;
    if (result != RUE_OK)
        return result;
    if (!answer.has_receipt)
        return fail(client, RUE_INTERNAL, "the service said nothing to it");
    if (answer.receipt.status != RUE_OK)
        return fail(client, answer.receipt.status, answer.receipt.message);
    return RUE_OK;
}

rue_status rue_retrain(rue_client *client, const char *problem, int *already)
{
    return run_receipt(
            client, problem, (struct errand){.kind = ERRAND_RETRAIN}, already);
}

rue_status rue_promote(rue_client *client, const char *problem,
        uint64_t generation, int *already)
{
    return run_receipt(client, problem,
            (struct errand){.kind = ERRAND_PROMOTE, .generation = generation},
            already);
}

rue_status rue_rollback(rue_client *client, const char *problem)
{
    rue_service_status status;
    rue_status result = rue_get_status(client, problem, &status);

    /* A request that is sent twice must not go back twice. */
    if (result != RUE_OK)
        return result;
    return run_receipt(client, problem,
            (struct errand){
                    .kind = ERRAND_ROLLBACK, .generation = status.generation},
            NULL);
}

rue_status rue_get_generations(
        rue_client *client, const char *problem, rue_generations *generations)
{
    struct errand_answer answer = {.generations = generations};
    rue_status result;

    memset(generations, 0, sizeof(*generations));
    result = run_errand(client, problem,
            (struct errand){.kind = ERRAND_GENERATIONS}, &answer);
    if (result != RUE_OK)
        memset(generations, 0, sizeof(*generations));
    return result;
}
