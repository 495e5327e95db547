/* What the files of the shard share: shard.c (batches, problems, life),
 * shard_journal.c (what the engine reads and writes), shard_request.c (one
 * request), shard_time.c (deadlines and snapshots) and shard_models.c
 * (generations). */
#ifndef SERVICE_SHARD_PARTS_H
#define SERVICE_SHARD_PARTS_H

#include "service/shard.h"

static inline enum batch_stage shard_stage_of(const struct batch *batch)
{
    return (enum batch_stage)atomic_load_explicit(
            &batch->stage, memory_order_acquire);
}

/* Reads the store as it is now. What is not on disk is found in its batch, so a
 * batch must leave `pending` before the reader is renewed, never after. */
int shard_reader_fresh(struct shard *shard, struct err *err) MUST_USE;

/* The engine's journal: the open batch, the ones before it, the store. */
struct journal shard_journal(struct shard *shard);

/* One input through the engine, its effects into the open batch. */
void shard_step(struct shard *shard, struct hosted *hosted,
        const struct input *input, struct answer *answer);

/* The deadlines of one problem at a time, for free(). NULL: no memory. */
struct due_list *shard_dues_new(void);

/* The journal's models; see service/engine/engine.h. */
int shard_model_get(void *self, uint32_t problem, uint64_t number,
        struct bytes *model, uint64_t *parent, struct err *err);
int shard_model_keep(
        void *self, const struct problem *problem, struct err *err);

/* Promotes a generation; the message lies in the shard's work arena. */
void shard_promote(struct shard *shard, struct hosted *hosted,
        const struct promotion *promotion, struct receipt *receipt);
/* What the trainer has for the problem, and wants to know of it. The open batch
 * is there. */
void shard_train(struct shard *shard, struct hosted *hosted);
/* All generations of the problem, into the reply. */
int shard_tell_generations(struct shard *shard, const struct problem *problem,
        struct arena *arena, struct reply *reply, struct err *err) MUST_USE;

/* Time goes on, never back. */
void shard_set_now(struct shard *shard, nanos now);

#endif
