/* rue sim sor: what choosing a solver's parameter online saves. */
#include "cli/connect.h"
#include "cli/options.h"
#include "sim/tuning.h"
#include "sim/tuning_report.h"

#include <getopt.h> /* optind */
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char help_head[] =
        "usage: rue sim sor [--experiment low|high | --matrix FILE.mtx |\n"
        "                    --heat NX] [--solver sor|ssor-cg]\n"
        "                   [--policy NAME]... [--seeds N] [--seed N]\n"
        "                   [--rounds N] [--jobs N] [--connect ENDPOINT]\n"
        "                   [--problem NAME] [--timeout MS] [--html FILE] [--json]\n"
        "       rue sim sor --config [...]\n"
        "\n"
        "Solves a sequence of linear systems, choosing omega for each, and\n"
        "compares policies with baselines on the same systems. What a solve\n"
        "costs is its number of iterations; omega is one of 1, 1.05, .. 1.95.\n"
        "rue sim solve prints the count of one given system.\n"
        "\n"
        "  --experiment E  low (the default) or high: systems of 100 unknowns,\n"
        "                  shifts of low or high variance; SOR\n"
        "  --matrix FILE   a symmetric Matrix Market file, shifted by random\n"
        "                  multiples of its diagonal\n"
        "  --heat NX       time steps of a heat equation on an NX x NX grid;\n"
        "                  SSOR-CG, seconds are reported too\n"
        "  --solver S      of a file: sor (the default) or ssor-cg\n"
        "  --policy NAME   one of those below, may be repeated, or `all` that\n"
        "                  fit (the default)\n"
        "  --seeds N       trials, each with systems of its own; default 10\n"
        "                  (heat: 1)\n"
        "  --seed N        of the first trial; default 1\n"
        "  --rounds N      systems of a trial; default 5000 (a file: 500)\n"
        "  --jobs N        processes; default: one for each processor\n"
        "  --connect E     let a service decide, not the engine in here; with\n"
        "                  one process unless --jobs says more\n"
        "  --config        print the problems that this needs at the service\n"
        "  --problem NAME  they are NAME-POLICY-SEED; default sor\n"
        "  --timeout MS    of a request with all its retries; default 30000\n"
        "  --html FILE     also a report with pictures: cost against omega for\n"
        "                  each context with where the policy chose, iterations\n"
        "                  as they add up; every omega is tried in every solve\n"
        "  --json          {\"experiment\":..., \"policies\":{NAME:\n"
        "                  {\"per_solve\":..., \"sd\":..., \"last_quarter\":"
        "...}}};\n"
        "                  sd is that of per_solve between trials,\n"
        "                  worst_to_omega_1 the largest ratio of a trial's\n"
        "                  total to that of omega = 1; seconds, of heat, are\n"
        "                  the thread's, policies take each step in turns\n"
        "\n"
        "Policies and baselines:\n";

static const char help_tail[] =
        "\n"
        "Example:\n"
        "  rue sim sor --experiment high --policy shared --policy grid-oracle\n"
        "  rue sim sor --matrix bcsstk01.mtx --solver ssor-cg\n";

static const char *const experiments[] = {"low", "high", NULL};
static const char *const solvers[] = {"sor", "ssor-cg", NULL};

struct sor_command {
    struct tuning_settings tuning;
    const struct tuning_policy *policies[TUNING_POLICIES_MAX];
    size_t policy_count;
    const char *experiment;
    const char *html;
    bool config, json;
};

static void print_help(void)
{
    fputs(help_head, stdout);
    for (size_t i = 0; tuning_policies[i].name != NULL; i++)
        printf("  %-17s %s%s\n", tuning_policies[i].name,
                tuning_policies[i].learns ? "learns: " : "",
                tuning_policies[i].sentence);
    fputs(help_tail, stdout);
}

static void progress(void *self, uint64_t done, uint64_t all)
{
    (void)self;
    cli_progress("sor", done, all);
}

/* ---- reports ---- */

static size_t find_policy(const struct sor_command *command, const char *name)
{
    for (size_t i = 0; i < command->policy_count; i++)
        if (strcmp(command->policies[i]->name, name) == 0)
            return i;
    return SIZE_MAX;
}

/* Of the trials' ratios to omega = 1, the largest: what a guard bounds. */
static double worst_to_default(const struct sor_command *command,
        const struct tuning_result *result, size_t policy)
{
    size_t other = find_policy(command, "omega-1");

    return other == SIZE_MAX ? (double)NAN
                             : tuning_worst_ratio(result, policy, other);
}

static void print_row(const struct tuning_policy *policy,
        const struct tuning_summary *row, double best, double worst)
{
    printf("  %-17s %9.2f %8.2f %9.2f", policy->name, row->per_solve, row->sd,
            row->last_quarter);
    if (isfinite(best))
        printf(" %8.3f", row->per_solve / best);
    if (isfinite(worst))
        printf(" %8.3f", worst);
    if (row->seconds > 0.0)
        printf(" %8.2f s", row->seconds);
    if (row->omega > 0.0)
        printf("  omega %.2f", row->omega);
    if (row->capped > 0)
        printf("  %u not converged", row->capped);
    putchar('\n');
}

static void print_text(
        const struct sor_command *command, const struct tuning_result *result)
{
    size_t oracle = find_policy(command, "grid-oracle");
    double best = oracle == SIZE_MAX
            ? (double)NAN
            : tuning_summarise(result, oracle).per_solve;

    printf("%s: %u solves, %u trials from seed %u; iterations per solve\n",
            command->experiment, result->rounds, result->trials,
            command->tuning.systems.seed);
    printf("  %-17s %9s %8s %9s %s%s\n", "", "mean", "sd", "last 1/4",
            isfinite(best) ? " /oracle" : "",
            find_policy(command, "omega-1") != SIZE_MAX ? " worst/omega-1"
                                                        : "");
    for (size_t i = 0; i < result->policy_count; i++) {
        struct tuning_summary row = tuning_summarise(result, i);
        if (isfinite(row.per_solve))
            print_row(command->policies[i], &row, best,
                    worst_to_default(command, result, i));
    }
}

static void print_json(
        const struct sor_command *command, const struct tuning_result *result)
{
    json_t *policies = json_object();

    for (size_t i = 0; i < result->policy_count; i++) {
        struct tuning_summary row = tuning_summarise(result, i);
        double worst = worst_to_default(command, result, i);
        json_t *value;
        if (!isfinite(row.per_solve))
            continue;
        value = json_pack("{s:f,s:f,s:f,s:i}", "per_solve", row.per_solve, "sd",
                row.sd, "last_quarter", row.last_quarter, "not_converged",
                (int)row.capped);
        if (row.omega > 0.0)
            (void)json_object_set_new(value, "omega", json_real(row.omega));
        if (row.seconds > 0.0)
            (void)json_object_set_new(value, "seconds", json_real(row.seconds));
        if (isfinite(worst))
            (void)json_object_set_new(
                    value, "worst_to_omega_1", json_real(worst));
        (void)json_object_set_new(policies, command->policies[i]->name, value);
    }
    cli_print_json(json_pack("{s:s,s:i,s:i,s:i,s:o}", "experiment",
            command->experiment, "rounds", (int)result->rounds, "seeds",
            (int)result->trials, "seed", (int)command->tuning.systems.seed,
            "policies", policies));
}

/* ---- the command ---- */

static int write_html(const struct sor_command *command,
        const struct tuning_result *result, struct err *err)
{
    char title[512];

    if (command->html == NULL)
        return 0;
    (void)snprintf(title, sizeof(title), "Tuning omega: %s%s",
            command->experiment,
            command->tuning.systems.kind != SYSTEMS_FILE ? ""
                    : command->tuning.systems.solver == SOLVER_SSOR_CG
                    ? ", SSOR-CG"
                    : ", SOR");
    return tuning_report(&command->tuning, result, title, command->html, err);
}

static int play(struct sor_command *command)
{
    struct tuning_result result;
    struct err err;
    int status;

    if (tuning_run(&command->tuning, &result, &err) != 0)
        return cli_fail("sim sor", &err);
    if (command->json)
        print_json(command, &result);
    else
        print_text(command, &result);
    status = write_html(command, &result, &err);
    tuning_free(&result);
    return status == 0 ? 0 : cli_fail("sim sor", &err);
}

/* What the options leave open; a wrong combination is a usage error. */
static int complete(struct sor_command *command)
{
    struct tuning_settings *tuning = &command->tuning;
    bool heat = tuning->systems.kind == SYSTEMS_HEAT;

    if (tuning->systems.kind != SYSTEMS_FILE &&
            tuning->systems.solver != SOLVER_SOR && !heat)
        return cli_usage("sim sor", "--solver: only with --matrix");
    if (tuning->trials == 0)
        tuning->trials = heat ? 1 : 10;
    if (tuning->jobs == 0 && (tuning->endpoint != NULL || heat))
        tuning->jobs = 1;
    if (command->policy_count == 0)
        for (size_t i = 0; tuning_policies[i].name != NULL; i++)
            if (tuning_fits(&tuning_policies[i], &tuning->systems))
                command->policies[command->policy_count++] =
                        &tuning_policies[i];
    for (size_t i = 0; i < command->policy_count; i++)
        if (!tuning_fits(command->policies[i], &tuning->systems))
            return cli_usage("sim sor", "--policy: %s does not fit here",
                    command->policies[i]->name);
    tuning->policies = command->policies;
    tuning->policy_count = command->policy_count;
    return 0;
}

static int run(struct sor_command *command)
{
    struct err err;

    if (complete(command) != 0)
        return EXIT_USAGE;
    if (!command->config)
        return play(command);
    if (tuning_config(&command->tuning, stdout, &err) != 0)
        return cli_fail("sim sor", &err);
    return 0;
}

static bool take_policy(void *target, const char *option, char *name)
{
    struct sor_command *command = target;
    const struct tuning_policy *policy = tuning_find(name);

    if (strcmp(name, "all") == 0)
        return true;
    if (policy == NULL || command->policy_count == TUNING_POLICIES_MAX) {
        (void)cli_usage("sim sor", "%s: there is no '%s'", option, name);
        return false;
    }
    command->policies[command->policy_count++] = policy;
    return true;
}

/* Which systems: one experiment, one file, or heat. */
static void choose_systems(
        struct sor_command *command, uint32_t experiment, uint32_t solver)
{
    struct systems_settings *systems = &command->tuning.systems;

    if (systems->path != NULL) {
        systems->kind = SYSTEMS_FILE;
        command->experiment = systems->path;
    } else if (systems->nx > 0) {
        systems->kind = SYSTEMS_HEAT;
        command->experiment = "heat";
    } else {
        systems->kind = experiment == 0 ? SYSTEMS_LOW : SYSTEMS_HIGH;
        command->experiment = experiments[experiment];
    }
    systems->solver = solver == 1 ||
                    (systems->kind == SYSTEMS_HEAT && solver == UINT32_MAX)
            ? SOLVER_SSOR_CG
            : SOLVER_SOR;
}

int cmd_sim_sor(int argc, char **argv)
{
    struct sor_command command = {.tuning = {.systems = {.seed = 1},
                                          .problem = "sor",
                                          .progress = progress}};
    struct tuning_settings *tuning = &command.tuning;
    uint32_t experiment = 0, solver = UINT32_MAX;
    uint64_t timeout = 30000;
    const struct cli_option options[] = {
            CLI_CHOICE("experiment", &experiment, experiments),
            CLI_TEXT("matrix", &tuning->systems.path),
            CLI_COUNT32("heat", &tuning->systems.nx, 3, 2000),
            CLI_CHOICE("solver", &solver, solvers),
            CLI_CALL("policy", take_policy, &command),
            CLI_COUNT32("seeds", &tuning->trials, 1, TUNING_TRIALS_MAX),
            CLI_COUNT32("seed", &tuning->systems.seed, 0, 4000000000u),
            CLI_COUNT32("rounds", &tuning->systems.rounds, 1, 10000000),
            CLI_COUNT32("jobs", &tuning->jobs, 1, 64),
            CLI_TEXT("connect", &tuning->endpoint),
            CLI_TEXT("problem", &tuning->problem),
            CLI_TIMEOUT(&timeout),
            CLI_FLAG("config", &command.config),
            CLI_TEXT("html", &command.html),
            CLI_FLAG("json", &command.json),
            CLI_HELP_OF(print_help),
    };
    int status = cli_options(options, ARRAY_COUNT(options), argc, argv);

    if (status >= 0)
        return status;
    choose_systems(&command, experiment, solver);
    tuning->timeout_ms = (int)timeout;
    tuning->landscape = command.html != NULL;
    if (optind != argc)
        return cli_usage("sim sor", "'%s': not an option", argv[optind]);
    return run(&command);
}
