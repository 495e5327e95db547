/* rue evaluate --html: what the table says, and more, as one page. */
#include "cli/evaluation.h"
#include "report/html.h"
#include "report/svg.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define WIDTH             460u /* of a chart: two stand side by side on a desk */
#define LINES_MAX         6u /* policies in a chart over time */
#define WEIGHED_MAX       8u /* histograms of weights */
#define GROUPS_LINE       24u /* groups that have a chart */
#define ACTIONS_MAX_SHOWN 60u
#define LABEL_SIZE        32u
#define GREY              7u

struct page {
    FILE *out;
    const struct panel *panel;
    const struct evaluation *evaluation;
    const struct evaluated *all; /* [count], ranked ones first */
    uint32_t count;
    const struct evaluated *logged;
    struct svg_bar *bars; /* [count], of the chart under way */
    char (*labels)[LABEL_SIZE]; /* [count] */
    struct evaluated *slice; /* [count] of the slice under way */
};

/* ---- words and numbers ---- */

static bool minimises(const struct page *page)
{
    return page->panel->spec->policy.range.minimise;
}

static const char *earned(const struct page *page)
{
    return minimises(page) ? "cost" : "earned";
}

static double percent(const struct page *page)
{
    return 100.0 * (1.0 - page->panel->settings.alpha);
}

/* Cut to what fits beside a chart, between characters. */
static void label_of(const char *name, bool refused, char out[LABEL_SIZE])
{
    size_t room = LABEL_SIZE - sizeof("... (refused)"), size = strlen(name);
    const char *cut = "";

    if (size > room) {
        size = room;
        cut = "...";
        while (size > 0 && ((unsigned char)name[size] & 0xC0u) == 0x80u)
            size--;
    }
    for (size_t i = 0; i < size; i++)
        out[i] = name[i];
    (void)snprintf(out + size, LABEL_SIZE - size, "%s%s", cut,
            refused ? " (refused)" : "");
}

static unsigned colour_of(const struct page *page, uint32_t index)
{
    const struct evaluated *at = &page->all[index];

    if (at == page->logged)
        return 0;
    if (!at->verdict.ranked)
        return GREY;
    return 1u + index % (GREY - 1u);
}

static void number(double value, char text[16])
{
    if (isnan(value))
        (void)snprintf(text, 16, "-");
    else
        (void)snprintf(text, 16, "%.5g", value);
}

/* ---- the answer ---- */

static uint32_t count_ranked(const struct page *page)
{
    uint32_t ranked = 0;

    for (uint32_t i = 0; i < page->count; i++)
        ranked += page->all[i].verdict.ranked;
    return ranked;
}

static const struct evaluated *best_proved(const struct page *page)
{
    for (uint32_t i = 0; i < page->count; i++)
        if (evaluation_is_better(page->panel, &page->all[i]))
            return &page->all[i];
    return NULL;
}

static void say_answer(const struct page *page)
{
    const struct evaluated *best = best_proved(page);
    uint32_t ranked = count_ranked(page);

    if (page->panel->rows == 0) {
        html_note(page->out,
                "No decision of the log counts, so nothing can be said; what "
                "was left out, and why, stands below.");
        return;
    }
    html_paragraph(page->out,
            "The log %s %.5g a decision. Of the %u policies here it can "
            "rank %u.",
            earned(page), page->logged->estimate[OPE_DR].value, page->count,
            ranked);
    if (best == NULL)
        html_note(page->out,
                "No policy is proved better than the one that served.");
    else
        html_note(page->out,
                "%s is proved better than the policy that served: it would "
                "have %s %.5g a decision, a difference of %+.3g. At %g %%, and "
                "whenever one looks, the difference is between %+.3g and "
                "%+.3g. Who chooses the best of many by looking should let rue "
                "tune choose: it corrects for their number.",
                best->policy->name, earned(page), best->estimate[OPE_DR].value,
                best->gain_estimate, percent(page), best->gain.lower,
                best->gain.upper);
}

/* ---- bars ---- */

static void draw_bars(const struct page *page, uint32_t count,
        const char *title, const char *label, double reference)
{
    svg_bars(page->out,
            &(struct svg_bars){.title = title,
                    .width = WIDTH,
                    .label = label,
                    .bars = page->bars,
                    .count = count,
                    .reference = reference});
}

/* Values and intervals; in a slice only those whose interval holds there. */
static uint32_t value_bars(
        const struct page *page, const struct evaluated *evaluated)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < page->count; i++) {
        const struct evaluated *at = &evaluated[i];
        bool refused = !page->all[i].verdict.ranked;
        if (at->support.count < 1.0 ||
                (evaluated != page->all && !at->verdict.intervals))
            continue;
        label_of(at->policy->name, refused, page->labels[count]);
        page->bars[count] = (struct svg_bar){.name = page->labels[count],
                .value = at->estimate[OPE_DR].value,
                .low = at->cressie_read.lower,
                .high = at->cressie_read.upper,
                .colour = colour_of(page, i)};
        count++;
    }
    return count;
}

static void chart_values(const struct page *page)
{
    char caption[256];
    uint32_t count = value_bars(page, page->all);

    (void)snprintf(caption, sizeof(caption),
            "Value of a decision: doubly robust estimate and %g %% "
            "Cressie-Read interval. The dashed line is the log. Grey: the log "
            "cannot tell.",
            percent(page));
    html_figure_begin(page->out, caption);
    draw_bars(page, count, "value of each policy",
            minimises(page) ? "cost of a decision" : "value of a decision",
            page->logged->estimate[OPE_DR].value);
    html_figure_end(page->out);
}

static void chart_gains(const struct page *page)
{
    char caption[256];
    uint32_t count = 0;

    for (uint32_t i = 0; i < page->count; i++) {
        const struct evaluated *at = &page->all[i];
        if (at == page->logged || !at->verdict.ranked)
            continue;
        label_of(at->policy->name, false, page->labels[count]);
        page->bars[count] = (struct svg_bar){.name = page->labels[count],
                .value = at->gain_estimate,
                .low = at->has_gain ? at->gain.lower : (double)NAN,
                .high = at->has_gain ? at->gain.upper : (double)NAN,
                .colour = colour_of(page, i)};
        count++;
    }
    if (count == 0)
        return;
    (void)snprintf(caption, sizeof(caption),
            "Gain over the policy that served, with %g %% limits that hold at "
            "any time. %s is better; limits on both sides of 0 prove nothing.",
            percent(page), minimises(page) ? "Less" : "More");
    html_figure_begin(page->out, caption);
    draw_bars(page, count, "gain over the logged policy", "gain of a decision",
            0.0);
    html_figure_end(page->out);
}

static void table_of_values(const struct page *page)
{
    static const char *const columns[] = {"policy", "value", "from", "to",
            "effective rows", "largest share", "gain", "from", "to", ""};

    html_table_begin(page->out, columns, 10);
    for (uint32_t i = 0; i < page->count; i++) {
        const struct evaluated *at = &page->all[i];
        bool gain = at->has_gain && at != page->logged;
        char text[8][16];
        const char *cells[9];
        number(at->estimate[OPE_DR].value, text[0]);
        number(at->cressie_read.lower, text[1]);
        number(at->cressie_read.upper, text[2]);
        (void)snprintf(text[3], 16, "%.0f", at->support.design_ess);
        (void)snprintf(
                text[4], 16, "%.2g %%", 100.0 * at->support.largest_share);
        number(at == page->logged ? (double)NAN : at->gain_estimate, text[5]);
        number(gain ? at->gain.lower : (double)NAN, text[6]);
        number(gain ? at->gain.upper : (double)NAN, text[7]);
        for (int j = 0; j < 8; j++)
            cells[j] = text[j];
        cells[8] = at == page->logged                   ? "served"
                : !at->verdict.ranked                   ? "refused"
                : evaluation_is_better(page->panel, at) ? "proved better"
                : at->has_gain                          ? "not proved"
                                                        : "not yet";
        html_cells(page->out, at->policy->name, cells, 9);
    }
    html_table_end(page->out);
}

static void say_refusals(const struct page *page)
{
    bool any = false;

    for (uint32_t i = 0; i < page->count; i++) {
        char text[768];
        if (page->all[i].verdict.ranked)
            continue;
        if (!any)
            html_heading(page->out, "What the log cannot tell");
        any = true;
        evaluation_reason(page->panel, page->evaluation, &page->all[i], text,
                sizeof(text));
        html_paragraph(page->out, "%s is refused%s%s.",
                page->all[i].policy->name, text[0] == '\0' ? "" : ": ", text);
    }
    if (any)
        html_paragraph(page->out,
                "A refused policy is not ranked and not called better or "
                "worse: too little of what it would have done was ever tried. "
                "More exploration, or more time, changes that.");
}

/* ---- over time, by generation ---- */

struct curve {
    double x[PANEL_TIMES_MAX], y[PANEL_TIMES_MAX], low[PANEL_TIMES_MAX],
            high[PANEL_TIMES_MAX];
};

static const char *unit_of_time(double seconds, double *unit)
{
    *unit = seconds >= 2.0 * 86400.0  ? 86400.0
            : seconds >= 2.0 * 3600.0 ? 3600.0
            : seconds >= 120.0        ? 60.0
                                      : 1.0;
    return *unit == 86400.0   ? "days since the first record"
            : *unit == 3600.0 ? "hours since the first record"
            : *unit == 60.0   ? "minutes since the first record"
                              : "seconds since the first record";
}

static double where(const struct page *page, uint32_t slice, double unit)
{
    const struct panel *panel = page->panel;
    double seconds = (double)(panel->ended - panel->began) / 1e9;

    if (panel->slice_of[slice].kind == PANEL_GENERATION)
        return (double)panel->slice_of[slice].number;
    return ((double)panel->slice_of[slice].number + 0.5) * seconds /
            (panel->settings.times * unit);
}

/* Points of the slices of one kind, where the log has enough of them. */
static size_t fill(const struct page *page, const struct panel_policy *policy,
        enum panel_slice_kind kind, double unit, struct curve *curve)
{
    size_t count = 0;

    for (uint32_t i = 0;
            i < page->panel->slice_count && count < PANEL_TIMES_MAX; i++) {
        struct evaluated at;
        if (page->panel->slice_of[i].kind != kind ||
                (kind == PANEL_GENERATION &&
                        policy->slices[i].sums.count < 1.0))
            continue;
        evaluate_policy(page->panel, page->evaluation, policy, i, &at);
        curve->x[count] = where(page, i, unit);
        curve->y[count] = curve->low[count] = curve->high[count] = (double)NAN;
        if (at.support.count >= 1.0 && at.verdict.intervals) {
            curve->y[count] = at.estimate[OPE_DR].value;
            curve->low[count] = at.cressie_read.lower;
            curve->high[count] = at.cressie_read.upper;
        }
        count++;
    }
    return count;
}

static int chart_slices(const struct page *page, enum panel_slice_kind kind,
        const char *title, const char *caption, const char *label, double unit,
        struct err *err)
{
    struct curve *curves = calloc(LINES_MAX, sizeof(*curves));
    char labels[LINES_MAX][LABEL_SIZE];
    struct svg_series series[LINES_MAX];
    uint32_t lines = 0;

    if (curves == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    for (uint32_t i = 0; i < page->count && lines < LINES_MAX; i++) {
        const struct evaluated *at = &page->all[i];
        bool last = lines + 1 == LINES_MAX;
        if (!at->verdict.ranked || (last && at != page->logged))
            continue;
        label_of(at->policy->name, false, labels[lines]);
        series[lines] = (struct svg_series){.name = labels[lines],
                .shape = at == page->logged ? SVG_DASHED : SVG_LINE,
                .colour = colour_of(page, i),
                .count = fill(page, at->policy, kind, unit, &curves[lines]),
                .x = curves[lines].x,
                .y = curves[lines].y};
        /* More bands than two hide each other. */
        if (lines == 0 || at == page->logged) {
            series[lines].low = curves[lines].low;
            series[lines].high = curves[lines].high;
        }
        lines++;
    }
    if (lines > 0 && series[0].count > 1) {
        html_figure_begin(page->out, caption);
        svg_chart(page->out,
                &(struct svg_chart){.title = title,
                        .width = WIDTH,
                        .height = 320,
                        .x = {.label = label},
                        .y = {.label = minimises(page) ? "cost of a decision"
                                                       : "value of a decision"},
                        .series = series,
                        .series_count = lines});
        html_figure_end(page->out);
    }
    free(curves);
    return 0;
}

static int charts_over_time(const struct page *page, struct err *err)
{
    const struct panel *panel = page->panel;
    double unit;
    const char *label =
            unit_of_time((double)(panel->ended - panel->began) / 1e9, &unit);
    int status;

    if (count_ranked(page) == 0)
        return 0;
    html_heading(page->out, "Over time");
    fputs("<div class=\"figures\">\n", page->out);
    status = chart_slices(page, PANEL_TIME, "value over time",
            "Values in equal parts of the time: the best that can be ranked, "
            "and the log; bands are the intervals of the first and of the "
            "log. Where a part has too few "
            "rows for a policy there is no point.",
            label, unit, err);
    if (status == 0)
        status = chart_slices(page, PANEL_GENERATION, "value by generation",
                "The same by the generation of the model that served.",
                "generation", 1.0, err);
    fputs("</div>\n", page->out);
    return status;
}

/* ---- groups ---- */

static void chart_group(const struct page *page, uint32_t slice)
{
    char name[ID_BYTES_MAX + 32], caption[ID_BYTES_MAX + 96];
    double reference = (double)NAN;
    uint32_t count;

    for (uint32_t i = 0; i < page->count; i++) {
        evaluate_policy(page->panel, page->evaluation, page->all[i].policy,
                slice, &page->slice[i]);
        if (page->all[i].policy->kind == PANEL_LOGGED)
            reference = page->slice[i].estimate[OPE_DR].value;
    }
    count = value_bars(page, page->slice);
    panel_slice_name(page->panel, slice, name, sizeof(name));
    (void)snprintf(caption, sizeof(caption), "%s: %.0f rows%s", name,
            page->slice[0].support.count,
            count == 0 ? "; too few for any interval" : "");
    html_figure_begin(page->out, caption);
    if (count > 0)
        draw_bars(page, count, name,
                minimises(page) ? "cost of a decision" : "value of a decision",
                reference);
    html_figure_end(page->out);
}

static void charts_of_groups(const struct page *page)
{
    const struct panel *panel = page->panel;
    uint32_t shown = 0;

    if (panel->spec->group_count == 0)
        return;
    html_heading(page->out, "By group");
    html_paragraph(page->out,
            "Groups may overlap. A policy whose interval would not hold in a "
            "group is not drawn there; dashed is what the log %s in it.",
            earned(page));
    fputs("<div class=\"figures\">\n", page->out);
    for (uint32_t i = 1; i < panel->slice_count && shown < GROUPS_LINE; i++) {
        if (panel->slice_of[i].kind != PANEL_GROUP ||
                panel->policies[0].slices[i].sums.count < 1.0)
            continue;
        chart_group(page, i);
        shown++;
    }
    fputs("</div>\n", page->out);
    if (panel->spec->group_count > GROUPS_LINE)
        html_paragraph(page->out,
                "More groups than are drawn here: --slices and --json have "
                "all %u.",
                panel->spec->group_count);
}

/* ---- weights ---- */

static void chart_weights(
        const struct page *page, const struct evaluated *at, unsigned colour)
{
    const struct ope_sums *sums = &at->policy->slices[0].sums;
    struct svg_bar bars[OPE_BINS];
    char labels[OPE_BINS][LABEL_SIZE], caption[PANEL_NAME_SIZE + 160];
    uint32_t first = OPE_BINS, last = 0, count = 0;

    for (uint32_t i = 0; i < OPE_BINS; i++)
        if (sums->histogram[i] > 0) {
            first = i < first ? i : first;
            last = i;
        }
    for (uint32_t i = first; i <= last && i < OPE_BINS; i++) {
        double end = ope_bin_end(i);
        if (end == 0.0)
            (void)snprintf(labels[count], LABEL_SIZE, "0");
        else if (isfinite(end))
            (void)snprintf(labels[count], LABEL_SIZE, "to %.3g", end);
        else
            (void)snprintf(labels[count], LABEL_SIZE, "more");
        bars[count] = (struct svg_bar){.name = labels[count],
                .value = 100.0 * (double)sums->histogram[i] / sums->count,
                .low = (double)NAN,
                .high = (double)NAN,
                .colour = colour};
        count++;
    }
    (void)snprintf(caption, sizeof(caption),
            "%s: mean weight %.4g (1 is right), largest %.4g; %.0f rows are "
            "worth %.0f.",
            at->policy->name, sums->w / sums->count / ope_mean_weight(sums),
            sums->most / ope_mean_weight(sums), sums->count,
            at->support.design_ess);
    html_figure_begin(page->out, caption);
    svg_bars(page->out,
            &(struct svg_bars){.title = "histogram of the weights",
                    .width = WIDTH,
                    .label = "% of the rows",
                    .bars = bars,
                    .count = count,
                    .reference = (double)NAN});
    html_figure_end(page->out);
}

static void charts_of_weights(const struct page *page)
{
    uint32_t drawn = 0;

    html_heading(page->out, "Weights");
    html_paragraph(page->out,
            "A row's weight is the policy's probability of what was done over "
            "the logged one. Few large weights mean that the estimate hangs on "
            "few rows.");
    fputs("<div class=\"figures\">\n", page->out);
    for (uint32_t i = 0; i < page->count && drawn < WEIGHED_MAX; i++) {
        const struct evaluated *at = &page->all[i];
        if (at == page->logged || at->support.count < 1.0)
            continue;
        chart_weights(page, at, colour_of(page, i));
        drawn++;
    }
    fputs("</div>\n", page->out);
    if (page->count > drawn + 1)
        html_paragraph(page->out,
                "The first %u are drawn; --json has the histograms of all.",
                drawn);
}

/* ---- overlap ---- */

/* How often each action was chosen across, a policy's mean probability of it
 * upwards. */
static int chart_overlap(const struct page *page, struct err *err)
{
    uint32_t places = page->panel->places, lines = 0;
    double *x = calloc(((size_t)LINES_MAX * 2u + 1u) * places, sizeof(*x));
    double *areas;
    struct svg_series series[LINES_MAX + 1u];
    char labels[LINES_MAX][LABEL_SIZE];
    static const double ends[2] = {0.0, 1.0};

    if (x == NULL)
        return err_set(err, STATUS_INTERNAL, "no memory");
    areas = x + (size_t)LINES_MAX * 2u * places;
    for (uint32_t a = 0; a < places; a++)
        areas[a] = 3.0;
    for (uint32_t i = 0; i < page->count && lines < LINES_MAX; i++) {
        const struct panel_policy *policy = page->all[i].policy;
        double *across = x + (size_t)(2u * lines) * places;
        double *up = across + places;
        if (&page->all[i] == page->logged || policy->kind == PANEL_CONSTANT)
            continue;
        for (uint32_t a = 0; a < places; a++) {
            const struct overlap *at = &policy->overlap[a];
            across[a] = at->eligible == 0
                    ? (double)NAN
                    : (double)at->chosen / (double)at->eligible;
            up[a] = at->eligible == 0 ? (double)NAN
                                      : at->target / (double)at->eligible;
        }
        label_of(policy->name, false, labels[lines]);
        series[lines] = (struct svg_series){.name = labels[lines],
                .shape = SVG_POINTS,
                .colour = colour_of(page, i),
                .count = places,
                .x = across,
                .y = up,
                .area = areas};
        lines++;
    }
    series[lines] = (struct svg_series){.shape = SVG_DASHED,
            .colour = GREY,
            .count = 2,
            .x = ends,
            .y = ends};
    if (lines > 0) {
        html_figure_begin(page->out,
                "Each point is an action: how often the log chose it where it "
                "could, and how often the policy would. Far above the line: "
                "little was seen of what the policy would do.");
        svg_chart(page->out,
                &(struct svg_chart){.title = "overlap of log and policies",
                        .width = WIDTH,
                        .height = 360,
                        .x = {.label = "share chosen, log", .max = 1.0},
                        .y = {.label = "mean probability, policy", .max = 1.0},
                        .series = series,
                        .series_count = lines + 1u});
        html_figure_end(page->out);
    }
    free(x);
    return 0;
}

static void overlap_row(const struct page *page, uint32_t place)
{
    const struct overlap *log = &page->logged->policy->overlap[place];
    char name[ID_BYTES_MAX + 1], text[5 + LINES_MAX][16];
    const char *cells[5 + LINES_MAX];
    bool known = page->panel->partial == 0;
    uint32_t count = 5;

    evaluation_action(page->panel, place, name, sizeof(name));
    (void)snprintf(text[0], 16, "%" PRIu64, log->eligible);
    (void)snprintf(text[1], 16, "%" PRIu64, log->chosen);
    number(known ? log->logged / (double)log->eligible : (double)NAN, text[2]);
    number(known ? log->smallest : (double)NAN, text[3]);
    number(log->chosen == 0 ? (double)NAN
                            : panel_value(page->panel,
                                      log->reward / (double)log->chosen),
            text[4]);
    for (uint32_t i = 0; i < page->count && count < 5 + LINES_MAX; i++) {
        const struct panel_policy *policy = page->all[i].policy;
        const struct overlap *at = &policy->overlap[place];
        if (policy->kind == PANEL_LOGGED || policy->kind == PANEL_CONSTANT)
            continue;
        number(at->target / (double)log->eligible, text[count++]);
    }
    for (uint32_t i = 0; i < count; i++)
        cells[i] = text[i];
    html_cells(page->out, name, cells, count);
}

static void table_of_overlap(const struct page *page)
{
    char labels[6 + LINES_MAX][LABEL_SIZE];
    const char *columns[6 + LINES_MAX] = {
            "action", "eligible", "chosen", "mean p", "least p", earned(page)};
    uint32_t count = 6, shown = 0, seen = 0;

    for (uint32_t i = 0; i < page->count && count < 6 + LINES_MAX; i++)
        if (page->all[i].policy->kind != PANEL_LOGGED &&
                page->all[i].policy->kind != PANEL_CONSTANT) {
            label_of(page->all[i].policy->name, false, labels[count]);
            columns[count] = labels[count];
            count++;
        }
    html_table_begin(page->out, columns, count);
    for (uint32_t i = 0; i < page->panel->places; i++) {
        if (page->logged->policy->overlap[i].eligible == 0)
            continue;
        seen++;
        if (shown == ACTIONS_MAX_SHOWN)
            continue;
        overlap_row(page, i);
        shown++;
    }
    html_table_end(page->out);
    if (seen > shown)
        html_paragraph(page->out,
                "The first %u of %u actions; --json has all of them.", shown,
                seen);
}

static int overlap_of(const struct page *page, struct err *err)
{
    int status;

    html_heading(page->out, "Overlap");
    status = chart_overlap(page, err);
    table_of_overlap(page);
    return status;
}

/* ---- the reward model ---- */

static void calibration(const struct page *page)
{
    static const char *const columns[] = {"predicted", "came true", "rows"};
    const struct panel *panel = page->panel;
    double x[PANEL_BINS], y[PANEL_BINS], area[PANEL_BINS];
    double ends[2] = {panel_value(panel, 0.0), panel_value(panel, 1.0)};
    uint32_t count = 0;

    for (uint32_t i = 0; i < PANEL_BINS; i++) {
        const struct panel_bin *bin = &panel->bins[i];
        if (bin->count == 0)
            continue;
        x[count] = panel_value(panel, bin->predicted / (double)bin->count);
        y[count] = panel_value(panel, bin->reward / (double)bin->count);
        area[count] = 0.5 + 15.0 * (double)bin->count / (double)panel->rows;
        count++;
    }
    html_heading(page->out, "The reward model");
    html_figure_begin(page->out,
            "What the model predicted for the actions that were chosen, "
            "before it saw the outcome, and what came. On the line it is "
            "calibrated; larger points have more rows. A model that is off "
            "widens intervals and does not bias them.");
    svg_chart(page->out,
            &(struct svg_chart){.title = "calibration of the reward model",
                    .width = WIDTH,
                    .height = 360,
                    .x = {.label = "predicted",
                            .min = fmin(ends[0], ends[1]),
                            .max = fmax(ends[0], ends[1])},
                    .y = {.label = "came true",
                            .min = fmin(ends[0], ends[1]),
                            .max = fmax(ends[0], ends[1])},
                    .series =
                            (const struct svg_series[]){{.shape = SVG_DASHED,
                                                                .colour = GREY,
                                                                .count = 2,
                                                                .x = ends,
                                                                .y = ends},
                                    {.shape = SVG_POINTS,
                                            .colour = 2,
                                            .count = count,
                                            .x = x,
                                            .y = y,
                                            .area = area}},
                    .series_count = 2});
    html_figure_end(page->out);
    html_table_begin(page->out, columns, 3);
    for (uint32_t i = 0, at = 0; i < PANEL_BINS; i++) {
        char text[2][16], name[16];
        if (panel->bins[i].count == 0)
            continue;
        number(x[at], name);
        number(y[at], text[0]);
        (void)snprintf(text[1], 16, "%" PRIu64, panel->bins[i].count);
        html_cells(page->out, name, (const char *const[]){text[0], text[1]}, 2);
        at++;
    }
    html_table_end(page->out);
}

/* ---- rows ---- */

static void say_count(const struct page *page, uint64_t count, const char *what)
{
    if (count > 0)
        html_paragraph(page->out, "%" PRIu64 " %s", count, what);
}

static void say_rows(const struct page *page)
{
    const struct panel *panel = page->panel;
    const struct panel_left_out *out = &panel->left_out;

    html_heading(page->out, "Which rows count");
    html_paragraph(page->out, "%" PRIu64 " of %" PRIu64 " decisions count.",
            panel->rows, panel->decisions);
    say_count(page, out->waiting, "have no outcome yet.");
    say_count(page, out->another,
            "have the outcome of another action than the chosen one.");
    say_count(page, out->shape,
            "were made with other columns, actions or groups.");
    say_count(page, out->gone, "are of events that the store has forgotten.");
    say_count(page, out->impossible,
            "have probabilities that are no distribution.");
    say_count(page, out->forced,
            "were decided by the guard, so that nothing else could have been "
            "chosen; the values are of the other contexts.");
    say_count(page, panel->shared,
            "rows had a canary: the logged policy is there what champion and "
            "canary did together.");
    say_count(page, panel->partial,
            "rows know the probability of the chosen action alone.");
    say_count(page, panel->thinned,
            "rows stand for others that were left out, and count for them.");
    say_count(page, panel->clipped,
            "rewards outside the declared range were cut to it.");
}

/* ---- the whole ---- */

static int write_page(const struct page *page, struct err *err)
{
    const struct panel *panel = page->panel;
    char name[ID_BYTES_MAX + 1], title[ID_BYTES_MAX + 64], line[512];
    int status;

    (void)snprintf(title, sizeof(title),
            "%s: what other policies would have earned",
            bytes_text(panel->spec->name, name, sizeof(name)));
    (void)snprintf(line, sizeof(line),
            "served: %s; %" PRIu64 " of %" PRIu64 " decisions, records %" PRIu64
            " to %" PRIu64 "; %s is better",
            panel->spec->policy_name, panel->rows, panel->decisions,
            panel->settings.from, panel->settings.last,
            minimises(page) ? "less" : "more");
    html_begin(page->out, title, line);
    say_answer(page);
    if (panel->rows == 0) {
        say_rows(page);
        return 0;
    }
    fputs("<div class=\"figures\">\n", page->out);
    chart_values(page);
    chart_gains(page);
    fputs("</div>\n", page->out);
    table_of_values(page);
    say_refusals(page);
    status = charts_over_time(page, err);
    charts_of_groups(page);
    charts_of_weights(page);
    if (status == 0)
        status = overlap_of(page, err);
    calibration(page);
    say_rows(page);
    return status;
}

static const struct evaluated *find_logged(const struct page *page)
{
    for (uint32_t i = 0; i < page->count; i++)
        if (page->all[i].policy->kind == PANEL_LOGGED)
            return &page->all[i];
    CHECK_UNREACHABLE();
}

static int write_file(struct page *page, struct err *err)
{
    const char *path = page->evaluation->html;
    int status;

    page->logged = find_logged(page);
    page->out = html_open(path, err);
    if (page->out == NULL)
        return (int)err->status;
    status = write_page(page, err);
    if (status == 0)
        status = html_end(page->out, path, err);
    if (fclose(page->out) != 0 && status == 0)
        status = err_set(err, STATUS_IO, "%s: cannot be written", path);
    return status;
}

int evaluation_html(const struct panel *panel,
        const struct evaluation *evaluation, struct err *err)
{
    struct page page = {.panel = panel, .evaluation = evaluation};
    struct evaluated *all = evaluation_ranking(panel, evaluation, &page.count);
    int status;

    page.all = all;
    page.bars = calloc(panel->policy_count, sizeof(*page.bars));
    page.labels = calloc(panel->policy_count, sizeof(*page.labels));
    page.slice = calloc(panel->policy_count, sizeof(*page.slice));
    status = all == NULL || page.bars == NULL || page.labels == NULL ||
                    page.slice == NULL
            ? err_set(err, STATUS_INTERNAL, "no memory")
            : write_file(&page, err);
    free(all);
    free(page.bars);
    free(page.labels);
    free(page.slice);
    return status;
}
