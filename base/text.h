/* What every text format is made of: numbers, names, times. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/time.h"

/* Reads a decimal number at the start of the bytes: sign, digits, fraction,
 * exponent; also inf, nan and hexadecimal, as C's strtod does. Correctly
 * rounded. How many bytes it takes; 0 if there is no number. */
size_t decimal_read(struct bytes text, double *out);
/* A finite number that fills the whole text. */
bool decimal_parse(struct bytes text, double *out);

/* Writes the shortest decimal that reads back as the same double, as JSON has
 * it, and a final zero; returns its length. */
#define DECIMAL_SIZE 32
size_t decimal_write(double value, char out[DECIMAL_SIZE]);

/* A name that a record may hold (1 to ID_BYTES_MAX bytes of UTF-8 without
 * control characters): the text itself, or, where it is not such a one, its
 * beginning and a hash of the whole, so that different texts stay different.
 * data is NULL if the arena is full. */
struct bytes name_of_text(struct bytes text, struct arena *arena);
bool text_is_utf8(struct bytes text);
/* The name of a number: "0", "17". */
struct bytes name_of_number(uint64_t number, struct arena *arena);

/* "2021-02-04T16:31:29.2460000Z", with a blank for T, an offset +02:00 for Z,
 * or neither; the fraction may have any length and the time may be left out.
 * Years 1678 to 2261. */
bool time_read(struct bytes text, nanos *out);
/* "2021-02-04T16:31:29.246000000Z" */
#define TIME_TEXT_SIZE 40
void time_write(nanos time, char out[TIME_TEXT_SIZE]);

/* Without blanks (and tabs and line ends) at both ends. */
struct bytes text_trim(struct bytes text);

#endif
