/* Outages, reasons, costs, chargebacks, latency and traffic of the payments
 * world against the rates of payments.md, section 6.2. */
#include "sim/payments_life.h"
#include "tests/lib/suite.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

#define ROWS 60000u

static struct payments_market market;
static struct payments_tariff tariff;

static void open_world(uint32_t seed)
{
    payments_market_draw(&market, seed, 0.0, 0);
    payments_tariff_draw(&tariff, seed);
}

static struct payments_answer answer_of(const struct payment *payment,
        uint32_t row, uint32_t attempt, uint32_t route, uint32_t before,
        const struct payments_outages *outages)
{
    struct payments_try try = {.row = row,
            .attempt = attempt,
            .route = route,
            .before = before,
            .time = row,
            .pay_day = 1.0};
    struct payments_answer answer;

    payments_answer_draw(&market, &tariff, outages, payment, &try, &answer);
    return answer;
}

static uint32_t first_route(const struct payment *payment)
{
    uint32_t routes[PAYMENTS_ROUTES];

    ck_assert_uint_ge(payments_eligible(payment, routes), 1);
    return routes[0];
}

/* Who is paid is who is paid without reasons; the reasons of the others have
 * the page's shares; what another route can mend is none of the customer's. */
START_TEST(reasons_change_no_approval)
{
    double counts[PAYMENTS_REASONS] = {0}, others = 0, stopped = 0, routes = 0;
    uint32_t wrong = 0, mended = 0;

    open_world(4);
    for (uint32_t row = 0; row < ROWS; row++) {
        struct payment payment;
        struct payments_answer answer;
        uint32_t route, all[PAYMENTS_ROUTES], count;
        payments_draw(&market, 0, row, &payment);
        route = first_route(&payment);
        answer = answer_of(&payment, row, 0, route, 0, NULL);
        wrong += answer.approved !=
                (payments_luck(&market, 0, row) <
                        payments_approval(&market, &payment, route));
        counts[answer.reason]++;
        if (payments_cause_of(answer.reason) != PAYMENTS_CUSTOMER ||
                answer.reason == PAYMENTS_ABANDONED)
            continue;
        count = payments_eligible(&payment, all);
        for (uint32_t k = 0; k < count; k++)
            mended += answer_of(&payment, row, 0, all[k], 0, NULL).approved;
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_eq(mended, 0);
    stopped = counts[PAYMENTS_FUNDS] + counts[PAYMENTS_LOST_CARD] +
            counts[PAYMENTS_WRONG_DATA];
    routes = counts[PAYMENTS_DO_NOT_HONOUR] + counts[PAYMENTS_AUTHENTICATION] +
            counts[PAYMENTS_ISSUER_AWAY] + counts[PAYMENTS_ROUTE_ERROR];
    others = ROWS - counts[PAYMENTS_APPROVED];
    /* Four standard deviations of shares of some 2,700 and 7,000. */
    ck_assert_double_ge(stopped, 1500);
    ck_assert_double_eq_tol(counts[PAYMENTS_FUNDS] / stopped, 0.70, 0.045);
    ck_assert_double_eq_tol(counts[PAYMENTS_LOST_CARD] / stopped, 0.15, 0.037);
    ck_assert_double_eq_tol(
            counts[PAYMENTS_DO_NOT_HONOUR] / routes, 0.60, 0.03);
    ck_assert_double_eq_tol(
            counts[PAYMENTS_AUTHENTICATION] / routes, 0.15, 0.02);
    ck_assert_double_eq_tol(counts[PAYMENTS_ISSUER_AWAY] / routes, 0.10, 0.02);
    ck_assert_double_eq(stopped + routes + counts[PAYMENTS_ABANDONED], others);
}
END_TEST

/* A second try by another acquirer mends much, by the same one little. */
START_TEST(another_acquirer_mends_more)
{
    double tries[2] = {0}, mends[2] = {0};

    open_world(4);
    for (uint32_t row = 0; row < ROWS; row++) {
        struct payment payment;
        uint32_t routes[PAYMENTS_ROUTES], count;
        struct payments_answer first;
        payments_draw(&market, 0, row, &payment);
        count = payments_eligible(&payment, routes);
        first = answer_of(&payment, row, 0, routes[0], 0, NULL);
        for (uint32_t k = 1; !first.approved && k < count; k++) {
            bool same = payments_route(routes[k]).acquirer ==
                    payments_route(routes[0]).acquirer;
            tries[same]++;
            mends[same] +=
                    answer_of(&payment, row, 1, routes[k], routes[0], NULL)
                            .approved;
        }
    }
    ck_assert_double_gt(mends[0] / tries[0], 2.0 * mends[1] / tries[1]);
    ck_assert(!payments_may_retry(PAYMENTS_LOST_CARD, 0));
    ck_assert(payments_may_retry(PAYMENTS_DO_NOT_HONOUR, 1));
    ck_assert(!payments_may_retry(PAYMENTS_DO_NOT_HONOUR, 2));
}
END_TEST

/* A planned outage: its acquirer is refused, silently, and no other one is. */
START_TEST(an_outage_hits_its_acquirer)
{
    struct payments_outages outages = {.count = 1,
            .list = {{.acquirer = 2,
                    .issuer = PAYMENTS_ALL_ISSUERS,
                    .from = 1000,
                    .until = 3000,
                    .down = true}}};
    uint32_t hits = 0;

    open_world(4);
    for (uint32_t row = 0; row < 4000; row++) {
        struct payment payment;
        uint32_t routes[PAYMENTS_ROUTES], count;
        payments_draw(&market, 0, row, &payment);
        count = payments_eligible(&payment, routes);
        for (uint32_t k = 0; k < count; k++) {
            struct payments_answer calm =
                    answer_of(&payment, row, 0, routes[k], 0, NULL);
            struct payments_answer got =
                    answer_of(&payment, row, 0, routes[k], 0, &outages);
            bool hit = payments_route(routes[k]).acquirer == 2 && row >= 1000 &&
                    row < 3000;
            if (!hit) {
                ck_assert(calm.approved == got.approved &&
                        calm.reason == got.reason);
                continue;
            }
            hits++;
            ck_assert(!got.approved && got.reason == PAYMENTS_TIMEOUT);
            ck_assert_double_eq(got.latency, 20.0);
        }
    }
    ck_assert_uint_ge(hits, 1000);
    /* Degraded: the odds of approval fall by exp(2). */
    outages.list[0].down = false;
    outages.list[0].shift = PAYMENTS_DEGRADED_SHIFT;
    for (uint32_t row = 1000; row < 1500; row++) {
        struct payment payment;
        const struct payments_outage *failing;
        double p, q;
        payments_draw(&market, 0, row, &payment);
        p = payments_approval(&market, &payment, 12);
        q = payments_approval_at(
                &market, &outages, &payment, 12, row, &failing);
        ck_assert_ptr_eq(failing, &outages.list[0]);
        ck_assert_double_eq_tol(log(p / (1 - p)) - log(q / (1 - q)), 2.0, 1e-9);
    }
}
END_TEST

/* Of 20,000 acquirer-days the chain fails for the share of its sojourns: per
 * cycle 14 days up; down and degraded entered as the chain says. */
START_TEST(random_outages_have_their_rates)
{
    static struct payments_outages outages;
    double degraded = 0, down = 0, days = 400.0, total = 0;
    double to_degraded, to_down, expected_degraded, expected_down;

    for (uint32_t seed = 1; seed <= 20; seed++) {
        payments_outages_draw(&outages, seed, days);
        ck_assert_uint_lt(outages.count, PAYMENTS_OUTAGES_MAX);
        total += days * PAYMENTS_ACQUIRERS;
        for (uint32_t i = 0; i < outages.count; i++)
            *(outages.list[i].down ? &down : &degraded) +=
                    outages.list[i].until - outages.list[i].from;
    }
    /* Visits per cycle: d = 0.7 + 0.5 w, w = 0.3 + 0.2 d. */
    to_degraded = (0.7 + 0.5 * 0.3) / (1 - 0.5 * 0.2);
    to_down = 0.3 + 0.2 * to_degraded;
    expected_degraded = to_degraded * 40.0 / 1440.0 / 14.0;
    expected_down = to_down * 8.0 / 1440.0 / 14.0;
    ck_assert_double_eq_tol(degraded / total / expected_degraded, 1.0, 0.15);
    ck_assert_double_eq_tol(down / total / expected_down, 1.0, 0.25);
}
END_TEST

static int ascending(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

START_TEST(chargebacks_have_their_rates)
{
    static double delays[ROWS * 8];
    double risk[3] = {0};
    uint32_t comes = 0, secure_loss = 0;

    open_world(7);
    for (uint32_t row = 0; row < ROWS; row++) {
        struct payment payment;
        struct payments_chargeback back;
        payments_draw(&market, 0, row, &payment);
        risk[0] += payments_chargeback_risk(&payment, 0) / ROWS;
        risk[1] += payments_chargeback_risk(&payment, 2) / ROWS;
        risk[2] += payments_chargeback_risk(&payment, 1) / ROWS;
        payments_chargeback_draw(&tariff, &market, &payment, 0, row, 0, &back);
        delays[row] = back.days;
        comes += back.comes;
        ck_assert(back.comes ? back.loss > payment.amount : back.loss == 0.0);
        payments_chargeback_draw(&tariff, &market, &payment, 0, row, 2, &back);
        secure_loss += back.loss > 0.0;
    }
    ck_assert_double_eq_tol(risk[0], 0.0017, 0.0002);
    ck_assert_double_eq_tol(risk[1], 0.0005, 0.0001);
    ck_assert_double_eq_tol(risk[2], 0.0012, 0.0002);
    ck_assert_double_eq_tol(comes / (ROWS * risk[0] * 0.988), 1.0, 0.4);
    ck_assert_uint_eq(secure_loss, 0);
    qsort(delays, ROWS, sizeof(double), ascending);
    ck_assert_double_eq_tol(delays[ROWS / 10], 15.0, 1.0);
    ck_assert_double_eq_tol(delays[ROWS / 2], 35.0, 1.0);
    ck_assert_double_eq_tol(delays[ROWS * 9 / 10], 75.0, 1.5);
    ck_assert_double_eq_tol(delays[(uint32_t)(ROWS * 0.988)], 120.0, 5.0);
}
END_TEST

/* In milliseconds, for an acquirer of the median speed. */
START_TEST(latency_has_its_quantiles)
{
    static double seconds[ROWS];
    double slowness;

    open_world(7);
    slowness = tariff.slowness[0];
    ck_assert(slowness >= 0.7 && slowness <= 1.5);
    tariff.slowness[0] = 1.0;
    for (uint32_t row = 0; row < ROWS; row++) {
        struct payment payment;
        payments_draw(&market, 0, row, &payment);
        seconds[row] = answer_of(&payment, row, 0, 0, 0, NULL).latency * 1000.0;
    }
    qsort(seconds, ROWS, sizeof(double), ascending);
    ck_assert_double_eq_tol(seconds[ROWS / 2], 350.0, 5.0);
    ck_assert_double_eq_tol(seconds[ROWS * 9 / 10], 664.0, 12.0);
    ck_assert_double_eq_tol(seconds[ROWS * 99 / 100], 1120.0, 45.0);
}
END_TEST

START_TEST(costs_and_traffic)
{
    double mean = 0.0;

    open_world(7);
    for (uint32_t row = 0; row < 1000; row++) {
        struct payment payment;
        struct payments_answer plain, secure;
        payments_draw(&market, 0, row, &payment);
        plain = answer_of(&payment, row, 0, 0, 0, NULL);
        secure = answer_of(&payment, row, 0, 2, 0, NULL);
        ck_assert(plain.fee >= 0.01);
        ck_assert(plain.fee <= 0.14 + 0.03 * payment.amount);
        if (plain.approved == secure.approved)
            ck_assert_double_eq_tol(
                    secure.fee - plain.fee, tariff.secure[0], 1e-9);
    }
    for (uint32_t i = 0; i < 7 * 96; i++)
        mean += payments_traffic(i / 96.0) / (7 * 96);
    ck_assert_double_eq_tol(mean, (5 + 2 * 0.8) / 7, 1e-9);
    ck_assert_double_gt(payments_traffic(0.6), payments_traffic(0.1));
    ck_assert_double_eq(payments_pay_day(0.5), 0.7);
    ck_assert_double_eq(payments_pay_day(22.5), 1.2);
    ck_assert_double_eq(payments_pay_day(15.0), 1.0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("payments life");
    TCase *cases = tcase_create("payments life");

    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, reasons_change_no_approval);
    tcase_add_test(cases, another_acquirer_mends_more);
    tcase_add_test(cases, an_outage_hits_its_acquirer);
    tcase_add_test(cases, random_outages_have_their_rates);
    tcase_add_test(cases, chargebacks_have_their_rates);
    tcase_add_test(cases, latency_has_its_quantiles);
    tcase_add_test(cases, costs_and_traffic);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
