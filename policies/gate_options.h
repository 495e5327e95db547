/* What may be set of a gate (replay/gate.h): a struct that a problem's settings
 * hold too, and its rows. */
#ifndef POLICIES_GATE_OPTIONS_H
#define POLICIES_GATE_OPTIONS_H

#include "base/options.h"

#include <stdbool.h>

struct gate_options {
    bool veto;
    bool strict;
    double alpha; /* of all vetoes together */
    double margin; /* tau, on the scale of rewards */
    double held_out; /* share of events that no model is trained on yet */
    uint32_t held_for; /* generations; then they are */
    uint32_t blocks; /* in a row, before mixing */
    double mixing; /* share of the challenger then */
};

/* The rows over a struct gate_options at `base` of another struct, of the veto
 * and of what refusals lead to; names begin with `prefix`. */
#define GATE_VETO_ROWS(prefix, base)                                                        \
    {.name = prefix "veto",                                                                 \
            .type = OPTION_FLAG,                                                            \
            .offset = (base) + offsetof(struct gate_options, veto),                         \
            .fallback = 1,                                                                  \
            .sentence = "a candidate is compared with what serves on "                      \
                        "logged events that it was not trained on"},                        \
            {.name = prefix "strict",                                                       \
                    .type = OPTION_FLAG,                                                    \
                    .offset = (base) + offsetof(struct gate_options, strict),               \
                    .sentence =                                                             \
                            "it must be shown there not to be worse than the "              \
                            "margin, which takes very many events"},                        \
            {.name = prefix "alpha",                                                        \
                    .type = OPTION_DOUBLE,                                                  \
                    .offset = (base) + offsetof(struct gate_options, alpha),                \
                    .min = 1e-6,                                                            \
                    .max = 0.5,                                                             \
                    .fallback = 0.05,                                                       \
                    .sentence = "probability of a wrong verdict, all of them "              \
                                "together"},                                                \
            {.name = prefix "margin",                                                       \
                    .type = OPTION_DOUBLE,                                                  \
                    .offset = (base) + offsetof(struct gate_options, margin),               \
                    .min = 0.0,                                                             \
                    .max = 1.0,                                                             \
                    .fallback = 0.001,                                                      \
                    .sentence =                                                             \
                            "how much worse counts as not worse, as a share "               \
                            "of the reward's range"},                                       \
            {.name = prefix "held_out",                                                     \
                    .type = OPTION_DOUBLE,                                                  \
                    .offset =                                                               \
                            (base) + offsetof(struct gate_options, held_out),               \
                    .min = 0.0,                                                             \
                    .max = 0.9,                                                             \
                    .fallback = 0.2,                                                        \
                    .sentence =                                                             \
                            "share of events that no model is trained on for a while"},     \
    {                                                                                       \
        .name = prefix "held_for", .type = OPTION_COUNT,                                    \
        .offset = (base) + offsetof(struct gate_options, held_for), .min = 1,               \
        .max = 50, .fallback = 2,                                                           \
        .sentence =                                                                         \
                "generations that they are held out for; then they are learned like others" \
    }

#define GATE_REFUSAL_ROWS(prefix, base)                                        \
    {.name = prefix "blocks",                                                  \
            .type = OPTION_COUNT,                                              \
            .offset = (base) + offsetof(struct gate_options, blocks),          \
            .min = 1,                                                          \
            .max = 1000,                                                       \
            .fallback = 3,                                                     \
            .sentence = "candidates refused in a row before the next is "      \
                        "mixed in"},                                           \
    {                                                                          \
        .name = prefix "mixing", .type = OPTION_DOUBLE,                        \
        .offset = (base) + offsetof(struct gate_options, mixing), .min = 0.0,  \
        .max = 0.999, .fallback = 0.3,                                         \
        .sentence = "share of the decisions that it has then; 0: none is"      \
    }

#endif
