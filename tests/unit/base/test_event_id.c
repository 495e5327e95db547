/* Made event ids: their time is first and readable, they sort by it, and no
 * two are the same. */
#include "base/event_id.h"

#include "base/check.h"
#include "base/rng.h"
#include "tests/lib/suite.h"

#include <string.h>

#define MAKER UINT64_C(0x123456789abc)

/* The example of the ULID specification: this time is these ten digits. */
START_TEST(time_is_the_first_ten_digits)
{
    struct event_id_source source = {MAKER, 0};
    char id[EVENT_ID_SIZE];

    event_id_make(&source, UINT64_C(1469918176385), id);
    ck_assert_mem_eq(id, "01ARYZ6S41", 10);
}
END_TEST

/* 80 bits follow: the maker's 48 and the count's 32, sixteen digits. */
START_TEST(maker_and_count_follow)
{
    struct event_id_source source = {MAKER, 0xdef01234};
    char id[EVENT_ID_SIZE];

    event_id_make(&source, 0, id);
    ck_assert_mem_eq(id, "0000000000", 10);
    /* 0x123456789abcdef01234, five bits a digit */
    ck_assert_mem_eq(id + 10, "28T5CY4TQKFF04HM", 16);
    ck_assert_uint_eq(source.count, 0xdef01235);
}
END_TEST

START_TEST(digits_are_crockfords)
{
    struct event_id_source source = {UINT64_MAX, UINT32_MAX};
    char id[EVENT_ID_SIZE];

    event_id_make(&source, UINT64_MAX, id);
    ck_assert_mem_eq(id, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", EVENT_ID_SIZE);
    for (uint32_t count = 0; count < 1000; count++) {
        event_id_make(&source, count * UINT64_C(7919), id);
        for (size_t i = 0; i < EVENT_ID_SIZE; i++)
            ck_assert_ptr_nonnull(
                    memchr("0123456789ABCDEFGHJKMNPQRSTVWXYZ", id[i], 32));
    }
}
END_TEST

START_TEST(later_ids_sort_later)
{
    struct rng rng = rng_keyed(41, 42, RNG_TEST);
    struct event_id_source source = {MAKER, 0};
    char last[EVENT_ID_SIZE], id[EVENT_ID_SIZE];
    uint64_t time_ms = UINT64_C(1700000000000);

    event_id_make(&source, time_ms, last);
    for (int i = 0; i < 10000; i++) {
        time_ms += rng_below(&rng, 3);
        event_id_make(&source, time_ms, id);
        ck_assert_int_gt(memcmp(id, last, EVENT_ID_SIZE), 0);
        memcpy(last, id, EVENT_ID_SIZE);
    }
}
END_TEST

START_TEST(makers_are_apart)
{
    static const uint64_t makers[] = {
            MAKER, MAKER + 1, MAKER + (UINT64_C(1) << 47), MAKER ^ 0xffff0000};
    char ids[ARRAY_COUNT(makers)][EVENT_ID_SIZE];

    for (size_t i = 0; i < ARRAY_COUNT(makers); i++) {
        struct event_id_source source = {makers[i], 5};
        event_id_make(&source, 1000, ids[i]);
        for (size_t j = 0; j < i; j++)
            ck_assert_mem_ne(ids[i], ids[j], EVENT_ID_SIZE);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("event_id");
    TCase *tcase = tcase_create("event_id");

    tcase_add_test(tcase, time_is_the_first_ten_digits);
    tcase_add_test(tcase, maker_and_count_follow);
    tcase_add_test(tcase, digits_are_crockfords);
    tcase_add_test(tcase, later_ids_sort_later);
    tcase_add_test(tcase, makers_are_apart);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
