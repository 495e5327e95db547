/* protobuf-c's structs -> packed messages, in one pass.
 *
 * The library asks for the size of every message before it packs it, and again
 * inside. Written from its end to its start a message needs no size in
 * advance: when it comes to a length, what the length counts is there. The
 * bytes are the library's, to the last.
 *
 * Encoding: https://protobuf.dev/programming-guides/encoding/. */
#ifndef PROTO_PACK_H
#define PROTO_PACK_H

#include "base/arena.h"
#include "base/bytes.h"

#include <protobuf-c/protobuf-c.h>

/* The message's bytes, in the arena; empty if they did not fit. The message
 * has no unknown fields. The free part of the arena is used for the work. */
struct bytes pack_message(const ProtobufCMessage *message, struct arena *arena);

#endif
