#include "training/train.h"

#include "policies/committee.h"
#include "training/fit.h"

#include <stdlib.h>

#define ALIGNMENT ((size_t)64)

/* Which oracle is fitted by what. */
struct fit {
    const char *oracle;
    fit_function *model;
};

static const struct fit fits[] = {
        {"trees", fit_trees},
        {"pairwise", fit_pairwise},
};

void blob_free(struct blob *blob)
{
    free(blob->data);
    *blob = (struct blob){NULL, 0};
}

int blob_room(struct blob *blob, size_t size, struct err *err)
{
    blob->data = malloc(size > 0 ? size : 1);
    blob->size = size;
    return blob->data == NULL
            ? err_set(err, STATUS_INTERNAL, "training: no memory")
            : 0;
}

double effective_rows(const struct lesson *lessons, size_t count)
{
    double sum = 0.0, squares = 0.0;

    for (size_t i = 0; i < count; i++) {
        sum += lessons[i].weight;
        squares += lessons[i].weight * lessons[i].weight;
    }
    return squares > 0.0 ? sum * sum / squares : 0.0;
}

/* ---- models for a committee ---- */

static uint32_t most_models(const struct oracle_spec *spec)
{
    const struct option_table *table = &spec->oracle->options;

    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->rows[i].name, "average") == 0) {
            uint32_t most;
            memcpy(&most, (const char *)spec->options + table->rows[i].offset,
                    sizeof(most));
            return most;
        }
    return 1;
}

static int champion_models(const struct training_job *job,
        struct committee *committee, struct err *err)
{
    struct bytes part;
    struct reader reader;

    memset(committee, 0, sizeof(*committee));
    if (job->champion.size == 0)
        return 0;
    if (policy_unwrap(job->spec, job->champion, &part, err) != 0)
        return err_prefix(err, "champion");
    reader = reader_of(part);
    if (committee_load(
                committee, most_models(&job->spec->oracle), &reader, err) != 0)
        return err_prefix(err, "champion");
    return 0;
}

static void write_generation(const struct training_job *job,
        const struct committee *committee, struct bytes part,
        struct writer *writer)
{
    policy_wrap(job->spec, job->count, committee->effective, part, writer);
}

static int wrap_committee(const struct training_job *job,
        const struct committee *committee, struct blob *out, struct err *err)
{
    struct writer writer = writer_counting();
    struct blob part;
    int status;

    committee_save(committee, &writer);
    status = blob_room(&part, writer.size, err);
    if (status != 0)
        return status;
    writer = writer_over(part.data, part.size);
    committee_save(committee, &writer);
    writer = writer_counting();
    write_generation(job, committee, bytes_of(part.data, part.size), &writer);
    status = blob_room(out, writer.size, err);
    if (status == 0) {
        writer = writer_over(out->data, out->size);
        write_generation(
                job, committee, bytes_of(part.data, part.size), &writer);
        CHECK(!writer.failed);
    }
    blob_free(&part);
    return status;
}

static int train_batch(const struct training_job *job, const struct fit *fit,
        struct blob *out, struct err *err)
{
    struct committee committee;
    struct blob model = {NULL, 0};
    int status = champion_models(job, &committee, err);

    if (status == 0)
        status = fit->model(job, &model, err);
    if (status != 0)
        return status;
    committee_add(&committee, bytes_of(model.data, model.size),
            most_models(&job->spec->oracle));
    committee.lessons = 0;
    committee.effective = effective_rows(job->lessons, job->count);
    status = wrap_committee(job, &committee, out, err);
    blob_free(&model);
    return status;
}

/* ---- lesson by lesson ---- */

static int teach(const struct training_job *job, struct policy *policy,
        struct arena *scratch, struct err *err)
{
    struct reader reader = reader_of(job->champion);

    if (job->warm && job->champion.size > 0 &&
            policy_load(policy, &reader, err) != 0)
        return err_prefix(err, "champion");
    for (size_t i = 0; i < job->count; i++)
        policy_learn(policy, &job->lessons[i], scratch);
    return policy_check(policy)
            ? 0
            : err_set(err, STATUS_INTERNAL, "training: the state is unsound");
}

static int save_policy(
        const struct policy *policy, struct blob *out, struct err *err)
{
    struct writer writer = writer_counting();

    policy_save(policy, &writer);
    if (blob_room(out, writer.size, err) != 0)
        return STATUS_INTERNAL;
    writer = writer_over(out->data, out->size);
    policy_save(policy, &writer);
    CHECK(!writer.failed);
    return 0;
}

static int train_lessons(
        const struct training_job *job, struct blob *out, struct err *err)
{
    size_t state = policy_footprint(job->spec);
    size_t room = policy_learn_scratch(job->spec);
    void *block = aligned_alloc(
            ALIGNMENT, (state + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    void *memory = malloc(room);
    struct arena scratch = arena_over(memory, room);
    int status;

    if (block == NULL || memory == NULL) {
        status = err_set(err, STATUS_INTERNAL, "training: no memory");
    } else {
        struct policy *policy = policy_init(block, job->spec);
        status = teach(job, policy, &scratch, err);
        if (status == 0)
            status = save_policy(policy, out, err);
    }
    free(memory);
    free(block);
    return status;
}

int train_generation(
        const struct training_job *job, struct blob *out, struct err *err)
{
    const struct oracle *oracle = job->spec->oracle.oracle;

    *out = (struct blob){NULL, 0};
    if (job->spec->learner != NULL || job->spec->shape.duel ||
            job->spec->shape.path)
        return err_set(err, STATUS_INVALID,
                "training: only oracles of decisions and predictions are "
                "trained in batches");
    if (job->count == 0)
        return err_set(err, STATUS_INVALID, "training: no lessons");
    if (!oracle->batch)
        return train_lessons(job, out, err);
    for (size_t i = 0; i < ARRAY_COUNT(fits); i++)
        if (strcmp(fits[i].oracle, oracle->name) == 0)
            return train_batch(job, &fits[i], out, err);
    return err_set(
            err, STATUS_INTERNAL, "training: nothing fits '%s'", oracle->name);
}
