/* Successive over-relaxation on (A + shift D) x = b from x = 0, where D is the
 * identity or A's diagonal (relax.md, section 1.1). */
#ifndef SIM_SOR_H
#define SIM_SOR_H

#include "sim/sparse.h"

struct sor_problem {
    const struct sparse *matrix;
    double shift;
    int by_diagonal; /* shift times the diagonal, not the identity */
    const double *b; /* [n] */
    double tolerance; /* until |r| < tolerance |r_0| */
    uint32_t cap; /* most iterations */
};

/* Iterations until the stop rule holds, at least 1; cap if it never does
 * (`*converged` says). `work` has 2 n doubles. The residual is carried along
 * with one pass over each triangle an iteration ("half-cost residual"): with
 * delta = W^-1 r the next one is (1/omega - 1) D delta - L' delta. */
uint32_t sor_count(const struct sor_problem *problem, double omega,
        double *work, int *converged);

/* Young's omega* for the Jacobi radius beta < 1, consistently ordered A. */
double sor_young(double beta);

#endif
