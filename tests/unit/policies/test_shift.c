/* Evidence against logged probabilities, and distances of distributions:
 * numbers of drift.md, sections 3 to 5, and their null behaviour. */
#include "policies/evidence.h"
#include "policies/shift.h"

#include "base/rng.h"
#include "tests/lib/suite.h"

#include <math.h>

#define ALARM 9.210340371976182 /* ln 1e4 */

/* Rows until the alarm where events of logged probability p come with
 * probability q; most + 1: none. */
static uint32_t rows_to_alarm(uint64_t seed, double p, double q, uint32_t most)
{
    struct rng rng = rng_keyed(seed, 2, RNG_TEST);
    struct evidence evidence;

    evidence_init(&evidence);
    for (uint32_t t = 1; t <= most; t++) {
        evidence_feed(&evidence, (rng_unit(&rng) < q ? 1.0 : 0.0) - p);
        if (t % 32 == 0 && evidence_log(&evidence, 1) >= ALARM)
            return t;
    }
    return most + 1;
}

/* 150 honest streams of 20,000 rows: the promise is 0.015 alarms. */
START_TEST(honest_streams)
{
    for (uint64_t seed = 0; seed < 150; seed++) {
        double p = 0.01 + 0.98 * (double)(seed % 10) / 9.0;
        ck_assert_uint_eq(rows_to_alarm(seed, p, p, 20000), 20001);
    }
}
END_TEST

/* drift.md: v 0.17, s 0.022: 8,000 rows measured. */
START_TEST(shifted_streams)
{
    double p = 0.5 - sqrt(0.25 - 0.17), sum = 0.0;

    for (uint64_t seed = 0; seed < 40; seed++)
        sum += rows_to_alarm(seed, p, p + 0.022, 100000);
    ck_assert_double_gt(sum / 40, 5000.0);
    ck_assert_double_lt(sum / 40, 11000.0);
}
END_TEST

/* A long run neither overflows nor forgets: E is the product of its factors. */
START_TEST(long_evidence)
{
    struct evidence evidence;
    double logs[] = {log1p(0.5 * 0.9), log1p(0.1 * 0.9), log1p(0.02 * 0.9)};

    evidence_init(&evidence);
    for (int t = 0; t < 100000; t++)
        evidence_feed_side(&evidence, 0.9, true);
    ck_assert_double_eq_tol(evidence_log_side(&evidence, true),
            100000.0 * logs[0] - log(3.0), 1e-6);
    ck_assert_double_eq_tol(evidence_log_side(&evidence, false), 0.0, 1e-12);
    for (int t = 0; t < 300000; t++)
        evidence_feed_side(&evidence, -0.9, true);
    ck_assert(isfinite(evidence_log(&evidence, 1)));
}
END_TEST

START_TEST(distances)
{
    const double p[] = {0.5, 0.3, 0.2, 0.0}, q[] = {0.2, 0.3, 0.4, 0.1};
    /* sum (q-p) ln(q/p), the empty share at 1e-4 */
    double psi =
            -0.3 * log(0.4) + 0.2 * log(2.0) + (0.1 - 1e-4) * log(0.1 / 1e-4);

    ck_assert_double_eq_tol(shift_psi(p, q, 4), psi, 1e-12);
    ck_assert_double_eq(shift_psi(p, p, 4), 0.0);
    ck_assert_double_eq_tol(shift_ks(p, q, 4), 0.3, 1e-12);
    ck_assert_double_eq(shift_js(p, p, 4), 0.0);
    ck_assert_double_eq_tol(
            shift_js((double[]){1, 0}, (double[]){0, 1}, 2), 1.0, 1e-15);
    /* chi-square quantiles at 1 - 1e-4: 9 degrees 33.7199, 1 degree 15.1367 */
    ck_assert_double_eq_tol(
            shift_psi_chance(10, 1000, 1000) / 0.002, 33.7199, 0.5);
    ck_assert_double_eq_tol(
            shift_psi_chance(2, 1000, 1000) / 0.002, 15.1367, 1.2);
    ck_assert_double_eq_tol(shift_ks_chance(1000, 500, 0.01),
            sqrt(0.003 * log(200.0) / 2.0), 1e-12);
}
END_TEST

/* Without change the mean of PSI is (B - 1)(1/n + 1/m); with one it is found,
 * by PSI and by KS. */
START_TEST(columns)
{
    double sum = 0.0;
    uint32_t false_alarms = 0;

    for (uint64_t seed = 0; seed < 60; seed++) {
        struct rng rng = rng_keyed(seed, 3, RNG_TEST);
        struct shift_column column;
        struct shift_found found;
        shift_column_init(&column);
        for (int t = 0; t < 600 + 2000; t++)
            shift_column_feed(&column, rng_normal(&rng));
        ck_assert_uint_eq(shift_column_rows(&column), 2000);
        found = shift_column_close(&column);
        ck_assert_uint_eq(found.rows, 2000);
        sum += found.psi;
        false_alarms += found.psi > found.psi_chance;
        false_alarms += found.ks > found.ks_chance;
        for (int t = 0; t < 2000; t++)
            shift_column_feed(&column, 1.0 + rng_normal(&rng));
        found = shift_column_close(&column);
        ck_assert_double_gt(found.psi, 0.25);
        ck_assert_double_gt(found.psi, found.psi_chance);
        ck_assert_double_gt(found.ks, 0.3);
        ck_assert_double_gt(found.ks, found.ks_chance);
    }
    ck_assert_uint_eq(false_alarms, 0);
    ck_assert_double_eq_tol(sum / 60, 9.0 * (1.0 / 600 + 1.0 / 2000), 0.0045);
}
END_TEST

/* Columns of few values: ties are merged, an indicator has two bins. */
START_TEST(few_values)
{
    struct shift_column column;
    struct shift_found found;

    shift_column_init(&column);
    for (int t = 0; t < 600; t++)
        shift_column_feed(&column, t % 4 == 0);
    ck_assert_uint_eq(column.bins, 2);
    for (int t = 0; t < 1000; t++)
        shift_column_feed(&column, t % 2 == 0);
    found = shift_column_close(&column);
    ck_assert_double_eq_tol(found.ks, 0.25, 1e-12);
    ck_assert_double_eq_tol(
            found.psi, 0.25 * log(2.0) - 0.25 * log(0.5 / 0.75), 1e-12);
    /* A constant: one bin, nothing to compare. */
    shift_column_init(&column);
    for (int t = 0; t < 700; t++)
        shift_column_feed(&column, 5.0);
    ck_assert_uint_eq(column.bins, 1);
    found = shift_column_close(&column);
    ck_assert_double_eq(found.psi, 0.0);
}
END_TEST

START_TEST(saved_and_loaded)
{
    static uint8_t one[SHIFT_ROWS * 8 + 64], two[SHIFT_ROWS * 8 + 64];
    struct shift_column column, copy;
    struct evidence evidence, other;
    struct writer writer, again;
    struct reader reader;

    shift_column_init(&column);
    for (int t = 0; t < 1000; t++) {
        shift_column_feed(&column, (t * 37 % 101) / 7.0);
        if (t != 300 && t != 900)
            continue;
        writer = writer_over(one, sizeof(one));
        shift_column_save(&column, &writer);
        reader = reader_of(writer_bytes(&writer));
        ck_assert(shift_column_load(&copy, &reader) && reader_done(&reader));
        again = writer_over(two, sizeof(two));
        shift_column_save(&copy, &again);
        ck_assert(bytes_equal(writer_bytes(&writer), writer_bytes(&again)));
        ck_assert_uint_eq(shift_column_rows(&copy), shift_column_rows(&column));
    }
    evidence_init(&evidence);
    for (int t = 0; t < 5000; t++)
        evidence_feed(&evidence, t % 3 == 0 ? 0.7 : -0.3);
    writer = writer_over(one, sizeof(one));
    evidence_save(&evidence, &writer);
    reader = reader_of(writer_bytes(&writer));
    ck_assert(evidence_load(&other, &reader) && reader_done(&reader));
    again = writer_over(two, sizeof(two));
    evidence_save(&other, &again);
    ck_assert(bytes_equal(writer_bytes(&writer), writer_bytes(&again)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shift");
    TCase *cases = tcase_create("shift");

    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, honest_streams);
    tcase_add_test(cases, shifted_streams);
    tcase_add_test(cases, long_evidence);
    tcase_add_test(cases, distances);
    tcase_add_test(cases, columns);
    tcase_add_test(cases, few_values);
    tcase_add_test(cases, saved_and_loaded);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
