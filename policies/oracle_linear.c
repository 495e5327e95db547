/* Linear regression over hashed sparse features, one step a lesson: normalised
 * adaptive gradient (NAG: Ross, Mineiro & Langford 2013, arXiv 1305.6646) with
 * the closed-form, importance-aware step of policies/flow.h; bandits.md,
 * section 2.2. Nothing has to be tuned to the scale of features or losses, and
 * a lesson costs as much as it has features.
 *
 * Per weight: w; s, the largest |x| so far; G, the sum of squared gradients.
 * What example.h makes of a round is all that it sees of it: with a catalogue
 * `context*action` is one weight vector per action; features of actions share
 * strength between them. Dense columns are standard scores (policies/zscore.h)
 * unless `scale` is off: of the context's rows, and of the rows of all actions
 * that were offered, not only of the chosen ones.
 *
 * Duels: with `prefer` the difference of two actions' examples is what learns,
 * by the logistic step; what they share cancels. A state that learned a duel
 * predicts linear scores whatever `loss` is.
 *
 * Corrections are refused: a step depends on all that came before it, and
 * cannot be taken back. They count at the next retraining. */
#include "policies/example.h"
#include "policies/flow.h"
#include "policies/layout.h"
#include "policies/oracle.h"
#include "policies/zscore.h"

#include <math.h>

/* The slope of a probability counts as no less than this in a width. */
#define SLOPE_MIN 1e-3

enum { LOSS_SQUARED, LOSS_LOGISTIC };

struct linear_options {
    uint32_t loss;
    uint32_t bits;
    double rate;
    struct bytes interactions;
    bool scale;
    bool intercept;
};

struct weight {
    double w;
    double s;
    double g;
};

struct linear {
    const struct linear_options *options;
    const struct shape *shape;
    struct products products;
    uint32_t weight_count;
    size_t weights_offset;
    uint64_t lessons; /* duels too */
    uint64_t duels;
    double n; /* sum of h */
    double norm; /* N: sum of h (x/s)^2 */
    uint64_t context_rows, action_rows;
    struct zscore columns[]; /* [shared_dense], then [action_dense] */
    /* then weights, at weights_offset */
};

static const char *const loss_choices[] = {"squared", "logistic", NULL};

#define AT(member) offsetof(struct linear_options, member)

static const struct option_row linear_rows[] = {
        {.name = "loss",
                .type = OPTION_CHOICE,
                .offset = AT(loss),
                .choices = loss_choices,
                .sentence = "squared, or logistic for losses that are 0 or 1 "
                            "or a probability"},
        {.name = "bits",
                .type = OPTION_COUNT,
                .offset = AT(bits),
                .min = 4,
                .max = 26,
                .fallback = 18,
                .sentence = "the model has 2^bits weights of 24 bytes; more "
                            "for many features, which collide otherwise"},
        {.name = "rate",
                .type = OPTION_DOUBLE,
                .offset = AT(rate),
                .min = 1e-6,
                .max = 100.0,
                .fallback = 0.5,
                .sentence = "learning rate eta; its scale does not depend on "
                            "that of features or losses"},
        {.name = "interactions",
                .type = OPTION_TEXT,
                .offset = AT(interactions),
                .text = "context*action",
                .sentence = "products of features, 2 or 3 factors each: "
                            "context, action, id (the action's place in the "
                            "catalogue; action includes it) or a namespace; "
                            "none: no products"},
        {.name = "scale",
                .type = OPTION_FLAG,
                .offset = AT(scale),
                .fallback = 1,
                .sentence = "centre and scale dense columns by their running "
                            "mean and spread; columns of 0 and 1 are left "
                            "alone"},
        {.name = "intercept",
                .type = OPTION_FLAG,
                .offset = AT(intercept),
                .fallback = 1,
                .sentence = "one constant feature for all actions and one for "
                            "each of the catalogue"},
};

static const struct linear_options *options_of(const struct oracle_spec *spec)
{
    return spec->options;
}

static uint32_t column_count(const struct shape *shape)
{
    return shape->shared_dense + shape->action_dense;
}

static size_t weights_offset(const struct shape *shape)
{
    return layout_rounded(sizeof(struct linear) +
            column_count(shape) * sizeof(struct zscore));
}

static size_t linear_footprint(const struct oracle_spec *spec,
        const struct shape *shape, struct err *err)
{
    const struct linear_options *options = options_of(spec);
    struct products products;

    if (products_parse(&products, options->interactions, err) != 0)
        return 0;
    return weights_offset(shape) +
            sizeof(struct weight) * ((size_t)1 << options->bits);
}

static struct example_form form_of(
        const struct linear_options *options, const struct products *products)
{
    return (struct example_form){products, options->bits, options->intercept};
}

static size_t linear_scratch(
        const struct oracle_spec *spec, const struct shape *shape)
{
    const struct linear_options *options = options_of(spec);
    bool products = !bytes_equal(options->interactions, bytes_of_text("none"));

    return example_scratch(options->bits, products, shape) +
            column_count(shape) * sizeof(double) + 4 * LAYOUT_ALIGN;
}

static void linear_init(
        void *block, const struct oracle_spec *spec, const struct shape *shape)
{
    struct linear *self = block;

    self->options = options_of(spec);
    self->shape = shape;
    self->weight_count = UINT32_C(1) << self->options->bits;
    self->weights_offset = weights_offset(shape);
    CHECK_ZERO(
            products_parse(&self->products, self->options->interactions, NULL));
}

static struct weight *weights_of(struct linear *self)
{
    return (struct weight *)(void *)((char *)self + self->weights_offset);
}

static const struct weight *const_weights(const struct linear *self)
{
    return (const struct weight *)(const void *)((const char *)self +
            self->weights_offset);
}

/* ---- examples of a round ---- */

/* A round's example and what its columns look like to the model. */
struct reading {
    struct example example;
    double *action_dense; /* room for one action's columns */
};

static const double *scaled(const struct linear *self,
        const struct zscore *columns, uint64_t rows,
        const struct features *features, double *room)
{
    if (!self->options->scale)
        return features->dense;
    for (uint32_t i = 0; i < features->dense_count; i++)
        room[i] = zscore_of(&columns[i], rows, features->dense[i]);
    return room;
}

static void open_reading(const struct linear *self, struct reading *reading,
        const struct context *context, const struct action_set *actions,
        uint32_t at_once, struct arena *scratch)
{
    struct example_form form = form_of(self->options, &self->products);
    double *shared = arena_array(scratch, double, self->shape->shared_dense);

    reading->action_dense =
            arena_array(scratch, double, self->shape->action_dense);
    CHECK(!scratch->overflow);
    example_open(&reading->example, &form, context, actions, at_once,
            scaled(self, self->columns, self->context_rows, &context->shared,
                    shared),
            scratch);
}

static void read_action(const struct linear *self, struct reading *reading,
        const struct action_set *actions, uint32_t index, double factor)
{
    const double *dense = NULL;

    if (actions->features != NULL)
        dense = scaled(self, self->columns + self->shape->shared_dense,
                self->action_rows, &actions->features[index],
                reading->action_dense);
    example_add_action(&reading->example, actions, index, dense, factor);
}

/* ---- predicting ---- */

/* What one entry adds to a prediction. A value larger than any before counts
 * as large as those: one must not swing the prediction. */
static inline double part_of(const struct weight *weight, double x)
{
    double size = fabs(x);

    return weight->w * (size <= weight->s ? x : copysign(weight->s, x));
}

static double sum_of(const struct weight *weights,
        const struct example *example, uint32_t from, uint32_t to)
{
    double sum = 0.0;

    for (uint32_t i = from; i < to; i++)
        sum += part_of(&weights[example->index[i]], example->value[i]);
    return sum;
}

/* The linear prediction of each action, for `take` to use: the shared part is
 * read once. */
typedef void take_action(
        void *self, const struct example *example, uint32_t index, double q);

static void each_action(const struct linear *self,
        const struct context *context, const struct action_set *actions,
        struct arena *scratch, take_action *take, void *taker)
{
    const struct weight *weights = const_weights(self);
    struct reading reading;
    struct example *example = &reading.example;
    double shared;

    open_reading(self, &reading, context, actions, 1, scratch);
    example_add_context(example, actions);
    shared = sum_of(weights, example, 0, example->shared);
    for (uint32_t i = 0; i < actions->count; i++) {
        read_action(self, &reading, actions, i, 1.0);
        take(taker, example, i,
                (example->disturbed
                                ? sum_of(weights, example, 0, example->shared)
                                : shared) +
                        sum_of(weights, example, example->shared,
                                example->count));
        example_drop_actions(example);
    }
}

static bool is_probability(const struct linear *self)
{
    return self->options->loss == LOSS_LOGISTIC && self->duels == 0;
}

struct prediction {
    const struct linear *self;
    double *losses;
};

static void take_prediction(
        void *block, const struct example *example, uint32_t index, double q)
{
    struct prediction *prediction = block;

    (void)example;
    prediction->losses[index] =
            is_probability(prediction->self) ? flow_sigmoid(q) : q;
}

static void linear_predict(const void *block, const struct context *context,
        const struct action_set *actions, struct arena *scratch, double *losses)
{
    const struct linear *self = block;
    struct prediction prediction = {self, losses};

    each_action(self, context, actions, scratch, take_prediction, &prediction);
}

/* ---- widths ---- */

/* eta B of a lesson of weight 1 and gradient `slope` that is not learned: s, G,
 * n and N as they would be after it. */
static double sensitivity(
        const struct linear *self, const struct example *example, double slope)
{
    const struct weight *weights = const_weights(self);
    double norm = self->norm, sum = 0.0;

    for (uint32_t i = 0; i < example->count; i++) {
        double x = fabs(example->value[i]);
        const struct weight *weight = &weights[example->index[i]];
        double ratio = x / (weight->s > x ? weight->s : x);
        double g = weight->g + slope * x * (slope * x);
        if (x < EXAMPLE_TINY)
            continue;
        norm += ratio * ratio;
        if (g > 0.0)
            sum += ratio * (x / sqrt(g));
    }
    return norm > 0.0 ? self->options->rate * sqrt((self->n + 1.0) / norm) * sum
                      : 0.0;
}

/* How far t = sens w, on [0, distance], may go while
 * w (distance^2 - (distance - t)^2) <= budget (bandits.md, section 1.5). */
static double width_within(double distance, double sens, double budget)
{
    double low = 0.0, high = distance;

    if (!(distance > 0.0) || !(sens > 0.0))
        return 0.0;
    if (distance * distance * distance <= budget * sens)
        return distance;
    for (int i = 0; i < 60; i++) {
        double t = 0.5 * (low + high);
        if (t * t * (2.0 * distance - t) <= budget * sens)
            low = t;
        else
            high = t;
    }
    return low;
}

struct width {
    const struct linear *self;
    double budget;
    double *below, *above;
};

/* The width on one side: the distance to a label one unit outside the range
 * there. For logistic loss the distance is one of probabilities, which move
 * with q by their slope. */
static double width_of(const struct width *width, const struct example *example,
        double distance, double slope)
{
    double sens = sensitivity(width->self, example, distance) * slope;

    return width_within(distance, sens, width->budget);
}

static void take_width(
        void *block, const struct example *example, uint32_t index, double q)
{
    struct width *width = block;
    double place = q, slope = 1.0;

    if (is_probability(width->self)) {
        place = flow_sigmoid(q);
        slope = fmax(place * (1.0 - place), SLOPE_MIN);
    }
    width->below[index] = width_of(width, example, place + 1.0, slope);
    if (width->above != NULL)
        width->above[index] = width_of(width, example, 2.0 - place, slope);
}

static void linear_spread(const void *block, const struct context *context,
        const struct action_set *actions, double budget, struct arena *scratch,
        double *below, double *above)
{
    const struct linear *self = block;
    struct width width = {self, budget, below, above};

    each_action(self, context, actions, scratch, take_width, &width);
}

/* ---- learning ---- */

/* Lets s grow to |x|, and takes the example into n and N. Returns q. */
static double meet(struct linear *self, const struct example *example, double h)
{
    struct weight *weights = weights_of(self);
    double q = 0.0, norm = 0.0;

    for (uint32_t i = 0; i < example->count; i++) {
        struct weight *weight = &weights[example->index[i]];
        double x = example->value[i], size = fabs(x);
        if (size < EXAMPLE_TINY)
            continue;
        if (size > weight->s) {
            weight->w *= weight->s / size;
            weight->s = size;
        }
        norm += x / weight->s * (x / weight->s);
        q += weight->w * x;
    }
    self->norm += h * norm;
    self->n += h;
    return q;
}

/* Adds the gradient `slope` x to G, puts k x in the place of each x and
 * returns B = sum k x^2. */
static double condition(
        struct linear *self, struct example *example, double slope, double h)
{
    struct weight *weights = weights_of(self);
    double root = sqrt(self->n / self->norm);
    double sum = 0.0;

    for (uint32_t i = 0; i < example->count; i++) {
        struct weight *weight = &weights[example->index[i]];
        double x = example->value[i];
        double kx = 0.0;
        if (fabs(x) >= EXAMPLE_TINY) {
            weight->g += h * (slope * x * (slope * x));
            if (weight->g > 0.0)
                kx = root * (x / weight->s) / sqrt(weight->g);
        }
        sum += kx * x;
        example->value[i] = kx;
    }
    return sum;
}

typedef double flow(double q, double z, double reach);

static void step(struct linear *self, struct example *example, double z,
        double h, bool logistic)
{
    struct weight *weights = weights_of(self);
    flow *move = logistic ? flow_logistic : flow_squared;
    double q = meet(self, example, h);
    double slope = (logistic ? flow_sigmoid(q) : q) - z;
    double b, factor;

    if (slope == 0.0 || !(self->norm > 0.0))
        return;
    b = condition(self, example, slope, h);
    if (!(b > 0.0))
        return;
    factor = move(q, z, self->options->rate * b * h) / b;
    for (uint32_t i = 0; i < example->count; i++)
        weights[example->index[i]].w += factor * example->value[i];
}

/* The columns of a round count before it is learned, as s does. */
static void meet_columns(struct linear *self, const struct context *context,
        const struct action_set *actions)
{
    if (!self->options->scale)
        return;
    self->context_rows++;
    zscore_learn(self->columns, context->shared.dense_count, self->context_rows,
            context->shared.dense);
    for (uint32_t i = 0; actions->features != NULL && i < actions->count; i++)
        zscore_learn(self->columns + self->shape->shared_dense,
                actions->features[i].dense_count, ++self->action_rows,
                actions->features[i].dense);
}

static void linear_learn(
        void *block, const struct lesson *lesson, struct arena *scratch)
{
    struct linear *self = block;
    bool logistic = self->options->loss == LOSS_LOGISTIC;
    double z = logistic ? fmin(fmax(lesson->loss, 0.0), 1.0) : lesson->loss;
    struct reading reading;

    meet_columns(self, lesson->context, lesson->actions);
    open_reading(self, &reading, lesson->context, lesson->actions, 1, scratch);
    example_add_context(&reading.example, lesson->actions);
    read_action(self, &reading, lesson->actions, lesson->chosen, 1.0);
    step(self, &reading.example, z, lesson->weight, logistic);
    self->lessons++;
}

/* Losses are what is predicted: the first is preferred where its loss is the
 * smaller, so the label of (first - second) is 1 - preference. */
static void linear_prefer(
        void *block, const struct duel *duel, struct arena *scratch)
{
    struct linear *self = block;
    struct reading reading;

    meet_columns(self, duel->context, duel->actions);
    open_reading(self, &reading, duel->context, duel->actions, 2, scratch);
    read_action(self, &reading, duel->actions, duel->first, 1.0);
    read_action(self, &reading, duel->actions, duel->second, -1.0);
    step(self, &reading.example, 1.0 - duel->preference, duel->weight, true);
    self->lessons++;
    self->duels++;
}

/* ---- bytes ---- */

static uint32_t used_weights(const struct linear *self)
{
    const struct weight *weights = const_weights(self);
    uint32_t used = 0;

    for (uint32_t i = 0; i < self->weight_count; i++)
        used += weights[i].s > 0.0;
    return used;
}

/* Only weights that were ever met are written, with their place. */
static void linear_save(const void *block, struct writer *writer)
{
    const struct linear *self = block;
    const struct weight *weights = const_weights(self);

    write_u32(writer, self->options->bits);
    write_u32(writer, column_count(self->shape));
    write_u64(writer, self->lessons);
    write_u64(writer, self->duels);
    write_f64(writer, self->n);
    write_f64(writer, self->norm);
    write_u64(writer, self->context_rows);
    write_u64(writer, self->action_rows);
    zscore_save(self->columns, column_count(self->shape), writer);
    write_u32(writer, used_weights(self));
    for (uint32_t i = 0; i < self->weight_count; i++) {
        if (!(weights[i].s > 0.0))
            continue;
        write_u32(writer, i);
        write_f64(writer, weights[i].w);
        write_f64(writer, weights[i].s);
        write_f64(writer, weights[i].g);
    }
}

/* The square of a loaded s must have room, as that of a real one has: three
 * factors of 1e15. */
#define SIZE_MAX_OF_S 1e60

static bool good_weight(const struct weight *weight)
{
    return isfinite(weight->w) && isfinite(weight->g) && weight->g >= 0.0 &&
            weight->s >= 0.0 && weight->s <= SIZE_MAX_OF_S &&
            (weight->s > 0.0 || (weight->w == 0.0 && weight->g == 0.0));
}

static bool linear_check(const void *block)
{
    const struct linear *self = block;
    const struct weight *weights = const_weights(self);

    if (!isfinite(self->n) || self->n < 0.0 || !isfinite(self->norm) ||
            self->norm < 0.0 || self->duels > self->lessons ||
            !zscore_check(self->columns, column_count(self->shape)))
        return false;
    for (uint32_t i = 0; i < self->weight_count; i++)
        if (!good_weight(&weights[i]))
            return false;
    return true;
}

static int load_weights(
        struct linear *self, struct reader *reader, struct err *err)
{
    struct weight *weights = weights_of(self);
    uint32_t used = read_u32(reader);
    uint32_t next = 0;

    if (used > self->weight_count)
        return err_set(err, STATUS_CORRUPT,
                "linear: state of %u weights, room for %u", used,
                self->weight_count);
    for (uint32_t i = 0; i < used; i++) {
        uint32_t index = read_u32(reader);
        if (reader->failed || index < next || index >= self->weight_count)
            return err_set(err, STATUS_CORRUPT, "linear: place of a weight");
        weights[index].w = read_f64(reader);
        weights[index].s = read_f64(reader);
        weights[index].g = read_f64(reader);
        if (!(weights[index].s > 0.0))
            return err_set(err, STATUS_CORRUPT, "linear: an empty weight");
        next = index + 1;
    }
    return 0;
}

static int linear_load(void *block, struct reader *reader, struct err *err)
{
    struct linear *self = block;
    uint32_t bits = read_u32(reader);
    uint32_t columns = read_u32(reader);

    if (reader->failed || bits != self->options->bits ||
            columns != column_count(self->shape))
        return err_set(err, STATUS_CORRUPT,
                "linear: state of %u bits and %u columns, expected %u and %u",
                bits, columns, self->options->bits, column_count(self->shape));
    self->lessons = read_u64(reader);
    self->duels = read_u64(reader);
    self->n = read_f64(reader);
    self->norm = read_f64(reader);
    self->context_rows = read_u64(reader);
    self->action_rows = read_u64(reader);
    zscore_load(self->columns, columns, reader);
    if (load_weights(self, reader, err) != 0)
        return STATUS_CORRUPT;
    if (reader->failed || !linear_check(self))
        return err_set(err, STATUS_CORRUPT, "linear: state is damaged");
    return 0;
}

static void linear_visit(const void *block, const struct visitor *visitor)
{
    const struct linear *self = block;
    const struct weight *weights = const_weights(self);
    double square = 0.0;

    /* Of w s, which does not depend on the scale of features. */
    for (uint32_t i = 0; i < self->weight_count; i++)
        square += weights[i].w * weights[i].s * (weights[i].w * weights[i].s);
    visitor->number(visitor->self, "linear_lessons", -1, (double)self->lessons);
    visitor->number(visitor->self, "linear_duels", -1, (double)self->duels);
    visitor->number(
            visitor->self, "linear_weights_used", -1, used_weights(self));
    visitor->number(
            visitor->self, "linear_weights_room", -1, self->weight_count);
    visitor->number(visitor->self, "linear_weights_norm", -1, sqrt(square));
}

const struct oracle oracle_linear = {
        .name = "linear",
        .state_version = 1,
        .options = {linear_rows, ARRAY_COUNT(linear_rows),
                sizeof(struct linear_options)},
        .footprint = linear_footprint,
        .scratch = linear_scratch,
        .init = linear_init,
        .predict = linear_predict,
        .spread = linear_spread,
        .learn = linear_learn,
        .prefer = linear_prefer,
        .save = linear_save,
        .load = linear_load,
        .check = linear_check,
        .visit = linear_visit,
};
