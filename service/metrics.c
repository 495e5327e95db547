#include "service/metrics.h"

#include "service/counters.h"
#include "service/histogram.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- copies of the rows ---- */

struct rows {
    struct board_row *row;
    uint32_t count;
    uint32_t shown; /* the others are summed up */
};

static bool rows_take(const struct metrics_source *source, struct rows *rows)
{
    rows->row = calloc(board_count(source->board) + 1, sizeof(*rows->row));
    rows->count = 0;
    if (rows->row == NULL)
        return false;
    for (uint32_t i = 0; i < board_count(source->board); i++)
        if (board_copy(source->board, i, &rows->row[rows->count]))
            rows->count++;
    rows->shown = rows->count <= source->label_sets ? rows->count
                                                    : source->label_sets;
    return true;
}

static void rows_free(struct rows *rows)
{
    for (uint32_t i = 0; i < rows->count; i++)
        board_copy_free(&rows->row[i]);
    free(rows->row);
}

/* ---- Prometheus ---- */

static void print_family(
        FILE *out, const char *name, const char *type, const char *sentence)
{
    fprintf(out, "# HELP rue_%s %s\n# TYPE rue_%s %s\n", name, sentence, name,
            type);
}

static void print_value(FILE *out, double value)
{
    if (isnan(value))
        fputs("NaN\n", out);
    else if (isinf(value))
        fputs(value > 0 ? "+Inf\n" : "-Inf\n", out);
    else
        fprintf(out, "%.17g\n", value);
}

/* A label's value: backslash, quote and line end are escaped. */
static void print_label(FILE *out, const char *name, const char *value)
{
    fprintf(out, "%s=\"", name);
    for (; *value != '\0'; value++) {
        if (*value == '\\' || *value == '"')
            fputc('\\', out);
        fputc(*value == '\n' ? ' ' : *value, out);
    }
    fputc('"', out);
}

static void print_counters(FILE *out)
{
    for (uint32_t i = 0; i < counters_count(); i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "%s_total", counters_name(i));
        print_family(out, name, "counter", counters_sentence(i));
        fprintf(out, "rue_%s %" PRIu64 "\n", name, counters_value(i));
    }
}

static void print_histogram(FILE *out, const char *name, const char *sentence,
        const struct histogram *histogram)
{
    uint64_t below = 0;

    print_family(out, name, "histogram", sentence);
    for (uint32_t i = 0; i <= HISTOGRAM_EDGES; i++) {
        below += atomic_load_explicit(
                &histogram->buckets[i], memory_order_relaxed);
        if (i < HISTOGRAM_EDGES)
            fprintf(out, "rue_%s_bucket{le=\"%g\"} %" PRIu64 "\n", name,
                    histogram->edges[i], below);
        else
            fprintf(out, "rue_%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name,
                    below);
    }
    fprintf(out, "rue_%s_sum %.17g\nrue_%s_count %" PRIu64 "\n", name,
            histogram_sum(histogram), name, below);
}

static void print_gauge(
        FILE *out, const char *name, const char *sentence, double value)
{
    print_family(out, name, "gauge", sentence);
    fprintf(out, "rue_%s ", name);
    print_value(out, value);
}

static void print_service(
        FILE *out, const struct metrics_source *source, nanos now)
{
    struct store_usage usage;

    commit_usage(source->committer, &usage);
    print_family(out, "build_info", "gauge", "the version that runs");
    fprintf(out, "rue_build_info{version=\"%s\"} 1\n", RUE_VERSION);
    print_gauge(out, "uptime_seconds", "since the start",
            (double)(now - source->started) / (double)NANOS_PER_SECOND);
    print_gauge(out, "last_record", "sequence of the last record on disk",
            (double)commit_last_sequence(source->committer));
    print_gauge(out, "storage_full", "1: there is no room for new work",
            commit_full(source->committer) ? 1 : 0);
    print_gauge(out, "storage_used_bytes", "bytes of the store in use",
            (double)usage.used_bytes);
    print_gauge(out, "storage_quota_bytes", "bytes it may use; 0: no quota",
            (double)commit_quota(source->committer));
    print_gauge(out, "storage_map_bytes", "address space of the store",
            (double)usage.map_bytes);
    print_gauge(out, "storage_disk_free_bytes", "bytes free on its disk",
            (double)usage.free_disk_bytes);
}

/* A number of each problem; those that are not shown are summed up. */
typedef double row_value(const struct board_row *row);

static void print_rows(
        FILE *out, const struct rows *rows, const char *name, row_value *value)
{
    double others = 0.0;

    for (uint32_t i = 0; i < rows->count; i++) {
        if (i >= rows->shown) {
            others += value(&rows->row[i]);
            continue;
        }
        fprintf(out, "rue_problem_%s{", name);
        print_label(out, "problem", rows->row[i].name);
        fputs("} ", out);
        print_value(out, value(&rows->row[i]));
    }
    if (rows->shown < rows->count) {
        fprintf(out, "rue_problem_%s{problem=\"other\"} ", name);
        print_value(out, others);
    }
}

#define X(name, sentence)                                                      \
    static double value_of_##name(const struct board_row *row)                 \
    {                                                                          \
        return (double)row->counters.name;                                     \
    }
PROBLEM_COUNTERS(X)
#undef X

static double value_sum(const struct board_row *row)
{
    return row->counters.value_sum;
}

static double generation(const struct board_row *row)
{
    return (double)row->generation;
}

static double policy_version(const struct board_row *row)
{
    return (double)row->policy_version;
}

static double written(const struct board_row *row)
{
    return (double)row->written / (double)NANOS_PER_SECOND;
}

static void print_problems(FILE *out, const struct rows *rows)
{
    static const struct {
        const char *name, *type, *sentence;
        row_value *value;
    } table[] = {
#define X(name, sentence)                                                      \
    {#name "_total", "counter", sentence, value_of_##name},
            PROBLEM_COUNTERS(X)
#undef X
                    {"outcome_values", "gauge",
                            "sum of the outcomes learned, with corrections",
                            value_sum},
            {"generation", "gauge", "generation that serves", generation},
            {"policy_version", "gauge", "lessons of the policy so far",
                    policy_version},
            {"told_at_seconds", "gauge",
                    "time at which these numbers were taken; 0: not yet",
                    written},
    };

    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        char name[80];
        (void)snprintf(name, sizeof(name), "problem_%s", table[i].name);
        print_family(out, name, table[i].type, table[i].sentence);
        print_rows(out, rows, table[i].name, table[i].value);
    }
}

static void print_number(FILE *out, const struct board_row *row,
        const struct board_number *number)
{
    fputs("rue_policy_number{", out);
    print_label(out, "problem", row->name);
    fputc(',', out);
    print_label(out, "name", number->name);
    fputc(',', out);
    print_label(
            out, "group", number->group < 0 ? "" : row->groups[number->group]);
    fputs("} ", out);
    print_value(out, number->value);
}

/* What policies and detectors tell of themselves. */
static void print_numbers(
        FILE *out, const struct rows *rows, uint32_t label_sets)
{
    uint64_t left_out = 0, sets = 0;

    print_family(out, "policy_number", "gauge",
            "a number that the policy or a detector tells of itself, of a "
            "group where group is not empty");
    for (uint32_t i = 0; i < rows->shown; i++) {
        const struct board_row *row = &rows->row[i];
        left_out += row->left_out;
        for (uint32_t k = 0; k < row->number_count; k++)
            if (sets++ < label_sets)
                print_number(out, row, &row->numbers[k]);
            else
                left_out++;
    }
    print_gauge(out, "policy_numbers_left_out",
            "numbers for which http.label_sets has no room", (double)left_out);
}

char *metrics_prometheus(
        const struct metrics_source *source, nanos now, size_t *size)
{
    struct rows rows;
    char *text = NULL;
    FILE *out;

    if (!rows_take(source, &rows))
        return NULL;
    out = open_memstream(&text, size);
    if (out != NULL) {
        print_service(out, source, now);
        print_counters(out);
#define X(name, edges, sentence)                                               \
    print_histogram(out, #name, sentence, &histograms.name);
        HISTOGRAM_LIST(X)
#undef X
        print_problems(out, &rows);
        print_numbers(out, &rows, source->label_sets);
        if (fclose(out) != 0) {
            free(text);
            text = NULL;
        }
    }
    rows_free(&rows);
    return text;
}

/* ---- JSON ---- */

static json_t *finite_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *json_of_row(const struct board_row *row)
{
    json_t *counts = json_object(), *numbers = json_object();
    json_t *groups = json_object();

#define X(name, sentence)                                                      \
    (void)json_object_set_new(                                                 \
            counts, #name, json_integer((json_int_t)row->counters.name));
    PROBLEM_COUNTERS(X)
#undef X
    for (uint32_t i = 0; i < row->number_count; i++) {
        const struct board_number *number = &row->numbers[i];
        json_t *into = numbers;
        if (number->group >= 0) {
            into = json_object_get(groups, row->groups[number->group]);
            if (into == NULL) {
                into = json_object();
                (void)json_object_set_new(
                        groups, row->groups[number->group], into);
            }
        }
        (void)json_object_set_new(
                into, number->name, finite_or_null(number->value));
    }
    return json_pack("{s:s, s:s, s:I, s:I, s:f, s:o, s:o, s:o, s:o}", "name",
            row->name, "policy", row->policy, "generation",
            (json_int_t)row->generation, "policy_version",
            (json_int_t)row->policy_version, "told_at",
            (double)row->written / (double)NANOS_PER_SECOND, "value_sum",
            finite_or_null(row->counters.value_sum), "counters", counts,
            "numbers", numbers, "groups", groups);
}

static json_t *json_of_histogram(const struct histogram *histogram)
{
    json_t *edges = json_array(), *counts = json_array();

    for (uint32_t i = 0; i <= HISTOGRAM_EDGES; i++) {
        if (i < HISTOGRAM_EDGES)
            (void)json_array_append_new(edges, json_real(histogram->edges[i]));
        (void)json_array_append_new(counts,
                json_integer((json_int_t)atomic_load_explicit(
                        &histogram->buckets[i], memory_order_relaxed)));
    }
    return json_pack("{s:o, s:o, s:f}", "edges", edges, "counts", counts, "sum",
            histogram_sum(histogram));
}

static json_t *json_of_storage(const struct committer *committer)
{
    struct store_usage usage;

    commit_usage(committer, &usage);
    return json_pack("{s:b, s:I, s:I, s:I, s:I}", "full",
            (int)commit_full(committer), "used_bytes",
            (json_int_t)usage.used_bytes, "quota_bytes",
            (json_int_t)commit_quota(committer), "map_bytes",
            (json_int_t)usage.map_bytes, "disk_free_bytes",
            (json_int_t)usage.free_disk_bytes);
}

char *metrics_json(const struct metrics_source *source, nanos now, size_t *size)
{
    json_t *counts = json_object(), *problems = json_array();
    json_t *shapes = json_object(), *all;
    struct rows rows;
    char *text;

    if (!rows_take(source, &rows))
        return NULL;
    for (uint32_t i = 0; i < counters_count(); i++)
        (void)json_object_set_new(counts, counters_name(i),
                json_integer((json_int_t)counters_value(i)));
#define X(name, edges, sentence)                                               \
    (void)json_object_set_new(                                                 \
            shapes, #name, json_of_histogram(&histograms.name));
    HISTOGRAM_LIST(X)
#undef X
    for (uint32_t i = 0; i < rows.shown; i++)
        (void)json_array_append_new(problems, json_of_row(&rows.row[i]));
    all = json_pack("{s:s, s:f, s:f, s:I, s:o, s:o, s:o, s:o, s:i}", "version",
            RUE_VERSION, "now", (double)now / (double)NANOS_PER_SECOND,
            "uptime_s",
            (double)(now - source->started) / (double)NANOS_PER_SECOND,
            "last_record", (json_int_t)commit_last_sequence(source->committer),
            "storage", json_of_storage(source->committer), "counters", counts,
            "histograms", shapes, "problems", problems, "problems_left_out",
            (int)(rows.count - rows.shown));
    rows_free(&rows);
    text = all == NULL ? NULL : json_dumps(all, JSON_COMPACT);
    json_decref(all);
    *size = text == NULL ? 0 : strlen(text);
    return text;
}
