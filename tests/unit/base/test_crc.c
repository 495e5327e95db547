/* CRC-32C against the vectors of RFC 3720 (appendix B.4), and the table
 * against whatever crc32c chose for this processor. */
#include "base/crc.h"

#include "base/crc_table.h"
#include "base/rng.h"
#include "tests/lib/suite.h"

/* An iSCSI SCSI Read (10) command, the last example of the RFC. */
static const uint8_t read_command[48] = {0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0, 0, 0, 0, 0x14, 0, 0, 0,
        0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0};

typedef uint32_t (*checksum)(uint32_t crc, struct bytes bytes);
static const checksum checksums[] = {crc32c, crc32c_by_table};

START_TEST(vectors_of_the_rfc)
{
    checksum sum = checksums[_i];
    uint8_t block[32];

    memset(block, 0, sizeof(block));
    ck_assert_uint_eq(sum(0, bytes_of(block, 32)), 0x8a9136aa);
    memset(block, 0xff, sizeof(block));
    ck_assert_uint_eq(sum(0, bytes_of(block, 32)), 0x62a8ab43);
    for (uint8_t i = 0; i < 32; i++)
        block[i] = i;
    ck_assert_uint_eq(sum(0, bytes_of(block, 32)), 0x46dd794e);
    for (uint8_t i = 0; i < 32; i++)
        block[i] = (uint8_t)(31 - i);
    ck_assert_uint_eq(sum(0, bytes_of(block, 32)), 0x113fdb5c);
    ck_assert_uint_eq(sum(0, bytes_of(read_command, 48)), 0xd9963a56);
    ck_assert_uint_eq(sum(0, bytes_of_text("123456789")), 0xe3069283);
    ck_assert_uint_eq(sum(0, bytes_of(NULL, 0)), 0);
}
END_TEST

START_TEST(parts_continue_each_other)
{
    checksum sum = checksums[_i];
    uint32_t whole = sum(0, bytes_of(read_command, 48));

    for (size_t cut = 0; cut <= 48; cut++) {
        uint32_t first = sum(0, bytes_of(read_command, cut));
        ck_assert_uint_eq(
                sum(first, bytes_of(read_command + cut, 48 - cut)), whole);
    }
}
END_TEST

/* All sizes up to a few words, at every alignment. */
START_TEST(both_implementations_agree)
{
    struct rng rng = rng_keyed(21, 22, RNG_TEST);
    uint8_t block[512];

    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = (uint8_t)rng_u32(&rng);
    for (size_t start = 0; start < 16; start++)
        for (size_t size = 0; start + size <= 160; size++) {
            struct bytes bytes = bytes_of(block + start, size);
            uint32_t before = rng_u32(&rng);
            ck_assert_uint_eq(
                    crc32c(before, bytes), crc32c_by_table(before, bytes));
        }
    ck_assert_uint_eq(crc32c(0, bytes_of(block, sizeof(block))),
            crc32c_by_table(0, bytes_of(block, sizeof(block))));
}
END_TEST

/* What a checksum of records is for: any single flipped bit is seen. */
START_TEST(every_flipped_bit_is_seen)
{
    uint8_t block[48];
    uint32_t whole = crc32c(0, bytes_of(read_command, 48));

    for (size_t bit = 0; bit < 48 * 8; bit++) {
        memcpy(block, read_command, sizeof(block));
        block[bit / 8] = (uint8_t)(block[bit / 8] ^ 1u << bit % 8);
        ck_assert_uint_ne(crc32c(0, bytes_of(block, 48)), whole);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("crc");
    TCase *tcase = tcase_create("crc");
    int both = (int)ARRAY_COUNT(checksums);

    tcase_add_loop_test(tcase, vectors_of_the_rfc, 0, both);
    tcase_add_loop_test(tcase, parts_continue_each_other, 0, both);
    tcase_add_test(tcase, both_implementations_agree);
    tcase_add_test(tcase, every_flipped_bit_is_seen);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
