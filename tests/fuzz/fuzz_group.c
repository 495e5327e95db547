/* A group's predicate. Whatever the text is: a rule that is taken is within
 * limits, means the same with tabs for spaces, and `RULE and RULE` means what
 * RULE means. */
#include "policies/groups.h"
#include "tests/fuzz/common.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>

const uint32_t fuzz_mutations = 60000;

#define TEXT_MAX 2048u
#define TERMS    16u

static const struct bytes columns[3] = {{(const uint8_t *)"age", 3},
        {(const uint8_t *)"bmi", 3}, {(const uint8_t *)"user.kind", 9}};

static const double points[][3] = {
        {0, 0, 0}, {35, 20, 1}, {-1, 1e15, 0.5}, {36, -0.0, 2}};
static const struct feature named[2] = {{1, 1.0}, {2, -3.0}};

static bool holds(const struct group_rule *rule, size_t point)
{
    struct features features = {points[point], 3, 2, named};

    return group_rule_holds(rule, &features);
}

static void check_terms(const struct group_rule *rule)
{
    CHECK(rule->term_count >= 1 && rule->term_count <= TERMS);
    for (uint32_t i = 0; i < rule->term_count; i++) {
        const struct group_term *term = &rule->terms[i];
        CHECK(isfinite(term->value));
        CHECK(term->operation <= GROUP_NOT_EQUAL);
        CHECK(!term->dense || term->column < ARRAY_COUNT(columns));
    }
}

static int parse(struct group_rule *rule, const uint8_t *text, size_t size,
        struct err *err)
{
    return group_rule_parse(rule, bytes_of(text, size), columns,
            ARRAY_COUNT(columns), arena_fresh(0), err);
}

static void check_same(const struct group_rule *a, const struct group_rule *b)
{
    for (size_t i = 0; i < ARRAY_COUNT(points); i++)
        CHECK(holds(a, i) == holds(b, i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t text[2 * TEXT_MAX + 8];
    struct group_term terms[TERMS];
    struct group_rule rule, other;
    struct err err = {STATUS_OK, ""};

    if (size > TEXT_MAX)
        return 0;
    if (parse(&rule, data, size, &err) != 0) {
        CHECK(err.status == STATUS_INVALID && err.text[0] != '\0');
        return 0;
    }
    check_terms(&rule);
    memcpy(terms, rule.terms, rule.term_count * sizeof(*terms));
    rule.terms = terms;
    for (size_t i = 0; i < size; i++)
        text[i] = data[i] == ' ' ? '\t' : data[i];
    CHECK_ZERO(parse(&other, text, size, &err));
    CHECK(other.term_count == rule.term_count);
    check_same(&rule, &other);
    if (2 * rule.term_count > TERMS)
        return 0;
    memcpy(text, data, size);
    memcpy(text + size, " and ", 5);
    memcpy(text + size + 5, data, size);
    CHECK_ZERO(parse(&other, text, 2 * size + 5, &err));
    CHECK(other.term_count == 2 * rule.term_count);
    check_same(&rule, &other);
    return 0;
}
