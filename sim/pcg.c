#include "sim/pcg.h"

#include <math.h>
#include <string.h>

static double dot(const double *a, const double *b, uint32_t n)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* r = b - A x; |r|^2 */
static double residual(const struct sparse *matrix, const double *b,
        const double *x, double *r)
{
    sparse_times(matrix, x, r);
    for (uint32_t i = 0; i < matrix->n; i++)
        r[i] = b[i] - r[i];
    return dot(r, r, matrix->n);
}

static struct solve ended(uint32_t count, double square, double limit,
        const struct solve_stop *stop)
{
    if (square <= limit)
        return (struct solve){count, count, SOLVE_CONVERGED};
    return (struct solve){
            stop->cap, count, isfinite(square) ? SOLVE_CAPPED : SOLVE_DIVERGED};
}

/* ---- without a preconditioner ---- */

struct solve cg_solve(const struct sparse *matrix, const double *b,
        const struct solve_stop *stop, double *x, double *work)
{
    uint32_t n = matrix->n, count = 0;
    double *r = work, *p = work + n, *q = work + 2 * (size_t)n;
    double limit = dot(b, b, n) * stop->tolerance * stop->tolerance;
    double square = residual(matrix, b, x, r);

    memcpy(p, r, n * sizeof(*p));
    while (square > limit && isfinite(square) && count < stop->cap) {
        double step, next = 0.0;
        sparse_times(matrix, p, q);
        step = square / dot(p, q, n);
        for (uint32_t i = 0; i < n; i++) {
            x[i] += step * p[i];
            r[i] -= step * q[i];
            next += r[i] * r[i];
        }
        for (uint32_t i = 0; i < n; i++)
            p[i] = r[i] + next / square * p[i];
        square = next;
        count++;
    }
    return ended(count, square, limit, stop);
}

/* ---- symmetric SOR, Eisenstat's form ----
 * K = D/omega + L, A = K + K' - (2/omega - 1) D; rhat = K^-1 r. In each
 * iteration t = K'^-1 phat is the direction, and with
 *     A t = K t + phat - (2/omega - 1) D t
 *         = phat + L t + (1 - 1/omega) D t
 * the pass over L that solves for q = K^-1 A t gives A t as well. */

struct eisenstat {
    const struct sparse *matrix;
    double omega;
    double *r, *rhat, *phat, *t, *q, *inverse; /* [n] each */
};

/* rhat = K^-1 r; rhat' D rhat */
static double transform_residual(struct eisenstat *self)
{
    const struct sparse *matrix = self->matrix;
    const struct triangle *lower = &matrix->lower;
    double rz = 0.0;

    for (uint32_t row = 0; row < matrix->n; row++) {
        double sum = self->r[row];
        for (uint32_t at = lower->start[row]; at < lower->start[row + 1]; at++)
            sum -= lower->value[at] * self->rhat[lower->column[at]];
        self->rhat[row] = sum * self->inverse[row];
        rz += matrix->diagonal[row] * self->rhat[row] * self->rhat[row];
    }
    return rz;
}

/* phat = D rhat + beta phat, and t = K'^-1 phat */
static void direction(struct eisenstat *self, double beta)
{
    const struct sparse *matrix = self->matrix;
    const struct triangle *upper = &matrix->upper;

    for (uint32_t row = matrix->n; row-- > 0;) {
        double phat = matrix->diagonal[row] * self->rhat[row] +
                beta * self->phat[row];
        double sum = phat;
        self->phat[row] = phat;
        for (uint32_t at = upper->start[row + 1]; at-- > upper->start[row];)
            sum -= upper->value[at] * self->t[upper->column[at]];
        self->t[row] = sum * self->inverse[row];
    }
}

/* q = K^-1 A t into q, and t' A t; A t itself goes where it is used, into
 * `image`. */
static double product(struct eisenstat *self, double *image)
{
    const struct sparse *matrix = self->matrix;
    const struct triangle *lower = &matrix->lower;
    double share = 1.0 - 1.0 / self->omega, energy = 0.0;

    for (uint32_t row = 0; row < matrix->n; row++) {
        double at_row =
                self->phat[row] + share * matrix->diagonal[row] * self->t[row];
        double behind = 0.0;
        for (uint32_t at = lower->start[row]; at < lower->start[row + 1];
                at++) {
            uint32_t column = lower->column[at];
            at_row += lower->value[at] * self->t[column];
            behind += lower->value[at] * self->q[column];
        }
        image[row] = at_row;
        energy += self->t[row] * at_row;
        self->q[row] = (at_row - behind) * self->inverse[row];
    }
    return energy;
}

/* One run from x until the stop or `most` iterations; the number done, and the
 * last |r|^2. `image` has n doubles. */
static uint32_t iterate(struct eisenstat *self, const double *b, double omega,
        double limit, uint32_t most, double *x, double *image, double *square)
{
    const struct sparse *matrix = self->matrix;
    uint32_t n = matrix->n, count = 0;
    double rz, before = 0.0;

    *square = residual(matrix, b, x, self->r);
    if (*square <= limit || !isfinite(*square) || most == 0)
        return 0;
    self->omega = omega;
    for (uint32_t i = 0; i < n; i++)
        self->inverse[i] = omega / matrix->diagonal[i];
    memset(self->phat, 0, n * sizeof(*self->phat));
    rz = transform_residual(self);
    while (*square > limit && isfinite(*square) && count < most) {
        double step, next = 0.0, sum = 0.0;
        direction(self, before > 0.0 ? rz / before : 0.0);
        step = rz / product(self, image);
        for (uint32_t i = 0; i < n; i++) {
            x[i] += step * self->t[i];
            self->r[i] -= step * image[i];
            self->rhat[i] -= step * self->q[i];
            sum += self->r[i] * self->r[i];
            next += matrix->diagonal[i] * self->rhat[i] * self->rhat[i];
        }
        *square = sum;
        before = rz;
        rz = next;
        count++;
    }
    return count;
}

struct solve ssor_cg_solve(const struct sparse *matrix, const double *b,
        double omega, const struct solve_stop *stop, double *x, double *work)
{
    size_t n = matrix->n;
    struct eisenstat self = {.matrix = matrix,
            .r = work,
            .rhat = work + n,
            .phat = work + 2 * n,
            .t = work + 3 * n,
            .q = work + 4 * n,
            .inverse = work + 5 * n};
    double *image = work + 6 * n;
    double limit = dot(b, b, matrix->n) * stop->tolerance * stop->tolerance;
    bool guarded = stop->backstop > 0 && stop->backstop < stop->cap;
    double square;
    uint32_t own = iterate(&self, b, omega, limit,
            guarded ? stop->backstop : stop->cap, x, image, &square);
    uint32_t count = own;
    struct solve solve;

    if (guarded && square > limit && isfinite(square))
        count += iterate(&self, b, stop->safe, limit, stop->cap - own, x, image,
                &square);
    solve = ended(count, square, limit, stop);
    solve.own = own;
    return solve;
}
