/* Rewards made of the fields of feedback: the language, and what the engine
 * does with fields that come one by one. */
#include "tests/unit/service-engine/stage.h"

#include <math.h>

#define MONEY                                                                  \
    "actions: left\nactions: right\npolicy.learner: tsallis-inf\n"             \
    "reward.min: -100\nreward.max: 100\nreward.wait: 10s\n"                    \
    "orphan_wait: 60s\n"
#define EXPRESSION                                                             \
    "reward.expression: authorised * (amount * 0.02 - default(fee, 0.5)) - "   \
    "chargeback * 20\n"

static struct err err;

/* ---- the language ---- */

static double value_of(const char *text, const struct fields *fields)
{
    static uint8_t room[65536];
    struct arena arena = arena_over(room, sizeof(room));
    struct expression expression;

    ck_assert_msg(expression_parse(
                          &expression, bytes_of_text(text), &arena, &err) == 0,
            "%s: %s", text, err.text);
    return expression_value(&expression, fields);
}

static const struct {
    const char *text;
    double value;
} values[] = {
        {"1", 1}, {" .5 ", 0.5}, {"1e3", 1000}, {"1.5e-2", 0.015},
        {"1 + 2 * 3", 7}, {"(1 + 2) * 3", 9}, {"7 - 2 - 1", 4},
        {"8 / 4 / 2", 1}, {"-2 * -3", 6}, {"--2", 2}, {"!0 + !3", 1},
        {"two", 2}, {"two * half", 1}, {"absent", 0}, {"zero", 0},
        {"has(zero) + has(absent)", 1},
        {"default(absent, 3) + default(two, 3)", 5},
        {"default(absent, two + 1)", 3}, {"min(3, two, 5)", 2},
        {"max(3, two, 5)", 5}, {"abs(-two)", 2}, {"if(two > 1, 10, 20)", 10},
        {"if(zero, 10, 20)", 20}, {"two < 2", 0}, {"two <= 2", 1},
        {"two > 2", 0}, {"two >= 2", 1}, {"two == 2", 1}, {"two != 2", 0},
        {"1 && 2", 1}, {"1 && 0 || 1", 1}, {"0 || 0", 0},
        {"two == 2 ? half : 7", 0.5}, {"0 ? 1 : 0 ? 2 : 3", 3},
        {"1 ? 2 : 1 / 0", 2}, {"zero == 0 ? 1 : two / zero", 1},
        {"1 +\n\t2", 3}, {"min", 4}, /* functions are no reserved words */
};

START_TEST(an_expression_has_its_value)
{
    const struct field list[] = {
            {bytes_of_text("two"), 2.0},
            {bytes_of_text("half"), 0.5},
            {bytes_of_text("zero"), 0.0},
            {bytes_of_text("min"), 4.0},
    };
    struct fields fields = {ARRAY_COUNT(list), list};

    ck_assert_double_eq(value_of(values[_i].text, &fields), values[_i].value);
}
END_TEST

/* The same operations as in C, in the same order: the same bits. */
START_TEST(the_bits_are_those_of_the_text)
{
    volatile double a = 0.1, b = 0.2, c = 0.3;
    const struct field list[] = {
            {bytes_of_text("a"), a},
            {bytes_of_text("b"), b},
            {bytes_of_text("c"), c},
    };
    struct fields fields = {3, list};
    double sum = a + b, product = sum * c, left = product - a / c;

    ck_assert_double_eq(value_of("(a + b) * c - a / c", &fields), left);
    ck_assert(isinf(value_of("1 / (a - a)", &fields)));
    ck_assert(isnan(value_of("(a - a) / 0", &fields)));
}
END_TEST

static const struct {
    const char *text, *words;
} wrong[] = {
        {"", "line 1, column 1: a number, a field or '(' is missing"},
        {"1 +", "line 1, column 4: a number"},
        {"1 2", "line 1, column 3: an operator or the end"},
        {"(1", "line 1, column 3: ')' is missing"},
        {"a *\n  (b - )", "line 2, column 8: a number"},
        {"a ? b", "line 1, column 6: ':' is missing"},
        {"sqrt(2)", "line 1, column 1: no such function"},
        {"1 + min(2)", "line 1, column 10: ',' is missing"},
        {"if(1, 2)", "line 1, column 8: ',' is missing"},
        {"has(1)", "line 1, column 5: the name of a field"},
        {"default(a)", "line 1, column 10: ',' is missing"},
        {"1.2.3", "line 1, column 1: not a number"},
        {"1e", "line 1, column 1: not a number"},
        {"1e999", "line 1, column 1: not a number"},
        {"0x10", "line 1, column 1: not a number"},
        {"a = b", "line 1, column 3: an operator or the end"},
        {"a < b < c", "line 1, column 7: an operator or the end"},
        {"a $ b", "line 1, column 3: an operator or the end"},
};

START_TEST(what_is_wrong_has_a_place)
{
    static uint8_t room[4096];
    struct arena arena = arena_over(room, sizeof(room));
    struct expression expression;

    ck_assert_int_eq(expression_parse(&expression,
                             bytes_of_text(wrong[_i].text), &arena, &err),
            STATUS_INVALID);
    ck_assert_msg(
            strncmp(err.text, wrong[_i].words, strlen(wrong[_i].words)) == 0,
            "%s: %s", wrong[_i].text, err.text);
}
END_TEST

static void check_bound(const char *head, const char *middle, const char *tail,
        uint32_t fits, const char *words)
{
    static uint8_t room[65536];
    static char text[EXPRESSION_BYTES_MAX + 2];
    struct expression expression;

    for (uint32_t more = 0; more < 2; more++) {
        struct arena arena = arena_over(room, sizeof(room));
        uint32_t times = fits + more;
        char *at = text;
        for (uint32_t i = 0; i < times; i++)
            at = stpcpy(at, head);
        at = stpcpy(at, middle);
        for (uint32_t i = 0; i < times; i++)
            at = stpcpy(at, tail);
        ck_assert_int_eq(expression_parse(&expression, bytes_of_text(text),
                                 &arena, &err),
                more == 0 ? 0 : STATUS_INVALID);
        if (more == 1)
            ck_assert_msg(strstr(err.text, words) != NULL, "%s", err.text);
    }
}

START_TEST(an_expression_has_bounds)
{
    check_bound("(", "1", ")", EXPRESSION_DEPTH_MAX - 1, "too deep");
    check_bound("-", "1", "", EXPRESSION_DEPTH_MAX, "too deep");
    check_bound("", "1", "+1", (EXPRESSION_STEPS_MAX - 1) / 2, "too many");
    check_bound(" ", "1", "", EXPRESSION_BYTES_MAX - 1, "longer than");
}
END_TEST

/* ---- settings ---- */

START_TEST(settings_are_checked)
{
    stage_settings_refused(MONEY "reward.expression: 1 +\n",
            "reward.expression: line 1, column 4");
    stage_settings_refused(MONEY
            "reward.expression: a\nreward.aggregate: sum\n",
            "must be last");
    stage_settings_refused("actions: a\nactions: b\nform: duel\n"
                           "reward.expression: a\n",
            "only where the form is decide or predict");
}
END_TEST

/* ---- feedback ---- */

static struct feedback report(const char *event, const struct field *list,
        uint32_t count, const char *id)
{
    return (struct feedback){.event = bytes_of_text(event),
            .derived = true,
            .id = bytes_of_text(id),
            .fields = {count, list}};
}

static void check_newest(enum effect effect, double value)
{
    const union any_record *record = stage_record(0);

    ck_assert_int_eq(record->head.kind, RECORD_FEEDBACK);
    ck_assert_int_eq(record->feedback.effect, effect);
    ck_assert(record->feedback.derived);
    ck_assert_double_eq(record->feedback.value, value);
    ck_assert_double_eq(record->feedback.after, value);
}

static void tell(struct feedback feedback)
{
    struct receipt receipt = stage_report(feedback);

    ck_assert_msg(receipt.status == STATUS_OK, "%s", receipt.message);
}

/* The approval comes now, the true fee later, the chargeback much later: each
 * corrects what the event was worth. */
START_TEST(fields_add_up_over_time)
{
    const struct field approval[] = {{bytes_of_text("authorised"), 1.0},
            {bytes_of_text("amount"), 150.0}};
    const struct field fee = {bytes_of_text("fee"), 0.25};
    const struct field other = {bytes_of_text("merchant_rating"), 4.0};
    const struct field chargeback = {bytes_of_text("chargeback"), 1.0};

    stage_open(MONEY EXPRESSION);
    (void)stage_decide("e");
    tell(report("e", approval, 2, "a"));
    check_newest(EFFECT_LEARN, 150.0 * 0.02 - 0.5);
    tell(report("e", &fee, 1, "f"));
    check_newest(EFFECT_CORRECT, 150.0 * 0.02 - 0.25);
    ck_assert_double_eq(stage_record(0)->feedback.before, 2.5);
    tell(report("e", &chargeback, 1, "c"));
    check_newest(EFFECT_CORRECT, 150.0 * 0.02 - 0.25 - 20.0);
    /* What the expression does not know yet is logged. */
    tell(report("e", &other, 1, "o"));
    ck_assert_int_eq(stage_record(0)->feedback.effect, EFFECT_NONE);
    ck_assert_double_eq(stage_record(0)->feedback.fields.list[0].value, 4.0);
    ck_assert_double_eq(stage.problem->counters.value_sum, -17.25);
    stage_close();
}
END_TEST

START_TEST(fields_may_come_before_the_decision)
{
    const struct field approval[] = {{bytes_of_text("authorised"), 1.0},
            {bytes_of_text("amount"), 150.0}};
    const struct field fee = {bytes_of_text("fee"), 0.25};
    struct feedback early = report("e", approval, 2, "a");

    stage_open(MONEY EXPRESSION);
    early.cause = CAUSE_OTHER;
    ck_assert(stage_report(early).held);
    check_newest(EFFECT_HOLD, 2.5);
    (void)stage_decide("e");
    ck_assert(stage_record(0)->decision.has_held);
    ck_assert_double_eq(stage_record(0)->decision.held, 2.5);
    ck_assert_int_eq(stage_record(0)->decision.held_cause, CAUSE_OTHER);
    tell(report("e", &fee, 1, "f"));
    check_newest(EFFECT_CORRECT, 2.75);
    stage_close();
}
END_TEST

START_TEST(a_repeated_report_is_known)
{
    const struct field yes = {bytes_of_text("authorised"), 1.0};
    const struct field no = {bytes_of_text("authorised"), 0.0};
    struct feedback first = report("e", &yes, 1, "");
    struct feedback blamed = first;

    stage_open(MONEY EXPRESSION);
    (void)stage_decide("e");
    tell(first);
    ck_assert(stage_report(first).repeated);
    blamed.cause = CAUSE_CUSTOMER;
    ck_assert(!stage_report(blamed).repeated);
    tell(report("e", &no, 1, "id"));
    ck_assert_int_eq(
            stage_report(report("e", &yes, 1, "id")).status, STATUS_DUPLICATE);
    stage_close();
}
END_TEST

START_TEST(each_problem_takes_its_own_kind)
{
    const struct field yes = {bytes_of_text("authorised"), 1.0};
    const struct field rich[] = {
            {bytes_of_text("authorised"), 1.0}, {bytes_of_text("amount"), 1e9}};
    struct feedback value = {.event = bytes_of_text("e"), .value = 1.0};
    struct feedback both = value;

    stage_open(MONEY EXPRESSION);
    (void)stage_decide("e");
    stage_report_refused(value, "it follows from fields");
    stage_report_refused(report("e", rich, 2, ""), "is outside reward.min");
    stage_close();
    stage_open(MONEY "reward.expression: 1 / authorised\n");
    (void)stage_decide("e");
    stage_report_refused(
            report("e", &(struct field){bytes_of_text("x"), 1.0}, 1, ""),
            "reward.expression makes inf");
    stage_close();
    stage_open(MONEY);
    (void)stage_decide("e");
    stage_report_refused(report("e", &yes, 1, ""), "has no reward.expression");
    both.fields = (struct fields){1, &yes};
    tell(both);
    ck_assert_double_eq(stage_record(0)->feedback.value, 1.0);
    ck_assert_uint_eq(stage_record(0)->feedback.fields.count, 1);
    stage_close();
}
END_TEST

START_TEST(an_event_has_at_most_so_many_fields)
{
    static char names[FIELDS_MAX + 1][8];
    struct field list[FIELDS_MAX + 1];

    for (uint32_t i = 0; i <= FIELDS_MAX; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "f%u", i);
        list[i] = (struct field){bytes_of_text(names[i]), i};
    }
    stage_open(MONEY "reward.expression: f0 + f15\n");
    (void)stage_decide("e");
    tell(report("e", list, FIELDS_MAX, "a"));
    check_newest(EFFECT_LEARN, 15.0);
    stage_report_refused(report("e", &list[FIELDS_MAX], 1, "b"), "at most 16");
    list[15].value = 20.0;
    tell(report("e", &list[15], 1, "c"));
    check_newest(EFFECT_CORRECT, 20.0);
    stage_close();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fields");
    TCase *cases = tcase_create("fields");

    tcase_add_checked_fixture(cases, stage_setup, stage_teardown);

    tcase_add_loop_test(
            cases, an_expression_has_its_value, 0, ARRAY_COUNT(values));
    tcase_add_test(cases, the_bits_are_those_of_the_text);
    tcase_add_loop_test(
            cases, what_is_wrong_has_a_place, 0, ARRAY_COUNT(wrong));
    tcase_add_test(cases, an_expression_has_bounds);
    tcase_add_test(cases, settings_are_checked);
    tcase_add_test(cases, fields_add_up_over_time);
    tcase_add_test(cases, fields_may_come_before_the_decision);
    tcase_add_test(cases, a_repeated_report_is_known);
    tcase_add_test(cases, each_problem_takes_its_own_kind);
    tcase_add_test(cases, an_event_has_at_most_so_many_fields);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
