/* Numbers of independent implementations: bandits.md section 5, relax.md
 * section 6.1, groupwise.md sections 2 and 10. The tolerance of each is the
 * number of digits printed there. Explorers are in test_explorers.c. */
#include "policies/linalg.h"
#include "policies/policy.h"
#include "policies/registry.h"
#include "policies/sleeping.h"
#include "tests/lib/suite.h"
#include "tests/unit/policies/fixture.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

#define DIGITS_12 1e-11
#define DIGITS_10 1e-9

/* ---- ridge ---- */

struct ridge_case {
    const char *forgetting;
    double score; /* at (1, 1) */
    double t1, t2;
    double p11, p12, p22;
};

static const struct ridge_case ridge_cases[] = {
        {"1", .789473684211, .473684210526, .315789473684, .228070175439,
                -.070175438596, .175438596491},
        {"0.9", .506859751168 + .325610211956, .506859751168, .325610211956,
                .257202644114, -.082396823967, .212650873016},
};

START_TEST(ridge_rows)
{
    const struct ridge_case *one = &ridge_cases[_i];
    const char *const settings[][2] = {{"oracle", "ridge"},
            {"intercept", "false"}, {"scale", "false"},
            {"forgetting", one->forgetting}};
    struct shape shape = {.shared_dense = 2, .actions_max = 1, .predict = true};
    struct fixture *fixture = open_policy(settings, 4, shape);
    static const double a[2] = {1, 2}, b[2] = {1, -1}, c[2] = {1, 0.5};
    static const double probes[3][2] = {{1, 1}, {1, 0}, {0, 1}};
    const double wanted[3] = {one->score, one->t1, one->t2};
    const double widths[3] = {sqrt(one->p11 + 2 * one->p12 + one->p22),
            sqrt(one->p11), sqrt(one->p22)};

    learn_row(fixture->policy, a, 2, 1.0, 1.0);
    learn_row(fixture->policy, b, 2, 0.0, 1.0);
    learn_row(fixture->policy, c, 2, 1.0, 2.0);
    for (int i = 0; i < 3; i++) {
        struct context context = {
                .shared = {.dense = probes[i], .dense_count = 2}};
        struct action_set actions = {.count = 1};
        double value, width;
        ck_assert_int_eq(policy_predict(fixture->policy, &context, 1, 1, &arena,
                                 &value, &err),
                0);
        ck_assert_double_eq_tol(value, wanted[i], DIGITS_12);
        fixture->spec.oracle.oracle->spread(oracle_state(fixture), &context,
                &actions, 1.0, &arena, &width, NULL);
        ck_assert_double_eq_tol(width, widths[i], DIGITS_10);
    }
    free(fixture->policy);
}
END_TEST

/* The whole of recursive least squares against the normal equations, with
 * weights, forgetting and a correction: A theta = b to 1e-12. */
static void solve(double *a, double *b, uint32_t d)
{
    for (uint32_t i = 0; i < d; i++)
        for (uint32_t k = i + 1; k < d; k++) {
            double factor = a[k * d + i] / a[i * d + i];
            for (uint32_t j = i; j < d; j++)
                a[k * d + j] -= factor * a[i * d + j];
            b[k] -= factor * b[i];
        }
    for (uint32_t i = d; i-- > 0;) {
        for (uint32_t j = i + 1; j < d; j++)
            b[i] -= a[i * d + j] * b[j];
        b[i] /= a[i * d + i];
    }
}

#define DIRECT_D    6u
#define DIRECT_ROWS 2000

START_TEST(ridge_equals_the_direct_solution)
{
    double f = _i == 0 ? 1.0 : 0.97;
    const char *const settings[][2] = {{"oracle", "ridge"},
            {"intercept", "false"}, {"forgetting", _i == 0 ? "1" : "0.97"},
            {"lambda", "0.5"}, {"scale", "false"}};
    struct shape shape = {
            .shared_dense = DIRECT_D, .actions_max = 1, .predict = true};
    struct fixture *fixture = open_policy(settings, 5, shape);
    struct rng rng = rng_keyed(5, 5, RNG_TEST);
    double a[DIRECT_D * DIRECT_D] = {0}, b[DIRECT_D] = {0};

    for (uint32_t i = 0; i < DIRECT_D; i++)
        a[i * DIRECT_D + i] = 0.5;
    for (int row = 0; row < DIRECT_ROWS; row++) {
        double x[DIRECT_D], z = rng_unit(&rng), w = 0.5 + rng_unit(&rng);
        for (uint32_t i = 0; i < DIRECT_D; i++)
            x[i] = rng_normal(&rng);
        for (uint32_t i = 0; i < DIRECT_D * DIRECT_D; i++)
            a[i] *= f;
        for (uint32_t i = 0; i < DIRECT_D; i++) {
            b[i] = f * b[i] + w * x[i] * z;
            for (uint32_t j = 0; j < DIRECT_D; j++)
                a[i * DIRECT_D + j] += w * x[i] * x[j];
        }
        learn_row(fixture->policy, x, DIRECT_D, z, w);
    }
    solve(a, b, DIRECT_D);
    for (uint32_t i = 0; i < DIRECT_D; i++) {
        double unit[DIRECT_D] = {0}, value;
        struct context context = {
                .shared = {.dense = unit, .dense_count = DIRECT_D}};
        unit[i] = 1.0;
        ck_assert_int_eq(policy_predict(fixture->policy, &context, 1, 1, &arena,
                                 &value, &err),
                0);
        ck_assert_double_eq_tol(value, b[i], 1e-12);
    }
    free(fixture->policy);
}
END_TEST

/* ---- Tsallis-INF ---- */

struct tsallis_case {
    uint32_t count;
    double losses[20];
    double eta;
    double p[5];
};

/* eta = 2/sqrt(t): the state is set up so that t gives the eta of relax.md. */
START_TEST(tsallis_normaliser)
{
    static const struct tsallis_case cases[] = {
            {4, {0, 0, 0, 0}, 2.0, {.25, .25, .25, .25}},
            {5, {0, 1, 2, 3, 4}, 1.0,
                    {.4190029017, .2391493916, .1544078402, .1078606296,
                            .0795792369}},
            {3, {0, 5, 50}, 0.0632455532033676,
                    {.4913048053, .3981604978, .1105346969}},
            {20, {0}, 0.2, {0}},
    };
    const struct tsallis_case *one = &cases[_i];
    const struct learner *learner =
            registry_learner(bytes_of_text("tsallis-inf"));
    struct shape shape = {.slots = one->count, .actions_max = one->count};
    uint64_t options[8], block[256];
    double state[2 + 40], pmf[20], sum = 0;
    uint8_t bytes[8 + sizeof(state)];
    struct writer writer = writer_over(bytes, sizeof(bytes));
    struct reader reader;
    struct context context = {0};
    uint32_t slots[20];
    struct action_set actions = {.count = one->count, .slot = slots};
    double rounds = 4.0 / (one->eta * one->eta) - 1.0;
    struct rng draws = rng_keyed(1, 1, RNG_TEST);

    ck_assert_int_eq(
            options_parse(&learner->options, NULL, 0, options, &err), 0);
    memset(block, 0, sizeof(block));
    ck_assert_uint_le(learner->footprint(options, &shape, &err), sizeof(block));
    learner->init(block, options, &shape);
    memset(state, 0, sizeof(state));
    /* rounds, and a loss sum that makes the running mean 1. */
    state[0] = rounds;
    state[1] = rounds;
    for (uint32_t i = 0; i < one->count; i++) {
        slots[i] = i;
        state[2 + i] = one->count == 20 ? 100.0 + i : one->losses[i];
    }
    write_u32(&writer, 1);
    write_u32(&writer, one->count);
    write_f64s(&writer, state, 2 + 2 * one->count);
    reader = reader_of(writer_bytes(&writer));
    ck_assert_msg(learner->load(block, &reader, &err) == 0, "%s", err.text);
    learner->decide(block, &context, &actions, &draws, &arena, pmf);
    for (uint32_t i = 0; i < one->count; i++) {
        sum += pmf[i];
        ck_assert_double_gt(pmf[i], 0.0);
        if (one->count < 20)
            ck_assert_double_eq_tol(pmf[i], one->p[i], DIGITS_10);
        else if (i > 0)
            ck_assert_double_lt(pmf[i], pmf[i - 1]);
    }
    ck_assert_double_eq_tol(sum, 1.0, 1e-9);
}
END_TEST

/* ---- sleeping experts ---- */

START_TEST(adanormalhedge_weights)
{
    static const double cases[][3] = {
            {0, 0, 0.19780621254304476},
            {0.5, 2, 0.1420127083438707},
            {-0.5, 3, 0.010525931072553729},
            {3, 10, 0.24753229865932458},
            /* Published as 8.333334022836425e-08, from the form that loses
             * digits here; this is expm1(1e-6/6)/2. */
            {-0.999, 1, 8.3333340277778357e-08},
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        double weight = exp(anh_log_weight(cases[i][0], cases[i][1]));
        ck_assert_double_eq_tol(weight / cases[i][2], 1.0, 1e-11);
    }
    ck_assert(isinf(anh_log_weight(-1.0, 5.0)));
}
END_TEST

START_TEST(adanormalhedge_extremes)
{
    double big[3] = {1e6, 1e6, 0}, p[3];
    double low[3] = {-5, -5, -5}, zero[3] = {5, 5, 5};

    anh_weights(big, big, 3, p);
    ck_assert(isfinite(p[0]) && isfinite(p[2]));
    ck_assert_double_eq_tol(p[0] + p[1] + p[2], 1.0, 1e-12);
    anh_weights(low, zero, 3, p);
    for (int i = 0; i < 3; i++)
        ck_assert_double_eq_tol(p[i], 1.0 / 3.0, 1e-15);
}
END_TEST

/* Section 4's bound on every prefix of random and adversarial sequences. */
START_TEST(adanormalhedge_bound)
{
    enum { EXPERTS = 7 };
    struct rng rng = rng_keyed(9, (uint64_t)_i, RNG_TEST);
    double regret[EXPERTS] = {0}, variation[EXPERTS] = {0};

    for (int t = 1; t <= 3000; t++) {
        double r[EXPERTS], c[EXPERTS], p[EXPERTS], losses[EXPERTS], b = 1.0;
        uint32_t awake[EXPERTS], count = 0, heaviest = 0;
        for (uint32_t g = 0; g < EXPERTS; g++)
            if (g == 0 || _i == 2 || rng_unit(&rng) < 0.4)
                awake[count++] = g;
        for (uint32_t i = 0; i < count; i++) {
            r[i] = regret[awake[i]];
            c[i] = variation[awake[i]];
        }
        anh_weights(r, c, count, p);
        for (uint32_t i = 1; i < count; i++)
            if (p[i] > p[heaviest])
                heaviest = i;
        for (uint32_t i = 0; i < count; i++)
            losses[i] = _i == 0     ? rng_unit(&rng)
                    : i == heaviest ? 1.0
                                    : 0.2 * rng_unit(&rng);
        (void)anh_update(r, c, p, losses, count);
        for (uint32_t i = 0; i < count; i++) {
            regret[awake[i]] = r[i];
            variation[awake[i]] = c[i];
        }
        for (uint32_t g = 0; g < EXPERTS; g++)
            b += 1.5 / EXPERTS * (1.0 + log1p(variation[g]));
        for (uint32_t g = 0; g < EXPERTS; g++)
            ck_assert_double_le(regret[g],
                    sqrt(3.0 * variation[g] * (log((double)EXPERTS) + log(b))) +
                            1e-9);
    }
}
END_TEST

/* Section 8: the specialists' meta regret is at most 2 ln |G|, on every
 * prefix, also with hostile labels. */
START_TEST(specialists_bound)
{
    enum { EXPERTS = 6 };
    struct rng rng = rng_keyed(11, (uint64_t)_i, RNG_TEST);
    double weights[EXPERTS], excess[EXPERTS] = {0};

    for (uint32_t g = 0; g < EXPERTS; g++)
        weights[g] = -log((double)EXPERTS);
    for (int t = 0; t < 3000; t++) {
        double lw[EXPERTS], p[EXPERTS], f[EXPERTS], losses[EXPERTS];
        double mean = 0, y;
        uint32_t awake[EXPERTS], count = 0;
        for (uint32_t g = 0; g < EXPERTS; g++)
            if (g == 0 || rng_unit(&rng) < 0.5)
                awake[count++] = g;
        for (uint32_t i = 0; i < count; i++)
            lw[i] = weights[awake[i]];
        specialists_weights(lw, count, p);
        for (uint32_t i = 0; i < count; i++) {
            f[i] = rng_unit(&rng);
            mean += p[i] * f[i];
        }
        y = _i == 0 ? rng_unit(&rng) : mean > 0.5 ? 0.0 : 1.0;
        for (uint32_t i = 0; i < count; i++)
            losses[i] = (f[i] - y) * (f[i] - y);
        (void)specialists_update(lw, p, losses, count);
        for (uint32_t i = 0; i < count; i++) {
            weights[awake[i]] = lw[i];
            excess[awake[i]] += (mean - y) * (mean - y) - losses[i];
            ck_assert_double_le(
                    excess[awake[i]], 2.0 * log((double)EXPERTS) + 1e-9);
        }
    }
}
END_TEST

/* ---- kernels ---- */

START_TEST(kernels_equal_plain_loops)
{
    struct rng rng = rng_keyed(13, 1, RNG_TEST);

    for (uint32_t d = 1; d <= 40; d++) {
        double x[40], y[40], triangle[820], full[40][40], sum = 0;
        for (uint32_t i = 0; i < d; i++) {
            x[i] = rng_normal(&rng);
            for (uint32_t j = 0; j <= i; j++)
                full[i][j] = full[j][i] = triangle[triangle_count(i) + j] =
                        rng_normal(&rng);
        }
        symmetric_times(triangle, x, y, d);
        for (uint32_t i = 0; i < d; i++) {
            double row = 0;
            for (uint32_t j = 0; j < d; j++)
                row += full[i][j] * x[j];
            ck_assert_double_eq_tol(y[i], row, 1e-12);
            sum += x[i] * y[i];
        }
        ck_assert_double_eq_tol(dot(x, y, d), sum, 1e-11);
        symmetric_rank_one(triangle, 0.5, x, d);
        for (uint32_t i = 0; i < d; i++)
            for (uint32_t j = 0; j <= i; j++)
                ck_assert_double_eq_tol(triangle[triangle_count(i) + j],
                        full[i][j] + 0.5 * x[i] * x[j], 1e-12);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy numbers");
    TCase *cases = tcase_create("golden");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, ridge_rows, 0, (int)ARRAY_COUNT(ridge_cases));
    tcase_add_loop_test(cases, ridge_equals_the_direct_solution, 0, 2);
    tcase_add_loop_test(cases, tsallis_normaliser, 0, 4);
    tcase_add_test(cases, adanormalhedge_weights);
    tcase_add_test(cases, adanormalhedge_extremes);
    tcase_add_loop_test(cases, adanormalhedge_bound, 0, 3);
    tcase_add_loop_test(cases, specialists_bound, 0, 2);
    tcase_add_test(cases, kernels_equal_plain_loops);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
