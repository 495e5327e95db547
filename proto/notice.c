#include "proto/notice.h"

#include "proto/outcome.h"
#include "proto/question.h"
#include "proto/unpack.h"
#include "proto/wire.h"
#include "proto/wire_parts.h"

/* ---- topics ---- */

static const char *const topics[TOPICS] = {
        "decision", "generation", "alarm", "status"};

const char *notice_topic_name(enum notice_topic topic)
{
    return topics[topic];
}

bool notice_topic_of(const char *name, enum notice_topic *topic)
{
    for (uint32_t i = 0; i < TOPICS; i++)
        if (strcmp(name, topics[i]) == 0) {
            *topic = (enum notice_topic)i;
            return true;
        }
    return false;
}

enum notice_topic notice_topic(const struct notice *notice)
{
    if (notice->status != NULL)
        return TOPIC_STATUS;
    if (notice->kind == RECORD_DECISION)
        return TOPIC_DECISION;
    return notice->kind == RECORD_ALARM ? TOPIC_ALARM : TOPIC_GENERATION;
}

size_t notice_frame(enum notice_topic topic, struct bytes problem,
        char frame[TOPIC_BYTES_MAX])
{
    struct writer writer = writer_over(frame, TOPIC_BYTES_MAX);

    write_bytes(&writer, bytes_of_text(topics[topic]));
    write_u8(&writer, '/');
    if (problem.size > 0) {
        write_bytes(&writer, problem);
        write_u8(&writer, '/');
    }
    CHECK(!writer.failed);
    return writer.size;
}

/* By the library, which keeps fields of a newer schema: of what a newer service
 * publishes no part is lost on its way through. Empty if it did not fit. */
static struct bytes pack(const ProtobufCMessage *message, struct arena *arena)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = arena_alloc(arena, size);

    return data == NULL
            ? bytes_of(NULL, 0)
            : bytes_of(data, protobuf_c_message_pack(message, data));
}

/* ---- writing ---- */

/* False: the payload is not a record of that kind. */
static bool set_record(
        const struct notice *notice, struct arena *arena, Rue__Notice *message)
{
    ProtobufCMessage *record;

    switch (notice->kind) {
    case RECORD_DECISION:
        record = unpack_message(
                &rue__decision_record__descriptor, notice->record, arena);
        message->decision = (Rue__DecisionRecord *)record;
        return record != NULL;
    case RECORD_PROMOTION:
        record = unpack_message(
                &rue__promotion_record__descriptor, notice->record, arena);
        message->promotion = (Rue__PromotionRecord *)record;
        return record != NULL;
    case RECORD_ALARM:
        record = unpack_message(
                &rue__alarm_record__descriptor, notice->record, arena);
        message->alarm = (Rue__AlarmRecord *)record;
        return record != NULL;
    default:
        return true;
    }
}

struct bytes notice_encode(const struct notice *notice, struct arena *arena)
{
    struct bytes none = {NULL, 0};
    Rue__Notice message;

    rue__notice__init(&message);
    message.service = notice->service;
    message.number = notice->number;
    message.time_ns = notice->time;
    message.has_problem = notice->problem.size > 0;
    message.problem = message_of_bytes(notice->problem);
    message.has_sequence = notice->sequence > 0;
    message.sequence = notice->sequence;
    message.has_share = notice->share > 0.0;
    message.share = notice->share;
    message.has_action = notice->action.size > 0;
    message.action = message_of_bytes(notice->action);
    if (notice->generation != NULL) {
        Rue__Generation **list =
                wire_generations_to_message(notice->generation, 1, arena);
        if (list == NULL)
            return none;
        message.generation = list[0];
    }
    if (notice->status != NULL) {
        message.status = wire_status_to_message(notice->status, arena);
        if (message.status == NULL)
            return none;
    }
    if (!set_record(notice, arena, &message) || arena->overflow)
        return none;
    return pack(&message.base, arena);
}

/* ---- reading ---- */

static int too_large(struct err *err)
{
    return err_set(err, STATUS_BUSY, "notice: is too large");
}

static int not_one(struct err *err, const char *what)
{
    return err_set(err, STATUS_CORRUPT, "notice: %s", what);
}

static struct bytes bytes_if(protobuf_c_boolean has, ProtobufCBinaryData data)
{
    return has ? bytes_of_message(data) : bytes_of(NULL, 0);
}

static int read_generation(const Rue__Generation *message, struct arena *arena,
        struct notice *notice, struct err *err)
{
    struct generation_told *told;

    if (message == NULL)
        return 0;
    told = arena_zalloc(arena, 1, sizeof(*told));
    if (told == NULL)
        return too_large(err);
    *told = (struct generation_told){
            .number = message->number,
            .damaged = message->damaged,
            .serving = message->serving,
            .parent = message->parent,
            .created = message->created_ns,
            .digest = message->digest,
            .bytes = message->bytes,
            .through = message->through,
            .promoted = message->promoted,
            .rows = message->rows,
            .effective = message->effective,
            .verdict = (uint32_t)message->verdict,
            .why = bytes_if(message->has_why, message->why),
    };
    if (message->estimate != NULL)
        estimate_from_message(message->estimate, &told->estimate);
    notice->generation = told;
    return 0;
}

static int read_numbers(const Rue__StatusAnswer *message, struct arena *arena,
        struct status_answer *answer, struct err *err)
{
    struct number *numbers =
            arena_array(arena, struct number, message->n_number);

    if (numbers == NULL)
        return too_large(err);
    for (size_t i = 0; i < message->n_number; i++) {
        const Rue__Number *number = message->number[i];
        numbers[i] = (struct number){bytes_of_message(number->name),
                bytes_if(number->has_group, number->group), number->value};
    }
    answer->number = numbers;
    answer->number_count = (uint32_t)message->n_number;
    return 0;
}

static int read_status(const Rue__StatusAnswer *message, struct arena *arena,
        struct notice *notice, struct err *err)
{
    struct status_answer *answer;
    struct bytes *problems;

    if (message == NULL)
        return 0;
    answer = arena_zalloc(arena, 1, sizeof(*answer));
    problems = arena_array(arena, struct bytes, message->n_problem);
    if (answer == NULL || problems == NULL)
        return too_large(err);
    for (size_t i = 0; i < message->n_problem; i++)
        problems[i] = bytes_of_message(message->problem[i]);
    answer->version = bytes_of_message(message->version);
    answer->uptime_s = message->uptime_s;
    answer->problem = problems;
    answer->problem_count = (uint32_t)message->n_problem;
    answer->policy = bytes_if(message->has_policy, message->policy);
    answer->generation = message->generation;
    answer->state_hash = message->state_hash;
    answer->last_sequence = message->last_sequence;
    notice->status = answer;
    return read_numbers(message, arena, answer, err);
}

/* The record's bytes, as they would be logged. */
static int read_record(const Rue__Notice *message, struct arena *arena,
        struct notice *notice, struct err *err)
{
    const ProtobufCMessage *record = NULL;

    if (message->decision != NULL) {
        notice->kind = RECORD_DECISION;
        record = &message->decision->base;
    } else if (message->promotion != NULL) {
        notice->kind = RECORD_PROMOTION;
        record = &message->promotion->base;
    } else if (message->alarm != NULL) {
        notice->kind = RECORD_ALARM;
        record = &message->alarm->base;
    }
    if (record == NULL)
        return 0;
    notice->record = pack(record, arena);
    if (notice->record.size == 0)
        return too_large(err);
    /* The library takes a field of number 0 if its number is written longer
     * than it need be, and writes it as one that it refuses. */
    if (unpack_message(record->descriptor, notice->record, arena) == NULL)
        return arena->overflow ? too_large(err)
                               : not_one(err, "has a field of number 0");
    return 0;
}

static int count_parts(const Rue__Notice *message)
{
    return (message->generation != NULL) + (message->status != NULL) +
            (message->decision != NULL) + (message->promotion != NULL) +
            (message->alarm != NULL);
}

int notice_decode(struct bytes bytes, struct arena *arena,
        struct notice *notice, struct err *err)
{
    Rue__Notice *message = (Rue__Notice *)unpack_message(
            &rue__notice__descriptor, bytes, arena);
    int status;

    memset(notice, 0, sizeof(*notice));
    if (message == NULL)
        return arena->overflow ? too_large(err)
                               : not_one(err, "is not well formed");
    notice->service = message->service;
    notice->number = message->number;
    notice->time = message->time_ns;
    notice->problem = bytes_if(message->has_problem, message->problem);
    notice->sequence = message->sequence;
    notice->share = message->share;
    notice->action = bytes_if(message->has_action, message->action);
    if (count_parts(message) != 1)
        return not_one(err, "is not about one thing");
    if (notice->problem.size > 0 &&
            wire_check_id(notice->problem, "problem", NULL) != 0)
        return not_one(err, "problem is not a name");
    status = read_generation(message->generation, arena, notice, err);
    if (status == 0)
        status = read_status(message->status, arena, notice, err);
    if (status == 0)
        status = read_record(message, arena, notice, err);
    return status;
}
