#include "service/engine/promotion.h"

#include "base/hash.h"
#include "service/engine/fold.h"

#include <inttypes.h>

/* The generation that is meant. */
static int generation_of(const struct problem *problem,
        const struct promotion *promotion, uint64_t *generation,
        struct err *err)
{
    *generation = promotion->generation;
    if (promotion->has_serving && promotion->serving != problem->generation)
        return err_set(err, STATUS_INVALID,
                "promote: generation %" PRIu64 " does not serve, %" PRIu64
                " does",
                promotion->serving, problem->generation);
    if (!promotion->back)
        return 0;
    *generation = problem->back;
    return problem->has_back
            ? 0
            : err_set(err, STATUS_INVALID,
                      "rollback: there is nothing to go back to");
}

/* Where a rollback goes to afterwards: from a promotion to what served before,
 * from a rollback to what its generation came after. */
static void set_back(const struct problem *problem, bool rolled_back,
        uint64_t parent, struct promotion_record *record)
{
    if (!rolled_back) {
        record->has_back = true;
        record->back = problem->generation;
        return;
    }
    record->has_back = record->generation != 0 && parent != record->generation;
    record->back = record->has_back ? parent : 0;
}

static int find_model(const struct problem *problem,
        const struct journal *journal, uint64_t generation, struct bytes *model,
        uint64_t *parent, struct err *err)
{
    int status;

    if (journal->model_get == NULL || journal->model_keep == NULL)
        return err_set(
                err, STATUS_UNSUPPORTED, "promote: there are no models here");
    status = journal->model_get(journal->self, problem->spec->number,
            generation, model, parent, err);
    if (status != STATUS_NOT_FOUND)
        return status;
    return err_set(err, STATUS_NOT_FOUND,
            "generation %" PRIu64 ": the problem has none of that number",
            generation);
}

int promotion_step(struct problem *problem, const struct input *input,
        const struct journal *journal, struct arena *arena,
        struct receipt *receipt, struct err *err)
{
    const struct promotion *promotion = input->as.promote;
    struct promotion_record record = {
            .head = {RECORD_PROMOTION, problem->spec->number, input->now,
                    {NULL, 0}},
            .parent = problem->generation,
            .estimate = promotion->estimate,
            .why = promotion->why,
    };
    struct bytes model, payload;
    uint64_t parent = 0;
    int status = generation_of(problem, promotion, &record.generation, err);

    if (status == 0 && record.generation == problem->generation) {
        receipt->repeated = true;
        return 0;
    }
    if (status == 0 && problem->generation == 0 && journal->model_keep != NULL)
        status = journal->model_keep(journal->self, problem, err);
    if (status == 0)
        status = find_model(
                problem, journal, record.generation, &model, &parent, err);
    if (status != 0)
        return status;
    record.digest = hash_bytes(model, 0);
    set_back(problem, promotion->back, parent, &record);
    payload = record_encode_promotion(&record, arena);
    if (payload.data == NULL)
        return err_set(err, STATUS_BUSY, "the record is too large");
    status = fold_promotion(problem, &record, model, err);
    if (status == 0)
        journal->append(journal->self, RECORD_PROMOTION, problem->spec->number,
                payload);
    return status;
}
