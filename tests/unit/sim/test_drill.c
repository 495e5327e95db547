/* Outages in mid-generation under a policy that knows the calm market: how
 * soon the breaker acts, what is lost, and that healthy acquirers stay. */
#include "base/rng.h"
#include "sim/drill.h"
#include "tests/lib/suite.h"

#include <check.h>
#include <math.h>

#define ROWS 10000u

static struct err err;
static struct payments_market market;

/* 90 % of the probability on the best route of the calm market, the rest in
 * equal parts: as concentrated as a policy that has learned. */
static int distribute(void *self, const struct payment *payment,
        const uint32_t *routes, uint32_t count, uint64_t event, double *pmf,
        struct err *unused)
{
    uint32_t best = 0;

    (void)self;
    (void)event;
    (void)unused;
    for (uint32_t i = 0; i < count; i++) {
        pmf[i] = 0.1 / count;
        if (payments_approval(&market, payment, routes[i]) >
                payments_approval(&market, payment, routes[best]))
            best = i;
    }
    pmf[best] += 0.9;
    return 0;
}

static void play_row(struct drill *drill, uint32_t generation, uint32_t row)
{
    uint64_t event = (uint64_t)generation << 32 | row;
    struct rng rng = rng_keyed(market.seed, event, RNG_ACTION);
    uint32_t routes[PAYMENTS_ROUTES];
    double pmf[PAYMENTS_ROUTES], u = rng_unit(&rng);
    struct payment payment;
    struct drill_round round = {
            .row = row, .event = event, .payment = &payment, .routes = routes};
    bool approved;

    payments_draw(&market, generation, row, &payment);
    round.count = drill_admit(
            drill, event, routes, payments_eligible(&payment, routes));
    round.pmf = pmf;
    (void)distribute(NULL, &payment, routes, round.count, event, pmf, NULL);
    while (round.chosen + 1 < round.count && u >= pmf[round.chosen])
        u -= pmf[round.chosen++];
    round.expected =
            1.0 - payments_approval(&market, &payment, routes[round.chosen]);
    if (drill_play(drill, &round, &approved, &err) != 0)
        ck_abort_msg("%s", err.text);
}

/* payments.md, section 8: 90 % of the traffic of a failing acquirer gone within
 * 200 of its payments, and an excess of at most a fifth. */
START_TEST(outages_are_left_in_time)
{
    struct drill_settings settings = {.seed = (uint32_t)_i,
            .rows = ROWS,
            .breaker = true,
            .policy = {distribute, NULL}};
    struct drill *drill;
    double with = 0.0, without = 0.0, told = 0.0;

    payments_market_draw(&market, (uint32_t)_i, 0.0, 0);
    drill = drill_open(&market, &settings, &err);
    ck_assert_ptr_nonnull(drill);
    /* The circuits learn their rates from two calm generations. */
    for (uint32_t g = 0; g < 5; g++) {
        struct drill_outage outage;
        drill_begin(drill, g, g >= 2);
        for (uint32_t row = 0; row < ROWS; row++)
            play_row(drill, g, row);
        drill_result(drill, &outage);
        ck_assert_uint_eq(outage.false_openings, 0);
        ck_assert(outage.there == (g >= 2));
        if (!outage.there)
            continue;
        ck_assert_uint_le(outage.until_open, 200);
        ck_assert_double_lt(outage.kept, 0.1);
        ck_assert_double_gt(outage.lost_without, outage.lost_with);
        with += outage.lost_with;
        without += outage.lost_without;
        told += outage.lost_told;
    }
    ck_assert_double_le((with - told) / (without - told), 0.2);
    drill_close(drill);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("drill");
    TCase *cases = tcase_create("drill");

    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, outages_are_left_in_time, 1, 4);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
