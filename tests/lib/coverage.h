/* Logs whose truth is known, and how often intervals hold it: for a quick test
 * and for the long form, `make coverage`.
 *
 * Three contexts, four actions, rewards of 0 or 1. The target prefers the best
 * action; the logging policy is one of the kinds below. The reward model is the
 * running mean of each context and action, of what has come in before the row.
 * Rows are drawn one by one, keyed by (kind, run). */
#ifndef TESTS_COVERAGE_H
#define TESTS_COVERAGE_H

#include "base/rng.h"
#include "replay/bootstrap.h"
#include "replay/sequence.h"
#include "replay/support.h"

#include <math.h>
#include <string.h>

#define COVERAGE_CONTEXTS  3u
#define COVERAGE_ACTIONS   4u
#define COVERAGE_DELAY_MAX 500u
#define COVERAGE_SETS      8u /* subsets: the first action is always there */

struct coverage_kind {
    const char *name;
    double floor; /* of exploration, in all */
    bool adaptive; /* greedy on running means, over the floor */
    bool sets; /* each action but the first is missing in 3 rows of 10 */
    uint32_t delay; /* rows until a reward is known, at most */
    double scale, offset; /* mean rewards are offset + scale m */
    bool wrong_model; /* the model does not see the context */
};

static const struct coverage_kind coverage_kinds[] = {
        {"fixed policy, floor 0.2", 0.2, false, false, 0, 1.0, 0.0, false},
        {"adaptive, floor 0.2", 0.2, true, false, 0, 1.0, 0.0, false},
        {"adaptive, floor 0.05", 0.05, true, false, 0, 1.0, 0.0, false},
        {"adaptive, floor 0.02", 0.02, true, false, 0, 1.0, 0.0, false},
        {"adaptive, floor 0.005", 0.005, true, false, 0, 1.0, 0.0, false},
        {"changing action sets, floor 0.1", 0.1, true, true, 0, 1.0, 0.0,
                false},
        {"delays up to 500 rows, floor 0.1", 0.1, true, false,
                COVERAGE_DELAY_MAX, 1.0, 0.0, false},
        {"rewards all 0, floor 0.1", 0.1, true, false, 0, 0.0, 0.0, false},
        {"rewards all 1, floor 0.1", 0.1, true, false, 0, 0.0, 1.0, false},
        {"wrong model, floor 0.1", 0.1, true, false, 0, 1.0, 0.0, true},
};
#define COVERAGE_KINDS                                                         \
    ((uint32_t)(sizeof(coverage_kinds) / sizeof(coverage_kinds[0])))

/* What is asked of each run. */
enum coverage_interval {
    COVERAGE_NORMAL,
    COVERAGE_BOOTSTRAP_DR,
    COVERAGE_BOOTSTRAP_SNIPS,
    COVERAGE_CRESSIE_READ,
    COVERAGE_CRESSIE_READ_OPEN, /* weights without a bound */
    COVERAGE_BERNSTEIN,
    COVERAGE_CLOPPER_PEARSON,
    COVERAGE_SEQUENCE_IPS,
    COVERAGE_SEQUENCE_DR,
    COVERAGE_SEQUENCE_GAIN,
    COVERAGE_ASYMPTOTIC,
    COVERAGE_ASYMPTOTIC_GAIN,
    COVERAGE_INTERVALS,
};

static const char *const coverage_interval_names[COVERAGE_INTERVALS] = {
        "normal (dr)", "bootstrap (dr)", "bootstrap (snips)", "Cressie-Read",
        "Cressie-Read, weights unbounded", "empirical Bernstein (ips)",
        "Clopper-Pearson (ips)", "sequence EB (ips)", "sequence EB (dr)",
        "sequence EB, gain", "sequence asymptotic (dr)",
        "sequence asymptotic, gain"};

/* Does it need the verdict that the log can tell? The others hold without. */
static const bool coverage_needs_verdict[COVERAGE_INTERVALS] = {
        [COVERAGE_NORMAL] = true,
        [COVERAGE_BOOTSTRAP_DR] = true,
        [COVERAGE_BOOTSTRAP_SNIPS] = true,
        [COVERAGE_ASYMPTOTIC] = true,
        [COVERAGE_ASYMPTOTIC_GAIN] = true,
};

struct coverage_run {
    bool accepted; /* intervals are said to hold */
    bool held[COVERAGE_INTERVALS]; /* sequences: at every row */
    double width[COVERAGE_INTERVALS]; /* at the last row; NAN: said nothing */
    double error[OPE_ESTIMATORS]; /* estimate - truth */
    double design_ess;
};

/* ---- the world ---- */

static const double coverage_means[COVERAGE_CONTEXTS][COVERAGE_ACTIONS] = {
        {0.30, 0.45, 0.40, 0.20},
        {0.55, 0.35, 0.60, 0.50},
        {0.20, 0.25, 0.15, 0.40},
};

/* Of the target; and of a logging policy that stays the same. */
static const double coverage_target[COVERAGE_CONTEXTS][COVERAGE_ACTIONS] = {
        {0.10, 0.60, 0.25, 0.05},
        {0.30, 0.05, 0.55, 0.10},
        {0.05, 0.20, 0.05, 0.70},
};
static const double coverage_fixed[COVERAGE_ACTIONS] = {0.7, 0.1, 0.1, 0.1};

struct coverage_memory {
    double count[COVERAGE_CONTEXTS][COVERAGE_ACTIONS];
    double sum[COVERAGE_CONTEXTS][COVERAGE_ACTIONS];
};

struct coverage_world {
    const struct coverage_kind *kind;
    struct rng rng;
    struct coverage_memory known;
    struct { /* rewards that are not known yet, by the row they come with */
        uint8_t context, action;
        bool due, reward;
    } late[COVERAGE_DELAY_MAX + 1];
};

static inline double coverage_mean(
        const struct coverage_kind *kind, uint32_t x, uint32_t a)
{
    return kind->offset + kind->scale * coverage_means[x][a];
}

static inline bool coverage_in(uint32_t set, uint32_t action)
{
    return action == 0 || (set >> (action - 1) & 1u) != 0;
}

/* Over the actions of the set; others get 0. */
static inline void coverage_restrict(
        const double *weights, uint32_t set, double *out)
{
    double sum = 0.0;

    for (uint32_t a = 0; a < COVERAGE_ACTIONS; a++) {
        out[a] = coverage_in(set, a) ? weights[a] : 0.0;
        sum += out[a];
    }
    for (uint32_t a = 0; a < COVERAGE_ACTIONS; a++)
        out[a] /= sum;
}

static inline double coverage_known_mean(
        const struct coverage_world *world, uint32_t x, uint32_t a)
{
    return (0.5 + world->known.sum[x][a]) / (1.0 + world->known.count[x][a]);
}

static inline void coverage_logging(const struct coverage_world *world,
        uint32_t x, uint32_t set, double *out)
{
    double floor = world->kind->floor, size = 0.0, base[COVERAGE_ACTIONS] = {0};
    uint32_t best = 0;

    if (!world->kind->adaptive)
        memcpy(base, coverage_fixed, sizeof(base));
    for (uint32_t a = 1; a < COVERAGE_ACTIONS; a++)
        if (coverage_in(set, a) &&
                coverage_known_mean(world, x, a) >
                        coverage_known_mean(world, x, best))
            best = a;
    if (world->kind->adaptive)
        base[best] = 1.0;
    coverage_restrict(base, set, out);
    for (uint32_t a = 0; a < COVERAGE_ACTIONS; a++)
        size += coverage_in(set, a) ? 1.0 : 0.0;
    for (uint32_t a = 0; a < COVERAGE_ACTIONS; a++)
        if (coverage_in(set, a))
            out[a] = (1.0 - floor) * out[a] + floor / size;
}

static inline void coverage_model(
        const struct coverage_world *world, uint32_t x, double *out)
{
    for (uint32_t a = 0; a < COVERAGE_ACTIONS; a++) {
        double count = 0.0, sum = 0.0;
        out[a] = coverage_known_mean(world, x, a);
        if (!world->kind->wrong_model)
            continue;
        for (uint32_t other = 0; other < COVERAGE_CONTEXTS; other++) {
            count += world->known.count[other][a];
            sum += world->known.sum[other][a];
        }
        out[a] = (0.5 + sum) / (1.0 + count);
    }
}

static inline double coverage_set_chance(
        const struct coverage_kind *kind, uint32_t set)
{
    double chance = 1.0;

    if (!kind->sets)
        return set == COVERAGE_SETS - 1 ? 1.0 : 0.0;
    for (uint32_t a = 1; a < COVERAGE_ACTIONS; a++)
        chance *= coverage_in(set, a) ? 0.7 : 0.3;
    return chance;
}

/* Value of the target, and of the logging policy as it is now, before the
 * context is known. */
static inline void coverage_values(
        const struct coverage_world *world, double *target, double *logging)
{
    *target = 0.0;
    *logging = 0.0;
    for (uint32_t set = 0; set < COVERAGE_SETS; set++) {
        double chance = coverage_set_chance(world->kind, set);
        for (uint32_t x = 0; chance > 0.0 && x < COVERAGE_CONTEXTS; x++) {
            double pi[COVERAGE_ACTIONS], p[COVERAGE_ACTIONS];
            coverage_restrict(coverage_target[x], set, pi);
            coverage_logging(world, x, set, p);
            for (uint32_t a = 0; a < COVERAGE_ACTIONS; a++) {
                double mean = coverage_mean(world->kind, x, a);
                *target += chance * pi[a] * mean / COVERAGE_CONTEXTS;
                *logging += chance * p[a] * mean / COVERAGE_CONTEXTS;
            }
        }
    }
}

static inline void coverage_learn(
        struct coverage_world *world, uint32_t x, uint32_t a, bool reward)
{
    world->known.count[x][a] += 1.0;
    world->known.sum[x][a] += reward;
}

/* Rewards that come with row `i`; and that of the row itself, now or later. */
static inline void coverage_report(struct coverage_world *world, uint32_t i,
        uint32_t x, uint32_t a, bool reward)
{
    uint32_t most = world->kind->delay, slots = COVERAGE_DELAY_MAX + 1, at;

    if (most == 0) {
        coverage_learn(world, x, a, reward);
        return;
    }
    /* A slot that is taken: one row later, until there is one. */
    at = (i + 1 + rng_below(&world->rng, most)) % slots;
    for (uint32_t tries = 0; world->late[at].due && tries < slots; tries++)
        at = (at + 1) % slots;
    world->late[at].context = (uint8_t)x;
    world->late[at].action = (uint8_t)a;
    world->late[at].reward = reward;
    world->late[at].due = true;
    at = (i + 1) % slots;
    if (world->late[at].due) {
        world->late[at].due = false;
        coverage_learn(world, world->late[at].context, world->late[at].action,
                world->late[at].reward);
    }
}

/* ---- a run ---- */

struct coverage_state {
    struct coverage_world world;
    struct ope_settings settings;
    struct ope_sums sums;
    struct bootstrap *bootstrap; /* NULL: without */
    struct value_sequence ips, dr;
    struct gain_sequence gain;
    struct asymptotic_sequence value, difference;
    double truth, gains, rows;
    double bet_gains[2]; /* gains times bets, of the lower and upper limit */
    bool violated[COVERAGE_INTERVALS];
};

static inline bool coverage_holds(struct interval interval, double truth)
{
    /* What is exact may miss by rounding. */
    return interval.lower <= truth + 1e-12 && interval.upper >= truth - 1e-12;
}

/* A champion that learns has no one value: the limit of each row is one for the
 * mean of its values so far, weighted by the bets. */
static inline void coverage_watch_gain(struct coverage_state *state)
{
    const struct bernstein_sequence *lower = &state->gain.lower;
    const struct bernstein_sequence *upper = &state->gain.upper;
    double scale = state->gain.k + 3.0;

    state->violated[COVERAGE_SEQUENCE_GAIN] |=
            scale * bernstein_sequence_now(lower) >
                    state->bet_gains[0] / lower->bets + 1e-12 ||
            -scale * bernstein_sequence_now(upper) <
                    state->bet_gains[1] / upper->bets - 1e-12;
}

static inline void coverage_watch(struct coverage_state *state)
{
    double gain = state->gains / state->rows;
    struct interval limits;

    state->violated[COVERAGE_SEQUENCE_IPS] |=
            !coverage_holds(value_sequence_limits(&state->ips), state->truth);
    state->violated[COVERAGE_SEQUENCE_DR] |=
            !coverage_holds(value_sequence_limits(&state->dr), state->truth);
    if (asymptotic_sequence_limits(&state->value, &limits))
        state->violated[COVERAGE_ASYMPTOTIC] |=
                !coverage_holds(limits, state->truth);
    if (asymptotic_sequence_limits(&state->difference, &limits))
        state->violated[COVERAGE_ASYMPTOTIC_GAIN] |=
                !coverage_holds(limits, gain);
    coverage_watch_gain(state);
}

static inline void coverage_row(struct coverage_state *state, uint32_t i)
{
    struct coverage_world *world = &state->world;
    double pi[COVERAGE_ACTIONS], p[COVERAGE_ACTIONS], q[COVERAGE_ACTIONS];
    double draw, target, logging;
    double bets[2] = {state->gain.lower.bets, state->gain.upper.bets};
    uint32_t x = rng_below(&world->rng, COVERAGE_CONTEXTS), a = 0;
    uint32_t set = COVERAGE_SETS - 1;
    struct ope_event event = {
            COVERAGE_ACTIONS, pi, p, q, NULL, 0, 0.0, false, 1.0};
    struct ope_row row;

    for (uint32_t k = 1; world->kind->sets && k < COVERAGE_ACTIONS; k++)
        if (rng_unit(&world->rng) < 0.3)
            set &= ~(1u << (k - 1));
    coverage_values(world, &target, &logging);
    coverage_restrict(coverage_target[x], set, pi);
    coverage_logging(world, x, set, p);
    coverage_model(world, x, q);
    draw = rng_unit(&world->rng);
    while (a + 1 < COVERAGE_ACTIONS && draw >= p[a])
        draw -= p[a++];
    while (p[a] <= 0.0) /* rounding at the end */
        a--;
    event.chosen = a;
    event.reward = rng_unit(&world->rng) < coverage_mean(world->kind, x, a);
    row = ope_row(&event);
    ope_add(&state->sums, &state->settings, &event);
    if (state->bootstrap != NULL)
        bootstrap_add(state->bootstrap, i, &row);
    value_sequence_add(&state->ips, &event);
    value_sequence_add(&state->dr, &event);
    gain_sequence_add(&state->gain, &event);
    asymptotic_sequence_add(&state->value, ope_term_dr(&row), row.square);
    asymptotic_sequence_add(&state->difference, ope_term_difference(&event, p),
            ope_difference_square(&event, p));
    state->truth = target;
    state->gains += target - logging;
    state->bet_gains[0] +=
            (state->gain.lower.bets - bets[0]) * (target - logging);
    state->bet_gains[1] +=
            (state->gain.upper.bets - bets[1]) * (target - logging);
    state->rows += 1.0;
    coverage_watch(state);
    coverage_report(world, i, x, a, event.reward > 0.5);
}

static inline void coverage_note(struct coverage_run *run,
        enum coverage_interval which, struct interval interval, double truth)
{
    run->held[which] = coverage_holds(interval, truth);
    run->width[which] = interval.upper - interval.lower;
}

static inline void coverage_note_sequence(struct coverage_run *run,
        const struct coverage_state *state, enum coverage_interval which,
        bool said, struct interval interval)
{
    run->held[which] = !state->violated[which];
    run->width[which] = said ? interval.upper - interval.lower : (double)NAN;
}

static inline void coverage_finish(
        const struct coverage_state *state, struct coverage_run *run)
{
    const struct ope_sums *sums = &state->sums;
    double alpha = 0.05, truth = state->truth;
    struct ope_estimate dr = ope_estimate(sums, &state->settings, OPE_DR);
    struct interval limits = {NAN, NAN}, none = limits;
    bool said;

    coverage_note(run, COVERAGE_NORMAL, interval_normal(&dr, alpha), truth);
    coverage_note(run, COVERAGE_BOOTSTRAP_DR,
            state->bootstrap == NULL
                    ? none
                    : bootstrap_interval(state->bootstrap, BOOTSTRAP_DR,
                              BOOTSTRAP_COUNT, alpha),
            truth);
    coverage_note(run, COVERAGE_BOOTSTRAP_SNIPS,
            state->bootstrap == NULL
                    ? none
                    : bootstrap_interval(state->bootstrap, BOOTSTRAP_IPS,
                              BOOTSTRAP_WEIGHT, alpha),
            truth);
    coverage_note(run, COVERAGE_CRESSIE_READ,
            interval_cressie_read(sums, sums->bound, alpha), truth);
    coverage_note(run, COVERAGE_CRESSIE_READ_OPEN,
            interval_cressie_read(sums, INFINITY, alpha), truth);
    coverage_note(run, COVERAGE_BERNSTEIN,
            interval_bernstein(&sums->ips, sums->bound, alpha), truth);
    coverage_note(run, COVERAGE_CLOPPER_PEARSON,
            interval_clopper_pearson(sums, sums->bound, alpha), truth);
    coverage_note_sequence(run, state, COVERAGE_SEQUENCE_IPS, true,
            value_sequence_limits(&state->ips));
    coverage_note_sequence(run, state, COVERAGE_SEQUENCE_DR, true,
            value_sequence_limits(&state->dr));
    coverage_note_sequence(run, state, COVERAGE_SEQUENCE_GAIN, true,
            gain_sequence_limits(&state->gain));
    said = asymptotic_sequence_limits(&state->value, &limits);
    coverage_note_sequence(run, state, COVERAGE_ASYMPTOTIC, said, limits);
    said = asymptotic_sequence_limits(&state->difference, &limits);
    coverage_note_sequence(run, state, COVERAGE_ASYMPTOTIC_GAIN, said, limits);
    for (int i = 0; i < OPE_ESTIMATORS; i++)
        run->error[i] =
                ope_estimate(sums, &state->settings, (enum ope_estimator)i)
                        .value -
                truth;
}

/* `bootstrap` may be NULL: those intervals then hold nothing. */
static inline struct coverage_run coverage_simulate(uint32_t kind,
        uint32_t number, uint32_t rows, struct bootstrap *bootstrap)
{
    struct coverage_state state = {
            .world = {.kind = &coverage_kinds[kind],
                    .rng = rng_keyed(kind + 1, number, RNG_TEST)},
            .settings = OPE_SETTINGS_DEFAULT,
            .bootstrap = bootstrap,
            .ips = value_sequence_begin(0.05, -1.0),
            .dr = value_sequence_begin(0.05, 3.0),
            .gain = gain_sequence_begin(0.05, 1.0),
            .value = asymptotic_sequence_begin(0.05, rows),
            .difference = asymptotic_sequence_begin(0.05, rows),
    };
    struct support_limits limits = SUPPORT_LIMITS_DEFAULT;
    struct coverage_run run = {0};
    struct support support;

    if (bootstrap != NULL) {
        memset(bootstrap, 0, sizeof(*bootstrap));
        bootstrap->seed = number;
    }
    for (uint32_t i = 0; i < rows; i++)
        coverage_row(&state, i);
    support = support_of(&state.sums);
    run.accepted = support_judge(&support, &limits, NULL, 0).intervals;
    run.design_ess = support.design_ess;
    coverage_finish(&state, &run);
    return run;
}

#endif
