#include "policies/detector.h"
#include "policies/portable.h"

#include <math.h>
#include <stddef.h>

#define VALUES_MIN 30u
/* A base rate is known to lie within these. */
#define BASE_MIN  1e-4
#define THETA_MAX 600.0
#define HALVINGS  100

struct page_hinkley {
    struct page_hinkley_options options;
    uint64_t count;
    double mean;
    double excess; /* S */
    uint64_t since; /* values since S was 0 last */
    double since_sum; /* and their sum */
    double threshold; /* h for the mean at the last doubling; 0: none yet */
};

static const struct option_row rows[] = {
        {"shift", OPTION_DOUBLE, offsetof(struct page_hinkley_options, shift),
                1e-4, 0.5, 0.01, NULL, NULL,
                "half of the smallest increase worth an alarm"},
        {"between", OPTION_DOUBLE,
                offsetof(struct page_hinkley_options, between), 100.0, 1e15,
                1e6, NULL, NULL,
                "values between false alarms that are tolerated"},
        {"threshold", OPTION_DOUBLE,
                offsetof(struct page_hinkley_options, threshold), 0.0, 1e9, 0.0,
                NULL, NULL, "alarm level; 0: from `between` and the base rate"},
};

/* ---- the threshold ---- */

/* ln E e^{theta (x - p - d)} for x in {0, 1} with mean p. */
static double cumulant(double base, double shift, double theta)
{
    return portable_log(base * portable_exp(theta) + 1.0 - base) -
            theta * (base + shift);
}

/* The positive root of the cumulant, which is convex, 0 at 0 and falls there.
 */
static double positive_root(double base, double shift)
{
    double low = 0.0, high = 1.0;

    while (cumulant(base, shift, high) < 0.0 && high < THETA_MAX) {
        low = high;
        high *= 2.0;
    }
    for (int i = 0; i < HALVINGS; i++) {
        double middle = 0.5 * (low + high);
        if (cumulant(base, shift, middle) < 0.0)
            low = middle;
        else
            high = middle;
    }
    return 0.5 * (low + high);
}

double page_hinkley_threshold(double base, double shift, double between)
{
    double most = 1.0 - shift - 0.01;
    double p = base < BASE_MIN ? BASE_MIN : base > most ? most : base;
    double theta = positive_root(p, shift);
    double low = 0.0, high = 700.0;

    for (int i = 0; i < HALVINGS; i++) {
        double middle = 0.5 * (low + high);
        if (portable_exp(middle) - 1.0 - middle < between * theta * shift)
            low = middle;
        else
            high = middle;
    }
    return 0.5 * (low + high) / theta;
}

/* ---- the test ---- */

static void restart(struct page_hinkley *test)
{
    test->count = 0;
    test->mean = 0.0;
    test->excess = 0.0;
    test->since = 0;
    test->since_sum = 0.0;
    test->threshold = 0.0;
}

static void init(void *self, const void *options)
{
    struct page_hinkley *test = self;

    test->options = *(const struct page_hinkley_options *)options;
    restart(test);
}

static bool is_power_of_two(uint64_t number)
{
    return (number & (number - 1)) == 0;
}

/* A base rate read from few values is taken two standard errors on the side
 * that asks for the higher threshold. */
static double cautious(double mean, uint64_t count)
{
    double n = (double)count;
    double base = mean + 2.0 * sqrt(mean * (1.0 - mean) / n) + 3.0 / n;

    return mean >= 0.5 ? mean : base > 0.5 ? 0.5 : base;
}

static void read_base(struct page_hinkley *test)
{
    const struct page_hinkley_options *options = &test->options;

    if (options->threshold > 0.0)
        test->threshold = options->threshold;
    else if (test->count == VALUES_MIN || is_power_of_two(test->count))
        test->threshold =
                page_hinkley_threshold(cautious(test->mean, test->count),
                        options->shift, options->between);
}

static bool feed(void *self, double value, struct detection *found)
{
    struct page_hinkley *test = self;
    double x = value < 0.0 ? 0.0 : value > 1.0 ? 1.0 : value;

    test->count++;
    test->mean += (x - test->mean) / (double)test->count;
    test->excess += x - test->mean - test->options.shift;
    test->since++;
    test->since_sum += x;
    if (test->excess <= 0.0) {
        test->excess = 0.0;
        test->since = 0;
        test->since_sum = 0.0;
    }
    if (test->count < VALUES_MIN)
        return false;
    read_base(test);
    if (test->excess < test->threshold)
        return false;
    *found = (struct detection){.statistic = test->excess,
            .threshold = test->threshold,
            .before = test->count > test->since
                    ? (test->mean * (double)test->count - test->since_sum) /
                            (double)(test->count - test->since)
                    : 0.0,
            .after = test->since_sum / (double)test->since,
            .rows = test->since};
    restart(test);
    return true;
}

static void level(const void *self, struct detection *now)
{
    const struct page_hinkley *test = self;

    *now = (struct detection){.statistic = test->excess,
            .threshold = test->threshold,
            .rows = test->since};
}

static void save(const void *self, struct writer *writer)
{
    const struct page_hinkley *test = self;

    write_u64(writer, test->count);
    write_f64(writer, test->mean);
    write_f64(writer, test->excess);
    write_u64(writer, test->since);
    write_f64(writer, test->since_sum);
    write_f64(writer, test->threshold);
}

static bool load(void *self, struct reader *reader)
{
    struct page_hinkley *test = self;

    test->count = read_u64(reader);
    test->mean = read_f64(reader);
    test->excess = read_f64(reader);
    test->since = read_u64(reader);
    test->since_sum = read_f64(reader);
    test->threshold = read_f64(reader);
    return test->count < DETECTOR_VALUES_MAX && test->since <= test->count &&
            test->mean >= 0.0 && test->mean <= 1.0 && test->excess >= 0.0 &&
            (test->excess == 0.0 || test->since > 0) &&
            test->excess <= (double)test->count && test->since_sum >= 0.0 &&
            test->since_sum <= (double)test->since &&
            (test->count < VALUES_MIN || test->threshold > 0.0) &&
            test->threshold >= 0.0 && test->threshold <= 1e12;
}

const struct detector detector_page_hinkley = {
        .name = "page-hinkley",
        .options = {rows, ARRAY_COUNT(rows),
                sizeof(struct page_hinkley_options)},
        .size = sizeof(struct page_hinkley),
        .init = init,
        .feed = feed,
        .level = level,
        .save = save,
        .load = load,
};
