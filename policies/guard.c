#include "policies/guard.h"

#include "base/limits.h"

#include <math.h>
#include <string.h>

#define NEIGHBOURS   4u
#define KEPT_FIRST   3u /* outcomes of the default before anything is tried */
#define STANDARD     2.0 /* errors that a prediction is given */
#define ERROR_MEMORY 0.98 /* kept of squared errors at each lesson */
#define ERROR_MIN    1e-3 /* of a loss: no model is better than this */
#define SUM_MAX      1e100

struct expectation {
    double mean, spread;
};

void guard_init(struct guard *guard, const struct guard_spec *spec)
{
    memset(guard, 0, sizeof(*guard));
    guard->spec = spec;
}

static double cost_of(const struct guard_spec *spec, double value)
{
    return spec->range.minimise ? value : spec->range.max - value;
}

double guard_value(const struct guard_spec *spec, double cost)
{
    return spec->range.minimise ? cost : spec->range.max - cost;
}

/* ---- what the default costs ---- */

static void scale_columns(struct guard *guard)
{
    for (uint32_t j = 0; j < guard->spec->columns; j++) {
        const double *column = guard->context[j];
        double low = column[0], high = low;
        for (uint32_t i = 1; i < guard->kept; i++) {
            low = column[i] < low ? column[i] : low;
            high = column[i] > high ? column[i] : high;
        }
        guard->scale[j] = high > low ? 1.0 / (high - low) : 0.0;
    }
}

/* Squares, of all that are kept. */
static void distances(
        const struct guard *guard, const double *dense, double *apart)
{
    memset(apart, 0, guard->kept * sizeof(*apart));
    for (uint32_t j = 0; j < guard->spec->columns; j++) {
        const double *column = guard->context[j];
        double at = dense[j], scale = guard->scale[j];
        for (uint32_t i = 0; i < guard->kept; i++) {
            double by = (at - column[i]) * scale;
            apart[i] += by * by;
        }
    }
}

/* Keeps the nearest, in the order of their distance; this is one of them. */
static uint32_t put_near(
        double *near, double *cost, uint32_t count, double apart, double one)
{
    uint32_t at = count < NEIGHBOURS ? count : NEIGHBOURS - 1;

    for (; at > 0 && near[at - 1] > apart; at--) {
        near[at] = near[at - 1];
        cost[at] = cost[at - 1];
    }
    near[at] = apart;
    cost[at] = one;
    return count < NEIGHBOURS ? count + 1 : count;
}

/* What the default cost in the contexts most like this one. */
static struct expectation expect(
        const struct guard *guard, const struct context *context)
{
    double near[NEIGHBOURS], cost[NEIGHBOURS], apart[GUARD_KEPT];
    double mean = 0.0, square = 0.0;
    uint32_t count = 0;

    distances(guard, context->shared.dense, apart);
    for (uint32_t i = 0; i < guard->kept; i++)
        if (count < NEIGHBOURS || apart[i] < near[NEIGHBOURS - 1])
            count = put_near(near, cost, count, apart[i], guard->cost[i]);
    for (uint32_t i = 0; i < count; i++)
        mean += cost[i] / count;
    for (uint32_t i = 0; i < count; i++)
        square += (cost[i] - mean) * (cost[i] - mean) / (count - 1);
    return (struct expectation){mean, sqrt(square)};
}

/* The least that the default would have cost. */
static double least(const struct guard *guard, const struct context *context)
{
    struct expectation about;

    if (guard->kept < 2)
        return 0.0;
    about = expect(guard, context);
    return fmax(about.mean - about.spread, 0.0);
}

/* ---- deciding ---- */

struct guard_view guard_look(
        const struct guard *guard, const struct context *context)
{
    const struct guard_spec *spec = guard->spec;
    struct guard_view view = {GUARD_BUDGET, 0.0};
    struct expectation about;
    double room;

    if (guard->kept < KEPT_FIRST)
        return view;
    about = expect(guard, context);
    /* When a trial is given up the default still has to run. */
    room = (1.0 + spec->loss) *
                    (guard->allowed + fmax(about.mean - about.spread, 0.0)) -
            guard->spent - guard->reserved - (about.mean + about.spread);
    if (!(room >= about.mean) || !(about.mean > 0.0))
        return view;
    view.limit = fmin(room, spec->worst * about.mean);
    view.reason = GUARD_FREE;
    return view;
}

static double error_of(const struct guard *guard)
{
    double mean = guard->error_weight > 0.0
            ? guard->errors / guard->error_weight
            : 1.0;

    return fmax(sqrt(mean), ERROR_MIN);
}

/* The loss that is better than the default's by the gain. */
static double better_loss(const struct guard_spec *spec, double loss)
{
    double cost = cost_of(spec, value_of_loss(&spec->range, loss));

    return loss_of_value(
            &spec->range, guard_value(spec, cost * (1.0 - spec->gain)));
}

bool guard_narrow(const struct guard *guard, const double *scores,
        const double *widths, uint32_t index, uint32_t count, double *pmf)
{
    double error = STANDARD * error_of(guard);
    double most = better_loss(guard->spec, 1.0 - scores[index]);
    double left = 0.0;

    if (guard->reopened > 0)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (i == index)
            continue;
        if (1.0 - scores[i] - error * widths[i] < most)
            left += pmf[i];
        else
            pmf[i] = 0.0;
    }
    pmf[index] = left < 1.0 ? 1.0 - left : 0.0;
    return left == 0.0;
}

/* ---- learning ---- */

static double bounded(double sum)
{
    return sum > SUM_MAX ? SUM_MAX : sum < -SUM_MAX ? -SUM_MAX : sum;
}

void guard_decided(struct guard *guard, double limit)
{
    guard->reserved = bounded(guard->reserved + limit);
}

static void remember(
        struct guard *guard, const struct context *context, double cost)
{
    for (uint32_t j = 0; j < guard->spec->columns; j++)
        guard->context[j][guard->next] = context->shared.dense[j];
    guard->cost[guard->next] = cost;
    guard->next = (guard->next + 1) % GUARD_KEPT;
    if (guard->kept < GUARD_KEPT)
        guard->kept++;
    scale_columns(guard);
}

void guard_learn(struct guard *guard, const struct context *context,
        bool is_default, double value, double limit, double error)
{
    double cost = cost_of(guard->spec, value);

    guard->reserved = fmax(guard->reserved - limit, 0.0);
    guard->spent = bounded(guard->spent + cost);
    guard->allowed = bounded(guard->allowed +
            (is_default ? cost : fmin(least(guard, context), SUM_MAX)));
    if (is_default)
        remember(guard, context, cost);
    else if (guard->reopened > 0)
        guard->reopened--;
    if (!isfinite(error))
        return;
    guard->errors = bounded(ERROR_MEMORY * guard->errors + error * error);
    guard->error_weight = ERROR_MEMORY * guard->error_weight + 1.0;
}

void guard_reopen(struct guard *guard)
{
    guard->reopened = GUARD_RETRIES;
}

void guard_correct(
        struct guard *guard, bool is_default, double before, double after)
{
    double change = cost_of(guard->spec, after) - cost_of(guard->spec, before);

    guard->spent = bounded(guard->spent + change);
    if (is_default)
        guard->allowed = bounded(guard->allowed + change);
}

/* ---- bytes ---- */

void guard_save(const struct guard *guard, struct writer *writer)
{
    write_f64(writer, guard->spent);
    write_f64(writer, guard->allowed);
    write_f64(writer, guard->reserved);
    write_f64(writer, guard->errors);
    write_f64(writer, guard->error_weight);
    write_u32(writer, guard->reopened);
    write_u32(writer, guard->kept);
    write_u32(writer, guard->next);
    write_f64s(writer, guard->cost, guard->kept);
    for (uint32_t i = 0; i < guard->kept; i++)
        for (uint32_t j = 0; j < guard->spec->columns; j++)
            write_f64(writer, guard->context[j][i]);
}

static bool all_finite(const double *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

int guard_load(struct guard *guard, struct reader *reader, struct err *err)
{
    bool good;

    guard->spent = read_f64(reader);
    guard->allowed = read_f64(reader);
    guard->reserved = read_f64(reader);
    guard->errors = read_f64(reader);
    guard->error_weight = read_f64(reader);
    guard->reopened = read_u32(reader);
    guard->kept = read_u32(reader);
    guard->next = read_u32(reader);
    if (reader->failed || guard->reopened > GUARD_RETRIES ||
            guard->kept > GUARD_KEPT || guard->next >= GUARD_KEPT)
        return err_set(err, STATUS_CORRUPT, "guard: state is damaged");
    read_f64s(reader, guard->cost, guard->kept);
    good = !reader->failed && isfinite(guard->spent) &&
            isfinite(guard->allowed) && guard->reserved >= 0.0 &&
            guard->errors >= 0.0 && guard->error_weight >= 0.0 &&
            isfinite(guard->reserved) && isfinite(guard->errors) &&
            isfinite(guard->error_weight) &&
            all_finite(guard->cost, guard->kept);
    for (uint32_t i = 0; good && i < guard->kept; i++)
        for (uint32_t j = 0; j < guard->spec->columns; j++)
            guard->context[j][i] = read_f64(reader);
    for (uint32_t j = 0; good && j < guard->spec->columns; j++)
        good = !reader->failed && all_finite(guard->context[j], guard->kept);
    if (!good)
        return err_set(err, STATUS_CORRUPT, "guard: state is damaged");
    scale_columns(guard);
    return 0;
}
