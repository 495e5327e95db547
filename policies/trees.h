/* The oracle `trees`: gradient boosted trees over columns.h. It is trained in
 * batches only (training/fit_trees.c, by XGBoost, in a process of its own);
 * here are the options and the bytes of one model, which the two sides share.
 */
#ifndef POLICIES_TREES_H
#define POLICIES_TREES_H

#include "policies/columns.h"
#include "policies/forest.h"

enum { TREES_SQUARED, TREES_LOGISTIC };

struct trees_options {
    uint32_t loss;
    uint32_t trees, depth;
    double eta, subsample, columns_share, min_child;
    uint32_t bins;
    struct bytes categories;
    uint32_t values; /* of all categories together */
    double smoothing;
    uint32_t average; /* models */
};

/* One generation's model. What the pointers point to is the owner's. */
struct trees_model {
    uint32_t loss;
    uint32_t columns; /* of a row */
    uint32_t category_count;
    struct dictionary dictionary;
    struct forest forest;
};

void trees_model_save(const struct trees_model *model, struct writer *writer);

#endif
