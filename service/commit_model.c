#include "service/commit_model.h"

#include "service/counters.h"

#define RECORD_BYTES 4096

int model_write(struct ledger *ledger, const struct batch_effect *effect,
        struct err *err)
{
    struct generation generation = {.created = effect->deadline,
            .settings = effect->digest,
            .through = ledger_last_appended(ledger),
            .why = bytes_of_text("what was learned online")};

    return generation_put(ledger_txn(ledger), effect->problem, &generation,
            effect->payload, err);
}

int model_note_promotion(struct ledger *ledger,
        const struct batch_effect *effect, struct err *err)
{
    uint8_t block[RECORD_BYTES];
    struct arena arena = arena_over(block, sizeof(block));
    union any_record record;
    int status = record_decode(
            RECORD_PROMOTION, effect->payload, &arena, &record, err);

    if (status != 0 || !stage_has_model(record.promotion.stage))
        return status;
    return generation_promoted(ledger_txn(ledger), effect->problem,
            record.promotion.generation, effect->sequence, err);
}

static int put_next(struct ledger *ledger, struct commit_model *store,
        bool prune, uint32_t *dropped, struct err *err)
{
    struct store_txn *txn = ledger_txn(ledger);
    uint64_t last, first;
    int status = generation_last(txn, store->problem, &last, err);

    if (status == 0)
        status = log_first(txn, &first, err);
    if (status != 0)
        return status;
    store->generation.number = last + 1;
    store->generation.promoted = 0;
    status = generation_put(
            txn, store->problem, &store->generation, store->model, err);
    if (status == 0 && prune)
        status = generation_prune(
                txn, store->problem, store->kept, first, dropped, err);
    return status;
}

int model_store(struct ledger *ledger, struct commit_model *store, bool prune,
        struct err *err)
{
    uint32_t dropped = 0;
    int status = ledger_begin(ledger, err);

    if (status != 0)
        return status;
    status = put_next(ledger, store, prune, &dropped, err);
    if (status != 0) {
        ledger_abort(ledger);
        return status;
    }
    status = ledger_commit(ledger, err);
    if (status == 0)
        COUNT_ADD(generations_pruned, dropped);
    return status;
}
