/* Wire messages <-> plain views, with every bound that does not depend on the
 * problem checked: sizes, counts, finite numbers, ids, unknown fields. */
#ifndef PROTO_WIRE_H
#define PROTO_WIRE_H

#include "base/arena.h"
#include "proto/message.h"

/* Parses one request frame. On success what it says lies in the arena or is a
 * view into the frame. On failure: INVALID or UNSUPPORTED with a message that
 * names the field and the limit, and request->id is the frame's id if that
 * much could be read, else 0. BUSY if the arena was too small. */
int wire_request_decode(struct bytes frame, struct arena *arena,
        struct request *request, struct err *err) MUST_USE;

/* The same of a message that was never packed, for a client in this process.
 * What it says are views into the message. */
struct Rue__Request;
int wire_request_read(const struct Rue__Request *message, struct arena *arena,
        struct request *request, struct err *err) MUST_USE;

/* The problem's name in a frame that has not been parsed: only what is needed
 * to send it to the right engine thread. Empty if there is none or the frame
 * is not well formed (the parser then says why). */
struct bytes wire_request_peek_problem(struct bytes frame);

/* Packs a reply into the arena; an empty result if it did not fit. */
struct bytes wire_reply_encode(const struct reply *reply, struct arena *arena);

/* The reply as a message that is not packed: views into `reply` and the arena.
 * NULL if it did not fit. */
struct Rue__Reply;
const struct Rue__Reply *wire_reply_build(
        const struct reply *reply, struct arena *arena);

/* An id, name or group: 1..ID_BYTES_MAX bytes of UTF-8 without control
 * characters. `what` names the field in the message. */
int wire_check_id(struct bytes id, const char *what, struct err *err) MUST_USE;

#endif
