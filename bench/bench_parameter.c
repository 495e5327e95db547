/* What a refining grid saves over a fixed grid of as many points: omega of SOR
 * on the 5-point Laplacian of 10 x 10 points, A + c I, T solves, c drawn anew
 * for each (the basic experiment of arXiv 2310.02246; relax.md 4.1). Both play
 * the same systems, seed by seed; the cost is iterations, learning included.
 *
 * Prints, for each policy and spread of c, the mean iterations of a solve with
 * each grid, and the ratio of the totals with its 95 % interval over the seeds.
 * SEEDS=N, ROUNDS=N, POINTS=N, POLICY=NAME in the environment. The numbers seen
 * are in docs/parameter.md. */
#include "base/rng.h"
#include "bench/measure.h"
#include "local/rue-local.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIDE      10
#define N         (SIDE * SIDE)
#define CAP       10000
#define EPS       1e-8
#define SEEDS_MAX 100
/* The 97.5 % point of Student's t with 19 degrees of freedom: of 20 seeds. */
#define T_19 2.093

struct game {
    const char *name, *settings;
    size_t columns; /* of the context: c, or Chebyshev polynomials of it */
    bool log; /* it learns ln(cost), not the cost */
};

static const struct game games[] = {
        {"tsallis", "    policy: {learner: tsallis-inf}\n", 0, false},
        {"chebyshev",
                "    context: [shift]\n"
                "    policy: {oracle: chebyshev, explorer: squarecb,\n"
                "             min: -0.15, max: 0.65}\n",
                1, false},
        {"surface",
                "    context: [shift]\n"
                "    policy: {oracle: surface, explorer: squarecb,\n"
                "             context_min: -0.15, context_max: 0.45}\n",
                1, true},
        {"ridge",
                "    context: [shift, square, cube]\n"
                "    policy: {oracle: ridge, explorer: squarecb, products: "
                "action,\n"
                "             gamma_scale: 40}\n",
                3, true},
};
#define GAMES (sizeof(games) / sizeof(games[0]))

/* ---- systems ---- */

struct solve {
    double shift;
    double b[N];
};

/* The k-th of an even number of gammas with shape 1/2 or 1: by definition. */
static double gamma_half(struct rng *rng, unsigned halves)
{
    double sum = 0.0;

    for (unsigned i = 0; i < halves; i++) {
        double z = rng_normal(rng);
        sum += 0.5 * z * z;
    }
    return sum;
}

/* Beta(2,6), or with `high` Beta(1/2,3/2). */
static double beta(struct rng *rng, bool high)
{
    double a = gamma_half(rng, high ? 1 : 4);
    double b = gamma_half(rng, high ? 3 : 12);

    return a / (a + b);
}

static void draw_solve(struct rng *rng, bool high, struct solve *solve)
{
    double square;

    solve->shift = -0.15 + 0.6 * beta(rng, high);
    do {
        square = 0.0;
        for (int i = 0; i < N; i++) {
            solve->b[i] = rng_normal(rng);
            square += solve->b[i] * solve->b[i];
        }
    } while (square > N);
}

/* r <- (1/omega - 1) D delta - L' delta with (D/omega + L) delta = r, row by
 * row: one iteration (relax.md 1.1). The squared norm of the new r. */
static double sweep(double *r, double *delta, double diagonal, double omega)
{
    double scale = omega / diagonal, back = (1.0 / omega - 1.0) * diagonal;
    double square = 0.0;

    for (int i = 0; i < N; i++) {
        double sum = r[i];
        if (i % SIDE > 0)
            sum += delta[i - 1];
        if (i >= SIDE)
            sum += delta[i - SIDE];
        delta[i] = sum * scale;
    }
    for (int i = 0; i < N; i++) {
        double sum = back * delta[i];
        if (i % SIDE < SIDE - 1)
            sum += delta[i + 1];
        if (i < N - SIDE)
            sum += delta[i + SIDE];
        r[i] = sum;
        square += sum * sum;
    }
    return square;
}

static int iterations(const struct solve *solve, double omega)
{
    double r[N], delta[N], square = 0.0, goal;
    int count = 0;

    memcpy(r, solve->b, sizeof(r));
    for (int i = 0; i < N; i++)
        square += r[i] * r[i];
    goal = EPS * EPS * square;
    do {
        square = sweep(r, delta, 4.0 + solve->shift, omega);
        count++;
    } while (!(square < goal) && count < CAP);
    return count;
}

/* Known counts, so that what is measured is SOR (relax.md 6.1). */
static void check_solver(void)
{
    static const struct {
        double shift, omega;
        int ones, sine;
    } known[] = {{-0.15, 1.0, 2927, 1239}, {-0.15, 1.9, 189, 177},
            {0.0, 1.0, 223, 131}, {0.0, 1.5, 62, 43}, {0.0, 1.95, 383, 361}};

    for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
        struct solve ones = {.shift = known[k].shift}, sine = ones;
        for (int i = 0; i < N; i++) {
            ones.b[i] = 1.0;
            sine.b[i] = sin(i + 1);
        }
        if (iterations(&ones, known[k].omega) != known[k].ones ||
                iterations(&sine, known[k].omega) != known[k].sine)
            give_up("the solver is not SOR");
    }
}

/* ---- the game ---- */

static rue_client *open_game(
        const struct game *game, unsigned seed, unsigned start, unsigned points)
{
    char text[1024], error[256] = "";
    rue_local_options options;
    rue_client *client;

    (void)snprintf(text, sizeof(text),
            "problems:\n  - name: omega\n    seed: %u\n%s"
            "    parameter: {name: omega, from: 1.0, to: 1.95, start: %u, "
            "points: %u}\n"
            "    reward: {min: 1, max: 10000, objective: minimise, scale: %s, "
            "default_on: false}\n",
            seed, game->settings, start, points, game->log ? "log" : "linear");
    rue_local_options_init(&options);
    options.config = text;
    client = rue_open_local(&options, error, sizeof(error));
    if (client == NULL)
        give_up(error);
    return client;
}

static double mapped(double shift)
{
    return 2.0 * (shift + 0.15) / 0.6 - 1.0;
}

static double play(const struct game *game, bool high, unsigned seed,
        unsigned rounds, unsigned start, unsigned points)
{
    rue_client *client = open_game(game, seed, start, points);
    size_t columns = game->columns;
    struct rng rng = rng_keyed(seed, 2310, high);
    double total = 0.0;

    for (unsigned t = 0; t < rounds; t++) {
        struct solve solve;
        double context[3], z;
        char event[RUE_ID_SIZE];
        rue_question question = {.event = event, .context_count = columns};
        rue_answer answer;
        int cost;
        draw_solve(&rng, high, &solve);
        z = mapped(solve.shift);
        context[0] = columns == 1 ? solve.shift : z;
        context[1] = 2.0 * z * z - 1.0;
        context[2] = 4.0 * z * z * z - 3.0 * z;
        question.context = columns > 0 ? context : NULL;
        (void)snprintf(event, sizeof(event), "%u", t);
        if (rue_decide(client, "omega", &question, &answer) != RUE_OK)
            give_up(rue_error(client));
        cost = iterations(&solve, answer.value);
        total += cost;
        if (rue_feedback(client, "omega", event, cost, NULL, NULL) != RUE_OK)
            give_up(rue_error(client));
    }
    rue_close(client);
    return total;
}

static void compare(const struct game *game, bool high, unsigned seeds,
        unsigned rounds, unsigned points)
{
    double fixed = 0.0, refined = 0.0, ratio[SEEDS_MAX], mean = 0.0;
    double square = 0.0, worst = 0.0;
    const char *spread = high ? "high" : "low";

    for (unsigned i = 0; i < seeds; i++) {
        double a = play(game, high, i + 1, rounds, points, points);
        double b = play(
                game, high, i + 1, rounds, points < 6 ? points : 6, points);
        fixed += a / seeds / rounds;
        refined += b / seeds / rounds;
        ratio[i] = b / a;
        mean += ratio[i] / seeds;
        worst = fmax(worst, ratio[i]);
    }
    for (unsigned i = 0; i < seeds; i++)
        square += (ratio[i] - mean) * (ratio[i] - mean);
    printf("%s_%s_fixed %.2f iterations\n", game->name, spread, fixed);
    printf("%s_%s_refined %.2f iterations\n", game->name, spread, refined);
    printf("%s_%s_ratio %.4f of_fixed\n", game->name, spread, mean);
    printf("%s_%s_ratio_interval %.4f half_width\n", game->name, spread,
            seeds < 2 ? 0.0 : T_19 * sqrt(square / (seeds - 1) / seeds));
    printf("%s_%s_ratio_worst %.4f of_fixed\n", game->name, spread, worst);
    (void)fflush(stdout);
}

int main(void)
{
    unsigned seeds = setting("SEEDS", 4, 1, SEEDS_MAX);
    unsigned rounds = setting("ROUNDS", 2000, 1, 1000000);
    unsigned points = setting("POINTS", 20, 1, 1000);
    const char *only = getenv("POLICY");

    check_solver();
    for (size_t i = 0; i < GAMES; i++)
        for (int high = 0; high < 2; high++)
            if (only == NULL || strcmp(only, games[i].name) == 0)
                compare(&games[i], high != 0, seeds, rounds, points);
    return 0;
}
