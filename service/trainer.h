/* The trainer: starts rue-train for a problem when it is time, watches over it,
 * checks what it made, and has it stored and promoted. A thread of its own, so
 * that neither the socket nor the engine waits for any of that; one training at
 * a time.
 *
 *   due (retrain.every, min_events), or asked for
 *     -> rue-train, an exec'ed process: reads the store, writes a model file
 *     -> here: length, checksum, digest; the model is loaded to see that it can
 *     -> commit thread: stored as the next generation, old ones pruned
 *     -> the problem's engine thread: promoted, unless its verdict says no
 *
 * A training that is killed, crashes, takes longer than retrain.time or writes
 * something that does not load costs that generation and nothing else. */
#ifndef SERVICE_TRAINER_H
#define SERVICE_TRAINER_H

#include "config/config.h"
#include "service/commit.h"
#include "service/engine/engine.h"
#include "storage/generation.h"

struct trainer;

/* `config` and its problems' numbers, the ledger and the committer outlive it,
 * or are replaced by trainer_reconfigure(). */
int trainer_start(struct trainer **trainer, const struct config *config,
        struct ledger *ledger, struct committer *committer,
        struct err *err) MUST_USE;
/* Ends a training that is under way, and the thread. May be NULL. */
void trainer_stop(struct trainer *trainer);
/* Calls `stored` for every generation that is stored from now on, in the
 * trainer's thread. */
void trainer_tell(struct trainer *trainer,
        void (*stored)(void *self, uint32_t problem,
                const struct generation *generation),
        void *self);
/* After a reload; the old config may go when this returns. */
void trainer_reconfigure(struct trainer *trainer, const struct config *config);

/* ---- from any thread; `problem` is its number ---- */

/* A training is to start soon. True if one is under way or to start already. */
bool trainer_ask(struct trainer *trainer, uint32_t problem);
/* What the engine thread says of its problem now and then. */
struct trainer_news {
    uint64_t learned; /* outcomes so far */
    bool on_trial; /* a generation is: then none is trained by itself */
    nanos alarm; /* of drift, that asks for a training; 0: none */
    uint64_t alarmed_at; /* outcomes learned by then */
    nanos drifted; /* of the newest alarm, whatever it asks for; 0: none */
    struct performance_view performance; /* of what serves */
};
void trainer_note(struct trainer *trainer, uint32_t problem,
        const struct trainer_news *news);

/* A generation that is to be promoted, once. */
struct trainer_order {
    struct promotion promotion; /* its `why` is in `text` */
    char text[GENERATION_WHY_MAX + 1];
};
bool trainer_order(
        struct trainer *trainer, uint32_t problem, struct trainer_order *order);

/* What status tells. */
struct training_state {
    bool running;
    double done; /* share of the phase that is under way */
    uint64_t trainings, failures; /* since the start */
    uint64_t generation; /* newest that was stored; 0 = none */
    uint64_t rows;
    double effective;
    enum generation_verdict verdict;
    double seconds; /* that the last one took */
    double cpu_seconds; /* and of the processor */
    uint64_t window, known; /* examples that it learned of, and that there
                               were */
    uint64_t skipped; /* times that were looked at and found good, since the
                         start */
    double saved_seconds; /* of the processor, that those would have taken */
};
void trainer_state(struct trainer *trainer, uint32_t problem,
        struct training_state *state);

#endif
