#include "service/engine/expression.h"

#include "base/limits.h"
#include "base/units.h"

#include <math.h>
#include <stdio.h>

enum operation {
    PUSH, /* number */
    FIELD, /* field, 0 where absent */
    HAS, /* field */
    DEFAULT, /* field, or the top where absent */
    NEGATE,
    NOT,
    ABS,
    ADD,
    SUBTRACT,
    MULTIPLY,
    DIVIDE,
    LESS,
    LESS_EQUAL,
    GREATER,
    GREATER_EQUAL,
    EQUAL,
    UNEQUAL,
    AND,
    OR,
    MIN,
    MAX,
    CHOOSE, /* condition, then, else */
};

struct expression_step {
    uint16_t operation;
    uint16_t field; /* index into names */
    double number;
};

/* ---- reading ---- */

struct parser {
    struct bytes text;
    size_t at;
    uint32_t depth;
    struct expression_step steps[EXPRESSION_STEPS_MAX];
    uint32_t count;
    struct bytes names[EXPRESSION_FIELDS_MAX];
    uint32_t name_count;
    struct err *err;
};

static int parse_choice(struct parser *parser);

static int wrong_at(struct parser *parser, size_t at, const char *what)
{
    uint32_t line = 1, column = 1;

    for (size_t i = 0; i < at && i < parser->text.size; i++) {
        column++;
        if (parser->text.data[i] == '\n') {
            line++;
            column = 1;
        }
    }
    return err_set(parser->err, STATUS_INVALID, "line %u, column %u: %s", line,
            column, what);
}

static int wrong(struct parser *parser, const char *what)
{
    return wrong_at(parser, parser->at, what);
}

static uint8_t peek(const struct parser *parser, size_t ahead)
{
    size_t at = parser->at + ahead;

    return at < parser->text.size ? parser->text.data[at] : 0;
}

static void skip_space(struct parser *parser)
{
    uint8_t c = peek(parser, 0);

    while (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        parser->at++;
        c = peek(parser, 0);
    }
}

/* Takes a symbol if it stands here. */
static bool take(struct parser *parser, const char *symbol)
{
    size_t size = strlen(symbol);

    skip_space(parser);
    if (parser->text.size - parser->at < size ||
            memcmp(parser->text.data + parser->at, symbol, size) != 0)
        return false;
    parser->at += size;
    return true;
}

static int need(struct parser *parser, const char *symbol)
{
    char what[16];

    if (take(parser, symbol))
        return 0;
    (void)snprintf(what, sizeof(what), "'%s' is missing", symbol);
    return wrong(parser, what);
}

static int emit(struct parser *parser, enum operation operation, uint16_t field,
        double number)
{
    if (parser->count == EXPRESSION_STEPS_MAX)
        return wrong(parser, "the expression has too many operations");
    parser->steps[parser->count++] =
            (struct expression_step){(uint16_t)operation, field, number};
    return 0;
}

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static struct bytes take_name(struct parser *parser)
{
    size_t from;

    skip_space(parser);
    from = parser->at;
    while (is_letter(peek(parser, 0)) || is_digit(peek(parser, 0)))
        parser->at++;
    return bytes_of(parser->text.data + from, parser->at - from);
}

static int parse_number(struct parser *parser)
{
    size_t from = parser->at;
    double value;

    while (is_digit(peek(parser, 0)) || peek(parser, 0) == '.')
        parser->at++;
    if (peek(parser, 0) == 'e' || peek(parser, 0) == 'E') {
        parser->at++;
        if (peek(parser, 0) == '-' || peek(parser, 0) == '+')
            parser->at++;
        while (is_digit(peek(parser, 0)))
            parser->at++;
    }
    if (is_letter(peek(parser, 0)) ||
            !number_parse(bytes_of(parser->text.data + from, parser->at - from),
                    &value))
        return wrong_at(parser, from, "not a number");
    return emit(parser, PUSH, 0, value);
}

static int field_index(
        struct parser *parser, struct bytes name, size_t from, uint16_t *index)
{
    uint32_t i = 0;

    if (name.size == 0)
        return wrong_at(parser, from, "the name of a field is missing");
    if (name.size > ID_BYTES_MAX)
        return wrong_at(parser, from, "the name is too long");
    while (i < parser->name_count && !bytes_equal(parser->names[i], name))
        i++;
    if (i == EXPRESSION_FIELDS_MAX)
        return wrong_at(parser, from, "too many different fields");
    if (i == parser->name_count)
        parser->names[parser->name_count++] = name;
    *index = (uint16_t)i;
    return 0;
}

static int parse_field(struct parser *parser, struct bytes name, size_t from)
{
    uint16_t index = 0;
    int status = field_index(parser, name, from, &index);

    return status == 0 ? emit(parser, FIELD, index, 0.0) : status;
}

/* ---- functions ---- */

/* min and max: two arguments or more, folded from the left. */
static int parse_fold(struct parser *parser, enum operation operation)
{
    int status = parse_choice(parser);

    if (status == 0)
        status = need(parser, ",");
    do {
        if (status == 0)
            status = parse_choice(parser);
        if (status == 0)
            status = emit(parser, operation, 0, 0.0);
    } while (status == 0 && take(parser, ","));
    return status;
}

static int parse_if(struct parser *parser)
{
    int status = parse_choice(parser);

    for (int i = 0; status == 0 && i < 2; i++) {
        status = need(parser, ",");
        if (status == 0)
            status = parse_choice(parser);
    }
    return status == 0 ? emit(parser, CHOOSE, 0, 0.0) : status;
}

/* has(field) and default(field, a). */
static int parse_of_field(struct parser *parser, enum operation operation)
{
    uint16_t index = 0;
    size_t from;
    struct bytes name;
    int status;

    skip_space(parser);
    from = parser->at;
    name = is_letter(peek(parser, 0)) ? take_name(parser) : bytes_of(NULL, 0);
    status = field_index(parser, name, from, &index);
    if (status == 0 && operation == DEFAULT)
        status = need(parser, ",");
    if (status == 0 && operation == DEFAULT)
        status = parse_choice(parser);
    return status == 0 ? emit(parser, operation, index, 0.0) : status;
}

static int parse_abs(struct parser *parser)
{
    int status = parse_choice(parser);

    return status == 0 ? emit(parser, ABS, 0, 0.0) : status;
}

static int parse_call(struct parser *parser, struct bytes name, size_t from)
{
    int status;

    if (bytes_equal(name, bytes_of_text("min")))
        status = parse_fold(parser, MIN);
    else if (bytes_equal(name, bytes_of_text("max")))
        status = parse_fold(parser, MAX);
    else if (bytes_equal(name, bytes_of_text("abs")))
        status = parse_abs(parser);
    else if (bytes_equal(name, bytes_of_text("if")))
        status = parse_if(parser);
    else if (bytes_equal(name, bytes_of_text("has")))
        status = parse_of_field(parser, HAS);
    else if (bytes_equal(name, bytes_of_text("default")))
        status = parse_of_field(parser, DEFAULT);
    else
        return wrong_at(parser, from,
                "no such function; there are min, max, abs, if, has, default");
    return status == 0 ? need(parser, ")") : status;
}

/* ---- levels of binding, the strongest first ---- */

static int parse_primary(struct parser *parser)
{
    size_t from;
    struct bytes name;
    int status;

    skip_space(parser);
    from = parser->at;
    if (is_digit(peek(parser, 0)) || peek(parser, 0) == '.')
        return parse_number(parser);
    if (take(parser, "(")) {
        status = parse_choice(parser);
        return status == 0 ? need(parser, ")") : status;
    }
    if (!is_letter(peek(parser, 0)))
        return wrong(parser, "a number, a field or '(' is missing");
    name = take_name(parser);
    return take(parser, "(") ? parse_call(parser, name, from)
                             : parse_field(parser, name, from);
}

/* Signs, the innermost last. */
static int parse_unary(struct parser *parser)
{
    enum operation signs[EXPRESSION_DEPTH_MAX];
    uint32_t count = 0;
    int status;

    for (;;) {
        bool minus = take(parser, "-");
        if (!minus && (peek(parser, 1) == '=' || !take(parser, "!")))
            break;
        if (count == EXPRESSION_DEPTH_MAX)
            return wrong(parser, "too deep");
        signs[count++] = minus ? NEGATE : NOT;
    }
    status = parse_primary(parser);
    while (status == 0 && count > 0)
        status = emit(parser, signs[--count], 0, 0.0);
    return status;
}

static int parse_product(struct parser *parser)
{
    int status = parse_unary(parser);

    while (status == 0) {
        enum operation operation;
        if (take(parser, "*"))
            operation = MULTIPLY;
        else if (take(parser, "/"))
            operation = DIVIDE;
        else
            break;
        status = parse_unary(parser);
        if (status == 0)
            status = emit(parser, operation, 0, 0.0);
    }
    return status;
}

static int parse_sum(struct parser *parser)
{
    int status = parse_product(parser);

    while (status == 0) {
        enum operation operation;
        if (take(parser, "+"))
            operation = ADD;
        else if (take(parser, "-"))
            operation = SUBTRACT;
        else
            break;
        status = parse_product(parser);
        if (status == 0)
            status = emit(parser, operation, 0, 0.0);
    }
    return status;
}

static const struct {
    const char *symbol;
    enum operation operation;
} comparisons[] = {
        {"<=", LESS_EQUAL},
        {">=", GREATER_EQUAL},
        {"==", EQUAL},
        {"!=", UNEQUAL},
        {"<", LESS},
        {">", GREATER},
};

static int parse_comparison(struct parser *parser)
{
    int status = parse_sum(parser);
    size_t k = 0;

    if (status != 0)
        return status;
    while (k < ARRAY_COUNT(comparisons) && !take(parser, comparisons[k].symbol))
        k++;
    if (k == ARRAY_COUNT(comparisons))
        return 0;
    status = parse_sum(parser);
    return status == 0 ? emit(parser, comparisons[k].operation, 0, 0.0)
                       : status;
}

static int parse_and(struct parser *parser)
{
    int status = parse_comparison(parser);

    while (status == 0 && take(parser, "&&")) {
        status = parse_comparison(parser);
        if (status == 0)
            status = emit(parser, AND, 0, 0.0);
    }
    return status;
}

static int parse_or(struct parser *parser)
{
    int status = parse_and(parser);

    while (status == 0 && take(parser, "||")) {
        status = parse_and(parser);
        if (status == 0)
            status = emit(parser, OR, 0, 0.0);
    }
    return status;
}

/* The whole of an expression; every nesting passes here. */
static int parse_choice(struct parser *parser)
{
    int status;

    if (++parser->depth > EXPRESSION_DEPTH_MAX)
        return wrong(parser, "too deep");
    status = parse_or(parser);
    if (status == 0 && take(parser, "?")) {
        status = parse_choice(parser);
        if (status == 0)
            status = need(parser, ":");
        if (status == 0)
            status = parse_choice(parser);
        if (status == 0)
            status = emit(parser, CHOOSE, 0, 0.0);
    }
    parser->depth--;
    return status;
}

static int parse_all(struct parser *parser)
{
    int status = parse_choice(parser);

    skip_space(parser);
    if (status == 0 && parser->at < parser->text.size)
        return wrong(parser, "an operator or the end is missing");
    return status;
}

/* ---- keeping ---- */

static int keep(struct expression *expression, const struct parser *parser,
        struct arena *arena)
{
    struct bytes *names =
            arena_array(arena, struct bytes, parser->name_count + 1);

    expression->steps = arena_copy(
            arena, parser->steps, parser->count * sizeof(parser->steps[0]));
    expression->count = parser->count;
    expression->names = names;
    expression->name_count = parser->name_count;
    for (uint32_t i = 0; names != NULL && i < parser->name_count; i++)
        names[i] = bytes_of(
                arena_copy(arena, parser->names[i].data, parser->names[i].size),
                parser->names[i].size);
    return arena->overflow
            ? err_set(parser->err, STATUS_INVALID, "the expression is too long")
            : 0;
}

int expression_parse(struct expression *expression, struct bytes text,
        struct arena *arena, struct err *err)
{
    struct parser parser;
    int status;

    parser.text = text;
    parser.at = 0;
    parser.depth = parser.count = parser.name_count = 0;
    parser.err = err;
    memset(expression, 0, sizeof(*expression));
    if (text.size > EXPRESSION_BYTES_MAX)
        return err_set(err, STATUS_INVALID, "longer than %u bytes",
                EXPRESSION_BYTES_MAX);
    status = parse_all(&parser);
    return status == 0 ? keep(expression, &parser, arena) : status;
}

/* ---- evaluation ---- */

static const struct field *find(const struct fields *fields, struct bytes name)
{
    for (uint32_t i = 0; i < fields->count; i++) {
        if (bytes_equal(fields->list[i].name, name))
            return &fields->list[i];
    }
    return NULL;
}

static double binary(enum operation operation, double a, double b)
{
    switch (operation) {
    case ADD:
        return a + b;
    case SUBTRACT:
        return a - b;
    case MULTIPLY:
        return a * b;
    case DIVIDE:
        return a / b;
    case LESS:
        return a < b;
    case LESS_EQUAL:
        return a <= b;
    case GREATER:
        return a > b;
    case GREATER_EQUAL:
        return a >= b;
    case EQUAL:
        return a == b;
    case UNEQUAL:
        return a != b;
    case AND:
        return a != 0.0 && b != 0.0;
    case OR:
        return a != 0.0 || b != 0.0;
    case MIN:
        return b < a ? b : a;
    case MAX:
        return b > a ? b : a;
    default:
        CHECK_UNREACHABLE();
    }
}

/* Of the top of the stack alone. */
static double unary(
        const struct expression_step *step, const struct field *field, double a)
{
    switch ((enum operation)step->operation) {
    case DEFAULT:
        return field != NULL ? field->value : a;
    case NEGATE:
        return -a;
    case NOT:
        return a == 0.0;
    case ABS:
        return fabs(a);
    default:
        CHECK_UNREACHABLE();
    }
}

static double leaf(
        const struct expression_step *step, const struct field *field)
{
    switch ((enum operation)step->operation) {
    case PUSH:
        return step->number;
    case FIELD:
        return field != NULL ? field->value : 0.0;
    case HAS:
        return field != NULL;
    default:
        CHECK_UNREACHABLE();
    }
}

double expression_value(
        const struct expression *expression, const struct fields *fields)
{
    double stack[EXPRESSION_STEPS_MAX] = {0.0};
    const struct field *found[EXPRESSION_FIELDS_MAX] = {NULL};
    uint32_t top = 0; /* numbers on the stack */

    for (uint32_t i = 0; i < expression->name_count; i++)
        found[i] = find(fields, expression->names[i]);
    for (uint32_t i = 0; i < expression->count; i++) {
        const struct expression_step *step = &expression->steps[i];
        const struct field *field =
                expression->name_count > 0 ? found[step->field] : NULL;
        if (step->operation <= HAS) {
            stack[top++] = leaf(step, field);
        } else if (step->operation <= ABS) {
            CHECK(top >= 1);
            stack[top - 1] = unary(step, field, stack[top - 1]);
        } else if (step->operation == CHOOSE) {
            CHECK(top >= 3);
            top -= 2;
            stack[top - 1] =
                    stack[top - 1] != 0.0 ? stack[top] : stack[top + 1];
        } else {
            CHECK(top >= 2);
            top--;
            stack[top - 1] = binary((enum operation)step->operation,
                    stack[top - 1], stack[top]);
        }
    }
    CHECK(top == 1);
    return stack[0];
}
