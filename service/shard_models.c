#include "service/counters.h"
#include "service/diag.h"
#include "service/shard_parts.h"
#include "service/trial_watch.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- the journal's models ---- */

/* The model that an open batch is to make the problem's generation 0. */
static const struct batch_effect *model_in(
        const struct batch *batch, uint32_t problem)
{
    for (uint32_t i = 0; batch != NULL && i < batch->effect_count; i++)
        if (batch->effects[i].kind == EFFECT_MODEL &&
                batch->effects[i].problem == problem)
            return &batch->effects[i];
    return NULL;
}

int shard_model_get(void *self, uint32_t problem, uint64_t number,
        struct bytes *model, uint64_t *parent, struct err *err)
{
    struct shard *shard = self;
    const struct batch_effect *own =
            number == 0 ? model_in(shard->open, problem) : NULL;
    struct generation generation;
    int status;

    *parent = 0;
    if (own != NULL) {
        *model = own->payload;
        return 0;
    }
    status = shard_reader_fresh(shard, err);
    if (status == 0)
        status = generation_model(
                shard->reader.txn, problem, number, &generation, model, err);
    if (status == 0)
        *parent = generation.parent;
    /* Its bytes are the commit thread's now. */
    if (status == STATUS_NOT_FOUND && number == 0 && shard->pending != NULL)
        return err_set(err, STATUS_BUSY,
                "generation 0: is on its way to the disk; try again");
    return status;
}

static bool has_own(struct shard *shard, uint32_t problem, struct err *err)
{
    struct generation generation;

    return model_in(shard->open, problem) != NULL ||
            generation_get(shard->reader.txn, problem, 0, &generation, err) !=
            STATUS_NOT_FOUND;
}

int shard_model_keep(void *self, const struct problem *problem, struct err *err)
{
    struct shard *shard = self;
    size_t size = problem_model_size(problem);
    struct writer writer;
    uint8_t *data;
    int status = shard_reader_fresh(shard, err);

    if (status != 0 || has_own(shard, problem->spec->number, err))
        return status;
    if (size > GENERATION_BYTES_MAX)
        return err_set(err, STATUS_INVALID,
                "promote: what serves has %zu bytes, at most %zu are kept",
                size, GENERATION_BYTES_MAX);
    data = malloc(size);
    if (data == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory for a model");
    writer = writer_over(data, size);
    problem_save_model(problem, &writer);
    CHECK(!writer.failed && writer.size == size);
    if (batch_model(shard->open, problem->spec->number,
                problem->spec->model_digest, shard->now, writer_bytes(&writer)))
        return 0;
    free(data);
    return err_set(err, STATUS_BUSY, "too much is to be stored; try again");
}

/* ---- promoting ---- */

void shard_promote(struct shard *shard, struct hosted *hosted,
        const struct promotion *promotion, struct receipt *receipt)
{
    struct input input = {.kind = INPUT_PROMOTE, .now = shard->now};
    const struct problem *problem = hosted->problem;
    uint64_t before = problem->generation;
    struct answer answer;
    char name[ID_BYTES_MAX + 1], why[GENERATION_WHY_MAX + 1];
    bool promoted;

    input.as.promote = promotion;
    commit_models_hold(shard->committer);
    /* What is seen now is not pruned before the hold ends. */
    shard->reader_fresh = false;
    shard_step(shard, hosted, &input, &answer);
    promoted = answer.receipt.status == STATUS_OK && !answer.receipt.repeated;
    commit_models_release(shard->committer, promoted);
    *receipt = answer.receipt;
    (void)bytes_text(problem->spec->name, name, sizeof(name));
    if (promoted && promotion->stage == STAGE_REFUSED) {
        diag(DIAG_INFO, "generation.blocked",
                "problem=%s generation=%" PRIu64 " in_a_row=%" PRIu64
                " why=\"%s\"",
                name, promotion->generation, problem->refused,
                bytes_text(promotion->why, why, sizeof(why)));
    } else if (promoted) {
        COUNT(promotions);
        diag(DIAG_INFO, "generation.promoted",
                "problem=%s serving=%" PRIu64 " before=%" PRIu64
                " on_trial=%" PRIu64 " share=%g why=\"%s\"",
                name, problem->generation, before,
                problem->challenger.generation, problem->challenger.share,
                bytes_text(promotion->why, why, sizeof(why)));
    } else if (receipt->status != STATUS_OK) {
        diag(DIAG_ERROR, "generation.refused",
                "problem=%s generation=%" PRIu64 " why=\"%s\"", name,
                promotion->generation,
                receipt->message == NULL ? "" : receipt->message);
    }
}

static struct trainer_news news_of(const struct problem *problem)
{
    const struct problem_settings *settings = &problem->spec->settings;
    struct trainer_news news = {.learned = problem->counters.learned,
            .on_trial = trial_holds(problem),
            .performance = performance_view(&problem->performance)};

    if (!response_holds(&problem->response, settings))
        return news;
    news.drifted = problem->response.time;
    if (settings->on_drift == ON_DRIFT_RETRAIN) {
        news.alarm = problem->response.time;
        news.alarmed_at = problem->response.alarmed_at;
    }
    return news;
}

/* Says when a fallback begins and ends. */
static void note_fallback(struct hosted *hosted)
{
    const struct problem *problem = hosted->problem;
    bool now = response_falls_back(&problem->response, &problem->spec->settings,
            problem->counters.learned);
    char name[ID_BYTES_MAX + 1];

    if (now == hosted->fallen_back)
        return;
    hosted->fallen_back = now;
    diag(now ? DIAG_WARNING : DIAG_INFO, "drift.fallback",
            "problem=%s active=%s learned=%" PRIu64,
            bytes_text(problem->spec->name, name, sizeof(name)),
            now ? "true" : "false", problem->counters.learned);
}

/* What the trainer asks for, and what it wants to know. */
void shard_train(struct shard *shard, struct hosted *hosted)
{
    const struct problem *problem = hosted->problem;
    struct trainer_news news = news_of(problem);
    struct trainer_order order;
    struct receipt receipt;

    note_fallback(hosted);
    if (shard->trainer == NULL)
        return;
    trainer_note(shard->trainer, problem->spec->number, &news);
    if (commit_full(shard->committer) || !batch_has_room(shard->open))
        return;
    arena_reset(&shard->work);
    if (trial_decided(problem, &order.promotion)) {
        shard_promote(shard, hosted, &order.promotion, &receipt);
    } else if (trainer_order(shard->trainer, problem->spec->number, &order)) {
        trial_settle(problem, &shard->work, &order.promotion);
        shard_promote(shard, hosted, &order.promotion, &receipt);
    }
}

/* ---- telling ---- */

struct telling {
    const struct problem *problem;
    struct arena *arena;
    struct generation_told *list;
    uint32_t count, capacity;
};

static int count_one(void *self, const struct generation *generation,
        bool damaged, struct err *err)
{
    struct telling *telling = self;

    (void)generation;
    (void)damaged;
    (void)err;
    telling->capacity++;
    return 0;
}

static int tell_one(void *self, const struct generation *generation,
        bool damaged, struct err *err)
{
    struct telling *telling = self;
    struct bytes why = bytes_of(arena_copy(telling->arena, generation->why.data,
                                        generation->why.size),
            generation->why.size);

    (void)err;
    if (telling->count == telling->capacity)
        return 0;
    telling->list[telling->count++] = (struct generation_told){
            .number = generation->number,
            .damaged = damaged,
            .serving = generation->number == telling->problem->generation,
            .parent = generation->parent,
            .created = generation->created,
            .digest = generation->digest,
            .bytes = generation->size,
            .through = generation->through,
            .promoted = generation->promoted,
            .rows = generation->rows,
            .effective = generation->effective,
            .verdict = (uint32_t)generation->verdict,
            .estimate = generation->estimate,
            .why = why.data == NULL ? bytes_of(NULL, 0) : why,
    };
    return 0;
}

int shard_tell_generations(struct shard *shard, const struct problem *problem,
        struct arena *arena, struct reply *reply, struct err *err)
{
    struct telling telling = {.problem = problem, .arena = arena};
    uint32_t number = problem->spec->number;
    int status = shard_reader_fresh(shard, err);

    if (status == 0)
        status = generation_each(
                shard->reader.txn, number, count_one, &telling, err);
    if (status != 0)
        return status;
    telling.list =
            arena_array(arena, struct generation_told, telling.capacity + 1);
    if (telling.list == NULL)
        return err_set(err, STATUS_BUSY, "the answer is too large");
    status =
            generation_each(shard->reader.txn, number, tell_one, &telling, err);
    reply->generation = telling.list;
    reply->generation_count = telling.count;
    return status;
}
