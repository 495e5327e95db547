#include "storage/retention.h"

#include "base/check.h"
#include "storage/generation.h"

#include <stdlib.h>

#define ARENA_BYTES ((size_t)16 << 20)
/* A map this full takes no new work: commits need free pages to copy to. */
/* The part of the map at which new work is refused, so that what is under way
 * still fits: a 64th, and of a small map up to a quarter. */
#define MAP_SPARE_SHARE 64
#define MAP_SPARE_SMALL ((uint64_t)16 << 20)

/* A problem in one run. */
struct fate {
    bool hosted;
    uint64_t covered; /* sequence of its newest snapshot, 0 = none that fits */
    uint64_t config; /* of its newest Config record */
    uint64_t hold; /* from here on training remembers; 0 = from nowhere */
};

struct run {
    struct ledger *ledger;
    const struct retention_rules *rules;
    struct fate *fates; /* by problem number */
    uint32_t fate_count;
    struct arena arena; /* one record at a time */
    struct err *err;
};

static const struct retention_host *host_of(
        const struct retention_rules *rules, uint32_t number)
{
    for (uint32_t low = 0, high = rules->host_count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        const struct retention_host *host = &rules->hosts[middle];
        if (host->number == number)
            return host;
        if (host->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* The newest promotions of a problem, the newest first. */
struct promotions {
    uint32_t wanted, count;
    uint64_t sequence[RETENTION_GENERATIONS_MAX];
};

static int note_promotion(void *self, const struct generation *generation,
        bool damaged, struct err *err)
{
    struct promotions *list = self;
    uint64_t sequence = damaged ? 0 : generation->promoted;

    (void)err;
    for (uint32_t i = 0; i < list->wanted && sequence != 0; i++) {
        uint64_t there = i < list->count ? list->sequence[i] : 0;
        if (sequence <= there)
            continue;
        list->sequence[i] = sequence;
        sequence = there;
        if (i == list->count)
            list->count++;
    }
    return 0;
}

/* Where the oldest generation that training remembers began: at its promotion,
 * or, where there are fewer, with the log. */
static int find_hold(struct run *run, const struct retention_host *host,
        uint64_t *hold, struct err *err)
{
    struct promotions list = {.wanted = host->generations};
    int status;

    *hold = 0;
    if (host->generations == 0)
        return 0;
    CHECK(host->generations <= RETENTION_GENERATIONS_MAX);
    status = generation_each(
            ledger_txn(run->ledger), host->number, note_promotion, &list, err);
    *hold = list.count < list.wanted ? 1 : list.sequence[list.wanted - 1];
    return status;
}

static int add_fate(void *self, struct bytes name, uint32_t number,
        uint64_t config, struct err *err)
{
    struct run *run = self;
    const struct retention_host *host = host_of(run->rules, number);
    struct snapshot newest;
    int status;

    (void)name;
    if (number >= run->fate_count) {
        struct fate *grown =
                realloc(run->fates, (2 * (size_t)number + 1) * sizeof(*grown));
        if (grown == NULL)
            return err_set(err, STATUS_INTERNAL, "no memory");
        memset(grown + run->fate_count, 0,
                (2 * (size_t)number + 1 - run->fate_count) * sizeof(*grown));
        run->fates = grown;
        run->fate_count = 2 * number + 1;
    }
    run->fates[number] =
            (struct fate){.hosted = host != NULL, .config = config};
    if (host != NULL) {
        status = find_hold(run, host, &run->fates[number].hold, err);
        if (status != 0)
            return status;
    }
    status = snapshot_at(
            ledger_txn(run->ledger), number, UINT64_MAX, &newest, err);
    if (status == 0 && (host == NULL || newest.digest == host->digest))
        run->fates[number].covered = newest.sequence;
    return status == STATUS_NOT_FOUND || status == STATUS_CORRUPT ? 0 : status;
}

/* May a Decision go? Takes its event along. */
static int drop_decision(struct run *run, const struct fate *fate,
        uint64_t sequence, const struct record *head, bool *may)
{
    struct store_txn *txn = ledger_txn(run->ledger);
    struct event_state state;
    int status = event_get(txn, head->problem, head->event, &state, run->err);

    *may = true;
    if (status == STATUS_NOT_FOUND)
        return 0;
    /* The event may be another one of the same id. */
    if (status != 0 || state.decision != sequence)
        return status;
    if (fate->hosted)
        *may = state.last <= fate->covered &&
                (state.deadline == 0 || !event_waits(&state, state.deadline)) &&
                run->rules->retire(run->rules->self, sequence);
    return *may ? event_delete(txn, head->problem, head->event, run->err) : 0;
}

/* A Config record goes, but not the last of its problem. */
static int keep_config(struct run *run, struct fate *fate, uint64_t sequence,
        struct config_record *record)
{
    struct bytes payload;
    int status;

    if (fate->config != sequence)
        return 0;
    record->head.time = run->rules->now;
    payload = record_encode_config(record, &run->arena);
    if (payload.data == NULL)
        return err_set(run->err, STATUS_INTERNAL, "no memory");
    status = ledger_append(
            run->ledger, RECORD_CONFIG, payload, &fate->config, run->err);
    if (status == 0)
        status = ledger_problem_set_config(
                run->ledger, record->head.problem, fate->config, 0, run->err);
    return status;
}

/* Drops one record if it may go. */
static int drop(struct run *run, const struct log_entry *entry, bool *may)
{
    struct store_txn *txn = ledger_txn(run->ledger);
    uint64_t sequence = entry->sequence;
    union any_record record;
    struct fate *fate;
    struct bytes payload;
    bool newest_config;
    int status;

    *may = false;
    arena_reset(&run->arena);
    /* The decoded record is a view, and the entry's page may be written to. */
    payload = bytes_of(
            arena_copy(&run->arena, entry->payload.data, entry->payload.size),
            entry->payload.size);
    if (payload.data == NULL)
        return err_set(run->err, STATUS_INTERNAL, "no memory");
    status =
            record_decode(entry->kind, payload, &run->arena, &record, run->err);
    if (status != 0 || record.head.time >= run->rules->now - run->rules->keep ||
            record.head.problem >= run->fate_count)
        return status;
    fate = &run->fates[record.head.problem];
    newest_config = entry->kind == RECORD_CONFIG && fate->config == sequence;
    if (fate->hosted && sequence > fate->covered && !newest_config)
        return 0;
    if (fate->hold != 0 && sequence >= fate->hold && !newest_config)
        return 0;
    *may = true;
    if (!fate->hosted && fate->covered != 0 && sequence > fate->covered) {
        status = snapshot_drop(txn, record.head.problem, run->err);
        fate->covered = 0;
    }
    if (status == 0 && entry->kind == RECORD_DECISION)
        status = drop_decision(run, fate, sequence, &record.head, may);
    if (status == 0 && entry->kind == RECORD_CONFIG)
        status = keep_config(run, fate, sequence, &record.config);
    if (status != 0 || !*may)
        return status;
    return log_delete(txn, sequence, run->err);
}

static int drop_all(struct run *run, uint64_t *dropped)
{
    struct ledger_reader reader = {ledger_txn(run->ledger)};
    uint64_t last = ledger_last_appended(run->ledger);
    uint64_t next = 0;
    int status = log_first(ledger_txn(run->ledger), &next, run->err);

    if (status == 0)
        status = ledger_reader_problems(&reader, add_fate, run, run->err);
    while (status == 0 && next != 0 && next < last &&
            *dropped < RETENTION_STEP) {
        struct log_entry entry;
        bool may = false;
        status = log_get(ledger_txn(run->ledger), next, &entry, run->err);
        if (status == 0)
            status = drop(run, &entry, &may);
        if (!may)
            break;
        next++;
        (*dropped)++;
    }
    return status;
}

int retention_run(struct ledger *ledger, const struct retention_rules *rules,
        uint64_t *dropped, struct err *err)
{
    struct run run = {.ledger = ledger, .rules = rules, .err = err};
    int status;

    *dropped = 0;
    if (rules->keep == 0 || rules->keep > rules->now)
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
    free(run.fates);
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
