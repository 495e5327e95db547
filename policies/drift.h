/* What watches a problem for drift: detectors over streams that the records of
 * the problem make, in label time (drift.md). The state is a fold of the log,
 * so replay raises the same alarms at the same records.
 *
 * stream      fed                                   by
 * reward      the loss; also per group (a) and      Page-Hinkley; per action
 *             per action of the catalogue           HDDM_W, the outage alarm
 * residual    (1 + r - r_hat)/2 of the action       ADWIN
 * weighted    w (r - r_hat), w = min(1/(K p), 10),  ADWIN: the world has
 *             scaled by 1/20 and shifted to [0,1]   changed, not the policy
 * optimism    r_hat - r beyond 0.01, either sign    evidence (test martingale)
 * context     each dense column of the context, of  PSI and KS per window
 *             every eighth decision
 * actions     the mean probability of each action   Jensen-Shannon distance of
 *             of the catalogue                      a window from the last one
 * propensity  chosen or not, against the logged p:  evidence
 *             per action, of the most probable
 *             action, and per band of p
 * join        no feedback within the wait           Page-Hinkley
 * delay       ln of the wait for feedback           PSI per window
 *
 * (a) The tolerated rate of false alarms is shared out among the streams: each
 * sequential test gets between * streams rows. Residual, weighted and optimism
 * begin after `warmup` outcomes: before, the policy still learns.
 *
 * Hysteresis: a stream that raised an alarm restarts, and is silent until it
 * has seen `silence` values more.
 *
 * Pure; no allocation: a state is drift_footprint() bytes of the caller's,
 * aligned to 8. */
#ifndef POLICIES_DRIFT_H
#define POLICIES_DRIFT_H

#include "base/err.h"
#include "base/options.h"
#include "base/types.h"

enum drift_stream {
    DRIFT_REWARD,
    DRIFT_RESIDUAL,
    DRIFT_WEIGHTED,
    DRIFT_OPTIMISM,
    DRIFT_CONTEXT,
    DRIFT_ACTIONS,
    DRIFT_PROPENSITY,
    DRIFT_JOIN,
    DRIFT_DELAY,
    DRIFT_STREAMS,
    /* Not one of drift.c: a circuit breaker (breaker.h) opened or closed. */
    DRIFT_BREAKER = DRIFT_STREAMS,
};
const char *drift_stream_name(uint32_t stream);
/* Is it about what comes of decisions, given their context? Where such a stream
 * alarms, what was learned before is in doubt. */
bool drift_of_outcomes(uint32_t stream);

/* Of what part of the problem an alarm speaks. */
enum drift_part {
    DRIFT_ALL,
    DRIFT_ACTION,
    DRIFT_GROUP,
    DRIFT_COLUMN,
    DRIFT_CIRCUIT, /* of a breaker alone */
};

struct alarm {
    uint32_t stream; /* enum drift_stream */
    uint32_t part; /* enum drift_part */
    uint32_t index; /* of the action, group or column */
    double statistic, threshold;
    double before, after; /* means, where the detector knows them; else 0 */
    uint64_t rows; /* values since the change, as estimated; 0: not known */
};
bool alarm_equal(const struct alarm *a, const struct alarm *b);
void alarm_save(const struct alarm *alarm, struct writer *writer);
/* False if it cannot be one. */
bool alarm_load(struct alarm *alarm, struct reader *reader);

struct drift_options {
    bool on;
    double between; /* rows between false alarms of all streams together */
    uint32_t window; /* rows of a window of context, actions and delay */
    uint32_t silence;
    uint32_t warmup;
};

/* The options and the size of a problem. */
struct drift_spec {
    struct drift_options options;
    uint32_t slots, groups, columns; /* columns beyond DRIFT_COLUMNS are not
                                        watched */
};
#define DRIFT_COLUMNS 64u
/* Alarms that wait to be taken; further ones are counted and lost. */
#define DRIFT_PENDING 16u

struct drift;

size_t drift_footprint(const struct drift_spec *spec);
/* The spec must outlive it. */
struct drift *drift_init(void *block, const struct drift_spec *spec);

/* A decision that was recorded. pmf[actions->count]. */
void drift_decided(struct drift *drift, const struct context *context,
        const struct action_set *actions, const double *pmf, uint32_t chosen);

/* An outcome that is being learned, before the policy learns it. */
struct drift_outcome {
    const struct context *context;
    int64_t slot; /* of the action in the catalogue, or -1 */
    uint32_t count; /* K: actions that were eligible */
    double propensity; /* 0: not known */
    double loss; /* clipped to [0, 1] here */
    double predicted; /* loss; NaN where the policy has no prediction */
    bool unjoined; /* the default holds: no feedback came within the wait */
    nanos delay; /* from the decision to the feedback; < 0: not known */
};
void drift_learned(struct drift *drift, const struct drift_outcome *outcome);

/* The oldest alarm that waits, or NULL; and takes it away. */
const struct alarm *drift_pending(const struct drift *drift);
void drift_take(struct drift *drift);

/* Starts all references anew: another generation serves. */
void drift_restart(struct drift *drift);

void drift_save(const struct drift *drift, struct writer *writer);
/* Into a state fresh from drift_init. */
int drift_load(
        struct drift *drift, struct reader *reader, struct err *err) MUST_USE;

/* Where each detector stands against its threshold: statistic and threshold as
 * an alarm of that stream would give them now. Left out are those that have
 * seen too little. Of windows (context, actions, delay) it is the last one,
 * which is not part of the state: after a load there is none yet. At most
 * drift_levels_max() calls. */
typedef void drift_level_function(void *self, const struct alarm *level);
void drift_levels(
        const struct drift *drift, drift_level_function *visit, void *self);
uint32_t drift_levels_max(const struct drift_spec *spec);

/* Numbers for status: name, part, index, value. */
typedef void drift_visit_function(void *self, const char *name, uint32_t part,
        uint32_t index, double value);
void drift_visit(
        const struct drift *drift, drift_visit_function *visit, void *self);

#endif
