/* What a problem decides when it is asked: the part of a decision that is a
 * pure function of the problem's state, the question and the event's id. The
 * engine decides with it; replay decides again with it, to compare. */
#ifndef ENGINE_CHOOSE_H
#define ENGINE_CHOOSE_H

#include "proto/record.h"
#include "service/engine/problem.h"
#include "service/engine/round.h"

/* Fills in the record of a decision, but for feedback that came before it and
 * for what experts said. Arrays lie in the arena or are the question's; `round`
 * is what the policy saw. INVALID names what is wrong with the question; BUSY:
 * the arena is too small; INTERNAL: the policy is at fault. */
int choose_record(const struct problem *problem, const struct record *head,
        const struct question *question, struct arena *arena,
        struct round_view *round, struct decision_record *record,
        struct err *err) MUST_USE;

#endif
