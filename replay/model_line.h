/* The model of a generation in an export of rue's own log: lines before the
 * Promotion record that needs it, each a part of the generation's file
 * (storage/generation.h), in hexadecimal:
 *
 *     {"kind":"model","problem":"shop","generation":2,"part":0,"of":3,
 *      "hex":"..."}
 *
 * The file is that of problem 0, whatever its number, and was promoted never:
 * what is particular to a store is not in it. */
#ifndef REPLAY_MODEL_LINE_H
#define REPLAY_MODEL_LINE_H

#include "base/arena.h"
#include "storage/generation.h"

/* Bytes of the file in a line. */
#define MODEL_PART_BYTES ((size_t)1 << 20)

struct model_part {
    struct bytes problem; /* its name */
    uint64_t generation;
    uint32_t part, of;
    struct bytes bytes;
};

/* NOT_FOUND: the line is of another kind, and nothing was said; INVALID names
 * what is wrong. Memory from the arena. */
int model_part_read(struct bytes line, struct arena *arena,
        struct model_part *part, struct err *err) MUST_USE;

/* Gives each line of a generation's model to `write`, with its end. NOT_FOUND
 * if the store has none. */
int model_lines_write(struct store_txn *txn, uint32_t problem,
        struct bytes name, uint64_t generation,
        int (*write)(void *self, struct bytes line, struct err *err),
        void *self, struct err *err) MUST_USE;

/* ---- taking parts ---- */

/* A file as it comes together; cleared bytes are none. */
struct model_parts {
    uint8_t *data; /* heap */
    size_t size, room;
    uint32_t problem; /* number in this store */
    uint64_t generation;
    uint32_t next, of;
};

/* Takes a part; with the last one the generation is written to the store, or
 * found to be there already. INVALID: it does not follow the one before, or
 * the file is damaged. */
int model_parts_take(struct model_parts *parts, struct store_txn *txn,
        uint32_t problem, const struct model_part *part,
        struct err *err) MUST_USE;
void model_parts_free(struct model_parts *parts);

#endif
