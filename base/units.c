#include "base/units.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBER_TEXT_SIZE 64

struct unit {
    const char *name;
    double factor;
};

/* Largest first, so that printing finds the shortest exact form. */
static const struct unit durations[] = {
        {"w", 604800e9},
        {"d", 86400e9},
        {"h", 3600e9},
        {"m", 60e9},
        {"s", 1e9},
        {"ms", 1e6},
        {"us", 1e3},
        {"ns", 1},
};

static const struct unit sizes[] = {
        {"TiB", 1099511627776.0},
        {"TB", 1e12},
        {"GiB", 1073741824.0},
        {"GB", 1e9},
        {"MiB", 1048576.0},
        {"MB", 1e6},
        {"KiB", 1024.0},
        {"kB", 1e3},
        {"B", 1},
};

/* Reads a number at the start of the text; `rest` is what follows it. */
static bool number_start(struct bytes text, double *out, struct bytes *rest)
{
    char copy[NUMBER_TEXT_SIZE];
    char *end;

    if (text.size == 0 || text.size >= sizeof(copy))
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    /* strtod also takes spaces, signs of infinity and hexadecimal. */
    if (strchr("+-.0123456789", copy[0]) == NULL || strpbrk(copy, "xX") != NULL)
        return false;
    errno = 0;
    *out = strtod(copy, &end);
    if (end == copy || errno == ERANGE || !isfinite(*out))
        return false;
    *rest = bytes_of(
            text.data + (end - copy), text.size - (size_t)(end - copy));
    return true;
}

bool number_parse(struct bytes text, double *out)
{
    struct bytes rest;

    return number_start(text, out, &rest) && rest.size == 0;
}

static bool quantity_parse(struct bytes text, const struct unit *units,
        size_t unit_count, bool unit_needed, double *out)
{
    struct bytes rest;
    double number;

    if (!number_start(text, &number, &rest) || number < 0)
        return false;
    if (rest.size == 0) {
        *out = number;
        return number == 0 || !unit_needed;
    }
    for (size_t i = 0; i < unit_count; i++)
        if (bytes_equal(rest, bytes_of_text(units[i].name))) {
            *out = number * units[i].factor;
            return true;
        }
    return false;
}

static void quantity_print(uint64_t value, const struct unit *units,
        size_t unit_count, char *out, size_t size)
{
    for (size_t i = 0; i < unit_count && value > 0; i++) {
        uint64_t factor = (uint64_t)units[i].factor;
        if (value % factor == 0) {
            (void)snprintf(
                    out, size, "%" PRIu64 "%s", value / factor, units[i].name);
            return;
        }
    }
    (void)snprintf(out, size, "0");
}

bool duration_parse(struct bytes text, nanos *out)
{
    double value;

    if (!quantity_parse(
                text, durations, ARRAY_COUNT(durations), true, &value) ||
            value > 9e18)
        return false;
    *out = (nanos)llround(value);
    return true;
}

void duration_print(nanos value, char *out, size_t size)
{
    quantity_print(
            (uint64_t)value, durations, ARRAY_COUNT(durations), out, size);
}

bool size_parse(struct bytes text, uint64_t *out)
{
    double value;

    if (!quantity_parse(text, sizes, ARRAY_COUNT(sizes), false, &value) ||
            value > 9e18)
        return false;
    *out = (uint64_t)llround(value);
    return true;
}

void size_print(uint64_t value, char *out, size_t size)
{
    quantity_print(value, sizes, ARRAY_COUNT(sizes), out, size);
}
