/* Sequences of linear systems whose solver has a parameter to choose, omega
 * (relax.md, section 4): the systems of the basic experiment, a matrix from a
 * file shifted at random, and the time steps of a heat equation. What a solve
 * costs is its number of iterations.
 *
 *     systems_open(&systems, &settings, &err)
 *     for i in 0 .. systems->rounds - 1
 *         systems_begin(systems, i)
 *         solve = systems_solve(systems, omega)   as often as wanted
 *         systems_advance(systems)                heat: the last solution is
 *     systems_close(systems)                      where the next step starts
 *
 * The same seed gives the same systems, whatever is chosen. One thread. */
#ifndef SIM_SYSTEMS_H
#define SIM_SYSTEMS_H

#include "base/err.h"
#include "base/rng.h"
#include "sim/solve.h"

#include <stdbool.h>

#define SYSTEMS_ARMS 20u /* omega = 1, 1.05, ..., 1.95 */

enum systems_kind { SYSTEMS_LOW, SYSTEMS_HIGH, SYSTEMS_FILE, SYSTEMS_HEAT };
enum systems_solver { SOLVER_SOR, SOLVER_SSOR_CG };

struct systems_settings {
    enum systems_kind kind;
    enum systems_solver solver; /* heat: SSOR-CG */
    const char *path; /* of the file */
    uint32_t nx; /* heat: 1/h, at least 3; (nx - 1)^2 unknowns */
    uint32_t rounds; /* 0: 5000; of a file 500 */
    uint32_t seed;
    uint32_t backstop; /* iterations after which omega = 1 takes over; 0 = none
                        */
};

struct systems {
    enum systems_kind kind;
    enum systems_solver solver;
    uint32_t rounds;
    uint32_t n;
    struct solve_stop stop;
    double context_min, context_max; /* what the context's interval is */
    void *state;
};

double systems_omega(uint32_t arm);

/* A right side: normal numbers, drawn anew until |b|^2 <= n. */
void systems_draw_side(struct rng *rng, uint32_t n, double *b);

/* INVALID, IO or INTERNAL. */
int systems_open(struct systems *systems,
        const struct systems_settings *settings, struct err *err) MUST_USE;
void systems_close(struct systems *systems);

/* What is known before round i. */
double systems_context(const struct systems *systems, uint32_t i);

/* Sets up the system of round i. Heat: i is the round after the one that was
 * advanced from, or 0, which starts anew. */
void systems_begin(struct systems *systems, uint32_t i);
void systems_advance(struct systems *systems);

/* Heat: goes on from another field, [n]; the one that there was. Whoever has it
 * when the systems are closed must free it; the other one is freed. */
double *systems_exchange(struct systems *systems, double *field);

/* Solves the system that was set up, from its start. */
struct solve systems_solve(struct systems *systems, double omega);
/* The same without a preconditioner, by CG; and by SSOR-CG. */
struct solve systems_solve_cg(struct systems *systems);
struct solve systems_solve_ssor_cg(struct systems *systems, double omega);
/* SOR whose omega adapts itself; `omega` as in sor_adaptive. */
struct solve systems_solve_adaptive(struct systems *systems, double *omega);
/* The cost of every arm. */
void systems_costs(struct systems *systems, uint32_t costs[SYSTEMS_ARMS]);
/* Young's omega* of the system that was set up; NAN where the formula does not
 * apply. */
double systems_young(const struct systems *systems);

#endif
