#include "service/board.h"

#include <pthread.h>
#include <stdlib.h>

struct board {
    pthread_mutex_t lock;
    uint32_t count;
    uint32_t *problems; /* [count] numbers in the store, as the rows */
    struct board_row *rows; /* [count] */
};

static uint32_t at_most(uint32_t count, uint32_t most)
{
    return count < most ? count : most;
}

/* All arrays of a row in one block: of the sizes that its counts say. */
struct sizes {
    size_t groups, actions, columns, of_action, of_group, numbers, levels;
};

static struct sizes sizes_of(const struct board_row *row)
{
    return (struct sizes){
            .groups = row->group_count * sizeof(board_name),
            .actions = row->action_count * sizeof(board_name),
            .columns = row->column_count * sizeof(board_name),
            .of_action = row->action_count * sizeof(*row->of_action),
            .of_group = row->group_count * sizeof(*row->of_group),
            .numbers = row->number_count * sizeof(*row->numbers),
            .levels = row->level_count * sizeof(*row->levels),
    };
}

/* Points the arrays into a new block; those with numbers come first, so that
 * each is aligned. */
static bool lay_out(struct board_row *row)
{
    struct sizes sizes = sizes_of(row);
    char *at = calloc(1,
            sizes.groups + sizes.actions + sizes.columns + sizes.of_action +
                    sizes.of_group + sizes.numbers + sizes.levels + 1);

    row->block = at;
    if (at == NULL)
        return false;
    row->of_action = (struct pulse_action *)(void *)at;
    at += sizes.of_action;
    row->of_group = (struct pulse_sums *)(void *)at;
    at += sizes.of_group;
    row->numbers = (struct board_number *)(void *)at;
    at += sizes.numbers;
    row->levels = (struct alarm *)(void *)at;
    at += sizes.levels;
    row->groups = (board_name *)(void *)at;
    at += sizes.groups;
    row->actions = (board_name *)(void *)at;
    at += sizes.actions;
    row->columns = (board_name *)(void *)at;
    row->pulse.actions = row->of_action;
    row->pulse.groups = row->of_group;
    return true;
}

static void take_names(struct board_row *row, const struct problem_spec *spec)
{
    for (uint32_t i = 0; i < row->group_count && i < spec->group_count; i++)
        (void)bytes_text(
                spec->groups[i].name, row->groups[i], sizeof(board_name));
    for (uint32_t i = 0; i < row->action_count && i < spec->slots; i++)
        (void)bytes_text(
                spec->catalogue[i], row->actions[i], sizeof(board_name));
    for (uint32_t i = 0; i < row->column_count && i < spec->column_count; i++)
        (void)bytes_text(spec->columns[i], row->columns[i], sizeof(board_name));
}

static bool open_row(struct board_row *row, const struct problem_spec *spec)
{
    (void)bytes_text(spec->name, row->name, sizeof(row->name));
    row->number = spec->number;
    row->group_count = at_most(spec->group_count, BOARD_GROUPS);
    row->action_count = at_most(spec->slots, BOARD_ACTIONS);
    row->column_count = at_most(spec->column_count, BOARD_COLUMNS);
    row->number_count = BOARD_NUMBERS;
    row->level_count = problem_spec_watched(spec)
            ? at_most(drift_levels_max(&spec->drift), BOARD_LEVELS)
            : 0;
    row->watched = problem_spec_watched(spec);
    if (!lay_out(row))
        return false;
    row->number_count = 0;
    row->level_count = 0;
    take_names(row, spec);
    return true;
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

/* Room for as many levels as the row was opened with. */
struct levels {
    struct board_row *row;
    uint32_t room;
};

static void take_level(void *self, const struct alarm *level)
{
    struct levels *levels = self;
    struct board_row *row = levels->row;

    if (row->level_count == levels->room ||
            (level->part == DRIFT_ACTION && level->index >= row->action_count))
        row->left_out++;
    else
        row->levels[row->level_count++] = *level;
}

static void take_levels(struct board_row *row, const struct problem *problem)
{
    struct levels levels = {row,
            at_most(drift_levels_max(&problem->spec->drift), BOARD_LEVELS)};

    drift_levels(problem->drift, take_level, &levels);
}

/* All but its arrays, which are the row's own. */
static void take_pulse(struct board_row *row, const struct pulse *pulse)
{
    uint32_t actions = at_most(pulse->action_count, row->action_count);
    uint32_t groups = at_most(pulse->group_count, row->group_count);

    row->pulse = *pulse;
    row->pulse.actions = row->of_action;
    row->pulse.groups = row->of_group;
    row->pulse.action_count = actions;
    row->pulse.group_count = groups;
    memcpy(row->of_action, pulse->actions, actions * sizeof(*row->of_action));
    memcpy(row->of_group, pulse->groups, groups * sizeof(*row->of_group));
}

static void take_settings(
        struct board_row *row, const struct problem_spec *spec)
{
    memcpy(row->policy, spec->policy_name, sizeof(row->policy));
    row->reward_min = spec->policy.range.min;
    row->reward_max = spec->policy.range.max;
    row->minimise = spec->policy.range.minimise;
    take_names(row, spec);
}

static void write_row(struct board_row *row, const struct problem *problem,
        const struct board_news *news)
{
    struct visitor visitor = {take_number, row};

    take_settings(row, problem->spec);
    row->generation = problem->generation;
    row->policy_version = policy_learned(problem->policy);
    row->trial_generation = problem->challenger.generation;
    row->trial_share = problem->challenger.share;
    row->trial_rows = problem->challenger.rows;
    row->news = *news;
    row->counters = problem->counters;
    row->recent = problem->recent;
    row->number_count = 0;
    row->level_count = 0;
    row->left_out = 0;
    policy_visit(problem->policy, &visitor);
    if (problem->drift != NULL && row->watched) {
        drift_visit(problem->drift, take_drift, row);
        take_levels(row, problem);
    }
    if (problem->pulse != NULL)
        take_pulse(row, problem->pulse);
}

void board_write(struct board *board, const struct problem *problem,
        const struct board_news *news)
{
    for (uint32_t i = 0; i < board->count; i++)
        if (board->problems[i] == problem->spec->number) {
            CHECK_ZERO(pthread_mutex_lock(&board->lock));
            write_row(&board->rows[i], problem, news);
            CHECK_ZERO(pthread_mutex_unlock(&board->lock));
            return;
        }
}

/* ---- reading ---- */

uint32_t board_count(const struct board *board)
{
    return board->count;
}

/* Names never change, so they need no lock. */
bool board_find(const struct board *board, const char *name, uint32_t *index)
{
    for (uint32_t i = 0; i < board->count; i++)
        if (strcmp(board->rows[i].name, name) == 0) {
            *index = i;
            return true;
        }
    return false;
}

bool board_copy(struct board *board, uint32_t index, struct board_row *out)
{
    const struct board_row *row = &board->rows[index];
    bool good;

    CHECK_ZERO(pthread_mutex_lock(&board->lock));
    *out = *row;
    good = lay_out(out);
    if (good) {
        struct sizes sizes = sizes_of(row);
        memcpy(out->of_action, row->of_action, sizes.of_action);
        memcpy(out->of_group, row->of_group, sizes.of_group);
        memcpy(out->numbers, row->numbers, sizes.numbers);
        memcpy(out->levels, row->levels, sizes.levels);
        memcpy(out->groups, row->groups, sizes.groups);
        memcpy(out->actions, row->actions, sizes.actions);
        memcpy(out->columns, row->columns, sizes.columns);
    }
    CHECK_ZERO(pthread_mutex_unlock(&board->lock));
    return good;
}

void board_copy_free(struct board_row *row)
{
    free(row->block);
    row->block = NULL;
}

const char *board_part_name(
        const struct board_row *row, const struct alarm *level)
{
    switch ((enum drift_part)level->part) {
    case DRIFT_ALL:
        return "";
    case DRIFT_ACTION:
        return level->index < row->action_count ? row->actions[level->index]
                                                : "?";
    case DRIFT_GROUP:
        return level->index < row->group_count ? row->groups[level->index]
                                               : "?";
    case DRIFT_COLUMN:
        return level->index < row->column_count ? row->columns[level->index]
                                                : "?";
    case DRIFT_CIRCUIT:
        break; /* no level speaks of one */
    }
    return "?";
}
