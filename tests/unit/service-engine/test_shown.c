/* Feedback about another action than the chosen one: positions of the ranking,
 * and actions that the client showed on its own account. */
#include "policies/pmf.h"
#include "service/engine/outcome.h"
#include "tests/unit/service-engine/stage.h"

#define CATALOGUE "actions: left\nactions: middle\nactions: right\n"
#define TSALLIS                                                                \
    CATALOGUE "policy.learner: tsallis-inf\nreward.wait: 10s\n"                \
              "orphan_wait: 60s\n"
#define RIDGE                                                                  \
    CATALOGUE "policy.oracle: ridge\npolicy.explorer: squarecb\n"              \
              "reward.wait: 10s\norphan_wait: 60s\n"

static struct feedback plain(const char *event, double value, const char *id)
{
    return (struct feedback){.event = bytes_of_text(event),
            .value = value,
            .id = bytes_of_text(id)};
}

static struct feedback at_position(
        const char *event, double value, const char *id, uint32_t position)
{
    struct feedback feedback = plain(event, value, id);

    feedback.shown.position = position;
    return feedback;
}

static struct feedback at_place(const char *event, double value, const char *id,
        uint32_t place, double propensity)
{
    struct feedback feedback = plain(event, value, id);

    feedback.shown.has_place = true;
    feedback.shown.place = place;
    feedback.shown.propensity = propensity;
    return feedback;
}

/* Some rounds, so that the probabilities differ. */
static void play(uint32_t rounds)
{
    for (uint32_t i = 0; i < rounds; i++) {
        char event[16];
        struct decision decision;
        (void)snprintf(event, sizeof(event), "play-%u", i);
        decision = stage_decide(event);
        ck_assert_int_eq(decision.status, STATUS_OK);
        ck_assert_int_eq(
                stage_report(plain(event, decision.ranking[0] == 2 ? 1.0 : 0.25,
                                     "f"))
                        .status,
                STATUS_OK);
    }
}

/* The probability of an action at a position: over all first draws. */
static double brute_force(const struct decision *decision, uint32_t position)
{
    double pmf[3], sum = 0.0;
    uint32_t order[3];

    for (uint32_t i = 0; i < 3; i++)
        pmf[decision->ranking[i]] = decision->probability[i];
    for (uint32_t first = 0; first < 3; first++) {
        pmf_rank(pmf, 3, first, order);
        if (order[position - 1] == decision->ranking[position - 1])
            sum += pmf[first];
    }
    return sum;
}

/* ---- positions ---- */

START_TEST(a_position_has_its_exact_probability)
{
    uint32_t position = (uint32_t)_i;
    struct decision decision;
    struct subject subject;

    stage_open(TSALLIS);
    play(40);
    decision = stage_decide("e");
    ck_assert_int_eq(stage_report(at_position("e", 0.5, "f", position)).status,
            STATUS_OK);
    subject = stage_record(0)->feedback.subject;
    ck_assert(subject.given);
    ck_assert_uint_eq(subject.position, position);
    ck_assert_uint_eq(subject.place, decision.ranking[position - 1]);
    ck_assert_double_eq_tol(
            subject.propensity, brute_force(&decision, position), 1e-15);
    ck_assert_uint_eq(stage.problem->counters.propensity_unknown, 0);
    stage_close();
}
END_TEST

/* The policy is taught the shown action with that probability, not the chosen
 * one: a policy taught so by hand has the same bytes. */
START_TEST(the_lesson_weights_by_it)
{
    static _Alignas(64) unsigned char block[4096];
    uint8_t expected[1024], got[1024];
    struct writer by_hand = writer_over(expected, sizeof(expected));
    struct writer by_engine = writer_over(got, sizeof(got));
    uint32_t slots[3] = {0, 1, 2};
    struct context context = {.group_count = 0};
    struct action_set actions = {.count = 3, .slot = slots};
    double third[3] = {1 / 3.0, 1 / 3.0, 1 / 3.0};
    struct decision decision;
    struct policy *policy;
    struct lesson lesson;

    stage_open(TSALLIS);
    decision = stage_decide("e");
    ck_assert_int_eq(
            stage_report(at_position("e", 0.25, "f", 2)).status, STATUS_OK);
    ck_assert_uint_le(policy_footprint(&stage.spec.policy), sizeof(block));
    policy = policy_init(block, &stage.spec.policy);
    lesson = (struct lesson){.context = &context,
            .actions = &actions,
            .chosen = decision.ranking[1],
            .pmf = third,
            .loss = 0.75,
            .weight = 1.0,
            .time = stage.now,
            .propensity = brute_force(&decision, 2)};
    policy_learn(policy, &lesson, &stage.arena);
    policy_save(policy, &by_hand);
    policy_save(stage.problem->policy, &by_engine);
    ck_assert(bytes_equal(writer_bytes(&by_hand), writer_bytes(&by_engine)));
    stage_close();
}
END_TEST

/* A decision that stands for four is learned as four: the weighted lesson is
 * the one that ridge sums up in its place. */
START_TEST(a_decision_weighs_by_what_was_left_out)
{
    struct problem *problem;
    struct decision_record decision;
    struct feedback_record feedback;
    struct err err;
    double rounds;

    stage_open(RIDGE);
    (void)stage_decide("e");
    ck_assert_int_eq(stage_report(plain("e", 0.25, "f")).status, STATUS_OK);
    feedback = stage_record(0)->feedback;
    decision = stage_record(1)->decision;
    problem = stage.problem;
    rounds = stage_number("ridge_effective");
    decision.pdrop = 0.75;
    arena_reset(&problem->scratch);
    ck_assert_int_eq(fold_feedback(problem, &feedback, &decision, &err), 0);
    ck_assert_double_eq(stage_number("ridge_effective"), rounds + 4.0);
    problem_reset(problem);
    stage.record_count = 0;
    stage_close();
}
END_TEST

START_TEST(the_first_position_is_the_chosen_action)
{
    uint64_t hash;

    stage_open(TSALLIS);
    (void)stage_decide("e");
    ck_assert_int_eq(stage_report(plain("e", 0.5, "f")).status, STATUS_OK);
    hash = stage_hash(stage.problem);
    stage_close();
    stage_open(TSALLIS);
    (void)stage_decide("e");
    ck_assert_int_eq(
            stage_report(at_position("e", 0.5, "f", 1)).status, STATUS_OK);
    ck_assert_uint_eq(stage_hash(stage.problem), hash);
    /* And may be said and left out by turns. */
    ck_assert(stage_report(plain("e", 0.5, "f")).repeated);
    ck_assert_int_eq(stage_report(plain("e", 0.6, "g")).status, STATUS_OK);
    ck_assert_str_eq(stage_trace(), "decision feedback:learn feedback:correct");
    stage_close();
}
END_TEST

/* ---- on the client's own account ---- */

/* A place that is not the chosen one. */
static uint32_t other_place(const struct decision *decision)
{
    return decision->ranking[1];
}

START_TEST(without_a_propensity_only_oracles_learn)
{
    struct decision decision;

    stage_open(RIDGE);
    decision = stage_decide("e");
    ck_assert_int_eq(
            stage_report(at_place("e", 1.0, "f", other_place(&decision), 0.0))
                    .status,
            STATUS_OK);
    ck_assert(stage_record(0)->feedback.subject.given);
    ck_assert_double_eq(stage_record(0)->feedback.subject.propensity, 0.0);
    ck_assert_uint_eq(stage.problem->counters.propensity_unknown, 1);
    ck_assert_double_eq(stage_number("ridge_lessons"), 1.0);
    stage_close();
    stage_open(TSALLIS);
    decision = stage_decide("e");
    ck_assert_int_eq(
            stage_report(at_place("e", 1.0, "f", other_place(&decision), 0.0))
                    .status,
            STATUS_OK);
    ck_assert_double_eq(stage_number("tsallis_rounds"), 0.0);
    ck_assert_uint_eq(stage.problem->counters.propensity_unknown, 1);
    ck_assert_uint_eq(stage.problem->counters.learned, 1);
    stage_close();
}
END_TEST

START_TEST(the_clients_own_propensity_counts)
{
    struct decision decision;

    stage_open(TSALLIS);
    decision = stage_decide("e");
    ck_assert_int_eq(
            stage_report(at_place("e", 1.0, "f", other_place(&decision), 0.25))
                    .status,
            STATUS_OK);
    ck_assert_double_eq(stage_record(0)->feedback.subject.propensity, 0.25);
    ck_assert_double_eq(stage_number("tsallis_rounds"), 1.0);
    ck_assert_uint_eq(stage.problem->counters.propensity_unknown, 0);
    stage_close();
}
END_TEST

START_TEST(the_chosen_action_by_its_place_is_the_chosen_action)
{
    struct decision decision;

    stage_open(TSALLIS);
    play(10);
    decision = stage_decide("e");
    ck_assert_int_eq(
            stage_report(at_place("e", 0.5, "f", decision.ranking[0], 0.0))
                    .status,
            STATUS_OK);
    ck_assert_double_eq(stage_record(0)->feedback.subject.propensity,
            decision.probability[0]);
    ck_assert_uint_eq(stage.problem->counters.propensity_unknown, 0);
    stage_close();
}
END_TEST

/* ---- one outcome an event ---- */

START_TEST(corrections_are_of_the_same_action)
{
    struct decision decision;

    stage_open(RIDGE);
    decision = stage_decide("e");
    ck_assert_int_eq(
            stage_report(at_position("e", 0.5, "a", 2)).status, STATUS_OK);
    ck_assert_int_eq(
            stage_report(at_position("e", 0.7, "b", 2)).status, STATUS_OK);
    ck_assert_str_eq(stage_trace(), "decision feedback:learn feedback:correct");
    ck_assert_uint_eq(
            stage_record(0)->feedback.subject.place, decision.ranking[1]);
    ck_assert_uint_eq(stage.problem->counters.corrected, 1);
    ck_assert_double_eq(stage.problem->counters.value_sum, 0.7);
    stage_report_refused(plain("e", 0.5, "c"), "another action");
    stage_report_refused(at_position("e", 0.5, "c", 3), "another action");
    /* The same action, but with another (unknown) probability. */
    stage_report_refused(
            at_place("e", 0.5, "c", decision.ranking[1], 0.0), "propensity");
    stage_close();
}
END_TEST

START_TEST(partial_outcomes_of_a_position_add_up)
{
    stage_open(RIDGE "reward.aggregate: sum\n");
    (void)stage_decide("e");
    ck_assert_int_eq(
            stage_report(at_position("e", 0.25, "a", 3)).status, STATUS_OK);
    ck_assert_int_eq(
            stage_report(at_position("e", 0.5, "b", 3)).status, STATUS_OK);
    ck_assert_double_eq(stage_record(0)->feedback.after, 0.75);
    ck_assert_uint_eq(policy_learned(stage.problem->policy), 1);
    stage_report_refused(at_position("e", 0.5, "c", 3), "value: 1.25");
    stage_close();
}
END_TEST

START_TEST(the_default_is_the_chosen_actions)
{
    stage_open(RIDGE);
    (void)stage_decide("e");
    stage_fall_due("e");
    stage_report_refused(at_position("e", 1.0, "late", 2), "another action");
    ck_assert_int_eq(
            stage_report(at_position("e", 1.0, "late", 1)).status, STATUS_OK);
    ck_assert_str_eq(stage_trace(), "decision expiry:learn feedback:correct");
    stage_close();
}
END_TEST

START_TEST(repeated_counts_once)
{
    stage_open(RIDGE);
    (void)stage_decide("e");
    ck_assert(!stage_report(at_position("e", 0.5, "f", 2)).repeated);
    ck_assert(stage_report(at_position("e", 0.5, "f", 2)).repeated);
    ck_assert_int_eq(stage_report(at_position("e", 0.5, "f", 3)).status,
            STATUS_DUPLICATE);
    ck_assert_int_eq(
            stage_report(plain("e", 0.5, "f")).status, STATUS_DUPLICATE);
    ck_assert_str_eq(stage_trace(), "decision feedback:learn");
    stage_close();
}
END_TEST

/* ---- before the decision ---- */

START_TEST(held_until_the_decision)
{
    struct decision decision;
    struct subject subject;

    stage_open(TSALLIS);
    ck_assert(stage_report(at_position("e", 0.5, "f", 3)).held);
    stage_report_refused(plain("e", 0.5, "g"), "another action");
    decision = stage_decide("e");
    subject = stage_record(0)->decision.held_subject;
    ck_assert(stage_record(0)->decision.has_held);
    ck_assert_uint_eq(subject.place, decision.ranking[2]);
    ck_assert_double_eq_tol(
            subject.propensity, brute_force(&decision, 3), 1e-15);
    ck_assert_uint_eq(stage.problem->counters.learned, 1);
    /* Known ever after. */
    stage_report_refused(plain("e", 0.5, "g"), "another action");
    ck_assert_int_eq(
            stage_report(at_position("e", 0.6, "g", 3)).status, STATUS_OK);
    ck_assert_str_eq(stage_trace(), "feedback:hold decision feedback:correct");
    stage_close();
}
END_TEST

START_TEST(held_until_the_activation)
{
    struct question question = {.event = bytes_of_text("e"), .deferred = true};
    struct decision decision;

    stage_open(TSALLIS);
    decision = stage_ask(&question);
    stage_report_refused(at_position("e", 0.5, "f", 4), "the ranking has 3");
    ck_assert(stage_report(at_position("e", 0.5, "f", 2)).held);
    ck_assert_int_eq(stage_activate("e").status, STATUS_OK);
    ck_assert_uint_eq(stage_record(0)->activation.held_subject.place,
            decision.ranking[1]);
    ck_assert_uint_eq(stage.problem->counters.learned, 1);
    stage_close();
}
END_TEST

START_TEST(what_does_not_fit_is_given_up_and_counted)
{
    uint32_t right[1] = {2};
    struct question question = {.event = bytes_of_text("e"),
            .excluded = right,
            .excluded_count = 1};

    stage_open(RIDGE);
    ck_assert(stage_report(at_position("e", 0.5, "f", 3)).held);
    ck_assert_int_eq(stage_ask(&question).status, STATUS_OK);
    ck_assert(stage_record(0)->decision.held_misfit);
    ck_assert(!stage_record(0)->decision.has_held);
    ck_assert_uint_eq(stage.problem->counters.held_misfits, 1);
    ck_assert_uint_eq(stage.problem->counters.learned, 0);
    /* It remembers the feedback, and waits for one that fits. */
    ck_assert(stage_report(at_position("e", 0.5, "f", 3)).repeated);
    ck_assert_int_eq(stage_report(plain("e", 0.5, "g")).status, STATUS_OK);
    ck_assert_uint_eq(stage.problem->counters.learned, 1);
    stage_close();
}
END_TEST

START_TEST(what_cannot_have_been_shown_is_refused)
{
    uint32_t right[1] = {2};
    double costs[1] = {0.5};
    struct feedback feedback;
    struct question question = {.event = bytes_of_text("e"),
            .excluded = right,
            .excluded_count = 1};

    stage_open(RIDGE);
    ck_assert_int_eq(stage_ask(&question).status, STATUS_OK);
    stage_report_refused(at_position("e", 0.5, "f", 3), "the ranking has 2");
    stage_report_refused(
            at_place("e", 0.5, "f", 2, 0.0), "none of the 2 actions");
    stage_report_refused(at_position("new", 0.5, "f", 4), "at most 3");
    stage_report_refused(at_place("new", 0.5, "f", 3, 0.0), "at most 3");
    feedback = plain("e", 0.5, "f");
    feedback.costs = (struct costs){1, false, costs};
    stage_report_refused(feedback, "only where the decision is a path");
    stage_close();
    stage_open("form: predict\ncontext: x\n");
    stage_report_refused(
            at_position("e", 0.5, "f", 2), "only where the decision is one");
    stage_close();
}
END_TEST

/* Places mean other actions now: what was shown is not looked at. */
START_TEST(what_was_shown_of_other_actions_teaches_nothing)
{
    struct question question = {
            .event = bytes_of_text("later"), .deferred = true};

    stage_open(RIDGE);
    (void)stage_decide("e");
    (void)stage_ask(&question);
    ck_assert(stage_report(at_place("later", 0.5, "f", 2, 0.5)).held);
    ck_assert(stage_report(at_place("place", 0.5, "f", 2, 0.5)).held);
    ck_assert(stage_report(at_position("position", 0.5, "f", 2)).held);
    stage_other_actions();
    ck_assert_int_eq(
            stage_report(at_place("e", 0.5, "f", 5, 0.5)).status, STATUS_OK);
    ck_assert_int_eq(stage_record(0)->feedback.effect, EFFECT_NONE);
    ck_assert(stage_record(0)->feedback.shown.has_place);
    ck_assert(!stage_record(0)->feedback.subject.given);
    ck_assert_int_eq(stage_activate("later").status, STATUS_OK);
    ck_assert(!stage_record(0)->activation.has_held);
    (void)stage_decide("place");
    ck_assert(stage_record(0)->decision.held_misfit);
    ck_assert_uint_eq(stage.problem->counters.learned, 0);
    /* A position is the same position among any actions. */
    (void)stage_decide("position");
    ck_assert(stage_record(0)->decision.has_held);
    ck_assert_uint_eq(stage.problem->counters.learned, 1);
    stage_close();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shown");
    TCase *cases = tcase_create("scenarios");

    tcase_add_checked_fixture(cases, stage_setup, stage_teardown);
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, a_position_has_its_exact_probability, 1, 4);
    tcase_add_test(cases, the_lesson_weights_by_it);
    tcase_add_test(cases, a_decision_weighs_by_what_was_left_out);
    tcase_add_test(cases, the_first_position_is_the_chosen_action);
    tcase_add_test(cases, without_a_propensity_only_oracles_learn);
    tcase_add_test(cases, the_clients_own_propensity_counts);
    tcase_add_test(cases, the_chosen_action_by_its_place_is_the_chosen_action);
    tcase_add_test(cases, corrections_are_of_the_same_action);
    tcase_add_test(cases, partial_outcomes_of_a_position_add_up);
    tcase_add_test(cases, the_default_is_the_chosen_actions);
    tcase_add_test(cases, repeated_counts_once);
    tcase_add_test(cases, held_until_the_decision);
    tcase_add_test(cases, held_until_the_activation);
    tcase_add_test(cases, what_does_not_fit_is_given_up_and_counted);
    tcase_add_test(cases, what_cannot_have_been_shown_is_refused);
    tcase_add_test(cases, what_was_shown_of_other_actions_teaches_nothing);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
