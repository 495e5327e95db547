#include "replay/model_line.h"

#include "base/json.h"
#include "base/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* What a line has beside its bytes, at most. */
#define HEAD_BYTES 512u
#define PARTS_MAX  258u
_Static_assert(PARTS_MAX == GENERATION_BYTES_MAX / MODEL_PART_BYTES + 2,
        "a part more than the largest model, and its head");

static const char digits[] = "0123456789abcdef";

/* ---- reading a line ---- */

static int digit_of(uint8_t byte)
{
    const char *at = byte == '\0' ? NULL : strchr(digits, byte);

    return at == NULL ? -1 : (int)(at - digits);
}

static struct bytes read_hex(struct json *json, struct arena *arena)
{
    struct bytes text = {NULL, 0};
    uint8_t *out;

    if (!json_text(json, &text) || text.size % 2 != 0) {
        json_fail(json, "not bytes in hexadecimal");
        return bytes_of(NULL, 0);
    }
    out = arena_alloc(arena, text.size / 2);
    for (size_t i = 0; out != NULL && i < text.size / 2; i++) {
        int high = digit_of(text.data[2 * i]);
        int low = digit_of(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            json_fail(json, "not bytes in hexadecimal");
        out[i] = (uint8_t)((unsigned)high << 4 | (unsigned)low);
    }
    if (out == NULL)
        json_fail(json, "too large");
    return bytes_of(out, out == NULL ? 0 : text.size / 2);
}

/* A whole number up to `most`. */
static uint64_t read_count(struct json *json, double most)
{
    double value = 0.0;

    if (!json_number(json, &value))
        return 0;
    if (value >= 0.0 && value <= most && value == (double)(uint64_t)value)
        return (uint64_t)value;
    json_fail(json, "not a whole number, or too large");
    return 0;
}

static void read_member(struct json *json, struct bytes key,
        struct arena *arena, struct model_part *part)
{
    if (bytes_equal(key, bytes_of_text("problem")))
        (void)json_text(json, &part->problem);
    else if (bytes_equal(key, bytes_of_text("generation")))
        part->generation = read_count(json, 9e15);
    else if (bytes_equal(key, bytes_of_text("part")))
        part->part = (uint32_t)read_count(json, PARTS_MAX);
    else if (bytes_equal(key, bytes_of_text("of")))
        part->of = (uint32_t)read_count(json, PARTS_MAX);
    else if (bytes_equal(key, bytes_of_text("hex")))
        part->bytes = read_hex(json, arena);
    else
        json_fail(json, "a member that a model has not");
}

/* The first member says what a line is of. */
static bool is_model(struct json *json)
{
    struct bytes key, kind;

    return json_begin_object(json) && json_member(json, &key) &&
            bytes_equal(key, bytes_of_text("kind")) &&
            json_peek(json) == JSON_TEXT && json_text(json, &kind) &&
            bytes_equal(kind, bytes_of_text("model"));
}

int model_part_read(struct bytes line, struct arena *arena,
        struct model_part *part, struct err *err)
{
    struct json json = json_of(line, arena);
    struct bytes key;

    memset(part, 0, sizeof(*part));
    if (!is_model(&json))
        return STATUS_NOT_FOUND;
    while (json_member(&json, &key))
        read_member(&json, key, arena, part);
    if (!json_done(&json))
        return err_set(err, STATUS_INVALID, "model: byte %zu: %s",
                json_at(&json), json.what);
    if (part->problem.size == 0 || part->problem.size > ID_BYTES_MAX ||
            part->part >= part->of || part->bytes.size == 0)
        return err_set(err, STATUS_INVALID, "model: it is not a part of one");
    return 0;
}

/* ---- writing lines ---- */

/* A generation's file on the heap. */
static int make_file(struct store_txn *txn, uint32_t problem, uint64_t number,
        uint8_t **file, size_t *size, struct err *err)
{
    struct generation generation;
    struct bytes model;
    struct writer writer;
    int status =
            generation_model(txn, problem, number, &generation, &model, err);

    if (status != 0)
        return status;
    generation.promoted = 0;
    *size = generation_file_size(&generation, model);
    *file = malloc(*size);
    if (*file == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory for a model");
    writer = writer_over(*file, *size);
    generation_file_write(&generation, 0, model, &writer);
    return 0;
}

static struct bytes write_part(uint8_t *block, size_t room, struct bytes name,
        uint64_t generation, uint32_t part, uint32_t of, struct bytes bytes)
{
    struct writer writer = writer_over(block, room);
    char text[128];

    write_bytes(&writer, bytes_of_text("{\"kind\":\"model\",\"problem\":"));
    (void)json_write_text(&writer, name);
    (void)snprintf(text, sizeof(text),
            ",\"generation\":%" PRIu64 ",\"part\":%u,\"of\":%u,\"hex\":\"",
            generation, part, of);
    write_bytes(&writer, bytes_of_text(text));
    for (size_t i = 0; i < bytes.size; i++) {
        write_u8(&writer, (uint8_t)digits[bytes.data[i] >> 4]);
        write_u8(&writer, (uint8_t)digits[bytes.data[i] & 15u]);
    }
    write_bytes(&writer, bytes_of_text("\"}\n"));
    CHECK(!writer.failed);
    return writer_bytes(&writer);
}

int model_lines_write(struct store_txn *txn, uint32_t problem,
        struct bytes name, uint64_t generation,
        int (*write)(void *self, struct bytes line, struct err *err),
        void *self, struct err *err)
{
    size_t room = HEAD_BYTES + 6 * ID_BYTES_MAX + 2 * MODEL_PART_BYTES;
    size_t size = 0;
    uint8_t *file = NULL, *block = malloc(room);
    uint32_t of;
    int status = block == NULL
            ? err_set(err, STATUS_INTERNAL, "no memory for a model")
            : make_file(txn, problem, generation, &file, &size, err);

    of = (uint32_t)((size + MODEL_PART_BYTES - 1) / MODEL_PART_BYTES);
    for (uint32_t part = 0; status == 0 && part < of; part++) {
        size_t from = part * MODEL_PART_BYTES;
        size_t left = size - from;
        struct bytes bytes = bytes_of(
                file + from, left < MODEL_PART_BYTES ? left : MODEL_PART_BYTES);
        status = write(self,
                write_part(block, room, name, generation, part, of, bytes),
                err);
    }
    free(file);
    free(block);
    return status;
}

/* ---- taking parts ---- */

void model_parts_free(struct model_parts *parts)
{
    free(parts->data);
    memset(parts, 0, sizeof(*parts));
}

static int refuse(struct model_parts *parts, const char *what, struct err *err)
{
    model_parts_free(parts);
    return err_set(err, STATUS_INVALID, "model: %s", what);
}

static int append(
        struct model_parts *parts, struct bytes bytes, struct err *err)
{
    size_t room = parts->size + bytes.size;
    uint8_t *data;

    if (room > parts->room) {
        data = realloc(parts->data, 2 * room);
        if (data == NULL)
            return err_set(err, STATUS_INTERNAL, "no memory for a model");
        parts->data = data;
        parts->room = 2 * room;
    }
    memcpy(parts->data + parts->size, bytes.data, bytes.size);
    parts->size = room;
    return 0;
}

/* Written once; one that is there already must be the same. */
static int put(
        struct model_parts *parts, struct store_txn *txn, struct err *err)
{
    struct generation generation, there;
    struct bytes model;
    int status = generation_file_read(
            bytes_of(parts->data, parts->size), 0, &generation, &model, err);

    if (status != 0)
        return refuse(parts, "its bytes are damaged", err);
    if (generation.number != parts->generation)
        return refuse(parts, "it is another generation's", err);
    generation.promoted = 0;
    status =
            generation_get(txn, parts->problem, generation.number, &there, err);
    if (status == STATUS_NOT_FOUND)
        status = generation_put(txn, parts->problem, &generation, model, err);
    else if (status == 0 && there.digest != generation.digest)
        return refuse(parts, "another one has its number", err);
    if (status == 0)
        model_parts_free(parts);
    return status;
}

int model_parts_take(struct model_parts *parts, struct store_txn *txn,
        uint32_t problem, const struct model_part *part, struct err *err)
{
    int status;

    if (part->part == 0)
        model_parts_free(parts);
    else if (part->part != parts->next || part->of != parts->of ||
            problem != parts->problem || part->generation != parts->generation)
        return refuse(parts, "a part that does not follow", err);
    parts->problem = problem;
    parts->generation = part->generation;
    parts->of = part->of;
    parts->next = part->part + 1;
    if (parts->size + part->bytes.size >
            GENERATION_BYTES_MAX + MODEL_PART_BYTES)
        return refuse(parts, "too large", err);
    status = append(parts, part->bytes, err);
    if (status != 0 || parts->next < parts->of)
        return status;
    return put(parts, txn, err);
}
