#include "storage/log.h"

#include "base/crc.h"
#include "base/endian.h"

#include <inttypes.h>

#define LOG_FORMAT 1

struct log_key {
    uint8_t bytes[8];
};

static struct log_key key_of(uint64_t sequence)
{
    struct log_key key;

    store_be64(key.bytes, sequence);
    return key;
}

static struct bytes key_bytes(const struct log_key *key)
{
    return bytes_of(key->bytes, sizeof(key->bytes));
}

/* Checksum of what follows the crc in a stored value, and of its number. */
static uint32_t checksum(struct bytes rest, uint64_t sequence)
{
    uint8_t number[8];

    store_le64(number, sequence);
    return crc32c(crc32c(0, rest), bytes_of(number, sizeof(number)));
}

static int damaged(uint64_t sequence, const char *what, struct err *err)
{
    return err_set(
            err, STATUS_CORRUPT, "log record %" PRIu64 ": %s", sequence, what);
}

static int edge(
        struct store_txn *txn, bool last, uint64_t *sequence, struct err *err)
{
    struct store_cursor *cursor;
    struct bytes key, value;
    int status = txn->call->cursor_open(txn, TABLE_LOG, &cursor, err);

    if (status != 0)
        return status;
    status = last
            ? cursor->call->last(cursor, &key, &value, err)
            : cursor->call->seek(cursor, bytes_of(NULL, 0), &key, &value, err);
    cursor->call->cursor_close(cursor);
    *sequence = 0;
    if (status == STATUS_NOT_FOUND)
        return 0;
    if (status == 0 && key.size != 8)
        return err_set(err, STATUS_CORRUPT, "log: a key is damaged");
    if (status == 0)
        *sequence = load_be64(key.data);
    return status;
}

int log_last(struct store_txn *txn, uint64_t *sequence, struct err *err)
{
    return edge(txn, true, sequence, err);
}

int log_first(struct store_txn *txn, uint64_t *sequence, struct err *err)
{
    return edge(txn, false, sequence, err);
}

int log_append(struct store_txn *txn, uint64_t sequence, enum record_kind kind,
        struct bytes payload, struct err *err)
{
    struct log_key key = key_of(sequence);
    size_t size = LOG_HEADER_BYTES + payload.size;
    uint8_t *room;
    int status = txn->call->reserve(
            txn, TABLE_LOG, key_bytes(&key), size, true, &room, err);

    if (status != 0)
        return status;
    room[4] = LOG_FORMAT;
    room[5] = (uint8_t)kind;
    room[6] = 0;
    room[7] = 0;
    memcpy(room + LOG_HEADER_BYTES, payload.data, payload.size);
    store_le32(room, checksum(bytes_of(room + 4, size - 4), sequence));
    return 0;
}

static int entry_of(uint64_t sequence, struct bytes value,
        struct log_entry *entry, struct err *err)
{
    if (value.size < LOG_HEADER_BYTES)
        return damaged(sequence, "is too short", err);
    if (load_le32(value.data) !=
            checksum(bytes_of(value.data + 4, value.size - 4), sequence))
        return damaged(sequence, "its checksum does not match", err);
    if (value.data[4] != LOG_FORMAT || value.data[6] != 0 || value.data[7] != 0)
        return damaged(sequence, "is of a format this version lacks", err);
    if (value.data[5] < 1 || value.data[5] > RECORD_KIND_MAX)
        return damaged(sequence, "is of a kind this version lacks", err);
    entry->sequence = sequence;
    entry->kind = (enum record_kind)value.data[5];
    entry->payload = bytes_of(
            value.data + LOG_HEADER_BYTES, value.size - LOG_HEADER_BYTES);
    return 0;
}

int log_get(struct store_txn *txn, uint64_t sequence, struct log_entry *entry,
        struct err *err)
{
    struct log_key key = key_of(sequence);
    struct bytes value;
    int status = txn->call->get(txn, TABLE_LOG, key_bytes(&key), &value, err);

    return status == 0 ? entry_of(sequence, value, entry, err) : status;
}

int log_cursor_open(struct log_cursor *cursor, struct store_txn *txn,
        uint64_t from, struct err *err)
{
    cursor->next = from;
    cursor->started = false;
    return txn->call->cursor_open(txn, TABLE_LOG, &cursor->cursor, err);
}

int log_cursor_next(
        struct log_cursor *cursor, struct log_entry *entry, struct err *err)
{
    struct log_key key = key_of(cursor->next);
    struct bytes found, value;
    uint64_t sequence;
    int status = cursor->started
            ? cursor->cursor->call->next(cursor->cursor, &found, &value, err)
            : cursor->cursor->call->seek(
                      cursor->cursor, key_bytes(&key), &found, &value, err);

    if (status != 0)
        return status;
    if (found.size != 8)
        return err_set(err, STATUS_CORRUPT, "log: a key is damaged");
    sequence = load_be64(found.data);
    if (cursor->started && sequence != cursor->next)
        return damaged(cursor->next, "is missing", err);
    cursor->started = true;
    cursor->next = sequence + 1;
    return entry_of(sequence, value, entry, err);
}

void log_cursor_close(struct log_cursor *cursor)
{
    cursor->cursor->call->cursor_close(cursor->cursor);
}

int log_delete(struct store_txn *txn, uint64_t sequence, struct err *err)
{
    struct log_key key = key_of(sequence);

    return txn->call->del(txn, TABLE_LOG, key_bytes(&key), err);
}
