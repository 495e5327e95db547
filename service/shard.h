/* A shard: an engine thread's problems and the batch that it fills. With
 * `engine_threads: 0` there is one, and the socket's thread calls it.
 *
 * shard_handle is one request: parse, step through its items, pack the reply.
 * The reply waits in the batch until the batch is committed. All calls are for
 * the one thread that runs the shard. */
#ifndef SERVICE_SHARD_H
#define SERVICE_SHARD_H

#include "base/event_id.h"
#include "config/config.h"
#include "service/batch.h"
#include "service/board.h"
#include "service/commit.h"
#include "service/engine/engine.h"
#include "service/trainer.h"
#include "storage/ledger.h"

#define SHARD_BATCHES 4u
/* Of them those that may be on disk and still be looked at. */
#define SHARD_RECENT 2u
/* With the one aside. */
#define SHARD_BATCHES_ALL (SHARD_BATCHES + 1)

/* A problem and when its state was last put away. */
struct hosted {
    struct problem *problem;
    struct problem *next; /* under its new settings, while a reload lasts */
    uint64_t changes; /* records since its last snapshot */
    nanos snapshot_at;
    bool unnoted; /* its settings must still be logged */
    bool fallen_back; /* the fallback decides, as was said last */
    bool untold; /* has changed since it was told of on the board */
    nanos told_at;
    uint64_t generation_told; /* whose `created` this is */
    nanos generation_created; /* 0: not known */
};

struct due_list;

/* The last event id of a problem as the reader sees it. */
struct newest {
    uint32_t problem;
    uint32_t asked; /* questions since the reader was renewed; 0: none */
    uint8_t id[ID_BYTES_MAX];
    size_t size; /* 0: not known, or there is none */
};

struct shard {
    const struct config *config;
    struct hosted *hosted; /* [hosted_count], sorted by problem name */
    uint32_t hosted_count;
    uint32_t unnoted; /* hosted problems that are */
    struct ledger_reader reader;
    struct committer *committer;
    struct trainer *trainer; /* NULL: nothing is trained here */
    struct board *board; /* that problems are told of on; NULL: nowhere */
    uint32_t tell_next; /* the hosted problem whose turn it is */
    uint32_t expire_next; /* the one whose deadlines are looked at next */
    struct batch *batches[SHARD_BATCHES];
    struct batch *open; /* the one being filled, or NULL */
    /* While a batch waits for room on disk, others must not be answered before
     * it; requests that change nothing, and refusals, go into this one. */
    struct batch *aside;
    struct batch *taking; /* where the next request goes: open or aside */
    struct batch *pending; /* submitted and not known to be on disk, or NULL */
    /* On disk and not yet used again, newest first; the rest is NULL. */
    struct batch *recent[SHARD_RECENT];
    struct mailbox *early; /* batches with replies that need not wait */
    bool reader_fresh; /* the reader sees all that was committed */
    struct newest newest;
    struct event_id_source ids;
    nanos started;
    nanos now; /* never goes back */
    /* What one request works with. It is used again for the next, so it stays
     * in the processor's cache; what outlives the request goes to the batch. */
    struct arena work;
    struct due_list *dues; /* of one problem at a time */
};

/* Takes over the problems, which must be recovered. */
int shard_open(struct shard *shard, const struct config *config,
        struct ledger *ledger, struct committer *committer,
        struct mailbox *early, struct problem **problems,
        uint32_t problem_count, nanos now, struct err *err) MUST_USE;
/* Frees the problems too. */
void shard_close(struct shard *shard);

/* Can it take a request now? If not, a batch must come back first. */
bool shard_ready(struct shard *shard);

/* One request; shard_ready() has just said yes. */
void shard_handle(struct shard *shard, const struct bytes *envelope,
        uint32_t envelope_count, struct bytes frame, nanos now);

/* Deadlines that have passed, and snapshots that are due. */
void shard_tick(struct shard *shard, nanos now);

/* Hands the open batch to the commit thread, if there is something in it and
 * none of this shard's is under way there: so groups grow while the disk is
 * busy. */
void shard_submit(struct shard *shard);

/* Has the batch that was under way come back? Then the open one is handed over:
 * the disk need not wait for the rest of what is to be received. */
bool shard_relay(struct shard *shard);

/* Nothing is open and nothing under way: all replies are sent. */
bool shard_idle(struct shard *shard);

/* Puts the state of all problems that changed into the open batch. False if
 * there was no room: submit, and call again. */
bool shard_snapshot_all(struct shard *shard);

/* Goes over to new settings; config_check_reload() said that it may. First all
 * shards prepare, without a change; then all go over, or all cancel. */
int shard_reload_prepare(struct shard *shard, const struct config *config,
        struct err *err) MUST_USE;
void shard_reload_cancel(struct shard *shard);
void shard_reload(struct shard *shard, const struct config *config);

/* The problems are told of on the board from now on, which must outlive the
 * shard. Before the shard's thread runs. */
void shard_watch(struct shard *shard, struct board *board);

/* The hosted problem of that name, or NULL. */
struct hosted *shard_find(struct shard *shard, struct bytes name);

#endif
