#include "service/trainer.h"

#include "service/child.h"
#include "service/counters.h"
#include "service/diag.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TURN_MS         200
#define PATH_SIZE       4096
#define FILE_BYTES_MAX  (GENERATION_BYTES_MAX + 4096)
#define STARVING        10 /* less than one in so many of a processor */
#define PROGRESS_LINE_S 10 /* seconds between progress lines */

/* A problem as the trainer knows it. */
struct trainee {
    uint32_t number;
    char name[ID_BYTES_MAX + 1];
    uint32_t place; /* in the configuration, where it was found last; of the
                       trainer's thread */
    _Atomic uint64_t learned; /* outcomes, as the engine thread says */
    _Atomic bool on_trial; /* as that says too */
    _Atomic nanos alarm; /* and when drift was alarmed last, 0: not */
    _Atomic uint64_t alarmed_at;
    nanos drifted; /* under the lock, as what follows */
    struct performance_view performance;
    nanos looked; /* and nothing was found, last */
    uint64_t learned_before; /* when the last training began */
    _Atomic nanos begun; /* when that was */
    bool asked;
    bool ordered;
    struct trainer_order order;
    struct training_state state;
};

struct trainer {
    pthread_t thread;
    pthread_mutex_t lock; /* of all that other threads look at */
    int wake_fd;
    bool stopping;
    const struct config *config;
    struct ledger *ledger;
    struct committer *committer;
    struct trainee *trainees; /* [count] by number */
    uint32_t count;
    _Atomic uint32_t orders;
    void (*stored)(void *self, uint32_t problem,
            const struct generation *generation); /* NULL: nobody is told */
    void *stored_self;
    char store[PATH_SIZE];
    char out[PATH_SIZE]; /* where a model goes, */
    char part[PATH_SIZE]; /* and what it is called until it is whole */
    /* The training that is under way; the thread's alone. */
    struct child child;
    struct trainee *who; /* NULL: there is none */
    nanos started; /* its process */
    bool hurry; /* it is the second try of `priority: auto` */
    nanos told; /* the last progress line */
    char failure[ERR_TEXT_SIZE]; /* what the process said of itself */
};

static nanos wall_clock(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (nanos)now.tv_sec * NANOS_PER_SECOND + now.tv_nsec;
}

static void lock(struct trainer *trainer)
{
    CHECK_ZERO(pthread_mutex_lock(&trainer->lock));
}

static void unlock(struct trainer *trainer)
{
    CHECK_ZERO(pthread_mutex_unlock(&trainer->lock));
}

static struct trainee *find(struct trainer *trainer, uint32_t number)
{
    uint32_t low = 0, high = trainer->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (trainer->trainees[middle].number == number)
            return &trainer->trainees[middle];
        if (trainer->trainees[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* It is asked of every problem, five times a second, so it does not search the
 * names each time. */
static const struct problem_spec *spec_of(
        const struct trainer *trainer, struct trainee *trainee)
{
    const struct config *config = trainer->config;
    struct bytes name = bytes_of_text(trainee->name);

    if (trainee->place < config->problem_count &&
            bytes_equal(config->problems[trainee->place]->name, name))
        return config->problems[trainee->place];
    for (uint32_t i = 0; i < config->problem_count; i++)
        if (bytes_equal(config->problems[i]->name, name)) {
            trainee->place = i;
            return config->problems[i];
        }
    return NULL;
}

/* What a training left behind. */
static void remove_files(const struct trainer *trainer)
{
    (void)unlink(trainer->out);
    (void)unlink(trainer->part);
}

/* ---- the end of a training ---- */

static void fail(struct trainer *trainer, const char *why)
{
    struct trainee *who = trainer->who;

    COUNT(trainings_failed);
    lock(trainer);
    who->state.failures++;
    unlock(trainer);
    diag(DIAG_ERROR, "training.failed", "problem=%s why=\"%s\"", who->name,
            why);
}

/* The file's bytes; the caller frees them. */
static int read_file(
        const char *path, uint8_t **data, size_t *size, struct err *err)
{
    FILE *file = fopen(path, "rb");
    struct stat stat;
    int status = 0;

    if (file == NULL || fstat(fileno(file), &stat) != 0)
        status = err_set(
                err, STATUS_IO, "model file: %s", strerrordesc_np(errno));
    else if (stat.st_size < 0 || (uint64_t)stat.st_size > FILE_BYTES_MAX)
        status = err_set(err, STATUS_CORRUPT, "model file: is too long");
    *size = status == 0 ? (size_t)stat.st_size : 0;
    *data = status == 0 ? malloc(*size + 1) : NULL;
    if (status == 0 && *data == NULL)
        status = err_set(err, STATUS_INTERNAL, "no memory for the model");
    if (status == 0 && fread(*data, 1, *size, file) != *size)
        status = err_set(err, STATUS_IO, "model file: cannot be read");
    if (file != NULL)
        (void)fclose(file);
    return status;
}

/* A model is believed when it was loaded. */
static int check_model(struct trainer *trainer,
        const struct generation *generation, struct bytes model,
        struct err *err)
{
    const struct problem_spec *spec;
    struct problem *problem;
    int status;

    lock(trainer);
    spec = spec_of(trainer, trainer->who);
    if (generation->settings != spec->model_digest) {
        unlock(trainer);
        return err_set(err, STATUS_INVALID,
                "model file: was made for other settings of the problem");
    }
    problem = problem_open(spec, err);
    status = problem == NULL ? STATUS_INTERNAL
                             : problem_load_model(problem, model, err);
    problem_close(problem);
    unlock(trainer);
    return status;
}

static const char *verdict_name(enum generation_verdict verdict)
{
    static const char *const names[] = {"none", "pass", "block"};

    return names[verdict];
}

/* What is to become of a generation. False: a person says. */
static bool order_of(const struct problem_settings *settings,
        enum generation_verdict verdict, struct promotion *promotion)
{
    if (verdict == VERDICT_BLOCK) {
        promotion->stage = STAGE_REFUSED;
        return true;
    }
    switch ((enum problem_retrain_then)settings->retrain_then) {
    case RETRAIN_PROMOTE:
        return true;
    case RETRAIN_STORE:
        return false;
    case RETRAIN_CANARY:
        promotion->stage = STAGE_CANARY;
        promotion->share = settings->canary_share;
        return true;
    case RETRAIN_SHADOW:
        promotion->stage = STAGE_SHADOW;
        return true;
    }
    CHECK_UNREACHABLE();
}

static void tell_stored(
        struct trainer *trainer, const struct generation *generation)
{
    void (*stored)(
            void *self, uint32_t problem, const struct generation *generation);
    void *self;

    lock(trainer);
    stored = trainer->stored;
    self = trainer->stored_self;
    unlock(trainer);
    if (stored != NULL)
        stored(self, trainer->who->number, generation);
}

static void note_stored(
        struct trainer *trainer, const struct generation *generation)
{
    struct trainee *who = trainer->who;
    char why[GENERATION_WHY_MAX + 1];
    struct promotion promotion = {
            .generation = generation->number, .estimate = generation->estimate};

    (void)bytes_text(generation->why, why, sizeof(why));
    lock(trainer);
    who->state.trainings++;
    who->state.generation = generation->number;
    who->state.rows = generation->rows;
    who->state.effective = generation->effective;
    who->state.verdict = generation->verdict;
    if (order_of(&spec_of(trainer, who)->settings, generation->verdict,
                &promotion)) {
        who->ordered = true;
        who->order.promotion = promotion;
        (void)snprintf(who->order.text, sizeof(who->order.text), "%s", why);
        atomic_fetch_add(&trainer->orders, 1);
    }
    unlock(trainer);
    COUNT(trainings);
    tell_stored(trainer, generation);
    diag(DIAG_INFO, "training.stored",
            "problem=%s generation=%" PRIu64 " parent=%" PRIu64
            " digest=%016" PRIx64 " bytes=%" PRIu64 " rows=%" PRIu64
            " effective=%.6g verdict=%s why=\"%s\"",
            who->name, generation->number, generation->parent,
            generation->digest, generation->size, generation->rows,
            generation->effective, verdict_name(generation->verdict), why);
}

static int store_file(struct trainer *trainer, struct err *err)
{
    struct commit_model store = {.problem = trainer->who->number};
    uint8_t *data = NULL;
    size_t size;
    int status = read_file(trainer->out, &data, &size, err);

    if (status == 0)
        status = generation_file_read(bytes_of(data, size),
                trainer->who->number, &store.generation, &store.model, err);
    if (status == 0)
        status = check_model(trainer, &store.generation, store.model, err);
    if (status == 0) {
        lock(trainer);
        store.kept = spec_of(trainer, trainer->who)->settings.retrain_keep;
        unlock(trainer);
        status = commit_model(trainer->committer, &store, err);
    }
    if (status == 0)
        note_stored(trainer, &store.generation);
    free(data);
    return status;
}

static void finish(struct trainer *trainer)
{
    struct trainee *who = trainer->who;
    double seconds =
            (double)(wall_clock() - who->begun) / (double)NANOS_PER_SECOND;
    struct err err = {STATUS_OK, ""};
    char why[ERR_TEXT_SIZE + 64];

    if (child_succeeded(&trainer->child)) {
        if (store_file(trainer, &err) != 0)
            fail(trainer, err.text);
    } else {
        child_why(&trainer->child, why, sizeof(why));
        fail(trainer, trainer->failure[0] != '\0' ? trainer->failure : why);
    }
    remove_files(trainer);
    child_close(&trainer->child);
    /* Readers that died hold pages of the store. */
    commit_tend(trainer->committer);
    lock(trainer);
    who->state.running = false;
    who->state.done = 0.0;
    who->state.seconds = seconds;
    unlock(trainer);
    trainer->who = NULL;
}

/* ---- a training under way ---- */

/* `progress WHAT DONE ALL`. */
static void take_progress(struct trainer *trainer, const char *rest)
{
    size_t size = strcspn(rest, " ");
    char what[32], *end;
    uint64_t done, all;
    nanos now = wall_clock();

    if (size == 0 || size >= sizeof(what) || rest[size] != ' ')
        return;
    memcpy(what, rest, size);
    what[size] = '\0';
    done = strtoull(rest + size, &end, 10);
    all = strtoull(end, &end, 10);
    if (*end != '\0')
        return;
    lock(trainer);
    trainer->who->state.done = all == 0 ? 0.0 : (double)done / (double)all;
    unlock(trainer);
    if (now - trainer->told < PROGRESS_LINE_S * NANOS_PER_SECOND)
        return;
    trainer->told = now;
    diag(DIAG_INFO, "training.progress",
            "problem=%s phase=%s done=%" PRIu64 " of=%" PRIu64,
            trainer->who->name, what, done, all);
}

/* `used CPU_SECONDS WINDOW KNOWN`. */
static void take_used(struct trainer *trainer, const char *rest)
{
    struct training_state *state = &trainer->who->state;
    char *end;
    double seconds = strtod(rest, &end);
    uint64_t window = strtoull(end, &end, 10);
    uint64_t known = strtoull(end, &end, 10);

    if (*end != '\0' || !(seconds >= 0.0 && seconds < 1e9))
        return;
    lock(trainer);
    state->cpu_seconds = seconds;
    state->window = window;
    state->known = known;
    unlock(trainer);
    diag(DIAG_INFO, "training.used",
            "problem=%s cpu_s=%.3f window=%" PRIu64 " of=%" PRIu64,
            trainer->who->name, seconds, window, known);
}

static void take_line(void *self, const char *line)
{
    static const char progress[] = "progress ", failed[] = "failed ";
    static const char used[] = "used ";
    struct trainer *trainer = self;

    if (strncmp(line, progress, sizeof(progress) - 1) == 0)
        take_progress(trainer, line + sizeof(progress) - 1);
    else if (strncmp(line, used, sizeof(used) - 1) == 0)
        take_used(trainer, line + sizeof(used) - 1);
    else if (strncmp(line, failed, sizeof(failed) - 1) == 0)
        (void)snprintf(trainer->failure, sizeof(trainer->failure), "%s",
                line + sizeof(failed) - 1);
}

/* ---- the start of one ---- */

/* The process of a training. */
static void launch(struct trainer *trainer, nanos now)
{
    struct trainee *who = trainer->who;
    struct child_order order = {
            .program = "rue-train",
            .arguments = {"--store", trainer->store, "--problem", who->name,
                    "--out", trainer->out, trainer->hurry ? "--hurry" : NULL},
    };
    struct err err;

    lock(trainer);
    order.cores = spec_of(trainer, who)->settings.retrain_cores;
    unlock(trainer);
    trainer->started = now;
    trainer->told = now;
    trainer->failure[0] = '\0';
    if (child_start(&trainer->child, &order, &err) == 0) {
        diag(DIAG_INFO, "training.started", "problem=%s pid=%d hurry=%d",
                who->name, (int)trainer->child.pid, trainer->hurry);
        return;
    }
    fail(trainer, err.text);
    lock(trainer);
    who->state.running = false;
    unlock(trainer);
    trainer->who = NULL;
}

static void start(struct trainer *trainer, struct trainee *who, nanos now)
{
    lock(trainer);
    who->begun = now;
    who->learned_before = atomic_load(&who->learned);
    who->state.running = true;
    who->state.done = 0.0;
    unlock(trainer);
    trainer->who = who;
    trainer->hurry = false;
    launch(trainer, now);
}

/* ---- while it is under way ---- */

/* What the process had of the processors so far; 0: that is not known. */
static nanos time_had(pid_t pid)
{
    struct timespec time;
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) != 0 ||
            clock_gettime(clock, &time) != 0)
        return 0;
    return (nanos)time.tv_sec * NANOS_PER_SECOND + time.tv_nsec;
}

/* Does it wait for a machine that is not idle? */
static bool starves(const struct trainer *trainer,
        const struct problem_settings *settings, nanos now)
{
    nanos waited = now - trainer->started;

    return settings->retrain_priority == RETRAIN_AUTO && !trainer->hurry &&
            waited > settings->retrain_patience &&
            time_had(trainer->child.pid) < waited / STARVING;
}

static void kill_for(struct trainer *trainer, const char *why)
{
    (void)snprintf(trainer->failure, sizeof(trainer->failure), "%s", why);
    child_kill(&trainer->child);
}

/* Ends one that takes too long, or has one that starves begin again. */
static void judge_time(struct trainer *trainer, nanos now)
{
    bool over, hungry;

    lock(trainer);
    {
        const struct problem_settings *settings =
                &spec_of(trainer, trainer->who)->settings;
        over = now - trainer->who->begun > settings->retrain_time;
        hungry = starves(trainer, settings, now);
    }
    unlock(trainer);
    if (over) {
        kill_for(trainer, "took longer than retrain.time");
    } else if (hungry) {
        diag(DIAG_WARNING, "training.hurried",
                "problem=%s why=\"had less than a tenth of a processor\"",
                trainer->who->name);
        child_kill(&trainer->child);
        child_wait(&trainer->child);
        child_close(&trainer->child);
        remove_files(trainer);
        commit_tend(trainer->committer);
        trainer->hurry = true;
        launch(trainer, now);
    }
}

static void watch(struct trainer *trainer)
{
    if (child_read(&trainer->child, take_line, trainer))
        finish(trainer);
    else
        judge_time(trainer, wall_clock());
}

/* ---- which is next ---- */

/* An alarm that no training began after, and enough that came in since. */
static bool is_alarmed(const struct problem_settings *settings,
        const struct trainee *trainee, nanos now)
{
    return atomic_load(&trainee->alarm) > trainee->begun &&
            now - trainee->begun >= settings->retrain_min_age &&
            !atomic_load(&trainee->on_trial) &&
            atomic_load(&trainee->learned) -
                    atomic_load(&trainee->alarmed_at) >=
            settings->retrain_min_events;
}

static bool is_due(const struct problem_settings *settings,
        const struct trainee *trainee, nanos now)
{
    uint64_t fresh = atomic_load(&trainee->learned) - trainee->learned_before;

    nanos looked =
            trainee->looked > trainee->begun ? trainee->looked : trainee->begun;

    return settings->retrain_every > 0 && !atomic_load(&trainee->on_trial) &&
            now - looked >= settings->retrain_every &&
            now - trainee->begun >= settings->retrain_min_age &&
            fresh >= settings->retrain_min_events;
}

/* A training that is due but would find nothing new is skipped. */
static void skip(struct trainee *trainee, nanos now)
{
    const struct performance_view *view = &trainee->performance;

    trainee->looked = now;
    trainee->state.skipped++;
    trainee->state.saved_seconds += trainee->state.cpu_seconds;
    COUNT(trainings_skipped);
    diag(DIAG_INFO, "training.skipped",
            "problem=%s error=%.6g reference=%.6g band=%.6g cpu_saved_s=%.3f",
            trainee->name, view->recent, view->reference, 2.0 * view->error,
            trainee->state.saved_seconds);
}

/* Has anything happened that a training could make good? */
static bool is_needed(const struct problem_settings *settings,
        struct trainee *trainee, nanos now)
{
    nanos age = now - trainee->begun;

    if (settings->retrain_when == RETRAIN_SCHEDULE ||
            trainee->state.generation == 0 ||
            trainee->drifted > trainee->begun || trainee->performance.left ||
            (settings->retrain_max_age > 0 && age >= settings->retrain_max_age))
        return true;
    skip(trainee, now);
    return false;
}

/* The problem that has waited longest. */
static struct trainee *next_of(struct trainer *trainer, nanos now)
{
    struct trainee *next = NULL;

    lock(trainer);
    for (uint32_t i = 0; i < trainer->count; i++) {
        struct trainee *trainee = &trainer->trainees[i];
        const struct problem_settings *settings =
                &spec_of(trainer, trainee)->settings;
        bool due = trainee->asked || is_alarmed(settings, trainee, now) ||
                (is_due(settings, trainee, now) &&
                        is_needed(settings, trainee, now));
        if (due && (next == NULL || trainee->begun < next->begun))
            next = trainee;
    }
    if (next != NULL)
        next->asked = false;
    unlock(trainer);
    return next;
}

/* ---- the thread ---- */

static void wait_for_work(struct trainer *trainer)
{
    struct pollfd fds[3] = {{trainer->wake_fd, POLLIN, 0},
            {trainer->child.output_fd, POLLIN, 0},
            {trainer->child.pid_fd, POLLIN, 0}};
    uint64_t count;

    (void)poll(fds, trainer->who != NULL ? 3 : 1, TURN_MS);
    if (fds[0].revents != 0)
        (void)!read(trainer->wake_fd, &count, sizeof(count));
}

static bool stop_asked(struct trainer *trainer)
{
    bool stopping;

    lock(trainer);
    stopping = trainer->stopping;
    unlock(trainer);
    return stopping;
}

static void *trainer_main(void *argument)
{
    struct trainer *trainer = argument;

    while (!stop_asked(trainer)) {
        wait_for_work(trainer);
        if (trainer->who != NULL) {
            watch(trainer);
        } else {
            nanos now = wall_clock();
            struct trainee *next = next_of(trainer, now);
            if (next != NULL)
                start(trainer, next, now);
        }
    }
    if (trainer->who != NULL) {
        child_kill(&trainer->child);
        child_wait(&trainer->child);
        child_close(&trainer->child);
        remove_files(trainer);
    }
    return NULL;
}

/* ---- life ---- */

static int compare_trainees(const void *a, const void *b)
{
    const struct trainee *left = a, *right = b;

    return (left->number > right->number) - (left->number < right->number);
}

/* What the store knows of the problem's newest generation. */
static int recall(
        struct ledger_reader *reader, struct trainee *trainee, struct err *err)
{
    struct generation generation;
    uint64_t last;
    int status = generation_last(reader->txn, trainee->number, &last, err);

    if (status != 0 || last == 0)
        return status;
    status = generation_get(
            reader->txn, trainee->number, last, &generation, err);
    if (status != 0)
        return status == STATUS_CORRUPT ? 0 : status;
    trainee->begun = generation.created;
    trainee->state.generation = last;
    trainee->state.rows = generation.rows;
    trainee->state.effective = generation.effective;
    trainee->state.verdict = generation.verdict;
    return 0;
}

static int recall_all(struct trainer *trainer, struct err *err)
{
    struct ledger_reader reader;
    int status = ledger_reader_open(trainer->ledger, &reader, err);

    if (status != 0)
        return status;
    for (uint32_t i = 0; status == 0 && i < trainer->count; i++)
        status = recall(&reader, &trainer->trainees[i], err);
    ledger_reader_close(&reader);
    return status;
}

static int make_trainees(struct trainer *trainer, struct err *err)
{
    const struct config *config = trainer->config;

    trainer->count = config->problem_count;
    trainer->trainees =
            calloc((size_t)trainer->count + 1, sizeof(*trainer->trainees));
    if (trainer->trainees == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    for (uint32_t i = 0; i < trainer->count; i++) {
        struct trainee *trainee = &trainer->trainees[i];
        const struct problem_spec *spec = config->problems[i];
        trainee->number = spec->number;
        trainee->begun = wall_clock();
        CHECK(spec->name.size < sizeof(trainee->name));
        memcpy(trainee->name, spec->name.data, spec->name.size);
    }
    qsort(trainer->trainees, trainer->count, sizeof(*trainer->trainees),
            compare_trainees);
    return recall_all(trainer, err);
}

static int set_paths(struct trainer *trainer, struct err *err)
{
    struct bytes data = trainer->config->settings.data;

    if (data.size + 32 > PATH_SIZE)
        return err_set(err, STATUS_INVALID, "data: the path is too long");
    memcpy(trainer->store, data.data, data.size);
    trainer->store[data.size] = '\0';
    (void)snprintf(trainer->out, PATH_SIZE, "%.*s/training.model",
            (int)data.size, trainer->store);
    (void)snprintf(trainer->part, PATH_SIZE, "%.*s/training.model.part",
            (int)data.size, trainer->store);
    remove_files(trainer);
    return 0;
}

int trainer_start(struct trainer **out, const struct config *config,
        struct ledger *ledger, struct committer *committer, struct err *err)
{
    struct trainer *trainer = calloc(1, sizeof(*trainer));
    int status;

    if (trainer == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    trainer->config = config;
    trainer->ledger = ledger;
    trainer->committer = committer;
    trainer->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    status = trainer->wake_fd < 0
            ? err_set(err, STATUS_IO, "eventfd: %s", strerrordesc_np(errno))
            : set_paths(trainer, err);
    if (status == 0)
        status = make_trainees(trainer, err);
    if (status == 0) {
        CHECK_ZERO(pthread_mutex_init(&trainer->lock, NULL));
        if (pthread_create(&trainer->thread, NULL, trainer_main, trainer) != 0)
            status = err_set(err, STATUS_INTERNAL, "no thread for trainings");
    }
    if (status == 0) {
        *out = trainer;
        return 0;
    }
    if (trainer->wake_fd >= 0)
        (void)close(trainer->wake_fd);
    free(trainer->trainees);
    free(trainer);
    return status;
}

static void wake(struct trainer *trainer)
{
    uint64_t one = 1;

    (void)!write(trainer->wake_fd, &one, sizeof(one));
}

void trainer_stop(struct trainer *trainer)
{
    if (trainer == NULL)
        return;
    lock(trainer);
    trainer->stopping = true;
    unlock(trainer);
    wake(trainer);
    CHECK_ZERO(pthread_join(trainer->thread, NULL));
    CHECK_ZERO(pthread_mutex_destroy(&trainer->lock));
    (void)close(trainer->wake_fd);
    free(trainer->trainees);
    free(trainer);
}

void trainer_tell(struct trainer *trainer,
        void (*stored)(void *self, uint32_t problem,
                const struct generation *generation),
        void *self)
{
    lock(trainer);
    trainer->stored = stored;
    trainer->stored_self = self;
    unlock(trainer);
}

void trainer_reconfigure(struct trainer *trainer, const struct config *config)
{
    if (trainer == NULL)
        return;
    lock(trainer);
    trainer->config = config;
    unlock(trainer);
}

/* ---- from other threads ---- */

bool trainer_ask(struct trainer *trainer, uint32_t problem)
{
    struct trainee *trainee = find(trainer, problem);
    bool already;

    CHECK(trainee != NULL);
    lock(trainer);
    already = trainee->asked || trainee->state.running;
    if (!already)
        trainee->asked = true;
    unlock(trainer);
    wake(trainer);
    return already;
}

/* The first alarm that no training began after says since when new outcomes
 * count; others may follow it. */
static void note_alarm(struct trainee *trainee, const struct trainer_news *news)
{
    nanos begun = atomic_load(&trainee->begun);

    if (news->alarm > begun && atomic_load(&trainee->alarm) <= begun)
        atomic_store(&trainee->alarmed_at, news->alarmed_at);
    atomic_store(&trainee->alarm, news->alarm);
}

void trainer_note(struct trainer *trainer, uint32_t problem,
        const struct trainer_news *news)
{
    struct trainee *trainee = find(trainer, problem);
    uint64_t learned = news->learned;

    CHECK(trainee != NULL);
    atomic_store(&trainee->on_trial, news->on_trial);
    note_alarm(trainee, news);
    lock(trainer);
    trainee->drifted = news->drifted;
    trainee->performance = news->performance;
    unlock(trainer);
    /* What was learned before a restart was there for an earlier training. */
    if (atomic_exchange(&trainee->learned, learned) == 0 && learned > 0) {
        lock(trainer);
        if (trainee->state.generation > 0 && trainee->learned_before == 0)
            trainee->learned_before = learned;
        unlock(trainer);
    }
}

bool trainer_order(
        struct trainer *trainer, uint32_t problem, struct trainer_order *order)
{
    struct trainee *trainee;
    bool ordered;

    if (atomic_load(&trainer->orders) == 0)
        return false;
    trainee = find(trainer, problem);
    CHECK(trainee != NULL);
    lock(trainer);
    ordered = trainee->ordered;
    if (ordered) {
        *order = trainee->order;
        trainee->ordered = false;
        atomic_fetch_sub(&trainer->orders, 1);
    }
    unlock(trainer);
    order->promotion.why = bytes_of_text(order->text);
    return ordered;
}

void trainer_state(
        struct trainer *trainer, uint32_t problem, struct training_state *state)
{
    struct trainee *trainee = find(trainer, problem);

    CHECK(trainee != NULL);
    lock(trainer);
    *state = trainee->state;
    state->running = state->running || trainee->asked;
    unlock(trainer);
}
