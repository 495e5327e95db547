#include "cli/drift_store.h"

#include "cli/cli.h"
#include "replay/outcomes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES ((size_t)64 << 20)
#define WEIGHT_MAX  10.0 /* as in policies/drift.c */

struct reading {
    struct drift_store *store;
    struct ledger_reader reader;
    struct arena arena; /* of the spec */
    struct problem_spec spec;
    enum drift_stream stream;
    int64_t slot, group; /* -1: all */
};

/* ---- streams ---- */

static const struct {
    const char *name;
    enum drift_stream stream;
} streams[] = {{"reward", DRIFT_REWARD}, {"residual", DRIFT_RESIDUAL},
        {"weighted", DRIFT_WEIGHTED}, {"join", DRIFT_JOIN}};

static bool find_stream(const char *name, enum drift_stream *stream)
{
    for (size_t i = 0; i < ARRAY_COUNT(streams); i++)
        if (strcmp(name, streams[i].name) == 0) {
            *stream = streams[i].stream;
            return true;
        }
    return false;
}

bool drift_store_knows(const char *stream)
{
    enum drift_stream found;

    return find_stream(stream, &found);
}

static double clipped(double x)
{
    return x < 0.0 ? 0.0 : x > 1.0 ? 1.0 : x;
}

/* NAN: the outcome has no such value. */
static double value_of(
        enum drift_stream stream, const struct drift_outcome *seen)
{
    double residual = clipped(seen->predicted) - clipped(seen->loss);

    switch (stream) {
    case DRIFT_RESIDUAL:
        return isnan(seen->predicted) ? (double)NAN : (1.0 + residual) / 2.0;
    case DRIFT_WEIGHTED:
        if (isnan(seen->predicted) || seen->propensity <= 0.0)
            return (double)NAN;
        return 0.5 +
                fmin(1.0 / (seen->count * seen->propensity), WEIGHT_MAX) *
                residual / 20.0;
    case DRIFT_JOIN:
        return seen->unjoined ? 1.0 : 0.0;
    default:
        return clipped(seen->loss);
    }
}

/* ---- outcomes ---- */

static bool is_wanted(
        const struct reading *reading, const struct stored_outcome *outcome)
{
    if (reading->slot >= 0 && outcome->seen.slot != reading->slot)
        return false;
    for (uint32_t i = 0; reading->group >= 0 && i < outcome->group_count; i++)
        if (outcome->groups[i] == reading->group)
            return true;
    return reading->group < 0;
}

static int take_outcome(
        void *self, const struct stored_outcome *outcome, struct err *err)
{
    struct reading *reading = self;
    double value = value_of(reading->stream, &outcome->seen);

    (void)err;
    if (is_wanted(reading, outcome) && !isnan(value))
        reading->store->value(reading->store->self, outcome->sequence, value);
    return 0;
}

static void take_alarm(
        void *self, uint64_t sequence, const struct alarm_record *alarm)
{
    struct reading *reading = self;
    bool action = reading->slot >= 0, group = reading->group >= 0;
    uint32_t part = action ? DRIFT_ACTION : group ? DRIFT_GROUP : DRIFT_ALL;

    if (alarm->stream != (uint32_t)reading->stream || alarm->part != part ||
            (action && alarm->index != (uint32_t)reading->slot) ||
            (group && alarm->index != (uint32_t)reading->group))
        return;
    reading->store->alarm(reading->store->self, sequence, alarm);
}

static void show_progress(void *self, uint64_t done, uint64_t all)
{
    (void)self;
    cli_progress("records", done, all);
}

/* ---- the problem ---- */

/* The only problem, where none is named. */
static int only_problem(void *self, struct bytes name, uint32_t number,
        uint64_t config, struct err *err)
{
    struct reading *reading = self;

    (void)name;
    (void)config;
    if (reading->spec.number != 0)
        return err_set(err, STATUS_INVALID,
                "the store has several problems: name one (--problem)");
    reading->spec.number = number;
    return 0;
}

static int name_problem(
        struct reading *reading, struct bytes *name, struct err *err)
{
    int status;

    if (reading->store->problem != NULL) {
        *name = bytes_of_text(reading->store->problem);
        return 0;
    }
    status = ledger_reader_problems(
            &reading->reader, only_problem, reading, err);
    if (status == 0 && reading->spec.number == 0)
        status = err_set(err, STATUS_NOT_FOUND, "the store has no problem");
    return status == 0 ? ledger_reader_problem_name(&reading->reader,
                                 reading->spec.number, name, err)
                       : status;
}

static int read_spec(struct reading *reading, struct bytes name,
        uint32_t number, uint64_t config, struct err *err)
{
    struct log_entry entry;
    union any_record record;
    uint64_t since;
    int status = ledger_reader_since(&reading->reader, name, &since, err);

    if (status == 0)
        status = log_get(reading->reader.txn, config, &entry, err);
    if (status == 0)
        status = record_decode(
                entry.kind, entry.payload, &reading->arena, &record, err);
    if (status == 0 && entry.kind != RECORD_CONFIG)
        status = err_set(err, STATUS_CORRUPT, "its config is another record");
    if (status == 0)
        status = problem_spec_parse_text(&reading->spec, record.config.name,
                record.config.settings, &reading->arena, err);
    reading->spec.number = number;
    reading->spec.since = since;
    return status == 0 ? 0 : err_prefix(err, "the problem's settings");
}

static int find_problem(struct reading *reading, struct err *err)
{
    struct bytes name;
    uint32_t number;
    uint64_t config;
    char text[ID_BYTES_MAX + 1];
    int status = name_problem(reading, &name, err);

    if (status != 0)
        return status;
    status = ledger_reader_problem(
            &reading->reader, name, &number, &config, err);
    if (status == STATUS_NOT_FOUND || (status == 0 && config == 0))
        return err_set(err, STATUS_NOT_FOUND, "there is no problem '%s'",
                bytes_text(name, text, sizeof(text)));
    return status == 0 ? read_spec(reading, name, number, config, err) : status;
}

static int find_parts(struct reading *reading, struct err *err)
{
    const struct drift_store *store = reading->store;
    const struct problem_spec *spec = &reading->spec;

    reading->slot = reading->group = -1;
    for (uint32_t i = 0; store->action != NULL && i < spec->slots; i++)
        if (bytes_equal(spec->catalogue[i], bytes_of_text(store->action)))
            reading->slot = i;
    for (uint32_t i = 0; store->group != NULL && i < spec->group_count; i++)
        if (bytes_equal(spec->groups[i].name, bytes_of_text(store->group)))
            reading->group = i;
    if (store->action != NULL && reading->slot < 0)
        return err_set(err, STATUS_NOT_FOUND,
                "the problem's catalogue has no action '%s'", store->action);
    if (store->group != NULL && reading->group < 0)
        return err_set(err, STATUS_NOT_FOUND, "the problem has no group '%s'",
                store->group);
    return 0;
}

static int read_outcomes(struct reading *reading, struct err *err)
{
    struct outcomes outcomes = {.reader = &reading->reader,
            .spec = &reading->spec,
            .visit = take_outcome,
            .alarm = take_alarm,
            .progress = show_progress,
            .self = reading};
    int status = find_problem(reading, err);

    if (status == 0)
        status = find_parts(reading, err);
    if (status != 0)
        return status;
    outcomes.predictions = reading->stream == DRIFT_RESIDUAL ||
            reading->stream == DRIFT_WEIGHTED;
    status = outcomes_run(&outcomes, err);
    reading->store->lost = outcomes.lost;
    return status;
}

int drift_store_run(struct drift_store *store, struct err *err)
{
    struct store_settings settings = {.read_only = true};
    struct reading reading = {.store = store};
    struct ledger *ledger;
    int status = ledger_open(store->path, &settings, &ledger, err);

    if (status != 0)
        return status;
    if (store->stream != NULL)
        (void)find_stream(store->stream, &reading.stream);
    reading.arena = arena_over(malloc(ARENA_BYTES), ARENA_BYTES);
    status = reading.arena.data == NULL
            ? err_set(err, STATUS_INTERNAL, "no memory")
            : ledger_reader_open(ledger, &reading.reader, err);
    if (status == 0) {
        status = read_outcomes(&reading, err);
        ledger_reader_close(&reading.reader);
    }
    free(reading.arena.data);
    ledger_close(ledger);
    return status;
}
