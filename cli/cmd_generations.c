#include "cli/errand.h"
#include "cli/generation.h"

#include <inttypes.h>
#include <stdio.h>

static const char help[] =
        "usage: rue generations PROBLEM [--connect ENDPOINT] [--timeout MS]\n"
        "                       [--json]\n"
        "\n"
        "Lists the generations of a problem that the service keeps, oldest\n"
        "first: what each was trained on, what was found when it was compared\n"
        "with the one that served then, and which one serves. Generation 0 is\n"
        "what the problem had learned by itself before the first.\n"
        "\n"
        "  --connect ENDPOINT  default " CONNECT_ENDPOINT "\n"
        "  --timeout MS        default 5000\n"
        "  --json              one JSON object\n"
        "\n"
        "Example:\n"
        "  rue generations checkout --json\n";

static void print_text(const rue_generations *all)
{
    if (all->count == 0)
        puts("none yet");
    for (size_t i = 0; i < all->count; i++)
        generation_print(&all->list[i]);
}

static void print_json(const char *problem, const rue_generations *all)
{
    json_t *list = json_array();

    for (size_t i = 0; i < all->count; i++)
        (void)json_array_append_new(list, generation_json(&all->list[i]));
    cli_print_json(
            json_pack("{s:s, s:o}", "problem", problem, "generations", list));
}

int cmd_generations(int argc, char **argv)
{
    struct errand_call call = {
            .command = "generations", .help = help, .words = 1};
    int exit_status = errand_open(&call, argc, argv);
    rue_generations all;
    rue_status result;

    if (exit_status >= 0)
        return exit_status;
    result = rue_get_generations(call.client, call.word[0], &all);
    if (result == RUE_OK && call.json)
        print_json(call.word[0], &all);
    else if (result == RUE_OK)
        print_text(&all);
    return errand_close(&call, result);
}
