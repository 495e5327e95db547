/* Who grows trees: XGBoost, in this process (training/xgboost/booster.h, which
 * only rue-train links) or in a child (training/child.h). Rows are in, a flat
 * forest comes out. */
#ifndef TRAINING_BOOSTER_H
#define TRAINING_BOOSTER_H

#include "base/err.h"
#include "policies/trees.h"

#include <stddef.h>

struct boost_job {
    const struct trees_options *options;
    const float *rows; /* [count * columns], row by row, finite */
    const float *labels; /* [count] losses on [0,1] */
    const float *weights; /* [count] mean 1 */
    uint32_t count;
    uint32_t columns;
    float base; /* the prediction before any tree, within (0,1) */
    uint64_t seed;
};

struct booster {
    /* Grows a forest into arrays from malloc (forest_release); its trees obey
     * forest_sound. Blocks until it is done. */
    int (*grow)(void *self, const struct boost_job *job, struct forest *forest,
            struct err *err);
    void *self;
};

void forest_release(struct forest *forest);

#endif
