/* The veto of a generation that was just trained (replay/gate.h), on events of
 * the log that no model was trained on yet: a fixed share of those of the last
 * generations, by the event's id. */
#ifndef TRAINING_VERDICT_H
#define TRAINING_VERDICT_H

#include "replay/gate.h"
#include "storage/generation.h"
#include "training/examples.h"

/* Is this example one of those, `age` generations after the newest? */
bool verdict_held_out(const struct example *example,
        const struct gate_options *gate, uint32_t age);

struct verdict_job {
    const struct problem_spec *spec;
    struct examples *examples;
    const struct problem *champion;
    const struct problem *candidate;
    uint32_t tests; /* vetoes before this one: what its alpha depends on */
};

/* Fills in verdict, estimate (in the reward's units) and why; `text` holds the
 * sentence, GENERATION_WHY_MAX bytes. Nothing is compared (VERDICT_NONE) where
 * the settings say so, where decisions are not of the decide form, and for
 * oracles that learn while they serve, which have seen every event. */
int verdict_give(const struct verdict_job *job, struct generation *generation,
        char *text, struct err *err) MUST_USE;

#endif
