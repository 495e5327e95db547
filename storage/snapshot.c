#include "storage/snapshot.h"

#include "base/crc.h"
#include "base/endian.h"

#include <inttypes.h>

#define SNAPSHOT_FORMAT       1
#define SNAPSHOT_HEADER_BYTES 16
#define SNAPSHOT_KEY_BYTES    12

static void key_write(
        uint8_t key[SNAPSHOT_KEY_BYTES], uint32_t problem, uint64_t sequence)
{
    store_be32(key, problem);
    store_be64(key + 4, sequence);
}

static uint32_t checksum(struct bytes rest, struct bytes key)
{
    return crc32c(crc32c(0, rest), key);
}

int snapshot_put(struct store_txn *txn, uint32_t problem,
        const struct snapshot *snapshot, struct err *err)
{
    uint8_t key[SNAPSHOT_KEY_BYTES];
    size_t size = SNAPSHOT_HEADER_BYTES + snapshot->state.size;
    uint8_t *room;
    int status;

    key_write(key, problem, snapshot->sequence);
    status = txn->call->reserve(txn, TABLE_SNAPSHOT, bytes_of(key, sizeof(key)),
            size, false, &room, err);
    if (status != 0)
        return status;
    store_le32(room + 4, SNAPSHOT_FORMAT);
    store_le64(room + 8, snapshot->digest);
    memcpy(room + SNAPSHOT_HEADER_BYTES, snapshot->state.data,
            snapshot->state.size);
    store_le32(room,
            checksum(bytes_of(room + 4, size - 4), bytes_of(key, sizeof(key))));
    return 0;
}

static int snapshot_of(struct bytes key, struct bytes value,
        struct snapshot *snapshot, struct err *err)
{
    uint64_t sequence = load_be64(key.data + 4);

    snapshot->sequence = sequence;
    if (value.size < SNAPSHOT_HEADER_BYTES ||
            load_le32(value.data) !=
                    checksum(bytes_of(value.data + 4, value.size - 4), key) ||
            load_le32(value.data + 4) != SNAPSHOT_FORMAT)
        return err_set(err, STATUS_CORRUPT,
                "snapshot of problem %u at %" PRIu64 " is damaged",
                load_be32(key.data), sequence);
    snapshot->digest = load_le64(value.data + 8);
    snapshot->state = bytes_of(value.data + SNAPSHOT_HEADER_BYTES,
            value.size - SNAPSHOT_HEADER_BYTES);
    return 0;
}

static bool key_of_problem(struct bytes key, uint32_t problem)
{
    return key.size == SNAPSHOT_KEY_BYTES && load_be32(key.data) == problem;
}

/* Moves the cursor to the newest entry at or before a sequence. */
static int seek_back(struct store_cursor *cursor, uint32_t problem,
        uint64_t sequence, struct bytes *key, struct bytes *value,
        struct err *err)
{
    uint8_t after[SNAPSHOT_KEY_BYTES];
    int status;

    if (sequence == UINT64_MAX)
        key_write(after, problem + 1, 0);
    else
        key_write(after, problem, sequence + 1);
    status = cursor->call->seek(
            cursor, bytes_of(after, sizeof(after)), key, value, err);
    if (status == 0)
        status = cursor->call->previous(cursor, key, value, err);
    else if (status == STATUS_NOT_FOUND)
        status = cursor->call->last(cursor, key, value, err);
    if (status == 0 && !key_of_problem(*key, problem))
        return err_set(err, STATUS_NOT_FOUND, "no snapshot");
    return status;
}

int snapshot_at(struct store_txn *txn, uint32_t problem, uint64_t sequence,
        struct snapshot *snapshot, struct err *err)
{
    struct store_cursor *cursor;
    struct bytes key, value;
    int status = txn->call->cursor_open(txn, TABLE_SNAPSHOT, &cursor, err);

    if (status != 0)
        return status;
    status = seek_back(cursor, problem, sequence, &key, &value, err);
    if (status == 0)
        status = snapshot_of(key, value, snapshot, err);
    cursor->call->cursor_close(cursor);
    return status;
}

/* The oldest snapshot, if there are more than `kept`; else NOT_FOUND. */
static int surplus(struct store_txn *txn, uint32_t problem, unsigned kept,
        uint64_t *sequence, struct err *err)
{
    struct store_cursor *cursor;
    struct bytes key, value;
    unsigned seen = 0;
    int status = txn->call->cursor_open(txn, TABLE_SNAPSHOT, &cursor, err);

    if (status != 0)
        return status;
    status = seek_back(cursor, problem, UINT64_MAX, &key, &value, err);
    while (status == 0 && key_of_problem(key, problem)) {
        *sequence = load_be64(key.data + 4);
        seen++;
        status = cursor->call->previous(cursor, &key, &value, err);
    }
    cursor->call->cursor_close(cursor);
    if (status != 0 && status != STATUS_NOT_FOUND)
        return status;
    return seen > kept ? 0 : STATUS_NOT_FOUND;
}

static int keep_only(
        struct store_txn *txn, uint32_t problem, unsigned kept, struct err *err)
{
    for (;;) {
        uint8_t key[SNAPSHOT_KEY_BYTES];
        uint64_t sequence = 0;
        int status = surplus(txn, problem, kept, &sequence, err);
        if (status == STATUS_NOT_FOUND)
            return 0;
        if (status == 0) {
            key_write(key, problem, sequence);
            status = txn->call->del(
                    txn, TABLE_SNAPSHOT, bytes_of(key, sizeof(key)), err);
        }
        if (status != 0)
            return status;
    }
}

int snapshot_prune(struct store_txn *txn, uint32_t problem, struct err *err)
{
    return keep_only(txn, problem, SNAPSHOTS_KEPT, err);
}

int snapshot_drop(struct store_txn *txn, uint32_t problem, struct err *err)
{
    return keep_only(txn, problem, 0, err);
}
