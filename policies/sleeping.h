/* Weights of sleeping experts. An expert is awake only on its group's rounds.
 *
 * Two rules, as option `weights` of the groupwise oracle:
 * - adanormalhedge: Luo & Schapire 2015 (arXiv 1502.05934) in its sleeping
 *   form; R_g and C_g per expert; groupwise.md section 2, in log space.
 * - exponential: specialists for squared loss, eta = 1/2 (Freund, Schapire,
 *   Singer, Warmuth 1997); one log weight per expert; groupwise.md section 8.
 * Kernels over arrays; no state of their own. */
#ifndef POLICIES_SLEEPING_H
#define POLICIES_SLEEPING_H

#include <stdint.h>

/* ln w(R, C); -inf where R <= -1. */
double anh_log_weight(double regret, double variation);

/* p[count] over the awake experts, whose state is regret[i], variation[i].
 * Uniform prior; all weights 0 gives the uniform distribution. count >= 1. */
void anh_weights(const double *regret, const double *variation, uint32_t count,
        double *p);

/* After the round: losses[count] of the awake experts and the p played.
 * Adds l_hat - l_i to regret and its absolute value to variation; returns
 * l_hat = sum p_i l_i. */
double anh_update(double *regret, double *variation, const double *p,
        const double *losses, uint32_t count);

/* The same for specialists; log_weight[count] of the awake experts. */
void specialists_weights(const double *log_weight, uint32_t count, double *p);
/* Returns the mix loss m. */
double specialists_update(double *log_weight, const double *p,
        const double *losses, uint32_t count);

#endif
