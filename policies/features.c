#include "policies/features.h"

#include "base/hash.h"

#include <string.h>

#define SPACE_SHIFT 40
#define SPACE_MASK  UINT64_C(0x7fffff)

static uint64_t plain_hash(struct bytes space, struct bytes name)
{
    return hash_bytes(name, hash_bytes(space, 0));
}

static uint64_t marked(uint64_t hash, struct bytes space)
{
    return (hash & ~(SPACE_MASK << SPACE_SHIFT)) |
            (uint64_t)feature_space_of_name(space) << SPACE_SHIFT;
}

uint64_t feature_hash(struct bytes space, struct bytes name)
{
    return marked(plain_hash(space, name), space);
}

uint64_t feature_hash_text(
        struct bytes space, struct bytes name, struct bytes text)
{
    return marked(
            hash_mix(plain_hash(space, name), hash_bytes(text, 1)), space);
}

uint32_t feature_space(uint64_t hash)
{
    return (uint32_t)(hash >> SPACE_SHIFT & SPACE_MASK);
}

uint32_t feature_space_of_name(struct bytes space)
{
    return feature_space(hash_bytes(space, 0));
}

uint32_t features_width(uint32_t dense_columns, uint32_t named_columns)
{
    return dense_columns + named_columns;
}

void features_dense(const struct features *features, uint32_t dense_columns,
        uint32_t named_columns, double *out)
{
    if (dense_columns > 0)
        memcpy(out, features->dense, dense_columns * sizeof(*out));
    if (named_columns == 0)
        return;
    out += dense_columns;
    memset(out, 0, named_columns * sizeof(*out));
    for (uint32_t i = 0; i < features->named_count; i++) {
        uint64_t hash = features->named[i].hash;
        double sign = hash >> 63 ? -1.0 : 1.0;
        out[(uint32_t)hash % named_columns] += sign * features->named[i].value;
    }
}
