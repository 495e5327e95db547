/* How fast the solvers sweep: bytes that an iteration has to move, per second,
 * beside a triad a = b + s c measured in the same turns on the same core, for a
 * matrix that is larger than any cache and for one that is not.
 *
 * Bytes are those that are used: of each entry its value and column once, the
 * row's bounds, and each vector that is read or written, once a pass; nothing
 * for what a cache line brings along or a store fetches first. The triad is
 * counted the same way. Seconds are those that the thread ran. Medians of the
 * turns. TURNS=N in the environment. */
#include "bench/measure.h"
#include "sim/pcg.h"
#include "sim/sor.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TURNS_MAX 101
#define TRIAD_N   (6u << 20) /* 144 MB in three arrays */
#define SWEEPS    4u

struct thing {
    const char *name;
    double (*run)(const struct thing *thing); /* bytes moved */
    struct sparse matrix;
    double *b, *x, *work;
    double rates[TURNS_MAX]; /* bytes per second */
};

static double *triad_a, *triad_b, *triad_c;

static double *numbers(size_t count)
{
    double *values = malloc(count * sizeof(*values));

    if (values == NULL)
        give_up("no memory");
    for (size_t i = 0; i < count; i++)
        values[i] = 1.0 + 1e-9 * (double)(i % 97);
    return values;
}

static double run_triad(const struct thing *thing)
{
    (void)thing;
    for (size_t i = 0; i < TRIAD_N; i++)
        triad_a[i] = triad_b[i] + 0.5 * triad_c[i];
    return 3.0 * sizeof(double) * TRIAD_N;
}

/* One pass: the entries of the lower triangle and a bound for each row; r read
 * and written, omega/D and D read, delta written. What the pass reads of delta
 * and r beside that is within a bandwidth, and so in the cache. */
static double run_sor(const struct thing *thing)
{
    const struct solve_stop stop = {.tolerance = 1e-30, .cap = SWEEPS};
    double n = thing->matrix.n;
    double entries = thing->matrix.lower.start[thing->matrix.n];

    (void)sor_solve(&thing->matrix, thing->b, 1.5, &stop, NULL, thing->work);
    return SWEEPS * (12.0 * entries + n * (4.0 + 5 * 8.0));
}

/* Eisenstat's form: t by the upper triangle (phat and t written, rhat, D, 1/D
 * read), A t and q by the lower one (phat, D, t, 1/D read, two written), and
 * five vectors that are updated. */
static double run_ssor_cg(const struct thing *thing)
{
    const struct solve_stop stop = {.tolerance = 1e-30, .cap = SWEEPS};
    double n = thing->matrix.n;
    double entries = 2.0 * thing->matrix.lower.start[thing->matrix.n];

    memset(thing->x, 0, thing->matrix.n * sizeof(double));
    (void)ssor_cg_solve(
            &thing->matrix, thing->b, 1.5, &stop, thing->x, thing->work);
    return SWEEPS * (12.0 * entries + n * (2 * 4.0 + 21 * 8.0));
}

static void open_thing(struct thing *thing, const char *name,
        double (*run)(const struct thing *), uint32_t m)
{
    struct err err;

    thing->name = name;
    thing->run = run;
    if (m == 0)
        return;
    if (sparse_laplacian(m, &thing->matrix, &err) != 0)
        give_up(err.text);
    thing->b = numbers(thing->matrix.n);
    thing->x = numbers(thing->matrix.n);
    thing->work = numbers(PCG_WORK * (size_t)thing->matrix.n);
}

int main(void)
{
    const char *text = getenv("TURNS");
    int turns = text == NULL ? 15 : (int)strtol(text, NULL, 10);
    static struct thing things[5];
    double rates[ARRAY_COUNT(things)];

    if (turns < 1 || turns > TURNS_MAX)
        give_up("TURNS is not 1 to 101");
    triad_a = numbers(TRIAD_N);
    triad_b = numbers(TRIAD_N);
    triad_c = numbers(TRIAD_N);
    open_thing(&things[0], "triad", run_triad, 0);
    open_thing(&things[1], "sor_large", run_sor, 1500);
    open_thing(&things[2], "ssor_cg_large", run_ssor_cg, 1500);
    open_thing(&things[3], "sor_small", run_sor, 60);
    open_thing(&things[4], "ssor_cg_small", run_ssor_cg, 60);
    for (int turn = -1; turn < turns; turn++)
        for (size_t i = 0; i < ARRAY_COUNT(things); i++) {
            double start = clock_s(CLOCK_THREAD_CPUTIME_ID);
            double bytes = things[i].run(&things[i]);
            if (turn >= 0)
                things[i].rates[turn] =
                        bytes / (clock_s(CLOCK_THREAD_CPUTIME_ID) - start);
        }
    for (size_t i = 0; i < ARRAY_COUNT(things); i++) {
        rates[i] = median(things[i].rates, turns);
        printf("solver_%s %.3f GB/s\n", things[i].name, rates[i] / 1e9);
    }
    for (size_t i = 1; i < ARRAY_COUNT(things); i++)
        printf("solver_%s_of_triad %.3f ratio\n", things[i].name,
                rates[i] / rates[0]);
    return 0;
}
