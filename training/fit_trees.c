/* The matrix that trees are grown on, and the model that comes of it. */
#include "policies/trees.h"
#include "training/encodings.h"
#include "training/fit.h"

#include <stdlib.h>

struct matrix {
    float *rows;
    float *labels, *weights;
    uint64_t *keys;
    uint32_t count, columns;
    double mean; /* of the labels, weighted */
};

void forest_release(struct forest *forest)
{
    free(forest->trees);
    free(forest->nodes);
    free(forest->leaves);
    memset(forest, 0, sizeof(*forest));
}

static void matrix_free(struct matrix *matrix)
{
    free(matrix->rows);
    free(matrix->labels);
    free(matrix->weights);
    free(matrix->keys);
}

static int matrix_room(
        struct matrix *matrix, uint32_t categories, struct err *err)
{
    size_t count = matrix->count;

    matrix->rows = calloc(count * matrix->columns, sizeof(float));
    matrix->labels = calloc(count, sizeof(float));
    matrix->weights = calloc(count, sizeof(float));
    matrix->keys = calloc(count * categories + 1, sizeof(uint64_t));
    return matrix->rows == NULL || matrix->labels == NULL ||
                    matrix->weights == NULL || matrix->keys == NULL
            ? err_set(err, STATUS_INTERNAL, "training: no memory")
            : 0;
}

static float label_of(double loss)
{
    return (float)(loss < 0.0 ? 0.0 : loss > 1.0 ? 1.0 : loss);
}

/* Everything but the encodings. Weights are scaled to a mean of 1. */
static void fill_plain(const struct training_job *job,
        const struct categories *categories, struct matrix *matrix)
{
    double weights = 0.0, losses = 0.0;

    for (size_t i = 0; i < job->count; i++)
        weights += job->lessons[i].weight;
    for (size_t i = 0; i < job->count; i++) {
        const struct lesson *lesson = &job->lessons[i];
        struct columns_reader reader;
        uint64_t keys[CATEGORIES_MAX];
        columns_open(&reader, &job->spec->shape, categories, lesson->context,
                lesson->actions);
        columns_plain(
                &reader, lesson->chosen, matrix->rows + i * matrix->columns);
        columns_keys(&reader, lesson->chosen, keys);
        memcpy(matrix->keys + i * categories->count, keys,
                categories->count * sizeof(*keys));
        matrix->labels[i] = label_of(lesson->loss);
        matrix->weights[i] =
                (float)(lesson->weight * (double)job->count / weights);
        losses += lesson->weight * (double)matrix->labels[i];
    }
    matrix->mean = losses / weights;
}

static void fill_encoded(struct matrix *matrix, uint32_t categories,
        const struct encodings *encodings)
{
    uint32_t width = 2 * categories;

    for (size_t i = 0; i < matrix->count; i++)
        memcpy(matrix->rows + (i + 1) * matrix->columns - width,
                encodings->columns + i * width, width * sizeof(float));
}

static int save_model(
        const struct trees_model *model, struct blob *out, struct err *err)
{
    struct writer writer = writer_counting();

    trees_model_save(model, &writer);
    if (blob_room(out, writer.size, err) != 0)
        return STATUS_INTERNAL;
    writer = writer_over(out->data, out->size);
    trees_model_save(model, &writer);
    CHECK(!writer.failed);
    return 0;
}

static int grow(const struct training_job *job,
        const struct categories *categories, const struct matrix *matrix,
        const struct encodings *encodings, struct blob *out, struct err *err)
{
    const struct trees_options *options = job->spec->oracle.options;
    double base = matrix->mean < 0.01 ? 0.01
            : matrix->mean > 0.99     ? 0.99
                                      : matrix->mean;
    struct boost_job boost = {options, matrix->rows, matrix->labels,
            matrix->weights, matrix->count, matrix->columns, (float)base,
            job->seed};
    struct trees_model model = {.loss = options->loss,
            .columns = matrix->columns,
            .category_count = categories->count,
            .dictionary = encodings->dictionary};
    int status =
            job->booster->grow(job->booster->self, &boost, &model.forest, err);

    if (status != 0)
        return status;
    status = save_model(&model, out, err);
    forest_release(&model.forest);
    return status;
}

static int fit(const struct training_job *job,
        const struct categories *categories, struct matrix *matrix,
        struct blob *out, struct err *err)
{
    struct encoding_rows rows;
    struct encodings encodings;
    int status;

    fill_plain(job, categories, matrix);
    rows = (struct encoding_rows){matrix->keys, matrix->labels, matrix->weights,
            matrix->count, categories->count};
    status = encodings_fit(&encodings, &rows, job->spec->oracle.options, err);
    if (status != 0)
        return status;
    fill_encoded(matrix, categories->count, &encodings);
    status = grow(job, categories, matrix, &encodings, out, err);
    encodings_free(&encodings);
    return status;
}

int fit_trees(
        const struct training_job *job, struct blob *model, struct err *err)
{
    const struct trees_options *options = job->spec->oracle.options;
    struct categories categories;
    struct matrix matrix = {.count = (uint32_t)job->count};
    int status = categories_parse(&categories, options->categories, err);

    if (status != 0)
        return status;
    if (job->booster == NULL || job->count > INT32_MAX)
        return err_set(err, STATUS_INVALID,
                "training: trees need a booster and at most 2^31 lessons");
    matrix.columns = columns_count(&job->spec->shape, &categories);
    status = matrix_room(&matrix, categories.count, err);
    if (status == 0)
        status = fit(job, &categories, &matrix, model, err);
    matrix_free(&matrix);
    return status;
}
