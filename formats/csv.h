/* Rows of comma-separated values (RFC 4180): fields in quotes may hold commas,
 * doubled quotes and line ends. */
#ifndef FORMATS_CSV_H
#define FORMATS_CSV_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"

#define CSV_FIELDS_MAX 8192u

struct csv_row {
    struct bytes *fields; /* [CSV_FIELDS_MAX] */
    uint32_t count;
    bool open; /* a quote is open at the end: the row goes on */
};

/* Splits the text of a row; views into it or into the arena. INVALID if it has
 * too many fields or text behind a closing quote. */
int csv_split(struct bytes text, struct arena *arena, struct csv_row *row,
        struct err *err) MUST_USE;

/* Index of the field of that text; UINT32_MAX if there is none. */
uint32_t csv_find(const struct csv_row *row, struct bytes name);

#endif
