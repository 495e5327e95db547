/* Grows trees by XGBoost's C interface and reads them out of the model that it
 * saves as JSON; every number of that file is checked on the way. */
#include "training/xgboost/booster.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <xgboost/c_api.h>

static int failed(struct err *err, const char *what)
{
    return err_set(
            err, STATUS_INTERNAL, "xgboost: %s: %s", what, XGBGetLastError());
}

/* ---- growing ---- */

struct parameter {
    const char *name;
    char value[40];
};

static int set_parameters(
        BoosterHandle booster, const struct boost_job *job, struct err *err)
{
    const struct trees_options *options = job->options;
    struct parameter list[] = {{"verbosity", "0"}, {"nthread", "1"},
            {"tree_method", "hist"}, {"objective", ""}, {"max_depth", ""},
            {"eta", ""}, {"subsample", ""}, {"colsample_bytree", ""},
            {"min_child_weight", ""}, {"max_bin", ""}, {"base_score", ""},
            {"seed", ""}};
    const char *objective = options->loss == TREES_LOGISTIC
            ? "binary:logistic"
            : "reg:squarederror";
    size_t size = sizeof(list[0].value);

    (void)snprintf(list[3].value, size, "%s", objective);
    (void)snprintf(list[4].value, size, "%" PRIu32, options->depth);
    (void)snprintf(list[5].value, size, "%.17g", options->eta);
    (void)snprintf(list[6].value, size, "%.17g", options->subsample);
    (void)snprintf(list[7].value, size, "%.17g", options->columns_share);
    (void)snprintf(list[8].value, size, "%.17g", options->min_child);
    (void)snprintf(list[9].value, size, "%" PRIu32, options->bins);
    (void)snprintf(list[10].value, size, "%.9g", (double)job->base);
    (void)snprintf(
            list[11].value, size, "%" PRIu64, job->seed % UINT64_C(2147483647));
    for (size_t i = 0; i < ARRAY_COUNT(list); i++)
        if (XGBoosterSetParam(booster, list[i].name, list[i].value) != 0)
            return failed(err, list[i].name);
    return 0;
}

static int make_matrix(
        const struct boost_job *job, DMatrixHandle *matrix, struct err *err)
{
    if (XGDMatrixCreateFromMat(
                job->rows, job->count, job->columns, NAN, matrix) != 0)
        return failed(err, "matrix");
    if (XGDMatrixSetFloatInfo(*matrix, "label", job->labels, job->count) != 0 ||
            XGDMatrixSetFloatInfo(
                    *matrix, "weight", job->weights, job->count) != 0)
        return failed(err, "labels");
    return 0;
}

/* ---- reading what it saved ---- */

/* The arrays of one tree. */
struct source {
    const json_t *left, *right, *column, *split;
    size_t count;
};

static bool open_source(const json_t *tree, struct source *source)
{
    source->left = json_object_get(tree, "left_children");
    source->right = json_object_get(tree, "right_children");
    source->column = json_object_get(tree, "split_indices");
    source->split = json_object_get(tree, "split_conditions");
    source->count = json_array_size(source->left);
    return source->count >= 1 && source->count <= FOREST_TREE_NODES &&
            json_array_size(source->right) == source->count &&
            json_array_size(source->column) == source->count &&
            json_array_size(source->split) == source->count;
}

/* A node's child or column; -1 where it is none, or not a number in bounds. */
static int64_t entry(const json_t *array, size_t place, size_t bound)
{
    const json_t *value = json_array_get(array, place);
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;

    return number >= 0 && (uint64_t)number < bound ? number : -1;
}

/* Breadth first, so that children stand side by side behind their parents.
 * `from` says which node of the source stands at each place. */
static bool copy_tree(struct forest *forest, struct forest_tree *tree,
        const struct source *source, uint32_t columns)
{
    size_t from[FOREST_TREE_NODES];
    size_t filled = 1;

    from[0] = 0;
    for (size_t i = 0; i < filled; i++) {
        struct forest_node *node = &forest->nodes[tree->start + i];
        int64_t left = entry(source->left, from[i], source->count);
        int64_t right = entry(source->right, from[i], source->count);
        int64_t column = entry(source->column, from[i], columns);
        float number = (float)json_number_value(
                json_array_get(source->split, from[i]));
        if (left < 0 && right < 0) {
            *node = (struct forest_node){INFINITY, 0, (uint16_t)i};
            forest->leaves[tree->start + i] = number;
            continue;
        }
        if (left < 0 || right < 0 || column < 0 ||
                filled + 2 > FOREST_TREE_NODES)
            return false;
        *node = (struct forest_node){
                number, (uint16_t)column, (uint16_t)filled};
        from[filled++] = (size_t)left;
        from[filled++] = (size_t)right;
    }
    tree->count = (uint16_t)filled;
    return true;
}

static bool copy_trees(
        struct forest *forest, const json_t *trees, uint32_t columns)
{
    forest->tree_count = (uint32_t)json_array_size(trees);
    for (uint32_t t = 0; t < forest->tree_count; t++) {
        struct forest_tree *tree = &forest->trees[t];
        struct source source;
        *tree = (struct forest_tree){.start = forest->node_count};
        if (!open_source(json_array_get(trees, t), &source) ||
                !copy_tree(forest, tree, &source, columns))
            return false;
        forest->node_count += tree->count;
    }
    return forest_sound(forest, columns);
}

static int read_forest(const struct boost_job *job, const json_t *trees,
        struct forest *forest, struct err *err)
{
    size_t count = json_array_size(trees);
    size_t nodes = count * FOREST_TREE_NODES;

    memset(forest, 0, sizeof(*forest));
    if (count == 0 || count > job->options->trees)
        return err_set(err, STATUS_INTERNAL, "xgboost: %zu trees", count);
    forest->base = job->options->loss == TREES_LOGISTIC
            ? -logf(1.0F / job->base - 1.0F)
            : job->base;
    forest->trees = calloc(count, sizeof(*forest->trees));
    forest->nodes = calloc(nodes, sizeof(*forest->nodes));
    forest->leaves = calloc(nodes, sizeof(*forest->leaves));
    if (forest->trees == NULL || forest->nodes == NULL ||
            forest->leaves == NULL) {
        forest_release(forest);
        return err_set(err, STATUS_INTERNAL, "training: no memory");
    }
    if (!copy_trees(forest, trees, job->columns)) {
        forest_release(forest);
        return err_set(
                err, STATUS_INTERNAL, "xgboost: its model is not as expected");
    }
    return 0;
}

static int read_model(const struct boost_job *job, BoosterHandle booster,
        struct forest *forest, struct err *err)
{
    const char *text;
    uint64_t size;
    json_error_t where;
    json_t *root;
    const json_t *at;
    int status;

    if (XGBoosterSaveModelToBuffer(
                booster, "{\"format\":\"json\"}", &size, &text) != 0)
        return failed(err, "model");
    root = json_loadb(text, size, 0, &where);
    if (root == NULL)
        return err_set(err, STATUS_INTERNAL, "xgboost: model: %s", where.text);
    at = json_object_get(root, "learner");
    at = json_object_get(at, "gradient_booster");
    at = json_object_get(at, "model");
    status = read_forest(job, json_object_get(at, "trees"), forest, err);
    json_decref(root);
    return status;
}

static int train(const struct xgboost_model *model, const struct boost_job *job,
        struct err *err)
{
    if (set_parameters(model->booster, job, err) != 0)
        return STATUS_INTERNAL;
    for (uint32_t i = 0; i < job->options->trees; i++)
        if (XGBoosterUpdateOneIter(model->booster, (int)i, model->matrix) != 0)
            return failed(err, "training");
    return 0;
}

int xgboost_open(struct xgboost_model *model, const struct boost_job *job,
        struct err *err)
{
    int status;

    *model = (struct xgboost_model){NULL, NULL};
    status = make_matrix(job, &model->matrix, err);
    if (status == 0 && XGBoosterCreate(&model->matrix, 1, &model->booster) != 0)
        status = failed(err, "booster");
    if (status == 0)
        status = train(model, job, err);
    if (status != 0)
        xgboost_close(model);
    return status;
}

void xgboost_close(struct xgboost_model *model)
{
    if (model->booster != NULL)
        (void)XGBoosterFree(model->booster);
    if (model->matrix != NULL)
        (void)XGDMatrixFree(model->matrix);
    *model = (struct xgboost_model){NULL, NULL};
}

int xgboost_forest(const struct xgboost_model *model,
        const struct boost_job *job, struct forest *forest, struct err *err)
{
    return read_model(job, model->booster, forest, err);
}

int xgboost_predict(const struct xgboost_model *model, const float *rows,
        uint32_t width, uint32_t count, const float **predictions,
        struct err *err)
{
    static const char config[] =
            "{\"type\": 0, \"training\": false, \"iteration_begin\": 0, "
            "\"iteration_end\": 0, \"strict_shape\": false, \"cache_id\": 0, \"missing\": NaN}";
    const uint64_t *shape;
    uint64_t dimensions;
    char array[160];

    (void)snprintf(array, sizeof(array),
            "{\"data\": [%" PRIuPTR ", true], \"shape\": [%" PRIu32 ", %" PRIu32
            "], \"typestr\": \"<f4\", \"version\": 3}",
            (uintptr_t)rows, count, width);
    if (XGBoosterPredictFromDense(model->booster, array, config, NULL, &shape,
                &dimensions, predictions) != 0)
        return failed(err, "prediction");
    return 0;
}

static int grow(void *self, const struct boost_job *job, struct forest *forest,
        struct err *err)
{
    struct xgboost_model model;
    int status = xgboost_open(&model, job, err);

    (void)self;
    if (status != 0)
        return status;
    status = xgboost_forest(&model, job, forest, err);
    xgboost_close(&model);
    return status;
}

const struct booster xgboost_booster = {grow, NULL};
