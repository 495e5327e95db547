/* Options of a policy's parts: each part lists rows, one generic parser fills
 * the part's options struct from key/value text, checks bounds and prints.
 * So no oracle, explorer or learner parses text. The settings of a problem
 * and of the service are rows of the same kind. */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include "base/bytes.h"
#include "base/err.h"

enum option_type {
    OPTION_DOUBLE, /* double */
    OPTION_COUNT, /* uint32_t */
    OPTION_FLAG, /* bool: true|false, yes|no, on|off */
    OPTION_CHOICE, /* uint32_t: index into `choices` */
    OPTION_DURATION, /* nanos, written as 10m or 250ms (base/units.h) */
    OPTION_SIZE, /* uint64_t bytes, written as 64MiB */
    OPTION_TEXT, /* struct bytes: a view of the value given; the default
                    is `text` */
};

struct option_row {
    const char *name;
    enum option_type type;
    size_t offset; /* of the member in the options struct */
    double min, max, fallback; /* fallback = the default; a flag's 0 or 1;
                                  of an OPTION_TEXT, max 1: it may be given
                                  empty */
    const char *const *choices; /* NULL-terminated, for OPTION_CHOICE */
    const char *text; /* default of an OPTION_TEXT */
    const char *sentence;
};

/* A row table: what the generic functions need to know of a part. */
struct option_table {
    const struct option_row *rows;
    size_t count;
    size_t size; /* of the options struct */
};

/* One setting as written in the config: `key: value`. `used` is set by
 * options_parse when a part takes it, so that leftovers can be refused. */
struct keyvalue {
    struct bytes key;
    struct bytes value;
    uint32_t line; /* for messages; 0 = unknown */
    bool used;
};

/* Fills `options` (options_table->size bytes, cleared first) with defaults
 * and then with the values that `values` has for its rows. A value that is
 * not of the type or out of bounds is INVALID; the message names the key, the
 * value and the bounds. */
int options_parse(const struct option_table *table, struct keyvalue *values,
        size_t count, void *options, struct err *err) MUST_USE;

/* The row's current value as text ("0.5", "true", "shared"). */
void option_print(const struct option_row *row, const void *options, char *out,
        size_t size);

#endif
