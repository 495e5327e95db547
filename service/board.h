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

/* Names of groups and numbers that one row takes; what is beyond is left out
 * and counted. */
#define BOARD_NUMBERS 512u
#define BOARD_GROUPS  64u
/* Rows written at one tick of an engine thread. */
#define BOARD_A_TICK 16u

struct board_number {
    const char *name; /* of static storage */
    int32_t group; /* index into the row's groups, or -1 */
    double value;
};

struct board_row {
    char name[ID_BYTES_MAX + 1];
    char policy[POLICY_NAME_SIZE];
    uint64_t generation;
    uint64_t policy_version;
    nanos written; /* 0: not yet */
    struct problem_counters counters;
    uint32_t group_count;
    char (*groups)[ID_BYTES_MAX + 1]; /* [group_count] */
    uint32_t number_count, left_out;
    struct board_number *numbers; /* [BOARD_NUMBERS] */
};

struct board;

/* A row for each problem, by its number in ascending order. NULL: no memory. */
struct board *board_new(
        const struct problem_spec *const *specs, uint32_t count);
void board_free(struct board *board);

/* The problem as it is now, from the thread that owns it. */
void board_write(struct board *board, const struct problem *problem, nanos now);

uint32_t board_count(const struct board *board);
/* A copy of row `index`, with room of its own that board_copy_free() frees. */
bool board_copy(struct board *board, uint32_t index, struct board_row *out);
void board_copy_free(struct board_row *row);

#endif
