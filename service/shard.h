/* A shard: an engine thread's problems and the batch that it fills. With
 * `engine_threads: 0` there is one, and the socket's thread calls it.
 *
 * shard_handle is one request: parse, step through its items, pack the reply.
 * The reply waits in the batch until the batch is committed. */
#ifndef SERVICE_SHARD_H
#define SERVICE_SHARD_H

#include "config/config.h"
#include "service/batch.h"
#include "service/engine/engine.h"
#include "storage/ledger.h"

#define SHARD_BATCHES 3u

struct committer;

/* A problem and when its state was last put away. */
struct hosted {
    struct problem *problem;
    uint64_t records_since; /* its last snapshot */
    nanos snapshot_at;
    bool snapshot_due;
};

struct shard {
    uint32_t index;
    const struct settings *settings;
    struct hosted *hosted; /* [hosted_count], sorted by problem name */
    uint32_t hosted_count;
    struct ledger_reader *reader;
    struct committer *committer;
    struct batch *batches[SHARD_BATCHES]; /* all of them */
    struct batch *open;                   /* the one being filled, or NULL */
    struct event_id_source ids;
    nanos started;
    nanos now; /* never goes back */
};

/* Takes over the problems, which must be recovered. */
int shard_open(struct shard *shard, uint32_t index,
        const struct settings *settings, struct ledger *ledger,
        struct committer *committer, struct problem **problems,
        uint32_t problem_count, struct err *err) MUST_USE;
void shard_close(struct shard *shard);

/* Can it take a request now? If not, a batch must come back first. */
bool shard_ready(struct shard *shard);

/* One request; shard_ready() has just said yes. */
void shard_handle(struct shard *shard, const struct bytes *envelope,
        uint32_t envelope_count, struct bytes frame, nanos now);

/* Deadlines that have passed and snapshots that are due. */
void shard_tick(struct shard *shard, nanos now);

/* Hands the open batch to the commit thread, if there is something in it and
 * none of this shard's is waiting there: so groups grow while the disk is
 * busy. True if it did. */
bool shard_submit(struct shard *shard);

/* Everything is on its way or done: nothing open, nothing under way. */
bool shard_idle(const struct shard *shard);

/* Snapshots of all problems that changed, for a stop. */
void shard_snapshot_all(struct shard *shard, nanos now);

#endif
