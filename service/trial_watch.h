/* Watches a canary and says when it is decided: by a confidence sequence over
 * the terms of service/engine/trial.h, which may be looked at after every
 * outcome (ope.md, sections 4 and 5). The k-th canary of a problem spends
 * 6 alpha/(pi^2 k^2), so that all of them together promote a generation that
 * loses more than the margin with probability alpha at most. */
#ifndef SERVICE_TRIAL_WATCH_H
#define SERVICE_TRIAL_WATCH_H

#include "service/engine/engine.h"

/* What is known now, in units of the reward. Not given: too little yet. */
struct estimate trial_estimate(const struct problem *problem);

/* Is the canary decided? Then *promotion says how, with the estimate and why:
 * it serves (its lower limit is above -margin), or it leaves (its upper limit
 * is below 0, or it was decided neither way within canary.most outcomes). A
 * shadow is decided by people. */
bool trial_decided(const struct problem *problem, struct promotion *promotion);

#endif
