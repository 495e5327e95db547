/* A guard around a policy: what it costs to try other actions than a named
 * default stays within a share of what the default alone would have cost
 * (conservative bandits: arXiv 1602.04282, 1611.06426; relax.md, section 8).
 *
 *     spent + (this trial at worst) <= (1 + loss) allowed
 *
 * `spent` is what all outcomes so far cost; `allowed` what the default would
 * have cost for the same events: its own cost where it ran, else what it cost
 * in the most similar contexts, less their spread. Where a trial might break
 * that, the default is taken. A trial has a limit, in cost, at which the client
 * is to give up and go on with the default: that is what makes "at worst" a
 * number. Trials whose outcome is not known yet count in full.
 *
 * An action is tried only while it may be better than the default by `gain`:
 * while its predicted loss, less two standard errors of it, is. Where none may
 * be, the default is best and exploration ends there; it is open again as soon
 * as predictions begin to fail (their errors are forgotten slowly) or the
 * default's cost rises, and in contexts that the oracle knows little of. From
 * outside it is opened by guard_reopen: until the outcomes of so many trials
 * have come, predictions rule nothing out, and the budget alone bounds what is
 * tried. This needs an oracle that knows its uncertainty.
 *
 * A cost is a value to be minimised, or how far a value to be maximised lies
 * below the largest that it may have. All memory is in the struct; the state is
 * a fold of decisions and outcomes, saved field by field. */
#ifndef POLICIES_GUARD_H
#define POLICIES_GUARD_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/types.h"
#include "policies/policy.h"

#define GUARD_KEPT    64u /* outcomes of the default that are remembered */
#define GUARD_COLUMNS 8u /* context columns in which contexts are compared */
#define GUARD_RETRIES 20u /* outcomes of trials that a reopening lasts */

struct guard_spec {
    bool on;
    uint32_t slot; /* of the default action */
    double loss; /* share of the default's cost, > 0 */
    double worst; /* most that a trial may cost before it is given up, as a
                     multiple of the default's mean cost, >= 1 */
    double gain; /* share of the default's cost, >= 0 */
    uint32_t columns; /* at most GUARD_COLUMNS */
    struct value_range range;
};

struct guard {
    const struct guard_spec *spec;
    double spent, allowed;
    double reserved; /* limits of the trials that are under way */
    double errors, error_weight; /* squared errors of predicted losses */
    uint32_t reopened; /* outcomes of trials until it may settle again */
    uint32_t kept, next; /* a ring */
    double cost[GUARD_KEPT];
    double context[GUARD_COLUMNS][GUARD_KEPT];
    double scale[GUARD_COLUMNS]; /* 1/(largest - smallest) kept of a column, 0
                                    if they are one; not saved */
};

/* Why a decision is as it is; the numbers are recorded. */
enum guard_reason {
    GUARD_FREE = 0, /* the policy decided, perhaps among fewer actions */
    GUARD_BUDGET = 1, /* a trial might cost too much: the default */
    GUARD_SETTLED = 2, /* no other action may be better: the default */
    GUARD_COUNT
};

struct guard_view {
    enum guard_reason reason;
    double limit; /* cost at which a trial is to be given up; > 0 if free */
};

void guard_init(struct guard *guard, const struct guard_spec *spec);

/* Is there room for a trial? GUARD_FREE with a limit, or GUARD_BUDGET. */
struct guard_view guard_look(
        const struct guard *guard, const struct context *context);

/* Takes the mass of actions that cannot be better than the default and gives
 * it to the default, at `index`. scores[count] are those of the decision,
 * widths[count] by budget 1 (policy_widths). True if nothing is left of the
 * others. */
bool guard_narrow(const struct guard *guard, const double *scores,
        const double *widths, uint32_t index, uint32_t count, double *pmf);

/* A decision was made with this limit (0: it is the default's). */
void guard_decided(struct guard *guard, double limit);
/* Its outcome. `is_default`: of the default action; `error`: its loss less what
 * had been predicted, NAN if nothing had been. */
void guard_learn(struct guard *guard, const struct context *context,
        bool is_default, double value, double limit, double error);
/* An outcome turned out to be another one. */
void guard_correct(
        struct guard *guard, bool is_default, double before, double after);

/* What was found before may hold no longer: the world has changed, or another
 * model serves. */
void guard_reopen(struct guard *guard);

/* The cost as a value in the client's terms: of a value to be maximised, the
 * value that costs it. */
double guard_value(const struct guard_spec *spec, double cost);

void guard_save(const struct guard *guard, struct writer *writer);
/* CORRUPT if a number cannot be. */
int guard_load(
        struct guard *guard, struct reader *reader, struct err *err) MUST_USE;

#endif
