#include "formats/csv.h"

/* A field in quotes; *text is what follows it. Doubled quotes stand for one. */
static int quoted(struct bytes *text, struct arena *arena, struct csv_row *row,
        struct bytes *field, struct err *err)
{
    uint8_t *out = arena_alloc(arena, text->size);
    size_t size = 0, at = 1;

    if (out == NULL)
        return err_set(err, STATUS_INVALID, "the row is too large");
    for (; at < text->size; at++) {
        if (text->data[at] == '"') {
            if (at + 1 == text->size || text->data[at + 1] != '"')
                break;
            at++;
        }
        out[size++] = text->data[at];
    }
    arena->used -= text->size - size;
    *field = bytes_of(out, size);
    row->open = at == text->size;
    at += !row->open;
    text->data += at;
    text->size -= at;
    if (text->size == 0 || text->data[0] == ',')
        return 0;
    return err_set(err, STATUS_INVALID, "text behind a closing quote");
}

static void plain(struct bytes *text, struct bytes *field)
{
    const uint8_t *end =
            text->size == 0 ? NULL : memchr(text->data, ',', text->size);
    size_t size = end == NULL ? text->size : (size_t)(end - text->data);

    *field = bytes_of(text->data, size);
    text->data += size;
    text->size -= size;
}

int csv_split(struct bytes text, struct arena *arena, struct csv_row *row,
        struct err *err)
{
    bool more = true;

    row->count = 0;
    row->open = false;
    while (more) {
        struct bytes field;
        if (row->count == CSV_FIELDS_MAX)
            return err_set(
                    err, STATUS_INVALID, "more than %u fields", CSV_FIELDS_MAX);
        if (text.size > 0 && text.data[0] == '"') {
            int status = quoted(&text, arena, row, &field, err);
            if (status != 0)
                return status;
        } else {
            plain(&text, &field);
        }
        row->fields[row->count++] = field;
        more = text.size > 0; /* a comma */
        text.data += more;
        text.size -= more;
    }
    return 0;
}

uint32_t csv_find(const struct csv_row *row, struct bytes name)
{
    for (uint32_t i = 0; i < row->count; i++)
        if (bytes_equal(row->fields[i], name))
            return i;
    return UINT32_MAX;
}
