#include "tests/lib/raw.h"

#include "base/endian.h"
#include "tests/lib/service.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

_Noreturn static void give_up(const char *what)
{
    fprintf(stderr, "raw: %s: %s\n", what, zmq_strerror(errno));
    exit(1);
}

/* ---- frames by hand ---- */

struct frame frame_new(void)
{
    struct frame frame = {malloc(FRAME_BYTES), 0};

    if (frame.data == NULL)
        give_up("memory");
    return frame;
}

void frame_free(struct frame *frame)
{
    free(frame->data);
    frame->data = NULL;
}

void frame_bytes(struct frame *frame, const void *data, size_t size)
{
    if (size > FRAME_BYTES - frame->size)
        give_up("a frame is too long");
    memcpy(frame->data + frame->size, data, size);
    frame->size += size;
}

void frame_varint(struct frame *frame, uint64_t value)
{
    uint8_t byte;

    for (; value >= 0x80; value >>= 7) {
        byte = (uint8_t)(value | 0x80);
        frame_bytes(frame, &byte, 1);
    }
    byte = (uint8_t)value;
    frame_bytes(frame, &byte, 1);
}

void frame_tag(struct frame *frame, uint32_t field, uint32_t type)
{
    frame_varint(frame, (uint64_t)field << 3 | type);
}

void frame_field(
        struct frame *frame, uint32_t field, const void *data, size_t size)
{
    frame_tag(frame, field, 2);
    frame_varint(frame, size);
    frame_bytes(frame, data, size);
}

void frame_request(struct frame *frame, const Rue__Request *request)
{
    size_t size = rue__request__get_packed_size(request);

    if (size > FRAME_BYTES)
        give_up("a request is too long");
    frame->size = rue__request__pack(request, frame->data);
}

/* ---- a DEALER ---- */

void raw_open(struct raw *raw, const char *endpoint)
{
    int none = 0;

    memset(raw, 0, sizeof(*raw));
    raw->context = zmq_ctx_new();
    raw->socket = zmq_socket(raw->context, ZMQ_DEALER);
    if (raw->socket == NULL || zmq_connect(raw->socket, endpoint) != 0)
        give_up(endpoint);
    (void)zmq_setsockopt(raw->socket, ZMQ_LINGER, &none, sizeof(none));
}

static void forget_reply(struct raw *raw)
{
    if (raw->reply != NULL)
        rue__reply__free_unpacked(raw->reply, NULL);
    raw->reply = NULL;
}

void raw_close(struct raw *raw)
{
    forget_reply(raw);
    (void)zmq_close(raw->socket);
    (void)zmq_ctx_term(raw->context);
}

void raw_send(struct raw *raw, const void *data, size_t size)
{
    if (zmq_send(raw->socket, data, size, 0) < 0)
        give_up("send");
}

void raw_send_parts(struct raw *raw, const char *const *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (zmq_send(raw->socket, parts[i], strlen(parts[i]),
                    i + 1 < count ? ZMQ_SNDMORE : 0) < 0)
            give_up("send");
}

const Rue__Reply *raw_receive(struct raw *raw, int timeout_ms)
{
    zmq_pollitem_t item = {raw->socket, 0, ZMQ_POLLIN, 0};
    zmq_msg_t frame;

    forget_reply(raw);
    if (zmq_poll(&item, 1, timeout_ms) <= 0)
        return NULL;
    (void)zmq_msg_init(&frame);
    if (zmq_msg_recv(&frame, raw->socket, 0) < 0)
        give_up("receive");
    raw->reply = rue__reply__unpack(
            NULL, zmq_msg_size(&frame), zmq_msg_data(&frame));
    (void)zmq_msg_close(&frame);
    if (raw->reply == NULL)
        give_up("a reply that is none");
    return raw->reply;
}

/* ---- a TCP connection ---- */

int tcp_open(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
            .sin_port = htons(port),
            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 ||
            connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        give_up("connect");
    return fd;
}

bool tcp_send(int fd, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

/* Reads what is there, or waits for it; 0 when the peer has closed, -1 when
 * nothing came in time. */
static ssize_t tcp_some(int fd, void *data, size_t size, int timeout_ms)
{
    struct pollfd item = {fd, POLLIN, 0};
    ssize_t got;

    if (poll(&item, 1, timeout_ms) <= 0)
        return -1;
    got = recv(fd, data, size, 0);
    return got < 0 ? 0 : got;
}

bool tcp_closed_by_peer(int fd, int timeout_ms)
{
    uint8_t data[256];
    ssize_t got;

    do
        got = tcp_some(fd, data, sizeof(data), timeout_ms);
    while (got > 0);
    return got == 0;
}

void tcp_reset(int fd)
{
    struct linger at_once = {1, 0};

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    (void)close(fd);
}

static bool tcp_read(int fd, uint8_t *data, size_t size, int timeout_ms)
{
    while (size > 0) {
        ssize_t got = tcp_some(fd, data, size, timeout_ms);
        if (got <= 0)
            return false;
        data += got;
        size -= (size_t)got;
    }
    return true;
}

/* Signature, version 3.0, mechanism, as-server, filler. */
void zmtp_greeting(uint8_t greeting[ZMTP_GREETING_BYTES])
{
    memset(greeting, 0, ZMTP_GREETING_BYTES);
    greeting[0] = 0xff;
    greeting[9] = 0x7f;
    greeting[10] = 3;
    memcpy(greeting + 12, "NULL", 4);
}

void zmtp_open(int fd)
{
    static const uint8_t ready[] = "\x04\x1c\x05READY\x0bSocket-Type"
                                   "\0\0\0\x06"
                                   "DEALER";
    uint8_t greeting[ZMTP_GREETING_BYTES], answer[255];

    zmtp_greeting(greeting);
    if (!tcp_send(fd, greeting, sizeof(greeting)) ||
            !tcp_read(fd, answer, ZMTP_GREETING_BYTES, WAIT_MS) ||
            !tcp_send(fd, ready, sizeof(ready) - 1) ||
            zmtp_receive(fd, answer, WAIT_MS) < 0)
        give_up("handshake");
}

bool zmtp_frame(int fd, uint8_t flags, const void *data, size_t size)
{
    uint8_t head[2] = {flags, (uint8_t)size};

    return tcp_send(fd, head, sizeof(head)) && tcp_send(fd, data, size);
}

bool zmtp_long_head(int fd, uint8_t flags, uint64_t size)
{
    uint8_t head[9] = {(uint8_t)(flags | ZMTP_LONG)};

    store_be64(head + 1, size);
    return tcp_send(fd, head, sizeof(head));
}

int zmtp_receive(int fd, uint8_t data[255], int timeout_ms)
{
    uint8_t head[2];

    if (!tcp_read(fd, head, sizeof(head), timeout_ms) ||
            (head[0] & ZMTP_LONG) != 0 ||
            !tcp_read(fd, data, head[1], timeout_ms))
        return -1;
    return head[1];
}
