#include "training/examples.h"

#include "base/hash.h"
#include "policies/pmf.h"
#include "service/engine/outcome.h"
#include "training/past.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define ARENA_BYTES    ((size_t)32 << 20)
#define PROGRESS_EVERY 65536u
#define LIST_START     4096u

static const double certain[1] = {1.0};

/* ---- one decision of the log ---- */

/* Is its outcome known, and old enough? */
static bool is_known(const struct examples *examples,
        const struct examples_rules *rules, const struct event_state *state,
        const struct decision_record *decision)
{
    nanos wait = examples->spec->settings.reward_wait;

    if (!state->learned || state->deferred)
        return false;
    if (rules->before > 0 && state->last >= rules->before)
        return false;
    return rules->cut != CUT_WAIT || wait == 0 ||
            decision->head.time <= rules->now - wait;
}

/* What the outcome is about: its place and its probability. False if the
 * decision does not have it. */
static bool subject_of(struct examples *examples,
        const struct decision_record *decision, const struct shown *shown,
        struct subject *subject)
{
    struct err err;

    if (examples->spec->settings.form != FORM_DECIDE) {
        memset(subject, 0, sizeof(*subject));
        return true;
    }
    return outcome_subject(decision, shown, &examples->arena, subject, &err) ==
            0;
}

static double propensity_of(
        const struct decision_record *decision, const struct subject *subject)
{
    if (decision->has_second)
        return decision->pair_probability;
    return decision->count == 0 ? 1.0 : outcome_propensity(decision, subject);
}

/* Of the form that the problem has now, and within its limits. */
static bool fits(
        const struct problem_spec *spec, const struct decision_record *decision)
{
    uint32_t form = spec->settings.form;

    return decision->has_second == (form == FORM_DUEL) &&
            (decision->count == 0) == (form == FORM_PREDICT) &&
            decision->path_count == 0 &&
            decision->count <= spec->policy.shape.actions_max;
}

/* Leaves at most `most` examples. */
static int let_go(struct examples *examples, struct err *err)
{
    size_t kept = examples->memory != NULL
            ? past_keep(examples->list, examples->count, examples->memory,
                      examples->most)
            : past_newest(examples->list, examples->count, examples->most);

    if (kept == SIZE_MAX)
        return err_set(err, STATUS_INTERNAL, "no memory");
    examples->count = kept;
    return 0;
}

/* Room for one more: the list grows to twice `most`, then some go. */
static int make_room(struct examples *examples, struct err *err)
{
    size_t capacity =
            examples->capacity == 0 ? LIST_START : 2 * examples->capacity;
    struct example *grown;

    if (examples->count < examples->capacity)
        return 0;
    if (examples->count == 2 * examples->most)
        return let_go(examples, err);
    capacity = capacity < 2 * examples->most ? capacity : 2 * examples->most;
    grown = realloc(examples->list, capacity * sizeof(*grown));
    if (grown == NULL)
        return err_set(err, STATUS_INTERNAL,
                "no memory for %zu examples; retrain.rows bounds them",
                capacity);
    examples->list = grown;
    examples->capacity = capacity;
    return 0;
}

/* The outcome as the problem values it now: where it has a reward.expression
 * and the event's feedback had fields, what that makes of them, within the
 * declared range; otherwise what was learned. */
static double value_now(
        struct examples *examples, const struct event_state *state)
{
    const struct problem_spec *spec = examples->spec;
    struct reader reader = reader_of(state->fields);
    struct fields fields;
    double value;

    if (spec->reward.count == 0 || state->fields.size == 0 ||
            !fields_read(&fields, &reader, &examples->arena))
        return state->taught;
    value = expression_value(&spec->reward, &fields);
    if (isnan(value))
        return state->taught;
    return fmin(
            fmax(value, spec->settings.reward_min), spec->settings.reward_max);
}

static int take_decision(struct examples *examples,
        const struct examples_rules *rules, uint64_t sequence,
        const struct decision_record *decision, struct err *err)
{
    const struct problem_spec *spec = examples->spec;
    struct event_state state;
    struct subject subject;
    int status;

    if (sequence < rules->since || !fits(spec, decision))
        return 0;
    status = event_get(examples->reader->txn, spec->number,
            decision->head.event, &state, err);
    if (status == STATUS_NOT_FOUND)
        return 0;
    if (status != 0 || state.decision != sequence)
        return status;
    if (!is_known(examples, rules, &state, decision)) {
        examples->waiting++;
        return 0;
    }
    if (!subject_of(examples, decision, &state.shown, &subject))
        return 0;
    status = make_room(examples, err);
    if (status != 0)
        return status;
    examples->list[examples->count++] = (struct example){
            .sequence = sequence,
            .generation = decision->generation,
            .key = hash_bytes(decision->head.event, spec->settings.seed),
            .decided = decision->head.time,
            .value = value_now(examples, &state),
            .propensity = propensity_of(decision, &subject),
            .shown = state.shown,
    };
    return 0;
}

static int take_entry(struct examples *examples,
        const struct examples_rules *rules, const struct log_entry *entry,
        struct err *err)
{
    union any_record record;
    uint32_t number;
    int status;

    examples->through = entry->sequence;
    examples->scanned++;
    if (entry->kind != RECORD_DECISION ||
            !record_peek_problem(entry->payload, &number) ||
            number != examples->spec->number)
        return 0;
    arena_reset(&examples->arena);
    status = record_decode(
            entry->kind, entry->payload, &examples->arena, &record, err);
    if (status == 0)
        status = take_decision(
                examples, rules, entry->sequence, &record.decision, err);
    return status == 0
            ? 0
            : err_prefix(err, "log record %" PRIu64, entry->sequence);
}

/* ---- the log, a chunk at a time ---- */

/* Reads at most EXAMPLES_CHUNK records from `from` on; *end at the last one. */
static int read_chunk(struct examples *examples,
        const struct examples_rules *rules, uint64_t from, bool *end,
        struct err *err)
{
    struct log_cursor cursor;
    struct log_entry entry;
    int status = log_cursor_open(&cursor, examples->reader->txn, from, err);

    if (status != 0)
        return status;
    for (uint32_t i = 0; status == 0 && i < EXAMPLES_CHUNK; i++) {
        status = log_cursor_next(&cursor, &entry, err);
        if (status == 0 && rules->before > 0 && entry.sequence >= rules->before)
            status = STATUS_NOT_FOUND;
        if (status == 0)
            status = take_entry(examples, rules, &entry, err);
        else if (status == STATUS_NOT_FOUND)
            *end = true;
    }
    log_cursor_close(&cursor);
    return status == STATUS_NOT_FOUND ? 0 : status;
}

/* The first record that is wanted and still there. */
static int chunk_start(
        struct examples *examples, uint64_t *from, struct err *err)
{
    uint64_t first;
    int status = ledger_reader_renew(examples->reader, err);

    if (status == 0)
        status = log_first(examples->reader->txn, &first, err);
    if (status == 0 && first > *from)
        *from = first;
    return status;
}

static int read_log(struct examples *examples,
        const struct examples_rules *rules, struct err *err)
{
    uint64_t from = rules->since > 0 ? rules->since : 1;
    uint64_t shown = 0, last = 0;
    bool end = false;
    int status = log_last(examples->reader->txn, &last, err);

    while (status == 0 && !end && from <= last) {
        status = chunk_start(examples, &from, err);
        if (status == 0)
            status = read_chunk(examples, rules, from, &end, err);
        from = examples->through + 1;
        if (examples->progress != NULL &&
                examples->through >= shown + PROGRESS_EVERY) {
            shown = examples->through;
            examples->progress(examples->self, "reading", shown, last);
        }
    }
    return status;
}

int examples_open(struct examples *examples, const struct problem_spec *spec,
        struct ledger_reader *reader, const struct examples_rules *rules,
        struct err *err)
{
    int status;

    examples->spec = spec;
    examples->reader = reader;
    examples->list = NULL;
    examples->count = examples->capacity = 0;
    examples->most = rules->most;
    examples->memory = rules->memory;
    examples->through = examples->waiting = examples->scanned = 0;
    examples->reads = 0;
    examples->arena = arena_over(malloc(ARENA_BYTES), ARENA_BYTES);
    if (examples->arena.data == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    if (problem_spec_untrained(spec) != NULL)
        return err_set(
                err, STATUS_UNSUPPORTED, "%s", problem_spec_untrained(spec));
    status = read_log(examples, rules, err);
    if (status != 0 || examples->count <= rules->most)
        return status;
    return let_go(examples, err);
}

void examples_keep(struct examples *examples, size_t rows)
{
    examples->count = past_newest(examples->list, examples->count, rows);
}

void examples_close(struct examples *examples)
{
    free(examples->list);
    free(examples->arena.data);
    examples->list = NULL;
    examples->arena.data = NULL;
}

/* ---- reading one again ---- */

static int lesson_action(struct examples *examples,
        const struct example *example, const struct decision_record *decision,
        struct lesson *lesson, struct err *err)
{
    struct subject subject;
    uint32_t *order;
    double *at;

    lesson->pmf = decision->probability;
    if (!subject_of(examples, decision, &example->shown, &subject))
        return err_set(err, STATUS_NOT_FOUND, "its outcome does not fit");
    lesson->chosen = outcome_index(decision, &subject);
    lesson->propensity = outcome_propensity(decision, &subject);
    if (!subject.given || subject.position < 2)
        return 0;
    order = arena_array(&examples->arena, uint32_t, decision->count);
    at = arena_array(&examples->arena, double, decision->count);
    if (order == NULL || at == NULL)
        return err_set(err, STATUS_BUSY, "the record is too large");
    pmf_position(decision->probability, decision->count, subject.position,
            order, at);
    lesson->pmf = at;
    return 0;
}

static int view_of(struct examples *examples, const struct example *example,
        const struct decision_record *decision, struct example_view *view,
        struct err *err)
{
    int status = round_of_record(
            examples->spec, decision, &examples->arena, &view->round, err);

    if (status != 0)
        return status;
    view->decision = decision;
    view->lesson = (struct lesson){
            .context = &view->round.context,
            .actions = &view->round.actions,
            .pmf = certain,
            .loss = loss_of_value(
                    &examples->spec->policy.range, example->value),
            .weight = 1.0,
            .time = example->decided,
            .propensity = 1.0,
    };
    if (fabs(view->lesson.loss) > VALUE_MAX)
        return err_set(err, STATUS_NOT_FOUND, "its value is out of range");
    if (decision->count == 0 || decision->has_second) {
        view->pair_first = decision->chosen;
        view->pair_second = decision->second;
        return 0;
    }
    return lesson_action(examples, example, decision, &view->lesson, err);
}

/* A decoded record belongs to the arena, as long as the view. */
int examples_read(struct examples *examples, size_t index,
        struct example_view *view, struct err *err)
{
    const struct example *example = &examples->list[index];
    union any_record *record;
    struct log_entry entry;
    int status = 0;

    memset(view, 0, sizeof(*view));
    arena_reset(&examples->arena);
    if (++examples->reads > EXAMPLES_CHUNK) {
        examples->reads = 1;
        status = ledger_reader_renew(examples->reader, err);
    }
    record = arena_alloc(&examples->arena, sizeof(*record));
    if (record == NULL)
        return err_set(err, STATUS_BUSY, "the record is too large");
    if (status == 0)
        status = log_get(examples->reader->txn, example->sequence, &entry, err);
    if (status == 0)
        status = record_decode(
                entry.kind, entry.payload, &examples->arena, record, err);
    if (status == 0 && entry.kind != RECORD_DECISION)
        return err_set(err, STATUS_CORRUPT,
                "log record %" PRIu64 ": is no decision any more",
                example->sequence);
    if (status == 0)
        status = view_of(examples, example, &record->decision, view, err);
    return status;
}
