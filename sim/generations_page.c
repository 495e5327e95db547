#include "sim/generations_page.h"

#include "report/html.h"
#include "report/svg.h"
#include "sim/drill_summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define POLICIES_MAX (SVG_SERIES_MAX - 2u)
#define POINTS       (GENERATIONS_MAX + 1u)
/* Of the amounts, lognormal(3.6, 1.1). */
#define MEAN_AMOUNT 67.02

/* What charts of one page are made of. */
struct curves {
    double x[POINTS];
    double v[POLICIES_MAX][POINTS], low[POLICIES_MAX][POINTS],
            high[POLICIES_MAX][POINTS];
    double change[POLICIES_MAX][POINTS]; /* to the generation before */
    double best[POINTS], uniform[POINTS];
    struct generations_summary summary[POLICIES_MAX];
    uint32_t policies, generations; /* with generation 0 */
};

static const struct generations_run *runs_of(
        const struct generations_page *page, uint32_t policy)
{
    return page->runs + (size_t)policy * page->seeds;
}

static void make_policy(const struct generations_page *page, uint32_t policy,
        struct curves *curves)
{
    struct generations_summary *summary = &curves->summary[policy];

    generations_summarise(runs_of(page, policy), page->seeds, summary);
    for (uint32_t g = 0; g < curves->generations; g++) {
        curves->v[policy][g] = summary->v[g];
        curves->low[policy][g] = summary->v[g] - 2.0 * summary->v_se[g];
        curves->high[policy][g] = summary->v[g] + 2.0 * summary->v_se[g];
        curves->change[policy][g] =
                g < 2 ? (double)NAN : summary->v[g] - summary->v[g - 1];
    }
}

static void make_curves(
        const struct generations_page *page, struct curves *curves)
{
    curves->generations = page->runs[0].count;
    curves->policies =
            page->policies < POLICIES_MAX ? page->policies : POLICIES_MAX;
    for (uint32_t g = 0; g < curves->generations; g++) {
        curves->x[g] = g;
        for (uint32_t s = 0; s < page->seeds; s++) {
            const struct generation_values *value = &page->runs[s].value[g];
            curves->best[g] += 100.0 * value->best / page->seeds;
            curves->uniform[g] += 100.0 * value->uniform / page->seeds;
        }
    }
    for (uint32_t p = 0; p < curves->policies; p++)
        make_policy(page, p, curves);
}

/* ---- charts ---- */

struct lines {
    struct svg_series series[SVG_SERIES_MAX];
    uint32_t count;
};

static void add_line(struct lines *lines, struct svg_series line)
{
    lines->series[lines->count] = line;
    lines->count++;
}

/* The end of a figure that has begun: its lines by generation. */
static void chart_lines(FILE *out, const char *title, uint32_t height,
        const char *unit, const struct lines *lines)
{
    svg_chart(out,
            &(struct svg_chart){.title = title,
                    .width = 860,
                    .height = height,
                    .x = {.label = "generation"},
                    .y = {.label = unit},
                    .series = lines->series,
                    .series_count = lines->count});
    html_figure_end(out);
}

static void chart_values(FILE *out, const struct generations_page *page,
        const struct curves *curves)
{
    struct lines lines = {.count = 0};

    for (uint32_t p = 0; p < curves->policies; p++)
        add_line(&lines,
                (struct svg_series){.name = page->name[p],
                        .shape = SVG_LINE,
                        .colour = p,
                        .count = curves->generations,
                        .x = curves->x,
                        .y = curves->v[p],
                        .low = curves->low[p],
                        .high = curves->high[p]});
    add_line(&lines,
            (struct svg_series){.name = "clairvoyant",
                    .shape = SVG_DASHED,
                    .colour = 6,
                    .count = curves->generations,
                    .x = curves->x,
                    .y = curves->best});
    add_line(&lines,
            (struct svg_series){.name = "uniform",
                    .shape = SVG_DASHED,
                    .colour = 7,
                    .count = curves->generations,
                    .x = curves->x,
                    .y = curves->uniform});
    html_figure_begin(out,
            "Exact value of each generation's policy, mean over seeds; bands "
            "are two standard errors between seeds (worlds differ much more "
            "than policies do).");
    chart_lines(
            out, "payments approved by generation", 420, "% approved", &lines);
}

static void chart_changes(FILE *out, const struct generations_page *page,
        const struct curves *curves)
{
    struct lines lines = {.count = 0};
    static const double ends[2] = {1.0, GENERATIONS_MAX}, zero[2] = {0.0, 0.0};
    double x[2] = {ends[0], curves->generations - 1};

    for (uint32_t p = 0; p < curves->policies; p++)
        add_line(&lines,
                (struct svg_series){.name = page->name[p],
                        .shape = SVG_LINE,
                        .colour = p,
                        .count = curves->generations,
                        .x = curves->x,
                        .y = curves->change[p]});
    add_line(&lines,
            (struct svg_series){.shape = SVG_DASHED,
                    .colour = 7,
                    .count = 2,
                    .x = x,
                    .y = zero});
    html_figure_begin(out,
            "Change to the generation before, paired by seed: a policy that "
            "is trained on the log of its own last generation alone goes up "
            "and down; one that keeps what it learned goes up.");
    chart_lines(
            out, "change from generation to generation", 300, "points", &lines);
}

static void table_values(FILE *out, const struct generations_page *page,
        const struct curves *curves)
{
    static const char *const columns[] = {"policy", "generation 1",
            "generation 2", "last", "d21", "d21 s.e.", "falls > 0.3, %",
            "worst fall", "odd - even", "share of the gap, %"};

    html_table_begin(out, columns, ARRAY_COUNT(columns));
    for (uint32_t p = 0; p < curves->policies; p++) {
        const struct generations_summary *s = &curves->summary[p];
        const double row[] = {s->v[1], s->v[2], s->v[curves->generations - 1],
                s->d21, s->d21_se, 100.0 * s->drops_large, s->worst_drop,
                s->odd_even, 100.0 * s->share_of_gap};
        html_row(out, page->name[p], row, ARRAY_COUNT(row));
    }
    html_table_end(out);
}

/* ---- uplift ---- */

static void uplift(FILE *out, const struct generations_page *page,
        const struct curves *curves)
{
    static const char *const columns[] = {"policy",
            "basis points over the reference", "s.e.",
            "basis points over uniform",
            "approved amount over uniform, of a million payments"};
    struct svg_bar bars[POLICIES_MAX];
    uint32_t last = curves->generations - 1;

    for (uint32_t p = 0; p < curves->policies; p++) {
        double mean, se;
        generations_difference(runs_of(page, p), runs_of(page, page->reference),
                page->seeds, &mean, &se);
        bars[p] = (struct svg_bar){page->name[p], 100.0 * mean,
                100.0 * (mean - 2.0 * se), 100.0 * (mean + 2.0 * se), p};
    }
    html_figure_begin(out,
            "Mean over generations 1 and later against the reference, paired "
            "by seed, with two standard errors.");
    svg_bars(out,
            &(struct svg_bars){.title = "uplift over the reference",
                    .width = 760,
                    .label = "basis points of payments approved",
                    .bars = bars,
                    .count = curves->policies,
                    .reference = 0.0});
    html_figure_end(out);
    html_table_begin(out, columns, ARRAY_COUNT(columns));
    for (uint32_t p = 0; p < curves->policies; p++) {
        double more = curves->v[p][last] - curves->uniform[last];
        const double row[] = {bars[p].value, (bars[p].high - bars[p].low) / 4.0,
                100.0 * more, more / 100.0 * 1e6 * MEAN_AMOUNT};
        html_row(out, page->name[p], row, ARRAY_COUNT(row));
    }
    html_table_end(out);
    html_paragraph(out,
            "Reference: %s. The amount is that of the last generation's "
            "additional approvals at the mean amount of %.2f.",
            page->name[page->reference], MEAN_AMOUNT);
}

/* ---- accounts ---- */

static void accounts(FILE *out, const struct generations_page *page,
        const struct curves *curves)
{
    static const char *const columns[] = {"policy",
            "approved after all tries, %", "tries a payment", "fees",
            "chargebacks", "charged back", "net", "s.e.",
            "net over the reference", "s.e."};

    html_heading(out, "Money: tries, fees and chargebacks");
    html_table_begin(out, columns, ARRAY_COUNT(columns));
    for (uint32_t p = 0; p < curves->policies; p++) {
        struct generations_accounts a;
        generations_account(runs_of(page, p), runs_of(page, page->reference),
                page->seeds, &a);
        const double row[] = {100.0 * a.mean.approved, a.mean.tries,
                1000.0 * a.mean.fees, 1000.0 * a.mean.chargebacks,
                1000.0 * a.mean.charged_back, 1000.0 * a.mean.net,
                1000.0 * a.net_se, 1000.0 * a.gain, 1000.0 * a.gain_se};
        html_row(out, page->name[p], row, ARRAY_COUNT(row));
    }
    html_table_end(out);
    html_paragraph(out,
            "Of 1,000 payments, means over generations 1 and later. Net: %.0f %% "
            "of approved amounts, less fees and what is charged back. Policies "
            "are trained on approval of the first try.",
            100.0 * GENERATIONS_MARGIN);
}

/* ---- outages ---- */

static void outages_of(
        FILE *out, const struct generations_page *page, uint32_t policy)
{
    for (uint32_t k = 0; k < DRILL_KINDS; k++) {
        struct drill_summary s;
        char name[128];
        drill_summarise(
                runs_of(page, policy), page->seeds, (enum drill_kind)k, &s);
        if (s.count == 0)
            continue;
        (void)snprintf(name, sizeof(name), "%s, %s", page->name[policy],
                drill_kind_name((enum drill_kind)k));
        {
            /* Nothing is said of circuits that never opened. */
            double seen = s.opened > 0 ? 0.0 : (double)NAN;
            const double row[] = {s.count, s.opened, seen + s.until_mean,
                    seen + s.until_95, seen + s.until_max,
                    seen + 100.0 * s.kept, s.lost_without, s.lost_with,
                    s.lost_told, s.excess, seen + s.until_closed,
                    seen + s.price};
            html_row(out, name, row, ARRAY_COUNT(row));
        }
    }
}

static void chart_outages(
        FILE *out, const struct generations_page *page, uint32_t policies)
{
    struct svg_bar bars[3 * POLICIES_MAX];
    char names[3 * POLICIES_MAX][128];
    uint32_t count = 0;

    for (uint32_t p = 0; p < policies; p++) {
        struct drill_summary s;
        drill_summarise(runs_of(page, p), page->seeds, DRILL_ANY, &s);
        const double lost[3] = {s.lost_without, s.lost_with, s.lost_told};
        static const char *const with[3] = {
                "without breaker", "with breaker", "told at once"};
        for (uint32_t k = 0; k < 3; k++, count++) {
            (void)snprintf(names[count], sizeof(names[count]), "%s, %s",
                    page->name[p], with[k]);
            bars[count] = (struct svg_bar){names[count], lost[k], NAN, NAN, k};
        }
    }
    html_figure_begin(out,
            "Points of approval lost while an acquirer failed, over all "
            "payments of that time.");
    svg_bars(out,
            &(struct svg_bars){.title = "what outages cost",
                    .width = 860,
                    .label = "points lost",
                    .bars = bars,
                    .count = count,
                    .reference = NAN});
    html_figure_end(out);
}

static void outages(FILE *out, const struct generations_page *page,
        const struct curves *curves)
{
    static const char *const columns[] = {"policy, outage", "outages", "seen",
            "own payments until it left: mean", "95 %", "most",
            "traffic kept, %", "points lost without", "with", "told", "excess",
            "payments until back (median)", "price, approvals"};

    html_heading(out, "Outages: time to leave a failing acquirer");
    chart_outages(out, page, curves->policies);
    html_table_begin(out, columns, ARRAY_COUNT(columns));
    for (uint32_t p = 0; p < curves->policies; p++)
        outages_of(out, page, p);
    html_table_end(out);
    html_paragraph(out,
            "Excess: what is lost more than by a router that is told of the "
            "outage at once, as a share of that without the breaker. Of a policy that "
            "learns from each answer, \"without\" is the same state without "
            "circuits, payment by payment.");
}

void generations_page(FILE *out, const struct generations_page *page)
{
    struct curves *curves = calloc(1, sizeof(*curves));
    char line[160];

    (void)snprintf(line, sizeof(line),
            "%u generations of %u payments, %u seeds from %u, drift %g%s",
            page->settings->generations, page->settings->rows, page->seeds,
            page->settings->seed, page->settings->drift,
            page->settings->outages ? ", outages" : "");
    html_begin(out, "Payment routing, generation by generation", line);
    if (curves == NULL) {
        html_paragraph(out, "No memory for the report.");
        return;
    }
    make_curves(page, curves);
    html_heading(out, "Value");
    chart_values(out, page, curves);
    table_values(out, page, curves);
    html_heading(out, "Does retraining oscillate?");
    chart_changes(out, page, curves);
    html_heading(out, "Uplift");
    uplift(out, page, curves);
    if (page->settings->life)
        accounts(out, page, curves);
    if (page->settings->outages)
        outages(out, page, curves);
    free(curves);
}
