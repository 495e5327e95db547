/* Pages and charts: well-formed, self-contained, and each value where it
 * belongs. */
#include "report/html.h"
#include "report/svg.h"

#include "base/types.h"
#include "tests/lib/suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static char *written;
static size_t written_size;

static FILE *open_memory(void)
{
    FILE *out = open_memstream(&written, &written_size);

    ck_assert_ptr_nonnull(out);
    return out;
}

static void close_memory(FILE *out)
{
    ck_assert_int_eq(fclose(out), 0);
}

static size_t count_of(const char *text, const char *what)
{
    size_t count = 0;

    for (const char *at = strstr(text, what); at != NULL;
            at = strstr(at + 1, what))
        count++;
    return count;
}

/* Every element that opens closes, in order; void ones are few. */
static void check_nesting(const char *text)
{
    char open[64][24];
    size_t depth = 0;

    for (const char *at = strchr(text, '<'); at != NULL;
            at = strchr(at + 1, '<')) {
        size_t size = strcspn(at + 1, " >/");
        const char *end = strchr(at, '>');
        ck_assert_ptr_nonnull(end);
        if (at[1] == '!' || strncmp(at + 1, "meta", 4) == 0 || end[-1] == '/')
            continue;
        if (at[1] == '/') {
            ck_assert_uint_gt(depth, 0);
            depth--;
            ck_assert_msg(
                    strncmp(at + 2, open[depth], strlen(open[depth])) == 0,
                    "'%.12s' closes '%s'", at, open[depth]);
            continue;
        }
        ck_assert_uint_lt(depth, 64);
        (void)snprintf(
                open[depth++], sizeof(open[0]), "%.*s", (int)size, at + 1);
    }
    ck_assert_uint_eq(depth, 0);
}

START_TEST(a_page_is_one_well_formed_file)
{
    static const char *const columns[] = {"policy", "a < b", "c"};
    FILE *out = open_memory();
    struct err err;

    html_begin(out, "A & B", "x < y");
    html_heading(out, "\"h\"");
    html_paragraph(out, "%d <b>", 7);
    html_note(out, "%d > 7", 8);
    html_figure_begin(out, "it's");
    html_figure_end(out);
    html_table_begin(out, columns, 3);
    html_row(out, "r", (const double[]){1.5, NAN}, 2);
    html_cells(out, "r&", (const char *const[]){"1 < 2", "-"}, 2);
    html_table_end(out);
    ck_assert_int_eq(html_end(out, "memory", &err), 0);
    close_memory(out);
    check_nesting(written);
    ck_assert_ptr_nonnull(strstr(written, "<h1>A &amp; B</h1>"));
    ck_assert_ptr_nonnull(strstr(written, "<p>7 &lt;b&gt;</p>"));
    ck_assert_ptr_nonnull(strstr(written, "<h2>&quot;h&quot;</h2>"));
    ck_assert_ptr_nonnull(strstr(written, "it&#39;s"));
    ck_assert_ptr_nonnull(strstr(written, "<td>1.500</td><td></td>"));
    ck_assert_ptr_nonnull(strstr(written, "<p class=\"note\">8 &gt; 7</p>"));
    ck_assert_ptr_nonnull(
            strstr(written, "<td>r&amp;</td>\n<td>1 &lt; 2</td>"));
    ck_assert_ptr_nonnull(strstr(written, "prefers-color-scheme:dark"));
    ck_assert_uint_eq(count_of(written, "http"), 0);
    ck_assert_uint_eq(count_of(written, "<script"), 0);
    ck_assert_uint_eq(count_of(written, "url("), 0);
    free(written);
}
END_TEST

START_TEST(a_full_disk_is_reported)
{
    struct err err;
    FILE *out = html_open("/dev/full", &err);

    ck_assert_ptr_nonnull(out);
    html_begin(out, "t", NULL);
    ck_assert_int_eq(html_end(out, "/dev/full", &err), STATUS_IO);
    ck_assert_ptr_nonnull(strstr(err.text, "/dev/full"));
    (void)fclose(out);
    ck_assert_ptr_null(html_open("/no/such/folder/x.html", &err));
    ck_assert_int_eq(err.status, STATUS_IO);
}
END_TEST

/* 0..10 on 56..624, 0..100 on the height without the legend (20), the room
 * above it (8) and the axis below (24). */
START_TEST(points_are_where_they_belong)
{
    static const double x[] = {0.0, 5.0, 10.0}, y[] = {0.0, 50.0, 100.0};
    const struct svg_series series = {
            .name = "p", .shape = SVG_POINTS, .count = 3, .x = x, .y = y};
    const struct svg_chart chart = {.title = "t<",
            .width = 640,
            .height = 320,
            .series = &series,
            .series_count = 1};
    FILE *out = open_memory();

    svg_chart(out, &chart);
    close_memory(out);
    check_nesting(written);
    ck_assert_ptr_nonnull(strstr(written, "cx=\"56.0\" cy=\"296.0\""));
    ck_assert_ptr_nonnull(strstr(written, "cx=\"340.0\" cy=\"162.0\""));
    ck_assert_ptr_nonnull(strstr(written, "cx=\"624.0\" cy=\"28.0\""));
    ck_assert_ptr_nonnull(strstr(written, "<title>t&lt;</title>"));
    free(written);
}
END_TEST

/* One decade is a third of the axis from 1 to 1000. */
START_TEST(a_logarithmic_axis)
{
    static const double x[] = {0.0, 1.0, 2.0, 3.0};
    static const double y[] = {1.0, 10.0, 0.0, 1000.0};
    const struct svg_series series = {
            .shape = SVG_POINTS, .count = 4, .x = x, .y = y};
    const struct svg_chart chart = {.width = 640,
            .height = 332,
            .y = {.logarithmic = true},
            .series = &series,
            .series_count = 1};
    FILE *out = open_memory();

    svg_chart(out, &chart);
    close_memory(out);
    ck_assert_ptr_nonnull(strstr(written, "cy=\"308.0\""));
    ck_assert_ptr_nonnull(strstr(written, "cy=\"208.0\""));
    ck_assert_ptr_nonnull(strstr(written, "cy=\"8.0\""));
    ck_assert_uint_eq(count_of(written, "<circle"), 3);
    free(written);
}
END_TEST

START_TEST(gaps_break_lines_and_long_lines_are_thinned)
{
    enum { POINTS = 10000 };
    static double x[POINTS], y[POINTS];
    struct svg_series series[2] = {
            {.count = 5, .x = x, .y = y, .low = y, .high = y},
            {.count = POINTS, .x = x, .y = y}};
    const struct svg_chart chart = {.series = series, .series_count = 2};
    FILE *out = open_memory();

    for (int i = 0; i < POINTS; i++)
        x[i] = y[i] = i;
    y[2] = NAN;
    svg_chart(out, &chart);
    close_memory(out);
    check_nesting(written);
    ck_assert_uint_eq(count_of(written, "class=\"band"), 1);
    /* A band and a line in two parts each, and a long line. */
    ck_assert_uint_eq(count_of(written, "M"), 5);
    ck_assert_uint_eq(count_of(written, "Z"), 2);
    ck_assert_uint_lt(count_of(written, "L"), SVG_LINE_POINTS + 20);
    ck_assert_ptr_nonnull(strstr(written, "L624.0")); /* the last point */
    ck_assert_uint_eq(count_of(written, "nan"), 0);
    free(written);
}
END_TEST

/* Nothing to draw, one value, and values that are all the same. */
START_TEST(poor_data_makes_a_picture_too)
{
    static const double one[] = {3.0}, none[] = {NAN}, same[] = {0.0, 0.0};
    const struct svg_series poor[] = {
            {.count = 1, .x = one, .y = one},
            {.count = 1, .x = none, .y = none},
            {.count = 0, .x = none, .y = none},
            {.count = 2, .x = same, .y = same},
    };

    for (size_t i = 0; i < ARRAY_COUNT(poor); i++)
        for (int logarithmic = 0; logarithmic < 2; logarithmic++) {
            const struct svg_chart chart = {
                    .x = {.label = "x", .logarithmic = logarithmic},
                    .y = {.label = "y", .logarithmic = logarithmic},
                    .series = &poor[i],
                    .series_count = 1};
            FILE *out = open_memory();
            svg_chart(out, &chart);
            close_memory(out);
            check_nesting(written);
            ck_assert_uint_eq(count_of(written, "nan"), 0);
            ck_assert_uint_eq(count_of(written, "inf"), 0);
            free(written);
        }
}
END_TEST

START_TEST(bars_and_their_intervals)
{
    const struct svg_bar bars[] = {
            {"<first>", 50.0, 40.0, 60.0, 0},
            {"second", 100.0, NAN, NAN, 9},
            {"none", NAN, NAN, NAN, 0},
    };
    const struct svg_bars chart = {
            .bars = bars, .count = 3, .label = "cost", .reference = 50.0};
    FILE *out = open_memory();

    svg_bars(out, &chart);
    close_memory(out);
    check_nesting(written);
    ck_assert_uint_eq(count_of(written, "<rect"), 2);
    ck_assert_uint_eq(count_of(written, "class=\"whisker\""), 3);
    ck_assert_uint_eq(count_of(written, "whisker dashed"), 1);
    ck_assert_uint_eq(count_of(written, "bar s1"), 1);
    ck_assert_uint_eq(count_of(written, "nan"), 0);
    free(written);
}
END_TEST

static const struct {
    double value;
    const char *text;
} numbers[] = {{0.0, "0"}, {1e-20, "0"}, {0.03, "0.03"}, {9999.0, "9999"},
        {12500.0, "12.5k"}, {-2e6, "-2M"}, {3.1e9, "3.1G"}};

START_TEST(numbers_are_short)
{
    char text[32];

    svg_number(numbers[_i].value, text, sizeof(text));
    ck_assert_str_eq(text, numbers[_i].text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("report");
    TCase *tests = tcase_create("report");

    tcase_add_test(tests, a_page_is_one_well_formed_file);
    tcase_add_test(tests, a_full_disk_is_reported);
    tcase_add_test(tests, points_are_where_they_belong);
    tcase_add_test(tests, a_logarithmic_axis);
    tcase_add_test(tests, gaps_break_lines_and_long_lines_are_thinned);
    tcase_add_test(tests, poor_data_makes_a_picture_too);
    tcase_add_test(tests, bars_and_their_intervals);
    tcase_add_loop_test(tests, numbers_are_short, 0, (int)ARRAY_COUNT(numbers));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
