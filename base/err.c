#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    enum status status;
    const char *name;
    const char *sentence;
} status_rows[] = {
#define X(name, number, sentence) {STATUS_##name, #name, sentence},
        STATUS_LIST(X)
#undef X
};

const char *status_name(enum status status)
{
    for (size_t i = 0; i < ARRAY_COUNT(status_rows); i++)
        if (status_rows[i].status == status)
            return status_rows[i].name;
    return "?";
}

const char *status_sentence(enum status status)
{
    for (size_t i = 0; i < ARRAY_COUNT(status_rows); i++)
        if (status_rows[i].status == status)
            return status_rows[i].sentence;
    return "an unknown status";
}

int err_set(struct err *err, enum status status, const char *format, ...)
{
    size_t length;
    va_list args;

    if (err == NULL)
        return (int)status;
    err->status = status;
    /* "There is no such event" is an error to the store and every decide's
     * good news: printf would be a twentieth of it. */
    length = strcspn(format, "%");
    if (length < sizeof(err->text) && format[length] == '\0') {
        memcpy(err->text, format, length + 1);
        return (int)status;
    }
    va_start(args, format);
    (void)vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    return (int)status;
}

int err_prefix(struct err *err, const char *format, ...)
{
    char prefix[ERR_TEXT_SIZE];
    char joined[2 * ERR_TEXT_SIZE + 2];
    va_list args;

    if (err == NULL)
        return (int)STATUS_INTERNAL;
    va_start(args, format);
    (void)vsnprintf(prefix, sizeof(prefix), format, args);
    va_end(args);
    (void)snprintf(joined, sizeof(joined), "%s: %s", prefix, err->text);
    joined[ERR_TEXT_SIZE - 1] = '\0';
    memcpy(err->text, joined, ERR_TEXT_SIZE);
    return (int)err->status;
}
