/* The oracle `pairwise`: a penalised regression on indicators of the context,
 * indicators of the action, and all products of one of each (payments.md,
 * section 3.5). It is trained in batches only (training/fit_pairwise.c); here
 * are the options, the reading of a round and the bytes of one model, which
 * the two sides share.
 *
 * An *atom* is one indicator. A dense column is cut into bins, each an atom; a
 * column of two bins has one atom, for the upper. A named feature is an atom
 * times its value if training knew it. Each place of a catalogue is one. With
 * c the atoms of the context and a those of the action, of values x and z,
 *     q = b + sum_c u_c x_c + sum_a (v_a + sum_c W_ca x_c) z_a
 * so that a round costs one sum per context, and a few additions an action. */
#ifndef POLICIES_PAIRWISE_H
#define POLICIES_PAIRWISE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/types.h"

enum { PAIRWISE_SQUARED, PAIRWISE_LOGISTIC };

/* Cuts of one dense column at most. */
#define PAIRWISE_CUTS_MAX 255u

struct pairwise_options {
    uint32_t loss;
    uint32_t bins; /* of columns of many values */
    uint32_t distinct; /* columns of up to so many values get a bin for each */
    uint32_t values; /* named features of each side */
    uint32_t coefficients; /* of all products */
    double main_penalty, pair_penalty; /* L2, to start with */
    bool adapt; /* penalties by how much each block of products matters */
    bool smooth; /* and of the steps between neighbouring bins */
    uint32_t average;
};

/* How one side of a round is read. The arrays are the owner's. */
struct pairwise_side {
    uint32_t columns; /* dense ones */
    uint32_t slots; /* places of the catalogue; 0 for the context */
    uint32_t names;
    uint32_t atoms; /* of all of these: bins, then places, then names */
    uint32_t *cut_start; /* [columns + 1] */
    double *cuts; /* ascending in each column */
    uint32_t *first; /* [columns + 1] first atom of each column; the last one
                        is that of the places */
    uint64_t *name; /* [names] ascending hashes */
};

/* Fills `first` and `atoms` from the rest. */
void pairwise_side_number(struct pairwise_side *side);

struct pairwise_atom {
    uint32_t place;
    double value;
};

/* Room for the atoms of any one context or action of this width. */
static inline uint32_t pairwise_atoms_max(const struct pairwise_side *side)
{
    uint32_t names = side->names;

    return side->columns + 1 + names;
}

/* The atoms of some features, and of place `slot` of the catalogue (ignored
 * where there is none); named features that are given twice count twice.
 * Returns how many; at most `room`. */
uint32_t pairwise_read(const struct pairwise_side *side,
        const struct features *features, uint32_t slot,
        struct pairwise_atom *atoms, uint32_t room);

struct pairwise_model {
    uint32_t loss;
    struct pairwise_side context, action;
    double intercept;
    double *context_main; /* [context.atoms] */
    double *action_main; /* [action.atoms] */
    double *pair; /* [context.atoms * action.atoms], a context's row together */
};

void pairwise_save(const struct pairwise_model *model, struct writer *writer);

#endif
