/* What a decision costs where rue runs in the program's own process, and what
 * it costs through a socket: 20 actions, as a solver's parameter has, each
 * decision with its feedback, one at a time.
 *
 * local_*: no log. relaxed_*, commit_*: with a log on disk; the second waits
 * for the disk. socket_*: rued on this machine, durability relaxed. Medians of
 * turns of a few events, which are mostly shorter than a time slice of a busy
 * machine; TURNS=N in the environment. */
#include "local/rue-local.h"
#include "tests/lib/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TURNS_MAX 4096

/* clang-format off */
static const char tail[] =
        "    actions: [\"1.00\", \"1.05\", \"1.10\", \"1.15\", \"1.20\","
        " \"1.25\", \"1.30\", \"1.35\", \"1.40\", \"1.45\", \"1.50\", \"1.55\","
        " \"1.60\", \"1.65\", \"1.70\", \"1.75\", \"1.80\", \"1.85\", \"1.90\","
        " \"1.95\"]\n"
        "    reward: {min: 0, max: 1000, objective: minimise}\n";
/* clang-format on */

static const struct {
    const char *name, *settings;
    size_t context;
} policies[] = {
        {"uniform", "    policy: {oracle: ridge, explorer: uniform}\n", 0},
        {"tsallis", "    policy: {learner: tsallis-inf}\n", 0},
        {"chebyshev",
                "    context: [shift]\n"
                "    policy: {oracle: chebyshev, explorer: squarecb}\n",
                1},
        {"ridge",
                "    context: [shift]\n"
                "    policy: {oracle: ridge, explorer: squarecb}\n",
                1},
        {"tsallis_guard",
                "    guard: {action: \"1.60\", loss: 0.05}\n"
                "    policy: {learner: tsallis-inf}\n",
                0},
        {"ridge_guard",
                "    context: [shift]\n"
                "    guard: {action: \"1.60\", loss: 0.05}\n"
                "    policy: {oracle: ridge, explorer: squarecb}\n",
                1},
};
#define POLICIES (sizeof(policies) / sizeof(policies[0]))

static double decide_ns[TURNS_MAX], feedback_ns[TURNS_MAX];

_Noreturn static void give_up(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

static double now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof(*values), compare);
    return values[count / 2];
}

/* What reading the clock adds. */
static double clock_ns(void)
{
    double start = now_ns(), end = start;

    for (int i = 0; i < 1000; i++)
        end = now_ns();
    return (end - start) / 1000;
}

static void take_turn(rue_client *client, size_t columns, int events, int turn)
{
    double decide = 0.0, feedback = 0.0, clock = clock_ns();

    for (int i = 0; i < events; i++) {
        double context[1] = {(double)(i % 97) / 97.0};
        rue_question question = {.context = columns > 0 ? context : NULL,
                .context_count = columns};
        char event[RUE_ID_SIZE];
        rue_answer answer;
        double cost, start = now_ns(), middle;
        if (rue_decide(client, "omega", &question, &answer) != RUE_OK)
            give_up(rue_error(client));
        middle = now_ns();
        decide += middle - start - clock;
        cost = 40.0 + 3.0 * abs((int)answer.chosen - 12) + i % 3;
        memcpy(event, answer.event, sizeof(event));
        start = now_ns();
        if (rue_feedback(client, "omega", event, cost, NULL, NULL) != RUE_OK)
            give_up(rue_error(client));
        feedback += now_ns() - start - clock;
    }
    decide_ns[turn] = decide / events;
    feedback_ns[turn] = feedback / events;
}

static void measure(const char *way, const char *policy, rue_client *client,
        size_t columns, int events, int turns)
{
    if (client == NULL)
        give_up("no client");
    /* Past the first rounds and the table of events. */
    take_turn(client, columns, 200 * events, 0);
    for (int turn = 0; turn < turns; turn++)
        take_turn(client, columns, events, turn);
    printf("%s_decide_%s %.0f ns\n", way, policy, median(decide_ns, turns));
    printf("%s_feedback_%s %.0f ns\n", way, policy, median(feedback_ns, turns));
    (void)fflush(stdout);
    rue_close(client);
}

static const char *config_of(size_t policy, const char *durability)
{
    static char text[2048];

    (void)snprintf(text, sizeof(text),
            "problems:\n  - name: omega\n    durability: %s\n%s%s", durability,
            policies[policy].settings, tail);
    return text;
}

static rue_client *open_local(
        size_t policy, const char *durability, const char *store)
{
    rue_local_options options;
    char error[256] = "";
    rue_client *client;

    rue_local_options_init(&options);
    options.config = config_of(policy, durability);
    options.store = store;
    client = rue_open_local(&options, error, sizeof(error));
    if (client == NULL)
        give_up(error);
    return client;
}

static void measure_store(
        const char *way, const char *durability, int events, int turns)
{
    char directory[] = "/tmp/rue-local-XXXXXX", command[64];

    if (mkdtemp(directory) == NULL)
        give_up("no directory");
    measure(way, "tsallis", open_local(1, durability, directory), 0, events,
            turns);
    (void)snprintf(command, sizeof(command), "rm -rf %s", directory);
    if (system(command) != 0)
        give_up(command);
}

static void measure_socket(int events, int turns)
{
    struct service service;
    rue_options options;

    service_make(&service, config_of(1, "relaxed"));
    service_start(&service);
    rue_options_init(&options);
    options.endpoint = service.endpoint;
    measure("socket", "tsallis", rue_open(&options, NULL, 0), 0, events, turns);
    (void)service_stop(&service);
    service_remove(&service);
}

int main(void)
{
    const char *wanted = getenv("TURNS");
    int turns = wanted == NULL ? 25 : (int)strtol(wanted, NULL, 10);

    if (turns < 1 || turns > TURNS_MAX)
        give_up("TURNS");
    for (size_t i = 0; i < POLICIES; i++)
        measure("local", policies[i].name, open_local(i, "relaxed", NULL),
                policies[i].context, 32, turns);
    measure_store("relaxed", "relaxed", 32, turns);
    measure_store("commit", "commit", 1, turns < 100 ? turns : 100);
    measure_socket(1, turns);
    return 0;
}
