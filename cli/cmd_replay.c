#include "cli/options.h"
#include "replay/exact.h"

#include <getopt.h> /* optind */
#include <inttypes.h>
#include <stdio.h>

static const char help[] =
        "usage: rue replay DIR [--problem NAME] [--json]\n"
        "\n"
        "Replays a store: the policy that served decides every decision of the\n"
        "log again. Every probability, draw and prediction must be the recorded\n"
        "one, bit for bit, the state must be each snapshot that is passed and,\n"
        "at the end, the state that a restart would have. The first difference\n"
        "of a problem is named. The service may be running: the replay ends at\n"
        "the record that was the last when it began. Exit status 0: identical;\n"
        "1: a difference, or no store.\n"
        "\n"
        "  --problem NAME   only this problem\n"
        "  --json           one JSON object\n"
        "\n"
        "What other policies would have earned on the same log: rue evaluate.\n"
        "\n"
        "Example:\n"
        "  rue replay /var/lib/rue\n";

static void progress(void *self, uint64_t done, uint64_t all)
{
    (void)self;
    cli_progress("replay", done, all);
}

static bool is_exact(const struct exact_report *report)
{
    for (uint32_t i = 0; i < report->problem_count; i++)
        if (report->problems[i].differs)
            return false;
    return true;
}

static void print_text(const struct exact_report *report)
{
    printf("records    %" PRIu64 ", up to %" PRIu64 "\n", report->records,
            report->last_sequence);
    for (uint32_t i = 0; i < report->problem_count; i++) {
        const struct exact_problem *problem = &report->problems[i];
        printf("problem    %s: %s, %" PRIu64
               " decisions again, state %016" PRIx64 ", %u snapshots\n",
                problem->name, problem->policy, problem->decisions,
                problem->state_hash, problem->snapshots);
        if (problem->imported > 0)
            printf("           %" PRIu64
                   " imported decisions were made elsewhere: learned, not "
                   "made again\n",
                    problem->imported);
        if (problem->before > 0)
            printf("           %" PRIu64
                   " decisions before the oldest snapshot cannot be "
                   "replayed\n",
                    problem->before);
        if (problem->settings > 0)
            printf("           through %" PRIu64 " changes of settings\n",
                    problem->settings);
        if (problem->differs)
            printf("DIFFERENT  %s: %s\n", problem->name, problem->difference);
    }
    printf("%s\n", is_exact(report) ? "identical" : "NOT IDENTICAL");
}

static json_t *json_of(const struct exact_report *report)
{
    json_t *problems = json_array();

    for (uint32_t i = 0; i < report->problem_count; i++) {
        const struct exact_problem *problem = &report->problems[i];
        char hash[17];
        (void)snprintf(hash, sizeof(hash), "%016" PRIx64, problem->state_hash);
        (void)json_array_append_new(problems,
                json_pack(
                        "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:i, s:s, s:b, s:s}",
                        "name", problem->name, "policy", problem->policy,
                        "decisions", (json_int_t)problem->decisions, "folded",
                        (json_int_t)problem->folded, "imported",
                        (json_int_t)problem->imported, "before",
                        (json_int_t)problem->before, "settings",
                        (json_int_t)problem->settings, "snapshots",
                        (int)problem->snapshots, "state_hash", hash,
                        "identical", !problem->differs, "difference",
                        problem->difference));
    }
    return json_pack("{s:I, s:I, s:b, s:o}", "records",
            (json_int_t)report->records, "last",
            (json_int_t)report->last_sequence, "identical", is_exact(report),
            "problems", problems);
}

static int replay_directory(
        const char *directory, const char *problem, bool json)
{
    struct store_settings settings = {.read_only = true};
    struct exact_settings wanted = {.problem = problem, .progress = progress};
    struct exact_report report;
    struct ledger *ledger;
    struct err err;
    bool exact;
    int status = ledger_open(directory, &settings, &ledger, &err);

    if (status != 0)
        return cli_fail("replay", &err);
    status = exact_run(ledger, &wanted, &report, &err);
    ledger_close(ledger);
    if (status != 0) {
        exact_free(&report);
        return cli_fail("replay", &err);
    }
    if (json)
        cli_print_json(json_of(&report));
    else
        print_text(&report);
    exact = is_exact(&report);
    exact_free(&report);
    return exact ? 0 : 1;
}

int cmd_replay(int argc, char **argv)
{
    const char *problem = NULL;
    bool json = false;
    const struct cli_option options[] = {
            CLI_TEXT("problem", &problem),
            CLI_FLAG("json", &json),
            CLI_HELP(help),
    };
    int status = cli_options(options, ARRAY_COUNT(options), argc, argv);

    if (status >= 0)
        return status;
    if (optind + 1 != argc)
        return cli_usage("replay", "name the store's directory");
    return replay_directory(argv[optind], problem, json);
}
