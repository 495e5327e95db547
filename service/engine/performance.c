#include "service/engine/performance.h"

#include <math.h>

/* Standard errors of a difference. */
#define BEYOND_CHANCE 2.0

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

/* Is the mean of `a` above that of `b` beyond chance? Both have rows. */
static bool is_above(
        const struct performance_sum *a, const struct performance_sum *b)
{
    double variance_a, variance_b;
    double difference = mean_of(a, &variance_a) - mean_of(b, &variance_b);

    return difference > BEYOND_CHANCE * sqrt(variance_a + variance_b);
}

static struct performance_sum together(
        const struct performance_sum *a, const struct performance_sum *b)
{
    return (struct performance_sum){
            a->rows + b->rows, a->sum + b->sum, a->squares + b->squares};
}

/* The same share of what is in it, with fewer rows. */
static struct performance_sum fewer(
        const struct performance_sum *sum, uint64_t rows)
{
    double most = (double)rows, share = most / (double)sum->rows;

    return (struct performance_sum){rows, fmin(share * sum->sum, most),
            fmin(share * sum->squares, most)};
}

/* What was known before, with what this generation's reference says: that alone
 * where it is better beyond chance, nothing of it where it is worse, otherwise
 * both. So a generation that was lucky does not make the band narrow for all
 * that follow. */
static struct performance_sum known_of(const struct performance *performance)
{
    const struct performance_sum *own = &performance->reference;
    const struct performance_sum *known = &performance->known;

    if (own->rows < PERFORMANCE_REFERENCE)
        return *known;
    if (known->rows == 0)
        return *own;
    if (is_above(own, known))
        return *known;
    if (is_above(known, own))
        return *own;
    if (known->rows + own->rows > PERFORMANCE_KNOWN) {
        struct performance_sum room =
                fewer(known, PERFORMANCE_KNOWN - own->rows);
        return together(&room, own);
    }
    return together(known, own);
}

void performance_restart(struct performance *performance)
{
    *performance = (struct performance){.known = known_of(performance)};
}

struct performance_view performance_view(const struct performance *performance)
{
    struct performance_view view = {.known = performance->last.rows > 0};
    struct performance_sum known;
    double reference, recent;

    if (!view.known)
        return view;
    known = known_of(performance);
    view.reference = mean_of(&known, &reference);
    view.recent = mean_of(&performance->last, &recent);
    view.error = sqrt(reference + recent);
    view.left = view.recent > view.reference + BEYOND_CHANCE * view.error;
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
    save_sum(&performance->known, writer);
}

bool performance_load(struct performance *performance, struct reader *reader)
{
    return load_sum(&performance->reference, PERFORMANCE_REFERENCE, reader) &&
            load_sum(&performance->block, PERFORMANCE_BLOCK - 1, reader) &&
            load_sum(&performance->last, PERFORMANCE_BLOCK, reader) &&
            load_sum(&performance->known, PERFORMANCE_KNOWN, reader) &&
            !reader->failed;
}
