/* What explorers by confidence limits share (linucb, regcb, adacb): the
 * budget, the limits, and who is still in question. */
#ifndef POLICIES_CONFIDENCE_H
#define POLICIES_CONFIDENCE_H

#include "policies/explorer.h"

#define CONFIDENCE_SCALE 0.01 /* default of c0 */

/* RegCB's budget: how much more loss than the best model's a model may have
 * and still be believed, c0 ln(K (t + 2)); t = n_eff, over which that loss is
 * summed, so it is the number of lessons unless the oracle forgets or lessons
 * have weights. */
double confidence_budget(double c0, const struct outlook *outlook);

/* The action of the highest upper limit, limits above 1 counting as 1; equals
 * by score, then by index. */
uint32_t confidence_highest(const struct outlook *outlook);

/* alive[i] = 1 for each action whose upper limit reaches the highest lower
 * limit of all, else 0; returns how many. The best score is among them.
 * Needs outlook->down. */
uint32_t confidence_survivors(const struct outlook *outlook, double *alive);

#endif
