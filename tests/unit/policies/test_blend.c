/* Blend: never much worse than the better of its models. */
#include "tests/lib/suite.h"
#include "tests/unit/policies/fixture.h"

#include <math.h>

#define D    3u
#define ROWS 3000u

/* World 0 is linear, 1 has a product in it, 2 is noise. */
static double make_row(int world, uint64_t index, double x[D])
{
    struct rng rng = rng_keyed(17 + (uint64_t)world, index, RNG_TEST);
    double label = 0.5 + 0.1 * rng_normal(&rng);

    for (uint32_t i = 0; i < D; i++)
        x[i] = rng_normal(&rng);
    if (world == 0)
        label += 0.1 * x[0] - 0.05 * x[1];
    if (world == 1)
        label += 0.1 * x[0] * x[1];
    return fmin(fmax(label, 0.0), 1.0);
}

static double lost(const struct fixture *fixture, const double *x, double label)
{
    struct context context = {.shared = {.dense = x, .dense_count = D}};
    double value;

    ck_assert_int_eq(policy_predict(fixture->policy, &context, 1, 1, &arena,
                             &value, &err),
            0);
    value = fmin(fmax(value, 0.0), 1.0);
    return (value - label) * (value - label);
}

START_TEST(close_to_the_best_model)
{
    static const char *const variants[5][4] = {
            {"blend", "context", "0.2", "ridge"},
            {"ridge", "context", "0.2", NULL}, {"ridge", "none", "0.2", NULL},
            {"ridge", "none", "10", NULL}, {"ridge", "none", "100", NULL}};
    bool constant = _i >= 3;
    int count = constant ? 5 : 4;
    const struct shape shape = {
            .shared_dense = D, .actions_max = 1, .predict = true};
    struct fixture *fixture[5];
    double loss[5] = {0}, best;

    for (int v = 0; v < count; v++) {
        const char *const settings[][2] = {{"oracle", variants[v][0]},
                {"products", variants[v][1]}, {"lambda", variants[v][2]},
                {"inner", variants[v][3]},
                {"near_constant", constant ? "true" : "false"}};
        fixture[v] = open_policy(settings, v == 0 ? 5 : 3, shape);
    }
    for (uint64_t i = 0; i < ROWS; i++) {
        double x[D], label = make_row(_i % 3, i, x);
        for (int v = 0; v < count; v++) {
            loss[v] += lost(fixture[v], x, label);
            learn_row(fixture[v]->policy, x, D, label, 1.0);
        }
        /* On every prefix. */
        best = loss[1];
        for (int v = 2; v < count; v++)
            best = fmin(best, loss[v]);
        ck_assert_double_le(loss[0], best + 2.0 * log(count - 1) + 1e-9);
    }
    /* And the one that fits is found: the product's world needs products. */
    if (_i % 3 == 1)
        ck_assert_double_lt(loss[0], 0.6 * loss[2]);
    for (int v = 0; v < count; v++)
        free(fixture[v]->policy);
}
END_TEST

START_TEST(needs_something_simpler)
{
    struct keyvalue values[] = {
            {bytes_of_text("oracle"), bytes_of_text("blend"), 0, false},
            {bytes_of_text("lambda"), bytes_of_text("2"), 0, false}};
    struct value_range range = {0.0, 1.0, false, false};
    struct shape shape = {.shared_dense = D, .predict = true};
    struct policy_spec spec;

    ck_assert_int_eq(policy_spec_parse(&spec, &shape, &range, values, 2, &arena,
                             NULL, &err),
            STATUS_INVALID);
    ck_assert_str_eq(err.text,
            "blend: ridge as it is set has no simpler "
            "variant");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("blend");
    TCase *cases = tcase_create("blend");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, close_to_the_best_model, 0, 6);
    tcase_add_test(cases, needs_something_simpler);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
