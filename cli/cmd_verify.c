#include "cli/options.h"
#include "replay/verify.h"

#include <getopt.h> /* optind */
#include <inttypes.h>
#include <stdio.h>

static const char help[] =
        "usage: rue verify DIR [--json]\n"
        "\n"
        "Checks a store against itself: every record's checksum and content,\n"
        "that what was chosen could be chosen and the probabilities of pairs,\n"
        "paths and positions follow from the records beside them,\n"
        "that every event was decided once and every feedback applied once,\n"
        "and that the fold of the whole log gives each problem's snapshot and\n"
        "the state that a restart would have, byte for byte. The service may\n"
        "be running. Exit status 0: all is well; 1: findings, or no store.\n"
        "\n"
        "  --json   one JSON object\n"
        "\n"
        "Example:\n"
        "  rue verify /var/lib/rue\n";

static void progress(void *self, const char *what, uint64_t done, uint64_t all)
{
    (void)self;
    cli_progress(what, done, all);
}

static void print_text(const struct verify_report *report)
{
    printf("records    %" PRIu64 " to %" PRIu64 "\n", report->first_sequence,
            report->last_sequence);
    for (int kind = 1; kind <= RECORD_KIND_MAX; kind++)
        if (report->records[kind] > 0)
            printf("  %-10s %" PRIu64 "\n",
                    record_kind_name((enum record_kind)kind),
                    report->records[kind]);
    printf("events     %" PRIu64 "\n", report->events);
    if (report->orphans > 0)
        printf("orphans    %" PRIu64 "\n", report->orphans);
    for (uint32_t i = 0; i < report->problem_count; i++) {
        const struct verify_problem *problem = &report->problems[i];
        printf("problem    %s: %s, state %016" PRIx64 ", snapshot %s\n",
                problem->name, problem->policy, problem->state_hash,
                problem->snapshot_compared ? "equals the fold"
                        : problem->snapshot_sequence > 0
                        ? "is of other settings or an older version"
                        : "none yet");
    }
    for (uint64_t i = 0; i < report->finding_count && i < VERIFY_FINDINGS_MAX;
            i++)
        printf("FINDING    %s\n", report->findings[i]);
    if (report->finding_count > VERIFY_FINDINGS_MAX)
        printf("and %" PRIu64 " more\n",
                report->finding_count - VERIFY_FINDINGS_MAX);
    printf("%s\n", report->finding_count == 0 ? "all is well" : "NOT WELL");
}

static json_t *json_of(const struct verify_report *report)
{
    json_t *records = json_object(), *problems = json_array();
    json_t *findings = json_array();

    for (int kind = 1; kind <= RECORD_KIND_MAX; kind++)
        (void)json_object_set_new(records,
                record_kind_name((enum record_kind)kind),
                json_integer((json_int_t)report->records[kind]));
    for (uint32_t i = 0; i < report->problem_count; i++) {
        const struct verify_problem *problem = &report->problems[i];
        char hash[17];
        (void)snprintf(hash, sizeof(hash), "%016" PRIx64, problem->state_hash);
        (void)json_array_append_new(problems,
                json_pack("{s:s, s:s, s:s, s:I, s:I, s:b}", "name",
                        problem->name, "policy", problem->policy, "state_hash",
                        hash, "folded", (json_int_t)problem->folded, "snapshot",
                        (json_int_t)problem->snapshot_sequence,
                        "snapshot_equals_fold", problem->snapshot_compared));
    }
    for (uint64_t i = 0; i < report->finding_count && i < VERIFY_FINDINGS_MAX;
            i++)
        (void)json_array_append_new(findings, json_string(report->findings[i]));
    return json_pack("{s:I, s:I, s:o, s:I, s:I, s:o, s:I, s:o}", "first",
            (json_int_t)report->first_sequence, "last",
            (json_int_t)report->last_sequence, "records", records, "events",
            (json_int_t)report->events, "orphans", (json_int_t)report->orphans,
            "problems", problems, "finding_count",
            (json_int_t)report->finding_count, "findings", findings);
}

static int verify_directory(const char *directory, bool json)
{
    struct store_settings settings = {.read_only = true};
    struct verify_progress shown = {progress, NULL};
    struct verify_report report;
    struct ledger *ledger;
    struct err err;
    int status = ledger_open(directory, &settings, &ledger, &err);

    if (status != 0)
        return cli_fail("verify", &err);
    status = verify_run(ledger, &shown, &report, &err);
    ledger_close(ledger);
    if (status != 0) {
        verify_free(&report);
        return cli_fail("verify", &err);
    }
    if (json)
        cli_print_json(json_of(&report));
    else
        print_text(&report);
    verify_free(&report);
    return report.finding_count == 0 ? 0 : 1;
}

int cmd_verify(int argc, char **argv)
{
    bool json = false;
    const struct cli_option options[] = {
            CLI_FLAG("json", &json),
            CLI_HELP(help),
    };
    int status = cli_options(options, ARRAY_COUNT(options), argc, argv);

    if (status >= 0)
        return status;
    if (optind + 1 != argc)
        return cli_usage("verify", "name the store's directory");
    return verify_directory(argv[optind], json);
}
