#include "policies/columns.h"

#include "base/hash.h"
#include "policies/features.h"

#include <math.h>

#define FLOAT_MAX 3e38

/* ---- which categories ---- */

static uint32_t tag_of_word(struct bytes word)
{
    return bytes_equal(word, bytes_of_text("id")) ? CATEGORY_PLACE
                                                  : feature_space_of_name(word);
}

static int parse_category(
        struct category *category, struct bytes word, struct err *err)
{
    char text[80];
    size_t start = 0;

    category->count = 0;
    for (size_t i = 0; i <= word.size; i++) {
        if (i < word.size && word.data[i] != '*')
            continue;
        if (i == start || category->count == CATEGORY_FACTORS_MAX)
            return err_set(err, STATUS_INVALID,
                    "categories: '%s' is not one to %u names joined by '*'",
                    bytes_text(word, text, sizeof(text)), CATEGORY_FACTORS_MAX);
        category->tag[category->count++] =
                tag_of_word(bytes_of(word.data + start, i - start));
        start = i + 1;
    }
    return 0;
}

int categories_parse(
        struct categories *categories, struct bytes text, struct err *err)
{
    size_t start = 0;

    categories->count = 0;
    if (bytes_equal(text, bytes_of_text("none")))
        return 0;
    for (size_t i = 0; i <= text.size; i++) {
        struct bytes word = bytes_of(text.data + start, i - start);
        if (i < text.size && text.data[i] != ' ')
            continue;
        start = i + 1;
        if (word.size == 0)
            continue;
        if (categories->count == CATEGORIES_MAX)
            return err_set(err, STATUS_INVALID, "categories: more than %u",
                    CATEGORIES_MAX);
        if (parse_category(&categories->list[categories->count], word, err) !=
                0)
            return STATUS_INVALID;
        categories->count++;
    }
    return 0;
}

static bool is_category(const struct categories *categories, uint32_t tag)
{
    for (uint32_t i = 0; i < categories->count; i++)
        for (uint32_t f = 0; f < categories->list[i].count; f++)
            if (categories->list[i].tag[f] == tag)
                return true;
    return false;
}

uint32_t columns_count(
        const struct shape *shape, const struct categories *categories)
{
    return shape->shared_dense + shape->action_dense + (shape->slots > 0) +
            shape->named_columns + 2 * categories->count;
}

/* ---- one decision ---- */

/* The value that features have of a namespace: a sum, so that their order does
 * not matter; 0 where there is none. */
static uint64_t key_of(const struct features *features, uint32_t tag)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < features->named_count; i++)
        if (features->named[i].value != 0.0 &&
                feature_space(features->named[i].hash) == tag)
            sum += features->named[i].hash;
    return sum;
}

void columns_open(struct columns_reader *reader, const struct shape *shape,
        const struct categories *categories, const struct context *context,
        const struct action_set *actions)
{
    reader->shape = shape;
    reader->categories = categories;
    reader->context = context;
    reader->actions = actions;
    for (uint32_t i = 0; i < categories->count; i++)
        for (uint32_t f = 0; f < categories->list[i].count; f++)
            reader->keys[i][f] = categories->list[i].tag[f] == CATEGORY_PLACE
                    ? 0
                    : key_of(&context->shared, categories->list[i].tag[f]);
}

static uint64_t factor_key(
        const struct columns_reader *reader, uint32_t tag, uint32_t index)
{
    const struct action_set *actions = reader->actions;

    if (tag == CATEGORY_PLACE)
        return actions->slot == NULL ? 0 : (uint64_t)actions->slot[index] + 1;
    return actions->features == NULL ? 0
                                     : key_of(&actions->features[index], tag);
}

void columns_keys(const struct columns_reader *reader, uint32_t index,
        uint64_t keys[CATEGORIES_MAX])
{
    for (uint32_t i = 0; i < reader->categories->count; i++) {
        const struct category *category = &reader->categories->list[i];
        uint64_t key = 0;
        bool all = true;
        for (uint32_t f = 0; f < category->count; f++) {
            uint64_t part = reader->keys[i][f] +
                    factor_key(reader, category->tag[f], index);
            all = all && part != 0;
            key = category->count == 1 ? part : hash_mix(key, part);
        }
        keys[i] = all ? key : 0;
    }
}

static float narrow(double value)
{
    return (float)(value > FLOAT_MAX     ? FLOAT_MAX
                    : value < -FLOAT_MAX ? -FLOAT_MAX
                                         : value);
}

static float *put_dense(
        const struct features *features, uint32_t count, float *row)
{
    for (uint32_t i = 0; i < count; i++)
        row[i] = i < features->dense_count ? narrow(features->dense[i]) : 0.0F;
    return row + count;
}

static void put_named(const struct columns_reader *reader,
        const struct features *features, float *row)
{
    uint32_t columns = reader->shape->named_columns;

    for (uint32_t i = 0; i < features->named_count; i++) {
        const struct feature *feature = &features->named[i];
        double sign = feature->hash >> 63 != 0 ? -1.0 : 1.0;
        uint32_t column = (uint32_t)(feature->hash % columns);
        if (!is_category(reader->categories, feature_space(feature->hash)))
            row[column] = narrow((double)row[column] + sign * feature->value);
    }
}

void columns_plain(
        const struct columns_reader *reader, uint32_t index, float *row)
{
    static const struct features nothing = {0};
    const struct shape *shape = reader->shape;
    const struct action_set *actions = reader->actions;
    const struct features *own =
            actions->features == NULL ? &nothing : &actions->features[index];

    row = put_dense(&reader->context->shared, shape->shared_dense, row);
    row = put_dense(own, shape->action_dense, row);
    if (shape->slots > 0)
        *row++ = actions->slot == NULL ? -1.0F : (float)actions->slot[index];
    if (shape->named_columns == 0)
        return;
    for (uint32_t i = 0; i < shape->named_columns; i++)
        row[i] = 0.0F;
    put_named(reader, &reader->context->shared, row);
    put_named(reader, own, row);
}

static const struct category_value *find(
        const struct dictionary *dictionary, uint32_t category, uint64_t key)
{
    uint32_t low = dictionary->start[category];
    uint32_t high = dictionary->start[category + 1];

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (dictionary->values[middle].key == key)
            return &dictionary->values[middle];
        if (dictionary->values[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

void columns_encode(const struct dictionary *dictionary,
        const struct categories *categories,
        const uint64_t keys[CATEGORIES_MAX], float *out)
{
    for (uint32_t i = 0; i < categories->count; i++) {
        const struct category_value *value =
                keys[i] == 0 ? NULL : find(dictionary, i, keys[i]);
        out[2 * i] = value == NULL ? dictionary->mean : value->encoding;
        out[2 * i + 1] = value == NULL ? -1.0F : value->rank;
    }
}
