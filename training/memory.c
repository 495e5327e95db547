#include "training/memory.h"

#include <math.h>

#define AT(member) offsetof(struct memory_options, member)

static const struct option_row rows[] = {
        {.name = "recent",
                .type = OPTION_COUNT,
                .offset = AT(recent),
                .min = 1,
                .max = 10,
                .fallback = 2,
                .sentence = "generations of which every row is trained on"},
        {.name = "informative",
                .type = OPTION_DOUBLE,
                .offset = AT(informative),
                .min = 0.0,
                .max = 1.0,
                .fallback = 0.3,
                .sentence = "older rows are trained on if their action had a "
                            "probability below this"},
        {.name = "generations",
                .type = OPTION_COUNT,
                .offset = AT(generations),
                .min = 1,
                .max = 50,
                .fallback = 20,
                .sentence = "generations that rows are kept for at all"},
        {.name = "decay",
                .type = OPTION_DOUBLE,
                .offset = AT(decay),
                .min = 0.1,
                .max = 1.0,
                .fallback = 0.9,
                .sentence = "weight of a row for each generation of its age"},
        {.name = "decay_alarm",
                .type = OPTION_DOUBLE,
                .offset = AT(decay_alarm),
                .min = 0.1,
                .max = 1.0,
                .fallback = 0.6,
                .sentence = "the same for informative rows, while a drift "
                            "alarm is on"},
};

const struct option_table memory_option_table = {
        rows, ARRAY_COUNT(rows), sizeof(struct memory_options)};

double memory_weight(const struct memory_options *options, uint32_t age,
        double p, bool alarm)
{
    if (age < options->recent)
        return pow(options->decay, age);
    if (age >= options->generations || !(p < options->informative))
        return 0.0;
    return pow(alarm ? options->decay_alarm : options->decay, age);
}
