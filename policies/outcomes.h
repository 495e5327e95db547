/* Rings of outcomes: the last `window` of them, success or failure, a bit each;
 * and the rules of the routing industry's success rates that go with them
 * (bandits.md, section 2.4; after juspay's decision-engine, "SRv3"). */
#ifndef POLICIES_OUTCOMES_H
#define POLICIES_OUTCOMES_H

#include "base/bytes.h"

#define WINDOW_MIN 10u
#define WINDOW_MAX 2000u

/* A ring lies in a block of ring_bytes(window) of its caller. */
struct ring {
    uint16_t window; /* outcomes */
    uint16_t next; /* the oldest, which the next one replaces */
    uint16_t ones; /* successes among them */
    uint16_t unused;
    uint64_t bits[]; /* outcome i is bit i % 64 of word i / 64 */
};

uint32_t ring_words(uint32_t window);
size_t ring_bytes(uint32_t window);

/* A ring of successes: an action never tried looks perfect. */
void ring_fill(struct ring *ring, uint32_t window);
/* `zeros` failures evenly spaced, the rest successes; the same window. */
void ring_set(struct ring *ring, uint32_t zeros);
void ring_push(struct ring *ring, bool success);
double ring_score(const struct ring *ring);
/* Another window: keeps the newest outcomes; what is new in a longer one has
 * the mean of the old. The block must have room. */
void ring_resize(struct ring *ring, uint32_t window);

void ring_save(const struct ring *ring, struct writer *writer);
/* Of a ring of that window; false for bytes that are none. */
bool ring_load(struct ring *ring, uint32_t window, struct reader *reader);

/* Below this score an action is reset, when the best of them has `best`:
 * best - 3 sqrt(max(best (1 - best), 0.09)/window). */
double reset_threshold(double best, uint32_t window);
/* The failures of the ring that it then gets. */
uint32_t reset_zeros(double best, uint32_t window);

/* Window and hedging share of each other action for a cell of `rows` outcomes
 * an hour and `actions` >= 2 actions. */
uint32_t autopilot_window(double rows, uint32_t actions);
double autopilot_share(uint32_t window, double rows, uint32_t actions);
/* Most that all other actions may get together. */
#define AUTOPILOT_HEDGE_MAX 0.30

#endif
