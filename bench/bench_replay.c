/* What replay costs, from an LMDB store: events a second of processor time on
 * one core, an event being a decision and its feedback. Ridge + squarecb, 10
 * actions: `mixed` is 10 columns of the context and 20 of each action,
 * `catalogue` is 30 of the context and one model per action.
 *
 * `replay_exact`: every decision made again and compared, and learned from.
 * `replay_fold`: learned from only, as at a start of the service.
 * `replay_evaluate`: the served policy beside the baselines, with all sums.
 * `replay_memory`: what an exact replay takes, of a log of that length and of
 * one four times as long: it must be the same.
 *
 * Medians of TURNS (5) passes over EVENTS (100,000) in the environment. */
#include "bench/measure.h"
#include "replay/exact.h"
#include "replay/panel.h"
#include "replay/rebuild.h"
#include "tests/lib/scribe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ACTIONS   10u
#define TURNS_MAX 101u
#define DELAY     64u /* events under way */
#define MAP_BYTES (UINT64_C(8) << 30)

struct bench_shape {
    const char *name;
    uint32_t context, action_columns;
};

static const struct bench_shape shapes[] = {
        {"mixed", 10, 20},
        {"catalogue", 30, 0},
};

/* ---- a log ---- */

static void settings_of(const struct bench_shape *shape, char *out, size_t size)
{
    size_t used = 0;

    for (uint32_t i = 0; i < shape->context; i++)
        used += (size_t)snprintf(out + used, size - used, "context: c%u\n", i);
    for (uint32_t i = 0; shape->action_columns == 0 && i < ACTIONS; i++)
        used += (size_t)snprintf(out + used, size - used, "actions: a%u\n", i);
    (void)snprintf(out + used, size - used,
            "action_features: %u\nactions_max: %u\npolicy.oracle: ridge\n"
            "policy.explorer: squarecb\n",
            shape->action_columns, ACTIONS);
}

static float feature_of(uint32_t row, uint32_t column)
{
    uint32_t mixed = (row * 31 + column) * 2654435761u;

    return (float)(mixed >> 8) / (float)(1u << 24);
}

struct asked {
    float shared[30], actions[ACTIONS * 20];
    double shared_values[30], action_values[ACTIONS * 20];
    struct question question;
};

static void ask(const struct bench_shape *shape, uint32_t i, struct asked *out)
{
    static const struct bytes ids[ACTIONS] = {{(const uint8_t *)"a0", 2},
            {(const uint8_t *)"a1", 2}, {(const uint8_t *)"a2", 2},
            {(const uint8_t *)"a3", 2}, {(const uint8_t *)"a4", 2},
            {(const uint8_t *)"a5", 2}, {(const uint8_t *)"a6", 2},
            {(const uint8_t *)"a7", 2}, {(const uint8_t *)"a8", 2},
            {(const uint8_t *)"a9", 2}};
    uint32_t cells = ACTIONS * shape->action_columns;

    for (uint32_t c = 0; c < shape->context; c++) {
        out->shared[c] = feature_of(i, c);
        out->shared_values[c] = (double)out->shared[c];
    }
    for (uint32_t c = 0; c < cells; c++) {
        out->actions[c] = feature_of(i, 1000 + c);
        out->action_values[c] = (double)out->actions[c];
    }
    memset(&out->question, 0, sizeof(out->question));
    out->question.shared =
            (struct matrix){1, shape->context, out->shared, out->shared_values};
    if (shape->action_columns == 0)
        return;
    out->question.action_count = ACTIONS;
    out->question.action = ids;
    out->question.action_features = (struct matrix){
            ACTIONS, shape->action_columns, out->actions, out->action_values};
}

static struct ledger *open_log(const char *directory)
{
    struct store_settings settings = {
            .map_bytes = MAP_BYTES, .no_sync = true, .read_only = true};
    struct ledger *ledger;
    struct err err;

    if (ledger_open(directory, &settings, &ledger, &err) != 0)
        give_up(err.text);
    return ledger;
}

static void write_log(
        const struct bench_shape *shape, const char *directory, uint32_t events)
{
    static struct scribe scribe;
    static struct asked asked;
    struct store_settings settings = {.map_bytes = MAP_BYTES, .no_sync = true};
    struct ledger *ledger;
    char text[2048], event[32];
    struct err err;

    if (ledger_open(directory, &settings, &ledger, &err) != 0)
        give_up(err.text);
    settings_of(shape, text, sizeof(text));
    scribe_open(&scribe, ledger, text);
    for (uint32_t i = 0; i < events + DELAY; i++) {
        nanos now = (nanos)i * 1000000;
        if (i < events) {
            ask(shape, i, &asked);
            (void)snprintf(event, sizeof(event), "%08u", i);
            asked.question.event = bytes_of_text(event);
            (void)scribe_decide(&scribe, &asked.question, now);
        }
        if (i >= DELAY) {
            (void)snprintf(event, sizeof(event), "%08u", i - DELAY);
            scribe_feedback(&scribe, bytes_of_text(event),
                    (double)feature_of(i, 7), now);
        }
        if (i % 10000 == 9999)
            scribe_commit(&scribe);
    }
    scribe_close(&scribe);
}

/* ---- what is measured ---- */

static void replay_exactly(struct ledger *ledger)
{
    struct exact_settings settings = {.problem = NULL};
    struct exact_report report;
    struct err err;

    if (exact_run(ledger, &settings, &report, &err) != 0)
        give_up(err.text);
    if (report.problems[0].differs) {
        fprintf(stderr, "bench: %s\n", report.problems[0].difference);
        exit(1);
    }
    exact_free(&report);
}

static void fold_again(struct ledger *ledger)
{
    static struct arena arena;
    static struct panel panel;
    struct panel_settings settings = PANEL_SETTINGS_DEFAULT;
    struct rebuild rebuild = {.problem_count = 1, .from_start = true};
    struct ledger_reader reader;
    struct problem *problem;
    struct err err;

    (void)arena;
    /* The spec, as a panel reads it. */
    if (panel_open(&panel, ledger, &settings, &err) != 0)
        give_up(err.text);
    problem = problem_open(panel.spec, &err);
    if (problem == NULL)
        give_up(err.text);
    rebuild.problems = &problem;
    if (ledger_reader_open(ledger, &reader, &err) != 0 ||
            rebuild_run(&rebuild, &reader, &err) != 0)
        give_up(err.text);
    ledger_reader_close(&reader);
    problem_close(problem);
    panel_close(&panel);
}

static void evaluate(struct ledger *ledger)
{
    static struct panel panel;
    struct panel_settings settings = PANEL_SETTINGS_DEFAULT;
    uint32_t line;
    struct err err;

    if (panel_open(&panel, ledger, &settings, &err) != 0 ||
            panel_add(&panel, bytes_of_text("served"), PANEL_ONLINE, 0, NULL, 0,
                    &line, &err) != 0 ||
            panel_run(&panel, &err) != 0)
        give_up(err.text);
    panel_close(&panel);
}

static const struct {
    const char *name;
    void (*run)(struct ledger *ledger);
} passes[] = {
        {"replay_exact", replay_exactly},
        {"replay_fold", fold_again},
        {"replay_evaluate", evaluate},
};
#define PASSES (sizeof(passes) / sizeof(passes[0]))

static int ascending(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

static void remove_store(const char *directory)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "writer.lock"};
    char path[128];

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", directory, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(directory);
}

static void measure(const struct bench_shape *shape, uint32_t events)
{
    char directory[] = "/tmp/rue-bench-XXXXXX";
    uint32_t turns = setting("TURNS", 5, 1, UINT32_MAX);
    double seconds[PASSES][TURNS_MAX];
    const char *only = getenv("PASS");
    struct ledger *ledger;

    if (mkdtemp(directory) == NULL)
        exit(1);
    write_log(shape, directory, events);
    ledger = open_log(directory);
    turns = turns < TURNS_MAX ? turns : TURNS_MAX;
    for (uint32_t turn = 0; turn < turns; turn++)
        for (size_t p = 0; p < PASSES; p++) {
            double began = clock_s(CLOCK_PROCESS_CPUTIME_ID);
            if (only == NULL || strcmp(only, passes[p].name) == 0)
                passes[p].run(ledger);
            seconds[p][turn] = clock_s(CLOCK_PROCESS_CPUTIME_ID) - began;
        }
    for (size_t p = 0; p < PASSES; p++) {
        if (only != NULL && strcmp(only, passes[p].name) != 0)
            continue;
        qsort(seconds[p], turns, sizeof(double), ascending);
        printf("%s_%s %.0f events/s\n", passes[p].name, shape->name,
                (double)events / seconds[p][turns / 2]);
    }
    ledger_close(ledger);
    remove_store(directory);
}

/* ---- memory ---- */

/* What the process has of its own in memory; pages of the store's map are the
 * system's cache. In KiB. */
static long own_kib(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long kib = -1;

    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, "RssAnon:", 8) == 0)
            kib = strtol(line + 8, NULL, 10);
    if (file != NULL)
        (void)fclose(file);
    return kib;
}

static void note_most(void *self, uint64_t done, uint64_t all)
{
    long *most = self, now = own_kib();

    (void)done;
    (void)all;
    *most = now > *most ? now : *most;
}

/* Looks after every slice. */
static long replayed_kib(const char *directory)
{
    long before = own_kib(), most = before;
    struct exact_settings settings = {.progress = note_most, .self = &most};
    struct ledger *ledger = open_log(directory);
    struct exact_report report;
    struct err err;

    if (exact_run(ledger, &settings, &report, &err) != 0)
        give_up(err.text);
    note_most(&most, 0, 0);
    exact_free(&report);
    ledger_close(ledger);
    return most - before;
}

static void wait_for(pid_t child)
{
    int status;

    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        exit(1);
}

/* Writing and replaying are processes of their own, and the one that starts
 * them has done nothing yet: memory that was used before is not counted as
 * free. */
static void measure_memory(uint32_t events)
{
    char directory[] = "/tmp/rue-bench-XXXXXX";
    pid_t child;

    if (mkdtemp(directory) == NULL)
        exit(1);
    child = fork();
    if (child == 0) {
        write_log(&shapes[1], directory, events);
        _exit(0);
    }
    wait_for(child);
    child = fork();
    if (child == 0) {
        printf("replay_memory_%u %ld KiB\n", events, replayed_kib(directory));
        (void)fflush(stdout);
        _exit(0);
    }
    wait_for(child);
    remove_store(directory);
}

int main(void)
{
    uint32_t events = setting("EVENTS", 100000, 1, UINT32_MAX);

    measure_memory(events);
    measure_memory(4 * events);
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        measure(&shapes[i], events);
    return 0;
}
