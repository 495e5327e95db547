/* Decisions and what came of them, out of a log, in the formats of others. Each
 * writes one event; what these formats have no place for is left out (see
 * docs/formats.md). */
#ifndef FORMATS_WRITE_H
#define FORMATS_WRITE_H

#include "base/bytes.h"
#include "base/err.h"
#include "proto/record.h"

/* A decision with its outcome, and the names that its problem gives. */
struct told {
    const struct decision_record *decision;
    const struct bytes
            *catalogue; /* [slots] ids, where the question has none */
    uint32_t slots;
    const struct bytes *columns; /* [column_count] names of the context's */
    uint32_t column_count;
    bool minimise; /* the value is a cost */
    bool has_value;
    double value;
};

struct writing {
    const char *name;
    const char *sentence;
    /* Before the first event; may be NULL. */
    void (*head)(const struct told *told, struct writer *writer);
    /* INVALID (nothing is written) for a decision that the format cannot
     * hold. */
    int (*event)(const struct told *told, struct writer *writer,
            struct err *err) MUST_USE;
};

extern const struct writing *const writings[];
extern const size_t writing_count;
const struct writing *writing_find(const char *name);

#endif
