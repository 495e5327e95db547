/* Eight rows over three actions whose estimates were worked out by hand and by
 * an independent program. */
#ifndef TESTS_GOLDEN_LOG_H
#define TESTS_GOLDEN_LOG_H

#include "replay/ope.h"

#define GOLDEN_ROWS 8u

static const double golden_target[3] = {0.2, 0.5, 0.3};
static const double golden_model[3] = {0.5, 0.4, 0.6};
static const double golden_logged[3][3] = {
        {0.6, 0.3, 0.1}, {0.1, 0.6, 0.3}, {0.3, 0.1, 0.6}};

static inline struct ope_event golden_event(uint32_t i)
{
    static const uint32_t chosen[GOLDEN_ROWS] = {0, 1, 2, 1, 1, 0, 0, 1};
    static const double reward[GOLDEN_ROWS] = {1, 0, 1, 1, 0, 1, 0, 1};

    return (struct ope_event){
            .count = 3,
            .target = golden_target,
            .logged = golden_logged[i % 3],
            .model = golden_model,
            .chosen = chosen[i],
            .reward = reward[i],
    };
}

static inline struct ope_sums golden_sums(const struct ope_settings *settings)
{
    struct ope_sums sums = {0};

    for (uint32_t i = 0; i < GOLDEN_ROWS; i++) {
        struct ope_event event = golden_event(i);
        ope_add(&sums, settings, &event);
    }
    return sums;
}

#endif
