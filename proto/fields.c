#include "proto/fields.h"

#include <math.h>

static struct field *find(struct field *list, uint32_t count, struct bytes name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (bytes_equal(list[i].name, name))
            return &list[i];
    }
    return NULL;
}

int fields_merge(const struct fields *before, const struct fields *later,
        struct arena *arena, struct fields *merged, struct err *err)
{
    uint32_t count = before->count;
    struct field *list =
            arena_array(arena, struct field, before->count + later->count);

    if (list == NULL)
        return err_set(err, STATUS_BUSY, "the event is too large");
    for (uint32_t i = 0; i < count; i++)
        list[i] = before->list[i];
    for (uint32_t i = 0; i < later->count; i++) {
        struct field *same = find(list, count, later->list[i].name);
        *(same != NULL ? same : &list[count++]) = later->list[i];
    }
    if (count > FIELDS_MAX)
        return err_set(err, STATUS_INVALID,
                "field: the event has %u different ones, at most %u", count,
                FIELDS_MAX);
    *merged = (struct fields){count, list};
    return 0;
}

void fields_write(const struct fields *fields, struct writer *writer)
{
    CHECK(fields->count <= FIELDS_MAX);
    write_u8(writer, (uint8_t)fields->count);
    for (uint32_t i = 0; i < fields->count; i++) {
        CHECK(fields->list[i].name.size <= ID_BYTES_MAX);
        write_u8(writer, (uint8_t)fields->list[i].name.size);
        write_bytes(writer, fields->list[i].name);
        write_f64(writer, fields->list[i].value);
    }
}

static bool read_one(struct field *field, struct reader *reader)
{
    uint8_t size = read_u8(reader);

    field->name = read_bytes(reader, size);
    field->value = read_f64(reader);
    return !reader->failed && size >= 1 && size <= ID_BYTES_MAX &&
            fabs(field->value) <= VALUE_MAX;
}

bool fields_check(struct reader *reader)
{
    uint8_t count = read_u8(reader);
    struct field field;

    for (uint8_t i = 0; i < count; i++) {
        if (!read_one(&field, reader))
            return false;
    }
    return !reader->failed && count <= FIELDS_MAX;
}

bool fields_read(
        struct fields *fields, struct reader *reader, struct arena *arena)
{
    uint8_t count = read_u8(reader);
    struct field *list = arena_array(arena, struct field, count);

    for (uint8_t i = 0; list != NULL && i < count; i++) {
        if (!read_one(&list[i], reader))
            return false;
    }
    *fields = (struct fields){count, list};
    return list != NULL && !reader->failed && count <= FIELDS_MAX;
}

int fields_add(struct bytes *kept, const struct fields *later,
        struct arena *arena, struct fields *merged, struct err *err)
{
    struct reader reader = reader_of(*kept);
    uint8_t *data = arena_alloc(arena, FIELDS_BYTES_MAX);
    struct fields before = {0};
    struct writer writer;
    int status;

    if (data == NULL ||
            (kept->size > 0 && !fields_read(&before, &reader, arena)))
        return err_set(err, STATUS_BUSY, "the event is too large");
    status = fields_merge(&before, later, arena, merged, err);
    if (status != 0)
        return status;
    writer = writer_over(data, FIELDS_BYTES_MAX);
    fields_write(merged, &writer);
    *kept = writer_bytes(&writer);
    return 0;
}
