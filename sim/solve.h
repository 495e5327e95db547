/* What the solvers share: when they stop, and what a solve cost. The cost is
 * the number of iterations; a solve that does not converge costs the cap. */
#ifndef SIM_SOLVE_H
#define SIM_SOLVE_H

#include <stdint.h>

struct solve_stop {
    double tolerance;
    uint32_t cap; /* most iterations, at least 1 */
    /* After so many iterations the solve goes on with `safe` in place of the
     * omega it was given; 0 = never. */
    uint32_t backstop;
    double safe;
};

enum solve_end {
    SOLVE_CONVERGED,
    SOLVE_CAPPED, /* the cost is censored: at least this */
    SOLVE_DIVERGED, /* a residual that is no number or too large to square */
};

struct solve {
    uint32_t cost; /* iterations; the cap where it has not converged */
    uint32_t own; /* of them, those under the omega it was given */
    enum solve_end end;
};

#endif
