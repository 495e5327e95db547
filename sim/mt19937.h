/* The Mersenne twister as numpy's legacy RandomState and Python's random use
 * it (Matsumoto & Nishimura 1998), for published experiments that were made
 * with them (groupwise.md, section 10). Nothing new is drawn from it: rue's
 * own generator is base/rng.h. */
#ifndef SIM_MT19937_H
#define SIM_MT19937_H

#include <stdint.h>

struct mt19937 {
    uint32_t state[624];
    uint32_t used;
};

void mt19937_seed(struct mt19937 *mt, uint32_t seed);
uint32_t mt19937_u32(struct mt19937 *mt);
/* RandomState(seed).choice(count, count, replace=False). */
void mt19937_shuffle(struct mt19937 *mt, uint32_t *order, uint32_t count);

#endif
