/* Ridge regression by recursive least squares (bandits.md, section 2.1): the
 * loss is linear in phi, exactly as if solved anew after each lesson.
 *
 * One model for all actions where actions have features; one model per
 * catalogue slot where they have none. policies/basis.h makes phi, and scales
 * its columns; with `scale` a model also keeps the sums D = sum f^age w phi
 * phi' and b = sum f^age w phi loss, from which it is solved anew, P = (D +
 * lambda I)^-1, whenever the basis moves. So scaling or shifting a feature
 * changes no prediction.
 *
 * Not for thousands of columns: a lesson costs d^2, a move of the basis d^3. */
#include "base/limits.h"
#include "policies/features.h"
#include "policies/portable.h"
#include "policies/ridge.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* See ridge_simpler. */
#define LAMBDA_STRONG 1.0
#define LAMBDA_STEP   50.0
/* See ridge_near_constant. */
#define LAMBDA_NEAR_CONSTANT 100.0

enum { MODEL_AUTO, MODEL_SHARED, MODEL_PER_ACTION };

static const char *const model_choices[] = {
        "auto", "shared", "per_action", NULL};
/* In the order of enum basis_products. */
static const char *const product_choices[] = {
        "none", "context", "action", "all", NULL};

#define AT(member) offsetof(struct ridge_options, member)

static const struct option_row ridge_rows[] = {
        {.name = "lambda",
                .type = OPTION_DOUBLE,
                .offset = AT(lambda),
                .min = 1e-3,
                .max = 1e9,
                .fallback = 1.0,
                .sentence = "strength of the pull of all weights to zero"},
        {.name = "optimism",
                .type = OPTION_DOUBLE,
                .offset = AT(optimism),
                .min = 0.0,
                .max = 1e9,
                .sentence = "the same for the intercept, as rounds without "
                            "loss that each model begins with; 0: as lambda"},
        {.name = "forgetting",
                .type = OPTION_DOUBLE,
                .offset = AT(forgetting),
                .min = 0.5,
                .max = 1.0,
                .fallback = 1.0,
                .sentence = "weight of the past after each lesson; 1/(1-f) "
                            "lessons are remembered; corrections are exact "
                            "at 1 only"},
        {.name = "model",
                .type = OPTION_CHOICE,
                .offset = AT(model),
                .choices = model_choices,
                .sentence = "one model for all actions, or one for each of "
                            "the catalogue; auto: per_action where actions "
                            "have no features"},
        {.name = "products",
                .type = OPTION_CHOICE,
                .offset = AT(products),
                .choices = product_choices,
                .sentence = "more columns: products of pairs of dense columns "
                            "of the context, of the context with the action, "
                            "or both"},
        {.name = "intercept",
                .type = OPTION_FLAG,
                .offset = AT(intercept),
                .fallback = 1,
                .sentence = "a constant column in front of the others"},
        {.name = "scale",
                .type = OPTION_FLAG,
                .offset = AT(scale),
                .fallback = 1,
                .sentence = "centre and scale dense columns as they come, so "
                            "that their units do not matter; columns of zeros "
                            "and ones are left alone"},
        {.name = "clip",
                .type = OPTION_FLAG,
                .offset = AT(clip),
                .sentence = "clip predictions to the range of losses, 0..1; "
                            "those of duels have no range"},
};

static const struct ridge_options *options_of(const struct oracle_spec *spec)
{
    return spec->options;
}

static bool per_action(
        const struct ridge_options *options, const struct shape *shape)
{
    if (options->model != MODEL_AUTO)
        return options->model == MODEL_PER_ACTION;
    return shape->slots > 0 && shape->action_dense == 0 && !shape->predict;
}

static struct basis_shape basis_of(
        const struct ridge_options *options, const struct shape *shape)
{
    bool own = !per_action(options, shape) && !shape->predict;

    return (struct basis_shape){
            .shared = shape->shared_dense,
            .action = own ? shape->action_dense : 0,
            .named = shape->named_columns,
            .own = own,
            .intercept = options->intercept,
            .scale = options->scale,
            .products = (enum basis_products)options->products,
    };
}

/* Without products; and then, where the prior is weak, with a strong one, which
 * few rows and much noise ask for. */
static bool ridge_simpler(const void *options, void *out)
{
    struct ridge_options *simple = out;
    bool products =
            ((const struct ridge_options *)options)->products != PRODUCTS_NONE;

    memcpy(simple, options, sizeof(*simple));
    if (!products && simple->lambda >= LAMBDA_STRONG)
        return false;
    if (!products)
        simple->lambda *= LAMBDA_STEP;
    simple->products = PRODUCTS_NONE;
    return true;
}

/* So strong a prior that columns count for little until some hundred rows have
 * told of them. The intercept has its own where `optimism` is set. */
static bool ridge_near_constant(const void *options, void *out)
{
    struct ridge_options *variant = out;

    memcpy(variant, options, sizeof(*variant));
    if (variant->lambda >= LAMBDA_NEAR_CONSTANT)
        return false;
    variant->lambda = LAMBDA_NEAR_CONSTANT;
    variant->products = PRODUCTS_NONE;
    return true;
}

static size_t model_numbers(uint32_t width, bool scale)
{
    return 1 + (scale ? 2 : 1) * (width + triangle_count(width));
}

static size_t ridge_footprint(const struct oracle_spec *spec,
        const struct shape *shape, struct err *err)
{
    const struct ridge_options *options = options_of(spec);
    struct basis_shape basis = basis_of(options, shape);
    uint32_t width = basis_width(&basis);
    bool apart = per_action(options, shape);

    if (apart && shape->slots == 0) {
        (void)err_set(err, STATUS_INVALID,
                "ridge: model per_action needs a catalogue of actions");
        return 0;
    }
    if (basis.own && shape->action_dense == 0 && shape->named_columns == 0) {
        (void)err_set(err, STATUS_INVALID,
                "ridge: cannot tell actions apart: declare a catalogue "
                "(actions), action_features or named_columns");
        return 0;
    }
    if (width == 0) {
        (void)err_set(err, STATUS_INVALID,
                "ridge: no columns: the context is empty and there is no "
                "intercept");
        return 0;
    }
    if (width > COLUMNS_MAX) {
        (void)err_set(err, STATUS_INVALID,
                "ridge: %u columns with products, at most %u", width,
                COLUMNS_MAX);
        return 0;
    }
    return sizeof(struct ridge) +
            ((size_t)basis_columns(&basis) * COLUMN_NUMBERS +
                    (apart ? shape->slots : 1) *
                            model_numbers(width, options->scale) +
                    basis_scaling_numbers(&basis) + basis.action) *
            sizeof(double);
}

/* phi of the round, of one action, and what spread or a lesson adds. */
static size_t ridge_scratch(
        const struct oracle_spec *spec, const struct shape *shape)
{
    struct basis_shape basis = basis_of(options_of(spec), shape);

    return 4 * ((size_t)basis_width(&basis) + 8) * sizeof(double);
}

/* When the basis moves: its map and a copy of one D. */
static size_t ridge_learn_scratch(
        const struct oracle_spec *spec, const struct shape *shape)
{
    struct basis_shape basis = basis_of(options_of(spec), shape);
    size_t width = basis_width(&basis);
    size_t move = width * 48 + triangle_count((uint32_t)width + 4) * 8 +
            (size_t)basis_columns(&basis) * sizeof(struct column) + 128;

    /* A duel has two rows. */
    return (shape->duel ? 2 : 1) * ridge_scratch(spec, shape) +
            (basis.scale ? move : 0);
}

static void ridge_init(
        void *block, const struct oracle_spec *spec, const struct shape *shape)
{
    struct ridge *self = block;

    self->options = options_of(spec);
    self->basis = basis_of(self->options, shape);
    self->common = basis_common(&self->basis);
    self->width = basis_width(&self->basis);
    self->columns = basis_columns(&self->basis);
    self->duel = shape->duel;
    self->models = per_action(self->options, shape) ? shape->slots : 1;
    self->model_size = model_numbers(self->width, self->options->scale);
    basis_init(&self->basis, columns_of(self));
    refresh_scaling(self);
    for (uint32_t model = 0; model < self->models; model++)
        for (uint32_t i = 0; i < self->width; i++)
            inverse_of(self, model)[triangle_count(i + 1) - 1] =
                    1.0 / prior_of(self, i);
}

/* ---- phi ---- */

/* The whole phi of one action. */
double *ridge_phi(const struct ridge *self, const struct context *context,
        const struct action_set *actions, uint32_t index, struct arena *scratch)
{
    double *phi = arena_array(scratch, double, self->width);

    CHECK(phi != NULL);
    basis_common_part(&self->basis, scaling_of(self), &context->shared, phi);
    if (self->basis.own)
        basis_own_part(&self->basis, scaling_of(self), phi,
                features_of(actions, index), phi + self->common);
    return phi;
}

/* ---- predicting ---- */

static double clipped(double loss)
{
    return loss < 0.0 ? 0.0 : loss > 1.0 ? 1.0 : loss;
}

static void clip_all(const struct ridge *self, uint32_t count, double *losses)
{
    /* Losses of duels are logits. */
    if (!self->options->clip || self->duel)
        return;
    for (uint32_t i = 0; i < count; i++)
        losses[i] = clipped(losses[i]);
}

static void predict_per_action(const struct ridge *self, const double *common,
        const struct action_set *actions, double *losses)
{
    static const uint32_t first = 0;

    if (self->models == 1)
        for (uint32_t i = 0; i < actions->count; i++)
            dots(const_theta(self, 0), 0, &first, 1, common, self->common,
                    &losses[i]);
    else
        dots(const_theta(self, 0), self->model_size, actions->slot,
                actions->count, common, self->common, losses);
}

/* Dense columns with the scaling in the weights; named ones are not scaled. */
static void predict_folded(const struct ridge *self, double base,
        const struct action_set *actions, struct arena *scratch, double *losses)
{
    const double *theta =
            const_theta(self, 0) + self->common + self->basis.action;
    double *named = arena_array(scratch, double, self->basis.named);

    CHECK(named != NULL);
    for (uint32_t i = 0; i < actions->count; i++) {
        const struct features *action = features_of(actions, i);
        losses[i] = base +
                basis_folded_dot(&self->basis, scaling_of(self),
                        folded_of(self), action);
        if (self->basis.named == 0 || action == NULL)
            continue;
        features_dense(action, 0, self->basis.named, named);
        losses[i] += dot(theta, named, self->basis.named);
    }
}

static void predict_shared(const struct ridge *self, const double *common,
        const struct action_set *actions, struct arena *scratch, double *losses)
{
    const double *theta = const_theta(self, 0);
    double base = dot(theta, common, self->common);
    uint32_t columns = self->width - self->common;
    double *own;

    if (basis_folds(&self->basis, scaling_of(self))) {
        predict_folded(self, base, actions, scratch, losses);
        return;
    }
    own = arena_array(scratch, double, columns);
    CHECK(own != NULL);
    for (uint32_t i = 0; i < actions->count; i++) {
        basis_own_part(&self->basis, scaling_of(self), common,
                features_of(actions, i), own);
        losses[i] = base + dot(theta + self->common, own, columns);
    }
}

static void ridge_predict(const void *block, const struct context *context,
        const struct action_set *actions, struct arena *scratch, double *losses)
{
    const struct ridge *self = block;
    double *common = arena_array(scratch, double, self->common);

    CHECK(common != NULL);
    basis_common_part(&self->basis, scaling_of(self), &context->shared, common);
    if (self->basis.own)
        predict_shared(self, common, actions, scratch, losses);
    else
        predict_per_action(self, common, actions, losses);
    clip_all(self, actions->count, losses);
}

/* The models within the budget are an ellipsoid around theta: the range of
 * their predictions is sqrt(budget phi' P phi) either way. */
static void ridge_spread(const void *block, const struct context *context,
        const struct action_set *actions, double budget, struct arena *scratch,
        double *below, double *above)
{
    const struct ridge *self = block;
    double *phi = arena_array(scratch, double, self->width);

    CHECK(phi != NULL);
    basis_common_part(&self->basis, scaling_of(self), &context->shared, phi);
    for (uint32_t i = 0; i < actions->count; i++) {
        uint32_t model = model_of(self, actions, i);
        if (self->basis.own)
            basis_own_part(&self->basis, scaling_of(self), phi,
                    features_of(actions, i), phi + self->common);
        below[i] = sqrt(budget *
                fmax(quadratic_form(const_theta(self, model) + self->width, phi,
                             self->width),
                        0.0));
        if (above != NULL)
            above[i] = below[i];
    }
}

/* Section 5: lambda |u|^2 + d ln(1 + n X^2/(lambda d)), d parameters; each
 * model of norm 1. Nothing is proved of a past that is forgotten or of a basis
 * that moves. */
static double ridge_regret_bound(const struct oracle_spec *spec,
        const struct shape *shape, double rounds)
{
    const struct ridge_options *options = options_of(spec);
    struct basis_shape basis = basis_of(options, shape);
    double models = per_action(options, shape) ? shape->slots : 1;
    double parameters = models * basis_width(&basis);

    if (options->scale || options->forgetting < 1.0 || options->optimism > 0.0)
        return (double)NAN;
    return models * options->lambda +
            parameters * portable_log1p(rounds / (options->lambda * models));
}

static double log_dets(const struct ridge *self)
{
    double sum = 0.0;

    for (uint32_t model = 0; model < self->models; model++)
        sum += const_theta(self, model)[-1];
    return sum;
}

static void ridge_hindsight(const void *block, struct hindsight *out)
{
    const struct ridge *self = block;
    bool forgets = self->options->forgetting < 1.0;

    /* A basis that moved has changed the game: nothing is proved. Preferences
     * are no squared losses. */
    out->loss = forgets || self->duel ? (double)NAN : fmax(self->fit, 0.0);
    out->complexity = forgets || self->duel || self->options->scale
            ? (double)NAN
            : log_dets(self);
}

static double ridge_effective(const void *block)
{
    const struct ridge *self = block;

    return self->effective;
}

/* ---- bytes ---- */

static void ridge_save(const void *block, struct writer *writer)
{
    const struct ridge *self = block;

    write_u32(writer, self->width);
    write_u32(writer, self->models);
    write_u64(writer, self->lessons);
    write_f64(writer, self->effective);
    write_f64(writer, self->squares);
    write_f64(writer, self->fit);
    write_f64s(writer, self->values, value_count(self));
}

static bool ridge_check(const void *block)
{
    const struct ridge *self = block;

    if (!isfinite(self->effective) || self->effective < 0.0 ||
            !isfinite(self->squares) || !isfinite(self->fit))
        return false;
    for (size_t i = 0; i < value_count(self); i++)
        if (!(fabs(self->values[i]) <= RIDGE_STATE_MAX))
            return false;
    if (!basis_check(&self->basis, const_columns(self)))
        return false;
    for (uint32_t model = 0; model < self->models; model++) {
        const double *inverse = const_theta(self, model) + self->width;
        for (uint32_t i = 0; i < self->width; i++)
            if (!(inverse[triangle_count(i + 1) - 1] > 0.0))
                return false;
    }
    return true;
}

static int ridge_load(void *block, struct reader *reader, struct err *err)
{
    struct ridge *self = block;
    uint32_t width = read_u32(reader);
    uint32_t models = read_u32(reader);

    if (reader->failed || width != self->width || models != self->models)
        return err_set(err, STATUS_CORRUPT,
                "ridge: state of %u models of %u columns, expected %u of %u",
                models, width, self->models, self->width);
    self->lessons = read_u64(reader);
    self->effective = read_f64(reader);
    self->squares = read_f64(reader);
    self->fit = read_f64(reader);
    read_f64s(reader, self->values, value_count(self));
    if (reader->failed || !ridge_check(self))
        return err_set(err, STATUS_CORRUPT, "ridge: state is damaged");
    refresh_scaling(self);
    return 0;
}

static void ridge_visit(const void *block, const struct visitor *visitor)
{
    const struct ridge *self = block;
    double square = 0.0;

    for (uint32_t model = 0; model < self->models; model++) {
        const double *theta = const_theta(self, model);
        square += dot(theta, theta, self->width);
    }
    visitor->number(visitor->self, "ridge_lessons", -1, (double)self->lessons);
    visitor->number(visitor->self, "ridge_effective", -1, self->effective);
    visitor->number(visitor->self, "ridge_columns", -1, self->width);
    visitor->number(visitor->self, "ridge_log_det", -1, log_dets(self));
    visitor->number(visitor->self, "ridge_weights_norm", -1, sqrt(square));
}

const struct oracle oracle_ridge = {
        .name = "ridge",
        .state_version = 2,
        .options = {ridge_rows, ARRAY_COUNT(ridge_rows),
                sizeof(struct ridge_options)},
        .simpler = ridge_simpler,
        .near_constant = ridge_near_constant,
        .footprint = ridge_footprint,
        .scratch = ridge_scratch,
        .learn_scratch = ridge_learn_scratch,
        .init = ridge_init,
        .predict = ridge_predict,
        .spread = ridge_spread,
        .learn = ridge_learn,
        .prefer = ridge_prefer,
        .correct = ridge_correct,
        .effective = ridge_effective,
        .regret_bound = ridge_regret_bound,
        .hindsight = ridge_hindsight,
        .save = ridge_save,
        .load = ridge_load,
        .check = ridge_check,
        .visit = ridge_visit,
};
