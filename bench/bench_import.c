/* What an import costs: events a second of one core (processor time, user and
 * system) from DSJSON, from Vowpal Wabbit's text and from a table into an LMDB
 * store that is not synced, for 10 actions. `small` has 30 features in all (10
 * of the context, 2 of each action), `large` 300 (30 of each action). Beside it
 * the same without the store (`parse`), and the bytes of a line.
 *
 * `whole` is what `rue import` does without a configuration: it reads the file
 * twice. EVENTS=N in the environment. */
#include "bench/measure.h"
#include "formats/stream.h"
#include "replay/import.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define ACTIONS    10u
#define SPEC_BYTES ((size_t)16 << 20)

static struct err err;

/* ---- the logs ---- */

struct log_shape {
    const char *name;
    uint32_t shared, own; /* features of the context and of each action */
};

static const struct log_shape shapes[] = {{"small", 10, 2}, {"large", 0, 30}};

static uint32_t mixed(uint32_t a, uint32_t b)
{
    return (a * 31 + b) * 2654435761u >> 8;
}

/* A third of the features are texts, the others numbers. */
static void json_features(
        FILE *file, uint32_t row, uint32_t base, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (i % 3 == 2)
            fprintf(file, "%s\"f%u\":\"value%u\"", i > 0 ? "," : "", base + i,
                    mixed(row, base + i) % 100);
        else
            fprintf(file, "%s\"f%u\":%.4f", i > 0 ? "," : "", base + i,
                    mixed(row, base + i) / 16777216.0);
}

static void write_dsjson(
        FILE *file, const struct log_shape *shape, uint32_t row)
{
    uint32_t chosen = mixed(row, 7) % ACTIONS;

    fprintf(file,
            "{\"_label_cost\":%.1f,\"_label_probability\":0.55,"
            "\"_label_Action\":%u,\"_labelIndex\":%u,\"o\":[{\"v\":1.0,"
            "\"EventId\":\"%08x%08x\",\"ActionTaken\":false}],\"Timestamp\":"
            "\"2021-02-04T16:%02u:%02u.2460000Z\",\"Version\":\"1\",\"EventId\":"
            "\"%08x%08x\",\"a\":[%u",
            -(double)(mixed(row, 9) % 2), chosen + 1, chosen, mixed(row, 1),
            row, row / 60 % 60, row % 60, mixed(row, 1), row, chosen + 1);
    for (uint32_t a = 0; a < ACTIONS; a++)
        if (a != chosen)
            fprintf(file, ",%u", a + 1);
    fprintf(file, "],\"c\":{\"User\":{");
    json_features(file, row, 0, shape->shared);
    fprintf(file, "},\"_multi\":[");
    for (uint32_t a = 0; a < ACTIONS; a++) {
        fprintf(file, "%s{\"Item\":{", a > 0 ? "," : "");
        json_features(file, row, 100 * (a + 1), shape->own);
        fprintf(file, "}}");
    }
    fprintf(file, "]},\"p\":[0.55");
    for (uint32_t a = 1; a < ACTIONS; a++)
        fprintf(file, ",0.05");
    fprintf(file,
            "],\"VWState\":{\"m\":\"N/A\"},\"_original_label_cost\":0}\n");
}

static void vw_features(FILE *file, uint32_t row, uint32_t base, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (i % 3 == 2)
            fprintf(file, " f%u=value%u", base + i, mixed(row, base + i) % 100);
        else
            fprintf(file, " f%u:%.4f", base + i,
                    mixed(row, base + i) / 16777216.0);
}

static void write_vw(FILE *file, const struct log_shape *shape, uint32_t row)
{
    uint32_t chosen = mixed(row, 7) % ACTIONS;

    fprintf(file, "shared |User");
    vw_features(file, row, 0, shape->shared);
    for (uint32_t a = 0; a < ACTIONS; a++) {
        fprintf(file, "\n");
        if (a == chosen)
            fprintf(file, "0:%u:0.55 ", mixed(row, 9) % 2);
        fprintf(file, "|Item");
        vw_features(file, row, 100 * (a + 1), shape->own);
    }
    fprintf(file, "\n\n");
}

static void write_csv(FILE *file, const struct log_shape *shape, uint32_t row)
{
    uint32_t count = shape->shared + shape->own;

    if (row == 0) {
        fprintf(file, "event,action,propensity,reward");
        for (uint32_t i = 0; i < count; i++)
            fprintf(file, ",f%u", i);
        fprintf(file, "\n");
    }
    fprintf(file, "%08x,%u,0.55,%u", row, mixed(row, 7) % ACTIONS,
            mixed(row, 9) % 2);
    for (uint32_t i = 0; i < count; i++)
        fprintf(file, ",%.4f", mixed(row, i) / 16777216.0);
    fprintf(file, "\n");
}

struct log {
    const struct format *format;
    void (*write)(FILE *file, const struct log_shape *shape, uint32_t row);
};

static const struct log logs[] = {
        {&format_dsjson, write_dsjson},
        {&format_vw, write_vw},
        {&format_csv, write_csv},
};

static int make_log(const struct log *log, const struct log_shape *shape,
        uint32_t events, double *bytes)
{
    int fd = memfd_create("log", 0);
    FILE *file = fd < 0 ? NULL : fdopen(dup(fd), "w");

    if (file == NULL)
        give_up("no file");
    for (uint32_t i = 0; i < events; i++)
        log->write(file, shape, i);
    if (fclose(file) != 0)
        give_up("no room");
    *bytes = (double)lseek(fd, 0, SEEK_END);
    return fd;
}

/* ---- the passes ---- */

static uint64_t pass(const struct format *format, int fd,
        int (*take)(void *self, const struct logged *event), void *self)
{
    struct format_settings settings = {NULL, NULL};
    struct stream stream;
    struct logged event;
    enum parsed parsed;
    uint64_t count = 0;

    if (lseek(fd, 0, SEEK_SET) != 0 ||
            stream_open(&stream, format, &settings, fd, &err) != 0)
        give_up("a log cannot be read");
    while ((parsed = stream_next(&stream, &event, &err)) != PARSED_MORE) {
        if (parsed != PARSED_EVENT || take(self, &event) != 0)
            give_up("an event is not taken");
        count++;
    }
    stream_close(&stream);
    return count;
}

static int take_nothing(void *self, const struct logged *event)
{
    (void)self;
    (void)event;
    return 0;
}

static int take_survey(void *self, const struct logged *event)
{
    return survey_add(self, event, &err);
}

static int take_import(void *self, const struct logged *event)
{
    return import_add(self, event, &err);
}

static int remove_one(
        const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

/* Into a new store; the time of the second pass alone goes into *second. */
static double whole(const struct format *format, int fd, double *second)
{
    static struct survey survey;
    static char text[SURVEY_TEXT_SIZE];
    char directory[] = "/tmp/rue-bench-XXXXXX";
    struct store_settings settings = {
            .map_bytes = (uint64_t)1 << 33, .no_sync = true};
    struct arena specs = arena_over(malloc(SPEC_BYTES), SPEC_BYTES);
    double start = clock_s(CLOCK_PROCESS_CPUTIME_ID), between, end;
    struct problem_spec spec;
    struct ledger *ledger;
    struct import *import;

    if (survey_open(&survey, format, &err) != 0)
        give_up("no survey");
    (void)pass(format, fd, take_survey, &survey);
    if (survey_settings(&survey, NULL, text, sizeof(text), &err) != 0 ||
            problem_spec_parse_text(&spec, bytes_of_text("bench"),
                    bytes_of_text(text), &specs, &err) != 0)
        give_up("no settings");
    between = clock_s(CLOCK_PROCESS_CPUTIME_ID);
    if (mkdtemp(directory) == NULL ||
            ledger_open(directory, &settings, &ledger, &err) != 0 ||
            import_open(&import, ledger, &spec, &err) != 0)
        give_up("no store");
    (void)pass(format, fd, take_import, import);
    if (import_commit(import, &err) != 0)
        give_up("no commit");
    end = clock_s(CLOCK_PROCESS_CPUTIME_ID);
    import_close(import);
    ledger_close(ledger);
    survey_close(&survey);
    (void)nftw(directory, remove_one, 4, FTW_DEPTH | FTW_PHYS);
    free(specs.data);
    *second = end - between;
    return end - start;
}

static void measure(
        const struct log *log, const struct log_shape *shape, uint32_t events)
{
    double bytes, start, parse, second, both;
    int fd = make_log(log, shape, events, &bytes);
    char name[64];

    (void)snprintf(
            name, sizeof(name), "import_%s_%s", log->format->name, shape->name);
    (void)pass(log->format, fd, take_nothing, NULL); /* warm */
    start = clock_s(CLOCK_PROCESS_CPUTIME_ID);
    (void)pass(log->format, fd, take_nothing, NULL);
    parse = clock_s(CLOCK_PROCESS_CPUTIME_ID) - start;
    both = whole(log->format, fd, &second);
    printf("%s_bytes %.0f B/event\n", name, bytes / events);
    printf("%s_parse %.0f events/s\n", name, events / parse);
    printf("%s %.0f events/s\n", name, events / second);
    printf("%s_whole %.0f events/s\n", name, events / both);
    (void)close(fd);
}

int main(void)
{
    const char *wanted = getenv("EVENTS");
    uint32_t events =
            wanted == NULL ? 100000 : (uint32_t)strtoul(wanted, NULL, 10);

    for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++)
        for (size_t j = 0; j < sizeof(shapes) / sizeof(shapes[0]); j++)
            measure(&logs[i], &shapes[j],
                    shapes[j].shared == 0 ? events / 10 : events);
    return 0;
}
