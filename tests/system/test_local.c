/* librue-local beside the service: the same configuration, seed and event ids
 * give the same actions with the same propensities; what it leaves in a store
 * is sound, and the service continues from it. */
#include "base/rng.h"
#include "local/rue-local.h"
#include "tests/lib/service.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define EVENTS 100u

/* What watches for drift sees how long feedback takes, which is each client's
 * own time; the rest of a state is the same. */
#define UNWATCHED "    drift: {on: false}\n"

static const char problems[] =
        "problems:\n"
        "  - name: tuned\n" UNWATCHED "    seed: 7\n"
        "    context: [x, y]\n"
        "    actions: [a, b, c, d]\n"
        "    policy: {oracle: ridge, explorer: squarecb}\n"
        "  - name: scaled\n" UNWATCHED "    actions: [a, b, c, d, e]\n"
        "    reward: {max: 100, objective: minimise}\n"
        "    durability: relaxed\n"
        "    policy: {learner: tsallis-inf, estimator: reduced_variance}\n"
        "  - name: open\n" UNWATCHED "    action_features: 2\n"
        "    named_columns: 8\n"
        "    durability: relaxed\n"
        "    policy: {oracle: ridge, explorer: thompson}\n"
        "  - name: price\n" UNWATCHED "    form: predict\n"
        "    context: [x, y]\n"
        "    durability: relaxed\n"
        "    policy: {oracle: ridge}\n"
        "  - name: omega\n" UNWATCHED "    durability: relaxed\n"
        "    parameter: {name: omega, from: 1, to: 1.95, start: 3, points: 9,\n"
        "                refine: 4}\n"
        "    reward: {objective: minimise}\n"
        "    policy: {learner: tsallis-inf}\n";

static const char *const names[] = {
        "tuned", "scaled", "open", "price", "omega"};
#define PROBLEMS 5u

_Noreturn static void broken(const char *what, const char *detail)
{
    fprintf(stderr, "local: %s: %s\n", what, detail);
    exit(1);
}

static rue_client *open_local(const char *store, char *error, size_t size)
{
    rue_local_options options;

    rue_local_options_init(&options);
    options.config = problems;
    options.store = store;
    return rue_open_local(&options, error, size);
}

static rue_client *must_open(const char *store)
{
    char error[256] = "";
    rue_client *client = open_local(store, error, sizeof(error));

    if (client == NULL)
        broken("open", error);
    return client;
}

/* ---- the same answers ---- */

/* The round `number` of a problem, the same for every client. */
struct round {
    char event[32];
    double context[2], columns[6];
    uint32_t excluded[1];
    rue_named named[1];
    rue_question question;
    double value;
};

static void make_round(uint32_t problem, uint32_t number, struct round *round)
{
    static const char *const actions[] = {"p", "q", "r"};
    static const char *const words[] = {"low", "middle", "high"};
    struct rng rng = rng_keyed(11, problem, number);
    rue_question *question = &round->question;

    memset(round, 0, sizeof(*round));
    (void)snprintf(
            round->event, sizeof(round->event), "event-%u-%u", problem, number);
    question->event = round->event;
    for (int i = 0; i < 2; i++)
        round->context[i] = rng_unit(&rng);
    for (int i = 0; i < 6; i++)
        round->columns[i] = rng_unit(&rng);
    round->value = rng_unit(&rng);
    if (problem == 0 || problem == 3) {
        question->context = round->context;
        question->context_count = 2;
    }
    if (problem == 0 && number % 3 == 0) {
        round->excluded[0] = number % 4;
        question->excluded = round->excluded;
        question->excluded_count = 1;
    }
    if (problem == 1)
        round->value *= 100.0;
    if (problem != 2)
        return;
    round->named[0] = (rue_named){.name = "level", .text = words[number % 3]};
    question->actions = actions;
    question->action_count = 3;
    question->action_features = round->columns;
    question->action_rows = 3;
    question->action_columns = 2;
    question->named = round->named;
    question->named_count = 1;
}

static void expect_same(
        const char *what, const rue_answer *a, const rue_answer *b)
{
    bool same = a->status == b->status && a->count == b->count &&
            a->chosen == b->chosen && a->propensity == b->propensity &&
            a->has_prediction == b->has_prediction &&
            a->prediction == b->prediction &&
            a->policy_version == b->policy_version && a->value == b->value &&
            (a->values == NULL) == (b->values == NULL) &&
            strcmp(a->action, b->action) == 0 &&
            strcmp(a->policy, b->policy) == 0 &&
            strcmp(a->event, b->event) == 0;

    for (size_t i = 0; same && i < a->count; i++)
        same = a->ranking[i] == b->ranking[i] &&
                a->probability[i] == b->probability[i] &&
                (a->values == NULL || a->values[i] == b->values[i]) &&
                strcmp(a->actions[i], b->actions[i]) == 0;
    if (!same)
        broken(what, a->event);
}

static void play_same(rue_client *clients[], size_t count, uint32_t number)
{
    for (uint32_t problem = 0; problem < PROBLEMS; problem++) {
        rue_answer answers[3];
        struct round round;
        make_round(problem, number, &round);
        for (size_t i = 0; i < count; i++)
            if (rue_decide(clients[i], names[problem], &round.question,
                        &answers[i]) != RUE_OK)
                broken(names[problem], rue_error(clients[i]));
        for (size_t i = 1; i < count; i++)
            expect_same(names[problem], &answers[0], &answers[i]);
        for (size_t i = 0; i < count; i++)
            if (rue_feedback(clients[i], names[problem], round.event,
                        round.value, "once", NULL) != RUE_OK)
                broken("feedback", rue_error(clients[i]));
    }
}

static uint64_t state_of(rue_client *client, const char *problem)
{
    rue_service_status status;

    if (rue_get_status(client, problem, &status) != RUE_OK)
        broken("status", rue_error(client));
    return status.state_hash;
}

/* Why states differ: numbers that do. */
static void print_numbers(rue_client *client, const char *problem)
{
    rue_service_status status;

    if (rue_get_status(client, problem, &status) != RUE_OK)
        return;
    for (size_t i = 0; i < status.number_count; i++)
        fprintf(stderr, "%s%s %.17g\n", status.numbers[i].name,
                status.numbers[i].group, status.numbers[i].value);
}

static void expect_same_states(rue_client *a, rue_client *b, const char *what)
{
    for (uint32_t i = 0; i < PROBLEMS; i++)
        if (state_of(a, names[i]) != state_of(b, names[i])) {
            print_numbers(a, names[i]);
            print_numbers(b, names[i]);
            broken(what, names[i]);
        }
}

/* ---- the store ---- */

static void run(const char *what, const char *const arguments[])
{
    char error[512] = "";

    if (program_run(arguments, error, sizeof(error)) != 0)
        broken(what, error);
}

static void verify(const char *directory)
{
    const char *const arguments[] = {"rue", "verify", directory, NULL};
    const char *const listing[] = {
            "rue", "log", directory, "--event", "event-0-5", NULL};

    run("verify", arguments);
    run("log", listing);
}

/* One process at a time writes. */
static void expect_taken(const char *directory)
{
    char error[256] = "";

    if (open_local(directory, error, sizeof(error)) != NULL)
        broken("a store that is written", "was opened again");
    if (strstr(error, "another process") == NULL)
        broken("a store that is written", error);
}

static void count_done(void *self, const rue_reply *reply)
{
    unsigned *done = self;

    if (reply->status != RUE_OK || reply->answer_count != 1 ||
            reply->answers[0].status != RUE_OK)
        broken("a request that was sent", reply->message);
    ++*done;
}

/* Many requests under way, then one poll after the other. */
static void send_many(rue_client *client)
{
    unsigned sent = 0, done = 0;

    for (uint32_t number = EVENTS; number < 3 * EVENTS; number++) {
        uint32_t problem = number % 2;
        struct round round;
        rue_request request = {.problem = names[problem],
                .questions = &round.question,
                .question_count = 1};
        make_round(problem, number, &round);
        while (rue_send(client, &request, count_done, &done) == RUE_BUSY)
            (void)rue_poll(client, 1000);
        sent++;
    }
    while (rue_in_flight(client) > 0)
        (void)rue_poll(client, 1000);
    if (done != sent)
        broken("sending", "not everything was answered once");
}

static void check_store(const char *directory, rue_client *memory)
{
    rue_client *client = must_open(directory);
    uint64_t before[PROBLEMS];

    /* Opened again: what was learned is there. */
    expect_same_states(client, memory, "state after opening again");
    send_many(client);
    for (uint32_t i = 0; i < PROBLEMS; i++)
        before[i] = state_of(client, names[i]);
    rue_close(client);
    verify(directory);
    client = must_open(directory);
    for (uint32_t i = 0; i < PROBLEMS; i++)
        if (state_of(client, names[i]) != before[i])
            broken("state after many were sent", names[i]);
    rue_close(client);
}

/* The service continues where the program stopped. */
static void continue_with_service(
        struct service *service, const char *directory)
{
    char command[1024];
    rue_client *client = must_open(directory);
    uint64_t before[PROBLEMS];

    for (uint32_t i = 0; i < PROBLEMS; i++)
        before[i] = state_of(client, names[i]);
    rue_close(client);
    (void)snprintf(command, sizeof(command), "rm -rf '%s' && cp -r '%s' '%s'",
            service->data, directory, service->data);
    if (system(command) != 0)
        broken("copying the store", command);
    service_start(service);
    for (uint32_t i = 0; i < PROBLEMS; i++)
        if (service_state_hash(service, names[i]) != before[i])
            broken("state in the service", names[i]);
    (void)service_stop(service);
    service_verify(service);
}

/* A store without room says so, and does not keep its caller. */
static void fill_store(void)
{
    static const char settings[] = "storage: {map_size: 1MiB}\n"
                                   "problems: [{name: a, actions: [x, y]}]\n";
    char directory[] = "/tmp/rue-local-XXXXXX", command[64], error[256] = "";
    rue_question question = {0};
    rue_local_options options;
    rue_status status = RUE_OK;
    rue_answer answer;
    rue_client *client;
    uint32_t decided = 0;

    if (mkdtemp(directory) == NULL)
        broken("directory", directory);
    rue_local_options_init(&options);
    options.config = settings;
    options.store = directory;
    client = rue_open_local(&options, error, sizeof(error));
    if (client == NULL)
        broken("a small store", error);
    while (status == RUE_OK && decided < 100000) {
        rue_question many[256];
        rue_request request = {
                .problem = "a", .questions = many, .question_count = 256};
        rue_reply reply;
        memset(many, 0, sizeof(many));
        status = rue_call(client, &request, &reply);
        decided += 256;
    }
    if (status != RUE_STORAGE_FULL)
        broken("a small store", rue_error(client));
    status = rue_decide(client, "a", &question, &answer);
    if (status != RUE_STORAGE_FULL)
        broken("after it was full", rue_status_name(status));
    rue_close(client);
    (void)snprintf(command, sizeof(command), "rm -rf %s", directory);
    if (system(command) != 0)
        broken("removing", directory);
}

int main(void)
{
    char directory[] = "/tmp/rue-local-XXXXXX", command[64];
    struct service service;
    rue_client *clients[3];

    fill_store();
    if (mkdtemp(directory) == NULL)
        broken("directory", directory);
    service_make(&service, problems);
    service_start(&service);
    clients[0] = service_client(&service);
    clients[1] = must_open(NULL);
    clients[2] = must_open(directory);
    expect_taken(directory);
    for (uint32_t number = 0; number < EVENTS; number++)
        /* Each waits for two disks. */
        play_same(clients, number < 25 ? 3 : 2, number);
    expect_same_states(clients[0], clients[1], "state");
    rue_close(clients[1]);
    clients[1] = must_open(NULL);
    for (uint32_t number = 0; number < 25; number++)
        play_same(&clients[1], 2, number);
    expect_same_states(clients[1], clients[2], "state with a store");
    rue_close(clients[0]);
    rue_close(clients[2]);
    (void)service_stop(&service);
    verify(directory);
    check_store(directory, clients[1]);
    rue_close(clients[1]);
    continue_with_service(&service, directory);
    service_remove(&service);
    (void)snprintf(command, sizeof(command), "rm -rf %s", directory);
    return system(command) == 0 ? 0 : 1;
}
