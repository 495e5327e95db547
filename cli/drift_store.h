/* The outcomes of a stored problem as a stream of numbers in 0..1, for rue
 * drift (policies/drift.h says what the streams are). */
#ifndef CLI_DRIFT_STORE_H
#define CLI_DRIFT_STORE_H

#include "base/err.h"
#include "proto/record.h"

#include <stdbool.h>

struct drift_store {
    const char *path;
    const char *problem; /* NULL: the only one */
    const char *stream; /* NULL: reward */
    const char *action, *group; /* NULL: all */
    void (*value)(void *self, uint64_t record, double value);
    /* The service's own alarms of that stream, action and group. */
    void (*alarm)(
            void *self, uint64_t record, const struct alarm_record *alarm);
    void *self;
    uint64_t lost; /* result: outcomes whose decision is not kept */
};

/* Is it the name of such a stream? */
bool drift_store_knows(const char *stream);
/* NOT_FOUND names what the store does not have. */
int drift_store_run(struct drift_store *store, struct err *err) MUST_USE;

#endif
