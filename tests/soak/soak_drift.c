/* False alarms and delays of the detectors of drift, in a table
 * (docs/drift.md). SEEDS (default 20) streams of ROWS (default 1 million)
 * stationary rows each: the alarms of each detector on Bernoulli(0.05) and
 * (0.15), and of all that watches a problem, by stream. Then, per jump at row
 * 20,000 of a rate of 0.15, the mean delay over 100 seeds beside the published
 * one (drift.md, section 2).
 *
 * The exit code says whether false alarms kept to what is configured: fails if
 * as many as were seen, or more, had less than 1 in 1,000 of a chance. */
#include "base/rng.h"
#include "policies/detector.h"
#include "policies/drift.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SLOTS   5u
#define COLUMNS 3u
#define GROUPS  2u

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

/* P(Poisson(mean) >= count). */
static double tail(double mean, uint64_t count)
{
    double term = exp(-mean), below = 0.0;

    for (uint64_t i = 0; i < count; i++) {
        below += term;
        term *= mean / (double)(i + 1);
    }
    return 1.0 - below;
}

/* The mean that is exceeded with 5 %, given this count: an upper limit. */
static double upper_limit(uint64_t count)
{
    double low = 0.0, high = 10.0 + 3.0 * (double)count;

    for (int i = 0; i < 60; i++) {
        double middle = 0.5 * (low + high);
        if (1.0 - tail(middle, count + 1) > 0.05)
            low = middle;
        else
            high = middle;
    }
    return high;
}

/* ---- detectors alone ---- */

union state {
    uint8_t bytes[DETECTOR_SIZE_MAX];
    double aligned;
};

struct row {
    const struct detector *detector;
    const char *key, *value; /* an option */
    double allowed; /* false alarms in 1e6 rows that it promises; 0: none */
    double published; /* and those that were measured elsewhere; < 0: not */
    double delays[5]; /* published; 0: not found in half of the runs */
};

static const struct row rows[] = {
        {&detector_adwin, "delta", "0.002", 0, 0.25, {0, 10030, 1206, 367, 52}},
        {&detector_adwin, "delta", "0.0001", 0, 0, {0, 18892, 1712, 499, 62}},
        {&detector_page_hinkley, "shift", "0.01", 1, 0.9,
                {16974, 7708, 1091, 476, 87}},
        {&detector_page_hinkley, "shift", "0.02", 1, 0.8,
                {0, 8046, 858, 325, 55}},
        {&detector_hddm_a, "delta", "0.001", 0, 0.5, {0, 17092, 1892, 637, 93}},
        {&detector_hddm_w, "delta", "0.001", 0, 9.0,
                {40665, 30760, 5418, 666, 16}},
        {&detector_hddm_w, "delta", "0.00001", 0, 0.0, {0, 0, 0, 0, 32}},
};
static const double jumps[5] = {0.01, 0.02, 0.05, 0.10, 0.50};

static void begin(const struct row *row, union state *state)
{
    union {
        uint8_t bytes[DETECTOR_OPTIONS_MAX];
        double aligned;
    } options;
    struct keyvalue setting = {
            bytes_of_text(row->key), bytes_of_text(row->value), 0, false};
    struct err err;

    if (options_parse(&row->detector->options, &setting, 1, &options, &err) !=
            0)
        abort();
    row->detector->init(state, &options);
}

static uint64_t count_alarms(
        const struct row *row, double base, uint64_t seeds, uint64_t length)
{
    uint64_t alarms = 0;

    for (uint64_t seed = 0; seed < seeds; seed++) {
        struct rng rng = rng_keyed(seed, 21, RNG_TEST);
        struct detection found;
        union state state;
        begin(row, &state);
        for (uint64_t t = 0; t < length; t++)
            alarms += row->detector->feed(
                    &state, rng_unit(&rng) < base ? 1.0 : 0.0, &found);
    }
    return alarms;
}

/* Values from the jump to the first alarm after it; `most` if there is none. */
static uint64_t delay_of(
        const struct row *row, double jump, uint64_t seed, uint64_t most)
{
    struct rng rng = rng_keyed(seed, 22, RNG_TEST);
    struct detection found;
    union state state;

    begin(row, &state);
    for (uint64_t t = 0; t < 20000; t++)
        (void)row->detector->feed(
                &state, rng_unit(&rng) < 0.15 ? 1.0 : 0.0, &found);
    for (uint64_t t = 1; t < most; t++)
        if (row->detector->feed(
                    &state, rng_unit(&rng) < 0.15 + jump ? 1.0 : 0.0, &found))
            return t;
    return most;
}

static void print_delays(const struct row *row)
{
    const uint64_t most = 100000;

    for (size_t i = 0; i < 5; i++) {
        double sum = 0.0, squares = 0.0;
        uint32_t hits = 0;
        for (uint64_t seed = 0; seed < 100; seed++) {
            uint64_t delay = delay_of(row, jumps[i], seed, most);
            if (delay == most)
                continue;
            hits++;
            sum += (double)delay;
            squares += (double)delay * (double)delay;
        }
        printf("  %+3.0f points: ", 100.0 * jumps[i]);
        if (hits < 2)
            printf("found in %u of 100", hits);
        else
            printf("%.0f rows (se %.0f), found in %u of 100", sum / hits,
                    sqrt((squares / hits - sum / hits * (sum / hits)) / hits),
                    hits);
        if (row->delays[i] > 0.0)
            printf("; published %.0f", row->delays[i]);
        putchar('\n');
    }
}

static bool run_detector(const struct row *row, uint64_t seeds, uint64_t length)
{
    static const double bases[2] = {0.05, 0.15};
    double millions = (double)seeds * (double)length / 1e6;
    bool good = true;

    printf("%s %s=%s\n", row->detector->name, row->key, row->value);
    for (size_t i = 0; i < 2; i++) {
        uint64_t alarms = count_alarms(row, bases[i], seeds, length);
        bool kept = row->allowed <= 0.0 ||
                tail(row->allowed * millions, alarms) >= 1e-3;
        printf("  base %.2f: %llu false alarms in %g million rows: %.2f a "
               "million, at most %.2f (95 %%)",
                bases[i], (unsigned long long)alarms, millions,
                (double)alarms / millions, upper_limit(alarms) / millions);
        if (row->published >= 0.0)
            printf("; published %.2f", row->published);
        printf("%s\n", kept ? "" : "; TOO MANY");
        good = good && kept;
        (void)fflush(stdout);
    }
    print_delays(row);
    (void)fflush(stdout);
    return good;
}

/* ---- all that watches a problem ---- */

static const struct drift_spec spec = {{.on = true,
                                               .between = 1e6,
                                               .window = 2000,
                                               .silence = 500,
                                               .warmup = 1000},
        SLOTS, GROUPS, COLUMNS};

/* Five actions of known rates, a policy that knows them and explores. */
static void one_row(struct drift *drift, struct rng *rng)
{
    static const double rates[SLOTS] = {0.10, 0.15, 0.20, 0.25, 0.30};
    static const double pmf[SLOTS] = {0.8, 0.05, 0.05, 0.05, 0.05};
    static const uint32_t slots[SLOTS] = {0, 1, 2, 3, 4};
    double dense[COLUMNS] = {
            rng_normal(rng), rng_unit(rng) < 0.3 ? 1.0 : 0.0, 7.0};
    uint16_t group = 0;
    struct context context = {
            .shared = {.dense = dense, .dense_count = COLUMNS},
            .groups = &group,
            .group_count = dense[1] > 0.0 ? 1 : 0};
    struct action_set actions = {SLOTS, slots, NULL};
    struct drift_outcome outcome = {.context = &context,
            .count = SLOTS,
            .delay = (nanos)(1e9 * (1.0 + rng_unit(rng)))};
    double u = rng_unit(rng);
    uint32_t chosen = 0;

    while (chosen + 1 < SLOTS && u >= pmf[chosen])
        u -= pmf[chosen++];
    drift_decided(drift, &context, &actions, pmf, chosen);
    outcome.slot = chosen;
    outcome.propensity = pmf[chosen];
    outcome.unjoined = rng_unit(rng) < 0.02;
    outcome.predicted = 0.02 + 0.98 * rates[chosen];
    outcome.loss =
            outcome.unjoined || rng_unit(rng) < rates[chosen] ? 1.0 : 0.0;
    drift_learned(drift, &outcome);
}

static bool run_problem(uint64_t seeds, uint64_t length)
{
    uint64_t alarms[DRIFT_STREAMS] = {0}, all = 0;
    double millions = (double)seeds * (double)length / 1e6;
    void *block = aligned_alloc(64, (drift_footprint(&spec) + 63) / 64 * 64);
    bool good;

    if (block == NULL)
        return false;
    for (uint64_t seed = 0; seed < seeds; seed++) {
        struct rng rng = rng_keyed(seed, 23, RNG_TEST);
        struct drift *drift = drift_init(block, &spec);
        for (uint64_t row = 0; row < length; row++) {
            const struct alarm *alarm;
            one_row(drift, &rng);
            for (; (alarm = drift_pending(drift)) != NULL; drift_take(drift)) {
                alarms[alarm->stream]++;
                all++;
            }
        }
    }
    good = tail(1e6 / spec.options.between * millions, all) >= 1e-3;
    printf("a problem of %u actions, %u groups, %u columns, drift.between "
           "%g\n  %llu false alarms in %g million rows: %.2f a million, at "
           "most %.2f (95 %%)%s\n",
            SLOTS, GROUPS, COLUMNS, spec.options.between,
            (unsigned long long)all, millions, (double)all / millions,
            upper_limit(all) / millions, good ? "" : "; TOO MANY");
    for (uint32_t i = 0; i < DRIFT_STREAMS; i++)
        printf("  %-11s %llu\n", drift_stream_name(i),
                (unsigned long long)alarms[i]);
    free(block);
    return good;
}

int main(void)
{
    uint64_t seeds = from_environment("SEEDS", 20);
    uint64_t length = from_environment("ROWS", 1000000);
    bool good = run_problem(seeds, length);

    (void)fflush(stdout);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        good = run_detector(&rows[i], seeds, length) && good;
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
