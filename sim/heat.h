/* The heat equation u_t = kappa(t) Lap u + f on the unit square with zero
 * boundary, by Crank-Nicolson on nx - 1 by nx - 1 interior points (relax.md,
 * section 4.2):
 *     (I + s P) u_new = (I - s P) u + dt f,   s = kappa(t + dt/2) dt/(2 h^2)
 * kappa has a large part and a small one, and a source runs in circles. */
#ifndef SIM_HEAT_H
#define SIM_HEAT_H

#include "sim/sparse.h"

#define HEAT_DT 1e-3

struct heat {
    uint32_t nx;
    struct sparse laplacian; /* P */
    struct sparse matrix; /* I + s P of the step */
    double *u; /* [n] where the step starts */
    double *b; /* [n] its right side */
};

int heat_open(struct heat *heat, uint32_t nx, struct err *err) MUST_USE;
void heat_close(struct heat *heat);

double heat_kappa(double t);
/* u at t = 0. */
void heat_start(struct heat *heat);
/* matrix and b of the step from t = i dt. */
void heat_set_up(struct heat *heat, uint32_t i);

#endif
