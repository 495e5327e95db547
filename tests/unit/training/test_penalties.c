/* The penalties of a pairwise fit against the same in full matrices: products,
 * solutions, and a round of the evidence; and what steps between bins are good
 * for. */
#include "training/penalties.h"

#include "base/rng.h"
#include "policies/flow.h"
#include "policies/policy.h"
#include "tests/lib/suite.h"
#include "training/train.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

static struct err err;

/* ---- in full ---- */

#define CONTEXT_ATOMS 7u /* a column of 4 bins, one of 2, two names */
#define ACTION_ATOMS  5u /* a column of 3 bins, two places */
#define COUNT         (1 + CONTEXT_ATOMS + ACTION_ATOMS + CONTEXT_ATOMS * ACTION_ATOMS)

static uint32_t context_start[] = {0, 3, 4}, context_first[3];
static uint32_t action_start[] = {0, 2}, action_first[2];
static double cuts[8] = {1, 2, 3, 4};
static uint64_t names[] = {UINT64_C(1) << 60 | 5, UINT64_C(1) << 60 | 9};

static struct pairwise_model small_model(void)
{
    struct pairwise_model model = {.context = {.columns = 2,
                                           .names = 2,
                                           .cut_start = context_start,
                                           .cuts = cuts,
                                           .first = context_first,
                                           .name = names},
            .action = {.columns = 1,
                    .slots = 2,
                    .cut_start = action_start,
                    .cuts = cuts,
                    .first = action_first}};

    pairwise_side_number(&model.context);
    pairwise_side_number(&model.action);
    ck_assert_uint_eq(model.context.atoms, CONTEXT_ATOMS);
    ck_assert_uint_eq(model.action.atoms, ACTION_ATOMS);
    return model;
}

static void open_small(struct penalties *penalties, bool smooth)
{
    struct pairwise_model model = small_model();
    struct pairwise_options options = {.main_penalty = 1.0,
            .pair_penalty = 4.0,
            .adapt = true,
            .smooth = smooth};

    ck_assert_int_eq(penalties_open(penalties, &model, &options, &err), 0);
    ck_assert_uint_eq(penalties->count, COUNT);
    /* All different, so that none can stand for another. */
    for (uint32_t b = 1; b < penalties->blocks; b++) {
        penalties->size[b] += 0.1 * b;
        penalties->step[b] *= 1.0 + 0.07 * b;
    }
}

/* P of one block, or of all of them (`block` 0), by the definition: the bins of
 * a column that lie side by side, with the same atom of the other side. */
static uint32_t place_of(uint32_t context, uint32_t action)
{
    return 1 + CONTEXT_ATOMS + ACTION_ATOMS + context * ACTION_ATOMS + action;
}

static void add_step(double d[COUNT][COUNT], uint32_t a, uint32_t b)
{
    d[a][a] += 1.0;
    d[b][b] += 1.0;
    d[a][b] -= 1.0;
    d[b][a] -= 1.0;
}

/* The squared steps of all blocks. */
static void steps_in_full(double d[COUNT][COUNT])
{
    memset(d, 0, sizeof(double) * COUNT * COUNT);
    for (uint32_t bin = 0; bin < 3; bin++) {
        add_step(d, 1 + bin, 2 + bin);
        for (uint32_t a = 0; a < ACTION_ATOMS; a++)
            add_step(d, place_of(bin, a), place_of(bin + 1, a));
    }
    for (uint32_t bin = 0; bin < 2; bin++) {
        uint32_t at = 1 + CONTEXT_ATOMS + bin;
        add_step(d, at, at + 1);
        /* Along the context's bins where there are any: of the column of two
         * bins there is one atom. */
        for (uint32_t c = 5; c < CONTEXT_ATOMS; c++)
            add_step(d, place_of(c, bin), place_of(c, bin + 1));
    }
}

static void in_full(const struct penalties *penalties, const double *h,
        double p[COUNT][COUNT])
{
    static double d[COUNT][COUNT];

    steps_in_full(d);
    for (uint32_t i = 0; i < COUNT; i++)
        for (uint32_t k = 0; k < COUNT; k++)
            p[i][k] = d[i][k] * penalties->step[penalties->block[i]];
    for (uint32_t i = 0; i < COUNT; i++)
        p[i][i] += penalties->size[penalties->block[i]] + h[i];
}

/* Gauss-Jordan; p is positive definite. */
static void invert(double p[COUNT][COUNT], double inverse[COUNT][COUNT])
{
    for (uint32_t i = 0; i < COUNT; i++)
        for (uint32_t k = 0; k < COUNT; k++)
            inverse[i][k] = i == k;
    for (uint32_t i = 0; i < COUNT; i++) {
        double pivot = p[i][i];
        for (uint32_t k = 0; k < COUNT; k++) {
            p[i][k] /= pivot;
            inverse[i][k] /= pivot;
        }
        for (uint32_t r = 0; r < COUNT; r++) {
            double factor = p[r][i];
            for (uint32_t k = 0; r != i && k < COUNT; k++) {
                p[r][k] -= factor * p[i][k];
                inverse[r][k] -= factor * inverse[i][k];
            }
        }
    }
}

static void draw(struct rng *rng, double *x, bool positive)
{
    for (uint32_t i = 0; i < COUNT; i++)
        x[i] = positive ? 20.0 * rng_unit(rng) : rng_normal(rng);
}

START_TEST(products_and_solutions_are_those_of_the_matrix)
{
    static double p[COUNT][COUNT];
    double w[COUNT], h[COUNT], nothing[COUNT] = {0}, out[COUNT], pivot[COUNT];
    struct rng rng = rng_keyed(7, 1, RNG_TEST);
    struct penalties penalties;
    double half = 0.0;

    open_small(&penalties, true);
    draw(&rng, w, false);
    draw(&rng, h, true);
    in_full(&penalties, nothing, p);
    penalties_times(&penalties, w, out);
    for (uint32_t i = 0; i < COUNT; i++) {
        double sum = 0.0;
        for (uint32_t k = 0; k < COUNT; k++)
            sum += p[i][k] * w[k];
        ck_assert_double_eq_tol(out[i], sum, 1e-9);
        half += 0.5 * w[i] * sum;
    }
    ck_assert_double_eq_tol(penalties_of(&penalties, w), half, 1e-9);
    penalties_factor(&penalties, h, pivot);
    for (uint32_t i = 0; i < COUNT; i++)
        out[i] += h[i] * w[i];
    penalties_solve(&penalties, pivot, out, out);
    for (uint32_t i = 0; i < COUNT; i++)
        ck_assert_double_eq_tol(out[i], w[i], 1e-9);
    penalties_close(&penalties);
}
END_TEST

/* size (tr P^-1 - tr V)/|w|^2 and step (tr P^-1 D - tr V D)/(w'D w) of every
 * block, each with what it has in advance. */
START_TEST(a_round_of_the_evidence_is_as_defined)
{
    static double p[COUNT][COUNT], loose[COUNT][COUNT], held[COUNT][COUNT];
    static double d[COUNT][COUNT];
    double w[COUNT], h[COUNT], nothing[COUNT] = {0}, size[64], step[64];
    bool used[64] = {false};
    struct rng rng = rng_keyed(8, 1, RNG_TEST);
    struct penalties penalties;

    open_small(&penalties, _i == 0);
    ck_assert_uint_le(penalties.blocks, 64);
    draw(&rng, w, false);
    draw(&rng, h, true);
    in_full(&penalties, nothing, p);
    invert(p, loose);
    in_full(&penalties, h, p);
    invert(p, held);
    steps_in_full(d);
    for (uint32_t b = 1; b < penalties.blocks; b++) {
        double trace[2] = {0, 0}, square = 0.0, steps = 0.0;
        for (uint32_t i = 0; i < COUNT; i++) {
            if (penalties.block[i] != b)
                continue;
            used[b] = true;
            trace[0] += loose[i][i] - held[i][i];
            square += w[i] * w[i];
            for (uint32_t k = 0; k < COUNT; k++) {
                trace[1] += (loose[i][k] - held[i][k]) * d[k][i];
                steps += w[i] * d[i][k] * w[k];
            }
        }
        size[b] = (penalties.size[b] * trace[0] + 0.5) / (square + 0.125);
        step[b] = (penalties.step[b] * trace[1] + 0.5) / (steps + 0.03125);
    }
    ck_assert_int_eq(penalties_adapt(&penalties, h, w, &err), 0);
    for (uint32_t b = 1; b < penalties.blocks; b++) {
        ck_assert_double_eq_tol(penalties.size[b], fmax(size[b], 0.05), 1e-8);
        if (_i == 0 && used[b])
            ck_assert_double_eq_tol(
                    penalties.step[b], fmax(step[b], 0.05), 1e-8);
        else
            ck_assert_double_eq(penalties.step[b], 0.0);
    }
    penalties_close(&penalties);
}
END_TEST

/* ---- what it is good for ---- */

#define LESSONS 1500u

static double truth(double x, uint32_t place)
{
    return flow_sigmoid(place == 0 ? 1.5 * sin(3.0 * x) : -0.5);
}

static double error_of(const char *smooth, const struct lesson *lessons)
{
    static uint8_t memory[1 << 16], room[1 << 21];
    static const uint32_t slots[] = {0, 1};
    static const struct action_set actions = {2, slots, NULL};
    struct arena arena = arena_over(memory, sizeof(memory));
    struct shape shape = {.shared_dense = 1, .slots = 2, .actions_max = 2};
    struct value_range range = {.max = 1.0};
    struct keyvalue values[] = {
            {bytes_of_text("oracle"), bytes_of_text("pairwise"), 0, false},
            {bytes_of_text("explorer"), bytes_of_text("greedy"), 0, false},
            {bytes_of_text("bins"), bytes_of_text("32"), 0, false},
            {bytes_of_text("smooth"), bytes_of_text(smooth), 0, false}};
    struct policy_spec spec;
    struct training_job job = {
            .spec = &spec, .lessons = lessons, .count = LESSONS};
    struct blob blob;
    struct policy *policy;
    struct reader reader;
    double sum = 0.0;

    ck_assert_int_eq(policy_spec_parse(&spec, &shape, &range, values,
                             ARRAY_COUNT(values), &arena, NULL, &err),
            0);
    ck_assert_int_eq(train_generation(&job, &blob, &err), 0);
    policy = aligned_alloc(64, (policy_footprint(&spec) + 63) / 64 * 64);
    ck_assert_ptr_nonnull(policy);
    (void)policy_init(policy, &spec);
    reader = reader_of(bytes_of(blob.data, blob.size));
    ck_assert_int_eq(policy_load(policy, &reader, &err), 0);
    for (uint32_t i = 0; i < 1000; i++) {
        double x = -1.0 + 0.002 * i;
        struct context context = {.shared = {&x, 1, 0, NULL}};
        struct arena scratch = arena_over(room, sizeof(room));
        struct distribution got;
        ck_assert_int_eq(policy_decide(policy, &context, &actions, 1, i,
                                 &scratch, &got, &err),
                0);
        for (uint32_t a = 0; a < 2; a++)
            sum += pow(1.0 - got.scores[a] - truth(x, a), 2.0) / 2000;
    }
    free(policy);
    blob_free(&blob);
    return sum;
}

/* A curve seen through noise in 32 bins: held together they are off by less
 * than half as much, squared, over ten draws. */
START_TEST(bins_that_hold_each_other_see_a_curve_better)
{
    static double x[LESSONS];
    static struct context contexts[LESSONS];
    static struct lesson lessons[LESSONS];
    static const uint32_t slots[] = {0, 1};
    static const struct action_set actions = {2, slots, NULL};
    static const double pmf[] = {0.5, 0.5};
    double with = 0.0, without = 0.0;

    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct rng rng = rng_keyed(seed, 5, RNG_TEST);
        for (uint32_t i = 0; i < LESSONS; i++) {
            uint32_t place = rng_below(&rng, 2);
            x[i] = 2.0 * rng_unit(&rng) - 1.0;
            contexts[i] = (struct context){.shared = {&x[i], 1, 0, NULL}};
            lessons[i] = (struct lesson){.context = &contexts[i],
                    .actions = &actions,
                    .chosen = place,
                    .pmf = pmf,
                    .loss = rng_unit(&rng) < truth(x[i], place),
                    .weight = 1.0,
                    .propensity = 0.5};
        }
        with += error_of("true", lessons);
        without += error_of("false", lessons);
    }
    ck_assert_double_lt(with, 0.5 * without);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("penalties");
    TCase *tests = tcase_create("penalties");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, products_and_solutions_are_those_of_the_matrix);
    tcase_add_loop_test(tests, a_round_of_the_evidence_is_as_defined, 0, 2);
    tcase_add_test(tests, bins_that_hold_each_other_see_a_curve_better);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
