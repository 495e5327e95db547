/* A reward.expression. Whatever the text is: one that is taken has a value for
 * any fields, the same with tabs for spaces, in parentheses, twice negated and
 * as the larger of itself; one that is refused is refused with a place. */
#include "service/engine/expression.h"
#include "tests/fuzz/common.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>

const uint32_t fuzz_mutations = 60000;

#define TEXT_MAX 4096u

static const struct field some[] = {
        {{(const uint8_t *)"authorised", 10}, 1.0},
        {{(const uint8_t *)"fee", 3}, 0.25},
        {{(const uint8_t *)"a", 1}, -3.5},
        {{(const uint8_t *)"b", 1}, 1e15},
        {{(const uint8_t *)"c", 1}, 0.0},
};
static const struct fields reported[] = {
        {0, NULL}, {1, some}, {3, some}, {ARRAY_COUNT(some), some}};

static bool same(double a, double b)
{
    return memcmp(&a, &b, sizeof(a)) == 0 || (isnan(a) && isnan(b));
}

static void check_same(const struct expression *a, const struct expression *b)
{
    for (size_t i = 0; i < ARRAY_COUNT(reported); i++)
        CHECK(same(expression_value(a, &reported[i]),
                expression_value(b, &reported[i])));
}

/* `head` text `middle` text `tail`, the second text only with a middle; false
 * if it is too long or too deep now. */
static bool wrapped(struct expression *expression, struct bytes text,
        const char *head, const char *middle, const char *tail)
{
    static uint8_t room[2 * TEXT_MAX + 64];
    struct writer writer = writer_over(room, sizeof(room));
    struct err err;

    write_bytes(&writer, bytes_of_text(head));
    write_bytes(&writer, text);
    write_bytes(&writer, bytes_of_text(middle));
    if (middle[0] != '\0')
        write_bytes(&writer, text);
    write_bytes(&writer, bytes_of_text(tail));
    return expression_parse(expression, writer_bytes(&writer), arena_fresh(1),
                   &err) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t tabs[TEXT_MAX];
    struct bytes text = bytes_of(data, size);
    struct expression expression, other;
    struct err err = {STATUS_OK, ""};

    if (size > TEXT_MAX)
        return 0;
    if (expression_parse(&expression, text, arena_fresh(0), &err) != 0) {
        CHECK(err.status == STATUS_INVALID);
        CHECK(strncmp(err.text, "line ", 5) == 0);
        return 0;
    }
    CHECK(expression.count >= 1 && expression.count <= EXPRESSION_STEPS_MAX);
    CHECK(expression.name_count <= EXPRESSION_FIELDS_MAX);
    for (size_t i = 0; i < size; i++)
        tabs[i] = data[i] == ' ' ? '\t' : data[i];
    CHECK_ZERO(expression_parse(
            &other, bytes_of(tabs, size), arena_fresh(1), &err));
    check_same(&expression, &other);
    if (wrapped(&other, text, " (", "", ") "))
        check_same(&expression, &other);
    if (wrapped(&other, text, "- -(", "", ")"))
        check_same(&expression, &other);
    if (wrapped(&other, text, "max(", ",", ")"))
        check_same(&expression, &other);
    if (wrapped(&other, text, "1 ? ", ":", ""))
        check_same(&expression, &other);
    return 0;
}
