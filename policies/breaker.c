#include "policies/breaker.h"

#include "base/rng.h"
#include "policies/portable.h"

#include <math.h>

#define BREAKER_TAG     UINT32_C(0x4b52424b)
#define BREAKER_VERSION 2u
/* Expected probabilities stay this far from 0 and 1. */
#define CERTAIN 1e-6
/* Slow averages start from here, each worth so many outcomes: rates from
 * "cannot be told", the model's error from "always wrong". */
#define FIRST_RATE        0.5
#define FIRST_RATE_ERROR  0.25
#define FIRST_MODEL_ERROR 1.0
#define FIRST_WEIGHT      10.0
/* Squared errors of a model that is no longer believed, as a multiple of those
 * of the rate. */
#define CLEARLY_WORSE 1.25

static const char *const expectations[] = {"better", "model", "rate", NULL};

#define AT(member) offsetof(struct breaker_options, member)

static const struct option_row rows[] = {
        {.name = "on",
                .type = OPTION_FLAG,
                .offset = AT(on),
                .sentence = "take actions that begin to fail out of the "
                            "eligible set until they recover"},
        {.name = "share",
                .type = OPTION_TEXT,
                .offset = AT(share),
                .text = "",
                .sentence = "actions whose ids agree up to this text share a "
                            "circuit: with '-' q1-3ds and q1-plain do; empty: "
                            "each action has its own"},
        {.name = "groups",
                .type = OPTION_FLAG,
                .offset = AT(groups),
                .sentence = "also a circuit for each circuit and group, whose "
                            "threshold is higher by the logarithm of their "
                            "number"},
        {.name = "expected",
                .type = OPTION_CHOICE,
                .offset = AT(expected),
                .choices = expectations,
                .sentence = "what outcomes are compared with: the failure "
                            "probability that the model predicted, the "
                            "circuit's own slow failure rate, or whichever "
                            "was the better prediction lately"},
        {.name = "failure",
                .type = OPTION_DOUBLE,
                .offset = AT(failure),
                .min = 0,
                .max = 1,
                .fallback = 0.5,
                .sentence = "an outcome of less than this share of the way "
                            "from the worst to the best reward is a failure"},
        {.name = "severity",
                .type = OPTION_DOUBLE,
                .offset = AT(severity),
                .min = 0.5,
                .max = 6,
                .fallback = 2,
                .sentence = "logarithm of how much the odds of failure grow "
                            "in the outages it is tuned to"},
        {.name = "threshold",
                .type = OPTION_DOUBLE,
                .offset = AT(threshold),
                .min = 3,
                .max = 100,
                .fallback = 21,
                .sentence = "evidence that opens a circuit; a false alarm "
                            "within n outcomes has at most the probability n "
                            "exp(-threshold)"},
        {.name = "open_level",
                .type = OPTION_DOUBLE,
                .offset = AT(open_level),
                .min = 0.5,
                .max = 50,
                .fallback = 5,
                .sentence = "evidence of an open circuit, at most: what good "
                            "probes must take away before it closes"},
        {.name = "probe",
                .type = OPTION_DOUBLE,
                .offset = AT(probe),
                .min = 0.0001,
                .max = 1,
                .fallback = 0.02,
                .sentence = "least share of decisions that an open circuit "
                            "takes part in"},
        {.name = "learn_below",
                .type = OPTION_DOUBLE,
                .offset = AT(learn_below),
                .min = 0,
                .max = 100,
                .fallback = 100,
                .sentence = "evidence from which on expectations are no "
                            "longer adapted; from threshold on: as long as "
                            "the circuit is closed"},
        {.name = "bias_rate",
                .type = OPTION_DOUBLE,
                .offset = AT(bias_rate),
                .min = 0,
                .max = 0.5,
                .fallback = 0.0125,
                .sentence = "how fast a circuit learns that its expectations "
                            "are too low or too high"},
        {.name = "bias_most",
                .type = OPTION_DOUBLE,
                .offset = AT(bias_most),
                .min = 0,
                .max = 5,
                .fallback = 1,
                .sentence = "most that it may find them off, in log odds"},
        {.name = "least",
                .type = OPTION_DOUBLE,
                .offset = AT(least),
                .min = 1e-4,
                .max = 0.5,
                .fallback = 0.02,
                .sentence = "failure probability that is always expected"},
        {.name = "most",
                .type = OPTION_DOUBLE,
                .offset = AT(most),
                .min = 0.01,
                .max = 0.999,
                .fallback = 0.5,
                .sentence = "failure probability above which an action counts "
                            "as failing even if that was expected"},
        {.name = "slow_rate",
                .type = OPTION_DOUBLE,
                .offset = AT(slow_rate),
                .min = 1e-5,
                .max = 0.5,
                .fallback = 0.005,
                .sentence = "weight of an outcome in the slow averages of a "
                            "circuit: its failure rate and the share of "
                            "failures that are its own"},
};

const struct option_table breaker_options = {
        rows, ARRAY_COUNT(rows), sizeof(struct breaker_options)};

/* What a circuit learned of its outcomes. */
struct learned {
    double bias; /* b */
    double own_share; /* s */
    double failure_rate;
    double model_error, rate_error; /* mean squares */
};

struct circuit {
    double evidence; /* L */
    struct learned now;
    struct learned settled; /* as it was when the evidence was last 0 */
    uint64_t counted, opened, closed;
    bool open;
    bool predicts; /* the model does so well enough, when it was last 0 */
};

struct breaker {
    const struct breaker_spec *spec;
    uint32_t open; /* circuits that are */
    uint32_t count;
    uint32_t change_count;
    struct breaker_change changes[BREAKER_CHANGES];
    struct circuit circuits[]; /* [count]: those of all, then by group */
};

static uint32_t circuit_count(const struct breaker_spec *spec)
{
    return spec->circuits * (1 + spec->groups);
}

size_t breaker_footprint(const struct breaker_spec *spec)
{
    return sizeof(struct breaker) +
            circuit_count(spec) * sizeof(struct circuit);
}

struct breaker *breaker_init(void *block, const struct breaker_spec *spec)
{
    struct breaker *breaker = block;

    memset(block, 0, breaker_footprint(spec));
    breaker->spec = spec;
    breaker->count = circuit_count(spec);
    for (uint32_t i = 0; i < breaker->count; i++) {
        struct circuit *circuit = &breaker->circuits[i];
        circuit->now = (struct learned){.own_share = 1.0,
                .failure_rate = FIRST_RATE,
                .model_error = FIRST_MODEL_ERROR,
                .rate_error = FIRST_RATE_ERROR};
        circuit->settled = circuit->now;
    }
    return breaker;
}

/* ---- what may be chosen ---- */

bool breaker_calm(const struct breaker *breaker)
{
    return breaker->open == 0;
}

static double share_of(
        const struct breaker *breaker, const struct circuit *circuit)
{
    double share;

    if (!circuit->open)
        return 1.0;
    share = portable_exp(-circuit->evidence);
    return share > breaker->spec->options.probe ? share
                                                : breaker->spec->options.probe;
}

/* The circuit's index of `of` in group g; groups[] are ascending. */
static uint32_t index_in_group(
        const struct breaker *breaker, uint32_t of, uint32_t group)
{
    return breaker->spec->circuits * (1 + group) + of;
}

double breaker_share(const struct breaker *breaker, uint32_t slot,
        const uint16_t *groups, uint32_t group_count)
{
    uint32_t of = breaker->spec->circuit[slot];
    double share = share_of(breaker, &breaker->circuits[of]);

    for (uint32_t i = 0; breaker->spec->groups > 0 && i < group_count; i++) {
        double other = share_of(breaker,
                &breaker->circuits[index_in_group(breaker, of, groups[i])]);
        share = other < share ? other : share;
    }
    return share;
}

/* The coin of circuit c is the c-th draw of the event, whatever is open. */
uint32_t breaker_admit(const struct breaker *breaker, uint64_t seed,
        uint64_t event, const uint32_t *slots, uint32_t count,
        const uint16_t *groups, uint32_t group_count, bool *admitted)
{
    struct rng rng = rng_keyed(seed, event, RNG_BREAKER);
    uint32_t left = 0;

    memset(admitted, 0, count * sizeof(*admitted));
    for (uint32_t c = 0; c < breaker->spec->circuits; c++) {
        double coin = rng_unit(&rng);
        for (uint32_t i = 0; i < count; i++) {
            if (breaker->spec->circuit[slots[i]] == c)
                admitted[i] = coin <
                        breaker_share(breaker, slots[i], groups, group_count);
        }
    }
    for (uint32_t i = 0; i < count; i++)
        left += admitted[i];
    return left;
}

/* ---- counting ---- */

static double clamp(double x, double least, double most)
{
    return x < least ? least : x > most ? most : x;
}

static bool is_predicted(
        const struct breaker_options *options, const struct circuit *circuit)
{
    switch ((enum breaker_expected)options->expected) {
    case BREAKER_EXPECTED_MODEL:
        return true;
    case BREAKER_EXPECTED_RATE:
        return false;
    case BREAKER_EXPECTED_BETTER:
    default:
        return circuit->predicts;
    }
}

/* A prediction is of all outcomes; this is of those that count. */
static double of_counted(const struct circuit *circuit, double e)
{
    double share = circuit->now.own_share;

    return e * share / (1.0 - e * (1.0 - share));
}

static double expected_of(const struct breaker_options *options,
        const struct circuit *circuit, const struct breaker_outcome *outcome)
{
    bool model = outcome->expected >= 0.0 && is_predicted(options, circuit);

    return clamp(model ? of_counted(circuit,
                                 clamp(outcome->expected, 0.0, 1.0 - CERTAIN))
                       : circuit->now.failure_rate,
            CERTAIN, 1.0 - CERTAIN);
}

static bool adapts(
        const struct breaker_options *options, const struct circuit *circuit)
{
    return !circuit->open && circuit->evidence < options->learn_below;
}

/* The share of failures that are its own, counted or not. */
static void learn_cause(const struct breaker_options *options,
        struct circuit *circuit, const struct breaker_outcome *outcome)
{
    if (outcome->failed && adapts(options, circuit))
        circuit->now.own_share += options->slow_rate *
                ((outcome->own ? 1.0 : 0.0) - circuit->now.own_share);
}

/* The first outcomes count fully, until a slow average is one of many. */
static void learn_slowly(const struct breaker_options *options,
        struct circuit *circuit, const struct breaker_outcome *outcome)
{
    double y = outcome->failed ? 1.0 : 0.0;
    double first = 1.0 / ((double)circuit->counted + FIRST_WEIGHT);
    double rate = first > options->slow_rate ? first : options->slow_rate;
    struct learned *now = &circuit->now;
    double miss = y - now->failure_rate;

    now->rate_error += rate * (miss * miss - now->rate_error);
    now->failure_rate += rate * miss;
    miss = outcome->expected < 0.0 ? 1.0
                                   : y -
                    of_counted(circuit,
                            clamp(outcome->expected, 0.0, 1.0 - CERTAIN));
    now->model_error += rate * (miss * miss - now->model_error);
}

/* A model that predicted better than the rate is believed until it is clearly
 * worse. That is not asked while evidence is there: in an outage any model
 * predicts badly, and the rate, which follows it, would see nothing wrong. What
 * was learned from outcomes that opened the circuit is taken back. */
static void settle(struct circuit *circuit)
{
    const struct learned *now = &circuit->now;

    if (circuit->open) {
        circuit->now = circuit->settled;
    } else if (circuit->evidence == 0.0) {
        circuit->settled = *now;
        circuit->predicts = now->model_error <
                (circuit->predicts ? CLEARLY_WORSE : 1.0) * now->rate_error;
    }
}

/* The share of an open circuit is the least when it has just opened. */
static void note_change(struct breaker *breaker, const struct circuit *circuit,
        double evidence, double threshold)
{
    const struct breaker_options *options = &breaker->spec->options;
    double least = fmax(options->probe, portable_exp(-options->open_level));

    if (breaker->change_count == BREAKER_CHANGES)
        return;
    breaker->changes[breaker->change_count++] = (struct breaker_change){
            .index = (uint32_t)(circuit - breaker->circuits),
            .opened = circuit->open,
            .evidence = evidence,
            .threshold = threshold,
            .before = circuit->open ? 1.0 : least,
            .after = circuit->open ? least : 1.0};
}

const struct breaker_change *breaker_changed(const struct breaker *breaker)
{
    return breaker->change_count > 0 ? breaker->changes : NULL;
}

void breaker_change_take(struct breaker *breaker)
{
    CHECK(breaker->change_count > 0);
    breaker->change_count--;
    memmove(breaker->changes, breaker->changes + 1,
            breaker->change_count * sizeof(*breaker->changes));
}

static void move(
        struct breaker *breaker, struct circuit *circuit, double threshold)
{
    const struct breaker_options *options = &breaker->spec->options;
    double evidence = circuit->evidence;

    if (circuit->open && circuit->evidence > options->open_level)
        circuit->evidence = options->open_level;
    if (!circuit->open && circuit->evidence >= threshold) {
        circuit->open = true;
        circuit->evidence = options->open_level;
        circuit->opened++;
        breaker->open++;
        note_change(breaker, circuit, evidence, threshold);
    } else if (circuit->open && circuit->evidence == 0.0) {
        circuit->open = false;
        circuit->closed++;
        breaker->open--;
        note_change(breaker, circuit, evidence, threshold);
    }
}

static void count_one(struct breaker *breaker, struct circuit *circuit,
        const struct breaker_outcome *outcome, double threshold)
{
    const struct breaker_options *options = &breaker->spec->options;
    double y = outcome->failed ? 1.0 : 0.0;
    double e, x, q, f0, odds, f1, step;

    e = expected_of(options, circuit, outcome);
    learn_cause(options, circuit, outcome);
    if (outcome->failed && !outcome->own) {
        settle(circuit);
        return;
    }
    x = circuit->now.bias + portable_log(e / (1.0 - e));
    q = 1.0 / (1.0 + portable_exp(-x));
    f0 = clamp(q, options->least, options->most);
    odds = portable_exp(options->severity) * f0 / (1.0 - f0);
    f1 = odds / (1.0 + odds);
    step = portable_log(outcome->failed ? f1 / f0 : (1.0 - f1) / (1.0 - f0));
    circuit->evidence = clamp(circuit->evidence + step, 0.0, 1e9);
    if (adapts(options, circuit)) {
        circuit->now.bias =
                clamp(circuit->now.bias + options->bias_rate * (y - q),
                        -options->bias_most, options->bias_most);
        learn_slowly(options, circuit, outcome);
    }
    circuit->counted++;
    move(breaker, circuit, threshold);
    settle(circuit);
}

void breaker_count(struct breaker *breaker, uint32_t slot,
        const uint16_t *groups, uint32_t group_count,
        const struct breaker_outcome *outcome)
{
    const struct breaker_spec *spec = breaker->spec;
    uint32_t of = spec->circuit[slot];
    double threshold = spec->options.threshold;

    if (spec->groups > 0)
        threshold += portable_log(1.0 + spec->groups);
    count_one(breaker, &breaker->circuits[of], outcome, threshold);
    for (uint32_t i = 0; spec->groups > 0 && i < group_count; i++)
        count_one(breaker,
                &breaker->circuits[index_in_group(breaker, of, groups[i])],
                outcome, threshold);
}

/* ---- reports ---- */

uint32_t breaker_views(const struct breaker *breaker)
{
    return breaker->count;
}

void breaker_view(const struct breaker *breaker, uint32_t index,
        struct breaker_view *view)
{
    const struct circuit *circuit = &breaker->circuits[index];

    *view = (struct breaker_view){
            .name = breaker->spec->names[index % breaker->spec->circuits],
            .group = (int32_t)(index / breaker->spec->circuits) - 1,
            .open = circuit->open,
            .predicted = is_predicted(&breaker->spec->options, circuit),
            .evidence = circuit->evidence,
            .bias = circuit->now.bias,
            .own_share = circuit->now.own_share,
            .failure_rate = circuit->now.failure_rate,
            .counted = circuit->counted,
            .opened = circuit->opened,
            .closed = circuit->closed,
    };
}

/* ---- bytes ---- */

static void save_learned(const struct learned *learned, struct writer *writer)
{
    write_f64(writer, learned->bias);
    write_f64(writer, learned->own_share);
    write_f64(writer, learned->failure_rate);
    write_f64(writer, learned->model_error);
    write_f64(writer, learned->rate_error);
}

static void load_learned(struct learned *learned, struct reader *reader)
{
    learned->bias = read_f64(reader);
    learned->own_share = read_f64(reader);
    learned->failure_rate = read_f64(reader);
    learned->model_error = read_f64(reader);
    learned->rate_error = read_f64(reader);
}

void breaker_save(const struct breaker *breaker, struct writer *writer)
{
    write_u32(writer, BREAKER_TAG);
    write_u32(writer, BREAKER_VERSION);
    write_u32(writer, breaker->count);
    for (uint32_t i = 0; i < breaker->count; i++) {
        const struct circuit *circuit = &breaker->circuits[i];
        write_u8(writer, circuit->open);
        write_u8(writer, circuit->predicts);
        write_f64(writer, circuit->evidence);
        save_learned(&circuit->now, writer);
        save_learned(&circuit->settled, writer);
        write_u64(writer, circuit->counted);
        write_u64(writer, circuit->opened);
        write_u64(writer, circuit->closed);
    }
}

int breaker_load(
        struct breaker *breaker, struct reader *reader, struct err *err)
{
    if (read_u32(reader) != BREAKER_TAG ||
            read_u32(reader) != BREAKER_VERSION ||
            read_u32(reader) != breaker->count)
        return err_set(
                err, STATUS_CORRUPT, "not the state of this circuit breaker");
    breaker->open = 0;
    for (uint32_t i = 0; i < breaker->count; i++) {
        struct circuit *circuit = &breaker->circuits[i];
        uint8_t open = read_u8(reader), predicts = read_u8(reader);
        circuit->open = open == 1;
        circuit->predicts = predicts == 1;
        circuit->evidence = read_f64(reader);
        load_learned(&circuit->now, reader);
        load_learned(&circuit->settled, reader);
        circuit->counted = read_u64(reader);
        circuit->opened = read_u64(reader);
        circuit->closed = read_u64(reader);
        breaker->open += circuit->open;
        if (open > 1 || predicts > 1)
            return err_set(err, STATUS_CORRUPT, "a circuit is damaged");
    }
    return !reader->failed && breaker_check(breaker)
            ? 0
            : err_set(err, STATUS_CORRUPT, "the circuit breaker is damaged");
}

static bool is_learned(
        const struct breaker_options *options, const struct learned *learned)
{
    return fabs(learned->bias) <= options->bias_most &&
            learned->own_share >= 0.0 && learned->own_share <= 1.0 &&
            learned->failure_rate >= 0.0 && learned->failure_rate <= 1.0 &&
            learned->model_error >= 0.0 && learned->model_error <= 1.0 &&
            learned->rate_error >= 0.0 && learned->rate_error <= 1.0;
}

static bool is_sane(
        const struct breaker_options *options, const struct circuit *circuit)
{
    double most = circuit->open ? options->open_level : 1e9;

    return circuit->evidence >= 0.0 && circuit->evidence <= most &&
            circuit->opened == circuit->closed + circuit->open &&
            is_learned(options, &circuit->now) &&
            is_learned(options, &circuit->settled);
}

bool breaker_check(const struct breaker *breaker)
{
    uint32_t open = 0;

    for (uint32_t i = 0; i < breaker->count; i++) {
        if (!is_sane(&breaker->spec->options, &breaker->circuits[i]))
            return false;
        open += breaker->circuits[i].open;
    }
    return open == breaker->open;
}
