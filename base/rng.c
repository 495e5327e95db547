#include "base/rng.h"

#include "base/real.h"
#include "base/wide.h"

#include <math.h>

#define PHILOX_ROUNDS 10

void rng_philox(
        const uint32_t key[2], const uint32_t counter[4], uint32_t out[4])
{
    uint32_t k0 = key[0], k1 = key[1];
    uint32_t c0 = counter[0], c1 = counter[1];
    uint32_t c2 = counter[2], c3 = counter[3];

    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        uint64_t a = UINT64_C(0xD2511F53) * c0;
        uint64_t b = UINT64_C(0xCD9E8D57) * c2;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)b;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)a;
        k0 += UINT32_C(0x9E3779B9);
        k1 += UINT32_C(0xBB67AE85);
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

uint32_t rng_u32(struct rng *rng)
{
    if (rng->unused == 0) {
        rng_philox(rng->key, rng->counter, rng->block);
        rng->counter[0]++;
        rng->unused = 4;
    }
    return rng->block[4 - rng->unused--];
}

#define LANES 8u

/* LANES consecutive blocks. A block is one long chain of multiplications;
 * side by side they keep the processor busy. */
INLINE void philox_lanes(const struct rng *rng, uint32_t *restrict words)
{
    uint32_t c0[LANES], c1[LANES], c2[LANES], c3[LANES];
    uint32_t k0 = rng->key[0], k1 = rng->key[1];

    for (uint32_t i = 0; i < LANES; i++) {
        c0[i] = rng->counter[0] + i;
        c1[i] = rng->counter[1];
        c2[i] = rng->counter[2];
        c3[i] = rng->counter[3];
    }
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        /* Unrolled it would not become vector instructions. */
#pragma GCC unroll 1
        for (uint32_t i = 0; i < LANES; i++) {
            uint64_t a = UINT64_C(0xD2511F53) * c0[i];
            uint64_t b = UINT64_C(0xCD9E8D57) * c2[i];
            c0[i] = (uint32_t)(b >> 32) ^ c1[i] ^ k0;
            c1[i] = (uint32_t)b;
            c2[i] = (uint32_t)(a >> 32) ^ c3[i] ^ k1;
            c3[i] = (uint32_t)a;
        }
        k0 += UINT32_C(0x9E3779B9);
        k1 += UINT32_C(0xBB67AE85);
    }
    for (uint32_t i = 0; i < LANES; i++) {
        words[4 * i] = c0[i];
        words[4 * i + 1] = c1[i];
        words[4 * i + 2] = c2[i];
        words[4 * i + 3] = c3[i];
    }
}

WIDE void rng_words(struct rng *rng, uint32_t *words, uint32_t count)
{
    uint32_t done = 0;

    while (done < count && rng->unused > 0)
        words[done++] = rng_u32(rng);
    for (; count - done >= 4 * LANES; done += 4 * LANES) {
        philox_lanes(rng, words + done);
        rng->counter[0] += LANES;
    }
    while (done < count)
        words[done++] = rng_u32(rng);
}

double rng_unit(struct rng *rng)
{
    uint32_t high = rng_u32(rng);
    uint32_t words[2] = {high, rng_u32(rng)};

    return rng_unit_of(words);
}

uint32_t rng_below(struct rng *rng, uint32_t bound)
{
    uint64_t product = (uint64_t)rng_u32(rng) * bound;

    if ((uint32_t)product < bound) {
        uint32_t threshold = (0u - bound) % bound;
        while ((uint32_t)product < threshold)
            product = (uint64_t)rng_u32(rng) * bound;
    }
    return (uint32_t)(product >> 32);
}

double rng_normal(struct rng *rng)
{
    double x, y, square;

    do {
        x = 2.0 * rng_unit(rng) - 1.0;
        y = 2.0 * rng_unit(rng) - 1.0;
        square = x * x + y * y;
    } while (square >= 1.0 || square == 0.0);
    return x * sqrt(-2.0 * real_log(square) / square);
}
