/* The promises of the three tables, kept by every row of them (and so by rows
 * that are not written yet): what a policy must do whatever it computes.
 *
 * A learner and an oracle under each explorer are all played as policies; a
 * case is one policy on one shape of problem. */
#include "base/hash.h"
#include "policies/contributions.h"
#include "policies/pmf.h"
#include "policies/policy.h"
#include "policies/registry.h"
#include "tests/lib/suite.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define CASES_MAX 1024
#define ACTIONS   6u
#define SHARED    3u
#define COLUMNS   2u
#define GROUPS    3u
#define ROUNDS    120
#define NAMED     2u
#define STATE_MAX 65536u

/* What tells actions apart: their places in a catalogue, dense columns, or
 * named features (which the context then has too). */
enum kind { CATALOGUE, FEATURES, NAMES, KINDS };

static const char *const kind_names[KINDS] = {"catalogue", "features", "names"};

struct law_case {
    const char *oracle, *explorer, *learner, *inner;
    enum kind kind;
    char name[96];
};

static struct law_case cases[CASES_MAX];
static int case_count;
static struct arena arena, scratch;
static struct err err;

/* Options that a part needs or that make it small. */
struct law_option {
    const char *part, *name, *value;
};

static const struct law_option law_options[] = {
        {"linear", "bits", "8"},
        {"chebyshev", "min", "0.1"},
        {"chebyshev", "max", "0.9"},
        {"trees", "trees", "3"},
        {"pairwise", "coefficients", "64"},
        {"pairwise", "values", "16"},
        {"trees", "depth", "2"},
        {"trees", "values", "16"},
        /* Only with products is there something to blend. */
        {"blend", "products", "all"},
        {"blend", "near_constant", "true"},
};

static struct shape shape_of(enum kind kind)
{
    return (struct shape){
            .shared_dense = SHARED,
            .action_dense = kind == FEATURES ? COLUMNS : 0,
            .named_columns = kind == NAMES ? 4 : 0,
            .slots = kind == CATALOGUE ? ACTIONS : 0,
            .actions_max = ACTIONS,
            .groups = GROUPS,
    };
}

static bool is_part(const char *name, const char *part)
{
    return name != NULL && strcmp(name, part) == 0;
}

static int parse_case(const struct law_case *one, struct policy_spec *spec,
        struct arena *memory)
{
    struct value_range range = {0.0, 1.0, false, false};
    struct shape shape = shape_of(one->kind);
    const char *const settings[][2] = {{"oracle", one->oracle},
            {"inner", one->inner}, {"explorer", one->explorer},
            {"learner", one->learner}};
    struct keyvalue values[ARRAY_COUNT(settings) + ARRAY_COUNT(law_options)];
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_COUNT(settings); i++)
        if (settings[i][1] != NULL)
            values[count++] = (struct keyvalue){bytes_of_text(settings[i][0]),
                    bytes_of_text(settings[i][1]), 0, false};
    for (size_t i = 0; i < ARRAY_COUNT(law_options); i++) {
        const struct law_option *option = &law_options[i];
        if (is_part(one->oracle, option->part) ||
                is_part(one->inner, option->part))
            values[count++] = (struct keyvalue){bytes_of_text(option->name),
                    bytes_of_text(option->value), 0, false};
    }
    return policy_spec_parse(
            spec, &shape, &range, values, count, memory, NULL, &err);
}

/* A combination that does not fit together is refused with a message, and has
 * no case. */
static void add_case(const char *oracle, const char *inner,
        const char *explorer, const char *learner, enum kind kind)
{
    static uint8_t memory[1 << 16];
    struct arena options = arena_over(memory, sizeof(memory));
    struct law_case *one = &cases[case_count];
    struct policy_spec spec;
    int status;

    CHECK(case_count < CASES_MAX);
    *one = (struct law_case){oracle, explorer, learner, inner, kind, ""};
    (void)snprintf(one->name, sizeof(one->name), "%s %s %s %s %s",
            learner ? learner : "", oracle ? oracle : "", inner ? inner : "",
            explorer ? explorer : "", kind_names[kind]);
    err.text[0] = '\0';
    status = parse_case(one, &spec, &options);
    CHECK(status == 0 || (status == STATUS_INVALID && err.text[0] != '\0'));
    case_count += status == 0;
}

/* Every oracle (each inner one too) with every explorer, and every learner
 * that decides (those that propose paths have laws of their own). */
static void make_cases(void)
{
    for (int kind = 0; kind < KINDS; kind++)
        for (size_t e = 0; registry_explorers[e] != NULL; e++)
            for (size_t o = 0; registry_oracles[o] != NULL; o++) {
                const struct oracle *oracle = registry_oracles[o];
                if (!oracle->has_inner) {
                    add_case(oracle->name, NULL, registry_explorers[e]->name,
                            NULL, (enum kind)kind);
                    continue;
                }
                for (size_t i = 0; registry_oracles[i] != NULL; i++)
                    if (!registry_oracles[i]->has_inner)
                        add_case(oracle->name, registry_oracles[i]->name,
                                registry_explorers[e]->name, NULL,
                                (enum kind)kind);
            }
    for (size_t l = 0; registry_learners[l] != NULL; l++)
        if (registry_learners[l]->decide != NULL)
            add_case(NULL, NULL, NULL, registry_learners[l]->name, CATALOGUE);
}

/* ---- a policy of a case ---- */

struct played {
    struct policy_spec spec;
    struct policy *policy;
};

static struct played *open_played(const struct law_case *one)
{
    struct played *played = arena_zalloc(&arena, 1, sizeof(*played));

    ck_assert_msg(parse_case(one, &played->spec, &arena) == 0, "%s: %s",
            one->name, err.text);
    /* Nothing beyond the footprint is touched: the sanitizers watch. */
    played->policy = policy_init(
            aligned_alloc(64, (policy_footprint(&played->spec) + 63) / 64 * 64),
            &played->spec);
    return played;
}

static void close_played(struct played *played)
{
    free(played->policy);
}

/* ---- rounds ---- */

struct round_data {
    double x[SHARED];
    double z[ACTIONS][COLUMNS];
    struct feature names[ACTIONS + 1][NAMED]; /* the last: the context's */
    struct features features[ACTIONS];
    uint32_t slots[ACTIONS];
    uint16_t groups[GROUPS];
    struct context context;
    struct action_set actions;
};

/* Two names, as of a text and of a number: `values` tells what they are. */
static void name_features(
        const double *values, struct feature *names, struct features *features)
{
    for (uint32_t i = 0; i < NAMED; i++)
        names[i] = (struct feature){
                hash_mix(i, i == 0 ? (uint64_t)(4 * values[0]) : 99),
                i == 0 ? 1.0 : values[i] - 0.5};
    features->named = names;
    features->named_count = NAMED;
}

/* Round `index` with the actions of `subset` (a bit each), in the order that
 * `order` gives or, where it is NULL, ascending. */
static void make_round(const struct law_case *one, uint64_t index,
        unsigned subset, const uint32_t *order, struct round_data *round)
{
    struct rng rng = rng_keyed(21, index, RNG_TEST);
    double z[ACTIONS][COLUMNS];

    memset(round, 0, sizeof(*round));
    for (uint32_t i = 0; i < SHARED; i++)
        round->x[i] = rng_unit(&rng);
    for (uint32_t a = 0; a < ACTIONS; a++)
        for (uint32_t j = 0; j < COLUMNS; j++)
            z[a][j] = rng_unit(&rng);
    round->context.shared =
            (struct features){.dense = round->x, .dense_count = SHARED};
    round->context.groups = round->groups;
    for (uint16_t g = 0; g < GROUPS; g++)
        if (rng_unit(&rng) < 0.5)
            round->groups[round->context.group_count++] = g;
    for (uint32_t k = 0; k < ACTIONS; k++) {
        uint32_t a = order == NULL ? k : order[k];
        uint32_t at = round->actions.count;
        if (!(subset >> a & 1))
            continue;
        memcpy(round->z[at], z[a], sizeof(z[a]));
        if (one->kind == NAMES)
            name_features(z[a], round->names[at], &round->features[at]);
        else
            round->features[at] = (struct features){
                    .dense = round->z[at], .dense_count = COLUMNS};
        round->slots[at] = a;
        round->actions.count++;
    }
    if (one->kind == NAMES)
        name_features(round->x, round->names[ACTIONS], &round->context.shared);
    round->actions.slot = one->kind == CATALOGUE ? round->slots : NULL;
    round->actions.features = one->kind == CATALOGUE ? NULL : round->features;
}

static struct distribution decide(const struct played *played,
        const struct round_data *round, uint64_t event)
{
    struct distribution out;

    arena_reset(&scratch);
    ck_assert_msg(policy_decide(played->policy, &round->context,
                          &round->actions, 1, event, &scratch, &out, &err) == 0,
            "%s", err.text);
    return out;
}

/* A lesson whose reward depends on the round and the action only. */
static void teach(struct played *played, const struct round_data *round,
        uint64_t index, double reward)
{
    double pmf[ACTIONS];
    struct distribution drawn = decide(played, round, index);
    struct lesson lesson = {
            .context = &round->context,
            .actions = &round->actions,
            .chosen = drawn.chosen,
            .pmf = pmf,
            .loss = loss_of_value(&played->spec.range, reward),
            .weight = 1.0,
            .propensity = drawn.propensity,
    };

    memcpy(pmf, drawn.pmf, drawn.count * sizeof(*pmf));
    arena_reset(&scratch);
    policy_learn(played->policy, &lesson, &scratch);
    ck_assert(policy_check(played->policy));
}

static double reward_of(uint64_t index)
{
    struct rng rng = rng_keyed(22, index, RNG_TEST);

    return rng_unit(&rng);
}

static void teach_rounds(const struct law_case *one, struct played *played,
        uint64_t from, uint64_t to)
{
    struct round_data round;

    for (uint64_t i = from; i < to; i++) {
        make_round(one, i, 1 + (unsigned)(i * 7 % 63), NULL, &round);
        teach(played, &round, i, reward_of(i));
    }
}

static size_t save(const struct played *played, uint8_t *bytes)
{
    struct writer writer = writer_over(bytes, STATE_MAX);

    policy_save(played->policy, &writer);
    ck_assert(!writer.failed);
    return writer.size;
}

/* ---- the laws ---- */

/* A distribution for every subset of the actions, one action included. */
START_TEST(every_subset_gets_a_distribution)
{
    const struct law_case *one = &cases[_i];
    struct played *played = open_played(one);

    for (int taught = 0; taught < 2; taught++) {
        for (unsigned subset = 1; subset < 1u << ACTIONS; subset++) {
            struct round_data round;
            struct distribution out;
            make_round(one, subset, subset, NULL, &round);
            out = decide(played, &round, subset);
            ck_assert_uint_eq(out.count, round.actions.count);
            ck_assert_uint_lt(out.chosen, out.count);
            ck_assert(pmf_valid(out.pmf, out.count));
            ck_assert_double_gt(out.propensity, 0.0);
            ck_assert_double_eq(out.propensity, out.pmf[out.chosen]);
            if (out.count == 1)
                ck_assert_double_eq_tol(out.pmf[0], 1.0, 1e-12);
        }
        teach_rounds(one, played, 0, ROUNDS);
    }
    close_played(played);
}
END_TEST

START_TEST(deciding_changes_no_state)
{
    const struct law_case *one = &cases[_i];
    struct played *played = open_played(one);
    size_t footprint = policy_footprint(&played->spec);
    uint8_t *before = malloc(footprint);
    struct round_data round;

    teach_rounds(one, played, 0, ROUNDS);
    memcpy(before, played->policy, footprint);
    for (uint64_t i = 0; i < 50; i++) {
        make_round(one, 900 + i, 63, NULL, &round);
        (void)decide(played, &round, i);
    }
    ck_assert_mem_eq(before, played->policy, footprint);
    free(before);
    close_played(played);
}
END_TEST

START_TEST(same_lessons_same_bytes)
{
    const struct law_case *one = &cases[_i];
    struct played *first = open_played(one), *second = open_played(one);
    static uint8_t a[STATE_MAX], b[STATE_MAX];
    size_t size;

    teach_rounds(one, first, 0, ROUNDS);
    teach_rounds(one, second, 0, ROUNDS);
    size = save(first, a);
    ck_assert_uint_eq(save(second, b), size);
    ck_assert_mem_eq(a, b, size);
    close_played(first);
    close_played(second);
}
END_TEST

/* Saved, loaded and taught on is the same as taught through. */
START_TEST(save_and_load_round_trip)
{
    const struct law_case *one = &cases[_i];
    struct played *through = open_played(one), *loaded = open_played(one);
    static uint8_t a[STATE_MAX], b[STATE_MAX];
    struct reader reader;
    size_t size;

    teach_rounds(one, through, 0, ROUNDS);
    size = save(through, a);
    reader = reader_of(bytes_of(a, size));
    ck_assert_msg(
            policy_load(loaded->policy, &reader, &err) == 0, "%s", err.text);
    ck_assert(reader_done(&reader));
    teach_rounds(one, through, ROUNDS, 2 * ROUNDS);
    teach_rounds(one, loaded, ROUNDS, 2 * ROUNDS);
    size = save(through, a);
    ck_assert_uint_eq(save(loaded, b), size);
    ck_assert_mem_eq(a, b, size);
    close_played(through);
    close_played(loaded);
}
END_TEST

/* Short, flipped and foreign bytes are refused or harmless: whatever was
 * loaded still makes distributions within its limits. */
/* Contributions and base sum up to the prediction, for every action. */
START_TEST(contributions_sum_to_the_score)
{
    const struct law_case *one = &cases[_i];
    struct played *played = open_played(one);
    struct round_data round;

    teach_rounds(one, played, 0, ROUNDS);
    make_round(one, ROUNDS, 63, NULL, &round);
    arena_reset(&scratch);
    for (uint32_t a = 0; a < round.actions.count; a++) {
        struct contributions all;
        int status = policy_contributions(played->policy, &round.context,
                &round.actions, a, &scratch, &all, &err);
        double sum = all.base;
        if (one->learner != NULL) {
            ck_assert_int_eq(status, STATUS_UNSUPPORTED);
            continue;
        }
        ck_assert_msg(status == 0, "%s: %s", one->name, err.text);
        ck_assert_uint_eq(all.count,
                SHARED + (one->kind == NAMES ? 2 * NAMED : 0) +
                        (one->kind == FEATURES ? COLUMNS : 0));
        for (uint32_t i = 0; i < all.count; i++)
            sum += all.list[i].value;
        ck_assert_msg(fabs(sum - all.score) <= 1e-12, "%s: %g", one->name,
                sum - all.score);
    }
    close_played(played);
}
END_TEST

START_TEST(hostile_state)
{
    const struct law_case *one = &cases[_i];
    struct played *played = open_played(one);
    static uint8_t good[STATE_MAX], bad[STATE_MAX];
    struct rng rng = rng_keyed(31, (uint64_t)_i, RNG_TEST);
    struct round_data round;
    size_t size;

    teach_rounds(one, played, 0, ROUNDS);
    size = save(played, good);
    for (size_t cut = 0; cut < size; cut += 1 + cut / 8) {
        struct reader reader = reader_of(bytes_of(good, cut));
        (void)policy_init(played->policy, &played->spec);
        ck_assert_int_eq(
                policy_load(played->policy, &reader, &err), STATUS_CORRUPT);
    }
    for (int trial = 0; trial < 2000; trial++) {
        struct reader reader = reader_of(bytes_of(bad, size));
        struct distribution out;
        memcpy(bad, good, size);
        bad[rng_below(&rng, (uint32_t)size)] ^=
                (uint8_t)(1u << rng_below(&rng, 8));
        (void)policy_init(played->policy, &played->spec);
        if (policy_load(played->policy, &reader, &err) != 0)
            continue;
        ck_assert(policy_check(played->policy));
        make_round(one, (uint64_t)trial, 63, NULL, &round);
        arena_reset(&scratch);
        /* A wild but finite state may overflow on the way: then it is
         * refused as a defect, never played. */
        if (policy_decide(played->policy, &round.context, &round.actions, 1, 1,
                    &scratch, &out, &err) == 0)
            ck_assert(pmf_valid(out.pmf, out.count));
    }
    close_played(played);
}
END_TEST

/* The order in which actions are listed does not matter, where scores
 * differ: here after lessons that made them differ. */
START_TEST(order_of_actions)
{
    static const uint32_t reversed[ACTIONS] = {5, 4, 3, 2, 1, 0};
    const struct law_case *one = &cases[_i];
    struct played *played = open_played(one);

    /* Lessons alone never make those of a batch oracle differ. */
    if (one->oracle != NULL &&
            (registry_oracle(bytes_of_text(one->oracle))->batch ||
                    (one->inner != NULL &&
                            registry_oracle(bytes_of_text(one->inner))
                                    ->batch))) {
        close_played(played);
        return;
    }
    teach_rounds(one, played, 0, 4 * ROUNDS);
    for (uint64_t i = 0; i < 50; i++) {
        struct round_data up, down;
        double pmf[ACTIONS];
        struct distribution out;
        make_round(one, 500 + i, 63, NULL, &up);
        make_round(one, 500 + i, 63, reversed, &down);
        out = decide(played, &up, i);
        memcpy(pmf, out.pmf, sizeof(pmf));
        out = decide(played, &down, i);
        for (uint32_t a = 0; a < ACTIONS; a++)
            ck_assert_double_eq_tol(out.pmf[a], pmf[ACTIONS - 1 - a], 1e-9);
    }
    close_played(played);
}
END_TEST

/* A correction leads to the state of the history in which the later value was
 * there from the start; one that is refused changes nothing. */
START_TEST(corrections)
{
    const struct law_case *one = &cases[_i];
    struct played *right = open_played(one), *wrong = open_played(one);
    static uint8_t a[STATE_MAX], b[STATE_MAX];
    double uniform[ACTIONS];
    size_t size;
    bool done = true;

    for (uint64_t i = 0; i < ROUNDS; i++) {
        struct round_data round;
        struct lesson lesson;
        make_round(one, i, 63, NULL, &round);
        for (uint32_t k = 0; k < ACTIONS; k++)
            uniform[k] = 1.0 / ACTIONS;
        lesson = (struct lesson){
                .context = &round.context,
                .actions = &round.actions,
                .chosen = (uint32_t)(i % ACTIONS),
                .pmf = uniform,
                .loss = reward_of(i),
                .weight = 1.0,
                .propensity = uniform[0],
        };
        arena_reset(&scratch);
        policy_learn(right->policy, &lesson, &scratch);
        lesson.loss = 0.25;
        policy_learn(wrong->policy, &lesson, &scratch);
    }
    for (uint64_t i = 0; i < ROUNDS && done; i++) {
        struct round_data round;
        struct lesson lesson;
        make_round(one, i, 63, NULL, &round);
        lesson = (struct lesson){
                .context = &round.context,
                .actions = &round.actions,
                .chosen = (uint32_t)(i % ACTIONS),
                .pmf = uniform,
                .loss = reward_of(i),
                .weight = 1.0,
                .propensity = uniform[0],
        };
        size = save(wrong, a);
        done = policy_correct(wrong->policy, &lesson, 0.25, &scratch);
        if (!done) {
            ck_assert_uint_eq(save(wrong, b), size);
            ck_assert_mem_eq(a, b, size);
        }
    }
    /* A mixture may keep the weights that it had given its models. */
    if (one->oracle != NULL &&
            registry_oracle(bytes_of_text(one->oracle))->has_inner)
        done = false;
    for (uint64_t i = 0; i < 30 && done; i++) {
        struct round_data round;
        struct distribution out;
        double pmf[ACTIONS];
        make_round(one, 700 + i, 63, NULL, &round);
        out = decide(right, &round, i);
        memcpy(pmf, out.pmf, sizeof(pmf));
        out = decide(wrong, &round, i);
        for (uint32_t k = 0; k < ACTIONS; k++)
            ck_assert_double_eq_tol(out.pmf[k], pmf[k], 1e-6);
    }
    close_played(right);
    close_played(wrong);
}
END_TEST

START_TEST(floor_and_cap_hold)
{
    const struct law_case *one = &cases[_i];
    struct played *played = open_played(one);

    teach_rounds(one, played, 0, ROUNDS);
    played->spec.floor = 0.12;
    played->spec.cap = 0.3;
    for (uint64_t i = 0; i < 50; i++) {
        struct round_data round;
        struct distribution out;
        double most = 0;
        make_round(one, 300 + i, 63, NULL, &round);
        out = decide(played, &round, i);
        for (uint32_t a = 0; a < ACTIONS; a++) {
            ck_assert_double_ge(out.pmf[a], 0.12 / ACTIONS - 1e-12);
            most = fmax(most, out.pmf[a]);
        }
        ck_assert_double_ge(most, 0.7 * 0.88 - 1e-12);
    }
    close_played(played);
}
END_TEST

/* Any size that a request may have, 1e-15 to 1e15, and a constant beside it. */
static double of_any_size(struct rng *rng)
{
    double size = pow(10.0, 30.0 * rng_unit(rng) - 15.0);

    return rng_below(rng, 2) == 0 ? size : -size;
}

/* `teach` checks the state after each lesson, and decides before it. */
START_TEST(features_of_any_size_leave_a_sound_state)
{
    const struct law_case *one = &cases[_i];

    for (uint64_t history = 0; history < 20; history++) {
        struct played *played = open_played(one);
        struct rng rng = rng_keyed(23, history, RNG_TEST);
        for (uint64_t i = 0; i < ROUNDS; i++) {
            struct round_data round;
            make_round(one, i, 63, NULL, &round);
            for (uint32_t k = 0; k < SHARED; k++)
                round.x[k] = of_any_size(&rng);
            for (uint32_t a = 0; a < ACTIONS; a++)
                round.z[a][0] = of_any_size(&rng);
            teach(played, &round, i, reward_of(i));
        }
        close_played(played);
    }
}
END_TEST

/* One group only, always awake, weighs nothing: the bare inner oracle. */
START_TEST(groupwise_of_one_expert_is_its_inner_oracle)
{
    struct law_case bare = {
            .oracle = "ridge", .explorer = "squarecb", .kind = FEATURES};
    struct law_case wrapped = {.oracle = "groupwise",
            .inner = "ridge",
            .explorer = "squarecb",
            .kind = FEATURES};
    struct played *a = open_played(&bare), *b = open_played(&wrapped);

    for (uint64_t i = 0; i < ROUNDS; i++) {
        struct round_data round;
        struct distribution out;
        double pmf[ACTIONS];
        make_round(&bare, i, 63, NULL, &round);
        round.context.group_count = 0; /* always_on alone */
        out = decide(a, &round, i);
        memcpy(pmf, out.pmf, sizeof(pmf));
        out = decide(b, &round, i);
        for (uint32_t k = 0; k < ACTIONS; k++)
            ck_assert_double_eq(out.pmf[k], pmf[k]);
        teach(a, &round, i, reward_of(i));
        teach(b, &round, i, reward_of(i));
    }
    close_played(a);
    close_played(b);
}
END_TEST

/* Every part has a case that it takes part in. */
START_TEST(every_part_is_played)
{
    for (size_t o = 0; registry_oracles[o] != NULL; o++) {
        int as_oracle = 0, as_inner = 0;
        for (int i = 0; i < case_count; i++) {
            as_oracle += is_part(cases[i].oracle, registry_oracles[o]->name);
            as_inner += is_part(cases[i].inner, registry_oracles[o]->name);
        }
        ck_assert_int_gt(as_oracle, 0);
        ck_assert(as_inner > 0 || registry_oracles[o]->has_inner);
    }
    for (size_t e = 0; registry_explorers[e] != NULL; e++) {
        int count = 0;
        for (int i = 0; i < case_count; i++)
            count += is_part(cases[i].explorer, registry_explorers[e]->name);
        ck_assert_int_gt(count, 0);
    }
    for (size_t l = 0; registry_learners[l] != NULL; l++) {
        int count = 0;
        for (int i = 0; i < case_count; i++)
            count += is_part(cases[i].learner, registry_learners[l]->name);
        ck_assert(count > 0 || registry_learners[l]->decide == NULL);
    }
}
END_TEST

static void setup(void)
{
    size_t size = (size_t)8 << 20;

    arena = arena_over(malloc(size), size);
    scratch = arena_over(malloc(size), size);
}

static void teardown(void)
{
    free(arena.data);
    free(scratch.data);
}

int main(void)
{
    Suite *suite = suite_create("laws of policies");
    TCase *laws = tcase_create("laws");

    make_cases();
    tcase_add_checked_fixture(laws, setup, teardown);
    tcase_set_timeout(laws, 120);
    tcase_add_loop_test(laws, every_subset_gets_a_distribution, 0, case_count);
    tcase_add_loop_test(laws, deciding_changes_no_state, 0, case_count);
    tcase_add_loop_test(laws, same_lessons_same_bytes, 0, case_count);
    tcase_add_loop_test(laws, save_and_load_round_trip, 0, case_count);
    tcase_add_loop_test(laws, contributions_sum_to_the_score, 0, case_count);
    tcase_add_loop_test(laws, hostile_state, 0, case_count);
    tcase_add_loop_test(laws, order_of_actions, 0, case_count);
    tcase_add_loop_test(laws, corrections, 0, case_count);
    tcase_add_loop_test(laws, floor_and_cap_hold, 0, case_count);
    tcase_add_test(laws, every_part_is_played);
    tcase_add_loop_test(
            laws, features_of_any_size_leave_a_sound_state, 0, case_count);
    tcase_add_test(laws, groupwise_of_one_expert_is_its_inner_oracle);
    suite_add_tcase(suite, laws);
    return run_suite(suite);
}
