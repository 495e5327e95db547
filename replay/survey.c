#include "replay/import.h"

#include "base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SURVEY_ARENA_BYTES ((size_t)1 << 20)

int survey_open(
        struct survey *survey, const struct format *format, struct err *err)
{
    void *block = malloc(SURVEY_ARENA_BYTES);

    memset(survey, 0, sizeof(*survey));
    survey->format = format;
    survey->arena = arena_over(block, SURVEY_ARENA_BYTES);
    return block != NULL ? 0 : err_set(err, STATUS_INTERNAL, "no memory");
}

void survey_close(struct survey *survey)
{
    free(survey->arena.data);
    survey->arena.data = NULL;
}

static struct bytes keep(struct survey *survey, struct bytes text)
{
    return bytes_of(
            arena_copy(&survey->arena, text.data, text.size), text.size);
}

/* ---- catalogues ---- */

static int add_number(struct survey *survey, struct bytes id, struct err *err)
{
    double number, base = survey->format->catalogue;
    char text[ID_BYTES_MAX + 1];

    if (!decimal_parse(id, &number) || number != floor(number) ||
            number < base || number >= base + ACTIONS_MAX ||
            (id.size > 1 && (id.data[0] < '1' || id.data[0] > '9')))
        return err_set(err, STATUS_INVALID,
                "action '%s' is not a number from %g to %g",
                bytes_text(id, text, sizeof(text)), base,
                base + ACTIONS_MAX - 1);
    if (survey->known < (uint32_t)(number - base) + 1)
        survey->known = (uint32_t)(number - base) + 1;
    return 0;
}

static int add_text(struct survey *survey, struct bytes id, struct err *err)
{
    /* The last ones are looked at first: logs repeat themselves. */
    for (uint32_t i = survey->text_count; i > 0; i--)
        if (bytes_equal(survey->texts[i - 1], id))
            return 0;
    if (survey->text_count == ACTIONS_MAX)
        return err_set(err, STATUS_INVALID, "more than %u different actions",
                ACTIONS_MAX);
    survey->texts[survey->text_count] = keep(survey, id);
    if (survey->texts[survey->text_count].data == NULL)
        return err_set(err, STATUS_INVALID, "the actions' names are too long");
    survey->text_count++;
    return 0;
}

static int add_action(struct survey *survey, struct bytes id, struct err *err)
{
    return survey->format->catalogue == CATALOGUE_TEXTS
            ? add_text(survey, id, err)
            : add_number(survey, id, err);
}

static int add_actions(
        struct survey *survey, const struct logged *event, struct err *err)
{
    int status = 0;

    if (event->question.action_count > survey->actions_most)
        survey->actions_most = event->question.action_count;
    if (event->known > survey->known)
        survey->known = event->known;
    if (event->action.size > 0)
        status = add_action(survey, event->action, err);
    for (uint32_t i = 0; status == 0 && i < event->available_count; i++)
        status = add_action(survey, event->available[i], err);
    return status;
}

/* ---- columns and values ---- */

static int add_columns(
        struct survey *survey, const struct logged *event, struct err *err)
{
    uint32_t count = event->question.shared.columns;

    if (!survey->has_columns) {
        for (uint32_t i = 0; i < count; i++) {
            survey->columns[i] = keep(survey, event->columns[i]);
            if (survey->columns[i].data == NULL)
                return err_set(
                        err, STATUS_INVALID, "the columns' names are too long");
        }
        survey->column_count = count;
        survey->has_columns = true;
    }
    if (count != survey->column_count)
        return err_set(err, STATUS_INVALID,
                "%u number columns, and %u in the files before", count,
                survey->column_count);
    return 0;
}

static void add_value(struct survey *survey, const struct logged *event)
{
    if (!event->has_value)
        return;
    if (!survey->has_value || event->value < survey->least)
        survey->least = event->value;
    if (!survey->has_value || event->value > survey->most)
        survey->most = event->value;
    survey->has_value = true;
    survey->is_cost = event->is_cost;
}

int survey_add(
        struct survey *survey, const struct logged *event, struct err *err)
{
    int status = add_columns(survey, event, err);

    if (status == 0)
        status = add_actions(survey, event, err);
    if (status != 0)
        return status;
    survey->events++;
    add_value(survey, event);
    return 0;
}

/* ---- settings ---- */

struct text {
    char *out;
    size_t size, used;
};

__attribute__((format(printf, 2, 3))) static void add_line(
        struct text *text, const char *format, ...)
{
    va_list args;
    int written;

    va_start(args, format);
    written = vsnprintf(
            text->out + text->used, text->size - text->used, format, args);
    va_end(args);
    text->used += (size_t)written;
    if (text->used >= text->size)
        text->used = text->size - 1; /* and is found to be full */
}

static void add_catalogue(struct text *text, const struct survey *survey)
{
    int base = survey->format->catalogue;

    for (uint32_t i = 0; i < survey->text_count; i++)
        add_line(text, "actions: %.*s\n", (int)survey->texts[i].size,
                (const char *)survey->texts[i].data);
    if (base < 0 && survey->actions_most > 0)
        add_line(text, "actions_max: %u\n", survey->actions_most);
    for (uint32_t i = 0; base >= 0 && i < survey->known; i++)
        add_line(text, "actions: %d\n", base + (int)i);
}

/* The range that was seen; nothing seen, or one value: with its neighbour. */
static void find_range(
        const struct survey *survey, const double *given, double *range)
{
    range[0] = survey->has_value ? survey->least : 0.0;
    range[1] = survey->has_value ? survey->most : 1.0;
    if (range[0] > 0.0 && range[0] <= 1.0 && range[1] <= 1.0)
        range[0] = 0.0;
    if (range[0] >= 0.0 && range[1] < 1.0)
        range[1] = 1.0;
    if (range[0] == range[1] && range[0] < 0.0)
        range[1] = 0.0;
    if (range[0] == range[1])
        range[1] = range[0] + 1.0;
    if (given != NULL) {
        range[0] = given[0];
        range[1] = given[1];
    }
}

int survey_settings(struct survey *survey, const double *given, char *out,
        size_t size, struct err *err)
{
    struct text text = {out, size, 0};
    char least[DECIMAL_SIZE], most[DECIMAL_SIZE];
    double range[2];

    find_range(survey, given, range);
    (void)decimal_write(range[0], least);
    (void)decimal_write(range[1], most);
    for (uint32_t i = 0; i < survey->column_count; i++)
        add_line(&text, "context: %.*s\n", (int)survey->columns[i].size,
                (const char *)survey->columns[i].data);
    add_catalogue(&text, survey);
    add_line(&text, "reward.min: %s\nreward.max: %s\n", least, most);
    if (survey->is_cost)
        add_line(&text, "reward.objective: minimise\n");
    /* What is not known of an import will not come any more. */
    add_line(&text, "reward.wait: 0\nreward.default_on: false\n");
    add_line(&text, "policy: auto\n");
    if (text.used + 1 >= size)
        return err_set(err, STATUS_INVALID, "the settings are too long");
    return 0;
}
