/* rue explain: one decision, made again from the log. */
#include "base/text.h"
#include "cli/options.h"
#include "replay/explain.h"
#include "report/html.h"
#include "report/svg.h"
#include "service/engine/round.h"

#include <getopt.h> /* optind */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
        "usage: rue explain EVENT --store DIR [--problem NAME] [--top N]\n"
        "                   [--json | --html FILE]\n"
        "\n"
        "A decision of the log, made again with what the policy knew then: the\n"
        "actions with their probabilities (the recorded ones, and whether the\n"
        "policy gives the same), what each feature contributed to each score,\n"
        "the feedback that came and what it taught. Scores are predicted\n"
        "rewards on 0 to 1; contributions and base sum up to them\n"
        "(policies/contributions.h). The service may be running.\n"
        "\n"
        "  --store DIR     the store\n"
        "  --problem NAME  needed if the store has several\n"
        "  --top N         features of each action that are shown (default 8)\n"
        "  --json          one JSON object, with all of them\n"
        "  --html FILE     a page\n"
        "\n"
        "Example:\n"
        "  rue explain e1 --store /var/lib/rue --problem checkout\n";

#define ARENA_BYTES ((size_t)256 << 20)
#define NAME_SIZE   224
#define PAGE_TOP    24u /* features in a chart */
#define PAGE_LABEL  28u /* bytes of a name beside it */

struct explain_command {
    const char *event, *store, *problem, *html;
    uint64_t top;
    bool json;
    char only[ID_BYTES_MAX + 1]; /* the store's only problem */
    uint32_t problems;
};

static const char *action_name(
        const struct explained *explained, uint32_t index, char *out)
{
    struct bytes id = round_action_id(&explained->spec,
            &explained->decision.question, explained->decision.eligible[index]);

    return bytes_text(id, out, ID_BYTES_MAX + 1);
}

/* The features of an action, the largest contributions first. */
static uint32_t *by_size(const struct contributions *all)
{
    uint32_t *order = malloc((all->count + 1) * sizeof(*order));

    for (uint32_t i = 0; order != NULL && i < all->count; i++) {
        uint32_t at = i;
        for (; at > 0 &&
                fabs(all->list[order[at - 1]].value) < fabs(all->list[i].value);
                at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    return order;
}

static const char *outcome_name(const struct explained_outcome *outcome)
{
    return record_kind_name(outcome->kind);
}

/* ---- text ---- */

static void print_features(const struct explain_command *command,
        const struct explained *explained, uint32_t index)
{
    const struct contributions *all = &explained->actions[index];
    uint32_t *order = by_size(all);
    double rest = 0.0;

    printf("             %+9.6f  base\n", all->base);
    for (uint32_t i = 0; order != NULL && i < all->count; i++) {
        char name[NAME_SIZE];
        if (i >= command->top) {
            rest += all->list[order[i]].value;
            continue;
        }
        explain_feature_name(
                explained, index, &all->list[order[i]], name, sizeof(name));
        printf("             %+9.6f  %s\n", all->list[order[i]].value, name);
    }
    if (all->count > command->top)
        printf("             %+9.6f  %u others\n", rest,
                all->count - (uint32_t)command->top);
    free(order);
}

static void print_outcomes(const struct explained *explained)
{
    for (uint32_t i = 0; i < explained->outcome_count; i++) {
        const struct explained_outcome *outcome = &explained->outcomes[i];
        char time[TIME_TEXT_SIZE];
        time_write(outcome->time, time);
        printf("%-10s %s record %" PRIu64 " value %.10g: %s",
                outcome_name(outcome), time, outcome->sequence, outcome->value,
                effect_name(outcome->effect));
        if (outcome->taught)
            printf(", its score went from %.6f to %.6f", outcome->score_before,
                    outcome->score_after);
        putchar('\n');
    }
    if (explained->outcome_count == 0)
        puts("no feedback has come");
}

static const char *again_of(const struct explained *explained)
{
    if (explained->identical)
        return "identical: the same probabilities and the same draw";
    return explained->decision.imported
            ? "what the policy would have done; it was made elsewhere and "
              "imported"
            : "DIFFERENT from what was recorded (of a time that is not kept "
              "whole)";
}

static void print_text(const struct explain_command *command,
        const struct explained *explained)
{
    const struct decision_record *decision = &explained->decision;
    char time[TIME_TEXT_SIZE], name[ID_BYTES_MAX + 1];

    time_write(decision->head.time, time);
    printf("event      %s, record %" PRIu64 ", %s\npolicy     %s, version "
           "%" PRIu64 ", generation %" PRIu64 "\n",
            command->event, explained->sequence, time,
            explained->spec.policy_name, decision->policy_version,
            decision->generation);
    printf("again      %s\n", again_of(explained));
    for (uint32_t i = 0; i < decision->group_count; i++)
        printf("%s%.*s%s", i == 0 ? "groups     " : " ",
                (int)explained->spec.groups[decision->groups[i]].name.size,
                (const char *)explained->spec.groups[decision->groups[i]]
                        .name.data,
                i + 1 == decision->group_count ? "\n" : "");
    for (uint32_t i = 0; i < decision->count; i++) {
        printf("%s %-20s p %.6f", i == decision->chosen ? "took   " : "       ",
                action_name(explained, i, name), decision->probability[i]);
        if (explained->actions != NULL)
            printf("  score %.6f", explained->actions[i].score);
        putchar('\n');
        if (explained->actions != NULL)
            print_features(command, explained, i);
    }
    print_outcomes(explained);
}

/* ---- JSON ---- */

static json_t *json_features(const struct explained *explained, uint32_t index)
{
    const struct contributions *all = &explained->actions[index];
    json_t *list = json_array();

    for (uint32_t i = 0; i < all->count; i++) {
        char name[NAME_SIZE];
        explain_feature_name(
                explained, index, &all->list[i], name, sizeof(name));
        (void)json_array_append_new(list,
                json_pack("{s:o, s:f}", "feature",
                        cli_json_text(bytes_of_text(name)), "value",
                        all->list[i].value));
    }
    return list;
}

static json_t *json_actions(const struct explained *explained)
{
    const struct decision_record *decision = &explained->decision;
    json_t *list = json_array();

    for (uint32_t i = 0; i < decision->count; i++) {
        char name[ID_BYTES_MAX + 1];
        json_t *one = json_pack("{s:o, s:i, s:b, s:f, s:o}", "action",
                cli_json_text(bytes_of_text(action_name(explained, i, name))),
                "place", (int)decision->eligible[i], "chosen",
                i == decision->chosen, "probability", decision->probability[i],
                "again",
                explained->probability == NULL
                        ? json_null()
                        : json_real(explained->probability[i]));
        if (explained->actions != NULL) {
            (void)json_object_set_new(
                    one, "score", json_real(explained->actions[i].score));
            (void)json_object_set_new(
                    one, "base", json_real(explained->actions[i].base));
            (void)json_object_set_new(
                    one, "contributions", json_features(explained, i));
        }
        (void)json_array_append_new(list, one);
    }
    return list;
}

static json_t *json_outcomes(const struct explained *explained)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < explained->outcome_count; i++) {
        const struct explained_outcome *outcome = &explained->outcomes[i];
        json_t *one = json_pack("{s:s, s:I, s:I, s:s, s:f, s:f}", "kind",
                outcome_name(outcome), "sequence",
                (json_int_t)outcome->sequence, "time_ns",
                (json_int_t)outcome->time, "effect",
                effect_name(outcome->effect), "value", outcome->value, "after",
                outcome->after);
        if (outcome->taught) {
            (void)json_object_set_new(
                    one, "score_before", json_real(outcome->score_before));
            (void)json_object_set_new(
                    one, "score_after", json_real(outcome->score_after));
        }
        (void)json_array_append_new(list, one);
    }
    return list;
}

static void print_json(const struct explain_command *command,
        const struct explained *explained)
{
    cli_print_json(json_pack("{s:s, s:s, s:I, s:I, s:s, s:I, s:b, s:o, s:o}",
            "event", command->event, "problem", command->problem, "sequence",
            (json_int_t)explained->sequence, "time_ns",
            (json_int_t)explained->decision.head.time, "policy",
            explained->spec.policy_name, "policy_version",
            (json_int_t)explained->decision.policy_version, "identical",
            explained->identical, "actions", json_actions(explained),
            "outcomes", json_outcomes(explained)));
}

/* ---- a page ---- */

/* As long as fits beside a chart, between characters. */
static void cut_label(char *name)
{
    size_t cut = PAGE_LABEL;

    if (strlen(name) <= cut)
        return;
    while (cut > 0 && ((unsigned char)name[cut] & 0xC0u) == 0x80u)
        cut--;
    name[cut] = '\0';
}

/* What each feature added, the largest first, as bars. */
static void page_action(FILE *out, const struct explain_command *command,
        const struct explained *explained, uint32_t index)
{
    const struct contributions *all = &explained->actions[index];
    uint32_t *order = by_size(all);
    uint32_t shown = all->count < PAGE_TOP ? all->count : PAGE_TOP;
    char names[PAGE_TOP][NAME_SIZE], caption[ID_BYTES_MAX + 128];
    char name[ID_BYTES_MAX + 1];
    struct svg_bar bars[PAGE_TOP + 2];
    double rest = 0.0;

    if (order == NULL)
        return; /* no memory: the scores stand above */
    if (command->top < shown)
        shown = (uint32_t)command->top;
    bars[0] = (struct svg_bar){"base", all->base, (double)NAN, (double)NAN, 7};
    for (uint32_t i = 0; i < all->count; i++) {
        const struct contribution *at = &all->list[order[i]];
        if (i >= shown) {
            rest += at->value;
            continue;
        }
        explain_feature_name(explained, index, at, names[i], NAME_SIZE);
        cut_label(names[i]);
        bars[i + 1] = (struct svg_bar){names[i], at->value, (double)NAN,
                (double)NAN, at->value < 0.0 ? 1 : 0};
    }
    bars[shown + 1] =
            (struct svg_bar){"all others", rest, (double)NAN, (double)NAN, 7};
    (void)snprintf(caption, sizeof(caption),
            "%s%s: score %.4g, of what each feature adds to the base",
            action_name(explained, index, name),
            index == explained->decision.chosen ? " (taken)" : "", all->score);
    html_figure_begin(out, caption);
    svg_bars(out,
            &(struct svg_bars){.title = "contributions to the score",
                    .width = 460,
                    .label = "contribution to the predicted reward, 0 to 1",
                    .bars = bars,
                    .count = shown + (all->count > shown ? 2u : 1u),
                    .reference = (double)NAN});
    html_figure_end(out);
    free(order);
}

static int write_page(const struct explain_command *command,
        const struct explained *explained, struct err *err)
{
    static const char *const columns[] = {
            "action", "probability", "again", "score"};
    static const char *const outcome_columns[] = {
            "record", "value", "score before", "score after"};
    const struct decision_record *decision = &explained->decision;
    FILE *out = html_open(command->html, err);
    char time[TIME_TEXT_SIZE], name[ID_BYTES_MAX + 1];
    int status;

    if (out == NULL)
        return err->status;
    time_write(decision->head.time, time);
    html_begin(out, command->event, explained->spec.policy_name);
    html_paragraph(out, "Decided %s, record %" PRIu64 ". Made again: %s.", time,
            explained->sequence, again_of(explained));
    if (decision->chosen_only)
        html_paragraph(out,
                "The log it was imported from knows the probability of the "
                "action taken alone.");
    html_paragraph(
            out, "Taken: %s.", action_name(explained, decision->chosen, name));
    html_table_begin(out, columns, 4);
    for (uint32_t i = 0; i < decision->count; i++)
        html_row(out, action_name(explained, i, name),
                (const double[]){decision->chosen_only && i != decision->chosen
                                ? (double)NAN
                                : decision->probability[i],
                        explained->probability == NULL
                                ? (double)NAN
                                : explained->probability[i],
                        explained->actions == NULL
                                ? (double)NAN
                                : explained->actions[i].score},
                3);
    html_table_end(out);
    html_heading(out, "What came of it");
    html_table_begin(out, outcome_columns, 4);
    for (uint32_t i = 0; i < explained->outcome_count; i++) {
        const struct explained_outcome *outcome = &explained->outcomes[i];
        html_row(out, outcome_name(outcome),
                (const double[]){outcome->value,
                        outcome->taught ? outcome->score_before : (double)NAN,
                        outcome->taught ? outcome->score_after : (double)NAN},
                3);
    }
    html_table_end(out);
    if (explained->actions != NULL)
        html_heading(out, "Why: what each feature added");
    fputs("<div class=\"figures\">\n", out);
    for (uint32_t i = 0; explained->actions != NULL && i < decision->count; i++)
        page_action(out, command, explained, i);
    fputs("</div>\n", out);
    status = html_end(out, command->html, err);
    (void)fclose(out);
    return status;
}

/* ---- the whole ---- */

static int note_problem(void *self, struct bytes name, uint32_t number,
        uint64_t config, struct err *err)
{
    struct explain_command *command = self;

    (void)number;
    (void)config;
    (void)err;
    command->problems++;
    (void)bytes_text(name, command->only, sizeof(command->only));
    return 0;
}

static int only_problem(struct explain_command *command,
        struct ledger_reader *reader, struct err *err)
{
    int status;

    if (command->problem != NULL)
        return 0;
    status = ledger_reader_problems(reader, note_problem, command, err);
    if (status == 0 && command->problems != 1)
        return err_set(err, STATUS_INVALID,
                "the store has %u problems: name one (--problem)",
                command->problems);
    command->problem = command->only;
    return status;
}

static int explain_with(struct explain_command *command,
        struct ledger_reader *reader, struct arena *arena, struct err *err)
{
    static struct explained explained;
    int status = only_problem(command, reader, err);

    if (status == 0)
        status = explain_event(reader, bytes_of_text(command->problem),
                bytes_of_text(command->event), arena, &explained, err);
    if (status == 0 && command->html != NULL)
        status = write_page(command, &explained, err);
    else if (status == 0 && command->json)
        print_json(command, &explained);
    else if (status == 0)
        print_text(command, &explained);
    explain_close(&explained);
    return status;
}

static int run(struct explain_command *command, struct err *err)
{
    struct store_settings settings = {.read_only = true};
    struct arena arena = arena_over(malloc(ARENA_BYTES), ARENA_BYTES);
    struct ledger_reader reader;
    struct ledger *ledger;
    int status = arena.data == NULL
            ? err_set(err, STATUS_INTERNAL, "no memory")
            : ledger_open(command->store, &settings, &ledger, err);

    if (status == 0) {
        status = ledger_reader_open(ledger, &reader, err);
        if (status == 0) {
            status = explain_with(command, &reader, &arena, err);
            ledger_reader_close(&reader);
        }
        ledger_close(ledger);
    }
    free(arena.data);
    return status;
}

int cmd_explain(int argc, char **argv)
{
    struct explain_command command = {.top = 8};
    const struct cli_option options[] = {
            CLI_TEXT("store", &command.store),
            CLI_TEXT("problem", &command.problem),
            CLI_ANY_COUNT("top", &command.top),
            CLI_FLAG("json", &command.json),
            CLI_TEXT("html", &command.html),
            CLI_HELP(help),
    };
    int status = cli_options(options, ARRAY_COUNT(options), argc, argv);
    struct err err = {STATUS_OK, ""};

    if (status >= 0)
        return status;
    if (optind + 1 != argc)
        return cli_usage("explain", "name the event");
    if (command.store == NULL)
        return cli_usage("explain", "--store: name the store's directory");
    command.event = argv[optind];
    return run(&command, &err) == 0 ? 0 : cli_fail("explain", &err);
}
