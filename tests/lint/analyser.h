/* Read before each file by clang-tidy only. Its analyser looks at one file at
 * a time, so it takes `return err_set(...)` for a possible success; here it is
 * told that the status comes back. */
#ifndef TESTS_LINT_ANALYSER_H
#define TESTS_LINT_ANALYSER_H

#include "base/err.h"

#define err_set(err, status, ...)                                              \
    ((void)(err_set)((err), (status), __VA_ARGS__), (int)(status))

#endif
