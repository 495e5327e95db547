#include "cli/connect.h"

#include <getopt.h>
#include <stdio.h>

static const char help[] =
        "usage: rue feedback PROBLEM EVENT VALUE [--id ID] [--activate]\n"
        "                    [--connect ENDPOINT] [--timeout MS] [--json]\n"
        "\n"
        "Reports what happened to an event: its reward, cost or label. With\n"
        "--activate the event is activated first (a deferred decision).\n"
        "\n"
        "  --id ID             idempotency key of this feedback; without one,\n"
        "                      every call counts\n"
        "  --activate          VALUE may then be left out\n"
        "  --connect ENDPOINT  default " CONNECT_ENDPOINT "\n"
        "  --timeout MS        default 2000\n"
        "  --json              one JSON object\n"
        "\n"
        "Example:\n"
        "  rue feedback checkout 01JDF8M1X7Q9Z2 1 --id payment-4711\n";

struct feedback_command {
    const char *problem, *event, *value_text, *id, *endpoint;
    uint64_t timeout_ms;
    double value;
    bool activate, json;
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
    if (status == RUE_OK && command->value_text != NULL) {
        status = rue_feedback(client, command->problem, command->event,
                command->value, command->id, &receipt);
        if (status == RUE_OK)
            print_receipt("feedback", &receipt, command);
    }
    if (status != RUE_OK)
        return connect_fail("feedback", client, status);
    rue_close(client);
    return 0;
}

int cmd_feedback(int argc, char **argv)
{
    static const struct option options[] = {
            {"id", required_argument, NULL, 'i'},
            {"activate", no_argument, NULL, 'a'},
            {"connect", required_argument, NULL, 'c'},
            {"timeout", required_argument, NULL, 't'},
            {"json", no_argument, NULL, 'j'},
            {"help", no_argument, NULL, 'h'},
            {NULL, 0, NULL, 0},
    };
    struct feedback_command command = {
            .endpoint = CONNECT_ENDPOINT, .timeout_ms = 2000};
    int letter, words;

    while ((letter = getopt_long(argc, argv, "h", options, NULL)) != -1)
        switch (letter) {
        case 'i':
            command.id = optarg;
            break;
        case 'a':
            command.activate = true;
            break;
        case 'c':
            command.endpoint = optarg;
            break;
        case 't':
            if (!cli_timeout("feedback", optarg, &command.timeout_ms))
                return EXIT_USAGE;
            break;
        case 'j':
            command.json = true;
            break;
        case 'h':
            fputs(help, stdout);
            return 0;
        default:
            return EXIT_USAGE;
        }
    words = argc - optind;
    if (words != 3 && !(words == 2 && command.activate))
        return cli_usage("feedback", "give PROBLEM EVENT VALUE");
    command.problem = argv[optind];
    command.event = argv[optind + 1];
    if (words == 3) {
        command.value_text = argv[optind + 2];
        if (!cli_number(
                    "feedback", "VALUE", command.value_text, &command.value))
            return EXIT_USAGE;
    }
    return run(&command);
}
