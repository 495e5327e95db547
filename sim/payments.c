#include "sim/payments.h"

#include "base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACQUIRERS PAYMENTS_ACQUIRERS
#define ISSUERS   PAYMENTS_ISSUERS

static const double scheme_effect[PAYMENTS_SCHEMES] = {0.10, 0.05, -0.15, 0.20};
static const double scheme_share[PAYMENTS_SCHEMES] = {0.45, 0.35, 0.08, 0.12};

static uint64_t number_of(uint32_t generation, uint32_t row)
{
    return (uint64_t)generation << 32 | row;
}

/* ---- routes ---- */

struct payments_route payments_route(uint32_t index)
{
    return (struct payments_route){
            .acquirer = index / (PAYMENTS_MODES * PAYMENTS_CREDENTIALS),
            .mode = (enum payments_mode)(
                    index / PAYMENTS_CREDENTIALS % PAYMENTS_MODES),
            .token = index % PAYMENTS_CREDENTIALS == 1,
    };
}

const char *payments_route_name(uint32_t index, char name[PAYMENTS_ROUTE_NAME])
{
    static const char *const modes[PAYMENTS_MODES] = {
            "plain", "3ds", "exemption"};
    struct payments_route parts = payments_route(index);

    (void)snprintf(name, PAYMENTS_ROUTE_NAME, "q%u-%s-%s", parts.acquirer,
            modes[parts.mode], parts.token ? "token" : "pan");
    return name;
}

bool payments_possible(const struct payment *payment, uint32_t route)
{
    struct payments_route parts = payments_route(route);

    if (!payment->offered[parts.acquirer])
        return false;
    if (parts.token && !payment->provisioned)
        return false;
    switch (parts.mode) {
    case PAYMENTS_3DS:
        return payment->present;
    case PAYMENTS_EXEMPTION:
        return payment->present && payment->amount < 250.0;
    case PAYMENTS_PLAIN:
    default:
        return true;
    }
}

uint32_t payments_eligible(
        const struct payment *payment, uint32_t routes[PAYMENTS_ROUTES])
{
    uint32_t count = 0;

    for (uint32_t route = 0; route < PAYMENTS_ROUTES; route++) {
        if (payments_possible(payment, route))
            routes[count++] = route;
    }
    return count;
}

double payments_logit(const struct payments_market *market,
        const struct payment *payment, uint32_t route)
{
    struct payments_route parts = payments_route(route);
    uint32_t i = payment->issuer, q = parts.acquirer;
    bool secure = parts.mode == PAYMENTS_3DS;
    bool large = payment->log_amount > 4.6;
    double distance =
            fabs((double)payment->hour - (double)market->batch_hour[q]);
    double z = 2.50 + market->issuer[i] + scheme_effect[payment->scheme] +
            market->kind[payment->kind] - 0.22 * (payment->log_amount - 3.6) -
            2.2 * payment->risk + (payment->debit ? 0.0 : 0.10);

    z += market->issuer_acquirer[i][q];
    if (market->acquirer_country[q] != market->issuer_country[i])
        z -= 0.35;
    z += market->issuer_mode[i][parts.mode];
    if (secure && large)
        z += 0.55;
    if (parts.mode == PAYMENTS_EXEMPTION && large)
        z -= 0.45;
    if (secure && payment->risk > 0.25)
        z += 0.90;
    if (parts.token)
        z += market->issuer_token[i];
    z += market->acquirer_kind[q][payment->kind] +
            market->acquirer_scheme[q][payment->scheme];
    if (distance <= 1.0)
        z -= 0.80;
    return z;
}

double payments_approval(const struct payments_market *market,
        const struct payment *payment, uint32_t route)
{
    return 1.0 / (1.0 + exp(-payments_logit(market, payment, route)));
}

double payments_luck(
        const struct payments_market *market, uint32_t generation, uint32_t row)
{
    struct rng rng =
            rng_keyed(market->seed, number_of(generation, row), RNG_OUTCOME);

    return rng_unit(&rng);
}

/* ---- the market ---- */

static void draw_issuers(struct payments_market *market, struct rng *rng)
{
    double total = 0.0;

    for (uint32_t i = 0; i < ISSUERS; i++) {
        market->issuer[i] = 0.55 * rng_normal(rng);
        market->issuer_mode[i][PAYMENTS_PLAIN] = 0.0;
        market->issuer_mode[i][PAYMENTS_3DS] = -0.10 + 0.60 * rng_normal(rng);
        market->issuer_mode[i][PAYMENTS_EXEMPTION] =
                0.05 + 0.50 * rng_normal(rng);
        market->issuer_token[i] = 0.20 + 0.30 * rng_normal(rng);
        market->issuer_country[i] = rng_below(rng, PAYMENTS_COUNTRIES);
        for (uint32_t q = 0; q < ACQUIRERS; q++)
            market->issuer_acquirer[i][q] = 0.45 * rng_normal(rng);
        total += pow(i + 1.0, -1.05);
        market->issuer_share[i] = total;
    }
    for (uint32_t i = 0; i < ISSUERS; i++)
        market->issuer_share[i] /= total;
}

static void draw_acquirers(struct payments_market *market, struct rng *rng)
{
    uint32_t universal = rng_below(rng, ACQUIRERS);

    for (uint32_t q = 0; q < ACQUIRERS; q++) {
        market->batch_hour[q] = rng_below(rng, 24);
        market->acquirer_country[q] = rng_below(rng, PAYMENTS_COUNTRIES);
        for (uint32_t m = 0; m < PAYMENTS_KINDS; m++)
            market->acquirer_kind[q][m] = 0.25 * rng_normal(rng);
        for (uint32_t s = 0; s < PAYMENTS_SCHEMES; s++) {
            market->acquirer_scheme[q][s] = 0.20 * rng_normal(rng);
            market->supports[q][s] = q == universal || rng_unit(rng) < 0.75;
        }
    }
}

static void drift_by(
        struct payments_market *market, double drift, uint32_t generation)
{
    struct rng rng = rng_keyed(market->seed, generation, RNG_DRIFT);

    for (uint32_t i = 0; i < ISSUERS; i++) {
        for (uint32_t q = 0; q < ACQUIRERS; q++)
            market->issuer_acquirer[i][q] += drift * rng_normal(&rng);
    }
}

void payments_market_draw(struct payments_market *market, uint32_t seed,
        double drift, uint32_t generation)
{
    struct rng rng = rng_keyed(seed, UINT64_MAX, RNG_WORLD);

    memset(market, 0, sizeof(*market));
    market->seed = seed;
    draw_issuers(market, &rng);
    for (uint32_t m = 0; m < PAYMENTS_KINDS; m++)
        market->kind[m] = 0.30 * rng_normal(&rng);
    draw_acquirers(market, &rng);
    for (uint32_t g = 1; drift != 0.0 && g <= generation; g++)
        drift_by(market, drift, g);
}

/* ---- payments ---- */

/* Gamma by Marsaglia & Tsang 2000, shape >= 1. */
static double draw_gamma(struct rng *rng, double shape)
{
    double d = shape - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d);

    for (;;) {
        double x = rng_normal(rng);
        double v = pow(1.0 + c * x, 3.0);
        double u = rng_unit(rng);
        if (v > 0.0 && log(u) < 0.5 * x * x + d - d * v + d * log(v))
            return d * v;
    }
}

static uint32_t draw_issuer(
        const struct payments_market *market, struct rng *rng)
{
    double u = rng_unit(rng);

    for (uint32_t i = 0; i + 1 < ISSUERS; i++) {
        if (u < market->issuer_share[i])
            return i;
    }
    return ISSUERS - 1;
}

static uint32_t draw_scheme(struct rng *rng)
{
    double u = rng_unit(rng), sum = 0.0;

    for (uint32_t s = 0; s + 1 < PAYMENTS_SCHEMES; s++) {
        sum += scheme_share[s];
        if (u < sum)
            return s;
    }
    return PAYMENTS_SCHEMES - 1;
}

/* 2 or 3 acquirers of those that support the scheme, or all if fewer. */
static void draw_offers(const struct payments_market *market, struct rng *rng,
        struct payment *payment)
{
    uint32_t wanted = 2 + rng_below(rng, 2), left[ACQUIRERS], count = 0;

    for (uint32_t q = 0; q < ACQUIRERS; q++) {
        payment->offered[q] = false;
        if (market->supports[q][payment->scheme])
            left[count++] = q;
    }
    for (; wanted > 0 && count > 0; wanted--) {
        uint32_t pick = rng_below(rng, count);
        payment->offered[left[pick]] = true;
        left[pick] = left[--count];
    }
}

void payments_draw(const struct payments_market *market, uint32_t generation,
        uint32_t row, struct payment *payment)
{
    struct rng rng =
            rng_keyed(market->seed, number_of(generation, row), RNG_WORLD);
    double a, b;

    payment->issuer = draw_issuer(market, &rng);
    payment->scheme = draw_scheme(&rng);
    payment->kind = rng_below(&rng, PAYMENTS_KINDS);
    payment->log_amount = 3.6 + 1.1 * rng_normal(&rng);
    payment->amount = exp(payment->log_amount);
    payment->debit = rng_unit(&rng) < 0.5;
    payment->present = rng_unit(&rng) < 0.7;
    payment->provisioned = rng_unit(&rng) < 0.55;
    payment->hour = rng_below(&rng, 24);
    a = draw_gamma(&rng, 1.5);
    b = draw_gamma(&rng, 9.0);
    payment->risk = a / (a + b);
    draw_offers(market, &rng, payment);
    payment->merchant_country = rng_below(&rng, PAYMENTS_COUNTRIES);
}

/* ---- the panel ---- */

int payments_panel_open(struct payments_panel *panel,
        const struct payments_market *market, uint32_t count, struct err *err)
{
    panel->count = count;
    panel->cases = calloc(count, sizeof(*panel->cases));
    if (panel->cases == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    for (uint32_t i = 0; i < count; i++) {
        struct payments_case *one = &panel->cases[i];
        payments_draw(market, PAYMENTS_PANEL, i, &one->payment);
        one->eligible = payments_eligible(&one->payment, one->route);
    }
    payments_panel_judge(panel, market);
    return 0;
}

void payments_panel_judge(
        struct payments_panel *panel, const struct payments_market *market)
{
    for (uint32_t i = 0; i < panel->count; i++) {
        struct payments_case *one = &panel->cases[i];
        for (uint32_t k = 0; k < one->eligible; k++)
            one->approval[k] =
                    payments_approval(market, &one->payment, one->route[k]);
    }
}

void payments_panel_close(struct payments_panel *panel)
{
    free(panel->cases);
    *panel = (struct payments_panel){0};
}

double payments_panel_uniform(const struct payments_panel *panel)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < panel->count; i++) {
        const struct payments_case *one = &panel->cases[i];
        double of_case = 0.0;
        for (uint32_t k = 0; k < one->eligible; k++)
            of_case += one->approval[k];
        sum += of_case / one->eligible;
    }
    return sum / panel->count;
}

double payments_panel_best(const struct payments_panel *panel)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < panel->count; i++) {
        const struct payments_case *one = &panel->cases[i];
        double best = 0.0;
        for (uint32_t k = 0; k < one->eligible; k++)
            best = fmax(best, one->approval[k]);
        sum += best;
    }
    return sum / panel->count;
}

static double first_of_list(
        const struct payments_case *one, const uint32_t *list, uint32_t count)
{
    for (uint32_t n = 0; n < count; n++) {
        for (uint32_t k = 0; k < one->eligible; k++) {
            if (one->route[k] == list[n])
                return one->approval[k];
        }
    }
    return 0.0;
}

double payments_panel_list(const struct payments_panel *panel,
        const uint32_t *list, uint32_t count)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < panel->count; i++)
        sum += first_of_list(&panel->cases[i], list, count);
    return sum / panel->count;
}

void payments_panel_ranking(
        const struct payments_panel *panel, uint32_t list[PAYMENTS_ROUTES])
{
    double mean[PAYMENTS_ROUTES] = {0};
    uint32_t seen[PAYMENTS_ROUTES] = {0};

    for (uint32_t i = 0; i < panel->count; i++) {
        const struct payments_case *one = &panel->cases[i];
        for (uint32_t k = 0; k < one->eligible; k++) {
            mean[one->route[k]] += one->approval[k];
            seen[one->route[k]]++;
        }
    }
    for (uint32_t route = 0; route < PAYMENTS_ROUTES; route++) {
        uint32_t at = route;
        mean[route] = seen[route] > 0 ? mean[route] / seen[route] : 0.0;
        for (; at > 0 && mean[list[at - 1]] < mean[route]; at--)
            list[at] = list[at - 1];
        list[at] = route;
    }
}
