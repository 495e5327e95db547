#include "service/histogram.h"

const double histogram_seconds[HISTOGRAM_EDGES] = {1e-5, 2e-5, 5e-5, 1e-4, 2e-4,
        5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1, 2, 5, 10,
        20};
const double histogram_counts[HISTOGRAM_EDGES] = {1, 2, 4, 8, 16, 32, 64, 128,
        256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144,
        524288};

struct histograms histograms = {
#define X(name, row, sentence) .name = {.edges = (row)},
        HISTOGRAM_LIST(X)
#undef X
};

/* The first bucket whose edge is not below the value. */
static uint32_t bucket_of(const struct histogram *histogram, double value)
{
    uint32_t low = 0, high = HISTOGRAM_EDGES;

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (histogram->edges[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void histogram_add(struct histogram *histogram, double value, uint64_t times)
{
    double positive = value > 0.0 ? value : 0.0;

    atomic_fetch_add_explicit(
            &histogram->buckets[bucket_of(histogram, positive)], times,
            memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum,
            (uint64_t)(positive * 1e6 * (double)times + 0.5),
            memory_order_relaxed);
}

uint64_t histogram_count(const struct histogram *histogram)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i <= HISTOGRAM_EDGES; i++)
        count += atomic_load_explicit(
                &histogram->buckets[i], memory_order_relaxed);
    return count;
}

double histogram_sum(const struct histogram *histogram)
{
    return (double)atomic_load_explicit(&histogram->sum, memory_order_relaxed) /
            1e6;
}
