#include "sim/count.h"

#include "base/rng.h"
#include "sim/pcg.h"
#include "sim/sor.h"
#include "sim/systems.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define M_MOST 2000u

static int open_matrix(const struct count_settings *settings,
        struct sparse *matrix, struct err *err)
{
    if (settings->path != NULL)
        return sparse_read(settings->path, matrix, err);
    if (settings->m < 1 || settings->m > M_MOST)
        return err_set(err, STATUS_INVALID,
                "a Laplacian has 1 to %u points a side", M_MOST);
    return settings->corners ? sparse_laplacian9(settings->m, matrix, err)
                             : sparse_laplacian(settings->m, matrix, err);
}

static int open_shifted(struct count_system *system,
        const struct count_settings *settings, struct err *err)
{
    struct shift shift = {1.0, settings->shift, settings->scaled};
    struct sparse plain;
    int status = open_matrix(settings, &plain, err);

    if (status != 0)
        return status;
    status = sparse_copy(&plain, &system->matrix, err);
    if (status == 0)
        sparse_shift(&plain, shift, &system->matrix);
    sparse_free(&plain);
    for (uint32_t i = 0; status == 0 && i < system->matrix.n; i++)
        if (!(system->matrix.diagonal[i] > 0.0))
            status = err_set(err, STATUS_INVALID,
                    "the shift leaves no positive diagonal in row %u", i + 1);
    return status;
}

static void make_side(
        const struct count_settings *settings, uint32_t n, double *b)
{
    struct rng rng = rng_keyed(settings->seed, 0, RNG_WORLD);

    if (settings->side == COUNT_NORMAL) {
        systems_draw_side(&rng, n, b);
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        b[i] = settings->side == COUNT_ONES ? 1.0 : sin(i + 1.0);
}

int count_open(struct count_system *system,
        const struct count_settings *settings, struct err *err)
{
    size_t most = SOR_WORK > PCG_WORK ? SOR_WORK : PCG_WORK, n;
    int status;

    memset(system, 0, sizeof(*system));
    status = open_shifted(system, settings, err);
    n = system->matrix.n;
    if (status == 0) {
        system->b = calloc(n + 1, sizeof(double));
        system->x = calloc(n + 1, sizeof(double));
        system->work = calloc(most * n + 1, sizeof(double));
        if (system->b == NULL || system->x == NULL || system->work == NULL)
            status = err_set(err, STATUS_INTERNAL, "no memory for the vectors");
    }
    if (status != 0) {
        count_close(system);
        return status;
    }
    make_side(settings, system->matrix.n, system->b);
    system->stop = (struct solve_stop){
            .tolerance = settings->tolerance, .cap = settings->cap};
    return 0;
}

void count_close(struct count_system *system)
{
    sparse_free(&system->matrix);
    free(system->b);
    free(system->x);
    free(system->work);
    memset(system, 0, sizeof(*system));
}

/* |b - A x|/|b|; overwrites the work space. */
static double residual_of(struct count_system *system)
{
    double whole = 0.0, left = 0.0;

    sparse_times(&system->matrix, system->x, system->work);
    for (uint32_t i = 0; i < system->matrix.n; i++) {
        double off = system->b[i] - system->work[i];
        left += off * off;
        whole += system->b[i] * system->b[i];
    }
    return whole > 0.0 ? sqrt(left / whole) : 0.0;
}

struct count count_solve(
        struct count_system *system, enum count_solver solver, double omega)
{
    const struct sparse *matrix = &system->matrix;
    const struct solve_stop *stop = &system->stop;
    double *b = system->b, *x = system->x, *work = system->work;
    struct count count;

    memset(x, 0, matrix->n * sizeof(*x));
    switch (solver) {
    case COUNT_SOR:
        count.solve = sor_solve(matrix, b, omega, stop, x, work);
        break;
    case COUNT_SSOR:
        count.solve = ssor_solve(matrix, b, omega, stop, x, work);
        break;
    case COUNT_CG:
        count.solve = cg_solve(matrix, b, stop, x, work);
        break;
    case COUNT_SSOR_CG:
        count.solve = ssor_cg_solve(matrix, b, omega, stop, x, work);
        break;
    }
    count.residual = residual_of(system);
    return count;
}
