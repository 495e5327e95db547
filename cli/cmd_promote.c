#include "cli/errand.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char promote_help[] =
        "usage: rue promote PROBLEM GENERATION [--share SHARE | --shadow]\n"
        "                   [--connect ENDPOINT] [--timeout MS] [--json]\n"
        "\n"
        "Has a generation of the problem serve from now on. Its model takes\n"
        "the place of the one that serves at one record of the log, so that\n"
        "every replay changes over at the same decision. A model that is\n"
        "damaged, or was trained for other settings, is refused and nothing\n"
        "changes. `rue rollback` takes it back; `rue generations` lists them.\n"
        "\n"
        "With --share or --shadow it is put on trial beside the one that\n"
        "serves; `rue status PROBLEM` tells what it is worth more (trial_gain,\n"
        "with its standard error). Promoted again without, it serves; after a\n"
        "rollback it is gone.\n"
        "\n"
        "  --share SHARE       a canary: this share of every decision is its\n"
        "                      own; the mixture's probabilities are logged\n"
        "  --shadow            it looks on: what it would do is logged beside\n"
        "                      the decisions\n"
        "  --connect ENDPOINT  default " CONNECT_ENDPOINT "\n"
        "  --timeout MS        default 5000\n"
        "  --json              one JSON object\n"
        "\n"
        "Example:\n"
        "  rue promote checkout 7\n";

static const char rollback_help[] =
        "usage: rue rollback PROBLEM [--connect ENDPOINT] [--timeout MS]\n"
        "                    [--json]\n"
        "\n"
        "Has the generation serve that served before the one that serves now;\n"
        "while one is on trial, that leaves instead.\n"
        "Asked once more it goes back one more step; generation 0 is what the\n"
        "problem had learned by itself when a generation first took its place.\n"
        "\n"
        "  --connect ENDPOINT  default " CONNECT_ENDPOINT "\n"
        "  --timeout MS        default 5000\n"
        "  --json              one JSON object\n"
        "\n"
        "Example:\n"
        "  rue rollback checkout\n";

/* The generation on trial, if there is one. */
static uint64_t trial_of(const rue_service_status *status, bool *given)
{
    *given = false;
    for (size_t i = 0; i < status->number_count; i++)
        if (strcmp(status->numbers[i].name, "trial_generation") == 0) {
            *given = true;
            return (uint64_t)status->numbers[i].value;
        }
    return 0;
}

/* What serves now. */
static rue_status show_serving(const struct errand_call *call, bool already)
{
    rue_service_status status;
    uint64_t trial;
    bool on_trial;
    rue_status result = rue_get_status(call->client, call->word[0], &status);

    if (result != RUE_OK)
        return result;
    trial = trial_of(&status, &on_trial);
    if (call->json)
        cli_print_json(json_pack("{s:s, s:I, s:b, s:o}", "problem",
                call->word[0], "serving", (json_int_t)status.generation,
                "already", already, "trial",
                on_trial ? json_integer((json_int_t)trial) : json_null()));
    else if (on_trial)
        printf("generation %" PRIu64 " serves, %" PRIu64 " is on trial%s\n",
                status.generation, trial, already ? " already" : "");
    else
        printf("generation %" PRIu64 " serves%s\n", status.generation,
                already ? " already" : "");
    return RUE_OK;
}

int cmd_promote(int argc, char **argv)
{
    struct errand_call call = {.command = "promote",
            .help = promote_help,
            .words = 2,
            .has_trial = true};
    int exit_status = errand_open(&call, argc, argv);
    uint64_t generation;
    rue_status result;
    int already = 0;

    if (exit_status >= 0)
        return exit_status;
    if (!cli_count("promote", "GENERATION", call.word[1], &generation)) {
        rue_close(call.client);
        return EXIT_USAGE;
    }
    result = call.shadow || call.share > 0.0
            ? rue_try(call.client, call.word[0], generation, call.share,
                      &already)
            : rue_promote(call.client, call.word[0], generation, &already);
    if (result == RUE_OK)
        result = show_serving(&call, already != 0);
    return errand_close(&call, result);
}

int cmd_rollback(int argc, char **argv)
{
    struct errand_call call = {
            .command = "rollback", .help = rollback_help, .words = 1};
    int exit_status = errand_open(&call, argc, argv);
    rue_status result;

    if (exit_status >= 0)
        return exit_status;
    result = rue_rollback(call.client, call.word[0]);
    if (result == RUE_OK)
        result = show_serving(&call, false);
    return errand_close(&call, result);
}
