/* The circuit breaker: the numbers of its statistic, its false alarms against
 * the bound that is proved for them, outages, causes, groups, probes, bytes. */
#include "base/rng.h"
#include "policies/breaker.h"
#include "tests/lib/suite.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Three circuits of two actions each. */
static const uint16_t circuit[6] = {0, 0, 1, 1, 2, 2};
static struct bytes names[3];
static struct breaker_spec spec;
static struct breaker *breaker;
static struct err err;

static void open_breaker(const char *key, const char *value, uint32_t groups)
{
    struct keyvalue values[] = {
            {.key = bytes_of_text("on"), .value = bytes_of_text("true")},
            {.key = bytes_of_text(key), .value = bytes_of_text(value)},
    };

    names[0] = bytes_of_text("a");
    names[1] = bytes_of_text("b");
    names[2] = bytes_of_text("c");
    spec = (struct breaker_spec){.slots = 6,
            .circuit = circuit,
            .circuits = 3,
            .names = names,
            .groups = groups};
    ck_assert_msg(options_parse(&breaker_options, values,
                          key[0] != '\0' ? 2 : 1, &spec.options, &err) == 0,
            "%s", err.text);
    breaker = breaker_init(malloc(breaker_footprint(&spec)), &spec);
}

static void count(uint32_t slot, double expected, bool failed)
{
    struct breaker_outcome outcome = {failed, true, expected};

    breaker_count(breaker, slot, NULL, 0, &outcome);
    if (!breaker_check(breaker)) /* each ck_assert is a write */
        ck_abort_msg("the breaker is damaged");
}

static struct breaker_view view_of(uint32_t index)
{
    struct breaker_view view;

    breaker_view(breaker, index, &view);
    return view;
}

/* ---- the statistic ---- */

/* From another program in another language, straight from payments.md, with
 * its rate and its least probability. */
static const struct {
    double expected;
    bool failed;
    double evidence, bias;
} numbers[] = {
        {.1, false, 0, -0.002},
        {.2, true, 1.17768244478687, 0.0140063961601718},
        {.1, true, 2.67872411446954, 0.0319810430191069},
        {.05, true, 4.39407216579722, 0.0509502200677436},
        {.6, true, 4.96029133531419, 0.0587069510955742},
        {.01, true, 6.78493423836162, 0.0784949863733771},
        {.1, false, 6.26288394700154, 0.076349192617226},
};

START_TEST(the_statistic_has_its_numbers)
{
    open_breaker("expected", "model", 0);
    spec.options.bias_rate = 0.02;
    spec.options.learn_below = 10;
    spec.options.least = 0.03;
    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
        struct breaker_view view;
        count(2, numbers[i].expected, numbers[i].failed);
        view = view_of(1);
        /* exp and ln of another library: 1e-15 each, seven steps. */
        ck_assert_double_eq_tol(view.evidence, numbers[i].evidence, 1e-12);
        ck_assert_double_eq_tol(view.bias, numbers[i].bias, 1e-13);
    }
    ck_assert_double_eq(view_of(0).evidence, 0.0);
    ck_assert_uint_eq(view_of(1).counted, ARRAY_COUNT(numbers));
    free(breaker);
}
END_TEST

START_TEST(an_outage_opens_and_good_probes_close)
{
    uint32_t good = 0;

    open_breaker("expected", "model", 0);
    spec.options.threshold = 20;
    /* Opens with the fourteenth failure in a row, as in that program. */
    for (uint32_t i = 0; i < 14; i++) {
        ck_assert(breaker_calm(breaker));
        count(0, 0.1, true);
    }
    ck_assert(!breaker_calm(breaker));
    ck_assert_double_eq(view_of(0).evidence, 5.0);
    ck_assert_double_eq(breaker_share(breaker, 1, NULL, 0), 0.02);
    ck_assert_double_eq(breaker_share(breaker, 2, NULL, 0), 1.0);
    count(1, 0.1, true);
    ck_assert_double_eq(view_of(0).evidence, 5.0);
    while (!breaker_calm(breaker)) {
        double before = breaker_share(breaker, 0, NULL, 0);
        count(0, 0.1, false);
        good++;
        ck_assert_double_ge(breaker_share(breaker, 0, NULL, 0), before);
    }
    ck_assert_uint_ge(good, 5);
    ck_assert_uint_le(good, 15);
    ck_assert_uint_eq(view_of(0).opened, 1);
    ck_assert_uint_eq(view_of(0).closed, 1);
    free(breaker);
}
END_TEST

/* ---- false alarms ---- */

/* Outcomes with failure probabilities between 0.02 and 0.5 that are expected
 * exactly; a low threshold, so that there are some alarms to count: the bound
 * is exp(-threshold) an outcome. Openings take the circuit out of play until
 * it closes; those outcomes do not count as chances. */
START_TEST(false_alarms_keep_the_bound)
{
    struct rng rng = rng_keyed(11, (uint64_t)_i, RNG_TEST);
    uint64_t chances = 0;
    double bound;

    open_breaker("threshold", "7", 0);
    spec.options.expected = BREAKER_EXPECTED_MODEL;
    for (uint32_t i = 0; i < 1000000; i++) {
        double p = 0.02 + 0.48 * rng_unit(&rng) * rng_unit(&rng);
        chances += !view_of(0).open;
        count(0, p, rng_unit(&rng) < p);
    }
    bound = (double)chances * exp(-7.0);
    ck_assert_double_le((double)view_of(0).opened, bound);
    /* Not idle either: a statistic that never moves keeps any bound. */
    ck_assert_uint_ge(view_of(0).opened, 10);
    free(breaker);
}
END_TEST

/* The default threshold and an hour of the night in which failures are twice
 * as likely as predicted, a million outcomes: healthy. */
START_TEST(a_habit_is_no_outage)
{
    struct rng rng = rng_keyed(12, (uint64_t)_i, RNG_TEST);

    open_breaker("", "", 0);
    for (uint32_t i = 0; i < 1000000; i++) {
        double p = 0.02 + 0.3 * rng_unit(&rng) * rng_unit(&rng);
        bool night = i % 24000 < 1000;
        double odds = (night ? 2.0 : 1.0) * p / (1.0 - p);
        count(0, p, rng_unit(&rng) < odds / (1.0 + odds));
    }
    ck_assert_uint_eq(view_of(0).opened, 0);
    ck_assert_uint_eq(view_of(0).counted, 1000000);
    free(breaker);
}
END_TEST

/* ---- causes ---- */

START_TEST(others_doing_does_not_count)
{
    struct breaker_outcome customer = {true, false, 0.1};
    double evidence;

    open_breaker("expected", "model", 0);
    for (uint32_t i = 0; i < 1000; i++)
        breaker_count(breaker, 0, NULL, 0, &customer);
    ck_assert(breaker_calm(breaker));
    ck_assert_uint_eq(view_of(0).counted, 0);
    ck_assert_double_lt(view_of(0).own_share, 0.01);
    /* Now a failure of its own says much more than one did. */
    count(2, 0.1, true);
    evidence = view_of(1).evidence;
    count(0, 0.1, true);
    ck_assert_double_gt(view_of(0).evidence, evidence + 0.2);
    free(breaker);
}
END_TEST

/* Where 60 % of failures are others', the expectation is that of what counts:
 * no drift of the bias, no alarm. */
START_TEST(the_own_share_keeps_expectations_right)
{
    struct rng rng = rng_keyed(13, 1, RNG_TEST);
    double bias = 0.0;

    open_breaker("", "", 0);
    for (uint32_t i = 0; i < 200000; i++) {
        struct breaker_outcome outcome = {.expected = 0.2};
        outcome.failed = rng_unit(&rng) < 0.2;
        outcome.own = rng_unit(&rng) < 0.4;
        breaker_count(breaker, 0, NULL, 0, &outcome);
        if (i >= 100000)
            bias += view_of(0).bias / 100000.0;
    }
    ck_assert_double_eq_tol(bias, 0.0, 0.1);
    ck_assert_double_eq_tol(view_of(0).own_share, 0.4, 0.1);
    ck_assert_uint_eq(view_of(0).opened, 0);
    free(breaker);
}
END_TEST

/* Without predictions: the circuit's own rate, learned while it is calm. */
START_TEST(a_rate_of_its_own)
{
    struct rng rng = rng_keyed(14, 1, RNG_TEST);
    uint32_t until = 0;

    open_breaker("expected", "rate", 0);
    for (uint32_t i = 0; i < 20000; i++)
        count(0, -1.0, rng_unit(&rng) < 0.25);
    ck_assert_double_eq_tol(view_of(0).failure_rate, 0.25, 0.08);
    ck_assert_uint_eq(view_of(0).opened, 0);
    for (; breaker_calm(breaker); until++)
        count(0, -1.0, rng_unit(&rng) < 0.9);
    ck_assert_uint_le(until, 40);
    free(breaker);
}
END_TEST

/* A model that knows nothing yet says that nothing fails. Nothing opens; when
 * it has learned, its predictions are taken up, and an outage is seen against
 * them. */
START_TEST(a_model_must_show_that_it_is_better)
{
    struct rng rng = rng_keyed(15, 1, RNG_TEST);
    uint32_t until = 0;

    open_breaker("", "", 0);
    for (uint32_t i = 0; i < 20000; i++)
        count(0, 0.0, rng_unit(&rng) < 0.17);
    ck_assert_uint_eq(view_of(0).opened, 0);
    ck_assert(!view_of(0).predicted);
    for (uint32_t i = 0; i < 2000; i++) {
        double p = i % 5 == 0 ? 0.6 : 0.06;
        count(0, p, rng_unit(&rng) < p);
    }
    ck_assert(view_of(0).predicted);
    ck_assert_uint_eq(view_of(0).opened, 0);
    for (; breaker_calm(breaker); until++)
        count(0, 0.1, rng_unit(&rng) < 0.9);
    ck_assert_uint_le(until, 30);
    free(breaker);
}
END_TEST

/* Outcomes whose failure probabilities lie between 0.03 and 0.23, as predicted,
 * or with odds as many times that. */
static void play(struct rng *rng, uint32_t outcomes, double times)
{
    for (uint32_t i = 0; i < outcomes && breaker_calm(breaker); i++) {
        double p = 0.03 + 0.2 * rng_unit(rng) * rng_unit(rng);
        double odds = times * p / (1.0 - p);
        count(0, p, rng_unit(rng) < odds / (1.0 + odds));
    }
}

/* Bad luck at the beginning of an outage must not make the rate, which follows
 * the failures, the better prediction: then it would never be seen. What the
 * outage taught is taken back. */
START_TEST(an_outage_is_seen_however_it_begins)
{
    for (uint32_t seed = 0; seed < 500; seed++) {
        struct rng rng = rng_keyed(16, seed, RNG_TEST);
        struct breaker_view before;
        open_breaker("", "", 0);
        play(&rng, 3000, 1.0);
        while (view_of(0).evidence > 0.0)
            play(&rng, 1, 1.0);
        before = view_of(0);
        ck_assert(before.predicted);
        ck_assert_uint_eq(before.opened, 0);
        play(&rng, 400, exp(2.0));
        ck_assert_msg(view_of(0).opened == 1, "seed %u: not seen", seed);
        ck_assert(view_of(0).predicted);
        ck_assert_double_le(fabs(view_of(0).bias - before.bias), 0.15);
        free(breaker);
    }
}
END_TEST

/* Of equal outcomes predictions may be a little worse than the rate by chance;
 * a model that is wrong by far is no longer compared with. */
START_TEST(a_model_that_fails_is_left)
{
    struct rng rng = rng_keyed(17, 0, RNG_TEST);

    open_breaker("", "", 0);
    play(&rng, 3000, 1.0);
    for (uint32_t i = 0; i < 3000; i++) {
        count(0, 0.1, rng_unit(&rng) < 0.1);
        ck_assert(view_of(0).predicted);
    }
    for (uint32_t i = 0; i < 3000; i++)
        count(0, 0.9, rng_unit(&rng) < 0.1);
    ck_assert(!view_of(0).predicted);
    ck_assert_uint_eq(view_of(0).opened, 0);
    free(breaker);
}
END_TEST

/* ---- groups ---- */

START_TEST(a_group_has_circuits_of_its_own)
{
    const uint16_t vip[1] = {1}, both[2] = {0, 1};
    struct breaker_outcome failed = {true, true, 0.1};
    struct breaker_outcome fine = {false, true, 0.1};

    open_breaker("groups", "true", 2);
    spec.options.expected = BREAKER_EXPECTED_MODEL;
    ck_assert_uint_eq(breaker_views(breaker), 9);
    for (uint32_t i = 0; i < 200; i++) {
        breaker_count(breaker, 0, vip, 1, &failed);
        for (uint32_t k = 0; k < 20; k++)
            breaker_count(breaker, 0, NULL, 0, &fine);
    }
    ck_assert(!view_of(0).open);
    ck_assert(!view_of(3).open);
    ck_assert(view_of(6).open);
    ck_assert_int_eq(view_of(6).group, 1);
    ck_assert_double_eq(breaker_share(breaker, 0, NULL, 0), 1.0);
    ck_assert_double_eq(breaker_share(breaker, 0, vip, 1), 0.02);
    ck_assert_double_eq(breaker_share(breaker, 0, both, 2), 0.02);
    ck_assert_double_eq(breaker_share(breaker, 2, both, 2), 1.0);
    free(breaker);
}
END_TEST

/* ---- probes ---- */

START_TEST(coins_are_keyed_and_fair)
{
    const uint32_t slots[4] = {0, 1, 2, 5};
    bool first[4], again[4];
    uint32_t through = 0;

    open_breaker("probe", "0.1", 0);
    spec.options.expected = BREAKER_EXPECTED_MODEL;
    for (uint32_t i = 0; i < 30; i++)
        count(0, 0.1, true);
    for (uint64_t event = 0; event < 100000; event++) {
        uint32_t left =
                breaker_admit(breaker, 7, event, slots, 4, NULL, 0, first);
        ck_assert(breaker_admit(breaker, 7, event, slots, 4, NULL, 0, again) ==
                left);
        ck_assert(memcmp(first, again, sizeof(first)) == 0);
        ck_assert(first[0] == first[1] && first[2] && first[3]);
        ck_assert_uint_eq(left, first[0] ? 4 : 2);
        through += first[0];
    }
    /* 4 standard deviations of 100,000 coins of 0.1. */
    ck_assert_double_eq_tol(through / 100000.0, 0.1, 0.0038);
    free(breaker);
}
END_TEST

/* ---- bytes ---- */

static uint8_t saved[1024];

static struct bytes save(void)
{
    struct writer writer = writer_over(saved, sizeof(saved));

    breaker_save(breaker, &writer);
    return writer_bytes(&writer);
}

START_TEST(bytes_come_back)
{
    uint8_t copy[1024];
    struct bytes bytes;
    struct reader reader;
    struct breaker *loaded;

    open_breaker("", "", 0);
    for (uint32_t i = 0; i < 40; i++)
        count(i % 6, 0.1, i % 6 < 2);
    count(0, 0.1, false);
    bytes = save();
    memcpy(copy, saved, bytes.size);
    loaded = breaker_init(malloc(breaker_footprint(&spec)), &spec);
    reader = reader_of(bytes_of(copy, bytes.size));
    ck_assert_int_eq(breaker_load(loaded, &reader, &err), 0);
    ck_assert(reader_done(&reader));
    ck_assert(breaker_calm(loaded) == breaker_calm(breaker));
    free(breaker);
    breaker = loaded;
    count(4, 0.3, true);
    ck_assert(save().size == bytes.size);
    for (size_t cut = 0; cut < bytes.size; cut++) {
        reader = reader_of(bytes_of(copy, cut));
        ck_assert_int_eq(breaker_load(breaker, &reader, &err), STATUS_CORRUPT);
    }
    copy[12] ^= 2; /* the first circuit is neither open nor closed */
    reader = reader_of(bytes_of(copy, bytes.size));
    ck_assert_int_eq(breaker_load(breaker, &reader, &err), STATUS_CORRUPT);
    free(breaker);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("breaker");
    TCase *cases = tcase_create("breaker");

    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, the_statistic_has_its_numbers);
    tcase_add_test(cases, an_outage_opens_and_good_probes_close);
    tcase_add_loop_test(cases, false_alarms_keep_the_bound, 0, 3);
    tcase_add_loop_test(cases, a_habit_is_no_outage, 0, 3);
    tcase_add_test(cases, others_doing_does_not_count);
    tcase_add_test(cases, the_own_share_keeps_expectations_right);
    tcase_add_test(cases, a_rate_of_its_own);
    tcase_add_test(cases, a_model_must_show_that_it_is_better);
    tcase_add_test(cases, an_outage_is_seen_however_it_begins);
    tcase_add_test(cases, a_model_that_fails_is_left);
    tcase_add_test(cases, a_group_has_circuits_of_its_own);
    tcase_add_test(cases, coins_are_keyed_and_fair);
    tcase_add_test(cases, bytes_come_back);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
