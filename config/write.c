#include "config/write.h"

#include "base/options.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct lines {
    struct keyvalue *list; /* [count]; `used`: written already */
    size_t count;
};

/* ---- reading ---- */

static int read_lines(struct lines *lines, struct bytes text, struct err *err)
{
    size_t most = 0;

    for (size_t i = 0; i < text.size; i++)
        most += text.data[i] == '\n';
    lines->list = calloc(most + 1, sizeof(*lines->list));
    lines->count = 0;
    if (lines->list == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    while (text.size > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.size);
        const uint8_t *colon = memchr(text.data, ':', text.size);
        struct keyvalue *line = &lines->list[lines->count++];
        size_t size, key;
        if (end == NULL || colon == NULL || colon + 2 > end || colon[1] != ' ')
            return err_set(err, STATUS_CORRUPT, "the settings are damaged");
        size = (size_t)(end - text.data) + 1;
        key = (size_t)(colon - text.data);
        line->key = bytes_of(text.data, key);
        line->value = bytes_of(colon + 2, size - key - 3);
        text.data += size;
        text.size -= size;
    }
    return 0;
}

/* ---- scalars ---- */

static bool is_plain(struct bytes value)
{
    for (size_t i = 0; i < value.size; i++) {
        uint8_t c = value.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                (c >= '0' && c <= '9');
        if (!letter && (i == 0 || strchr("_.-", c) == NULL))
            return false;
    }
    return value.size > 0;
}

/* In double quotes where it might mean something to YAML. Values are on one
 * line and have no control characters but tabs (config/flat.c). */
static void write_scalar(FILE *out, struct bytes value)
{
    if (is_plain(value)) {
        (void)fwrite(value.data, 1, value.size, out);
        return;
    }
    fputc('"', out);
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] == '\t') {
            fputs("\\t", out);
            continue;
        }
        if (value.data[i] == '"' || value.data[i] == '\\')
            fputc('\\', out);
        fputc(value.data[i], out);
    }
    fputc('"', out);
}

/* ---- sections ---- */

/* Up to the first dot. */
static struct bytes head_of(struct bytes key)
{
    const uint8_t *dot = key.size > 0 ? memchr(key.data, '.', key.size) : NULL;

    return dot == NULL ? key : bytes_of(key.data, (size_t)(dot - key.data));
}

static struct bytes rest_of(struct bytes key)
{
    size_t head = head_of(key).size;

    return head == key.size
            ? bytes_of(NULL, 0)
            : bytes_of(key.data + head + 1, key.size - head - 1);
}

/* Does the key stand earlier in its section, from line `from` on? */
static bool is_repeated(const struct lines *lines, size_t from, size_t at)
{
    for (size_t i = from; i < at; i++)
        if (bytes_equal(lines->list[i].key, lines->list[at].key))
            return true;
    return false;
}

static bool in_section(
        const struct lines *lines, size_t line, struct bytes head)
{
    return bytes_equal(head_of(lines->list[line].key), head);
}

static void write_name(FILE *out, struct bytes name)
{
    (void)fwrite(name.data, 1, name.size, out);
    fputc(':', out);
}

/* `head: value`, or `head: [value, ...]`. */
static void write_values(
        FILE *out, struct lines *lines, size_t first, struct bytes head)
{
    size_t count = 0, done = 0;

    for (size_t i = first; i < lines->count; i++)
        count += bytes_equal(lines->list[i].key, head);
    fputs("    ", out);
    write_name(out, head);
    fputs(count > 1 ? " [" : " ", out);
    for (size_t i = first; i < lines->count; i++) {
        if (!bytes_equal(lines->list[i].key, head))
            continue;
        if (done++ > 0)
            fputs(done % 12 == 1 ? ",\n      " : ", ", out);
        write_scalar(out, lines->list[i].value);
        lines->list[i].used = true;
    }
    fputs(count > 1 ? "]\n" : "\n", out);
}

/* `head:` and a mapping; where keys repeat, a list of mappings, each of which
 * begins where one would have a key twice. */
static void write_mapping(
        FILE *out, struct lines *lines, size_t first, struct bytes head)
{
    bool list = false, begun = false;
    size_t item = first;

    for (size_t i = first; i < lines->count; i++)
        list |= in_section(lines, i, head) && is_repeated(lines, first, i);
    fputs("    ", out);
    write_name(out, head);
    fputc('\n', out);
    for (size_t i = first; i < lines->count; i++) {
        if (!in_section(lines, i, head))
            continue;
        if (begun && is_repeated(lines, item, i)) {
            item = i;
            begun = false;
        }
        fputs(list && !begun ? "      - " : list ? "        " : "      ", out);
        begun = true;
        write_name(out, rest_of(lines->list[i].key));
        fputc(' ', out);
        write_scalar(out, lines->list[i].value);
        fputc('\n', out);
        lines->list[i].used = true;
    }
}

static void write_sections(FILE *out, struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        struct bytes head = head_of(lines->list[i].key);
        if (lines->list[i].used)
            continue;
        if (head.size == lines->list[i].key.size)
            write_values(out, lines, i, head);
        else
            write_mapping(out, lines, i, head);
    }
}

int config_write_problem(FILE *out, const char *comment, struct bytes name,
        struct bytes settings, struct err *err)
{
    struct lines lines = {NULL, 0};
    int status = read_lines(&lines, settings, err);

    if (status == 0) {
        if (comment != NULL)
            fputs(comment, out);
        fputs("problems:\n  - name: ", out);
        write_scalar(out, name);
        fputc('\n', out);
        write_sections(out, &lines);
    }
    free(lines.list);
    return status;
}
