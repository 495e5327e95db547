/* Is a recorded decision, and what was learned of it, sound? Pure checks of one
 * record against what stands beside it, for verify.c. */
#ifndef REPLAY_SOUND_H
#define REPLAY_SOUND_H

#include "base/arena.h"
#include "proto/record.h"

/* Every place could be chosen; the probability of a pair is that of its two
 * draws; a path has an edge once and none that is less likely than itself.
 * Otherwise CORRUPT with what is wrong. */
int sound_decision(const struct decision_record *record, struct arena *arena,
        struct err *err) MUST_USE;

/* What a record says was learned. */
struct claim {
    const struct shown *shown; /* NULL: what the subject says of itself */
    const struct subject *subject;
    const struct costs *costs;
    double value;
};

/* Does it say more than a value? Only then is there something to check. */
bool claim_given(const struct claim *claim);

/* The subject follows from what was shown, the value from the costs, and both
 * fit the decision. */
int sound_claim(const struct claim *claim,
        const struct decision_record *decision, struct arena *arena,
        struct err *err) MUST_USE;

#endif
