/* A trial: the generation that serves, the champion, and another one, the
 * challenger, on the same decisions (ope.md, section 5).
 *
 * As a *canary* the challenger has a share of every decision: both give their
 * probabilities, one coupled draw serves (policies/pmf.h), and what is recorded
 * are the probabilities of the mixture. As a *shadow* it looks on: the champion
 * serves, and the challenger's probability of what was chosen is recorded.
 *
 * Each outcome of a chosen action gives a term whose mean is the value of the
 * challenger less that of the champion. With r the reward scaled to 0..1, c
 * what was expected before the draw, s the share, p and q their probabilities:
 *   canary  0 where both would do the same; (r - c)/s for an action of the
 *           challenger's side, -(r - c)/(1 - s) for one of the champion's
 *   shadow  (q/p - 1)(r - c)
 * c takes noise away and moves no mean: it does not depend on the action.
 *
 * Under a guard both are compared as it lets them through (guarded.h). Of
 * actions that it takes from the champion a shadow learns nothing: they count
 * as no better and no worse than what was expected. */
#ifndef ENGINE_TRIAL_H
#define ENGINE_TRIAL_H

#include "policies/policy.h"
#include "proto/record.h"
#include "service/engine/problem.h"
#include "service/engine/round.h"

/* The decision of a problem with a challenger; `drawn` is the champion's,
 * `guarded` the place of a guard's default or GUARDED_NOT. Fills in the
 * record's probabilities, its choice and its trial. `settled`, the champion's
 * at first, stays true only if the challenger's share is settled too. */
int trial_decide(const struct problem *problem, const struct round_view *round,
        const struct distribution *drawn, uint32_t guarded, struct arena *arena,
        struct decision_record *record, bool *settled,
        struct err *err) MUST_USE;

/* Is the decision one of the trial that is on? */
bool trial_is_on(
        const struct problem *problem, const struct decision_record *decision);

/* The term of an outcome of the chosen action. */
double trial_term(const struct decision_record *decision, double loss);

/* An outcome came; one was replaced. */
void trial_learn(struct problem *problem,
        const struct decision_record *decision, double loss);
void trial_correct(struct problem *problem,
        const struct decision_record *decision, double before, double loss);

#endif
