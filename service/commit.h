/* The commit thread: gathers submitted batches, writes them in one
 * transaction, and only then lets their replies go.
 *
 * No room (full disk, quota or map): what was submitted stays here and is
 * tried again until there is room; commit_full() then tells the socket's
 * thread to refuse new work. Nothing that was acknowledged is touched.
 * Any other failure: the process stops at once, without acknowledging
 * (commit_on_failure). */
#ifndef SERVICE_COMMIT_H
#define SERVICE_COMMIT_H

#include "config/config.h"
#include "service/batch.h"
#include "service/mailbox.h"
#include "storage/generation.h"
#include "storage/ledger.h"

struct committer;

/* `done` is told of every batch that was committed. Owned by the caller and
 * must outlive the committer. The problems of `config` have their numbers. */
int commit_start(struct committer **committer, struct ledger *ledger,
        const struct config *config, struct mailbox *done,
        struct err *err) MUST_USE;
/* What is to happen, in the commit thread and then never again, when a commit
 * fails in another way than for want of room. By default the process stops; who
 * hosts the committer in another program sees to it that nothing is
 * acknowledged from then on. No call of this header from it. */
void commit_on_failure(struct committer *committer,
        void (*failed)(void *self, const struct err *err), void *self);
/* Commits what is submitted, then ends the thread. If there is no room it
 * gives up what is submitted, which was not acknowledged. */
void commit_stop(struct committer *committer);

/* Retention asks this batch, from now on, what it counts on. */
int commit_watch(struct committer *committer, struct batch *batch,
        struct err *err) MUST_USE;
/* Did retention take the Decision of this sequence? Pin it before asking. */
bool commit_retired(const struct committer *committer, uint64_t sequence);

/* From the thread that owns the batch. */
void commit_submit(struct committer *committer, struct batch *batch);

/* The batch has nothing to write: its replies may go at once. */
void commit_skip(struct committer *committer, struct batch *batch);

/* ---- generations ---- */

/* A model that is to become the problem's next generation. */
struct commit_model {
    uint32_t problem;
    uint32_t kept; /* how many the problem keeps */
    struct generation generation; /* its number is given when it is stored */
    struct bytes model;
};

/* Stores it and waits until that is done, by the commit thread between two
 * group commits. STORAGE_FULL and nothing happened; BUSY at a stop. */
int commit_model(struct committer *committer, struct commit_model *store,
        struct err *err) MUST_USE;

/* Between these two calls no generation is pruned. An engine thread that reads
 * one, and appends the record that promotes it, says so before it lets go:
 * nothing is pruned then until that record is on disk. */
void commit_models_hold(struct committer *committer);
void commit_models_release(struct committer *committer, bool promoted);

/* Housekeeping of the store soon: a reader has died. */
void commit_tend(struct committer *committer);

/* Is there no room for new work? */
bool commit_full(const struct committer *committer);
/* Why there is or was none: a sentence without its stop. */
void commit_why(struct committer *committer, char *why, size_t size);
/* Does something submitted wait for room? Then there is none for expiries and
 * snapshots either, which are let in otherwise: only they let retention go
 * on. */
bool commit_stuck(const struct committer *committer);
/* New settings for quota, reserve and retention. */
void commit_reconfigure(
        struct committer *committer, const struct settings *settings);
/* What the store held at the last look, which is every commit or idle turn. */
void commit_usage(const struct committer *committer, struct store_usage *usage);
/* The quota that holds now; 0: none. */
uint64_t commit_quota(const struct committer *committer);
/* Sequence of the last record on disk. */
uint64_t commit_last_sequence(const struct committer *committer);
/* Batches that were submitted and are not on disk yet. */
uint32_t commit_waiting(const struct committer *committer);

#endif
