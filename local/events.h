/* The events of a memory-only client: what the engine's journal reads and
 * writes where there is no log. It remembers the newest `events_max` events;
 * when another comes, the one that came first is forgotten, as retention does
 * it with a store: feedback about it is kept like that for an event never
 * decided, and its default reward does not fall due.
 *
 * One thread. All tables are sized when it is opened; what an event says lies
 * in heap blocks of its slot, which are used again. */
#ifndef LOCAL_EVENTS_H
#define LOCAL_EVENTS_H

#include "service/engine/engine.h"

struct events;

/* For problems numbered 1..problem_count. NULL if there is no memory. */
struct events *events_new(uint32_t events_max, uint32_t problem_count);
void events_free(struct events *events);

/* Makes sure that the writes of one step cannot fail. False: no memory. */
bool events_ready(struct events *events);

/* The journal over them; nothing is appended anywhere. */
struct journal events_journal(struct events *events);

/* The oldest deadline of the problem that is not after `now`, and its event,
 * which stays valid until the next step. False: none. */
bool events_due(const struct events *events, uint32_t problem, nanos now,
        nanos *deadline, struct bytes *event);

#endif
