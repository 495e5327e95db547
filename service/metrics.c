#include "service/metrics.h"

#include "service/counters.h"
#include "service/histogram.h"
#include "service/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- copies of the rows ---- */

bool rows_take(const struct metrics_source *source, struct rows *rows)
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

void rows_free(struct rows *rows)
{
    for (uint32_t i = 0; i < rows->count; i++)
        board_copy_free(&rows->row[i]);
    free(rows->row);
}

uint32_t metrics_inbox(const struct metrics_source *source)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < source->worker_count; i++)
        count += mailbox_count(&source->workers[i].inbox);
    return count;
}

static double seconds(nanos time)
{
    return (double)time / (double)NANOS_PER_SECOND;
}

/* ---- lines ---- */

static void print_family(struct text *out, const char *name, const char *type,
        const char *sentence)
{
    text_string(out, "# HELP rue_");
    text_string(out, name);
    text_add(out, " ", 1);
    text_string(out, sentence);
    text_string(out, "\n# TYPE rue_");
    text_string(out, name);
    text_add(out, " ", 1);
    text_string(out, type);
    text_add(out, "\n", 1);
}

/* A label's value: backslash, quote and line end are escaped. */
static void print_label(struct text *out, const char *name, const char *value)
{
    text_string(out, name);
    text_add(out, "=\"", 2);
    while (*value != '\0') {
        size_t plain = strcspn(value, "\\\"\n");
        text_add(out, value, plain);
        value += plain;
        if (*value == '\0')
            break;
        if (*value != '\n')
            text_add(out, "\\", 1);
        text_add(out, *value == '\n' ? " " : value, 1);
        value++;
    }
    text_add(out, "\"", 1);
}

/* `rue_NAME{problem="..."`, where further labels may follow. */
static void print_start(
        struct text *out, const char *name, const struct board_row *row)
{
    text_string(out, "rue_");
    text_string(out, name);
    text_add(out, "{", 1);
    print_label(out, "problem", row->name);
}

static void print_second(struct text *out, const char *name, const char *value)
{
    text_add(out, ",", 1);
    print_label(out, name, value);
}

static void print_end(struct text *out, double value)
{
    text_add(out, "} ", 2);
    text_number(out, value);
    text_add(out, "\n", 1);
}

static void print_plain(struct text *out, const char *name, double value)
{
    text_string(out, "rue_");
    text_string(out, name);
    text_add(out, " ", 1);
    text_number(out, value);
    text_add(out, "\n", 1);
}

static void print_gauge(
        struct text *out, const char *name, const char *sentence, double value)
{
    print_family(out, name, "gauge", sentence);
    print_plain(out, name, value);
}

/* ---- the service ---- */

static void print_counters(struct text *out)
{
    for (uint32_t i = 0; i < counters_count(); i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "%s_total", counters_name(i));
        print_family(out, name, "counter", counters_sentence(i));
        print_plain(out, name, (double)counters_value(i));
    }
}

/* Buckets as they are counted, `count` of them with an edge and one more. */
struct buckets {
    const double *edges;
    const uint64_t *in;
    uint32_t count;
    double sum;
};

static void print_buckets(struct text *out, const char *name,
        const char *sentence, const struct buckets *shape)
{
    uint64_t below = 0;
    char edge[32], series[80];

    print_family(out, name, "histogram", sentence);
    for (uint32_t i = 0; i <= shape->count; i++) {
        below += shape->in[i];
        if (i < shape->count)
            (void)snprintf(edge, sizeof(edge), "%g", shape->edges[i]);
        text_string(out, "rue_");
        text_string(out, name);
        text_string(out, "_bucket{");
        print_label(out, "le", i < shape->count ? edge : "+Inf");
        print_end(out, (double)below);
    }
    (void)snprintf(series, sizeof(series), "%s_sum", name);
    print_plain(out, series, shape->sum);
    (void)snprintf(series, sizeof(series), "%s_count", name);
    print_plain(out, series, (double)below);
}

static void print_histogram(struct text *out, const char *name,
        const char *sentence, const struct histogram *histogram)
{
    uint64_t buckets[HISTOGRAM_EDGES + 1];
    struct buckets shape = {histogram->edges, buckets, HISTOGRAM_EDGES,
            histogram_sum(histogram)};

    for (uint32_t i = 0; i <= HISTOGRAM_EDGES; i++)
        buckets[i] = atomic_load_explicit(
                &histogram->buckets[i], memory_order_relaxed);
    print_buckets(out, name, sentence, &shape);
}

/* Of all problems together. */
static void print_delays(struct text *out, const struct rows *rows)
{
    uint64_t buckets[PULSE_DELAYS + 1] = {0};
    struct buckets shape = {pulse_delay_edges, buckets, PULSE_DELAYS, 0.0};

    for (uint32_t i = 0; i < rows->count; i++) {
        const struct pulse *pulse = &rows->row[i].pulse;
        shape.sum += pulse->delay_sum;
        for (uint32_t k = 0; k <= PULSE_DELAYS; k++)
            buckets[k] += pulse->delays[k];
    }
    print_buckets(out, "feedback_delay_seconds",
            "from a decision to the feedback that was learned, of all problems",
            &shape);
}

static void print_queues(struct text *out, const struct metrics_source *source)
{
    print_gauge(out, "queue_commit_batches",
            "batches handed to the commit thread that are not on disk",
            commit_waiting(source->committer));
    print_gauge(out, "queue_engine_requests",
            "requests that wait for an engine thread", metrics_inbox(source));
}

static void print_service(
        struct text *out, const struct metrics_source *source, nanos now)
{
    struct store_usage usage;

    commit_usage(source->committer, &usage);
    print_family(out, "build_info", "gauge", "the version that runs");
    text_string(out, "rue_build_info{version=\"" RUE_VERSION "\"} 1\n");
    print_gauge(out, "uptime_seconds", "since the start",
            seconds(now - source->started));
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
    print_queues(out, source);
}

/* ---- a number of each problem ---- */

typedef double row_value(const struct board_row *row);

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

static double generation_created(const struct board_row *row)
{
    return row->news.generation_created == 0
            ? (double)NAN
            : seconds(row->news.generation_created);
}

static double trial_generation(const struct board_row *row)
{
    return (double)row->trial_generation;
}

static double policy_version(const struct board_row *row)
{
    return (double)row->policy_version;
}

static double told_at(const struct board_row *row)
{
    return seconds(row->news.now);
}

static double snapshot_time(const struct board_row *row)
{
    return row->news.snapshot_at == 0 ? (double)NAN
                                      : seconds(row->news.snapshot_at);
}

static double fold_lag(const struct board_row *row)
{
    return (double)row->news.unsaved;
}

static double reward_mean(const struct board_row *row)
{
    return pulse_mean(&row->pulse, &row->pulse.all).mean;
}

static double reward_half(const struct board_row *row)
{
    return pulse_mean(&row->pulse, &row->pulse.all).half;
}

static double reward_rows(const struct board_row *row)
{
    return (double)row->pulse.all.rows;
}

static double regret(const struct board_row *row)
{
    return pulse_regret(&row->pulse, row->minimise);
}

static double exploration(const struct board_row *row)
{
    return pulse_exploration(&row->pulse);
}

static double least_chosen(const struct board_row *row)
{
    return pulse_least_chosen(&row->pulse);
}

static double least(const struct board_row *row)
{
    return pulse_least(&row->pulse);
}

static double effective(const struct board_row *row)
{
    return pulse_effective(&row->pulse);
}

/* What becomes of the problems that are not shown one by one. */
enum rest { REST_SUMMED, REST_LEFT_OUT };

/* A problem of which there is nothing to say yet is left out. */
static void print_rows(struct text *out, const struct rows *rows,
        const char *name, row_value *value, enum rest rest)
{
    double others = 0.0;

    for (uint32_t i = 0; i < rows->count; i++) {
        double number = value(&rows->row[i]);
        if (isnan(number))
            continue;
        if (i >= rows->shown) {
            others += number;
            continue;
        }
        print_start(out, name, &rows->row[i]);
        print_end(out, number);
    }
    if (rest == REST_SUMMED && rows->shown < rows->count) {
        text_string(out, "rue_");
        text_string(out, name);
        text_string(out, "{problem=\"other\"");
        print_end(out, others);
    }
}

static const struct {
    const char *name, *type, *sentence;
    row_value *value;
    enum rest rest;
} problem_table[] = {
#define X(name, sentence)                                                      \
    {"problem_" #name "_total", "counter", sentence, value_of_##name,          \
            REST_SUMMED},
        PROBLEM_COUNTERS(X)
#undef X
                {"problem_outcome_values", "gauge",
                        "sum of the outcomes learned, with corrections",
                        value_sum, REST_SUMMED},
        {"problem_generation", "gauge", "generation that serves", generation,
                REST_LEFT_OUT},
        {"problem_generation_created_seconds", "gauge",
                "when the generation that serves was made", generation_created,
                REST_LEFT_OUT},
        {"problem_trial_generation", "gauge",
                "generation on trial; 0: there is none", trial_generation,
                REST_LEFT_OUT},
        {"problem_policy_version", "gauge", "lessons of the policy so far",
                policy_version, REST_LEFT_OUT},
        {"problem_told_at_seconds", "gauge",
                "time at which these numbers were taken; 0: not yet", told_at,
                REST_LEFT_OUT},
        {"problem_snapshot_seconds", "gauge",
                "time of the newest snapshot of the problem's state",
                snapshot_time, REST_LEFT_OUT},
        {"problem_fold_lag_records", "gauge",
                "records since that snapshot, which a restart folds again",
                fold_lag, REST_SUMMED},
        {"problem_reward_outcomes", "gauge",
                "outcomes of which the reward mean is, since the start",
                reward_rows, REST_SUMMED},
        {"problem_reward_mean", "gauge",
                "mean value of the outcomes learned since the start",
                reward_mean, REST_LEFT_OUT},
        {"problem_reward_half_width", "gauge",
                "half of the 95 % interval of that mean", reward_half,
                REST_LEFT_OUT},
        {"problem_regret_estimated", "gauge",
                "value of the best fixed action (self-normalised inverse "
                "propensity estimate) less the mean; negative: contexts are "
                "made use of",
                regret, REST_LEFT_OUT},
        {"problem_exploration_share", "gauge",
                "mean probability that was not on the most probable action",
                exploration, REST_LEFT_OUT},
        {"problem_propensity_chosen_least", "gauge",
                "smallest probability of a chosen action in the last 1,024 to "
                "2,047 decisions",
                least_chosen, REST_LEFT_OUT},
        {"problem_propensity_least", "gauge",
                "smallest probability of an eligible action in them", least,
                REST_LEFT_OUT},
        {"problem_effective_share", "gauge",
                "effective sample size towards the uniform policy in them, as "
                "a share of their number",
                effective, REST_LEFT_OUT},
};

static void print_problems(struct text *out, const struct rows *rows)
{
    for (size_t i = 0; i < ARRAY_COUNT(problem_table); i++) {
        print_family(out, problem_table[i].name, problem_table[i].type,
                problem_table[i].sentence);
        print_rows(out, rows, problem_table[i].name, problem_table[i].value,
                problem_table[i].rest);
    }
}

/* ---- the trainer ---- */

typedef double training_value(const struct training_state *state);

static double training_running(const struct training_state *state)
{
    return state->running ? 1.0 : 0.0;
}

static double trainings(const struct training_state *state)
{
    return (double)state->trainings;
}

static double trainings_failed(const struct training_state *state)
{
    return (double)state->failures;
}

static double generation_newest(const struct training_state *state)
{
    return (double)state->generation;
}

static double generation_rows(const struct training_state *state)
{
    return state->generation == 0 ? (double)NAN : (double)state->rows;
}

static double generation_verdict(const struct training_state *state)
{
    return state->generation == 0 ? (double)NAN : (double)state->verdict;
}

static double training_seconds(const struct training_state *state)
{
    return state->trainings == 0 ? (double)NAN : state->seconds;
}

static void print_trainings(struct text *out,
        const struct metrics_source *source, const struct rows *rows)
{
    static const struct {
        const char *name, *type, *sentence;
        training_value *value;
    } table[] = {
            {"problem_training_running", "gauge",
                    "1: a training runs, or is to begin", training_running},
            {"problem_trainings_total", "counter",
                    "trainings that gave a generation", trainings},
            {"problem_trainings_failed_total", "counter",
                    "trainings that came to nothing", trainings_failed},
            {"problem_generation_newest", "gauge",
                    "newest generation that was stored; 0: there is none",
                    generation_newest},
            {"problem_generation_newest_rows", "gauge",
                    "outcomes that it was trained on", generation_rows},
            {"problem_generation_newest_verdict", "gauge",
                    "what its gate said; 0: nothing was compared, 1: pass, 2: "
                    "block",
                    generation_verdict},
            {"problem_training_seconds", "gauge",
                    "how long the last training took", training_seconds},
    };

    for (size_t i = 0; source->trainer != NULL && i < ARRAY_COUNT(table); i++) {
        print_family(out, table[i].name, table[i].type, table[i].sentence);
        for (uint32_t k = 0; k < rows->shown; k++) {
            struct training_state state;
            double number;
            trainer_state(source->trainer, rows->row[k].number, &state);
            number = table[i].value(&state);
            if (isnan(number))
                continue;
            print_start(out, table[i].name, &rows->row[k]);
            print_end(out, number);
        }
    }
}

/* ---- parts of problems: groups, actions, detectors, numbers ---- */

/* Label sets that are left for one kind of part, and those left out. */
struct room {
    uint32_t left;
    uint64_t left_out;
};

static bool room_for(struct room *room)
{
    if (room->left == 0) {
        room->left_out++;
        return false;
    }
    room->left--;
    return true;
}

typedef double group_value(
        const struct board_row *row, const struct pulse_sums *sums);

static double group_rows(
        const struct board_row *row, const struct pulse_sums *sums)
{
    (void)row;
    return (double)sums->rows;
}

static double group_mean(
        const struct board_row *row, const struct pulse_sums *sums)
{
    return pulse_mean(&row->pulse, sums).mean;
}

static double group_half(
        const struct board_row *row, const struct pulse_sums *sums)
{
    return pulse_mean(&row->pulse, sums).half;
}

static uint64_t print_groups(
        struct text *out, const struct rows *rows, uint32_t label_sets)
{
    static const struct {
        const char *name, *sentence;
        group_value *value;
    } table[] = {
            {"group_reward_outcomes",
                    "outcomes of the group's rounds since the start",
                    group_rows},
            {"group_reward_mean", "their mean value", group_mean},
            {"group_reward_half_width",
                    "half of the 95 % interval of that mean", group_half},
    };
    struct room room = {0, 0};

    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        room = (struct room){label_sets, 0};
        print_family(out, table[i].name, "gauge", table[i].sentence);
        for (uint32_t k = 0; k < rows->shown; k++) {
            const struct board_row *row = &rows->row[k];
            for (uint32_t g = 0; g < row->pulse.group_count; g++) {
                double number = table[i].value(row, &row->of_group[g]);
                if (!room_for(&room) || isnan(number))
                    continue;
                print_start(out, table[i].name, row);
                print_second(out, "group", row->groups[g]);
                print_end(out, number);
            }
        }
    }
    return room.left_out;
}

static uint64_t print_actions(
        struct text *out, const struct rows *rows, uint32_t label_sets)
{
    struct room room = {label_sets, 0};

    print_family(out, "action_chosen_total", "counter",
            "decisions for the action since the start");
    for (uint32_t k = 0; k < rows->shown; k++) {
        const struct board_row *row = &rows->row[k];
        for (uint32_t i = 0; i < row->pulse.action_count; i++) {
            if (!room_for(&room))
                continue;
            print_start(out, "action_chosen_total", row);
            print_second(out, "action", row->actions[i]);
            print_end(out, (double)row->of_action[i].chosen);
        }
    }
    return room.left_out;
}

/* Of each stream of detectors the one that is furthest on its way. */
static uint64_t print_levels(
        struct text *out, const struct rows *rows, uint32_t label_sets)
{
    struct room room = {label_sets, 0};

    print_family(out, "drift_level", "gauge",
            "the detectors of a stream against their thresholds, the one that "
            "is furthest: at 1 it raises an alarm");
    for (uint32_t k = 0; k < rows->shown; k++) {
        const struct board_row *row = &rows->row[k];
        double furthest[DRIFT_STREAMS];
        for (uint32_t i = 0; i < DRIFT_STREAMS; i++)
            furthest[i] = (double)NAN;
        for (uint32_t i = 0; i < row->level_count; i++)
            furthest[row->levels[i].stream] = fmax(
                    furthest[row->levels[i].stream],
                    row->levels[i].statistic / row->levels[i].threshold);
        for (uint32_t i = 0; i < DRIFT_STREAMS; i++) {
            if (isnan(furthest[i]) || !room_for(&room))
                continue;
            print_start(out, "drift_level", row);
            print_second(out, "stream", drift_stream_name(i));
            print_end(out, furthest[i]);
        }
    }
    return room.left_out;
}

/* What policies and detectors tell of themselves. */
static uint64_t print_numbers(
        struct text *out, const struct rows *rows, uint32_t label_sets)
{
    struct room room = {label_sets, 0};

    print_family(out, "policy_number", "gauge",
            "a number that the policy or a detector tells of itself, of a "
            "group where group is not empty");
    for (uint32_t i = 0; i < rows->shown; i++) {
        const struct board_row *row = &rows->row[i];
        room.left_out += row->left_out;
        for (uint32_t k = 0; k < row->number_count; k++) {
            const struct board_number *number = &row->numbers[k];
            if (!room_for(&room))
                continue;
            print_start(out, "policy_number", row);
            print_second(out, "name", number->name);
            print_second(out, "group",
                    number->group < 0 ? "" : row->groups[number->group]);
            print_end(out, number->value);
        }
    }
    return room.left_out;
}

static void print_parts(struct text *out, const struct metrics_source *source,
        const struct rows *rows)
{
    uint64_t left_out = print_groups(out, rows, source->label_sets);

    left_out += print_actions(out, rows, source->label_sets);
    left_out += print_levels(out, rows, source->label_sets);
    print_gauge(out, "policy_numbers_left_out",
            "numbers of policies for which http.label_sets has no room",
            (double)print_numbers(out, rows, source->label_sets));
    print_gauge(out, "parts_left_out",
            "groups, actions and streams of detectors for which it has none",
            (double)left_out);
}

char *metrics_prometheus(
        const struct metrics_source *source, nanos now, size_t *size)
{
    struct text text = {.data = NULL};
    struct rows rows;

    if (!rows_take(source, &rows))
        return NULL;
    print_service(&text, source, now);
    print_counters(&text);
#define X(name, edges, sentence)                                               \
    print_histogram(&text, #name, sentence, &histograms.name);
    HISTOGRAM_LIST(X)
#undef X
    print_delays(&text, &rows);
    print_problems(&text, &rows);
    print_trainings(&text, source, &rows);
    print_parts(&text, source, &rows);
    rows_free(&rows);
    return text_take(&text, size);
}
