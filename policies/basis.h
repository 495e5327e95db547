/* The columns that a dense regression sees: phi = [1, context, named, products]
 * for what all actions of a round have in common, and [action, named, products
 * with the context] for what is an action's own.
 *
 * Dense columns are centred and scaled as they come (bandits.md, section 2.2),
 * so that nobody has to normalise by hand: z = (x - mean)/sd with the mean and
 * sd of a *basis* that is frozen between the lessons 1, 2, 4, 8, ... A column
 * of zeros and ones is left alone; one that never varied, or was never seen, is
 * 0.
 *
 * When the basis moves, every phi of the past moves by the same linear map
 * (products too: z_i z_j becomes a combination of z_i z_j, z_i, z_j and 1).
 * So a regression that keeps sums over its rows carries them over exactly, as
 * if all rows had been written in the new basis from the start. For that a
 * basis moves at once when a column stops being constant, or stops being made
 * of zeros and ones.
 *
 * Kernels over arrays of the caller; not for thousands of columns. */
#ifndef POLICIES_BASIS_H
#define POLICIES_BASIS_H

#include "base/arena.h"
#include "base/types.h"

enum basis_products {
    PRODUCTS_NONE,
    PRODUCTS_CONTEXT, /* of the context's columns, each pair and square */
    PRODUCTS_ACTION, /* of the context's with the action's columns */
    PRODUCTS_ALL, /* both */
};

/* What phi is made of. Products are of dense columns. */
struct basis_shape {
    uint32_t shared, action, named; /* columns; action = 0: phi has no part
                                       that is the action's own */
    bool own; /* phi has a part that is the action's own */
    bool intercept;
    bool scale;
    enum basis_products products;
};

/* One dense column. All doubles, so that a state is an array of numbers. */
struct column {
    double mean, square; /* of what was seen; sum of squared deviations */
    double zero_one; /* 1 while only zeros and ones were seen */
    double base, sd; /* the basis: z = (x - base)/sd; 0 where sd = 0 */
};

#define COLUMN_NUMBERS 5u

/* Widths of phi's first part, and of all of it. */
uint32_t basis_common(const struct basis_shape *shape);
uint32_t basis_width(const struct basis_shape *shape);
/* Columns that are kept track of: shared + action. */
uint32_t basis_columns(const struct basis_shape *shape);

/* What turns columns into phi: all bases, then all divisors (infinity for a
 * column that is 0), an array of each so that many columns are scaled at a
 * time, and the least divisor. To be made anew when the basis has moved. */
size_t basis_scaling_numbers(const struct basis_shape *shape);
void basis_scaling(const struct basis_shape *shape,
        const struct column *columns, double *scaling);

/* Writes the first part of phi: out[basis_common()]. */
void basis_common_part(const struct basis_shape *shape, const double *scaling,
        const struct features *context, double *out);
/* Writes the action's own part, given the first: out[width - common].
 * `action` may be NULL: all its columns are 0 (and then not scaled). */
void basis_own_part(const struct basis_shape *shape, const double *scaling,
        const double *common, const struct features *action, double *out);

/* Predicting many actions: the scaling goes into the weights of the action's
 * dense columns, once for all of them. Can it (is z a linear function of x, and
 * are there no products of it)? Then folded[action] are those weights, and the
 * dot product of own[action] and z that of them and x - base. */
bool basis_folds(const struct basis_shape *shape, const double *scaling);
void basis_fold(const struct basis_shape *shape, const double *scaling,
        const double *own, double *folded);
double basis_folded_dot(const struct basis_shape *shape, const double *scaling,
        const double *folded, const struct features *action);

/* A fresh set of columns. */
void basis_init(const struct basis_shape *shape, struct column *columns);

/* Takes a row in: `rounds` rows were seen before it. `action` may be NULL.
 * True if the basis has to move now: then next[] (as many as columns) is it,
 * and the caller carries its sums over and copies next to columns. */
bool basis_observe(const struct basis_shape *shape, struct column *columns,
        uint64_t rounds, const struct features *context,
        const struct features *action, struct column *next);

/* The linear map from phi in one basis to phi in another: column i of the new
 * phi is sum_k factor[i][k] old[from[i][k]]. */
struct basis_map {
    uint32_t width;
    uint32_t (*from)[4];
    double (*factor)[4]; /* 0 where a term is not used */
};

/* Memory from the arena: width * 48 bytes. */
void basis_map_make(const struct basis_shape *shape, const struct column *old,
        const struct column *next, struct arena *arena, struct basis_map *map);
/* v <- M v; and S <- M S M' for a symmetric S in triangle form. Scratch: as
 * much again. */
void basis_map_vector(
        const struct basis_map *map, double *v, struct arena *arena);
void basis_map_matrix(
        const struct basis_map *map, double *triangle, struct arena *arena);

/* Is this a state that basis_observe could have left? */
bool basis_check(const struct basis_shape *shape, const struct column *columns);

#endif
