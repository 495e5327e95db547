/* The join: what is known of each event, and when its wait is over.
 *
 * event: problem (4 bytes, big-endian), event id -> event state
 * due:   problem, deadline (8 bytes, big-endian), event id -> nothing */
#ifndef STORAGE_JOIN_H
#define STORAGE_JOIN_H

#include "proto/event_state.h"
#include "storage/store.h"

/* 0, NOT_FOUND, CORRUPT, IO. */
int event_get(struct store_txn *txn, uint32_t problem, struct bytes event,
        struct event_state *state, struct err *err) MUST_USE;
int event_put(struct store_txn *txn, uint32_t problem, struct bytes event,
        const struct event_state *state, struct err *err) MUST_USE;
/* Deleting what is not there is no failure. */
int event_delete(struct store_txn *txn, uint32_t problem, struct bytes event,
        struct err *err) MUST_USE;

int due_put(struct store_txn *txn, uint32_t problem, nanos deadline,
        struct bytes event, struct err *err) MUST_USE;
int due_delete(struct store_txn *txn, uint32_t problem, nanos deadline,
        struct bytes event, struct err *err) MUST_USE;

/* Calls `visit` for each deadline of the problem up to `until`, oldest first,
 * until it returns false. The event's bytes are a view into the store. */
int due_range(struct store_txn *txn, uint32_t problem, nanos until,
        bool (*visit)(void *self, nanos deadline, struct bytes event),
        void *self, struct err *err) MUST_USE;

/* Calls `visit` for every event of the store. */
int event_each(struct store_txn *txn,
        int (*visit)(void *self, uint32_t problem, struct bytes event,
                const struct event_state *state, struct err *err),
        void *self, struct err *err) MUST_USE;

#endif
