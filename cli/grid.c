#include "cli/grid.h"

#include <stdio.h>
#include <stdlib.h>

#define ARENA_BYTES ((size_t)16 << 20)

/* An entry as it is read: its values, a list as a key that is repeated. */
struct entry {
    struct bytes name;
    const struct keyvalue *values;
    size_t count;
    uint32_t line;
};

static bool key_is(const struct keyvalue *value, const char *key)
{
    return bytes_equal(value->key, bytes_of_text(key));
}

/* ---- combinations ---- */

/* Which of the values with the key of value `at` it is, and how many there
 * are. */
static size_t count_alike(const struct entry *entry, size_t at, size_t *before)
{
    size_t count = 0;

    *before = 0;
    for (size_t i = 0; i < entry->count; i++) {
        if (!bytes_equal(entry->values[i].key, entry->values[at].key))
            continue;
        *before += i < at;
        count++;
    }
    return count;
}

/* The n-th value with the key of value `at`. */
static const struct keyvalue *alike(
        const struct entry *entry, size_t at, size_t n)
{
    for (size_t i = at; i < entry->count; i++)
        if (bytes_equal(entry->values[i].key, entry->values[at].key) &&
                n-- == 0)
            return &entry->values[i];
    CHECK_UNREACHABLE();
}

static size_t count_combinations(const struct entry *entry)
{
    size_t all = 1, before;

    for (size_t i = 0; i < entry->count && all <= TUNE_CANDIDATES_MAX; i++) {
        size_t count = count_alike(entry, i, &before);
        all *= before == 0 ? count : 1;
    }
    return all;
}

static void add_to_name(
        char name[PANEL_NAME_SIZE], const struct keyvalue *value)
{
    size_t used = strlen(name);
    struct bytes key = value->key;

    if (key.size > strlen("policy.")) {
        key.data += strlen("policy.");
        key.size -= strlen("policy.");
    }
    (void)snprintf(name + used, PANEL_NAME_SIZE - used, " %.*s=%.*s",
            (int)key.size, (const char *)key.data, (int)value->value.size,
            (const char *)value->value.data);
}

/* Combination `number`; the last list is the fastest. */
static int add_candidate(struct grid *grid, const struct entry *entry,
        size_t number, struct err *err)
{
    struct tune_candidate *candidate = &grid->candidates[grid->count];
    struct keyvalue *policy =
            arena_array(&grid->arena, struct keyvalue, entry->count + 1);
    char name[PANEL_NAME_SIZE];
    size_t count = 0;
    void *copy;

    if (policy == NULL)
        return err_set(err, STATUS_INVALID, "the grid is too large");
    (void)bytes_text(entry->name, name, sizeof(name));
    for (size_t i = entry->count; i > 0; i--) {
        size_t before, of = count_alike(entry, i - 1, &before);
        if (before > 0)
            continue;
        CHECK(of > 0);
        policy[count++] = *alike(entry, i - 1, number % of);
        number /= of;
    }
    for (size_t i = 0; i < count / 2; i++) {
        struct keyvalue other = policy[i];
        policy[i] = policy[count - 1 - i];
        policy[count - 1 - i] = other;
    }
    for (size_t i = 0, at = 0; i < entry->count; i++) {
        size_t before, of = count_alike(entry, i, &before);
        if (before > 0)
            continue;
        if (of > 1)
            add_to_name(name, &policy[at]);
        at++;
    }
    copy = arena_copy(&grid->arena, name, strlen(name));
    if (copy == NULL)
        return err_set(err, STATUS_INVALID, "the grid is too large");
    *candidate = (struct tune_candidate){
            bytes_of(copy, strlen(name)), policy, count};
    grid->line[grid->count++] = entry->line;
    return 0;
}

static int add_entry(
        struct grid *grid, const struct entry *entry, struct err *err)
{
    size_t all;
    int status = 0;

    if (entry->name.size == 0)
        return 0;
    if (entry->count == 0)
        return err_set(err, STATUS_INVALID, "an entry needs a `policy`");
    all = count_combinations(entry);
    if (all > TUNE_CANDIDATES_MAX - grid->count)
        return err_set(err, STATUS_INVALID, "more than %u candidates",
                TUNE_CANDIDATES_MAX);
    for (size_t i = 0; status == 0 && i < all; i++)
        status = add_candidate(grid, entry, i, err);
    return status;
}

/* ---- the file ---- */

/* One scalar; `line` is where an error is. */
static int take_value(struct grid *grid, struct entry *entry,
        struct keyvalue *value, struct err *err)
{
    static const char prefix[] = "grid.";
    char text[ID_BYTES_MAX + 1];
    size_t skip = strlen(prefix);

    if (key_is(value, "grid.name")) {
        int status = add_entry(grid, entry, err);
        *entry = (struct entry){value->value, value + 1, 0, value->line};
        return status;
    }
    if (entry->name.size == 0)
        return err_set(
                err, STATUS_INVALID, "grid: each entry begins with its name");
    if (value->key.size < skip + strlen("policy") ||
            memcmp(value->key.data, "grid.policy", skip + strlen("policy")) !=
                    0)
        return err_set(err, STATUS_INVALID,
                "%s: an entry has `name` and `policy`",
                bytes_text(value->key, text, sizeof(text)));
    value->key.data += skip;
    value->key.size -= skip;
    entry->count++;
    return 0;
}

static int read_grid(struct grid *grid, uint32_t *line, struct err *err)
{
    struct entry entry = {.line = 0};
    int status = 0;

    *line = 1;
    for (size_t i = 0; status == 0 && i < grid->file.count; i++) {
        *line = grid->file.values[i].line;
        status = take_value(grid, &entry, &grid->file.values[i], err);
    }
    if (status == 0) {
        *line = entry.line > 0 ? entry.line : 1;
        status = add_entry(grid, &entry, err);
    }
    if (status == 0 && grid->count == 0)
        status = err_set(err, STATUS_INVALID, "there is no `grid`");
    return status;
}

int grid_open(struct grid *grid, const char *path, struct err *err)
{
    uint32_t line;
    int status;

    memset(grid, 0, sizeof(*grid));
    status = flat_open(&grid->file, path, err);
    if (status != 0)
        return status;
    grid->arena = arena_over(malloc(ARENA_BYTES), ARENA_BYTES);
    if (grid->arena.data == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    status = read_grid(grid, &line, err);
    return status == 0 ? 0 : err_prefix(err, "%s:%u", path, line);
}

void grid_close(struct grid *grid)
{
    flat_close(&grid->file);
    free(grid->arena.data);
    grid->arena.data = NULL;
}
