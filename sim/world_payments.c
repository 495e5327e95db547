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
#include "sim/payments.h"
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
#define CONTEXT_COLUMNS 5u

struct world {
    struct payments_market market;
    uint32_t count;
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

/* Is the failing acquirer down in this round? */
static bool outage(const struct world *world, uint32_t i)
{
    return i >= world->fail_from && i < world->fail_until;
}

static double approval(const struct world *world, uint32_t i, uint32_t route)
{
    if (outage(world, i) &&
            payments_route(route).acquirer == world->fail_acquirer)
        return 0.0;
    return payments_approval(&world->market, &world->payment, route);
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
        if (!payments_possible(&world->payment, route))
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
        if (route >= ROUTES || !payments_possible(&world->payment, route))
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
    load_payment(world, i);
    return payments_luck(&world->market, 0, i) <
                    approval(world, i, answer->chosen)
            ? 1.0
            : 0.0;
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

static int payments_open(struct world **out,
        const struct world_settings *settings, struct err *err)
{
    struct world *world = calloc(1, sizeof(*world));
    struct rng rng = rng_keyed(settings->seed, 0, RNG_PATH);

    if (world == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    world->count = settings->rounds > 0 ? settings->rounds : 20000;
    payments_market_draw(&world->market, settings->seed, 0.0, 0);
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
    char name[PAYMENTS_ROUTE_NAME];

    (void)world;
    fprintf(out,
            "  - name: %s\n    context: [amount, risk, debit, present, "
            "provisioned]\n    action_features: %u\n    actions: [",
            problem, ROUTE_COLUMNS);
    for (uint32_t route = 0; route < ROUTES; route++)
        fprintf(out, "%s%s", route > 0 ? ", " : "",
                payments_route_name(route, name));
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
