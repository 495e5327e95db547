/* Requests and replies <-> the wire (proto/rue.proto). */
#include "base/limits.h"
#include "client/internal.h"

#include "proto/rue.pb-c.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* protobuf-c's members are not const, and packing does not write. */
#define UNCONST(type, pointer)                                                 \
    (((union {                                                                 \
        const type *in;                                                        \
        type *out;                                                             \
    }){.in = (pointer)})                                                       \
                    .out)

struct pack {
    struct arena *arena;
    struct event_id_source *ids;
    uint64_t now_ms;
    char *error;
};

__attribute__((format(printf, 2, 3))) static bool refuse(
        struct pack *pack, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(pack->error, CLIENT_ERROR_SIZE, format, args);
    va_end(args);
    return false;
}

static bool too_large(struct pack *pack)
{
    return refuse(pack, "the request is too large");
}

/* ---- checks ---- */

static bool pack_text(struct pack *pack, const char *what, const char *text,
        ProtobufCBinaryData *out)
{
    size_t size = text == NULL ? 0 : strlen(text);

    if (size == 0 || size > ID_BYTES_MAX)
        return refuse(pack, "%s: a text of 1 to %u bytes is needed", what,
                ID_BYTES_MAX);
    *out = (ProtobufCBinaryData){size, UNCONST(uint8_t, (const uint8_t *)text)};
    return true;
}

static bool check_value(struct pack *pack, const char *what, double value)
{
    return (isfinite(value) && fabs(value) <= VALUE_MAX) ||
            refuse(pack, "%s: not a number within +-%g", what, VALUE_MAX);
}

/* A list that is not there has no elements. */
static bool check_list(
        struct pack *pack, const char *what, const void *list, size_t count)
{
    return list != NULL || count == 0 ||
            refuse(pack, "%s: %zu are announced and the list is NULL", what,
                    count);
}

/* ---- features ---- */

static bool pack_matrix(struct pack *pack, const char *what,
        const double *values, const float *singles, size_t rows, size_t columns,
        Rue__Matrix **out)
{
    Rue__Matrix *matrix;

    if (rows == 0 || columns == 0)
        return true;
    if (rows > ACTIONS_MAX || columns > COLUMNS_MAX)
        return refuse(pack, "%s: at most %u rows of %u columns", what,
                ACTIONS_MAX, COLUMNS_MAX);
    if ((values == NULL) == (singles == NULL))
        return refuse(pack, "%s: give either doubles or floats", what);
    for (size_t i = 0; i < rows * columns; i++)
        if (!check_value(pack, what,
                    values != NULL ? values[i] : (double)singles[i]))
            return false;
    matrix = arena_alloc(pack->arena, sizeof(*matrix));
    if (matrix == NULL)
        return too_large(pack);
    rue__matrix__init(matrix);
    matrix->has_columns = true;
    matrix->columns = (uint32_t)columns;
    if (values != NULL) {
        matrix->n_f64 = rows * columns;
        matrix->f64 = UNCONST(double, values);
    } else {
        matrix->n_f32 = rows * columns;
        matrix->f32 = UNCONST(float, singles);
    }
    *out = matrix;
    return true;
}

static bool pack_named_one(
        struct pack *pack, const rue_named *named, Rue__Named *out)
{
    rue__named__init(out);
    if (!pack_text(pack, "named.name", named->name, &out->name))
        return false;
    if (named->space != NULL && named->space[0] != '\0') {
        out->has_space = true;
        if (!pack_text(pack, "named.space", named->space, &out->space))
            return false;
    }
    if (named->text != NULL) {
        out->has_text = true;
        return pack_text(pack, "named.text", named->text, &out->text);
    }
    out->has_value = true;
    out->value = named->value;
    return check_value(pack, "named.value", named->value);
}

static bool pack_named(struct pack *pack, const rue_named *named, size_t count,
        Rue__Named ***out)
{
    Rue__Named **list = arena_array(pack->arena, Rue__Named *, count);
    Rue__Named *messages = arena_array(pack->arena, Rue__Named, count);

    if (!check_list(pack, "named", named, count))
        return false;
    if (count > NAMED_MAX)
        return refuse(pack, "named: at most %u features", NAMED_MAX);
    if (list == NULL || messages == NULL)
        return too_large(pack);
    for (size_t i = 0; i < count; i++) {
        if (!pack_named_one(pack, &named[i], &messages[i]))
            return false;
        list[i] = &messages[i];
    }
    *out = list;
    return true;
}

static bool pack_texts(struct pack *pack, const char *what,
        const char *const *texts, size_t count, size_t max,
        ProtobufCBinaryData **out)
{
    ProtobufCBinaryData *list =
            arena_array(pack->arena, ProtobufCBinaryData, count);

    if (!check_list(pack, what, texts, count))
        return false;
    if (count > max)
        return refuse(pack, "%s: at most %zu", what, max);
    if (list == NULL)
        return too_large(pack);
    for (size_t i = 0; i < count; i++)
        if (!pack_text(pack, what, texts[i], &list[i]))
            return false;
    *out = list;
    return true;
}

static bool pack_action_named(
        struct pack *pack, const rue_question *question, Rue__Decide *decide)
{
    size_t count = question->action_named_count;
    Rue__ActionFeatures **list =
            arena_array(pack->arena, Rue__ActionFeatures *, count);
    Rue__ActionFeatures *messages =
            arena_array(pack->arena, Rue__ActionFeatures, count);

    if (!check_list(pack, "action_named", question->action_named, count))
        return false;
    if (count > ACTIONS_MAX)
        return refuse(pack, "action_named: at most %u", ACTIONS_MAX);
    if (list == NULL || messages == NULL)
        return too_large(pack);
    for (size_t i = 0; i < count; i++) {
        const rue_action_named *entry = &question->action_named[i];
        rue__action_features__init(&messages[i]);
        messages[i].action = entry->action;
        messages[i].n_named = entry->named_count;
        if (!pack_named(
                    pack, entry->named, entry->named_count, &messages[i].named))
            return false;
        list[i] = &messages[i];
    }
    decide->n_action_named = count;
    decide->action_named = list;
    return true;
}

/* ---- items ---- */

/* The given id, or a new one in the arena. */
static bool pack_id(struct pack *pack, const char *what, const char *given,
        ProtobufCBinaryData *out)
{
    char *id;

    if (given != NULL)
        return pack_text(pack, what, given, out);
    id = arena_alloc(pack->arena, EVENT_ID_SIZE);
    if (id == NULL)
        return too_large(pack);
    event_id_make(pack->ids, pack->now_ms, id);
    *out = (ProtobufCBinaryData){EVENT_ID_SIZE, (uint8_t *)id};
    return true;
}

static bool pack_decide(
        struct pack *pack, const rue_question *question, Rue__Decide *decide)
{
    size_t rows = question->action_rows;

    rue__decide__init(decide);
    decide->has_event = true;
    decide->n_named = question->named_count;
    decide->n_action = question->action_count;
    decide->n_group = question->group_count;
    decide->n_excluded = question->excluded_count;
    decide->excluded = UNCONST(uint32_t, question->excluded);
    decide->has_deferred = question->deferred != 0;
    decide->deferred = question->deferred != 0;
    decide->has_experts = question->experts != 0;
    decide->experts = question->experts != 0;
    decide->has_baseline = question->has_baseline != 0;
    decide->baseline = question->baseline;
    return check_list(pack, "excluded", question->excluded,
                   question->excluded_count) &&
            pack_id(pack, "event", question->event, &decide->event) &&
            pack_matrix(pack, "context", question->context,
                    question->context_f32, question->context_count > 0 ? 1 : 0,
                    question->context_count, &decide->shared) &&
            pack_named(pack, question->named, question->named_count,
                    &decide->named) &&
            pack_texts(pack, "action", question->actions,
                    question->action_count, ACTIONS_MAX, &decide->action) &&
            pack_matrix(pack, "action_features", question->action_features,
                    question->action_features_f32, rows,
                    question->action_columns, &decide->action_features) &&
            pack_action_named(pack, question, decide) &&
            pack_texts(pack, "group", question->groups, question->group_count,
                    GROUPS_MAX, &decide->group);
}

static bool pack_decides(
        struct pack *pack, const rue_request *request, Rue__Request *message)
{
    size_t count = request->question_count;
    Rue__Decide **list = arena_array(pack->arena, Rue__Decide *, count);
    Rue__Decide *decides = arena_array(pack->arena, Rue__Decide, count);

    if (list == NULL || decides == NULL)
        return too_large(pack);
    for (size_t i = 0; i < count; i++) {
        if (!pack_decide(pack, &request->questions[i], &decides[i]))
            return false;
        list[i] = &decides[i];
    }
    message->n_decide = count;
    message->decide = list;
    return true;
}

static bool pack_shown(
        struct pack *pack, const rue_report *report, Rue__Feedback *feedback)
{
    Rue__Shown *shown;

    if (report->position == 0 && !report->has_shown)
        return report->propensity == 0.0 ||
                refuse(pack, "propensity: only with shown");
    if (report->position > 0 && report->has_shown)
        return refuse(pack, "shown: either position or shown");
    if (report->position > ACTIONS_MAX ||
            (report->has_shown && report->shown >= ACTIONS_MAX))
        return refuse(pack, "shown: there are at most %u actions", ACTIONS_MAX);
    if (report->propensity != 0.0 &&
            !(report->has_shown && report->propensity >= PROBABILITY_MIN &&
                    report->propensity <= 1.0))
        return refuse(pack, "propensity: %g to 1, and only with shown",
                PROBABILITY_MIN);
    shown = arena_alloc(pack->arena, sizeof(*shown));
    if (shown == NULL)
        return too_large(pack);
    rue__shown__init(shown);
    shown->has_position = report->position > 0;
    shown->position = report->position;
    shown->has_place = report->has_shown != 0;
    shown->place = report->shown;
    shown->has_propensity = report->propensity > 0.0;
    shown->propensity = report->propensity;
    feedback->shown = shown;
    return true;
}

static bool pack_costs(
        struct pack *pack, const rue_report *report, Rue__Feedback *feedback)
{
    Rue__Costs *costs;

    if (report->cost_count > ACTIONS_MAX || report->costs == NULL)
        return refuse(pack, "costs: 1 to %u values", ACTIONS_MAX);
    if (report->value != 0.0)
        return refuse(pack, "value: it follows from costs; leave it 0");
    for (size_t i = 0; i < report->cost_count; i++)
        if (!check_value(pack, "costs", report->costs[i]))
            return false;
    costs = arena_alloc(pack->arena, sizeof(*costs));
    if (costs == NULL)
        return too_large(pack);
    rue__costs__init(costs);
    costs->n_value = report->cost_count;
    costs->value = UNCONST(double, report->costs);
    costs->has_full = report->costs_full != 0;
    costs->full = report->costs_full != 0;
    feedback->costs = costs;
    return true;
}

static bool pack_fields(
        struct pack *pack, const rue_report *report, Rue__Feedback *feedback)
{
    size_t count = report->field_count;
    Rue__Field **list = arena_array(pack->arena, Rue__Field *, count);
    Rue__Field *fields = arena_array(pack->arena, Rue__Field, count);

    if (count > FIELDS_MAX || report->fields == NULL)
        return refuse(pack, "fields: 1 to %u", FIELDS_MAX);
    if (list == NULL || fields == NULL)
        return too_large(pack);
    for (size_t i = 0; i < count; i++) {
        rue__field__init(&fields[i]);
        fields[i].value = report->fields[i].value;
        if (!pack_text(pack, "field name", report->fields[i].name,
                    &fields[i].name) ||
                !check_value(pack, "field value", fields[i].value))
            return false;
        list[i] = &fields[i];
    }
    feedback->n_field = count;
    feedback->field = list;
    return true;
}

static bool pack_cause(
        struct pack *pack, const rue_report *report, Rue__Feedback *feedback)
{
    if ((unsigned)report->cause > RUE_CAUSE_TIMEOUT)
        return refuse(pack, "cause: one of enum rue_cause");
    feedback->has_cause = report->cause != RUE_CAUSE_UNKNOWN;
    feedback->cause = (Rue__Cause)report->cause;
    return true;
}

static bool pack_outcome(
        struct pack *pack, const rue_report *report, Rue__Feedback *feedback)
{
    if (report->cost_count > 0)
        return pack_costs(pack, report, feedback);
    if (report->field_count > 0 && !pack_fields(pack, report, feedback))
        return false;
    if (report->fields_only != 0 && report->field_count > 0)
        return report->value == 0.0 ||
                refuse(pack, "value: it follows from fields; leave it 0");
    feedback->has_value = true;
    feedback->value = report->value;
    return check_value(pack, "value", report->value);
}

static bool pack_feedbacks(
        struct pack *pack, const rue_request *request, Rue__Request *message)
{
    size_t count = request->report_count;
    Rue__Feedback **list = arena_array(pack->arena, Rue__Feedback *, count);
    Rue__Feedback *feedbacks = arena_array(pack->arena, Rue__Feedback, count);

    if (list == NULL || feedbacks == NULL)
        return too_large(pack);
    for (size_t i = 0; i < count; i++) {
        const rue_report *report = &request->reports[i];
        Rue__Feedback *feedback = &feedbacks[i];
        rue__feedback__init(feedback);
        feedback->has_id = true;
        if (!pack_text(pack, "event", report->event, &feedback->event) ||
                !pack_outcome(pack, report, feedback) ||
                !pack_shown(pack, report, feedback) ||
                !pack_cause(pack, report, feedback) ||
                !pack_id(pack, "id", report->id, &feedback->id))
            return false;
        list[i] = feedback;
    }
    message->n_feedback = count;
    message->feedback = list;
    return true;
}

static bool pack_activates(
        struct pack *pack, const rue_request *request, Rue__Request *message)
{
    size_t count = request->activate_count;
    Rue__Activate **list = arena_array(pack->arena, Rue__Activate *, count);
    Rue__Activate *activates = arena_array(pack->arena, Rue__Activate, count);

    if (list == NULL || activates == NULL)
        return too_large(pack);
    for (size_t i = 0; i < count; i++) {
        rue__activate__init(&activates[i]);
        if (!pack_text(
                    pack, "event", request->activates[i], &activates[i].event))
            return false;
        list[i] = &activates[i];
    }
    message->n_activate = count;
    message->activate = list;
    return true;
}

static bool pack_request(struct pack *pack, const rue_request *request,
        bool errand, Rue__Request *message)
{
    size_t items = request->question_count + request->report_count +
            request->activate_count;

    if (items > REQUEST_ITEMS_MAX)
        return refuse(pack, "at most %u items a request", REQUEST_ITEMS_MAX);
    if (items == 0 && !errand)
        return refuse(pack, "the request asks for nothing");
    if (!check_list(pack, "questions", request->questions,
                request->question_count) ||
            !check_list(
                    pack, "reports", request->reports, request->report_count) ||
            !check_list(pack, "activates", request->activates,
                    request->activate_count))
        return false;
    if (request->problem != NULL || items > 0) {
        message->has_problem = true;
        if (!pack_text(pack, "problem", request->problem, &message->problem))
            return false;
    }
    return pack_decides(pack, request, message) &&
            pack_feedbacks(pack, request, message) &&
            pack_activates(pack, request, message);
}

/* The messages that an errand may need. */
struct errands {
    Rue__StatusQuestion status;
    Rue__RetrainQuestion retrain;
    Rue__Promote promote;
    Rue__GenerationsQuestion generations;
};

static void pack_errand(const struct errand *errand, struct errands *errands,
        Rue__Request *message)
{
    rue__status_question__init(&errands->status);
    rue__retrain_question__init(&errands->retrain);
    rue__promote__init(&errands->promote);
    rue__generations_question__init(&errands->generations);
    errands->promote.has_generation = errand->kind == ERRAND_PROMOTE;
    errands->promote.generation = errand->generation;
    errands->promote.has_back = errand->kind == ERRAND_ROLLBACK;
    errands->promote.back = errands->promote.has_back;
    errands->promote.has_serving = errands->promote.has_back;
    errands->promote.serving = errand->generation;
    errands->promote.has_stage = errand->trial;
    errands->promote.stage =
            errand->share != 0.0 ? RUE__STAGE__CANARY : RUE__STAGE__SHADOW;
    errands->promote.has_share = errand->trial && errand->share != 0.0;
    errands->promote.share = errand->share;
    switch (errand->kind) {
    case ERRAND_NONE:
        break;
    case ERRAND_STATUS:
        message->status = &errands->status;
        break;
    case ERRAND_RETRAIN:
        message->retrain = &errands->retrain;
        break;
    case ERRAND_PROMOTE:
    case ERRAND_ROLLBACK:
        message->promote = &errands->promote;
        break;
    case ERRAND_GENERATIONS:
        message->generations = &errands->generations;
        break;
    }
}

/* At most this many bytes are packed for an item beside its lists; for an id,
 * name or text; for a named feature. */
#define ITEM_BYTES  512u
#define TEXT_BYTES  (ID_BYTES_MAX + 4)
#define NAMED_BYTES (3 * TEXT_BYTES + 16)

static size_t question_bytes(const rue_question *question)
{
    size_t named = question->named_count;

    for (size_t i = 0; i < question->action_named_count; i++)
        named += question->action_named[i].named_count;
    return ITEM_BYTES + named * NAMED_BYTES +
            (question->context_count +
                    question->action_rows * question->action_columns) *
            sizeof(double) +
            (question->action_count + question->group_count +
                    question->action_named_count) *
            TEXT_BYTES +
            question->excluded_count * 4;
}

/* Would the packed message be within the limit? Packing tells exactly, but
 * counting is enough for nearly all. */
static bool is_small(const rue_request *request)
{
    size_t size =
            (1 + request->report_count + request->activate_count) * ITEM_BYTES;

    for (size_t i = 0; i < request->question_count; i++)
        size += question_bytes(&request->questions[i]);
    for (size_t i = 0; i < request->report_count; i++)
        size += request->reports[i].cost_count * sizeof(double);
    return size <= MESSAGE_BYTES_MAX;
}

static bool check_size(struct pack *pack, size_t size)
{
    return size <= MESSAGE_BYTES_MAX ||
            refuse(pack, "the request has %zu bytes, at most %zu", size,
                    MESSAGE_BYTES_MAX);
}

struct Rue__Request *message_build(const rue_request *request, uint64_t id,
        const struct errand *errand, struct event_id_source *ids,
        uint64_t now_ms, struct arena *arena, char error[CLIENT_ERROR_SIZE])
{
    struct pack pack = {arena, ids, now_ms, error};
    Rue__Request *message = arena_alloc(arena, sizeof(*message));
    struct errands *errands = arena_alloc(arena, sizeof(*errands));

    if (request == NULL || message == NULL || errands == NULL) {
        (void)refuse(&pack, "a request is needed");
        return NULL;
    }
    rue__request__init(message);
    message->id = id;
    if (errand->kind != ERRAND_NONE)
        pack_errand(errand, errands, message);
    if (!pack_request(&pack, request, errand->kind != ERRAND_NONE, message) ||
            (!is_small(request) &&
                    !check_size(&pack, rue__request__get_packed_size(message))))
        return NULL;
    return message;
}

bool message_pack(const rue_request *request, uint64_t id,
        const struct errand *errand, struct event_id_source *ids,
        uint64_t now_ms, struct arena *arena, struct bytes *packed,
        char error[CLIENT_ERROR_SIZE])
{
    struct pack pack = {arena, ids, now_ms, error};
    const Rue__Request *message =
            message_build(request, id, errand, ids, now_ms, arena, error);
    uint8_t *data;
    size_t size;

    if (message == NULL)
        return false;
    size = rue__request__get_packed_size(message);
    data = arena_alloc(arena, size);
    if (data == NULL)
        return too_large(&pack);
    *packed = bytes_of(data, rue__request__pack(message, data));
    return true;
}

/* ---- replies ---- */

static void *allocate(void *self, size_t size)
{
    return arena_alloc(self, size);
}

static void forget(void *self, void *block)
{
    (void)self;
    (void)block;
}

/* A C string of bytes; "" when there is no room. */
static const char *text_of(ProtobufCBinaryData data, struct arena *arena)
{
    char *text = arena_alloc(arena, data.len + 1);

    if (text == NULL)
        return "";
    if (data.len > 0)
        memcpy(text, data.data, data.len);
    text[data.len] = '\0';
    return text;
}

static const char *const *texts_of(
        const ProtobufCBinaryData *data, size_t count, struct arena *arena)
{
    const char **texts = arena_array(arena, const char *, count);

    for (size_t i = 0; texts != NULL && i < count; i++)
        texts[i] = text_of(data[i], arena);
    return texts;
}

static const char *message_of(const char *message)
{
    return message == NULL ? "" : message;
}

static const rue_expert *experts_of(
        const Rue__Decision *decision, struct arena *arena)
{
    rue_expert *experts = arena_array(arena, rue_expert, decision->n_expert);

    for (size_t i = 0; experts != NULL && i < decision->n_expert; i++)
        experts[i] = (rue_expert){text_of(decision->expert[i]->group, arena),
                decision->expert[i]->weight, decision->expert[i]->prediction};
    return experts;
}

/* A decision whose lists differ in length is not one of ours. */
static bool answer_of(
        const Rue__Decision *decision, struct arena *arena, rue_answer *answer)
{
    memset(answer, 0, sizeof(*answer));
    answer->status = (rue_status)decision->status;
    answer->message = message_of(decision->message);
    answer->event = text_of(decision->event, arena);
    answer->action = "";
    answer->policy = text_of(decision->policy, arena);
    answer->generation = decision->generation;
    answer->policy_version = decision->policy_version;
    answer->repeated = decision->repeated_answer;
    answer->has_prediction = decision->has_prediction;
    answer->prediction = decision->prediction;
    answer->expert_count = decision->n_expert;
    answer->experts = experts_of(decision, arena);
    if (decision->n_ranking != decision->n_probability ||
            decision->n_ranking != decision->n_action ||
            decision->n_path != decision->n_edge ||
            (decision->n_value > 0 && decision->n_value != decision->n_ranking))
        return false;
    answer->pair_probability = decision->pair_probability;
    answer->limit = decision->limit;
    answer->guard = decision->guard;
    answer->path_count = decision->n_path;
    answer->path = decision->path;
    answer->edges = texts_of(decision->edge, decision->n_edge, arena);
    answer->path_probability = decision->path_probability;
    answer->count = decision->n_ranking;
    answer->ranking = decision->ranking;
    answer->probability = decision->probability;
    answer->actions = texts_of(decision->action, decision->n_action, arena);
    if (answer->count > 0 && answer->actions != NULL) {
        answer->chosen = answer->ranking[0];
        answer->propensity = answer->probability[0];
        answer->action = answer->actions[0];
    }
    if (decision->n_value > 0) {
        answer->values = decision->value;
        answer->value = decision->value[0];
    }
    return true;
}

static const rue_receipt *receipts_of(
        Rue__Receipt *const *receipts, size_t count, struct arena *arena)
{
    rue_receipt *list = arena_array(arena, rue_receipt, count);

    for (size_t i = 0; list != NULL && i < count; i++)
        list[i] = (rue_receipt){(rue_status)receipts[i]->status,
                message_of(receipts[i]->message), receipts[i]->repeated_answer,
                receipts[i]->held};
    return list;
}

static void status_of(const Rue__StatusAnswer *answer, struct arena *arena,
        rue_service_status *status)
{
    rue_number *numbers = arena_array(arena, rue_number, answer->n_number);

    status->version = text_of(answer->version, arena);
    status->uptime_s = answer->uptime_s;
    status->problem_count = answer->n_problem;
    status->problems = texts_of(answer->problem, answer->n_problem, arena);
    for (size_t i = 0; numbers != NULL && i < answer->n_number; i++)
        numbers[i] = (rue_number){text_of(answer->number[i]->name, arena),
                text_of(answer->number[i]->group, arena),
                answer->number[i]->value};
    status->number_count = answer->n_number;
    status->numbers = numbers;
    status->policy = text_of(answer->policy, arena);
    status->generation = answer->generation;
    status->state_hash = answer->state_hash;
    status->last_sequence = answer->last_sequence;
}

static rue_estimate estimate_of(const Rue__Estimate *estimate)
{
    if (estimate == NULL)
        return (rue_estimate){0};
    return (rue_estimate){1, estimate->value, estimate->lower, estimate->upper,
            estimate->alpha, estimate->rows};
}

static void generations_of(const Rue__Reply *message, struct arena *arena,
        rue_generations *generations)
{
    rue_generation *list =
            arena_array(arena, rue_generation, message->n_generation);

    for (size_t i = 0; list != NULL && i < message->n_generation; i++) {
        const Rue__Generation *from = message->generation[i];
        list[i] = (rue_generation){
                .number = from->number,
                .damaged = from->damaged,
                .serving = from->serving,
                .parent = from->parent,
                .created_ns = from->created_ns,
                .digest = from->digest,
                .bytes = from->bytes,
                .through = from->through,
                .promoted = from->promoted,
                .rows = from->rows,
                .effective = from->effective,
                .verdict = (rue_verdict)from->verdict,
                .estimate = estimate_of(from->estimate),
                .why = text_of(from->why, arena),
        };
    }
    generations->list = list;
    generations->count = list == NULL ? 0 : message->n_generation;
}

/* What the reply says to an errand. */
static void errand_of(const Rue__Reply *message, struct arena *arena,
        struct errand_answer *answer)
{
    Rue__Receipt *receipt =
            message->retrain != NULL ? message->retrain : message->promote;

    answer->has_status = message->answer != NULL;
    if (answer->has_status && answer->status != NULL)
        status_of(message->answer, arena, answer->status);
    answer->has_receipt = receipt != NULL;
    if (answer->has_receipt) {
        const rue_receipt *receipts = receipts_of(&receipt, 1, arena);
        if (receipts != NULL)
            answer->receipt = receipts[0];
    }
    answer->has_generations = message->n_generation > 0;
    if (answer->generations != NULL)
        generations_of(message, arena, answer->generations);
}

bool message_read(const struct Rue__Reply *message, struct arena *arena,
        rue_reply *reply, struct errand_answer *answer)
{
    rue_answer *answers = arena_array(arena, rue_answer, message->n_decision);

    if (answers == NULL)
        return false;
    reply->status = (rue_status)message->status;
    reply->message = message_of(message->message);
    for (size_t i = 0; i < message->n_decision; i++)
        if (!answer_of(message->decision[i], arena, &answers[i]))
            return false;
    reply->answers = answers;
    reply->answer_count = message->n_decision;
    reply->receipts =
            receipts_of(message->feedback, message->n_feedback, arena);
    reply->receipt_count = message->n_feedback;
    reply->activations =
            receipts_of(message->activate, message->n_activate, arena);
    reply->activation_count = message->n_activate;
    errand_of(message, arena, answer);
    return !arena->overflow;
}

bool message_unpack(struct bytes frame, struct arena *arena, uint64_t *id,
        rue_reply *reply, struct errand_answer *answer)
{
    ProtobufCAllocator allocator = {allocate, forget, arena};
    Rue__Reply *message =
            rue__reply__unpack(&allocator, frame.size, frame.data);

    if (message == NULL)
        return false;
    *id = message->id;
    return message_read(message, arena, reply, answer);
}

/* ---- fallbacks ---- */

static bool is_excluded(const rue_question *question, uint32_t place)
{
    for (size_t i = 0; i < question->excluded_count; i++)
        if (question->excluded[i] == place)
            return true;
    return false;
}

void fallback_of(rue_fallback rule, const rue_question *question,
        struct fallback *fallback)
{
    uint32_t place = 0;

    memset(fallback, 0, sizeof(*fallback));
    if (rule == RUE_FALLBACK_NONE)
        return;
    if (question->has_baseline)
        place = question->baseline;
    else if (rule == RUE_FALLBACK_BASELINE)
        return;
    else
        while (is_excluded(question, place))
            place++;
    if (question->action_count > 0 && place >= question->action_count)
        return;
    fallback->possible = true;
    fallback->place = place;
    if (question->action_count > 0)
        (void)snprintf(fallback->action, sizeof(fallback->action), "%s",
                question->actions[place]);
}
