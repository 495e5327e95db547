/* The inequalities of groupwise.md, section 8 (its tests 1, 2 and 4), on its
 * test world. They are deterministic but for the high-probability line, whose
 * chance to fail is a millionth: one failure is a bug. In loss units: the
 * world's mu is the mean cost. */
#include "policies/gap.h"
#include "tests/lib/suite.h"
#include "tests/unit/policies/shapes.h"

#include <math.h>
#include <string.h>

#define CHECKS   25 /* rounds from one look at the certificate to the next */
#define ROUNDING 1e-9
#define DELTA    1e-6

/* The gamma that the round was decided with. */
static double gamma_used(
        const struct fixture *fixture, const struct round_data *round)
{
    const struct policy_spec *spec = &fixture->spec;
    struct outlook outlook = {.count = ACTIONS,
            .effective = (double)policy_learned(fixture->policy)};

    outlook.gamma = spec->oracle.oracle->gamma(
            oracle_state(fixture), &round->context, ACTIONS, &arena);
    return gap_gamma(spec->explorer_options, &outlook);
}

/* ---- independent sums of one group ---- */

struct tally {
    double a[ACTIONS][COLUMNS][COLUMNS], b[ACTIONS][COLUMNS], squares;
    double fit[ACTIONS], log_det[ACTIONS]; /* b'A^-1 b, ln det(A/lambda) */
    double mixed, own, truth; /* losses of yhat, of f_g, of the true model */
    double mean_loss, variation; /* sum of l_hat; C_g */
    double regret, charged, error;
};

/* By Cholesky, anew from the sums: L L' = A, L v = b. */
static void solve(struct tally *tally, uint32_t action)
{
    double l[COLUMNS][COLUMNS] = {{0}}, v[COLUMNS];

    tally->fit[action] = tally->log_det[action] = 0.0;
    for (uint32_t i = 0; i < COLUMNS; i++) {
        double rest = tally->b[action][i];
        for (uint32_t j = 0; j <= i; j++) {
            double sum = tally->a[action][i][j] + (i == j ? 1.0 : 0.0);
            for (uint32_t k = 0; k < j; k++)
                sum -= l[i][k] * l[j][k];
            l[i][j] = i == j ? sqrt(sum) : sum / l[j][j];
        }
        for (uint32_t k = 0; k < i; k++)
            rest -= l[i][k] * v[k];
        v[i] = rest / l[i][i];
        tally->fit[action] += v[i] * v[i];
        tally->log_det[action] += 2.0 * log(l[i][i]);
    }
}

static void add_row(struct tally *tally, const struct round_data *round,
        uint32_t action, double loss)
{
    for (uint32_t i = 0; i < COLUMNS; i++) {
        tally->b[action][i] += round->x[i] * loss;
        for (uint32_t j = 0; j < COLUMNS; j++)
            tally->a[action][i][j] += round->x[i] * round->x[j];
    }
    tally->squares += loss * loss;
    solve(tally, action);
}

static double sum_of(const double *values)
{
    return values[0] + values[1] + values[2] + values[3];
}

/* ---- one history ---- */

struct history {
    struct world world;
    struct fixture *fixture;
    bool exponential;
    uint32_t groups;
    struct tally tally[MOST];
    double hindsight[MOST], loss_bound[MOST], bandit_bound[MOST], mixed[MOST];
    bool bandit_said;
};

static void open_history(struct history *history, uint64_t seed,
        const char *weights, const char *over)
{
    memset(history, 0, sizeof(*history));
    history->world = make_world(seed);
    history->groups = GROUPS;
    history->exponential = strcmp(weights, "exponential") == 0;
    history->fixture = open_groupwise(weights, over, GROUPS);
}

static double meta_bound(const struct history *history, uint32_t expert)
{
    double b = 1.0;

    if (history->exponential)
        return 2.0 * log(EXPERTS);
    for (uint32_t i = 0; i < EXPERTS; i++)
        b += 1.5 / EXPERTS * (1.0 + log1p(history->tally[i].variation));
    return sqrt(
            3.0 * history->tally[expert].variation * (log(EXPERTS) + log(b)));
}

static void take_number(
        void *self, const char *name, int32_t group, double value)
{
    struct history *history = self;
    uint32_t expert = group < 0 ? history->groups : (uint32_t)group;

    if (strcmp(name, "hindsight_loss") == 0)
        history->hindsight[expert] = value;
    if (strcmp(name, "loss_bound") == 0)
        history->loss_bound[expert] = value;
    if (strcmp(name, "mixed_loss") == 0)
        history->mixed[expert] = value;
    if (strcmp(name, "bandit_regret_bound") == 0) {
        history->bandit_bound[expert] = value;
        history->bandit_said = true;
    }
}

/* Step 1 of section 8. */
static void check_round(const struct round_data *round,
        const struct distribution *out, double gamma, struct tally *add)
{
    double best = INFINITY, played = 0.0, error = 0.0;

    for (uint32_t a = 0; a < ACTIONS; a++) {
        double dif = 1.0 - out->scores[a] - round->means[a];
        best = fmin(best, round->means[a]);
        played += out->pmf[a] * round->means[a];
        error += out->pmf[a] * dif * dif;
    }
    add->regret = played - best;
    add->error = error;
    add->charged = 2.0 * (ACTIONS - 1) / gamma + gamma / 4.0 * error;
    if (!(add->regret <= add->charged + 1e-12))
        ck_abort_msg("step 1: regret %g above %g, gamma %g", add->regret,
                add->charged, gamma);
}

static void check_prefix(const struct history *history, uint32_t expert,
        const struct round_data *round, int at)
{
    const struct tally *tally = &history->tally[expert];
    double meta = meta_bound(history, expert);
    double inner = sum_of(tally->log_det);

    if (!(tally->mixed - tally->own <= meta + ROUNDING))
        ck_abort_msg("round %d, expert %u: %g above its M_g %g", at, expert,
                tally->mixed - tally->own, meta);
    if (!(tally->regret <= tally->charged + ROUNDING))
        ck_abort_msg("round %d, expert %u: step 4", at, expert);
    if (history->world.hostile || expert >= SHAPES)
        return;
    for (uint32_t a = 0; a < ACTIONS; a++)
        for (uint32_t j = 0; j < COLUMNS; j++)
            inner += history->world.theta[round->shape][a][j] *
                    history->world.theta[round->shape][a][j];
    if (!(tally->own - tally->truth <= inner + ROUNDING))
        ck_abort_msg("round %d, shape %u: %g above |u|^2 + ln det = %g", at,
                expert, tally->own - tally->truth, inner);
    if (!(tally->error <= 3.17 * (tally->mixed - tally->truth) +
                        4.75 * log(2.0 * EXPERTS / DELTA)))
        ck_abort_msg("round %d, shape %u: step 2", at, expert);
}

static void check_certificate(struct history *history, int at)
{
    struct visitor visitor = {take_number, history};

    policy_visit(history->fixture->policy, &visitor);
    for (uint32_t i = 0; i < EXPERTS; i++) {
        const struct tally *tally = &history->tally[i];
        double mixed = history->exponential ? tally->mixed : tally->mean_loss;
        if (!(fabs(history->hindsight[i] -
                      (tally->squares - sum_of(tally->fit))) <= 1e-8))
            ck_abort_msg("round %d, expert %u: hindsight", at, i);
        if (!(fabs(history->mixed[i] - mixed) <= 1e-8))
            ck_abort_msg("round %d, expert %u: mixed loss", at, i);
        if (!(history->loss_bound[i] >= mixed - ROUNDING))
            ck_abort_msg("round %d, expert %u: loss bound", at, i);
        if (history->bandit_said && !history->world.hostile && i < SHAPES &&
                !(history->bandit_bound[i] >= tally->regret))
            ck_abort_msg("round %d, expert %u: bandit bound", at, i);
    }
}

static void count_round(struct history *history, const struct round_data *round,
        const struct distribution *out, double loss, const struct tally *add)
{
    struct expert_view views[MOST];
    uint32_t count = policy_experts(history->fixture->policy, &round->context,
            &round->actions, out->chosen, &arena, views, MOST);
    double mean = 0.0, yhat = 0.0, truth = round->means[out->chosen] - loss;

    for (uint32_t i = 0; i < count; i++) {
        double dif = views[i].prediction - loss;
        mean += views[i].weight * dif * dif;
        yhat += views[i].weight * views[i].prediction;
    }
    ck_assert_double_eq_tol(yhat, 1.0 - out->scores[out->chosen], 1e-12);
    for (uint32_t i = 0; i < count; i++) {
        struct tally *tally =
                &history->tally[views[i].group < 0 ? GROUPS
                                                   : (uint32_t)views[i].group];
        double own =
                (views[i].prediction - loss) * (views[i].prediction - loss);
        tally->own += own;
        tally->mixed += (yhat - loss) * (yhat - loss);
        tally->truth += truth * truth;
        tally->mean_loss += mean;
        tally->variation += fabs(mean - own);
        tally->regret += add->regret;
        tally->charged += add->charged;
        tally->error += add->error;
        add_row(tally, round, out->chosen, loss);
    }
}

static void play(struct history *history, uint64_t seed, int rounds)
{
    struct rng contexts = rng_keyed(seed, 1, RNG_TEST);
    struct rng draws = rng_keyed(seed, 2, RNG_TEST);

    for (int t = 0; t < rounds; t++) {
        size_t mark = arena.used;
        struct round_data round;
        struct tally add;
        struct distribution out;
        double gamma, loss, seen;
        make_round(&history->world, &contexts, &round);
        out = decide(history->fixture, &round, (uint64_t)t);
        gamma = gamma_used(history->fixture, &round);
        check_round(&round, &out, gamma, &add);
        seen = 1.0 - out.scores[out.chosen];
        loss = rng_unit(&draws) < round.means[out.chosen] ? 1.0 : 0.0;
        if (history->world.hostile)
            loss = seen < 0.5 ? 1.0 : 0.0;
        count_round(history, &round, &out, loss, &add);
        teach(history->fixture, &round, out.chosen, loss);
        for (uint32_t i = 0; i < round.count; i++)
            check_prefix(history, round.groups[i], &round, t);
        check_prefix(history, GROUPS, &round, t);
        if (t % CHECKS == 0)
            check_certificate(history, t);
        arena_release(&arena, mark);
    }
    check_certificate(history, rounds);
    free(history->fixture->policy);
}

/* ---- the tests ---- */

static const char *const weights[] = {"adanormalhedge", "exponential"};
static const char *const overs[] = {"schedule", "min", "max", "always", "mean"};

START_TEST(inequalities_hold_in_the_test_world)
{
    static struct history history;

    for (uint64_t seed = 0; seed < 10; seed++) {
        arena_reset(&arena);
        open_history(&history, seed, weights[_i % 2], overs[_i / 2]);
        play(&history, seed, 1000);
        ck_assert(history.bandit_said);
    }
}
END_TEST

START_TEST(inequalities_hold_under_hostile_rewards)
{
    static struct history history;

    arena_reset(&arena);
    open_history(&history, 7, weights[_i % 2], overs[_i / 2]);
    history.world.hostile = true;
    play(&history, 7, 2000);
}
END_TEST

/* Two policies in step; the action is drawn uniformly, so that rounding cannot
 * part their histories. */
static void play_beside(const struct world *first, struct fixture *a,
        const struct world *second, struct fixture *b, double tolerance)
{
    struct rng contexts = rng_keyed(9, 1, RNG_TEST);
    struct rng draws = rng_keyed(9, 2, RNG_TEST);

    for (uint64_t t = 0; t < 500; t++) {
        struct rng same = contexts;
        size_t mark = arena.used;
        struct round_data one, two;
        struct distribution x, y;
        uint32_t chosen = rng_below(&draws, ACTIONS);
        double loss;
        make_round(first, &contexts, &one);
        make_round(second, &same, &two);
        x = decide(a, &one, t);
        y = decide(b, &two, t);
        for (uint32_t k = 0; k < ACTIONS; k++) {
            ck_assert_double_le(fabs(x.scores[k] - y.scores[k]), tolerance);
            if (tolerance == 0.0)
                ck_assert_double_eq(x.pmf[k], y.pmf[k]);
        }
        loss = rng_unit(&draws) < one.means[chosen] ? 1.0 : 0.0;
        teach(a, &one, chosen, loss);
        teach(b, &two, chosen, loss);
        arena_release(&arena, mark);
    }
}

START_TEST(the_order_of_groups_changes_rounding_only)
{
    static const uint16_t place[GROUPS] = {4, 2, 0, 1, 3};
    struct world world = make_world(3), moved = world;
    struct fixture *a = open_groupwise(weights[_i % 2], overs[_i / 2], GROUPS);
    struct fixture *b = open_groupwise(weights[_i % 2], overs[_i / 2], GROUPS);

    memcpy(moved.place, place, sizeof(place));
    play_beside(&world, a, &moved, b, ROUNDING);
    free(a->policy);
    free(b->policy);
}
END_TEST

struct meta_view {
    double regret[MOST], bound[MOST];
};

static void take_meta(void *self, const char *name, int32_t group, double value)
{
    struct meta_view *view = self;
    uint32_t expert = group < 0 ? GROUPS + 1 : (uint32_t)group;

    if (strcmp(name, "meta_regret") == 0)
        view->regret[expert] = value;
    if (strcmp(name, "meta_regret_bound") == 0)
        view->bound[expert] = value;
}

/* A group and its double always say and weigh the same, and the bound holds
 * with one expert more. */
START_TEST(a_doubled_group_is_one_more_expert)
{
    struct world world = make_world(4);
    struct fixture *fixture =
            open_groupwise(weights[_i % 2], overs[_i / 2], GROUPS + 1);
    struct meta_view view = {{0}, {0}};
    struct visitor visitor = {take_meta, &view};
    struct fixture *twin =
            open_groupwise(weights[_i % 2], overs[_i / 2], GROUPS + 1);

    world.doubled = true;
    play_beside(&world, fixture, &world, twin, 0.0);
    policy_visit(fixture->policy, &visitor);
    ck_assert_double_eq(view.regret[0], view.regret[GROUPS]);
    ck_assert_double_eq(view.bound[0], view.bound[GROUPS]);
    for (uint32_t i = 0; i < MOST; i++)
        ck_assert_double_le(view.regret[i], view.bound[i]);
    if (_i % 2 == 1)
        ck_assert_double_eq_tol(view.bound[0], 2.0 * log(MOST), 1e-12);
    free(fixture->policy);
    free(twin->policy);
}
END_TEST

/* Scores, propensities and inner state, bit for bit. */
START_TEST(one_group_alone_is_the_bare_clipped_ridge)
{
    const char *const settings[][2] = {{"oracle", "ridge"},
            {"intercept", "false"}, {"scale", "false"}, {"clip", "true"}};
    struct shape shape = {.shared_dense = COLUMNS,
            .slots = ACTIONS,
            .actions_max = ACTIONS,
            .groups = GROUPS};
    struct fixture *bare = open_policy(settings, 4, shape);
    struct fixture *wrapped = open_groupwise(weights[_i], "schedule", 0);
    static uint8_t inner[1 << 14], whole[1 << 15];
    struct writer own = writer_over(inner, sizeof(inner));
    struct writer all = writer_over(whole, sizeof(whole));
    struct world world = make_world(5);
    struct rng contexts = rng_keyed(5, 1, RNG_TEST);

    for (uint64_t t = 0; t < 500; t++) {
        size_t mark = arena.used;
        struct round_data round;
        struct distribution x, y;
        make_round(&world, &contexts, &round);
        round.context.group_count = 0;
        x = decide(bare, &round, t);
        y = decide(wrapped, &round, t);
        ck_assert_mem_eq(x.scores, y.scores, sizeof(round.means));
        ck_assert_mem_eq(x.pmf, y.pmf, sizeof(round.means));
        ck_assert_uint_eq(x.chosen, y.chosen);
        teach(bare, &round, x.chosen, (double)(t % 3 == 0));
        teach(wrapped, &round, x.chosen, (double)(t % 3 == 0));
        arena_release(&arena, mark);
    }
    bare->spec.oracle.oracle->save(oracle_state(bare), &own);
    policy_save(wrapped->policy, &all);
    ck_assert(!own.failed && !all.failed && all.size > own.size);
    ck_assert_mem_eq(inner, whole + all.size - own.size, own.size);
    free(bare->policy);
    free(wrapped->policy);
}
END_TEST

/* A setting that cannot be honoured is refused; the default gives way. */
START_TEST(what_has_no_proof_is_refused)
{
    static const struct {
        const char *settings[2][2];
        bool predict;
        int status;
    } cases[] = {
            {{{"gamma_over", "min"}, {"scale", "true"}}, false, STATUS_INVALID},
            {{{"gamma_over", "min"}, {"forgetting", "0.9"}}, false,
                    STATUS_INVALID},
            {{{"gamma_over", "min"}, {"scale", "false"}}, false, 0},
            {{{"gamma_over", "min"}, {"scale", "false"}}, true, STATUS_INVALID},
            {{{"weights", "exponential"}, {"clip_experts", "false"}}, false,
                    STATUS_INVALID},
            {{{"weights", "auto"}, {"clip_experts", "false"}}, false, 0},
            {{{"weights", "auto"}, {"clip_experts", "false"}}, true, 0},
    };
    struct shape shape = {.shared_dense = COLUMNS,
            .slots = cases[_i].predict ? 0 : ACTIONS,
            .actions_max = cases[_i].predict ? 1 : ACTIONS,
            .groups = GROUPS,
            .predict = cases[_i].predict};
    struct value_range range = {0.0, 1.0, false, false};
    struct keyvalue values[3] = {
            {bytes_of_text("oracle"), bytes_of_text("groupwise"), 0, false}};
    struct policy_spec spec;

    for (int i = 0; i < 2; i++)
        values[i + 1] =
                (struct keyvalue){bytes_of_text(cases[_i].settings[i][0]),
                        bytes_of_text(cases[_i].settings[i][1]), 0, false};
    ck_assert_int_eq(policy_spec_parse(&spec, &shape, &range, values, 3, &arena,
                             NULL, &err),
            cases[_i].status);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("groupwise");
    TCase *bounds = tcase_create("bounds");

    tcase_add_checked_fixture(bounds, setup, teardown);
    tcase_set_timeout(bounds, 60);
    tcase_add_loop_test(bounds, inequalities_hold_in_the_test_world, 0, 10);
    tcase_add_loop_test(bounds, inequalities_hold_under_hostile_rewards, 0, 10);
    tcase_add_loop_test(
            bounds, the_order_of_groups_changes_rounding_only, 0, 10);
    tcase_add_loop_test(bounds, a_doubled_group_is_one_more_expert, 0, 10);
    tcase_add_loop_test(
            bounds, one_group_alone_is_the_bare_clipped_ridge, 0, 2);
    tcase_add_loop_test(bounds, what_has_no_proof_is_refused, 0, 7);
    suite_add_tcase(suite, bounds);
    return run_suite(suite);
}
