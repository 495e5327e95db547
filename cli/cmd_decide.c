#include "cli/connect.h"
#include "cli/options.h"

#include "base/limits.h"
#include "base/units.h"

#include <getopt.h> /* optind */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
        "usage: rue decide PROBLEM [--context X,Y,...] [--actions A,B,...]\n"
        "                  [--features ROW;ROW;...] [--exclude PLACE,...]\n"
        "                  [--groups G,...] [--named SPACE.NAME=VALUE]...\n"
        "                  [--baseline PLACE] [--event ID] [--deferred]\n"
        "                  [--experts] [--connect ENDPOINT] [--timeout MS]\n"
        "                  [--json]\n"
        "\n"
        "Asks a running service for one decision: an action, two to show, a\n"
        "path or a prediction, as the problem is configured.\n"
        "\n"
        "  --context X,Y,...   dense columns of the context\n"
        "  --actions A,B,...   ids of the actions; without it the catalogue\n"
        "  --features R;R;...  dense columns of each action, rows like X,Y\n"
        "  --exclude PLACE,... actions that may not be chosen, by place\n"
        "  --groups G,...      groups that the client names\n"
        "  --named NAME=VALUE  a named feature: a number or a word\n"
        "  --baseline PLACE    what would be done without rue\n"
        "  --event ID          idempotency key; without it one is made\n"
        "  --deferred          counts only after it is activated\n"
        "  --experts           also what each expert said\n"
        "  --connect ENDPOINT  default " CONNECT_ENDPOINT "\n"
        "  --timeout MS        default 2000\n"
        "  --json              one JSON object\n"
        "\n"
        "Examples:\n"
        "  rue decide demo --context 0.3,0.7\n"
        "  rue decide commute --exclude 4     a path without the edge 4\n";

#define NUMBERS_MAX 65536u

struct decide_command {
    const char *problem, *endpoint;
    uint64_t timeout_ms;
    bool json;
    rue_question question;
    double context[COLUMNS_MAX];
    double features[NUMBERS_MAX];
    const char *actions[ACTIONS_MAX];
    uint32_t excluded[ACTIONS_MAX];
    const char *groups[GROUPS_MAX];
    rue_named named[NAMED_MAX];
};

/* ---- reading lists ---- */

static bool take_numbers(const char *option, char *text, double *numbers,
        size_t max, size_t *count)
{
    char *rest = text, *word;

    *count = 0;
    while ((word = strsep(&rest, ",")) != NULL) {
        if (*count == max) {
            (void)cli_usage("decide", "%s: too many numbers", option);
            return false;
        }
        if (!cli_number("decide", option, word, &numbers[*count]))
            return false;
        (*count)++;
    }
    return true;
}

static bool take_features(void *target, const char *option, char *text)
{
    struct decide_command *command = target;
    rue_question *question = &command->question;
    char *rest = text, *row;
    size_t used = 0;

    question->action_features = command->features;
    question->action_rows = 0;
    while ((row = strsep(&rest, ";")) != NULL) {
        size_t columns;
        if (!take_numbers(option, row, command->features + used,
                    NUMBERS_MAX - used, &columns))
            return false;
        if (question->action_rows > 0 && columns != question->action_columns) {
            (void)cli_usage("decide", "%s: rows differ in length", option);
            return false;
        }
        question->action_columns = columns;
        question->action_rows++;
        used += columns;
    }
    return true;
}

static bool take_excluded(void *target, const char *option, char *text)
{
    struct decide_command *command = target;
    char *rest = text, *word;

    command->question.excluded = command->excluded;
    while ((word = strsep(&rest, ",")) != NULL) {
        uint64_t place;
        if (!cli_count("decide", option, word, &place))
            return false;
        if (place >= ACTIONS_MAX ||
                command->question.excluded_count == ACTIONS_MAX) {
            (void)cli_usage("decide", "%s: too many or too large", option);
            return false;
        }
        command->excluded[command->question.excluded_count++] = (uint32_t)place;
    }
    return true;
}

/* SPACE.NAME=VALUE, NAME=VALUE */
static bool take_named(void *target, const char *option, char *text)
{
    struct decide_command *command = target;
    rue_named *named = &command->named[command->question.named_count];
    char *value = strchr(text, '='), *dot = strchr(text, '.');

    if (value == NULL || command->question.named_count == NAMED_MAX) {
        (void)cli_usage(
                "decide", "%s: NAME=VALUE, at most %u", option, NAMED_MAX);
        return false;
    }
    *value++ = '\0';
    if (dot != NULL && dot < value) {
        *dot++ = '\0';
        named->space = text;
        named->name = dot;
    } else {
        named->name = text;
    }
    if (!number_parse(bytes_of_text(value), &named->value))
        named->text = value;
    command->question.named = command->named;
    command->question.named_count++;
    return true;
}

/* ---- printing ---- */

/* The word before an action of the ranking: a duel shows two. */
static const char *word_of(const rue_answer *answer, size_t i)
{
    if (answer->pair_probability > 0.0)
        return i < 2 ? "show" : "    ";
    return i == 0 ? "take" : "    ";
}

static void print_path(const rue_answer *answer)
{
    if (answer->path_count == 0)
        return;
    for (size_t i = 0; i < answer->path_count; i++)
        printf("walk %-4u %s\n", answer->path[i], answer->edges[i]);
    printf("path of probability %.6f\n", answer->path_probability);
}

static void print_place(const rue_answer *answer, size_t i)
{
    printf("%s %-4u %-24s %.6f", word_of(answer, i), answer->ranking[i],
            answer->actions[i], answer->probability[i]);
    if (answer->values != NULL)
        printf("  %.10g", answer->values[i]);
    printf("\n");
}

static void print_text(const rue_answer *answer)
{
    printf("event %s%s\n", answer->event,
            answer->repeated ? " (decided before)" : "");
    print_path(answer);
    if (answer->has_prediction)
        printf("prediction %.10g\n", answer->prediction);
    for (size_t i = 0; i < answer->count; i++)
        print_place(answer, i);
    if (answer->pair_probability > 0.0)
        printf("pair of probability %.6f\n", answer->pair_probability);
    if (answer->limit > 0.0)
        printf("give up at %.10g\n", answer->limit);
    if (answer->guard > 0)
        printf("guard: %s\n",
                answer->guard == 1 ? "a trial might cost too much"
                                   : "no other action may be better");
    for (size_t i = 0; i < answer->expert_count; i++)
        printf("expert %-24s weight %.6f  predicts %.6g\n",
                answer->experts[i].group, answer->experts[i].weight,
                answer->experts[i].prediction);
    printf("by %s, generation %" PRIu64 ", version %" PRIu64 "\n",
            answer->policy, answer->generation, answer->policy_version);
}

static json_t *json_place(const rue_answer *answer, size_t i)
{
    json_t *place = json_pack("{s:i, s:s, s:f}", "place",
            (int)answer->ranking[i], "action", answer->actions[i],
            "probability", answer->probability[i]);

    if (answer->values != NULL)
        (void)json_object_set_new(place, "value", json_real(answer->values[i]));
    return place;
}

static void json_add_path(json_t *all, const rue_answer *answer)
{
    json_t *path = json_array();

    for (size_t i = 0; i < answer->path_count; i++)
        (void)json_array_append_new(path,
                json_pack("{s:i, s:s}", "place", (int)answer->path[i], "edge",
                        answer->edges[i]));
    (void)json_object_set_new(all, "path", path);
    (void)json_object_set_new(
            all, "path_probability", json_real(answer->path_probability));
}

static void print_json(const rue_answer *answer)
{
    json_t *ranking = json_array(), *experts = json_array();
    json_t *all;

    for (size_t i = 0; i < answer->count; i++)
        (void)json_array_append_new(ranking, json_place(answer, i));
    for (size_t i = 0; i < answer->expert_count; i++)
        (void)json_array_append_new(experts,
                json_pack("{s:s, s:f, s:f}", "group", answer->experts[i].group,
                        "weight", answer->experts[i].weight, "prediction",
                        answer->experts[i].prediction));
    all = json_pack("{s:s, s:b, s:o, s:o, s:s, s:I, s:I}", "event",
            answer->event, "repeated", answer->repeated, "ranking", ranking,
            "experts", experts, "policy", answer->policy, "generation",
            (json_int_t)answer->generation, "policy_version",
            (json_int_t)answer->policy_version);
    if (answer->has_prediction)
        (void)json_object_set_new(
                all, "prediction", json_real(answer->prediction));
    if (answer->pair_probability > 0.0)
        (void)json_object_set_new(
                all, "pair_probability", json_real(answer->pair_probability));
    if (answer->limit > 0.0)
        (void)json_object_set_new(all, "limit", json_real(answer->limit));
    if (answer->guard > 0)
        (void)json_object_set_new(all, "guard", json_integer(answer->guard));
    if (answer->path_count > 0)
        json_add_path(all, answer);
    cli_print_json(all);
}

static int run(const struct decide_command *command)
{
    rue_client *client =
            connect_client("decide", command->endpoint, command->timeout_ms);
    rue_answer answer;
    rue_status status;

    if (client == NULL)
        return 1;
    status = rue_decide(client, command->problem, &command->question, &answer);
    if (status != RUE_OK)
        return connect_fail("decide", client, status);
    if (command->json)
        print_json(&answer);
    else
        print_text(&answer);
    rue_close(client);
    return 0;
}

static bool take_context(void *target, const char *option, char *text)
{
    struct decide_command *command = target;

    command->question.context = command->context;
    return take_numbers(option, text, command->context, COLUMNS_MAX,
            &command->question.context_count);
}

/* The words between commas; false and a usage message if there are more than
 * `max`. */
static bool take_words(const char *option, char *text, const char *words[],
        size_t max, size_t *count)
{
    char *rest = text, *word;

    *count = 0;
    while ((word = strsep(&rest, ",")) != NULL) {
        if (*count == max) {
            (void)cli_usage("decide", "%s: too many", option);
            return false;
        }
        words[(*count)++] = word;
    }
    return true;
}

static bool take_actions(void *target, const char *option, char *text)
{
    struct decide_command *command = target;

    command->question.actions = command->actions;
    return take_words(option, text, command->actions, ACTIONS_MAX,
            &command->question.action_count);
}

static bool take_groups(void *target, const char *option, char *text)
{
    struct decide_command *command = target;

    command->question.groups = command->groups;
    return take_words(option, text, command->groups, GROUPS_MAX,
            &command->question.group_count);
}

int cmd_decide(int argc, char **argv)
{
    static struct decide_command command;
    rue_question *question = &command.question;
    bool deferred = false, experts = false;
    const struct cli_option options[] = {
            CLI_CALL("context", take_context, &command),
            CLI_CALL("actions", take_actions, &command),
            CLI_CALL("features", take_features, &command),
            CLI_CALL("exclude", take_excluded, &command),
            CLI_CALL("groups", take_groups, &command),
            CLI_CALL("named", take_named, &command),
            CLI_COUNT32("baseline", &question->baseline, 0, ACTIONS_MAX - 1),
            CLI_TEXT("event", &question->event),
            CLI_FLAG("deferred", &deferred),
            CLI_FLAG("experts", &experts),
            CLI_TEXT("connect", &command.endpoint),
            CLI_TIMEOUT(&command.timeout_ms),
            CLI_FLAG("json", &command.json),
            CLI_HELP(help),
    };
    int status;

    memset(&command, 0, sizeof(command));
    command.endpoint = CONNECT_ENDPOINT;
    command.timeout_ms = 2000;
    question->baseline = ACTIONS_MAX;
    status = cli_options(options, ARRAY_COUNT(options), argc, argv);
    if (status >= 0)
        return status;
    if (optind + 1 != argc)
        return cli_usage("decide", "name the problem");
    question->has_baseline = question->baseline < ACTIONS_MAX;
    if (!question->has_baseline)
        question->baseline = 0;
    question->deferred = deferred;
    question->experts = experts;
    command.problem = argv[optind];
    return run(&command);
}
