/* The `chebyshev` oracle: the features of relax.md, section 6.1; its fits
 * against the conditions of a constrained minimum and of the smallest norm,
 * from all rows kept; and its gamma against the published formula. */
#include "policies/policy.h"
#include "policies/registry.h"
#include "tests/lib/suite.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

#define ACTIONS  4u
#define FEATURES 6
#define ROWS     400

static struct arena arena;
static struct err err;

struct fixture {
    struct policy_spec spec;
    struct policy *policy;
};

static int parse(struct policy_spec *spec, const char *min, const char *max,
        struct shape shape)
{
    struct value_range range = {0.0, 1.0, true, false};
    struct keyvalue values[3] = {
            {bytes_of_text("oracle"), bytes_of_text("chebyshev"), 0, false},
            {bytes_of_text("min"), bytes_of_text(min), 0, false},
            {bytes_of_text("max"), bytes_of_text(max), 0, false}};

    return policy_spec_parse(
            spec, &shape, &range, values, 3, &arena, NULL, &err);
}

static struct fixture *open_policy(
        const char *min, const char *max, struct shape shape)
{
    struct fixture *fixture = arena_alloc(&arena, sizeof(*fixture));

    ck_assert_msg(parse(&fixture->spec, min, max, shape) == 0, "%s", err.text);
    fixture->policy = policy_init(
            aligned_alloc(
                    64, (policy_footprint(&fixture->spec) + 63) / 64 * 64),
            &fixture->spec);
    return fixture;
}

static void close_policy(struct fixture *fixture)
{
    free(fixture->policy);
}

static const void *oracle_state(const struct fixture *fixture)
{
    const struct policy_spec *spec = &fixture->spec;
    size_t state =
            spec->oracle.oracle->footprint(&spec->oracle, &spec->shape, &err);

    return (const char *)fixture->policy + policy_footprint(spec) -
            (state + 63) / 64 * 64;
}

static const uint32_t slots[ACTIONS] = {0, 1, 2, 3};
static const struct action_set all = {.count = ACTIONS, .slot = slots};
static const struct shape shape = {
        .shared_dense = 1, .slots = ACTIONS, .actions_max = ACTIONS};

static struct context context_of(const double *c)
{
    return (struct context){.shared = {.dense = c, .dense_count = 1}};
}

static void predict(const struct fixture *fixture, double c, double *losses)
{
    struct context context = context_of(&c);

    fixture->spec.oracle.oracle->predict(
            oracle_state(fixture), &context, &all, &arena, losses);
}

static double gamma_of(const struct fixture *fixture)
{
    return fixture->spec.oracle.oracle->gamma(
            oracle_state(fixture), NULL, ACTIONS, &arena);
}

static void learn(
        struct fixture *fixture, double c, uint32_t action, double loss)
{
    static const double pmf[ACTIONS] = {.25, .25, .25, .25};
    struct context context = context_of(&c);
    struct lesson lesson = {
            .context = &context,
            .actions = &all,
            .chosen = action,
            .pmf = pmf,
            .loss = loss,
            .weight = 1.0,
            .propensity = 1.0,
    };

    policy_learn(fixture->policy, &lesson, &arena);
    ck_assert(policy_check(fixture->policy));
}

/* cos(j arccos z), which the recurrence is not. */
static void features_of(double z, double f[FEATURES])
{
    for (int j = 0; j < FEATURES; j++)
        f[j] = cos(j * acos(fmin(fmax(z, -1), 1)));
}

/* An action's theta, from its predictions at six places: the polynomial
 * through them, at the zeros of P_6, where sums of products are orthogonal. */
static void theta_of(const struct fixture *fixture, double min, double max,
        uint32_t action, double theta[FEATURES])
{
    for (int j = 0; j < FEATURES; j++)
        theta[j] = 0;
    for (int k = 0; k < FEATURES; k++) {
        double z = cos(acos(-1.0) * (k + 0.5) / FEATURES);
        double losses[ACTIONS], f[FEATURES];
        predict(fixture, min + (max - min) * (z + 1) / 2, losses);
        features_of(z, f);
        for (int j = 0; j < FEATURES; j++)
            theta[j] += (j == 0 ? 1.0 : 2.0) / FEATURES * losses[action] * f[j];
    }
}

/* One row (f, y) and a free fit: theta = f y/|f|^2, the smallest of all that
 * fit. So predictions show the features of c = 0.1 on [-0.15, 0.65]. */
START_TEST(golden_features)
{
    static const double wanted[FEATURES] = {
            1, -0.375, -0.71875, 0.9140625, 0.033203125, -0.93896484375};
    struct fixture *fixture = open_policy("-0.15", "0.65", shape);
    double theta[FEATURES], square = 0;

    for (int j = 0; j < FEATURES; j++)
        square += wanted[j] * wanted[j];
    learn(fixture, 0.3, 3, 0.0); /* so that bounds are wide enough */
    learn(fixture, 0.1, 1, 0.5);
    theta_of(fixture, -0.15, 0.65, 1, theta);
    for (int j = 0; j < FEATURES; j++)
        ck_assert_double_eq_tol(theta[j], 0.5 * wanted[j] / square, 1e-14);
    theta_of(fixture, -0.15, 0.65, 0, theta);
    for (int j = 0; j < FEATURES; j++)
        ck_assert_double_eq(theta[j], 0.0); /* never drawn */
    close_policy(fixture);
}
END_TEST

/* ---- fits ---- */

struct row {
    double c, loss, predicted, unit;
    uint32_t action;
};

static double unit_of(double largest, double smallest)
{
    double n = 2 + 4 * (largest - smallest) / largest * (1 + log(FEATURES));

    return largest * n;
}

/* The gradient of half the squared error over an action's rows. */
static void gradient_of(const struct row *rows, int count, uint32_t action,
        const double *theta, double *gradient)
{
    for (int j = 0; j < FEATURES; j++)
        gradient[j] = 0;
    for (int i = 0; i < count; i++) {
        double f[FEATURES], error;
        if (rows[i].action != action)
            continue;
        features_of(2 * rows[i].c - 1, f);
        error = -rows[i].loss;
        for (int j = 0; j < FEATURES; j++)
            error += theta[j] * f[j];
        for (int j = 0; j < FEATURES; j++)
            gradient[j] += error * f[j];
    }
}

static double bound_of(int j, double largest, double smallest)
{
    return j == 0 ? largest : 2 * (largest - smallest) / j;
}

/* A fit that meets no bound is a minimum to rounding; the first few do, on
 * their way. For any other, half the squared error is convex, so that no theta
 * within the bounds is better by more than sum |gradient| (way to the bound
 * that it points away from): that is what 500 rounds of descent may leave
 * undone on a flat way. */
#define GRADIENT_TINY 1e-9
#define GAP_TINY      0.05

static void check_minimum(const struct fixture *fixture, const struct row *rows,
        int count, uint32_t action, double largest, double smallest)
{
    double theta[FEATURES], gradient[FEATURES], steepest = 0, gap = 0;
    bool bounded = false;

    theta_of(fixture, 0, 1, action, theta);
    gradient_of(rows, count, action, theta, gradient);
    for (int j = 0; j < FEATURES; j++) {
        double bound = bound_of(j, largest, smallest);
        ck_assert_double_le(fabs(theta[j]), bound + 1e-12);
        bounded = bounded || fabs(theta[j]) > bound - 1e-12;
        steepest = fmax(steepest, fabs(gradient[j]));
        gap += fabs(gradient[j]) *
                fmax(bound + copysign(1.0, gradient[j]) * theta[j], 0);
    }
    ck_assert_double_le(gap, GAP_TINY);
    if (!bounded && count > ROWS / 2)
        ck_assert_double_le(steepest, GRADIENT_TINY * count);
}

static double sum_of_squares(
        const struct row *rows, int count, uint32_t action, const double *theta)
{
    double sum = 0;

    for (int i = 0; i < count; i++) {
        double f[FEATURES], error = -rows[i].loss;
        if (rows[i].action != action)
            continue;
        features_of(2 * rows[i].c - 1, f);
        for (int j = 0; j < FEATURES; j++)
            error += theta[j] * f[j];
        sum += error * error;
    }
    return sum;
}

/* Section 2.3's eta, for gaps in losses: over K N. `residual` where a bound was
 * met is that of the action fitted last, which is `action`. */
static double published_gamma(const struct row *rows, int count, double largest,
        double smallest, double residual)
{
    double unit = unit_of(largest, smallest);
    double pi = acos(-1.0), errors = 0, alpha;

    alpha = (pi + 2 / pi * log(2 * FEATURES + 1)) * (largest - smallest) /
            (2 * unit * (FEATURES + 1));
    for (int i = 0; i < count; i++)
        errors +=
                pow(rows[i].predicted / rows[i].unit - rows[i].loss / unit, 2);
    return 2.0 * count *
            sqrt(ACTIONS * (double)count /
                    fmax(errors - residual / unit / unit +
                                    2 * alpha * alpha * count,
                            1e-12)) /
            unit;
}

/* Smooth losses with noise; hard = a bend that bounds do not let it follow. */
static double draw_loss(struct rng *rng, uint32_t action, double c, bool hard)
{
    double smooth = 0.3 + 0.1 * action + 0.2 * c * (c - 0.3 * action);

    if (hard)
        return (c > 0.45 + 0.05 * action) == (action % 2 == 0) ? 0.9 : 0.05;
    return smooth + 0.02 * rng_unit(rng);
}

START_TEST(fits_are_minima)
{
    bool hard = _i % 2 == 1;
    struct fixture *fixture = open_policy("0", "1", shape);
    struct rng rng = rng_keyed(1, (uint64_t)_i, RNG_TEST);
    static struct row rows[ROWS];
    double largest = 0, smallest = 1;

    for (int i = 0; i < ROWS; i++) {
        struct row *row = &rows[i];
        double losses[ACTIONS], theta[FEATURES], bounded = 0;
        row->action = rng_below(&rng, ACTIONS);
        row->c = rng_unit(&rng);
        row->loss = draw_loss(&rng, row->action, row->c, hard);
        predict(fixture, row->c, losses);
        row->predicted = losses[row->action];
        row->unit = i == 0 ? 1 : unit_of(largest, smallest);
        learn(fixture, row->c, row->action, row->loss);
        largest = fmax(largest, row->loss);
        smallest = fmin(smallest, row->loss);
        for (uint32_t a = 0; a < ACTIONS; a++)
            check_minimum(fixture, rows, i + 1, a, largest, smallest);
        if (i < ROWS / 2)
            continue; /* only one action is fitted a lesson by now */
        theta_of(fixture, 0, 1, row->action, theta);
        for (int j = 0; j < FEATURES; j++)
            if (fabs(theta[j]) > bound_of(j, largest, smallest) - 1e-12)
                bounded = sum_of_squares(rows, i + 1, row->action, theta);
        ck_assert_double_eq_tol(gamma_of(fixture) /
                        published_gamma(
                                rows, i + 1, largest, smallest, bounded),
                1.0, 1e-6);
    }
    close_policy(fixture);
}
END_TEST

/* Fewer lessons than features: of all that fit, the theta of smallest norm is
 * the one that is a sum of the rows. */
START_TEST(few_lessons_take_the_smallest_norm)
{
    static const double c[3] = {0.2, 0.5, 0.9}, y[3] = {0.3, 0.4, 0.35};
    struct fixture *fixture = open_policy("0", "1", shape);
    double theta[FEATURES], gram[3][3], f[3][FEATURES], weight[3] = {0};

    learn(fixture, 0.5, 3, 1.0);
    learn(fixture, 0.5, 3, 0.0);
    for (int i = 0; i < 3; i++) {
        learn(fixture, c[i], 0, y[i]);
        features_of(2 * c[i] - 1, f[i]);
    }
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++) {
            gram[i][k] = 0;
            for (int j = 0; j < FEATURES; j++)
                gram[i][k] += f[i][j] * f[k][j];
        }
    for (int round = 0; round < 5000; round++)
        for (int i = 0; i < 3; i++) { /* Gauss-Seidel */
            double rest = y[i];
            for (int k = 0; k < 3; k++)
                rest -= gram[i][k] * weight[k];
            weight[i] += rest / gram[i][i];
        }
    theta_of(fixture, 0, 1, 0, theta);
    for (int j = 0; j < FEATURES; j++) {
        double wanted = 0;
        for (int i = 0; i < 3; i++)
            wanted += weight[i] * f[i][j];
        ck_assert_double_eq_tol(theta[j], wanted, 1e-12);
    }
    close_policy(fixture);
}
END_TEST

/* Outside the declared range the context counts as its end: polynomials
 * explode there. */
START_TEST(contexts_are_clamped)
{
    struct fixture *fixture = open_policy("-2", "3", shape);
    double inside[ACTIONS], outside[ACTIONS];
    struct rng rng = rng_keyed(2, 1, RNG_TEST);

    for (int i = 0; i < 200; i++)
        learn(fixture, 7 * rng_unit(&rng) - 3, rng_below(&rng, ACTIONS),
                rng_unit(&rng));
    predict(fixture, 3, inside);
    predict(fixture, 1e15, outside);
    for (uint32_t a = 0; a < ACTIONS; a++)
        ck_assert_double_eq(inside[a], outside[a]);
    close_policy(fixture);
}
END_TEST

/* All losses equal, or all 0: bounds of 0, no scale, and no division by it. */
START_TEST(constant_losses)
{
    struct fixture *fixture = open_policy("0", "1", shape);
    double loss = _i == 0 ? 0.0 : 0.7, losses[ACTIONS];

    ck_assert_double_eq(gamma_of(fixture), 0.0);
    for (int i = 0; i < 50; i++)
        learn(fixture, i / 50.0, (uint32_t)i % ACTIONS, loss);
    predict(fixture, 0.33, losses);
    for (uint32_t a = 0; a < ACTIONS; a++)
        ck_assert_double_eq_tol(losses[a], loss, 1e-9);
    ck_assert(isfinite(gamma_of(fixture)));
    close_policy(fixture);
}
END_TEST

struct refusal {
    const char *min, *max;
    struct shape shape;
    const char *message;
};

START_TEST(what_it_cannot_do)
{
    static const struct refusal refusals[] = {
            {"1", "1", {.shared_dense = 1, .slots = 2, .actions_max = 2},
                    "chebyshev: min must be less than max"},
            {"0", "1", {.slots = 2, .actions_max = 2},
                    "chebyshev: needs a context column to look at"},
            {"0", "1", {.shared_dense = 1, .action_dense = 1, .actions_max = 2},
                    "chebyshev: needs a catalogue (actions): it has one model "
                    "for each"},
    };
    const struct refusal *one = &refusals[_i];
    struct policy_spec spec;

    ck_assert_int_eq(
            parse(&spec, one->min, one->max, one->shape), STATUS_INVALID);
    ck_assert_str_eq(err.text, one->message);
}
END_TEST

static void setup(void)
{
    size_t size = (size_t)16 << 20;

    arena = arena_over(malloc(size), size);
    ck_assert_msg(registry_check(&err) == 0, "%s", err.text);
}

static void teardown(void)
{
    free(arena.data);
}

int main(void)
{
    Suite *suite = suite_create("chebyshev");
    TCase *cases = tcase_create("chebyshev");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, golden_features);
    tcase_add_loop_test(cases, fits_are_minima, 0, 6);
    tcase_add_test(cases, few_lessons_take_the_smallest_norm);
    tcase_add_test(cases, contexts_are_clamped);
    tcase_add_loop_test(cases, constant_losses, 0, 2);
    tcase_add_loop_test(cases, what_it_cannot_do, 0, 3);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
