/* A rich model and simpler ones side by side: the inner oracle as it is set,
 * the variants that it calls simpler (ridge: without products of columns; with
 * a stronger prior), and on demand one that is nearly a constant for each
 * action. Their predictions are mixed by exponential weights (Freund et al.
 * 1997; groupwise.md section 8): in squared loss the mixture of M is at most
 * 2 ln M worse than the best of them, whatever comes. So a rich model costs
 * next to nothing where it only fits noise, and the user need not know. */
#include "policies/layout.h"
#include "policies/linalg.h"
#include "policies/oracle.h"
#include "policies/portable.h"
#include "policies/sleeping.h"

#include <math.h>

#define SIMPLER_MAX 2u /* of the inner oracle */
#define MEMBERS_MAX (SIMPLER_MAX + 2)

struct blend_options {
    bool near_constant;
};

static const struct option_row blend_rows[] = {
        {.name = "near_constant",
                .type = OPTION_FLAG,
                .offset = offsetof(struct blend_options, near_constant),
                .sentence = "mix in a model of nearly no columns, for few "
                            "actions and much noise"},
};

struct blend {
    const struct oracle_spec *spec;
    uint32_t members;
    struct oracle_spec member[MEMBERS_MAX]; /* richest first */
    size_t offset[MEMBERS_MAX]; /* of their states, from self */
    double log_weight[MEMBERS_MAX];
    double loss[MEMBERS_MAX]; /* cumulative, squared */
    uint64_t lessons;
    /* options of the simpler variants, then the states */
};

/* Options of every oracle are small. */
#define OPTIONS_BYTES ((size_t)256)

/* The members, richest first; `options` has room for those of the simpler ones.
 * Returns how many. */
static uint32_t find_members(const struct oracle_spec *spec,
        unsigned char (*options)[OPTIONS_BYTES], struct oracle_spec *out)
{
    const struct blend_options *blend = spec->options;
    const struct oracle *inner = spec->inner->oracle;
    uint32_t count = 1;

    CHECK(inner->options.size <= OPTIONS_BYTES);
    out[0] = *spec->inner;
    while (count <= SIMPLER_MAX && inner->simpler != NULL &&
            inner->simpler(out[count - 1].options, options[count - 1])) {
        out[count] = *spec->inner;
        out[count].options = options[count - 1];
        count++;
    }
    if (blend->near_constant && inner->near_constant != NULL &&
            inner->near_constant(out[count - 1].options, options[count - 1])) {
        out[count] = *spec->inner;
        out[count].options = options[count - 1];
        count++;
    }
    return count;
}

static size_t blend_footprint(const struct oracle_spec *spec,
        const struct shape *shape, struct err *err)
{
    _Alignas(16) unsigned char options[MEMBERS_MAX - 1][OPTIONS_BYTES];
    struct oracle_spec member[MEMBERS_MAX];
    uint32_t count = find_members(spec, options, member);
    size_t size = layout_rounded(sizeof(struct blend)) +
            (MEMBERS_MAX - 1) * OPTIONS_BYTES;

    if (count == 1) {
        (void)err_set(err, STATUS_INVALID,
                "blend: %s as it is set has no simpler variant",
                spec->inner->oracle->name);
        return 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        size_t own = member[i].oracle->footprint(&member[i], shape, err);
        if (own == 0)
            return 0;
        size += layout_rounded(own);
    }
    return size;
}

static size_t blend_scratch(
        const struct oracle_spec *spec, const struct shape *shape)
{
    /* The richer member needs more than the simpler one. */
    return spec->inner->oracle->scratch(spec->inner, shape) +
            2 * (shape->actions_max * sizeof(double) + LAYOUT_ALIGN);
}

static size_t blend_learn_scratch(
        const struct oracle_spec *spec, const struct shape *shape)
{
    const struct oracle *inner = spec->inner->oracle;

    return blend_scratch(spec, shape) +
            (inner->learn_scratch == NULL
                            ? 0
                            : inner->learn_scratch(spec->inner, shape));
}

static void *state_of(struct blend *self, uint32_t member)
{
    return (char *)self + self->offset[member];
}

static const void *const_state(const struct blend *self, uint32_t member)
{
    return (const char *)self + self->offset[member];
}

static void blend_init(
        void *block, const struct oracle_spec *spec, const struct shape *shape)
{
    struct blend *self = block;
    size_t at = layout_rounded(sizeof(*self));

    self->spec = spec;
    self->members =
            find_members(spec, (void *)((char *)self + at), self->member);
    at += (MEMBERS_MAX - 1) * OPTIONS_BYTES;
    for (uint32_t i = 0; i < self->members; i++) {
        const struct oracle_spec *member = &self->member[i];
        self->offset[i] = at;
        at += layout_rounded(member->oracle->footprint(member, shape, NULL));
        self->log_weight[i] = -portable_log(self->members);
        member->oracle->init(state_of(self, i), member, shape);
    }
}

static double clipped(double loss)
{
    return fmin(fmax(loss, 0.0), 1.0);
}

static void blend_predict(const void *block, const struct context *context,
        const struct action_set *actions, struct arena *scratch, double *losses)
{
    const struct blend *self = block;
    double *own = arena_array(scratch, double, actions->count);
    double weight[MEMBERS_MAX] = {0};

    CHECK(own != NULL);
    specialists_weights(self->log_weight, self->members, weight);
    for (uint32_t a = 0; a < actions->count; a++)
        losses[a] = 0.0;
    for (uint32_t i = 0; i < self->members; i++) {
        size_t mark = scratch->used;
        self->member[i].oracle->predict(
                const_state(self, i), context, actions, scratch, own);
        arena_release(scratch, mark);
        for (uint32_t a = 0; a < actions->count; a++)
            losses[a] += weight[i] * clipped(own[a]);
    }
}

static void blend_spread(const void *block, const struct context *context,
        const struct action_set *actions, double budget, struct arena *scratch,
        double *below, double *above)
{
    const struct blend *self = block;
    double *low = arena_array(scratch, double, actions->count);
    double *high = arena_array(scratch, double, actions->count);
    double weight[MEMBERS_MAX] = {0};

    CHECK(low != NULL && high != NULL);
    specialists_weights(self->log_weight, self->members, weight);
    for (uint32_t a = 0; a < actions->count; a++) {
        below[a] = 0.0;
        if (above != NULL)
            above[a] = 0.0;
    }
    for (uint32_t i = 0; i < self->members; i++) {
        size_t mark = scratch->used;
        self->member[i].oracle->spread(const_state(self, i), context, actions,
                budget, scratch, low, above == NULL ? NULL : high);
        arena_release(scratch, mark);
        axpy(weight[i], low, below, actions->count);
        if (above != NULL)
            axpy(weight[i], high, above, actions->count);
    }
}

static void blend_learn(
        void *block, const struct lesson *lesson, struct arena *scratch)
{
    struct blend *self = block;
    const struct action_set *actions = lesson->actions;
    uint32_t chosen = lesson->chosen;
    struct action_set one = {
            .count = 1,
            .slot = actions->slot == NULL ? NULL : &actions->slot[chosen],
            .features = actions->features == NULL ? NULL
                                                  : &actions->features[chosen],
    };
    double weight[MEMBERS_MAX], losses[MEMBERS_MAX];
    double label = clipped(lesson->loss);
    size_t mark = scratch->used;

    specialists_weights(self->log_weight, self->members, weight);
    for (uint32_t i = 0; i < self->members; i++) {
        const struct oracle *oracle = self->member[i].oracle;
        oracle->predict(const_state(self, i), lesson->context, &one, scratch,
                &losses[i]);
        arena_release(scratch, mark);
        losses[i] = clipped(losses[i]) - label;
        losses[i] *= lesson->weight * losses[i];
        self->loss[i] += losses[i];
        oracle->learn(state_of(self, i), lesson, scratch);
        arena_release(scratch, mark);
    }
    (void)specialists_update(self->log_weight, weight, losses, self->members);
    self->lessons++;
}

/* Exact in every member; the weights keep what they learned from the earlier
 * value. */
static bool blend_correct(void *block, const struct lesson *lesson,
        double before, struct arena *scratch)
{
    struct blend *self = block;
    const struct oracle *inner = self->spec->inner->oracle;
    size_t mark = scratch->used;

    if (inner->correct == NULL)
        return false;
    for (uint32_t i = 0; i < self->members; i++) {
        bool done = inner->correct(state_of(self, i), lesson, before, scratch);
        arena_release(scratch, mark);
        CHECK(done || i == 0); /* members differ in nothing that matters */
        if (!done)
            return false;
    }
    return true;
}

/* ---- bytes ---- */

static void blend_save(const void *block, struct writer *writer)
{
    const struct blend *self = block;

    write_u64(writer, self->lessons);
    for (uint32_t i = 0; i < self->members; i++) {
        write_f64(writer, self->log_weight[i]);
        write_f64(writer, self->loss[i]);
        self->member[i].oracle->save(const_state(self, i), writer);
    }
}

static int blend_load(void *block, struct reader *reader, struct err *err)
{
    struct blend *self = block;

    self->lessons = read_u64(reader);
    for (uint32_t i = 0; i < self->members; i++) {
        self->log_weight[i] = read_f64(reader);
        self->loss[i] = read_f64(reader);
        if (reader->failed)
            return err_set(err, STATUS_CORRUPT, "blend: state is cut short");
        if (self->member[i].oracle->load(state_of(self, i), reader, err) != 0)
            return err_prefix(err, "blend: member %u", i);
    }
    return 0;
}

static bool blend_check(const void *block)
{
    const struct blend *self = block;

    for (uint32_t i = 0; i < self->members; i++)
        if (!isfinite(self->log_weight[i]) || !isfinite(self->loss[i]) ||
                !self->member[i].oracle->check(const_state(self, i)))
            return false;
    return true;
}

static void blend_visit(const void *block, const struct visitor *visitor)
{
    const struct blend *self = block;
    static const char *const weights[] = {"blend_weight_0", "blend_weight_1",
            "blend_weight_2", "blend_weight_3"};
    static const char *const losses[] = {
            "blend_loss_0", "blend_loss_1", "blend_loss_2", "blend_loss_3"};
    double weight[MEMBERS_MAX] = {0};

    CHECK(self->members <= MEMBERS_MAX);
    specialists_weights(self->log_weight, self->members, weight);
    for (uint32_t i = 0; i < self->members; i++) {
        visitor->number(visitor->self, weights[i], -1, weight[i]);
        visitor->number(visitor->self, losses[i], -1, self->loss[i]);
    }
}

const struct oracle oracle_blend = {
        .name = "blend",
        .state_version = 1,
        .options = {blend_rows, ARRAY_COUNT(blend_rows),
                sizeof(struct blend_options)},
        .has_inner = true,
        .footprint = blend_footprint,
        .scratch = blend_scratch,
        .learn_scratch = blend_learn_scratch,
        .init = blend_init,
        .predict = blend_predict,
        .spread = blend_spread,
        .learn = blend_learn,
        .correct = blend_correct,
        .save = blend_save,
        .load = blend_load,
        .check = blend_check,
        .visit = blend_visit,
};
