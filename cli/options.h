/* The options of a command line as a table: a row says an option's name, what
 * its value is, its bounds, and where it goes. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "base/check.h"
#include "cli/cli.h"

#include <math.h>

struct cli_option {
    const char *name; /* without the dashes */
    enum {
        CLI_OPTION_FLAG,
        CLI_OPTION_TEXT,
        CLI_OPTION_BYTES,
        CLI_OPTION_COUNT,
        CLI_OPTION_COUNT32,
        CLI_OPTION_NUMBER,
        CLI_OPTION_CHOICE,
        CLI_OPTION_CALL,
        CLI_OPTION_HELP,
        CLI_OPTION_PRINT,
    } kind;
    union {
        bool *flag;
        const char **text;
        struct bytes *bytes;
        uint64_t *count;
        uint32_t *count32;
        double *number;
        void *command;
        const char *help;
        void (*print)(void);
    } to;
    uint64_t least, most; /* of a count, both included */
    double above, below; /* of a number, both excluded */
    const char *const *names; /* of a choice, NULL-terminated */
    /* Of a call: takes the value, which it may change, and says false after it
     * has said on stderr what is wrong (cli_usage). */
    bool (*take)(void *command, const char *option, char *value);
};

/* The rows. A flag takes no value and becomes true. */
#define CLI_FLAG(option, target)                                               \
    {                                                                          \
        .name = (option), .kind = CLI_OPTION_FLAG, .to.flag = (target)         \
    }
#define CLI_TEXT(option, target)                                               \
    {                                                                          \
        .name = (option), .kind = CLI_OPTION_TEXT, .to.text = (target)         \
    }
#define CLI_BYTES(option, target)                                              \
    {                                                                          \
        .name = (option), .kind = CLI_OPTION_BYTES, .to.bytes = (target)       \
    }
/* A whole number. */
#define CLI_COUNT(option, target, from, until)                                 \
    {                                                                          \
        .name = (option), .kind = CLI_OPTION_COUNT, .to.count = (target),      \
        .least = (from), .most = (until)                                       \
    }
#define CLI_COUNT32(option, target, from, until)                               \
    {                                                                          \
        .name = (option), .kind = CLI_OPTION_COUNT32, .to.count32 = (target),  \
        .least = (from), .most = (until)                                       \
    }
#define CLI_ANY_COUNT(option, target) CLI_COUNT(option, target, 0, UINT64_MAX)
/* Milliseconds, up to a day. */
#define CLI_TIMEOUT(target) CLI_COUNT("timeout", target, 1, 86400000)
/* A number inside two others. */
#define CLI_NUMBER(option, target, more_than, less_than)                       \
    {                                                                          \
        .name = (option), .kind = CLI_OPTION_NUMBER, .to.number = (target),    \
        .above = (more_than), .below = (less_than)                             \
    }
#define CLI_ANY_NUMBER(option, target)                                         \
    CLI_NUMBER(option, target, -INFINITY, INFINITY)
/* The index of one of some names. */
#define CLI_CHOICE(option, target, list)                                       \
    {                                                                          \
        .name = (option), .kind = CLI_OPTION_CHOICE, .to.count32 = (target),   \
        .names = (list)                                                        \
    }
#define CLI_CALL(option, function, target)                                     \
    {                                                                          \
        .name = (option), .kind = CLI_OPTION_CALL, .to.command = (target),     \
        .take = (function)                                                     \
    }
/* --help and -h: a text, or what a function prints. */
#define CLI_HELP(text)                                                         \
    {                                                                          \
        .name = "help", .kind = CLI_OPTION_HELP, .to.help = (text)             \
    }
#define CLI_HELP_OF(function)                                                  \
    {                                                                          \
        .name = "help", .kind = CLI_OPTION_PRINT, .to.print = (function)       \
    }

/* Reads the options of a command, argv[0] being "rue COMMAND". -1: go on, with
 * the words that are left from argv[optind]; otherwise the exit status, after
 * the help or one line on stderr about what is wrong. */
int cli_options(const struct cli_option *options, size_t count, int argc,
        char **argv) MUST_USE;

/* The name of the command in its argv[0]. */
const char *cli_command(char **argv);

#endif
