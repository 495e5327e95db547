/* Learning of the ridge oracle: recursive least squares (bandits.md, section
 * 2.1), and what keeps it a number. */
#include "policies/portable.h"
#include "policies/ridge.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define BOUND_SLACK 1e-6

/* P is positive definite, so that (P phi)_j^2 <= P_jj phi'P phi. Features far
 * apart in size (1 and 1e9) leave nothing of P but rounding, which knows no
 * such bound: the weights would grow without end. What is within the bound
 * stays as it is, bit for bit. Returns phi'P phi. */
static double bound_gain(const struct ridge *self, const double *inverse,
        const double *phi, double *gain)
{
    double excited = fmax(dot(phi, gain, self->width), 0.0);

    for (uint32_t j = 0; j < self->width; j++) {
        double most = inverse[triangle_count(j + 1) - 1] * excited;
        if (gain[j] * gain[j] > (1.0 + BOUND_SLACK) * most)
            gain[j] = gain[j] < 0.0 ? -sqrt(most) : sqrt(most);
    }
    return excited;
}

/* What rounding leaves of a diagonal is at least half of what is left without
 * it: P_jj (1 - excited/denominator). The diagonals go after the rows: one that
 * was just written would have to be waited for. */
static void learn_inverse(const struct ridge *self, double *inverse,
        const double *gain, double rest, double denominator,
        struct arena *scratch)
{
    double kept = 0.5 * rest / denominator;
    double *least = arena_array(scratch, double, self->width);

    CHECK(least != NULL);
    for (uint32_t i = 0; i < self->width; i++) {
        double left = kept * inverse[triangle_count(i + 1) - 1];
        least[i] = left > DBL_MIN ? left : DBL_MIN;
    }
    symmetric_rank_one(inverse, -1.0 / denominator, gain, self->width);
    for (uint32_t i = 0; i < self->width; i++) {
        double *diagonal = &inverse[triangle_count(i + 1) - 1];
        if (*diagonal < least[i])
            *diagonal = least[i];
    }
}

static void add_weights(const struct ridge *self, double factor,
        const double *gain, double *theta)
{
    axpy(factor, gain, theta, self->width);
    for (uint32_t j = 0; j < self->width; j++)
        theta[j] = theta[j] > RIDGE_STATE_MAX ? RIDGE_STATE_MAX
                : theta[j] < -RIDGE_STATE_MAX ? -RIDGE_STATE_MAX
                                              : theta[j];
}

/* Directions that are never excited grow by 1/f a lesson; this holds the
 * diagonal at or below the prior's. */
static void bound_windup(struct ridge *self, uint32_t model, double *factor)
{
    double *inverse = inverse_of(self, model);
    bool needed = false;

    for (uint32_t j = 0; j < self->width; j++) {
        double diagonal = inverse[triangle_count(j + 1) - 1];
        factor[j] = fmin(1.0, sqrt(1.0 / (prior_of(self, j) * diagonal)));
        needed = needed || factor[j] < 1.0;
    }
    for (uint32_t i = 0; needed && i < self->width; i++)
        for (uint32_t j = 0; j <= i; j++)
            inverse[triangle_count(i) + j] *= factor[i] * factor[j];
}

/* One row into the sums. */
static void add_row(struct ridge *self, uint32_t model, const double *phi,
        double loss, double weight)
{
    double *sums = sums_of(self, model);
    double *squares = sums + self->width;
    double forgetting = self->options->forgetting;
    size_t count = self->width + triangle_count(self->width);

    if (!self->options->scale)
        return;
    for (size_t i = 0; forgetting < 1.0 && i < count; i++)
        sums[i] *= forgetting;
    axpy(weight * loss, phi, sums, self->width);
    symmetric_rank_one(squares, weight, phi, self->width);
}

/* P and theta from the sums: P = (D + lambda I)^-1, theta = P b. */
static void solve(struct ridge *self, uint32_t model)
{
    const double *sums = sums_of(self, model);
    double *inverse = inverse_of(self, model);
    double log_prior = 0.0;

    memcpy(inverse, sums + self->width,
            triangle_count(self->width) * sizeof(*inverse));
    for (uint32_t i = 0; i < self->width; i++) {
        inverse[triangle_count(i + 1) - 1] += prior_of(self, i);
        log_prior += portable_log(prior_of(self, i));
    }
    *log_det_of(self, model) = cholesky(inverse, self->width) - log_prior;
    cholesky_invert(inverse, self->width);
    symmetric_times(inverse, sums, theta_of(self, model), self->width);
}

void ridge_observe(struct ridge *self, uint64_t rows,
        const struct context *context, const struct features *action,
        struct arena *scratch)
{
    struct column *columns = columns_of(self);
    size_t mark = scratch->used;
    struct column *next = arena_array(scratch, struct column, self->columns);
    struct basis_map map;

    CHECK(next != NULL);
    if (!basis_observe(&self->basis, columns, rows, &context->shared,
                self->basis.own ? action : NULL, next)) {
        arena_release(scratch, mark);
        return;
    }
    basis_map_make(&self->basis, columns, next, scratch, &map);
    memcpy(columns, next, self->columns * sizeof(*columns));
    refresh_scaling(self);
    self->fit = self->squares;
    for (uint32_t model = 0; self->lessons > 0 && model < self->models;
            model++) {
        double *sums = sums_of(self, model);
        basis_map_vector(&map, sums, scratch);
        basis_map_matrix(&map, sums + self->width, scratch);
        solve(self, model);
        self->fit -= dot(sums, theta_of(self, model), self->width);
    }
    refresh_folded(self);
    arena_release(scratch, mark);
}

struct ridge_row ridge_learn_row(struct ridge *self, uint32_t model,
        double *phi, double target, double weight, struct arena *scratch)
{
    double forgetting = self->options->forgetting;
    double *theta = theta_of(self, model);
    double *inverse = inverse_of(self, model);
    double *gain = arena_array(scratch, double, self->width);
    double denominator;
    struct ridge_row row;

    CHECK(gain != NULL);
    symmetric_times(inverse, phi, gain, self->width);
    row.excited = bound_gain(self, inverse, phi, gain);
    denominator = forgetting / weight + row.excited;
    row.residual = target - dot(theta, phi, self->width);
    add_weights(self, row.residual / denominator, gain, theta);
    learn_inverse(
            self, inverse, gain, forgetting / weight, denominator, scratch);
    add_row(self, model, phi, target, weight);
    if (forgetting < 1.0) {
        for (size_t i = 0; i < triangle_count(self->width); i++)
            inverse[i] /= forgetting;
        bound_windup(self, model, phi);
    }
    refresh_folded(self);
    *log_det_of(self, model) += portable_log1p(weight * row.excited);
    return row;
}

void ridge_count(struct ridge *self, double weight)
{
    self->effective = self->options->forgetting * self->effective + weight;
    self->lessons++;
}

void ridge_learn(
        void *block, const struct lesson *lesson, struct arena *scratch)
{
    struct ridge *self = block;
    uint32_t model = model_of(self, lesson->actions, lesson->chosen);
    double weight = lesson->weight;
    struct ridge_row row;
    double *phi;

    ridge_observe(self, self->lessons, lesson->context,
            features_of(lesson->actions, lesson->chosen), scratch);
    phi = ridge_phi(
            self, lesson->context, lesson->actions, lesson->chosen, scratch);
    row = ridge_learn_row(self, model, phi, lesson->loss, weight, scratch);
    self->squares += weight * lesson->loss * lesson->loss;
    /* Section 5's identity: what the best fit grows by. */
    self->fit +=
            weight * row.residual * row.residual / (1.0 + weight * row.excited);
    ridge_count(self, weight);
}

/* theta = P b, and b changes by w phi (after - before). */
bool ridge_correct(void *block, const struct lesson *lesson, double before,
        struct arena *scratch)
{
    struct ridge *self = block;
    uint32_t model = model_of(self, lesson->actions, lesson->chosen);
    double change = lesson->weight * (lesson->loss - before);
    double *phi, *gain;

    if (self->options->forgetting < 1.0)
        return false;
    phi = ridge_phi(
            self, lesson->context, lesson->actions, lesson->chosen, scratch);
    gain = arena_array(scratch, double, self->width);
    CHECK(gain != NULL);
    symmetric_times(inverse_of(self, model), phi, gain, self->width);
    self->squares += change * (lesson->loss + before);
    self->fit += change * (lesson->loss + before) -
            2.0 * change * dot(phi, theta_of(self, model), self->width) -
            change * change * dot(phi, gain, self->width);
    add_weights(self, change, gain, theta_of(self, model));
    refresh_folded(self);
    if (self->options->scale)
        axpy(change, phi, sums_of(self, model), self->width);
    return true;
}
