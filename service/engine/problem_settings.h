/* The settings of one problem: a row each, with type, bounds, default and
 * sentence. Config check, `rue config show` and the log's ConfigRecord are all
 * made from these rows. Lists (context, actions, groups) and the policy's own
 * options are read by problem_spec_parse beside them. */
#ifndef ENGINE_PROBLEM_SETTINGS_H
#define ENGINE_PROBLEM_SETTINGS_H

#include "base/options.h"
#include "base/time.h"
#include "policies/drift.h"
#include "policies/gate_options.h"
#include "policies/memory.h"
#include "service/engine/grid.h"

enum problem_form { FORM_DECIDE, FORM_PREDICT, FORM_DUEL, FORM_PATH };
enum problem_objective { OBJECTIVE_MAXIMISE, OBJECTIVE_MINIMISE };
enum problem_scale { SCALE_LINEAR, SCALE_LOG };
enum problem_aggregate {
    AGGREGATE_LAST,
    AGGREGATE_FIRST,
    AGGREGATE_SUM,
    AGGREGATE_MAX,
};
enum problem_durability { DURABILITY_COMMIT, DURABILITY_RELAXED };
enum problem_retrain_then {
    RETRAIN_PROMOTE,
    RETRAIN_STORE,
    RETRAIN_CANARY,
    RETRAIN_SHADOW,
};
enum problem_on_drift { ON_DRIFT_ALERT, ON_DRIFT_RETRAIN, ON_DRIFT_FALLBACK };
enum problem_retrain_when { RETRAIN_SCHEDULE, RETRAIN_PERFORMANCE };
enum problem_retrain_window { RETRAIN_ALL, RETRAIN_VARIANCE };
enum problem_retrain_priority { RETRAIN_AUTO, RETRAIN_IDLE, RETRAIN_LOW };
enum problem_retrain_start { RETRAIN_FRESH, RETRAIN_CHAMPION };

struct problem_settings {
    uint32_t form;
    uint32_t action_features;
    uint32_t named_columns;
    uint32_t actions_max;
    uint32_t seed;
    uint32_t durability;
    double reward_min;
    double reward_max;
    double reward_default;
    nanos reward_wait;
    nanos orphan_wait;
    uint32_t objective;
    uint32_t scale;
    uint32_t aggregate;
    struct bytes guard_action; /* empty: no guard */
    double guard_loss;
    double guard_worst;
    double guard_gain;
    struct bytes expression;
    bool has_default;
    bool log_experts;
    nanos retrain_every;
    uint32_t retrain_min_events;
    uint32_t retrain_when;
    nanos retrain_min_age, retrain_max_age;
    uint32_t retrain_window;
    uint32_t retrain_cut; /* enum examples_cut, training/examples.h */
    uint32_t retrain_start;
    uint32_t retrain_then;
    uint32_t retrain_rows;
    uint32_t retrain_keep;
    struct memory_options retrain_past;
    struct gate_options gate;
    uint64_t retrain_memory;
    uint32_t retrain_cores;
    uint32_t retrain_priority;
    bool retrain_hold;
    nanos retrain_time, retrain_patience;
    struct drift_options drift;
    uint32_t on_drift;
    struct bytes fallback_action; /* empty: none is named */
    double fallback_explore;
    uint32_t fallback_calm;
    struct bytes parameter_name;
    struct grid_spec parameter; /* grid_is_on(), or the actions are others */
    double retrain_alpha;
    double canary_share;
    double canary_margin;
    uint32_t canary_least, canary_planned, canary_most;
};

/* The row table over struct problem_settings. */
extern const struct option_table problem_settings_table;

/* Keys that are lists or of the policy, for help: name and sentence. */
struct list_setting {
    const char *name;
    const char *sentence;
};
extern const struct list_setting problem_lists[];
extern const size_t problem_list_count;

#endif
