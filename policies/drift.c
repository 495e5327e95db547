#include "policies/drift.h"

#include "policies/detector.h"
#include "policies/evidence.h"
#include "policies/portable.h"
#include "policies/shift.h"

#include <math.h>

#define STATE_VERSION 1u

#define ADWIN_DELTA   0.002
#define PAGE_SHIFT    0.01
#define HDDM_DELTA    1e-5
#define HDDM_LAMBDA   0.05
#define WEIGHT_MAX    10.0
#define TOLERANCE     0.01 /* of optimism */
#define LOG_ALARM     9.210340371976182 /* ln 1e4 */
#define PSI_ALARM     0.25
#define KS_ALARM      0.1
#define JS_ALARM      0.2 /* as a distance, the root of the divergence */
#define LOOK_EVERY    128u /* rows between two looks at evidence */
#define COLUMNS_EVERY 8u /* decisions of which one is fed to the columns */
#define BANDS         4u /* of logged probabilities */
/* A detector of its own for each: reward, residual, weighted, join. */
#define SEQUENTIAL 4u
#define WATCH_JOIN 3u

static const double band_edges[BANDS - 1] = {0.02, 0.1, 0.5};

static const char *const stream_names[DRIFT_STREAMS + 1] = {"reward",
        "residual", "weighted", "optimism", "context", "actions", "propensity",
        "join", "delay", "circuit"};

const char *drift_stream_name(uint32_t stream)
{
    return stream <= DRIFT_BREAKER ? stream_names[stream] : "?";
}

bool drift_of_outcomes(uint32_t stream)
{
    return stream <= DRIFT_OPTIMISM;
}

bool alarm_equal(const struct alarm *a, const struct alarm *b)
{
    return a->stream == b->stream && a->part == b->part &&
            a->index == b->index && a->statistic == b->statistic &&
            a->threshold == b->threshold && a->before == b->before &&
            a->after == b->after && a->rows == b->rows;
}

/* A detector in its place in the block. */
struct watch {
    const struct detector *detector;
    void *state;
    uint32_t silent; /* values for which it stays silent */
    uint8_t stream, part;
    uint32_t index;
    uint64_t alarms;
};

/* What a window that was closed had to say. */
struct closed {
    double statistic, threshold; /* threshold 0: there was none yet */
};

struct drift {
    const struct drift_spec *spec;
    uint64_t decided, learned;
    uint64_t lost; /* alarms that found no place */
    uint64_t alarms[DRIFT_STREAMS];
    uint32_t pending_count;
    struct alarm pending[DRIFT_PENDING];
    /* sequential detectors: reward, residual, weighted, join, then one a
     * group, then one an action */
    struct watch *watches;
    uint32_t watch_count;
    /* propensity: the most probable action, the bands, then one an action */
    struct evidence *draws;
    uint32_t draw_count;
    uint32_t draws_silent;
    struct evidence optimism;
    uint32_t optimism_silent;
    struct shift_column *columns; /* then the delay's */
    uint32_t column_count;
    struct closed *closed; /* of each column, the delay, then the actions */
    uint32_t delays_seen;
    double *shares, *last_shares; /* [slots] */
    uint32_t share_rows;
    bool has_last;
};

/* ---- memory ---- */

static uint32_t watched_columns(const struct drift_spec *spec)
{
    return spec->columns < DRIFT_COLUMNS ? spec->columns : DRIFT_COLUMNS;
}

static uint32_t watches_of(const struct drift_spec *spec)
{
    return SEQUENTIAL + spec->groups + spec->slots;
}

static const struct detector *detector_of(
        const struct drift_spec *spec, uint32_t watch)
{
    if (watch == DRIFT_RESIDUAL || watch == DRIFT_WEIGHTED)
        return &detector_adwin;
    return watch < SEQUENTIAL + spec->groups ? &detector_page_hinkley
                                             : &detector_hddm_w;
}

static size_t states_size(const struct drift_spec *spec)
{
    size_t size = 0;

    for (uint32_t i = 0; i < watches_of(spec); i++)
        size += detector_of(spec, i)->size;
    return size;
}

size_t drift_footprint(const struct drift_spec *spec)
{
    return sizeof(struct drift) + watches_of(spec) * sizeof(struct watch) +
            states_size(spec) +
            (1 + BANDS + (size_t)spec->slots) * sizeof(struct evidence) +
            (watched_columns(spec) + 1) * sizeof(struct shift_column) +
            (watched_columns(spec) + 2) * sizeof(struct closed) +
            2 * (size_t)spec->slots * sizeof(double);
}

/* What each watch is about. The first four are numbered as their streams, but
 * for the last. */
static void name_watch(
        const struct drift_spec *spec, uint32_t i, struct watch *watch)
{
    if (i < SEQUENTIAL) {
        watch->stream = (uint8_t)(i == WATCH_JOIN ? DRIFT_JOIN : i);
        return;
    }
    watch->stream = DRIFT_REWARD;
    watch->part = i < SEQUENTIAL + spec->groups ? DRIFT_GROUP : DRIFT_ACTION;
    watch->index = i < SEQUENTIAL + spec->groups
            ? i - SEQUENTIAL
            : i - SEQUENTIAL - spec->groups;
}

static void init_watch(const struct drift_spec *spec, struct watch *watch)
{
    double streams = watches_of(spec);
    const struct adwin_options adwin = {ADWIN_DELTA / streams};
    const struct page_hinkley_options page = {
            PAGE_SHIFT, spec->options.between * streams, 0.0};
    const struct hddm_options hddm = {
            HDDM_DELTA / (spec->slots > 0 ? spec->slots : 1), HDDM_LAMBDA};
    const void *options = watch->detector == &detector_adwin ? &adwin
            : watch->detector == &detector_page_hinkley ? (const void *)&page
                                                        : (const void *)&hddm;

    watch->detector->init(watch->state, options);
    watch->silent = 0;
}

struct drift *drift_init(void *block, const struct drift_spec *spec)
{
    struct drift *drift = block;
    uint8_t *at = block;

    memset(block, 0, drift_footprint(spec));
    drift->spec = spec;
    at += sizeof(*drift);
    drift->watches = (struct watch *)(void *)at;
    drift->watch_count = watches_of(spec);
    at += drift->watch_count * sizeof(struct watch);
    for (uint32_t i = 0; i < drift->watch_count; i++) {
        struct watch *watch = &drift->watches[i];
        watch->detector = detector_of(spec, i);
        watch->state = at;
        at += watch->detector->size;
        name_watch(spec, i, watch);
    }
    drift->draws = (struct evidence *)(void *)at;
    drift->draw_count = 1 + BANDS + spec->slots;
    at += drift->draw_count * sizeof(struct evidence);
    drift->columns = (struct shift_column *)(void *)at;
    drift->column_count = watched_columns(spec);
    at += (drift->column_count + 1) * sizeof(struct shift_column);
    drift->closed = (struct closed *)(void *)at;
    at += (drift->column_count + 2) * sizeof(struct closed);
    drift->shares = (double *)(void *)at;
    drift->last_shares = drift->shares + spec->slots;
    drift_restart(drift);
    return drift;
}

static void restart_draws(struct drift *drift)
{
    for (uint32_t i = 0; i < drift->draw_count; i++)
        evidence_init(&drift->draws[i]);
}

void drift_restart(struct drift *drift)
{
    const struct drift_spec *spec = drift->spec;

    for (uint32_t i = 0; i < drift->watch_count; i++)
        init_watch(spec, &drift->watches[i]);
    restart_draws(drift);
    drift->draws_silent = 0;
    evidence_init(&drift->optimism);
    drift->optimism_silent = 0;
    for (uint32_t i = 0; i <= drift->column_count; i++)
        shift_column_init(&drift->columns[i]);
    memset(drift->closed, 0, (drift->column_count + 2) * sizeof(struct closed));
    if (spec->slots > 0)
        memset(drift->shares, 0, 2 * spec->slots * sizeof(double));
    drift->share_rows = 0;
    drift->has_last = false;
    drift->learned = 0;
    drift->delays_seen = 0;
}

/* ---- alarms ---- */

static void raise_alarm(struct drift *drift, struct alarm alarm)
{
    drift->alarms[alarm.stream]++;
    if (drift->pending_count == DRIFT_PENDING)
        drift->lost++;
    else
        drift->pending[drift->pending_count++] = alarm;
}

const struct alarm *drift_pending(const struct drift *drift)
{
    return drift->pending_count > 0 ? &drift->pending[0] : NULL;
}

void drift_take(struct drift *drift)
{
    if (drift->pending_count == 0)
        return;
    drift->pending_count--;
    memmove(drift->pending, drift->pending + 1,
            drift->pending_count * sizeof(drift->pending[0]));
}

static void feed_watch(struct drift *drift, uint32_t i, double value)
{
    struct watch *watch = &drift->watches[i];
    struct detection found;
    bool changed = watch->detector->feed(watch->state, value, &found);

    if (watch->silent > 0) {
        watch->silent--;
        return;
    }
    if (!changed)
        return;
    watch->silent = drift->spec->options.silence;
    watch->alarms++;
    raise_alarm(drift,
            (struct alarm){watch->stream, watch->part, watch->index,
                    found.statistic, found.threshold, found.before, found.after,
                    found.rows});
}

/* ---- decisions ---- */

static uint32_t band_of(double p)
{
    uint32_t band = 0;

    while (band < BANDS - 1 && p >= band_edges[band])
        band++;
    return band;
}

static void feed_draws(struct drift *drift, const struct action_set *actions,
        const double *pmf, uint32_t chosen)
{
    double bands[BANDS] = {0.0};
    uint32_t top = 0;

    for (uint32_t i = 0; i < actions->count; i++) {
        bands[band_of(pmf[i])] += pmf[i];
        if (pmf[i] > pmf[top])
            top = i;
        if (actions->slot != NULL && drift->spec->slots > 0)
            evidence_feed(&drift->draws[1 + BANDS + actions->slot[i]],
                    (i == chosen ? 1.0 : 0.0) - pmf[i]);
    }
    evidence_feed(&drift->draws[0], (top == chosen ? 1.0 : 0.0) - pmf[top]);
    for (uint32_t i = 0; i < BANDS; i++)
        if (bands[i] > 0.0)
            evidence_feed(&drift->draws[1 + i],
                    (band_of(pmf[chosen]) == i ? 1.0 : 0.0) -
                            fmin(bands[i], 1.0));
}

static void look_at_draws(struct drift *drift)
{
    double log_evidence;

    if (drift->draws_silent > 0) {
        drift->draws_silent--;
        return;
    }
    if (drift->decided % LOOK_EVERY != 0)
        return;
    log_evidence = evidence_log(drift->draws, drift->draw_count);
    if (log_evidence < LOG_ALARM)
        return;
    raise_alarm(drift,
            (struct alarm){.stream = DRIFT_PROPENSITY,
                    .statistic = log_evidence,
                    .threshold = LOG_ALARM});
    restart_draws(drift);
    drift->draws_silent = drift->spec->options.silence;
}

/* The one of the two measures that is further on its way to an alarm. */
static struct closed closed_of(const struct shift_found *found)
{
    struct closed psi = {found->psi, fmax(PSI_ALARM, found->psi_chance)};
    struct closed ks = {found->ks, fmax(KS_ALARM, found->ks_chance)};

    return psi.statistic > psi.threshold ||
                    psi.statistic * ks.threshold >= ks.statistic * psi.threshold
            ? psi
            : ks;
}

static void close_column(
        struct drift *drift, uint32_t column, uint32_t stream, uint32_t part)
{
    struct shift_found found = shift_column_close(&drift->columns[column]);
    struct closed closed = closed_of(&found);

    drift->closed[column] = closed;
    if (closed.statistic > closed.threshold)
        raise_alarm(drift,
                (struct alarm){.stream = stream,
                        .part = part,
                        .index = part == DRIFT_COLUMN ? column : 0,
                        .statistic = closed.statistic,
                        .threshold = closed.threshold,
                        .rows = found.rows});
}

static void feed_columns(struct drift *drift, const struct context *context)
{
    for (uint32_t i = 0;
            i < drift->column_count && i < context->shared.dense_count; i++) {
        struct shift_column *column = &drift->columns[i];
        shift_column_feed(column, context->shared.dense[i]);
        if (shift_column_rows(column) >= drift->spec->options.window)
            close_column(drift, i, DRIFT_CONTEXT, DRIFT_COLUMN);
    }
}

static void feed_shares(struct drift *drift, const struct action_set *actions,
        const double *pmf)
{
    uint32_t slots = drift->spec->slots;
    double distance;

    if (actions->slot == NULL || slots == 0)
        return;
    for (uint32_t i = 0; i < actions->count; i++)
        drift->shares[actions->slot[i]] += pmf[i];
    if (++drift->share_rows < drift->spec->options.window)
        return;
    for (uint32_t i = 0; i < slots; i++)
        drift->shares[i] /= drift->share_rows;
    distance = sqrt(shift_js(drift->last_shares, drift->shares, slots));
    if (drift->has_last)
        drift->closed[drift->column_count + 1] =
                (struct closed){distance, JS_ALARM};
    if (drift->has_last && distance > JS_ALARM)
        raise_alarm(drift,
                (struct alarm){.stream = DRIFT_ACTIONS,
                        .statistic = distance,
                        .threshold = JS_ALARM,
                        .rows = drift->share_rows});
    memcpy(drift->last_shares, drift->shares, slots * sizeof(double));
    memset(drift->shares, 0, slots * sizeof(double));
    drift->share_rows = 0;
    drift->has_last = true;
}

void drift_decided(struct drift *drift, const struct context *context,
        const struct action_set *actions, const double *pmf, uint32_t chosen)
{
    drift->decided++;
    if (drift->decided % COLUMNS_EVERY == 0)
        feed_columns(drift, context);
    if (actions->count < 2 || chosen >= actions->count)
        return;
    feed_draws(drift, actions, pmf, chosen);
    look_at_draws(drift);
    feed_shares(drift, actions, pmf);
}

/* ---- outcomes ---- */

static double clipped(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static void feed_optimism(struct drift *drift, double excess)
{
    double above, below;

    evidence_feed_side(&drift->optimism, excess - TOLERANCE, true);
    evidence_feed_side(&drift->optimism, excess + TOLERANCE, false);
    if (drift->optimism_silent > 0) {
        drift->optimism_silent--;
        return;
    }
    if (drift->learned % LOOK_EVERY != 0)
        return;
    above = evidence_log_side(&drift->optimism, true);
    below = evidence_log_side(&drift->optimism, false);
    if (fmax(above, below) < LOG_ALARM)
        return;
    raise_alarm(drift,
            (struct alarm){.stream = DRIFT_OPTIMISM,
                    .statistic = fmax(above, below),
                    .threshold = LOG_ALARM,
                    .after = above > below ? 1.0 : -1.0});
    evidence_init(&drift->optimism);
    drift->optimism_silent = drift->spec->options.silence;
}

/* r - r_hat is loss predicted minus loss seen. */
static void feed_residuals(
        struct drift *drift, const struct drift_outcome *outcome, double loss)
{
    double residual = clipped(outcome->predicted, 0.0, 1.0) - loss;
    double weight;

    if (drift->learned <= drift->spec->options.warmup)
        return;
    feed_watch(drift, DRIFT_RESIDUAL, (1.0 + residual) / 2.0);
    feed_optimism(drift, clipped(-residual, -0.98, 0.98));
    if (outcome->propensity <= 0.0 || outcome->count == 0)
        return;
    weight = fmin(1.0 / (outcome->count * outcome->propensity), WEIGHT_MAX);
    feed_watch(drift, DRIFT_WEIGHTED, 0.5 + weight * residual / 20.0);
}

static void feed_delay(struct drift *drift, nanos delay)
{
    struct shift_column *column = &drift->columns[drift->column_count];

    shift_column_feed(column, portable_log(1.0 + (double)delay / 1e6));
    if (shift_column_rows(column) >= drift->spec->options.window)
        close_column(drift, drift->column_count, DRIFT_DELAY, DRIFT_ALL);
}

void drift_learned(struct drift *drift, const struct drift_outcome *outcome)
{
    const struct drift_spec *spec = drift->spec;
    double loss = clipped(outcome->loss, 0.0, 1.0);

    drift->learned++;
    feed_watch(drift, DRIFT_REWARD, loss);
    feed_watch(drift, WATCH_JOIN, outcome->unjoined ? 1.0 : 0.0);
    for (uint32_t i = 0; i < outcome->context->group_count; i++)
        feed_watch(drift, SEQUENTIAL + outcome->context->groups[i], loss);
    if (outcome->slot >= 0 && (uint64_t)outcome->slot < spec->slots)
        feed_watch(drift, SEQUENTIAL + spec->groups + (uint32_t)outcome->slot,
                loss);
    if (!isnan(outcome->predicted))
        feed_residuals(drift, outcome, loss);
    if (!outcome->unjoined && outcome->delay >= 0)
        feed_delay(drift, outcome->delay);
}

/* ---- state ---- */

void alarm_save(const struct alarm *alarm, struct writer *writer)
{
    write_u32(writer, alarm->stream);
    write_u32(writer, alarm->part);
    write_u32(writer, alarm->index);
    write_f64(writer, alarm->statistic);
    write_f64(writer, alarm->threshold);
    write_f64(writer, alarm->before);
    write_f64(writer, alarm->after);
    write_u64(writer, alarm->rows);
}

bool alarm_load(struct alarm *alarm, struct reader *reader)
{
    alarm->stream = read_u32(reader);
    alarm->part = read_u32(reader);
    alarm->index = read_u32(reader);
    alarm->statistic = read_f64(reader);
    alarm->threshold = read_f64(reader);
    alarm->before = read_f64(reader);
    alarm->after = read_f64(reader);
    alarm->rows = read_u64(reader);
    return !reader->failed && alarm->stream <= DRIFT_BREAKER &&
            alarm->part <= DRIFT_CIRCUIT && isfinite(alarm->statistic) &&
            isfinite(alarm->threshold) && isfinite(alarm->before) &&
            isfinite(alarm->after);
}

static bool has_part(
        const struct drift_spec *spec, uint32_t part, uint32_t index)
{
    switch (part) {
    case DRIFT_ALL:
        return index == 0;
    case DRIFT_ACTION:
        return index < spec->slots;
    case DRIFT_GROUP:
        return index < spec->groups;
    case DRIFT_COLUMN:
        return index < spec->columns;
    }
    return false;
}

static bool load_pending(struct drift *drift, struct reader *reader)
{
    for (uint32_t i = 0; i < drift->pending_count; i++) {
        struct alarm *alarm = &drift->pending[i];
        if (!alarm_load(alarm, reader) || alarm->stream >= DRIFT_STREAMS ||
                !has_part(drift->spec, alarm->part, alarm->index))
            return false;
    }
    return true;
}

void drift_save(const struct drift *drift, struct writer *writer)
{
    write_u32(writer, STATE_VERSION);
    write_u64(writer, drift->decided);
    write_u64(writer, drift->learned);
    write_u64(writer, drift->lost);
    for (uint32_t i = 0; i < DRIFT_STREAMS; i++)
        write_u64(writer, drift->alarms[i]);
    write_u32(writer, drift->pending_count);
    for (uint32_t i = 0; i < drift->pending_count; i++)
        alarm_save(&drift->pending[i], writer);
    for (uint32_t i = 0; i < drift->watch_count; i++) {
        write_u32(writer, drift->watches[i].silent);
        write_u64(writer, drift->watches[i].alarms);
        drift->watches[i].detector->save(drift->watches[i].state, writer);
    }
    for (uint32_t i = 0; i < drift->draw_count; i++)
        evidence_save(&drift->draws[i], writer);
    write_u32(writer, drift->draws_silent);
    evidence_save(&drift->optimism, writer);
    write_u32(writer, drift->optimism_silent);
    for (uint32_t i = 0; i <= drift->column_count; i++)
        shift_column_save(&drift->columns[i], writer);
    write_u32(writer, drift->share_rows);
    write_u8(writer, drift->has_last ? 1 : 0);
    write_f64s(writer, drift->shares, drift->spec->slots);
    write_f64s(writer, drift->last_shares, drift->spec->slots);
}

static bool load_watches(struct drift *drift, struct reader *reader)
{
    for (uint32_t i = 0; i < drift->watch_count; i++) {
        struct watch *watch = &drift->watches[i];
        watch->silent = read_u32(reader);
        watch->alarms = read_u64(reader);
        if (!watch->detector->load(watch->state, reader))
            return false;
    }
    return true;
}

static bool load_draws(struct drift *drift, struct reader *reader)
{
    for (uint32_t i = 0; i < drift->draw_count; i++)
        if (!evidence_load(&drift->draws[i], reader))
            return false;
    drift->draws_silent = read_u32(reader);
    if (!evidence_load(&drift->optimism, reader))
        return false;
    drift->optimism_silent = read_u32(reader);
    return true;
}

static bool load_shares(struct drift *drift, struct reader *reader)
{
    uint32_t slots = drift->spec->slots;
    uint8_t has_last;

    drift->share_rows = read_u32(reader);
    has_last = read_u8(reader);
    drift->has_last = has_last == 1;
    read_f64s(reader, drift->shares, slots);
    read_f64s(reader, drift->last_shares, slots);
    for (uint32_t i = 0; i < slots; i++)
        if (!(drift->shares[i] >= 0.0 &&
                    drift->shares[i] <= drift->share_rows + 1.0) ||
                !(drift->last_shares[i] >= 0.0 &&
                        drift->last_shares[i] <= 1.001))
            return false;
    return has_last <= 1;
}

int drift_load(struct drift *drift, struct reader *reader, struct err *err)
{
    bool good = read_u32(reader) == STATE_VERSION;

    drift->decided = read_u64(reader);
    drift->learned = read_u64(reader);
    drift->lost = read_u64(reader);
    for (uint32_t i = 0; i < DRIFT_STREAMS; i++)
        drift->alarms[i] = read_u64(reader);
    drift->pending_count = read_u32(reader);
    good = good && drift->pending_count <= DRIFT_PENDING;
    good = good && load_pending(drift, reader);
    good = good && load_watches(drift, reader) && load_draws(drift, reader);
    for (uint32_t i = 0; good && i <= drift->column_count; i++)
        good = shift_column_load(&drift->columns[i], reader);
    good = good && load_shares(drift, reader) && !reader->failed;
    return good
            ? 0
            : err_set(err, STATUS_CORRUPT, "drift detectors: damaged state");
}

void drift_visit(
        const struct drift *drift, drift_visit_function *visit, void *self)
{
    static const char *const names[DRIFT_STREAMS] = {"alarms_reward",
            "alarms_residual", "alarms_weighted", "alarms_optimism",
            "alarms_context", "alarms_actions", "alarms_propensity",
            "alarms_join", "alarms_delay"};

    for (uint32_t i = 0; i < DRIFT_STREAMS; i++)
        visit(self, names[i], DRIFT_ALL, 0, (double)drift->alarms[i]);
    visit(self, "evidence_propensity", DRIFT_ALL, 0,
            evidence_log(drift->draws, drift->draw_count));
    visit(self, "evidence_optimism", DRIFT_ALL, 0,
            fmax(evidence_log_side(&drift->optimism, true),
                    evidence_log_side(&drift->optimism, false)));
    visit(self, "residual_window", DRIFT_ALL, 0,
            (double)adwin_window(drift->watches[DRIFT_RESIDUAL].state));
    for (uint32_t i = SEQUENTIAL; i < drift->watch_count; i++)
        if (drift->watches[i].alarms > 0)
            visit(self, "alarms_reward", drift->watches[i].part,
                    drift->watches[i].index, (double)drift->watches[i].alarms);
}

uint32_t drift_levels_max(const struct drift_spec *spec)
{
    return watches_of(spec) + watched_columns(spec) + 4;
}

static void visit_closed(
        const struct drift *drift, drift_level_function *visit, void *self)
{
    for (uint32_t i = 0; i < drift->column_count + 2; i++) {
        const struct closed *closed = &drift->closed[i];
        struct alarm level = {.stream = i < drift->column_count ? DRIFT_CONTEXT
                        : i == drift->column_count              ? DRIFT_DELAY
                                                                : DRIFT_ACTIONS,
                .part = i < drift->column_count ? DRIFT_COLUMN : DRIFT_ALL,
                .index = i < drift->column_count ? i : 0,
                .statistic = closed->statistic,
                .threshold = closed->threshold};
        if (closed->threshold > 0.0)
            visit(self, &level);
    }
}

void drift_levels(
        const struct drift *drift, drift_level_function *visit, void *self)
{
    struct alarm level;

    for (uint32_t i = 0; i < drift->watch_count; i++) {
        const struct watch *watch = &drift->watches[i];
        struct detection now;
        watch->detector->level(watch->state, &now);
        level = (struct alarm){watch->stream, watch->part, watch->index,
                now.statistic, now.threshold, now.before, now.after, now.rows};
        if (now.threshold > 0.0)
            visit(self, &level);
    }
    level = (struct alarm){.stream = DRIFT_PROPENSITY,
            .statistic = evidence_log(drift->draws, drift->draw_count),
            .threshold = LOG_ALARM};
    visit(self, &level);
    level = (struct alarm){.stream = DRIFT_OPTIMISM,
            .statistic = fmax(evidence_log_side(&drift->optimism, true),
                    evidence_log_side(&drift->optimism, false)),
            .threshold = LOG_ALARM};
    visit(self, &level);
    visit_closed(drift, visit, self);
}
