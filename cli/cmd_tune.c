/* rue tune: a policy is chosen of many on the past of a log, and judged on what
 * came after. */
#include "base/text.h"
#include "cli/booster.h"
#include "cli/evaluation.h"
#include "cli/grid.h"
#include "cli/options.h"
#include "config/config.h"
#include "config/write.h"
#include "training/offline.h"

#include <errno.h>
#include <getopt.h> /* optind */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define GENERATIONS_MAX 1000u

static const char help[] =
        "usage: rue tune DIR --grid FILE [--problem NAME] [OPTION]...\n"
        "\n"
        "Tries every policy of a grid on the past part of a store's log, in\n"
        "one pass, chooses the one with the largest lower limit of its gain\n"
        "over the logged policy (limits of all candidates hold together:\n"
        "Bonferroni), and judges that one alone on the later part, which had\n"
        "no say in the choice. Where it is not proved better than the logged\n"
        "policy that is what it says. The service may be running.\n"
        "\n"
        "  --grid FILE       YAML, see below\n"
        "  --problem NAME    which one; needed where there are several\n"
        "  --past SHARE      of the decisions, that are chosen on (0.6)\n"
        "  --generations N   oracles that are trained in batches are trained\n"
        "                    anew after each N-th part of the decisions (10)\n"
        "  --alpha A         intervals hold with probability 1 - A (0.05)\n"
        "  --ess N           least effective sample size, on each part (500)\n"
        "  --from N          first record\n"
        "  --to N            last record\n"
        "  --out FILE        write a configuration of the problem with the\n"
        "                    chosen policy, if it is proved better\n"
        "  --anyway          write it though it is not\n"
        "  --json            one JSON object\n"
        "\n"
        "A grid is a list; each entry stands for all combinations of the lists\n"
        "in its `policy`, which is as in a configuration otherwise. Policies\n"
        "learn as in service; trees and pairwise begin untrained:\n"
        "  grid:\n"
        "    - name: ridge\n"
        "      policy:\n"
        "        oracle: ridge\n"
        "        explorer: squarecb\n"
        "        gamma_scale: [10, 30, 100]\n"
        "    - name: linear\n"
        "      policy: {oracle: linear, explorer: [epsilon, softmax]}\n"
        "\n"
        "Example:\n"
        "  rue tune /var/lib/rue --problem payments --grid grid.yaml \\\n"
        "    --out tuned.yaml && rue config check tuned.yaml\n";

struct tune_command {
    const char *directory, *grid, *out;
    struct tune_settings settings;
    bool anyway, json;
};

/* ---- words ---- */

/* Of a gain in the problem's units, the better end last. */
static struct interval in_units(
        const struct panel *panel, struct interval scaled)
{
    double a = panel_difference(panel, scaled.lower);
    double b = panel_difference(panel, scaled.upper);

    return (struct interval){fmin(a, b), fmax(a, b)};
}

/* What evaluate says of a policy of a panel. */
static void evaluated_of(const struct tune_command *command,
        const struct panel *panel, const struct panel_policy *policy,
        struct evaluated *out, char *reason, size_t size)
{
    struct evaluation evaluation = EVALUATION_DEFAULT;

    evaluation.settings = command->settings.panel;
    evaluation.limits = command->settings.limits;
    evaluate_policy(panel, &evaluation, policy, 0, out);
    evaluation_reason(panel, &evaluation, out, reason, size);
}

/* Candidates by their lower limits, what cannot be ranked last. */
static void sort_candidates(const struct tune *tune, uint32_t *order)
{
    for (uint32_t i = 0; i < tune->count; i++) {
        const struct tune_gain *gain = &tune->gains[i];
        uint32_t at = i;
        for (; at > 0; at--) {
            const struct tune_gain *other = &tune->gains[order[at - 1]];
            if (other->ranked &&
                    (!gain->ranked ||
                            other->limits.lower >= gain->limits.lower))
                break;
            if (!other->ranked && !gain->ranked)
                break;
            order[at] = order[at - 1];
        }
        order[at] = i;
    }
}

static const char *verdict_of(const struct tune *tune)
{
    if (!tune->has_choice)
        return "no candidate can be judged on the past";
    if (tune->proved)
        return "proved better than the logged policy";
    return tune->gain.ranked
            ? "not proved better than the logged policy"
            : "not proved better than the logged policy: the future part "
              "cannot tell";
}

/* ---- the configuration ---- */

static const struct problem_spec *chosen_spec(const struct tune *tune)
{
    return tune_on_future(tune)->spec;
}

/* What was written is read again: it must be the same problem. */
static int check_written(
        const struct problem_spec *spec, struct bytes text, struct err *err)
{
    struct config *config = config_parse("the configuration", text, err);
    const struct problem_spec *again;
    bool same;

    if (config == NULL)
        return (int)err->status;
    again = config_problem(config, spec->name);
    same = again != NULL && again->state_digest == spec->state_digest &&
            again->shape_digest == spec->shape_digest &&
            again->text.size == spec->text.size;
    config_free(config);
    return same ? 0
                : err_set(err, STATUS_INTERNAL,
                          "the configuration is not the candidate's");
}

static int write_text(const struct tune *tune, FILE *out, struct err *err)
{
    const struct problem_spec *spec = chosen_spec(tune);
    char comment[1024], name[ID_BYTES_MAX + 1];
    struct interval gain = in_units(&tune->future, tune->gain.limits);

    (void)snprintf(comment, sizeof(comment),
            "# Of rue tune: '%s', chosen of %u candidates on records %" PRIu64
            " to %" PRIu64 " of problem '%s'.\n# On records %" PRIu64
            " to %" PRIu64 " its gain a decision over the logged policy is "
            "%+.4g, between %+.4g and %+.4g:\n# %s.\n",
            tune_on_future(tune)->name, tune->count, tune->past.settings.from,
            tune->past.settings.last,
            bytes_text(spec->name, name, sizeof(name)), tune->split,
            tune->future.settings.last,
            panel_difference(&tune->future, tune->gain.mean), gain.lower,
            gain.upper, verdict_of(tune));
    return config_write_problem(out, comment, spec->name, spec->text, err);
}

static int save(const char *path, struct bytes text, struct err *err)
{
    FILE *out = fopen(path, "w");
    bool written;

    if (out == NULL)
        return err_set(err, STATUS_IO, "%s: %s", path, strerrordesc_np(errno));
    written = fwrite(text.data, 1, text.size, out) == text.size;
    if (fclose(out) != 0 || !written)
        return err_set(err, STATUS_IO, "%s: cannot be written", path);
    return 0;
}

static bool is_written(
        const struct tune_command *command, const struct tune *tune)
{
    return command->out != NULL && tune->has_choice &&
            (tune->proved || command->anyway);
}

static int write_config(const struct tune_command *command,
        const struct tune *tune, struct err *err)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    int status;

    if (memory == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    status = write_text(tune, memory, err);
    if (fclose(memory) != 0 && status == 0)
        status = err_set(err, STATUS_INTERNAL, "no memory");
    if (status == 0)
        status = check_written(chosen_spec(tune), bytes_of(text, size), err);
    if (status == 0)
        status = save(command->out, bytes_of(text, size), err);
    free(text);
    return status;
}

/* ---- text ---- */

static void print_candidates(
        const struct tune_command *command, const struct tune *tune)
{
    uint32_t order[TUNE_CANDIDATES_MAX];

    sort_candidates(tune, order);
    printf("\nrank       gain     at least       ess  candidate, on the past\n");
    for (uint32_t i = 0; i < tune->count; i++) {
        const struct tune_gain *gain = &tune->gains[order[i]];
        struct evaluated at;
        char reason[768], rank[12] = "-";
        evaluated_of(command, &tune->past, tune_on_past(tune, order[i]), &at,
                reason, sizeof(reason));
        if (gain->ranked)
            (void)snprintf(rank, sizeof(rank), "%u", i + 1);
        printf("%4s  %+9.4g  %+11.4g  %8.0f  %s\n", rank,
                panel_difference(&tune->past, gain->mean),
                panel_difference(&tune->past, gain->limits.lower),
                at.support.design_ess, at.policy->name);
        if (!gain->ranked)
            printf("      REFUSED: %s\n",
                    reason[0] != '\0' ? reason : "too few rows");
    }
}

static void print_choice(
        const struct tune_command *command, const struct tune *tune)
{
    double percent = 100.0 * (1.0 - command->settings.panel.alpha);
    struct evaluated chosen, logged;
    struct interval gain;
    char reason[768], unused[768];

    if (!tune->has_choice)
        return;
    evaluated_of(command, &tune->future, tune_on_future(tune), &chosen, reason,
            sizeof(reason));
    evaluated_of(command, &tune->future, &tune->future.policies[0], &logged,
            unused, sizeof(unused));
    gain = in_units(&tune->future, tune->gain.limits);
    printf("\nchosen     %s\n", chosen.policy->name);
    printf("future     %" PRIu64 " rows that had no say; the log %s %.6g\n",
            tune->future.rows,
            tune->future.spec->policy.range.minimise ? "cost" : "earned",
            logged.estimate[OPE_DR].value);
    printf("value      %.6g  [%.6g, %.6g] (Cressie-Read, %g %%)\n",
            chosen.estimate[OPE_DR].value, chosen.cressie_read.lower,
            chosen.cressie_read.upper, percent);
    printf("gain       %+.4g  [%+.4g, %+.4g] (%g %%)\n",
            panel_difference(&tune->future, tune->gain.mean), gain.lower,
            gain.upper, percent);
    if (reason[0] != '\0')
        printf("REFUSED    %s\n", reason);
}

static void print_text(
        const struct tune_command *command, const struct tune *tune)
{
    const struct problem_spec *spec = tune->past.spec;
    char name[ID_BYTES_MAX + 1], time[TIME_TEXT_SIZE];

    time_write(tune->past.ended, time);
    printf("problem    %s: %s; %s is better\n",
            bytes_text(spec->name, name, sizeof(name)), spec->policy_name,
            spec->policy.range.minimise ? "less" : "more");
    printf("past       %" PRIu64 " rows of %" PRIu64
           " decisions, before record %" PRIu64 ", %s\n",
            tune->past.rows, tune->past.decisions, tune->split, time);
    printf("candidates %u, of which the past can rank %u\n", tune->count,
            tune->ranked);
    print_candidates(command, tune);
    print_choice(command, tune);
    printf("verdict    %s\n", verdict_of(tune));
    if (is_written(command, tune))
        printf("written    %s\n", command->out);
    else if (command->out != NULL)
        printf("written    nothing%s\n",
                tune->has_choice ? " (--anyway writes it)" : "");
}

/* ---- JSON ---- */

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *gain_json(
        const struct panel *panel, const struct tune_gain *gain)
{
    struct interval limits = in_units(panel, gain->limits);

    return json_pack("{s:o, s:o, s:o, s:b}", "gain",
            number(panel_difference(panel, gain->mean)), "error",
            number(fabs(panel_difference(panel, gain->error))), "limits",
            json_pack("[o, o]", number(limits.lower), number(limits.upper)),
            "ranked", gain->ranked);
}

static json_t *judged_json(const struct tune_command *command,
        const struct panel *panel, const struct panel_policy *policy,
        const struct tune_gain *gain)
{
    struct evaluated at;
    char reason[768];
    json_t *out = gain_json(panel, gain);

    evaluated_of(command, panel, policy, &at, reason, sizeof(reason));
    (void)json_object_set_new(out, "name", json_string(policy->name));
    (void)json_object_set_new(
            out, "policy", json_string(policy->spec->policy_name));
    (void)json_object_set_new(out, "design_ess", number(at.support.design_ess));
    (void)json_object_set_new(out, "value", number(at.estimate[OPE_DR].value));
    (void)json_object_set_new(out, "reason", json_string(reason));
    return out;
}

static json_t *tune_json(
        const struct tune_command *command, const struct tune *tune)
{
    json_t *candidates = json_array();
    json_t *choice = json_null();

    for (uint32_t i = 0; i < tune->count; i++)
        (void)json_array_append_new(candidates,
                judged_json(command, &tune->past, tune_on_past(tune, i),
                        &tune->gains[i]));
    if (tune->has_choice)
        choice = judged_json(
                command, &tune->future, tune_on_future(tune), &tune->gain);
    return json_pack("{s:o, s:I, s:I, s:I, s:I, s:o, s:o, s:b, s:s, s:o}",
            "problem", cli_json_text(tune->past.spec->name), "split",
            (json_int_t)tune->split, "past_rows", (json_int_t)tune->past.rows,
            "future_rows", (json_int_t)tune->future.rows, "ranked",
            (json_int_t)tune->ranked, "candidates", candidates, "choice",
            choice, "proved", tune->proved, "verdict", verdict_of(tune),
            "written",
            is_written(command, tune) ? json_string(command->out)
                                      : json_null());
}

/* ---- the whole ---- */

static void progress(void *self, const char *what, uint64_t done, uint64_t all)
{
    (void)self;
    cli_progress(what, done, all);
}

static int report(const struct tune_command *command, const struct tune *tune,
        struct err *err)
{
    int status =
            is_written(command, tune) ? write_config(command, tune, err) : 0;

    if (status != 0)
        return status;
    if (command->json)
        cli_print_json(tune_json(command, tune));
    else
        print_text(command, tune);
    return 0;
}

static int tune_grid(const struct tune_command *command, struct ledger *ledger,
        const struct grid *grid, struct err *err)
{
    struct tune *tune = calloc(1, sizeof(*tune));
    struct tune_settings settings = command->settings;
    char name[PANEL_NAME_SIZE];
    struct cli_booster booster;
    struct offline offline;
    uint32_t candidate;
    int status;

    if (tune == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    cli_booster_open(&booster);
    offline_open(&offline, ledger, &booster.booster);
    settings.panel.trainer = &offline.trainer;
    status = tune_run(tune, ledger, &settings, grid->candidates, grid->count,
            &candidate, err);
    cli_booster_close(&booster);
    if (status == 0)
        status = report(command, tune, err);
    else if (candidate < grid->count)
        (void)err_prefix(err, "%s:%u: candidate '%s'", command->grid,
                grid->line[candidate],
                bytes_text(
                        grid->candidates[candidate].name, name, sizeof(name)));
    tune_close(tune);
    free(tune);
    return status;
}

static int run(const struct tune_command *command)
{
    struct store_settings settings = {.read_only = true};
    static struct grid grid;
    struct ledger *ledger;
    struct err err;
    int status = grid_open(&grid, command->grid, &err);

    if (status == 0) {
        status = ledger_open(command->directory, &settings, &ledger, &err);
        if (status == 0) {
            status = tune_grid(command, ledger, &grid, &err);
            ledger_close(ledger);
        }
    }
    grid_close(&grid);
    return status == 0 ? 0 : cli_fail("tune", &err);
}

/* ---- options ---- */

int cmd_tune(int argc, char **argv)
{
    struct tune_command command = {.settings = {.panel = PANEL_SETTINGS_DEFAULT,
                                           .limits = SUPPORT_LIMITS_DEFAULT,
                                           .past = 0.6,
                                           .generations = 10}};
    struct panel_settings *panel = &command.settings.panel;
    const struct cli_option options[] = {
            CLI_TEXT("grid", &command.grid),
            CLI_BYTES("problem", &panel->problem),
            CLI_NUMBER("past", &command.settings.past, 0.0, 1.0),
            CLI_COUNT32("generations", &command.settings.generations, 1,
                    GENERATIONS_MAX),
            CLI_NUMBER("alpha", &panel->alpha, 0.0, 1.0),
            CLI_ANY_NUMBER("ess", &command.settings.limits.ess_ranking),
            CLI_ANY_COUNT("from", &panel->from),
            CLI_ANY_COUNT("to", &panel->last),
            CLI_TEXT("out", &command.out),
            CLI_FLAG("anyway", &command.anyway),
            CLI_FLAG("json", &command.json),
            CLI_HELP(help),
    };
    int status = cli_options(options, ARRAY_COUNT(options), argc, argv);

    if (status >= 0)
        return status;
    panel->times = 0;
    panel->progress = progress;
    if (optind + 1 != argc)
        return cli_usage("tune", "name the store's directory");
    if (command.grid == NULL)
        return cli_usage("tune", "--grid is missing");
    command.directory = argv[optind];
    return run(&command);
}
