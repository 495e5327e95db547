/* Features as policies use them: hashing of names, and the dense vector that
 * an oracle over columns sees. */
#ifndef POLICIES_FEATURES_H
#define POLICIES_FEATURES_H

#include "base/bytes.h"
#include "base/types.h"

/* Hash of a named feature: numbers as (space, name); text values as
 * (space, name=text) with value 1. Bits 40 to 62 depend on the namespace only,
 * so that a part can tell the features of one namespace from the others. */
uint64_t feature_hash(struct bytes space, struct bytes name);
uint64_t feature_hash_text(
        struct bytes space, struct bytes name, struct bytes text);

/* Those bits: of a feature's hash, and of a namespace. */
uint32_t feature_space(uint64_t hash);
uint32_t feature_space_of_name(struct bytes space);

/* Width of the vector that features_dense writes. */
uint32_t features_width(uint32_t dense_columns, uint32_t named_columns);

/* Writes the dense columns and then the named features hashed into
 * named_columns columns: column = low bits of the hash, sign = its top bit,
 * so that collisions cancel on average (bandits.md 2.2). With named_columns 0
 * named features are left out. */
void features_dense(const struct features *features, uint32_t dense_columns,
        uint32_t named_columns, double *out);

#endif
