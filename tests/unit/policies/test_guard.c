/* The guard: what it promises holds whatever the policy does and whatever
 * actions cost; the settled case; bytes. */
#include "policies/guard.h"

#include "base/rng.h"
#include "policies/pmf.h"
#include "tests/lib/suite.h"

#include "base/check.h"

#include <math.h>
#include <string.h>

#define ROUNDS 500u

static struct err err;

static struct guard_spec spec_of(double loss, double worst)
{
    return (struct guard_spec){.on = true,
            .slot = 2,
            .loss = loss,
            .worst = worst,
            .gain = 0.01,
            .columns = 1,
            .range = {1.0, 10000.0, true, true}};
}

/* A sequence of events: what the default costs depends on the context, and
 * noise comes on top. */
struct world {
    struct rng rng;
    double context;
    double cost; /* of the default, this time */
};

static void next_event(struct world *world, int kind)
{
    double slope = kind % 2 == 0 ? 3.0 : 0.0;

    world->context = rng_unit(&world->rng);
    world->cost = 20.0 * exp(slope * world->context) *
            (1.0 + 0.05 * rng_normal(&world->rng));
}

/* A policy that always takes the worst action there is: it costs all of its
 * limit, and then the default has to run as well. The hardest case that the
 * limit allows. */
static double play_reckless(
        struct guard *guard, struct world *world, int kind, double *alone)
{
    double spent = 0.0;

    *alone = 0.0;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct context context = {
                .shared = {.dense = &world->context, .dense_count = 1}};
        struct guard_view view;
        double cost;
        bool trial;
        next_event(world, kind);
        view = guard_look(guard, &context);
        trial = view.reason == GUARD_FREE;
        ck_assert(trial == (view.limit > 0.0));
        guard_decided(guard, view.limit);
        cost = trial ? view.limit + world->cost : world->cost;
        guard_learn(guard, &context, !trial, cost, view.limit, (double)NAN);
        spent += cost;
        *alone += world->cost;
    }
    ck_assert_double_eq_tol(guard->spent, spent, 1e-6 * spent);
    ck_assert_double_eq_tol(guard->reserved, 0.0, 1e-6 * spent);
    return spent;
}

START_TEST(a_reckless_policy_stays_within_the_loss)
{
    static const double losses[] = {0.01, 0.05, 0.3};
    double loss = losses[_i % 3], alone;
    struct guard_spec spec = spec_of(loss, 1.0 + _i % 4);
    double trials = 0.0;

    for (uint32_t seed = 0; seed < 40; seed++) {
        struct world world = {.rng = rng_keyed(seed, (uint64_t)_i, RNG_TEST)};
        struct guard guard;
        double spent;
        guard_init(&guard, &spec);
        spent = play_reckless(&guard, &world, _i, &alone);
        ck_assert_msg(spent <= (1.0 + loss) * alone, "seed %u: %g of %g", seed,
                spent, alone);
        trials += spent > alone;
    }
    if (loss >= 0.05)
        ck_assert_double_gt(trials, 0.0); /* it does not forbid everything */
}
END_TEST

/* One that is better is never stopped once it has paid for itself. */
START_TEST(a_good_policy_is_let_go_on)
{
    struct guard_spec spec = spec_of(0.05, 2.0);
    struct world world = {.rng = rng_keyed(1, 0, RNG_TEST)};
    struct guard guard;
    uint32_t stopped = 0, last = 0;

    guard_init(&guard, &spec);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct context context = {
                .shared = {.dense = &world.context, .dense_count = 1}};
        struct guard_view view;
        bool trial;
        next_event(&world, 0);
        view = guard_look(&guard, &context);
        trial = view.reason == GUARD_FREE;
        if (!trial) {
            stopped++;
            last = i;
        }
        guard_decided(&guard, view.limit);
        guard_learn(&guard, &context, !trial,
                trial ? 0.3 * world.cost : world.cost, view.limit, (double)NAN);
    }
    ck_assert_uint_le(stopped, 120);
    ck_assert_uint_lt(last, 200);
    ck_assert_double_lt(guard.spent, guard.allowed);
}
END_TEST

/* Trials that are under way count in full: with none of them reported there
 * are as many as the credit is for, and not one more. */
START_TEST(trials_under_way_are_reserved)
{
    struct guard_spec spec = spec_of(0.05, 1.0);
    struct guard guard;
    double context_value = 0.5, limits = 0.0;
    struct context context = {
            .shared = {.dense = &context_value, .dense_count = 1}};

    guard_init(&guard, &spec);
    for (int i = 0; i < 200; i++)
        guard_learn(&guard, &context, true, 10.0, 0.0, (double)NAN);
    for (int i = 0; i < 1000; i++) {
        struct guard_view view = guard_look(&guard, &context);
        guard_decided(&guard, view.limit);
        limits += view.limit;
    }
    ck_assert_double_gt(limits, 80.0);
    ck_assert_double_le(limits, 0.05 * 2000.0 + 1e-9);
    ck_assert_double_eq_tol(guard.reserved, limits, 1e-9);
}
END_TEST

/* ---- narrowing ---- */

/* Log costs over 1..10000: a loss of 0.01 is 9.65 %. The default is index 1. */
START_TEST(what_cannot_be_better_is_not_tried)
{
    struct guard_spec spec = spec_of(0.05, 2.0);
    struct guard guard;
    double context_value = 0.0;
    struct context context = {
            .shared = {.dense = &context_value, .dense_count = 1}};
    const double scores[] = {0.60, 0.59, 0.58, 0.60};
    const double widths[] = {0.1, 0.1, 0.1, 30.0};
    double pmf[] = {0.4, 0.3, 0.2, 0.1};
    const double sure[] = {0.58, 0.59, 0.58, 0.5};
    double few[] = {0.4, 0.3, 0.2, 0.1};

    guard_init(&guard, &spec);
    for (int i = 0; i < 2000; i++)
        guard_learn(
                &guard, &context, true, 40.0, 0.0, i % 2 == 0 ? 0.01 : -0.01);
    ck_assert(!guard_narrow(&guard, scores, widths, 1, 4, pmf));
    ck_assert_double_eq(pmf[0], 0.4); /* looks better */
    ck_assert_double_eq(pmf[2], 0.0); /* worse, surely */
    ck_assert_double_eq(pmf[3], 0.1); /* may be anything */
    ck_assert_double_eq_tol(pmf[1], 0.5, 1e-15);
    ck_assert(pmf_valid(pmf, 4));
    ck_assert(guard_narrow(&guard, sure, widths, 1, 3, few));
    ck_assert_double_eq(few[1], 1.0);

    /* Predictions that fail open it again. */
    few[0] = 0.5;
    few[1] = 0.25;
    few[2] = 0.25;
    for (int i = 0; i < 60; i++)
        guard_learn(&guard, &context, true, 80.0, 0.0, 0.3);
    ck_assert(!guard_narrow(&guard, sure, widths, 1, 3, few));
    ck_assert_double_eq(few[0], 0.5);
}
END_TEST

/* Opened from outside, nothing is ruled out until so many trials have told how
 * it is now; the default's own outcomes do not count. */
START_TEST(reopened_it_tries_again)
{
    struct guard_spec spec = spec_of(0.05, 2.0);
    struct guard guard;
    double context_value = 0.0;
    struct context context = {
            .shared = {.dense = &context_value, .dense_count = 1}};
    const double scores[] = {0.58, 0.59, 0.58};
    const double widths[] = {0.1, 0.1, 0.1};

    guard_init(&guard, &spec);
    for (int i = 0; i < 2000; i++)
        guard_learn(
                &guard, &context, true, 40.0, 0.0, i % 2 == 0 ? 0.01 : -0.01);
    guard_reopen(&guard);
    for (uint32_t i = 0; i < GUARD_RETRIES; i++) {
        double pmf[] = {0.4, 0.4, 0.2};
        ck_assert(!guard_narrow(&guard, scores, widths, 1, 3, pmf));
        ck_assert_double_eq(pmf[0], 0.4);
        ck_assert_double_eq(pmf[2], 0.2);
        guard_learn(&guard, &context, true, 40.0, 0.0, 0.01);
        guard_learn(&guard, &context, false, 40.0, 0.0, 0.01);
    }
    ck_assert(guard_narrow(
            &guard, scores, widths, 1, 3, (double[3]){0.4, 0.4, 0.2}));
}
END_TEST

/* Rewards: the cost is what is missing to the largest. */
START_TEST(rewards_have_costs_too)
{
    struct guard_spec spec = {.on = true,
            .loss = 0.1,
            .worst = 2.0,
            .range = {0.0, 5.0, false, false}};
    struct guard guard;
    struct context context = {.shared = {.dense_count = 0}};

    guard_init(&guard, &spec);
    for (int i = 0; i < 10; i++)
        guard_learn(&guard, &context, true, 4.0, 0.0, (double)NAN);
    ck_assert_double_eq_tol(guard.spent, 10.0, 1e-12);
    ck_assert_double_eq(guard_value(&spec, 1.0), 4.0);
    guard_correct(&guard, true, 4.0, 3.0);
    ck_assert_double_eq_tol(guard.spent, 11.0, 1e-12);
    ck_assert_double_eq_tol(guard.allowed, 11.0, 1e-12);
    guard_correct(&guard, false, 3.0, 4.0);
    ck_assert_double_eq_tol(guard.spent, 10.0, 1e-12);
    ck_assert_double_eq_tol(guard.allowed, 11.0, 1e-12);
}
END_TEST

/* ---- bytes ---- */

static size_t save(const struct guard *guard, uint8_t *bytes, size_t size)
{
    struct writer writer = writer_over(bytes, size);

    guard_save(guard, &writer);
    ck_assert(!writer.failed);
    return writer.size;
}

START_TEST(bytes_come_back_and_damage_is_found)
{
    static uint8_t bytes[4096], again[4096];
    struct guard_spec spec = spec_of(0.05, 2.0);
    struct world world = {.rng = rng_keyed(9, 0, RNG_TEST)};
    struct guard guard, loaded;
    struct reader reader;
    double alone;
    size_t size;

    guard_init(&guard, &spec);
    (void)play_reckless(&guard, &world, 0, &alone);
    size = save(&guard, bytes, sizeof(bytes));
    guard_init(&loaded, &spec);
    reader = reader_of(bytes_of(bytes, size));
    ck_assert_int_eq(guard_load(&loaded, &reader, &err), 0);
    ck_assert_uint_eq(save(&loaded, again, sizeof(again)), size);
    ck_assert_int_eq(memcmp(bytes, again, size), 0);
    for (size_t cut = 0; cut < size; cut += 3) {
        reader = reader_of(bytes_of(bytes, cut));
        guard_init(&loaded, &spec);
        ck_assert_int_eq(guard_load(&loaded, &reader, &err), STATUS_CORRUPT);
    }
    for (size_t at = 0; at + 8 <= size; at += at >= 40 && at < 52 ? 4 : 8) {
        uint8_t before[8];
        memcpy(before, bytes + at, 8);
        memset(bytes + at, 0xff, 8); /* a NaN, or too many */
        reader = reader_of(bytes_of(bytes, size));
        guard_init(&loaded, &spec);
        ck_assert_int_eq(guard_load(&loaded, &reader, &err), STATUS_CORRUPT);
        memcpy(bytes + at, before, 8);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("guard");
    TCase *tests = tcase_create("guard");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, a_reckless_policy_stays_within_the_loss, 0, 12);
    tcase_add_test(tests, a_good_policy_is_let_go_on);
    tcase_add_test(tests, trials_under_way_are_reserved);
    tcase_add_test(tests, what_cannot_be_better_is_not_tried);
    tcase_add_test(tests, reopened_it_tries_again);
    tcase_add_test(tests, rewards_have_costs_too);
    tcase_add_test(tests, bytes_come_back_and_damage_is_found);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
