/* Logs as tables: `csv`, whose columns are told by a map or by their names, and
 * `obd`, the Open Bandit Dataset. One row is one event; only the propensity of
 * the action taken is known.
 *
 * csv: fields event, time, action, propensity, reward or cost (value is
 * reward), pdrop, actions (the ids that could be taken, with ; between);
 * columns named x_NAME, or mapped to `number`, are columns of the context;
 * those named rue_..., or mapped to `ignore`, are left out; every other one is
 * a named feature: its number, or, where it is none, its text. */
#include "base/text.h"
#include "formats/csv.h"
#include "formats/format.h"
#include "formats/lines.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

enum role {
    ROLE_FEATURE,
    ROLE_TEXT, /* a feature that is a text, also where it looks like a number */
    ROLE_IGNORE,
    ROLE_NUMBER,
    ROLE_EVENT,
    ROLE_TIME,
    ROLE_ACTION,
    ROLE_PROPENSITY,
    ROLE_REWARD,
    ROLE_COST,
    ROLE_PDROP,
    ROLE_ACTIONS,
    ROLE_AFFINITY,
    ROLE_COUNT,
};

struct role_name {
    const char *name;
    enum role role;
};

static const struct role_name csv_roles[] = {
        {"feature", ROLE_FEATURE},
        {"text", ROLE_TEXT},
        {"ignore", ROLE_IGNORE},
        {"number", ROLE_NUMBER},
        {"event", ROLE_EVENT},
        {"time", ROLE_TIME},
        {"action", ROLE_ACTION},
        {"propensity", ROLE_PROPENSITY},
        {"reward", ROLE_REWARD},
        {"value", ROLE_REWARD},
        {"cost", ROLE_COST},
        {"pdrop", ROLE_PDROP},
        {"actions", ROLE_ACTIONS},
};

/* Of the Open Bandit Dataset; the others are the user's features. */
static const struct role_name obd_roles[] = {
        {"", ROLE_IGNORE},
        {"Unnamed: 0", ROLE_IGNORE},
        {"timestamp", ROLE_TIME},
        {"position", ROLE_TEXT},
        {"item_id", ROLE_ACTION},
        {"click", ROLE_REWARD},
        {"propensity_score", ROLE_PROPENSITY},
        {"action_prob", ROLE_PROPENSITY},
};

#define AFFINITY "user-item_affinity_"

struct table {
    bool obd;
    const char *map;
    struct bytes fields[CSV_FIELDS_MAX];
    enum role role[CSV_FIELDS_MAX];
    uint32_t index[CSV_FIELDS_MAX]; /* number: its column; affinity: the item */
    struct bytes name[CSV_FIELDS_MAX]; /* as features are named */
    uint32_t columns; /* of the header; 0: not read yet */
    bool headless; /* the header is not one: no row can be read */
    uint32_t numbers, known;
    uint32_t at[ROLE_COUNT]; /* column of a role that has one */
    struct bytes numbers_name[COLUMNS_MAX];
    struct arena header; /* heap; the header's text */
    /* A row that goes on in the next line. */
    uint64_t begun;
    struct bytes pending;
    /* obd: features of the items. */
    struct features_list items[ACTIONS_MAX];
    uint32_t item_count;
};

#define HEADER_BYTES ((size_t)8 << 20)

/* ---- the header ---- */

static enum role role_by_name(const struct table *table, struct bytes name)
{
    const struct role_name *roles = table->obd ? obd_roles : csv_roles;
    size_t count = table->obd ? ARRAY_COUNT(obd_roles) : ARRAY_COUNT(csv_roles);

    for (size_t i = 0; i < count; i++)
        if (bytes_equal(name, bytes_of_text(roles[i].name)))
            return roles[i].role;
    if (table->obd)
        return name.size > strlen(AFFINITY) &&
                        memcmp(name.data, AFFINITY, strlen(AFFINITY)) == 0
                ? ROLE_AFFINITY
                : ROLE_FEATURE;
    if (name.size > 4 && memcmp(name.data, "rue_", 4) == 0)
        return ROLE_IGNORE;
    if (name.size > 2 && memcmp(name.data, "x_", 2) == 0)
        return ROLE_NUMBER;
    return ROLE_FEATURE;
}

/* What the map says of one column: "FIELD=COLUMN". */
static int map_one(struct table *table, const struct csv_row *row,
        struct bytes entry, struct err *err)
{
    const uint8_t *equals =
            entry.size == 0 ? NULL : memchr(entry.data, '=', entry.size);
    char text[64];
    struct bytes field, column;
    uint32_t at;

    if (equals == NULL)
        return err_set(err, STATUS_INVALID, "map: '%s' is not FIELD=COLUMN",
                bytes_text(entry, text, sizeof(text)));
    field = bytes_of(entry.data, (size_t)(equals - entry.data));
    column = bytes_of(equals + 1, entry.size - field.size - 1);
    at = csv_find(row, column);
    if (at == UINT32_MAX)
        return err_set(err, STATUS_INVALID, "map: there is no column '%s'",
                bytes_text(column, text, sizeof(text)));
    for (size_t i = 0; i < ARRAY_COUNT(csv_roles); i++)
        if (bytes_equal(field, bytes_of_text(csv_roles[i].name))) {
            table->role[at] = csv_roles[i].role;
            return 0;
        }
    return err_set(err, STATUS_INVALID, "map: there is no field '%s'",
            bytes_text(field, text, sizeof(text)));
}

static int map_columns(
        struct table *table, const struct csv_row *row, struct err *err)
{
    struct bytes rest =
            table->map == NULL ? bytes_of(NULL, 0) : bytes_of_text(table->map);

    while (rest.size > 0) {
        const uint8_t *comma = memchr(rest.data, ',', rest.size);
        size_t size = comma == NULL ? rest.size : (size_t)(comma - rest.data);
        int status = map_one(table, row, bytes_of(rest.data, size), err);
        if (status != 0)
            return status;
        rest.data += size + (comma != NULL);
        rest.size -= size + (comma != NULL);
    }
    return 0;
}

static int note_role(struct table *table, uint32_t column, struct err *err)
{
    enum role role = table->role[column];
    char text[64];

    if (role <= ROLE_IGNORE || role == ROLE_AFFINITY)
        return 0;
    if (role == ROLE_NUMBER) {
        struct bytes name = table->name[column];
        if (table->numbers == COLUMNS_MAX)
            return err_set(err, STATUS_INVALID, "more than %u number columns",
                    COLUMNS_MAX);
        if (name.size > 2 && memcmp(name.data, "x_", 2) == 0)
            name = bytes_of(name.data + 2, name.size - 2);
        table->index[column] = table->numbers;
        table->numbers_name[table->numbers++] = name;
        return 0;
    }
    if (table->at[role] != UINT32_MAX)
        return err_set(err, STATUS_INVALID,
                "column '%s': another one says the same",
                bytes_text(table->fields[column], text, sizeof(text)));
    table->at[role] = column;
    return 0;
}

static int note_column(struct table *table, uint32_t column, struct err *err)
{
    struct bytes name = table->fields[column];
    double item;

    table->name[column] = name_of_text(name, &table->header);
    if (table->name[column].data == NULL)
        return err_set(err, STATUS_INVALID, "the header is too large");
    if (table->role[column] == ROLE_AFFINITY) {
        if (!decimal_parse(bytes_of(name.data + strlen(AFFINITY),
                                   name.size - strlen(AFFINITY)),
                    &item) ||
                !(item >= 0 && item < ACTIONS_MAX))
            return err_set(err, STATUS_INVALID,
                    "an affinity column without an item below %u", ACTIONS_MAX);
        table->index[column] = (uint32_t)item;
        if (table->known <= (uint32_t)item)
            table->known = (uint32_t)item + 1;
    }
    return note_role(table, column, err);
}

static int check_roles(const struct table *table, struct err *err)
{
    if (table->at[ROLE_ACTION] == UINT32_MAX)
        return err_set(err, STATUS_INVALID,
                "the header has no column of the action taken");
    if (table->at[ROLE_PROPENSITY] == UINT32_MAX)
        return err_set(err, STATUS_INVALID,
                "the header has no column of its propensity");
    if (table->at[ROLE_REWARD] != UINT32_MAX &&
            table->at[ROLE_COST] != UINT32_MAX)
        return err_set(err, STATUS_INVALID, "a reward and a cost: one of them");
    return 0;
}

static int read_header(struct table *table, struct bytes line, struct err *err)
{
    struct csv_row row = {.fields = table->fields};
    struct bytes copy = bytes_of(
            arena_copy(&table->header, line.data, line.size), line.size);
    int status = copy.data == NULL
            ? err_set(err, STATUS_INVALID, "the header is too large")
            : csv_split(copy, &table->header, &row, err);

    if (status == 0 && row.open)
        status = err_set(err, STATUS_INVALID,
                "a quote is open at the end of the header");
    for (uint32_t i = 0; status == 0 && i < row.count; i++) {
        row.fields[i] = text_trim(row.fields[i]);
        table->role[i] = role_by_name(table, row.fields[i]);
    }
    if (status == 0)
        status = map_columns(table, &row, err);
    for (uint32_t i = 0; status == 0 && i < row.count; i++)
        status = note_column(table, i, err);
    if (status == 0)
        status = check_roles(table, err);
    if (status == 0)
        table->columns = row.count;
    return status;
}

/* ---- rows ---- */

/* A row in hand. */
struct row {
    struct table *table;
    struct csv_row cells;
    struct arena *arena;
    struct err *err;
    struct features_list features;
    struct features_list *affinity; /* [known], or NULL */
    double *numbers;
};

static bool cell_number(
        struct row *row, uint32_t column, const char *what, double *out)
{
    struct bytes cell = text_trim(row->cells.fields[column]);
    char text[64];

    if (decimal_parse(cell, out) && fabs(*out) <= VALUE_MAX)
        return true;
    (void)err_set(row->err, STATUS_INVALID, "%s '%s' is not a number", what,
            bytes_text(cell, text, sizeof(text)));
    return false;
}

static bool take_feature(struct row *row, uint32_t column)
{
    struct bytes cell = text_trim(row->cells.fields[column]);
    struct bytes none = {NULL, 0};
    double value;

    if (cell.size == 0)
        return true;
    if (row->table->role[column] == ROLE_FEATURE && decimal_parse(cell, &value))
        return features_add(&row->features, none, row->table->name[column],
                value, row->arena, row->err);
    return features_add_text(&row->features, none, row->table->name[column],
            cell, row->arena, row->err);
}

static bool take_affinity(struct row *row, uint32_t column)
{
    uint32_t item = row->table->index[column];
    struct bytes none = {NULL, 0};
    double value;

    if (text_trim(row->cells.fields[column]).size == 0)
        return true;
    return cell_number(row, column, "an affinity", &value) &&
            features_add(&row->affinity[item], none, bytes_of_text("affinity"),
                    value, row->arena, row->err);
}

static bool take_columns(struct row *row)
{
    for (uint32_t i = 0; i < row->table->columns; i++) {
        bool taken = true;
        if (row->table->role[i] <= ROLE_TEXT)
            taken = take_feature(row, i);
        else if (row->table->role[i] == ROLE_NUMBER)
            taken = cell_number(row, i,
                    "a number column:", &row->numbers[row->table->index[i]]);
        else if (row->table->role[i] == ROLE_AFFINITY)
            taken = take_affinity(row, i);
        if (!taken)
            return false;
    }
    return true;
}

static bool take_action(struct row *row, struct logged *event)
{
    struct bytes cell =
            text_trim(row->cells.fields[row->table->at[ROLE_ACTION]]);
    double propensity;

    if (cell.size == 0) {
        (void)err_set(row->err, STATUS_INVALID, "no action");
        return false;
    }
    event->action = name_of_text(cell, row->arena);
    return cell_number(row, row->table->at[ROLE_PROPENSITY], "the propensity",
                   &propensity) &&
            propensity_take(propensity, &event->propensity, row->err);
}

static bool take_value(struct row *row, struct logged *event)
{
    uint32_t reward = row->table->at[ROLE_REWARD];
    uint32_t cost = row->table->at[ROLE_COST];
    uint32_t column = reward != UINT32_MAX ? reward : cost;

    event->is_cost = reward == UINT32_MAX && cost != UINT32_MAX;
    event->has_value = column != UINT32_MAX &&
            text_trim(row->cells.fields[column]).size > 0;
    return !event->has_value ||
            cell_number(row, column, "the value", &event->value);
}

static bool take_time(struct row *row, struct logged *event)
{
    uint32_t column = row->table->at[ROLE_TIME];
    struct bytes cell;
    double seconds;

    if (column == UINT32_MAX)
        return true;
    cell = text_trim(row->cells.fields[column]);
    event->has_time = cell.size > 0;
    if (cell.size == 0 || time_read(cell, &event->time))
        return true;
    /* Seconds since 1970, as many tables have it. */
    if (decimal_parse(cell, &seconds) && fabs(seconds) <= 9e9) {
        event->time = (nanos)llround(seconds * 1e9);
        return true;
    }
    (void)err_set(row->err, STATUS_INVALID, "the time is not one");
    return false;
}

static bool take_available(struct row *row, struct logged *event)
{
    uint32_t column = row->table->at[ROLE_ACTIONS], count = 0;
    struct bytes *ids, rest;

    if (column == UINT32_MAX)
        return true;
    rest = text_trim(row->cells.fields[column]);
    ids = arena_array(row->arena, struct bytes, ACTIONS_MAX);
    while (ids != NULL && rest.size > 0) {
        const uint8_t *mark = memchr(rest.data, ';', rest.size);
        size_t size = mark == NULL ? rest.size : (size_t)(mark - rest.data);
        struct bytes id = text_trim(bytes_of(rest.data, size));
        if (count == ACTIONS_MAX) {
            (void)err_set(row->err, STATUS_INVALID, "more than %u actions",
                    ACTIONS_MAX);
            return false;
        }
        if (id.size > 0)
            ids[count++] = name_of_text(id, row->arena);
        rest.data += size + (mark != NULL);
        rest.size -= size + (mark != NULL);
    }
    event->available = ids;
    event->available_count = count;
    return true;
}

static bool take_rest(struct row *row, struct logged *event)
{
    uint32_t id = row->table->at[ROLE_EVENT], drop = row->table->at[ROLE_PDROP];

    if (id != UINT32_MAX && row->cells.fields[id].size > 0)
        event->id = name_of_text(row->cells.fields[id], row->arena);
    if (drop == UINT32_MAX || text_trim(row->cells.fields[drop]).size == 0)
        return true;
    if (!cell_number(row, drop, "pdrop", &event->pdrop))
        return false;
    if (event->pdrop >= 0.0 && event->pdrop <= PDROP_MAX)
        return true;
    (void)err_set(row->err, STATUS_INVALID,
            "pdrop, %g, is not at least 0 and below 1", event->pdrop);
    return false;
}

/* The features of each item: those of its own, then what the row says. */
static bool take_items(struct row *row, struct logged *event)
{
    uint32_t count = row->table->known, described = 0;
    struct action_named *named =
            arena_array(row->arena, struct action_named, count);

    for (uint32_t i = 0; named != NULL && i < count; i++) {
        struct features_list list = {.count = 0};
        const struct features_list *own = &row->table->items[i];
        uint32_t total = own->count + row->affinity[i].count;
        if (total == 0)
            continue;
        list.items = arena_array(row->arena, struct named, total);
        if (list.items == NULL)
            break;
        if (own->count > 0)
            memcpy(list.items, own->items, own->count * sizeof(*own->items));
        if (row->affinity[i].count > 0)
            memcpy(list.items + own->count, row->affinity[i].items,
                    row->affinity[i].count * sizeof(*own->items));
        named[described++] = (struct action_named){i, total, list.items};
    }
    event->question.action_named = named;
    event->question.action_named_count = described;
    event->known = count;
    return !row->arena->overflow;
}

static enum parsed make_event(struct row *row, struct logged *event)
{
    struct table *table = row->table;

    row->numbers = arena_array(row->arena, double, table->numbers);
    row->affinity =
            arena_zalloc(row->arena, table->known, sizeof(*row->affinity));
    if (row->numbers == NULL || row->affinity == NULL)
        return parsed_refused(row->err, "the row is too large");
    if (!take_columns(row) || !take_action(row, event) ||
            !take_value(row, event) || !take_time(row, event) ||
            !take_available(row, event) || !take_rest(row, event))
        return PARSED_REFUSED;
    event->question.named = row->features.items;
    event->question.named_count = row->features.count;
    if (table->numbers > 0)
        event->question.shared =
                (struct matrix){1, table->numbers, NULL, row->numbers};
    event->columns = table->numbers_name;
    if ((table->known > 0 && !take_items(row, event)) || row->arena->overflow)
        return parsed_refused(row->err, "the row is too large");
    return PARSED_EVENT;
}

/* The row so far with this line behind it. */
static bool join_lines(
        struct table *table, struct bytes line, struct arena *arena)
{
    size_t size = table->pending.size + line.size + 1;
    uint8_t *text = size > LINE_BYTES_MAX ? NULL : arena_alloc(arena, size);

    if (text == NULL)
        return false;
    memcpy(text, table->pending.data, table->pending.size);
    text[table->pending.size] = '\n';
    if (line.size > 0)
        memcpy(text + table->pending.size + 1, line.data, line.size);
    table->pending = bytes_of(text, size);
    return true;
}

static enum parsed take_row(struct table *table, struct bytes text,
        struct arena *arena, struct logged *event, struct err *err)
{
    struct row row = {.table = table, .arena = arena, .err = err};

    row.cells.fields = arena_array(arena, struct bytes, CSV_FIELDS_MAX);
    if (row.cells.fields == NULL)
        return parsed_refused(err, "the row is too large");
    if (csv_split(text, arena, &row.cells, err) != 0)
        return PARSED_REFUSED;
    if (row.cells.open)
        return PARSED_MORE;
    if (row.cells.count != table->columns)
        return parsed_refused(err, "%u fields, the header has %u",
                row.cells.count, table->columns);
    return make_event(&row, event);
}

static enum parsed table_line(void *self, struct bytes line, uint64_t number,
        struct arena *arena, struct logged *event, struct err *err)
{
    struct table *table = self;
    bool goes_on = table->pending.data != NULL;
    enum parsed parsed;

    memset(event, 0, sizeof(*event));
    event->line = goes_on ? table->begun : number;
    if (table->headless)
        return parsed_refused(err, "the header is not one");
    if (table->columns == 0) {
        table->headless = read_header(table, line, err) != 0;
        return table->headless ? PARSED_REFUSED : PARSED_MORE;
    }
    if (!goes_on && text_trim(line).size == 0)
        return PARSED_MORE;
    if (goes_on && !join_lines(table, line, arena)) {
        table->pending = bytes_of(NULL, 0);
        return parsed_refused(err, "the row is too large");
    }
    if (!goes_on)
        table->begun = number;
    parsed =
            take_row(table, goes_on ? table->pending : line, arena, event, err);
    if (parsed == PARSED_MORE && !goes_on)
        table->pending =
                bytes_of(arena_copy(arena, line.data, line.size), line.size);
    else if (parsed != PARSED_MORE)
        table->pending = bytes_of(NULL, 0);
    if (parsed == PARSED_MORE && table->pending.data == NULL)
        return parsed_refused(err, "the row is too large");
    return parsed;
}

static enum parsed table_end(
        void *self, struct arena *arena, struct logged *event, struct err *err)
{
    struct table *table = self;

    (void)arena;
    if (table->pending.data == NULL)
        return PARSED_MORE;
    memset(event, 0, sizeof(*event));
    event->line = table->begun;
    table->pending = bytes_of(NULL, 0);
    return parsed_refused(err, "a quote is open at the end");
}

/* ---- the items of the Open Bandit Dataset ---- */

/* One row of the items' table: its number, item_id and features. */
static int item_row(struct table *table, const struct csv_row *header,
        struct bytes *fields, struct bytes line, struct err *err)
{
    struct csv_row row = {.fields = fields};
    uint32_t id = csv_find(header, bytes_of_text("item_id"));
    struct bytes none = {NULL, 0};
    double item, value;
    int status;

    line = bytes_of(
            arena_copy(&table->header, line.data, line.size), line.size);
    if (line.data == NULL)
        return err_set(err, STATUS_INVALID, "the items are too large");
    status = csv_split(line, &table->header, &row, err);
    if (status != 0)
        return status;
    if (row.count != header->count || id == UINT32_MAX ||
            !decimal_parse(row.fields[id], &item) ||
            !(item >= 0 && item < ACTIONS_MAX))
        return err_set(err, STATUS_INVALID, "is not a row of items");
    for (uint32_t i = 0; i < row.count; i++) {
        struct features_list *list = &table->items[(uint32_t)item];
        bool taken = true;
        if (i == id || header->fields[i].size == 0 || row.fields[i].size == 0)
            continue;
        taken = decimal_parse(row.fields[i], &value)
                ? features_add(list, none, header->fields[i], value,
                          &table->header, err)
                : features_add_text(list, none, header->fields[i],
                          row.fields[i], &table->header, err);
        if (!taken)
            return STATUS_INVALID;
    }
    return 0;
}

static int read_items(struct table *table, int fd, struct err *err)
{
    struct csv_row header = {.fields = arena_array(&table->header, struct bytes,
                                     CSV_FIELDS_MAX)};
    struct bytes *fields =
            arena_array(&table->header, struct bytes, CSV_FIELDS_MAX);
    struct lines lines;
    struct bytes line;
    int status = lines_open(&lines, fd, err);

    if (status != 0)
        return status;
    CHECK(header.fields != NULL && fields != NULL);
    status = lines_next(&lines, &line, err);
    if (status == 0) {
        line = bytes_of(
                arena_copy(&table->header, line.data, line.size), line.size);
        status = csv_split(line, &table->header, &header, err);
    }
    while (status == 0 && (status = lines_next(&lines, &line, err)) == 0)
        if (text_trim(line).size > 0)
            status = item_row(table, &header, fields, line, err);
    if (status != 0 && status != STATUS_NOT_FOUND)
        (void)err_prefix(err, "line %llu", (unsigned long long)lines.number);
    lines_close(&lines);
    return status == STATUS_NOT_FOUND ? 0 : status;
}

/* ---- the tables ---- */

static int table_open(
        void *self, const struct format_settings *settings, struct err *err)
{
    struct table *table = self;

    table->map = settings->map;
    table->header = arena_over(malloc(HEADER_BYTES), HEADER_BYTES);
    for (int i = 0; i < ROLE_COUNT; i++)
        table->at[i] = UINT32_MAX;
    return table->header.data != NULL
            ? 0
            : err_set(err, STATUS_INTERNAL, "no memory");
}

static int obd_open(
        void *self, const struct format_settings *settings, struct err *err)
{
    struct table *table = self;
    int status = table_open(self, settings, err);
    int fd;

    table->obd = true;
    if (status != 0 || settings->items == NULL)
        return status;
    fd = open(settings->items, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(
                err, STATUS_NOT_FOUND, "%s: cannot be read", settings->items);
    status = read_items(table, fd, err);
    (void)close(fd);
    return status == 0 ? 0 : err_prefix(err, "%s", settings->items);
}

static void table_close(void *self)
{
    struct table *table = self;

    free(table->header.data);
    table->header.data = NULL;
}

const struct format format_csv = {
        .name = "csv",
        .sentence = "a table with a header: event, time, action, propensity, "
                    "reward or cost, and features",
        .catalogue = CATALOGUE_TEXTS,
        .size = sizeof(struct table),
        .open = table_open,
        .close = table_close,
        .line = table_line,
        .end = table_end,
};

const struct format format_obd = {
        .name = "obd",
        .sentence = "the Open Bandit Dataset's tables",
        .catalogue = 0,
        .size = sizeof(struct table),
        .open = obd_open,
        .close = table_close,
        .line = table_line,
        .end = table_end,
};
