#include "storage/retention.h"

#include <stdlib.h>

#define ARENA_BYTES ((size_t)8 << 20)
/* The part of the map that new work leaves free, so that what is under way
 * finds room: a 64th, but in small maps a quarter up to this. */
#define MAP_SPARE_SHARE 64
#define MAP_SPARE_SMALL ((uint64_t)16 << 20)

/* What one run may drop, and the memory that it works with. */
struct run {
    struct ledger *ledger;
    const struct retention *retention;
    nanos before; /* records of an earlier time may go */
    uint64_t last; /* the log never becomes empty: this one stays */
    uint64_t *covered; /* [covered_count] by problem: sequence of its newest
                          snapshot, 0 = none, UNKNOWN = not looked up */
    uint32_t covered_count;
    struct arena arena;
    struct err *err;
};

#define UNKNOWN UINT64_MAX

static int grow_covered(struct run *run, uint32_t problem)
{
    uint32_t count = problem + 1;
    uint64_t *grown = realloc(run->covered, count * sizeof(*grown));

    if (grown == NULL)
        return err_set(run->err, STATUS_INTERNAL, "no memory");
    for (uint32_t i = run->covered_count; i < count; i++)
        grown[i] = UNKNOWN;
    run->covered = grown;
    run->covered_count = count;
    return 0;
}

/* Sequence of the problem's newest snapshot, 0 if it has none. */
static int find_covered(struct run *run, uint32_t problem, uint64_t *sequence)
{
    struct snapshot newest;
    int status;

    if (problem >= run->covered_count &&
            (status = grow_covered(run, problem)) != 0)
        return status;
    if (run->covered[problem] == UNKNOWN) {
        status = snapshot_at(ledger_txn(run->ledger), problem, UINT64_MAX,
                &newest, run->err);
        if (status != 0 && status != STATUS_NOT_FOUND)
            return status;
        run->covered[problem] = status == 0 ? newest.sequence : 0;
    }
    *sequence = run->covered[problem];
    return 0;
}

static bool still_waits(const struct run *run, const struct event_state *state)
{
    if (run->retention->urgent && state->deadline <= run->retention->now)
        return false;
    return state->deadline != 0 && event_waits(state, state->deadline);
}

static int drop_decision(
        struct run *run, const struct record *head, uint64_t covered, bool *may)
{
    struct store_txn *txn = ledger_txn(run->ledger);
    struct event_state state;
    int status = event_get(txn, head->problem, head->event, &state, run->err);

    if (status == STATUS_NOT_FOUND)
        return 0;
    if (status != 0)
        return status;
    *may = !still_waits(run, &state) && state.touched <= covered;
    return *may ? event_delete(txn, head->problem, head->event, run->err) : 0;
}

/* Writes the newest Config record of a problem once more. */
static int renew_config(
        struct run *run, uint64_t sequence, const struct config_record *record)
{
    struct config_record renewed = *record;
    struct bytes payload;
    uint64_t newest;
    int status = ledger_problem(run->ledger, record->name,
            &renewed.head.problem, &newest, run->err);

    if (status != 0 || newest != sequence)
        return status;
    renewed.head.time = run->retention->now;
    payload = record_encode_config(&renewed, &run->arena);
    if (payload.data == NULL)
        return err_set(run->err, STATUS_INTERNAL, "no memory");
    status = ledger_append(
            run->ledger, RECORD_CONFIG, payload, &newest, run->err);
    if (status == 0)
        status = ledger_problem_set_config(
                run->ledger, renewed.head.problem, newest, run->err);
    return status;
}

/* Drops one record if it may go. */
static int drop(struct run *run, const struct log_entry *entry, bool *may)
{
    union any_record record;
    uint64_t sequence = entry->sequence, covered;
    enum record_kind kind = entry->kind;
    int status;

    *may = false;
    arena_reset(&run->arena);
    status =
            record_decode(kind, entry->payload, &run->arena, &record, run->err);
    if (status != 0 || record.head.time >= run->before)
        return status;
    status = find_covered(run, record.head.problem, &covered);
    if (status != 0 || covered < sequence)
        return status;
    *may = true;
    if (kind == RECORD_DECISION)
        status = drop_decision(run, &record.head, covered, may);
    if (status != 0 || !*may)
        return status;
    status = log_delete(ledger_txn(run->ledger), sequence, run->err);
    if (status == 0 && kind == RECORD_CONFIG)
        status = renew_config(run, sequence, &record.config);
    return status;
}

static int drop_all(struct run *run, uint64_t *dropped)
{
    uint64_t first;
    int status = log_first(ledger_txn(run->ledger), &first, run->err);

    while (status == 0 && first != 0 && first < run->last &&
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

int retention_run(struct ledger *ledger, const struct retention *retention,
        uint64_t *dropped, struct err *err)
{
    nanos now = retention->now, keep = retention->keep;
    struct run run = {.ledger = ledger,
            .retention = retention,
            .before = now - keep,
            .last = ledger_last_appended(ledger),
            .err = err};
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
    free(run.covered);
    free(run.arena.data);
    return status == STATUS_STORAGE_FULL ? 0 : status;
}

static uint64_t map_spare(uint64_t map_bytes)
{
    uint64_t quarter = map_bytes / 4;
    uint64_t small = quarter < MAP_SPARE_SMALL ? quarter : MAP_SPARE_SMALL;
    uint64_t share = map_bytes / MAP_SPARE_SHARE;

    return share > small ? share : small;
}

const char *retention_full(
        const struct store_usage *usage, uint64_t quota, uint64_t reserve)
{
    if (usage->free_disk_bytes < reserve)
        return "the disk has less than storage.reserve left";
    if (quota != 0 && usage->used_bytes >= quota)
        return "the store holds as much as storage.quota allows";
    if (usage->used_bytes >= usage->map_bytes - map_spare(usage->map_bytes))
        return "storage.map_size is nearly used up";
    return NULL;
}
