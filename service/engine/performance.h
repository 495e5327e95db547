/* How well the predictions of what serves hold, for a training that is started
 * when they do not any more (retrain.when: performance).
 *
 * The error of an outcome is the square of predicted less seen loss, both in
 * 0..1, before the policy learns it. The first PERFORMANCE_REFERENCE outcomes
 * since it began to serve are its reference: events that it had not seen. After
 * them blocks of PERFORMANCE_BLOCK follow, of which the last whole one counts.
 * The loss has left its band when that is above what is known by more than two
 * standard errors of the difference. What is known are the references of all
 * generations: of one that is better beyond chance that alone, and not of one
 * that is worse beyond chance, which would otherwise be measured by itself from
 * its first day. So in a world that has become noisier trainings go on as their
 * schedule says. A fold of the outcomes. */
#ifndef ENGINE_PERFORMANCE_H
#define ENGINE_PERFORMANCE_H

#include "base/bytes.h"

#include <stdbool.h>

#define PERFORMANCE_REFERENCE 2000u
#define PERFORMANCE_BLOCK     500u
/* What is known weighs as many rows at most, so that it follows the world. */
#define PERFORMANCE_KNOWN 16000u

/* Errors so far. */
struct performance_sum {
    uint64_t rows;
    double sum, squares;
};

struct performance {
    struct performance_sum reference, block, last; /* last: rows 0: none yet */
    struct performance_sum known; /* of those before; rows 0: nothing yet */
};

/* How it stands. Not known: too little yet. */
struct performance_view {
    bool known, left;
    double reference, recent; /* mean errors */
    double error; /* standard, of their difference */
};

/* Losses in 0..1; NAN as prediction is not counted. */
void performance_add(
        struct performance *performance, double predicted, double loss);
/* Another generation serves; what the last ones held stays known. */
void performance_restart(struct performance *performance);
struct performance_view performance_view(const struct performance *performance);

void performance_save(
        const struct performance *performance, struct writer *writer);
/* False if the numbers cannot be. */
bool performance_load(struct performance *performance, struct reader *reader);

#endif
