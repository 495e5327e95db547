#include "service/engine/round.h"

#include "base/hash.h"
#include "policies/features.h"

#define PLACE_NONE UINT32_MAX

static int too_small(struct err *err)
{
    return err_set(err, STATUS_BUSY, "the request is too large to hold now");
}

struct bytes round_action_id(const struct problem_spec *spec,
        const struct question *question, uint32_t place)
{
    if (question->action_count > 0)
        return place < question->action_count ? question->action[place]
                                              : bytes_of(NULL, 0);
    return place < spec->slots ? spec->catalogue[place] : bytes_of(NULL, 0);
}

/* ---- the context ---- */

static const struct feature *hash_named(
        const struct named *named, uint32_t count, struct arena *arena)
{
    struct feature *features = arena_array(arena, struct feature, count);

    for (uint32_t i = 0; features != NULL && i < count; i++) {
        features[i].value = named[i].value;
        features[i].hash = named[i].has_text
                ? feature_hash_text(
                          named[i].space, named[i].name, named[i].text)
                : feature_hash(named[i].space, named[i].name);
    }
    return features;
}

static int shared_features(const struct problem_spec *spec,
        const struct question *question, struct arena *arena,
        struct features *shared, struct err *err)
{
    if (question->shared.columns != spec->column_count)
        return err_set(err, STATUS_INVALID,
                "shared: %u columns, the problem has %u",
                question->shared.columns, spec->column_count);
    shared->dense = question->shared.values;
    shared->dense_count = question->shared.columns;
    shared->named_count = question->named_count;
    shared->named = hash_named(question->named, question->named_count, arena);
    return shared->named == NULL ? too_small(err) : 0;
}

/* The declared client-named group of that name, or PLACE_NONE. */
static uint32_t group_by_client(
        const struct problem_spec *spec, struct bytes name)
{
    for (uint32_t i = 0; i < spec->group_count; i++)
        if (spec->groups[i].by_client &&
                bytes_equal(spec->groups[i].name, name))
            return i;
    return PLACE_NONE;
}

static int awake_groups(const struct problem_spec *spec,
        const struct question *question, struct arena *arena,
        struct context *context, struct err *err)
{
    bool *awake = arena_zalloc(arena, spec->group_count, sizeof(*awake));
    uint16_t *groups = arena_array(arena, uint16_t, spec->group_count);

    if (awake == NULL || groups == NULL)
        return too_small(err);
    for (uint32_t i = 0; i < question->group_count; i++) {
        uint32_t group = group_by_client(spec, question->group[i]);
        char text[ID_BYTES_MAX + 1];
        if (group == PLACE_NONE)
            return err_set(err, STATUS_INVALID,
                    "group: '%s' is not a group that clients name",
                    bytes_text(question->group[i], text, sizeof(text)));
        awake[group] = true;
    }
    context->groups = groups;
    context->group_count = 0;
    for (uint32_t i = 0; i < spec->group_count; i++) {
        const struct group *group = &spec->groups[i];
        if (group->by_client ? awake[i]
                             : group_rule_holds(&group->rule, &context->shared))
            groups[context->group_count++] = (uint16_t)i;
    }
    return 0;
}

/* ---- the actions ---- */

static uint64_t four_bytes(const uint8_t *data)
{
    uint32_t word;

    memcpy(&word, data, sizeof(word));
    return word;
}

/* For the table below only. Short ids are their own number, mixed: the general
 * hash of ten of them took longer than all that is checked of a question. */
static uint32_t hash_id(struct bytes id)
{
    const uint8_t *data = id.data;
    uint64_t word;

    if (id.size == 0 || id.size > 8)
        return (uint32_t)hash_bytes(id, 0);
    word = id.size < 4
            ? (uint64_t)data[0] << 16 | (uint64_t)data[id.size / 2] << 8 |
                    data[id.size - 1]
            : four_bytes(data) << 32 | four_bytes(data + id.size - 4);
    return (uint32_t)(word * UINT64_C(0x9E3779B97F4A7C15) >> 32);
}

/* A small hash set of ids, by index into a list: finds repeated ids in time
 * linear in their number. */
static int refuse_repeated_ids(
        const struct question *question, struct arena *arena, struct err *err)
{
    uint32_t size = 8;
    uint32_t *table;

    if (question->action_count < 2)
        return 0;
    while (size < 2 * question->action_count)
        size *= 2;
    table = arena_zalloc(arena, size, sizeof(*table));
    if (table == NULL)
        return too_small(err);
    for (uint32_t i = 0; i < question->action_count; i++) {
        uint32_t at = hash_id(question->action[i]);
        for (at &= size - 1; table[at] != 0; at = (at + 1) & (size - 1)) {
            char text[ID_BYTES_MAX + 1];
            if (bytes_equal(
                        question->action[table[at] - 1], question->action[i]))
                return err_set(err, STATUS_INVALID,
                        "action: '%s' is listed twice",
                        bytes_text(question->action[i], text, sizeof(text)));
        }
        table[at] = i + 1;
    }
    return 0;
}

/* Number of places that the question speaks of: its list or the catalogue. */
static uint32_t place_count(
        const struct problem_spec *spec, const struct question *question)
{
    if (question->point_count > 0)
        return question->point_count;
    return question->action_count > 0 ? question->action_count : spec->slots;
}

static int check_actions(const struct problem_spec *spec,
        const struct question *question, struct arena *arena, struct err *err)
{
    uint32_t places = place_count(spec, question);
    uint32_t columns = question->action_features.columns;

    if (grid_is_on(&spec->settings.parameter) && question->action_count > 0)
        return err_set(err, STATUS_INVALID,
                "action: the actions are the parameter's points; leave it out");
    if (places == 0)
        return err_set(err, STATUS_INVALID,
                "action: the list is empty and the problem has no catalogue");
    if (places > spec->policy.shape.actions_max)
        return err_set(err, STATUS_INVALID, "action: %u actions, at most %u",
                places, spec->policy.shape.actions_max);
    if (columns != spec->settings.action_features)
        return err_set(err, STATUS_INVALID,
                "action_features: %u columns, the problem has %u", columns,
                spec->settings.action_features);
    if (columns > 0 && question->action_features.rows != places)
        return err_set(err, STATUS_INVALID,
                "action_features: %u rows for %u actions",
                question->action_features.rows, places);
    for (uint32_t i = 0; i < question->excluded_count; i++)
        if (question->excluded[i] >= places)
            return err_set(err, STATUS_INVALID,
                    "excluded: place %u of %u actions", question->excluded[i],
                    places);
    if (question->has_baseline && question->baseline >= places)
        return err_set(err, STATUS_INVALID, "baseline: place %u of %u actions",
                question->baseline, places);
    return refuse_repeated_ids(question, arena, err);
}

/* The catalogue's slot of each place; NULL where there is no catalogue. */
static int slots_of_places(const struct problem_spec *spec,
        const struct question *question, struct arena *arena, uint32_t **slots,
        struct err *err)
{
    uint32_t places = place_count(spec, question);
    char text[ID_BYTES_MAX + 1];

    *slots = NULL;
    if (spec->slots == 0)
        return 0;
    *slots = arena_array(arena, uint32_t, places);
    if (*slots == NULL)
        return too_small(err);
    for (uint32_t place = 0; place < places; place++)
        (*slots)[place] = place;
    /* Without a list the places are the catalogue's. */
    for (uint32_t place = 0; place < question->action_count; place++) {
        struct bytes id = round_action_id(spec, question, place);
        uint32_t slot = place < spec->slots ? place : 0;
        uint32_t tried = 0;
        /* A list in the catalogue's order is found at the first try. */
        while (tried < spec->slots && !bytes_equal(spec->catalogue[slot], id)) {
            slot = (slot + 1) % spec->slots;
            tried++;
        }
        if (tried == spec->slots)
            return err_set(err, STATUS_INVALID,
                    "action: '%s' is not in the catalogue",
                    bytes_text(id, text, sizeof(text)));
        (*slots)[place] = slot;
    }
    return 0;
}

/* The columns of a parameter's points, by place. */
static int columns_of_points(const struct problem_spec *spec,
        const struct question *question, struct arena *arena,
        struct features *features, struct err *err)
{
    const struct grid_spec *grid = &spec->settings.parameter;
    uint32_t count = question->point_count;
    double *columns = arena_array(arena, double, (size_t)count * grid->basis);

    if (columns == NULL)
        return too_small(err);
    for (uint32_t place = 0; place < count; place++) {
        double *own = columns + (size_t)place * grid->basis;
        grid_columns(grid, question->point[place], own);
        features[place].dense = own;
        features[place].dense_count = grid->basis;
    }
    return 0;
}

/* Named features of each place; entries without any stay empty. */
static int named_of_places(const struct problem_spec *spec,
        const struct question *question, uint32_t places, struct arena *arena,
        struct features **out, struct err *err)
{
    struct features *features = arena_zalloc(arena, places, sizeof(*features));

    if (features == NULL)
        return too_small(err);
    for (uint32_t place = 0; place < places; place++) {
        const struct matrix *matrix = &question->action_features;
        features[place].dense_count = matrix->columns;
        features[place].dense = matrix->columns == 0
                ? NULL
                : matrix->values + (size_t)place * matrix->columns;
    }
    if (question->point_count > 0 &&
            columns_of_points(spec, question, arena, features, err) != 0)
        return STATUS_BUSY;
    for (uint32_t i = 0; i < question->action_named_count; i++) {
        const struct action_named *entry = &question->action_named[i];
        if (entry->action >= places)
            return err_set(err, STATUS_INVALID,
                    "action_named: place %u of %u actions", entry->action,
                    places);
        if (features[entry->action].named != NULL)
            return err_set(err, STATUS_INVALID,
                    "action_named: place %u is listed twice", entry->action);
        features[entry->action].named_count = entry->named_count;
        features[entry->action].named =
                hash_named(entry->named, entry->named_count, arena);
        if (features[entry->action].named == NULL)
            return too_small(err);
    }
    *out = features;
    return 0;
}

/* Keeps the rows of the eligible places; `slots` and `features` are those of
 * all. */
static int keep_places(const uint32_t *eligible, uint32_t count,
        struct arena *arena, uint32_t **slots, struct features **features,
        struct err *err)
{
    struct features *kept = arena_array(arena, struct features, count);
    uint32_t *kept_slots = arena_array(arena, uint32_t, count);

    if (kept == NULL || kept_slots == NULL)
        return too_small(err);
    for (uint32_t i = 0; *features != NULL && i < count; i++)
        kept[i] = (*features)[eligible[i]];
    for (uint32_t i = 0; *slots != NULL && i < count; i++)
        kept_slots[i] = (*slots)[eligible[i]];
    *features = *features == NULL ? NULL : kept;
    *slots = *slots == NULL ? NULL : kept_slots;
    return 0;
}

/* The rows of the eligible places. */
static int choose_places(const struct problem_spec *spec,
        const struct question *question, const uint32_t *eligible,
        uint32_t count, struct arena *arena, struct round_view *round,
        struct err *err)
{
    uint32_t places = place_count(spec, question);
    uint32_t *slots = NULL;
    struct features *features = NULL;
    bool own = question->action_features.columns > 0 ||
            question->action_named_count > 0 || question->point_count > 0;
    int status;

    if ((status = slots_of_places(spec, question, arena, &slots, err)) != 0)
        return status;
    if (own)
        status = named_of_places(spec, question, places, arena, &features, err);
    /* In order and as many as there are: all of them. */
    if (status == 0 && count < places)
        status = keep_places(eligible, count, arena, &slots, &features, err);
    round->eligible = eligible;
    round->actions.count = count;
    round->actions.slot = slots;
    round->actions.features = features;
    return status;
}

static int eligible_places(const struct problem_spec *spec,
        const struct question *question, struct arena *arena, uint32_t **out,
        uint32_t *count, struct err *err)
{
    uint32_t places = place_count(spec, question);
    uint32_t *eligible = arena_array(arena, uint32_t, places);
    bool *excluded;

    if (eligible == NULL)
        return too_small(err);
    *out = eligible;
    *count = places;
    for (uint32_t place = 0; place < places; place++)
        eligible[place] = place;
    if (question->excluded_count == 0)
        return 0;
    excluded = arena_zalloc(arena, places, sizeof(*excluded));
    if (excluded == NULL)
        return too_small(err);
    for (uint32_t i = 0; i < question->excluded_count; i++)
        excluded[question->excluded[i]] = true;
    *count = 0;
    for (uint32_t place = 0; place < places; place++)
        if (!excluded[place])
            eligible[(*count)++] = place;
    if (*count == 0)
        return err_set(err, STATUS_INVALID,
                "excluded: every action is; none may be chosen");
    return 0;
}

/* What a form asks of the question, beside its actions. */
static int check_form(const struct problem_spec *spec,
        const struct question *question, struct err *err)
{
    if (spec->settings.form != FORM_PATH)
        return 0;
    if (question->action_count > 0)
        return err_set(err, STATUS_INVALID,
                "action: the edges of paths are the catalogue's; exclude what "
                "cannot be used");
    if (question->has_baseline)
        return err_set(
                err, STATUS_INVALID, "baseline: a path is not one action");
    return 0;
}

static int check_count(
        const struct problem_spec *spec, uint32_t count, struct err *err)
{
    if (spec->settings.form == FORM_DUEL && count < 2)
        return err_set(err, STATUS_INVALID,
                "action: %u that may be shown, a duel needs 2 at least", count);
    return 0;
}

static void predict_round(struct round_view *round)
{
    memset(&round->actions, 0, sizeof(round->actions));
    round->actions.count = 1;
    round->eligible = NULL;
}

static int predict_check(const struct question *question, struct err *err)
{
    if (question->action_count > 0 || question->action_features.rows > 0 ||
            question->action_named_count > 0 || question->excluded_count > 0 ||
            question->has_baseline)
        return err_set(err, STATUS_INVALID,
                "action: this problem predicts a number; it has no actions");
    return 0;
}

int round_of_question(const struct problem_spec *spec,
        const struct question *question, struct arena *arena,
        struct round_view *round, struct err *err)
{
    uint32_t *eligible = NULL, count = 0;
    int status;

    memset(round, 0, sizeof(*round));
    if ((status = shared_features(
                 spec, question, arena, &round->context.shared, err)) != 0 ||
            (status = awake_groups(
                     spec, question, arena, &round->context, err)) != 0)
        return status;
    if (spec->settings.form == FORM_PREDICT) {
        predict_round(round);
        return predict_check(question, err);
    }
    if ((status = check_form(spec, question, err)) != 0 ||
            (status = check_actions(spec, question, arena, err)) != 0 ||
            (status = eligible_places(
                     spec, question, arena, &eligible, &count, err)) != 0 ||
            (status = check_count(spec, count, err)) != 0)
        return status;
    return choose_places(spec, question, eligible, count, arena, round, err);
}

/* Places of features that are not in the list, or twice. */
static int check_named_places(const struct question *question, uint32_t places,
        struct arena *arena, struct err *err)
{
    bool *seen = arena_zalloc(arena, places, sizeof(*seen));

    if (seen == NULL)
        return too_small(err);
    for (uint32_t i = 0; i < question->action_named_count; i++) {
        uint32_t place = question->action_named[i].action;
        if (place >= places || seen[place])
            return err_set(err, STATUS_INVALID,
                    "action_named: place %u of %u actions, or twice", place,
                    places);
        seen[place] = true;
    }
    return 0;
}

int round_outline(const struct problem_spec *spec,
        const struct question *question, struct arena *arena,
        struct round_view *round, struct err *err)
{
    uint32_t *eligible = NULL, *slots, count = 0;
    uint32_t places = place_count(spec, question);
    int status = 0;

    /* Groups look at the features of the context. */
    if (spec->settings.form != FORM_DECIDE || spec->group_count > 0 ||
            question->shared.columns != spec->column_count)
        return round_of_question(spec, question, arena, round, err);
    memset(round, 0, sizeof(*round));
    if (question->group_count > 0)
        status = awake_groups(spec, question, arena, &round->context, err);
    if (status == 0)
        status = check_actions(spec, question, arena, err);
    if (status == 0)
        status = check_named_places(question, places, arena, err);
    if (status == 0 && question->action_count > 0)
        status = slots_of_places(spec, question, arena, &slots, err);
    if (status == 0)
        status = eligible_places(spec, question, arena, &eligible, &count, err);
    round->eligible = eligible;
    round->actions.count = count;
    return status;
}

static int misfit(struct err *err, const char *what)
{
    return err_set(err, STATUS_CORRUPT,
            "decision record does not fit the problem: %s", what);
}

static int actions_of_record(const struct problem_spec *spec,
        const struct decision_record *record, struct arena *arena,
        struct round_view *round, struct err *err)
{
    const struct question *question = &record->question;
    uint32_t places = place_count(spec, question);

    if (spec->settings.form == FORM_PREDICT) {
        predict_round(round);
        return record->count == 0 ? 0 : misfit(err, "it has actions");
    }
    if (grid_is_on(&spec->settings.parameter) != (question->point_count > 0) ||
            (question->point_count > 0 && question->action_count > 0) ||
            (question->point_count > spec->slots && spec->slots > 0))
        return misfit(err, "points of a parameter");
    if (record->count == 0 || record->count > spec->policy.shape.actions_max)
        return misfit(err, "number of actions");
    if ((spec->settings.form == FORM_PATH) != (record->path_count > 0))
        return misfit(err, "whether it is a path");
    if ((spec->settings.form == FORM_DUEL) != record->has_second)
        return misfit(err, "whether it is a pair");
    if (question->action_features.columns != spec->settings.action_features ||
            (question->action_features.columns > 0 &&
                    question->action_features.rows != places))
        return misfit(err, "action features");
    for (uint32_t i = 0; i < record->count; i++)
        if (record->eligible[i] >= places)
            return misfit(err, "place of an action");
    return choose_places(
            spec, question, record->eligible, record->count, arena, round, err);
}

int round_of_record(const struct problem_spec *spec,
        const struct decision_record *record, struct arena *arena,
        struct round_view *round, struct err *err)
{
    int status;

    memset(round, 0, sizeof(*round));
    status = shared_features(
            spec, &record->question, arena, &round->context.shared, err);
    if (status == STATUS_INVALID)
        return misfit(err, "context columns");
    if (status != 0)
        return status;
    if (record->group_count > 0 &&
            record->groups[record->group_count - 1] >= spec->group_count)
        return misfit(err, "groups");
    round->context.groups = record->groups;
    round->context.group_count = record->group_count;
    status = actions_of_record(spec, record, arena, round, err);
    return status == STATUS_INVALID ? misfit(err, "actions") : status;
}
