#include "policies/committee.h"

#include "base/crc.h"
#include "base/endian.h"
#include "policies/flow.h"

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

/* What stands before the models. */
static void save_head(uint64_t lessons, double effective, uint32_t count,
        struct writer *writer)
{
    write_u64(writer, lessons);
    write_f64(writer, effective);
    write_u32(writer, count);
}

/* The frame of one model: its size before it, and its checksum, which is known
 * when it is there, into the gap. */
static void begin(struct writer *writer, size_t size)
{
    CHECK(size <= UINT32_MAX);
    write_u32(writer, (uint32_t)size);
    write_u32(writer, 0);
}

static void end(struct writer *writer, size_t size)
{
    uint8_t *start;

    if (writer->failed || writer->data == NULL)
        return;
    start = writer->data + writer->size - size;
    store_le32(start - sizeof(uint32_t), crc32c(0, bytes_of(start, size)));
}

void committee_save(const struct committee *committee, struct writer *writer)
{
    save_head(
            committee->lessons, committee->effective, committee->count, writer);
    for (uint32_t i = 0; i < committee->count; i++) {
        begin(writer, committee->model[i].size);
        write_bytes(writer, committee->model[i]);
        end(writer, committee->model[i].size);
    }
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

/* ---- for an oracle that serves the models ---- */

bool committee_untrained(const void *self)
{
    const struct committee_head *head = self;

    return head->count == 0;
}

void committee_learn(
        void *self, const struct lesson *lesson, struct arena *scratch)
{
    struct committee_head *head = self;

    (void)lesson;
    (void)scratch;
    head->lessons++;
}

double committee_effective(const void *self)
{
    const struct committee_head *head = self;

    return head->effective;
}

void committee_save_all(const struct committee_head *head,
        committee_save_model *save, const void *oracle, struct writer *writer)
{
    save_head(head->lessons, head->effective, head->count, writer);
    for (uint32_t i = 0; i < head->count; i++) {
        struct writer count = writer_counting();
        save(oracle, i, &count);
        begin(writer, count.size);
        save(oracle, i, writer);
        end(writer, count.size);
    }
}

int committee_load_all(struct committee_head *head, uint32_t most,
        committee_load_model *load, void *oracle, struct reader *reader,
        struct err *err)
{
    struct committee committee;

    if (committee_load(&committee, most, reader, err) != 0)
        return STATUS_CORRUPT;
    for (uint32_t i = 0; i < committee.count; i++)
        if (load(oracle, i, committee.model[i], err) != 0)
            return STATUS_CORRUPT;
    *head = (struct committee_head){
            committee.lessons, committee.effective, committee.count};
    return 0;
}

bool committee_sound(const struct committee_head *head, uint32_t most)
{
    return head->count <= most && isfinite(head->effective) &&
            head->effective >= 0.0;
}

void committee_average(const struct committee_head *head, bool logistic,
        double *losses, uint32_t count)
{
    if (head->count == 0)
        return;
    for (uint32_t i = 0; i < count; i++) {
        losses[i] /= head->count;
        if (logistic)
            losses[i] = flow_sigmoid(losses[i]);
    }
}
