#include "training/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOW      10 /* nice */
#define SLICE_NS 100000000u /* the most that a process may ask for */

/* As sched_setattr(2) takes it; glibc has no name for it yet. */
struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

/* Not everywhere may a process say so; then it is as likely as another. */
static void go_first(void)
{
    FILE *file = fopen("/proc/self/oom_score_adj", "w");

    if (file == NULL)
        return;
    (void)fputs("1000", file);
    (void)fclose(file);
}

/* Long turns. That is the humble thing to ask for: of those who have not had
 * their share, Linux takes the one whose turn would end first, so who asks for
 * short turns goes first, and a thread with shorter ones, when it wakes, ends a
 * long one at once (EEVDF; since 6.12). Before, and where it refuses, turns are
 * as long as those of others. */
static void take_long_turns(void)
{
    struct attributes attributes = {.size = sizeof(attributes),
            .policy = SCHED_OTHER,
            .nice = LOW,
            .runtime = SLICE_NS};

    (void)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

void limits_begin(void)
{
    struct sched_param none = {0};

    (void)sched_setscheduler(0, SCHED_OTHER, &none);
    (void)setpriority(PRIO_PROCESS, 0, LOW);
    take_long_turns();
}

/* A process of the idle class makes room at once when another wakes; one that
 * is only nice may keep it waiting for a slice, some milliseconds. */
static void step_back(uint32_t priority, bool hurry)
{
    struct sched_param none = {0};

    if (priority == RETRAIN_IDLE || (priority == RETRAIN_AUTO && !hurry))
        (void)sched_setscheduler(0, SCHED_IDLE, &none);
}

/* Heap and anonymous maps; not the store, which is mapped too. The shadow of a
 * sanitizer is an anonymous map of terabytes, so that such a build has no
 * bound. */
static bool bound_memory(uint64_t bytes)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    (void)bytes;
    return true;
#else
    struct rlimit limit = {bytes, bytes};

    return setrlimit(RLIMIT_DATA, &limit) == 0;
#endif
}

int limits_apply(
        const struct problem_settings *settings, bool hurry, struct err *err)
{
    go_first();
    step_back(settings->retrain_priority, hurry);
    if (bound_memory(settings->retrain_memory))
        return 0;
    return err_set(
            err, STATUS_IO, "retrain.memory: %s", strerrordesc_np(errno));
}

int limits_end_with(uint64_t parent, struct err *err)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return err_set(err, STATUS_IO, "prctl: %s", strerrordesc_np(errno));
    /* It may have died before. */
    return (uint64_t)getppid() == parent
            ? 0
            : err_set(err, STATUS_INVALID, "the service is gone");
}
