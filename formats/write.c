#include "formats/write.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static void put(struct writer *writer, const char *text)
{
    write_bytes(writer, bytes_of_text(text));
}

__attribute__((format(printf, 2, 3))) static void put_format(
        struct writer *writer, const char *format, ...)
{
    char text[128];
    va_list args;
    int size;

    va_start(args, format);
    size = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    CHECK(size >= 0 && (size_t)size < sizeof(text));
    write_bytes(writer, bytes_of(text, (size_t)size));
}

static void put_number(struct writer *writer, double value)
{
    char text[DECIMAL_SIZE];

    write_bytes(writer, bytes_of(text, decimal_write(value, text)));
}

/* ---- what all have ---- */

static struct bytes id_of(const struct told *told, uint32_t place)
{
    const struct question *question = &told->decision->question;

    if (question->action_count > 0)
        return question->action[place];
    return place < told->slots ? told->catalogue[place] : bytes_of(NULL, 0);
}

static const struct action_named *named_of(
        const struct question *question, uint32_t place)
{
    for (uint32_t i = 0; i < question->action_named_count; i++)
        if (question->action_named[i].action == place)
            return &question->action_named[i];
    return NULL;
}

static double cost_of(const struct told *told)
{
    return told->minimise ? told->value : 0.0 - told->value;
}

static int check_action(const struct told *told, struct err *err)
{
    if (told->decision->count > 0 && told->decision->path_count == 0 &&
            !told->decision->has_second)
        return 0;
    return err_set(err, STATUS_INVALID, "its decision is not one action");
}

static const double *row_of(const struct matrix *matrix, uint32_t place)
{
    return matrix->rows > place
            ? matrix->values + (size_t)place * matrix->columns
            : NULL;
}

/* ---- csv ---- */

static void put_cell(struct writer *writer, struct bytes text)
{
    bool quotes = false;

    for (size_t i = 0; i < text.size; i++)
        quotes |= text.data[i] == ',' || text.data[i] == '"' ||
                text.data[i] == '\n' || text.data[i] == '\r';
    if (!quotes) {
        write_bytes(writer, text);
        return;
    }
    write_u8(writer, '"');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"')
            write_u8(writer, '"');
        write_u8(writer, text.data[i]);
    }
    write_u8(writer, '"');
}

static void csv_head(const struct told *told, struct writer *writer)
{
    put(writer, "event,time,action,propensity,");
    put(writer, told->minimise ? "cost" : "reward");
    put(writer, ",pdrop,actions");
    for (uint32_t i = 0; i < told->column_count; i++) {
        uint8_t name[2 + ID_BYTES_MAX] = "x_";
        size_t size = told->columns[i].size;
        memcpy(name + 2, told->columns[i].data, size);
        write_u8(writer, ',');
        put_cell(writer, bytes_of(name, 2 + size));
    }
    put(writer,
            ",rue_place,rue_eligible,rue_chosen_only,rue_policy_version,"
            "rue_generation,rue_probabilities,rue_features\n");
}

static void csv_actions(const struct told *told, struct writer *writer)
{
    uint8_t list[(ID_BYTES_MAX + 1) * 64];
    struct writer text = writer_over(list, sizeof(list));

    for (uint32_t i = 0; i < told->decision->count; i++) {
        if (i > 0)
            write_u8(&text, ';');
        write_bytes(&text, id_of(told, told->decision->eligible[i]));
    }
    /* Of very many none is listed. */
    if (!text.failed)
        put_cell(writer, writer_bytes(&text));
}

/* The named features of the context as a JSON object: {"space|name": value} */
static void csv_features(const struct told *told, struct writer *writer)
{
    const struct question *question = &told->decision->question;

    put(writer, "\"{");
    for (uint32_t i = 0; i < question->named_count; i++) {
        const struct named *named = &question->named[i];
        uint8_t key[8 * ID_BYTES_MAX], quoted[16 * ID_BYTES_MAX];
        struct writer join = writer_over(key, sizeof(key));
        struct writer text = writer_over(quoted, sizeof(quoted));
        if (named->space.size > 0) {
            write_bytes(&join, named->space);
            write_u8(&join, '|');
        }
        write_bytes(&join, named->name);
        (void)json_write_text(&text, writer_bytes(&join));
        write_u8(&text, ':');
        if (named->has_text)
            (void)json_write_text(&text, named->text);
        else
            put_number(&text, named->value);
        if (i > 0)
            write_u8(writer, ',');
        for (size_t j = 0; j < text.size; j++) {
            if (quoted[j] == '"')
                write_u8(writer, '"');
            write_u8(writer, quoted[j]);
        }
    }
    put(writer, "}\"");
}

static int csv_event(
        const struct told *told, struct writer *writer, struct err *err)
{
    const struct decision_record *decision = told->decision;
    char time[TIME_TEXT_SIZE];

    if (check_action(told, err) != 0)
        return STATUS_INVALID;
    time_write(decision->head.time, time);
    put_cell(writer, decision->head.event);
    put_format(writer, ",%s,", time);
    put_cell(writer, id_of(told, decision->eligible[decision->chosen]));
    write_u8(writer, ',');
    put_number(writer, decision->probability[decision->chosen]);
    write_u8(writer, ',');
    if (told->has_value)
        put_number(writer, told->value);
    write_u8(writer, ',');
    put_number(writer, decision->pdrop);
    write_u8(writer, ',');
    csv_actions(told, writer);
    for (uint32_t i = 0; i < told->column_count; i++) {
        write_u8(writer, ',');
        if (i < decision->question.shared.columns)
            put_number(writer, decision->question.shared.values[i]);
    }
    put_format(writer, ",%u,%u,%d,%" PRIu64 ",%" PRIu64 ",\"[",
            decision->eligible[decision->chosen], decision->count,
            decision->chosen_only, decision->policy_version,
            decision->generation);
    for (uint32_t i = 0; i < decision->count; i++) {
        if (i > 0)
            write_u8(writer, ',');
        put_number(writer, decision->probability[i]);
    }
    put(writer, "]\",");
    csv_features(told, writer);
    write_u8(writer, '\n');
    return 0;
}

/* ---- Vowpal Wabbit's text ---- */

/* A name without the marks of the format. */
static void vw_name(struct writer *writer, struct bytes name)
{
    for (size_t i = 0; i < name.size; i++) {
        uint8_t byte = name.data[i];
        write_u8(
                writer, byte == ' ' || byte == ':' || byte == '|' ? '_' : byte);
    }
}

static void vw_feature(struct writer *writer, const struct named *named)
{
    double number;

    write_u8(writer, ' ');
    vw_name(writer, named->name);
    if (!named->has_text) {
        if (named->value != 1.0) {
            write_u8(writer, ':');
            put_number(writer, named->value);
        }
        return;
    }
    /* What would be read as a number, or as nothing, becomes a name. */
    write_u8(writer,
            named->text.size == 0 || decimal_read(named->text, &number) > 0
                    ? '='
                    : ':');
    vw_name(writer, named->text);
}

static void vw_features(struct writer *writer, const struct named *named,
        uint32_t count, const struct bytes *columns, const double *values,
        uint32_t column_count)
{
    struct bytes space = bytes_of(NULL, 0);

    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 || !bytes_equal(space, named[i].space)) {
            space = named[i].space;
            put(writer, i > 0 ? " |" : "|");
            vw_name(writer, space);
        }
        vw_feature(writer, &named[i]);
    }
    if (values != NULL && column_count > 0)
        put(writer, count > 0 ? " |x" : "|x");
    for (uint32_t i = 0; values != NULL && i < column_count; i++) {
        write_u8(writer, ' ');
        if (columns != NULL)
            vw_name(writer, columns[i]);
        else
            put_format(writer, "%u", i);
        write_u8(writer, ':');
        put_number(writer, values[i]);
    }
    if (count == 0 && (values == NULL || column_count == 0))
        write_u8(writer, '|');
}

static void vw_action(
        const struct told *told, uint32_t index, struct writer *writer)
{
    const struct decision_record *decision = told->decision;
    const struct question *question = &decision->question;
    uint32_t place = decision->eligible[index];
    const struct action_named *named = named_of(question, place);
    struct bytes id = id_of(told, place);

    if (told->has_value && index == decision->chosen) {
        put_format(writer, "%u:", index);
        put_number(writer, cost_of(told));
        write_u8(writer, ':');
        put_number(writer, decision->probability[index]);
        write_u8(writer, ' ');
    }
    /* Where the catalogue names it, its name is what there is to learn by. */
    if (question->action_count == 0) {
        put(writer, "|action ");
        vw_name(writer, id);
        write_u8(writer, ' ');
    }
    vw_features(writer, named == NULL ? NULL : named->named,
            named == NULL ? 0 : named->named_count, NULL,
            row_of(&question->action_features, place),
            question->action_features.columns);
    write_u8(writer, '\n');
}

static int vw_event(
        const struct told *told, struct writer *writer, struct err *err)
{
    const struct question *question = &told->decision->question;

    if (check_action(told, err) != 0)
        return STATUS_INVALID;
    if (question->named_count > 0 || question->shared.columns > 0) {
        put(writer, "shared ");
        vw_features(writer, question->named, question->named_count,
                told->columns, row_of(&question->shared, 0),
                question->shared.columns);
        write_u8(writer, '\n');
    }
    for (uint32_t i = 0; i < told->decision->count; i++)
        vw_action(told, i, writer);
    write_u8(writer, '\n');
    return 0;
}

/* ---- DSJSON ---- */

/* Members of an object, with a comma before all but the first. */
static void json_comma(struct writer *writer, bool *first)
{
    if (!*first)
        write_u8(writer, ',');
    *first = false;
}

static void json_features(struct writer *writer, const struct named *named,
        uint32_t count, bool *first)
{
    for (uint32_t i = 0; i < count;) {
        struct bytes space = named[i].space;
        bool inner = true;
        json_comma(writer, first);
        if (space.size > 0) {
            (void)json_write_text(writer, space);
            put(writer, ":{");
        }
        for (; i < count && bytes_equal(space, named[i].space); i++) {
            json_comma(writer, &inner);
            (void)json_write_text(writer, named[i].name);
            write_u8(writer, ':');
            if (named[i].has_text)
                (void)json_write_text(writer, named[i].text);
            else
                put_number(writer, named[i].value);
        }
        if (space.size > 0)
            write_u8(writer, '}');
    }
}

static void json_columns(struct writer *writer, const struct bytes *columns,
        const double *values, uint32_t count, bool *first)
{
    if (values == NULL || count == 0)
        return;
    json_comma(writer, first);
    put(writer, "\"x\":{");
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            write_u8(writer, ',');
        if (columns != NULL)
            (void)json_write_text(writer, columns[i]);
        else
            put_format(writer, "\"%u\"", i);
        write_u8(writer, ':');
        put_number(writer, values[i]);
    }
    write_u8(writer, '}');
}

static void dsjson_action(
        const struct told *told, uint32_t index, struct writer *writer)
{
    const struct question *question = &told->decision->question;
    uint32_t place = told->decision->eligible[index];
    const struct action_named *named = named_of(question, place);
    struct bytes id = id_of(told, place);
    bool first = true;

    write_u8(writer, '{');
    json_comma(writer, &first);
    put(writer, "\"_tag\":");
    (void)json_write_text(writer, id);
    if (question->action_count == 0) {
        put(writer, ",\"action\":{\"id\":");
        (void)json_write_text(writer, id);
        write_u8(writer, '}');
    }
    if (named != NULL)
        json_features(writer, named->named, named->named_count, &first);
    json_columns(writer, NULL, row_of(&question->action_features, place),
            question->action_features.columns, &first);
    write_u8(writer, '}');
}

static void dsjson_context(const struct told *told, struct writer *writer)
{
    const struct question *question = &told->decision->question;
    bool first = true;

    put(writer, "\"c\":{");
    json_features(writer, question->named, question->named_count, &first);
    json_columns(writer, told->columns, row_of(&question->shared, 0),
            question->shared.columns, &first);
    json_comma(writer, &first);
    put(writer, "\"_multi\":[");
    for (uint32_t i = 0; i < told->decision->count; i++) {
        if (i > 0)
            write_u8(writer, ',');
        dsjson_action(told, i, writer);
    }
    put(writer, "]}");
}

/* The action taken first, the others in their order. */
static void dsjson_ranked(
        const struct told *told, bool probabilities, struct writer *writer)
{
    const struct decision_record *decision = told->decision;

    for (uint32_t i = 0; i <= decision->count; i++) {
        uint32_t index = i == 0 ? decision->chosen : i - 1;
        if (i > 0 && index == decision->chosen)
            continue;
        if (i > 0)
            write_u8(writer, ',');
        if (probabilities)
            put_number(writer, decision->probability[index]);
        else
            put_format(writer, "%u", index + 1);
        if (probabilities && decision->chosen_only)
            return;
    }
}

static int dsjson_event(
        const struct told *told, struct writer *writer, struct err *err)
{
    const struct decision_record *decision = told->decision;
    char time[TIME_TEXT_SIZE];

    if (check_action(told, err) != 0)
        return STATUS_INVALID;
    write_u8(writer, '{');
    if (told->has_value) {
        put(writer, "\"_label_cost\":");
        put_number(writer, cost_of(told));
        put(writer, ",\"_label_probability\":");
        put_number(writer, decision->probability[decision->chosen]);
        put_format(writer, ",\"_label_Action\":%u,\"_labelIndex\":%u,",
                decision->chosen + 1, decision->chosen);
    }
    if (decision->question.deferred)
        put(writer, "\"_skipLearn\":true,");
    time_write(decision->head.time, time);
    put_format(writer,
            "\"Timestamp\":\"%s\",\"Version\":\"1\",\"EventId\":", time);
    (void)json_write_text(writer, decision->head.event);
    put(writer, ",\"a\":[");
    dsjson_ranked(told, false, writer);
    put(writer, "],");
    dsjson_context(told, writer);
    put(writer, ",\"p\":[");
    dsjson_ranked(told, true, writer);
    write_u8(writer, ']');
    if (decision->pdrop > 0.0) {
        put(writer, ",\"pdrop\":");
        put_number(writer, decision->pdrop);
    }
    put(writer, "}\n");
    return 0;
}

/* ---- the table ---- */

static const struct writing csv = {"csv",
        "a table: a row of each decision, columns of one type each", csv_head,
        csv_event};
static const struct writing vw = {"vw",
        "Vowpal Wabbit's text with a line of each action (ADF)", NULL,
        vw_event};
static const struct writing dsjson = {"dsjson",
        "decisions as JSON, as Vowpal Wabbit reads them", NULL, dsjson_event};

const struct writing *const writings[] = {&csv, &vw, &dsjson};
const size_t writing_count = ARRAY_COUNT(writings);

const struct writing *writing_find(const char *name)
{
    for (size_t i = 0; i < writing_count; i++)
        if (strcmp(writings[i]->name, name) == 0)
            return writings[i];
    return NULL;
}
