/* What `rue top` knows of a service, made of the answers to its status
 * requests: counters become rates, sums become means over the time between two
 * answers. No terminal here (cmd_top.c, top_view.c). */
#ifndef CLI_TOP_H
#define CLI_TOP_H

#include "base/limits.h"
#include "client/rue.h"

#include <stdbool.h>

/* Points of the past that are kept of each problem, and alarms. */
#define TOP_HISTORY 120u
#define TOP_ALARMS  64u
#define TOP_NUMBERS 1024u
#define TOP_NAME    (ID_BYTES_MAX + 1)

/* A line of values over time, oldest first after top_line(). */
struct top_line {
    double values[TOP_HISTORY];
    uint32_t count, next; /* a ring */
};

struct top_number {
    char name[TOP_NAME], group[TOP_NAME];
    double value;
};

struct top_problem {
    char name[TOP_NAME];
    char policy[128];
    uint64_t generation;
    double asked; /* seconds of the monotonic clock; 0: not answered yet */
    double decisions, feedbacks, learned, value_sum, alarms;
    double decisions_s, feedbacks_s; /* over the last interval */
    double reward; /* mean of what was learned then; NAN: nothing was */
    double reward_all; /* since the beginning; NAN: nothing was */
    bool fallback, training;
    uint32_t open; /* circuits */
    struct top_line rates, rewards;
    uint32_t number_count;
    struct top_number *numbers; /* [TOP_NUMBERS] */
};

/* Alarms that were counted between two answers. */
struct top_alarm {
    double at; /* wall clock, seconds since 1970 */
    char problem[TOP_NAME], stream[32], group[TOP_NAME];
    double count;
};

struct top {
    char version[32];
    double uptime_s, asked;
    uint64_t last_record;
    double decides, feedbacks, commits, refused;
    double decides_s, feedbacks_s, commits_s;
    bool full;
    struct top_problem **problems; /* [problem_count], by name */
    uint32_t problem_count;
    struct top_alarm alarms[TOP_ALARMS]; /* newest first */
    uint32_t alarm_count;
};

/* The service's own answer: its problems are then known. False: no memory. */
bool top_take_service(
        struct top *top, const rue_service_status *status, double now);
/* The answer for one problem. `wall` is the time of day. */
void top_take_problem(struct top *top, struct top_problem *problem,
        const rue_service_status *status, double now, double wall);
void top_free(struct top *top);

/* The newest `width` values, oldest first; how many. */
uint32_t top_line_values(
        const struct top_line *line, uint32_t width, double *values);
void top_line_add(struct top_line *line, double value);

/* The values as bars of eighths (UTF-8) or, without, of ten characters, padded
 * on the left to `width` cells; the lowest is the lowest bar. NAN is a gap. */
#define TOP_BAR_BYTES 4u /* of one cell at most */
void top_sparkline(const struct top_line *line, uint32_t width, bool utf8,
        char *out, size_t size);
/* 1234567 as "1.23M": at most 6 cells. */
const char *top_short(double value, char out[16]);
/* Seconds as "3d 04h", "04h 12m", "12m 05s". */
const char *top_duration(double seconds, char out[32]);

#endif
