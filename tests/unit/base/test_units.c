/* Durations, sizes and numbers as people write them: what is taken, what is
 * refused, and that printing gives back what reading takes. */
#include "base/units.h"

#include "base/check.h"
#include "base/rng.h"
#include "tests/lib/suite.h"

static const struct {
    const char *text;
    nanos value;
    const char *printed;
} durations[] = {
        {"0", 0, "0"},
        {"0s", 0, "0"},
        {"1ns", 1, "1ns"},
        {"250ms", 250 * NANOS_PER_MS, "250ms"},
        {"1.5s", 1500 * NANOS_PER_MS, "1500ms"},
        {"60s", 60 * NANOS_PER_SECOND, "1m"},
        {"10m", 600 * NANOS_PER_SECOND, "10m"},
        {"0.5h", 1800 * NANOS_PER_SECOND, "30m"},
        {"24h", 86400 * NANOS_PER_SECOND, "1d"},
        {"2w", 14 * 86400 * NANOS_PER_SECOND, "2w"},
        {"90m", 5400 * NANOS_PER_SECOND, "90m"},
        {"3us", 3000, "3us"},
        {"1e3s", 1000 * NANOS_PER_SECOND, "1000s"},
        {"10000w", 70000 * (86400 * NANOS_PER_SECOND), "10000w"},
};

START_TEST(durations_are_read_and_printed)
{
    char out[32];
    nanos value = -1;

    ck_assert(duration_parse(bytes_of_text(durations[_i].text), &value));
    ck_assert_int_eq(value, durations[_i].value);
    duration_print(value, out, sizeof(out));
    ck_assert_str_eq(out, durations[_i].printed);
}
END_TEST

static const struct {
    const char *text;
    uint64_t value;
    const char *printed;
} sizes[] = {
        {"0", 0, "0"},
        {"1", 1, "1B"},
        {"1023B", 1023, "1023B"},
        {"64MiB", UINT64_C(64) << 20, "64MiB"},
        {"1.5GB", UINT64_C(1500000000), "1500MB"},
        {"4096", 4096, "4KiB"},
        {"1000", 1000, "1kB"},
        {"2TiB", UINT64_C(2) << 40, "2TiB"},
        {"3GiB", UINT64_C(3) << 30, "3GiB"},
};

START_TEST(sizes_are_read_and_printed)
{
    char out[32];
    uint64_t value = 77;

    ck_assert(size_parse(bytes_of_text(sizes[_i].text), &value));
    ck_assert(value == sizes[_i].value);
    size_print(value, out, sizeof(out));
    ck_assert_str_eq(out, sizes[_i].printed);
}
END_TEST

/* No unit, a wrong one, a space, more behind it, negative, too large, not a
 * decimal number, and other things that strtod would take. */
static const char *const not_durations[] = {"", "5", "s", "5 s", "5S", "5sec",
        "5s ", " 5s", "-1s", "-0.1s", "16000w", "1e30s", "infs", "nans", "0x1s",
        "inf", "nan", "1,5s", "5ms5", "5m5s", "1e999s", "+-1s"};
static const char *const not_sizes[] = {"", "B", "5 B", "5b", "5K", "5M", "-1",
        "-1kB", "1e30", "10000000000GB", "0x10", "inf", "nan", "1,5MB",
        "5MiBs"};
static const char *const not_numbers[] = {"", " ", "1 ", " 1", "1s", "0x10",
        "inf", "-inf", "nan", "+nan", "1e999", "-1e999", "1.2.3", "--1", "one",
        "1e", "+", ".", "-", "1,5"};

START_TEST(what_is_none_is_refused)
{
    nanos duration;
    uint64_t size;
    double number;

    for (size_t i = 0; i < ARRAY_COUNT(not_durations); i++)
        ck_assert_msg(
                !duration_parse(bytes_of_text(not_durations[i]), &duration),
                "'%s' is a duration", not_durations[i]);
    for (size_t i = 0; i < ARRAY_COUNT(not_sizes); i++)
        ck_assert_msg(!size_parse(bytes_of_text(not_sizes[i]), &size),
                "'%s' is a size", not_sizes[i]);
    for (size_t i = 0; i < ARRAY_COUNT(not_numbers); i++)
        ck_assert_msg(!number_parse(bytes_of_text(not_numbers[i]), &number),
                "'%s' is a number", not_numbers[i]);
}
END_TEST

START_TEST(numbers_fill_the_text)
{
    double number = 0;

    ck_assert(number_parse(bytes_of_text("-1.25e2"), &number));
    ck_assert(number == -125.0);
    ck_assert(number_parse(bytes_of_text("+.5"), &number));
    ck_assert(number == 0.5);
    ck_assert(number_parse(bytes_of("12345", 3), &number));
    ck_assert(number == 123.0);
}
END_TEST

START_TEST(zeros_inside_and_endless_text_are_refused)
{
    char text[4096];
    double number;

    ck_assert(!number_parse(bytes_of("1\0", 2), &number));
    ck_assert(!number_parse(bytes_of("\0", 1), &number));
    memset(text, '1', sizeof(text));
    ck_assert(!number_parse(bytes_of(text, sizeof(text)), &number));
    ck_assert(!number_parse(bytes_of(NULL, 0), &number));
}
END_TEST

/* Up to 2^53 the way through a double is exact. */
START_TEST(what_is_printed_is_read_back)
{
    struct rng rng = rng_keyed(51, 52, RNG_TEST);
    char out[32];

    for (int i = 0; i < 20000; i++) {
        uint64_t bits = (uint64_t)rng_u32(&rng) << 21 ^ rng_u32(&rng);
        uint64_t value = bits >> rng_below(&rng, 53);
        uint64_t size = 0;
        nanos time = -1;
        duration_print((nanos)value, out, sizeof(out));
        ck_assert(duration_parse(bytes_of_text(out), &time));
        ck_assert(time == (nanos)value);
        size_print(value, out, sizeof(out));
        ck_assert(size_parse(bytes_of_text(out), &size) && size == value);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("units");
    TCase *tcase = tcase_create("units");

    tcase_add_loop_test(tcase, durations_are_read_and_printed, 0,
            (int)ARRAY_COUNT(durations));
    tcase_add_loop_test(
            tcase, sizes_are_read_and_printed, 0, (int)ARRAY_COUNT(sizes));
    tcase_add_test(tcase, what_is_none_is_refused);
    tcase_add_test(tcase, numbers_fill_the_text);
    tcase_add_test(tcase, zeros_inside_and_endless_text_are_refused);
    tcase_add_test(tcase, what_is_printed_is_read_back);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
