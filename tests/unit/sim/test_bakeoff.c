/* Files of labelled rows, and what policies lose on them. */
#include "base/rng.h"
#include "sim/bakeoff.h"
#include "tests/lib/suite.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct err err;
static char path[64];

static int read_text(const char *text, struct multiclass *data)
{
    int fd;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/tmp/rue-bakeoff-XXXXXX");
    fd = mkstemp(path);
    file = fd < 0 ? NULL : fdopen(fd, "w");
    ck_assert_ptr_nonnull(file);
    (void)fputs(text, file);
    (void)fclose(file);
    fd = multiclass_read(path, data, &err);
    (void)unlink(path);
    return fd;
}

/* Numbers, words, missing cells, quotes, both line ends, no last line end. */
START_TEST(cells_become_features)
{
    struct multiclass data;

    ck_assert_msg(read_text("a,b,c,class\r\n"
                            "1.5,red,?,yes\r\n"
                            "?,\"dark, \"\"red\"\"\",?,no\n"
                            "\n"
                            "-2e1,red,x,\"yes\"",
                          &data) == 0,
            "%s", err.text);
    ck_assert_uint_eq(data.rows, 3);
    ck_assert_uint_eq(data.classes, 2);
    ck_assert_str_eq(data.class_names[0], "yes");
    ck_assert_str_eq(data.class_names[1], "no");
    ck_assert_uint_eq(data.label[2], 0);
    ck_assert_uint_eq(data.majority, 2);
    /* a; b=red, b=dark "red"; c=?, c=x */
    ck_assert_uint_eq(data.columns, 5);
    ck_assert_double_eq(data.features[0], 1.5);
    ck_assert(isnan(data.features[5]));
    ck_assert_double_eq(data.features[10], -20.0);
    ck_assert_double_eq(data.features[5 + 2], 1.0);
    ck_assert_double_eq(data.features[10 + 1], 1.0);
    ck_assert_double_eq(data.features[10 + 4], 1.0);
    multiclass_free(&data);
}
END_TEST

static const struct {
    const char *text, *message;
} wrong[] = {
        {"", "has no rows"},
        {"a,class\n", "has no rows"},
        {"class\nx\n", ":1: needs a feature and a class"},
        {"a,class\n1,x\n1,2,x\n", ":3: 3 columns, the header has 2"},
        {"a,b,class\n1,1,x\n1,-2e15,x\n",
                ": row 2, column 2: -2e+15 is not within +-1e+15"},
        {"a;class\n1;x\n", ":1: needs a feature and a class"},
};

START_TEST(what_is_wrong_with_a_file)
{
    struct multiclass data;

    ck_assert_int_eq(read_text(wrong[_i].text, &data), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(err.text, wrong[_i].message));
}
END_TEST

static struct bakeoff_result play(
        const struct multiclass *data, const char *(*policy)[2], size_t count)
{
    struct keyvalue values[8];
    struct bakeoff_settings settings = {
            .policy = values, .policy_count = count, .orders = 5, .seed = 1};
    struct bakeoff_result result;

    for (size_t i = 0; i < count; i++)
        values[i] = (struct keyvalue){.key = bytes_of_text(policy[i][0]),
                .value = bytes_of_text(policy[i][1])};
    ck_assert_msg(
            bakeoff_run(data, &settings, &result, &err) == 0, "%s", err.text);
    return result;
}

static char text[512000];

/* 1,500 rows of three classes, each a word of its own beside noise. */
static void make_text(void)
{
    struct rng rng = rng_keyed(1, 1, RNG_TEST);
    size_t used = (size_t)snprintf(text, sizeof(text), "x,word,class\n");

    for (int i = 0; i < 1500; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used,
                "%.3f,w%d,c%d\n", rng_unit(&rng), i % 3, i % 3);
}

/* Uniform play loses 1 - 1/K in expectation, exactly; a greedy ridge learns a
 * class that is a feature. */
START_TEST(losses_are_what_they_must_be)
{
    const char *uniform[][2] = {{"policy.explorer", "uniform"}};
    const char *greedy[][2] = {{"policy.explorer", "greedy"}};
    struct multiclass data;
    struct bakeoff_result result;

    make_text();
    ck_assert_int_eq(read_text(text, &data), 0);
    result = play(&data, uniform, 1);
    ck_assert_double_eq_tol(result.expected_mean, 1.0 - 1.0 / 3.0, 1e-9);
    ck_assert_double_eq_tol(result.loss_mean, 2.0 / 3.0, 0.05);
    ck_assert_double_gt(result.loss_sd, 0.0);
    result = play(&data, greedy, 1);
    ck_assert_double_lt(result.loss_max, 0.05);
    ck_assert_double_eq_tol(result.majority, 2.0 / 3.0, 1e-3);
    multiclass_free(&data);
}
END_TEST

/* ---- files of every kind, untuned ---- */

struct strange {
    const char *name;
    int rows, columns, classes;
    double first; /* share of the first class; the others are alike */
    double signal; /* how far the classes are apart, in standard deviations */
    double scale; /* the units of the columns */
    double missing; /* share of cells */
    bool words; /* columns are words, not numbers */
    int constant; /* more columns that never vary */
    double above; /* what the worst order may lose above the largest class;
                     below 0: what it must gain */
};

/* Where nothing can be learned, what was spent on trying cannot be won back:
 * `above` is some two standard deviations more than was seen. */
static const struct strange files[] = {
        {"two classes", 300, 4, 2, 0.5, 1.5, 1.0, 0.0, false, 0, 0.0},
        {"many classes", 600, 8, 30, 0.03, 3.0, 1.0, 0.0, false, 0, 0.0},
        {"many classes, wide", 600, 40, 12, 0.08, 0.3, 1.0, 0.0, false, 0,
                -0.06},
        {"tiny", 30, 3, 3, 0.4, 2.0, 1.0, 0.0, false, 0, 0.0},
        {"huge units", 300, 4, 3, 0.3, 1.5, 1e12, 0.0, false, 0, 0.0},
        {"small units", 300, 4, 3, 0.3, 1.5, 1e-12, 0.0, false, 0, 0.0},
        {"missing", 300, 6, 3, 0.3, 1.5, 1.0, 0.3, false, 0, 0.0},
        {"words", 400, 4, 3, 0.3, 1.5, 1.0, 0.1, true, 0, 0.0},
        {"constant columns", 300, 4, 3, 0.3, 1.5, 1.0, 0.0, false, 8, 0.0},
        {"only constant columns", 300, 0, 2, 0.7, 0.0, 1.0, 0.0, false, 3,
                0.05},
        {"wide", 150, 120, 2, 0.5, 0.5, 1.0, 0.0, false, 0, 0.0},
        {"too wide for ridge", 100, 520, 2, 0.5, 0.5, 1.0, 0.0, false, 0, 0.0},
        {"rare, of signal", 600, 4, 2, 0.9, 3.0, 1.0, 0.0, false, 0, 0.0},
        {"rare, of noise", 600, 6, 2, 0.97, 0.0, 1.0, 0.0, false, 0, 0.02},
        {"noise", 600, 6, 2, 0.68, 0.0, 1.0, 0.0, false, 0, 0.025},
        {"words of noise", 300, 9, 2, 0.7, 0.0, 1.0, 0.0, true, 0, 0.04},
        {"noise of many", 600, 6, 10, 0.1, 0.0, 1.0, 0.0, false, 0, 0.06},
        {"one class", 100, 3, 1, 1.0, 0.0, 1.0, 0.0, false, 0, 0.0},
};

static size_t add_cell(char *out, size_t size, const struct strange *file,
        struct rng *rng, double centre)
{
    double x = centre + rng_normal(rng);

    if (rng_unit(rng) < file->missing)
        return (size_t)snprintf(out, size, "?,");
    if (file->words)
        return (size_t)snprintf(out, size, "w%d,", (int)floor(x));
    return (size_t)snprintf(out, size, "%.4g,", x * file->scale);
}

static void make_strange(const struct strange *file)
{
    struct rng rng = rng_keyed(2, (uint64_t)(file - files), RNG_TEST);
    static double centre[30][520];
    size_t used = 0;

    for (int k = 0; k < file->classes; k++)
        for (int j = 0; j < file->columns; j++)
            centre[k][j] = file->signal * rng_normal(&rng);
    for (int j = 0; j < file->columns + file->constant; j++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "x%d,", j);
    used += (size_t)snprintf(text + used, sizeof(text) - used, "class\n");
    for (int i = 0; i < file->rows; i++) {
        uint32_t others = (uint32_t)(file->classes > 1 ? file->classes - 1 : 1);
        uint32_t label = rng_unit(&rng) < file->first || file->classes == 1
                ? 0
                : 1 + rng_below(&rng, others);
        for (int j = 0; j < file->columns; j++)
            used += add_cell(text + used, sizeof(text) - used, file, &rng,
                    centre[label][j]);
        for (int j = 0; j < file->constant; j++)
            used += (size_t)snprintf(text + used, sizeof(text) - used, "7,");
        used += (size_t)snprintf(
                text + used, sizeof(text) - used, "c%u\n", label);
        ck_assert_uint_lt(used, sizeof(text) - 1);
    }
}

START_TEST(auto_copes_with_every_kind)
{
    const struct strange *file = &files[_i];
    const char *automatic[][2] = {{"policy", "auto"}};
    struct multiclass data;
    struct bakeoff_result result;

    make_strange(file);
    ck_assert_msg(read_text(text, &data) == 0, "%s", err.text);
    result = play(&data, automatic, 1);
    ck_assert_msg(result.loss_max <= result.majority + file->above,
            "%s: %g, largest class %g", file->name, result.loss_max,
            result.majority);
    multiclass_free(&data);
}
END_TEST

/* The untuned choice on two public sets (the goal of each; Vowpal Wabbit, tuned
 * in hindsight, loses 0.2988 and 0.0055). */
static const struct {
    const char *path;
    double most;
} goals[] = {
        {"tests/data/multiclass/segment.csv", 0.138},
        {"tests/data/multiclass/mushroom.csv", 0.0025},
};

START_TEST(auto_reaches_its_goals)
{
    const char *policy[][2] = {{"policy", "auto"}};
    struct multiclass data;
    struct bakeoff_result result;

    ck_assert_msg(
            multiclass_read(goals[_i].path, &data, &err) == 0, "%s", err.text);
    result = play(&data, policy, 1);
    ck_assert_double_le(result.loss_mean, goals[_i].most);
    ck_assert_double_lt(result.loss_max, result.majority);
    multiclass_free(&data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bakeoff");
    TCase *cases = tcase_create("bakeoff");

    tcase_set_timeout(cases, 600);
    tcase_add_test(cases, cells_become_features);
    tcase_add_loop_test(
            cases, what_is_wrong_with_a_file, 0, ARRAY_COUNT(wrong));
    tcase_add_test(cases, losses_are_what_they_must_be);
    tcase_add_loop_test(
            cases, auto_copes_with_every_kind, 0, (int)ARRAY_COUNT(files));
    tcase_add_loop_test(cases, auto_reaches_its_goals, 0, ARRAY_COUNT(goals));
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
