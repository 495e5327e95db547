/* Runs of bytes, and the only way to read or write bytes of a fixed format:
 * cursors that cannot leave their block. All numbers are little-endian.
 *
 * A cursor that would leave its block sets `failed` and from then on reads
 * zeros or writes nothing, so that a parser can read all its fields and look
 * at `failed` once. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include "base/check.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* A view of bytes that somebody else owns. `data` may be NULL if size is 0. */
struct bytes {
    const uint8_t *data;
    size_t size;
};

static inline struct bytes bytes_of(const void *data, size_t size)
{
    return (struct bytes){data, size};
}

/* View of a C string without its final zero. */
static inline struct bytes bytes_of_text(const char *text)
{
    return bytes_of(text, strlen(text));
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size &&
            (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* As memcmp, the shorter one first where one begins with the other. */
static inline int bytes_compare(struct bytes a, struct bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size == 0 ? 0 : memcmp(a.data, b.data, size);

    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* Printable text of a byte string, for messages: control characters and
 * bytes above 126 become '?'. Writes at most size bytes, ends in zero. */
const char *bytes_text(struct bytes bytes, char *out, size_t size);

struct reader {
    struct bytes rest;
    bool failed;
};

static inline struct reader reader_of(struct bytes bytes)
{
    return (struct reader){bytes, false};
}

uint8_t read_u8(struct reader *reader);
uint16_t read_u16(struct reader *reader);
uint32_t read_u32(struct reader *reader);
uint64_t read_u64(struct reader *reader);
int64_t read_i64(struct reader *reader);
float read_f32(struct reader *reader);
double read_f64(struct reader *reader);
void read_f64s(struct reader *reader, double *out, size_t count);
/* A view of the next `size` bytes; empty after failure. */
struct bytes read_bytes(struct reader *reader, size_t size);
/* True when everything was read and nothing failed. */
bool reader_done(const struct reader *reader);

struct writer {
    uint8_t *data;
    size_t capacity;
    size_t size;
    bool failed;
};

/* A writer over a block of the caller. With data NULL and capacity SIZE_MAX
 * it only counts: `size` is then the number of bytes needed. */
static inline struct writer writer_over(void *data, size_t capacity)
{
    return (struct writer){data, capacity, 0, false};
}

static inline struct writer writer_counting(void)
{
    return (struct writer){NULL, SIZE_MAX, 0, false};
}

static inline struct bytes writer_bytes(const struct writer *writer)
{
    return bytes_of(writer->data, writer->size);
}

void write_u8(struct writer *writer, uint8_t value);
void write_u16(struct writer *writer, uint16_t value);
void write_u32(struct writer *writer, uint32_t value);
void write_u64(struct writer *writer, uint64_t value);
void write_i64(struct writer *writer, int64_t value);
void write_f32(struct writer *writer, float value);
void write_f64(struct writer *writer, double value);
void write_f64s(struct writer *writer, const double *values, size_t count);
void write_bytes(struct writer *writer, struct bytes bytes);

#endif
