#include "sim/mt19937.h"

#define N 624u
#define M 397u

void mt19937_seed(struct mt19937 *mt, uint32_t seed)
{
    mt->state[0] = seed;
    for (uint32_t i = 1; i < N; i++)
        mt->state[i] = UINT32_C(1812433253) *
                        (mt->state[i - 1] ^ (mt->state[i - 1] >> 30)) +
                i;
    mt->used = N;
}

static void refill(struct mt19937 *mt)
{
    for (uint32_t i = 0; i < N; i++) {
        uint32_t y = (mt->state[i] & UINT32_C(0x80000000)) |
                (mt->state[(i + 1) % N] & UINT32_C(0x7fffffff));
        mt->state[i] = mt->state[(i + M) % N] ^ (y >> 1) ^
                ((y & 1) ? UINT32_C(0x9908b0df) : 0);
    }
    mt->used = 0;
}

uint32_t mt19937_u32(struct mt19937 *mt)
{
    uint32_t y;

    if (mt->used == N)
        refill(mt);
    y = mt->state[mt->used++];
    y ^= y >> 11;
    y ^= (y << 7) & UINT32_C(0x9d2c5680);
    y ^= (y << 15) & UINT32_C(0xefc60000);
    return y ^ (y >> 18);
}

void mt19937_shuffle(struct mt19937 *mt, uint32_t *order, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (uint32_t i = count - 1; i > 0; i--) {
        uint32_t mask = i, j, swap;
        for (uint32_t shift = 1; shift < 32; shift *= 2)
            mask |= mask >> shift;
        do
            j = mt19937_u32(mt) & mask;
        while (j > i);
        swap = order[i];
        order[i] = order[j];
        order[j] = swap;
    }
}
