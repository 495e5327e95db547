/* Generations: models that were trained in batch, by problem and number.
 *
 * Key: problem (4 bytes, big-endian), number (8), part (1): what is known of
 * the generation (0) and the model's own bytes (1). Each value begins with a
 * crc32c of what follows and of the key. Number 0 is what the problem had
 * learned by itself when a generation first took its place.
 *
 * A generation is written once, by the thread that writes the store; only
 * `promoted` changes, in the transaction that appends the Promotion record.
 * One that a Promotion record of the log names stays as long as that record. */
#ifndef STORAGE_GENERATION_H
#define STORAGE_GENERATION_H

#include "proto/record.h"
#include "storage/store.h"

/* Bytes of one model. */
#define GENERATION_BYTES_MAX ((size_t)256 << 20)
/* Bytes of a sentence about it. */
#define GENERATION_WHY_MAX 200u

/* Numbers as in rue.proto, enum Verdict. */
enum generation_verdict {
    VERDICT_NONE, /* nothing was compared */
    VERDICT_PASS,
    VERDICT_BLOCK,
};

struct generation {
    uint64_t number;
    uint64_t parent; /* what served while it was trained */
    nanos created;
    uint64_t digest; /* XXH3 of the model's bytes */
    uint64_t size; /* of the model */
    uint64_t settings; /* the problem's model_digest that it was made for */
    uint64_t through; /* the last record that its training looked at */
    uint64_t promoted; /* sequence of its newest Promotion record; 0 = none */
    uint64_t rows; /* outcomes that it was trained on */
    double effective; /* the same, by weight */
    enum generation_verdict verdict;
    struct estimate estimate; /* of its value less its parent's */
    struct bytes why; /* at most GENERATION_WHY_MAX; a view */
};

/* Stores a generation and its model; fills in digest and size. */
int generation_put(struct store_txn *txn, uint32_t problem,
        struct generation *generation, struct bytes model,
        struct err *err) MUST_USE;

/* 0, NOT_FOUND, CORRUPT (names it), IO. Views into the store. */
int generation_get(struct store_txn *txn, uint32_t problem, uint64_t number,
        struct generation *generation, struct err *err) MUST_USE;
/* The model, checked against its checksum and the generation's digest. */
int generation_model(struct store_txn *txn, uint32_t problem, uint64_t number,
        struct generation *generation, struct bytes *model,
        struct err *err) MUST_USE;

/* The highest number, 0 if there is none. */
int generation_last(struct store_txn *txn, uint32_t problem, uint64_t *number,
        struct err *err) MUST_USE;

/* Notes that the Promotion record `sequence` names it. */
int generation_promoted(struct store_txn *txn, uint32_t problem,
        uint64_t number, uint64_t sequence, struct err *err) MUST_USE;

/* Calls `visit` for each generation of the problem, oldest first. One that
 * cannot be read is given with `damaged` and its number alone. */
int generation_each(struct store_txn *txn, uint32_t problem,
        int (*visit)(void *self, const struct generation *generation,
                bool damaged, struct err *err),
        void *self, struct err *err) MUST_USE;

/* Deletes what nobody needs: neither among the newest `kept`, nor number 0, nor
 * one of the two promoted last, nor named by a record of the log, which begins
 * with `first`. *dropped is how many. */
int generation_prune(struct store_txn *txn, uint32_t problem, uint32_t kept,
        uint64_t first, uint32_t *dropped, struct err *err) MUST_USE;

/* ---- in a file, on its way from the trainer ----
 *
 * "RUEGEN" and format 1 (8 bytes), u64 size of the whole, u32 problem, u32 size
 * of what is known, that, the model, u32 crc32c of all before it. */

size_t generation_file_size(
        const struct generation *generation, struct bytes model);
/* Fills in digest and size. */
void generation_file_write(struct generation *generation, uint32_t problem,
        struct bytes model, struct writer *writer);
/* Views into the bytes. CORRUPT for a file that is cut short, too long,
 * damaged, or of another problem. */
int generation_file_read(struct bytes file, uint32_t problem,
        struct generation *generation, struct bytes *model,
        struct err *err) MUST_USE;

#endif
