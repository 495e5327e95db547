/* Assertions about our own mistakes. They stay on in production: a service
 * that has lost track of itself must stop before it acknowledges anything.
 * What the outside world does wrong is an error code (base/err.h), never a
 * check.
 *
 * CHECK(condition)        the condition holds
 * CHECK_ZERO(expression)  the expression is evaluated once and is zero
 * CHECK_UNREACHABLE()     control never comes here
 *
 * Long-lived structs that travel through void pointers carry a magic number
 * as their first member; MAGIC_CHECK catches a wrong or a dead pointer. */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include <stddef.h>

_Noreturn void check_failed(
        const char *condition, const char *file, int line, const char *where);

#define CHECK(condition)                                                       \
    do {                                                                       \
        if (__builtin_expect(!(condition), 0))                                 \
            check_failed(#condition, __FILE__, __LINE__, __func__);            \
    } while (0)

#define CHECK_ZERO(expression) CHECK((expression) == 0)

#define CHECK_UNREACHABLE()                                                    \
    check_failed("unreachable", __FILE__, __LINE__, __func__)

#define MAGIC_SET(object, value) ((object)->magic = (value))
#define MAGIC_CHECK(object, value)                                             \
    CHECK((object) != NULL && (object)->magic == (value))

/* The caller must look at the result. */
#define MUST_USE __attribute__((warn_unused_result))

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
