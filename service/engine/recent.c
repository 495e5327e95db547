#include "service/engine/recent.h"

#include "base/bytes.h"

static void take_id(struct recent_id *id, struct bytes bytes)
{
    size_t size = bytes.size < ID_BYTES_MAX ? bytes.size : ID_BYTES_MAX;

    id->size = (uint8_t)size;
    if (size > 0)
        memcpy(id->id, bytes.data, size);
}

void recent_note(struct recent *recent, struct bytes event)
{
    take_id(&recent->last, event);
}

void recent_alarmed(struct recent *recent, nanos time,
        const struct alarm *alarm, struct bytes name)
{
    struct recent_alarm *kept = &recent->alarms[recent->count % RECENT_ALARMS];

    recent->count++;
    kept->time = time;
    kept->alarm = *alarm;
    take_id(&kept->name, name);
    kept->event = recent->last;
}

uint32_t recent_kept(const struct recent *recent)
{
    return recent->count < RECENT_ALARMS ? (uint32_t)recent->count
                                         : RECENT_ALARMS;
}

const struct recent_alarm *recent_alarm(
        const struct recent *recent, uint32_t back)
{
    CHECK(back < recent_kept(recent));
    return &recent->alarms[(recent->count - 1 - back) % RECENT_ALARMS];
}

struct bytes recent_bytes(const struct recent_id *id)
{
    return bytes_of(id->id, id->size);
}

/* ---- state ---- */

static void save_id(const struct recent_id *id, struct writer *writer)
{
    write_u8(writer, id->size);
    write_bytes(writer, recent_bytes(id));
}

static bool load_id(struct recent_id *id, struct reader *reader)
{
    uint8_t size = read_u8(reader);
    struct bytes bytes;

    if (size > ID_BYTES_MAX)
        return false;
    bytes = read_bytes(reader, size);
    if (reader->failed)
        return false;
    take_id(id, bytes);
    return true;
}

void recent_save(const struct recent *recent, struct writer *writer)
{
    save_id(&recent->last, writer);
    write_i64(writer, recent->promoted);
    write_u64(writer, recent->count);
    for (uint32_t i = recent_kept(recent); i > 0; i--) {
        const struct recent_alarm *kept = recent_alarm(recent, i - 1);
        write_i64(writer, kept->time);
        alarm_save(&kept->alarm, writer);
        save_id(&kept->name, writer);
        save_id(&kept->event, writer);
    }
}

bool recent_load(struct recent *recent, struct reader *reader)
{
    if (!load_id(&recent->last, reader))
        return false;
    recent->promoted = read_i64(reader);
    recent->count = read_u64(reader);
    for (uint32_t i = recent_kept(recent); i > 0; i--) {
        struct recent_alarm *kept =
                &recent->alarms[(recent->count - i) % RECENT_ALARMS];
        kept->time = read_i64(reader);
        if (!alarm_load(&kept->alarm, reader) ||
                !load_id(&kept->name, reader) || !load_id(&kept->event, reader))
            return false;
    }
    return !reader->failed;
}
