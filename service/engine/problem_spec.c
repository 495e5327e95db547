#include "base/hash.h"
#include "base/units.h"
#include "policies/auto.h"
#include "policies/registry.h"
#include "proto/wire.h"
#include "service/engine/problem.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define GUARD_TAG    UINT64_C(0x67756172640000)
#define FALLBACK_TAG UINT64_C(0x66616c6c00000000)

/* ---- reading the settings ---- */

struct parse {
    struct problem_spec *spec;
    struct keyvalue *values; /* a copy, to mark what was used */
    size_t count;
    struct arena *arena;
    uint32_t *err_line;
    struct err *err;
};

static int parse_failed(const struct parse *parse, const struct keyvalue *value)
{
    if (parse->err_line != NULL)
        *parse->err_line = value->line;
    return STATUS_INVALID;
}

static bool key_is(const struct keyvalue *value, const char *key)
{
    return bytes_equal(value->key, bytes_of_text(key));
}

static bool key_under(const struct keyvalue *value, const char *prefix)
{
    size_t size = strlen(prefix);

    return value->key.size > size && memcmp(value->key.data, prefix, size) == 0;
}

static int out_of_memory(struct err *err)
{
    return err_set(err, STATUS_INVALID, "the problem's settings are too long");
}

/* A copy of the bytes in the spec's arena. */
static struct bytes keep(const struct parse *parse, struct bytes bytes)
{
    return bytes_of(
            arena_copy(parse->arena, bytes.data, bytes.size), bytes.size);
}

/* All values of a repeated key, in order; repeated values are refused. */
static int parse_list(const struct parse *parse, const char *key, uint32_t max,
        const struct bytes **out, uint32_t *out_count)
{
    struct bytes *list = arena_array(parse->arena, struct bytes, parse->count);
    char text[ID_BYTES_MAX + 1];
    uint32_t count = 0;

    if (list == NULL)
        return out_of_memory(parse->err);
    for (size_t i = 0; i < parse->count; i++) {
        struct keyvalue *value = &parse->values[i];
        if (!key_is(value, key))
            continue;
        value->used = true;
        if (wire_check_id(value->value, key, parse->err) != 0)
            return parse_failed(parse, value);
        if (count == max) {
            (void)err_set(parse->err, STATUS_INVALID, "%s: at most %u entries",
                    key, max);
            return parse_failed(parse, value);
        }
        for (uint32_t j = 0; j < count; j++)
            if (bytes_equal(list[j], value->value)) {
                (void)err_set(parse->err, STATUS_INVALID,
                        "%s: '%s' is listed twice", key,
                        bytes_text(value->value, text, sizeof(text)));
                return parse_failed(parse, value);
            }
        list[count++] = keep(parse, value->value);
    }
    *out = list;
    *out_count = count;
    return 0;
}

static int parse_group_rule(const struct parse *parse, struct group *group,
        const struct keyvalue *value)
{
    struct problem_spec *spec = parse->spec;

    if (group == NULL || group->by_client || group->rule.terms != NULL) {
        (void)err_set(parse->err, STATUS_INVALID,
                "groups: each needs a name, then either `when` or `by`");
        return parse_failed(parse, value);
    }
    if (key_is(value, "groups.by")) {
        group->by_client = true;
        if (bytes_equal(value->value, bytes_of_text("client")))
            return 0;
        (void)err_set(parse->err, STATUS_INVALID,
                "groups.by: only `client` is known");
        return parse_failed(parse, value);
    }
    if (group_rule_parse(&group->rule, value->value, spec->columns,
                spec->column_count, parse->arena, parse->err) != 0) {
        (void)err_prefix(parse->err, "groups.when");
        return parse_failed(parse, value);
    }
    return 0;
}

static bool has_always_on(const struct parse *parse)
{
    for (size_t i = 0; i < parse->count; i++)
        if (key_is(&parse->values[i], "policy.always_on"))
            return !bytes_equal(parse->values[i].value, bytes_of_text("false"));
    return true;
}

/* In records and in the status a name stands for one expert. */
static int check_group_name(const struct parse *parse,
        const struct group *groups, uint32_t count, struct bytes name)
{
    char text[ID_BYTES_MAX + 1];

    if (wire_check_id(name, "groups.name", parse->err) != 0)
        return STATUS_INVALID;
    if (count == GROUPS_MAX)
        return err_set(
                parse->err, STATUS_INVALID, "groups: at most %u", GROUPS_MAX);
    if (bytes_equal(name, bytes_of_text("always_on")) && has_always_on(parse))
        return err_set(parse->err, STATUS_INVALID,
                "groups.name: 'always_on' is the expert of all rounds; "
                "`always_on: false` takes it away");
    for (uint32_t i = 0; i < count; i++)
        if (bytes_equal(groups[i].name, name))
            return err_set(parse->err, STATUS_INVALID,
                    "groups.name: '%s' is listed twice",
                    bytes_text(name, text, sizeof(text)));
    return 0;
}

static int parse_groups(const struct parse *parse)
{
    struct group *groups =
            arena_zalloc(parse->arena, parse->count, sizeof(*groups));
    struct group *open = NULL;
    uint32_t count = 0;

    if (groups == NULL)
        return out_of_memory(parse->err);
    for (size_t i = 0; i < parse->count; i++) {
        struct keyvalue *value = &parse->values[i];
        if (key_is(value, "groups.name")) {
            if (check_group_name(parse, groups, count, value->value) != 0)
                return parse_failed(parse, value);
            open = &groups[count++];
            open->name = keep(parse, value->value);
        } else if (key_is(value, "groups.when") || key_is(value, "groups.by")) {
            if (parse_group_rule(parse, open, value) != 0)
                return STATUS_INVALID;
        } else {
            continue;
        }
        value->used = true;
    }
    for (uint32_t i = 0; i < count; i++)
        if (!groups[i].by_client && groups[i].rule.terms == NULL)
            return err_set(parse->err, STATUS_INVALID,
                    "groups: each needs `when` or `by: client`");
    parse->spec->groups = groups;
    parse->spec->group_count = count;
    return 0;
}

static struct keyvalue *find_setting(const struct parse *parse, const char *key)
{
    for (size_t i = 0; i < parse->count; i++)
        if (key_is(&parse->values[i], key))
            return &parse->values[i];
    return NULL;
}

/* The costs of a whole path are one value, which has its limit. */
static int check_path_range(const struct parse *parse)
{
    const struct problem_settings *settings = &parse->spec->settings;
    double most = fmax(fabs(settings->reward_min), fabs(settings->reward_max));

    if (most * parse->spec->slots <= VALUE_MAX)
        return 0;
    return err_set(parse->err, STATUS_INVALID,
            "reward: the costs of %u edges must sum up to %g at most",
            parse->spec->slots, VALUE_MAX);
}

/* What the forms ask of the settings. */
static int check_form(const struct parse *parse)
{
    struct problem_settings *settings = &parse->spec->settings;

    switch ((enum problem_form)settings->form) {
    case FORM_DECIDE:
        return 0;
    case FORM_PREDICT:
        if (parse->spec->slots == 0)
            return 0;
        return err_set(parse->err, STATUS_INVALID,
                "actions: a problem that predicts has none");
    case FORM_DUEL:
        if (settings->reward_min != 0.0 || settings->reward_max != 1.0 ||
                settings->objective != OBJECTIVE_MAXIMISE)
            return err_set(parse->err, STATUS_INVALID,
                    "reward: the feedback of a duel is a preference, 0 to 1; "
                    "leave out min, max and objective");
        if (find_setting(parse, "reward.default") == NULL)
            settings->reward_default = 0.5;
        return 0;
    case FORM_PATH:
        if (parse->spec->slots == 0)
            return err_set(parse->err, STATUS_INVALID,
                    "actions: a problem of paths needs the catalogue of its "
                    "edges");
        if (settings->aggregate != AGGREGATE_LAST &&
                settings->aggregate != AGGREGATE_FIRST)
            return err_set(parse->err, STATUS_INVALID,
                    "reward.aggregate: of the costs of a path it is last or "
                    "first");
        return check_path_range(parse);
    }
    CHECK_UNREACHABLE();
}

/* A logarithmic scale: of numbers above 0, of one value an event; what never
 * came is as bad as can be, unless the configuration says otherwise. */
static int check_scale(const struct parse *parse)
{
    struct problem_settings *settings = &parse->spec->settings;

    if (settings->scale != SCALE_LOG)
        return 0;
    if (settings->form == FORM_DUEL || settings->form == FORM_PATH)
        return err_set(parse->err, STATUS_INVALID,
                "reward.scale: log is for the forms decide and predict");
    if (!(settings->reward_min >= DBL_MIN))
        return err_set(parse->err, STATUS_INVALID,
                "reward.scale: log needs reward.min above 0");
    if (find_setting(parse, "reward.default") == NULL)
        settings->reward_default = settings->objective == OBJECTIVE_MINIMISE
                ? settings->reward_max
                : settings->reward_min;
    return 0;
}

/* The points of a parameter are the catalogue, under names of their own. */
static int parse_parameter(const struct parse *parse)
{
    struct problem_spec *spec = parse->spec;
    struct problem_settings *settings = &spec->settings;
    const struct grid_spec *grid = &settings->parameter;
    struct bytes name = settings->parameter_name;
    struct bytes *catalogue;
    char text[ID_BYTES_MAX + 1];

    settings->parameter_name = keep(parse, name);
    if (find_setting(parse, "parameter.from") == NULL &&
            find_setting(parse, "parameter.to") == NULL) {
        settings->parameter.from = settings->parameter.to = 0.0;
        return 0;
    }
    if (grid_spec_check(grid, parse->err) != 0)
        return STATUS_INVALID;
    if (settings->form != FORM_DECIDE || spec->slots > 0 ||
            settings->action_features > 0)
        return err_set(parse->err, STATUS_INVALID,
                "parameter: its points are the actions, and have their own "
                "features; form is decide, leave out actions and "
                "action_features");
    if (wire_check_id(name, "parameter.name", parse->err) != 0)
        return STATUS_INVALID;
    if (name.size > ID_BYTES_MAX - 6)
        return err_set(parse->err, STATUS_INVALID,
                "parameter.name: at most %u bytes", ID_BYTES_MAX - 6);
    catalogue = arena_array(parse->arena, struct bytes, grid->points);
    if (catalogue == NULL)
        return out_of_memory(parse->err);
    for (uint32_t i = 0; i < grid->points; i++) {
        int size = snprintf(text, sizeof(text), "%.*s.%u", (int)name.size,
                (const char *)name.data, i);
        catalogue[i] = keep(parse, bytes_of(text, (size_t)size));
    }
    spec->catalogue = catalogue;
    spec->slots = grid->points;
    return 0;
}

static int parse_rows(const struct parse *parse)
{
    struct problem_settings *settings = &parse->spec->settings;

    if (options_parse(&problem_settings_table, parse->values, parse->count,
                settings, parse->err) != 0)
        return STATUS_INVALID;
    if (!(settings->reward_min < settings->reward_max))
        return err_set(parse->err, STATUS_INVALID,
                "reward: min must be less than max");
    if (check_scale(parse) != 0)
        return STATUS_INVALID;
    if (settings->has_default &&
            (settings->reward_default < settings->reward_min ||
                    settings->reward_default > settings->reward_max))
        return err_set(parse->err, STATUS_INVALID,
                "reward.default: %g is outside min..max",
                settings->reward_default);
    if (check_form(parse) != 0)
        return STATUS_INVALID;
    return parse_parameter(parse);
}

/* `reward.expression`: instead of values, feedback then has fields. */
static int parse_expression(const struct parse *parse)
{
    struct problem_settings *settings = &parse->spec->settings;
    const struct keyvalue *value = find_setting(parse, "reward.expression");

    if (settings->expression.size == 0)
        return 0;
    settings->expression = keep(parse, settings->expression);
    if (settings->form != FORM_DECIDE && settings->form != FORM_PREDICT)
        (void)err_set(parse->err, STATUS_INVALID,
                "only where the form is decide or predict");
    else if (settings->aggregate != AGGREGATE_LAST)
        (void)err_set(parse->err, STATUS_INVALID,
                "reward.aggregate must be last: fields are what adds up");
    else if (expression_parse(&parse->spec->reward, settings->expression,
                     parse->arena, parse->err) == 0)
        return 0;
    (void)err_prefix(parse->err, "reward.expression");
    return value != NULL ? parse_failed(parse, value) : STATUS_INVALID;
}

static struct shape shape_of(const struct problem_spec *spec)
{
    bool predict = spec->settings.form == FORM_PREDICT;
    bool grid = grid_is_on(&spec->settings.parameter);

    return (struct shape){
            .shared_dense = spec->column_count,
            .action_dense = predict ? 0
                    : grid          ? spec->settings.parameter.basis
                                    : spec->settings.action_features,
            .named_columns = spec->settings.named_columns,
            .slots = spec->slots,
            .actions_max = predict    ? 1
                    : spec->slots > 0 ? spec->slots
                                      : spec->settings.actions_max,
            .groups = spec->group_count,
            .predict = predict,
            .duel = spec->settings.form == FORM_DUEL,
            .path = spec->settings.form == FORM_PATH,
    };
}

/* Is a share of every decision drawn uniformly? A value that is no number is
 * refused later. */
static bool has_floor(const struct parse *parse)
{
    const struct keyvalue *floor = find_setting(parse, "policy.floor");
    double share;

    return floor != NULL && number_parse(floor->value, &share) && share > 0.0;
}

/* `policy: auto`, or no policy at all: what policies/auto.h chooses for this
 * shape stands in the settings from here on, and so in the log: a later version
 * that would choose otherwise still reads what this one chose. Settings that
 * are there win. */
static int resolve_auto(struct parse *parse)
{
    struct keyvalue *scalar = find_setting(parse, "policy");
    struct auto_setting chosen[AUTO_SETTINGS_MAX];
    struct shape shape = shape_of(parse->spec);
    uint32_t count = auto_settings(&shape, has_floor(parse), chosen);
    bool explorer = find_setting(parse, "policy.explorer") != NULL;
    struct keyvalue *values = arena_array(
            parse->arena, struct keyvalue, parse->count + AUTO_SETTINGS_MAX);

    if (values == NULL)
        return out_of_memory(parse->err);
    if (scalar != NULL && !bytes_equal(scalar->value, bytes_of_text("auto"))) {
        (void)err_set(parse->err, STATUS_INVALID,
                "policy: is `auto` or settings such as {oracle: ridge}");
        return parse_failed(parse, scalar);
    }
    if (find_setting(parse, "policy.oracle") != NULL ||
            find_setting(parse, "policy.learner") != NULL)
        count = 0;
    for (size_t i = 0; i < parse->count; i++)
        values[i] = parse->values[i];
    parse->values = values;
    scalar = find_setting(parse, "policy");
    for (uint32_t i = 0; i < count; i++) {
        struct keyvalue value = {.value = bytes_of_text(chosen[i].value)};
        char key[80];
        if (explorer && chosen[i].explorer)
            continue;
        (void)snprintf(key, sizeof(key), "policy.%s", chosen[i].key);
        if (find_setting(parse, key) != NULL)
            continue;
        value.key = keep(parse, bytes_of_text(key));
        /* In the place of `policy: auto`, or behind the others. */
        if (scalar != NULL)
            *scalar = value;
        else
            values[parse->count++] = value;
        scalar = NULL;
    }
    return 0;
}

/* The range of an option that is a parameter's own: set if it is not. */
static int add_range(struct parse *parse, struct keyvalue *values,
        const char *key, const char *text)
{
    const struct keyvalue *given = find_setting(parse, key);
    double value, wanted;

    if (given == NULL) {
        values[parse->count++] = (struct keyvalue){
                .key = bytes_of_text(key), .value = bytes_of_text(text)};
        return 0;
    }
    CHECK(number_parse(bytes_of_text(text), &wanted));
    if (number_parse(given->value, &value) && value == wanted)
        return 0;
    (void)err_set(parse->err, STATUS_INVALID,
            "%s: the oracle sees a parameter's range as -1 to 1; leave it out",
            key);
    return parse_failed(parse, given);
}

/* An oracle `surface` over a parameter knows the range of its points. Like what
 * `auto` chose it stands in the settings from here on. */
static int resolve_surface(struct parse *parse)
{
    const struct keyvalue *oracle = find_setting(parse, "policy.oracle");
    struct keyvalue *values;
    int status;

    if (!grid_is_on(&parse->spec->settings.parameter) || oracle == NULL ||
            !bytes_equal(oracle->value, bytes_of_text("surface")))
        return 0;
    values = arena_array(parse->arena, struct keyvalue, parse->count + 2);
    if (values == NULL)
        return out_of_memory(parse->err);
    memcpy(values, parse->values, parse->count * sizeof(*values));
    parse->values = values;
    status = add_range(parse, values, "policy.action_min", "-1");
    return status == 0 ? add_range(parse, values, "policy.action_max", "1")
                       : status;
}

/* The `policy.` settings, without the prefix. */
static int parse_policy(const struct parse *parse)
{
    static const char prefix[] = "policy.";
    struct problem_spec *spec = parse->spec;
    const struct problem_settings *settings = &spec->settings;
    struct value_range range = {settings->reward_min, settings->reward_max,
            settings->form == FORM_PREDICT || settings->form == FORM_PATH ||
                    settings->objective == OBJECTIVE_MINIMISE,
            settings->scale == SCALE_LOG};
    struct shape shape = shape_of(spec);
    struct keyvalue *values =
            arena_array(parse->arena, struct keyvalue, parse->count);
    size_t count = 0;
    int status;

    if (values == NULL)
        return out_of_memory(parse->err);
    for (size_t i = 0; i < parse->count; i++) {
        struct keyvalue *value = &parse->values[i];
        if (!key_under(value, prefix))
            continue;
        value->used = true;
        values[count] = *value;
        values[count].used = false;
        values[count].value = keep(parse, value->value);
        values[count].key = keep(parse,
                bytes_of(value->key.data + strlen(prefix),
                        value->key.size - strlen(prefix)));
        count++;
    }
    status = policy_spec_parse(&spec->policy, &shape, &range, values, count,
            parse->arena, parse->err_line, parse->err);
    if (status != 0)
        return err_prefix(parse->err, "policy");
    policy_spec_name(
            &spec->policy, spec->policy_name, sizeof(spec->policy_name));
    return 0;
}

/* A schedule for trainings that cannot be. */
static int check_retrain(const struct parse *parse)
{
    const char *why = problem_spec_untrained(parse->spec);
    const struct keyvalue *every = find_setting(parse, "retrain.every");

    if (why == NULL || parse->spec->settings.retrain_every == 0)
        return 0;
    (void)err_set(parse->err, STATUS_INVALID, "retrain.every: %s", why);
    return every == NULL ? STATUS_INVALID : parse_failed(parse, every);
}

static int guard_failed(const struct parse *parse, const char *key)
{
    const struct keyvalue *value = find_setting(parse, key);

    (void)err_prefix(parse->err, "guard");
    return value == NULL ? STATUS_INVALID : parse_failed(parse, value);
}

/* What a guard needs: a default in the catalogue, and outcomes that are costs
 * of one action. */
static int parse_guard(const struct parse *parse)
{
    struct problem_spec *spec = parse->spec;
    struct problem_settings *settings = &spec->settings;
    struct guard_spec *guard = &spec->guard;

    if (settings->guard_action.size == 0)
        return 0;
    *guard = (struct guard_spec){.on = true,
            .slot = spec->slots,
            .loss = settings->guard_loss,
            .worst = settings->guard_worst,
            .gain = settings->guard_gain,
            .columns = spec->column_count < GUARD_COLUMNS ? spec->column_count
                                                          : GUARD_COLUMNS,
            .range = spec->policy.range};
    for (uint32_t i = 0; i < spec->slots; i++)
        if (bytes_equal(spec->catalogue[i], settings->guard_action))
            guard->slot = i;
    settings->guard_action = guard->slot < spec->slots
            ? spec->catalogue[guard->slot]
            : bytes_of(NULL, 0);
    if (guard->slot == spec->slots) {
        (void)err_set(parse->err, STATUS_INVALID,
                "action: is none of the catalogue (actions)");
        return guard_failed(parse, "guard.action");
    }
    if (settings->form == FORM_DECIDE &&
            (!guard->range.minimise || settings->reward_min >= 0.0) &&
            (settings->has_default || settings->reward_wait == 0))
        return 0;
    (void)err_set(parse->err, STATUS_INVALID,
            settings->form != FORM_DECIDE ? "only for the form decide"
                    : guard->range.minimise && settings->reward_min < 0.0
                    ? "costs are not below 0: set reward.min"
                    : "every event needs a cost: set reward.default_on, or "
                      "reward.wait: 0");
    return guard_failed(parse, "guard.action");
}

/* ---- what alarms of drift lead to ---- */

static int on_drift_failed(
        const struct parse *parse, const char *key, const char *why)
{
    const struct keyvalue *value = find_setting(parse, key);

    (void)err_set(parse->err, STATUS_INVALID, "%s: %s", key, why);
    return value == NULL ? STATUS_INVALID : parse_failed(parse, value);
}

static int parse_on_drift(const struct parse *parse)
{
    struct problem_spec *spec = parse->spec;
    struct problem_settings *settings = &spec->settings;
    bool falls_back = settings->on_drift == ON_DRIFT_FALLBACK;

    spec->fallback = spec->slots;
    for (uint32_t i = 0; i < spec->slots; i++)
        if (bytes_equal(spec->catalogue[i], settings->fallback_action))
            spec->fallback = i;
    if (settings->fallback_action.size > 0 && spec->fallback == spec->slots)
        return on_drift_failed(
                parse, "fallback.action", "is none of the catalogue (actions)");
    settings->fallback_action = spec->fallback < spec->slots
            ? spec->catalogue[spec->fallback]
            : bytes_of(NULL, 0);
    if (settings->on_drift != ON_DRIFT_ALERT &&
            (!settings->drift.on || settings->form != FORM_DECIDE))
        return on_drift_failed(parse, "on_drift",
                "the problem is not watched for drift (drift.on, form decide)");
    if (falls_back && spec->guard.on)
        return on_drift_failed(parse, "on_drift",
                "a guard has a default action of its own to go back to");
    return 0;
}

/* ---- the circuit breaker ---- */

/* The part of an id that its circuit is named by. */
static struct bytes circuit_name(
        const struct breaker_options *options, struct bytes id)
{
    const uint8_t *end = options->share.size == 0
            ? NULL
            : memmem(id.data, id.size, options->share.data,
                      options->share.size);

    return end == NULL || end == id.data
            ? id
            : bytes_of(id.data, (size_t)(end - id.data));
}

static int breaker_circuits(const struct parse *parse)
{
    struct problem_spec *spec = parse->spec;
    struct breaker_spec *breaker = &spec->breaker;
    uint16_t *circuit = arena_array(parse->arena, uint16_t, spec->slots);
    struct bytes *names = arena_array(parse->arena, struct bytes, spec->slots);

    if (circuit == NULL || names == NULL)
        return out_of_memory(parse->err);
    for (uint32_t i = 0; i < spec->slots; i++) {
        struct bytes name = circuit_name(&breaker->options, spec->catalogue[i]);
        uint32_t c = 0;
        while (c < breaker->circuits && !bytes_equal(names[c], name))
            c++;
        if (c == breaker->circuits)
            names[breaker->circuits++] = name;
        circuit[i] = (uint16_t)c;
    }
    breaker->slots = spec->slots;
    breaker->circuit = circuit;
    breaker->names = names;
    breaker->groups = breaker->options.groups ? spec->group_count : 0;
    if (breaker->circuits * (1 + breaker->groups) <= BREAKER_CIRCUITS_MAX)
        return 0;
    return err_set(parse->err, STATUS_INVALID,
            "breaker: %u circuits for each of %u groups, at most %u in all",
            breaker->circuits, breaker->groups, BREAKER_CIRCUITS_MAX);
}

/* The `breaker.` settings. */
static int parse_breaker(const struct parse *parse)
{
    static const char prefix[] = "breaker.";
    struct problem_spec *spec = parse->spec;
    struct breaker_options *options = &spec->breaker.options;
    struct keyvalue *values =
            arena_array(parse->arena, struct keyvalue, parse->count);
    struct keyvalue *first = NULL;
    size_t count = 0;

    if (values == NULL)
        return out_of_memory(parse->err);
    for (size_t i = 0; i < parse->count; i++) {
        struct keyvalue *value = &parse->values[i];
        if (!key_under(value, prefix))
            continue;
        value->used = true;
        first = first == NULL ? value : first;
        values[count] = *value;
        values[count].used = false;
        values[count].value = keep(parse, value->value);
        values[count++].key = bytes_of(value->key.data + strlen(prefix),
                value->key.size - strlen(prefix));
    }
    if (options_parse(&breaker_options, values, count, options, parse->err) !=
            0) {
        (void)err_prefix(parse->err, "breaker");
        return parse_failed(parse, first);
    }
    for (size_t i = 0; i < count; i++) {
        char text[ID_BYTES_MAX + 1];
        if (values[i].used)
            continue;
        (void)err_set(parse->err, STATUS_INVALID, "breaker.%s: no such setting",
                bytes_text(values[i].key, text, sizeof(text)));
        return parse_failed(parse, first);
    }
    if (!options->on)
        return 0;
    if (spec->settings.form != FORM_DECIDE || spec->slots == 0 ||
            grid_is_on(&spec->settings.parameter)) {
        (void)err_set(parse->err, STATUS_INVALID,
                "breaker: only where the form is decide and `actions` lists "
                "the catalogue");
        return parse_failed(parse, first);
    }
    if (options->least > options->most) {
        (void)err_set(
                parse->err, STATUS_INVALID, "breaker: least is above most");
        return parse_failed(parse, first);
    }
    return breaker_circuits(parse);
}

static int refuse_unused(const struct parse *parse)
{
    char text[ID_BYTES_MAX + 1];

    for (size_t i = 0; i < parse->count; i++)
        if (!parse->values[i].used) {
            (void)err_set(parse->err, STATUS_INVALID,
                    "%s: no such setting of a problem",
                    bytes_text(parse->values[i].key, text, sizeof(text)));
            return parse_failed(parse, &parse->values[i]);
        }
    return 0;
}

/* ---- digests ---- */

static uint64_t digest_text(uint64_t digest, struct bytes text)
{
    return hash_mix(digest, hash_bytes(text, text.size));
}

/* What the places, columns and groups of a Decision record mean. */
static uint64_t shape_digest(const struct problem_spec *spec,
        const struct keyvalue *values, size_t count)
{
    uint64_t digest = hash_mix(spec->settings.form,
            (uint64_t)spec->settings.action_features << 32 |
                    spec->settings.named_columns);

    for (size_t i = 0; i < count; i++)
        if (key_is(&values[i], "context") || key_is(&values[i], "actions") ||
                key_under(&values[i], "groups.") ||
                key_under(&values[i], "parameter.")) {
            digest = digest_text(digest, values[i].key);
            digest = digest_text(digest, values[i].value);
        }
    return digest;
}

static uint64_t digest_options(uint64_t digest, const char *name,
        const struct option_table *table, const void *options)
{
    digest = digest_text(digest, bytes_of_text(name));
    for (size_t i = 0; i < table->count; i++) {
        const struct option_row *row = &table->rows[i];
        char text[64];
        digest = digest_text(digest, bytes_of_text(row->name));
        if (row->type == OPTION_TEXT) {
            /* As long as it is: a graph may have a thousand edges. */
            struct bytes whole;
            memcpy(&whole, (const char *)options + row->offset, sizeof(whole));
            digest = digest_text(digest, whole);
            continue;
        }
        option_print(row, options, text, sizeof(text));
        digest = digest_text(digest, bytes_of_text(text));
    }
    return digest;
}

bool problem_spec_watched(const struct problem_spec *spec)
{
    return spec->settings.drift.on && spec->settings.form == FORM_DECIDE;
}

/* What is kept for each point would have to begin where its neighbours were
 * when it came. */
const char *problem_spec_untrained(const struct problem_spec *spec)
{
    if (spec->settings.form == FORM_PATH)
        return "a problem of paths is not trained from the log";
    if (grid_is_on(&spec->settings.parameter) &&
            policy_spec_adopts(&spec->policy))
        return "a parameter whose policy keeps something per point is not "
               "trained from the log; an oracle over action features is "
               "(surface, ridge, linear)";
    return NULL;
}

/* Nothing of a problem without a parameter. */
static uint64_t digest_grid(uint64_t digest, const struct grid_spec *spec)
{
    double range[2] = {spec->from, spec->to};
    uint32_t counts[5] = {
            spec->scale, spec->start, spec->points, spec->refine, spec->basis};

    if (!grid_is_on(spec))
        return digest;
    digest = digest_text(digest, bytes_of(range, sizeof(range)));
    return digest_text(digest, bytes_of(counts, sizeof(counts)));
}

/* What a policy's bytes depend on: the shape, the scale of losses and the
 * parts that learn. Explorer, floor and cap are free to change. */
static uint64_t model_digest(const struct problem_spec *spec)
{
    const struct policy_spec *policy = &spec->policy;
    double range[2] = {policy->range.min, policy->range.max};
    uint64_t digest = hash_mix(spec->shape_digest,
            policy->range.minimise | (uint64_t)policy->range.logarithmic << 1);

    digest = digest_text(digest, bytes_of(range, sizeof(range)));
    digest = hash_mix(digest, policy->shape.actions_max);
    digest = digest_grid(digest, &spec->settings.parameter);
    if (policy->learner != NULL)
        return digest_options(digest, policy->learner->name,
                &policy->learner->options, policy->learner_options);
    for (const struct oracle_spec *oracle = &policy->oracle; oracle != NULL;
            oracle = oracle->inner)
        digest = digest_options(digest, oracle->oracle->name,
                &oracle->oracle->options, oracle->options);
    return digest;
}

/* With the detectors, whose settings the policy does not depend on. */
static uint64_t state_digest(const struct problem_spec *spec)
{
    const struct drift_options *options = &spec->drift.options;
    uint64_t digest = spec->model_digest;

    if (spec->guard.on)
        digest = hash_mix(digest, GUARD_TAG + spec->guard.slot);
    if (spec->breaker.options.on)
        digest = digest_options(
                digest, "breaker", &breaker_options, &spec->breaker.options);
    if (!problem_spec_watched(spec))
        return digest;
    if (spec->settings.on_drift == ON_DRIFT_FALLBACK)
        digest = hash_mix(digest, FALLBACK_TAG + spec->settings.fallback_calm);
    digest = digest_text(
            digest, bytes_of(&options->between, sizeof(options->between)));
    digest = hash_mix(
            digest, (uint64_t)options->window << 32 | options->silence);
    return hash_mix(digest, options->warmup);
}

/* ---- the spec ---- */

static struct bytes settings_text(
        const struct keyvalue *values, size_t count, struct arena *arena)
{
    struct writer writer = writer_counting();
    uint8_t *data = NULL;

    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < count; i++) {
            write_bytes(&writer, values[i].key);
            write_bytes(&writer, bytes_of_text(": "));
            write_bytes(&writer, values[i].value);
            write_u8(&writer, '\n');
        }
        if (pass == 1)
            break;
        data = arena_alloc(arena, writer.size);
        if (data == NULL)
            return bytes_of(NULL, 0);
        writer = writer_over(data, writer.size);
    }
    return writer_bytes(&writer);
}

int problem_spec_parse(struct problem_spec *spec, struct bytes name,
        const struct keyvalue *values, size_t count, struct arena *arena,
        uint32_t *err_line, struct err *err)
{
    struct parse parse = {spec,
            arena_copy(arena, values, count * sizeof(*values)), count, arena,
            err_line, err};
    int status;

    memset(spec, 0, sizeof(*spec));
    if (err_line != NULL)
        *err_line = 0;
    if (parse.values == NULL)
        return out_of_memory(err);
    for (size_t i = 0; i < count; i++)
        parse.values[i].used = false;
    spec->name = keep(&parse, name);
    if ((status = parse_list(&parse, "context", COLUMNS_MAX, &spec->columns,
                 &spec->column_count)) != 0 ||
            (status = parse_list(&parse, "actions", ACTIONS_MAX,
                     &spec->catalogue, &spec->slots)) != 0 ||
            (status = parse_groups(&parse)) != 0 ||
            (status = parse_rows(&parse)) != 0 ||
            (status = parse_expression(&parse)) != 0 ||
            (status = parse_breaker(&parse)) != 0 ||
            (status = resolve_auto(&parse)) != 0 ||
            (status = resolve_surface(&parse)) != 0 ||
            (status = parse_policy(&parse)) != 0 ||
            (status = check_retrain(&parse)) != 0 ||
            (status = parse_guard(&parse)) != 0 ||
            (status = parse_on_drift(&parse)) != 0 ||
            (status = refuse_unused(&parse)) != 0)
        return status;
    spec->drift = (struct drift_spec){.options = spec->settings.drift,
            .slots = spec->slots,
            .groups = spec->group_count,
            .columns = spec->column_count};
    spec->text = settings_text(parse.values, parse.count, arena);
    if (arena->overflow)
        return out_of_memory(err);
    spec->shape_digest = shape_digest(spec, values, count);
    spec->model_digest = model_digest(spec);
    spec->state_digest = state_digest(spec);
    return 0;
}

int problem_spec_parse_text(struct problem_spec *spec, struct bytes name,
        struct bytes text, struct arena *arena, struct err *err)
{
    size_t lines = 0, count = 0;
    struct keyvalue *values;

    for (size_t i = 0; i < text.size; i++)
        lines += text.data[i] == '\n';
    values = arena_zalloc(arena, lines, sizeof(*values));
    if (values == NULL)
        return out_of_memory(err);
    while (text.size > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.size);
        const uint8_t *colon = memchr(text.data, ':', text.size);
        size_t line_size, key_size;
        if (end == NULL || colon == NULL || colon + 2 > end || colon[1] != ' ')
            return err_set(
                    err, STATUS_CORRUPT, "config record: settings are damaged");
        line_size = (size_t)(end - text.data);
        key_size = (size_t)(colon - text.data);
        values[count].key = bytes_of(text.data, key_size);
        values[count].value = bytes_of(colon + 2, line_size - key_size - 2);
        values[count].line = (uint32_t)count + 1;
        count++;
        text.data += line_size + 1;
        text.size -= line_size + 1;
    }
    return problem_spec_parse(spec, name, values, count, arena, NULL, err);
}
