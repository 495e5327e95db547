/* What serving feels of a training: the same load on the same service, turn by
 * turn, without and with rue-train at work beside it, so that a noisy machine
 * is noisy for both. Medians of the turns. Throughput with many requests in
 * flight, and latency at a fixed rate.
 *
 * TURNS=N (default 5), EVENTS=N of the log that is trained on (default 200,000)
 * in the environment. */
#include "bench/turns.h"
#include "tests/lib/load.h"
#include "tests/lib/service.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE     1000.0 /* messages a second */
#define MESSAGES 12000u /* of a turn at full speed; a third at the rate */

static uint64_t seed;

_Noreturn static void give_up(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

/* ---- a training that never ends ---- */

struct training {
    const struct service *service;
    pthread_t thread;
    atomic_bool over;
    uint64_t looks, running;
};

static double number_of(const rue_service_status *status, const char *name)
{
    for (size_t i = 0; i < status->number_count; i++)
        if (strcmp(status->numbers[i].name, name) == 0)
            return status->numbers[i].value;
    return 0.0;
}

static void *training_main(void *argument)
{
    struct training *training = argument;
    rue_client *client = service_client(training->service);

    while (!atomic_load(&training->over)) {
        rue_service_status status;
        if (rue_get_status(client, "bench", &status) != RUE_OK)
            give_up("status");
        training->looks++;
        if (number_of(&status, "training_running") > 0.0)
            training->running++;
        else if (rue_retrain(client, "bench", NULL) != RUE_OK)
            give_up("retrain");
        (void)poll(NULL, 0, 20);
    }
    rue_close(client);
    return NULL;
}

static bool is_running(void *self)
{
    return service_number(self, "bench", "training_running") > 0.0;
}

static bool is_idle(void *self)
{
    return service_number(self, "bench", "training_running") == 0.0;
}

static void begin(struct training *training, struct service *service)
{
    atomic_store(&training->over, false);
    training->service = service;
    if (pthread_create(&training->thread, NULL, training_main, training) != 0)
        give_up("no thread");
    wait_until("a training", is_running, service);
}

static void end(struct training *training, struct service *service)
{
    atomic_store(&training->over, true);
    (void)pthread_join(training->thread, NULL);
    wait_until("the end of a training", is_idle, service);
}

/* ---- turns ---- */

struct turn {
    double per_s, p99_us;
};

static struct load_result load(const struct service *service, uint32_t window,
        uint32_t batch, uint64_t messages, double rate)
{
    struct load_settings settings = {service->endpoint, "bench", 2, window,
            batch, messages, rate, ++seed, 0};
    struct load_result result;

    load_run(&settings, &result);
    if (result.failed > 0)
        give_up("some replies were not OK");
    return result;
}

static struct turn take_turn(const struct service *service)
{
    struct load_result fast = load(service, 32, 1, MESSAGES, 0.0);
    struct load_result steady = load(service, 32, 1, MESSAGES / 3, RATE);

    return (struct turn){fast.messages_per_s, steady.p99_us};
}

static void measure(const char *priority, uint32_t turns, uint64_t events)
{
    static double rates[2][TURNS_MAX], tails[2][TURNS_MAX];
    static double rate_ratios[TURNS_MAX], tail_ratios[TURNS_MAX];
    struct training training = {0};
    struct service service;
    char text[4096];

    (void)snprintf(text, sizeof(text),
            "%s    retrain: {then: store, priority: %s, keep: 2}\n",
            load_config, priority);
    service_make(&service, text);
    service_start(&service);
    (void)load(&service, 4, 100, events / 50, 0.0);
    for (uint32_t i = 0; i < turns; i++) {
        struct turn without = take_turn(&service), with;
        begin(&training, &service);
        with = take_turn(&service);
        end(&training, &service);
        rates[0][i] = without.per_s;
        rates[1][i] = with.per_s;
        tails[0][i] = without.p99_us;
        tails[1][i] = with.p99_us;
        rate_ratios[i] = with.per_s / without.per_s;
        tail_ratios[i] = with.p99_us / without.p99_us;
    }
    printf("training_%s_running %.3f share\n", priority,
            (double)training.running / (double)training.looks);
    printf("training_%s_trainings %.0f count\n", priority,
            service_number(&service, "bench", "trainings"));
    printf("training_%s_off_messages %.0f 1/s\n", priority,
            turns_median(rates[0], turns));
    printf("training_%s_on_messages %.0f 1/s\n", priority,
            turns_median(rates[1], turns));
    printf("training_%s_messages_ratio %.3f ratio\n", priority,
            turns_median(rate_ratios, turns));
    printf("training_%s_off_p99 %.0f us\n", priority,
            turns_median(tails[0], turns));
    printf("training_%s_on_p99 %.0f us\n", priority,
            turns_median(tails[1], turns));
    printf("training_%s_p99_ratio %.3f ratio\n", priority,
            turns_median(tail_ratios, turns));
    (void)service_stop(&service);
    service_remove(&service);
}

int main(void)
{
    uint32_t turns = (uint32_t)turns_number("TURNS", 5);
    uint64_t events = turns_number("EVENTS", 200000);

    if (turns < 1 || turns > TURNS_MAX)
        give_up("TURNS: 1 to 64");
    measure("idle", turns, events);
    measure("low", turns, events);
    return 0;
}
