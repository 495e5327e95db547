#include "tests/lib/service.h"

#include "replay/exact.h"
#include "replay/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_TRIES 1000 /* or until it ends */

_Noreturn static void give_up(const char *what)
{
    fprintf(stderr, "service: %s: %s\n", what, strerror(errno));
    exit(1);
}

const char *service_program(const char *name)
{
    static char path[4096];
    const char *build = getenv("B");

    if (name[0] == '/')
        return name;
    (void)snprintf(path, sizeof(path), "%s/%s",
            build != NULL ? build : "build/release", name);
    return path;
}

void service_configure(struct service *service, const char *text)
{
    FILE *file = fopen(service->config, "w");

    if (file == NULL)
        give_up(service->config);
    if (service->tcp[0] != '\0')
        fprintf(file, "listen: [\"%s\", \"%s\"]\n", service->endpoint,
                service->tcp);
    else
        fprintf(file, "listen: %s\n", service->endpoint);
    fprintf(file, "data: %s\n%s", service->data, text);
    if (fclose(file) != 0)
        give_up(service->config);
}

void service_add_tcp(struct service *service)
{
    struct sockaddr_in address = {
            .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 ||
            getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        give_up("a free port");
    (void)close(fd);
    service->port = ntohs(address.sin_port);
    (void)snprintf(service->tcp, sizeof(service->tcp), "tcp://127.0.0.1:%u",
            service->port);
}

void service_make(struct service *service, const char *text)
{
    memset(service, 0, sizeof(*service));
    (void)snprintf(service->directory, sizeof(service->directory),
            "%s/rue-test-XXXXXX",
            getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    if (mkdtemp(service->directory) == NULL)
        give_up("mkdtemp");
    (void)snprintf(service->endpoint, sizeof(service->endpoint),
            "ipc://%s/rue.sock", service->directory);
    (void)snprintf(service->config, sizeof(service->config), "%s/rued.yaml",
            service->directory);
    (void)snprintf(service->data, sizeof(service->data), "%s/data",
            service->directory);
    (void)snprintf(service->diag, sizeof(service->diag), "%s/diag",
            service->directory);
    service_configure(service, text);
}

static pid_t spawn(const struct service *service)
{
    const char *program = service->program != NULL ? service->program : "rued";
    pid_t pid = fork();
    int fd;

    if (pid != 0)
        return pid;
    /* A test that fails does not leave its service behind. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    fd = open(service->diag, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
        _exit(127);
    (void)execl(service_program(program), "rued", "--config", service->config,
            (char *)NULL);
    _exit(127);
}

static void exec_program(const char *const arguments[])
{
    union {
        const char *const *in;
        char *const *out;
    } words = {arguments};

    (void)execv(service_program(arguments[0]), words.out);
    _exit(127);
}

int program_run(const char *const arguments[], char *error, size_t size)
{
    size_t used = 0;
    int ends[2], status;
    ssize_t got;
    pid_t pid;

    if (pipe(ends) != 0 || (pid = fork()) < 0)
        give_up("fork");
    if (pid == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        (void)close(ends[0]);
        exec_program(arguments);
    }
    (void)close(ends[1]);
    while (used + 1 < size &&
            (got = read(ends[0], error + used, size - 1 - used)) > 0)
        used += (size_t)got;
    error[used] = '\0';
    (void)close(ends[0]);
    if (waitpid(pid, &status, 0) != pid)
        give_up("waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static bool ended(struct service *service)
{
    int status;

    if (waitpid(service->pid, &status, WNOHANG) != service->pid)
        return false;
    service->pid = 0;
    return true;
}

bool service_try_start(struct service *service)
{
    rue_options options;
    rue_client *client;
    rue_service_status status;
    bool up = false;

    rue_options_init(&options);
    options.endpoint = service->endpoint;
    options.timeout_ms = 300;
    options.retry_ms = 100;
    client = rue_open(&options, NULL, 0);
    if (client == NULL)
        give_up("client");
    service->pid = spawn(service);
    if (service->pid < 0)
        give_up("fork");
    for (int i = 0; !up && i < START_TRIES && !ended(service); i++)
        up = rue_get_status(client, NULL, &status) == RUE_OK;
    rue_close(client);
    return up;
}

static void show_diag(const struct service *service)
{
    char line[1024];
    FILE *file = fopen(service->diag, "r");

    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        fputs(line, stderr);
    if (file != NULL)
        (void)fclose(file);
}

void service_start(struct service *service)
{
    if (service_try_start(service))
        return;
    show_diag(service);
    fprintf(stderr, "service: does not answer\n");
    exit(1);
}

void service_kill(struct service *service)
{
    int status;

    if (service->pid == 0)
        return;
    (void)kill(service->pid, SIGKILL);
    (void)waitpid(service->pid, &status, 0);
    service->pid = 0;
}

int service_stop(struct service *service)
{
    if (service->pid == 0)
        return 0;
    service_signal(service, SIGTERM);
    return service_wait(service);
}

void service_signal(const struct service *service, int signal)
{
    if (kill(service->pid, signal) != 0)
        give_up("kill");
}

int service_wait(struct service *service)
{
    int status = 0;

    if (waitpid(service->pid, &status, 0) != service->pid)
        give_up("waitpid");
    service->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

void service_remove(struct service *service)
{
    char command[600];

    service_kill(service);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", service->directory);
    if (system(command) != 0)
        give_up(command);
}

rue_client *service_client(const struct service *service)
{
    rue_options options;
    rue_client *client;

    rue_options_init(&options);
    options.endpoint = service->endpoint;
    options.timeout_ms = WAIT_MS;
    options.retry_ms = 100;
    client = rue_open(&options, NULL, 0);
    if (client == NULL)
        give_up("client");
    return client;
}

/* ---- status ---- */

static rue_client *ask_status(const struct service *service,
        const char *problem, rue_service_status *status)
{
    rue_client *client = service_client(service);

    if (rue_get_status(client, problem, status) != RUE_OK) {
        fprintf(stderr, "service: status: %s\n", rue_error(client));
        exit(1);
    }
    return client;
}

double service_number(
        const struct service *service, const char *problem, const char *name)
{
    rue_service_status status;
    rue_client *client = ask_status(service, problem, &status);

    for (size_t i = 0; i < status.number_count; i++)
        if (strcmp(status.numbers[i].name, name) == 0) {
            double value = status.numbers[i].value;
            rue_close(client);
            return value;
        }
    fprintf(stderr, "service: status has no number %s\n", name);
    exit(1);
}

uint64_t service_last_record(const struct service *service)
{
    rue_service_status status;

    rue_close(ask_status(service, NULL, &status));
    return status.last_sequence;
}

uint64_t service_state_hash(const struct service *service, const char *problem)
{
    rue_service_status status;

    rue_close(ask_status(service, problem, &status));
    return status.state_hash;
}

/* ---- waiting ---- */

double now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

void wait_within(
        uint32_t ms, const char *what, bool (*holds)(void *self), void *self)
{
    double end = now_ms() + ms;

    while (!holds(self)) {
        if (now_ms() > end) {
            fprintf(stderr, "waited in vain: %s\n", what);
            exit(1);
        }
        (void)poll(NULL, 0, 5);
    }
}

void wait_until(const char *what, bool (*holds)(void *self), void *self)
{
    wait_within(WAIT_MS, what, holds, self);
}

struct saying {
    const struct service *service;
    const char *text;
};

static bool said(void *self)
{
    const struct saying *saying = self;

    return service_said(saying->service, saying->text);
}

void service_wait_said(const struct service *service, const char *text)
{
    struct saying saying = {service, text};

    wait_until(text, said, &saying);
}

/* ---- the store ---- */

/* The policies that served decide the whole log again. */
static void replay_exactly(struct ledger *ledger)
{
    struct exact_settings settings = {.problem = NULL};
    struct exact_report report;
    bool differs = false;
    struct err err;

    if (exact_run(ledger, &settings, &report, &err) != 0) {
        fprintf(stderr, "replay: %s\n", err.text);
        exit(1);
    }
    for (uint32_t i = 0; i < report.problem_count; i++) {
        differs |= report.problems[i].differs;
        if (report.problems[i].differs)
            fprintf(stderr, "replay: %s: %s\n", report.problems[i].name,
                    report.problems[i].difference);
    }
    exact_free(&report);
    if (differs)
        exit(1);
}

void service_verify(const struct service *service)
{
    struct store_settings settings = {.read_only = true};
    struct verify_report report;
    struct ledger *ledger;
    struct err err;

    if (ledger_open(service->data, &settings, &ledger, &err) != 0 ||
            verify_run(ledger, NULL, &report, &err) != 0) {
        fprintf(stderr, "verify: %s\n", err.text);
        exit(1);
    }
    for (uint64_t i = 0; i < report.finding_count && i < VERIFY_FINDINGS_MAX;
            i++)
        fprintf(stderr, "verify: %s\n", report.findings[i]);
    if (report.finding_count > 0)
        exit(1);
    verify_free(&report);
    replay_exactly(ledger);
    ledger_close(ledger);
}

bool service_said(const struct service *service, const char *text)
{
    char line[2048];
    FILE *file = fopen(service->diag, "r");
    bool found = false;

    while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL)
        found = strstr(line, text) != NULL;
    if (file != NULL)
        (void)fclose(file);
    return found;
}
