/* Gradient boosted trees, trained in batches (policies/trees.h). Serving walks
 * flat arrays; what is learned between two generations is only counted, for the
 * trainer. The predictions of the last models are averaged: logistic ones by
 * their log odds (payments.md, section 3.1).
 *
 * Without a model every action looks free of loss, so that an explorer over it
 * is uniform: generation 0. */
#include "policies/committee.h"
#include "policies/layout.h"
#include "policies/oracle.h"
#include "policies/trees.h"

#include <math.h>

struct trees {
    struct committee_head head; /* the first member */
    const struct trees_options *options;
    const struct shape *shape;
    struct categories categories;
    uint32_t columns;
    uint32_t node_max; /* of a model */
    struct trees_model model[COMMITTEE_MAX];
    /* then the arrays of each model */
};
_Static_assert(offsetof(struct trees, head) == 0, "as committee.h wants it");

static const char *const loss_choices[] = {"squared", "logistic", NULL};

#define AT(member) offsetof(struct trees_options, member)

static const struct option_row trees_rows[] = {
        {.name = "loss",
                .type = OPTION_CHOICE,
                .offset = AT(loss),
                .choices = loss_choices,
                .fallback = TREES_LOGISTIC,
                .sentence = "squared, or logistic for losses that are 0 or 1 "
                            "or a probability"},
        {.name = "trees",
                .type = OPTION_COUNT,
                .offset = AT(trees),
                .min = 1,
                .max = FOREST_TREES_MAX,
                .fallback = 60,
                .sentence = "trees of a model"},
        {.name = "depth",
                .type = OPTION_COUNT,
                .offset = AT(depth),
                .min = 1,
                .max = FOREST_DEPTH_MAX,
                .fallback = 5,
                .sentence = "splits from the root of a tree to a leaf"},
        {.name = "eta",
                .type = OPTION_DOUBLE,
                .offset = AT(eta),
                .min = 1e-4,
                .max = 1.0,
                .fallback = 0.2,
                .sentence = "how much of each tree is added"},
        {.name = "subsample",
                .type = OPTION_DOUBLE,
                .offset = AT(subsample),
                .min = 0.01,
                .max = 1.0,
                .fallback = 0.8,
                .sentence = "share of the rows that each tree is grown on"},
        {.name = "columns_share",
                .type = OPTION_DOUBLE,
                .offset = AT(columns_share),
                .min = 0.01,
                .max = 1.0,
                .fallback = 0.8,
                .sentence = "share of the columns that each tree may use"},
        {.name = "min_child",
                .type = OPTION_DOUBLE,
                .offset = AT(min_child),
                .min = 0.0,
                .max = 1e6,
                .fallback = 5.0,
                .sentence = "least sum of second derivatives in a leaf"},
        {.name = "bins",
                .type = OPTION_COUNT,
                .offset = AT(bins),
                .min = 2,
                .max = 1024,
                .fallback = 64,
                .sentence = "histogram bins of a column"},
        {.name = "categories",
                .type = OPTION_TEXT,
                .offset = AT(categories),
                .text = "id",
                .sentence = "namespaces of named features that are "
                            "categories, or id (the action's place in the "
                            "catalogue), or products such as issuer*id: each "
                            "is target encoded; none: no categories"},
        {.name = "values",
                .type = OPTION_COUNT,
                .offset = AT(values),
                .min = 1,
                .max = 1000000,
                .fallback = 4096,
                .sentence = "values that all categories of a model have "
                            "together; the rarest are left out"},
        {.name = "smoothing",
                .type = OPTION_DOUBLE,
                .offset = AT(smoothing),
                .min = 0.0,
                .max = 1e6,
                .fallback = 20.0,
                .sentence = "rows of the overall mean that a target encoding "
                            "starts with"},
        {.name = "average",
                .type = OPTION_COUNT,
                .offset = AT(average),
                .min = 1,
                .max = COMMITTEE_MAX,
                .fallback = 3,
                .sentence = "models of the last generations that are "
                            "averaged"},
};

static const struct trees_options *options_of(const struct oracle_spec *spec)
{
    return spec->options;
}

/* ---- memory ---- */

static uint32_t node_max(const struct trees_options *options)
{
    return options->trees * ((UINT32_C(1) << (options->depth + 1)) - 1);
}

static size_t model_bytes(const struct trees_options *options)
{
    size_t nodes = node_max(options);

    return layout_rounded(options->trees * sizeof(struct forest_tree)) +
            layout_rounded(nodes * sizeof(struct forest_node)) +
            layout_rounded(nodes * sizeof(float)) +
            layout_rounded(options->values * sizeof(struct category_value));
}

static size_t trees_footprint(const struct oracle_spec *spec,
        const struct shape *shape, struct err *err)
{
    const struct trees_options *options = options_of(spec);
    struct categories categories;

    if (categories_parse(&categories, options->categories, err) != 0)
        return 0;
    if (columns_count(shape, &categories) == 0 ||
            columns_count(shape, &categories) > UINT16_MAX) {
        (void)err_set(err, STATUS_INVALID,
                "trees: %u columns, of 1 to %u that there can be",
                columns_count(shape, &categories), UINT16_MAX);
        return 0;
    }
    return layout_rounded(sizeof(struct trees)) +
            options->average * model_bytes(options);
}

static size_t trees_scratch(
        const struct oracle_spec *spec, const struct shape *shape)
{
    struct categories categories;

    CHECK_ZERO(
            categories_parse(&categories, options_of(spec)->categories, NULL));
    return FOREST_LANES * columns_count(shape, &categories) * sizeof(float) +
            2 * LAYOUT_ALIGN;
}

static void trees_init(
        void *block, const struct oracle_spec *spec, const struct shape *shape)
{
    struct trees *self = block;
    unsigned char *at = (unsigned char *)block + layout_rounded(sizeof(*self));

    self->options = options_of(spec);
    self->shape = shape;
    CHECK_ZERO(categories_parse(
            &self->categories, self->options->categories, NULL));
    self->columns = columns_count(shape, &self->categories);
    self->node_max = node_max(self->options);
    for (uint32_t i = 0; i < self->options->average; i++) {
        struct forest *forest = &self->model[i].forest;
        forest->trees =
                layout_take(&at, self->options->trees * sizeof(*forest->trees));
        forest->nodes =
                layout_take(&at, self->node_max * sizeof(*forest->nodes));
        forest->leaves =
                layout_take(&at, self->node_max * sizeof(*forest->leaves));
        self->model[i].dictionary.values = layout_take(
                &at, self->options->values * sizeof(struct category_value));
    }
}

/* ---- predicting ---- */

/* Rows of up to FOREST_LANES actions at a time. */
static void predict_lanes(const struct trees *self,
        const struct columns_reader *reader, uint32_t first, uint32_t count,
        float *rows, double *losses)
{
    uint64_t keys[FOREST_LANES][CATEGORIES_MAX];
    uint32_t encoded = self->columns - 2 * self->categories.count;
    double sums[FOREST_LANES];

    for (uint32_t i = 0; i < count; i++) {
        columns_plain(reader, first + i, rows + (size_t)i * self->columns);
        columns_keys(reader, first + i, keys[i]);
        losses[first + i] = 0.0;
    }
    for (uint32_t m = 0; m < self->head.count; m++) {
        for (uint32_t i = 0; i < count; i++)
            columns_encode(&self->model[m].dictionary, &self->categories,
                    keys[i], rows + (size_t)i * self->columns + encoded);
        forest_sum(&self->model[m].forest, rows, self->columns, count, sums);
        for (uint32_t i = 0; i < count; i++)
            losses[first + i] += self->options->loss == TREES_LOGISTIC
                    ? committee_margin(sums[i])
                    : sums[i];
    }
}

static void trees_predict(const void *block, const struct context *context,
        const struct action_set *actions, struct arena *scratch, double *losses)
{
    const struct trees *self = block;
    float *rows =
            arena_array(scratch, float, (size_t)FOREST_LANES * self->columns);
    struct columns_reader reader;

    CHECK(rows != NULL);
    columns_open(&reader, self->shape, &self->categories, context, actions);
    for (uint32_t i = 0; i < actions->count; i += FOREST_LANES) {
        uint32_t left = actions->count - i;
        predict_lanes(self, &reader, i,
                left < FOREST_LANES ? left : FOREST_LANES, rows, losses);
    }
    committee_average(&self->head, self->options->loss == TREES_LOGISTIC,
            losses, actions->count);
}

/* ---- bytes ---- */

void trees_model_save(const struct trees_model *model, struct writer *writer)
{
    const struct dictionary *dictionary = &model->dictionary;

    write_u8(writer, (uint8_t)model->loss);
    write_u32(writer, model->columns);
    write_u8(writer, (uint8_t)model->category_count);
    write_f32(writer, dictionary->mean);
    for (uint32_t i = 0; i < model->category_count; i++)
        write_u32(writer, dictionary->start[i + 1] - dictionary->start[i]);
    for (uint32_t i = 0; i < dictionary->start[model->category_count]; i++) {
        write_u64(writer, dictionary->values[i].key);
        write_f32(writer, dictionary->values[i].encoding);
        write_f32(writer, dictionary->values[i].rank);
    }
    forest_save(&model->forest, writer);
}

/* The array behind a dictionary, which is this state's own. */
static struct category_value *values_of(struct trees *self, uint32_t model)
{
    unsigned char *at = (unsigned char *)self->model[model].forest.leaves;

    return (void *)(at + layout_rounded(self->node_max * sizeof(float)));
}

static bool load_counts(struct trees *self, struct dictionary *dictionary,
        struct reader *reader)
{
    dictionary->start[0] = 0;
    for (uint32_t i = 0; i < self->categories.count; i++) {
        uint32_t count = read_u32(reader);
        if (reader->failed ||
                count > self->options->values - dictionary->start[i])
            return false;
        dictionary->start[i + 1] = dictionary->start[i] + count;
    }
    return true;
}

static bool load_dictionary(
        struct trees *self, uint32_t model, struct reader *reader)
{
    struct dictionary *dictionary = &self->model[model].dictionary;
    struct category_value *values = values_of(self, model);

    dictionary->mean = read_f32(reader);
    if (!load_counts(self, dictionary, reader) || !isfinite(dictionary->mean))
        return false;
    for (uint32_t c = 0; c < self->categories.count; c++)
        for (uint32_t i = dictionary->start[c]; i < dictionary->start[c + 1];
                i++) {
            values[i].key = read_u64(reader);
            values[i].encoding = read_f32(reader);
            values[i].rank = read_f32(reader);
            if (values[i].key == 0 || !isfinite(values[i].encoding) ||
                    !isfinite(values[i].rank) ||
                    (i > dictionary->start[c] &&
                            values[i - 1].key >= values[i].key))
                return false;
        }
    return !reader->failed;
}

static int load_model(
        void *block, uint32_t place, struct bytes bytes, struct err *err)
{
    struct trees *self = block;
    struct trees_model *model = &self->model[place];
    struct forest_limits limits = {
            self->options->trees, self->node_max, self->columns};
    struct reader reader = reader_of(bytes);

    model->loss = read_u8(&reader);
    model->columns = read_u32(&reader);
    model->category_count = read_u8(&reader);
    if (reader.failed || model->loss != self->options->loss ||
            model->columns != self->columns ||
            model->category_count != self->categories.count)
        return err_set(err, STATUS_CORRUPT,
                "trees: the model is of another loss, columns or categories");
    if (!load_dictionary(self, place, &reader))
        return err_set(err, STATUS_CORRUPT, "trees: the model is damaged");
    if (forest_load(&model->forest, &limits, &reader, err) != 0)
        return STATUS_CORRUPT;
    if (!reader_done(&reader))
        return err_set(err, STATUS_CORRUPT, "trees: bytes after the model");
    return 0;
}

static void save_model(const void *block, uint32_t place, struct writer *writer)
{
    const struct trees *self = block;

    trees_model_save(&self->model[place], writer);
}

static void trees_save(const void *block, struct writer *writer)
{
    const struct trees *self = block;

    committee_save_all(&self->head, save_model, self, writer);
}

static int trees_load(void *block, struct reader *reader, struct err *err)
{
    struct trees *self = block;

    return committee_load_all(
            &self->head, self->options->average, load_model, self, reader, err);
}

static bool trees_check(const void *block)
{
    const struct trees *self = block;

    if (!committee_sound(&self->head, self->options->average))
        return false;
    for (uint32_t i = 0; i < self->head.count; i++) {
        struct forest forest = self->model[i].forest;
        if (forest.tree_count > self->options->trees ||
                forest.node_count > self->node_max)
            return false;
    }
    return true;
}

static void trees_visit(const void *block, const struct visitor *visitor)
{
    const struct trees *self = block;

    visitor->number(visitor->self, "trees_models", -1, self->head.count);
    visitor->number(visitor->self, "trees_waiting_lessons", -1,
            (double)self->head.lessons);
}

const struct oracle oracle_trees = {
        .name = "trees",
        .state_version = 1,
        .options = {trees_rows, ARRAY_COUNT(trees_rows),
                sizeof(struct trees_options)},
        .batch = true,
        .footprint = trees_footprint,
        .scratch = trees_scratch,
        .init = trees_init,
        .predict = trees_predict,
        .untrained = committee_untrained,
        .learn = committee_learn,
        .effective = committee_effective,
        .save = trees_save,
        .load = trees_load,
        .check = trees_check,
        .visit = trees_visit,
};
