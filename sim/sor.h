/* Successive over-relaxation on A x = b from x = 0 (relax.md, sections 1.1, 1.2
 * and 1.4), rows in natural order. They stop when |r| < tolerance |b|, tested
 * after each sweep, so that a solve costs at least 1.
 *
 * The residual is carried along ("half-cost residual"): with delta = W^-1 r,
 * W = D/omega + L, the next one is (1/omega - 1) D delta - L' delta, so that an
 * iteration of SOR is one pass over the lower triangle, by rows for delta and
 * by columns for the residual, and x is the sum of the deltas. */
#ifndef SIM_SOR_H
#define SIM_SOR_H

#include "sim/solve.h"
#include "sim/sparse.h"

#define SOR_WORK      3u /* vectors of n doubles, as work space */
#define SOR_LANES     4u
#define SOR_LANE_WORK 12u

/* x, unless it is NULL, gets the solution. With a backstop the iterate is kept
 * and only omega changes. */
struct solve sor_solve(const struct sparse *matrix, const double *b,
        double omega, const struct solve_stop *stop, double *x, double *work);

/* A forward and then a backward sweep count as one iteration. */
struct solve ssor_solve(const struct sparse *matrix, const double *b,
        double omega, const struct solve_stop *stop, double *x, double *work);

/* The costs of several omegas for one right side, bit for bit those of
 * sor_solve without a backstop, but SOR_LANES solves at a time.
 * costs[count]; `work` has SOR_LANE_WORK vectors. */
void sor_costs(const struct sparse *matrix, const double *b,
        const double *omegas, uint32_t count, const struct solve_stop *stop,
        uint32_t *costs, double *work);

/* SOR that estimates omega from its own convergence as it goes, in the manner
 * of ITPACK (Hageman & Young 1981). `omega` is where it starts, and the omega
 * it ended with. Fresh: 1; carried over: max(1, last - 0.05). */
struct solve sor_adaptive(const struct sparse *matrix, const double *b,
        const struct solve_stop *stop, double *omega, double *work);

/* Young's omega* for the Jacobi radius beta of a consistently ordered matrix;
 * NAN unless 0 <= beta < 1. And the spectral radius of SOR's iteration. */
double sor_young(double beta);
double sor_radius(double beta, double omega);

#endif
