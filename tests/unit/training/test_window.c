/* The variance-stopping window: all of a stream that changes, the newest regime
 * and what shows its difference after a jump, the floor where nothing happens.
 * Numbers by hand from the definition in training/window.h. */
#include "training/window.h"

#include "base/rng.h"
#include "tests/lib/suite.h"

#include <stdlib.h>

#define ROWS 64000u

static struct example *list;

static void setup(void)
{
    list = calloc(ROWS, sizeof(*list));
    ck_assert_ptr_nonnull(list);
}

static void teardown(void)
{
    free(list);
}

/* Bernoulli values: `before` until row `change`, then `after`. */
static void fill(uint64_t seed, size_t change, double before, double after)
{
    struct rng rng = rng_keyed(seed, 31, RNG_TEST);

    for (size_t i = 0; i < ROWS; i++)
        list[i].value = rng_unit(&rng) < (i < change ? before : after) ? 1 : 0;
}

START_TEST(nothing_changes)
{
    uint32_t stationary = 0;

    for (uint64_t seed = 0; seed < 200; seed++) {
        struct window window;
        fill(seed, 0, 0.2, 0.2);
        window = window_of(list, ROWS, 3000);
        ck_assert_uint_eq(window.segments, 64);
        stationary += window.stationary;
        if (window.stationary)
            ck_assert_uint_eq(window.rows, 3000);
    }
    /* The limit is three standard deviations of a ratio that leans to the
     * right: at most 2 % are beyond it. */
    ck_assert_uint_ge(stationary, 196);
}
END_TEST

/* A jump 16,000 rows ago: the newest 32,000 rows have a half of each level, the
 * largest variance that there can be. 95 % of the variance of all (a quarter
 * and three quarters: 0.1875 of the squared jump) is there when the older level
 * has a share q with q (1 - q) = 0.95 * 0.1875: q = 0.232, so 16,000/(1 - q) =
 * 20,833, and to the end of a segment 21,000. */
START_TEST(after_a_jump)
{
    double sum = 0.0;

    for (uint64_t seed = 0; seed < 20; seed++) {
        struct window window;
        fill(seed, ROWS - 16000, 0.1, 0.9);
        window = window_of(list, ROWS, 3000);
        ck_assert(!window.stationary);
        ck_assert_uint_ge(window.rows, 18000);
        ck_assert_uint_le(window.rows, 24000);
        sum += (double)window.rows;
    }
    ck_assert_double_eq_tol(sum / 20.0, 21000.0, 1000.0);
}
END_TEST

START_TEST(the_floor_holds)
{
    fill(1, ROWS - 16000, 0.1, 0.9);
    ck_assert_uint_eq(window_of(list, ROWS, 50000).rows, 50000);
    ck_assert_uint_eq(window_of(list, ROWS, 10 * ROWS).rows, ROWS);
}
END_TEST

START_TEST(little_is_kept_whole)
{
    fill(1, 0, 0.5, 0.5);
    ck_assert_uint_eq(window_of(list, 0, 100).rows, 0);
    ck_assert_uint_eq(window_of(list, 1499, 100).rows, 1499);
    ck_assert_uint_eq(window_of(list, 1500, 100).rows, 100);
    ck_assert(window_of(list, 1500, 100).stationary);
}
END_TEST

START_TEST(equal_values)
{
    struct window window;

    for (size_t i = 0; i < ROWS; i++)
        list[i].value = 1.0;
    window = window_of(list, ROWS, 700);
    ck_assert(window.stationary);
    ck_assert_uint_eq(window.rows, 700);
    /* Each level without any variance of its own. */
    for (size_t i = 0; i < ROWS / 2; i++)
        list[i].value = 0.0;
    window = window_of(list, ROWS, 700);
    ck_assert(!window.stationary);
    ck_assert_uint_gt(window.rows, ROWS / 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("window");
    TCase *cases = tcase_create("window");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, nothing_changes);
    tcase_add_test(cases, after_a_jump);
    tcase_add_test(cases, the_floor_holds);
    tcase_add_test(cases, little_is_kept_whole);
    tcase_add_test(cases, equal_values);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
