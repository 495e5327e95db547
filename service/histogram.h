/* Histograms for metrics: a fixed row of upper edges, counts that any thread
 * may add to, and a sum. What Prometheus calls a histogram. */
#ifndef SERVICE_HISTOGRAM_H
#define SERVICE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

/* Upper edges of the buckets; one more bucket holds what is above all. */
#define HISTOGRAM_EDGES 20u

/* Seconds: 1, 2, 5 times powers of ten from 10 us to 20 s. */
extern const double histogram_seconds[HISTOGRAM_EDGES];
/* Counts: powers of two from 1 to 2^19. */
extern const double histogram_counts[HISTOGRAM_EDGES];

struct histogram {
    const double *edges; /* [HISTOGRAM_EDGES] */
    atomic_uint_fast64_t buckets[HISTOGRAM_EDGES + 1];
    atomic_uint_fast64_t sum; /* in millionths */
};

/* `times` values of the same size. */
void histogram_add(struct histogram *histogram, double value, uint64_t times);
uint64_t histogram_count(const struct histogram *histogram);
double histogram_sum(const struct histogram *histogram);

/* The histograms of the service: a row each, as the counters of counters.h. */
#define HISTOGRAM_LIST(X)                                                      \
    X(request_seconds, histogram_seconds,                                      \
            "from taking a request to sending its reply")                      \
    X(commit_seconds, histogram_seconds, "a group commit, synced")             \
    X(commit_records, histogram_counts, "records of a group commit")

struct histograms {
#define X(name, edges, sentence) struct histogram name;
    HISTOGRAM_LIST(X)
#undef X
};

extern struct histograms histograms;

#endif
