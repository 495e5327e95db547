/* Target encodings of categories, fitted without leaking: a training row is
 * encoded by rows of other folds only, and what serves is fitted on all rows
 * (payments.md, section 3.2). */
#ifndef TRAINING_ENCODINGS_H
#define TRAINING_ENCODINGS_H

#include "policies/columns.h"
#include "policies/trees.h"

#include <stddef.h>

#define ENCODING_FOLDS 5u

struct encoding_rows {
    const uint64_t *keys; /* [count * categories] 0: the row has none */
    const float *labels; /* [count] */
    const float *weights; /* [count] */
    uint32_t count;
    uint32_t categories;
};

struct encodings {
    struct dictionary dictionary; /* what serves */
    struct category_value *values; /* behind it; from malloc */
    float *columns; /* [count * 2 * categories] of the rows; from malloc */
};

/* The fold of a row, by its place. */
static inline uint32_t encoding_fold(uint32_t row)
{
    return (uint32_t)(((uint64_t)row * UINT64_C(2654435761)) >> 8) %
            ENCODING_FOLDS;
}

/* At most options->values values over all categories, the heaviest. INTERNAL
 * without memory. */
int encodings_fit(struct encodings *encodings, const struct encoding_rows *rows,
        const struct trees_options *options, struct err *err) MUST_USE;
void encodings_free(struct encodings *encodings);

#endif
