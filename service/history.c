#include "service/history.h"

#include "service/counters.h"
#include "service/histogram.h"
#include "service/text.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

/* Samples of `width` numbers, the first of each the time in seconds. */
struct ring {
    uint32_t width;
    uint32_t count, next;
    double *samples; /* [HISTORY_SAMPLES][width]; NULL: none are kept */
};

struct track {
    struct ring fine, coarse;
};

struct history {
    const struct metrics_source *source;
    nanos every;
    uint64_t taken; /* samples */
    struct track service;
    struct track *problems; /* [problem_count], as the board's rows */
    uint32_t problem_count;
    double *sample; /* the one that is being taken */
    pthread_mutex_t lock; /* of the rings */
    pthread_cond_t wake;
    pthread_t thread;
    bool running;
    bool stopping; /* under the lock */
};

/* ---- what a sample is made of ---- */

/* Of a problem: these, then two numbers a group (outcomes and their sum) and
 * one an action (its probabilities so far). */
#define PROBLEM_SERIES(X)                                                      \
    X(decisions, row->counters.decisions)                                      \
    X(learned, row->counters.learned)                                          \
    X(expired, row->counters.expired)                                          \
    X(alarms, row->counters.alarms)                                            \
    X(generation, row->generation)                                             \
    X(reward_outcomes, row->pulse.all.rows)                                    \
    X(reward_sum, row->pulse.all.sum)                                          \
    X(reward_squares, row->pulse.all.squares)                                  \
    X(decided, row->pulse.decided)                                             \
    X(explored, row->pulse.explored)                                           \
    X(least_chosen, pulse_least_chosen(&row->pulse))                           \
    X(least, pulse_least(&row->pulse))                                         \
    X(effective, pulse_effective(&row->pulse))                                 \
    X(regret, pulse_regret(&row->pulse, row->minimise))

static const char *const problem_series[] = {
#define X(name, value) #name,
        PROBLEM_SERIES(X)
#undef X
};

/* Of the service: these, then the buckets of two histograms. */
#define SERVICE_SERIES(X)                                                      \
    X(requests, counters.requests)                                             \
    X(decides, counters.decides)                                               \
    X(feedbacks, counters.feedbacks)                                           \
    X(refused, counters.refused)                                               \
    X(replies, counters.replies)                                               \
    X(commits, counters.commits)                                               \
    X(records, counters.records)                                               \
    X(record_bytes, counters.record_bytes)

static const char *const service_series[] = {
#define X(name, value) #name,
        SERVICE_SERIES(X)
#undef X
                "commit_batches",
        "engine_requests",
        "used_bytes",
};

#define SERVICE_BASE  (1 + (uint32_t)ARRAY_COUNT(service_series))
#define BUCKETS       (HISTOGRAM_EDGES + 1)
#define SERVICE_WIDTH (SERVICE_BASE + 2 * BUCKETS)
#define PROBLEM_BASE  (1 + (uint32_t)ARRAY_COUNT(problem_series))

/* To the millisecond, as it is told, so that `since` can be what was told. */
static double time_of(nanos now)
{
    nanos milliseconds = now / NANOS_PER_MS;

    return (double)milliseconds / 1e3;
}

static uint32_t width_of(const struct board_row *row)
{
    return PROBLEM_BASE + 2 * row->group_count + row->action_count;
}

static void sample_problem(
        const struct board_row *row, nanos now, double *sample)
{
    uint32_t at = 0;

    sample[at++] = time_of(now);
#define X(name, value) sample[at++] = (double)(value);
    PROBLEM_SERIES(X)
#undef X
    for (uint32_t i = 0; i < row->group_count; i++) {
        sample[at++] = (double)row->of_group[i].rows;
        sample[at++] = row->of_group[i].sum;
    }
    for (uint32_t i = 0; i < row->action_count; i++)
        sample[at++] = row->of_action[i].offered;
}

static uint32_t sample_buckets(
        const struct histogram *histogram, double *sample)
{
    for (uint32_t i = 0; i < BUCKETS; i++)
        sample[i] = (double)atomic_load_explicit(
                &histogram->buckets[i], memory_order_relaxed);
    return BUCKETS;
}

static void sample_service(
        const struct metrics_source *source, nanos now, double *sample)
{
    struct store_usage usage;
    uint32_t at = 0;

    commit_usage(source->committer, &usage);
    sample[at++] = time_of(now);
#define X(name, value)                                                         \
    sample[at++] = (double)atomic_load_explicit(&(value), memory_order_relaxed);
    SERVICE_SERIES(X)
#undef X
    sample[at++] = commit_waiting(source->committer);
    sample[at++] = metrics_inbox(source);
    sample[at++] = (double)usage.used_bytes;
    at += sample_buckets(&histograms.request_seconds, sample + at);
    (void)sample_buckets(&histograms.commit_seconds, sample + at);
}

/* ---- rings ---- */

static bool open_ring(struct ring *ring, uint32_t width)
{
    ring->width = width;
    ring->samples = calloc((size_t)HISTORY_SAMPLES * width, sizeof(double));
    return ring->samples != NULL;
}

static bool open_track(struct track *track, uint32_t width)
{
    return open_ring(&track->fine, width) && open_ring(&track->coarse, width);
}

static void close_track(struct track *track)
{
    free(track->fine.samples);
    free(track->coarse.samples);
}

static void push(struct ring *ring, const double *sample)
{
    if (ring->samples == NULL)
        return;
    memcpy(ring->samples + (size_t)ring->next * ring->width, sample,
            ring->width * sizeof(double));
    ring->next = (ring->next + 1) % HISTORY_SAMPLES;
    if (ring->count < HISTORY_SAMPLES)
        ring->count++;
}

/* The samples of a ring, oldest first, in memory of the caller's. */
static bool copy_ring(const struct ring *ring, struct ring *out)
{
    uint32_t first =
            (ring->next + HISTORY_SAMPLES - ring->count) % HISTORY_SAMPLES;

    *out = *ring;
    out->samples =
            calloc((size_t)ring->count * ring->width + 1, sizeof(double));
    if (out->samples == NULL)
        return false;
    for (uint32_t i = 0; ring->samples != NULL && i < ring->count; i++)
        memcpy(out->samples + (size_t)i * ring->width,
                ring->samples +
                        (size_t)((first + i) % HISTORY_SAMPLES) * ring->width,
                ring->width * sizeof(double));
    return true;
}

static void push_both(struct history *history, struct track *track, bool coarse)
{
    CHECK_ZERO(pthread_mutex_lock(&history->lock));
    push(&track->fine, history->sample);
    if (coarse)
        push(&track->coarse, history->sample);
    CHECK_ZERO(pthread_mutex_unlock(&history->lock));
}

void history_sample(struct history *history, nanos now)
{
    bool coarse = history->taken++ % HISTORY_COARSE == 0;

    sample_service(history->source, now, history->sample);
    push_both(history, &history->service, coarse);
    for (uint32_t i = 0; i < history->problem_count; i++) {
        struct board_row row;
        if (history->problems[i].fine.samples == NULL ||
                !board_copy(history->source->board, i, &row))
            continue;
        sample_problem(&row, now, history->sample);
        board_copy_free(&row);
        if (row.news.now == 0)
            continue; /* nothing has been told yet: it is not all zero */
        push_both(history, &history->problems[i], coarse);
    }
}

/* ---- life ---- */

/* Rings for problems as long as the bytes last; *width becomes that of the
 * widest sample. */
static bool open_problems(
        struct history *history, uint64_t bytes, uint32_t *width)
{
    struct board *board = history->source->board;
    uint64_t left = bytes;

    for (uint32_t i = 0; i < history->problem_count; i++) {
        struct board_row row;
        uint32_t wide;
        uint64_t size;
        if (!board_copy(board, i, &row))
            return false;
        wide = width_of(&row);
        board_copy_free(&row);
        size = (uint64_t)2 * HISTORY_SAMPLES * wide * sizeof(double);
        if (size > left)
            continue;
        left -= size;
        *width = wide > *width ? wide : *width;
        if (!open_track(&history->problems[i], wide))
            return false;
    }
    return true;
}

int history_new(struct history **out, const struct metrics_source *source,
        const struct history_settings *settings, struct err *err)
{
    struct history *history = calloc(1, sizeof(*history));
    pthread_condattr_t attributes;
    uint32_t width = SERVICE_WIDTH;

    *out = NULL;
    if (history == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    history->source = source;
    history->every = settings->every;
    CHECK_ZERO(pthread_mutex_init(&history->lock, NULL));
    CHECK_ZERO(pthread_condattr_init(&attributes));
    CHECK_ZERO(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
    CHECK_ZERO(pthread_cond_init(&history->wake, &attributes));
    CHECK_ZERO(pthread_condattr_destroy(&attributes));
    history->problems =
            calloc(board_count(source->board) + 1, sizeof(*history->problems));
    if (history->problems != NULL)
        history->problem_count = board_count(source->board);
    if (history->problems != NULL &&
            open_track(&history->service, SERVICE_WIDTH) &&
            open_problems(history, settings->bytes, &width))
        history->sample = calloc(width, sizeof(double));
    if (history->sample == NULL) {
        history_free(history);
        return err_set(err, STATUS_INTERNAL, "no memory for the past");
    }
    *out = history;
    return 0;
}

static struct timespec later(struct timespec at, nanos by)
{
    at.tv_sec += by / NANOS_PER_SECOND;
    at.tv_nsec += by % NANOS_PER_SECOND;
    if (at.tv_nsec >= NANOS_PER_SECOND) {
        at.tv_nsec -= NANOS_PER_SECOND;
        at.tv_sec++;
    }
    return at;
}

/* Until then, or until a stop, which it tells. */
static bool wait_until(struct history *history, const struct timespec *until)
{
    int code = 0;
    bool stopping;

    CHECK_ZERO(pthread_mutex_lock(&history->lock));
    while (!history->stopping && code != ETIMEDOUT)
        code = pthread_cond_timedwait(&history->wake, &history->lock, until);
    stopping = history->stopping;
    CHECK_ZERO(pthread_mutex_unlock(&history->lock));
    return stopping;
}

static void *history_main(void *argument)
{
    struct history *history = argument;
    struct timespec next;

    (void)clock_gettime(CLOCK_MONOTONIC, &next);
    do {
        history_sample(history, worker_clock());
        next = later(next, history->every);
    } while (!wait_until(history, &next));
    return NULL;
}

int history_start(struct history *history, struct err *err)
{
    if (pthread_create(&history->thread, NULL, history_main, history) != 0)
        return err_set(err, STATUS_INTERNAL, "no thread for the past");
    history->running = true;
    return 0;
}

void history_free(struct history *history)
{
    if (history == NULL)
        return;
    if (history->running) {
        CHECK_ZERO(pthread_mutex_lock(&history->lock));
        history->stopping = true;
        CHECK_ZERO(pthread_cond_signal(&history->wake));
        CHECK_ZERO(pthread_mutex_unlock(&history->lock));
        CHECK_ZERO(pthread_join(history->thread, NULL));
    }
    for (uint32_t i = 0;
            history->problems != NULL && i < history->problem_count; i++)
        close_track(&history->problems[i]);
    close_track(&history->service);
    free(history->problems);
    free(history->sample);
    CHECK_ZERO(pthread_cond_destroy(&history->wake));
    CHECK_ZERO(pthread_mutex_destroy(&history->lock));
    free(history);
}

/* ---- telling ---- */

double history_quantile(
        const double *edges, const double *counts, uint32_t count, double q)
{
    double total = 0.0, below = 0.0, wanted;

    for (uint32_t i = 0; i <= count; i++)
        total += counts[i];
    if (!(total > 0.0))
        return (double)NAN;
    wanted = q * total;
    for (uint32_t i = 0; i < count; i++) {
        double low = i == 0 ? 0.0 : edges[i - 1];
        if (below + counts[i] >= wanted && counts[i] > 0.0)
            return low + (edges[i] - low) * (wanted - below) / counts[i];
        below += counts[i];
    }
    return edges[count - 1];
}

/* Samples from `from` on; those before are there for differences. */
struct span {
    const struct ring *ring;
    uint32_t from;
};

static double number_at(const struct span *span, uint32_t i, uint32_t column)
{
    return span->ring->samples[(size_t)i * span->ring->width + column];
}

static void put_column(
        struct text *out, const struct span *span, uint32_t column)
{
    text_add(out, "[", 1);
    for (uint32_t i = span->from; i < span->ring->count; i++) {
        text_json_next(out);
        text_json_number(out, number_at(span, i, column));
    }
    text_add(out, "]", 1);
}

/* Of what was counted between a sample and the one before it. */
static double quantile_at(
        const struct span *span, uint32_t i, uint32_t column, double q)
{
    double counts[BUCKETS];

    if (i == 0)
        return (double)NAN;
    for (uint32_t k = 0; k < BUCKETS; k++)
        counts[k] = number_at(span, i, column + k) -
                number_at(span, i - 1, column + k);
    return history_quantile(histogram_seconds, counts, HISTOGRAM_EDGES, q);
}

static void put_quantile(struct text *out, const char *name,
        const struct span *span, uint32_t column, double q)
{
    text_json_key(out, name);
    text_add(out, "[", 1);
    for (uint32_t i = span->from; i < span->ring->count; i++) {
        text_json_next(out);
        text_json_number(out, quantile_at(span, i, column, q));
    }
    text_add(out, "]", 1);
}

static void put_series(struct text *out, const struct span *span,
        const char *const *names, uint32_t count)
{
    text_json_key(out, "t");
    text_add(out, "[", 1);
    for (uint32_t i = span->from; i < span->ring->count; i++) {
        text_json_next(out);
        text_json_time(out, number_at(span, i, 0));
    }
    text_add(out, "]", 1);
    text_json_key(out, "series");
    text_add(out, "{", 1);
    for (uint32_t i = 0; i < count; i++) {
        text_json_key(out, names[i]);
        put_column(out, span, 1 + i);
    }
}

static void put_service(struct text *out, const struct span *span)
{
    put_series(out, span, service_series, ARRAY_COUNT(service_series));
    put_quantile(out, "request_p50", span, SERVICE_BASE, 0.5);
    put_quantile(out, "request_p99", span, SERVICE_BASE, 0.99);
    put_quantile(out, "commit_p50", span, SERVICE_BASE + BUCKETS, 0.5);
    put_quantile(out, "commit_p99", span, SERVICE_BASE + BUCKETS, 0.99);
    text_add(out, "}", 1);
}

static void put_problem(
        struct text *out, const struct span *span, const struct board_row *row)
{
    uint32_t column = PROBLEM_BASE;

    text_json_key(out, "problem");
    text_json_string(out, row->name);
    text_json_key(out, "origin");
    text_json_number(out, row->pulse.origin);
    put_series(out, span, problem_series, ARRAY_COUNT(problem_series));
    text_string(out, "},\"groups\":{");
    for (uint32_t i = 0; i < row->group_count; i++) {
        text_json_next(out);
        text_json_string(out, row->groups[i]);
        text_string(out, ":{\"outcomes\":");
        put_column(out, span, column++);
        text_string(out, ",\"sum\":");
        put_column(out, span, column++);
        text_add(out, "}", 1);
    }
    text_string(out, "},\"actions\":[");
    for (uint32_t i = 0; i < row->action_count; i++) {
        text_json_next(out);
        text_string(out, "{\"name\":");
        text_json_string(out, row->actions[i]);
        text_string(out, ",\"offered\":");
        put_column(out, span, column++);
        text_add(out, "}", 1);
    }
    text_add(out, "]", 1);
}

static void put_head(struct text *out, const struct history *history,
        const struct history_query *query, bool kept)
{
    double every = (double)history->every / (double)NANOS_PER_SECOND;

    text_json_key(out, "every");
    text_json_number(out, query->coarse ? every * HISTORY_COARSE : every);
    text_json_key(out, "kept");
    text_string(out, kept ? "true" : "false");
}

/* The samples that are asked for, copied out. */
static bool take(struct history *history, const struct history_query *query,
        const struct track *track, struct ring *ring, struct span *span)
{
    bool good;

    CHECK_ZERO(pthread_mutex_lock(&history->lock));
    good = copy_ring(query->coarse ? &track->coarse : &track->fine, ring);
    CHECK_ZERO(pthread_mutex_unlock(&history->lock));
    if (!good)
        return false;
    *span = (struct span){ring, 0};
    while (span->from < ring->count &&
            number_at(span, span->from, 0) <= query->since)
        span->from++;
    return true;
}

static char *problem_json(struct history *history,
        const struct history_query *query, uint32_t index, size_t *size)
{
    const struct track *track = &history->problems[index];
    struct text text = {.data = NULL};
    struct board_row row;
    struct ring ring;
    struct span span;

    if (!board_copy(history->source->board, index, &row))
        return NULL;
    text_add(&text, "{", 1);
    put_head(&text, history, query, track->fine.samples != NULL);
    if (!take(history, query, track, &ring, &span)) {
        text.failed = true;
    } else {
        put_problem(&text, &span, &row);
        free(ring.samples);
    }
    text_add(&text, "}", 1);
    board_copy_free(&row);
    return text_take(&text, size);
}

static char *service_json(struct history *history,
        const struct history_query *query, size_t *size)
{
    struct text text = {.data = NULL};
    struct ring ring;
    struct span span;

    if (!take(history, query, &history->service, &ring, &span))
        return NULL;
    text_add(&text, "{", 1);
    put_head(&text, history, query, true);
    put_service(&text, &span);
    text_add(&text, "}", 1);
    free(ring.samples);
    return text_take(&text, size);
}

char *history_json(struct history *history, const struct history_query *query,
        bool *found, size_t *size)
{
    uint32_t index = 0;

    *found = query->problem == NULL ||
            board_find(history->source->board, query->problem, &index);
    if (!*found)
        return NULL;
    return query->problem == NULL ? service_json(history, query, size)
                                  : problem_json(history, query, index, size);
}
