#include "policies/outcomes.h"

#include <math.h>

#define WORD_BITS 64u
#define WORDS_MAX ((WINDOW_MAX + WORD_BITS - 1) / WORD_BITS)
/* Variance that a score is given at least: that of 0.9. */
#define VARIANCE_MIN 0.09
#define SIGMAS       3.0

uint32_t ring_words(uint32_t window)
{
    return (window + WORD_BITS - 1) / WORD_BITS;
}

size_t ring_bytes(uint32_t window)
{
    return sizeof(struct ring) + ring_words(window) * sizeof(uint64_t);
}

static bool get_bit(const uint64_t *bits, uint32_t at)
{
    return bits[at / WORD_BITS] >> (at % WORD_BITS) & 1;
}

static void put_bit(uint64_t *bits, uint32_t at, bool value)
{
    uint64_t mask = UINT64_C(1) << (at % WORD_BITS);

    if (value)
        bits[at / WORD_BITS] |= mask;
    else
        bits[at / WORD_BITS] &= ~mask;
}

/* Of `count` places, is place i one of `zeros` that are evenly spaced? */
static bool spaced(uint32_t i, uint32_t zeros, uint32_t count)
{
    return (uint64_t)(i + 1) * zeros / count != (uint64_t)i * zeros / count;
}

void ring_fill(struct ring *ring, uint32_t window)
{
    CHECK(window >= WINDOW_MIN && window <= WINDOW_MAX);
    ring->window = (uint16_t)window;
    ring_set(ring, 0);
}

void ring_set(struct ring *ring, uint32_t zeros)
{
    CHECK(zeros <= ring->window);
    memset(ring->bits, 0, ring_words(ring->window) * sizeof(uint64_t));
    for (uint32_t i = 0; i < ring->window; i++)
        put_bit(ring->bits, i, !spaced(i, zeros, ring->window));
    ring->next = 0;
    ring->ones = (uint16_t)(ring->window - zeros);
}

void ring_push(struct ring *ring, bool success)
{
    bool before = get_bit(ring->bits, ring->next);

    put_bit(ring->bits, ring->next, success);
    ring->ones = (uint16_t)(ring->ones + success - before);
    ring->next = (uint16_t)((ring->next + 1) % ring->window);
}

double ring_score(const struct ring *ring)
{
    return (double)ring->ones / (double)ring->window;
}

void ring_resize(struct ring *ring, uint32_t window)
{
    uint64_t old[WORDS_MAX];
    uint32_t old_window = ring->window, oldest = ring->next;
    uint32_t zeros = old_window - ring->ones;
    uint32_t kept = window < old_window ? window : old_window;
    uint32_t added = window - kept;

    memcpy(old, ring->bits, ring_words(old_window) * sizeof(*old));
    zeros = (zeros * added + old_window / 2) / old_window;
    ring_fill(ring, window);
    for (uint32_t i = 0; i < added; i++)
        put_bit(ring->bits, i, !spaced(i, zeros, added));
    ring->ones = (uint16_t)(added - zeros);
    for (uint32_t i = 0; i < kept; i++) {
        bool success =
                get_bit(old, (oldest + old_window - kept + i) % old_window);
        put_bit(ring->bits, added + i, success);
        ring->ones = (uint16_t)(ring->ones + success);
    }
}

/* ---- bytes ---- */

void ring_save(const struct ring *ring, struct writer *writer)
{
    write_u16(writer, ring->next);
    for (uint32_t i = 0; i < ring_words(ring->window); i++)
        write_u64(writer, ring->bits[i]);
}

bool ring_load(struct ring *ring, uint32_t window, struct reader *reader)
{
    uint32_t ones = 0;

    ring_fill(ring, window);
    ring->next = read_u16(reader);
    for (uint32_t i = 0; i < ring_words(window); i++)
        ring->bits[i] = read_u64(reader);
    for (uint32_t i = 0; i < ring_words(window) * WORD_BITS; i++) {
        if (i >= window && get_bit(ring->bits, i))
            return false;
        ones += get_bit(ring->bits, i);
    }
    ring->ones = (uint16_t)ones;
    return !reader->failed && ring->next < window;
}

/* ---- rules ---- */

static double reset_distance(double best, uint32_t window)
{
    return SIGMAS *
            sqrt(fmax(best * (1.0 - best), VARIANCE_MIN) / (double)window);
}

double reset_threshold(double best, uint32_t window)
{
    return best - reset_distance(best, window);
}

uint32_t reset_zeros(double best, uint32_t window)
{
    double zeros =
            floor((1.0 - best + reset_distance(best, window)) * (double)window);

    return (uint32_t)fmin(fmax(zeros, 2.0), (double)window);
}

uint32_t autopilot_window(double rows, uint32_t actions)
{
    double steps =
            floor(5.0 * sqrt(rows / ((double)actions - 1.0)) / 25.0 + 0.5);

    return (uint32_t)fmin(fmax(25.0 * steps, 100.0), (double)WINDOW_MAX);
}

double autopilot_share(uint32_t window, double rows, uint32_t actions)
{
    double most = AUTOPILOT_HEDGE_MAX / ((double)actions - 1.0);

    return fmin(fmax((double)window / rows, 0.01), most);
}
