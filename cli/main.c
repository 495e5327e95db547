/* rue: one command for people and scripts. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static const struct command commands[] = {
        {"decide", cmd_decide, "ask a running service for one decision"},
        {"feedback", cmd_feedback, "report what happened to an event"},
        {"status", cmd_status, "what a running service knows of itself"},
        {"retrain", cmd_retrain, "train a generation of a problem now"},
        {"generations", cmd_generations, "the generations of a problem"},
        {"promote", cmd_promote, "have a generation serve"},
        {"rollback", cmd_rollback, "have serve what served before"},
        {"top", cmd_top, "a live view of a running service"},
        {"watch", cmd_watch, "print what a running service publishes"},
        {"sim", cmd_sim, "play a simulated world against a service"},
        {"bakeoff", cmd_bakeoff,
                "what policies lose on files of labelled rows"},
        {"drift", cmd_drift, "detectors of change over a file of numbers"},
        {"log", cmd_log, "print the records of a store"},
        {"explain", cmd_explain, "why a decision was made, from the log"},
        {"importance", cmd_importance, "which features matter"},
        {"evaluate", cmd_evaluate,
                "what other policies would have earned on a log"},
        {"tune", cmd_tune, "choose a policy on the past of a log"},
        {"replay", cmd_replay, "decide a log again: the same, bit for bit?"},
        {"export", cmd_export, "write a log in the formats of others"},
        {"import", cmd_import, "take a log from elsewhere into a store"},
        {"verify", cmd_verify, "check a store against itself"},
        {"config", cmd_config, "check a configuration, show every setting"},
};

static void print_help(void)
{
    puts("usage: rue COMMAND [ARGUMENT]...\n");
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++)
        printf("  %-11s %s\n", commands[i].name, commands[i].line);
    puts("\n`rue COMMAND --help` explains a command, with an example.\n"
         "The service itself is rued.");
}

/* getopt's messages begin with argv[0]: as ours do, "rue COMMAND". */
static int run(const struct command *command, int argc, char **argv)
{
    static char title[32];

    (void)snprintf(title, sizeof(title), "rue %s", command->name);
    argv[0] = title;
    return command->run(argc, argv);
}

int main(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
        puts("rue " RUE_VERSION);
        return 0;
    }
    if (argc >= 2 &&
            (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
                    strcmp(argv[1], "help") == 0)) {
        print_help();
        return 0;
    }
    for (size_t i = 0; argc >= 2 && i < ARRAY_COUNT(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return run(&commands[i], argc - 1, argv + 1);
    fprintf(stderr, "rue: %s (see rue --help)\n",
            argc < 2 ? "a command is missing" : "there is no such command");
    return EXIT_USAGE;
}
