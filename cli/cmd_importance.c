/* rue importance: which features matter. */
#include "base/text.h"
#include "cli/options.h"
#include "replay/importance.h"
#include "replay/span.h"

#include <getopt.h> /* optind */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
        "usage: rue importance DIR [--problem NAME] [--from N|TIME]\n"
        "                      [--to N|TIME] [--sample N] [--top N]\n"
        "                      [--groups] [--json]\n"
        "\n"
        "Which features matter to the decisions of a store's log, as the\n"
        "policy was when it made them. The service may be running. Of each\n"
        "feature, on rewards scaled to 0 to 1:\n"
        "\n"
        "  changes   share of the decisions that would be another if the\n"
        "            feature had the value of another decision: means the same\n"
        "            for every policy\n"
        "  error     by how much predictions of what was chosen would be worse\n"
        "            (squared error)\n"
        "  choice    spread of its contributions among the actions of a\n"
        "            decision\n"
        "  score     spread of its contributions over all: what is the same\n"
        "            for every action has a score and no choice\n"
        "\n"
        "The two in front have a standard error each.\n"
        "\n"
        "  --problem NAME  only this one (every problem that chooses an action)\n"
        "  --from, --to    first and last record, by number or time\n"
        "                  (2026-03-01, 2026-03-01T12:00:00Z)\n"
        "  --sample N      look at about N decisions of the period (1000)\n"
        "  --top N         features that are shown (20); --json has all\n"
        "  --groups        each group, too\n"
        "  --json          one JSON object\n"
        "\n"
        "Example:\n"
        "  rue importance /var/lib/rue --problem checkout --from 2026-03-01 "
        "--groups\n";

#define NAME_SIZE 224

struct importance_command {
    const char *directory, *problem, *from, *to;
    uint64_t sample, top;
    bool groups, json;
    json_t *reports; /* with --json */
    uint32_t reported, skipped;
};

/* ---- text ---- */

/* Features that occur in a slice, by what they change and then by error. */
static uint32_t *sorted(const struct importance *importance, uint32_t slice)
{
    uint32_t count = importance->feature_count;
    uint32_t *order = malloc((count + 1) * sizeof(*order));

    for (uint32_t i = 0; order != NULL && i < count; i++) {
        const struct importance_sums *own =
                &importance->features[i].sums[slice];
        uint32_t at = i;
        for (; at > 0; at--) {
            const struct importance_sums *other =
                    &importance->features[order[at - 1]].sums[slice];
            if (other->changes > own->changes ||
                    (other->changes == own->changes &&
                            other->choice >= own->choice))
                break;
            order[at] = order[at - 1];
        }
        order[at] = i;
    }
    return order;
}

static void slice_name(const struct importance *importance, uint32_t slice,
        char *out, size_t size)
{
    char name[ID_BYTES_MAX + 1];

    if (slice == 0)
        (void)snprintf(out, size, "all");
    else
        (void)snprintf(out, size, "group %s",
                bytes_text(importance->spec->groups[slice - 1].name, name,
                        sizeof(name)));
}

static void print_number(double value, int width)
{
    if (isnan(value))
        printf("%*s", width, "-");
    else
        printf("%*.4f", width, value);
}

static int print_slice(const struct importance_command *command,
        const struct importance *importance, uint32_t slice, struct err *err)
{
    const struct importance_slice *at = &importance->slices[slice];
    uint32_t *order = sorted(importance, slice);
    char name[NAME_SIZE];

    if (order == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    slice_name(importance, slice, name, sizeof(name));
    printf("\n%s: %" PRIu64 " decisions looked at, %" PRIu64
           " with an outcome\n",
            name, at->decisions, at->outcomes);
    printf("  changes          error             choice   score  feature\n");
    for (uint32_t i = 0; i < importance->feature_count && i < command->top;
            i++) {
        struct importance_measures of;
        importance_of(importance, order[i], slice, &of);
        importance_name(importance, order[i], name, sizeof(name));
        print_number(of.changes, 8);
        printf(isnan(of.changes_error) ? "         " : " +-%.4f",
                of.changes_error);
        print_number(of.error, 9);
        printf(isnan(of.error_error) ? "         " : " +-%.4f", of.error_error);
        print_number(of.choice, 8);
        print_number(of.score, 8);
        printf("  %s\n", name);
    }
    if (importance->feature_count > command->top)
        printf("          %u features more (--top, --json)\n",
                importance->feature_count - (uint32_t)command->top);
    free(order);
    return 0;
}

static int print_text(const struct importance_command *command,
        const struct importance *importance, struct err *err)
{
    char name[ID_BYTES_MAX + 1];
    uint32_t slices = command->groups ? importance->slice_count : 1;
    int status = 0;

    printf("%sproblem    %s: %s\n", command->reported > 0 ? "\n" : "",
            bytes_text(importance->spec->name, name, sizeof(name)),
            importance->spec->policy_name);
    printf("decisions  %" PRIu64 " in records %" PRIu64 " to %" PRIu64 "\n",
            importance->decisions, importance->settings.from,
            importance->settings.last);
    if (importance->unfit > 0)
        printf("left out   %" PRIu64 " of other columns, actions or groups\n",
                importance->unfit);
    if (!importance->explained)
        printf("predicts   nothing: only changes can be told\n");
    if (importance->untold > 0)
        printf("left out   %" PRIu64 " occurrences of features beyond %u\n",
                importance->untold, IMPORTANCE_FEATURES_MAX);
    for (uint32_t slice = 0; status == 0 && slice < slices; slice++)
        if (slice == 0 || importance->slices[slice].decisions > 0)
            status = print_slice(command, importance, slice, err);
    return status;
}

/* ---- JSON ---- */

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *feature_json(
        const struct importance *importance, uint32_t feature, uint32_t slice)
{
    struct importance_measures of;
    char name[NAME_SIZE];

    importance_of(importance, feature, slice, &of);
    importance_name(importance, feature, name, sizeof(name));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "feature",
            cli_json_text(bytes_of_text(name)), "changes", number(of.changes),
            "changes_error", number(of.changes_error), "error",
            number(of.error), "error_error", number(of.error_error), "choice",
            number(of.choice), "score", number(of.score));
}

static json_t *slice_json(const struct importance *importance, uint32_t slice)
{
    const struct importance_slice *at = &importance->slices[slice];
    uint32_t *order = sorted(importance, slice);
    json_t *features = json_array();
    char name[NAME_SIZE];

    for (uint32_t i = 0; order != NULL && i < importance->feature_count; i++)
        (void)json_array_append_new(
                features, feature_json(importance, order[i], slice));
    free(order);
    slice_name(importance, slice, name, sizeof(name));
    return json_pack("{s:o, s:I, s:I, s:o}", "slice",
            cli_json_text(bytes_of_text(name)), "decisions",
            (json_int_t)at->decisions, "outcomes", (json_int_t)at->outcomes,
            "features", features);
}

static json_t *report_json(const struct importance *importance)
{
    json_t *slices = json_array();

    for (uint32_t slice = 0; slice < importance->slice_count; slice++)
        (void)json_array_append_new(slices, slice_json(importance, slice));
    return json_pack("{s:o, s:s, s:I, s:I, s:I, s:I, s:b, s:I, s:o}", "problem",
            cli_json_text(importance->spec->name), "policy",
            importance->spec->policy_name, "decisions",
            (json_int_t)importance->decisions, "from",
            (json_int_t)importance->settings.from, "to",
            (json_int_t)importance->settings.last, "unfit",
            (json_int_t)importance->unfit, "predicts", importance->explained,
            "untold", (json_int_t)importance->untold, "slices", slices);
}

/* ---- the period ---- */

static void progress(void *self, uint64_t done, uint64_t all)
{
    (void)self;
    cli_progress("importance", done, all);
}

/* A record by its number, or the first of a time. 0: not given. */
static int find_record(struct ledger_reader *reader, const char *option,
        const char *text, uint64_t *sequence, struct err *err)
{
    nanos time;
    double number;

    *sequence = 0;
    if (text == NULL)
        return 0;
    if (decimal_parse(bytes_of_text(text), &number) && number >= 1.0 &&
            number < 9e15 && number == floor(number)) {
        *sequence = (uint64_t)number;
        return 0;
    }
    if (!time_read(bytes_of_text(text), &time))
        return err_set(err, STATUS_INVALID,
                "%s: '%s' is neither a record's number nor a time", option,
                text);
    return span_since(reader, time, sequence, err);
}

static int find_period(const struct importance_command *command,
        struct ledger *ledger, struct importance_settings *settings,
        struct err *err)
{
    struct ledger_reader reader;
    double number;
    int status = ledger_reader_open(ledger, &reader, err);

    if (status != 0)
        return status;
    status =
            find_record(&reader, "--from", command->from, &settings->from, err);
    if (status == 0)
        status =
                find_record(&reader, "--to", command->to, &settings->last, err);
    /* A time is an end that is not of the period any more. */
    if (status == 0 && command->to != NULL && settings->last > 0 &&
            !decimal_parse(bytes_of_text(command->to), &number) &&
            --settings->last == 0)
        status = err_set(err, STATUS_INVALID, "--to: nothing is before it");
    ledger_reader_close(&reader);
    return status;
}

/* ---- problems ---- */

static int report(struct importance_command *command, struct ledger *ledger,
        const struct importance_settings *settings, struct err *err)
{
    struct importance *importance = calloc(1, sizeof(*importance));
    int status;

    if (importance == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    status = importance_run(importance, ledger, settings, err);
    if (status == STATUS_UNSUPPORTED && command->problem == NULL) {
        command->skipped++;
        status = 0;
    } else if (status == 0) {
        if (command->json)
            (void)json_array_append_new(
                    command->reports, report_json(importance));
        else
            status = print_text(command, importance, err);
        command->reported++;
    }
    importance_close(importance);
    free(importance);
    return status;
}

struct names {
    struct arena arena;
    struct bytes list[PROBLEMS_MAX];
    uint32_t count;
};

static int note_name(void *self, struct bytes name, uint32_t number,
        uint64_t config, struct err *err)
{
    struct names *names = self;
    void *copy = arena_copy(&names->arena, name.data, name.size);

    (void)number;
    (void)config;
    if (copy == NULL || names->count == PROBLEMS_MAX)
        return err_set(err, STATUS_INTERNAL, "too many problems");
    names->list[names->count++] = bytes_of(copy, name.size);
    return 0;
}

static int find_names(const struct importance_command *command,
        struct ledger *ledger, struct names *names, struct err *err)
{
    struct ledger_reader reader;
    int status;

    if (command->problem != NULL) {
        names->list[names->count++] = bytes_of_text(command->problem);
        return 0;
    }
    status = ledger_reader_open(ledger, &reader, err);
    if (status != 0)
        return status;
    status = ledger_reader_problems(&reader, note_name, names, err);
    ledger_reader_close(&reader);
    return status;
}

static int report_all(struct importance_command *command, struct ledger *ledger,
        struct names *names, struct err *err)
{
    struct importance_settings settings = {
            .sample = command->sample, .progress = progress};
    int status = find_names(command, ledger, names, err);

    if (status == 0)
        status = find_period(command, ledger, &settings, err);
    for (uint32_t i = 0; status == 0 && i < names->count; i++) {
        struct importance_settings of = settings;
        of.problem = names->list[i];
        status = report(command, ledger, &of, err);
    }
    if (status == 0 && command->reported == 0)
        status = err_set(err, STATUS_NOT_FOUND,
                "the store has no problem that chooses an action");
    return status;
}

static int run(struct importance_command *command, struct err *err)
{
    struct store_settings settings = {.read_only = true};
    struct names *names = calloc(1, sizeof(*names));
    size_t size = (size_t)PROBLEMS_MAX * ID_BYTES_MAX;
    struct ledger *ledger;
    int status;

    command->reports = json_array();
    if (names != NULL)
        names->arena = arena_over(malloc(size), size);
    if (names == NULL || names->arena.data == NULL || command->reports == NULL)
        status = err_set(err, STATUS_INTERNAL, "no memory");
    else
        status = ledger_open(command->directory, &settings, &ledger, err);
    if (status == 0) {
        status = report_all(command, ledger, names, err);
        ledger_close(ledger);
    }
    if (status == 0 && command->json)
        cli_print_json(json_pack("{s:O, s:I}", "problems", command->reports,
                "not_one_action", (json_int_t)command->skipped));
    json_decref(command->reports);
    if (names != NULL)
        free(names->arena.data);
    free(names);
    return status;
}

int cmd_importance(int argc, char **argv)
{
    struct importance_command command = {
            .sample = IMPORTANCE_SAMPLE, .top = 20};
    const struct cli_option options[] = {
            CLI_TEXT("problem", &command.problem),
            CLI_TEXT("from", &command.from),
            CLI_TEXT("to", &command.to),
            CLI_ANY_COUNT("top", &command.top),
            CLI_COUNT("sample", &command.sample, 1, UINT64_MAX),
            CLI_FLAG("groups", &command.groups),
            CLI_FLAG("json", &command.json),
            CLI_HELP(help),
    };
    int status = cli_options(options, ARRAY_COUNT(options), argc, argv);
    struct err err;

    if (status >= 0)
        return status;
    if (optind + 1 != argc)
        return cli_usage("importance", "name the store's directory");
    command.directory = argv[optind];
    return run(&command, &err) == 0 ? 0 : cli_fail("importance", &err);
}
