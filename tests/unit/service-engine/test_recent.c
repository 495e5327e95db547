/* The newest alarms of a problem, and their part of the state. */
#include "service/engine/recent.h"

#include "tests/lib/suite.h"

static struct recent recent;

static void setup(void)
{
    recent = (struct recent){.count = 0};
}

/* `rows` and the event say which it is. */
static void raise(uint64_t number)
{
    struct alarm alarm = {.stream = DRIFT_JOIN,
            .statistic = 2.5,
            .threshold = 2.0,
            .rows = number};
    char event[2] = {'e', (char)('a' + number)};

    recent_note(&recent, bytes_of(event, sizeof(event)));
    recent_alarmed(&recent, (nanos)number + 1, &alarm, bytes_of_text("part"));
}

static size_t save(uint8_t *data, size_t size)
{
    struct writer writer = writer_over(data, size);

    recent_save(&recent, &writer);
    ck_assert(!writer.failed);
    return writer.size;
}

static bool load(struct recent *into, const uint8_t *data, size_t size)
{
    struct reader reader = reader_of(bytes_of(data, size));

    *into = (struct recent){.count = 0};
    return recent_load(into, &reader) && reader_done(&reader);
}

START_TEST(the_newest_are_kept)
{
    ck_assert_uint_eq(recent_kept(&recent), 0);
    for (uint64_t i = 0; i < RECENT_ALARMS + 3; i++) {
        raise(i);
        ck_assert_uint_eq(recent_alarm(&recent, 0)->alarm.rows, i);
    }
    ck_assert_uint_eq(recent.count, RECENT_ALARMS + 3);
    ck_assert_uint_eq(recent_kept(&recent), RECENT_ALARMS);
    for (uint32_t back = 0; back < RECENT_ALARMS; back++) {
        const struct recent_alarm *alarm = recent_alarm(&recent, back);
        ck_assert_uint_eq(alarm->alarm.rows, RECENT_ALARMS + 2 - back);
        ck_assert_int_eq(alarm->time, (nanos)(RECENT_ALARMS + 3 - back));
        ck_assert(
                bytes_equal(recent_bytes(&alarm->name), bytes_of_text("part")));
        ck_assert_uint_eq(alarm->event.size, 2);
        ck_assert_uint_eq(alarm->event.id[1], 'a' + RECENT_ALARMS + 2 - back);
    }
}
END_TEST

/* With none, some, all places taken, and more: the same again, byte for byte.
 */
START_TEST(they_are_saved)
{
    static const uint32_t counts[] = {0, 3, RECENT_ALARMS, 3 * RECENT_ALARMS};
    uint8_t bytes[8192], again[8192];
    struct recent loaded;

    for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
        size_t size;
        setup();
        recent.promoted = 77;
        for (uint64_t k = 0; k < counts[i]; k++)
            raise(k);
        size = save(bytes, sizeof(bytes));
        ck_assert(load(&loaded, bytes, size));
        ck_assert_int_eq(loaded.promoted, 77);
        ck_assert_uint_eq(loaded.count, counts[i]);
        recent = loaded;
        ck_assert_uint_eq(save(again, sizeof(again)), size);
        ck_assert_mem_eq(again, bytes, size);
        raise(5); /* it goes on from there */
        ck_assert_uint_eq(recent_alarm(&recent, 0)->alarm.rows, 5);
        if (counts[i] > 0)
            ck_assert_uint_eq(
                    recent_alarm(&recent, 1)->alarm.rows, counts[i] - 1);
    }
}
END_TEST

START_TEST(damage_is_found)
{
    uint8_t bytes[8192];
    struct recent loaded;
    size_t size;

    raise(1);
    size = save(bytes, sizeof(bytes));
    for (size_t cut = 0; cut < size; cut++)
        ck_assert(!load(&loaded, bytes, cut));
    bytes[0] = ID_BYTES_MAX + 1; /* a longer id than there is room for */
    ck_assert(!load(&loaded, bytes, size));
    bytes[0] = 2;
    bytes[1 + 2 + 8] = 2; /* two alarms where there is one */
    ck_assert(!load(&loaded, bytes, size));
    bytes[1 + 2 + 8] = 1;
    ck_assert(load(&loaded, bytes, size));
    bytes[1 + 2 + 8 + 8 + 8] = DRIFT_BREAKER + 1; /* no stream */
    ck_assert(!load(&loaded, bytes, size));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recent");
    TCase *cases = tcase_create("recent");

    tcase_add_checked_fixture(cases, setup, NULL);
    tcase_add_test(cases, the_newest_are_kept);
    tcase_add_test(cases, they_are_saved);
    tcase_add_test(cases, damage_is_found);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
