#include "policies/basis.h"

#include "base/check.h"
#include "base/limits.h"
#include "policies/features.h"
#include "policies/linalg.h"

#include <math.h>
#include <string.h>

/* A column whose deviation is less than this part of its mean is constant but
 * for rounding. */
#define CONSTANT_BELOW 1e-9
/* Up to here the basis moves at every doubling of the rows; later only when a
 * deviation has changed by more than a factor of 2. */
#define ROUNDS_SETTLED ((uint64_t)1 << 14)

static bool with_context(const struct basis_shape *shape)
{
    return shape->products == PRODUCTS_CONTEXT ||
            shape->products == PRODUCTS_ALL;
}

static bool with_action(const struct basis_shape *shape)
{
    return shape->products == PRODUCTS_ACTION ||
            shape->products == PRODUCTS_ALL;
}

/* Products are scaled down, so that all of them together have PRODUCTS_PRIOR
 * squared of the prior weight of the columns that they are made of: otherwise a
 * hundred of them drown the columns while there are few rows. (regcb, lambda 1,
 * five orders of letter.csv and ten of segment.csv: loss 0.26 and 0.12 at 1,
 * 0.24 and 0.11 at 0.3; squarecb without any of this: 0.34 and 0.14.) */
#define PRODUCTS_PRIOR 0.3

static double context_shrink(const struct basis_shape *shape)
{
    return PRODUCTS_PRIOR * sqrt(2.0 / (shape->shared + 1.0));
}

static double action_shrink(const struct basis_shape *shape)
{
    double columns = (double)shape->shared + shape->action;
    double products = (double)shape->shared * shape->action;

    /* Of these the context's part in the choice is made: no further down. */
    return products > columns ? sqrt(columns / products) : 1.0;
}

static uint32_t first_of(const struct basis_shape *shape)
{
    return shape->intercept ? 1 : 0;
}

uint32_t basis_common(const struct basis_shape *shape)
{
    uint32_t pairs = shape->shared * (shape->shared + 1) / 2;

    return first_of(shape) + shape->shared + shape->named +
            (with_context(shape) ? pairs : 0);
}

uint32_t basis_width(const struct basis_shape *shape)
{
    uint32_t own = shape->action + shape->named +
            (with_action(shape) ? shape->shared * shape->action : 0);

    return basis_common(shape) + (shape->own ? own : 0);
}

uint32_t basis_columns(const struct basis_shape *shape)
{
    return shape->shared + (shape->own ? shape->action : 0);
}

size_t basis_scaling_numbers(const struct basis_shape *shape)
{
    return 2 * (size_t)basis_columns(shape) + 1;
}

/* ---- phi ---- */

void basis_scaling(const struct basis_shape *shape,
        const struct column *columns, double *scaling)
{
    uint32_t count = basis_columns(shape);
    double *least = &scaling[2 * (size_t)count];

    *least = HUGE_VAL;
    for (uint32_t i = 0; i < count; i++) {
        scaling[i] = columns[i].base;
        scaling[count + i] = columns[i].sd > 0.0 ? columns[i].sd : HUGE_VAL;
        *least = fmin(*least, scaling[count + i]);
    }
}

/* No z is larger: a column whose first rows are of another order than its later
 * ones (1e-100, then 1) would fill the sums, in which z stands to the fourth
 * power, with infinities before the basis moves. */
#define Z_MAX 1e22

/* Can a z be so large? Hardly ever, and looking costs more than dividing. */
static bool may_exceed(const struct basis_shape *shape, const double *scaling)
{
    return scaling[2 * (size_t)basis_columns(shape)] < 2.0 * VALUE_MAX / Z_MAX;
}

static void bound_columns(uint32_t count, double *z)
{
    for (uint32_t i = 0; i < count; i++)
        z[i] = fmin(fmax(z[i], -Z_MAX), Z_MAX);
}

/* z = (x - base)/sd for columns first .. first + count - 1, and after them the
 * named ones. */
static void scaled_columns(const struct basis_shape *shape,
        const double *scaling, uint32_t first, uint32_t count,
        const struct features *features, double *restrict z)
{
    const double *restrict base = scaling + first;
    const double *restrict divisor = base + basis_columns(shape);
    const double *restrict x = features->dense;

    if (!shape->scale) {
        features_dense(features, count, shape->named, z);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        z[i] = (x[i] - base[i]) / divisor[i];
    if (may_exceed(shape, scaling))
        bound_columns(count, z);
    features_dense(features, 0, shape->named, z + count);
}

void basis_common_part(const struct basis_shape *shape, const double *scaling,
        const struct features *context, double *out)
{
    double *z = out + first_of(shape);
    double *products = z + shape->shared + shape->named;
    double shrink;

    if (shape->intercept)
        out[0] = 1.0;
    scaled_columns(shape, scaling, 0, shape->shared, context, z);
    if (!with_context(shape))
        return;
    shrink = context_shrink(shape);
    for (uint32_t i = 0; i < shape->shared; i++)
        for (uint32_t j = 0; j <= i; j++)
            *products++ = shrink * z[i] * z[j];
}

void basis_own_part(const struct basis_shape *shape, const double *scaling,
        const double *common, const struct features *action, double *out)
{
    const double *z = common + first_of(shape);
    double *products = out + shape->action + shape->named;
    double shrink;

    if (action == NULL)
        memset(out, 0, (shape->action + shape->named) * sizeof(*out));
    else
        scaled_columns(
                shape, scaling, shape->shared, shape->action, action, out);
    if (!with_action(shape))
        return;
    shrink = action_shrink(shape);
    for (uint32_t i = 0; i < shape->shared; i++)
        for (uint32_t j = 0; j < shape->action; j++)
            *products++ = shrink * z[i] * out[j];
}

bool basis_folds(const struct basis_shape *shape, const double *scaling)
{
    return !with_action(shape) && !(shape->scale && may_exceed(shape, scaling));
}

void basis_fold(const struct basis_shape *shape, const double *scaling,
        const double *own, double *folded)
{
    const double *divisor = scaling + basis_columns(shape) + shape->shared;

    for (uint32_t i = 0; i < shape->action; i++)
        folded[i] = shape->scale ? own[i] / divisor[i] : own[i];
}

double basis_folded_dot(const struct basis_shape *shape, const double *scaling,
        const double *folded, const struct features *action)
{
    if (action == NULL || shape->action == 0)
        return 0.0;
    return shape->scale ? dot_from(folded, action->dense,
                                  scaling + shape->shared, shape->action)
                        : dot(folded, action->dense, shape->action);
}

/* ---- the columns ---- */

void basis_init(const struct basis_shape *shape, struct column *columns)
{
    for (uint32_t i = 0; i < basis_columns(shape); i++)
        columns[i] = (struct column){.zero_one = 1.0};
}

static void observe_column(struct column *column, double x, double rounds)
{
    double change = x - column->mean;

    column->mean += change / (rounds + 1.0);
    column->square += change * (x - column->mean);
    if (x != 0.0 && x != 1.0)
        column->zero_one = 0.0;
}

/* Must the basis move before this x is learned, so that no past is lost? */
static bool is_news(const struct column *column, bool was_zero_one, double x)
{
    if (was_zero_one)
        return column->zero_one == 0.0;
    return column->sd == 0.0 && x != column->base;
}

/* The basis after `rounds` rows. Without an intercept nothing is centred: the
 * map to another centre would need the constant column. */
static void next_basis(const struct basis_shape *shape, double rounds,
        const struct column *column, struct column *next)
{
    double sd;

    *next = *column;
    if (column->zero_one > 0.0) {
        next->base = 0.0;
        next->sd = 1.0;
        return;
    }
    if (!shape->intercept) {
        next->base = 0.0;
        next->sd = sqrt(column->square / rounds + column->mean * column->mean);
        return;
    }
    sd = sqrt(column->square / rounds);
    if (sd > CONSTANT_BELOW * fabs(column->mean)) {
        next->base = column->mean;
        next->sd = sd;
    } else if (rounds == 1.0) {
        next->base = column->mean;
        next->sd = 0.0;
    }
}

static bool moved_much(const struct column *from, const struct column *to)
{
    return to->sd > 2.0 * from->sd || from->sd > 2.0 * to->sd;
}

bool basis_observe(const struct basis_shape *shape, struct column *columns,
        uint64_t rounds, const struct features *context,
        const struct features *action, struct column *next)
{
    uint32_t count = basis_columns(shape);
    bool doubled = ((rounds + 1) & rounds) == 0;
    bool news = false, moves = false, much = false;

    if (!shape->scale)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        bool was_zero_one = columns[i].zero_one > 0.0;
        double x;
        if (i >= shape->shared && action == NULL)
            break;
        x = i < shape->shared ? context->dense[i]
                              : action->dense[i - shape->shared];
        observe_column(&columns[i], x, (double)rounds);
        news = is_news(&columns[i], was_zero_one, x) || news;
    }
    if (!news && !doubled)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        next_basis(shape, (double)rounds + 1.0, &columns[i], &next[i]);
        moves = moves || next[i].base != columns[i].base ||
                next[i].sd != columns[i].sd;
        much = much || moved_much(&columns[i], &next[i]);
    }
    return moves && (news || rounds < ROUNDS_SETTLED || much);
}

bool basis_check(const struct basis_shape *shape, const struct column *columns)
{
    for (uint32_t i = 0; i < basis_columns(shape); i++) {
        const struct column *column = &columns[i];
        if (!isfinite(column->mean) || !isfinite(column->square) ||
                !isfinite(column->base) || !isfinite(column->sd) ||
                column->square < 0.0 || column->sd < 0.0 ||
                (column->zero_one != 0.0 && column->zero_one != 1.0))
            return false;
    }
    return true;
}

/* ---- from basis to basis ---- */

/* z' = slope z + shift. Where the old basis has no scale, the column has been
 * its base all the time and z is 0. */
struct line {
    double slope, shift;
};

static struct line line_of(const struct column *old, const struct column *next)
{
    if (next->sd == 0.0)
        return (struct line){0.0, 0.0};
    return (struct line){
            old->sd / next->sd, (old->base - next->base) / next->sd};
}

static void set_row(struct basis_map *map, uint32_t row, const uint32_t *from,
        const double *factor)
{
    memcpy(map->from[row], from, sizeof(map->from[row]));
    memcpy(map->factor[row], factor, sizeof(map->factor[row]));
}

static void set_same(struct basis_map *map, uint32_t row)
{
    set_row(map, row, (uint32_t[4]){row, 0, 0, 0}, (double[4]){1.0, 0, 0, 0});
}

/* Row of z' = slope z + shift. */
static void set_line(struct basis_map *map, uint32_t row, struct line line)
{
    set_row(map, row, (uint32_t[4]){row, 0, 0, 0},
            (double[4]){line.slope, line.shift, 0, 0});
}

/* Row of shrink z'_i z'_j, where z_i stands at column `i` of phi and z_j at
 * `j`. */
static void set_product(struct basis_map *map, uint32_t row, double shrink,
        uint32_t i, struct line a, uint32_t j, struct line b)
{
    set_row(map, row, (uint32_t[4]){row, i, j, 0},
            (double[4]){a.slope * b.slope, shrink * a.slope * b.shift,
                    shrink * b.slope * a.shift, shrink * a.shift * b.shift});
}

void basis_map_make(const struct basis_shape *shape, const struct column *old,
        const struct column *next, struct arena *arena, struct basis_map *map)
{
    uint32_t first = first_of(shape);
    uint32_t common = basis_common(shape);
    uint32_t row = 0, i, j;

    map->width = basis_width(shape);
    map->from = arena_alloc_array(arena, map->width, sizeof(*map->from));
    map->factor = arena_alloc_array(arena, map->width, sizeof(*map->factor));
    CHECK(map->from != NULL && map->factor != NULL);
    if (shape->intercept)
        set_same(map, row++);
    for (i = 0; i < shape->shared; i++)
        set_line(map, row++, line_of(&old[i], &next[i]));
    for (i = 0; i < shape->named; i++, row++)
        set_same(map, row);
    for (i = 0; with_context(shape) && i < shape->shared; i++)
        for (j = 0; j <= i; j++)
            set_product(map, row++, context_shrink(shape), first + i,
                    line_of(&old[i], &next[i]), first + j,
                    line_of(&old[j], &next[j]));
    if (!shape->own)
        return;
    old += shape->shared;
    next += shape->shared;
    for (j = 0; j < shape->action; j++)
        set_line(map, row++, line_of(&old[j], &next[j]));
    for (i = 0; i < shape->named; i++, row++)
        set_same(map, row);
    for (i = 0; with_action(shape) && i < shape->shared; i++)
        for (j = 0; j < shape->action; j++)
            set_product(map, row++, action_shrink(shape), first + i,
                    line_of(&old[i] - shape->shared, &next[i] - shape->shared),
                    common + j, line_of(&old[j], &next[j]));
    CHECK(row == map->width);
}

void basis_map_vector(
        const struct basis_map *map, double *v, struct arena *arena)
{
    size_t mark = arena->used;
    double *old = arena_copy(arena, v, map->width * sizeof(*v));

    CHECK(old != NULL);
    for (uint32_t i = 0; i < map->width; i++) {
        v[i] = 0.0;
        for (int k = 0; k < 4; k++)
            v[i] += map->factor[i][k] * old[map->from[i][k]];
    }
    arena_release(arena, mark);
}

/* Element (i, j) of M S M'. */
static double combine_both(const struct basis_map *map, uint32_t i, uint32_t j,
        const double *triangle)
{
    double sum = 0.0;

    for (int k = 0; k < 4; k++) {
        double part = 0.0;
        if (map->factor[i][k] == 0.0)
            continue;
        for (int l = 0; l < 4; l++) {
            uint32_t a = map->from[i][k], b = map->from[j][l];
            if (map->factor[j][l] != 0.0)
                part += map->factor[j][l] *
                        triangle[a > b ? triangle_count(a) + b
                                       : triangle_count(b) + a];
        }
        sum += map->factor[i][k] * part;
    }
    return sum;
}

void basis_map_matrix(
        const struct basis_map *map, double *triangle, struct arena *arena)
{
    size_t mark = arena->used;
    size_t size = triangle_count(map->width) * sizeof(*triangle);
    double *old = arena_copy(arena, triangle, size);

    CHECK(old != NULL);
    for (uint32_t i = 0; i < map->width; i++)
        for (uint32_t j = 0; j <= i; j++)
            triangle[triangle_count(i) + j] = combine_both(map, i, j, old);
    arena_release(arena, mark);
}
