/* Positions, duels and paths through the socket: by the client library, by the
 * command line, over a kill -9, and what `rue verify` says of them. */
#include "replay/verify.h"
#include "tests/lib/service.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char config[] =
        "problems:\n"
        "  - name: results\n"
        "    actions: [left, middle, right]\n"
        "    policy: {learner: tsallis-inf}\n"
        "  - name: taste\n"
        "    form: duel\n"
        "    actions: [tea, coffee, water]\n"
        "    policy: {oracle: preference, explorer: squarecb}\n"
        "  - name: commute\n"
        "    form: path\n"
        "    actions: [a, b, c, d, e]\n"
        "    policy: {learner: routes}\n";

#define ROUNDS 40

static struct service service;
static rue_client *client;

_Noreturn static void broken(const char *what, const char *detail)
{
    fprintf(stderr, "forms: %s: %s\n", what, detail);
    exit(1);
}

static void expect(bool right, const char *what)
{
    if (!right)
        broken(what, rue_error(client));
}

static double problem_number(const char *problem, const char *name)
{
    rue_service_status status;

    expect(rue_get_status(client, problem, &status) == RUE_OK, "status");
    for (size_t i = 0; i < status.number_count; i++)
        if (strcmp(status.numbers[i].name, name) == 0)
            return status.numbers[i].value;
    broken("no such number", name);
}

/* ---- the library ---- */

static void tell(const char *problem, const rue_report *report)
{
    rue_receipt receipt;

    if (rue_tell(client, problem, report, &receipt) != RUE_OK)
        broken(problem, receipt.message);
    expect(!receipt.repeated, "counted once");
    if (rue_tell(client, problem, report, &receipt) != RUE_OK)
        broken(problem, receipt.message);
    expect(report->id == NULL || receipt.repeated, "and not twice");
}

static void refuse(
        const char *problem, const rue_report *report, const char *words)
{
    rue_receipt receipt;

    if (rue_tell(client, problem, report, &receipt) != RUE_INVALID ||
            strstr(rue_error(client), words) == NULL)
        broken(words, rue_error(client));
}

/* An event id that is kept over the next call. */
static const char *decide(
        const char *problem, const char *prefix, int round, rue_answer *answer)
{
    static char event[64];
    rue_question question = {.event = event};

    (void)snprintf(event, sizeof(event), "%s-%d", prefix, round);
    if (rue_decide(client, problem, &question, answer) != RUE_OK)
        broken(problem, rue_error(client));
    return event;
}

static void play_results(int round)
{
    rue_answer answer;
    rue_report report = {.value = round % 2, .id = "f"};

    report.event = decide("results", "r", round, &answer);
    switch (round % 4) {
    case 0: /* the chosen one */
        break;
    case 1:
        report.position = 1 + (uint32_t)round % 3;
        break;
    case 2:
        report.has_shown = 1;
        report.shown = answer.ranking[2];
        report.propensity = 0.125;
        break;
    case 3:
        report.has_shown = 1;
        report.shown = answer.ranking[1];
        break;
    }
    tell("results", &report);
    report.id = "g";
    report.has_shown = 0;
    report.propensity = 0.0;
    report.position = round % 4 == 1 && round % 3 == 1 ? 3 : 2;
    refuse("results", &report, "another action");
}

static void play_taste(int round)
{
    rue_answer answer;
    rue_report report = {.id = "f"};
    double p, q;

    report.event = decide("taste", "t", round, &answer);
    p = answer.probability[0];
    q = answer.probability[1];
    expect(fabs(answer.pair_probability - p * q / (1.0 - p)) < 1e-12,
            "probability of a pair");
    report.value = answer.ranking[0] > answer.ranking[1];
    tell("taste", &report);
    report.id = "g";
    report.value = 1.5;
    refuse("taste", &report, "value: 1.5");
}

static void play_commute(int round)
{
    double costs[5] = {0.1, 0.2, 0.3, 0.4, 0.5};
    rue_answer answer;
    rue_report report = {.id = "f", .costs = costs, .cost_count = 5};

    report.event = decide("commute", "c", round, &answer);
    expect(answer.count == 0 && answer.path_count >= 2, "a path");
    expect(answer.path_probability > 0.0 && answer.path_probability <= 1.0,
            "its probability");
    expect(answer.edges[0][0] == 'a' + (int)answer.path[0], "its edges");
    report.costs_full = round % 2;
    if (!report.costs_full)
        report.cost_count = answer.path_count;
    tell("commute", &report);
    report.id = "g";
    report.costs_full = 0;
    report.cost_count = 1;
    refuse("commute", &report, "1 for a path of");
}

/* Feedback first: what it is about waits for the decision, over a crash. */
static void report_early(void)
{
    double costs[5] = {0.5, 0.4, 0.3, 0.2, 0.1};
    rue_report position = {
            .event = "early", .value = 1.0, .id = "f", .position = 3};
    rue_report all = {.event = "early",
            .id = "f",
            .costs = costs,
            .cost_count = 5,
            .costs_full = 1};

    tell("results", &position);
    tell("commute", &all);
}

static void decide_late(void)
{
    rue_answer answer;
    rue_question question = {.event = "early"};
    double results = problem_number("results", "learned");
    double commute = problem_number("commute", "learned");

    expect(rue_decide(client, "results", &question, &answer) == RUE_OK,
            "the decision of a held position");
    expect(rue_decide(client, "commute", &question, &answer) == RUE_OK,
            "the decision of held costs");
    expect(problem_number("results", "learned") == results + 1 &&
                    problem_number("commute", "learned") == commute + 1,
            "what was held is learned");
}

/* ---- the command line ---- */

/* What `rue COMMAND` prints, or its last line if it fails. */
static const char *rue(const char *arguments, int wanted)
{
    static char text[65536];
    char command[8192];
    size_t size;
    FILE *pipe;
    int status;

    (void)snprintf(command, sizeof(command), "%s %s 2>&1",
            service_program("rue"), arguments);
    pipe = popen(command, "r");
    if (pipe == NULL)
        broken("popen", command);
    size = fread(text, 1, sizeof(text) - 1, pipe);
    text[size] = '\0';
    status = pclose(pipe);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != wanted)
        broken(command, text);
    return text;
}

static void rue_says(const char *arguments, int wanted, const char *words)
{
    const char *text = rue(arguments, wanted);

    if (strstr(text, words) == NULL)
        broken(arguments, text);
}

/* `format` has %s for the connection. */
static void ask(const char *format, int wanted, const char *words)
{
    char arguments[1024], connection[512];

    (void)snprintf(connection, sizeof(connection),
            "--connect %s --timeout 9000", service.endpoint);
    (void)snprintf(arguments, sizeof(arguments), "%s %s", format, connection);
    rue_says(arguments, wanted, words);
}

static void use_the_commands(void)
{
    ask("decide results --event cli", 0, "take");
    ask("feedback results cli 1 --id x --position 2", 0, "feedback: OK");
    ask("feedback results cli 1 --id y", 1, "another action");
    ask("feedback results cli 1 --position 2 --shown 1", 1, "either position");
    ask("feedback results cli 1 --position 0", 2, "--position: 1 to");
    ask("decide results --event cli2", 0, "take");
    ask("feedback results cli2 1 --shown 1 --propensity 0.5", 0, "OK");
    ask("decide taste --event cli", 0, "pair of probability");
    ask("decide taste --event cli --json", 0, "\"pair_probability\"");
    ask("feedback taste cli 0.5", 0, "feedback: OK");
    ask("decide commute --event cli --exclude 0", 0, "walk 2    c");
    ask("decide commute --event cli --exclude 0 --json", 0, "\"edge\":\"d\"");
    ask("feedback commute cli --costs 0.25", 1, "1 for a path of 2 edges");
    ask("feedback commute cli --costs 0.25,0.5", 0, "feedback: OK");
    ask("feedback commute cli 1 --costs 0.25,0.5", 2, "either VALUE");
    ask("feedback commute cli 1", 1, "costs: are missing");
    ask("decide commute --exclude 0,3", 1, "no path is left");
}

static void read_the_log(void)
{
    char arguments[1024];

    (void)snprintf(
            arguments, sizeof(arguments), "log %s --event cli", service.data);
    rue_says(arguments, 0, "position=2 about=");
    rue_says(arguments, 0, " pair=");
    rue_says(arguments, 0, "path=2,3 p=1 of=4");
    rue_says(arguments, 0, "costs=0.25,0.5");
    (void)snprintf(
            arguments, sizeof(arguments), "log %s --event cli2", service.data);
    rue_says(arguments, 0, "shown=1 propensity=0.5 about=1");
    (void)snprintf(arguments, sizeof(arguments),
            "log %s --json --problem commute --event early", service.data);
    rue_says(arguments, 0, "\"held_costs\":{\"value\":[0.5");
    rue_says(arguments, 0, "\"marginal\":[");
    (void)snprintf(arguments, sizeof(arguments),
            "log %s --json --problem results --event r-3", service.data);
    rue_says(arguments, 0, "\"propensity\":null");
}

/* ---- the whole ---- */

static void play(int from, int until)
{
    for (int round = from; round < until; round++) {
        play_results(round);
        play_taste(round);
        play_commute(round);
    }
}

int main(void)
{
    service_make(&service, config);
    service.program = "tests/rued";
    service_start(&service);
    client = service_client(&service);
    play(0, ROUNDS);
    report_early();
    service_kill(&service);
    service_start(&service);
    decide_late();
    play(ROUNDS, 2 * ROUNDS);
    use_the_commands();
    expect(problem_number("results", "propensity_unknown") > 0,
            "unknown propensities are counted");
    expect(problem_number("taste", "learned") == 2 * ROUNDS + 1,
            "every preference is learned once");
    rue_close(client);
    if (service_stop(&service) != 0)
        broken("stop", "exit status");
    read_the_log();
    service_verify(&service);
    service_remove(&service);
    return 0;
}
