#include "cli/generation.h"
#include "cli/log_line.h"
#include "cli/options.h"
#include "policies/drift.h"
#include "storage/ledger.h"

#include <getopt.h> /* optind */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char help[] =
        "usage: rue log DIR [--from N] [--count N] [--problem NAME]\n"
        "               [--event ID] [--json]\n"
        "\n"
        "Prints the records of a store, oldest first, a line each. The\n"
        "service may be running; what it commits meanwhile is not shown.\n"
        "\n"
        "  --from N        begin with record N (default 1)\n"
        "  --count N       print at most N records\n"
        "  --problem NAME  only records of this problem\n"
        "  --event ID      only records of this event\n"
        "  --json          a JSON object a line, with all that was recorded\n"
        "\n"
        "Example:\n"
        "  rue log /var/lib/rue --problem checkout --count 10\n";

#define ARENA_BYTES ((size_t)16 << 20)

struct log_command {
    const char *directory;
    uint64_t from, count;
    const char *problem, *event;
    bool json;
    struct ledger_reader reader;
    struct arena arena;
};

/* ---- one line of text ---- */

void log_line_time(nanos time)
{
    time_t seconds = (time_t)(time / NANOS_PER_SECOND);
    char text[32];
    struct tm utc;

    (void)gmtime_r(&seconds, &utc);
    (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    printf("%s.%06" PRId64 "Z", text, time % NANOS_PER_SECOND / 1000);
}

/* The costs of a path: name=0.1,0.2 */
static void print_costs(const char *name, const struct costs *costs)
{
    for (uint32_t i = 0; i < costs->count; i++)
        printf("%s%s%s%.10g", i == 0 ? " " : ",", i == 0 ? name : "",
                i == 0 ? "=" : "", costs->values[i]);
    if (costs->full)
        printf(" full");
}

static void print_subject(const struct subject *subject)
{
    if (!subject->given)
        return;
    printf(" about=%u", subject->place);
    if (subject->propensity > 0.0)
        printf(" p=%.6g", subject->propensity);
    else
        printf(" p=unknown");
}

static void print_path(const struct decision_record *record)
{
    printf(" path=");
    for (uint32_t i = 0; i < record->path_count; i++)
        printf("%s%u", i > 0 ? "," : "", record->eligible[record->path[i]]);
    printf(" p=%.6g of=%u", record->path_probability, record->count);
}

static void print_action(const struct decision_record *record)
{
    uint32_t place = record->eligible[record->chosen];
    char id[ID_BYTES_MAX + 1];

    printf(" place=%u", place);
    if (place < record->question.action_count)
        printf(" action=%s",
                bytes_text(record->question.action[place], id, sizeof(id)));
    if (place < record->question.point_count)
        printf(" value=%.10g", record->question.point[place]);
    printf(" p=%.6g of=%u", record->probability[record->chosen], record->count);
    if (record->has_second)
        printf(" second=%u pair=%.6g", record->eligible[record->second],
                record->pair_probability);
    if (record->limit > 0.0)
        printf(" limit=%.6g", record->limit);
    if (record->guard > 0)
        printf(" guard=%u", record->guard);
}

/* What another generation had to do with it. */
static void print_trial(const struct trial *trial)
{
    static const char *const sides[] = {"common", "champion", "challenger"};

    if (!trial->given)
        return;
    printf(" trial=%" PRIu64 " other=%.6g control=%.6g", trial->generation,
            trial->other, trial->control);
    if (trial->share > 0.0)
        printf(" share=%g side=%s", trial->share,
                trial->side < ARRAY_COUNT(sides) ? sides[trial->side] : "?");
}

static void print_decision(const struct decision_record *record)
{
    if (record->has_prediction)
        printf(" prediction=%.10g", record->prediction);
    else if (record->path_count > 0)
        print_path(record);
    else
        print_action(record);
    if (record->imported)
        printf(" imported");
    if (record->chosen_only)
        printf(" chosen_only");
    if (record->pdrop > 0.0)
        printf(" pdrop=%.6g", record->pdrop);
    printf(" version=%" PRIu64, record->policy_version);
    if (record->question.deferred)
        printf(" deferred");
    if (record->has_held)
        printf(" held=%.10g", record->held);
    print_subject(&record->held_subject);
    print_costs("held_costs", &record->held_costs);
    if (record->held_misfit)
        printf(" held_misfit");
    print_trial(&record->trial);
    if (record->masked > 0)
        printf(" masked=%u", record->masked);
    if (record->all_open)
        printf(" all_open");
    if (record->fallback)
        printf(" fallback");
}

static void print_shown(const struct shown *shown)
{
    if (shown->position > 0)
        printf(" position=%u", shown->position);
    if (shown->has_place)
        printf(" shown=%u", shown->place);
    if (shown->propensity > 0.0)
        printf(" propensity=%.6g", shown->propensity);
}

static void print_fields(const struct fields *fields)
{
    char name[ID_BYTES_MAX + 1];

    for (uint32_t i = 0; i < fields->count; i++)
        printf(" %s=%.10g",
                bytes_text(fields->list[i].name, name, sizeof(name)),
                fields->list[i].value);
}

static void print_cause(const char *name, enum cause cause)
{
    if (cause != CAUSE_UNKNOWN)
        printf(" %s=%s", name, cause_name(cause));
}

static void print_feedback(const struct feedback_record *record)
{
    char id[ID_BYTES_MAX + 1];

    printf(" value=%.10g effect=%s", record->value,
            effect_name(record->effect));
    if (record->effect == EFFECT_CORRECT)
        printf(" before=%.10g", record->before);
    if (record->effect != EFFECT_NONE)
        printf(" after=%.10g", record->after);
    if (record->id.size > 0)
        printf(" id=%s", bytes_text(record->id, id, sizeof(id)));
    print_shown(&record->shown);
    print_subject(&record->subject);
    print_costs("costs", &record->costs);
    if (record->fields.count > 0) {
        printf(" fields:");
        print_fields(&record->fields);
    }
    print_cause("cause", record->cause);
}

static const char *const alarm_parts[ALARM_PARTS] = {
        "all", "action", "group", "column", "circuit"};

static void print_alarm(const struct alarm_record *alarm)
{
    char text[ID_BYTES_MAX + 1];

    printf(" stream=%s of=%s", drift_stream_name(alarm->stream),
            alarm_parts[alarm->part]);
    if (alarm->part > 0)
        printf(":%u", alarm->index);
    if (alarm->name.size > 0)
        printf(" name=%s", bytes_text(alarm->name, text, sizeof(text)));
    printf(" statistic=%.6g threshold=%.6g before=%.6g after=%.6g "
           "rows=%" PRIu64,
            alarm->statistic, alarm->threshold, alarm->before, alarm->after,
            alarm->rows);
}

void log_line_details(const union any_record *record)
{
    switch (record->head.kind) {
    case RECORD_DECISION:
        print_decision(&record->decision);
        break;
    case RECORD_FEEDBACK:
        print_feedback(&record->feedback);
        break;
    case RECORD_EXPIRY:
        printf(" effect=%s%s", effect_name(record->expiry.effect),
                record->expiry.orphan ? " orphan" : "");
        if (record->expiry.effect == EFFECT_LEARN)
            printf(" after=%.10g", record->expiry.after);
        print_costs("costs", &record->expiry.costs);
        break;
    case RECORD_ACTIVATION:
        if (record->activation.has_held)
            printf(" held=%.10g", record->activation.held);
        print_subject(&record->activation.held_subject);
        print_costs("held_costs", &record->activation.held_costs);
        break;
    case RECORD_PROMOTION:
        generation_print_promotion(&record->promotion);
        break;
    case RECORD_CONFIG:
        printf(" bytes=%zu", record->config.settings.size);
        break;
    case RECORD_ALARM:
        print_alarm(&record->alarm);
        break;
    }
}

static void print_text(
        uint64_t sequence, struct bytes problem, const union any_record *record)
{
    char text[ID_BYTES_MAX + 1];

    printf("%" PRIu64 " ", sequence);
    log_line_time(record->head.time);
    printf(" %s problem=%s", record_kind_name(record->head.kind),
            bytes_text(problem, text, sizeof(text)));
    if (record->head.event.size > 0)
        printf(" event=%s", bytes_text(record->head.event, text, sizeof(text)));
    log_line_details(record);
    putchar('\n');
}

/* ---- one line of JSON ---- */

static void json_add_alarm(json_t *line, const struct alarm_record *alarm)
{
    json_t *more = json_pack("{s:s,s:s,s:I,s:f,s:f,s:f,s:f,s:I}", "stream",
            drift_stream_name(alarm->stream), "of", alarm_parts[alarm->part],
            "index", (json_int_t)alarm->index, "statistic", alarm->statistic,
            "threshold", alarm->threshold, "before", alarm->before, "after",
            alarm->after, "rows", (json_int_t)alarm->rows);

    (void)json_object_update(line, more);
    if (alarm->name.size > 0)
        (void)json_object_set_new(line, "name", cli_json_text(alarm->name));
    json_decref(more);
}

static json_t *json_matrix(const struct matrix *matrix)
{
    json_t *rows = json_array();

    for (uint32_t i = 0; i < matrix->rows; i++) {
        json_t *row = json_array();
        for (uint32_t j = 0; j < matrix->columns; j++)
            (void)json_array_append_new(row,
                    json_real(matrix->values[(size_t)i * matrix->columns + j]));
        (void)json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *json_named(const struct named *named, uint32_t count)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < count; i++) {
        json_t *one = json_object();
        if (named[i].space.size > 0)
            (void)json_object_set_new(
                    one, "space", cli_json_text(named[i].space));
        (void)json_object_set_new(one, "name", cli_json_text(named[i].name));
        if (named[i].has_text)
            (void)json_object_set_new(
                    one, "text", cli_json_text(named[i].text));
        else
            (void)json_object_set_new(one, "value", json_real(named[i].value));
        (void)json_array_append_new(list, one);
    }
    return list;
}

static json_t *json_texts(const struct bytes *texts, uint32_t count)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < count; i++)
        (void)json_array_append_new(list, cli_json_text(texts[i]));
    return list;
}

static json_t *json_question(const struct question *question)
{
    json_t *value = json_object();
    json_t *excluded = json_array();

    (void)json_object_set_new(value, "shared", json_matrix(&question->shared));
    (void)json_object_set_new(
            value, "named", json_named(question->named, question->named_count));
    (void)json_object_set_new(value, "action",
            json_texts(question->action, question->action_count));
    (void)json_object_set_new(
            value, "action_features", json_matrix(&question->action_features));
    for (uint32_t i = 0; i < question->excluded_count; i++)
        (void)json_array_append_new(
                excluded, json_integer(question->excluded[i]));
    (void)json_object_set_new(value, "excluded", excluded);
    (void)json_object_set_new(
            value, "group", json_texts(question->group, question->group_count));
    if (question->has_baseline)
        (void)json_object_set_new(
                value, "baseline", json_integer(question->baseline));
    if (question->deferred)
        (void)json_object_set_new(value, "deferred", json_true());
    return value;
}

static void json_add_costs(
        json_t *line, const char *name, const struct costs *costs)
{
    json_t *values = json_array();

    for (uint32_t i = 0; i < costs->count; i++)
        (void)json_array_append_new(values, json_real(costs->values[i]));
    if (costs->count > 0)
        (void)json_object_set_new(line, name,
                json_pack("{s:o, s:b}", "value", values, "full", costs->full));
    else
        json_decref(values);
}

static void json_add_subject(
        json_t *line, const char *name, const struct subject *subject)
{
    json_t *value;

    if (!subject->given)
        return;
    value = json_pack("{s:i}", "place", (int)subject->place);
    if (subject->position > 0)
        (void)json_object_set_new(
                value, "position", json_integer(subject->position));
    (void)json_object_set_new(value, "propensity",
            subject->propensity > 0.0 ? json_real(subject->propensity)
                                      : json_null());
    (void)json_object_set_new(line, name, value);
}

static void json_add_shown(json_t *line, const struct shown *shown)
{
    json_t *value;

    if (!shown_given(shown))
        return;
    value = json_object();
    if (shown->position > 0)
        (void)json_object_set_new(
                value, "position", json_integer(shown->position));
    if (shown->has_place)
        (void)json_object_set_new(value, "place", json_integer(shown->place));
    if (shown->propensity > 0.0)
        (void)json_object_set_new(
                value, "propensity", json_real(shown->propensity));
    (void)json_object_set_new(line, "shown", value);
}

static void json_add_prediction(
        json_t *line, const struct decision_record *record)
{
    (void)json_object_set_new(
            line, "prediction", json_real(record->prediction));
    (void)json_object_set_new(line, "probability", json_array());
}

static void json_add_path(json_t *line, const struct decision_record *record)
{
    json_t *path = json_array(), *marginal = json_array();

    for (uint32_t i = 0; i < record->path_count; i++)
        (void)json_array_append_new(
                path, json_integer(record->eligible[record->path[i]]));
    for (uint32_t i = 0; i < record->count; i++)
        (void)json_array_append_new(marginal, json_real(record->marginal[i]));
    (void)json_object_set_new(line, "path", path);
    (void)json_object_set_new(line, "marginal", marginal);
    (void)json_object_set_new(
            line, "propensity", json_real(record->path_probability));
}

static void json_add_action(json_t *line, const struct decision_record *record)
{
    json_t *probability = json_array();

    for (uint32_t i = 0; i < record->count; i++)
        (void)json_array_append_new(
                probability, json_real(record->probability[i]));
    (void)json_object_set_new(
            line, "chosen", json_integer(record->eligible[record->chosen]));
    (void)json_object_set_new(
            line, "propensity", json_real(record->probability[record->chosen]));
    (void)json_object_set_new(line, "probability", probability);
    if (record->limit > 0.0)
        (void)json_object_set_new(line, "limit", json_real(record->limit));
    if (record->guard > 0)
        (void)json_object_set_new(line, "guard", json_integer(record->guard));
    if (!record->has_second)
        return;
    (void)json_object_set_new(
            line, "second", json_integer(record->eligible[record->second]));
    (void)json_object_set_new(
            line, "pair_probability", json_real(record->pair_probability));
}

/* Feedback that came before, and what it meant. */
static void json_add_held(json_t *line, double held,
        const struct subject *subject, const struct costs *costs)
{
    (void)json_object_set_new(line, "held", json_real(held));
    json_add_subject(line, "held_subject", subject);
    json_add_costs(line, "held_costs", costs);
}

/* Of a parameter: the value of each point, by place, and the one to use. */
static void json_add_points(json_t *line, const struct decision_record *record)
{
    json_t *points = json_array();
    uint32_t place = record->eligible[record->chosen];

    for (uint32_t i = 0; i < record->question.point_count; i++)
        (void)json_array_append_new(
                points, json_real(record->question.point[i]));
    (void)json_object_set_new(line, "points", points);
    (void)json_object_set_new(
            line, "value", json_real(record->question.point[place]));
}

static void json_add_trial(json_t *line, const struct trial *trial)
{
    static const char *const sides[] = {"common", "champion", "challenger"};

    if (!trial->given)
        return;
    (void)json_object_set_new(line, "trial",
            json_pack("{s:I, s:f, s:f, s:f, s:s}", "generation",
                    (json_int_t)trial->generation, "share", trial->share,
                    "other", trial->other, "control", trial->control, "side",
                    trial->side < ARRAY_COUNT(sides) ? sides[trial->side]
                                                     : "?"));
}

static void json_add_decision(
        json_t *line, const struct decision_record *record)
{
    json_t *eligible = json_array();
    json_t *groups = json_array(), *experts = json_array();

    json_add_trial(line, &record->trial);
    for (uint32_t i = 0; i < record->count; i++)
        (void)json_array_append_new(
                eligible, json_integer(record->eligible[i]));
    for (uint32_t i = 0; i < record->group_count; i++)
        (void)json_array_append_new(groups, json_integer(record->groups[i]));
    for (uint32_t i = 0; i < record->expert_count; i++)
        (void)json_array_append_new(experts,
                json_pack("{s:o, s:f, s:f}", "group",
                        cli_json_text(record->expert[i].group), "weight",
                        record->expert[i].weight, "prediction",
                        record->expert[i].prediction));
    (void)json_object_set_new(
            line, "question", json_question(&record->question));
    if (record->has_prediction)
        json_add_prediction(line, record);
    else if (record->path_count > 0)
        json_add_path(line, record);
    else
        json_add_action(line, record);
    if (record->question.point_count > 0 && record->count > 0)
        json_add_points(line, record);
    (void)json_object_set_new(line, "eligible", eligible);
    (void)json_object_set_new(line, "groups", groups);
    (void)json_object_set_new(line, "experts", experts);
    (void)json_object_set_new(line, "policy_version",
            json_integer((json_int_t)record->policy_version));
    (void)json_object_set_new(
            line, "generation", json_integer((json_int_t)record->generation));
    if (record->has_held)
        json_add_held(
                line, record->held, &record->held_subject, &record->held_costs);
    if (record->held_misfit)
        (void)json_object_set_new(line, "held_misfit", json_true());
    if (record->has_expected)
        (void)json_object_set_new(
                line, "expected_failure", json_real(record->expected_failure));
    if (record->masked > 0)
        (void)json_object_set_new(line, "masked", json_integer(record->masked));
    if (record->all_open)
        (void)json_object_set_new(line, "all_open", json_true());
    if (record->fallback)
        (void)json_object_set_new(line, "fallback", json_true());
    if (record->imported)
        (void)json_object_set_new(line, "imported", json_true());
    if (record->chosen_only)
        (void)json_object_set_new(line, "chosen_only", json_true());
    if (record->pdrop > 0.0)
        (void)json_object_set_new(line, "pdrop", json_real(record->pdrop));
}

static void json_add_fields(json_t *line, const struct feedback_record *record)
{
    json_t *fields = json_object();
    char name[ID_BYTES_MAX + 1];

    for (uint32_t i = 0; i < record->fields.count; i++) {
        const struct field *field = &record->fields.list[i];
        (void)json_object_set_new(fields,
                bytes_text(field->name, name, sizeof(name)),
                json_real(field->value));
    }
    if (record->fields.count > 0)
        (void)json_object_set(line, "fields", fields);
    json_decref(fields);
    if (record->derived)
        (void)json_object_set_new(line, "derived", json_true());
    if (record->cause != CAUSE_UNKNOWN)
        (void)json_object_set_new(
                line, "cause", json_string(cause_name(record->cause)));
}

static void json_add_feedback(
        json_t *line, const struct feedback_record *record)
{
    (void)json_object_set_new(line, "value", json_real(record->value));
    if (record->id.size > 0)
        (void)json_object_set_new(line, "id", cli_json_text(record->id));
    (void)json_object_set_new(
            line, "effect", json_string(effect_name(record->effect)));
    if (record->effect == EFFECT_CORRECT)
        (void)json_object_set_new(line, "before", json_real(record->before));
    if (record->effect != EFFECT_NONE)
        (void)json_object_set_new(line, "after", json_real(record->after));
    json_add_shown(line, &record->shown);
    json_add_subject(line, "subject", &record->subject);
    json_add_costs(line, "costs", &record->costs);
    json_add_fields(line, record);
}

static void json_add_expiry(json_t *line, const struct expiry_record *record)
{
    (void)json_object_set_new(
            line, "effect", json_string(effect_name(record->effect)));
    if (record->effect == EFFECT_LEARN)
        (void)json_object_set_new(line, "after", json_real(record->after));
    (void)json_object_set_new(line, "orphan", json_boolean(record->orphan));
    json_add_costs(line, "costs", &record->costs);
}

json_t *log_line_json(
        uint64_t sequence, struct bytes problem, const union any_record *record)
{
    json_t *line = json_pack("{s:I, s:I, s:s, s:o}", "sequence",
            (json_int_t)sequence, "time_ns", (json_int_t)record->head.time,
            "kind", record_kind_name(record->head.kind), "problem",
            cli_json_text(problem));

    if (record->head.event.size > 0)
        (void)json_object_set_new(
                line, "event", cli_json_text(record->head.event));
    switch (record->head.kind) {
    case RECORD_DECISION:
        json_add_decision(line, &record->decision);
        break;
    case RECORD_FEEDBACK:
        json_add_feedback(line, &record->feedback);
        break;
    case RECORD_EXPIRY:
        json_add_expiry(line, &record->expiry);
        break;
    case RECORD_ACTIVATION:
        if (record->activation.has_held)
            json_add_held(line, record->activation.held,
                    &record->activation.held_subject,
                    &record->activation.held_costs);
        break;
    case RECORD_PROMOTION:
        generation_json_promotion(line, &record->promotion);
        break;
    case RECORD_CONFIG:
        (void)json_object_set_new(
                line, "settings", cli_json_text(record->config.settings));
        break;
    case RECORD_ALARM:
        json_add_alarm(line, &record->alarm);
        break;
    }
    return line;
}

/* ---- the walk ---- */

static bool wanted(const struct log_command *command, struct bytes problem,
        const struct record *head)
{
    if (command->problem != NULL &&
            !bytes_equal(problem, bytes_of_text(command->problem)))
        return false;
    return command->event == NULL ||
            bytes_equal(head->event, bytes_of_text(command->event));
}

static int print_entry(struct log_command *command,
        const struct log_entry *entry, struct err *err)
{
    union any_record record;
    struct bytes problem;
    int status;

    arena_reset(&command->arena);
    status = record_decode(
            entry->kind, entry->payload, &command->arena, &record, err);
    if (status == 0)
        status = ledger_reader_problem_name(
                &command->reader, record.head.problem, &problem, err);
    /* Not to be taken for the end of the log. */
    if (status == STATUS_NOT_FOUND)
        status = err_set(err, STATUS_CORRUPT, "its problem is not known");
    if (status != 0)
        return err_prefix(err, "record %" PRIu64, entry->sequence);
    if (!wanted(command, problem, &record.head))
        return 0;
    if (command->json)
        cli_print_json(log_line_json(entry->sequence, problem, &record));
    else
        print_text(entry->sequence, problem, &record);
    command->count--;
    return 0;
}

static int print_log(struct log_command *command, struct err *err)
{
    struct log_cursor cursor;
    struct log_entry entry;
    int status =
            log_cursor_open(&cursor, command->reader.txn, command->from, err);

    if (status != 0)
        return status;
    while (status == 0 && command->count > 0) {
        status = log_cursor_next(&cursor, &entry, err);
        if (status == 0)
            status = print_entry(command, &entry, err);
    }
    log_cursor_close(&cursor);
    return status == STATUS_NOT_FOUND ? 0 : status;
}

static int run(struct log_command *command)
{
    struct store_settings settings = {.read_only = true};
    struct ledger *ledger;
    struct err err;
    int status = ledger_open(command->directory, &settings, &ledger, &err);

    if (status != 0)
        return cli_fail("log", &err);
    command->arena = arena_over(malloc(ARENA_BYTES), ARENA_BYTES);
    status = command->arena.data == NULL
            ? err_set(&err, STATUS_INTERNAL, "no memory")
            : ledger_reader_open(ledger, &command->reader, &err);
    if (status == 0) {
        status = print_log(command, &err);
        ledger_reader_close(&command->reader);
    }
    free(command->arena.data);
    ledger_close(ledger);
    return status == 0 ? 0 : cli_fail("log", &err);
}

int cmd_log(int argc, char **argv)
{
    struct log_command command = {.from = 1, .count = UINT64_MAX};
    const struct cli_option options[] = {
            CLI_ANY_COUNT("from", &command.from),
            CLI_ANY_COUNT("count", &command.count),
            CLI_TEXT("problem", &command.problem),
            CLI_TEXT("event", &command.event),
            CLI_FLAG("json", &command.json),
            CLI_HELP(help),
    };
    int status = cli_options(options, ARRAY_COUNT(options), argc, argv);

    if (status >= 0)
        return status;
    if (optind + 1 != argc)
        return cli_usage("log", "name the store's directory");
    command.directory = argv[optind];
    return run(&command);
}
