/* Generations in the store and in files: what is damaged is named, never
 * trusted; what a record of the log names stays. */
#include "storage/generation.h"

#include "tests/unit/storage/scratch.h"

#define PROBLEM 3u
#define SIZE    700u

static struct store *store;
static struct store_txn *txn;
static struct err err;
static uint8_t model_bytes[SIZE];

static void setup(void)
{
    OK(store_mem_open(0, &store, &err));
    OK(store->call->begin(store, true, &txn, &err));
    for (uint32_t i = 0; i < SIZE; i++)
        model_bytes[i] = (uint8_t)(i * 7);
}

static void teardown(void)
{
    txn->call->abort(txn);
    store->call->close(store);
}

static struct generation some(uint64_t number)
{
    return (struct generation){.number = number,
            .parent = number - 1,
            .created = 12345,
            .settings = 77,
            .through = 1000 + number,
            .rows = 500,
            .effective = 321.5,
            .verdict = VERDICT_PASS,
            .estimate = {true, 0.01, -0.02, 0.04, 0.05, 100},
            .why = bytes_of_text("not worse")};
}

static struct bytes model_of(uint64_t number)
{
    return bytes_of(model_bytes + number, SIZE - number);
}

static void put(uint32_t problem, uint64_t number)
{
    struct generation generation = some(number);

    OK(generation_put(txn, problem, &generation, model_of(number), &err));
}

START_TEST(what_was_put_is_got)
{
    struct generation generation;
    struct bytes model;
    uint64_t last;

    OK(generation_last(txn, PROBLEM, &last, &err));
    ck_assert_uint_eq(last, 0);
    put(PROBLEM - 1, 9);
    put(PROBLEM, 1);
    put(PROBLEM, 2);
    put(PROBLEM + 1, 8);
    OK(generation_last(txn, PROBLEM, &last, &err));
    ck_assert_uint_eq(last, 2);
    OK(generation_last(txn, PROBLEM + 1, &last, &err));
    ck_assert_uint_eq(last, 8);
    OK(generation_model(txn, PROBLEM, 2, &generation, &model, &err));
    ck_assert(bytes_equal(model, model_of(2)));
    ck_assert_uint_eq(generation.parent, 1);
    ck_assert_int_eq(generation.created, 12345);
    ck_assert_uint_eq(generation.settings, 77);
    ck_assert_uint_eq(generation.through, 1002);
    ck_assert_double_eq(generation.effective, 321.5);
    ck_assert_int_eq(generation.verdict, VERDICT_PASS);
    ck_assert(generation.estimate.given);
    ck_assert_double_eq(generation.estimate.upper, 0.04);
    ck_assert(bytes_equal(generation.why, bytes_of_text("not worse")));
    OK(generation_promoted(txn, PROBLEM, 2, 4711, &err));
    OK(generation_model(txn, PROBLEM, 2, &generation, &model, &err));
    ck_assert_uint_eq(generation.promoted, 4711);
    ck_assert(bytes_equal(generation.why, bytes_of_text("not worse")));
    FAILS(STATUS_NOT_FOUND, generation_get(txn, PROBLEM, 3, &generation, &err));
}
END_TEST

/* Flips a bit of a stored part. */
static void flip(uint64_t number, uint8_t part, size_t bit)
{
    uint8_t key[13] = {
            0, 0, 0, PROBLEM, 0, 0, 0, 0, 0, 0, 0, (uint8_t)number, part};
    uint8_t copy[SIZE + 64];
    struct bytes value;

    OK(txn->call->get(
            txn, TABLE_MODEL, bytes_of(key, sizeof(key)), &value, &err));
    ck_assert_uint_le(value.size, sizeof(copy));
    memcpy(copy, value.data, value.size);
    copy[bit / 8 % value.size] ^= (uint8_t)(1u << bit % 8);
    OK(txn->call->put(txn, TABLE_MODEL, bytes_of(key, sizeof(key)),
            bytes_of(copy, value.size), false, &err));
}

START_TEST(every_flipped_bit_is_found_and_named)
{
    struct generation generation;
    struct bytes model;

    put(PROBLEM, 1);
    for (size_t bit = 0; bit < 8 * (SIZE + 3); bit++)
        for (uint8_t part = 0; part < 2; part++) {
            flip(1, part, bit);
            FAILS(STATUS_CORRUPT,
                    generation_model(
                            txn, PROBLEM, 1, &generation, &model, &err));
            ck_assert_ptr_nonnull(strstr(err.text, "generation 1 of problem"));
            flip(1, part, bit);
        }
    OK(generation_model(txn, PROBLEM, 1, &generation, &model, &err));
}
END_TEST

static int note(void *self, const struct generation *generation, bool damaged,
        struct err *error)
{
    char *seen = self;
    char word[24];

    (void)error;
    (void)snprintf(word, sizeof(word), " %u%s", (unsigned)generation->number,
            damaged ? "!" : "");
    (void)strncat(seen, word, 100);
    return 0;
}

static void expect(const char *numbers)
{
    char seen[256] = "";

    OK(generation_each(txn, PROBLEM, note, seen, &err));
    ck_assert_str_eq(seen, numbers);
}

START_TEST(all_are_listed_damaged_ones_too)
{
    put(PROBLEM, 0);
    put(PROBLEM, 1);
    put(PROBLEM, 2);
    put(PROBLEM + 1, 1);
    flip(1, 0, 99);
    expect(" 0 1! 2");
}
END_TEST

static void prune(uint32_t kept, uint64_t first, uint32_t expected)
{
    uint32_t dropped;

    OK(generation_prune(txn, PROBLEM, kept, first, &dropped, &err));
    ck_assert_uint_eq(dropped, expected);
}

START_TEST(what_is_named_by_the_log_stays)
{
    for (uint64_t number = 0; number < 10; number++)
        put(PROBLEM, number);
    OK(generation_promoted(txn, PROBLEM, 2, 100, &err));
    OK(generation_promoted(txn, PROBLEM, 3, 200, &err));
    OK(generation_promoted(txn, PROBLEM, 5, 300, &err));
    prune(20, 1, 0);
    prune(3, 1, 3);
    expect(" 0 2 3 5 7 8 9");
    /* Record 100 is gone: 2 may go; 3 is what a rollback would want. */
    prune(3, 150, 1);
    expect(" 0 3 5 7 8 9");
    prune(1, 1000, 2);
    expect(" 0 3 5 9");
    prune(1, 1000, 0);
}
END_TEST

/* ---- files ---- */

static uint8_t file_bytes[SIZE + 512];

static struct bytes file_of(uint64_t number)
{
    struct generation generation = some(number);
    struct writer writer = writer_over(file_bytes, sizeof(file_bytes));

    generation_file_write(&generation, PROBLEM, model_of(number), &writer);
    ck_assert(!writer.failed);
    ck_assert_uint_eq(
            writer.size, generation_file_size(&generation, model_of(number)));
    return writer_bytes(&writer);
}

START_TEST(a_file_comes_back)
{
    struct bytes file = file_of(4);
    struct generation generation;
    struct bytes model;

    OK(generation_file_read(file, PROBLEM, &generation, &model, &err));
    ck_assert_uint_eq(generation.through, 1004);
    ck_assert(bytes_equal(model, model_of(4)));
    FAILS(STATUS_CORRUPT,
            generation_file_read(file, PROBLEM + 1, &generation, &model, &err));
}
END_TEST

START_TEST(a_file_that_is_cut_or_flipped_is_refused)
{
    struct bytes file = file_of(4);
    struct generation generation;
    struct bytes model;

    for (size_t size = 0; size < file.size; size++)
        FAILS(STATUS_CORRUPT,
                generation_file_read(bytes_of(file.data, size), PROBLEM,
                        &generation, &model, &err));
    FAILS(STATUS_CORRUPT,
            generation_file_read(bytes_of(file.data, file.size + 1), PROBLEM,
                    &generation, &model, &err));
    for (size_t bit = 0; bit < 8 * file.size; bit++) {
        file_bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        FAILS(STATUS_CORRUPT,
                generation_file_read(file, PROBLEM, &generation, &model, &err));
        file_bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("generation");
    TCase *tcase = tcase_create("generation");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, what_was_put_is_got);
    tcase_add_test(tcase, every_flipped_bit_is_found_and_named);
    tcase_add_test(tcase, all_are_listed_damaged_ones_too);
    tcase_add_test(tcase, what_is_named_by_the_log_stays);
    tcase_add_test(tcase, a_file_comes_back);
    tcase_add_test(tcase, a_file_that_is_cut_or_flipped_is_refused);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
