#include "cli/errand.h"

#include <inttypes.h>
#include <stdio.h>

static const char promote_help[] =
        "usage: rue promote PROBLEM GENERATION [--connect ENDPOINT]\n"
        "                   [--timeout MS] [--json]\n"
        "\n"
        "Has a generation of the problem serve from now on. Its model takes\n"
        "the place of the one that serves at one record of the log, so that\n"
        "every replay changes over at the same decision. A model that is\n"
        "damaged, or was trained for other settings, is refused and nothing\n"
        "changes. `rue rollback` takes it back; `rue generations` lists them.\n"
        "\n"
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
        "Has the generation serve that served before the one that serves now.\n"
        "Asked once more it goes back one more step; generation 0 is what the\n"
        "problem had learned by itself when a generation first took its place.\n"
        "\n"
        "  --connect ENDPOINT  default " CONNECT_ENDPOINT "\n"
        "  --timeout MS        default 5000\n"
        "  --json              one JSON object\n"
        "\n"
        "Example:\n"
        "  rue rollback checkout\n";

/* What serves now. */
static rue_status show_serving(const struct errand_call *call, bool already)
{
    rue_service_status status;
    rue_status result = rue_get_status(call->client, call->word[0], &status);

    if (result != RUE_OK)
        return result;
    if (call->json)
        cli_print_json(json_pack("{s:s, s:I, s:b}", "problem", call->word[0],
                "serving", (json_int_t)status.generation, "already", already));
    else
        printf("generation %" PRIu64 " serves%s\n", status.generation,
                already ? " already" : "");
    return RUE_OK;
}

int cmd_promote(int argc, char **argv)
{
    struct errand_call call = {
            .command = "promote", .help = promote_help, .words = 2};
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
    result = rue_promote(call.client, call.word[0], generation, &already);
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
