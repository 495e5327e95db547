/* Which rows of the past a generation is trained on, and how much each counts:
 * two rings (payments.md, section 3.1). All rows of the last generations; and
 * of those before them, far longer, the informative ones: those whose action
 * was unlikely when it was chosen. Retention looks at the probability and
 * never at the reward, so that a regression stays consistent.
 *
 * Why: a concentrated log says little about the actions it avoided, and a
 * model that is fitted to it alone is worse than the one before. */
#ifndef POLICIES_MEMORY_H
#define POLICIES_MEMORY_H

#include "base/options.h"

#include <stdbool.h>

/* An alarm of drift is about what came before so many generations. */
#define MEMORY_FRESH 2u

struct memory_options {
    uint32_t recent; /* generations of which every row is kept */
    double informative; /* rows below this probability are kept longer */
    uint32_t generations; /* both rings together */
    double decay; /* weight of a row per generation of age */
    double decay_alarm; /* of all but the fresh, while drift is alarming */
};

/* The rows over a struct memory_options at `base` of another struct; names
 * begin with `prefix`. */
#define MEMORY_ROWS(prefix, base)                                              \
    {.name = prefix "recent",                                                  \
            .type = OPTION_COUNT,                                              \
            .offset = (base) + offsetof(struct memory_options, recent),        \
            .min = 1,                                                          \
            .max = 50,                                                         \
            .fallback = 10,                                                    \
            .sentence = "oracles trained in batches: generations of which "    \
                        "every event is learned"},                             \
            {.name = prefix "informative",                                     \
                    .type = OPTION_DOUBLE,                                     \
                    .offset = (base) +                                         \
                            offsetof(struct memory_options, informative),      \
                    .min = 0.0,                                                \
                    .max = 1.0,                                                \
                    .fallback = 0.3,                                           \
                    .sentence = "older events are learned if what was chosen " \
                                "had a probability below this"},               \
            {.name = prefix "generations",                                     \
                    .type = OPTION_COUNT,                                      \
                    .offset = (base) +                                         \
                            offsetof(struct memory_options, generations),      \
                    .min = 1,                                                  \
                    .max = 50,                                                 \
                    .fallback = 20,                                            \
                    .sentence = "generations of which any event is learned"},  \
            {.name = prefix "decay",                                           \
                    .type = OPTION_DOUBLE,                                     \
                    .offset = (base) + offsetof(struct memory_options, decay), \
                    .min = 0.1,                                                \
                    .max = 1.0,                                                \
                    .fallback = 0.9,                                           \
                    .sentence = "weight of an event for each generation of "   \
                                "its age"},                                    \
    {                                                                          \
        .name = prefix "decay_alarm", .type = OPTION_DOUBLE,                   \
        .offset = (base) + offsetof(struct memory_options, decay_alarm),       \
        .min = 0.1, .max = 1.0, .fallback = 0.6,                               \
        .sentence = "the same while drift is alarming, for "                   \
                    "events older than two generations"                        \
    }

extern const struct option_table memory_option_table;

/* The weight of a row that is `age` generations old (0: the last one) and whose
 * action had probability p when it was chosen; 0: it is not kept. */
double memory_weight(const struct memory_options *options, uint32_t age,
        double p, bool alarm);

#endif
