#include "formats/format.h"

#include "base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

const struct format *const formats[] = {
        &format_vw,
        &format_vw_cb,
        &format_dsjson,
        &format_vw_json,
        &format_obd,
        &format_csv,
};
const size_t format_count = ARRAY_COUNT(formats);

const struct format *format_find(const char *name)
{
    for (size_t i = 0; i < format_count; i++)
        if (strcmp(formats[i]->name, name) == 0)
            return formats[i];
    return NULL;
}

enum parsed parsed_refused(struct err *err, const char *format, ...)
{
    char text[ERR_TEXT_SIZE];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)err_set(err, STATUS_INVALID, "%s", text);
    return PARSED_REFUSED;
}

/* ---- features ---- */

static struct named *features_room(
        struct features_list *list, struct arena *arena, struct err *err)
{
    if (list->count == list->room) {
        uint32_t room = list->room == 0 ? 8 : 2 * list->room;
        struct named *items;
        if (list->count >= NAMED_MAX) {
            (void)err_set(err, STATUS_INVALID,
                    "more than %u features of one context or action",
                    NAMED_MAX);
            return NULL;
        }
        items = arena_array(arena, struct named, room);
        if (items == NULL) {
            (void)err_set(err, STATUS_INVALID, "the event is too large");
            return NULL;
        }
        if (list->count > 0)
            memcpy(items, list->items, list->count * sizeof(*items));
        list->items = items;
        list->room = room;
    }
    return &list->items[list->count];
}

/* Most features have the namespace of the one before. */
static struct bytes space_of(
        struct features_list *list, struct bytes space, struct arena *arena)
{
    if (space.size == 0)
        return bytes_of(NULL, 0);
    if (space.data != list->said.data || space.size != list->said.size) {
        list->said = space;
        list->space = name_of_text(space, arena);
    }
    return list->space;
}

static bool name_both(struct features_list *list, struct named *named,
        struct bytes space, struct bytes name, struct arena *arena)
{
    named->space = space_of(list, space, arena);
    named->name = name_of_text(name, arena);
    return named->name.data != NULL &&
            (space.size == 0 || named->space.data != NULL);
}

bool features_add(struct features_list *list, struct bytes space,
        struct bytes name, double value, struct arena *arena, struct err *err)
{
    struct named *named;

    if (value == 0.0)
        return true;
    if (!(fabs(value) <= VALUE_MAX)) {
        (void)err_set(err, STATUS_INVALID,
                "the value of a feature is not within +-%g", VALUE_MAX);
        return false;
    }
    named = features_room(list, arena, err);
    if (named == NULL)
        return false;
    *named = (struct named){.value = value};
    if (!name_both(list, named, space, name, arena)) {
        (void)err_set(err, STATUS_INVALID, "the event is too large");
        return false;
    }
    list->count++;
    return true;
}

double features_fit(struct features_list *list, double value)
{
    if (fabs(value) <= VALUE_MAX)
        return value;
    list->cut++;
    return isnan(value) ? 0.0 : copysign(VALUE_MAX, value);
}

bool features_add_text(struct features_list *list, struct bytes space,
        struct bytes name, struct bytes text, struct arena *arena,
        struct err *err)
{
    struct named *named = features_room(list, arena, err);

    if (named == NULL)
        return false;
    *named = (struct named){.value = 1.0, .has_text = true};
    if (text.size > 0)
        named->text = name_of_text(text, arena);
    if ((text.size > 0 && named->text.data == NULL) ||
            !name_both(list, named, space, name, arena)) {
        (void)err_set(err, STATUS_INVALID, "the event is too large");
        return false;
    }
    list->count++;
    return true;
}

/* ---- what was taken ---- */

/* Probabilities come as 32-bit floats that were added up. */
#define ROUNDING 1e-5

bool propensity_take(double value, double *out, struct err *err)
{
    *out = value > 1.0 && value <= 1.0 + ROUNDING ? 1.0 : value;
    if (*out >= PROBABILITY_MIN && *out <= 1.0)
        return true;
    (void)err_set(err, STATUS_INVALID,
            "the propensity, %g, is not above 0 and at most 1", value);
    return false;
}

bool value_take(double value, double *out, struct err *err)
{
    *out = value;
    if (fabs(value) <= VALUE_MAX)
        return true;
    (void)err_set(err, STATUS_INVALID,
            "the cost or reward, %g, is not within +-%g", value, VALUE_MAX);
    return false;
}

static uint32_t features_total(
        const struct features_list *lists, uint32_t count)
{
    uint32_t total = 0;

    for (uint32_t i = 0; i < count; i++)
        total += lists[i].count;
    return total;
}

bool actions_list(struct question *question, const struct features_list *lists,
        uint32_t count, struct arena *arena, struct err *err)
{
    struct bytes *ids = arena_array(arena, struct bytes, count);
    struct action_named *named = arena_array(arena, struct action_named, count);
    uint32_t described = 0;

    if (count > ACTIONS_MAX) {
        (void)err_set(err, STATUS_INVALID, "%u actions, at most %u", count,
                ACTIONS_MAX);
        return false;
    }
    if (question->named_count + features_total(lists, count) >
            NAMED_TOTAL_MAX) {
        (void)err_set(err, STATUS_INVALID, "more than %u features in all",
                NAMED_TOTAL_MAX);
        return false;
    }
    for (uint32_t i = 0; ids != NULL && named != NULL && i < count; i++) {
        ids[i] = name_of_number(i, arena);
        if (ids[i].data == NULL)
            break;
        if (lists[i].count > 0)
            named[described++] =
                    (struct action_named){i, lists[i].count, lists[i].items};
    }
    if (arena->overflow) {
        (void)err_set(err, STATUS_INVALID, "the event is too large");
        return false;
    }
    question->action = ids;
    question->action_count = count;
    question->action_named = named;
    question->action_named_count = described;
    return true;
}
