#include "tests/lib/service.h"

#include "replay/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_TRIES 100

_Noreturn static void give_up(const char *what)
{
    fprintf(stderr, "service: %s: %s\n", what, strerror(errno));
    exit(1);
}

const char *service_program(const char *name)
{
    static char path[4096];
    const char *build = getenv("B");

    (void)snprintf(path, sizeof(path), "%s/%s",
            build != NULL ? build : "build/release", name);
    return path;
}

void service_configure(struct service *service, const char *text)
{
    FILE *file = fopen(service->config, "w");

    if (file == NULL)
        give_up(service->config);
    fprintf(file, "listen: %s\ndata: %s\n%s", service->endpoint, service->data,
            text);
    if (fclose(file) != 0)
        give_up(service->config);
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
    pid_t pid = fork();
    int fd;

    if (pid != 0)
        return pid;
    fd = open(service->diag, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
        _exit(127);
    (void)execl(service_program("rued"), "rued", "--config", service->config,
            (char *)NULL);
    _exit(127);
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
    int status = 0;

    if (service->pid == 0)
        return 0;
    (void)kill(service->pid, SIGTERM);
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
    options.timeout_ms = 60000;
    options.retry_ms = 100;
    client = rue_open(&options, NULL, 0);
    if (client == NULL)
        give_up("client");
    return client;
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
