/* Options as `key: value` lines for every table of rows there is, and each
 * value as a duration, a size and a number. Whatever the text is: a value that
 * is taken is within its row's bounds, and what is printed of it is read back
 * as the same. */
#include "base/units.h"
#include "config/settings.h"
#include "policies/registry.h"
#include "tests/fuzz/common.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>

const uint32_t fuzz_mutations = 20000;

#define LINES_MAX    16u
#define BLOCK_WORDS  64u
#define TEXT_MAX     512u
#define PRINTED_SIZE (TEXT_MAX + 1)
#define ROWS_MAX     128u

/* ---- single values ---- */

static void check_units(struct bytes text)
{
    char out[64];
    double number;
    nanos time, time_again;
    uint64_t bytes, bytes_again;

    if (number_parse(text, &number))
        CHECK(isfinite(number));
    if (duration_parse(text, &time)) {
        CHECK(time >= 0);
        duration_print(time, out, sizeof(out));
        CHECK(duration_parse(bytes_of_text(out), &time_again));
        CHECK(time_again == time);
    }
    if (size_parse(text, &bytes)) {
        size_print(bytes, out, sizeof(out));
        CHECK(size_parse(bytes_of_text(out), &bytes_again));
        CHECK(bytes_again == bytes);
    }
}

/* ---- tables ---- */

static double value_of(const struct option_row *row, const void *options)
{
    const char *at = (const char *)options + row->offset;
    double real;
    uint32_t count;
    uint64_t size;
    nanos time;

    switch (row->type) {
    case OPTION_DOUBLE:
        memcpy(&real, at, sizeof(real));
        return real;
    case OPTION_COUNT:
    case OPTION_CHOICE:
        memcpy(&count, at, sizeof(count));
        return count;
    case OPTION_DURATION:
        memcpy(&time, at, sizeof(time));
        return (double)time;
    case OPTION_SIZE:
        memcpy(&size, at, sizeof(size));
        return (double)size;
    case OPTION_FLAG:
    case OPTION_TEXT:
        break;
    }
    return 0.0;
}

static void check_row(const struct option_row *row, const void *options)
{
    double value = value_of(row, options);
    uint32_t choices = 0;

    if (row->type == OPTION_FLAG || row->type == OPTION_TEXT)
        return;
    if (row->type != OPTION_CHOICE) {
        CHECK(value >= row->min && value <= row->max);
        return;
    }
    while (row->choices[choices] != NULL)
        choices++;
    CHECK(value < choices);
}

/* Prints every row, and reads what was printed. */
static void check_printing(
        const struct option_table *table, const void *options)
{
    static char printed[ROWS_MAX][PRINTED_SIZE], again[PRINTED_SIZE];
    struct keyvalue values[ROWS_MAX];
    uint64_t block[BLOCK_WORDS];
    struct err err;

    CHECK(table->count <= ROWS_MAX && table->size <= sizeof(block));
    for (size_t i = 0; i < table->count; i++) {
        option_print(&table->rows[i], options, printed[i], PRINTED_SIZE);
        values[i] = (struct keyvalue){bytes_of_text(table->rows[i].name),
                bytes_of_text(printed[i]), 0, false};
    }
    /* A text with a zero in it is printed up to there. */
    for (size_t i = 0; i < table->count; i++)
        if (printed[i][0] == '\0')
            return;
    CHECK_ZERO(options_parse(table, values, table->count, block, &err));
    for (size_t i = 0; i < table->count; i++) {
        option_print(&table->rows[i], block, again, PRINTED_SIZE);
        CHECK(strcmp(printed[i], again) == 0);
        CHECK(value_of(&table->rows[i], options) ==
                value_of(&table->rows[i], block));
    }
}

static void check_table(const struct option_table *table,
        const struct keyvalue *given, size_t count)
{
    struct keyvalue values[LINES_MAX];
    uint64_t block[BLOCK_WORDS];
    struct err err = {STATUS_OK, ""};

    CHECK(table->size <= sizeof(block));
    memcpy(values, given, count * sizeof(*values));
    if (options_parse(table, values, count, block, &err) != 0) {
        CHECK(err.status == STATUS_INVALID && err.text[0] != '\0');
        return;
    }
    for (size_t i = 0; i < table->count; i++)
        check_row(&table->rows[i], block);
    check_printing(table, block);
}

static void check_tables(const struct keyvalue *values, size_t count)
{
    check_table(&problem_settings_table, values, count);
    check_table(&settings_table, values, count);
    check_table(&policy_shared_options, values, count);
    for (size_t i = 0; registry_oracles[i] != NULL; i++)
        check_table(&registry_oracles[i]->options, values, count);
    for (size_t i = 0; registry_explorers[i] != NULL; i++)
        check_table(&registry_explorers[i]->options, values, count);
    for (size_t i = 0; registry_learners[i] != NULL; i++)
        check_table(&registry_learners[i]->options, values, count);
}

/* ---- the lines ---- */

/* `key: value`, or a value alone; the line that begins the text. */
static struct keyvalue line_of(struct bytes line)
{
    const uint8_t *colon =
            line.size == 0 ? NULL : memchr(line.data, ':', line.size);
    size_t key = colon == NULL ? 0 : (size_t)(colon - line.data);
    size_t from = colon == NULL ? 0 : key + 1;

    if (from < line.size && line.data[from] == ' ')
        from++;
    return (struct keyvalue){bytes_of(line.data, key),
            bytes_of(line.data + from, line.size - from), 0, false};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct keyvalue values[LINES_MAX];
    struct bytes text = bytes_of(data, size);
    size_t count = 0;

    if (size > TEXT_MAX)
        return 0;
    while (text.size > 0 && count < LINES_MAX) {
        const uint8_t *end = memchr(text.data, '\n', text.size);
        size_t length = end == NULL ? text.size : (size_t)(end - text.data);
        size_t taken = end == NULL ? length : length + 1;
        values[count] = line_of(bytes_of(text.data, length));
        check_units(values[count].value);
        count++;
        text = bytes_of(text.data + taken, text.size - taken);
    }
    check_tables(values, count);
    return 0;
}
