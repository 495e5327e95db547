/* Hashes of byte strings: XXH3 (64 bit, stable across machines and library
 * versions since 0.8.0). Used for feature names, ids and content digests;
 * not a defence against somebody who chooses the bytes. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/bytes.h"

uint64_t hash_bytes(struct bytes bytes, uint64_t seed);

/* One hash of two, in order: mix(a, b) != mix(b, a). Here, because products of
 * features call it in their innermost loop. */
static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
    uint64_t z = a + UINT64_C(0x9E3779B97F4A7C15) * (b + 1);

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

#endif
