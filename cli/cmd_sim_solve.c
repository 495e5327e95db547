/* rue sim solve: the iterations of one given system. */
#include "cli/options.h"
#include "sim/count.h"

#include "base/check.h"

#include <getopt.h> /* optind */
#include <math.h>
#include <stdio.h>
#include <string.h>

#define OMEGAS_MOST 256u

static const char help[] =
        "usage: rue sim solve [--matrix FILE.mtx | --laplacian M |\n"
        "                      --laplacian9 M] [--shift S | --scaled-shift S]\n"
        "                     [--solver sor|ssor|cg|ssor-cg] [--omega W]...\n"
        "                     [--b ones|sin|normal] [--seed N]\n"
        "                     [--tolerance E] [--cap N] [--json]\n"
        "\n"
        "Solves one system A x = b from x = 0 and prints how many iterations\n"
        "it took, for each omega: counts to compare with other programs'.\n"
        "Rows in natural order. An iteration of ssor is a forward and a\n"
        "backward sweep.\n"
        "\n"
        "  --matrix FILE     a symmetric Matrix Market file, `general` too\n"
        "  --laplacian M     5-point Laplacian on M x M interior points,\n"
        "                    diagonal 4; the default, with M = 10\n"
        "  --laplacian9 M    9-point star, diagonal 8\n"
        "  --shift S         A + S I\n"
        "  --scaled-shift S  A + S diag(A)\n"
        "  --solver S        default sor\n"
        "  --omega W         in (0,2), may be repeated; default 1; cg has none\n"
        "  --b B             sin, b_i = sin(i) with i from 1, is the default;\n"
        "                    normal: drawn by --seed until |b|^2 <= n\n"
        "  --tolerance E     default 1e-8: sor and ssor stop when |r| < E |b|,\n"
        "                    tested after each sweep; cg and ssor-cg when\n"
        "                    |r| <= E |b|\n"
        "  --cap N           most iterations, default 10000\n"
        "  --json            {\"n\":..., \"solver\":..., \"counts\":[{\"omega\":...,\n"
        "                    \"iterations\":..., \"converged\":..., \"residual\":\n"
        "                    ...}]}; the residual is |b - A x|/|b| of the x that\n"
        "                    came out\n"
        "\n"
        "Example:\n"
        "  rue sim solve --laplacian 10 --shift -0.15 --omega 1.5 --omega 1.8\n"
        "  rue sim solve --matrix nos3.mtx --solver ssor-cg --omega 1.4\n";

static const char *const solvers[] = {"sor", "ssor", "cg", "ssor-cg", NULL};
static const char *const sides[] = {"ones", "sin", "normal", NULL};

struct solve_command {
    struct count_settings settings;
    enum count_solver solver;
    double omega[OMEGAS_MOST];
    uint32_t omegas;
    bool json;
};

static const char *end_of(const struct count *count)
{
    switch (count->solve.end) {
    case SOLVE_CONVERGED:
        return "converged";
    case SOLVE_CAPPED:
        return "not converged: the cap";
    case SOLVE_DIVERGED:
        return "diverged; counts as the cap";
    }
    CHECK_UNREACHABLE();
}

static void print_text(const struct solve_command *command, double omega,
        const struct count *count)
{
    printf("%s", solvers[command->solver]);
    if (command->solver != COUNT_CG)
        printf(" omega %.10g", omega);
    printf(": %u iterations, %s, |b - A x|/|b| = %.3g\n", count->solve.cost,
            end_of(count), count->residual);
}

static json_t *json_of(const struct solve_command *command, double omega,
        const struct count *count)
{
    json_t *value =
            json_pack("{s:i, s:b}", "iterations", (int)count->solve.cost,
                    "converged", count->solve.end == SOLVE_CONVERGED);

    if (command->solver != COUNT_CG)
        (void)json_object_set_new(value, "omega", json_real(omega));
    if (isfinite(count->residual))
        (void)json_object_set_new(
                value, "residual", json_real(count->residual));
    return value;
}

static int run(const struct solve_command *command)
{
    struct count_system system;
    struct err err;
    json_t *counts;
    int status = count_open(&system, &command->settings, &err);

    if (status != 0)
        return cli_fail("sim solve", &err);
    counts = json_array();
    for (uint32_t i = 0; i < command->omegas; i++) {
        double omega = command->omega[i];
        struct count count = count_solve(&system, command->solver, omega);
        if (command->json)
            (void)json_array_append_new(
                    counts, json_of(command, omega, &count));
        else
            print_text(command, omega, &count);
    }
    if (command->json)
        cli_print_json(json_pack("{s:i, s:s, s:O}", "n", (int)system.matrix.n,
                "solver", solvers[command->solver], "counts", counts));
    json_decref(counts);
    count_close(&system);
    return 0;
}

static bool take_omega(void *target, const char *option, char *text)
{
    struct solve_command *command = target;
    double *omega = &command->omega[command->omegas];

    if (command->omegas == OMEGAS_MOST) {
        (void)cli_usage("sim solve", "%s: at most %u", option, OMEGAS_MOST);
        return false;
    }
    if (!cli_number("sim solve", option, text, omega))
        return false;
    command->omegas++;
    if (*omega > 0.0 && *omega < 2.0)
        return true;
    (void)cli_usage("sim solve", "%s: between 0 and 2", option);
    return false;
}

int cmd_sim_solve(int argc, char **argv)
{
    struct solve_command command = {
            .settings = {.m = 10,
                    .side = COUNT_SIN,
                    .seed = 1,
                    .tolerance = 1e-8,
                    .cap = 10000},
    };
    struct count_settings *settings = &command.settings;
    uint32_t corners = 0, solver = 0, side = COUNT_SIN;
    double scaled_shift = NAN;
    const struct cli_option options[] = {
            CLI_TEXT("matrix", &settings->path),
            CLI_COUNT32("laplacian", &settings->m, 1, 2000),
            CLI_COUNT32("laplacian9", &corners, 1, 2000),
            CLI_NUMBER("shift", &settings->shift, -1e9, 1e9),
            CLI_NUMBER("scaled-shift", &scaled_shift, -1e9, 1e9),
            CLI_CHOICE("solver", &solver, solvers),
            CLI_CALL("omega", take_omega, &command),
            CLI_CHOICE("b", &side, sides),
            CLI_COUNT32("seed", &settings->seed, 0, 4000000000u),
            CLI_NUMBER("tolerance", &settings->tolerance, 0.0, 1.0),
            CLI_COUNT32("cap", &settings->cap, 1, 100000000),
            CLI_FLAG("json", &command.json),
            CLI_HELP(help),
    };
    int status = cli_options(options, ARRAY_COUNT(options), argc, argv);

    if (status >= 0)
        return status;
    if (corners > 0) {
        settings->corners = true;
        settings->m = corners;
    }
    if (!isnan(scaled_shift)) {
        settings->scaled = true;
        settings->shift = scaled_shift;
    }
    settings->side = (enum count_side)side;
    command.solver = (enum count_solver)solver;
    if (optind != argc)
        return cli_usage("sim solve", "'%s': not an option", argv[optind]);
    if (command.solver == COUNT_CG && command.omegas > 0)
        return cli_usage("sim solve", "--omega: cg has none");
    if (command.omegas == 0)
        command.omega[command.omegas++] = 1.0;
    return run(&command);
}
