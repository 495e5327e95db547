#include "proto/record.h"

#include "base/limits.h"
#include "proto/outcome.h"
#include "proto/pack.h"
#include "proto/question.h"
#include "proto/unpack.h"
#include "proto/wire.h"

#include <math.h>

_Static_assert((int)EFFECT_LEARN == (int)RUE__EFFECT__LEARN &&
                (int)EFFECT_CORRECT == (int)RUE__EFFECT__CORRECT &&
                (int)EFFECT_HOLD == (int)RUE__EFFECT__HOLD,
        "effects have the same numbers inside and in the log");
_Static_assert((int)STAGE_CANARY == (int)RUE__STAGE__CANARY &&
                (int)STAGE_MIXED == (int)RUE__STAGE__MIXED,
        "stages have the same numbers inside and in the log");

const char *record_kind_name(enum record_kind kind)
{
    static const char *const names[] = {"?", "decision", "feedback", "expiry",
            "activation", "promotion", "config", "alarm"};

    return kind >= 1 && kind <= RECORD_KIND_MAX ? names[kind] : names[0];
}

const char *cause_name(enum cause cause)
{
    static const char *const names[] = {
            "unknown", "action", "other", "customer", "timeout"};

    return (unsigned)cause <= CAUSE_LAST ? names[cause] : "?";
}

const char *effect_name(enum effect effect)
{
    static const char *const names[] = {"none", "learn", "correct", "hold"};

    return (unsigned)effect < ARRAY_COUNT(names) ? names[effect] : "?";
}

const char *stage_name(enum stage stage)
{
    static const char *const names[] = {
            "serve", "canary", "shadow", "withdraw", "refused", "mixed"};

    return (unsigned)stage < ARRAY_COUNT(names) ? names[stage] : "?";
}

static int corrupt(struct err *err, enum record_kind kind, const char *what)
{
    return err_set(
            err, STATUS_CORRUPT, "%s record: %s", record_kind_name(kind), what);
}

/* A reward, cost or label: what the wire and the settings let through. */
static bool value_allowed(double value)
{
    return fabs(value) <= VALUE_MAX;
}

static int check_value(
        double value, enum record_kind kind, const char *what, struct err *err)
{
    return value_allowed(value) ? 0 : corrupt(err, kind, what);
}

/* ---- parts of several kinds ---- */

static bool is_probability(double p)
{
    return p >= PROBABILITY_MIN && p <= 1.0;
}

static Rue__Subject *subject_to_message(
        const struct subject *subject, struct arena *arena)
{
    Rue__Subject *message;

    if (!subject->given)
        return NULL;
    message = arena_alloc(arena, sizeof(*message));
    if (message == NULL)
        return NULL;
    rue__subject__init(message);
    message->place = subject->place;
    message->has_position = subject->position > 0;
    message->position = subject->position;
    message->has_propensity = subject->propensity > 0.0;
    message->propensity = subject->propensity;
    return message;
}

static int subject_from_message(const Rue__Subject *message,
        enum record_kind kind, struct subject *subject, struct err *err)
{
    memset(subject, 0, sizeof(*subject));
    if (message == NULL)
        return 0;
    if (message->place >= ACTIONS_MAX ||
            (message->has_position &&
                    (message->position < 1 || message->position > ACTIONS_MAX)))
        return corrupt(err, kind, "subject is out of range");
    if (message->has_propensity && !is_probability(message->propensity))
        return corrupt(err, kind, "propensity is out of range");
    *subject = (struct subject){true, message->place,
            message->has_position ? message->position : 0,
            message->has_propensity ? message->propensity : 0.0};
    return 0;
}

static int record_costs(const Rue__Costs *message, enum record_kind kind,
        struct costs *costs, struct err *err)
{
    return costs_from_message(message, costs, NULL) == 0
            ? 0
            : corrupt(err, kind, "costs are out of range");
}

static int record_cause(bool given, Rue__Cause message, enum record_kind kind,
        enum cause *cause, struct err *err)
{
    return cause_from_message(given, message, cause, NULL) == 0
            ? 0
            : corrupt(err, kind, "cause is out of range");
}

static int record_shown(const Rue__Shown *message, enum record_kind kind,
        struct shown *shown, struct err *err)
{
    return shown_from_message(message, shown, NULL) == 0
            ? 0
            : corrupt(err, kind, "shown is out of range");
}

/* ---- decision ---- */

static Rue__Expert **experts_to_message(
        const struct decision_record *record, struct arena *arena)
{
    uint32_t count = record->expert_count;
    Rue__Expert **list = arena_array(arena, Rue__Expert *, count);
    Rue__Expert *experts = arena_array(arena, Rue__Expert, count);

    if (list == NULL || experts == NULL)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        rue__expert__init(&experts[i]);
        experts[i].group = message_of_bytes(record->expert[i].group);
        experts[i].weight = record->expert[i].weight;
        experts[i].prediction = record->expert[i].prediction;
        list[i] = &experts[i];
    }
    return list;
}

static Rue__Trial *trial_to_message(
        const struct trial *trial, struct arena *arena)
{
    Rue__Trial *message;

    if (!trial->given)
        return NULL;
    message = arena_alloc(arena, sizeof(*message));
    if (message == NULL)
        return NULL;
    rue__trial__init(message);
    message->generation = trial->generation;
    message->side = (Rue__Side)trial->side;
    message->has_share = trial->share > 0.0;
    message->share = trial->share;
    message->other = trial->other;
    message->control = trial->control;
    return message;
}

static int trial_from_message(const Rue__Trial *message,
        struct decision_record *record, struct err *err)
{
    struct trial *trial = &record->trial;

    if (message == NULL)
        return 0;
    *trial = (struct trial){true, message->generation, (uint32_t)message->side,
            message->has_share ? message->share : 0.0, message->other,
            message->control};
    if (trial->side > (uint32_t)RUE__SIDE__CHALLENGER ||
            (message->has_share && !share_valid(trial->share)) ||
            !(trial->other >= 0.0 && trial->other <= 1.0) ||
            !(fabs(trial->control) <= VALUE_MAX) || record->count == 0 ||
            record->path_count > 0 || record->has_second)
        return corrupt(err, RECORD_DECISION, "trial is out of range");
    return 0;
}

/* What only some decisions have, as messages of the library's. */
struct rare_parts {
    Rue__Expert **expert;
    Rue__Subject *held_subject;
    Rue__Costs *held_costs;
    Rue__Trial *trial;
};

/* Fields 12 and up. */
static void pack_rare(struct packing *packing,
        const struct decision_record *record, const struct rare_parts *parts)
{
    bool path = record->path_count > 0;

    if (record->fallback)
        pack_u64(packing, 54, 1);
    if (record->all_open)
        pack_u64(packing, 53, 1);
    if (record->masked > 0)
        pack_u64(packing, 52, record->masked);
    if (record->has_expected)
        pack_f64(packing, 51, record->expected_failure);
    if (record->held_cause != CAUSE_UNKNOWN)
        pack_u64(packing, 50, (uint64_t)record->held_cause);
    pack_f64s(
            packing, 40, record->question.point, record->question.point_count);
    if (record->guard > 0)
        pack_u64(packing, 31, record->guard);
    if (record->limit > 0.0)
        pack_f64(packing, 30, record->limit);
    if (record->imported)
        pack_u64(packing, 25, 1);
    pack_nested(packing, 24, (const ProtobufCMessage *)parts->trial);
    if (record->pdrop > 0.0)
        pack_f64(packing, 23, record->pdrop);
    if (record->chosen_only)
        pack_u64(packing, 22, 1);
    if (record->held_misfit)
        pack_u64(packing, 21, 1);
    pack_nested(packing, 20, (const ProtobufCMessage *)parts->held_costs);
    pack_nested(packing, 19, (const ProtobufCMessage *)parts->held_subject);
    if (path) {
        pack_f64s(packing, 18, record->marginal, record->count);
        pack_f64(packing, 17, record->path_probability);
        pack_u32s(packing, 16, record->path, record->path_count);
    }
    if (record->has_second) {
        pack_f64(packing, 15, record->pair_probability);
        pack_u64(packing, 14, record->second);
    }
    for (uint32_t i = record->expert_count; i > 0; i--)
        pack_nested(
                packing, 13, (const ProtobufCMessage *)parts->expert[i - 1]);
    if (record->has_held)
        pack_f64(packing, 12, record->held);
}

static void pack_groups(
        struct packing *packing, const struct decision_record *record)
{
    const uint8_t *end = packing->at;

    for (uint32_t i = record->group_count; i > 0; i--)
        pack_varint(packing, record->groups[i - 1]);
    if (record->group_count > 0)
        pack_head(packing, 9, end);
}

/* The one record that is written for every request is packed without a message
 * of the library's in between, which took longer than the decision. */
struct bytes record_encode_decision(
        const struct decision_record *record, struct arena *arena)
{
    struct rare_parts parts = {
            .held_subject = subject_to_message(&record->held_subject, arena),
            .held_costs = costs_to_message(&record->held_costs, arena),
            .trial = trial_to_message(&record->trial, arena),
    };
    bool action = record->count > 0 && record->path_count == 0;
    struct packing packing;

    if (record->expert_count > 0)
        parts.expert = experts_to_message(record, arena);
    if (arena->overflow)
        return bytes_of(NULL, 0);
    packing = pack_begin(arena);
    pack_rare(&packing, record, &parts);
    pack_u64(&packing, 11, record->generation);
    pack_u64(&packing, 10, record->policy_version);
    pack_groups(&packing, record);
    if (record->has_prediction)
        pack_f64(&packing, 8, record->prediction);
    if (action) {
        pack_u64(&packing, 7, record->chosen);
        pack_f64s(&packing, 6, record->probability, record->count);
    }
    pack_u32s(&packing, 5, record->eligible, record->count);
    question_pack(&packing, 4, &record->question);
    pack_bytes(&packing, 3, record->head.event);
    pack_i64(&packing, 2, record->head.time);
    pack_u64(&packing, 1, record->head.problem);
    return pack_end(&packing, arena);
}

static int path_from_message(const Rue__DecisionRecord *message,
        struct decision_record *record, struct err *err)
{
    if (message->n_eligible > ACTIONS_MAX ||
            message->n_marginal != message->n_eligible || message->n_path < 1 ||
            message->n_path > message->n_eligible || message->n_probability > 0)
        return corrupt(err, RECORD_DECISION, "counts of edges differ");
    if (message->has_chosen || message->has_prediction || message->has_second ||
            message->has_pair_probability)
        return corrupt(err, RECORD_DECISION, "decides more than a path");
    if (!is_probability(message->path_probability))
        return corrupt(
                err, RECORD_DECISION, "path_probability is out of range");
    for (size_t i = 0; i < message->n_eligible; i++)
        if (!(message->marginal[i] >= 0.0 && message->marginal[i] <= 1.0) ||
                message->eligible[i] >= ACTIONS_MAX ||
                (i > 0 && message->eligible[i] <= message->eligible[i - 1]))
            return corrupt(err, RECORD_DECISION, "edge is out of range");
    /* Learners divide by the probability of an edge that was walked. */
    for (size_t i = 0; i < message->n_path; i++)
        if (message->path[i] >= message->n_eligible ||
                !is_probability(message->marginal[message->path[i]]))
            return corrupt(err, RECORD_DECISION, "path is out of range");
    record->count = (uint32_t)message->n_eligible;
    record->eligible = message->eligible;
    record->marginal = message->marginal;
    record->path_count = (uint32_t)message->n_path;
    record->path = message->path;
    record->path_probability = message->path_probability;
    return 0;
}

static int pair_from_message(const Rue__DecisionRecord *message,
        struct decision_record *record, struct err *err)
{
    if (message->has_second != message->has_pair_probability)
        return corrupt(err, RECORD_DECISION, "half a pair");
    if (!message->has_second)
        return 0;
    if (message->second >= message->n_eligible ||
            message->second == message->chosen)
        return corrupt(err, RECORD_DECISION, "second is out of range");
    if (!is_probability(message->pair_probability))
        return corrupt(
                err, RECORD_DECISION, "pair_probability is out of range");
    record->has_second = true;
    record->second = message->second;
    record->pair_probability = message->pair_probability;
    return 0;
}

/* The one action of an imported decision: how much of 1 the others had that
 * the log does not list is not known. */
static bool sum_may_be_less(const Rue__DecisionRecord *message)
{
    return message->has_chosen_only && message->chosen_only &&
            message->n_eligible == 1;
}

/* A limit is of an action, and of none that a guard put in its place. */
static int guard_from_message(const Rue__DecisionRecord *message,
        struct decision_record *record, struct err *err)
{
    bool simple = message->n_eligible > 0 && message->n_path == 0 &&
            !message->has_second;

    if (!message->has_limit && !message->has_guard)
        return 0;
    if (!simple || !(message->limit >= 0.0) ||
            message->limit > 2.0 * VALUE_MAX || message->guard > GUARD_MAX ||
            (message->limit > 0.0 && message->guard > 0))
        return corrupt(err, RECORD_DECISION, "guard is out of range");
    record->limit = message->limit;
    record->guard = message->guard;
    return 0;
}

static int distribution_from_message(const Rue__DecisionRecord *message,
        struct decision_record *record, struct err *err)
{
    double sum = 0.0;

    if (!isfinite(message->prediction))
        return corrupt(err, RECORD_DECISION, "prediction is not finite");
    if (message->n_path > 0 || message->n_marginal > 0)
        return path_from_message(message, record, err);
    if (message->n_eligible != message->n_probability ||
            message->n_eligible > ACTIONS_MAX)
        return corrupt(err, RECORD_DECISION, "counts of actions differ");
    if (message->n_eligible == 0 && message->has_second)
        return corrupt(err, RECORD_DECISION, "half a pair");
    if (message->n_eligible == 0)
        return message->has_prediction
                ? 0
                : corrupt(err, RECORD_DECISION, "decides nothing");
    if (message->chosen >= message->n_eligible)
        return corrupt(err, RECORD_DECISION, "chosen is out of range");
    for (size_t i = 0; i < message->n_eligible; i++) {
        if (!(message->probability[i] >= 0.0) ||
                message->eligible[i] >= ACTIONS_MAX)
            return corrupt(err, RECORD_DECISION, "action is out of range");
        if (i > 0 && message->eligible[i] <= message->eligible[i - 1])
            return corrupt(err, RECORD_DECISION, "places are out of order");
        sum += message->probability[i];
    }
    /* Learners divide by it, and nothing that cannot be drawn was. */
    if (!(message->probability[message->chosen] >= PROBABILITY_MIN))
        return corrupt(err, RECORD_DECISION, "chosen has no probability");
    if (!(fabs(sum - 1.0) <= 1e-9) && !(sum_may_be_less(message) && sum < 1.0))
        return corrupt(err, RECORD_DECISION, "probabilities do not sum to 1");
    record->count = (uint32_t)message->n_eligible;
    record->eligible = message->eligible;
    record->probability = message->probability;
    record->chosen = message->chosen;
    return pair_from_message(message, record, err);
}

static int points_from_message(const Rue__DecisionRecord *message,
        struct decision_record *record, struct err *err)
{
    if (message->n_point > ACTIONS_MAX)
        return corrupt(err, RECORD_DECISION, "too many points");
    for (size_t i = 0; i < message->n_point; i++)
        if (!value_allowed(message->point[i]))
            return corrupt(err, RECORD_DECISION, "point is out of range");
    for (uint32_t i = 0; message->n_point > 0 && i < record->count; i++)
        if (record->eligible[i] >= message->n_point)
            return corrupt(err, RECORD_DECISION, "action is no point");
    record->question.point_count = (uint32_t)message->n_point;
    record->question.point = message->point;
    return 0;
}

static int groups_from_message(const Rue__DecisionRecord *message,
        struct arena *arena, struct decision_record *record, struct err *err)
{
    uint16_t *groups;

    if (message->n_group > GROUPS_MAX)
        return corrupt(err, RECORD_DECISION, "too many groups");
    groups = arena_array(arena, uint16_t, message->n_group);
    if (groups == NULL)
        return err_set(err, STATUS_BUSY, "decision record is too large");
    for (size_t i = 0; i < message->n_group; i++) {
        if (message->group[i] >= GROUPS_MAX ||
                (i > 0 && message->group[i] <= message->group[i - 1]))
            return corrupt(err, RECORD_DECISION, "groups are out of order");
        groups[i] = (uint16_t)message->group[i];
    }
    record->groups = groups;
    record->group_count = (uint32_t)message->n_group;
    return 0;
}

static int experts_from_message(const Rue__DecisionRecord *message,
        struct arena *arena, struct decision_record *record, struct err *err)
{
    struct expert *experts =
            arena_array(arena, struct expert, message->n_expert);

    if (experts == NULL)
        return err_set(err, STATUS_BUSY, "decision record is too large");
    if (message->n_expert > GROUPS_MAX + 1)
        return corrupt(err, RECORD_DECISION, "too many experts");
    for (size_t i = 0; i < message->n_expert; i++) {
        const Rue__Expert *expert = message->expert[i];
        experts[i] = (struct expert){bytes_of_message(expert->group),
                expert->weight, expert->prediction};
        if (!isfinite(expert->weight) || !isfinite(expert->prediction))
            return corrupt(err, RECORD_DECISION, "expert is not finite");
    }
    record->expert = experts;
    record->expert_count = (uint32_t)message->n_expert;
    return 0;
}

/* What imports say of how the log came about. */
static int origin_from_message(const Rue__DecisionRecord *message,
        struct decision_record *record, struct err *err)
{
    record->imported = message->has_imported && message->imported;
    record->chosen_only = message->has_chosen_only && message->chosen_only;
    record->pdrop = message->has_pdrop ? message->pdrop : 0.0;
    if (!(record->pdrop >= 0.0 && record->pdrop <= PDROP_MAX))
        return corrupt(err, RECORD_DECISION, "pdrop is out of range");
    if (record->chosen_only &&
            (record->count == 0 || record->path_count > 0 ||
                    record->has_second))
        return corrupt(
                err, RECORD_DECISION, "chosen_only where no action is chosen");
    return 0;
}

/* What a circuit breaker had to do with it. */
static int masked_from_message(const Rue__DecisionRecord *message,
        struct decision_record *record, struct err *err)
{
    record->has_expected = message->has_expected_failure;
    record->expected_failure = message->expected_failure;
    record->masked = message->has_masked ? message->masked : 0;
    record->all_open = message->has_all_open && message->all_open;
    if (record->has_expected &&
            !(record->expected_failure >= 0.0 &&
                    record->expected_failure <= 1.0))
        return corrupt(
                err, RECORD_DECISION, "expected_failure is out of range");
    if (record->masked >= ACTIONS_MAX ||
            (record->masked > 0 && record->all_open))
        return corrupt(err, RECORD_DECISION, "masked is out of range");
    return 0;
}

static int decode_decision(const Rue__DecisionRecord *message,
        struct arena *arena, struct decision_record *record, struct err *err)
{
    int status;

    record->head = (struct record){RECORD_DECISION, message->problem,
            message->time_ns, bytes_of_message(message->event)};
    record->has_prediction = message->has_prediction;
    record->prediction = message->prediction;
    record->policy_version = message->policy_version;
    record->generation = message->generation;
    record->has_held = message->has_held;
    record->held = message->held;
    record->held_misfit = message->has_held_misfit && message->held_misfit;
    record->fallback = message->has_fallback && message->fallback;
    status = question_from_message(
            message->decide, arena, &record->question, err);
    if (status == STATUS_INVALID)
        return corrupt(err, RECORD_DECISION, err == NULL ? "" : err->text);
    if (status != 0 ||
            (status = distribution_from_message(message, record, err)) != 0 ||
            (status = origin_from_message(message, record, err)) != 0 ||
            (status = points_from_message(message, record, err)) != 0 ||
            (status = trial_from_message(message->trial, record, err)) != 0 ||
            (status = guard_from_message(message, record, err)) != 0 ||
            (status = groups_from_message(message, arena, record, err)) != 0 ||
            (status = experts_from_message(message, arena, record, err)) != 0 ||
            (status = subject_from_message(message->held_subject,
                     RECORD_DECISION, &record->held_subject, err)) != 0 ||
            (status = record_costs(message->held_costs, RECORD_DECISION,
                     &record->held_costs, err)) != 0 ||
            (status = record_cause(message->has_held_cause, message->held_cause,
                     RECORD_DECISION, &record->held_cause, err)) != 0 ||
            (status = masked_from_message(message, record, err)) != 0)
        return status;
    if (message->has_held)
        return check_value(
                message->held, RECORD_DECISION, "held is out of range", err);
    return 0;
}

/* ---- feedback ---- */

struct feedback feedback_of_record(const struct feedback_record *record)
{
    bool derived = record->costs.count > 0 || record->derived;

    return (struct feedback){
            .event = record->head.event,
            .value = derived ? 0.0 : record->value,
            .derived = record->derived,
            .id = record->id,
            .shown = record->shown,
            .costs = record->costs,
            .fields = record->fields,
            .cause = record->cause,
    };
}

struct bytes record_encode_feedback(
        const struct feedback_record *record, struct arena *arena)
{
    Rue__FeedbackRecord message = RUE__FEEDBACK_RECORD__INIT;

    message.problem = record->head.problem;
    message.time_ns = record->head.time;
    message.event = message_of_bytes(record->head.event);
    message.value = record->value;
    message.has_id = record->id.size > 0;
    message.id = message_of_bytes(record->id);
    message.effect = (Rue__Effect)record->effect;
    message.has_before = record->effect == EFFECT_CORRECT;
    message.before = record->before;
    message.has_after = record->effect != EFFECT_NONE;
    message.after = record->after;
    message.shown = shown_to_message(&record->shown, arena);
    message.subject = subject_to_message(&record->subject, arena);
    message.costs = costs_to_message(&record->costs, arena);
    message.n_field = record->fields.count;
    message.field = fields_to_messages(&record->fields, arena);
    message.has_cause = record->cause != CAUSE_UNKNOWN;
    message.cause = (Rue__Cause)record->cause;
    message.has_derived = record->derived;
    message.derived = record->derived;
    return arena->overflow ? bytes_of(NULL, 0)
                           : pack_message(&message.base, arena);
}

/* The list of fields in the arena. */
static int record_fields(const Rue__FeedbackRecord *message,
        struct arena *arena, struct feedback_record *record, struct err *err)
{
    int status = fields_from_messages(
            message->field, message->n_field, arena, &record->fields, err);

    record->derived = message->has_derived && message->derived;
    if (status == STATUS_BUSY)
        return status;
    if (status != 0 || (record->derived && record->fields.count == 0))
        return corrupt(err, RECORD_FEEDBACK, "fields are out of range");
    return record_cause(message->has_cause, message->cause, RECORD_FEEDBACK,
            &record->cause, err);
}

static int decode_feedback(const Rue__FeedbackRecord *message,
        struct arena *arena, struct feedback_record *record, struct err *err)
{
    int status;

    record->head = (struct record){RECORD_FEEDBACK, message->problem,
            message->time_ns, bytes_of_message(message->event)};
    record->value = message->value;
    record->id = bytes_of_message(message->id);
    record->effect = (enum effect)message->effect;
    record->before = message->before;
    record->after = message->after;
    if ((unsigned)record->effect > EFFECT_HOLD ||
            message->has_before != (record->effect == EFFECT_CORRECT) ||
            message->has_after != (record->effect != EFFECT_NONE))
        return corrupt(err, RECORD_FEEDBACK, "effect is out of range");
    if (!value_allowed(record->value) || !value_allowed(record->before) ||
            !value_allowed(record->after))
        return corrupt(err, RECORD_FEEDBACK, "value is out of range");
    if (message->has_id && wire_check_id(record->id, "id", NULL) != 0)
        return corrupt(err, RECORD_FEEDBACK, "id is not an id");
    if (message->subject != NULL && record->effect != EFFECT_LEARN &&
            record->effect != EFFECT_CORRECT)
        return corrupt(
                err, RECORD_FEEDBACK, "a subject where nothing is taught");
    if (record_shown(message->shown, RECORD_FEEDBACK, &record->shown, err) !=
                    0 ||
            subject_from_message(message->subject, RECORD_FEEDBACK,
                    &record->subject, err) != 0)
        return STATUS_CORRUPT;
    status = record_costs(message->costs, RECORD_FEEDBACK, &record->costs, err);
    return status == 0 ? record_fields(message, arena, record, err) : status;
}

/* ---- expiry ---- */

struct bytes record_encode_expiry(
        const struct expiry_record *record, struct arena *arena)
{
    Rue__ExpiryRecord message = RUE__EXPIRY_RECORD__INIT;

    message.problem = record->head.problem;
    message.time_ns = record->head.time;
    message.event = message_of_bytes(record->head.event);
    message.effect = (Rue__Effect)record->effect;
    message.has_after = record->effect == EFFECT_LEARN;
    message.after = record->after;
    message.has_orphan = record->orphan;
    message.orphan = record->orphan;
    message.costs = costs_to_message(&record->costs, arena);
    return pack_message(&message.base, arena);
}

static int decode_expiry(const Rue__ExpiryRecord *message,
        struct expiry_record *record, struct err *err)
{
    record->head = (struct record){RECORD_EXPIRY, message->problem,
            message->time_ns, bytes_of_message(message->event)};
    record->effect = (enum effect)message->effect;
    record->after = message->after;
    record->orphan = message->has_orphan && message->orphan;
    if ((record->effect != EFFECT_LEARN && record->effect != EFFECT_NONE) ||
            message->has_after != (record->effect == EFFECT_LEARN))
        return corrupt(err, RECORD_EXPIRY, "effect is out of range");
    if (record_costs(message->costs, RECORD_EXPIRY, &record->costs, err) != 0)
        return STATUS_CORRUPT;
    return check_value(
            record->after, RECORD_EXPIRY, "value is out of range", err);
}

/* ---- activation ---- */

struct bytes record_encode_activation(
        const struct activation_record *record, struct arena *arena)
{
    Rue__ActivationRecord message = RUE__ACTIVATION_RECORD__INIT;

    message.problem = record->head.problem;
    message.time_ns = record->head.time;
    message.event = message_of_bytes(record->head.event);
    message.has_held = record->has_held;
    message.held = record->held;
    message.held_subject = subject_to_message(&record->held_subject, arena);
    message.held_costs = costs_to_message(&record->held_costs, arena);
    message.has_held_cause = record->held_cause != CAUSE_UNKNOWN;
    message.held_cause = (Rue__Cause)record->held_cause;
    return pack_message(&message.base, arena);
}

static int decode_activation(const Rue__ActivationRecord *message,
        struct activation_record *record, struct err *err)
{
    record->head = (struct record){RECORD_ACTIVATION, message->problem,
            message->time_ns, bytes_of_message(message->event)};
    record->has_held = message->has_held;
    record->held = message->held;
    if (subject_from_message(message->held_subject, RECORD_ACTIVATION,
                &record->held_subject, err) != 0 ||
            record_costs(message->held_costs, RECORD_ACTIVATION,
                    &record->held_costs, err) != 0 ||
            record_cause(message->has_held_cause, message->held_cause,
                    RECORD_ACTIVATION, &record->held_cause, err) != 0)
        return STATUS_CORRUPT;
    return check_value(
            record->held, RECORD_ACTIVATION, "held is out of range", err);
}

/* ---- promotion ---- */

struct bytes record_encode_promotion(
        const struct promotion_record *record, struct arena *arena)
{
    Rue__PromotionRecord message = RUE__PROMOTION_RECORD__INIT;

    message.problem = record->head.problem;
    message.time_ns = record->head.time;
    message.generation = record->generation;
    message.digest = record->digest;
    message.parent = record->parent;
    message.stage = (Rue__Stage)record->stage;
    message.has_share = stage_shares(record->stage);
    message.share = record->share;
    message.estimate = estimate_to_message(&record->estimate, arena);
    message.has_why = record->why.size > 0;
    message.why = message_of_bytes(record->why);
    message.has_back = record->has_back;
    message.back = record->back;
    return pack_message(&message.base, arena);
}

static int decode_promotion(const Rue__PromotionRecord *message,
        struct promotion_record *record, struct err *err)
{
    record->head = (struct record){RECORD_PROMOTION, message->problem,
            message->time_ns, bytes_of(NULL, 0)};
    record->generation = message->generation;
    record->digest = message->digest;
    record->parent = message->parent;
    record->stage = (enum stage)message->stage;
    record->share = message->share;
    record->why = bytes_of_message(message->why);
    record->has_back = message->has_back;
    record->back = message->back;
    estimate_from_message(message->estimate, &record->estimate);
    if ((unsigned)record->stage > STAGE_MAX)
        return corrupt(err, RECORD_PROMOTION, "stage is out of range");
    if (message->has_share != stage_shares(record->stage) ||
            (message->has_share && !share_valid(record->share)))
        return corrupt(err, RECORD_PROMOTION, "share is out of range");
    if (!estimate_valid(&record->estimate))
        return corrupt(err, RECORD_PROMOTION, "estimate is out of range");
    return 0;
}

/* ---- config ---- */

struct bytes record_encode_config(
        const struct config_record *record, struct arena *arena)
{
    Rue__ConfigRecord message = RUE__CONFIG_RECORD__INIT;

    message.problem = record->head.problem;
    message.time_ns = record->head.time;
    message.name = message_of_bytes(record->name);
    message.settings = message_of_bytes(record->settings);
    message.shape = record->shape;
    return pack_message(&message.base, arena);
}

static int decode_config(const Rue__ConfigRecord *message,
        struct config_record *record, struct err *err)
{
    record->head = (struct record){RECORD_CONFIG, message->problem,
            message->time_ns, bytes_of(NULL, 0)};
    record->name = bytes_of_message(message->name);
    record->settings = bytes_of_message(message->settings);
    record->shape = message->shape;
    if (wire_check_id(record->name, "name", NULL) != 0)
        return corrupt(err, RECORD_CONFIG, "name is not a name");
    return 0;
}

/* ---- alarm ---- */

struct bytes record_encode_alarm(
        const struct alarm_record *record, struct arena *arena)
{
    Rue__AlarmRecord message = RUE__ALARM_RECORD__INIT;

    message.problem = record->head.problem;
    message.time_ns = record->head.time;
    message.stream = record->stream;
    message.part = record->part;
    message.index = record->index;
    message.has_name = record->name.size > 0;
    message.name = message_of_bytes(record->name);
    message.statistic = record->statistic;
    message.threshold = record->threshold;
    message.before = record->before;
    message.after = record->after;
    message.rows = record->rows;
    return pack_message(&message.base, arena);
}

static int decode_alarm(const Rue__AlarmRecord *message,
        struct alarm_record *record, struct err *err)
{
    record->head = (struct record){RECORD_ALARM, message->problem,
            message->time_ns, bytes_of(NULL, 0)};
    record->stream = message->stream;
    record->part = message->part;
    record->index = message->index;
    record->name = bytes_of_message(message->name);
    record->statistic = message->statistic;
    record->threshold = message->threshold;
    record->before = message->before;
    record->after = message->after;
    record->rows = message->rows;
    if (record->stream >= ALARM_STREAMS || record->part >= ALARM_PARTS)
        return corrupt(err, RECORD_ALARM, "stream or part is unknown");
    if (message->has_name && wire_check_id(record->name, "name", NULL) != 0)
        return corrupt(err, RECORD_ALARM, "name is not a name");
    if (!isfinite(record->statistic) || !isfinite(record->threshold) ||
            !isfinite(record->before) || !isfinite(record->after))
        return corrupt(err, RECORD_ALARM, "a number is not finite");
    return 0;
}

/* ---- any ---- */

bool record_peek_problem(struct bytes payload, uint32_t *problem)
{
    struct reader reader = reader_of(payload);
    uint64_t value = 0;
    bool more = true;

    /* Field 1, a varint: encoders write fields in order. */
    if (read_u8(&reader) != 0x08)
        return false;
    for (unsigned shift = 0; more && shift < 35; shift += 7) {
        uint8_t byte = read_u8(&reader);
        value |= (uint64_t)(byte & 0x7f) << shift;
        more = (byte & 0x80) != 0;
    }
    *problem = (uint32_t)value;
    return !reader.failed && !more && value <= UINT32_MAX;
}

static const ProtobufCMessageDescriptor *descriptor_of(enum record_kind kind)
{
    switch (kind) {
    case RECORD_DECISION:
        return &rue__decision_record__descriptor;
    case RECORD_FEEDBACK:
        return &rue__feedback_record__descriptor;
    case RECORD_EXPIRY:
        return &rue__expiry_record__descriptor;
    case RECORD_ACTIVATION:
        return &rue__activation_record__descriptor;
    case RECORD_PROMOTION:
        return &rue__promotion_record__descriptor;
    case RECORD_CONFIG:
        return &rue__config_record__descriptor;
    case RECORD_ALARM:
        return &rue__alarm_record__descriptor;
    }
    return NULL;
}

static int decode_kind(enum record_kind kind, const ProtobufCMessage *message,
        struct arena *arena, union any_record *record, struct err *err)
{
    /* A generated message begins with its ProtobufCMessage. */
    const void *any = message;

    switch (kind) {
    case RECORD_DECISION:
        return decode_decision(any, arena, &record->decision, err);
    case RECORD_FEEDBACK:
        return decode_feedback(any, arena, &record->feedback, err);
    case RECORD_EXPIRY:
        return decode_expiry(any, &record->expiry, err);
    case RECORD_ACTIVATION:
        return decode_activation(any, &record->activation, err);
    case RECORD_PROMOTION:
        return decode_promotion(any, &record->promotion, err);
    case RECORD_CONFIG:
        return decode_config(any, &record->config, err);
    case RECORD_ALARM:
        return decode_alarm(any, &record->alarm, err);
    }
    CHECK_UNREACHABLE();
}

int record_decode(enum record_kind kind, struct bytes payload,
        struct arena *arena, union any_record *record, struct err *err)
{
    const ProtobufCMessageDescriptor *descriptor = descriptor_of(kind);
    ProtobufCMessage *message;
    int status;

    memset(record, 0, sizeof(*record));
    if (descriptor == NULL)
        return err_set(
                err, STATUS_CORRUPT, "record of unknown kind %d", (int)kind);
    message = unpack_message(descriptor, payload, arena);
    if (message == NULL)
        return arena->overflow
                ? err_set(err, STATUS_BUSY, "record is too large")
                : corrupt(err, kind, "not well formed");
    if (message_refuse_unknown(message, "record", NULL) != 0)
        return corrupt(err, kind, "has fields of a newer version");
    status = decode_kind(kind, message, arena, record, err);
    if (status == 0 && kind < RECORD_PROMOTION &&
            wire_check_id(record->head.event, "event", NULL) != 0)
        return corrupt(err, kind, "event is not an id");
    return status;
}
