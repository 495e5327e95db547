#include "service/status.h"

#include "service/counters.h"
#include "service/trial_watch.h"

#include <math.h>

#define NUMBERS_MAX 16384u

/* Numbers gathered so far, in an arena. */
struct gather {
    const struct problem_spec *spec;
    struct number *numbers;
    uint32_t count, capacity;
};

static void add(struct gather *gather, const char *name, struct bytes group,
        double value)
{
    if (gather->count == gather->capacity)
        return;
    gather->numbers[gather->count++] =
            (struct number){bytes_of_text(name), group, value};
}

static void add_visited(
        void *self, const char *name, int32_t group, double value)
{
    struct gather *gather = self;
    struct bytes group_name = group < 0 ? bytes_of_text("always_on")
                                        : gather->spec->groups[group].name;
    bool of_group = group >= 0 || strncmp(name, "expert_", 7) == 0 ||
            strncmp(name, "meta_", 5) == 0 || strncmp(name, "mixed_", 6) == 0;

    add(gather, name, of_group ? group_name : bytes_of(NULL, 0), value);
}

static void add_drift(void *self, const char *name, uint32_t part,
        uint32_t index, double value)
{
    struct gather *gather = self;
    const struct problem_spec *spec = gather->spec;

    if (part == DRIFT_ALL)
        add(gather, name, bytes_of(NULL, 0), value);
    else if (part == DRIFT_GROUP)
        add(gather, name, spec->groups[index].name, value);
}

/* Of every circuit how often it opened, and what it knows while it is open.
 * Circuits of a group are told of when they are open only. */
static void add_circuits(struct gather *gather, const struct problem *problem)
{
    for (uint32_t i = 0; i < breaker_views(problem->breaker); i++) {
        struct breaker_view view;
        breaker_view(problem->breaker, i, &view);
        if (view.group >= 0 && !view.open)
            continue;
        add(gather, "circuit_open", view.name, view.open ? 1.0 : 0.0);
        add(gather, "circuit_evidence", view.name, view.evidence);
        add(gather, "circuit_opened", view.name, (double)view.opened);
        add(gather, "circuit_failure_rate", view.name, view.failure_rate);
    }
}

static void add_problem(struct gather *gather, const struct problem *problem)
{
    const struct problem_counters *folded = &problem->counters;
    struct visitor visitor = {add_visited, gather};

#define X(name, sentence)                                                      \
    add(gather, #name, bytes_of(NULL, 0), (double)folded->name);
    PROBLEM_COUNTERS(X)
#undef X
    add(gather, "value_sum", bytes_of(NULL, 0), folded->value_sum);
    if (folded->learned > 0)
        add(gather, "value_mean", bytes_of(NULL, 0),
                folded->value_sum / (double)folded->learned);
    if (problem->grid != NULL)
        add(gather, "parameter_points", bytes_of(NULL, 0),
                grid_count(problem->grid));
    if (problem->spec->guard.on) {
        add(gather, "guard_spent", bytes_of(NULL, 0), problem->guard.spent);
        add(gather, "guard_allowed", bytes_of(NULL, 0), problem->guard.allowed);
        add(gather, "guard_reserved", bytes_of(NULL, 0),
                problem->guard.reserved);
    }
    policy_visit(problem->policy, &visitor);
    if (problem->drift != NULL)
        drift_visit(problem->drift, add_drift, gather);
    add(gather, "fallback", bytes_of(NULL, 0),
            response_falls_back(&problem->response, &problem->spec->settings,
                    folded->learned));
    if (problem->breaker != NULL)
        add_circuits(gather, problem);
}

static void add_training(
        const struct shard *shard, struct gather *gather, uint32_t problem)
{
    struct bytes none = bytes_of(NULL, 0);
    struct training_state state;

    if (shard == NULL || shard->trainer == NULL)
        return;
    trainer_state(shard->trainer, problem, &state);
    add(gather, "training_running", none, state.running);
    add(gather, "training_done", none, state.done);
    add(gather, "trainings", none, (double)state.trainings);
    add(gather, "trainings_failed", none, (double)state.failures);
    add(gather, "generation_newest", none, (double)state.generation);
    add(gather, "trainings_skipped", none, (double)state.skipped);
    add(gather, "training_cpu_saved_s", none, state.saved_seconds);
    if (state.generation == 0)
        return;
    add(gather, "training_cpu_s", none, state.cpu_seconds);
    add(gather, "training_window", none, (double)state.window);
    add(gather, "training_known", none, (double)state.known);
    add(gather, "generation_newest_rows", none, (double)state.rows);
    add(gather, "generation_newest_effective", none, state.effective);
    add(gather, "generation_newest_verdict", none, (double)state.verdict);
    add(gather, "training_seconds", none, state.seconds);
}

/* How a generation on trial does, in units of the reward: what it is worth more
 * than the one that serves, and the standard error of that. */
static void add_trial(struct gather *gather, const struct problem *problem)
{
    const struct challenger *challenger = &problem->challenger;
    const struct value_range *range = &problem->spec->policy.range;
    double unit = range->max - range->min, rows = (double)challenger->rows;
    struct bytes none = bytes_of(NULL, 0);
    struct estimate estimate;
    double mean, variance;

    add(gather, "gate_refused_in_a_row", none, (double)problem->refused);
    add(gather, "gate_drift_alarming", none, problem->alarming);
    if (challenger->policy == NULL)
        return;
    add(gather, "trial_generation", none, (double)challenger->generation);
    add(gather, "trial_share", none, challenger->share);
    add(gather, "trial_mixed", none, challenger->mixed);
    add(gather, "trial_rows", none, rows);
    if (challenger->rows < 2)
        return;
    mean = challenger->sum / rows;
    variance = challenger->squares / rows - mean * mean;
    add(gather, "trial_gain", none, unit * mean);
    add(gather, "trial_gain_error", none,
            unit * sqrt((variance > 0.0 ? variance : 0.0) / rows));
    estimate = trial_estimate(problem);
    if (!estimate.given)
        return;
    add(gather, "trial_gain_lower", none, estimate.lower);
    add(gather, "trial_gain_upper", none, estimate.upper);
}

static bool of_problem(const struct shard *shard, const struct problem *problem,
        struct gather *gather, struct status_answer *answer)
{
    add_problem(gather, problem);
    add_training(shard, gather, problem->spec->number);
    add_trial(gather, problem);
    answer->policy = bytes_of_text(problem->spec->policy_name);
    answer->generation = problem->generation;
    return problem_state_hash(problem, &answer->state_hash);
}

static bool gather_in(struct arena *arena, struct gather *gather)
{
    *gather = (struct gather){.capacity = NUMBERS_MAX};
    gather->numbers = arena_array(arena, struct number, gather->capacity);
    return gather->numbers != NULL;
}

static void answer_start(struct status_answer *answer)
{
    memset(answer, 0, sizeof(*answer));
    answer->version = bytes_of_text(RUE_VERSION);
}

bool status_of_problem(const struct shard *shard, const struct problem *problem,
        struct arena *arena, struct status_answer *answer)
{
    struct gather gather;

    if (!gather_in(arena, &gather))
        return false;
    answer_start(answer);
    gather.spec = problem->spec;
    if (!of_problem(shard, problem, &gather, answer))
        return false;
    answer->number = gather.numbers;
    answer->number_count = gather.count;
    return true;
}

bool status_of_config(const struct config *config, struct arena *arena,
        struct status_answer *answer)
{
    struct bytes *names =
            arena_array(arena, struct bytes, config->problem_count);

    if (names == NULL)
        return false;
    answer_start(answer);
    for (uint32_t i = 0; i < config->problem_count; i++)
        names[i] = config->problems[i]->name;
    answer->problem = names;
    answer->problem_count = config->problem_count;
    return true;
}

static bool status_of_service(const struct shard *shard, struct arena *arena,
        struct status_answer *answer)
{
    struct gather gather;

    if (!gather_in(arena, &gather) ||
            !status_of_config(shard->config, arena, answer))
        return false;
    for (uint32_t i = 0; i < counters_count(); i++)
        add(&gather, counters_name(i), bytes_of(NULL, 0),
                (double)counters_value(i));
    add(&gather, "storage_full", bytes_of(NULL, 0),
            commit_full(shard->committer) ? 1.0 : 0.0);
    answer->number = gather.numbers;
    answer->number_count = gather.count;
    return true;
}

bool status_answer(const struct shard *shard, const struct problem *problem,
        struct arena *arena, struct status_answer *answer)
{
    if (!(problem != NULL ? status_of_problem(shard, problem, arena, answer)
                          : status_of_service(shard, arena, answer)))
        return false;
    answer->uptime_s =
            (double)(shard->now - shard->started) / (double)NANOS_PER_SECOND;
    answer->last_sequence = commit_last_sequence(shard->committer);
    return true;
}
