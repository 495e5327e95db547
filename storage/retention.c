#include "storage/retention.h"

#include <stdlib.h>

#define ARENA_BYTES ((size_t)8 << 20)
/* A map this full takes no new work: commits need free pages to copy to. */
#define MAP_SPARE_SHARE 64

/* What one run may drop, and the memory that it works with. */
struct run {
    struct ledger *ledger;
    nanos before; /* records of an earlier time may go */
    uint64_t limit; /* records up to this sequence may go */
    nanos now;
    struct arena arena;
    struct err *err;
};

/* The smallest sequence that every problem has a snapshot at or after. */
struct snapshot_limit {
    struct store_txn *txn;
    uint64_t limit;
};

static int limit_by_problem(void *self, struct bytes name, uint32_t number,
        uint64_t config, struct err *err)
{
    struct snapshot_limit *limit = self;
    struct snapshot newest;
    int status = snapshot_at(limit->txn, number, UINT64_MAX, &newest, err);

    (void)name;
    (void)config;
    if (status == STATUS_NOT_FOUND)
        limit->limit = 0;
    else if (status != 0)
        return status;
    else if (newest.sequence < limit->limit)
        limit->limit = newest.sequence;
    return 0;
}

static int find_limit(struct run *run)
{
    struct ledger_reader reader = {ledger_txn(run->ledger)};
    struct snapshot_limit limit = {
            reader.txn, ledger_last_appended(run->ledger)};
    int status =
            ledger_reader_problems(&reader, limit_by_problem, &limit, run->err);

    run->limit = limit.limit;
    return status;
}

/* May a Decision go? Its event must not wait for anything. */
static int drop_decision(
        struct run *run, const struct decision_record *record, bool *may)
{
    struct store_txn *txn = ledger_txn(run->ledger);
    struct event_state state;
    int status = event_get(
            txn, record->head.problem, record->head.event, &state, run->err);

    *may = true;
    if (status == STATUS_NOT_FOUND)
        return 0;
    if (status != 0)
        return status;
    if (state.deadline > run->now && !state.expired && !state.has_reward) {
        *may = false;
        return 0;
    }
    return event_delete(
            txn, record->head.problem, record->head.event, run->err);
}

/* Drops one record if it may go. */
static int drop(struct run *run, const struct log_entry *entry, bool *may)
{
    union any_record record;
    uint64_t sequence = entry->sequence;
    int status;

    *may = false;
    arena_reset(&run->arena);
    status = record_decode(
            entry->kind, entry->payload, &run->arena, &record, run->err);
    if (status != 0 || record.head.time >= run->before)
        return status;
    *may = true;
    if (entry->kind == RECORD_DECISION)
        status = drop_decision(run, &record.decision, may);
    if (status != 0 || !*may)
        return status;
    return log_delete(ledger_txn(run->ledger), sequence, run->err);
}

static int drop_all(struct run *run, uint64_t *dropped)
{
    uint64_t first;
    int status = find_limit(run);

    if (status == 0)
        status = log_first(ledger_txn(run->ledger), &first, run->err);
    while (status == 0 && first != 0 && first < run->limit &&
            *dropped < RETENTION_STEP) {
        struct log_entry entry;
        bool may = false;
        status = log_get(ledger_txn(run->ledger), first, &entry, run->err);
        if (status == 0)
            status = drop(run, &entry, &may);
        if (!may)
            break;
        first++;
        (*dropped)++;
    }
    return status;
}

int retention_run(struct ledger *ledger, nanos keep, nanos now,
        uint64_t *dropped, struct err *err)
{
    struct run run = {
            .ledger = ledger, .before = now - keep, .now = now, .err = err};
    int status;

    *dropped = 0;
    if (keep == 0 || keep > now)
        return 0;
    run.arena = arena_over(malloc(ARENA_BYTES), ARENA_BYTES);
    if (run.arena.data == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    status = ledger_begin(ledger, err);
    if (status == 0) {
        status = drop_all(&run, dropped);
        if (status != 0 || *dropped == 0)
            ledger_abort(ledger);
        else
            status = ledger_commit(ledger, err);
    }
    if (status != 0)
        *dropped = 0;
    free(run.arena.data);
    return status == STATUS_STORAGE_FULL ? 0 : status;
}

const char *retention_full(
        const struct store_usage *usage, uint64_t quota, uint64_t reserve)
{
    if (usage->free_disk_bytes < reserve)
        return "the disk has less than storage.reserve left";
    if (quota != 0 && usage->used_bytes >= quota)
        return "the store holds as much as storage.quota allows";
    if (usage->used_bytes >=
            usage->map_bytes - usage->map_bytes / MAP_SPARE_SHARE)
        return "storage.map_size is nearly used up";
    return NULL;
}
