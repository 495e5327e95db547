#include "sim/tuning.h"

#include "sim/tuning_problem.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HEAT_ALL_ARMS_NX 50u /* larger: too slow to try all in every step */
#define JOBS_MAX         64u
#define WAIT_MS          200

/* What a baseline needs to know of the costs. */
enum {
    NEED_ALL = 1, /* those of every arm */
    NEED_SOR = 2,
    NEED_NO_HEAT = 4,
};

struct trial;

struct baseline {
    const char *name;
    /* The cost of round i, whose system is set up; NAN: not known. */
    double (*cost)(struct trial *trial, uint32_t i);
    unsigned needs;
};

/* One seed: its systems, and the costs that were found out so far. */
struct trial {
    const struct tuning_settings *settings;
    struct systems systems;
    uint32_t seed;
    uint32_t begun; /* the round that is set up, or UINT32_MAX */
    double fixed; /* omega of the fixed baselines that solve */
    double adaptive; /* omega carried from one solve to the next */
    uint32_t *costs; /* [rounds][arms]; 0 = not known; NULL for heat */
    struct tuning_outcome *outcomes;
    struct tuning_landscape *landscape;
    double bin_min, bin_max;
    struct err *err;
};

const struct tuning_policy tuning_policies[] = {
        {"omega-1", "omega = 1: Gauss-Seidel, or SSOR-CG untuned", false},
        {"fixed-1.6", "omega = 1.6", false},
        {"fixed-1.8", "omega = 1.8", false},
        {"best-fixed", "the arm that was best for all solves", false},
        {"uniform", "arms at random", false},
        {"adaptive", "omega adapted within each solve, from 1 (ITPACK)", false},
        {"adaptive-carried", "the same, from the last solve's omega", false},
        {"young", "Young's formula for each system, off the grid", false},
        {"grid-oracle", "the best arm of each solve", false},
        {"cg", "conjugate gradients, without any omega", false},
        {"ssor-cg", "SSOR-CG with omega = 1", false},
        {"tsallis-inf", "Tsallis-INF, importance-weighted", true},
        {"tsallis-inf-rv", "Tsallis-INF, reduced variance", true},
        {"tsallis-inf-cb", "one Tsallis-INF for each bin of the context", true},
        {"chebcb", "SquareCB over Chebyshev regressions, one per arm", true},
        {"shared", "SquareCB over one surface of (omega, context)", true},
        {"tsallis-inf-guard", "tsallis-inf, at most 5 % above omega = 1", true},
        {"chebcb-guard", "chebcb, at most 5 % above omega = 1", true},
        {"shared-guard", "shared, at most 5 % above omega = 1", true},
        {NULL, NULL, false},
};

const struct tuning_policy *tuning_find(const char *name)
{
    for (size_t i = 0; tuning_policies[i].name != NULL; i++)
        if (strcmp(tuning_policies[i].name, name) == 0)
            return &tuning_policies[i];
    return NULL;
}

/* ---- time ---- */

/* Seconds of this thread, which other programs on the machine do not lengthen;
 * where a service decides, of the clock, since it is waited for. */
static double now_s(const struct trial *trial)
{
    struct timespec now;

    (void)clock_gettime(trial->settings->endpoint == NULL
                    ? CLOCK_THREAD_CPUTIME_ID
                    : CLOCK_MONOTONIC,
            &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- costs ---- */

static bool is_heat(const struct trial *trial)
{
    return trial->systems.kind == SYSTEMS_HEAT;
}

static void begin(struct trial *trial, uint32_t i)
{
    if (trial->begun == i)
        return;
    systems_begin(&trial->systems, i);
    trial->begun = i;
}

/* All arms of a round, solved once. Not for heat. */
static const uint32_t *row_of(struct trial *trial, uint32_t i)
{
    uint32_t *row = trial->costs + (size_t)i * SYSTEMS_ARMS;

    if (row[0] != 0)
        return row;
    begin(trial, i);
    systems_costs(&trial->systems, row);
    return row;
}

/* `limit`: iterations after which omega = 1 takes over; 0 = never. */
static double cost_of_arm(
        struct trial *trial, uint32_t i, uint32_t arm, double limit)
{
    struct solve solve;

    if (!is_heat(trial) &&
            (trial->settings->landscape ||
                    trial->costs[(size_t)i * SYSTEMS_ARMS] != 0)) {
        double cost = row_of(trial, i)[arm];
        if (limit == 0.0 || cost <= floor(limit))
            return cost;
    }
    begin(trial, i);
    trial->systems.stop.backstop = (uint32_t)fmin(limit, 1e9);
    solve = systems_solve(&trial->systems, systems_omega(arm));
    trial->systems.stop.backstop = 0;
    return solve.cost;
}

/* ---- baselines ---- */

static double cost_fixed(struct trial *trial, uint32_t i)
{
    uint32_t arm = (uint32_t)lround((trial->fixed - 1.0) / 0.05);

    return cost_of_arm(trial, i, arm, 0.0);
}

static void all_costs(struct trial *trial, uint32_t i, uint32_t *costs)
{
    if (is_heat(trial))
        systems_costs(&trial->systems, costs);
    else
        memcpy(costs, row_of(trial, i), SYSTEMS_ARMS * sizeof(*costs));
}

static double cost_uniform(struct trial *trial, uint32_t i)
{
    uint32_t costs[SYSTEMS_ARMS];
    double sum = 0.0;

    all_costs(trial, i, costs);
    for (uint32_t arm = 0; arm < SYSTEMS_ARMS; arm++)
        sum += costs[arm];
    return sum / SYSTEMS_ARMS;
}

static double cost_best(struct trial *trial, uint32_t i)
{
    uint32_t costs[SYSTEMS_ARMS], best = UINT32_MAX;

    all_costs(trial, i, costs);
    for (uint32_t arm = 0; arm < SYSTEMS_ARMS; arm++)
        best = costs[arm] < best ? costs[arm] : best;
    return best;
}

static double cost_adaptive(struct trial *trial, uint32_t i)
{
    double omega = 1.0;

    begin(trial, i);
    return systems_solve_adaptive(&trial->systems, &omega).cost;
}

static double cost_carried(struct trial *trial, uint32_t i)
{
    trial->adaptive = i == 0 ? 1.0 : fmax(1.0, trial->adaptive - 0.05);
    begin(trial, i);
    return systems_solve_adaptive(&trial->systems, &trial->adaptive).cost;
}

static double cost_young(struct trial *trial, uint32_t i)
{
    double omega;

    begin(trial, i);
    omega = systems_young(&trial->systems);
    return isnan(omega) ? (double)NAN
                        : systems_solve(&trial->systems, omega).cost;
}

static double cost_cg(struct trial *trial, uint32_t i)
{
    begin(trial, i);
    return systems_solve_cg(&trial->systems).cost;
}

static double cost_ssor_cg(struct trial *trial, uint32_t i)
{
    begin(trial, i);
    return systems_solve_ssor_cg(&trial->systems, 1.0).cost;
}

static const struct baseline baselines[] = {
        {"omega-1", cost_fixed, 0},
        {"fixed-1.6", cost_fixed, 0},
        {"fixed-1.8", cost_fixed, 0},
        {"best-fixed", NULL, 0},
        {"uniform", cost_uniform, NEED_ALL},
        {"adaptive", cost_adaptive, NEED_SOR},
        {"adaptive-carried", cost_carried, NEED_SOR},
        {"young", cost_young, NEED_SOR},
        {"grid-oracle", cost_best, NEED_ALL},
        {"cg", cost_cg, 0},
        {"ssor-cg", cost_ssor_cg, NEED_SOR | NEED_NO_HEAT},
};

static const struct baseline *baseline_of(const struct tuning_policy *policy)
{
    for (size_t i = 0; i < ARRAY_COUNT(baselines); i++)
        if (strcmp(baselines[i].name, policy->name) == 0)
            return &baselines[i];
    CHECK_UNREACHABLE();
}

bool tuning_fits(const struct tuning_policy *policy,
        const struct systems_settings *systems)
{
    bool heat = systems->kind == SYSTEMS_HEAT;
    bool sor = !heat && systems->solver == SOLVER_SOR;
    unsigned needs = policy->learns ? 0 : baseline_of(policy)->needs;

    if ((needs & NEED_SOR) != 0 && !sor)
        return false;
    if ((needs & NEED_NO_HEAT) != 0 && heat)
        return false;
    return !(needs & NEED_ALL) || !heat || systems->nx <= HEAT_ALL_ARMS_NX;
}

/* ---- a policy in a trial ---- */

static uint32_t bin_of(const struct trial *trial, double context)
{
    double place = (context - trial->bin_min) /
            (trial->bin_max - trial->bin_min) * TUNING_BINS;

    if (!(place > 0.0))
        return 0;
    return place >= TUNING_BINS ? TUNING_BINS - 1 : (uint32_t)place;
}

static void count_cost(struct trial *trial, uint32_t i, double cost,
        struct tuning_outcome *outcome)
{
    uint32_t rounds = trial->systems.rounds;
    uint32_t from = (uint32_t)((uint64_t)i * TUNING_POINTS / rounds);
    uint32_t to = (uint32_t)((uint64_t)(i + 1) * TUNING_POINTS / rounds);

    outcome->total += cost;
    if (i >= rounds - rounds / 4)
        outcome->last += cost;
    outcome->capped += cost >= trial->systems.stop.cap;
    for (uint32_t k = from + 1; k <= to; k++)
        outcome->curve[k] = outcome->total;
}

/* A heat step ends with the solution that the policy's omega gave. */
static void end_round(struct trial *trial)
{
    if (!is_heat(trial))
        return;
    systems_advance(&trial->systems);
    trial->begun = UINT32_MAX;
}

/* One policy in the trial. */
struct player {
    const struct baseline *baseline; /* or: */
    struct tuner *tuner;
    double fixed; /* omega of a fixed baseline */
    double *field; /* heat: where its steps have come to, while others play */
    struct tuning_outcome *outcome; /* known unless a cost was not */
};

static void play_baseline(
        struct trial *trial, struct player *player, uint32_t i)
{
    double cost;

    if (is_heat(trial))
        begin(trial, i);
    trial->fixed = player->fixed;
    cost = player->baseline->cost(trial, i);
    if (isnan(cost))
        memset(player->outcome, 0, sizeof(*player->outcome));
    else
        count_cost(trial, i, cost, player->outcome);
}

static int play_learner(struct trial *trial, struct player *player, uint32_t i)
{
    double context = systems_context(&trial->systems, i), cost, limit;
    uint32_t arm;
    int status =
            tuner_choose(player->tuner, i, context, &arm, &limit, trial->err);

    if (status != 0)
        return status;
    cost = cost_of_arm(trial, i, arm, limit);
    player->outcome->chosen[bin_of(trial, context)][arm]++;
    count_cost(trial, i, cost, player->outcome);
    return tuner_learn(player->tuner, fmax(cost, 1.0), trial->err);
}

static int play_round(struct trial *trial, struct player *player, uint32_t i)
{
    double start = is_heat(trial) ? now_s(trial) : 0.0;
    int status = 0;

    if (player->tuner != NULL)
        status = play_learner(trial, player, i);
    else
        play_baseline(trial, player, i);
    end_round(trial);
    if (is_heat(trial))
        player->outcome->seconds += now_s(trial) - start;
    return status;
}

static int play_alone(struct trial *trial, struct player *player)
{
    int status = 0;

    player->outcome->known = true;
    trial->begun = UINT32_MAX;
    for (uint32_t i = 0;
            i < trial->systems.rounds && status == 0 && player->outcome->known;
            i++)
        status = play_round(trial, player, i);
    return status;
}

/* Round by round, each time another one first: what disturbs the machine
 * disturbs all alike. Each goes on from its own field. */
static int play_together(
        struct trial *trial, struct player *players, uint32_t count)
{
    int status = 0;

    trial->begun = UINT32_MAX;
    for (uint32_t k = 0; k < count; k++)
        players[k].outcome->known = true;
    for (uint32_t i = 0; i < trial->systems.rounds; i++)
        for (uint32_t k = 0; status == 0 && k < count; k++) {
            struct player *player = &players[(i + k) % count];
            player->field = systems_exchange(&trial->systems, player->field);
            status = play_round(trial, player, i);
            player->field = systems_exchange(&trial->systems, player->field);
        }
    return status;
}

/* In hindsight: the arm of the least cost; for heat also the least time. */
static void take_best_fixed(
        const struct tuning_outcome *arms, struct tuning_outcome *outcome)
{
    double fastest = INFINITY;

    for (uint32_t arm = 0; arm < SYSTEMS_ARMS; arm++) {
        fastest = fmin(fastest, arms[arm].seconds);
        if (arm > 0 && arms[arm].total >= outcome->total)
            continue;
        *outcome = arms[arm];
        outcome->omega = systems_omega(arm);
    }
    outcome->seconds = fastest;
}

static void problem_name(const struct tuning_settings *settings,
        const char *policy, uint32_t seed, char *name, size_t size)
{
    (void)snprintf(name, size, "%s-%s-%u", settings->problem, policy, seed);
}

static struct tuner_settings tuner_settings_of(
        const struct tuning_settings *settings, const struct systems *systems,
        const char *policy, uint32_t seed, const char *problem)
{
    return (struct tuner_settings){.policy = policy,
            .systems = systems,
            .seed = seed,
            .endpoint = settings->endpoint,
            .problem = problem,
            .timeout_ms = settings->timeout_ms};
}

static const struct baseline fixed_arm = {"", cost_fixed, 0};

/* A policy of rue, or a baseline but the best fixed one. */
static int open_player(struct trial *trial, const struct tuning_policy *policy,
        struct tuning_outcome *outcome, struct player *player)
{
    struct tuner_settings settings;
    char problem[96];

    *player = (struct player){.outcome = outcome};
    if (!policy->learns) {
        player->baseline = baseline_of(policy);
        player->fixed = strcmp(policy->name, "fixed-1.6") == 0 ? 1.6
                : strcmp(policy->name, "fixed-1.8") == 0       ? 1.8
                                                               : 1.0;
        return 0;
    }
    problem_name(trial->settings, policy->name, trial->seed, problem,
            sizeof(problem));
    settings = tuner_settings_of(trial->settings, &trial->systems, policy->name,
            trial->seed, problem);
    player->tuner = tuner_open(&settings, trial->err);
    return player->tuner == NULL ? (int)trial->err->status : 0;
}

static void open_arms(struct tuning_outcome *outcomes, struct player *players)
{
    for (uint32_t arm = 0; arm < SYSTEMS_ARMS; arm++)
        players[arm] = (struct player){.baseline = &fixed_arm,
                .fixed = systems_omega(arm),
                .outcome = &outcomes[arm]};
}

static bool is_best_fixed(const struct tuning_policy *policy)
{
    return !policy->learns && baseline_of(policy)->cost == NULL;
}

static int play_policy(struct trial *trial, const struct tuning_policy *policy,
        struct tuning_outcome *outcome)
{
    struct tuning_outcome arms[SYSTEMS_ARMS] = {0};
    struct player players[SYSTEMS_ARMS];
    int status;

    if (is_best_fixed(policy)) {
        open_arms(arms, players);
        for (uint32_t arm = 0; arm < SYSTEMS_ARMS; arm++)
            (void)play_alone(trial, &players[arm]);
        take_best_fixed(arms, outcome);
        return 0;
    }
    status = open_player(trial, policy, outcome, &players[0]);
    if (status == 0)
        status = play_alone(trial, &players[0]);
    tuner_close(players[0].tuner);
    return status;
}

/* ---- heat: all policies side by side ---- */

struct side_by_side {
    struct player players[TUNING_POLICIES_MAX + SYSTEMS_ARMS];
    uint32_t count;
    struct tuning_outcome arms[SYSTEMS_ARMS];
};

static int open_players(struct trial *trial, struct side_by_side *all)
{
    const struct tuning_settings *settings = trial->settings;
    int status = 0;

    for (size_t i = 0; status == 0 && i < settings->policy_count; i++) {
        if (is_best_fixed(settings->policies[i])) {
            open_arms(all->arms, &all->players[all->count]);
            all->count += SYSTEMS_ARMS;
            continue;
        }
        status = open_player(trial, settings->policies[i], &trial->outcomes[i],
                &all->players[all->count]);
        all->count++;
    }
    for (uint32_t k = 0; status == 0 && k < all->count; k++) {
        all->players[k].field = calloc(trial->systems.n, sizeof(double));
        if (all->players[k].field == NULL)
            status = err_set(trial->err, STATUS_INTERNAL,
                    "no memory for a policy's field");
    }
    return status;
}

static int play_side_by_side(struct trial *trial)
{
    const struct tuning_settings *settings = trial->settings;
    struct side_by_side *all = calloc(1, sizeof(*all));
    int status;

    if (all == NULL)
        return err_set(trial->err, STATUS_INTERNAL, "no memory");
    status = open_players(trial, all);
    if (status == 0)
        status = play_together(trial, all->players, all->count);
    for (size_t i = 0; status == 0 && i < settings->policy_count; i++)
        if (is_best_fixed(settings->policies[i]))
            take_best_fixed(all->arms, &trial->outcomes[i]);
    for (uint32_t k = 0; k < all->count; k++) {
        tuner_close(all->players[k].tuner);
        free(all->players[k].field);
    }
    free(all);
    return status;
}

/* ---- a trial ---- */

static void survey(struct trial *trial)
{
    for (uint32_t i = 0; i < trial->systems.rounds; i++) {
        const uint32_t *row = row_of(trial, i);
        uint32_t bin = bin_of(trial, systems_context(&trial->systems, i));
        trial->landscape->rounds[bin]++;
        for (uint32_t arm = 0; arm < SYSTEMS_ARMS; arm++)
            trial->landscape->cost[bin][arm] += row[arm];
    }
}

static void bins_of(
        const struct systems *systems, double *bin_min, double *bin_max)
{
    bool model = systems->kind == SYSTEMS_LOW || systems->kind == SYSTEMS_HIGH;

    *bin_min = systems->context_min;
    *bin_max = model ? 0.45 : systems->context_max;
}

/* `done` counts policies that are through. */
static int run_trial(const struct tuning_settings *settings, uint32_t number,
        struct tuning_result *result, _Atomic uint32_t *done, struct err *err)
{
    struct systems_settings systems = settings->systems;
    struct trial trial = {.settings = settings,
            .seed = settings->systems.seed + number,
            .begun = UINT32_MAX,
            .outcomes =
                    result->outcomes + (size_t)number * settings->policy_count,
            .landscape = &result->landscapes[number],
            .err = err};
    int status;

    systems.seed = trial.seed;
    status = systems_open(&trial.systems, &systems, err);
    if (status != 0)
        return status;
    bins_of(&trial.systems, &trial.bin_min, &trial.bin_max);
    if (!is_heat(&trial)) {
        trial.costs = calloc((size_t)trial.systems.rounds * SYSTEMS_ARMS,
                sizeof(*trial.costs));
        if (trial.costs == NULL)
            status = err_set(err, STATUS_INTERNAL, "no memory for the costs");
    }
    if (status == 0 && settings->landscape && !is_heat(&trial))
        survey(&trial);
    if (status == 0 && is_heat(&trial)) {
        status = play_side_by_side(&trial);
        atomic_fetch_add(done, (uint32_t)settings->policy_count);
    }
    for (size_t i = 0;
            status == 0 && !is_heat(&trial) && i < settings->policy_count;
            i++) {
        status = play_policy(&trial, settings->policies[i], &trial.outcomes[i]);
        atomic_fetch_add(done, 1);
    }
    free(trial.costs);
    systems_close(&trial.systems);
    return status;
}

/* ---- all trials ---- */

/* Shared by the processes. */
struct board {
    _Atomic uint32_t next; /* trial that nobody has taken yet */
    _Atomic uint32_t done;
    struct err err[JOBS_MAX];
    int status[JOBS_MAX];
};

_Noreturn static void work(const struct tuning_settings *settings,
        struct tuning_result *result, struct board *board, uint32_t job)
{
    int status = 0;

    for (;;) {
        uint32_t number = atomic_fetch_add(&board->next, 1);
        if (number >= settings->trials || status != 0)
            break;
        status = run_trial(
                settings, number, result, &board->done, &board->err[job]);
    }
    board->status[job] = status;
    _exit(status == 0 ? 0 : 1);
}

static void report_progress(
        const struct tuning_settings *settings, struct board *board)
{
    if (settings->progress != NULL)
        settings->progress(settings->self, atomic_load(&board->done),
                settings->trials * settings->policy_count);
}

/* Waits for all; the first failure. */
static int wait_for(const struct tuning_settings *settings, struct board *board,
        uint32_t jobs, const pid_t *pids, struct err *err)
{
    uint32_t left = jobs;
    int status = 0;

    while (left > 0) {
        struct timespec pause = {0, WAIT_MS * 1000000};
        for (uint32_t job = 0; job < jobs; job++) {
            int how = 0;
            if (pids[job] <= 0 ||
                    waitpid(pids[job], &how, WNOHANG) != pids[job])
                continue;
            left--;
            if (how == 0 || status != 0)
                continue;
            *err = board->err[job];
            status = board->status[job] != 0
                    ? board->status[job]
                    : err_set(err, STATUS_INTERNAL, "a trial's process died");
        }
        report_progress(settings, board);
        if (left > 0)
            (void)nanosleep(&pause, NULL);
    }
    return status;
}

static int run_processes(const struct tuning_settings *settings,
        struct tuning_result *result, struct board *board, uint32_t jobs,
        struct err *err)
{
    pid_t pids[JOBS_MAX];
    uint32_t started = 0;
    int status;

    (void)fflush(NULL);
    for (; started < jobs; started++) {
        pids[started] = fork();
        if (pids[started] < 0)
            break;
        if (pids[started] == 0)
            work(settings, result, board, started);
    }
    if (started == 0)
        return err_set(err, STATUS_INTERNAL, "no process could be started");
    status = wait_for(settings, board, started, pids, err);
    return status;
}

static int run_here(const struct tuning_settings *settings,
        struct tuning_result *result, struct board *board, struct err *err)
{
    int status = 0;

    for (uint32_t i = 0; status == 0 && i < settings->trials; i++) {
        status = run_trial(settings, i, result, &board->done, err);
        report_progress(settings, board);
    }
    return status;
}

static uint32_t jobs_of(const struct tuning_settings *settings)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t jobs = settings->jobs > 0 ? settings->jobs
            : online > 0               ? (uint32_t)online
                                       : 1;

    jobs = jobs > settings->trials ? settings->trials : jobs;
    return jobs > JOBS_MAX ? JOBS_MAX : jobs;
}

/* Pages that children and parent share. */
static void *share(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
            MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

/* What the systems say of themselves, and whether they can be opened at all. */
static int look(const struct tuning_settings *settings,
        struct tuning_result *result, struct err *err)
{
    struct systems systems;
    int status = systems_open(&systems, &settings->systems, err);

    if (status != 0)
        return status;
    result->rounds = systems.rounds;
    bins_of(&systems, &result->context_min, &result->context_max);
    systems_close(&systems);
    return 0;
}

int tuning_run(const struct tuning_settings *settings,
        struct tuning_result *result, struct err *err)
{
    size_t outcomes = (size_t)settings->trials * settings->policy_count *
            sizeof(*result->outcomes);
    uint32_t jobs = jobs_of(settings);
    struct board *board;
    int status;

    CHECK(settings->trials >= 1 && settings->trials <= TUNING_TRIALS_MAX &&
            settings->policy_count <= TUNING_POLICIES_MAX);
    memset(result, 0, sizeof(*result));
    status = look(settings, result, err);
    if (status != 0)
        return status;
    result->trials = settings->trials;
    result->policy_count = settings->policy_count;
    result->size = outcomes + settings->trials * sizeof(*result->landscapes) +
            sizeof(*board);
    result->outcomes = share(result->size);
    if (result->outcomes == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory for the results");
    result->landscapes = (void *)((unsigned char *)result->outcomes + outcomes);
    board = (void *)(result->landscapes + settings->trials);
    status = jobs > 1 ? run_processes(settings, result, board, jobs, err)
                      : run_here(settings, result, board, err);
    if (status != 0)
        tuning_free(result);
    return status;
}

void tuning_free(struct tuning_result *result)
{
    if (result->outcomes != NULL)
        (void)munmap(result->outcomes, result->size);
    memset(result, 0, sizeof(*result));
}

/* ---- over the trials ---- */

struct tuning_summary tuning_summarise(
        const struct tuning_result *result, size_t policy)
{
    struct tuning_summary summary = {0};
    double squares = 0.0, known = 0.0;
    uint32_t quarter = result->rounds / 4 > 0 ? result->rounds / 4 : 1;

    for (uint32_t trial = 0; trial < result->trials; trial++) {
        const struct tuning_outcome *outcome =
                &result->outcomes[(size_t)trial * result->policy_count +
                        policy];
        double mean = outcome->total / result->rounds;
        double before = summary.per_solve;
        if (!outcome->known)
            continue;
        known += 1.0;
        summary.per_solve += (mean - before) / known;
        squares += (mean - before) * (mean - summary.per_solve);
        summary.last_quarter +=
                (outcome->last / quarter - summary.last_quarter) / known;
        summary.omega += (outcome->omega - summary.omega) / known;
        summary.seconds += (outcome->seconds - summary.seconds) / known;
        summary.capped += outcome->capped;
    }
    summary.sd = known > 1.0 ? sqrt(squares / (known - 1.0)) : 0.0;
    if (known == 0.0)
        summary.per_solve = summary.last_quarter = (double)NAN;
    return summary;
}

double tuning_worst_ratio(
        const struct tuning_result *result, size_t policy, size_t other)
{
    double worst = (double)NAN;

    for (uint32_t trial = 0; trial < result->trials; trial++) {
        const struct tuning_outcome *outcomes =
                &result->outcomes[(size_t)trial * result->policy_count];
        if (outcomes[policy].known && outcomes[other].known)
            worst = fmax(worst, outcomes[policy].total / outcomes[other].total);
    }
    return worst;
}

int tuning_config(
        const struct tuning_settings *settings, FILE *out, struct err *err)
{
    struct systems systems;
    int status = systems_open(&systems, &settings->systems, err);

    if (status != 0)
        return status;
    for (uint32_t trial = 0; trial < settings->trials; trial++)
        for (size_t i = 0; i < settings->policy_count; i++) {
            const struct tuning_policy *policy = settings->policies[i];
            uint32_t seed = settings->systems.seed + trial;
            struct tuner_settings tuner;
            char problem[96];
            if (!policy->learns)
                continue;
            problem_name(
                    settings, policy->name, seed, problem, sizeof(problem));
            tuner = tuner_settings_of(
                    settings, &systems, policy->name, seed, problem);
            tuner_config(&tuner, out);
        }
    systems_close(&systems);
    return 0;
}
