/* Fits a pairwise model: Newton's method on the penalised loss, each step by
 * conjugate gradients with the diagonal as preconditioner from zero.
 *
 * With `adapt` the penalties are then chosen by the evidence (MacKay 1992,
 * "Bayesian interpolation", section 4; Tipping 2001): a block of coefficients,
 * those of one source of the context with one source of the action, has the
 * penalty  n_eff/|w|^2,  n_eff = sum_i (1 - lambda/(h_i + lambda)), with h_i
 * the diagonal of the loss's second derivative; a few rounds of it. */
#include "policies/flow.h"
#include "training/fit.h"
#include "training/sides.h"

#include <math.h>
#include <stdlib.h>

#define NEWTON_STEPS   20
#define GRADIENT_STEPS 60
/* A step is solved until its residual is a tenth of what it was: more is lost
 * on the next step's curvature. */
#define RESIDUAL  1e-2 /* squared */
#define TOLERANCE 1e-6 /* of a step's decrease, per row */
/* Steps of a round of penalties that is not the last. */
#define ROUGH_STEPS  2
#define ADAPT_ROUNDS 4
#define PENALTY_MIN  0.05
#define PENALTY_MAX  3e3

/* A row as it is read: its context's atoms and its action's. What it says of
 * the products follows from them and is not stored: the rows are walked some
 * hundred times, and the fewer bytes they are, the sooner. */
struct cell {
    uint32_t place;
    float value;
};

struct fit {
    const struct training_job *job;
    const struct pairwise_options *options;
    struct pairwise_model model;
    uint32_t count; /* coefficients: 1, contexts, actions, their products */
    size_t *start; /* [2 * rows + 1] a row's context, and its action */
    struct cell *cells;
    double *label, *weight;
    double *w, *penalty; /* [count] */
    double *h, *r; /* [rows] second and first derivative by q, weighted */
    uint32_t *block; /* [count] */
    uint32_t block_count;
    double *room; /* [5 * count] */
};

/* ---- the rows ---- */

/* Most atoms of one side in any lesson. */
static uint32_t most_atoms(const struct fit *fit)
{
    const struct training_job *job = fit->job;
    uint32_t named = 0;

    for (size_t i = 0; i < job->count; i++)
        for (int kind = 0; kind < 2; kind++) {
            uint32_t count =
                    side_features(&job->lessons[i], (enum side_kind)kind)
                            ->named_count;
            named = count > named ? count : named;
        }
    return fit->model.context.columns + fit->model.action.columns + 1 + named;
}

/* Both sides' atoms behind the `used` cells; returns how many there are then.
 */
static size_t read_row(struct fit *fit, size_t row, struct pairwise_atom *atoms,
        uint32_t room, size_t used)
{
    const struct lesson *lesson = &fit->job->lessons[row];
    uint32_t slot = lesson->actions->slot == NULL
            ? UINT32_MAX
            : lesson->actions->slot[lesson->chosen];

    for (int kind = 0; kind < 2; kind++) {
        bool context = kind == SIDE_OF_CONTEXT;
        uint32_t count = pairwise_read(
                context ? &fit->model.context : &fit->model.action,
                side_features(lesson, (enum side_kind)kind),
                context ? UINT32_MAX : slot, atoms, room);
        for (uint32_t i = 0; i < count; i++)
            fit->cells[used++] =
                    (struct cell){atoms[i].place, (float)atoms[i].value};
        fit->start[2 * row + (size_t)kind + 1] = used;
    }
    return used;
}

static int read_rows(struct fit *fit, struct err *err)
{
    const struct training_job *job = fit->job;
    uint32_t room = most_atoms(fit);
    struct pairwise_atom *atoms = calloc(room, sizeof(*atoms));
    size_t capacity = 0, used = 0;
    double weights = 0.0;
    int status = 0;

    if (atoms == NULL)
        return err_set(err, STATUS_INTERNAL, "training: no memory");
    for (size_t i = 0; i < job->count; i++)
        weights += job->lessons[i].weight;
    for (size_t i = 0; status == 0 && i < job->count; i++) {
        if (used + 2 * (size_t)room > capacity) {
            struct cell *more;
            capacity = 2 * (used + 2 * (size_t)room) + 1024;
            more = realloc(fit->cells, capacity * sizeof(*more));
            if (more == NULL) {
                status = err_set(err, STATUS_INTERNAL, "training: no memory");
                break;
            }
            fit->cells = more;
        }
        used = read_row(fit, i, atoms, room, used);
        fit->label[i] = fmin(fmax(job->lessons[i].loss, 0.0), 1.0);
        fit->weight[i] = job->lessons[i].weight * (double)job->count / weights;
    }
    free(atoms);
    return status;
}

/* ---- derivatives ---- */

/* A row's two lists of atoms. */
struct row_view {
    const struct cell *context, *action;
    size_t contexts, actions;
};

static struct row_view view_row(const struct fit *fit, size_t row)
{
    const size_t *start = fit->start + 2 * row;

    return (struct row_view){fit->cells + start[0], fit->cells + start[1],
            start[1] - start[0], start[2] - start[1]};
}

static double row_dot(const struct fit *fit, size_t row, const double *w)
{
    struct row_view view = view_row(fit, row);
    size_t width = fit->model.action.atoms;
    const double *own = w + 1, *main = own + fit->model.context.atoms;
    const double *pair = main + width;
    double q = w[0];

    for (size_t i = 0; i < view.contexts; i++) {
        const double *line = pair + view.context[i].place * width;
        double sum = own[view.context[i].place];
        for (size_t k = 0; k < view.actions; k++)
            sum += line[view.action[k].place] * (double)view.action[k].value;
        q += sum * (double)view.context[i].value;
    }
    for (size_t k = 0; k < view.actions; k++)
        q += main[view.action[k].place] * (double)view.action[k].value;
    return q;
}

static double row_loss(const struct fit *fit, size_t row, double q)
{
    double y = fit->label[row];

    if (fit->options->loss == PAIRWISE_SQUARED)
        return 0.5 * fit->weight[row] * (q - y) * (q - y);
    return fit->weight[row] *
            ((q > 0.0 ? q + log1p(exp(-q)) : log1p(exp(q))) - y * q);
}

/* The penalised loss at w; fills r and h. */
static double evaluate(struct fit *fit, const double *w)
{
    double sum = 0.0;

    for (size_t i = 0; i < fit->job->count; i++) {
        double q = row_dot(fit, i, w);
        double p = fit->options->loss == PAIRWISE_SQUARED ? q : flow_sigmoid(q);
        fit->r[i] = fit->weight[i] * (p - fit->label[i]);
        fit->h[i] = fit->options->loss == PAIRWISE_SQUARED
                ? fit->weight[i]
                : fit->weight[i] * fmax(p * (1.0 - p), 1e-9);
        sum += row_loss(fit, i, q);
    }
    for (uint32_t i = 0; i < fit->count; i++)
        sum += 0.5 * fit->penalty[i] * w[i] * w[i];
    return sum;
}

/* out += factor x; with `squares`, factor x^2. */
static void add_row(const struct fit *fit, size_t row, double factor,
        bool squares, double *out)
{
    struct row_view view = view_row(fit, row);
    size_t width = fit->model.action.atoms;
    double *own = out + 1, *main = own + fit->model.context.atoms;
    double *pair = main + width;

    out[0] += factor;
    for (size_t i = 0; i < view.contexts; i++) {
        double *line = pair + view.context[i].place * width;
        double x = (double)view.context[i].value;
        double part = factor * (squares ? x * x : x);
        own[view.context[i].place] += part;
        for (size_t k = 0; k < view.actions; k++) {
            double z = (double)view.action[k].value;
            line[view.action[k].place] += part * (squares ? z * z : z);
        }
    }
    for (size_t k = 0; k < view.actions; k++) {
        double z = (double)view.action[k].value;
        main[view.action[k].place] += factor * (squares ? z * z : z);
    }
}

static void gradient(const struct fit *fit, double *g)
{
    for (uint32_t i = 0; i < fit->count; i++)
        g[i] = fit->penalty[i] * fit->w[i];
    for (size_t i = 0; i < fit->job->count; i++)
        add_row(fit, i, fit->r[i], false, g);
}

/* The diagonal of the loss's second derivative, without penalties. */
static void diagonal(const struct fit *fit, double *d)
{
    memset(d, 0, fit->count * sizeof(*d));
    for (size_t row = 0; row < fit->job->count; row++)
        add_row(fit, row, fit->h[row], true, d);
}

/* out = (H + penalty) v */
static void curvature(const struct fit *fit, const double *v, double *out)
{
    for (uint32_t i = 0; i < fit->count; i++)
        out[i] = fit->penalty[i] * v[i];
    for (size_t i = 0; i < fit->job->count; i++)
        add_row(fit, i, fit->h[i] * row_dot(fit, i, v), false, out);
}

static double dot(const double *a, const double *b, uint32_t count)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

/* ---- Newton ---- */

/* Solves (H + penalty) step = -g into room[0]; returns -g'step. */
static double solve(const struct fit *fit)
{
    uint32_t n = fit->count;
    double *step = fit->room, *residual = fit->room + n;
    double *direction = fit->room + 2 * (size_t)n;
    double *product = fit->room + 3 * (size_t)n;
    double *scale = fit->room + 4 * (size_t)n;
    double now, start, gain = 0.0;

    gradient(fit, residual);
    diagonal(fit, scale);
    for (uint32_t i = 0; i < n; i++) {
        scale[i] = 1.0 / (scale[i] + fit->penalty[i]);
        step[i] = 0.0;
        residual[i] = -residual[i];
        direction[i] = scale[i] * residual[i];
    }
    start = now = dot(residual, direction, n);
    for (int k = 0; k < GRADIENT_STEPS && now > RESIDUAL * start; k++) {
        double length, next;
        curvature(fit, direction, product);
        length = now / dot(direction, product, n);
        gain += length * now;
        for (uint32_t i = 0; i < n; i++) {
            step[i] += length * direction[i];
            residual[i] -= length * product[i];
            product[i] = scale[i] * residual[i];
        }
        next = dot(residual, product, n);
        for (uint32_t i = 0; i < n; i++)
            direction[i] = product[i] + next / now * direction[i];
        now = next;
    }
    return gain;
}

/* Steps until they no longer help; halves those that go too far. */
static void descend(struct fit *fit, int steps)
{
    double *trial = fit->room + fit->count;
    double loss = evaluate(fit, fit->w);

    for (int k = 0; k < steps; k++) {
        double gain = solve(fit), length = 1.0, next = loss;
        if (!(gain > TOLERANCE * (double)fit->job->count))
            break;
        for (int half = 0; half < 20; half++) {
            for (uint32_t i = 0; i < fit->count; i++)
                trial[i] = fit->w[i] + length * fit->room[i];
            next = evaluate(fit, trial);
            if (next <= loss)
                break;
            length *= 0.5;
        }
        if (!(next <= loss))
            break;
        memcpy(fit->w, trial, fit->count * sizeof(*trial));
        loss = next;
    }
    (void)evaluate(fit, fit->w);
}

/* ---- penalties ---- */

/* Blocks: 0 the intercept; then the sources of the context, of the action, and
 * each pair of them. */
static int number_blocks(struct fit *fit, struct err *err)
{
    const struct pairwise_side *context = &fit->model.context;
    const struct pairwise_side *action = &fit->model.action;
    uint32_t contexts, actions, at = 0;
    uint32_t *of_context = side_sources(context, &contexts);
    uint32_t *of_action = side_sources(action, &actions);

    if (of_context == NULL || of_action == NULL) {
        free(of_context);
        free(of_action);
        return err_set(err, STATUS_INTERNAL, "training: no memory");
    }
    fit->block[at++] = 0;
    for (uint32_t c = 0; c < context->atoms; c++)
        fit->block[at++] = 1 + of_context[c];
    for (uint32_t a = 0; a < action->atoms; a++)
        fit->block[at++] = 1 + contexts + of_action[a];
    for (uint32_t c = 0; c < context->atoms; c++)
        for (uint32_t a = 0; a < action->atoms; a++)
            fit->block[at++] = 1 + contexts + actions +
                    of_context[c] * actions + of_action[a];
    fit->block_count = 1 + contexts + actions + contexts * actions;
    free(of_context);
    free(of_action);
    return 0;
}

static void first_penalties(struct fit *fit)
{
    uint32_t mains = 1 + fit->model.context.atoms + fit->model.action.atoms;

    for (uint32_t i = 0; i < fit->count; i++)
        fit->penalty[i] = i < mains ? fit->options->main_penalty
                                    : fit->options->pair_penalty;
    fit->penalty[0] = 1e-6;
}

/* One round of the evidence's fixed point. */
static int adapt(struct fit *fit, struct err *err)
{
    double *sums = calloc(2 * (size_t)fit->block_count, sizeof(*sums));
    double *d = fit->room;

    if (sums == NULL)
        return err_set(err, STATUS_INTERNAL, "training: no memory");
    diagonal(fit, d);
    for (uint32_t i = 1; i < fit->count; i++) {
        double *block = sums + 2 * (size_t)fit->block[i];
        block[0] += d[i] / (d[i] + fit->penalty[i]);
        block[1] += fit->w[i] * fit->w[i];
    }
    for (uint32_t i = 1; i < fit->count; i++) {
        const double *block = sums + 2 * (size_t)fit->block[i];
        /* Half a coefficient of size 1/2 in advance, so that small blocks stay
         * near what is usual. */
        double penalty = (block[0] + 0.5) / (block[1] + 0.125);
        fit->penalty[i] = fmin(fmax(penalty, PENALTY_MIN), PENALTY_MAX);
    }
    free(sums);
    return 0;
}

/* ---- all of it ---- */

static int room_for(struct fit *fit, struct err *err)
{
    size_t rows = fit->job->count;
    size_t contexts = fit->model.context.atoms;
    size_t actions = fit->model.action.atoms;
    size_t count = 1 + contexts + actions + contexts * actions;

    if (count - 1 > fit->options->coefficients)
        return err_set(err, STATUS_INVALID,
                "pairwise: %zu coefficients, more than `coefficients: %u`",
                count - 1, fit->options->coefficients);
    fit->count = (uint32_t)count;
    fit->start = calloc(2 * rows + 1, sizeof(*fit->start));
    fit->label = calloc(rows, sizeof(double));
    fit->weight = calloc(rows, sizeof(double));
    fit->h = calloc(rows, sizeof(double));
    fit->r = calloc(rows, sizeof(double));
    fit->w = calloc(count, sizeof(double));
    fit->penalty = calloc(count, sizeof(double));
    fit->block = calloc(count, sizeof(*fit->block));
    fit->room = calloc(5 * count, sizeof(double));
    return fit->start == NULL || fit->label == NULL || fit->weight == NULL ||
                    fit->h == NULL || fit->r == NULL || fit->w == NULL ||
                    fit->penalty == NULL || fit->block == NULL ||
                    fit->room == NULL
            ? err_set(err, STATUS_INTERNAL, "training: no memory")
            : 0;
}

static void release(struct fit *fit)
{
    free(fit->start);
    free(fit->cells);
    free(fit->label);
    free(fit->weight);
    free(fit->h);
    free(fit->r);
    free(fit->w);
    free(fit->penalty);
    free(fit->block);
    free(fit->room);
    side_free(&fit->model.context);
    side_free(&fit->model.action);
}

static int find_coefficients(struct fit *fit, struct err *err)
{
    int status = read_rows(fit, err);

    if (status == 0)
        status = number_blocks(fit, err);
    if (status != 0)
        return status;
    first_penalties(fit);
    for (int k = 0; status == 0 && fit->options->adapt && k < ADAPT_ROUNDS;
            k++) {
        descend(fit, ROUGH_STEPS);
        status = adapt(fit, err);
    }
    descend(fit, NEWTON_STEPS);
    for (uint32_t i = 0; i < fit->count; i++)
        if (!isfinite(fit->w[i]))
            return err_set(err, STATUS_INTERNAL,
                    "pairwise: a coefficient is not finite");
    return status;
}

static int save(struct fit *fit, struct blob *out, struct err *err)
{
    struct pairwise_model *model = &fit->model;
    struct writer writer = writer_counting();

    model->loss = fit->options->loss;
    model->intercept = fit->w[0];
    model->context_main = fit->w + 1;
    model->action_main = model->context_main + model->context.atoms;
    model->pair = model->action_main + model->action.atoms;
    pairwise_save(model, &writer);
    if (blob_room(out, writer.size, err) != 0)
        return STATUS_INTERNAL;
    writer = writer_over(out->data, out->size);
    pairwise_save(model, &writer);
    CHECK(!writer.failed);
    return 0;
}

int fit_pairwise(
        const struct training_job *job, struct blob *model, struct err *err)
{
    struct fit fit = {.job = job, .options = job->spec->oracle.options};
    int status = side_choose(&fit.model.context, SIDE_OF_CONTEXT, job, err);

    if (status == 0)
        status = side_choose(&fit.model.action, SIDE_OF_ACTION, job, err);
    if (status == 0)
        status = room_for(&fit, err);
    if (status == 0)
        status = find_coefficients(&fit, err);
    if (status == 0)
        status = save(&fit, model, err);
    release(&fit);
    return status;
}
