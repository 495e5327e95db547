/* The client over an engine in this process: opening, and requests that were
 * sent and wait for rue_poll(). */
#include "local/internal.h"

#include "service/batch.h"
#include "service/diag.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define EVENTS_DEFAULT    1024u
#define EVENTS_LIMIT      (1u << 24)
#define IN_FLIGHT_DEFAULT 1024u
#define IN_FLIGHT_LIMIT   65536u
#define READING_BYTES     ((size_t)16 << 20)

static struct local *local_of(rue_client *client)
{
    /* The base is its first member. */
    return (struct local *)client;
}

static int64_t system_clock(void *self)
{
    struct timespec now;

    (void)self;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * NANOS_PER_SECOND + now.tv_nsec;
}

/* ---- requests that were sent ---- */

static struct sent *sent_at(struct local *local, uint32_t index)
{
    return &local->sent[(local->sent_first + index) % local->sent_max];
}

void local_answered(struct local *local, uint64_t id, struct bytes reply)
{
    uint64_t first = local->sent_count == 0 ? 0 : sent_at(local, 0)->id;
    struct sent *sent;

    CHECK(local->sent_count > 0 && id >= first &&
            id - first < local->sent_count);
    sent = sent_at(local, (uint32_t)(id - first));
    sent->reply = malloc(reply.size + 1);
    sent->reply_size = reply.size;
    sent->answered = true;
    if (sent->reply != NULL && reply.size > 0)
        memcpy(sent->reply, reply.data, reply.size);
}

static rue_status local_send(rue_client *client, const rue_request *request,
        rue_done *done, void *self)
{
    struct local *local = local_of(client);
    struct sent *sent;
    rue_status status;

    if (local->sent_count == local->sent_max)
        return client_fail(
                client, RUE_BUSY, "in_flight_max requests are in flight");
    sent = sent_at(local, local->sent_count++);
    *sent = (struct sent){.id = ++local->last_id,
            .done = done,
            .self = self,
            .at = local_now(local)};
    client->in_flight = local->sent_count;
    status = local->kind->send(local, request, sent->id);
    if (status == RUE_OK) {
        client->counters.sent++;
        return RUE_OK;
    }
    /* A disk that failed meanwhile has answered all that was sent. */
    free(sent->reply);
    local->sent_count--;
    local->last_id--;
    client->in_flight = local->sent_count;
    return status;
}

/* Hands one reply to its callback. The place is free before that, so that the
 * callback may send. */
static void deliver(struct local *local)
{
    struct sent sent = *sent_at(local, 0);
    struct errand_answer unasked = {0};
    rue_reply reply = {0};
    uint64_t id;

    local->sent_first = (local->sent_first + 1) % local->sent_max;
    local->base.in_flight = --local->sent_count;
    local->base.counters.replies++;
    arena_reset(&local->reading);
    if (sent.reply == NULL ||
            !message_unpack(bytes_of(sent.reply, sent.reply_size),
                    &local->reading, &id, &reply, &unasked)) {
        memset(&reply, 0, sizeof(reply));
        reply.status = RUE_INTERNAL;
        reply.message = "there is no memory for the reply; ask again";
    }
    reply.attempts = 1;
    reply.waited_ms =
            (double)(local_now(local) - sent.at) / (double)NANOS_PER_MS;
    if (sent.done != NULL)
        sent.done(sent.self, &reply);
    free(sent.reply);
}

static size_t local_poll(rue_client *client, int timeout_ms)
{
    struct local *local = local_of(client);
    uint32_t most = local->sent_count;
    size_t over = 0;

    local->kind->wait(local, timeout_ms);
    /* What a callback sends has its turn at the next call. */
    while (over < most && sent_at(local, 0)->answered) {
        deliver(local);
        over++;
    }
    return over;
}

static rue_status local_call(rue_client *client, const rue_request *request,
        const struct errand *errand, rue_reply *reply)
{
    struct local *local = local_of(client);

    memset(reply, 0, sizeof(*reply));
    reply->message = client->error;
    reply->attempts = 1;
    client->counters.sent++;
    reply->status = local->kind->call(local, request, errand, reply);
    if (reply->status == RUE_OK) {
        client->counters.replies++;
        return RUE_OK;
    }
    return client_fail(client, reply->status, reply->message);
}

/* ---- opening and closing ---- */

static void local_close(rue_client *client)
{
    struct local *local = local_of(client);

    if (local->state != NULL)
        local->kind->close(local);
    for (uint32_t i = 0; i < local->sent_count; i++)
        free(sent_at(local, i)->reply);
    config_free(local->config);
    free(local->sent);
    free(local->work.data);
    free(local->reading.data);
    free(local);
}

static const struct client_functions local_functions = {
        .close = local_close,
        .call = local_call,
        .send = local_send,
        .poll = local_poll,
};

void rue_local_options_init(rue_local_options *options)
{
    memset(options, 0, sizeof(*options));
    options->events_max = EVENTS_DEFAULT;
    options->in_flight_max = IN_FLIGHT_DEFAULT;
}

static int check_options(const rue_local_options *options, struct err *err)
{
    if (options == NULL ||
            (options->config == NULL) == (options->config_file == NULL))
        return err_set(err, STATUS_INVALID,
                "give the configuration, either as text or as a file");
    if (options->events_max < 1 || options->events_max > EVENTS_LIMIT)
        return err_set(
                err, STATUS_INVALID, "events_max is 1 to %u", EVENTS_LIMIT);
    if (options->in_flight_max < 1 || options->in_flight_max > IN_FLIGHT_LIMIT)
        return err_set(err, STATUS_INVALID, "in_flight_max is 1 to %u",
                IN_FLIGHT_LIMIT);
    return 0;
}

static int open_parts(
        struct local *local, const rue_local_options *options, struct err *err)
{
    if (!client_init(&local->base, &local_functions))
        return err_set(err, STATUS_IO, "no random bytes");
    local->sent_max = options->in_flight_max;
    local->sent = calloc(local->sent_max, sizeof(*local->sent));
    local->work = arena_over(malloc(REQUEST_ARENA_BYTES), REQUEST_ARENA_BYTES);
    local->reading = arena_over(malloc(READING_BYTES), READING_BYTES);
    if (local->sent == NULL || local->work.data == NULL ||
            local->reading.data == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    local->clock = options->clock == NULL ? system_clock : options->clock;
    local->clock_self = options->clock_self;
    local->config = options->config_file != NULL
            ? config_load(options->config_file, err)
            : config_parse("config", bytes_of_text(options->config), err);
    if (local->config == NULL)
        return STATUS_INVALID;
    local->kind = options->store == NULL ? &local_memory : &local_store;
    return local->kind->open(local, options, err);
}

rue_client *rue_open_local(
        const rue_local_options *options, char *error, size_t size)
{
    struct local *local = NULL;
    struct err err;
    int status = check_options(options, &err);

    /* A library says what is wrong in its answers, not on stderr. */
    diag_set_level(DIAG_SILENT);
    if (status == 0) {
        local = calloc(1, sizeof(*local));
        status = local == NULL ? err_set(&err, STATUS_INTERNAL, "no memory")
                               : open_parts(local, options, &err);
    }
    if (status == 0)
        return &local->base;
    if (error != NULL && size > 0)
        (void)snprintf(error, size, "%s", err.text);
    if (local != NULL)
        local_close(&local->base);
    return NULL;
}
