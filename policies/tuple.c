#include "policies/tuple.h"

#include "base/hash.h"
#include "base/units.h"
#include "policies/features.h"

#include <math.h>

/* ---- text ---- */

static struct bytes cut(struct bytes *rest, char separator)
{
    const uint8_t *at =
            rest->size == 0 ? NULL : memchr(rest->data, separator, rest->size);
    struct bytes part = *rest;

    if (at == NULL) {
        *rest = bytes_of(NULL, 0);
        return part;
    }
    part.size = (size_t)(at - rest->data);
    *rest = bytes_of(at + 1, rest->size - part.size - 1);
    return part;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static int bad_field(struct bytes word, const char *why, struct err *err)
{
    char text[80];

    return err_set(err, STATUS_INVALID, "cells: '%s' %s",
            bytes_text(word, text, sizeof(text)), why);
}

/* COLUMN or COLUMN/WIDTH */
static int parse_column(struct field *field, struct bytes word,
        uint32_t columns, struct err *err)
{
    struct bytes rest = word;
    double number;

    if (!number_parse(cut(&rest, '/'), &number) || number != floor(number) ||
            !(number < (double)columns))
        return bad_field(word, "is no column of the context", err);
    field->kind = FIELD_COLUMN;
    field->column = (uint32_t)number;
    if (memchr(word.data, '/', word.size) != NULL &&
            !(number_parse(rest, &field->width) && field->width > 0.0))
        return bad_field(word, "needs a positive width", err);
    return 0;
}

static void split_name(
        struct bytes word, struct bytes *space, struct bytes *name)
{
    *name = word;
    *space = bytes_of(NULL, 0);
    if (memchr(word.data, '.', word.size) != NULL)
        *space = cut(name, '.');
}

/* NAME or NAME=WORD|WORD */
static int parse_name(struct tuple *tuple, struct field *field,
        struct bytes word, struct err *err)
{
    struct bytes words = word;
    struct bytes left = cut(&words, '=');
    struct bytes space, name;

    if (left.size == 0)
        return bad_field(word, "has no name", err);
    split_name(left, &space, &name);
    field->kind = FIELD_NAME;
    field->hash = feature_hash(space, name);
    if (left.size == word.size)
        return 0;
    field->kind = FIELD_WORDS;
    field->first = tuple->word_count;
    do {
        struct bytes text = cut(&words, '|');
        if (text.size == 0 || tuple->word_count == TUPLE_WORDS_MAX)
            return bad_field(word, "has an empty word, or too many", err);
        tuple->word[tuple->word_count++] = feature_hash_text(space, name, text);
        field->words++;
    } while (words.size > 0);
    return 0;
}

int tuple_parse(struct tuple *tuple, struct bytes text,
        const struct shape *shape, struct err *err)
{
    memset(tuple, 0, sizeof(*tuple));
    while (text.size > 0) {
        struct bytes word = cut(&text, ' ');
        struct field *field = &tuple->field[tuple->count];
        int status = 0;
        if (word.size == 0)
            continue;
        if (tuple->count++ == TUPLE_FIELDS_MAX)
            return err_set(err, STATUS_INVALID, "cells: at most %u fields",
                    TUPLE_FIELDS_MAX);
        if (is_digit(word.data[0]))
            status = parse_column(field, word, shape->shared_dense, err);
        else if (bytes_equal(word, bytes_of_text("groups")))
            field->kind = FIELD_GROUPS;
        else
            status = parse_name(tuple, field, word, err);
        if (status != 0)
            return status;
    }
    return 0;
}

/* ---- keys ---- */

static uint64_t hash_of_value(double value)
{
    double one = value == 0.0 ? 0.0 : value; /* -0 is 0 */

    return hash_bytes(bytes_of(&one, sizeof(one)), 2);
}

static const struct feature *find_named(
        const struct features *features, uint64_t hash)
{
    for (uint32_t i = 0; i < features->named_count; i++)
        if (features->named[i].hash == hash)
            return &features->named[i];
    return NULL;
}

/* Which word is there; the number of words where none is. */
static uint32_t word_of(const struct tuple *tuple, const struct field *field,
        const struct features *features)
{
    uint32_t i = 0;

    while (i < field->words &&
            find_named(features, tuple->word[field->first + i]) == NULL)
        i++;
    return i;
}

static uint64_t category(const struct tuple *tuple, const struct field *field,
        const struct context *context)
{
    const struct features *shared = &context->shared;
    const struct feature *named;
    double value;

    switch (field->kind) {
    case FIELD_COLUMN:
        value = shared->dense[field->column];
        return hash_of_value(
                field->width > 0.0 ? floor(value / field->width) : value);
    case FIELD_NAME:
        named = find_named(shared, field->hash);
        return hash_of_value(named == NULL ? 0.0 : named->value);
    case FIELD_WORDS:
        return word_of(tuple, field, shared);
    case FIELD_GROUPS:
        return hash_bytes(
                bytes_of(context->groups,
                        context->group_count * sizeof(*context->groups)),
                3);
    }
    CHECK_UNREACHABLE();
}

void tuple_keys(const struct tuple *tuple, const struct context *context,
        uint64_t *keys)
{
    keys[0] = TUPLE_EMPTY_KEY;
    for (uint32_t i = 0; i < tuple->count; i++)
        keys[i + 1] =
                hash_mix(keys[i], category(tuple, &tuple->field[i], context));
}

uint64_t tuple_digest(const struct tuple *tuple)
{
    uint64_t digest = hash_mix(tuple->count, tuple->word_count);

    for (uint32_t i = 0; i < tuple->count; i++) {
        const struct field *field = &tuple->field[i];
        digest = hash_mix(digest, hash_mix(field->kind, field->column));
        digest = hash_mix(digest, hash_of_value(field->width));
        digest = hash_mix(digest, hash_mix(field->hash, field->words));
    }
    for (uint32_t i = 0; i < tuple->word_count; i++)
        digest = hash_mix(digest, tuple->word[i]);
    return digest;
}
