/* Text that grows on the heap: what the HTTP side answers with. When there is
 * no memory it remembers that in `failed`, so that a long answer can be checked
 * once at its end.
 *
 * A thousand problems make 20,000 lines of metrics, most of them whole numbers:
 * those are printed here, several times as fast as printf does. */
#ifndef SERVICE_TEXT_H
#define SERVICE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *data; /* not ended by zero until text_take() */
    size_t size, capacity;
    bool failed;
};

void text_add(struct text *text, const char *data, size_t size);
void text_string(struct text *text, const char *string);
void text_count(struct text *text, uint64_t number);
/* Whole numbers up to 2^53 exactly, others to 12 digits; NaN, +Inf and -Inf as
 * Prometheus reads them. */
void text_number(struct text *text, double number);
/* The same for JSON, which has no such numbers: null. */
void text_json_number(struct text *text, double number);
/* Seconds since 1970 to the millisecond; null if it is not finite. */
void text_json_time(struct text *text, double seconds);
/* In quotes, with what JSON does not allow in them escaped. */
void text_json_string(struct text *text, const char *string);
/* `"key":`, with a comma before it unless it is the first of its object. Keys
 * are ours and need no escaping. */
void text_json_key(struct text *text, const char *key);
/* A comma, unless what was written last opens an object or array. */
void text_json_next(struct text *text);

/* The text, ended by zero, which the caller frees, and its size without that;
 * NULL: there was no memory. The text is then empty. */
char *text_take(struct text *text, size_t *size);

#endif
