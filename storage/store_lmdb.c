/* The store on LMDB. Sync commits, no WRITEMAP (a full disk would be SIGBUS),
 * readers without thread-local slots, a large sparse map.
 *
 * A full disk shows as ENOSPC or, on a partial page write, as EIO: statvfs
 * tells the two meanings of EIO apart. Trying again after such a failure is
 * safe even if it was the sync that failed: a new transaction writes each page
 * that it depends on once more, and all older pages were synced before. (LMDB
 * itself refuses everything after a failed write of its meta page.)
 *
 * A map that is full to its last page is a trap. A delete copies pages and
 * notes those that it frees, for which it needs pages itself, and pages freed
 * by transaction N are usable from N+2 on; so deletes in a full map fail for
 * want of the room that they would make. Hence the map is MAP_SPARE_BYTES
 * larger than asked for, and only deletes may use these: puts are refused when
 * the tables hold as much as was asked for. The spare part is a range of
 * addresses and costs nothing until it is used.
 *
 * A map of many GiB may be more than the addresses that a process has (ulimit
 * -v, memcheck, a sanitizer's shadow). Who reads then maps what the file has
 * now, and a larger part when the writer goes beyond it; who writes without
 * knowing how much it will be (grow_bytes) begins small. A map is moved only
 * while no transaction looks at it, and only where a larger one has room. */
#include "storage/store.h"

#include <errno.h>
#include <lmdb.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define READERS_MAX 126
/* Less free disk than this after a failed write: the disk is full. */
#define DISK_FULL_BYTES ((uint64_t)1 << 20)
/* Twice the pages that 10,000 deletes in three tables can touch, and more. */
#define MAP_SPARE_BYTES ((uint64_t)256 << 20)
/* Of them what snapshots may use. */
#define SNAPSHOT_SPARE_BYTES ((uint64_t)128 << 20)
/* LMDB's header of an entry and its slot in the page. */
#define ENTRY_OVERHEAD_BYTES 10u

static const char *const table_names[TABLE_COUNT] = {
        "meta", "log", "event", "due", "problem", "snapshot", "model"};

struct lmdb {
    struct store store;
    MDB_env *env;
    MDB_dbi tables[TABLE_COUNT];
    char *directory;
    uint64_t map_bytes; /* as asked for; most that the tables may hold */
    uint64_t grow_bytes;
    bool movable; /* the map: one thread has it */
    unsigned looking; /* if movable: transactions that have a snapshot */
};

struct lmdb_txn {
    struct store_txn txn;
    struct lmdb *lmdb;
    MDB_txn *handle;
    bool released;
    uint64_t used_bytes; /* by all tables, about; kept when writing */
    /* Where the last put of each table went, or NULL: the next one is often
     * near. LMDB closes them with the transaction. */
    MDB_cursor *put_at[TABLE_COUNT];
};

struct lmdb_cursor {
    struct store_cursor cursor;
    struct lmdb *lmdb;
    MDB_cursor *handle;
};

static uint64_t free_disk(const struct lmdb *lmdb)
{
    struct statvfs disk;
    int fd;

    /* Of the open file: asked after each commit, and a path takes longer. */
    if (mdb_env_get_fd(lmdb->env, &fd) != 0 || fstatvfs(fd, &disk) != 0)
        return UINT64_MAX;
    return (uint64_t)disk.f_bavail * disk.f_frsize;
}

/* One place that says what LMDB's and the system's numbers mean. */
static int failed(
        const struct lmdb *lmdb, int code, const char *what, struct err *err)
{
    switch (code) {
    case 0:
        return 0;
    case MDB_NOTFOUND:
        return err_set(err, STATUS_NOT_FOUND, "no such entry");
    case MDB_MAP_FULL:
        return err_set(err, STATUS_STORAGE_FULL,
                "store: %s: storage.map_size is used up", what);
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
        return err_set(
                err, STATUS_CORRUPT, "store: %s: %s", what, mdb_strerror(code));
    case MDB_MAP_RESIZED:
        return err_set(err, STATUS_IO,
                "store: %s: it grew beneath an open transaction; try again",
                what);
    case MDB_KEYEXIST:
        return err_set(err, STATUS_INTERNAL, "store: %s: out of order", what);
    case ENOSPC:
    case EDQUOT:
        return err_set(err, STATUS_STORAGE_FULL, "store: %s: %s", what,
                strerrordesc_np(code));
    case EIO:
        if (free_disk(lmdb) < DISK_FULL_BYTES)
            return err_set(err, STATUS_STORAGE_FULL,
                    "store: %s: the disk is full", what);
        break;
    default:
        break;
    }
    return err_set(err, STATUS_IO, "store: %s: %s", what, mdb_strerror(code));
}

static MDB_val val_of(struct bytes bytes)
{
    union {
        const uint8_t *in;
        void *out;
    } data = {bytes.data};

    return (MDB_val){bytes.size, data.out};
}

static struct bytes bytes_of_val(MDB_val value)
{
    return bytes_of(value.mv_data, value.mv_size);
}

/* ---- transactions ---- */

/* Bytes of the pages that hold something, as the transaction sees them. */
static uint64_t used_bytes(const struct lmdb *lmdb, MDB_txn *txn)
{
    uint64_t bytes = 0;

    for (int i = 0; i < TABLE_COUNT; i++) {
        MDB_stat stat;
        if (mdb_stat(txn, lmdb->tables[i], &stat) == 0)
            bytes += stat.ms_psize *
                    (uint64_t)(stat.ms_branch_pages + stat.ms_leaf_pages +
                            stat.ms_overflow_pages);
    }
    return bytes;
}

/* ---- the map ---- */

/* Whether the process has so many addresses left. LMDB gives its map away
 * before it asks for another, and without one it is lost. */
static bool has_addresses(uint64_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_NONE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return at != MAP_FAILED && munmap(at, bytes) == 0;
}

/* What the map is without its spare part; a tool learns it from the file. */
static int find_map_size(struct lmdb *lmdb)
{
    MDB_envinfo info;
    int code = mdb_env_info(lmdb->env, &info);

    if (code == 0)
        lmdb->map_bytes = info.me_mapsize > MAP_SPARE_BYTES
                ? info.me_mapsize - MAP_SPARE_BYTES
                : 0;
    return code;
}

static int move_map(struct lmdb *lmdb, uint64_t bytes)
{
    int code;

    if (!lmdb->movable || lmdb->looking > 0)
        return MDB_MAP_RESIZED;
    if (!has_addresses(bytes))
        return ENOMEM;
    code = mdb_env_set_mapsize(lmdb->env, bytes);
    return code == 0 ? find_map_size(lmdb) : code;
}

static uint64_t file_bytes(const struct lmdb *lmdb)
{
    struct stat file;
    int fd;

    return mdb_env_get_fd(lmdb->env, &fd) == 0 && fstat(fd, &file) == 0
            ? (uint64_t)file.st_size
            : 0;
}

/* The writer went beyond the map: half as much again as the file has now, so
 * that following it is rare. */
static int follow_writer(struct lmdb *lmdb)
{
    uint64_t bytes = file_bytes(lmdb);

    return move_map(lmdb, bytes + bytes / 2);
}

/* Before a write transaction: room for grow_bytes. */
static int keep_room(struct lmdb *lmdb)
{
    MDB_envinfo info;
    MDB_stat stat;
    uint64_t taken;
    int code = mdb_env_info(lmdb->env, &info);

    if (code != 0 || (code = mdb_env_stat(lmdb->env, &stat)) != 0)
        return code;
    taken = (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize;
    if (taken + lmdb->grow_bytes <= lmdb->map_bytes)
        return 0;
    return move_map(lmdb, 2 * (taken + lmdb->grow_bytes) + MAP_SPARE_BYTES);
}

/* ---- beginning and ending ---- */

static void begin_looking(struct lmdb *lmdb)
{
    if (lmdb->movable)
        lmdb->looking++;
}

static void end_looking(struct lmdb *lmdb)
{
    if (lmdb->movable)
        lmdb->looking--;
}

static int begin_txn(struct lmdb *lmdb, bool write, MDB_txn **handle)
{
    unsigned flags = write ? 0 : MDB_RDONLY;
    int code = write && lmdb->grow_bytes > 0 ? keep_room(lmdb) : 0;

    if (code == 0)
        code = mdb_txn_begin(lmdb->env, NULL, flags, handle);
    if (code == MDB_MAP_RESIZED && (code = follow_writer(lmdb)) == 0)
        code = mdb_txn_begin(lmdb->env, NULL, flags, handle);
    return code;
}

static int lmdb_begin(struct store *store, bool write, struct store_txn **txn,
        struct err *err)
{
    struct lmdb *lmdb = (struct lmdb *)store;
    struct lmdb_txn *new = calloc(1, sizeof(*new));
    int code;

    if (new == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    code = begin_txn(lmdb, write, &new->handle);
    if (code != 0) {
        free(new);
        return failed(lmdb, code, "begin", err);
    }
    begin_looking(lmdb);
    new->txn = (struct store_txn){store->call, write};
    new->lmdb = lmdb;
    if (write)
        new->used_bytes = used_bytes(lmdb, new->handle);
    *txn = &new->txn;
    return 0;
}

static int lmdb_commit(struct store_txn *txn, struct err *err)
{
    struct lmdb_txn *self = (struct lmdb_txn *)txn;
    int code = mdb_txn_commit(self->handle);
    int status = failed(self->lmdb, code, "commit", err);

    end_looking(self->lmdb);
    free(self);
    return status;
}

static void lmdb_release(struct store_txn *txn)
{
    struct lmdb_txn *self = (struct lmdb_txn *)txn;

    if (self->released)
        return;
    mdb_txn_reset(self->handle);
    end_looking(self->lmdb);
    self->released = true;
}

static void lmdb_abort(struct store_txn *txn)
{
    struct lmdb_txn *self = (struct lmdb_txn *)txn;

    mdb_txn_abort(self->handle);
    if (!self->released)
        end_looking(self->lmdb);
    free(self);
}

static int lmdb_renew(struct store_txn *txn, struct err *err)
{
    struct lmdb_txn *self = (struct lmdb_txn *)txn;
    int code;

    lmdb_release(txn);
    code = mdb_txn_renew(self->handle);
    if (code == MDB_MAP_RESIZED && (code = follow_writer(self->lmdb)) == 0)
        code = mdb_txn_renew(self->handle);
    if (code == 0) {
        begin_looking(self->lmdb);
        self->released = false;
    }
    return failed(self->lmdb, code, "renew", err);
}

/* ---- entries ---- */

static int lmdb_get(struct store_txn *txn, enum store_table table,
        struct bytes key, struct bytes *value, struct err *err)
{
    struct lmdb_txn *self = (struct lmdb_txn *)txn;
    MDB_val k = val_of(key), v;
    int code = mdb_get(self->handle, self->lmdb->tables[table], &k, &v);

    if (code != 0)
        return failed(self->lmdb, code, "get", err);
    *value = bytes_of_val(v);
    return 0;
}

/* Counts an entry that is about to be put. STORAGE_FULL if the tables hold
 * all that they may. */
static int take_room(struct lmdb_txn *self, enum store_table table,
        struct bytes key, size_t size, struct err *err)
{
    /* Retention can take what a snapshot covers: a full map must hold one. */
    uint64_t most = self->lmdb->map_bytes +
            (table == TABLE_SNAPSHOT ? SNAPSHOT_SPARE_BYTES : 0);

    self->used_bytes += key.size + size + ENTRY_OVERHEAD_BYTES;
    return self->used_bytes <= most
            ? 0
            : failed(self->lmdb, MDB_MAP_FULL, "put", err);
}

/* From where the last put of the table went. */
static int put_near(struct lmdb_txn *self, enum store_table table, MDB_val *key,
        MDB_val *value, unsigned flags)
{
    int code = 0;

    if (self->put_at[table] == NULL)
        code = mdb_cursor_open(
                self->handle, self->lmdb->tables[table], &self->put_at[table]);
    return code != 0 ? code
                     : mdb_cursor_put(self->put_at[table], key, value, flags);
}

static int lmdb_put(struct store_txn *txn, enum store_table table,
        struct bytes key, struct bytes value, bool last, struct err *err)
{
    struct lmdb_txn *self = (struct lmdb_txn *)txn;
    MDB_val k = val_of(key), v = val_of(value);
    int status = take_room(self, table, key, value.size, err);

    if (status != 0)
        return status;
    return failed(self->lmdb,
            put_near(self, table, &k, &v, last ? MDB_APPEND : 0), "put", err);
}

static int lmdb_reserve(struct store_txn *txn, enum store_table table,
        struct bytes key, size_t size, bool last, uint8_t **room,
        struct err *err)
{
    struct lmdb_txn *self = (struct lmdb_txn *)txn;
    MDB_val k = val_of(key), v = {size, NULL};
    int status = take_room(self, table, key, size, err);

    if (status != 0)
        return status;
    status = failed(self->lmdb,
            put_near(
                    self, table, &k, &v, MDB_RESERVE | (last ? MDB_APPEND : 0)),
            "put", err);
    *room = v.mv_data;
    return status;
}

static int lmdb_del(struct store_txn *txn, enum store_table table,
        struct bytes key, struct err *err)
{
    struct lmdb_txn *self = (struct lmdb_txn *)txn;
    MDB_val k = val_of(key);
    int code = mdb_del(self->handle, self->lmdb->tables[table], &k, NULL);

    return failed(self->lmdb, code, "delete", err);
}

/* ---- cursors ---- */

static int lmdb_cursor_open(struct store_txn *txn, enum store_table table,
        struct store_cursor **cursor, struct err *err)
{
    struct lmdb_txn *self = (struct lmdb_txn *)txn;
    struct lmdb_cursor *new = calloc(1, sizeof(*new));
    int code;

    if (new == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    code = mdb_cursor_open(
            self->handle, self->lmdb->tables[table], &new->handle);
    if (code != 0) {
        free(new);
        return failed(self->lmdb, code, "cursor", err);
    }
    new->cursor.call = txn->call;
    new->lmdb = self->lmdb;
    *cursor = &new->cursor;
    return 0;
}

static void lmdb_cursor_close(struct store_cursor *cursor)
{
    struct lmdb_cursor *self = (struct lmdb_cursor *)cursor;

    mdb_cursor_close(self->handle);
    free(self);
}

static int cursor_move(struct store_cursor *cursor, struct bytes key,
        MDB_cursor_op operation, struct bytes *found, struct bytes *value,
        struct err *err)
{
    struct lmdb_cursor *self = (struct lmdb_cursor *)cursor;
    MDB_val k = val_of(key), v;
    int code = mdb_cursor_get(self->handle, &k, &v, operation);

    if (code != 0)
        return failed(self->lmdb, code, "cursor", err);
    *found = bytes_of_val(k);
    *value = bytes_of_val(v);
    return 0;
}

static int lmdb_seek(struct store_cursor *cursor, struct bytes key,
        struct bytes *found, struct bytes *value, struct err *err)
{
    return cursor_move(cursor, key, key.size == 0 ? MDB_FIRST : MDB_SET_RANGE,
            found, value, err);
}

static int lmdb_next(struct store_cursor *cursor, struct bytes *found,
        struct bytes *value, struct err *err)
{
    return cursor_move(cursor, bytes_of(NULL, 0), MDB_NEXT, found, value, err);
}

static int lmdb_previous(struct store_cursor *cursor, struct bytes *found,
        struct bytes *value, struct err *err)
{
    return cursor_move(cursor, bytes_of(NULL, 0), MDB_PREV, found, value, err);
}

static int lmdb_last(struct store_cursor *cursor, struct bytes *found,
        struct bytes *value, struct err *err)
{
    return cursor_move(cursor, bytes_of(NULL, 0), MDB_LAST, found, value, err);
}

/* ---- the whole ---- */

static void lmdb_usage(struct store *store, struct store_usage *usage)
{
    struct lmdb *lmdb = (struct lmdb *)store;
    MDB_txn *txn;

    *usage = (struct store_usage){.map_bytes = lmdb->map_bytes,
            .file_bytes = file_bytes(lmdb),
            .free_disk_bytes = free_disk(lmdb)};
    if (mdb_txn_begin(lmdb->env, NULL, MDB_RDONLY, &txn) != 0)
        return;
    usage->used_bytes = used_bytes(lmdb, txn);
    mdb_txn_abort(txn);
}

static void lmdb_tend(struct store *store)
{
    struct lmdb *lmdb = (struct lmdb *)store;
    int dead;

    (void)mdb_reader_check(lmdb->env, &dead);
}

static void lmdb_close(struct store *store)
{
    struct lmdb *lmdb = (struct lmdb *)store;

    mdb_env_close(lmdb->env);
    free(lmdb->directory);
    free(lmdb);
}

static const struct store_functions lmdb_functions = {
        .close = lmdb_close,
        .begin = lmdb_begin,
        .commit = lmdb_commit,
        .abort = lmdb_abort,
        .renew = lmdb_renew,
        .release = lmdb_release,
        .get = lmdb_get,
        .put = lmdb_put,
        .reserve = lmdb_reserve,
        .del = lmdb_del,
        .cursor_open = lmdb_cursor_open,
        .cursor_close = lmdb_cursor_close,
        .seek = lmdb_seek,
        .next = lmdb_next,
        .previous = lmdb_previous,
        .last = lmdb_last,
        .usage = lmdb_usage,
        .tend = lmdb_tend,
};

static int open_tables(struct lmdb *lmdb, bool read_only)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(lmdb->env, NULL, read_only ? MDB_RDONLY : 0, &txn);

    if (code != 0)
        return code;
    for (int i = 0; i < TABLE_COUNT; i++) {
        code = mdb_dbi_open(txn, table_names[i], read_only ? 0 : MDB_CREATE,
                &lmdb->tables[i]);
        if (code != 0) {
            mdb_txn_abort(txn);
            return code;
        }
    }
    return mdb_txn_commit(txn);
}

/* `map_bytes`: 0 = as large as the file says. */
static int open_env(struct lmdb *lmdb, const struct store_settings *settings,
        uint64_t map_bytes)
{
    unsigned flags = MDB_NOTLS | (settings->read_only ? MDB_RDONLY : 0) |
            (settings->no_sync ? MDB_NOSYNC : 0);
    int code;

    if ((code = mdb_env_create(&lmdb->env)) != 0 ||
            (code = mdb_env_set_maxdbs(lmdb->env, TABLE_COUNT)) != 0 ||
            (code = mdb_env_set_maxreaders(lmdb->env, READERS_MAX)) != 0)
        return code;
    if (map_bytes > 0 &&
            (code = mdb_env_set_mapsize(lmdb->env, map_bytes)) != 0)
        return code;
    return mdb_env_open(lmdb->env, lmdb->directory, flags, 0640);
}

static int open_map(struct lmdb *lmdb, const struct store_settings *settings)
{
    int code = open_env(lmdb, settings,
            settings->read_only ? 0 : settings->map_bytes + MAP_SPARE_BYTES);

    if (code != ENOMEM || !settings->read_only)
        return code;
    /* LMDB makes the least size the one that holds what there is. */
    mdb_env_close(lmdb->env);
    lmdb->env = NULL;
    return open_env(lmdb, settings, 1);
}

static int open_all(struct lmdb *lmdb, const struct store_settings *settings)
{
    int code = open_map(lmdb, settings);

    if (code == 0)
        code = find_map_size(lmdb);
    if (code == 0 && lmdb->grow_bytes > 0)
        code = keep_room(lmdb);
    return code == 0 ? open_tables(lmdb, settings->read_only) : code;
}

int store_lmdb_open(const char *directory,
        const struct store_settings *settings, struct store **store,
        struct err *err)
{
    struct lmdb *lmdb = calloc(1, sizeof(*lmdb));
    int code;

    if (lmdb != NULL)
        lmdb->directory = strdup(directory);
    if (lmdb == NULL || lmdb->directory == NULL) {
        free(lmdb);
        return err_set(err, STATUS_INTERNAL, "no memory");
    }
    lmdb->store.call = &lmdb_functions;
    lmdb->grow_bytes = settings->read_only ? 0 : settings->grow_bytes;
    lmdb->movable = settings->read_only || settings->grow_bytes > 0;
    if (!settings->read_only && mkdir(directory, 0750) != 0 && errno != EEXIST)
        code = errno;
    else
        code = open_all(lmdb, settings);
    if (code != 0) {
        int status = failed(lmdb, code, directory, err);
        if (lmdb->env != NULL)
            mdb_env_close(lmdb->env);
        free(lmdb->directory);
        free(lmdb);
        return status == STATUS_NOT_FOUND || code == ENOENT
                ? err_set(err, STATUS_NOT_FOUND, "%s: is not a store of rue",
                          directory)
                : status;
    }
    *store = &lmdb->store;
    return 0;
}
