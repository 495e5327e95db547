/* Ridge regression by recursive least squares (bandits.md, section 2.1): the
 * loss is linear in the features, exactly as if solved anew after each lesson.
 *
 * One model for all actions where actions have features: phi = [1, shared,
 * action]. One model per catalogue slot where they have none: phi = [1,
 * shared]. Named features are hashed into shape.named_columns columns.
 *
 * Not for thousands of columns: a lesson costs d^2. */
#include "policies/features.h"
#include "policies/linalg.h"
#include "policies/oracle.h"

#include <math.h>

enum { MODEL_AUTO, MODEL_SHARED, MODEL_PER_ACTION };

struct ridge_options {
    double lambda;
    double forgetting;
    uint32_t model;
    bool intercept;
    bool clip;
};

struct ridge {
    const struct ridge_options *options;
    const struct shape *shape;
    uint32_t common; /* columns of [1, shared]: the same for all actions */
    uint32_t width; /* columns of phi */
    uint32_t models;
    uint64_t lessons;
    double effective;
    /* models x { log_det, theta[width], P as a triangle } */
    double values[];
};

static const char *const model_choices[] = {
        "auto", "shared", "per_action", NULL};

#define AT(member) offsetof(struct ridge_options, member)

static const struct option_row ridge_rows[] = {
        {.name = "lambda",
                .type = OPTION_DOUBLE,
                .offset = AT(lambda),
                .min = 1e-3,
                .max = 1e9,
                .fallback = 1.0,
                .sentence = "strength of the pull of all weights to zero"},
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
        {.name = "intercept",
                .type = OPTION_FLAG,
                .offset = AT(intercept),
                .fallback = 1,
                .sentence = "a constant column in front of the others"},
        {.name = "clip",
                .type = OPTION_FLAG,
                .offset = AT(clip),
                .sentence = "clip predictions to the range of losses, 0..1"},
};

static const struct ridge_options *options_of(const struct oracle_spec *spec)
{
    return spec->options;
}

static uint32_t common_columns(
        const struct ridge_options *options, const struct shape *shape)
{
    return (options->intercept ? 1 : 0) + shape->shared_dense +
            shape->named_columns;
}

static bool per_action(
        const struct ridge_options *options, const struct shape *shape)
{
    if (options->model != MODEL_AUTO)
        return options->model == MODEL_PER_ACTION;
    return shape->slots > 0 && shape->action_dense == 0 && !shape->predict;
}

static uint32_t width_of(
        const struct ridge_options *options, const struct shape *shape)
{
    uint32_t common = common_columns(options, shape);

    if (per_action(options, shape) || shape->predict)
        return common;
    return common + shape->action_dense + shape->named_columns;
}

static size_t model_count(uint32_t width)
{
    return 1 + width + triangle_count(width);
}

static size_t ridge_footprint(const struct oracle_spec *spec,
        const struct shape *shape, struct err *err)
{
    const struct ridge_options *options = options_of(spec);
    uint32_t width = width_of(options, shape);
    bool apart = per_action(options, shape);

    if (apart && shape->slots == 0) {
        (void)err_set(err, STATUS_INVALID,
                "ridge: model per_action needs a catalogue of actions");
        return 0;
    }
    if (!apart && !shape->predict && shape->action_dense == 0 &&
            shape->named_columns == 0) {
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
    return sizeof(struct ridge) +
            (apart ? shape->slots : 1) * model_count(width) * sizeof(double);
}

static size_t ridge_scratch(
        const struct oracle_spec *spec, const struct shape *shape)
{
    return 4 * ((size_t)width_of(options_of(spec), shape) + 8) * sizeof(double);
}

static double *log_det_of(struct ridge *self, uint32_t model)
{
    return self->values + model * model_count(self->width);
}

static double *theta_of(struct ridge *self, uint32_t model)
{
    return log_det_of(self, model) + 1;
}

static double *inverse_of(struct ridge *self, uint32_t model)
{
    return theta_of(self, model) + self->width;
}

static const double *const_theta(const struct ridge *self, uint32_t model)
{
    return self->values + model * model_count(self->width) + 1;
}

static void ridge_init(
        void *block, const struct oracle_spec *spec, const struct shape *shape)
{
    struct ridge *self = block;

    self->options = options_of(spec);
    self->shape = shape;
    self->common = common_columns(self->options, shape);
    self->width = width_of(self->options, shape);
    self->models = per_action(self->options, shape) ? shape->slots : 1;
    for (uint32_t model = 0; model < self->models; model++)
        for (uint32_t i = 0; i < self->width; i++)
            inverse_of(self, model)[triangle_count(i + 1) - 1] =
                    1.0 / self->options->lambda;
}

/* ---- features ---- */

/* phi's part [1, shared], in the arena. */
static double *common_part(
        const struct ridge *self, const struct context *context, double *out)
{
    uint32_t first = self->options->intercept ? 1 : 0;

    if (first)
        out[0] = 1.0;
    features_dense(&context->shared, self->shape->shared_dense,
            self->shape->named_columns, out + first);
    return out;
}

static void action_part(
        const struct ridge *self, const struct features *action, double *out)
{
    static const struct features none;

    features_dense(action == NULL ? &none : action, self->shape->action_dense,
            self->shape->named_columns, out);
}

static const struct features *features_of(
        const struct action_set *actions, uint32_t index)
{
    return actions->features == NULL ? NULL : &actions->features[index];
}

/* The whole phi of one action. */
static double *whole_phi(const struct ridge *self,
        const struct context *context, const struct action_set *actions,
        uint32_t index, struct arena *scratch)
{
    double *phi = arena_array(scratch, double, self->width);

    CHECK(phi != NULL);
    (void)common_part(self, context, phi);
    if (self->width > self->common)
        action_part(self, features_of(actions, index), phi + self->common);
    return phi;
}

static uint32_t model_of(const struct ridge *self,
        const struct action_set *actions, uint32_t index)
{
    return self->models == 1 ? 0 : actions->slot[index];
}

/* ---- predicting ---- */

static double clipped(const struct ridge *self, double loss)
{
    return self->options->clip ? fmin(fmax(loss, 0.0), 1.0) : loss;
}

static void predict_per_action(const struct ridge *self, const double *common,
        const struct action_set *actions, double *losses)
{
    for (uint32_t i = 0; i < actions->count; i++)
        losses[i] = clipped(self,
                dot(const_theta(self, model_of(self, actions, i)), common,
                        self->common));
}

static void predict_shared(const struct ridge *self, const double *common,
        const struct action_set *actions, struct arena *scratch, double *losses)
{
    const double *theta = const_theta(self, 0);
    double base = dot(theta, common, self->common);
    uint32_t columns = self->width - self->common;
    double *part = arena_array(scratch, double, columns);

    CHECK(part != NULL);
    for (uint32_t i = 0; i < actions->count; i++) {
        const struct features *action = features_of(actions, i);
        const double *own = part;
        if (self->shape->named_columns == 0 && action != NULL)
            own = action->dense;
        else
            action_part(self, action, part);
        losses[i] =
                clipped(self, base + dot(theta + self->common, own, columns));
    }
}

static void ridge_predict(const void *block, const struct context *context,
        const struct action_set *actions, struct arena *scratch, double *losses)
{
    const struct ridge *self = block;
    double *common = arena_array(scratch, double, self->common);

    CHECK(common != NULL);
    (void)common_part(self, context, common);
    if (self->models > 1 || self->width == self->common)
        predict_per_action(self, common, actions, losses);
    else
        predict_shared(self, common, actions, scratch, losses);
}

/* The models within the budget are an ellipsoid around theta: the range of
 * their predictions is sqrt(budget phi' P phi) either way. */
static void ridge_spread(const void *block, const struct context *context,
        const struct action_set *actions, double budget, struct arena *scratch,
        double *below, double *above)
{
    const struct ridge *self = block;

    for (uint32_t i = 0; i < actions->count; i++) {
        size_t mark = scratch->used;
        double *phi = whole_phi(self, context, actions, i, scratch);
        double *gain = arena_array(scratch, double, self->width);
        uint32_t model = model_of(self, actions, i);
        CHECK(gain != NULL);
        symmetric_times(
                const_theta(self, model) + self->width, phi, gain, self->width);
        below[i] = sqrt(budget * fmax(dot(phi, gain, self->width), 0.0));
        if (above != NULL)
            above[i] = below[i];
        arena_release(scratch, mark);
    }
}

/* ---- learning ---- */

/* Directions that are never excited grow by 1/f a lesson; this holds the
 * diagonal at or below the prior's. */
static void bound_windup(struct ridge *self, uint32_t model, double *factor)
{
    double *inverse = inverse_of(self, model);
    bool needed = false;

    for (uint32_t j = 0; j < self->width; j++) {
        double diagonal = inverse[triangle_count(j + 1) - 1];
        factor[j] = fmin(1.0, sqrt(1.0 / (self->options->lambda * diagonal)));
        needed = needed || factor[j] < 1.0;
    }
    for (uint32_t i = 0; needed && i < self->width; i++)
        for (uint32_t j = 0; j <= i; j++)
            inverse[triangle_count(i) + j] *= factor[i] * factor[j];
}

static void ridge_learn(
        void *block, const struct lesson *lesson, struct arena *scratch)
{
    struct ridge *self = block;
    double forgetting = self->options->forgetting;
    uint32_t model = model_of(self, lesson->actions, lesson->chosen);
    double *theta = theta_of(self, model);
    double *inverse = inverse_of(self, model);
    double *phi = whole_phi(
            self, lesson->context, lesson->actions, lesson->chosen, scratch);
    double *gain = arena_array(scratch, double, self->width);
    double excited, denominator;

    CHECK(gain != NULL);
    symmetric_times(inverse, phi, gain, self->width);
    excited = dot(phi, gain, self->width);
    denominator = forgetting / lesson->weight + excited;
    axpy((lesson->loss - dot(theta, phi, self->width)) / denominator, gain,
            theta, self->width);
    symmetric_rank_one(inverse, -1.0 / denominator, gain, self->width);
    if (forgetting < 1.0) {
        for (size_t i = 0; i < triangle_count(self->width); i++)
            inverse[i] /= forgetting;
        bound_windup(self, model, phi);
    }
    *log_det_of(self, model) += log1p(lesson->weight * excited);
    self->effective = forgetting * self->effective + lesson->weight;
    self->lessons++;
}

/* theta = P b, and b changes by w phi (after - before). */
static bool ridge_correct(void *block, const struct lesson *lesson,
        double before, struct arena *scratch)
{
    struct ridge *self = block;
    uint32_t model = model_of(self, lesson->actions, lesson->chosen);
    double *phi, *gain;

    if (self->options->forgetting < 1.0)
        return false;
    phi = whole_phi(
            self, lesson->context, lesson->actions, lesson->chosen, scratch);
    gain = arena_array(scratch, double, self->width);
    CHECK(gain != NULL);
    symmetric_times(inverse_of(self, model), phi, gain, self->width);
    axpy(lesson->weight * (lesson->loss - before), gain, theta_of(self, model),
            self->width);
    return true;
}

static double ridge_effective(const void *block)
{
    const struct ridge *self = block;

    return self->effective;
}

/* ---- bytes ---- */

static size_t value_count(const struct ridge *self)
{
    return self->models * model_count(self->width);
}

static void ridge_save(const void *block, struct writer *writer)
{
    const struct ridge *self = block;

    write_u32(writer, self->width);
    write_u32(writer, self->models);
    write_u64(writer, self->lessons);
    write_f64(writer, self->effective);
    write_f64s(writer, self->values, value_count(self));
}

static bool ridge_check(const void *block)
{
    const struct ridge *self = block;

    if (!isfinite(self->effective) || self->effective < 0.0)
        return false;
    for (size_t i = 0; i < value_count(self); i++)
        if (!isfinite(self->values[i]))
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
    read_f64s(reader, self->values, value_count(self));
    if (reader->failed || !ridge_check(self))
        return err_set(err, STATUS_CORRUPT, "ridge: state is damaged");
    return 0;
}

static void ridge_visit(const void *block, const struct visitor *visitor)
{
    const struct ridge *self = block;
    double log_det = 0.0, square = 0.0;

    for (uint32_t model = 0; model < self->models; model++) {
        const double *theta = const_theta(self, model);
        log_det += theta[-1];
        square += dot(theta, theta, self->width);
    }
    visitor->number(visitor->self, "ridge_lessons", -1, (double)self->lessons);
    visitor->number(visitor->self, "ridge_effective", -1, self->effective);
    visitor->number(visitor->self, "ridge_columns", -1, self->width);
    visitor->number(visitor->self, "ridge_log_det", -1, log_det);
    visitor->number(visitor->self, "ridge_weights_norm", -1, sqrt(square));
}

const struct oracle oracle_ridge = {
        .name = "ridge",
        .state_version = 1,
        .options = {ridge_rows, ARRAY_COUNT(ridge_rows),
                sizeof(struct ridge_options)},
        .footprint = ridge_footprint,
        .scratch = ridge_scratch,
        .init = ridge_init,
        .predict = ridge_predict,
        .spread = ridge_spread,
        .learn = ridge_learn,
        .correct = ridge_correct,
        .effective = ridge_effective,
        .save = ridge_save,
        .load = ridge_load,
        .check = ridge_check,
        .visit = ridge_visit,
};
