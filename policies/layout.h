/* How a policy and its parts divide the block that is theirs: their own struct
 * first, and behind it pieces: arrays, and the states of other parts. A piece
 * takes a multiple of 64 bytes. So no two overlap, and where the first is
 * aligned (to 64 at most) all are. A policy's own block is aligned to 64
 * (policy.h), a line of the processor's cache.
 *
 * Gaps between pieces are not saved. Sizes come of options and shapes, which
 * have bounds: no sum overflows. */
#ifndef POLICIES_LAYOUT_H
#define POLICIES_LAYOUT_H

#include <stddef.h>

/* Also more than an arena skips before any array, for counting scratch. */
#define LAYOUT_ALIGN ((size_t)64)

/* What a piece of `size` bytes takes. */
static inline size_t layout_rounded(size_t size)
{
    return (size + LAYOUT_ALIGN - 1) / LAYOUT_ALIGN * LAYOUT_ALIGN;
}

/* The piece of `size` bytes at `*at`, which goes on behind it. */
static inline void *layout_take(unsigned char **at, size_t size)
{
    void *piece = *at;

    *at += layout_rounded(size);
    return piece;
}

#endif
