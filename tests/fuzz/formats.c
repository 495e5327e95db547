#include "tests/fuzz/formats.h"

#include "proto/record.h"
#include "proto/wire.h"
#include "tests/fuzz/common.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The record that an import would write of it can be read again. */
static void check_record(const struct logged *event)
{
    static const uint32_t eligible[1] = {0};
    static const double certain[1] = {1.0};
    struct arena *arena = arena_fresh(1);
    struct decision_record record = {
            .head = {RECORD_DECISION, 1, event->time, bytes_of_text("e")},
            .question = event->question,
            .count = 1,
            .eligible = eligible,
            .probability = certain,
            .pdrop = event->pdrop,
    };
    struct bytes payload = record_encode_decision(&record, arena);
    union any_record again;
    struct err err = {STATUS_OK, ""};

    CHECK(payload.data != NULL);
    if (record_decode(RECORD_DECISION, payload, arena, &again, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        CHECK(false);
    }
    CHECK(question_digest(&again.decision.question) ==
            question_digest(&event->question));
}

static void check_actions(const struct logged *event)
{
    const struct question *question = &event->question;
    double sum = 0.0;

    if (event->action.size > 0) {
        CHECK_ZERO(wire_check_id(event->action, "action", NULL));
        CHECK(question->action_count == 0 && event->probability == NULL);
    } else {
        CHECK(event->chosen < question->action_count);
    }
    for (uint32_t i = 0; i < event->available_count; i++)
        CHECK_ZERO(wire_check_id(event->available[i], "action", NULL));
    CHECK(event->propensity >= PROBABILITY_MIN && event->propensity <= 1.0);
    if (event->probability == NULL)
        return;
    for (uint32_t i = 0; i < question->action_count; i++) {
        CHECK(event->probability[i] >= 0.0);
        sum += event->probability[i];
    }
    CHECK(fabs(sum - 1.0) <= 1e-9);
    CHECK(event->probability[event->chosen] == event->propensity);
}

static void check_event(const struct logged *event)
{
    if (event->id.size > 0)
        CHECK_ZERO(wire_check_id(event->id, "event", NULL));
    CHECK(!event->has_value || fabs(event->value) <= VALUE_MAX);
    CHECK(event->pdrop >= 0.0 && event->pdrop <= PDROP_MAX);
    for (uint32_t i = 0; i < event->question.shared.columns; i++)
        CHECK_ZERO(wire_check_id(event->columns[i], "column", NULL));
    check_actions(event);
    check_record(event);
}

/* What comes out of one format, as a digest. */
struct harvest {
    struct arena *arena;
    uint64_t digest, line;
};

static void take(struct harvest *harvest, enum parsed parsed,
        const struct logged *event, uint64_t number, const struct err *err)
{
    if (parsed == PARSED_MORE)
        return;
    CHECK(event->line >= 1 && event->line <= number);
    CHECK(event->line >= harvest->line);
    harvest->line = event->line;
    CHECK(parsed != PARSED_REFUSED || err->text[0] != '\0');
    harvest->digest = harvest->digest * 31 + parsed;
    if (parsed == PARSED_EVENT) {
        CHECK(!harvest->arena->overflow);
        check_event(event);
        harvest->digest =
                harvest->digest * 31 + question_digest(&event->question);
    }
    arena_reset(harvest->arena);
}

static struct bytes next_line(struct bytes *text)
{
    const uint8_t *end = memchr(text->data, '\n', text->size);
    size_t size = end == NULL ? text->size : (size_t)(end - text->data);
    struct bytes line = bytes_of(text->data, size);

    text->data += size + (end != NULL);
    text->size -= size + (end != NULL);
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    return line;
}

static uint64_t run(const struct format *format, struct bytes text)
{
    struct format_settings settings = {NULL, NULL};
    struct harvest harvest = {arena_fresh(0), 0, 0};
    struct err err = {STATUS_OK, ""};
    struct logged event;
    void *state = calloc(1, format->size);
    uint64_t number = 0;

    CHECK(state != NULL);
    CHECK_ZERO(format->open(state, &settings, &err));
    while (text.size > 0) {
        struct bytes line = next_line(&text);
        enum parsed parsed = format->line(
                state, line, ++number, harvest.arena, &event, &err);
        take(&harvest, parsed, &event, number, &err);
    }
    take(&harvest, format->end(state, harvest.arena, &event, &err), &event,
            number, &err);
    if (format->close != NULL)
        format->close(state);
    free(state);
    return harvest.digest;
}

void fuzz_format(const struct format *format, struct bytes text)
{
    CHECK(run(format, text) == run(format, text));
}
