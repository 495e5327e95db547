#include "sim/multiclass.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/units.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX ((size_t)1 << 30)
#define CELLS_MAX      4096u

/* A file as a table of cells. */
struct table {
    const char *path;
    char *text;
    struct bytes *cells; /* [rows][width], the header left out */
    uint32_t rows, width;
    size_t capacity; /* of cells */
    struct err *err;
};

/* The values of a column (or the classes) by first appearance. */
struct values {
    struct bytes *value; /* [count] */
    uint32_t count, capacity;
    uint32_t *slots; /* hash table: index + 1 */
    uint32_t slot_count;
};

/* ---- reading ---- */

static char *read_file(const char *path, size_t *size, struct err *err)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    long end = -1;

    if (file == NULL) {
        (void)err_set(err, STATUS_IO, "%s: %s", path, strerrordesc_np(errno));
        return NULL;
    }
    if (fseek(file, 0, SEEK_END) == 0)
        end = ftell(file);
    if (end >= 0 && (size_t)end < FILE_BYTES_MAX &&
            fseek(file, 0, SEEK_SET) == 0)
        text = malloc((size_t)end + 1);
    if (text != NULL && fread(text, 1, (size_t)end, file) != (size_t)end) {
        free(text);
        text = NULL;
    }
    (void)fclose(file);
    if (text == NULL) {
        (void)err_set(err, STATUS_IO, "%s: cannot be read", path);
        return NULL;
    }
    text[end] = '\0';
    *size = (size_t)end;
    return text;
}

/* The next cell of a line; *at moves behind its comma. Quotes go away, a
 * doubled quote inside them is one. False at the line's end. */
static bool next_cell(char **at, struct bytes *cell, bool *more)
{
    char *from = *at, *to = *at;
    char *start = *at;

    if (!*more)
        return false;
    if (*from == '"') {
        from++;
        while (*from != '\0' && *from != '\n') {
            if (*from == '"' && from[1] != '"')
                break;
            from += *from == '"';
            *to++ = *from++;
        }
        from += *from == '"';
    } else {
        while (*from != ',' && *from != '\n' && *from != '\0')
            *to++ = *from++;
        while (to > start && (to[-1] == '\r' || to[-1] == ' '))
            to--;
        while (start < to && *start == ' ')
            start++;
    }
    *cell = bytes_of(start, (size_t)(to - start));
    while (*from != ',' && *from != '\n' && *from != '\0')
        from++;
    *more = *from == ',';
    *at = *from == '\0' ? from : from + 1;
    return true;
}

static bool add_row(
        struct table *table, const struct bytes *cells, uint32_t count)
{
    size_t used = (size_t)table->rows * table->width;

    if (used + count > table->capacity) {
        size_t capacity = 2 * table->capacity + 1024 * (size_t)count;
        struct bytes *grown = realloc(table->cells, capacity * sizeof(*grown));
        if (grown == NULL)
            return false;
        table->cells = grown;
        table->capacity = capacity;
    }
    memcpy(table->cells + used, cells, count * sizeof(*cells));
    table->rows++;
    return true;
}

static int read_table(struct table *table)
{
    struct bytes cells[CELLS_MAX];
    char *at = table->text;
    uint32_t line = 0;

    while (*at != '\0') {
        uint32_t count = 0;
        bool more = true;
        line++;
        while (count < CELLS_MAX && next_cell(&at, &cells[count], &more))
            count++;
        if (more)
            return err_set(table->err, STATUS_INVALID,
                    "%s:%u: at most %u columns", table->path, line, CELLS_MAX);
        if (count == 1 && cells[0].size == 0)
            continue;
        if (table->width == 0) {
            table->width = count;
            if (count < 2)
                return err_set(table->err, STATUS_INVALID,
                        "%s:%u: needs a feature and a class", table->path,
                        line);
            continue;
        }
        if (count != table->width)
            return err_set(table->err, STATUS_INVALID,
                    "%s:%u: %u columns, the header has %u", table->path, line,
                    count, table->width);
        if (!add_row(table, cells, count))
            return err_set(table->err, STATUS_INTERNAL, "no memory");
    }
    if (table->rows == 0)
        return err_set(
                table->err, STATUS_INVALID, "%s: has no rows", table->path);
    return 0;
}

/* ---- values ---- */

static bool grow_values(struct values *values)
{
    uint32_t slot_count = values->slot_count == 0 ? 64 : values->slot_count * 2;
    uint32_t *slots = calloc(slot_count, sizeof(*slots));
    struct bytes *value =
            realloc(values->value, slot_count / 2 * sizeof(*value));

    if (value != NULL)
        values->value = value;
    if (slots == NULL || value == NULL) {
        free(slots);
        return false;
    }
    for (uint32_t i = 0; i < values->count; i++) {
        uint32_t at = (uint32_t)hash_bytes(value[i], 0) & (slot_count - 1);
        while (slots[at] != 0)
            at = (at + 1) & (slot_count - 1);
        slots[at] = i + 1;
    }
    free(values->slots);
    values->slots = slots;
    values->slot_count = slot_count;
    values->capacity = slot_count / 2;
    return true;
}

/* Index of a value, added if it is new; UINT32_MAX without memory. */
static uint32_t value_index(struct values *values, struct bytes value)
{
    uint32_t at;

    if (values->count == values->capacity && !grow_values(values))
        return UINT32_MAX;
    at = (uint32_t)hash_bytes(value, 0) & (values->slot_count - 1);
    while (values->slots[at] != 0) {
        if (bytes_equal(values->value[values->slots[at] - 1], value))
            return values->slots[at] - 1;
        at = (at + 1) & (values->slot_count - 1);
    }
    values->value[values->count] = value;
    values->slots[at] = ++values->count;
    return values->count - 1;
}

static void free_values(struct values *values)
{
    free(values->value);
    free(values->slots);
}

/* ---- from cells to features ---- */

static bool is_missing(struct bytes cell)
{
    return cell.size == 0 || (cell.size == 1 && cell.data[0] == '?');
}

static struct bytes cell_at(
        const struct table *table, uint32_t row, uint32_t column)
{
    return table->cells[(size_t)row * table->width + column];
}

static bool is_numeric(const struct table *table, uint32_t column)
{
    bool any = false;
    double value;

    for (uint32_t row = 0; row < table->rows; row++) {
        struct bytes cell = cell_at(table, row, column);
        if (is_missing(cell))
            continue;
        if (!number_parse(cell, &value) || !isfinite(value))
            return false;
        any = true;
    }
    return any;
}

/* How each column becomes features. */
struct plan {
    bool numeric[CELLS_MAX];
    struct values values[CELLS_MAX];
    uint32_t first[CELLS_MAX]; /* its first feature */
    uint32_t features;
};

static int make_plan(const struct table *table, struct plan *plan)
{
    for (uint32_t column = 0; column + 1 < table->width; column++) {
        plan->numeric[column] = is_numeric(table, column);
        plan->first[column] = plan->features;
        for (uint32_t row = 0; !plan->numeric[column] && row < table->rows;
                row++)
            if (value_index(&plan->values[column],
                        cell_at(table, row, column)) == UINT32_MAX)
                return err_set(table->err, STATUS_INTERNAL, "no memory");
        plan->features +=
                plan->numeric[column] ? 1 : plan->values[column].count;
    }
    if (plan->features > COLUMNS_MAX)
        return err_set(table->err, STATUS_INVALID,
                "%s: %u features, at most %u", table->path, plan->features,
                COLUMNS_MAX);
    return 0;
}

static int fill_row(const struct table *table, struct plan *plan, uint32_t row,
        double *features)
{
    for (uint32_t column = 0; column + 1 < table->width; column++) {
        struct bytes cell = cell_at(table, row, column);
        double *at = features + plan->first[column];
        if (!plan->numeric[column])
            at[value_index(&plan->values[column], cell)] = 1.0;
        else if (is_missing(cell) || !number_parse(cell, at))
            *at = NAN;
        else if (fabs(*at) > VALUE_MAX)
            return err_set(table->err, STATUS_INVALID,
                    "%s: row %u, column %u: %g is not within +-%g", table->path,
                    row + 1, column + 1, *at, VALUE_MAX);
    }
    return 0;
}

static int take_classes(const struct table *table, struct values *classes,
        struct multiclass *data)
{
    uint32_t *rows;

    data->label = calloc(table->rows, sizeof(*data->label));
    for (uint32_t row = 0; data->label != NULL && row < table->rows; row++) {
        data->label[row] =
                value_index(classes, cell_at(table, row, table->width - 1));
        if (data->label[row] >= ACTIONS_MAX)
            return err_set(table->err, STATUS_INVALID,
                    "%s: more than %u classes", table->path, ACTIONS_MAX);
    }
    data->classes = classes->count;
    data->class_names = calloc(classes->count + 1, sizeof(char *));
    rows = calloc(classes->count + 1, sizeof(*rows));
    if (data->label == NULL || data->class_names == NULL || rows == NULL) {
        free(rows);
        return err_set(table->err, STATUS_INTERNAL, "no memory");
    }
    for (uint32_t row = 0; row < table->rows; row++) {
        uint32_t count = ++rows[data->label[row]];
        data->majority = count > data->majority ? count : data->majority;
    }
    free(rows);
    for (uint32_t i = 0; i < classes->count; i++)
        data->class_names[i] = strndup(
                (const char *)classes->value[i].data, classes->value[i].size);
    return 0;
}

static int convert(
        const struct table *table, struct plan *plan, struct multiclass *data)
{
    struct values classes = {0};
    int status = make_plan(table, plan);

    if (status == 0)
        status = take_classes(table, &classes, data);
    free_values(&classes);
    if (status != 0)
        return status;
    data->rows = table->rows;
    data->columns = plan->features;
    data->features =
            calloc((size_t)data->rows * data->columns + 1, sizeof(double));
    if (data->features == NULL)
        return err_set(table->err, STATUS_INTERNAL, "no memory");
    for (uint32_t row = 0; status == 0 && row < data->rows; row++)
        status = fill_row(
                table, plan, row, data->features + (size_t)row * data->columns);
    return status;
}

int multiclass_read(const char *path, struct multiclass *data, struct err *err)
{
    struct table table = {.path = path, .err = err};
    struct plan *plan = calloc(1, sizeof(*plan));
    size_t size;
    int status = STATUS_IO;

    memset(data, 0, sizeof(*data));
    table.text = read_file(path, &size, err);
    if (plan == NULL)
        status = err_set(err, STATUS_INTERNAL, "no memory");
    else if (table.text != NULL)
        status = read_table(&table);
    if (status == 0)
        status = convert(&table, plan, data);
    for (uint32_t i = 0; plan != NULL && i < CELLS_MAX; i++)
        free_values(&plan->values[i]);
    free(plan);
    free(table.text);
    free(table.cells);
    if (status != 0)
        multiclass_free(data);
    return status;
}

void multiclass_free(struct multiclass *data)
{
    for (uint32_t i = 0; data->class_names != NULL && i < data->classes; i++)
        free(data->class_names[i]);
    free(data->class_names);
    free(data->features);
    free(data->label);
    memset(data, 0, sizeof(*data));
}
