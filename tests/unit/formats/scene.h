/* A text through a format, and what comes out. */
#ifndef TESTS_SCENE_H
#define TESTS_SCENE_H

#include "formats/stream.h"
#include "tests/lib/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static struct {
    struct stream stream;
    struct logged event;
    struct err err;
    int fd;
} scene;

static inline int scene_file(const char *text)
{
    int fd = memfd_create("rows", 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static inline void scene_open_with(const struct format *format,
        const struct format_settings *settings, const char *text)
{
    scene.fd = scene_file(text);
    ck_assert_msg(stream_open(&scene.stream, format, settings, scene.fd,
                          &scene.err) == 0,
            "%s", scene.err.text);
}

static inline void scene_open(const struct format *format, const char *text)
{
    struct format_settings settings = {NULL, NULL};

    scene_open_with(format, &settings, text);
}

static inline enum parsed scene_next(void)
{
    return stream_next(&scene.stream, &scene.event, &scene.err);
}

static inline void scene_event(void)
{
    enum parsed parsed = scene_next();

    ck_assert_msg(parsed == PARSED_EVENT, "%d: %s", (int)parsed,
            parsed >= PARSED_PASSED ? scene.err.text : "");
}

/* The next one is refused at that line, with these words. */
static inline void scene_refused(uint64_t line, const char *words)
{
    ck_assert_int_eq(scene_next(), PARSED_REFUSED);
    ck_assert_uint_eq(scene.event.line, line);
    ck_assert_msg(strstr(scene.err.text, words) != NULL, "%s", scene.err.text);
}

static inline void scene_close(void)
{
    ck_assert_int_eq(scene_next(), PARSED_MORE);
    ck_assert_int_eq(scene.stream.failure, 0);
    stream_close(&scene.stream);
    (void)close(scene.fd);
}

/* Features as words: "space/name=value" and "space/name:text". */
static inline const char *scene_words(const struct named *named, uint32_t count)
{
    static char text[4096];
    size_t used = 0;

    text[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        used += (size_t)snprintf(text + used, sizeof(text) - used,
                "%s%.*s%s%.*s", i > 0 ? " " : "", (int)named[i].space.size,
                named[i].space.size > 0 ? (const char *)named[i].space.data
                                        : "",
                named[i].space.size > 0 ? "/" : "", (int)named[i].name.size,
                (const char *)named[i].name.data);
        used += named[i].has_text
                ? (size_t)snprintf(text + used, sizeof(text) - used, ":%.*s",
                          (int)named[i].text.size,
                          named[i].text.size > 0
                                  ? (const char *)named[i].text.data
                                  : "")
                : (size_t)snprintf(text + used, sizeof(text) - used, "=%g",
                          named[i].value);
    }
    return text;
}

static inline void scene_shared(const char *words)
{
    ck_assert_str_eq(scene_words(scene.event.question.named,
                             scene.event.question.named_count),
            words);
}

static inline void scene_action(uint32_t place, const char *words)
{
    const struct question *question = &scene.event.question;
    const char *found = "";

    for (uint32_t i = 0; i < question->action_named_count; i++)
        if (question->action_named[i].action == place)
            found = scene_words(question->action_named[i].named,
                    question->action_named[i].named_count);
    ck_assert_str_eq(found, words);
}

static inline void scene_text(struct bytes bytes, const char *text)
{
    ck_assert_msg(bytes_equal(bytes, bytes_of_text(text)), "%.*s, not %s",
            (int)bytes.size, (const char *)bytes.data, text);
}

#endif
