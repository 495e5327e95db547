#include "policies/detector.h"
#include "policies/portable.h"

#include <math.h>
#include <stddef.h>

/* ---- A: averages ---- */

struct averages {
    double log_delta; /* ln(1/delta) */
    uint64_t count, cut; /* values; values in the lowest prefix */
    double sum, cut_sum;
};

static const struct option_row rows_a[] = {
        {"delta", OPTION_DOUBLE, offsetof(struct hddm_options, delta), 1e-12,
                0.5, 0.001, NULL, NULL, "confidence; smaller: fewer alarms"},
};

static void averages_init(void *self, const void *options)
{
    struct averages *test = self;

    memset(test, 0, sizeof(*test));
    test->log_delta =
            -portable_log(((const struct hddm_options *)options)->delta);
}

static double upper(const struct averages *test, uint64_t count, double sum)
{
    return sum / (double)count + sqrt(test->log_delta / (2.0 * (double)count));
}

static bool averages_feed(void *self, double value, struct detection *found)
{
    struct averages *test = self;
    double n, m, gap, limit, log_delta = test->log_delta;

    test->count++;
    test->sum += value < 0.0 ? 0.0 : value > 1.0 ? 1.0 : value;
    if (test->cut == 0 ||
            upper(test, test->count, test->sum) <=
                    upper(test, test->cut, test->cut_sum)) {
        test->cut = test->count;
        test->cut_sum = test->sum;
        return false;
    }
    n = (double)test->count;
    m = (double)test->cut;
    gap = test->sum / n - test->cut_sum / m;
    limit = sqrt((n - m) / (m * n) * (log_delta + portable_log(2.0)) / 2.0);
    if (gap < limit)
        return false;
    *found = (struct detection){.statistic = gap,
            .threshold = limit,
            .before = test->cut_sum / m,
            .after = (test->sum - test->cut_sum) / (n - m),
            .rows = test->count - test->cut};
    memset(test, 0, sizeof(*test));
    test->log_delta = log_delta;
    return true;
}

static void averages_level(const void *self, struct detection *now)
{
    const struct averages *test = self;
    double n = (double)test->count, m = (double)test->cut;

    *now = (struct detection){.threshold = 0.0};
    if (test->count == test->cut)
        return;
    now->statistic = test->sum / n - test->cut_sum / m;
    now->threshold = sqrt(
            (n - m) / (m * n) * (test->log_delta + portable_log(2.0)) / 2.0);
    now->rows = test->count - test->cut;
}

static void averages_save(const void *self, struct writer *writer)
{
    const struct averages *test = self;

    write_u64(writer, test->count);
    write_u64(writer, test->cut);
    write_f64(writer, test->sum);
    write_f64(writer, test->cut_sum);
}

static bool averages_load(void *self, struct reader *reader)
{
    struct averages *test = self;

    test->count = read_u64(reader);
    test->cut = read_u64(reader);
    test->sum = read_f64(reader);
    test->cut_sum = read_f64(reader);
    return test->count < DETECTOR_VALUES_MAX && test->cut <= test->count &&
            (test->count == 0 || test->cut > 0) && test->sum >= 0.0 &&
            test->sum <= (double)test->count && test->cut_sum >= 0.0 &&
            test->cut_sum <= (double)test->cut;
}

const struct detector detector_hddm_a = {
        .name = "hddm-a",
        .options = {rows_a, ARRAY_COUNT(rows_a), sizeof(struct hddm_options)},
        .size = sizeof(struct averages),
        .init = averages_init,
        .feed = averages_feed,
        .level = averages_level,
        .save = averages_save,
        .load = averages_load,
};

/* ---- W: weighted averages ---- */

/* An exponentially weighted average and the sum of its squared weights; the
 * latter is 0 before the first value. */
struct average {
    double mean;
    double weight;
};

struct weighted {
    double log_delta;
    double lambda;
    uint64_t count, since; /* values; values after the cut */
    struct average all, cut, after;
};

static const struct option_row rows_w[] = {
        {"delta", OPTION_DOUBLE, offsetof(struct hddm_options, delta), 1e-12,
                0.5, 0.001, NULL, NULL, "confidence; smaller: fewer alarms"},
        {"lambda", OPTION_DOUBLE, offsetof(struct hddm_options, lambda), 1e-4,
                1.0, 0.05, NULL, NULL, "weight of the newest value"},
};

static void weighted_init(void *self, const void *options)
{
    const struct hddm_options *given = options;
    struct weighted *test = self;

    memset(test, 0, sizeof(*test));
    test->log_delta = -portable_log(given->delta);
    test->lambda = given->lambda;
}

static void take(struct average *average, double lambda, double value)
{
    double keep = 1.0 - lambda;

    if (average->weight == 0.0) {
        *average = (struct average){value, 1.0};
        return;
    }
    average->mean = lambda * value + keep * average->mean;
    average->weight = lambda * lambda + keep * keep * average->weight;
}

static double weighted_upper(
        const struct weighted *test, const struct average *average)
{
    return average->mean + sqrt(average->weight * test->log_delta / 2.0);
}

static void weighted_restart(struct weighted *test)
{
    struct weighted fresh = {
            .log_delta = test->log_delta, .lambda = test->lambda};

    *test = fresh;
}

static bool weighted_feed(void *self, double value, struct detection *found)
{
    struct weighted *test = self;
    double x = value < 0.0 ? 0.0 : value > 1.0 ? 1.0 : value;
    double gap, limit;

    test->count++;
    take(&test->all, test->lambda, x);
    if (test->cut.weight == 0.0 ||
            weighted_upper(test, &test->all) <=
                    weighted_upper(test, &test->cut)) {
        test->cut = test->all;
        test->after = (struct average){0.0, 0.0};
        test->since = 0;
        return false;
    }
    take(&test->after, test->lambda, x);
    test->since++;
    gap = test->after.mean - test->cut.mean;
    limit = sqrt(
            (test->cut.weight + test->after.weight) * test->log_delta / 2.0);
    if (gap <= limit)
        return false;
    *found = (struct detection){.statistic = gap,
            .threshold = limit,
            .before = test->cut.mean,
            .after = test->after.mean,
            .rows = test->since};
    weighted_restart(test);
    return true;
}

static void weighted_level(const void *self, struct detection *now)
{
    const struct weighted *test = self;

    *now = (struct detection){.threshold = 0.0};
    if (test->since == 0)
        return;
    now->statistic = test->after.mean - test->cut.mean;
    now->threshold = sqrt(
            (test->cut.weight + test->after.weight) * test->log_delta / 2.0);
    now->rows = test->since;
}

static void save_average(const struct average *average, struct writer *writer)
{
    write_f64(writer, average->mean);
    write_f64(writer, average->weight);
}

static bool load_average(struct average *average, struct reader *reader)
{
    average->mean = read_f64(reader);
    average->weight = read_f64(reader);
    return average->mean >= 0.0 && average->mean <= 1.0 &&
            average->weight >= 0.0 && average->weight <= 1.0;
}

static void weighted_save(const void *self, struct writer *writer)
{
    const struct weighted *test = self;

    write_u64(writer, test->count);
    write_u64(writer, test->since);
    save_average(&test->all, writer);
    save_average(&test->cut, writer);
    save_average(&test->after, writer);
}

static bool weighted_load(void *self, struct reader *reader)
{
    struct weighted *test = self;

    test->count = read_u64(reader);
    test->since = read_u64(reader);
    return load_average(&test->all, reader) &&
            load_average(&test->cut, reader) &&
            load_average(&test->after, reader) && test->since <= test->count &&
            test->count < DETECTOR_VALUES_MAX;
}

const struct detector detector_hddm_w = {
        .name = "hddm-w",
        .options = {rows_w, ARRAY_COUNT(rows_w), sizeof(struct hddm_options)},
        .size = sizeof(struct weighted),
        .init = weighted_init,
        .feed = weighted_feed,
        .level = weighted_level,
        .save = weighted_save,
        .load = weighted_load,
};
