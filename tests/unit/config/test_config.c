/* Configuration: defaults, messages with their lines, and what a reload may
 * change. */
#include "config/config.h"
#include "tests/lib/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct err err;

static struct config *parse(const char *text)
{
    return config_parse("f", bytes_of_text(text), &err);
}

static struct config *good(const char *text)
{
    struct config *config = parse(text);

    ck_assert_msg(config != NULL, "%s", err.text);
    return config;
}

START_TEST(nothing_at_all_is_the_defaults)
{
    struct config *config = config_parse("f", bytes_of(NULL, 0), &err);

    ck_assert_msg(config != NULL, "%s", err.text);
    ck_assert_uint_eq(config->problem_count, 0);
    ck_assert_uint_eq(config->listen_count, 1);
    ck_assert_str_eq(config->listen[0], "tcp://127.0.0.1:5750");
    ck_assert_uint_eq(config->settings.batch_items, 4096);
    config_free(config);
}
END_TEST

START_TEST(a_whole_file)
{
    struct config *config = good("listen: [tcp://*:1, ipc:///tmp/x]\n"
                                 "data: /d\n"
                                 "snapshot: {every: 2s, records: 7}\n"
                                 "storage: {quota: 3MiB}\n"
                                 "problems:\n"
                                 "  - name: a\n"
                                 "    context: [x, y]\n"
                                 "    actions: [l, r]\n"
                                 "    groups:\n"
                                 "      - {name: g, when: x < 1 and y > 2}\n"
                                 "      - {name: h, by: client}\n"
                                 "    reward: {min: -1, max: 3, wait: 1h}\n"
                                 "    policy: {oracle: groupwise, inner: "
                                 "ridge, lambda: 2, explorer: epsilon}\n");
    const struct problem_spec *spec =
            config_problem(config, bytes_of_text("a"));

    ck_assert_uint_eq(config->listen_count, 2);
    ck_assert_int_eq(config->settings.snapshot_every, 2 * NANOS_PER_SECOND);
    ck_assert_uint_eq(config->settings.storage_quota, 3u << 20);
    ck_assert_ptr_nonnull(spec);
    ck_assert_uint_eq(spec->column_count, 2);
    ck_assert_uint_eq(spec->slots, 2);
    ck_assert_uint_eq(spec->group_count, 2);
    ck_assert(spec->groups[1].by_client);
    ck_assert_double_eq(spec->settings.reward_min, -1.0);
    ck_assert_str_eq(spec->policy_name, "epsilon over groupwise of ridge");
    ck_assert_ptr_null(config_problem(config, bytes_of_text("b")));
    config_free(config);
}
END_TEST

/* What is wrong, and the line that is to blame. */
static const struct {
    const char *text;
    const char *message;
} wrong[] = {
        {"data: x\nlistn: x\n", "f:2: listn: no such setting"},
        {"engine_threads: many\n",
                "f:1: engine_threads: 'many' is not a whole number in 0..64"},
        {"engine_threads: 65\n",
                "f:1: engine_threads: '65' is not a whole number in 0..64"},
        {"data: a\ndata: b\n", "f:2: this key is set twice"},
        {"a: [\n",
                "f:2: not YAML: while parsing a flow node, did not find "
                "expected node content"},
        {"[1, 2]\n", "f:1: the file must be `key: value` lines"},
        {"problems: 3\n", "f:1: problems: must be a list"},
        {"problems:\n  - actions: [x, y]\n",
                "f:2: problems: each needs a name"},
        {"listen: udp://x\n",
                "f:1: listen: an endpoint is "
                "tcp://ADDRESS:PORT or ipc://PATH"},
        {"storage: {map_size: 12XB}\n",
                "f:1: storage.map_size: '12XB' is not a size such as 64MiB "
                "within its bounds"},
        {"snapshot:\n  every: 5 parsecs\n",
                "f:2: snapshot.every: '5 parsecs' is not a duration such as "
                "250ms or 10m within its bounds"},
        {"problems:\n  - name: a\n    actions: [x]\n"
         "    policy: {oracle: nope}\n",
                "f:4: problem 'a': policy: oracle: there is no 'nope'"},
        {"problems:\n  - name: a\n    actions: [x]\n"
         "    policy: {oracle: ridge, gama: 2}\n",
                "f:4: problem 'a': policy: gama: no part of this policy has "
                "such an option"},
        {"problems:\n  - name: a\n    actions: [x, x]\n",
                "f:3: problem 'a': actions: 'x' is listed twice"},
        {"problems:\n  - name: a\n    actions: [x]\n  - name: a\n",
                "f:4: name: another problem has it already"},
        {"problems:\n  - name: a\n    actions: [x]\n"
         "    groups: [{name: g, when: 'q < '}]\n",
                "f:4: problem 'a': groups.when: near 'q': expected NAME "
                "OPERATOR VALUE"},
        {"problems:\n  - name: a\n    actions: [x]\n    groups:\n"
         "      - {name: g, by: client}\n      - {name: g, by: client}\n",
                "f:6: problem 'a': groups.name: 'g' is listed twice"},
        {"problems:\n  - name: a\n    actions: [x]\n    groups:\n"
         "      - {name: always_on, by: client}\n",
                "f:5: problem 'a': groups.name: 'always_on' is the expert of "
                "all rounds; `always_on: false` takes it away"},
        {"problems:\n  - name: a\n    actions: [x]\n"
         "    policy: {oracle: groupwise, scale: false, gamma_over: min, gamma: "
         "5}\n",
                "f:4: problem 'a': policy: gamma: it is fixed here, and "
                "gamma_over would set it"},
        {"problems:\n  - name: a\n    actions: [x]\n"
         "    reward: {default: 7}\n",
                "f:4: problem 'a': reward.default: 7 is outside min..max"},
        {"problems:\n  - name: a\n    actions: [x]\n    policy: magic\n",
                "f:4: problem 'a': policy: is `auto` or settings such as "
                "{oracle: ridge}"},
        {"problems:\n  - name: a\n    form: predict\n    context: [x]\n"
         "    policy: {explorer: greedy}\n",
                "f:5: problem 'a': policy: explorer: a problem that predicts "
                "explores nothing"},
};

START_TEST(messages_name_file_line_and_setting)
{
    ck_assert_ptr_null(parse(wrong[_i].text));
    ck_assert_int_eq(err.status, STATUS_INVALID);
    ck_assert_str_eq(err.text, wrong[_i].message);
}
END_TEST

/* What `policy: auto`, or none, comes to (policies/auto.h). */
static const struct {
    const char *problem, *policy;
} chosen[] = {
        {"context: [x, y]\n    actions: [l, r]", "regcb over blend of ridge"},
        {"context: [x, y]\n    actions: [l, r]\n    policy: auto",
                "regcb over blend of ridge"},
        {"context: [x, y]\n    actions: [l, r]\n    policy: {floor: 0.02}",
                "squarecb over blend of ridge"},
        {"context: [x, y]\n    actions: [l, r]\n    policy: {explorer: "
         "greedy}",
                "greedy over blend of ridge"},
        {"context: [x, y]\n    actions: [l, r]\n    policy: {oracle: ridge}",
                "squarecb over ridge"},
        {"context: [x, y]\n    actions: [l, r]\n    groups: [{name: g, when: "
         "x < 1}]",
                "squarecb over groupwise of ridge"},
        {"context: [x, y]\n    action_features: 3",
                "regcb over blend of ridge"},
        {"actions: [l, r]", "squarecb over linear"},
        {"context: [x, y]", "squarecb over linear"},
        {"context: [x]\n    form: predict", "ridge"},
        {"context: [x, y]\n    actions: [l, r]\n    form: duel",
                "squarecb over ridge"},
        {"actions: [l, r]\n    form: duel", "squarecb over linear"},
};

START_TEST(what_auto_chooses)
{
    char text[256];
    struct config *config;

    (void)snprintf(text, sizeof(text), "problems:\n  - name: a\n    %s\n",
            chosen[_i].problem);
    config = good(text);
    ck_assert_str_eq(config->problems[0]->policy_name, chosen[_i].policy);
    config_free(config);
}
END_TEST

#define PROBLEM "problems:\n  - name: a\n    actions: [x, y]\n"

static const struct {
    const char *from, *to;
    int status;
} reloads[] = {
        {PROBLEM, PROBLEM, 0},
        {PROBLEM, "snapshot: {every: 5s}\n" PROBLEM, 0},
        {PROBLEM, "diag_level: debug\n" PROBLEM, 0},
        {PROBLEM, "data: elsewhere\n" PROBLEM, STATUS_DENIED},
        {PROBLEM, "engine_threads: 3\n" PROBLEM, STATUS_DENIED},
        {PROBLEM, "listen: tcp://*:9\n" PROBLEM, STATUS_DENIED},
};

START_TEST(what_a_reload_may_change)
{
    struct config *from = good(reloads[_i].from);
    struct config *to = good(reloads[_i].to);

    ck_assert_int_eq(config_check_reload(from, to, &err), reloads[_i].status);
    config_free(from);
    config_free(to);
}
END_TEST

/* The text that goes into the log builds the same problem. */
START_TEST(the_text_of_a_problem_says_it_all)
{
    struct config *config =
            good("problems:\n"
                 "  - name: a\n"
                 "    context: [x]\n"
                 "    actions: [l, r]\n"
                 "    groups: [{name: g, when: x < 1}]\n"
                 "    reward: {wait: 90s, aggregate: sum, max: 9}\n"
                 "    policy: {oracle: groupwise, floor: 0.125}\n");
    const struct problem_spec *spec = config->problems[0];
    size_t size = (size_t)1 << 20;
    struct arena arena = arena_over(malloc(size), size);
    struct problem_spec again;

    ck_assert_msg(problem_spec_parse_text(
                          &again, spec->name, spec->text, &arena, &err) == 0,
            "%s", err.text);
    ck_assert(bytes_equal(again.text, spec->text));
    ck_assert_uint_eq(again.shape_digest, spec->shape_digest);
    ck_assert_uint_eq(again.state_digest, spec->state_digest);
    ck_assert_double_eq(again.policy.floor, 0.125);
    free(arena.data);
    config_free(config);
}
END_TEST

#define PROBLEMS 3000

START_TEST(a_service_hosts_many_problems)
{
    static char text[PROBLEMS * 128];
    struct config *config;
    size_t used = 0;
    char name[32];

    used += (size_t)snprintf(text, sizeof(text), "problems:\n");
    for (int i = 0; i < PROBLEMS; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used,
                "  - name: p%d\n    context: [a]\n    actions: [x, y]\n", i);
    config = config_parse("test", bytes_of(text, used), &err);
    ck_assert_msg(config != NULL, "%s", err.text);
    ck_assert_uint_eq(config->problem_count, PROBLEMS);
    (void)snprintf(name, sizeof(name), "p%d", PROBLEMS - 1);
    ck_assert_ptr_eq(config_problem(config, bytes_of_text(name)),
            config->problems[PROBLEMS - 1]);
    ck_assert_uint_eq(config->problems[PROBLEMS - 1]->slots, 2);
    config_free(config);
}
END_TEST

/* Long options count to their last byte in what a state depends on. */
START_TEST(long_texts_make_other_states)
{
    char text[512];
    uint64_t digest[2];

    for (int i = 0; i < 2; i++) {
        struct config *config;
        (void)snprintf(text, sizeof(text),
                "problems:\n  - name: a\n    context: [x]\n    actions: [l, "
                "r]\n    policy: {oracle: linear, bits: 4, interactions: "
                "\"%s %s\"}\n",
                "context*action context*id context*context action*id "
                "context*context*id",
                i == 0 ? "context*context*action" : "context*action*id");
        config = good(text);
        digest[i] = config->problems[0]->state_digest;
        config_free(config);
    }
    ck_assert_uint_ne(digest[0], digest[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *tcase = tcase_create("config");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, nothing_at_all_is_the_defaults);
    tcase_add_test(tcase, a_service_hosts_many_problems);
    tcase_add_test(tcase, a_whole_file);
    tcase_add_loop_test(
            tcase, messages_name_file_line_and_setting, 0, ARRAY_COUNT(wrong));
    tcase_add_loop_test(tcase, what_auto_chooses, 0, ARRAY_COUNT(chosen));
    tcase_add_loop_test(
            tcase, what_a_reload_may_change, 0, ARRAY_COUNT(reloads));
    tcase_add_test(tcase, the_text_of_a_problem_says_it_all);
    tcase_add_test(tcase, long_texts_make_other_states);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
