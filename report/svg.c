#include "report/svg.h"

#include "base/check.h"
#include "report/html.h"

#include <math.h>
#include <string.h>

#define COLOURS     8u
#define TICKS_MAX   12u
#define FONT_WIDTH  6.4 /* a character at 12 px, about */
#define LEGEND_LINE 18.0
#define POINT_AREA  20.0 /* square pixels at area 1 */

/* An axis on the picture: values lo..hi at pixels from..to. */
struct scale {
    double low, high;
    double from, to;
    bool logarithmic;
};

struct frame {
    double left, right, top, bottom;
    struct scale x, y;
};

void svg_number(double value, char *text, size_t size)
{
    static const struct {
        double unit;
        const char *mark;
    } units[] = {{1e9, "G"}, {1e6, "M"}, {1e4, "k"}};

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (fabs(value) >= units[i].unit) {
            double unit = i == 2 ? 1e3 : units[i].unit;
            (void)snprintf(text, size, "%.4g%s", value / unit, units[i].mark);
            return;
        }
    (void)snprintf(text, size, "%.4g", fabs(value) < 1e-12 ? 0.0 : value);
}

/* ---- scales ---- */

static bool drawable(const struct scale *scale, double value)
{
    return isfinite(value) && (!scale->logarithmic || value > 0.0);
}

static double place_of(const struct scale *scale, double value)
{
    double share = scale->logarithmic
            ? log(value / scale->low) / log(scale->high / scale->low)
            : (value - scale->low) / (scale->high - scale->low);

    return scale->from + share * (scale->to - scale->from);
}

static void include(struct scale *scale, const double *values, size_t count)
{
    for (size_t i = 0; values != NULL && i < count; i++)
        if (drawable(scale, values[i])) {
            scale->low = fmin(scale->low, values[i]);
            scale->high = fmax(scale->high, values[i]);
        }
}

/* 1, 2 or 5 times a power of ten, so that about `parts` of it make `range`. */
static double nice_step(double range, double parts)
{
    double raw = range / parts;
    double power = pow(10.0, floor(log10(raw)));
    double share = raw / power;

    return power *
            (share <= 1.0                  ? 1.0
                            : share <= 2.0 ? 2.0
                            : share <= 5.0 ? 5.0
                                           : 10.0);
}

/* Room for what is drawn, and never an empty range. */
static void widen(struct scale *scale, bool given)
{
    double step;

    if (!(scale->low <= scale->high)) {
        scale->low = scale->logarithmic ? 1.0 : 0.0;
        scale->high = scale->logarithmic ? 10.0 : 1.0;
    }
    if (!(scale->low < scale->high)) {
        double margin = scale->low == 0.0 ? 1.0 : 0.1 * fabs(scale->low);
        scale->low -= margin;
        scale->high += margin;
    }
    if (given || scale->logarithmic)
        return;
    step = nice_step(scale->high - scale->low, 5.0);
    if (scale->low > 0.0 && scale->low < 0.35 * scale->high)
        scale->low = 0.0;
    scale->low = floor(scale->low / step + 1e-9) * step;
    scale->high = ceil(scale->high / step - 1e-9) * step;
}

static size_t linear_ticks(
        const struct scale *scale, double parts, double ticks[TICKS_MAX])
{
    double step = nice_step(scale->high - scale->low, parts);
    double first = ceil(scale->low / step - 1e-9);
    size_t count = 0;

    while (count < TICKS_MAX &&
            (first + (double)count) * step <= scale->high + 1e-9 * step) {
        ticks[count] = (first + (double)count) * step;
        count++;
    }
    return count;
}

/* Powers of ten, with 2 and 5 between where there are few. */
static size_t log_ticks(const struct scale *scale, double ticks[TICKS_MAX])
{
    static const double parts[] = {1.0, 2.0, 5.0};
    bool few = log10(scale->high / scale->low) < 3.0;
    int last = (int)floor(log10(scale->high));
    size_t count = 0;

    for (int power = (int)floor(log10(scale->low));
            power <= last && count < TICKS_MAX; power++)
        for (size_t i = 0; i < (few ? 3 : 1) && count < TICKS_MAX; i++) {
            double tick = parts[i] * pow(10.0, power);
            if (tick >= scale->low * (1.0 - 1e-9) &&
                    tick <= scale->high * (1.0 + 1e-9))
                ticks[count++] = tick;
        }
    return count;
}

static size_t ticks_of(
        const struct scale *scale, double parts, double ticks[TICKS_MAX])
{
    return scale->logarithmic ? log_ticks(scale, ticks)
                              : linear_ticks(scale, parts, ticks);
}

/* ---- parts of a picture ---- */

static void open_picture(
        FILE *out, const char *title, unsigned width, double height)
{
    fprintf(out,
            "<svg class=\"chart\" role=\"img\" viewBox=\"0 0 %u %.0f\" "
            "width=\"%u\" height=\"%.0f\"><title>",
            width, height, width, height);
    html_escape(out, title == NULL ? "chart" : title);
    fputs("</title>\n", out);
}

static void text_at(FILE *out, double x, double y, const char *anchor,
        const char *class, const char *text)
{
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" class=\"%s\">",
            x, y, anchor, class);
    html_escape(out, text);
    fputs("</text>\n", out);
}

static void line_at(FILE *out, const char *class, double x1, double y1,
        double x2, double y2)
{
    fprintf(out,
            "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" "
            "y2=\"%.1f\"/>\n",
            class, x1, y1, x2, y2);
}

static void draw_axes(
        FILE *out, const struct svg_chart *chart, const struct frame *frame)
{
    double ticks[TICKS_MAX];
    char text[32];
    size_t count = ticks_of(&frame->y, 5.0, ticks);

    for (size_t i = 0; i < count; i++) {
        double y = place_of(&frame->y, ticks[i]);
        line_at(out, "grid", frame->left, y, frame->right, y);
        svg_number(ticks[i], text, sizeof(text));
        text_at(out, frame->left - 6.0, y + 4.0, "end", "tick", text);
    }
    count = ticks_of(&frame->x, (frame->right - frame->left) / 80.0, ticks);
    for (size_t i = 0; i < count; i++) {
        double x = place_of(&frame->x, ticks[i]);
        line_at(out, "axis", x, frame->bottom, x, frame->bottom + 4.0);
        svg_number(ticks[i], text, sizeof(text));
        text_at(out, x, frame->bottom + 17.0, "middle", "tick", text);
    }
    line_at(out, "axis", frame->left, frame->bottom, frame->right,
            frame->bottom);
    if (chart->x.label != NULL)
        text_at(out, 0.5 * (frame->left + frame->right), frame->bottom + 34.0,
                "middle", "label", chart->x.label);
    if (chart->y.label != NULL)
        text_at(out, 4.0, frame->top - 8.0, "start", "label", chart->y.label);
}

static double legend_width(const char *name)
{
    return 30.0 + FONT_WIDTH * (double)strlen(name);
}

/* Draws (or, without a stream, measures) the legend; its height. */
static double legend(
        FILE *out, const struct svg_chart *chart, double left, double right)
{
    double x = left, y = 14.0;
    size_t shown = 0;

    for (size_t i = 0; i < chart->series_count; i++) {
        const struct svg_series *series = &chart->series[i];
        unsigned colour = series->colour % COLOURS;
        char class[32];
        if (series->name == NULL)
            continue;
        if (shown++ > 0 && x + legend_width(series->name) > right) {
            x = left;
            y += LEGEND_LINE;
        }
        if (out != NULL) {
            (void)snprintf(class, sizeof(class), "line s%u%s", colour,
                    series->shape == SVG_DASHED ? " dashed" : "");
            if (series->shape == SVG_POINTS)
                fprintf(out,
                        "<circle class=\"dot s%u\" cx=\"%.1f\" cy=\"%.1f\" "
                        "r=\"4\"/>\n",
                        colour, x + 9.0, y - 4.0);
            else
                line_at(out, class, x, y - 4.0, x + 18.0, y - 4.0);
            text_at(out, x + 23.0, y, "start", "key", series->name);
        }
        x += legend_width(series->name) + 8.0;
    }
    return shown == 0 ? 0.0 : y + 6.0;
}

/* ---- series ---- */

static size_t stride_of(size_t count)
{
    return count <= SVG_LINE_POINTS
            ? 1
            : (count + SVG_LINE_POINTS - 1) / SVG_LINE_POINTS;
}

/* The next index that is drawn; the last one always is. */
static size_t step_on(size_t at, size_t stride, size_t count)
{
    return at + stride >= count && at + 1 < count ? count - 1 : at + stride;
}

static bool both_drawable(const struct frame *frame, double x, double y)
{
    return drawable(&frame->x, x) && drawable(&frame->y, y);
}

static void draw_line(
        FILE *out, const struct svg_series *series, const struct frame *frame)
{
    size_t stride = stride_of(series->count);
    bool pen = false;

    fprintf(out, "<path class=\"line s%u%s\" d=\"", series->colour % COLOURS,
            series->shape == SVG_DASHED ? " dashed" : "");
    for (size_t i = 0; i < series->count;
            i = step_on(i, stride, series->count)) {
        if (!both_drawable(frame, series->x[i], series->y[i])) {
            pen = false;
            continue;
        }
        fprintf(out, "%c%.1f %.1f", pen ? 'L' : 'M',
                place_of(&frame->x, series->x[i]),
                place_of(&frame->y, series->y[i]));
        pen = true;
    }
    fputs("\"/>\n", out);
}

static bool band_at(
        const struct svg_series *series, const struct frame *frame, size_t i)
{
    return both_drawable(frame, series->x[i], series->low[i]) &&
            drawable(&frame->y, series->high[i]);
}

/* From one index on, as far as there are points without a gap: along the lower
 * edge and back along the upper one. Each third point of a long line is as good
 * as all of it. The index after it. */
static size_t draw_part(FILE *out, const struct svg_series *series,
        const struct frame *frame, size_t from, size_t stride)
{
    size_t drawn[SVG_LINE_POINTS + 2], count = 0, i = from;

    for (; i < series->count && band_at(series, frame, i) &&
            count < sizeof(drawn) / sizeof(drawn[0]);
            i = step_on(i, stride, series->count)) {
        fprintf(out, "%c%.1f %.1f", count == 0 ? 'M' : 'L',
                place_of(&frame->x, series->x[i]),
                place_of(&frame->y, series->low[i]));
        drawn[count++] = i;
    }
    for (size_t back = count; back > 0; back--)
        fprintf(out, "L%.1f %.1f%s",
                place_of(&frame->x, series->x[drawn[back - 1]]),
                place_of(&frame->y, series->high[drawn[back - 1]]),
                back == 1 ? "Z" : "");
    return count > 0 ? i : step_on(i, stride, series->count);
}

static void draw_band(
        FILE *out, const struct svg_series *series, const struct frame *frame)
{
    size_t stride = stride_of(series->count);

    fprintf(out, "<path class=\"band s%u\" d=\"", series->colour % COLOURS);
    for (size_t i = 0; i < series->count;)
        i = draw_part(out, series, frame, i, stride);
    fputs("\"/>\n", out);
}

static void draw_points(
        FILE *out, const struct svg_series *series, const struct frame *frame)
{
    char x[32], y[32];

    for (size_t i = 0; i < series->count; i++) {
        double area = series->area == NULL ? 1.0 : series->area[i];
        if (!both_drawable(frame, series->x[i], series->y[i]) || !(area > 0.0))
            continue;
        svg_number(series->x[i], x, sizeof(x));
        svg_number(series->y[i], y, sizeof(y));
        fprintf(out,
                "<circle class=\"dot s%u\" cx=\"%.1f\" cy=\"%.1f\" "
                "r=\"%.1f\"><title>%s, %s</title></circle>\n",
                series->colour % COLOURS, place_of(&frame->x, series->x[i]),
                place_of(&frame->y, series->y[i]),
                fmax(1.2, sqrt(area * POINT_AREA / M_PI)), x, y);
    }
}

/* ---- charts ---- */

static struct scale scale_of(const struct svg_axis *axis)
{
    bool given = axis->min != 0.0 || axis->max != 0.0;

    return (struct scale){
            .low = given ? axis->min : HUGE_VAL,
            .high = given ? axis->max : -HUGE_VAL,
            .logarithmic = axis->logarithmic,
    };
}

static bool is_given(const struct svg_axis *axis)
{
    return axis->min != 0.0 || axis->max != 0.0;
}

static void lay_out(const struct svg_chart *chart, unsigned width,
        unsigned height, struct frame *frame)
{
    frame->left = 56.0;
    frame->right = width - 16.0;
    frame->top = legend(NULL, chart, frame->left, frame->right) +
            (chart->y.label != NULL ? 22.0 : 8.0);
    frame->bottom = height - (chart->x.label != NULL ? 40.0 : 24.0);
    frame->x = scale_of(&chart->x);
    frame->y = scale_of(&chart->y);
    for (size_t i = 0; i < chart->series_count; i++) {
        const struct svg_series *series = &chart->series[i];
        if (!is_given(&chart->x))
            include(&frame->x, series->x, series->count);
        if (is_given(&chart->y))
            continue;
        include(&frame->y, series->y, series->count);
        include(&frame->y, series->low, series->count);
        include(&frame->y, series->high, series->count);
    }
    widen(&frame->x, true);
    widen(&frame->y, is_given(&chart->y));
    frame->x.from = frame->left;
    frame->x.to = frame->right;
    frame->y.from = frame->bottom;
    frame->y.to = frame->top;
}

void svg_chart(FILE *out, const struct svg_chart *chart)
{
    unsigned width = chart->width == 0 ? 640 : chart->width;
    unsigned height = chart->height == 0 ? 320 : chart->height;
    struct frame frame;

    CHECK(chart->series_count <= SVG_SERIES_MAX);
    lay_out(chart, width, height, &frame);
    open_picture(out, chart->title, width, height);
    (void)legend(out, chart, frame.left, frame.right);
    draw_axes(out, chart, &frame);
    for (size_t i = 0; i < chart->series_count; i++)
        if (chart->series[i].low != NULL)
            draw_band(out, &chart->series[i], &frame);
    for (size_t i = 0; i < chart->series_count; i++)
        if (chart->series[i].shape != SVG_POINTS)
            draw_line(out, &chart->series[i], &frame);
    for (size_t i = 0; i < chart->series_count; i++)
        if (chart->series[i].shape == SVG_POINTS)
            draw_points(out, &chart->series[i], &frame);
    fputs("</svg>\n", out);
}

/* ---- bars ---- */

#define BAR_STEP   26.0
#define BAR_HEIGHT 14.0

static void draw_bar(FILE *out, const struct svg_bar *bar,
        const struct scale *scale, double top)
{
    double zero = place_of(scale, fmax(scale->low, 0.0));
    double end = place_of(scale, bar->value);
    double middle = top + 0.5 * BAR_HEIGHT;
    double text_x = fmax(zero, end);
    char text[32];

    text_at(out, scale->from - 8.0, middle + 4.0, "end", "key", bar->name);
    if (!isfinite(bar->value))
        return;
    fprintf(out,
            "<rect class=\"bar s%u\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
            "height=\"%.1f\" rx=\"2\"/>\n",
            bar->colour % COLOURS, fmin(zero, end), top, fabs(end - zero),
            BAR_HEIGHT);
    if (isfinite(bar->low) && isfinite(bar->high)) {
        double low = place_of(scale, bar->low);
        double high = place_of(scale, bar->high);
        line_at(out, "whisker", low, middle, high, middle);
        line_at(out, "whisker", low, middle - 4.0, low, middle + 4.0);
        line_at(out, "whisker", high, middle - 4.0, high, middle + 4.0);
        text_x = fmax(text_x, high);
    }
    svg_number(bar->value, text, sizeof(text));
    text_at(out, text_x + 6.0, middle + 4.0, "start", "tick", text);
}

static struct scale bar_scale(const struct svg_bars *bars, unsigned width)
{
    struct scale scale = {.low = 0.0, .high = 0.0, .to = width - 60.0};
    size_t longest = 0;

    for (size_t i = 0; i < bars->count; i++) {
        size_t size = strlen(bars->bars[i].name);
        longest = size > longest ? size : longest;
        include(&scale, &bars->bars[i].value, 1);
        include(&scale, &bars->bars[i].low, 1);
        include(&scale, &bars->bars[i].high, 1);
    }
    include(&scale, &bars->reference, 1);
    widen(&scale, false);
    scale.from = fmin(0.5 * width, 20.0 + FONT_WIDTH * (double)longest);
    return scale;
}

void svg_bars(FILE *out, const struct svg_bars *bars)
{
    unsigned width = bars->width == 0 ? 640 : bars->width;
    struct scale scale = bar_scale(bars, width);
    double bottom = 8.0 + BAR_STEP * (double)bars->count;
    double ticks[TICKS_MAX];
    size_t count = ticks_of(&scale, 5.0, ticks);
    char text[32];

    open_picture(out, bars->title, width, bottom + 42.0);
    for (size_t i = 0; i < count; i++) {
        double x = place_of(&scale, ticks[i]);
        line_at(out, "grid", x, 4.0, x, bottom);
        svg_number(ticks[i], text, sizeof(text));
        text_at(out, x, bottom + 14.0, "middle", "tick", text);
    }
    for (size_t i = 0; i < bars->count; i++)
        draw_bar(out, &bars->bars[i], &scale, 8.0 + BAR_STEP * (double)i);
    if (isfinite(bars->reference)) {
        double x = place_of(&scale, bars->reference);
        line_at(out, "whisker dashed", x, 4.0, x, bottom);
    }
    if (bars->label != NULL)
        text_at(out, 0.5 * (scale.from + scale.to), bottom + 34.0, "middle",
                "label", bars->label);
    fputs("</svg>\n", out);
}
