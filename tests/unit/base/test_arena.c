/* An arena gives aligned, disjoint blocks, never leaves its own, and remembers
 * that it once had no room. */
#include "base/arena.h"

#include "base/rng.h"
#include "tests/lib/suite.h"

#include <stdalign.h>
#include <string.h>

#define BLOCK ((size_t)4096)

static alignas(16) uint8_t block[BLOCK];

START_TEST(blocks_are_aligned_and_disjoint)
{
    struct rng rng = rng_keyed(3, (uint64_t)_i, RNG_TEST);
    struct arena arena = arena_over(block, BLOCK);
    uint8_t *end = block;

    for (;;) {
        size_t size = 1 + rng_below(&rng, 100);
        uint8_t *got = arena_alloc(&arena, size);
        if (got == NULL)
            break;
        ck_assert_uint_eq((uintptr_t)got % 16, 0);
        ck_assert(got >= end && got + size <= block + BLOCK);
        end = got + size;
    }
    ck_assert(arena.overflow);
    ck_assert_uint_ge((size_t)(end - block), BLOCK - 115);
}
END_TEST

START_TEST(the_last_byte_can_be_used)
{
    struct arena arena = arena_over(block, BLOCK);

    ck_assert_ptr_nonnull(arena_alloc(&arena, BLOCK));
    ck_assert_uint_eq(arena_left(&arena), 0);
    ck_assert(!arena.overflow);
    ck_assert_ptr_null(arena_alloc(&arena, 1));
    ck_assert(arena.overflow);
}
END_TEST

START_TEST(overflow_is_remembered_until_reset)
{
    struct arena arena = arena_over(block, 64);

    ck_assert_ptr_null(arena_alloc(&arena, 65));
    ck_assert_ptr_nonnull(arena_alloc(&arena, 64));
    ck_assert(arena.overflow);
    arena_release(&arena, 0);
    ck_assert(arena.overflow);
    arena_reset(&arena);
    ck_assert(!arena.overflow);
    ck_assert_uint_eq(arena_left(&arena), 64);
}
END_TEST

START_TEST(sizes_that_wrap_are_refused)
{
    struct arena arena = arena_over(block, BLOCK);

    (void)arena_alloc(&arena, 1);
    ck_assert_ptr_null(arena_alloc(&arena, SIZE_MAX));
    ck_assert_ptr_null(arena_alloc(&arena, SIZE_MAX - 15));
    ck_assert(arena.overflow);
    arena_reset(&arena);
    ck_assert_ptr_null(arena_zalloc(&arena, SIZE_MAX / 2 + 1, 2));
    ck_assert(arena.overflow);
    arena_reset(&arena);
    ck_assert_ptr_null(arena_array(&arena, double, SIZE_MAX / 8 + 1));
    ck_assert(arena.overflow);
    ck_assert_uint_eq(arena.used, 0);
}
END_TEST

/* 15 free bytes after alignment are not 16: the padding counts. */
START_TEST(padding_counts)
{
    struct arena arena = arena_over(block, 32);

    (void)arena_alloc(&arena, 17);
    ck_assert_ptr_null(arena_alloc(&arena, 1));
    ck_assert(arena.overflow);
    ck_assert_uint_eq(arena.used, 17);
}
END_TEST

START_TEST(zalloc_clears_and_copy_copies)
{
    struct arena arena = arena_over(block, BLOCK);
    static const uint8_t zeros[24] = {0};
    uint8_t *cleared, *copied;

    memset(block, 0xff, BLOCK);
    cleared = arena_zalloc(&arena, 3, 8);
    ck_assert_mem_eq(cleared, zeros, sizeof(zeros));
    ck_assert_uint_eq(cleared[24], 0xff);
    copied = arena_copy(&arena, "four", 5);
    ck_assert_str_eq((const char *)copied, "four");
    ck_assert_uint_eq(copied[5], 0xff);
    (void)arena_copy(&arena, NULL, 0);
    ck_assert(!arena.overflow);
}
END_TEST

START_TEST(release_gives_back_what_came_after_the_mark)
{
    struct arena arena = arena_over(block, BLOCK);
    void *kept = arena_alloc(&arena, 10);
    size_t mark = arena.used;
    void *first = arena_alloc(&arena, 100);

    ck_assert_ptr_nonnull(kept);
    arena_release(&arena, mark);
    ck_assert_ptr_eq(arena_alloc(&arena, 100), first);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arena");
    TCase *tcase = tcase_create("arena");

    tcase_add_loop_test(tcase, blocks_are_aligned_and_disjoint, 0, 20);
    tcase_add_test(tcase, the_last_byte_can_be_used);
    tcase_add_test(tcase, overflow_is_remembered_until_reset);
    tcase_add_test(tcase, sizes_that_wrap_are_refused);
    tcase_add_test(tcase, padding_counts);
    tcase_add_test(tcase, zalloc_clears_and_copy_copies);
    tcase_add_test(tcase, release_gives_back_what_came_after_the_mark);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
