/* Charts as inline SVG, for the reports: lines, points and bands over two axes,
 * and bars with intervals. Colours are classes (s0 .. s7, grid, ink) that the
 * page's style sheet gives for light and for dark (report/html.h), so a chart
 * alone is not a picture; nothing is fetched from anywhere.
 *
 * Everything is written to an open stream and nothing is kept. Text is escaped
 * here. Write errors stay in the stream (ferror), for html_end to report. One
 * thread for each stream. */
#ifndef REPORT_SVG_H
#define REPORT_SVG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define SVG_SERIES_MAX 16u
#define SVG_LINE_POINTS                                                        \
    600u /* of a longer line, evenly spaced ones are drawn */

enum svg_shape { SVG_LINE, SVG_DASHED, SVG_POINTS };

/* What is not finite (or, on a logarithmic axis, not positive) is left out and
 * breaks a line. */
struct svg_series {
    const char *name; /* in the legend; NULL: not there */
    enum svg_shape shape;
    unsigned colour; /* taken modulo 8 */
    size_t count;
    const double *x, *y; /* [count] */
    /* [count], optional: of points their area, 1 = the usual; 0 = not drawn */
    const double *area;
    /* [count], optional, both or none: a band around a line */
    const double *low, *high;
};

struct svg_axis {
    const char *label; /* may be NULL */
    double min, max; /* both 0: what the series need */
    bool logarithmic;
};

struct svg_chart {
    const char *title; /* what it shows, for those who do not see it */
    unsigned width, height; /* in pixels; 0 = 640 x 320. It scales down */
    struct svg_axis x, y;
    const struct svg_series *series;
    size_t series_count; /* at most SVG_SERIES_MAX */
};

void svg_chart(FILE *out, const struct svg_chart *chart);

/* Horizontal bars from 0, one a row, with an interval where there is one. */
struct svg_bar {
    const char *name;
    double value;
    double low, high; /* NAN: no interval */
    unsigned colour;
};

struct svg_bars {
    const char *title;
    unsigned width; /* 0 = 640 */
    const char *label; /* of the axis */
    const struct svg_bar *bars;
    size_t count;
    double reference; /* a vertical line there; NAN: none */
};

void svg_bars(FILE *out, const struct svg_bars *bars);

/* A number as people read it, in at most 5 characters or so: 12.5k, 0.03. */
void svg_number(double value, char *text, size_t size);

#endif
