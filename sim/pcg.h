/* Conjugate gradients, plain and preconditioned by symmetric SOR (relax.md,
 * section 1.3), from any start. They stop when |r| <= tolerance |b|, tested
 * before the first iteration too, so that a solve may cost 0. */
#ifndef SIM_PCG_H
#define SIM_PCG_H

#include "sim/solve.h"
#include "sim/sparse.h"

#define PCG_WORK 7u /* vectors of n doubles, as work space */

/* x[n]: the start, and then the solution. The backstop does not apply. */
struct solve cg_solve(const struct sparse *matrix, const double *b,
        const struct solve_stop *stop, double *x, double *work);

/* M = (D + omega L) D^-1 (D + omega L')/(omega (2 - omega)), by Eisenstat's
 * trick (SIAM J. Sci. Stat. Comput. 2(1), 1981): A p comes out of two
 * triangular solves, and each entry of A is read once an iteration. The
 * residual itself is carried along beside the transformed one, so that the stop
 * is the exact one. With a backstop the iteration starts anew from x with the
 * other omega. */
struct solve ssor_cg_solve(const struct sparse *matrix, const double *b,
        double omega, const struct solve_stop *stop, double *x, double *work);

#endif
