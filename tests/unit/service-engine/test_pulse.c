/* What is told of a problem to those who look on: its sums against sums made
 * here in the plainest way, and that they are no part of the state. */
#include "service/engine/pulse.h"

#include "base/rng.h"
#include "tests/lib/suite.h"

#include <math.h>
#include <string.h>

#define ACTIONS 3u
#define ROWS    5000u

static const double rates[ACTIONS] = {0.3, 0.5, 0.7};
static const double pmf[ACTIONS] = {0.2, 0.5, 0.3};
static const uint32_t places[ACTIONS] = {2, 0, 1};

static struct pulse *pulse;

static void setup(void)
{
    pulse = pulse_new(ACTIONS, 2, 0.5);
    ck_assert_ptr_nonnull(pulse);
}

static void teardown(void)
{
    free(pulse);
}

static void decide(uint32_t chosen)
{
    struct decision_record record = {.count = ACTIONS,
            .eligible = places,
            .probability = pmf,
            .chosen = chosen};

    pulse_decided(pulse, &record, true);
}

static void learn(uint32_t chosen, double value, double before, uint16_t group)
{
    struct pulse_outcome outcome = {.value = value,
            .before = before,
            .propensity = pmf[chosen],
            .slot = places[chosen],
            .groups = &group,
            .group_count = group < 2 ? 1 : 0,
            .delay = isnan(before) ? 2 * NANOS_PER_SECOND : -1};

    pulse_learned(pulse, &outcome);
}

START_TEST(nothing_yet)
{
    ck_assert(isnan(pulse_mean(pulse, &pulse->all).mean));
    ck_assert(isnan(pulse_mean(pulse, &pulse->all).half));
    ck_assert(isnan(pulse_exploration(pulse)));
    ck_assert(isnan(pulse_least(pulse)));
    ck_assert(isnan(pulse_least_chosen(pulse)));
    ck_assert(isnan(pulse_effective(pulse)));
    ck_assert(isnan(pulse_regret(pulse, false)));
    /* A correction of what was learned before it began. */
    learn(0, 1.0, 0.0, 5);
    ck_assert_uint_eq(pulse->all.rows, 0);
}
END_TEST

/* Mean, interval, the value of each action and the regret, as two passes over
 * the outcomes give them. */
START_TEST(rewards)
{
    static double values[ROWS];
    struct rng rng = rng_keyed(1, 2, RNG_TEST);
    double mean = 0.0, square = 0.0, weights[ACTIONS] = {0};
    double sums[ACTIONS] = {0}, best = 0.0, group = 0.0;
    uint32_t groups = 0;
    struct pulse_mean told;

    for (uint32_t i = 0; i < ROWS; i++) {
        double u = rng_unit(&rng);
        uint32_t chosen = u < 0.2 ? 0 : u < 0.7 ? 1 : 2;
        values[i] = rng_unit(&rng) < rates[chosen] ? 1.0 : 0.25;
        decide(chosen);
        learn(chosen, values[i], NAN, i % 3 == 0 ? 1 : 7);
        weights[places[chosen]] += 1.0 / pmf[chosen];
        sums[places[chosen]] += values[i] / pmf[chosen];
        mean += values[i] / ROWS;
        group += i % 3 == 0 ? values[i] : 0.0;
        groups += i % 3 == 0;
    }
    for (uint32_t i = 0; i < ROWS; i++)
        square += (values[i] - mean) * (values[i] - mean);
    told = pulse_mean(pulse, &pulse->all);
    ck_assert_double_eq_tol(told.mean, mean, 1e-12);
    ck_assert_double_eq_tol(told.half,
            1.959963984540054 * sqrt(square / ROWS / (ROWS - 1.0)), 1e-12);
    for (uint32_t i = 0; i < ACTIONS; i++) {
        ck_assert_double_eq_tol(pulse_action_value(pulse, &pulse->actions[i]),
                sums[i] / weights[i], 1e-12);
        best = fmax(best, sums[i] / weights[i]);
    }
    ck_assert_double_eq_tol(pulse_regret(pulse, false), best - mean, 1e-12);
    ck_assert_uint_eq(pulse->groups[1].rows, groups);
    ck_assert_uint_eq(pulse->groups[0].rows, 0);
    ck_assert_double_eq_tol(
            pulse_mean(pulse, &pulse->groups[1]).mean, group / groups, 1e-12);
    ck_assert_uint_eq(pulse->delays[7], ROWS); /* 1 s to 3 s */
}
END_TEST

/* Of costs the best action is the cheapest. */
START_TEST(costs)
{
    for (uint32_t i = 0; i < 100; i++)
        for (uint32_t k = 0; k < ACTIONS; k++)
            learn(k, 1.0 + k, NAN, 7);
    ck_assert_double_eq_tol(pulse_regret(pulse, true), 2.0 - 1.0, 1e-12);
    ck_assert_double_eq_tol(pulse_regret(pulse, false), 3.0 - 2.0, 1e-12);
}
END_TEST

/* A correction stands in the place of what it corrects. */
START_TEST(corrections)
{
    struct pulse_sums sums;

    for (uint32_t i = 0; i < 40; i++)
        learn(1, 0.75, NAN, 0);
    sums = pulse->all;
    learn(1, 0.25, NAN, 0);
    learn(1, 0.75, 0.25, 0);
    ck_assert_uint_eq(pulse->all.rows, sums.rows + 1);
    ck_assert_double_eq_tol(pulse_mean(pulse, &pulse->all).mean, 0.75, 1e-12);
    ck_assert_double_eq_tol(
            pulse_mean(pulse, &pulse->groups[0]).mean, 0.75, 1e-12);
    ck_assert_double_eq_tol(
            pulse_action_value(pulse, &pulse->actions[0]), 0.75, 1e-12);
    ck_assert_double_eq_tol(pulse_mean(pulse, &pulse->all).half, 0.0, 1e-7);
    ck_assert_uint_eq(pulse->delays[7], 41);
}
END_TEST

START_TEST(exploration)
{
    for (uint32_t i = 0; i < 10; i++)
        decide(1);
    ck_assert_double_eq(pulse_exploration(pulse), 0.5);
    ck_assert_double_eq(pulse_least(pulse), 0.2);
    ck_assert_double_eq(pulse_least_chosen(pulse), 0.5);
    ck_assert_double_eq_tol(pulse_effective(pulse), 1.0, 1e-12);
    decide(0);
    ck_assert_double_eq(pulse_least_chosen(pulse), 0.2);
    /* Weights 2/3, ten times, and 5/3. */
    ck_assert_double_eq_tol(pulse_effective(pulse),
            (20.0 / 3 + 5.0 / 3) * (20.0 / 3 + 5.0 / 3) /
                    (11.0 * (40.0 / 9 + 25.0 / 9)),
            1e-12);
    ck_assert_double_eq_tol(pulse->actions[2].offered, 11 * 0.2, 1e-12);
    ck_assert_uint_eq(pulse->actions[2].chosen, 1);
    ck_assert_uint_eq(pulse->actions[0].chosen, 10);
    /* What was seldom is forgotten, two windows later. */
    for (uint32_t i = 0; i < 2 * PULSE_WINDOW; i++)
        decide(1);
    ck_assert_double_eq(pulse_least_chosen(pulse), 0.5);
}
END_TEST

/* More actions and groups than are looked at, and records of other forms. */
START_TEST(limits)
{
    struct decision_record number = {.count = 0};
    struct decision_record path = {.count = 2, .eligible = places};
    struct decision_record wide = {
            .count = 1, .eligible = &(uint32_t){900}, .probability = &pmf[1]};

    free(pulse);
    pulse = pulse_new(1000, 1000, 0.0);
    ck_assert_uint_eq(pulse->action_count, PULSE_ACTIONS);
    ck_assert_uint_eq(pulse->group_count, PULSE_GROUPS);
    pulse_decided(pulse, &number, true);
    pulse_decided(pulse, &path, true);
    ck_assert_uint_eq(pulse->decided, 0);
    pulse_decided(pulse, &wide, true);
    ck_assert_uint_eq(pulse->decided, 1);
    learn(0, 1.0, NAN, 900);
    ck_assert_uint_eq(pulse->all.rows, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pulse");
    TCase *cases = tcase_create("pulse");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, nothing_yet);
    tcase_add_test(cases, rewards);
    tcase_add_test(cases, costs);
    tcase_add_test(cases, corrections);
    tcase_add_test(cases, exploration);
    tcase_add_test(cases, limits);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
