/* What the parts of the ridge oracle share: options, state and its layout
 * (oracle_ridge.c), learning (ridge_learn.c), preferences (ridge_duel.c). */
#ifndef POLICIES_RIDGE_H
#define POLICIES_RIDGE_H

#include "policies/basis.h"
#include "policies/linalg.h"
#include "policies/oracle.h"

/* Larger numbers than any that mean something; their products with features
 * within VALUE_MAX, and with products of such, are finite. */
#define RIDGE_STATE_MAX 1e100

struct ridge_options {
    double lambda;
    double forgetting;
    double optimism;
    uint32_t model;
    uint32_t products;
    bool intercept;
    bool scale;
    bool clip;
};

struct ridge {
    const struct ridge_options *options;
    struct basis_shape basis;
    uint32_t common; /* phi's columns that all actions of a round share */
    uint32_t width; /* columns of phi */
    uint32_t columns; /* that are kept track of */
    uint32_t models;
    bool duel; /* it learns preferences, and predicts logits */
    size_t model_size; /* numbers of one model */
    uint64_t lessons;
    double effective;
    double squares; /* sum of weight loss^2 */
    double fit; /* loss of the best fixed models for all lessons, with its
                   penalty; without forgetting */
    /* columns x struct column, then models x { log_det, theta[width], P as a
     * triangle, and with `scale` b[width], D as a triangle }; then, which is
     * not saved, the scaling of the columns, and the weights of an action's
     * dense columns with that folded in */
    double values[];
};

/* ---- the layout of a state ---- */

static inline struct column *columns_of(struct ridge *self)
{
    return (struct column *)self->values;
}

static inline const struct column *const_columns(const struct ridge *self)
{
    return (const struct column *)self->values;
}

static inline double *log_det_of(struct ridge *self, uint32_t model)
{
    return self->values + self->columns * COLUMN_NUMBERS +
            model * self->model_size;
}

static inline double *theta_of(struct ridge *self, uint32_t model)
{
    return log_det_of(self, model) + 1;
}

static inline double *inverse_of(struct ridge *self, uint32_t model)
{
    return theta_of(self, model) + self->width;
}

/* b, then D; only with `scale`. */
static inline double *sums_of(struct ridge *self, uint32_t model)
{
    return inverse_of(self, model) + triangle_count(self->width);
}

static inline size_t value_count(const struct ridge *self)
{
    return self->columns * COLUMN_NUMBERS + self->models * self->model_size;
}

static inline const double *scaling_of(const struct ridge *self)
{
    return self->values + value_count(self);
}

static inline const double *folded_of(const struct ridge *self)
{
    return scaling_of(self) + basis_scaling_numbers(&self->basis);
}

/* After the weights have changed. */
static inline void refresh_folded(struct ridge *self)
{
    if (self->basis.own)
        basis_fold(&self->basis, scaling_of(self),
                theta_of(self, 0) + self->common,
                self->values + value_count(self) +
                        basis_scaling_numbers(&self->basis));
}

/* After the columns have changed. */
static inline void refresh_scaling(struct ridge *self)
{
    basis_scaling(
            &self->basis, columns_of(self), self->values + value_count(self));
    refresh_folded(self);
}

static inline const double *const_theta(
        const struct ridge *self, uint32_t model)
{
    return self->values + self->columns * COLUMN_NUMBERS +
            model * self->model_size + 1;
}

/* The pull of column i to zero. */
static inline double prior_of(const struct ridge *self, uint32_t i)
{
    const struct ridge_options *options = self->options;

    return i == 0 && options->intercept && options->optimism > 0.0
            ? options->optimism
            : options->lambda;
}

/* ---- phi ---- */

static inline const struct features *features_of(
        const struct action_set *actions, uint32_t index)
{
    return actions->features == NULL ? NULL : &actions->features[index];
}

static inline uint32_t model_of(const struct ridge *self,
        const struct action_set *actions, uint32_t index)
{
    return self->models == 1 ? 0 : actions->slot[index];
}

/* The whole phi of one action. */
double *ridge_phi(const struct ridge *self, const struct context *context,
        const struct action_set *actions, uint32_t index,
        struct arena *scratch);

/* ---- learning ---- */

/* Takes the columns of a row in, before it is learned, and moves the basis
 * where it has to; `rows` were seen before it. The scratch is given back. */
void ridge_observe(struct ridge *self, uint64_t rows,
        const struct context *context, const struct features *action,
        struct arena *scratch);

/* A row of the least squares: phi (which is overwritten) has `target`, with a
 * weight. Returns what the residual was and what phi'P phi. */
struct ridge_row {
    double residual, excited;
};
struct ridge_row ridge_learn_row(struct ridge *self, uint32_t model,
        double *phi, double target, double weight, struct arena *scratch);

/* After the models have learned. */
void ridge_count(struct ridge *self, double weight);

void ridge_learn(
        void *block, const struct lesson *lesson, struct arena *scratch);
bool ridge_correct(void *block, const struct lesson *lesson, double before,
        struct arena *scratch);
void ridge_prefer(void *block, const struct duel *duel, struct arena *scratch);

#endif
