#include "service/engine/grid.h"

#include "policies/portable.h"

#include <math.h>

struct grid {
    const struct grid_spec *spec;
    uint32_t count;
    double lessons; /* since the last point came */
    double *values; /* [points], by slot */
    double *mass; /* [points] probability since then, by slot */
    uint32_t *order; /* [points] slots by rising value */
    double numbers[];
};

/* ---- the scale ---- */

/* Where a value is on the scale on which the grid is even. */
static double place_of(const struct grid_spec *spec, double value)
{
    return spec->scale == GRID_LOG ? portable_log(value) : value;
}

static double value_at(const struct grid_spec *spec, double place)
{
    return spec->scale == GRID_LOG ? portable_exp(place) : place;
}

static double middle(const struct grid_spec *spec, double left, double right)
{
    double place = 0.5 * (place_of(spec, left) + place_of(spec, right));

    return value_at(spec, place);
}

/* Point i of the points that there are at first; the ends are exact. */
static double start_value(const struct grid_spec *spec, uint32_t i)
{
    double from = place_of(spec, spec->from), to = place_of(spec, spec->to);

    if (i == 0)
        return spec->from;
    if (i == spec->start - 1)
        return spec->to;
    return value_at(spec, from + (to - from) * i / (spec->start - 1));
}

void grid_columns(const struct grid_spec *spec, double value, double *out)
{
    double from = place_of(spec, spec->from), to = place_of(spec, spec->to);
    double u = value > spec->from
            ? 2.0 * (place_of(spec, value) - from) / (to - from) - 1.0
            : -1.0;
    double before = 1.0, now;

    u = fmin(u, 1.0);
    now = u;
    for (uint32_t i = 0; i < spec->basis; i++) {
        double next = 2.0 * u * now - before;
        out[i] = now;
        before = now;
        now = next;
    }
}

/* ---- settings ---- */

int grid_spec_check(const struct grid_spec *spec, struct err *err)
{
    if (!(spec->from < spec->to))
        return err_set(
                err, STATUS_INVALID, "parameter: from must be less than to");
    if (spec->scale == GRID_LOG && !(spec->from > 0.0))
        return err_set(err, STATUS_INVALID,
                "parameter.from: is above 0 on the log scale");
    if (spec->start > spec->points)
        return err_set(err, STATUS_INVALID,
                "parameter.start: %u points of at most %u", spec->start,
                spec->points);
    for (uint32_t i = 1; i < spec->start; i++)
        if (!(start_value(spec, i - 1) < start_value(spec, i)))
            return err_set(err, STATUS_INVALID,
                    "parameter: %u points are not apart in this range",
                    spec->start);
    return 0;
}

/* ---- life ---- */

size_t grid_footprint(const struct grid_spec *spec)
{
    return sizeof(struct grid) +
            spec->points * (2 * sizeof(double) + sizeof(uint32_t));
}

struct grid *grid_init(void *block, const struct grid_spec *spec)
{
    struct grid *grid = block;

    memset(block, 0, grid_footprint(spec));
    grid->spec = spec;
    grid->values = grid->numbers;
    grid->mass = grid->values + spec->points;
    grid->order = (void *)(grid->mass + spec->points);
    grid->count = spec->start;
    for (uint32_t i = 0; i < spec->start; i++) {
        grid->values[i] = start_value(spec, i);
        grid->order[i] = i;
    }
    return grid;
}

uint32_t grid_count(const struct grid *grid)
{
    return grid->count;
}

const double *grid_values(const struct grid *grid)
{
    return grid->values;
}

/* ---- the rule ---- */

static double lessons_wanted(const struct grid *grid)
{
    double growth = (double)grid->count / grid->spec->start;

    return grid->spec->refine * growth * growth;
}

/* The gap behind the point at `at` of the order can be halved. */
static bool is_gap(const struct grid *grid, uint32_t at, double *value)
{
    double left = grid->values[grid->order[at]];
    double right = grid->values[grid->order[at + 1]];

    *value = middle(grid->spec, left, right);
    return *value > left && *value < right;
}

static double worth_of(const struct grid *grid, uint32_t at)
{
    uint32_t left = grid->order[at], right = grid->order[at + 1];
    double width = place_of(grid->spec, grid->values[right]) -
            place_of(grid->spec, grid->values[left]);

    return width * (grid->mass[left] + grid->mass[right]);
}

/* A point behind the one at `at` of the order. */
static void insert(struct grid *grid, uint32_t at, double value)
{
    for (uint32_t i = grid->count; i > at + 1; i--)
        grid->order[i] = grid->order[i - 1];
    grid->order[at + 1] = grid->count;
    grid->values[grid->count] = value;
    grid->count++;
}

static bool refine(struct grid *grid, struct grid_split *split)
{
    double most = -1.0, value, best_value = 0.0;
    uint32_t best = 0;

    for (uint32_t at = 0; at + 1 < grid->count; at++)
        if (is_gap(grid, at, &value) && worth_of(grid, at) > most) {
            most = worth_of(grid, at);
            best = at;
            best_value = value;
        }
    grid->lessons = 0.0;
    memset(grid->mass, 0, grid->count * sizeof(*grid->mass));
    if (most < 0.0)
        return false;
    *split = (struct grid_split){
            grid->count, grid->order[best], grid->order[best + 1]};
    insert(grid, best, best_value);
    return true;
}

bool grid_learn(struct grid *grid, const uint32_t *slots, const double *pmf,
        uint32_t count, struct grid_split *split)
{
    if (grid->count == grid->spec->points)
        return false;
    for (uint32_t i = 0; i < count; i++)
        /* A record of a later time than the state knows less of the grid, not
         * more; one of another grid is not folded at all. */
        if (slots[i] < grid->count)
            grid->mass[slots[i]] += pmf[i];
    grid->lessons += 1.0;
    return grid->lessons >= lessons_wanted(grid) && refine(grid, split);
}

/* ---- bytes ---- */

void grid_save(const struct grid *grid, struct writer *writer)
{
    write_u32(writer, grid->count);
    write_f64(writer, grid->lessons);
    write_f64s(writer, grid->values, grid->count);
    write_f64s(writer, grid->mass, grid->count);
}

/* The value of slot `count` stands in the middle of two neighbours among those
 * before it, to the bit; puts it there. */
static bool rebuild_one(struct grid *grid, double wanted)
{
    for (uint32_t at = 0; at + 1 < grid->count; at++) {
        double value;
        if (!is_gap(grid, at, &value) || value != wanted)
            continue;
        insert(grid, at, value);
        return true;
    }
    return false;
}

static bool sums_are_sound(const struct grid *grid)
{
    double total = 0.0;

    for (uint32_t i = 0; i < grid->count; i++) {
        if (!(grid->mass[i] >= 0.0))
            return false;
        total += grid->mass[i];
    }
    return grid->lessons >= 0.0 && floor(grid->lessons) == grid->lessons &&
            (grid->lessons < lessons_wanted(grid)) &&
            total <= grid->lessons * (1.0 + 1e-6);
}

int grid_load(struct grid *grid, struct reader *reader, struct err *err)
{
    uint32_t count = read_u32(reader);
    double lessons = read_f64(reader);
    bool good = !reader->failed && count >= grid->spec->start &&
            count <= grid->spec->points;

    for (uint32_t i = 0; good && i < count; i++) {
        double value = read_f64(reader);
        good = !reader->failed &&
                (i < grid->spec->start ? value == grid->values[i]
                                       : rebuild_one(grid, value));
    }
    if (good) {
        read_f64s(reader, grid->mass, count);
        grid->lessons = lessons;
        good = !reader->failed && sums_are_sound(grid);
    }
    return good
            ? 0
            : err_set(err, STATUS_CORRUPT, "parameter: the points are damaged");
}
