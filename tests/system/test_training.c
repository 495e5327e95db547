/* Trainings in a real service: a generation is trained, stored, promoted and
 * taken back, and a replay of the log changes models at the same records. The
 * trainer is killed with -9 at random instants, and so is the service while one
 * trains: the champion goes on and the store is whole. Model files that are cut
 * short or have a flipped bit are refused.
 *
 * KILLS=N in the environment: how often (default 50). SEED=N: of the instants.
 * The seed is printed. */
#include "base/rng.h"
#include "tests/lib/load.h"
#include "tests/lib/service.h"
#include "tests/lib/steady.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KILLS    50
#define EVENTS   30000u
#define SETTINGS "    retrain: {then: store, keep: 5, priority: low}\n"

static uint64_t played;

_Noreturn static void broken(const char *what, const char *detail)
{
    fprintf(stderr, "training: %s: %s\n", what, detail);
    exit(1);
}

static void need(bool holds, const char *what)
{
    if (!holds)
        broken("is not so", what);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

/* ---- a service with a log to train on ---- */

static void configure(
        char *text, size_t size, int threads, const char *settings)
{
    (void)snprintf(text, size, "engine_threads: %d\n%s%s%s", threads,
            load_config, settings, steady_config);
}

static void open_service(struct service *service, int threads)
{
    char text[4096];

    configure(text, sizeof(text), threads, SETTINGS);
    service_make(service, text);
    service_start(service);
}

static void fill(const struct service *service, uint64_t events)
{
    struct load_settings settings = {.endpoint = service->endpoint,
            .problem = "bench",
            .connections = 2,
            .window = 4,
            .batch = 100,
            .messages = events / 50,
            .seed = ++played};
    struct load_result result;

    load_run(&settings, &result);
    need(result.failed == 0, "the load was served");
}

/* ---- trainings ---- */

static bool is_idle(void *self)
{
    return service_number(self, "bench", "training_running") == 0.0;
}

static void wait_until_idle(struct service *service)
{
    /* It has little priority: on a machine with other work it takes its time.
     */
    wait_within(600000, "the end of a training", is_idle, service);
}

static void ask(const struct service *service)
{
    rue_client *client = service_client(service);

    if (rue_retrain(client, "bench", NULL) != RUE_OK)
        broken("retrain", rue_error(client));
    rue_close(client);
}

/* How many trainings the diagnostic lines tell of, and the last one's process.
 */
static uint32_t started(const struct service *service, pid_t *pid)
{
    FILE *file = fopen(service->diag, "r");
    char line[1024];
    uint32_t count = 0;

    if (file == NULL)
        broken("diagnostic lines", strerror(errno));
    while (fgets(line, sizeof(line), file) != NULL) {
        const char *at = strstr(line, "id=training.started");
        const char *number = at == NULL ? NULL : strstr(at, "pid=");
        if (number == NULL)
            continue;
        count++;
        *pid = (pid_t)strtol(number + 4, NULL, 10);
    }
    (void)fclose(file);
    return count;
}

struct start {
    const struct service *service;
    uint32_t before;
    pid_t pid;
};

static bool has_started(void *self)
{
    struct start *start = self;

    return started(start->service, &start->pid) > start->before;
}

/* Has one begin; its process. */
static pid_t begin(const struct service *service)
{
    struct start start = {.service = service};

    start.before = started(service, &start.pid);
    ask(service);
    wait_until("the start of a training", has_started, &start);
    return start.pid;
}

static void train(struct service *service)
{
    double before = service_number(service, "bench", "trainings");

    ask(service);
    wait_until_idle(service);
    need(service_number(service, "bench", "trainings") == before + 1,
            "a training that nobody disturbs comes to something");
}

static uint64_t serving(const struct service *service)
{
    rue_client *client = service_client(service);
    rue_service_status status;
    uint64_t generation;

    if (rue_get_status(client, "bench", &status) != RUE_OK)
        broken("status", rue_error(client));
    generation = status.generation;
    rue_close(client);
    return generation;
}

static void promote(const struct service *service, uint64_t generation)
{
    rue_client *client = service_client(service);

    if (rue_promote(client, "bench", generation, NULL) != RUE_OK)
        broken("promote", rue_error(client));
    rue_close(client);
    need(serving(service) == generation, "what was promoted serves");
}

static void roll_back(const struct service *service, uint64_t expected)
{
    rue_client *client = service_client(service);

    if (rue_rollback(client, "bench") != RUE_OK)
        broken("rollback", rue_error(client));
    rue_close(client);
    need(serving(service) == expected, "a rollback returns what served before");
}

static uint64_t newest(const struct service *service, size_t *count)
{
    rue_client *client = service_client(service);
    rue_generations all;
    uint64_t number;

    if (rue_get_generations(client, "bench", &all) != RUE_OK)
        broken("generations", rue_error(client));
    *count = all.count;
    number = all.count == 0 ? 0 : all.list[all.count - 1].number;
    for (size_t i = 0; i < all.count; i++)
        need(!all.list[i].damaged, "no generation is damaged");
    rue_close(client);
    return number;
}

/* ---- the stories ---- */

static void restart(struct service *service)
{
    uint64_t hash = service_state_hash(service, "bench");

    service_kill(service);
    service_start(service);
    need(service_state_hash(service, "bench") == hash,
            "a restart has the state of before the crash");
}

/* Promotions among decisions; after each crash the fold is the same. */
static void check_promotions(int threads)
{
    struct service service;
    size_t count;

    open_service(&service, threads);
    fill(&service, 1000);
    train(&service);
    fill(&service, 500);
    train(&service);
    need(newest(&service, &count) == 2 && count == 2, "two generations");
    need(serving(&service) == 0, "stored is not promoted");
    promote(&service, 1);
    fill(&service, 300);
    restart(&service);
    promote(&service, 2);
    fill(&service, 300);
    roll_back(&service, 1);
    roll_back(&service, 0);
    promote(&service, 2);
    restart(&service);
    fill(&service, 300);
    need(service_stop(&service) == 0, "it stops");
    service_verify(&service);
    service_remove(&service);
}

/* Generations beyond retrain.keep go, but not what serves. */
static void check_pruning(void)
{
    struct service service;
    size_t count;

    open_service(&service, 0);
    fill(&service, 1000);
    train(&service);
    promote(&service, 1);
    for (int i = 0; i < 8; i++)
        train(&service);
    need(newest(&service, &count) == 9, "numbers go on");
    need(count == 7, "0, what serves, and five more");
    need(service_stop(&service) == 0, "it stops");
    service_verify(&service);
    service_remove(&service);
}

static void sleep_ms(uint32_t ms)
{
    (void)poll(NULL, 0, (int)ms);
}

/* The trainer dies at any instant: nothing changes but that a generation is not
 * there. A steady client is served all the time. */
static void check_killed_trainer(struct rng *rng, uint64_t kills)
{
    struct service service;
    struct steady steady;
    uint64_t hash, generation, died = 0;
    double span;
    size_t count;

    open_service(&service, 0);
    steady_start(&steady, &service);
    fill(&service, EVENTS);
    span = now_ms();
    train(&service);
    span = now_ms() - span;
    promote(&service, 1);
    hash = service_state_hash(&service, "bench");
    for (uint64_t i = 0; i < kills; i++) {
        double failures = service_number(&service, "bench", "trainings_failed");
        pid_t pid = begin(&service);
        sleep_ms(rng_below(rng, (uint32_t)span + 1));
        (void)kill(pid, SIGKILL);
        wait_until_idle(&service);
        died += service_number(&service, "bench", "trainings_failed") >
                failures;
        need(service_state_hash(&service, "bench") == hash,
                "a training that dies changes nothing");
        need(serving(&service) == 1, "the champion serves");
        steady_check(&steady);
    }
    need(died > 0, "some were killed before their end");
    train(&service);
    generation = newest(&service, &count);
    promote(&service, generation);
    printf("%" PRIu64 " kills of the trainer, %" PRIu64
           " before its end; %" PRIu64 " answers meanwhile\n",
            kills, died, steady_stop(&steady));
    need(service_stop(&service) == 0, "it stops");
    service_verify(&service);
    service_remove(&service);
}

struct process {
    pid_t pid;
};

static bool is_gone(void *self)
{
    const struct process *process = self;

    return kill(process->pid, 0) != 0 && errno == ESRCH;
}

/* The service dies while one trains: the trainer goes with it, and the next
 * start finds everything as it was. */
static void check_killed_service(struct rng *rng, uint64_t kills)
{
    struct service service;
    size_t count;

    open_service(&service, 2);
    fill(&service, EVENTS);
    train(&service);
    promote(&service, 1);
    for (uint64_t i = 0; i < kills; i++) {
        uint64_t hash = service_state_hash(&service, "bench");
        struct process process = {.pid = begin(&service)};
        sleep_ms(rng_below(rng, 60));
        service_kill(&service);
        wait_until("the end of the trainer", is_gone, &process);
        service_start(&service);
        need(service_state_hash(&service, "bench") == hash,
                "the state is that of before");
        need(serving(&service) == 1, "the champion serves");
    }
    train(&service);
    promote(&service, newest(&service, &count));
    need(service_stop(&service) == 0, "it stops");
    service_verify(&service);
    service_remove(&service);
}

/* ---- trials ---- */

static double trial_of(const struct service *service)
{
    rue_client *client = service_client(service);
    rue_service_status status;
    double generation = -1.0;

    if (rue_get_status(client, "bench", &status) != RUE_OK)
        broken("status", rue_error(client));
    for (size_t i = 0; i < status.number_count; i++)
        if (strcmp(status.numbers[i].name, "trial_generation") == 0)
            generation = status.numbers[i].value;
    rue_close(client);
    return generation;
}

static bool has_trial(void *self)
{
    return trial_of(self) >= 0.0;
}

static bool has_none(void *self)
{
    return trial_of(self) < 0.0;
}

static bool has_refused(void *self)
{
    return service_number(self, "bench", "gate_refused_in_a_row") == 1.0;
}

/* A generation becomes a canary by itself, the service is killed in the middle
 * of its trial, and it is promoted when it is proved not worse; then what
 * served before looks on until it is sent away. */
static void check_trials(int threads)
{
    struct service service;
    rue_client *client;
    char text[4096];
    double rows;

    configure(text, sizeof(text), threads,
            "    retrain:\n"
            "      then: canary\n"
            "      priority: low\n"
            "      canary: {least: 2000, planned: 2000, margin: 0.1}\n");
    service_make(&service, text);
    service_start(&service);
    fill(&service, 1000);
    train(&service);
    wait_until("a trial", has_trial, &service);
    need(serving(&service) == 0, "a canary does not serve alone");
    fill(&service, 1000);
    rows = service_number(&service, "bench", "trial_rows");
    need(rows > 0.0, "its outcomes are counted");
    restart(&service);
    need(trial_of(&service) == 1.0, "a trial goes on after a crash");
    need(service_number(&service, "bench", "trial_rows") == rows,
            "with all its rows");
    fill(&service, 4000);
    wait_until("the end of the trial", has_none, &service);
    need(serving(&service) == 1, "the canary serves");
    client = service_client(&service);
    if (rue_try(client, "bench", 0, 0.0, NULL) != RUE_OK)
        broken("try", rue_error(client));
    fill(&service, 1000);
    need(service_number(&service, "bench", "trial_rows") > 0.0,
            "a shadow sees outcomes");
    need(trial_of(&service) == 0.0, "and stays");
    if (rue_rollback(client, "bench") != RUE_OK)
        broken("rollback", rue_error(client));
    need(serving(&service) == 1 && trial_of(&service) < 0.0, "it left");
    rue_close(client);
    need(service_stop(&service) == 0, "it stops");
    service_verify(&service);
    service_remove(&service);
}

/* The veto wants a proof that few events cannot give, so it refuses; the second
 * candidate in a row is mixed in, and a crash and a replay find it there. */
static void check_refusals(void)
{
    static const char text[] =
            "problems:\n"
            "  - name: bench\n"
            "    context: [s0, s1, s2, s3, s4, s5, s6, s7, s8, s9]\n"
            "    action_features: 20\n"
            "    reward: {min: 0, max: 1, wait: 10m}\n"
            "    retrain: {then: promote, priority: low}\n"
            "    gate: {strict: true, blocks: 2, mixing: 0.25}\n"
            "    policy: {oracle: pairwise, explorer: fastcb, floor: 0.02}\n";
    struct service service;

    service_make(&service, text);
    service_start(&service);
    fill(&service, 2000);
    train(&service);
    wait_until("a refusal", has_refused, &service);
    need(trial_of(&service) < 0.0, "the first candidate is kept out");
    train(&service);
    wait_until("mixing", has_trial, &service);
    need(serving(&service) == 0, "what served serves on");
    fill(&service, 1000);
    restart(&service);
    need(service_number(&service, "bench", "trial_mixed") == 1.0 &&
                    service_number(&service, "bench", "trial_share") == 0.25,
            "the second is mixed in");
    need(service_number(&service, "bench", "trial_rows") > 0.0,
            "its outcomes are counted");
    need(service_number(&service, "bench", "refusals") == 2.0,
            "both are refusals");
    need(service_stop(&service) == 0, "it stops");
    service_verify(&service);
    service_remove(&service);
}

/* ---- files that are not what was written ---- */

static void write_text(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");

    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0 ||
            chmod(path, mode) != 0)
        broken(path, strerror(errno));
}

/* rued with another rue-train beside it: a copy in the service's directory. */
static void stand_in(struct service *service, const char *script)
{
    char path[600], command[9000];

    (void)snprintf(path, sizeof(path), "%s/rue-train", service->directory);
    write_text(path, script, 0700);
    (void)snprintf(command, sizeof(command), "cp '%s' '%s/rued'",
            service_program("rued"), service->directory);
    need(system(command) == 0, "rued is copied");
}

/* On a machine that is never idle a training of the idle class gets nowhere;
 * here one that sleeps stands for it. It begins again in a hurry. */
static void check_hurry(void)
{
    struct service service;
    char text[4096], script[600], program[600];
    uint32_t count;
    pid_t pid;

    configure(text, sizeof(text), 0,
            "    retrain: {then: store, patience: 1s}\n");
    service_make(&service, text);
    (void)snprintf(script, sizeof(script),
            "#!/bin/sh\n"
            "case \"$*\" in *--hurry*) exec '%s' \"$@\";; esac\n"
            "exec sleep 600\n",
            service_program("rue-train"));
    stand_in(&service, script);
    (void)snprintf(program, sizeof(program), "%s/rued", service.directory);
    service.program = program;
    service_start(&service);
    fill(&service, 500);
    train(&service);
    count = started(&service, &pid);
    need(count == 2, "it was started twice");
    need(service_number(&service, "bench", "trainings") == 1.0,
            "the second time it was done");
    need(service_number(&service, "bench", "trainings_failed") == 0.0,
            "and that is no failure");
    need(service_stop(&service) == 0, "it stops");
    service_remove(&service);
}

/* What the stand-in does with the file that the real one wrote. */
static void refuse_file(struct service *service, const char *what)
{
    char path[600];
    double failures = service_number(service, "bench", "trainings_failed");
    uint64_t hash = service_state_hash(service, "bench");
    size_t count;

    (void)snprintf(path, sizeof(path), "%s/what", service->directory);
    write_text(path, what, 0600);
    ask(service);
    wait_until_idle(service);
    need(service_number(service, "bench", "trainings_failed") == failures + 1,
            what);
    need(service_state_hash(service, "bench") == hash, "nothing changed");
    (void)newest(service, &count);
    need(count == 0, "no generation was stored");
}

static void check_damaged_files(struct rng *rng)
{
    struct service service;
    char script[9000], text[4096], program[600];
    size_t count;

    configure(text, sizeof(text), 0, SETTINGS);
    service_make(&service, text);
    /* Its words: --store S --problem P --out F --parent N. */
    (void)snprintf(script, sizeof(script),
            "#!/bin/sh\nset -e\nf=$6\n'%s' --store \"$2\" --problem \"$4\" "
            "--out \"$f\"\nsize=$(stat -c %%s \"$f\")\n. '%s/what'\n",
            service_program("rue-train"), service.directory);
    stand_in(&service, script);
    (void)snprintf(program, sizeof(program), "%s/rued", service.directory);
    service.program = program;
    service_start(&service);
    fill(&service, 500);
    refuse_file(&service, "truncate -s 0 \"$f\"\n");
    refuse_file(&service, "truncate -s 1 \"$f\"\n");
    refuse_file(&service, "truncate -s $((size - 1)) \"$f\"\n");
    refuse_file(&service, "truncate -s $((size + 1)) \"$f\"\n");
    refuse_file(&service, "rm \"$f\"\n");
    refuse_file(&service, "exit 3\n");
    refuse_file(&service, "kill -SEGV $$\n");
    for (int i = 0; i < 10; i++) {
        char what[300];
        (void)snprintf(what, sizeof(what),
                "at=$((%u %% size))\n"
                "old=$(od -An -tu1 -j $at -N 1 \"$f\" | tr -d ' ')\n"
                "new=$(printf '%%03o' $((old ^ %u)))\n"
                "printf \"\\\\$new\" | dd of=\"$f\" bs=1 seek=$at conv=notrunc "
                "2>/dev/null\n",
                rng_below(rng, 1u << 30), 1u << rng_below(rng, 8));
        refuse_file(&service, what);
    }
    (void)snprintf(program, sizeof(program), "%s/what", service.directory);
    write_text(program, "true\n", 0600);
    (void)snprintf(program, sizeof(program), "%s/rued", service.directory);
    train(&service);
    need(newest(&service, &count) == 1, "the file as it was is stored");
    promote(&service, 1);
    need(service_stop(&service) == 0, "it stops");
    service_verify(&service);
    service_remove(&service);
}

int main(void)
{
    uint64_t kills = from_environment("KILLS", KILLS);
    uint64_t seed = from_environment("SEED", 20261127);
    struct rng rng = rng_keyed(seed, 0, RNG_TEST);

    printf("seed %" PRIu64 ", %" PRIu64 " kills\n", seed, kills);
    check_promotions(0);
    check_promotions(2);
    check_pruning();
    check_trials(0);
    check_trials(2);
    check_refusals();
    check_hurry();
    check_damaged_files(&rng);
    check_killed_service(&rng, kills / 5);
    check_killed_trainer(&rng, kills);
    return 0;
}
