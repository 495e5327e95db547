/* What a problem keeps of its newest alarms, and when what serves was promoted,
 * for those who look on. Nothing is decided by it. It is part of the state, a
 * fold of the log, so that a restart still knows it without reading the log
 * again.
 *
 * An alarm's record names no event. `last` is the event of the record that was
 * folded before it, which raised it: the decision, or the one whose outcome was
 * learned.
 *
 * A value for one problem; not for use by two threads. */
#ifndef ENGINE_RECENT_H
#define ENGINE_RECENT_H

#include "base/limits.h"
#include "policies/drift.h"

#define RECENT_ALARMS 16u

/* An id, or a name. */
struct recent_id {
    uint8_t size;
    uint8_t id[ID_BYTES_MAX];
};

struct recent_alarm {
    nanos time;
    struct alarm alarm;
    struct recent_id name; /* of the part that it is about; may be empty */
    struct recent_id event; /* of the record before the alarm's own */
};

struct recent {
    struct recent_id last; /* event of the record that was folded last */
    nanos promoted; /* time of the newest promotion; 0: none */
    uint64_t count; /* in all, openings and closings of circuits too; the
                       newest RECENT_ALARMS are kept */
    struct recent_alarm alarms[RECENT_ALARMS]; /* number n in place
                                                  n % RECENT_ALARMS */
};

/* A record of this event is being folded. */
void recent_note(struct recent *recent, struct bytes event);
/* An alarm, a circuit that opened or closed too. */
void recent_alarmed(struct recent *recent, nanos time,
        const struct alarm *alarm, struct bytes name);

/* How many are kept, and the one that came `back` before the newest. */
uint32_t recent_kept(const struct recent *recent);
const struct recent_alarm *recent_alarm(
        const struct recent *recent, uint32_t back);

struct bytes recent_bytes(const struct recent_id *id);

void recent_save(const struct recent *recent, struct writer *writer);
/* Into a fresh one. False if the bytes cannot be. */
bool recent_load(struct recent *recent, struct reader *reader);

#endif
