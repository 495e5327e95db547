#include "service/trial_watch.h"

#include "replay/gate.h"

#include <string.h>

/* A generation that is mixed in stays until the next candidate comes, unless it
 * is decided. */
static struct gate_report report_of(const struct problem *problem)
{
    const struct challenger *challenger = &problem->challenger;
    const struct problem_settings *settings = &problem->spec->settings;
    struct gate_canary_rules rules = {.alpha = settings->retrain_alpha,
            .margin = settings->canary_margin,
            .planned = settings->canary_planned,
            .least = settings->canary_least,
            .most = challenger->mixed ? (double)INFINITY
                                      : settings->canary_most};
    struct gate_canary canary = {
            (double)challenger->rows, challenger->sum, challenger->squares};
    uint64_t k = problem->counters.canaries;

    return gate_canary_report(
            &rules, k < UINT32_MAX ? (uint32_t)k : UINT32_MAX, &canary);
}

/* In units of the reward. */
static struct estimate estimate_of(
        const struct problem *problem, const struct gate_report *report)
{
    const struct value_range *range = &problem->spec->policy.range;
    double unit = range->max - range->min;

    return (struct estimate){.given = true,
            .value = unit * report->estimate,
            .lower = unit * report->limits.lower,
            .upper = unit * report->limits.upper,
            .alpha = report->alpha,
            .rows = problem->challenger.rows};
}

static bool enough(const struct problem *problem)
{
    const struct challenger *challenger = &problem->challenger;

    return challenger->policy != NULL &&
            challenger->rows >= problem->spec->settings.canary_least;
}

struct estimate trial_estimate(const struct problem *problem)
{
    struct gate_report report;

    if (!enough(problem))
        return (struct estimate){.given = false};
    report = report_of(problem);
    return estimate_of(problem, &report);
}

/* The sentence and the stage of a verdict; false: there is none. */
static bool say(const struct problem *problem, enum gate_verdict verdict,
        struct promotion *promotion)
{
    const struct gate_options *gate = &problem->spec->settings.gate;

    promotion->stage = STAGE_REFUSED;
    switch (verdict) {
    case GATE_WAIT:
    case GATE_UNSUPPORTED:
        return false;
    case GATE_PASS:
        promotion->stage = STAGE_SERVE;
        promotion->why = bytes_of_text("canary: it is not worse than the "
                                       "margin");
        return true;
    case GATE_BLOCK:
        promotion->why = bytes_of_text("canary: it is worse");
        return true;
    case GATE_UNDECIDED:
        promotion->why = bytes_of_text("canary: not decided in time");
        if (gate_mixes(gate, problem->refused)) {
            promotion->stage = STAGE_MIXED;
            promotion->share = gate->mixing;
        }
        return true;
    }
    CHECK_UNREACHABLE();
}

bool trial_decided(const struct problem *problem, struct promotion *promotion)
{
    const struct challenger *challenger = &problem->challenger;
    struct gate_report report;

    if (!enough(problem) || challenger->share == 0.0)
        return false;
    report = report_of(problem);
    *promotion = (struct promotion){.generation = challenger->generation,
            .estimate = estimate_of(problem, &report)};
    return say(problem, report.verdict, promotion);
}

bool trial_holds(const struct problem *problem)
{
    return problem->challenger.policy != NULL && !problem->challenger.mixed &&
            !problem->alarming;
}

/* "drift alarms: on the veto alone; WHY". As it was, where there is no room. */
static struct bytes why_of_override(struct arena *arena, struct bytes why)
{
    static const char head[] = "drift alarms: on the veto alone; ";
    char *text = arena_alloc(arena, sizeof(head) - 1 + why.size);

    if (text == NULL)
        return why;
    memcpy(text, head, sizeof(head) - 1);
    if (why.size > 0)
        memcpy(text + sizeof(head) - 1, why.data, why.size);
    return bytes_of(text, sizeof(head) - 1 + why.size);
}

void trial_settle(const struct problem *problem, struct arena *arena,
        struct promotion *promotion)
{
    const struct problem_settings *settings = &problem->spec->settings;
    bool ours = settings->retrain_then == RETRAIN_PROMOTE ||
            settings->retrain_then == RETRAIN_CANARY;

    if (promotion->stage == STAGE_REFUSED && ours &&
            gate_mixes(&settings->gate, problem->refused)) {
        promotion->stage = STAGE_MIXED;
        promotion->share = settings->gate.mixing;
    } else if (promotion->stage == STAGE_CANARY && problem->alarming) {
        promotion->stage = STAGE_SERVE;
        promotion->why = why_of_override(arena, promotion->why);
    }
}
