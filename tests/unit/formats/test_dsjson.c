/* Decisions as JSON. */
#include "base/json.h"
#include "tests/unit/formats/scene.h"

#include <math.h>

#define TWO "\"c\":{\"_multi\":[{\"a\":1},{\"b\":2}]}"

START_TEST(a_line_is_a_decision)
{
    scene_open(&format_dsjson,
            "{\"_label_cost\":-1.0,\"_label_probability\":0.8500000238418579,"
            "\"_label_Action\":3,\"_labelIndex\":2,\"o\":[{\"v\":1.0,"
            "\"EventId\":\"e1\",\"ActionTaken\":false}],"
            "\"Timestamp\":\"2021-02-04T16:31:29.2460000Z\",\"Version\":\"1\","
            "\"EventId\":\"e1\",\"a\":[3,1,2],\"c\":{\"User\":{\"age\":25,"
            "\"zero\":0,\"city\":\"New York\"},\"_multi\":[{\"_tag\":\"red\","
            "\"Act\":{\"p\":1}},{\"Act\":{\"p\":2},\"n\":3},{\"q\":0.5}]},"
            "\"p\":[0.8500000238418579,0.05000000074505806,"
            "0.10000000149011612],\"VWState\":{\"m\":\"N/A\"},\"pdrop\":0.5,"
            "\"_original_label_cost\":-1.0}\n");
    scene_event();
    scene_text(scene.event.id, "e1");
    ck_assert(scene.event.has_time);
    ck_assert_int_eq(scene.event.time, INT64_C(1612456289246000000));
    ck_assert_uint_eq(scene.event.chosen, 2);
    ck_assert_double_eq(scene.event.propensity, 0.8500000238418579);
    ck_assert_double_eq(scene.event.value, -1.0);
    ck_assert_double_eq(scene.event.pdrop, 0.5);
    ck_assert(!scene.event.question.deferred);
    scene_shared("User/age=25 User/city:New York");
    scene_action(0, "Act/p=1");
    scene_action(1, "Act/p=2 n=3");
    scene_action(2, "q=0.5");
    scene_text(scene.event.question.action[0], "0"); /* not all have a tag */
    ck_assert_ptr_nonnull(scene.event.probability);
    ck_assert_double_eq(scene.event.probability[0], 0.05000000074505806);
    ck_assert_double_eq(scene.event.probability[2], 0.8500000238418579);
    ck_assert_double_eq_tol(scene.event.probability[0] +
                    scene.event.probability[1] + scene.event.probability[2],
            1.0, 1e-15);
    scene_close();
}
END_TEST

START_TEST(features_have_all_their_forms)
{
    scene_open(&format_dsjson,
            "{\"a\":[1],\"p\":[1],\"c\":{\"yes\":true,\"no\":false,"
            "\"none\":null,\"text\":\"a b|c\",\"esc\":\"\\u00e9\\n\","
            "\"empty\":\"\",\"list\":[1.5,null,0,2,true,\"word\"],"
            "\"objects\":[{\"x\":1},{\"y\":{\"z\":2}}],\"deep\":{\"er\":{"
            "\"est\":3}},\"_text\":\"two  words\",\"_hidden\":{\"a\":[1,2,"
            "{\"}\":\"]\"}]},\"_multi\":[{\"_text\":\"w\",\"_tag\":\"t\"}]}}");
    scene_event();
    ck_assert(!scene.event.has_value);
    ck_assert_double_eq(scene.event.propensity, 1.0);
    scene_text(scene.event.question.action[0], "t");
    scene_action(0, "w=1");
    ck_assert_uint_eq(scene.event.question.named_count, 13);
    scene_text(scene.event.question.named[1].text, "a b|c");
    /* A text that no record holds: a line end is in it. */
    ck_assert_uint_eq(scene.event.question.named[2].text.size, 3 + 17);
    scene.event.question.named += 3;
    scene.event.question.named_count -= 3;
    scene_shared("empty: list/0=1.5 list/2=2 list/3=1 list/word=1 objects/x=1 "
                 "y/z=2 er/est=3 two=1 words=1");
    scene_close();
}
END_TEST

START_TEST(labels_come_in_several_ways)
{
    scene_open(&format_dsjson,
            "{\"_labelIndex\":1,\"_label\":{\"Cost\":2,\"probability\":0.5},"
            "\"a\":[2,1]," TWO "}\n"
            "{\"_label\":\"2:3:0.25\",\"a\":[2,1]," TWO "}\n"
            "{\"a\":[2,1]," TWO ",\"p\":[0.6,0.4]}\n"
            "{\"_label_cost\":1,\"_label_Action\":1,\"a\":[1]," TWO
            ",\"p\":[0.7]}\n"
            "{\"_label_cost\":1,\"_label_probability\":0.5,\"_skipLearn\":true,"
            "\"a\":[1,2]," TWO ",\"p\":[0.5,0.5]}\n");
    scene_event();
    ck_assert_uint_eq(scene.event.chosen, 1);
    ck_assert_double_eq(scene.event.value, 2.0);
    ck_assert_double_eq(scene.event.propensity, 0.5);
    ck_assert_ptr_null(scene.event.probability);
    scene_event();
    ck_assert_uint_eq(scene.event.chosen, 1);
    ck_assert_double_eq(scene.event.value, 3.0);
    scene_event();
    ck_assert_uint_eq(scene.event.chosen, 1);
    ck_assert(!scene.event.has_value);
    ck_assert_double_eq(scene.event.probability[0], 0.4);
    scene_event();
    ck_assert_double_eq(scene.event.propensity, 0.7);
    ck_assert_ptr_null(scene.event.probability);
    scene_event();
    ck_assert(scene.event.question.deferred);
    scene_close();
}
END_TEST

START_TEST(what_is_no_decision_is_passed_over)
{
    scene_open(&format_dsjson,
            "\n# a remark\n{\"EventId\":\"x\",\"RewardValue\":1}\n"
            "{\"_label_cost\":0," TWO "}\n  \n");
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(scene_next(), PARSED_PASSED);
    ck_assert_uint_eq(scene.event.line, 4);
    scene_close();
}
END_TEST

static void unsupported(void)
{
    ck_assert_int_eq(scene_next(), PARSED_REFUSED);
    ck_assert_int_eq(scene.err.status, STATUS_UNSUPPORTED);
}

/* Who says nothing of the propensity, or that it is none, has no label. */
START_TEST(decisions_may_have_no_label)
{
    scene_open(&format_dsjson,
            "{\"a\":[1,2]," TWO "}\n"
            "{\"_label_cost\":\"NaN\",\"_label_probability\":\"NaN\","
            "\"_labelIndex\":1,\"a\":[2,1]," TWO ",\"p\":[\"NaN\",\"NaN\"]}\n"
            "{\"_label_cost\":1,\"_labelIndex\":1,\"a\":[1,2]," TWO
            ",\"p\":[0.7]}\n"
            "{\"_label_cost\":null,\"_label_probability\":0.5,\"a\":[1]," TWO
            "}\n");
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(scene_next(), PARSED_UNLABELLED);
    scene_event(); /* taken, with a probability, but nothing came of it */
    ck_assert_double_eq(scene.event.propensity, 0.5);
    ck_assert(!scene.event.has_value);
    scene_close();
}
END_TEST

/* In an array it is not there, as if it had not been written. */
START_TEST(null_is_no_action)
{
    scene_open(&format_dsjson,
            "{\"_labelIndex\":1,\"a\":[2,1],\"p\":[0.25,0.75],\"c\":{"
            "\"_multi\":[null,{\"a\":1},null,{\"b\":2}]}}\n");
    scene_event();
    ck_assert_uint_eq(scene.event.question.action_count, 2);
    scene_action(1, "b=2");
    ck_assert_double_eq(scene.event.propensity, 0.25);
    scene_close();
}
END_TEST

/* The object is the context, and what are members around it in dsjson are
 * features. */
START_TEST(the_plain_form_is_the_context)
{
    scene_open(&format_vw_json,
            "{\"s\":\"1\",\"s\":\"2\",\"_labelIndex\":1,\"_label_Action\":2,"
            "\"_label_Cost\":-0.5,\"_label_Probability\":0.25,\"a\":[3],"
            "\"pdrop\":0.5,\"u\":{\"_text\":\"x y\"},\"_multi\":[{\"a\":1},"
            "{\"_tag\":\"t\",\"n\":{\"b\":2}}]}\n"
            "\n"
            "{\"_label\":\"1:2:0.5\",\"_multi\":[{\"a\":1},{\"b\":2}]}\n"
            "{\"x\":1,\"_multi\":[{\"a\":1},{\"b\":2}]}\n"
            "{\"_label_Action\":1,\"_label_Cost\":1,\"_multi\":[{}]}\n"
            "{\"_label\":1,\"x\":1}\n"
            "{\"x\":1}\n"
            "{\"_labelIndex\":2,\"_label_Probability\":0.5,\"_multi\":[{},{}]}\n"
            "{\"_multi\":[{}],\"_slots\":[]}\n"
            "a remark\n");
    scene_event();
    scene_shared("s:1 s:2 a/0=3 pdrop=0.5 u/x=1 u/y=1");
    scene_action(0, "a=1");
    scene_action(1, "n/b=2");
    ck_assert_uint_eq(scene.event.chosen, 1);
    ck_assert_double_eq(scene.event.propensity, 0.25);
    ck_assert_double_eq(scene.event.value, -0.5);
    ck_assert(scene.event.is_cost && scene.event.pdrop == 0.0);
    ck_assert_ptr_null(scene.event.probability);
    scene_event();
    ck_assert_uint_eq(scene.event.line, 3);
    ck_assert_uint_eq(scene.event.chosen, 0);
    ck_assert_double_eq(scene.event.value, 2.0);
    ck_assert_int_eq(scene_next(), PARSED_UNLABELLED);
    ck_assert_int_eq(scene_next(), PARSED_UNLABELLED);
    unsupported();
    scene_refused(7, "no actions");
    scene_refused(8, "none of the 2");
    unsupported();
    ck_assert_int_eq(scene_next(), PARSED_PASSED);
    scene_close();
}
END_TEST

START_TEST(what_is_wrong_is_refused_by_line)
{
    scene_open(&format_dsjson,
            "{\"_outcomes\":[{\"_label_cost\":0}],\"a\":[1]," TWO "}\n"
            "{\"a\":[1],\"c\":{\"_multi\":[{\"a\":1}],\"_slots\":[{}]}}\n"
            "{\"_label_ca\":{\"action\":1.5},\"a\":[1]}\n"
            "{\"a\":[3]," TWO ",\"p\":[1]}\n"
            "{\"a\":[1],\"p\":[1]}\n"
            "{\"a\":[1,2]," TWO ",\"p\":[0,1]}\n"
            "{\"a\":[1,2]," TWO ",\"p\":[0.5,0.5],\"pdrop\":1}\n"
            "{\"a\":[1,2]," TWO ",\"p\":[0.5,0.5]\n"
            "{\"a\":[1,2]," TWO ",\"p\":[0.5,0.5]}}\n"
            "{\"a\":[1,2] " TWO "}\n"
            "{\"_label_cost\":-1e16,\"a\":[1,2]," TWO ",\"p\":[0.5,0.5]}\n"
            "{\"a\":[1,2],\"c\":{\"x\":1e17,\"_multi\":[{}]},\"p\":[0.5]}\n");
    unsupported();
    unsupported();
    unsupported();
    scene_refused(4, "none of the 2");
    scene_refused(5, "_multi");
    scene_refused(6, "propensity");
    scene_refused(7, "pdrop");
    scene_refused(8, "ends too early");
    scene_refused(9, "after the end");
    scene_refused(10, "comma");
    scene_refused(11, "cost or reward");
    scene_event(); /* a number that no record holds is cut */
    ck_assert_uint_eq(scene.event.cut, 1);
    scene_shared("x=1e+15");
    scene_close();
}
END_TEST

/* What the list says of the chosen action is kept to the bit. */
START_TEST(a_list_that_is_none_is_not_taken)
{
    scene_open(&format_dsjson,
            "{\"a\":[1,2]," TWO ",\"p\":[0.5,0.4]}\n"
            "{\"a\":[1,1]," TWO ",\"p\":[0.5,0.5]}\n"
            "{\"_label_probability\":0.3,\"_label_cost\":1,\"a\":[1,2]," TWO
            ",\"p\":[0.5,0.5]}\n"
            "{\"a\":[1,2]," TWO ",\"p\":[0.3333333432674408,"
            "0.6666666865348816]}\n");
    for (int i = 0; i < 3; i++) {
        scene_event();
        ck_assert_ptr_null(scene.event.probability);
        ck_assert_double_eq(scene.event.propensity, i == 2 ? 0.3 : 0.5);
    }
    scene_event();
    ck_assert_double_eq(scene.event.probability[0], 0.3333333432674408);
    ck_assert_double_eq_tol(scene.event.probability[1], 2 / 3.0, 1e-7);
    scene_close();
}
END_TEST

/* ---- the reader beneath ---- */

static char scratch_block[1 << 16];

static bool skips(const char *text)
{
    struct arena arena = arena_over(scratch_block, sizeof(scratch_block));
    struct json json = json_of(bytes_of_text(text), &arena);

    json_skip(&json);
    return json_done(&json);
}

START_TEST(json_is_json)
{
    static const char *const good[] = {"1", " [ ] ", "{}", "[[],{},[{}]]",
            "{\"a\":[1,-2.5e-3,true,false,null,\"\\ud83d\\ude00\"]}",
            "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""};
    static const char *const bad[] = {"", "[", "]", "[1,]", "[,1]", "{\"a\"}",
            "{\"a\":}", "{a:1}", "[1 2]", "tru", "\"a", "\"\\x\"", "\"\\u12\"",
            "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "1 1", "-",
            "\"a\nb\"", "[1e999]"};
    char deep[2 * JSON_DEPTH_MAX + 3];

    for (size_t i = 0; i < ARRAY_COUNT(good); i++)
        ck_assert_msg(skips(good[i]), "%s", good[i]);
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        ck_assert_msg(!skips(bad[i]), "%s", bad[i]);
    memset(deep, '[', JSON_DEPTH_MAX);
    memset(deep + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    deep[2 * JSON_DEPTH_MAX] = '\0';
    ck_assert(skips(deep));
    memset(deep, '[', JSON_DEPTH_MAX + 1);
    memset(deep + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    deep[2 * JSON_DEPTH_MAX + 2] = '\0';
    ck_assert(!skips(deep));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dsjson");
    TCase *cases = tcase_create("lines");

    tcase_add_test(cases, a_line_is_a_decision);
    tcase_add_test(cases, features_have_all_their_forms);
    tcase_add_test(cases, labels_come_in_several_ways);
    tcase_add_test(cases, what_is_no_decision_is_passed_over);
    tcase_add_test(cases, decisions_may_have_no_label);
    tcase_add_test(cases, null_is_no_action);
    tcase_add_test(cases, the_plain_form_is_the_context);
    tcase_add_test(cases, what_is_wrong_is_refused_by_line);
    tcase_add_test(cases, a_list_that_is_none_is_not_taken);
    tcase_add_test(cases, json_is_json);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
