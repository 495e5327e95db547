/* What the files of librue share. Not installed. */
#ifndef CLIENT_INTERNAL_H
#define CLIENT_INTERNAL_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/event_id.h"
#include "client/rue.h"

#define CLIENT_ERROR_SIZE 256

/* What a request asks for beside its items, or in their place. */
struct errand {
    enum {
        ERRAND_NONE,
        ERRAND_STATUS,
        ERRAND_RETRAIN,
        ERRAND_PROMOTE,
        ERRAND_ROLLBACK,
        ERRAND_GENERATIONS
    } kind;
    uint64_t generation; /* PROMOTE; ROLLBACK: what serves now */
};

/* What came of it. */
struct errand_answer {
    rue_service_status *status; /* may be NULL */
    rue_generations *generations; /* may be NULL */
    bool has_status, has_receipt, has_generations;
    rue_receipt receipt;
};

/* Packs a request as the service reads it, ids included. Texts that are made
 * on the way (event ids) lie in the arena. False with a sentence in `error`
 * if the request is not acceptable or does not fit the arena. */
bool message_pack(const rue_request *request, uint64_t id,
        const struct errand *errand, struct event_id_source *ids,
        uint64_t now_ms, struct arena *arena, struct bytes *packed,
        char error[CLIENT_ERROR_SIZE]);

/* Reads a reply into views in the arena. False if it is not one. */
bool message_unpack(struct bytes frame, struct arena *arena, uint64_t *id,
        rue_reply *reply, struct errand_answer *answer);

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
