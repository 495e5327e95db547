/* Ways to route payments without a model of them (payments.md, section 7): what
 * the learned ones are compared with. Some know the truth and say how far one
 * can get; one learns: Beta Thompson sampling by segment (scheme x debit or
 * credit), one Beta(1, 1) a segment and route.
 *
 * A router gives the probability of each possible route; Thompson's is that of
 * one posterior draw, 1 for the route that it favours, so that values over many
 * payments are means over draws. */
#ifndef SIM_ROUTERS_H
#define SIM_ROUTERS_H

#include "sim/payments.h"

struct router;

/* NULL if there is none of that name, or no memory. */
struct router *router_open(const char *name, uint32_t seed);
void router_close(struct router *router);

/* The world as it now is, for those that know the truth. */
void router_know(struct router *router, const struct payments_market *market,
        const struct payments_panel *panel);

/* pmf[count] over routes[count]. `event` keys its draws. */
void router_distribute(const struct router *router,
        const struct payment *payment, const uint32_t *routes, uint32_t count,
        uint64_t event, double *pmf);

void router_learn(struct router *router, const struct payment *payment,
        uint32_t route, bool approved);

#endif
