/* Random numbers that can be drawn again years later: a counter-based
 * generator (Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random
 * numbers: as easy as 1, 2, 3", SC 2011), keyed by what the draw is for.
 * The same key gives the same numbers on every machine.
 *
 * No global state; a struct rng is a value that its holder may copy. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

/* What a draw is for. Numbers are part of recorded decisions: never reuse or
 * renumber one. */
enum rng_purpose {
    RNG_ACTION = 1, /* which action, from its distribution */
    RNG_EXPLORER = 2, /* an explorer's own draws (Thompson tables) */
    RNG_EXPERT = 3, /* which expert is played */
    RNG_PATH = 4, /* perturbations of path lengths */
    RNG_BREAKER = 5, /* whether an open circuit lets a probe through */
    RNG_CANARY = 6, /* champion or challenger */
    RNG_SECOND = 7, /* which action is shown beside the first, in a duel */
    RNG_WORLD = 100, /* simulated worlds */
    RNG_TEST = 101,
    RNG_OUTCOME = 102, /* what an action comes to, in a simulated world */
    RNG_DRIFT = 103, /* how a simulated world changes */
    RNG_REASON = 104, /* why, when it was asked, what it cost */
    RNG_OUTAGE = 105, /* when parts of a simulated world fail */
    RNG_BOOTSTRAP = 110, /* how often a replicate counts a row */
    RNG_FOLD = 111, /* which part of cross-fitting a row belongs to */
    RNG_DONOR = 112, /* whose value of a feature a permuted decision has */
};

struct rng {
    uint32_t key[2];
    uint32_t counter[4];
    uint32_t block[4];
    uint32_t unused; /* words of block not handed out yet */
};

/* The generator of one (problem seed, event, purpose). */
static inline struct rng rng_keyed(
        uint64_t seed, uint64_t event, enum rng_purpose purpose)
{
    return (struct rng){.key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
            .counter = {0, (uint32_t)purpose, (uint32_t)event,
                    (uint32_t)(event >> 32)}};
}

uint32_t rng_u32(struct rng *rng);
/* The same words as `count` calls of rng_u32, several blocks at a time. */
void rng_words(struct rng *rng, uint32_t *words, uint32_t count);
/* Uniform on [0, 1), a multiple of 2^-53. */
double rng_unit(struct rng *rng);
/* That number of the next two words. */
static inline double rng_unit_of(const uint32_t words[2])
{
    uint64_t both = (uint64_t)words[0] << 32 | words[1];

    return (double)(both >> 11) * 0x1p-53;
}
/* Uniform on 0 .. bound-1 without bias; bound >= 1. */
uint32_t rng_below(struct rng *rng, uint32_t bound);
/* Standard normal, by the polar method (Marsaglia & Bray 1964). */
double rng_normal(struct rng *rng);

/* One block of the generator, for tests against published vectors. */
void rng_philox(
        const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);

#endif
