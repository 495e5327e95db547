/* The publisher: what the service tells those who only listen (rue.proto,
 * Notice), on a PUB socket of a thread of its own.
 *
 *   socket's thread: a batch is on disk and answered
 *     -> here: what somebody subscribed to is copied into a bounded queue
 *     -> the publisher's thread: message, topic, socket
 *   trainer's thread: a generation is stored -> the same queue
 *   the publisher's thread, once a second: status, from the board
 *
 * Only what is on disk is published. Nobody waits: without a listener nothing
 * is copied, what the queue has no room for is dropped and counted
 * (notices_dropped), and what a listener is too slow for is dropped by its
 * connection, which it sees by a gap in the numbers. */
#ifndef SERVICE_PUBLISHER_H
#define SERVICE_PUBLISHER_H

#include "config/config.h"
#include "service/batch.h"
#include "service/board.h"
#include "storage/generation.h"

/* Notices that wait for the thread, and bytes of their records. */
#define PUBLISHER_QUEUE       4096u
#define PUBLISHER_QUEUE_BYTES ((size_t)16 << 20)
/* A record that is larger is not published. */
#define PUBLISHER_RECORD_BYTES ((size_t)256 << 10)
/* Notices that wait for one slow listener. */
#define PUBLISHER_PEER_QUEUE 10000
/* Longest subscription that a listener may send; a longer one ends its
 * connection. */
#define PUBLISHER_SUBSCRIPTION_BYTES 256

struct publisher;

/* Binds to `events.listen` of the config, whose problems have their numbers,
 * and starts the thread. `context` is ZeroMQ's; the board outlives the
 * publisher. IO: the endpoint cannot be had. */
int publisher_start(struct publisher **publisher, const struct config *config,
        struct board *board, void *context, struct err *err) MUST_USE;
/* Publishes what waits, then ends the thread. NULL is allowed. */
void publisher_stop(struct publisher *publisher);
/* Where it listens, with the port that "*" became. */
const char *publisher_endpoint(const struct publisher *publisher);

/* The records of a batch that is on disk. NULL is allowed. */
void publisher_batch(struct publisher *publisher, const struct batch *batch);
/* A generation that is stored; `self` is the publisher. From any thread. */
void publisher_generation(
        void *self, uint32_t problem, const struct generation *generation);

#endif
