/* The events of a batch and their table, which is small for few and grows. */
#include "service/batch.h"
#include "tests/lib/suite.h"

#include <stdio.h>

#define ITEMS 4096u

static struct batch *batch;

static void setup(void)
{
    batch = batch_new(ITEMS);
    ck_assert_ptr_nonnull(batch);
}

static void teardown(void)
{
    batch_free(batch);
}

/* Event i of a problem; good until the next call. */
static struct batch_key key_of(uint32_t problem, uint32_t i)
{
    static char id[32];

    (void)snprintf(id, sizeof(id), "event %u", i);
    return batch_key(problem, bytes_of_text(id));
}

static void put(uint32_t problem, uint32_t i)
{
    struct event_state state;
    struct batch_key key = key_of(problem, i);

    event_state_clear(&state);
    state.content = i + 1;
    batch_append(batch, RECORD_FEEDBACK, problem, bytes_of_text("record"));
    batch_event_put(batch, &key, &state, bytes_of(NULL, 0), NULL);
}

static bool is_there(uint32_t problem, uint32_t i)
{
    struct batch_key key = key_of(problem, i);
    const struct batch_event *found = batch_find(batch, &key);

    if (found == NULL)
        return false;
    ck_assert_uint_eq(found->problem, problem);
    ck_assert(bytes_equal(found->event, key.event));
    ck_assert_uint_eq(found->state->content, i + 1);
    return true;
}

/* Two problems may have events of the same names. */
static void fill_and_look(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        ck_assert(!is_there(1, i) && !is_there(2, i));
        put(1, i);
        ck_assert(is_there(1, i) && !is_there(2, i));
        if (i % 2 == 0)
            put(2, i);
    }
    for (uint32_t i = 0; i < count; i++) {
        put(1, i);
        ck_assert(is_there(1, i));
        ck_assert_int_eq(is_there(2, i), i % 2 == 0);
    }
    ck_assert_uint_eq(batch->event_count, count + (count + 1) / 2);
    ck_assert_uint_ge(batch->table_size, 2 * batch->event_count);
}

START_TEST(events_are_found_however_many)
{
    static const uint32_t counts[] = {3, 200, 2000, 5, 0, 700};

    for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
        fill_and_look(counts[i]);
        batch_reset(batch);
        for (uint32_t j = 0; j < counts[i]; j++)
            ck_assert(!is_there(1, j) && !is_there(2, j));
    }
}
END_TEST

/* A table for many events does not stay for few, which would then lie all over
 * the memory. */
START_TEST(a_table_is_as_large_as_the_last_batch_was)
{
    uint32_t least = batch->table_size;

    fill_and_look(2000);
    ck_assert_uint_gt(batch->table_size, least);
    batch_reset(batch);
    fill_and_look(2);
    batch_reset(batch);
    ck_assert_uint_eq(batch->table_size, least);
}
END_TEST

/* As full as it may be: the largest table is large enough. */
START_TEST(a_full_batch_has_a_row_for_each)
{
    for (uint32_t i = 0; i < batch->event_max; i++)
        put(1, i);
    ck_assert_uint_le(batch->table_size, batch->table_max);
    for (uint32_t i = 0; i < batch->event_max; i++)
        ck_assert(is_there(1, i));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("batch");
    TCase *cases = tcase_create("all");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, events_are_found_however_many);
    tcase_add_test(cases, a_table_is_as_large_as_the_last_batch_was);
    tcase_add_test(cases, a_full_batch_has_a_row_for_each);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
