/* Contributions where they are known: a model that is a sum of terms of one
 * feature gives each its own term, and a product is shared by its factors. */
#include "policies/contributions.h"

#include "tests/lib/suite.h"
#include "tests/unit/policies/fixture.h"

#include <math.h>

static const double rows[6][3] = {
        {1, 0, 2}, {0, 1, 1}, {2, 1, 0}, {1, 1, 1}, {0, 2, 1}, {1, 2, 3}};

static void teach(const struct fixture *fixture, uint32_t times)
{
    for (uint32_t i = 0; i < times; i++) {
        const double *x = rows[i % 6];
        learn_row(fixture->policy, x, 3,
                0.1 * x[0] + 0.05 * x[1] + 0.02 * x[0] * x[2], 1.0);
    }
}

static double score_of(const struct fixture *fixture, const double *x)
{
    struct context context = {.shared = {.dense = x, .dense_count = 3}};
    struct action_set actions = {.count = 1};
    double loss;

    ck_assert_int_eq(policy_loss(fixture->policy, &context, &actions, &arena,
                             &loss, &err),
            0);
    return 1.0 - loss;
}

static struct contributions explain(
        const struct fixture *fixture, const double *x)
{
    struct context context = {.shared = {.dense = x, .dense_count = 3}};
    struct action_set actions = {.count = 1};
    struct contributions all;

    ck_assert_int_eq(policy_contributions(fixture->policy, &context, &actions,
                             0, &arena, &all, &err),
            0);
    return all;
}

/* Of a sum of single terms each contribution is what the feature does alone. */
START_TEST(of_a_sum_each_feature_has_its_term)
{
    static const char *const settings[][2][2] = {
            {{"oracle", "linear"}, {"interactions", "none"}},
            {{"oracle", "ridge"}, {"products", "none"}},
    };
    struct shape shape = {.shared_dense = 3, .actions_max = 1, .predict = true};
    struct fixture *fixture = open_policy(settings[_i], 2, shape);
    static const double x[3] = {1.5, 2, 0.5}, zero[3];
    struct contributions all;

    teach(fixture, 60);
    all = explain(fixture, x);
    ck_assert_uint_eq(all.count, 3);
    ck_assert_double_eq(all.base, score_of(fixture, zero));
    ck_assert_double_eq(all.score, score_of(fixture, x));
    for (uint32_t i = 0; i < 3; i++) {
        double alone[3] = {0};
        alone[i] = x[i];
        ck_assert_int_eq(all.list[i].part, CONTEXT_DENSE);
        ck_assert_uint_eq(all.list[i].index, i);
        ck_assert_double_eq_tol(
                all.list[i].value, score_of(fixture, alone) - all.base, 1e-12);
    }
    free(fixture->policy);
}
END_TEST

/* With products of two it is the Shapley value: the mean over all orders in
 * which the features could have come. */
START_TEST(of_products_it_is_the_shapley_value)
{
    static const char *const settings[][2] = {
            {"oracle", "ridge"}, {"products", "context"}};
    static const uint32_t orders[6][3] = {
            {0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    struct shape shape = {.shared_dense = 3, .actions_max = 1, .predict = true};
    struct fixture *fixture = open_policy(settings, 2, shape);
    static const double x[3] = {1.5, 2, 0.5};
    double shapley[3] = {0};
    struct contributions all;

    teach(fixture, 60);
    all = explain(fixture, x);
    for (uint32_t order = 0; order < 6; order++) {
        double row[3] = {0}, before = score_of(fixture, row);
        for (uint32_t i = 0; i < 3; i++) {
            uint32_t feature = orders[order][i];
            double after;
            row[feature] = x[feature];
            after = score_of(fixture, row);
            shapley[feature] += (after - before) / 6.0;
            before = after;
        }
    }
    for (uint32_t i = 0; i < 3; i++)
        ck_assert_double_eq_tol(all.list[i].value, shapley[i], 1e-12);
    /* There was a product to share. */
    ck_assert_double_ne(all.list[0].value,
            score_of(fixture, (const double[]){1.5, 0, 0}) - all.base);
    free(fixture->policy);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("contributions");
    TCase *cases = tcase_create("models");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, of_a_sum_each_feature_has_its_term, 0, 2);
    tcase_add_test(cases, of_products_it_is_the_shapley_value);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
