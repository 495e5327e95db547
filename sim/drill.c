#include "sim/drill.h"

#include "base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pending {
    bool there;
    uint32_t route;
    struct breaker_outcome outcome;
};

struct drill {
    const struct payments_market *market;
    struct drill_settings settings;
    struct payments_tariff tariff;
    struct breaker_spec spec;
    struct breaker *breaker;
    uint16_t circuit[PAYMENTS_ROUTES];
    struct bytes names[PAYMENTS_ACQUIRERS];
    char letters[PAYMENTS_ACQUIRERS][3];
    struct payments_outages outages; /* one, or none */
    struct pending ring[DRILL_IN_FLIGHT];
    uint32_t generation;
    bool planned; /* this generation has an outage */
    double traffic[PAYMENTS_ACQUIRERS]; /* before the outage */
    double all_traffic;
    double mass_with, mass_without; /* of its acquirer while it is open */
    uint64_t opened[PAYMENTS_ACQUIRERS]; /* so far, of each circuit */
    uint32_t own; /* payments of the failing acquirer since it fails */
    bool open_seen, closed_seen;
    struct drill_outage result;
};

const char *drill_kind_name(enum drill_kind kind)
{
    static const char *const names[DRILL_KINDS] = {
            "z - 2.0", "z - 2.5", "down"};

    return names[kind];
}

double drill_excess(const struct drill_outage *outage)
{
    double possible = outage->lost_without - outage->lost_told;

    return possible > 0.0 ? (outage->lost_with - outage->lost_told) / possible
                          : 0.0;
}

/* ---- life ---- */

static int open_breaker(struct drill *drill, struct err *err)
{
    struct keyvalue on = {
            .key = bytes_of_text("on"), .value = bytes_of_text("true")};

    for (uint32_t q = 0; q < PAYMENTS_ACQUIRERS; q++) {
        (void)snprintf(drill->letters[q], sizeof(drill->letters[q]), "q%u", q);
        drill->names[q] = bytes_of_text(drill->letters[q]);
    }
    for (uint32_t r = 0; r < PAYMENTS_ROUTES; r++)
        drill->circuit[r] = (uint16_t)payments_route(r).acquirer;
    drill->spec = (struct breaker_spec){.slots = PAYMENTS_ROUTES,
            .circuit = drill->circuit,
            .circuits = PAYMENTS_ACQUIRERS,
            .names = drill->names};
    if (options_parse(&breaker_options, &on, 1, &drill->spec.options, err) != 0)
        return err->status;
    drill->breaker = malloc(breaker_footprint(&drill->spec));
    if (drill->breaker == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    drill->breaker = breaker_init(drill->breaker, &drill->spec);
    return 0;
}

struct drill *drill_open(const struct payments_market *market,
        const struct drill_settings *settings, struct err *err)
{
    struct drill *drill = calloc(1, sizeof(*drill));

    if (drill == NULL) {
        (void)err_set(err, STATUS_INTERNAL, "no memory");
        return NULL;
    }
    drill->market = market;
    drill->settings = *settings;
    payments_tariff_draw(&drill->tariff, settings->seed);
    if (open_breaker(drill, err) != 0) {
        drill_close(drill);
        return NULL;
    }
    return drill;
}

void drill_close(struct drill *drill)
{
    if (drill == NULL)
        return;
    free(drill->breaker);
    free(drill);
}

void drill_begin(struct drill *drill, uint32_t generation, bool outage)
{
    drill->generation = generation;
    drill->planned = outage;
    drill->outages.count = 0;
    memset(drill->traffic, 0, sizeof(drill->traffic));
    drill->all_traffic = 0.0;
    drill->mass_with = drill->mass_without = 0.0;
    drill->own = 0;
    drill->open_seen = drill->closed_seen = false;
    drill->result = (struct drill_outage){
            .until_open = DRILL_NEVER, .until_closed = DRILL_NEVER};
}

/* ---- the outage ---- */

static uint32_t first_row(const struct drill *drill)
{
    return drill->settings.rows / 5;
}

static uint32_t last_row(const struct drill *drill)
{
    return drill->settings.rows / 10 * 7;
}

/* An acquirer with enough traffic, each as likely; none: no outage. */
static void start_outage(struct drill *drill)
{
    struct rng rng = rng_keyed(drill->settings.seed,
            (uint64_t)drill->generation << 8 | 255, RNG_OUTAGE);
    uint32_t able[PAYMENTS_ACQUIRERS], count = 0;
    struct drill_outage *result = &drill->result;

    for (uint32_t q = 0; q < PAYMENTS_ACQUIRERS; q++) {
        if (drill->traffic[q] >= DRILL_SHARE_MIN * drill->all_traffic)
            able[count++] = q;
    }
    if (count == 0)
        return;
    result->there = true;
    result->kind = (enum drill_kind)(drill->generation % DRILL_KINDS);
    result->acquirer = able[rng_below(&rng, count)];
    result->share = drill->traffic[result->acquirer] / drill->all_traffic;
    drill->outages.count = 1;
    drill->outages.list[0] = (struct payments_outage){
            .acquirer = result->acquirer,
            .issuer = PAYMENTS_ALL_ISSUERS,
            .from = first_row(drill),
            .until = last_row(drill),
            .shift = result->kind == DRILL_MILD ? -2.0 : -2.5,
            .down = result->kind == DRILL_DOWN,
    };
}

static bool lasts(const struct drill *drill, uint32_t row)
{
    return drill->result.there && row >= first_row(drill) &&
            row < last_row(drill);
}

/* ---- the breaker ---- */

uint32_t drill_admit(const struct drill *drill, uint64_t event,
        uint32_t *routes, uint32_t count)
{
    bool admitted[PAYMENTS_ROUTES];
    uint32_t kept = 0;

    if (!drill->settings.breaker || breaker_calm(drill->breaker) ||
            breaker_admit(drill->breaker, drill->settings.seed, event, routes,
                    count, NULL, 0, admitted) == 0)
        return count;
    for (uint32_t i = 0; i < count; i++) {
        if (admitted[i])
            routes[kept++] = routes[i];
    }
    return kept;
}

static struct breaker_view circuit_of(
        const struct drill *drill, uint32_t acquirer)
{
    struct breaker_view view;

    breaker_view(drill->breaker, acquirer, &view);
    return view;
}

/* Openings and closings that an answer brought. */
static void watch(struct drill *drill, uint32_t row, uint32_t acquirer)
{
    struct breaker_view view = circuit_of(drill, acquirer);
    bool failing = drill->result.there && acquirer == drill->result.acquirer;
    bool opened = view.opened > drill->opened[acquirer];

    drill->opened[acquirer] = view.opened;
    if (opened && !failing)
        drill->result.false_openings++;
    if (opened && failing && !drill->open_seen) {
        drill->open_seen = true;
        drill->result.until_open = drill->own;
    }
    if (failing && drill->open_seen && !view.open && !drill->closed_seen &&
            row >= last_row(drill)) {
        drill->closed_seen = true;
        drill->result.until_closed = row - last_row(drill);
    }
}

static void answer_arrives(struct drill *drill, const struct drill_round *round,
        const struct payments_answer *answer)
{
    struct pending *slot = &drill->ring[round->row % DRILL_IN_FLIGHT];
    enum payments_cause cause = payments_cause_of(answer->reason);
    bool others = cause == PAYMENTS_OTHER || cause == PAYMENTS_CUSTOMER;

    if (slot->there && drill->settings.breaker) {
        breaker_count(drill->breaker, slot->route, NULL, 0, &slot->outcome);
        watch(drill, round->row, payments_route(slot->route).acquirer);
    }
    *slot = (struct pending){.there = true,
            .route = round->routes[round->chosen],
            .outcome = {.failed = !answer->approved,
                    .own = !drill->settings.causes || !others,
                    .expected = round->expected}};
}

/* ---- accounts ---- */

struct worth {
    double value; /* expected approvals */
    double mass; /* on the failing acquirer */
};

static struct worth worth_of(const struct drill *drill,
        const struct payment *payment, const uint32_t *routes, uint32_t count,
        const double *pmf, double row)
{
    struct worth worth = {0.0, 0.0};

    for (uint32_t i = 0; i < count; i++) {
        worth.value += pmf[i] *
                payments_approval_at(drill->market, &drill->outages, payment,
                        routes[i], row, NULL);
        if (payments_route(routes[i]).acquirer == drill->result.acquirer)
            worth.mass += pmf[i];
    }
    return worth;
}

/* The routes of all acquirers but the failing one; all, if it is alone. */
static uint32_t without_failing(const struct drill *drill, const uint32_t *all,
        uint32_t count, uint32_t *routes)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (payments_route(all[i]).acquirer != drill->result.acquirer)
            routes[kept++] = all[i];
    }
    if (kept > 0)
        return kept;
    memcpy(routes, all, count * sizeof(*routes));
    return count;
}

static int distribute(const struct drill *drill,
        const struct drill_round *round, const uint32_t *routes, uint32_t count,
        double *pmf, struct err *err)
{
    return drill->settings.policy.distribute(drill->settings.policy.self,
            round->payment, routes, count, round->event, pmf, err);
}

/* What the payment lost, and would have lost; a row of -1 is before any
 * outage. */
static int account(
        struct drill *drill, const struct drill_round *round, struct err *err)
{
    uint32_t all[PAYMENTS_ROUTES], told[PAYMENTS_ROUTES];
    double pmf[PAYMENTS_ROUTES], told_pmf[PAYMENTS_ROUTES];
    uint32_t count = payments_eligible(round->payment, all);
    uint32_t told_count = without_failing(drill, all, count, told);
    struct drill_outage *result = &drill->result;
    struct worth with, without, best;
    double calm;

    if (told_count == count && round->count == count)
        return 0; /* the failing acquirer is not there */
    if (distribute(drill, round, all, count, pmf, err) != 0 ||
            distribute(drill, round, told, told_count, told_pmf, err) != 0)
        return err->status;
    calm = worth_of(drill, round->payment, all, count, pmf, -1.0).value;
    with = worth_of(drill, round->payment, round->routes, round->count,
            round->pmf, round->row);
    without = worth_of(drill, round->payment, all, count, pmf, round->row);
    best = worth_of(
            drill, round->payment, told, told_count, told_pmf, round->row);
    if (!lasts(drill, round->row)) {
        if (drill->open_seen && !drill->closed_seen)
            result->price += calm - with.value;
        return 0;
    }
    result->lost_with += calm - with.value;
    result->lost_without += calm - without.value;
    result->lost_told += calm - best.value;
    if (circuit_of(drill, result->acquirer).open) {
        drill->mass_with += with.mass;
        drill->mass_without += without.mass;
    }
    return 0;
}

static void count_traffic(struct drill *drill, const struct drill_round *round)
{
    for (uint32_t i = 0; i < round->count; i++)
        drill->traffic[payments_route(round->routes[i]).acquirer] +=
                round->pmf[i];
    drill->all_traffic += 1.0;
}

int drill_play(struct drill *drill, const struct drill_round *round,
        bool *approved, struct err *err)
{
    struct payments_try try = {.generation = drill->generation,
            .row = round->row,
            .route = round->routes[round->chosen],
            .time = round->row,
            .pay_day = 1.0};
    struct payments_answer answer;
    int status = 0;

    if (drill->planned && round->row == first_row(drill))
        start_outage(drill);
    if (round->row < first_row(drill))
        count_traffic(drill, round);
    if (lasts(drill, round->row)) {
        drill->result.rows++;
        drill->own +=
                payments_route(try.route).acquirer == drill->result.acquirer;
    }
    if (drill->result.there)
        status = account(drill, round, err);
    payments_answer_draw(drill->market, &drill->tariff, &drill->outages,
            round->payment, &try, &answer);
    answer_arrives(drill, round, &answer);
    *approved = answer.approved;
    return status;
}

void drill_result(const struct drill *drill, struct drill_outage *outage)
{
    *outage = drill->result;
    outage->kept = drill->mass_without > 0.0
            ? drill->mass_with / drill->mass_without
            : 0.0;
}
