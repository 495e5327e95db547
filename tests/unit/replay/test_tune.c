/* Choosing a policy from a log: the better one is found and proved, and where
 * none is better none is called so. RUNS logs of that kind (40; 1,000 in the
 * long form, docs/evaluation.md). */
#include "replay/tune.h"

#include "base/rng.h"
#include "tests/lib/scribe.h"
#include "tests/lib/suite.h"

#include <math.h>

#define ROUNDS 2000u

static struct scribe scribe;

static const char settings[] = "context: x\n"
                               "actions: left\n"
                               "actions: middle\n"
                               "actions: right\n"
                               "reward.wait: 0\n"
                               "policy.oracle: ridge\n"
                               "policy.explorer: uniform\n";

/* left pays 0.4, middle x, right 1 - x; or whatever is done 0.5. */
static double mean_of(bool alike, double x, uint32_t place)
{
    if (alike)
        return 0.5;
    return place == 0 ? 0.4 : place == 1 ? x : 1.0 - x;
}

static void write_log(bool alike, uint64_t seed, uint32_t rounds)
{
    struct rng rng = rng_keyed(seed, 1, RNG_TEST);
    struct ledger *ledger;
    struct store *store;
    struct err err;

    ck_assert_int_eq(store_mem_open(0, &store, &err), 0);
    ck_assert_int_eq(ledger_over(store, false, &ledger, &err), 0);
    scribe_open(&scribe, ledger, settings);
    for (uint32_t i = 0; i < rounds; i++) {
        nanos now = (nanos)(i + 1) * NANOS_PER_SECOND;
        double x = rng_unit(&rng);
        struct question question = {.shared = {1, 1, NULL, &x}};
        char event[32];
        uint32_t place;
        (void)snprintf(
                event, sizeof(event), "%llu-%u", (unsigned long long)seed, i);
        question.event = bytes_of_text(event);
        place = scribe_decide(&scribe, &question, now)->ranking[0];
        scribe_feedback(&scribe, bytes_of_text(event),
                rng_unit(&rng) < mean_of(alike, x, place), now);
    }
    scribe_commit(&scribe);
}

#define SETTINGS 2u

static struct keyvalue setting(const char *key, const char *value)
{
    return (struct keyvalue){
            bytes_of_text(key), bytes_of_text(value), 7, false};
}

static const struct {
    const char *name, *oracle, *explorer;
} kinds[] = {{"greedy", "ridge", "greedy"}, {"squarecb", "ridge", "squarecb"},
        {"epsilon", "linear", "epsilon"}, {"softmax", "linear", "softmax"},
        {"bold", "linear", "greedy"}, {"floored", "ridge", "epsilon"},
        {"uniform", "ridge", "uniform"}, {"blind", "linear", "uniform"}};
/* The last two do as the log does: their gain is nothing, for certain, so that
 * they are chosen wherever no other is shown to be better. */
#define ALIKE      2u
#define CANDIDATES ((uint32_t)ARRAY_COUNT(kinds))

static struct keyvalue values[ARRAY_COUNT(kinds)][SETTINGS];
static struct tune_candidate candidates[ARRAY_COUNT(kinds)];

static void make_candidates(void)
{
    for (uint32_t i = 0; i < CANDIDATES; i++) {
        values[i][0] = setting("policy.oracle", kinds[i].oracle);
        values[i][1] = setting("policy.explorer", kinds[i].explorer);
        candidates[i] = (struct tune_candidate){
                bytes_of_text(kinds[i].name), values[i], SETTINGS};
    }
}

static struct tune_settings wanted(double ess)
{
    struct tune_settings out = {.panel = PANEL_SETTINGS_DEFAULT,
            .limits = SUPPORT_LIMITS_DEFAULT,
            .past = 0.5,
            .generations = 10};

    out.panel.times = 0;
    out.limits.ess_ranking = ess;
    return out;
}

static void tuned(
        struct tune *tune, const struct tune_settings *how, uint32_t count)
{
    uint32_t candidate;
    struct err err;

    make_candidates();
    ck_assert_msg(tune_run(tune, scribe.ledger, how, candidates, count,
                          &candidate, &err) == 0,
            "%s", err.text);
}

/* Greedy earns 0.75, the log 0.467. The future's rows are those after the
 * split, and the choice is judged on them alone. */
START_TEST(the_better_one_is_proved)
{
    static struct tune tune;
    struct tune_settings how = wanted(200.0);
    const struct panel_policy *chosen;
    double value;

    write_log(false, 1, ROUNDS);
    tuned(&tune, &how, CANDIDATES);
    ck_assert(tune.has_choice && tune.proved);
    ck_assert_uint_eq(tune.ranked, CANDIDATES);
    ck_assert_uint_eq(tune.past.rows, ROUNDS / 2);
    ck_assert_uint_eq(tune.future.rows, ROUNDS / 2);
    /* A Config record, then a decision and its feedback a round. */
    ck_assert_uint_eq(tune.split, 2 + ROUNDS);
    ck_assert_uint_lt(tune.choice, CANDIDATES - ALIKE);
    ck_assert_double_gt(tune.gain.limits.lower, 0.0);
    ck_assert_double_lt(tune.gain.limits.lower, 0.3);
    ck_assert_double_gt(tune.gain.limits.upper, 0.2);
    chosen = tune_on_future(&tune);
    ck_assert_str_eq(chosen->name, kinds[tune.choice].name);
    value = ope_estimate(&chosen->slices[0].sums, &how.panel.ope, OPE_DR).value;
    ck_assert_double_eq_tol(value, 0.75, 0.12);
    /* They gain nothing, and that is certain. */
    ck_assert_double_eq_tol(tune.gains[CANDIDATES - 1].mean, 0.0, 1e-12);
    ck_assert_double_eq_tol(tune.gains[CANDIDATES - 1].error, 0.0, 1e-12);
    /* On the past, limits of all are wider than each one's own would be. */
    ck_assert_double_gt(tune.gains[0].mean - tune.gains[0].limits.lower,
            2.5 * tune.gains[0].error);
    tune_close(&tune);
    scribe_close(&scribe);
}
END_TEST

/* A candidate that does as the log does gains nothing, and too few rows, or too
 * large a need, leave none to choose. */
START_TEST(what_cannot_be_told_is_not)
{
    static struct tune tune;
    struct tune_settings how = wanted(200.0);
    uint32_t candidate;
    struct err err;

    write_log(false, 2, ROUNDS / 2);
    how.limits.ess_ranking = 400.0;
    tuned(&tune, &how, 1);
    ck_assert(!tune.has_choice && !tune.proved);
    ck_assert_uint_eq(tune.ranked, 0);
    tune_close(&tune);
    how.past = 1.0;
    ck_assert_int_eq(tune_run(&tune, scribe.ledger, &how, candidates, 1,
                             &candidate, &err),
            STATUS_INVALID);
    tune_close(&tune);
    how.past = 1e-9;
    ck_assert_int_eq(tune_run(&tune, scribe.ledger, &how, candidates, 1,
                             &candidate, &err),
            STATUS_INVALID);
    tune_close(&tune);
    scribe_close(&scribe);
}
END_TEST

START_TEST(mistakes_name_their_candidate)
{
    static struct tune tune;
    struct tune_settings how = wanted(100.0);
    uint32_t candidate;
    struct err err;

    write_log(false, 3, 100);
    make_candidates();
    values[1][1] = setting("policy.explorer", "nonsense");
    ck_assert_int_eq(tune_run(&tune, scribe.ledger, &how, candidates, 3,
                             &candidate, &err),
            STATUS_INVALID);
    ck_assert_uint_eq(candidate, 1);
    tune_close(&tune);
    make_candidates();
    values[2][0] = setting("policy.oracle", "trees");
    ck_assert_int_eq(tune_run(&tune, scribe.ledger, &how, candidates, 3,
                             &candidate, &err),
            STATUS_UNSUPPORTED);
    ck_assert_uint_eq(candidate, 2);
    ck_assert_ptr_nonnull(strstr(err.text, "trees"));
    tune_close(&tune);
    ck_assert_int_eq(tune_run(&tune, scribe.ledger, &how, candidates, 0,
                             &candidate, &err),
            STATUS_INVALID);
    tune_close(&tune);
    scribe_close(&scribe);
}
END_TEST

static uint32_t runs_wanted(void)
{
    const char *text = getenv("RUNS");
    unsigned long runs = text == NULL ? 0 : strtoul(text, NULL, 10);

    return runs > 0 && runs < 100000 ? (uint32_t)runs : 40;
}

/* No candidate is better than the log: at most alpha/2 = 2.5 % are called so,
 * and the interval of the choice holds 0 in 95 %. The bounds leave room for
 * four binomial errors. */
START_TEST(none_is_better)
{
    static struct tune tune;
    uint32_t runs = runs_wanted(), wins = 0, chosen = 0, missed = 0;
    struct tune_settings how = wanted(100.0);

    for (uint32_t i = 0; i < runs; i++) {
        write_log(true, 100 + i, 1000);
        tuned(&tune, &how, CANDIDATES - ALIKE);
        wins += tune.proved;
        chosen += tune.has_choice;
        missed += tune.has_choice &&
                (tune.gain.limits.lower > 0.0 || tune.gain.limits.upper < 0.0);
        tune_close(&tune);
        scribe_close(&scribe);
    }
    printf("of %u logs where none is better %u have a choice, %u a win, %u "
           "an interval without 0\n",
            runs, chosen, wins, missed);
    ck_assert_double_le(wins, 0.025 * runs + 4.0 * sqrt(0.025 * 0.975 * runs));
    ck_assert_double_le(missed, 0.05 * runs + 4.0 * sqrt(0.05 * 0.95 * runs));
    ck_assert_double_ge(chosen, 0.9 * runs);
}
END_TEST

/* One is better by far: it is found and proved, whatever the seed. */
START_TEST(the_better_one_is_found)
{
    static struct tune tune;
    uint32_t runs = runs_wanted(), wins = 0;
    struct tune_settings how = wanted(100.0);

    for (uint32_t i = 0; i < runs; i++) {
        write_log(false, 100000 + i, 1000);
        tuned(&tune, &how, CANDIDATES);
        wins += tune.proved && tune.choice < CANDIDATES - ALIKE;
        tune_close(&tune);
        scribe_close(&scribe);
    }
    printf("of %u logs where one is better it is proved on %u\n", runs, wins);
    ck_assert_double_ge(wins, 0.9 * runs);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tune");
    TCase *tests = tcase_create("tune");

    tcase_set_timeout(tests, 0);
    tcase_add_test(tests, the_better_one_is_proved);
    tcase_add_test(tests, what_cannot_be_told_is_not);
    tcase_add_test(tests, mistakes_name_their_candidate);
    tcase_add_test(tests, none_is_better);
    tcase_add_test(tests, the_better_one_is_found);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
