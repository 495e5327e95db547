#include "policies/memory.h"

#include <math.h>

static const struct option_row rows[] = {MEMORY_ROWS("", 0)};

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
