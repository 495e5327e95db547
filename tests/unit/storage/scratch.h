/* What the storage tests share: a directory of their own that is removed at
 * the end, and short ways to say that a call must succeed. */
#ifndef TESTS_UNIT_STORAGE_SCRATCH_H
#define TESTS_UNIT_STORAGE_SCRATCH_H

#include "base/err.h"
#include "tests/lib/suite.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB ((uint64_t)1 << 20)

/* The call must return 0; shows err's text otherwise. */
#define OK(call)                                                               \
    do {                                                                       \
        int ok_status = (call);                                                \
        ck_assert_msg(ok_status == 0, "%s: %s: %s", #call,                     \
                status_name((enum status)ok_status), err.text);                \
    } while (0)

/* The call must fail with this status. */
#define FAILS(expected, call)                                                  \
    do {                                                                       \
        int fails_status = (call);                                             \
        ck_assert_msg(fails_status == (expected), "%s: %s, not %s", #call,     \
                status_name((enum status)fails_status),                        \
                status_name(expected));                                        \
    } while (0)

struct scratch {
    char path[256];
};

static inline struct scratch scratch_make(void)
{
    const char *parent = getenv("TMPDIR");
    struct scratch scratch;
    int size = snprintf(scratch.path, sizeof(scratch.path),
            "%s/rue-storage-XXXXXX", parent != NULL ? parent : P_tmpdir);

    ck_assert_int_lt(size, (int)sizeof(scratch.path));
    ck_assert_ptr_nonnull(mkdtemp(scratch.path));
    return scratch;
}

/* A store's directory has files only. */
static inline void scratch_remove(const struct scratch *scratch)
{
    DIR *directory = opendir(scratch->path);
    struct dirent *entry;

    ck_assert_ptr_nonnull(directory);
    while ((entry = readdir(directory)) != NULL)
        if (entry->d_name[0] != '.')
            ck_assert_int_eq(unlinkat(dirfd(directory), entry->d_name, 0), 0);
    (void)closedir(directory);
    ck_assert_int_eq(rmdir(scratch->path), 0);
}

#endif
