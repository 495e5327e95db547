/* The flat evaluator against XGBoost's own predictor, a generation from
 * training to serving, and model bytes that are cut or damaged. */
#include "base/hash.h"
#include "base/rng.h"
#include "policies/committee.h"
#include "policies/features.h"
#include "policies/flow.h"
#include "tests/lib/suite.h"
#include "training/encodings.h"
#include "training/train.h"
#include "training/xgboost/booster.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

#define COLUMNS 20u
#define ROWS    4000u

static struct err err;

/* ---- equality ---- */

static float draw_cell(struct rng *rng, uint32_t column)
{
    /* Some columns have few values, so that rows meet splits exactly. */
    return column % 3 == 0 ? (float)rng_below(rng, 5) : (float)rng_normal(rng);
}

static void draw_rows(float *rows, uint32_t count, uint64_t seed)
{
    struct rng rng = rng_keyed(seed, 1, RNG_TEST);

    for (size_t i = 0; i < (size_t)count * COLUMNS; i++)
        rows[i] = draw_cell(&rng, (uint32_t)(i % COLUMNS));
}

struct data {
    float rows[ROWS * COLUMNS];
    float labels[ROWS], weights[ROWS];
};

static void draw_data(struct data *data, uint64_t seed, bool binary)
{
    struct rng rng = rng_keyed(seed, 2, RNG_TEST);

    draw_rows(data->rows, ROWS, seed);
    for (uint32_t i = 0; i < ROWS; i++) {
        const float *x = data->rows + (size_t)i * COLUMNS;
        double z = (double)x[0] - (double)x[1] * (double)x[2] - 1.0;
        double p = flow_sigmoid(z);
        data->labels[i] = (float)(binary ? rng_unit(&rng) < p : p);
        data->weights[i] = (float)(0.5 + rng_unit(&rng));
    }
}

static void compare(uint32_t loss, uint32_t trees, uint32_t depth)
{
    static struct data data;
    static float rows[100000 * COLUMNS];
    static double sums[100000];
    struct trees_options options = {.loss = loss,
            .trees = trees,
            .depth = depth,
            .eta = 0.2,
            .subsample = 0.8,
            .columns_share = 0.8,
            .min_child = 2,
            .bins = 64};
    struct boost_job job = {&options, data.rows, data.labels, data.weights,
            ROWS, COLUMNS, 0.3F, 7};
    struct xgboost_model model;
    struct forest forest;
    const float *theirs;
    double worst = 0.0, least = 1.0, most = 0.0;

    draw_data(&data, trees, loss == TREES_LOGISTIC);
    draw_rows(rows, 100000, trees + 1);
    /* Rows that stand on the training rows' own values meet splits. */
    memcpy(rows, data.rows, sizeof(data.rows));
    ck_assert_int_eq(xgboost_open(&model, &job, &err), 0);
    ck_assert_int_eq(xgboost_forest(&model, &job, &forest, &err), 0);
    ck_assert_uint_eq(forest.tree_count, trees);
    ck_assert_msg(
            xgboost_predict(&model, rows, COLUMNS, 100000, &theirs, &err) == 0,
            "%s", err.text);
    forest_sum(&forest, rows, COLUMNS, 100000, sums);
    for (uint32_t i = 0; i < 100000; i++) {
        double ours = loss == TREES_LOGISTIC ? flow_sigmoid(sums[i]) : sums[i];
        worst = fmax(worst, fabs(ours - (double)theirs[i]));
        least = fmin(least, ours);
        most = fmax(most, ours);
    }
    /* XGBoost sums floats, we sum doubles. */
    ck_assert_double_lt(worst, 1e-5);
    ck_assert_double_gt(most - least, 0.5);
    forest_release(&forest);
    xgboost_close(&model);
}

START_TEST(logistic_predictions_are_those_of_xgboost)
{
    compare(TREES_LOGISTIC, 100, 6);
}
END_TEST

START_TEST(squared_predictions_are_those_of_xgboost)
{
    compare(TREES_SQUARED, 60, 5);
}
END_TEST

START_TEST(the_same_job_grows_the_same_forest)
{
    static struct data data;
    struct trees_options options = {.loss = TREES_LOGISTIC,
            .trees = 20,
            .depth = 4,
            .eta = 0.3,
            .subsample = 0.5,
            .columns_share = 0.5,
            .min_child = 1,
            .bins = 32};
    struct boost_job job = {&options, data.rows, data.labels, data.weights,
            ROWS, COLUMNS, 0.5F, 99};
    struct forest forest[2];

    draw_data(&data, 5, true);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(xgboost_booster.grow(NULL, &job, &forest[i], &err), 0);
    ck_assert_uint_eq(forest[0].node_count, forest[1].node_count);
    for (uint32_t i = 0; i < forest[0].node_count; i++) {
        ck_assert_double_eq(
                (double)forest[0].leaves[i], (double)forest[1].leaves[i]);
        ck_assert_uint_eq(forest[0].nodes[i].left, forest[1].nodes[i].left);
        ck_assert_double_eq((double)forest[0].nodes[i].split,
                (double)forest[1].nodes[i].split);
    }
    forest_release(&forest[0]);
    forest_release(&forest[1]);
}
END_TEST

/* ---- a generation ---- */

#define ACTIONS 3u
#define LESSONS 1500u
#define ISSUERS 12u

/* Issuer i is a named feature; the loss depends on issuer and place. */
struct round {
    double dense[2];
    struct feature named;
    struct context context;
};

static const uint32_t slots[ACTIONS] = {0, 1, 2};
static const struct action_set actions = {ACTIONS, slots, NULL};
static const double pmf[ACTIONS] = {1.0 / 3, 1.0 / 3, 1.0 / 3};
static struct round rounds[LESSONS];
static struct lesson lessons[LESSONS];
static uint8_t memory[1 << 16];

static void draw_round(struct round *round, struct rng *rng, uint32_t issuer)
{
    struct bytes space = bytes_of_text("issuer");
    uint8_t name = (uint8_t)('a' + issuer);

    round->dense[0] = rng_normal(rng);
    round->dense[1] = rng_unit(rng);
    round->named.hash = feature_hash(space, bytes_of(&name, 1));
    round->named.value = 1.0;
    round->context =
            (struct context){.shared = {round->dense, 2, 1, &round->named}};
}

static double loss_at(uint32_t issuer, uint32_t place)
{
    return flow_sigmoid(issuer % ACTIONS == place ? -2.0 : 1.0);
}

static void draw_lessons(uint64_t seed)
{
    struct rng rng = rng_keyed(seed, 3, RNG_TEST);

    for (uint32_t i = 0; i < LESSONS; i++) {
        uint32_t issuer = rng_below(&rng, ISSUERS);
        uint32_t place = rng_below(&rng, ACTIONS);
        draw_round(&rounds[i], &rng, issuer);
        lessons[i] = (struct lesson){.context = &rounds[i].context,
                .actions = &actions,
                .chosen = place,
                .pmf = pmf,
                .loss = rng_unit(&rng) < loss_at(issuer, place),
                .weight = 1.0,
                .propensity = pmf[place]};
    }
}

static void parse_spec(struct policy_spec *spec, const char *trees)
{
    struct arena arena = arena_over(memory, sizeof(memory));
    struct shape shape = {
            .shared_dense = 2, .slots = ACTIONS, .actions_max = ACTIONS};
    struct value_range range = {.max = 1.0};
    struct keyvalue values[] = {
            {bytes_of_text("oracle"), bytes_of_text("trees"), 0, false},
            {bytes_of_text("explorer"), bytes_of_text("fastcb"), 0, false},
            {bytes_of_text("trees"), bytes_of_text(trees), 0, false},
            {bytes_of_text("average"), bytes_of_text("2"), 0, false},
            {bytes_of_text("min_child"), bytes_of_text("1"), 0, false},
            {bytes_of_text("categories"), bytes_of_text("issuer issuer*id"), 0,
                    false},
    };

    ck_assert_int_eq(policy_spec_parse(spec, &shape, &range, values,
                             ARRAY_COUNT(values), &arena, NULL, &err),
            0);
}

static struct policy *new_policy(const struct policy_spec *spec)
{
    size_t size = (policy_footprint(spec) + 63) / 64 * 64;
    void *block = aligned_alloc(64, size);

    ck_assert_ptr_nonnull(block);
    return policy_init(block, spec);
}

static struct blob train(
        const struct policy_spec *spec, struct bytes champion, uint64_t seed)
{
    struct training_job job = {.spec = spec,
            .lessons = lessons,
            .count = LESSONS,
            .champion = champion,
            .seed = seed,
            .booster = &xgboost_booster};
    struct blob blob;

    ck_assert_int_eq(train_generation(&job, &blob, &err), 0);
    return blob;
}

static int load(struct policy *policy, struct bytes bytes)
{
    struct reader reader = reader_of(bytes);
    int status = policy_load(policy, &reader, &err);

    return status == 0 && !reader_done(&reader) ? STATUS_CORRUPT : status;
}

static void decide(const struct policy *policy, const struct round *round,
        struct distribution *out)
{
    static uint8_t room[1 << 18];
    struct arena arena = arena_over(room, sizeof(room));

    ck_assert_int_eq(policy_decide(policy, &round->context, &actions, 1, 1,
                             &arena, out, &err),
            0);
}

static double value_of(const struct policy *policy)
{
    struct rng rng = rng_keyed(11, 4, RNG_TEST);
    double value = 0.0;

    for (uint32_t i = 0; i < 600; i++) {
        uint32_t issuer = i % ISSUERS;
        struct round round;
        struct distribution got;
        draw_round(&round, &rng, issuer);
        decide(policy, &round, &got);
        for (uint32_t a = 0; a < ACTIONS; a++)
            value += got.pmf[a] * (1.0 - loss_at(issuer, a)) / 600;
    }
    return value;
}

START_TEST(a_generation_is_trained_and_serves)
{
    struct policy_spec spec;
    struct policy *policy;
    struct blob first, second;
    double uniform = (flow_sigmoid(2.0) + 2 * flow_sigmoid(-1.0)) / 3;

    parse_spec(&spec, "20");
    draw_lessons(1);
    policy = new_policy(&spec);
    ck_assert_double_eq_tol(value_of(policy), uniform, 1e-9);
    first = train(&spec, bytes_of(NULL, 0), 1);
    ck_assert_int_eq(load(policy, bytes_of(first.data, first.size)), 0);
    ck_assert_double_gt(value_of(policy), flow_sigmoid(2.0) - 0.06);
    second = train(&spec, bytes_of(first.data, first.size), 2);
    ck_assert_uint_gt(second.size, first.size);
    free(policy);
    policy = new_policy(&spec);
    ck_assert_int_eq(load(policy, bytes_of(second.data, second.size)), 0);
    ck_assert_double_gt(value_of(policy), flow_sigmoid(2.0) - 0.06);
    free(policy);
    blob_free(&first);
    blob_free(&second);
}
END_TEST

START_TEST(the_average_holds_the_last_models)
{
    struct policy_spec spec;
    struct blob blob = {NULL, 0};
    struct committee committee;
    struct bytes part;
    struct reader reader;
    uint32_t before = 0;

    parse_spec(&spec, "3");
    for (uint64_t g = 1; g <= 4; g++) {
        struct blob next;
        draw_lessons(g);
        next = train(&spec, bytes_of(blob.data, blob.size), g);
        blob_free(&blob);
        blob = next;
        ck_assert_int_eq(policy_unwrap(&spec, bytes_of(blob.data, blob.size),
                                 &part, &err),
                0);
        reader = reader_of(part);
        ck_assert_int_eq(committee_load(&committee, 2, &reader, &err), 0);
        ck_assert_uint_eq(committee.count, g == 1 ? 1 : 2);
        ck_assert_double_eq(committee.effective, LESSONS);
        if (g > 1)
            ck_assert_uint_eq(
                    before, (uint32_t)hash_bytes(committee.model[0], 0));
        before = (uint32_t)hash_bytes(committee.model[committee.count - 1], 0);
    }
    blob_free(&blob);
}
END_TEST

/* ---- damaged bytes ---- */

START_TEST(models_cut_short_are_refused)
{
    struct policy_spec spec;
    struct policy *policy;
    struct blob blob;

    parse_spec(&spec, "2");
    draw_lessons(1);
    blob = train(&spec, bytes_of(NULL, 0), 1);
    for (size_t size = 0; size < blob.size; size++) {
        /* A copy of its own, so that a read beyond its end is seen. */
        uint8_t *copy = malloc(size + (size == 0));
        memcpy(copy, blob.data, size);
        policy = new_policy(&spec);
        ck_assert_int_eq(load(policy, bytes_of(copy, size)), STATUS_CORRUPT);
        free(policy);
        free(copy);
    }
    blob_free(&blob);
}
END_TEST

/* What a flipped bit outside the checksum may change: counts of lessons and
 * n_eff, in the two heads. */
START_TEST(models_with_a_flipped_bit_are_refused)
{
    struct policy_spec spec;
    struct policy *policy;
    struct blob blob;
    struct bytes part;
    size_t head, taken = 0;

    parse_spec(&spec, "2");
    draw_lessons(1);
    blob = train(&spec, bytes_of(NULL, 0), 1);
    ck_assert_int_eq(
            policy_unwrap(&spec, bytes_of(blob.data, blob.size), &part, &err),
            0);
    head = (size_t)(part.data - blob.data) + 20;
    for (size_t bit = 0; bit < 8 * blob.size; bit++) {
        blob.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        policy = new_policy(&spec);
        if (load(policy, bytes_of(blob.data, blob.size)) == 0) {
            taken++;
            ck_assert_uint_lt(bit / 8, head);
        }
        free(policy);
        blob.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    ck_assert_uint_lt(taken, 8 * 32 + 1);
    blob_free(&blob);
}
END_TEST

/* ---- encodings ---- */

/* Labels of pure noise, and every row a value of its own: encodings that leak
 * would tell the label. */
START_TEST(encodings_do_not_leak)
{
    enum { COUNT = 3000 };
    static uint64_t keys[COUNT];
    static float labels[COUNT], weights[COUNT];
    struct encoding_rows rows = {keys, labels, weights, COUNT, 1};
    struct trees_options options = {.values = COUNT, .smoothing = 1.0};
    struct encodings encodings;
    struct rng rng = rng_keyed(3, 5, RNG_TEST);
    double sum[2] = {0}, count[2] = {0};

    for (uint32_t i = 0; i < COUNT; i++) {
        keys[i] = 1 + i / 3; /* three rows a value */
        labels[i] = (float)rng_below(&rng, 2);
        weights[i] = 1.0F;
    }
    ck_assert_int_eq(encodings_fit(&encodings, &rows, &options, &err), 0);
    for (uint32_t i = 0; i < COUNT; i++) {
        sum[(int)labels[i]] += (double)encodings.columns[2 * i];
        count[(int)labels[i]] += 1;
    }
    /* sd of an encoding about 0.25: the difference of means has se 0.009. With
     * in-sample encodings it is 0.25. */
    ck_assert_double_lt(fabs(sum[1] / count[1] - sum[0] / count[0]), 0.04);
    encodings_free(&encodings);
}
END_TEST

/* (sum w y + s mean)/(sum w + s) by hand, and what is dropped. */
START_TEST(encodings_are_smoothed_means)
{
    static const uint64_t keys[] = {5, 5, 9, 9, 9, 0};
    static const float labels[] = {1, 0, 1, 1, 1, 0};
    static const float weights[] = {1, 3, 1, 1, 1, 1};
    struct encoding_rows rows = {keys, labels, weights, 6, 1};
    struct trees_options options = {.values = 2, .smoothing = 2.0};
    struct encodings encodings;
    const struct dictionary *dictionary = &encodings.dictionary;

    ck_assert_int_eq(encodings_fit(&encodings, &rows, &options, &err), 0);
    ck_assert_double_eq_tol((double)dictionary->mean, 0.5, 1e-6);
    ck_assert_uint_eq(dictionary->start[1], 2);
    ck_assert_uint_eq(dictionary->values[0].key, 5);
    ck_assert_double_eq_tol(
            (double)dictionary->values[0].encoding, (1 + 2 * 0.5) / 6, 1e-6);
    ck_assert_double_eq_tol(
            (double)dictionary->values[1].encoding, (3 + 2 * 0.5) / 5, 1e-6);
    ck_assert_double_eq((double)dictionary->values[0].rank, 0.0);
    ck_assert_double_eq((double)dictionary->values[1].rank, 1.0);
    encodings_free(&encodings);
    options.values = 1;
    ck_assert_int_eq(encodings_fit(&encodings, &rows, &options, &err), 0);
    ck_assert_uint_eq(dictionary->start[1], 1);
    ck_assert_uint_eq(dictionary->values[0].key, 5);
    encodings_free(&encodings);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trees");
    TCase *tests = tcase_create("trees");

    /* Check forks before each test: none uses XGBoost in the parent. */
    (void)setenv("OMP_NUM_THREADS", "1", 1);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, logistic_predictions_are_those_of_xgboost);
    tcase_add_test(tests, squared_predictions_are_those_of_xgboost);
    tcase_add_test(tests, the_same_job_grows_the_same_forest);
    tcase_add_test(tests, a_generation_is_trained_and_serves);
    tcase_add_test(tests, the_average_holds_the_last_models);
    tcase_add_test(tests, models_cut_short_are_refused);
    tcase_add_test(tests, models_with_a_flipped_bit_are_refused);
    tcase_add_test(tests, encodings_do_not_leak);
    tcase_add_test(tests, encodings_are_smoothed_means);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
