#include "cli/sim_generations.h"

#include "cli/booster.h"
#include "cli/options.h"
#include "report/html.h"
#include "sim/drill_summary.h"
#include "sim/generations.h"
#include "sim/generations_page.h"
#include "training/child.h"

#include <getopt.h> /* optind */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POLICIES_MAX 24u
#define SEEDS_MAX    1000u
#define REFERENCE    "squarecb-w1"

static const char help_head[] =
        "usage: rue sim payments --generations N [--policy P]... [--rows N]\n"
        "               [--seeds N] [--seed FIRST] [--panel N] [--drift S]\n"
        "               [--outages] [--causes] [--noise N] [--late N] [--life]\n"
        "               [--trainer PROGRAM] [--json] [--html FILE]\n"
        "\n"
        "Plays retraining, generation by generation, in process: a policy\n"
        "serves N payments, the next model is trained on what the log\n"
        "remembers, and its exact value is computed on a panel of payments.\n"
        "All policies meet the same payments and the same luck. Generation 0\n"
        "is logged uniformly. " REFERENCE
        " is always played, to compare with.\n"
        "\n"
        "  --generations N     trained ones, 2 to 60\n"
        "  --rows N            payments of a generation; default 10000\n"
        "  --seeds N           worlds; default 3\n"
        "  --seed FIRST        seed of the first; default 1\n"
        "  --panel N           payments that values are computed on; 3000\n"
        "  --drift S           per generation, of issuer x acquirer; default 0\n"
        "  --outages           from generation 2 on an acquirer fails from 20 %\n"
        "                      to 70 % of each, by z - 2.5, altogether and by\n"
        "                      z - 2.0 in turn; a circuit breaker works below\n"
        "                      the policy, answers come 20 payments later\n"
        "  --causes            and answers say whose doing a failure is\n"
        "  --noise N           and N payments without outages at the end: does\n"
        "                      the breaker take a healthy acquirer out?\n"
        "  --late N            answers come N generations late; default 0\n"
        "  --life              declined payments are tried again over other\n"
        "                      routes, tries cost, chargebacks come: accounts\n"
        "                      in money\n"
        "  --trainer PROGRAM   default: rue-train beside this program\n"
        "  --json              one JSON object\n"
        "  --html FILE         also a page with charts, all in one file\n"
        "  --policy P          one of these, or P,option=value,... ; several\n"
        "                      times for several. Default: default and\n"
        "                      trees.\n";

static const char help_tail[] =
        "\n"
        "Example:\n"
        "  rue sim payments --generations 12 --seeds 3 --policy pairwise \\\n"
        "      --policy pairwise,informative=0.5,average=1\n";

struct session {
    const char *policy[POLICIES_MAX];
    uint32_t policy_count;
    uint64_t generations, rows, seeds, seed, panel;
    double drift;
    uint64_t noise;
    const char *trainer;
    uint64_t late;
    bool outages, causes, life, json;
    const char *html;
    struct generations_run *runs; /* [policy_count * seeds] */
};

bool sim_generations_wanted(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "--generations", 13) == 0)
            return true;
    return false;
}

static void print_help(void)
{
    fputs(help_head, stdout);
    for (size_t i = 0; generations_policies[i].name != NULL; i++)
        printf("      %-18s %s\n", generations_policies[i].name,
                generations_policies[i].sentence);
    fputs(help_tail, stdout);
}

/* ---- playing ---- */

static int play_all(struct session *command, const struct booster *booster)
{
    uint32_t done = 0;
    uint32_t all = command->policy_count * (uint32_t)command->seeds;

    for (uint32_t s = 0; s < command->seeds; s++)
        for (uint32_t p = 0; p < command->policy_count; p++) {
            struct generations_settings settings = {
                    .policy = command->policy[p],
                    .seed = (uint32_t)(command->seed + s),
                    .generations = (uint32_t)command->generations,
                    .rows = (uint32_t)command->rows,
                    .panel = (uint32_t)command->panel,
                    .drift = command->drift,
                    .outages = command->outages,
                    .causes = command->causes,
                    .noise = (uint32_t)command->noise,
                    .late = (uint32_t)command->late,
                    .life = command->life,
                    .booster = booster};
            struct err err;
            cli_progress("payments", done++, all);
            if (generations_play(&settings,
                        &command->runs[p * command->seeds + s], &err) != 0)
                return cli_fail("sim", &err);
        }
    cli_progress("payments", all, all);
    return 0;
}

/* ---- reports ---- */

static const struct generations_run *runs_of(
        const struct session *command, uint32_t policy)
{
    return command->runs + policy * command->seeds;
}

static void summarise(const struct session *command, uint32_t policy,
        struct generations_summary *summary, double *gain, double *gain_se)
{
    uint32_t seeds = (uint32_t)command->seeds;

    generations_summarise(runs_of(command, policy), seeds, summary);
    generations_difference(runs_of(command, policy), runs_of(command, 0), seeds,
            gain, gain_se);
}

static void print_kind(const struct drill_summary *s, const char *name)
{
    if (s->count == 0)
        return;
    printf("  outages, %s: %u, seen by the breaker %u; its payments until then "
           "%.0f, 95 %% within %.0f, all within %.0f; %.1f %% of its traffic "
           "kept; points lost without %.2f, with %.2f, told %.2f; excess %.3f; "
           "back after %.0f of all payments, at a price of %.1f approvals\n",
            name, s->count, s->opened, s->until_mean, s->until_95, s->until_max,
            100 * s->kept, s->lost_without, s->lost_with, s->lost_told,
            s->excess, s->until_closed, s->price);
}

static void print_drills(const struct session *command, uint32_t policy)
{
    struct drill_summary all;

    for (uint32_t k = 0; command->outages && k < DRILL_KINDS; k++) {
        struct drill_summary of_kind;
        drill_summarise(runs_of(command, policy), (uint32_t)command->seeds,
                (enum drill_kind)k, &of_kind);
        print_kind(&of_kind, drill_kind_name((enum drill_kind)k));
    }
    drill_summarise(runs_of(command, policy), (uint32_t)command->seeds,
            DRILL_ANY, &all);
    if (command->outages)
        printf("  healthy circuits opened beside outages: %u\n",
                all.false_openings);
    if (command->noise > 0)
        printf("  healthy circuits opened in %u payments of noise in each "
               "seed: %u\n",
                (unsigned)command->noise, all.noise_openings);
}

static void print_accounts(const struct session *command, uint32_t policy)
{
    struct generations_accounts accounts;
    const struct generation_account *mean = &accounts.mean;

    generations_account(runs_of(command, policy), runs_of(command, 0),
            (uint32_t)command->seeds, &accounts);
    printf("  approved after all tries %.2f %%, tries a payment %.3f; of 1,000 "
           "payments: fees %.2f, chargebacks %.2f, charged back %.2f, net "
           "%.2f (%.2f), over " REFERENCE " %+.2f (%.2f)\n",
            100 * mean->approved, mean->tries, 1000 * mean->fees,
            1000 * mean->chargebacks, 1000 * mean->charged_back,
            1000 * mean->net, 1000 * accounts.net_se, 1000 * accounts.gain,
            1000 * accounts.gain_se);
}

static void print_played(const struct session *command, uint32_t policy)
{
    if (command->life)
        print_accounts(command, policy);
    print_drills(command, policy);
}

static bool is_trained(const char *policy)
{
    enum generations_kind kind = generations_find(policy)->kind;

    return kind == GENERATIONS_TRAINED || kind == GENERATIONS_CONTROL;
}

static void print_policy(const struct session *command, uint32_t policy)
{
    struct generations_summary summary;
    double gain, gain_se;

    summarise(command, policy, &summary, &gain, &gain_se);
    printf("%s\n  V  ", command->policy[policy]);
    for (uint32_t g = 0; g <= command->generations; g++)
        printf(" %.2f", summary.v[g]);
    printf("\n  d21 %+.2f (%.2f), least %+.2f; falls > 0.05 %.1f %%, > 0.3 "
           "%.1f %%; worst %.2f; drawdown %.2f; odd - even %+.2f (%.2f)\n",
            summary.d21, summary.d21_se, summary.d21_least,
            100 * summary.drops_small, 100 * summary.drops_large,
            summary.worst_drop, summary.drawdown, summary.odd_even,
            summary.odd_even_se);
    printf("  V last - first %+.2f; mean V over " REFERENCE
           " %+.2f (%.2f); share of the gap %.1f %%, at generation 10 %.1f %%",
            summary.gain, gain, gain_se, 100 * summary.share_of_gap,
            100 * summary.share_of_gap_10);
    if (!is_trained(command->policy[policy])) {
        putchar('\n');
        print_played(command, policy);
        return;
    }
    printf(", without exploring %.1f %%\n",
            100 * summary.share_of_gap_greedy_10);
    printf("  bias of the top %+.1f -> %+.1f; distance %.2f; trained on %.0f "
           "rows, effective %.0f\n",
            summary.bias_first, summary.bias_last, summary.distance_last,
            summary.rows_last, summary.effective_last);
    printf("  gate: %.1f %% of candidates blocked, %.1f %% though better; "
           "estimates within 1.96 errors %.0f %%\n",
            100 * summary.blocked, 100 * summary.blocked_better,
            100 * summary.covered);
    print_played(command, policy);
}

static void print_text(const struct session *command)
{
    printf("payments: %u generations of %u, %u seeds from %u, drift %g; values "
           "in points of payments approved, (standard errors)\n",
            (unsigned)command->generations, (unsigned)command->rows,
            (unsigned)command->seeds, (unsigned)command->seed, command->drift);
    for (uint32_t p = 0; p < command->policy_count; p++)
        print_policy(command, p);
}

static json_t *json_numbers(const double *numbers, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(array, json_real(numbers[i]));
    return array;
}

static json_t *json_drill(const struct drill_summary *s)
{
    return json_pack("{s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, "
                     "s:f, s:I}",
            "outages", (json_int_t)s->count, "opened", (json_int_t)s->opened,
            "own_payments_mean", s->until_mean, "own_payments_95", s->until_95,
            "own_payments_max", s->until_max, "traffic_kept", s->kept,
            "points_lost_without", s->lost_without, "points_lost_with",
            s->lost_with, "points_lost_told", s->lost_told, "excess", s->excess,
            "payments_until_closed", s->until_closed, "price", s->price,
            "false_openings", (json_int_t)s->false_openings);
}

/* By kind of outage, and all. */
static json_t *json_drills(const struct session *command, uint32_t policy)
{
    json_t *drills = json_object();

    for (int k = 0; command->outages && k <= (int)DRILL_ANY; k++) {
        struct drill_summary s;
        drill_summarise(runs_of(command, policy), (uint32_t)command->seeds,
                (enum drill_kind)k, &s);
        (void)json_object_set_new(drills,
                k == (int)DRILL_ANY ? "all"
                                    : drill_kind_name((enum drill_kind)k),
                json_drill(&s));
    }
    return drills;
}

/* Per payment. */
static json_t *json_accounts(const struct session *command, uint32_t policy)
{
    struct generations_accounts accounts;
    const struct generation_account *mean = &accounts.mean;

    generations_account(runs_of(command, policy), runs_of(command, 0),
            (uint32_t)command->seeds, &accounts);
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}",
            "approved", mean->approved, "tries", mean->tries, "fees",
            mean->fees, "chargebacks", mean->chargebacks, "charged_back",
            mean->charged_back, "net", mean->net, "net_se", accounts.net_se,
            "net_vs_w1", accounts.gain, "net_vs_w1_se", accounts.gain_se);
}

static json_t *json_policy(const struct session *command, uint32_t policy)
{
    struct generations_summary s;
    double gain, gain_se;
    json_t *value;

    summarise(command, policy, &s, &gain, &gain_se);
    value = json_pack(
            "{s:o, s:o, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, "
            "s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, "
            "s:f, s:f}",
            "v", json_numbers(s.v, command->generations + 1), "v_se",
            json_numbers(s.v_se, command->generations + 1), "d21", s.d21,
            "d21_se", s.d21_se, "d21_least", s.d21_least, "drops_0.05",
            s.drops_small, "drops_0.3", s.drops_large, "worst_drop",
            s.worst_drop, "drawdown", s.drawdown, "odd_minus_even", s.odd_even,
            "odd_minus_even_se", s.odd_even_se, "v_last_minus_first", s.gain,
            "mean_vs_w1", gain, "se", gain_se, "share_of_gap", s.share_of_gap,
            "share_of_gap_10", s.share_of_gap_10, "share_of_gap_greedy_10",
            s.share_of_gap_greedy_10, "bias_first", s.bias_first, "bias_last",
            s.bias_last, "distance", s.distance_last, "rows", s.rows_last,
            "effective", s.effective_last, "blocked", s.blocked,
            "blocked_better", s.blocked_better, "covered", s.covered);
    if (command->life)
        (void)json_object_set_new(
                value, "accounts", json_accounts(command, policy));
    if (command->outages)
        (void)json_object_set_new(
                value, "outages", json_drills(command, policy));
    if (command->noise > 0) {
        struct drill_summary all;
        drill_summarise(runs_of(command, policy), (uint32_t)command->seeds,
                DRILL_ANY, &all);
        (void)json_object_set_new(
                value, "noise_openings", json_integer(all.noise_openings));
    }
    return value;
}

static void print_json(const struct session *command)
{
    json_t *policies = json_object();

    for (uint32_t p = 0; p < command->policy_count; p++)
        (void)json_object_set_new(
                policies, command->policy[p], json_policy(command, p));
    cli_print_json(json_pack("{s:s, s:I, s:I, s:I, s:I, s:f, s:o}", "world",
            "payments", "generations", (json_int_t)command->generations, "rows",
            (json_int_t)command->rows, "seeds", (json_int_t)command->seeds,
            "seed", (json_int_t)command->seed, "drift", command->drift,
            "policies", policies));
}

static int write_page(const struct session *command)
{
    struct generations_settings settings = {.seed = (uint32_t)command->seed,
            .generations = (uint32_t)command->generations,
            .rows = (uint32_t)command->rows,
            .drift = command->drift,
            .outages = command->outages,
            .late = (uint32_t)command->late,
            .life = command->life};
    struct generations_page page = {.policies = command->policy_count,
            .seeds = (uint32_t)command->seeds,
            .name = command->policy,
            .runs = command->runs,
            .settings = &settings};
    struct err err;
    FILE *out = html_open(command->html, &err);
    int status;

    if (out == NULL)
        return cli_fail("sim", &err);
    generations_page(out, &page);
    status = html_end(out, command->html, &err);
    (void)fclose(out);
    return status == 0 ? 0 : cli_fail("sim", &err);
}

/* ---- arguments ---- */

static bool add_policy(struct session *command, const char *text)
{
    if (generations_find(text) == NULL) {
        (void)cli_usage("sim", "there is no policy '%s'", text);
        return false;
    }
    if (command->policy_count == POLICIES_MAX) {
        (void)cli_usage("sim", "more than %u policies", POLICIES_MAX);
        return false;
    }
    if (strcmp(text, REFERENCE) != 0)
        command->policy[command->policy_count++] = text;
    return true;
}

static bool take_policy(void *target, const char *option, char *text)
{
    (void)option;
    return add_policy(target, text);
}

static int run(struct session *command)
{
    char beside[4096];
    struct boost_child child;
    struct err err;
    int exit_status;

    cli_find_trainer(beside, sizeof(beside));
    command->runs = calloc(
            command->policy_count * command->seeds, sizeof(*command->runs));
    if (command->runs == NULL) {
        (void)err_set(&err, STATUS_INTERNAL, "no memory");
        return cli_fail("sim", &err);
    }
    if (boost_child_open(&child,
                command->trainer != NULL ? command->trainer : beside,
                &err) != 0) {
        free(command->runs);
        return cli_fail("sim", &err);
    }
    exit_status = play_all(command, &child.booster);
    boost_child_close(&child);
    if (exit_status == 0 && command->json)
        print_json(command);
    else if (exit_status == 0)
        print_text(command);
    if (exit_status == 0 && command->html != NULL)
        exit_status = write_page(command);
    free(command->runs);
    return exit_status;
}

int sim_generations(int argc, char **argv)
{
    struct session command = {.policy = {REFERENCE},
            .policy_count = 1,
            .generations = 12,
            .rows = 10000,
            .seeds = 3,
            .seed = 1,
            .panel = 3000};
    const struct cli_option options[] = {
            CLI_COUNT("generations", &command.generations, 2, GENERATIONS_MAX),
            CLI_CALL("policy", take_policy, &command),
            CLI_COUNT("rows", &command.rows, 100, 1000000),
            CLI_COUNT("seeds", &command.seeds, 1, SEEDS_MAX),
            CLI_COUNT("seed", &command.seed, 0, UINT32_MAX - SEEDS_MAX),
            CLI_COUNT("panel", &command.panel, 100, 1000000),
            CLI_ANY_NUMBER("drift", &command.drift),
            CLI_FLAG("outages", &command.outages),
            CLI_FLAG("causes", &command.causes),
            CLI_COUNT("noise", &command.noise, 1, 100000000),
            CLI_COUNT("late", &command.late, 0, 10),
            CLI_FLAG("life", &command.life),
            CLI_TEXT("trainer", &command.trainer),
            CLI_TEXT("html", &command.html),
            CLI_FLAG("json", &command.json),
            CLI_HELP_OF(print_help),
    };
    int status = cli_options(options, ARRAY_COUNT(options), argc, argv);

    if (status >= 0)
        return status;
    if (optind + 1 != argc || strcmp(argv[optind], "payments") != 0)
        return cli_usage("sim", "generations are of the world payments");
    if (!(command.drift >= 0.0 && command.drift <= 10.0))
        return cli_usage("sim", "--drift: 0 to 10");
    if (command.policy_count == 1 &&
            !(add_policy(&command, "default") && add_policy(&command, "trees")))
        return EXIT_USAGE;
    return run(&command);
}
