/* heat: PETSc's conjugate gradients with SSOR (PCSOR) for a heat equation, with
 * the omega of each time step chosen by rue, in this process.
 *
 *     cc heat.c $(pkg-config --cflags --libs petsc mpi rue-local)
 *     ./heat [-nx 64] [-steps 500] [-config FILE] [-store DIRECTORY]
 *
 * What a code has to add to its own: rue_open_local() where it sets up,
 * rue_decide() and PCSORSetOmega() before KSPSolve(), rue_feedback() with
 * KSPGetIterationNumber() after it. The rest of this program is the heat
 * equation and a comparison with omega = 1 and with the best fixed omega.
 *
 * u_t = kappa(t) Laplace u + f on the unit square, zero on its border, t from 0
 * to 5, by the rule of Crank and Nicolson. PETSc's SOR works inside each
 * process's rows, so that the best omega depends on how many there are; this
 * comparison is of one. */
#include <petscksp.h>
#include <rue/rue-local.h>

#include <stdio.h>
#include <string.h>

#define END   5.0
#define FIXED 20 /* 1.00, 1.05, ..., 1.95 */
#define CAP   1000

static const char config_text[] =
        "problems:\n"
        "  - name: omega\n"
        "    context: [stiffness]\n"
        "    parameter: {name: omega, from: 1.0, to: 1.95}\n"
        "    reward: {min: 0, max: 1000, objective: minimise}\n"
        "    durability: relaxed\n"
        "    policy: {oracle: chebyshev, explorer: squarecb, min: 0, max: 1}\n";

struct heat {
    PetscInt nx, side, steps;
    PetscReal dt;
    Mat matrix; /* I + s P */
    Vec u, b, f;
    KSP ksp;
    PC pc;
};

struct cost {
    long iterations;
    double seconds;
};

/* ---- the equation ---- */

static PetscReal kappa(PetscReal t)
{
    PetscReal wave = PetscSinReal(2 * PETSC_PI * t);

    return PetscMax(0.1 * wave, -10.0 * wave);
}

static PetscReal bump(PetscReal x, PetscReal y, PetscReal at_x, PetscReal at_y,
        PetscReal radius)
{
    PetscReal square = ((x - at_x) * (x - at_x) + (y - at_y) * (y - at_y)) /
            (radius * radius);

    return square < 1.0 ? PetscExpReal(1.0 - 1.0 / (1.0 - square)) : 0.0;
}

static PetscErrorCode fill_bump(struct heat *heat, Vec v, PetscReal factor,
        PetscReal at_x, PetscReal at_y, PetscReal radius)
{
    PetscScalar *values;

    PetscFunctionBeginUser;
    PetscCall(VecGetArray(v, &values));
    for (PetscInt i = 0; i < heat->side * heat->side; i++)
        values[i] = factor *
                bump((i % heat->side + 1.0) / heat->nx,
                        (i / heat->side + 1.0) / heat->nx, at_x, at_y, radius);
    PetscCall(VecRestoreArray(v, &values));
    PetscFunctionReturn(0);
}

/* The matrix I + s P, P the 5-point matrix (4, -1). */
static PetscErrorCode fill_matrix(struct heat *heat, PetscReal s)
{
    PetscInt side = heat->side;

    PetscFunctionBeginUser;
    for (PetscInt i = 0; i < side * side; i++) {
        PetscInt columns[5];
        PetscScalar values[5];
        PetscInt count = 0;
        if (i >= side)
            columns[count++] = i - side;
        if (i % side > 0)
            columns[count++] = i - 1;
        if (i % side < side - 1)
            columns[count++] = i + 1;
        if (i < side * side - side)
            columns[count++] = i + side;
        for (PetscInt k = 0; k < count; k++)
            values[k] = -s;
        columns[count] = i;
        values[count++] = 1.0 + 4.0 * s;
        PetscCall(MatSetValues(
                heat->matrix, 1, &i, count, columns, values, INSERT_VALUES));
    }
    PetscCall(MatAssemblyBegin(heat->matrix, MAT_FINAL_ASSEMBLY));
    PetscCall(MatAssemblyEnd(heat->matrix, MAT_FINAL_ASSEMBLY));
    PetscFunctionReturn(0);
}

/* b = (I - s P) u + dt f = 2 u - (I + s P) u + dt f. */
static PetscErrorCode fill_right_side(struct heat *heat, PetscReal middle)
{
    PetscFunctionBeginUser;
    PetscCall(MatMult(heat->matrix, heat->u, heat->b));
    PetscCall(VecAXPBY(heat->b, 2.0, -1.0, heat->u));
    PetscCall(fill_bump(heat, heat->f, 32.0 * heat->dt,
            0.5 + PetscCosReal(16 * PETSC_PI * middle) / 4,
            0.5 + PetscSinReal(16 * PETSC_PI * middle) / 4, 0.125));
    PetscCall(VecAXPY(heat->b, 1.0, heat->f));
    PetscFunctionReturn(0);
}

/* ---- PETSc's objects ---- */

static PetscErrorCode create(struct heat *heat)
{
    PetscInt n = heat->side * heat->side;

    PetscFunctionBeginUser;
    PetscCall(MatCreateSeqAIJ(PETSC_COMM_SELF, n, n, 5, NULL, &heat->matrix));
    /* Where rows come in equal blocks, PETSc's SOR knows no omega but 1. */
    PetscCall(MatSetOption(heat->matrix, MAT_USE_INODES, PETSC_FALSE));
    PetscCall(MatCreateVecs(heat->matrix, &heat->u, &heat->b));
    PetscCall(VecDuplicate(heat->b, &heat->f));
    PetscCall(KSPCreate(PETSC_COMM_SELF, &heat->ksp));
    PetscCall(KSPSetType(heat->ksp, KSPCG));
    PetscCall(KSPSetInitialGuessNonzero(heat->ksp, PETSC_TRUE));
    /* The true residual, against the right side, as for every omega. */
    PetscCall(KSPSetNormType(heat->ksp, KSP_NORM_UNPRECONDITIONED));
    PetscCall(KSPSetTolerances(
            heat->ksp, 1e-8, PETSC_DEFAULT, PETSC_DEFAULT, CAP));
    PetscCall(KSPGetPC(heat->ksp, &heat->pc));
    PetscCall(PCSetType(heat->pc, PCSOR));
    PetscCall(PCSORSetSymmetric(heat->pc, SOR_LOCAL_SYMMETRIC_SWEEP));
    PetscCall(KSPSetFromOptions(heat->ksp));
    PetscFunctionReturn(0);
}

static PetscErrorCode destroy(struct heat *heat)
{
    PetscFunctionBeginUser;
    PetscCall(KSPDestroy(&heat->ksp));
    PetscCall(VecDestroy(&heat->f));
    PetscCall(VecDestroy(&heat->b));
    PetscCall(VecDestroy(&heat->u));
    PetscCall(MatDestroy(&heat->matrix));
    PetscFunctionReturn(0);
}

static PetscErrorCode solve(
        struct heat *heat, PetscReal omega, PetscInt *iterations)
{
    PetscFunctionBeginUser;
    PetscCall(PCSORSetOmega(heat->pc, omega));
    PetscCall(KSPSolve(heat->ksp, heat->b, heat->u));
    PetscCall(KSPGetIterationNumber(heat->ksp, iterations));
    PetscFunctionReturn(0);
}

/* ---- rue ---- */

static PetscErrorCode solve_with(rue_client *client, struct heat *heat,
        PetscReal t, PetscInt *iterations)
{
    /* Known before the step, and even over a range of 1 : 1000. */
    double stiffness =
            PetscLogReal(1.0 + 100.0 * kappa(t)) / PetscLogReal(1001.0);
    rue_question question = {.context = &stiffness, .context_count = 1};
    char event[RUE_ID_SIZE];
    rue_answer answer;

    PetscFunctionBeginUser;
    PetscCheck(rue_decide(client, "omega", &question, &answer) == RUE_OK,
            PETSC_COMM_SELF, PETSC_ERR_LIB, "rue: %s", rue_error(client));
    PetscCall(PetscStrncpy(event, answer.event, sizeof(event)));
    PetscCall(solve(heat, answer.value, iterations));
    PetscCheck(rue_feedback(client, "omega", event, (double)*iterations, NULL,
                       NULL) == RUE_OK,
            PETSC_COMM_SELF, PETSC_ERR_LIB, "rue: %s", rue_error(client));
    PetscFunctionReturn(0);
}

static PetscErrorCode open_rue(rue_client **client)
{
    char config[PETSC_MAX_PATH_LEN], store[PETSC_MAX_PATH_LEN];
    char error[256] = "";
    PetscBool has_config, has_store;
    rue_local_options options;

    PetscFunctionBeginUser;
    PetscCall(PetscOptionsGetString(
            NULL, NULL, "-config", config, sizeof(config), &has_config));
    PetscCall(PetscOptionsGetString(
            NULL, NULL, "-store", store, sizeof(store), &has_store));
    rue_local_options_init(&options);
    if (has_config)
        options.config_file = config;
    else
        options.config = config_text;
    if (has_store)
        options.store = store;
    *client = rue_open_local(&options, error, sizeof(error));
    PetscCheck(
            *client != NULL, PETSC_COMM_SELF, PETSC_ERR_LIB, "rue: %s", error);
    PetscFunctionReturn(0);
}

/* ---- the run ---- */

/* All steps: with rue, or, where client is NULL, with one omega. */
static PetscErrorCode run(rue_client *client, PetscReal omega,
        struct heat *heat, struct cost *cost)
{
    PetscLogDouble begin, end;

    PetscFunctionBeginUser;
    PetscCall(create(heat));
    PetscCall(fill_bump(heat, heat->u, 1.0, 0.5, 0.5, 0.25));
    cost->iterations = 0;
    PetscCall(PetscTime(&begin));
    for (PetscInt i = 0; i < heat->steps; i++) {
        PetscReal t = i * heat->dt, middle = t + heat->dt / 2;
        PetscInt iterations = 0;
        PetscCall(fill_matrix(
                heat, kappa(middle) * heat->dt * heat->nx * heat->nx / 2));
        PetscCall(KSPSetOperators(heat->ksp, heat->matrix, heat->matrix));
        PetscCall(fill_right_side(heat, middle));
        if (client != NULL)
            PetscCall(solve_with(client, heat, t, &iterations));
        else
            PetscCall(solve(heat, omega, &iterations));
        cost->iterations += iterations;
    }
    PetscCall(PetscTime(&end));
    cost->seconds = end - begin;
    PetscCall(destroy(heat));
    PetscFunctionReturn(0);
}

static void print_cost(const char *name, const struct cost *cost)
{
    printf("%-18s %9ld iterations %9.3f s\n", name, cost->iterations,
            cost->seconds);
    (void)fflush(stdout);
}

static PetscErrorCode compare(struct heat *heat)
{
    struct cost with, cost, best = {0};
    PetscReal best_omega = 0.0;
    rue_client *client;
    char name[32];

    PetscFunctionBeginUser;
    PetscCall(open_rue(&client));
    PetscCall(run(client, 0.0, heat, &with));
    rue_close(client);
    print_cost("rue", &with);
    for (int i = 0; i < FIXED; i++) {
        PetscReal omega = 1.0 + 0.05 * i;
        PetscCall(run(NULL, omega, heat, &cost));
        if (i == 0)
            print_cost("omega 1", &cost);
        if (i > 0 && cost.iterations >= best.iterations)
            continue;
        best = cost;
        best_omega = omega;
    }
    (void)snprintf(name, sizeof(name), "best fixed, %.2f", (double)best_omega);
    print_cost(name, &best);
    PetscFunctionReturn(0);
}

int main(int argc, char **argv)
{
    struct heat heat = {.nx = 64, .steps = 500};
    PetscMPIInt size;

    PetscCall(PetscInitialize(&argc, &argv, NULL, NULL));
    PetscCallMPI(MPI_Comm_size(PETSC_COMM_WORLD, &size));
    PetscCheck(size == 1, PETSC_COMM_WORLD, PETSC_ERR_WRONG_MPI_SIZE,
            "one process, please");
    PetscCall(PetscOptionsGetInt(NULL, NULL, "-nx", &heat.nx, NULL));
    PetscCall(PetscOptionsGetInt(NULL, NULL, "-steps", &heat.steps, NULL));
    PetscCheck(heat.nx >= 3 && heat.nx <= 2000 && heat.steps >= 1,
            PETSC_COMM_WORLD, PETSC_ERR_ARG_OUTOFRANGE,
            "-nx is 3 to 2000, -steps at least 1");
    heat.side = heat.nx - 1;
    heat.dt = END / (PetscReal)heat.steps;
    PetscCall(compare(&heat));
    PetscCall(PetscFinalize());
    return 0;
}
