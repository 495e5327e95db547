#include "proto/outcome.h"

#include "base/limits.h"
#include "proto/question.h"
#include "proto/wire.h"

#include <math.h>

int shown_from_message(
        const Rue__Shown *message, struct shown *shown, struct err *err)
{
    memset(shown, 0, sizeof(*shown));
    if (message == NULL)
        return 0;
    if (message_refuse_unknown(&message->base, "shown", err) != 0)
        return STATUS_INVALID;
    if (message->has_position == message->has_place)
        return err_set(err, STATUS_INVALID,
                "shown: either position or place, and one of them");
    if (message->has_position &&
            (message->position < 1 || message->position > ACTIONS_MAX))
        return err_set(err, STATUS_INVALID,
                "shown.position: %u, from 1 to at most %u", message->position,
                ACTIONS_MAX);
    if (message->has_place && message->place >= ACTIONS_MAX)
        return err_set(err, STATUS_INVALID, "shown.place: %u, it is below %u",
                message->place, ACTIONS_MAX);
    if (message->has_propensity && !message->has_place)
        return err_set(err, STATUS_INVALID,
                "shown.propensity: only with place; that of a position is "
                "known");
    if (message->has_propensity &&
            !(message->propensity >= PROBABILITY_MIN &&
                    message->propensity <= 1.0))
        return err_set(err, STATUS_INVALID,
                "shown.propensity: %g, it is at least %g and at most 1",
                message->propensity, PROBABILITY_MIN);
    shown->position = message->has_position ? message->position : 0;
    shown->has_place = message->has_place;
    shown->place = message->has_place ? message->place : 0;
    shown->propensity = message->has_propensity ? message->propensity : 0.0;
    return 0;
}

Rue__Shown *shown_to_message(const struct shown *shown, struct arena *arena)
{
    Rue__Shown *message;

    if (!shown_given(shown))
        return NULL;
    message = arena_alloc(arena, sizeof(*message));
    if (message == NULL)
        return NULL;
    rue__shown__init(message);
    message->has_position = shown->position > 0;
    message->position = shown->position;
    message->has_place = shown->has_place;
    message->place = shown->place;
    message->has_propensity = shown->propensity > 0.0;
    message->propensity = shown->propensity;
    return message;
}

int costs_from_message(
        const Rue__Costs *message, struct costs *costs, struct err *err)
{
    memset(costs, 0, sizeof(*costs));
    if (message == NULL)
        return 0;
    if (message_refuse_unknown(&message->base, "costs", err) != 0)
        return STATUS_INVALID;
    if (message->n_value < 1 || message->n_value > ACTIONS_MAX)
        return err_set(err, STATUS_INVALID,
                "costs: %zu values, at least 1 and at most %u",
                message->n_value, ACTIONS_MAX);
    for (size_t i = 0; i < message->n_value; i++)
        if (!isfinite(message->value[i]) || fabs(message->value[i]) > VALUE_MAX)
            return err_set(err, STATUS_INVALID,
                    "costs: value %zu is not a number within +-%g", i,
                    VALUE_MAX);
    costs->count = (uint32_t)message->n_value;
    costs->full = message->has_full && message->full;
    costs->values = message->value;
    return 0;
}

Rue__Costs *costs_to_message(const struct costs *costs, struct arena *arena)
{
    /* protobuf-c's type is not const; packing does not write. */
    union {
        const double *in;
        double *out;
    } values = {costs->values};
    Rue__Costs *message;

    if (costs->count == 0)
        return NULL;
    message = arena_alloc(arena, sizeof(*message));
    if (message == NULL)
        return NULL;
    rue__costs__init(message);
    message->n_value = costs->count;
    message->value = values.out;
    message->has_full = costs->full;
    message->full = costs->full;
    return message;
}

Rue__Estimate *estimate_to_message(
        const struct estimate *estimate, struct arena *arena)
{
    Rue__Estimate *message;

    if (!estimate->given)
        return NULL;
    message = arena_alloc(arena, sizeof(*message));
    if (message == NULL)
        return NULL;
    rue__estimate__init(message);
    message->value = estimate->value;
    message->lower = estimate->lower;
    message->upper = estimate->upper;
    message->alpha = estimate->alpha;
    message->rows = estimate->rows;
    return message;
}

void estimate_from_message(
        const Rue__Estimate *message, struct estimate *estimate)
{
    if (message == NULL)
        return;
    *estimate = (struct estimate){true, message->value, message->lower,
            message->upper, message->alpha, message->rows};
}

/* ---- fields and cause ---- */

static int field_from_message(const Rue__Field *message,
        const struct field *before, uint32_t count, struct field *field,
        struct err *err)
{
    field->name = bytes_of_message(message->name);
    field->value = message->value;
    if (message_refuse_unknown(&message->base, "field", err) != 0 ||
            wire_check_id(field->name, "field.name", err) != 0)
        return STATUS_INVALID;
    if (!isfinite(field->value) || fabs(field->value) > VALUE_MAX)
        return err_set(err, STATUS_INVALID,
                "field.value: not a number within +-%g", VALUE_MAX);
    for (uint32_t i = 0; i < count; i++) {
        if (bytes_equal(before[i].name, field->name))
            return err_set(err, STATUS_INVALID,
                    "field: number %u has the name of an earlier one", count);
    }
    return 0;
}

int fields_from_messages(Rue__Field *const *messages, size_t count,
        struct arena *arena, struct fields *fields, struct err *err)
{
    struct field *list;

    *fields = (struct fields){0};
    if (count == 0)
        return 0;
    if (count > FIELDS_MAX)
        return err_set(err, STATUS_INVALID, "field: %zu of them, at most %u",
                count, FIELDS_MAX);
    list = arena_array(arena, struct field, count);
    if (list == NULL)
        return err_set(err, STATUS_BUSY, "the request is too large");
    for (uint32_t i = 0; i < count; i++) {
        int status = field_from_message(messages[i], list, i, &list[i], err);
        if (status != 0)
            return status;
    }
    *fields = (struct fields){(uint32_t)count, list};
    return 0;
}

Rue__Field **fields_to_messages(
        const struct fields *fields, struct arena *arena)
{
    Rue__Field **list = arena_array(arena, Rue__Field *, fields->count);
    Rue__Field *messages = arena_array(arena, Rue__Field, fields->count);

    if (list == NULL || messages == NULL)
        return NULL;
    for (uint32_t i = 0; i < fields->count; i++) {
        rue__field__init(&messages[i]);
        messages[i].name = message_of_bytes(fields->list[i].name);
        messages[i].value = fields->list[i].value;
        list[i] = &messages[i];
    }
    return list;
}

int cause_from_message(
        bool given, Rue__Cause message, enum cause *cause, struct err *err)
{
    *cause = CAUSE_UNKNOWN;
    if (!given)
        return 0;
    if ((unsigned)message > CAUSE_LAST)
        return err_set(err, STATUS_INVALID, "cause: %u, it is at most %u",
                (unsigned)message, CAUSE_LAST);
    *cause = (enum cause)message;
    return 0;
}
