/* What the commands of `rue` share. A command is one file with one function
 * and one row in main.c; it returns the process's exit status: 0, 1 for a
 * failure, 2 for a wrong call. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/bytes.h"
#include "base/err.h"

#include <jansson.h>
#include <stdint.h>

struct command {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is "rue COMMAND" */
    const char *line; /* what it does, one line */
};

int cmd_bakeoff(int argc, char **argv);
int cmd_config(int argc, char **argv);
int cmd_decide(int argc, char **argv);
int cmd_evaluate(int argc, char **argv);
int cmd_drift(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_feedback(int argc, char **argv);
int cmd_generations(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_importance(int argc, char **argv);
int cmd_log(int argc, char **argv);
int cmd_promote(int argc, char **argv);
int cmd_retrain(int argc, char **argv);
int cmd_rollback(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_sim(int argc, char **argv);
/* rue sim sor, rue sim solve; argv[0] is "rue sim sor" or "rue sim solve". */
int cmd_sim_sor(int argc, char **argv);
int cmd_sim_solve(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_tune(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_watch(int argc, char **argv);

#define EXIT_USAGE 2

/* "rue COMMAND: text (see rue COMMAND --help)" on stderr; EXIT_USAGE. */
int cli_usage(const char *command, const char *format, ...)
        __attribute__((format(printf, 2, 3)));
/* "rue COMMAND: text" on stderr; 1. */
int cli_fail(const char *command, const struct err *err);

/* Prints a JSON value on one line and frees it. */
void cli_print_json(json_t *value);
/* A JSON string of bytes that may not be text: '?' stands in for what is not
 * printable ASCII or UTF-8. */
json_t *cli_json_text(struct bytes text);

/* A line on stderr that the next one replaces; nothing when stderr is not a
 * terminal. done = all ends the line. */
void cli_progress(const char *what, uint64_t done, uint64_t all);

/* Whole number or number of an option's value; false and a usage message if it
 * is not one. */
bool cli_count(const char *command, const char *option, const char *text,
        uint64_t *out);
/* Milliseconds, 1 to a day. */
bool cli_timeout(const char *command, const char *text, uint64_t *out);
bool cli_number(
        const char *command, const char *option, const char *text, double *out);

#endif
