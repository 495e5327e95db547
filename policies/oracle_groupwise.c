/* Sleeping experts over one inner oracle per group (groupwise.md): small
 * regret for every group at once. An expert predicts and learns only on the
 * rounds of its group; an always-on one sees all of them.
 *
 * The combined prediction is the mean of the awake experts' predictions under
 * the meta weights, which are the same for all actions (section 8). With `play:
 * sampled` one expert is drawn by these weights and plays alone (section 3 (a),
 * the algorithm of the theorem): its expected loss is the weighted mean of the
 * experts' losses, which is what the weights are judged by.
 *
 * With late feedback p and every f_g are computed anew from the state at the
 * moment of learning ("recomputed", section 3): the theorem then holds in
 * feedback order. A correction would need the weights of that moment, so it is
 * refused and counts at the next retraining. */
#include "policies/groupwise.h"
#include "policies/layout.h"
#include "policies/linalg.h"
#include "policies/portable.h"
#include "policies/sleeping.h"

#include <math.h>

/* Larger than any regret; its square is finite. */
#define REGRET_MAX 1e100

static const char *const weight_choices[] = {
        "auto", "adanormalhedge", "exponential", NULL};
static const char *const play_choices[] = {"averaged", "sampled", NULL};
static const char *const over_choices[] = {
        "schedule", "min", "max", "always", "mean", NULL};

#define AT(member) offsetof(struct groupwise_options, member)

static const struct option_row groupwise_rows[] = {
        {.name = "weights",
                .type = OPTION_CHOICE,
                .offset = AT(weights),
                .choices = weight_choices,
                .sentence = "how experts are weighed: adanormalhedge for any "
                            "loss, exponential for clipped squared loss; "
                            "auto: exponential for actions with clip_experts, "
                            "else adanormalhedge"},
        {.name = "play",
                .type = OPTION_CHOICE,
                .offset = AT(play),
                .choices = play_choices,
                .sentence = "averaged: the mean of the awake experts decides; "
                            "sampled: one of them, drawn by weight (with "
                            "adanormalhedge)"},
        {.name = "gamma_over",
                .type = OPTION_CHOICE,
                .offset = AT(gamma_over),
                .choices = over_choices,
                .sentence = "gamma of inverse gap weighting from the groups "
                            "awake: the least of theirs, the greatest, that of "
                            "always_on, or their geometric mean; schedule: "
                            "the explorer's own (which may be fixed)"},
        {.name = "gamma_factor",
                .type = OPTION_DOUBLE,
                .offset = AT(gamma_factor),
                .min = 1e-3,
                .max = 1e3,
                .fallback = 1.0,
                .sentence = "scales the gamma of gamma_over; the bounds are "
                            "for 1"},
        {.name = "always_on",
                .type = OPTION_FLAG,
                .offset = AT(always_on),
                .fallback = 1,
                .sentence = "one more expert, awake on every round"},
        {.name = "clip_experts",
                .type = OPTION_FLAG,
                .offset = AT(clip_experts),
                .fallback = 1,
                .sentence = "clip each expert's prediction to 0..1; the "
                            "bounds need it"},
};

static const struct groupwise_options *options_of(
        const struct oracle_spec *spec)
{
    return groupwise_options(spec);
}

/* Its bound is the better one where it has one (docs/groupwise.md); the
 * predict form keeps to the algorithm of the theorem, and the loss of an expert
 * that is drawn is bounded by adanormalhedge only. */
bool groupwise_exponential(
        const struct oracle_spec *spec, const struct shape *shape)
{
    const struct groupwise_options *options = options_of(spec);

    if (options->weights == WEIGHTS_AUTO)
        return options->clip_experts && !shape->predict &&
                options->play == PLAY_AVERAGED;
    return options->weights == WEIGHTS_EXPONENTIAL;
}

static uint32_t expert_count(
        const struct oracle_spec *spec, const struct shape *shape)
{
    return shape->groups + (options_of(spec)->always_on ? 1 : 0);
}

static size_t inner_offset(uint32_t experts)
{
    return layout_rounded(
            sizeof(struct groupwise) + experts * sizeof(struct expert));
}

static size_t groupwise_footprint(const struct oracle_spec *spec,
        const struct shape *shape, struct err *err)
{
    uint32_t experts = expert_count(spec, shape);
    size_t inner = spec->inner->oracle->footprint(spec->inner, shape, err);

    if (inner == 0)
        return 0;
    if (experts == 0) {
        (void)err_set(err, STATUS_INVALID,
                "groupwise: no groups and no always_on expert");
        return 0;
    }
    if (options_of(spec)->weights == WEIGHTS_EXPONENTIAL &&
            !options_of(spec)->clip_experts) {
        (void)err_set(err, STATUS_INVALID,
                "groupwise: weights exponential needs clip_experts");
        return 0;
    }
    if (options_of(spec)->weights == WEIGHTS_EXPONENTIAL &&
            options_of(spec)->play == PLAY_SAMPLED) {
        (void)err_set(err, STATUS_INVALID,
                "groupwise: play sampled needs weights adanormalhedge");
        return 0;
    }
    if (options_of(spec)->gamma_over == OVER_SCHEDULE)
        return inner_offset(experts) + experts * layout_rounded(inner);
    if (options_of(spec)->play == PLAY_SAMPLED) {
        (void)err_set(err, STATUS_INVALID,
                "groupwise: gamma_over is proved for play averaged only");
        return 0;
    }
    if (!certificate_proved(spec->inner, shape) || shape->predict) {
        (void)err_set(err, STATUS_INVALID,
                "groupwise: gamma_over needs actions, and an inner oracle "
                "with a proved bound; %s has none as it is set (ridge has "
                "one with scale: false and no forgetting)",
                spec->inner->oracle->name);
        return 0;
    }
    if (options_of(spec)->gamma_over == OVER_ALWAYS &&
            !options_of(spec)->always_on) {
        (void)err_set(err, STATUS_INVALID,
                "groupwise: gamma_over always needs always_on");
        return 0;
    }
    return inner_offset(experts) + experts * layout_rounded(inner);
}

static size_t groupwise_scratch(
        const struct oracle_spec *spec, const struct shape *shape)
{
    size_t experts = expert_count(spec, shape);
    size_t drawn = options_of(spec)->play == PLAY_SAMPLED
            ? experts * shape->actions_max * sizeof(double) + LAYOUT_ALIGN
            : 0;

    return drawn + 5 * (experts * sizeof(double) + LAYOUT_ALIGN) +
            experts * sizeof(uint32_t) + LAYOUT_ALIGN +
            2 * (shape->actions_max * sizeof(double) + LAYOUT_ALIGN) +
            spec->inner->oracle->scratch(spec->inner, shape) + LAYOUT_ALIGN;
}

static size_t groupwise_learn_scratch(
        const struct oracle_spec *spec, const struct shape *shape)
{
    const struct oracle *inner = spec->inner->oracle;
    size_t own = groupwise_scratch(spec, shape);

    return inner->learn_scratch == NULL
            ? own
            : own + inner->learn_scratch(spec->inner, shape);
}

static void *inner_of(struct groupwise *self, uint32_t expert)
{
    return (char *)self + self->inner_offset + expert * self->inner_size;
}

static void groupwise_init(
        void *block, const struct oracle_spec *spec, const struct shape *shape)
{
    struct groupwise *self = block;

    self->spec = spec;
    self->shape = shape;
    self->count = expert_count(spec, shape);
    self->inner_offset = inner_offset(self->count);
    self->inner_size = layout_rounded(
            spec->inner->oracle->footprint(spec->inner, shape, NULL));
    for (uint32_t i = 0; i < self->count; i++) {
        if (groupwise_exponential(spec, shape))
            self->experts[i].regret = -portable_log(self->count);
        spec->inner->oracle->init(inner_of(self, i), spec->inner, shape);
    }
}

/* ---- who is awake, and with what weight ---- */

struct awake {
    uint32_t count;
    uint32_t *expert; /* [count] */
    double *regret, *variation, *weight; /* [count] */
};

static void wake(const struct groupwise *self, const struct context *context,
        struct arena *scratch, struct awake *awake)
{
    bool always_on = self->count > self->shape->groups;

    awake->count = context->group_count + (always_on ? 1 : 0);
    awake->expert = arena_array(scratch, uint32_t, awake->count);
    awake->regret = arena_array(scratch, double, awake->count);
    awake->variation = arena_array(scratch, double, awake->count);
    awake->weight = arena_array(scratch, double, awake->count);
    CHECK(!scratch->overflow);
    for (uint32_t i = 0; i < context->group_count; i++)
        awake->expert[i] = context->groups[i];
    if (always_on)
        awake->expert[context->group_count] = self->count - 1;
    for (uint32_t i = 0; i < awake->count; i++) {
        awake->regret[i] = self->experts[awake->expert[i]].regret;
        awake->variation[i] = self->experts[awake->expert[i]].variation;
    }
    if (awake->count == 0)
        return;
    if (groupwise_exponential(self->spec, self->shape))
        specialists_weights(awake->regret, awake->count, awake->weight);
    else
        anh_weights(
                awake->regret, awake->variation, awake->count, awake->weight);
}

static double clipped(const struct groupwise *self, double loss)
{
    return options_of(self->spec)->clip_experts ? fmin(fmax(loss, 0.0), 1.0)
                                                : loss;
}

/* ---- predicting ---- */

static void groupwise_predict(const void *block, const struct context *context,
        const struct action_set *actions, struct arena *scratch, double *losses)
{
    const struct groupwise *self = block;
    const struct oracle *inner = self->spec->inner->oracle;
    double *own = arena_array(scratch, double, actions->count);
    struct awake awake;

    CHECK(own != NULL);
    wake(self, context, scratch, &awake);
    for (uint32_t i = 0; i < actions->count; i++)
        losses[i] = 0.0;
    for (uint32_t i = 0; i < awake.count; i++) {
        size_t mark = scratch->used;
        inner->predict(groupwise_inner(self, awake.expert[i]), context, actions,
                scratch, own);
        arena_release(scratch, mark);
        for (uint32_t a = 0; a < actions->count; a++)
            losses[a] += awake.weight[i] * clipped(self, own[a]);
    }
}

/* Each awake expert by itself, for one of them to be drawn. */
static bool groupwise_mixture(const void *block, const struct context *context,
        const struct action_set *actions, struct arena *scratch,
        struct mixture *out)
{
    const struct groupwise *self = block;
    const struct oracle *inner = self->spec->inner->oracle;
    struct awake awake;
    double *losses;

    if (options_of(self->spec)->play == PLAY_AVERAGED)
        return false;
    wake(self, context, scratch, &awake);
    losses = arena_array(scratch, double, (size_t)awake.count * actions->count);
    CHECK(losses != NULL);
    for (uint32_t i = 0; i < awake.count; i++) {
        double *own = losses + (size_t)i * actions->count;
        size_t mark = scratch->used;
        inner->predict(groupwise_inner(self, awake.expert[i]), context, actions,
                scratch, own);
        arena_release(scratch, mark);
        for (uint32_t a = 0; a < actions->count; a++)
            own[a] = clipped(self, own[a]);
    }
    *out = (struct mixture){awake.count, awake.weight, losses};
    return awake.count > 0;
}

static double groupwise_gamma(const void *block, const struct context *context,
        uint32_t count, struct arena *scratch)
{
    (void)scratch;
    return certificate_gamma(block, context, count);
}

static bool groupwise_draws(const struct oracle_spec *spec)
{
    return options_of(spec)->play == PLAY_SAMPLED;
}

static bool groupwise_prescribes_gamma(const struct oracle_spec *spec)
{
    return options_of(spec)->gamma_over != OVER_SCHEDULE;
}

/* What each awake expert predicts for one action. */
static void predict_one(const struct groupwise *self,
        const struct context *context, const struct action_set *actions,
        uint32_t index, const struct awake *awake, struct arena *scratch,
        double *predictions)
{
    const struct oracle *inner = self->spec->inner->oracle;
    struct action_set one = {
            .count = 1,
            .slot = actions->slot == NULL ? NULL : &actions->slot[index],
            .features = actions->features == NULL ? NULL
                                                  : &actions->features[index],
    };

    for (uint32_t i = 0; i < awake->count; i++) {
        size_t mark = scratch->used;
        inner->predict(groupwise_inner(self, awake->expert[i]), context, &one,
                scratch, &predictions[i]);
        arena_release(scratch, mark);
        predictions[i] = clipped(self, predictions[i]);
    }
}

static uint32_t groupwise_experts(const void *block,
        const struct context *context, const struct action_set *actions,
        uint32_t index, struct arena *scratch, struct expert_view *out,
        uint32_t max)
{
    const struct groupwise *self = block;
    struct awake awake;
    double *predictions;
    uint32_t count;

    wake(self, context, scratch, &awake);
    predictions = arena_array(scratch, double, awake.count);
    CHECK(predictions != NULL);
    predict_one(self, context, actions, index, &awake, scratch, predictions);
    count = awake.count < max ? awake.count : max;
    for (uint32_t i = 0; i < count; i++)
        out[i] = (struct expert_view){awake.expert[i] < self->shape->groups
                        ? (int32_t)awake.expert[i]
                        : -1,
                awake.weight[i], predictions[i]};
    return count;
}

/* Widths add up under the same weights (bandits.md, 2.3). */
static void groupwise_spread(const void *block, const struct context *context,
        const struct action_set *actions, double budget, struct arena *scratch,
        double *below, double *above)
{
    const struct groupwise *self = block;
    const struct oracle *inner = self->spec->inner->oracle;
    double *low = arena_array(scratch, double, actions->count);
    double *high = arena_array(scratch, double, actions->count);
    struct awake awake;

    CHECK(low != NULL && high != NULL && inner->spread != NULL);
    wake(self, context, scratch, &awake);
    for (uint32_t a = 0; a < actions->count; a++) {
        below[a] = 0.0;
        if (above != NULL)
            above[a] = 0.0;
    }
    for (uint32_t i = 0; i < awake.count; i++) {
        size_t mark = scratch->used;
        inner->spread(groupwise_inner(self, awake.expert[i]), context, actions,
                budget, scratch, low, above == NULL ? NULL : high);
        arena_release(scratch, mark);
        axpy(awake.weight[i], low, below, actions->count);
        if (above != NULL)
            axpy(awake.weight[i], high, above, actions->count);
    }
}

/* ---- learning ---- */

/* The meta level: own predictions of the awake experts (which become their
 * losses), and the new weights. */
static void learn_weights(struct groupwise *self, struct awake *awake,
        double label, double *predictions)
{
    bool specialists = groupwise_exponential(self->spec, self->shape);
    double *losses = predictions;
    double mean = dot(awake->weight, predictions, awake->count);
    double mixed;

    /* The exponential rule is for losses in 0..1. A value from before the range
     * was made narrower lies outside, and exp of its square would be 0 for
     * every expert: weights that are no numbers. */
    if (specialists)
        label = fmin(fmax(label, 0.0), 1.0);
    mixed = (mean - label) * (mean - label);
    for (uint32_t i = 0; i < awake->count; i++)
        losses[i] = (predictions[i] - label) * (predictions[i] - label);
    if (specialists)
        (void)specialists_update(
                awake->regret, awake->weight, losses, awake->count);
    else
        mixed = anh_update(awake->regret, awake->variation, awake->weight,
                losses, awake->count);
    for (uint32_t i = 0; i < awake->count; i++) {
        struct expert *expert = &self->experts[awake->expert[i]];
        expert->regret = awake->regret[i];
        expert->variation = awake->variation[i];
        expert->loss += losses[i];
        expert->mixed_loss += mixed;
        expert->rounds++;
    }
}

static void groupwise_learn(
        void *block, const struct lesson *lesson, struct arena *scratch)
{
    struct groupwise *self = block;
    const struct oracle *inner = self->spec->inner->oracle;
    struct awake awake;
    double *predictions;

    wake(self, lesson->context, scratch, &awake);
    if (awake.count == 0)
        return;
    for (uint32_t i = 0; i < awake.count; i++)
        certificate_charge(self, &self->experts[awake.expert[i]], lesson);
    predictions = arena_array(scratch, double, awake.count);
    CHECK(predictions != NULL);
    predict_one(self, lesson->context, lesson->actions, lesson->chosen, &awake,
            scratch, predictions);
    learn_weights(self, &awake, lesson->loss, predictions);
    for (uint32_t i = 0; i < awake.count; i++) {
        size_t mark = scratch->used;
        inner->learn(inner_of(self, awake.expert[i]), lesson, scratch);
        arena_release(scratch, mark);
    }
}

/* ---- bytes ---- */

static void groupwise_save(const void *block, struct writer *writer)
{
    const struct groupwise *self = block;

    write_u32(writer, self->count);
    for (uint32_t i = 0; i < self->count; i++) {
        const struct expert *expert = &self->experts[i];
        write_f64(writer, expert->regret);
        write_f64(writer, expert->variation);
        write_f64(writer, expert->loss);
        write_f64(writer, expert->mixed_loss);
        write_u64(writer, expert->rounds);
        write_u64(writer, expert->irregular_rounds);
        write_u64(writer, expert->unproved_rounds);
        write_f64(writer, expert->exploration);
        write_f64(writer, expert->gamma_most);
        self->spec->inner->oracle->save(groupwise_inner(self, i), writer);
    }
}

static int groupwise_load(void *block, struct reader *reader, struct err *err)
{
    struct groupwise *self = block;
    uint32_t count = read_u32(reader);

    if (reader->failed || count != self->count)
        return err_set(err, STATUS_CORRUPT,
                "groupwise: state of %u experts, expected %u", count,
                self->count);
    for (uint32_t i = 0; i < self->count; i++) {
        struct expert *expert = &self->experts[i];
        expert->regret = read_f64(reader);
        expert->variation = read_f64(reader);
        expert->loss = read_f64(reader);
        expert->mixed_loss = read_f64(reader);
        expert->rounds = read_u64(reader);
        expert->irregular_rounds = read_u64(reader);
        expert->unproved_rounds = read_u64(reader);
        expert->exploration = read_f64(reader);
        expert->gamma_most = read_f64(reader);
        if (reader->failed)
            return err_set(
                    err, STATUS_CORRUPT, "groupwise: state is cut short");
        if (self->spec->inner->oracle->load(inner_of(self, i), reader, err) !=
                0)
            return err_prefix(err, "groupwise: expert %u", i);
    }
    return 0;
}

static bool groupwise_check(const void *block)
{
    const struct groupwise *self = block;

    for (uint32_t i = 0; i < self->count; i++) {
        const struct expert *expert = &self->experts[i];
        if (!(fabs(expert->regret) <= REGRET_MAX) ||
                !(expert->variation >= 0.0) ||
                !(expert->variation <= REGRET_MAX) || !isfinite(expert->loss) ||
                !isfinite(expert->mixed_loss) ||
                !isfinite(expert->exploration) ||
                !isfinite(expert->gamma_most) ||
                expert->irregular_rounds > expert->rounds ||
                expert->unproved_rounds > expert->rounds)
            return false;
        if (!self->spec->inner->oracle->check(groupwise_inner(self, i)))
            return false;
    }
    return true;
}

static void groupwise_visit(const void *block, const struct visitor *visitor)
{
    const struct groupwise *self = block;

    for (uint32_t i = 0; i < self->count; i++) {
        const struct expert *expert = &self->experts[i];
        int32_t group = i < self->shape->groups ? (int32_t)i : -1;
        visitor->number(
                visitor->self, "expert_rounds", group, (double)expert->rounds);
        visitor->number(visitor->self, "expert_loss", group, expert->loss);
        visitor->number(visitor->self, "mixed_loss", group, expert->mixed_loss);
        visitor->number(visitor->self, "meta_regret", group,
                expert->mixed_loss - expert->loss);
        certificate_visit(self, i, group, visitor);
    }
}

const struct oracle oracle_groupwise = {
        .name = "groupwise",
        .state_version = 4,
        .options = {groupwise_rows, ARRAY_COUNT(groupwise_rows),
                sizeof(struct groupwise_options)},
        .has_inner = true,
        .footprint = groupwise_footprint,
        .scratch = groupwise_scratch,
        .learn_scratch = groupwise_learn_scratch,
        .init = groupwise_init,
        .predict = groupwise_predict,
        .mixture = groupwise_mixture,
        .draws = groupwise_draws,
        .gamma = groupwise_gamma,
        .prescribes_gamma = groupwise_prescribes_gamma,
        .spread = groupwise_spread,
        .experts = groupwise_experts,
        .learn = groupwise_learn,
        .save = groupwise_save,
        .load = groupwise_load,
        .check = groupwise_check,
        .visit = groupwise_visit,
};
