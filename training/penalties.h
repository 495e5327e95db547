/* The penalties of a pairwise model, and how they are chosen.
 *
 * A block of coefficients (those of one source of the context with one source
 * of the action) costs
 *     1/2 size |w|^2 + 1/2 step sum (w_next - w)^2,
 * the sum over neighbouring bins of one dense column: what a number does
 * seldom changes from one bin to the next, so that bins which saw little take
 * after those beside them, and more bins cost nothing. P is the matrix of this,
 * tridiagonal along each column's bins.
 *
 * By the evidence (MacKay 1992, "Bayesian interpolation", section 4; for two
 * penalties of one block Wood & Fasiolo 2017, "A generalized Fellner-Schall
 * method"): with V = (H + P)^-1,
 *     size <- size (tr P^-1 - tr V)/|w|^2,
 *     step <- step (tr P^-1 D - tr V D)/(w'D w),   D of the squared steps.
 * H, the loss's second derivative, is taken as its diagonal, which is exact
 * among the bins of one column: a row is in one of them. */
#ifndef TRAINING_PENALTIES_H
#define TRAINING_PENALTIES_H

#include "policies/pairwise.h"

struct penalties {
    uint32_t count; /* coefficients, the intercept first (policies/pairwise.h)
                     */
    uint32_t blocks;
    uint32_t *block; /* [count] */
    uint32_t *next; /* [count] the coefficient of the bin above, 0: none */
    bool *follows; /* [count] is one of these */
    double *size, *step; /* [blocks] */
    double *room; /* [3 * count] */
};

/* Arrays from malloc; penalties_close, also after a failure. INTERNAL without
 * memory. `model` has its sides. Penalties as the options say, without steps
 * unless they are to be adapted. */
int penalties_open(struct penalties *penalties,
        const struct pairwise_model *model,
        const struct pairwise_options *options, struct err *err) MUST_USE;
void penalties_close(struct penalties *penalties);

/* 1/2 w'P w, and out = P w; w and out of [count], not the same. */
double penalties_of(const struct penalties *penalties, const double *w);
void penalties_times(
        const struct penalties *penalties, const double *w, double *out);

/* For diag(h) + P: pivots of its factor; then out = (diag(h) + P)^-1 r. The
 * arrays are of [count]; out may be r. */
void penalties_factor(
        const struct penalties *penalties, const double *h, double *pivot);
void penalties_solve(const struct penalties *penalties, const double *pivot,
        const double *r, double *out);

/* One round of the fixed point at the coefficients w, with the loss's second
 * derivatives h. INTERNAL without memory. */
int penalties_adapt(struct penalties *penalties, const double *h,
        const double *w, struct err *err) MUST_USE;

#endif
