#include "policies/committee.h"

#include "base/crc.h"
#include "base/endian.h"

#include <math.h>

void committee_add(
        struct committee *committee, struct bytes model, uint32_t most)
{
    CHECK(most >= 1 && most <= COMMITTEE_MAX);
    while (committee->count >= most) {
        for (uint32_t i = 1; i < committee->count; i++)
            committee->model[i - 1] = committee->model[i];
        committee->count--;
    }
    committee->model[committee->count++] = model;
}

void committee_save_head(uint64_t lessons, double effective, uint32_t count,
        struct writer *writer)
{
    write_u64(writer, lessons);
    write_f64(writer, effective);
    write_u32(writer, count);
}

void committee_save(const struct committee *committee, struct writer *writer)
{
    committee_save_head(
            committee->lessons, committee->effective, committee->count, writer);
    for (uint32_t i = 0; i < committee->count; i++) {
        committee_begin(writer, committee->model[i].size);
        write_bytes(writer, committee->model[i]);
        committee_end(writer, committee->model[i].size);
    }
}

void committee_begin(struct writer *writer, size_t size)
{
    CHECK(size <= UINT32_MAX);
    write_u32(writer, (uint32_t)size);
    write_u32(writer, 0);
}

void committee_end(struct writer *writer, size_t size)
{
    uint8_t *start;

    if (writer->failed || writer->data == NULL)
        return;
    start = writer->data + writer->size - size;
    store_le32(start - sizeof(uint32_t), crc32c(0, bytes_of(start, size)));
}

int committee_load(struct committee *committee, uint32_t most,
        struct reader *reader, struct err *err)
{
    committee->lessons = read_u64(reader);
    committee->effective = read_f64(reader);
    committee->count = read_u32(reader);
    if (reader->failed || !isfinite(committee->effective) ||
            committee->effective < 0.0)
        return err_set(err, STATUS_CORRUPT, "models: the head is damaged");
    if (committee->count > most)
        return err_set(err, STATUS_CORRUPT,
                "models: %u of them, and at most %u are averaged",
                committee->count, most);
    for (uint32_t i = 0; i < committee->count; i++) {
        uint32_t size = read_u32(reader);
        uint32_t crc = read_u32(reader);
        committee->model[i] = read_bytes(reader, size);
        if (reader->failed || crc32c(0, committee->model[i]) != crc)
            return err_set(err, STATUS_CORRUPT,
                    "models: number %u is cut short or damaged", i);
    }
    return 0;
}
