/* Ordered bytes under keys, in transactions: what the log and its tables are
 * made of. Two stores behind one table of functions: LMDB, and a reference in
 * memory for tests and simulation.
 *
 * One write transaction at a time; any number of read transactions, each a
 * snapshot of what was committed when it began (or was renewed). A reader
 * never waits for the writer. Values that `get` and cursors return are views
 * into the store, valid until the transaction ends or, in a write transaction,
 * until its next change. A transaction and its cursors belong to one thread.
 *
 * A cursor has a place after a call that returned 0; next and previous need
 * one. It has none after NOT_FOUND or after a change of its table: seek or
 * last gives it one again. Cursors are closed before their transaction ends,
 * is renewed or is released.
 *
 * Keys are 1..511 bytes and sort as bytes (memcmp, shorter first). */
#ifndef STORAGE_STORE_H
#define STORAGE_STORE_H

#include "base/bytes.h"
#include "base/err.h"

enum store_table {
    TABLE_META,
    TABLE_LOG,
    TABLE_EVENT,
    TABLE_DUE,
    TABLE_PROBLEM,
    TABLE_SNAPSHOT,
    TABLE_MODEL,
    TABLE_COUNT,
};

struct store;
struct store_txn;
struct store_cursor;

struct store_usage {
    uint64_t used_bytes; /* of pages that hold something */
    uint64_t file_bytes;
    uint64_t map_bytes; /* most that used_bytes can become, about */
    uint64_t free_disk_bytes;
};

/* A store that is read_only or grows belongs to one thread: its map may be
 * another after `begin` and `renew`. These fail with IO where it had to be
 * moved while another transaction of the store is open. */
struct store_settings {
    uint64_t map_bytes; /* most that the tables may hold */
    /* 0, or the most that a write transaction may take: map_bytes is what the
     * store begins with, and grows so that there is always room for one. */
    uint64_t grow_bytes;
    bool read_only; /* for tools beside a running service */
    bool no_sync; /* tests and imports that can be run again */
};

struct store_functions {
    void (*close)(struct store *store);

    /* 0, IO, or STORAGE_FULL. */
    int (*begin)(struct store *store, bool write, struct store_txn **txn,
            struct err *err);
    /* 0 and everything is durable; STORAGE_FULL and nothing happened, try
     * again when there is room; IO and nothing is known: stop. The
     * transaction is over in each case. */
    int (*commit)(struct store_txn *txn, struct err *err);
    void (*abort)(struct store_txn *txn);
    /* A read transaction sees the newest state. */
    int (*renew)(struct store_txn *txn, struct err *err);
    /* A read transaction lets go of its snapshot until it is renewed, so that
     * old pages can be used again. */
    void (*release)(struct store_txn *txn);

    /* 0, NOT_FOUND, or IO. */
    int (*get)(struct store_txn *txn, enum store_table table, struct bytes key,
            struct bytes *value, struct err *err);
    /* 0, STORAGE_FULL (abort, then try again later) or IO. `last`: the key
     * is greater than every other in the table, which is faster; INTERNAL if
     * that is not so. */
    int (*put)(struct store_txn *txn, enum store_table table, struct bytes key,
            struct bytes value, bool last, struct err *err);
    /* As put, but returns room of `size` bytes that the caller fills in
     * before the next call. */
    int (*reserve)(struct store_txn *txn, enum store_table table,
            struct bytes key, size_t size, bool last, uint8_t **room,
            struct err *err);
    /* 0, NOT_FOUND, STORAGE_FULL or IO. A store that takes no more still lets
     * a few thousand entries go in one transaction; only the disk can refuse
     * that. */
    int (*del)(struct store_txn *txn, enum store_table table, struct bytes key,
            struct err *err);

    int (*cursor_open)(struct store_txn *txn, enum store_table table,
            struct store_cursor **cursor, struct err *err);
    void (*cursor_close)(struct store_cursor *cursor);
    /* To the first entry whose key is at least `key` (an empty key: the
     * first), the next one, or the last one. 0, NOT_FOUND at the end, IO. */
    int (*seek)(struct store_cursor *cursor, struct bytes key,
            struct bytes *found, struct bytes *value, struct err *err);
    int (*next)(struct store_cursor *cursor, struct bytes *found,
            struct bytes *value, struct err *err);
    int (*previous)(struct store_cursor *cursor, struct bytes *found,
            struct bytes *value, struct err *err);
    int (*last)(struct store_cursor *cursor, struct bytes *found,
            struct bytes *value, struct err *err);

    void (*usage)(struct store *store, struct store_usage *usage);
    /* Housekeeping of the writer, now and then: forgets readers that died. */
    void (*tend)(struct store *store);
};

/* Every store, transaction and cursor begins with its functions. */
struct store {
    const struct store_functions *call;
};
struct store_txn {
    const struct store_functions *call;
    bool write;
};
struct store_cursor {
    const struct store_functions *call;
};

/* The store in a directory, made if it is missing (not when read_only). */
int store_lmdb_open(const char *directory,
        const struct store_settings *settings, struct store **store,
        struct err *err) MUST_USE;

/* An empty store in memory. `capacity_bytes` of keys and values, then it is
 * full; 0 = no limit. */
int store_mem_open(uint64_t capacity_bytes, struct store **store,
        struct err *err) MUST_USE;

#endif
