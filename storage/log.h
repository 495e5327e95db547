/* The log: records under sequence numbers 1, 2, 3, ... without a gap, each
 * with a checksum that covers its number too, so that a record that is
 * damaged or stands in another's place is found.
 *
 * Stored value (little-endian):
 *     u32 crc32c of all that follows and of the sequence number (8 bytes)
 *     u8  format, 1
 *     u8  kind (proto/record.h)
 *     u16 zero
 *     the record's message (proto/rue.proto) */
#ifndef STORAGE_LOG_H
#define STORAGE_LOG_H

#include "proto/record.h"
#include "storage/store.h"

#define LOG_HEADER_BYTES 8

/* A stored record: a view into the store. */
struct log_entry {
    uint64_t sequence;
    enum record_kind kind;
    struct bytes payload;
};

/* Sequence of the last record, 0 if there is none. */
int log_last(
        struct store_txn *txn, uint64_t *sequence, struct err *err) MUST_USE;
/* Sequence of the first record that is kept, 0 if there is none. */
int log_first(
        struct store_txn *txn, uint64_t *sequence, struct err *err) MUST_USE;

/* Appends under `sequence`, which must be the one after the last. */
int log_append(struct store_txn *txn, uint64_t sequence, enum record_kind kind,
        struct bytes payload, struct err *err) MUST_USE;

/* 0, NOT_FOUND, CORRUPT (names the sequence), IO. */
int log_get(struct store_txn *txn, uint64_t sequence, struct log_entry *entry,
        struct err *err) MUST_USE;

/* Reads forward. The cursor belongs to the transaction's thread. */
struct log_cursor {
    struct store_cursor *cursor;
    uint64_t next;
    bool started;
};

int log_cursor_open(struct log_cursor *cursor, struct store_txn *txn,
        uint64_t from, struct err *err) MUST_USE;
/* 0; NOT_FOUND at the end; CORRUPT for a damaged record or a gap. */
int log_cursor_next(struct log_cursor *cursor, struct log_entry *entry,
        struct err *err) MUST_USE;
void log_cursor_close(struct log_cursor *cursor);

/* For retention: deletes the record. */
int log_delete(
        struct store_txn *txn, uint64_t sequence, struct err *err) MUST_USE;

#endif
