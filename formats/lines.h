/* The lines of a file, one after another, with memory for one. Lines end in
 * "\n" or "\r\n" (or at the end of the file); a mark of UTF-8 at the start of
 * a line is not part of it. */
#ifndef FORMATS_LINES_H
#define FORMATS_LINES_H

#include "base/bytes.h"
#include "base/err.h"

#include <stdint.h>

/* The longest line. */
#define LINE_BYTES_MAX ((size_t)8 << 20)

struct lines {
    int fd; /* of the caller */
    uint8_t *buffer; /* heap */
    size_t start, end; /* what is read and not handed out */
    uint64_t number; /* of the line that was handed out last, from 1 */
    uint64_t bytes; /* handed out so far */
    bool ended;
};

int lines_open(struct lines *lines, int fd, struct err *err) MUST_USE;
void lines_close(struct lines *lines);

/* The next line, without its end, valid until the next call. 0; NOT_FOUND at
 * the end; INVALID for a line that is too long, after which the next one can be
 * read; IO. */
int lines_next(
        struct lines *lines, struct bytes *line, struct err *err) MUST_USE;

#endif
