/* The commit thread: gathers submitted batches, writes them in one
 * transaction, and only then lets their replies go.
 *
 * No room (full disk, quota or map): what was submitted stays here and is
 * tried again until there is room; commit_full() then tells the shards to
 * refuse new work. Nothing that was acknowledged is touched. Only snapshots
 * are given up: their shards make them again.
 * Any other failure: the process stops at once, without acknowledging. */
#ifndef SERVICE_COMMIT_H
#define SERVICE_COMMIT_H

#include "config/settings.h"
#include "service/batch.h"
#include "service/mailbox.h"
#include "storage/ledger.h"

struct committer;

/* `done` is told of every batch that was committed. Owned by the caller and
 * must outlive the committer. */
int commit_start(struct committer **committer, struct ledger *ledger,
        const struct settings *settings, struct mailbox *done,
        struct err *err) MUST_USE;
/* Commits what is submitted, then ends the thread. If there is no room it
 * gives up what is submitted, which was not acknowledged. */
void commit_stop(struct committer *committer);

/* From the thread that owns the batch. */
void commit_submit(struct committer *committer, struct batch *batch);

/* From the thread that owns it: nothing in it needs the disk, its replies may
 * go at once. */
void commit_skip(struct committer *committer, struct batch *batch);

/* Is there no room for new work? */
bool commit_full(const struct committer *committer);
/* Is something submitted that finds no room? (There may be none for new work
 * while all that was submitted is on disk.) */
bool commit_stuck(const struct committer *committer);
/* Why there is no room, or was none the last time: a sentence. */
void commit_why(struct committer *committer, char *why, size_t size);
/* New settings for quota, reserve and retention. */
void commit_reconfigure(
        struct committer *committer, const struct settings *settings);
/* Sequence of the last record on disk. */
uint64_t commit_last_sequence(const struct committer *committer);

#endif
