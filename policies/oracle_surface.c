/* One smooth surface over a parameter and a scalar context, for actions that
 * are values of one parameter (relax.md, section 2.4): ridge regression of the
 * loss on the products
 *     phi_ab = P_a(u) P_b(z),  a = 0..A, b = 0..B,
 * P the Chebyshev polynomials, u the first column of the action's features and
 * z the first dense column of the context, each mapped from its declared range
 * to
 * [-1,1]. Neighbouring values share what they learned, so that a value never
 * tried is known from those around it. With `reward.scale: log` the loss is the
 * logarithm of a cost, as that section has it.
 *
 * The constant column is all but free of the ridge's pull to zero (in place of
 * subtracting the first outcome, as the section does), so that before much is
 * learned every value looks as good as the average one.
 *
 * Recursive least squares, O(d^2) a lesson, d = (A + 1)(B + 1); every
 * REFRESH lessons the inverse is made anew from the sums that it stands for, so
 * that no rounding builds up. */
#include "base/limits.h"
#include "base/wide.h"
#include "policies/linalg.h"
#include "policies/oracle.h"

#include <math.h>
#include <string.h>

#define DEGREE_MAX    12u
#define TERMS_MAX     (DEGREE_MAX + 1)
#define USUAL_ROWS    6u /* of the degrees that hold unless others are set */
#define USUAL_COLUMNS 5u
#define REFRESH       256u
#define FREE          1e-4 /* of lambda: the pull on the constant */
#define SUM_MAX       1e100

struct surface_options {
    double action_min, action_max;
    double context_min, context_max;
    uint32_t action_degree, context_degree;
    double lambda;
    double gain;
};

struct surface {
    const struct surface_options *options;
    uint32_t rows; /* A + 1 */
    uint32_t columns; /* B + 1 */
    uint32_t width; /* rows * columns */
    uint64_t lessons;
    double weight; /* of all lessons */
    /* theta[width] a row after the other, moment[width] = sum w phi loss, gram
     * (a triangle) = sum w phi phi', inverse (a triangle) = (gram + pull)^-1 */
    double values[];
};

#define AT(member) offsetof(struct surface_options, member)

static const struct option_row surface_rows[] = {
        {.name = "action_min",
                .type = OPTION_DOUBLE,
                .offset = AT(action_min),
                .min = -VALUE_MAX,
                .max = VALUE_MAX,
                .fallback = 0.0,
                .sentence = "lower end of the actions' first column; smaller "
                            "values count as this"},
        {.name = "action_max",
                .type = OPTION_DOUBLE,
                .offset = AT(action_max),
                .min = -VALUE_MAX,
                .max = VALUE_MAX,
                .fallback = 1.0,
                .sentence = "upper end of the actions' first column"},
        {.name = "context_min",
                .type = OPTION_DOUBLE,
                .offset = AT(context_min),
                .min = -VALUE_MAX,
                .max = VALUE_MAX,
                .fallback = 0.0,
                .sentence = "lower end of the first context column; smaller "
                            "values count as this"},
        {.name = "context_max",
                .type = OPTION_DOUBLE,
                .offset = AT(context_max),
                .min = -VALUE_MAX,
                .max = VALUE_MAX,
                .fallback = 1.0,
                .sentence = "upper end of the first context column"},
        {.name = "action_degree",
                .type = OPTION_COUNT,
                .offset = AT(action_degree),
                .min = 1,
                .max = DEGREE_MAX,
                .fallback = 5,
                .sentence = "degree of the polynomials in the action's column"},
        {.name = "context_degree",
                .type = OPTION_COUNT,
                .offset = AT(context_degree),
                .min = 0,
                .max = DEGREE_MAX,
                .fallback = 4,
                .sentence = "degree of the polynomials in the context; 0, or "
                            "no context column: the context is not looked at"},
        {.name = "lambda",
                .type = OPTION_DOUBLE,
                .offset = AT(lambda),
                .min = 1e-6,
                .max = 1e9,
                .fallback = 0.01,
                .sentence = "strength of the pull of all weights to zero, but "
                            "for the constant's"},
        {.name = "gain",
                .type = OPTION_DOUBLE,
                .offset = AT(gain),
                .min = 0.0,
                .max = 1e6,
                .fallback = 200.0,
                .sentence = "inverse gap weighting has gamma = gain * lessons; "
                            "0: the explorer's own schedule"},
};

/* ---- shape ---- */

static bool looks_at_context(
        const struct surface_options *options, const struct shape *shape)
{
    return options->context_degree > 0 && shape->shared_dense > 0;
}

static uint32_t columns_for(
        const struct surface_options *options, const struct shape *shape)
{
    return looks_at_context(options, shape) ? options->context_degree + 1 : 1;
}

static size_t value_numbers(uint32_t width)
{
    return 2 * (width + triangle_count(width));
}

static size_t surface_footprint(const struct oracle_spec *spec,
        const struct shape *shape, struct err *err)
{
    const struct surface_options *options = spec->options;
    const char *lacks = !(options->action_min < options->action_max)
            ? "action_min must be less than action_max"
            : !(options->context_min < options->context_max)
            ? "context_min must be less than context_max"
            : shape->predict || shape->action_dense == 0
            ? "needs the parameter's value as the first of action_features"
            : NULL;

    if (lacks != NULL) {
        (void)err_set(err, STATUS_INVALID, "surface: %s", lacks);
        return 0;
    }
    return sizeof(struct surface) +
            value_numbers((options->action_degree + 1) *
                    columns_for(options, shape)) *
            sizeof(double);
}

static size_t surface_scratch(
        const struct oracle_spec *spec, const struct shape *shape)
{
    const struct surface_options *options = spec->options;

    return 2 *
            ((size_t)(options->action_degree + 1) *
                            columns_for(options, shape) +
                    8) *
            sizeof(double);
}

static double *theta_of(struct surface *self)
{
    return self->values;
}

static double *moment_of(struct surface *self)
{
    return self->values + self->width;
}

static double *gram_of(struct surface *self)
{
    return self->values + 2 * (size_t)self->width;
}

static double *inverse_of(struct surface *self)
{
    return gram_of(self) + triangle_count(self->width);
}

static const double *const_theta(const struct surface *self)
{
    return self->values;
}

static const double *const_inverse(const struct surface *self)
{
    return self->values + 2 * (size_t)self->width + triangle_count(self->width);
}

static double pull_of(const struct surface *self, uint32_t column)
{
    return self->options->lambda * (column == 0 ? FREE : 1.0);
}

static void surface_init(
        void *block, const struct oracle_spec *spec, const struct shape *shape)
{
    struct surface *self = block;

    self->options = spec->options;
    self->rows = self->options->action_degree + 1;
    self->columns = columns_for(self->options, shape);
    self->width = self->rows * self->columns;
    for (uint32_t i = 0; i < self->width; i++)
        inverse_of(self)[triangle_count(i + 1) - 1] = 1.0 / pull_of(self, i);
}

/* ---- features ---- */

static double between(double value, double min, double max)
{
    return value > max ? max : value > min ? value : min;
}

/* P_0 .. P_(count-1) at `value` mapped from min..max to [-1,1]. */
static void polynomials(
        double value, double min, double max, uint32_t count, double *out)
{
    double z = 2.0 * (between(value, min, max) - min) / (max - min) - 1.0;

    out[0] = 1.0;
    if (count > 1)
        out[1] = z;
    for (uint32_t j = 2; j < count; j++)
        out[j] = 2.0 * z * out[j - 1] - out[j - 2];
}

/* The same of four actions at a time, from `first`; past the last one that one
 * is repeated. */
typedef double four __attribute__((vector_size(4 * sizeof(double))));

INLINE void read_four(const struct surface *self,
        const struct action_set *actions, uint32_t first, uint32_t rows,
        four *out)
{
    double min = self->options->action_min, max = self->options->action_max;
    uint32_t last = actions->count - 1;
    four z;

    for (uint32_t k = 0; k < 4; k++) {
        uint32_t index = first + k < last ? first + k : last;
        z[k] = between(actions->features[index].dense[0], min, max);
    }
    z = 2.0 * (z - min) / (max - min) - 1.0;
    out[0] = z - z + 1.0;
    out[1] = z;
    for (uint32_t j = 2; j < rows; j++)
        out[j] = 2.0 * z * out[j - 1] - out[j - 2];
}

INLINE void write_four(
        const four *values, uint32_t first, uint32_t count, double *out)
{
    if (first + 4 <= count)
        memcpy(out + first, values, sizeof(*values));
    else
        memcpy(out + first, values, (count - first) * sizeof(double));
}

static void read_context(const struct surface *self,
        const struct context *context, double of_context[TERMS_MAX])
{
    polynomials(self->columns > 1 ? context->shared.dense[0] : 0.0,
            self->options->context_min, self->options->context_max,
            self->columns, of_context);
}

static void read_action(const struct surface *self,
        const struct action_set *actions, uint32_t index,
        double of_action[TERMS_MAX])
{
    polynomials(actions->features[index].dense[0], self->options->action_min,
            self->options->action_max, self->rows, of_action);
}

static void phi_of(const struct surface *self, const double *of_action,
        const double *of_context, double *phi)
{
    for (uint32_t a = 0; a < self->rows; a++)
        for (uint32_t b = 0; b < self->columns; b++)
            phi[a * self->columns + b] = of_action[a] * of_context[b];
}

static double *whole_phi(const struct surface *self,
        const struct context *context, const struct action_set *actions,
        uint32_t index, struct arena *scratch)
{
    double *phi = arena_array(scratch, double, self->width);
    double of_action[TERMS_MAX], of_context[TERMS_MAX];

    CHECK(phi != NULL);
    read_context(self, context, of_context);
    read_action(self, actions, index, of_action);
    phi_of(self, of_action, of_context, phi);
    return phi;
}

/* ---- predicting ---- */

WIDE static void evaluate(const struct surface *self, const double *curve,
        const struct action_set *actions, double *losses)
{
    four of_action[TERMS_MAX];

    for (uint32_t i = 0; i < actions->count; i += 4) {
        four sum;
        read_four(self, actions, i, self->rows, of_action);
        sum = curve[0] * of_action[0];
        for (uint32_t a = 1; a < self->rows; a++)
            sum += curve[a] * of_action[a];
        write_four(&sum, i, actions->count, losses);
    }
}

/* At one context the surface is a curve: its coefficients once, then a short
 * product for each action. */
static void surface_predict(const void *block, const struct context *context,
        const struct action_set *actions, struct arena *scratch, double *losses)
{
    const struct surface *self = block;
    double of_context[TERMS_MAX], curve[TERMS_MAX];

    (void)scratch;
    read_context(self, context, of_context);
    for (uint32_t a = 0; a < self->rows; a++)
        curve[a] = dot(const_theta(self) + (size_t)a * self->columns,
                of_context, self->columns);
    evaluate(self, curve, actions, losses);
}

/* form[a][c] = sum over b, d of P_b P_d inverse[ab][cd], and half of it on the
 * diagonal: at one context, half of phi' P phi is this triangle's form in the
 * action's polynomials alone. First the rows of each a are added up. */
INLINE void form_at(const double *inverse, const double *of_context,
        uint32_t rows, uint32_t columns, double form[TERMS_MAX][TERMS_MAX])
{
    double together[TERMS_MAX * TERMS_MAX];

    for (uint32_t a = 0; a < rows; a++) {
        uint32_t before = a * columns;
        double diagonal = 0.0;
        memset(together, 0, before * sizeof(double));
        for (uint32_t b = 0; b < columns; b++) {
            const double *row = inverse + triangle_count(before + b);
            double own = 0.5 * row[before + b] * of_context[b];
            for (uint32_t k = 0; k < before; k++)
                together[k] += of_context[b] * row[k];
            for (uint32_t d = 0; d < b; d++)
                own += row[before + d] * of_context[d];
            diagonal += own * of_context[b];
        }
        for (uint32_t c = 0; c < a; c++) {
            double sum = 0.0;
            for (uint32_t d = 0; d < columns; d++)
                sum += together[c * columns + d] * of_context[d];
            form[a][c] = sum;
        }
        form[a][a] = diagonal;
    }
}

INLINE void square_of(double form[TERMS_MAX][TERMS_MAX], const four *of_action,
        uint32_t rows, four *square)
{
    *square = 0.0 * of_action[0];
    for (uint32_t a = 0; a < rows; a++) {
        four sum = form[a][a] * of_action[a];
        for (uint32_t c = 0; c < a; c++)
            sum += form[a][c] * of_action[c];
        *square += 2.0 * of_action[a] * sum;
    }
}

/* phi' P phi of each action. */
INLINE void squares_of(const struct surface *self, const double *of_context,
        const struct action_set *actions, uint32_t rows, uint32_t columns,
        double *squares)
{
    double form[TERMS_MAX][TERMS_MAX];
    four of_action[TERMS_MAX];

    form_at(const_inverse(self), of_context, rows, columns, form);
    for (uint32_t i = 0; i < actions->count; i += 4) {
        four square;
        read_four(self, actions, i, rows, of_action);
        square_of(form, of_action, rows, &square);
        write_four(&square, i, actions->count, squares);
    }
}

/* Short loops are worth unrolling: a guard runs them in every decision. */
WIDE static void squares_at(const struct surface *self,
        const double *of_context, const struct action_set *actions,
        double *squares)
{
    if (self->rows == USUAL_ROWS && self->columns == USUAL_COLUMNS)
        squares_of(
                self, of_context, actions, USUAL_ROWS, USUAL_COLUMNS, squares);
    else
        squares_of(
                self, of_context, actions, self->rows, self->columns, squares);
}

/* The models within the budget are an ellipsoid around theta, as ridge's. */
static void surface_spread(const void *block, const struct context *context,
        const struct action_set *actions, double budget, struct arena *scratch,
        double *below, double *above)
{
    const struct surface *self = block;
    double of_context[TERMS_MAX];

    (void)scratch;
    read_context(self, context, of_context);
    squares_at(self, of_context, actions, below);
    for (uint32_t i = 0; i < actions->count; i++) {
        below[i] = below[i] > 0.0 ? sqrt(budget * below[i]) : 0.0;
        if (above != NULL)
            above[i] = below[i];
    }
}

static double surface_gamma(const void *block, const struct context *context,
        uint32_t count, struct arena *scratch)
{
    const struct surface *self = block;

    (void)context;
    (void)count;
    (void)scratch;
    return self->options->gain * self->weight;
}

/* ---- learning ---- */

/* P = (gram + pull)^-1 and theta = P moment, from the sums. */
static void refresh(struct surface *self)
{
    double *inverse = inverse_of(self);

    memcpy(inverse, gram_of(self),
            triangle_count(self->width) * sizeof(double));
    for (uint32_t i = 0; i < self->width; i++)
        inverse[triangle_count(i + 1) - 1] += pull_of(self, i);
    (void)cholesky(inverse, self->width);
    cholesky_invert(inverse, self->width);
    symmetric_times(inverse, moment_of(self), theta_of(self), self->width);
}

static void bound_sums(struct surface *self)
{
    for (uint32_t i = 0; i < 2 * self->width; i++)
        self->values[i] = fmin(fmax(self->values[i], -SUM_MAX), SUM_MAX);
}

static void surface_learn(
        void *block, const struct lesson *lesson, struct arena *scratch)
{
    struct surface *self = block;
    double *phi = whole_phi(
            self, lesson->context, lesson->actions, lesson->chosen, scratch);
    double *gain = arena_array(scratch, double, self->width);
    double denominator, residual;

    CHECK(gain != NULL);
    symmetric_times(inverse_of(self), phi, gain, self->width);
    denominator = 1.0 / lesson->weight + fmax(dot(phi, gain, self->width), 0.0);
    residual = lesson->loss - dot(theta_of(self), phi, self->width);
    axpy(residual / denominator, gain, theta_of(self), self->width);
    symmetric_rank_one(inverse_of(self), -1.0 / denominator, gain, self->width);
    symmetric_rank_one(gram_of(self), lesson->weight, phi, self->width);
    axpy(lesson->weight * lesson->loss, phi, moment_of(self), self->width);
    self->weight += lesson->weight;
    self->lessons++;
    if (self->lessons % REFRESH == 0)
        refresh(self);
    bound_sums(self);
}

/* theta = P moment, and the moment changes by w phi (after - before). */
static bool surface_correct(void *block, const struct lesson *lesson,
        double before, struct arena *scratch)
{
    struct surface *self = block;
    double change = lesson->weight * (lesson->loss - before);
    double *phi = whole_phi(
            self, lesson->context, lesson->actions, lesson->chosen, scratch);
    double *gain = arena_array(scratch, double, self->width);

    CHECK(gain != NULL);
    symmetric_times(inverse_of(self), phi, gain, self->width);
    axpy(change, gain, theta_of(self), self->width);
    axpy(change, phi, moment_of(self), self->width);
    bound_sums(self);
    return true;
}

/* ---- bytes ---- */

static void surface_save(const void *block, struct writer *writer)
{
    const struct surface *self = block;

    write_u32(writer, self->rows);
    write_u32(writer, self->columns);
    write_u64(writer, self->lessons);
    write_f64(writer, self->weight);
    write_f64s(writer, self->values, value_numbers(self->width));
}

static bool surface_check(const void *block)
{
    const struct surface *self = block;

    if (!isfinite(self->weight) || self->weight < 0.0)
        return false;
    for (size_t i = 0; i < value_numbers(self->width); i++)
        if (!(fabs(self->values[i]) <= SUM_MAX))
            return false;
    for (uint32_t i = 0; i < self->width; i++)
        if (!(const_inverse(self)[triangle_count(i + 1) - 1] > 0.0))
            return false;
    return true;
}

static int surface_load(void *block, struct reader *reader, struct err *err)
{
    struct surface *self = block;
    uint32_t rows = read_u32(reader);
    uint32_t columns = read_u32(reader);

    if (reader->failed || rows != self->rows || columns != self->columns)
        return err_set(err, STATUS_CORRUPT,
                "surface: state of %u x %u terms, expected %u x %u", rows,
                columns, self->rows, self->columns);
    self->lessons = read_u64(reader);
    self->weight = read_f64(reader);
    read_f64s(reader, self->values, value_numbers(self->width));
    if (reader->failed || !surface_check(self))
        return err_set(err, STATUS_CORRUPT, "surface: state is damaged");
    return 0;
}

static void surface_visit(const void *block, const struct visitor *visitor)
{
    const struct surface *self = block;

    visitor->number(
            visitor->self, "surface_lessons", -1, (double)self->lessons);
    visitor->number(visitor->self, "surface_terms", -1, self->width);
    visitor->number(visitor->self, "surface_weights_norm", -1,
            sqrt(dot(const_theta(self), const_theta(self), self->width)));
}

const struct oracle oracle_surface = {
        .name = "surface",
        .state_version = 1,
        .options = {surface_rows, ARRAY_COUNT(surface_rows),
                sizeof(struct surface_options)},
        .footprint = surface_footprint,
        .scratch = surface_scratch,
        .init = surface_init,
        .predict = surface_predict,
        .spread = surface_spread,
        .gamma = surface_gamma,
        .learn = surface_learn,
        .correct = surface_correct,
        .save = surface_save,
        .load = surface_load,
        .check = surface_check,
        .visit = surface_visit,
};
