/* The circuit breaker: how soon an outage is seen, and how often a healthy
 * circuit opens, under different settings, beside a CUSUM that knows the true
 * probabilities and how deep the outage is (`ideal`; of all tests with as few
 * false alarms the quickest in the worst case: Moustakides 1986).
 *
 * Outages: for each acquirer with a twentieth of the traffic or more, one of
 * OUTAGE payments of all acquirers in which it is worth z - 2.0, after CALM
 * payments without. `until` is its own payments until its circuit opens, `late`
 * the share of outages in which they are more than 200, `unseen` of those in
 * which it never opens, and `lost` the payments that it gets until then, as a
 * share of those it would have had: what no router can save.
 *
 * Noise: NOISE payments a world without outages, the hours of two days one
 * after the other. In `night` no prediction knows of the three hours a day in
 * which an acquirer is worth z - 0.8, in `calm` all do.
 *
 * The policy gives 94 % to the route of the best prediction, and predictions
 * are off by 0.3 (sd, log odds), for each issuer and route; `ideal` sees the
 * same payments. `reference` has other settings of the same statistic.
 * WORLDS=N in the environment (default 40). */
#include "base/rng.h"
#include "bench/measure.h"
#include "bench/turns.h"
#include "policies/breaker.h"
#include "sim/payments.h"

#include <math.h>
#include <string.h>

#define CALM        20000u
#define OUTAGE      5000u
#define NOISE       500000u
#define LATE        200u
#define SHARE_MIN   0.05
#define SHIFT       2.0
#define FIRST_WORLD 1000u
#define BATCH_SHIFT 0.8 /* sim/payments.h */

static const struct settings {
    const char *name;
    bool ideal;
    const char *options[9]; /* key, value, ... */
} settings[] = {
        {"default", false, {NULL}},
        {"bias_rate_0.02", false, {"bias_rate", "0.02"}},
        {"bias_rate_0.005", false, {"bias_rate", "0.005"}},
        {"learn_below_4", false, {"learn_below", "4"}},
        {"threshold_18", false, {"threshold", "18"}},
        {"severity_1.5", false, {"severity", "1.5"}},
        {"reference", false,
                {"bias_rate", "0.02", "learn_below", "10", "least", "0.03",
                        "threshold", "20"}},
        {"ideal", true, {NULL}},
};
#define SETTINGS ARRAY_COUNT(settings)

/* What a setting came to. */
static struct tally {
    uint64_t outages, late, unseen;
    double until, would_have;
    uint64_t openings;
} tallies[SETTINGS];

/* ---- the world and its policy ---- */

static struct payments_market market;
static double off[PAYMENTS_ISSUERS][PAYMENTS_ROUTES];
static bool knows_nights;

static void draw_world(uint32_t seed)
{
    struct rng rng = rng_keyed(seed, 1, RNG_TEST);

    payments_market_draw(&market, seed, 0.0, 0);
    for (uint32_t i = 0; i < PAYMENTS_ISSUERS; i++)
        for (uint32_t r = 0; r < PAYMENTS_ROUTES; r++)
            off[i][r] = 0.3 * rng_normal(&rng);
}

static double failure(double logit)
{
    return 1.0 / (1.0 + exp(logit));
}

/* The predicted logit of an approval. */
static double predict(const struct payment *payment, uint32_t route)
{
    uint32_t acquirer = payments_route(route).acquirer;
    double distance =
            fabs((double)payment->hour - (double)market.batch_hour[acquirer]);
    double logit = payments_logit(&market, payment, route) +
            off[payment->issuer][route];

    return !knows_nights && distance <= 1.0 ? logit + BATCH_SHIFT : logit;
}

struct round {
    uint32_t acquirer;
    double predicted, expected, actual; /* probabilities of failure */
    bool failed;
};

static struct round play(uint32_t generation, uint32_t row, uint32_t failing,
        const uint32_t *hour)
{
    uint64_t event = (uint64_t)generation << 32 | row;
    struct rng rng = rng_keyed(market.seed, event, RNG_ACTION);
    uint32_t routes[PAYMENTS_ROUTES], count, chosen = 0;
    double best = -INFINITY, logit;
    struct payment payment;
    struct round round;

    payments_draw(&market, generation, row, &payment);
    if (hour != NULL)
        payment.hour = *hour;
    count = payments_eligible(&payment, routes);
    for (uint32_t i = 0; i < count; i++) {
        double predicted = predict(&payment, routes[i]);
        chosen = predicted > best ? i : chosen;
        best = fmax(predicted, best);
    }
    if (rng_unit(&rng) < 0.06)
        chosen = rng_below(&rng, count);
    logit = payments_logit(&market, &payment, routes[chosen]);
    round.acquirer = payments_route(routes[chosen]).acquirer;
    round.predicted = failure(predict(&payment, routes[chosen]));
    round.expected = failure(logit);
    round.actual = failure(round.acquirer == failing ? logit - SHIFT : logit);
    round.failed =
            payments_luck(&market, generation, row) >= 1.0 - round.actual;
    return round;
}

/* ---- what is compared ---- */

struct contender {
    const struct settings *settings;
    struct breaker_spec spec;
    struct breaker *breaker;
    double evidence[PAYMENTS_ACQUIRERS]; /* of `ideal` */
};

static uint16_t circuit[PAYMENTS_ACQUIRERS];
static struct bytes names[PAYMENTS_ACQUIRERS];

static void open_contender(
        struct contender *contender, const struct settings *of)
{
    struct keyvalue values[5] = {
            {.key = bytes_of_text("on"), .value = bytes_of_text("true")}};
    size_t count = 1;
    struct err err;

    *contender = (struct contender){.settings = of};
    for (size_t i = 0; of->options[i] != NULL; i += 2)
        values[count++] =
                (struct keyvalue){.key = bytes_of_text(of->options[i]),
                        .value = bytes_of_text(of->options[i + 1])};
    for (uint16_t q = 0; q < PAYMENTS_ACQUIRERS; q++) {
        circuit[q] = q;
        names[q] = bytes_of_text("q");
    }
    contender->spec = (struct breaker_spec){.slots = PAYMENTS_ACQUIRERS,
            .circuit = circuit,
            .circuits = PAYMENTS_ACQUIRERS,
            .names = names};
    if (options_parse(&breaker_options, values, count, &contender->spec.options,
                &err) != 0)
        give_up(err.text);
    contender->breaker = malloc(breaker_footprint(&contender->spec));
    if (contender->breaker == NULL)
        give_up("no memory");
    (void)breaker_init(contender->breaker, &contender->spec);
}

/* Is there an opening? Then the circuit begins anew. */
static bool count_ideal(struct contender *contender, const struct round *round)
{
    double *evidence = &contender->evidence[round->acquirer];
    double f0 = round->expected, f1;

    f1 = failure(log((1.0 - f0) / f0) - SHIFT);
    *evidence += round->failed ? log(f1 / f0) : log((1.0 - f1) / (1.0 - f0));
    *evidence = fmax(*evidence, 0.0);
    if (*evidence < contender->spec.options.threshold)
        return false;
    *evidence = 0.0;
    return true;
}

static bool count(struct contender *contender, const struct round *round)
{
    struct breaker_outcome outcome = {round->failed, true, round->predicted};
    const struct breaker_change *change;
    bool opened;

    if (contender->settings->ideal)
        return count_ideal(contender, round);
    breaker_count(contender->breaker, round->acquirer, NULL, 0, &outcome);
    change = breaker_changed(contender->breaker);
    opened = change != NULL && change->opened;
    if (change != NULL)
        breaker_change_take(contender->breaker);
    return opened;
}

/* ---- outages ---- */

/* One outage, from where the calm left each contender; its own payments until
 * then, 0 = it was never seen. */
static void play_outage(const struct contender *calm, uint32_t acquirer)
{
    uint32_t until[SETTINGS] = {0}, own = 0;
    struct contender now[SETTINGS];

    for (size_t k = 0; k < SETTINGS; k++) {
        size_t size = breaker_footprint(&calm[k].spec);
        now[k] = calm[k];
        now[k].breaker = malloc(size);
        if (now[k].breaker == NULL)
            give_up("no memory");
        memcpy(now[k].breaker, calm[k].breaker, size);
    }
    for (uint32_t row = 0; row < OUTAGE; row++) {
        struct round round = play(1 + acquirer, row, acquirer, NULL);
        if (round.acquirer != acquirer)
            continue;
        own++;
        for (size_t k = 0; k < SETTINGS; k++)
            if (until[k] == 0 && count(&now[k], &round))
                until[k] = own;
    }
    for (size_t k = 0; k < SETTINGS; k++) {
        struct tally *tally = &tallies[k];
        uint32_t lasted = until[k] > 0 ? until[k] : own;
        tally->outages++;
        tally->unseen += until[k] == 0;
        tally->late += lasted > LATE;
        tally->until += lasted;
        tally->would_have += own;
        free(now[k].breaker);
    }
}

static void play_outages(uint32_t world)
{
    struct contender contenders[SETTINGS];
    uint32_t traffic[PAYMENTS_ACQUIRERS] = {0};

    draw_world(world);
    for (size_t k = 0; k < SETTINGS; k++)
        open_contender(&contenders[k], &settings[k]);
    for (uint32_t row = 0; row < CALM; row++) {
        struct round round = play(0, row, UINT32_MAX, NULL);
        traffic[round.acquirer]++;
        for (size_t k = 0; k < SETTINGS; k++)
            (void)count(&contenders[k], &round);
    }
    for (uint32_t q = 0; q < PAYMENTS_ACQUIRERS; q++)
        if (traffic[q] >= SHARE_MIN * CALM)
            play_outage(contenders, q);
    for (size_t k = 0; k < SETTINGS; k++)
        free(contenders[k].breaker);
}

/* ---- noise ---- */

static void play_noise(uint32_t world)
{
    struct contender contenders[SETTINGS];

    draw_world(world);
    for (size_t k = 0; k < SETTINGS; k++)
        open_contender(&contenders[k], &settings[k]);
    for (uint32_t row = 0; row < CALM + NOISE; row++) {
        uint32_t hour = (uint32_t)((uint64_t)row * 48 / (CALM + NOISE) % 24);
        struct round round = play(0, row, UINT32_MAX, &hour);
        for (size_t k = 0; k < SETTINGS; k++)
            tallies[k].openings += count(&contenders[k], &round);
    }
    for (size_t k = 0; k < SETTINGS; k++)
        free(contenders[k].breaker);
}

static void report_noise(const char *kind, uint32_t worlds)
{
    printf("breaker_%s_payments %.1f million\n", kind,
            (double)worlds * (CALM + NOISE) / 1e6);
    for (size_t k = 0; k < SETTINGS; k++) {
        printf("breaker_%s_%s_openings %llu count\n", kind, settings[k].name,
                (unsigned long long)tallies[k].openings);
        tallies[k].openings = 0;
    }
}

int main(void)
{
    uint32_t worlds = (uint32_t)turns_number("WORLDS", 40);

    if (worlds == 0)
        give_up("WORLDS: at least 1");
    knows_nights = true;
    for (uint32_t w = 0; w < worlds; w++)
        play_outages(FIRST_WORLD + w);
    printf("breaker_outages %llu count\n",
            (unsigned long long)tallies[0].outages);
    for (size_t k = 0; k < SETTINGS; k++) {
        const struct tally *tally = &tallies[k];
        double outages = (double)tally->outages;
        printf("breaker_%s_until %.1f payments\n", settings[k].name,
                tally->until / outages);
        printf("breaker_%s_lost %.4f share\n", settings[k].name,
                tally->until / tally->would_have);
        printf("breaker_%s_late %.4f share\n", settings[k].name,
                (double)tally->late / outages);
        printf("breaker_%s_unseen %.4f share\n", settings[k].name,
                (double)tally->unseen / outages);
    }
    for (uint32_t w = 0; w < worlds; w++)
        play_noise(FIRST_WORLD + w);
    report_noise("calm", worlds);
    knows_nights = false;
    for (uint32_t w = 0; w < worlds; w++)
        play_noise(FIRST_WORLD + w);
    report_noise("night", worlds);
    return 0;
}
