#include "cli/top_view.h"

#include "base/check.h"

#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <ncurses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WIDTH_MIN  40
#define HEIGHT_MIN 10
#define LIST_TOP   4 /* the first row of the list */
#define ALARM_ROWS 4
#define SPARK      16u
#define EVERY_MIN  0.25
#define EVERY_MAX  60.0

enum colour { GOOD = 1, BAD, DIM };

/* ---- the terminal ---- */

bool top_view_open(struct top_view *view)
{
    const char *charset;
    SCREEN *screen;

    /* Letters as the terminal has them; numbers stay as they are. */
    (void)setlocale(LC_CTYPE, "");
    charset = nl_langinfo(CODESET); // NOLINT(concurrency-mt-unsafe): one thread
    view->utf8 = strcmp(charset, "UTF-8") == 0;
    screen = newterm(NULL, stdout, stdin);
    if (screen == NULL)
        return false;
    (void)set_term(screen);
    (void)cbreak();
    (void)noecho();
    (void)keypad(stdscr, TRUE);
    (void)curs_set(0);
    (void)set_escdelay(50);
    if (has_colors()) {
        (void)start_color();
        (void)use_default_colors();
        (void)init_pair(GOOD, COLOR_GREEN, -1);
        (void)init_pair(BAD, COLOR_RED, -1);
        (void)init_pair(DIM, COLOR_CYAN, -1);
    }
    return true;
}

void top_view_close(void)
{
    (void)endwin();
}

static void colour(enum colour colour, bool on)
{
    attr_t attribute = colour == BAD ? A_BOLD : A_NORMAL;

    if (has_colors())
        attribute |= (attr_t)COLOR_PAIR((int)colour);
    if (on)
        (void)attron((int)attribute);
    else
        (void)attroff((int)attribute);
}

/* A line of text, cut at the right edge. */
static void put(int row, int column, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
static void put(int row, int column, const char *format, ...)
{
    char text[1024];
    va_list arguments;

    if (row < 0 || row >= LINES || column >= COLS)
        return;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    (void)mvaddnstr(row, column, text, -1);
}

/* A bar over the whole width. */
static void put_bar(int row, const char *text)
{
    (void)attron(A_REVERSE);
    (void)mvhline(row, 0, ' ', COLS);
    (void)mvaddnstr(row, 0, text, COLS);
    (void)attroff(A_REVERSE);
}

/* ---- the order ---- */

static int by_name(const void *a, const void *b)
{
    const struct top_problem *const *left = a, *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

static int by_rate(const void *a, const void *b)
{
    const struct top_problem *const *left = a, *const *right = b;
    double x = (*left)->decisions_s, y = (*right)->decisions_s;

    return x != y ? (x < y) - (x > y) : by_name(a, b);
}

static int by_alarms(const void *a, const void *b)
{
    const struct top_problem *const *left = a, *const *right = b;
    double x = (*left)->alarms, y = (*right)->alarms;

    return x != y ? (x < y) - (x > y) : by_name(a, b);
}

bool top_view_sort(struct top_view *view, const struct top *top)
{
    static int (*const orders[TOP_SORTS])(const void *a, const void *b) = {
            by_name, by_rate, by_alarms};
    size_t size = (top->problem_count + 1) * sizeof(struct top_problem *);
    struct top_problem **order = realloc(view->order, size);

    if (order == NULL)
        return false;
    view->order = order;
    view->order_count = top->problem_count;
    if (top->problem_count > 0)
        memcpy(order, top->problems,
                top->problem_count * sizeof(struct top_problem *));
    qsort(order, view->order_count, sizeof(struct top_problem *),
            orders[view->sort]);
    if (view->selected >= view->order_count)
        view->selected = view->order_count > 0 ? view->order_count - 1 : 0;
    return true;
}

static uint32_t list_rows(void)
{
    int rows = LINES - LIST_TOP - ALARM_ROWS - 2;

    return rows > 1 ? (uint32_t)rows : 1;
}

void top_view_visible(
        const struct top_view *view, uint32_t *from, uint32_t *until)
{
    uint32_t rows = list_rows();

    *from = view->first;
    *until = view->first + rows < view->order_count ? view->first + rows
                                                    : view->order_count;
    if (view->page == TOP_DETAIL) {
        *from = view->selected;
        *until = view->selected < view->order_count ? view->selected + 1
                                                    : view->selected;
    }
}

/* ---- the head ---- */

static void time_text(double at, char out[16])
{
    time_t seconds = (time_t)at;
    struct tm local;

    (void)localtime_r(&seconds, &local);
    (void)strftime(out, 16, "%H:%M:%S", &local);
}

static void draw_state(const struct top_view *view, const struct top *top)
{
    char duration[32];

    if (view->away_s > 0.0) {
        colour(BAD, true);
        put(1, 0, "AWAY: no answer for %s: %s",
                top_duration(view->away_s, duration), view->why);
        colour(BAD, false);
        return;
    }
    if (top->asked == 0.0) {
        put(1, 0, "asking ...");
        return;
    }
    if (top->full) {
        colour(BAD, true);
        put(1, 0, "STORAGE FULL: new work is refused");
        colour(BAD, false);
    }
}

static void draw_head(const struct top_view *view, const struct top *top)
{
    char text[256], duration[32], clock[16], a[16], b[16], c[16], d[16], e[16];

    time_text((double)time(NULL), clock);
    /* What is longest comes last: it may be cut. */
    (void)snprintf(text, sizeof(text),
            " rue top  %s  %severy %gs  up %s  %s  %s", clock,
            view->paused ? "PAUSED  " : "", view->every_s,
            top_duration(top->uptime_s, duration),
            top->version[0] != '\0' ? top->version : "?", view->endpoint);
    put_bar(0, text);
    if (view->away_s > 0.0 || top->asked == 0.0 || top->full) {
        draw_state(view, top);
        return;
    }
    put(1, 0,
            "%s decisions/s  %s feedback/s  %s commits/s  %s records  %s "
            "refused",
            top_short(top->decides_s, a), top_short(top->feedbacks_s, b),
            top_short(top->commits_s, c),
            top_short((double)top->last_record, d), top_short(top->refused, e));
}

/* ---- the list ---- */

static const char *number_text(double value, char out[16])
{
    if (isnan(value))
        (void)snprintf(out, 16, "-");
    else
        (void)snprintf(out, 16, "%.4g", value);
    return out;
}

/* A name in so many cells; what does not fit is marked. */
static void cut(const char *text, size_t cells, char *out, size_t size)
{
    size_t length = strlen(text);

    if (length <= cells)
        (void)snprintf(out, size, "%s", text);
    else
        (void)snprintf(out, size, "%.*s~", (int)cells - 1, text);
}

static const char *state_of(const struct top_problem *problem)
{
    return problem->fallback    ? "FALLBACK"
            : problem->open > 0 ? "CIRCUIT"
            : problem->training ? "training"
                                : "";
}

/* Cells of the name: what the other columns leave. */
static size_t name_cells(void)
{
    return COLS > 76 ? (size_t)COLS - 60 : 16;
}

static void draw_problem(
        const struct top_view *view, const struct top_problem *problem, int row)
{
    char spark[SPARK * TOP_BAR_BYTES + 1], name[128], a[16], b[16], c[16];
    int at = (int)name_cells();

    cut(problem->name, name_cells() - 1, name, sizeof(name));
    put(row, 0, "%s", name);
    if (problem->asked == 0.0) {
        put(row, at, "...");
        return;
    }
    top_sparkline(&problem->rewards, SPARK, view->utf8, spark, sizeof(spark));
    put(row, at, "%4" PRIu64 " %6s %6s %8s ", problem->generation,
            top_short(problem->decisions_s, a),
            top_short(problem->feedbacks_s, b),
            number_text(problem->reward, c));
    put(row, at + 28, "%s", spark);
    if (problem->alarms > 0.0)
        colour(BAD, true);
    put(row, at + 28 + (int)SPARK, "%6s", top_short(problem->alarms, a));
    if (problem->alarms > 0.0)
        colour(BAD, false);
    put(row, at + 35 + (int)SPARK, "%s", state_of(problem));
}

static void draw_alarm(const struct top_alarm *alarm, int row)
{
    char clock[16];

    time_text(alarm->at, clock);
    put(row, 0, "%s  %s  %s%s%s  +%.0f", clock, alarm->problem, alarm->stream,
            alarm->group[0] != '\0' ? " of " : "", alarm->group, alarm->count);
}

static void draw_alarms(const struct top *top)
{
    int row = LINES - ALARM_ROWS - 2;

    colour(DIM, true);
    put(row, 0, "ALARMS SINCE THIS SCREEN CAME%s",
            top->alarm_count == 0 ? ": none" : "");
    colour(DIM, false);
    for (int i = 0; i < ALARM_ROWS && i < (int)top->alarm_count; i++)
        draw_alarm(&top->alarms[i], row + 1 + i);
}

static void draw_list(struct top_view *view, const struct top *top)
{
    static const char *const sorts[TOP_SORTS] = {"name", "rate", "alarms"};
    uint32_t rows = list_rows(), from, until;

    if (view->selected < view->first)
        view->first = view->selected;
    if (view->selected >= view->first + rows)
        view->first = view->selected - rows + 1;
    colour(DIM, true);
    put(2, 0, "%u problems, by %s", view->order_count, sorts[view->sort]);
    put(3, 0, "PROBLEM");
    put(3, (int)name_cells(), "%4s %6s %6s %8s %-16s%6s %s", "GEN", "DEC/S",
            "FB/S", "REWARD", "", "ALARMS", "STATE");
    colour(DIM, false);
    top_view_visible(view, &from, &until);
    for (uint32_t i = from; i < until; i++) {
        if (i == view->selected)
            (void)attron(A_REVERSE);
        draw_problem(view, view->order[i], LIST_TOP + (int)(i - from));
        if (i == view->selected)
            (void)attroff(A_REVERSE);
    }
    draw_alarms(top);
}

/* ---- one problem ---- */

static void draw_line(const struct top_view *view, const char *title,
        const struct top_line *line, int row)
{
    char spark[TOP_HISTORY * TOP_BAR_BYTES + 1];
    double values[TOP_HISTORY], low = INFINITY, high = -INFINITY;
    uint32_t width = COLS > 40 ? (uint32_t)COLS - 34 : 8;
    uint32_t count;

    if (width > TOP_HISTORY)
        width = TOP_HISTORY;
    count = top_line_values(line, width, values);
    for (uint32_t i = 0; i < count; i++)
        if (!isnan(values[i])) {
            low = fmin(low, values[i]);
            high = fmax(high, values[i]);
        }
    put(row, 0, "%-10s", title);
    if (high < low)
        return;
    top_sparkline(line, width, view->utf8, spark, sizeof(spark));
    put(row, 10, "%s", spark);
    put(row, 11 + (int)width, "%.4g to %.4g", low, high);
}

static void draw_numbers(
        struct top_view *view, const struct top_problem *problem, int row)
{
    uint32_t rows = LINES - row - 1 > 1 ? (uint32_t)(LINES - row - 1) : 1;
    uint32_t most =
            problem->number_count > rows ? problem->number_count - rows : 0;

    if (view->scroll > most)
        view->scroll = most;
    for (uint32_t i = 0; i < rows && view->scroll + i < problem->number_count;
            i++) {
        const struct top_number *number = &problem->numbers[view->scroll + i];
        put(row + (int)i, 0, "  %-32.32s %-24.24s %.10g", number->name,
                number->group, number->value);
    }
}

static void draw_detail(struct top_view *view)
{
    const struct top_problem *problem;
    char a[16], b[16];

    if (view->selected >= view->order_count)
        return;
    problem = view->order[view->selected];
    (void)attron(A_BOLD);
    put(2, 0, "%s", problem->name);
    (void)attroff(A_BOLD);
    put(3, 0,
            "%s, generation %" PRIu64 ", reward %s now, %s in all, %.0f alarms "
            "%s",
            problem->policy, problem->generation,
            number_text(problem->reward, a),
            number_text(problem->reward_all, b), problem->alarms,
            state_of(problem));
    draw_line(view, "reward", &problem->rewards, 5);
    draw_line(view, "decisions", &problem->rates, 6);
    draw_numbers(view, problem, 8);
}

/* ---- help ---- */

static void draw_help(void)
{
    static const char *const lines[] = {
            "q           quit; from a page, back to the list (Esc too)",
            "?           this page, and back",
            "up, down    (k, j) another problem; on its page, scroll",
            "PgUp, PgDn  a screen of them; Home, End: the first, the last",
            "Enter       all numbers of the problem",
            "s           sort by name, by rate, by alarms",
            "p           pause, and go on",
            "+, -        ask more often, less often",
            "r           ask now",
            "",
            "GEN     the generation that serves; 0: what was learned here",
            "REWARD  mean of the outcomes learned since the last answer, and",
            "        its course: each line of bars has a scale of its own",
            "ALARMS  of drift, in all; STATE: FALLBACK decides, a CIRCUIT is",
            "        open, a training is under way",
            "",
            "Problems that are not on the screen are asked about in turn.",
    };

    for (size_t i = 0; i < ARRAY_COUNT(lines); i++)
        put(3 + (int)i, 2, "%s", lines[i]);
}

void top_view_draw(struct top_view *view, const struct top *top)
{
    static const char *const feet[] = {
            " q quit  ? help  Enter detail  s sort  p pause  +/- interval",
            " q back  ? help  up/down scroll  p pause  +/- interval",
            " q back",
    };

    (void)erase();
    if (COLS < WIDTH_MIN || LINES < HEIGHT_MIN) {
        put(0, 0, "too small: %d x %d,", COLS, LINES);
        put(1, 0, "%d x %d are needed", WIDTH_MIN, HEIGHT_MIN);
        (void)refresh();
        return;
    }
    draw_head(view, top);
    switch (view->page) {
    case TOP_LIST:
        draw_list(view, top);
        break;
    case TOP_DETAIL:
        draw_detail(view);
        break;
    case TOP_HELP:
        draw_help();
        break;
    }
    put_bar(LINES - 1, feet[view->page]);
    (void)refresh();
}

/* ---- keys ---- */

static void step(struct top_view *view, int by)
{
    uint32_t *at = view->page == TOP_DETAIL ? &view->scroll : &view->selected;
    int64_t most = view->page == TOP_DETAIL ? (int64_t)TOP_NUMBERS
                                            : (int64_t)view->order_count - 1;
    int64_t next = (int64_t)*at + by;

    next = next > most ? most : next;
    *at = next < 0 ? 0 : (uint32_t)next;
}

/* False: there is nowhere to go back to. */
static bool go_back(struct top_view *view)
{
    if (view->page == TOP_LIST)
        return false;
    view->page = view->page == TOP_HELP ? view->before_help : TOP_LIST;
    return true;
}

static void show_help(struct top_view *view)
{
    if (view->page == TOP_HELP) {
        (void)go_back(view);
        return;
    }
    view->before_help = view->page;
    view->page = TOP_HELP;
}

static void change_interval(struct top_view *view, double by)
{
    view->every_s = fmin(fmax(view->every_s * by, EVERY_MIN), EVERY_MAX);
}

static bool take_key(struct top_view *view, const struct top *top, int key)
{
    int page = (int)list_rows();

    switch (key) {
    case 'q':
        return go_back(view);
    case 27: /* also what is left of a key that came in pieces: no reason to
                quit */
        (void)go_back(view);
        return true;
    case '?':
    case 'h':
        show_help(view);
        return true;
    case KEY_UP:
    case 'k':
        step(view, -1);
        return true;
    case KEY_DOWN:
    case 'j':
        step(view, 1);
        return true;
    case KEY_PPAGE:
        step(view, -page);
        return true;
    case KEY_NPAGE:
        step(view, page);
        return true;
    case KEY_HOME:
        step(view, INT16_MIN);
        return true;
    case KEY_END:
        step(view, INT16_MAX);
        return true;
    case '\n':
    case '\r':
    case KEY_ENTER:
        if (view->page == TOP_LIST && view->order_count > 0) {
            view->page = TOP_DETAIL;
            view->scroll = 0;
        }
        return true;
    case 's':
        view->sort = (enum top_sort)((view->sort + 1) % TOP_SORTS);
        (void)top_view_sort(view, top);
        return true;
    case 'p':
        view->paused = !view->paused;
        return true;
    case 'r':
        view->ask = true;
        return true;
    case '+':
        change_interval(view, 0.5);
        return true;
    case '-':
        change_interval(view, 2.0);
        return true;
    default: /* KEY_RESIZE too: what follows draws anew */
        return true;
    }
}

bool top_view_key(struct top_view *view, const struct top *top, int wait_ms)
{
    int key;

    timeout(wait_ms);
    key = getch();
    if (key == ERR)
        return true;
    return take_key(view, top, key);
}
