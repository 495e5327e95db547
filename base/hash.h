/* Hashes of byte strings: XXH3 (64 bit, stable across machines and library
 * versions since 0.8.0). Used for feature names, ids and content digests;
 * not a defence against somebody who chooses the bytes. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/bytes.h"

uint64_t hash_bytes(struct bytes bytes, uint64_t seed);

/* One hash of two, in order: mix(a, b) != mix(b, a). */
uint64_t hash_mix(uint64_t a, uint64_t b);

#endif
