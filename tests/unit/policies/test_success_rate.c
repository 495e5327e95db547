/* Success rates: the numbers of bandits.md, section 2.4, and each of its rules
 * as seen from outside, through decisions. */
#include "policies/features.h"
#include "policies/outcomes.h"
#include "policies/pmf.h"
#include "policies/policy.h"
#include "policies/registry.h"
#include "tests/lib/suite.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

#define SLOTS     4u
#define COLUMNS   3u
#define STATE_MAX 65536u

static struct arena arena, scratch;
static struct err err;

/* ---- rings and rules ---- */

struct reset_case {
    double best, threshold;
    uint32_t zeros;
    double score;
};

/* W = 125 (bandits.md, 2.4, rule 3). */
static const struct reset_case reset_cases[] = {
        {0.92, 0.839502, 20, 0.84},
        {0.6, 0.468547, 66, 0.472},
        {1.0, 0.919502, 10, 0.92},
};

static struct ring *new_ring(uint32_t window)
{
    struct ring *ring = arena_zalloc(&arena, 1, ring_bytes(WINDOW_MAX));

    ring_fill(ring, window);
    return ring;
}

START_TEST(reset_numbers)
{
    const struct reset_case *one = &reset_cases[_i];
    struct ring *ring = new_ring(125);

    /* The printed digits. */
    ck_assert_double_eq_tol(
            reset_threshold(one->best, 125), one->threshold, 5e-7);
    ck_assert_uint_eq(reset_zeros(one->best, 125), one->zeros);
    ring_set(ring, one->zeros);
    ck_assert_double_eq_tol(ring_score(ring), one->score, 1e-12);
}
END_TEST

/* Against an array that is shifted. */
START_TEST(rings_equal_arrays)
{
    struct rng rng = rng_keyed(51, 1, RNG_TEST);

    for (uint32_t window = WINDOW_MIN; window <= 200; window += 7) {
        struct ring *ring = new_ring(window);
        int last[200];
        for (uint32_t i = 0; i < window; i++)
            last[i] = 1;
        for (int push = 0; push < 600; push++) {
            int success = rng_unit(&rng) < 0.7, sum = 0;
            memmove(last, last + 1, (window - 1) * sizeof(*last));
            last[window - 1] = success;
            ring_push(ring, success);
            for (uint32_t i = 0; i < window; i++)
                sum += last[i];
            ck_assert_double_eq(ring_score(ring), (double)sum / window);
        }
    }
}
END_TEST

/* A shorter ring keeps the newest; a longer one keeps all and the mean, and
 * loses what was added first. */
START_TEST(rings_resize)
{
    struct ring *ring = new_ring(100);

    for (int i = 0; i < 70; i++)
        ring_push(ring, false);
    for (int i = 0; i < 30; i++)
        ring_push(ring, true);
    ring_resize(ring, 50);
    ck_assert_double_eq(ring_score(ring), 0.6);
    ring_resize(ring, 150);
    ck_assert_double_eq_tol(ring_score(ring), 0.6, 0.01);
    for (int i = 0; i < 100; i++)
        ring_push(ring, true);
    ck_assert_double_eq_tol(ring_score(ring), 130.0 / 150.0, 1e-12);
    ring_resize(ring, 150);
    ck_assert_double_eq_tol(ring_score(ring), 130.0 / 150.0, 1e-12);
}
END_TEST

START_TEST(synthetic_rings_are_even)
{
    for (uint32_t zeros = 1; zeros <= 125; zeros += 3) {
        struct ring *ring = new_ring(125);
        uint32_t seen = 0;
        double before = ring_score((ring_set(ring, zeros), ring));
        /* Of any run that is pushed out its share were zeros. */
        for (uint32_t i = 1; i <= 125; i++) {
            ring_push(ring, true);
            seen = (uint32_t)((ring_score(ring) - before) * 125.0 + 0.5);
            ck_assert_double_le(fabs(seen - (double)zeros * i / 125.0), 1.0);
        }
        ck_assert_uint_eq(seen, zeros);
    }
}
END_TEST

START_TEST(autopilot_numbers)
{
    static const struct {
        double rows;
        uint32_t actions, window;
        double share;
    } cases[] = {
            {100, 2, 100, 0.30},
            {1234, 3, 125, 125.0 / 1234.0},
            {10000, 5, 250, 0.025},
            {1e6, 2, 2000, 0.01},
            {1e6, 101, 500, 0.003}, /* all others together at most 0.30 */
            {150, 4, 100, 0.10},
    };

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint32_t window = autopilot_window(cases[i].rows, cases[i].actions);
        ck_assert_uint_eq(window, cases[i].window);
        ck_assert_double_eq_tol(
                autopilot_share(window, cases[i].rows, cases[i].actions),
                cases[i].share, 1e-12);
    }
}
END_TEST

/* ---- a policy of success rates ---- */

struct played {
    struct policy_spec spec;
    struct policy *policy;
};

struct setting {
    const char *name, *value;
};

static int parse_spec(
        struct policy_spec *spec, const struct setting *settings, size_t count)
{
    struct value_range range = {0.0, 1.0, true, false};
    struct shape shape = {.shared_dense = COLUMNS,
            .slots = SLOTS,
            .actions_max = SLOTS,
            .groups = 2};
    struct keyvalue values[16] = {{bytes_of_text("learner"),
            bytes_of_text("success-rate"), 0, false}};
    size_t used = 1;

    for (size_t i = 0; i < count; i++)
        values[used++] = (struct keyvalue){bytes_of_text(settings[i].name),
                bytes_of_text(settings[i].value), 0, false};
    return policy_spec_parse(
            spec, &shape, &range, values, used, &arena, NULL, &err);
}

static struct played *open_played(const struct setting *settings, size_t count)
{
    struct played *played = arena_zalloc(&arena, 1, sizeof(*played));

    ck_assert_msg(
            parse_spec(&played->spec, settings, count) == 0, "%s", err.text);
    played->policy = policy_init(
            aligned_alloc(64, (policy_footprint(&played->spec) + 63) / 64 * 64),
            &played->spec);
    return played;
}

static void close_played(struct played *played)
{
    free(played->policy);
}

/* Contexts are three columns; sets of actions are bits. */
struct round_data {
    double x[COLUMNS];
    uint16_t groups[2];
    struct feature named[2];
    uint32_t slots[SLOTS];
    struct context context;
    struct action_set actions;
};

#define EVERY ((1u << SLOTS) - 1)

static struct round_data *round_of(double x0, double x1, unsigned set)
{
    struct round_data *round = arena_zalloc(&arena, 1, sizeof(*round));

    ck_assert_ptr_nonnull(round);
    round->x[0] = x0;
    round->x[1] = x1;
    round->context.shared = (struct features){
            .dense = round->x, .dense_count = COLUMNS, .named = round->named};
    round->context.groups = round->groups;
    round->actions.slot = round->slots;
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        if (set >> slot & 1)
            round->slots[round->actions.count++] = slot;
    return round;
}

static const double *decide(
        const struct played *played, const struct round_data *round)
{
    static double pmf[SLOTS];
    struct distribution out;

    arena_reset(&scratch);
    ck_assert_msg(policy_decide(played->policy, &round->context,
                          &round->actions, 1, 1, &scratch, &out, &err) == 0,
            "%s", err.text);
    ck_assert(pmf_valid(out.pmf, out.count));
    memcpy(pmf, out.pmf, out.count * sizeof(*pmf));
    return pmf;
}

static uint32_t top_of(
        const struct played *played, const struct round_data *round)
{
    const double *pmf = decide(played, round);
    uint32_t top = 0;

    for (uint32_t i = 1; i < round->actions.count; i++)
        if (pmf[i] > pmf[top])
            top = i;
    return round->slots[top];
}

static void teach_at(struct played *played, const struct round_data *round,
        uint32_t slot, double loss, nanos time)
{
    double pmf[SLOTS];
    struct lesson lesson = {
            .context = &round->context,
            .actions = &round->actions,
            .chosen = 0,
            .pmf = pmf,
            .loss = loss,
            .weight = 1.0,
            .time = time,
            .propensity = 1.0,
    };

    memcpy(pmf, decide(played, round), sizeof(pmf));
    while (round->slots[lesson.chosen] != slot)
        lesson.chosen++;
    arena_reset(&scratch);
    policy_learn(played->policy, &lesson, &scratch);
    ck_assert(policy_check(played->policy));
}

static void teach(struct played *played, const struct round_data *round,
        uint32_t slot, int successes, int failures)
{
    for (int i = 0; i < successes; i++)
        teach_at(played, round, slot, 0.0, 0);
    for (int i = 0; i < failures; i++)
        teach_at(played, round, slot, 1.0, 0);
}

struct wanted {
    const char *name;
    double value;
};

static void take_number(
        void *self, const char *name, int32_t group, double value)
{
    struct wanted *wanted = self;

    ck_assert_int_eq(group, -1);
    if (strcmp(name, wanted->name) == 0)
        wanted->value = value;
}

static double number_of(const struct played *played, const char *name)
{
    struct wanted wanted = {name, -1.0};
    struct visitor visitor = {take_number, &wanted};

    policy_visit(played->policy, &visitor);
    return wanted.value;
}

static size_t save(const struct played *played, uint8_t *bytes)
{
    struct writer writer = writer_over(bytes, STATE_MAX);

    policy_save(played->policy, &writer);
    ck_assert(!writer.failed);
    return writer.size;
}

/* ---- choice ---- */

START_TEST(hedging)
{
    static const struct setting settings[] = {{"hedge", "0.12"}};
    struct played *played = open_played(settings, 1);
    struct played *plain = open_played(NULL, 0);
    const double *pmf = decide(played, round_of(0, 0, EVERY));

    ck_assert_double_eq_tol(pmf[0], 0.88, 1e-15); /* equals: the first */
    for (int i = 1; i < 4; i++)
        ck_assert_double_eq_tol(pmf[i], 0.04, 1e-15);
    pmf = decide(played, round_of(0, 0, 6)); /* the second and third */
    ck_assert_double_eq_tol(pmf[0], 0.88, 1e-15);
    ck_assert_double_eq_tol(pmf[1], 0.12, 1e-15);
    ck_assert_double_eq(decide(played, round_of(0, 0, 8))[0], 1.0);
    pmf = decide(plain, round_of(0, 0, 3));
    ck_assert_double_eq_tol(pmf[0], 0.95, 1e-15);
    ck_assert_double_eq_tol(pmf[1], 0.05, 1e-15);
    close_played(played);
    close_played(plain);
}
END_TEST

START_TEST(the_best_rate_is_played)
{
    struct played *played = open_played(NULL, 0);
    struct round_data *round = round_of(0, 0, EVERY);

    teach(played, round, 0, 0, 1); /* 124/125, the others untried */
    ck_assert_uint_eq(top_of(played, round), 1);
    teach(played, round, 1, 0, 3);
    teach(played, round, 2, 0, 2);
    teach(played, round, 3, 0, 2);
    ck_assert_uint_eq(top_of(played, round), 0);
    ck_assert_uint_eq(top_of(played, round_of(0, 0, 14)), 2);
    ck_assert_double_eq(number_of(played, "success_best_rate"), 124.0 / 125.0);
    /* 125 successes push the failure out. */
    teach(played, round, 3, 125, 0);
    ck_assert_uint_eq(top_of(played, round), 3);
    close_played(played);
}
END_TEST

/* 0.84 with a deviation of 0.0328 against 0.848 with one of 0.0321. */
START_TEST(a_bonus_for_uncertain_rates)
{
    static const struct setting bonus[] = {{"bonus", "15"}, {"reset", "no"}};
    struct played *with = open_played(bonus, 2);
    struct played *without = open_played(bonus + 1, 1);
    struct round_data *round = round_of(0, 0, 3);

    for (int i = 0; i < 2; i++) {
        struct played *played = i == 0 ? with : without;
        teach(played, round, 0, 0, 20);
        teach(played, round, 0, 100, 0);
        teach(played, round, 1, 0, 19);
        teach(played, round, 1, 100, 0);
    }
    ck_assert_uint_eq(top_of(with, round), 0);
    ck_assert_uint_eq(top_of(without, round), 1);
    close_played(with);
    close_played(without);
}
END_TEST

/* ---- learning ---- */

START_TEST(only_hedged_choices_teach)
{
    static const struct setting settings[] = {{"learn_from", "hedged"}};
    struct played *played = open_played(settings, 1);
    struct round_data *round = round_of(0, 0, 3);

    teach(played, round, 0, 0, 5); /* the top of then */
    ck_assert_uint_eq(top_of(played, round), 0);
    teach(played, round_of(0, 0, 1), 0, 0, 5); /* alone */
    ck_assert_uint_eq(top_of(played, round), 0);
    teach(played, round, 1, 0, 1);
    ck_assert_uint_eq(top_of(played, round), 0);
    /* Action 0 hedged, in a round where another leads: it learns. */
    teach(played, round, 1, 130, 0);
    ck_assert_double_eq(number_of(played, "success_best_rate"), 1.0);
    close_played(played);
}
END_TEST

START_TEST(a_hedged_failure_teaches)
{
    static const struct setting settings[] = {{"learn_from", "hedged"}};
    struct played *played = open_played(settings, 1);
    struct round_data *round = round_of(0, 0, 3);
    double pmf[2] = {0.05, 0.95};
    struct lesson lesson = {
            .context = &round->context,
            .actions = &round->actions,
            .chosen = 0,
            .pmf = pmf,
            .loss = 1.0,
            .weight = 1.0,
            .propensity = 1.0,
    };

    arena_reset(&scratch);
    policy_learn(played->policy, &lesson, &scratch);
    ck_assert_uint_eq(top_of(played, round), 1);
    close_played(played);
}
END_TEST

START_TEST(fractional_losses)
{
    static const struct setting settings[] = {{"success_below", "0.3"}};
    struct played *half = open_played(NULL, 0);
    struct played *third = open_played(settings, 1);
    struct round_data *round = round_of(0, 0, 3);

    teach_at(half, round, 0, 0.4999, 0);
    teach_at(third, round, 0, 0.2999, 0);
    ck_assert_uint_eq(top_of(half, round), 0);
    ck_assert_uint_eq(top_of(third, round), 0);
    teach_at(half, round, 0, 0.5, 0);
    teach_at(third, round, 0, 0.3, 0);
    ck_assert_uint_eq(top_of(half, round), 1);
    ck_assert_uint_eq(top_of(third, round), 1);
    close_played(half);
    close_played(third);
}
END_TEST

/* A correction that does not change the outcome was learned right; any other
 * cannot be found in a ring. */
START_TEST(corrections)
{
    struct played *played = open_played(NULL, 0);
    struct round_data *round = round_of(0, 0, 3);
    static uint8_t a[STATE_MAX], b[STATE_MAX];
    double pmf[2] = {0.95, 0.05};
    struct lesson lesson = {
            .context = &round->context,
            .actions = &round->actions,
            .chosen = 0,
            .pmf = pmf,
            .loss = 0.2,
            .weight = 1.0,
            .propensity = 1.0,
    };
    size_t size;

    arena_reset(&scratch);
    policy_learn(played->policy, &lesson, &scratch);
    size = save(played, a);
    lesson.loss = 0.4;
    ck_assert(policy_correct(played->policy, &lesson, 0.2, &scratch));
    lesson.loss = 0.9;
    ck_assert(!policy_correct(played->policy, &lesson, 0.2, &scratch));
    ck_assert_uint_eq(save(played, b), size);
    ck_assert_mem_eq(a, b, size);
    close_played(played);
}
END_TEST

/* How many successes an action needs to lead again after an outage, during
 * which the other had 117 of 125. */
static int successes_to_return(const char *reset)
{
    const struct setting settings[] = {
            {"reset", reset}, {"eliminate_below", "0"}};
    struct played *played = open_played(settings, 2);
    struct round_data *round = round_of(0, 0, 3);
    int successes = 0;

    teach(played, round, 1, 0, 8);
    teach(played, round, 0, 0, 400);
    ck_assert_uint_eq(top_of(played, round), 1);
    for (; top_of(played, round) == 1; successes++)
        teach(played, round, 0, 1, 0);
    if (reset[0] == 'y')
        ck_assert_double_gt(number_of(played, "success_resets"), 0.0);
    else
        ck_assert_double_eq(number_of(played, "success_resets"), 0.0);
    close_played(played);
    return successes;
}

/* It leads with 8 zeros. The reset ring has 18, evenly spaced, of which the
 * tenth is at place ceil(10 x 125/18) - 1 = 69; the other has 125. */
START_TEST(reset_after_an_outage)
{
    ck_assert_uint_eq(reset_zeros(117.0 / 125.0, 125), 18);
    ck_assert_int_eq(successes_to_return("yes"), 70);
    ck_assert_int_eq(successes_to_return("no"), 117);
}
END_TEST

/* The short score takes an action out of the lead, over all cells, but leaves
 * it its hedging share. */
START_TEST(elimination)
{
    static const struct setting settings[] = {{"cells", "0"}, {"reset", "no"}};
    struct played *played = open_played(settings, 2);
    struct round_data *here = round_of(1, 0, 3), *there = round_of(2, 0, 3);
    const double *pmf;

    /* In the other cell action 1 is somewhat worse than action 0. */
    teach(played, there, 1, 0, 5);
    ck_assert_uint_eq(top_of(played, there), 0);
    /* 0.9^15 = 0.206, 0.9^16 = 0.185. */
    teach(played, here, 0, 0, 15);
    ck_assert_uint_eq(top_of(played, there), 0);
    teach(played, here, 0, 0, 1);
    ck_assert_uint_eq(top_of(played, there), 1);
    ck_assert_double_eq(number_of(played, "success_eliminated"), 1.0);
    pmf = decide(played, there);
    ck_assert_double_eq_tol(pmf[0], 0.05, 1e-15);
    /* Alone, or with others as bad, it may lead. */
    ck_assert_uint_eq(top_of(played, round_of(2, 0, 1)), 0);
    teach(played, here, 1, 0, 16);
    ck_assert_double_eq(number_of(played, "success_eliminated"), 2.0);
    ck_assert_uint_eq(top_of(played, there), 0);
    /* Two successes bring it back: 0.9^21 = 0.109, 0.198, 0.279. */
    teach(played, here, 1, 1, 0);
    ck_assert_uint_eq(top_of(played, there), 0);
    teach(played, here, 1, 1, 0);
    ck_assert_uint_eq(top_of(played, there), 1);
    close_played(played);
}
END_TEST

/* ---- cells ---- */

/* An unknown tuple uses its beginning; a tuple that has been taught its own. */
START_TEST(cells_fall_back)
{
    static const struct setting settings[] = {{"cells", "0 1"}};
    struct played *played = open_played(settings, 1);

    teach(played, round_of(1, 1, 3), 0, 0, 1);
    ck_assert_double_eq(number_of(played, "success_cells"), 3.0);
    ck_assert_uint_eq(top_of(played, round_of(1, 1, 3)), 1); /* (1,1) */
    ck_assert_uint_eq(top_of(played, round_of(1, 2, 3)), 1); /* (1) */
    ck_assert_uint_eq(top_of(played, round_of(2, 1, 3)), 1); /* () */
    teach(played, round_of(2, 1, 3), 1, 0, 2);
    ck_assert_double_eq(number_of(played, "success_cells"), 5.0);
    ck_assert_uint_eq(top_of(played, round_of(1, 1, 3)), 1); /* untouched */
    ck_assert_uint_eq(top_of(played, round_of(2, 7, 3)), 0); /* (2) */
    ck_assert_uint_eq(top_of(played, round_of(3, 1, 3)), 0); /* () */
    teach(played, round_of(1, 2, 3), 1, 0, 1);
    ck_assert_uint_eq(top_of(played, round_of(1, 2, 3)), 0); /* (1,2) */
    ck_assert_uint_eq(top_of(played, round_of(1, 1, 3)), 1);
    close_played(played);
}
END_TEST

/* The cell taught longest ago goes, a tuple before its beginning. */
START_TEST(cells_are_bounded)
{
    static const struct setting settings[] = {
            {"cells", "0 1"}, {"cells_max", "5"}};
    struct played *played = open_played(settings, 2);
    struct round_data *old = round_of(1, 1, 3), *late = round_of(2, 1, 3);

    teach(played, old, 0, 0, 1);
    teach(played, late, 1, 0, 3);
    ck_assert_double_eq(number_of(played, "success_cells"), 5.0);
    /* (1,3) takes the place of (1,1): the tuple falls back to (1). */
    teach(played, round_of(1, 3, 3), 1, 0, 2);
    ck_assert_double_eq(number_of(played, "success_cells"), 5.0);
    ck_assert_double_eq(number_of(played, "success_cells_replaced"), 1.0);
    ck_assert_uint_eq(top_of(played, old), 0); /* (1): 1 against 2 failures */
    ck_assert_uint_eq(top_of(played, late), 0);
    /* A new column takes two: the rest of (2), (2,1) before (2). */
    teach(played, round_of(4, 1, 3), 0, 0, 9);
    ck_assert_double_eq(number_of(played, "success_cells_replaced"), 3.0);
    ck_assert_uint_eq(top_of(played, round_of(4, 9, 3)), 1);
    ck_assert_uint_eq(top_of(played, round_of(1, 3, 3)), 0);
    ck_assert_uint_eq(top_of(played, late), 1); /* () */
    close_played(played);
}
END_TEST

START_TEST(kinds_of_fields)
{
    static const struct setting settings[] = {
            {"cells", "1/100 bank.card=visa|amex amount groups"}};
    struct played *played = open_played(settings, 1);
    struct bytes bank = bytes_of_text("bank"), card = bytes_of_text("card");
    struct round_data *rounds[6];

    for (int i = 0; i < 6; i++) {
        rounds[i] = round_of(0, i == 1 ? 250.0 : 120.0, 3);
        rounds[i]->named[0].hash = feature_hash_text(bank, card,
                bytes_of_text(i == 2     ? "amex"
                                : i == 3 ? "other"
                                         : "visa"));
        rounds[i]->named[0].value = 1.0;
        rounds[i]->named[1].hash =
                feature_hash(bytes_of(NULL, 0), bytes_of_text("amount"));
        rounds[i]->named[1].value = i == 4 ? 7.0 : 5.0;
        rounds[i]->context.shared.named_count = 2;
        rounds[i]->groups[0] = 1;
        rounds[i]->context.group_count = i == 5 ? 1 : 0;
    }
    for (int i = 0; i < 6; i++) {
        double cells = number_of(played, "success_cells");
        teach(played, rounds[i], 0, 0, 1 + i);
        /* The later the field that differs, the fewer cells are new. */
        ck_assert_double_eq(number_of(played, "success_cells") - cells,
                i < 2           ? 4.0
                        : i < 4 ? 3.0
                                : 6.0 - i);
    }
    /* In the same piece of 100, and -0 is 0. */
    rounds[0]->x[1] = 199.0;
    teach(played, rounds[0], 0, 0, 1);
    ck_assert_double_eq(number_of(played, "success_cells"), 18.0);
    close_played(played);
}
END_TEST

struct hostile_cells {
    const char *name, *value, *message;
};

static const struct hostile_cells hostile_cells[] = {
        {"cells", "3", "'3' is no column of the context"},
        {"cells", "1.5", "'1.5' is no column"},
        {"cells", "0/0", "'0/0' needs a positive width"},
        {"cells", "0/x", "'0/x' needs a positive width"},
        {"cells", "a=", "empty word"},
        {"cells", "a=b||c", "empty word"},
        {"cells", "=b", "has no name"},
        {"cells", "0 1 2 a b c d e f", "at most 8 fields"},
        {"cells_max", "0", "cells_max: '0' is not"},
        {"window", "5", "window: '5' is not"},
        {"window", "2001", "window: '2001' is not"},
        {"hedge", "0.6", "hedge: '0.6' is not"},
        {"success_below", "0", "success_below: '0' is not"},
        {"learn_from", "some", "learn_from: 'some' is not one of all, hedged"},
};

START_TEST(hostile_settings_are_refused)
{
    const struct hostile_cells *one = &hostile_cells[_i];
    struct setting setting = {one->name, one->value};
    struct policy_spec spec;

    ck_assert_int_eq(parse_spec(&spec, &setting, 1), STATUS_INVALID);
    ck_assert_msg(strstr(err.text, one->message) != NULL, "%s", err.text);
}
END_TEST

START_TEST(too_few_cells_are_refused)
{
    static const struct setting settings[] = {
            {"cells", "0 1 2"}, {"cells_max", "3"}};
    struct policy_spec spec;

    ck_assert_int_eq(parse_spec(&spec, settings, 2), STATUS_INVALID);
    ck_assert_str_eq(
            err.text, "cells_max: a tuple of 3 fields needs 4 cells at least");
}
END_TEST

/* ---- autopilot ---- */

#define MINUTE (60 * NANOS_PER_SECOND)

/* `count` successes of `slot`, evenly over the quarter of an hour `quarter`. */
static void traffic(struct played *played, const struct round_data *round,
        int64_t quarter, int count)
{
    for (int i = 0; i < count; i++)
        teach_at(played, round, round->slots[0], 0.0,
                quarter * 15 * MINUTE + i * (15 * MINUTE / count));
}

START_TEST(autopilot)
{
    static const struct setting settings[] = {{"autopilot", "yes"}};
    struct played *played = open_played(settings, 1);
    struct round_data *round = round_of(0, 0, EVERY);
    const int64_t start = 1000000;

    traffic(played, round, start, 99);
    traffic(played, round, start + 1, 1);
    /* 99 rows are too few. */
    ck_assert_double_eq(number_of(played, "success_window"), 125.0);
    ck_assert_double_eq_tol(decide(played, round)[1], 0.05 / 3.0, 1e-15);
    traffic(played, round, start + 1, 1199);
    traffic(played, round, start + 2, 1);
    /* 1299 rows, 4 actions: 5 sqrt(433) = 104, so 100; share 100/1299. */
    ck_assert_double_eq(number_of(played, "success_window"), 100.0);
    ck_assert_double_eq_tol(decide(played, round)[1], 100.0 / 1299.0, 1e-15);
    /* Fewer actions on offer have the same share each. */
    ck_assert_double_eq_tol(
            decide(played, round_of(0, 0, 3))[1], 100.0 / 1299.0, 1e-15);
    /* 1399 rows: the share would change by less than a point. */
    traffic(played, round, start + 2, 99);
    traffic(played, round, start + 3, 1);
    ck_assert_double_eq_tol(decide(played, round)[1], 100.0 / 1299.0, 1e-15);
    traffic(played, round, start + 3, 8599);
    traffic(played, round, start + 4, 1);
    /* 9999 rows: 5 sqrt(3333) = 288.7, so 300; share 0.0300. */
    ck_assert_double_eq(number_of(played, "success_window"), 300.0);
    ck_assert_double_eq_tol(decide(played, round)[1], 300.0 / 9999.0, 1e-15);
    /* After a gap of five quarters nothing is left of it: no change. */
    traffic(played, round, start + 9, 120);
    ck_assert_double_eq(number_of(played, "success_window"), 300.0);
    /* 120 rows: window 100, share 0.30/3. A record of the past is of now. */
    traffic(played, round, start + 5, 1);
    traffic(played, round, start + 10, 1);
    ck_assert_double_eq(number_of(played, "success_window"), 100.0);
    ck_assert_double_eq_tol(decide(played, round)[1], 0.10, 1e-15);
    ck_assert_double_eq_tol(decide(played, round)[0], 0.70, 1e-12);
    close_played(played);
}
END_TEST

/* ---- state ---- */

static const struct setting everything[] = {{"cells", "0 1/10"},
        {"cells_max", "9"}, {"autopilot", "yes"}, {"window", "40"}};

static void teach_many(struct played *played, uint64_t from, uint64_t to)
{
    size_t mark = arena.used;

    for (uint64_t i = from; i < to; i++) {
        struct rng rng = rng_keyed(53, i, RNG_TEST);
        unsigned set = 1 + rng_below(&rng, EVERY);
        struct round_data *round =
                round_of(rng_below(&rng, 3), 50.0 * rng_unit(&rng), set);
        uint32_t slot = round->slots[rng_below(&rng, round->actions.count)];
        teach_at(played, round, slot,
                rng_unit(&rng) < 0.2 + 0.1 * slot ? 1.0 : 0.0,
                (nanos)i * 5 * NANOS_PER_SECOND);
        arena_release(&arena, mark);
    }
}

START_TEST(save_and_load_round_trip)
{
    struct played *through = open_played(everything, 4);
    struct played *loaded = open_played(everything, 4);
    static uint8_t a[STATE_MAX], b[STATE_MAX];
    struct reader reader;
    size_t size;

    teach_many(through, 0, 1500);
    ck_assert_double_eq(number_of(through, "success_cells"), 9.0);
    ck_assert_double_gt(number_of(through, "success_cells_replaced"), 50.0);
    size = save(through, a);
    reader = reader_of(bytes_of(a, size));
    ck_assert_msg(
            policy_load(loaded->policy, &reader, &err) == 0, "%s", err.text);
    ck_assert(reader_done(&reader));
    teach_many(through, 1500, 3000);
    teach_many(loaded, 1500, 3000);
    size = save(through, a);
    ck_assert_uint_eq(save(loaded, b), size);
    ck_assert_mem_eq(a, b, size);
    close_played(through);
    close_played(loaded);
}
END_TEST

/* Flipped bits are refused or harmless, also for what is learned afterwards. */
START_TEST(hostile_state)
{
    struct played *played = open_played(everything, 4);
    static uint8_t good[STATE_MAX], bad[STATE_MAX];
    struct rng rng = rng_keyed(57, 1, RNG_TEST);
    size_t size;

    teach_many(played, 0, 1000);
    size = save(played, good);
    for (size_t cut = 0; cut < size; cut += 1 + cut / 16) {
        struct reader reader = reader_of(bytes_of(good, cut));
        (void)policy_init(played->policy, &played->spec);
        ck_assert_int_eq(
                policy_load(played->policy, &reader, &err), STATUS_CORRUPT);
    }
    for (int trial = 0; trial < 4000; trial++) {
        struct reader reader = reader_of(bytes_of(bad, size));
        /* Most bytes are bits of rings; half of the trials are in the head. */
        uint32_t within = trial % 2 ? (uint32_t)size : 400;
        memcpy(bad, good, size);
        bad[rng_below(&rng, within)] ^= (uint8_t)(1u << rng_below(&rng, 8));
        (void)policy_init(played->policy, &played->spec);
        if (policy_load(played->policy, &reader, &err) != 0)
            continue;
        ck_assert(policy_check(played->policy));
        teach_many(played, 1000, 1020);
    }
    close_played(played);
}
END_TEST

START_TEST(state_of_other_cells_is_refused)
{
    static const struct setting first[] = {{"cells", "0"}};
    static const struct setting second[] = {{"cells", "1"}};
    struct played *a = open_played(first, 1), *b = open_played(second, 1);
    static uint8_t bytes[STATE_MAX];
    struct reader reader = reader_of(bytes_of(bytes, save(a, bytes)));

    ck_assert_int_eq(policy_load(b->policy, &reader, &err), STATUS_CORRUPT);
    ck_assert_str_eq(err.text, "success-rate: state of other cells");
    close_played(a);
    close_played(b);
}
END_TEST

static void setup(void)
{
    size_t size = (size_t)4 << 20;

    arena = arena_over(malloc(size), size);
    scratch = arena_over(malloc(size), size);
    ck_assert_msg(registry_check(&err) == 0, "%s", err.text);
}

static void teardown(void)
{
    free(arena.data);
    free(scratch.data);
}

int main(void)
{
    Suite *suite = suite_create("success rates");
    TCase *cases = tcase_create("success rates");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, reset_numbers, 0, (int)ARRAY_COUNT(reset_cases));
    tcase_add_test(cases, rings_equal_arrays);
    tcase_add_test(cases, rings_resize);
    tcase_add_test(cases, synthetic_rings_are_even);
    tcase_add_test(cases, autopilot_numbers);
    tcase_add_test(cases, hedging);
    tcase_add_test(cases, the_best_rate_is_played);
    tcase_add_test(cases, a_bonus_for_uncertain_rates);
    tcase_add_test(cases, only_hedged_choices_teach);
    tcase_add_test(cases, a_hedged_failure_teaches);
    tcase_add_test(cases, fractional_losses);
    tcase_add_test(cases, corrections);
    tcase_add_test(cases, reset_after_an_outage);
    tcase_add_test(cases, elimination);
    tcase_add_test(cases, cells_fall_back);
    tcase_add_test(cases, cells_are_bounded);
    tcase_add_test(cases, kinds_of_fields);
    tcase_add_loop_test(cases, hostile_settings_are_refused, 0,
            (int)ARRAY_COUNT(hostile_cells));
    tcase_add_test(cases, too_few_cells_are_refused);
    tcase_add_test(cases, autopilot);
    tcase_add_test(cases, save_and_load_round_trip);
    tcase_add_test(cases, hostile_state);
    tcase_add_test(cases, state_of_other_cells_is_refused);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
