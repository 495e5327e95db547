#include "cli/top.h"

#include "base/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- lines ---- */

void top_line_add(struct top_line *line, double value)
{
    line->values[line->next] = value;
    line->next = (line->next + 1) % TOP_HISTORY;
    if (line->count < TOP_HISTORY)
        line->count++;
}

uint32_t top_line_values(
        const struct top_line *line, uint32_t width, double *values)
{
    uint32_t count = line->count < width ? line->count : width;

    for (uint32_t i = 0; i < count; i++)
        values[i] = line->values[(line->next + TOP_HISTORY - count + i) %
                TOP_HISTORY];
    return count;
}

/* 0 .. steps - 1; a line without any difference is in the middle. */
static uint32_t step_of(double value, double low, double high, uint32_t steps)
{
    double share = high > low ? (value - low) / (high - low) : 0.5;
    uint32_t step = (uint32_t)(share * steps);

    return step < steps ? step : steps - 1;
}

void top_sparkline(const struct top_line *line, uint32_t width, bool utf8,
        char *out, size_t size)
{
    static const char *const blocks[] = {"\xe2\x96\x81", "\xe2\x96\x82",
            "\xe2\x96\x83", "\xe2\x96\x84", "\xe2\x96\x85", "\xe2\x96\x86",
            "\xe2\x96\x87", "\xe2\x96\x88"};
    static const char *const marks[] = {
            "_", ".", ",", "-", "~", "=", "+", "*", "%", "#"};
    const char *const *bars = utf8 ? blocks : marks;
    uint32_t steps = utf8 ? ARRAY_COUNT(blocks) : ARRAY_COUNT(marks);
    double values[TOP_HISTORY], low = INFINITY, high = -INFINITY;
    uint32_t cells = width < TOP_HISTORY ? width : TOP_HISTORY;
    uint32_t count = top_line_values(line, cells, values);
    size_t used = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (isnan(values[i]))
            continue;
        low = fmin(low, values[i]);
        high = fmax(high, values[i]);
    }
    out[0] = '\0';
    for (uint32_t i = 0; i < cells; i++) {
        uint32_t at = i + count - cells;
        const char *bar = i + count < cells || isnan(values[at])
                ? " "
                : bars[step_of(values[at], low, high, steps)];
        used += (size_t)snprintf(used < size ? out + used : NULL,
                used < size ? size - used : 0, "%s", bar);
    }
}

const char *top_short(double value, char out[16])
{
    static const char units[] = " kMGTP";
    uint32_t unit = 0;
    double size = fabs(value);

    while (size >= 9999.5 && units[unit + 1] != '\0') {
        value /= 1000.0;
        size /= 1000.0;
        unit++;
    }
    if (unit == 0)
        (void)snprintf(out, 16,
                size >= 100.0 || value == floor(value) ? "%.0f" : "%.1f",
                value);
    else
        (void)snprintf(out, 16, size < 100.0 ? "%.1f%c" : "%.0f%c", value,
                units[unit]);
    return out;
}

const char *top_duration(double seconds, char out[32])
{
    uint64_t whole = seconds > 0.0 ? (uint64_t)seconds : 0;
    uint64_t minutes = whole / 60, hours = minutes / 60, days = hours / 24;

    if (days > 0)
        (void)snprintf(out, 32, "%llud %02lluh", (unsigned long long)days,
                (unsigned long long)(hours % 24));
    else if (hours > 0)
        (void)snprintf(out, 32, "%lluh %02llum", (unsigned long long)hours,
                (unsigned long long)(minutes % 60));
    else
        (void)snprintf(out, 32, "%llum %02llus", (unsigned long long)minutes,
                (unsigned long long)(whole % 60));
    return out;
}

/* ---- answers ---- */

static void keep(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text == NULL ? "" : text);
}

/* A number of no group; 0 if there is none of that name. */
static double number_of(const rue_service_status *status, const char *name)
{
    for (size_t i = 0; i < status->number_count; i++)
        if (status->numbers[i].group[0] == '\0' &&
                strcmp(status->numbers[i].name, name) == 0)
            return status->numbers[i].value;
    return 0.0;
}

/* A counter that went back belongs to a service that began anew. */
static double rate(double before, double after, double seconds)
{
    return seconds > 0.0 && after >= before ? (after - before) / seconds : 0.0;
}

static struct top_problem *find(const struct top *top, const char *name)
{
    for (uint32_t i = 0; i < top->problem_count; i++)
        if (strcmp(top->problems[i]->name, name) == 0)
            return top->problems[i];
    return NULL;
}

static void free_problem(struct top_problem *problem)
{
    if (problem == NULL)
        return;
    free(problem->numbers);
    free(problem);
}

static struct top_problem *new_problem(const char *name)
{
    struct top_problem *problem = calloc(1, sizeof(*problem));

    if (problem == NULL)
        return NULL;
    keep(problem->name, sizeof(problem->name), name);
    problem->reward = NAN;
    problem->reward_all = NAN;
    problem->numbers = calloc(TOP_NUMBERS, sizeof(*problem->numbers));
    if (problem->numbers != NULL)
        return problem;
    free(problem);
    return NULL;
}

static int compare_problems(const void *a, const void *b)
{
    const struct top_problem *const *left = a, *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

/* Those that are there, with what is known of them; others go. */
static bool take_problems(struct top *top, const rue_service_status *status)
{
    uint32_t count = 0;
    bool good = true, same = top->problem_count == status->problem_count;
    struct top_problem **list;

    for (size_t i = 0; same && i < status->problem_count; i++)
        same = find(top, status->problems[i]) != NULL;
    if (same)
        return true;
    list = calloc(status->problem_count + 1, sizeof(struct top_problem *));
    if (list == NULL)
        return false;
    for (size_t i = 0; good && i < status->problem_count; i++) {
        struct top_problem *problem = new_problem(status->problems[i]);
        good = problem != NULL;
        if (good)
            list[count++] = problem;
    }
    for (uint32_t i = 0; i < top->problem_count; i++)
        free_problem(top->problems[i]);
    free(top->problems);
    top->problems = list;
    top->problem_count = count;
    qsort(list, count, sizeof(struct top_problem *), compare_problems);
    return good;
}

bool top_take_service(
        struct top *top, const rue_service_status *status, double now)
{
    double seconds = top->asked > 0.0 && status->uptime_s >= top->uptime_s
            ? now - top->asked
            : 0.0;
    double decides = number_of(status, "decides");
    double feedbacks = number_of(status, "feedbacks");
    double commits = number_of(status, "commits");

    top->decides_s = rate(top->decides, decides, seconds);
    top->feedbacks_s = rate(top->feedbacks, feedbacks, seconds);
    top->commits_s = rate(top->commits, commits, seconds);
    top->decides = decides;
    top->feedbacks = feedbacks;
    top->commits = commits;
    top->refused =
            number_of(status, "refused") + number_of(status, "refused_full");
    top->full = number_of(status, "storage_full") > 0.0;
    keep(top->version, sizeof(top->version), status->version);
    top->uptime_s = status->uptime_s;
    top->last_record = status->last_sequence;
    top->asked = now;
    return take_problems(top, status);
}

static void add_alarm(struct top *top, const struct top_problem *problem,
        const rue_number *number, double more, double wall)
{
    static const char prefix[] = "alarms_";
    struct top_alarm *alarm = &top->alarms[0];

    memmove(top->alarms + 1, top->alarms,
            (TOP_ALARMS - 1) * sizeof(top->alarms[0]));
    if (top->alarm_count < TOP_ALARMS)
        top->alarm_count++;
    memset(alarm, 0, sizeof(*alarm));
    alarm->at = wall;
    alarm->count = more;
    keep(alarm->problem, sizeof(alarm->problem), problem->name);
    keep(alarm->group, sizeof(alarm->group), number->group);
    keep(alarm->stream, sizeof(alarm->stream),
            number->name + sizeof(prefix) - 1);
}

static const struct top_number *known(
        const struct top_problem *problem, const rue_number *number)
{
    for (uint32_t i = 0; i < problem->number_count; i++)
        if (strcmp(problem->numbers[i].name, number->name) == 0 &&
                strcmp(problem->numbers[i].group, number->group) == 0)
            return &problem->numbers[i];
    return NULL;
}

/* What the streams counted since the last answer. */
static void take_alarms(struct top *top, const struct top_problem *problem,
        const rue_service_status *status, double wall)
{
    for (size_t i = 0; i < status->number_count; i++) {
        const rue_number *number = &status->numbers[i];
        const struct top_number *before;
        if (strncmp(number->name, "alarms_", 7) != 0)
            continue;
        before = known(problem, number);
        if (number->value > (before == NULL ? 0.0 : before->value))
            add_alarm(top, problem, number,
                    number->value - (before == NULL ? 0.0 : before->value),
                    wall);
    }
}

static void take_numbers(
        struct top_problem *problem, const rue_service_status *status)
{
    problem->number_count = 0;
    problem->open = 0;
    for (size_t i = 0; i < status->number_count; i++) {
        const rue_number *number = &status->numbers[i];
        struct top_number *kept;
        if (strcmp(number->name, "circuit_open") == 0 && number->value > 0.0)
            problem->open++;
        if (problem->number_count == TOP_NUMBERS)
            continue;
        kept = &problem->numbers[problem->number_count++];
        keep(kept->name, sizeof(kept->name), number->name);
        keep(kept->group, sizeof(kept->group), number->group);
        kept->value = number->value;
    }
}

/* The first answer has nothing before it: no rates, and alarms that are older
 * than this screen. */
static void take_rates(struct top_problem *problem,
        const rue_service_status *status, double seconds)
{
    double decisions = number_of(status, "decisions");
    double feedbacks = number_of(status, "feedbacks");
    double learned = number_of(status, "learned") - problem->learned;
    double value = number_of(status, "value_sum") - problem->value_sum;

    problem->decisions_s = rate(problem->decisions, decisions, seconds);
    problem->feedbacks_s = rate(problem->feedbacks, feedbacks, seconds);
    problem->reward =
            seconds > 0.0 && learned > 0.0 ? value / learned : (double)NAN;
    if (seconds > 0.0) {
        top_line_add(&problem->rates, problem->decisions_s);
        top_line_add(&problem->rewards, problem->reward);
    }
    problem->decisions = decisions;
    problem->feedbacks = feedbacks;
    problem->learned += learned;
    problem->value_sum += value;
    problem->reward_all = problem->learned > 0.0
            ? problem->value_sum / problem->learned
            : (double)NAN;
}

void top_take_problem(struct top *top, struct top_problem *problem,
        const rue_service_status *status, double now, double wall)
{
    double seconds = problem->asked > 0.0 ? now - problem->asked : 0.0;

    if (problem->asked > 0.0)
        take_alarms(top, problem, status, wall);
    take_rates(problem, status, seconds);
    take_numbers(problem, status);
    problem->alarms = number_of(status, "alarms");
    problem->fallback = number_of(status, "fallback") > 0.0;
    problem->training = number_of(status, "training_running") > 0.0;
    problem->generation = status->generation;
    keep(problem->policy, sizeof(problem->policy), status->policy);
    problem->asked = now;
}

void top_free(struct top *top)
{
    for (uint32_t i = 0; i < top->problem_count; i++)
        free_problem(top->problems[i]);
    free(top->problems);
}
