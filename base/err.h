/* One error type for the whole program. Zero is success; everything else is
 * a status of the closed set below, which is also what travels on the wire
 * (proto/rue.proto, enum Status, has the same numbers). */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/check.h"

/* name, number on the wire, sentence */
#define STATUS_LIST(X)                                                         \
    X(OK, 0, "done")                                                           \
    X(INVALID, 1, "the request or setting is not acceptable")                  \
    X(UNKNOWN_PROBLEM, 2, "no problem of that name is configured")             \
    X(UNKNOWN_EVENT, 3, "no event of that id is known")                        \
    X(DUPLICATE, 4, "that id was used before with other content")              \
    X(DENIED, 5, "not allowed")                                                \
    X(BUSY, 6, "too much is waiting already; try again")                       \
    X(STORAGE_FULL, 7, "there is no room to record this; try again later")     \
    X(INTERNAL, 8, "a fault of the service")                                   \
    X(UNSUPPORTED, 9, "this version cannot do that")                           \
    X(CORRUPT, 10, "stored bytes are not what was written")                    \
    X(IO, 11, "the system refused an operation")                               \
    X(TIMEOUT, 12, "no answer in time")                                        \
    X(AWAY, 13, "the service could not be reached")                            \
    X(NOT_FOUND, 14, "there is no such thing")

enum status {
#define X(name, number, sentence) STATUS_##name = (number),
    STATUS_LIST(X)
#undef X
};

#define ERR_TEXT_SIZE 256

/* What went wrong. `text` names the field and the limit; each layer may put
 * its own context in front with err_prefix. Owned by the caller, filled in
 * by the function that fails; meaningless after success. */
struct err {
    enum status status;
    char text[ERR_TEXT_SIZE];
};

/* Stable upper-case name of a status ("INVALID"), "?" for an unknown one. */
const char *status_name(enum status status);
/* The sentence of the list above. */
const char *status_sentence(enum status status);

/* Fills in `err` (which may be NULL) and returns `status`, so that a failing
 * function can end with `return err_set(...)`. Long text is cut. */
int err_set(struct err *err, enum status status, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the text and returns the status unchanged. */
int err_prefix(struct err *err, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

#endif
