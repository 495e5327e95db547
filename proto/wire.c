#include "proto/wire.h"

#include "base/limits.h"
#include "proto/outcome.h"
#include "proto/pack.h"
#include "proto/question.h"
#include "proto/unpack.h"
#include "proto/wire_parts.h"

#include <math.h>

_Static_assert((int)STATUS_OK == (int)RUE__STATUS__OK &&
                (int)STATUS_STORAGE_FULL == (int)RUE__STATUS__STORAGE_FULL &&
                (int)STATUS_NOT_FOUND == (int)RUE__STATUS__NOT_FOUND,
        "statuses have the same numbers inside and on the wire");

#define WIRE_VERSION 1u

/* ---- ids ---- */

/* Length of the UTF-8 sequence at the start of `bytes`; 0 if it is not one
 * (overlong forms, surrogates and code points above 10FFFF included). */
static size_t utf8_length(struct bytes bytes)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t lead = bytes.data[0];
    size_t length = lead < 0x80     ? 1
            : (lead & 0xe0) == 0xc0 ? 2
            : (lead & 0xf0) == 0xe0 ? 3
            : (lead & 0xf8) == 0xf0 ? 4
                                    : 0;
    uint32_t point;

    if (length <= 1 || length > bytes.size)
        return length == 1 ? 1 : 0;
    point = lead & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((bytes.data[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (bytes.data[i] & 0x3f);
    }
    if (point < least[length] || point > 0x10ffff ||
            (point >= 0xd800 && point <= 0xdfff))
        return 0;
    return length;
}

/* How many bytes at the start are printable ASCII, in steps of eight: all of
 * most ids, which then need no look at each. A byte that is 127 carries into
 * its highest bit, one below 32 borrows it, and the lowest such byte is not
 * disturbed by those below it. */
static size_t printable_bytes(struct bytes id)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    size_t at = 0;

    for (; at + 8 <= id.size; at += 8) {
        uint64_t eight;
        memcpy(&eight, id.data + at, sizeof(eight));
        if (((eight | (eight + ones) | (eight - 32 * ones)) & tops) != 0)
            break;
    }
    return at;
}

int wire_check_id(struct bytes id, const char *what, struct err *err)
{
    if (id.size == 0)
        return err_set(err, STATUS_INVALID, "%s: is empty", what);
    if (id.size > ID_BYTES_MAX)
        return err_set(err, STATUS_INVALID, "%s: %zu bytes, at most %u", what,
                id.size, ID_BYTES_MAX);
    for (size_t at = printable_bytes(id); at < id.size;) {
        size_t length = id.data[at] < 0x80
                ? 1
                : utf8_length(bytes_of(id.data + at, id.size - at));
        if (length == 0)
            return err_set(
                    err, STATUS_INVALID, "%s: byte %zu is not UTF-8", what, at);
        if (id.data[at] < 32 || id.data[at] == 127)
            return err_set(err, STATUS_INVALID,
                    "%s: byte %zu is a control character", what, at);
        at += length;
    }
    return 0;
}

/* ---- peeking ---- */

static uint64_t peek_varint(struct reader *reader)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = read_u8(reader);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return value;
    }
    reader->failed = true;
    return 0;
}

/* Reads one top-level field: its number, its varint value or its bytes. */
static uint32_t peek_field(
        struct reader *reader, uint64_t *value, struct bytes *bytes)
{
    uint64_t tag = peek_varint(reader);

    *value = 0;
    *bytes = bytes_of(NULL, 0);
    switch (tag & 7) {
    case 0:
        *value = peek_varint(reader);
        break;
    case 1:
        (void)read_bytes(reader, 8);
        break;
    case 2:
        *bytes = read_bytes(reader, peek_varint(reader));
        break;
    case 5:
        (void)read_bytes(reader, 4);
        break;
    default:
        reader->failed = true;
    }
    return tag >> 3 > UINT32_MAX ? 0 : (uint32_t)(tag >> 3);
}

static uint64_t peek_id(struct bytes frame)
{
    struct reader reader = reader_of(frame);
    uint64_t id = 0;

    while (!reader.failed && reader.rest.size > 0) {
        uint64_t value;
        struct bytes bytes;
        if (peek_field(&reader, &value, &bytes) == 2 && !reader.failed)
            id = value;
    }
    return id;
}

struct bytes wire_request_peek_problem(struct bytes frame)
{
    struct reader reader = reader_of(frame);
    struct bytes problem = bytes_of(NULL, 0);

    while (!reader.failed && reader.rest.size > 0) {
        uint64_t value;
        struct bytes bytes;
        if (peek_field(&reader, &value, &bytes) == 3 && !reader.failed)
            problem = bytes;
    }
    return reader.failed ? bytes_of(NULL, 0) : problem;
}

/* ---- requests that unpack into too much ---- */

/* How often each of the first fields of a message comes. */
#define FIELDS_COUNTED 9u

static void count_fields(struct bytes message, size_t counts[FIELDS_COUNTED])
{
    struct reader reader = reader_of(message);

    memset(counts, 0, FIELDS_COUNTED * sizeof(counts[0]));
    while (!reader.failed && reader.rest.size > 0) {
        uint64_t value;
        struct bytes bytes;
        uint32_t field = peek_field(&reader, &value, &bytes);
        if (!reader.failed && field < FIELDS_COUNTED)
            counts[field]++;
    }
}

static int refuse_more(
        const char *what, size_t count, size_t most, struct err *err)
{
    return count <= most ? 0
                         : err_set(err, STATUS_INVALID, "%s: %zu, at most %zu",
                                   what, count, most);
}

static int refuse_large_decide(struct bytes decide, struct err *err)
{
    struct reader reader = reader_of(decide);
    size_t counts[FIELDS_COUNTED];

    count_fields(decide, counts);
    if (refuse_more("named", counts[3], NAMED_MAX, err) != 0 ||
            refuse_more("action", counts[4], ACTIONS_MAX, err) != 0 ||
            refuse_more("action_named", counts[6], ACTIONS_MAX, err) != 0 ||
            refuse_more("group", counts[8], GROUPS_MAX, err) != 0)
        return STATUS_INVALID;
    while (!reader.failed && reader.rest.size > 0) {
        uint64_t value;
        struct bytes bytes;
        if (peek_field(&reader, &value, &bytes) != 6 || reader.failed)
            continue;
        count_fields(bytes, counts);
        if (refuse_more("action_named.named", counts[2], NAMED_MAX, err) != 0)
            return STATUS_INVALID;
    }
    return 0;
}

/* A message that did not fit the arena, because it has more of something than
 * any may have? */
static int refuse_large(struct bytes frame, struct err *err)
{
    struct reader reader = reader_of(frame);
    size_t counts[FIELDS_COUNTED];

    count_fields(frame, counts);
    if (refuse_more("request: items", counts[4] + counts[5] + counts[6],
                REQUEST_ITEMS_MAX, err) != 0)
        return STATUS_INVALID;
    while (!reader.failed && reader.rest.size > 0) {
        uint64_t value;
        struct bytes bytes;
        if (peek_field(&reader, &value, &bytes) == 4 && !reader.failed &&
                refuse_large_decide(bytes, err) != 0)
            return STATUS_INVALID;
    }
    return err_set(err, STATUS_BUSY, "the request is too large to hold now");
}

/* ---- requests ---- */

static int decides_from_message(const Rue__Request *message,
        struct arena *arena, struct request *request, struct err *err)
{
    struct question *questions =
            arena_array(arena, struct question, message->n_decide);

    if (questions == NULL)
        return err_set(err, STATUS_BUSY, "the request is too large");
    for (size_t i = 0; i < message->n_decide; i++) {
        int status = question_from_message(
                message->decide[i], arena, &questions[i], err);
        if (status != 0)
            return err_prefix(err, "decide %zu", i);
    }
    request->decide = questions;
    request->decide_count = (uint32_t)message->n_decide;
    return 0;
}

/* Exactly one of value, costs and fields must say what the value is; fields
 * may come with a value that they do not make. */
static int check_has_value(const Rue__Feedback *message,
        const struct feedback *feedback, struct err *err)
{
    if (feedback->costs.count > 0)
        return message->has_value || feedback->fields.count > 0
                ? err_set(err, STATUS_INVALID,
                          "value: it follows from costs; leave it out, and "
                          "field")
                : 0;
    if (!message->has_value && feedback->fields.count == 0)
        return err_set(err, STATUS_INVALID, "value: is missing");
    return 0;
}

static int feedback_one(const Rue__Feedback *message, struct arena *arena,
        struct feedback *feedback, struct err *err)
{
    int status;

    feedback->event = bytes_of_message(message->event);
    feedback->value = message->has_value ? message->value : 0.0;
    feedback->id = bytes_of_message(message->id);
    if (message_refuse_unknown(&message->base, "feedback", err) != 0 ||
            wire_check_id(feedback->event, "event", err) != 0)
        return STATUS_INVALID;
    if (message->has_id && wire_check_id(feedback->id, "id", err) != 0)
        return STATUS_INVALID;
    if (shown_from_message(message->shown, &feedback->shown, err) != 0 ||
            costs_from_message(message->costs, &feedback->costs, err) != 0 ||
            cause_from_message(message->has_cause, message->cause,
                    &feedback->cause, err) != 0)
        return STATUS_INVALID;
    status = fields_from_messages(
            message->field, message->n_field, arena, &feedback->fields, err);
    if (status == 0)
        status = check_has_value(message, feedback, err);
    if (status != 0)
        return status;
    feedback->derived = !message->has_value && feedback->fields.count > 0;
    if (!isfinite(feedback->value) || fabs(feedback->value) > VALUE_MAX)
        return err_set(err, STATUS_INVALID, "value: not a number within +-%g",
                VALUE_MAX);
    return 0;
}

static int feedbacks_from_message(const Rue__Request *message,
        struct arena *arena, struct request *request, struct err *err)
{
    struct feedback *feedbacks =
            arena_array(arena, struct feedback, message->n_feedback);

    if (feedbacks == NULL)
        return err_set(err, STATUS_BUSY, "the request is too large");
    for (size_t i = 0; i < message->n_feedback; i++) {
        int status =
                feedback_one(message->feedback[i], arena, &feedbacks[i], err);
        if (status != 0)
            return err_prefix(err, "feedback %zu", i);
    }
    request->feedback = feedbacks;
    request->feedback_count = (uint32_t)message->n_feedback;
    return 0;
}

static int activates_from_message(const Rue__Request *message,
        struct arena *arena, struct request *request, struct err *err)
{
    struct bytes *events =
            arena_array(arena, struct bytes, message->n_activate);

    if (events == NULL)
        return err_set(err, STATUS_BUSY, "the request is too large");
    for (size_t i = 0; i < message->n_activate; i++) {
        const Rue__Activate *activate = message->activate[i];
        events[i] = bytes_of_message(activate->event);
        if (message_refuse_unknown(&activate->base, "activate", err) != 0 ||
                wire_check_id(events[i], "event", err) != 0)
            return err_prefix(err, "activate %zu", i);
    }
    request->activate = events;
    request->activate_count = (uint32_t)message->n_activate;
    return 0;
}

/* A request to train, promote or list stands alone. */
static int request_check_errand(
        const Rue__Request *message, size_t items, struct err *err)
{
    const Rue__Promote *promote = message->promote;
    int errands = (message->retrain != NULL) + (promote != NULL) +
            (message->generations != NULL);

    if (errands == 0 && items == 0 && message->status == NULL)
        return err_set(err, STATUS_INVALID, "request: asks for nothing");
    if (errands > 1 || (errands == 1 && items > 0))
        return err_set(err, STATUS_INVALID,
                "request: retrain, promote and generations stand alone");
    if (message->retrain != NULL &&
            message_refuse_unknown(&message->retrain->base, "retrain", err) !=
                    0)
        return STATUS_INVALID;
    if (message->generations != NULL &&
            message_refuse_unknown(
                    &message->generations->base, "generations", err) != 0)
        return STATUS_INVALID;
    if (promote == NULL)
        return 0;
    if (message_refuse_unknown(&promote->base, "promote", err) != 0)
        return STATUS_INVALID;
    if (promote->has_generation == (promote->has_back && promote->back))
        return err_set(
                err, STATUS_INVALID, "promote: either a generation or back");
    if (promote->has_stage &&
            (!promote->has_generation ||
                    (promote->stage != RUE__STAGE__CANARY &&
                            promote->stage != RUE__STAGE__SHADOW &&
                            promote->stage != RUE__STAGE__SERVE)))
        return err_set(err, STATUS_INVALID,
                "promote.stage: is SERVE, CANARY or SHADOW, with a generation");
    if (promote->has_share !=
            (promote->has_stage && promote->stage == RUE__STAGE__CANARY))
        return err_set(err, STATUS_INVALID, "promote.share: belongs to CANARY");
    return promote->has_share && !(promote->share > 0.0 && promote->share < 1.0)
            ? err_set(err, STATUS_INVALID,
                      "promote.share: %g, must be inside (0,1)", promote->share)
            : 0;
}

static void errand_from_message(
        const Rue__Request *message, struct request *request)
{
    request->retrain = message->retrain != NULL;
    request->generations = message->generations != NULL;
    request->promote = message->promote != NULL;
    if (!request->promote)
        return;
    request->back = message->promote->has_back && message->promote->back;
    request->generation = message->promote->generation;
    request->has_serving = message->promote->has_serving;
    request->serving = message->promote->serving;
    request->stage = (uint32_t)message->promote->stage;
    request->share = message->promote->share;
}

static int request_check(const Rue__Request *message, struct err *err)
{
    size_t items =
            message->n_decide + message->n_feedback + message->n_activate;

    if (message->version != WIRE_VERSION)
        return err_set(err, STATUS_UNSUPPORTED,
                "version: %u, this service speaks %u", message->version,
                WIRE_VERSION);
    if (message_refuse_unknown(&message->base, "request", err) != 0)
        return STATUS_INVALID;
    if (items > REQUEST_ITEMS_MAX)
        return err_set(err, STATUS_INVALID, "request: %zu items, at most %u",
                items, REQUEST_ITEMS_MAX);
    if (request_check_errand(message, items, err) != 0)
        return STATUS_INVALID;
    if (message->status != NULL &&
            message_refuse_unknown(&message->status->base, "status", err) != 0)
        return STATUS_INVALID;
    if (message->has_problem || items > 0 || message->retrain != NULL ||
            message->promote != NULL || message->generations != NULL)
        return wire_check_id(
                bytes_of_message(message->problem), "problem", err);
    return 0;
}

int wire_request_read(const struct Rue__Request *message, struct arena *arena,
        struct request *request, struct err *err)
{
    int status;

    memset(request, 0, sizeof(*request));
    request->id = message->id;
    request->problem = bytes_of_message(message->problem);
    request->status = message->status != NULL;
    errand_from_message(message, request);
    if ((status = request_check(message, err)) != 0 ||
            (status = decides_from_message(message, arena, request, err)) !=
                    0 ||
            (status = feedbacks_from_message(message, arena, request, err)) !=
                    0 ||
            (status = activates_from_message(message, arena, request, err)) !=
                    0)
        return status;
    return 0;
}

int wire_request_decode(struct bytes frame, struct arena *arena,
        struct request *request, struct err *err)
{
    Rue__Request *message;

    memset(request, 0, sizeof(*request));
    if (frame.size > MESSAGE_BYTES_MAX) {
        request->id = peek_id(frame);
        return err_set(err, STATUS_INVALID, "request: %zu bytes, at most %zu",
                frame.size, MESSAGE_BYTES_MAX);
    }
    message = (Rue__Request *)unpack_message(
            &rue__request__descriptor, frame, arena);
    if (message == NULL) {
        request->id = peek_id(frame);
        if (arena->overflow)
            return refuse_large(frame, err);
        return err_set(err, STATUS_INVALID, "request: not well formed");
    }
    return wire_request_read(message, arena, request, err);
}

/* ---- replies ---- */

/* protobuf-c's members are not const, and packing does not write. */
#define UNCONST(type, pointer)                                                 \
    (((union {                                                                 \
        const type *in;                                                        \
        type *out;                                                             \
    }){.in = (pointer)})                                                       \
                    .out)

static ProtobufCBinaryData *binary_list(
        const struct bytes *list, uint32_t count, struct arena *arena)
{
    ProtobufCBinaryData *out = arena_array(arena, ProtobufCBinaryData, count);

    for (uint32_t i = 0; out != NULL && i < count; i++)
        out[i] = message_of_bytes(list[i]);
    return out;
}

static Rue__Expert **experts_to_message(
        const struct decision *decision, struct arena *arena)
{
    uint32_t count = decision->expert_count;
    Rue__Expert **list = arena_array(arena, Rue__Expert *, count);
    Rue__Expert *experts = arena_array(arena, Rue__Expert, count);

    if (list == NULL || experts == NULL)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        rue__expert__init(&experts[i]);
        experts[i].group = message_of_bytes(decision->expert[i].group);
        experts[i].weight = decision->expert[i].weight;
        experts[i].prediction = decision->expert[i].prediction;
        list[i] = &experts[i];
    }
    return list;
}

static void decision_to_message(const struct decision *decision,
        struct arena *arena, Rue__Decision *message)
{
    bool decided = decision->policy.size > 0;

    rue__decision__init(message);
    message->status = (Rue__Status)decision->status;
    message->message = UNCONST(char, decision->message);
    message->has_event = decision->event.size > 0;
    message->event = message_of_bytes(decision->event);
    message->n_ranking = decision->count;
    message->ranking = UNCONST(uint32_t, decision->ranking);
    message->n_probability = decision->count;
    message->probability = UNCONST(double, decision->probability);
    if (decision->action != NULL) {
        message->n_action = decision->count;
        message->action = binary_list(decision->action, decision->count, arena);
    }
    if (decision->value != NULL) {
        message->n_value = decision->count;
        message->value = UNCONST(double, decision->value);
    }
    message->has_prediction = decision->has_prediction;
    message->prediction = decision->prediction;
    message->has_policy = decided;
    message->policy = message_of_bytes(decision->policy);
    message->has_generation = decided;
    message->generation = decision->generation;
    message->has_policy_version = decided;
    message->policy_version = decision->policy_version;
    message->has_repeated_answer = decision->repeated;
    message->repeated_answer = decision->repeated;
    message->n_expert = decision->expert_count;
    message->expert = experts_to_message(decision, arena);
    message->has_pair_probability = decision->pair_probability > 0.0;
    message->pair_probability = decision->pair_probability;
    message->has_limit = decision->limit > 0.0;
    message->limit = decision->limit;
    message->has_guard = decision->guard > 0;
    message->guard = decision->guard;
    if (decision->path_count == 0)
        return;
    message->n_path = decision->path_count;
    message->path = UNCONST(uint32_t, decision->path);
    message->n_edge = decision->path_count;
    message->edge = binary_list(decision->edge, decision->path_count, arena);
    message->has_path_probability = true;
    message->path_probability = decision->path_probability;
}

static Rue__Decision **decisions_to_message(
        const struct decision *decisions, uint32_t count, struct arena *arena)
{
    Rue__Decision **list = arena_array(arena, Rue__Decision *, count);
    Rue__Decision *messages = arena_array(arena, Rue__Decision, count);

    if (list == NULL || messages == NULL)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        decision_to_message(&decisions[i], arena, &messages[i]);
        list[i] = &messages[i];
    }
    return list;
}

static Rue__Receipt **receipts_to_message(
        const struct receipt *receipts, uint32_t count, struct arena *arena)
{
    Rue__Receipt **list = arena_array(arena, Rue__Receipt *, count);
    Rue__Receipt *messages = arena_array(arena, Rue__Receipt, count);

    if (list == NULL || messages == NULL)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        rue__receipt__init(&messages[i]);
        messages[i].status = (Rue__Status)receipts[i].status;
        messages[i].message = UNCONST(char, receipts[i].message);
        messages[i].has_repeated_answer = receipts[i].repeated;
        messages[i].repeated_answer = receipts[i].repeated;
        messages[i].has_held = receipts[i].held;
        messages[i].held = receipts[i].held;
        list[i] = &messages[i];
    }
    return list;
}

static Rue__Number **numbers_to_message(
        const struct status_answer *answer, struct arena *arena)
{
    uint32_t count = answer->number_count;
    Rue__Number **list = arena_array(arena, Rue__Number *, count);
    Rue__Number *messages = arena_array(arena, Rue__Number, count);

    if (list == NULL || messages == NULL)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        rue__number__init(&messages[i]);
        messages[i].name = message_of_bytes(answer->number[i].name);
        messages[i].value = answer->number[i].value;
        messages[i].has_group = answer->number[i].group.size > 0;
        messages[i].group = message_of_bytes(answer->number[i].group);
        list[i] = &messages[i];
    }
    return list;
}

Rue__StatusAnswer *wire_status_to_message(
        const struct status_answer *answer, struct arena *arena)
{
    Rue__StatusAnswer *message = arena_alloc(arena, sizeof(*message));
    bool of_problem = answer->policy.size > 0;

    if (message == NULL)
        return NULL;
    rue__status_answer__init(message);
    message->version = message_of_bytes(answer->version);
    message->uptime_s = answer->uptime_s;
    message->n_problem = answer->problem_count;
    message->problem =
            binary_list(answer->problem, answer->problem_count, arena);
    message->n_number = answer->number_count;
    message->number = numbers_to_message(answer, arena);
    message->has_policy = of_problem;
    message->policy = message_of_bytes(answer->policy);
    message->has_generation = of_problem;
    message->generation = answer->generation;
    message->has_state_hash = of_problem;
    message->state_hash = answer->state_hash;
    message->has_last_sequence = true;
    message->last_sequence = answer->last_sequence;
    return message;
}

Rue__Generation **wire_generations_to_message(
        const struct generation_told *told, uint32_t count, struct arena *arena)
{
    Rue__Generation **list = arena_array(arena, Rue__Generation *, count);
    Rue__Generation *messages = arena_array(arena, Rue__Generation, count);

    if (list == NULL || messages == NULL)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        Rue__Generation *message = &messages[i];
        bool known = !told[i].damaged;
        rue__generation__init(message);
        message->number = told[i].number;
        message->has_damaged = told[i].damaged;
        message->damaged = told[i].damaged;
        message->has_serving = told[i].serving;
        message->serving = told[i].serving;
        message->has_parent = known;
        message->parent = told[i].parent;
        message->has_created_ns = known;
        message->created_ns = told[i].created;
        message->has_digest = known;
        message->digest = told[i].digest;
        message->has_bytes = known;
        message->bytes = told[i].bytes;
        message->has_through = known;
        message->through = told[i].through;
        message->has_promoted = told[i].promoted > 0;
        message->promoted = told[i].promoted;
        message->has_rows = known;
        message->rows = told[i].rows;
        message->has_effective = known;
        message->effective = told[i].effective;
        message->has_verdict = known;
        message->verdict = (Rue__Verdict)told[i].verdict;
        message->estimate = estimate_to_message(&told[i].estimate, arena);
        message->has_why = told[i].why.size > 0;
        message->why = message_of_bytes(told[i].why);
        list[i] = message;
    }
    return list;
}

static Rue__Receipt *receipt_to_message(
        const struct receipt *receipt, struct arena *arena)
{
    Rue__Receipt **list;

    if (receipt == NULL)
        return NULL;
    list = receipts_to_message(receipt, 1, arena);
    return list == NULL ? NULL : list[0];
}

static void reply_to_message(
        const struct reply *reply, struct arena *arena, Rue__Reply *message)
{
    rue__reply__init(message);
    message->id = reply->id;
    message->status = (Rue__Status)reply->status;
    message->message = UNCONST(char, reply->message);
    message->n_decision = reply->decision_count;
    message->decision =
            decisions_to_message(reply->decision, reply->decision_count, arena);
    message->n_feedback = reply->feedback_count;
    message->feedback =
            receipts_to_message(reply->feedback, reply->feedback_count, arena);
    message->n_activate = reply->activate_count;
    message->activate =
            receipts_to_message(reply->activate, reply->activate_count, arena);
    if (reply->answer != NULL)
        message->answer = wire_status_to_message(reply->answer, arena);
    message->retrain = receipt_to_message(reply->retrain, arena);
    message->promote = receipt_to_message(reply->promote, arena);
    message->n_generation = reply->generation_count;
    message->generation = wire_generations_to_message(
            reply->generation, reply->generation_count, arena);
}

const struct Rue__Reply *wire_reply_build(
        const struct reply *reply, struct arena *arena)
{
    Rue__Reply *message = arena_alloc(arena, sizeof(*message));

    if (message == NULL)
        return NULL;
    reply_to_message(reply, arena, message);
    return arena->overflow ? NULL : message;
}

struct bytes wire_reply_encode(const struct reply *reply, struct arena *arena)
{
    Rue__Reply message;

    reply_to_message(reply, arena, &message);
    return pack_message(&message.base, arena);
}
