/* The design matrix of a pairwise fit: a row of it for each lesson, with the
 * coefficients' order of policies/pairwise.h (1, contexts, actions, products).
 *
 * It is never written out. A row is its context's atoms; lessons whose actions
 * have the same atoms are a crowd, side by side, and in a crowd an atom c of
 * the context has one coefficient,
 *     u_c + sum_a z_a W_ca,
 * computed once for a large crowd and where it is met for a small one. So a row
 * costs as much as its context has atoms, whatever the number of products. */
#ifndef TRAINING_DESIGN_H
#define TRAINING_DESIGN_H

#include "policies/pairwise.h"
#include "training/train.h"

struct design_cell {
    uint32_t place; /* atom of its side */
    float value;
};

struct crowd {
    size_t first, end; /* rows */
    size_t cell, cells; /* its action's, in `actions` */
};

struct design {
    const struct pairwise_model *model;
    size_t rows;
    size_t *lesson; /* [rows] each row's place in the job */
    size_t *start; /* [rows + 1] into `contexts` */
    struct design_cell *contexts, *actions;
    struct crowd *crowds;
    size_t crowd_count;
    double *column; /* [context.atoms] */
    double *q; /* [rows] */
};

/* Reads the job's lessons by the model's sides, which outlive it; from malloc.
 * INTERNAL without memory; design_close also after a failure. */
int design_open(struct design *design, const struct pairwise_model *model,
        const struct training_job *job, struct err *err) MUST_USE;
void design_close(struct design *design);

/* q = X w: q of [rows], w of the coefficients. */
void design_times(const struct design *design, const double *w, double *q);
/* out += X'f; with `squares` each element of X squared. f of [rows]. */
void design_add(const struct design *design, const double *f, bool squares,
        double *out);
/* out += X' diag(h) X v. */
void design_curvature(const struct design *design, const double *h,
        const double *v, double *out);

#endif
