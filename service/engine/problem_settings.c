#include "service/engine/problem_settings.h"

#include "base/limits.h"

static const char *const forms[] = {"decide", "predict", "duel", "path", NULL};
static const char *const objectives[] = {"maximise", "minimise", NULL};
static const char *const scales[] = {"linear", "log", NULL};
static const char *const aggregates[] = {"last", "first", "sum", "max", NULL};
static const char *const durabilities[] = {"commit", "relaxed", NULL};
static const char *const cuts[] = {"known", "wait", NULL};
static const char *const starts[] = {"fresh", "champion", NULL};
static const char *const priorities[] = {"auto", "idle", "low", NULL};
static const char *const whens[] = {"schedule", "performance", NULL};
static const char *const windows[] = {"all", "variance", NULL};
static const char *const responses[] = {"alert", "retrain", "fallback", NULL};
static const char *const thens[] = {
        "promote", "store", "canary", "shadow", NULL};

#define AT(member) offsetof(struct problem_settings, member)

static const struct option_row rows[] = {
        {.name = "form",
                .type = OPTION_CHOICE,
                .offset = AT(form),
                .choices = forms,
                .sentence = "decide: the answer is one of the actions; "
                            "predict: it is a number and the feedback its "
                            "label; duel: it is two actions to show and the "
                            "feedback says which was better; path: it is a "
                            "path, the actions are edges and the feedback is "
                            "what they cost"},
        {.name = "action_features",
                .type = OPTION_COUNT,
                .offset = AT(action_features),
                .max = COLUMNS_MAX,
                .sentence = "dense columns that describe each action"},
        {.name = "named_columns",
                .type = OPTION_COUNT,
                .offset = AT(named_columns),
                .max = COLUMNS_MAX,
                .sentence = "columns that named features are hashed into for "
                            "oracles over dense columns; 0: they are logged "
                            "but such an oracle does not see them"},
        {.name = "actions_max",
                .type = OPTION_COUNT,
                .offset = AT(actions_max),
                .min = 1,
                .max = ACTIONS_MAX,
                .fallback = 256,
                .sentence = "most actions of one request; with a catalogue "
                            "its size counts instead"},
        {.name = "seed",
                .type = OPTION_COUNT,
                .offset = AT(seed),
                .max = UINT32_MAX,
                .fallback = 1,
                .sentence = "keys every random draw of the problem, together "
                            "with the event id"},
        {.name = "durability",
                .type = OPTION_CHOICE,
                .offset = AT(durability),
                .choices = durabilities,
                .sentence = "commit: replies leave when the record is on "
                            "disk; relaxed: before, and a crash may lose the "
                            "last of them"},
        {.name = "log_experts",
                .type = OPTION_FLAG,
                .offset = AT(log_experts),
                .sentence = "write what each expert said into the Decision "
                            "record, for audits"},
        {.name = "reward.min",
                .type = OPTION_DOUBLE,
                .offset = AT(reward_min),
                .min = -VALUE_MAX,
                .max = VALUE_MAX,
                .fallback = 0,
                .sentence = "smallest value that feedback may have; of a path, "
                            "of each edge"},
        {.name = "reward.max",
                .type = OPTION_DOUBLE,
                .offset = AT(reward_max),
                .min = -VALUE_MAX,
                .max = VALUE_MAX,
                .fallback = 1,
                .sentence = "largest value that feedback may have"},
        {.name = "reward.objective",
                .type = OPTION_CHOICE,
                .offset = AT(objective),
                .choices = objectives,
                .sentence = "maximise: values are rewards; minimise: costs, "
                            "as those of paths always are"},
        {.name = "reward.scale",
                .type = OPTION_CHOICE,
                .offset = AT(scale),
                .choices = scales,
                .sentence = "log: policies learn the logarithm of the value, "
                            "as suits costs that differ by factors; reward.min "
                            "must then be above 0, and reward.default is the "
                            "worst value unless set"},
        {.name = "reward.wait",
                .type = OPTION_DURATION,
                .offset = AT(reward_wait),
                .max = 9e18,
                .fallback = 600e9,
                .sentence = "how long an event waits for feedback before the "
                            "default holds; 0: for ever"},
        {.name = "reward.default_on",
                .type = OPTION_FLAG,
                .offset = AT(has_default),
                .fallback = 1,
                .sentence = "whether an event without feedback teaches the "
                            "default when its wait is over"},
        {.name = "reward.default",
                .type = OPTION_DOUBLE,
                .offset = AT(reward_default),
                .min = -VALUE_MAX,
                .max = VALUE_MAX,
                .fallback = 0,
                .sentence = "value that holds when no feedback came in time; "
                            "a later feedback corrects it; of a duel 0.5, "
                            "unless set; of a path, of each edge"},
        {.name = "reward.aggregate",
                .type = OPTION_CHOICE,
                .offset = AT(aggregate),
                .choices = aggregates,
                .sentence = "what several feedbacks of one event amount to"},
        {.name = "parameter.name",
                .type = OPTION_TEXT,
                .offset = AT(parameter_name),
                .text = "parameter",
                .sentence = "what the points of the parameter are called: "
                            "NAME.0, NAME.1, ..."},
        {.name = "parameter.from",
                .type = OPTION_DOUBLE,
                .offset = AT(parameter.from),
                .min = -VALUE_MAX,
                .max = VALUE_MAX,
                .sentence = "the actions are points of a range, and the answer "
                            "says its value; where it starts"},
        {.name = "parameter.to",
                .type = OPTION_DOUBLE,
                .offset = AT(parameter.to),
                .min = -VALUE_MAX,
                .max = VALUE_MAX,
                .sentence = "where the range ends; from and to are points"},
        {.name = "parameter.scale",
                .type = OPTION_CHOICE,
                .offset = AT(parameter.scale),
                .choices = scales,
                .sentence = "log: points stand in equal ratios, for parameters "
                            "that go over orders of magnitude"},
        {.name = "parameter.start",
                .type = OPTION_COUNT,
                .offset = AT(parameter.start),
                .min = 2,
                .max = ACTIONS_MAX,
                .fallback = 6,
                .sentence = "points at first, equally far apart"},
        {.name = "parameter.points",
                .type = OPTION_COUNT,
                .offset = AT(parameter.points),
                .min = 2,
                .max = ACTIONS_MAX,
                .fallback = 20,
                .sentence = "points at most: the grid becomes finer where the "
                            "policy chooses, and never loses a point; as many "
                            "as at first: it stays as it is"},
        {.name = "parameter.refine",
                .type = OPTION_COUNT,
                .offset = AT(parameter.refine),
                .min = 1,
                .max = 1e6,
                .fallback = 20,
                .sentence = "lessons before the first point is added; later "
                            "ones wait longer, as the square of their number"},
        {.name = "parameter.basis",
                .type = OPTION_COUNT,
                .offset = AT(parameter.basis),
                .min = 1,
                .max = 16,
                .fallback = 5,
                .sentence = "Chebyshev polynomials of the value that oracles "
                            "over action features see"},
        {.name = "guard.action",
                .type = OPTION_TEXT,
                .offset = AT(guard_action),
                .text = "",
                .sentence = "an action of the catalogue that would be taken "
                            "without rue: what trying others costs is bounded "
                            "by what it alone would have cost; none: no guard"},
        {.name = "guard.loss",
                .type = OPTION_DOUBLE,
                .offset = AT(guard_loss),
                .min = 0.001,
                .max = 10,
                .fallback = 0.05,
                .sentence = "share of the default action's cumulative cost "
                            "that may be spent above it"},
        {.name = "guard.worst",
                .type = OPTION_DOUBLE,
                .offset = AT(guard_worst),
                .min = 1,
                .max = 100,
                .fallback = 2,
                .sentence = "a trial's limit, where it is given up for the "
                            "default action: at most this times what the "
                            "default costs there"},
        {.name = "guard.gain",
                .type = OPTION_DOUBLE,
                .offset = AT(guard_gain),
                .min = 0,
                .max = 0.9,
                .fallback = 0.01,
                .sentence = "an action that cannot be better than the default "
                            "by this share of its cost is not tried"},
        {.name = "reward.expression",
                .type = OPTION_TEXT,
                .offset = AT(expression),
                .text = "",
                .sentence = "what the fields of an event's feedback amount "
                            "to, e.g. authorised * (amount * 0.02 - fee) - "
                            "chargeback * 20. Empty: "
                            "feedback has the value"},
        {.name = "orphan_wait",
                .type = OPTION_DURATION,
                .offset = AT(orphan_wait),
                .min = 1,
                .max = 9e18,
                .fallback = 604800e9,
                .sentence = "how long feedback for an event that was never "
                            "decided is kept"},
        {.name = "retrain.every",
                .type = OPTION_DURATION,
                .offset = AT(retrain_every),
                .max = 9e18,
                .sentence = "how often a new generation is trained from the "
                            "log; 0: only on demand (rue retrain)"},
        {.name = "retrain.min_events",
                .type = OPTION_COUNT,
                .offset = AT(retrain_min_events),
                .max = UINT32_MAX,
                .fallback = 1000,
                .sentence = "outcomes that must have come in since the last "
                            "training before the next begins by itself"},
        {.name = "retrain.when",
                .type = OPTION_CHOICE,
                .offset = AT(retrain_when),
                .choices = whens,
                .sentence = "schedule: whenever retrain.every says so; "
                            "performance: it then looks, and trains if drift "
                            "was alarmed since, if predictions have become "
                            "worse, or at retrain.max_age, and is otherwise "
                            "skipped"},
        {.name = "retrain.min_age",
                .type = OPTION_DURATION,
                .offset = AT(retrain_min_age),
                .max = 9e18,
                .sentence = "shortest time between two trainings that begin "
                            "by themselves"},
        {.name = "retrain.max_age",
                .type = OPTION_DURATION,
                .offset = AT(retrain_max_age),
                .max = 9e18,
                .sentence = "with retrain.when: performance, the age of the "
                            "newest generation at which one is trained in any "
                            "case; 0: none"},
        {.name = "retrain.window",
                .type = OPTION_CHOICE,
                .offset = AT(retrain_window),
                .choices = windows,
                .sentence = "all: a training learns all that retrain.rows and "
                            "the memory allow; variance: only as much of the "
                            "newest as holds 95 % of the variance between "
                            "times, and where nothing changes as much as the "
                            "generation before"},
        {.name = "retrain.cut",
                .type = OPTION_CHOICE,
                .offset = AT(retrain_cut),
                .choices = cuts,
                .sentence = "known: every event whose feedback is in or whose "
                            "wait is over is learned; wait: only those "
                            "decided longer ago than reward.wait, which is "
                            "fair where failures are answered later than "
                            "successes"},
        {.name = "retrain.start",
                .type = OPTION_CHOICE,
                .offset = AT(retrain_start),
                .choices = starts,
                .sentence = "fresh: a generation learns the whole log; "
                            "champion: it begins as the one that serves was "
                            "stored, and learns what came after"},
        {.name = "retrain.then",
                .type = OPTION_CHOICE,
                .offset = AT(retrain_then),
                .choices = thens,
                .sentence = "promote: a generation serves as soon as it is "
                            "stored, unless its verdict says no; store: it "
                            "waits for rue promote; canary: it gets a share "
                            "of every decision until it is proved not worse, "
                            "or worse; shadow: it looks on"},
        {.name = "retrain.alpha",
                .type = OPTION_DOUBLE,
                .offset = AT(retrain_alpha),
                .min = 1e-6,
                .max = 0.5,
                .fallback = 0.05,
                .sentence = "probability with which verdicts may be wrong, "
                            "over all generations together"},
        {.name = "retrain.canary.share",
                .type = OPTION_DOUBLE,
                .offset = AT(canary_share),
                .min = 0.001,
                .max = 0.999,
                .fallback = 0.5,
                .sentence = "share of the decisions that a canary has; one "
                            "half decides soonest"},
        {.name = "retrain.canary.margin",
                .type = OPTION_DOUBLE,
                .offset = AT(canary_margin),
                .max = 1.0,
                .fallback = 0.001,
                .sentence = "what a canary may be worse by and still be "
                            "promoted, as a share of reward.min to "
                            "reward.max"},
        {.name = "retrain.canary.least",
                .type = OPTION_COUNT,
                .offset = AT(canary_least),
                .min = 100,
                .max = 1e9,
                .fallback = 2000,
                .sentence = "outcomes before a canary is judged"},
        {.name = "retrain.canary.planned",
                .type = OPTION_COUNT,
                .offset = AT(canary_planned),
                .min = 100,
                .max = 1e9,
                .fallback = 40000,
                .sentence = "outcomes after which the limits are tightest"},
        {.name = "retrain.canary.most",
                .type = OPTION_COUNT,
                .offset = AT(canary_most),
                .min = 100,
                .max = 1e9,
                .fallback = 150000,
                .sentence = "outcomes after which a canary that is not "
                            "decided leaves"},
        {.name = "retrain.rows",
                .type = OPTION_COUNT,
                .offset = AT(retrain_rows),
                .min = 1,
                .max = 1e8,
                .fallback = 1e6,
                .sentence = "most events that one training reads into "
                            "memory: the newest; with oracles that are "
                            "trained in batches half of them those whose "
                            "action was unlikely (retrain.informative), if "
                            "there are so many"},
        MEMORY_ROWS("retrain.", AT(retrain_past)),
        {.name = "retrain.hold",
                .type = OPTION_FLAG,
                .offset = AT(retrain_hold),
                .fallback = 1,
                .sentence = "oracles trained in batches: storage.keep takes "
                            "no records of the generations that trainings "
                            "remember; false where law or contract say how "
                            "long records may be kept"},
        {.name = "retrain.keep",
                .type = OPTION_COUNT,
                .offset = AT(retrain_keep),
                .min = 1,
                .max = 1000,
                .fallback = 10,
                .sentence = "generations that are kept; those that serve, "
                            "served before, or are named in the log stay "
                            "beyond that"},
        {.name = "retrain.memory",
                .type = OPTION_SIZE,
                .offset = AT(retrain_memory),
                .min = 67108864,
                .max = 1099511627776.0,
                .fallback = 2147483648.0,
                .sentence = "most memory that a training may use; it fails "
                            "beyond"},
        {.name = "retrain.cores",
                .type = OPTION_COUNT,
                .offset = AT(retrain_cores),
                .min = 1,
                .max = 256,
                .fallback = 1,
                .sentence = "threads that a training may use"},
        {.name = "retrain.priority",
                .type = OPTION_CHOICE,
                .offset = AT(retrain_priority),
                .choices = priorities,
                .sentence = "idle: a training runs when nothing else wants "
                            "to, which nothing feels, and waits for ever on "
                            "a machine that is never idle; low: it has a "
                            "small share always (nice 10, long turns); auto: "
                            "idle, and low from the start again if the "
                            "machine was not idle enough"},
        {.name = "retrain.patience",
                .type = OPTION_DURATION,
                .offset = AT(retrain_patience),
                .min = 1e9,
                .max = 9e18,
                .fallback = 60e9,
                .sentence = "with priority auto: a training that has had less "
                            "than a tenth of a processor after this long "
                            "begins again as low"},
        {.name = "retrain.time",
                .type = OPTION_DURATION,
                .offset = AT(retrain_time),
                .min = 1e9,
                .max = 9e18,
                .fallback = 3600e9,
                .sentence = "longest time that a training may take; then it "
                            "is ended"},
        {.name = "drift.on",
                .type = OPTION_FLAG,
                .offset = AT(drift.on),
                .fallback = 1,
                .sentence = "watch the problem for drift; of the decide form "
                            "only"},
        {.name = "drift.between",
                .type = OPTION_DOUBLE,
                .offset = AT(drift.between),
                .min = 1000,
                .max = 1e12,
                .fallback = 1e6,
                .sentence = "rows between false alarms of the sequential "
                            "tests that are tolerated, all streams together"},
        {.name = "drift.window",
                .type = OPTION_COUNT,
                .offset = AT(drift.window),
                .min = 100,
                .max = 1e8,
                .fallback = 2000,
                .sentence = "rows of a window in which context, actions and "
                            "delay are compared with their reference"},
        {.name = "drift.silence",
                .type = OPTION_COUNT,
                .offset = AT(drift.silence),
                .max = 1e9,
                .fallback = 500,
                .sentence = "values for which a stream is silent after an "
                            "alarm"},
        {.name = "drift.warmup",
                .type = OPTION_COUNT,
                .offset = AT(drift.warmup),
                .max = 1e9,
                .fallback = 2000,
                .sentence = "outcomes before the policy's predictions are "
                            "watched: until then it still learns"},
        {.name = "on_drift",
                .type = OPTION_CHOICE,
                .offset = AT(on_drift),
                .choices = responses,
                .sentence = "what an alarm of drift leads to beside its "
                            "record. retrain: a generation is trained when "
                            "retrain.min_events outcomes have come in since; "
                            "fallback: a fallback decides until there was no "
                            "alarm for fallback.calm outcomes, or another "
                            "generation serves"},
        {.name = "fallback.action",
                .type = OPTION_TEXT,
                .offset = AT(fallback_action),
                .text = "",
                .max = 1,
                .sentence = "the action of the catalogue that the fallback "
                            "takes; empty, or not eligible: the baseline of "
                            "the request, and without one what the policy "
                            "would do"},
        {.name = "fallback.explore",
                .type = OPTION_DOUBLE,
                .offset = AT(fallback_explore),
                .max = 1,
                .fallback = 0.2,
                .sentence = "share of the fallback's decisions that is spread "
                            "over all eligible actions, so that what has "
                            "changed is learned"},
        {.name = "fallback.calm",
                .type = OPTION_COUNT,
                .offset = AT(fallback_calm),
                .min = 1,
                .max = 1e9,
                .fallback = 2000,
                .sentence = "outcomes without an alarm after which a fallback "
                            "ends; for as many, an alarm of lost or late "
                            "feedback explains others away"},
        GATE_VETO_ROWS("gate.", AT(gate)),
        GATE_REFUSAL_ROWS("gate.", AT(gate)),
};

const struct option_table problem_settings_table = {
        rows, ARRAY_COUNT(rows), sizeof(struct problem_settings)};

const struct list_setting problem_lists[] = {
        {"name", "name of the problem, as clients give it"},
        {"context", "names of the dense columns of the context, in order"},
        {"actions",
                "the catalogue: ids of all actions, in order; without it "
                "every request lists its own"},
        {"groups",
                "groups of events, each {name, when: predicate} or {name, "
                "by: client}"},
        {"breaker",
                "the circuit breaker: on, share, threshold and the others of "
                "its rows"},
        {"policy",
                "the policy: oracle, explorer or learner, floor, cap, and "
                "the options of these parts"},
};
const size_t problem_list_count = ARRAY_COUNT(problem_lists);
