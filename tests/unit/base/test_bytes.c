/* Cursors cannot leave their block, in either direction; what is written is
 * little-endian and reads back; machine-independent loads and stores. */
#include "base/bytes.h"

#include "base/endian.h"
#include "base/rng.h"
#include "tests/lib/suite.h"

#include <math.h>

/* One of each, 43 bytes. */
static void write_all(struct writer *writer)
{
    write_u8(writer, 0x01);
    write_u16(writer, 0x0302);
    write_u32(writer, 0x07060504);
    write_u64(writer, UINT64_C(0x0f0e0d0c0b0a0908));
    write_i64(writer, -2);
    write_f64(writer, -1.5);
    write_f32(writer, 0.1f);
    write_f64s(writer, NULL, 0);
    write_bytes(writer, bytes_of_text("end"));
    write_bytes(writer, bytes_of(NULL, 0));
    write_u32(writer, 42);
    write_u8(writer, 255);
}

#define ALL_SIZE ((size_t)43)

START_TEST(numbers_are_little_endian)
{
    uint8_t block[ALL_SIZE];
    struct writer writer = writer_over(block, sizeof(block));
    static const uint8_t minus_one_and_a_half[8] = {
            0, 0, 0, 0, 0, 0, 0xf8, 0xbf};

    write_all(&writer);
    ck_assert(!writer.failed);
    ck_assert_uint_eq(writer.size, ALL_SIZE);
    for (uint8_t i = 0; i < 15; i++)
        ck_assert_uint_eq(block[i], i + 1);
    ck_assert_uint_eq(block[15], 0xfe);
    ck_assert_uint_eq(block[22], 0xff);
    ck_assert_mem_eq(block + 23, minus_one_and_a_half, 8);
    ck_assert_mem_eq(block + 35, "end", 3);
}
END_TEST

START_TEST(what_was_written_reads_back)
{
    uint8_t block[ALL_SIZE];
    struct writer writer = writer_over(block, sizeof(block));
    struct reader reader;

    write_all(&writer);
    reader = reader_of(writer_bytes(&writer));
    ck_assert_uint_eq(read_u8(&reader), 0x01);
    ck_assert_uint_eq(read_u16(&reader), 0x0302);
    ck_assert_uint_eq(read_u32(&reader), 0x07060504);
    ck_assert(read_u64(&reader) == UINT64_C(0x0f0e0d0c0b0a0908));
    ck_assert(read_i64(&reader) == -2);
    ck_assert(read_f64(&reader) == -1.5);
    ck_assert(read_f32(&reader) == 0.1f);
    ck_assert(bytes_equal(read_bytes(&reader, 3), bytes_of_text("end")));
    ck_assert_uint_eq(read_bytes(&reader, 0).size, 0);
    ck_assert_uint_eq(read_u32(&reader), 42);
    ck_assert(!reader_done(&reader));
    ck_assert_uint_eq(read_u8(&reader), 255);
    ck_assert(reader_done(&reader));
}
END_TEST

/* Doubles travel as bits: signed zeros and the payload of a NaN as well. */
START_TEST(doubles_keep_their_bits)
{
    const double values[] = {
            0.0, -0.0, NAN, -INFINITY, 0x1p-1074, 0x1.fffffffffffffp1023};
    double back[ARRAY_COUNT(values)];
    uint8_t block[sizeof(values)];
    struct writer writer = writer_over(block, sizeof(block));
    struct reader reader = reader_of(bytes_of(block, sizeof(block)));

    write_f64s(&writer, values, ARRAY_COUNT(values));
    read_f64s(&reader, back, ARRAY_COUNT(values));
    ck_assert(!writer.failed && reader_done(&reader));
    ck_assert_mem_eq(values, back, sizeof(values));
}
END_TEST

/* With k bytes of room, nothing beyond them is touched and the failure is
 * kept, also when a later, shorter field would fit. */
START_TEST(a_writer_stays_inside_its_block)
{
    size_t room = (size_t)_i;
    uint8_t block[ALL_SIZE + 8];
    struct writer writer = writer_over(block, room);

    memset(block, 0xaa, sizeof(block));
    write_all(&writer);
    ck_assert_int_eq(writer.failed, room < ALL_SIZE);
    ck_assert_uint_le(writer.size, room);
    for (size_t i = room < ALL_SIZE ? room : ALL_SIZE; i < sizeof(block); i++)
        ck_assert_uint_eq(block[i], 0xaa);
}
END_TEST

/* With k bytes to read, fields that are cut off read as zeros and so does
 * everything after them. The block is exactly k bytes long on the heap, so
 * that a sanitizer sees a read past its end. */
START_TEST(a_reader_stays_inside_its_block)
{
    size_t size = (size_t)_i;
    uint8_t *block = malloc(size > 0 ? size : 1);
    struct reader reader = reader_of(bytes_of(block, size));
    uint32_t last;

    ck_assert_ptr_nonnull(block);
    memset(block, 0xff, size);
    ck_assert_uint_eq(read_u8(&reader), size < 1 ? 0 : 0xff);
    ck_assert_uint_eq(read_u16(&reader), size < 3 ? 0 : 0xffff);
    ck_assert_uint_eq(read_u32(&reader), size < 7 ? 0 : UINT32_MAX);
    ck_assert(read_u64(&reader) == (size < 15 ? 0 : UINT64_MAX));
    ck_assert_uint_eq(read_bytes(&reader, 5).size, size < 20 ? 0 : 5);
    last = read_u32(&reader);
    ck_assert_uint_eq(last, size < 24 ? 0 : UINT32_MAX);
    ck_assert_int_eq(reader.failed, size < 24);
    ck_assert_int_eq(reader_done(&reader), size == 24);
    free(block);
}
END_TEST

START_TEST(a_failure_is_kept)
{
    uint8_t block[4] = {1, 2, 3, 4};
    struct reader reader = reader_of(bytes_of(block, sizeof(block)));
    struct writer writer = writer_over(block, sizeof(block));

    ck_assert(read_u64(&reader) == 0);
    ck_assert_uint_eq(read_u8(&reader), 0);
    ck_assert_uint_eq(read_bytes(&reader, 0).size, 0);
    ck_assert(reader.failed && !reader_done(&reader));
    write_u64(&writer, 7);
    write_u8(&writer, 9);
    ck_assert(writer.failed);
    ck_assert_uint_eq(writer.size, 0);
    ck_assert_uint_eq(block[0], 1);
}
END_TEST

START_TEST(absurd_sizes_are_refused)
{
    uint8_t block[8] = {0};
    struct reader reader = reader_of(bytes_of(block, sizeof(block)));
    struct writer writer = writer_over(block, sizeof(block));

    (void)read_u8(&reader);
    ck_assert_uint_eq(read_bytes(&reader, SIZE_MAX).size, 0);
    ck_assert(reader.failed);
    write_u8(&writer, 1);
    write_bytes(&writer, bytes_of(block, SIZE_MAX));
    ck_assert(writer.failed);
    ck_assert_uint_eq(writer.size, 1);
}
END_TEST

START_TEST(a_counting_writer_says_what_is_needed)
{
    struct writer counting = writer_counting();

    write_all(&counting);
    ck_assert(!counting.failed);
    ck_assert_uint_eq(counting.size, ALL_SIZE);
}
END_TEST

START_TEST(views_compare_by_content)
{
    char one[] = "same", two[] = "same";

    ck_assert(bytes_equal(bytes_of_text(one), bytes_of_text(two)));
    ck_assert(!bytes_equal(bytes_of_text("same"), bytes_of_text("sam")));
    ck_assert(!bytes_equal(bytes_of_text("same"), bytes_of_text("sane")));
    ck_assert(bytes_equal(bytes_of(NULL, 0), bytes_of_text("")));
    ck_assert(bytes_equal(bytes_of("a\0b", 3), bytes_of("a\0b", 3)));
    ck_assert(!bytes_equal(bytes_of("a\0b", 3), bytes_of("a\0c", 3)));
}
END_TEST

START_TEST(text_of_bytes_is_printable_and_cut)
{
    char out[6];
    struct bytes bytes = bytes_of("\x1f ~\x7f\xff", 5);

    ck_assert_str_eq(bytes_text(bytes, out, sizeof(out)), "? ~??");
    ck_assert_str_eq(bytes_text(bytes_of("a\0b", 3), out, 6), "a?b");
    ck_assert_str_eq(bytes_text(bytes_of_text("longer"), out, 6), "longe");
    ck_assert_str_eq(bytes_text(bytes_of_text("longer"), out, 1), "");
    ck_assert_str_eq(bytes_text(bytes_of(NULL, 0), out, 6), "");
}
END_TEST

START_TEST(loads_and_stores_have_an_order)
{
    static const uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t out[8];

    ck_assert_uint_eq(load_le32(bytes), 0x04030201);
    ck_assert_uint_eq(load_be32(bytes), 0x01020304);
    ck_assert(load_le64(bytes) == UINT64_C(0x0807060504030201));
    ck_assert(load_be64(bytes) == UINT64_C(0x0102030405060708));
    store_le32(out, 0x04030201);
    ck_assert_mem_eq(out, bytes, 4);
    store_be32(out, 0x01020304);
    ck_assert_mem_eq(out, bytes, 4);
    store_le64(out, UINT64_C(0x0807060504030201));
    ck_assert_mem_eq(out, bytes, 8);
    store_be64(out, UINT64_C(0x0102030405060708));
    ck_assert_mem_eq(out, bytes, 8);
}
END_TEST

/* The store sorts keys as bytes: big-endian order must be number order. */
START_TEST(big_endian_sorts_as_numbers)
{
    struct rng rng = rng_keyed(1, 2, RNG_TEST);
    uint8_t left[8], right[8];

    for (int i = 0; i < 1000; i++) {
        uint64_t a = rng_u32(&rng) >> rng_below(&rng, 32);
        uint64_t b = (uint64_t)rng_u32(&rng) << rng_below(&rng, 32);
        store_be64(left, a);
        store_be64(right, b);
        ck_assert_int_eq(memcmp(left, right, 8) < 0, a < b);
        ck_assert(load_be64(left) == a);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bytes");
    TCase *cursors = tcase_create("cursors");
    TCase *views = tcase_create("views");

    tcase_add_test(cursors, numbers_are_little_endian);
    tcase_add_test(cursors, what_was_written_reads_back);
    tcase_add_test(cursors, doubles_keep_their_bits);
    tcase_add_loop_test(
            cursors, a_writer_stays_inside_its_block, 0, (int)ALL_SIZE + 2);
    tcase_add_loop_test(cursors, a_reader_stays_inside_its_block, 0, 26);
    tcase_add_test(cursors, a_failure_is_kept);
    tcase_add_test(cursors, absurd_sizes_are_refused);
    tcase_add_test(cursors, a_counting_writer_says_what_is_needed);
    suite_add_tcase(suite, cursors);
    tcase_add_test(views, views_compare_by_content);
    tcase_add_test(views, text_of_bytes_is_printable_and_cut);
    tcase_add_test(views, loads_and_stores_have_an_order);
    tcase_add_test(views, big_endian_sorts_as_numbers);
    suite_add_tcase(suite, views);
    return run_suite(suite);
}
