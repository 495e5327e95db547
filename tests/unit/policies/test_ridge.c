/* Ridge beyond its golden rows: columns that scale themselves, products, and
 * numbers at the edge of what a request may hold. */
#include "policies/linalg.h"
#include "tests/lib/suite.h"
#include "tests/unit/policies/fixture.h"

#include <math.h>

#define D    4u
#define ROWS 300u

/* Row `index`: two numbers of different size, one of zeros and ones, one that
 * is constant for a while; and a label that is linear in them, with noise. */
static double make_row(uint64_t index, double x[D])
{
    struct rng rng = rng_keyed(7, index, RNG_TEST);

    x[0] = 10.0 + rng_normal(&rng);
    x[1] = 0.001 * rng_unit(&rng);
    x[2] = rng_unit(&rng) < 0.3 ? 1.0 : 0.0;
    x[3] = index < 37 ? 5.0 : 5.0 + rng_normal(&rng);
    return 0.05 * x[0] + 100.0 * x[1] + 0.2 * x[2] - 0.03 * x[3] +
            0.1 * rng_normal(&rng);
}

static double predicted(const struct fixture *fixture, const double *x)
{
    struct context context = {.shared = {.dense = x, .dense_count = D}};
    double value;

    ck_assert_int_eq(policy_predict(fixture->policy, &context, 1, 1, &arena,
                             &value, &err),
            0);
    return value;
}

static double width_of(const struct fixture *fixture, const double *x)
{
    struct context context = {.shared = {.dense = x, .dense_count = D}};
    struct action_set actions = {.count = 1};
    size_t mark = arena.used;
    double width;

    fixture->spec.oracle.oracle->spread(oracle_state(fixture), &context,
            &actions, 1.0, &arena, &width, NULL);
    arena_release(&arena, mark);
    return width;
}

static const struct shape shape = {
        .shared_dense = D, .actions_max = 1, .predict = true};

/* Equal but for some hundred thousand roundings: in the basis of two or three
 * rows, phi has large numbers. */
static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-11 * (1.0 + fabs(a));
}

/* Scaling and shifting any column changes neither predictions nor spreads. */
START_TEST(units_do_not_matter)
{
    static const char *const products[] = {"none", "context"};
    static const char *const forgettings[] = {"1", "0.99"};
    const char *const settings[][2] = {{"oracle", "ridge"},
            {"products", products[_i % 2]},
            {"forgetting", forgettings[_i / 2]}};
    static const double factor[D] = {1000.0, -0.25, 1.0, 3.0};
    static const double shift[D] = {-70.0, 0.001, 0.0, 50.0};
    struct fixture *plain = open_policy(settings, 3, shape);
    struct fixture *changed = open_policy(settings, 3, shape);

    for (uint64_t i = 0; i < ROWS; i++) {
        double x[D], y[D], z = make_row(i, x);
        for (uint32_t j = 0; j < D; j++)
            y[j] = factor[j] * x[j] + shift[j];
        ck_assert(near(predicted(plain, x), predicted(changed, y)));
        ck_assert(near(width_of(plain, x), width_of(changed, y)));
        learn_row(plain->policy, x, D, z, 1.0);
        learn_row(changed->policy, y, D, z, 1.0);
    }
    free(plain->policy);
    free(changed->policy);
}
END_TEST

/* After any number of rows: the ridge regression of all of them, written in
 * the basis of today. */
START_TEST(all_rows_are_in_the_basis_of_today)
{
    const char *const settings[][2] = {{"oracle", "ridge"}};
    struct fixture *fixture = open_policy(settings, 1, shape);
    uint32_t rows = (uint32_t[]){1, 2, 3, 36, 38, 64, 100, 300}[_i];
    double x[ROWS][D], z[ROWS], mean[D] = {0}, sd[D] = {0};
    double a[15] = {0}, b[5] = {0}, theta[5];
    uint32_t base = 1;

    for (uint32_t i = 0; i < rows; i++) {
        z[i] = make_row(i, x[i]);
        learn_row(fixture->policy, x[i], D, z[i], 1.0);
    }
    /* The basis is that of the last doubling, or of row 38, the first in which
     * the last column varies. */
    while (base * 2 <= rows)
        base *= 2;
    base = rows >= 38 && base < 38 ? 38 : base;
    for (uint32_t j = 0; j < D; j++) {
        for (uint32_t i = 0; i < base; i++)
            mean[j] += x[i][j] / base;
        for (uint32_t i = 0; i < base; i++)
            sd[j] += (x[i][j] - mean[j]) * (x[i][j] - mean[j]) / base;
        sd[j] = sqrt(sd[j]) < 1e-12 ? 0.0 : sqrt(sd[j]);
    }
    mean[2] = 0.0;
    sd[2] = 1.0;
    for (uint32_t i = 0; i < rows; i++) {
        double phi[5] = {1.0};
        for (uint32_t j = 0; j < D; j++)
            phi[1 + j] = sd[j] > 0 ? (x[i][j] - mean[j]) / sd[j] : 0.0;
        symmetric_rank_one(a, 1.0, phi, 5);
        axpy(z[i], phi, b, 5);
    }
    for (uint32_t j = 0; j < 5; j++)
        a[triangle_count(j + 1) - 1] += 1.0;
    (void)cholesky(a, 5);
    cholesky_invert(a, 5);
    symmetric_times(a, b, theta, 5);
    for (uint64_t i = 500; i < 520; i++) {
        double probe[D], phi[5] = {1.0}, gain[5];
        (void)make_row(i, probe);
        for (uint32_t j = 0; j < D; j++)
            phi[1 + j] = sd[j] > 0 ? (probe[j] - mean[j]) / sd[j] : 0.0;
        symmetric_times(a, phi, gain, 5);
        ck_assert_double_eq_tol(
                predicted(fixture, probe), dot(theta, phi, 5), 1e-11);
        ck_assert_double_eq_tol(
                width_of(fixture, probe), sqrt(dot(phi, gain, 5)), 1e-11);
    }
    free(fixture->policy);
}
END_TEST

/* Corrections stay exact across moves of the basis. */
START_TEST(corrections_across_bases)
{
    const char *const settings[][2] = {
            {"oracle", "ridge"}, {"products", "context"}};
    struct fixture *right = open_policy(settings, 2, shape);
    struct fixture *wrong = open_policy(settings, 2, shape);
    static const double one[1] = {1.0};

    for (uint64_t i = 0; i < ROWS; i++) {
        double x[D], z = make_row(i, x);
        learn_row(right->policy, x, D, z, 1.0);
        learn_row(wrong->policy, x, D, 0.5, 1.0);
    }
    for (uint64_t i = 0; i < ROWS; i++) {
        double x[D], z = make_row(i, x);
        struct context context = {.shared = {.dense = x, .dense_count = D}};
        struct action_set actions = {.count = 1};
        struct lesson lesson = {
                .context = &context,
                .actions = &actions,
                .chosen = 0,
                .pmf = one,
                .loss = z,
                .weight = 1.0,
                .propensity = 1.0,
        };
        ck_assert(policy_correct(wrong->policy, &lesson, 0.5, &arena));
    }
    for (uint64_t i = 500; i < 520; i++) {
        double x[D];
        (void)make_row(i, x);
        ck_assert_double_eq_tol(
                predicted(right, x), predicted(wrong, x), 1e-10);
    }
    free(right->policy);
    free(wrong->policy);
}
END_TEST

/* Features, labels and weights at the edge of what validation lets through. */
START_TEST(wild_numbers_stay_finite)
{
    static const char *const scales[] = {"true", "false"};
    static const char *const products[] = {"none", "context"};
    static const char *const forgettings[] = {"1", "0.99"};
    const char *const settings[][2] = {{"oracle", "ridge"},
            {"scale", scales[_i & 1]}, {"products", products[_i >> 1 & 1]},
            {"forgetting", forgettings[_i >> 2]}};
    struct fixture *fixture = open_policy(settings, 4, shape);
    struct rng rng = rng_keyed(3, (uint64_t)_i, RNG_TEST);

    for (int i = 0; i < 20000; i++) {
        double x[D];
        for (uint32_t j = 0; j < D; j++) {
            double size = ldexp(1.0, (int)rng_below(&rng, 100) - 50);
            x[j] = fmin(size, 1e15) * (rng_unit(&rng) - 0.5) * 2.0;
            x[j] = rng_unit(&rng) < 0.2 ? 0.0 : x[j];
            x[j] = rng_unit(&rng) < 0.01 ? 1e15 : x[j];
        }
        ck_assert(isfinite(predicted(fixture, x)));
        ck_assert(isfinite(width_of(fixture, x)));
        learn_row(fixture->policy, x, D, rng_unit(&rng), 1.0);
        ck_assert_msg(policy_check(fixture->policy), "row %d", i);
    }
    free(fixture->policy);
}
END_TEST

/* Where subtraction loses all digits, P is never too sure. */
START_TEST(a_huge_column)
{
    const char *const settings[][2] = {
            {"oracle", "ridge"}, {"scale", "false"}, {"intercept", "false"}};
    struct fixture *fixture = open_policy(
            settings, 3, (struct shape){.shared_dense = D, .predict = true});
    double x[D] = {1.0, 1e15, 0.0, 0.0}, along[D] = {0.0, 1.0, 0.0, 0.0};

    learn_row(fixture->policy, x, D, 1.0, 1.0);
    /* (1 + 1)/(1 + 1 + 1e30) */
    ck_assert_double_ge(width_of(fixture, along), 0.5 * 1.4142e-15);
    ck_assert_double_le(width_of(fixture, along), 2e-8); /* rounding of 1 */
    ck_assert_double_eq_tol(predicted(fixture, x), 1.0, 1e-12);
    free(fixture->policy);
}
END_TEST

START_TEST(cholesky_inverts)
{
    enum { N = 40 };
    static double a[N * (N + 1) / 2], inverse[N * (N + 1) / 2];
    struct rng rng = rng_keyed(9, 9, RNG_TEST);
    double x[N], y[N], back[N];

    for (uint32_t i = 0; i < N; i++)
        a[triangle_count(i + 1) - 1] = 0.5;
    for (int row = 0; row < 200; row++) {
        for (int i = 0; i < N; i++)
            x[i] = rng_normal(&rng);
        symmetric_rank_one(a, 1.0, x, N);
    }
    memcpy(inverse, a, sizeof(a));
    (void)cholesky(inverse, N);
    cholesky_invert(inverse, N);
    symmetric_times(a, x, y, N);
    symmetric_times(inverse, y, back, N);
    for (int i = 0; i < N; i++)
        ck_assert_double_eq_tol(back[i], x[i], 1e-11);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ridge");
    TCase *cases = tcase_create("ridge");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, units_do_not_matter, 0, 4);
    tcase_add_loop_test(cases, all_rows_are_in_the_basis_of_today, 0, 8);
    tcase_add_test(cases, corrections_across_bases);
    tcase_add_loop_test(cases, wild_numbers_stay_finite, 0, 8);
    tcase_add_test(cases, a_huge_column);
    tcase_add_test(cases, cholesky_inverts);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
