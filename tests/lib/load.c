#include "tests/lib/load.h"

#include "base/event_id.h"
#include "base/limits.h"
#include "base/rng.h"

#include "proto/rue.pb-c.h"
#include "tests/lib/service.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#define CONNECTIONS_MAX 16u
#define WINDOW_MAX      1024u
#define BATCH_MAX       256u
#define FRAME_MAX       ((size_t)1 << 20)
#define CONTEXTS        64u /* different questions, asked in turn */

/* The wait is longer than any test: an event that expires changes the state. */
const char load_config[] =
        "problems:\n"
        "  - name: bench\n"
        "    context: [s0, s1, s2, s3, s4, s5, s6, s7, s8, s9]\n"
        "    action_features: 20\n"
        "    reward: {min: 0, max: 1, wait: 10h}\n"
        "    policy: {oracle: ridge, explorer: squarecb}\n";

/* A request in flight. */
struct slot {
    bool busy;
    bool decide; /* else the feedback for its events */
    uint32_t problem; /* of them, where there are several */
    double due;
    char events[BATCH_MAX][EVENT_ID_SIZE];
};

struct connection {
    void *socket;
    struct slot *slots; /* [window] */
    uint32_t busy;
};

struct load {
    const struct load_settings *settings;
    struct connection connections[CONNECTIONS_MAX];
    void *context;
    float shared[CONTEXTS][LOAD_SHARED];
    float features[CONTEXTS][LOAD_ACTIONS * LOAD_COLUMNS];
    struct event_id_source ids;
    uint64_t sent, answered, failed;
    uint64_t turn;
    uint32_t next_problem;
    double start;
    double heard; /* when the last reply came, or the start */
    int timer_fd; /* ticks while messages are sent at a rate */
    double *latencies; /* [messages] us */
    uint8_t *frame;
};

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- frames ---- */

static uint8_t action_names[LOAD_ACTIONS][3] = {
        "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9"};

static size_t pack(struct load *load, Rue__Request *request)
{
    size_t size = rue__request__get_packed_size(request);

    if (size > FRAME_MAX) {
        fprintf(stderr, "load: a frame of %zu bytes\n", size);
        exit(1);
    }
    return rue__request__pack(request, load->frame);
}

static void address(
        const struct load *load, const struct slot *slot, Rue__Request *request)
{
    static char name[ID_BYTES_MAX + 1];

    if (load->settings->problems == 0)
        (void)snprintf(name, sizeof(name), "%s", load->settings->problem);
    else
        (void)snprintf(name, sizeof(name), "%s-%u", load->settings->problem,
                slot->problem);
    request->has_problem = true;
    request->problem = (ProtobufCBinaryData){strlen(name), (uint8_t *)name};
}

static size_t decide_frame(
        struct load *load, uint64_t id, const struct slot *slot)
{
    static Rue__Decide decides[BATCH_MAX];
    static Rue__Matrix shared[BATCH_MAX], features[BATCH_MAX];
    Rue__Decide *list[BATCH_MAX];
    ProtobufCBinaryData actions[LOAD_ACTIONS];
    Rue__Request request = RUE__REQUEST__INIT;
    union {
        const char *in;
        uint8_t *out;
    } event;

    for (uint32_t a = 0; a < LOAD_ACTIONS; a++)
        actions[a] = (ProtobufCBinaryData){2, action_names[a]};
    for (uint32_t i = 0; i < load->settings->batch; i++) {
        uint64_t which = load->turn++ % CONTEXTS;
        rue__decide__init(&decides[i]);
        rue__matrix__init(&shared[i]);
        rue__matrix__init(&features[i]);
        shared[i].has_columns = features[i].has_columns = true;
        shared[i].columns = LOAD_SHARED;
        shared[i].n_f32 = LOAD_SHARED;
        shared[i].f32 = load->shared[which];
        features[i].columns = LOAD_COLUMNS;
        features[i].n_f32 = LOAD_ACTIONS * LOAD_COLUMNS;
        features[i].f32 = load->features[which];
        event.in = slot->events[i];
        decides[i].has_event = true;
        decides[i].event = (ProtobufCBinaryData){EVENT_ID_SIZE, event.out};
        decides[i].shared = &shared[i];
        decides[i].action_features = &features[i];
        decides[i].n_action = LOAD_ACTIONS;
        decides[i].action = actions;
        list[i] = &decides[i];
    }
    request.id = id;
    address(load, slot, &request);
    request.n_decide = load->settings->batch;
    request.decide = list;
    return pack(load, &request);
}

static size_t feedback_frame(
        struct load *load, uint64_t id, const struct slot *slot)
{
    static Rue__Feedback feedbacks[BATCH_MAX];
    static uint8_t once[] = "once";
    Rue__Feedback *list[BATCH_MAX];
    Rue__Request request = RUE__REQUEST__INIT;
    union {
        const char *in;
        uint8_t *out;
    } event;

    for (uint32_t i = 0; i < load->settings->batch; i++) {
        rue__feedback__init(&feedbacks[i]);
        event.in = slot->events[i];
        feedbacks[i].event = (ProtobufCBinaryData){EVENT_ID_SIZE, event.out};
        feedbacks[i].has_value = true;
        feedbacks[i].value = (double)(load->turn++ % 5) / 4.0;
        feedbacks[i].has_id = true;
        feedbacks[i].id = (ProtobufCBinaryData){4, once};
        list[i] = &feedbacks[i];
    }
    request.id = id;
    address(load, slot, &request);
    request.n_feedback = load->settings->batch;
    request.feedback = list;
    return pack(load, &request);
}

/* ---- sending and receiving ---- */

static void transmit(struct load *load, struct connection *connection,
        uint32_t index, double due)
{
    struct slot *slot = &connection->slots[index];
    uint64_t id = 1 + index;
    size_t size = slot->decide ? decide_frame(load, id, slot)
                               : feedback_frame(load, id, slot);

    slot->due = due;
    slot->busy = true;
    connection->busy++;
    load->sent++;
    if (zmq_send(connection->socket, load->frame, size, 0) < 0) {
        fprintf(stderr, "load: %s\n", zmq_strerror(zmq_errno()));
        exit(1);
    }
}

/* A decide with new ids of its time, as clients make them, or the feedback that
 * belongs to the last one. */
static void send_next(struct load *load, struct connection *connection,
        uint32_t index, double due)
{
    struct slot *slot = &connection->slots[index];

    slot->decide = !slot->decide;
    if (slot->decide && load->settings->problems > 0)
        slot->problem = load->next_problem++ % load->settings->problems;
    for (uint32_t i = 0; slot->decide && i < load->settings->batch; i++)
        event_id_make(&load->ids, (uint64_t)(due * 1e3), slot->events[i]);
    transmit(load, connection, index, due);
}

/* Reads the reply's id and its first status, which is all that is needed:
 * 08 ID 10 STATUS, then items that begin with a status of their own. */
static uint64_t reply_id(const uint8_t *data, size_t size, bool *good)
{
    uint64_t id = 0;
    size_t at = 1;

    for (unsigned shift = 0; at < size; shift += 7) {
        id |= (uint64_t)(data[at] & 0x7f) << shift;
        if ((data[at++] & 0x80) == 0)
            break;
    }
    *good = size > at + 2 && data[at] == 0x10 && data[at + 1] == 0;
    return id;
}

static void take_reply(struct load *load, struct connection *connection)
{
    zmq_msg_t frame;
    bool good = false;
    double now;
    uint64_t id;
    struct slot *slot;

    (void)zmq_msg_init(&frame);
    if (zmq_msg_recv(&frame, connection->socket, ZMQ_DONTWAIT) < 0) {
        (void)zmq_msg_close(&frame);
        return;
    }
    now = now_s();
    id = reply_id(zmq_msg_data(&frame), zmq_msg_size(&frame), &good);
    (void)zmq_msg_close(&frame);
    if (id == 0 || id > load->settings->window ||
            !connection->slots[id - 1].busy) {
        load->failed++;
        return;
    }
    slot = &connection->slots[id - 1];
    slot->busy = false;
    connection->busy--;
    load->failed += !good;
    load->latencies[load->answered++] = (now - slot->due) * 1e6;
}

static uint32_t free_slot(
        const struct load *load, const struct connection *connection)
{
    for (uint32_t i = 0; i < load->settings->window; i++)
        if (!connection->slots[i].busy)
            return i;
    return UINT32_MAX;
}

/* As many as the windows allow. */
static void send_at_will(struct load *load)
{
    for (uint32_t c = 0; c < load->settings->connections; c++) {
        struct connection *connection = &load->connections[c];
        uint32_t index;
        while (load->sent < load->settings->messages &&
                (index = free_slot(load, connection)) != UINT32_MAX)
            send_next(load, connection, index, now_s());
    }
}

/* Those whose time has come, connection by connection; a message is due at its
 * time whether or not there is room for it then. */
static void send_due(struct load *load)
{
    const struct load_settings *settings = load->settings;

    while (load->sent < settings->messages) {
        double due = load->start + (double)load->sent / settings->rate;
        struct connection *connection =
                &load->connections[load->sent % settings->connections];
        uint32_t index = free_slot(load, connection);
        if (due > now_s() || index == UINT32_MAX)
            return;
        send_next(load, connection, index, due);
    }
}

static void send_all(struct load *load)
{
    if (load->settings->rate > 0)
        send_due(load);
    else
        send_at_will(load);
}

static void wait_for_replies(struct load *load)
{
    zmq_pollitem_t items[CONNECTIONS_MAX + 1];
    uint32_t count = load->settings->connections;
    uint64_t ticks;
    int ready;

    for (uint32_t c = 0; c < count; c++)
        items[c] =
                (zmq_pollitem_t){load->connections[c].socket, 0, ZMQ_POLLIN, 0};
    items[count] = (zmq_pollitem_t){NULL, load->timer_fd, ZMQ_POLLIN, 0};
    ready = zmq_poll(items, (int)count + 1, 1000);
    if (items[count].revents != 0)
        (void)!read(load->timer_fd, &ticks, sizeof(ticks));
    for (uint32_t c = 0; ready > 0 && c < count; c++)
        if (items[c].revents & ZMQ_POLLIN)
            load->heard = now_s();
    if (load->sent > load->answered && now_s() - load->heard > WAIT_MS / 1e3) {
        fprintf(stderr, "load: no reply for %d s\n", WAIT_MS / 1000);
        exit(1);
    }
    for (uint32_t c = 0; c < count; c++)
        for (uint32_t i = 0; (items[c].revents & ZMQ_POLLIN) && i < 256; i++) {
            uint32_t busy = load->connections[c].busy;
            take_reply(load, &load->connections[c]);
            if (load->connections[c].busy == busy)
                break;
        }
}

/* ---- the whole ---- */

static void open_all(struct load *load)
{
    const struct load_settings *settings = load->settings;
    struct rng rng = rng_keyed(settings->seed, 0, RNG_TEST);
    int none = 0, many = 100000;

    for (uint32_t i = 0; i < CONTEXTS; i++) {
        for (uint32_t j = 0; j < LOAD_SHARED; j++)
            load->shared[i][j] = (float)rng_unit(&rng);
        for (uint32_t j = 0; j < LOAD_ACTIONS * LOAD_COLUMNS; j++)
            load->features[i][j] = (float)rng_unit(&rng);
    }
    load->ids.maker = (uint64_t)rng_u32(&rng) << 16 ^ (uint64_t)now_s();
    load->context = zmq_ctx_new();
    for (uint32_t c = 0; c < settings->connections; c++) {
        struct connection *connection = &load->connections[c];
        connection->slots =
                calloc(settings->window, sizeof(*connection->slots));
        connection->socket = zmq_socket(load->context, ZMQ_DEALER);
        (void)zmq_setsockopt(
                connection->socket, ZMQ_LINGER, &none, sizeof(none));
        (void)zmq_setsockopt(
                connection->socket, ZMQ_SNDHWM, &many, sizeof(many));
        (void)zmq_setsockopt(
                connection->socket, ZMQ_RCVHWM, &many, sizeof(many));
        if (connection->slots == NULL ||
                zmq_connect(connection->socket, settings->endpoint) != 0) {
            fprintf(stderr, "load: cannot connect\n");
            exit(1);
        }
    }
}

/* With a rate, the loop looks at what is due four times a millisecond: finer
 * than zmq_poll counts, and without taking a processor for itself. */
static void open_timer(struct load *load)
{
    struct itimerspec each = {{0, 250000}, {0, 250000}};

    load->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    if (load->timer_fd < 0 ||
            (load->settings->rate > 0 &&
                    timerfd_settime(load->timer_fd, 0, &each, NULL) != 0)) {
        fprintf(stderr, "load: no timer\n");
        exit(1);
    }
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

void load_run(const struct load_settings *settings, struct load_result *result)
{
    struct load *load = calloc(1, sizeof(*load));

    if (load == NULL || settings->window > WINDOW_MAX ||
            settings->batch > BATCH_MAX ||
            settings->connections > CONNECTIONS_MAX) {
        fprintf(stderr, "load: settings\n");
        exit(1);
    }
    load->settings = settings;
    load->frame = malloc(FRAME_MAX);
    load->latencies = calloc(settings->messages, sizeof(double));
    open_all(load);
    open_timer(load);
    load->start = load->heard = now_s();
    while (load->answered < settings->messages) {
        send_all(load);
        wait_for_replies(load);
    }
    result->seconds = now_s() - load->start;
    qsort(load->latencies, load->answered, sizeof(double), compare);
    result->messages_per_s = (double)load->answered / result->seconds;
    result->items_per_s = result->messages_per_s * settings->batch;
    result->p50_us = load->latencies[load->answered / 2];
    result->p99_us = load->latencies[load->answered * 99 / 100];
    result->failed = load->failed;
    for (uint32_t c = 0; c < settings->connections; c++) {
        (void)zmq_close(load->connections[c].socket);
        free(load->connections[c].slots);
    }
    (void)zmq_ctx_term(load->context);
    (void)close(load->timer_fd);
    free(load->latencies);
    free(load->frame);
    free(load);
}
