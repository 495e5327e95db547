#include "sim/routers.h"

#include "base/check.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENTS (PAYMENTS_SCHEMES * 2u)

struct router {
    const struct routing *routing;
    uint32_t seed;
    const struct payments_market *market;
    uint32_t list[PAYMENTS_ROUTES]; /* by mean approval, best first */
    double good[SEGMENTS][PAYMENTS_ROUTES], bad[SEGMENTS][PAYMENTS_ROUTES];
};

struct routing {
    const char *name;
    void (*distribute)(const struct router *router,
            const struct payment *payment, const uint32_t *routes,
            uint32_t count, uint64_t event, double *pmf);
};

static void all_on(double *pmf, uint32_t count, uint32_t chosen)
{
    for (uint32_t i = 0; i < count; i++)
        pmf[i] = i == chosen ? 1.0 : 0.0;
}

static void uniform(const struct router *router, const struct payment *payment,
        const uint32_t *routes, uint32_t count, uint64_t event, double *pmf)
{
    (void)router;
    (void)payment;
    (void)routes;
    (void)event;
    for (uint32_t i = 0; i < count; i++)
        pmf[i] = 1.0 / count;
}

static void clairvoyant(const struct router *router,
        const struct payment *payment, const uint32_t *routes, uint32_t count,
        uint64_t event, double *pmf)
{
    uint32_t best = 0;
    double most = -1.0;

    (void)event;
    for (uint32_t i = 0; i < count; i++) {
        double p = payments_approval(router->market, payment, routes[i]);
        if (p > most) {
            most = p;
            best = i;
        }
    }
    all_on(pmf, count, best);
}

/* Where `route` is among the possible ones; count: it is not. */
static uint32_t place_of(const uint32_t *routes, uint32_t count, uint32_t route)
{
    for (uint32_t i = 0; i < count; i++) {
        if (routes[i] == route)
            return i;
    }
    return count;
}

/* The first of a list by true mean that is possible. */
static void static_list(const struct router *router,
        const struct payment *payment, const uint32_t *routes, uint32_t count,
        uint64_t event, double *pmf)
{
    uint32_t chosen = count;

    (void)payment;
    (void)event;
    for (uint32_t k = 0; k < PAYMENTS_ROUTES && chosen == count; k++)
        chosen = place_of(routes, count, router->list[k]);
    all_on(pmf, count, chosen);
}

/* The same of plain routes alone; a token where there is one is another route.
 */
static void static_plain(const struct router *router,
        const struct payment *payment, const uint32_t *routes, uint32_t count,
        uint64_t event, double *pmf)
{
    uint32_t plain[PAYMENTS_ROUTES], kept = 0;
    double own[PAYMENTS_ROUTES];

    for (uint32_t i = 0; i < count; i++) {
        if (payments_route(routes[i]).mode == PAYMENTS_PLAIN)
            plain[kept++] = routes[i];
    }
    if (kept == 0) { /* a circuit took them out */
        static_list(router, payment, routes, count, event, pmf);
        return;
    }
    static_list(router, payment, plain, kept, event, own);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = place_of(plain, kept, routes[i]);
        pmf[i] = at < kept ? own[at] : 0.0;
    }
}

/* The one route of the best mean, where it is possible; else any. */
static void best_overall(const struct router *router,
        const struct payment *payment, const uint32_t *routes, uint32_t count,
        uint64_t event, double *pmf)
{
    uint32_t at = place_of(routes, count, router->list[0]);

    if (at < count)
        all_on(pmf, count, at);
    else
        uniform(router, payment, routes, count, event, pmf);
}

/* ---- Thompson ---- */

static uint32_t segment_of(const struct payment *payment)
{
    return 2 * payment->scheme + payment->debit;
}

/* Gamma(shape >= 1), Marsaglia and Tsang 2000, "A simple method for generating
 * gamma variables". */
static double draw_gamma(struct rng *rng, double shape)
{
    double d = shape - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d);

    for (;;) {
        double x = rng_normal(rng), v = 1.0 + c * x;
        if (v <= 0.0)
            continue;
        v = v * v * v;
        if (log(1.0 - rng_unit(rng)) < 0.5 * x * x + d - d * v + d * log(v))
            return d * v;
    }
}

static void thompson(const struct router *router, const struct payment *payment,
        const uint32_t *routes, uint32_t count, uint64_t event, double *pmf)
{
    struct rng rng = rng_keyed(router->seed, event, RNG_EXPERT);
    uint32_t segment = segment_of(payment), best = 0;
    double most = -1.0;

    for (uint32_t i = 0; i < count; i++) {
        double good = draw_gamma(&rng, 1.0 + router->good[segment][routes[i]]);
        double bad = draw_gamma(&rng, 1.0 + router->bad[segment][routes[i]]);
        if (good / (good + bad) > most) {
            most = good / (good + bad);
            best = i;
        }
    }
    all_on(pmf, count, best);
}

/* ---- life ---- */

static const struct routing routings[] = {
        {"uniform", uniform},
        {"clairvoyant", clairvoyant},
        {"static-list", static_list},
        {"static-plain", static_plain},
        {"best-overall", best_overall},
        {"beta-thompson", thompson},
};

struct router *router_open(const char *name, uint32_t seed)
{
    struct router *router;

    for (size_t i = 0; i < ARRAY_COUNT(routings); i++) {
        if (strcmp(routings[i].name, name) != 0)
            continue;
        router = calloc(1, sizeof(*router));
        if (router == NULL)
            return NULL;
        router->routing = &routings[i];
        router->seed = seed;
        return router;
    }
    return NULL;
}

void router_close(struct router *router)
{
    free(router);
}

void router_know(struct router *router, const struct payments_market *market,
        const struct payments_panel *panel)
{
    router->market = market;
    payments_panel_ranking(panel, router->list);
}

void router_distribute(const struct router *router,
        const struct payment *payment, const uint32_t *routes, uint32_t count,
        uint64_t event, double *pmf)
{
    router->routing->distribute(router, payment, routes, count, event, pmf);
}

void router_learn(struct router *router, const struct payment *payment,
        uint32_t route, bool approved)
{
    uint32_t segment = segment_of(payment);

    if (approved)
        router->good[segment][route] += 1.0;
    else
        router->bad[segment][route] += 1.0;
}
