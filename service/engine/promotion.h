/* The step that promotes a generation: its model takes the place of what serves
 * at exactly the record that says so. */
#ifndef ENGINE_PROMOTION_H
#define ENGINE_PROMOTION_H

#include "service/engine/engine.h"

/* INPUT_PROMOTE. NOT_FOUND or CORRUPT names the generation, INVALID if it was
 * made for other settings or there is nothing to go back to; nothing has then
 * changed. What serves already is promoted once (`receipt->repeated`). */
int promotion_step(struct problem *problem, const struct input *input,
        const struct journal *journal, struct arena *arena,
        struct receipt *receipt, struct err *err) MUST_USE;

#endif
