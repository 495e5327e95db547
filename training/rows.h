/* Training rows in memory: lessons with all that they point to, reduced to the
 * action that each is about, which is all that a batch oracle is fitted on. */
#ifndef TRAINING_ROWS_H
#define TRAINING_ROWS_H

#include "base/err.h"
#include "base/types.h"

#include <stddef.h>

struct rows_chunk;

struct rows {
    struct lesson *list; /* [count] in the order they were added */
    size_t count, capacity;
    struct rows_chunk *chunks;
};

/* Cleared bytes are no rows. Copies the lesson and gives it `weight`. INTERNAL
 * without memory. */
int rows_add(struct rows *rows, const struct lesson *lesson, double weight,
        struct err *err) MUST_USE;
void rows_free(struct rows *rows);

#endif
