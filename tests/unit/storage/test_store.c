/* The promises of storage/store.h, kept by every store; and the store on LMDB
 * against the reference in memory, step by step, on random work. */
#include "storage/store.h"

#include "base/endian.h"
#include "base/rng.h"
#include "tests/unit/storage/scratch.h"

#include <sys/resource.h>

/* ---- every store ---- */

/* Opens an empty store that is full after about a megabyte. */
static struct store *open_lmdb(const struct scratch *scratch)
{
    struct store_settings settings = {.map_bytes = MIB, .no_sync = true};
    struct store *store;
    struct err err;

    OK(store_lmdb_open(scratch->path, &settings, &store, &err));
    return store;
}

static struct store *open_mem(const struct scratch *scratch)
{
    struct store *store;
    struct err err;

    (void)scratch;
    OK(store_mem_open(MIB, &store, &err));
    return store;
}

static struct store *(*const stores[])(const struct scratch *scratch) = {
        open_lmdb, open_mem};

static struct scratch scratch;
static struct store *store;
static struct err err;

static void setup(int row)
{
    scratch = scratch_make();
    store = stores[row](&scratch);
}

static void teardown(void)
{
    store->call->close(store);
    scratch_remove(&scratch);
}

static struct store_txn *begin(bool write)
{
    struct store_txn *txn;

    OK(store->call->begin(store, write, &txn, &err));
    return txn;
}

static void commit(struct store_txn *txn)
{
    OK(txn->call->commit(txn, &err));
}

static int put(struct store_txn *txn, const char *key, const char *value)
{
    return txn->call->put(txn, TABLE_EVENT, bytes_of_text(key),
            bytes_of_text(value), false, &err);
}

static void expect(struct store_txn *txn, const char *key, const char *expected)
{
    struct bytes value;

    if (expected == NULL) {
        FAILS(STATUS_NOT_FOUND,
                txn->call->get(
                        txn, TABLE_EVENT, bytes_of_text(key), &value, &err));
        return;
    }
    OK(txn->call->get(txn, TABLE_EVENT, bytes_of_text(key), &value, &err));
    ck_assert(bytes_equal(value, bytes_of_text(expected)));
}

START_TEST(an_empty_store_has_nothing)
{
    struct store_cursor *cursor;
    struct bytes key, value;
    struct store_txn *txn;

    setup(_i);
    txn = begin(true);
    expect(txn, "a", NULL);
    FAILS(STATUS_NOT_FOUND,
            txn->call->del(txn, TABLE_EVENT, bytes_of_text("a"), &err));
    OK(txn->call->cursor_open(txn, TABLE_EVENT, &cursor, &err));
    FAILS(STATUS_NOT_FOUND,
            cursor->call->seek(cursor, bytes_of(NULL, 0), &key, &value, &err));
    FAILS(STATUS_NOT_FOUND, cursor->call->last(cursor, &key, &value, &err));
    cursor->call->cursor_close(cursor);
    commit(txn);
    teardown();
}
END_TEST

START_TEST(a_commit_is_seen_and_an_abort_is_not)
{
    struct store_txn *txn;

    setup(_i);
    txn = begin(true);
    OK(put(txn, "a", "1"));
    OK(put(txn, "b", ""));
    expect(txn, "a", "1");
    commit(txn);
    txn = begin(true);
    OK(put(txn, "a", "2"));
    OK(put(txn, "c", "3"));
    OK(txn->call->del(txn, TABLE_EVENT, bytes_of_text("b"), &err));
    txn->call->abort(txn);
    txn = begin(false);
    expect(txn, "a", "1");
    expect(txn, "b", "");
    expect(txn, "c", NULL);
    txn->call->abort(txn);
    teardown();
}
END_TEST

START_TEST(a_reader_sees_one_moment)
{
    struct store_txn *reader, *writer;

    setup(_i);
    writer = begin(true);
    OK(put(writer, "a", "1"));
    commit(writer);
    reader = begin(false);
    writer = begin(true);
    OK(put(writer, "a", "2"));
    expect(reader, "a", "1");
    commit(writer);
    expect(reader, "a", "1");
    OK(reader->call->renew(reader, &err));
    expect(reader, "a", "2");
    reader->call->release(reader);
    writer = begin(true);
    OK(put(writer, "a", "3"));
    commit(writer);
    OK(reader->call->renew(reader, &err));
    expect(reader, "a", "3");
    reader->call->release(reader);
    reader->call->release(reader);
    reader->call->abort(reader);
    teardown();
}
END_TEST

START_TEST(keys_sort_as_bytes)
{
    static const char *const sorted[] = {
            "\x01", "\x01\x01", "A", "AA", "AB", "B", "\x7f", "\x80", "\xff"};
    struct store_cursor *cursor;
    struct bytes key, value;
    struct store_txn *txn;
    int status;

    setup(_i);
    txn = begin(true);
    for (size_t i = 0; i < ARRAY_COUNT(sorted); i++)
        OK(put(txn, sorted[i * 4 % ARRAY_COUNT(sorted)], ""));
    OK(txn->call->cursor_open(txn, TABLE_EVENT, &cursor, &err));
    status = cursor->call->seek(cursor, bytes_of(NULL, 0), &key, &value, &err);
    for (size_t i = 0; i < ARRAY_COUNT(sorted); i++) {
        OK(status);
        ck_assert(bytes_equal(key, bytes_of_text(sorted[i])));
        status = cursor->call->next(cursor, &key, &value, &err);
    }
    ck_assert_int_eq(status, STATUS_NOT_FOUND);
    cursor->call->cursor_close(cursor);
    commit(txn);
    teardown();
}
END_TEST

START_TEST(appending_out_of_order_is_refused)
{
    struct store_txn *txn;
    uint8_t *room;

    setup(_i);
    txn = begin(true);
    OK(txn->call->put(txn, TABLE_LOG, bytes_of_text("b"), bytes_of_text("1"),
            true, &err));
    FAILS(STATUS_INTERNAL,
            txn->call->put(txn, TABLE_LOG, bytes_of_text("b"),
                    bytes_of_text("2"), true, &err));
    FAILS(STATUS_INTERNAL,
            txn->call->reserve(
                    txn, TABLE_LOG, bytes_of_text("a"), 1, true, &room, &err));
    OK(txn->call->reserve(
            txn, TABLE_LOG, bytes_of_text("c"), 1, true, &room, &err));
    *room = '3';
    commit(txn);
    teardown();
}
END_TEST

START_TEST(tables_are_apart)
{
    struct bytes value;
    struct store_txn *txn;

    setup(_i);
    txn = begin(true);
    for (int t = 0; t < TABLE_COUNT; t++)
        OK(txn->call->put(txn, (enum store_table)t, bytes_of_text("k"),
                bytes_of(&"0123456789"[t], 1), false, &err));
    for (int t = 0; t < TABLE_COUNT; t++) {
        OK(txn->call->get(
                txn, (enum store_table)t, bytes_of_text("k"), &value, &err));
        ck_assert(bytes_equal(value, bytes_of(&"0123456789"[t], 1)));
    }
    commit(txn);
    teardown();
}
END_TEST

/* Appends records of a kilobyte, eight to a transaction, until the store is
 * full; returns how many were committed. */
static uint64_t fill(void)
{
    uint8_t value[1000];
    uint64_t count = 0;

    memset(value, 7, sizeof(value));
    for (;;) {
        struct store_txn *txn = begin(true);
        int status = 0;
        for (unsigned i = 1; status == 0 && i <= 8; i++) {
            uint8_t key[8];
            store_be64(key, count + i);
            status = txn->call->put(txn, TABLE_LOG, bytes_of(key, sizeof(key)),
                    bytes_of(value, sizeof(value)), true, &err);
        }
        if (status == STATUS_STORAGE_FULL) {
            txn->call->abort(txn);
            return count;
        }
        OK(status);
        status = txn->call->commit(txn, &err);
        if (status == STATUS_STORAGE_FULL)
            return count;
        OK(status);
        count += 8;
    }
}

static uint64_t count_log(void)
{
    struct store_txn *txn = begin(false);
    struct store_cursor *cursor;
    struct bytes key, value;
    uint64_t count = 0;
    int status;

    OK(txn->call->cursor_open(txn, TABLE_LOG, &cursor, &err));
    status = cursor->call->seek(cursor, bytes_of(NULL, 0), &key, &value, &err);
    while (status == 0) {
        ck_assert_uint_eq(value.size, 1000);
        count++;
        status = cursor->call->next(cursor, &key, &value, &err);
    }
    ck_assert_int_eq(status, STATUS_NOT_FOUND);
    cursor->call->cursor_close(cursor);
    txn->call->abort(txn);
    return count;
}

START_TEST(a_full_store_keeps_all_and_takes_more_after_deletes)
{
    struct store_usage full, after;
    struct store_txn *txn;
    uint64_t count;

    setup(_i);
    count = fill();
    ck_assert_uint_gt(count, 400);
    ck_assert_uint_eq(count_log(), count);
    store->call->usage(store, &full);
    ck_assert_uint_gt(full.used_bytes, full.map_bytes / 2);
    txn = begin(true);
    for (uint64_t i = 1; i <= count / 2; i++) {
        uint8_t key[8];
        store_be64(key, i);
        OK(txn->call->del(txn, TABLE_LOG, bytes_of(key, 8), &err));
    }
    commit(txn);
    /* Pages that one transaction frees can be used by the one after the
     * next. */
    txn = begin(true);
    OK(put(txn, "a", "1"));
    commit(txn);
    store->call->usage(store, &after);
    ck_assert_uint_lt(after.used_bytes, full.used_bytes * 2 / 3);
    txn = begin(true);
    for (uint64_t i = 1; i <= count / 4; i++) {
        uint8_t key[8], value[1000] = {0};
        store_be64(key, count + i);
        OK(txn->call->put(txn, TABLE_LOG, bytes_of(key, 8),
                bytes_of(value, sizeof(value)), true, &err));
    }
    commit(txn);
    ck_assert_uint_eq(count_log(), count - count / 2 + count / 4);
    teardown();
}
END_TEST

START_TEST(a_value_may_be_large)
{
    size_t size = MIB / 2;
    uint8_t *value = malloc(size);
    struct store_txn *txn;
    struct bytes found;

    ck_assert_ptr_nonnull(value);
    for (size_t i = 0; i < size; i++)
        value[i] = (uint8_t)(i * 31 >> 3);
    setup(_i);
    txn = begin(true);
    OK(txn->call->put(txn, TABLE_SNAPSHOT, bytes_of_text("s"),
            bytes_of(value, size), false, &err));
    commit(txn);
    txn = begin(false);
    OK(txn->call->get(txn, TABLE_SNAPSHOT, bytes_of_text("s"), &found, &err));
    ck_assert(bytes_equal(found, bytes_of(value, size)));
    txn->call->abort(txn);
    free(value);
    teardown();
}
END_TEST

/* ---- one store against the other ---- */

#define PAIR_READERS 3

struct pair {
    struct store *stores[2];
    struct store_txn *writers[2];
    struct store_txn *readers[PAIR_READERS][2];
    bool released[PAIR_READERS];
    struct rng rng;
    unsigned seed;
};

/* Both stores must say the same; the seed brings a failure back. */
#define SAME(pair, condition)                                                  \
    ck_assert_msg(condition, "seed %u: %s", (pair)->seed, #condition)

static struct bytes random_key(struct pair *pair, uint8_t *room)
{
    size_t size = 1 + rng_below(&pair->rng, 3);

    for (size_t i = 0; i < size; i++)
        room[i] = (uint8_t)(rng_below(&pair->rng, 6) * 51);
    return bytes_of(room, size);
}

/* Mostly short; some fill pages of their own. */
static size_t random_size(struct pair *pair)
{
    switch (rng_below(&pair->rng, 16)) {
    case 0:
        return 0;
    case 1:
        return rng_below(&pair->rng, 20000);
    case 2:
        return rng_below(&pair->rng, 3000);
    default:
        return rng_below(&pair->rng, 40);
    }
}

static enum store_table random_table(struct pair *pair)
{
    return (enum store_table)(TABLE_LOG + rng_below(&pair->rng, 2));
}

static void pair_put(struct pair *pair)
{
    enum store_table table = random_table(pair);
    uint8_t room[8], fill_with = (uint8_t)rng_u32(&pair->rng);
    struct bytes key = random_key(pair, room);
    size_t size = random_size(pair);
    bool last = rng_below(&pair->rng, 4) == 0;
    int status[2];

    for (int s = 0; s < 2; s++) {
        uint8_t *value;
        status[s] = pair->writers[s]->call->reserve(
                pair->writers[s], table, key, size, last, &value, &err);
        if (status[s] == 0 && size > 0)
            memset(value, fill_with, size);
    }
    SAME(pair, status[0] == status[1]);
    SAME(pair, status[0] == 0 || (last && status[0] == STATUS_INTERNAL));
}

static void pair_delete(struct pair *pair)
{
    enum store_table table = random_table(pair);
    uint8_t room[8];
    struct bytes key = random_key(pair, room);
    int status[2];

    for (int s = 0; s < 2; s++)
        status[s] =
                pair->writers[s]->call->del(pair->writers[s], table, key, &err);
    SAME(pair, status[0] == status[1]);
    SAME(pair, status[0] == 0 || status[0] == STATUS_NOT_FOUND);
}

static void pair_get(struct pair *pair, struct store_txn *txns[2])
{
    enum store_table table = random_table(pair);
    uint8_t room[8];
    struct bytes key = random_key(pair, room), value[2];
    int status[2];

    for (int s = 0; s < 2; s++)
        status[s] = txns[s]->call->get(txns[s], table, key, &value[s], &err);
    SAME(pair, status[0] == status[1]);
    SAME(pair, status[0] != 0 || bytes_equal(value[0], value[1]));
}

static int move(struct pair *pair, struct store_cursor *cursor, uint32_t how,
        struct bytes from, struct bytes *key, struct bytes *value)
{
    switch (how) {
    case 0:
        return cursor->call->seek(cursor, from, key, value, &err);
    case 1:
        return cursor->call->last(cursor, key, value, &err);
    case 2:
        return cursor->call->previous(cursor, key, value, &err);
    default:
        SAME(pair, how < 6);
        return cursor->call->next(cursor, key, value, &err);
    }
}

/* A walk of random steps, side by side. */
static void pair_walk(struct pair *pair, struct store_txn *txns[2])
{
    enum store_table table = random_table(pair);
    struct store_cursor *cursors[2];
    bool placed = false;

    for (int s = 0; s < 2; s++)
        OK(txns[s]->call->cursor_open(txns[s], table, &cursors[s], &err));
    for (int step = 0; step < 12; step++) {
        uint32_t how = rng_below(&pair->rng, placed ? 6 : 2);
        uint8_t room[8];
        struct bytes from = random_key(pair, room), key[2], value[2];
        int status[2];
        if (rng_below(&pair->rng, 8) == 0)
            from = bytes_of(NULL, 0);
        for (int s = 0; s < 2; s++)
            status[s] = move(pair, cursors[s], how, from, &key[s], &value[s]);
        SAME(pair, status[0] == status[1]);
        SAME(pair, status[0] == 0 || status[0] == STATUS_NOT_FOUND);
        placed = status[0] == 0;
        SAME(pair, !placed || bytes_equal(key[0], key[1]));
        SAME(pair, !placed || bytes_equal(value[0], value[1]));
    }
    for (int s = 0; s < 2; s++)
        cursors[s]->call->cursor_close(cursors[s]);
}

static void pair_write(struct pair *pair)
{
    for (int s = 0; s < 2; s++)
        OK(pair->stores[s]->call->begin(
                pair->stores[s], true, &pair->writers[s], &err));
    for (uint32_t n = rng_below(&pair->rng, 40); n > 0; n--)
        switch (rng_below(&pair->rng, 8)) {
        case 0:
        case 1:
        case 2:
        case 3:
            pair_put(pair);
            break;
        case 4:
        case 5:
            pair_delete(pair);
            break;
        case 6:
            pair_get(pair, pair->writers);
            break;
        default:
            pair_walk(pair, pair->writers);
        }
    if (rng_below(&pair->rng, 4) == 0)
        for (int s = 0; s < 2; s++)
            pair->writers[s]->call->abort(pair->writers[s]);
    else
        for (int s = 0; s < 2; s++)
            OK(pair->writers[s]->call->commit(pair->writers[s], &err));
}

/* One thing with one pair of readers, which may be far behind. */
static void pair_read(struct pair *pair)
{
    uint32_t r = rng_below(&pair->rng, PAIR_READERS);
    uint32_t what = rng_below(&pair->rng, 8);
    struct store_txn **txns = pair->readers[r];

    if (what == 0) {
        for (int s = 0; s < 2; s++)
            txns[s]->call->release(txns[s]);
        pair->released[r] = true;
    } else if (what == 1 || pair->released[r]) {
        for (int s = 0; s < 2; s++)
            OK(txns[s]->call->renew(txns[s], &err));
        pair->released[r] = false;
    } else if (what < 5) {
        pair_get(pair, txns);
    } else {
        pair_walk(pair, txns);
    }
}

START_TEST(lmdb_does_as_the_reference_does)
{
    struct store_settings settings = {.map_bytes = 64 * MIB, .no_sync = true};
    struct pair pair = {.seed = (unsigned)_i + 1};

    scratch = scratch_make();
    pair.rng = rng_keyed(pair.seed, 1, RNG_TEST);
    OK(store_lmdb_open(scratch.path, &settings, &pair.stores[0], &err));
    OK(store_mem_open(0, &pair.stores[1], &err));
    for (int r = 0; r < PAIR_READERS; r++)
        for (int s = 0; s < 2; s++)
            OK(pair.stores[s]->call->begin(
                    pair.stores[s], false, &pair.readers[r][s], &err));
    for (int round = 0; round < 400; round++) {
        pair_write(&pair);
        for (uint32_t n = rng_below(&pair.rng, 8); n > 0; n--)
            pair_read(&pair);
    }
    for (int s = 0; s < 2; s++) {
        for (int r = 0; r < PAIR_READERS; r++)
            pair.readers[r][s]->call->abort(pair.readers[r][s]);
        pair.stores[s]->call->close(pair.stores[s]);
    }
    scratch_remove(&scratch);
}
END_TEST

/* ---- LMDB only ---- */

START_TEST(what_is_committed_is_there_after_reopening)
{
    struct store_txn *txn;

    setup(0);
    txn = begin(true);
    OK(put(txn, "a", "1"));
    commit(txn);
    store->call->close(store);
    store = open_lmdb(&scratch);
    txn = begin(false);
    expect(txn, "a", "1");
    txn->call->abort(txn);
    teardown();
}
END_TEST

START_TEST(a_second_opener_reads_what_the_first_writes)
{
    struct store_settings settings = {.read_only = true};
    struct store *tool;
    struct store_txn *txn, *reader;

    setup(0);
    OK(store_lmdb_open(scratch.path, &settings, &tool, &err));
    OK(tool->call->begin(tool, false, &reader, &err));
    txn = begin(true);
    OK(put(txn, "a", "1"));
    commit(txn);
    expect(reader, "a", NULL);
    OK(reader->call->renew(reader, &err));
    expect(reader, "a", "1");
    reader->call->abort(reader);
    tool->call->close(tool);
    teardown();
}
END_TEST

/* ---- a map that moves ---- */

#define PIECE (MIB / 4)

/* Puts pieces first .. first + count - 1 in one transaction. */
static void put_pieces(uint8_t first, uint8_t count)
{
    static uint8_t piece[PIECE];
    struct store_txn *txn = begin(true);

    for (uint8_t n = first; n < first + count; n++) {
        memset(piece, n, sizeof(piece));
        OK(txn->call->put(txn, TABLE_LOG, bytes_of(&n, 1),
                bytes_of(piece, sizeof(piece)), true, &err));
    }
    commit(txn);
}

/* Pieces 0 .. count - 1 are there, and no other. */
static void expect_pieces(struct store_txn *txn, uint8_t count)
{
    struct bytes value;

    for (uint8_t n = 0; n < count; n++) {
        OK(txn->call->get(txn, TABLE_LOG, bytes_of(&n, 1), &value, &err));
        ck_assert_uint_eq(value.size, PIECE);
        ck_assert_uint_eq(value.data[0], n);
        ck_assert_uint_eq(value.data[PIECE - 1], n);
    }
    FAILS(STATUS_NOT_FOUND,
            txn->call->get(txn, TABLE_LOG, bytes_of(&count, 1), &value, &err));
}

START_TEST(a_store_that_grows_takes_more_than_it_began_with)
{
    struct store_settings settings = {
            .map_bytes = MIB, .grow_bytes = 2 * MIB, .no_sync = true};
    struct store_usage usage;
    struct store_txn *reader;

    scratch = scratch_make();
    OK(store_lmdb_open(scratch.path, &settings, &store, &err));
    for (uint8_t n = 0; n < 120; n += 4)
        put_pieces(n, 4);
    reader = begin(false);
    expect_pieces(reader, 120);
    reader->call->abort(reader);
    store->call->usage(store, &usage);
    ck_assert_uint_gt(usage.map_bytes, 30 * MIB);
    ck_assert_uint_lt(usage.map_bytes, 300 * MIB);
    store->call->close(store);
    /* It holds more than what it begins with now. */
    OK(store_lmdb_open(scratch.path, &settings, &store, &err));
    put_pieces(120, 4);
    reader = begin(false);
    expect_pieces(reader, 124);
    reader->call->abort(reader);
    teardown();
}
END_TEST

/* Not while a reader has views into its map. */
START_TEST(a_store_does_not_grow_beneath_a_reader)
{
    struct store_settings settings = {
            .map_bytes = 16 * MIB, .grow_bytes = 4 * MIB, .no_sync = true};
    struct store_txn *reader, *txn;
    uint8_t n = 0;

    scratch = scratch_make();
    OK(store_lmdb_open(scratch.path, &settings, &store, &err));
    reader = begin(false);
    while (n < 80 && store->call->begin(store, true, &txn, &err) == 0) {
        txn->call->abort(txn);
        put_pieces(n, 4);
        n += 4;
    }
    ck_assert_uint_gt(n, 40);
    ck_assert_uint_lt(n, 80);
    FAILS(STATUS_IO, store->call->begin(store, true, &txn, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "beneath an open transaction"));
    expect_pieces(reader, 0);
    reader->call->release(reader);
    put_pieces(n, 4);
    OK(reader->call->renew(reader, &err));
    expect_pieces(reader, (uint8_t)(n + 4));
    reader->call->abort(reader);
    teardown();
}
END_TEST

/* Leaves the process so many more addresses than it has; the limit before. */
static struct rlimit limit_addresses(uint64_t more)
{
    FILE *file = fopen("/proc/self/statm", "re");
    struct rlimit before, limit;
    unsigned long pages = 0;

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%lu", &pages), 1);
    (void)fclose(file);
    ck_assert_int_eq(getrlimit(RLIMIT_AS, &before), 0);
    limit = before;
    limit.rlim_cur = pages * (uint64_t)sysconf(_SC_PAGESIZE) + more;
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
    return before;
}

/* The map that the file speaks of is too much for a reader: it has what there
 * is, and what comes. */
START_TEST(a_reader_with_few_addresses_follows_the_writer)
{
    struct store_settings writing = {
            .map_bytes = UINT64_C(4) << 30, .no_sync = true};
    struct store_settings reading = {.read_only = true};
    struct store *tool;
    struct store_txn *reader, *other;
    struct rlimit before;

    scratch = scratch_make();
    OK(store_lmdb_open(scratch.path, &writing, &store, &err));
    put_pieces(0, 2);
    before = limit_addresses(512 * MIB);
    OK(store_lmdb_open(scratch.path, &reading, &tool, &err));
    OK(tool->call->begin(tool, false, &reader, &err));
    expect_pieces(reader, 2);
    for (uint8_t n = 2; n < 62; n += 4) {
        put_pieces(n, 4);
        expect_pieces(reader, n);
        OK(reader->call->renew(reader, &err));
        expect_pieces(reader, (uint8_t)(n + 4));
    }
    /* A second one cannot have the map moved beneath the first. */
    put_pieces(62, 60);
    FAILS(STATUS_IO, tool->call->begin(tool, false, &other, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "beneath an open transaction"));
    expect_pieces(reader, 62);
    reader->call->abort(reader);
    OK(tool->call->begin(tool, false, &other, &err));
    expect_pieces(other, 122);
    other->call->abort(other);
    tool->call->close(tool);
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &before), 0);
    teardown();
}
END_TEST

START_TEST(reading_where_there_is_no_store_is_refused)
{
    struct store_settings settings = {.read_only = true};
    struct store *none;

    scratch = scratch_make();
    FAILS(STATUS_NOT_FOUND,
            store_lmdb_open(scratch.path, &settings, &none, &err));
    ck_assert_ptr_nonnull(strstr(err.text, scratch.path));
    scratch_remove(&scratch);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store");
    TCase *laws = tcase_create("laws");
    TCase *against = tcase_create("against the reference");
    TCase *lmdb = tcase_create("lmdb");
    int rows = (int)ARRAY_COUNT(stores);

    tcase_set_timeout(laws, 60);
    tcase_add_loop_test(laws, an_empty_store_has_nothing, 0, rows);
    tcase_add_loop_test(laws, a_commit_is_seen_and_an_abort_is_not, 0, rows);
    tcase_add_loop_test(laws, a_reader_sees_one_moment, 0, rows);
    tcase_add_loop_test(laws, keys_sort_as_bytes, 0, rows);
    tcase_add_loop_test(laws, appending_out_of_order_is_refused, 0, rows);
    tcase_add_loop_test(laws, tables_are_apart, 0, rows);
    tcase_add_loop_test(
            laws, a_full_store_keeps_all_and_takes_more_after_deletes, 0, rows);
    tcase_add_loop_test(laws, a_value_may_be_large, 0, rows);
    suite_add_tcase(suite, laws);
    tcase_set_timeout(against, 60);
    tcase_add_loop_test(against, lmdb_does_as_the_reference_does, 0, 8);
    suite_add_tcase(suite, against);
    tcase_add_test(lmdb, what_is_committed_is_there_after_reopening);
    tcase_add_test(lmdb, a_second_opener_reads_what_the_first_writes);
    tcase_add_test(lmdb, a_store_that_grows_takes_more_than_it_began_with);
    tcase_add_test(lmdb, a_store_does_not_grow_beneath_a_reader);
    tcase_add_test(lmdb, a_reader_with_few_addresses_follows_the_writer);
    tcase_add_test(lmdb, reading_where_there_is_no_store_is_refused);
    suite_add_tcase(suite, lmdb);
    return run_suite(suite);
}
