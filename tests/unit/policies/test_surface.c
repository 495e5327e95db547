/* The `surface` oracle: predictions and widths against the normal equations
 * solved by elimination from all rows kept; corrections; what it refuses. And
 * losses on a logarithmic scale. */
#include "base/rng.h"
#include "fixture.h"
#include "tests/lib/suite.h"

#include <math.h>
#include <string.h>

#define ARMS   20u
#define ROWS   700u
#define WIDTH  30u /* (5 + 1)(4 + 1) */
#define LAMBDA 0.01
#define FREE   1e-4

struct row {
    double omega, context, loss;
};

static double omegas[ARMS];
static struct features features[ARMS];
static const struct action_set all = {.count = ARMS, .features = features};
static const struct shape shape = {
        .shared_dense = 1, .action_dense = 1, .actions_max = ARMS};
static const char *const settings[][2] = {{"oracle", "surface"},
        {"explorer", "linucb"}, {"action_min", "1"}, {"action_max", "1.95"},
        {"context_min", "-0.15"}, {"context_max", "0.45"}};

static void fill_actions(void)
{
    for (uint32_t i = 0; i < ARMS; i++) {
        omegas[i] = 1.0 + 0.05 * i;
        features[i] = (struct features){.dense = &omegas[i], .dense_count = 1};
    }
}

static double chebyshev(int degree, double z)
{
    return cos(degree * acos(fmin(fmax(z, -1.0), 1.0)));
}

static void phi_of(double omega, double context, double phi[WIDTH])
{
    double u = 2.0 * (omega - 1.0) / 0.95 - 1.0;
    double z = 2.0 * (context + 0.15) / 0.6 - 1.0;

    for (int a = 0; a <= 5; a++)
        for (int b = 0; b <= 4; b++)
            phi[a * 5 + b] = chebyshev(a, u) * chebyshev(b, z);
}

/* a x = rhs in place, by elimination with pivots. */
static void eliminate(double a[WIDTH][WIDTH], double x[WIDTH])
{
    for (uint32_t k = 0; k < WIDTH; k++) {
        uint32_t pivot = k;
        for (uint32_t i = k + 1; i < WIDTH; i++)
            if (fabs(a[i][k]) > fabs(a[pivot][k]))
                pivot = i;
        for (uint32_t j = 0; j < WIDTH; j++) {
            double swap = a[k][j];
            a[k][j] = a[pivot][j];
            a[pivot][j] = swap;
        }
        double swap = x[k];
        x[k] = x[pivot];
        x[pivot] = swap;
        for (uint32_t i = k + 1; i < WIDTH; i++) {
            double factor = a[i][k] / a[k][k];
            for (uint32_t j = k; j < WIDTH; j++)
                a[i][j] -= factor * a[k][j];
            x[i] -= factor * x[k];
        }
    }
    for (uint32_t k = WIDTH; k-- > 0;) {
        for (uint32_t j = k + 1; j < WIDTH; j++)
            x[k] -= a[k][j] * x[j];
        x[k] /= a[k][k];
    }
}

/* What a model fitted to all rows says of `phi`, and phi' P phi. */
static double fitted(const struct row *rows, uint32_t count,
        const double phi[WIDTH], double *width)
{
    static double gram[WIDTH][WIDTH], copy[WIDTH][WIDTH];
    double theta[WIDTH] = {0}, gain[WIDTH], one[WIDTH], loss = 0.0;

    memset(gram, 0, sizeof(gram));
    for (uint32_t i = 0; i < WIDTH; i++)
        gram[i][i] = LAMBDA * (i == 0 ? FREE : 1.0);
    for (uint32_t r = 0; r < count; r++) {
        phi_of(rows[r].omega, rows[r].context, one);
        for (uint32_t i = 0; i < WIDTH; i++) {
            theta[i] += one[i] * rows[r].loss;
            for (uint32_t j = 0; j < WIDTH; j++)
                gram[i][j] += one[i] * one[j];
        }
    }
    memcpy(copy, gram, sizeof(copy));
    memcpy(gain, phi, sizeof(gain));
    eliminate(gram, theta);
    eliminate(copy, gain);
    *width = 0.0;
    for (uint32_t i = 0; i < WIDTH; i++) {
        loss += theta[i] * phi[i];
        *width += gain[i] * phi[i];
    }
    return loss;
}

static void learn(struct fixture *fixture, const struct row *row)
{
    static const double pmf[ARMS] = {1.0};
    struct context context = {
            .shared = {.dense = &row->context, .dense_count = 1}};
    struct lesson lesson = {.context = &context,
            .actions = &all,
            .chosen = (uint32_t)lround((row->omega - 1.0) / 0.05),
            .pmf = pmf,
            .loss = row->loss,
            .weight = 1.0,
            .propensity = 1.0};

    policy_learn(fixture->policy, &lesson, &arena);
}

static void draw_rows(struct row *rows, uint32_t count, uint32_t seed)
{
    struct rng rng = rng_keyed(seed, 0, RNG_TEST);

    for (uint32_t i = 0; i < count; i++) {
        rows[i].omega = 1.0 + 0.05 * rng_below(&rng, ARMS);
        rows[i].context = -0.2 + 0.7 * rng_unit(&rng); /* beyond both ends */
        rows[i].loss = 0.3 + 0.2 * rng_normal(&rng);
    }
}

static void check_predictions(
        const struct fixture *fixture, const struct row *rows, uint32_t count)
{
    const struct oracle *oracle = fixture->spec.oracle.oracle;
    double losses[ARMS], below[ARMS], above[ARMS], phi[WIDTH];

    for (double c = -0.3; c < 0.6; c += 0.17) {
        struct context context = {.shared = {.dense = &c, .dense_count = 1}};
        oracle->predict(oracle_state(fixture), &context, &all, &arena, losses);
        oracle->spread(oracle_state(fixture), &context, &all, 4.0, &arena,
                below, above);
        for (uint32_t i = 0; i < ARMS; i += 3) {
            double width, loss;
            phi_of(omegas[i], c, phi);
            loss = fitted(rows, count, phi, &width);
            ck_assert_double_eq_tol(losses[i], loss, 1e-7);
            ck_assert_double_eq_tol(
                    below[i], sqrt(4.0 * width), 1e-6 * (1.0 + below[i]));
            ck_assert_double_eq(below[i], above[i]);
        }
    }
}

/* Few rows, and more than the inverse is kept without being made anew. */
START_TEST(it_is_the_ridge_regression_that_it_says)
{
    static struct row rows[ROWS];
    static const uint32_t counts[] = {1, 7, 60, 256, 700};
    struct fixture *fixture = open_policy(settings, 6, shape);
    uint32_t learned = 0;

    draw_rows(rows, ROWS, 5);
    for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
        for (; learned < counts[i]; learned++)
            learn(fixture, &rows[learned]);
        check_predictions(fixture, rows, learned);
    }
    free(fixture->policy);
}
END_TEST

START_TEST(corrections_are_exact)
{
    static const double pmf[ARMS] = {1.0};
    struct row rows[50];
    struct fixture *fixture = open_policy(settings, 6, shape);

    draw_rows(rows, 50, 6);
    for (uint32_t i = 0; i < 50; i++)
        learn(fixture, &rows[i]);
    for (uint32_t i = 0; i < 50; i += 7) {
        struct context context = {
                .shared = {.dense = &rows[i].context, .dense_count = 1}};
        double before = rows[i].loss;
        struct lesson lesson = {.context = &context,
                .actions = &all,
                .chosen = (uint32_t)lround((rows[i].omega - 1.0) / 0.05),
                .pmf = pmf,
                .loss = before + 0.4,
                .weight = 1.0,
                .propensity = 1.0};
        ck_assert(policy_correct(fixture->policy, &lesson, before, &arena));
        rows[i].loss = before + 0.4;
    }
    check_predictions(fixture, rows, 50);
    free(fixture->policy);
}
END_TEST

/* Actions are looked at four at a time; how many there are changes nothing. */
START_TEST(few_actions_are_as_many)
{
    struct row rows[60];
    struct fixture *fixture = open_policy(settings, 6, shape);
    const struct oracle *oracle = fixture->spec.oracle.oracle;
    const double c = 0.17;
    struct context context = {.shared = {.dense = &c, .dense_count = 1}};
    double losses[ARMS], below[ARMS], few[ARMS + 1], narrow[ARMS + 1];

    draw_rows(rows, 60, 8);
    for (uint32_t i = 0; i < 60; i++)
        learn(fixture, &rows[i]);
    oracle->predict(oracle_state(fixture), &context, &all, &arena, losses);
    oracle->spread(
            oracle_state(fixture), &context, &all, 1.0, &arena, below, NULL);
    for (uint32_t count = 1; count <= ARMS; count++) {
        struct action_set some = {.count = count, .features = features};
        few[count] = narrow[count] = -7.0;
        oracle->predict(oracle_state(fixture), &context, &some, &arena, few);
        oracle->spread(oracle_state(fixture), &context, &some, 1.0, &arena,
                narrow, NULL);
        ck_assert_int_eq(memcmp(few, losses, count * sizeof(*few)), 0);
        ck_assert_int_eq(memcmp(narrow, below, count * sizeof(*few)), 0);
        ck_assert(few[count] == -7.0 && narrow[count] == -7.0);
    }
    free(fixture->policy);
}
END_TEST

static const char *const degrees[][2] = {
        {"1", "0"}, {"3", "2"}, {"5", "3"}, {"4", "4"}, {"12", "12"}};

/* Of any degrees: a lesson of weight 1 takes the square s of the width of what
 * it is about to s/(1 + s). */
START_TEST(a_lesson_narrows_what_it_is_about)
{
    const char *const wanted[][2] = {{"oracle", "surface"},
            {"explorer", "linucb"}, {"action_min", "1"}, {"action_max", "1.95"},
            {"context_min", "-0.15"}, {"context_max", "0.45"},
            {"action_degree", degrees[_i][0]},
            {"context_degree", degrees[_i][1]}};
    struct row rows[80];
    struct fixture *fixture = open_policy(wanted, ARRAY_COUNT(wanted), shape);
    const struct oracle *oracle = fixture->spec.oracle.oracle;

    draw_rows(rows, 80, 9);
    for (uint32_t i = 0; i < 80; i++) {
        struct context context = {
                .shared = {.dense = &rows[i].context, .dense_count = 1}};
        uint32_t about = (uint32_t)lround((rows[i].omega - 1.0) / 0.05);
        double before[ARMS], after[ARMS], square;
        oracle->spread(oracle_state(fixture), &context, &all, 1.0, &arena,
                before, NULL);
        learn(fixture, &rows[i]);
        oracle->spread(oracle_state(fixture), &context, &all, 1.0, &arena,
                after, NULL);
        square = before[about] * before[about];
        ck_assert_double_eq_tol(
                after[about], sqrt(square / (1.0 + square)), 1e-4);
        for (uint32_t k = 0; k < ARMS; k++)
            ck_assert_double_le(after[k], before[k] * (1.0 + 1e-6));
    }
    free(fixture->policy);
}
END_TEST

/* One outcome says the same of every value: nothing looks better yet. */
START_TEST(one_lesson_lifts_all_alike)
{
    const struct row row = {1.5, 0.1, 0.6};
    struct fixture *fixture = open_policy(settings, 6, shape);
    struct context context = {
            .shared = {.dense = &row.context, .dense_count = 1}};
    double losses[ARMS];

    learn(fixture, &row);
    fixture->spec.oracle.oracle->predict(
            oracle_state(fixture), &context, &all, &arena, losses);
    for (uint32_t i = 0; i < ARMS; i++)
        ck_assert_double_eq_tol(losses[i], 0.6, 0.01);
    free(fixture->policy);
}
END_TEST

START_TEST(without_a_context_it_is_a_curve)
{
    const struct shape bare = {.action_dense = 1, .actions_max = ARMS};
    struct fixture *fixture = open_policy(settings, 6, bare);
    struct context context = {.shared = {.dense_count = 0}};
    static const double pmf[ARMS] = {1.0};
    double losses[ARMS];

    for (uint32_t round = 0; round < 40; round++)
        for (uint32_t i = 0; i < ARMS; i++) {
            double off = omegas[i] - 1.6;
            struct lesson lesson = {.context = &context,
                    .actions = &all,
                    .chosen = i,
                    .pmf = pmf,
                    .loss = 0.2 + off * off,
                    .weight = 1.0,
                    .propensity = 1.0};
            policy_learn(fixture->policy, &lesson, &arena);
        }
    fixture->spec.oracle.oracle->predict(
            oracle_state(fixture), &context, &all, &arena, losses);
    for (uint32_t i = 0; i < ARMS; i++)
        ck_assert_double_eq_tol(
                losses[i], 0.2 + (omegas[i] - 1.6) * (omegas[i] - 1.6), 1e-4);
    free(fixture->policy);
}
END_TEST

struct refusal {
    const char *key, *value;
    struct shape shape;
    const char *message;
};

START_TEST(what_it_cannot_do)
{
    static const struct refusal refusals[] = {
            {"action_min", "1", {.action_dense = 1, .actions_max = 2},
                    "surface: action_min must be less than action_max"},
            {"context_max", "0",
                    {.shared_dense = 1, .action_dense = 1, .actions_max = 2},
                    "surface: context_min must be less than context_max"},
            {"lambda", "1", {.shared_dense = 1, .slots = 2, .actions_max = 2},
                    "surface: needs the parameter's value as the first of "
                    "action_features"},
    };
    const struct refusal *one = &refusals[_i];
    struct value_range range = {0.0, 1.0, true, false};
    struct keyvalue values[2] = {
            {bytes_of_text("oracle"), bytes_of_text("surface"), 0, false},
            {bytes_of_text(one->key), bytes_of_text(one->value), 0, false}};
    struct policy_spec spec;

    ck_assert_int_eq(policy_spec_parse(&spec, &one->shape, &range, values, 2,
                             &arena, NULL, &err),
            STATUS_INVALID);
    ck_assert_str_eq(err.text, one->message);
}
END_TEST

/* ---- the scale of losses ---- */

START_TEST(logarithmic_losses)
{
    const struct value_range cost = {1.0, 10000.0, true, true};
    const struct value_range reward = {0.01, 1.0, false, true};

    ck_assert_double_eq(loss_of_value(&cost, 1.0), 0.0);
    ck_assert_double_eq_tol(loss_of_value(&cost, 100.0), 0.5, 1e-15);
    ck_assert_double_eq(loss_of_value(&cost, 10000.0), 1.0);
    ck_assert_double_eq_tol(loss_of_value(&reward, 0.1), 0.5, 1e-15);
    ck_assert_double_eq_tol(loss_of_value(&reward, 0.01), 1.0, 1e-15);
    for (double value = 0.5; value < 20000.0; value *= 1.7)
        ck_assert_double_eq_tol(
                value_of_loss(&cost, loss_of_value(&cost, value)), value,
                1e-12 * value);
    ck_assert(isinf(loss_of_value(&cost, 0.0)));
    ck_assert(isinf(loss_of_value(&cost, -3.0)));
    ck_assert(isinf(loss_of_value(&reward, (double)NAN)));
}
END_TEST

static void setup_all(void)
{
    setup();
    fill_actions();
}

int main(void)
{
    Suite *suite = suite_create("surface");
    TCase *cases = tcase_create("surface");

    tcase_add_checked_fixture(cases, setup_all, teardown);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, it_is_the_ridge_regression_that_it_says);
    tcase_add_test(cases, corrections_are_exact);
    tcase_add_test(cases, few_actions_are_as_many);
    tcase_add_loop_test(cases, a_lesson_narrows_what_it_is_about, 0,
            (int)ARRAY_COUNT(degrees));
    tcase_add_test(cases, one_lesson_lifts_all_alike);
    tcase_add_test(cases, without_a_context_it_is_a_curve);
    tcase_add_loop_test(cases, what_it_cannot_do, 0, 3);
    tcase_add_test(cases, logarithmic_losses);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
