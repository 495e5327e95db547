/* Little- and big-endian loads and stores, independent of the machine. */
#ifndef BASE_ENDIAN_H
#define BASE_ENDIAN_H

#include <stdint.h>
#include <string.h>

static inline uint32_t load_le32(const uint8_t *data)
{
    uint32_t value;

    memcpy(&value, data, sizeof(value));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap32(value);
#endif
    return value;
}

static inline uint64_t load_le64(const uint8_t *data)
{
    uint64_t value;

    memcpy(&value, data, sizeof(value));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

static inline void store_le32(uint8_t *data, uint32_t value)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap32(value);
#endif
    memcpy(data, &value, sizeof(value));
}

static inline void store_le64(uint8_t *data, uint64_t value)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    memcpy(data, &value, sizeof(value));
}

/* Big-endian, for keys whose byte order is their number order. */
static inline void store_be32(uint8_t *data, uint32_t value)
{
    store_le32(data, __builtin_bswap32(value));
}

static inline void store_be64(uint8_t *data, uint64_t value)
{
    store_le64(data, __builtin_bswap64(value));
}

static inline uint32_t load_be32(const uint8_t *data)
{
    return __builtin_bswap32(load_le32(data));
}

static inline uint64_t load_be64(const uint8_t *data)
{
    return __builtin_bswap64(load_le64(data));
}

#endif
