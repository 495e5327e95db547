#include "policies/groups.h"

#include "base/units.h"
#include "policies/features.h"

#define TERMS_MAX 16u

/* ---- reading words ---- */

struct words {
    struct bytes rest;
};

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static bool is_operator(uint8_t c)
{
    return c == '<' || c == '>' || c == '=' || c == '!';
}

/* The next run of operator characters, or of anything else but space. */
static struct bytes next_word(struct words *words)
{
    struct bytes *rest = &words->rest;
    size_t size = 0;
    struct bytes word;

    while (rest->size > 0 && is_space(rest->data[0])) {
        rest->data++;
        rest->size--;
    }
    while (size < rest->size && !is_space(rest->data[size]) &&
            is_operator(rest->data[size]) == is_operator(rest->data[0]))
        size++;
    word = bytes_of(rest->data, size);
    if (size > 0) {
        rest->data += size;
        rest->size -= size;
    }
    return word;
}

static bool operator_of(struct bytes word, enum group_operator *out)
{
    static const char *const operators[] = {"<", "<=", ">", ">=", "=", "!="};

    for (size_t i = 0; i < ARRAY_COUNT(operators); i++)
        if (bytes_equal(word, bytes_of_text(operators[i]))) {
            *out = (enum group_operator)i;
            return true;
        }
    return false;
}

/* ---- terms ---- */

/* `a` of "a", `space` and `a` of "space.a". */
static void split_name(
        struct bytes word, struct bytes *space, struct bytes *name)
{
    const uint8_t *dot =
            word.size == 0 ? NULL : memchr(word.data, '.', word.size);

    if (dot == NULL) {
        *space = bytes_of(NULL, 0);
        *name = word;
        return;
    }
    *space = bytes_of(word.data, (size_t)(dot - word.data));
    *name = bytes_of(dot + 1, word.size - space->size - 1);
}

static bool find_column(struct bytes word, const struct bytes *columns,
        uint32_t column_count, uint32_t *column)
{
    for (uint32_t i = 0; i < column_count; i++)
        if (bytes_equal(columns[i], word)) {
            *column = i;
            return true;
        }
    return false;
}

static int term_parse(struct words *words, struct group_term *term,
        const struct bytes *columns, uint32_t column_count, struct err *err)
{
    struct bytes left = next_word(words);
    struct bytes middle = next_word(words);
    struct bytes right = next_word(words);
    struct bytes space, name;
    bool number = number_parse(right, &term->value);
    char text[80];

    if (left.size == 0 || right.size == 0 || is_operator(left.data[0]) ||
            is_operator(right.data[0]) ||
            !operator_of(middle, &term->operation))
        return err_set(err, STATUS_INVALID,
                "near '%s': expected NAME OPERATOR VALUE",
                bytes_text(left, text, sizeof(text)));
    term->dense = find_column(left, columns, column_count, &term->column);
    if (number && term->dense)
        return 0;
    split_name(left, &space, &name);
    term->hash = number ? feature_hash(space, name)
                        : feature_hash_text(space, name, right);
    if (number)
        return 0;
    if (term->dense ||
            (term->operation != GROUP_EQUAL &&
                    term->operation != GROUP_NOT_EQUAL))
        return err_set(err, STATUS_INVALID,
                "'%s' is not a number; words go with = and != on named "
                "features",
                bytes_text(right, text, sizeof(text)));
    term->value = 1.0;
    return 0;
}

int group_rule_parse(struct group_rule *rule, struct bytes text,
        const struct bytes *columns, uint32_t column_count, struct arena *arena,
        struct err *err)
{
    struct words words = {text};

    rule->term_count = 0;
    rule->terms = arena_zalloc(arena, TERMS_MAX, sizeof(*rule->terms));
    if (rule->terms == NULL)
        return err_set(err, STATUS_INVALID, "too many groups");
    for (;;) {
        struct bytes word;
        if (rule->term_count == TERMS_MAX)
            return err_set(
                    err, STATUS_INVALID, "at most %u comparisons", TERMS_MAX);
        if (term_parse(&words, &rule->terms[rule->term_count], columns,
                    column_count, err) != 0)
            return STATUS_INVALID;
        rule->term_count++;
        word = next_word(&words);
        if (word.size == 0)
            return 0;
        if (!bytes_equal(word, bytes_of_text("and")))
            return err_set(
                    err, STATUS_INVALID, "comparisons are joined by `and`");
    }
}

static double term_left(
        const struct group_term *term, const struct features *features)
{
    double sum = 0.0;

    if (term->dense)
        return features->dense[term->column];
    for (uint32_t i = 0; i < features->named_count; i++)
        if (features->named[i].hash == term->hash)
            sum += features->named[i].value;
    return sum;
}

static bool term_holds(
        const struct group_term *term, const struct features *features)
{
    double left = term_left(term, features);

    switch (term->operation) {
    case GROUP_LESS:
        return left < term->value;
    case GROUP_LESS_EQUAL:
        return left <= term->value;
    case GROUP_GREATER:
        return left > term->value;
    case GROUP_GREATER_EQUAL:
        return left >= term->value;
    case GROUP_EQUAL:
        return left == term->value;
    case GROUP_NOT_EQUAL:
        return left != term->value;
    }
    CHECK_UNREACHABLE();
}

bool group_rule_holds(
        const struct group_rule *rule, const struct features *features)
{
    for (uint32_t i = 0; i < rule->term_count; i++)
        if (!term_holds(&rule->terms[i], features))
            return false;
    return true;
}
