/* The events of one file of a format, one after another. */
#ifndef FORMATS_STREAM_H
#define FORMATS_STREAM_H

#include "formats/format.h"
#include "formats/lines.h"

struct stream {
    const struct format *format;
    void *state; /* heap */
    struct lines lines;
    struct arena arena; /* heap; of the event in hand */
    bool begun, ended;
    int failure; /* the file could not be read to its end */
};

/* `fd` stays the caller's. */
int stream_open(struct stream *stream, const struct format *format,
        const struct format_settings *settings, int fd,
        struct err *err) MUST_USE;
void stream_close(struct stream *stream);

/* The next event, or what stands in its place: MORE is the end, and
 * stream->failure then says whether it is that of the file (0) or reading
 * failed (err says how). What it returned before is valid no longer. */
enum parsed stream_next(
        struct stream *stream, struct logged *event, struct err *err);

#endif
