/* Who listens to what a service publishes (events.listen; proto/rue.proto,
 * Notice): a SUB socket. Not installed: programs of others read the socket with
 * their own ZeroMQ and protobuf. */
#ifndef CLIENT_LISTENER_H
#define CLIENT_LISTENER_H

#include "base/arena.h"
#include "proto/notice.h"

/* Notices that wait here for who is slow to take them. */
#define LISTENER_QUEUE 10000

struct listener;

/* Subscribes to these topics, of one problem if it is not empty; the service
 * may come later. INVALID: no endpoint. */
int listener_open(struct listener **listener, const char *endpoint,
        const enum notice_topic *topics, uint32_t topic_count,
        struct bytes problem, struct err *err) MUST_USE;
/* NULL is allowed. */
void listener_close(struct listener *listener);

/* Waits for the next notice; its views are valid until the next call. 0,
 * TIMEOUT after so many milliseconds (less than 0: never), CORRUPT for a
 * message that is not a notice, IO when a signal came. */
int listener_next(struct listener *listener, int timeout_ms,
        struct notice *notice, struct err *err) MUST_USE;
/* Is there a service at the other end, as of the last call of
 * listener_next()? */
bool listener_connected(const struct listener *listener);

#endif
