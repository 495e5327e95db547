#include "cli/cli.h"

#include "base/units.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TIMEOUT_MS_MAX 86400000u

int cli_usage(const char *command, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "rue %s: ", command);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, " (see rue %s --help)\n", command);
    return EXIT_USAGE;
}

int cli_fail(const char *command, const struct err *err)
{
    fprintf(stderr, "rue %s: %s: %s\n", command, status_name(err->status),
            err->text);
    return 1;
}

void cli_print_json(json_t *value)
{
    if (value == NULL ||
            json_dumpf(value, stdout, JSON_COMPACT | JSON_REAL_PRECISION(17)) !=
                    0)
        fprintf(stderr, "rue: no memory for the answer\n");
    else
        putchar('\n');
    json_decref(value);
}

json_t *cli_json_text(struct bytes text)
{
    json_t *value =
            json_stringn((const char *)text.data, text.data ? text.size : 0);
    char safe[512];

    if (value != NULL)
        return value;
    return json_string(bytes_text(text, safe, sizeof(safe)));
}

void cli_progress(const char *what, uint64_t done, uint64_t all)
{
    if (!isatty(STDERR_FILENO))
        return;
    if (all > 0)
        fprintf(stderr, "\r%-24s %3.0f %%  %llu of %llu\033[K", what,
                100.0 * (double)done / (double)all, (unsigned long long)done,
                (unsigned long long)all);
    else
        fprintf(stderr, "\r%-24s %llu\033[K", what, (unsigned long long)done);
    if (done == all)
        fputc('\n', stderr);
    (void)fflush(stderr);
}

bool cli_number(
        const char *command, const char *option, const char *text, double *out)
{
    if (number_parse(bytes_of_text(text), out))
        return true;
    (void)cli_usage(command, "%s: '%s' is not a number", option, text);
    return false;
}

bool cli_timeout(const char *command, const char *text, uint64_t *out)
{
    if (!cli_count(command, "--timeout", text, out))
        return false;
    if (*out >= 1 && *out <= TIMEOUT_MS_MAX)
        return true;
    (void)cli_usage(command, "--timeout: 1 to %u", TIMEOUT_MS_MAX);
    return false;
}

bool cli_count(const char *command, const char *option, const char *text,
        uint64_t *out)
{
    double value;

    if (number_parse(bytes_of_text(text), &value) && value >= 0 &&
            value < 9e15 && value == (double)(uint64_t)value) {
        *out = (uint64_t)value;
        return true;
    }
    (void)cli_usage(command, "%s: '%s' is not a whole number", option, text);
    return false;
}
