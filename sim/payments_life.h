/* What happens to payments beside their approval (payments.md, section 6.2):
 * outages, why a payment is declined and by whom, what it costs, how long it
 * takes, chargebacks weeks later, and traffic over day, week and month. Each is
 * a layer over sim/payments.h: with all of them off the market is unchanged,
 * and with reasons on the probability of approval is unchanged too. The rates
 * that the page marks as assumed are assumed here.
 *
 * Functions of their arguments, keyed as in sim/payments.h. */
#ifndef SIM_PAYMENTS_LIFE_H
#define SIM_PAYMENTS_LIFE_H

#include "sim/payments.h"

/* ---- outages ---- */

enum payments_state { PAYMENTS_UP, PAYMENTS_DEGRADED, PAYMENTS_DOWN };

#define PAYMENTS_DEGRADED_SHIFT (-2.0)
#define PAYMENTS_ALL_ISSUERS    UINT32_MAX

/* One acquirer fails for a while: its z is shifted, or it is down. */
struct payments_outage {
    uint32_t acquirer;
    uint32_t issuer; /* only for its cards; PAYMENTS_ALL_ISSUERS */
    double from, until; /* until is not part of it */
    double shift;
    bool down;
};

#define PAYMENTS_OUTAGES_MAX 512u

struct payments_outages {
    uint32_t count;
    struct payments_outage list[PAYMENTS_OUTAGES_MAX];
};

/* Outages of all acquirers in [0, days), by a Markov chain: up for 14 days on
 * average, degraded for 40 minutes, down for 8. Times are days. */
void payments_outages_draw(
        struct payments_outages *outages, uint32_t seed, double days);
/* The probability of approval at a time, outages included; times are in the
 * units of the outages. `failing` (may be NULL): the outage that changed it. */
double payments_approval_at(const struct payments_market *market,
        const struct payments_outages *outages, const struct payment *payment,
        uint32_t route, double time, const struct payments_outage **failing);

/* ---- why ---- */

enum payments_reason {
    PAYMENTS_APPROVED,
    PAYMENTS_FUNDS, /* the customer's: no route helps */
    PAYMENTS_LOST_CARD, /* hard: never tried again */
    PAYMENTS_WRONG_DATA,
    PAYMENTS_DO_NOT_HONOUR, /* the route's */
    PAYMENTS_AUTHENTICATION, /* soft: 3DS may help */
    PAYMENTS_ISSUER_AWAY, /* another party's */
    PAYMENTS_ROUTE_ERROR,
    PAYMENTS_ABANDONED, /* the customer left a 3DS challenge */
    PAYMENTS_TIMEOUT,
};
#define PAYMENTS_REASONS 10u

enum payments_cause {
    PAYMENTS_NOBODY,
    PAYMENTS_ACTION,
    PAYMENTS_OTHER,
    PAYMENTS_CUSTOMER,
    PAYMENTS_SILENCE,
};

enum payments_cause payments_cause_of(enum payments_reason reason);
const char *payments_reason_name(enum payments_reason reason);

/* One try of a payment. */
struct payments_try {
    uint32_t generation, row; /* the payment */
    uint32_t attempt; /* 0, 1, 2 */
    uint32_t route;
    uint32_t before; /* the route tried before, with attempt > 0 */
    double time;
    double pay_day; /* what the customers' obstacles are multiplied by; 1 */
};

struct payments_answer {
    bool approved;
    enum payments_reason reason;
    double latency; /* seconds */
    double fee; /* what the try costs, in the amount's currency */
};

/* What a route charges and how slow it is, by acquirer. */
struct payments_tariff {
    double scheme[PAYMENTS_ACQUIRERS]; /* shares of the amount */
    double acquirer[PAYMENTS_ACQUIRERS];
    double abroad[PAYMENTS_ACQUIRERS];
    double fixed[PAYMENTS_ACQUIRERS]; /* amounts */
    double secure[PAYMENTS_ACQUIRERS], token[PAYMENTS_ACQUIRERS];
    double declined[PAYMENTS_ACQUIRERS];
    double slowness[PAYMENTS_ACQUIRERS]; /* of 350 ms */
    double abandoned; /* share of 3DS failures that are abandoned */
    double chargeback_fee;
};

void payments_tariff_draw(struct payments_tariff *tariff, uint32_t seed);

/* The customer's obstacle: with probability 0.6 (1 - the best route's
 * approval) every route declines (payments.md 6.2), and otherwise a route
 * approves with probability p/(1 - that). A second try meets the same
 * obstacle; its route is drawn afresh, but the acquirer of the try before
 * repeats its answer with probability 0.8. */
void payments_answer_draw(const struct payments_market *market,
        const struct payments_tariff *tariff,
        const struct payments_outages *outages, const struct payment *payment,
        const struct payments_try *try, struct payments_answer *answer);

/* May it be tried again after this answer, at most 3 times in all? */
bool payments_may_retry(enum payments_reason reason, uint32_t attempt);

/* ---- chargebacks ---- */

struct payments_chargeback {
    bool comes;
    double days; /* after the payment */
    double loss; /* of amount and fee; 0 where the issuer is liable (3DS) */
};

double payments_chargeback_risk(const struct payment *payment, uint32_t route);
void payments_chargeback_draw(const struct payments_tariff *tariff,
        const struct payments_market *market, const struct payment *payment,
        uint32_t generation, uint32_t row, uint32_t route,
        struct payments_chargeback *chargeback);

/* ---- traffic ---- */

/* Payments at a time of `days` since a Monday, the first of a month of 30
 * days, relative to the mean. */
double payments_traffic(double days);
/* What customers' obstacles are multiplied by: fewer after pay day. */
double payments_pay_day(double days);

#endif
