/* rue-train: trains one generation of one problem and ends. rued starts it; it
 * can be started by hand too, beside a running service. */
#include "policies/registry.h"
#include "training/child.h"
#include "training/job.h"
#include "training/limits.h"
#include "training/xgboost/booster.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Of one job of `rue-train boost`. */
#define BOOST_BYTES_MAX ((size_t)4 << 30)

static const char usage[] =
        "usage: rue-train --store DIR --problem NAME --out FILE\n"
        "       rue-train boost\n"
        "\n"
        "Trains a generation of a problem from the log of a store and writes\n"
        "it to a file. Reads the store only, so the service may go on; rued\n"
        "starts this program by itself (see `rue retrain --help`), checks the\n"
        "file and stores it. What it may use of the machine and what it learns\n"
        "from is set in the problem's `retrain` settings.\n"
        "\n"
        "  --store DIR      directory of the store\n"
        "  --problem NAME   the problem\n"
        "  --out FILE       where the model goes; written under another name\n"
        "                   first\n"
        "  --parent PID     ends when this process, which started it, ends\n"
        "  --hurry          with retrain.priority: auto, takes a small share of\n"
        "                   a busy machine instead of none\n"
        "  -h, --help       this text\n"
        "      --version    the version\n"
        "\n"
        "boost grows trees for the program that started it: jobs on the\n"
        "standard input, forests on the standard output.\n"
        "\n"
        "On stdout: lines `progress WHAT DONE ALL`, then `done rows=N ...`.\n"
        "Exit status: 0 when the file is there, 1 after a failure, 2 for a\n"
        "wrong call.\n"
        "\n"
        "Example:\n"
        "  rue-train --store /var/lib/rue --problem checkout --out model\n";

struct arguments {
    struct job job;
    uint64_t parent; /* 0: none was given */
};

static int usage_error(const char *what)
{
    fprintf(stderr, "rue-train: %s (see rue-train --help)\n", what);
    return 2;
}

static bool read_pid(const char *text, uint64_t *pid)
{
    uint64_t value = 0;

    for (const char *c = text; *c != '\0'; c++) {
        if (*c < '0' || *c > '9' || value > UINT32_MAX)
            return false;
        value = 10 * value + (uint64_t)(*c - '0');
    }
    *pid = value;
    return value > 0;
}

/* -1 to go on, otherwise the exit status. */
static int read_arguments(int argc, char **argv, struct arguments *arguments)
{
    static const struct option options[] = {
            {"store", required_argument, NULL, 's'},
            {"problem", required_argument, NULL, 'p'},
            {"out", required_argument, NULL, 'o'},
            {"parent", required_argument, NULL, 'P'},
            {"hurry", no_argument, NULL, 'H'},
            {"help", no_argument, NULL, 'h'},
            {"version", no_argument, NULL, 'V'},
            {NULL, 0, NULL, 0},
    };
    struct job *job = &arguments->job;
    int letter;

    while ((letter = getopt_long(argc, argv, "h", options, NULL)) != -1)
        switch (letter) {
        case 's':
            job->store = optarg;
            break;
        case 'p':
            job->problem = optarg;
            break;
        case 'o':
            job->out = optarg;
            break;
        case 'P':
            if (!read_pid(optarg, &arguments->parent))
                return usage_error("--parent: is a process number");
            break;
        case 'H':
            job->hurry = true;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        case 'V':
            puts("rue-train " RUE_VERSION);
            return 0;
        default:
            return 2;
        }
    if (optind != argc)
        return usage_error("it takes options only");
    if (job->store == NULL || job->problem == NULL || job->out == NULL)
        return usage_error("--store, --problem and --out are needed");
    return -1;
}

static void show_progress(
        void *self, const char *what, uint64_t done, uint64_t all)
{
    (void)self;
    printf("progress %s %" PRIu64 " %" PRIu64 "\n", what, done, all);
}

static int failed(const struct err *err)
{
    fprintf(stderr, "rue-train: %s: %s\n", status_name(err->status), err->text);
    printf("failed %s %s\n", status_name(err->status), err->text);
    return 1;
}

static nanos wall_clock(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (nanos)now.tv_sec * NANOS_PER_SECOND + now.tv_nsec;
}

static double seconds_of(const struct rusage *used)
{
    return (double)used->ru_utime.tv_sec + (double)used->ru_stime.tv_sec +
            1e-6 *
            ((double)used->ru_utime.tv_usec + (double)used->ru_stime.tv_usec);
}

/* Of the processor, by this process and those that it waited for. */
static double cpu_seconds(void)
{
    struct rusage own, children;

    (void)getrusage(RUSAGE_SELF, &own);
    (void)getrusage(RUSAGE_CHILDREN, &children);
    return seconds_of(&own) + seconds_of(&children);
}

static int boost(void)
{
    struct err err;

    return boost_serve(STDIN_FILENO, STDOUT_FILENO, BOOST_BYTES_MAX,
                   &xgboost_booster, &err) == 0
            ? 0
            : failed(&err);
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.job = {.progress = show_progress}};
    struct job *job = &arguments.job;
    struct err err;
    int status;

    /* Before libgomp looks: its threads hang what is forked later. */
    (void)setenv("OMP_NUM_THREADS", "1", 1); // NOLINT(concurrency-mt-unsafe)
    if (argc == 2 && strcmp(argv[1], "boost") == 0)
        return boost();
    status = read_arguments(argc, argv, &arguments);
    if (status >= 0)
        return status;
    limits_begin();
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    job->now = wall_clock();
    job->booster = &xgboost_booster;
    if (registry_check(&err) != 0)
        return failed(&err);
    if (arguments.parent != 0 && limits_end_with(arguments.parent, &err) != 0)
        return failed(&err);
    if (job_run(job, &err) != 0)
        return failed(&err);
    printf("used %.6f %" PRIu64 " %" PRIu64 "\n", cpu_seconds(), job->window,
            job->known);
    printf("done rows=%" PRIu64 " effective=%.17g parent=%" PRIu64
           " through=%" PRIu64 "\n",
            job->rows, job->effective, job->parent, job->through);
    return 0;
}
