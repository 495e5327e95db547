/* What the groupwise oracle vouches for, and when it does not; and play by an
 * expert that is drawn (groupwise.md, sections 3 (a) and 8). */
#include "tests/lib/suite.h"
#include "tests/unit/policies/shapes.h"

#include <math.h>

/* ---- what the state says ---- */

struct view {
    double rounds[EXPERTS], unproved[EXPERTS], irregular[EXPERTS];
    double mixed[EXPERTS], own[EXPERTS], meta[EXPERTS];
    double loss_bound[EXPERTS], bandit_bound[EXPERTS];
};

static void take(void *self, const char *name, int32_t group, double value)
{
    struct view *view = self;
    const struct {
        const char *name;
        double *at;
    } rows[] = {
            {"expert_rounds", view->rounds},
            {"unproved_rounds", view->unproved},
            {"irregular_rounds", view->irregular},
            {"mixed_loss", view->mixed},
            {"expert_loss", view->own},
            {"meta_regret_bound", view->meta},
            {"loss_bound", view->loss_bound},
            {"bandit_regret_bound", view->bandit_bound},
    };

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            rows[i].at[group < 0 ? GROUPS : (uint32_t)group] = value;
}

/* Numbers that are not said stay NAN. */
static struct view view_of(const struct fixture *fixture)
{
    struct view view;
    struct visitor visitor = {take, &view};

    for (uint32_t i = 0; i < EXPERTS; i++)
        view.loss_bound[i] = view.bandit_bound[i] = view.meta[i] = (double)NAN;
    policy_visit(fixture->policy, &visitor);
    return view;
}

static struct fixture *open_world(
        const char *const settings[][2], size_t count, bool scale)
{
    const char *all[8][2] = {{"oracle", "groupwise"}, {"intercept", "false"},
            {"scale", scale ? "true" : "false"}};
    struct shape shape = {.shared_dense = COLUMNS,
            .slots = ACTIONS,
            .actions_max = ACTIONS,
            .groups = GROUPS};

    for (size_t i = 0; i < count; i++) {
        all[3 + i][0] = settings[i][0];
        all[3 + i][1] = settings[i][1];
    }
    return open_policy((const char *const(*)[2])all, 3 + count, shape);
}

/* One round; `lesson` says how its outcome comes. Returns the regret. */
static double play_round(struct fixture *fixture, const struct world *world,
        struct rng *contexts, struct rng *draws, uint64_t t,
        const struct lesson *how, uint32_t *shape)
{
    size_t mark = arena.used;
    struct round_data round;
    struct distribution out;
    struct lesson lesson = *how;
    double best = INFINITY, played = 0.0;

    make_round(world, contexts, &round);
    out = decide(fixture, &round, t);
    for (uint32_t a = 0; a < ACTIONS; a++) {
        best = fmin(best, round.means[a]);
        played += out.pmf[a] * round.means[a];
    }
    lesson.context = &round.context;
    lesson.actions = &round.actions;
    lesson.chosen = out.chosen;
    lesson.pmf = round.pmf;
    lesson.loss += rng_unit(draws) < round.means[out.chosen] ? 1.0 : 0.0;
    policy_learn(fixture->policy, &lesson, &arena);
    *shape = round.shape;
    arena_release(&arena, mark);
    return played - best;
}

static const struct lesson ordinary = {.weight = 1.0};

/* Every setting whose bound is proved, the floor among them: the regret of a
 * group whose model is right never passes it. */
START_TEST(the_bound_of_exploring_holds)
{
    static const char *const cases[][2][2] = {
            {{"gamma_scale", "10"}, {"floor", "0"}},
            {{"gamma_scale", "10"}, {"floor", "0.1"}},
            {{"gamma", "20"}, {"floor", "0"}},
            {{"gamma", "20"}, {"floor", "0.5"}},
            {{"gamma_over", "min"}, {"floor", "0.2"}},
            {{"gamma_over", "always"}, {"floor", "1"}},
            {{"ties", "split"}, {"floor", "0"}},
    };

    for (uint64_t seed = 0; seed < 5; seed++) {
        struct fixture *fixture = open_world(cases[_i], 2, false);
        struct world world = make_world(seed);
        struct rng contexts = rng_keyed(seed, 1, RNG_TEST);
        struct rng draws = rng_keyed(seed, 2, RNG_TEST);
        double regret[SHAPES] = {0};
        for (uint64_t t = 0; t < 1000; t++) {
            uint32_t shape;
            double lost = play_round(
                    fixture, &world, &contexts, &draws, t, &ordinary, &shape);
            struct view view = view_of(fixture);
            regret[shape] += lost;
            ck_assert_double_eq(view.unproved[shape], 0.0);
            ck_assert_double_le(regret[shape], view.bandit_bound[shape]);
        }
        free(fixture->policy);
    }
}
END_TEST

/* With everything drawn uniformly each round costs 1 - 1/K. */
START_TEST(a_floor_is_charged)
{
    static const char *const settings[][2] = {
            {"floor", "1"}, {"gamma_scale", "10"}};
    struct fixture *fixture = open_world(settings, 2, false);
    struct world world = make_world(1);
    struct rng contexts = rng_keyed(1, 1, RNG_TEST);
    struct rng draws = rng_keyed(1, 2, RNG_TEST);
    struct view view;
    uint32_t shape;

    for (uint64_t t = 0; t < 50; t++)
        (void)play_round(
                fixture, &world, &contexts, &draws, t, &ordinary, &shape);
    view = view_of(fixture);
    for (uint32_t i = 0; i < EXPERTS; i++)
        ck_assert_double_ge(
                view.bandit_bound[i], (1.0 - 1.0 / ACTIONS) * view.rounds[i]);
    free(fixture->policy);
}
END_TEST

/* One outcome in ten comes in a way that the bound is not for. */
static void play_some(struct fixture *fixture, const struct lesson *how)
{
    struct world world = make_world(2);
    struct rng contexts = rng_keyed(2, 1, RNG_TEST);
    struct rng draws = rng_keyed(2, 2, RNG_TEST);
    uint32_t shape;

    for (uint64_t t = 0; t < 200; t++)
        (void)play_round(fixture, &world, &contexts, &draws, t,
                t % 10 == 0 ? how : &ordinary, &shape);
}

START_TEST(what_is_not_proved_is_counted_and_not_claimed)
{
    static const struct {
        const char *settings[1][2];
        struct lesson how;
        double unproved; /* of 200 rounds of always_on */
        double irregular;
    } cases[] = {
            {{{"gamma_scale", "10"}}, {.weight = 1.0}, 0, 0},
            {{{"gamma_scale", "10"}}, {.weight = 1.0, .detached = true}, 20, 0},
            {{{"gamma_scale", "10"}}, {.weight = 2.0}, 20, 20},
            {{{"gamma_scale", "10"}}, {.weight = 1.0, .loss = 1.5}, 20, 20},
            {{{"cap", "0.9"}}, {.weight = 1.0}, 200, 0},
            {{{"explorer", "greedy"}}, {.weight = 1.0}, 200, 0},
            {{{"explorer", "fastcb"}}, {.weight = 1.0}, 200, 0},
            {{{"explorer", "linucb"}}, {.weight = 1.0}, 200, 0},
            {{{"play", "sampled"}}, {.weight = 1.0}, 200, 0},
    };
    struct fixture *fixture = open_world(cases[_i].settings, 1, false);
    struct view view;

    /* An outcome outside the range, for certain. */
    play_some(fixture, &cases[_i].how);
    view = view_of(fixture);
    ck_assert_double_eq(view.rounds[GROUPS], 200.0);
    ck_assert_double_eq(view.unproved[GROUPS], cases[_i].unproved);
    ck_assert_double_eq(view.irregular[GROUPS], cases[_i].irregular);
    ck_assert_int_eq(isnan(view.bandit_bound[GROUPS]), cases[_i].unproved > 0);
    ck_assert_int_eq(isnan(view.loss_bound[GROUPS]), cases[_i].irregular > 0);
    ck_assert_int_eq(isnan(view.meta[GROUPS]), cases[_i].irregular > 0);
    free(fixture->policy);
}
END_TEST

/* Nothing is proved of a basis that moves. */
START_TEST(scaled_columns_have_no_bound)
{
    static const char *const settings[][2] = {{"gamma_scale", "10"}};
    struct fixture *fixture = open_world(settings, 1, true);
    struct view view;

    play_some(fixture, &ordinary);
    view = view_of(fixture);
    ck_assert(isnan(view.bandit_bound[GROUPS]));
    ck_assert(isnan(view.loss_bound[GROUPS]));
    free(fixture->policy);
}
END_TEST

START_TEST(what_contradicts_is_refused)
{
    static const struct {
        const char *settings[3][2];
        const char *why; /* NULL: it does not contradict */
    } cases[] = {
            {{{"gamma_over", "min"}, {"gamma", "5"}, {"floor", "0"}},
                    "gamma: it is fixed here"},
            {{{"gamma_over", "min"}, {"gamma", "0"}, {"floor", "0"}}, NULL},
            {{{"gamma_over", "schedule"}, {"gamma", "5"}, {"floor", "0"}},
                    NULL},
            {{{"gamma_over", "min"}, {"explorer", "greedy"}, {"floor", "0"}},
                    "explorer: greedy has no gamma"},
            {{{"gamma_over", "max"}, {"explorer", "regcb"}, {"floor", "0"}},
                    "explorer: regcb has no gamma"},
            {{{"gamma_over", "min"}, {"explorer", "fastcb"}, {"floor", "0"}},
                    NULL},
            {{{"gamma_over", "always"}, {"always_on", "false"}, {"floor", "0"}},
                    "gamma_over always needs always_on"},
            {{{"play", "sampled"}, {"weights", "exponential"}, {"floor", "0"}},
                    "play sampled needs weights adanormalhedge"},
            {{{"play", "sampled"}, {"gamma_over", "min"}, {"floor", "0"}},
                    "gamma_over is proved for play averaged only"},
            {{{"play", "sampled"}, {"explorer", "linucb"}, {"floor", "0"}},
                    "explorer: linucb works with uncertainties"},
            {{{"play", "sampled"}, {"explorer", "softmax"}, {"floor", "0"}},
                    NULL},
    };
    struct shape shape = {.shared_dense = COLUMNS,
            .slots = ACTIONS,
            .actions_max = ACTIONS,
            .groups = GROUPS};
    struct value_range range = {0.0, 1.0, false, false};
    struct keyvalue values[5] = {
            {bytes_of_text("oracle"), bytes_of_text("groupwise"), 0, false},
            {bytes_of_text("scale"), bytes_of_text("false"), 0, false}};
    struct policy_spec spec;
    int status;

    for (int i = 0; i < 3; i++)
        values[i + 2] =
                (struct keyvalue){bytes_of_text(cases[_i].settings[i][0]),
                        bytes_of_text(cases[_i].settings[i][1]), 0, false};
    status = policy_spec_parse(
            &spec, &shape, &range, values, 5, &arena, NULL, &err);
    ck_assert_int_eq(status, cases[_i].why == NULL ? 0 : STATUS_INVALID);
    if (cases[_i].why != NULL)
        ck_assert_msg(strstr(err.text, cases[_i].why) != NULL, "%s", err.text);
}
END_TEST

/* ---- play: sampled ---- */

/* p is the mean of the experts' own distributions by their weights: squarecb
 * written out from what each predicts. */
START_TEST(the_propensity_is_of_the_mixture)
{
    static const char *const settings[][2] = {
            {"play", "sampled"}, {"gamma", "30"}};
    struct fixture *fixture = open_world(settings, 2, false);
    struct world world = make_world(3);
    struct rng contexts = rng_keyed(3, 1, RNG_TEST);
    struct rng draws = rng_keyed(3, 2, RNG_TEST);

    for (uint64_t t = 0; t < 400; t++) {
        size_t mark = arena.used;
        struct round_data round;
        struct expert_view views[ACTIONS][MOST];
        double wanted[ACTIONS] = {0};
        struct distribution out;
        uint32_t count = 0;
        make_round(&world, &contexts, &round);
        out = decide(fixture, &round, t);
        for (uint32_t a = 0; a < ACTIONS; a++)
            count = policy_experts(fixture->policy, &round.context,
                    &round.actions, a, &arena, views[a], MOST);
        ck_assert_uint_eq(count, 3);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t best = 0;
            double others = 0.0;
            for (uint32_t a = 1; a < ACTIONS; a++)
                if (views[a][i].prediction < views[best][i].prediction)
                    best = a;
            for (uint32_t a = 0; a < ACTIONS; a++) {
                double gap = views[a][i].prediction - views[best][i].prediction;
                double p = 1.0 / (ACTIONS + 30.0 * gap);
                if (a == best)
                    continue;
                others += p;
                wanted[a] += views[a][i].weight * p;
            }
            wanted[best] += views[best][i].weight * (1.0 - others);
        }
        for (uint32_t a = 0; a < ACTIONS; a++)
            ck_assert_double_eq_tol(out.pmf[a], wanted[a], 1e-12);
        ck_assert_double_eq(out.propensity, out.pmf[out.chosen]);
        teach(fixture, &round, out.chosen,
                rng_unit(&draws) < round.means[out.chosen] ? 1.0 : 0.0);
        arena_release(&arena, mark);
    }
    free(fixture->policy);
}
END_TEST

/* One expert awake: nothing is left to draw. */
START_TEST(alone_it_plays_as_averaged)
{
    static const char *const drawn[][2] = {
            {"play", "sampled"}, {"weights", "adanormalhedge"}};
    static const char *const mean[][2] = {
            {"play", "averaged"}, {"weights", "adanormalhedge"}};
    struct fixture *a = open_world(drawn, 2, true);
    struct fixture *b = open_world(mean, 2, true);
    struct world world = make_world(4);
    struct rng contexts = rng_keyed(4, 1, RNG_TEST);

    for (uint64_t t = 0; t < 300; t++) {
        size_t mark = arena.used;
        struct round_data round;
        struct distribution x, y;
        make_round(&world, &contexts, &round);
        round.context.group_count = 0;
        x = decide(a, &round, t);
        y = decide(b, &round, t);
        ck_assert_mem_eq(x.pmf, y.pmf, sizeof(round.pmf));
        ck_assert_uint_eq(x.chosen, y.chosen);
        teach(a, &round, x.chosen, (double)(t % 3 == 0));
        teach(b, &round, y.chosen, (double)(t % 3 == 0));
        arena_release(&arena, mark);
    }
    free(a->policy);
    free(b->policy);
}
END_TEST

static struct fixture *open_predict(const char *play)
{
    const char *const settings[][2] = {{"oracle", "groupwise"},
            {"intercept", "false"}, {"scale", "false"}, {"play", play}};
    struct shape shape = {.shared_dense = COLUMNS,
            .actions_max = 1,
            .groups = GROUPS,
            .predict = true};

    return open_policy(settings, 4, shape);
}

#define DRAWS 40u

/* The theorem's algorithm: every prediction is an awake expert's own, each as
 * often as it weighs; the loss of what was played is, up to the noise of the
 * draws, the loss that the bound is for; and that is within it of each expert's
 * on every prefix. */
START_TEST(one_expert_is_drawn_to_predict)
{
    struct fixture *fixture = open_predict("sampled");
    struct world world = make_world(5);
    struct rng contexts = rng_keyed(5, 1, RNG_TEST);
    struct rng draws = rng_keyed(5, 2, RNG_TEST);
    double played = 0.0, variance = 0.0;
    static const double one[1] = {1.0};

    for (uint64_t t = 0; t < 1500; t++) {
        size_t mark = arena.used;
        struct expert_view views[MOST];
        struct action_set single = {.count = 1};
        struct round_data round;
        struct view view;
        double label, mean = 0.0, square = 0.0;
        struct lesson lesson;
        uint32_t count;
        make_round(&world, &contexts, &round);
        label = round.means[0] + 0.1 * (rng_unit(&draws) - 0.5);
        count = policy_experts(fixture->policy, &round.context, &single, 0,
                &arena, views, MOST);
        for (uint32_t i = 0; i < count; i++) {
            double dif = views[i].prediction - label;
            mean += views[i].weight * dif * dif;
            square += views[i].weight * dif * dif * dif * dif;
        }
        variance += (square - mean * mean) / DRAWS;
        for (uint64_t draw = 0; draw < DRAWS; draw++) {
            double value;
            bool found = false;
            ck_assert_int_eq(policy_predict(fixture->policy, &round.context, 1,
                                     t * DRAWS + draw, &arena, &value, &err),
                    0);
            for (uint32_t i = 0; i < count; i++)
                found = found || value == views[i].prediction;
            ck_assert(found);
            played += (value - label) * (value - label) / DRAWS;
        }
        lesson = (struct lesson){.context = &round.context,
                .actions = &single,
                .pmf = one,
                .loss = label,
                .weight = 1.0};
        policy_learn(fixture->policy, &lesson, &arena);
        view = view_of(fixture);
        for (uint32_t i = 0; i < EXPERTS; i++)
            if (view.rounds[i] > 0.0)
                ck_assert_double_le(
                        view.mixed[i] - view.own[i], view.meta[i] + 1e-9);
        arena_release(&arena, mark);
    }
    ck_assert_double_gt(variance, 0.0);
    ck_assert_double_le(fabs(played - view_of(fixture).mixed[GROUPS]),
            4.5 * sqrt(variance));
    free(fixture->policy);
}
END_TEST

/* How it plays changes nothing of what it learns. */
START_TEST(play_is_not_part_of_the_state)
{
    struct fixture *a = open_predict("sampled"), *b = open_predict("averaged");
    static uint8_t left[1 << 15], right[1 << 15];
    struct writer x = writer_over(left, sizeof(left));
    struct writer y = writer_over(right, sizeof(right));
    static const double one[1] = {1.0};
    struct world world = make_world(6);
    struct rng contexts = rng_keyed(6, 1, RNG_TEST);

    for (uint64_t t = 0; t < 300; t++) {
        struct action_set single = {.count = 1};
        struct round_data round;
        struct lesson lesson;
        make_round(&world, &contexts, &round);
        lesson = (struct lesson){.context = &round.context,
                .actions = &single,
                .pmf = one,
                .loss = round.means[0],
                .weight = 1.0};
        policy_learn(a->policy, &lesson, &arena);
        policy_learn(b->policy, &lesson, &arena);
    }
    policy_save(a->policy, &x);
    policy_save(b->policy, &y);
    ck_assert(!x.failed && x.size == y.size);
    ck_assert_mem_eq(left, right, x.size);
    free(a->policy);
    free(b->policy);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("certificate");
    TCase *bounds = tcase_create("bounds"), *play = tcase_create("play");

    tcase_add_checked_fixture(bounds, setup, teardown);
    tcase_add_checked_fixture(play, setup, teardown);
    tcase_set_timeout(bounds, 60);
    tcase_add_loop_test(bounds, the_bound_of_exploring_holds, 0, 7);
    tcase_add_test(bounds, a_floor_is_charged);
    tcase_add_loop_test(
            bounds, what_is_not_proved_is_counted_and_not_claimed, 0, 9);
    tcase_add_test(bounds, scaled_columns_have_no_bound);
    tcase_add_loop_test(bounds, what_contradicts_is_refused, 0, 11);
    tcase_add_test(play, the_propensity_is_of_the_mixture);
    tcase_add_test(play, alone_it_plays_as_averaged);
    tcase_add_test(play, one_expert_is_drawn_to_predict);
    tcase_add_test(play, play_is_not_part_of_the_state);
    suite_add_tcase(suite, bounds);
    suite_add_tcase(suite, play);
    return run_suite(suite);
}
