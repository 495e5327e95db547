/* The join: what is known of each event, and when its wait is over.
 *
 * event: problem (4 bytes, big-endian), event id -> event state
 * due:   problem, deadline (8 bytes, big-endian) -> the ids of the events that
 *        fall due then, each behind a byte of its length. One entry for all
 *        decisions of a moment, because they have the same deadline; an event
 *        that no longer waits stays in it and is passed over when it falls
 *        due. */
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

/* The last event id of the problem in the order of bytes, a view into the
 * store; NOT_FOUND if it has no events. */
int event_last(struct store_txn *txn, uint32_t problem, struct bytes *event,
        struct err *err) MUST_USE;

/* Adds ids (each behind its length) to the entry of a deadline. */
int due_put(struct store_txn *txn, uint32_t problem, nanos deadline,
        struct bytes ids, struct err *err) MUST_USE;
/* Takes the events that no longer wait out of the entry of a deadline, and an
 * empty entry away. What was put meanwhile stays. */
int due_settle(struct store_txn *txn, uint32_t problem, nanos deadline,
        struct err *err) MUST_USE;

/* Calls `visit` for each event of each deadline of the problem up to `until`,
 * oldest first, until it returns false. The event's bytes are a view into the
 * store. */
int due_range(struct store_txn *txn, uint32_t problem, nanos until,
        bool (*visit)(void *self, nanos deadline, struct bytes event),
        void *self, struct err *err) MUST_USE;

/* Calls `visit` for every event of the store. */
int event_each(struct store_txn *txn,
        int (*visit)(void *self, uint32_t problem, struct bytes event,
                const struct event_state *state, struct err *err),
        void *self, struct err *err) MUST_USE;

#endif
