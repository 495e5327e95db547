#include "replay/exact.h"

#include "replay/rebuild.h"
#include "replay/walk.h"
#include "service/engine/choose.h"
#include "service/engine/fold.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SPEC_ARENA_BYTES ((size_t)64 << 20)
#define STEP_ARENA_BYTES ((size_t)32 << 20)

/* A problem on its way through the log. */
struct lane {
    struct exact_problem *result;
    uint64_t config; /* its newest Config record, for a log cut short */
    struct arena arena; /* holds the spec */
    const struct problem_spec *spec;
    struct problem *problem; /* NULL: not begun, or given up */
    uint64_t after; /* records up to this one are in its state */
    bool adrift; /* retention took what a record needs, as the newest snapshot
                    stands for it: nothing can be said before that */
};

struct exact {
    const struct exact_settings *settings;
    struct exact_report *report;
    struct ledger_reader reader;
    struct lane *lanes; /* [lane_count] */
    uint32_t lane_count;
    struct lane **by_number; /* [number_count] or NULL: not asked for */
    uint32_t number_count;
    struct arena arena; /* of one decision */
    uint64_t first; /* record that is kept */
    uint64_t leg; /* records before this one */
    bool whole; /* the log reaches back to its first record */
    struct err *err;
};

__attribute__((format(printf, 2, 3))) static void differ(
        struct lane *lane, const char *format, ...)
{
    va_list args;

    if (lane->result->differs)
        return;
    lane->result->differs = true;
    va_start(args, format);
    (void)vsnprintf(lane->result->difference, EXACT_TEXT_SIZE, format, args);
    va_end(args);
}

/* ---- decisions ---- */

/* Bits, not values: -0 is not 0, and a NaN would be one. */
static bool same_bits(double a, double b)
{
    uint64_t left, right;

    memcpy(&left, &a, sizeof(left));
    memcpy(&right, &b, sizeof(right));
    return left == right;
}

static bool same_numbers(const char *what, const double *recorded,
        const double *again, uint32_t count, char *out, size_t size)
{
    for (uint32_t i = 0; i < count; i++)
        if (!same_bits(recorded[i], again[i])) {
            (void)snprintf(out, size, "%s %u: recorded %.17g, now %.17g", what,
                    i, recorded[i], again[i]);
            return false;
        }
    return true;
}

static bool same_count(const char *what, uint64_t recorded, uint64_t again,
        char *out, size_t size)
{
    if (recorded == again)
        return true;
    (void)snprintf(out, size, "%s: recorded %" PRIu64 ", now %" PRIu64, what,
            recorded, again);
    return false;
}

static bool same_places(const char *what, const uint32_t *recorded,
        const uint32_t *again, uint32_t count, char *out, size_t size)
{
    for (uint32_t i = 0; i < count; i++)
        if (!same_count(what, recorded[i], again[i], out, size))
            return false;
    return true;
}

static bool same_path(const struct decision_record *recorded,
        const struct decision_record *again, char *out, size_t size)
{
    return same_count("edges of the path", recorded->path_count,
                   again->path_count, out, size) &&
            same_numbers("marginal probability of edge", recorded->marginal,
                    again->marginal, recorded->count, out, size) &&
            same_places("path", recorded->path, again->path,
                    recorded->path_count, out, size) &&
            same_numbers("probability of the path", &recorded->path_probability,
                    &again->path_probability, 1, out, size);
}

static bool same_draw(const struct decision_record *recorded,
        const struct decision_record *again, char *out, size_t size)
{
    if (!same_numbers("probability of action", recorded->probability,
                again->probability, recorded->count, out, size) ||
            !same_count("action chosen", recorded->chosen, again->chosen, out,
                    size))
        return false;
    if (!recorded->has_second)
        return true;
    return same_count("second action", recorded->second, again->second, out,
                   size) &&
            same_numbers("probability of the pair", &recorded->pair_probability,
                    &again->pair_probability, 1, out, size);
}

static bool same_groups(const struct decision_record *recorded,
        const struct decision_record *again, char *out, size_t size)
{
    if (!same_count("awake groups", recorded->group_count, again->group_count,
                out, size))
        return false;
    for (uint32_t i = 0; i < recorded->group_count; i++)
        if (!same_count("awake group", recorded->groups[i], again->groups[i],
                    out, size))
            return false;
    return true;
}

static bool same_points(const struct question *recorded,
        const struct question *again, char *out, size_t size)
{
    return same_count("points", recorded->point_count, again->point_count, out,
                   size) &&
            same_numbers("point", recorded->point, again->point,
                    recorded->point_count, out, size);
}

static bool same_trial(const struct trial *recorded, const struct trial *again,
        char *out, size_t size)
{
    return same_count("trials", recorded->given, again->given, out, size) &&
            same_count("generation on trial", recorded->generation,
                    again->generation, out, size) &&
            same_count("side of the trial", recorded->side, again->side, out,
                    size) &&
            same_numbers("share of the trial", &recorded->share, &again->share,
                    1, out, size) &&
            same_numbers("the challenger's probability", &recorded->other,
                    &again->other, 1, out, size) &&
            same_numbers("what was expected", &recorded->control,
                    &again->control, 1, out, size);
}

/* What the guard and the circuit breaker did, and what they expected. */
static bool same_rules(const struct decision_record *recorded,
        const struct decision_record *again, char *out, size_t size)
{
    return same_count("the guard's reason", recorded->guard, again->guard, out,
                   size) &&
            same_numbers("limit of the trial", &recorded->limit, &again->limit,
                    1, out, size) &&
            same_count("masked actions", recorded->masked, again->masked, out,
                    size) &&
            same_count("whether all circuits are open", recorded->all_open,
                    again->all_open, out, size) &&
            same_count("whether a failure was expected", recorded->has_expected,
                    again->has_expected, out, size) &&
            same_numbers("expected failure", &recorded->expected_failure,
                    &again->expected_failure, 1, out, size);
}

bool exact_same_decision(const struct decision_record *recorded,
        const struct decision_record *again, char *out, size_t size)
{
    if (!same_count("lessons learned", recorded->policy_version,
                again->policy_version, out, size) ||
            !same_count("generation", recorded->generation, again->generation,
                    out, size) ||
            !same_groups(recorded, again, out, size) ||
            !same_points(&recorded->question, &again->question, out, size) ||
            !same_trial(&recorded->trial, &again->trial, out, size) ||
            !same_rules(recorded, again, out, size) ||
            !same_count("eligible actions", recorded->count, again->count, out,
                    size) ||
            !same_places("eligible action", recorded->eligible, again->eligible,
                    recorded->count, out, size))
        return false;
    if (recorded->has_prediction != again->has_prediction ||
            (recorded->path_count > 0) != (again->path_count > 0) ||
            recorded->has_second != again->has_second) {
        (void)snprintf(out, size, "it is of another form");
        return false;
    }
    if (recorded->fallback != again->fallback) {
        (void)snprintf(out, size, "a fallback decided %s",
                recorded->fallback ? "it" : "instead");
        return false;
    }
    if (recorded->has_prediction)
        return same_numbers("prediction", &recorded->prediction,
                &again->prediction, 1, out, size);
    return recorded->path_count > 0 ? same_path(recorded, again, out, size)
                                    : same_draw(recorded, again, out, size);
}

static void decide_again(struct exact *exact, struct lane *lane,
        uint64_t sequence, const struct decision_record *recorded)
{
    char difference[EXACT_TEXT_SIZE / 2], event[ID_BYTES_MAX + 1];
    struct decision_record again;
    struct round_view round;
    struct err err;
    int status;

    lane->result->before += lane->adrift;
    lane->result->imported += recorded->imported;
    if (lane->result->differs || lane->adrift || recorded->imported)
        return;
    arena_reset(&exact->arena);
    status = choose_record(lane->problem, &recorded->head, &recorded->question,
            &exact->arena, &round, &again, &err);
    if (status == 0 &&
            exact_same_decision(
                    recorded, &again, difference, sizeof(difference))) {
        lane->result->decisions++;
        return;
    }
    differ(lane, "record %" PRIu64 ", event '%s': %s", sequence,
            bytes_text(recorded->head.event, event, sizeof(event)),
            status == 0 ? difference : err.text);
}

/* ---- state ---- */

static uint8_t *state_bytes(const struct problem *problem, size_t *size)
{
    struct writer writer;
    uint8_t *data;

    *size = problem_save_size(problem);
    data = malloc(*size);
    if (data == NULL)
        return NULL;
    writer = writer_over(data, *size);
    problem_save(problem, &writer);
    return data;
}

static int compare_bytes(
        struct exact *exact, struct lane *lane, const struct snapshot *snapshot)
{
    size_t size;
    uint8_t *state = state_bytes(lane->problem, &size);

    if (state == NULL)
        return err_set(exact->err, STATUS_INTERNAL, "no memory");
    if (bytes_equal(bytes_of(state, size), snapshot->state))
        lane->result->snapshots++;
    else
        differ(lane, "the state after record %" PRIu64 " is not its snapshot",
                snapshot->sequence);
    free(state);
    return 0;
}

/* A snapshot that was taken after this record must be the state now. */
static int compare_snapshot(
        struct exact *exact, struct lane *lane, uint64_t sequence)
{
    struct snapshot snapshot;
    int status = snapshot_at(exact->reader.txn, lane->spec->number, sequence,
            &snapshot, exact->err);

    if (status == STATUS_NOT_FOUND || status == STATUS_CORRUPT)
        return 0;
    if (status != 0)
        return status;
    if (snapshot.sequence != sequence ||
            snapshot.digest != lane->spec->state_digest ||
            !problem_state_is_current(snapshot.state))
        return 0;
    if (!lane->adrift)
        return compare_bytes(exact, lane, &snapshot);
    problem_reset(lane->problem);
    lane->adrift = false;
    return problem_load(lane->problem, snapshot.state, exact->err);
}

/* Without a snapshot, and with the settings of the first record, a restart
 * would fold what was just folded: there is nothing else to compare with. */
static bool restart_is_replay(struct exact *exact, const struct lane *lane)
{
    struct snapshot snapshot;

    return exact->whole && lane->result->settings == 0 &&
            snapshot_at(exact->reader.txn, lane->spec->number,
                    exact->report->last_sequence, &snapshot,
                    exact->err) == STATUS_NOT_FOUND;
}

static int hash_state(
        struct exact *exact, const struct problem *problem, uint64_t *hash)
{
    return problem_state_hash(problem, hash)
            ? 0
            : err_set(exact->err, STATUS_INTERNAL, "no memory");
}

/* What a restart would have at the end of what was replayed. */
static int compare_restart(struct exact *exact, struct lane *lane)
{
    struct rebuild rebuild = {
            .problem_count = 1, .until = exact->report->last_sequence};
    struct problem *restarted;
    uint64_t hash;
    int status;

    if (lane->adrift) {
        differ(lane, "what its newest records need is not kept");
        return 0;
    }
    status = hash_state(exact, lane->problem, &lane->result->state_hash);
    if (status != 0 || restart_is_replay(exact, lane))
        return status;
    restarted = problem_open(lane->spec, exact->err);
    if (restarted == NULL)
        return STATUS_INTERNAL;
    rebuild.problems = &restarted;
    status = rebuild_run(&rebuild, &exact->reader, exact->err);
    if (status == 0)
        status = hash_state(exact, restarted, &hash);
    if (status == 0 && hash != lane->result->state_hash)
        differ(lane,
                "the state at the end is %016" PRIx64
                ", a restart would have %016" PRIx64,
                lane->result->state_hash, hash);
    problem_close(restarted);
    return status;
}

/* ---- settings ---- */

static void give_up(struct lane *lane)
{
    problem_close(lane->problem);
    lane->problem = NULL;
}

/* NULL with err; INVALID: the text is not understood. */
static struct problem_spec *parse_spec(const struct lane *lane,
        struct bytes settings, struct arena *arena, struct err *err)
{
    struct problem_spec *spec;

    *arena = arena_over(malloc(SPEC_ARENA_BYTES), SPEC_ARENA_BYTES);
    if (arena->data == NULL) {
        (void)err_set(err, STATUS_INTERNAL, "no memory");
        return NULL;
    }
    spec = arena_zalloc(arena, 1, sizeof(*spec));
    CHECK(spec != NULL);
    if (problem_spec_parse_text(spec, bytes_of_text(lane->result->name),
                settings, arena, err) != 0)
        return NULL;
    spec->number = lane->result->number;
    return spec;
}

/* The state that the problem has under other settings: its own where they do
 * not touch it, fresh where actions or columns changed, otherwise what the
 * service makes of the records so far when it starts with them. */
static int carry_over(struct exact *exact, struct lane *lane,
        struct problem *next, uint64_t sequence)
{
    struct rebuild rebuild = {.problems = &next,
            .problem_count = 1,
            .from_start = exact->whole,
            .until = sequence};
    struct err err;
    uint8_t *state;
    size_t size;
    int status;

    if (lane->problem == NULL ||
            lane->spec->shape_digest != next->spec->shape_digest)
        return 0;
    if (lane->spec->state_digest != next->spec->state_digest)
        return rebuild_run(&rebuild, &exact->reader, exact->err);
    state = state_bytes(lane->problem, &size);
    if (state == NULL)
        return err_set(exact->err, STATUS_INTERNAL, "no memory");
    status = problem_load(next, bytes_of(state, size), &err);
    free(state);
    CHECK(status == 0);
    return 0;
}

static void settle(struct lane *lane, struct problem *problem,
        const struct problem_spec *spec, struct arena arena)
{
    lane->result->settings += lane->problem != NULL;
    give_up(lane);
    free(lane->arena.data);
    lane->arena = arena;
    lane->spec = spec;
    lane->problem = problem;
    (void)snprintf(lane->result->policy, sizeof(lane->result->policy), "%s",
            spec->policy_name);
}

static int take_settings(struct exact *exact, struct lane *lane,
        uint64_t sequence, struct bytes settings)
{
    struct problem_spec *spec;
    struct problem *next;
    struct arena arena;
    int status;

    spec = parse_spec(lane, settings, &arena, exact->err);
    if (spec == NULL && exact->err->status != STATUS_INTERNAL) {
        differ(lane, "record %" PRIu64 ": its settings are not understood: %s",
                sequence, exact->err->text);
        give_up(lane);
    }
    next = spec == NULL ? NULL : problem_open(spec, exact->err);
    if (next == NULL) {
        free(arena.data);
        return exact->err->status == STATUS_INTERNAL ? STATUS_INTERNAL : 0;
    }
    status = carry_over(exact, lane, next, sequence);
    settle(lane, next, spec, arena);
    return status;
}

/* Where a problem begins in a log that was cut short before `first`: the oldest
 * snapshot that all kept records come after, else the newest: retention takes
 * what the newest snapshot covers, Config records that it writes again, and
 * records of other problems (storage/retention.h). 0: none of these settings;
 * `any` says whether there are others. */
static uint64_t stands_for(const struct exact *exact, const struct lane *lane,
        uint64_t first, bool *any)
{
    uint64_t at = UINT64_MAX, best = 0;
    struct snapshot snapshot;

    *any = false;
    while (at > 0 &&
            snapshot_at(exact->reader.txn, lane->spec->number, at, &snapshot,
                    exact->err) == 0) {
        *any = true;
        if (snapshot.digest == lane->spec->state_digest &&
                (best == 0 || snapshot.sequence + 1 >= first))
            best = snapshot.sequence;
        if (snapshot.sequence < first)
            break;
        at = snapshot.sequence - 1;
    }
    return best;
}

static int start_at_snapshot(
        struct exact *exact, struct lane *lane, uint64_t first)
{
    struct snapshot snapshot;
    struct log_entry entry;
    union any_record record;
    uint64_t best;
    bool any;
    int status = log_get(exact->reader.txn, lane->config, &entry, exact->err);

    arena_reset(&exact->arena);
    if (status == 0)
        status = record_decode(
                entry.kind, entry.payload, &exact->arena, &record, exact->err);
    if (status == 0 && entry.kind == RECORD_CONFIG)
        status = take_settings(
                exact, lane, entry.sequence, record.config.settings);
    if (status != 0 || lane->problem == NULL)
        return status;
    best = stands_for(exact, lane, first, &any);
    /* All that it did is in the log: without a snapshot nothing of it goes. */
    if (!any)
        return 0;
    if (best == 0 ||
            snapshot_at(exact->reader.txn, lane->spec->number, best, &snapshot,
                    exact->err) != 0 ||
            problem_load(lane->problem, snapshot.state, exact->err) != 0) {
        differ(lane,
                "records before %" PRIu64
                " are not kept, nor a snapshot that stands for them",
                first);
        give_up(lane);
        return 0;
    }
    lane->after = best;
    return 0;
}

/* ---- the walk ---- */

static struct lane *lane_of(const struct exact *exact, uint32_t number)
{
    return number < exact->number_count ? exact->by_number[number] : NULL;
}

static bool wants(void *self, uint32_t problem, const struct log_entry *entry)
{
    (void)entry;
    return lane_of(self, problem) != NULL;
}

static int visit(void *self, const struct walk_record *walked, struct err *err)
{
    struct exact *exact = self;
    const union any_record *record = walked->record;
    struct lane *lane = lane_of(exact, record->head.problem);
    int status;

    CHECK(lane != NULL);
    exact->report->records++;
    if (walked->sequence <= lane->after || lane->problem == NULL) {
        lane->result->before += record->head.kind == RECORD_DECISION;
        if (record->head.kind != RECORD_CONFIG || lane->after > 0)
            return 0;
    }
    if (record->head.kind == RECORD_CONFIG)
        return take_settings(
                exact, lane, walked->sequence, record->config.settings);
    if (record->head.kind == RECORD_DECISION)
        decide_again(exact, lane, walked->sequence, &record->decision);
    if (walked->decision == NULL && fold_wants_decision(record)) {
        if (exact->whole)
            return err_set(
                    err, STATUS_CORRUPT, "its decision is not in the log");
        lane->adrift = true;
        return 0;
    }
    arena_reset(&lane->problem->scratch);
    status = fold_any(
            lane->problem, record, walked->decision, walked->source, err);
    lane->result->folded += status == 0;
    return status;
}

static void progress(void *self, uint64_t done, uint64_t all)
{
    struct exact *exact = self;

    (void)all;
    if (exact->settings->progress != NULL)
        exact->settings->progress(exact->settings->self, exact->leg + done,
                exact->report->last_sequence);
}

/* ---- the whole ---- */

static int add_lane(void *self, struct bytes name, uint32_t number,
        uint64_t config, struct err *err)
{
    struct exact *exact = self;
    struct exact_report *report = exact->report;
    const char *only = exact->settings->problem;
    struct exact_problem *results;
    struct lane *lanes;

    if (only != NULL && !bytes_equal(name, bytes_of_text(only)))
        return 0;
    results = realloc(
            report->problems, (report->problem_count + 1) * sizeof(*results));
    if (results != NULL)
        report->problems = results;
    lanes = realloc(exact->lanes, (exact->lane_count + 1) * sizeof(*lanes));
    if (lanes != NULL)
        exact->lanes = lanes;
    if (results == NULL || lanes == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    memset(&results[report->problem_count], 0, sizeof(*results));
    (void)bytes_text(
            name, results[report->problem_count].name, sizeof(results->name));
    results[report->problem_count++].number = number;
    lanes[exact->lane_count++] = (struct lane){.config = config};
    return 0;
}

static int number_lanes(struct exact *exact)
{
    const struct exact_problem *results = exact->report->problems;

    for (uint32_t i = 0; i < exact->lane_count; i++)
        if (results[i].number >= exact->number_count)
            exact->number_count = results[i].number + 1;
    exact->by_number =
            calloc(exact->number_count + 1, sizeof(*exact->by_number));
    if (exact->by_number == NULL)
        return err_set(exact->err, STATUS_INTERNAL, "no memory");
    for (uint32_t i = 0; i < exact->lane_count; i++) {
        exact->lanes[i].result = &exact->report->problems[i];
        exact->by_number[results[i].number] = &exact->lanes[i];
    }
    return 0;
}

static int begin(struct exact *exact)
{
    uint64_t first;
    int status = log_first(exact->reader.txn, &first, exact->err);

    if (status == 0)
        status = log_last(
                exact->reader.txn, &exact->report->last_sequence, exact->err);
    if (status == 0)
        status = ledger_reader_problems(
                &exact->reader, add_lane, exact, exact->err);
    if (status != 0)
        return status;
    if (exact->lane_count == 0 && exact->settings->problem != NULL)
        return err_set(exact->err, STATUS_NOT_FOUND,
                "the store has no problem '%s'", exact->settings->problem);
    exact->first = first;
    exact->whole = first <= 1;
    status = number_lanes(exact);
    for (uint32_t i = 0; status == 0 && !exact->whole && i < exact->lane_count;
            i++)
        status = start_at_snapshot(exact, &exact->lanes[i], first);
    return status;
}

/* The first snapshot of any problem from `from` on, or `last`. */
static uint64_t next_stop(struct exact *exact, uint64_t from, uint64_t last)
{
    struct snapshot snapshot;

    for (uint32_t i = 0; i < exact->lane_count; i++) {
        uint64_t at = last;
        while (at >= from &&
                snapshot_at(exact->reader.txn, exact->lanes[i].result->number,
                        at, &snapshot, exact->err) == 0 &&
                snapshot.sequence >= from) {
            last = snapshot.sequence;
            at = snapshot.sequence - 1;
        }
    }
    return last;
}

/* In legs that end at snapshots. */
static int run_legs(struct exact *exact)
{
    struct walk walk = {.reader = &exact->reader,
            .from = exact->first > 0 ? exact->first : 1,
            .wants = wants,
            .visit = visit,
            .progress = progress,
            .self = exact};
    uint64_t last = exact->report->last_sequence;
    int status = 0;

    while (status == 0 && walk.from <= last) {
        walk.last = next_stop(exact, walk.from, last);
        exact->leg = walk.from - 1;
        status = walk_run(&walk, exact->err);
        for (uint32_t i = 0; status == 0 && i < exact->lane_count; i++)
            if (exact->lanes[i].problem != NULL)
                status = compare_snapshot(exact, &exact->lanes[i], walk.last);
        walk.from = walk.last + 1;
    }
    return status;
}

static int run(struct exact *exact)
{
    int status = begin(exact);

    if (status == 0)
        status = run_legs(exact);
    for (uint32_t i = 0; status == 0 && i < exact->lane_count; i++)
        if (exact->lanes[i].problem != NULL)
            status = compare_restart(exact, &exact->lanes[i]);
    return status;
}

int exact_run(struct ledger *ledger, const struct exact_settings *settings,
        struct exact_report *report, struct err *err)
{
    struct exact exact = {.settings = settings, .report = report, .err = err};
    int status;

    memset(report, 0, sizeof(*report));
    exact.arena = arena_over(malloc(STEP_ARENA_BYTES), STEP_ARENA_BYTES);
    if (exact.arena.data == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    status = ledger_reader_open(ledger, &exact.reader, err);
    if (status == 0) {
        status = run(&exact);
        ledger_reader_close(&exact.reader);
    }
    for (uint32_t i = 0; i < exact.lane_count; i++) {
        problem_close(exact.lanes[i].problem);
        free(exact.lanes[i].arena.data);
    }
    free(exact.lanes);
    free(exact.by_number);
    free(exact.arena.data);
    return status;
}

void exact_free(struct exact_report *report)
{
    free(report->problems);
    report->problems = NULL;
}
