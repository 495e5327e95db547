#include "cli/connect.h"
#include "cli/options.h"
#include "cli/sim_generations.h"
#include "sim/play.h"

#include <getopt.h> /* optind */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char help_head[] =
        "usage: rue sim WORLD [--connect ENDPOINT] [--problem NAME]\n"
        "               [--variant V] [--policy P] [--seed N] [--rounds N]\n"
        "               [--data DIR] [--timeout MS] [--json]\n"
        "       rue sim WORLD --config [--problem NAME] [...]\n"
        "       rue sim payments --generations N [...]     (see its --help)\n"
        "\n"
        "Plays a simulated world against a running service, through its\n"
        "socket, and compares what was learned with baselines and with the\n"
        "best possible. --config prints the problem's entry for the service's\n"
        "configuration instead. The world `sor` has a command of its own:\n"
        "rue sim sor --help; rue sim solve counts the iterations of one system.\n"
        "\n"
        "Worlds:\n";

static const char help_tail[] =
        "\n"
        "  --connect ENDPOINT  default " CONNECT_ENDPOINT "\n"
        "  --problem NAME      default: the world's name\n"
        "  --variant V         what is played, see above\n"
        "  --policy P          how it is learned, see above\n"
        "  --seed N            default 1\n"
        "  --rounds N          default: the world's\n"
        "  --data DIR          data files; default tests/data\n"
        "  --timeout MS        of a request with all its retries; default\n"
        "                      30000: the service may be restarted meanwhile\n"
        "  --json              one JSON object\n"
        "\n"
        "Example:\n"
        "  (echo problems:; rue sim payments --config) > payments.yaml\n"
        "  rued --config payments.yaml --data /tmp/rue-payments &\n"
        "  rue sim payments --seed 7\n";

struct sim_command {
    const struct world_functions *functions;
    struct world_settings world;
    const char *endpoint, *problem;
    uint64_t timeout_ms;
    bool config, json;
};

static void print_help(void)
{
    fputs(help_head, stdout);
    for (size_t i = 0; worlds[i] != NULL; i++)
        printf("  %-10s %s\n             variants: %s; policies: %s\n",
                worlds[i]->name, worlds[i]->sentence, worlds[i]->variants,
                worlds[i]->policies);
    printf("  %-10s %s\n", "sor",
            "tune the relaxation parameter of solvers, solve by solve");
    fputs(help_tail, stdout);
}

static void progress(void *self, uint32_t round, uint32_t rounds)
{
    const struct sim_command *command = self;

    cli_progress(command->functions->name, round, rounds);
}

static void print_row(const struct world_row *row)
{
    printf("  %-36s %10.4f", row->name, row->mean);
    if (isfinite(row->last_quarter))
        printf(" %12.4f", row->last_quarter);
    else
        printf(" %12s", "");
    printf(" %9u\n", row->rounds);
}

static void print_text(
        const struct sim_command *command, const struct play_report *report)
{
    printf("%s%s%s, seed %u: %s, %s is better\n", command->functions->name,
            command->world.variant != NULL ? " " : "",
            command->world.variant != NULL ? command->world.variant : "",
            command->world.seed, command->functions->value,
            command->functions->minimise ? "less" : "more");
    printf("  %-36s %10s %12s %9s\n", "", "mean", "last quarter", "rounds");
    print_row(&report->learned);
    for (uint32_t i = 0; i < report->row_count; i++)
        print_row(&report->rows[i]);
    printf("  %" PRIu64 " decisions, %" PRIu64 " feedbacks in %.1f s; %" PRIu64
           " requests sent again, %" PRIu64 " answered again from the log\n",
            report->decisions, report->feedbacks, report->seconds,
            report->resent, report->repeated);
}

static json_t *json_row(const struct world_row *row)
{
    json_t *value = json_pack("{s:s, s:f, s:i}", "name", row->name, "mean",
            row->mean, "rounds", (int)row->rounds);

    if (isfinite(row->last_quarter))
        (void)json_object_set_new(
                value, "last_quarter", json_real(row->last_quarter));
    return value;
}

static void print_json(
        const struct sim_command *command, const struct play_report *report)
{
    json_t *rows = json_array();

    for (uint32_t i = 0; i < report->row_count; i++)
        (void)json_array_append_new(rows, json_row(&report->rows[i]));
    cli_print_json(json_pack(
            "{s:s, s:s, s:i, s:s, s:b, s:o, s:o, s:I, s:I, s:I, s:I, s:f}",
            "world", command->functions->name, "variant",
            command->world.variant == NULL ? "" : command->world.variant,
            "seed", (int)command->world.seed, "value",
            command->functions->value, "minimise", command->functions->minimise,
            "learned", json_row(&report->learned), "rows", rows, "decisions",
            (json_int_t)report->decisions, "feedbacks",
            (json_int_t)report->feedbacks, "resent", (json_int_t)report->resent,
            "repeated", (json_int_t)report->repeated, "seconds",
            report->seconds));
}

static int play(struct sim_command *command, struct world *world)
{
    struct play_settings settings = {
            .functions = command->functions,
            .world = world,
            .endpoint = command->endpoint,
            .problem = command->problem,
            .timeout_ms = (int)command->timeout_ms,
            .progress = progress,
            .self = command,
    };
    struct play_report report;
    struct err err;

    if (play_run(&settings, &report, &err) != 0)
        return cli_fail("sim", &err);
    if (command->json)
        print_json(command, &report);
    else
        print_text(command, &report);
    return 0;
}

static int run(struct sim_command *command)
{
    struct world *world;
    struct err err;
    int exit_status = 0;

    if (command->functions->open(&world, &command->world, &err) != 0)
        return cli_fail("sim", &err);
    if (command->config)
        command->functions->config(world, command->problem, stdout);
    else
        exit_status = play(command, world);
    command->functions->close(world);
    return exit_status;
}

int cmd_sim(int argc, char **argv)
{
    struct sim_command command = {
            .world = {.data = "tests/data", .seed = 1},
            .endpoint = CONNECT_ENDPOINT,
            .timeout_ms = 30000,
    };
    const struct cli_option options[] = {
            CLI_TEXT("connect", &command.endpoint),
            CLI_TEXT("problem", &command.problem),
            CLI_TEXT("variant", &command.world.variant),
            CLI_TEXT("policy", &command.world.policy),
            CLI_COUNT32("seed", &command.world.seed, 0, UINT32_MAX),
            CLI_COUNT32("rounds", &command.world.rounds, 0, UINT32_MAX),
            CLI_TEXT("data", &command.world.data),
            CLI_TIMEOUT(&command.timeout_ms),
            CLI_FLAG("config", &command.config),
            CLI_FLAG("json", &command.json),
            CLI_HELP_OF(print_help),
    };
    int status;

    if (argc > 1 && strcmp(argv[1], "sor") == 0) {
        static char title[] = "rue sim sor";
        argv[1] = title;
        return cmd_sim_sor(argc - 1, argv + 1);
    }
    if (argc > 1 && strcmp(argv[1], "solve") == 0) {
        static char title[] = "rue sim solve";
        argv[1] = title;
        return cmd_sim_solve(argc - 1, argv + 1);
    }
    if (sim_generations_wanted(argc, argv))
        return sim_generations(argc, argv);
    status = cli_options(options, ARRAY_COUNT(options), argc, argv);
    if (status >= 0)
        return status;
    if (optind + 1 != argc)
        return cli_usage("sim", "name one world");
    command.functions = world_find(argv[optind]);
    if (command.functions == NULL)
        return cli_usage("sim", "there is no world '%s'", argv[optind]);
    if (command.problem == NULL)
        command.problem = command.functions->name;
    return run(&command);
}
