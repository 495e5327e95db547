/* What the files of librue-local share. Not installed.
 *
 * local.c is the client: requests sent and their replies. Behind it one of two
 * kinds does the work, and a kind has its state: memory.c, which steps the
 * engine and answers at once, or store.c, which drives a shard and the commit
 * thread as the service does. */
#ifndef LOCAL_INTERNAL_H
#define LOCAL_INTERNAL_H

#include "base/arena.h"
#include "base/time.h"
#include "client/internal.h"
#include "config/config.h"
#include "local/rue-local.h"

struct local;

struct local_kind {
    /* The state for local->config. 0, or a failure with nothing left open. */
    int (*open)(struct local *local, const rue_local_options *options,
            struct err *err);
    /* Puts away what is under way. */
    void (*close)(struct local *local);
    /* One request, waiting; views in local->work. */
    rue_status (*call)(struct local *local, const rue_request *request,
            const struct errand *errand, rue_reply *reply);
    /* Takes a request whose id is that of a free place; its reply goes to
     * local_answered(), now or in `wait`. */
    rue_status (*send)(
            struct local *local, const rue_request *request, uint64_t id);
    /* What falls due, and, for at most timeout_ms, until a reply is there. */
    void (*wait)(struct local *local, int timeout_ms);
};

extern const struct local_kind local_memory, local_store;

/* A request that was sent. */
struct sent {
    uint64_t id; /* 0: the place is free */
    rue_done *done;
    void *self;
    uint8_t *reply; /* heap; NULL: not yet, or (with `lost`) no memory */
    size_t reply_size;
    bool answered;
    int64_t at; /* when it was sent */
};

struct local {
    rue_client base;
    const struct local_kind *kind;
    struct config *config;
    rue_local_clock *clock;
    void *clock_self;
    struct arena work; /* of one call, and what the caller sees of it */
    struct arena reading; /* what a callback of rue_poll() sees */
    struct sent *sent; /* [sent_max], a ring: replies in order of sending */
    uint32_t sent_max, sent_first, sent_count;
    uint32_t answered; /* of those sent */
    uint64_t last_id;
    void *state; /* of the kind */
};

static inline nanos local_now(const struct local *local)
{
    return local->clock(local->clock_self);
}

/* The reply of a request that was sent. */
void local_answered(struct local *local, uint64_t id, struct bytes reply);

#endif
