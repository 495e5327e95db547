/* Preferences between two actions, learned by the ridge oracle: a Newton step
 * of the logistic loss (bandits.md, section 2.5). With q = theta.(phi_1 -
 * phi_2), pi = 1/(1 + exp(-q)) the probability that the second is preferred and
 * y = 1 where it was, v = max(pi (1 - pi), 1e-3),   theta += P phi (y - pi)/(1
 * + v phi.P phi) is the step of the least squares with weight v towards q + (y
 * - pi)/v. So all that holds for those (forgetting, scaling, a basis that
 * moves) holds here. What both actions share cancels.
 *
 * With a model for each action the two models learn one half each: exact for
 * the means, while the covariance between actions that one preference makes is
 * let go (it would be a matrix over all of them). */
#include "policies/ridge.h"

#include "policies/portable.h"

#include <math.h>
#include <string.h>

#define SLOPE_MIN 1e-3

static double sigmoid(double q)
{
    double e = portable_exp(-fabs(q));

    return q < 0.0 ? e / (1.0 + e) : 1.0 / (1.0 + e);
}

/* Where the step leads, and how firmly. */
struct target {
    double value, weight;
};

static struct target target_of(double q, const struct duel *duel)
{
    double pi = sigmoid(q);
    double v = fmax(pi * (1.0 - pi), SLOPE_MIN);

    return (struct target){
            q + (1.0 - duel->preference - pi) / v, v * duel->weight};
}

/* One model: it learns the difference. */
static void prefer_shared(
        struct ridge *self, const struct duel *duel, struct arena *scratch)
{
    double *phi =
            ridge_phi(self, duel->context, duel->actions, duel->first, scratch);
    const double *other = ridge_phi(
            self, duel->context, duel->actions, duel->second, scratch);
    struct target target;

    axpy(-1.0, other, phi, self->width);
    target = target_of(dot(theta_of(self, 0), phi, self->width), duel);
    (void)ridge_learn_row(self, 0, phi, target.value, target.weight, scratch);
}

static double excited(struct ridge *self, uint32_t model, const double *phi)
{
    return fmax(quadratic_form(inverse_of(self, model), phi, self->width), 0.0);
}

/* Two models, of the same phi: with d = 1/v + e_1 + e_2 model i moves by
 * +-P_i phi (target - q)/d and P_i loses P_i phi phi'P_i/d, which is a row of
 * its own with the weight 1/(d - e_i), towards its own prediction +-(target -
 * q). */
static void prefer_apart(
        struct ridge *self, const struct duel *duel, struct arena *scratch)
{
    uint32_t first = model_of(self, duel->actions, duel->first);
    uint32_t second = model_of(self, duel->actions, duel->second);
    double *phi =
            ridge_phi(self, duel->context, duel->actions, duel->first, scratch);
    double *again = arena_array(scratch, double, self->width);
    double own = dot(theta_of(self, first), phi, self->width);
    double other = dot(theta_of(self, second), phi, self->width);
    struct target target = target_of(own - other, duel);
    double change = target.value - (own - other);
    double f = self->options->forgetting;
    double e_first = excited(self, first, phi);
    double e_second = excited(self, second, phi);

    CHECK(again != NULL);
    memcpy(again, phi, self->width * sizeof(*phi));
    (void)ridge_learn_row(self, first, phi, own + change,
            f / (f / target.weight + e_second), scratch);
    (void)ridge_learn_row(self, second, again, other - change,
            f / (f / target.weight + e_first), scratch);
}

void ridge_prefer(void *block, const struct duel *duel, struct arena *scratch)
{
    struct ridge *self = block;

    /* Two rows a duel. */
    ridge_observe(self, 2 * self->lessons, duel->context,
            features_of(duel->actions, duel->first), scratch);
    ridge_observe(self, 2 * self->lessons + 1, duel->context,
            features_of(duel->actions, duel->second), scratch);
    if (self->models == 1)
        prefer_shared(self, duel, scratch);
    else
        prefer_apart(self, duel, scratch);
    ridge_count(self, duel->weight);
}
