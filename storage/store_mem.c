/* The store in memory: the reference that the one on LMDB is tested against,
 * and a store for tests that need no disk. Obvious rather than fast: a write
 * transaction works on a copy of every table, and a commit makes that copy
 * the current version. Not for tables of millions.
 *
 * A version is a sorted array of entries for each table. Versions and entries
 * are counted, because readers keep old versions and versions share entries;
 * the counts are guarded by the store's lock. */
#include "storage/store.h"

#include <pthread.h>
#include <stdlib.h>

#define KEY_BYTES_MAX 511u

struct entry {
    unsigned references;
    size_t key_size;
    size_t value_size;
    uint8_t data[]; /* key, value */
};

struct table {
    struct entry **entries; /* sorted by key */
    size_t count;
    size_t capacity;
};

struct version {
    unsigned references;
    uint64_t bytes; /* of all keys and values */
    struct table tables[TABLE_COUNT];
};

struct mem {
    struct store store;
    pthread_mutex_t lock; /* over `current` and all references */
    struct version *current;
    uint64_t capacity_bytes; /* 0 = no limit */
    bool writing;
};

struct mem_txn {
    struct store_txn txn;
    struct mem *mem;
    struct version *version; /* NULL while released */
};

struct mem_cursor {
    struct store_cursor cursor;
    const struct table *table;
    size_t at; /* index of the entry that was returned last */
    bool placed;
};

static struct bytes key_of(const struct entry *entry)
{
    return bytes_of(entry->data, entry->key_size);
}

static struct bytes value_of(const struct entry *entry)
{
    return bytes_of(entry->data + entry->key_size, entry->value_size);
}

static int no_memory(struct err *err)
{
    return err_set(err, STATUS_INTERNAL, "no memory");
}

static int no_entry(struct err *err)
{
    return err_set(err, STATUS_NOT_FOUND, "no such entry");
}

/* ---- entries and versions ---- */

static void entry_drop(struct entry *entry)
{
    if (--entry->references == 0)
        free(entry);
}

/* The caller holds the lock. */
static void version_drop(struct version *version)
{
    if (version == NULL || --version->references > 0)
        return;
    for (int t = 0; t < TABLE_COUNT; t++) {
        struct table *table = &version->tables[t];
        for (size_t i = 0; i < table->count; i++)
            entry_drop(table->entries[i]);
        free(table->entries);
    }
    free(version);
}

static bool table_copy(struct table *to, const struct table *from)
{
    if (from->count == 0)
        return true;
    to->entries = malloc(from->count * sizeof(struct entry *));
    if (to->entries == NULL)
        return false;
    to->capacity = from->count;
    for (size_t i = 0; i < from->count; i++) {
        to->entries[i] = from->entries[i];
        to->entries[i]->references++;
        to->count++;
    }
    return true;
}

/* The caller holds the lock. NULL when there is no memory. */
static struct version *version_copy(const struct version *from)
{
    struct version *version = calloc(1, sizeof(*version));

    if (version == NULL)
        return NULL;
    version->references = 1;
    version->bytes = from->bytes;
    for (int t = 0; t < TABLE_COUNT; t++)
        if (!table_copy(&version->tables[t], &from->tables[t])) {
            version_drop(version);
            return NULL;
        }
    return version;
}

static void lock(struct mem *mem)
{
    CHECK_ZERO(pthread_mutex_lock(&mem->lock));
}

static void unlock(struct mem *mem)
{
    CHECK_ZERO(pthread_mutex_unlock(&mem->lock));
}

/* ---- transactions ---- */

static struct version *version_for(struct mem *mem, bool write)
{
    struct version *version;

    lock(mem);
    if (write) {
        CHECK(!mem->writing);
        version = version_copy(mem->current);
        mem->writing = version != NULL;
    } else {
        version = mem->current;
        version->references++;
    }
    unlock(mem);
    return version;
}

static int mem_begin(struct store *store, bool write, struct store_txn **txn,
        struct err *err)
{
    struct mem *mem = (struct mem *)store;
    struct mem_txn *new = calloc(1, sizeof(*new));

    if (new == NULL)
        return no_memory(err);
    new->txn = (struct store_txn){store->call, write};
    new->mem = mem;
    new->version = version_for(mem, write);
    if (new->version == NULL) {
        free(new);
        return no_memory(err);
    }
    *txn = &new->txn;
    return 0;
}

static int mem_commit(struct store_txn *txn, struct err *err)
{
    struct mem_txn *self = (struct mem_txn *)txn;
    struct mem *mem = self->mem;

    (void)err;
    lock(mem);
    if (txn->write) {
        version_drop(mem->current);
        mem->current = self->version;
        mem->writing = false;
    } else {
        version_drop(self->version);
    }
    unlock(mem);
    free(self);
    return 0;
}

static void mem_abort(struct store_txn *txn)
{
    struct mem_txn *self = (struct mem_txn *)txn;
    struct mem *mem = self->mem;

    lock(mem);
    version_drop(self->version);
    if (txn->write)
        mem->writing = false;
    unlock(mem);
    free(self);
}

static void mem_release(struct store_txn *txn)
{
    struct mem_txn *self = (struct mem_txn *)txn;

    CHECK(!txn->write);
    lock(self->mem);
    version_drop(self->version);
    unlock(self->mem);
    self->version = NULL;
}

static int mem_renew(struct store_txn *txn, struct err *err)
{
    struct mem_txn *self = (struct mem_txn *)txn;

    (void)err;
    mem_release(txn);
    self->version = version_for(self->mem, false);
    return 0;
}

/* ---- entries of a transaction ---- */

/* Index of the first entry whose key is at least `key`. */
static size_t lower_bound(const struct table *table, struct bytes key)
{
    size_t low = 0, high = table->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bytes_compare(key_of(table->entries[middle]), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool holds(const struct table *table, size_t at, struct bytes key)
{
    return at < table->count && bytes_equal(key_of(table->entries[at]), key);
}

static struct table *table_of(struct store_txn *txn, enum store_table table)
{
    struct mem_txn *self = (struct mem_txn *)txn;

    CHECK(self->version != NULL);
    return &self->version->tables[table];
}

static int mem_get(struct store_txn *txn, enum store_table which,
        struct bytes key, struct bytes *value, struct err *err)
{
    const struct table *table = table_of(txn, which);
    size_t at = lower_bound(table, key);

    if (!holds(table, at, key))
        return no_entry(err);
    *value = value_of(table->entries[at]);
    return 0;
}

static struct entry *entry_new(struct bytes key, size_t value_size)
{
    struct entry *entry = malloc(sizeof(*entry) + key.size + value_size);

    if (entry == NULL)
        return NULL;
    entry->references = 1;
    entry->key_size = key.size;
    entry->value_size = value_size;
    memcpy(entry->data, key.data, key.size);
    return entry;
}

static uint64_t entry_bytes(const struct entry *entry)
{
    return entry->key_size + entry->value_size;
}

static bool table_grow(struct table *table)
{
    size_t capacity = table->capacity * 2 + 8;
    struct entry **entries;

    if (table->count < table->capacity)
        return true;
    entries = realloc(table->entries, capacity * sizeof(*entries));
    if (entries == NULL)
        return false;
    table->entries = entries;
    table->capacity = capacity;
    return true;
}

static void table_insert(struct table *table, size_t at, struct entry *entry)
{
    memmove(table->entries + at + 1, table->entries + at,
            (table->count - at) * sizeof(struct entry *));
    table->entries[at] = entry;
    table->count++;
}

/* Takes the entry at `at` out. Other versions may still hold it. */
static void table_remove(struct mem_txn *self, struct table *table, size_t at)
{
    self->version->bytes -= entry_bytes(table->entries[at]);
    lock(self->mem);
    entry_drop(table->entries[at]);
    unlock(self->mem);
    table->count--;
    memmove(table->entries + at, table->entries + at + 1,
            (table->count - at) * sizeof(struct entry *));
}

static int mem_reserve(struct store_txn *txn, enum store_table which,
        struct bytes key, size_t size, bool last, uint8_t **room,
        struct err *err)
{
    struct mem_txn *self = (struct mem_txn *)txn;
    struct table *table = table_of(txn, which);
    size_t at = lower_bound(table, key);
    bool present = holds(table, at, key);
    uint64_t bytes = self->version->bytes + key.size + size -
            (present ? entry_bytes(table->entries[at]) : 0);
    struct entry *entry;

    CHECK(txn->write && key.size >= 1 && key.size <= KEY_BYTES_MAX);
    if (last && at < table->count)
        return err_set(err, STATUS_INTERNAL, "store: put: out of order");
    if (self->mem->capacity_bytes != 0 && bytes > self->mem->capacity_bytes)
        return err_set(err, STATUS_STORAGE_FULL, "store: put: it is full");
    entry = entry_new(key, size);
    if (entry == NULL || !table_grow(table)) {
        free(entry);
        return no_memory(err);
    }
    if (present)
        table_remove(self, table, at);
    table_insert(table, at, entry);
    self->version->bytes = bytes;
    *room = entry->data + key.size;
    return 0;
}

static int mem_put(struct store_txn *txn, enum store_table which,
        struct bytes key, struct bytes value, bool last, struct err *err)
{
    uint8_t *room;
    int status = mem_reserve(txn, which, key, value.size, last, &room, err);

    if (status == 0 && value.size > 0)
        memcpy(room, value.data, value.size);
    return status;
}

static int mem_del(struct store_txn *txn, enum store_table which,
        struct bytes key, struct err *err)
{
    struct mem_txn *self = (struct mem_txn *)txn;
    struct table *table = table_of(txn, which);
    size_t at = lower_bound(table, key);

    CHECK(txn->write);
    if (!holds(table, at, key))
        return no_entry(err);
    table_remove(self, table, at);
    return 0;
}

/* ---- cursors ---- */

static int mem_cursor_open(struct store_txn *txn, enum store_table which,
        struct store_cursor **cursor, struct err *err)
{
    struct mem_cursor *new = calloc(1, sizeof(*new));

    if (new == NULL)
        return no_memory(err);
    new->cursor.call = txn->call;
    new->table = table_of(txn, which);
    *cursor = &new->cursor;
    return 0;
}

static void mem_cursor_close(struct store_cursor *cursor)
{
    free(cursor);
}

static int place(struct mem_cursor *self, size_t at, struct bytes *found,
        struct bytes *value, struct err *err)
{
    self->placed = at < self->table->count;
    if (!self->placed)
        return no_entry(err);
    self->at = at;
    *found = key_of(self->table->entries[at]);
    *value = value_of(self->table->entries[at]);
    return 0;
}

static int mem_seek(struct store_cursor *cursor, struct bytes key,
        struct bytes *found, struct bytes *value, struct err *err)
{
    struct mem_cursor *self = (struct mem_cursor *)cursor;

    return place(self, lower_bound(self->table, key), found, value, err);
}

static int mem_next(struct store_cursor *cursor, struct bytes *found,
        struct bytes *value, struct err *err)
{
    struct mem_cursor *self = (struct mem_cursor *)cursor;

    CHECK(self->placed);
    return place(self, self->at + 1, found, value, err);
}

static int mem_previous(struct store_cursor *cursor, struct bytes *found,
        struct bytes *value, struct err *err)
{
    struct mem_cursor *self = (struct mem_cursor *)cursor;

    CHECK(self->placed);
    return place(
            self, self->at == 0 ? SIZE_MAX : self->at - 1, found, value, err);
}

static int mem_last(struct store_cursor *cursor, struct bytes *found,
        struct bytes *value, struct err *err)
{
    struct mem_cursor *self = (struct mem_cursor *)cursor;

    return place(self,
            self->table->count == 0 ? SIZE_MAX : self->table->count - 1, found,
            value, err);
}

/* ---- the whole ---- */

static void mem_usage(struct store *store, struct store_usage *usage)
{
    struct mem *mem = (struct mem *)store;

    lock(mem);
    usage->used_bytes = mem->current->bytes;
    unlock(mem);
    usage->file_bytes = usage->used_bytes;
    usage->map_bytes =
            mem->capacity_bytes != 0 ? mem->capacity_bytes : UINT64_MAX;
    usage->free_disk_bytes = UINT64_MAX;
}

static void mem_tend(struct store *store)
{
    (void)store;
}

static void mem_close(struct store *store)
{
    struct mem *mem = (struct mem *)store;

    CHECK(!mem->writing);
    version_drop(mem->current);
    CHECK_ZERO(pthread_mutex_destroy(&mem->lock));
    free(mem);
}

static const struct store_functions mem_functions = {
        .close = mem_close,
        .begin = mem_begin,
        .commit = mem_commit,
        .abort = mem_abort,
        .renew = mem_renew,
        .release = mem_release,
        .get = mem_get,
        .put = mem_put,
        .reserve = mem_reserve,
        .del = mem_del,
        .cursor_open = mem_cursor_open,
        .cursor_close = mem_cursor_close,
        .seek = mem_seek,
        .next = mem_next,
        .previous = mem_previous,
        .last = mem_last,
        .usage = mem_usage,
        .tend = mem_tend,
};

int store_mem_open(
        uint64_t capacity_bytes, struct store **store, struct err *err)
{
    struct mem *mem = calloc(1, sizeof(*mem));

    if (mem != NULL)
        mem->current = calloc(1, sizeof(*mem->current));
    if (mem == NULL || mem->current == NULL) {
        free(mem);
        return no_memory(err);
    }
    mem->store.call = &mem_functions;
    mem->current->references = 1;
    mem->capacity_bytes = capacity_bytes;
    CHECK_ZERO(pthread_mutex_init(&mem->lock, NULL));
    *store = &mem->store;
    return 0;
}
