/* The client of a service behind a socket: requests in flight, their retries
 * and time-outs. One implementation for the blocking and the pipelined
 * interface. */
#include "client/internal.h"

#include "base/limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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

/* The client of a service. */
struct remote {
    rue_client base;
    rue_options options;
    char *endpoint;
    void *context;
    void *socket;
    struct pending *slots; /* [options.in_flight_max] */
    uint32_t first_free; /* a slot, or in_flight_max: none */
    uint64_t turn;
    double heard_at; /* when anything came from the service */
    struct arena packing; /* for one request on its way out */
    struct arena reading; /* for the newest reply: what the caller sees */
};

/* ---- small things ---- */

static struct remote *remote_of(rue_client *client)
{
    /* The base is its first member. */
    return (struct remote *)client;
}

static double now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
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

static void free_slot(struct remote *client, uint32_t slot)
{
    struct pending *pending = &client->slots[slot];

    pending->id = 0;
    free(pending->fallbacks);
    pending->fallbacks = NULL;
    pending->next_free = client->first_free;
    client->first_free = slot;
}

static bool open_memory(struct remote *client)
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

static const char *open_socket(struct remote *client)
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

static void remote_close(rue_client *base)
{
    struct remote *client = remote_of(base);

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
static void transmit(struct remote *client, struct pending *pending, double now)
{
    (void)zmq_send(client->socket, pending->bytes, pending->size, ZMQ_DONTWAIT);
    pending->sent_last = now;
    if (pending->attempts++ > 0)
        client->base.counters.resent++;
    else
        client->base.counters.sent++;
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

static bool keep_fallbacks(struct remote *client, struct pending *pending,
        const rue_request *request)
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

static rue_status submit(struct remote *client, const rue_request *request,
        const struct errand *errand, rue_done *done, void *self, uint64_t *id)
{
    uint32_t slot = client->first_free;
    double now = now_ms();
    struct pending *pending;
    struct bytes packed;

    if (slot == client->options.in_flight_max)
        return client_fail(&client->base, RUE_BUSY,
                "in_flight_max requests are in flight");
    pending = &client->slots[slot];
    *id = ++client->turn << SLOT_BITS | slot;
    arena_reset(&client->packing);
    if (!message_pack(request, *id, errand, &client->base.ids, client_wall_ms(),
                &client->packing, &packed, client->base.error))
        return RUE_INVALID;
    if (!keep_bytes(pending, packed) ||
            !keep_fallbacks(client, pending, request))
        return client_fail(&client->base, RUE_INTERNAL, "no memory");
    client->first_free = pending->next_free;
    client->base.in_flight++;
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

static rue_status remote_send(rue_client *client, const rue_request *request,
        rue_done *done, void *self)
{
    uint64_t id;

    return submit(
            remote_of(client), request, &client_no_errand, done, self, &id);
}

/* ---- ending a request ---- */

static void finish(
        struct remote *client, struct pending *pending, rue_reply *reply)
{
    rue_done *done = pending->done;
    void *self = pending->self;

    reply->waited_ms = now_ms() - pending->sent_first;
    reply->attempts = pending->attempts;
    free_slot(client, (uint32_t)(pending - client->slots));
    client->base.in_flight--;
    if (done != NULL)
        done(self, reply);
}

/* An answer made here, in the arena. */
static void answer_fallback(struct remote *client,
        const struct fallback *fallback, const rue_reply *reply,
        rue_answer *answer)
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
    client->base.counters.fallbacks++;
}

/* Why there is no answer. */
static void explain(
        struct remote *client, const struct pending *pending, rue_reply *reply)
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

static void give_up(struct remote *client, struct pending *pending)
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
    client->base.counters.timeouts++;
    finish(client, pending, &reply);
}

static bool try_again_later(const struct remote *client, const rue_reply *reply)
{
    return client->options.retry_busy &&
            (reply->status == RUE_BUSY || reply->status == RUE_STORAGE_FULL);
}

/* One frame from the service. True if it ended a request. */
static bool take_frame(struct remote *client, struct bytes frame)
{
    rue_reply reply = {0};
    struct pending *pending;
    struct errand_answer unasked = {0};
    uint64_t id = 0;
    uint32_t slot;

    client->heard_at = now_ms();
    arena_reset(&client->reading);
    if (!message_unpack(frame, &client->reading, &id, &reply,
                client->base.answer != NULL ? client->base.answer : &unasked)) {
        client->base.counters.ignored++;
        return false;
    }
    slot = (uint32_t)(id & (IN_FLIGHT_LIMIT - 1));
    pending =
            slot < client->options.in_flight_max ? &client->slots[slot] : NULL;
    if (id == 0 || pending == NULL || pending->id != id) {
        client->base.counters.ignored++;
        return false;
    }
    if (try_again_later(client, &reply)) {
        pending->refused = reply.status;
        (void)snprintf(pending->refusal, sizeof(pending->refusal), "%s",
                reply.message);
        return false;
    }
    client->base.counters.replies++;
    finish(client, pending, &reply);
    return true;
}

/* ---- receiving ---- */

/* Receives what waits on the socket. With `until` not 0 it stops after the
 * reply to that request, whose views the caller is to see. */
static size_t receive(struct remote *client, uint64_t until)
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

static double next_try(
        const struct remote *client, const struct pending *pending)
{
    double pause = client->options.retry_ms;

    for (unsigned i = 1; i < pending->attempts && i <= RETRY_DOUBLINGS; i++)
        pause *= 2;
    return pending->sent_last + pause;
}

/* Sends again what has waited long enough; gives up what waited too long.
 * Returns how many were given up; *next is the time of the next such event. */
static size_t look_after(struct remote *client, uint64_t until, double *next)
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
static void wait_for_socket(struct remote *client, double end)
{
    zmq_pollitem_t item = {client->socket, 0, ZMQ_POLLIN, 0};
    double wait = end - now_ms();

    (void)zmq_poll(&item, 1, wait <= 0 ? 0 : (long)wait + 1);
}

static size_t remote_poll(rue_client *base, int timeout_ms)
{
    struct remote *client = remote_of(base);
    double end = now_ms() + timeout_ms;
    double look_at = 0;
    size_t over = 0;

    for (;;) {
        double now;
        over += receive(client, 0);
        now = now_ms();
        if (now >= look_at)
            over += look_after(client, 0, &look_at);
        if (over > 0 || now >= end || client->base.in_flight == 0)
            return over;
        wait_for_socket(client, look_at < end ? look_at : end);
    }
}

/* ---- blocking ---- */

static void copy_reply(void *self, const rue_reply *reply)
{
    *(rue_reply *)self = *reply;
}

static void wait_for(struct remote *client, uint64_t id)
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

static rue_status remote_call(rue_client *client, const rue_request *request,
        const struct errand *errand, rue_reply *reply)
{
    uint64_t id = 0;
    rue_status result;

    memset(reply, 0, sizeof(*reply));
    reply->message = client->error;
    result = submit(remote_of(client), request, errand, copy_reply, reply, &id);
    if (result != RUE_OK) {
        reply->status = result;
        return result;
    }
    wait_for(remote_of(client), id);
    if (reply->status != RUE_OK)
        return client_fail(client, reply->status, reply->message);
    return RUE_OK;
}

/* ---- opening ---- */

static const struct client_functions remote_functions = {
        .close = remote_close,
        .call = remote_call,
        .send = remote_send,
        .poll = remote_poll,
};

rue_client *rue_open(const rue_options *options, char *error, size_t size)
{
    struct remote *client = NULL;
    const char *wrong =
            options == NULL ? "options are needed" : check_options(options);

    if (wrong == NULL) {
        client = calloc(1, sizeof(*client));
        wrong = client == NULL ? "no memory" : NULL;
    }
    if (wrong == NULL) {
        client->options = *options;
        if (!client_init(&client->base, &remote_functions))
            wrong = "no random bytes";
        else if (!open_memory(client))
            wrong = "no memory";
        else
            wrong = open_socket(client);
    }
    if (wrong == NULL)
        return &client->base;
    if (error != NULL && size > 0)
        (void)snprintf(error, size, "%s", wrong);
    if (client != NULL)
        remote_close(&client->base);
    return NULL;
}
