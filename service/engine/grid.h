/* The live points of a parameter: a problem with `parameter:` chooses a number
 * from a range, and its actions are the points of a grid that becomes finer
 * where the policy puts its probability. Slots of the catalogue are points in
 * the order in which they came; a point keeps its slot and its value for ever,
 * and none is taken away. So what was best can still be chosen, the state of
 * a policy that keeps something per slot stays what it was, and there are at
 * most `points` of them.
 *
 * The rule. With the points in their order, a gap is worth its width times the
 * probability that its two ends had, summed over the lessons since the last
 * point came: what is lost by not being able to choose inside the gap is at
 * most of the order of its width (for a cost of bounded slope), as often as the
 * policy would choose there. The worthiest gap is halved (of equals the one
 * further left), when
 *     refine (K/start)^2
 * lessons were learned since the last point came, K being how many there are.
 * So K grows like the cube root of the lessons, which is how many points of a
 * fixed grid balance its coarseness with the cost of exploring it (arXiv
 * 2310.02246, Theorem 2.1: d of the order of T^(1/3)); and every gap's turn
 * comes, since the others become narrower.
 *
 * It is part of the problem's state: a fold of the records, bit for bit. */
#ifndef ENGINE_GRID_H
#define ENGINE_GRID_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"

enum grid_scale { GRID_LINEAR, GRID_LOG };

/* As the settings have it (`parameter.*`); off where from = to. */
struct grid_spec {
    double from, to; /* from < to */
    uint32_t scale; /* GRID_LOG: halves ratios, from > 0 */
    uint32_t start; /* points at first: both ends, equally far apart; >= 2 */
    uint32_t points; /* at most; >= start */
    uint32_t refine;
    uint32_t basis; /* columns that an action has, grid_columns() */
};

static inline bool grid_is_on(const struct grid_spec *spec)
{
    return spec->from < spec->to;
}

/* INVALID names the setting. */
int grid_spec_check(const struct grid_spec *spec, struct err *err) MUST_USE;

struct grid;

size_t grid_footprint(const struct grid_spec *spec);
/* In a block of grid_footprint() bytes; `spec` must outlive it. */
struct grid *grid_init(void *block, const struct grid_spec *spec);

uint32_t grid_count(const struct grid *grid);
/* By slot: [grid_count()]. */
const double *grid_values(const struct grid *grid);

/* The columns of a point, out[spec->basis]: the Chebyshev polynomials P_1 to
 * P_basis at the value, mapped (its logarithm, on that scale) to [-1,1]. A
 * value outside the range, as a record may have it, counts as its end. */
void grid_columns(const struct grid_spec *spec, double value, double *out);

/* The point that came, and the two between which it stands. */
struct grid_split {
    uint32_t slot, left, right;
};

/* Takes in a lesson: the distribution over the slots that were eligible. True
 * if a point came of it. */
bool grid_learn(struct grid *grid, const uint32_t *slots, const double *pmf,
        uint32_t count, struct grid_split *split);

void grid_save(const struct grid *grid, struct writer *writer);
/* Into a fresh grid. CORRUPT for what grid_save does not write: points that
 * the rule could not have made, sums that are no sums. */
int grid_load(
        struct grid *grid, struct reader *reader, struct err *err) MUST_USE;

#endif
