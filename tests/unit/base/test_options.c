/* Option rows: defaults, every type read and printed, bounds, and messages
 * that name the key, the value and what was expected. */
#include "base/options.h"

#include "base/time.h"
#include "tests/lib/suite.h"

struct sample {
    double rate;
    uint32_t depth;
    bool strict;
    uint32_t mode;
    nanos wait;
    uint64_t memory;
    struct bytes path, where;
};

enum mode { MODE_SLOW, MODE_FAST, MODE_EXACT };

static const char *const modes[] = {"slow", "fast", "exact", NULL};

enum row { RATE, DEPTH, STRICT, MODE, WAIT, MEMORY, PATH, WHERE };

static const struct option_row rows[] = {
        [RATE] = {"rate", OPTION_DOUBLE, offsetof(struct sample, rate), -1, 1,
                0.1, NULL, NULL, "A share."},
        [DEPTH] = {"depth", OPTION_COUNT, offsetof(struct sample, depth), 1,
                1000, 8, NULL, NULL, "How deep."},
        [STRICT] = {"strict", OPTION_FLAG, offsetof(struct sample, strict), 0,
                0, 1, NULL, NULL, "Whether to refuse."},
        [MODE] = {"mode", OPTION_CHOICE, offsetof(struct sample, mode), 0, 0,
                MODE_FAST, modes, NULL, "Which way."},
        [WAIT] = {"wait", OPTION_DURATION, offsetof(struct sample, wait), 1e6,
                86400e9, 600e9, NULL, NULL, "How long."},
        [MEMORY] = {"memory", OPTION_SIZE, offsetof(struct sample, memory),
                1024, 1e12, 1048576, NULL, NULL, "How much."},
        [PATH] = {"path", OPTION_TEXT, offsetof(struct sample, path), 0, 0, 0,
                NULL, "/default", "Where."},
        [WHERE] = {"where", OPTION_TEXT, offsetof(struct sample, where), 0, 1,
                0, NULL, "here", "Where, if anywhere."},
};

static const struct option_table table = {
        rows, ARRAY_COUNT(rows), sizeof(struct sample)};

static struct sample sample;
static struct err err;

static struct keyvalue pair(const char *key, const char *value)
{
    return (struct keyvalue){
            bytes_of_text(key), bytes_of_text(value), 0, false};
}

/* Parses one key and one value over the defaults. */
static int parse_one(const char *key, const char *value)
{
    struct keyvalue only = pair(key, value);

    memset(&sample, 0xff, sizeof(sample));
    return options_parse(&table, &only, 1, &sample, &err);
}

static const char *printed(enum row row)
{
    static char out[64];

    option_print(&rows[row], &sample, out, sizeof(out));
    return out;
}

START_TEST(defaults_hold_without_values)
{
    memset(&sample, 0xff, sizeof(sample));
    ck_assert_int_eq(options_parse(&table, NULL, 0, &sample, &err), 0);
    ck_assert(sample.rate == 0.1);
    ck_assert_uint_eq(sample.depth, 8);
    ck_assert(sample.strict);
    ck_assert_uint_eq(sample.mode, MODE_FAST);
    ck_assert_int_eq(sample.wait, 600 * NANOS_PER_SECOND);
    ck_assert_uint_eq(sample.memory, 1048576);
    ck_assert(bytes_equal(sample.path, bytes_of_text("/default")));
    ck_assert(bytes_equal(sample.where, bytes_of_text("here")));
}
END_TEST

static const struct {
    enum row row;
    const char *value, *printed;
} good[] = {
        {RATE, "-1", "-1"},
        {RATE, "1", "1"},
        {RATE, "0.25", "0.25"},
        {RATE, "0.30000000000000004", "0.30000000000000004"},
        {DEPTH, "1", "1"},
        {DEPTH, "1000", "1000"},
        {DEPTH, "1e2", "100"},
        {STRICT, "no", "false"},
        {STRICT, "on", "true"},
        {STRICT, "0", "false"},
        {MODE, "slow", "slow"},
        {MODE, "exact", "exact"},
        {WAIT, "1ms", "1ms"},
        {WAIT, "24h", "1d"},
        {WAIT, "90s", "90s"},
        {MEMORY, "1KiB", "1KiB"},
        {MEMORY, "2000000", "2MB"},
        {PATH, "relative", "relative"},
        {WHERE, "there", "there"},
        {WHERE, "", ""},
};

START_TEST(good_values_are_read_and_printed)
{
    const char *name = rows[good[_i].row].name;

    ck_assert_int_eq(parse_one(name, good[_i].value), 0);
    ck_assert_str_eq(printed(good[_i].row), good[_i].printed);
}
END_TEST

static const struct {
    enum row row;
    const char *value, *message;
} bad[] = {
        {RATE, "1.01", "rate: '1.01' is not a number in -1..1"},
        {RATE, "nan", "rate: 'nan' is not a number in -1..1"},
        {RATE, "", "rate: '' is not a number in -1..1"},
        {DEPTH, "0", "depth: '0' is not a whole number in 1..1000"},
        {DEPTH, "2.5", "depth: '2.5' is not a whole number in 1..1000"},
        {DEPTH, "-1", "depth: '-1' is not a whole number in 1..1000"},
        {DEPTH, "1e12", "depth: '1e12' is not a whole number in 1..1000"},
        {STRICT, "maybe", "strict: 'maybe' is not true or false"},
        {MODE, "Fast", "mode: 'Fast' is not one of slow, fast, exact"},
        {MODE, "1", "mode: '1' is not one of slow, fast, exact"},
        {WAIT, "10",
                "wait: '10' is not a duration such as 250ms or 10m "
                "within its bounds"},
        {WAIT, "25h",
                "wait: '25h' is not a duration such as 250ms or 10m "
                "within its bounds"},
        {MEMORY, "1B",
                "memory: '1B' is not a size such as 64MiB within its "
                "bounds"},
        {PATH, "", "path: '' is not a text"},
};

START_TEST(bad_values_are_refused_by_name)
{
    ck_assert_int_eq(
            parse_one(rows[bad[_i].row].name, bad[_i].value), STATUS_INVALID);
    ck_assert_str_eq(err.text, bad[_i].message);
}
END_TEST

START_TEST(unprintable_values_do_not_reach_the_message)
{
    struct keyvalue only = pair("rate", "");

    only.value = bytes_of("1\0\x1b[2J", 6);
    ck_assert_int_eq(
            options_parse(&table, &only, 1, &sample, &err), STATUS_INVALID);
    ck_assert_str_eq(err.text, "rate: '1??[2J' is not a number in -1..1");
}
END_TEST

START_TEST(a_key_may_be_given_once)
{
    struct keyvalue twice[] = {pair("depth", "3"), pair("depth", "3")};

    ck_assert_int_eq(
            options_parse(&table, twice, 2, &sample, &err), STATUS_INVALID);
    ck_assert_str_eq(err.text, "depth: is set twice");
}
END_TEST

/* A part takes its own keys and leaves the others to the next part. */
START_TEST(keys_of_others_are_left_unused)
{
    struct keyvalue values[] = {pair("unknown", "x"), pair("depth", "3"),
            pair("DEPTH", "4"), pair("mode", "slow")};

    ck_assert_int_eq(options_parse(&table, values, 4, &sample, &err), 0);
    ck_assert(!values[0].used && !values[2].used);
    ck_assert(values[1].used && values[3].used);
    ck_assert_uint_eq(sample.depth, 3);
    ck_assert_uint_eq(sample.mode, MODE_SLOW);
}
END_TEST

/* What is printed can be written into a configuration and means the same. */
START_TEST(what_is_printed_is_read_back)
{
    struct sample first;
    char texts[ARRAY_COUNT(rows)][64];
    struct keyvalue values[ARRAY_COUNT(rows)];

    ck_assert_int_eq(parse_one("rate", "0.1"), 0);
    sample.rate = 1.0 / 3;
    sample.wait = 1234567891;
    sample.memory = 123457;
    first = sample;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        option_print(&rows[i], &sample, texts[i], sizeof(texts[i]));
        values[i] = pair(rows[i].name, texts[i]);
    }
    ck_assert_int_eq(
            options_parse(&table, values, ARRAY_COUNT(rows), &sample, &err), 0);
    ck_assert(sample.rate == first.rate && sample.wait == first.wait);
    ck_assert(sample.memory == first.memory && sample.depth == first.depth);
    ck_assert(sample.strict == first.strict && sample.mode == first.mode);
    ck_assert(bytes_equal(sample.path, first.path));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("options");
    TCase *tcase = tcase_create("options");

    tcase_add_test(tcase, defaults_hold_without_values);
    tcase_add_loop_test(
            tcase, good_values_are_read_and_printed, 0, (int)ARRAY_COUNT(good));
    tcase_add_loop_test(
            tcase, bad_values_are_refused_by_name, 0, (int)ARRAY_COUNT(bad));
    tcase_add_test(tcase, unprintable_values_do_not_reach_the_message);
    tcase_add_test(tcase, a_key_may_be_given_once);
    tcase_add_test(tcase, keys_of_others_are_left_unused);
    tcase_add_test(tcase, what_is_printed_is_read_back);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
