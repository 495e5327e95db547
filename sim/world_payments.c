/* Payment routing (payments.md, section 6.1): a route is an acquirer, a mode
 * (plain, 3DS, exemption) and a credential (PAN, token); the reward is that
 * the payment is approved. Which routes are possible differs from payment to
 * payment. Answers come late, some never do, they say whose doing a failure is
 * (sim/payments_life.h), and one acquirer fails for a while and comes back.
 *
 * What a client sends, by the policy that is to learn:
 * ridge     numbers of the payment, and for each route its parts and their
 *           products with what the payment is; no issuers
 * pairwise  numbers of the payment; issuer, merchant kind, scheme and country
 *           by name; the parts of each route. It is trained by the service
 *           every few seconds, and circuits stand below it */
#include "base/rng.h"
#include "sim/payments_life.h"
#include "sim/routers.h"
#include "sim/world.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ACQUIRERS PAYMENTS_ACQUIRERS
#define ROUTES    PAYMENTS_ROUTES
#define PARTS     (ACQUIRERS + PAYMENTS_MODES - 1u + 1u)

/* Columns of a route: its parts, their products with amount and risk, the
 * acquirer with scheme and merchant kind, mode 3DS with amount and risk above
 * their steps, and acquirer abroad. */
#define ROUTE_COLUMNS                                                          \
    (PARTS * 3u + ACQUIRERS * PAYMENTS_SCHEMES + ACQUIRERS * PAYMENTS_KINDS +  \
            4u)
#define CONTEXT_COLUMNS 7u
#define RIDGE_CONTEXT   5u
#define NAMES           4u
#define NAME_SIZE       4u
/* Payments that lists by true means are made from. */
#define LIST_PAYMENTS 2000u

struct world {
    struct payments_market market;
    struct payments_tariff tariff;
    struct payments_outages *outages; /* one, or none */
    struct router *list; /* of the strongest list */
    bool pairwise;
    uint32_t count;
    uint32_t fail_from, fail_until, fail_acquirer;
    char names[NAMES][NAME_SIZE];
    rue_named named[NAMES];
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

/* Is the failing acquirer down in this round? */
static bool outage(const struct world *world, uint32_t i)
{
    return i >= world->fail_from && i < world->fail_until;
}

static double approval(const struct world *world, uint32_t i, uint32_t route)
{
    return payments_approval_at(
            &world->market, world->outages, &world->payment, route, i, NULL);
}

static void load_payment(struct world *world, uint32_t i)
{
    if (world->loaded && world->at == i)
        return;
    payments_draw(&world->market, 0, i, &world->payment);
    world->at = i;
    world->loaded = true;
}

/* ---- what the client sends ---- */

static void route_features(
        const struct world *world, uint32_t route, double *out)
{
    const struct payment *payment = &world->payment;
    struct payments_route is = payments_route(route);
    uint32_t q = is.acquirer;
    bool secure = is.mode == PAYMENTS_3DS;
    double parts[PARTS] = {0};
    uint32_t at = 0;

    parts[q] = 1.0;
    if (is.mode != PAYMENTS_PLAIN)
        parts[ACQUIRERS + is.mode - 1] = 1.0;
    parts[PARTS - 1] = is.token;
    memset(out, 0, ROUTE_COLUMNS * sizeof(*out));
    for (uint32_t k = 0; k < PARTS; k++) {
        out[at++] = parts[k];
        out[at++] = parts[k] * (payment->log_amount - 3.6);
        out[at++] = parts[k] * payment->risk * 4.0;
    }
    out[at + q * PAYMENTS_SCHEMES + payment->scheme] = 1.0;
    at += ACQUIRERS * PAYMENTS_SCHEMES;
    out[at + q * PAYMENTS_KINDS + payment->kind] = 1.0;
    at += ACQUIRERS * PAYMENTS_KINDS;
    out[at++] = secure && payment->log_amount > 4.6;
    out[at++] = is.mode == PAYMENTS_EXEMPTION && payment->log_amount > 4.6;
    out[at++] = secure && payment->risk > 0.25;
    out[at++] = world->market.acquirer_country[q] !=
            world->market.issuer_country[payment->issuer];
}

static void name_feature(
        struct world *world, uint32_t at, const char *space, uint32_t value)
{
    (void)snprintf(world->names[at], NAME_SIZE, "%02u", value);
    world->named[at] =
            (rue_named){.space = space, .name = world->names[at], .value = 1.0};
}

/* The parts of a route alone: their products are the oracle's work. */
static void route_parts(uint32_t route, double *out)
{
    struct payments_route is = payments_route(route);

    memset(out, 0, PARTS * sizeof(*out));
    out[is.acquirer] = 1.0;
    if (is.mode != PAYMENTS_PLAIN)
        out[ACQUIRERS + is.mode - 1] = 1.0;
    out[PARTS - 1] = is.token;
}

static void ask_by_name(struct world *world, rue_question *question)
{
    const struct payment *payment = &world->payment;
    uint32_t country = world->market.issuer_country[payment->issuer];

    world->context[5] = payment->hour;
    world->context[6] = payment->merchant_country == country;
    name_feature(world, 0, "issuer", payment->issuer);
    name_feature(world, 1, "mcc", payment->kind);
    name_feature(world, 2, "scheme", payment->scheme);
    name_feature(world, 3, "country", country);
    for (uint32_t route = 0; route < ROUTES; route++)
        route_parts(route, world->features + route * PARTS);
    question->context_count = CONTEXT_COLUMNS;
    question->named = world->named;
    question->named_count = NAMES;
    question->action_columns = PARTS;
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
        if (!payments_possible(payment, route))
            world->excluded[world->excluded_count++] = route;
    }
    question->context = world->context;
    question->context_count = RIDGE_CONTEXT;
    question->action_features = world->features;
    question->action_rows = ROUTES;
    question->action_columns = ROUTE_COLUMNS;
    if (world->pairwise)
        ask_by_name(world, question);
    question->excluded = world->excluded;
    question->excluded_count = world->excluded_count;
}

/* ---- values ---- */

static void book(struct world *world, uint32_t i, double learned)
{
    double best = 0.0, sum = 0.0, list = 0.0;
    double pmf[ROUTES];
    uint32_t routes[ROUTES], count = 0;
    bool last = i >= world->count - world->count / 4;

    for (uint32_t route = 0; route < ROUTES; route++) {
        double p;
        if (!payments_possible(&world->payment, route))
            continue;
        p = approval(world, i, route);
        best = fmax(best, p);
        sum += p;
        routes[count++] = route;
    }
    router_distribute(world->list, &world->payment, routes, count, i, pmf);
    for (uint32_t k = 0; k < count; k++)
        list += pmf[k] * approval(world, i, routes[k]);
    world->sum_uniform += sum / count;
    world->sum_best += best;
    world->sum_static += list;
    if (last) {
        world->last_uniform += sum / count;
        world->last_best += best;
        world->last_static += list;
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
        if (route >= ROUTES || !payments_possible(&world->payment, route))
            return err_set(err, STATUS_INVALID,
                    "round %u: route %u is not possible", i, route);
        *value += answer->probability[k] * approval(world, i, route);
    }
    book(world, i, *value);
    return 0;
}

/* Row i has its own luck, whatever is played: policies can be compared pair by
 * pair. */
static struct payments_answer answer_of(
        struct world *world, uint32_t i, const rue_answer *answer)
{
    struct payments_try try = {
            .row = i, .route = answer->chosen, .time = i, .pay_day = 1.0};
    struct payments_answer got;

    load_payment(world, i);
    payments_answer_draw(&world->market, &world->tariff, world->outages,
            &world->payment, &try, &got);
    return got;
}

static double payments_outcome(
        struct world *world, uint32_t i, const rue_answer *answer)
{
    return answer_of(world, i, answer).approved ? 1.0 : 0.0;
}

static rue_cause payments_cause(
        struct world *world, uint32_t i, const rue_answer *answer)
{
    static const rue_cause causes[] = {
            [PAYMENTS_NOBODY] = RUE_CAUSE_UNKNOWN,
            [PAYMENTS_ACTION] = RUE_CAUSE_ACTION,
            [PAYMENTS_OTHER] = RUE_CAUSE_OTHER,
            [PAYMENTS_CUSTOMER] = RUE_CAUSE_CUSTOMER,
            [PAYMENTS_SILENCE] = RUE_CAUSE_TIMEOUT,
    };

    return causes[payments_cause_of(answer_of(world, i, answer).reason)];
}

/* Most answers come within some 40 payments, 1 in 50 never does. */
static int32_t payments_delay(struct world *world, uint32_t i)
{
    struct rng rng = rng_keyed(world->market.seed, i, RNG_EXPERT);

    if (rng_unit(&rng) < 0.02)
        return -1;
    return (int32_t)(-20.0 * log(1.0 - rng_unit(&rng)));
}

/* ---- life ---- */

static void payments_close(struct world *world)
{
    if (world == NULL)
        return;
    router_close(world->list);
    free(world->outages);
    free(world);
}

static int make_list(struct world *world, uint32_t seed, struct err *err)
{
    struct payments_panel panel;

    world->list = router_open("static-list", seed);
    if (world->list == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    if (payments_panel_open(&panel, &world->market, LIST_PAYMENTS, err) != 0)
        return err->status;
    router_know(world->list, &world->market, &panel);
    payments_panel_close(&panel);
    return 0;
}

static int choose(struct world *world, const struct world_settings *settings,
        struct err *err)
{
    const char *policy = settings->policy == NULL ? "ridge" : settings->policy;
    const char *variant =
            settings->variant == NULL ? "outage" : settings->variant;

    world->pairwise = strcmp(policy, "pairwise") == 0;
    if (!world->pairwise && strcmp(policy, "ridge") != 0)
        return err_set(err, STATUS_INVALID,
                "policy: ridge or pairwise, not '%s'", policy);
    if (strcmp(variant, "outage") != 0 && strcmp(variant, "calm") != 0)
        return err_set(err, STATUS_INVALID, "variant: outage or calm, not '%s'",
                variant);
    world->fail_until = strcmp(variant, "calm") == 0 ? world->fail_from
                                                     : world->count * 70 / 100;
    return 0;
}

static int open_world(struct world *world,
        const struct world_settings *settings, struct err *err)
{
    struct rng rng = rng_keyed(settings->seed, 0, RNG_PATH);

    world->count = settings->rounds > 0 ? settings->rounds : 20000;
    payments_market_draw(&world->market, settings->seed, 0.0, 0);
    payments_tariff_draw(&world->tariff, settings->seed);
    world->fail_from = world->count * 60 / 100;
    world->fail_acquirer = rng_below(&rng, ACQUIRERS);
    if (choose(world, settings, err) != 0)
        return err->status;
    world->outages = calloc(1, sizeof(*world->outages));
    if (world->outages == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    world->outages->count = 1;
    world->outages->list[0] =
            (struct payments_outage){.acquirer = world->fail_acquirer,
                    .issuer = PAYMENTS_ALL_ISSUERS,
                    .from = world->fail_from,
                    .until = world->fail_until,
                    .down = true};
    return make_list(world, settings->seed, err);
}

static int payments_open(struct world **out,
        const struct world_settings *settings, struct err *err)
{
    struct world *world = calloc(1, sizeof(*world));

    *out = NULL;
    if (world == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    if (open_world(world, settings, err) != 0) {
        payments_close(world);
        return err->status;
    }
    *out = world;
    return 0;
}

static uint32_t payments_rounds(const struct world *world)
{
    return world->count;
}

static void payments_config(
        const struct world *world, const char *problem, FILE *out)
{
    char name[PAYMENTS_ROUTE_NAME];

    fprintf(out,
            "  - name: %s\n    context: [amount, risk, debit, present, "
            "provisioned%s]\n    action_features: %u\n    actions: [",
            problem, world->pairwise ? ", hour, domestic" : "",
            world->pairwise ? PARTS : ROUTE_COLUMNS);
    for (uint32_t route = 0; route < ROUTES; route++)
        fprintf(out, "%s%s", route > 0 ? ", " : "",
                payments_route_name(route, name));
    fprintf(out, "]\n    reward: {min: 0, max: 1, default: 0, wait: 3s}\n%s",
            world->pairwise
                    ? "    breaker: {on: true, share: \"-\"}\n"
                      "    retrain: {every: 5s, min_events: 2000, priority: "
                      "low}\n"
                      "    policy: {oracle: pairwise, explorer: fastcb, floor: "
                      "0.02}\n"
                    : "    policy: {oracle: ridge, explorer: squarecb, model: "
                      "shared, scale: false, forgetting: 0.9998, gamma_scale: "
                      "30, floor: 0.01}\n");
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
    rows[count++] = row("best list of routes by true means", world->sum_static,
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
        .policies = "ridge pairwise",
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
        .cause = payments_cause,
        .delay = payments_delay,
        .baselines = payments_baselines,
};
