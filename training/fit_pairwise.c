/* Fits a pairwise model: Newton's method on the penalised loss, each step by
 * conjugate gradients from zero; the preconditioner is the second derivative's
 * diagonal with all of the penalties.
 *
 * With `adapt` the penalties are then chosen by the evidence, in a few rounds
 * (training/penalties.h). */
#include "policies/flow.h"
#include "training/design.h"
#include "training/fit.h"
#include "training/penalties.h"
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

struct fit {
    const struct training_job *job;
    const struct pairwise_options *options;
    struct pairwise_model model;
    uint32_t count; /* coefficients: 1, contexts, actions, their products */
    struct design design;
    double *label, *weight; /* [rows] as the design has them */
    struct penalties penalties;
    double *w; /* [count] */
    double *q; /* [rows] of the last evaluation */
    double *h, *r; /* [rows] second and first derivative by q, weighted */
    double *room; /* [5 * count] */
};

/* ---- derivatives ---- */

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

    design_times(&fit->design, w, fit->q);
    for (size_t i = 0; i < fit->job->count; i++) {
        double q = fit->q[i];
        double p = fit->options->loss == PAIRWISE_SQUARED ? q : flow_sigmoid(q);
        fit->r[i] = fit->weight[i] * (p - fit->label[i]);
        fit->h[i] = fit->options->loss == PAIRWISE_SQUARED
                ? fit->weight[i]
                : fit->weight[i] * fmax(p * (1.0 - p), 1e-9);
        sum += row_loss(fit, i, q);
    }
    return sum + penalties_of(&fit->penalties, w);
}

static void gradient(const struct fit *fit, double *g)
{
    penalties_times(&fit->penalties, fit->w, g);
    design_add(&fit->design, fit->r, false, g);
}

/* The diagonal of the loss's second derivative, without penalties. */
static void diagonal(const struct fit *fit, double *d)
{
    memset(d, 0, fit->count * sizeof(*d));
    design_add(&fit->design, fit->h, true, d);
}

/* out = (H + penalty) v */
static void curvature(const struct fit *fit, const double *v, double *out)
{
    penalties_times(&fit->penalties, v, out);
    design_curvature(&fit->design, fit->h, v, out);
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
    double *pivot = fit->room + 4 * (size_t)n;
    double now, start, gain = 0.0;

    gradient(fit, residual);
    diagonal(fit, product);
    penalties_factor(&fit->penalties, product, pivot);
    for (uint32_t i = 0; i < n; i++) {
        step[i] = 0.0;
        residual[i] = -residual[i];
    }
    penalties_solve(&fit->penalties, pivot, residual, direction);
    start = now = dot(residual, direction, n);
    for (int k = 0; k < GRADIENT_STEPS && now > RESIDUAL * start; k++) {
        double length, next;
        curvature(fit, direction, product);
        length = now / dot(direction, product, n);
        gain += length * now;
        for (uint32_t i = 0; i < n; i++) {
            step[i] += length * direction[i];
            residual[i] -= length * product[i];
        }
        penalties_solve(&fit->penalties, pivot, residual, product);
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
    fit->q = calloc(rows, sizeof(double));
    fit->label = calloc(rows, sizeof(double));
    fit->weight = calloc(rows, sizeof(double));
    fit->h = calloc(rows, sizeof(double));
    fit->r = calloc(rows, sizeof(double));
    fit->w = calloc(count, sizeof(double));
    fit->room = calloc(5 * count, sizeof(double));
    return fit->q == NULL || fit->label == NULL || fit->weight == NULL ||
                    fit->h == NULL || fit->r == NULL || fit->w == NULL ||
                    fit->room == NULL
            ? err_set(err, STATUS_INTERNAL, "training: no memory")
            : penalties_open(&fit->penalties, &fit->model, fit->options, err);
}

static void release(struct fit *fit)
{
    design_close(&fit->design);
    free(fit->q);
    free(fit->label);
    free(fit->weight);
    free(fit->h);
    free(fit->r);
    free(fit->w);
    penalties_close(&fit->penalties);
    free(fit->room);
    side_free(&fit->model.context);
    side_free(&fit->model.action);
}

static void read_labels(struct fit *fit)
{
    const struct training_job *job = fit->job;
    double weights = 0.0;

    for (size_t i = 0; i < job->count; i++)
        weights += job->lessons[i].weight;
    for (size_t i = 0; i < job->count; i++) {
        const struct lesson *lesson = &job->lessons[fit->design.lesson[i]];
        fit->label[i] = fmin(fmax(lesson->loss, 0.0), 1.0);
        fit->weight[i] = lesson->weight * (double)job->count / weights;
    }
}

static int find_coefficients(struct fit *fit, struct err *err)
{
    int status = design_open(&fit->design, &fit->model, fit->job, err);

    if (status != 0)
        return status;
    read_labels(fit);
    for (int k = 0; status == 0 && fit->options->adapt && k < ADAPT_ROUNDS;
            k++) {
        descend(fit, ROUGH_STEPS);
        diagonal(fit, fit->room);
        status = penalties_adapt(&fit->penalties, fit->room, fit->w, err);
    }
    if (status != 0)
        return status;
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
