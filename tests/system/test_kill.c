/* Nothing acknowledged is lost: rued is killed with -9 at random instants
 * while several clients ask, report and retry. Afterwards every acknowledged
 * decision and feedback is in the log exactly once, with the action that the
 * client was told; an event id that is asked again gets its first answer; and
 * the fold of the log is, byte for byte, the state of the service.
 *
 * KILLS=N in the environment: how often (default 50). SEED=N: of the instants
 * and of what is asked. The seed is printed. */
#include "base/rng.h"
#include "tests/lib/told.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENTS   4
#define KEPT_MAX  4000000u
#define KILLS     50
#define ACTIONS   5
#define CONTEXT   3
#define ASK_AGAIN 16 /* one in so many rounds asks an old event again */

static const char *const problems[] = {"ridge", "tsallis", "groups"};

static const char config[] =
        "engine_threads: %d\n"
        "snapshot: {every: 1s, records: 2000}\n"
        "problems:\n"
        "  - name: ridge\n"
        "    context: [a, b, c]\n"
        "    action_features: 2\n"
        "    reward: {wait: 2s}\n"
        "    policy: {oracle: ridge, explorer: squarecb}\n"
        "  - name: tsallis\n"
        "    context: [a, b, c]\n"
        "    actions: [v, w, x, y, z]\n"
        "    reward: {wait: 0, aggregate: sum, max: 10}\n"
        "    policy: {learner: tsallis-inf}\n"
        "  - name: groups\n"
        "    context: [a, b, c]\n"
        "    actions: [v, w, x, y, z]\n"
        "    groups:\n"
        "      - {name: low, when: a < 0.5}\n"
        "      - {name: high, when: b >= 0.5 and c > 0.2}\n"
        "    policy: {oracle: groupwise, explorer: epsilon}\n";

/* What a client asked and was told. */
struct acknowledged {
    struct told told;
    uint8_t problem;
    uint64_t seed; /* what was asked is drawn from it */
};

struct player {
    pthread_t thread;
    const struct service *service;
    uint64_t seed;
    uint32_t number;
    struct acknowledged *kept;
    uint32_t kept_count;
    uint32_t again; /* old events that were asked again */
};

static atomic_bool over;
static atomic_uint_fast64_t acknowledgements;

_Noreturn static void broken(const char *what, const char *detail)
{
    fprintf(stderr, "kill: %s: %s\n", what, detail);
    exit(1);
}

/* ---- clients ---- */

struct asked {
    double context[CONTEXT];
    double features[ACTIONS * 2];
    rue_question question;
};

static const char *const action_ids[ACTIONS] = {"v", "w", "x", "y", "z"};

/* The same seed asks the same. */
static void make_question(uint64_t seed, uint32_t problem, struct asked *asked)
{
    struct rng rng = rng_keyed(seed, problem, RNG_TEST);

    memset(asked, 0, sizeof(*asked));
    for (int i = 0; i < CONTEXT; i++)
        asked->context[i] = rng_unit(&rng);
    for (int i = 0; i < ACTIONS * 2; i++)
        asked->features[i] = rng_unit(&rng);
    asked->question.context = asked->context;
    asked->question.context_count = CONTEXT;
    if (problem != 0)
        return;
    asked->question.actions = action_ids;
    asked->question.action_count = ACTIONS;
    asked->question.action_features = asked->features;
    asked->question.action_rows = ACTIONS;
    asked->question.action_columns = 2;
}

static void ask(
        struct player *player, rue_client *client, struct acknowledged *kept)
{
    struct asked asked;
    rue_answer answer;

    make_question(kept->seed, kept->problem, &asked);
    asked.question.event = kept->told.event;
    if (rue_decide(client, problems[kept->problem], &asked.question, &answer) !=
            RUE_OK)
        broken("decide", rue_error(client));
    kept->told.chosen = answer.chosen;
    (void)player;
    atomic_fetch_add(&acknowledgements, 1);
}

static void report(rue_client *client, struct acknowledged *kept)
{
    struct rng rng = rng_keyed(kept->seed, 77, RNG_TEST);

    if (rue_feedback(client, problems[kept->problem], kept->told.event,
                rng_unit(&rng), "only", NULL) != RUE_OK)
        broken("feedback", rue_error(client));
    kept->told.reported = true;
    atomic_fetch_add(&acknowledgements, 1);
}

static void ask_again(struct player *player, rue_client *client,
        const struct acknowledged *kept)
{
    struct asked asked;
    rue_answer answer;

    make_question(kept->seed, kept->problem, &asked);
    asked.question.event = kept->told.event;
    if (rue_decide(client, problems[kept->problem], &asked.question, &answer) !=
            RUE_OK)
        broken("the same question again", rue_error(client));
    if (answer.chosen != kept->told.chosen || !answer.repeated)
        broken("an event got a second answer", kept->told.event);
    player->again++;
}

static void *player_main(void *argument)
{
    struct player *player = argument;
    rue_client *client = service_client(player->service);
    struct rng rng = rng_keyed(player->seed, player->number, RNG_TEST);

    while (!atomic_load(&over) && player->kept_count < KEPT_MAX) {
        struct acknowledged *kept = &player->kept[player->kept_count];
        memset(kept, 0, sizeof(*kept));
        rue_make_id(client, kept->told.event);
        kept->problem = (uint8_t)rng_below(&rng, 3);
        kept->seed = (uint64_t)rng_u32(&rng) << 32 | rng_u32(&rng);
        ask(player, client, kept);
        player->kept_count++;
        /* Some feedback comes much later, some never. */
        if (rng_below(&rng, 4) > 0)
            report(client, kept);
        else if (rng_below(&rng, 2) > 0) {
            struct acknowledged *old =
                    &player->kept[rng_below(&rng, player->kept_count)];
            report(client, old);
        }
        if (rng_below(&rng, ASK_AGAIN) == 0)
            ask_again(player, client,
                    &player->kept[rng_below(&rng, player->kept_count)]);
    }
    rue_close(client);
    return NULL;
}

/* ---- the store afterwards ---- */

static void check_store(
        const struct service *service, const struct player *players)
{
    struct told_store store;

    told_open(&store, service);
    for (int i = 0; i < CLIENTS; i++)
        for (uint32_t j = 0; j < players[i].kept_count; j++)
            told_check(&store, problems[players[i].kept[j].problem],
                    &players[i].kept[j].told);
    told_close(&store);
}

/* ---- the killing ---- */

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

/* Waits until so many more acknowledgements came: an instant at random, under
 * load, whatever the machine's speed. */
static void wait_for_acknowledgements(uint64_t more)
{
    uint64_t until = atomic_load(&acknowledgements) + more;

    while (atomic_load(&acknowledgements) < until)
        sched_yield();
}

static void configure(struct service *service, int threads)
{
    char text[sizeof(config) + 16];

    (void)snprintf(text, sizeof(text), config, threads);
    service_configure(service, text);
}

int main(void)
{
    uint64_t kills = from_environment("KILLS", KILLS);
    uint64_t seed = from_environment("SEED", 20261124);
    struct rng rng = rng_keyed(seed, 0, RNG_TEST);
    static struct player players[CLIENTS];
    struct service service;
    uint64_t decisions = 0, again = 0;

    printf("seed %" PRIu64 ", %" PRIu64 " kills\n", seed, kills);
    service_make(&service, "");
    configure(&service, 0);
    service_start(&service);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        players[i] =
                (struct player){.service = &service, .seed = seed, .number = i};
        players[i].kept = calloc(KEPT_MAX, sizeof(struct acknowledged));
        if (players[i].kept == NULL ||
                pthread_create(&players[i].thread, NULL, player_main,
                        &players[i]) != 0)
            broken("threads", "no memory");
    }
    for (uint64_t i = 0; i < kills; i++) {
        wait_for_acknowledgements(rng_below(&rng, 400));
        service_kill(&service);
        configure(&service, i % 2 == 0 ? 2 : 0);
        service_start(&service);
    }
    wait_for_acknowledgements(200);
    atomic_store(&over, true);
    for (int i = 0; i < CLIENTS; i++) {
        (void)pthread_join(players[i].thread, NULL);
        decisions += players[i].kept_count;
        again += players[i].again;
    }
    if (service_stop(&service) != 0)
        broken("stop", "exit status");
    service_verify(&service);
    check_store(&service, players);
    for (int i = 0; i < CLIENTS; i++)
        free(players[i].kept);
    service_remove(&service);
    printf("%" PRIu64 " decisions acknowledged, %" PRIu64
           " asked again, none lost\n",
            decisions, again);
    return 0;
}
