#include "sim/payments_life.h"

#include "base/rng.h"

#include <math.h>

#define OBSTACLE      0.6
#define SAME_ACQUIRER 0.8
#define MEDIAN_S      0.350
#define TIMEOUT_S     20.0
#define DAY_MINUTES   1440.0

static uint64_t number_of(uint32_t generation, uint32_t row)
{
    return (uint64_t)generation << 32 | row;
}

static double between(struct rng *rng, double low, double high)
{
    return low + (high - low) * rng_unit(rng);
}

/* ---- outages ---- */

static double sojourn(struct rng *rng, enum payments_state state)
{
    static const double mean_days[] = {
            14.0, 40.0 / DAY_MINUTES, 8.0 / DAY_MINUTES};

    return -mean_days[state] * log(1.0 - rng_unit(rng));
}

static enum payments_state next_state(
        struct rng *rng, enum payments_state state)
{
    double u = rng_unit(rng);

    switch (state) {
    case PAYMENTS_UP:
        return u < 0.7 ? PAYMENTS_DEGRADED : PAYMENTS_DOWN;
    case PAYMENTS_DEGRADED:
        return u < 0.8 ? PAYMENTS_UP : PAYMENTS_DOWN;
    case PAYMENTS_DOWN:
    default:
        return u < 0.5 ? PAYMENTS_UP : PAYMENTS_DEGRADED;
    }
}

void payments_outages_draw(
        struct payments_outages *outages, uint32_t seed, double days)
{
    outages->count = 0;
    for (uint32_t q = 0; q < PAYMENTS_ACQUIRERS; q++) {
        struct rng rng = rng_keyed(seed, q, RNG_OUTAGE);
        enum payments_state state = PAYMENTS_UP;
        double at = 0.0;
        while (at < days && outages->count < PAYMENTS_OUTAGES_MAX) {
            double until = at + sojourn(&rng, state);
            if (state != PAYMENTS_UP)
                outages->list[outages->count++] = (struct payments_outage){
                        .acquirer = q,
                        .issuer = PAYMENTS_ALL_ISSUERS,
                        .from = at,
                        .until = until,
                        .shift = PAYMENTS_DEGRADED_SHIFT,
                        .down = state == PAYMENTS_DOWN,
                };
            at = until;
            state = next_state(&rng, state);
        }
    }
}

static const struct payments_outage *find_outage(
        const struct payments_outages *outages, const struct payment *payment,
        uint32_t acquirer, double time)
{
    const struct payments_outage *found = NULL;

    for (uint32_t i = 0; outages != NULL && i < outages->count; i++) {
        const struct payments_outage *one = &outages->list[i];
        bool hit = one->acquirer == acquirer && time >= one->from &&
                time < one->until &&
                (one->issuer == PAYMENTS_ALL_ISSUERS ||
                        one->issuer == payment->issuer);
        if (hit && (found == NULL || one->down))
            found = one;
    }
    return found;
}

double payments_approval_at(const struct payments_market *market,
        const struct payments_outages *outages, const struct payment *payment,
        uint32_t route, double time, const struct payments_outage **failing)
{
    const struct payments_outage *outage =
            find_outage(outages, payment, payments_route(route).acquirer, time);
    double z = payments_logit(market, payment, route);

    if (failing != NULL)
        *failing = outage;
    if (outage != NULL && outage->down)
        return 0.0;
    if (outage != NULL)
        z += outage->shift;
    return 1.0 / (1.0 + exp(-z));
}

/* ---- tariffs ---- */

void payments_tariff_draw(struct payments_tariff *tariff, uint32_t seed)
{
    struct rng rng = rng_keyed(seed, UINT64_MAX, RNG_REASON);

    for (uint32_t q = 0; q < PAYMENTS_ACQUIRERS; q++) {
        tariff->scheme[q] = between(&rng, 0.0002, 0.0015);
        tariff->acquirer[q] = between(&rng, 0.0005, 0.0060);
        tariff->abroad[q] = between(&rng, 0.006, 0.015);
        tariff->fixed[q] = between(&rng, 0.02, 0.12);
        tariff->secure[q] = between(&rng, 0.03, 0.10);
        tariff->token[q] = between(&rng, 0.0, 0.02);
        tariff->declined[q] = between(&rng, 0.01, 0.05);
        tariff->slowness[q] = between(&rng, 0.7, 1.5);
    }
    tariff->abandoned = between(&rng, 0.05, 0.15);
    tariff->chargeback_fee = between(&rng, 15.0, 25.0);
}

static double fee_of(const struct payments_market *market,
        const struct payments_tariff *tariff, const struct payment *payment,
        uint32_t route, bool approved)
{
    struct payments_route parts = payments_route(route);
    uint32_t q = parts.acquirer;
    double fee = parts.mode == PAYMENTS_3DS ? tariff->secure[q] : 0.0;
    double share = (payment->debit ? 0.002 : 0.003) + tariff->scheme[q] +
            tariff->acquirer[q];

    fee += parts.token ? tariff->token[q] : 0.0;
    if (!approved)
        return fee + tariff->declined[q];
    if (market->acquirer_country[q] != market->issuer_country[payment->issuer])
        share += tariff->abroad[q];
    return fee + tariff->fixed[q] + share * payment->amount;
}

static double latency_of(struct rng *rng, const struct payments_tariff *tariff,
        uint32_t route, const struct payments_outage *outage,
        enum payments_reason reason)
{
    struct payments_route parts = payments_route(route);
    double seconds = MEDIAN_S * tariff->slowness[parts.acquirer] *
            exp(0.5 * rng_normal(rng));

    if (reason == PAYMENTS_TIMEOUT)
        return TIMEOUT_S;
    if (outage != NULL)
        seconds *= 5.0;
    if (parts.mode == PAYMENTS_3DS)
        seconds += between(rng, 20.0, 60.0);
    return seconds;
}

/* ---- reasons ---- */

enum payments_cause payments_cause_of(enum payments_reason reason)
{
    switch (reason) {
    case PAYMENTS_APPROVED:
        return PAYMENTS_NOBODY;
    case PAYMENTS_FUNDS:
    case PAYMENTS_LOST_CARD:
    case PAYMENTS_WRONG_DATA:
    case PAYMENTS_ABANDONED:
        return PAYMENTS_CUSTOMER;
    case PAYMENTS_ISSUER_AWAY:
        return PAYMENTS_OTHER;
    case PAYMENTS_TIMEOUT:
        return PAYMENTS_SILENCE;
    case PAYMENTS_DO_NOT_HONOUR:
    case PAYMENTS_AUTHENTICATION:
    case PAYMENTS_ROUTE_ERROR:
    default:
        return PAYMENTS_ACTION;
    }
}

const char *payments_reason_name(enum payments_reason reason)
{
    static const char *const names[PAYMENTS_REASONS] = {"approved",
            "insufficient funds", "lost or stolen", "wrong data",
            "do not honour", "authentication required", "issuer unavailable",
            "route error", "abandoned", "timeout"};

    return (unsigned)reason < PAYMENTS_REASONS ? names[reason] : "?";
}

static enum payments_reason customer_reason(double u)
{
    return u < 0.70    ? PAYMENTS_FUNDS
            : u < 0.85 ? PAYMENTS_LOST_CARD
                       : PAYMENTS_WRONG_DATA;
}

static enum payments_reason route_reason(double u)
{
    return u < 0.60    ? PAYMENTS_DO_NOT_HONOUR
            : u < 0.75 ? PAYMENTS_AUTHENTICATION
            : u < 0.85 ? PAYMENTS_ISSUER_AWAY
                       : PAYMENTS_ROUTE_ERROR;
}

static double obstacle_of(
        const struct payments_market *market, const struct payment *payment)
{
    uint32_t routes[PAYMENTS_ROUTES];
    uint32_t count = payments_eligible(payment, routes);
    double best = 0.0;

    for (uint32_t k = 0; k < count; k++)
        best = fmax(best, payments_approval(market, payment, routes[k]));
    return OBSTACLE * (1.0 - best);
}

/* The luck of an attempt: the first is the row's own (sim/payments.h); a try
 * with the acquirer of the one before mostly meets the same answer. */
static double luck_of(const struct payments_market *market,
        const struct payments_try *try, struct rng *rng)
{
    double repeats = rng_unit(rng), fresh = rng_unit(rng);
    bool same = try->attempt > 0 &&
            payments_route(try->route).acquirer ==
                    payments_route(try->before).acquirer;

    if (try->attempt == 0 || (same && repeats < SAME_ACQUIRER))
        return payments_luck(market, try->generation, try->row);
    return fresh;
}

/* Why a try failed that no obstacle stopped: what an outage adds to the
 * failures is the action's. */
static enum payments_reason why(const struct payments_tariff *tariff,
        const struct payments_outage *outage, uint32_t route, bool added,
        struct rng *rng)
{
    double u = rng_unit(rng), left = rng_unit(rng);

    if (outage != NULL && outage->down)
        return PAYMENTS_TIMEOUT;
    if (added)
        return PAYMENTS_ROUTE_ERROR;
    if (payments_route(route).mode == PAYMENTS_3DS && left < tariff->abandoned)
        return PAYMENTS_ABANDONED;
    return route_reason(u);
}

/* A row whose luck is above 1 - c is stopped by the customer's obstacle, and a
 * first try is approved when its luck is below p, as in the core: p <= 1 - c,
 * because c is at most 0.72 of what the best route leaves. Of the rows that are
 * not stopped p/(1 - c) are approved, which is what a fresh draw does too. */
void payments_answer_draw(const struct payments_market *market,
        const struct payments_tariff *tariff,
        const struct payments_outages *outages, const struct payment *payment,
        const struct payments_try *try, struct payments_answer *answer)
{
    struct rng rng = rng_keyed(market->seed,
            number_of(try->generation, try->row) +
                    ((uint64_t)try->attempt << 60),
            RNG_REASON);
    const struct payments_outage *outage;
    double c = obstacle_of(market, payment) * try->pay_day;
    double calm = payments_approval(market, payment, try->route);
    double p = payments_approval_at(
            market, outages, payment, try->route, try->time, &outage);
    double luck = luck_of(market, try, &rng);
    double first = payments_luck(market, try->generation, try->row);
    bool stopped = first >= 1.0 - c; /* the unluckiest: approvals stay u < p */

    if (try->attempt > 0 && !stopped && luck != first)
        luck *= 1.0 - c;
    answer->approved = !stopped && luck < p;
    if (answer->approved)
        answer->reason = PAYMENTS_APPROVED;
    else if (stopped)
        answer->reason = outage != NULL && outage->down
                ? PAYMENTS_TIMEOUT
                : customer_reason((first - (1.0 - c)) / c);
    else
        answer->reason = why(tariff, outage, try->route, luck < calm, &rng);
    answer->fee = fee_of(market, tariff, payment, try->route, answer->approved);
    answer->latency =
            latency_of(&rng, tariff, try->route, outage, answer->reason);
}

bool payments_may_retry(enum payments_reason reason, uint32_t attempt)
{
    switch (reason) {
    case PAYMENTS_APPROVED:
    case PAYMENTS_LOST_CARD:
    case PAYMENTS_ABANDONED:
        return false;
    default:
        return attempt + 1 < 3;
    }
}

/* ---- chargebacks ---- */

double payments_chargeback_risk(const struct payment *payment, uint32_t route)
{
    struct payments_route parts = payments_route(route);
    double z = -7.5 + 6.0 * payment->risk -
            (parts.mode == PAYMENTS_3DS ? 1.2 : 0.0) -
            (parts.token ? 0.3 : 0.0);

    return 1.0 / (1.0 + exp(-z));
}

void payments_chargeback_draw(const struct payments_tariff *tariff,
        const struct payments_market *market, const struct payment *payment,
        uint32_t generation, uint32_t row, uint32_t route,
        struct payments_chargeback *chargeback)
{
    struct rng rng = rng_keyed(market->seed,
            number_of(generation, row) + (UINT64_C(15) << 60), RNG_REASON);
    double u = rng_unit(&rng);
    double days = 5.0 - 18.0 * log(1.0 - rng_unit(&rng)) -
            18.0 * log(1.0 - rng_unit(&rng));
    bool secure = payments_route(route).mode == PAYMENTS_3DS;

    chargeback->comes =
            u < payments_chargeback_risk(payment, route) && days <= 120.0;
    chargeback->days = days;
    chargeback->loss = chargeback->comes && !secure
            ? payment->amount + tariff->chargeback_fee
            : 0.0;
}

/* ---- traffic ---- */

double payments_traffic(double days)
{
    double hour = (days - floor(days)) * 24.0;
    bool weekend = (uint64_t)days % 7 >= 5;

    return (1.0 + 0.6 * sin(2.0 * M_PI * (hour - 9.0) / 24.0)) *
            (weekend ? 0.8 : 1.0);
}

double payments_pay_day(double days)
{
    double of_month = days - 30.0 * floor(days / 30.0) + 1.0;
    bool after = (of_month >= 1.0 && of_month < 4.0) ||
            (of_month >= 25.0 && of_month < 28.0);
    bool before = of_month >= 28.0 || (of_month >= 22.0 && of_month < 25.0);

    return after ? 0.7 : before ? 1.2 : 1.0;
}
