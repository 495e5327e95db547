#include "storage/join.h"

#include "base/endian.h"

#include <stdlib.h>

#define EVENT_PREFIX 4
#define DUE_BYTES    12

struct join_key {
    uint8_t bytes[DUE_BYTES + ID_BYTES_MAX];
    size_t size;
};

static struct join_key event_key(uint32_t problem, struct bytes event)
{
    struct join_key key;

    CHECK(event.size <= ID_BYTES_MAX);
    store_be32(key.bytes, problem);
    if (event.size > 0)
        memcpy(key.bytes + EVENT_PREFIX, event.data, event.size);
    key.size = EVENT_PREFIX + event.size;
    return key;
}

static struct join_key due_key(uint32_t problem, nanos deadline)
{
    struct join_key key;

    CHECK(deadline >= 0);
    store_be32(key.bytes, problem);
    store_be64(key.bytes + 4, (uint64_t)deadline);
    key.size = DUE_BYTES;
    return key;
}

static struct bytes key_bytes(const struct join_key *key)
{
    return bytes_of(key->bytes, key->size);
}

int event_get(struct store_txn *txn, uint32_t problem, struct bytes event,
        struct event_state *state, struct err *err)
{
    struct join_key key = event_key(problem, event);
    struct bytes value;
    struct reader reader;
    int status = txn->call->get(txn, TABLE_EVENT, key_bytes(&key), &value, err);

    if (status != 0)
        return status;
    reader = reader_of(value);
    return event_state_read(state, &reader, err);
}

int event_put(struct store_txn *txn, uint32_t problem, struct bytes event,
        const struct event_state *state, struct err *err)
{
    struct join_key key = event_key(problem, event);
    uint8_t value[EVENT_STATE_BYTES_MAX];
    struct writer writer = writer_over(value, sizeof(value));

    event_state_write(state, &writer);
    CHECK(!writer.failed);
    return txn->call->put(txn, TABLE_EVENT, key_bytes(&key),
            writer_bytes(&writer), false, err);
}

int event_last(struct store_txn *txn, uint32_t problem, struct bytes *event,
        struct err *err)
{
    struct join_key next = event_key(problem + 1, bytes_of(NULL, 0));
    struct store_cursor *cursor;
    struct bytes key, value;
    int status = txn->call->cursor_open(txn, TABLE_EVENT, &cursor, err);

    if (status != 0)
        return status;
    status = problem == UINT32_MAX
            ? STATUS_NOT_FOUND
            : cursor->call->seek(cursor, key_bytes(&next), &key, &value, err);
    if (status == 0)
        status = cursor->call->previous(cursor, &key, &value, err);
    else if (status == STATUS_NOT_FOUND)
        status = cursor->call->last(cursor, &key, &value, err);
    cursor->call->cursor_close(cursor);
    if (status != 0)
        return status;
    if (key.size <= EVENT_PREFIX || load_be32(key.data) != problem)
        return err_set(err, STATUS_NOT_FOUND, "no events");
    *event = bytes_of(key.data + EVENT_PREFIX, key.size - EVENT_PREFIX);
    return 0;
}

static int forgiving(int status)
{
    return status == STATUS_NOT_FOUND ? 0 : status;
}

int event_delete(struct store_txn *txn, uint32_t problem, struct bytes event,
        struct err *err)
{
    struct join_key key = event_key(problem, event);

    return forgiving(txn->call->del(txn, TABLE_EVENT, key_bytes(&key), err));
}

int due_put(struct store_txn *txn, uint32_t problem, nanos deadline,
        struct bytes ids, struct err *err)
{
    struct join_key key = due_key(problem, deadline);
    struct bytes before = {NULL, 0};
    uint8_t *joined, *room;
    int status = txn->call->get(txn, TABLE_DUE, key_bytes(&key), &before, err);

    if (status == STATUS_NOT_FOUND)
        return txn->call->put(txn, TABLE_DUE, key_bytes(&key), ids, false, err);
    if (status != 0)
        return status;
    /* What is there is a view that the next change may move. */
    joined = malloc(before.size + ids.size);
    if (joined == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    memcpy(joined, before.data, before.size);
    memcpy(joined + before.size, ids.data, ids.size);
    status = txn->call->reserve(txn, TABLE_DUE, key_bytes(&key),
            before.size + ids.size, false, &room, err);
    if (status == 0)
        memcpy(room, joined, before.size + ids.size);
    free(joined);
    return status;
}

/* The events of one entry. False in *more when the visitor has enough. */
static int visit_ids(struct bytes ids, nanos deadline,
        bool (*visit)(void *self, nanos deadline, struct bytes event),
        void *self, bool *more, struct err *err)
{
    struct reader reader = reader_of(ids);

    while (*more && reader.rest.size > 0) {
        struct bytes event = read_bytes(&reader, read_u8(&reader));
        if (reader.failed || event.size == 0 || event.size > ID_BYTES_MAX)
            return err_set(err, STATUS_CORRUPT, "due: an entry is damaged");
        *more = visit(self, deadline, event);
    }
    return 0;
}

/* The events of an entry that still wait. */
struct waiting {
    struct store_txn *txn;
    uint32_t problem;
    struct writer writer;
    int status;
    struct err *err;
};

static bool keep_waiting(void *self, nanos deadline, struct bytes event)
{
    struct waiting *waiting = self;
    struct event_state state;
    int status = event_get(
            waiting->txn, waiting->problem, event, &state, waiting->err);

    if (status == 0 && event_waits(&state, deadline)) {
        write_u8(&waiting->writer, (uint8_t)event.size);
        write_bytes(&waiting->writer, event);
    }
    waiting->status = forgiving(status);
    return waiting->status == 0;
}

int due_settle(struct store_txn *txn, uint32_t problem, nanos deadline,
        struct err *err)
{
    struct join_key key = due_key(problem, deadline);
    struct waiting waiting = {.txn = txn, .problem = problem, .err = err};
    struct bytes ids;
    uint8_t *room;
    bool more = true;
    int status = txn->call->get(txn, TABLE_DUE, key_bytes(&key), &ids, err);

    if (status != 0)
        return forgiving(status);
    room = malloc(ids.size);
    if (room == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    waiting.writer = writer_over(room, ids.size);
    status = visit_ids(ids, deadline, keep_waiting, &waiting, &more, err);
    if (status == 0)
        status = waiting.status;
    if (status == 0 && waiting.writer.size == 0)
        status = txn->call->del(txn, TABLE_DUE, key_bytes(&key), err);
    else if (status == 0 && waiting.writer.size < ids.size)
        status = txn->call->put(txn, TABLE_DUE, key_bytes(&key),
                writer_bytes(&waiting.writer), false, err);
    free(room);
    return status;
}

int due_range(struct store_txn *txn, uint32_t problem, nanos until,
        bool (*visit)(void *self, nanos deadline, struct bytes event),
        void *self, struct err *err)
{
    struct join_key from = due_key(problem, 0);
    struct store_cursor *cursor;
    struct bytes key, value;
    bool more = true;
    int status = txn->call->cursor_open(txn, TABLE_DUE, &cursor, err);

    if (status != 0)
        return status;
    status = cursor->call->seek(cursor, key_bytes(&from), &key, &value, err);
    while (status == 0 && more) {
        nanos deadline;
        if (key.size != DUE_BYTES) {
            status = err_set(err, STATUS_CORRUPT, "due: a key is damaged");
            break;
        }
        deadline = (nanos)load_be64(key.data + 4);
        if (load_be32(key.data) != problem || deadline > until)
            break;
        if (deadline < 0) {
            status = err_set(err, STATUS_CORRUPT, "due: a key is damaged");
            break;
        }
        status = visit_ids(value, deadline, visit, self, &more, err);
        if (status == 0 && more)
            status = cursor->call->next(cursor, &key, &value, err);
    }
    cursor->call->cursor_close(cursor);
    return forgiving(status);
}

int event_each(struct store_txn *txn,
        int (*visit)(void *self, uint32_t problem, struct bytes event,
                const struct event_state *state, struct err *err),
        void *self, struct err *err)
{
    struct store_cursor *cursor;
    struct bytes key, value;
    int status = txn->call->cursor_open(txn, TABLE_EVENT, &cursor, err);

    if (status != 0)
        return status;
    status = cursor->call->seek(cursor, bytes_of(NULL, 0), &key, &value, err);
    while (status == 0) {
        struct event_state state;
        struct reader reader = reader_of(value);
        if (key.size <= EVENT_PREFIX || key.size > EVENT_PREFIX + ID_BYTES_MAX)
            status = err_set(err, STATUS_CORRUPT, "event: a key is damaged");
        else
            status = event_state_read(&state, &reader, err);
        if (status == 0)
            status = visit(self, load_be32(key.data),
                    bytes_of(key.data + EVENT_PREFIX, key.size - EVENT_PREFIX),
                    &state, err);
        if (status == 0)
            status = cursor->call->next(cursor, &key, &value, err);
    }
    cursor->call->cursor_close(cursor);
    return forgiving(status);
}
