/* One constrained regression on Chebyshev polynomials of a scalar context for
 * each action (Khodak, Chow, Balcan, Talwalkar, "Learning to Relax", arXiv
 * 2310.02246, Algorithms 3 and 7; relax.md, section 2.3), with the gamma that
 * their ChebCB gives SquareCB. The context is the first dense column, on a
 * declared range; the others are not looked at.
 *
 * With P_j the polynomials at z, the context mapped to [-1,1], K the largest
 * and k the smallest loss so far, m = 6 features and N = 2 + 4 (1 - k/K)
 * (1 + ln m), an action's theta minimises the squared error over its lessons
 * subject to
 *     |theta_0| <= K,   |theta_j| <= 2 (K - k)/j.
 * The published form is this with losses, theta and bounds divided by K N; here
 * they stay losses, and gamma is divided instead. (The interval's length
 * cancels against the Lipschitz constant (K - k)/length.) It also takes 1, the
 * least number of iterations, off its targets but not off the errors that
 * gamma is made of; here a loss of 0 is the declared minimum in both.
 *
 * Corrections are refused: K, k and the errors depend on the losses as they
 * came. They count at the next retraining. */
#include "base/limits.h"
#include "policies/linalg.h"
#include "policies/oracle.h"
#include "policies/portable.h"

#include <math.h>

#define FEATURES        6u
#define PI              3.14159265358979323846
#define EIGEN_TINY      1e-12 /* of the largest: a direction without lessons */
#define ROTATION_TINY   1e-20 /* of the trace */
#define SWEEPS_MAX      30
#define FIT_ROUNDS_MAX  500
#define FIT_MOVE        1e-10 /* of a bound */
#define DENOMINATOR_MIN 1e-12
#define ADOPTED         1.0 /* lessons that a new point begins with */

struct chebyshev_options {
    double min, max;
};

struct arm {
    double gram[FEATURES * (FEATURES + 1) / 2]; /* triangle of sum f f' */
    double moment[FEATURES]; /* sum f loss */
    double square; /* sum loss^2 */
    double theta[FEATURES];
};

struct chebyshev {
    const struct chebyshev_options *options;
    uint32_t models;
    uint64_t lessons;
    double rounds; /* lessons by weight: t */
    double largest, smallest; /* losses: K and k */
    /* Sums over all lessons, the prediction being that of its moment in units
     * of the K N of its moment. */
    double predicted_square, predicted_loss, loss_square;
    double residual; /* of the last fit that met a bound, in units of K N */
    struct arm arms[];
};

#define AT(member) offsetof(struct chebyshev_options, member)

static const struct option_row chebyshev_rows[] = {
        {.name = "min",
                .type = OPTION_DOUBLE,
                .offset = AT(min),
                .min = -VALUE_MAX,
                .max = VALUE_MAX,
                .fallback = 0.0,
                .sentence = "lower end of the first context column; smaller "
                            "values count as this"},
        {.name = "max",
                .type = OPTION_DOUBLE,
                .offset = AT(max),
                .min = -VALUE_MAX,
                .max = VALUE_MAX,
                .fallback = 1.0,
                .sentence = "upper end of the first context column; larger "
                            "values count as this"},
};

static size_t chebyshev_footprint(const struct oracle_spec *spec,
        const struct shape *shape, struct err *err)
{
    const struct chebyshev_options *options = spec->options;

    if (!(options->min < options->max)) {
        (void)err_set(
                err, STATUS_INVALID, "chebyshev: min must be less than max");
        return 0;
    }
    if (shape->shared_dense == 0) {
        (void)err_set(err, STATUS_INVALID,
                "chebyshev: needs a context column to look at");
        return 0;
    }
    if (shape->slots == 0 && !shape->predict) {
        (void)err_set(err, STATUS_INVALID,
                "chebyshev: needs a catalogue (actions): it has one model for "
                "each");
        return 0;
    }
    return sizeof(struct chebyshev) +
            (shape->predict ? 1 : shape->slots) * sizeof(struct arm);
}

static size_t chebyshev_scratch(
        const struct oracle_spec *spec, const struct shape *shape)
{
    (void)spec;
    (void)shape;
    return 0;
}

static void chebyshev_init(
        void *block, const struct oracle_spec *spec, const struct shape *shape)
{
    struct chebyshev *self = block;

    self->options = spec->options;
    self->models = shape->predict ? 1 : shape->slots;
}

/* ---- predicting ---- */

static void read_context(const struct chebyshev *self,
        const struct context *context, double f[FEATURES])
{
    const struct chebyshev_options *options = self->options;
    double place = (context->shared.dense[0] - options->min) /
            (options->max - options->min);
    double z = fmin(fmax(2.0 * place - 1.0, -1.0), 1.0);

    f[0] = 1.0;
    f[1] = z;
    for (uint32_t j = 2; j < FEATURES; j++)
        f[j] = 2.0 * z * f[j - 1] - f[j - 2];
}

static uint32_t model_of(const struct chebyshev *self,
        const struct action_set *actions, uint32_t index)
{
    return self->models == 1 || actions->slot == NULL ? 0
                                                      : actions->slot[index];
}

static void chebyshev_predict(const void *block, const struct context *context,
        const struct action_set *actions, struct arena *scratch, double *losses)
{
    const struct chebyshev *self = block;
    double f[FEATURES];

    (void)scratch;
    read_context(self, context, f);
    for (uint32_t i = 0; i < actions->count; i++)
        losses[i] =
                dot(self->arms[model_of(self, actions, i)].theta, f, FEATURES);
}

/* K N */
static double unit_of(const struct chebyshev *self)
{
    return 2.0 * self->largest +
            4.0 * (self->largest - self->smallest) *
            (1.0 + portable_log(FEATURES));
}

/* eta = 2 t sqrt(d t/(R - residual + 2 alpha^2 t)), for gaps in units of K N.
 */
static double chebyshev_gamma(const void *block, const struct context *context,
        uint32_t count, struct arena *scratch)
{
    const struct chebyshev *self = block;
    double unit = unit_of(self);
    double t = self->rounds;
    double alpha, errors, denominator;

    (void)context;
    (void)scratch;
    if (!(unit > 0.0) || !(t > 0.0))
        return 0.0;
    alpha = (PI + 2.0 / PI * portable_log(2.0 * FEATURES + 1.0)) *
            (self->largest - self->smallest) / (2.0 * unit * (FEATURES + 1.0));
    errors = self->predicted_square - 2.0 * self->predicted_loss / unit +
            self->loss_square / (unit * unit);
    denominator = fmax(
            errors - self->residual + 2.0 * alpha * alpha * t, DENOMINATOR_MIN);
    return 2.0 * t * sqrt(count * t / denominator) / unit;
}

/* ---- least squares ---- */

/* Rotates rows and columns p < q of `a` so that a[p][q] becomes 0; gathers the
 * rotations in the columns of `v`. */
static void rotate(double a[FEATURES][FEATURES], double v[FEATURES][FEATURES],
        uint32_t p, uint32_t q)
{
    double tau = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
    double t = copysign(1.0, tau) / (fabs(tau) + sqrt(1.0 + tau * tau));
    double c = 1.0 / sqrt(1.0 + t * t), s = t * c;

    for (uint32_t i = 0; i < FEATURES; i++) {
        double ip = a[i][p], iq = a[i][q];
        a[i][p] = c * ip - s * iq;
        a[i][q] = s * ip + c * iq;
    }
    for (uint32_t i = 0; i < FEATURES; i++) {
        double pi = a[p][i], qi = a[q][i];
        a[p][i] = c * pi - s * qi;
        a[q][i] = s * pi + c * qi;
    }
    for (uint32_t i = 0; i < FEATURES; i++) {
        double ip = v[i][p], iq = v[i][q];
        v[i][p] = c * ip - s * iq;
        v[i][q] = s * ip + c * iq;
    }
    a[p][q] = a[q][p] = 0.0;
}

/* Jacobi's method: afterwards the diagonal of `a` has the eigenvalues, and the
 * columns of `v` their vectors. */
static void diagonalise(
        double a[FEATURES][FEATURES], double v[FEATURES][FEATURES])
{
    double trace = 0.0;
    bool moved = true;

    for (uint32_t i = 0; i < FEATURES; i++) {
        trace += a[i][i];
        for (uint32_t j = 0; j < FEATURES; j++)
            v[i][j] = i == j ? 1.0 : 0.0;
    }
    for (int sweep = 0; moved && sweep < SWEEPS_MAX; sweep++) {
        moved = false;
        for (uint32_t p = 0; p < FEATURES; p++)
            for (uint32_t q = p + 1; q < FEATURES; q++) {
                double tiny = fmax(ROTATION_TINY * trace,
                        1e-16 * sqrt(fabs(a[p][p] * a[q][q])));
                if (!(fabs(a[p][q]) > tiny))
                    continue;
                rotate(a, v, p, q);
                moved = true;
            }
    }
}

static void unpack(const struct arm *arm, double a[FEATURES][FEATURES])
{
    for (uint32_t i = 0; i < FEATURES; i++)
        for (uint32_t j = 0; j <= i; j++)
            a[i][j] = a[j][i] = arm->gram[triangle_count(i) + j];
}

/* The least-squares theta of the smallest norm. */
static void fit_free(const struct arm *arm, double theta[FEATURES])
{
    double a[FEATURES][FEATURES], v[FEATURES][FEATURES];
    double most = 0.0;

    unpack(arm, a);
    diagonalise(a, v);
    for (uint32_t j = 0; j < FEATURES; j++)
        most = fmax(most, a[j][j]);
    for (uint32_t i = 0; i < FEATURES; i++)
        theta[i] = 0.0;
    for (uint32_t j = 0; j < FEATURES; j++) {
        double along = 0.0;
        if (!(a[j][j] > EIGEN_TINY * most))
            continue;
        for (uint32_t i = 0; i < FEATURES; i++)
            along += v[i][j] * arm->moment[i];
        for (uint32_t i = 0; i < FEATURES; i++)
            theta[i] += along / a[j][j] * v[i][j];
    }
}

static double clip(double value, double bound)
{
    return value > bound ? bound : value < -bound ? -bound : value;
}

/* Bounded least squares by cyclic coordinate descent from a theta within the
 * bounds. */
static void fit_bounded(const struct arm *arm, const double bound[FEATURES],
        double theta[FEATURES])
{
    double a[FEATURES][FEATURES];
    bool moved = true;

    unpack(arm, a);
    for (int round = 0; moved && round < FIT_ROUNDS_MAX; round++) {
        moved = false;
        for (uint32_t j = 0; j < FEATURES; j++) {
            double before = theta[j];
            if (!(a[j][j] > 0.0))
                continue;
            theta[j] = clip(before +
                            (arm->moment[j] - dot(a[j], theta, FEATURES)) /
                                    a[j][j],
                    bound[j]);
            moved = moved || fabs(theta[j] - before) > FIT_MOVE * bound[j];
        }
    }
}

/* Fits one action; true if a bound was in the way. */
static bool fit(const struct chebyshev *self, struct arm *arm)
{
    double bound[FEATURES];
    bool bounded = false;

    bound[0] = fabs(self->largest);
    for (uint32_t j = 1; j < FEATURES; j++)
        bound[j] = 2.0 * (self->largest - self->smallest) / j;
    fit_free(arm, arm->theta);
    for (uint32_t j = 0; j < FEATURES; j++) {
        bounded = bounded || fabs(arm->theta[j]) > bound[j];
        arm->theta[j] = clip(arm->theta[j], bound[j]);
    }
    if (bounded)
        fit_bounded(arm, bound, arm->theta);
    return bounded;
}

/* theta' G theta - 2 theta' h + sum loss^2 */
static double residual_of(const struct arm *arm)
{
    double product[FEATURES];

    symmetric_times(arm->gram, arm->theta, product, FEATURES);
    return fmax(dot(arm->theta, product, FEATURES) -
                    2.0 * dot(arm->theta, arm->moment, FEATURES) + arm->square,
            0.0);
}

/* ---- learning ---- */

static void learn_errors(
        struct chebyshev *self, double predicted, double loss, double weight)
{
    double unit = unit_of(self);
    double y = unit > 0.0 ? predicted / unit : 0.0;

    self->predicted_square += weight * y * y;
    self->predicted_loss += weight * y * loss;
    self->loss_square += weight * loss * loss;
    if (self->lessons == 0 || loss > self->largest)
        self->largest = loss;
    if (self->lessons == 0 || loss < self->smallest)
        self->smallest = loss;
    self->rounds += weight;
    self->lessons++;
}

/* Bounds move with K and k: then every action is fitted anew. */
static void refit(struct chebyshev *self, uint32_t drawn, bool all)
{
    double unit = unit_of(self);

    self->residual = 0.0;
    for (uint32_t i = 0; i < self->models; i++)
        if ((all || i == drawn) && fit(self, &self->arms[i]) && unit > 0.0)
            self->residual = residual_of(&self->arms[i]) / (unit * unit);
}

static void chebyshev_learn(
        void *block, const struct lesson *lesson, struct arena *scratch)
{
    struct chebyshev *self = block;
    uint32_t model = model_of(self, lesson->actions, lesson->chosen);
    struct arm *arm = &self->arms[model];
    double before = unit_of(self);
    double f[FEATURES];

    (void)scratch;
    read_context(self, lesson->context, f);
    learn_errors(
            self, dot(arm->theta, f, FEATURES), lesson->loss, lesson->weight);
    symmetric_rank_one(arm->gram, lesson->weight, f, FEATURES);
    axpy(lesson->weight * lesson->loss, f, arm->moment, FEATURES);
    arm->square += lesson->weight * lesson->loss * lesson->loss;
    refit(self, model, unit_of(self) != before);
}

static void mean_of(const double *a, const double *b, double scale, double *out,
        size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = 0.5 * scale * (a[i] + b[i]);
}

/* As if it had had lessons like those of both, but ADOPTED of them in all: its
 * own are to count for more soon, since where costs bend it lies below the
 * mean. */
static void chebyshev_adopt(
        void *block, uint32_t slot, uint32_t left, uint32_t right)
{
    struct chebyshev *self = block;
    struct arm *arm = &self->arms[slot];
    const struct arm *a = &self->arms[left], *b = &self->arms[right];
    double lessons = 0.5 * (a->gram[0] + b->gram[0]);
    double scale = lessons > ADOPTED ? ADOPTED / lessons : 1.0;

    mean_of(a->gram, b->gram, scale, arm->gram, ARRAY_COUNT(arm->gram));
    mean_of(a->moment, b->moment, scale, arm->moment, FEATURES);
    mean_of(&a->square, &b->square, scale, &arm->square, 1);
    /* Within the bounds, which are the same for all. */
    mean_of(a->theta, b->theta, 1.0, arm->theta, FEATURES);
}

/* ---- bytes ---- */

static void chebyshev_save(const void *block, struct writer *writer)
{
    const struct chebyshev *self = block;

    write_u32(writer, self->models);
    write_u64(writer, self->lessons);
    write_f64(writer, self->rounds);
    write_f64(writer, self->largest);
    write_f64(writer, self->smallest);
    write_f64(writer, self->predicted_square);
    write_f64(writer, self->predicted_loss);
    write_f64(writer, self->loss_square);
    write_f64(writer, self->residual);
    for (uint32_t i = 0; i < self->models; i++) {
        const struct arm *arm = &self->arms[i];
        write_f64s(writer, arm->gram, ARRAY_COUNT(arm->gram));
        write_f64s(writer, arm->moment, FEATURES);
        write_f64(writer, arm->square);
        write_f64s(writer, arm->theta, FEATURES);
    }
}

static bool finite_arm(const struct arm *arm)
{
    bool good = isfinite(arm->square);

    for (uint32_t i = 0; i < ARRAY_COUNT(arm->gram); i++)
        good = good && isfinite(arm->gram[i]);
    for (uint32_t i = 0; i < FEATURES; i++)
        good = good && isfinite(arm->moment[i]) && isfinite(arm->theta[i]) &&
                arm->gram[triangle_count(i + 1) - 1] >= 0.0;
    return good;
}

static bool chebyshev_check(const void *block)
{
    const struct chebyshev *self = block;

    if (!isfinite(self->rounds) || self->rounds < 0.0 ||
            !isfinite(self->largest) || !isfinite(self->smallest) ||
            self->largest < self->smallest ||
            !isfinite(self->predicted_square) ||
            !isfinite(self->predicted_loss) || !isfinite(self->loss_square) ||
            !isfinite(self->residual))
        return false;
    for (uint32_t i = 0; i < self->models; i++)
        if (!finite_arm(&self->arms[i]))
            return false;
    return true;
}

static int chebyshev_load(void *block, struct reader *reader, struct err *err)
{
    struct chebyshev *self = block;
    uint32_t models = read_u32(reader);

    if (reader->failed || models != self->models)
        return err_set(err, STATUS_CORRUPT,
                "chebyshev: state of %u actions, expected %u", models,
                self->models);
    self->lessons = read_u64(reader);
    self->rounds = read_f64(reader);
    self->largest = read_f64(reader);
    self->smallest = read_f64(reader);
    self->predicted_square = read_f64(reader);
    self->predicted_loss = read_f64(reader);
    self->loss_square = read_f64(reader);
    self->residual = read_f64(reader);
    for (uint32_t i = 0; i < self->models; i++) {
        struct arm *arm = &self->arms[i];
        read_f64s(reader, arm->gram, ARRAY_COUNT(arm->gram));
        read_f64s(reader, arm->moment, FEATURES);
        arm->square = read_f64(reader);
        read_f64s(reader, arm->theta, FEATURES);
    }
    if (reader->failed || !chebyshev_check(self))
        return err_set(err, STATUS_CORRUPT, "chebyshev: state is damaged");
    return 0;
}

static void chebyshev_visit(const void *block, const struct visitor *visitor)
{
    const struct chebyshev *self = block;

    visitor->number(
            visitor->self, "chebyshev_lessons", -1, (double)self->lessons);
    visitor->number(visitor->self, "chebyshev_loss_largest", -1, self->largest);
    visitor->number(
            visitor->self, "chebyshev_loss_smallest", -1, self->smallest);
    visitor->number(visitor->self, "chebyshev_gamma", -1,
            chebyshev_gamma(self, NULL, self->models, NULL));
}

const struct oracle oracle_chebyshev = {
        .name = "chebyshev",
        .state_version = 1,
        .options = {chebyshev_rows, ARRAY_COUNT(chebyshev_rows),
                sizeof(struct chebyshev_options)},
        .footprint = chebyshev_footprint,
        .scratch = chebyshev_scratch,
        .init = chebyshev_init,
        .predict = chebyshev_predict,
        .gamma = chebyshev_gamma,
        .learn = chebyshev_learn,
        .adopt = chebyshev_adopt,
        .save = chebyshev_save,
        .load = chebyshev_load,
        .check = chebyshev_check,
        .visit = chebyshev_visit,
};
