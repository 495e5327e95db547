/* Vowpal Wabbit's text, as that tool reads it. */
#include "tests/unit/formats/scene.h"

START_TEST(an_event_is_a_block_of_lines)
{
    scene_open(&format_vw,
            "shared |User age:25 gender=f |Ctx:2.0 a:1.5 b\n"
            "0:1.5:0.25 |Act price:3 name:red\n"
            "| x y\n"
            "|Act price:7\n"
            "\n");
    scene_event();
    ck_assert_uint_eq(scene.event.line, 1);
    scene_shared("User/age=25 User/gender=f=1 Ctx/a=3 Ctx/b=2");
    ck_assert_uint_eq(scene.event.question.action_count, 3);
    scene_action(0, "Act/price=3 Act/name:red");
    scene_action(1, "x=1 y=1");
    scene_action(2, "Act/price=7");
    ck_assert_uint_eq(scene.event.chosen, 0);
    ck_assert_double_eq(scene.event.propensity, 0.25);
    ck_assert(scene.event.has_value && scene.event.is_cost);
    ck_assert_double_eq(scene.event.value, 1.5);
    ck_assert_ptr_null(scene.event.probability);
    scene_close();
}
END_TEST

/* Several empty lines, blanks in them, none at the end, line ends of another
 * system, a mark of UTF-8. */
START_TEST(events_are_apart_by_empty_lines)
{
    scene_open(&format_vw,
            "\xef\xbb\xbf"
            "| a\r\n1:0:0.75 | b c:2\r\n\r\n  \n\n0:-1:1 | d\n\n"
            "shared | s\n| e\n2:2:5e-1 | f");
    scene_event();
    ck_assert_uint_eq(scene.event.chosen, 1);
    ck_assert_double_eq(scene.event.value, 0.0);
    scene_action(0, "a=1");
    scene_action(1, "b=1 c=2");
    scene_event();
    ck_assert_uint_eq(scene.event.question.action_count, 1);
    ck_assert_double_eq(scene.event.value, -1.0);
    scene_event();
    scene_shared("s=1");
    ck_assert_uint_eq(scene.event.line, 8);
    ck_assert_double_eq(scene.event.propensity, 0.5);
    scene_close();
}
END_TEST

/* A label needs a cost and a probability above 0. */
START_TEST(events_may_have_no_label)
{
    scene_open(&format_vw,
            "| a\n| b\n\n0:1 | a\n| b\n\n0 | a\n\n0:1:0 | a\n| b\n");
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(scene_next(), PARSED_UNLABELLED);
    scene_close();
}
END_TEST

START_TEST(features_have_all_their_forms)
{
    scene_open(&format_vw,
            "0:1:1 |n a:-1.5e2 b:0 c: :2.5 :3 d:.5 e:x:y f:0x10 g:2024-01-31 "
            "h:inside i:+2 j: 7\n"
            "\n"
            "0:1:1 |n:0.5 a b:4 c:t|m z |  y\t x\n"
            "\n"
            "0:1:1 || a | |b: a c:t\n"
            "\n"
            "0:1:1 |b:y z\n"
            "\n"
            "0:1:1 |:2 z\n"
            "\n"
            "0:1:1 |b: 3 c|d:-1 e f:2\n");
    scene_event();
    /* What follows a colon may begin after blanks. */
    scene_action(0,
            "n/a=-150 n/c::2.5 n/0=3 n/d=0.5 n/e:x:y n/f=16 n/g:2024-01-31 "
            "n/h:inside n/i=2 n/j=7");
    scene_event();
    scene_action(0, "n/a=0.5 n/b=2 n/c:t|m n/z=0.5 y=1 x=1");
    /* A weight that is not there is 0: its numbers are, too. */
    scene_event();
    scene_action(0, "a=1 b/c:t");
    scene_refused(7, "weight of a namespace");
    scene_refused(9, "without a name");
    scene_event(); /* blanks before the weight are passed over */
    scene_action(0, "b/c=3 d/e=-1 d/f=-2");
    scene_close();
}
END_TEST

/* The last word before the bar is a tag where no blank follows it. */
START_TEST(tags_and_tabs_are_no_labels)
{
    scene_open(&format_vw,
            "0:1:0.5 tag|a x\n| b\n\n"
            "0:1:0.5 'tag |a x\n| b\n\n"
            "left out\t0:1:0.5 |a x\n| b\n\n"
            "0:1:0.5|a x\n| b\n\n"
            "0:1:0.5\n0:1:0.25 | b\n\n"
            "shared|s x\n0:1:0.125 |a y\n");
    for (int i = 0; i < 3; i++) {
        scene_event();
        ck_assert_double_eq(scene.event.propensity, 0.5);
        scene_action(0, "a/x=1");
    }
    ck_assert_int_eq(scene_next(), PARSED_UNLABELLED);
    scene_event();
    ck_assert_uint_eq(scene.event.question.action_count, 2);
    ck_assert_double_eq(scene.event.propensity, 0.25);
    scene_event(); /* of two actions: the first has a tag, "shared" */
    ck_assert_uint_eq(scene.event.question.action_count, 2);
    ck_assert_uint_eq(scene.event.chosen, 1);
    scene_close();
}
END_TEST

/* That tool takes it as 1, and one below 0 as 0: as no outcome. */
START_TEST(a_probability_above_1_is_1)
{
    scene_open(&format_vw, "0:1:1.5 | a\n| b\n\n0:1:-0.5 | a\n\n0:1:1 | a\n");
    scene_event();
    ck_assert_double_eq(scene.event.propensity, 1.0);
    ck_assert(scene.event.capped);
    ck_assert_int_eq(scene_next(), PARSED_UNLABELLED);
    scene_event();
    ck_assert(!scene.event.capped);
    scene_close();
    scene_open(&format_vw_cb, "1:1:1e9 2:1:2 | a\n2:1:0.5 | a\n");
    scene_event();
    ck_assert_double_eq(scene.event.propensity, 1.0);
    ck_assert(scene.event.capped);
    scene_event();
    ck_assert(!scene.event.capped);
    scene_close();
}
END_TEST

START_TEST(what_is_wrong_is_refused_by_line)
{
    scene_open(&format_vw,
            "| a\n0:x:0.5 | b\n\n"
            "0:1:0.5 | a\n1:1:0.5 | b\n\n"
            "| a\nshared | b\n\n"
            "shared | b\n\n"
            "0:1:0.5:2 | a\n\n"
            "0:1:x | a\n\n"
            "0:1:1 | a:1e16 b:nan c:-inf\n\n"
            "0:1:0.5 1:1:0.5 | a\n\n"
            "0:1e16:1 | a\n\n"
            "0:2:1 | fine\n");
    scene_refused(2, "cost 'x'");
    scene_refused(5, "second outcome");
    scene_refused(8, "not the first");
    ck_assert_int_eq(scene_next(), PARSED_PASSED); /* shared alone */
    scene_refused(12, "action:cost:probability");
    scene_refused(14, "probability 'x'");
    scene_event(); /* a number that no record holds is cut */
    ck_assert_uint_eq(scene.event.cut, 3);
    scene_action(0, "a=1e+15 c=-1e+15");
    scene_refused(18, "more than one label");
    scene_refused(20, "cost or reward");
    scene_event();
    scene_close();
}
END_TEST

/* What is that tool's text too, and no event of one action. */
START_TEST(other_kinds_are_unsupported)
{
    static const char *const texts[] = {
            "ccb shared |s a\nccb action |a b\nccb slot 0:0.8:0.5,1:0.5 |\n",
            "slates shared 0.8 |s a\nslates action 0 |a b\n",
            "ca 1.5:0.6:6e-05 |s a\n",
            "shared graph 0,1,0.5 1,0,0.25 |s a\n0:1:0.5 |a b\n",
    };

    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        scene_open(&format_vw, texts[i]);
        scene_refused(1, "a");
        ck_assert_int_eq(scene.err.status, STATUS_UNSUPPORTED);
        scene_close();
    }
    scene_open(&format_vw_cb, texts[2]);
    scene_refused(1, "continuous range");
    ck_assert_int_eq(scene.err.status, STATUS_UNSUPPORTED);
    scene_close();
}
END_TEST

START_TEST(names_that_no_record_holds_are_made_ones)
{
    char text[512], name[100];
    struct bytes got;

    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    (void)snprintf(text, sizeof(text), "0:1:1 |a %s %sx \xff\n", name, name);
    scene_open(&format_vw, text);
    scene_event();
    ck_assert_uint_eq(scene.event.question.action_named[0].named_count, 3);
    got = scene.event.question.action_named[0].named[0].name;
    ck_assert_uint_eq(got.size, ID_BYTES_MAX);
    ck_assert(!bytes_equal(
            got, scene.event.question.action_named[0].named[1].name));
    scene_close();
}
END_TEST

START_TEST(a_line_is_an_event_of_the_other_form)
{
    scene_open(&format_vw_cb,
            "1:2:0.5 | a b:2\n"
            "2:0:0.25 3 4 |n c\n"
            "\n"
            "3:1:.3| d\n"
            "1 2 3 | e\n"
            "1:1:0.5 2:1:0.5 | f\n"
            "shared | g\n"
            "4:1e300:0.5 | h\n"
            "4:1:0.5 'tag | h");
    scene_event();
    scene_text(scene.event.action, "1");
    ck_assert_uint_eq(scene.event.available_count, 0);
    ck_assert_double_eq(scene.event.value, 2.0);
    scene_shared("a=1 b=2");
    scene_event();
    scene_text(scene.event.action, "2");
    ck_assert_uint_eq(scene.event.available_count, 3);
    scene_text(scene.event.available[2], "4");
    ck_assert_int_eq(scene_next(), PARSED_UNLABELLED); /* the tag 3:1:.3 */
    ck_assert_uint_eq(scene.event.line, 4);
    ck_assert_int_eq(scene_next(), PARSED_UNLABELLED);
    scene_event(); /* of two costs the first */
    scene_text(scene.event.action, "1");
    ck_assert_uint_eq(scene.event.available_count, 2);
    scene_refused(7, "block of lines");
    scene_refused(8, "cost or reward");
    scene_event();
    scene_text(scene.event.action, "4");
    scene_close();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vw");
    TCase *cases = tcase_create("lines");

    tcase_add_test(cases, an_event_is_a_block_of_lines);
    tcase_add_test(cases, events_are_apart_by_empty_lines);
    tcase_add_test(cases, events_may_have_no_label);
    tcase_add_test(cases, features_have_all_their_forms);
    tcase_add_test(cases, tags_and_tabs_are_no_labels);
    tcase_add_test(cases, a_probability_above_1_is_1);
    tcase_add_test(cases, what_is_wrong_is_refused_by_line);
    tcase_add_test(cases, other_kinds_are_unsupported);
    tcase_add_test(cases, names_that_no_record_holds_are_made_ones);
    tcase_add_test(cases, a_line_is_an_event_of_the_other_form);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
