#include "base/bytes.h"

#include "base/endian.h"

const char *bytes_text(struct bytes bytes, char *out, size_t size)
{
    size_t used = 0;

    CHECK(size > 0);
    for (; used < bytes.size && used + 1 < size; used++) {
        uint8_t byte = bytes.data[used];
        out[used] = byte >= 32 && byte < 127 ? (char)byte : '?';
    }
    out[used] = '\0';
    return out;
}

/* The next `size` bytes, or NULL with `failed` set. */
static const uint8_t *reader_take(struct reader *reader, size_t size)
{
    const uint8_t *data = reader->rest.data;

    if (reader->failed || size > reader->rest.size) {
        reader->failed = true;
        return NULL;
    }
    if (size > 0) {
        reader->rest.data += size;
        reader->rest.size -= size;
    }
    return data;
}

uint8_t read_u8(struct reader *reader)
{
    const uint8_t *data = reader_take(reader, 1);
    return data == NULL ? 0 : data[0];
}

uint16_t read_u16(struct reader *reader)
{
    const uint8_t *data = reader_take(reader, 2);
    return data == NULL ? 0 : (uint16_t)(data[0] | (unsigned)data[1] << 8);
}

uint32_t read_u32(struct reader *reader)
{
    const uint8_t *data = reader_take(reader, 4);
    return data == NULL ? 0 : load_le32(data);
}

uint64_t read_u64(struct reader *reader)
{
    const uint8_t *data = reader_take(reader, 8);
    return data == NULL ? 0 : load_le64(data);
}

int64_t read_i64(struct reader *reader)
{
    return (int64_t)read_u64(reader);
}

float read_f32(struct reader *reader)
{
    uint32_t bits = read_u32(reader);
    float value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

double read_f64(struct reader *reader)
{
    uint64_t bits = read_u64(reader);
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

void read_f64s(struct reader *reader, double *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = read_f64(reader);
}

struct bytes read_bytes(struct reader *reader, size_t size)
{
    const uint8_t *data = reader_take(reader, size);
    return bytes_of(data, reader->failed ? 0 : size);
}

bool reader_done(const struct reader *reader)
{
    return !reader->failed && reader->rest.size == 0;
}

/* Room for `size` bytes, or NULL when only counting or when it is full. */
static uint8_t *writer_room(struct writer *writer, size_t size)
{
    uint8_t *room;

    if (writer->failed || size > writer->capacity - writer->size) {
        writer->failed = true;
        return NULL;
    }
    room = writer->data == NULL ? NULL : writer->data + writer->size;
    writer->size += size;
    return room;
}

void write_u8(struct writer *writer, uint8_t value)
{
    uint8_t *room = writer_room(writer, 1);
    if (room != NULL)
        room[0] = value;
}

void write_u16(struct writer *writer, uint16_t value)
{
    write_u8(writer, (uint8_t)(value & 0xff));
    write_u8(writer, (uint8_t)(value >> 8));
}

void write_u32(struct writer *writer, uint32_t value)
{
    uint8_t *room = writer_room(writer, 4);
    if (room != NULL)
        store_le32(room, value);
}

void write_u64(struct writer *writer, uint64_t value)
{
    uint8_t *room = writer_room(writer, 8);
    if (room != NULL)
        store_le64(room, value);
}

void write_i64(struct writer *writer, int64_t value)
{
    write_u64(writer, (uint64_t)value);
}

void write_f32(struct writer *writer, float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    write_u32(writer, bits);
}

void write_f64(struct writer *writer, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    write_u64(writer, bits);
}

void write_f64s(struct writer *writer, const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        write_f64(writer, values[i]);
}

void write_bytes(struct writer *writer, struct bytes bytes)
{
    uint8_t *room = writer_room(writer, bytes.size);
    if (room != NULL && bytes.size > 0)
        memcpy(room, bytes.data, bytes.size);
}
