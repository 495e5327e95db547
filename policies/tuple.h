/* Tuples of context fields, for policies that keep something apart by them.
 * Written as words, coarse fields first:
 *
 *     0              a dense column of the context, by its value
 *     3/100          by the piece of that width that it lies in
 *     amount         a named number, space.name too; 0 where it is not there
 *     card=visa|amex a named text: which of these words it is, or none of them
 *     groups         which groups are awake
 *
 * A text is known by its hash only, so its words must be listed. */
#ifndef POLICIES_TUPLE_H
#define POLICIES_TUPLE_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/types.h"

#define TUPLE_FIELDS_MAX 8u
#define TUPLE_WORDS_MAX  64u
/* Of the tuple without fields. */
#define TUPLE_EMPTY_KEY UINT64_C(0x726f6f74)

/* One part of the tuple: of a dense column its value, or which piece of a width
 * it lies in; of a named feature its value, or which word of a list is there;
 * or which groups are awake. */
enum field_kind { FIELD_COLUMN, FIELD_NAME, FIELD_WORDS, FIELD_GROUPS };

struct field {
    enum field_kind kind;
    uint32_t column;
    double width; /* 0: the value itself */
    uint64_t hash; /* of a named feature */
    uint32_t first, words; /* place in the list of words */
};

struct tuple {
    uint32_t count;
    uint32_t word_count;
    struct field field[TUPLE_FIELDS_MAX];
    uint64_t word[TUPLE_WORDS_MAX]; /* hashes of name=word */
};

/* INVALID, with the word at fault. The tuple keeps no view of the text. */
int tuple_parse(struct tuple *tuple, struct bytes text,
        const struct shape *shape, struct err *err) MUST_USE;

/* keys[d] is a hash of the values of the first d fields, d = 0..count. */
void tuple_keys(const struct tuple *tuple, const struct context *context,
        uint64_t *keys);

/* Changes if any field does. */
uint64_t tuple_digest(const struct tuple *tuple);

#endif
