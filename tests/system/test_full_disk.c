/* No room: on a small file system, in a small map and under a small quota.
 * New work is refused with STORAGE_FULL and the reason, status is answered,
 * nothing that was acknowledged is lost, not by a kill -9 either, and as soon
 * as there is room the service goes on by itself.
 *
 * The file system is a tmpfs, which takes root: without, that part says so and
 * is left out. */
#include "tests/lib/told.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define CLIENTS     3
#define TOLD_MAX    200000u
#define COLUMNS     400
#define PATIENCE_MS 10000
#define REFUSALS    5 /* of each client, then the store is taken to be full */
#define AGAIN_MIN   50 /* decisions that show that it is served again */

static struct service service;

_Noreturn static void broken(const char *what, const char *detail)
{
    fprintf(stderr, "full disk: %s: %s\n", what, detail);
    exit(1);
}

/* ---- clients that fill the store ---- */

struct filler {
    pthread_t thread;
    struct told *told;
    uint32_t told_count;
    uint32_t refusals, silences;
    const char *why; /* must be in the message of a refusal */
};

static struct filler fillers[CLIENTS];

static rue_client *impatient_client(int timeout_ms)
{
    rue_options options;
    rue_client *client;

    rue_options_init(&options);
    options.endpoint = service.endpoint;
    options.timeout_ms = timeout_ms;
    options.retry_busy = 0;
    client = rue_open(&options, NULL, 0);
    if (client == NULL)
        broken("client", "cannot be opened");
    return client;
}

static rue_status decide(
        rue_client *client, const char *event, uint32_t *chosen)
{
    double context[COLUMNS] = {0};
    rue_question question = {
            .event = event, .context = context, .context_count = COLUMNS};
    rue_answer answer;
    rue_status status;

    context[0] = 0.5;
    status = rue_decide(client, "full", &question, &answer);
    *chosen = answer.chosen;
    return status;
}

/* Decides, and reports to every other event, until it was refused often. */
static void *fill(void *argument)
{
    struct filler *filler = argument;
    rue_client *client = impatient_client(300);

    while (filler->refusals < REFUSALS && filler->told_count < TOLD_MAX) {
        struct told told = {.reported = false};
        rue_status status;
        rue_make_id(client, told.event);
        status = decide(client, told.event, &told.chosen);
        if (status == RUE_OK && filler->told_count % 2 == 0)
            told.reported = rue_feedback(client, "full", told.event, 1, "only",
                                    NULL) == RUE_OK;
        if (status == RUE_OK) {
            filler->told[filler->told_count++] = told;
        } else if (status == RUE_STORAGE_FULL) {
            filler->refusals++;
            if (strstr(rue_error(client), "no room to record this: ") == NULL ||
                    strstr(rue_error(client), filler->why) == NULL)
                broken("a refusal does not say why", rue_error(client));
        } else if (status == RUE_TIMEOUT || status == RUE_AWAY) {
            filler->silences++; /* it waits for room, unacknowledged */
        } else {
            broken("an answer", rue_error(client));
        }
    }
    rue_close(client);
    return NULL;
}

static uint32_t fill_the_store(const char *why)
{
    uint32_t told = 0;

    for (int i = 0; i < CLIENTS; i++) {
        fillers[i].refusals = 0;
        fillers[i].why = why;
        if (pthread_create(&fillers[i].thread, NULL, fill, &fillers[i]) != 0)
            broken("thread", "cannot be made");
    }
    for (int i = 0; i < CLIENTS; i++) {
        (void)pthread_join(fillers[i].thread, NULL);
        if (fillers[i].refusals < REFUSALS)
            broken("filling", "never ended");
        told += fillers[i].told_count;
    }
    return told;
}

static void forget_told(void)
{
    for (int i = 0; i < CLIENTS; i++)
        fillers[i].told_count = 0;
}

static void check_told(void)
{
    struct told_store store;

    told_open(&store, &service);
    for (int i = 0; i < CLIENTS; i++)
        for (uint32_t j = 0; j < fillers[i].told_count; j++)
            told_check(&store, "full", &fillers[i].told[j]);
    told_close(&store);
}

/* ---- what must hold while it is full, and after ---- */

struct refused {
    rue_client *client;
    uint32_t times;
    uint32_t said; /* status said that there is no room */
};

/* Deadlines that pass may give a page back, and one more decision fit. */
static bool refused_often(void *self)
{
    struct refused *refused = self;
    rue_service_status status;
    char event[RUE_ID_SIZE];
    rue_status answer;
    uint32_t chosen;

    rue_make_id(refused->client, event);
    answer = decide(refused->client, event, &chosen);
    if (answer != RUE_OK && answer != RUE_STORAGE_FULL)
        broken("while it is full", rue_error(refused->client));
    refused->times += answer == RUE_STORAGE_FULL;
    if (rue_get_status(refused->client, refused->times % 2 == 0 ? NULL : "full",
                &status) != RUE_OK)
        broken("status while it is full", rue_error(refused->client));
    for (size_t i = 0; i < status.number_count; i++)
        if (strcmp(status.numbers[i].name, "storage_full") == 0 &&
                status.numbers[i].value == 1)
            refused->said++;
    return refused->times >= 10 && refused->said > 0;
}

static void expect_full(void)
{
    struct refused refused = {.client = impatient_client(PATIENCE_MS)};

    wait_until("refusals", refused_often, &refused);
    rue_close(refused.client);
    if (service_number(&service, NULL, "refused_full") < 10)
        broken("status", "does not count refusals");
}

struct again {
    rue_client *client;
    uint32_t served;
};

static bool served_again(void *self)
{
    struct again *again = self;
    struct told told;

    rue_make_id(again->client, told.event);
    if (decide(again->client, told.event, &told.chosen) == RUE_OK)
        again->served++;
    return again->served >= AGAIN_MIN;
}

static void expect_served_again(void)
{
    struct again again = {impatient_client(PATIENCE_MS), 0};

    wait_until("the service goes on by itself", served_again, &again);
    rue_close(again.client);
}

/* The store while rued is dead, and then rued on the full store. */
static void kill_while_full(void)
{
    service_kill(&service);
    check_told();
    service_verify(&service);
    service_start(&service);
    expect_full();
}

static void stop_and_verify(void)
{
    if (service_stop(&service) != 0)
        broken("stop", "exit status");
    service_verify(&service);
}

static void configure(const char *storage, const char *snapshot, int threads)
{
    char text[4096], columns[COLUMNS * 5 + 1] = "";

    for (int i = 0; i < COLUMNS; i++)
        (void)snprintf(columns + strlen(columns),
                sizeof(columns) - strlen(columns), "%sx%d", i > 0 ? "," : "",
                i);
    (void)snprintf(text, sizeof(text),
            "engine_threads: %d\n"
            "storage: {%s}\n"
            "snapshot: {%s}\n"
            "problems:\n"
            "  - name: full\n"
            "    context: [%s]\n"
            "    actions: [a, b, c]\n"
            "    reward: {wait: 200ms}\n"
            "    policy: {learner: tsallis-inf}\n",
            threads, storage, snapshot, columns);
    service_configure(&service, text);
}

static void reconfigure(const char *storage, const char *snapshot, int threads)
{
    double reloads = service_number(&service, NULL, "reloads");

    configure(storage, snapshot, threads);
    service_signal(&service, SIGHUP);
    while (service_number(&service, NULL, "reloads") == reloads)
        continue;
}

/* ---- the file system ---- */

#define DISK_BYTES    (24 << 20)
#define BALLAST_SPARE (2 << 20)

static char ballast[400];
static bool mounted;

/* A file that leaves little of the disk. */
static void write_ballast(void)
{
    static char block[1 << 16];
    struct statvfs disk;
    size_t bytes;
    int fd = open(ballast, O_WRONLY | O_CREAT, 0600);

    if (fd < 0 || statvfs(service.data, &disk) != 0)
        broken("ballast", strerror(errno));
    bytes = disk.f_bavail * disk.f_frsize;
    while (bytes > BALLAST_SPARE + sizeof(block)) {
        if (write(fd, block, sizeof(block)) != (ssize_t)sizeof(block))
            broken("ballast", strerror(errno));
        bytes -= sizeof(block);
    }
    (void)close(fd);
}

static bool mount_disk(void)
{
    char options[32];

    (void)snprintf(options, sizeof(options), "size=%d", DISK_BYTES);
    (void)snprintf(ballast, sizeof(ballast), "%s/ballast", service.data);
    if (mkdir(service.data, 0750) != 0)
        broken(service.data, strerror(errno));
    mounted = mount("rue-test", service.data, "tmpfs", 0, options) == 0;
    if (mounted)
        return true;
    printf("SKIPPED: the full disk: no tmpfs may be mounted here: %s\n",
            strerror(errno));
    return false;
}

static void unmount_disk(void)
{
    mounted = false;
    if (umount(service.data) != 0)
        broken("umount", strerror(errno));
}

/* A test that fails leaves no file system behind. */
static void unmount_at_exit(void)
{
    if (mounted)
        (void)umount2(service.data, MNT_DETACH);
}

/* `reserve` 0: to the last block; otherwise refused before. */
static void full_file_system(const char *storage, const char *why, int threads)
{
    uint32_t told;

    service_make(&service, "");
    if (!mount_disk()) {
        service_remove(&service);
        return;
    }
    configure(storage, "every: 1s", threads);
    service_start(&service);
    write_ballast();
    told = fill_the_store(why);
    expect_full();
    kill_while_full();
    if (unlink(ballast) != 0)
        broken("unlink", strerror(errno));
    expect_served_again();
    write_ballast();
    (void)fill_the_store(why);
    expect_full();
    if (unlink(ballast) != 0)
        broken("unlink", strerror(errno));
    expect_served_again();
    check_told();
    stop_and_verify();
    printf("file system, %s, %d threads: %u decisions told\n", storage, threads,
            told);
    unmount_disk();
    service_remove(&service);
    forget_told();
}

/* A stop while what waits finds no room. */
static void stop_on_a_full_file_system(int threads)
{
    service_make(&service, "");
    if (!mount_disk()) {
        service_remove(&service);
        return;
    }
    configure("map_size: 64MiB, reserve: 0", "every: 1s", threads);
    service_start(&service);
    write_ballast();
    (void)fill_the_store("");
    if (service_stop(&service) != 0)
        broken("stop on a full disk", "exit status");
    check_told();
    service_verify(&service);
    unmount_disk();
    service_remove(&service);
    forget_told();
}

/* ---- map and quota ---- */

/* Full for ever, until a reload lets records go, or raises the limit. */
static void until_reload(
        const char *storage, const char *more, const char *why, int threads)
{
    uint32_t told;

    service_make(&service, "");
    configure(storage, "every: 1s", threads);
    service_start(&service);
    told = fill_the_store(why);
    expect_full();
    kill_while_full();
    reconfigure(more, "every: 1s", threads);
    expect_served_again();
    stop_and_verify();
    printf("%s, then %s, %d threads: %u decisions told\n", storage, more,
            threads, told);
    service_remove(&service);
    forget_told();
}

/* Retention makes room again and again, although no snapshot is due yet when
 * the store is full. */
static void retention_goes_on(const char *storage, const char *why)
{
    service_make(&service, "");
    configure(storage, "every: 1h", 0);
    service_start(&service);
    for (int i = 0; i < 2; i++) {
        (void)fill_the_store(why);
        expect_served_again();
    }
    if (service_number(&service, NULL, "retired") == 0)
        broken("retention", "dropped nothing");
    service_kill(&service);
    service_verify(&service);
    service_start(&service);
    expect_served_again();
    stop_and_verify();
    printf("%s: went on\n", storage);
    service_remove(&service);
    forget_told();
}

int main(void)
{
    (void)atexit(unmount_at_exit);
    for (int i = 0; i < CLIENTS; i++) {
        fillers[i].told = calloc(TOLD_MAX, sizeof(struct told));
        if (fillers[i].told == NULL)
            broken("memory", "none");
    }
    full_file_system("map_size: 64MiB, reserve: 1MiB",
            "the disk has less than storage.reserve left", 0);
    full_file_system("map_size: 64MiB, reserve: 0", "", 2);
    stop_on_a_full_file_system(0);
    stop_on_a_full_file_system(2);
    until_reload("map_size: 2MiB", "map_size: 2MiB, keep: 300ms",
            "storage.map_size is", 0);
    until_reload("map_size: 64MiB, quota: 1MiB",
            "map_size: 64MiB, quota: 1MiB, keep: 300ms",
            "the store holds as much as storage.quota allows", 2);
    until_reload("map_size: 64MiB, quota: 1MiB", "map_size: 64MiB, quota: 8MiB",
            "the store holds as much as storage.quota allows", 0);
    retention_goes_on("map_size: 2MiB, keep: 300ms", "");
    retention_goes_on("map_size: 64MiB, quota: 1MiB, keep: 300ms", "");
    for (int i = 0; i < CLIENTS; i++)
        free(fillers[i].told);
    return 0;
}
