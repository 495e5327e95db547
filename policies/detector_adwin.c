#include "policies/detector.h"
#include "policies/portable.h"

#include <math.h>
#include <stddef.h>

#define ROWS_MAX    40u /* row i has buckets of 2^i values */
#define BUCKETS     5u /* in a row; one more merges the two oldest */
#define CHECK_EVERY 32u
#define WINDOW_MIN  10u
#define PART_MIN    5u

struct bucket {
    double sum;
    double squares; /* of the differences from the bucket's mean */
};

struct row {
    uint32_t count;
    struct bucket buckets[BUCKETS + 1]; /* oldest first */
};

struct adwin {
    double delta;
    uint64_t seen; /* values since the last test */
    uint64_t width;
    double sum;
    double squares;
    uint32_t row_count;
    struct row rows[ROWS_MAX];
};

static const struct option_row rows[] = {
        {"delta", OPTION_DOUBLE, offsetof(struct adwin_options, delta), 1e-12,
                0.5, 0.002, NULL, NULL,
                "confidence of one test; smaller: fewer false alarms"},
};

static double size_of(uint32_t row)
{
    return (double)((uint64_t)1 << row);
}

/* Squares of two lots together. */
static double joined(
        struct bucket a, double a_size, struct bucket b, double b_size)
{
    double between = a.sum / a_size - b.sum / b_size;

    return a.squares + b.squares +
            a_size * b_size / (a_size + b_size) * between * between;
}

static void init(void *self, const void *options)
{
    struct adwin *adwin = self;

    memset(adwin, 0, sizeof(*adwin));
    adwin->delta = ((const struct adwin_options *)options)->delta;
    adwin->row_count = 1;
}

static void drop_oldest_of(struct row *row, uint32_t count)
{
    row->count -= count;
    memmove(row->buckets, row->buckets + count,
            row->count * sizeof(row->buckets[0]));
}

/* The two oldest buckets of a row that is too full become one of the next. */
static void compress(struct adwin *adwin)
{
    for (uint32_t i = 0; i < ROWS_MAX - 1; i++) {
        struct row *row = &adwin->rows[i], *next = &adwin->rows[i + 1];
        double size = size_of(i);
        if (row->count <= BUCKETS)
            return;
        next->buckets[next->count++] =
                (struct bucket){row->buckets[0].sum + row->buckets[1].sum,
                        joined(row->buckets[0], size, row->buckets[1], size)};
        drop_oldest_of(row, 2);
        if (adwin->row_count < i + 2)
            adwin->row_count = i + 2;
    }
}

static void insert(struct adwin *adwin, double value)
{
    struct row *first = &adwin->rows[0];
    struct bucket all = {adwin->sum, adwin->squares}, one = {value, 0.0};

    if (adwin->width > 0)
        adwin->squares = joined(all, (double)adwin->width, one, 1.0);
    adwin->width++;
    adwin->sum += value;
    first->buckets[first->count++] = one;
    compress(adwin);
}

static void drop_oldest(struct adwin *adwin)
{
    uint32_t last = adwin->row_count - 1;
    struct row *row = &adwin->rows[last];
    struct bucket gone = row->buckets[0];
    double size = size_of(last), rest;
    double between;

    adwin->width -= (uint64_t)1 << last;
    adwin->sum -= gone.sum;
    rest = (double)adwin->width;
    between = gone.sum / size - adwin->sum / rest;
    adwin->squares -=
            gone.squares + size * rest / (size + rest) * between * between;
    if (adwin->squares < 0.0)
        adwin->squares = 0.0;
    drop_oldest_of(row, 1);
    while (adwin->row_count > 1 && adwin->rows[adwin->row_count - 1].count == 0)
        adwin->row_count--;
}

static double log_delta_of(const struct adwin *adwin)
{
    return portable_log(
            2.0 * portable_log((double)adwin->width) / adwin->delta);
}

/* How far the parts before and after a boundary lie apart, and how far they
 * may. */
static struct detection boundary(const struct adwin *adwin, double old_size,
        double old_sum, double log_delta)
{
    double width = (double)adwin->width;
    double spread = adwin->squares / width;
    double new_size = width - old_size;
    double harmonic = 1.0 / (old_size - PART_MIN + 1.0) +
            1.0 / (new_size - PART_MIN + 1.0);
    double gap = old_sum / old_size - (adwin->sum - old_sum) / new_size;

    return (struct detection){fabs(gap),
            sqrt(2.0 * harmonic * spread * log_delta) +
                    2.0 / 3.0 * log_delta * harmonic,
            old_sum / old_size, (adwin->sum - old_sum) / new_size,
            (uint64_t)new_size};
}

/* Is there a boundary at which the two parts differ? */
static bool differs(const struct adwin *adwin, struct detection *found)
{
    double width = (double)adwin->width;
    double log_delta = log_delta_of(adwin);
    double old_size = 0.0, old_sum = 0.0;

    for (uint32_t i = adwin->row_count; i-- > 0;) {
        for (uint32_t j = 0; j < adwin->rows[i].count; j++) {
            struct detection at;
            old_size += size_of(i);
            old_sum += adwin->rows[i].buckets[j].sum;
            if (width - old_size < PART_MIN)
                return false;
            if (old_size < PART_MIN)
                continue;
            at = boundary(adwin, old_size, old_sum, log_delta);
            if (at.statistic > at.threshold) {
                *found = at;
                return true;
            }
        }
    }
    return false;
}

/* Where the two parts of the window come closest to differing. */
static void level(const void *self, struct detection *now)
{
    const struct adwin *adwin = self;
    double width = (double)adwin->width, old_size = 0.0, old_sum = 0.0;
    double log_delta;

    *now = (struct detection){.threshold = 0.0};
    if (adwin->width <= WINDOW_MIN)
        return;
    log_delta = log_delta_of(adwin);
    for (uint32_t i = adwin->row_count; i-- > 0;)
        for (uint32_t j = 0; j < adwin->rows[i].count; j++) {
            struct detection at;
            old_size += size_of(i);
            old_sum += adwin->rows[i].buckets[j].sum;
            if (old_size < PART_MIN || width - old_size < PART_MIN)
                continue;
            at = boundary(adwin, old_size, old_sum, log_delta);
            if (now->threshold == 0.0 ||
                    at.statistic * now->threshold >
                            now->statistic * at.threshold)
                *now = at;
        }
}

static bool feed(void *self, double value, struct detection *found)
{
    struct adwin *adwin = self;
    struct detection at;
    bool changed = false;

    insert(adwin, value < 0.0 ? 0.0 : value > 1.0 ? 1.0 : value);
    if (++adwin->seen < CHECK_EVERY)
        return false;
    adwin->seen = 0;
    while (adwin->width > WINDOW_MIN && differs(adwin, &at)) {
        if (!changed)
            *found = at;
        changed = true;
        drop_oldest(adwin);
    }
    if (changed) {
        found->after = adwin->sum / (double)adwin->width;
        found->rows = adwin->width;
    }
    return changed;
}

uint64_t adwin_window(const void *self)
{
    return ((const struct adwin *)self)->width;
}

double adwin_mean(const void *self)
{
    const struct adwin *adwin = self;

    return adwin->width == 0 ? 0.0 : adwin->sum / (double)adwin->width;
}

static void save(const void *self, struct writer *writer)
{
    const struct adwin *adwin = self;

    write_u64(writer, adwin->seen);
    write_f64(writer, adwin->sum);
    write_f64(writer, adwin->squares);
    write_u32(writer, adwin->row_count);
    for (uint32_t i = 0; i < adwin->row_count; i++) {
        write_u32(writer, adwin->rows[i].count);
        for (uint32_t j = 0; j < adwin->rows[i].count; j++) {
            write_f64(writer, adwin->rows[i].buckets[j].sum);
            write_f64(writer, adwin->rows[i].buckets[j].squares);
        }
    }
}

static bool load_row(struct adwin *adwin, uint32_t i, struct reader *reader)
{
    struct row *row = &adwin->rows[i];

    row->count = read_u32(reader);
    if (row->count > BUCKETS)
        return false;
    for (uint32_t j = 0; j < row->count; j++) {
        struct bucket *bucket = &row->buckets[j];
        bucket->sum = read_f64(reader);
        bucket->squares = read_f64(reader);
        if (!(bucket->sum >= 0.0 && bucket->sum <= size_of(i)) ||
                !(bucket->squares >= 0.0 && bucket->squares <= size_of(i)))
            return false;
    }
    adwin->width += (uint64_t)row->count << i;
    return true;
}

static bool load(void *self, struct reader *reader)
{
    struct adwin *adwin = self;

    adwin->seen = read_u64(reader);
    adwin->sum = read_f64(reader);
    adwin->squares = read_f64(reader);
    adwin->row_count = read_u32(reader);
    if (adwin->seen >= CHECK_EVERY || adwin->row_count < 1 ||
            adwin->row_count > ROWS_MAX - 1)
        return false;
    adwin->width = 0;
    for (uint32_t i = 0; i < adwin->row_count; i++)
        if (!load_row(adwin, i, reader))
            return false;
    return (adwin->row_count == 1 ||
                   adwin->rows[adwin->row_count - 1].count > 0) &&
            adwin->sum > -1.0 && adwin->sum <= (double)adwin->width + 1.0 &&
            adwin->squares >= 0.0 &&
            adwin->squares <= (double)adwin->width + 1.0;
}

const struct detector detector_adwin = {
        .name = "adwin",
        .options = {rows, ARRAY_COUNT(rows), sizeof(struct adwin_options)},
        .size = sizeof(struct adwin),
        .init = init,
        .feed = feed,
        .level = level,
        .save = save,
        .load = load,
};

_Static_assert(sizeof(struct adwin) <= DETECTOR_SIZE_MAX, "room for a state");
