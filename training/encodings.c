#include "training/encodings.h"

#include <stdlib.h>

/* What is known of one value: sums of each fold. */
struct tally {
    uint64_t key;
    uint32_t category;
    float rank;
    double total;
    double weight[ENCODING_FOLDS];
    double loss[ENCODING_FOLDS]; /* weighted */
};

struct work {
    const struct encoding_rows *rows;
    double smoothing;
    struct tally *tallies; /* ascending by category and key */
    uint32_t count;
    double weight[ENCODING_FOLDS], loss[ENCODING_FOLDS]; /* of all rows */
};

static int by_key(const void *a, const void *b)
{
    const struct tally *x = a, *y = b;

    if (x->category != y->category)
        return x->category < y->category ? -1 : 1;
    return (x->key > y->key) - (x->key < y->key);
}

static int by_weight(const void *a, const void *b)
{
    const struct tally *x = a, *y = b;

    if (x->total != y->total)
        return x->total > y->total ? -1 : 1;
    return by_key(a, b);
}

/* One tally for each row and category, sorted and merged. */
static void gather(struct work *work)
{
    const struct encoding_rows *rows = work->rows;
    uint32_t count = 0, merged = 0;

    for (uint32_t i = 0; i < rows->count; i++) {
        uint32_t fold = encoding_fold(i);
        double weight = (double)rows->weights[i];
        double loss = weight * (double)rows->labels[i];
        work->weight[fold] += weight;
        work->loss[fold] += loss;
        for (uint32_t c = 0; c < rows->categories; c++) {
            uint64_t key = rows->keys[(size_t)i * rows->categories + c];
            struct tally *tally = &work->tallies[count];
            if (key == 0)
                continue;
            memset(tally, 0, sizeof(*tally));
            tally->key = key;
            tally->category = c;
            tally->weight[fold] = tally->total = weight;
            tally->loss[fold] = loss;
            count++;
        }
    }
    qsort(work->tallies, count, sizeof(*work->tallies), by_key);
    for (uint32_t i = 0; i < count; i++) {
        struct tally *last = &work->tallies[merged > 0 ? merged - 1 : 0];
        const struct tally *next = &work->tallies[i];
        if (merged == 0 || by_key(last, next) != 0) {
            work->tallies[merged++] = *next;
            continue;
        }
        last->total += next->total;
        for (uint32_t f = 0; f < ENCODING_FOLDS; f++) {
            last->weight[f] += next->weight[f];
            last->loss[f] += next->loss[f];
        }
    }
    work->count = merged;
}

/* Ranks within a category by weight, and only the heaviest `most` stay. */
static void rank(struct work *work, uint32_t most)
{
    uint32_t next[CATEGORIES_MAX] = {0};

    qsort(work->tallies, work->count, sizeof(*work->tallies), by_weight);
    for (uint32_t i = 0; i < work->count; i++)
        work->tallies[i].rank = (float)next[work->tallies[i].category]++;
    if (work->count > most)
        work->count = most;
    qsort(work->tallies, work->count, sizeof(*work->tallies), by_key);
}

/* The sum over all folds but one; `without` = ENCODING_FOLDS: over all. */
static double sum_without(const double *sums, uint32_t without)
{
    double sum = 0.0;

    for (uint32_t f = 0; f < ENCODING_FOLDS; f++)
        if (f != without)
            sum += sums[f];
    return sum;
}

static double mean_without(const struct work *work, uint32_t without)
{
    double weight = sum_without(work->weight, without);

    return weight > 0.0 ? sum_without(work->loss, without) / weight : 0.5;
}

/* (sum w y + s mean) / (sum w + s) */
static float encode(
        const struct work *work, const struct tally *tally, uint32_t without)
{
    double mean = mean_without(work, without);
    double weight = sum_without(tally->weight, without) + work->smoothing;

    if (!(weight > 0.0))
        return (float)mean;
    return (float)((sum_without(tally->loss, without) +
                           work->smoothing * mean) /
            weight);
}

static void fill_dictionary(const struct work *work, struct encodings *out)
{
    struct dictionary *dictionary = &out->dictionary;
    uint32_t c = 0;

    dictionary->mean = (float)mean_without(work, ENCODING_FOLDS);
    dictionary->values = out->values;
    for (uint32_t i = 0; i < work->count; i++) {
        const struct tally *tally = &work->tallies[i];
        while (c <= tally->category)
            dictionary->start[c++] = i;
        out->values[i] = (struct category_value){
                tally->key, encode(work, tally, ENCODING_FOLDS), tally->rank};
    }
    while (c <= work->rows->categories)
        dictionary->start[c++] = work->count;
}

static void fill_columns(const struct work *work, struct encodings *out)
{
    const struct encoding_rows *rows = work->rows;
    float *column = out->columns;

    for (uint32_t i = 0; i < rows->count; i++)
        for (uint32_t c = 0; c < rows->categories; c++, column += 2) {
            struct tally wanted = {
                    .key = rows->keys[(size_t)i * rows->categories + c],
                    .category = c};
            const struct tally *found = wanted.key == 0
                    ? NULL
                    : bsearch(&wanted, work->tallies, work->count,
                              sizeof(wanted), by_key);
            uint32_t fold = encoding_fold(i);
            column[0] = found == NULL ? (float)mean_without(work, fold)
                                      : encode(work, found, fold);
            column[1] = found == NULL ? -1.0F : found->rank;
        }
}

int encodings_fit(struct encodings *encodings, const struct encoding_rows *rows,
        const struct trees_options *options, struct err *err)
{
    struct work work = {.rows = rows, .smoothing = options->smoothing};
    size_t cells = (size_t)rows->count * rows->categories;

    memset(encodings, 0, sizeof(*encodings));
    work.tallies = calloc(cells + 1, sizeof(*work.tallies));
    if (work.tallies != NULL) {
        gather(&work);
        rank(&work, options->values);
        encodings->values =
                calloc((size_t)work.count + 1, sizeof(*encodings->values));
        encodings->columns = calloc(2 * cells + 1, sizeof(float));
    }
    if (work.tallies == NULL || encodings->values == NULL ||
            encodings->columns == NULL) {
        free(work.tallies);
        encodings_free(encodings);
        return err_set(err, STATUS_INTERNAL, "training: no memory");
    }
    fill_dictionary(&work, encodings);
    fill_columns(&work, encodings);
    free(work.tallies);
    return 0;
}

void encodings_free(struct encodings *encodings)
{
    free(encodings->values);
    free(encodings->columns);
    memset(encodings, 0, sizeof(*encodings));
}
