#include "report/html.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

/* The colours of the series differ in lightness as well as in hue, so that
 * neighbours can be told apart without colours. */
static const char style[] =
        ":root{--paper:#fff;--ink:#1c1e21;--soft:#5f656d;--grid:#e3e5e8;"
        "--c0:#0b62c4;--c1:#c8500a;--c2:#0d8a63;--c3:#8a3ea8;--c4:#b8860b;"
        "--c5:#c2185b;--c6:#4c6a80;--c7:#9aa1a9;color-scheme:light dark}\n"
        "@media(prefers-color-scheme:dark){:root{--paper:#16181b;"
        "--ink:#e8eaed;--soft:#a2a8b0;--grid:#33373d;--c0:#6cb0ff;--c1:#ff9455;"
        "--c2:#4fd0a0;--c3:#d597f0;--c4:#e5c04c;--c5:#ff7fae;--c6:#9cbcd3;"
        "--c7:#7d848d}}\n"
        "body{margin:2rem auto;max-width:84rem;padding:0 1.25rem;"
        "background:var(--paper);color:var(--ink);"
        "font:15px/1.5 system-ui,'DejaVu Sans',sans-serif}\n"
        "h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .5rem}"
        "p{max-width:48rem}.line-under{color:var(--soft);margin:.2rem 0 1rem}\n"
        ".figures{display:flex;flex-wrap:wrap;gap:1.25rem}"
        "figure{margin:0 0 1rem;display:inline-block;vertical-align:top;"
        "max-width:100%}figcaption{color:var(--soft);max-width:38rem}\n"
        "svg.chart{max-width:100%;height:auto;display:block}"
        "svg text{font-size:12px;fill:var(--ink);"
        "font-family:system-ui,'DejaVu Sans',sans-serif}"
        "svg .tick,svg .label{fill:var(--soft);"
        "font-variant-numeric:tabular-nums}\n"
        ".grid{stroke:var(--grid)}.axis{stroke:var(--soft)}"
        ".whisker{stroke:var(--ink);stroke-width:1.4}"
        ".line{fill:none;stroke:var(--c);stroke-width:2;"
        "stroke-linejoin:round}.dashed{stroke-dasharray:5 4}"
        ".band{fill:var(--c);opacity:.18}.bar{fill:var(--c)}"
        ".dot{fill:var(--c);fill-opacity:.75;stroke:var(--paper);"
        "stroke-width:.8}\n"
        ".s0{--c:var(--c0)}.s1{--c:var(--c1)}.s2{--c:var(--c2)}"
        ".s3{--c:var(--c3)}.s4{--c:var(--c4)}.s5{--c:var(--c5)}"
        ".s6{--c:var(--c6)}.s7{--c:var(--c7)}\n"
        ".note{border-left:4px solid var(--c1);padding:.1rem 0 .1rem .75rem}\n"
        ".scroll{overflow-x:auto}table{border-collapse:collapse;"
        "font-variant-numeric:tabular-nums}th,td{padding:.25rem .75rem;"
        "text-align:right;border-bottom:1px solid var(--grid);"
        "white-space:nowrap}"
        "th{color:var(--soft);font-weight:600;white-space:normal;"
        "vertical-align:bottom}"
        "th:first-child,td:first-child{text-align:left;padding-left:0;"
        "white-space:normal;min-width:8.5rem}\n";

void html_escape(FILE *out, const char *text)
{
    for (; *text != '\0'; text++)
        switch (*text) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\'':
            fputs("&#39;", out);
            break;
        default:
            fputc(*text, out);
        }
}

static void element(FILE *out, const char *tag, const char *text)
{
    fprintf(out, "<%s>", tag);
    html_escape(out, text);
    fprintf(out, "</%s>\n", tag);
}

void html_begin(FILE *out, const char *title, const char *line)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
          "<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" "
          "content=\"width=device-width,initial-scale=1\">\n",
            out);
    element(out, "title", title);
    fprintf(out, "<style>\n%s</style>\n</head>\n<body>\n", style);
    element(out, "h1", title);
    if (line == NULL)
        return;
    fputs("<p class=\"line-under\">", out);
    html_escape(out, line);
    fputs("</p>\n", out);
}

int html_end(FILE *out, const char *path, struct err *err)
{
    fputs("</body>\n</html>\n", out);
    if (fflush(out) == 0 && !ferror(out))
        return 0;
    return err_set(err, STATUS_IO, "%s: %s", path, strerrordesc_np(errno));
}

void html_heading(FILE *out, const char *text)
{
    element(out, "h2", text);
}

void html_paragraph(FILE *out, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    element(out, "p", text);
}

void html_note(FILE *out, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    fputs("<p class=\"note\">", out);
    html_escape(out, text);
    fputs("</p>\n", out);
}

void html_figure_begin(FILE *out, const char *caption)
{
    fputs("<figure>\n", out);
    if (caption != NULL)
        element(out, "figcaption", caption);
}

void html_figure_end(FILE *out)
{
    fputs("</figure>\n", out);
}

void html_table_begin(FILE *out, const char *const *columns, size_t count)
{
    fputs("<div class=\"scroll\"><table>\n<tr>", out);
    for (size_t i = 0; i < count; i++)
        element(out, "th", columns[i]);
    fputs("</tr>\n", out);
}

void html_row(FILE *out, const char *name, const double *values, size_t count)
{
    fputs("<tr>", out);
    element(out, "td", name);
    for (size_t i = 0; i < count; i++)
        if (isnan(values[i]))
            fputs("<td></td>", out);
        else
            fprintf(out, "<td>%.*f</td>",
                    fabs(values[i]) < 10.0          ? 3
                            : fabs(values[i]) < 1e4 ? 1
                                                    : 0,
                    values[i]);
    fputs("</tr>\n", out);
}

void html_cells(
        FILE *out, const char *name, const char *const *cells, size_t count)
{
    fputs("<tr>", out);
    element(out, "td", name);
    for (size_t i = 0; i < count; i++)
        element(out, "td", cells[i]);
    fputs("</tr>\n", out);
}

void html_table_end(FILE *out)
{
    fputs("</table></div>\n", out);
}

FILE *html_open(const char *path, struct err *err)
{
    FILE *out = fopen(path, "w");

    if (out == NULL)
        (void)err_set(err, STATUS_IO, "%s: %s", path, strerrordesc_np(errno));
    return out;
}
