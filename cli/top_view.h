/* The screen of `rue top`, by ncurses: the only file that knows it. */
#ifndef CLI_TOP_VIEW_H
#define CLI_TOP_VIEW_H

#include "cli/top.h"

enum top_sort { TOP_BY_NAME, TOP_BY_RATE, TOP_BY_ALARMS, TOP_SORTS };
enum top_page { TOP_LIST, TOP_DETAIL, TOP_HELP };

/* What is shown, and how. */
struct top_view {
    const char *endpoint;
    enum top_page page, before_help;
    enum top_sort sort;
    uint32_t selected; /* of the list as it is sorted */
    uint32_t first; /* of its rows on the screen */
    uint32_t scroll; /* of the detail's numbers */
    double every_s;
    bool paused;
    bool ask; /* now: a key said so */
    bool utf8;
    double away_s; /* since the last answer; 0: the last was in time */
    char why[128]; /* the last failure */
    struct top_problem **order; /* [top->problem_count] as shown */
    uint32_t order_count;
};

/* Takes the terminal over. False: it is not one that can be used. */
bool top_view_open(struct top_view *view);
/* Gives it back as it was. */
void top_view_close(void);

/* Puts the problems in order; false: no memory. */
bool top_view_sort(struct top_view *view, const struct top *top);
/* Which of the order are on the screen now: first and one past the last. */
void top_view_visible(
        const struct top_view *view, uint32_t *from, uint32_t *until);
void top_view_draw(struct top_view *view, const struct top *top);

/* Waits so long for a key and does what it says. False: quit. */
bool top_view_key(struct top_view *view, const struct top *top, int wait_ms);

#endif
