/* rued as its operator sees it: starting and refusing to, reloading, telling
 * its supervisor, stopping without losing anything, and what it promises about
 * time, threads and restarts. */
#include "base/check.h"
#include "tests/lib/told.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct service service;

_Noreturn static void broken(const char *what, const char *detail)
{
    fprintf(stderr, "service: %s: %s\n", what, detail);
    exit(1);
}

static void expect(bool holds, const char *what)
{
    if (!holds)
        broken(what, "is not so");
}

#define PROBLEM(name, more)                                                    \
    "  - name: " name "\n"                                                     \
    "    context: [x]\n"                                                       \
    "    actions: [a, b, c]\n"                                                 \
    "    policy: {oracle: ridge, explorer: squarecb}\n" more

/* ---- one decision, one feedback ---- */

static struct told decide(rue_client *client, const char *problem,
        const char *event, bool *repeated)
{
    double context[] = {0.25};
    rue_question question = {
            .event = event, .context = context, .context_count = 1};
    struct told told = {.reported = false};
    rue_answer answer;

    if (rue_decide(client, problem, &question, &answer) != RUE_OK)
        broken(problem, rue_error(client));
    (void)snprintf(told.event, sizeof(told.event), "%s", answer.event);
    told.chosen = answer.chosen;
    if (repeated != NULL)
        *repeated = answer.repeated;
    return told;
}

static void report(rue_client *client, const char *problem,
        const struct told *told, double value)
{
    if (rue_feedback(client, problem, told->event, value, "only", NULL) !=
            RUE_OK)
        broken(problem, rue_error(client));
}

/* One decision of the problem, by a client of its own. */
static void expect_served(const char *problem)
{
    rue_client *client = service_client(&service);

    (void)decide(client, problem, NULL, NULL);
    rue_close(client);
}

static void stop(void)
{
    if (service_stop(&service) != 0)
        broken("stop", "exit status");
}

/* ---- the stop ---- */

#define PLAYERS  4
#define TOLD_MAX 100000u

struct player {
    pthread_t thread;
    struct told *told;
    uint32_t told_count;
};

static _Atomic uint32_t told_in_all;

/* Asks and reports until the service is gone. */
static void *play(void *argument)
{
    struct player *player = argument;
    rue_options options;
    rue_client *client;

    rue_options_init(&options);
    options.endpoint = service.endpoint;
    options.timeout_ms = 1000;
    client = rue_open(&options, NULL, 0);
    expect(client != NULL, "a client");
    while (player->told_count < TOLD_MAX) {
        double context[] = {0.5};
        rue_question question = {.context = context, .context_count = 1};
        struct told *told = &player->told[player->told_count];
        rue_answer answer;
        if (rue_decide(client, "one", &question, &answer) != RUE_OK)
            break;
        (void)snprintf(told->event, sizeof(told->event), "%s", answer.event);
        told->chosen = answer.chosen;
        player->told_count++;
        told->reported = rue_feedback(client, "one", told->event, 1, "only",
                                 NULL) == RUE_OK;
        atomic_fetch_add(&told_in_all, 1);
    }
    rue_close(client);
    return NULL;
}

static bool many_told(void *self)
{
    return atomic_load(&told_in_all) >= *(const uint32_t *)self;
}

/* SIGTERM under load: what was acknowledged is there, and put away. */
static void stops_under_load(int threads)
{
    struct player players[PLAYERS];
    struct told_store store;
    char text[512];
    uint32_t many = 100;

    (void)snprintf(text, sizeof(text), "engine_threads: %d\nproblems:\n%s",
            threads, PROBLEM("one", "") PROBLEM("two", ""));
    service_make(&service, text);
    service_start(&service);
    atomic_store(&told_in_all, 0);
    for (int i = 0; i < PLAYERS; i++) {
        players[i].told = calloc(TOLD_MAX, sizeof(struct told));
        players[i].told_count = 0;
        expect(players[i].told != NULL, "memory");
        expect(pthread_create(&players[i].thread, NULL, play, &players[i]) == 0,
                "a thread");
    }
    wait_until("decisions", many_told, &many);
    stop();
    for (int i = 0; i < PLAYERS; i++)
        (void)pthread_join(players[i].thread, NULL);
    service_verify(&service);
    told_open(&store, &service);
    for (int i = 0; i < PLAYERS; i++)
        for (uint32_t j = 0; j < players[i].told_count; j++)
            told_check(&store, "one", &players[i].told[j]);
    told_close(&store);
    (void)unlink(service.diag);
    service_start(&service);
    expect(service_said(&service, " folded=0 "), "nothing is left to fold");
    stop();
    for (int i = 0; i < PLAYERS; i++)
        free(players[i].told);
    service_remove(&service);
}

/* ---- reload ---- */

static void reload(const char *text, bool wanted)
{
    const char *counter = wanted ? "reloads" : "reloads_refused";
    const char *other = wanted ? "reloads_refused" : "reloads";
    double before = service_number(&service, NULL, counter);
    double others = service_number(&service, NULL, other);

    if (text != NULL)
        service_configure(&service, text);
    service_signal(&service, SIGHUP);
    while (service_number(&service, NULL, counter) == before)
        if (service_number(&service, NULL, other) != others)
            broken("reload", wanted ? "was refused" : "was not refused");
}

static void reload_refused(const char *text, const char *why)
{
    reload(text, false);
    service_wait_said(&service, why);
    expect_served("one");
    expect_served("two");
}

static double events_waiting(void *self)
{
    (void)self;
    return service_number(&service, "one", "expired");
}

static bool one_expired(void *self)
{
    return events_waiting(self) >= 1;
}

/* What is safe takes effect: here the wait, and the order of problems. */
static void reloads_what_is_safe(int threads)
{
    char text[2048];
    uint64_t hash;

    (void)snprintf(text, sizeof(text), "engine_threads: %d\nproblems:\n%s",
            threads,
            PROBLEM("one", "") PROBLEM("two", "") PROBLEM("three", ""));
    service_make(&service, text);
    service_start(&service);
    expect_served("one");
    expect_served("two");
    hash = service_state_hash(&service, "one");
    (void)snprintf(text, sizeof(text),
            "engine_threads: %d\ndiag_level: warning\n"
            "storage: {keep: 30d, quota: 1GiB}\nproblems:\n%s",
            threads,
            PROBLEM("three", "") PROBLEM("two", "")
                    PROBLEM("one", "    reward: {wait: 100ms}\n"));
    reload(text, true);
    expect(service_state_hash(&service, "one") == hash,
            "a reload keeps what was learned");
    expect_served("one");
    expect_served("two");
    expect_served("three");
    wait_until("the new wait holds", one_expired, NULL);
    stop();
    expect(!service_said(&service, "id=service.stopping"),
            "the new diag_level holds");
    service_verify(&service);
    service_remove(&service);
}

static const struct {
    const char *text, *why;
} unsafe[] = {
        {"engine_threads: 1\nproblems:\n" PROBLEM("one", "") PROBLEM("two", ""),
                "engine_threads: from 0 to 1 needs a restart"},
        {"batch_items: 7\nproblems:\n" PROBLEM("one", "") PROBLEM("two", ""),
                "batch_items: from 4096 to 7 needs a restart"},
        {"storage: {map_size: 1GiB}\n"
         "problems:\n" PROBLEM("one", "") PROBLEM("two", ""),
                "storage.map_size: from"},
        {"problems:\n" PROBLEM("one", ""),
                "problem 'two': is removed by a restart only"},
        {"problems:\n" PROBLEM("one", "") PROBLEM("two", "") PROBLEM("new", ""),
                "problem 'new': is added by a restart only"},
        {"problems:\n" PROBLEM("one", "") "  - name: two\n"
                                          "    actions: [a, b]\n"
                                          "    policy: {learner: "
                                          "tsallis-inf}\n",
                "problem 'two': what it learned would have to be learned"},
        {"problems:\n" PROBLEM("one", "") PROBLEM("two", "    colour: red\n"),
                "rued.yaml:12: "},
        {"problems:\n" PROBLEM("one", "") "  - {name: ]\n",
                "rued.yaml:8: not YAML"},
};

static void refuses_what_is_not(void)
{
    static const char good[] =
            "problems:\n" PROBLEM("one", "") PROBLEM("two", "");
    uint64_t hash;

    service_make(&service, good);
    service_start(&service);
    expect_served("one");
    for (size_t i = 0; i < ARRAY_COUNT(unsafe); i++) {
        hash = service_state_hash(&service, "one");
        reload_refused(unsafe[i].text, unsafe[i].why);
        expect(service_state_hash(&service, "one") != hash,
                "it goes on deciding");
    }
    expect(unlink(service.config) == 0, "the file is gone");
    reload(NULL, false);
    service_wait_said(&service, "rued.yaml: No such file");
    reload(good, true);
    expect_served("two");
    stop();
    service_verify(&service);
    service_remove(&service);
}

/* ---- the supervisor ---- */

static int supervisor_open(struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int size;

    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    size = snprintf(address->sun_path, sizeof(address->sun_path), "%s/notify",
            service.directory);
    expect(size < (int)sizeof(address->sun_path), "a short directory");
    expect(fd >= 0 &&
                    bind(fd, (struct sockaddr *)address, sizeof(*address)) == 0,
            "a socket for notifications");
    return fd;
}

/* Reads datagrams until one begins with this text; those of the watchdog may
 * come at any time, others may not. */
static void expect_told(int fd, const char *text)
{
    char data[256];

    for (;;) {
        struct pollfd item = {fd, POLLIN, 0};
        ssize_t got;
        if (poll(&item, 1, WAIT_MS) <= 0)
            broken("the supervisor is not told", text);
        got = recv(fd, data, sizeof(data) - 1, 0);
        data[got > 0 ? got : 0] = '\0';
        if (strncmp(data, text, strlen(text)) == 0)
            return;
        if (strcmp(data, "WATCHDOG=1") != 0)
            broken("the supervisor is told", data);
    }
}

static void tells_its_supervisor(void)
{
    struct sockaddr_un address;
    int fd;

    service_make(&service, "problems:\n" PROBLEM("one", ""));
    fd = supervisor_open(&address);
    expect(setenv("NOTIFY_SOCKET", address.sun_path, 1) == 0, "environment");
    service_start(&service);
    expect_told(fd, "READY=1");
    expect_told(fd, "WATCHDOG=1");
    expect_told(fd, "WATCHDOG=1");
    service_signal(&service, SIGHUP);
    expect_told(fd, "RELOADING=1\nMONOTONIC_USEC=");
    expect_told(fd, "READY=1");
    service_signal(&service, SIGTERM);
    expect_told(fd, "STOPPING=1");
    if (service_wait(&service) != 0)
        broken("stop", "exit status");
    (void)unsetenv("NOTIFY_SOCKET");
    (void)close(fd);
    service_remove(&service);
}

/* Its socket is full, and stays so: the service goes on without it. */
static void goes_on_without_its_supervisor(void)
{
    struct sockaddr_un address;
    int fd, full = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    double end;

    service_make(&service, "problems:\n" PROBLEM("one", ""));
    fd = supervisor_open(&address);
    expect(setenv("NOTIFY_SOCKET", address.sun_path, 1) == 0, "environment");
    while (full >= 0 &&
            sendto(full, "", 1, MSG_DONTWAIT, (struct sockaddr *)&address,
                    sizeof(address)) == 1)
        ;
    service_start(&service);
    /* For longer than it takes until the next sign of life. */
    for (end = now_ms() + 1000; now_ms() < end;)
        expect_served("one");
    stop();
    (void)unsetenv("NOTIFY_SOCKET");
    (void)close(full);
    (void)close(fd);
    service_remove(&service);
}

/* ---- starting, and refusing to ---- */

static void listens_to_both(void)
{
    rue_options options;
    rue_client *client;

    service_make(&service, "");
    service_add_tcp(&service);
    service_configure(&service, "problems:\n" PROBLEM("one", ""));
    service_start(&service);
    expect_served("one");
    rue_options_init(&options);
    options.endpoint = service.tcp;
    client = rue_open(&options, NULL, 0);
    expect(client != NULL, "a client over tcp");
    (void)decide(client, "one", NULL, NULL);
    rue_close(client);
    stop();
    service_remove(&service);
}

static void refuses_a_second_writer(void)
{
    char error[4096], other[400];
    const char *const again[] = {
            "rued", "--config", service.config, "--listen", other, NULL};

    service_make(&service, "problems:\n" PROBLEM("one", ""));
    service_start(&service);
    (void)snprintf(
            other, sizeof(other), "ipc://%s/second.sock", service.directory);
    if (program_run(again, error, sizeof(error)) != 1 ||
            strstr(error, "another process writes to this store") == NULL ||
            strstr(error, service.data) == NULL)
        broken("a second rued", error);
    expect_served("one");
    stop();
    service_remove(&service);
}

static void refuses_a_taken_endpoint(void)
{
    char error[4096], other[400];
    const char *const again[] = {"rued", "--config", service.config, "--data",
            other, "--listen", service.tcp, NULL};

    service_make(&service, "");
    service_add_tcp(&service);
    service_configure(&service, "problems:\n" PROBLEM("one", ""));
    service_start(&service);
    (void)snprintf(other, sizeof(other), "%s/other", service.directory);
    if (program_run(again, error, sizeof(error)) != 1 ||
            strstr(error, service.tcp) == NULL ||
            strstr(error, "Address already in use") == NULL)
        broken("a taken endpoint", error);
    stop();
    service_remove(&service);
}

static const struct {
    const char *text, *why;
} wrong[] = {
        {"colour: red\n", "rued.yaml:3: colour: no such setting"},
        {"batch_items: many\n", "rued.yaml:3: batch_items"},
        {"batch_items: 0\n", "rued.yaml:3: batch_items"},
        {"storage:\n  quota: -1\n", "rued.yaml:4: storage.quota"},
        {"problems: {}\n", "rued.yaml:3: problems: must be a list"},
        {"problems:\n  - form: decide\n", "rued.yaml:4: problems: each needs"},
        {"problems:\n" PROBLEM("one", "") PROBLEM("one", ""),
                "rued.yaml:8: name: another problem has it"},
        {"problems:\n  - name: p\n    actions: [a]\n"
         "    policy: {oracle: nobody}\n",
                "rued.yaml:6: "},
        {"\t- :\n", "rued.yaml:3: not YAML"},
};

static void refuses_a_wrong_config(void)
{
    const char *const call[] = {"rued", "--config", service.config, NULL};
    const char *const missing[] = {"rued", "--config", "/nowhere.yaml", NULL};
    char error[4096];

    service_make(&service, "");
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        service_configure(&service, wrong[i].text);
        if (program_run(call, error, sizeof(error)) != 2 ||
                strstr(error, wrong[i].why) == NULL)
            broken(wrong[i].why, error);
    }
    if (program_run(missing, error, sizeof(error)) != 2 ||
            strstr(error, "/nowhere.yaml: No such file") == NULL)
        broken("a missing file", error);
    service_remove(&service);
}

static void refuses_a_data_directory(void)
{
    const char *const call[] = {
            "rued", "--config", service.config, "--data", service.data, NULL};
    char error[4096];

    service_make(&service, "problems:\n" PROBLEM("one", ""));
    (void)snprintf(service.data, sizeof(service.data), "%s/rued.yaml/x",
            service.directory);
    if (program_run(call, error, sizeof(error)) != 1 ||
            strstr(error, "Not a directory") == NULL)
        broken("a file in the way", error);
    (void)snprintf(
            service.data, sizeof(service.data), "%s/data", service.directory);
    (void)snprintf(error, sizeof(error), "%s/writer.lock", service.data);
    expect(mkdir(service.data, 0700) == 0 && mkdir(error, 0700) == 0,
            "a directory in the way");
    if (program_run(call, error, sizeof(error)) != 1 ||
            strstr(error, "writer.lock: Is a directory") == NULL)
        broken("a directory in the way", error);
    service_remove(&service);
}

static void explains_itself(void)
{
    static const char *const calls[][4] = {{"rued", "--bogus", NULL},
            {"rued", "words", NULL}, {"rued", "--config", NULL}};
    static const char *const help[] = {"rued", "--help", NULL};
    char error[4096];

    for (size_t i = 0; i < ARRAY_COUNT(calls); i++) {
        if (program_run(calls[i], error, sizeof(error)) != 2 ||
                strchr(error, '\n') != error + strlen(error) - 1)
            broken("a wrong call", error);
    }
    if (program_run(help, error, sizeof(error)) != 0 || error[0] != '\0')
        broken("--help", error);
}

/* ---- events over time ---- */

/* The same event id gets the first answer, after a kill and a stop too. */
static void knows_its_events_after_a_restart(void)
{
    struct told first, again;
    rue_client *client;
    bool repeated;

    service_make(&service, "problems:\n" PROBLEM("one", ""));
    service_start(&service);
    client = service_client(&service);
    first = decide(client, "one", "the-event", &repeated);
    expect(!repeated, "the first answer is not a repeated one");
    service_kill(&service);
    service_start(&service);
    again = decide(client, "one", "the-event", &repeated);
    expect(repeated && again.chosen == first.chosen, "after a kill");
    report(client, "one", &first, 0.5);
    stop();
    service_start(&service);
    again = decide(client, "one", "the-event", &repeated);
    expect(repeated && again.chosen == first.chosen, "after a stop");
    report(client, "one", &first, 0.5);
    expect(service_number(&service, "one", "feedbacks") == 1,
            "feedback repeated after a restart counts once");
    rue_close(client);
    stop();
    service_verify(&service);
    service_remove(&service);
}

static bool has_learned_default(void *self)
{
    (void)self;
    return service_number(&service, "one", "expired") == 2;
}

/* The default falls due after the wait; later feedback takes its place. */
static void defaults_fall_due(void)
{
    struct told first;
    rue_client *client;

    service_make(&service,
            "problems:\n" PROBLEM(
                    "one", "    reward: {wait: 100ms, default: 0.25}\n"));
    service_start(&service);
    client = service_client(&service);
    first = decide(client, "one", NULL, NULL);
    (void)decide(client, "one", NULL, NULL);
    wait_until("both defaults", has_learned_default, NULL);
    expect(service_number(&service, "one", "learned") == 2, "both are learned");
    expect(service_number(&service, "one", "value_mean") == 0.25,
            "as the default");
    report(client, "one", &first, 1);
    expect(service_number(&service, "one", "corrected") == 1,
            "one is corrected");
    expect(service_number(&service, "one", "value_mean") == 0.625,
            "to what was reported");
    service_kill(&service);
    service_start(&service);
    expect(service_number(&service, "one", "value_mean") == 0.625,
            "after a restart too");
    rue_close(client);
    stop();
    service_verify(&service);
    service_remove(&service);
}

/* Deadlines that pass while the service is stopped, more than one batch holds,
 * of events that no longer wait. */
static void add_deadlines(uint32_t problems, uint32_t each)
{
    struct store_settings settings = {
            .map_bytes = (uint64_t)1 << 30, .no_sync = true};
    static const uint8_t unknown[] = {4, 'n', 'o', 'n', 'e'};
    struct ledger *ledger;
    struct err err;

    if (ledger_open(service.data, &settings, &ledger, &err) != 0 ||
            ledger_begin(ledger, &err) != 0)
        broken("the store", err.text);
    for (uint32_t problem = 1; problem <= problems; problem++)
        for (uint32_t i = 0; i < each; i++)
            if (due_put(ledger_txn(ledger), problem, 1 + (nanos)i,
                        bytes_of(unknown, sizeof(unknown)), &err) != 0)
                broken("the store", err.text);
    if (ledger_commit(ledger, &err) != 0)
        broken("the store", err.text);
    ledger_close(ledger);
}

static uint64_t count_deadlines(void)
{
    struct store_settings settings = {.read_only = true};
    struct ledger_reader reader;
    struct store_cursor *cursor;
    struct bytes key, value;
    struct ledger *ledger;
    struct err err;
    uint64_t count = 0;
    int status;

    if (ledger_open(service.data, &settings, &ledger, &err) != 0 ||
            ledger_reader_open(ledger, &reader, &err) != 0 ||
            reader.txn->call->cursor_open(
                    reader.txn, TABLE_DUE, &cursor, &err) != 0)
        broken("the store", err.text);
    status = cursor->call->seek(cursor, bytes_of(NULL, 0), &key, &value, &err);
    for (; status == 0; count++)
        status = cursor->call->next(cursor, &key, &value, &err);
    cursor->call->cursor_close(cursor);
    ledger_reader_close(&reader);
    ledger_close(ledger);
    return count;
}

static bool no_deadlines(void *self)
{
    (void)self;
    return count_deadlines() == 0;
}

static void catches_up_with_deadlines(void)
{
    service_make(&service,
            "batch_items: 1\nproblems:\n" PROBLEM("one", "") PROBLEM("two", "")
                    PROBLEM("three", "") PROBLEM("four", "") PROBLEM("five", "")
                            PROBLEM("six", ""));
    service_start(&service);
    stop();
    add_deadlines(6, 3000);
    service_start(&service);
    wait_until("all deadlines are done with", no_deadlines, NULL);
    expect_served("six");
    stop();
    service_verify(&service);
    service_remove(&service);
}

/* ---- threads, durability, many problems ---- */

static void serves_on_threads(int threads, const char *more)
{
    static const char *const names[] = {"one", "two", "three", "four"};
    char text[2048];
    rue_client *client;

    (void)snprintf(text, sizeof(text),
            "engine_threads: %d\nproblems:\n"
            "%s%s%s%s%s%s%s%s",
            threads, PROBLEM("one", ""), more, PROBLEM("two", ""), more,
            PROBLEM("three", ""), more, PROBLEM("four", ""), more);
    service_make(&service, text);
    service_start(&service);
    client = service_client(&service);
    for (uint32_t i = 0; i < 200; i++) {
        const char *name = names[i % 4];
        struct told told = decide(client, name, NULL, NULL);
        report(client, name, &told, 1);
    }
    for (int i = 0; i < 4; i++) {
        expect(service_number(&service, names[i], "decisions") == 50,
                "each problem has its decisions");
        expect(service_number(&service, names[i], "learned") == 50,
                "each problem has its feedback");
    }
    rue_close(client);
    stop();
    service_verify(&service);
    service_remove(&service);
}

#define MANY 1000

static void configure_many(void)
{
    size_t size = (size_t)MANY * 256;
    char *text = malloc(size);
    size_t used;

    expect(text != NULL, "memory");
    used = (size_t)snprintf(text, size, "batch_items: 1\nproblems:\n");
    for (int i = 0; i < MANY; i++)
        used += (size_t)snprintf(text + used, size - used,
                "  - name: p%d\n"
                "    context: [x]\n"
                "    actions: [a, b]\n"
                "    policy: {oracle: ridge, explorer: epsilon}\n",
                i);
    service_configure(&service, text);
    free(text);
}

/* So many status answers that many ticks of the clock pass, and with them many
 * looks at the deadlines of all problems. */
static void serves_many_problems(void)
{
    rue_service_status status;
    rue_client *client;
    double end;
    char name[16];

    service_make(&service, "");
    configure_many();
    service_start(&service);
    client = service_client(&service);
    for (int i = 0; i < MANY; i += 50) {
        struct told told;
        (void)snprintf(name, sizeof(name), "p%d", i);
        told = decide(client, name, NULL, NULL);
        report(client, name, &told, 1);
    }
    expect(rue_get_status(client, NULL, &status) == RUE_OK &&
                    status.problem_count == MANY,
            "status names them all");
    end = now_ms() + 1000;
    while (now_ms() < end)
        (void)poll(NULL, 0, 100);
    (void)decide(client, "p999", NULL, NULL);
    rue_close(client);
    stop();
    (void)unlink(service.diag);
    service_start(&service);
    expect(service_said(&service, " folded=0 "), "nothing is left to fold");
    expect(service_number(&service, "p50", "learned") == 1, "p50 is known");
    stop();
    service_remove(&service);
}

/* ---- status ---- */

static bool has_number(const rue_service_status *status, const char *name)
{
    for (size_t i = 0; i < status->number_count; i++)
        if (strcmp(status->numbers[i].name, name) == 0)
            return true;
    return false;
}

static void answers_status(void)
{
    rue_service_status status;
    rue_client *client;

    service_make(&service, "problems:\n" PROBLEM("one", "") PROBLEM("two", ""));
    service_start(&service);
    client = service_client(&service);
    (void)decide(client, "one", NULL, NULL);
    expect(rue_get_status(client, NULL, &status) == RUE_OK, "status");
    expect(status.problem_count == 2 && strcmp(status.version, "") != 0,
            "the service has two problems and a version");
    expect(status.last_sequence == 3, "two settings and a decision");
    expect(has_number(&status, "commits") && has_number(&status, "requests") &&
                    has_number(&status, "storage_full"),
            "the service has its counters");
    expect(rue_get_status(client, "one", &status) == RUE_OK, "of a problem");
    expect(strcmp(status.policy, "squarecb over ridge") == 0, "its policy");
    expect(has_number(&status, "decisions") && !has_number(&status, "commits"),
            "a problem has its own numbers");
    expect(status.state_hash == service_state_hash(&service, "one"),
            "the state has one hash");
    expect(rue_get_status(client, "nobody", &status) == RUE_UNKNOWN_PROBLEM,
            "of no problem");
    rue_close(client);
    stop();
    service_remove(&service);
}

int main(void)
{
    stops_under_load(0);
    stops_under_load(2);
    reloads_what_is_safe(0);
    reloads_what_is_safe(2);
    refuses_what_is_not();
    tells_its_supervisor();
    goes_on_without_its_supervisor();
    listens_to_both();
    refuses_a_second_writer();
    refuses_a_taken_endpoint();
    refuses_a_wrong_config();
    refuses_a_data_directory();
    explains_itself();
    knows_its_events_after_a_restart();
    defaults_fall_due();
    catches_up_with_deadlines();
    serves_on_threads(3, "");
    serves_on_threads(3, "    durability: relaxed\n");
    serves_on_threads(0, "    durability: relaxed\n");
    serves_many_problems();
    answers_status();
    return 0;
}
