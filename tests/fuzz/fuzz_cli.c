/* The arguments of `rue decide` and `rue feedback`, one a line; the first line
 * is the command. The client is replaced: what a command would ask of it is
 * compared with the arguments, packed as the client packs it, and decoded as
 * the service decodes it. */
#include "base/limits.h"
#include "base/units.h"
#include "cli/connect.h"
#include "client/internal.h"
#include "proto/wire.h"
#include "tests/fuzz/common.h"
#include "tests/fuzz/fuzz.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const uint32_t fuzz_mutations = 10000;

#define WORDS_MAX 64

static char *words[WORDS_MAX + 1];
static const char *kept[WORDS_MAX]; /* the words as they were given */
static int word_count;

/* ---- what is compared ---- */

/* The value of the last `--option` spelled in full, or NULL. */
static const char *last_value(const char *option)
{
    const char *value = NULL;

    for (int i = 1; i + 1 < word_count; i++) {
        if (strcmp(kept[i], "--") == 0)
            break;
        if (strcmp(kept[i], option) == 0)
            value = kept[i + 1];
    }
    return value;
}

static size_t count_of(const char *text, char separator)
{
    size_t count = 1;

    for (; *text != '\0'; text++)
        count += *text == separator;
    return count;
}

/* Only where no other argument can be taken for the option or its value. */
static bool plain_call(void)
{
    for (int i = 1; i < word_count; i++) {
        const char *word = kept[i];
        if (word[0] == '-' && (strchr(word, '=') != NULL || i % 2 == 0))
            return false;
        if (i % 2 == 1 && i + 1 < word_count &&
                strcmp(word, "--context") != 0 &&
                strcmp(word, "--features") != 0 &&
                strcmp(word, "--named") != 0 && strcmp(word, "--baseline") != 0)
            return false;
    }
    return word_count % 2 == 0;
}

static void check_named(const rue_question *question)
{
    size_t at = 0;

    for (int i = 1; i + 1 < word_count; i++) {
        const char *value;
        double number;
        if (strcmp(kept[i], "--named") != 0)
            continue;
        value = strchr(kept[i + 1], '=') + 1;
        if (number_parse(bytes_of_text(value), &number))
            CHECK(question->named[at].text == NULL &&
                    question->named[at].value == number);
        else
            CHECK(question->named[at].text != NULL &&
                    strcmp(question->named[at].text, value) == 0);
        at++;
    }
    CHECK(at == question->named_count);
}

static void check_question(const rue_question *question)
{
    const char *context = last_value("--context");
    const char *features = last_value("--features");
    const char *baseline = last_value("--baseline");
    double number = 0;

    if (!plain_call())
        return;
    if (context != NULL)
        CHECK(question->context_count == count_of(context, ','));
    if (features != NULL)
        CHECK(question->action_rows == count_of(features, ';'));
    if (baseline != NULL)
        CHECK(number_parse(bytes_of_text(baseline), &number) &&
                (double)question->baseline == number);
    check_named(question);
}

static void check_feedback(
        const struct feedback *feedback, const rue_report *report)
{
    const struct shown *shown = &feedback->shown;

    CHECK(feedback->value == report->value);
    CHECK(shown->position == report->position);
    CHECK(shown->has_place == (report->has_shown != 0));
    CHECK(shown->place == report->shown);
    CHECK(shown->propensity == report->propensity);
    CHECK(feedback->costs.count == report->cost_count);
    for (uint32_t i = 0; i < feedback->costs.count; i++)
        CHECK(feedback->costs.values[i] == report->costs[i]);
    CHECK(feedback->costs.full == (report->costs_full != 0));
    CHECK(feedback->cause == (enum cause)report->cause);
    CHECK(feedback->fields.count == report->field_count);
    CHECK(feedback->derived == (report->fields_only != 0));
    for (uint32_t i = 0; i < feedback->fields.count; i++) {
        const struct field *field = &feedback->fields.list[i];
        CHECK(bytes_equal(field->name, bytes_of_text(report->fields[i].name)));
        CHECK(field->value == report->fields[i].value);
    }
}

/* What the client packs the service reads; it may find that a word is not
 * UTF-8, which clients leave to it. */
static void check_packed(const rue_request *request)
{
    const struct errand none = {.kind = ERRAND_NONE};
    struct event_id_source ids = {1, 0};
    char error[CLIENT_ERROR_SIZE] = "";
    struct bytes packed;
    struct request read;
    struct err err;
    int status;

    if (!message_pack(
                request, 7, &none, &ids, 1, arena_fresh(0), &packed, error)) {
        CHECK(error[0] != '\0');
        return;
    }
    status = wire_request_decode(packed, arena_fresh(1), &read, &err);
    CHECK(status == 0 || status == STATUS_INVALID);
    if (status != 0)
        return;
    CHECK(read.id == 7 && read.decide_count == request->question_count);
    CHECK(read.feedback_count == request->report_count);
    CHECK(read.activate_count == request->activate_count);
    for (uint32_t i = 0; i < read.feedback_count; i++)
        check_feedback(&read.feedback[i], &request->reports[i]);
}

/* ---- the client ---- */

static int any_client;
static FILE *diagnostics; /* the real stderr */

/* What a command says goes nowhere, what a check says does not. */
static void check_call(const rue_request *request)
{
    FILE *nowhere = stderr;

    stderr = diagnostics;
    if (request->question_count == 1)
        check_question(request->questions);
    check_packed(request);
    stderr = nowhere;
}

rue_client *connect_client(
        const char *command, const char *endpoint, uint64_t timeout_ms)
{
    (void)timeout_ms;
    CHECK(command != NULL && endpoint != NULL);
    return (rue_client *)(void *)&any_client;
}

int connect_fail(const char *command, rue_client *client, rue_status status)
{
    (void)command;
    CHECK((void *)client == (void *)&any_client && status != RUE_OK);
    return 1;
}

void rue_close(rue_client *client)
{
    CHECK((void *)client == (void *)&any_client);
}

const char *rue_status_name(rue_status status)
{
    (void)status;
    return "OK";
}

rue_status rue_decide(rue_client *client, const char *problem,
        const rue_question *question, rue_answer *answer)
{
    rue_request request = {
            .problem = problem, .questions = question, .question_count = 1};

    (void)client;
    (void)answer;
    check_call(&request);
    return RUE_AWAY;
}

/* The costs of the last --costs, and no others. */
static void check_report(const rue_report *report)
{
    const char *costs = last_value("--costs");

    if (word_count == 5 && costs != NULL && strcmp(kept[3], "--costs") == 0)
        CHECK(report->cost_count == count_of(costs, ','));
}

rue_status rue_tell(rue_client *client, const char *problem,
        const rue_report *report, rue_receipt *receipt)
{
    rue_request request = {
            .problem = problem, .reports = report, .report_count = 1};

    (void)client;
    check_report(report);
    check_call(&request);
    *receipt = (rue_receipt){.status = RUE_OK, .message = ""};
    return RUE_OK;
}

rue_status rue_activate(rue_client *client, const char *problem,
        const char *event, rue_receipt *receipt)
{
    rue_request request = {
            .problem = problem, .activates = &event, .activate_count = 1};

    (void)client;
    check_call(&request);
    *receipt = (rue_receipt){.status = RUE_OK, .message = ""};
    return RUE_OK;
}

/* ---- the call ---- */

/* Cuts the text into words at line ends, twice: commands cut theirs further. */
static void cut(char *text, char *copy, size_t size)
{
    bool begins = true;

    word_count = 0;
    for (size_t i = 0; i < size; i++) {
        if (begins && word_count < WORDS_MAX) {
            words[word_count] = text + i;
            kept[word_count++] = copy + i;
        }
        begins = text[i] == '\n' || text[i] == '\0';
        if (begins)
            text[i] = copy[i] = '\0';
    }
    words[word_count] = NULL;
}

static int call(void)
{
    /* 0 also forgets where glibc's getopt was inside a word. */
    optind = 0;
    return strcmp(words[0], "feedback") == 0 ? cmd_feedback(word_count, words)
                                             : cmd_decide(word_count, words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *nowhere;
    FILE *out = stdout;
    char *text, *copy;
    int status;

    if (size == 0 || size > 65536)
        return 0;
    if (nowhere == NULL)
        nowhere = fopen("/dev/null", "w");
    text = calloc(1, size + 1);
    copy = calloc(1, size + 1);
    CHECK(text != NULL && copy != NULL && nowhere != NULL);
    memcpy(text, data, size);
    memcpy(copy, data, size);
    cut(text, copy, size);
    diagnostics = stderr;
    stdout = stderr = nowhere;
    status = call();
    stdout = out;
    stderr = diagnostics;
    CHECK(status >= 0 && status <= EXIT_USAGE);
    free(text);
    free(copy);
    return 0;
}
