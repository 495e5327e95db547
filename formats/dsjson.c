/* Vowpal Wabbit's two formats of JSON, a line of each decision's object.
 *
 * DSJSON, as that tool and the services around it write it:
 *
 *   c     the context; its `_multi` is the list of the actions
 *   a     the actions, from 1, in the order in which they were ranked; the
 *         first one was taken
 *   p     their probabilities, in a's order
 *   _labelIndex, _label_Action, _label_cost, _label_probability
 *         which action the cost is about (from 0, from 1), and its propensity
 *   pdrop, EventId, Timestamp, _skipLearn
 *
 * Features: a number under its name, `true` as 1, a string as a text, nothing
 * for 0, false and null; an object is a namespace of its name; an array has its
 * numbers by their position and its objects in a namespace of its name; the
 * words of `_text` are features. Other names that begin with _ are left out.
 * Decisions over several slots, slates and ranges of numbers are refused by
 * line; a line without actions is passed over.
 *
 * vw-json: the object is the context itself, as under `c`, with the label in
 * it. */
#include "base/json.h"
#include "base/text.h"
#include "formats/format.h"

#include <math.h>
#include <strings.h>

struct dsjson {
    struct arena *arena;
    struct err *err;
    struct json json;
    bool failed; /* err says why */

    struct features_list shared;
    struct features_list *actions; /* [ACTIONS_MAX] */
    struct bytes *tags; /* [ACTIONS_MAX]; empty: none */
    uint32_t action_count;
    bool has_actions;

    uint32_t ranked[ACTIONS_MAX];
    uint32_t ranked_count;
    double probability[ACTIONS_MAX];
    uint32_t probability_count;

    double label_index, label_action, label_cost, label_probability; /* NAN =
                                                                        none */
    double pdrop;
    bool skip;
    struct bytes id, timestamp;
};

static bool key_is(struct bytes key, const char *text)
{
    size_t size = strlen(text);

    return key.size == size && memcmp(key.data, text, size) == 0;
}

static bool key_like(struct bytes key, const char *text)
{
    size_t size = strlen(text);

    return key.size == size &&
            strncasecmp((const char *)key.data, text, size) == 0;
}

static bool key_begins(struct bytes key, const char *text)
{
    size_t size = strlen(text);

    return key.size >= size && memcmp(key.data, text, size) == 0;
}

static void refuse(struct dsjson *ds, enum status status, const char *what)
{
    if (!ds->failed)
        (void)err_set(ds->err, status, "%s", what);
    ds->failed = true;
    json_fail(&ds->json, what);
}

static void took(struct dsjson *ds, bool done)
{
    if (done)
        return;
    ds->failed = true; /* err is set */
    json_fail(&ds->json, "features");
}

/* ---- numbers ---- */

/* A number; null, and what is none, is NAN. */
static double read_number(struct dsjson *ds)
{
    double value = NAN;

    if (json_peek(&ds->json) == JSON_NUMBER)
        (void)json_number(&ds->json, &value);
    else
        json_skip(&ds->json);
    return value;
}

/* Numbers of an array, or one alone; more than `max` are a fault. */
static uint32_t read_numbers(struct dsjson *ds, double *out, uint32_t max)
{
    uint32_t count = 0;

    if (json_peek(&ds->json) != JSON_ARRAY) {
        *out = read_number(ds);
        return isnan(*out) ? 0u : 1u;
    }
    (void)json_begin_array(&ds->json);
    while (json_element(&ds->json)) {
        if (json_peek(&ds->json) == JSON_NULL) {
            json_word(&ds->json);
            continue;
        }
        if (count == max) {
            refuse(ds, STATUS_INVALID,
                    "more actions than one decision may have");
            return 0;
        }
        out[count++] = read_number(ds);
    }
    return count;
}

static struct bytes read_text(struct dsjson *ds)
{
    struct bytes text = {NULL, 0};

    if (json_peek(&ds->json) == JSON_TEXT)
        (void)json_text(&ds->json, &text);
    else
        json_skip(&ds->json);
    return text;
}

/* ---- labels ---- */

static void set_label(struct dsjson *ds, struct bytes name, double value)
{
    if (key_like(name, "cost"))
        ds->label_cost = value;
    else if (key_like(name, "probability"))
        ds->label_probability = value;
    else if (key_like(name, "action"))
        ds->label_action = value;
}

/* "action:cost:probability" */
static void label_of_text(struct dsjson *ds, struct bytes text)
{
    double *const parts[3] = {
            &ds->label_action, &ds->label_cost, &ds->label_probability};

    for (uint32_t i = 0; i < 3 && text.size > 0; i++) {
        const uint8_t *end = memchr(text.data, ':', text.size);
        size_t size = end == NULL ? text.size : (size_t)(end - text.data);
        if (!decimal_parse(bytes_of(text.data, size), parts[i])) {
            refuse(ds, STATUS_INVALID,
                    "_label: it is not action:cost:probability");
            return;
        }
        text.data += size + (end != NULL);
        text.size -= size + (end != NULL);
    }
}

static void label_object(struct dsjson *ds)
{
    struct bytes key;

    (void)json_begin_object(&ds->json);
    while (json_member(&ds->json, &key))
        set_label(ds, key, read_number(ds));
}

/* A member that begins with _label. */
static void read_label(struct dsjson *ds, struct bytes key)
{
    if (key_begins(key, "_label_ca")) {
        refuse(ds, STATUS_UNSUPPORTED, "actions of a continuous range");
    } else if (key_like(key, "_labelindex")) {
        ds->label_index = read_number(ds);
    } else if (json_peek(&ds->json) == JSON_OBJECT) {
        label_object(ds);
    } else if (key.size > 7 && key.data[6] == '_') {
        set_label(ds, bytes_of(key.data + 7, key.size - 7), read_number(ds));
    } else if (key.size == 6 && json_peek(&ds->json) == JSON_TEXT) {
        label_of_text(ds, read_text(ds));
    } else if (key.size == 6) {
        refuse(ds, STATUS_UNSUPPORTED,
                "_label: a number alone labels no action");
    } else {
        refuse(ds, STATUS_INVALID, "a label of an unknown name");
    }
}

/* ---- features ---- */

static void read_features(
        struct dsjson *ds, struct features_list *list, struct bytes space);

static void read_words(
        struct dsjson *ds, struct features_list *list, struct bytes space)
{
    struct bytes text = read_text(ds);
    size_t start = 0;

    for (size_t i = 0; i <= text.size && !ds->failed; i++) {
        if (i < text.size && text.data[i] != ' ' && text.data[i] != '\t')
            continue;
        if (i > start)
            took(ds,
                    features_add(list, space,
                            bytes_of(text.data + start, i - start), 1.0,
                            ds->arena, ds->err));
        start = i + 1;
    }
}

static void read_element(struct dsjson *ds, struct features_list *list,
        struct bytes space, uint64_t *position)
{
    struct bytes text;
    double value;

    switch (json_peek(&ds->json)) {
    case JSON_OBJECT:
        read_features(ds, list, space);
        break;
    case JSON_NUMBER:
        if (json_number(&ds->json, &value))
            took(ds,
                    features_add(list, space,
                            name_of_number((*position)++, ds->arena),
                            features_fit(list, value), ds->arena, ds->err));
        break;
    case JSON_TEXT:
        if (json_text(&ds->json, &text))
            took(ds, features_add(list, space, text, 1.0, ds->arena, ds->err));
        break;
    case JSON_TRUE:
        json_word(&ds->json);
        took(ds,
                features_add(list, space,
                        name_of_number((*position)++, ds->arena), 1.0,
                        ds->arena, ds->err));
        break;
    default:
        json_skip(&ds->json);
        break;
    }
}

static void read_array(
        struct dsjson *ds, struct features_list *list, struct bytes space)
{
    uint64_t position = 0;

    (void)json_begin_array(&ds->json);
    while (json_element(&ds->json))
        read_element(ds, list, space, &position);
}

static void read_feature(struct dsjson *ds, struct features_list *list,
        struct bytes space, struct bytes key)
{
    struct bytes text;
    double value;

    switch (json_peek(&ds->json)) {
    case JSON_OBJECT:
        read_features(ds, list, key);
        break;
    case JSON_ARRAY:
        read_array(ds, list, key);
        break;
    case JSON_NUMBER:
        if (json_number(&ds->json, &value))
            took(ds,
                    features_add(list, space, key, features_fit(list, value),
                            ds->arena, ds->err));
        break;
    case JSON_TEXT:
        if (json_text(&ds->json, &text))
            took(ds,
                    features_add_text(
                            list, space, key, text, ds->arena, ds->err));
        break;
    case JSON_TRUE:
        json_word(&ds->json);
        took(ds, features_add(list, space, key, 1.0, ds->arena, ds->err));
        break;
    default:
        json_skip(&ds->json);
        break;
    }
}

static void read_actions(struct dsjson *ds)
{
    static const struct bytes none = {NULL, 0};

    if (ds->has_actions) {
        refuse(ds, STATUS_INVALID, "a second _multi");
        return;
    }
    ds->has_actions = true;
    (void)json_begin_array(&ds->json);
    while (json_element(&ds->json)) {
        struct features_list list = {.count = 0};
        if (ds->action_count == ACTIONS_MAX) {
            refuse(ds, STATUS_INVALID,
                    "more actions than one decision may have");
            return;
        }
        if (json_peek(&ds->json) == JSON_NULL) {
            json_word(&ds->json);
            continue;
        }
        ds->tags[ds->action_count] = none;
        read_features(ds, &list, none);
        ds->actions[ds->action_count++] = list;
    }
}

/* A member whose name begins with _, of the context or an action. */
static void read_special(struct dsjson *ds, struct features_list *list,
        struct bytes space, struct bytes key)
{
    if (key_is(key, "_multi") && list == &ds->shared)
        read_actions(ds);
    else if (key_is(key, "_text"))
        read_words(ds, list, space);
    else if (key_is(key, "_slots") || key_is(key, "_slot_id"))
        refuse(ds, STATUS_UNSUPPORTED, "a decision over several slots");
    else if (key_like(key, "__aid"))
        refuse(ds, STATUS_UNSUPPORTED, "actions by reference (__aid)");
    else if (key_like(key, "_tag") && list != &ds->shared)
        ds->tags[ds->action_count] = read_text(ds);
    else if (key_begins(key, "_label"))
        read_label(ds, key);
    else
        json_skip(&ds->json);
}

/* No deeper than json.h lets anything nest. */
static void read_features(
        struct dsjson *ds, struct features_list *list, struct bytes space)
{
    struct bytes key;

    (void)json_begin_object(&ds->json);
    while (json_member(&ds->json, &key)) {
        if (key.size > 0 && key.data[0] == '_')
            read_special(ds, list, space, key);
        else
            read_feature(ds, list, space, key);
    }
}

/* ---- the decision ---- */

static void read_ranked(struct dsjson *ds)
{
    double places[ACTIONS_MAX];
    uint32_t count = read_numbers(ds, places, ACTIONS_MAX);

    for (uint32_t i = 0; i < count; i++) {
        if (!(places[i] >= 0.0 && places[i] <= 1e9) ||
                places[i] != floor(places[i])) {
            refuse(ds, STATUS_INVALID, "a: it is not a list of actions");
            return;
        }
        ds->ranked[i] = (uint32_t)places[i];
    }
    ds->ranked_count = count;
}

static void read_context(struct dsjson *ds)
{
    read_features(ds, &ds->shared, bytes_of(NULL, 0));
}

static void read_member(struct dsjson *ds, struct bytes key)
{
    if (key_is(key, "a"))
        read_ranked(ds);
    else if (key_is(key, "p") || key_is(key, "_p"))
        ds->probability_count = read_numbers(ds, ds->probability, ACTIONS_MAX);
    else if (key_is(key, "c"))
        read_context(ds);
    else if (key_is(key, "pdf"))
        refuse(ds, STATUS_UNSUPPORTED, "actions of a continuous range");
    else if (key_is(key, "_outcomes"))
        refuse(ds, STATUS_UNSUPPORTED, "a decision over several slots");
    else if (key_is(key, "pdrop"))
        ds->pdrop = read_number(ds);
    else if (key_is(key, "EventId"))
        ds->id = read_text(ds);
    else if (key_is(key, "Timestamp"))
        ds->timestamp = read_text(ds);
    else if (key_is(key, "_skipLearn")) {
        ds->skip = json_peek(&ds->json) == JSON_TRUE;
        json_skip(&ds->json);
    } else if (key_begins(key, "_label"))
        read_label(ds, key);
    else
        json_skip(&ds->json);
}

/* The whole of a line of dsjson; read_context is that of vw-json. */
static void read_decision(struct dsjson *ds)
{
    struct bytes key;

    (void)json_begin_object(&ds->json);
    while (json_member(&ds->json, &key))
        read_member(ds, key);
}

static bool read_line(
        struct dsjson *ds, struct bytes line, void (*read)(struct dsjson *ds))
{
    ds->json = json_of(line, ds->arena);
    read(ds);
    if (!ds->failed && !json_done(&ds->json)) {
        (void)err_set(ds->err, STATUS_INVALID, "byte %zu: %s",
                json_at(&ds->json), ds->json.what);
        ds->failed = true;
    }
    return !ds->failed;
}

/* ---- what it means ---- */

/* Which action was taken: what the label says, else the first one ranked. */
static bool find_chosen(struct dsjson *ds, struct logged *event)
{
    double place = !isnan(ds->label_index) ? ds->label_index
            : !isnan(ds->label_action)     ? ds->label_action - 1.0
                                           : (double)ds->ranked[0] - 1.0;

    if (!(place >= 0.0 && place < ds->action_count) || place != floor(place)) {
        (void)err_set(ds->err, STATUS_INVALID,
                "the action taken, %g from 0, is none of the %u", place,
                ds->action_count);
        return false;
    }
    event->chosen = (uint32_t)place;
    return true;
}

/* The list of probabilities by place; NULL where it is none of all actions. */
static double *by_place(const struct dsjson *ds, struct arena *arena)
{
    uint32_t count = ds->action_count;
    double *vector;
    double sum = 0.0;

    if (ds->probability_count != count || ds->ranked_count != count)
        return NULL;
    vector = arena_array(arena, double, count);
    for (uint32_t i = 0; vector != NULL && i < count; i++)
        vector[i] = -1.0;
    for (uint32_t i = 0; vector != NULL && i < count; i++) {
        uint32_t place = ds->ranked[i] - 1;
        if (place >= count || vector[place] >= 0.0 ||
                !(ds->probability[i] >= 0.0 && ds->probability[i] <= 1.0))
            return NULL;
        vector[place] = ds->probability[i];
        sum += ds->probability[i];
    }
    return fabs(sum - 1.0) <= 1e-4 ? vector : NULL;
}

/* The vector with the chosen action's propensity as it is; what rounding left
 * over or took goes to the largest of the others. NULL where that cannot be. */
static double *settle_sum(
        double *vector, uint32_t count, uint32_t chosen, double propensity)
{
    uint32_t most = chosen == 0 ? 1 : 0;
    double others = 0.0;

    if (fabs(vector[chosen] - propensity) > 1e-5 || count < 2)
        return NULL;
    vector[chosen] = propensity;
    for (uint32_t i = 0; i < count; i++)
        if (i != chosen && vector[i] > vector[most])
            most = i;
    for (uint32_t i = 0; i < count; i++)
        if (i != most)
            others += vector[i];
    vector[most] = 1.0 - others;
    return vector[most] >= 0.0 ? vector : NULL;
}

/* NAN: the line does not say. */
static double propensity_of(
        const struct dsjson *ds, const double *vector, uint32_t chosen)
{
    /* A label of the probability 0 is none. */
    if (ds->label_probability > 0.0)
        return ds->label_probability;
    if (vector != NULL)
        return vector[chosen];
    if (ds->probability_count > 0 && ds->ranked_count > 0 &&
            ds->ranked[0] == chosen + 1)
        return ds->probability[0];
    return (double)NAN;
}

static bool take_propensity(struct dsjson *ds, double propensity,
        double *vector, struct logged *event)
{
    if (!propensity_take(propensity, &event->propensity, ds->err))
        return false;
    if (vector != NULL)
        event->probability = settle_sum(
                vector, ds->action_count, event->chosen, event->propensity);
    return true;
}

/* Tags are the actions' ids where each has one and no two are the same. */
static void take_tags(
        const struct dsjson *ds, struct arena *arena, struct question *question)
{
    struct bytes *ids = arena_array(arena, struct bytes, ds->action_count);

    for (uint32_t i = 0; i < ds->action_count; i++) {
        if (ids == NULL || ds->tags[i].size == 0)
            return;
        ids[i] = name_of_text(ds->tags[i], arena);
        if (ids[i].data == NULL)
            return;
        for (uint32_t j = 0; j < i; j++)
            if (bytes_equal(ids[i], ids[j]))
                return;
    }
    question->action = ids;
}

static bool take_pdrop(struct dsjson *ds, struct logged *event)
{
    event->pdrop = isnan(ds->pdrop) ? 0.0 : ds->pdrop;
    if (event->pdrop >= 0.0 && event->pdrop <= PDROP_MAX)
        return true;
    (void)err_set(ds->err, STATUS_INVALID,
            "pdrop, %g, is not at least 0 and below 1", event->pdrop);
    return false;
}

static bool take_label(struct dsjson *ds, struct logged *event)
{
    event->is_cost = true;
    event->has_value = !isnan(ds->label_cost);
    return !event->has_value ||
            value_take(ds->label_cost, &event->value, ds->err);
}

static void take_rest(
        const struct dsjson *ds, struct arena *arena, struct logged *event)
{
    take_tags(ds, arena, &event->question);
    event->question.deferred = ds->skip;
    if (ds->id.size > 0)
        event->id = name_of_text(ds->id, arena);
    event->cut = ds->shared.cut;
    for (uint32_t i = 0; i < ds->action_count; i++)
        event->cut += ds->actions[i].cut;
    event->has_time =
            ds->timestamp.size > 0 && time_read(ds->timestamp, &event->time);
}

static enum parsed make_event(
        struct dsjson *ds, struct arena *arena, struct logged *event)
{
    double *vector, propensity;

    if (!find_chosen(ds, event))
        return PARSED_REFUSED;
    vector = by_place(ds, arena);
    propensity = propensity_of(ds, vector, event->chosen);
    if (isnan(propensity))
        return PARSED_UNLABELLED;
    if (!take_propensity(ds, propensity, vector, event) ||
            !take_pdrop(ds, event) || !take_label(ds, event))
        return PARSED_REFUSED;
    take_rest(ds, arena, event);
    return arena->overflow ? parsed_refused(ds->err, "the event is too large")
                           : PARSED_EVENT;
}

static enum parsed make_question(
        struct dsjson *ds, struct arena *arena, struct logged *event)
{
    if (ds->action_count == 0)
        return parsed_refused(ds->err, "no actions (_multi)");
    event->question.named = ds->shared.items;
    event->question.named_count = ds->shared.count;
    return actions_list(&event->question, ds->actions, ds->action_count, arena,
                   ds->err)
            ? PARSED_EVENT
            : PARSED_REFUSED;
}

/* ---- the table ---- */

static void dsjson_reset(
        struct dsjson *ds, struct arena *arena, struct err *err)
{
    ds->arena = arena;
    ds->err = err;
    ds->failed = false;
    memset(&ds->shared, 0, sizeof(ds->shared));
    ds->actions = arena_array(arena, struct features_list, ACTIONS_MAX);
    ds->tags = arena_array(arena, struct bytes, ACTIONS_MAX);
    ds->action_count = ds->ranked_count = ds->probability_count = 0;
    ds->has_actions = ds->skip = false;
    ds->label_index = ds->label_action = ds->label_cost =
            ds->label_probability = ds->pdrop = NAN;
    ds->id = ds->timestamp = bytes_of(NULL, 0);
}

static int dsjson_open(
        void *self, const struct format_settings *settings, struct err *err)
{
    (void)self;
    (void)settings;
    (void)err;
    return 0;
}

/* Anything but EVENT: what is to be said of the line. */
static enum parsed take_line(struct dsjson *ds, struct bytes line,
        uint64_t number, struct arena *arena, struct logged *event,
        struct err *err, void (*read)(struct dsjson *ds))
{
    line = text_trim(line);
    if (line.size == 0)
        return PARSED_MORE;
    memset(event, 0, sizeof(*event));
    event->line = number;
    if (line.data[0] != '{') {
        (void)err_set(err, STATUS_OK, "is not a JSON object");
        return PARSED_PASSED;
    }
    dsjson_reset(ds, arena, err);
    if (ds->actions == NULL || ds->tags == NULL)
        return parsed_refused(err, "no room for an event");
    return read_line(ds, line, read) ? PARSED_EVENT : PARSED_REFUSED;
}

static enum parsed dsjson_line(void *self, struct bytes line, uint64_t number,
        struct arena *arena, struct logged *event, struct err *err)
{
    struct dsjson *ds = self;
    enum parsed parsed =
            take_line(ds, line, number, arena, event, err, read_decision);

    if (parsed != PARSED_EVENT)
        return parsed;
    if (ds->ranked_count == 0) {
        (void)err_set(err, STATUS_OK, "names no actions (a)");
        return PARSED_PASSED;
    }
    parsed = make_question(ds, arena, event);
    return parsed == PARSED_EVENT ? make_event(ds, arena, event) : parsed;
}

static enum parsed vw_json_line(void *self, struct bytes line, uint64_t number,
        struct arena *arena, struct logged *event, struct err *err)
{
    struct dsjson *ds = self;
    enum parsed parsed =
            take_line(ds, line, number, arena, event, err, read_context);

    if (parsed == PARSED_EVENT)
        parsed = make_question(ds, arena, event);
    if (parsed != PARSED_EVENT)
        return parsed;
    if (isnan(ds->label_index) && isnan(ds->label_action))
        return PARSED_UNLABELLED;
    return make_event(ds, arena, event);
}

static enum parsed dsjson_end(
        void *self, struct arena *arena, struct logged *event, struct err *err)
{
    (void)self;
    (void)arena;
    (void)event;
    (void)err;
    return PARSED_MORE;
}

const struct format format_dsjson = {
        .name = "dsjson",
        .sentence = "decisions as JSON, as Vowpal Wabbit and its services "
                    "write them",
        .catalogue = CATALOGUE_NONE,
        .size = sizeof(struct dsjson),
        .open = dsjson_open,
        .line = dsjson_line,
        .end = dsjson_end,
};

const struct format format_vw_json = {
        .name = "vw-json",
        .sentence = "Vowpal Wabbit's plain JSON (--json): the context, its "
                    "actions and label",
        .catalogue = CATALOGUE_NONE,
        .size = sizeof(struct dsjson),
        .open = dsjson_open,
        .line = vw_json_line,
        .end = dsjson_end,
};
