/* What the files of librue share. Not installed. */
#ifndef CLIENT_INTERNAL_H
#define CLIENT_INTERNAL_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/event_id.h"
#include "client/rue.h"

#define CLIENT_ERROR_SIZE 256

/* Packs a request as the service reads it, ids included. Texts that are made
 * on the way (event ids) lie in the arena. False with a sentence in `error`
 * if the request is not acceptable or does not fit the arena. */
bool message_pack(const rue_request *request, uint64_t id, bool status,
        struct event_id_source *ids, uint64_t now_ms, struct arena *arena,
        struct bytes *packed, char error[CLIENT_ERROR_SIZE]);

/* Reads a reply into views in the arena. False if it is not one. `status` may
 * be NULL; it is filled in if the reply has a status answer. */
bool message_unpack(struct bytes frame, struct arena *arena, uint64_t *id,
        rue_reply *reply, rue_service_status *status, bool *has_status);

/* What is kept of a question, so that a fallback can be made of it: the place
 * and, if the list was given, the id. */
struct fallback {
    bool possible;
    uint32_t place;
    char action[72];
};

void fallback_of(rue_fallback rule, const rue_question *question,
        struct fallback *fallback);

#endif
