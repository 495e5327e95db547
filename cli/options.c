#include "cli/options.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define OPTIONS_MAX  32
#define FIRST_LETTER 256 /* past all that getopt_long() says of itself */

const char *cli_command(char **argv)
{
    return argv[0] + strlen("rue ");
}

static bool take_count(const char *command, const struct cli_option *option,
        const char *dashed, const char *text, uint64_t *out)
{
    if (!cli_count(command, dashed, text, out))
        return false;
    if (*out >= option->least && *out <= option->most)
        return true;
    if (option->most == UINT64_MAX)
        (void)cli_usage(
                command, "%s: at least %" PRIu64, dashed, option->least);
    else
        (void)cli_usage(command, "%s: %" PRIu64 " to %" PRIu64, dashed,
                option->least, option->most);
    return false;
}

static bool take_number(const char *command, const struct cli_option *option,
        const char *dashed, const char *text)
{
    double *out = option->to.number;

    if (!cli_number(command, dashed, text, out))
        return false;
    if (*out > option->above && *out < option->below)
        return true;
    (void)cli_usage(command, "%s: between %g and %g", dashed, option->above,
            option->below);
    return false;
}

static bool take_choice(const char *command, const struct cli_option *option,
        const char *dashed, const char *text)
{
    char list[256];
    size_t used = 0;

    for (uint32_t i = 0; option->names[i] != NULL; i++) {
        if (strcmp(option->names[i], text) == 0) {
            *option->to.count32 = i;
            return true;
        }
        if (used < sizeof(list))
            used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
                    i == 0 ? "" : ", ", option->names[i]);
    }
    (void)cli_usage(command, "%s: one of %s", dashed, list);
    return false;
}

static bool take(
        const char *command, const struct cli_option *option, char *value)
{
    char dashed[64];
    uint64_t count;

    (void)snprintf(dashed, sizeof(dashed), "--%s", option->name);
    switch (option->kind) {
    case CLI_OPTION_FLAG:
        *option->to.flag = true;
        return true;
    case CLI_OPTION_TEXT:
        *option->to.text = value;
        return true;
    case CLI_OPTION_BYTES:
        *option->to.bytes = bytes_of_text(value);
        return true;
    case CLI_OPTION_COUNT:
        return take_count(command, option, dashed, value, option->to.count);
    case CLI_OPTION_COUNT32:
        if (!take_count(command, option, dashed, value, &count))
            return false;
        *option->to.count32 = (uint32_t)count;
        return true;
    case CLI_OPTION_NUMBER:
        return take_number(command, option, dashed, value);
    case CLI_OPTION_CHOICE:
        return take_choice(command, option, dashed, value);
    case CLI_OPTION_CALL:
        return option->take(option->to.command, dashed, value);
    default:
        return false;
    }
}

static bool has_value(const struct cli_option *option)
{
    return option->kind != CLI_OPTION_FLAG && option->kind != CLI_OPTION_HELP &&
            option->kind != CLI_OPTION_PRINT;
}

static void help(const struct cli_option *options, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (options[i].kind == CLI_OPTION_HELP)
            fputs(options[i].to.help, stdout);
        else if (options[i].kind == CLI_OPTION_PRINT)
            options[i].to.print();
}

int cli_options(
        const struct cli_option *options, size_t count, int argc, char **argv)
{
    struct option list[OPTIONS_MAX + 1] = {{NULL, 0, NULL, 0}};
    int letter;

    CHECK(count <= OPTIONS_MAX);
    for (size_t i = 0; i < count; i++)
        list[i] = (struct option){options[i].name,
                has_value(&options[i]) ? required_argument : no_argument, NULL,
                strcmp(options[i].name, "help") == 0 ? 'h'
                                                     : FIRST_LETTER + (int)i};
    while ((letter = getopt_long(argc, argv, "h", list, NULL)) != -1) {
        if (letter == 'h') {
            help(options, count);
            return 0;
        }
        if (letter < FIRST_LETTER ||
                !take(cli_command(argv), &options[letter - FIRST_LETTER],
                        optarg))
            return EXIT_USAGE;
    }
    return -1;
}
