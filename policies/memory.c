#include "policies/memory.h"

static const struct option_row rows[] = {MEMORY_ROWS("", 0)};

const struct option_table memory_option_table = {
        rows, ARRAY_COUNT(rows), sizeof(struct memory_options)};

/* By steps, so that it is the same everywhere. */
static double power(double base, uint32_t exponent)
{
    double product = 1.0;

    for (uint32_t i = 0; i < exponent; i++)
        product *= base;
    return product;
}

double memory_weight(const struct memory_options *options, uint32_t age,
        double p, bool alarm)
{
    bool recent = age < options->recent;

    if (age >= options->generations || !(recent || p < options->informative))
        return 0.0;
    return power(alarm && (!recent || age >= MEMORY_FRESH)
                    ? options->decay_alarm
                    : options->decay,
            age);
}
