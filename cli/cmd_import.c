/* rue import: logs from elsewhere into a store. */
#include "cli/options.h"
#include "config/config.h"
#include "formats/stream.h"
#include "replay/import.h"
#include "replay/progressive.h"
#include "replay/restore.h"

#include <fcntl.h>
#include <getopt.h> /* optind */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAP_BYTES       (2 * GROW_BYTES) /* to begin with */
#define GROW_BYTES      (8 * IMPORT_BATCH_BYTES) /* with pages of all tables */
#define SPEC_BYTES      ((size_t)16 << 20)
#define REPORTED_MAX    100u
#define MAP_TEXT_SIZE   4096u
#define PROGRESS_EVENTS 16384u

static void print_help(void)
{
    puts("usage: rue import FORMAT FILE... --store DIR [OPTION]...\n"
         "\n"
         "Takes the events of a log from elsewhere into a store, which is then\n"
         "one as the service writes it. FILE may be - for standard input.\n"
         "\n"
         "Formats:\n"
         "  rue      a log of rue's own, as `rue export rue` writes it");
    for (size_t i = 0; i < format_count; i++)
        printf("  %-8s %s\n", formats[i]->name, formats[i]->sentence);
    puts("\n"
         "  --store DIR      the store; it is made if there is none\n"
         "  --problem NAME   the problem's name (default imported)\n"
         "  --config FILE    take its settings from there; without it they are\n"
         "                   made from what the log holds, with policy: auto\n"
         "  --reward A,B     reward.min and reward.max, in place of what is seen\n"
         "  --map F=COLUMN   csv: which column is which; may be repeated. F is\n"
         "                   event, time, action, propensity, reward, cost,\n"
         "                   pdrop, actions, number, feature, text or ignore\n"
         "  --items FILE     obd: the table of the items' features\n"
         "  --metric progressive-ips\n"
         "                   then replays it: the loss that a policy would have\n"
         "                   had, learning as it goes, by inverse propensities\n"
         "  --policy P       of that policy: KEY=VALUE,KEY=VALUE as under policy:\n"
         "                   in a configuration, or auto; default the problem's\n"
         "  --strict         stop at the first row that is not taken\n"
         "  --rejects FILE   write the number of each line that is not taken, and\n"
         "                   why, there too\n"
         "  --json           the report as one JSON object\n"
         "\n"
         "Rows that are not taken are reported by their line and counted. Exit\n"
         "status 1: nothing was taken (but of unlabelled events there is nothing\n"
         "to take), or --strict stopped.\n"
         "\n"
         "Example:\n"
         "  rue import dsjson events.json --store /tmp/log && rue log /tmp/log");
}

/* What became of the lines. */
struct tally {
    uint64_t unlabelled, passed, refused, unsupported;
    uint64_t cut; /* values of features that no record holds */
    uint64_t capped; /* events with a propensity above 1 */
};

struct import_command {
    const struct format *format;
    char **paths;
    int path_count;
    const char *store, *problem, *config_path, *rejects_path;
    const char *policy; /* of the metric; NULL: the problem's own */
    double range[2];
    bool has_range, strict, json, metric;
    char map[MAP_TEXT_SIZE];
    struct format_settings settings;

    struct survey survey;
    bool surveying;
    bool empty; /* the survey found nothing to write */
    struct config *config;
    struct problem_spec made; /* where there is no config */
    struct problem_spec *spec;
    struct arena specs;
    struct ledger *ledger;
    struct import *import;
    struct import_counts counts;
    struct progressive progressive;
    char policy_name[POLICY_NAME_SIZE];
    struct restore *restore; /* a log of rue's own, in place of a format */
    uint64_t records;
    FILE *rejects;
    const char *path; /* of the file in hand */
    struct tally tally;
    int spooled; /* standard input, so that it can be read twice; -1 = none */
};

/* ---- lines that are not taken ---- */

static const char *kind_of(enum parsed parsed, enum status status)
{
    if (parsed == PARSED_UNLABELLED)
        return "unlabelled";
    if (parsed == PARSED_PASSED)
        return "passed over";
    return status == STATUS_UNSUPPORTED ? "unsupported" : "refused";
}

static void count_line(struct tally *tally, enum parsed parsed, int status)
{
    if (parsed == PARSED_UNLABELLED)
        tally->unlabelled++;
    else if (parsed == PARSED_PASSED)
        tally->passed++;
    else if (status == STATUS_UNSUPPORTED)
        tally->unsupported++;
    else
        tally->refused++;
}

static uint64_t not_taken(const struct tally *tally)
{
    return tally->unlabelled + tally->passed + tally->refused +
            tally->unsupported;
}

/* Notes a line that is not taken; with --strict a bad one is a failure. */
static int reject(struct import_command *command, enum parsed parsed,
        uint64_t line, struct err *err)
{
    const char *kind = kind_of(parsed, err->status);
    bool bad = parsed == PARSED_REFUSED;

    if (parsed == PARSED_UNLABELLED)
        (void)err_set(err, STATUS_OK,
                "does not say which action was taken and how likely it was");
    if (command->surveying && !(bad && command->strict))
        return 0;
    if (bad && command->strict)
        return err_prefix(err, "%s:%" PRIu64, command->path, line);
    count_line(&command->tally, parsed, (int)err->status);
    if (not_taken(&command->tally) <= REPORTED_MAX)
        fprintf(stderr, "%s:%" PRIu64 ": %s: %s\n", command->path, line, kind,
                err->text);
    else if (not_taken(&command->tally) == REPORTED_MAX + 1)
        fprintf(stderr,
                "rue import: further lines are counted only (--rejects FILE "
                "has them all)\n");
    if (command->rejects != NULL)
        fprintf(command->rejects, "%s:%" PRIu64 ": %s: %s\n", command->path,
                line, kind, err->text);
    return 0;
}

/* ---- one pass ---- */

static int take_event(struct import_command *command,
        const struct logged *event, struct err *err)
{
    if (command->surveying || command->empty)
        return survey_add(&command->survey, event, err);
    command->tally.cut += event->cut;
    command->tally.capped += event->capped;
    return import_add(command->import, event, err);
}

static void show_progress(
        const struct import_command *command, const struct stream *stream)
{
    struct stat file;
    uint64_t all = 0;

    if (fstat(stream->lines.fd, &file) == 0 && S_ISREG(file.st_mode))
        all = (uint64_t)file.st_size;
    cli_progress(command->surveying ? "reading" : "importing",
            stream->lines.bytes, all > stream->lines.bytes ? all : 0);
}

static int read_stream(
        struct import_command *command, struct stream *stream, struct err *err)
{
    struct logged event;
    enum parsed parsed;
    uint64_t seen = 0;

    while ((parsed = stream_next(stream, &event, err)) != PARSED_MORE) {
        int status = 0;
        if (parsed == PARSED_EVENT) {
            status = take_event(command, &event, err);
            if (status == STATUS_INVALID)
                parsed = PARSED_REFUSED;
        }
        if (parsed != PARSED_EVENT)
            status = reject(command, parsed, event.line, err);
        if (status != 0)
            return status;
        if (++seen % PROGRESS_EVENTS == 0)
            show_progress(command, stream);
    }
    return stream->failure;
}

/* Standard input, kept so that it can be read again. */
static int spool(struct import_command *command, struct err *err)
{
    static char block[1 << 16];
    char path[] = "/tmp/rue-import-XXXXXX";
    ssize_t got;

    if (command->spooled >= 0)
        return lseek(command->spooled, 0, SEEK_SET) == 0
                ? 0
                : err_set(err, STATUS_IO, "standard input: cannot be kept");
    command->spooled = mkstemp(path);
    if (command->spooled < 0)
        return err_set(err, STATUS_IO, "standard input: cannot be kept");
    (void)unlink(path);
    while ((got = read(STDIN_FILENO, block, sizeof(block))) > 0)
        if (write(command->spooled, block, (size_t)got) != got)
            return err_set(err, STATUS_IO, "standard input: cannot be kept");
    if (got < 0 || lseek(command->spooled, 0, SEEK_SET) != 0)
        return err_set(err, STATUS_IO, "standard input: cannot be kept");
    return 0;
}

static int open_input(struct import_command *command, int *fd, struct err *err)
{
    int status;

    if (strcmp(command->path, "-") != 0) {
        *fd = open(command->path, O_RDONLY | O_CLOEXEC);
        return *fd >= 0 ? 0 : err_set(err, STATUS_NOT_FOUND, "cannot be read");
    }
    status = spool(command, err);
    *fd = command->spooled;
    return status;
}

/* A log of rue's own, a record a line. */
static int restore_lines(
        struct import_command *command, int fd, struct err *err)
{
    struct lines lines;
    struct bytes line;
    int status = lines_open(&lines, fd, err);

    if (status != 0)
        return status;
    while ((status = lines_next(&lines, &line, err)) != STATUS_NOT_FOUND) {
        if (status == 0 && line.size == 0)
            continue;
        if (status == 0)
            status = restore_add(command->restore, line, err);
        command->records += status == 0;
        if (status == STATUS_INVALID || status == STATUS_UNSUPPORTED) {
            err->status = (enum status)status;
            status = reject(command, PARSED_REFUSED, lines.number, err);
        }
        if (status != 0)
            break;
        if (lines.number % PROGRESS_EVENTS == 0)
            cli_progress("importing", lines.bytes, 0);
    }
    lines_close(&lines);
    return status == STATUS_NOT_FOUND ? 0 : status;
}

static int read_events(struct import_command *command, int fd, struct err *err)
{
    struct stream stream;
    int status =
            stream_open(&stream, command->format, &command->settings, fd, err);

    if (status != 0)
        return status;
    status = read_stream(command, &stream, err);
    stream_close(&stream);
    return status;
}

static int read_file(struct import_command *command, struct err *err)
{
    int fd, status = open_input(command, &fd, err);

    if (status != 0)
        return err_prefix(err, "%s", command->path);
    status = command->restore != NULL ? restore_lines(command, fd, err)
                                      : read_events(command, fd, err);
    if (fd != command->spooled)
        (void)close(fd);
    return status;
}

static int read_files(struct import_command *command, struct err *err)
{
    int status = 0;

    for (int i = 0; status == 0 && i < command->path_count; i++) {
        command->path = command->paths[i];
        status = read_file(command, err);
    }
    return status;
}

/* ---- settings ---- */

static int spec_of_config(struct import_command *command, struct err *err)
{
    struct bytes name = bytes_of_text(command->problem);

    command->config = config_load(command->config_path, err);
    if (command->config == NULL)
        return STATUS_INVALID;
    for (uint32_t i = 0; i < command->config->problem_count; i++)
        if (bytes_equal(command->config->problems[i]->name, name)) {
            command->spec = command->config->problems[i];
            return 0;
        }
    return err_set(err, STATUS_INVALID, "%s: has no problem '%s' (--problem)",
            command->config_path, command->problem);
}

static int spec_of_survey(struct import_command *command, struct err *err)
{
    char *text = malloc(SURVEY_TEXT_SIZE);
    int status = survey_open(&command->survey, command->format, err);

    if (status == 0 && text == NULL)
        status = err_set(err, STATUS_INTERNAL, "no memory");
    command->surveying = true;
    if (status == 0)
        status = read_files(command, err);
    command->surveying = false;
    if (status == 0)
        status = survey_settings(&command->survey,
                command->has_range ? command->range : NULL, text,
                SURVEY_TEXT_SIZE, err);
    if (status == 0)
        status = problem_spec_parse_text(&command->made,
                bytes_of_text(command->problem), bytes_of_text(text),
                &command->specs, err);
    command->spec = &command->made;
    command->empty = status == 0 && command->survey.events == 0;
    free(text);
    return status;
}

/* ---- the report ---- */

static void print_metric(const struct import_command *command);

static void print_text(const struct import_command *command)
{
    const struct import_counts *counts = &command->counts;
    const struct tally *tally = &command->tally;

    printf("decisions    %" PRIu64 "\n", counts->decisions);
    printf("feedbacks    %" PRIu64 "\n", counts->feedbacks);
    if (counts->chosen_only > 0)
        printf("chosen_only  %" PRIu64
               "  only the propensity of the action taken is known\n",
                counts->chosen_only);
    if (counts->renamed > 0)
        printf("renamed      %" PRIu64 "  their id was taken already\n",
                counts->renamed);
    if (tally->cut > 0)
        printf("cut          %" PRIu64
               "  values of features, to within +-%g (no number: 0)\n",
                tally->cut, VALUE_MAX);
    if (tally->capped > 0)
        printf("capped       %" PRIu64
               "  propensities above 1, which were taken as 1\n",
                tally->capped);
    if (tally->unlabelled > 0)
        printf("unlabelled   %" PRIu64
               "  do not say which action was taken and how likely it was\n",
                tally->unlabelled);
    if (tally->passed > 0)
        printf("passed       %" PRIu64 "  are no events\n", tally->passed);
    if (tally->unsupported > 0)
        printf("unsupported  %" PRIu64 "\n", tally->unsupported);
    printf("refused      %" PRIu64 "\n", tally->refused);
    if (command->metric && command->import != NULL)
        print_metric(command);
}

/* ---- the metric ---- */

/* The problem's settings with another policy. */
static int other_policy(struct import_command *command,
        struct problem_spec *spec, struct err *err)
{
    static char text[SURVEY_TEXT_SIZE];
    struct bytes rest = command->spec->text;
    struct writer writer = writer_over(text, sizeof(text));
    const char *at = command->policy;
    int status;

    while (rest.size > 0) {
        const uint8_t *end = memchr(rest.data, '\n', rest.size);
        size_t size = end == NULL ? rest.size : (size_t)(end - rest.data) + 1;
        if (size < 6 || memcmp(rest.data, "policy", 6) != 0)
            write_bytes(&writer, bytes_of(rest.data, size));
        rest.data += size;
        rest.size -= size;
    }
    if (strchr(at, '=') == NULL) {
        write_bytes(&writer, bytes_of_text("policy: "));
        write_bytes(&writer, bytes_of_text(at));
        write_u8(&writer, '\n');
        at = "";
    }
    while (*at != '\0') {
        size_t size = strcspn(at, ","), name = strcspn(at, "=,");
        if (name >= size)
            return err_set(err, STATUS_INVALID,
                    "--policy: '%s' is not KEY=VALUE,KEY=VALUE",
                    command->policy);
        write_bytes(&writer, bytes_of_text("policy."));
        write_bytes(&writer, bytes_of(at, name));
        write_bytes(&writer, bytes_of_text(": "));
        write_bytes(&writer, bytes_of(at + name + 1, size - name - 1));
        write_u8(&writer, '\n');
        at += size + (at[size] == ',');
    }
    if (writer.failed)
        return err_set(err, STATUS_INVALID, "--policy: too long");
    status = problem_spec_parse_text(spec, command->spec->name,
            writer_bytes(&writer), &command->specs, err);
    spec->number = command->spec->number;
    spec->since = command->spec->since;
    return status == 0 ? 0 : err_prefix(err, "--policy");
}

static int run_metric(struct import_command *command, struct err *err)
{
    struct problem_spec spec = *command->spec;
    struct ledger_reader reader;
    int status = 0;

    if (command->policy != NULL)
        status = other_policy(command, &spec, err);
    if (status == 0)
        status = ledger_reader_open(command->ledger, &reader, err);
    if (status != 0)
        return status;
    status = progressive_run(&reader, &spec, 0, 0, &command->progressive, err);
    ledger_reader_close(&reader);
    (void)snprintf(command->policy_name, sizeof(command->policy_name), "%s",
            spec.policy_name);
    return status;
}

/* Both reports end with it. */
static void print_metric(const struct import_command *command)
{
    const struct progressive *metric = &command->progressive;

    printf("progressive_ips %.6f  of %s, over %" PRIu64
           " outcomes of weight %.6g\n",
            metric->loss, command->policy_name, metric->rows, metric->weight);
    printf("logged_cost     %.6f\nmean_ratio      %.6f\n", metric->cost,
            metric->ratio);
}

static json_t *json_metric(const struct import_command *command)
{
    const struct progressive *metric = &command->progressive;

    return json_pack("{s:s, s:f, s:I, s:f, s:f, s:f}", "policy",
            command->policy_name, "loss", metric->loss, "rows",
            (json_int_t)metric->rows, "weight", metric->weight, "logged_cost",
            metric->cost, "mean_ratio", metric->ratio);
}

static void print_json(const struct import_command *command)
{
    const struct import_counts *counts = &command->counts;
    const struct tally *tally = &command->tally;

    json_t *report = json_pack(
            "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
            "format", command->format->name, "problem", command->problem,
            "decisions", (json_int_t)counts->decisions, "feedbacks",
            (json_int_t)counts->feedbacks, "chosen_only",
            (json_int_t)counts->chosen_only, "renamed",
            (json_int_t)counts->renamed, "cut", (json_int_t)tally->cut,
            "capped", (json_int_t)tally->capped, "unlabelled",
            (json_int_t)tally->unlabelled, "passed", (json_int_t)tally->passed,
            "unsupported", (json_int_t)tally->unsupported, "refused",
            (json_int_t)tally->refused);

    if (command->metric && command->import != NULL)
        (void)json_object_set_new(
                report, "progressive_ips", json_metric(command));
    cli_print_json(report);
}

static void report_restored(const struct import_command *command)
{
    const uint64_t *counts = restore_counts(command->restore);
    const struct tally *tally = &command->tally;
    json_t *records;

    if (!command->json) {
        for (int kind = 1; kind <= RECORD_KIND_MAX; kind++)
            if (counts[kind] > 0)
                printf("%-12s %" PRIu64 "\n",
                        record_kind_name((enum record_kind)kind), counts[kind]);
        if (tally->unsupported > 0)
            printf("unsupported  %" PRIu64 "\n", tally->unsupported);
        printf("refused      %" PRIu64 "\n", tally->refused);
        return;
    }
    records = json_object();
    for (int kind = 1; kind <= RECORD_KIND_MAX; kind++)
        (void)json_object_set_new(records,
                record_kind_name((enum record_kind)kind),
                json_integer((json_int_t)counts[kind]));
    cli_print_json(json_pack("{s:s, s:o, s:I, s:I}", "format", "rue", "records",
            records, "unsupported", (json_int_t)tally->unsupported, "refused",
            (json_int_t)tally->refused));
}

/* ---- the whole ---- */

/* The import itself does not wait for the disk: it can be run again. */
static int sync_store(const char *directory, struct err *err)
{
    char path[4096];
    int fd, failed;

    (void)snprintf(path, sizeof(path), "%s/data.mdb", directory);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    failed = fd < 0 || fsync(fd) != 0;
    if (fd >= 0)
        (void)close(fd);
    return failed ? err_set(err, STATUS_IO, "%s: cannot be synced", path) : 0;
}

static int write_store(struct import_command *command, struct err *err)
{
    struct store_settings settings = {
            .map_bytes = MAP_BYTES, .grow_bytes = GROW_BYTES, .no_sync = true};
    int status = ledger_open(command->store, &settings, &command->ledger, err);

    if (status == 0)
        status = import_open(
                &command->import, command->ledger, command->spec, err);
    if (status == 0)
        status = read_files(command, err);
    if (status == 0)
        status = import_commit(command->import, err);
    return status == 0 ? sync_store(command->store, err) : status;
}

static int restore_store(struct import_command *command, struct err *err)
{
    struct store_settings settings = {
            .map_bytes = MAP_BYTES, .grow_bytes = GROW_BYTES, .no_sync = true};
    int status = ledger_open(command->store, &settings, &command->ledger, err);

    if (status == 0)
        status = restore_open(&command->restore, command->ledger, err);
    if (status == 0)
        status = read_files(command, err);
    if (status == 0)
        status = restore_commit(command->restore, err);
    if (status == 0)
        status = sync_store(command->store, err);
    if (status == 0)
        report_restored(command);
    return status;
}

static int run(struct import_command *command, struct err *err)
{
    int status = 0;

    command->specs = arena_over(malloc(SPEC_BYTES), SPEC_BYTES);
    if (command->specs.data == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    if (command->rejects_path != NULL) {
        command->rejects = fopen(command->rejects_path, "we");
        if (command->rejects == NULL)
            return err_set(err, STATUS_IO, "%s: cannot be written",
                    command->rejects_path);
    }
    if (command->format == NULL)
        return restore_store(command, err);
    status = command->config_path != NULL ? spec_of_config(command, err)
                                          : spec_of_survey(command, err);
    if (status == 0)
        status = command->empty ? read_files(command, err)
                                : write_store(command, err);
    if (status != 0)
        return status;
    if (command->metric && command->import != NULL)
        status = run_metric(command, err);
    if (status != 0)
        return status;
    if (command->import != NULL)
        command->counts = *import_counts(command->import);
    if (command->json)
        print_json(command);
    else
        print_text(command);
    return 0;
}

static void clean(struct import_command *command)
{
    import_close(command->import);
    restore_close(command->restore);
    survey_close(&command->survey);
    if (command->ledger != NULL)
        ledger_close(command->ledger);
    if (command->config != NULL)
        config_free(command->config);
    if (command->rejects != NULL)
        (void)fclose(command->rejects);
    if (command->spooled >= 0)
        (void)close(command->spooled);
    free(command->specs.data);
}

static bool take_map(void *target, const char *option, char *text)
{
    struct import_command *command = target;
    size_t used = strlen(command->map);
    int written = snprintf(command->map + used, sizeof(command->map) - used,
            "%s%s", used > 0 ? "," : "", text);

    command->settings.map = command->map;
    if (written > 0 && (size_t)written < sizeof(command->map) - used)
        return true;
    (void)cli_usage("import", "%s: too long", option);
    return false;
}

static bool take_range(void *target, const char *option, char *text)
{
    struct import_command *command = target;
    const char *comma = strchr(text, ',');
    char first[64];

    if (comma == NULL || (size_t)(comma - text) >= sizeof(first)) {
        (void)cli_usage("import", "%s: give MIN,MAX", option);
        return false;
    }
    memcpy(first, text, (size_t)(comma - text));
    first[comma - text] = '\0';
    command->has_range = true;
    return cli_number("import", option, first, &command->range[0]) &&
            cli_number("import", option, comma + 1, &command->range[1]);
}

static int import_files(struct import_command *command)
{
    struct err err = {STATUS_OK, ""};
    int status = run(command, &err);
    bool nothing = status == 0 && command->counts.decisions == 0 &&
            command->records == 0;

    clean(command);
    if (status != 0)
        return cli_fail("import", &err);
    if (nothing)
        fprintf(stderr, "rue import: nothing was taken\n");
    /* Events that say nothing of what was done are no fault of theirs. */
    return nothing &&
                    (command->tally.unlabelled == 0 ||
                            command->tally.refused > 0)
            ? 1
            : 0;
}

int cmd_import(int argc, char **argv)
{
    static const char *const metrics[] = {"progressive-ips", NULL};
    static struct import_command command = {
            .problem = "imported", .spooled = -1};
    uint32_t metric = UINT32_MAX;
    const struct cli_option options[] = {
            CLI_TEXT("store", &command.store),
            CLI_TEXT("problem", &command.problem),
            CLI_TEXT("config", &command.config_path),
            CLI_CALL("reward", take_range, &command),
            CLI_CALL("map", take_map, &command),
            CLI_TEXT("items", &command.settings.items),
            CLI_CHOICE("metric", &metric, metrics),
            CLI_TEXT("policy", &command.policy),
            CLI_FLAG("strict", &command.strict),
            CLI_TEXT("rejects", &command.rejects_path),
            CLI_FLAG("json", &command.json),
            CLI_HELP_OF(print_help),
    };
    int status = cli_options(options, ARRAY_COUNT(options), argc, argv);

    if (status >= 0)
        return status;
    command.metric = metric == 0;
    if (optind + 2 > argc)
        return cli_usage("import", "name the format and a file");
    if (command.store == NULL)
        return cli_usage("import", "--store: name the store's directory");
    command.format = format_find(argv[optind]);
    if (command.format == NULL && strcmp(argv[optind], "rue") != 0)
        return cli_usage("import", "there is no format '%s'", argv[optind]);
    command.paths = argv + optind + 1;
    command.path_count = argc - optind - 1;
    return import_files(&command);
}
