/* A reply as the client reads it. Whatever the bytes are: what is taken can be
 * read to its end, and, written again, is a reply that says the same. */
#include "client/internal.h"
#include "proto/wire.h"
#include "tests/fuzz/common.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

const uint32_t fuzz_mutations = 200000;

static const struct expert *experts_of(
        const rue_answer *answer, struct arena *arena)
{
    struct expert *experts =
            arena_array(arena, struct expert, answer->expert_count);

    for (size_t i = 0; i < answer->expert_count; i++)
        experts[i] = (struct expert){bytes_of_text(answer->experts[i].group),
                answer->experts[i].weight, answer->experts[i].prediction};
    return experts;
}

static struct bytes *texts_of(
        const char *const *texts, size_t count, struct arena *arena)
{
    struct bytes *list = arena_array(arena, struct bytes, count);

    for (size_t i = 0; i < count; i++)
        list[i] = bytes_of_text(texts[i]);
    return list;
}

static struct decision decision_of(
        const rue_answer *answer, struct arena *arena)
{
    if (answer->count > 0)
        CHECK(answer->chosen == answer->ranking[0] &&
                strcmp(answer->action, answer->actions[0]) == 0);
    return (struct decision){
            .status = (enum status)answer->status,
            .message = answer->message,
            .event = bytes_of_text(answer->event),
            .count = (uint32_t)answer->count,
            .ranking = answer->ranking,
            .probability = answer->probability,
            .action = texts_of(answer->actions, answer->count, arena),
            .has_prediction = answer->has_prediction,
            .prediction = answer->prediction,
            .policy = bytes_of_text(answer->policy),
            .generation = answer->generation,
            .policy_version = answer->policy_version,
            .repeated = answer->repeated,
            .expert_count = (uint32_t)answer->expert_count,
            .expert = experts_of(answer, arena),
            .pair_probability = answer->pair_probability,
            .path_count = (uint32_t)answer->path_count,
            .path = answer->path,
            .edge = texts_of(answer->edges, answer->path_count, arena),
            .path_probability = answer->path_probability,
    };
}

static struct receipt *receipts_of(
        const rue_receipt *receipts, size_t count, struct arena *arena)
{
    struct receipt *list = arena_array(arena, struct receipt, count);

    for (size_t i = 0; i < count; i++)
        list[i] = (struct receipt){(enum status)receipts[i].status,
                receipts[i].message, receipts[i].repeated, receipts[i].held};
    return list;
}

static struct status_answer status_of(
        const rue_service_status *status, struct arena *arena)
{
    struct number *numbers =
            arena_array(arena, struct number, status->number_count);

    for (size_t i = 0; i < status->number_count; i++)
        numbers[i] = (struct number){bytes_of_text(status->numbers[i].name),
                bytes_of_text(status->numbers[i].group),
                status->numbers[i].value};
    return (struct status_answer){
            .version = bytes_of_text(status->version),
            .uptime_s = status->uptime_s,
            .problem = texts_of(status->problems, status->problem_count, arena),
            .problem_count = (uint32_t)status->problem_count,
            .number_count = (uint32_t)status->number_count,
            .number = numbers,
            .policy = bytes_of_text(status->policy),
            .generation = status->generation,
            .state_hash = status->state_hash,
            .last_sequence = status->last_sequence,
    };
}

/* The reply that was read, written again. */
static struct bytes write_again(uint64_t id, const rue_reply *read,
        const rue_service_status *status, struct arena *arena)
{
    struct decision *decisions =
            arena_array(arena, struct decision, read->answer_count);
    struct status_answer answer;
    struct reply reply = {
            .id = id,
            .status = (enum status)read->status,
            .message = read->message,
            .decision = decisions,
            .decision_count = (uint32_t)read->answer_count,
            .feedback = receipts_of(read->receipts, read->receipt_count, arena),
            .feedback_count = (uint32_t)read->receipt_count,
            .activate = receipts_of(
                    read->activations, read->activation_count, arena),
            .activate_count = (uint32_t)read->activation_count,
    };

    for (size_t i = 0; i < read->answer_count; i++)
        decisions[i] = decision_of(&read->answers[i], arena);
    if (status != NULL) {
        answer = status_of(status, arena);
        reply.answer = &answer;
    }
    return wire_reply_encode(&reply, arena);
}

static bool round_trip(
        struct bytes frame, struct arena *arena, struct bytes *written)
{
    rue_reply reply = {0};
    rue_service_status status = {0};
    rue_generations generations = {0};
    struct errand_answer errand = {
            .status = &status, .generations = &generations};
    uint64_t id = 0;

    if (!message_unpack(frame, arena, &id, &reply, &errand))
        return false;
    *written =
            write_again(id, &reply, errand.has_status ? &status : NULL, arena);
    CHECK(written->size > 0);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes once, twice;

    if (size > 65536 ||
            !round_trip(bytes_of(data, size), arena_fresh(0), &once))
        return 0;
    CHECK(round_trip(once, arena_fresh(1), &twice));
    CHECK(bytes_equal(once, twice));
    return 0;
}
