/* What the engine threads tell of their problems, for those who only look
 * (metrics, the dashboard): a row a problem, written now and then by the thread
 * that owns it, read by the HTTP thread. So nobody waits for an engine, and a
 * look costs serving nothing.
 *
 * Rows are written at ticks, a few at a time, and only where something has
 * changed: how old a row is, is one of its numbers. */
#ifndef SERVICE_BOARD_H
#define SERVICE_BOARD_H

#include "service/engine/problem.h"

/* Names of groups, columns and actions, numbers and levels of detectors that
 * one row takes; what is beyond is left out and counted. */
#define BOARD_NUMBERS 512u
#define BOARD_GROUPS  PULSE_GROUPS
#define BOARD_ACTIONS PULSE_ACTIONS
#define BOARD_COLUMNS DRIFT_COLUMNS
#define BOARD_LEVELS  256u
/* Rows written at one tick of an engine thread. */
#define BOARD_A_TICK 16u

struct board_number {
    const char *name; /* of static storage */
    int32_t group; /* index into the row's groups, or -1 */
    double value;
};

typedef char board_name[ID_BYTES_MAX + 1];

/* What a row is told beside what the problem itself knows. */
struct board_news {
    nanos now;
    nanos snapshot_at; /* its newest snapshot; 0: not known */
    uint64_t unsaved; /* its records since then: what a restart folds again */
    nanos generation_created; /* of the one that serves; 0: not known */
};

struct board_row {
    board_name name;
    uint32_t number; /* in the store */
    char policy[POLICY_NAME_SIZE];
    uint64_t generation;
    uint64_t policy_version;
    struct board_news news; /* now 0: nothing has been told yet */
    struct problem_counters counters;
    double reward_min, reward_max; /* as declared */
    bool minimise; /* values are costs */
    bool watched; /* there are detectors of drift */
    uint64_t trial_generation; /* 0: none is on trial */
    double trial_share;
    uint64_t trial_rows;
    struct pulse pulse; /* its arrays are those below */
    struct recent recent;
    uint32_t group_count, action_count, column_count;
    board_name *groups, *actions, *columns;
    struct pulse_action *of_action; /* [action_count] */
    struct pulse_sums *of_group; /* [group_count] */
    uint32_t number_count, level_count, left_out;
    struct board_number *numbers; /* [BOARD_NUMBERS]; a copy: [number_count] */
    struct alarm *levels; /* [BOARD_LEVELS]; a copy: [level_count] */
    void *block; /* that the arrays of a copy lie in */
};

struct board;

/* A row for each problem, by its number in ascending order. NULL: no memory. */
struct board *board_new(
        const struct problem_spec *const *specs, uint32_t count);
void board_free(struct board *board);

/* The problem as it is now, from the thread that owns it. */
void board_write(struct board *board, const struct problem *problem,
        const struct board_news *news);

uint32_t board_count(const struct board *board);
/* Index of the row of that name; false: there is none. */
bool board_find(const struct board *board, const char *name, uint32_t *index);
/* A copy of row `index`, with room of its own that board_copy_free() frees.
 * False: no memory. */
bool board_copy(struct board *board, uint32_t index, struct board_row *out);
void board_copy_free(struct board_row *row);

/* The name of what a level is about: "" where that is all of the problem. */
const char *board_part_name(
        const struct board_row *row, const struct alarm *level);

#endif
