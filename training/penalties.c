#include "training/penalties.h"

#include "training/sides.h"

#include <math.h>
#include <stdlib.h>

#define PENALTY_MIN 0.05
#define PENALTY_MAX 3e3
#define STEP_MAX    3e4
/* Half a coefficient of size 1/2, and half a step of size 1/4, in advance:
 * small blocks stay near what is usual. */
#define ADVANCE      0.5
#define ADVANCE_SIZE 0.125
#define ADVANCE_STEP 0.03125
/* Bins of one column at most. */
#define CHAIN_MAX (PAIRWISE_CUTS_MAX + 1u)

/* ---- chains: the bins of a column, with the same atom of the other side ----
 */

/* The coefficients of the chain that begins at `first`; returns how many. */
static uint32_t chain_of(const struct penalties *penalties, uint32_t first,
        uint32_t at[CHAIN_MAX])
{
    uint32_t count = 0;

    for (uint32_t i = first; count < CHAIN_MAX; i = penalties->next[i]) {
        at[count++] = i;
        if (penalties->next[i] == 0)
            break;
    }
    return count;
}

/* Joins the bins of a side's columns of three bins and more: atom a has the
 * coefficient at + a * stride. */
static void join_bins(struct penalties *penalties,
        const struct pairwise_side *side, uint32_t at, uint32_t stride)
{
    for (uint32_t i = 0; i < side->columns; i++)
        for (uint32_t a = side->first[i]; a + 1 < side->first[i + 1]; a++) {
            uint32_t from = at + a * stride, to = from + stride;
            penalties->next[from] = to;
            penalties->follows[to] = true;
        }
}

/* Products are joined along the context's bins; those of an atom that is no bin
 * along the action's. */
static void join(
        struct penalties *penalties, const struct pairwise_model *model)
{
    const struct pairwise_side *context = &model->context;
    const struct pairwise_side *action = &model->action;
    uint32_t main = 1 + context->atoms, pair = main + action->atoms;

    join_bins(penalties, context, 1, 1);
    join_bins(penalties, action, main, 1);
    for (uint32_t a = 0; a < action->atoms; a++)
        join_bins(penalties, context, pair + a, action->atoms);
    for (uint32_t c = context->first[context->columns]; c < context->atoms; c++)
        join_bins(penalties, action, pair + c * action->atoms, 1);
}

/* ---- blocks ---- */

/* Blocks: 0 the intercept; then the sources of the context, of the action, and
 * each pair of them. */
static int number_blocks(struct penalties *penalties,
        const struct pairwise_model *model, struct err *err)
{
    const struct pairwise_side *context = &model->context;
    const struct pairwise_side *action = &model->action;
    uint32_t contexts = 0, actions = 0, at = 0;
    uint32_t *of_context = side_sources(context, &contexts);
    uint32_t *of_action = side_sources(action, &actions);
    uint32_t *block = penalties->block;

    if (of_context == NULL || of_action == NULL) {
        free(of_context);
        free(of_action);
        return err_set(err, STATUS_INTERNAL, "training: no memory");
    }
    block[at++] = 0;
    for (uint32_t c = 0; c < context->atoms; c++)
        block[at++] = 1 + of_context[c];
    for (uint32_t a = 0; a < action->atoms; a++)
        block[at++] = 1 + contexts + of_action[a];
    for (uint32_t c = 0; c < context->atoms; c++)
        for (uint32_t a = 0; a < action->atoms; a++)
            block[at++] = 1 + contexts + actions + of_context[c] * actions +
                    of_action[a];
    penalties->blocks = 1 + contexts + actions + contexts * actions;
    free(of_context);
    free(of_action);
    return 0;
}

static void begin(struct penalties *penalties,
        const struct pairwise_model *model,
        const struct pairwise_options *options)
{
    uint32_t mains = 1 + model->context.atoms + model->action.atoms;
    bool steps = options->adapt && options->smooth;

    for (uint32_t i = 0; i < penalties->count; i++) {
        double size = i < mains ? options->main_penalty : options->pair_penalty;
        penalties->size[penalties->block[i]] = size;
        penalties->step[penalties->block[i]] = steps ? size : 0.0;
    }
    penalties->size[0] = 1e-6;
    penalties->step[0] = 0.0;
}

int penalties_open(struct penalties *penalties,
        const struct pairwise_model *model,
        const struct pairwise_options *options, struct err *err)
{
    size_t contexts = model->context.atoms, actions = model->action.atoms;
    size_t count = 1 + contexts + actions + contexts * actions;
    int status = 0;

    memset(penalties, 0, sizeof(*penalties));
    penalties->count = (uint32_t)count;
    penalties->block = calloc(count, sizeof(*penalties->block));
    penalties->next = calloc(count, sizeof(*penalties->next));
    penalties->follows = calloc(count, sizeof(*penalties->follows));
    penalties->room = calloc(3 * count, sizeof(double));
    if (penalties->block == NULL || penalties->next == NULL ||
            penalties->follows == NULL || penalties->room == NULL)
        return err_set(err, STATUS_INTERNAL, "training: no memory");
    status = number_blocks(penalties, model, err);
    if (status != 0)
        return status;
    penalties->size = calloc(penalties->blocks, sizeof(double));
    penalties->step = calloc(penalties->blocks, sizeof(double));
    if (penalties->size == NULL || penalties->step == NULL)
        return err_set(err, STATUS_INTERNAL, "training: no memory");
    begin(penalties, model, options);
    if (options->adapt && options->smooth)
        join(penalties, model);
    return 0;
}

void penalties_close(struct penalties *penalties)
{
    free(penalties->block);
    free(penalties->next);
    free(penalties->follows);
    free(penalties->size);
    free(penalties->step);
    free(penalties->room);
    memset(penalties, 0, sizeof(*penalties));
}

/* ---- P ---- */

double penalties_of(const struct penalties *penalties, const double *w)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < penalties->count; i++) {
        uint32_t block = penalties->block[i], next = penalties->next[i];
        sum += penalties->size[block] * w[i] * w[i];
        if (next != 0)
            sum += penalties->step[block] * (w[next] - w[i]) * (w[next] - w[i]);
    }
    return 0.5 * sum;
}

void penalties_times(
        const struct penalties *penalties, const double *w, double *out)
{
    for (uint32_t i = 0; i < penalties->count; i++)
        out[i] = penalties->size[penalties->block[i]] * w[i];
    for (uint32_t i = 0; i < penalties->count; i++) {
        uint32_t next = penalties->next[i];
        double pull;
        if (next == 0)
            continue;
        pull = penalties->step[penalties->block[i]] * (w[next] - w[i]);
        out[i] -= pull;
        out[next] += pull;
    }
}

/* ---- diag(h) + P ---- */

/* Of L D L': the pivots; the factor from a bin to the next is -step/pivot. */
void penalties_factor(
        const struct penalties *penalties, const double *h, double *pivot)
{
    for (uint32_t i = 0; i < penalties->count; i++) {
        uint32_t block = penalties->block[i];
        double steps =
                (penalties->next[i] != 0 ? penalties->step[block] : 0.0) +
                (penalties->follows[i] ? penalties->step[block] : 0.0);
        pivot[i] = h[i] + penalties->size[block] + steps;
    }
    /* A bin's coefficient comes before that of the next. */
    for (uint32_t i = 0; i < penalties->count; i++) {
        double step = penalties->step[penalties->block[i]];
        if (penalties->next[i] != 0)
            pivot[penalties->next[i]] -= step * step / pivot[i];
    }
}

void penalties_solve(const struct penalties *penalties, const double *pivot,
        const double *r, double *out)
{
    if (out != r)
        memcpy(out, r, penalties->count * sizeof(*out));
    for (uint32_t i = 0; i < penalties->count; i++)
        if (penalties->next[i] != 0)
            out[penalties->next[i]] +=
                    out[i] * penalties->step[penalties->block[i]] / pivot[i];
    for (uint32_t i = penalties->count; i-- > 0;) {
        out[i] /= pivot[i];
        if (penalties->next[i] != 0)
            out[i] += out[penalties->next[i]] *
                    penalties->step[penalties->block[i]] / pivot[i];
    }
}

/* ---- the evidence ---- */

/* Adds the traces of (diag(h) + P)^-1 with the identity and with D along one
 * chain to `sum`, times `sign`. */
static void add_traces(const struct penalties *penalties, const double *pivot,
        const uint32_t *at, uint32_t count, double sign, double sum[2])
{
    double step = penalties->step[penalties->block[at[0]]];
    double above = 0.0; /* the inverse's diagonal, one bin up */

    for (uint32_t k = count; k-- > 0;) {
        double p = pivot[at[k]];
        double factor = k + 1 < count ? step / p : 0.0;
        double own = 1.0 / p + factor * factor * above;
        sum[0] += sign * own;
        if (k + 1 < count)
            sum[1] += sign * (own + above - 2.0 * factor * above);
        above = own;
    }
}

/* Sums of a block: what the two penalties are of. */
struct evidence {
    double trace[2]; /* tr P^-1 - tr V, and the same with D */
    double square, steps; /* |w|^2, w'D w */
};

static void add_chain(const struct penalties *penalties, const double *loose,
        const double *held, const double *w, uint32_t first,
        struct evidence *sums)
{
    uint32_t at[CHAIN_MAX], count = chain_of(penalties, first, at);
    struct evidence *sum = &sums[penalties->block[first]];

    add_traces(penalties, loose, at, count, 1.0, sum->trace);
    add_traces(penalties, held, at, count, -1.0, sum->trace);
    for (uint32_t k = 0; k < count; k++) {
        double step = k + 1 < count ? w[at[k + 1]] - w[at[k]] : 0.0;
        sum->square += w[at[k]] * w[at[k]];
        sum->steps += step * step;
    }
}

static double within(double x, double least, double most)
{
    return fmin(fmax(x, least), most);
}

int penalties_adapt(struct penalties *penalties, const double *h,
        const double *w, struct err *err)
{
    struct evidence *sums = calloc(penalties->blocks, sizeof(*sums));
    double *nothing = penalties->room;
    double *without = nothing + penalties->count;
    double *with = without + penalties->count;

    if (sums == NULL)
        return err_set(err, STATUS_INTERNAL, "training: no memory");
    memset(nothing, 0, penalties->count * sizeof(*nothing));
    penalties_factor(penalties, nothing, without);
    penalties_factor(penalties, h, with);
    for (uint32_t i = 1; i < penalties->count; i++)
        if (!penalties->follows[i])
            add_chain(penalties, without, with, w, i, sums);
    for (uint32_t b = 1; b < penalties->blocks; b++) {
        const struct evidence *sum = &sums[b];
        double size = penalties->size[b] * fmax(sum->trace[0], 0.0);
        double step = penalties->step[b] * fmax(sum->trace[1], 0.0);
        penalties->size[b] =
                within((size + ADVANCE) / (sum->square + ADVANCE_SIZE),
                        PENALTY_MIN, PENALTY_MAX);
        if (penalties->step[b] > 0.0)
            penalties->step[b] =
                    within((step + ADVANCE) / (sum->steps + ADVANCE_STEP),
                            PENALTY_MIN, STEP_MAX);
    }
    free(sums);
    return 0;
}
