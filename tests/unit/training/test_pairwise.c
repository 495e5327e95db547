/* Pairwise models: the fit is the minimum of the penalised loss, what is
 * trained serves, damaged bytes are refused. Memory's weights. */
#include "base/rng.h"
#include "policies/committee.h"
#include "policies/features.h"
#include "policies/flow.h"
#include "policies/memory.h"
#include "policies/pairwise.h"
#include "tests/lib/suite.h"
#include "training/train.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

#define ACTIONS 3u
#define LESSONS 4000u
#define ISSUERS 8u
#define COLUMNS 2u

static struct err err;

/* Loss depends on issuer x place, and on a step of the first column. */
struct round {
    double dense[COLUMNS];
    struct feature named;
    struct context context;
    uint32_t issuer;
};

static const uint32_t slots[ACTIONS] = {0, 1, 2};
static const struct action_set actions = {ACTIONS, slots, NULL};
static const double pmf[ACTIONS] = {1.0 / 3, 1.0 / 3, 1.0 / 3};
static struct round rounds[LESSONS];
static struct lesson lessons[LESSONS];
static uint8_t memory[1 << 16];

static void draw_round(struct round *round, struct rng *rng, uint32_t issuer)
{
    uint8_t name = (uint8_t)('a' + issuer);

    round->issuer = issuer;
    round->dense[0] = rng_normal(rng);
    round->dense[1] = rng_below(rng, 2);
    round->named.hash =
            feature_hash(bytes_of_text("issuer"), bytes_of(&name, 1));
    round->named.value = 1.0;
    round->context = (struct context){
            .shared = {round->dense, COLUMNS, 1, &round->named}};
}

static double loss_at(const struct round *round, uint32_t place)
{
    return flow_sigmoid((round->issuer % ACTIONS == place ? -2.0 : 0.5) +
            (round->dense[0] > 0.0 && place == 1 ? 1.0 : 0.0));
}

static void draw_lessons(uint64_t seed)
{
    struct rng rng = rng_keyed(seed, 3, RNG_TEST);

    for (uint32_t i = 0; i < LESSONS; i++) {
        uint32_t place = rng_below(&rng, ACTIONS);
        draw_round(&rounds[i], &rng, rng_below(&rng, ISSUERS));
        lessons[i] = (struct lesson){.context = &rounds[i].context,
                .actions = &actions,
                .chosen = place,
                .pmf = pmf,
                .loss = rng_unit(&rng) < loss_at(&rounds[i], place),
                .weight = 0.5 + rng_unit(&rng),
                .propensity = pmf[place]};
    }
}

static void parse_spec(struct policy_spec *spec, const char *loss,
        const char *adapt, const char *coefficients)
{
    struct arena arena = arena_over(memory, sizeof(memory));
    struct shape shape = {
            .shared_dense = COLUMNS, .slots = ACTIONS, .actions_max = ACTIONS};
    struct value_range range = {.max = 1.0};
    struct keyvalue values[] = {
            {bytes_of_text("oracle"), bytes_of_text("pairwise"), 0, false},
            {bytes_of_text("explorer"), bytes_of_text("fastcb"), 0, false},
            {bytes_of_text("loss"), bytes_of_text(loss), 0, false},
            {bytes_of_text("adapt"), bytes_of_text(adapt), 0, false},
            {bytes_of_text("coefficients"), bytes_of_text(coefficients), 0,
                    false},
            {bytes_of_text("main_penalty"), bytes_of_text("1"), 0, false},
            {bytes_of_text("pair_penalty"), bytes_of_text("4"), 0, false},
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

static int train(const struct policy_spec *spec, struct bytes champion,
        struct blob *blob)
{
    struct training_job job = {.spec = spec,
            .lessons = lessons,
            .count = LESSONS,
            .champion = champion};

    return train_generation(&job, blob, &err);
}

static int load(struct policy *policy, struct bytes bytes)
{
    struct reader reader = reader_of(bytes);
    int status = policy_load(policy, &reader, &err);

    return status == 0 && !reader_done(&reader) ? STATUS_CORRUPT : status;
}

/* ---- the minimum ---- */

/* The model's bytes, read by hand: one bin for the second column and 8 for the
 * first, then issuers; places; then b, u, v, W. */
struct by_hand {
    double cuts[7], b, u[1 + 8 + ISSUERS], v[ACTIONS];
    double w[1 + 8 + ISSUERS][ACTIONS];
    uint64_t name[ISSUERS];
};

static void read_by_hand(struct by_hand *out, struct bytes model)
{
    struct reader reader = reader_of(model);

    (void)read_u8(&reader);
    ck_assert_uint_eq(read_u32(&reader), COLUMNS);
    ck_assert_uint_eq(read_u32(&reader), 0);
    ck_assert_uint_eq(read_u32(&reader), ISSUERS);
    ck_assert_uint_eq(read_u32(&reader), 7);
    ck_assert_uint_eq(read_u32(&reader), 1);
    read_f64s(&reader, out->cuts, 7);
    ck_assert_double_eq(read_f64(&reader), 0.5);
    for (uint32_t i = 0; i < ISSUERS; i++)
        out->name[i] = read_u64(&reader);
    ck_assert_uint_eq(read_u32(&reader), 0);
    ck_assert_uint_eq(read_u32(&reader), ACTIONS);
    ck_assert_uint_eq(read_u32(&reader), 0);
    out->b = read_f64(&reader);
    read_f64s(&reader, out->u, ARRAY_COUNT(out->u));
    read_f64s(&reader, out->v, ACTIONS);
    read_f64s(&reader, &out->w[0][0], ARRAY_COUNT(out->u) * ACTIONS);
    ck_assert(reader_done(&reader));
}

/* The atoms of a round; returns how many. */
static uint32_t atoms_by_hand(
        const struct by_hand *model, const struct round *round, uint32_t *atom)
{
    uint32_t bin = 0, count = 0;

    while (bin < 7 && model->cuts[bin] <= round->dense[0])
        bin++;
    atom[count++] = bin;
    if (round->dense[1] > 0.5)
        atom[count++] = 8;
    for (uint32_t i = 0; i < ISSUERS; i++)
        if (model->name[i] == round->named.hash)
            atom[count++] = 9 + i;
    return count;
}

/* The gradient of the penalised loss, to every coefficient, is nothing beside
 * what one row contributes: 0.5. */
static void check_minimum(const char *loss)
{
    struct policy_spec spec;
    struct blob blob;
    struct bytes part;
    struct reader reader;
    struct committee committee;
    struct by_hand model;
    double gu[17] = {0}, gv[ACTIONS] = {0}, gw[17][ACTIONS] = {{0}},
           weights = 0;

    parse_spec(&spec, loss, "false", "4096");
    draw_lessons(1);
    ck_assert_msg(train(&spec, bytes_of(NULL, 0), &blob) == 0, "%s", err.text);
    ck_assert_int_eq(
            policy_unwrap(&spec, bytes_of(blob.data, blob.size), &part, &err),
            0);
    reader = reader_of(part);
    ck_assert_int_eq(committee_load(&committee, 3, &reader, &err), 0);
    ck_assert_uint_eq(committee.count, 1);
    read_by_hand(&model, committee.model[0]);
    for (uint32_t i = 0; i < LESSONS; i++)
        weights += lessons[i].weight / LESSONS;
    for (uint32_t i = 0; i < LESSONS; i++) {
        uint32_t atom[3], a = lessons[i].chosen;
        uint32_t count = atoms_by_hand(&model, &rounds[i], atom);
        double q = model.b + model.v[a], r;
        for (uint32_t k = 0; k < count; k++)
            q += model.u[atom[k]] + model.w[atom[k]][a];
        r = lessons[i].weight / weights *
                ((*loss == 'l' ? flow_sigmoid(q) : q) - lessons[i].loss);
        gv[a] += r;
        for (uint32_t k = 0; k < count; k++) {
            gu[atom[k]] += r;
            gw[atom[k]][a] += r;
        }
    }
    for (uint32_t k = 0; k < 17; k++) {
        ck_assert_double_eq_tol(gu[k], -1.0 * model.u[k], 0.5);
        for (uint32_t a = 0; a < ACTIONS; a++)
            ck_assert_double_eq_tol(gw[k][a], -4.0 * model.w[k][a], 0.5);
    }
    for (uint32_t a = 0; a < ACTIONS; a++)
        ck_assert_double_eq_tol(gv[a], -1.0 * model.v[a], 0.5);
    ck_assert_double_gt(fabs(model.w[9][0] - model.w[9][1]) +
                    fabs(model.w[9][1] - model.w[9][2]),
            *loss == 'l' ? 0.5 : 0.1);
    blob_free(&blob);
}

START_TEST(the_fit_is_the_minimum)
{
    check_minimum(_i == 0 ? "logistic" : "squared");
}
END_TEST

/* ---- serving ---- */

static double value_of(const struct policy *policy)
{
    static uint8_t room[1 << 21];
    struct rng rng = rng_keyed(11, 4, RNG_TEST);
    double regret = 0.0;

    for (uint32_t i = 0; i < 2000; i++) {
        struct arena arena = arena_over(room, sizeof(room));
        struct round round;
        struct distribution got;
        double best = 1.0, mean = 0.0;
        draw_round(&round, &rng, rng_below(&rng, ISSUERS));
        ck_assert_int_eq(policy_decide(policy, &round.context, &actions, 1, i,
                                 &arena, &got, &err),
                0);
        for (uint32_t a = 0; a < ACTIONS; a++) {
            best = fmin(best, loss_at(&round, a));
            mean += got.pmf[a] * loss_at(&round, a);
        }
        regret += (mean - best) / 2000;
    }
    return regret;
}

START_TEST(a_generation_is_trained_and_serves)
{
    struct policy_spec spec;
    struct policy *policy;
    struct blob first, second;
    double uniform;

    parse_spec(&spec, _i == 0 ? "logistic" : "squared", "true", "4096");
    draw_lessons(1);
    policy = new_policy(&spec);
    uniform = value_of(policy);
    ck_assert_int_eq(train(&spec, bytes_of(NULL, 0), &first), 0);
    ck_assert_int_eq(load(policy, bytes_of(first.data, first.size)), 0);
    ck_assert_double_lt(value_of(policy), 0.1 * uniform);
    draw_lessons(2);
    ck_assert_int_eq(
            train(&spec, bytes_of(first.data, first.size), &second), 0);
    free(policy);
    policy = new_policy(&spec);
    ck_assert_int_eq(load(policy, bytes_of(second.data, second.size)), 0);
    ck_assert_double_lt(value_of(policy), 0.1 * uniform);
    free(policy);
    blob_free(&first);
    blob_free(&second);
}
END_TEST

START_TEST(too_many_coefficients_are_refused)
{
    struct policy_spec spec;
    struct blob blob;

    parse_spec(&spec, "logistic", "true", "16");
    draw_lessons(1);
    ck_assert_int_eq(train(&spec, bytes_of(NULL, 0), &blob), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, "coefficients"));
    ck_assert_ptr_null(blob.data);
}
END_TEST

START_TEST(damaged_models_are_refused)
{
    struct policy_spec spec;
    struct policy *policy;
    struct blob blob;
    struct bytes part;
    size_t head;

    parse_spec(&spec, "logistic", "true", "4096");
    draw_lessons(1);
    ck_assert_int_eq(train(&spec, bytes_of(NULL, 0), &blob), 0);
    ck_assert_int_eq(
            policy_unwrap(&spec, bytes_of(blob.data, blob.size), &part, &err),
            0);
    policy = new_policy(&spec);
    for (size_t size = 0; size < blob.size; size++) {
        uint8_t *copy = malloc(size + 1);
        memcpy(copy, blob.data, size);
        (void)policy_init(policy, &spec);
        ck_assert_int_eq(load(policy, bytes_of(copy, size)), STATUS_CORRUPT);
        free(copy);
    }
    /* Outside the checksum: counts of lessons and n_eff. */
    head = (size_t)(part.data - blob.data) + 20;
    for (size_t bit = 0; bit < 8 * blob.size; bit++) {
        blob.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        (void)policy_init(policy, &spec);
        if (load(policy, bytes_of(blob.data, blob.size)) == 0)
            ck_assert_uint_lt(bit / 8, head);
        blob.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    free(policy);
    blob_free(&blob);
}
END_TEST

/* ---- memory ---- */

START_TEST(memory_keeps_two_rings)
{
    struct memory_options options;
    struct memory_options wanted = {10, 0.3, 20, 0.9, 0.6};

    ck_assert_int_eq(
            options_parse(&memory_option_table, NULL, 0, &options, &err), 0);
    ck_assert_uint_eq(options.recent, wanted.recent);
    ck_assert_uint_eq(options.generations, wanted.generations);
    ck_assert_double_eq(options.informative, wanted.informative);
    ck_assert_double_eq_tol(
            memory_weight(&wanted, 9, 0.9, false), pow(0.9, 9), 1e-12);
    ck_assert_double_eq(memory_weight(&wanted, 10, 0.9, false), 0.0);
    ck_assert_double_eq_tol(
            memory_weight(&wanted, 9, 0.9, true), pow(0.6, 9), 1e-12);
    wanted.recent = 2;
    ck_assert_double_eq(memory_weight(&wanted, 0, 0.9, false), 1.0);
    ck_assert_double_eq_tol(memory_weight(&wanted, 1, 0.9, true), 0.9, 1e-12);
    ck_assert_double_eq(memory_weight(&wanted, 2, 0.3, false), 0.0);
    ck_assert_double_eq_tol(
            memory_weight(&wanted, 2, 0.29, false), 0.81, 1e-12);
    ck_assert_double_eq_tol(memory_weight(&wanted, 2, 0.29, true), 0.36, 1e-12);
    ck_assert_double_gt(memory_weight(&wanted, 19, 0.01, false), 0.1);
    ck_assert_double_eq(memory_weight(&wanted, 20, 0.01, false), 0.0);
    wanted.generations = 1;
    ck_assert_double_eq(memory_weight(&wanted, 1, 0.01, false), 0.0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pairwise");
    TCase *tests = tcase_create("pairwise");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, the_fit_is_the_minimum, 0, 2);
    tcase_add_loop_test(tests, a_generation_is_trained_and_serves, 0, 2);
    tcase_add_test(tests, too_many_coefficients_are_refused);
    tcase_add_test(tests, damaged_models_are_refused);
    tcase_add_test(tests, memory_keeps_two_rings);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
