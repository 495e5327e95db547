#include "policies/pmf.h"

#include "base/check.h"
#include "base/limits.h"

#include <math.h>

bool pmf_valid(const double *pmf, uint32_t count)
{
    double sum = 0.0;
    bool good = true;

    for (uint32_t i = 0; i < count; i++) {
        good &= pmf[i] >= 0.0;
        sum += pmf[i];
    }
    /* Of numbers that are not finite neither is the sum. */
    return good && fabs(sum - 1.0) <= 1e-9;
}

uint32_t pmf_likeliest(const double *pmf, uint32_t count)
{
    uint32_t best = 0;

    for (uint32_t i = 1; i < count; i++)
        if (pmf[i] > pmf[best])
            best = i;
    return best;
}

void pmf_cap(double *pmf, uint32_t count, uint32_t best, double cap)
{
    double mass = 0.0;

    if (cap >= 1.0)
        return;
    for (uint32_t i = 0; i < count; i++)
        if (i != best)
            mass += pmf[i];
    if (mass <= cap)
        return;
    for (uint32_t i = 0; i < count; i++)
        if (i != best)
            pmf[i] *= cap / mass;
    pmf[best] = 1.0 - cap;
}

void pmf_floor(double *pmf, uint32_t count, double floor)
{
    if (floor <= 0.0)
        return;
    for (uint32_t i = 0; i < count; i++)
        pmf[i] = (1.0 - floor) * pmf[i] + floor / (double)count;
}

uint32_t pmf_draw(const double *pmf, uint32_t count, struct rng *rng)
{
    double draw = rng_unit(rng);
    double sum = 0.0;
    uint32_t chosen = count, last = count;

    /* Without a branch on the draw, which no processor foresees. */
    for (uint32_t i = 0; i < count; i++) {
        bool possible = pmf[i] >= PROBABILITY_MIN;
        sum += possible ? pmf[i] : 0.0;
        last = possible ? i : last;
        chosen = possible && draw < sum && chosen == count ? i : chosen;
    }
    /* The sum may end a rounding below 1: the rest is the last one's. */
    CHECK(last < count);
    return chosen < count ? chosen : last;
}

/* How many come before action i: likelier ones, and equals of lower index. */
static uint32_t rank_of(const double *pmf, uint32_t count, uint32_t i)
{
    double own = pmf[i];
    int64_t before = 0;

    for (uint32_t j = 0; j < i; j++)
        before += pmf[j] >= own;
    for (uint32_t j = i + 1; j < count; j++)
        before += pmf[j] > own;
    return (uint32_t)before;
}

/* Two numbers side by side, and what comparing them gives: -1 where it holds,
 * else 0. */
typedef double two __attribute__((vector_size(16)));
typedef int64_t two_counts __attribute__((vector_size(16)));

/* Actions i and i + 1. */
static inline void rank_two(
        const double *pmf, uint32_t count, uint32_t i, uint32_t *order)
{
    two own = {pmf[i], pmf[i + 1]};
    bool second = pmf[i + 1] > pmf[i];
    two_counts before = {-(int64_t)second, -(int64_t)!second};

    for (uint32_t j = 0; j < i; j++) {
        two other = {pmf[j], pmf[j]};
        before += other >= own;
    }
    for (uint32_t j = i + 2; j < count; j++) {
        two other = {pmf[j], pmf[j]};
        before += other > own;
    }
    order[-before[0]] = i;
    order[-before[1]] = i + 1;
}

/* Counting: no branch that a processor would have to guess. */
static void rank_few(const double *pmf, uint32_t count, uint32_t *order)
{
    uint32_t i = 0;

    for (; i + 2 <= count; i += 2)
        rank_two(pmf, count, i, order);
    if (i < count)
        order[rank_of(pmf, count, i)] = i;
}

static bool comes_before(const double *pmf, uint32_t a, uint32_t b)
{
    double first = pmf[a], second = pmf[b];

    return first > second || (first == second && a < b);
}

/* The action at `at` sinks to where none below comes after it. */
static void sink(const double *pmf, uint32_t *order, uint32_t at, uint32_t size)
{
    uint32_t moved = order[at];

    for (uint32_t child; (child = 2 * at + 1) < size; at = child) {
        if (child + 1 < size &&
                comes_before(pmf, order[child], order[child + 1]))
            child++;
        if (comes_before(pmf, order[child], moved))
            break;
        order[at] = order[child];
    }
    order[at] = moved;
}

/* A heap whose top is the last. */
static void rank_many(const double *pmf, uint32_t count, uint32_t *order)
{
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (uint32_t i = count / 2; i > 0; i--)
        sink(pmf, order, i - 1, count);
    for (uint32_t size = count - 1; size > 0; size--) {
        uint32_t last = order[0];
        order[0] = order[size];
        order[size] = last;
        sink(pmf, order, 0, size);
    }
}

#define RANK_FEW 48u

void pmf_rank(
        const double *pmf, uint32_t count, uint32_t chosen, uint32_t *order)
{
    uint32_t at = 0;

    if (count <= RANK_FEW)
        rank_few(pmf, count, order);
    else
        rank_many(pmf, count, order);
    while (order[at] != chosen)
        at++;
    for (; at > 0; at--)
        order[at] = order[at - 1];
    order[0] = chosen;
}

void pmf_position(const double *pmf, uint32_t count, uint32_t position,
        uint32_t *order, double *at)
{
    double above = 0.0, rest = 0.0;

    CHECK(position >= 1 && position <= count);
    if (position == 1) {
        for (uint32_t i = 0; i < count; i++)
            at[i] = pmf[i];
        return;
    }
    pmf_rank(pmf, count, pmf_likeliest(pmf, count), order);
    for (uint32_t i = 0; i < count; i++) {
        at[i] = 0.0;
        if (i < position - 1)
            above += pmf[order[i]];
        else
            rest += pmf[order[i]];
    }
    /* A first draw from above leaves this place's own action where it is; any
     * other pushes the action before it down to here. */
    at[order[position - 1]] = above;
    at[order[position - 2]] = rest;
}

/* ---- pairs ---- */

static double mass_without(const double *pmf, uint32_t count, uint32_t first)
{
    double mass = 0.0;

    for (uint32_t i = 0; i < count; i++)
        if (i != first)
            mass += pmf[i];
    return mass;
}

/* The share that a probability `p` has of the mass of `others` actions. */
static double share_of(double p, double mass, uint32_t others)
{
    return mass > 0.0 ? p / mass : 1.0 / (double)others;
}

double pmf_second(
        const double *pmf, uint32_t count, uint32_t first, uint32_t action)
{
    CHECK(count >= 2);
    if (action == first)
        return 0.0;
    return share_of(pmf[action], mass_without(pmf, count, first), count - 1);
}

uint32_t pmf_draw_second(
        const double *pmf, uint32_t count, uint32_t first, struct rng *rng)
{
    double mass = mass_without(pmf, count, first);
    double draw = rng_unit(rng);
    double sum = 0.0;
    uint32_t last = count;

    for (uint32_t i = 0; i < count; i++) {
        double share = share_of(pmf[i], mass, count - 1);
        if (i == first || share < PROBABILITY_MIN)
            continue;
        sum += share;
        last = i;
        if (draw < sum)
            return i;
    }
    CHECK(last < count);
    return last;
}

void pmf_rank_pair(const double *pmf, uint32_t count, uint32_t first,
        uint32_t second, uint32_t *order)
{
    uint32_t at = 1;

    pmf_rank(pmf, count, first, order);
    while (order[at] != second)
        at++;
    for (; at > 1; at--)
        order[at] = order[at - 1];
    order[1] = second;
}

/* What of a distribution stands in a part of a coupled draw. */
static double part_of(double p, double q, enum pmf_side side)
{
    double common = p < q ? p : q;

    return side == PMF_COMMON   ? common
            : side == PMF_FIRST ? p - common
                                : q - common;
}

/* By inversion among the positive terms; `sum` is theirs. */
static uint32_t draw_part(const double *p, const double *q, uint32_t count,
        enum pmf_side side, double sum, struct rng *rng)
{
    double draw = sum * rng_unit(rng);
    double passed = 0.0;
    uint32_t last = count;

    for (uint32_t i = 0; i < count; i++) {
        double part = part_of(p[i], q[i], side);
        if (part < PROBABILITY_MIN)
            continue;
        passed += part;
        last = i;
        if (draw < passed)
            return i;
    }
    CHECK(last < count);
    return last;
}

uint32_t pmf_couple(const double *p, const double *q, uint32_t count,
        double share, struct rng *rng, double *mix, enum pmf_side *side)
{
    double sums[3] = {0.0, 0.0, 0.0};

    for (uint32_t i = 0; i < count; i++) {
        mix[i] = (1.0 - share) * p[i] + share * q[i];
        for (int part = 0; part < 3; part++)
            sums[part] += part_of(p[i], q[i], (enum pmf_side)part);
    }
    *side = PMF_COMMON;
    if (rng_unit(rng) * (sums[PMF_COMMON] + sums[PMF_FIRST]) >=
            sums[PMF_COMMON])
        *side = rng_unit(rng) < share ? PMF_SECOND : PMF_FIRST;
    /* A rounding can leave one side nothing. */
    if (sums[*side] < PROBABILITY_MIN)
        *side = PMF_COMMON;
    return draw_part(p, q, count, *side, sums[*side], rng);
}
