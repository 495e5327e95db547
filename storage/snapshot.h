/* Snapshots: the state of a problem after all its records up to a sequence.
 *
 * Key: problem (4 bytes, big-endian), sequence (8). Value: u32 crc32c of what
 * follows and of the key, u32 format, u64 digest of the settings that the
 * state depends on, the state. The newest SNAPSHOTS_KEPT of a problem are
 * kept: one to start from, and one before it in case it is damaged. */
#ifndef STORAGE_SNAPSHOT_H
#define STORAGE_SNAPSHOT_H

#include "storage/store.h"

#define SNAPSHOTS_KEPT 2u

struct snapshot {
    uint64_t sequence;
    uint64_t digest;
    struct bytes state; /* a view into the store */
};

int snapshot_put(struct store_txn *txn, uint32_t problem,
        const struct snapshot *snapshot, struct err *err) MUST_USE;
/* The newest snapshot at or before a sequence. 0, NOT_FOUND, CORRUPT (its
 * sequence is set, so that an older one can be looked for), IO. */
int snapshot_at(struct store_txn *txn, uint32_t problem, uint64_t sequence,
        struct snapshot *snapshot, struct err *err) MUST_USE;
/* Deletes all but the newest SNAPSHOTS_KEPT. */
int snapshot_prune(
        struct store_txn *txn, uint32_t problem, struct err *err) MUST_USE;
/* Deletes all. */
int snapshot_drop(
        struct store_txn *txn, uint32_t problem, struct err *err) MUST_USE;

#endif
