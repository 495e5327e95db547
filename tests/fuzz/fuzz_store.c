/* Rows of a store. The input edits a small sound store, row by row: it puts,
 * patches and deletes rows, with checksums put right where it asks for it.
 * Whatever the rows are: what is read of them is within limits or CORRUPT, and
 * the store can be verified, rebuilt from and written to. */
#include "base/crc.h"
#include "base/endian.h"
#include "replay/rebuild.h"
#include "replay/verify.h"
#include "tests/fuzz/common.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

const uint32_t fuzz_mutations = 200;

#define ROWS_MAX  64u
#define OPS_MAX   12u
#define KEY_MAX   511u
#define START     (1000 * NANOS_PER_SECOND)
#define FOOTPRINT ((size_t)1 << 18)

struct row {
    enum store_table table;
    struct bytes key, value;
};

static struct row sound[ROWS_MAX];
static uint32_t sound_count;

/* ---- the sound store ---- */

static struct memory memory;

/* One arena for the whole history: what is written stays. */
static void play_history(struct problem *problem, struct arena *arena)
{
    static const double x[2] = {0.25, 0.5};
    static const struct feedback reports[3] = {
            {.event = {(const uint8_t *)"e1", 2}, .value = 1},
            {.event = {(const uint8_t *)"e1", 2},
                    .value = 0.5,
                    .id = {(const uint8_t *)"f", 1}},
            {.event = {(const uint8_t *)"orphan", 6}, .value = 1}};
    static struct question questions[3];
    struct journal journal = memory_journal(&memory);
    struct answer answer;

    for (uint32_t i = 0; i < 3; i++) {
        static const char *const events[] = {"e1", "e2", "e3"};
        struct input input = {.kind = INPUT_DECIDE, .now = START + i};
        questions[i] = (struct question){.event = bytes_of_text(events[i]),
                .shared = {1, 2, NULL, x},
                .deferred = i == 2};
        input.as.decide.question = &questions[i];
        engine_step(problem, &input, &journal, arena, &answer);
        CHECK(answer.decision.status == STATUS_OK);
    }
    for (uint32_t i = 0; i < 3; i++) {
        struct input input = {.kind = INPUT_FEEDBACK, .now = START + 10};
        input.as.feedback = &reports[i];
        engine_step(problem, &input, &journal, arena, &answer);
        CHECK(answer.receipt.status == STATUS_OK);
    }
}

static void write_records(struct ledger *ledger, uint32_t problem)
{
    struct err err;

    for (uint32_t i = 0; i < memory.record_count; i++) {
        uint64_t sequence;
        CHECK_ZERO(ledger_append(ledger, memory.records[i].kind,
                memory.records[i].payload, &sequence, &err));
        for (uint32_t j = 0; j < memory.event_count; j++)
            if (memory.events[j].decision.data ==
                    memory.records[i].payload.data)
                memory.events[j].state.decision = sequence;
    }
    for (uint32_t i = 0; i < memory.event_count; i++)
        CHECK_ZERO(event_put(ledger_txn(ledger), problem,
                memory.events[i].event, &memory.events[i].state, &err));
    for (uint32_t i = 0; i < memory.due_count; i++) {
        struct bytes event = memory.due[i].event;
        uint8_t id[ID_BYTES_MAX + 1];
        id[0] = (uint8_t)event.size;
        memcpy(id + 1, event.data, event.size);
        CHECK_ZERO(due_put(ledger_txn(ledger), problem, memory.due[i].deadline,
                bytes_of(id, event.size + 1), &err));
    }
}

static void write_snapshot(struct ledger *ledger, const struct problem *problem)
{
    size_t size = problem_save_size(problem);
    uint8_t *state = malloc(size);
    struct writer writer = writer_over(state, size);
    struct snapshot snapshot = {ledger_last_appended(ledger),
            problem->spec->state_digest, {state, size}};
    struct err err;

    CHECK(state != NULL);
    problem_save(problem, &writer);
    CHECK_ZERO(snapshot_put(
            ledger_txn(ledger), problem->spec->number, &snapshot, &err));
    free(state);
}

static struct bytes copied(struct bytes bytes)
{
    uint8_t *copy = malloc(bytes.size + 1);

    CHECK(copy != NULL);
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return bytes_of(copy, bytes.size);
}

static void copy_rows(struct store_txn *txn)
{
    for (int table = 0; table < TABLE_COUNT; table++) {
        struct store_cursor *cursor;
        struct bytes key, value;
        struct err err;
        int status;
        CHECK_ZERO(txn->call->cursor_open(
                txn, (enum store_table)table, &cursor, &err));
        status = txn->call->seek(cursor, bytes_of(NULL, 0), &key, &value, &err);
        while (status == 0) {
            CHECK(sound_count < ROWS_MAX);
            sound[sound_count++] = (struct row){
                    (enum store_table)table, copied(key), copied(value)};
            status = txn->call->next(cursor, &key, &value, &err);
        }
        txn->call->cursor_close(cursor);
    }
}

static void make_sound(void)
{
    struct problem *problem = problem_fresh(0);
    struct arena *arena = arena_fresh(1);
    struct config_record config = {
            .head = {RECORD_CONFIG, problem->spec->number, START,
                    bytes_of(NULL, 0)},
            .name = problem->spec->name,
            .settings = problem->spec->text,
            .shape = problem->spec->shape_digest,
    };
    struct store *store;
    struct ledger *ledger;
    struct err err;
    uint64_t sequence, at;
    uint32_t number;

    CHECK_ZERO(store_mem_open(0, &store, &err));
    CHECK_ZERO(ledger_over(store, false, &ledger, &err));
    CHECK_ZERO(ledger_begin(ledger, &err));
    CHECK_ZERO(ledger_problem(ledger, problem->spec->name, &number, &at, &err));
    CHECK(number == problem->spec->number);
    CHECK_ZERO(ledger_append(ledger, RECORD_CONFIG,
            record_encode_config(&config, arena), &sequence, &err));
    CHECK_ZERO(ledger_problem_set_config(
            ledger, number, sequence, sequence, &err));
    memory_reset(&memory);
    play_history(problem, arena);
    write_records(ledger, number);
    write_snapshot(ledger, problem);
    copy_rows(ledger_txn(ledger));
    ledger_abort(ledger);
    ledger_close(ledger);
}

/* ---- the edits ---- */

enum { OP_PUT, OP_PATCH, OP_DELETE, OP_APPEND, OP_COUNT };

static void put(struct store_txn *txn, enum store_table table, struct bytes key,
        struct bytes value)
{
    struct err err;

    if (key.size == 0 || key.size > KEY_MAX)
        return;
    CHECK_ZERO(txn->call->put(txn, table, key, value, false, &err));
}

/* Checksums are no secret either. */
static void put_right(
        enum store_table table, struct bytes key, uint8_t *value, size_t size)
{
    uint8_t number[8];

    if (size < 8 || key.size < 8)
        return;
    if (table == TABLE_LOG) {
        store_le64(number, load_be64(key.data));
        store_le32(value,
                crc32c(crc32c(0, bytes_of(value + 4, size - 4)),
                        bytes_of(number, sizeof(number))));
    }
    if (table == TABLE_SNAPSHOT)
        store_le32(
                value, crc32c(crc32c(0, bytes_of(value + 4, size - 4)), key));
}

static void op_put(struct store_txn *txn, struct reader *reader)
{
    enum store_table table =
            (enum store_table)(read_u8(reader) % (unsigned)TABLE_COUNT);
    struct bytes key = read_bytes(reader, read_u8(reader));
    struct bytes value = read_bytes(reader, read_u8(reader));

    if (!reader->failed)
        put(txn, table, key, value);
}

static void op_patch(struct store_txn *txn, struct reader *reader)
{
    const struct row *row = &sound[read_u8(reader) % sound_count];
    uint16_t offset = read_u16(reader);
    struct bytes patch = read_bytes(reader, read_u8(reader));
    uint8_t right = read_u8(reader);
    uint8_t *value = malloc(row->value.size + 1);

    CHECK(value != NULL);
    memcpy(value, row->value.data, row->value.size);
    for (size_t i = 0; i < patch.size && offset + i < row->value.size; i++)
        value[offset + i] = patch.data[i];
    if (right % 2 == 0)
        put_right(row->table, row->key, value, row->value.size);
    if (!reader->failed)
        put(txn, row->table, row->key, bytes_of(value, row->value.size));
    free(value);
}

static void op_delete(struct store_txn *txn, struct reader *reader)
{
    const struct row *row = &sound[read_u8(reader) % sound_count];
    struct err err;

    (void)txn->call->del(txn, row->table, row->key, &err);
}

/* A record behind the others, with the header and checksum of one. */
static void op_append(struct store_txn *txn, struct reader *reader)
{
    enum record_kind kind = (enum record_kind)read_u8(reader);
    struct bytes payload = read_bytes(reader, read_u8(reader));
    uint64_t last;
    struct err err;

    if (!reader->failed && log_last(txn, &last, &err) == 0 && last < UINT64_MAX)
        CHECK_ZERO(log_append(txn, last + 1, kind, payload, &err));
}

/* Returns how many edits there were. */
static uint32_t edit(struct store_txn *txn, struct bytes input)
{
    static void (*const ops[OP_COUNT])(struct store_txn * txn,
            struct reader * reader) = {op_put, op_patch, op_delete, op_append};
    struct reader reader = reader_of(input);
    uint32_t count = 0;

    for (; count < OPS_MAX && reader.rest.size > 0 && !reader.failed; count++)
        ops[read_u8(&reader) % (unsigned)OP_COUNT](txn, &reader);
    return count;
}

/* ---- what is promised ---- */

static bool check_due(void *self, nanos deadline, struct bytes event)
{
    nanos *before = self;

    CHECK(deadline >= *before && event.size >= 1 && event.size <= ID_BYTES_MAX);
    *before = deadline;
    return true;
}

static int check_event(void *self, uint32_t problem, struct bytes event,
        const struct event_state *state, struct err *err)
{
    (void)self;
    (void)problem;
    (void)err;
    CHECK(event.size >= 1 && event.size <= ID_BYTES_MAX);
    CHECK(state->mark_count <= FEEDBACKS_MAX);
    return 0;
}

/* An entry that is taken is the one that log_append writes. */
static void check_entry(struct store_txn *txn, const struct log_entry *entry)
{
    uint8_t key[8];
    struct bytes value;
    struct err err;

    store_be64(key, entry->sequence);
    CHECK_ZERO(txn->call->get(
            txn, TABLE_LOG, bytes_of(key, sizeof(key)), &value, &err));
    CHECK(value.size == LOG_HEADER_BYTES + entry->payload.size);
    CHECK(value.data[4] == 1 && value.data[5] == (uint8_t)entry->kind);
    CHECK(value.data[6] == 0 && value.data[7] == 0);
    CHECK(entry->kind >= 1 && entry->kind <= RECORD_KIND_MAX);
}

/* False if the log's settings ask for more memory than a test should take. */
static bool check_log(struct store_txn *txn)
{
    struct log_cursor cursor;
    struct log_entry entry;
    uint64_t before = 0;
    bool modest = true;
    struct err err;
    int status;

    CHECK_ZERO(log_cursor_open(&cursor, txn, 0, &err));
    while ((status = log_cursor_next(&cursor, &entry, &err)) == 0) {
        union any_record record;
        struct problem_spec spec;
        CHECK(before == 0 || entry.sequence == before + 1);
        before = entry.sequence;
        check_entry(txn, &entry);
        if (entry.kind == RECORD_CONFIG &&
                record_decode(entry.kind, entry.payload, arena_fresh(0),
                        &record, &err) == 0 &&
                problem_spec_parse_text(&spec, record.config.name,
                        record.config.settings, arena_fresh(1), &err) == 0)
            modest = modest && policy_footprint(&spec.policy) <= FOOTPRINT;
    }
    CHECK(status == STATUS_NOT_FOUND || status == STATUS_CORRUPT);
    log_cursor_close(&cursor);
    return modest;
}

static int check_number(void *self, struct bytes name, uint32_t number,
        uint64_t config, struct err *err)
{
    const uint32_t *new = self;

    (void)config;
    (void)err;
    CHECK(number >= 1 && number <= PROBLEMS_MAX);
    CHECK(bytes_equal(name, bytes_of_text("new")) == (number == *new));
    return 0;
}

/* A problem that is new gets a number of its own. */
static void check_problems(struct ledger *ledger)
{
    struct ledger_reader reader;
    struct err err;
    uint64_t config;
    uint32_t number;
    int status;

    CHECK_ZERO(ledger_begin(ledger, &err));
    status = ledger_problem(
            ledger, bytes_of_text("new"), &number, &config, &err);
    CHECK(status == 0 || status == STATUS_CORRUPT || status == STATUS_INVALID);
    if (status == 0) {
        reader.txn = ledger_txn(ledger);
        status = ledger_reader_problems(&reader, check_number, &number, &err);
        CHECK(status == 0 || status == STATUS_CORRUPT);
    }
    ledger_abort(ledger);
}

static void check_reading(struct store_txn *txn)
{
    struct snapshot snapshot;
    struct err err;
    nanos before = 0;
    int status;

    status = due_range(txn, 1, NANOS_MAX, check_due, &before, &err);
    CHECK(status == 0 || status == STATUS_CORRUPT);
    status = event_each(txn, check_event, NULL, &err);
    CHECK(status == 0 || status == STATUS_CORRUPT);
    for (uint64_t at = 0; at < 12; at++) {
        status = snapshot_at(txn, 1, at, &snapshot, &err);
        CHECK(status == 0 || status == STATUS_CORRUPT ||
                status == STATUS_NOT_FOUND);
        CHECK(status != 0 || snapshot.sequence <= at);
    }
}

static void check_rebuild(struct ledger *ledger)
{
    struct problem *problem = problem_fresh(0);
    struct rebuild rebuild = {.problems = &problem, .problem_count = 1};
    struct ledger_reader reader;
    struct err err;

    CHECK_ZERO(ledger_reader_open(ledger, &reader, &err));
    if (rebuild_run(&rebuild, &reader, &err) == 0)
        CHECK(policy_check(problem->policy));
    else
        CHECK(err.text[0] != '\0');
    ledger_reader_close(&reader);
}

static void check_verify(struct ledger *ledger, bool is_sound)
{
    struct verify_report report;
    struct err err = {STATUS_OK, ""};
    int status = verify_run(ledger, NULL, &report, &err);

    CHECK(status == 0 || status == STATUS_CORRUPT);
    if (is_sound)
        CHECK(status == 0 && report.finding_count == 0);
    verify_free(&report);
}

static void check_store(struct ledger *ledger, bool verify, bool is_sound)
{
    struct ledger_reader reader;
    struct err err;
    bool modest;

    CHECK_ZERO(ledger_reader_open(ledger, &reader, &err));
    modest = check_log(reader.txn);
    check_reading(reader.txn);
    ledger_reader_close(&reader);
    check_problems(ledger);
    check_rebuild(ledger);
    if (modest && verify)
        check_verify(ledger, is_sound);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct store *store;
    struct store_txn *txn;
    struct ledger *ledger;
    struct err err;
    uint32_t edits;
    int status;

    if (size > 4096)
        return 0;
    if (sound_count == 0)
        make_sound();
    CHECK_ZERO(store_mem_open(0, &store, &err));
    CHECK_ZERO(store->call->begin(store, true, &txn, &err));
    for (uint32_t i = 0; i < sound_count; i++)
        put(txn, sound[i].table, sound[i].key, sound[i].value);
    edits = edit(txn, bytes_of(data, size));
    CHECK_ZERO(store->call->commit(txn, &err));
    status = ledger_over(store, false, &ledger, &err);
    if (status != 0) {
        CHECK(status == STATUS_CORRUPT || status == STATUS_UNSUPPORTED);
        return 0;
    }
    /* Under sanitizers the blocks that verify takes cost most of the time. */
    check_store(ledger, size % 4 == 0, edits == 0);
    ledger_close(ledger);
    return 0;
}
