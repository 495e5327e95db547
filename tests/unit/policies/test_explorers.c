/* Explorers by their numbers (bandits.md, section 5), by the inequalities
 * that make them worth having (1.1 to 1.3), and against slow references. */
#include "policies/confidence.h"
#include "policies/gap.h"
#include "policies/pmf.h"
#include "tests/lib/suite.h"
#include "tests/unit/policies/fixture.h"

#include <math.h>
#include <stdio.h>

#define DIGITS_12 1e-11
#define MANY      1024u

/* ---- playing one explorer ---- */

struct play {
    const char *explorer;
    const char *settings; /* "gamma 100, ties split" */
    struct outlook outlook;
    uint64_t event;
};

/* Cuts "name value, name value". The views point into `text`. */
static size_t cut_settings(const char *text, struct keyvalue *values)
{
    size_t count = 0;

    while (text != NULL && *text != '\0') {
        const char *space = strchr(text, ' ');
        const char *end = strchr(text, ',');
        if (end == NULL)
            end = text + strlen(text);
        values[count++] = (struct keyvalue){
                bytes_of(text, (size_t)(space - text)),
                bytes_of(space + 1, (size_t)(end - space - 1)), 0, false};
        text = *end == '\0' ? end : end + 2;
    }
    return count;
}

static const struct explorer *find(
        const char *name, const char *settings, uint64_t *options)
{
    const struct explorer *explorer = registry_explorer(bytes_of_text(name));
    struct keyvalue values[8];
    size_t count = cut_settings(settings, values);

    ck_assert_ptr_nonnull(explorer);
    ck_assert_msg(options_parse(&explorer->options, values, count, options,
                          &err) == 0,
            "%s", err.text);
    for (size_t i = 0; i < count; i++)
        ck_assert(values[i].used);
    return explorer;
}

/* With the scratch that explorer.h promises, and no more. */
static void play(const struct play *one, double *pmf)
{
    uint64_t options[32];
    const struct explorer *explorer =
            find(one->explorer, one->settings, options);
    struct rng draws = rng_keyed(1, one->event, RNG_EXPLORER);
    size_t mark = arena.used;
    struct arena scratch =
            arena_over(arena_alloc(&arena, one->outlook.count * 64),
                    one->outlook.count * (size_t)64);

    explorer->distribute(&one->outlook, options, &draws, &scratch, pmf);
    ck_assert_msg(pmf_valid(pmf, one->outlook.count), "%s: not a distribution",
            one->explorer);
    ck_assert(!scratch.overflow);
    arena_release(&arena, mark);
}

static void play_scores(const char *explorer, const char *settings,
        const double *scores, uint32_t count, double *pmf)
{
    struct play one = {explorer, settings,
            {.count = count, .scores = scores, .effective = 100.0}, 1};

    play(&one, pmf);
}

static void play_widths(const char *explorer, const char *settings,
        const double *scores, const double *widths, uint32_t count, double *pmf)
{
    struct play one = {explorer, settings,
            {.count = count,
                    .scores = scores,
                    .up = widths,
                    .down = widths,
                    .effective = 100.0},
            1};

    play(&one, pmf);
}

static double budget_of(const char *name, const char *settings, uint32_t count,
        double effective)
{
    uint64_t options[32];
    const struct explorer *explorer = find(name, settings, options);
    struct outlook outlook = {.count = count, .effective = effective};

    return explorer->budget(options, &outlook);
}

static void fill_random(struct rng *rng, double *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        values[i] = rng_unit(rng);
}

/* ---- golden numbers ---- */

struct golden_case {
    const char *explorer, *settings;
    double floor, cap;
    uint32_t count;
    double scores[5];
    double pmf[5];
    double tolerance; /* 0: twelve digits */
};

/* r = (.90, .93, .88, .93), all four and without the third; five scores. */
#define FOUR .90, .93, .88, .93
#define LESS .90, .93, .93
#define FIVE .20, .50, .45, .10, .70

static const struct golden_case golden_cases[] = {
        {"squarecb", "gamma 100", 0, 1, 4, {FOUR},
                {.142857142857, .496031746032, .111111111111, .25}, 0},
        {"squarecb", "gamma 100", 0, 1, 3, {LESS},
                {.166666666667, .5, .333333333333}, 0},
        {"squarecb", "gamma 1000", 0, 1, 4, {FOUR},
                {.029411764706, .702069716776, .018518518519, .25}, 0},
        {"squarecb", "gamma 1000", 0, 1, 3, {LESS},
                {.030303030303, .636363636364, .333333333333}, 0},
        {"fastcb", "gamma 100", 0, 1, 4, {FOUR},
                {.021341463415, .715400960828, .013257575758, .25}, 0},
        {"fastcb", "gamma 100", 0, 1, 3, {LESS},
                {.021806853583, .644859813084, .333333333333}, 0},
        {"fastcb", "gamma 1000", 0, 1, 4, {FOUR},
                {.002311756935, .746296039405, .001392203660, .25}, 0},
        {"fastcb", "gamma 1000", 0, 1, 3, {LESS},
                {.002317113539, .664349553128, .333333333333}, 0},
        {"softmax", "temperature 0.02", 0, 1, 4, {FOUR},
                {.096793637375, .433798986700, .035608389226, .433798986700},
                0},
        {"softmax", "", 0, 1, 3, {LESS},
                {.100367564683, .449816217658, .449816217658}, 0},
        {"epsilon", "epsilon 0.1", 0, 1, 4, {FOUR}, {.025, .925, .025, .025},
                0},
        {"epsilon", "epsilon 0.1", 0, 1, 3, {LESS},
                {.033333333333, .933333333333, .033333333333}, 0},
        {"squarecb", "gamma 100", 0.02, 1, 4, {FOUR},
                {.145, .491111111111, .113888888889, .25}, 0},
        {"squarecb", "gamma 100, ties split", 0, 1, 4, {FOUR},
                {.142857142857, .373015873016, .111111111111, .373015873016},
                0},
        {"squarecb", "gamma 50", 0, 1, 5, {FIVE},
                {.033333333333, .066666666667, .057142857143, .028571428571,
                        .814285714286},
                0},
        {"fastcb", "gamma 50", 0, 1, 5, {FIVE},
                {.011320754717, .026086956522, .021428571429, .009523809524,
                        .931639907809},
                0},
        {"squarecb", "gamma 5", 0, 1, 5, {FIVE},
                {.133333333333, .166666666667, .16, .125, .415}, 0},
        {"squarecb", "gamma 5", 0, 0.30, 5, {FIVE},
                {.068376068376, .085470085470, .082051282051, .064102564103,
                        .7},
                0},
        {"greedy", "", 0, 1, 4, {FOUR}, {0, 1, 0, 0}, 0},
        {"uniform", "", 0, 1, 4, {FOUR}, {.25, .25, .25, .25}, 0},
        /* relax.md 6.1: losses .2 .25 .5 .9, mu 4, gamma 50; eight digits. */
        {"squarecb", "gamma 50", 0, 1, 4, {.8, .75, .5, .1},
                {.76788124, .15384615, .05263158, .02564103}, 1e-8},
};

START_TEST(golden)
{
    const struct golden_case *one = &golden_cases[_i];
    struct outlook outlook = {.count = one->count, .scores = one->scores};
    double pmf[5];

    play_scores(one->explorer, one->settings, one->scores, one->count, pmf);
    pmf_cap(pmf, one->count, outlook_best(&outlook), one->cap);
    pmf_floor(pmf, one->count, one->floor);
    ck_assert(pmf_valid(pmf, one->count));
    for (uint32_t i = 0; i < one->count; i++)
        ck_assert_double_eq_tol(pmf[i], one->pmf[i],
                one->tolerance > 0 ? one->tolerance : DIGITS_12);
}
END_TEST

/* ---- inequalities that hold for any truth ---- */

#define SEARCH_K 8u

/* What an adversary chooses: predicted losses y and true losses f. */
struct instance {
    uint32_t count;
    double gamma;
    double y[SEARCH_K], f[SEARCH_K];
};

/* Regret over the bound; at most 1. `p` is what the explorer plays. */
typedef double ratio_of(const struct instance *one, const char *ties);

static void gap_pmf(const struct instance *one, const char *explorer,
        const char *ties, double *pmf)
{
    double scores[SEARCH_K];
    char settings[64];

    for (uint32_t a = 0; a < one->count; a++)
        scores[a] = 1.0 - one->y[a];
    (void)snprintf(settings, sizeof(settings), "gamma %.17g, ties %s",
            one->gamma, ties);
    play_scores(explorer, settings, scores, one->count, pmf);
}

static double regret_of(const struct instance *one, const double *pmf)
{
    double mean = 0.0, least = 2.0;

    for (uint32_t a = 0; a < one->count; a++) {
        mean += pmf[a] * one->f[a];
        least = fmin(least, one->f[a]);
    }
    return mean - least;
}

static double square_error(const struct instance *one, const double *pmf)
{
    double sum = 0.0;

    for (uint32_t a = 0; a < one->count; a++)
        sum += pmf[a] * (one->y[a] - one->f[a]) * (one->y[a] - one->f[a]);
    return sum;
}

static double squarecb_ratio(const struct instance *one, const char *ties)
{
    double pmf[SEARCH_K];

    gap_pmf(one, "squarecb", ties, pmf);
    return regret_of(one, pmf) /
            (2.0 * (one->count - 1) / one->gamma +
                    one->gamma / 4.0 * square_error(one, pmf));
}

static double fastcb_ratio(const struct instance *one, const char *ties)
{
    double pmf[SEARCH_K], mean = 0.0, triangle = 0.0;

    gap_pmf(one, "fastcb", ties, pmf);
    for (uint32_t a = 0; a < one->count; a++) {
        double y = fmax(one->y[a], 1e-6), error = y - one->f[a];
        mean += pmf[a] * one->f[a];
        triangle += pmf[a] * error * error / (y + one->f[a]);
    }
    return regret_of(one, pmf) /
            (5.0 * one->count / one->gamma * mean +
                    7.0 * one->gamma * triangle);
}

/* The cap at a third of what the request would explore. */
static double capped_ratio(const struct instance *one, const char *ties)
{
    double pmf[SEARCH_K], scores[SEARCH_K], k = one->count, c = 1.0 / 3.0;
    struct outlook outlook = {.count = one->count, .scores = scores};
    uint32_t best;

    for (uint32_t a = 0; a < one->count; a++)
        scores[a] = 1.0 - one->y[a];
    best = outlook_best(&outlook);
    gap_pmf(one, "squarecb", ties, pmf);
    pmf_cap(pmf, one->count, best, c * (1.0 - pmf[best]));
    return regret_of(one, pmf) /
            (((k - 1.0) * c + k - c) / one->gamma +
                    one->gamma / (4.0 * c) * square_error(one, pmf));
}

static double nudged(struct rng *rng, double value, double step)
{
    value += step * (2.0 * rng_unit(rng) - 1.0);
    return fmin(fmax(value, 0.0), 1.0);
}

/* Hill climbing from random starts; every point on the way must hold. */
static double worst_ratio(ratio_of *ratio, const char *ties, double gamma_least)
{
    struct rng rng = rng_keyed(3, 3, RNG_TEST);
    double worst = 0.0;

    for (int start = 0; start < 60; start++) {
        struct instance here = {.count = 2 + rng_below(&rng, SEARCH_K - 1)};
        double value, step = 0.3;
        here.gamma = exp(6.0 * rng_unit(&rng));
        here.gamma = fmax(here.gamma, gamma_least * here.count);
        fill_random(&rng, here.y, here.count);
        fill_random(&rng, here.f, here.count);
        if (start % 3 == 0) /* the best two tie */
            here.y[0] = here.y[1] = 0.0;
        value = ratio(&here, ties);
        for (int turn = 0; turn < 500; turn++, step *= 0.99) {
            struct instance there = here;
            double found;
            uint32_t a = rng_below(&rng, here.count);
            there.y[a] = nudged(&rng, there.y[a], step);
            there.f[a] = nudged(&rng, there.f[a], step);
            there.gamma = fmax(gamma_least * here.count,
                    there.gamma * exp(step * (rng_unit(&rng) - 0.5)));
            found = ratio(&there, ties);
            ck_assert_double_le(found, 1.0 + 1e-9);
            if (found > value) {
                here = there;
                value = found;
            }
        }
        worst = fmax(worst, value);
    }
    return worst;
}

/* The bounds hold against a search, and the first is tight: a weaker explorer
 * would be found out. */
START_TEST(inequalities)
{
    const char *ties = _i == 0 ? "lowest" : "split";
    double square = worst_ratio(squarecb_ratio, ties, 0.0);
    double fast = worst_ratio(fastcb_ratio, ties, 2.0);
    double capped = worst_ratio(capped_ratio, "lowest", 0.0);

    ck_assert_double_ge(square, _i == 0 ? 0.95 : 0.5);
    ck_assert_double_ge(fast, 0.1);
    ck_assert_double_ge(capped, 0.4);
    if (getenv("SHOW") != NULL)
        printf("ties %s: squarecb %.4f fastcb %.4f capped %.4f\n", ties, square,
                fast, capped);
}
END_TEST

/* The cap is inverse gap weighting with K/c and gamma/c, and the floor
 * guarantees its mass and its weights whatever the cap. */
START_TEST(cap_and_floor)
{
    struct rng rng = rng_keyed(4, 4, RNG_TEST);

    for (int trial = 0; trial < 5000; trial++) {
        struct instance one = {.count = 2 + rng_below(&rng, SEARCH_K - 1),
                .gamma = exp(6.0 * rng_unit(&rng))};
        double pmf[SEARCH_K], cap = rng_unit(&rng), e = 0.3 * rng_unit(&rng);
        double k = one.count, mass, c, least = 1.0;
        uint32_t best = 0;
        fill_random(&rng, one.y, one.count);
        for (uint32_t a = 1; a < one.count; a++)
            best = one.y[a] < one.y[best] ? a : best;
        gap_pmf(&one, "squarecb", "lowest", pmf);
        mass = 1.0 - pmf[best];
        c = fmin(1.0, cap / mass);
        pmf_cap(pmf, one.count, best, cap);
        ck_assert(pmf_valid(pmf, one.count));
        ck_assert_double_le(1.0 - pmf[best], fmin(cap, mass) + 1e-12);
        for (uint32_t a = 0; a < one.count; a++)
            if (a != best)
                ck_assert_double_eq_tol(pmf[a],
                        1.0 /
                                (k / c +
                                        one.gamma / c *
                                                (one.y[a] - one.y[best])),
                        1e-12);
        pmf_floor(pmf, one.count, e);
        for (uint32_t a = 0; a < one.count; a++)
            least = fmin(least, pmf[a]);
        ck_assert_double_ge(least, e / k * (1.0 - 1e-12));
        ck_assert_double_ge(1.0 - pmf[best], e * (1.0 - 1.0 / k) - 1e-12);
    }
}
END_TEST

/* Whoever is played, the cap leaves 1 - cap to the one predicted best. */
START_TEST(cap_is_about_the_prediction)
{
    static const double scores[3] = {.5, .8, .6}, widths[3] = {.4, .05, .05};
    double pmf[3];

    play_widths("linucb", "", scores, widths, 3, pmf);
    ck_assert_double_eq(pmf[0], 1.0);
    pmf_cap(pmf, 3, 1, 0.2);
    ck_assert_double_eq_tol(pmf[0], 0.2, 1e-15);
    ck_assert_double_eq_tol(pmf[1], 0.8, 1e-15);
    play_scores("uniform", "", scores, 3, pmf);
    pmf_cap(pmf, 3, 1, 0.2);
    ck_assert_double_eq_tol(pmf[0], 0.1, 1e-15);
    ck_assert_double_eq_tol(pmf[1], 0.8, 1e-15);
    pmf_cap(pmf, 3, 1, 1.0);
    ck_assert_double_eq_tol(pmf[1], 0.8, 1e-15);
    pmf_cap(pmf, 3, 1, 0.0);
    ck_assert_double_eq(pmf[1], 1.0);
}
END_TEST

/* ---- ties and order ---- */

/* Widths so large that everything survives; played by all explorers. */
static const double wide[SEARCH_K] = {9, 9, 9, 9, 9, 9, 9, 9};
static const char *const gap_names[] = {"squarecb", "fastcb", "adacb"};

/* Two tie for best: the first has the rest, and the other 1/K; when they
 * share, they share that sum, and the others have what they had. */
START_TEST(ties_lowest_and_split)
{
    static const double scores[4] = {.2, .7, .6, .7};
    double lowest[4], split[4];

    play_widths(gap_names[_i], "gamma 40", scores, wide, 4, lowest);
    play_widths(gap_names[_i], "gamma 40, ties split", scores, wide, 4, split);
    ck_assert_double_eq_tol(lowest[3], 0.25, 1e-15);
    ck_assert_double_gt(lowest[1], 0.5);
    ck_assert_double_eq(split[1], split[3]);
    ck_assert_double_eq_tol(split[1], (lowest[1] + lowest[3]) / 2.0, 1e-15);
    ck_assert_double_eq(split[0], lowest[0]);
    ck_assert_double_eq(split[2], lowest[2]);
}
END_TEST

/* Those that play one action above all: the lowest of ties. */
START_TEST(ties_of_one_action)
{
    static const double scores[4] = {.2, .7, .7, .7};
    static const double even[4] = {.1, .1, .1, .1};
    static const double none[4];
    static const char *const names[] = {
            "greedy", "linucb", "regcb", "epsilon", "thompson"};
    double pmf[4];

    play_widths(names[_i], "", scores, none, 4, pmf);
    ck_assert_double_gt(pmf[1], 0.9);
    if (_i < 3) {
        play_widths(names[_i], "", scores, even, 4, pmf);
        ck_assert_double_eq(pmf[1], 1.0);
    }
}
END_TEST

/* Limits above 1 are equal; then the better score counts, not the place. */
START_TEST(clipped_limits)
{
    static const double scores[3] = {.8, .95, .9}, widths[3] = {.9, .1, .5};
    double pmf[3];

    play_widths("linucb", "", scores, widths, 3, pmf);
    ck_assert_double_eq(pmf[1], 1.0);
    play_widths("regcb", "", scores, widths, 3, pmf);
    ck_assert_double_eq(pmf[1], 1.0);
}
END_TEST

struct order_case {
    const char *explorer, *settings;
    bool with_ties; /* the order does not matter even then */
};

static const struct order_case order_cases[] = {
        {"squarecb", "gamma 40, ties split", true},
        {"fastcb", "gamma 40, ties split", true},
        {"adacb", "gamma 40, ties split", true},
        {"softmax", "", true},
        {"uniform", "", true},
        {"regcb", "mode elimination", true},
        {"squarecb", "gamma 40", false},
        {"fastcb", "gamma 40", false},
        {"adacb", "gamma 40", false},
        {"greedy", "", false},
        {"epsilon", "", false},
        {"linucb", "", false},
        {"regcb", "", false},
        {"thompson", "", false},
};

static void shuffle(struct rng *rng, uint32_t *order, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (uint32_t i = count - 1; i > 0; i--) {
        uint32_t j = rng_below(rng, i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

/* Sums in another order differ in their last bits; draws do not depend on the
 * order at all. */
START_TEST(order_does_not_matter)
{
    const struct order_case *one = &order_cases[_i];
    struct rng rng = rng_keyed(5, 5, RNG_TEST);

    for (int trial = 0; trial < 500; trial++) {
        double scores[SEARCH_K], widths[SEARCH_K], pmf[SEARCH_K];
        double other_scores[SEARCH_K], other_widths[SEARCH_K], other[SEARCH_K];
        uint32_t order[SEARCH_K], count = 2 + rng_below(&rng, SEARCH_K - 1);
        for (uint32_t i = 0; i < count; i++) {
            scores[i] =
                    one->with_ties ? rng_below(&rng, 4) / 4.0 : rng_unit(&rng);
            widths[i] = one->with_ties ? 0.1 : 0.3 * rng_unit(&rng);
        }
        shuffle(&rng, order, count);
        for (uint32_t i = 0; i < count; i++) {
            other_scores[i] = scores[order[i]];
            other_widths[i] = widths[order[i]];
        }
        play_widths(one->explorer, one->settings, scores, widths, count, pmf);
        play_widths(one->explorer, one->settings, other_scores, other_widths,
                count, other);
        for (uint32_t i = 0; i < count; i++)
            ck_assert_double_eq_tol(other[i], pmf[order[i]], 1e-14);
    }
}
END_TEST

/* ---- shapes ---- */

/* The same for scores that are all higher by the same: what counts is gaps.
 * (fastcb is about losses, and limits are clipped.) */
START_TEST(shifting_all_scores)
{
    static const char *const names[] = {
            "softmax", "squarecb", "greedy", "epsilon", "uniform", "thompson"};
    static const double even[SEARCH_K] = {.1, .1, .2, .1, .1, .3, .1, .1};
    struct rng rng = rng_keyed(6, 6, RNG_TEST);

    for (int trial = 0; trial < 300; trial++) {
        double scores[SEARCH_K], shifted[SEARCH_K], a[SEARCH_K], b[SEARCH_K];
        for (uint32_t i = 0; i < SEARCH_K; i++) {
            /* Multiples of 2^-20, so that the sums are exact. */
            scores[i] = rng_below(&rng, 1 << 19) * 0x1p-20;
            shifted[i] = scores[i] + 0.375;
        }
        play_widths(names[_i], "", scores, even, SEARCH_K, a);
        play_widths(names[_i], "", shifted, even, SEARCH_K, b);
        for (uint32_t i = 0; i < SEARCH_K; i++)
            ck_assert_double_eq_tol(a[i], b[i], 1e-12);
    }
}
END_TEST

/* A higher score has no less probability, where widths are the same. (Counted
 * shares have noise: thompson is not in this list.) */
START_TEST(higher_scores_are_not_less_likely)
{
    static const char *const cases[][2] = {{"softmax", ""}, {"greedy", ""},
            {"epsilon", ""}, {"uniform", ""}, {"squarecb", ""},
            {"squarecb", "ties split"}, {"fastcb", ""},
            {"fastcb", "ties split"}, {"linucb", ""}, {"regcb", ""},
            {"regcb", "mode elimination"}, {"adacb", ""},
            {"adacb", "ties split"}};
    struct rng rng = rng_keyed(7, 7, RNG_TEST);

    for (int trial = 0; trial < 500; trial++) {
        double scores[SEARCH_K], widths[SEARCH_K], pmf[SEARCH_K];
        for (uint32_t i = 0; i < SEARCH_K; i++) {
            scores[i] =
                    trial % 2 == 0 ? rng_unit(&rng) : rng_below(&rng, 6) / 5.0;
            widths[i] = 0.15;
        }
        play_widths(cases[_i][0], cases[_i][1], scores, widths, SEARCH_K, pmf);
        for (uint32_t i = 0; i < SEARCH_K; i++)
            for (uint32_t j = 0; j < SEARCH_K; j++)
                if (scores[i] > scores[j])
                    ck_assert_double_ge(pmf[i], pmf[j] - 1e-12);
    }
}
END_TEST

static void check_extremes(const char *name, const char *settings,
        uint32_t count, double effective)
{
    static double scores[MANY], up[MANY], down[MANY], pmf[MANY];
    struct rng rng = rng_keyed(8, count, RNG_TEST);
    struct play one = {name, settings,
            {.count = count,
                    .scores = scores,
                    .up = up,
                    .down = down,
                    .effective = effective},
            1};

    for (int kind = 0; kind < 6; kind++) {
        for (uint32_t i = 0; i < count; i++) {
            double random = rng_unit(&rng);
            const double kinds[6] = {0.0, 1.0, (double)(i % 2),
                    random < 0.5 ? 0.0 : 1.0, random, 0x1p-1074};
            scores[i] = kinds[kind];
            up[i] = random < 0.3 ? 0.0 : random < 0.6 ? 1e12 : random;
            down[i] = random < 0.5 ? up[i] : 0.0;
        }
        play(&one, pmf);
        if (count == 1)
            ck_assert_double_eq(pmf[0], 1.0);
    }
}

/* Each row of the registry: one action and very many, scores 0 and 1, widths 0
 * and huge, nothing learned yet and very much. */
START_TEST(extremes)
{
    static const uint32_t counts[] = {1, 2, 3, 10, MANY};
    static const double lessons[] = {0, 1e-9, 1, 1e6, 1e300};

    for (size_t e = 0; registry_explorers[e] != NULL; e++)
        for (size_t c = 0; c < ARRAY_COUNT(counts); c++)
            for (size_t n = 0; n < ARRAY_COUNT(lessons); n++)
                check_extremes(
                        registry_explorers[e]->name, "", counts[c], lessons[n]);
    check_extremes("regcb", "mode elimination", MANY, 1e300);
    check_extremes("softmax", "temperature 0.000001", MANY, 0);
    check_extremes("softmax", "temperature 1000000", MANY, 0);
    for (int i = 0; i < 3; i++) {
        check_extremes(gap_names[i], "ties split", MANY, 1e300);
        check_extremes(gap_names[i], "gamma_exponent 2", MANY, 1e300);
        check_extremes(gap_names[i], "gamma_exponent 0", MANY, 0);
    }
    check_extremes("thompson", "v 0", 10, 1);
    check_extremes("linucb", "alpha 0", 10, 1);
    check_extremes("adacb", "c0 0", 10, 1);
}
END_TEST

/* gamma: fixed, the oracle's, or 10 n_eff^(1/2) up to a million. */
START_TEST(schedule)
{
    struct gap_options options = {10.0, 0.5, 0.0, 0};
    struct outlook outlook = {.count = 4, .effective = 400.0};

    ck_assert_double_eq(gap_gamma(&options, &outlook), 200.0);
    outlook.effective = 0.0;
    ck_assert_double_eq(gap_gamma(&options, &outlook), 0.0);
    outlook.effective = 1e300;
    ck_assert_double_eq(gap_gamma(&options, &outlook), 1e6);
    outlook.gamma = 7.0;
    ck_assert_double_eq(gap_gamma(&options, &outlook), 7.0);
    options.gamma = 5.0;
    ck_assert_double_eq(gap_gamma(&options, &outlook), 5.0);
    options = (struct gap_options){3.0, 0.25, 0.0, 0};
    outlook = (struct outlook){.count = 4, .effective = 81.0};
    ck_assert_double_eq_tol(gap_gamma(&options, &outlook), 9.0, 1e-12);
}
END_TEST

/* ---- confidence limits ---- */

START_TEST(budgets)
{
    ck_assert_double_eq_tol(
            budget_of("linucb", "alpha 0.4", 5, 9.0), 0.16, 1e-15);
    ck_assert_double_eq_tol(
            budget_of("thompson", "v 0.5", 5, 9.0), 0.25, 1e-15);
    ck_assert_double_eq_tol(
            budget_of("regcb", "", 5, 98.0), 0.01 * log(5.0 * 100.0), 1e-15);
    ck_assert_double_eq_tol(
            budget_of("adacb", "c0 0.2", 3, 0.0), 0.2 * log(6.0), 1e-15);
    /* Not minus infinity when nothing is learned, and not negative. */
    ck_assert_double_eq_tol(
            budget_of("regcb", "", 1, 0.0), 0.01 * log(2.0), 1e-15);
}
END_TEST

/* Is a better than b by limits, then score, then place? */
static bool before(
        const double *scores, const double *up, uint32_t a, uint32_t b)
{
    double left = fmin(1.0, scores[a] + up[a]);
    double right = fmin(1.0, scores[b] + up[b]);

    if (left != right)
        return left > right;
    return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
}

/* By definition: nobody is before it; nobody's lower limit is above it. */
static bool is_highest(const struct outlook *outlook, uint32_t a)
{
    for (uint32_t b = 0; b < outlook->count; b++)
        if (b != a && before(outlook->scores, outlook->up, b, a))
            return false;
    return true;
}

static bool is_survivor(const struct outlook *outlook, uint32_t a)
{
    for (uint32_t b = 0; b < outlook->count; b++)
        if (fmin(1.0, outlook->scores[a] + outlook->up[a]) <
                outlook->scores[b] - outlook->down[b])
            return false;
    return true;
}

static void random_outlook(struct rng *rng, struct outlook *outlook,
        double *scores, double *up, double *down)
{
    bool coarse = rng_below(rng, 2) == 0;

    *outlook = (struct outlook){.count = 1 + rng_below(rng, SEARCH_K),
            .scores = scores,
            .up = up,
            .down = down,
            .effective = 50.0};
    for (uint32_t i = 0; i < outlook->count; i++) {
        scores[i] = coarse ? rng_below(rng, 5) / 4.0 : rng_unit(rng);
        up[i] = coarse ? rng_below(rng, 3) / 8.0 : 0.4 * rng_unit(rng);
        down[i] = coarse ? rng_below(rng, 3) / 8.0 : 0.4 * rng_unit(rng);
    }
}

START_TEST(limits_against_a_slow_reference)
{
    struct rng rng = rng_keyed(9, 9, RNG_TEST);

    for (int trial = 0; trial < 5000; trial++) {
        double scores[SEARCH_K], up[SEARCH_K], down[SEARCH_K], pmf[SEARCH_K];
        struct play one = {"linucb", "", {0}, 1};
        uint32_t survivors = 0;
        random_outlook(&rng, &one.outlook, scores, up, down);
        play(&one, pmf);
        for (uint32_t a = 0; a < one.outlook.count; a++)
            ck_assert_double_eq(pmf[a], is_highest(&one.outlook, a) ? 1 : 0);
        one.explorer = "regcb";
        play(&one, pmf);
        for (uint32_t a = 0; a < one.outlook.count; a++)
            ck_assert_double_eq(pmf[a], is_highest(&one.outlook, a) ? 1 : 0);
        for (uint32_t a = 0; a < one.outlook.count; a++)
            survivors += is_survivor(&one.outlook, a) ? 1 : 0;
        one.settings = "mode elimination";
        play(&one, pmf);
        for (uint32_t a = 0; a < one.outlook.count; a++)
            ck_assert_double_eq_tol(pmf[a],
                    is_survivor(&one.outlook, a) ? 1.0 / survivors : 0.0,
                    1e-15);
    }
}
END_TEST

/* adacb is squarecb on the survivors alone, in the same order. */
START_TEST(adacb_is_squarecb_on_survivors)
{
    struct rng rng = rng_keyed(10, 10, RNG_TEST);
    const char *settings = _i == 0 ? "gamma 30" : "gamma 30, ties split";

    for (int trial = 0; trial < 3000; trial++) {
        double scores[SEARCH_K], up[SEARCH_K], down[SEARCH_K], pmf[SEARCH_K];
        double left[SEARCH_K], wanted[SEARCH_K];
        struct play one = {"adacb", settings, {0}, 1};
        uint32_t count = 0, at = 0;
        random_outlook(&rng, &one.outlook, scores, up, down);
        play(&one, pmf);
        for (uint32_t a = 0; a < one.outlook.count; a++)
            if (is_survivor(&one.outlook, a))
                left[count++] = scores[a];
        play_scores("squarecb", settings, left, count, wanted);
        for (uint32_t a = 0; a < one.outlook.count; a++)
            ck_assert_double_eq_tol(pmf[a],
                    is_survivor(&one.outlook, a) ? wanted[at++] : 0.0, 1e-14);
    }
}
END_TEST

/* How Vowpal Wabbit's elimination counts survivors (bandits.md, section 3):
 * only those whose predicted loss is less than that of all before. */
static uint32_t count_running_minima(const struct outlook *outlook)
{
    double least = 2.0;
    uint32_t count = 0;

    for (uint32_t a = 0; a < outlook->count; a++)
        if (is_survivor(outlook, a) && 1.0 - outlook->scores[a] < least) {
            least = 1.0 - outlook->scores[a];
            count++;
        }
    return count;
}

START_TEST(survivors_that_are_no_running_minimum)
{
    static const double scores[5] = {.80, .70, .75, .72, .10};
    static const double widths[5] = {.10, .10, .10, .10, .10};
    struct outlook outlook = {
            .count = 5, .scores = scores, .up = widths, .down = widths};
    double alive[5], pmf[5], wrong_rest;

    ck_assert_uint_eq(count_running_minima(&outlook), 1);
    ck_assert_uint_eq(confidence_survivors(&outlook, alive), 4);
    play_widths("regcb", "mode elimination", scores, widths, 5, pmf);
    for (int a = 0; a < 5; a++)
        ck_assert_double_eq_tol(pmf[a], a < 4 ? 0.25 : 0.0, 1e-15);
    play_widths("adacb", "gamma 10", scores, widths, 5, pmf);
    ck_assert_double_eq_tol(pmf[1], 1.0 / (4 + 10 * .10), 1e-12);
    ck_assert_double_eq_tol(pmf[2], 1.0 / (4 + 10 * .05), 1e-12);
    ck_assert_double_eq_tol(pmf[3], 1.0 / (4 + 10 * .08), 1e-12);
    ck_assert_double_eq(pmf[4], 0.0);
    /* With their count the winner's share would be negative. */
    wrong_rest = 1 - 1 / (1 + 1.0) - 1 / (1 + .5) - 1 / (1 + .8);
    ck_assert_double_lt(wrong_rest, 0.0);
}
END_TEST

/* ---- thompson ---- */

START_TEST(thompson_closed_form)
{
    struct rng rng = rng_keyed(11, 11, RNG_TEST);

    for (int trial = 0; trial < 3000; trial++) {
        double scores[2], widths[2], pmf[2], x;
        fill_random(&rng, scores, 2);
        fill_random(&rng, widths, 2);
        widths[trial % 2] *= trial % 3 == 0 ? 0.0 : 0.3;
        play_widths("thompson", "", scores, widths, 2, pmf);
        x = (scores[0] - scores[1]) /
                sqrt(widths[0] * widths[0] + widths[1] * widths[1]);
        ck_assert_double_eq_tol(pmf[0], 0.5 * erfc(-x / sqrt(2.0)), 1e-14);
        ck_assert_double_eq_tol(pmf[1], 0.5 * erfc(x / sqrt(2.0)), 1e-14);
    }
}
END_TEST

/* Counted against the closed form: a third action that is far away but wide
 * enough to take part. Five standard deviations of a share of 65,536. */
START_TEST(thompson_counts_towards_the_closed_form)
{
    static const double scores[3] = {.6, .5, .0};
    static const double widths[3] = {.1, .05, .1};
    double pmf[3], x = .1 / sqrt(.01 + .0025), wanted;
    struct play one = {"thompson", "tables 65536",
            {.count = 3, .scores = scores, .up = widths}, 77};

    wanted = 0.5 * erfc(-x / sqrt(2.0));
    play(&one, pmf);
    ck_assert_double_eq_tol(
            pmf[0], wanted, 5 * sqrt(wanted * (1 - wanted) / 65536) + 1e-4);
}
END_TEST

#define LONG_ROUNDS 1000000

/* By the definition, with another generator of normals. */
static void long_monte_carlo(const double *scores, const double *widths,
        uint32_t count, double *shares)
{
    struct rng rng = rng_keyed(12, 12, RNG_TEST);

    memset(shares, 0, count * sizeof(*shares));
    for (int i = 0; i < LONG_ROUNDS; i++) {
        double best = -1e9;
        uint32_t winner = 0;
        for (uint32_t a = 0; a < count; a++) {
            double value = scores[a] + widths[a] * rng_normal(&rng);
            if (value > best) {
                best = value;
                winner = a;
            }
        }
        shares[winner] += 1.0 / LONG_ROUNDS;
    }
}

/* Each event's share is an average of independent tables; so is the mean over
 * 400 events of 256. Both within five standard deviations. */
START_TEST(thompson_against_a_long_monte_carlo)
{
    static const double scores[5] = {.60, .62, .55, .64, .10};
    static const double widths[5] = {.05, .02, .08, .01, .03};
    double shares[5], mean[5] = {0}, pmf[5];
    struct play one = {
            "thompson", "", {.count = 5, .scores = scores, .up = widths}, 0};
    const int events = 400;

    long_monte_carlo(scores, widths, 5, shares);
    for (one.event = 0; one.event < (uint64_t)events; one.event++) {
        play(&one, pmf);
        for (int a = 0; a < 5; a++) {
            double sd = sqrt(shares[a] * (1 - shares[a]) / 256);
            ck_assert_double_eq(pmf[a] * 256, floor(pmf[a] * 256));
            ck_assert_double_eq_tol(pmf[a], shares[a], 5 * sd + 1e-9);
            mean[a] += pmf[a] / events;
        }
    }
    for (int a = 0; a < 5; a++) {
        double variance = shares[a] * (1 - shares[a]);
        double sd = sqrt(variance / (256.0 * events) + variance / LONG_ROUNDS);
        ck_assert_double_eq_tol(mean[a], shares[a], 5 * sd + 1e-9);
        if (getenv("SHOW") != NULL)
            printf("thompson %d: %.5f, by a long run %.5f +- %.5f\n", a,
                    mean[a], shares[a], sd);
    }
}
END_TEST

/* Its draws are those of the decision's key; a hopeless action changes
 * nothing; any number of tables adds up. */
START_TEST(thompson_draws)
{
    static const double scores[4] = {.60, .62, .55, .10};
    static const double widths[4] = {.05, .02, .08, .01};
    double a[4], b[4], c[4], d[3], odd[4];
    struct play one = {
            "thompson", "", {.count = 4, .scores = scores, .up = widths}, 5};

    play(&one, a);
    play(&one, b);
    ck_assert_mem_eq(a, b, sizeof(a));
    one.event = 6;
    play(&one, c);
    ck_assert(memcmp(a, c, sizeof(a)) != 0);
    one.settings = "tables 100";
    play(&one, odd);
    for (int i = 0; i < 4; i++)
        ck_assert_double_eq_tol(odd[i] * 100, floor(odd[i] * 100 + 0.5), 1e-12);
    one.settings = "";
    one.outlook.count = 3;
    play(&one, d);
    for (int i = 0; i < 3; i++)
        ck_assert_double_eq(d[i], c[i]);
}
END_TEST

/* An explorer with a budget is refused over an oracle without widths, and over
 * no other, whatever else may be wrong with the pair. */
START_TEST(only_pairs_without_widths_are_refused_for_it)
{
    const struct explorer *explorer = registry_explorers[_i];
    struct shape shape = {.shared_dense = 1, .slots = 3, .actions_max = 3};
    struct value_range range = {0.0, 1.0, false, false};

    for (size_t o = 0; registry_oracles[o] != NULL; o++) {
        const struct oracle *oracle = registry_oracles[o];
        struct keyvalue values[2] = {
                {bytes_of_text("oracle"), bytes_of_text(oracle->name), 0,
                        false},
                {bytes_of_text("explorer"), bytes_of_text(explorer->name), 0,
                        false}};
        struct policy_spec spec;
        int status;
        err.text[0] = '\0';
        status = policy_spec_parse(
                &spec, &shape, &range, values, 2, &arena, NULL, &err);
        if (explorer->budget != NULL && oracle->spread == NULL)
            ck_assert_int_eq(status, STATUS_INVALID);
        ck_assert_int_eq(strstr(err.text, "knows its uncertainty") != NULL,
                explorer->budget != NULL && oracle->spread == NULL);
    }
}
END_TEST

/* ---- over ridge, in one piece ---- */

#define SLOTS 4u
#define WIDTH 3u /* 1, x1, x2 */

struct naive {
    double a[SLOTS][WIDTH][WIDTH];
    double b[SLOTS][WIDTH];
};

/* x = m^-1 v by elimination. */
static void solve(const double m[WIDTH][WIDTH], const double *v, double *x)
{
    double a[WIDTH][WIDTH + 1];

    for (uint32_t i = 0; i < WIDTH; i++) {
        memcpy(a[i], m[i], sizeof(m[i]));
        a[i][WIDTH] = v[i];
    }
    for (uint32_t i = 0; i < WIDTH; i++)
        for (uint32_t k = 0; k < WIDTH; k++)
            for (uint32_t j = WIDTH + 1; k != i && j-- > i;)
                a[k][j] -= a[k][i] / a[i][i] * a[i][j];
    for (uint32_t i = 0; i < WIDTH; i++)
        x[i] = a[i][WIDTH] / a[i][i];
}

/* The limit by the book: r + width, clipped; the loss is linear in phi. */
static double naive_limit(const struct naive *naive, uint32_t slot,
        const double *phi, double factor, double *score)
{
    double theta[WIDTH], gain[WIDTH], loss = 0.0, square = 0.0;

    solve(naive->a[slot], naive->b[slot], theta);
    solve(naive->a[slot], phi, gain);
    for (uint32_t i = 0; i < WIDTH; i++) {
        loss += theta[i] * phi[i];
        square += gain[i] * phi[i];
    }
    *score = 1.0 - fmin(fmax(loss, 0.0), 1.0);
    return fmin(1.0, *score + factor * sqrt(square));
}

static uint32_t naive_choice(
        const struct naive *naive, const double *phi, double factor)
{
    uint32_t best = 0;
    double highest = -1.0, best_score = -1.0;

    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        double score, limit = naive_limit(naive, slot, phi, factor, &score);
        if (limit > highest + 1e-12 ||
                (limit > highest - 1e-12 && score > best_score + 1e-12)) {
            best = slot;
            highest = limit;
            best_score = score;
        }
    }
    return best;
}

static void naive_learn(
        struct naive *naive, uint32_t slot, const double *phi, double loss)
{
    for (uint32_t i = 0; i < WIDTH; i++) {
        naive->b[slot][i] += loss * phi[i];
        for (uint32_t j = 0; j < WIDTH; j++)
            naive->a[slot][i][j] += phi[i] * phi[j];
    }
}

/* linucb and regcb over ridge choose what the book's formulas choose. */
START_TEST(choices_over_ridge)
{
    static const uint32_t slots[SLOTS] = {0, 1, 2, 3};
    const char *const settings[][2] = {{"oracle", "ridge"}, {"scale", "false"},
            {"explorer", _i == 0 ? "linucb" : "regcb"}};
    struct shape shape = {
            .shared_dense = WIDTH - 1, .slots = SLOTS, .actions_max = SLOTS};
    struct fixture *fixture = open_policy(settings, 3, shape);
    struct policy *policy = fixture->policy;
    struct naive naive = {0};
    struct rng rng = rng_keyed(13, 13, RNG_TEST);
    uint32_t played[SLOTS] = {0};

    for (uint32_t i = 0; i < SLOTS * WIDTH; i++)
        naive.a[i / WIDTH][i % WIDTH][i % WIDTH] = 1.0;
    for (int t = 0; t < 1500; t++) {
        double phi[WIDTH] = {1.0, rng_unit(&rng), rng_unit(&rng)};
        double factor = _i == 0 ? 0.3 : sqrt(0.01 * log(SLOTS * (t + 2.0)));
        struct context context = {
                .shared = {.dense = phi + 1, .dense_count = WIDTH - 1}};
        struct action_set actions = {.count = SLOTS, .slot = slots};
        struct distribution out;
        struct lesson lesson = {
                .context = &context,
                .actions = &actions,
                .chosen = 0,
                .pmf = NULL,
                .loss = 0,
                .weight = 1.0,
                .propensity = 1.0,
        };
        size_t mark = arena.used;
        ck_assert_int_eq(policy_decide(policy, &context, &actions, 1,
                                 (uint64_t)t, &arena, &out, &err),
                0);
        ck_assert_uint_eq(out.chosen, naive_choice(&naive, phi, factor));
        ck_assert_double_eq(out.propensity, 1.0);
        lesson.chosen = out.chosen;
        lesson.pmf = out.pmf;
        lesson.loss =
                fabs(phi[1] - out.chosen / 3.0) + 0.2 * (rng_unit(&rng) - 0.5);
        policy_learn(policy, &lesson, &arena);
        naive_learn(&naive, out.chosen, phi, lesson.loss);
        played[out.chosen]++;
        arena_release(&arena, mark);
    }
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        ck_assert_uint_gt(played[slot], 50);
    free(policy);
}
END_TEST

static TCase *add_numbers(void)
{
    TCase *cases = tcase_create("numbers");

    tcase_add_loop_test(cases, golden, 0, (int)ARRAY_COUNT(golden_cases));
    tcase_add_loop_test(cases, inequalities, 0, 2);
    tcase_add_test(cases, cap_and_floor);
    tcase_add_test(cases, cap_is_about_the_prediction);
    tcase_add_test(cases, schedule);
    return cases;
}

static TCase *add_shapes(void)
{
    TCase *cases = tcase_create("shapes");

    tcase_add_loop_test(cases, ties_lowest_and_split, 0, 3);
    tcase_add_loop_test(cases, ties_of_one_action, 0, 5);
    tcase_add_test(cases, clipped_limits);
    tcase_add_loop_test(
            cases, order_does_not_matter, 0, (int)ARRAY_COUNT(order_cases));
    tcase_add_loop_test(cases, shifting_all_scores, 0, 6);
    tcase_add_loop_test(cases, higher_scores_are_not_less_likely, 0, 13);
    tcase_add_test(cases, extremes);
    return cases;
}

static TCase *add_uncertain(void)
{
    TCase *cases = tcase_create("uncertainty");
    int explorers = 0;

    while (registry_explorers[explorers] != NULL)
        explorers++;
    tcase_add_loop_test(
            cases, only_pairs_without_widths_are_refused_for_it, 0, explorers);
    tcase_add_test(cases, budgets);
    tcase_add_test(cases, limits_against_a_slow_reference);
    tcase_add_loop_test(cases, adacb_is_squarecb_on_survivors, 0, 2);
    tcase_add_test(cases, survivors_that_are_no_running_minimum);
    tcase_add_test(cases, thompson_closed_form);
    tcase_add_test(cases, thompson_counts_towards_the_closed_form);
    tcase_add_test(cases, thompson_against_a_long_monte_carlo);
    tcase_add_test(cases, thompson_draws);
    tcase_add_loop_test(cases, choices_over_ridge, 0, 2);
    return cases;
}

int main(void)
{
    Suite *suite = suite_create("explorers");
    TCase *all[] = {add_numbers(), add_shapes(), add_uncertain()};

    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        tcase_add_checked_fixture(all[i], setup, teardown);
        tcase_set_timeout(all[i], 120);
        suite_add_tcase(suite, all[i]);
    }
    return run_suite(suite);
}
