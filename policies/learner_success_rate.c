/* Success rates: the routing industry's default (bandits.md, section 2.4). A
 * cell is a tuple of context fields, with a ring of the last outcomes of each
 * action; the action of the best rate is played, and the others share a small
 * hedging probability, so that propensities are exact.
 *
 * Cells. Every lesson teaches the cell of its whole tuple and those of all the
 * tuple's beginnings, down to the empty one; a decision uses the longest that
 * is known. There are at most `cells_max`: a new one takes the place of the one
 * taught longest ago, of equals the longest tuple, so that a cell never goes
 * before those that were built on it. Cells are told apart by a 64-bit hash.
 *
 * Outcomes are successes or failures: a loss below `success_below` is a
 * success. Lessons count as they come, however late, and by one whatever their
 * weight. The best of equal scores is the first in the catalogue, not in the
 * request: rings of whole outcomes tie often, and the order of a request must
 * not matter. Resets compare the actions that the lesson's decision could have
 * chosen, as one never on offer stays perfect for ever. */
#include "policies/learner.h"
#include "policies/outcomes.h"
#include "policies/tuple.h"

#include <math.h>

enum { LEARN_ALL, LEARN_HEDGED };

/* Memory of one learner. */
#define STATE_MAX ((size_t)1 << 30)

/* The autopilot looks every quarter of an hour at the last four. */
#define QUARTERS          4u
#define QUARTER           (900 * NANOS_PER_SECOND)
#define AUTOPILOT_ROWS    100.0
#define AUTOPILOT_STEP    25u
#define AUTOPILOT_PERCENT 0.01

struct success_options {
    struct bytes cells;
    uint32_t cells_max;
    uint32_t window;
    double hedge;
    double bonus;
    uint32_t learn_from;
    double success_below;
    bool reset;
    double eliminate_below;
    double eliminate_rate;
    bool autopilot;
};

struct cell {
    uint64_t taught; /* number of the lesson that was its last */
    uint32_t depth; /* fields of its tuple */
    uint32_t window;
    double share; /* hedging of each other action; 0: the option's */
    int64_t quarter; /* of record time, the newest in rows and most */
    uint32_t rows[QUARTERS]; /* lessons; quarter q is at q % QUARTERS */
    uint32_t most[QUARTERS]; /* actions of the largest decision */
};

struct success {
    const struct success_options *options;
    uint32_t slots;
    uint32_t count; /* cells in use; the first is the empty tuple's */
    uint32_t window_max;
    uint64_t lessons, replaced, resets;
    struct tuple tuple;
    uint64_t *keys; /* [cells_max] */
    struct cell *cells; /* [cells_max] */
    double *health; /* [slots] short scores, over all cells */
    unsigned char *rings; /* [cells_max][slots] of ring_bytes(window_max) */
    _Alignas(16) unsigned char block[];
};

#define AT(member) offsetof(struct success_options, member)

static const char *const learn_froms[] = {"all", "hedged", NULL};

static const struct option_row success_rows[] = {
        {.name = "cells",
                .type = OPTION_TEXT,
                .offset = AT(cells),
                .text = "",
                .sentence = "fields that rates are kept apart by, coarse ones "
                            "first: 0 (a context column), 3/100 (in pieces of "
                            "100), amount or space.name (a named number), "
                            "card=visa|amex (a named text, one of these), "
                            "groups (which are awake)"},
        {.name = "cells_max",
                .type = OPTION_COUNT,
                .offset = AT(cells_max),
                .min = 1,
                .max = 4096,
                .fallback = 256,
                .sentence = "cells kept; the one taught longest ago goes"},
        {.name = "window",
                .type = OPTION_COUNT,
                .offset = AT(window),
                .min = WINDOW_MIN,
                .max = WINDOW_MAX,
                .fallback = 125,
                .sentence = "outcomes that a rate is the mean of"},
        {.name = "hedge",
                .type = OPTION_DOUBLE,
                .offset = AT(hedge),
                .max = 0.5,
                .fallback = 0.05,
                .sentence = "probability that is shared by all actions but the "
                            "best"},
        {.name = "bonus",
                .type = OPTION_DOUBLE,
                .offset = AT(bonus),
                .max = 100.0,
                .sentence = "standard deviations added to a rate in choosing "
                            "the best"},
        {.name = "learn_from",
                .type = OPTION_CHOICE,
                .offset = AT(learn_from),
                .choices = learn_froms,
                .fallback = LEARN_ALL,
                .sentence = "outcomes that rates are made of: all, or of "
                            "hedged choices only"},
        {.name = "success_below",
                .type = OPTION_DOUBLE,
                .offset = AT(success_below),
                .min = 1e-9,
                .max = 1.0,
                .fallback = 0.5,
                .sentence = "a loss (0 best, 1 worst) below this is a success"},
        {.name = "reset",
                .type = OPTION_FLAG,
                .offset = AT(reset),
                .fallback = 1,
                .sentence = "lift a rate that is three deviations below the "
                            "best to there, so that it can return soon"},
        {.name = "eliminate_below",
                .type = OPTION_DOUBLE,
                .offset = AT(eliminate_below),
                .max = 1.0,
                .fallback = 0.2,
                .sentence = "an action whose short rate over all cells is "
                            "below this is not the best; 0: off"},
        {.name = "eliminate_rate",
                .type = OPTION_DOUBLE,
                .offset = AT(eliminate_rate),
                .min = 0.001,
                .max = 1.0,
                .fallback = 0.1,
                .sentence = "weight of the newest outcome in the short rate"},
        {.name = "autopilot",
                .type = OPTION_FLAG,
                .offset = AT(autopilot),
                .sentence = "set window and hedge of each cell from its "
                            "traffic, every 15m"},
};

/* ---- state ---- */

static uint32_t longest_window(const struct success_options *options)
{
    return options->autopilot ? WINDOW_MAX : options->window;
}

static size_t cell_bytes(const struct success_options *options, uint32_t slots)
{
    return sizeof(uint64_t) + sizeof(struct cell) +
            slots * ring_bytes(longest_window(options));
}

static size_t success_footprint(
        const void *block, const struct shape *shape, struct err *err)
{
    const struct success_options *options = block;
    struct tuple tuple;
    size_t size;

    if (shape->slots == 0 || shape->predict) {
        (void)err_set(err, STATUS_INVALID,
                "success-rate: needs a catalogue of actions");
        return 0;
    }
    if (tuple_parse(&tuple, options->cells, shape, err) != 0)
        return 0;
    if (options->cells_max <= tuple.count) {
        (void)err_set(err, STATUS_INVALID,
                "cells_max: a tuple of %u fields needs %u cells at least",
                tuple.count, tuple.count + 1);
        return 0;
    }
    size = sizeof(struct success) + shape->slots * sizeof(double) +
            options->cells_max * cell_bytes(options, shape->slots);
    if (size > STATE_MAX) {
        (void)err_set(err, STATUS_INVALID,
                "cells_max: %u cells of %u actions are %zu bytes, at most %zu",
                options->cells_max, shape->slots, size, STATE_MAX);
        return 0;
    }
    return size;
}

static size_t success_scratch(const void *options, const struct shape *shape)
{
    (void)options;
    (void)shape;
    return 0;
}

static struct ring *ring_at(
        const struct success *self, uint32_t cell, uint32_t slot)
{
    size_t at = (size_t)cell * self->slots + slot;

    return (void *)(self->rings + at * ring_bytes(self->window_max));
}

/* A cell as one of a tuple never seen. */
static void cell_init(
        struct success *self, uint32_t at, uint64_t key, uint32_t depth)
{
    self->keys[at] = key;
    self->cells[at] =
            (struct cell){.depth = depth, .window = self->options->window};
    for (uint32_t slot = 0; slot < self->slots; slot++)
        ring_fill(ring_at(self, at, slot), self->options->window);
}

static void success_init(
        void *block, const void *options, const struct shape *shape)
{
    struct success *self = block;
    size_t most;
    int status;

    self->options = options;
    self->slots = shape->slots;
    self->window_max = longest_window(self->options);
    most = self->options->cells_max;
    self->cells = (void *)self->block;
    self->keys = (void *)(self->cells + most);
    self->health = (void *)(self->keys + most);
    self->rings = (void *)(self->health + self->slots);
    status = tuple_parse(&self->tuple, self->options->cells, shape, NULL);
    CHECK(status == 0);
    for (uint32_t slot = 0; slot < self->slots; slot++)
        self->health[slot] = 1.0;
    cell_init(self, 0, TUPLE_EMPTY_KEY, 0);
    self->count = 1;
}

/* The cell of a key; self->count where it is not known. */
static uint32_t find_cell(const struct success *self, uint64_t key)
{
    uint32_t at = 0;

    while (at < self->count && self->keys[at] != key)
        at++;
    return at;
}

/* The cell of the longest beginning that is known. */
static uint32_t nearest_cell(
        const struct success *self, const struct context *context)
{
    uint64_t keys[TUPLE_FIELDS_MAX + 1] = {0};

    tuple_keys(&self->tuple, context, keys);
    for (uint32_t depth = self->tuple.count; depth > 0; depth--) {
        uint32_t at = find_cell(self, keys[depth]);
        if (at < self->count)
            return at;
    }
    return 0;
}

/* ---- deciding ---- */

static bool is_healthy(const struct success *self, uint32_t slot)
{
    return self->health[slot] >= self->options->eliminate_below;
}

static double rating(const struct success *self, const struct ring *ring)
{
    double score = ring_score(ring);
    double deviation = sqrt(score * (1.0 - score) / (double)ring->window);

    return score + self->options->bonus * deviation;
}

static bool any_healthy(
        const struct success *self, const struct action_set *actions)
{
    for (uint32_t i = 0; i < actions->count; i++)
        if (is_healthy(self, actions->slot[i]))
            return true;
    return false;
}

/* The index of the best; of those that are healthy, where any is. */
static uint32_t find_top(const struct success *self, uint32_t cell,
        const struct action_set *actions)
{
    bool healthy = any_healthy(self, actions);
    uint32_t top = 0;
    double best = -INFINITY;

    for (uint32_t i = 0; i < actions->count; i++) {
        uint32_t slot = actions->slot[i];
        double own = rating(self, ring_at(self, cell, slot));
        if (healthy && !is_healthy(self, slot))
            continue;
        if (own < best || (own == best && slot > actions->slot[top]))
            continue;
        top = i;
        best = own;
    }
    return top;
}

static double share_of(
        const struct success *self, const struct cell *cell, uint32_t count)
{
    double others = (double)count - 1.0;

    return cell->share > 0.0 ? fmin(cell->share, AUTOPILOT_HEDGE_MAX / others)
                             : self->options->hedge / others;
}

static void success_decide(const void *block, const struct context *context,
        const struct action_set *actions, struct rng *draws,
        struct arena *scratch, double *pmf)
{
    const struct success *self = block;
    uint32_t cell = nearest_cell(self, context);
    uint32_t top = find_top(self, cell, actions);
    double share;

    (void)draws;
    (void)scratch;
    pmf[0] = 1.0;
    if (actions->count == 1)
        return;
    share = share_of(self, &self->cells[cell], actions->count);
    for (uint32_t i = 0; i < actions->count; i++)
        pmf[i] = share;
    pmf[top] = 1.0 - share * ((double)actions->count - 1.0);
}

/* ---- learning: cells ---- */

/* The cell that was taught longest ago; of equals the longest tuple. */
static uint32_t oldest_cell(const struct success *self)
{
    uint32_t oldest = 0;

    for (uint32_t i = 1; i < self->count; i++) {
        const struct cell *cell = &self->cells[i];
        const struct cell *other = &self->cells[oldest];
        if (cell->taught < other->taught ||
                (cell->taught == other->taught && cell->depth > other->depth))
            oldest = i;
    }
    return oldest;
}

static uint32_t make_cell(struct success *self, uint64_t key, uint32_t depth)
{
    uint32_t at = self->count;

    if (self->count < self->options->cells_max) {
        self->count++;
    } else {
        at = oldest_cell(self);
        self->replaced++;
    }
    cell_init(self, at, key, depth);
    return at;
}

/* ---- learning: the autopilot ---- */

static void tune(struct success *self, uint32_t at, double rows, uint32_t most)
{
    struct cell *cell = &self->cells[at];
    uint32_t window = autopilot_window(rows, most);
    double share;

    if (window >= cell->window + AUTOPILOT_STEP ||
            window + AUTOPILOT_STEP <= cell->window) {
        cell->window = window;
        for (uint32_t slot = 0; slot < self->slots; slot++)
            ring_resize(ring_at(self, at, slot), window);
    }
    share = autopilot_share(cell->window, rows, most);
    if (fabs(share - share_of(self, cell, most)) >= AUTOPILOT_PERCENT)
        cell->share = share;
}

static void clear_quarter(struct cell *cell, int64_t quarter)
{
    cell->rows[(uint64_t)quarter % QUARTERS] = 0;
    cell->most[(uint64_t)quarter % QUARTERS] = 0;
}

/* Begins a quarter, after tuning by the four before it. */
static void begin_quarter(struct success *self, uint32_t at, int64_t quarter)
{
    struct cell *cell = &self->cells[at];
    uint32_t most = 0;
    double rows = 0.0;

    for (uint32_t i = 1; i <= QUARTERS; i++)
        if (quarter - i > cell->quarter) /* nothing came in it */
            clear_quarter(cell, quarter - i);
    for (uint32_t i = 0; i < QUARTERS; i++) {
        rows += cell->rows[i];
        most = cell->most[i] > most ? cell->most[i] : most;
    }
    if (rows >= AUTOPILOT_ROWS && most >= 2)
        tune(self, at, rows, most);
    cell->quarter = quarter;
    clear_quarter(cell, quarter);
}

/* Counts a lesson of `actions` at `time`; one of an earlier time than others
 * counts in the newest quarter. */
static void count_row(
        struct success *self, uint32_t at, uint32_t actions, nanos time)
{
    struct cell *cell = &self->cells[at];
    int64_t quarter = time / QUARTER;
    uint32_t place;

    if (cell->taught == 0)
        cell->quarter = quarter;
    if (quarter > cell->quarter)
        begin_quarter(self, at, quarter);
    place = (uint32_t)((uint64_t)cell->quarter % QUARTERS);
    cell->rows[place]++;
    if (actions > cell->most[place])
        cell->most[place] = actions;
}

/* ---- learning: rates ---- */

/* Was it one of the others that was chosen, and not the single most likely? */
static bool is_hedged(const struct lesson *lesson)
{
    double chosen = lesson->pmf[lesson->chosen];

    for (uint32_t i = 0; i < lesson->actions->count; i++)
        if (i != lesson->chosen && lesson->pmf[i] >= chosen)
            return true;
    return false;
}

static void reset_rings(
        struct success *self, uint32_t cell, const struct action_set *actions)
{
    uint32_t window = self->cells[cell].window;
    double best = 0.0;

    for (uint32_t i = 0; i < actions->count; i++)
        best = fmax(best, ring_score(ring_at(self, cell, actions->slot[i])));
    for (uint32_t i = 0; i < actions->count; i++) {
        struct ring *ring = ring_at(self, cell, actions->slot[i]);
        if (ring_score(ring) >= reset_threshold(best, window))
            continue;
        ring_set(ring, reset_zeros(best, window));
        self->resets++;
    }
}

static bool is_success(const struct success *self, double loss)
{
    return loss < self->options->success_below;
}

static void success_learn(
        void *block, const struct lesson *lesson, struct arena *scratch)
{
    struct success *self = block;
    const struct action_set *actions = lesson->actions;
    uint32_t slot = actions->slot[lesson->chosen];
    bool success = is_success(self, lesson->loss);
    bool counts = self->options->learn_from == LEARN_ALL || is_hedged(lesson);
    uint64_t keys[TUPLE_FIELDS_MAX + 1] = {0};

    (void)scratch;
    tuple_keys(&self->tuple, lesson->context, keys);
    self->lessons++;
    for (uint32_t depth = 0; depth <= self->tuple.count; depth++) {
        uint32_t at = find_cell(self, keys[depth]);
        if (at == self->count)
            at = make_cell(self, keys[depth], depth);
        if (self->options->autopilot)
            count_row(self, at, actions->count, lesson->time);
        self->cells[at].taught = self->lessons;
        if (!counts)
            continue;
        ring_push(ring_at(self, at, slot), success);
        if (self->options->reset)
            reset_rings(self, at, actions);
    }
    /* An outage must be seen soon, so every outcome counts here. */
    self->health[slot] += self->options->eliminate_rate *
            ((success ? 1.0 : 0.0) - self->health[slot]);
}

/* What was a success and still is, or a failure, was learned right. */
static bool success_correct(void *block, const struct lesson *lesson,
        double before, struct arena *scratch)
{
    const struct success *self = block;

    (void)scratch;
    return is_success(self, lesson->loss) == is_success(self, before);
}

/* ---- bytes ---- */

static void save_cell(
        const struct success *self, uint32_t at, struct writer *writer)
{
    const struct cell *cell = &self->cells[at];

    write_u64(writer, self->keys[at]);
    write_u64(writer, cell->taught);
    write_u32(writer, cell->depth);
    write_u32(writer, cell->window);
    write_f64(writer, cell->share);
    write_i64(writer, cell->quarter);
    for (uint32_t i = 0; i < QUARTERS; i++) {
        write_u32(writer, cell->rows[i]);
        write_u32(writer, cell->most[i]);
    }
    for (uint32_t slot = 0; slot < self->slots; slot++)
        ring_save(ring_at(self, at, slot), writer);
}

static void success_save(const void *block, struct writer *writer)
{
    const struct success *self = block;

    write_u64(writer, tuple_digest(&self->tuple));
    write_u32(writer, self->slots);
    write_u32(writer, self->count);
    write_u64(writer, self->lessons);
    write_u64(writer, self->replaced);
    write_u64(writer, self->resets);
    write_f64s(writer, self->health, self->slots);
    for (uint32_t i = 0; i < self->count; i++)
        save_cell(self, i, writer);
}

static bool cell_check(const struct success *self, uint32_t at)
{
    const struct cell *cell = &self->cells[at];
    uint32_t fixed = self->options->autopilot ? 0 : self->options->window;

    return cell->taught <= self->lessons && cell->depth <= self->tuple.count &&
            (cell->depth == 0) == (at == 0) &&
            (self->keys[at] == TUPLE_EMPTY_KEY) == (at == 0) &&
            cell->window >= WINDOW_MIN && cell->window <= self->window_max &&
            (fixed == 0 || cell->window == fixed) && cell->share >= 0.0 &&
            cell->share <= AUTOPILOT_HEDGE_MAX &&
            cell->quarter <= NANOS_MAX / QUARTER &&
            cell->quarter >= -(NANOS_MAX / QUARTER);
}

static bool success_check(const void *block)
{
    const struct success *self = block;

    for (uint32_t slot = 0; slot < self->slots; slot++)
        if (!(self->health[slot] >= 0.0 && self->health[slot] <= 1.0))
            return false;
    for (uint32_t at = 0; at < self->count; at++) {
        if (!cell_check(self, at))
            return false;
        for (uint32_t slot = 0; slot < self->slots; slot++) {
            const struct ring *ring = ring_at(self, at, slot);
            if (ring->window != self->cells[at].window ||
                    ring->next >= ring->window || ring->ones > ring->window)
                return false;
        }
    }
    return true;
}

static bool load_cell(struct success *self, uint32_t at, struct reader *reader)
{
    struct cell *cell = &self->cells[at];

    self->keys[at] = read_u64(reader);
    cell->taught = read_u64(reader);
    cell->depth = read_u32(reader);
    cell->window = read_u32(reader);
    cell->share = read_f64(reader);
    cell->quarter = read_i64(reader);
    for (uint32_t i = 0; i < QUARTERS; i++) {
        cell->rows[i] = read_u32(reader);
        cell->most[i] = read_u32(reader);
    }
    if (reader->failed || !cell_check(self, at))
        return false;
    for (uint32_t slot = 0; slot < self->slots; slot++)
        if (!ring_load(ring_at(self, at, slot), cell->window, reader))
            return false;
    return true;
}

static int success_load(void *block, struct reader *reader, struct err *err)
{
    struct success *self = block;
    uint64_t digest = read_u64(reader);
    uint32_t slots = read_u32(reader);
    uint32_t count = read_u32(reader);

    if (reader->failed || slots != self->slots || count == 0 ||
            count > self->options->cells_max)
        return err_set(err, STATUS_CORRUPT,
                "success-rate: state of %u cells of %u actions, expected at "
                "most %u of %u",
                count, slots, self->options->cells_max, self->slots);
    if (digest != tuple_digest(&self->tuple))
        return err_set(
                err, STATUS_CORRUPT, "success-rate: state of other cells");
    self->lessons = read_u64(reader);
    self->replaced = read_u64(reader);
    self->resets = read_u64(reader);
    read_f64s(reader, self->health, slots);
    for (self->count = 0; self->count < count; self->count++)
        if (!load_cell(self, self->count, reader))
            return err_set(err, STATUS_CORRUPT,
                    "success-rate: state of cell %u is damaged", self->count);
    if (!success_check(self))
        return err_set(err, STATUS_CORRUPT, "success-rate: state is damaged");
    return 0;
}

/* ---- reporting ---- */

static void success_visit(const void *block, const struct visitor *visitor)
{
    const struct success *self = block;
    double best = 0.0, eliminated = 0.0;

    for (uint32_t slot = 0; slot < self->slots; slot++) {
        best = fmax(best, ring_score(ring_at(self, 0, slot)));
        eliminated += is_healthy(self, slot) ? 0.0 : 1.0;
    }
    visitor->number(
            visitor->self, "success_lessons", -1, (double)self->lessons);
    visitor->number(visitor->self, "success_cells", -1, self->count);
    visitor->number(visitor->self, "success_cells_replaced", -1,
            (double)self->replaced);
    visitor->number(visitor->self, "success_resets", -1, (double)self->resets);
    visitor->number(visitor->self, "success_eliminated", -1, eliminated);
    visitor->number(visitor->self, "success_best_rate", -1, best);
    visitor->number(visitor->self, "success_window", -1, self->cells[0].window);
}

const struct learner learner_success_rate = {
        .name = "success-rate",
        .state_version = 1,
        .options = {success_rows, ARRAY_COUNT(success_rows),
                sizeof(struct success_options)},
        .footprint = success_footprint,
        .scratch = success_scratch,
        .init = success_init,
        .decide = success_decide,
        .learn = success_learn,
        .correct = success_correct,
        .save = success_save,
        .load = success_load,
        .check = success_check,
        .visit = success_visit,
};
