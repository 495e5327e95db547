/* What the programs of bench/ share. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

_Noreturn static inline void give_up(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

/* CLOCK_MONOTONIC, or CLOCK_PROCESS_CPUTIME_ID where others are at work. */
static inline double clock_s(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static inline double now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static inline int compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

/* Sorts them. */
static inline double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof(*values), compare_doubles);
    return count % 2 == 1 ? values[count / 2]
                          : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* A setting of the environment, `other` where there is none in bounds. */
static inline uint32_t setting(
        const char *name, uint32_t other, uint32_t least, uint32_t most)
{
    const char *text = getenv(name);
    unsigned long value = text == NULL ? other : strtoul(text, NULL, 10);

    return value >= least && value <= most ? (uint32_t)value : other;
}

#endif
