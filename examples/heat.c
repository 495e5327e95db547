/* heat: lets rue choose the relaxation parameter of a solver, step by step, in
 * this process.
 *
 *     cc heat.c $(pkg-config --cflags --libs rue-local) -lm
 *     ./heat [NX [STEPS [STORE]]]
 *
 * The heat equation u_t = kappa(t) (u_xx + u_yy) + f on the unit square, zero
 * on its border, from t = 0 to 5, by the rule of Crank and Nicolson: each step
 * solves (I + s P) u = b with conjugate gradients, preconditioned by SSOR with
 * a parameter omega. The best omega depends on kappa, which changes a
 * hundredfold and back. With STORE every choice is logged in that directory,
 * for `rue log` and `rue verify`.
 *
 * Prints the iterations and the time of all steps with rue, with omega = 1, and
 * with the best fixed omega, which nobody knows beforehand. */
#include <rue/rue-local.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PI    3.14159265358979323846
#define END   5.0
#define EPS   1e-8
#define CAP   1000
#define FIXED 10 /* 1.0, 1.1, ..., 1.9 */

/* Two numbers to choose by: how stiff the step is, on a scale that the model
 * sees evenly. It is known before the step. */
static const char config[] =
        "problems:\n"
        "  - name: heat\n"
        "    context: [stiffness]\n"
        "    parameter: {name: omega, from: 1.0, to: 1.95}\n"
        "    reward: {min: 0, max: 1000, objective: minimise}\n"
        "    durability: relaxed\n"
        "    policy: {oracle: chebyshev, explorer: squarecb, min: 0, max: 1}\n";

struct field {
    int side, n; /* points in a row, and in all */
    double s, *u, *b, *r, *z, *p, *q;
};

static void fail(const char *what)
{
    fprintf(stderr, "heat: %s\n", what);
    exit(1);
}

static double now_s(void)
{
    struct timespec now;

    (void)timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- the equation ---- */

static double kappa(double t)
{
    return fmax(0.1 * sin(2 * PI * t), -10.0 * sin(2 * PI * t));
}

static double bump(double x, double y, double at_x, double at_y, double radius)
{
    double square = ((x - at_x) * (x - at_x) + (y - at_y) * (y - at_y)) /
            (radius * radius);

    return square < 1.0 ? exp(1.0 - 1.0 / (1.0 - square)) : 0.0;
}

/* out = v + factor P v, P the 5-point matrix (4, -1). */
static void stencil(
        const struct field *field, double factor, const double *v, double *out)
{
    int side = field->side;

    for (int i = 0; i < field->n; i++) {
        double sum = 4.0 * v[i];
        sum -= i % side > 0 ? v[i - 1] : 0.0;
        sum -= i % side < side - 1 ? v[i + 1] : 0.0;
        sum -= i >= side ? v[i - side] : 0.0;
        sum -= i < field->n - side ? v[i + side] : 0.0;
        out[i] = v[i] + factor * sum;
    }
}

/* ---- the solver ---- */

/* z = M^-1 r, M = (D + omega L) D^-1 (D + omega L') / (omega (2 - omega)). */
static void precondition(const struct field *field, double omega)
{
    double diagonal = 1.0 + 4.0 * field->s, w = omega * field->s / diagonal;
    double *z = field->z;
    int side = field->side;

    for (int i = 0; i < field->n; i++) {
        double sum = field->r[i] / diagonal;
        sum += i % side > 0 ? w * z[i - 1] : 0.0;
        sum += i >= side ? w * z[i - side] : 0.0;
        z[i] = sum;
    }
    for (int i = field->n - 1; i >= 0; i--) {
        z[i] += i % side < side - 1 ? w * z[i + 1] : 0.0;
        z[i] += i < field->n - side ? w * z[i + side] : 0.0;
    }
    for (int i = 0; i < field->n; i++)
        z[i] *= omega * (2.0 - omega);
}

static double dot(const struct field *field, const double *a, const double *b)
{
    double sum = 0.0;

    for (int i = 0; i < field->n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Conjugate gradients for (I + s P) u = b, from the u that is there. Returns
 * how many iterations it took. */
static int solve(struct field *field, double omega)
{
    double goal = EPS * EPS * dot(field, field->b, field->b), rz = 0.0;
    int count = 0;

    stencil(field, field->s, field->u, field->q);
    for (int i = 0; i < field->n; i++)
        field->r[i] = field->b[i] - field->q[i];
    while (dot(field, field->r, field->r) > goal && count < CAP) {
        double before = rz, a;
        precondition(field, omega);
        rz = dot(field, field->r, field->z);
        for (int i = 0; i < field->n; i++)
            field->p[i] =
                    field->z[i] + (count > 0 ? rz / before * field->p[i] : 0.0);
        stencil(field, field->s, field->p, field->q);
        a = rz / dot(field, field->p, field->q);
        for (int i = 0; i < field->n; i++) {
            field->u[i] += a * field->p[i];
            field->r[i] -= a * field->q[i];
        }
        count++;
    }
    return count;
}

/* ---- the run ---- */

static void start(struct field *field, int nx)
{
    field->side = nx - 1;
    field->n = field->side * field->side;
    field->u = malloc(6 * (size_t)field->n * sizeof(double));
    if (field->u == NULL)
        fail("no memory");
    field->b = field->u + field->n;
    field->r = field->b + field->n;
    field->z = field->r + field->n;
    field->p = field->z + field->n;
    field->q = field->p + field->n;
    for (int i = 0; i < field->n; i++)
        field->u[i] = bump((double)(i % field->side + 1) / nx,
                (double)(i / field->side + 1) / nx, 0.5, 0.5, 0.25);
}

static void right_side(struct field *field, int nx, double t, double dt)
{
    double x = 0.5 + cos(16 * PI * t) / 4, y = 0.5 + sin(16 * PI * t) / 4;

    stencil(field, -field->s, field->u, field->b);
    for (int i = 0; i < field->n; i++)
        field->b[i] += dt * 32.0 *
                bump((double)(i % field->side + 1) / nx,
                        (double)(i / field->side + 1) / nx, x, y, 0.125);
}

/* One step with the omega that rue chooses. The only lines about rue. */
static int solve_with(rue_client *client, struct field *field, double t)
{
    /* kappa is 0 to 10: its logarithm, on 0..1. */
    double stiffness = log1p(100.0 * kappa(t)) / log1p(1000.0);
    rue_question question = {.context = &stiffness, .context_count = 1};
    char event[RUE_ID_SIZE];
    rue_answer answer;
    int count;

    if (rue_decide(client, "heat", &question, &answer) != RUE_OK)
        fail(rue_error(client));
    (void)snprintf(event, sizeof(event), "%s", answer.event);
    count = solve(field, answer.value);
    if (rue_feedback(client, "heat", event, count, NULL, NULL) != RUE_OK)
        fail(rue_error(client));
    return count;
}

/* All steps: with rue, or, where client is NULL, with one omega. */
static long run(rue_client *client, double omega, int nx, int steps, double *s)
{
    double dt = END / steps, begin = now_s();
    struct field field;
    long total = 0;

    start(&field, nx);
    for (int i = 0; i < steps; i++) {
        double t = i * dt;
        field.s = kappa(t + dt / 2) * dt * nx * nx / 2;
        right_side(&field, nx, t + dt / 2, dt);
        total += client != NULL ? solve_with(client, &field, t)
                                : solve(&field, omega);
    }
    free(field.u);
    *s = now_s() - begin;
    return total;
}

int main(int argc, char **argv)
{
    int nx = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 64;
    int steps = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 1000;
    rue_local_options options;
    char error[256] = "";
    rue_client *client;
    long total, best = 0;
    double s, best_s = 0.0, best_omega = 0.0;

    if (nx < 3 || nx > 2000 || steps < 1)
        fail("NX is 3 to 2000, STEPS at least 1");
    rue_local_options_init(&options);
    options.config = config;
    options.store = argc > 3 ? argv[3] : NULL;
    client = rue_open_local(&options, error, sizeof(error));
    if (client == NULL)
        fail(error);
    total = run(client, 0.0, nx, steps, &s);
    printf("rue             %8ld iterations %8.3f s\n", total, s);
    rue_close(client);
    for (int i = 0; i < FIXED; i++) {
        double omega = 1.0 + 0.1 * i;
        total = run(NULL, omega, nx, steps, &s);
        if (i == 0)
            printf("omega 1         %8ld iterations %8.3f s\n", total, s);
        if (i > 0 && total >= best)
            continue;
        best = total;
        best_s = s;
        best_omega = omega;
    }
    printf("best fixed, %.1f %8ld iterations %8.3f s\n", best_omega, best,
            best_s);
    return 0;
}
