#include "service/engine/promotion.h"

#include "base/hash.h"
#include "service/engine/fold.h"

#include <inttypes.h>

/* The generation that is meant, and what for. */
static int fill_in(const struct problem *problem,
        const struct promotion *promotion, struct promotion_record *record,
        struct err *err)
{
    const struct challenger *challenger = &problem->challenger;
    bool leaves = promotion->stage == STAGE_WITHDRAW ||
            (challenger->policy != NULL &&
                    (promotion->back ||
                            (promotion->stage == STAGE_SERVE &&
                                    promotion->generation ==
                                            problem->generation)));

    record->generation = promotion->generation;
    record->stage = promotion->stage;
    record->share = stage_shares(promotion->stage) ? promotion->share : 0.0;
    if (promotion->has_serving && promotion->serving != problem->generation)
        return err_set(err, STATUS_INVALID,
                "promote: generation %" PRIu64 " does not serve, %" PRIu64
                " does",
                promotion->serving, problem->generation);
    if (leaves) {
        record->generation = challenger->generation;
        record->stage = STAGE_WITHDRAW;
        return challenger->policy != NULL
                ? 0
                : err_set(err, STATUS_INVALID, "promote: nothing is on trial");
    }
    if (stage_shares(record->stage) && !share_valid(record->share))
        return err_set(err, STATUS_INVALID,
                "share: %g, must be within %g and %g", record->share, SHARE_MIN,
                1.0 - SHARE_MIN);
    if (record->stage != STAGE_SERVE && record->stage != STAGE_REFUSED &&
            problem->spec->settings.form != FORM_DECIDE)
        return err_set(err, STATUS_INVALID,
                "promote: only where the decision is one action can two "
                "generations share it");
    if (!promotion->back)
        return 0;
    record->generation = problem->back;
    record->stage = STAGE_SERVE;
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

/* Is it so already? */
static bool is_so(
        const struct problem *problem, const struct promotion_record *record)
{
    const struct challenger *challenger = &problem->challenger;

    if (record->stage == STAGE_SERVE)
        return record->generation == problem->generation &&
                challenger->policy == NULL;
    return stage_has_model(record->stage) && challenger->policy != NULL &&
            record->generation == challenger->generation &&
            challenger->mixed == (record->stage == STAGE_MIXED) &&
            record->share == challenger->share;
}

/* Finds the model that the record promotes, and keeps what it replaces. */
static int prepare(struct problem *problem, const struct promotion *promotion,
        const struct journal *journal, struct promotion_record *record,
        struct bytes *model, struct err *err)
{
    uint64_t parent = 0;
    int status = 0;

    if (!stage_has_model(record->stage))
        return 0;
    if (record->stage == STAGE_SERVE && problem->generation == 0 &&
            journal->model_keep != NULL)
        status = journal->model_keep(journal->self, problem, err);
    if (status == 0)
        status = find_model(
                problem, journal, record->generation, model, &parent, err);
    if (status != 0)
        return status;
    record->digest = hash_bytes(*model, 0);
    if (record->stage == STAGE_SERVE)
        set_back(problem, promotion->back, parent, record);
    return 0;
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
    struct bytes model = {NULL, 0}, payload;
    int status = fill_in(problem, promotion, &record, err);

    if (status == 0 && is_so(problem, &record)) {
        receipt->repeated = true;
        return 0;
    }
    if (status == 0)
        status = prepare(problem, promotion, journal, &record, &model, err);
    if (status != 0)
        return status;
    payload = record_encode_promotion(&record, arena);
    if (payload.data == NULL)
        return err_set(err, STATUS_BUSY, "the record is too large");
    status = fold_promotion(problem, &record, model, err);
    if (status == 0 && journal->append != NULL)
        journal->append(journal->self, RECORD_PROMOTION, problem->spec->number,
                payload);
    return status;
}
