/* Plays a world against a running service through librue, with as many rounds
 * under way as the world allows, feedback delayed in rounds, and every request
 * repeated under its ids until it is answered: a service that is killed and
 * started again in the middle changes nothing. */
#ifndef SIM_PLAY_H
#define SIM_PLAY_H

#include "sim/world.h"

struct play_settings {
    const struct world_functions *functions;
    struct world *world;
    const char *endpoint;
    const char *problem;
    int timeout_ms; /* of a request, retries included */
    /* May be NULL. */
    void (*progress)(void *self, uint32_t round, uint32_t rounds);
    void *self;
};

struct play_report {
    struct world_row learned;
    struct world_row rows[WORLD_ROWS_MAX];
    uint32_t row_count;
    uint64_t decisions, feedbacks;
    uint64_t resent; /* tries after the first */
    uint64_t repeated; /* answers that the service gave before */
    double seconds;
};

int play_run(const struct play_settings *settings, struct play_report *report,
        struct err *err) MUST_USE;

#endif
