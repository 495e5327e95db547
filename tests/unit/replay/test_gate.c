/* The gate's claims (payments.md, 3.3; ope.md, 5 and 7): the veto is seldom
 * wrong whenever it is looked at, its strict form lets little through, a canary
 * decides half a point in time. Seeds are fixed; shares come with the binomial
 * error of their runs. */
#include "base/rng.h"
#include "policies/pmf.h"
#include "replay/gate.h"
#include "tests/lib/suite.h"

#include <check.h>
#include <math.h>
#include <stdio.h>

#define ACTIONS  4u
#define CONTEXTS 5u
#define ROWS     8000u

static struct err err;

static struct gate_options options_with(const char *name, const char *value)
{
    struct gate_options options;
    struct keyvalue values[] = {
            {bytes_of_text(name), bytes_of_text(value), 0, false}};

    ck_assert_int_eq(options_parse(&gate_option_table, values,
                             *name == '\0' ? 0 : 1, &options, &err),
            0);
    return options;
}

/* ---- logs of a small world ---- */

/* The champion explores with floor .05, the log's policy with .2; the
 * challenger prefers another action
 * in each context, worse by `loss` on average or equal. The log's policy learns
 * as it goes: it prefers what did well so far. */
struct world {
    double mean[CONTEXTS][ACTIONS];
    double champion[CONTEXTS][ACTIONS], challenger[CONTEXTS][ACTIONS];
};

static void prefer(double *pmf, uint32_t action)
{
    for (uint32_t a = 0; a < ACTIONS; a++)
        pmf[a] = .0125 + (a == action ? .95 : 0);
}

static void make_world(struct world *world, struct rng *rng, double loss)
{
    for (uint32_t x = 0; x < CONTEXTS; x++) {
        uint32_t best = rng_below(rng, ACTIONS);
        uint32_t other = (best + 1 + rng_below(rng, ACTIONS - 1)) % ACTIONS;
        for (uint32_t a = 0; a < ACTIONS; a++)
            world->mean[x][a] = .75 + .1 * rng_unit(rng);
        /* The difference of the two policies is .95 of that of the actions. */
        world->mean[x][other] = world->mean[x][best] - loss / .95;
        prefer(world->champion[x], best);
        prefer(world->challenger[x], other);
    }
}

struct history {
    double count[CONTEXTS][ACTIONS], sum[CONTEXTS][ACTIONS];
};

/* Floor .2 on what has the best running mean; and the means as the model. */
static void logged_policy(
        const struct history *history, uint32_t x, double *pmf, double *model)
{
    uint32_t best = 0;

    for (uint32_t a = 0; a < ACTIONS; a++) {
        model[a] = (history->sum[x][a] + .8) / (history->count[x][a] + 1);
        if (model[a] > model[best])
            best = a;
    }
    for (uint32_t a = 0; a < ACTIONS; a++)
        pmf[a] = .05 + (a == best ? .8 : 0);
}

/* Plays `rows` rows; `looked` is called after every 50th. */
struct looked {
    bool blocked, passed; /* at any look */
};

static struct looked play_veto(const struct gate_options *options, uint32_t k,
        double loss, uint32_t rows, uint64_t seed)
{
    struct rng rng = rng_keyed(seed, k, RNG_TEST);
    struct gate_veto veto = gate_veto_begin(options, k, rows);
    struct looked looked = {false, false};
    struct history history = {0};
    struct world world;

    make_world(&world, &rng, loss);
    for (uint32_t i = 1; i <= rows; i++) {
        uint32_t x = rng_below(&rng, CONTEXTS);
        double pmf[ACTIONS], model[ACTIONS], place = rng_unit(&rng);
        struct ope_event event = {.count = ACTIONS,
                .target = world.challenger[x],
                .logged = pmf,
                .model = model};
        logged_policy(&history, x, pmf, model);
        while (event.chosen + 1 < ACTIONS && place >= pmf[event.chosen])
            place -= pmf[event.chosen++];
        event.reward = rng_unit(&rng) < world.mean[x][event.chosen];
        gate_veto_add(&veto, &event, world.champion[x]);
        history.count[x][event.chosen] += 1;
        history.sum[x][event.chosen] += event.reward;
        if (i % 50 == 0) {
            enum gate_verdict verdict = gate_veto_report(&veto).verdict;
            looked.blocked = looked.blocked || verdict == GATE_BLOCK;
            looked.passed = looked.passed || verdict == GATE_PASS;
        }
    }
    return looked;
}

/* 1,000 logs, a candidate that is exactly as good: blocked at any look in at
 * most alpha of them (and 2 binomial errors of it). */
START_TEST(the_veto_seldom_blocks_what_is_not_worse)
{
    struct gate_options options = options_with("", "");
    double alpha = gate_alpha(options.alpha, 1);
    uint32_t blocked = 0;

    for (uint64_t seed = 0; seed < 1000; seed++)
        blocked += play_veto(&options, 1, 0.0, ROWS, seed).blocked;
    ck_assert_double_le(
            blocked / 1000.0, alpha + 2 * sqrt(alpha * (1 - alpha) / 1000));
    printf("veto: %u of 1000 equal candidates blocked, alpha %.3f\n", blocked,
            alpha);
}
END_TEST

/* It does block what is much worse. */
START_TEST(the_veto_blocks_what_is_worse)
{
    struct gate_options options = options_with("", "");
    uint32_t blocked = 0;

    for (uint64_t seed = 0; seed < 100; seed++)
        blocked += play_veto(&options, 1, 0.15, ROWS, seed).blocked;
    ck_assert_uint_ge(blocked, 90);
    printf("veto: %u of 100 candidates blocked that are worse by 15 points\n",
            blocked);
}
END_TEST

/* 1,000 logs, worse by exactly the margin of half a point: passed at any look
 * in at most alpha of them. */
START_TEST(the_strict_veto_lets_little_through)
{
    struct gate_options options = options_with("margin", "0.005");
    double alpha = gate_alpha(options.alpha, 1);
    uint32_t passed = 0;

    options.strict = true;
    for (uint64_t seed = 0; seed < 1000; seed++)
        passed += play_veto(&options, 1, 0.005, ROWS, seed + 5000).passed;
    ck_assert_double_le(
            passed / 1000.0, alpha + 2 * sqrt(alpha * (1 - alpha) / 1000));
    printf("strict veto: %u of 1000 candidates passed that are worse by half a "
           "point\n",
            passed);
}
END_TEST

/* And what is much better does pass. */
START_TEST(the_strict_veto_passes_what_is_better)
{
    struct gate_options options = options_with("strict", "true");
    uint32_t passed = 0;

    for (uint64_t seed = 0; seed < 100; seed++)
        passed += play_veto(&options, 1, -0.15, ROWS, seed + 9000).passed;
    ck_assert_uint_ge(passed, 80);
    printf("strict veto: %u of 100 candidates passed that are better by 15 "
           "points\n",
            passed);
}
END_TEST

START_TEST(the_veto_refuses_what_the_log_cannot_show)
{
    struct gate_options options = options_with("", "");
    struct gate_veto veto = gate_veto_begin(&options, 1, 1000);
    static const double logged[2] = {1, 0}, target[2] = {.5, .5};

    for (int i = 0; i < 1000; i++) {
        struct ope_event event = {
                .count = 2, .target = target, .logged = logged, .reward = 1};
        gate_veto_add(&veto, &event, logged);
    }
    ck_assert_int_eq(gate_veto_report(&veto).verdict, GATE_UNSUPPORTED);
}
END_TEST

/* ---- canaries ---- */

static const struct gate_canary_rules canary_rules = {.alpha = 0.05,
        .margin = 0.001,
        .planned = 40000,
        .least = 2000,
        .most = 150000};

struct decided {
    double events;
    enum gate_verdict verdict;
};

/* Two policies over routes approved with 82 to 99 %, floor 2 %, that differ by
 * `gain` in value and share `split` of the events; predictions as good as a
 * model's. */
static struct decided play_canary(const struct gate_canary_rules *rules,
        uint32_t k, double gain, double split, uint64_t seed)
{
    struct rng rng = rng_keyed(seed, k, RNG_TEST);
    struct gate_canary canary = {.events = 0.0};
    struct gate_report report = {.verdict = GATE_WAIT};
    double reach = split / 0.98;

    while (report.verdict == GATE_WAIT) {
        double p[2] = {.82 + .17 * rng_unit(&rng), 0}, pmf[2];
        bool differ = rng_unit(&rng) < reach;
        double champion[2] = {.99, .01}, challenger[2] = {.99, .01};
        enum pmf_side side;
        double reward, guess, term = 0.0;
        uint32_t chosen;
        p[1] = p[0];
        if (differ) {
            challenger[0] = .01;
            challenger[1] = .99;
            p[1] = fmin(fmax(p[0] + gain / split, 0.0), 1.0);
        }
        chosen = pmf_couple(champion, challenger, 2, 0.5, &rng, pmf, &side);
        guess = (p[0] + p[1]) / 2 + .05 * rng_normal(&rng);
        reward = rng_unit(&rng) < p[chosen];
        if (side != PMF_COMMON)
            term = (side == PMF_SECOND ? 2.0 : -2.0) * (reward - guess);
        gate_canary_add(&canary, term);
        if (fmod(canary.events, 100.0) == 0.0)
            report = gate_canary_report(rules, k, &canary);
    }
    return (struct decided){canary.events, report.verdict};
}

/* Half a point, better or worse, split .2 and .54, at an alpha of 0.05 for this
 * one canary: decided within 75,000 payments on average. */
START_TEST(canaries_decide_half_a_point)
{
    static const double gains[] = {.005, -.005}, splits[] = {.2, .54};
    struct gate_canary_rules rules = canary_rules;
    double gain = gains[_i % 2], split = splits[_i / 2], events = 0.0;
    double squares = 0.0;
    uint32_t right = 0;
    enum { RUNS = 100 };

    rules.most = 1e6;
    rules.alpha *= M_PI * M_PI / 6.0;
    for (uint64_t seed = 0; seed < RUNS; seed++) {
        struct decided got = play_canary(&rules, 1, gain, split, seed);
        events += got.events / RUNS;
        squares += got.events * got.events / RUNS;
        right += got.verdict == (gain > 0 ? GATE_PASS : GATE_BLOCK);
    }
    ck_assert_double_lt(events, 75000);
    ck_assert_uint_ge(right, RUNS * 95 / 100);
    printf("canary: %+.1f points at distance %.2f: %.0f (se %.0f) events, %u "
           "of %u right\n",
            100 * gain, split, events, sqrt((squares - events * events) / RUNS),
            right, (unsigned)RUNS);
}
END_TEST

/* Worse by exactly the margin: promoted in at most alpha of the runs. */
START_TEST(canaries_seldom_promote_what_is_worse)
{
    struct gate_canary_rules rules = canary_rules;
    double alpha = gate_alpha(rules.alpha, 1);
    uint32_t promoted = 0;

    rules.most = 60000;
    for (uint64_t seed = 0; seed < 200; seed++)
        promoted += play_canary(&rules, 1, -.001, .2, seed + 700).verdict ==
                GATE_PASS;
    ck_assert_double_le(
            promoted / 200.0, alpha + 2 * sqrt(alpha * (1 - alpha) / 200));
    printf("canary: %u of 200 promoted that are worse by the margin\n",
            promoted);
}
END_TEST

/* ---- what follows ---- */

START_TEST(alpha_is_spent_within_its_sum)
{
    double sum = 0.0;

    for (uint32_t k = 1; k < 100000; k++)
        sum += gate_alpha(0.05, k);
    ck_assert_double_le(sum, 0.05);
    ck_assert_double_eq_tol(sum, 0.05, 1e-5);
    ck_assert_double_eq_tol(gate_alpha(0.05, 1), 0.0303963550927, 1e-12);
}
END_TEST

START_TEST(refusals_in_a_row_lead_to_mixing)
{
    struct gate_options options = options_with("", "");
    uint64_t refused = 0;

    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(
                gate_after_veto(&options, GATE_BLOCK, &refused), GATE_KEEP);
    ck_assert(gate_mixes(&options, refused));
    ck_assert_int_eq(
            gate_after_veto(&options, GATE_UNSUPPORTED, &refused), GATE_MIX);
    ck_assert_uint_eq(refused, 3);
    ck_assert_int_eq(
            gate_after_veto(&options, GATE_PASS, &refused), GATE_PROMOTE);
    ck_assert_uint_eq(refused, 0);
    options.mixing = 0.0;
    ck_assert(!gate_mixes(&options, 100));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gate");
    TCase *tests = tcase_create("gate");

    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, the_veto_seldom_blocks_what_is_not_worse);
    tcase_add_test(tests, the_veto_blocks_what_is_worse);
    tcase_add_test(tests, the_strict_veto_lets_little_through);
    tcase_add_test(tests, the_strict_veto_passes_what_is_better);
    tcase_add_test(tests, the_veto_refuses_what_the_log_cannot_show);
    tcase_add_loop_test(tests, canaries_decide_half_a_point, 0, 4);
    tcase_add_test(tests, canaries_seldom_promote_what_is_worse);
    tcase_add_test(tests, alpha_is_spent_within_its_sum);
    tcase_add_test(tests, refusals_in_a_row_lead_to_mixing);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
