#include "cli/connect.h"
#include "cli/options.h"

#include <getopt.h> /* optind */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
        "usage: rue status [PROBLEM] [--connect ENDPOINT] [--timeout MS]\n"
        "                  [--json]\n"
        "\n"
        "What a running service knows of itself, or of one problem: counters,\n"
        "the policy's numbers, and those of each group. Exit status 1 if it\n"
        "does not answer.\n"
        "\n"
        "  --connect ENDPOINT  default " CONNECT_ENDPOINT "\n"
        "  --timeout MS        default 2000\n"
        "  --json              one JSON object\n"
        "\n"
        "Example:\n"
        "  rue status checkout --json\n";

static void print_number(const rue_number *number)
{
    printf("  %-24s %-16s %.10g\n", number->name, number->group, number->value);
}

static void print_text(const char *problem, const rue_service_status *status)
{
    printf("version %s, up %.1f s, last record %" PRIu64 "\n", status->version,
            status->uptime_s, status->last_sequence);
    if (problem != NULL)
        printf("problem %s: %s, generation %" PRIu64 ", state %016" PRIx64 "\n",
                problem, status->policy, status->generation,
                status->state_hash);
    for (size_t i = 0; i < status->problem_count; i++)
        printf("problem %s\n", status->problems[i]);
    for (size_t i = 0; i < status->number_count; i++)
        print_number(&status->numbers[i]);
}

static void print_json(const char *problem, const rue_service_status *status)
{
    json_t *numbers = json_object(), *groups = json_object();
    json_t *problems = json_array();
    char hash[17];

    for (size_t i = 0; i < status->number_count; i++) {
        const rue_number *number = &status->numbers[i];
        json_t *into = numbers;
        if (number->group[0] != '\0') {
            into = json_object_get(groups, number->group);
            if (into == NULL) {
                into = json_object();
                (void)json_object_set_new(groups, number->group, into);
            }
        }
        (void)json_object_set_new(into, number->name, json_real(number->value));
    }
    for (size_t i = 0; i < status->problem_count; i++)
        (void)json_array_append_new(problems, json_string(status->problems[i]));
    json_t *all = json_pack("{s:s, s:f, s:I, s:o, s:o}", "version",
            status->version, "uptime_s", status->uptime_s, "last_record",
            (json_int_t)status->last_sequence, "numbers", numbers, "groups",
            groups);
    (void)snprintf(hash, sizeof(hash), "%016" PRIx64, status->state_hash);
    if (problem == NULL) {
        (void)json_object_set_new(all, "problems", problems);
    } else {
        json_decref(problems);
        (void)json_object_set_new(all, "problem", json_string(problem));
        (void)json_object_set_new(all, "policy", json_string(status->policy));
        (void)json_object_set_new(all, "generation",
                json_integer((json_int_t)status->generation));
        (void)json_object_set_new(all, "state_hash", json_string(hash));
    }
    cli_print_json(all);
}

int cmd_status(int argc, char **argv)
{
    const char *endpoint = CONNECT_ENDPOINT, *problem;
    uint64_t timeout = 2000;
    bool json = false;
    const struct cli_option options[] = {
            CLI_TEXT("connect", &endpoint),
            CLI_TIMEOUT(&timeout),
            CLI_FLAG("json", &json),
            CLI_HELP(help),
    };
    int exit_status = cli_options(options, ARRAY_COUNT(options), argc, argv);
    rue_service_status status;
    rue_status result;
    rue_client *client;

    if (exit_status >= 0)
        return exit_status;
    if (optind + 1 < argc)
        return cli_usage("status", "name at most one problem");
    problem = optind < argc ? argv[optind] : NULL;
    client = connect_client("status", endpoint, timeout);
    if (client == NULL)
        return 1;
    result = rue_get_status(client, problem, &status);
    if (result != RUE_OK)
        return connect_fail("status", client, result);
    if (json)
        print_json(problem, &status);
    else
        print_text(problem, &status);
    rue_close(client);
    return 0;
}
