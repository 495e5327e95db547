/* Tsallis-INF: best of both worlds without context (Zimmert & Seldin, JMLR
 * 22(28), 2021; relax.md, section 2.1), optionally one per bin of the first
 * context column (Tsallis-INF-CB of arXiv 2310.02246, Algorithm 4).
 *
 *     Lhat = k/K + s,   p_i = 4/(eta (Lhat_i - x))^2,   sum p = 1
 *
 * k: importance-weighted sums of losses; K: the running mean loss, so that the
 * unit of the loss does not matter; s: shifts of the reduced-variance
 * estimator. The normaliser x is found by Newton's method from the left
 * bracket, where the sum is at least 1, and never passes the pole (pitfall
 * P1). The probabilities learned from are those of the decision, however late
 * the feedback. */
#include "policies/learner.h"

#include <math.h>

enum { ESTIMATOR_IW, ESTIMATOR_RV };

#define NEWTON_STEPS_MAX 64
#define SUM_TOLERANCE    1e-13

struct tsallis_options {
    uint32_t estimator;
    uint32_t bins;
    double bin_min;
    double bin_max;
};

struct tsallis {
    const struct tsallis_options *options;
    uint32_t slots;
    uint32_t bins;
    /* bins x { rounds, loss_sum, k[slots], s[slots] } */
    double values[];
};

static const char *const estimators[] = {
        "importance_weighted", "reduced_variance", NULL};

#define AT(member) offsetof(struct tsallis_options, member)

static const struct option_row tsallis_rows[] = {
        {.name = "estimator",
                .type = OPTION_CHOICE,
                .offset = AT(estimator),
                .choices = estimators,
                .fallback = ESTIMATOR_IW,
                .sentence = "of losses not seen: importance_weighted, which "
                            "corrections can undo exactly, or "
                            "reduced_variance, 1 to 2 % better"},
        {.name = "bins",
                .type = OPTION_COUNT,
                .offset = AT(bins),
                .min = 1,
                .max = 1000,
                .fallback = 1,
                .sentence = "learners, one for each part of the first context "
                            "column's range; 1: no context"},
        {.name = "bin_min",
                .type = OPTION_DOUBLE,
                .offset = AT(bin_min),
                .min = -1e15,
                .max = 1e15,
                .sentence = "start of that range"},
        {.name = "bin_max",
                .type = OPTION_DOUBLE,
                .offset = AT(bin_max),
                .min = -1e15,
                .max = 1e15,
                .fallback = 1.0,
                .sentence = "end of that range"},
};

/* ---- the normaliser ---- */

/* Probabilities for cumulative losses lhat[count]; arena-free. */
static void normalise(const double *lhat, uint32_t count, double eta, double *p)
{
    double least = lhat[0];
    double low, high, x, sum = 0.0;

    for (uint32_t i = 1; i < count; i++)
        least = fmin(least, lhat[i]);
    low = least - 2.0 * sqrt(count) / eta;
    high = least - 2.0 / eta;
    x = high;
    for (int step = 0; step < NEWTON_STEPS_MAX; step++) {
        double slope = 0.0;
        double next;
        sum = 0.0;
        for (uint32_t i = 0; i < count; i++) {
            double root = 2.0 / (eta * (lhat[i] - x));
            p[i] = root * root;
            sum += p[i];
            slope += p[i] * root;
        }
        if (fabs(sum - 1.0) <= SUM_TOLERANCE)
            break;
        if (sum > 1.0)
            high = x;
        else
            low = x;
        next = x - (sum - 1.0) / (eta * slope);
        if (!(next >= low && next <= high))
            next = 0.5 * (low + high);
        if (next == x)
            break;
        x = next;
    }
    for (uint32_t i = 0; i < count; i++)
        p[i] /= sum;
}

/* ---- state ---- */

static size_t bin_values(uint32_t slots)
{
    return 2 + 2 * (size_t)slots;
}

static size_t tsallis_footprint(
        const void *block, const struct shape *shape, struct err *err)
{
    const struct tsallis_options *options = block;

    if (shape->slots == 0 || shape->predict) {
        (void)err_set(err, STATUS_INVALID,
                "tsallis-inf: needs a catalogue of actions");
        return 0;
    }
    if (options->bins > 1 &&
            (shape->shared_dense == 0 ||
                    !(options->bin_min < options->bin_max))) {
        (void)err_set(err, STATUS_INVALID,
                "tsallis-inf: bins need a context column and bin_min < "
                "bin_max");
        return 0;
    }
    return sizeof(struct tsallis) +
            options->bins * bin_values(shape->slots) * sizeof(double);
}

static size_t tsallis_scratch(const void *options, const struct shape *shape)
{
    (void)options;
    return 2 * (shape->slots + 4) * sizeof(double);
}

static void tsallis_init(
        void *block, const void *options, const struct shape *shape)
{
    struct tsallis *self = block;

    self->options = options;
    self->slots = shape->slots;
    self->bins = self->options->bins;
}

/* Values of one bin: rounds, sum of losses, k, s. */
struct bin_view {
    double *rounds, *loss_sum, *k, *s;
};

static struct bin_view bin_at(struct tsallis *self, uint32_t bin)
{
    double *at = self->values + bin * bin_values(self->slots);

    return (struct bin_view){at, at + 1, at + 2, at + 2 + self->slots};
}

static uint32_t bin_index(
        const struct tsallis *self, const struct context *context)
{
    const struct tsallis_options *options = self->options;
    double place;

    if (self->bins == 1)
        return 0;
    place = (context->shared.dense[0] - options->bin_min) /
            (options->bin_max - options->bin_min) * (double)self->bins;
    if (!(place > 0.0))
        return 0;
    return place >= (double)self->bins ? self->bins - 1 : (uint32_t)place;
}

/* The loss that counts as one unit: the running mean, or 1 before there is a
 * positive one. */
static double scale_of(double rounds, double loss_sum)
{
    double mean = rounds > 0.0 ? loss_sum / rounds : 0.0;

    return mean > 0.0 ? mean : 1.0;
}

static double rate_of(const struct tsallis *self, double round)
{
    double numerator = self->options->estimator == ESTIMATOR_RV ? 4.0 : 2.0;

    return numerator / sqrt(round);
}

static void tsallis_decide(const void *block, const struct context *context,
        const struct action_set *actions, struct rng *draws,
        struct arena *scratch, double *pmf)
{
    const struct tsallis *self = block;
    const double *at =
            self->values + bin_index(self, context) * bin_values(self->slots);
    double scale = scale_of(at[0], at[1]);
    double *lhat = arena_array(scratch, double, actions->count);

    (void)draws;
    CHECK(lhat != NULL);
    for (uint32_t i = 0; i < actions->count; i++)
        lhat[i] = at[2 + actions->slot[i]] / scale +
                at[2 + self->slots + actions->slot[i]];
    normalise(lhat, actions->count, rate_of(self, at[0] + 1.0), pmf);
}

/* The shifts of the reduced-variance estimator: every action that was likely
 * enough counts as 1/2, and the drawn one only for its difference to that. */
static void learn_shifts(const struct lesson *lesson, double round, double *s)
{
    for (uint32_t i = 0; i < lesson->actions->count; i++) {
        double p = lesson->pmf[i];
        if (round * p < 16.0)
            continue;
        s[lesson->actions->slot[i]] += 0.5;
        if (i == lesson->chosen)
            s[lesson->actions->slot[i]] -= 1.0 / (2.0 * p);
    }
}

static void tsallis_learn(
        void *block, const struct lesson *lesson, struct arena *scratch)
{
    struct tsallis *self = block;
    struct bin_view bin = bin_at(self, bin_index(self, lesson->context));

    (void)scratch;
    if (lesson->propensity <= 0.0)
        return;
    /* The shifts need the probability of every action, not the shown one's. */
    if (self->options->estimator == ESTIMATOR_RV &&
            lesson->propensity == lesson->pmf[lesson->chosen])
        learn_shifts(lesson, *bin.rounds + 1.0, bin.s);
    bin.k[lesson->actions->slot[lesson->chosen]] +=
            lesson->loss / lesson->propensity;
    *bin.loss_sum += lesson->loss;
    *bin.rounds += 1.0;
}

/* k and the sum of losses are linear in each loss. An outcome of unknown
 * propensity taught nothing, so there is nothing to replace. */
static bool tsallis_correct(void *block, const struct lesson *lesson,
        double before, struct arena *scratch)
{
    struct tsallis *self = block;
    struct bin_view bin = bin_at(self, bin_index(self, lesson->context));
    double change = lesson->loss - before;

    (void)scratch;
    if (lesson->propensity <= 0.0)
        return true;
    bin.k[lesson->actions->slot[lesson->chosen]] += change / lesson->propensity;
    *bin.loss_sum += change;
    return true;
}

/* Without this a new action has a cumulative loss of 0 beside the others', and
 * would be drawn until it has caught up with all that they ever cost. */
static void tsallis_adopt(
        void *block, uint32_t slot, uint32_t left, uint32_t right)
{
    struct tsallis *self = block;

    for (uint32_t i = 0; i < self->bins; i++) {
        struct bin_view bin = bin_at(self, i);
        bin.k[slot] = 0.5 * (bin.k[left] + bin.k[right]);
        bin.s[slot] = 0.5 * (bin.s[left] + bin.s[right]);
    }
}

/* ---- bytes ---- */

static size_t value_count(const struct tsallis *self)
{
    return self->bins * bin_values(self->slots);
}

static void tsallis_save(const void *block, struct writer *writer)
{
    const struct tsallis *self = block;

    write_u32(writer, self->bins);
    write_u32(writer, self->slots);
    write_f64s(writer, self->values, value_count(self));
}

static bool tsallis_check(const void *block)
{
    const struct tsallis *self = block;

    for (size_t i = 0; i < value_count(self); i++)
        if (!isfinite(self->values[i]))
            return false;
    for (uint32_t bin = 0; bin < self->bins; bin++)
        if (!(self->values[bin * bin_values(self->slots)] >= 0.0))
            return false;
    return true;
}

static int tsallis_load(void *block, struct reader *reader, struct err *err)
{
    struct tsallis *self = block;
    uint32_t bins = read_u32(reader);
    uint32_t slots = read_u32(reader);

    if (reader->failed || bins != self->bins || slots != self->slots)
        return err_set(err, STATUS_CORRUPT,
                "tsallis-inf: state of %u bins of %u actions, expected %u of "
                "%u",
                bins, slots, self->bins, self->slots);
    read_f64s(reader, self->values, value_count(self));
    if (reader->failed || !tsallis_check(self))
        return err_set(err, STATUS_CORRUPT, "tsallis-inf: state is damaged");
    return 0;
}

static void tsallis_visit(const void *block, const struct visitor *visitor)
{
    const struct tsallis *self = block;
    double rounds = 0.0, losses = 0.0;

    for (uint32_t bin = 0; bin < self->bins; bin++) {
        rounds += self->values[bin * bin_values(self->slots)];
        losses += self->values[bin * bin_values(self->slots) + 1];
    }
    visitor->number(visitor->self, "tsallis_rounds", -1, rounds);
    visitor->number(
            visitor->self, "tsallis_scale", -1, scale_of(rounds, losses));
}

const struct learner learner_tsallis_inf = {
        .name = "tsallis-inf",
        .state_version = 1,
        .options = {tsallis_rows, ARRAY_COUNT(tsallis_rows),
                sizeof(struct tsallis_options)},
        .footprint = tsallis_footprint,
        .scratch = tsallis_scratch,
        .init = tsallis_init,
        .decide = tsallis_decide,
        .learn = tsallis_learn,
        .correct = tsallis_correct,
        .adopt = tsallis_adopt,
        .save = tsallis_save,
        .load = tsallis_load,
        .check = tsallis_check,
        .visit = tsallis_visit,
};
