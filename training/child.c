#include "training/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOB_TAG UINT32_C(0x4a4f4252) /* "RBOJ" */

/* What goes before the numbers of a job. */
struct job_head {
    uint32_t tag;
    uint32_t count, columns;
    uint32_t loss, trees, depth, bins;
    float base;
    double eta, subsample, columns_share, min_child;
    uint64_t seed;
};

/* What goes before a forest's bytes, or before the text of an error. */
struct reply_head {
    uint32_t status;
    uint32_t size;
};

/* ---- pipes ---- */

static int write_all(int fd, const void *data, size_t size)
{
    const char *at = data;

    while (size > 0) {
        ssize_t done = write(fd, at, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return -1;
        at += done;
        size -= (size_t)done;
    }
    return 0;
}

/* How many bytes came before the end. */
static size_t read_all(int fd, void *data, size_t size)
{
    size_t have = 0;

    while (have < size) {
        ssize_t done = read(fd, (char *)data + have, size - have);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            break;
        have += (size_t)done;
    }
    return have;
}

/* ---- forests from bytes ---- */

static int room_for(
        struct forest *forest, const struct boost_job *job, struct err *err)
{
    size_t nodes = job->options->trees *
            (((size_t)1 << (job->options->depth + 1)) - 1);

    memset(forest, 0, sizeof(*forest));
    forest->trees = calloc(job->options->trees, sizeof(*forest->trees));
    forest->nodes = calloc(nodes, sizeof(*forest->nodes));
    forest->leaves = calloc(nodes, sizeof(*forest->leaves));
    if (forest->trees != NULL && forest->nodes != NULL &&
            forest->leaves != NULL)
        return 0;
    forest_release(forest);
    return err_set(err, STATUS_INTERNAL, "training: no memory");
}

static int parse_forest(const struct boost_job *job, struct bytes bytes,
        struct forest *forest, struct err *err)
{
    struct forest_limits limits = {job->options->trees,
            job->options->trees * ((1u << (job->options->depth + 1)) - 1),
            job->columns};
    struct reader reader = reader_of(bytes);

    if (room_for(forest, job, err) != 0)
        return STATUS_INTERNAL;
    if (forest_load(forest, &limits, &reader, err) == 0 && reader_done(&reader))
        return 0;
    forest_release(forest);
    return err_set(err, STATUS_CORRUPT, "the trainer's trees are damaged");
}

/* ---- the parent ---- */

static int send_job(int to, const struct boost_job *job)
{
    const struct trees_options *options = job->options;
    struct job_head head = {JOB_TAG, job->count, job->columns, options->loss,
            options->trees, options->depth, options->bins, job->base,
            options->eta, options->subsample, options->columns_share,
            options->min_child, job->seed};
    size_t count = job->count;

    return write_all(to, &head, sizeof(head)) != 0 ||
                    write_all(to, job->labels, count * sizeof(float)) != 0 ||
                    write_all(to, job->weights, count * sizeof(float)) != 0 ||
                    write_all(to, job->rows,
                            count * job->columns * sizeof(float)) != 0
            ? -1
            : 0;
}

static int read_reply(int from, const struct boost_job *job,
        struct forest *forest, struct err *err)
{
    struct reply_head head;
    uint8_t *bytes;
    int status;

    if (read_all(from, &head, sizeof(head)) != sizeof(head))
        return err_set(err, STATUS_IO, "the training process has ended");
    bytes = malloc((size_t)head.size + 1);
    if (bytes == NULL)
        return err_set(err, STATUS_INTERNAL, "training: no memory");
    if (read_all(from, bytes, head.size) != head.size)
        status = err_set(err, STATUS_IO, "the training process has ended");
    else if (head.status != 0)
        status = err_set(err, STATUS_INTERNAL, "%.*s", (int)head.size,
                (const char *)bytes);
    else
        status = parse_forest(job, bytes_of(bytes, head.size), forest, err);
    free(bytes);
    return status;
}

static int child_grow(void *self, const struct boost_job *job,
        struct forest *forest, struct err *err)
{
    struct boost_child *child = self;

    if (send_job(child->to, job) != 0)
        return err_set(err, STATUS_IO, "the training process has ended");
    return read_reply(child->from, job, forest, err);
}

_Noreturn static void become_child(const char *program, int input, int output)
{
    if (dup2(input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0)
        _exit(127);
    (void)setenv("OMP_NUM_THREADS", "1", 1); // NOLINT(concurrency-mt-unsafe)
    (void)execlp(program, program, "boost", (char *)NULL);
    _exit(127);
}

int boost_child_open(
        struct boost_child *child, const char *program, struct err *err)
{
    int in[2], out[2];

    if (pipe2(in, O_CLOEXEC) != 0)
        return err_set(err, STATUS_IO, "pipe: %s", strerrordesc_np(errno));
    if (pipe2(out, O_CLOEXEC) != 0) {
        (void)close(in[0]);
        (void)close(in[1]);
        return err_set(err, STATUS_IO, "pipe: %s", strerrordesc_np(errno));
    }
    (void)signal(SIGPIPE, SIG_IGN);
    child->pid = fork();
    if (child->pid == 0)
        become_child(program, in[0], out[1]);
    (void)close(in[0]);
    (void)close(out[1]);
    child->to = in[1];
    child->from = out[0];
    child->booster = (struct booster){child_grow, child};
    if (child->pid > 0)
        return 0;
    boost_child_close(child);
    return err_set(err, STATUS_IO, "fork: %s", strerrordesc_np(errno));
}

void boost_child_close(struct boost_child *child)
{
    (void)close(child->to);
    (void)close(child->from);
    while (child->pid > 0 && waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    child->pid = 0;
}

/* ---- the child ---- */

static bool head_sound(const struct job_head *head, size_t bytes_max)
{
    size_t cells;

    return head->tag == JOB_TAG && head->count > 0 && head->columns > 0 &&
            head->columns <= UINT16_MAX && head->trees >= 1 &&
            head->trees <= FOREST_TREES_MAX && head->depth >= 1 &&
            head->depth <= FOREST_DEPTH_MAX &&
            !__builtin_mul_overflow(
                    (size_t)head->count, (size_t)head->columns + 2, &cells) &&
            cells <= bytes_max / sizeof(float);
}

static int reply_error(int to, const struct err *err)
{
    struct reply_head head = {
            (uint32_t)err->status, (uint32_t)strlen(err->text)};

    return write_all(to, &head, sizeof(head)) != 0 ||
                    write_all(to, err->text, head.size) != 0
            ? -1
            : 0;
}

static int reply_forest(int to, const struct forest *forest)
{
    struct writer writer = writer_counting();
    struct reply_head head = {0, 0};
    uint8_t *bytes;
    int status;

    forest_save(forest, &writer);
    head.size = (uint32_t)writer.size;
    bytes = malloc(writer.size);
    if (bytes == NULL)
        return -1;
    writer = writer_over(bytes, writer.size);
    forest_save(forest, &writer);
    status = write_all(to, &head, sizeof(head)) != 0 ||
                    write_all(to, bytes, head.size) != 0
            ? -1
            : 0;
    free(bytes);
    return status;
}

static int serve_job(const struct job_head *head, const float *cells, int to,
        const struct booster *booster)
{
    struct trees_options options = {.loss = head->loss,
            .trees = head->trees,
            .depth = head->depth,
            .eta = head->eta,
            .subsample = head->subsample,
            .columns_share = head->columns_share,
            .min_child = head->min_child,
            .bins = head->bins};
    struct boost_job job = {&options, cells + 2 * (size_t)head->count, cells,
            cells + head->count, head->count, head->columns, head->base,
            head->seed};
    struct forest forest;
    struct err err;
    int status;

    if (booster->grow(booster->self, &job, &forest, &err) != 0)
        return reply_error(to, &err);
    status = reply_forest(to, &forest);
    forest_release(&forest);
    return status;
}

int boost_serve(int from, int to, size_t bytes_max,
        const struct booster *booster, struct err *err)
{
    struct job_head head;

    for (;;) {
        size_t have = read_all(from, &head, sizeof(head)), size;
        float *cells;
        bool whole;
        if (have == 0)
            return 0;
        if (have != sizeof(head) || !head_sound(&head, bytes_max))
            return err_set(err, STATUS_IO, "not a job, or too large a one");
        size = (size_t)head.count * (head.columns + 2) * sizeof(float);
        cells = malloc(size);
        if (cells == NULL)
            return err_set(err, STATUS_INTERNAL, "no memory");
        whole = read_all(from, cells, size) == size;
        if (!whole || serve_job(&head, cells, to, booster) != 0) {
            free(cells);
            return err_set(err, STATUS_IO, "the other side has ended");
        }
        free(cells);
    }
}
