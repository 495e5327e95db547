/* Which rows of the past a generation is trained on, and how much each counts:
 * two rings (payments.md, section 3.1). All rows of the last generations; and
 * of those before them, far longer, the informative ones: those whose action
 * was unlikely when it was chosen. Retention looks at the probability and
 * never at the reward, so that a regression stays consistent.
 *
 * Why: a concentrated log says little about the actions it avoided, and a
 * model that is fitted to it alone is worse than the one before. */
#ifndef TRAINING_MEMORY_H
#define TRAINING_MEMORY_H

#include "base/options.h"

#include <stdbool.h>

struct memory_options {
    uint32_t recent; /* generations of which every row is kept */
    double informative; /* rows below this probability are kept longer */
    uint32_t generations; /* both rings together */
    double decay; /* weight of a row per generation of age */
    double decay_alarm; /* of the informative ring, while drift is alarming */
};

extern const struct option_table memory_option_table;

/* The weight of a row that is `age` generations old (0: the last one) and whose
 * action had probability p when it was chosen; 0: it is not kept. */
double memory_weight(const struct memory_options *options, uint32_t age,
        double p, bool alarm);

#endif
