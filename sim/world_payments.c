/* Payment routing (payments.md, section 6.1): a route is an acquirer, a mode
 * (plain, 3DS, exemption) and a credential (PAN, token); the reward is that
 * the payment is approved. Which routes are possible differs from payment to
 * payment. Answers come late, some never do, and one acquirer fails for a
 * while and comes back.
 *
 * What a client sends: numbers of the payment, and for each route its parts
 * and their products with what the payment is. Issuers are not sent: a linear
 * model of 60 issuers x 6 acquirers belongs to oracles of many features. */
#include "base/rng.h"
#include "sim/world.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ACQUIRERS 6u
#define MODES     3u
#define ROUTES    (ACQUIRERS * MODES * 2u)
#define ISSUERS   60u
#define SCHEMES   4u
#define MERCHANTS 6u
#define COUNTRIES 8u
#define PARTS     (ACQUIRERS + MODES - 1u + 1u)

/* Columns of a route: its parts, their products with amount and risk, the
 * acquirer with scheme and merchant kind, mode 3DS with amount and risk above
 * their steps, and acquirer abroad. */
#define ROUTE_COLUMNS                                                          \
    (PARTS * 3u + ACQUIRERS * SCHEMES + ACQUIRERS * MERCHANTS + 4u)
#define CONTEXT_COLUMNS 5u

enum { PLAIN, THREE_DS, EXEMPTION };

/* What does not change in a world: drawn from its seed. */
struct market {
    double issuer[ISSUERS], merchant[MERCHANTS];
    double issuer_acquirer[ISSUERS][ACQUIRERS];
    double issuer_mode[ISSUERS][MODES];
    double issuer_token[ISSUERS];
    double acquirer_merchant[ACQUIRERS][MERCHANTS];
    double acquirer_scheme[ACQUIRERS][SCHEMES];
    bool supports[ACQUIRERS][SCHEMES];
    uint32_t batch_hour[ACQUIRERS];
    uint32_t issuer_country[ISSUERS], acquirer_country[ACQUIRERS];
    double issuer_share[ISSUERS]; /* cumulative, Zipf 1.05 */
};

struct payment {
    uint32_t issuer, scheme, merchant, hour;
    double log_amount, risk;
    bool debit, present, provisioned;
    bool acquirer_offered[ACQUIRERS];
};

struct world {
    struct market market;
    uint32_t seed, count;
    uint32_t fail_from, fail_until, fail_acquirer;
    struct payment payment; /* of round `at` */
    uint32_t at;
    bool loaded;
    double context[CONTEXT_COLUMNS];
    double features[ROUTES * ROUTE_COLUMNS];
    uint32_t excluded[ROUTES];
    uint32_t excluded_count;
    double sum_uniform, sum_best, sum_static;
    double last_uniform, last_best, last_static;
    double outage_learned, outage_best;
    uint32_t outage_rounds;
};

static const double scheme_effect[SCHEMES] = {0.10, 0.05, -0.15, 0.20};
static const double scheme_share[SCHEMES] = {0.45, 0.35, 0.08, 0.12};

/* ---- routes ---- */

static uint32_t acquirer_of(uint32_t route)
{
    return route / (MODES * 2);
}

static uint32_t mode_of(uint32_t route)
{
    return route / 2 % MODES;
}

static bool token_of(uint32_t route)
{
    return route % 2 == 1;
}

static bool possible(const struct payment *payment, uint32_t route)
{
    if (!payment->acquirer_offered[acquirer_of(route)])
        return false;
    if (token_of(route) && !payment->provisioned)
        return false;
    switch (mode_of(route)) {
    case THREE_DS:
        return payment->present;
    case EXEMPTION:
        return payment->present && exp(payment->log_amount) < 250.0;
    default:
        return true;
    }
}

/* z of section 6.1. */
static double logit(const struct market *market, const struct payment *payment,
        uint32_t route)
{
    uint32_t q = acquirer_of(route), f = mode_of(route), i = payment->issuer;
    double late = payment->log_amount > 4.6;
    double distance =
            fabs((double)payment->hour - (double)market->batch_hour[q]);
    double z = 2.50 + market->issuer[i] + scheme_effect[payment->scheme] +
            market->merchant[payment->merchant] -
            0.22 * (payment->log_amount - 3.6) - 2.2 * payment->risk +
            (payment->debit ? 0.0 : 0.10);

    z += market->issuer_acquirer[i][q] -
            (market->acquirer_country[q] != market->issuer_country[i] ? 0.35
                                                                      : 0.0);
    z += market->issuer_mode[i][f] + (f == THREE_DS ? 0.55 * late : 0.0) -
            (f == EXEMPTION ? 0.45 * late : 0.0) +
            (f == THREE_DS && payment->risk > 0.25 ? 0.90 : 0.0);
    z += (token_of(route) ? market->issuer_token[i] : 0.0) +
            market->acquirer_merchant[q][payment->merchant] +
            market->acquirer_scheme[q][payment->scheme] -
            (distance <= 1.0 ? 0.80 : 0.0);
    return z;
}

/* Is the failing acquirer down in this round? */
static bool outage(const struct world *world, uint32_t i)
{
    return i >= world->fail_from && i < world->fail_until;
}

static double approval(const struct world *world, uint32_t i, uint32_t route)
{
    if (outage(world, i) && acquirer_of(route) == world->fail_acquirer)
        return 0.0;
    return 1.0 / (1.0 + exp(-logit(&world->market, &world->payment, route)));
}

/* ---- drawing ---- */

static void draw_market(struct market *market, uint32_t seed)
{
    struct rng rng = rng_keyed(seed, UINT64_MAX, RNG_WORLD);
    double total = 0.0;
    uint32_t universal = rng_below(&rng, ACQUIRERS);

    for (uint32_t i = 0; i < ISSUERS; i++) {
        market->issuer[i] = 0.55 * rng_normal(&rng);
        market->issuer_mode[i][PLAIN] = 0.0;
        market->issuer_mode[i][THREE_DS] = -0.10 + 0.60 * rng_normal(&rng);
        market->issuer_mode[i][EXEMPTION] = 0.05 + 0.50 * rng_normal(&rng);
        market->issuer_token[i] = 0.20 + 0.30 * rng_normal(&rng);
        market->issuer_country[i] = rng_below(&rng, COUNTRIES);
        for (uint32_t q = 0; q < ACQUIRERS; q++)
            market->issuer_acquirer[i][q] = 0.45 * rng_normal(&rng);
        total += pow(i + 1.0, -1.05);
        market->issuer_share[i] = total;
    }
    for (uint32_t i = 0; i < ISSUERS; i++)
        market->issuer_share[i] /= total;
    for (uint32_t m = 0; m < MERCHANTS; m++)
        market->merchant[m] = 0.30 * rng_normal(&rng);
    for (uint32_t q = 0; q < ACQUIRERS; q++) {
        market->batch_hour[q] = rng_below(&rng, 24);
        market->acquirer_country[q] = rng_below(&rng, COUNTRIES);
        for (uint32_t m = 0; m < MERCHANTS; m++)
            market->acquirer_merchant[q][m] = 0.25 * rng_normal(&rng);
        for (uint32_t s = 0; s < SCHEMES; s++) {
            market->acquirer_scheme[q][s] = 0.20 * rng_normal(&rng);
            market->supports[q][s] = q == universal || rng_unit(&rng) < 0.75;
        }
    }
}

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

static uint32_t draw_share(
        struct rng *rng, const double *share, uint32_t count, bool cumulative)
{
    double u = rng_unit(rng), sum = 0.0;

    for (uint32_t i = 0; i + 1 < count; i++) {
        sum = cumulative ? share[i] : sum + share[i];
        if (u < sum)
            return i;
    }
    return count - 1;
}

/* 2 or 3 acquirers of those that support the scheme, or all if fewer. */
static void draw_acquirers(
        const struct market *market, struct rng *rng, struct payment *payment)
{
    uint32_t wanted = 2 + rng_below(rng, 2), left[ACQUIRERS], count = 0;

    for (uint32_t q = 0; q < ACQUIRERS; q++) {
        payment->acquirer_offered[q] = false;
        if (market->supports[q][payment->scheme])
            left[count++] = q;
    }
    for (; wanted > 0 && count > 0; wanted--) {
        uint32_t pick = rng_below(rng, count);
        payment->acquirer_offered[left[pick]] = true;
        left[pick] = left[--count];
    }
}

static void load_payment(struct world *world, uint32_t i)
{
    struct rng rng = rng_keyed(world->seed, i, RNG_WORLD);
    struct payment *payment = &world->payment;
    double a, b;

    if (world->loaded && world->at == i)
        return;
    payment->issuer =
            draw_share(&rng, world->market.issuer_share, ISSUERS, true);
    payment->scheme = draw_share(&rng, scheme_share, SCHEMES, false);
    payment->merchant = rng_below(&rng, MERCHANTS);
    payment->log_amount = 3.6 + 1.1 * rng_normal(&rng);
    payment->debit = rng_unit(&rng) < 0.5;
    payment->present = rng_unit(&rng) < 0.7;
    payment->provisioned = rng_unit(&rng) < 0.55;
    payment->hour = rng_below(&rng, 24);
    a = draw_gamma(&rng, 1.5);
    b = draw_gamma(&rng, 9.0);
    payment->risk = a / (a + b);
    draw_acquirers(&world->market, &rng, payment);
    world->at = i;
    world->loaded = true;
}

/* ---- what the client sends ---- */

static void route_features(
        const struct world *world, uint32_t route, double *out)
{
    const struct payment *payment = &world->payment;
    uint32_t q = acquirer_of(route), f = mode_of(route);
    double parts[PARTS] = {0};
    uint32_t at = 0;

    parts[q] = 1.0;
    if (f != PLAIN)
        parts[ACQUIRERS + f - 1] = 1.0;
    parts[PARTS - 1] = token_of(route);
    memset(out, 0, ROUTE_COLUMNS * sizeof(*out));
    for (uint32_t k = 0; k < PARTS; k++) {
        out[at++] = parts[k];
        out[at++] = parts[k] * (payment->log_amount - 3.6);
        out[at++] = parts[k] * payment->risk * 4.0;
    }
    out[at + q * SCHEMES + payment->scheme] = 1.0;
    at += ACQUIRERS * SCHEMES;
    out[at + q * MERCHANTS + payment->merchant] = 1.0;
    at += ACQUIRERS * MERCHANTS;
    out[at++] = f == THREE_DS && payment->log_amount > 4.6;
    out[at++] = f == EXEMPTION && payment->log_amount > 4.6;
    out[at++] = f == THREE_DS && payment->risk > 0.25;
    out[at++] = world->market.acquirer_country[q] !=
            world->market.issuer_country[payment->issuer];
}

static void payments_question(
        struct world *world, uint32_t i, rue_question *question)
{
    const struct payment *payment = &world->payment;

    load_payment(world, i);
    world->context[0] = payment->log_amount - 3.6;
    world->context[1] = payment->risk * 4.0;
    world->context[2] = payment->debit;
    world->context[3] = payment->present;
    world->context[4] = payment->provisioned;
    world->excluded_count = 0;
    for (uint32_t route = 0; route < ROUTES; route++) {
        route_features(world, route, world->features + route * ROUTE_COLUMNS);
        if (!possible(payment, route))
            world->excluded[world->excluded_count++] = route;
    }
    question->context = world->context;
    question->context_count = CONTEXT_COLUMNS;
    question->action_features = world->features;
    question->action_rows = ROUTES;
    question->action_columns = ROUTE_COLUMNS;
    question->excluded = world->excluded;
    question->excluded_count = world->excluded_count;
}

/* ---- values ---- */

static void book(struct world *world, uint32_t i, double learned)
{
    double best = 0.0, sum = 0.0, first = 0.0;
    uint32_t count = 0;
    bool last = i >= world->count - world->count / 4;

    for (uint32_t route = 0; route < ROUTES; route++) {
        double p;
        if (!possible(&world->payment, route))
            continue;
        p = approval(world, i, route);
        best = fmax(best, p);
        sum += p;
        /* The static rule: the first acquirer offered, plain, PAN. */
        if (count == 0)
            first = p;
        count++;
    }
    world->sum_uniform += sum / count;
    world->sum_best += best;
    world->sum_static += first;
    if (last) {
        world->last_uniform += sum / count;
        world->last_best += best;
        world->last_static += first;
    }
    if (outage(world, i)) {
        world->outage_learned += learned;
        world->outage_best += best;
        world->outage_rounds++;
    }
}

static int payments_score(struct world *world, uint32_t i,
        const rue_answer *answer, double *value, struct err *err)
{
    load_payment(world, i);
    *value = 0.0;
    for (size_t k = 0; k < answer->count; k++) {
        uint32_t route = answer->ranking[k];
        if (route >= ROUTES || !possible(&world->payment, route))
            return err_set(err, STATUS_INVALID,
                    "round %u: route %u is not possible", i, route);
        *value += answer->probability[k] * approval(world, i, route);
    }
    book(world, i, *value);
    return 0;
}

/* Row i approves when its own uniform number is below p, whatever is played:
 * policies can be compared pair by pair. */
static double payments_outcome(
        struct world *world, uint32_t i, const rue_answer *answer)
{
    struct rng rng = rng_keyed(world->seed, i, RNG_TEST);

    load_payment(world, i);
    return rng_unit(&rng) < approval(world, i, answer->chosen) ? 1.0 : 0.0;
}

/* Most answers come within some 40 payments, 1 in 50 never does. */
static int32_t payments_delay(struct world *world, uint32_t i)
{
    struct rng rng = rng_keyed(world->seed, i, RNG_EXPERT);

    if (rng_unit(&rng) < 0.02)
        return -1;
    return (int32_t)(-20.0 * log(1.0 - rng_unit(&rng)));
}

/* ---- life ---- */

static int payments_open(struct world **out,
        const struct world_settings *settings, struct err *err)
{
    struct world *world = calloc(1, sizeof(*world));
    struct rng rng = rng_keyed(settings->seed, 0, RNG_PATH);

    if (world == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    world->seed = settings->seed;
    world->count = settings->rounds > 0 ? settings->rounds : 20000;
    draw_market(&world->market, settings->seed);
    world->fail_from = world->count * 60 / 100;
    world->fail_until = world->count * 70 / 100;
    world->fail_acquirer = rng_below(&rng, ACQUIRERS);
    if (settings->variant != NULL && strcmp(settings->variant, "calm") == 0)
        world->fail_until = world->fail_from;
    *out = world;
    return 0;
}

static void payments_close(struct world *world)
{
    free(world);
}

static uint32_t payments_rounds(const struct world *world)
{
    return world->count;
}

static void payments_config(
        const struct world *world, const char *problem, FILE *out)
{
    static const char *const modes[MODES] = {"plain", "3ds", "exemption"};

    (void)world;
    fprintf(out,
            "  - name: %s\n    context: [amount, risk, debit, present, "
            "provisioned]\n    action_features: %u\n    actions: [",
            problem, ROUTE_COLUMNS);
    for (uint32_t route = 0; route < ROUTES; route++)
        fprintf(out, "%sq%u-%s-%s", route > 0 ? ", " : "", acquirer_of(route),
                modes[mode_of(route)], token_of(route) ? "token" : "pan");
    fprintf(out,
            "]\n    reward: {min: 0, max: 1, default: 0, wait: 3s}\n"
            "    policy: {oracle: ridge, explorer: squarecb, model: "
            "shared, scale: false, forgetting: 0.9998, gamma_scale: 30, "
            "floor: 0.01}\n");
}

static struct world_row row(
        const char *name, double sum, double last, uint32_t rounds)
{
    uint32_t quarter = rounds / 4;
    struct world_row row = {.mean = sum / rounds,
            .last_quarter = last / quarter,
            .rounds = rounds};

    (void)snprintf(row.name, sizeof(row.name), "%s", name);
    return row;
}

static uint32_t payments_baselines(struct world *world, struct world_row *rows)
{
    uint32_t count = 0;

    rows[count++] = row("uniform over possible routes", world->sum_uniform,
            world->last_uniform, world->count);
    rows[count++] = row("first acquirer, plain", world->sum_static,
            world->last_static, world->count);
    rows[count++] = row("best possible (clairvoyant)", world->sum_best,
            world->last_best, world->count);
    if (world->outage_rounds > 0) {
        rows[count] = row("in the outage: learned", world->outage_learned, NAN,
                world->outage_rounds);
        rows[count++].last_quarter = NAN;
        rows[count] = row("in the outage: best possible", world->outage_best,
                NAN, world->outage_rounds);
        rows[count++].last_quarter = NAN;
    }
    return count;
}

const struct world_functions world_payments = {
        .name = "payments",
        .sentence = "route payments so that they are approved",
        .variants = "outage calm",
        .policies = "ridge",
        .value = "share approved",
        .minimise = false,
        .window = 32,
        .open = payments_open,
        .close = payments_close,
        .rounds = payments_rounds,
        .config = payments_config,
        .question = payments_question,
        .score = payments_score,
        .outcome = payments_outcome,
        .delay = payments_delay,
        .baselines = payments_baselines,
};
