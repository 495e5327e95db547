#include "tests/lib/steady.h"

#include <stdio.h>
#include <stdlib.h>

#define EVENTS 8u
#define MORE   20u

const char steady_config[] = "  - name: steady\n"
                             "    context: [x]\n"
                             "    actions: [a, b, c, d]\n"
                             "    reward: {wait: 0}\n"
                             "    policy: {oracle: ridge, explorer: epsilon}\n";

_Noreturn static void broken(const char *what, const char *why)
{
    fprintf(stderr, "steady: %s: %s\n", what, why);
    exit(1);
}

static uint32_t ask(rue_client *client, uint32_t number, bool first)
{
    double context[1] = {number};
    rue_question question = {.context = context, .context_count = 1};
    rue_answer answer;
    char event[16];

    (void)snprintf(event, sizeof(event), "steady-%u", number);
    question.event = event;
    if (rue_decide(client, "steady", &question, &answer) != RUE_OK)
        broken("was not served", rue_error(client));
    if (!first && !answer.repeated)
        broken("was not known any more", event);
    return answer.chosen;
}

static void *steady_main(void *argument)
{
    struct steady *steady = argument;
    rue_client *client = service_client(steady->service);
    uint32_t chosen[EVENTS];

    for (uint32_t i = 0; i < EVENTS; i++)
        chosen[i] = ask(client, i, true);
    do {
        for (uint32_t i = 0; i < EVENTS; i++) {
            if (ask(client, i, false) != chosen[i])
                broken("got another answer", "to the same event");
            atomic_fetch_add(&steady->answers, 1);
        }
    } while (!atomic_load(&steady->over));
    rue_close(client);
    return NULL;
}

struct progress {
    struct steady *steady;
    uint64_t wanted;
};

static bool reached(void *self)
{
    struct progress *progress = self;

    return atomic_load(&progress->steady->answers) >= progress->wanted;
}

void steady_check(struct steady *steady)
{
    struct progress progress = {steady, atomic_load(&steady->answers) + MORE};

    wait_until("the steady client is served", reached, &progress);
}

void steady_start(struct steady *steady, const struct service *service)
{
    steady->service = service;
    atomic_store(&steady->over, false);
    atomic_store(&steady->answers, 0);
    if (pthread_create(&steady->thread, NULL, steady_main, steady) != 0)
        broken("thread", "cannot be made");
    steady_check(steady);
}

uint64_t steady_stop(struct steady *steady)
{
    atomic_store(&steady->over, true);
    (void)pthread_join(steady->thread, NULL);
    return atomic_load(&steady->answers);
}
