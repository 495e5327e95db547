/* Which of the past stays where there is more than a training may have. */
#include "training/past.h"

#include "base/rng.h"
#include "tests/lib/suite.h"

#include <check.h>
#include <stdlib.h>

#define EVENTS 3000u

static const struct memory_options memory = {.recent = 2,
        .informative = 0.3,
        .generations = 5,
        .decay = 0.9,
        .decay_alarm = 0.6};

START_TEST(ages_count_generations_that_decided)
{
    static const uint64_t generation[] = {0, 0, 4, 9, 4, 9};
    static const uint32_t wanted[] = {2, 2, 1, 0, 1, 0};
    struct example list[6];
    uint32_t *age;

    memset(list, 0, sizeof(list));
    for (int i = 0; i < 6; i++)
        list[i].generation = generation[i];
    age = past_ages(list, 6);
    for (int i = 0; i < 6; i++)
        ck_assert_uint_eq(age[i], wanted[i]);
    free(age);
}
END_TEST

/* Ten generations of as many events; a share of them had an unlikely action. */
static struct example all[EVENTS], list[EVENTS];

static bool is_unlikely(const struct example *example)
{
    return example->propensity < memory.informative;
}

static void make_lists(double unlikely)
{
    struct rng rng = rng_keyed(21, (uint64_t)(1000 * unlikely), RNG_TEST);

    for (uint32_t i = 0; i < EVENTS; i++)
        all[i] = (struct example){.sequence = i + 1,
                .generation = i / (EVENTS / 10),
                .propensity =
                        rng_unit(&rng) < unlikely ? 0.3 * rng_unit(&rng) : 0.9};
    memcpy(list, all, sizeof(list));
}

/* Events of one kind in the last generations. */
static size_t count_last(bool unlikely, uint32_t generations)
{
    size_t count = 0;

    for (uint32_t i = EVENTS - generations * (EVENTS / 10); i < EVENTS; i++)
        count += is_unlikely(&all[i]) == unlikely;
    return count;
}

/* How many of one kind are left, which must be its newest in their order. */
static size_t count_kept(bool unlikely, size_t kept)
{
    size_t count = 0, at = EVENTS;

    for (size_t i = kept; i-- > 0;) {
        if (is_unlikely(&list[i]) != unlikely)
            continue;
        do
            at--;
        while (is_unlikely(&all[at]) != unlikely);
        ck_assert_uint_eq(list[i].sequence, all[at].sequence);
        count++;
    }
    for (size_t i = 1; i < kept; i++)
        ck_assert_uint_lt(list[i - 1].sequence, list[i].sequence);
    return count;
}

/* Unlikely ones of five generations are wanted and others of two. Where that is
 * too many each kind has half, and what one does not need of it is the other's.
 */
static const struct {
    double unlikely;
    size_t most;
} rooms[] = {{0.1, 400}, {0.1, 1000}, {0.6, 400}, {0.6, 399}, {0.02, 400},
        {0.0, 400}, {1.0, 400}, {0.5, 1}, {0.5, 2}};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t above(size_t a, size_t b)
{
    return a > b ? a - b : 0;
}

START_TEST(unlikely_ones_have_half_of_the_room)
{
    size_t most = rooms[_i].most, unlikely, likely, kept;

    make_lists(rooms[_i].unlikely);
    unlikely = count_last(true, memory.generations);
    likely = count_last(false, memory.recent);
    kept = past_keep(list, EVENTS, &memory, most);
    ck_assert_uint_eq(kept, least(most, unlikely + likely));
    /* A room of an odd size has its middle for the likely ones. */
    ck_assert_uint_ge(count_kept(true, kept),
            least(unlikely, most / 2 + above(most / 2, likely)));
    ck_assert_uint_ge(count_kept(false, kept),
            least(likely, (most + 1) / 2 + above(most / 2, unlikely)));
}
END_TEST

START_TEST(without_a_memory_the_newest_stay)
{
    make_lists(0.1);
    ck_assert_uint_eq(past_newest(list, EVENTS, 100), 100);
    for (uint32_t i = 0; i < 100; i++)
        ck_assert_uint_eq(list[i].sequence, EVENTS - 100 + i + 1);
    ck_assert_uint_eq(past_newest(list, 100, 200), 100);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("past");
    TCase *cases = tcase_create("past");

    tcase_add_test(cases, ages_count_generations_that_decided);
    tcase_add_loop_test(
            cases, unlikely_ones_have_half_of_the_room, 0, ARRAY_COUNT(rooms));
    tcase_add_test(cases, without_a_memory_the_newest_stay);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
