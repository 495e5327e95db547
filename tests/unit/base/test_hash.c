/* The hash is XXH3 with the values that its authors publish, because feature
 * names that were hashed into recorded contexts must stay where they are. */
#include "base/hash.h"

#include "base/rng.h"
#include "tests/lib/suite.h"

#define PRIME32 UINT64_C(2654435761)
#define PRIME64 UINT64_C(11400714785074694797)

/* The sanity vectors of xxHash 0.8: size, value without a seed, value with
 * PRIME64 as the seed. Together they take every path by length. */
static const struct {
    size_t size;
    uint64_t plain, seeded;
} vectors[] = {
        {0, 0x2d06800538d394c2, 0xa8a6b918b2f0364a},
        {1, 0xc44bdff4074eecdb, 0x032be332dd766ef8},
        {6, 0x27b56a84cd2d7325, 0x84589c116ab59ab9},
        {12, 0xa713daf0dfbb77e7, 0xe7303e1b2336de0e},
        {24, 0xa3fe70bf9d3510eb, 0x850e80fc35bdd690},
        {48, 0x397da259ecba1f11, 0xadc2cbaa44acc616},
        {80, 0xbcdefbbb2c47c90a, 0xc6dd0cb699532e73},
        {195, 0xcd94217ee362ec3a, 0xba68003d370cb3d9},
        {403, 0xcdeb804d65c6dea4, 0x6259f6ecfd6443fd},
        {512, 0x617e49599013cb6b, 0x3ce457de14c27708},
        {2048, 0xdd59e2c3a5f038e0, 0x66f81670669ababc},
        {2240, 0x6e73a90539cf2948, 0x757ba8487d1b5247},
        {2367, 0xcb37aeb9e5d361ed, 0xd2db3415b942b42a},
};

START_TEST(values_are_those_of_xxh3)
{
    uint8_t buffer[2367];
    uint64_t generator = PRIME32;

    for (size_t i = 0; i < sizeof(buffer); i++) {
        buffer[i] = (uint8_t)(generator >> 56);
        generator *= PRIME64;
    }
    ck_assert(hash_bytes(bytes_of(buffer, vectors[_i].size), 0) ==
            vectors[_i].plain);
    ck_assert(hash_bytes(bytes_of(buffer, vectors[_i].size), PRIME64) ==
            vectors[_i].seeded);
}
END_TEST

START_TEST(bytes_with_zeros_are_bytes)
{
    ck_assert(hash_bytes(bytes_of("a\0b", 3), 0) !=
            hash_bytes(bytes_of("a\0c", 3), 0));
    ck_assert(hash_bytes(bytes_of("a", 1), 0) !=
            hash_bytes(bytes_of("a\0", 2), 0));
}
END_TEST

START_TEST(mixing_has_an_order)
{
    struct rng rng = rng_keyed(31, 32, RNG_TEST);

    for (int i = 0; i < 1000; i++) {
        uint64_t a = rng_u32(&rng), b = rng_u32(&rng);
        ck_assert(a == b || hash_mix(a, b) != hash_mix(b, a));
        ck_assert(hash_mix(a, b) != hash_mix(a, b + 1));
        ck_assert(hash_mix(a, b) != hash_mix(a + 1, b));
    }
}
END_TEST

/* One flipped bit of either argument flips about half of the bits: the mean
 * over all 128 of them is within five deviations of 32. */
START_TEST(mixing_spreads_every_bit)
{
    struct rng rng = rng_keyed(33, 34, RNG_TEST);
    int flipped = 0, pairs = 100 * 128;

    for (int i = 0; i < 100; i++) {
        uint64_t a = (uint64_t)rng_u32(&rng) << 32 | rng_u32(&rng);
        uint64_t b = (uint64_t)rng_u32(&rng) << 32 | rng_u32(&rng);
        uint64_t mixed = hash_mix(a, b);
        for (int bit = 0; bit < 64; bit++) {
            uint64_t one = UINT64_C(1) << bit;
            flipped += __builtin_popcountll(mixed ^ hash_mix(a ^ one, b));
            flipped += __builtin_popcountll(mixed ^ hash_mix(a, b ^ one));
        }
    }
    /* 64 fair bits have the deviation 4, `pairs` of them 4 * sqrt(12800), and
     * that root is below 114. */
    ck_assert_int_gt(flipped, pairs * 32 - 5 * 4 * 114);
    ck_assert_int_lt(flipped, pairs * 32 + 5 * 4 * 114);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hash");
    TCase *tcase = tcase_create("hash");

    tcase_add_loop_test(
            tcase, values_are_those_of_xxh3, 0, (int)ARRAY_COUNT(vectors));
    tcase_add_test(tcase, bytes_with_zeros_are_bytes);
    tcase_add_test(tcase, mixing_has_an_order);
    tcase_add_test(tcase, mixing_spreads_every_bit);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
