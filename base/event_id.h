/* Ids for events that are made on the spot: 26 characters of Crockford's
 * base 32 for 48 bits of milliseconds and 80 bits that tell makers and their
 * events apart. They sort by time, so that inserting them is cheap. */
#ifndef BASE_EVENT_ID_H
#define BASE_EVENT_ID_H

#include <stdint.h>

#define EVENT_ID_SIZE 26

/* One maker of ids: `maker` is random (48 bits are used), `count` counts. */
struct event_id_source {
    uint64_t maker;
    uint32_t count;
};

/* Writes 26 characters, without a final zero. `time_ms` is an argument, so
 * that the caller decides what time it is. Unique while one maker makes less
 * than 2^32 ids a millisecond. */
void event_id_make(struct event_id_source *source, uint64_t time_ms,
        char out[EVENT_ID_SIZE]);

#endif
