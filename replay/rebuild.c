#include "replay/rebuild.h"

#include "replay/walk.h"
#include "service/engine/fold.h"

#include <inttypes.h>
#include <stdlib.h>

/* Where a problem stands in the fold. */
struct place {
    struct problem *problem;
    uint64_t after; /* records up to this sequence are in its state */
    bool outside; /* what is read now belongs to another shape */
    bool partial; /* older records may be missing that no snapshot covers */
};

struct building {
    struct rebuild *rebuild;
    struct ledger_reader *reader;
    struct place *places; /* by problem number */
    uint32_t place_count;
    uint64_t from; /* first record that anything needs */
    struct err *err;
};

static struct place *place_of(struct building *building, uint32_t number)
{
    return number < building->place_count &&
                    building->places[number].problem != NULL
            ? &building->places[number]
            : NULL;
}

/* ---- snapshots ---- */

/* Loads the newest snapshot at or before `at` that fits; the next older one if
 * it does not; else the problem stays fresh. Retention keeps what the newest
 * snapshot does not cover, but not what an older one does not. */
static int load_snapshot(struct building *building, struct place *place,
        uint64_t at, uint64_t first)
{
    const struct problem_spec *spec = place->problem->spec;
    bool newest = true;

    for (; at > 0; newest = false) {
        struct snapshot snapshot;
        struct err err;
        int status = snapshot_at(
                building->reader->txn, spec->number, at, &snapshot, &err);
        if (status == STATUS_NOT_FOUND)
            break;
        if (status != 0 && status != STATUS_CORRUPT)
            return err_set(building->err, (enum status)status, "%s", err.text);
        if (status == 0 && snapshot.digest == spec->state_digest) {
            status = problem_load(place->problem, snapshot.state, &err);
            if (status == 0) {
                place->after = snapshot.sequence;
                place->partial = !newest && first > place->after + 1;
                return 0;
            }
        }
        building->rebuild->damaged += status != 0;
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
static int load_places(struct building *building, uint64_t first)
{
    uint64_t at = building->rebuild->until > 0 ? building->rebuild->until
                                               : UINT64_MAX;

    for (uint32_t i = 0; i < building->place_count; i++) {
        struct place *place = &building->places[i];
        int status = 0;
        if (place->problem == NULL)
            continue;
        if (!building->rebuild->from_start || first > 1)
            status = load_snapshot(building, place, at, first);
        if (status != 0)
            return status;
    }
    return 0;
}

/* ---- records ---- */

static bool wants(void *self, uint32_t problem, const struct log_entry *entry)
{
    const struct place *place = place_of(self, problem);

    if (place == NULL || entry->sequence <= place->after)
        return false;
    if (entry->kind == RECORD_CONFIG)
        return true;
    /* The Config record that ended the shape of this one may be gone. */
    return !place->outside &&
            !(place->partial && entry->sequence < place->problem->spec->since);
}

static int take_config(struct place *place, const struct config_record *record)
{
    place->outside = record->shape != place->problem->spec->shape_digest;
    if (place->outside)
        problem_reset(place->problem);
    return 0;
}

static int visit(void *self, const struct walk_record *walked, struct err *err)
{
    struct building *building = self;
    const union any_record *record = walked->record;
    struct place *place = place_of(building, record->head.problem);
    int status;

    CHECK(place != NULL);
    if (record->head.kind == RECORD_CONFIG)
        return take_config(place, &record->config);
    if (walked->decision == NULL && fold_wants_decision(record)) {
        if (!place->partial)
            return err_set(
                    err, STATUS_CORRUPT, "its decision is not in the log");
        building->rebuild->skipped++;
        return 0;
    }
    arena_reset(&place->problem->scratch);
    status = fold_any(
            place->problem, record, walked->decision, walked->source, err);
    building->rebuild->folded += status == 0;
    return status;
}

static uint64_t first_wanted(const struct building *building)
{
    uint64_t from = UINT64_MAX;

    for (uint32_t i = 0; i < building->place_count; i++)
        if (building->places[i].problem != NULL &&
                building->places[i].after < from)
            from = building->places[i].after;
    return from == UINT64_MAX ? 1 : from + 1;
}

static void progress(void *self, uint64_t done, uint64_t all)
{
    const struct building *building = self;
    const struct rebuild *rebuild = building->rebuild;
    uint64_t before = building->from - 1;

    if (rebuild->progress != NULL)
        rebuild->progress(rebuild->self, before + done, before + all);
}

/* What an exact replay is in the middle of is read by the same reader. */
static int fold_all(struct building *building, uint64_t last)
{
    uint64_t from = first_wanted(building);
    struct walk walk = {.reader = building->reader,
            .from = from,
            .last = last,
            .held = true,
            .wants = wants,
            .visit = visit,
            .progress = progress,
            .self = building};

    building->from = from;
    return from > last ? 0 : walk_run(&walk, building->err);
}

/* ---- the whole ---- */

static int make_places(struct building *building)
{
    uint32_t most = 0;

    for (uint32_t i = 0; i < building->rebuild->problem_count; i++) {
        uint32_t number = building->rebuild->problems[i]->spec->number;
        most = number > most ? number : most;
    }
    building->place_count = most + 1;
    building->places = calloc(building->place_count, sizeof(*building->places));
    if (building->places == NULL)
        return err_set(building->err, STATUS_INTERNAL, "no memory");
    for (uint32_t i = 0; i < building->rebuild->problem_count; i++) {
        struct problem *problem = building->rebuild->problems[i];
        building->places[problem->spec->number].problem = problem;
    }
    return 0;
}

int rebuild_run(
        struct rebuild *rebuild, struct ledger_reader *reader, struct err *err)
{
    struct building building = {
            .rebuild = rebuild, .reader = reader, .err = err};
    uint64_t first, last;
    int status = make_places(&building);

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
        status = load_places(&building, first);
    if (status == 0)
        status = fold_all(&building, last);
    if (status == 0)
        rebuild->last_sequence = last;
    free(building.places);
    return status;
}
