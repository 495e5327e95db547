/* Paths: the actions are edges, the answer is a path through them, the feedback
 * what its edges cost. The learner is the test's own (tests/parts): routes
 * {a,b} (twice), {c,d} and {a,e,d}. */
#include "tests/unit/service-engine/stage.h"

#include <math.h>

#define EDGES_ABCDE                                                            \
    "form: path\nactions: a\nactions: b\nactions: c\nactions: d\n"             \
    "actions: e\npolicy.learner: routes\n"
#define PATHS                                                                  \
    EDGES_ABCDE "reward.max: 2\nreward.default: 0.5\nreward.wait: 10s\n"       \
                "orphan_wait: 60s\n"
#define EDGES 5u

static const double all_costs[EDGES] = {1.0, 0.5, 2.0, 1.5, 0.25};

static struct feedback costs_of(const char *event, const char *id,
        const double *values, uint32_t count, bool full)
{
    return (struct feedback){.event = bytes_of_text(event),
            .id = bytes_of_text(id),
            .costs = {count, full, values}};
}

static struct feedback full(const char *event, const char *id)
{
    return costs_of(event, id, all_costs, EDGES, true);
}

/* What the path costs, edge by edge; their sum. */
static double walk(const struct decision *decision, double *values)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < decision->path_count; i++)
        sum += values[i] = all_costs[decision->path[i]];
    return sum;
}

static struct feedback semi(const char *event, const char *id,
        const struct decision *decision, double *values)
{
    (void)walk(decision, values);
    return costs_of(event, id, values, decision->path_count, false);
}

static bool is_path(const struct decision *decision, const char *ids)
{
    for (uint32_t i = 0; i < decision->path_count; i++)
        if (!bytes_equal(decision->edge[i], bytes_of(ids + i, 1)))
            return false;
    return decision->path_count == strlen(ids);
}

/* ---- deciding ---- */

START_TEST(a_path_with_its_probability)
{
    struct decision decision;
    const struct decision_record *record;
    uint32_t seen[3] = {0};

    stage_open(PATHS);
    for (uint32_t i = 0; i < 400; i++) {
        char event[16];
        int route;
        (void)snprintf(event, sizeof(event), "e-%u", i);
        decision = stage_decide(event);
        ck_assert_int_eq(decision.status, STATUS_OK);
        ck_assert_uint_eq(decision.count, 0);
        route = is_path(&decision, "ab")    ? 0
                : is_path(&decision, "cd")  ? 1
                : is_path(&decision, "aed") ? 2
                                            : -1;
        ck_assert_int_ge(route, 0);
        /* The first path is there twice. */
        ck_assert_double_eq_tol(
                decision.path_probability, route == 0 ? 0.5 : 0.25, 1e-15);
        seen[route]++;
    }
    ck_assert_uint_gt(seen[0], 160); /* 200 expected, sd 10 */
    ck_assert_uint_gt(seen[1], 60);
    ck_assert_uint_gt(seen[2], 60);
    record = &stage_record(0)->decision;
    ck_assert_uint_eq(record->count, EDGES);
    ck_assert_double_eq_tol(record->marginal[0], 0.75, 1e-15);
    ck_assert_double_eq_tol(record->marginal[1], 0.5, 1e-15);
    ck_assert_double_eq_tol(record->marginal[2], 0.25, 1e-15);
    ck_assert_double_eq_tol(record->marginal[3], 0.5, 1e-15);
    ck_assert_double_eq_tol(record->marginal[4], 0.25, 1e-15);
    stage_close();
}
END_TEST

START_TEST(excluded_edges_are_not_walked)
{
    uint32_t excluded[2] = {0, 3};
    struct question question = {.event = bytes_of_text("e"),
            .excluded = excluded,
            .excluded_count = 1};
    struct decision decision;

    stage_open(PATHS);
    decision = stage_ask(&question);
    ck_assert(is_path(&decision, "cd"));
    ck_assert_double_eq(decision.path_probability, 1.0);
    ck_assert_uint_eq(stage_record(0)->decision.count, 4);
    ck_assert_uint_eq(stage_record(0)->decision.path[0], 1);
    question.event = bytes_of_text("none");
    question.excluded_count = 2;
    stage_ask_refused(&question, "no path is left");
    stage_close();
}
END_TEST

START_TEST(what_is_no_question_of_paths_is_refused)
{
    struct bytes list[1] = {bytes_of_text("a")};
    struct question question = {
            .event = bytes_of_text("e"), .action = list, .action_count = 1};

    stage_open(PATHS);
    stage_ask_refused(&question, "are the catalogue's");
    question.action_count = 0;
    question.has_baseline = true;
    stage_ask_refused(&question, "not one action");
    stage_close();
}
END_TEST

START_TEST(the_first_answer_again)
{
    struct decision first, again;

    stage_open(PATHS);
    first = stage_decide("e");
    ck_assert_int_eq(stage_report(full("e", "f")).status, STATUS_OK);
    again = stage_decide("e");
    ck_assert(again.repeated);
    ck_assert_uint_eq(again.path_count, first.path_count);
    ck_assert(memcmp(again.path, first.path,
                      first.path_count * sizeof(uint32_t)) == 0);
    ck_assert_double_eq(again.path_probability, first.path_probability);
    stage_close();
}
END_TEST

/* ---- learning ---- */

START_TEST(the_costs_of_the_path)
{
    static const char *const slots[EDGES] = {
            "slot_0", "slot_1", "slot_2", "slot_3", "slot_4"};
    static const double marginals[EDGES] = {0.75, 0.5, 0.25, 0.5, 0.25};
    double values[EDGES];
    struct decision decision;
    double sum;

    stage_open(PATHS);
    decision = stage_decide("e");
    sum = walk(&decision, values);
    ck_assert_int_eq(
            stage_report(semi("e", "f", &decision, values)).status, STATUS_OK);
    ck_assert_str_eq(stage_trace(), "decision feedback:learn");
    ck_assert_double_eq(stage_record(0)->feedback.value, sum);
    ck_assert_double_eq(stage.problem->counters.value_sum, sum);
    ck_assert_uint_eq(policy_learned(stage.problem->policy), 1);
    /* Scaled by the range 0 .. 2 and weighted by the edges' marginals. */
    for (uint32_t i = 0; i < decision.path_count; i++)
        ck_assert_double_eq_tol(stage_number(slots[decision.path[i]]),
                values[i] / 2.0 / marginals[decision.path[i]], 1e-15);
    ck_assert(stage_report(semi("e", "f", &decision, values)).repeated);
    ck_assert_uint_eq(policy_learned(stage.problem->policy), 1);
    stage_close();
}
END_TEST

START_TEST(the_costs_of_all_edges)
{
    uint32_t excluded[1] = {1};
    struct question question = {.event = bytes_of_text("e"),
            .excluded = excluded,
            .excluded_count = 1};
    struct decision decision;
    double values[EDGES];

    stage_open(PATHS);
    decision = stage_ask(&question);
    ck_assert_int_eq(stage_report(full("e", "f")).status, STATUS_OK);
    ck_assert_double_eq(
            stage_record(0)->feedback.value, walk(&decision, values));
    ck_assert_double_eq(stage_number("slot_0"), 0.5);
    ck_assert_double_eq(stage_number("slot_1"), 0.0); /* was excluded */
    ck_assert_double_eq(stage_number("slot_2"), 1.0);
    ck_assert_double_eq(stage_number("slot_3"), 0.75);
    ck_assert_double_eq(stage_number("slot_4"), 0.125);
    stage_close();
}
END_TEST

START_TEST(costs_that_do_not_fit_are_refused)
{
    const double wrong[EDGES] = {1.0, 2.5, 1.0, 1.0, 1.0};
    struct feedback feedback = {.event = bytes_of_text("e"), .value = 1.0};

    stage_open(PATHS);
    ck_assert_int_eq(stage_decide("e").status, STATUS_OK);
    stage_report_refused(feedback, "costs: are missing");
    stage_report_refused(
            costs_of("e", "f", all_costs, 1, false), "1 for a path of");
    stage_report_refused(
            costs_of("e", "f", all_costs, 4, true), "4 for all of 5 edges");
    stage_report_refused(
            costs_of("e", "f", wrong, EDGES, true), "value 1, 2.5, is outside");
    /* Before the decision what can be known is checked. */
    stage_report_refused(
            costs_of("new", "f", all_costs, 4, true), "4 for all of 5 edges");
    feedback = full("e", "f");
    feedback.shown.position = 2;
    stage_report_refused(feedback, "only where the decision is one action");
    stage_close();
}
END_TEST

START_TEST(later_costs_replace_at_the_next_retraining)
{
    double values[EDGES];
    struct decision decision;

    stage_open(PATHS);
    decision = stage_decide("e");
    ck_assert_int_eq(stage_report(full("e", "f")).status, STATUS_OK);
    ck_assert_int_eq(
            stage_report(semi("e", "g", &decision, values)).status, STATUS_OK);
    ck_assert_str_eq(stage_trace(), "decision feedback:learn feedback:correct");
    ck_assert_uint_eq(stage.problem->counters.corrections_deferred, 1);
    ck_assert_uint_eq(policy_learned(stage.problem->policy), 1);
    stage_close();
    stage_open(PATHS "reward.aggregate: first\n");
    decision = stage_decide("e");
    ck_assert_int_eq(stage_report(full("e", "f")).status, STATUS_OK);
    ck_assert_int_eq(
            stage_report(semi("e", "g", &decision, values)).status, STATUS_OK);
    ck_assert_str_eq(stage_trace(), "decision feedback:learn feedback:none");
    stage_close();
}
END_TEST

START_TEST(the_default_is_of_each_edge)
{
    struct decision decision;

    stage_open(PATHS);
    decision = stage_decide("e");
    stage_fall_due("e");
    ck_assert_str_eq(stage_trace(), "decision expiry:learn");
    ck_assert_uint_eq(stage_record(0)->expiry.costs.count, decision.path_count);
    ck_assert_double_eq(
            stage_record(0)->expiry.after, 0.5 * decision.path_count);
    ck_assert_double_eq(
            stage.problem->counters.value_sum, 0.5 * decision.path_count);
    ck_assert_int_eq(stage_report(full("e", "late")).status, STATUS_OK);
    ck_assert_str_eq(stage_trace(), "decision expiry:learn feedback:correct");
    stage_close();
}
END_TEST

/* ---- costs that are held ---- */

START_TEST(held_until_the_decision)
{
    struct decision decision;
    double values[EDGES];

    stage_open(PATHS);
    ck_assert(stage_report(full("e", "f")).held);
    ck_assert_double_eq(stage_record(0)->feedback.value, 0.0);
    decision = stage_decide("e");
    ck_assert_double_eq(
            stage_record(0)->decision.held, walk(&decision, values));
    ck_assert(stage_record(0)->decision.held_costs.full);
    ck_assert_double_eq(stage_number("slot_2"), 1.0);
    ck_assert(stage_report(full("e", "f")).repeated);
    ck_assert_str_eq(stage_trace(), "feedback:hold decision");
    ck_assert_uint_eq(stage.problem->counters.learned, 1);
    stage_close();
}
END_TEST

START_TEST(the_last_held_costs_hold)
{
    static const double other[EDGES] = {0};

    stage_open(PATHS);
    ck_assert(stage_report(full("e", "f")).held);
    ck_assert(stage_report(costs_of("e", "g", other, EDGES, true)).held);
    (void)stage_decide("e");
    ck_assert_double_eq(stage_record(0)->decision.held, 0.0);
    stage_close();
    stage_open(PATHS "reward.aggregate: first\n");
    ck_assert(stage_report(full("e", "f")).held);
    ck_assert(stage_report(costs_of("e", "g", other, EDGES, true)).held);
    (void)stage_decide("e");
    ck_assert_double_gt(stage_record(0)->decision.held, 0.0);
    stage_close();
}
END_TEST

START_TEST(held_until_the_activation)
{
    struct question question = {.event = bytes_of_text("e"), .deferred = true};
    struct decision decision;
    double values[EDGES];

    stage_open(PATHS);
    ck_assert(stage_report(full("e", "f")).held);
    decision = stage_ask(&question);
    ck_assert_uint_eq(stage.problem->counters.learned, 0);
    ck_assert(stage_report(semi("e", "g", &decision, values)).held);
    ck_assert_int_eq(stage_activate("e").status, STATUS_OK);
    ck_assert_uint_eq(
            stage_record(0)->activation.held_costs.count, decision.path_count);
    ck_assert_double_eq(
            stage_record(0)->activation.held, walk(&decision, values));
    ck_assert_uint_eq(stage.problem->counters.learned, 1);
    ck_assert_str_eq(
            stage_trace(), "feedback:hold decision feedback:hold activation");
    stage_close();
}
END_TEST

START_TEST(costs_of_another_path_are_given_up)
{
    stage_open(PATHS);
    ck_assert(stage_report(costs_of("e", "f", all_costs, 1, false)).held);
    ck_assert_int_eq(stage_decide("e").status, STATUS_OK);
    ck_assert(stage_record(0)->decision.held_misfit);
    ck_assert_uint_eq(stage.problem->counters.held_misfits, 1);
    ck_assert_uint_eq(stage.problem->counters.learned, 0);
    /* It waits for feedback as any other. */
    stage_fall_due("e");
    ck_assert_str_eq(stage_trace(), "feedback:hold decision expiry:learn");
    stage_close();
}
END_TEST

/* ---- limits ---- */

/* A value of a record is within VALUE_MAX, also that of the longest path. */
START_TEST(a_path_costs_no_more_than_a_value)
{
    static const double dear[EDGES + 1] = {2e14, 2e14, 2e14, 2e14, 2e14, 2e14};

    stage_settings_refused(
            EDGES_ABCDE "reward.max: 2.1e14\n", "costs of 5 edges must sum up");
    stage_open(EDGES_ABCDE "reward.max: 2e14\nreward.default: 2e14\n"
                           "reward.wait: 10s\n");
    (void)stage_decide("e");
    ck_assert_int_eq(stage_report(costs_of("e", "f", dear, EDGES, true)).status,
            STATUS_OK);
    (void)stage_record(0);
    (void)stage_decide("late");
    stage_fall_due("late");
    ck_assert_double_le(stage_record(0)->expiry.after, VALUE_MAX);
    /* How many edges the path had is not known any more. */
    (void)stage_decide("old");
    stage_other_actions();
    stage_report_refused(costs_of("old", "f", dear, EDGES + 1, false),
            "costs: their sum, 1.2e+15");
    stage_close();
}
END_TEST

START_TEST(paths_of_other_edges_teach_nothing)
{
    stage_open(PATHS);
    ck_assert(stage_report(full("early", "f")).held);
    (void)stage_decide("e");
    (void)stage_decide("late");
    stage_other_actions();
    ck_assert_int_eq(
            stage_report(costs_of("e", "f", all_costs, 4, true)).status,
            STATUS_OK);
    stage_fall_due("late");
    (void)stage_decide("early");
    ck_assert_str_eq(stage_trace(),
            "feedback:hold decision decision feedback:none expiry:none "
            "decision");
    ck_assert(stage_record(0)->decision.held_misfit);
    ck_assert_uint_eq(stage.problem->counters.learned, 0);
    stage_close();
}
END_TEST

/* ---- settings ---- */

START_TEST(policies_that_cannot_are_refused)
{
    stage_settings_refused(
            "form: path\nactions: a\n", "one that chooses paths");
    stage_settings_refused(
            "form: path\nactions: a\npolicy.learner: tsallis-inf\n",
            "tsallis-inf does not choose paths");
    stage_settings_refused("actions: a\nactions: b\nactions: c\nactions: d\n"
                           "actions: e\npolicy.learner: routes\n",
            "routes chooses paths only");
    stage_settings_refused(
            "form: path\npolicy.learner: routes\n", "needs the catalogue");
    stage_settings_refused(PATHS "reward.aggregate: sum\n", "last or first");
    stage_settings_refused(
            PATHS "policy.floor: 0.1\n", "floor: learner routes chooses paths");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("paths");
    TCase *cases = tcase_create("scenarios");

    tcase_add_checked_fixture(cases, stage_setup, stage_teardown);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, a_path_with_its_probability);
    tcase_add_test(cases, excluded_edges_are_not_walked);
    tcase_add_test(cases, what_is_no_question_of_paths_is_refused);
    tcase_add_test(cases, the_first_answer_again);
    tcase_add_test(cases, the_costs_of_the_path);
    tcase_add_test(cases, the_costs_of_all_edges);
    tcase_add_test(cases, costs_that_do_not_fit_are_refused);
    tcase_add_test(cases, later_costs_replace_at_the_next_retraining);
    tcase_add_test(cases, the_default_is_of_each_edge);
    tcase_add_test(cases, held_until_the_decision);
    tcase_add_test(cases, the_last_held_costs_hold);
    tcase_add_test(cases, held_until_the_activation);
    tcase_add_test(cases, costs_of_another_path_are_given_up);
    tcase_add_test(cases, a_path_costs_no_more_than_a_value);
    tcase_add_test(cases, paths_of_other_edges_teach_nothing);
    tcase_add_test(cases, policies_that_cannot_are_refused);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
