#include "service/engine/performance.h"

#include <math.h>
#include <string.h>

static void add(struct performance_sum *sum, double error)
{
    sum->rows++;
    sum->sum += error;
    sum->squares += error * error;
}

static double clipped(double x)
{
    return x < 0.0 ? 0.0 : x > 1.0 ? 1.0 : x;
}

void performance_add(
        struct performance *performance, double predicted, double loss)
{
    double off = clipped(predicted) - clipped(loss);

    if (isnan(predicted))
        return;
    if (performance->reference.rows < PERFORMANCE_REFERENCE) {
        add(&performance->reference, off * off);
        return;
    }
    add(&performance->block, off * off);
    if (performance->block.rows < PERFORMANCE_BLOCK)
        return;
    performance->last = performance->block;
    performance->block = (struct performance_sum){0};
}

/* Mean, and the variance of it. */
static double mean_of(const struct performance_sum *sum, double *variance)
{
    double rows = (double)sum->rows, mean = sum->sum / rows;

    *variance = fmax(0.0, sum->squares / rows - mean * mean) / rows;
    return mean;
}

/* The lower of the two, where both are whole. */
static const struct performance_sum *lowest(
        const struct performance *performance)
{
    const struct performance_sum *best = &performance->best;
    const struct performance_sum *own = &performance->reference;
    double unused;

    if (best->rows == 0)
        return own;
    return own->rows == PERFORMANCE_REFERENCE &&
                    mean_of(own, &unused) < mean_of(best, &unused)
            ? own
            : best;
}

void performance_restart(struct performance *performance)
{
    struct performance_sum best = *lowest(performance);

    memset(performance, 0, sizeof(*performance));
    if (best.rows == PERFORMANCE_REFERENCE)
        performance->best = best;
}

struct performance_view performance_view(const struct performance *performance)
{
    struct performance_view view = {.known = performance->last.rows > 0};
    double reference, recent;

    if (!view.known)
        return view;
    view.reference = mean_of(lowest(performance), &reference);
    view.recent = mean_of(&performance->last, &recent);
    view.error = sqrt(reference + recent);
    view.left = view.recent > view.reference + 2.0 * view.error;
    return view;
}

/* ---- state ---- */

static void save_sum(const struct performance_sum *sum, struct writer *writer)
{
    write_u64(writer, sum->rows);
    write_f64(writer, sum->sum);
    write_f64(writer, sum->squares);
}

static bool load_sum(
        struct performance_sum *sum, uint64_t most, struct reader *reader)
{
    sum->rows = read_u64(reader);
    sum->sum = read_f64(reader);
    sum->squares = read_f64(reader);
    return sum->rows <= most && sum->sum >= 0.0 &&
            sum->sum <= (double)sum->rows && sum->squares >= 0.0 &&
            sum->squares <= (double)sum->rows;
}

void performance_save(
        const struct performance *performance, struct writer *writer)
{
    save_sum(&performance->reference, writer);
    save_sum(&performance->block, writer);
    save_sum(&performance->last, writer);
    save_sum(&performance->best, writer);
}

bool performance_load(struct performance *performance, struct reader *reader)
{
    return load_sum(&performance->reference, PERFORMANCE_REFERENCE, reader) &&
            load_sum(&performance->block, PERFORMANCE_BLOCK - 1, reader) &&
            load_sum(&performance->last, PERFORMANCE_BLOCK, reader) &&
            load_sum(&performance->best, PERFORMANCE_REFERENCE, reader) &&
            !reader->failed;
}
