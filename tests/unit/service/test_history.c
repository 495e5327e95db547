/* Text that grows, quantiles of histograms, and the rings of samples: what is
 * kept, for how long, in how much memory. The clock is the test's. */
#include "service/history.h"
#include "service/text.h"

#include "tests/unit/storage/scratch.h"

#include <jansson.h>
#include <math.h>

#define PROBLEMS                                                               \
    "problems:\n"                                                              \
    "  - name: shop\n"                                                         \
    "    context: [x]\n"                                                       \
    "    actions: [a, b]\n"                                                    \
    "    groups: [{name: low, when: x < 0.5}]\n"                               \
    "  - {name: other, actions: [c, d, e]}\n"

static struct scratch scratch;
static struct config *config;
static struct ledger *ledger;
static struct committer *committer;
static struct mailbox done;
static struct metrics_source source;
static struct history *history;
static struct problem *shop;
static struct err err;

static void setup(void)
{
    struct store_settings settings = {.map_bytes = 64 * MIB, .no_sync = true};

    scratch = scratch_make();
    config = config_parse("test", bytes_of_text(PROBLEMS), &err);
    ck_assert_msg(config != NULL, "%s", err.text);
    for (uint32_t i = 0; i < config->problem_count; i++)
        config->problems[i]->number = i + 1;
    OK(ledger_open(scratch.path, &settings, &ledger, &err));
    OK(mailbox_open(&done, 4, &err));
    OK(commit_start(&committer, ledger, config, &done, &err));
    source = (struct metrics_source){.committer = committer,
            .ledger = ledger,
            .store = "here",
            .label_sets = 10};
    source.board =
            board_new((const struct problem_spec *const *)config->problems,
                    config->problem_count);
    ck_assert_ptr_nonnull(source.board);
    shop = problem_open(config->problems[0], &err);
    ck_assert_ptr_nonnull(shop);
    problem_watch(shop);
}

static void teardown(void)
{
    history_free(history);
    history = NULL;
    problem_close(shop);
    board_free(source.board);
    commit_stop(committer);
    mailbox_close(&done);
    ledger_close(ledger);
    config_free(config);
    scratch_remove(&scratch);
}

static void open_history(uint64_t bytes)
{
    const struct history_settings settings = {bytes, 5 * NANOS_PER_SECOND};

    OK(history_new(&history, &source, &settings, &err));
}

/* A sample at second t, with t decisions of the shop so far. */
static void sample(uint32_t t)
{
    struct board_news news = {.now = t * NANOS_PER_SECOND};

    shop->counters.decisions = t;
    shop->pulse->groups[0].rows = t / 2;
    shop->pulse->actions[1].offered = 0.25 * t;
    board_write(source.board, shop, &news);
    history_sample(history, t * NANOS_PER_SECOND);
}

static json_t *ask(const char *problem, bool coarse, double since)
{
    struct history_query query = {problem, coarse, since};
    json_error_t error;
    bool found;
    size_t size;
    char *text = history_json(history, &query, &found, &size);
    json_t *json;

    ck_assert(found);
    ck_assert_ptr_nonnull(text);
    ck_assert_uint_eq(strlen(text), size);
    json = json_loads(text, 0, &error);
    ck_assert_msg(json != NULL, "%s: %s", error.text, text);
    free(text);
    return json;
}

static double number(const json_t *array, size_t index)
{
    return json_number_value(json_array_get(array, index));
}

START_TEST(kept)
{
    json_t *json, *t, *series;

    open_history(64 * MIB);
    for (uint32_t i = 1; i <= HISTORY_SAMPLES + 100; i++)
        sample(i);
    json = ask("shop", false, 0);
    t = json_object_get(json, "t");
    series = json_object_get(json, "series");
    ck_assert_uint_eq(json_array_size(t), HISTORY_SAMPLES);
    ck_assert_double_eq(number(t, 0), 101);
    ck_assert_double_eq(number(t, HISTORY_SAMPLES - 1), HISTORY_SAMPLES + 100);
    for (size_t i = 0; i < HISTORY_SAMPLES; i++)
        ck_assert_double_eq(
                number(json_object_get(series, "decisions"), i), number(t, i));
    ck_assert(
            json_is_null(json_array_get(json_object_get(series, "regret"), 0)));
    ck_assert_double_eq(
            number(json_object_get(
                           json_object_get(
                                   json_object_get(json, "groups"), "low"),
                           "outcomes"),
                    0),
            50);
    ck_assert_double_eq(
            number(json_object_get(
                           json_array_get(json_object_get(json, "actions"), 1),
                           "offered"),
                    1),
            0.25 * 102);
    ck_assert_double_eq(json_number_value(json_object_get(json, "every")), 5);
    json_decref(json);

    json = ask("shop", true, 0);
    t = json_object_get(json, "t");
    ck_assert_uint_eq(json_array_size(t),
            (HISTORY_SAMPLES + 100 + HISTORY_COARSE - 1) / HISTORY_COARSE);
    ck_assert_double_eq(number(t, 1), 1 + HISTORY_COARSE);
    json_decref(json);

    json = ask("shop", false, HISTORY_SAMPLES + 98);
    ck_assert_uint_eq(json_array_size(json_object_get(json, "t")), 2);
    json_decref(json);
    json = ask(NULL, false, HISTORY_SAMPLES + 99);
    ck_assert_uint_eq(json_array_size(json_object_get(json, "t")), 1);
    ck_assert_ptr_nonnull(
            json_object_get(json_object_get(json, "series"), "request_p99"));
    json_decref(json);
}
END_TEST

/* Problems for which there is no room are known, and have no past. */
START_TEST(bounded)
{
    struct history_query nobody = {.problem = "nobody"};
    json_t *json;
    bool found;
    size_t size;

    open_history(0);
    sample(1);
    json = ask("shop", false, 0);
    ck_assert(json_is_false(json_object_get(json, "kept")));
    ck_assert_uint_eq(json_array_size(json_object_get(json, "t")), 0);
    json_decref(json);
    json = ask(NULL, false, 0);
    ck_assert_uint_eq(json_array_size(json_object_get(json, "t")), 1);
    json_decref(json);
    ck_assert_ptr_null(history_json(history, &nobody, &found, &size));
    ck_assert(!found);
}
END_TEST

START_TEST(quantiles)
{
    const double edges[3] = {1, 2, 4}, none[4] = {0};
    const double counts[4] = {10, 0, 10, 0}, beyond[4] = {0, 0, 0, 5};

    ck_assert(isnan(history_quantile(edges, none, 3, 0.5)));
    ck_assert_double_eq(history_quantile(edges, counts, 3, 0.25), 0.5);
    ck_assert_double_eq(history_quantile(edges, counts, 3, 0.5), 1.0);
    ck_assert_double_eq(history_quantile(edges, counts, 3, 0.75), 3.0);
    ck_assert_double_eq(history_quantile(edges, beyond, 3, 0.99), 4.0);
}
END_TEST

START_TEST(texts)
{
    static const struct {
        double number;
        const char *text, *json;
    } numbers[] = {
            {0, "0", "0"},
            {-3, "-3", "-3"},
            {9007199254740992.0, "9007199254740992", "9007199254740992"},
            {0.1, "0.1", "0.1"},
            {1e300, "1e+300", "1e+300"},
            {NAN, "NaN", "null"},
            {INFINITY, "+Inf", "null"},
            {-INFINITY, "-Inf", "null"},
    };
    struct text text = {.data = NULL};
    size_t size;
    char *all;

    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
        text_number(&text, numbers[i].number);
        all = text_take(&text, &size);
        ck_assert_str_eq(all, numbers[i].text);
        free(all);
        text_json_number(&text, numbers[i].number);
        all = text_take(&text, &size);
        ck_assert_str_eq(all, numbers[i].json);
        free(all);
    }
    text_count(&text, UINT64_MAX);
    text_json_string(&text, "a\"b\\c\n");
    text_string(&text, "{");
    text_json_key(&text, "k");
    text_string(&text, "1");
    text_json_key(&text, "l");
    all = text_take(&text, &size);
    ck_assert_str_eq(
            all, "18446744073709551615\"a\\\"b\\\\c\\u000a\"{\"k\":1,\"l\":");
    free(all);
    for (uint32_t i = 0; i < 100000; i++)
        text_add(&text, "x", 1);
    all = text_take(&text, &size);
    ck_assert_uint_eq(size, 100000);
    ck_assert_uint_eq(strlen(all), size);
    free(all);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("history");
    TCase *cases = tcase_create("history");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, kept);
    tcase_add_test(cases, bounded);
    suite_add_tcase(suite, cases);
    cases = tcase_create("numbers");
    tcase_add_test(cases, quantiles);
    tcase_add_test(cases, texts);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
