/* Penalised regression on pairs of indicators, trained in batches
 * (policies/pairwise.h). What is learned between two generations is only
 * counted, for the trainer; the predictions of the last models are averaged,
 * logistic ones by their log odds (payments.md, sections 3.1 and 3.5).
 *
 * Without a model every action looks free of loss, so that an explorer over it
 * is uniform: generation 0. */
#include "base/limits.h"
#include "policies/committee.h"
#include "policies/layout.h"
#include "policies/oracle.h"
#include "policies/pairwise.h"

#include <math.h>

/* Largest coefficient that a model may have: sums of products with feature
 * values stay finite. */
#define COEFFICIENT_MAX 1e100

struct pairwise {
    struct committee_head head; /* the first member */
    const struct pairwise_options *options;
    const struct shape *shape;
    struct pairwise_model model[COMMITTEE_MAX];
    /* then the arrays of each model */
};
_Static_assert(offsetof(struct pairwise, head) == 0, "as committee.h wants it");

static const char *const loss_choices[] = {"squared", "logistic", NULL};

#define AT(member) offsetof(struct pairwise_options, member)

static const struct option_row pairwise_rows[] = {
        {.name = "loss",
                .type = OPTION_CHOICE,
                .offset = AT(loss),
                .choices = loss_choices,
                .fallback = PAIRWISE_LOGISTIC,
                .sentence = "squared, or logistic for losses that are 0 or 1 "
                            "or a probability"},
        {.name = "bins",
                .type = OPTION_COUNT,
                .offset = AT(bins),
                .min = 2,
                .max = PAIRWISE_CUTS_MAX,
                .fallback = 8,
                .sentence = "equally frequent bins of a dense column that has "
                            "many values"},
        {.name = "distinct",
                .type = OPTION_COUNT,
                .offset = AT(distinct),
                .min = 2,
                .max = PAIRWISE_CUTS_MAX,
                .fallback = 32,
                .sentence = "a dense column of up to so many different values "
                            "has a bin for each"},
        {.name = "values",
                .type = OPTION_COUNT,
                .offset = AT(values),
                .min = 1,
                .max = 100000,
                .fallback = 1024,
                .sentence = "named features that are known, of the context and "
                            "of the actions; the rarest are left out"},
        {.name = "coefficients",
                .type = OPTION_COUNT,
                .offset = AT(coefficients),
                .min = 16,
                .max = 4000000,
                .fallback = 65536,
                .sentence = "coefficients of a model, 8 bytes each; training "
                            "that needs more fails"},
        {.name = "main_penalty",
                .type = OPTION_DOUBLE,
                .offset = AT(main_penalty),
                .min = 1e-6,
                .max = 1e6,
                .fallback = 1.0,
                .sentence = "L2 penalty of the context's and the action's own "
                            "coefficients"},
        {.name = "pair_penalty",
                .type = OPTION_DOUBLE,
                .offset = AT(pair_penalty),
                .min = 1e-6,
                .max = 1e6,
                .fallback = 8.0,
                .sentence = "L2 penalty of the products' coefficients"},
        {.name = "adapt",
                .type = OPTION_FLAG,
                .offset = AT(adapt),
                .fallback = 1,
                .sentence = "go on from these penalties to one for each "
                            "feature's products with each column of the "
                            "action, by the evidence for them"},
        {.name = "smooth",
                .type = OPTION_FLAG,
                .offset = AT(smooth),
                .fallback = 1,
                .sentence = "with `adapt`, also one for the differences of "
                            "neighbouring bins of a dense column"},
        {.name = "average",
                .type = OPTION_COUNT,
                .offset = AT(average),
                .min = 1,
                .max = COMMITTEE_MAX,
                .fallback = 3,
                .sentence = "models of the last generations that are "
                            "averaged"},
};

static const struct pairwise_options *options_of(const struct oracle_spec *spec)
{
    return spec->options;
}

/* ---- memory ---- */

/* Lays the arrays of a side out from `at`; returns what is behind them. */
static unsigned char *lay_side(struct pairwise_side *side, unsigned char *at,
        uint32_t columns, const struct pairwise_options *options)
{
    side->cut_start =
            layout_take(&at, ((size_t)columns + 1) * sizeof(uint32_t));
    side->first = layout_take(&at, ((size_t)columns + 1) * sizeof(uint32_t));
    side->cuts = layout_take(
            &at, (size_t)columns * PAIRWISE_CUTS_MAX * sizeof(double));
    side->name = layout_take(&at, (size_t)options->values * sizeof(uint64_t));
    return at;
}

static size_t model_bytes(
        const struct pairwise_options *options, const struct shape *shape)
{
    size_t shared = shape->shared_dense, own = shape->action_dense;

    return 2 * layout_rounded((shared + 1) * sizeof(uint32_t)) +
            2 * layout_rounded((own + 1) * sizeof(uint32_t)) +
            (shared + own) * PAIRWISE_CUTS_MAX * sizeof(double) +
            2 * LAYOUT_ALIGN +
            2 * layout_rounded((size_t)options->values * sizeof(uint64_t)) +
            layout_rounded((size_t)options->coefficients * sizeof(double));
}

static size_t pairwise_footprint(const struct oracle_spec *spec,
        const struct shape *shape, struct err *err)
{
    const struct pairwise_options *options = options_of(spec);

    (void)err;
    return layout_rounded(sizeof(struct pairwise)) +
            options->average * model_bytes(options, shape);
}

/* Atoms of one context or action. */
static uint32_t atoms_room(const struct shape *shape)
{
    uint32_t columns = shape->shared_dense > shape->action_dense
            ? shape->shared_dense
            : shape->action_dense;

    return columns + 1 + NAMED_MAX;
}

static size_t pairwise_scratch(
        const struct oracle_spec *spec, const struct shape *shape)
{
    return atoms_room(shape) * sizeof(struct pairwise_atom) +
            options_of(spec)->coefficients * sizeof(double) + 2 * LAYOUT_ALIGN;
}

static void pairwise_init(
        void *block, const struct oracle_spec *spec, const struct shape *shape)
{
    struct pairwise *self = block;
    unsigned char *at = (unsigned char *)block + layout_rounded(sizeof(*self));

    self->options = options_of(spec);
    self->shape = shape;
    for (uint32_t i = 0; i < self->options->average; i++) {
        struct pairwise_model *model = &self->model[i];
        unsigned char *start = at;
        at = lay_side(&model->context, at, shape->shared_dense, self->options);
        at = lay_side(&model->action, at, shape->action_dense, self->options);
        model->context_main = (void *)at;
        at = start + model_bytes(self->options, shape);
    }
}

/* ---- predicting ---- */

/* What each atom of an action adds in this context; returns what every action
 * starts with. */
static double context_part(const struct pairwise_model *model,
        const struct pairwise_atom *atoms, uint32_t count, double *part)
{
    uint32_t width = model->action.atoms;
    double sum = model->intercept;

    memcpy(part, model->action_main, width * sizeof(*part));
    for (uint32_t i = 0; i < count; i++) {
        const double *row = model->pair + (size_t)atoms[i].place * width;
        double x = atoms[i].value;
        sum += model->context_main[atoms[i].place] * x;
        for (uint32_t a = 0; a < width; a++)
            part[a] += row[a] * x;
    }
    return sum;
}

static void predict_model(const struct pairwise *self,
        const struct pairwise_model *model, const struct context *context,
        const struct action_set *actions, struct pairwise_atom *atoms,
        double *part, double *losses)
{
    static const struct features nothing = {0};
    uint32_t room = atoms_room(self->shape);
    uint32_t count = pairwise_read(
            &model->context, &context->shared, UINT32_MAX, atoms, room);
    double start = context_part(model, atoms, count, part);

    for (uint32_t i = 0; i < actions->count; i++) {
        const struct features *own =
                actions->features == NULL ? &nothing : &actions->features[i];
        uint32_t slot = actions->slot == NULL ? UINT32_MAX : actions->slot[i];
        double q = start;
        count = pairwise_read(&model->action, own, slot, atoms, room);
        for (uint32_t a = 0; a < count; a++)
            q += part[atoms[a].place] * atoms[a].value;
        losses[i] += self->options->loss == PAIRWISE_LOGISTIC
                ? committee_margin(q)
                : q;
    }
}

static void pairwise_predict(const void *block, const struct context *context,
        const struct action_set *actions, struct arena *scratch, double *losses)
{
    const struct pairwise *self = block;
    struct pairwise_atom *atoms =
            arena_array(scratch, struct pairwise_atom, atoms_room(self->shape));
    double *part = arena_array(scratch, double, self->options->coefficients);

    CHECK(atoms != NULL && part != NULL);
    for (uint32_t i = 0; i < actions->count; i++)
        losses[i] = 0.0;
    for (uint32_t m = 0; m < self->head.count; m++)
        predict_model(
                self, &self->model[m], context, actions, atoms, part, losses);
    committee_average(&self->head, self->options->loss == PAIRWISE_LOGISTIC,
            losses, actions->count);
}

/* ---- bytes ---- */

static bool numbers_sound(const double *numbers, size_t count, double most)
{
    for (size_t i = 0; i < count; i++)
        if (!(fabs(numbers[i]) <= most))
            return false;
    return true;
}

static bool load_cuts(struct pairwise_side *side, struct reader *reader)
{
    side->cut_start[0] = 0;
    for (uint32_t i = 0; i < side->columns; i++) {
        uint32_t count = read_u32(reader);
        if (count > PAIRWISE_CUTS_MAX)
            return false;
        side->cut_start[i + 1] = side->cut_start[i] + count;
    }
    read_f64s(reader, side->cuts, side->cut_start[side->columns]);
    if (reader->failed ||
            !numbers_sound(side->cuts, side->cut_start[side->columns], 1e300))
        return false;
    for (uint32_t i = 0; i < side->columns; i++)
        for (uint32_t c = side->cut_start[i] + 1; c < side->cut_start[i + 1];
                c++)
            if (!(side->cuts[c - 1] < side->cuts[c]))
                return false;
    return true;
}

static bool load_side(struct pairwise_side *side, uint32_t columns,
        uint32_t slots, uint32_t values, struct reader *reader)
{
    side->columns = read_u32(reader);
    side->slots = read_u32(reader);
    side->names = read_u32(reader);
    if (reader->failed || side->columns != columns || side->slots != slots ||
            side->names > values || !load_cuts(side, reader))
        return false;
    for (uint32_t i = 0; i < side->names; i++) {
        side->name[i] = read_u64(reader);
        if (i > 0 && side->name[i - 1] >= side->name[i])
            return false;
    }
    pairwise_side_number(side);
    return !reader->failed;
}

static bool load_coefficients(
        struct pairwise_model *model, uint32_t most, struct reader *reader)
{
    size_t contexts = model->context.atoms, actions = model->action.atoms;
    size_t count = contexts + actions + contexts * actions;

    if (count > most)
        return false;
    model->action_main = model->context_main + contexts;
    model->pair = model->action_main + actions;
    model->intercept = read_f64(reader);
    read_f64s(reader, model->context_main, count);
    return !reader->failed &&
            numbers_sound(&model->intercept, 1, COEFFICIENT_MAX) &&
            numbers_sound(model->context_main, count, COEFFICIENT_MAX);
}

static int load_model(
        void *block, uint32_t place, struct bytes bytes, struct err *err)
{
    struct pairwise *self = block;
    struct pairwise_model *model = &self->model[place];
    const struct shape *shape = self->shape;
    uint32_t values = self->options->values;
    struct reader reader = reader_of(bytes);

    model->loss = read_u8(&reader);
    if (reader.failed || model->loss != self->options->loss)
        return err_set(err, STATUS_CORRUPT, "pairwise: a model of other loss");
    if (!load_side(&model->context, shape->shared_dense, 0, values, &reader) ||
            !load_side(&model->action, shape->action_dense, shape->slots,
                    values, &reader) ||
            !load_coefficients(model, self->options->coefficients, &reader) ||
            !reader_done(&reader))
        return err_set(err, STATUS_CORRUPT,
                "pairwise: the model is damaged, or of another shape");
    return 0;
}

static void save_model(const void *block, uint32_t place, struct writer *writer)
{
    const struct pairwise *self = block;

    pairwise_save(&self->model[place], writer);
}

static void pairwise_save_state(const void *block, struct writer *writer)
{
    const struct pairwise *self = block;

    committee_save_all(&self->head, save_model, self, writer);
}

static int pairwise_load(void *block, struct reader *reader, struct err *err)
{
    struct pairwise *self = block;

    return committee_load_all(
            &self->head, self->options->average, load_model, self, reader, err);
}

static bool pairwise_check(const void *block)
{
    const struct pairwise *self = block;

    return committee_sound(&self->head, self->options->average);
}

static void pairwise_visit(const void *block, const struct visitor *visitor)
{
    const struct pairwise *self = block;

    visitor->number(visitor->self, "pairwise_models", -1, self->head.count);
    visitor->number(visitor->self, "pairwise_waiting_lessons", -1,
            (double)self->head.lessons);
}

const struct oracle oracle_pairwise = {
        .name = "pairwise",
        .state_version = 1,
        .options = {pairwise_rows, ARRAY_COUNT(pairwise_rows),
                sizeof(struct pairwise_options)},
        .batch = true,
        .footprint = pairwise_footprint,
        .scratch = pairwise_scratch,
        .init = pairwise_init,
        .predict = pairwise_predict,
        .untrained = committee_untrained,
        .learn = committee_learn,
        .effective = committee_effective,
        .save = pairwise_save_state,
        .load = pairwise_load,
        .check = pairwise_check,
        .visit = pairwise_visit,
};
