#include "sim/tuning_report.h"

#include "report/html.h"
#include "report/svg.h"

#include <math.h>
#include <string.h>

#define COLOUR_LEARNS   0u
#define COLOUR_BASELINE 6u
#define HUES            6u /* colours of learners where each needs its own */

static const struct tuning_outcome *outcome_of(
        const struct tuning_result *result, uint32_t trial, size_t policy)
{
    return &result->outcomes[(size_t)trial * result->policy_count + policy];
}

static double oracle_mean(const struct tuning_settings *settings,
        const struct tuning_result *result)
{
    for (size_t i = 0; i < settings->policy_count; i++)
        if (strcmp(settings->policies[i]->name, "grid-oracle") == 0)
            return tuning_summarise(result, i).per_solve;
    return (double)NAN;
}

/* ---- means ---- */

static void write_bars(FILE *out, const struct tuning_settings *settings,
        const struct tuning_result *result)
{
    struct svg_bar bars[TUNING_POLICIES_MAX];
    struct svg_bars chart = {.title = "iterations per solve of each policy",
            .width = 760,
            .label = "iterations per solve",
            .bars = bars,
            .reference = oracle_mean(settings, result)};

    for (size_t i = 0; i < settings->policy_count; i++) {
        struct tuning_summary row = tuning_summarise(result, i);
        if (isnan(row.per_solve))
            continue;
        bars[chart.count++] = (struct svg_bar){settings->policies[i]->name,
                row.per_solve, row.per_solve - row.sd, row.per_solve + row.sd,
                settings->policies[i]->learns ? COLOUR_LEARNS
                                              : COLOUR_BASELINE};
    }
    html_heading(out, "Iterations per solve, learning included");
    html_figure_begin(out,
            "Blue learns, grey is a baseline. Whiskers: one standard deviation "
            "between trials. Dashed: the best omega of each solve.");
    svg_bars(out, &chart);
    html_figure_end(out);
}

static void write_table(FILE *out, const struct tuning_settings *settings,
        const struct tuning_result *result)
{
    static const char *const columns[] = {"policy", "per solve", "sd",
            "last quarter", "of the oracle's", "omega", "not converged"};
    double oracle = oracle_mean(settings, result);

    html_heading(out, "Numbers");
    html_table_begin(out, columns, ARRAY_COUNT(columns));
    for (size_t i = 0; i < settings->policy_count; i++) {
        struct tuning_summary row = tuning_summarise(result, i);
        double values[] = {row.per_solve, row.sd, row.last_quarter,
                row.per_solve / oracle,
                row.omega > 0.0 ? row.omega : (double)NAN, row.capped};
        if (!isnan(row.per_solve))
            html_row(out, settings->policies[i]->name, values,
                    ARRAY_COUNT(values));
    }
    html_table_end(out);
}

/* ---- cost against omega ---- */

/* The policy whose choices are shown: the last that learns. */
static size_t shown_policy(const struct tuning_settings *settings)
{
    size_t shown = SIZE_MAX;

    for (size_t i = 0; i < settings->policy_count; i++)
        if (settings->policies[i]->learns &&
                (shown == SIZE_MAX ||
                        strcmp(settings->policies[i]->name, "shared") == 0))
            shown = i;
    return shown;
}

/* Mean cost of each arm in a bin; the number of its rounds. */
static uint32_t bin_costs(const struct tuning_result *result, uint32_t bin,
        double costs[SYSTEMS_ARMS])
{
    uint32_t rounds = 0;

    memset(costs, 0, SYSTEMS_ARMS * sizeof(*costs));
    for (uint32_t trial = 0; trial < result->trials; trial++) {
        rounds += result->landscapes[trial].rounds[bin];
        for (uint32_t arm = 0; arm < SYSTEMS_ARMS; arm++)
            costs[arm] += result->landscapes[trial].cost[bin][arm];
    }
    for (uint32_t arm = 0; arm < SYSTEMS_ARMS; arm++)
        costs[arm] = rounds > 0 ? costs[arm] / rounds : (double)NAN;
    return rounds;
}

/* The share of the bin's choices that each arm had, as areas of points. */
static void bin_choices(const struct tuning_result *result, size_t policy,
        uint32_t bin, double areas[SYSTEMS_ARMS])
{
    double all = 0.0;

    memset(areas, 0, SYSTEMS_ARMS * sizeof(*areas));
    for (uint32_t trial = 0; policy != SIZE_MAX && trial < result->trials;
            trial++)
        for (uint32_t arm = 0; arm < SYSTEMS_ARMS; arm++) {
            uint32_t count =
                    outcome_of(result, trial, policy)->chosen[bin][arm];
            areas[arm] += count;
            all += count;
        }
    for (uint32_t arm = 0; arm < SYSTEMS_ARMS; arm++)
        areas[arm] = all > 0.0 ? 25.0 * areas[arm] / all : 0.0;
}

static void write_bin(FILE *out, const struct tuning_settings *settings,
        const struct tuning_result *result, uint32_t bin)
{
    double omegas[SYSTEMS_ARMS], costs[SYSTEMS_ARMS], areas[SYSTEMS_ARMS];
    size_t policy = shown_policy(settings);
    uint32_t rounds = bin_costs(result, bin, costs);
    double width = (result->context_max - result->context_min) / TUNING_BINS;
    const struct svg_series series[] = {{.name = "mean cost",
                                                .colour = COLOUR_BASELINE,
                                                .count = SYSTEMS_ARMS,
                                                .x = omegas,
                                                .y = costs},
            {.name = policy == SIZE_MAX ? NULL
                                        : settings->policies[policy]->name,
                    .shape = SVG_POINTS,
                    .colour = COLOUR_LEARNS,
                    .count = SYSTEMS_ARMS,
                    .x = omegas,
                    .y = costs,
                    .area = areas}};
    const struct svg_chart chart = {.title = "cost against omega",
            .width = 400,
            .height = 260,
            .x = {.label = "omega"},
            .y = {.label = "iterations", .logarithmic = true},
            .series = series,
            .series_count = 2};
    char caption[160];

    if (rounds == 0)
        return;
    for (uint32_t arm = 0; arm < SYSTEMS_ARMS; arm++)
        omegas[arm] = systems_omega(arm);
    bin_choices(result, policy, bin, areas);
    (void)snprintf(caption, sizeof(caption), "context %.3g to %.3g, %u solves",
            result->context_min + bin * width,
            result->context_min + (bin + 1) * width, rounds);
    html_figure_begin(out, caption);
    svg_chart(out, &chart);
    html_figure_end(out);
}

static void write_landscape(FILE *out, const struct tuning_settings *settings,
        const struct tuning_result *result)
{
    if (!settings->landscape || settings->systems.kind == SYSTEMS_HEAT)
        return;
    html_heading(out, "Cost against omega, by context");
    html_paragraph(out,
            "The line is what each omega costs on average in that part of the "
            "contexts; the larger a point, the more often the policy chose "
            "that omega there.");
    for (uint32_t bin = 0; bin < TUNING_BINS; bin++)
        write_bin(out, settings, result, bin);
}

/* ---- costs as they add up ---- */

static void mean_curve(const struct tuning_result *result, size_t policy,
        double curve[TUNING_POINTS])
{
    double known = 0.0;

    memset(curve, 0, TUNING_POINTS * sizeof(*curve));
    for (uint32_t trial = 0; trial < result->trials; trial++) {
        const struct tuning_outcome *outcome =
                outcome_of(result, trial, policy);
        if (!outcome->known)
            continue;
        known += 1.0;
        for (uint32_t k = 0; k < TUNING_POINTS; k++)
            curve[k] += outcome->curve[k + 1];
    }
    for (uint32_t k = 0; k < TUNING_POINTS; k++)
        curve[k] = known > 0.0 ? curve[k] / known : (double)NAN;
}

/* Costs above this would press the others to the ground: they leave the
 * picture. */
static double most_shown(const struct tuning_settings *settings,
        const struct tuning_result *result, size_t policy)
{
    double most = 0.0;

    for (size_t i = 0; i < settings->policy_count; i++)
        if (i == policy ||
                strcmp(settings->policies[i]->name, "best-fixed") == 0)
            most = fmax(most, tuning_summarise(result, i).per_solve);
    return 1.25 * most * result->rounds;
}

static void leave_out_above(double *curve, double most)
{
    for (uint32_t k = 0; k < TUNING_POINTS; k++)
        if (curve[k] > most)
            curve[k] = (double)NAN;
}

/* One policy that learns in front of every baseline. */
static void write_sum(FILE *out, const struct tuning_settings *settings,
        const struct tuning_result *result, size_t policy)
{
    static double curves[SVG_SERIES_MAX][TUNING_POINTS];
    struct svg_series series[SVG_SERIES_MAX];
    double solves[TUNING_POINTS];
    struct svg_chart chart = {.title = "cumulative iterations",
            .width = 620,
            .height = 380,
            .x = {.label = "solves"},
            .y = {.label = "iterations so far",
                    .max = most_shown(settings, result, policy)},
            .series = series};

    for (uint32_t k = 0; k < TUNING_POINTS; k++)
        solves[k] = result->rounds * (k + 1.0) / TUNING_POINTS;
    for (size_t i = 0; i < settings->policy_count; i++) {
        bool baseline = !settings->policies[i]->learns;
        size_t at = chart.series_count;
        if ((i != policy && !baseline) || at == SVG_SERIES_MAX ||
                strncmp(settings->policies[i]->name, "fixed-", 6) == 0)
            continue;
        mean_curve(result, i, curves[at]);
        if (isnan(curves[at][0]))
            continue;
        leave_out_above(curves[at], chart.y.max);
        series[at] = (struct svg_series){.name = settings->policies[i]->name,
                .shape = baseline ? SVG_DASHED : SVG_LINE,
                .colour = baseline ? 1 + (unsigned)at % HUES : COLOUR_LEARNS,
                .count = TUNING_POINTS,
                .x = solves,
                .y = curves[at]};
        chart.series_count++;
    }
    html_figure_begin(out, settings->policies[policy]->name);
    svg_chart(out, &chart);
    html_figure_end(out);
}

static void write_sums(FILE *out, const struct tuning_settings *settings,
        const struct tuning_result *result)
{
    html_heading(out, "Iterations as they add up");
    html_paragraph(out,
            "Each policy that learns (full line) against every baseline "
            "(dashed), the mean of all trials. Lines that grow much faster leave "
            "the picture.");
    for (size_t i = 0; i < settings->policy_count; i++)
        if (settings->policies[i]->learns)
            write_sum(out, settings, result, i);
}

int tuning_report(const struct tuning_settings *settings,
        const struct tuning_result *result, const char *title, const char *path,
        struct err *err)
{
    FILE *out = html_open(path, err);
    char line[160];
    int status;

    if (out == NULL)
        return STATUS_IO;
    (void)snprintf(line, sizeof(line),
            "%u solves, %u trials from seed %u; a solve costs its iterations",
            result->rounds, result->trials, settings->systems.seed);
    html_begin(out, title, line);
    write_bars(out, settings, result);
    write_landscape(out, settings, result);
    write_sums(out, settings, result);
    write_table(out, settings, result);
    status = html_end(out, path, err);
    if (fclose(out) != 0 && status == 0)
        status = err_set(err, STATUS_IO, "%s: cannot be written", path);
    return status;
}
