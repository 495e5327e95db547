/* rue bakeoff: multiclass files as bandit problems, and what policies lose on
 * them. */
#include "cli/options.h"
#include "sim/bakeoff.h"

#include <getopt.h> /* optind */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLICIES_MAX 32u

static void print_help(void)
{
    puts("usage: rue bakeoff FILE.csv... [--policy P]... [--orders N]\n"
         "                   [--seed N] [--json]\n"
         "\n"
         "Plays files of labelled rows (a header line, the class in the last\n"
         "column) as bandit problems: the row is the context, each class an\n"
         "action, the reward 1 if the action drawn is the row's class and 0 if\n"
         "not. One pass, decide then learn, in the file's order and in shuffled\n"
         "ones; prints the share of rows that were not hit.\n"
         "\n"
         "  --policy P   `auto` (the default), or settings as in a\n"
         "               configuration: KEY=VALUE,KEY=VALUE; may be repeated\n"
         "  --orders N   row orders; the first is the file's (default 5)\n"
         "  --seed N     of the policy's draws (default 1)\n"
         "  --json       a JSON object a line\n"
         "\n"
         "Example:\n"
         "  rue bakeoff letter.csv --policy auto \\\n"
         "      --policy oracle=linear,explorer=squarecb,gamma_scale=100");
}

struct bakeoff_command {
    const char *policy[POLICIES_MAX];
    size_t policy_count;
    uint32_t orders;
    uint32_t seed;
    bool json;
};

static void show_progress(void *self, uint64_t done, uint64_t all)
{
    cli_progress(self, done, all);
}

static void print_json(const char *path, const char *policy,
        const struct multiclass *data, uint32_t orders,
        const struct bakeoff_result *result)
{
    cli_print_json(json_pack("{s:s,s:s,s:s,s:I,s:I,s:f,s:f,s:f,s:f,s:f}",
            "file", path, "policy", policy, "is", result->policy, "rounds",
            (json_int_t)data->rows, "orders", (json_int_t)orders, "loss_mean",
            result->loss_mean, "loss_sd", result->loss_sd, "loss_max",
            result->loss_max, "expected_mean", result->expected_mean,
            "majority", result->majority));
}

static int play(const struct bakeoff_command *command, const char *path,
        const struct multiclass *data, const char *policy, struct err *err)
{
    char keys[BAKEOFF_SETTINGS_MAX][BAKEOFF_KEY_SIZE];
    struct keyvalue values[BAKEOFF_SETTINGS_MAX];
    char title[256];
    struct bakeoff_settings settings = {
            .policy = values,
            .policy_count = bakeoff_policy(policy, keys, values),
            .orders = command->orders,
            .seed = command->seed,
            .progress = show_progress,
            .self = title,
    };
    struct bakeoff_result result;
    int status;

    if (settings.policy_count == SIZE_MAX)
        return err_set(err, STATUS_INVALID,
                "--policy: '%s' is not KEY=VALUE,KEY=VALUE", policy);
    (void)snprintf(title, sizeof(title), "%s, %s", path, policy);
    status = bakeoff_run(data, &settings, &result, err);
    if (status != 0)
        return status;
    if (command->json)
        print_json(path, policy, data, command->orders, &result);
    else
        printf("  %-44s %8.4f %8.4f %8.4f %8.4f  %s\n", policy,
                result.loss_mean, result.loss_sd, result.loss_max,
                result.expected_mean, result.policy);
    return 0;
}

static int play_file(const struct bakeoff_command *command, const char *path)
{
    struct multiclass data;
    struct err err;
    int status = multiclass_read(path, &data, &err);

    if (status != 0)
        return cli_fail("bakeoff", &err);
    if (!command->json)
        printf("%s: %u rows, %u features, %u classes, %u orders; largest "
               "class alone loses %.4f\n"
               "  %-44s %8s %8s %8s %8s\n",
                path, data.rows, data.columns, data.classes, command->orders,
                1.0 - (double)data.majority / data.rows, "policy", "loss", "sd",
                "worst", "expected");
    for (size_t i = 0; status == 0 && i < command->policy_count; i++)
        status = play(command, path, &data, command->policy[i], &err);
    multiclass_free(&data);
    return status == 0 ? 0 : cli_fail("bakeoff", &err);
}

static bool take_policy(void *target, const char *option, char *value)
{
    struct bakeoff_command *command = target;

    if (command->policy_count == POLICIES_MAX) {
        (void)cli_usage("bakeoff", "%s: at most %u", option, POLICIES_MAX);
        return false;
    }
    command->policy[command->policy_count++] = value;
    return true;
}

int cmd_bakeoff(int argc, char **argv)
{
    struct bakeoff_command command = {.orders = 5, .seed = 1};
    const struct cli_option options[] = {
            CLI_CALL("policy", take_policy, &command),
            CLI_COUNT32("orders", &command.orders, 1, 100000),
            CLI_COUNT32("seed", &command.seed, 0, UINT32_MAX),
            CLI_FLAG("json", &command.json),
            CLI_HELP_OF(print_help),
    };
    int exit_status = cli_options(options, ARRAY_COUNT(options), argc, argv);

    if (exit_status >= 0)
        return exit_status;
    exit_status = 0;
    if (optind == argc)
        return cli_usage("bakeoff", "name one file or more");
    if (command.policy_count == 0)
        command.policy[command.policy_count++] = "auto";
    for (int i = optind; exit_status == 0 && i < argc; i++)
        exit_status = play_file(&command, argv[i]);
    return exit_status;
}
