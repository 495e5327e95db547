#include "service/board.h"

#include <pthread.h>
#include <stdlib.h>

struct board {
    pthread_mutex_t lock;
    uint32_t count;
    uint32_t *problems; /* [count] numbers in the store, as the rows */
    struct board_row *rows; /* [count] */
};

static bool open_row(struct board_row *row, const struct problem_spec *spec)
{
    uint32_t groups =
            spec->group_count < BOARD_GROUPS ? spec->group_count : BOARD_GROUPS;

    (void)bytes_text(spec->name, row->name, sizeof(row->name));
    row->group_count = groups;
    row->groups = calloc(groups + 1, sizeof(*row->groups));
    row->numbers = calloc(BOARD_NUMBERS, sizeof(*row->numbers));
    return row->groups != NULL && row->numbers != NULL;
}

struct board *board_new(const struct problem_spec *const *specs, uint32_t count)
{
    struct board *board = calloc(1, sizeof(*board));
    bool good;

    if (board == NULL)
        return NULL;
    CHECK_ZERO(pthread_mutex_init(&board->lock, NULL));
    board->problems = calloc(count + 1, sizeof(*board->problems));
    board->rows = calloc(count + 1, sizeof(*board->rows));
    good = board->problems != NULL && board->rows != NULL;
    for (uint32_t i = 0; good && i < count; i++) {
        board->problems[i] = specs[i]->number;
        board->count = i + 1;
        good = open_row(&board->rows[i], specs[i]);
    }
    if (good)
        return board;
    board_free(board);
    return NULL;
}

void board_free(struct board *board)
{
    if (board == NULL)
        return;
    for (uint32_t i = 0; board->rows != NULL && i < board->count; i++)
        board_copy_free(&board->rows[i]);
    free(board->problems);
    free(board->rows);
    CHECK_ZERO(pthread_mutex_destroy(&board->lock));
    free(board);
}

/* ---- writing ---- */

static void take_number(
        void *self, const char *name, int32_t group, double value)
{
    struct board_row *row = self;

    if (row->number_count == BOARD_NUMBERS ||
            group >= (int32_t)row->group_count)
        row->left_out++;
    else
        row->numbers[row->number_count++] =
                (struct board_number){name, group < 0 ? -1 : group, value};
}

static void take_drift(void *self, const char *name, uint32_t part,
        uint32_t index, double value)
{
    if (part == DRIFT_ALL)
        take_number(self, name, -1, value);
    else if (part == DRIFT_GROUP)
        take_number(self, name, (int32_t)index, value);
}

static void write_row(
        struct board_row *row, const struct problem *problem, nanos now)
{
    const struct problem_spec *spec = problem->spec;
    struct visitor visitor = {take_number, row};

    memcpy(row->policy, spec->policy_name, sizeof(row->policy));
    row->generation = problem->generation;
    row->policy_version = policy_learned(problem->policy);
    row->written = now;
    row->counters = problem->counters;
    for (uint32_t i = 0; i < row->group_count && i < spec->group_count; i++)
        (void)bytes_text(
                spec->groups[i].name, row->groups[i], sizeof(row->groups[i]));
    row->number_count = 0;
    row->left_out = 0;
    policy_visit(problem->policy, &visitor);
    if (problem->drift != NULL)
        drift_visit(problem->drift, take_drift, row);
}

void board_write(struct board *board, const struct problem *problem, nanos now)
{
    for (uint32_t i = 0; i < board->count; i++)
        if (board->problems[i] == problem->spec->number) {
            CHECK_ZERO(pthread_mutex_lock(&board->lock));
            write_row(&board->rows[i], problem, now);
            CHECK_ZERO(pthread_mutex_unlock(&board->lock));
            return;
        }
}

/* ---- reading ---- */

uint32_t board_count(const struct board *board)
{
    return board->count;
}

bool board_copy(struct board *board, uint32_t index, struct board_row *out)
{
    const struct board_row *row = &board->rows[index];

    CHECK_ZERO(pthread_mutex_lock(&board->lock));
    *out = *row;
    out->groups = calloc(row->group_count + 1, sizeof(*out->groups));
    out->numbers = calloc(row->number_count + 1, sizeof(*out->numbers));
    if (out->groups != NULL && out->numbers != NULL) {
        memcpy(out->groups, row->groups,
                row->group_count * sizeof(*out->groups));
        memcpy(out->numbers, row->numbers,
                row->number_count * sizeof(*out->numbers));
    }
    CHECK_ZERO(pthread_mutex_unlock(&board->lock));
    if (out->groups != NULL && out->numbers != NULL)
        return true;
    board_copy_free(out);
    return false;
}

void board_copy_free(struct board_row *row)
{
    free(row->groups);
    free(row->numbers);
    row->groups = NULL;
    row->numbers = NULL;
}
