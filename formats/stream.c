#include "formats/stream.h"

#include <stdlib.h>

int stream_open(struct stream *stream, const struct format *format,
        const struct format_settings *settings, int fd, struct err *err)
{
    /* Not cleared: a block of that size is pages that nobody has touched. */
    void *block = malloc(EVENT_ARENA_BYTES);
    int status;

    *stream = (struct stream){
            .format = format,
            .state = calloc(1, format->size),
            .arena = arena_over(block, EVENT_ARENA_BYTES),
    };
    status = stream->state == NULL || block == NULL
            ? err_set(err, STATUS_INTERNAL, "no memory")
            : lines_open(&stream->lines, fd, err);
    if (status == 0)
        status = format->open(stream->state, settings, err);
    if (status != 0)
        stream_close(stream);
    return status;
}

void stream_close(struct stream *stream)
{
    if (stream->state != NULL && stream->format->close != NULL)
        stream->format->close(stream->state);
    free(stream->state);
    free(stream->arena.data);
    lines_close(&stream->lines);
    stream->state = NULL;
    stream->arena.data = NULL;
}

static enum parsed finish(
        struct stream *stream, struct logged *event, struct err *err)
{
    if (stream->ended)
        return PARSED_MORE;
    stream->ended = true;
    return stream->format->end(stream->state, &stream->arena, event, err);
}

enum parsed stream_next(
        struct stream *stream, struct logged *event, struct err *err)
{
    struct bytes line;

    arena_reset(&stream->arena);
    while (!stream->ended) {
        int status = lines_next(&stream->lines, &line, err);
        enum parsed parsed;
        if (status == STATUS_NOT_FOUND)
            break;
        event->line = stream->lines.number;
        if (status == STATUS_INVALID)
            return PARSED_REFUSED;
        if (status != 0) {
            stream->failure = status;
            stream->ended = true;
            return PARSED_MORE;
        }
        parsed = stream->format->line(stream->state, line, stream->lines.number,
                &stream->arena, event, err);
        if (parsed != PARSED_MORE)
            return parsed;
    }
    return finish(stream, event, err);
}
