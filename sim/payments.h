/* The market of the payments world (payments.md, section 6.1): issuers,
 * acquirers and merchants drawn from a seed, payments drawn one by one, and
 * the exact probability that a payment is approved over a route. A route is an
 * acquirer, a mode (plain, 3DS, exemption) and a credential (PAN, token); which
 * routes are possible differs from payment to payment.
 *
 * Everything is a function of its arguments: the same seed, generation and row
 * give the same payment and the same luck on every machine, whatever is
 * decided, so that policies can be compared pair by pair. No global state; all
 * functions may run side by side. */
#ifndef SIM_PAYMENTS_H
#define SIM_PAYMENTS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define PAYMENTS_ACQUIRERS   6u
#define PAYMENTS_MODES       3u
#define PAYMENTS_CREDENTIALS 2u
#define PAYMENTS_ROUTES                                                        \
    (PAYMENTS_ACQUIRERS * PAYMENTS_MODES * PAYMENTS_CREDENTIALS)
#define PAYMENTS_ISSUERS   60u
#define PAYMENTS_SCHEMES   4u
#define PAYMENTS_KINDS     6u /* of merchants: mcc */
#define PAYMENTS_COUNTRIES 8u
/* The generation of payments that are evaluated and never played. */
#define PAYMENTS_PANEL UINT32_MAX

enum payments_mode { PAYMENTS_PLAIN, PAYMENTS_3DS, PAYMENTS_EXEMPTION };

/* Routes are numbered by acquirer, then mode, then credential. */
struct payments_route {
    uint32_t acquirer;
    enum payments_mode mode;
    bool token;
};

struct payments_route payments_route(uint32_t index);

#define PAYMENTS_ROUTE_NAME 24u
/* "q3-3ds-token"; returns name. */
const char *payments_route_name(uint32_t index, char name[PAYMENTS_ROUTE_NAME]);

/* What does not change from payment to payment; all on the scale of z. */
struct payments_market {
    uint32_t seed;
    double issuer[PAYMENTS_ISSUERS];
    double kind[PAYMENTS_KINDS];
    double issuer_acquirer[PAYMENTS_ISSUERS][PAYMENTS_ACQUIRERS];
    double issuer_mode[PAYMENTS_ISSUERS][PAYMENTS_MODES];
    double issuer_token[PAYMENTS_ISSUERS];
    double acquirer_kind[PAYMENTS_ACQUIRERS][PAYMENTS_KINDS];
    double acquirer_scheme[PAYMENTS_ACQUIRERS][PAYMENTS_SCHEMES];
    bool supports[PAYMENTS_ACQUIRERS][PAYMENTS_SCHEMES];
    uint32_t batch_hour[PAYMENTS_ACQUIRERS];
    uint32_t issuer_country[PAYMENTS_ISSUERS];
    uint32_t acquirer_country[PAYMENTS_ACQUIRERS];
    double issuer_share[PAYMENTS_ISSUERS]; /* cumulative, Zipf 1.05 */
};

/* The market of a seed as it is in a generation: issuer_acquirer has drifted
 * by drift (W_1 + ... + W_generation), W standard normal; drift 0 is the
 * stationary world. Any generation but PAYMENTS_PANEL. */
void payments_market_draw(struct payments_market *market, uint32_t seed,
        double drift, uint32_t generation);

/* What is known of a payment before it is routed. */
struct payment {
    uint32_t issuer, scheme, kind;
    uint32_t hour; /* 0 to 23 */
    uint32_t merchant_country; /* has no effect */
    double amount, log_amount, risk;
    bool debit; /* else credit */
    bool present; /* the customer takes part (cit): 3DS is possible */
    bool provisioned; /* a token is there */
    bool offered[PAYMENTS_ACQUIRERS];
};

/* Row `row` of a generation. */
void payments_draw(const struct payments_market *market, uint32_t generation,
        uint32_t row, struct payment *payment);

bool payments_possible(const struct payment *payment, uint32_t route);
/* The possible routes in ascending order; at least 2. */
uint32_t payments_eligible(
        const struct payment *payment, uint32_t routes[PAYMENTS_ROUTES]);

/* z of section 6.1, and 1/(1 + exp(-z)). */
double payments_logit(const struct payments_market *market,
        const struct payment *payment, uint32_t route);
double payments_approval(const struct payments_market *market,
        const struct payment *payment, uint32_t route);

/* The row's luck, uniform on [0, 1): it is approved over a route when this is
 * below the route's probability. */
double payments_luck(const struct payments_market *market, uint32_t generation,
        uint32_t row);

/* Payments that policies are evaluated on, with every true probability. */
struct payments_panel {
    uint32_t count;
    struct payments_case {
        struct payment payment;
        uint32_t eligible;
        uint32_t route[PAYMENTS_ROUTES]; /* [eligible] ascending */
        double approval[PAYMENTS_ROUTES]; /* [eligible] */
    } * cases; /* [count] */
};

/* The same payments in every generation; `count` of them, from the heap. */
int payments_panel_open(struct payments_panel *panel,
        const struct payments_market *market, uint32_t count,
        struct err *err) MUST_USE;
/* The approvals as they are in this market: after drift. */
void payments_panel_judge(
        struct payments_panel *panel, const struct payments_market *market);
void payments_panel_close(struct payments_panel *panel);

/* Mean approval of a uniform choice, and of the best route of every payment. */
double payments_panel_uniform(const struct payments_panel *panel);
double payments_panel_best(const struct payments_panel *panel);
/* Mean approval of a list of routes by preference, the first that is possible
 * taken; `list` holds every route that may be needed, e.g. all plain PAN. */
double payments_panel_list(const struct payments_panel *panel,
        const uint32_t *list, uint32_t count);
/* All routes by their mean approval where they are possible, best first: the
 * strongest list that does not look at the payment. */
void payments_panel_ranking(
        const struct payments_panel *panel, uint32_t list[PAYMENTS_ROUTES]);

#endif
