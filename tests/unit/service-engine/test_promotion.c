/* Promotions: the model changes at exactly the record that says so, and the
 * fold of the log changes it at the same one. Leaving the stage compares the
 * fold with the state (stage.h). */
#include "policies/pmf.h"
#include "service/engine/trial.h"
#include "tests/unit/service-engine/stage.h"

#include <math.h>

#define RIDGE                                                                  \
    "context: x\nactions: left\nactions: right\npolicy.oracle: ridge\n"        \
    "policy.explorer: squarecb\nreward.wait: 10s\n"
#define TREELESS                                                               \
    "context: x\nactions: left\nactions: right\npolicy.oracle: linear\n"       \
    "policy.bits: 8\nreward.wait: 10s\n"

static uint32_t played;

/* A decision whose right action is worth `right`. */
static void play(double right)
{
    double x = 0.25 * (played % 4);
    struct question question = {
            .shared = {.rows = 1, .columns = 1, .values = &x}};
    struct feedback feedback = {.value = 0.0};
    struct decision decision;
    char event[16];

    (void)snprintf(event, sizeof(event), "play-%u", played++);
    question.event = feedback.event = bytes_of_text(event);
    decision = stage_ask(&question);
    ck_assert_int_eq(decision.status, STATUS_OK);
    ck_assert_uint_eq(decision.generation, stage.problem->generation);
    feedback.value = decision.ranking[0] == 1 ? right : 0.5;
    ck_assert_int_eq(stage_report(feedback).status, STATUS_OK);
}

static void play_many(uint32_t rounds, double right)
{
    for (uint32_t i = 0; i < rounds; i++)
        play(right);
}

static struct receipt promote_with(struct promotion promotion)
{
    struct input input = {.kind = INPUT_PROMOTE, .now = ++stage.now};

    input.as.promote = &promotion;
    return stage_step(&input).receipt;
}

static struct receipt promote(uint64_t generation)
{
    return promote_with((struct promotion){.generation = generation});
}

static struct receipt roll_back(void)
{
    return promote_with((struct promotion){.back = true});
}

/* The distribution of a question that is asked but not recorded: the state is
 * put back. */
static double p_right(void)
{
    static const double x = 0.5;
    struct question question = {
            .shared = {.rows = 1, .columns = 1, .values = &x}};
    struct decision decision;
    char event[16];

    (void)snprintf(event, sizeof(event), "look-%u", played++);
    question.event = bytes_of_text(event);
    decision = stage_ask(&question);
    ck_assert_int_eq(decision.status, STATUS_OK);
    return decision.ranking[0] == 1 ? decision.probability[0]
                                    : decision.probability[1];
}

/* A problem that learned that right is good has its model stored as generation
 * 1; then it learns the opposite. */
static void open_with_generation(const char *settings)
{
    stage_open(settings);
    play_many(60, 1.0);
    stage_store_model(stage.problem, 1, 0);
    play_many(300, 0.0);
}

START_TEST(a_promotion_changes_the_model_at_its_record)
{
    double learned;

    open_with_generation(_i == 0 ? RIDGE : TREELESS);
    learned = p_right();
    ck_assert_double_lt(learned, 0.5);
    ck_assert_int_eq(promote(1).status, STATUS_OK);
    ck_assert_int_eq(stage_record(0)->head.kind, RECORD_PROMOTION);
    ck_assert_uint_eq(stage_record(0)->promotion.generation, 1);
    ck_assert_uint_eq(stage_record(0)->promotion.parent, 0);
    ck_assert_double_gt(p_right(), 0.5);
    /* It goes on learning. */
    play_many(20, 0.5);
    ck_assert_uint_eq(stage.problem->counters.learned, 380);
    stage_close();
}
END_TEST

START_TEST(a_rollback_returns_what_was)
{
    double before;

    open_with_generation(RIDGE);
    before = p_right();
    ck_assert_int_eq(promote(1).status, STATUS_OK);
    ck_assert(p_right() != before);
    ck_assert_int_eq(roll_back().status, STATUS_OK);
    ck_assert_uint_eq(stage.problem->generation, 0);
    ck_assert_double_eq(p_right(), before);
    ck_assert_int_eq(roll_back().status, STATUS_INVALID);
    stage_close();
}
END_TEST

/* 0, 1, 2, back to 1, back to what 1 came after. */
START_TEST(rollbacks_go_back_step_by_step)
{
    open_with_generation(RIDGE);
    ck_assert_int_eq(promote(1).status, STATUS_OK);
    play_many(10, 0.5);
    stage_store_model(stage.problem, 2, 1);
    ck_assert_int_eq(promote(2).status, STATUS_OK);
    ck_assert_int_eq(roll_back().status, STATUS_OK);
    ck_assert_uint_eq(stage.problem->generation, 1);
    ck_assert_int_eq(roll_back().status, STATUS_OK);
    ck_assert_uint_eq(stage.problem->generation, 0);
    ck_assert_int_eq(roll_back().status, STATUS_INVALID);
    stage_close();
}
END_TEST

START_TEST(what_serves_is_promoted_once)
{
    uint32_t records;
    struct receipt receipt;

    open_with_generation(RIDGE);
    ck_assert_int_eq(promote(1).status, STATUS_OK);
    records = stage.record_count;
    receipt = promote(1);
    ck_assert_int_eq(receipt.status, STATUS_OK);
    ck_assert(receipt.repeated);
    ck_assert_uint_eq(stage.record_count, records);
    stage_close();
}
END_TEST

static void refused(uint64_t generation, enum status status, const char *words)
{
    uint32_t records = stage.record_count;
    uint64_t hash = stage_hash(stage.problem);
    struct receipt receipt = promote(generation);

    ck_assert_int_eq(receipt.status, status);
    ck_assert_msg(
            strstr(receipt.message, words) != NULL, "%s", receipt.message);
    ck_assert_uint_eq(stage.record_count, records);
    ck_assert_uint_eq(stage_hash(stage.problem), hash);
}

static void damage(uint64_t generation, size_t at, uint8_t bits)
{
    /* The bytes are the arena's. */
    stage.arena.data[stage.models[generation].bytes.data - stage.arena.data +
            (ptrdiff_t)at] ^= bits;
}

/* Every bit of a model's head, and the end of the model, cut off byte by byte:
 * refused, and nothing changes. A flip in a number that stays a number is the
 * business of the digest. */
START_TEST(a_damaged_model_is_refused)
{
    struct bytes whole;

    open_with_generation(RIDGE);
    whole = stage.models[1].bytes;
    for (size_t bit = 0; bit < 8 * 16; bit++) {
        damage(1, bit / 8, (uint8_t)(1u << bit % 8));
        ck_assert_int_ne(promote(1).status, STATUS_OK);
        damage(1, bit / 8, (uint8_t)(1u << bit % 8));
    }
    for (size_t size = 1; size < whole.size; size++) {
        stage.models[1].bytes.size = size;
        refused(1, STATUS_CORRUPT, "generation 1");
    }
    stage.models[1].bytes = whole;
    refused(2, STATUS_NOT_FOUND, "generation 2");
    ck_assert_int_eq(promote(1).status, STATUS_OK);
    stage_close();
}
END_TEST

START_TEST(a_model_of_other_settings_is_refused)
{
    struct bytes model;

    open_with_generation(TREELESS);
    model = stage.models[1].bytes;
    stage_close();
    stage_open(RIDGE);
    stage.models[1].bytes = model;
    refused(1, STATUS_INVALID, "other settings");
    stage_close();
}
END_TEST

/* The record as the log has it, folded once more over these models. */
static int fold_again(struct err *err)
{
    struct decision_source source = {stage_fold_find, NULL, stage_model};
    struct problem *again = problem_open(&stage.spec, err);
    int status = fold_record(again, RECORD_PROMOTION,
            stage.records[stage.record_count - 1].payload, &source, err);

    problem_close(again);
    return status;
}

START_TEST(a_replay_without_its_model_names_it)
{
    struct bytes model;
    struct err err;
    size_t last;

    open_with_generation(RIDGE);
    ck_assert_int_eq(promote(1).status, STATUS_OK);
    model = stage.models[1].bytes;
    stage.models[1].bytes.size = 0;
    ck_assert_int_eq(fold_again(&err), STATUS_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.text, "generation 1"));
    ck_assert_ptr_nonnull(strstr(err.text, "missing"));
    stage.models[1].bytes = model;
    /* The last number of the model: it stays a number. */
    last = model.size - 8;
    damage(1, last, 1);
    ck_assert_int_eq(fold_again(&err), STATUS_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.text, "generation 1"));
    damage(1, last, 1);
    ck_assert_int_eq(fold_again(&err), 0);
    stage_close();
}
END_TEST

/* ---- trials ---- */

static struct receipt on_trial(uint64_t generation, double share)
{
    return promote_with((struct promotion){.generation = generation,
            .stage = share > 0.0 ? STAGE_CANARY : STAGE_SHADOW,
            .share = share});
}

static struct receipt refuse(uint64_t generation)
{
    return promote_with((struct promotion){
            .generation = generation, .stage = STAGE_REFUSED});
}

static struct receipt mix(uint64_t generation, double share)
{
    return promote_with((struct promotion){
            .generation = generation, .stage = STAGE_MIXED, .share = share});
}

/* Every way that a coupled draw can come out, with its probability: the mean of
 * the terms is the difference of the two values, and the record's probabilities
 * are those of the draw. */
START_TEST(the_terms_of_a_canary_have_the_difference_for_mean)
{
    static const double p[3] = {0.7, 0.2, 0.1}, q[3] = {0.1, 0.2, 0.7};
    static const double loss[3] = {0.9, 0.3, 0.25};
    double share = _i == 0 ? 0.5 : 0.1, truth = 0.0, mean = 0.0;
    double whole = 0.0, mix[3];

    for (uint32_t a = 0; a < 3; a++) {
        double o = fmin(p[a], q[a]);
        double of[3] = {o, (1.0 - share) * (p[a] - o), share * (q[a] - o)};
        mix[a] = (1.0 - share) * p[a] + share * q[a];
        truth += (q[a] - p[a]) * (1.0 - loss[a]);
        ck_assert_double_eq_tol(of[0] + of[1] + of[2], mix[a], 1e-15);
        for (uint32_t side = 0; side < 3; side++) {
            struct decision_record record = {.count = 3,
                    .probability = mix,
                    .chosen = a,
                    .trial = {true, 1, side, share, q[a], 0.4}};
            whole += of[side];
            mean += of[side] * trial_term(&record, loss[a]);
        }
    }
    ck_assert_double_eq_tol(whole, 1.0, 1e-15);
    ck_assert_double_eq_tol(mean, truth, 1e-14);
}
END_TEST

START_TEST(the_terms_of_a_shadow_have_the_difference_for_mean)
{
    static const double p[3] = {0.7, 0.2, 0.1}, q[3] = {0.1, 0.2, 0.7};
    static const double loss[3] = {0.9, 0.3, 0.25};
    double truth = 0.0, mean = 0.0;

    for (uint32_t a = 0; a < 3; a++) {
        struct decision_record record = {.count = 3,
                .probability = p,
                .chosen = a,
                .trial = {true, 1, PMF_FIRST, 0.0, q[a], 0.4}};
        truth += (q[a] - p[a]) * (1.0 - loss[a]);
        mean += p[a] * trial_term(&record, loss[a]);
    }
    ck_assert_double_eq_tol(mean, truth, 1e-14);
}
END_TEST

START_TEST(a_coupled_draw_is_one_of_its_mixture)
{
    static const double p[4] = {0.5, 0.3, 0.2, 0.0};
    static const double q[4] = {0.5, 0.0, 0.1, 0.4};
    double mix[4], seen[4] = {0}, sides[3] = {0};
    const uint32_t draws = 200000;

    for (uint32_t i = 0; i < draws; i++) {
        struct rng rng = rng_keyed(7, i, RNG_CANARY);
        enum pmf_side side;
        uint32_t a = pmf_couple(p, q, 4, 0.25, &rng, mix, &side);
        ck_assert(side != PMF_FIRST || p[a] > q[a]);
        ck_assert(side != PMF_SECOND || q[a] > p[a]);
        seen[a] += 1.0 / draws;
        sides[side] += 1.0 / draws;
    }
    /* 5 standard deviations of at most 0.0011. */
    for (uint32_t a = 0; a < 4; a++) {
        ck_assert_double_eq_tol(mix[a], 0.75 * p[a] + 0.25 * q[a], 1e-15);
        ck_assert_double_eq_tol(seen[a], mix[a], 0.0056);
    }
    ck_assert_double_eq_tol(sides[PMF_COMMON], 0.6, 0.0056);
    ck_assert_double_eq_tol(sides[PMF_FIRST], 0.3, 0.0056);
    ck_assert_double_eq_tol(sides[PMF_SECOND], 0.1, 0.0056);
}
END_TEST

/* The state comes back from its bytes, challenger and all. */
static void check_saved(void)
{
    size_t size = problem_save_size(stage.problem);
    uint8_t *bytes = malloc(size);
    struct writer writer = writer_over(bytes, size);
    struct problem *copy;
    struct err err;

    problem_save(stage.problem, &writer);
    copy = problem_open(&stage.spec, &err);
    ck_assert_int_eq(problem_load(copy, writer_bytes(&writer), &err), 0);
    ck_assert_uint_eq(stage_hash(copy), stage_hash(stage.problem));
    for (size_t cut = 1; cut < 40; cut++) {
        problem_reset(copy);
        ck_assert_int_eq(problem_load(copy, bytes_of(bytes, size - cut), &err),
                STATUS_CORRUPT);
    }
    problem_close(copy);
    free(bytes);
}

/* Generation 1 holds right for good, what serves does not, and it is not: as a
 * canary it loses, as a shadow it is seen to lose. */
START_TEST(a_trial_is_judged_by_what_comes_of_it)
{
    double share = _i == 0 ? 0.5 : 0.0;
    const struct challenger *challenger;
    uint32_t before;

    open_with_generation(RIDGE);
    challenger = &stage.problem->challenger;
    ck_assert_int_eq(on_trial(1, share).status, STATUS_OK);
    ck_assert(on_trial(1, share).repeated);
    ck_assert_uint_eq(stage.problem->counters.canaries, share > 0.0);
    before = stage.record_count;
    play_many(400, 0.0);
    ck_assert_uint_eq(challenger->rows, 400);
    ck_assert_double_lt(challenger->sum, 0.0);
    ck_assert_uint_eq(stage.problem->generation, 0);
    for (uint32_t i = before; i < stage.record_count; i++) {
        const union any_record *record =
                stage_record(stage.record_count - 1 - i);
        if (record->head.kind != RECORD_DECISION)
            continue;
        ck_assert(record->decision.trial.given);
        ck_assert_uint_eq(record->decision.trial.generation, 1);
        ck_assert_double_eq(record->decision.trial.share, share);
        ck_assert(pmf_valid(
                record->decision.probability, record->decision.count));
    }
    check_saved();
    ck_assert_int_eq(roll_back().status, STATUS_OK);
    ck_assert_int_eq(stage_record(0)->promotion.stage, STAGE_WITHDRAW);
    ck_assert_ptr_null(challenger->policy);
    play_many(10, 0.0);
    /* What serves is to serve: a trial leaves, and when the request comes once
     * more, nothing else does. */
    ck_assert_int_eq(on_trial(1, share).status, STATUS_OK);
    ck_assert(!promote(0).repeated);
    ck_assert_int_eq(stage_record(0)->promotion.stage, STAGE_WITHDRAW);
    ck_assert_ptr_null(challenger->policy);
    ck_assert(promote(0).repeated);
    ck_assert_uint_eq(stage.problem->generation, 0);
    stage_close();
}
END_TEST

/* An outcome that is corrected takes its term along. */
START_TEST(a_correction_reaches_the_trial)
{
    struct feedback feedback = {.event = bytes_of_text("c"), .value = 1.0};
    struct question question = {.event = bytes_of_text("c")};
    static const double x = 0.5;
    double sum = 0.0;

    open_with_generation(RIDGE);
    question.shared = (struct matrix){1, 1, NULL, &x};
    ck_assert_int_eq(on_trial(1, 0.0).status, STATUS_OK);
    ck_assert_int_eq(stage_ask(&question).status, STATUS_OK);
    ck_assert_int_eq(stage_report(feedback).status, STATUS_OK);
    sum = stage.problem->challenger.sum;
    feedback.value = 0.0;
    ck_assert_int_eq(stage_report(feedback).status, STATUS_OK);
    ck_assert(stage.problem->challenger.sum != sum);
    feedback.value = 1.0;
    feedback.id = bytes_of_text("again");
    ck_assert_int_eq(stage_report(feedback).status, STATUS_OK);
    ck_assert_double_eq_tol(stage.problem->challenger.sum, sum, 1e-12);
    ck_assert_uint_eq(stage.problem->challenger.rows, 1);
    stage_close();
}
END_TEST

START_TEST(a_challenger_that_serves_keeps_what_it_learned)
{
    uint64_t learned;

    open_with_generation(RIDGE);
    ck_assert_int_eq(on_trial(1, 0.5).status, STATUS_OK);
    play_many(50, 1.0);
    learned = policy_learned(stage.problem->challenger.policy);
    ck_assert_uint_eq(learned, 60 + 50);
    ck_assert_int_eq(promote(1).status, STATUS_OK);
    ck_assert_uint_eq(policy_learned(stage.problem->policy), learned);
    ck_assert_uint_eq(stage.problem->generation, 1);
    ck_assert_ptr_null(stage.problem->challenger.policy);
    play_many(5, 1.0);
    ck_assert_int_eq(roll_back().status, STATUS_OK);
    ck_assert_uint_eq(stage.problem->generation, 0);
    stage_close();
}
END_TEST

START_TEST(what_is_no_trial_is_refused)
{
    open_with_generation(RIDGE);
    ck_assert_int_eq(on_trial(1, 1e-9).status, STATUS_INVALID);
    ck_assert_int_eq(on_trial(1, 1.0).status, STATUS_INVALID);
    ck_assert_int_eq(on_trial(5, 0.5).status, STATUS_NOT_FOUND);
    ck_assert_int_eq(
            promote_with((struct promotion){.stage = STAGE_WITHDRAW}).status,
            STATUS_INVALID);
    stage_close();
}
END_TEST

/* Refused ones are counted until one serves; the one on trial leaves. */
START_TEST(refusals_are_counted_until_one_serves)
{
    const struct problem *problem;

    open_with_generation(RIDGE);
    problem = stage.problem;
    ck_assert_int_eq(on_trial(1, 0.5).status, STATUS_OK);
    ck_assert_int_eq(refuse(2).status, STATUS_OK);
    ck_assert_ptr_nonnull(problem->challenger.policy);
    ck_assert_int_eq(stage_record(0)->promotion.stage, STAGE_REFUSED);
    ck_assert_int_eq(refuse(1).status, STATUS_OK);
    ck_assert_ptr_null(problem->challenger.policy);
    ck_assert_uint_eq(problem->refused, 2);
    ck_assert_uint_eq(problem->counters.refusals, 2);
    check_saved();
    ck_assert_int_eq(promote(1).status, STATUS_OK);
    ck_assert_uint_eq(problem->refused, 0);
    ck_assert_uint_eq(problem->counters.refusals, 2);
    stage_close();
}
END_TEST

/* It has its share of every decision, and what is logged is the mixture. */
START_TEST(what_is_mixed_in_shares_decisions)
{
    const struct challenger *challenger;
    const union any_record *record;
    uint32_t shared = 0;

    open_with_generation(RIDGE);
    challenger = &stage.problem->challenger;
    ck_assert_int_eq(mix(1, 0.0).status, STATUS_INVALID);
    ck_assert_int_eq(on_trial(1, 0.3).status, STATUS_OK);
    play_many(20, 1.0);
    ck_assert_int_eq(mix(1, 0.3).status, STATUS_OK);
    ck_assert(challenger->mixed);
    ck_assert_uint_eq(challenger->rows, 0);
    ck_assert_uint_eq(stage.problem->refused, 1);
    ck_assert_uint_eq(stage.problem->counters.canaries, 2);
    ck_assert(mix(1, 0.3).repeated);
    play_many(100, 1.0);
    for (uint32_t i = 0; i < 200; i++) {
        record = stage_record(i);
        if (record->head.kind != RECORD_DECISION)
            continue;
        ck_assert(record->decision.trial.given);
        ck_assert_double_eq(record->decision.trial.share, 0.3);
        ck_assert_double_gt(
                record->decision.probability[record->decision.chosen],
                0.299 * record->decision.trial.other);
        shared++;
    }
    ck_assert_uint_eq(shared, 100);
    check_saved();
    ck_assert_int_eq(promote(1).status, STATUS_OK);
    ck_assert(!challenger->mixed);
    stage_close();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("promotion");
    TCase *tcase = tcase_create("promotion");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, stage_setup, stage_teardown);
    tcase_add_loop_test(
            tcase, a_promotion_changes_the_model_at_its_record, 0, 2);
    tcase_add_test(tcase, a_rollback_returns_what_was);
    tcase_add_test(tcase, rollbacks_go_back_step_by_step);
    tcase_add_test(tcase, what_serves_is_promoted_once);
    tcase_add_test(tcase, a_damaged_model_is_refused);
    tcase_add_test(tcase, a_model_of_other_settings_is_refused);
    tcase_add_test(tcase, a_replay_without_its_model_names_it);
    tcase_add_loop_test(
            tcase, the_terms_of_a_canary_have_the_difference_for_mean, 0, 2);
    tcase_add_test(tcase, the_terms_of_a_shadow_have_the_difference_for_mean);
    tcase_add_test(tcase, a_coupled_draw_is_one_of_its_mixture);
    tcase_add_loop_test(tcase, a_trial_is_judged_by_what_comes_of_it, 0, 2);
    tcase_add_test(tcase, a_correction_reaches_the_trial);
    tcase_add_test(tcase, a_challenger_that_serves_keeps_what_it_learned);
    tcase_add_test(tcase, what_is_no_trial_is_refused);
    tcase_add_test(tcase, refusals_are_counted_until_one_serves);
    tcase_add_test(tcase, what_is_mixed_in_shares_decisions);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
