/* A question in which one feature has another's value: what a decision would
 * have been if the feature had told nothing. A feature of the context takes the
 * value that it had in another decision (a named one is absent where it was
 * absent there); one of the actions is passed on among the actions of the same
 * question, so that each has another's. */
#ifndef REPLAY_PERMUTE_H
#define REPLAY_PERMUTE_H

#include "base/arena.h"
#include "proto/message.h"

/* A column, or all named features of one name, whatever their texts. */
struct feature_key {
    bool of_action; /* otherwise of the context */
    bool dense;
    uint32_t column; /* of a dense one */
    struct bytes space, name; /* of a named one */
};

bool feature_key_is(const struct feature_key *key, const struct named *named);

/* `donor` has as many columns; `places` is how many actions the question speaks
 * of, `step` (1 .. places - 1, or 0: as it is) how far the actions' values are
 * passed on. New arrays lie in the arena, all else is shared with `own`. BUSY:
 * the arena is too small. */
int question_permute(const struct question *own, const struct question *donor,
        const struct feature_key *key, uint32_t places, uint32_t step,
        struct arena *arena, struct question *out, struct err *err) MUST_USE;

#endif
