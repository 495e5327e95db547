/* rued against the null service (bench/null_service.c), in one run: the same
 * messages, turn by turn, so that a noisy machine is noisy for both. Medians
 * of the turns. Half of the messages are decides of 10 actions x 20 features
 * + 10 shared ones, the other half their feedback; rued learns from each.
 *
 * TURNS=N, MESSAGES=N in the environment. */
#include "bench/turns.h"
#include "config/config.h"
#include "replay/rebuild.h"
#include "tests/lib/load.h"
#include "tests/lib/service.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct null_service {
    char directory[128];
    char endpoint[64];
    pid_t pid;
};

_Noreturn static void give_up(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

static void null_start(struct null_service *null)
{
    int fds[2];
    char ready[8];

    (void)snprintf(
            null->directory, sizeof(null->directory), "/tmp/rue-null-XXXXXX");
    if (mkdtemp(null->directory) == NULL || pipe(fds) != 0)
        give_up("no directory");
    (void)snprintf(null->endpoint, sizeof(null->endpoint), "tcp://127.0.0.1:%d",
            21000 + (int)(getpid() % 5000));
    null->pid = fork();
    if (null->pid == 0) {
        (void)dup2(fds[1], STDOUT_FILENO);
        (void)execl(service_program("bench/null_service"), "null_service",
                null->endpoint, null->directory, (char *)NULL);
        _exit(127);
    }
    (void)close(fds[1]);
    if (read(fds[0], ready, sizeof(ready)) <= 0)
        give_up("the null service does not start");
    (void)close(fds[0]);
}

static void null_stop(struct null_service *null)
{
    char command[256];

    (void)kill(null->pid, SIGKILL);
    (void)waitpid(null->pid, NULL, 0);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", null->directory);
    if (system(command) != 0)
        give_up(command);
}

static struct load_result run(const char *endpoint, uint32_t connections,
        uint32_t window, uint32_t batch, uint64_t messages, double rate)
{
    struct load_settings settings = {endpoint, "bench", connections, window,
            batch, messages, rate, 1, 0};
    struct load_result result;

    load_run(&settings, &result);
    if (result.failed > 0)
        give_up("some replies were not OK");
    return result;
}

/* How long an fdatasync of 4 KiB takes now: the noise of the disk. */
static double probe_sync(void)
{
    char path[] = "/tmp/rue-probe-XXXXXX", block[4096] = {0};
    int fd = mkstemp(path);
    double start = turns_now_s();

    for (int i = 0; i < 50; i++)
        if (pwrite(fd, block, sizeof(block), i * 4096) < 0 ||
                fdatasync(fd) != 0)
            give_up("probe");
    (void)close(fd);
    (void)unlink(path);
    return (turns_now_s() - start) / 50 * 1e6;
}

static void compare_throughput(
        const struct null_service *null, const struct service *service)
{
    uint32_t turns = (uint32_t)turns_number("TURNS", 5);
    uint64_t messages = turns_number("MESSAGES", 100000);
    double of_null[TURNS_MAX], of_rued[TURNS_MAX], ratio[TURNS_MAX];

    turns = turns > TURNS_MAX ? TURNS_MAX : turns;
    for (uint32_t i = 0; i < turns; i++) {
        of_null[i] = run(null->endpoint, 4, 64, 1, messages, 0).messages_per_s;
        of_rued[i] =
                run(service->endpoint, 4, 64, 1, messages, 0).messages_per_s;
        ratio[i] = of_rued[i] / of_null[i];
    }
    printf("null_messages_4x64 %.0f /s\n", turns_median(of_null, turns));
    printf("rued_messages_4x64 %.0f /s\n", turns_median(of_rued, turns));
    printf("rued_over_null_4x64 %.3f ratio\n", turns_median(ratio, turns));
}

static void compare_latency(
        const struct null_service *null, const struct service *service)
{
    uint32_t turns = (uint32_t)turns_number("TURNS", 5);
    uint64_t messages = turns_number("MESSAGES", 100000);
    double of_null[TURNS_MAX], of_rued[TURNS_MAX], ratio[TURNS_MAX];
    double most = run(service->endpoint, 4, 64, 1, messages, 0).messages_per_s;

    for (uint32_t i = 0; i < turns; i++) {
        of_null[i] =
                run(null->endpoint, 4, 1024, 1, messages / 2, most / 2).p99_us;
        of_rued[i] = run(service->endpoint, 4, 1024, 1, messages / 2, most / 2)
                             .p99_us;
        ratio[i] = of_rued[i] / of_null[i];
    }
    printf("half_load %.0f /s\n", most / 2);
    printf("null_p99_at_half_load %.0f us\n", turns_median(of_null, turns));
    printf("rued_p99_at_half_load %.0f us\n", turns_median(of_rued, turns));
    printf("rued_over_null_p99 %.3f ratio\n", turns_median(ratio, turns));
}

static void other_shapes(const struct service *service)
{
    struct load_result one = run(service->endpoint, 1, 1, 1, 4000, 0);
    struct load_result batch = run(service->endpoint, 4, 16, 64, 8000, 0);

    printf("one_by_one %.0f decisions/s\n", one.items_per_s / 2);
    printf("one_by_one_p50 %.0f us\n", one.p50_us);
    printf("batches_of_64 %.0f decisions/s\n", batch.items_per_s / 2);
}

/* A line of /proc/PID/status, in MB. */
static double memory_mb(pid_t pid, const char *name)
{
    char path[64], line[256];
    size_t size = strlen(name);
    double kb = 0;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, name, size) == 0)
            kb = strtod(line + size + 1, NULL);
    if (file != NULL)
        (void)fclose(file);
    return kb / 1024;
}

static double file_bytes(const struct service *service)
{
    char path[512];
    struct stat file;

    (void)snprintf(path, sizeof(path), "%s/data.mdb", service->data);
    return stat(path, &file) == 0 ? (double)file.st_blocks * 512 : 0;
}

static double events_of(const struct service *service)
{
    rue_client *client = service_client(service);
    rue_service_status status;
    double decisions = 0;

    if (rue_get_status(client, "bench", &status) != RUE_OK)
        give_up(rue_error(client));
    for (size_t i = 0; i < status.number_count; i++)
        if (strcmp(status.numbers[i].name, "decisions") == 0)
            decisions = status.numbers[i].value;
    rue_close(client);
    return decisions;
}

/* The fold of the whole log, as a restart without snapshots does it. */
static void measure_fold(const struct service *service)
{
    struct store_settings settings = {.read_only = true};
    struct rebuild rebuild = {.problem_count = 1, .from_start = true};
    struct config *config;
    struct ledger *ledger;
    struct ledger_reader reader;
    struct problem *problem;
    struct err err;
    uint64_t sequence;
    double start;

    config = config_load(service->config, &err);
    if (config == NULL ||
            ledger_open(service->data, &settings, &ledger, &err) != 0 ||
            ledger_reader_open(ledger, &reader, &err) != 0 ||
            ledger_reader_problem(&reader, config->problems[0]->name,
                    &config->problems[0]->number, &sequence, &err) != 0)
        give_up(err.text);
    problem = problem_open(config->problems[0], &err);
    rebuild.problems = &problem;
    start = turns_now_s();
    if (problem == NULL || rebuild_run(&rebuild, &reader, &err) != 0)
        give_up(err.text);
    printf("fold %.0f records/s\n",
            (double)rebuild.folded / (turns_now_s() - start));
    printf("fold_events %.0f events/s\n",
            (double)problem->counters.decisions / (turns_now_s() - start));
    problem_close(problem);
    ledger_reader_close(&reader);
    ledger_close(ledger);
    config_free(config);
}

/* Restart with about 1 M events in the log: with a snapshot, and, as the speed
 * of the fold, without. Resident memory is mostly pages of the store that the
 * system takes back when it needs them. */
static void measure_start(struct service *service)
{
    uint64_t wanted = turns_number("EVENTS", 1000000);
    double events = events_of(service);
    double start, bytes;

    while (events < (double)wanted) {
        (void)run(service->endpoint, 4, 16, 64, 8000, 0);
        events = events_of(service);
    }
    printf("resident %.0f MB\n", memory_mb(service->pid, "VmRSS"));
    printf("resident_own %.0f MB\n", memory_mb(service->pid, "RssAnon"));
    if (service_stop(service) != 0)
        give_up("stop");
    bytes = file_bytes(service);
    printf("events %.0f events\n", events);
    printf("disk_per_event %.0f bytes\n", bytes / events);
    start = turns_now_s();
    service_start(service);
    printf("start_with_snapshot %.3f s\n", turns_now_s() - start);
    measure_fold(service);
}

int main(void)
{
    struct null_service null;
    struct service service;
    char endpoint[64];

    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("fdatasync_before %.0f us\n", probe_sync());
    null_start(&null);
    service_make(&service, "");
    (void)snprintf(endpoint, sizeof(endpoint), "tcp://127.0.0.1:%d",
            27000 + (int)(getpid() % 5000));
    (void)snprintf(service.endpoint, sizeof(service.endpoint), "%s", endpoint);
    service_configure(&service, load_config);
    service_start(&service);
    compare_throughput(&null, &service);
    compare_latency(&null, &service);
    other_shapes(&service);
    measure_start(&service);
    printf("fdatasync_after %.0f us\n", probe_sync());
    null_stop(&null);
    (void)service_stop(&service);
    service_remove(&service);
    return 0;
}
