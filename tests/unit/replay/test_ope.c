/* Estimators: a log worked out by hand, exact expectations over small worlds,
 * and published logs. */
#include "replay/ope.h"

#include "base/rng.h"
#include "replay/interval.h"
#include "replay/support.h"
#include "tests/lib/suite.h"
#include "tests/unit/replay/golden_log.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- the golden log ---- */

static double mean_of(double (*term)(const struct ope_row *, double), double p)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < GOLDEN_ROWS; i++) {
        struct ope_event event = golden_event(i);
        struct ope_row row = ope_row(&event);
        sum += term(&row, p);
    }
    return sum / GOLDEN_ROWS;
}

static double mean_over_events(
        double (*term)(const struct ope_event *, double), double parameter)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < GOLDEN_ROWS; i++) {
        struct ope_event event = golden_event(i);
        sum += term(&event, parameter);
    }
    return sum / GOLDEN_ROWS;
}

static double difference_to_log(const struct ope_event *event, double unused)
{
    (void)unused;
    return ope_term_difference(event, event->logged);
}

/* The numbers are given to 12 places. */
static void near(double value, double expected)
{
    ck_assert_double_eq_tol(value, expected, 6e-13);
}

START_TEST(golden_estimates)
{
    struct ope_settings settings = OPE_SETTINGS_DEFAULT;
    struct ope_sums sums = golden_sums(&settings);
    struct support support = support_of(&sums);

    near(ope_estimate(&sums, &settings, OPE_IPS).value, 0.5);
    near(ope_estimate(&sums, &settings, OPE_IPS).error, 0.201679456501);
    near(ope_estimate(&sums, &settings, OPE_SNIPS).value, 0.666666666667);
    near(ope_estimate(&sums, &settings, OPE_SNIPS).error, 0.178105407978);
    near(ope_estimate(&sums, &settings, OPE_DM).value, 0.48);
    near(ope_estimate(&sums, &settings, OPE_DR).value, 0.650833333333);
    near(ope_estimate(&sums, &settings, OPE_MRDR).value, 0.650833333333);
    near(sums.w / sums.count, 0.75);
    near(support.ess, 6.230769230769);
    near(support.design_ess, 4.470314318976);
    near(support.largest_share, 0.277777777778);
    ck_assert_double_eq_tol(support.rarer, 3.0, 1e-9);
}
END_TEST

START_TEST(golden_terms)
{
    near(mean_of(ope_term_clipped, 0.8), 0.3875);
    near(mean_of(ope_term_switch, 0.8), 0.546666666667);
    near(mean_of(ope_term_dros, 4.0), 0.597048424278);
    near(mean_over_events(ope_term_cab, 0.8), 0.557);
    near(mean_over_events(ope_term_truncated, 1.5), 0.627083333333);
    near(mean_over_events(difference_to_log, 0.0), -0.005416666667);
}
END_TEST

/* What the sums choose for L and T is one of the candidates, and its estimate
 * is that of the terms. */
START_TEST(grids_agree_with_terms)
{
    struct ope_settings settings = {.clip = 0.8, .cab = 0.8};
    struct ope_sums sums = golden_sums(&settings);
    struct ope_estimate dros = ope_estimate(&sums, &settings, OPE_DROS);
    struct ope_estimate switched = ope_estimate(&sums, &settings, OPE_SWITCH);

    near(dros.value, mean_of(ope_term_dros, dros.parameter));
    near(switched.value, mean_of(ope_term_switch, switched.parameter));
    near(ope_estimate(&sums, &settings, OPE_CLIPPED).value, 0.3875);
    near(ope_estimate(&sums, &settings, OPE_CAB).value, 0.557);
    ck_assert(dros.parameter >= 1.0 && switched.parameter >= 1.0);
}
END_TEST

/* ---- exact expectations ---- */

#define CONTEXTS 5u
#define ACTIONS  4u

/* A discrete world; rewards are means, as an expectation needs no more. */
struct world {
    double target[CONTEXTS][ACTIONS], logged[CONTEXTS][ACTIONS];
    double other[CONTEXTS][ACTIONS];
    double mean[CONTEXTS][ACTIONS], model[CONTEXTS][ACTIONS];
};

/* Numbers without order in (0,1). */
static double mixed(uint32_t x, uint32_t a, uint32_t kind)
{
    double v = (double)(x + 1) * 0.7548776662 + (double)(a + 1) * 0.5698402910 +
            (double)kind * 0.3183098861;

    return 0.02 + 0.96 * (v - floor(v));
}

static void normalise(double *weights)
{
    double sum = 0.0;

    for (uint32_t a = 0; a < ACTIONS; a++)
        sum += weights[a];
    for (uint32_t a = 0; a < ACTIONS; a++)
        weights[a] /= sum;
}

static struct world a_world(bool exact)
{
    struct world world;

    for (uint32_t x = 0; x < CONTEXTS; x++) {
        for (uint32_t a = 0; a < ACTIONS; a++) {
            world.target[x][a] = mixed(x, a, 1);
            world.logged[x][a] = pow(mixed(x, a, 2), 4.0);
            world.other[x][a] = mixed(x, a, 3);
            world.mean[x][a] = mixed(x, a, 4);
            world.model[x][a] = exact ? world.mean[x][a] : mixed(x, a, 5);
        }
        normalise(world.target[x]);
        normalise(world.logged[x]);
        normalise(world.other[x]);
    }
    return world;
}

static double ips_of(const struct ope_event *event, double unused)
{
    struct ope_row row = ope_row(event);

    (void)unused;
    return ope_term_ips(&row);
}

static double dr_of(const struct ope_event *event, double unused)
{
    struct ope_row row = ope_row(event);

    (void)unused;
    return ope_term_dr(&row);
}

static double switch_of(const struct ope_event *event, double threshold)
{
    struct ope_row row = ope_row(event);

    return ope_term_switch(&row, threshold);
}

/* The mean of the term over contexts, equally likely, and what is drawn. */
static double expected(const struct world *world,
        double (*term)(const struct ope_event *, double), double parameter)
{
    double sum = 0.0;

    for (uint32_t x = 0; x < CONTEXTS; x++)
        for (uint32_t a = 0; a < ACTIONS; a++) {
            struct ope_event event = {
                    .count = ACTIONS,
                    .target = world->target[x],
                    .logged = world->logged[x],
                    .model = world->model[x],
                    .chosen = a,
                    .reward = world->mean[x][a],
            };
            sum += world->logged[x][a] * term(&event, parameter) / CONTEXTS;
        }
    return sum;
}

static double value_of(
        const struct world *world, double policy[CONTEXTS][ACTIONS])
{
    double sum = 0.0;

    for (uint32_t x = 0; x < CONTEXTS; x++)
        for (uint32_t a = 0; a < ACTIONS; a++)
            sum += policy[x][a] * world->mean[x][a] / CONTEXTS;
    return sum;
}

START_TEST(unbiased_by_enumeration)
{
    struct world world = a_world(false);
    double truth = value_of(&world, world.target);

    ck_assert_double_eq_tol(expected(&world, ips_of, 0.0), truth, 1e-12);
    ck_assert_double_eq_tol(expected(&world, dr_of, 0.0), truth, 1e-12);
    ck_assert_double_eq_tol(
            expected(&world, ope_term_truncated, 0.0), truth, 1e-12);
    ck_assert_double_eq_tol(
            expected(&world, ope_term_truncated, 1.5), truth, 1e-12);
    /* These have a bias by design, as the model is wrong. */
    ck_assert_double_ge(
            fabs(expected(&world, ope_term_cab, 2.0) - truth), 1e-3);
    ck_assert_double_ge(fabs(expected(&world, switch_of, 2.0) - truth), 1e-3);
}
END_TEST

START_TEST(an_exact_model_leaves_no_bias)
{
    struct world world = a_world(true);
    double truth = value_of(&world, world.target);

    ck_assert_double_eq_tol(expected(&world, ope_term_cab, 2.0), truth, 1e-12);
    ck_assert_double_eq_tol(expected(&world, switch_of, 2.0), truth, 1e-12);
}
END_TEST

START_TEST(difference_by_enumeration)
{
    struct world world = a_world(false);
    double truth =
            value_of(&world, world.target) - value_of(&world, world.other);
    double sum = 0.0, square = 0.0, square_expected = 0.0;

    for (uint32_t x = 0; x < CONTEXTS; x++)
        for (uint32_t a = 0; a < ACTIONS; a++) {
            struct ope_event event = {ACTIONS, world.target[x], world.logged[x],
                    world.model[x], NULL, a, world.mean[x][a], false, 1.0};
            double share = world.logged[x][a] / CONTEXTS;
            double weight = (world.target[x][a] - world.other[x][a]) /
                    world.logged[x][a];
            sum += share * ope_term_difference(&event, world.other[x]);
            square += share * weight * weight;
            square_expected +=
                    share * ope_difference_square(&event, world.other[x]);
        }
    ck_assert_double_eq_tol(sum, truth, 1e-12);
    ck_assert_double_eq_tol(square, square_expected, 1e-9 * square);
}
END_TEST

/* Truncated terms keep their promise: at least -k, whatever the weights. */
START_TEST(truncated_terms_are_bounded)
{
    struct world world = a_world(false);
    double lowest = 0.0;

    for (uint32_t x = 0; x < CONTEXTS; x++)
        for (uint32_t a = 0; a < ACTIONS; a++) {
            struct ope_event event = {ACTIONS, world.target[x], world.logged[x],
                    world.model[x], NULL, a, 0.0, false, 1.0};
            double term = ope_term_truncated(&event, 1.5);
            ck_assert_double_ge(term, -1.5 - 1e-12);
            lowest = fmin(lowest, ope_term_truncated(&event, 1e9));
        }
    ck_assert_double_lt(lowest, -1.5); /* the bound was needed */
}
END_TEST

/* ---- published logs ---- */

#define ITEMS_MAX 46u

struct reference {
    const char *log, *target;
    double clip; /* weights above count as this; 0 = none */
    double ips, error, snips, mean_weight, ess, most;
};

/* Worked out by another program with exactly rounded sums. */
static const struct reference references[] = {
        {"bts_men", "uniform", 0, 0.003008626327256482, 0.0007739354628865024,
                0.003189423162277403, 0.9433136257492332, 655.7098495873269,
                178.25311942959001},
        {"bts_men", "uniform", 100, 0.003008626327256482, 0.0007739354628865024,
                0.003217202740115084, 0.9351683963656138, 772.0011093474648,
                100},
        {"bts_men", "uniform", 10, 0.003008626327256482, 0.0007739354628865024,
                0.0038310784413778873, 0.7853209933687492, 1844.0053847326599,
                10},
        {"random_men", "bts_policy_men", 0, 0.004542145, 0.001182688248110904,
                0.004612265817785344, 0.9847968828000001, 2472.262028920569,
                10.659951999999999},
        {"bts_women", "uniform", 0, 0.007437577541923159, 0.004118361144254772,
                0.002373046143447767, 3.1341900208974454, 2.077822692483688,
                21739.130434782608},
        {"bts_women", "uniform", 100, 0.007437577541923159,
                0.004118361144254772, 0.007752573307185525, 0.9593688762710041,
                586.5308779618732, 100},
        {"bts_women", "uniform", 10, 0.004383669186128011,
                0.0015873999640023833, 0.005777400806546724, 0.7587614799306651,
                1791.7842369364846, 10},
        {"random_women", "bts_policy_women", 0, 0.0068069604,
                0.001876876848169619, 0.006801853779040163, 1.000750769,
                1957.7217804314464, 12.566694000000002},
};

static FILE *open_data(const char *name, const char *suffix)
{
    char path[128];
    FILE *file;

    (void)snprintf(
            path, sizeof(path), "tests/data/open_bandit/%s.%s", name, suffix);
    file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s is missing", path);
    return file;
}

/* What the target does at a position; [position - 1][item]. */
static void read_target(
        const struct reference *reference, double target[3][ITEMS_MAX])
{
    bool men = strstr(reference->log, "_men") != NULL;
    unsigned position, item;
    double probability;
    FILE *file;

    for (uint32_t i = 0; i < 3 * ITEMS_MAX; i++)
        target[i / ITEMS_MAX][i % ITEMS_MAX] = 1.0 / (men ? 34.0 : 46.0);
    if (strcmp(reference->target, "uniform") == 0)
        return;
    file = open_data(reference->target, "csv");
    ck_assert_int_eq(fscanf(file, "position,item_id,probability"), 0);
    while (fscanf(file, "%u,%u,%lf", &position, &item, &probability) == 3) {
        ck_assert(position >= 1 && position <= 3 && item < ITEMS_MAX);
        target[position - 1][item] = probability;
    }
    (void)fclose(file);
}

static struct ope_sums sums_of_log(const struct reference *reference)
{
    struct ope_settings settings = OPE_SETTINGS_DEFAULT;
    struct ope_sums sums = {0};
    double target[3][ITEMS_MAX], propensity;
    FILE *file = open_data(reference->log, "txt");
    unsigned position, item, click;

    read_target(reference, target);
    while (fscanf(file, "%u %u %u %lf", &item, &position, &click,
                   &propensity) == 4) {
        double chosen = target[position - 1][item];
        struct ope_event event = {1, &chosen, &propensity, NULL, NULL, 0,
                (double)click, true, 1.0};
        if (reference->clip > 0.0)
            chosen = fmin(chosen, reference->clip * propensity);
        ope_add(&sums, &settings, &event);
    }
    (void)fclose(file);
    ck_assert_double_eq_tol(sums.count, 10000.0, 1e-9);
    return sums;
}

START_TEST(open_bandit)
{
    const struct reference *reference = &references[_i];
    struct ope_settings settings = OPE_SETTINGS_DEFAULT;
    struct ope_sums sums = sums_of_log(reference);
    struct ope_estimate ips = ope_estimate(&sums, &settings, OPE_IPS);
    struct support support = support_of(&sums);

    ck_assert_double_eq_tol(ips.value, reference->ips, 1e-9);
    ck_assert_double_eq_tol(ips.error, reference->error, 1e-9);
    ck_assert_double_eq_tol(ope_estimate(&sums, &settings, OPE_SNIPS).value,
            reference->snips, 1e-9);
    ck_assert_double_eq_tol(sums.w / sums.count, reference->mean_weight, 1e-9);
    ck_assert_double_eq_tol(support.ess, reference->ess, 1e-9 * 1e3);
    ck_assert_double_eq_tol(sums.most, reference->most, 1e-9);
}
END_TEST

/* One row of bts/women has 69 % of the weight; bts/men can be told. */
START_TEST(open_bandit_refusal)
{
    struct support_limits limits = SUPPORT_LIMITS_DEFAULT;
    struct ope_sums women = sums_of_log(&references[4]);
    struct ope_sums men = sums_of_log(&references[0]);
    struct support of_women = support_of(&women), of_men = support_of(&men);
    struct verdict refused = support_judge(&of_women, &limits, NULL, 0);
    struct verdict accepted = support_judge(&of_men, &limits, NULL, 0);
    char text[160];

    ck_assert(!refused.ranked && !refused.intervals);
    ck_assert_uint_eq(refused.reasons & SUPPORT_SHARE, SUPPORT_SHARE);
    ck_assert_uint_eq(
            refused.reasons & SUPPORT_ESS_RANKING, SUPPORT_ESS_RANKING);
    support_reason_text(&of_women, &limits, SUPPORT_SHARE, text, sizeof(text));
    ck_assert_str_eq(
            text, "one row carries 69 % of the weight, at most 5 % may be");
    /* n (500/ess - 1) */
    ck_assert_double_eq_tol(refused.more_rows, 2396366.0, 1.0);
    ck_assert_msg(accepted.ranked && accepted.intervals, "reasons %x",
            accepted.reasons);
    ck_assert_double_eq_tol(accepted.more_rows, 0.0, 1e-9);
}
END_TEST

/* ---- rows that stand for others ---- */

/* A row that stands for three counts as three in every estimate and in how
 * often weights occur, though not in how sure one is. */
START_TEST(a_row_counts_for_what_it_stands_for)
{
    struct ope_settings settings = OPE_SETTINGS_DEFAULT;
    struct ope_sums thin = {0}, whole = {0}, plain = {0}, ones = {0};
    struct support of_thin, of_whole;

    for (uint32_t i = 0; i < GOLDEN_ROWS; i++) {
        struct ope_event event = golden_event(i);
        ope_add(&plain, &settings, &event);
        event.stands_for = 1.0;
        ope_add(&ones, &settings, &event);
        event.stands_for = 1.0 + i % 3;
        ope_add(&thin, &settings, &event);
        event.stands_for = 0.0;
        for (uint32_t j = 0; j < 1 + i % 3; j++)
            ope_add(&whole, &settings, &event);
    }
    ck_assert_mem_eq(&plain, &ones, sizeof(plain));
    for (int i = 0; i < OPE_ESTIMATORS; i++) {
        enum ope_estimator estimator = (enum ope_estimator)i;
        if (estimator == OPE_DROS || estimator == OPE_SWITCH)
            continue; /* chosen by what is known, which is less */
        ck_assert_double_eq_tol(ope_estimate(&thin, &settings, estimator).value,
                ope_estimate(&whole, &settings, estimator).value, 1e-12);
    }
    of_thin = support_of(&thin);
    of_whole = support_of(&whole);
    ck_assert_double_eq(of_thin.count, GOLDEN_ROWS);
    ck_assert_double_eq_tol(of_thin.missing, of_whole.missing, 1e-12);
    ck_assert_double_lt(of_thin.design_ess, of_whole.design_ess);
    ck_assert_double_lt(of_thin.ess, of_whole.ess);
    ck_assert_double_eq_tol(ope_mean_weight(&thin), 15.0 / 8.0, 1e-12);
}
END_TEST

/* The running sums are those of the definition. */
START_TEST(weighted_moments_are_exact)
{
    struct rng rng = rng_keyed(4, 1, RNG_TEST);
    struct moments moments = {0};
    double values[200], weights[200], all = 0.0, mean = 0.0, squares = 0.0;

    for (int i = 0; i < 200; i++) {
        values[i] = 5.0 + rng_unit(&rng);
        weights[i] = i < 20 ? 1.0 : 1.0 + 9.0 * rng_unit(&rng);
        moments_add_weighted(&moments, values[i], weights[i]);
        all += weights[i];
        mean += weights[i] * values[i];
    }
    mean /= all;
    for (int i = 0; i < 200; i++)
        squares += weights[i] * weights[i] * (values[i] - mean) *
                (values[i] - mean);
    ck_assert_double_eq_tol(moments.mean, mean, 1e-12);
    ck_assert_double_eq_tol(moments.squares, squares, 1e-9 * squares);
    /* Over n, the variance of the ratio. */
    ck_assert_double_eq_tol(moments_variance(&moments) / 200.0,
            squares / (all * all) * 200.0 / 199.0, 1e-9);
}
END_TEST

/* Of rows without a reward four of five are left out of the log: each that is
 * there stands for five. Values are near the truth, and normal intervals hold
 * it in 95 % of 400 logs, less four binomial errors; unweighted they never do.
 */
START_TEST(thinned_logs_say_the_truth)
{
    static const double p[2] = {0.7, 0.3}, target[2] = {0.2, 0.8};
    static const double model[2] = {0.25, 0.35}, mean[2] = {0.2, 0.4};
    struct ope_settings settings = OPE_SETTINGS_DEFAULT;
    double truth = 0.2 * 0.2 + 0.8 * 0.4, bias = 0.0;
    uint32_t normal = 0, blind = 0;

    for (uint32_t run = 0; run < 400; run++) {
        struct rng rng = rng_keyed(run, 9, RNG_TEST);
        struct ope_sums sums = {0}, ignored = {0};
        struct ope_estimate dr;
        struct interval interval;
        for (uint32_t i = 0; i < 2000; i++) {
            uint32_t chosen = rng_unit(&rng) < p[0] ? 0 : 1;
            bool reward = rng_unit(&rng) < mean[chosen];
            struct ope_event event = {.count = 2,
                    .target = target,
                    .logged = p,
                    .model = model,
                    .chosen = chosen,
                    .reward = reward,
                    .stands_for = reward ? 1.0 : 5.0};
            if (!reward && rng_unit(&rng) < 0.8)
                continue;
            ope_add(&sums, &settings, &event);
            event.stands_for = 0.0;
            ope_add(&ignored, &settings, &event);
        }
        dr = ope_estimate(&sums, &settings, OPE_DR);
        bias += (dr.value - truth) / 400.0;
        interval = interval_normal(&dr, 0.05);
        normal += interval.lower <= truth && truth <= interval.upper;
        /* What is not made for such rows says nothing. */
        interval = interval_cressie_read(&sums, sums.bound, 0.05);
        ck_assert(interval.lower == 0.0 && interval.upper == 1.0);
        dr = ope_estimate(&ignored, &settings, OPE_DR);
        interval = interval_normal(&dr, 0.05);
        blind += interval.lower <= truth && truth <= interval.upper;
    }
    printf("of 400 thinned logs normal intervals hold in %u\n", normal);
    ck_assert_double_eq_tol(bias, 0.0, 0.005);
    ck_assert_uint_ge(normal, 363);
    ck_assert_uint_eq(blind, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ope");
    TCase *golden = tcase_create("golden");
    TCase *exact = tcase_create("exact");
    TCase *published = tcase_create("published");

    tcase_add_test(golden, golden_estimates);
    tcase_add_test(golden, golden_terms);
    tcase_add_test(golden, grids_agree_with_terms);
    tcase_add_test(golden, a_row_counts_for_what_it_stands_for);
    tcase_add_test(golden, weighted_moments_are_exact);
    tcase_add_test(golden, thinned_logs_say_the_truth);
    tcase_add_test(exact, unbiased_by_enumeration);
    tcase_add_test(exact, an_exact_model_leaves_no_bias);
    tcase_add_test(exact, difference_by_enumeration);
    tcase_add_test(exact, truncated_terms_are_bounded);
    tcase_add_loop_test(published, open_bandit, 0, 8);
    tcase_add_test(published, open_bandit_refusal);
    suite_add_tcase(suite, golden);
    suite_add_tcase(suite, exact);
    suite_add_tcase(suite, published);
    return run_suite(suite);
}
