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
        " \"1.95\"]\n";
/* clang-format on */

#define PLAIN "    reward: {min: 0, max: 1000, objective: minimise}\n"
#define SHARED                                                                 \
    "    reward: {min: 1, max: 1000, objective: minimise, scale: log}\n"       \
    "    context: [shift]\n    action_features: 1\n"                           \
    "    policy: {oracle: surface, explorer: squarecb, action_min: 1,"         \
    " action_max: 1.95, context_min: 0, context_max: 1}\n"
#define GUARD "    guard: {action: \"1.60\", loss: 0.05}\n"

static const struct {
    const char *name, *settings;
    size_t context;
    size_t features; /* of an action: its omega */
} policies[] = {
        {"uniform", PLAIN "    policy: {oracle: ridge, explorer: uniform}\n", 0,
                0},
        {"tsallis", PLAIN "    policy: {learner: tsallis-inf}\n", 0, 0},
        {"chebyshev",
                PLAIN "    context: [shift]\n"
                      "    policy: {oracle: chebyshev, explorer: squarecb}\n",
                1, 0},
        {"ridge",
                PLAIN "    context: [shift]\n"
                      "    policy: {oracle: ridge, explorer: squarecb}\n",
                1, 0},
        {"shared", SHARED, 1, 1},
        {"tsallis_guard", PLAIN GUARD "    policy: {learner: tsallis-inf}\n", 0,
                0},
        {"chebyshev_guard",
                PLAIN GUARD
                "    context: [shift]\n"
                "    policy: {oracle: chebyshev, explorer: squarecb}\n",
                1, 0},
        {"ridge_guard",
                PLAIN GUARD "    context: [shift]\n"
                            "    policy: {oracle: ridge, explorer: squarecb}\n",
                1, 0},
        {"shared_guard", SHARED GUARD, 1, 1},
};
#define POLICIES (sizeof(policies) / sizeof(policies[0]))
#define TSALLIS  1u /* the one that is measured with a log and a socket */
#define ACTIONS  20u

static double omegas[ACTIONS];

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

static void take_turn(rue_client *client, size_t policy, int events, int turn)
{
    const size_t columns = policies[policy].context;
    double decide = 0.0, feedback = 0.0, clock = clock_ns();

    for (int i = 0; i < events; i++) {
        double context[1] = {(double)(i % 97) / 97.0};
        rue_question question = {.context = columns > 0 ? context : NULL,
                .context_count = columns,
                .action_features = omegas,
                .action_rows = policies[policy].features > 0 ? ACTIONS : 0,
                .action_columns = policies[policy].features};
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

static void measure(const char *way, size_t policy, rue_client *client,
        int events, int turns)
{
    const char *name = policies[policy].name;

    if (client == NULL)
        give_up("no client");
    /* Past the first rounds and the table of events. */
    take_turn(client, policy, 200 * events, 0);
    for (int turn = 0; turn < turns; turn++)
        take_turn(client, policy, events, turn);
    printf("%s_decide_%s %.0f ns\n", way, name, median(decide_ns, turns));
    printf("%s_feedback_%s %.0f ns\n", way, name, median(feedback_ns, turns));
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
    measure(way, TSALLIS, open_local(TSALLIS, durability, directory), events,
            turns);
    (void)snprintf(command, sizeof(command), "rm -rf %s", directory);
    if (system(command) != 0)
        give_up(command);
}

static void measure_socket(int events, int turns)
{
    struct service service;
    rue_options options;

    service_make(&service, config_of(TSALLIS, "relaxed"));
    service_start(&service);
    rue_options_init(&options);
    options.endpoint = service.endpoint;
    measure("socket", TSALLIS, rue_open(&options, NULL, 0), events, turns);
    (void)service_stop(&service);
    service_remove(&service);
}

int main(void)
{
    const char *wanted = getenv("TURNS");
    int turns = wanted == NULL ? 25 : (int)strtol(wanted, NULL, 10);

    if (turns < 1 || turns > TURNS_MAX)
        give_up("TURNS");
    for (size_t i = 0; i < ACTIONS; i++)
        omegas[i] = 1.0 + 0.05 * (double)i;
    for (size_t i = 0; i < POLICIES; i++)
        measure("local", i, open_local(i, "relaxed", NULL), 32, turns);
    measure_store("relaxed", "relaxed", 32, turns);
    measure_store("commit", "commit", 1, turns < 100 ? turns : 100);
    measure_socket(1, turns);
    return 0;
}
