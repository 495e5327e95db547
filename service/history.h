/* The past of the service and of its problems for charts: samples of what is on
 * the board, in memory. Two rings each: the newest HISTORY_SAMPLES samples
 * (an hour, at one each 5 s), and as many of which each is the last of
 * HISTORY_COARSE of those (a day). Most members are sums since the start, so
 * that a chart of any window is a difference.
 *
 * All memory is taken at the start: problems get their rings in the order of
 * the configuration as long as `bytes` lasts; the others have no past, which
 * the answer says. A thread of its own takes the samples and waits for nobody.
 * It begins anew with each start of the service. */
#ifndef SERVICE_HISTORY_H
#define SERVICE_HISTORY_H

#include "service/metrics.h"

#define HISTORY_SAMPLES 720u
#define HISTORY_COARSE  24u

struct history;

struct history_settings {
    uint64_t bytes; /* 0: no past of problems */
    nanos every; /* from one sample to the next */
};

/* The source must outlive it. INTERNAL: no memory. */
int history_new(struct history **out, const struct metrics_source *source,
        const struct history_settings *settings, struct err *err) MUST_USE;
/* Its thread, which takes a sample as often as the settings say. */
int history_start(struct history *history, struct err *err) MUST_USE;
/* Ends the thread, if there is one. May be NULL. */
void history_free(struct history *history);

/* A sample of all, as of `now`. For the thread and for tests. */
void history_sample(struct history *history, nanos now);

/* What is asked for. */
struct history_query {
    const char *problem; /* NULL: the service */
    bool coarse;
    double since; /* seconds; only samples after that */
};

/* JSON, malloced and ended by zero, and its size without that; at most
 * HISTORY_SAMPLES numbers a member. NULL: no memory, or, with *found false, no
 * problem of that name. */
char *history_json(struct history *history, const struct history_query *query,
        bool *found, size_t *size);

/* The value below which a share q of the counts lies, `count` of them with an
 * upper edge and one more; linear within a bucket, as Prometheus has it. NaN
 * without counts. */
double history_quantile(
        const double *edges, const double *counts, uint32_t count, double q);

#endif
