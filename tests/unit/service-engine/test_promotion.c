/* Promotions: the model changes at exactly the record that says so, and the
 * fold of the log changes it at the same one. Leaving the stage compares the
 * fold with the state (stage.h). */
#include "tests/unit/service-engine/stage.h"

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

int main(void)
{
    Suite *suite = suite_create("promotion");
    TCase *tcase = tcase_create("promotion");

    tcase_add_checked_fixture(tcase, stage_setup, stage_teardown);
    tcase_add_loop_test(
            tcase, a_promotion_changes_the_model_at_its_record, 0, 2);
    tcase_add_test(tcase, a_rollback_returns_what_was);
    tcase_add_test(tcase, rollbacks_go_back_step_by_step);
    tcase_add_test(tcase, what_serves_is_promoted_once);
    tcase_add_test(tcase, a_damaged_model_is_refused);
    tcase_add_test(tcase, a_model_of_other_settings_is_refused);
    tcase_add_test(tcase, a_replay_without_its_model_names_it);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
