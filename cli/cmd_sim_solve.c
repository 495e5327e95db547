/* rue sim solve: the iterations of one given system. */
#include "cli/cli.h"
#include "sim/count.h"

#include "base/check.h"

#include <getopt.h>
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

static const char *const solvers[] = {"sor", "ssor", "cg", "ssor-cg"};
static const char *const sides[] = {"ones", "sin", "normal"};

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

static bool take_name(const char *option, const char *const *names,
        size_t count, uint32_t *out)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(optarg, names[i]) == 0) {
            *out = i;
            return true;
        }
    (void)cli_usage("sim solve", "%s: there is no '%s'", option, optarg);
    return false;
}

static bool take_number(
        const char *option, double above, double below, double *out)
{
    if (!cli_number("sim solve", option, optarg, out))
        return false;
    if (*out > above && *out < below)
        return true;
    (void)cli_usage(
            "sim solve", "%s: must be inside (%g, %g)", option, above, below);
    return false;
}

static bool take_count(
        const char *option, uint64_t least, uint64_t most, uint32_t *out)
{
    uint64_t count;

    if (!cli_count("sim solve", option, optarg, &count))
        return false;
    if (count < least || count > most) {
        (void)cli_usage("sim solve", "%s: %llu to %llu", option,
                (unsigned long long)least, (unsigned long long)most);
        return false;
    }
    *out = (uint32_t)count;
    return true;
}

static bool take_omega(struct solve_command *command)
{
    if (command->omegas == OMEGAS_MOST) {
        (void)cli_usage("sim solve", "--omega: at most %u", OMEGAS_MOST);
        return false;
    }
    return take_number("--omega", 0.0, 2.0, &command->omega[command->omegas++]);
}

static bool take_stencil(
        struct count_settings *settings, const char *option, bool corners)
{
    settings->path = NULL;
    settings->corners = corners;
    return take_count(option, 1, 2000, &settings->m);
}

static bool take_shift(
        struct count_settings *settings, const char *option, bool scaled)
{
    settings->scaled = scaled;
    return take_number(option, -1e9, 1e9, &settings->shift);
}

static bool take_option(struct solve_command *command, int letter)
{
    struct count_settings *settings = &command->settings;
    uint32_t which = 0;

    switch (letter) {
    case 'm':
        settings->path = optarg;
        return true;
    case '5':
        return take_stencil(settings, "--laplacian", false);
    case '9':
        return take_stencil(settings, "--laplacian9", true);
    case 'i':
        return take_shift(settings, "--shift", false);
    case 'd':
        return take_shift(settings, "--scaled-shift", true);
    case 'S':
        if (!take_name("--solver", solvers, ARRAY_COUNT(solvers), &which))
            return false;
        command->solver = (enum count_solver)which;
        return true;
    case 'w':
        return take_omega(command);
    case 'b':
        if (!take_name("--b", sides, ARRAY_COUNT(sides), &which))
            return false;
        settings->side = (enum count_side)which;
        return true;
    case 's':
        return take_count("--seed", 0, 4000000000u, &settings->seed);
    case 't':
        return take_number("--tolerance", 0.0, 1.0, &settings->tolerance);
    case 'c':
        return take_count("--cap", 1, 100000000, &settings->cap);
    case 'j':
        command->json = true;
        return true;
    default:
        return false;
    }
}

int cmd_sim_solve(int argc, char **argv)
{
    static const struct option options[] = {
            {"matrix", required_argument, NULL, 'm'},
            {"laplacian", required_argument, NULL, '5'},
            {"laplacian9", required_argument, NULL, '9'},
            {"shift", required_argument, NULL, 'i'},
            {"scaled-shift", required_argument, NULL, 'd'},
            {"solver", required_argument, NULL, 'S'},
            {"omega", required_argument, NULL, 'w'},
            {"b", required_argument, NULL, 'b'},
            {"seed", required_argument, NULL, 's'},
            {"tolerance", required_argument, NULL, 't'},
            {"cap", required_argument, NULL, 'c'},
            {"json", no_argument, NULL, 'j'},
            {"help", no_argument, NULL, 'h'},
            {NULL, 0, NULL, 0},
    };
    struct solve_command command = {
            .settings = {.m = 10,
                    .side = COUNT_SIN,
                    .seed = 1,
                    .tolerance = 1e-8,
                    .cap = 10000},
    };
    int letter;

    while ((letter = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (letter == 'h') {
            fputs(help, stdout);
            return 0;
        }
        if (!take_option(&command, letter))
            return EXIT_USAGE;
    }
    if (optind != argc)
        return cli_usage("sim solve", "'%s': not an option", argv[optind]);
    if (command.solver == COUNT_CG && command.omegas > 0)
        return cli_usage("sim solve", "--omega: cg has none");
    if (command.omegas == 0)
        command.omega[command.omegas++] = 1.0;
    return run(&command);
}
