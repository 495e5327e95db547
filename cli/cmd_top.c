#include "cli/connect.h"
#include "cli/options.h"
#include "cli/top_view.h"

#include <getopt.h> /* optind */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const char help[] =
        "usage: rue top [--connect ENDPOINT] [--every SECONDS]\n"
        "\n"
        "A live view of a running service on a terminal of 80 x 24 or more:\n"
        "rates, and of each problem its generation, rates, reward with its\n"
        "course, alarms and state. Keys: ? explains them, q quits. It asks as\n"
        "rue status does, about the problems on the screen. When the service\n"
        "does not answer it says so, and goes on when it does.\n"
        "\n"
        "  --connect ENDPOINT  default " CONNECT_ENDPOINT "\n"
        "  --every SECONDS     between two questions, 0.25 to 60 (default 2)\n"
        "\n"
        "Example:\n"
        "  ssh -t host rue top --every 1\n";

/* A key waits at most so long for an answer that does not come. */
#define ANSWER_MS 1000
/* And the clock on the screen at most so long for its next tick. */
#define DRAW_MS 500
/* Problems that are not on the screen and are asked about each time. */
#define IN_TURN 20u

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

static double seconds_of(clockid_t id)
{
    struct timespec now;

    (void)clock_gettime(id, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct top_command {
    rue_client *client;
    struct top top;
    struct top_view view;
    double heard; /* the last answer, or the start */
    double next; /* when it is asked again */
    uint32_t turn; /* of the problem that is asked about next, in turn */
};

static bool is_away(struct top_command *command, rue_status status)
{
    if (status == RUE_OK) {
        command->heard = seconds_of(CLOCK_MONOTONIC);
        command->view.away_s = 0.0;
        return false;
    }
    command->view.away_s = seconds_of(CLOCK_MONOTONIC) - command->heard;
    (void)snprintf(command->view.why, sizeof(command->view.why), "%s",
            rue_error(command->client));
    return true;
}

/* False: there is no answer. */
static bool ask_problem(
        struct top_command *command, struct top_problem *problem)
{
    rue_service_status status;
    rue_status result = rue_get_status(command->client, problem->name, &status);

    if (result == RUE_UNKNOWN_PROBLEM)
        return true;
    if (is_away(command, result))
        return false;
    top_take_problem(&command->top, problem, &status,
            seconds_of(CLOCK_MONOTONIC), seconds_of(CLOCK_REALTIME));
    return true;
}

/* Some of those that were not asked about since `began`, in turn, so that
 * alarms and rates of problems that are not on the screen are seen too, if
 * later. */
static void ask_in_turn(struct top_command *command, double began)
{
    const struct top *top = &command->top;
    uint32_t asked = 0;

    for (uint32_t i = 0; asked < IN_TURN && i < top->problem_count; i++) {
        struct top_problem *problem =
                top->problems[command->turn++ % top->problem_count];
        if (problem->asked >= began)
            continue;
        if (!ask_problem(command, problem))
            return;
        asked++;
    }
}

/* The service, then the problems that are on the screen, then some others.
 * False: no memory. */
static bool ask(struct top_command *command)
{
    double began = seconds_of(CLOCK_MONOTONIC);
    rue_service_status status;
    uint32_t from, until;

    if (is_away(command, rue_get_status(command->client, NULL, &status)))
        return true;
    if (!top_take_service(
                &command->top, &status, seconds_of(CLOCK_MONOTONIC)) ||
            !top_view_sort(&command->view, &command->top))
        return false;
    top_view_visible(&command->view, &from, &until);
    for (uint32_t i = from; i < until; i++)
        if (!ask_problem(command, command->view.order[i]))
            return true;
    ask_in_turn(command, began);
    return true;
}

static int show(struct top_command *command)
{
    bool going = true, memory = true;

    while (going && memory && !interrupted) {
        double now = seconds_of(CLOCK_MONOTONIC), left;
        if (command->view.ask ||
                (now >= command->next && !command->view.paused)) {
            command->view.ask = false;
            memory = ask(command);
            now = seconds_of(CLOCK_MONOTONIC);
            command->next = now + command->view.every_s;
        }
        top_view_draw(&command->view, &command->top);
        left = (command->next - now) * 1e3;
        going = top_view_key(&command->view, &command->top,
                command->view.paused || left > DRAW_MS ? DRAW_MS
                        : left > 1.0                   ? (int)left
                                                       : 1);
        if (command->next > now + command->view.every_s)
            command->next = now + command->view.every_s;
    }
    return memory ? 0 : 1;
}

static int run(struct top_command *command)
{
    struct sigaction action = {.sa_handler = interrupt};
    int result;

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        fprintf(stderr,
                "rue top: needs a terminal; rue status --json is for "
                "programs\n");
        return 1;
    }
    command->client = connect_client("top", command->view.endpoint, ANSWER_MS);
    if (command->client == NULL)
        return 1;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGHUP, &action, NULL);
    command->heard = seconds_of(CLOCK_MONOTONIC);
    if (!top_view_open(&command->view)) {
        fprintf(stderr, "rue top: the terminal (TERM) is not known\n");
        rue_close(command->client);
        return 1;
    }
    result = show(command);
    top_view_close();
    if (result != 0)
        fprintf(stderr, "rue top: no memory\n");
    rue_close(command->client);
    top_free(&command->top);
    free(command->view.order);
    return result;
}

int cmd_top(int argc, char **argv)
{
    struct top_command command = {
            .view = {.endpoint = CONNECT_ENDPOINT, .every_s = 2.0}};
    const struct cli_option options[] = {
            CLI_TEXT("connect", &command.view.endpoint),
            CLI_ANY_NUMBER("every", &command.view.every_s),
            CLI_HELP(help),
    };
    int status = cli_options(options, ARRAY_COUNT(options), argc, argv);

    if (status >= 0)
        return status;
    if (!(command.view.every_s >= 0.25 && command.view.every_s <= 60.0))
        return cli_usage("top", "--every: 0.25 to 60 seconds");
    if (optind < argc)
        return cli_usage("top", "it takes options only");
    return run(&command);
}
