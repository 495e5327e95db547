/* A row of numbers for one action of a round, as trees see it: the dense
 * columns of the context and of the action, the place in the catalogue, named
 * features hashed into columns, and for each *category* two columns more: the
 * mean loss of its value in training, smoothed (a target encoding), and how
 * frequent the value was (its rank). The encodings belong to a model: they are
 * fitted on its training rows and frozen with it (payments.md, section 3.2).
 *
 * A category is a namespace of named features, `id` (the place in the
 * catalogue), or a product of them such as issuer*acquirer; each factor is
 * looked for on both sides. Named features of categories are not hashed. */
#ifndef POLICIES_COLUMNS_H
#define POLICIES_COLUMNS_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/types.h"

#define CATEGORIES_MAX       16u
#define CATEGORY_FACTORS_MAX 3u
/* The tag of the factor `id`: no namespace has 32 bits. */
#define CATEGORY_PLACE UINT32_MAX

struct category {
    uint32_t count; /* factors */
    uint32_t tag[CATEGORY_FACTORS_MAX]; /* feature_space, or CATEGORY_PLACE */
};

struct categories {
    uint32_t count;
    struct category list[CATEGORIES_MAX];
};

/* Reads "issuer mcc issuer*acquirer id"; `none` is none. INVALID names the
 * place. */
int categories_parse(struct categories *categories, struct bytes text,
        struct err *err) MUST_USE;

/* What training knew of one value of a category. */
struct category_value {
    uint64_t key;
    float encoding;
    float rank;
};

/* The values of all categories, those of category i at start[i] ..
 * start[i + 1], ascending by key. A value that is not there has the encoding
 * `mean` and rank -1. */
struct dictionary {
    float mean;
    uint32_t start[CATEGORIES_MAX + 1];
    const struct category_value *values;
};

/* How many numbers a row has. */
uint32_t columns_count(
        const struct shape *shape, const struct categories *categories);

/* What a decision needs to be read: `keys` holds, for each category, the sum of
 * its factors' hashes in the context. */
struct columns_reader {
    const struct shape *shape;
    const struct categories *categories;
    const struct context *context;
    const struct action_set *actions;
    uint64_t keys[CATEGORIES_MAX][CATEGORY_FACTORS_MAX];
};

void columns_open(struct columns_reader *reader, const struct shape *shape,
        const struct categories *categories, const struct context *context,
        const struct action_set *actions);

/* The values of every category for one action; a key of 0: it has none. */
void columns_keys(const struct columns_reader *reader, uint32_t index,
        uint64_t keys[CATEGORIES_MAX]);

/* Everything but the columns of categories. */
void columns_plain(
        const struct columns_reader *reader, uint32_t index, float *row);
/* Those: the last 2 * categories->count of a row. */
void columns_encode(const struct dictionary *dictionary,
        const struct categories *categories,
        const uint64_t keys[CATEGORIES_MAX], float *out);

#endif
