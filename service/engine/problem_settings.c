#include "service/engine/problem_settings.h"

#include "base/limits.h"

static const char *const forms[] = {"decide", "predict", "duel", "path", NULL};
static const char *const objectives[] = {"maximise", "minimise", NULL};
static const char *const aggregates[] = {"last", "first", "sum", "max", NULL};
static const char *const durabilities[] = {"commit", "relaxed", NULL};

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
        {.name = "orphan_wait",
                .type = OPTION_DURATION,
                .offset = AT(orphan_wait),
                .min = 1,
                .max = 9e18,
                .fallback = 604800e9,
                .sentence = "how long feedback for an event that was never "
                            "decided is kept"},
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
        {"policy",
                "the policy: oracle, explorer or learner, floor, cap, and "
                "the options of these parts"},
};
const size_t problem_list_count = ARRAY_COUNT(problem_lists);
