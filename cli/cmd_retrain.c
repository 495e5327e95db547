#include "cli/errand.h"
#include "cli/generation.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
        "usage: rue retrain PROBLEM [--wait] [--connect ENDPOINT]\n"
        "                   [--timeout MS] [--json]\n"
        "\n"
        "Has the service train a generation of the problem from its log now.\n"
        "The training is a process of its own that runs when nothing else\n"
        "wants to; decisions go on meanwhile. What it learns from, what it may\n"
        "use, and what happens when it is there is set in the problem's\n"
        "`retrain` settings (rue config show); `rue status PROBLEM` tells how\n"
        "far it is.\n"
        "\n"
        "  --wait              wait until it is over, and show the generation;\n"
        "                      exit status 1 if there is none\n"
        "  --connect ENDPOINT  default " CONNECT_ENDPOINT "\n"
        "  --timeout MS        of each question to the service, default 5000\n"
        "  --json              one JSON object\n"
        "\n"
        "Example:\n"
        "  rue retrain checkout --wait\n";

#define LOOK_MS 100

static double number_of(const rue_service_status *status, const char *name)
{
    for (size_t i = 0; i < status->number_count; i++)
        if (strcmp(status->numbers[i].name, name) == 0)
            return status->numbers[i].value;
    return 0.0;
}

/* Waits until no training is under way. */
static rue_status wait_for_end(const struct errand_call *call)
{
    for (;;) {
        rue_service_status status;
        rue_status result =
                rue_get_status(call->client, call->word[0], &status);
        double done;
        if (result != RUE_OK)
            return result;
        if (number_of(&status, "training_running") == 0.0)
            break;
        done = number_of(&status, "training_done");
        cli_progress("training", (uint64_t)(100.0 * done), 101);
        (void)poll(NULL, 0, LOOK_MS);
    }
    cli_progress("training", 100, 100);
    return RUE_OK;
}

/* How many trainings came to something, and how many to nothing. */
struct counts {
    double done, failed;
};

static rue_status count(const struct errand_call *call, struct counts *counts)
{
    rue_service_status status;
    rue_status result = rue_get_status(call->client, call->word[0], &status);

    if (result != RUE_OK)
        return result;
    counts->done = number_of(&status, "trainings");
    counts->failed = number_of(&status, "trainings_failed");
    return RUE_OK;
}

static void show_newest(
        const struct errand_call *call, const rue_generations *all)
{
    const rue_generation *newest = &all->list[all->count - 1];

    if (call->json)
        cli_print_json(json_pack("{s:s, s:o}", "problem", call->word[0],
                "generation", generation_json(newest)));
    else
        generation_print(newest);
}

static int wait_and_show(struct errand_call *call, const struct counts *before)
{
    struct counts after;
    rue_generations all = {0};
    rue_status result = wait_for_end(call);

    if (result == RUE_OK)
        result = count(call, &after);
    if (result == RUE_OK && after.done == before->done) {
        fprintf(stderr,
                "rue retrain: the training came to nothing; the service's "
                "diagnostic lines say why\n");
        rue_close(call->client);
        return 1;
    }
    if (result == RUE_OK)
        result = rue_get_generations(call->client, call->word[0], &all);
    if (result == RUE_OK && all.count > 0)
        show_newest(call, &all);
    return errand_close(call, result);
}

int cmd_retrain(int argc, char **argv)
{
    struct errand_call call = {
            .command = "retrain", .help = help, .words = 1, .has_wait = true};
    int exit_status = errand_open(&call, argc, argv);
    struct counts before;
    rue_status result;
    int already = 0;

    if (exit_status >= 0)
        return exit_status;
    result = count(&call, &before);
    if (result == RUE_OK)
        result = rue_retrain(call.client, call.word[0], &already);
    if (result == RUE_OK && call.wait)
        return wait_and_show(&call, &before);
    if (result == RUE_OK && call.json)
        cli_print_json(json_pack(
                "{s:s, s:b}", "problem", call.word[0], "already", already));
    else if (result == RUE_OK)
        puts(already ? "a training is under way already" : "a training begins");
    return errand_close(&call, result);
}
