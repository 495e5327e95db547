/* The design matrix of a pairwise fit against the same written out: crowds that
 * have a column of their own, small ones, and rows that are alone. */
#include "training/design.h"

#include "base/rng.h"
#include "policies/features.h"
#include "policies/policy.h"
#include "tests/lib/suite.h"
#include "training/sides.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

#define LESSONS 600u
#define ACTIONS 4u
#define ATOMS   64u

static struct err err;

struct round {
    double dense[2], own[ACTIONS];
    struct feature named[2], price[ACTIONS];
    struct features features[ACTIONS];
    struct context context;
    struct action_set actions;
};

static const uint32_t slots[ACTIONS] = {0, 1, 2, 3};
static struct round rounds[LESSONS];
static struct lesson lessons[LESSONS];
static uint8_t memory[1 << 16];

static uint64_t name(const char *space, uint32_t value)
{
    uint8_t text = (uint8_t)('a' + value);

    return feature_hash(bytes_of_text(space), bytes_of(&text, 1));
}

/* Action 0 is common, 1 to 2 have a number of few values, 3 has a price that no
 * other lesson has. */
static void draw_round(struct round *round, struct rng *rng)
{
    round->dense[0] = rng_normal(rng);
    round->dense[1] = rng_below(rng, 2);
    round->named[0] = (struct feature){name("issuer", rng_below(rng, 5)), 1.0};
    round->named[1] = (struct feature){name("risk", 0), rng_unit(rng)};
    round->context =
            (struct context){.shared = {round->dense, 2, 2, round->named}};
    for (uint32_t a = 0; a < ACTIONS; a++) {
        round->own[a] = a == 0 ? 0.0 : rng_below(rng, 9);
        round->price[a] = (struct feature){name("price", a), rng_unit(rng)};
        round->features[a] = (struct features){
                &round->own[a], 1, a == 3 ? 1 : 0, &round->price[a]};
    }
    round->actions = (struct action_set){ACTIONS, slots, round->features};
}

static void draw_lessons(void)
{
    struct rng rng = rng_keyed(3, 3, RNG_TEST);

    for (uint32_t i = 0; i < LESSONS; i++) {
        uint32_t chosen = rng_below(&rng, ACTIONS);
        draw_round(&rounds[i], &rng);
        lessons[i] = (struct lesson){.context = &rounds[i].context,
                .actions = &rounds[i].actions,
                .chosen = chosen,
                .weight = 1.0};
    }
}

static void parse(struct policy_spec *spec)
{
    struct arena arena = arena_over(memory, sizeof(memory));
    struct shape shape = {.shared_dense = 2,
            .action_dense = 1,
            .slots = ACTIONS,
            .actions_max = ACTIONS};
    struct value_range range = {.max = 1.0};
    struct keyvalue values[] = {
            {bytes_of_text("oracle"), bytes_of_text("pairwise"), 0, false},
            {bytes_of_text("explorer"), bytes_of_text("greedy"), 0, false}};

    ck_assert_int_eq(policy_spec_parse(spec, &shape, &range, values,
                             ARRAY_COUNT(values), &arena, NULL, &err),
            0);
}

/* A lesson's row, written out; returns its length. */
static size_t row_in_full(const struct pairwise_model *model,
        const struct lesson *lesson, double *x)
{
    size_t contexts = model->context.atoms, width = model->action.atoms;
    size_t count = 1 + contexts + width + contexts * width;
    struct pairwise_atom c[ATOMS], a[ATOMS];
    uint32_t cs = pairwise_read(
            &model->context, &lesson->context->shared, UINT32_MAX, c, ATOMS);
    uint32_t as = pairwise_read(&model->action,
            &lesson->actions->features[lesson->chosen], lesson->chosen, a,
            ATOMS);

    memset(x, 0, count * sizeof(*x));
    x[0] = 1.0;
    for (uint32_t i = 0; i < cs; i++)
        x[1 + c[i].place] = (double)(float)c[i].value;
    for (uint32_t k = 0; k < as; k++)
        x[1 + contexts + a[k].place] = (double)(float)a[k].value;
    for (uint32_t i = 0; i < cs; i++)
        for (uint32_t k = 0; k < as; k++)
            x[1 + contexts + width + c[i].place * width + a[k].place] =
                    x[1 + c[i].place] * x[1 + contexts + a[k].place];
    return count;
}

static void check_times(const struct design *design, size_t count,
        const double *x, const double *w, const double *f)
{
    double *q = calloc(LESSONS, sizeof(*q)), *h = calloc(LESSONS, sizeof(*h));
    double *got = calloc(3 * count, sizeof(*got));
    double *want = calloc(3 * count, sizeof(*want));

    ck_assert(q != NULL && h != NULL && got != NULL && want != NULL);
    design_times(design, w, q);
    for (uint32_t row = 0; row < LESSONS; row++) {
        const double *line = x + design->lesson[row] * count;
        double sum = 0.0;
        for (size_t i = 0; i < count; i++)
            sum += line[i] * w[i];
        ck_assert_double_eq_tol(q[row], sum, 1e-9);
        h[row] = f[row] * f[row];
        for (size_t i = 0; i < count; i++) {
            want[i] += f[row] * line[i];
            want[count + i] += f[row] * line[i] * line[i];
            want[2 * count + i] += h[row] * sum * line[i];
        }
    }
    design_add(design, f, false, got);
    design_add(design, f, true, got + count);
    design_curvature(design, h, w, got + 2 * count);
    for (size_t i = 0; i < 3 * count; i++)
        ck_assert_double_eq_tol(got[i], want[i], 1e-8);
    free(q);
    free(h);
    free(got);
    free(want);
}

START_TEST(products_are_those_of_the_matrix)
{
    struct policy_spec spec;
    struct training_job job = {
            .spec = &spec, .lessons = lessons, .count = LESSONS};
    struct pairwise_model model = {0};
    struct design design;
    struct rng rng = rng_keyed(4, 3, RNG_TEST);
    static bool seen[LESSONS];
    double *x, *w, f[LESSONS];
    size_t count, largest = 0, alone = 0;

    parse(&spec);
    draw_lessons();
    ck_assert_int_eq(
            side_choose(&model.context, SIDE_OF_CONTEXT, &job, &err), 0);
    ck_assert_int_eq(side_choose(&model.action, SIDE_OF_ACTION, &job, &err), 0);
    ck_assert_int_eq(design_open(&design, &model, &job, &err), 0);
    /* Every lesson is one row, and there are crowds of all kinds. */
    for (uint32_t row = 0; row < LESSONS; row++) {
        ck_assert(!seen[design.lesson[row]]);
        seen[design.lesson[row]] = true;
        f[row] = rng_normal(&rng);
    }
    for (size_t i = 0; i < design.crowd_count; i++) {
        size_t size = design.crowds[i].end - design.crowds[i].first;
        largest = size > largest ? size : largest;
        alone += size == 1;
    }
    ck_assert_uint_gt(largest, 100);
    ck_assert_uint_gt(alone, 100);
    ck_assert_uint_lt(alone, 300);
    count = 1 + model.context.atoms + model.action.atoms +
            (size_t)model.context.atoms * model.action.atoms;
    x = calloc(LESSONS * count, sizeof(*x));
    w = calloc(count, sizeof(*w));
    ck_assert(x != NULL && w != NULL);
    for (uint32_t i = 0; i < LESSONS; i++)
        ck_assert_uint_eq(
                row_in_full(&model, &lessons[i], x + i * count), count);
    for (size_t i = 0; i < count; i++)
        w[i] = rng_normal(&rng);
    check_times(&design, count, x, w, f);
    free(x);
    free(w);
    design_close(&design);
    side_free(&model.context);
    side_free(&model.action);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("design");
    TCase *tests = tcase_create("design");

    tcase_add_test(tests, products_are_those_of_the_matrix);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
