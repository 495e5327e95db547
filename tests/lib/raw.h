/* What no proper client sends: frames made by hand, over ZeroMQ, and bytes
 * over a bare TCP connection that speaks ZMTP 3 as far as a test wants it to.
 * Fails by exiting with a message. */
#ifndef TESTS_LIB_RAW_H
#define TESTS_LIB_RAW_H

#include "proto/rue.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- frames by hand ---- */

#define FRAME_BYTES ((size_t)4 << 20)

struct frame {
    uint8_t *data; /* [FRAME_BYTES] */
    size_t size;
};

struct frame frame_new(void);
void frame_free(struct frame *frame);
void frame_bytes(struct frame *frame, const void *data, size_t size);
void frame_varint(struct frame *frame, uint64_t value);
/* A tag of protobuf: field number and wire type. */
void frame_tag(struct frame *frame, uint32_t field, uint32_t type);
/* A field of wire type 2. */
void frame_field(
        struct frame *frame, uint32_t field, const void *data, size_t size);
/* A whole request. */
void frame_request(struct frame *frame, const Rue__Request *request);

/* ---- a DEALER ---- */

struct raw {
    void *context;
    void *socket;
    Rue__Reply *reply; /* the newest one */
};

void raw_open(struct raw *raw, const char *endpoint);
void raw_close(struct raw *raw);
void raw_send(struct raw *raw, const void *data, size_t size);
/* A message of several parts. */
void raw_send_parts(struct raw *raw, const char *const *parts, size_t count);
/* The next reply; it is valid until the next call. NULL when none came in
 * time. */
const Rue__Reply *raw_receive(struct raw *raw, int timeout_ms);

/* ---- a TCP connection ---- */

int tcp_open(uint16_t port);
/* All of it; the peer may have closed: false. */
bool tcp_send(int fd, const void *data, size_t size);
/* Waits until the peer has closed. */
bool tcp_closed_by_peer(int fd, int timeout_ms);
/* Closes without the goodbyes of TCP. */
void tcp_reset(int fd);

#define ZMTP_GREETING_BYTES 64
void zmtp_greeting(uint8_t greeting[ZMTP_GREETING_BYTES]);
/* Greeting and handshake of a DEALER, both sides. */
void zmtp_open(int fd);
#define ZMTP_MORE 1u
#define ZMTP_LONG 2u
/* A frame of up to 255 bytes. */
bool zmtp_frame(int fd, uint8_t flags, const void *data, size_t size);
/* The head of a frame that says it is so long. */
bool zmtp_long_head(int fd, uint8_t flags, uint64_t size);
/* Reads one short frame; its size, or -1. */
int zmtp_receive(int fd, uint8_t data[255], int timeout_ms);

#endif
