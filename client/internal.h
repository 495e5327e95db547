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
    bool trial; /* PROMOTE: not to serve, but as a */
    double share; /* canary, or, if 0, a shadow */
};

/* What came of it. */
struct errand_answer {
    rue_service_status *status; /* may be NULL */
    rue_generations *generations; /* may be NULL */
    bool has_status, has_receipt, has_generations;
    rue_receipt receipt;
};

extern const struct errand client_no_errand;

/* What the kinds of clients do differently. `call` is one request, waiting for
 * its reply, whose views belong to the client; what comes of its errand goes to
 * client->answer. The others as in rue.h. */
struct client_functions {
    void (*close)(rue_client *client);
    rue_status (*call)(rue_client *client, const rue_request *request,
            const struct errand *errand, rue_reply *reply);
    rue_status (*send)(rue_client *client, const rue_request *request,
            rue_done *done, void *self);
    size_t (*poll)(rue_client *client, int timeout_ms);
};

/* The first member of every kind of client. */
struct rue_client {
    const struct client_functions *call;
    struct event_id_source ids;
    struct errand_answer *answer; /* of the errand in progress, or NULL */
    rue_counters counters;
    uint32_t in_flight;
    char error[CLIENT_ERROR_SIZE];
};

/* Into cleared memory. False if there are no random bytes for ids. */
bool client_init(rue_client *client, const struct client_functions *call);
/* Notes the sentence for rue_error(); returns the status. */
rue_status client_fail(
        rue_client *client, rue_status status, const char *sentence);
/* Milliseconds since 1970, for new ids. */
uint64_t client_wall_ms(void);

/* The messages themselves, before they are packed and after they are unpacked:
 * what an engine in this process is asked and answers (proto/wire.h). */
struct Rue__Request;
struct Rue__Reply;

/* A request's message in the arena, ids included; what it points to lies there
 * too (event ids that are made) or is the caller's. NULL with a sentence in
 * `error` if the request is not acceptable or does not fit the arena. */
struct Rue__Request *message_build(const rue_request *request, uint64_t id,
        const struct errand *errand, struct event_id_source *ids,
        uint64_t now_ms, struct arena *arena, char error[CLIENT_ERROR_SIZE]);

/* A reply's views, in the arena or into the message. As message_unpack. */
bool message_read(const struct Rue__Reply *message, struct arena *arena,
        rue_reply *reply, struct errand_answer *answer);

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
