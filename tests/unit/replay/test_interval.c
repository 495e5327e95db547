/* Intervals, sequences, the bootstrap and refusals: numbers of independent
 * programs, and what their headers promise. Whether they cover is the question
 * of test_coverage. */
#include "replay/bootstrap.h"
#include "replay/sequence.h"
#include "replay/support.h"

#include "base/rng.h"
#include "tests/lib/suite.h"
#include "tests/unit/replay/golden_log.h"

#include <math.h>
#include <string.h>

static void near(double value, double expected)
{
    ck_assert_double_eq_tol(value, expected, 6e-13);
}

/* ---- fixed numbers of rows ---- */

START_TEST(normal_quantiles)
{
    near(normal_quantile(0.975), 1.959963984540);
    near(normal_quantile(0.5), 0.0);
    near(normal_quantile(1e-6), -4.753424308823);
}
END_TEST

START_TEST(cressie_read)
{
    struct ope_settings settings = OPE_SETTINGS_DEFAULT;
    struct ope_sums sums = golden_sums(&settings);
    struct interval bounded = interval_cressie_read(&sums, 5.0, 0.05);
    struct interval open = interval_cressie_read(&sums, INFINITY, 0.05);

    near(bounded.lower, 0.109435600138);
    near(bounded.upper, 0.983888775972);
    near(open.lower, 0.171329097465);
    near(open.upper, 0.967773776060);
}
END_TEST

/* Rows that say nothing leave everything possible; and what is always 1 has no
 * upper limit below 1. */
START_TEST(cressie_read_extremes)
{
    struct ope_settings settings = OPE_SETTINGS_DEFAULT;
    struct ope_sums sums = {0};
    struct interval limits = interval_cressie_read(&sums, 10.0, 0.05);

    ck_assert(limits.lower <= 0.0 && limits.upper >= 1.0);
    for (uint32_t i = 0; i < 200; i++) {
        struct ope_event event = golden_event(i % GOLDEN_ROWS);
        event.reward = 1.0;
        ope_add(&sums, &settings, &event);
    }
    limits = interval_cressie_read(&sums, 10.0, 0.05);
    ck_assert(limits.upper >= 1.0 - 1e-12 && limits.lower > 0.5);
}
END_TEST

START_TEST(bernstein)
{
    struct ope_settings settings = OPE_SETTINGS_DEFAULT;
    struct ope_sums sums = golden_sums(&settings);
    struct interval limits = interval_bernstein(&sums.ips, 5.0, 0.05);

    near((limits.upper - limits.lower) / 2.0, 7.900432486544);
    near((limits.upper + limits.lower) / 2.0, 0.5);
}
END_TEST

/* 3 of 10, and 0 of 10: the textbook's. */
START_TEST(clopper_pearson)
{
    struct ope_sums sums = {.count = 10.0, .wr = 3.0};
    struct interval limits = interval_clopper_pearson(&sums, 1.0, 0.05);

    ck_assert_double_eq_tol(limits.lower, 0.06673951, 1e-8);
    ck_assert_double_eq_tol(limits.upper, 0.65245285, 1e-8);
    sums.wr = 0.0;
    limits = interval_clopper_pearson(&sums, 1.0, 0.05);
    near(limits.lower, 0.0);
    near(limits.upper, 1.0 - pow(0.025, 0.1));
    sums.wr = 6.0; /* weights up to 2: 3 of 10, doubled */
    limits = interval_clopper_pearson(&sums, 2.0, 0.05);
    ck_assert_double_eq_tol(limits.upper, 2.0 * 0.65245285, 2e-8);
}
END_TEST

/* ---- sequences ---- */

START_TEST(bernstein_sequence)
{
    static const double expected[GOLDEN_ROWS] = {-7.055155974, -3.561110484,
            -2.213765744, -1.415344024, -1.160088413, -.857417633, -.750070837,
            -.558935647};
    struct bernstein_sequence sequence =
            bernstein_sequence_begin(0.025, 1.0, 0.5);

    ck_assert(isinf(bernstein_sequence_limit(&sequence)));
    for (uint32_t i = 0; i < GOLDEN_ROWS; i++) {
        struct ope_event event = golden_event(i);
        struct ope_row row = ope_row(&event);
        bernstein_sequence_add(&sequence, ope_term_ips(&row));
        ck_assert_double_eq_tol(
                bernstein_sequence_now(&sequence), expected[i], 6e-10);
    }
}
END_TEST

START_TEST(asymptotic_widths)
{
    double rho2 = asymptotic_rho2(0.05, 1000.0);

    ck_assert_double_eq_tol(rho2, 0.008211968062, 6e-13);
    near(asymptotic_half_width(100.0, rho2, 0.05), .382321833304);
    near(asymptotic_half_width(1000.0, rho2, 0.05), .095978998026);
    near(asymptotic_half_width(10000.0, rho2, 0.05), .032463107546);
}
END_TEST

/* Nothing is said before the design effective sample size is 100. */
START_TEST(asymptotic_starts_late)
{
    struct asymptotic_sequence sequence =
            asymptotic_sequence_begin(0.05, 1000.0);
    struct interval limits;

    for (uint32_t i = 1; i <= 400; i++) {
        asymptotic_sequence_add(&sequence, (double)(i % 2), 4.0);
        ck_assert_int_eq(
                asymptotic_sequence_limits(&sequence, &limits), i >= 400);
    }
    ck_assert_double_eq_tol((limits.upper + limits.lower) / 2.0, 0.5, 1e-12);
    near((limits.upper - limits.lower) / 2.0,
            0.5 * asymptotic_half_width(400.0, sequence.rho2, 0.05));
}
END_TEST

/* A stream of rows whose target is p: values and gains close in on the truth
 * and never pass it. */
START_TEST(sequences_close_in)
{
    static const double logged[2] = {0.7, 0.3}, target[2] = {0.3, 0.7};
    static const double model[2] = {0.2, 0.6}, mean[2] = {0.3, 0.5};
    struct value_sequence plain = value_sequence_begin(0.05, -1.0);
    struct value_sequence robust = value_sequence_begin(0.05, 1.0);
    struct gain_sequence gain = gain_sequence_begin(0.05, 1.0);
    struct rng rng = rng_keyed(7, 1, RNG_TEST);
    double truth = 0.3 * 0.3 + 0.7 * 0.5, champion = 0.7 * 0.3 + 0.3 * 0.5;
    struct interval limits[3];

    for (uint32_t i = 0; i < 20000; i++) {
        struct ope_event event = {.count = 2,
                .target = target,
                .logged = logged,
                .model = model,
                .chosen = rng_unit(&rng) < 0.7 ? 0 : 1};
        event.reward = rng_unit(&rng) < mean[event.chosen] ? 1.0 : 0.0;
        value_sequence_add(&plain, &event);
        value_sequence_add(&robust, &event);
        gain_sequence_add(&gain, &event);
    }
    limits[0] = value_sequence_limits(&plain);
    limits[1] = value_sequence_limits(&robust);
    limits[2] = gain_sequence_limits(&gain);
    for (int i = 0; i < 2; i++) {
        ck_assert(limits[i].lower < truth && limits[i].upper > truth);
        ck_assert_double_lt(limits[i].upper - limits[i].lower, 0.15);
    }
    ck_assert(limits[2].lower < truth - champion &&
            limits[2].upper > truth - champion);
    ck_assert_double_gt(limits[2].lower, 0.0);
}
END_TEST

/* ---- bootstrap ---- */

START_TEST(bootstrap_is_like_the_normal)
{
    static struct bootstrap bootstrap;
    struct ope_settings settings = OPE_SETTINGS_DEFAULT;
    struct ope_sums sums = {0};
    struct ope_estimate ips, snips;
    struct interval normal, resampled;
    double mean = 0.0;

    bootstrap.seed = 3;
    for (uint32_t i = 0; i < 2000; i++) {
        struct ope_event event = golden_event((i * 5 + i / 8) % GOLDEN_ROWS);
        struct ope_row row = ope_row(&event);
        ope_add(&sums, &settings, &event);
        bootstrap_add(&bootstrap, i, &row);
    }
    for (uint32_t i = 0; i < BOOTSTRAP_REPLICATES; i++)
        mean += bootstrap.sums[BOOTSTRAP_COUNT][i] / BOOTSTRAP_REPLICATES;
    /* Standard deviation of the mean count: sqrt(2000/1000). */
    ck_assert_double_eq_tol(mean, 2000.0, 4.0 * sqrt(2.0));
    ips = ope_estimate(&sums, &settings, OPE_IPS);
    normal = interval_normal(&ips, 0.05);
    resampled = bootstrap_interval(
            &bootstrap, BOOTSTRAP_IPS, BOOTSTRAP_COUNT, 0.05);
    /* A 2.5 % quantile of 1,000: standard deviation 0.084 of the error. */
    ck_assert_double_eq_tol(resampled.lower, normal.lower, 0.35 * ips.error);
    ck_assert_double_eq_tol(resampled.upper, normal.upper, 0.35 * ips.error);
    snips = ope_estimate(&sums, &settings, OPE_SNIPS);
    normal = interval_normal(&snips, 0.05);
    resampled = bootstrap_interval(
            &bootstrap, BOOTSTRAP_IPS, BOOTSTRAP_WEIGHT, 0.05);
    ck_assert_double_eq_tol(resampled.lower, normal.lower, 0.35 * snips.error);
    ck_assert_double_eq_tol(resampled.upper, normal.upper, 0.35 * snips.error);
}
END_TEST

/* ---- refusals ---- */

/* The target plays action 2 with 0.4, the log never does. */
START_TEST(missing_support_names_the_action)
{
    static const double logged[3] = {0.5, 0.5, 0.0};
    static const double target[3] = {0.3, 0.3, 0.4};
    static const uint32_t place[3] = {4, 7, 9};
    struct support_limits limits = SUPPORT_LIMITS_DEFAULT;
    struct ope_settings settings = OPE_SETTINGS_DEFAULT;
    struct overlap table[10] = {{0}};
    struct ope_sums sums = {0};
    struct support support;
    struct verdict verdict;
    char text[160];

    for (uint32_t i = 0; i < 1000; i++) {
        struct ope_event event = {.count = 3,
                .target = target,
                .logged = logged,
                .chosen = i % 2,
                .reward = i % 3 == 0};
        ope_add(&sums, &settings, &event);
        overlap_add(table, place, &event);
    }
    support = support_of(&sums);
    verdict = support_judge(&support, &limits, table, 10);
    near(support.missing, 0.4);
    ck_assert_uint_eq(verdict.reasons, SUPPORT_MISSING);
    ck_assert(!verdict.ranked && isinf(verdict.more_rows));
    ck_assert_uint_eq(verdict.worst_count, 1);
    ck_assert_uint_eq(verdict.worst[0], 9);
    near(verdict.worst_share[0], 1.0);
    ck_assert_uint_eq(table[9].unsupported, 1000);
    ck_assert_uint_eq(table[4].chosen, 500);
    support_reason_text(&support, &limits, SUPPORT_MISSING, text, sizeof(text));
    ck_assert_str_eq(text,
            "0.4 of its choices were never possible in the log, at most 0.01 "
            "may be");
    /* 100 rows of one of three actions at floor 0.06: 100 * 3/0.06. */
    near(support_events_needed(100.0, 3.0, 0.06, 1.0), 5000.0);
}
END_TEST

/* Logged probabilities that are not those of the draws are found. */
START_TEST(wrong_probabilities_are_noticed)
{
    static const double claimed[2] = {0.5, 0.5}, target[2] = {0.9, 0.1};
    struct support_limits limits = SUPPORT_LIMITS_DEFAULT;
    struct ope_settings settings = OPE_SETTINGS_DEFAULT;
    struct ope_sums sums = {0};
    struct support support;
    struct verdict verdict;

    for (uint32_t i = 0; i < 2000; i++) {
        struct ope_event event = {.count = 2,
                .target = target,
                .logged = claimed,
                .chosen = i % 4 == 0, /* drawn with 0.75, 0.25 */
                .reward = i % 2};
        ope_add(&sums, &settings, &event);
    }
    support = support_of(&sums);
    verdict = support_judge(&support, &limits, NULL, 0);
    ck_assert_uint_eq(verdict.reasons, SUPPORT_WEIGHTS);
    ck_assert_double_gt(support.z, 4.0);
}
END_TEST

START_TEST(worst_actions_are_sorted)
{
    struct support_limits limits = SUPPORT_LIMITS_DEFAULT;
    struct support support = {.count = 100.0, .missing = 0.5, .rarer = -1.0};
    struct overlap table[9] = {{0}};
    struct verdict verdict;

    for (uint32_t i = 0; i < 9; i++)
        table[i].missing = (double)((i * 4) % 9);
    verdict = support_judge(&support, &limits, table, 9);
    ck_assert_uint_eq(verdict.worst_count, SUPPORT_ACTIONS_NAMED);
    for (uint32_t i = 0; i < SUPPORT_ACTIONS_NAMED; i++)
        ck_assert_uint_eq((verdict.worst[i] * 4) % 9, 8 - i);
    near(verdict.worst_share[0], 8.0 / 36.0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("interval");
    TCase *fixed = tcase_create("fixed");
    TCase *sequences = tcase_create("sequences");
    TCase *support = tcase_create("support");

    tcase_add_test(fixed, normal_quantiles);
    tcase_add_test(fixed, cressie_read);
    tcase_add_test(fixed, cressie_read_extremes);
    tcase_add_test(fixed, bernstein);
    tcase_add_test(fixed, clopper_pearson);
    tcase_add_test(fixed, bootstrap_is_like_the_normal);
    tcase_add_test(sequences, bernstein_sequence);
    tcase_add_test(sequences, asymptotic_widths);
    tcase_add_test(sequences, asymptotic_starts_late);
    tcase_add_test(sequences, sequences_close_in);
    tcase_add_test(support, missing_support_names_the_action);
    tcase_add_test(support, wrong_probabilities_are_noticed);
    tcase_add_test(support, worst_actions_are_sorted);
    suite_add_tcase(suite, fixed);
    suite_add_tcase(suite, sequences);
    suite_add_tcase(suite, support);
    return run_suite(suite);
}
