/* The past that a training of a batch oracle keeps: how old its examples are,
 * and which of them stay where there are more than it may have
 * (`retrain.rows`).
 *
 * What memory has let go of (memory.h) goes first. If that is not enough, half
 * of the room is for informative examples, whose action was unlikely when it
 * was chosen, and half for the others; what one kind does not need of its half
 * is the other's, and of each kind the newest stay. So a flood of likely
 * examples does not wash out the few that say what they do not. As memory does,
 * this looks at ages and probabilities and never at the outcome. */
#ifndef TRAINING_PAST_H
#define TRAINING_PAST_H

#include "policies/memory.h"
#include "training/examples.h"

/* How many generations older than the newest each example is: generations that
 * no example was decided by do not count. From malloc; NULL without memory. */
uint32_t *past_ages(const struct example *list, size_t count);

/* Leaves at most `most` of list[0..count), in their order, and returns how
 * many. SIZE_MAX without memory, and then the list is as it was. */
size_t past_keep(struct example *list, size_t count,
        const struct memory_options *memory, size_t most);
/* The newest so many, whatever they are. */
size_t past_newest(struct example *list, size_t count, size_t most);

#endif
