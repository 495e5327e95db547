/* Numbers, times, names and lines. */
#include "base/text.h"
#include "formats/lines.h"
#include "tests/unit/formats/scene.h"

#include <math.h>

static char block[1 << 12];

/* The quick way rounds as strtod does, and takes as many bytes. */
START_TEST(numbers_are_those_of_strtod)
{
    static const char *const texts[] = {"0", "-0", "1", "007", "1.5", "-1.25",
            ".5", "-.5e3", "5.", "1e5", "1E-5", "1.e2", "123456789012345",
            "1234567890123456", "12345678901234567890", "0.1", "0.30000000001",
            "3.141592653589793", "9007199254740993", "0.000000000000001",
            "123456.7890123456", "1e400", "-inf", "nan", "0x1f", "1x",
            "2020-01", "e5", "-", "+3", "..1", "1..2"};

    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        char *end;
        double expected = strtod(texts[i], &end), got = 0.0;
        size_t size = decimal_read(bytes_of_text(texts[i]), &got);
        ck_assert_msg(
                size == (size_t)(end - texts[i]), "%s: %zu", texts[i], size);
        if (size > 0)
            ck_assert_msg(memcmp(&got, &expected, 8) == 0, "%s: %.17g",
                    texts[i], got);
    }
    ck_assert(!decimal_parse(bytes_of_text("1e400"), &(double){0}));
    ck_assert(!decimal_parse(bytes_of_text("1 "), &(double){0}));
}
END_TEST

START_TEST(random_numbers_come_back)
{
    uint64_t state = 7;

    for (int i = 0; i < 200000; i++) {
        char text[DECIMAL_SIZE];
        double value, again;
        size_t size;
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
        memcpy(&value, &state, 8);
        if (i % 2 == 0)
            value = (double)(state >> 40) / 1000.0;
        if (!isfinite(value))
            continue;
        size = decimal_write(value, text);
        ck_assert_uint_eq(decimal_read(bytes_of(text, size), &again), size);
        ck_assert_msg(memcmp(&value, &again, 8) == 0, "%s", text);
    }
}
END_TEST

static nanos at(const char *text)
{
    nanos time = -1;

    ck_assert_msg(time_read(bytes_of_text(text), &time), "%s", text);
    return time;
}

START_TEST(times_are_read_and_written)
{
    char text[TIME_TEXT_SIZE];

    ck_assert_int_eq(at("1970-01-01T00:00:00Z"), 0);
    ck_assert_int_eq(
            at("2021-02-04T16:31:29.2460000Z"), INT64_C(1612456289246000000));
    ck_assert_int_eq(at("2019-11-24 00:00:19.495253+00:00"),
            INT64_C(1574553619495253000));
    ck_assert_int_eq(at("2021-02-04T18:31:29+0200"), at("2021-02-04T16:31:29"));
    ck_assert_int_eq(
            at("2000-03-01"), at("2000-02-29") + 86400 * NANOS_PER_SECOND);
    ck_assert_int_eq(at("1969-12-31T23:59:59.5Z"), -NANOS_PER_SECOND / 2);
    time_write(at("2021-02-04T16:31:29.246Z"), text);
    ck_assert_str_eq(text, "2021-02-04T16:31:29.246000000Z");
    time_write(-NANOS_PER_SECOND / 2, text);
    ck_assert_str_eq(text, "1969-12-31T23:59:59.500000000Z");
    for (size_t i = 0; i < 10; i++)
        ck_assert(!time_read(
                bytes_of_text(((const char *const[]){"", "2021", "2021-13-01",
                        "2021-01-01T", "21-01-01", "2021-01-01T10",
                        "2021-01-01T10:61", "2021-01-01T10:00:00.Z",
                        "2021-01-01T10:00:00X", "9999-01-01"})[i]),
                &(nanos){0}));
}
END_TEST

START_TEST(names_stay_or_become_others)
{
    struct arena arena = arena_over(block, sizeof(block));
    char text[ID_BYTES_MAX + 2];
    struct bytes name, other;

    name = name_of_text(bytes_of_text("plain \xc3\xa9"), &arena);
    scene_text(name, "plain \xc3\xa9");
    memset(text, 'a', sizeof(text));
    ck_assert_uint_eq(name_of_text(bytes_of(text, ID_BYTES_MAX), &arena).size,
            ID_BYTES_MAX);
    name = name_of_text(bytes_of(text, ID_BYTES_MAX + 1), &arena);
    text[ID_BYTES_MAX] = 'b';
    other = name_of_text(bytes_of(text, ID_BYTES_MAX + 1), &arena);
    ck_assert_uint_eq(name.size, ID_BYTES_MAX);
    ck_assert(!bytes_equal(name, other));
    name = name_of_text(bytes_of_text("\xc3"), &arena);
    ck_assert_uint_eq(name.size, 18);
    ck_assert_uint_eq(name.data[0], '_');
    ck_assert_uint_eq(name_of_text(bytes_of_text(""), &arena).size, 17);
    scene_text(name_of_number(0, &arena), "0");
    scene_text(name_of_number(UINT64_MAX, &arena), "18446744073709551615");
}
END_TEST

START_TEST(lines_are_as_long_as_they_may_be)
{
    size_t size = LINE_BYTES_MAX + 100;
    char *text = malloc(size + 16);
    struct lines lines;
    struct bytes line;
    struct err err;
    int fd;

    memset(text, 'x', size);
    memcpy(text, "ab\r\n\n", 5);
    memcpy(text + size, "\nend", 5);
    fd = scene_file(text);
    ck_assert_int_eq(lines_open(&lines, fd, &err), 0);
    ck_assert_int_eq(lines_next(&lines, &line, &err), 0);
    scene_text(line, "ab");
    ck_assert_int_eq(lines_next(&lines, &line, &err), 0);
    ck_assert_uint_eq(line.size, 0);
    ck_assert_int_eq(lines_next(&lines, &line, &err), STATUS_INVALID);
    ck_assert_uint_eq(lines.number, 3);
    ck_assert_int_eq(lines_next(&lines, &line, &err), 0);
    scene_text(line, "end");
    ck_assert_uint_eq(lines.number, 4);
    ck_assert_uint_eq(lines.bytes, size + 4);
    ck_assert_int_eq(lines_next(&lines, &line, &err), STATUS_NOT_FOUND);
    lines_close(&lines);
    (void)close(fd);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text");
    TCase *cases = tcase_create("parts");

    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, numbers_are_those_of_strtod);
    tcase_add_test(cases, random_numbers_come_back);
    tcase_add_test(cases, times_are_read_and_written);
    tcase_add_test(cases, names_stay_or_become_others);
    tcase_add_test(cases, lines_are_as_long_as_they_may_be);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
