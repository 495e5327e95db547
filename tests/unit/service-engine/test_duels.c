/* Duels: two actions shown, and which was better. The oracle is the test's own
 * (tests/parts). */
#include "policies/pmf.h"
#include "tests/unit/service-engine/stage.h"

#include <math.h>

#define DUEL                                                                   \
    "form: duel\nactions: left\nactions: middle\nactions: right\n"             \
    "policy.oracle: preference\nreward.wait: 10s\norphan_wait: 60s\n"
#define SQUARE DUEL "policy.explorer: squarecb\n"

static struct feedback prefer(const char *event, double value, const char *id)
{
    return (struct feedback){.event = bytes_of_text(event),
            .value = value,
            .id = bytes_of_text(id)};
}

/* Duels in which the later action of the catalogue is better. */
static void play(uint32_t rounds)
{
    for (uint32_t i = 0; i < rounds; i++) {
        char event[16];
        struct decision decision;
        (void)snprintf(event, sizeof(event), "play-%u", i);
        decision = stage_decide(event);
        ck_assert_int_eq(decision.status, STATUS_OK);
        ck_assert_int_eq(
                stage_report(
                        prefer(event, decision.ranking[0] > decision.ranking[1],
                                "f"))
                        .status,
                STATUS_OK);
    }
}

START_TEST(both_are_drawn_and_logged)
{
    uint32_t seen[3][3] = {{0}};

    stage_open(DUEL "policy.explorer: uniform\n");
    for (uint32_t i = 0; i < 600; i++) {
        char event[16];
        struct decision decision;
        const struct decision_record *record;
        (void)snprintf(event, sizeof(event), "e-%u", i);
        decision = stage_decide(event);
        ck_assert_uint_eq(decision.count, 3);
        record = &stage_record(0)->decision;
        ck_assert(record->has_second);
        ck_assert_uint_eq(
                decision.ranking[0], record->eligible[record->chosen]);
        ck_assert_uint_eq(
                decision.ranking[1], record->eligible[record->second]);
        ck_assert_double_eq_tol(decision.pair_probability, 1.0 / 6, 1e-15);
        ck_assert_double_eq(
                decision.pair_probability, record->pair_probability);
        seen[decision.ranking[0]][decision.ranking[1]]++;
    }
    for (uint32_t a = 0; a < 3; a++)
        for (uint32_t c = 0; c < 3; c++)
            if (a == c)
                ck_assert_uint_eq(seen[a][c], 0);
            else /* 100 expected, sd 9 */
                ck_assert_uint_gt(seen[a][c], 60);
    stage_close();
}
END_TEST

START_TEST(the_pair_is_as_likely_as_two_draws)
{
    struct decision decision;
    double p, q;

    stage_open(SQUARE);
    play(50);
    decision = stage_decide("e");
    p = decision.probability[0];
    q = decision.probability[1];
    ck_assert_double_eq_tol(
            decision.pair_probability, p * q / (1.0 - p), 1e-14);
    stage_close();
}
END_TEST

START_TEST(the_first_answer_again)
{
    struct decision first, again;

    stage_open(SQUARE);
    play(5);
    first = stage_decide("e");
    play(6); /* five of them again, and one more */
    again = stage_decide("e");
    ck_assert(again.repeated);
    ck_assert(memcmp(first.ranking, again.ranking, 3 * sizeof(uint32_t)) == 0);
    ck_assert_double_eq(first.pair_probability, again.pair_probability);
    stage_close();
}
END_TEST

START_TEST(scores_are_borda_scores)
{
    uint32_t slots[3] = {0, 1, 2};
    struct context context = {.group_count = 0};
    struct action_set actions = {.count = 3, .slot = slots};
    struct distribution out;
    struct err err;
    double losses[3];
    static const char *const names[] = {"slot_0", "slot_1", "slot_2"};

    stage_open(SQUARE);
    play(40);
    for (uint32_t i = 0; i < 3; i++)
        losses[i] = stage_number(names[i]);
    ck_assert_double_gt(losses[0], losses[1]);
    ck_assert_double_gt(losses[1], losses[2]);
    ck_assert_int_eq(policy_decide(stage.problem->policy, &context, &actions, 1,
                             2, &stage.arena, &out, &err),
            0);
    for (uint32_t a = 0; a < 3; a++) {
        double score = 0.0;
        for (uint32_t c = 0; c < 3; c++)
            if (c != a)
                score += 0.5 / (1.0 + exp(losses[a] - losses[c]));
        ck_assert_double_eq_tol(out.scores[a], score, 1e-15);
    }
    ck_assert_double_gt(out.pmf[2], out.pmf[1]);
    ck_assert_double_gt(out.pmf[1], out.pmf[0]);
    stage_close();
}
END_TEST

START_TEST(a_preference_teaches_once)
{
    stage_open(SQUARE);
    (void)stage_decide("e");
    ck_assert_int_eq(stage_report(prefer("e", 1.0, "f")).status, STATUS_OK);
    ck_assert(stage_report(prefer("e", 1.0, "f")).repeated);
    ck_assert_str_eq(stage_trace(), "decision feedback:learn");
    ck_assert_uint_eq(policy_learned(stage.problem->policy), 1);
    /* Another opinion cannot be exchanged for the first. */
    ck_assert_int_eq(stage_report(prefer("e", 0.0, "g")).status, STATUS_OK);
    ck_assert_str_eq(stage_trace(), "decision feedback:learn feedback:correct");
    ck_assert_uint_eq(stage.problem->counters.corrections_deferred, 1);
    ck_assert_uint_eq(policy_learned(stage.problem->policy), 1);
    stage_close();
}
END_TEST

START_TEST(no_answer_is_no_preference)
{
    stage_open(SQUARE);
    (void)stage_decide("e");
    stage_fall_due("e");
    ck_assert_str_eq(stage_trace(), "decision expiry:learn");
    ck_assert_double_eq(stage_record(0)->expiry.after, 0.5);
    stage_close();
    stage_open(SQUARE "reward.default: 0\n");
    (void)stage_decide("e");
    stage_fall_due("e");
    ck_assert_double_eq(stage_record(0)->expiry.after, 0.0);
    stage_close();
}
END_TEST

START_TEST(held_until_the_decision)
{
    stage_open(SQUARE);
    ck_assert(stage_report(prefer("e", 1.0, "f")).held);
    ck_assert_int_eq(stage_decide("e").status, STATUS_OK);
    ck_assert_uint_eq(stage.problem->counters.learned, 1);
    ck_assert_str_eq(stage_trace(), "feedback:hold decision");
    stage_close();
}
END_TEST

START_TEST(what_is_no_duel_is_refused)
{
    uint32_t two[2] = {0, 2};
    struct question question = {.event = bytes_of_text("one"),
            .excluded = two,
            .excluded_count = 2};
    struct feedback feedback;

    stage_open(SQUARE);
    (void)stage_decide("e");
    stage_ask_refused(&question, "needs 2 at least");
    question.excluded_count = 1;
    ck_assert_uint_eq(stage_ask(&question).count, 2);
    stage_report_refused(prefer("e", 1.5, "f"), "value: 1.5");
    stage_report_refused(prefer("e", -0.5, "f"), "value: -0.5");
    feedback = prefer("e", 1.0, "f");
    feedback.shown.position = 2;
    stage_report_refused(feedback, "only where the decision is one action");
    stage_close();
}
END_TEST

START_TEST(policies_that_cannot_are_refused)
{
    static const char actions[] = "form: duel\nactions: a\nactions: b\n";
    char text[256];

    (void)snprintf(text, sizeof(text), "%spolicy.oracle: groupwise\n", actions);
    stage_settings_refused(text, "groupwise does not learn preferences");
    (void)snprintf(
            text, sizeof(text), "%spolicy.learner: tsallis-inf\n", actions);
    stage_settings_refused(text, "tsallis-inf does not learn preferences");
    (void)snprintf(text, sizeof(text),
            "%spolicy.oracle: preference\nreward.max: 5\n", actions);
    stage_settings_refused(text, "a preference, 0 to 1");
    (void)snprintf(text, sizeof(text),
            "%spolicy.oracle: preference\nreward.objective: minimise\n",
            actions);
    stage_settings_refused(text, "a preference, 0 to 1");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("duels");
    TCase *cases = tcase_create("scenarios");

    tcase_add_checked_fixture(cases, stage_setup, stage_teardown);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, both_are_drawn_and_logged);
    tcase_add_test(cases, the_pair_is_as_likely_as_two_draws);
    tcase_add_test(cases, the_first_answer_again);
    tcase_add_test(cases, scores_are_borda_scores);
    tcase_add_test(cases, a_preference_teaches_once);
    tcase_add_test(cases, no_answer_is_no_preference);
    tcase_add_test(cases, held_until_the_decision);
    tcase_add_test(cases, what_is_no_duel_is_refused);
    tcase_add_test(cases, policies_that_cannot_are_refused);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
