/* The iterations that one given system needs (relax.md, sections 1 and 6.1), so
 * that anyone can check a count: A x = b from x = 0, for a matrix from a file
 * or a stencil, shifted, and a right side that anyone can make.
 *
 *     count_open(&system, &settings, &err)
 *     count = count_solve(&system, COUNT_SOR, omega)     as often as wanted
 *     count_close(&system)
 *
 * One thread. */
#ifndef SIM_COUNT_H
#define SIM_COUNT_H

#include "sim/solve.h"
#include "sim/sparse.h"

enum count_solver { COUNT_SOR, COUNT_SSOR, COUNT_CG, COUNT_SSOR_CG };
enum count_side {
    COUNT_ONES,
    COUNT_SIN, /* b_i = sin(i), i from 1 */
    COUNT_NORMAL, /* by seed, |b|^2 <= n (relax.md, 4.1) */
};

struct count_settings {
    const char *path; /* of a Matrix Market file; NULL: a Laplacian */
    uint32_t m; /* of m x m points, 1 to 2000 */
    bool corners; /* of 9 points, not 5 */
    double shift; /* A + shift I, or */
    bool scaled; /* A + shift D */
    enum count_side side;
    uint32_t seed;
    double tolerance; /* SOR and SSOR: |r| < tolerance |b|, the others <= */
    uint32_t cap;
};

struct count_system {
    struct sparse matrix; /* shifted */
    struct solve_stop stop;
    double *b, *x, *work; /* [n], [n], what the solvers ask for */
};

struct count {
    struct solve solve;
    double residual; /* |b - A x|/|b|, of x itself */
};

/* INVALID, IO or INTERNAL; then there is nothing to close. */
int count_open(struct count_system *system,
        const struct count_settings *settings, struct err *err) MUST_USE;
void count_close(struct count_system *system);

/* omega in (0,2); CG has none. */
struct count count_solve(
        struct count_system *system, enum count_solver solver, double omega);

#endif
