/* Self-contained HTML pages for the reports: one file, its style inside, light
 * or dark as the reader's system is, nothing fetched from anywhere and no
 * script. Charts come from report/svg.h.
 *
 *     html_begin(out, "Tuning SOR", "low variance, 10 trials");
 *     html_heading(out, "Cost per solve");
 *     svg_bars(out, &bars);
 *     html_table_begin(out, (const char *[]){"policy", "mean"}, 2);
 *     html_row(out, "shared model", (const double[]){45.2}, 1);
 *     html_table_end(out);
 *     status = html_end(out, path, &err);
 *
 * Text is escaped here. Write errors stay in the stream until html_end. One
 * thread for each stream. */
#ifndef REPORT_HTML_H
#define REPORT_HTML_H

#include "base/err.h"

#include <stddef.h>
#include <stdio.h>

/* Text with &, <, >, and both quotes replaced. */
void html_escape(FILE *out, const char *text);

/* The head of the page, its title and a line under it (NULL: none). */
void html_begin(FILE *out, const char *title, const char *line);
/* The end of the page. IO if anything could not be written; `path` is for the
 * message. The stream stays open. */
int html_end(FILE *out, const char *path, struct err *err) MUST_USE;

void html_heading(FILE *out, const char *text);
void html_paragraph(FILE *out, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

/* A paragraph that stands out: what a reader must not miss. */
void html_note(FILE *out, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

/* A box for one chart and what it says (NULL: nothing); boxes stand side by
 * side where there is room. */
void html_figure_begin(FILE *out, const char *caption);
void html_figure_end(FILE *out);

/* A table: the first column is text, the others are numbers. */
void html_table_begin(FILE *out, const char *const *columns, size_t count);
/* NAN is an empty cell. */
void html_row(FILE *out, const char *name, const double *values, size_t count);
/* The same with cells that are written already, numbers or not. */
void html_cells(
        FILE *out, const char *name, const char *const *cells, size_t count);
void html_table_end(FILE *out);

/* A file for a page: created, or emptied. NULL with err (IO). */
FILE *html_open(const char *path, struct err *err);

#endif
