/* What benches that go turn by turn have in common. */
#ifndef BENCH_TURNS_H
#define BENCH_TURNS_H

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#define TURNS_MAX 64

static inline double turns_now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A number of the environment. */
static inline uint64_t turns_number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static inline int turns_compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

/* Sorts them; of an even number the mean of the two in the middle. */
static inline double turns_median(double *values, uint32_t count)
{
    qsort(values, count, sizeof(*values), turns_compare);
    return count % 2 == 1 ? values[count / 2]
                          : (values[count / 2 - 1] + values[count / 2]) / 2;
}

#endif
