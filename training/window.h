/* How much of the past a training needs: the variance-stopping window
 * (drift.md, section 7; a form of its own of the idea of Tornquist et al. 2023,
 * arXiv 2309.15207, whose algorithm is not public).
 *
 * The outcomes, sorted backwards in time, are cut into segments of
 * s = max(500, n/64) rows. B(W) is the variance between the segments' means
 * over the newest W rows, less what chance alone would give (the mean variance
 * within a segment over s), at least 0. The window is the smallest W with B(W)
 * >= 0.95 B(n): what is older adds no further variety. Where B(n) is not
 * significant (its ratio to chance below 1 + 3 sqrt(2/(segments - 1))) the
 * stream counts as stationary, and the floor alone holds. */
#ifndef TRAINING_WINDOW_H
#define TRAINING_WINDOW_H

#include "training/examples.h"

#define WINDOW_SEGMENT_MIN 500u
#define WINDOW_SEGMENTS    64u
/* Rows per action that are always learned. */
#define WINDOW_PER_ACTION 200u

struct window {
    size_t rows; /* the newest that are to be learned */
    size_t segments;
    double ratio; /* of the variance between segments to that of chance; 0: too
                     few segments */
    bool stationary;
};

/* Of the examples in the order of the log; at least `floor` of them, where
 * there are as many. */
struct window window_of(const struct example *list, size_t count, size_t floor);

#endif
