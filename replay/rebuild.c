#include "replay/rebuild.h"

#include "service/engine/fold.h"
#include "storage/generation.h"

#include <inttypes.h>
#include <stdlib.h>

#define CONFIG_ARENA_BYTES ((size_t)8 << 20)
#define PROGRESS_EVERY     UINT64_C(65536)

/* Where a problem stands in the fold. */
struct place {
    struct problem *problem;
    uint64_t after; /* records up to this sequence are in its state */
    bool outside; /* what is read now belongs to another shape */
    bool partial; /* older records may be missing that no snapshot covers */
};

struct walk {
    struct rebuild *rebuild;
    struct ledger_reader *reader;
    struct place *places; /* by problem number */
    uint32_t place_count;
    struct arena arena;
    uint64_t sequence; /* of the record that is being folded */
    struct err *err;
};

static struct place *place_of(struct walk *walk, uint32_t number)
{
    return number < walk->place_count && walk->places[number].problem != NULL
            ? &walk->places[number]
            : NULL;
}

/* ---- snapshots ---- */

/* Loads the newest snapshot at or before `at` that fits; the next older one if
 * it does not; else the problem stays fresh. Retention keeps what the newest
 * snapshot does not cover, but not what an older one does not. */
static int load_snapshot(
        struct walk *walk, struct place *place, uint64_t at, uint64_t first)
{
    const struct problem_spec *spec = place->problem->spec;
    bool newest = true;

    for (; at > 0; newest = false) {
        struct snapshot snapshot;
        struct err err;
        int status = snapshot_at(
                walk->reader->txn, spec->number, at, &snapshot, &err);
        if (status == STATUS_NOT_FOUND)
            break;
        if (status != 0 && status != STATUS_CORRUPT)
            return err_set(walk->err, (enum status)status, "%s", err.text);
        if (status == 0 && snapshot.digest == spec->state_digest) {
            status = problem_load(place->problem, snapshot.state, &err);
            if (status == 0) {
                place->after = snapshot.sequence;
                place->partial = !newest && first > place->after + 1;
                return 0;
            }
        }
        walk->rebuild->damaged += status != 0;
        /* A failed load may have left anything behind: start afresh. */
        problem_reset(place->problem);
        if (snapshot.sequence == 0)
            break;
        at = snapshot.sequence - 1;
    }
    place->partial = first > 1;
    return 0;
}

/* Where to begin: at the snapshots, or, from the start, at the first record
 * that is kept, with the snapshot that stands in for those that are not. */
static int load_places(struct walk *walk, uint64_t first)
{
    uint64_t at = walk->rebuild->until > 0 ? walk->rebuild->until : UINT64_MAX;

    for (uint32_t i = 0; i < walk->place_count; i++) {
        struct place *place = &walk->places[i];
        int status = 0;
        if (place->problem == NULL)
            continue;
        if (!walk->rebuild->from_start || first > 1)
            status = load_snapshot(walk, place, at, first);
        if (status != 0)
            return status;
    }
    return 0;
}

/* ---- records ---- */

/* The Decision record of an event, by way of the join. */
static int find_decision(void *self, uint32_t problem, struct bytes event,
        struct bytes *payload, struct err *err)
{
    struct walk *walk = self;
    struct event_state state;
    struct log_entry entry;
    int status = event_get(walk->reader->txn, problem, event, &state, err);

    /* An id that was used again after retention names another decision. */
    if (status == 0 && (state.decision == 0 || state.decision > walk->sequence))
        return err_set(err, STATUS_NOT_FOUND, "its decision is not kept");
    if (status == 0)
        status = log_get(walk->reader->txn, state.decision, &entry, err);
    if (status != 0)
        return status;
    if (entry.kind != RECORD_DECISION)
        return err_set(err, STATUS_CORRUPT, "its decision is another record");
    *payload = entry.payload;
    return 0;
}

static int find_model(void *self, uint32_t problem, uint64_t number,
        struct bytes *model, struct err *err)
{
    struct walk *walk = self;
    struct generation generation;

    return generation_model(
            walk->reader->txn, problem, number, &generation, model, err);
}

static int fold_config(struct walk *walk, const struct log_entry *entry)
{
    union any_record record;
    struct place *place;
    int status;

    arena_reset(&walk->arena);
    status = record_decode(
            entry->kind, entry->payload, &walk->arena, &record, walk->err);
    if (status != 0)
        return status;
    place = place_of(walk, record.head.problem);
    if (place == NULL || entry->sequence <= place->after)
        return 0;
    place->outside = record.config.shape != place->problem->spec->shape_digest;
    if (place->outside)
        problem_reset(place->problem);
    return 0;
}

static int fold_entry(struct walk *walk, const struct log_entry *entry)
{
    struct decision_source source = {find_decision, walk, find_model};
    struct place *place;
    uint32_t number;
    int status;

    if (entry->kind == RECORD_CONFIG)
        return fold_config(walk, entry);
    if (!record_peek_problem(entry->payload, &number))
        return err_set(walk->err, STATUS_CORRUPT, "record: names no problem");
    place = place_of(walk, number);
    if (place == NULL || place->outside || entry->sequence <= place->after)
        return 0;
    /* The Config record that ended the shape of this one may be gone. */
    if (place->partial && entry->sequence < place->problem->spec->since)
        return 0;
    walk->sequence = entry->sequence;
    status = fold_record(
            place->problem, entry->kind, entry->payload, &source, walk->err);
    if (status == STATUS_NOT_FOUND && place->partial) {
        walk->rebuild->skipped++;
        return 0;
    }
    if (status == STATUS_NOT_FOUND)
        return err_set(
                walk->err, STATUS_CORRUPT, "its decision is not in the log");
    walk->rebuild->folded += status == 0;
    return status;
}

static uint64_t first_wanted(const struct walk *walk)
{
    uint64_t from = UINT64_MAX;

    for (uint32_t i = 0; i < walk->place_count; i++)
        if (walk->places[i].problem != NULL && walk->places[i].after < from)
            from = walk->places[i].after;
    return from == UINT64_MAX ? 1 : from + 1;
}

static int fold_all(struct walk *walk, uint64_t last)
{
    struct rebuild *rebuild = walk->rebuild;
    struct log_cursor cursor;
    struct log_entry entry;
    int status = log_cursor_open(
            &cursor, walk->reader->txn, first_wanted(walk), walk->err);

    if (status != 0)
        return status;
    while ((status = log_cursor_next(&cursor, &entry, walk->err)) == 0 &&
            entry.sequence <= last) {
        status = fold_entry(walk, &entry);
        if (status != 0) {
            (void)err_prefix(walk->err, "log record %" PRIu64, entry.sequence);
            break;
        }
        if (rebuild->progress != NULL && entry.sequence % PROGRESS_EVERY == 0)
            rebuild->progress(rebuild->self, entry.sequence, last);
    }
    log_cursor_close(&cursor);
    return status == STATUS_NOT_FOUND ? 0 : status;
}

/* ---- the whole ---- */

static int make_places(struct walk *walk)
{
    uint32_t most = 0;

    for (uint32_t i = 0; i < walk->rebuild->problem_count; i++) {
        uint32_t number = walk->rebuild->problems[i]->spec->number;
        most = number > most ? number : most;
    }
    walk->place_count = most + 1;
    walk->places = calloc(walk->place_count, sizeof(*walk->places));
    walk->arena = arena_over(malloc(CONFIG_ARENA_BYTES), CONFIG_ARENA_BYTES);
    if (walk->places == NULL || walk->arena.data == NULL)
        return err_set(walk->err, STATUS_INTERNAL, "no memory");
    for (uint32_t i = 0; i < walk->rebuild->problem_count; i++) {
        struct problem *problem = walk->rebuild->problems[i];
        walk->places[problem->spec->number].problem = problem;
    }
    return 0;
}

int rebuild_run(
        struct rebuild *rebuild, struct ledger_reader *reader, struct err *err)
{
    struct walk walk = {.rebuild = rebuild, .reader = reader, .err = err};
    uint64_t first, last;
    int status = make_places(&walk);

    rebuild->folded = 0;
    rebuild->skipped = 0;
    rebuild->damaged = 0;
    if (status == 0)
        status = log_first(reader->txn, &first, err);
    if (status == 0)
        status = log_last(reader->txn, &last, err);
    if (status == 0 && rebuild->until > 0 && rebuild->until < last)
        last = rebuild->until;
    if (status == 0)
        status = load_places(&walk, first);
    if (status == 0)
        status = fold_all(&walk, last);
    if (status == 0)
        rebuild->last_sequence = last;
    free(walk.places);
    free(walk.arena.data);
    return status;
}
