#include "sim/sor.h"

#include <math.h>
#include <string.h>

static double diagonal_of(const struct sor_problem *problem, uint32_t row)
{
    double own = problem->matrix->diagonal[row];

    return own + problem->shift * (problem->by_diagonal ? own : 1.0);
}

/* delta = (D/omega + L)^-1 r, rows in natural order. */
static void solve_lower(const struct sor_problem *problem, double omega,
        const double *r, double *delta)
{
    const struct sparse *matrix = problem->matrix;

    for (uint32_t row = 0; row < matrix->n; row++) {
        double sum = r[row];
        for (uint32_t at = matrix->start[row];
                at < matrix->start[row + 1] && matrix->column[at] < row; at++)
            sum -= matrix->value[at] * delta[matrix->column[at]];
        delta[row] = sum * omega / diagonal_of(problem, row);
    }
}

/* r = (1/omega - 1) D delta - L' delta; its squared norm. */
static double next_residual(const struct sor_problem *problem, double omega,
        const double *delta, double *r)
{
    const struct sparse *matrix = problem->matrix;
    double square = 0.0;

    for (uint32_t row = 0; row < matrix->n; row++) {
        double sum =
                (1.0 / omega - 1.0) * diagonal_of(problem, row) * delta[row];
        for (uint32_t at = matrix->start[row + 1];
                at > matrix->start[row] && matrix->column[at - 1] > row; at--)
            sum -= matrix->value[at - 1] * delta[matrix->column[at - 1]];
        r[row] = sum;
        square += sum * sum;
    }
    return square;
}

uint32_t sor_count(const struct sor_problem *problem, double omega,
        double *work, int *converged)
{
    uint32_t n = problem->matrix->n;
    double *r = work, *delta = work + n;
    double limit = 0.0;

    memcpy(r, problem->b, n * sizeof(*r));
    for (uint32_t i = 0; i < n; i++)
        limit += r[i] * r[i];
    limit *= problem->tolerance * problem->tolerance;
    *converged = 0;
    for (uint32_t count = 1; count <= problem->cap; count++) {
        double square;
        solve_lower(problem, omega, r, delta);
        square = next_residual(problem, omega, delta, r);
        if (!isfinite(square))
            return problem->cap;
        if (square < limit) {
            *converged = 1;
            return count;
        }
    }
    return problem->cap;
}

double sor_young(double beta)
{
    return 2.0 / (1.0 + sqrt(1.0 - beta * beta));
}
