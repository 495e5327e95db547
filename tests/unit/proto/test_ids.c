/* Which ids the wire takes: every byte at every place of short ids, so at every
 * place of the eight that are looked at together. */
#include "base/err.h"
#include "proto/wire.h"
#include "tests/lib/suite.h"

#include <stdio.h>

#define LENGTHS 27u /* 26 is that of an id that rue makes */

START_TEST(a_byte_is_taken_if_it_is_printable)
{
    uint8_t id[LENGTHS];
    char expected[64];
    struct err err;

    for (size_t size = 1; size < LENGTHS; size++)
        for (size_t at = 0; at < size; at++)
            for (unsigned byte = 0; byte < 256; byte++) {
                bool good = byte >= 32 && byte < 127;
                int status;
                memset(id, at % 2 == 0 ? ' ' : '~', size);
                id[at] = (uint8_t)byte;
                status = wire_check_id(bytes_of(id, size), "id", &err);
                ck_assert_int_eq(status, good ? 0 : STATUS_INVALID);
                if (good)
                    continue;
                (void)snprintf(
                        expected, sizeof(expected), "id: byte %zu is", at);
                ck_assert_msg(
                        strncmp(err.text, expected, strlen(expected)) == 0,
                        "%s", err.text);
            }
}
END_TEST

/* Two bytes, three and four; then the last of them is missing. */
START_TEST(a_letter_may_have_several_bytes)
{
    static const char *const letters[] = {
            "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8e\xb2"};
    uint8_t id[LENGTHS + 4];
    struct err err;

    for (size_t i = 0; i < ARRAY_COUNT(letters); i++)
        for (size_t before = 0; before < LENGTHS; before++) {
            size_t size = strlen(letters[i]);
            memset(id, 'x', sizeof(id));
            memcpy(id + before, letters[i], size);
            ck_assert_int_eq(
                    wire_check_id(bytes_of(id, sizeof(id)), "id", &err), 0);
            id[before + size - 1] = 'x';
            ck_assert_int_eq(
                    wire_check_id(bytes_of(id, sizeof(id)), "id", &err),
                    STATUS_INVALID);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ids");
    TCase *cases = tcase_create("all");

    tcase_add_test(cases, a_byte_is_taken_if_it_is_printable);
    tcase_add_test(cases, a_letter_may_have_several_bytes);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
