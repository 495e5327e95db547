/* Formats of logs from elsewhere: each turns lines into events, one after
 * another, with memory for one event. An event is a decision as it was made
 * and, where that is known, what came of it.
 *
 * What a format is is a table of functions: line() for each line, end() after
 * the last. Both say what they made of it. */
#ifndef FORMATS_FORMAT_H
#define FORMATS_FORMAT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "proto/message.h"

/* An event as a log from elsewhere tells it. Views into the arena or the line
 * that were passed; names are such as a record may hold. */
struct logged {
    uint64_t line; /* where it began; of a refusal, where the fault is */
    struct bytes id; /* empty: the log gives it none */
    bool has_time;
    nanos time;
    /* Its actions are listed (`action_count` > 0, and places are those of the
     * list), or they are those of a catalogue, by id, as below. */
    struct question question;
    struct bytes action; /* id of the chosen one; empty: chosen is its place */
    uint32_t chosen;
    const struct bytes *available; /* ids, [available_count]; 0 = all */
    uint32_t available_count;
    uint32_t known; /* size of the catalogue, where the log says; else 0 */
    const struct bytes *columns; /* names of question.shared's columns */
    double propensity; /* of the chosen action, (0,1] */
    const double *probability; /* [action_count] by place, sums to 1; NULL: that
                                  of the chosen action is all that is known */
    bool has_value; /* otherwise nothing is known of what came of it */
    double value;
    bool is_cost; /* the value; otherwise it is a reward */
    double pdrop; /* such events were left out with this probability */
    uint32_t cut; /* values of features that features_fit changed */
    bool capped; /* the propensity: it was above 1 */
};

enum parsed {
    PARSED_MORE, /* nothing yet */
    PARSED_EVENT,
    PARSED_UNLABELLED, /* an event that does not say which action was taken, or
                          how likely it was */
    PARSED_PASSED, /* no event, as the format has it; err says what */
    PARSED_REFUSED, /* err says why */
};

struct format_settings {
    const char *map; /* csv: FIELD=COLUMN,... or NULL */
    const char *items; /* obd: file of the items' features, or NULL */
};

struct format {
    const char *name;
    const char *sentence;
    /* Actions are those of a catalogue: ids made of all numbers from this one
     * to the largest seen, or, with -1, of the texts seen; -2: each event lists
     * its own. */
    int catalogue;
    size_t size; /* of the state, which is cleared before open */
    int (*open)(void *self, const struct format_settings *settings,
            struct err *err) MUST_USE;
    void (*close)(void *self); /* may be NULL */
    /* A line without its end. The arena keeps what it holds until something
     * other than MORE is returned, and is then the caller's again after it has
     * read the event. */
    enum parsed (*line)(void *self, struct bytes line, uint64_t number,
            struct arena *arena, struct logged *event, struct err *err);
    enum parsed (*end)(void *self, struct arena *arena, struct logged *event,
            struct err *err);
};

#define CATALOGUE_TEXTS (-1)
#define CATALOGUE_NONE  (-2)

/* What one event needs at most beside the bytes of its lines. */
#define EVENT_ARENA_BYTES ((size_t)64 << 20)

extern const struct format format_vw;
extern const struct format format_vw_cb;
extern const struct format format_dsjson;
extern const struct format format_vw_json;
extern const struct format format_obd;
extern const struct format format_csv;

extern const struct format *const formats[];
extern const size_t format_count;
const struct format *format_find(const char *name);

/* ---- for the formats ---- */

/* A list of named features that grows in an arena. */
struct features_list {
    struct named *items;
    uint32_t count, room;
    uint32_t cut; /* values that features_fit changed */
    struct bytes said, space; /* the last namespace, and the name made of it */
};

/* False: more than NAMED_MAX, or no room; err says which. Values of 0 are left
 * out, as if they were not there. The names are made ones that a record may
 * hold (name_of_text). */
bool features_add(struct features_list *list, struct bytes space,
        struct bytes name, double value, struct arena *arena, struct err *err);
bool features_add_text(struct features_list *list, struct bytes space,
        struct bytes name, struct bytes text, struct arena *arena,
        struct err *err);

/* A value as a record may hold it: what is larger is cut to VALUE_MAX, what is
 * no number is 0, and it is counted. For formats whose own tools take any
 * number. */
double features_fit(struct features_list *list, double value);

/* A cost or reward that a record may hold. False, with err, if it is none. */
bool value_take(double value, double *out, struct err *err);

/* The probability of a chosen action as logs give it: up to a rounding above
 * 1 it is 1. False, with err, if it is none. */
bool propensity_take(double value, double *out, struct err *err);

/* Makes the question's list of actions, "0", "1", ..., with their features.
 * False: no room. */
bool actions_list(struct question *question, const struct features_list *lists,
        uint32_t count, struct arena *arena, struct err *err);

enum parsed parsed_refused(struct err *err, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

#endif
