#include "formats/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int lines_open(struct lines *lines, int fd, struct err *err)
{
    *lines = (struct lines){.fd = fd, .buffer = malloc(LINE_BYTES_MAX)};
    return lines->buffer != NULL
            ? 0
            : err_set(err, STATUS_INTERNAL, "no memory for a line");
}

void lines_close(struct lines *lines)
{
    free(lines->buffer);
    lines->buffer = NULL;
}

static int fill(struct lines *lines, struct err *err)
{
    ssize_t got;

    if (lines->start > 0) {
        memmove(lines->buffer, lines->buffer + lines->start,
                lines->end - lines->start);
        lines->end -= lines->start;
        lines->start = 0;
    }
    do
        got = read(lines->fd, lines->buffer + lines->end,
                LINE_BYTES_MAX - lines->end);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return err_set(err, STATUS_IO, "read: error %d", errno);
    lines->end += (size_t)got;
    lines->ended = got == 0;
    return 0;
}

static void strip(struct bytes *line)
{
    if (line->size >= 3 && memcmp(line->data, "\xef\xbb\xbf", 3) == 0) {
        line->data += 3;
        line->size -= 3;
    }
    if (line->size > 0 && line->data[line->size - 1] == '\n')
        line->size--;
    if (line->size > 0 && line->data[line->size - 1] == '\r')
        line->size--;
}

static void take(struct lines *lines, size_t size, struct bytes *line)
{
    *line = bytes_of(lines->buffer + lines->start, size);
    lines->start += size;
    lines->bytes += size;
    lines->number++;
    strip(line);
}

/* Passes over the rest of a line that does not fit. */
static int pass_over(struct lines *lines, struct err *err)
{
    const uint8_t *end = NULL;
    int status = 0;

    lines->number++;
    while (status == 0 && end == NULL && !lines->ended) {
        lines->bytes += lines->end - lines->start;
        lines->start = lines->end;
        status = fill(lines, err);
        if (status == 0)
            end = memchr(lines->buffer, '\n', lines->end);
    }
    if (status != 0)
        return status;
    lines->start = end == NULL ? lines->end : (size_t)(end - lines->buffer) + 1;
    lines->bytes += lines->start;
    return err_set(
            err, STATUS_INVALID, "longer than %zu bytes", LINE_BYTES_MAX);
}

int lines_next(struct lines *lines, struct bytes *line, struct err *err)
{
    size_t seen = 0;

    for (;;) {
        const uint8_t *from = lines->buffer + lines->start;
        size_t have = lines->end - lines->start;
        const uint8_t *end =
                have > seen ? memchr(from + seen, '\n', have - seen) : NULL;
        int status;
        if (end != NULL) {
            take(lines, (size_t)(end - from) + 1, line);
            return 0;
        }
        if (lines->ended && have > 0) {
            take(lines, have, line);
            return 0;
        }
        if (lines->ended)
            return STATUS_NOT_FOUND;
        if (have == LINE_BYTES_MAX)
            return pass_over(lines, err);
        seen = have;
        status = fill(lines, err);
        if (status != 0)
            return status;
    }
}
