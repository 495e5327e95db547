#include "replay/tune.h"

#include "replay/span.h"

#include <math.h>

/* ---- the split ---- */

/* The whole log's panel knows its span; what is before the split is the
 * past's. */
static int find_split(struct tune *tune, const struct tune_settings *settings,
        struct err *err)
{
    const struct panel *panel = &tune->past;
    uint64_t from = panel->settings.from, last = panel->settings.last;
    uint64_t all, before;
    int status = span_decisions(&tune->past.reader, panel->number, from, last,
            UINT64_MAX, &all, &tune->split, err);

    if (status != 0)
        return status;
    before = (uint64_t)floor(settings->past * (double)all);
    if (before == 0 || before >= all)
        return err_set(err, STATUS_INVALID,
                "%llu decisions cannot be split into a past and a future",
                (unsigned long long)all);
    tune->each = (all + settings->generations - 1) / settings->generations;
    return span_decisions(&tune->past.reader, panel->number, from, last, before,
            &all, &tune->split, err);
}

/* ---- gains ---- */

/* Two-sided at `alpha`; the normal limits of a number of rows that was fixed
 * beforehand. */
static struct tune_gain gain_of(const struct panel *panel,
        const struct panel_policy *policy, const struct support_limits *limits,
        double alpha)
{
    const struct panel_slice *slice = &policy->slices[0];
    const struct asymptotic_sequence *gain = &slice->gain;
    struct support support = support_of(&slice->sums);
    struct verdict verdict =
            support_judge(&support, limits, policy->overlap, panel->places);
    double n = gain->terms.count, v = ope_mean_weight(&slice->sums);
    struct tune_gain out = {gain->terms.mean / v, (double)NAN,
            {-INFINITY, INFINITY}, verdict.ranked};
    double half;

    /* Where it hardly differs from the log, `square` is small. */
    if (n < 2.0 || n * n < gain->ess_start * gain->square) {
        out.ranked = false;
        return out;
    }
    out.error = sqrt(moments_variance(&gain->terms) / n) / v;
    half = -normal_quantile(alpha / 2.0) * out.error;
    out.limits = (struct interval){out.mean - half, out.mean + half};
    return out;
}

/* ---- passes ---- */

static int add_candidate(struct panel *panel,
        const struct tune_candidate *candidate, struct err *err)
{
    uint32_t line;

    return panel_add(panel, candidate->name, PANEL_ONLINE, 0, candidate->policy,
            candidate->count, &line, err);
}

static int run_past(struct tune *tune, struct ledger *ledger,
        const struct tune_settings *settings,
        const struct tune_candidate *candidates, uint32_t *candidate,
        struct err *err)
{
    struct panel_settings wanted = settings->panel;
    int status;

    wanted.report_from = 0;
    status = panel_open(&tune->past, ledger, &wanted, err);
    if (status == 0)
        status = find_split(tune, settings, err);
    if (status != 0)
        return status;
    panel_close(&tune->past);
    wanted.last = tune->split - 1;
    wanted.generation_rows = tune->each;
    status = panel_open(&tune->past, ledger, &wanted, err);
    tune->first = tune->past.policy_count;
    for (uint32_t i = 0; status == 0 && i < tune->count; i++) {
        *candidate = i;
        status = add_candidate(&tune->past, &candidates[i], err);
    }
    if (status != 0)
        return status;
    *candidate = tune->count;
    return panel_run(&tune->past, err);
}

static void choose(struct tune *tune, const struct tune_settings *settings)
{
    double alpha = settings->panel.alpha / (double)tune->count;

    for (uint32_t i = 0; i < tune->count; i++) {
        struct tune_gain *gain = &tune->gains[i];
        *gain = gain_of(
                &tune->past, tune_on_past(tune, i), &settings->limits, alpha);
        if (!gain->ranked)
            continue;
        tune->ranked++;
        if (tune->has_choice &&
                gain->limits.lower <= tune->gains[tune->choice].limits.lower)
            continue;
        tune->has_choice = true;
        tune->choice = i;
    }
}

static int run_future(struct tune *tune, struct ledger *ledger,
        const struct tune_settings *settings,
        const struct tune_candidate *choice, struct err *err)
{
    struct panel_settings wanted = settings->panel;
    int status;

    wanted.report_from = tune->split;
    wanted.generation_rows = tune->each;
    status = panel_open(&tune->future, ledger, &wanted, err);
    if (status == 0)
        status = add_candidate(&tune->future, choice, err);
    if (status == 0)
        status = panel_run(&tune->future, err);
    if (status != 0)
        return status;
    tune->gain = gain_of(&tune->future, tune_on_future(tune), &settings->limits,
            settings->panel.alpha);
    tune->proved = tune->gain.ranked && tune->gain.limits.lower > 0.0;
    return 0;
}

int tune_run(struct tune *tune, struct ledger *ledger,
        const struct tune_settings *settings,
        const struct tune_candidate *candidates, uint32_t count,
        uint32_t *candidate, struct err *err)
{
    int status;

    memset(tune, 0, sizeof(*tune));
    tune->count = count;
    *candidate = count;
    if (count == 0 || count > TUNE_CANDIDATES_MAX)
        return err_set(err, STATUS_INVALID, "%u candidates: 1 to %u", count,
                TUNE_CANDIDATES_MAX);
    if (!(settings->past > 0.0 && settings->past < 1.0))
        return err_set(err, STATUS_INVALID,
                "the past's share, %g, is not between 0 and 1", settings->past);
    if (settings->generations == 0)
        return err_set(
                err, STATUS_INVALID, "there is no generation of 0 parts");
    status = run_past(tune, ledger, settings, candidates, candidate, err);
    if (status != 0)
        return status;
    choose(tune, settings);
    return tune->has_choice
            ? run_future(tune, ledger, settings, &candidates[tune->choice], err)
            : 0;
}

void tune_close(struct tune *tune)
{
    panel_close(&tune->past);
    panel_close(&tune->future);
}

/* ---- reading ---- */

const struct panel_policy *tune_on_past(
        const struct tune *tune, uint32_t candidate)
{
    return &tune->past.policies[tune->first + candidate];
}

const struct panel_policy *tune_on_future(const struct tune *tune)
{
    return &tune->future.policies[tune->future.policy_count - 1];
}
