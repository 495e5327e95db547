#include "storage/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCHEMA_VERSION 1u
#define PROBLEM_BYTES  20

struct ledger {
    struct store *store;
    struct store_txn *txn; /* the write transaction that is open, or NULL */
    uint64_t committed; /* last sequence on disk */
    uint64_t appended; /* last sequence of the open transaction */
    int lock_fd; /* -1 = none */
};

/* ---- opening ---- */

static int lock_directory(const char *directory, int *fd, struct err *err)
{
    char path[4096];

    if (mkdir(directory, 0750) != 0 && errno != EEXIST)
        return err_set(
                err, STATUS_IO, "%s: %s", directory, strerrordesc_np(errno));
    if (snprintf(path, sizeof(path), "%s/writer.lock", directory) >=
            (int)sizeof(path))
        return err_set(err, STATUS_INVALID, "data: the path is too long");
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (*fd < 0)
        return err_set(err, STATUS_IO, "%s: %s", path, strerrordesc_np(errno));
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    (void)close(*fd);
    *fd = -1;
    return err_set(err, STATUS_DENIED,
            "%s: another process writes to this store", directory);
}

static int check_schema(struct bytes value, struct err *err)
{
    struct reader reader = reader_of(value);
    uint32_t version = read_u32(&reader);

    if (!reader_done(&reader))
        return err_set(err, STATUS_CORRUPT, "store: its schema is damaged");
    if (version != SCHEMA_VERSION)
        return err_set(err, STATUS_UNSUPPORTED,
                "store: made by schema %u, this version knows %u", version,
                SCHEMA_VERSION);
    return 0;
}

static int write_schema(struct store_txn *txn, struct err *err)
{
    uint8_t version[4], node[8];
    struct writer writer = writer_over(version, sizeof(version));
    int status;

    write_u32(&writer, SCHEMA_VERSION);
    if (getrandom(node, sizeof(node), 0) != (ssize_t)sizeof(node))
        return err_set(err, STATUS_IO, "store: no random bytes");
    status = txn->call->put(txn, TABLE_META, bytes_of_text("schema"),
            writer_bytes(&writer), false, err);
    if (status == 0)
        status = txn->call->put(txn, TABLE_META, bytes_of_text("node"),
                bytes_of(node, sizeof(node)), false, err);
    return status;
}

/* Checks the schema, or writes it into a new store; finds the log's end. */
static int prepare(struct ledger *ledger, bool read_only, struct err *err)
{
    struct store *store = ledger->store;
    struct store_txn *txn;
    struct bytes value;
    int status = store->call->begin(store, !read_only, &txn, err);

    if (status != 0)
        return status;
    status = store->call->get(
            txn, TABLE_META, bytes_of_text("schema"), &value, err);
    if (status == 0)
        status = check_schema(value, err);
    else if (status == STATUS_NOT_FOUND && !read_only)
        status = write_schema(txn, err);
    if (status == 0)
        status = log_last(txn, &ledger->committed, err);
    if (status != 0 || read_only) {
        store->call->abort(txn);
        return status;
    }
    return store->call->commit(txn, err);
}

int ledger_over(struct store *store, bool read_only, struct ledger **out,
        struct err *err)
{
    struct ledger *ledger = calloc(1, sizeof(*ledger));
    int status;

    if (ledger == NULL) {
        store->call->close(store);
        return err_set(err, STATUS_INTERNAL, "no memory");
    }
    ledger->store = store;
    ledger->lock_fd = -1;
    status = prepare(ledger, read_only, err);
    if (status != 0) {
        ledger_close(ledger);
        return status;
    }
    *out = ledger;
    return 0;
}

int ledger_open(const char *directory, const struct store_settings *settings,
        struct ledger **ledger, struct err *err)
{
    struct store *store;
    int fd = -1;
    int status = 0;

    if (!settings->read_only)
        status = lock_directory(directory, &fd, err);
    if (status == 0)
        status = store_lmdb_open(directory, settings, &store, err);
    if (status == 0)
        status = ledger_over(store, settings->read_only, ledger, err);
    if (status != 0) {
        if (fd >= 0)
            (void)close(fd);
        return status;
    }
    (*ledger)->lock_fd = fd;
    return 0;
}

void ledger_close(struct ledger *ledger)
{
    if (ledger == NULL)
        return;
    CHECK(ledger->txn == NULL);
    ledger->store->call->close(ledger->store);
    if (ledger->lock_fd >= 0)
        (void)close(ledger->lock_fd);
    free(ledger);
}

/* ---- writing ---- */

int ledger_begin(struct ledger *ledger, struct err *err)
{
    CHECK(ledger->txn == NULL);
    ledger->appended = ledger->committed;
    return ledger->store->call->begin(ledger->store, true, &ledger->txn, err);
}

int ledger_commit(struct ledger *ledger, struct err *err)
{
    struct store_txn *txn = ledger->txn;
    int status;

    CHECK(txn != NULL);
    ledger->txn = NULL;
    status = txn->call->commit(txn, err);
    if (status == 0)
        ledger->committed = ledger->appended;
    return status;
}

void ledger_abort(struct ledger *ledger)
{
    CHECK(ledger->txn != NULL);
    ledger->txn->call->abort(ledger->txn);
    ledger->txn = NULL;
}

struct store_txn *ledger_txn(struct ledger *ledger)
{
    CHECK(ledger->txn != NULL);
    return ledger->txn;
}

uint64_t ledger_last_appended(const struct ledger *ledger)
{
    return ledger->txn != NULL ? ledger->appended : ledger->committed;
}

int ledger_append(struct ledger *ledger, enum record_kind kind,
        struct bytes payload, uint64_t *sequence, struct err *err)
{
    int status = log_append(
            ledger_txn(ledger), ledger->appended + 1, kind, payload, err);

    if (status == 0)
        *sequence = ++ledger->appended;
    return status;
}

/* ---- problems ---- */

struct problem_entry {
    uint32_t number;
    uint64_t config;
    uint64_t since;
};

static int problem_read(
        struct bytes value, struct problem_entry *entry, struct err *err)
{
    struct reader reader = reader_of(value);

    entry->number = read_u32(&reader);
    entry->config = read_u64(&reader);
    entry->since = read_u64(&reader);
    if (!reader_done(&reader) || entry->number < 1 ||
            entry->number > PROBLEMS_MAX)
        return err_set(err, STATUS_CORRUPT, "problem: an entry is damaged");
    return 0;
}

static int problem_get(struct store_txn *txn, struct bytes name,
        struct problem_entry *entry, struct err *err)
{
    struct bytes value;
    int status = txn->call->get(txn, TABLE_PROBLEM, name, &value, err);

    return status == 0 ? problem_read(value, entry, err) : status;
}

static int problem_put(struct store_txn *txn, struct bytes name,
        const struct problem_entry *entry, struct err *err)
{
    uint8_t value[PROBLEM_BYTES];
    struct writer writer = writer_over(value, sizeof(value));

    write_u32(&writer, entry->number);
    write_u64(&writer, entry->config);
    write_u64(&writer, entry->since);
    return txn->call->put(
            txn, TABLE_PROBLEM, name, writer_bytes(&writer), false, err);
}

static int problems_each(struct store_txn *txn,
        int (*visit)(void *self, struct bytes name, uint32_t number,
                uint64_t config, struct err *err),
        void *self, struct err *err)
{
    struct store_cursor *cursor;
    struct bytes name, value;
    int status = txn->call->cursor_open(txn, TABLE_PROBLEM, &cursor, err);

    if (status != 0)
        return status;
    status = cursor->call->seek(cursor, bytes_of(NULL, 0), &name, &value, err);
    while (status == 0) {
        struct problem_entry entry;
        status = problem_read(value, &entry, err);
        if (status == 0)
            status = visit(self, name, entry.number, entry.config, err);
        if (status == 0)
            status = cursor->call->next(cursor, &name, &value, err);
    }
    cursor->call->cursor_close(cursor);
    return status == STATUS_NOT_FOUND ? 0 : status;
}

static int count_problem(void *self, struct bytes name, uint32_t number,
        uint64_t config, struct err *err)
{
    uint32_t *next = self;

    (void)name;
    (void)config;
    (void)err;
    if (number >= *next)
        *next = number + 1;
    return 0;
}

int ledger_problem(struct ledger *ledger, struct bytes name, uint32_t *number,
        uint64_t *config, struct err *err)
{
    struct store_txn *txn = ledger_txn(ledger);
    struct problem_entry entry = {.number = 1};
    int status = problem_get(txn, name, &entry, err);

    if (status == STATUS_NOT_FOUND) {
        status = problems_each(txn, count_problem, &entry.number, err);
        if (status == 0 && entry.number > PROBLEMS_MAX)
            return err_set(err, STATUS_INVALID,
                    "problem: the store has had %u, the most there may be",
                    PROBLEMS_MAX);
        if (status == 0)
            status = problem_put(txn, name, &entry, err);
    }
    *number = entry.number;
    *config = entry.config;
    return status;
}

int ledger_problem_since(struct ledger *ledger, struct bytes name,
        uint64_t *since, struct err *err)
{
    struct problem_entry entry;
    int status = problem_get(ledger_txn(ledger), name, &entry, err);

    if (status == 0)
        *since = entry.since;
    return status;
}

struct name_search {
    uint32_t number;
    struct bytes name;
};

static int match_number(void *self, struct bytes name, uint32_t number,
        uint64_t config, struct err *err)
{
    struct name_search *search = self;

    (void)config;
    (void)err;
    if (number == search->number)
        search->name = name;
    return 0;
}

/* The problem's name; a view into the store. */
static int problem_name(struct store_txn *txn, uint32_t number,
        struct bytes *name, struct err *err)
{
    struct name_search search = {number, {NULL, 0}};
    int status = problems_each(txn, match_number, &search, err);

    if (status != 0)
        return status;
    *name = search.name;
    return search.name.size > 0
            ? 0
            : err_set(err, STATUS_NOT_FOUND, "no problem %u", number);
}

int ledger_problem_set_config(struct ledger *ledger, uint32_t number,
        uint64_t config, uint64_t since, struct err *err)
{
    struct store_txn *txn = ledger_txn(ledger);
    struct problem_entry entry;
    uint8_t copy[ID_BYTES_MAX];
    struct bytes name;
    int status = problem_name(txn, number, &name, err);

    if (status != 0)
        return status;
    if (name.size > sizeof(copy))
        return err_set(err, STATUS_CORRUPT, "problem: a name is damaged");
    memcpy(copy, name.data, name.size);
    name.data = copy;
    status = problem_get(txn, name, &entry, err);
    if (status != 0)
        return status;
    entry.config = config;
    if (since != 0)
        entry.since = since;
    return problem_put(txn, name, &entry, err);
}

void ledger_usage(struct ledger *ledger, struct store_usage *usage)
{
    ledger->store->call->usage(ledger->store, usage);
}

void ledger_tend(struct ledger *ledger)
{
    ledger->store->call->tend(ledger->store);
}

/* ---- reading ---- */

int ledger_reader_open(
        struct ledger *ledger, struct ledger_reader *reader, struct err *err)
{
    return ledger->store->call->begin(ledger->store, false, &reader->txn, err);
}

void ledger_reader_close(struct ledger_reader *reader)
{
    if (reader->txn != NULL)
        reader->txn->call->abort(reader->txn);
    reader->txn = NULL;
}

int ledger_reader_renew(struct ledger_reader *reader, struct err *err)
{
    return reader->txn->call->renew(reader->txn, err);
}

void ledger_reader_release(struct ledger_reader *reader)
{
    reader->txn->call->release(reader->txn);
}

int ledger_reader_problem(struct ledger_reader *reader, struct bytes name,
        uint32_t *number, uint64_t *config, struct err *err)
{
    struct problem_entry entry;
    int status = problem_get(reader->txn, name, &entry, err);

    if (status != 0)
        return status;
    *number = entry.number;
    *config = entry.config;
    return 0;
}

int ledger_reader_since(struct ledger_reader *reader, struct bytes name,
        uint64_t *since, struct err *err)
{
    struct problem_entry entry;
    int status = problem_get(reader->txn, name, &entry, err);

    if (status == 0)
        *since = entry.since;
    return status;
}

int ledger_reader_problems(struct ledger_reader *reader,
        int (*visit)(void *self, struct bytes name, uint32_t number,
                uint64_t config, struct err *err),
        void *self, struct err *err)
{
    return problems_each(reader->txn, visit, self, err);
}

int ledger_reader_problem_name(struct ledger_reader *reader, uint32_t number,
        struct bytes *name, struct err *err)
{
    return problem_name(reader->txn, number, name, err);
}
