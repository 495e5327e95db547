/* Vowpal Wabbit's text: `vw` has an event as a block of lines, one of each
 * action, after an optional line of features that all share, ended by an empty
 * line; `vw-cb` an event as a line.
 *
 * A line: [label] [tag]|space[:weight] feature[:value] ... |space ...
 * The rules are those of that tool's text parser: features of the value 0 are
 * not there; a value that is no number is a text (here also where it begins
 * with one: 2024-01-31); a feature without a name has its number in its
 * namespace for a name; what stands before a tab is left out; the last word
 * before the bar is a tag if no blank follows it or it begins with '. A label
 * is action:cost:probability; it counts where it has all three and the
 * probability is above 0; one above 1 is 1. What else that tool warns of and
 * goes on is refused here, and so, as unsupported, are its labels of other
 * kinds (ccb, slates, ca, graphs of feedback). */
#include "base/text.h"
#include "formats/format.h"

#include <math.h>

#define LABELS_MAX ACTIONS_MAX

/* One word of a label. */
struct label {
    struct bytes action;
    double cost, probability;
    bool has_cost, has_probability;
};

struct vw_line {
    const struct label *labels; /* [label_count] */
    uint32_t label_count;
    struct features_list features;
};

/* Is it a label that says what an action cost and how likely it was? */
static bool is_outcome(const struct label *label)
{
    return label->has_cost && label->has_probability &&
            label->probability > 0.0;
}

static bool take_outcome(
        const struct label *label, struct logged *event, struct err *err)
{
    event->has_value = true;
    event->is_cost = true;
    event->capped = label->probability > 1.0;
    return value_take(label->cost, &event->value, err) &&
            propensity_take(
                    fmin(label->probability, 1.0), &event->propensity, err);
}

static bool is_header(const struct vw_line *line)
{
    return line->label_count == 1 && !line->labels[0].has_cost &&
            bytes_equal(line->labels[0].action, bytes_of_text("shared"));
}

/* ---- labels ---- */

/* Up to the next mark, which is passed too. Empty parts are none. */
static bool next_part(struct bytes *rest, uint8_t mark, struct bytes *part)
{
    while (rest->size > 0) {
        const uint8_t *end = memchr(rest->data, mark, rest->size);
        size_t size = end == NULL ? rest->size : (size_t)(end - rest->data);
        *part = bytes_of(rest->data, size);
        rest->data += size + (end != NULL);
        rest->size -= size + (end != NULL);
        if (size > 0)
            return true;
    }
    return false;
}

static bool parse_label(struct bytes word, struct label *label, struct err *err)
{
    struct bytes part;
    char text[64];

    memset(label, 0, sizeof(*label));
    if (!next_part(&word, ':', &label->action)) {
        (void)err_set(err, STATUS_INVALID, "a label of colons alone");
        return false;
    }
    label->has_cost = next_part(&word, ':', &part);
    if (label->has_cost && !decimal_parse(part, &label->cost)) {
        (void)err_set(err, STATUS_INVALID, "the cost '%s' is not a number",
                bytes_text(part, text, sizeof(text)));
        return false;
    }
    label->has_probability = label->has_cost && next_part(&word, ':', &part);
    if (label->has_probability && !decimal_parse(part, &label->probability)) {
        (void)err_set(err, STATUS_INVALID,
                "the probability '%s' is not a number",
                bytes_text(part, text, sizeof(text)));
        return false;
    }
    if (label->has_probability && next_part(&word, ':', &part)) {
        (void)err_set(
                err, STATUS_INVALID, "a label is action:cost:probability");
        return false;
    }
    return true;
}

/* The words before the bar, without the tag. */
static uint32_t split_words(struct bytes text, struct bytes *words)
{
    const uint8_t *end = text.data + text.size;
    struct bytes word;
    uint32_t count = 0;

    while (next_part(&text, ' ', &word)) {
        if (count == LABELS_MAX + 1)
            return count;
        words[count++] = word;
    }
    if (count > 0) {
        struct bytes last = words[count - 1];
        if (last.data + last.size == end || last.data[0] == '\'')
            count--;
    }
    return count;
}

/* What else that tool's text may be: labels that begin with a word, or two, of
 * their own. True, with err, if it is. */
static bool is_other_kind(
        const struct bytes *words, uint32_t count, struct err *err)
{
    static const struct {
        const char *word, *next, *what; /* next NULL: any */
    } kinds[] = {{"ccb", NULL, "a decision over several slots (ccb)"},
            {"slates", NULL, "a decision over several slots (slates)"},
            {"ca", NULL, "actions of a continuous range (ca)"},
            {"shared", "graph", "a graph of feedback"}};

    for (size_t i = 0; count > 1 && i < ARRAY_COUNT(kinds); i++)
        if (bytes_equal(words[0], bytes_of_text(kinds[i].word)) &&
                (kinds[i].next == NULL ||
                        bytes_equal(words[1], bytes_of_text(kinds[i].next)))) {
            (void)err_set(err, STATUS_UNSUPPORTED, "%s", kinds[i].what);
            return true;
        }
    return false;
}

static bool parse_labels(struct bytes text, struct arena *arena,
        struct vw_line *line, struct err *err)
{
    struct bytes words[LABELS_MAX + 1];
    const uint8_t *tab =
            text.size == 0 ? NULL : memchr(text.data, '\t', text.size);
    struct label *labels;
    uint32_t count;

    if (tab != NULL)
        text = bytes_of(tab + 1, (size_t)(text.data + text.size - tab) - 1);
    count = split_words(text, words);
    if (count > LABELS_MAX) {
        (void)err_set(err, STATUS_INVALID, "more than %u labels", LABELS_MAX);
        return false;
    }
    if (is_other_kind(words, count, err))
        return false;
    labels = arena_array(arena, struct label, count);
    if (labels == NULL) {
        (void)err_set(err, STATUS_INVALID, "the event is too large");
        return false;
    }
    for (uint32_t i = 0; i < count; i++)
        if (!parse_label(words[i], &labels[i], err))
            return false;
    line->labels = labels;
    line->label_count = count;
    return true;
}

/* ---- features ---- */

/* What is left of the line. */
struct cursor {
    const uint8_t *at, *end;
};

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

static bool ends_name(uint8_t byte)
{
    return is_blank(byte) || byte == '|' || byte == '\r';
}

static bool at_end(const struct cursor *cursor)
{
    return cursor->at == cursor->end || ends_name(*cursor->at);
}

static struct bytes read_name(struct cursor *cursor)
{
    const uint8_t *start = cursor->at;

    while (!at_end(cursor) && *cursor->at != ':')
        cursor->at++;
    return bytes_of(start, (size_t)(cursor->at - start));
}

/* A number behind a colon; blanks (no tabs) may stand before it. */
static bool read_number(struct cursor *cursor, double *value)
{
    const uint8_t *at = cursor->at;
    size_t size;

    while (at < cursor->end && *at == ' ')
        at++;
    size = decimal_read(bytes_of(at, (size_t)(cursor->end - at)), value);
    if (size == 0)
        return false;
    cursor->at = at + size;
    return true;
}

/* A text behind a colon: up to the next blank, wherever it begins. */
static struct bytes read_text(struct cursor *cursor)
{
    const uint8_t *start;

    while (cursor->at < cursor->end &&
            (is_blank(*cursor->at) || *cursor->at == '\r'))
        cursor->at++;
    start = cursor->at;
    while (cursor->at < cursor->end && !is_blank(*cursor->at) &&
            *cursor->at != '\r')
        cursor->at++;
    return bytes_of(start, (size_t)(cursor->at - start));
}

struct space {
    struct bytes name; /* empty: the default one */
    double weight;
    uint64_t nameless; /* features without a name so far */
};

static bool parse_feature(struct cursor *cursor, struct space *space,
        struct features_list *list, struct arena *arena, struct err *err)
{
    struct bytes name = read_name(cursor), text = {NULL, 0};
    double value = space->weight;

    if (cursor->at < cursor->end && *cursor->at == ':') {
        const uint8_t *start = ++cursor->at;
        if (read_number(cursor, &value) && at_end(cursor)) {
            value *= space->weight;
        } else {
            cursor->at = start;
            text = read_text(cursor);
            value = 1.0;
        }
    }
    if (text.size > 0)
        return features_add_text(list, space->name,
                name.size > 0 ? name : bytes_of_text("_"), text, arena, err);
    if (name.size == 0)
        name = name_of_number(space->nameless++, arena);
    return features_add(
            list, space->name, name, features_fit(list, value), arena, err);
}

static bool parse_space(struct cursor *cursor, struct features_list *list,
        struct arena *arena, struct err *err)
{
    struct space space = {.weight = 1.0};

    if (!at_end(cursor)) {
        space.name = read_name(cursor);
        if (space.name.size == 0) {
            (void)err_set(err, STATUS_INVALID, "a namespace without a name");
            return false;
        }
        if (!at_end(cursor)) {
            cursor->at++;
            /* As that tool reads it: blanks may stand before the number, and
             * without one it is 0. */
            if (!read_number(cursor, &space.weight))
                space.weight = 0.0;
            if (!isfinite(space.weight) || !at_end(cursor)) {
                (void)err_set(err, STATUS_INVALID,
                        "the weight of a namespace is not a number");
                return false;
            }
        }
    }
    while (cursor->at < cursor->end && *cursor->at != '|') {
        /* Blanks, and a return that is not the line's end. */
        if (ends_name(*cursor->at)) {
            cursor->at++;
            continue;
        }
        if (!parse_feature(cursor, &space, list, arena, err))
            return false;
    }
    return true;
}

static bool parse_line(struct bytes text, struct arena *arena,
        struct vw_line *line, struct err *err)
{
    const uint8_t *bar =
            text.size == 0 ? NULL : memchr(text.data, '|', text.size);
    struct cursor cursor = {bar, text.data + text.size};

    memset(line, 0, sizeof(*line));
    if (bar != text.data &&
            !parse_labels(bytes_of(text.data,
                                  bar == NULL ? text.size
                                              : (size_t)(bar - text.data)),
                    arena, line, err))
        return false;
    while (bar != NULL && cursor.at < cursor.end) {
        cursor.at++; /* the bar */
        if (!parse_space(&cursor, &line->features, arena, err))
            return false;
    }
    return true;
}

static bool is_empty(struct bytes line)
{
    return text_trim(line).size == 0;
}

/* ---- vw: a line of each action ---- */

struct vw {
    struct features_list *actions; /* [ACTIONS_MAX], in the event's arena */
    uint32_t count;
    bool open; /* an event has begun */
    bool shared; /* its first line is shared */
    struct features_list shared_features;
    uint64_t line; /* where it began */
    uint32_t labelled; /* lines with an outcome */
    uint32_t chosen;
    struct label outcome;
    bool refused;
    uint64_t fault; /* the line of the fault */
    struct err err;
};

static int vw_open(
        void *self, const struct format_settings *settings, struct err *err)
{
    (void)self;
    (void)settings;
    (void)err;
    return 0;
}

static void vw_refuse(struct vw *vw, uint64_t number, const char *why)
{
    if (vw->refused)
        return;
    vw->refused = true;
    vw->fault = number;
    if (why != NULL)
        (void)err_set(&vw->err, STATUS_INVALID, "%s", why);
}

static void vw_begin(struct vw *vw, uint64_t number, struct arena *arena)
{
    memset(vw, 0, sizeof(*vw));
    vw->open = true;
    vw->line = number;
    vw->actions = arena_array(arena, struct features_list, ACTIONS_MAX);
    if (vw->actions == NULL)
        vw_refuse(vw, number, "no room for an event");
}

static void vw_action(
        struct vw *vw, const struct vw_line *line, uint64_t number)
{
    if (vw->count == ACTIONS_MAX) {
        vw_refuse(vw, number, "more actions than one decision may have");
        return;
    }
    for (uint32_t i = 0; i < line->label_count; i++) {
        if (!is_outcome(&line->labels[i]))
            continue;
        vw->labelled++;
        vw->chosen = vw->count;
        vw->outcome = line->labels[i];
    }
    if (line->label_count > 1)
        vw_refuse(vw, number, "more than one label of an action");
    else if (vw->labelled > 1)
        vw_refuse(vw, number,
                "a second outcome in one event: an empty line ends an event "
                "(format vw-cb has an event in each line)");
    vw->actions[vw->count++] = line->features;
}

static void vw_add(
        struct vw *vw, struct bytes text, uint64_t number, struct arena *arena)
{
    struct vw_line line;
    uint8_t *copy = arena_copy(arena, text.data, text.size);

    if (copy == NULL) {
        vw_refuse(vw, number, "the event is too large");
        return;
    }
    if (!parse_line(bytes_of(copy, text.size), arena, &line, &vw->err)) {
        vw_refuse(vw, number, NULL);
        return;
    }
    if (!is_header(&line)) {
        vw_action(vw, &line, number);
    } else if (vw->shared || vw->count > 0) {
        vw_refuse(
                vw, number, "a shared line that is not the first of its event");
    } else {
        vw->shared = true;
        vw->shared_features = line.features;
    }
}

static enum parsed vw_finish(struct vw *vw, struct arena *arena,
        struct logged *event, struct err *err)
{
    memset(event, 0, sizeof(*event));
    event->line = vw->line;
    vw->open = false;
    if (vw->refused) {
        event->line = vw->fault;
        (void)err_set(err, vw->err.status, "%s", vw->err.text);
        return PARSED_REFUSED;
    }
    if (vw->count == 0) {
        (void)err_set(err, STATUS_OK, "a shared line without actions");
        return PARSED_PASSED;
    }
    event->question.named = vw->shared_features.items;
    event->question.named_count = vw->shared_features.count;
    if (!actions_list(&event->question, vw->actions, vw->count, arena, err))
        return PARSED_REFUSED;
    if (vw->labelled == 0)
        return PARSED_UNLABELLED;
    event->chosen = vw->chosen;
    if (!take_outcome(&vw->outcome, event, err))
        return PARSED_REFUSED;
    event->cut = vw->shared_features.cut;
    for (uint32_t i = 0; i < vw->count; i++)
        event->cut += vw->actions[i].cut;
    return PARSED_EVENT;
}

static enum parsed vw_take(void *self, struct bytes line, uint64_t number,
        struct arena *arena, struct logged *event, struct err *err)
{
    struct vw *vw = self;

    if (is_empty(line))
        return vw->open ? vw_finish(vw, arena, event, err) : PARSED_MORE;
    if (!vw->open)
        vw_begin(vw, number, arena);
    if (!vw->refused)
        vw_add(vw, line, number, arena);
    return PARSED_MORE;
}

static enum parsed vw_end(
        void *self, struct arena *arena, struct logged *event, struct err *err)
{
    struct vw *vw = self;

    return vw->open ? vw_finish(vw, arena, event, err) : PARSED_MORE;
}

const struct format format_vw = {
        .name = "vw",
        .sentence = "Vowpal Wabbit's text with a line of each action (ADF)",
        .catalogue = CATALOGUE_NONE,
        .size = sizeof(struct vw),
        .open = vw_open,
        .line = vw_take,
        .end = vw_end,
};

/* ---- vw-cb: a line of each event ---- */

/* Labels without a cost list the actions that there were; one alone, with its
 * cost, is of all. */
static bool cb_labels(const struct vw_line *line, struct arena *arena,
        struct logged *event, bool *labelled, struct err *err)
{
    struct bytes *ids = arena_array(arena, struct bytes, line->label_count);

    *labelled = false;
    if (ids == NULL) {
        (void)err_set(err, STATUS_INVALID, "the event is too large");
        return false;
    }
    for (uint32_t i = 0; i < line->label_count; i++) {
        const struct label *label = &line->labels[i];
        ids[i] = name_of_text(label->action, arena);
        if (!is_outcome(label))
            continue;
        /* Of several the first counts, as that tool has it. */
        if (*labelled)
            continue;
        *labelled = true;
        event->action = ids[i];
        if (!take_outcome(label, event, err))
            return false;
    }
    event->available = ids;
    event->available_count = line->label_count > 1 ? line->label_count : 0;
    return true;
}

static enum parsed cb_take(void *self, struct bytes text, uint64_t number,
        struct arena *arena, struct logged *event, struct err *err)
{
    struct vw_line line;
    uint8_t *copy;
    bool labelled;

    (void)self;
    if (is_empty(text))
        return PARSED_MORE;
    memset(event, 0, sizeof(*event));
    event->line = number;
    copy = arena_copy(arena, text.data, text.size);
    if (copy == NULL)
        return parsed_refused(err, "the event is too large");
    if (!parse_line(bytes_of(copy, text.size), arena, &line, err) ||
            !cb_labels(&line, arena, event, &labelled, err))
        return PARSED_REFUSED;
    if (is_header(&line))
        return parsed_refused(err,
                "a shared line: format vw has an event as a block of lines");
    event->question.named = line.features.items;
    event->question.named_count = line.features.count;
    event->cut = line.features.cut;
    return labelled ? PARSED_EVENT : PARSED_UNLABELLED;
}

static enum parsed cb_end(
        void *self, struct arena *arena, struct logged *event, struct err *err)
{
    (void)self;
    (void)arena;
    (void)event;
    (void)err;
    return PARSED_MORE;
}

const struct format format_vw_cb = {
        .name = "vw-cb",
        .sentence = "Vowpal Wabbit's text with a line of each event, actions "
                    "by number",
        .catalogue = 1,
        .size = 1,
        .open = vw_open,
        .line = cb_take,
        .end = cb_end,
};
