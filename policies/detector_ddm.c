#include "policies/detector.h"

#include <math.h>
#include <stddef.h>

#define VALUES_MIN 30u

struct ddm {
    double level;
    uint64_t count;
    double mean;
    double best_mean, best_spread; /* at the smallest mean + spread so far */
    uint64_t best_count; /* values by then; 0: none yet */
};

static const struct option_row rows[] = {
        {"level", OPTION_DOUBLE, offsetof(struct ddm_options, level), 1.0, 20.0,
                3.0, NULL, NULL, "standard deviations above the best mean"},
};

static void restart(struct ddm *ddm)
{
    double level = ddm->level;

    memset(ddm, 0, sizeof(*ddm));
    ddm->level = level;
}

static void init(void *self, const void *options)
{
    struct ddm *ddm = self;

    ddm->level = ((const struct ddm_options *)options)->level;
    restart(ddm);
}

static bool feed(void *self, double value, struct detection *found)
{
    struct ddm *ddm = self;
    double x = value < 0.0 ? 0.0 : value > 1.0 ? 1.0 : value;
    double spread, limit;

    ddm->count++;
    ddm->mean += (x - ddm->mean) / (double)ddm->count;
    if (ddm->count < VALUES_MIN)
        return false;
    spread = sqrt(ddm->mean * (1.0 - ddm->mean) / (double)ddm->count);
    if (ddm->best_count == 0 ||
            ddm->mean + spread <= ddm->best_mean + ddm->best_spread) {
        ddm->best_mean = ddm->mean;
        ddm->best_spread = spread;
        ddm->best_count = ddm->count;
    }
    limit = ddm->best_mean + ddm->level * ddm->best_spread;
    if (ddm->mean + spread <= limit)
        return false;
    *found = (struct detection){.statistic = ddm->mean + spread,
            .threshold = limit,
            .before = ddm->best_mean,
            .after = (ddm->mean * (double)ddm->count -
                             ddm->best_mean * (double)ddm->best_count) /
                    (double)(ddm->count - ddm->best_count),
            .rows = ddm->count - ddm->best_count};
    restart(ddm);
    return true;
}

static void level(const void *self, struct detection *now)
{
    const struct ddm *ddm = self;
    double n = (double)ddm->count;

    *now = (struct detection){.threshold = 0.0};
    if (ddm->best_count == 0)
        return;
    now->statistic = ddm->mean + sqrt(ddm->mean * (1.0 - ddm->mean) / n);
    now->threshold = ddm->best_mean + ddm->level * ddm->best_spread;
    now->rows = ddm->count - ddm->best_count;
}

static void save(const void *self, struct writer *writer)
{
    const struct ddm *ddm = self;

    write_u64(writer, ddm->count);
    write_f64(writer, ddm->mean);
    write_f64(writer, ddm->best_mean);
    write_f64(writer, ddm->best_spread);
    write_u64(writer, ddm->best_count);
}

static bool load(void *self, struct reader *reader)
{
    struct ddm *ddm = self;

    ddm->count = read_u64(reader);
    ddm->mean = read_f64(reader);
    ddm->best_mean = read_f64(reader);
    ddm->best_spread = read_f64(reader);
    ddm->best_count = read_u64(reader);
    return ddm->count < DETECTOR_VALUES_MAX && ddm->best_count <= ddm->count &&
            ddm->mean >= 0.0 && ddm->mean <= 1.0 && ddm->best_mean >= 0.0 &&
            ddm->best_mean <= 1.0 && ddm->best_spread >= 0.0 &&
            ddm->best_spread <= 1.0;
}

const struct detector detector_ddm = {
        .name = "ddm",
        .options = {rows, ARRAY_COUNT(rows), sizeof(struct ddm_options)},
        .size = sizeof(struct ddm),
        .init = init,
        .feed = feed,
        .level = level,
        .save = save,
        .load = load,
};
