#include "service/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_SIZE       4096
#define ENVIRONMENT_MAX 1024u

/* ---- starting ---- */

/* The program beside this one; if there is none, its bare name, for PATH. */
static void find_program(const char *name, char path[PATH_SIZE])
{
    ssize_t size = readlink("/proc/self/exe", path, PATH_SIZE - 1);
    char *slash;

    if (size > 0) {
        path[size] = '\0';
        slash = strrchr(path, '/');
        if (slash != NULL &&
                (size_t)(slash - path) + 2 + strlen(name) < PATH_SIZE) {
            (void)snprintf(slash + 1, PATH_SIZE - (size_t)(slash + 1 - path),
                    "%s", name);
            if (access(path, X_OK) == 0)
                return;
        }
    }
    (void)snprintf(path, PATH_SIZE, "%s", name);
}

static bool sets(const char *entry, const char *name)
{
    size_t size = strlen(name);

    return strncmp(entry, name, size) == 0 && entry[size] == '=';
}

/* Our environment, but for how many threads there may be: libraries ask it
 * before any code of the program runs. */
static void make_environment(
        char threads[2][48], uint32_t cores, char *out[ENVIRONMENT_MAX + 3])
{
    static const char *const names[2] = {
            "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"};
    size_t count = 0;

    for (char **entry = environ; *entry != NULL && count < ENVIRONMENT_MAX;
            entry++)
        if (!sets(*entry, names[0]) && !sets(*entry, names[1]))
            out[count++] = *entry;
    for (int i = 0; i < 2; i++) {
        (void)snprintf(threads[i], 48, "%s=%u", names[i], cores);
        out[count++] = threads[i];
    }
    out[count] = NULL;
}

/* posix_spawn takes its words as if it would change them. */
static char *word(const char *text)
{
    union {
        const char *in;
        char *out;
    } any = {text};

    return any.out;
}

static void make_arguments(const struct child_order *order, char parent[24],
        char *out[CHILD_ARGUMENTS + 4])
{
    size_t count = 0;

    out[count++] = word(order->program);
    for (size_t i = 0; i < CHILD_ARGUMENTS && order->arguments[i] != NULL; i++)
        out[count++] = word(order->arguments[i]);
    (void)snprintf(parent, 24, "%d", (int)getpid());
    out[count++] = word("--parent");
    out[count++] = parent;
    out[count] = NULL;
}

static int set_files(posix_spawn_file_actions_t *files, int output)
{
    int code = posix_spawn_file_actions_init(files);

    if (code == 0)
        code = posix_spawn_file_actions_addopen(
                files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (code == 0)
        code = posix_spawn_file_actions_adddup2(files, output, STDOUT_FILENO);
    if (code == 0)
        code = posix_spawn_file_actions_addclosefrom_np(
                files, STDERR_FILENO + 1);
    return code;
}

/* Signals as a program expects them. */
static int set_signals(posix_spawnattr_t *attributes)
{
    sigset_t none, changed;
    int code = posix_spawnattr_init(attributes);

    (void)sigemptyset(&none);
    (void)sigemptyset(&changed);
    (void)sigaddset(&changed, SIGPIPE);
    if (code == 0)
        code = posix_spawnattr_setsigmask(attributes, &none);
    if (code == 0)
        code = posix_spawnattr_setsigdefault(attributes, &changed);
    if (code == 0)
        code = posix_spawnattr_setflags(
                attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return code;
}

static int spawn(pid_t *pid, const struct child_order *order, int output)
{
    char path[PATH_SIZE], threads[2][48], parent[24];
    char *environment[ENVIRONMENT_MAX + 3];
    char *arguments[CHILD_ARGUMENTS + 4];
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int code;

    find_program(order->program, path);
    make_environment(threads, order->cores, environment);
    make_arguments(order, parent, arguments);
    if ((code = set_files(&files, output)) != 0 ||
            (code = set_signals(&attributes)) != 0)
        return code;
    code = posix_spawnp(pid, path, &files, &attributes, arguments, environment);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&files);
    return code;
}

int child_start(
        struct child *child, const struct child_order *order, struct err *err)
{
    int ends[2];
    int code;

    memset(child, 0, sizeof(*child));
    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_set(err, STATUS_IO, "pipe: %s", strerrordesc_np(errno));
    code = spawn(&child->pid, order, ends[1]);
    (void)close(ends[1]);
    if (code != 0) {
        (void)close(ends[0]);
        return err_set(err, STATUS_IO, "%s: cannot be started: %s",
                order->program, strerrordesc_np(code));
    }
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    child->output_fd = ends[0];
    child->pid_fd = pidfd_open(child->pid, 0);
    if (child->pid_fd >= 0)
        return 0;
    (void)err_set(err, STATUS_IO, "pidfd: %s", strerrordesc_np(errno));
    child_kill(child);
    (void)waitpid(child->pid, NULL, 0);
    (void)close(child->output_fd);
    return STATUS_IO;
}

/* ---- listening ---- */

static void take_bytes(struct child *child, const char *bytes, size_t size,
        void (*take)(void *self, const char *line), void *self)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\n') {
            child->line[child->line_size] = '\0';
            child->line_size = 0;
            take(self, child->line);
        } else if (child->line_size + 1 < sizeof(child->line)) {
            child->line[child->line_size++] = bytes[i];
        }
    }
}

static void take_output(struct child *child,
        void (*take)(void *self, const char *line), void *self)
{
    char bytes[4096];
    ssize_t size;

    while ((size = read(child->output_fd, bytes, sizeof(bytes))) > 0)
        take_bytes(child, bytes, (size_t)size, take, self);
}

static void note_end(struct child *child, int options)
{
    siginfo_t info = {0};

    if (child->ended ||
            waitid(P_PIDFD, (id_t)child->pid_fd, &info, WEXITED | options) !=
                    0 ||
            info.si_pid == 0)
        return;
    child->ended = true;
    child->code = info.si_code;
    child->status = info.si_status;
}

bool child_read(struct child *child, void (*take)(void *self, const char *line),
        void *self)
{
    /* In this order: what it wrote before it ended is taken. */
    note_end(child, WNOHANG);
    take_output(child, take, self);
    return child->ended;
}

void child_kill(struct child *child)
{
    if (!child->ended)
        (void)kill(child->pid, SIGKILL);
}

void child_wait(struct child *child)
{
    note_end(child, 0);
}

bool child_succeeded(const struct child *child)
{
    return child->ended && child->code == CLD_EXITED && child->status == 0;
}

void child_why(const struct child *child, char *why, size_t size)
{
    if (child->code == CLD_EXITED)
        (void)snprintf(why, size, "ended with status %d", child->status);
    else
        (void)snprintf(why, size, "was ended by signal %d (%s)", child->status,
                sigdescr_np(child->status));
}

void child_close(struct child *child)
{
    (void)close(child->output_fd);
    (void)close(child->pid_fd);
}
