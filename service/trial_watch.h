/* Watches the generations that have a share of a problem's decisions, and says
 * when they are decided: replay/gate.h over the terms of
 * service/engine/trial.h, at every tick. Says too what becomes of a new
 * candidate, given the problem's state. No state of its own: what is remembered
 * is a fold of the log. */
#ifndef SERVICE_TRIAL_WATCH_H
#define SERVICE_TRIAL_WATCH_H

#include "service/engine/engine.h"

/* What is known now, in units of the reward. Not given: too little yet. */
struct estimate trial_estimate(const struct problem *problem);

/* Is the canary decided? Then *promotion says how, with the estimate and why:
 * it serves (its lower limit is above -margin), or is refused (its upper limit
 * is below 0, or it was decided neither way within canary.most outcomes; the
 * last of several such is mixed in, gate.blocks). A generation that is mixed in
 * is decided in the same way, but has no end. A shadow is decided by people. */
bool trial_decided(const struct problem *problem, struct promotion *promotion);

/* Has the next training to wait for the trial's end? Not for a generation that
 * is mixed in, nor while drift is alarming. */
bool trial_holds(const struct problem *problem);

/* What the trainer wants becomes what is done: of several refused in a row
 * (gate.blocks) the last is mixed in; while drift is alarming, a candidate that
 * passed the veto serves without a canary, and the record says so. A new `why`
 * is in the arena. */
void trial_settle(const struct problem *problem, struct arena *arena,
        struct promotion *promotion);

#endif
