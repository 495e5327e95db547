/* The client over an engine in this process, without a store: what it answers
 * is what a client of the service is answered. */
#include "local/rue-local.h"
#include "tests/lib/suite.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MS ((int64_t)1000000)

static int64_t now_ns = 1000 * MS;

static int64_t told_time(void *self)
{
    (void)self;
    return now_ns;
}

static const char config[] = "problems:\n"
                             "  - name: colour\n"
                             "    context: [x]\n"
                             "    actions: [red, green, blue]\n"
                             "    reward: {wait: 10ms, default: 0.25}\n"
                             "    orphan_wait: 20ms\n"
                             "    policy: {oracle: ridge, explorer: uniform}\n"
                             "  - name: price\n"
                             "    form: predict\n"
                             "    context: [x]\n"
                             "    policy: {oracle: ridge}\n";

static rue_client *open_with(uint32_t events_max, uint32_t in_flight_max)
{
    rue_local_options options;
    char error[256] = "";
    rue_client *client;

    rue_local_options_init(&options);
    options.config = config;
    options.events_max = events_max;
    options.in_flight_max = in_flight_max;
    options.clock = told_time;
    client = rue_open_local(&options, error, sizeof(error));
    ck_assert_msg(client != NULL, "%s", error);
    return client;
}

static const double half[] = {0.5};

static rue_status decide(rue_client *client, const char *event,
        const double *context, rue_answer *answer)
{
    rue_question question = {
            .event = event, .context = context, .context_count = 1};

    return rue_decide(client, "colour", &question, answer);
}

static double number_of(
        rue_client *client, const char *problem, const char *name)
{
    rue_service_status status;

    ck_assert_int_eq(rue_get_status(client, problem, &status), RUE_OK);
    for (size_t i = 0; i < status.number_count; i++)
        if (strcmp(status.numbers[i].name, name) == 0)
            return status.numbers[i].value;
    ck_abort_msg("no number %s", name);
}

START_TEST(decides_and_learns)
{
    rue_client *client = open_with(16, 4);
    double sum = 0.0;
    rue_answer answer;
    rue_receipt receipt;

    ck_assert_int_eq(decide(client, "e1", half, &answer), RUE_OK);
    ck_assert_str_eq(answer.event, "e1");
    ck_assert_str_eq(answer.policy, "uniform over ridge");
    ck_assert_uint_eq(answer.count, 3);
    ck_assert_str_eq(answer.action, answer.actions[0]);
    ck_assert_uint_eq(answer.chosen, answer.ranking[0]);
    for (size_t i = 0; i < answer.count; i++)
        sum += answer.probability[i];
    ck_assert_double_eq_tol(sum, 1.0, 1e-12);
    ck_assert_double_eq(answer.propensity, answer.probability[0]);
    ck_assert_int_eq(
            rue_feedback(client, "colour", "e1", 1.0, "f", &receipt), RUE_OK);
    ck_assert(!receipt.repeated && !receipt.held);
    ck_assert_double_eq(number_of(client, "colour", "learned"), 1.0);
    ck_assert_double_eq(number_of(client, "colour", "value_sum"), 1.0);
    rue_close(client);
}
END_TEST

START_TEST(ids_are_made)
{
    rue_client *client = open_with(16, 4);
    char first[RUE_ID_SIZE];
    rue_answer answer;

    ck_assert_int_eq(decide(client, NULL, half, &answer), RUE_OK);
    ck_assert_uint_eq(strlen(answer.event), RUE_ID_SIZE - 1);
    memcpy(first, answer.event, sizeof(first));
    ck_assert_int_eq(decide(client, NULL, half, &answer), RUE_OK);
    ck_assert_str_ne(answer.event, first);
    rue_close(client);
}
END_TEST

START_TEST(an_event_is_one_event)
{
    static const double other[] = {0.75};
    rue_client *client = open_with(16, 4);
    rue_answer answer;
    rue_receipt receipt;
    uint32_t chosen;

    ck_assert_int_eq(decide(client, "e1", half, &answer), RUE_OK);
    chosen = answer.chosen;
    ck_assert_int_eq(decide(client, "e1", half, &answer), RUE_OK);
    ck_assert(answer.repeated);
    ck_assert_uint_eq(answer.chosen, chosen);
    ck_assert_int_eq(decide(client, "e1", other, &answer), RUE_DUPLICATE);
    ck_assert_int_eq(
            rue_feedback(client, "colour", "e1", 1.0, "f", NULL), RUE_OK);
    ck_assert_int_eq(
            rue_feedback(client, "colour", "e1", 1.0, "f", &receipt), RUE_OK);
    ck_assert(receipt.repeated);
    ck_assert_int_eq(rue_feedback(client, "colour", "e1", 0.5, "f", NULL),
            RUE_DUPLICATE);
    ck_assert_double_eq(number_of(client, "colour", "feedbacks"), 1.0);
    rue_close(client);
}
END_TEST

START_TEST(bad_input_changes_nothing)
{
    static const double nan_context[] = {NAN};
    static double wide[200000];
    rue_client *client = open_with(16, 4);
    rue_question question = {.context = wide, .context_count = 2};
    rue_question huge = {.context = half,
            .context_count = 1,
            .action_features = wide,
            .action_rows = 50,
            .action_columns = 4000};
    rue_answer answer;

    ck_assert_int_eq(decide(client, "e1", nan_context, &answer), RUE_INVALID);
    ck_assert_ptr_nonnull(strstr(rue_error(client), "context"));
    ck_assert_int_eq(rue_decide(client, "nobody", &question, &answer),
            RUE_UNKNOWN_PROBLEM);
    ck_assert_int_eq(
            rue_decide(client, "colour", &question, &answer), RUE_INVALID);
    ck_assert_int_eq(rue_decide(client, "colour", &huge, &answer), RUE_INVALID);
    ck_assert_ptr_nonnull(strstr(rue_error(client), "bytes, at most"));
    ck_assert_int_eq(
            rue_feedback(client, "colour", "e1", 2.0, NULL, NULL), RUE_INVALID);
    ck_assert_int_eq(rue_feedback(client, "colour", "e1\n", 1.0, NULL, NULL),
            RUE_INVALID);
    ck_assert_int_eq(
            rue_activate(client, "colour", "e1", NULL), RUE_UNKNOWN_EVENT);
    ck_assert_double_eq(number_of(client, "colour", "decisions"), 0.0);
    ck_assert_double_eq(number_of(client, "colour", "feedbacks"), 0.0);
    rue_close(client);
}
END_TEST

START_TEST(deferred_events_wait_for_activation)
{
    rue_client *client = open_with(16, 4);
    rue_question question = {
            .event = "e1", .context = half, .context_count = 1, .deferred = 1};
    rue_answer answer;
    rue_receipt receipt;

    ck_assert_int_eq(rue_decide(client, "colour", &question, &answer), RUE_OK);
    ck_assert_int_eq(
            rue_feedback(client, "colour", "e1", 1.0, NULL, &receipt), RUE_OK);
    ck_assert(receipt.held);
    ck_assert_double_eq(number_of(client, "colour", "learned"), 0.0);
    ck_assert_int_eq(rue_activate(client, "colour", "e1", NULL), RUE_OK);
    ck_assert_double_eq(number_of(client, "colour", "learned"), 1.0);
    rue_close(client);
}
END_TEST

START_TEST(defaults_fall_due)
{
    rue_client *client = open_with(16, 4);
    rue_answer answer;

    ck_assert_int_eq(decide(client, "e1", half, &answer), RUE_OK);
    now_ns += 5 * MS;
    ck_assert_int_eq(decide(client, "e2", half, &answer), RUE_OK);
    ck_assert_int_eq(
            rue_feedback(client, "colour", "e2", 1.0, NULL, NULL), RUE_OK);
    ck_assert_int_eq(
            rue_feedback(client, "colour", "orphan", 1.0, NULL, NULL), RUE_OK);
    now_ns += 4 * MS;
    ck_assert_uint_eq(rue_poll(client, 0), 0);
    ck_assert_double_eq(number_of(client, "colour", "expired"), 0.0);
    now_ns += 1 * MS;
    ck_assert_uint_eq(rue_poll(client, 0), 0);
    ck_assert_double_eq(number_of(client, "colour", "expired"), 1.0);
    ck_assert_double_eq(number_of(client, "colour", "value_sum"), 1.25);
    now_ns += 20 * MS;
    ck_assert_double_eq(number_of(client, "colour", "orphans_expired"), 1.0);
    ck_assert_double_eq(number_of(client, "colour", "expired"), 1.0);
    /* Late feedback corrects the default. */
    ck_assert_int_eq(
            rue_feedback(client, "colour", "e1", 0.75, NULL, NULL), RUE_OK);
    ck_assert_double_eq(number_of(client, "colour", "value_sum"), 1.75);
    rue_close(client);
}
END_TEST

START_TEST(old_events_are_forgotten)
{
    rue_client *client = open_with(2, 4);
    rue_answer answer;
    rue_receipt receipt;

    ck_assert_int_eq(decide(client, "e1", half, &answer), RUE_OK);
    ck_assert_int_eq(decide(client, "e2", half, &answer), RUE_OK);
    ck_assert_int_eq(decide(client, "e3", half, &answer), RUE_OK);
    ck_assert_int_eq(
            rue_feedback(client, "colour", "e2", 1.0, NULL, &receipt), RUE_OK);
    ck_assert(!receipt.held);
    ck_assert_int_eq(
            rue_feedback(client, "colour", "e1", 1.0, NULL, &receipt), RUE_OK);
    ck_assert(receipt.held);
    rue_close(client);
}
END_TEST

START_TEST(numbers_are_predicted)
{
    rue_client *client = open_with(16, 4);
    rue_question question = {.context = half, .context_count = 1};
    rue_answer answer;

    ck_assert_int_eq(rue_decide(client, "price", &question, &answer), RUE_OK);
    ck_assert(answer.has_prediction);
    ck_assert_uint_eq(answer.count, 0);
    rue_close(client);
}
END_TEST

/* ---- sending ---- */

struct seen {
    rue_client *client;
    unsigned count;
    uint32_t chosen[8];
    rue_status status;
};

static void note(void *self, const rue_reply *reply)
{
    struct seen *seen = self;

    seen->status = reply->status;
    if (reply->answer_count == 1) {
        rue_question question = {.context = half, .context_count = 1};
        rue_request again = {.problem = "colour",
                .questions = &question,
                .question_count = 1};
        const char *before = reply->answers[0].action;
        char copy[16];
        (void)snprintf(copy, sizeof(copy), "%s", before);
        /* What the callback looks at stays, though it sends. */
        if (seen->client != NULL)
            ck_assert_int_eq(
                    rue_send(seen->client, &again, NULL, NULL), RUE_OK);
        ck_assert_str_eq(before, copy);
        seen->chosen[seen->count] = reply->answers[0].chosen;
    }
    seen->count++;
}

START_TEST(what_is_sent_is_answered_at_the_poll)
{
    rue_client *client = open_with(16, 3);
    struct seen seen = {.client = client};
    rue_question questions[3];
    rue_request request = {.problem = "colour", .question_count = 1};
    rue_answer answer;

    for (unsigned i = 0; i < 3; i++) {
        static const char *const events[] = {"a", "b", "c"};
        questions[i] = (rue_question){
                .event = events[i], .context = half, .context_count = 1};
        request.questions = &questions[i];
        ck_assert_int_eq(rue_send(client, &request, note, &seen), RUE_OK);
    }
    ck_assert_uint_eq(rue_in_flight(client), 3);
    ck_assert_int_eq(rue_send(client, &request, note, &seen), RUE_BUSY);
    ck_assert_uint_eq(seen.count, 0);
    ck_assert_uint_eq(rue_poll(client, 0), 3);
    ck_assert_uint_eq(seen.count, 3);
    /* The callbacks sent three more. */
    ck_assert_uint_eq(rue_in_flight(client), 3);
    ck_assert_uint_eq(rue_poll(client, 0), 3);
    ck_assert_uint_eq(rue_in_flight(client), 0);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(
                rue_decide(client, "colour", &questions[i], &answer), RUE_OK);
        ck_assert(answer.repeated);
        ck_assert_uint_eq(answer.chosen, seen.chosen[i]);
    }
    request.problem = "nobody";
    seen.client = NULL;
    ck_assert_int_eq(rue_send(client, &request, note, &seen), RUE_OK);
    request.problem = NULL;
    ck_assert_int_eq(rue_send(client, &request, note, &seen), RUE_INVALID);
    ck_assert_uint_eq(rue_in_flight(client), 1);
    ck_assert_uint_eq(rue_poll(client, 0), 1);
    ck_assert_int_eq(seen.status, RUE_UNKNOWN_PROBLEM);
    rue_close(client);
}
END_TEST

/* ---- opening ---- */

static void refused(const rue_local_options *options, const char *sentence)
{
    char error[256] = "";

    ck_assert_ptr_null(rue_open_local(options, error, sizeof(error)));
    ck_assert_msg(strstr(error, sentence) != NULL, "%s", error);
}

START_TEST(wrong_options_are_refused)
{
    rue_local_options options;

    refused(NULL, "configuration");
    rue_local_options_init(&options);
    refused(&options, "configuration");
    options.config = "problems:\n  - name: a\n    colour: red\n";
    refused(&options, "config:3");
    options.config_file = "/nowhere/at/all.yaml";
    refused(&options, "either as text or as a file");
    options.config = NULL;
    refused(&options, "/nowhere/at/all.yaml");
    options.config_file = NULL;
    options.config = config;
    options.events_max = 0;
    refused(&options, "events_max");
    options.events_max = 1;
    options.in_flight_max = 65537;
    refused(&options, "in_flight_max");
    options.in_flight_max = 1;
    options.store = "/proc/no/such/place";
    refused(&options, "/proc/no/such/place");
    ck_assert_ptr_null(rue_open_local(&options, NULL, 0));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("memory");
    TCase *tests = tcase_create("memory");

    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, decides_and_learns);
    tcase_add_test(tests, ids_are_made);
    tcase_add_test(tests, an_event_is_one_event);
    tcase_add_test(tests, bad_input_changes_nothing);
    tcase_add_test(tests, deferred_events_wait_for_activation);
    tcase_add_test(tests, defaults_fall_due);
    tcase_add_test(tests, old_events_are_forgotten);
    tcase_add_test(tests, numbers_are_predicted);
    tcase_add_test(tests, what_is_sent_is_answered_at_the_poll);
    tcase_add_test(tests, wrong_options_are_refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
