/* A JSON text, value by value, in the order in which it stands there: the
 * caller says what it wants next. Views into the text; strings with escapes are
 * written into the arena. No memory of its own, no recursion.
 *
 * After a fault every call fails: a parser can look once, at json_done or at
 * `what`. (RFC 8259; a number may also begin with + or a point, as C writes
 * them.)
 *
 *     struct json json = json_of(text, arena);
 *     json_begin(&json, '{');
 *     while (json_member(&json, &key))
 *         ... exactly one of json_text, json_number, json_skip, json_begin */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/arena.h"
#include "base/bytes.h"

#define JSON_DEPTH_MAX 64u

enum json_kind {
    JSON_NONE, /* a fault, or the end */
    JSON_OBJECT,
    JSON_ARRAY,
    JSON_TEXT,
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
};

struct json {
    const uint8_t *at, *end, *start;
    struct arena *arena; /* for strings with escapes */
    const char *what; /* the fault, NULL = none */
    uint32_t depth;
    bool first; /* of the object or array that was begun last */
};

struct json json_of(struct bytes text, struct arena *arena);

/* What comes next. */
enum json_kind json_peek(struct json *json);

/* Into an object or array. */
bool json_begin_object(struct json *json);
bool json_begin_array(struct json *json);
/* The next member of the object, or its end (or a fault): false. */
bool json_member(struct json *json, struct bytes *key);
/* The same for elements of an array. */
bool json_element(struct json *json);

bool json_text(struct json *json, struct bytes *text);
bool json_number(struct json *json, double *value);
/* The digits of a number, for those that a double cannot hold. */
bool json_digits(struct json *json, struct bytes *digits);
/* true, false or null, whichever json_peek said. */
void json_word(struct json *json);
/* Any value. */
void json_skip(struct json *json);

/* Writes a text as a JSON string; false if it is not UTF-8. */
bool json_write_text(struct writer *writer, struct bytes text);

/* Nothing but blanks is left, and there was no fault. */
bool json_done(struct json *json);
/* Sets the fault, unless there is one. */
void json_fail(struct json *json, const char *what);
/* Bytes read so far. */
size_t json_at(const struct json *json);

#endif
