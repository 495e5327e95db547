#include "sim/heat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct disc {
    double x, y, radius;
};

/* 1 in the middle, 0 outside, smooth. */
static double bump(double x, double y, const struct disc *disc)
{
    double dx = x - disc->x, dy = y - disc->y;
    double place = (dx * dx + dy * dy) / (disc->radius * disc->radius);

    return place < 1.0 ? exp(1.0 - 1.0 / (1.0 - place)) : 0.0;
}

/* out += factor * bump, where it is not 0. */
static void add_bump(
        uint32_t nx, double factor, const struct disc *disc, double *out)
{
    uint32_t m = nx - 1;
    double h = 1.0 / nx;

    for (uint32_t i = 0; i < m; i++) {
        double x = (i + 1) * h;
        if (fabs(x - disc->x) >= disc->radius)
            continue;
        for (uint32_t j = 0; j < m; j++)
            out[(size_t)i * m + j] += factor * bump(x, (j + 1) * h, disc);
    }
}

double heat_kappa(double t)
{
    double wave = sin(2.0 * M_PI * t);

    return fmax(0.1 * wave, -10.0 * wave);
}

int heat_open(struct heat *heat, uint32_t nx, struct err *err)
{
    int status;

    memset(heat, 0, sizeof(*heat));
    heat->nx = nx;
    status = sparse_laplacian(nx - 1, &heat->laplacian, err);
    if (status == 0)
        status = sparse_copy(&heat->laplacian, &heat->matrix, err);
    if (status == 0) {
        heat->u = calloc(heat->matrix.n, sizeof(*heat->u));
        heat->b = calloc(heat->matrix.n, sizeof(*heat->b));
        if (heat->u == NULL || heat->b == NULL)
            status = err_set(err, STATUS_INTERNAL, "no memory for the grid");
    }
    if (status != 0)
        heat_close(heat);
    return status;
}

void heat_close(struct heat *heat)
{
    sparse_free(&heat->laplacian);
    sparse_free(&heat->matrix);
    free(heat->u);
    free(heat->b);
    memset(heat, 0, sizeof(*heat));
}

void heat_start(struct heat *heat)
{
    const struct disc middle = {0.5, 0.5, 0.25};

    memset(heat->u, 0, heat->matrix.n * sizeof(*heat->u));
    add_bump(heat->nx, 1.0, &middle, heat->u);
}

void heat_set_up(struct heat *heat, uint32_t i)
{
    double middle = (i + 0.5) * HEAT_DT;
    double s = heat_kappa(middle) * HEAT_DT * 0.5 * heat->nx * heat->nx;
    const struct disc source = {0.5 + 0.25 * cos(16.0 * M_PI * middle),
            0.5 + 0.25 * sin(16.0 * M_PI * middle), 0.125};

    sparse_shift(
            &heat->laplacian, (struct shift){s, 1.0, false}, &heat->matrix);
    sparse_times(&heat->laplacian, heat->u, heat->b);
    for (uint32_t at = 0; at < heat->matrix.n; at++)
        heat->b[at] = heat->u[at] - s * heat->b[at];
    add_bump(heat->nx, 32.0 * HEAT_DT, &source, heat->b);
}
