/* Problems with a parameter: the points of a range, where new ones come, what
 * policies make of them; and that all of it is a fold of the records. */
#include "tests/unit/service-engine/stage.h"

#include <math.h>

#define TSALLIS                                                                \
    "parameter.from: 1\nparameter.to: 2\nparameter.start: 3\n"                 \
    "parameter.points: 9\nparameter.refine: 4\nreward.objective: minimise\n"   \
    "policy.learner: tsallis-inf\n"

static struct decision ask(uint32_t number)
{
    static char event[16];

    (void)snprintf(event, sizeof(event), "e%u", number);
    return stage_decide(event);
}

static void tell(uint32_t number, double value)
{
    char event[16];
    struct feedback feedback = {.value = value};

    (void)snprintf(event, sizeof(event), "e%u", number);
    feedback.event = bytes_of_text(event);
    ck_assert_int_eq(stage_report(feedback).status, STATUS_OK);
}

/* Least at 1.3. */
static double cost_of(double value)
{
    return fmin(1.0, 0.2 + fabs(value - 1.3));
}

static void play(uint32_t first, uint32_t rounds)
{
    for (uint32_t i = first; i < first + rounds; i++) {
        struct decision decision = ask(i);
        ck_assert_int_eq(decision.status, STATUS_OK);
        ck_assert_ptr_nonnull(decision.value);
        tell(i, cost_of(decision.value[0]));
    }
}

/* ---- answers and records ---- */

START_TEST(answers_have_values)
{
    struct decision decision;
    const struct decision_record *record;

    stage_open(TSALLIS "parameter.name: omega\n");
    decision = ask(1);
    ck_assert_uint_eq(decision.count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        char id[ID_BYTES_MAX + 1], wanted[16];
        ck_assert_double_eq(decision.value[i], 1.0 + 0.5 * decision.ranking[i]);
        (void)snprintf(wanted, sizeof(wanted), "omega.%u", decision.ranking[i]);
        ck_assert_str_eq(
                bytes_text(decision.action[i], id, sizeof(id)), wanted);
    }
    record = &stage_record(0)->decision;
    ck_assert_uint_eq(record->question.point_count, 3);
    ck_assert_double_eq(record->question.point[1], 1.5);
    ck_assert_uint_eq(record->eligible[record->chosen], decision.ranking[0]);
    stage_close();
}
END_TEST

START_TEST(an_answer_stays_when_the_grid_moves)
{
    struct decision first, again;
    double value;

    stage_open(TSALLIS);
    first = ask(0);
    value = first.value[0];
    play(1, 39);
    ck_assert_uint_eq(grid_count(stage.problem->grid), 6);
    again = ask(0);
    ck_assert(again.repeated);
    ck_assert_uint_eq(again.count, 3);
    ck_assert_double_eq(again.value[0], value);
    /* Its late feedback teaches what it was about. */
    tell(0, 0.5);
    ck_assert_uint_eq(stage.problem->counters.learned, 40);
    stage_close();
}
END_TEST

START_TEST(points_may_be_excluded)
{
    static const uint32_t excluded[] = {0, 2}, beyond[] = {3};
    static const struct bytes listed[] = {{(const uint8_t *)"a", 1}};
    struct question question = {.event = bytes_of_text("e"),
            .excluded = excluded,
            .excluded_count = 2};
    struct decision decision;

    stage_open(TSALLIS);
    decision = stage_ask(&question);
    ck_assert_uint_eq(decision.count, 1);
    ck_assert_double_eq(decision.value[0], 1.5);
    question = (struct question){.event = bytes_of_text("f"),
            .excluded = beyond,
            .excluded_count = 1};
    stage_ask_refused(&question, "place 3 of 3 actions");
    question = (struct question){
            .event = bytes_of_text("f"), .action = listed, .action_count = 1};
    stage_ask_refused(&question, "parameter's points");
    stage_close();
}
END_TEST

/* ---- the rule ---- */

/* The rule as it is written, over a plain list of points. */
static double plain_next(
        const double *values, const double *mass, uint32_t count)
{
    double most = -1.0, next = 0.0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t after = count;
        double worth;
        for (uint32_t j = 0; j < count; j++)
            if (values[j] > values[i] &&
                    (after == count || values[j] < values[after]))
                after = j;
        if (after == count)
            continue;
        worth = (values[after] - values[i]) * (mass[i] + mass[after]);
        if (worth > most ||
                (worth == most && (values[i] + values[after]) / 2 < next)) {
            most = worth;
            next = (values[i] + values[after]) / 2;
        }
    }
    return next;
}

START_TEST(points_come_by_the_rule)
{
    double values[9] = {1.0, 1.5, 2.0}, mass[9] = {0};
    uint32_t count = 3, lessons = 0;

    stage_open(TSALLIS);
    for (uint32_t i = 0; i < 400; i++) {
        struct decision decision = ask(i);
        const double *live;
        ck_assert_uint_eq(decision.count, count);
        for (uint32_t j = 0; j < count; j++)
            mass[decision.ranking[j]] += decision.probability[j];
        tell(i, cost_of(decision.value[0]));
        lessons++;
        if (count < 9 && lessons >= 4.0 * count * count / 9.0) {
            values[count] = plain_next(values, mass, count);
            count++;
            lessons = 0;
            memset(mass, 0, sizeof(mass));
        }
        ck_assert_uint_eq(grid_count(stage.problem->grid), count);
        live = grid_values(stage.problem->grid);
        for (uint32_t j = 0; j < count; j++)
            ck_assert_double_eq(live[j], values[j]);
    }
    ck_assert_uint_eq(count, 9);
    stage_close();
}
END_TEST

START_TEST(points_gather_where_cost_is_low)
{
    const double *values;
    uint32_t near = 0;

    stage_open("parameter.from: 1\nparameter.to: 2\nparameter.start: 5\n"
               "parameter.points: 17\nreward.objective: minimise\n"
               "policy.learner: tsallis-inf\n");
    play(0, 1800);
    values = grid_values(stage.problem->grid);
    ck_assert_uint_eq(grid_count(stage.problem->grid), 17);
    for (uint32_t i = 0; i < 17; i++)
        near += fabs(values[i] - 1.3) < 0.2;
    /* An even grid has 7 there. */
    ck_assert_uint_ge(near, 9);
    stage_close();
}
END_TEST

/* With its neighbours' losses a new point is one of them, not the favourite. */
START_TEST(tsallis_takes_a_new_point_as_its_neighbours)
{
    struct decision before, after;
    double left = 0.0, right = 0.0, fresh = 0.0;

    stage_open("parameter.from: 1\nparameter.to: 2\nparameter.start: 2\n"
               "parameter.points: 3\nparameter.refine: 300\n"
               "reward.objective: minimise\npolicy.learner: tsallis-inf\n");
    play(0, 299);
    before = ask(299);
    ck_assert_uint_eq(before.count, 2);
    tell(299, 0.5);
    after = ask(300);
    ck_assert_uint_eq(after.count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        double p = after.probability[i];
        if (after.ranking[i] == 0)
            left = p;
        else if (after.ranking[i] == 1)
            right = p;
        else
            fresh = p;
    }
    ck_assert_double_le(fresh, fmax(left, right));
    ck_assert_double_ge(fresh, fmin(left, right));
    stage_close();
}
END_TEST

START_TEST(a_log_scale_halves_ratios)
{
    const double *values;

    stage_open("parameter.from: 1e-8\nparameter.to: 1e-2\n"
               "parameter.scale: log\nparameter.start: 4\n"
               "parameter.points: 7\nparameter.refine: 2\n"
               "reward.objective: minimise\npolicy.learner: tsallis-inf\n");
    values = grid_values(stage.problem->grid);
    ck_assert_double_eq(values[0], 1e-8);
    ck_assert_double_eq_tol(values[1] / 1e-6, 1.0, 1e-12);
    ck_assert_double_eq_tol(values[2] / 1e-4, 1.0, 1e-12);
    ck_assert_double_eq(values[3], 1e-2);
    play(0, 60);
    ck_assert_uint_eq(grid_count(stage.problem->grid), 7);
    for (uint32_t i = 4; i < 7; i++) {
        double places = log10(values[i]);
        ck_assert_double_eq_tol(places * 4, round(places * 4), 1e-9);
    }
    stage_close();
}
END_TEST

START_TEST(columns_are_chebyshev)
{
    static const double wanted[] = {
            -0.375, -0.71875, 0.9140625, 0.033203125, -0.93896484375};
    struct grid_spec spec = {
            .from = -0.15, .to = 0.65, .start = 2, .points = 2, .basis = 5};
    double columns[5];

    /* relax.md 6.1: c = 0.1 on [-0.15, 0.65]. */
    grid_columns(&spec, 0.1, columns);
    for (int i = 0; i < 5; i++)
        ck_assert_double_eq_tol(columns[i], wanted[i], 1e-12);
    grid_columns(&spec, 9.0, columns);
    for (int i = 0; i < 5; i++)
        ck_assert_double_eq_tol(columns[i], 1.0, 1e-12);
}
END_TEST

/* ---- laws, for policies of every kind ---- */

static const char *const policies[] = {
        "policy.learner: tsallis-inf\npolicy.estimator: reduced_variance\n",
        "policy.learner: tsallis-inf\npolicy.bins: 3\n",
        "policy.oracle: chebyshev\npolicy.explorer: squarecb\n",
        "policy.oracle: ridge\npolicy.explorer: squarecb\n"
        "policy.products: action\n",
        "policy.oracle: ridge\npolicy.explorer: thompson\n",
        "policy.oracle: linear\npolicy.bits: 8\npolicy.explorer: epsilon\n",
        "policy.oracle: groupwise\npolicy.explorer: squarecb\n",
        "policy.oracle: blend\npolicy.products: all\npolicy.explorer: softmax\n",
        "policy.learner: success-rate\n",
        "policy: auto\n",
};

static void open_law(int index)
{
    char settings[512];

    (void)snprintf(settings, sizeof(settings),
            "context: x\nparameter.from: 1\nparameter.to: 2\n"
            "parameter.start: 3\nparameter.points: 8\nparameter.refine: 10\n"
            "reward.objective: %s\n%s",
            strstr(policies[index], "success") != NULL ? "maximise"
                                                       : "minimise",
            policies[index]);
    stage_open(settings);
}

static void play_law(uint32_t first, uint32_t rounds)
{
    for (uint32_t i = first; i < first + rounds; i++) {
        char event[16];
        double x = (double)(i % 10) / 10.0;
        struct question question = {.shared = {1, 1, NULL, &x}};
        struct decision decision;
        (void)snprintf(event, sizeof(event), "e%u", i);
        question.event = bytes_of_text(event);
        decision = stage_ask(&question);
        ck_assert_int_eq(decision.status, STATUS_OK);
        ck_assert_double_ge(decision.value[0], 1.0);
        ck_assert_double_le(decision.value[0], 2.0);
        tell(i, cost_of(decision.value[0]));
    }
}

START_TEST(every_policy_folds_and_is_put_away)
{
    static uint8_t bytes[1 << 20];
    struct problem *loaded;
    struct writer writer = writer_over(bytes, sizeof(bytes));
    struct err err;

    open_law(_i);
    play_law(0, 250);
    ck_assert_uint_eq(grid_count(stage.problem->grid), 8);
    problem_save(stage.problem, &writer);
    ck_assert(!writer.failed);
    loaded = problem_open(&stage.spec, &err);
    ck_assert_msg(problem_load(loaded, writer_bytes(&writer), &err) == 0, "%s",
            err.text);
    ck_assert_uint_eq(stage_hash(loaded), stage_hash(stage.problem));
    problem_close(loaded);
    stage_close();
}
END_TEST

/* From a state put away in the middle the rest is the same. */
START_TEST(a_loaded_state_goes_on_as_the_other)
{
    static uint8_t bytes[1 << 20];
    struct writer writer = writer_over(bytes, sizeof(bytes));
    struct decision_source source = {.find = stage_fold_find};
    struct problem *loaded;
    struct err err;
    uint32_t records;

    open_law(_i);
    play_law(0, 33);
    records = stage.record_count;
    problem_save(stage.problem, &writer);
    play_law(33, 60);
    loaded = problem_open(&stage.spec, &err);
    ck_assert_int_eq(problem_load(loaded, writer_bytes(&writer), &err), 0);
    for (uint32_t i = records; i < stage.record_count; i++)
        ck_assert_int_eq(fold_record(loaded, stage.records[i].kind,
                                 stage.records[i].payload, &source, &err),
                0);
    ck_assert_uint_eq(stage_hash(loaded), stage_hash(stage.problem));
    problem_close(loaded);
    stage_close();
}
END_TEST

/* ---- states that are none ---- */

static const struct grid_spec small = {.from = 1.0,
        .to = 2.0,
        .start = 3,
        .points = 6,
        .refine = 10,
        .basis = 2};

static int load_grid(uint32_t count, double lessons, const double *values,
        const double *mass, size_t cut)
{
    static uint64_t block[64];
    uint8_t bytes[256];
    struct writer writer = writer_over(bytes, sizeof(bytes));
    struct reader reader;
    struct err err;
    int status;

    ck_assert_uint_le(grid_footprint(&small), sizeof(block));
    write_u32(&writer, count);
    write_f64(&writer, lessons);
    for (uint32_t i = 0; i < count && i < 7; i++)
        write_f64(&writer, values[i]);
    for (uint32_t i = 0; i < count && i < 7; i++)
        write_f64(&writer, mass[i]);
    reader = reader_of(bytes_of(bytes, writer.size - cut));
    status = grid_load(grid_init(block, &small), &reader, &err);
    ck_assert(status == 0 || status == STATUS_CORRUPT);
    return status;
}

START_TEST(hostile_points_are_refused)
{
    static const double good[] = {1.0, 1.5, 2.0, 1.25, 1.75, 1.125, 1.375};
    static const double mass[] = {1, 2, 0, 1, 0, 0, 0};
    double values[7], sums[7];

    ck_assert_int_eq(load_grid(3, 4, good, mass, 0), 0);
    ck_assert_int_eq(load_grid(5, 4, good, mass, 0), 0);
    ck_assert_int_eq(load_grid(6, 4, good, mass, 0), 0);
    ck_assert_int_ne(load_grid(2, 4, good, mass, 0), 0);
    ck_assert_int_ne(load_grid(7, 4, good, mass, 0), 0);
    ck_assert_int_ne(load_grid(UINT32_MAX, 4, good, mass, 0), 0);
    ck_assert_int_ne(load_grid(5, 4, good, mass, 1), 0);
    ck_assert_int_ne(load_grid(5, 3, good, mass, 0), 0); /* sums above it */
    ck_assert_int_ne(load_grid(3, 10, good, mass, 0), 0); /* a point is due */
    ck_assert_int_ne(load_grid(5, 4.5, good, mass, 0), 0);
    ck_assert_int_ne(load_grid(5, -1, good, mass, 0), 0);
    ck_assert_int_ne(load_grid(5, NAN, good, mass, 0), 0);
    ck_assert_int_ne(load_grid(5, INFINITY, good, mass, 0), 0);
    for (uint32_t i = 0; i < 5; i++) {
        static const double wrong[] = {NAN, INFINITY, 1.6, 0.0, 1.5, 3.0};
        for (size_t j = 0; j < ARRAY_COUNT(wrong); j++) {
            memcpy(values, good, sizeof(values));
            values[i] = wrong[j];
            ck_assert_int_eq(load_grid(5, 4, values, mass, 0) == 0,
                    values[i] == good[i]);
        }
        memcpy(values, good, sizeof(values));
        values[i] = nextafter(values[i], 9.0);
        ck_assert_int_ne(load_grid(5, 4, values, mass, 0), 0);
        memcpy(sums, mass, sizeof(sums));
        sums[i] = -1e-9;
        ck_assert_int_ne(load_grid(5, 4, good, sums, 0), 0);
        sums[i] = NAN;
        ck_assert_int_ne(load_grid(5, 4, good, sums, 0), 0);
    }
}
END_TEST

/* ---- settings ---- */

#define RANGE "parameter.from: 1\nparameter.to: 2\n"

/* A surface over a parameter: its range need not be written, and another one
 * is refused. The settings that the log keeps have it. */
START_TEST(a_surface_knows_its_range)
{
    static const char surface[] =
            "context: c\n" RANGE "policy.oracle: surface\n";
    static const char added[] = "policy.action_min: -1\npolicy.action_max: 1\n";
    char text[512];

    stage_open(surface);
    ck_assert_ptr_nonnull(memmem(
            stage.spec.text.data, stage.spec.text.size, added, strlen(added)));
    stage_close();
    (void)snprintf(text, sizeof(text), "%spolicy.action_min: -1.0\n", surface);
    stage_open(text);
    stage_close();
    (void)snprintf(text, sizeof(text), "%spolicy.action_min: 1\n", surface);
    stage_settings_refused(text, "sees a parameter's range as -1 to 1");
    (void)snprintf(text, sizeof(text), "%spolicy.action_max: 1.95\n", surface);
    stage_settings_refused(text, "policy.action_max");
}
END_TEST

START_TEST(wrong_settings_are_refused)
{
    stage_settings_refused(
            "parameter.from: 2\nparameter.to: 1\n", "from must be less");
    stage_settings_refused("parameter.from: 2\n", "from must be less");
    stage_settings_refused(
            RANGE "parameter.start: 9\nparameter.points: 8\n", "9 points of");
    stage_settings_refused(RANGE "actions: a\n", "leave out actions");
    stage_settings_refused(RANGE "action_features: 2\n", "leave out actions");
    stage_settings_refused(RANGE "form: predict\n", "form is decide");
    stage_settings_refused(RANGE "form: duel\n", "form is decide");
    stage_settings_refused("parameter.from: 0\nparameter.to: 2\n"
                           "parameter.scale: log\n",
            "above 0 on the log scale");
    stage_settings_refused("parameter.from: 1\n"
                           "parameter.to: 1.0000000000000002\n",
            "not apart");
    stage_settings_refused(RANGE "parameter.points: 1025\n", "1024");
    stage_settings_refused(RANGE "parameter.name: a\tb\n", "parameter.name");
    stage_settings_refused(RANGE "parameter.colour: red\n", "no such setting");
    stage_settings_refused(RANGE
            "policy.learner: tsallis-inf\nretrain.every: 1h\n",
            "retrain.every: a parameter whose policy keeps something per point "
            "is not trained from the log");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("grid");
    TCase *tests = tcase_create("grid");

    tcase_set_timeout(tests, 30);
    tcase_add_checked_fixture(tests, stage_setup, stage_teardown);
    tcase_add_test(tests, answers_have_values);
    tcase_add_test(tests, an_answer_stays_when_the_grid_moves);
    tcase_add_test(tests, points_may_be_excluded);
    tcase_add_test(tests, points_come_by_the_rule);
    tcase_add_test(tests, points_gather_where_cost_is_low);
    tcase_add_test(tests, tsallis_takes_a_new_point_as_its_neighbours);
    tcase_add_test(tests, a_log_scale_halves_ratios);
    tcase_add_test(tests, columns_are_chebyshev);
    tcase_add_loop_test(tests, every_policy_folds_and_is_put_away, 0,
            ARRAY_COUNT(policies));
    tcase_add_loop_test(tests, a_loaded_state_goes_on_as_the_other, 0,
            ARRAY_COUNT(policies));
    tcase_add_test(tests, hostile_points_are_refused);
    tcase_add_test(tests, a_surface_knows_its_range);
    tcase_add_test(tests, wrong_settings_are_refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
