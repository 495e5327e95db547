/* Distributions over the actions of one round: the only place where a
 * distribution is checked, floored, capped and turned into an action. */
#ifndef POLICIES_PMF_H
#define POLICIES_PMF_H

#include "base/rng.h"

#include <stdbool.h>
#include <stdint.h>

/* Each p finite and >= 0, and the sum within 1e-9 of 1. */
bool pmf_valid(const double *pmf, uint32_t count);

/* The most probable action; the lowest index of ties. */
uint32_t pmf_likeliest(const double *pmf, uint32_t count);

/* Caps the mass outside action `best`, the one predicted best: bandits.md 1.3.
 * For inverse gap weighting with cap/mass = c it is the same as K/c and gamma/c
 * in place of K and gamma. cap in [0,1]; 1 changes nothing. Before the floor.
 */
void pmf_cap(double *pmf, uint32_t count, uint32_t best, double cap);

/* p <- (1 - floor) p + floor / count. */
void pmf_floor(double *pmf, uint32_t count, double floor);

/* Draws an index by inversion: the first whose cumulative sum exceeds the
 * draw. An index with p < PROBABILITY_MIN is never returned. */
uint32_t pmf_draw(const double *pmf, uint32_t count, struct rng *rng);

/* Ranks: order[0] = chosen, the others by falling p, ties by index. */
void pmf_rank(
        const double *pmf, uint32_t count, uint32_t chosen, uint32_t *order);

/* How likely each action is to stand at `position` (1 .. count) of the ranking
 * that pmf_rank makes of a draw: bandits.md 2.5. Writes at[count]; from the
 * second position on only two actions can stand there. `order` is scratch,
 * [count]. */
void pmf_position(const double *pmf, uint32_t count, uint32_t position,
        uint32_t *order, double *at);

/* ---- a trial: two policies, one draw ---- */

/* Numbers as in rue.proto, enum Side. */
enum pmf_side {
    PMF_COMMON, /* both would do the same */
    PMF_FIRST,
    PMF_SECOND,
};

/* Draws from the mixture (1 - share) p + share q of two distributions, coupled:
 * where they agree, which is most of the time, nobody is asked which of the two
 * it was (ope.md, section 5). With o = min(p, q) an action of o is drawn with
 * probability sum o; otherwise one of q - o with probability `share`, of p - o
 * with 1 - share. Writes mix[count]: the probabilities that the action was
 * drawn with. share inside (0,1). */
uint32_t pmf_couple(const double *p, const double *q, uint32_t count,
        double share, struct rng *rng, double *mix, enum pmf_side *side);

/* ---- pairs: two actions drawn one after the other ---- */

/* The probability that `action` is drawn second after `first`: p without the
 * first, renormalised by the sum of the others, in which no digits are lost as
 * they are in 1 - p. Where the others have no probability at all they are
 * equally likely. 0 for first itself; count >= 2. */
double pmf_second(
        const double *pmf, uint32_t count, uint32_t first, uint32_t action);

/* Draws it, by inversion. */
uint32_t pmf_draw_second(
        const double *pmf, uint32_t count, uint32_t first, struct rng *rng);

/* As pmf_rank, with `second` in the second place. */
void pmf_rank_pair(const double *pmf, uint32_t count, uint32_t first,
        uint32_t second, uint32_t *order);

#endif
