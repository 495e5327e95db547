#include "replay/restore.h"

#include "replay/model_line.h"
#include "service/engine/engine.h"
#include "service/engine/problem.h"

#include <stdlib.h>

#define RESTORE_ARENA_BYTES ((size_t)64 << 20)
#define SPEC_ARENA_BYTES    ((size_t)16 << 20)
#define BATCH_RECORDS       16384u

/* What the records of a problem say of it so far. */
struct known {
    uint32_t number;
    uint64_t shape;
    uint64_t since; /* decisions before are of another shape */
    struct problem_settings settings;
};

struct restore {
    struct ledger *ledger;
    struct arena arena; /* heap; of one record */
    struct arena specs; /* heap; of one Config record */
    bool writing;
    uint32_t batch_records;
    uint64_t batch_bytes;
    uint64_t counts[RECORD_KIND_MAX + 1];
    struct known known[RESTORE_PROBLEMS_MAX];
    uint32_t known_count;
    struct model_parts parts; /* of the model that is coming in */
};

/* A record on its way in. */
struct entry {
    struct restore *restore;
    const union any_record *record;
    struct known *known;
    uint64_t sequence; /* that it gets */
    struct event_state state;
    bool found; /* the event was known */
    bool gone; /* and is forgotten */
    struct err *err;
};

static int invalid(struct entry *entry, const char *what)
{
    return err_set(entry->err, STATUS_INVALID, "%s record: %s",
            record_kind_name(entry->record->head.kind), what);
}

/* ---- problems ---- */

static struct known *known_of(struct restore *restore, uint32_t number)
{
    for (uint32_t i = 0; i < restore->known_count; i++)
        if (restore->known[i].number == number)
            return &restore->known[i];
    return NULL;
}

static int take_config(struct entry *entry)
{
    struct restore *restore = entry->restore;
    const struct config_record *config = &entry->record->config;
    struct problem_spec spec;
    struct known *known = entry->known;
    int status;

    arena_reset(&restore->specs);
    status = problem_spec_parse_text(
            &spec, config->name, config->settings, &restore->specs, entry->err);
    if (status != 0)
        return invalid(entry, "its settings are not those of a problem");
    if (known == NULL) {
        if (restore->known_count == RESTORE_PROBLEMS_MAX)
            return invalid(entry, "too many problems");
        known = &restore->known[restore->known_count++];
        known->number = config->head.problem;
        known->shape = ~config->shape;
    }
    known->settings = spec.settings;
    if (known->shape != config->shape)
        known->since = entry->sequence;
    known->shape = config->shape;
    entry->known = known;
    return 0;
}

static nanos deadline_after(nanos time, nanos wait)
{
    nanos deadline;

    if (wait == 0)
        return 0;
    return __builtin_add_overflow(time, wait, &deadline) ? NANOS_MAX : deadline;
}

/* ---- the join, record by record: what the engine did when it wrote them ----
 */

static int hold_costs(struct entry *entry, const struct costs *costs)
{
    size_t size = costs->count * sizeof(double);
    uint8_t *data = arena_alloc(&entry->restore->arena, size);
    struct writer writer = writer_over(data, data == NULL ? 0 : size);

    if (data == NULL)
        return invalid(entry, "too large");
    write_f64s(&writer, costs->values, costs->count);
    entry->state.costs = writer_bytes(&writer);
    entry->state.costs_full = costs->full;
    return 0;
}

static int take_decision(struct entry *entry)
{
    const struct decision_record *record = &entry->record->decision;
    struct event_state *state = &entry->state;

    if (state->content != 0)
        return invalid(entry, "its event was decided before");
    if (record->held_misfit) {
        state->has_reward = false;
        state->reward = 0.0;
        memset(&state->shown, 0, sizeof(state->shown));
        state->costs = bytes_of(NULL, 0);
        state->fields = bytes_of(NULL, 0);
        state->cause = CAUSE_UNKNOWN;
    } else if (record->has_held != state->has_reward) {
        return invalid(entry, "held: no such feedback came before");
    }
    state->decision = entry->sequence;
    state->content = question_digest(&record->question);
    state->deferred = record->question.deferred;
    if (record->has_held)
        state->reward = record->held;
    state->learned = record->has_held && !state->deferred;
    state->taught = state->reward;
    if (!state->deferred) {
        state->costs = bytes_of(NULL, 0);
        state->cause = CAUSE_UNKNOWN;
    }
    state->deadline = state->deferred || state->has_reward
            ? 0
            : deadline_after(
                      record->head.time, entry->known->settings.reward_wait);
    return 0;
}

/* Position 1 is the chosen action, which is what saying nothing means. */
static struct shown plainly(struct shown shown)
{
    if (shown.position == 1)
        shown.position = 0;
    return shown;
}

static int take_feedback(struct entry *entry)
{
    const struct feedback_record *record = &entry->record->feedback;
    const struct problem_settings *settings = &entry->known->settings;
    struct event_state *state = &entry->state;
    struct feedback said = feedback_of_record(record);
    struct fields merged;
    bool first = settings->aggregate == AGGREGATE_FIRST && state->has_reward;
    int status = 0;

    if (effect_teaches(record->effect) && state->decision == 0)
        return invalid(entry, "its event's decision is not in this log");
    if (state->mark_count == FEEDBACKS_MAX)
        return invalid(entry, "more of one event than there may be");
    if (record->effect == EFFECT_HOLD && record->costs.count > 0 && !first)
        status = hold_costs(entry, &record->costs);
    if (status == 0 && record->fields.count > 0)
        status = fields_add(&state->fields, &record->fields,
                &entry->restore->arena, &merged, entry->err);
    if (record->effect == EFFECT_HOLD)
        state->cause = record->cause;
    state->marks[state->mark_count++] = engine_feedback_mark(&said);
    if (!state->has_reward && !state->learned)
        state->shown = plainly(record->shown);
    state->reward = record->effect != EFFECT_NONE
            ? record->after
            : engine_aggregate(settings->aggregate, state->has_reward,
                      state->reward, record->value);
    state->has_reward = true;
    if (effect_teaches(record->effect)) {
        state->learned = true;
        state->taught = record->after;
    }
    if (!entry->found)
        state->deadline =
                deadline_after(record->head.time, settings->orphan_wait);
    return status;
}

static int take_expiry(struct entry *entry)
{
    const struct expiry_record *record = &entry->record->expiry;
    struct event_state *state = &entry->state;

    if (record->orphan) {
        entry->gone = true;
        return 0;
    }
    if (state->decision == 0)
        return invalid(entry, "its event's decision is not in this log");
    state->expired = true;
    state->learned = record->effect == EFFECT_LEARN;
    state->taught = record->after;
    return 0;
}

static int take_activation(struct entry *entry)
{
    const struct activation_record *record = &entry->record->activation;
    struct event_state *state = &entry->state;

    if (state->decision == 0)
        return invalid(entry, "its event's decision is not in this log");
    state->deferred = false;
    state->learned = record->has_held;
    if (record->has_held)
        state->reward = record->held;
    state->taught = state->reward;
    state->costs = bytes_of(NULL, 0);
    state->cause = CAUSE_UNKNOWN;
    state->deadline = state->has_reward
            ? 0
            : deadline_after(
                      record->head.time, entry->known->settings.reward_wait);
    return 0;
}

/* Its model must be there, and be the one that was promoted. */
static int take_promotion(struct entry *entry)
{
    const struct promotion_record *record = &entry->record->promotion;
    struct generation generation;
    int status;

    if (entry->known == NULL)
        return invalid(entry, "no config record of its problem comes before");
    if (!stage_has_model(record->stage))
        return 0;
    status = generation_get(ledger_txn(entry->restore->ledger),
            record->head.problem, record->generation, &generation, entry->err);
    if (status == 0 && generation.digest == record->digest)
        return 0;
    if (status != 0 && status != STATUS_NOT_FOUND)
        return status;
    return err_set(entry->err, STATUS_UNSUPPORTED,
            "promotion record: the model of generation %llu did not come "
            "before it",
            (unsigned long long)record->generation);
}

static int take(struct entry *entry)
{
    switch (entry->record->head.kind) {
    case RECORD_DECISION:
        return take_decision(entry);
    case RECORD_FEEDBACK:
        return take_feedback(entry);
    case RECORD_EXPIRY:
        return take_expiry(entry);
    case RECORD_ACTIVATION:
        return take_activation(entry);
    case RECORD_CONFIG:
        return take_config(entry);
    case RECORD_ALARM:
        return entry->known != NULL
                ? 0
                : invalid(entry,
                          "no config record of its problem comes "
                          "before");
    case RECORD_PROMOTION:
        return take_promotion(entry);
    }
    CHECK_UNREACHABLE();
}

/* ---- writing ---- */

static int read_event(struct entry *entry)
{
    const struct record *head = &entry->record->head;
    struct store_txn *txn = ledger_txn(entry->restore->ledger);
    struct bytes *costs = &entry->state.costs;
    struct bytes *fields = &entry->state.fields;
    int status;

    event_state_clear(&entry->state);
    if (head->event.size == 0)
        return 0;
    if (entry->known == NULL)
        return invalid(entry, "no config record of its problem comes before");
    status = event_get(
            txn, head->problem, head->event, &entry->state, entry->err);
    entry->found = status == 0;
    if (status == STATUS_NOT_FOUND) {
        event_state_clear(&entry->state);
        return 0;
    }
    if (status == 0 && (costs->size > 0 || fields->size > 0)) {
        costs->data =
                arena_copy(&entry->restore->arena, costs->data, costs->size);
        fields->data =
                arena_copy(&entry->restore->arena, fields->data, fields->size);
        if (costs->data == NULL || fields->data == NULL)
            return invalid(entry, "too large");
    }
    return status;
}

static int write_due(struct entry *entry)
{
    const struct record *head = &entry->record->head;
    uint8_t id[1 + ID_BYTES_MAX];

    if (entry->state.deadline == 0 ||
            (head->kind == RECORD_FEEDBACK && entry->found) ||
            head->kind == RECORD_EXPIRY)
        return 0;
    id[0] = (uint8_t)head->event.size;
    memcpy(id + 1, head->event.data, head->event.size);
    return due_put(ledger_txn(entry->restore->ledger), head->problem,
            entry->state.deadline, bytes_of(id, 1 + head->event.size),
            entry->err);
}

static int write_event(struct entry *entry)
{
    const struct record *head = &entry->record->head;
    struct store_txn *txn = ledger_txn(entry->restore->ledger);
    int status;

    if (head->kind == RECORD_ALARM)
        return 0;
    if (head->kind == RECORD_PROMOTION)
        return stage_has_model(entry->record->promotion.stage)
                ? generation_promoted(txn, head->problem,
                          entry->record->promotion.generation, entry->sequence,
                          entry->err)
                : 0;
    if (head->event.size == 0)
        return ledger_problem_set_config(entry->restore->ledger, head->problem,
                entry->sequence,
                entry->known->since == entry->sequence ? entry->sequence : 0,
                entry->err);
    if (entry->gone)
        return event_delete(txn, head->problem, head->event, entry->err);
    entry->state.last = entry->sequence;
    status = event_put(
            txn, head->problem, head->event, &entry->state, entry->err);
    return status == 0 ? write_due(entry) : status;
}

static int write_record(struct entry *entry, struct bytes payload)
{
    uint64_t sequence;
    int status = ledger_append(entry->restore->ledger, entry->record->head.kind,
            payload, &sequence, entry->err);

    if (status == 0)
        status = write_event(entry);
    /* Nothing of it is left to be refused. */
    return status == STATUS_INVALID ? STATUS_INTERNAL : status;
}

static int begin(struct restore *restore, struct err *err)
{
    int status = 0;

    if (!restore->writing)
        status = ledger_begin(restore->ledger, err);
    restore->writing = status == 0;
    return status;
}

int restore_commit(struct restore *restore, struct err *err)
{
    restore->batch_records = 0;
    restore->batch_bytes = 0;
    if (!restore->writing)
        return 0;
    restore->writing = false;
    return ledger_commit(restore->ledger, err);
}

/* Commits if the batch is large enough with `bytes` more. */
static int end_of_batch(struct restore *restore, size_t bytes, struct err *err)
{
    restore->batch_bytes += bytes;
    return restore->batch_records < BATCH_RECORDS &&
                    restore->batch_bytes < IMPORT_BATCH_BYTES
            ? 0
            : restore_commit(restore, err);
}

/* The number of its problem, given at first sight. */
static int number_of(struct restore *restore, struct bytes problem,
        uint32_t *number, struct err *err)
{
    uint64_t config;

    if (problem.size == 0 || problem.size > ID_BYTES_MAX)
        return err_set(err, STATUS_INVALID, "problem: is not a name");
    return ledger_problem(restore->ledger, problem, number, &config, err);
}

static int add_model(
        struct restore *restore, const struct model_part *part, struct err *err)
{
    uint32_t number = 0;
    int status = begin(restore, err);

    if (status == 0)
        status = number_of(restore, part->problem, &number, err);
    if (status == 0 && known_of(restore, number) == NULL)
        status = err_set(err, STATUS_INVALID,
                "model: no config record of its problem comes before");
    if (status == 0)
        status = model_parts_take(&restore->parts, ledger_txn(restore->ledger),
                number, part, err);
    return status == 0 ? end_of_batch(restore, part->bytes.size, err) : status;
}

int restore_add(struct restore *restore, struct bytes line, struct err *err)
{
    struct entry entry = {.restore = restore, .err = err};
    struct record_draft draft;
    union any_record record;
    struct bytes payload;
    struct model_part part;
    uint32_t number = 0;
    int status;

    arena_reset(&restore->arena);
    status = model_part_read(line, &restore->arena, &part, err);
    if (status != STATUS_NOT_FOUND)
        return status == 0 ? add_model(restore, &part, err) : status;
    arena_reset(&restore->arena);
    status = record_from_json(line, &restore->arena, &draft, err);
    if (status == 0)
        status = begin(restore, err);
    if (status == 0)
        status = number_of(restore, draft.problem, &number, err);
    if (status != 0)
        return status;
    payload = record_of_draft(&draft, number, &restore->arena);
    if (payload.data == NULL)
        return err_set(err, STATUS_INVALID, "too large");
    status = record_decode(draft.kind, payload, &restore->arena, &record, err);
    if (status != 0)
        return STATUS_INVALID; /* err says what is wrong with it */
    entry.record = &record;
    entry.known = known_of(restore, number);
    entry.sequence = ledger_last_appended(restore->ledger) + 1;
    status = read_event(&entry);
    if (status == 0)
        status = take(&entry);
    if (status == 0)
        status = write_record(&entry, payload);
    if (status != 0)
        return status;
    restore->counts[draft.kind]++;
    restore->batch_records++;
    return end_of_batch(restore, payload.size, err);
}

/* ---- life ---- */

int restore_open(struct restore **out, struct ledger *ledger, struct err *err)
{
    struct restore *restore = calloc(1, sizeof(*restore));
    void *arena = malloc(RESTORE_ARENA_BYTES),
         *specs = malloc(SPEC_ARENA_BYTES);

    *out = restore;
    if (restore == NULL || arena == NULL || specs == NULL) {
        free(restore);
        free(arena);
        free(specs);
        *out = NULL;
        return err_set(err, STATUS_INTERNAL, "no memory");
    }
    restore->ledger = ledger;
    restore->arena = arena_over(arena, RESTORE_ARENA_BYTES);
    restore->specs = arena_over(specs, SPEC_ARENA_BYTES);
    return 0;
}

void restore_close(struct restore *restore)
{
    if (restore == NULL)
        return;
    if (restore->writing)
        ledger_abort(restore->ledger);
    model_parts_free(&restore->parts);
    free(restore->arena.data);
    free(restore->specs.data);
    free(restore);
}

const uint64_t *restore_counts(const struct restore *restore)
{
    return restore->counts;
}
