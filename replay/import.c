#include "replay/import.h"

#include "base/hash.h"
#include "base/text.h"
#include "policies/pmf.h"
#include "replay/register.h"
#include "service/engine/engine.h"
#include "service/engine/round.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define IMPORT_ARENA_BYTES ((size_t)96 << 20)
/* Events and bytes of one transaction. */
#define BATCH_EVENTS 8192u
/* Ids of a catalogue by their hash. */
#define SLOT_TABLE (4 * ACTIONS_MAX)

struct import {
    struct ledger *ledger;
    struct problem_spec *spec;
    struct arena arena; /* heap; of one event */
    bool writing; /* in a transaction */
    uint32_t batch_events;
    uint64_t batch_bytes;
    uint64_t number; /* of the event, from 1 */
    nanos time; /* of the newest event */
    struct import_counts counts;
    uint16_t slots[SLOT_TABLE]; /* catalogue slot + 1, by hash of its id */
};

/* ---- the catalogue ---- */

static uint32_t slot_place(struct bytes id)
{
    return (uint32_t)hash_bytes(id, 0) & (SLOT_TABLE - 1);
}

static void slots_fill(struct import *import)
{
    for (uint32_t i = 0; i < import->spec->slots; i++) {
        uint32_t at = slot_place(import->spec->catalogue[i]);
        while (import->slots[at] != 0)
            at = (at + 1) & (SLOT_TABLE - 1);
        import->slots[at] = (uint16_t)(i + 1);
    }
}

static int slot_find(const struct import *import, struct bytes id,
        uint32_t *slot, struct err *err)
{
    uint32_t at = slot_place(id);
    char text[ID_BYTES_MAX + 1];

    for (; import->slots[at] != 0; at = (at + 1) & (SLOT_TABLE - 1)) {
        *slot = import->slots[at] - 1u;
        if (bytes_equal(import->spec->catalogue[*slot], id))
            return 0;
    }
    return err_set(err, STATUS_INVALID,
            "action '%s' is not in the problem's catalogue",
            bytes_text(id, text, sizeof(text)));
}

/* Everything that was not available is excluded. */
static int exclude_others(struct import *import, const struct logged *event,
        struct question *question, struct err *err)
{
    uint32_t count = import->spec->slots, slot = 0, excluded = 0;
    bool *there = arena_zalloc(&import->arena, count, sizeof(*there));
    uint32_t *list = arena_array(&import->arena, uint32_t, count);

    if (there == NULL || list == NULL)
        return err_set(err, STATUS_INVALID, "the event is too large");
    for (uint32_t i = 0; i < event->available_count; i++) {
        int status = slot_find(import, event->available[i], &slot, err);
        if (status != 0)
            return status;
        there[slot] = true;
    }
    for (uint32_t i = 0; i < count; i++)
        if (!there[i])
            list[excluded++] = i;
    question->excluded = list;
    question->excluded_count = excluded;
    return 0;
}

/* The question as rue would have been asked, and the place of the action. */
static int ask(struct import *import, const struct logged *event,
        struct question *question, uint32_t *place, struct err *err)
{
    int status;

    *question = event->question;
    *place = event->chosen;
    if (event->action.size == 0)
        return 0;
    if (import->spec->slots == 0)
        return err_set(err, STATUS_INVALID,
                "actions are named, and the problem has no catalogue");
    status = slot_find(import, event->action, place, err);
    if (status == 0 && event->available_count > 0)
        status = exclude_others(import, event, question, err);
    return status;
}

/* ---- the records ---- */

/* Of the eligible actions; what is not known is the remainder in equal parts.
 */
static int distribution(struct import *import, const struct logged *event,
        struct decision_record *record, struct err *err)
{
    double *pmf = arena_array(&import->arena, double, record->count);
    double rest = record->count < 2
            ? 0.0
            : (1.0 - event->propensity) / (record->count - 1);

    if (pmf == NULL)
        return err_set(err, STATUS_INVALID, "the event is too large");
    for (uint32_t i = 0; i < record->count; i++)
        pmf[i] = event->probability != NULL
                ? event->probability[record->eligible[i]]
                : rest;
    pmf[record->chosen] = event->propensity;
    record->probability = pmf;
    record->chosen_only = event->probability == NULL;
    if (record->count == 1 && event->propensity == 1.0)
        record->chosen_only = false; /* there is nothing else to know */
    if (record->chosen_only || pmf_valid(pmf, record->count))
        return 0;
    return err_set(err, STATUS_INVALID,
            "the probabilities do not sum to 1 over the actions that there "
            "were");
}

static int find_chosen(
        struct decision_record *record, uint32_t place, struct err *err)
{
    for (uint32_t i = 0; i < record->count; i++)
        if (record->eligible[i] == place) {
            record->chosen = i;
            return 0;
        }
    return err_set(err, STATUS_INVALID,
            "the action taken is not one that could be taken");
}

static int make_decision(struct import *import, const struct logged *event,
        struct decision_record *record, struct err *err)
{
    struct round_view round;
    uint32_t place;
    int status;

    memset(record, 0, sizeof(*record));
    status = ask(import, event, &record->question, &place, err);
    if (status == 0)
        status = round_outline(
                import->spec, &record->question, &import->arena, &round, err);
    if (status != 0)
        return STATUS_INVALID;
    record->head = (struct record){
            RECORD_DECISION, import->spec->number, import->time, event->id};
    record->count = round.actions.count;
    record->eligible = round.eligible;
    record->groups = round.context.groups;
    record->group_count = round.context.group_count;
    record->imported = true;
    record->pdrop = event->pdrop;
    status = find_chosen(record, place, err);
    return status == 0 ? distribution(import, event, record, err) : status;
}

static int check_value(const struct import *import, const struct logged *event,
        struct err *err)
{
    const struct problem_settings *settings = &import->spec->settings;
    bool minimise = settings->objective == OBJECTIVE_MINIMISE;

    if (!event->has_value)
        return 0;
    if (event->is_cost != minimise)
        return err_set(err, STATUS_INVALID,
                "the value is a %s, and the problem has objective: %s",
                event->is_cost ? "cost" : "reward",
                minimise ? "minimise" : "maximise");
    if (event->value >= settings->reward_min &&
            event->value <= settings->reward_max)
        return 0;
    return err_set(err, STATUS_INVALID,
            "the value %g is outside reward.min %g .. reward.max %g",
            event->value, settings->reward_min, settings->reward_max);
}

/* ---- ids ---- */

/* The event's own id, or its number; if it was used before, with the number of
 * the record behind it. */
static int name_event(struct import *import, const struct logged *event,
        struct decision_record *record, struct err *err)
{
    struct store_txn *txn = ledger_txn(import->ledger);
    char *text = arena_alloc(&import->arena, ID_BYTES_MAX);
    uint64_t sequence = ledger_last_appended(import->ledger) + 1;
    struct event_state state;
    size_t size = event->id.size;
    char tail[24];
    int status, count;

    if (text == NULL)
        return err_set(err, STATUS_INVALID, "the event is too large");
    if (size > 0)
        memcpy(text, event->id.data, size);
    else
        size = (size_t)snprintf(
                text, ID_BYTES_MAX, "i%010" PRIu64, import->number);
    record->head.event = bytes_of(text, size);
    status = event_get(
            txn, import->spec->number, record->head.event, &state, err);
    if (status == STATUS_NOT_FOUND)
        return 0;
    if (status != 0)
        return status;
    count = snprintf(tail, sizeof(tail), "~%" PRIu64, sequence);
    /* Not in the middle of a character. */
    while (size + (size_t)count > ID_BYTES_MAX ||
            (size < event->id.size && (text[size] & 0xc0) == 0x80))
        size--;
    memcpy(text + size, tail, (size_t)count);
    record->head.event = bytes_of(text, size + (size_t)count);
    import->counts.renamed++;
    return 0;
}

/* ---- writing ---- */

static int begin(struct import *import, struct err *err)
{
    int status;

    if (import->writing)
        return 0;
    status = ledger_begin(import->ledger, err);
    import->writing = status == 0;
    import->batch_events = 0;
    import->batch_bytes = 0;
    return status;
}

int import_commit(struct import *import, struct err *err)
{
    if (!import->writing)
        return 0;
    import->writing = false;
    return ledger_commit(import->ledger, err);
}

static int append(struct import *import, enum record_kind kind,
        struct bytes payload, uint64_t *sequence, struct err *err)
{
    import->batch_bytes += payload.size;
    return ledger_append(import->ledger, kind, payload, sequence, err);
}

static struct feedback_record feedback_of(
        const struct decision_record *decision, const struct logged *event)
{
    struct feedback_record record = {
            .head = decision->head,
            .value = event->value + 0.0, /* no -0 */
            .effect = decision->question.deferred ? EFFECT_HOLD : EFFECT_LEARN,
    };

    record.head.kind = RECORD_FEEDBACK;
    record.after = record.value;
    return record;
}

static nanos deadline_of(const struct import *import)
{
    nanos wait = import->spec->settings.reward_wait, deadline;

    if (wait == 0)
        return 0;
    return __builtin_add_overflow(import->time, wait, &deadline) ? NANOS_MAX
                                                                 : deadline;
}

/* What the join knows of the event afterwards. */
static void know(const struct decision_record *decision,
        const struct feedback_record *feedback, struct event_state *state)
{
    struct feedback sent = {
            .event = decision->head.event, .value = feedback->value};

    event_state_clear(state);
    state->content = question_digest(&decision->question);
    state->deferred = decision->question.deferred;
    if (feedback->effect == EFFECT_NONE)
        return;
    state->has_reward = true;
    state->reward = feedback->after;
    state->learned = feedback->effect == EFFECT_LEARN;
    state->taught = state->learned ? feedback->after : 0.0;
    state->marks[state->mark_count++] = engine_feedback_mark(&sent);
}

static int put_event(struct import *import,
        const struct decision_record *decision, struct event_state *state,
        struct err *err)
{
    struct store_txn *txn = ledger_txn(import->ledger);
    uint32_t number = import->spec->number;
    struct bytes event = decision->head.event;
    uint8_t id[1 + ID_BYTES_MAX];
    int status;

    if (!state->has_reward && !state->deferred)
        state->deadline = deadline_of(import);
    status = event_put(txn, number, event, state, err);
    if (status != 0 || state->deadline == 0)
        return status;
    id[0] = (uint8_t)event.size;
    memcpy(id + 1, event.data, event.size);
    return due_put(
            txn, number, state->deadline, bytes_of(id, 1 + event.size), err);
}

static int write_event(struct import *import, const struct logged *event,
        const struct decision_record *decision, struct bytes payload,
        struct err *err)
{
    struct feedback_record feedback = {.effect = EFFECT_NONE};
    struct event_state state;
    uint64_t sequence;
    int status;

    if (event->has_value)
        feedback = feedback_of(decision, event);
    know(decision, &feedback, &state);
    status = append(import, RECORD_DECISION, payload, &state.decision, err);
    state.last = state.decision;
    if (status == 0 && event->has_value) {
        struct bytes told = record_encode_feedback(&feedback, &import->arena);
        status = append(import, RECORD_FEEDBACK, told, &sequence, err);
        state.last = sequence;
    }
    return status == 0 ? put_event(import, decision, &state, err) : status;
}

static void count(struct import *import, const struct logged *event,
        const struct decision_record *decision)
{
    import->counts.decisions++;
    import->counts.feedbacks += event->has_value;
    import->counts.chosen_only += decision->chosen_only;
    import->batch_events++;
}

int import_add(
        struct import *import, const struct logged *event, struct err *err)
{
    struct decision_record decision;
    struct bytes payload;
    int status;

    arena_reset(&import->arena);
    import->number++;
    import->time = event->has_time ? event->time
                                   : (nanos)import->number * NANOS_PER_SECOND;
    status = check_value(import, event, err);
    if (status == 0)
        status = make_decision(import, event, &decision, err);
    if (status == 0)
        status = begin(import, err);
    if (status == 0)
        status = name_event(import, event, &decision, err);
    if (status != 0)
        return status;
    payload = record_encode_decision(&decision, &import->arena);
    if (payload.data == NULL || payload.size > MESSAGE_BYTES_MAX)
        return err_set(err, STATUS_INVALID,
                "the record would be larger than %zu bytes", MESSAGE_BYTES_MAX);
    status = write_event(import, event, &decision, payload, err);
    if (status != 0)
        return status == STATUS_INVALID ? STATUS_INTERNAL : status;
    count(import, event, &decision);
    return import->batch_events >= BATCH_EVENTS ||
                    import->batch_bytes >= IMPORT_BATCH_BYTES
            ? import_commit(import, err)
            : 0;
}

/* ---- life ---- */

int import_open(struct import **out, struct ledger *ledger,
        struct problem_spec *spec, struct err *err)
{
    struct import *import = calloc(1, sizeof(*import));
    void *block = malloc(IMPORT_ARENA_BYTES);
    int status;

    *out = NULL;
    if (import == NULL || block == NULL) {
        free(import);
        free(block);
        return err_set(err, STATUS_INTERNAL, "no memory");
    }
    import->ledger = ledger;
    import->spec = spec;
    import->arena = arena_over(block, IMPORT_ARENA_BYTES);
    slots_fill(import);
    status = spec->settings.form == FORM_DECIDE
            ? begin(import, err)
            : err_set(err, STATUS_INVALID,
                      "problem: decisions from elsewhere go into form: decide");
    if (status == 0)
        status = register_problem(ledger, spec, 0, &import->arena, err);
    if (status == 0)
        status = import_commit(import, err);
    if (status != 0) {
        import_close(import);
        return status;
    }
    *out = import;
    return 0;
}

void import_close(struct import *import)
{
    if (import == NULL)
        return;
    if (import->writing)
        ledger_abort(import->ledger);
    free(import->arena.data);
    free(import);
}

const struct import_counts *import_counts(const struct import *import)
{
    return &import->counts;
}
