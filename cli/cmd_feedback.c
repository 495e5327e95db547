#include "cli/connect.h"
#include "cli/options.h"

#include "base/limits.h"
#include "proto/record.h"

#include <getopt.h> /* optind */
#include <stdio.h>
#include <string.h>

static const char help[] =
        "usage: rue feedback PROBLEM EVENT VALUE [--id ID] [--activate]\n"
        "                    [--position K | --shown PLACE [--propensity P]]\n"
        "                    [--connect ENDPOINT] [--timeout MS] [--json]\n"
        "       rue feedback PROBLEM EVENT --costs C,C,... [--full] ...\n"
        "       rue feedback PROBLEM EVENT --field NAME=NUMBER ...\n"
        "\n"
        "Reports what happened to an event: its reward, cost or label; of a\n"
        "duel 1 if the first action was better, 0 if the second, 0.5 if\n"
        "neither. With --activate the event is activated first (a deferred\n"
        "decision).\n"
        "\n"
        "  --id ID             idempotency key of this feedback; without one,\n"
        "                      every call counts\n"
        "  --activate          VALUE may then be left out\n"
        "  --position K        it is about the action at position K of the\n"
        "                      ranking; 1 is the chosen one\n"
        "  --shown PLACE       it is about this action, shown on your own\n"
        "                      account; its place in the list\n"
        "  --propensity P      how likely you were to show it; without it\n"
        "                      only models of the reward learn from it\n"
        "  --costs C,C,...     of a path: what each of its edges cost\n"
        "  --full              the costs are of all edges of the catalogue\n"
        "  --field NAME=NUMBER what the problem's reward.expression is made\n"
        "                      of; may be repeated; with a VALUE it is logged\n"
        "  --cause C           whose doing it is: unknown, action, other,\n"
        "                      customer or timeout\n"
        "  --connect ENDPOINT  default " CONNECT_ENDPOINT "\n"
        "  --timeout MS        default 2000\n"
        "  --json              one JSON object\n"
        "\n"
        "Examples:\n"
        "  rue feedback checkout 01JDF8M1X7Q9Z2 1 --id payment-4711\n"
        "  rue feedback results 01JDF8M1X7Q9Z2 1 --position 3\n"
        "  rue feedback results 01JDF8M1X7Q9Z2 0 --shown 5 --propensity 0.1\n"
        "  rue feedback commute 01JDF8M1X7Q9Z2 --costs 0.1,0.2,0.4\n"
        "  rue feedback checkout 01JDF8M1X7Q9Z2 --field authorised=0 \\\n"
        "      --cause customer\n";

struct feedback_command {
    const char *problem, *event, *endpoint;
    uint64_t timeout_ms;
    rue_report report;
    double costs[ACTIONS_MAX];
    rue_field fields[FIELDS_MAX];
    bool has_value, activate, json;
};

static void print_receipt(const char *what, const rue_receipt *receipt,
        const struct feedback_command *command)
{
    if (command->json)
        cli_print_json(json_pack("{s:s, s:s, s:b, s:b}", "item", what, "status",
                rue_status_name(receipt->status), "repeated", receipt->repeated,
                "held", receipt->held));
    else
        printf("%s: %s%s%s\n", what, rue_status_name(receipt->status),
                receipt->repeated ? ", had been recorded before" : "",
                receipt->held ? ", kept until the event is decided" : "");
}

static int run(const struct feedback_command *command)
{
    rue_client *client =
            connect_client("feedback", command->endpoint, command->timeout_ms);
    rue_receipt receipt;
    rue_status status = RUE_OK;

    if (client == NULL)
        return 1;
    if (command->activate) {
        status = rue_activate(
                client, command->problem, command->event, &receipt);
        if (status == RUE_OK)
            print_receipt("activate", &receipt, command);
    }
    if (status == RUE_OK &&
            (command->has_value || command->report.cost_count > 0 ||
                    command->report.field_count > 0)) {
        status = rue_tell(client, command->problem, &command->report, &receipt);
        if (status == RUE_OK)
            print_receipt("feedback", &receipt, command);
    }
    if (status != RUE_OK)
        return connect_fail("feedback", client, status);
    rue_close(client);
    return 0;
}

static bool take_costs(void *target, const char *option, char *text)
{
    struct feedback_command *command = target;
    rue_report *report = &command->report;
    char *rest = text, *word;

    report->costs = command->costs;
    report->cost_count = 0;
    while ((word = strsep(&rest, ",")) != NULL) {
        if (report->cost_count == ACTIONS_MAX) {
            (void)cli_usage("feedback", "%s: at most %u", option, ACTIONS_MAX);
            return false;
        }
        if (!cli_number("feedback", option, word,
                    &command->costs[report->cost_count]))
            return false;
        report->cost_count++;
    }
    return true;
}

static bool take_field(void *target, const char *option, char *text)
{
    struct feedback_command *command = target;
    rue_report *report = &command->report;
    rue_field *field = &command->fields[report->field_count];
    char *rest = text;

    if (report->field_count == FIELDS_MAX) {
        (void)cli_usage("feedback", "%s: at most %u", option, FIELDS_MAX);
        return false;
    }
    field->name = strsep(&rest, "=");
    if (rest == NULL) {
        (void)cli_usage("feedback", "%s: NAME=NUMBER", option);
        return false;
    }
    report->fields = command->fields;
    report->field_count++;
    return cli_number("feedback", option, rest, &field->value);
}

static bool take_cause(void *target, const char *option, char *word)
{
    struct feedback_command *command = target;

    for (unsigned i = 0; i <= CAUSE_LAST; i++) {
        if (strcmp(word, cause_name((enum cause)i)) != 0)
            continue;
        command->report.cause = (rue_cause)i;
        return true;
    }
    (void)cli_usage("feedback",
            "%s: unknown, action, other, customer or timeout", option);
    return false;
}

static int take_words(struct feedback_command *command, char **words, int count)
{
    bool costs = command->report.cost_count > 0;
    bool fields = command->report.field_count > 0;

    if (costs && (count == 3 || fields))
        return cli_usage("feedback", "either VALUE and --field or --costs");
    if (command->report.costs_full && !costs)
        return cli_usage("feedback", "--full: only with --costs");
    if (count != 3 && !(count == 2 && (command->activate || costs || fields)))
        return cli_usage("feedback", "give PROBLEM EVENT VALUE");
    command->problem = words[0];
    command->event = words[1];
    command->report.event = words[1];
    command->has_value = count == 3;
    command->report.fields_only = count == 2 && fields;
    if (count == 3 &&
            !cli_number("feedback", "VALUE", words[2], &command->report.value))
        return EXIT_USAGE;
    return 0;
}

int cmd_feedback(int argc, char **argv)
{
    static struct feedback_command command;
    rue_report *report = &command.report;
    bool full = false;
    const struct cli_option options[] = {
            CLI_TEXT("id", &report->id),
            CLI_FLAG("activate", &command.activate),
            CLI_COUNT32("position", &report->position, 1, ACTIONS_MAX),
            CLI_COUNT32("shown", &report->shown, 0, ACTIONS_MAX),
            CLI_ANY_NUMBER("propensity", &report->propensity),
            CLI_CALL("costs", take_costs, &command),
            CLI_FLAG("full", &full),
            CLI_CALL("field", take_field, &command),
            CLI_CALL("cause", take_cause, &command),
            CLI_TEXT("connect", &command.endpoint),
            CLI_TIMEOUT(&command.timeout_ms),
            CLI_FLAG("json", &command.json),
            CLI_HELP(help),
    };
    int status;

    memset(&command, 0, sizeof(command));
    command.endpoint = CONNECT_ENDPOINT;
    command.timeout_ms = 2000;
    report->shown = UINT32_MAX; /* none */
    status = cli_options(options, ARRAY_COUNT(options), argc, argv);
    if (status >= 0)
        return status;
    report->has_shown = report->shown != UINT32_MAX;
    if (!report->has_shown)
        report->shown = 0;
    report->costs_full = full;
    status = take_words(&command, argv + optind, argc - optind);
    return status != 0 ? status : run(&command);
}
