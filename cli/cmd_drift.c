/* rue drift: detectors of change over a file of numbers or over the outcomes of
 * a store, and how good their alarms are where the changes are known. */
#include "cli/drift_store.h"
#include "cli/options.h"
#include "policies/detector.h"
#include "policies/proximity.h"

#include "base/units.h"

#include <errno.h>
#include <getopt.h> /* optind */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CHANGES_MAX  4096u
#define ALARMS_MAX   100000u
#define SETTINGS_MAX 8u
#define RECORDED     "recorded" /* the store's own alarms as a detector's */

static const char help[] =
        "usage: rue drift FILE [--column NAME|N] [--range MIN:MAX] ...\n"
        "       rue drift STORE [--problem NAME] [--stream S] [--action A]\n"
        "                 [--group G] ...\n"
        "       ... [--detector D]... [--changes T,T,A-B,...] [--early N]\n"
        "                 [--late N] [--json]\n"
        "\n"
        "Feeds numbers to detectors of change and prints their alarms: a\n"
        "column of FILE (CSV, or a number a line, `-` is standard input), or\n"
        "the outcomes of a problem in a store, in the order in which they were\n"
        "learned. With --changes the alarms are scored by their distance from\n"
        "the changes that are known, in rows from 1 on. Of a store, `recorded`\n"
        "is also a detector: the alarms that the service raised itself.\n"
        "\n"
        "  --column NAME|N  which column (default: the first; from 1 on)\n"
        "  --detector D     NAME or NAME,OPTION=VALUE,...; may be repeated\n"
        "                   (default: adwin and page-hinkley)\n"
        "  --range MIN:MAX  scales the values to 0..1 (default 0:1)\n"
        "  --problem NAME   of the store; may be left out if it is the only one\n"
        "  --stream S       reward (the loss, default), residual, weighted or\n"
        "                   join; docs/drift.md says what they are\n"
        "  --action A       only outcomes of this action of the catalogue\n"
        "  --group G        only outcomes of this group\n"
        "  --changes LIST   rows, or intervals A-B, in ascending order\n"
        "  --early N        tolerance before a change (default: late / 10)\n"
        "  --late N         tolerance after a change (default 5000)\n"
        "  --json           a JSON object a detector\n"
        "\n"
        "Detectors: adwin, page-hinkley, ddm, hddm-a, hddm-w.\n"
        "\n"
        "Example:\n"
        "  rue drift declines.csv --column declined --changes 20000 \\\n"
        "      --detector adwin,delta=0.0001 --detector hddm-w,delta=1e-5\n"
        "  rue drift /var/lib/rue --problem checkout --stream weighted\n";

struct watcher {
    const char *text; /* as given */
    const struct detector *detector;
    union {
        uint8_t bytes[DETECTOR_SIZE_MAX];
        double aligned;
    } state;
    double *alarms; /* rows */
    uint64_t *records; /* of a store: that teaches the row; else 0 */
    struct detection *found;
    uint32_t count;
    bool full;
};

struct drift_command {
    const char *path;
    const char *column;
    double min, max;
    bool ranged;
    struct watcher watchers[16];
    uint32_t watcher_count;
    struct change changes[CHANGES_MAX];
    uint32_t change_count;
    bool scored;
    double early, late;
    bool json;
    uint64_t rows;
    struct drift_store store; /* path: NULL for a file */
};

/* ---- arguments ---- */

/* "NAME,OPTION=VALUE,..." */
static bool watcher_open(struct watcher *watcher, const char *text)
{
    union {
        uint8_t bytes[DETECTOR_OPTIONS_MAX];
        double aligned;
    } options;
    struct keyvalue settings[SETTINGS_MAX];
    size_t count = 0, size = strcspn(text, ",");
    struct err err;

    watcher->text = text;
    watcher->alarms = calloc(ALARMS_MAX, sizeof(*watcher->alarms));
    watcher->records = calloc(ALARMS_MAX, sizeof(*watcher->records));
    watcher->found = calloc(ALARMS_MAX, sizeof(*watcher->found));
    if (watcher->alarms == NULL || watcher->records == NULL ||
            watcher->found == NULL) {
        fprintf(stderr, "rue drift: no memory\n");
        return false;
    }
    if (strcmp(text, RECORDED) == 0)
        return true;
    watcher->detector = detector_find(bytes_of(text, size));
    if (watcher->detector == NULL) {
        (void)cli_usage(
                "drift", "--detector: there is no '%.*s'", (int)size, text);
        return false;
    }
    for (const char *at = text + size; *at == ',';) {
        size_t key, whole;
        at++;
        whole = strcspn(at, ",");
        key = strcspn(at, "=,");
        if (key == whole || count == SETTINGS_MAX) {
            (void)cli_usage("drift", "--detector: '%s'", text);
            return false;
        }
        settings[count++] = (struct keyvalue){bytes_of(at, key),
                bytes_of(at + key + 1, whole - key - 1), 0, false};
        at += whole;
    }
    if (options_parse(&watcher->detector->options, settings, count, &options,
                &err) != 0) {
        (void)cli_usage("drift", "--detector: %s", err.text);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        if (!settings[i].used) {
            (void)cli_usage("drift", "--detector: %s has no option '%.*s'",
                    watcher->detector->name, (int)settings[i].key.size,
                    (const char *)settings[i].key.data);
            return false;
        }
    watcher->detector->init(&watcher->state, &options);
    return true;
}

static bool take_changes(void *target, const char *option, char *text)
{
    struct drift_command *command = target;
    const char *at = text;

    command->scored = true;
    while (*at != '\0') {
        struct change *change = &command->changes[command->change_count];
        char *end;
        if (command->change_count == CHANGES_MAX) {
            (void)cli_usage("drift", "%s: more than %u", option, CHANGES_MAX);
            return false;
        }
        change->from = change->to = strtod(at, &end);
        if (end != at && *end == '-')
            change->to = strtod(end + 1, &end);
        if (end == at || (*end != ',' && *end != '\0') ||
                !(change->to >= change->from) ||
                (command->change_count > 0 &&
                        !(change->from >= change[-1].to))) {
            (void)cli_usage(
                    "drift", "%s: '%s' is no ascending list", option, text);
            return false;
        }
        command->change_count++;
        at = end + (*end == ',');
    }
    return true;
}

static bool take_range(void *target, const char *option, char *text)
{
    struct drift_command *command = target;
    char *end;

    command->ranged = true;
    command->min = strtod(text, &end);
    if (end != text && *end == ':') {
        const char *second = end + 1;
        command->max = strtod(second, &end);
        if (end != second && *end == '\0' && isfinite(command->min) &&
                isfinite(command->max) && command->max > command->min)
            return true;
    }
    (void)cli_usage("drift", "%s: '%s' is not MIN:MAX", option, text);
    return false;
}

static bool is_store(struct drift_command *command)
{
    struct stat stat_of_path;

    if (stat(command->path, &stat_of_path) != 0 ||
            !S_ISDIR(stat_of_path.st_mode))
        return false;
    command->store.path = command->path;
    return true;
}

static bool has_recorded(const struct drift_command *command)
{
    for (uint32_t i = 0; i < command->watcher_count; i++)
        if (command->watchers[i].detector == NULL)
            return true;
    return false;
}

/* What goes together, and what was not given. */
static int settle(struct drift_command *command)
{
    bool store = is_store(command);

    if (store && (command->column != NULL || command->ranged))
        return cli_usage(
                "drift", "--column and --range: of a file, not of a store");
    if (!store &&
            (command->store.problem != NULL || command->store.action != NULL ||
                    command->store.group != NULL ||
                    command->store.stream != NULL || has_recorded(command)))
        return cli_usage("drift",
                "--problem, --stream, --action, --group and the detector " RECORDED
                ": of a store, not of a file");
    if (command->store.stream != NULL &&
            !drift_store_knows(command->store.stream))
        return cli_usage(
                "drift", "--stream: there is no '%s'", command->store.stream);
    if (command->early == 0.0)
        command->early = command->late / 10.0;
    if (!(command->late > 0.0) || !(command->early > 0.0))
        return cli_usage("drift", "--early and --late are more than 0");
    if (command->watcher_count == 0 &&
            !(watcher_open(
                      &command->watchers[command->watcher_count++], "adwin") &&
                    watcher_open(&command->watchers[command->watcher_count++],
                            "page-hinkley")))
        return 1;
    return 0;
}

static bool take_detector(void *target, const char *option, char *text)
{
    struct drift_command *command = target;

    if (command->watcher_count < ARRAY_COUNT(command->watchers))
        return watcher_open(&command->watchers[command->watcher_count++], text);
    (void)cli_usage("drift", "%s: too many", option);
    return false;
}

/* -1: go on; otherwise the exit status. */
static int parse(struct drift_command *command, int argc, char **argv)
{
    struct drift_store *store = &command->store;
    const struct cli_option options[] = {
            CLI_TEXT("column", &command->column),
            CLI_CALL("detector", take_detector, command),
            CLI_CALL("range", take_range, command),
            CLI_CALL("changes", take_changes, command),
            CLI_ANY_NUMBER("early", &command->early),
            CLI_ANY_NUMBER("late", &command->late),
            CLI_TEXT("problem", &store->problem),
            CLI_TEXT("stream", &store->stream),
            CLI_TEXT("action", &store->action),
            CLI_TEXT("group", &store->group),
            CLI_FLAG("json", &command->json),
            CLI_HELP(help),
    };
    int status = cli_options(options, ARRAY_COUNT(options), argc, argv);

    if (status >= 0)
        return status;
    if (optind + 1 != argc)
        return cli_usage("drift", "name one file or store");
    command->path = argv[optind];
    status = settle(command);
    return status == 0 ? -1 : status;
}

/* ---- the file ---- */

/* The field `column` of a line of CSV without quotes around numbers. */
static bool field_of(const char *line, uint32_t column, struct bytes *field)
{
    for (uint32_t i = 0;; i++) {
        size_t size = strcspn(line, ",;\t\r\n");
        if (i == column) {
            while (size > 0 && (*line == ' ' || *line == '"')) {
                line++;
                size--;
            }
            while (size > 0 && (line[size - 1] == ' ' || line[size - 1] == '"'))
                size--;
            *field = bytes_of(line, size);
            return true;
        }
        if (line[size] == '\0' || line[size] == '\r' || line[size] == '\n')
            return false;
        line += size + 1;
    }
}

/* The column's index: a number, or a name in the header. */
static int find_column(
        const struct drift_command *command, const char *header, uint32_t *out)
{
    struct bytes field;
    double number;

    *out = 0;
    if (command->column == NULL)
        return 0;
    if (number_parse(bytes_of_text(command->column), &number) &&
            number >= 1.0 && number <= 100000.0 && number == floor(number)) {
        *out = (uint32_t)number - 1;
        return 0;
    }
    for (uint32_t i = 0; field_of(header, i, &field); i++)
        if (bytes_equal(field, bytes_of_text(command->column))) {
            *out = i;
            return 0;
        }
    fprintf(stderr, "rue drift: %s: there is no column '%s'\n", command->path,
            command->column);
    return 1;
}

static void note(struct drift_command *command, struct watcher *watcher,
        uint64_t record, const struct detection *found)
{
    watcher->full = watcher->count == ALARMS_MAX;
    if (watcher->full)
        return;
    watcher->alarms[watcher->count] = (double)command->rows;
    watcher->records[watcher->count] = record;
    watcher->found[watcher->count++] = *found;
}

static void feed(struct drift_command *command, uint64_t record, double scaled)
{
    command->rows++;
    for (uint32_t i = 0; i < command->watcher_count; i++) {
        struct watcher *watcher = &command->watchers[i];
        struct detection found;
        if (watcher->detector != NULL &&
                watcher->detector->feed(&watcher->state, scaled, &found))
            note(command, watcher, record, &found);
    }
}

static int bad_line(
        const struct drift_command *command, uint64_t number, const char *what)
{
    fprintf(stderr, "rue drift: %s: line %llu: %s\n", command->path,
            (unsigned long long)number, what);
    return 1;
}

static int read_lines(struct drift_command *command, FILE *file)
{
    char *line = NULL;
    size_t room = 0;
    uint32_t column = 0;
    int status = 0;

    for (uint64_t number = 1; status == 0 && getline(&line, &room, file) != -1;
            number++) {
        struct bytes field;
        double value;
        if (number == 1)
            status = find_column(command, line, &column);
        if (status != 0 || line[strspn(line, " \t\r\n")] == '\0')
            continue;
        if (!field_of(line, column, &field))
            status = bad_line(command, number, "has too few columns");
        else if (number_parse(field, &value) && isfinite(value))
            feed(command, 0,
                    (value - command->min) / (command->max - command->min));
        else if (number > 1)
            status = bad_line(command, number, "is not a number");
    }
    free(line);
    return status;
}

static int read_file(struct drift_command *command)
{
    bool standard = strcmp(command->path, "-") == 0;
    FILE *file = standard ? stdin : fopen(command->path, "r");
    int status;

    if (file == NULL) {
        fprintf(stderr, "rue drift: %s: %s\n", command->path,
                strerrordesc_np(errno));
        return 1;
    }
    status = read_lines(command, file);
    if (!standard)
        (void)fclose(file);
    if (status == 0 && command->rows == 0)
        status = bad_line(command, 1, "there is no number in the file");
    return status;
}

/* ---- the store ---- */

static void take_value(void *self, uint64_t record, double value)
{
    feed(self, record, value);
}

static void take_alarm(
        void *self, uint64_t record, const struct alarm_record *alarm)
{
    struct drift_command *command = self;
    struct detection found = {alarm->statistic, alarm->threshold, alarm->before,
            alarm->after, alarm->rows};

    for (uint32_t i = 0; i < command->watcher_count; i++)
        if (command->watchers[i].detector == NULL)
            note(command, &command->watchers[i], record, &found);
}

static int read_store(struct drift_command *command)
{
    struct err err;

    command->store.value = take_value;
    command->store.alarm = take_alarm;
    command->store.self = command;
    if (drift_store_run(&command->store, &err) != 0)
        return cli_fail("drift", &err);
    if (command->store.lost > 0)
        fprintf(stderr,
                "rue drift: %llu outcomes are passed over: their decisions are "
                "not kept\n",
                (unsigned long long)command->store.lost);
    if (command->rows > 0)
        return 0;
    fprintf(stderr, "rue drift: %s: there is no outcome of that kind\n",
            command->path);
    return 1;
}

/* ---- printing ---- */

static json_t *json_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *score_json(const struct proximity *score)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:i,s:i,s:i,s:i,s:i}",
            "precision", json_or_null(score->precision), "recall",
            json_or_null(score->recall), "f1", json_or_null(score->f1),
            "hit_rate", json_or_null(score->hit_rate), "mean_early",
            json_or_null(score->early_mean), "mean_late",
            json_or_null(score->late_mean), "hits", (int)score->hits,
            "early_hits", (int)score->early_hits, "late_hits",
            (int)score->late_hits, "repeats", (int)score->repeats,
            "false_alarms", (int)score->false_alarms);
}

static void print_json(const struct drift_command *command,
        const struct watcher *watcher, const double *scores,
        const struct proximity *score)
{
    json_t *alarms = json_array(), *all;

    for (uint32_t i = 0; i < watcher->count; i++) {
        const struct detection *found = &watcher->found[i];
        json_t *alarm = json_pack("{s:f,s:f,s:f,s:f,s:f,s:I}", "row",
                watcher->alarms[i], "statistic", found->statistic, "threshold",
                found->threshold, "before", found->before, "after",
                found->after, "rows_since", (json_int_t)found->rows);
        if (watcher->records[i] > 0)
            (void)json_object_set_new(alarm, "record",
                    json_integer((json_int_t)watcher->records[i]));
        if (command->scored)
            (void)json_object_set_new(alarm, "score", json_real(scores[i]));
        (void)json_array_append_new(alarms, alarm);
    }
    all = json_pack("{s:s,s:I,s:o}", "detector", watcher->text, "rows",
            (json_int_t)command->rows, "alarms", alarms);
    if (command->scored)
        (void)json_object_set_new(all, "score", score_json(score));
    cli_print_json(all);
}

static void print_number(const char *name, double value)
{
    if (isfinite(value))
        printf("  %-26s %.6g\n", name, value);
    else
        printf("  %-26s -\n", name);
}

static void print_text(const struct drift_command *command,
        const struct watcher *watcher, const double *scores,
        const struct proximity *score)
{
    printf("%s: %u alarm%s in %llu rows\n", watcher->text, watcher->count,
            watcher->count == 1 ? "" : "s", (unsigned long long)command->rows);
    for (uint32_t i = 0; i < watcher->count; i++) {
        const struct detection *found = &watcher->found[i];
        printf("  row %-10.0f %.4f -> %.4f, since %llu rows; statistic %.4g, "
               "threshold %.4g",
                watcher->alarms[i], found->before, found->after,
                (unsigned long long)found->rows, found->statistic,
                found->threshold);
        if (watcher->records[i] > 0)
            printf("; record %llu", (unsigned long long)watcher->records[i]);
        if (command->scored)
            printf("; score %.3f", scores[i]);
        putchar('\n');
    }
    if (!command->scored)
        return;
    print_number("precision", score->precision);
    print_number("recall", score->recall);
    print_number("f1", score->f1);
    print_number("hit rate", score->hit_rate);
    print_number("mean delay of late hits", score->late_mean);
    print_number("mean lead of early hits", score->early_mean);
    print_number("repeats", score->repeats);
    print_number("false alarms", score->false_alarms);
    print_number("false alarms per 1e6 rows",
            score->false_alarms * 1e6 / (double)command->rows);
}

static void print(
        const struct drift_command *command, const struct watcher *watcher)
{
    double *scores = calloc(watcher->count + 1, sizeof(*scores));
    struct proximity score;

    if (scores == NULL)
        return;
    proximity_score(watcher->alarms, watcher->count, command->changes,
            command->change_count, command->early, command->late, scores,
            &score);
    if (command->json)
        print_json(command, watcher, scores, &score);
    else
        print_text(command, watcher, scores, &score);
    if (watcher->full)
        fprintf(stderr, "rue drift: only the first %u alarms are shown\n",
                ALARMS_MAX);
    free(scores);
}

int cmd_drift(int argc, char **argv)
{
    static struct drift_command command = {
            .path = "-", .max = 1.0, .late = 5000.0};
    int status = parse(&command, argc, argv);

    if (status < 0)
        status = command.store.path != NULL ? read_store(&command)
                                            : read_file(&command);
    for (uint32_t i = 0; status == 0 && i < command.watcher_count; i++)
        print(&command, &command.watchers[i]);
    for (uint32_t i = 0; i < command.watcher_count; i++) {
        free(command.watchers[i].alarms);
        free(command.watchers[i].records);
        free(command.watchers[i].found);
    }
    return status;
}
