#include "service/api.h"

#include "service/counters.h"
#include "service/histogram.h"
#include "service/text.h"
#include "storage/generation.h"
#include "storage/ledger.h"

#include <math.h>

static double seconds(nanos time)
{
    return (double)time / (double)NANOS_PER_SECOND;
}

static void put_number(struct text *out, const char *key, double value)
{
    text_json_key(out, key);
    text_json_number(out, value);
}

static void put_count(struct text *out, const char *key, uint64_t value)
{
    text_json_key(out, key);
    text_count(out, value);
}

static void put_string(struct text *out, const char *key, const char *value)
{
    text_json_key(out, key);
    text_json_string(out, value);
}

static void put_bool(struct text *out, const char *key, bool value)
{
    text_json_key(out, key);
    text_string(out, value ? "true" : "false");
}

static void begin_object(struct text *out, const char *key)
{
    text_json_key(out, key);
    text_add(out, "{", 1);
}

static void begin_array(struct text *out, const char *key)
{
    text_json_key(out, key);
    text_add(out, "[", 1);
}

static void begin_item(struct text *out)
{
    text_json_next(out);
    text_add(out, "{", 1);
}

static void end_object(struct text *out)
{
    text_add(out, "}", 1);
}

static void end_array(struct text *out)
{
    text_add(out, "]", 1);
}

/* A time of day, or null where it is not known. */
static void put_time(struct text *out, const char *key, nanos time)
{
    text_json_key(out, key);
    text_json_time(out, time == 0 ? (double)NAN : seconds(time));
}

static void put_edges(struct text *out, const double *edges, uint32_t count)
{
    begin_array(out, "edges");
    for (uint32_t i = 0; i < count; i++) {
        text_json_next(out);
        text_json_number(out, edges[i]);
    }
    end_array(out);
}

/* ---- the service ---- */

static void put_storage(struct text *out, const struct metrics_source *source)
{
    struct store_usage usage;

    commit_usage(source->committer, &usage);
    put_string(out, "store", source->store);
    begin_object(out, "storage");
    put_bool(out, "full", commit_full(source->committer));
    put_count(out, "used_bytes", usage.used_bytes);
    put_count(out, "quota_bytes", commit_quota(source->committer));
    put_count(out, "map_bytes", usage.map_bytes);
    put_count(out, "disk_free_bytes", usage.free_disk_bytes);
    end_object(out);
    begin_object(out, "queues");
    put_count(out, "commit_batches", commit_waiting(source->committer));
    put_count(out, "engine_requests", metrics_inbox(source));
    end_object(out);
}

static void put_histogram(
        struct text *out, const char *name, const struct histogram *histogram)
{
    begin_object(out, name);
    put_edges(out, histogram->edges, HISTOGRAM_EDGES);
    begin_array(out, "counts");
    for (uint32_t i = 0; i <= HISTOGRAM_EDGES; i++) {
        text_json_next(out);
        text_count(out,
                atomic_load_explicit(
                        &histogram->buckets[i], memory_order_relaxed));
    }
    end_array(out);
    put_number(out, "sum", histogram_sum(histogram));
    end_object(out);
}

static void put_service(
        struct text *out, const struct metrics_source *source, nanos now)
{
    put_string(out, "version", RUE_VERSION);
    put_time(out, "now", now);
    put_number(out, "uptime_s", seconds(now - source->started));
    put_count(out, "last_record", commit_last_sequence(source->committer));
    put_storage(out, source);
    begin_object(out, "counters");
    for (uint32_t i = 0; i < counters_count(); i++)
        put_count(out, counters_name(i), counters_value(i));
    end_object(out);
    begin_object(out, "histograms");
#define X(name, edges, sentence) put_histogram(out, #name, &histograms.name);
    HISTOGRAM_LIST(X)
#undef X
    end_object(out);
}

/* ---- a problem ---- */

static void put_counters(struct text *out, const struct board_row *row)
{
    begin_object(out, "counters");
#define X(name, sentence) put_count(out, #name, row->counters.name);
    PROBLEM_COUNTERS(X)
#undef X
    end_object(out);
}

/* Numbers of one group, or of none (-1). */
static void put_numbers(
        struct text *out, const struct board_row *row, int32_t group)
{
    for (uint32_t i = 0; i < row->number_count; i++)
        if (row->numbers[i].group == group)
            put_number(out, row->numbers[i].name, row->numbers[i].value);
}

/* Is there a number or an outcome to tell of the group? */
static bool is_known(const struct board_row *row, uint32_t group)
{
    if (group < row->pulse.group_count && row->of_group[group].rows > 0)
        return true;
    for (uint32_t i = 0; i < row->number_count; i++)
        if (row->numbers[i].group == (int32_t)group)
            return true;
    return false;
}

static void put_sums(struct text *out, const struct board_row *row,
        const struct pulse_sums *sums, const char *const names[3])
{
    struct pulse_mean mean = pulse_mean(&row->pulse, sums);

    put_count(out, names[0], sums->rows);
    put_number(out, names[1], mean.mean);
    put_number(out, names[2], mean.half);
}

static void put_groups(struct text *out, const struct board_row *row)
{
    static const char *const names[3] = {
            "reward_outcomes", "reward_mean", "reward_half_width"};

    begin_object(out, "groups");
    for (uint32_t i = 0; i < row->group_count; i++) {
        if (!is_known(row, i))
            continue;
        text_json_next(out);
        text_json_string(out, row->groups[i]);
        text_add(out, ":{", 2);
        put_numbers(out, row, (int32_t)i);
        if (i < row->pulse.group_count)
            put_sums(out, row, &row->of_group[i], names);
        end_object(out);
    }
    end_object(out);
}

static void put_reward(struct text *out, const struct board_row *row)
{
    static const char *const names[3] = {"outcomes", "mean", "half_width"};

    begin_object(out, "reward");
    put_sums(out, row, &row->pulse.all, names);
    put_number(out, "min", row->reward_min);
    put_number(out, "max", row->reward_max);
    put_bool(out, "minimise", row->minimise);
    put_count(out, "unjoined", row->pulse.unjoined);
    put_number(out, "regret", pulse_regret(&row->pulse, row->minimise));
    end_object(out);
    begin_object(out, "exploration");
    put_number(out, "share", pulse_exploration(&row->pulse));
    put_number(out, "least_chosen", pulse_least_chosen(&row->pulse));
    put_number(out, "least", pulse_least(&row->pulse));
    put_number(out, "effective", pulse_effective(&row->pulse));
    end_object(out);
}

static void put_actions(struct text *out, const struct board_row *row)
{
    static const char *const names[3] = {"outcomes", "mean", "half_width"};

    begin_array(out, "actions");
    for (uint32_t i = 0; i < row->pulse.action_count; i++) {
        const struct pulse_action *action = &row->of_action[i];
        begin_item(out);
        put_string(out, "name", row->actions[i]);
        put_number(out, "offered", action->offered);
        put_count(out, "chosen", action->chosen);
        put_sums(out, row, &action->taken, names);
        put_number(out, "value", pulse_action_value(&row->pulse, action));
        end_object(out);
    }
    end_array(out);
}

static void put_delays(struct text *out, const struct board_row *row)
{
    begin_object(out, "delays");
    put_edges(out, pulse_delay_edges, PULSE_DELAYS);
    begin_array(out, "counts");
    for (uint32_t i = 0; i <= PULSE_DELAYS; i++) {
        text_json_next(out);
        text_count(out, row->pulse.delays[i]);
    }
    end_array(out);
    put_number(out, "sum", row->pulse.delay_sum);
    end_object(out);
}

/* What an alarm and the level of a detector have in common. */
static void put_alarm(
        struct text *out, const struct alarm *alarm, const char *name)
{
    static const char *const parts[] = {
            "all", "action", "group", "column", "circuit"};

    put_string(out, "stream", drift_stream_name(alarm->stream));
    put_string(out, "part", parts[alarm->part]);
    put_string(out, "name", name);
    put_number(out, "statistic", alarm->statistic);
    put_number(out, "threshold", alarm->threshold);
}

static void put_drift(struct text *out, const struct board_row *row)
{
    begin_array(out, "detectors");
    for (uint32_t i = 0; i < row->level_count; i++) {
        begin_item(out);
        put_alarm(out, &row->levels[i], board_part_name(row, &row->levels[i]));
        end_object(out);
    }
    end_array(out);
    begin_array(out, "alarms"); /* newest first */
    for (uint32_t i = 0; i < recent_kept(&row->recent); i++) {
        const struct recent_alarm *alarm = recent_alarm(&row->recent, i);
        char event[ID_BYTES_MAX + 1], name[ID_BYTES_MAX + 1];
        begin_item(out);
        put_time(out, "time", alarm->time);
        put_alarm(out, &alarm->alarm,
                bytes_text(recent_bytes(&alarm->name), name, sizeof(name)));
        put_number(out, "before", alarm->alarm.before);
        put_number(out, "after", alarm->alarm.after);
        put_count(out, "rows", alarm->alarm.rows);
        put_string(out, "event",
                bytes_text(recent_bytes(&alarm->event), event, sizeof(event)));
        end_object(out);
    }
    end_array(out);
}

static const char *verdict_name(enum generation_verdict verdict)
{
    static const char *const names[] = {"none", "pass", "block"};

    return names[verdict];
}

static void put_training(struct text *out, const struct metrics_source *source,
        const struct board_row *row)
{
    struct training_state state;

    begin_object(out, "trial");
    put_count(out, "generation", row->trial_generation);
    put_number(out, "share", row->trial_share);
    put_count(out, "outcomes", row->trial_rows);
    end_object(out);
    if (source->trainer == NULL)
        return;
    trainer_state(source->trainer, row->number, &state);
    begin_object(out, "training");
    put_bool(out, "running", state.running);
    put_number(out, "done", state.done);
    put_count(out, "trainings", state.trainings);
    put_count(out, "failures", state.failures);
    put_count(out, "generation", state.generation);
    put_count(out, "rows", state.rows);
    put_number(out, "effective", state.effective);
    put_string(out, "verdict", verdict_name(state.verdict));
    put_number(out, "seconds", state.seconds);
    end_object(out);
}

static void put_problem(struct text *out, const struct metrics_source *source,
        const struct board_row *row)
{
    begin_item(out);
    put_string(out, "name", row->name);
    put_string(out, "policy", row->policy);
    put_count(out, "generation", row->generation);
    put_time(out, "generation_created", row->news.generation_created);
    put_time(out, "promoted", row->recent.promoted);
    put_count(out, "policy_version", row->policy_version);
    put_time(out, "told_at", row->news.now);
    put_time(out, "snapshot_at", row->news.snapshot_at);
    put_count(out, "fold_lag_records", row->news.unsaved);
    put_number(out, "value_sum", row->counters.value_sum);
    put_bool(out, "watched", row->watched);
    put_counters(out, row);
    begin_object(out, "numbers");
    put_numbers(out, row, -1);
    end_object(out);
    put_groups(out, row);
    put_reward(out, row);
    put_actions(out, row);
    put_delays(out, row);
    put_drift(out, row);
    put_training(out, source, row);
    end_object(out);
}

/* ---- pages ---- */

static char *status_of_one(const struct metrics_source *source, uint32_t index,
        nanos now, size_t *size)
{
    struct text text = {.data = NULL};
    struct board_row row;

    if (!board_copy(source->board, index, &row))
        return NULL;
    text_add(&text, "{", 1);
    put_service(&text, source, now);
    begin_array(&text, "problems");
    put_problem(&text, source, &row);
    end_array(&text);
    put_count(&text, "problems_left_out", board_count(source->board) - 1);
    end_object(&text);
    board_copy_free(&row);
    return text_take(&text, size);
}

static char *status_of_all(
        const struct metrics_source *source, nanos now, size_t *size)
{
    struct text text = {.data = NULL};
    struct rows rows;

    if (!rows_take(source, &rows))
        return NULL;
    text_add(&text, "{", 1);
    put_service(&text, source, now);
    begin_array(&text, "problems");
    for (uint32_t i = 0; i < rows.shown; i++)
        put_problem(&text, source, &rows.row[i]);
    end_array(&text);
    put_count(&text, "problems_left_out", rows.count - rows.shown);
    end_object(&text);
    rows_free(&rows);
    return text_take(&text, size);
}

char *api_status(const struct metrics_source *source, const char *problem,
        nanos now, bool *found, size_t *size)
{
    uint32_t index;

    *found = problem == NULL || board_find(source->board, problem, &index);
    if (!*found)
        return NULL;
    return problem == NULL ? status_of_all(source, now, size)
                           : status_of_one(source, index, now, size);
}

char *api_problems(const struct metrics_source *source, nanos now, size_t *size)
{
    struct text text = {.data = NULL};
    struct rows rows;

    if (!rows_take(source, &rows))
        return NULL;
    text_add(&text, "{", 1);
    put_time(&text, "now", now);
    begin_array(&text, "problems");
    for (uint32_t i = 0; i < rows.count; i++) {
        const struct board_row *row = &rows.row[i];
        const struct recent *recent = &row->recent;
        begin_item(&text);
        put_string(&text, "name", row->name);
        put_string(&text, "policy", row->policy);
        put_count(&text, "generation", row->generation);
        put_count(&text, "decisions", row->counters.decisions);
        put_number(&text, "reward_mean",
                pulse_mean(&row->pulse, &row->pulse.all).mean);
        put_count(&text, "alarms", row->counters.alarms);
        put_time(&text, "last_alarm",
                recent_kept(recent) == 0 ? 0 : recent_alarm(recent, 0)->time);
        end_object(&text);
    }
    end_array(&text);
    end_object(&text);
    rows_free(&rows);
    return text_take(&text, size);
}

/* ---- generations ---- */

static void put_estimate(struct text *out, const struct estimate *estimate)
{
    if (!estimate->given)
        return;
    begin_object(out, "gain");
    put_number(out, "value", estimate->value);
    put_number(out, "lower", estimate->lower);
    put_number(out, "upper", estimate->upper);
    put_number(out, "alpha", estimate->alpha);
    end_object(out);
}

static int put_generation(void *self, const struct generation *generation,
        bool damaged, struct err *err)
{
    char why[GENERATION_WHY_MAX + 1];
    struct text *out = self;

    (void)err;
    begin_item(out);
    put_count(out, "number", generation->number);
    put_bool(out, "damaged", damaged);
    if (!damaged) {
        put_count(out, "parent", generation->parent);
        put_time(out, "created", generation->created);
        put_count(out, "bytes", generation->size);
        put_count(out, "rows", generation->rows);
        put_number(out, "effective", generation->effective);
        put_string(out, "verdict", verdict_name(generation->verdict));
        put_count(out, "promoted", generation->promoted);
        put_string(out, "why", bytes_text(generation->why, why, sizeof(why)));
        put_estimate(out, &generation->estimate);
    }
    end_object(out);
    return 0;
}

/* A read transaction of its own, as long as this takes. */
char *api_generations(const struct metrics_source *source, const char *problem,
        bool *found, size_t *size)
{
    struct text text = {.data = NULL};
    struct ledger_reader reader;
    struct board_row row;
    struct err err;
    uint32_t index;

    *found = board_find(source->board, problem, &index);
    if (!*found || !board_copy(source->board, index, &row))
        return NULL;
    text_add(&text, "{", 1);
    put_string(&text, "problem", row.name);
    put_count(&text, "serving", row.generation);
    begin_array(&text, "generations");
    if (ledger_reader_open(source->ledger, &reader, &err) == 0) {
        int status = generation_each(
                reader.txn, row.number, put_generation, &text, &err);
        ledger_reader_close(&reader);
        text.failed = text.failed || status != 0;
    } else {
        text.failed = true;
    }
    end_array(&text);
    end_object(&text);
    board_copy_free(&row);
    return text_take(&text, size);
}
