/* An engine thread around a shard, for `engine_threads` of 1 and more: takes
 * parcels from a mailbox, in order. The socket's thread may lock the shard to
 * change its settings. */
#ifndef SERVICE_WORKER_H
#define SERVICE_WORKER_H

#include "service/parcel.h"
#include "service/shard.h"

#define WORKER_PARCELS 4096u

struct worker {
    struct shard shard;
    struct mailbox inbox; /* of struct parcel, malloced */
    pthread_mutex_t lock; /* held while the shard works */
    pthread_t thread;
    bool running;
    _Atomic bool stopping;
    _Atomic bool giving_up;
    _Atomic bool drained; /* after a stop: the inbox is empty, all is sent */
};

int worker_start(struct worker *worker, struct err *err) MUST_USE;
/* Lets it finish what it has; the caller keeps answering batches until
 * worker_drained(). */
void worker_ask_to_stop(struct worker *worker);
/* Ends it with what it has: there is no room to commit that. */
void worker_give_up(struct worker *worker);
bool worker_drained(struct worker *worker);
void worker_join(struct worker *worker);

/* The time of day. */
nanos worker_clock(void);

#endif
