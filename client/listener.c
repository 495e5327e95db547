#include "client/listener.h"

#include "base/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <zmq.h>

/* The views of a record are several times its size. */
#define ARENA_BYTES (32 * MESSAGE_BYTES_MAX)
#define FRAME_MAX   (4 * MESSAGE_BYTES_MAX)

struct listener {
    void *context;
    void *socket;
    void *monitor; /* says when connections come and go */
    bool connected;
    zmq_msg_t body; /* of the newest notice */
    struct arena arena;
    char problem[ID_BYTES_MAX + 1];
};

static void set_option(void *socket, int option, int value)
{
    (void)zmq_setsockopt(socket, option, &value, sizeof(value));
}

static void subscribe(struct listener *listener, enum notice_topic topic)
{
    char frame[TOPIC_BYTES_MAX];
    size_t size = notice_frame(topic, bytes_of_text(listener->problem), frame);

    (void)zmq_setsockopt(listener->socket, ZMQ_SUBSCRIBE, frame, size);
}

static int open_monitor(struct listener *listener, struct err *err)
{
    static const char name[] = "inproc://connection";

    if (zmq_socket_monitor(listener->socket, name,
                ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) == 0)
        listener->monitor = zmq_socket(listener->context, ZMQ_PAIR);
    if (listener->monitor == NULL || zmq_connect(listener->monitor, name) != 0)
        return err_set(err, STATUS_IO, "no monitor: %s", zmq_strerror(errno));
    set_option(listener->monitor, ZMQ_LINGER, 0);
    return 0;
}

static int open_socket(struct listener *listener, struct err *err)
{
    int64_t most = (int64_t)FRAME_MAX;

    listener->context = zmq_ctx_new();
    if (listener->context != NULL)
        listener->socket = zmq_socket(listener->context, ZMQ_SUB);
    if (listener->socket == NULL)
        return err_set(err, STATUS_IO, "no ZeroMQ socket");
    set_option(listener->socket, ZMQ_LINGER, 0);
    set_option(listener->socket, ZMQ_RCVHWM, LISTENER_QUEUE);
    set_option(listener->socket, ZMQ_RECONNECT_IVL, 100);
    set_option(listener->socket, ZMQ_RECONNECT_IVL_MAX, 1000);
    set_option(listener->socket, ZMQ_IPV6, 1);
    /* A service that is gone without a word is noticed: by TCP, since ZeroMQ's
     * own heartbeats end the process (libzmq 4.3.4 asserts !_io_error) when the
     * other side goes away while more is waiting than may. */
    set_option(listener->socket, ZMQ_TCP_KEEPALIVE, 1);
    set_option(listener->socket, ZMQ_TCP_KEEPALIVE_IDLE, 2);
    set_option(listener->socket, ZMQ_TCP_KEEPALIVE_INTVL, 2);
    set_option(listener->socket, ZMQ_TCP_KEEPALIVE_CNT, 2);
    (void)zmq_setsockopt(listener->socket, ZMQ_MAXMSGSIZE, &most, sizeof(most));
    return open_monitor(listener, err);
}

int listener_open(struct listener **out, const char *endpoint,
        const enum notice_topic *topics, uint32_t topic_count,
        struct bytes problem, struct err *err)
{
    struct listener *listener = calloc(1, sizeof(*listener));
    int status;

    *out = NULL;
    if (listener == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    (void)zmq_msg_init(&listener->body);
    listener->arena = arena_over(malloc(ARENA_BYTES), ARENA_BYTES);
    status = listener->arena.data == NULL
            ? err_set(err, STATUS_INTERNAL, "no memory")
            : open_socket(listener, err);
    if (status == 0 && problem.size > ID_BYTES_MAX)
        status = err_set(err, STATUS_INVALID, "the problem's name is too long");
    if (status == 0) {
        if (problem.size > 0)
            memcpy(listener->problem, problem.data, problem.size);
        for (uint32_t i = 0; i < topic_count; i++)
            subscribe(listener, topics[i]);
        if (zmq_connect(listener->socket, endpoint) != 0)
            status = err_set(err, STATUS_INVALID,
                    "the endpoint is not one: tcp://ADDRESS:PORT or "
                    "ipc://PATH");
    }
    if (status != 0) {
        listener_close(listener);
        return status;
    }
    *out = listener;
    return 0;
}

void listener_close(struct listener *listener)
{
    if (listener == NULL)
        return;
    (void)zmq_msg_close(&listener->body);
    if (listener->monitor != NULL)
        (void)zmq_close(listener->monitor);
    if (listener->socket != NULL)
        (void)zmq_close(listener->socket);
    if (listener->context != NULL)
        (void)zmq_ctx_term(listener->context);
    free(listener->arena.data);
    free(listener);
}

/* An event is two frames: number (16 bits) and value, and the address. */
static void watch_connection(struct listener *listener)
{
    uint8_t event[16], address[256];

    while (zmq_recv(listener->monitor, event, sizeof(event), ZMQ_DONTWAIT) >=
            6) {
        uint16_t what;
        memcpy(&what, event, sizeof(what));
        listener->connected = what == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
        (void)zmq_recv(
                listener->monitor, address, sizeof(address), ZMQ_DONTWAIT);
    }
}

/* The last of a message's frames into `body`, and how many there were; 0 if
 * none is there. */
static int receive(struct listener *listener)
{
    int frames = 0;

    do {
        if (zmq_msg_recv(&listener->body, listener->socket, ZMQ_DONTWAIT) < 0)
            return frames;
        frames++;
    } while (zmq_msg_more(&listener->body));
    return frames;
}

static int read_notice(struct listener *listener, int frames,
        struct notice *notice, struct err *err)
{
    struct bytes body = bytes_of(
            zmq_msg_data(&listener->body), zmq_msg_size(&listener->body));

    if (frames != 2)
        return err_set(err, STATUS_CORRUPT, "notice: %d frames, not 2", frames);
    arena_reset(&listener->arena);
    return notice_decode(body, &listener->arena, notice, err);
}

static double now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* "alarm/a/" is also the beginning of the topic of a problem called "a/b". */
static bool is_ours(
        const struct listener *listener, const struct notice *notice)
{
    return listener->problem[0] == '\0' ||
            bytes_equal(notice->problem, bytes_of_text(listener->problem));
}

int listener_next(struct listener *listener, int timeout_ms,
        struct notice *notice, struct err *err)
{
    double until = now_ms() + timeout_ms;

    for (;;) {
        zmq_pollitem_t items[] = {{listener->socket, 0, ZMQ_POLLIN, 0},
                {listener->monitor, 0, ZMQ_POLLIN, 0}};
        double left = until - now_ms();
        int frames = receive(listener), status;

        watch_connection(listener);
        if (frames > 0) {
            status = read_notice(listener, frames, notice, err);
            if (status != 0 || is_ours(listener, notice))
                return status;
            continue;
        }
        if (timeout_ms >= 0 && left <= 0.0)
            return err_set(err, STATUS_TIMEOUT, "nothing came in time");
        if (zmq_poll(items, 2, timeout_ms < 0 ? -1 : (long)left + 1) < 0)
            return err_set(err, STATUS_IO, "%s", zmq_strerror(errno));
    }
}

bool listener_connected(const struct listener *listener)
{
    return listener->connected;
}
