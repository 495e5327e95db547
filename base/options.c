#include "base/options.h"

#include "base/time.h"
#include "base/units.h"

#include <stdio.h>

/* ---- members of an options struct ---- */

static void *member(const struct option_row *row, void *options)
{
    return (char *)options + row->offset;
}

static const void *const_member(
        const struct option_row *row, const void *options)
{
    return (const char *)options + row->offset;
}

static void set_number(
        const struct option_row *row, void *options, double value)
{
    void *at = member(row, options);

    switch (row->type) {
    case OPTION_DOUBLE:
        memcpy(at, &value, sizeof(value));
        break;
    case OPTION_COUNT:
    case OPTION_CHOICE:
        memcpy(at, &(uint32_t){(uint32_t)value}, sizeof(uint32_t));
        break;
    case OPTION_FLAG:
        memcpy(at, &(bool){value != 0.0}, sizeof(bool));
        break;
    case OPTION_DURATION:
        memcpy(at, &(nanos){(nanos)value}, sizeof(nanos));
        break;
    case OPTION_SIZE:
        memcpy(at, &(uint64_t){(uint64_t)value}, sizeof(uint64_t));
        break;
    case OPTION_TEXT:
        CHECK_UNREACHABLE();
    }
}

static void set_default(const struct option_row *row, void *options)
{
    if (row->type == OPTION_TEXT) {
        struct bytes text = bytes_of_text(row->text);
        memcpy(member(row, options), &text, sizeof(text));
    } else {
        set_number(row, options, row->fallback);
    }
}

/* ---- reading one value ---- */

static bool parse_flag(struct bytes text, double *out)
{
    static const char *const words[] = {
            "false", "true", "no", "yes", "off", "on", "0", "1"};

    for (size_t i = 0; i < ARRAY_COUNT(words); i++)
        if (bytes_equal(text, bytes_of_text(words[i]))) {
            *out = (double)(i % 2);
            return true;
        }
    return false;
}

static bool parse_choice(
        const struct option_row *row, struct bytes text, double *out)
{
    for (size_t i = 0; row->choices[i] != NULL; i++)
        if (bytes_equal(text, bytes_of_text(row->choices[i]))) {
            *out = (double)i;
            return true;
        }
    return false;
}

/* The value as a number in the row's own unit; false if it is not one. */
static bool parse_number(
        const struct option_row *row, struct bytes text, double *out)
{
    uint64_t size = 0;
    nanos time = 0;
    bool good = false;

    switch (row->type) {
    case OPTION_DOUBLE:
        return number_parse(text, out);
    case OPTION_COUNT:
        good = number_parse(text, out);
        return good && *out >= 0 && *out <= UINT32_MAX &&
                *out == (double)(uint32_t)*out;
    case OPTION_FLAG:
        return parse_flag(text, out);
    case OPTION_CHOICE:
        return parse_choice(row, text, out);
    case OPTION_DURATION:
        good = duration_parse(text, &time);
        *out = (double)time;
        return good;
    case OPTION_SIZE:
        good = size_parse(text, &size);
        *out = (double)size;
        return good;
    case OPTION_TEXT:
        break;
    }
    CHECK_UNREACHABLE();
}

/* "one of a, b, c", "a duration such as 10m", "a number in 0..1" */
static void expectation(const struct option_row *row, char *out, size_t size)
{
    int used;

    switch (row->type) {
    case OPTION_DOUBLE:
        (void)snprintf(out, size, "a number in %g..%g", row->min, row->max);
        break;
    case OPTION_COUNT:
        (void)snprintf(
                out, size, "a whole number in %.0f..%.0f", row->min, row->max);
        break;
    case OPTION_FLAG:
        (void)snprintf(out, size, "true or false");
        break;
    case OPTION_CHOICE:
        used = snprintf(out, size, "one of");
        for (size_t i = 0;
                row->choices[i] != NULL && used > 0 && (size_t)used < size; i++)
            used += snprintf(out + used, size - (size_t)used, "%s %s",
                    i > 0 ? "," : "", row->choices[i]);
        break;
    case OPTION_DURATION:
        (void)snprintf(out, size, "a duration such as 250ms or 10m");
        break;
    case OPTION_SIZE:
        (void)snprintf(out, size, "a size such as 64MiB");
        break;
    case OPTION_TEXT:
        (void)snprintf(out, size, "a text");
        break;
    }
}

static bool in_bounds(const struct option_row *row, double number)
{
    if (row->type == OPTION_FLAG || row->type == OPTION_CHOICE)
        return true;
    return number >= row->min && number <= row->max;
}

static int take_value(const struct option_row *row, struct keyvalue *value,
        void *options, struct err *err)
{
    char expected[128], text[96];
    double number;

    value->used = true;
    if (row->type == OPTION_TEXT && (value->value.size > 0 || row->max > 0.0)) {
        memcpy(member(row, options), &value->value, sizeof(value->value));
        return 0;
    }
    if (row->type != OPTION_TEXT && parse_number(row, value->value, &number) &&
            in_bounds(row, number)) {
        set_number(row, options, number);
        return 0;
    }
    expectation(row, expected, sizeof(expected));
    return err_set(err, STATUS_INVALID, "%s: '%s' is not %s%s", row->name,
            bytes_text(value->value, text, sizeof(text)), expected,
            row->type == OPTION_DURATION || row->type == OPTION_SIZE
                    ? " within its bounds"
                    : "");
}

int options_parse(const struct option_table *table, struct keyvalue *values,
        size_t count, void *options, struct err *err)
{
    memset(options, 0, table->size);
    for (size_t i = 0; i < table->count; i++) {
        const struct option_row *row = &table->rows[i];
        struct bytes name = bytes_of_text(row->name);
        bool seen = false;
        set_default(row, options);
        for (size_t j = 0; j < count; j++) {
            if (!bytes_equal(values[j].key, name))
                continue;
            if (seen)
                return err_set(
                        err, STATUS_INVALID, "%s: is set twice", row->name);
            seen = true;
            if (take_value(row, &values[j], options, err) != 0)
                return STATUS_INVALID;
        }
    }
    return 0;
}

/* The shorter of two forms, if it reads back as the same number. */
static void print_double(double value, char *out, size_t size)
{
    double back;

    (void)snprintf(out, size, "%g", value);
    if (!number_parse(bytes_of_text(out), &back) || back != value)
        (void)snprintf(out, size, "%.17g", value);
}

void option_print(const struct option_row *row, const void *options, char *out,
        size_t size)
{
    const void *at = const_member(row, options);
    struct bytes text;
    double real;
    uint32_t count;
    uint64_t bytes;
    nanos time;
    bool flag;

    switch (row->type) {
    case OPTION_DOUBLE:
        memcpy(&real, at, sizeof(real));
        print_double(real, out, size);
        break;
    case OPTION_COUNT:
        memcpy(&count, at, sizeof(count));
        (void)snprintf(out, size, "%u", count);
        break;
    case OPTION_FLAG:
        memcpy(&flag, at, sizeof(flag));
        (void)snprintf(out, size, "%s", flag ? "true" : "false");
        break;
    case OPTION_CHOICE:
        memcpy(&count, at, sizeof(count));
        (void)snprintf(out, size, "%s", row->choices[count]);
        break;
    case OPTION_DURATION:
        memcpy(&time, at, sizeof(time));
        duration_print(time, out, size);
        break;
    case OPTION_SIZE:
        memcpy(&bytes, at, sizeof(bytes));
        size_print(bytes, out, size);
        break;
    case OPTION_TEXT:
        memcpy(&text, at, sizeof(text));
        (void)snprintf(
                out, size, "%.*s", (int)text.size, (const char *)text.data);
        break;
    }
}
