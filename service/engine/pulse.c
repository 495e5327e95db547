#include "service/engine/pulse.h"

#include <math.h>
#include <stdlib.h>

#define NORMAL_95 1.959963984540054
/* Rows before an interval means something. */
#define ROWS_MIN 30u

const double pulse_delay_edges[PULSE_DELAYS] = {1e-3, 3e-3, 1e-2, 3e-2, 0.1,
        0.3, 1, 3, 10, 30, 1e2, 3e2, 1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6, 3e6};

static const struct pulse_window empty_window = {
        .least_chosen = 1.0, .least = 1.0};

struct pulse *pulse_new(uint32_t slots, uint32_t groups, double origin)
{
    uint32_t actions = slots < PULSE_ACTIONS ? slots : PULSE_ACTIONS;
    uint32_t parts = groups < PULSE_GROUPS ? groups : PULSE_GROUPS;
    struct pulse *pulse = calloc(1,
            sizeof(*pulse) + actions * sizeof(*pulse->actions) +
                    parts * sizeof(*pulse->groups));

    if (pulse == NULL)
        return NULL;
    pulse->origin = origin;
    pulse->window = empty_window;
    pulse->before = empty_window;
    pulse->action_count = actions;
    pulse->group_count = parts;
    pulse->actions = (struct pulse_action *)(void *)(pulse + 1);
    pulse->groups = (struct pulse_sums *)(void *)(pulse->actions + actions);
    return pulse;
}

/* ---- decisions ---- */

static void count_in_window(
        struct pulse *pulse, uint32_t count, double chosen, double least)
{
    struct pulse_window *window = &pulse->window;
    double weight = 1.0 / (count * chosen);

    window->rows++;
    window->least_chosen = fmin(window->least_chosen, chosen);
    window->least = fmin(window->least, least);
    window->weights += weight;
    window->squares += weight * weight;
    if (window->rows < PULSE_WINDOW)
        return;
    pulse->before = *window;
    *window = empty_window;
}

void pulse_decided(struct pulse *pulse, const struct decision_record *decision,
        bool by_place)
{
    const double *p = decision->probability;
    double most = 0.0, least = 1.0;

    if (p == NULL || decision->count == 0 || decision->chosen_only ||
            decision->chosen >= decision->count)
        return;
    for (uint32_t i = 0; i < decision->count; i++) {
        uint32_t place = decision->eligible[i];
        most = fmax(most, p[i]);
        least = fmin(least, p[i]);
        if (by_place && place < pulse->action_count) {
            pulse->actions[place].offered += p[i];
            pulse->actions[place].chosen += i == decision->chosen;
        }
    }
    pulse->decided++;
    pulse->explored += 1.0 - most;
    if (p[decision->chosen] > 0.0)
        count_in_window(pulse, decision->count, p[decision->chosen], least);
}

/* ---- outcomes ---- */

/* One value more; or, if there was one before, that value in its place. */
static void add(struct pulse_sums *sums, double value, double before)
{
    if (isnan(before)) {
        sums->rows++;
        sums->sum += value;
        sums->squares += value * value;
        return;
    }
    sums->sum += value - before;
    sums->squares += value * value - before * before;
}

static void add_action(struct pulse_action *action, double value, double before,
        double propensity)
{
    add(&action->taken, value, before);
    if (propensity <= 0.0)
        return;
    if (isnan(before))
        action->weight += 1.0 / propensity;
    action->weighted += (value - (isnan(before) ? 0.0 : before)) / propensity;
}

static void count_delay(struct pulse *pulse, nanos delay)
{
    double seconds = (double)delay / (double)NANOS_PER_SECOND;
    uint32_t bucket = 0;

    while (bucket < PULSE_DELAYS && pulse_delay_edges[bucket] < seconds)
        bucket++;
    pulse->delays[bucket]++;
    pulse->delay_sum += seconds;
}

void pulse_learned(struct pulse *pulse, const struct pulse_outcome *outcome)
{
    double value = outcome->value - pulse->origin;
    double before = outcome->before - pulse->origin;

    /* What it replaces was learned before the pulse began. */
    if (!isnan(before) && pulse->all.rows == 0)
        return;
    add(&pulse->all, value, before);
    for (uint32_t i = 0; i < outcome->group_count; i++)
        if (outcome->groups[i] < pulse->group_count)
            add(&pulse->groups[outcome->groups[i]], value, before);
    if (outcome->slot >= 0 && outcome->slot < (int64_t)pulse->action_count)
        add_action(&pulse->actions[outcome->slot], value, before,
                outcome->propensity);
    pulse->unjoined += outcome->unjoined;
    if (outcome->delay >= 0)
        count_delay(pulse, outcome->delay);
}

/* ---- reading ---- */

struct pulse_mean pulse_mean(
        const struct pulse *pulse, const struct pulse_sums *sums)
{
    struct pulse_mean result = {(double)NAN, (double)NAN};
    double n = (double)sums->rows, mean;

    if (sums->rows == 0)
        return result;
    mean = sums->sum / n;
    result.mean = pulse->origin + mean;
    if (sums->rows >= ROWS_MIN)
        result.half = NORMAL_95 *
                sqrt(fmax(0.0, sums->squares / n - mean * mean) / (n - 1.0));
    return result;
}

double pulse_exploration(const struct pulse *pulse)
{
    return pulse->decided == 0 ? (double)NAN
                               : pulse->explored / (double)pulse->decided;
}

static bool none_in_windows(const struct pulse *pulse)
{
    return pulse->window.rows == 0 && pulse->before.rows == 0;
}

double pulse_least_chosen(const struct pulse *pulse)
{
    return none_in_windows(pulse)
            ? (double)NAN
            : fmin(pulse->window.least_chosen, pulse->before.least_chosen);
}

double pulse_least(const struct pulse *pulse)
{
    return none_in_windows(pulse)
            ? (double)NAN
            : fmin(pulse->window.least, pulse->before.least);
}

double pulse_effective(const struct pulse *pulse)
{
    const struct pulse_window *now = &pulse->window, *before = &pulse->before;
    double weights = now->weights + before->weights;
    double squares = now->squares + before->squares;
    double rows = (double)now->rows + (double)before->rows;

    return none_in_windows(pulse) ? (double)NAN
                                  : weights * weights / (rows * squares);
}

double pulse_action_value(
        const struct pulse *pulse, const struct pulse_action *action)
{
    return action->weight > 0.0
            ? pulse->origin + action->weighted / action->weight
            : (double)NAN;
}

double pulse_regret(const struct pulse *pulse, bool minimise)
{
    double best = (double)NAN, sign = minimise ? -1.0 : 1.0;

    for (uint32_t i = 0; i < pulse->action_count; i++) {
        const struct pulse_action *action = &pulse->actions[i];
        double value = sign * pulse_action_value(pulse, action);
        if (action->taken.rows >= ROWS_MIN && !(value <= best))
            best = value;
    }
    return best - sign * pulse_mean(pulse, &pulse->all).mean;
}
