/* What is proved of the groupwise oracle (groupwise.md, section 8): the gamma
 * that its theory asks for, and the numbers that its state vouches for.
 *
 * The bound of exploring is for rounds of plain inverse gap weighting over the
 * averaged scores, learned before anything else is. A round is *unproved* where
 * - the explorer is another one, or exploration is capped (spec->play);
 * - the expert that plays is drawn (`play: sampled`);
 * - other lessons came between the decision and its outcome, or the outcome is
 *   of another action than the one drawn first (lesson->detached);
 * - it has a weight other than 1 or a value outside the declared range.
 * It is counted, and a group that has one gets no such bound any more. A floor
 * f only costs: p >= (1 - f) p0 for the p0 of step 1, so that its err is at
 * most err/(1 - f), and a uniform draw loses at most 1 - 1/K:
 *     reg <= (1 - f) min(1, 2(K-1)/gamma) + (gamma/4) err + f (1 - 1/K). */
#include "policies/groupwise.h"
#include "policies/portable.h"

#include <math.h>

/* ln B of section 4 for up to 2^40 rounds. */
#define LOG_B_MOST 3.8
/* Of the high-probability line of section 8, step 2. */
#define DELTA 0.05

bool certificate_proved(
        const struct oracle_spec *inner, const struct shape *shape)
{
    return inner->oracle->regret_bound != NULL &&
            isfinite(inner->oracle->regret_bound(inner, shape, 0.0));
}

/* ---- gamma (section 8, step 4) ---- */

static double cube_root(double x)
{
    return portable_pow(x, 1.0 / 3.0);
}

/* A bound on the errors that matter over an expert's first `rounds` rounds, if
 * its model is right. */
static double error_bound(const struct groupwise *self, double rounds)
{
    const struct oracle_spec *inner = self->spec->inner;
    double alone = inner->oracle->regret_bound(inner, self->shape, rounds);
    double log_count = portable_log(self->count);

    if (groupwise_exponential(self->spec, self->shape))
        return alone + 2.0 * log_count;
    return fmax(4.0 * alone,
            6.35 *
                    cube_root((log_count + LOG_B_MOST) *
                            (log_count + LOG_B_MOST)) *
                    cube_root(rounds));
}

static double gamma_of(
        const struct groupwise *self, uint32_t expert, double actions)
{
    double rounds = 1.0 + (double)self->experts[expert].rounds;

    return 4.0 * sqrt(actions * rounds / error_bound(self, rounds));
}

static double gamma_over(const struct groupwise *self,
        const struct context *context, uint32_t actions)
{
    uint32_t over = groupwise_options(self->spec)->gamma_over;
    uint32_t count = context->group_count;
    bool always_on = self->count > self->shape->groups;
    double least = INFINITY, most = 0.0, logs = 0.0;

    if (over == OVER_ALWAYS)
        return gamma_of(self, self->count - 1, actions);
    for (uint32_t i = 0; i < count + (always_on ? 1 : 0); i++) {
        double gamma = gamma_of(self,
                i < count ? context->groups[i] : self->count - 1, actions);
        least = fmin(least, gamma);
        most = fmax(most, gamma);
        logs += portable_log(gamma);
    }
    if (most == 0.0)
        return 0.0;
    switch (over) {
    case OVER_MIN:
        return least;
    case OVER_MAX:
        return most;
    default:
        return portable_exp(logs / (count + (always_on ? 1 : 0)));
    }
}

double certificate_gamma(const struct groupwise *self,
        const struct context *context, uint32_t count)
{
    const struct groupwise_options *options = groupwise_options(self->spec);

    if (options->gamma_over == OVER_SCHEDULE)
        return 0.0;
    return options->gamma_factor * gamma_over(self, context, count);
}

/* ---- charging ---- */

static bool is_regular(const struct lesson *lesson)
{
    return lesson->weight == 1.0 && lesson->loss >= 0.0 && lesson->loss <= 1.0;
}

void certificate_charge(const struct groupwise *self, struct expert *expert,
        const struct lesson *lesson)
{
    double actions = lesson->actions->count;
    double floor = self->spec->play.floor;
    bool regular = is_regular(lesson);

    expert->irregular_rounds += !regular;
    if (self->shape->predict)
        return;
    if (!regular || !lesson->plain || lesson->detached ||
            groupwise_options(self->spec)->play == PLAY_SAMPLED) {
        expert->unproved_rounds++;
        return;
    }
    /* No round loses more than 1, whatever gamma. */
    expert->exploration +=
            (1.0 - floor) * fmin(1.0, 2.0 * (actions - 1.0) / lesson->gamma) +
            floor * (1.0 - 1.0 / actions);
    expert->gamma_most = fmax(expert->gamma_most, lesson->gamma);
}

/* ---- what is certain ---- */

/* Section 4: R_g <= sqrt(3 C_g (ln N + ln B)); section 8: 2 ln N. */
static double meta_bound(const struct groupwise *self, uint32_t expert)
{
    double prior = 1.0 / (double)self->count;
    double b = 1.0;

    if (groupwise_exponential(self->spec, self->shape))
        return 2.0 * portable_log(self->count);
    for (uint32_t i = 0; i < self->count; i++)
        b += 1.5 * prior * (1.0 + portable_log1p(self->experts[i].variation));
    return sqrt(3.0 * self->experts[expert].variation *
            (portable_log(self->count) + portable_log(b)));
}

/* Section 8, steps 1 to 4, with probability 1 - DELTA for all groups at once,
 * if the group's model is right. */
static double bandit_bound(const struct groupwise *self,
        const struct expert *state, double squares)
{
    double log_term = portable_log(2.0 * self->count / DELTA);

    return state->exploration +
            0.25 * state->gamma_most * (3.17 * squares + 4.75 * log_term);
}

static void visit_counts(const struct expert *state, int32_t group,
        const struct visitor *visitor)
{
    visitor->number(visitor->self, "irregular_rounds", group,
            (double)state->irregular_rounds);
    visitor->number(visitor->self, "unproved_rounds", group,
            (double)state->unproved_rounds);
}

void certificate_visit(const struct groupwise *self, uint32_t expert,
        int32_t group, const struct visitor *visitor)
{
    const struct oracle_spec *inner = self->spec->inner;
    const struct expert *state = &self->experts[expert];
    bool regular = state->irregular_rounds == 0;
    double meta = meta_bound(self, expert);
    struct hindsight hindsight;

    visit_counts(state, group, visitor);
    if (regular && groupwise_options(self->spec)->clip_experts)
        visitor->number(visitor->self, "meta_regret_bound", group, meta);
    if (inner->oracle->hindsight == NULL)
        return;
    inner->oracle->hindsight(groupwise_inner(self, expert), &hindsight);
    if (isfinite(hindsight.loss))
        visitor->number(visitor->self, "hindsight_loss", group, hindsight.loss);
    if (!isfinite(hindsight.complexity) || !regular ||
            !groupwise_options(self->spec)->clip_experts)
        return;
    visitor->number(visitor->self, "loss_bound", group,
            hindsight.loss + hindsight.complexity + meta);
    if (!self->shape->predict && state->unproved_rounds == 0 &&
            certificate_proved(inner, self->shape))
        visitor->number(visitor->self, "bandit_regret_bound", group,
                bandit_bound(self, state,
                        hindsight.complexity +
                                inner->oracle->regret_bound(
                                        inner, self->shape, 0.0) +
                                meta));
}
