#include "training/batch.h"

#include "training/past.h"
#include "training/rows.h"
#include "training/train.h"
#include "training/verdict.h"

#include <stdlib.h>

bool batch_wanted(const struct problem_spec *spec)
{
    return spec->policy.learner == NULL && spec->policy.oracle.oracle->batch;
}

/* ---- rows ---- */

static int add_row(struct batch *batch, size_t index, double weight,
        struct rows *rows, struct err *err)
{
    struct example_view view;
    int status = examples_read(batch->examples, index, &view, err);

    if (status == STATUS_NOT_FOUND)
        return 0;
    if (status != 0)
        return status;
    return rows_add(rows, &view.lesson, weight * view.lesson.weight, err);
}

/* 0: not learned. An action of unknown probability counts as an unlikely one.
 */
static double weight_of(
        const struct batch *batch, const struct example *example, uint32_t age)
{
    const struct problem_settings *settings = &batch->spec->settings;

    if (settings->gate.veto && settings->form == FORM_DECIDE &&
            verdict_held_out(example, &settings->gate, age))
        return 0.0;
    return memory_weight(&settings->retrain_past, age, example->propensity,
            batch->champion->alarming);
}

static int gather(struct batch *batch, struct rows *rows, struct err *err)
{
    const struct examples *examples = batch->examples;
    uint32_t *age = past_ages(examples->list, examples->count);
    int status = 0;

    if (age == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    for (size_t i = 0; status == 0 && i < examples->count; i++) {
        double weight = weight_of(batch, &examples->list[i], age[i]);
        if (weight > 0.0)
            status = add_row(batch, i, weight, rows, err);
    }
    free(age);
    if (status == 0 && rows->count == 0)
        status = err_set(err, STATUS_NOT_FOUND,
                "the log has no outcome to learn from (%llu decisions still "
                "wait for theirs)",
                (unsigned long long)examples->waiting);
    return status;
}

/* ---- the fit ---- */

static int policy_bytes(
        const struct policy *policy, struct blob *blob, struct err *err)
{
    struct writer writer = writer_counting();

    policy_save(policy, &writer);
    blob->size = writer.size;
    blob->data = malloc(writer.size);
    if (blob->data == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    writer = writer_over(blob->data, blob->size);
    policy_save(policy, &writer);
    CHECK(!writer.failed);
    return 0;
}

static int fit(struct batch *batch, const struct rows *rows, struct err *err)
{
    struct training_job job = {.spec = &batch->spec->policy,
            .lessons = rows->list,
            .count = rows->count,
            .seed = batch->seed,
            .booster = batch->booster};
    struct blob champion = {NULL, 0}, next = {NULL, 0};
    struct reader reader;
    int status = policy_bytes(batch->champion->policy, &champion, err);

    job.champion = bytes_of(champion.data, champion.size);
    if (status == 0)
        status = train_generation(&job, &next, err);
    if (status == 0) {
        reader = reader_of(bytes_of(next.data, next.size));
        status = policy_load(batch->model->policy, &reader, err);
    }
    blob_free(&champion);
    blob_free(&next);
    batch->rows = rows->count;
    batch->effective = effective_rows(rows->list, rows->count);
    return status;
}

int batch_train(struct batch *batch, struct err *err)
{
    struct rows rows = {NULL};
    int status = gather(batch, &rows, err);

    if (status == 0)
        status = fit(batch, &rows, err);
    rows_free(&rows);
    return status;
}
