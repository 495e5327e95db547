/* The detectors of change on the golden stream of drift.md (alarms computed
 * there by an independent implementation), what an alarm says, false alarms
 * and delays, and states that are saved and loaded. */
#include "policies/detector.h"

#include "base/rng.h"
#include "tests/lib/suite.h"

#include <math.h>
#include <stdio.h>

#define ALARMS_MAX 16

union state {
    uint8_t bytes[DETECTOR_SIZE_MAX];
    double aligned;
};

struct stream {
    uint64_t z;
};

/* 1 with probability 0.15 up to 5,000, then with 0.30. */
static double golden_next(struct stream *stream, uint32_t t)
{
    stream->z = (1103515245u * stream->z + 12345u) & 0x7fffffffu;
    return (double)stream->z / 2147483648.0 < (t <= 5000 ? 0.15 : 0.30) ? 1.0
                                                                        : 0.0;
}

static void begin(const struct detector *detector, union state *state,
        const char *key, const char *value)
{
    union {
        uint8_t bytes[DETECTOR_OPTIONS_MAX];
        double aligned;
    } options;
    struct keyvalue setting = {
            bytes_of_text(key), bytes_of_text(value), 0, false};
    struct err err;

    ck_assert_uint_le(detector->size, sizeof(*state));
    ck_assert_uint_le(detector->options.size, sizeof(options));
    ck_assert_int_eq(
            options_parse(&detector->options, &setting, 1, &options, &err), 0);
    ck_assert(setting.used || key[0] == '-');
    detector->init(state, &options);
}

static void expect_alarms(const struct detector *detector, const char *key,
        const char *value, const uint32_t *wanted, uint32_t count)
{
    struct stream stream = {1};
    struct detection found;
    union state state;
    uint32_t alarms = 0;

    begin(detector, &state, key, value);
    for (uint32_t t = 1; t <= 8000; t++) {
        if (!detector->feed(&state, golden_next(&stream, t), &found))
            continue;
        ck_assert_msg(alarms < count && wanted[alarms] == t,
                "%s: alarm %u at %u", detector->name, alarms, t);
        ck_assert(found.statistic >= found.threshold);
        ck_assert(found.after > found.before || detector == &detector_adwin);
        alarms++;
    }
    ck_assert_uint_eq(alarms, count);
}

START_TEST(golden_stream)
{
    struct stream stream = {1};
    uint32_t ones = 0;

    for (uint32_t t = 1; t <= 8000; t++) {
        ones += golden_next(&stream, t) == 1.0;
        if (t == 5000)
            ck_assert_uint_eq(ones, 744);
    }
    ck_assert_uint_eq(ones, 1641);
}
END_TEST

START_TEST(golden_adwin)
{
    static const uint32_t wanted[] = {5312, 5376, 5440, 5536, 5568, 6144};
    static const uint64_t windows[] = {1984, 1280, 1088, 1056, 960, 1280};
    struct stream stream = {1};
    struct detection found;
    union state state;
    uint32_t alarms = 0;

    expect_alarms(&detector_adwin, "delta", "0.002", wanted, 6);
    begin(&detector_adwin, &state, "delta", "0.002");
    for (uint32_t t = 1; t <= 8000; t++)
        if (detector_adwin.feed(&state, golden_next(&stream, t), &found)) {
            ck_assert_uint_eq(adwin_window(&state), windows[alarms]);
            ck_assert_uint_eq(found.rows, windows[alarms]);
            alarms++;
        }
    ck_assert_double_eq_tol(found.after, .289843750, 1e-12);
}
END_TEST

START_TEST(golden_others)
{
    static const uint32_t page[] = {5373}, hddm_a[] = {5323}, hddm_w[] = {5506};
    static const uint32_t ddm[] = {64, 315, 5580, 5647};

    expect_alarms(&detector_page_hinkley, "threshold", "48.4", page, 1);
    expect_alarms(&detector_hddm_a, "delta", "0.001", hddm_a, 1);
    expect_alarms(&detector_hddm_w, "delta", "0.001", hddm_w, 1);
    expect_alarms(&detector_ddm, "level", "3", ddm, 4);
}
END_TEST

/* drift.md, section 2: p 0.15, A 1e6. */
START_TEST(page_thresholds)
{
    ck_assert_double_eq_tol(
            page_hinkley_threshold(0.15, 0.005, 1e6), 77.5, 0.05);
    ck_assert_double_eq_tol(
            page_hinkley_threshold(0.15, 0.01, 1e6), 48.4, 0.05);
    ck_assert_double_eq_tol(
            page_hinkley_threshold(0.15, 0.02, 1e6), 29.6, 0.05);
    /* At the edges it is still a number, and a stricter promise asks more. */
    for (int i = 0; i <= 20; i++) {
        double h = page_hinkley_threshold(i / 20.0, 0.01, 1e6);
        ck_assert(isfinite(h) && h > 0.0);
        ck_assert_double_gt(page_hinkley_threshold(i / 20.0, 0.01, 1e8), h);
    }
}
END_TEST

/* Base rate 0.15 until `change`, then 0.15 + size. The first alarm after. */
static uint32_t first_alarm(const struct detector *detector, union state *state,
        uint64_t seed, uint32_t change, double size, uint32_t most)
{
    struct rng rng = rng_keyed(seed, 0, RNG_TEST);
    struct detection found;

    for (uint32_t t = 1; t <= most; t++) {
        double rate = t <= change ? 0.15 : 0.15 + size;
        if (detector->feed(state, rng_unit(&rng) < rate ? 1.0 : 0.0, &found) &&
                t > change)
            return t;
    }
    return most + 1;
}

/* drift.md, section 2, the table: mean delays in rows after a jump of 10 points
 * at row 20,000, within 15 % (100 seeds; 4 standard errors are below that). */
START_TEST(delays)
{
    static const struct {
        const struct detector *detector;
        const char *key, *value;
        double size, delay;
    } cells[] = {
            {&detector_adwin, "delta", "0.002", 0.10, 367},
            {&detector_page_hinkley, "shift", "0.01", 0.10, 476},
            {&detector_page_hinkley, "shift", "0.02", 0.05, 858},
            {&detector_hddm_a, "delta", "0.001", 0.10, 637},
            {&detector_hddm_w, "delta", "0.001", 0.50, 16},
    };

    for (size_t i = 0; i < ARRAY_COUNT(cells); i++) {
        double sum = 0.0;
        uint32_t hits = 0;
        for (uint64_t seed = 0; seed < 100; seed++) {
            union state state;
            uint32_t at;
            begin(cells[i].detector, &state, cells[i].key, cells[i].value);
            at = first_alarm(cells[i].detector, &state, seed, 20000,
                    cells[i].size, 60000);
            if (at <= 60000) {
                sum += at - 20000.0;
                hits++;
            }
        }
        ck_assert_uint_ge(hits, 90);
        ck_assert_msg(fabs(sum / hits / cells[i].delay - 1.0) < 0.15,
                "%s: delay %g, published %g", cells[i].detector->name,
                sum / hits, cells[i].delay);
    }
}
END_TEST

/* A million stationary values of five seeds together: at most the configured
 * rate with a Poisson margin (mean 1 each: P(more than 12 of 5) < 0.003). */
START_TEST(false_alarms)
{
    static const struct detector *const quiet[] = {
            &detector_adwin, &detector_page_hinkley};

    for (size_t i = 0; i < ARRAY_COUNT(quiet); i++) {
        uint32_t alarms = 0;
        for (uint64_t seed = 0; seed < 5; seed++) {
            struct rng rng = rng_keyed(seed, 1, RNG_TEST);
            struct detection found;
            union state state;
            begin(quiet[i], &state, "-", "");
            for (uint32_t t = 0; t < 1000000; t++)
                alarms += quiet[i]->feed(
                        &state, rng_unit(&rng) < 0.15 ? 1.0 : 0.0, &found);
        }
        ck_assert_msg(
                alarms <= 12, "%s: %u false alarms", quiet[i]->name, alarms);
    }
}
END_TEST

START_TEST(saved_and_loaded)
{
    for (uint32_t i = 0; detectors[i] != NULL; i++) {
        const struct detector *detector = detectors[i];
        struct stream stream = {1};
        union state one, two;
        struct detection a, b;
        uint8_t saved[DETECTOR_SIZE_MAX], again[DETECTOR_SIZE_MAX];
        ck_assert_ptr_eq(
                detector_find(bytes_of_text(detector->name)), detector);
        begin(detector, &one, "-", "");
        for (uint32_t t = 1; t <= 8000; t++) {
            double x = golden_next(&stream, t);
            bool alarm = detector->feed(&one, x, &a);
            if (t == 777 || t == 5300) {
                struct writer writer = writer_over(saved, sizeof(saved));
                struct reader reader;
                detector->save(&one, &writer);
                ck_assert(!writer.failed);
                begin(detector, &two, "-", "");
                reader = reader_of(writer_bytes(&writer));
                ck_assert(detector->load(&two, &reader));
                ck_assert(reader_done(&reader));
                continue;
            }
            if (t > 777) {
                ck_assert(detector->feed(&two, x, &b) == alarm);
                ck_assert(!alarm || memcmp(&a, &b, sizeof(a)) == 0);
            }
        }
        struct writer first = writer_over(saved, sizeof(saved));
        struct writer second = writer_over(again, sizeof(again));
        detector->save(&one, &first);
        detector->save(&two, &second);
        ck_assert(bytes_equal(writer_bytes(&first), writer_bytes(&second)));
    }
}
END_TEST

/* Whatever bytes load() takes, the detector lives on with them. */
START_TEST(hostile_states)
{
    struct rng rng = rng_keyed(7, 0, RNG_TEST);

    for (uint32_t i = 0; detectors[i] != NULL; i++) {
        const struct detector *detector = detectors[i];
        uint8_t saved[DETECTOR_SIZE_MAX];
        struct writer writer = writer_over(saved, sizeof(saved));
        union state state;
        struct detection found;
        uint32_t refused = 0;
        begin(detector, &state, "-", "");
        for (uint32_t t = 0; t < 1000; t++)
            (void)detector->feed(&state, t % 7 == 0, &found);
        detector->save(&state, &writer);
        for (uint32_t k = 0; k < 20000; k++) {
            uint8_t bad[DETECTOR_SIZE_MAX];
            struct reader reader = reader_of(bytes_of(bad, writer.size));
            memcpy(bad, saved, writer.size);
            for (uint32_t j = 0; j < 1 + k % 3; j++)
                bad[rng_below(&rng, (uint32_t)writer.size)] ^=
                        (uint8_t)(1 + rng_below(&rng, 255));
            begin(detector, &state, "-", "");
            if (!detector->load(&state, &reader) || !reader_done(&reader)) {
                refused++;
                continue;
            }
            for (uint32_t t = 0; t < 200; t++)
                if (detector->feed(&state, t % 5 == 0, &found))
                    ck_assert_msg(
                            isfinite(found.statistic) && isfinite(found.after),
                            "%s: statistic %g, after %g", detector->name,
                            found.statistic, found.after);
        }
        ck_assert_uint_gt(refused, 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("detectors");
    TCase *cases = tcase_create("detectors");

    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, golden_stream);
    tcase_add_test(cases, golden_adwin);
    tcase_add_test(cases, golden_others);
    tcase_add_test(cases, page_thresholds);
    tcase_add_test(cases, delays);
    tcase_add_test(cases, false_alarms);
    tcase_add_test(cases, saved_and_loaded);
    tcase_add_test(cases, hostile_states);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
