/* Tables: a column map, and the Open Bandit Dataset. */
#include "tests/unit/formats/scene.h"

#include "base/time.h"

START_TEST(columns_are_found_by_their_names)
{
    scene_open(&format_csv,
            "event,time,action,propensity,reward,age,city,x_amount,rue_place\n"
            "e1,2024-01-31T00:00:00Z,left,0.25,1,25,\"New \"\"York\"\"\",3,9\n"
            "\n"
            ",60,right,1,,0,,-4.5,\n");
    scene_event();
    scene_text(scene.event.id, "e1");
    scene_text(scene.event.action, "left");
    ck_assert_double_eq(scene.event.propensity, 0.25);
    ck_assert(scene.event.has_value && !scene.event.is_cost);
    scene_shared("age=25 city:New \"York\"");
    ck_assert_uint_eq(scene.event.question.shared.columns, 1);
    ck_assert_double_eq(scene.event.question.shared.values[0], 3.0);
    scene_text(scene.event.columns[0], "amount");
    scene_event();
    ck_assert_uint_eq(scene.event.id.size, 0);
    ck_assert_int_eq(scene.event.time, 60 * NANOS_PER_SECOND);
    ck_assert(!scene.event.has_value);
    ck_assert_uint_eq(scene.event.line, 4);
    scene_shared("");
    scene_close();
}
END_TEST

START_TEST(columns_are_found_by_a_map)
{
    struct format_settings settings = {
            "action=arm,propensity=prob,cost=loss,actions=set,number=n,"
            "text=code,ignore=note,pdrop=drop",
            NULL};

    scene_open_with(&format_csv, &settings,
            "arm,prob,loss,set,n,code,note,drop\n"
            "b,0.5,2,a; b;c,7,12,\"two\nlines, and a comma\",0.5\n");
    scene_event();
    scene_text(scene.event.action, "b");
    ck_assert(scene.event.is_cost);
    ck_assert_uint_eq(scene.event.available_count, 3);
    scene_text(scene.event.available[1], "b");
    ck_assert_double_eq(scene.event.question.shared.values[0], 7.0);
    ck_assert_double_eq(scene.event.pdrop, 0.5);
    scene_shared("code:12");
    scene_close();
}
END_TEST

static void header_refused(const char *map, const char *text, const char *words)
{
    struct format_settings settings = {map, NULL};

    scene_open_with(&format_csv, &settings, text);
    scene_refused(1, words);
    stream_close(&scene.stream);
    (void)close(scene.fd);
}

START_TEST(headers_are_checked)
{
    header_refused(NULL, "a,b\n1,2\n", "action taken");
    header_refused(NULL, "action,b\n1,2\n", "propensity");
    header_refused(NULL, "action,propensity,cost,reward\n", "one of them");
    header_refused("action=z", "action,propensity\n", "no column 'z'");
    header_refused("what=action", "action,propensity\n", "no field 'what'");
    header_refused("action", "action,propensity\n", "FIELD=COLUMN");
    header_refused("action=b", "action,propensity,b\n", "says the same");
}
END_TEST

START_TEST(rows_are_checked)
{
    scene_open(&format_csv,
            "action,propensity,reward,x_n\n"
            "a,0.5,1\n"
            "a,nan,1,1\n"
            "a,0,1,1\n"
            "a,0.5,much,1\n"
            "a,0.5,1,\n"
            ",0.5,1,1\n"
            "\"a\"b,0.5,1,1\n"
            "a,0.5,1,1\n"
            "\"a,0.5,1,1\n");
    scene_refused(2, "3 fields");
    scene_refused(3, "propensity");
    scene_refused(4, "propensity");
    scene_refused(5, "'much'");
    scene_refused(6, "number column");
    scene_refused(7, "no action");
    scene_refused(8, "closing quote");
    scene_event();
    scene_refused(10, "quote is open");
    scene_close();
}
END_TEST

START_TEST(open_bandit_rows_are_read)
{
    char items[] = "/tmp/rue-test-items-XXXXXX";
    struct format_settings settings = {NULL, items};
    const char *text = ",item_id,item_feature_0,item_feature_1\n"
                       "0,0,-0.5,abc\n1,1,0.25,def\n2,2,,abc\n";
    int fd = mkstemp(items);

    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    scene_open_with(&format_obd, &settings,
            ",timestamp,item_id,position,click,propensity_score,"
            "user_feature_0,user-item_affinity_0,user-item_affinity_1,"
            "user-item_affinity_2\n"
            "0,2019-11-24 00:00:19.495253+00:00,2,3,1,0.05,cef3,0.0,2.0,0.0\n");
    scene_event();
    ck_assert_int_eq(scene.event.time, INT64_C(1574553619495253000));
    scene_text(scene.event.action, "2");
    ck_assert_uint_eq(scene.event.known, 3);
    ck_assert_double_eq(scene.event.value, 1.0);
    ck_assert_double_eq(scene.event.propensity, 0.05);
    ck_assert_ptr_null(scene.event.probability);
    scene_shared("position:3 user_feature_0:cef3");
    scene_action(0, "item_feature_0=-0.5 item_feature_1:abc");
    scene_action(1, "item_feature_0=0.25 item_feature_1:def affinity=2");
    scene_action(2, "item_feature_1:abc");
    scene_close();
    (void)unlink(items);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("table");
    TCase *cases = tcase_create("rows");

    tcase_add_test(cases, columns_are_found_by_their_names);
    tcase_add_test(cases, columns_are_found_by_a_map);
    tcase_add_test(cases, headers_are_checked);
    tcase_add_test(cases, rows_are_checked);
    tcase_add_test(cases, open_bandit_rows_are_read);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
